//! Areas that hold their exchange: the schedule of the units at an area's slack bus is moved by what is missing. The area of
//! an island's reference bus is not controlled, as its exchange follows from all others.
//!
//! The exchange of an area is the power that flows out of it into its ties, counted at its own ends.
//!
//! Source: PSS/E Program Operation Manual, area interchange control, tie lines only.

use std::collections::BTreeMap;

use crate::control::{Element, Left, LeftReason, Proposal};
use crate::index::{Index, UnitIdx};
use crate::network::Network;
use crate::solution::{Flows, Solution};
use crate::state::State;

/// The loop over areas.
#[derive(Clone, Debug)]
pub(super) struct Interchange {
    on: bool,
    /// Units at the end of their range whose area still misses its exchange.
    stuck: Vec<UnitIdx>,
}

impl Interchange {
    /// A loop over all areas, or over none.
    pub(super) fn new(on: bool) -> Self {
        Interchange { on, stuck: Vec::new() }
    }

    /// The schedules that bring the exchanges nearer.
    pub(super) fn propose(
        &mut self,
        network: &Network,
        state: &State,
        solution: &Solution,
        flows: &Flows,
    ) -> Vec<Proposal> {
        self.stuck.clear();
        if !self.on || network.controls.areas.is_empty() {
            return Vec::new();
        }
        let exports = exports(network, flows);
        let mut proposals = Vec::new();
        for area in &network.controls.areas {
            if solution.islands.iter().any(|island| island.reference == area.slack_bus) {
                continue;
            }
            let export = exports.get(&area.number).copied().unwrap_or(0.0);
            let mut missing = area.export_pu - export;
            if missing.abs() <= area.tolerance_pu.max(1e-9) {
                continue;
            }
            let mut moved = false;
            let running = area.units.iter().filter(|u| state.unit_on[**u]);
            for unit in running.clone() {
                let p = state.unit_p_pu[*unit];
                let to = (p + missing)
                    .clamp(state.unit_p_low_pu[*unit].min(p), state.unit_p_high_pu[*unit].max(p));
                missing -= to - p;
                if to != p {
                    moved = true;
                    proposals.push(Proposal { element: Element::Schedule(*unit), to });
                }
            }
            if !moved {
                self.stuck.extend(running.copied());
            }
        }
        proposals
    }

    /// Units that can do no more.
    pub(super) fn left(&self) -> Vec<Left> {
        let left =
            |unit: &UnitIdx| Left { element: Element::Schedule(*unit), reason: LeftReason::EndOfRange };
        self.stuck.iter().map(left).collect()
    }
}

/// What flows out of every area, pu.
fn exports(network: &Network, flows: &Flows) -> BTreeMap<u64, f64> {
    let area = |bus: crate::index::BusIdx| network.case.buses[bus.row()].area;
    let mut exports = BTreeMap::new();
    for (branch, from) in network.branches.from.iter() {
        let (here, there) = (area(*from), area(network.branches.to[branch]));
        if here != there {
            *exports.entry(here).or_insert(0.0) += flows.p_from_pu[branch];
            *exports.entry(there).or_insert(0.0) += flows.p_to_pu[branch];
        }
    }
    exports
}
