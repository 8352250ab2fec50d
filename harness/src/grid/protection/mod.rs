//! Relays and what they protect: settings, and the set of devices that a network has. One kind of relay a file beside this one.
//!
//! Excitation limiters are not among them: the power flow holds a unit at its reactive limit from the first moment on, which is what an
//! over-excitation limiter does after 10 to 20 s at 105 %. So the seconds in which a unit could have given more are left out, which is
//! pessimistic.

pub mod distance;
pub mod frequency;
pub mod hidden_failure;
pub mod overload;
pub mod ride_through;
mod settings;
pub mod thermal;
pub mod undervoltage;

use std::sync::Arc;

use powerflow::{Network, NewtonConfig, Rescue, Solver};
use scenarios::Moment;

use crate::grid::device::{Device, Seen};

pub use settings::{Written, read};

/// Which relays there are, and how they are set. `None` leaves a kind out.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Overload relays.
    pub overload: Option<overload::Settings>,
    /// Conductor temperatures; off by default.
    pub thermal: Option<thermal::Settings>,
    /// Zone-3 distance relays; off by default.
    pub distance: Option<distance::Settings>,
    /// Under-voltage load shedding.
    pub undervoltage: Option<undervoltage::Settings>,
    /// Voltage ride-through of units.
    pub ride_through: Option<ride_through::Settings>,
    /// Frequency, its load shedding and the frequency trips of units.
    pub frequency: Option<frequency::Settings>,
    /// Probability that a relay beside a trip misoperates; the literature has 1e-3 to 1e-2, and none is the default.
    pub hidden_failure_probability: f64,
}

impl Settings {
    /// The defaults for a network of this nominal frequency, Hz.
    pub fn of(nominal_hz: f64) -> Self {
        Settings {
            overload: Some(overload::Settings::default()),
            thermal: None,
            distance: None,
            undervoltage: Some(undervoltage::Settings::default()),
            ride_through: Some(ride_through::Settings::default()),
            frequency: Some(frequency::Settings::of(nominal_hz)),
            hidden_failure_probability: 0.0,
        }
    }

    /// Who provides an imbalance.
    pub fn balance(&self) -> frequency::Balance {
        self.frequency.as_ref().map_or_else(Default::default, |settings| settings.balance)
    }
}

/// The relays of a network, ready for any number of grids.
#[derive(Clone, Debug, PartialEq)]
pub struct Protection {
    /// How they are set.
    pub settings: Settings,
    /// Relays that would have acted in the undisturbed state, in words: they are blocked until what they see has been inside once, since
    /// what is judged is added loss.
    pub blocked: Vec<String>,
    overload: Option<Arc<overload::Elements>>,
    thermal: Option<Arc<thermal::Elements>>,
    distance: Option<Arc<distance::Elements>>,
    undervoltage: Option<Arc<undervoltage::Elements>>,
    ride_through: Option<Arc<ride_through::Elements>>,
    frequency: Option<Arc<frequency::Elements>>,
}

impl Protection {
    /// The relays of a network. Those that would act in the state of the file are blocked; where that has no solution, none is.
    pub fn new(network: &Arc<Network>, settings: Settings, newton: &NewtonConfig) -> Self {
        let mut overload = settings.overload.map(|s| overload::Elements::new(network, s));
        let mut thermal = settings.thermal.map(|s| thermal::Elements::new(network, s));
        let mut distance = settings.distance.map(|s| distance::Elements::new(network, s));
        let mut undervoltage = settings.undervoltage.clone().map(|s| undervoltage::Elements::new(network, s));
        let mut ride_through = settings.ride_through.clone().map(ride_through::Elements::new);
        let mut frequency = settings.frequency.clone().map(|s| Arc::new(frequency::Elements::new(s)));
        let mut blocked = Vec::new();
        let mut solver = Solver::new(network);
        let state = network.initial_state();
        // Every rung: a relay that is not blocked because its base was not found would be judged for the file's sins.
        let newton = NewtonConfig { rescue: Rescue::Full, ..newton.clone() };
        if let Ok(solution) = solver.solve(&state, None, &newton) {
            let flows = solver.flows(&state, &solution);
            let seen =
                Seen { network, state: &state, solution: &solution, flows: &flows, now: Moment::default() };
            let branch = |branch| network.branch_name(branch);
            if let Some(relays) = &mut overload {
                let of = relays.block(&seen).into_iter();
                blocked.extend(of.map(|b| format!("the overload relay of {}", branch(b))));
            }
            if let Some(relays) = &mut thermal {
                let of = relays.block(&seen).into_iter();
                blocked.extend(of.map(|b| format!("the thermal limit of {}", branch(b))));
            }
            if let Some(relays) = &mut distance {
                let of = relays.block(&seen).into_iter();
                blocked.extend(of.map(|b| format!("the distance relay of {}", branch(b))));
            }
            if let Some(relays) = &mut undervoltage {
                let of = relays.block(&seen).into_iter();
                let name = |bus| format!("the under-voltage shedding of bus {}", network.buses.id[bus]);
                blocked.extend(of.map(name));
            }
            if let Some(relays) = &mut ride_through {
                let of = relays.block(&seen).into_iter();
                blocked.extend(of.map(|unit| format!("the voltage relay of {}", network.unit_name(unit))));
            }
            if let Some(relays) = &mut frequency {
                let of = relays.block(&seen);
                blocked.extend(
                    of.map(|hz| format!("all frequency relays (an island would settle at {hz:.2} Hz)")),
                );
            }
        }
        Protection {
            settings,
            blocked,
            overload: overload.map(Arc::new),
            thermal: thermal.map(Arc::new),
            distance: distance.map(Arc::new),
            undervoltage: undervoltage.map(Arc::new),
            ride_through: ride_through.map(Arc::new),
            frequency,
        }
    }

    /// The devices of one grid, at rest; `frequency_lives` leaves out the relays that say themselves where the frequency settles.
    pub fn devices(&self, frequency_lives: bool) -> Vec<Box<dyn Device>> {
        let mut devices: Vec<Box<dyn Device>> = Vec::with_capacity(6);
        if let Some(relays) = &self.overload {
            devices.push(Box::new(relays.relays()));
        }
        if let Some(relays) = &self.thermal {
            devices.push(Box::new(relays.relays()));
        }
        if let Some(relays) = &self.distance {
            devices.push(Box::new(relays.relays()));
        }
        if let Some(relays) = &self.undervoltage {
            devices.push(Box::new(relays.relays()));
        }
        if let Some(relays) = &self.ride_through {
            devices.push(Box::new(relays.relays()));
        }
        if let Some(relays) = self.frequency.as_ref().filter(|_| !frequency_lives) {
            devices.push(Box::new(relays.relays()));
        }
        devices
    }
}
