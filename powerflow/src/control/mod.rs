//! Automatic controls around a power flow: what a grid's own devices do until they are content.
//!
//! A plain power flow ([`Solver::solve`]) moves nothing. Here every loop looks at a solution and proposes moves; the state is
//! moved and solved again, warm, until no loop has anything to propose. Continuous loops (demand that follows the voltage,
//! remote voltages, exchanges) move at every pass; of the discrete ones transformers come first, and shunts once no
//! transformer wants to move, as in [OpenLoadFlow](https://powsybl.readthedocs.io/projects/powsybl-open-loadflow).
//!
//! Every loop is bounded: a discrete element may turn back [`ControlConfig::reversals_max`] times and is then left where it
//! is, and named; a move without a solution is taken back, and its element left. What was moved and what was left are part of
//! the answer.

mod demand;
mod interchange;
mod remote_voltage;
mod shunts;
mod steps;
mod taps;

#[cfg(test)]
mod tests;

use crate::batch::Job;
use crate::config::NewtonConfig;
use crate::index::{BranchIdx, ShuntIdx, UnitIdx};
use crate::network::Network;
use crate::solution::{Divergence, Flows, Solution};
use crate::solver::Solver;
use crate::state::State;

/// Which controls act, and for how long. The default is a plain power flow: none.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlConfig {
    /// Transformers with an automatic tap keep their voltage in its band.
    pub taps: bool,
    /// Switched shunts keep their voltage in its band.
    pub shunts: bool,
    /// Units hold the voltage of the bus that they are told to hold, if it is not their own.
    pub remote_voltage: bool,
    /// Areas hold their exchange by the units at their slack bus.
    pub interchange: bool,
    /// Demand follows the voltage as the file says (constant current, constant impedance, an exponent).
    pub demand: bool,
    /// Power flows at most; those that try one element alone, once each, come on top.
    pub passes_max: u32,
    /// Times that a tap or a shunt may turn back before it is left where it is.
    pub reversals_max: u8,
    /// Positions that a tap moves at most in one pass.
    pub tap_positions_max: u32,
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self {
            taps: false,
            shunts: false,
            remote_voltage: false,
            interchange: false,
            demand: false,
            passes_max: 200,
            reversals_max: 2,
            tap_positions_max: 3,
        }
    }
}

impl ControlConfig {
    /// All controls that the file has.
    pub fn all() -> Self {
        Self {
            taps: true,
            shunts: true,
            remote_voltage: true,
            interchange: true,
            demand: true,
            ..Self::default()
        }
    }
}

/// Something that a control moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Element {
    /// The turns ratio of a transformer.
    Tap(BranchIdx),
    /// The step of a shunt.
    Shunt(ShuntIdx),
    /// The voltage set-point of a unit, pu.
    SetPoint(UnitIdx),
    /// The schedule of a unit, pu.
    Schedule(UnitIdx),
}

/// What became of an element, over all passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Move {
    /// What moved.
    pub element: Element,
    /// Ratio, step, set-point (pu) or schedule (pu) before.
    pub from: f64,
    /// The same afterwards.
    pub to: f64,
    /// How often it moved.
    pub times: u32,
    /// The last pass in which it did, from 1.
    pub pass: u32,
}

/// Why an element was left although its control is not content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftReason {
    /// It is at the end of its range.
    EndOfRange,
    /// No position keeps the voltage in its band: it is at the best one, or it turned back too often.
    NoPosition,
    /// One position hardly moves the voltage that it is to hold: another device holds it.
    NoEffect,
    /// With the move that it wanted there was no solution.
    NoSolution,
    /// The passes were used up.
    PassLimit,
}

/// An element that was left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Left {
    /// The element.
    pub element: Element,
    /// Why.
    pub reason: LeftReason,
}

