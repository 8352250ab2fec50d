//! N-1 security of a state: what would be wrong after the loss of any one branch.
//!
//! Every outage is estimated side by side ([`screen`]); those that seem to break a limit, come near one, or cannot be estimated
//! are solved in full, in lanes, with the reactive limits and the slack of the study, and audited like every solution. Only what
//! is solved counts: an estimate makes nobody insecure. What it can miss: an outage whose estimate is clear of every limit
//! by its margin, and whose full solution is not, because the balance is shared by other units, or reactive limits end elsewhere.
//!
//! Outages of branches that are bridges in the file's own topology are left out: what hangs on one feeder by design is lost
//! with it, whoever operates the grid. Losses of units are not looked at.
//!
//! An outage makes a state insecure where it leaves no solution, takes the voltage from demand, leaves a balance that no
//! unit provides, or a branch or a bus beyond a limit that it kept before, or further beyond it by 5 % of the rating or
//! 0.01 pu. The rating is the short-term one (B) where the file has it. A solver that gives up counts as no solution.

mod limits;
mod screen;

use std::sync::Arc;

use crate::batch::{Job, SideBySide};
use crate::config::NewtonConfig;
use crate::index::{BranchIdx, Column, Index, NodeIdx};
use crate::lane::{Width, at_width};
use crate::linear::Cuts;
use crate::network::Network;
use crate::network::admittance::TwoPort;
use crate::plan::Plan;
use crate::problem::{NONE, Problem};
use crate::solution::{Divergence, DivergenceReason, Flows, Solution};
use crate::solver::Solver;
use crate::state::State;
use crate::sweep::Violation;
use limits::Limits;
pub(crate) use screen::Point;
use screen::{Estimate, Rated, Suspect, Watched};

/// A state that is solved.
#[derive(Clone, Copy, Debug)]
pub struct Settled<'a> {
    /// The state.
    pub state: &'a State,
    /// Its solution.
    pub solution: &'a Solution,
    /// Its flows.
    pub flows: &'a Flows,
}

/// How far to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Until one outage is found that makes the state insecure, the worst estimates first.
    First,
    /// Every outage that the screen does not rule out.
    #[default]
    Screened,
    /// Every outage, without a screen: what the screen is checked against.
    Every,
}

/// What is wrong after an outage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Harm {
    /// No voltages were found, in the grid or in a part of it.
    NoSolution,
    /// Demand lost its voltage, pu.
    LostDemand(f64),
    /// Active power that no unit provides or takes back, pu.
    Unmet(f64),
    /// The first limit that is broken, in file order: branches (loading as a share of the long-term rating), then buses.
    Broken(Violation),
}

/// What was found out about one state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Security {
    /// Outages that make it insecure, in file order; of [`Depth::First`] one at least where there are any.
    pub insecure: Vec<(BranchIdx, Harm)>,
    /// Outages that were estimated or solved.
    pub outages: u32,
    /// Outages that were solved.
    pub confirmed: u32,
}

/// Looks at the N-1 security of states of one network. One per thread: it holds working memory.
#[derive(Debug)]
pub struct Watch {
    /// Whether each branch is a bridge in the topology of the file.
    bridge: Vec<bool>,
    rating_pu: Column<BranchIdx, Option<f64>>,
    desks: SideBySide,
    width: Width,
}

/// Power flows that are solved together: bounds memory.
const TOGETHER: usize = 64;

/// One state under way.
struct Case<'a> {
    settled: Settled<'a>,
    limits: Limits,
    suspects: Vec<Suspect>,
    next: usize,
    found: Security,
}

impl Watch {
    /// For a network.
    pub fn new(network: &Network) -> Self {
        let branches = &network.branches;
        let ends = branches.from.iter().map(|(branch, from)| {
            let row = [from.row() as u32, branches.to[branch].row() as u32];
            branches.in_service[branch].then_some(row)
        });
        let cuts = Cuts::new(network.buses.id.len(), ends.collect());
        Watch {
            bridge: branches.from.indices().map(|branch| cuts.is_bridge(branch.row())).collect(),
            rating_pu: limits::emergency_ratings(network),
            desks: SideBySide::default(),
            width: Width::best(),
        }
    }

    /// At another width; the bytes of the answers are the same.
    #[must_use]
    pub fn with_width(mut self, width: Width) -> Self {
        self.width = width;
        self
    }

