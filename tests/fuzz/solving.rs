//! Random networks, solved in every way there is: alone, in batches of every width and order, in sweeps, linearly.

use std::fmt::Write;
use std::sync::Arc;

use gridgate_tests::Dice;
use powerflow::case::{BusKind, Case, CaseBranch, CaseBus, CaseControls, CaseLoad, CaseShunt, CaseUnit};
use powerflow::{
    Answer, BranchIdx, Busbar, Index, Job, LinearModel, Method, Network, NewtonConfig, OutageStatus, Plan,
    ReactiveLimits, Rescue, ShuntIdx, Slack, Solution, Solver, Start, State, Sweep, Topology, UnitIdx, Width,
    solve_linear,
};

use crate::Order;
use crate::claim::{Claim, Moment, Unmet};
use crate::finding::Finding;
use crate::shrink::shrink;
use crate::worker::{Feed, goes_on, guarded};
use crate::{absurd, reading};

/// States of one batch.
const STATES: usize = 20;

/// See the module.
pub(crate) struct Solving {
    seed: u64,
    case: Case,
    dice: Dice,
}

impl Solving {
    pub(crate) fn new(order: &Order) -> Self {
        Solving { seed: order.seed, case: Case::default(), dice: Dice(0) }
    }
}

impl Feed for Solving {
    fn attempt(&mut self, number: u64) -> Result<&'static str, Finding> {
        let mut dice = Dice(self.seed ^ number.wrapping_mul(0x9FB2_1C65_1E98_DF25));
        self.case = absurd::case(&mut dice);
        self.dice = dice;
        examine(&self.case, self.dice.clone())
    }

    fn input(&self) -> Vec<(String, Vec<u8>)> {
        vec![("case.txt".into(), format!("{:#?}", self.case).into_bytes())]
    }

    fn smaller(&mut self, _number: u64, kind: &str) -> Option<Vec<(String, Vec<u8>)>> {
        let case = &self.case;
        let mut parts: Vec<Part> = Vec::new();
        parts.extend(case.shunts.iter().cloned().map(Part::Shunt));
        parts.extend(case.loads.iter().cloned().map(Part::Load));
        parts.extend(case.branches.iter().cloned().map(Part::Branch));
        parts.extend(case.units.iter().cloned().map(Part::Unit));
        parts.extend(case.buses.iter().cloned().map(Part::Bus));
        let mut fails = |parts: &[Part]| {
            let case = joined(case, parts);
            guarded(|| examine(&case, self.dice.clone())).is_err_and(|found| found.kind == kind)
        };
        let fewer = joined(case, &shrink(parts, &mut fails));
        let said = guarded(|| examine(&fewer, self.dice.clone())).err();
        let text = format!("{:#?}\n{said:#?}\n", fewer);
        Some(vec![("case.txt".into(), text.into_bytes())])
    }
}

/// An element of a case.
#[derive(Clone)]
enum Part {
    Bus(CaseBus),
    Load(CaseLoad),
    Shunt(CaseShunt),
    Branch(CaseBranch),
    Unit(CaseUnit),
}

fn joined(case: &Case, parts: &[Part]) -> Case {
    let mut joined = Case {
        buses: Vec::new(),
        loads: Vec::new(),
        shunts: Vec::new(),
        branches: Vec::new(),
        units: Vec::new(),
        ..case.clone()
    };
    for part in parts {
        match part {
            Part::Bus(bus) => joined.buses.push(bus.clone()),
            Part::Load(load) => joined.loads.push(load.clone()),
            Part::Shunt(shunt) => joined.shunts.push(shunt.clone()),
            Part::Branch(branch) => joined.branches.push(branch.clone()),
            Part::Unit(unit) => joined.units.push(unit.clone()),
        }
    }
    // Devices name rows.
    let rows = |case: &Case| [case.loads.len(), case.shunts.len(), case.branches.len(), case.units.len()];
    if rows(&joined) != rows(case) {
        (joined.controls, joined.demand_parts) = (CaseControls::default(), Vec::new());
    }
    joined
}

