//! N-1 security: the screen against every outage solved, and what a state's neighbours, the width and the depth change.

use std::path::Path;
use std::sync::Arc;

use powerflow::security::{Depth, Harm, Security, Settled, Watch};
use powerflow::{BranchIdx, Index};
use powerflow::{Flows, Network, NewtonConfig, Solution, Solver, State, Width};

use super::grid::{Dice, operated};

/// The 118-bus example with ratings and voltage bands wider by a factor, so that some states are secure.
fn example(wider: f64) -> Arc<Network> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/volt_var/case118.m");
    let mut case = powerflow::case::read(&file).expect("the example's case");
    for branch in &mut case.branches {
        branch.rate_a_mva = branch.rate_a_mva.map(|mva| mva * wider);
        branch.rate_b_mva = branch.rate_b_mva.map(|mva| mva * wider);
    }
    for bus in &mut case.buses {
        let more = 0.5 * (wider - 1.0) * (bus.vm_max_pu - bus.vm_min_pu);
        (bus.vm_min_pu, bus.vm_max_pu) = (bus.vm_min_pu - more, bus.vm_max_pu + more);
    }
    Network::build(case).expect("a sound case")
}

/// Operating points: demand at 80 to 105 % of the file's, each bus apart by up to 10 %, every other one with a branch out.
fn moments(network: &Arc<Network>, solver: &mut Solver, count: usize) -> Vec<(State, Solution, Flows)> {
    let mut dice = Dice(20);
    let config = config();
    let mut moments = Vec::new();
    for number in 0..count {
        let mut state = network.initial_state();
        let level = dice.between(0.8, 1.05);
        for bus in network.buses.id.indices() {
            let factor = level * dice.between(0.9, 1.1);
            state.demand_p_pu[bus] *= factor;
            state.demand_q_pu[bus] *= factor;
        }
        if number % 2 == 1 {
            state.branch_on[BranchIdx::from_row(dice.below(network.branches.from.len()))] = false;
        }
        let Ok(solution) = solver.solve(&state, None, &config) else { continue };
        let flows = solver.flows(&state, &solution);
        moments.push((state, solution, flows));
    }
    moments
}

fn config() -> NewtonConfig {
    NewtonConfig { unsolved_islands_die: true, ..operated() }
}

fn settled(moments: &[(State, Solution, Flows)]) -> Vec<Settled<'_>> {
    moments.iter().map(|(state, solution, flows)| Settled { state, solution, flows }).collect()
}

#[test]
fn what_the_screen_rules_out_is_harmless() {
    let (mut secure, mut insecure) = (0, 0);
    for wider in [1.0, 2.5, 4.0] {
        let network = example(wider);
        let (mut solver, mut watch) = (Solver::new(&network), Watch::new(&network));
        let moments = moments(&network, &mut solver, 12);
        assert!(moments.len() > 8, "{}", moments.len());
        let mut look = |depth| watch.assess(&mut solver, &settled(&moments), depth, &config());
        let (first, screened, every) = (look(Depth::First), look(Depth::Screened), look(Depth::Every));
        for ((first, screened), every) in first.iter().zip(&screened).zip(&every) {
            assert_eq!(screened.insecure, every.insecure, "ratings times {wider}");
            assert_eq!(first.insecure.is_empty(), every.insecure.is_empty());
            assert!(first.insecure.iter().all(|found| every.insecure.contains(found)));
            assert!(first.confirmed <= screened.confirmed && screened.confirmed <= every.confirmed);
            if every.insecure.is_empty() { secure += 1 } else { insecure += 1 }
        }
    }
    // A law about verdicts is worth nothing on one of them.
    assert!(secure > 2 && insecure > 2, "{secure} secure, {insecure} insecure");
}

#[test]
fn a_state_is_judged_alike_alone_and_in_company_at_every_width() {
    let network = example(1.5);
    let mut solver = Solver::new(&network);
    let moments = moments(&network, &mut solver, 5);
    let all = settled(&moments);
    for depth in [Depth::First, Depth::Screened] {
        let together = Watch::new(&network).assess(&mut solver, &all, depth, &config());
        for width in Width::available() {
            solver.set_width(width);
            let mut watch = Watch::new(&network).with_width(width);
            let one =
                |settled: &Settled<'_>| watch.assess(&mut solver, &[*settled], depth, &config()).remove(0);
            let alone: Vec<Security> = all.iter().map(one).collect();
            assert_eq!(alone, together, "{width:?}");
        }
    }
}

#[test]
fn what_hangs_on_one_feeder_by_design_is_left_out_and_an_open_ring_is_not() {
    let network = example(4.0);
    let (mut solver, mut watch) = (Solver::new(&network), Watch::new(&network));
    let base = network.initial_state();
    let solution = solver.solve(&base, None, &config()).expect("the example's operating point");
    let flows = solver.flows(&base, &solution);
    let look = [Settled { state: &base, solution: &solution, flows: &flows }];
    let found = watch.assess(&mut solver, &look, Depth::Every, &config()).remove(0);
    // The IEEE 118-bus system has 9 branches that are bridges, 177 that are not.
    assert_eq!(found.outages, 177);
    let lost = |found: &Security| {
        let lost = |harm: &Harm| matches!(harm, Harm::LostDemand(_));
        found.insecure.iter().filter(|(_, harm)| lost(harm)).count()
    };
    assert_eq!(lost(&found), 0);

    // Bus 2 lies between buses 1 and 12; open at the one, it hangs on the other.
    let between = |a: u64, b: u64| {
        let branches = &network.branches;
        let bus = |at| network.buses.id[at].0;
        let joins = |branch: &BranchIdx| {
            let (from, to) = (bus(branches.from[*branch]), bus(branches.to[*branch]));
            (from, to) == (a, b) || (from, to) == (b, a)
        };
        branches.from.indices().find(joins).expect("a branch of the case")
    };
    let mut open = base;
    open.branch_on[between(1, 2)] = false;
    let solution = solver.solve(&open, None, &config()).expect("a solution");
    let flows = solver.flows(&open, &solution);
    let look = [Settled { state: &open, solution: &solution, flows: &flows }];
    let found = watch.assess(&mut solver, &look, Depth::Screened, &config()).remove(0);
    let feeder = between(2, 12);
    let harm = found.insecure.iter().find(|(branch, _)| *branch == feeder).map(|(_, harm)| *harm);
    let bus = network.bus(powerflow::BusId(2)).expect("bus 2");
    assert_eq!(harm, Some(Harm::LostDemand(open.demand_p_pu[bus])));
}