    /// The security of each of these states, in their order. An answer depends on its own state alone, not on the others.
    /// `config` is that of the solutions.
    pub fn assess(
        &mut self,
        solver: &mut Solver,
        states: &[Settled<'_>],
        depth: Depth,
        config: &NewtonConfig,
    ) -> Vec<Security> {
        let config = NewtonConfig { unsolved_islands_die: true, ..config.clone() };
        let mut cases: Vec<Case<'_>> =
            states.iter().map(|settled| self.open(solver, *settled, depth, &config)).collect();
        // Of the worst suspects one, two, four ...: where one is enough, it is nearly always the first.
        let mut at_most = if depth == Depth::First { 1 } else { usize::MAX };
        loop {
            let mut waiting = Vec::new();
            for (number, case) in cases.iter_mut().enumerate() {
                let enough = depth == Depth::First && !case.found.insecure.is_empty();
                let end = case.suspects.len().min(case.next.saturating_add(at_most));
                if !enough {
                    waiting.extend((case.next..end).map(|suspect| (number, suspect)));
                    case.next = end;
                }
            }
            if waiting.is_empty() {
                break;
            }
            for together in waiting.chunks(TOGETHER) {
                confirm(solver, &mut cases, together, &config);
            }
            at_most = at_most.saturating_mul(2);
        }
        cases
            .into_iter()
            .map(|mut case| {
                case.found.insecure.sort_by_key(|(branch, _)| *branch);
                case.found
            })
            .collect()
    }

    /// Looks at a state, and lists whom to confirm, worst first.
    fn open<'a>(
        &mut self,
        solver: &mut Solver,
        settled: Settled<'a>,
        depth: Depth,
        config: &NewtonConfig,
    ) -> Case<'a> {
        let Settled { state, solution, flows } = settled;
        let plan = solver.plan(&state.topology);
        let network = Arc::clone(solver.network());
        // Ratings move with the weather, those for emergencies as the others.
        let present = state.rating_factor.as_ref().map(|factor| {
            let of = |(branch, rating): (BranchIdx, &Option<f64>)| rating.map(|r| r * factor[branch]);
            self.rating_pu.iter().map(of).collect::<Column<BranchIdx, Option<f64>>>()
        });
        let rating_pu = present.as_ref().unwrap_or(&self.rating_pu);
        let limits = Limits::beyond(&network, &plan, rating_pu, solution, flows);
        let mut suspects = Vec::new();
        let mut found = Security::default();
        // As dispatched: the estimates start from what units deliver, not from what they were asked to.
        let dispatched = State { unit_p_pu: solution.unit_p_pu.clone(), ..state.clone() };
        if let Ok((point, problem)) = solver.point(&dispatched, solution, config) {
            let live = |branch: BranchIdx| {
                let ends = [plan.nodes.branch_from[branch], plan.nodes.branch_to[branch]];
                let energised = ends.iter().all(|node| problem.island[node.row()] != NONE);
                (energised && Problem::branch_live(&network, state, branch))
                    .then(|| ends.map(|node| node.row() as u32))
            };
            let ends: Vec<Option<[u32; 2]>> = network.branches.from.indices().map(live).collect();
            let cuts = Cuts::new(plan.node_count(), ends.clone());
            let listed = |branch: &BranchIdx| ends[branch.row()].is_some() && !self.bridge[branch.row()];
            let outages: Vec<BranchIdx> = network.branches.from.indices().filter(listed).collect();
            found.outages = outages.len() as u32;
            let splits = |branch: &BranchIdx| depth == Depth::Every || cuts.is_bridge(branch.row());
            let (unknown, mut estimated): (Vec<BranchIdx>, Vec<BranchIdx>) =
                outages.into_iter().partition(splits);
            // Busy branches are hard to lose: side by side with their like they keep nobody waiting.
            estimated.sort_by(|a, b| flows.apparent_pu(*b).total_cmp(&flows.apparent_pu(*a)).then(a.cmp(b)));
            suspects.extend(unknown.into_iter().map(|branch| Suspect { branch, severity: f64::INFINITY }));
            let situation = Situation { network: &network, plan: &plan, settled, limits: &limits };
            let outages = situation.two_ports(&estimated);
            let (rated, watched) = (situation.rated(rating_pu), situation.watched(&problem));
            let estimate = Estimate {
                plan: &plan,
                point: &point,
                problem: &problem,
                outages: &outages,
                rated: &rated,
                watched: &watched,
                desks: &mut self.desks,
                suspects: &mut suspects,
            };
            at_width(self.width, estimate);
        }
        suspects.sort_by(|a, b| b.severity.total_cmp(&a.severity).then(a.branch.cmp(&b.branch)));
        Case { settled, limits, suspects, next: 0, found }
    }
}