/// Everything that is done to a case; what is drawn depends on the dice alone.
fn examine(case: &Case, mut dice: Dice) -> Result<&'static str, Finding> {
    let said = reading::examine_case(case)?;
    let whole = if case.dc_lines_run { case.clone().with_dc_lines() } else { case.clone() };
    let Ok(network) = Network::build(whole) else { return Ok(said) };
    if network.branches.from.is_empty() && network.units.bus.is_empty() {
        return Ok("solved: nothing");
    }
    let mut solved = 0;
    for reactive_limits in [ReactiveLimits::Enforce, ReactiveLimits::Ignore] {
        for slack in [Slack::Distributed, Slack::Single] {
            for start in [Start::Case, Start::Flat, Start::Dc] {
                let config = NewtonConfig {
                    reactive_limits,
                    slack,
                    start,
                    unsolved_islands_die: dice.chance(0.2),
                    rescue: *dice.pick(&[Rescue::No, Rescue::Quick, Rescue::Quick, Rescue::Full]),
                    ..NewtonConfig::default()
                };
                let state = network.initial_state();
                let mut solver = Solver::new(&network);
                solved += u32::from(holds(&network, &mut solver, &state, None, &config)?.is_some());
            }
        }
    }
    let textbook = NewtonConfig {
        reactive_limits: ReactiveLimits::Ignore,
        slack: Slack::Single,
        ..NewtonConfig::default()
    };
    let config = match dice.below(4) {
        0 => NewtonConfig { slack: Slack::Single, ..NewtonConfig::default() },
        1 => NewtonConfig { unsolved_islands_die: true, ..NewtonConfig::default() },
        2 => textbook.clone(),
        _ => NewtonConfig::default(),
    };
    let states: Vec<State> = (0..STATES).map(|_| mutated(&mut dice, &network)).collect();
    batches(&network, &states, &config, &mut dice)?;
    linear(&network, &mut dice.clone())?;
    for config in [&textbook, &config] {
        sweeps(&network, config, &mut dice.clone())?;
    }
    Ok(match solved {
        0 => "no way to solve it",
        12 => "solved in every way",
        _ => "solved in some ways",
    })
}

/// Solves a state; what is answered holds, and a divergence is made of numbers.
fn holds(
    network: &Arc<Network>,
    solver: &mut Solver,
    state: &State,
    previous: Option<&Solution>,
    config: &NewtonConfig,
) -> Result<Option<Solution>, Finding> {
    goes_on();
    match solver.solve(state, previous, config) {
        Ok(solution) => {
            let claim = Claim::of_solution(network, &solution, config.tolerance_pu);
            let flows = solver.flows(state, &solution);
            // What is claimed is claimed by bus: of a split one it says too little.
            if state.topology.is_unsplit() {
                claim.hold(&network.case, &Moment::of_state(network, state)).map_err(|found| Finding {
                    detail: format!("{}; {config:?}, {:?}", found.detail, solution.rung),
                    ..found
                })?;
            }
            let finite =
                |column: &powerflow::Column<BranchIdx, f64>| column.as_slice().iter().all(|x| x.is_finite());
            if ![&flows.p_from_pu, &flows.q_from_pu, &flows.p_to_pu, &flows.q_to_pu].into_iter().all(finite) {
                return Err(Finding::new("flows that are no numbers", format!("{config:?}")));
            }
            if !(solution.mismatch_pu <= 1e-3) {
                let detail = format!("{} pu, {config:?}", solution.mismatch_pu);
                return Err(Finding::new("note: solved with a large mismatch", detail));
            }
            Ok(Some(solution))
        }
        Err(divergence) => {
            let numbers = [divergence.mismatch_mw, divergence.mismatch_mvar];
            if numbers.iter().any(|x| !x.is_finite()) || divergence.to_string().contains("NaN") {
                return Err(Finding::new("a divergence that is no number", divergence.to_string()));
            }
            Ok(None)
        }
    }
}