/// A power flow with its controls content, or left.
#[derive(Clone, Debug)]
pub struct Controlled {
    /// The solution of `state`.
    pub solution: Solution,
    /// Its flows.
    pub flows: Flows,
    /// The state with everything moved; its demand is that at the voltages of the solution.
    pub state: State,
    /// What moved, by kind and row.
    pub moved: Vec<Move>,
    /// What was left, by kind and row.
    pub left: Vec<Left>,
    /// Power flows that it took, without those that tried one element alone.
    pub passes: u32,
}

/// What one loop wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Proposal {
    pub(crate) element: Element,
    pub(crate) to: f64,
}

/// Solves a state with its controls.
///
/// # Errors
/// [`Divergence`] where the state as it is has no solution, or where the continuous loops run into a state without one.
///
/// ```
/// use powerflow::{Case, Network, NewtonConfig, Solver, control::{ControlConfig, solve_controlled}};
/// let network = Network::build(Case::two_bus_example())?;
/// let mut solver = Solver::new(&network);
/// let state = network.initial_state();
/// let answer = solve_controlled(&mut solver, &state, None, &NewtonConfig::default(), &ControlConfig::all())?;
/// assert!(answer.moved.is_empty() && answer.passes == 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn solve_controlled(
    solver: &mut Solver,
    state: &State,
    previous: Option<&Solution>,
    config: &NewtonConfig,
    control: &ControlConfig,
) -> Result<Controlled, Divergence> {
    let mut answers = solve_controlled_batch(solver, &[Job { state, previous }], config, control);
    answers.pop().expect("one answer a job")
}

/// Solves many states with their controls, in rounds: all that are not content are solved together. An answer depends on its
/// own job alone.
pub fn solve_controlled_batch(
    solver: &mut Solver,
    jobs: &[Job<'_>],
    config: &NewtonConfig,
    control: &ControlConfig,
) -> Vec<Result<Controlled, Divergence>> {
    let network = std::sync::Arc::clone(solver.network());
    let mut runs: Vec<Run<'_>> = jobs.iter().map(|job| Run::new(&network, job, config, control)).collect();
    loop {
        let pending: Vec<usize> = (0..runs.len()).filter(|run| runs[*run].answer.is_none()).collect();
        if pending.is_empty() {
            break;
        }
        let round: Vec<Job<'_>> = pending.iter().flat_map(|run| runs[*run].jobs()).collect();
        let mut answers = solver.solve_batch(&round, config).into_iter();
        for run in pending {
            let own = runs[run].probes.len().max(1);
            let answers: Vec<_> = answers.by_ref().take(own).collect();
            runs[run].take(&network, answers);
        }
    }
    runs.into_iter().filter_map(|run| run.answer).collect()
}

/// One job on its way.
struct Run<'a> {
    job: &'a Job<'a>,
    config: &'a NewtonConfig,
    control: &'a ControlConfig,
    state: State,
    /// The last solution, with its flows.
    last: Option<(Solution, Flows)>,
    /// Discrete moves of the pass that is being solved, and the state before them.
    tried: Option<(State, Vec<Element>)>,
    /// Elements that are being tried one by one, each with its state; empty while a pass is being solved.
    probes: Vec<(Proposal, State)>,
    demand: demand::Demand,
    remote: remote_voltage::RemoteVoltage,
    areas: interchange::Interchange,
    taps: taps::Taps,
    shunts: shunts::Shunts,
    moved: Vec<Move>,
    passes: u32,
    iterations: u32,
    answer: Option<Result<Controlled, Divergence>>,
}

