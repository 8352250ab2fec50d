//! Units that hold the voltage of another bus: their own set-point is moved until the other bus has the voltage that they
//! were told to hold there, by the secant of the last two passes. Units that hold one bus move their set-points by the same
//! amount; one at a reactive limit is left out until it is needed the other way.

use crate::control::{Element, Left, LeftReason, Proposal};
use crate::index::{BusIdx, UnitIdx};
use crate::network::Network;
use crate::solution::{LimitSide, Solution};
use crate::state::State;

/// Near enough, pu.
const TOLERANCE_PU: f64 = 1e-7;

/// Voltages are not where they will be while one is this far away, pu.
const FAR_PU: f64 = 1e-3;

/// Set-points between which the loop stays, pu.
const SET_POINTS_PU: (f64, f64) = (0.8, 1.2);

/// Units that hold one bus.
#[derive(Clone, Debug)]
struct Group {
    bus: BusIdx,
    target_pu: f64,
    units: Vec<UnitIdx>,
    /// Set-point of the first unit and voltage of the bus at the last pass.
    before: Option<(f64, f64)>,
    /// Change of the voltage per change of the set-points.
    slope: f64,
    /// Whether no unit could move when it last had to.
    stuck: bool,
}

/// The loop over remote voltages.
#[derive(Clone, Debug)]
pub(super) struct RemoteVoltage {
    groups: Vec<Group>,
}

impl RemoteVoltage {
    /// A loop over all units that hold another bus, or over none.
    pub(super) fn new(network: &Network, state: &State, on: bool) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let controls = network.controls.remote.iter().filter(|c| on && network.units.regulates[c.unit]);
        for control in controls {
            match groups.iter_mut().find(|g| g.bus == control.bus) {
                Some(group) => group.units.push(control.unit),
                None => groups.push(Group {
                    bus: control.bus,
                    target_pu: state.unit_v_set_pu[control.unit],
                    units: vec![control.unit],
                    before: None,
                    slope: 1.0,
                    stuck: false,
                }),
            }
        }
        RemoteVoltage { groups }
    }

    /// The set-points that bring the voltages nearer.
    pub(super) fn propose(&mut self, network: &Network, state: &State, solution: &Solution) -> Vec<Proposal> {
        let mut proposals = Vec::new();
        for group in &mut self.groups {
            group.stuck = false;
            let Some(voltage) = solution.vm_pu(group.bus) else { continue };
            let missing = group.target_pu - voltage;
            if missing.abs() <= TOLERANCE_PU {
                continue;
            }
            let running = group
                .units
                .iter()
                .filter(|u| state.unit_on[**u] && solution.vm_pu(network.units.bus[**u]).is_some());
            let able: Vec<UnitIdx> = running
                .filter(|unit| {
                    let own = network.units.bus[**unit];
                    let side = solution.at_limit.iter().find(|(bus, _)| *bus == own).map(|(_, side)| *side);
                    !matches!(
                        (side, missing > 0.0),
                        (Some(LimitSide::High), true) | (Some(LimitSide::Low), false)
                    )
                })
                .copied()
                .collect();
            let Some(first) = able.first() else {
                group.stuck = true;
                continue;
            };
            let set = state.unit_v_set_pu[*first];
            if let Some((set_before, voltage_before)) = group.before
                && (set - set_before).abs() > 1e-9
            {
                let slope = (voltage - voltage_before) / (set - set_before);
                // A slope far from what a transformer between the two can do is another element's doing.
                if slope > 0.05 && slope < 5.0 {
                    group.slope = slope;
                }
            }
            group.before = Some((set, voltage));
            let more = missing / group.slope;
            let mut moved = false;
            for unit in able {
                let from = state.unit_v_set_pu[unit];
                let to = (from + more).clamp(SET_POINTS_PU.0, SET_POINTS_PU.1);
                if to != from {
                    moved = true;
                    proposals.push(Proposal { element: Element::SetPoint(unit), to });
                }
            }
            group.stuck = !moved;
        }
        proposals
    }

    /// Whether a voltage is far from its target, and can be moved there.
    pub(super) fn is_far(&self, solution: &Solution) -> bool {
        self.groups
            .iter()
            .any(|g| !g.stuck && solution.vm_pu(g.bus).is_some_and(|v| (v - g.target_pu).abs() > FAR_PU))
    }

    /// Units that can do no more.
    pub(super) fn left(&self) -> Vec<Left> {
        let stuck = self.groups.iter().filter(|g| g.stuck).flat_map(|g| &g.units);
        stuck.map(|unit| Left { element: Element::SetPoint(*unit), reason: LeftReason::EndOfRange }).collect()
    }
}