/// Outages, trips, other demand, other set-points.
fn mutated(dice: &mut Dice, network: &Network) -> State {
    let mut state = network.initial_state();
    for _ in 0..dice.below(4) {
        let branches = network.branches.from.len();
        if branches > 0 {
            let branch = BranchIdx::from_row(dice.below(branches));
            state.branch_on[branch] = !state.branch_on[branch];
            if dice.chance(0.3) {
                state.tap_ratio[branch] = dice.between(0.8, 1.2);
            }
        }
    }
    let units = network.units.bus.len();
    for unit in (0..units).map(UnitIdx::from_row) {
        if dice.chance(1.0 / (1.0 + units as f64)) {
            state.unit_on[unit] = !state.unit_on[unit];
        }
        if dice.chance(0.05) {
            state.unit_v_set_pu[unit] = dice.between(0.9, 1.1);
        }
    }
    for shunt in (0..network.shunts.bus.len()).map(ShuntIdx::from_row) {
        if dice.chance(0.3) {
            state.shunt_step[shunt] = dice.below(network.shunts.steps_pu[shunt].len()) as u32;
        }
    }
    if dice.chance(0.1) && !network.branches.from.is_empty() {
        let mut topology = Topology::unsplit();
        for _ in 0..1 + dice.below(3) {
            let branch = BranchIdx::from_row(dice.below(network.branches.from.len()));
            let busbar = |dice: &mut Dice| *dice.pick(&[Busbar::One, Busbar::Two]);
            topology = topology.with_branch_ends(branch, (busbar(dice), busbar(dice)));
        }
        state.topology = Arc::new(topology);
    }
    let all = if dice.chance(0.3) { dice.between(-2.0, 5.0) } else { dice.between(0.7, 1.2) };
    for bus in network.buses.id.indices() {
        let own = if dice.chance(0.1) { dice.between(-2.0, 5.0) } else { all };
        state.demand_p_pu[bus] *= own;
        state.demand_q_pu[bus] *= own;
    }
    state
}

/// One by one, in batches of every width, in another order: the same bits.
fn batches(
    network: &Arc<Network>,
    states: &[State],
    config: &NewtonConfig,
    dice: &mut Dice,
) -> Result<(), Finding> {
    let mut solver = Solver::new(network);
    let base = solver.solve(&network.initial_state(), None, config).ok();
    let warm: Vec<Option<&Solution>> =
        states.iter().map(|_| base.as_ref().filter(|_| dice.chance(0.5))).collect();
    let mut alone = Vec::new();
    for (state, previous) in states.iter().zip(&warm) {
        let solution = holds(network, &mut solver, state, *previous, config)?;
        // Once more as bytes, by a solver that has seen nothing.
        let mut fresh = Solver::new(network);
        let answer = fresh.solve(state, *previous, config).map(|solution| {
            let flows = fresh.flows(state, &solution);
            (solution, flows)
        });
        let bytes = format!("{answer:?}");
        if solution.is_some_and(|s| answer.as_ref().map(|(a, _)| format!("{a:?}")) != Ok(format!("{s:?}"))) {
            return Err(Finding::new("what was solved before shows", bytes));
        }
        alone.push(bytes);
    }
    let mut order: Vec<usize> = (0..states.len()).collect();
    for width in Width::available() {
        solver.set_width(width);
        for _ in 0..2 {
            goes_on();
            let jobs: Vec<Job<'_>> =
                order.iter().map(|i| Job { state: &states[*i], previous: warm[*i] }).collect();
            for (answer, i) in solver.solve_batch(&jobs, config).iter().zip(&order) {
                let bytes = format!("{answer:?}");
                if bytes != alone[*i] {
                    let detail =
                        format!("state {i} at {width:?}, {config:?}:\n{bytes}\nalone:\n{}", alone[*i]);
                    return Err(Finding::new("a batch is not its states one by one", detail));
                }
            }
            dice.shuffle(&mut order);
        }
    }
    Ok(())
}