/// What the estimates of one state are judged by.
struct Situation<'a> {
    network: &'a Network,
    plan: &'a Plan,
    settled: Settled<'a>,
    limits: &'a Limits,
}

impl Situation<'_> {
    fn two_port(&self, branch: BranchIdx) -> TwoPort {
        TwoPort::of(&self.network.branches, branch, self.settled.state.tap_ratio[branch])
    }

    fn two_ports(&self, outages: &[BranchIdx]) -> Vec<(BranchIdx, TwoPort)> {
        outages.iter().map(|branch| (*branch, self.two_port(*branch))).collect()
    }

    /// Branches that carry something and have a rating.
    fn rated(&self, rating_pu: &Column<BranchIdx, Option<f64>>) -> Vec<Rated> {
        let of = |(branch, limit): (BranchIdx, &Option<f64>)| {
            let now_pu = self.settled.flows.apparent_pu(branch);
            let (limit_pu, rating_pu) = (limit.filter(|_| now_pu > 0.0)?, rating_pu[branch]?);
            let slots = self.plan.branch_slots[branch];
            Some(Rated {
                row: branch.row(),
                ends: [slots.from, slots.to],
                two_port: self.two_port(branch),
                limit_pu,
                now_pu,
                inverse_rating_pu: 1.0 / rating_pu,
            })
        };
        self.limits.flow_pu.iter().filter_map(of).collect()
    }

    /// Nodes that are energised.
    fn watched(&self, problem: &Problem) -> Vec<Watched> {
        let live = |node: &NodeIdx| problem.island[node.row()] != NONE;
        self.plan
            .node_at
            .iter()
            .enumerate()
            .filter(|(_, node)| live(node))
            .map(|(at, node)| {
                let (low_pu, high_pu) = self.limits.vm_pu[*node];
                Watched { at, low_pu, high_pu, now_pu: self.settled.solution.voltage[*node].abs() }
            })
            .collect()
    }
}

/// Solves suspects, given by state and place in its list, and judges them.
fn confirm(solver: &mut Solver, cases: &mut [Case<'_>], together: &[(usize, usize)], config: &NewtonConfig) {
    let outage = |(case, suspect): &(usize, usize)| {
        let (case, mut state) = (&cases[*case], cases[*case].settled.state.clone());
        state.branch_on[case.suspects[*suspect].branch] = false;
        state
    };
    let states: Vec<State> = together.iter().map(outage).collect();
    let jobs: Vec<Job<'_>> = together
        .iter()
        .zip(&states)
        .map(|((case, _), state)| Job { state, previous: Some(cases[*case].settled.solution) })
        .collect();
    let answers = solver.solve_batch(&jobs, config);
    for (((number, suspect), state), answer) in together.iter().zip(&states).zip(&answers) {
        let plan = solver.plan(&state.topology);
        let case = &mut cases[*number];
        case.found.confirmed += 1;
        if let Some(harm) = harm(solver.network(), &plan, case, answer) {
            case.found.insecure.push((case.suspects[*suspect].branch, harm));
        }
    }
}

/// What is wrong with the answer to an outage, the gravest first.
fn harm(
    network: &Network,
    plan: &Plan,
    case: &Case<'_>,
    answer: &Result<(Solution, Flows), Divergence>,
) -> Option<Harm> {
    let Settled { state, solution: before, .. } = case.settled;
    let lost = |after: Option<&Solution>| -> f64 {
        let dark = |bus: &crate::BusIdx| {
            let node = plan.nodes.demand[*bus];
            before.is_live(node) && !after.is_some_and(|after| after.is_live(node))
        };
        let buses = network.buses.id.indices().filter(dark);
        buses.map(|bus| state.demand_p_pu[bus].max(0.0)).sum()
    };
    match answer {
        Err(Divergence { reason: DivergenceReason::NoSource, .. }) => Some(Harm::LostDemand(lost(None))),
        Err(_) => Some(Harm::NoSolution),
        Ok((after, _)) if after.unsolved.len() > before.unsolved.len() => Some(Harm::NoSolution),
        Ok((after, flows)) => {
            let lost = lost(Some(after));
            if lost > 0.0 {
                return Some(Harm::LostDemand(lost));
            }
            let unmet = after.unmet_pu();
            if !(unmet <= case.limits.unmet_pu) {
                return Some(Harm::Unmet(unmet));
            }
            case.limits.broken(network, plan, after, flows).map(Harm::Broken)
        }
    }
}
