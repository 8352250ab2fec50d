//! One thread's solver: plans by topology, working memory, and the way from a state to a [`Solution`].

use std::sync::Arc;

use crate::batch::SideBySide;
use crate::config::{NewtonConfig, Rescue};
use crate::desk::{Beginning, Desk, Frame};
use crate::kernel::shared::Factor;
use crate::kirchhoff::Kirchhoff;
use crate::ladder::Ladder;
use crate::lane::Width;
use crate::network::Network;
use crate::plan::Plan;
use crate::problem::Problem;
use crate::security::Point;
use crate::solution::{Divergence, Flows, Solution};
use crate::state::{State, Topology};
use crate::sweep::Template;

/// Plans of split topologies that are kept from one call to the next: a controller that splits buses at random must not fill
/// the memory. One that is gone is made again, and is the same.
const PLANS_KEPT: usize = 64;

/// Solves any number of states of one network. One per thread: it holds the working memory.
#[derive(Debug)]
pub struct Solver {
    network: Arc<Network>,
    plans: Vec<Arc<Plan>>,
    kirchhoff: Kirchhoff,
    alone: Desk<f64>,
    /// Working memory of the widths that batches have asked for.
    side_by_side: SideBySide,
    pub(crate) width: Width,
}

impl Solver {
    /// A solver with the plan of the unsplit topology.
    pub fn new(network: &Arc<Network>) -> Self {
        let plan = Arc::new(Plan::new(network, &Arc::new(Topology::unsplit())));
        Self::with_plan(network, plan)
    }

    /// A solver that shares a plan with others.
    pub fn with_plan(network: &Arc<Network>, plan: Arc<Plan>) -> Self {
        Solver {
            network: Arc::clone(network),
            plans: vec![plan],
            kirchhoff: Kirchhoff::new(&network.case),
            alone: Desk::default(),
            side_by_side: SideBySide::default(),
            width: Width::best(),
        }
    }

    /// What a batch needs of it, apart from each other.
    pub(crate) fn parts(&mut self) -> (&Network, &Kirchhoff, &mut SideBySide) {
        (&self.network, &self.kirchhoff, &mut self.side_by_side)
    }

    /// The network that is solved.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// The plan of a topology, made on first use.
    pub fn plan(&mut self, topology: &Arc<Topology>) -> Arc<Plan> {
        let number = self.plan_number(topology);
        Arc::clone(&self.plans[number])
    }

    /// Forgets the oldest plans beyond those that are kept, never the first. Not while numbers of plans are in use.
    pub(crate) fn forget_plans(&mut self) {
        if self.plans.len() > PLANS_KEPT {
            self.plans.drain(1..self.plans.len() - PLANS_KEPT + 1);
        }
    }

    /// Which of the cached plans belongs to a topology; made on first use.
    pub(crate) fn plan_number(&mut self, topology: &Arc<Topology>) -> usize {
        // The same allocation first: almost always it is, and then nothing needs to be compared.
        let same = |p: &Arc<Plan>| Arc::ptr_eq(&p.topology, topology) || p.topology == *topology;
        self.plans.iter().position(same).unwrap_or_else(|| {
            self.plans.push(Arc::new(Plan::new(&self.network, topology)));
            self.plans.len() - 1
        })
    }

    /// Solves one state, starting from `previous` where there is one, else as `config.start` says.
    ///
    /// # Errors
    /// [`Divergence`] where no rung of the ladder found voltages at which Kirchhoff's law, recomputed from the case,
    /// holds in every energised island.
    pub fn solve(
        &mut self,
        state: &State,
        previous: Option<&Solution>,
        config: &NewtonConfig,
    ) -> Result<Solution, Divergence> {
        self.forget_plans();
        let plan = self.plan(&state.topology);
        let mut ladder = self.ladder(&plan, state, previous, config, &[]);
        if let Some(solution) = ladder.quick(config.rescue) {
            return Ok(solution);
        }
        let islands = ladder.desk.problem(0).islands.len() as u32;
        if !config.unsolved_islands_die || islands < 2 {
            if config.rescue >= Rescue::Thorough
                && let Some(solution) = ladder.full()
            {
                return Ok(solution);
            }
            return Err(ladder.divergence(true));
        }
        let found = ladder.divergence(true);
        // Who is to blame shows only when each island is alone: one that runs away stops the iterations of the others.
        let unsolved: Vec<u32> = (0..islands)
            .filter(|alone| {
                let others: Vec<u32> = (0..islands).filter(|island| island != alone).collect();
                self.climb(&plan, state, previous, config, &others).is_err()
            })
            .collect();
        // Where none is to blame, the rungs that cost much may still find all of them together.
        let is_tried = unsolved.is_empty() && config.rescue < Rescue::Thorough;
        if is_tried || unsolved.len() == islands as usize {
            return Err(found);
        }
        let mut solution = self.climb(&plan, state, previous, config, &unsolved)?;
        solution.iterations += found.iterations;
        Ok(solution)
    }

    /// Climbs the whole ladder that the settings allow, with some islands left without voltage.
    fn climb(
        &mut self,
        plan: &Plan,
        state: &State,
        previous: Option<&Solution>,
        config: &NewtonConfig,
        killed: &[u32],
    ) -> Result<Solution, Divergence> {
        let mut ladder = self.ladder(plan, state, previous, config, killed);
        let found = ladder.quick(config.rescue);
        let found = if found.is_none() && config.rescue >= Rescue::Thorough { ladder.full() } else { found };
        found.ok_or_else(|| ladder.divergence(killed.is_empty()))
    }

