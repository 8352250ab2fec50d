//! A grid of five buses made by hand, what it shows, and candidates in temporary directories.
//!
//! Buses 10 to 50 in a ring of five branches; units 1 at bus 10, 2 and 3 at bus 30; demand at buses 20 and 40;
//! a shunt at bus 40; base 100 MVA.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use harness::candidate::{Candidate, Decisions};
use harness::observation::{Axis, Observations, Observed, Tensor};
use powerflow::case::{BusKind, CaseBranch, CaseBus, CaseLoad, CaseShunt, CaseUnit};
use powerflow::units::MvaBase;
use powerflow::{BusId, Case, Network};

/// Asks what a closure says.
#[allow(dead_code, reason = "some tests have candidates of their own")]
pub(crate) struct Scripted<F: FnMut(&Observations) -> Decisions>(pub(crate) F);

impl<F: FnMut(&Observations) -> Decisions> Candidate for Scripted<F> {
    fn reset(&mut self, _seeds: &[u64]) {}
    fn decide_batch(&mut self, seen: &Observations) -> Decisions {
        (self.0)(seen)
    }
}

pub(crate) fn network() -> Arc<Network> {
    Network::build(case()).expect("a sound grid")
}

pub(crate) fn case() -> Case {
    let bus = |id, kind| CaseBus {
        id: BusId(id),
        kind,
        vm_pu: 1.0,
        va_deg: 0.0,
        base_kv: 110.0,
        vm_max_pu: 1.1,
        vm_min_pu: 0.9,
        area: 1,
        name: None,
        location: None,
        line: None,
    };
    let unit = |id| CaseUnit {
        bus: BusId(id),
        p_mw: 20.0,
        q_mvar: 0.0,
        p_min_mw: 0.0,
        p_max_mw: 50.0,
        q_min_mvar: -30.0,
        q_max_mvar: 30.0,
        v_set_pu: 1.0,
        m_base_mva: 100.0,
        ramp_mw_per_min: None,
        in_service: true,
        regulates: true,
        line: None,
    };
    let branch = |from, to| CaseBranch {
        from: BusId(from),
        to: BusId(to),
        r_pu: 0.01,
        x_pu: 0.1,
        from_shunt_pu: (0.0, 0.0),
        to_shunt_pu: (0.0, 0.0),
        rate_a_mva: Some(100.0),
        rate_b_mva: None,
        rate_c_mva: None,
        tap: 1.0,
        shift_deg: 0.0,
        in_service: true,
        transformer: false,
        tap_range: None,
        name: None,
        line: None,
    };
    let load = |id| CaseLoad { bus: BusId(id), p_mw: 25.0, q_mvar: 5.0, in_service: true };
    Case {
        name: "ring".to_owned(),
        base_mva: MvaBase(100.0),
        frequency_hz: 50.0,
        buses: vec![
            bus(10, BusKind::Reference),
            bus(20, BusKind::Pq),
            bus(30, BusKind::Pv),
            bus(40, BusKind::Pq),
            bus(50, BusKind::Pq),
        ],
        loads: vec![load(20), load(40)],
        shunts: vec![CaseShunt {
            bus: BusId(40),
            g_mw: 0.0,
            b_mvar: 10.0,
            in_service: true,
            steps_mvar: vec![5.0, 10.0],
        }],
        branches: vec![branch(10, 20), branch(20, 30), branch(30, 40), branch(40, 50), branch(50, 10)],
        units: vec![unit(10), unit(30), unit(30)],
        ..Case::default()
    }
}

/// How many columns an axis has on [`network`].
pub(crate) fn count(axis: Axis) -> usize {
    match axis {
        Axis::Scalar | Axis::Shunt => 1,
        Axis::Bus | Axis::Branch => 5,
        Axis::Unit => 3,
    }
}

/// Observations whose value is `value(quantity's place in the list, row, column)`.
pub(crate) fn observations(rows: usize, value: impl Fn(usize, usize, usize) -> f64) -> Observations {
    let tensors = Observed::LIST.iter().enumerate().map(|(q, quantity)| {
        let mut tensor = Tensor::zeros(rows, count(quantity.axis()));
        for row in 0..rows {
            for (col, cell) in tensor.row_mut(row).iter_mut().enumerate() {
                *cell = value(q, row, col);
            }
        }
        tensor
    });
    Observations { rows, alive: vec![true; rows], tensors: tensors.collect() }
}

/// Writes a manifest with this text after its head into a directory, and answers its path.
pub(crate) fn manifest(directory: &Path, stateful: bool, rest: &str) -> PathBuf {
    let path = directory.join("candidate.toml");
    let head = "schema = \"gridgate/candidate/1\"\nname = \"trial\"\nversion = \"1\"\ntask = \"volt_var\"\n";
    std::fs::write(&path, format!("{head}stateful = {stateful}\n{rest}")).expect("a writable directory");
    path
}
