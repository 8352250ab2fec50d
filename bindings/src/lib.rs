//! The Python module `gridgate`: converts, never computes. What Python can do here, the crate `harness` can do.
//!
//! Everything native runs without the interpreter's lock; only a candidate written in Python takes it.

mod candidate;
mod convert;
mod documents;
mod envelope;
mod errors;
mod frequency;
mod network;
mod question;
mod run;
mod solution;
mod sweep;

/// The native half of `gridgate`.
#[pyo3::pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::documents::{census, replay, verify};
    #[pymodule_export]
    use crate::envelope::Envelope;
    #[pymodule_export]
    use crate::frequency::{IslandResponse, simulate_island};
    #[pymodule_export]
    use crate::network::Network;
    #[pymodule_export]
    use crate::question::{explain, hunt};
    #[pymodule_export]
    use crate::run::{Progress, Run, run};
    #[pymodule_export]
    use crate::solution::{Solution, solve};
    #[pymodule_export]
    use crate::sweep::Solutions;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
