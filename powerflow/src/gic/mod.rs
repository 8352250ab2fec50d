//! Geomagnetically induced currents: what an electric field along the ground drives through lines, windings and earth, and what
//! it does to transformers.
//!
//! A storm's field changes over minutes, so a grid sees it as direct current. One path: a [`GicNetwork`] (resistances and
//! places), [`GicSolver::new`] (one factor), [`GicSolver::uniform`] or [`GicSolver::driven`] (currents), and for every transformer
//! the current that saturates its core and the reactive power that this takes. Equations and sources: `docs/physics/gic.md`.

mod coupling;
mod field;
mod geometry;
mod magnetotelluric;
mod network;
mod solve;
mod storm;
mod transformer;

pub use coupling::{
    Collapse, LossFlow, LossFlowFailure, ReactiveLoss, collapse_multiplier, reactive_losses,
    solve_with_losses, solve_without_losses,
};
pub use field::GeoelectricField;
pub use geometry::{Lengths, SEGMENT_KM, line_voltage};
pub use magnetotelluric::{Layer, QUEBEC, surface_impedance};
pub use network::{
    GicBus, GicLine, GicNetwork, GicShunt, GicStation, GicTransformer, JUMPER_R_OHM, Winding, Windings,
};
pub use solve::{GicSolution, GicSolver, TransformerCurrents, WindingCurrent};
pub use storm::{
    EARTH_MODELS, EarthModel, POLE_2025, benchmark_peak_v_per_km, geomagnetic_latitude_deg, latitude_factor,
};
pub use transformer::{
    LossVoltage, base_current_a, hot_spot_rise_c, k_mvar_per_a, k_of_core, reactive_loss_mvar, top_oil_rise_c,
};