impl<'a> Run<'a> {
    fn new(
        network: &Network,
        job: &'a Job<'a>,
        config: &'a NewtonConfig,
        control: &'a ControlConfig,
    ) -> Self {
        let controls = &network.controls;
        let some = |on: bool| if on { usize::MAX } else { 0 };
        Run {
            job,
            config,
            control,
            state: job.state.clone(),
            last: None,
            tried: None,
            probes: Vec::new(),
            demand: demand::Demand::new(network, job.state, control.demand),
            remote: remote_voltage::RemoteVoltage::new(network, job.state, control.remote_voltage),
            areas: interchange::Interchange::new(control.interchange),
            taps: taps::Taps::new(controls.taps.len().min(some(control.taps)), control),
            shunts: shunts::Shunts::new(controls.shunts.len().min(some(control.shunts)), control),
            moved: Vec::new(),
            passes: 0,
            iterations: 0,
            answer: None,
        }
    }

    /// What is to be solved next: the state, or the probes.
    fn jobs(&self) -> Vec<Job<'_>> {
        let previous = self.last.as_ref().map(|(s, _)| s).or(self.job.previous);
        if self.probes.is_empty() {
            return vec![Job { state: &self.state, previous }];
        }
        self.probes.iter().map(|(_, state)| Job { state, previous }).collect()
    }

    /// Takes the answers of its jobs: finished, or something is to be solved next.
    fn take(&mut self, network: &Network, mut answers: Vec<Result<(Solution, Flows), Divergence>>) {
        let probes = std::mem::take(&mut self.probes);
        if let Some((before, _)) = self.last.as_ref().filter(|_| !probes.is_empty()) {
            for ((probe, _), answer) in probes.into_iter().zip(answers) {
                self.iterations += answer.as_ref().map_or_else(|d| d.iterations, |(s, _)| s.iterations);
                let after = answer.as_ref().ok().map(|(solution, _)| solution);
                self.taps.learn(network, &self.state, before, probe, after);
                self.shunts.learn(network, &self.state, before, probe, after);
            }
        } else if let Some(answer) = answers.pop() {
            self.passes += 1;
            if !self.keep(network, answer) {
                return;
            }
        }
        self.advance(network);
    }

    /// Takes the answer of a pass, or takes its moves back; false where there is nothing left to do.
    fn keep(&mut self, network: &Network, answer: Result<(Solution, Flows), Divergence>) -> bool {
        match (answer, self.tried.take()) {
            (Ok((solution, flows)), _) => {
                self.iterations += solution.iterations;
                self.last = Some((solution, flows));
            }
            // The moves of this pass led nowhere: back, and these elements stay.
            (Err(divergence), Some((before, elements))) if self.last.is_some() => {
                self.iterations += divergence.iterations;
                self.state = before;
                for element in elements {
                    self.moved.iter_mut().filter(|m| m.element == element).for_each(|m| m.times -= 1);
                    self.taps.block(network, element);
                    self.shunts.block(network, element);
                }
                self.moved.retain(|m| m.times > 0);
                for made in &mut self.moved {
                    made.to = value(&self.state, made.element);
                }
            }
            (Err(divergence), _) => {
                let iterations = self.iterations + divergence.iterations;
                self.answer = Some(Err(Divergence { iterations, ..divergence }));
                return false;
            }
        }
        true
    }

    /// Asks every loop what it wants at the last solution.
    fn advance(&mut self, network: &Network) {
        let Some((solution, flows)) = &self.last else { return };

        let continuous: Vec<Proposal> = self
            .remote
            .propose(network, &self.state, solution)
            .into_iter()
            .chain(self.areas.propose(network, &self.state, solution, flows))
            .collect();
        let gap_pu = self.demand.gap_pu(network, &self.state, solution);
        let mut discrete = Vec::new();
        // Far from where the demand will settle a voltage says little about a position.
        if gap_pu < COARSE_PU && !self.remote.is_far(solution) {
            let mut probes = self.taps.probes(network, &self.state, solution);
            if probes.is_empty() {
                discrete = self.taps.propose(network, &self.state, solution);
                if discrete.is_empty() {
                    probes = self.shunts.probes(network, &self.state, solution);
                    if probes.is_empty() {
                        discrete = self.shunts.propose(network, &self.state, solution);
                    }
                }
            }
            if !probes.is_empty() && self.passes < self.control.passes_max {
                probes.truncate(PROBES_MAX);
                self.probes = probes
                    .into_iter()
                    .map(|probe| {
                        let mut state = self.state.clone();
                        set(&mut state, probe);
                        (probe, state)
                    })
                    .collect();
                return;
            }
        }
        let content = continuous.is_empty() && discrete.is_empty() && gap_pu <= self.config.tolerance_pu;
        if content || self.passes >= self.control.passes_max {
            self.finish(network, gap_pu, content, &continuous, &discrete);
            return;
        }
        if !discrete.is_empty() {
            self.tried = Some((self.state.clone(), discrete.iter().map(|p| p.element).collect()));
        }
        self.demand.follow(network, &mut self.state, solution);
        for proposal in continuous.iter().chain(&discrete) {
            let from = value(&self.state, proposal.element);
            set(&mut self.state, *proposal);
            match self.moved.iter_mut().find(|m| m.element == proposal.element) {
                Some(made) => {
                    (made.to, made.times, made.pass) = (proposal.to, made.times + 1, self.passes);
                }
                None => self.moved.push(Move {
                    element: proposal.element,
                    from,
                    to: proposal.to,
                    times: 1,
                    pass: self.passes,
                }),
            }
        }
    }

    fn finish(
        &mut self,
        network: &Network,
        gap_pu: f64,
        content: bool,
        continuous: &[Proposal],
        discrete: &[Proposal],
    ) {
        let Some((mut solution, flows)) = self.last.take() else { return };
        solution.iterations = self.iterations;
        // A demand that is not the one at these voltages is out of balance, whatever Kirchhoff says of the one it had.
        solution.mismatch_pu = solution.mismatch_pu.max(gap_pu);
        let mut left: Vec<Left> = self.taps.left(network);
        left.extend(self.shunts.left(network));
        left.extend(self.areas.left());
        left.extend(self.remote.left());
        if !content {
            let open = continuous.iter().chain(discrete);
            left.extend(open.map(|p| Left { element: p.element, reason: LeftReason::PassLimit }));
        }
        left.sort_by_key(|l| l.element);
        left.dedup_by_key(|l| l.element);
        self.moved.retain(|m| m.from != m.to);
        self.moved.sort_by_key(|m| m.element);
        self.answer = Some(if gap_pu <= self.config.tolerance_pu * 10.0 {
            Ok(Controlled {
                solution,
                flows,
                state: self.state.clone(),
                moved: std::mem::take(&mut self.moved),
                left,
                passes: self.passes,
            })
        } else {
            Err(self.demand.divergence(network, &solution))
        });
    }
}

/// Gives a state the demand that belongs to the voltages of a solution.
pub(crate) fn follow_demand(network: &Network, state: &mut State, solution: &Solution) {
    let demand = demand::Demand::new(network, state, true);
    demand.follow(network, state, solution);
}

/// Probes that are solved together: each holds a state.
const PROBES_MAX: usize = 64;

/// Gap of a demand below which positions are looked at, pu.
const COARSE_PU: f64 = 1e-3;

/// The present value of an element.
fn value(state: &State, element: Element) -> f64 {
    match element {
        Element::Tap(branch) => state.tap_ratio[branch],
        Element::Shunt(shunt) => f64::from(state.shunt_step[shunt]),
        Element::SetPoint(unit) => state.unit_v_set_pu[unit],
        Element::Schedule(unit) => state.unit_p_pu[unit],
    }
}

fn set(state: &mut State, proposal: Proposal) {
    match proposal.element {
        Element::Tap(branch) => state.tap_ratio[branch] = proposal.to,
        Element::Shunt(shunt) => state.shunt_step[shunt] = proposal.to as u32,
        Element::SetPoint(unit) => state.unit_v_set_pu[unit] = proposal.to,
        Element::Schedule(unit) => state.unit_p_pu[unit] = proposal.to,
    }
}