/// All of an answer, to the bit.
fn words(network: &Network, answer: &Answer<'_>) -> String {
    let mut text = format!(
        "{:?} {:?} {} {:?} {:?} {:?}",
        answer.status,
        answer.method,
        answer.iterations,
        answer.mismatch_pu,
        answer.unmet_pu,
        answer.divergence
    );
    for bus in network.buses.id.indices() {
        let _ = write!(text, " {:?}", answer.voltage(bus));
    }
    text
}

/// What an answer of the lanes claims: units of a single slack are on schedule, but for those that hold something.
fn claimed(
    network: &Network,
    base: &Solution,
    state: &State,
    answer: &Answer<'_>,
    tolerance_pu: f64,
) -> Claim {
    let units = &network.units;
    let live = |bus| answer.voltage(bus).is_some();
    let mut open: Vec<(bool, bool)> =
        network.buses.kind.as_slice().iter().map(|kind| (*kind == BusKind::Reference, false)).collect();
    base.islands.iter().for_each(|island| open[island.reference.row()].0 = true);
    let mut unit = Vec::new();
    for (u, bus) in units.bus.iter() {
        let runs = state.unit_on[u] && live(*bus);
        open[bus.row()].1 |= runs && units.regulates[u];
        let q = if units.regulates[u] { 0.0 } else { units.q_pu[u] };
        unit.push(if runs { (state.unit_p_pu[u], q) } else { (0.0, 0.0) });
    }
    let polar = |bus| answer.voltage(bus).map(|v| (v.re.hypot(v.im), v.im.atan2(v.re)));
    Claim {
        polar: network.buses.id.indices().map(polar).collect(),
        unit,
        unmet: Unmet::At(Vec::new()),
        open,
        tolerance_pu,
    }
}

/// Outages and injections in lanes: the same bits at every width and in a fork, and Kirchhoff's law.
fn sweeps(network: &Arc<Network>, config: &NewtonConfig, dice: &mut Dice) -> Result<(), Finding> {
    let Ok(mut sweep) = Sweep::new(network, network.initial_state(), config) else { return Ok(()) };
    let branches = network.branches.from.len();
    let mut outages: Vec<Vec<BranchIdx>> =
        (0..branches.min(80)).map(|b| vec![BranchIdx::from_row(b)]).collect();
    outages.push(Vec::new());
    for _ in 0..20.min(branches) {
        outages.push((0..1 + dice.below(4)).map(|_| BranchIdx::from_row(dice.below(branches))).collect());
    }
    let base = sweep.base_solution().clone();
    let merciful = NewtonConfig { unsolved_islands_die: true, ..config.clone() };
    let mut solver = Solver::new(network);
    let (mut found, mut other_bits) = (None, None);
    let mut first: Vec<String> = vec![String::new(); outages.len()];
    sweep.outages(&outages, &mut |row, answer| {
        first[row] = words(network, answer);
        let mut state = network.initial_state();
        outages[row].iter().for_each(|branch| state.branch_on[*branch] = false);
        found = found.take().or_else(|| in_lanes(network, &base, &state, answer, config).err());
        if answer.method == Some(Method::Lanes)
            && found.is_none()
            && let Ok(alone) = solver.solve(&state, Some(&base), &merciful)
        {
            other_bits = other_bits.take().or_else(|| apart(network, &alone, answer, config));
        }
    });
    let rows = if branches > 0 { 20 } else { 3 };
    let seed = dice.any();
    let fill = |row: usize, injections: powerflow::InjectionRow<'_>| {
        let mut dice = Dice(seed ^ row as u64);
        let all = if row % 4 == 3 { dice.between(-2.0, 5.0) } else { dice.between(0.9, 1.1) };
        for x in injections.demand_p_pu.iter_mut().chain(injections.demand_q_pu) {
            *x *= all * dice.between(0.95, 1.05);
        }
        if dice.chance(0.5) {
            injections.unit_p_pu.iter_mut().for_each(|x| *x *= dice.between(0.8, 1.2));
        }
    };
    goes_on();
    let mut second: Vec<String> = vec![String::new(); rows];
    sweep.injections(rows, &mut { fill }, &mut |row, answer| {
        second[row] = words(network, answer);
        let mut state = network.initial_state();
        fill(
            row,
            powerflow::InjectionRow {
                demand_p_pu: state.demand_p_pu.as_mut_slice(),
                demand_q_pu: state.demand_q_pu.as_mut_slice(),
                unit_p_pu: state.unit_p_pu.as_mut_slice(),
            },
        );
        found = found.take().or_else(|| in_lanes(network, &base, &state, answer, config).err());
    });
    if let Some(found) = found {
        return Err(found);
    }
    for width in Width::available() {
        goes_on();
        let mut other = sweep.fork().with_width(width);
        let mut differs = None;
        other.outages(&outages, &mut |row, answer| {
            let now = words(network, answer);
            if now != first[row] {
                differs = Some(format!("{width:?}, out {:?}:\n{now}\nbefore:\n{}", outages[row], first[row]));
            }
        });
        other.injections(rows, &mut { fill }, &mut |row, answer| {
            let now = words(network, answer);
            if now != second[row] {
                differs = Some(format!("{width:?}, injection {row}:\n{now}\nbefore:\n{}", second[row]));
            }
        });
        if let Some(detail) = differs {
            return Err(Finding::new("a sweep depends on its width", detail));
        }
    }
    other_bits.map_or(Ok(()), Err)
}