    /// A ladder at the ground.
    pub(crate) fn ladder<'a>(
        &'a mut self,
        plan: &'a Plan,
        state: &'a State,
        previous: Option<&'a Solution>,
        config: &'a NewtonConfig,
        killed: &'a [u32],
    ) -> Ladder<'a> {
        let frame = Frame { network: &self.network, plan, kirchhoff: &self.kirchhoff, config };
        Ladder::new(&mut self.alone, frame, state, previous, killed)
    }

    /// The desk with a solved state in its first lane, to be worked on from there, and the auditor.
    ///
    /// # Errors
    /// Where the state is not found again from its own solution.
    pub(crate) fn alone_at(
        &mut self,
        plan: &Plan,
        state: &State,
        solution: &Solution,
        config: &NewtonConfig,
    ) -> Result<(&mut Desk<f64>, &Kirchhoff), Divergence> {
        let frame = Frame { network: &self.network, plan, kirchhoff: &self.kirchhoff, config };
        let begin =
            Beginning { state, previous: Some(solution), start: config.start, killed: &[], trend: false };
        self.alone.open(plan);
        self.alone.seat(0, &frame, &begin)?;
        let ended = loop {
            self.alone.newton(plan, 0, false);
            if let Some(ended) = self.alone.settle(0, &frame, state) {
                break ended;
            }
        };
        match ended {
            Ok(()) => Ok((&mut self.alone, &self.kirchhoff)),
            Err(reason) => Err(self.alone.failure(0, &frame, reason)),
        }
    }

    /// The base of a sweep by elimination position, and its problem.
    ///
    /// # Errors
    /// Where no bus has a source.
    pub(crate) fn template(
        &mut self,
        state: &State,
        solution: &Solution,
        config: &NewtonConfig,
    ) -> Result<(Template, Problem), Divergence> {
        let plan = self.plan(&state.topology);
        let frame = Frame { network: &self.network, plan: &plan, kirchhoff: &self.kirchhoff, config };
        let begin =
            Beginning { state, previous: Some(solution), start: config.start, killed: &[], trend: false };
        self.alone.open(&plan);
        self.alone.seat(0, &frame, &begin)?;
        let arena = &mut self.alone.arena;
        let unknowns = |free: &[f64; 2]| match free {
            [0.0, 0.0] => 0u8,
            [_, 0.0] => 1,
            _ => 2,
        };
        let as_planned = arena.free.iter().map(unknowns).eq(plan.unknowns.iter().copied());
        let template = Template {
            factor: as_planned.then(|| {
                arena.fit_schedule(plan.of_base());
                Factor::at(plan.of_base(), arena)
            }),
            voltage: arena.voltage.clone(),
            scheduled: arena.schedule.clone(),
            free: arena.free.clone(),
            patches: arena.patches.clone(),
            as_planned,
            tolerance_pu: config.tolerance_pu,
            iterations_max: config.iterations_max,
        };
        Ok((template, self.alone.problem(0).clone()))
    }

    /// A solved state by elimination position, as estimates of its outages begin, and its problem.
    ///
    /// # Errors
    /// Where no bus has a source.
    pub(crate) fn point(
        &mut self,
        state: &State,
        solution: &Solution,
        config: &NewtonConfig,
    ) -> Result<(Point, Problem), Divergence> {
        let plan = self.plan(&state.topology);
        let frame = Frame { network: &self.network, plan: &plan, kirchhoff: &self.kirchhoff, config };
        let begin =
            Beginning { state, previous: Some(solution), start: config.start, killed: &[], trend: false };
        self.alone.open(&plan);
        self.alone.seat(0, &frame, &begin)?;
        Ok((Point::of(&self.alone.arena), self.alone.problem(0).clone()))
    }

    /// Flows of a solution.
    pub fn flows(&mut self, state: &State, solution: &Solution) -> Flows {
        let plan = self.plan(&state.topology);
        Flows::of(&self.network, &plan, state, solution)
    }
}

/// Solves the operating point that the file describes.
///
/// # Errors
/// [`Divergence`], see [`Solver::solve`].
///
/// ```
/// # use powerflow::{Case, Network, NewtonConfig, case::*, BusId};
/// let case = Case::two_bus_example();
/// let network = Network::build(case)?;
/// let solution = powerflow::solve(&network, &NewtonConfig::default())?;
/// assert!(solution.unmet_pu() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn solve(network: &Arc<Network>, config: &NewtonConfig) -> Result<Solution, Divergence> {
    Solver::new(network).solve(&network.initial_state(), None, config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Case;

    #[test]
    fn plans_of_many_topologies_do_not_pile_up() {
        let network = Network::build(Case::two_bus_example()).expect("a sound case");
        let mut solver = Solver::new(&network);
        let state = network.initial_state();
        let config = NewtonConfig::default();
        let unsplit = solver.solve(&state, None, &config).expect("a solution");
        for _ in 0..3 * PLANS_KEPT {
            solver.plans.push(Arc::new(Plan::new(&network, &state.topology)));
            assert!(solver.solve(&state, None, &config).is_ok());
        }
        assert_eq!(solver.plans.len(), PLANS_KEPT);
        let again = solver.solve(&state, None, &config).expect("a solution");
        assert_eq!(again.voltage.as_slice(), unsplit.voltage.as_slice());
    }
}
