//! Split buses: the same grid as a file in which a second bus stands beside the first.

use std::sync::Arc;

use powerflow::case::BusKind;
use powerflow::{
    BranchIdx, BusId, BusIdx, Busbar, Case, Index, Network, NewtonConfig, ShuntIdx, Solver, Topology, UnitIdx,
};

use super::grid::{Dice, operated, textbook};

fn example() -> Case {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/volt_var/case118.m");
    powerflow::case::read(&file).expect("the example's case")
}

/// Everything of a network on the first busbar, said element by element.
fn said_one(network: &Network) -> Topology {
    let mut topology = Topology::unsplit();
    for branch in network.branches.from.indices() {
        topology = topology.with_branch_ends(branch, (Busbar::One, Busbar::One));
    }
    for unit in network.units.bus.indices() {
        topology = topology.with_unit(unit, Busbar::One);
    }
    for bus in network.buses.id.indices() {
        topology = topology.with_demand(bus, Busbar::One);
    }
    for shunt in network.shunts.bus.indices() {
        topology = topology.with_shunt(shunt, Busbar::One);
    }
    topology
}

#[test]
fn everything_on_the_first_busbar_is_the_grid_of_the_file() {
    let network = Network::build(example()).expect("a sound case");
    let topology = said_one(&network);
    assert!(topology.is_unsplit());
    let mut split = topology.with_unit(UnitIdx::from_row(3), Busbar::Two);
    assert!(!split.is_unsplit());
    split = split.with_unit(UnitIdx::from_row(3), Busbar::One);
    assert_eq!(split, Topology::unsplit(), "merged again");
    let mut state = network.initial_state();
    state.topology = Arc::new(split);
    let mut solver = Solver::new(&network);
    let config = NewtonConfig::default();
    let solution = solver.solve(&state, None, &config).expect("a solution");
    let unsplit = powerflow::solve(&network, &config).expect("a solution");
    for bus in network.buses.id.indices() {
        assert_eq!(solution.voltage(bus), unsplit.voltage(bus));
    }
}

/// Splits a bus by a draw, in a topology and in a copy of the case, where the second busbar is a bus of its own at the end.
fn split(case: &Case, network: &Network, bus: BusIdx, dice: &mut Dice) -> (Topology, Case) {
    let (mut topology, mut built) = (Topology::unsplit(), case.clone());
    let (id, second) = (network.buses.id[bus], BusId(1_000_000));
    let row = bus.row();
    let mut moved_unit = false;
    let side = |yes: bool| if yes { Busbar::Two } else { Busbar::One };
    for at in 0..case.branches.len() {
        let mut end = |bus: &mut BusId| {
            let moves = *bus == id && dice.chance(0.5);
            if moves {
                *bus = second;
            }
            side(moves)
        };
        let branch = &mut built.branches[at];
        let ends = (end(&mut branch.from), end(&mut branch.to));
        topology = topology.with_branch_ends(BranchIdx::from_row(at), ends);
    }
    for at in 0..case.units.len() {
        if case.units[at].bus == id && dice.chance(0.5) {
            built.units[at].bus = second;
            topology = topology.with_unit(UnitIdx::from_row(at), Busbar::Two);
            moved_unit = true;
        }
    }
    if dice.chance(0.5) {
        built.loads.iter_mut().filter(|load| load.bus == id).for_each(|load| load.bus = second);
        topology = topology.with_demand(bus, Busbar::Two);
    }
    for at in 0..case.shunts.len() {
        if case.shunts[at].bus == id && dice.chance(0.5) {
            built.shunts[at].bus = second;
            topology = topology.with_shunt(ShuntIdx::from_row(at), Busbar::Two);
        }
    }
    let mut other = case.buses[row].clone();
    other.id = second;
    other.line = None;
    let holds = |case: &Case, id: BusId| case.units.iter().any(|unit| unit.bus == id && unit.in_service);
    if other.kind == BusKind::Reference {
        other.kind = BusKind::Pv;
    }
    if !moved_unit {
        other.kind = BusKind::Pq;
    }
    if !holds(&built, id) && built.buses[row].kind == BusKind::Pv {
        built.buses[row].kind = BusKind::Pq;
    }
    built.buses.push(other);
    (topology, built)
}

#[test]
fn a_split_bus_is_two_buses_of_a_file() {
    let case = example();
    let network = Network::build(case.clone()).expect("a sound case");
    let mut solver = Solver::new(&network);
    let mut dice = Dice(5);
    let mut compared = 0;
    for row in [4, 11, 16, 36, 48, 48, 58, 76, 79, 99] {
        let bus = BusIdx::from_row(row);
        let (topology, built) = split(&case, &network, bus, &mut dice);
        let Ok(other) = Network::build(built) else { continue };
        let mut state = network.initial_state();
        state.topology = Arc::new(topology);
        for config in [textbook(), operated()] {
            let (Ok(by_topology), Ok(by_file)) =
                (solver.solve(&state, None, &config), powerflow::solve(&other, &config))
            else {
                continue;
            };
            let flows = solver.flows(&state, &by_topology);
            let other_flows = Solver::new(&other).flows(&other.initial_state(), &by_file);
            compared += 1;
            for bus in network.buses.id.indices() {
                let (a, b) = (by_topology.voltage(bus), by_file.voltage(bus));
                assert_eq!(a.is_some(), b.is_some(), "bus {}", network.buses.id[bus]);
                if let (Some(a), Some(b)) = (a, b) {
                    // The same equations in another elimination order, both to 1e-10 pu of mismatch.
                    assert!(
                        (a.re - b.re).abs() < 1e-9 && (a.im - b.im).abs() < 1e-9,
                        "split {row}: {a:?} {b:?}"
                    );
                }
            }
            for branch in network.branches.from.indices() {
                let gap = (flows.p_from_pu[branch] - other_flows.p_from_pu[branch]).abs();
                assert!(gap < 1e-7, "split {row}: {}: {gap}", network.branch_name(branch));
            }
        }
    }
    assert!(compared > 8, "{compared}");
}