/// Lanes answer a row with the bits of its state alone.
fn apart(network: &Network, alone: &Solution, answer: &Answer<'_>, config: &NewtonConfig) -> Option<Finding> {
    let mut furthest = 0.0f64;
    for bus in network.buses.id.indices() {
        let gap = match (alone.voltage(bus), answer.voltage(bus)) {
            (Some(a), Some(b)) => (a.re - b.re).abs().max((a.im - b.im).abs()),
            (None, None) => 0.0,
            _ => f64::INFINITY,
        };
        furthest = furthest.max(gap);
    }
    (furthest > 0.0).then(|| {
        let detail = format!(
            "out {:?}: {furthest} pu apart, {} and {} iterations, {} and {} pu left, alone {:?}; {config:?}",
            answer.out,
            answer.iterations,
            alone.iterations,
            answer.mismatch_pu,
            alone.mismatch_pu,
            alone.rung
        );
        // Near a bifurcation another last bit is another root: only an ordinary gap is rounding.
        let rounding = furthest < 1e-6;
        Finding::new(
            if rounding {
                "note: last bits of an outage in lanes"
            } else {
                "an outage in lanes is not its state alone"
            },
            detail,
        )
    })
}

/// Kirchhoff's law for what the lanes answer; the ladder's answers are audited where they are made.
fn in_lanes(
    network: &Network,
    base: &Solution,
    state: &State,
    answer: &Answer<'_>,
    config: &NewtonConfig,
) -> Result<(), Finding> {
    if !matches!(answer.method, Some(Method::Lanes | Method::SharedFactor)) {
        return Ok(());
    }
    let claim = claimed(network, base, state, answer, config.tolerance_pu);
    claim.hold(&network.case, &Moment::of_state(network, state)).map(|_| ()).map_err(|found| {
        let detail =
            format!("{}; {:?} {:?} out {:?}", found.detail, answer.method, answer.mismatch_pu, answer.out);
        Finding::new(format!("sweep: {}", found.kind), detail)
    })
}

