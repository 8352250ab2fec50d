//! One run: from an outage through all islands and generations to the end.

use std::rc::Rc;

use powerflow::{BusIdx, Network, Solution};

use super::balance::Frequency;
use super::flow::Flow;
use super::grid::{Grid, Island, Role};
use super::record::{Record, Status};
use super::{Outage, Settings};
use crate::cascade::{Cause, Tripped};

/// A part of the network and where it stands.
pub(super) struct Part {
    buses: Vec<BusIdx>,
    generation: u32,
    /// Generations since it was split off.
    since_split: u32,
    /// Its last voltages; those in the file where there are none.
    voltages: Option<Rc<Solution>>,
}

/// One run.
pub(super) struct Walk<'a> {
    pub(super) settings: &'a Settings,
    pub(super) network: &'a Network,
    pub(super) flow: &'a mut Flow,
    pub(super) grid: Grid,
    pub(super) record: Record,
}

impl Walk<'_> {
    /// Strikes, and goes through all islands, each to its end before the next.
    pub(super) fn run(&mut self, outage: &Outage) {
        self.strike(outage);
        let buses = self.grid.role.iter().filter(|(_, role)| **role != Role::Out).map(|(bus, _)| bus);
        let mut waiting =
            vec![Part { buses: buses.collect(), generation: 1, since_split: 0, voltages: None }];
        while let Some(part) = waiting.pop() {
            self.record.generation = part.generation;
            self.pass(part, &mut waiting);
        }
    }

    /// Takes out what fails at the beginning.
    fn strike(&mut self, outage: &Outage) {
        self.record.generation = 0;
        for bus in &outage.buses {
            self.record.shed.bus_outage_mw += self.grid.demand_mw[*bus];
            self.grid.demand_mw[*bus] = 0.0;
            self.grid.demand_mvar[*bus] = 0.0;
            self.grid.role[*bus] = Role::Out;
        }
        let branches = &self.network.branches;
        for (branch, from) in branches.from.iter() {
            let ends = [*from, branches.to[branch]];
            if ends.iter().any(|bus| self.grid.role[*bus] == Role::Out) {
                self.grid.branch_on[branch] = false;
            }
        }
        for branch in &outage.branches {
            self.grid.branch_on[*branch] = false;
        }
        for (unit, bus) in self.network.units.bus.iter() {
            if self.grid.role[*bus] == Role::Out {
                self.grid.trip_unit(unit);
            }
        }
        for unit in &outage.units {
            self.grid.unit_on[*unit] = false;
        }
    }

    /// One generation of a part, or its split into islands.
    fn pass(&mut self, part: Part, waiting: &mut Vec<Part>) {
        let Part { buses, generation, since_split, voltages } = part;
        if buses.is_empty() {
            return;
        }
        let mut islands = self.grid.components(self.network, &buses);
        if generation + since_split > self.settings.max_recursion_depth {
            self.record.status = Status::DepthLimit;
            self.record.doubtful = true;
            let whole = Island::of(self.network, &self.grid, buses);
            return self.kill(&whole, Cause::Unsolved);
        }
        if islands.len() > 1 {
            self.record.counts.islands += islands.len() as u32;
            islands.reverse();
            for buses in islands {
                Island::regain(&buses, self.network, &mut self.grid);
                waiting.push(Part { buses, generation, since_split: 0, voltages: voltages.clone() });
            }
            return;
        }
        let island = Island::of(self.network, &self.grid, buses);
        if !self.has_source(&island) || island.demand_mw(&self.grid) == 0.0 {
            return self.kill(&island, Cause::IslandDead);
        }
        let (acted, voltages) = self.live(&island, voltages);
        if acted && island.demand_mw(&self.grid) > 0.0 {
            let since_split = since_split + 1;
            waiting.push(Part { buses: island.buses, generation: generation + 1, since_split, voltages });
        }
    }

    /// Solves, shares, judges and trips. Whether anything acted, and the voltages afterwards.
    fn live(&mut self, island: &Island, last: Option<Rc<Solution>>) -> (bool, Option<Rc<Solution>>) {
        let before_mw = island.units.iter().map(|unit| self.grid.unit_mw[*unit]).sum();
        let Some(reference) = island.choose_reference(self.network, &mut self.grid, false) else {
            return (true, self.collapse(island, None));
        };
        let slack = island.first_running(&self.grid, self.network, reference);
        let slack_mw = slack.map_or(0.0, |unit| self.grid.unit_mw[unit]);
        let solution = self
            .newton(island, reference, last.as_deref())
            .and_then(|solution| self.share_slack(island, reference, slack_mw, solution));
        let Some(solution) = solution else {
            return (true, self.collapse(island, Some(reference)));
        };
        if let Frequency::Acted(found) = self.judge_frequency(island, reference, before_mw, &solution) {
            return (true, Some(found.unwrap_or_else(|| Rc::new(solution))));
        }
        let violations = self.violations(island, &solution);
        let acted = !violations.is_empty();
        self.act(island, violations);
        (acted, Some(Rc::new(solution)))
    }

    /// Whether an island has a unit that can feed it, and one that can form it.
    fn has_source(&self, island: &Island) -> bool {
        let forms = |unit| self.settings.grid_forming.as_ref().is_none_or(|forming| forming.contains(&unit));
        island.running(&self.grid).any(|unit| self.unit(unit).p_max_mw > 0.0)
            && island.running(&self.grid).any(forms)
    }

    /// A power flow from the last voltages; what it found is taken over.
    pub(super) fn newton(
        &mut self,
        island: &Island,
        reference: BusIdx,
        last: Option<&Solution>,
    ) -> Option<Solution> {
        self.record.solves += 1;
        let found = self.flow.newton(&self.grid, island, reference, last)?;
        self.record.answered(found.rung);
        self.grid.take(self.network, island, reference, &found);
        Some(found)
    }

    /// Takes an island out, with all that is on it.
    pub(super) fn kill(&mut self, island: &Island, cause: Cause) {
        for bus in &island.buses {
            let lost_mw = self.grid.demand_mw[*bus];
            self.grid.demand_mw[*bus] = 0.0;
            self.grid.demand_mvar[*bus] = 0.0;
            self.grid.role[*bus] = Role::Out;
            self.record.trip(Tripped::Bus(*bus), cause, None, lost_mw);
            self.record.buses_lost.push((self.network.buses.id[*bus], self.record.generation));
        }
        for unit in &island.units {
            self.grid.trip_unit(*unit);
        }
        for branch in &island.branches {
            self.grid.branch_on[*branch] = false;
        }
    }
}
