//! Slow controls of the grid's own, each a device with timers: tap changers, switched shunts, demand that recovers. What a file does
//! not have is off.

pub mod load_recovery;
pub mod shunt_switching;
pub mod tap_changer;

use std::sync::Arc;

use powerflow::Network;

use crate::grid::device::{Device, Seen};

/// Which slow controls act. `None` leaves a kind out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// On-load tap changers that the file controls.
    pub taps: Option<tap_changer::Settings>,
    /// Switched shunts that the file controls.
    pub shunts: Option<shunt_switching::Settings>,
    /// Demand that depends on the voltage at once and recovers; off by default, since no case file says how its demand does.
    pub load_recovery: Option<load_recovery::Settings>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            taps: Some(tap_changer::Settings::default()),
            shunts: Some(shunt_switching::Settings::default()),
            load_recovery: None,
        }
    }
}

/// The slow controls of a network, ready for any number of grids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Elements {
    /// Transformers with a control in the file.
    pub taps: Option<Arc<tap_changer::Elements>>,
    /// Shunts with a control in the file.
    pub shunts: Option<Arc<shunt_switching::Elements>>,
    /// Demand.
    pub load: Option<Arc<load_recovery::Elements>>,
}

impl Elements {
    /// Those of a network; `base` is its undisturbed state, where that has a solution.
    pub fn new(network: &Network, settings: &Settings, base: Option<&Seen<'_>>) -> Self {
        let taps = settings.taps.filter(|_| !network.controls.taps.is_empty());
        let shunts = settings.shunts.filter(|_| !network.controls.shunts.is_empty());
        Elements {
            taps: taps.map(|settings| Arc::new(tap_changer::Elements::new(network, settings))),
            shunts: shunts.map(|settings| Arc::new(shunt_switching::Elements { settings })),
            load: settings
                .load_recovery
                .map(|settings| Arc::new(load_recovery::Elements::new(network, settings, base))),
        }
    }

    /// The devices of one grid, at rest.
    pub fn devices(&self) -> impl Iterator<Item = Box<dyn Device>> {
        let taps = self.taps.iter().map(|taps| Box::new(taps.changers()) as Box<dyn Device>);
        let shunts = self.shunts.iter().map(|shunts| Box::new(shunts.switches()) as Box<dyn Device>);
        let load = self.load.iter().map(|load| Box::new(load.demand()) as Box<dyn Device>);
        taps.chain(shunts).chain(load)
    }
}

/// How far a magnitude has to go to be inside a band, pu: above zero where it is below; `None` where it is inside.
fn outside(vm_pu: f64, (low_pu, high_pu): (f64, f64)) -> Option<f64> {
    if vm_pu < low_pu {
        Some(low_pu - vm_pu)
    } else if vm_pu > high_pu {
        Some(high_pu - vm_pu)
    } else {
        None
    }
}