/// The linear model: flows are numbers, balance, and are those of the changed grid; every width the same bits.
fn linear(network: &Arc<Network>, dice: &mut Dice) -> Result<(), Finding> {
    let state = if dice.chance(0.5) { network.initial_state() } else { mutated(dice, network) };
    let slack = if dice.chance(0.5) { Slack::Single } else { Slack::Distributed };
    let config = NewtonConfig { slack, ..NewtonConfig::default() };
    let Ok(flow) = solve_linear(network, &state, &config) else { return Ok(()) };
    let plan = Arc::new(Plan::new(network, &state.topology));
    let Ok(model) = LinearModel::new(network, &plan, &state, slack) else {
        return Err(Finding::new("a linear flow, but no linear model", ""));
    };
    let base = flow.branch_p_pu;
    if base.iter().chain(&flow.unit_p_pu).chain(flow.angle_rad.iter().flatten()).any(|x| !x.is_finite()) {
        return Err(Finding::new("note: a linear flow that is no number", format!("{slack:?}")));
    }
    goes_on();
    let outages = model.in_service();
    let balance = |flows: &[f64]| {
        let mut sum = vec![(0.0, 1.0f64); network.buses.id.len()];
        for (branch, from) in network.branches.from.iter() {
            let p = flows[branch.row()];
            for (bus, sign) in [(from.row(), 1.0), (network.branches.to[branch].row(), -1.0)] {
                sum[bus] = (sum[bus].0 + sign * p, sum[bus].1.max(p.abs()));
            }
        }
        sum
    };
    let before = balance(&base);
    let stiffness = |branch: &CaseBranch| (1.0 / (branch.x_pu * branch.tap)).abs();
    let live = network.case.branches.iter().filter(|branch| branch.in_service);
    let stiffest = live.map(stiffness).filter(|s| s.is_finite()).fold(0.0, f64::max);
    let mut found = None;
    let mut first: Vec<String> = vec![String::new(); outages.len()];
    let mut flows = Vec::new();
    let told = model.outages(&base, &outages, &mut |row, answer| {
        first[row] = if answer.copy_into(&mut flows) { format!("{flows:?}") } else { format!("{answer:?}") };
        if answer.status != OutageStatus::Connected || found.is_some() {
            return;
        }
        let own = flows[answer.branch.row()];
        if flows.iter().any(|x| !x.is_finite()) || own != 0.0 {
            found =
                Some(Finding::new("linear outage: no number, or a flow on what is out", first[row].clone()));
            return;
        }
        let kinds = network.buses.kind.as_slice();
        let largest = base.iter().chain(&flows).fold(0.0f64, |largest, p| largest.max(p.abs()));
        // The flow of a very stiff branch is the difference of two nearly equal angles: their rounding, times its stiffness.
        let rounding = 4.0 * f64::EPSILON * stiffest;
        let worst = before.iter().zip(balance(&flows)).zip(kinds).position(|((a, b), kind)| {
            // Where several buses hold their angle, what they provide is not given.
            let allowed = 1e-6 * a.1.max(b.1) + 1e-12 * largest + rounding;
            *kind != BusKind::Reference && !((a.0 - b.0).abs() <= allowed)
        });
        if let Some(bus) = worst {
            let detail = format!(
                "branch {} out, bus row {bus}: {} was {:?}",
                answer.branch.row() + 1,
                first[row],
                base
            );
            found = Some(Finding::new("linear outage: a bus is out of balance", detail));
        }
    });
    if let Err(complaints) = told {
        return Err(Finding::new("linear outages are refused", complaints.to_string()));
    }
    let pairs: Vec<BranchIdx> = outages.iter().copied().take(12).collect();
    let mut wrong_pair = None;
    let told = model.outage_pairs(&base, &pairs, None, &mut |answer| {
        if answer.copy_into(&mut flows) && flows.iter().any(|x| !x.is_finite()) {
            wrong_pair = Some(format!("{:?}", answer.branches));
        }
    });
    if told.is_err() || wrong_pair.is_some() {
        return Err(Finding::new("linear pair: no number", format!("{wrong_pair:?}")));
    }
    if let Some(found) = found {
        return Err(found);
    }
    for width in Width::available() {
        let other = model.clone().with_width(width);
        let mut differs = None;
        let _ = other.outages(&base, &outages, &mut |row, answer| {
            let now = if answer.copy_into(&mut flows) { format!("{flows:?}") } else { format!("{answer:?}") };
            if now != first[row] {
                differs = Some(format!("{width:?} {:?}: {now}, before {}", answer.branch, first[row]));
            }
        });
        if let Some(detail) = differs {
            return Err(Finding::new("linear outages depend on the width", detail));
        }
    }
    Ok(())
}
