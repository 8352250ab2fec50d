//! From a power flow to machines at rest.

use std::rc::Rc;

use powerflow::{Diagnostic, Diagnostics, Divergence};

use super::base::{self, Base, NoBase};
use super::case::{MachineCase, SYSTEM_BASE_MVA};
use super::model::Model;
use super::network::{Networks, Reduced, Topology};
use super::phasor::Phasor;

/// A case, ready to be simulated from its start any number of times.
pub(super) struct Start<'a> {
    pub(super) case: &'a MachineCase,
    pub(super) base: Base,
    pub(super) model: Model,
    pub(super) networks: Networks,
    pub(super) topology: Topology,
    pub(super) reduced: Rc<Reduced>,
    pub(super) states: Vec<f64>,
    /// Admittance of each demand when it is on, pu, also of those that are off.
    pub(super) load: Vec<Phasor>,
    pub(super) warnings: Vec<String>,
}

/// Why a case does not begin.
pub(super) enum NoStart {
    /// It is wrong.
    Wrong(Diagnostics),
    /// Its power flow has no solution.
    Diverged(Divergence),
}

impl<'a> Start<'a> {
    /// Solves the power flow, turns demand into admittances and machines into voltages behind a reactance.
    ///
    /// `E = V + (ra + j x) I` with the transient or, of machines with circuits, the subtransient reactance, `I = conj(S / V)`, and `y = conj(S) / |V|^2` for demand.
    /// Source: Kundur, Power System Stability and Control, 1994, section 13.3.
    pub(super) fn of(case: &'a MachineCase) -> Result<Self, NoStart> {
        let base = base::solve(case).map_err(|none| match none {
            NoBase::Wrong(wrong) => NoStart::Wrong(wrong),
            NoBase::Diverged(divergence) => NoStart::Diverged(divergence),
        })?;
        let impedance = |machine: &super::case::Machine| {
            let to_system = SYSTEM_BASE_MVA / machine.base_mva;
            Phasor::new(machine.resistance, machine.reactance()).scale(to_system)
        };
        let internal: Vec<Phasor> = (case.machines.iter())
            .map(|machine| match base.voltage[machine.bus].filter(|_| machine.in_service) {
                None => Phasor::ZERO,
                Some(voltage) => {
                    let source = base.injection[machine.source];
                    let power = Phasor::new(machine.share[0] * source.re, machine.share[1] * source.im);
                    voltage + impedance(machine) * (power * voltage.recip()).conj()
                }
            })
            .collect();
        let load: Vec<Phasor> = (case.loads.iter())
            .map(|load| {
                // A demand on a bus that is dead at the start takes its power at nominal voltage, once there is one.
                let square = base.voltage[load.bus].map_or(1.0, Phasor::square);
                Phasor::new(load.p_pu, -load.q_pu).scale(1.0 / square)
            })
            .collect();
        let running =
            |machine: &super::case::Machine| machine.in_service && base.voltage[machine.bus].is_some();
        let topology = Topology {
            line_closed: case.lines.iter().map(|line| line.in_service).collect(),
            machine_on: case.machines.iter().map(running).collect(),
            load: (case.loads.iter().zip(&load))
                .map(|(row, y)| if row.in_service { *y } else { Phasor::ZERO })
                .collect(),
            fault: Default::default(),
        };
        let behind = case.machines.iter().map(|machine| (machine.bus, impedance(machine).recip())).collect();
        let mut networks = Networks::new(case, behind);
        let reduced = networks.reduced(&topology).map_err(|_| {
            let message = "the admittance matrix of the network is singular";
            let complaint = Diagnostic::error("machines.case.singular", message).at(&case.file, None);
            NoStart::Wrong(
                complaint.hint("look for impedances that cancel, or are far smaller than the others").into(),
            )
        })?;
        let (model, states, warnings) = Model::at_rest(case, &internal, &reduced);
        Ok(Self { case, base, model, networks, topology, reduced, states, load, warnings })
    }
}
