//! What holds for every cascade, whichever engine tells it.
//!
//! An engine is anything that makes, of a network, something that answers an outage with a cascade: the laws know no more of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use harness::cascade::separation::{self, Separation};
use harness::cascade::steps::{self, FlowModel, Isolation, Steps};
use harness::cascade::{Cascade, Cause, Outage, Told, Trip, Tripped};
use powerflow::case::Case;
use powerflow::{BranchIdx, BusIdx, Index, Network, UnitIdx, solve_linear};
use proptest::prelude::*;

use super::grid::{Dice, Recipe, Solved, build, cases, operated, recipe};

/// Bookkeeping is exact to this, MW.
const BOOKS_MW: f64 = 1e-6;
/// Times that only the order of summation separates, s; and other quantities, relative.
const ROUNDING: f64 = 1e-6;

/// What tells a cascade.
pub(crate) type Teller = Box<dyn FnMut(&Outage) -> Cascade>;
/// What makes one of a network.
pub(crate) type Engine<'a> = &'a dyn Fn(&Arc<Network>) -> Teller;

/// Laws 1, 2 and 4: the books close after every event, nothing comes back, nothing goes twice, there is an end.
pub(crate) fn books_close_and_nothing_returns(
    network: &Network,
    outage: &Outage,
    cascade: &Cascade,
) -> Result<(), TestCaseError> {
    let account = &cascade.account;
    prop_assert!(account.imbalance_mw().abs() <= BOOKS_MW, "{account:?}");
    prop_assert!(account.served_mw >= -BOOKS_MW && account.shed.total_mw() >= -BOOKS_MW);
    let mut served_mw = account.initial_load_mw - account.shed.bus_outage_mw;
    let mut gone: BTreeSet<Tripped> = outage.branches.iter().map(|branch| Tripped::Branch(*branch)).collect();
    gone.extend(outage.units.iter().map(|unit| Tripped::Unit(*unit)));
    let mut before: Option<&Trip> = None;
    for trip in &cascade.trips {
        prop_assert!(trip.lost_mw >= 0.0, "{trip:?}");
        served_mw -= trip.lost_mw;
        prop_assert!(served_mw >= -BOOKS_MW, "{trip:?} after {served_mw} MW");
        // The demand of a bus may be shed in several steps; a branch or a unit goes once.
        if !matches!(trip.what, Tripped::Bus(_)) {
            prop_assert!(gone.insert(trip.what), "{trip:?} was gone already");
        }
        match trip.what {
            Tripped::Branch(branch) => prop_assert!(network.branches.in_service[branch]),
            Tripped::Unit(unit) => prop_assert!(network.units.in_service[unit]),
            Tripped::Bus(_) => {}
        }
        if let Some(before) = before {
            prop_assert!(trip.generation >= before.generation && trip.time_s >= before.time_s);
        }
        before = Some(trip);
    }
    // Every MW has its row in the log.
    if cascade.stopped.is_none() {
        prop_assert!((served_mw - account.served_mw).abs() <= BOOKS_MW, "{served_mw} {account:?}");
    } else {
        prop_assert!(account.served_mw == 0.0);
    }
    let generations = cascade.trips.last().map_or(1, |trip| trip.generation) as usize;
    let most = network.branches.from.len() + network.units.bus.len() + 1;
    prop_assert!(generations <= most, "{generations} generations");
    Ok(())
}

/// Law 7: the same again, and the same from an engine that has told others before.
pub(crate) fn told_twice_is_told_the_same(
    network: &Arc<Network>,
    outages: &[Outage],
    engine: Engine<'_>,
) -> Result<(), TestCaseError> {
    let mut used = engine(network);
    for outage in outages {
        let first = engine(network)(outage);
        prop_assert_eq!(used(outage), first);
    }
    Ok(())
}

/// Law 8: what is out already can go out once more.
pub(crate) fn the_loss_of_a_dead_element_is_none(
    network: &Arc<Network>,
    outage: &Outage,
    engine: Engine<'_>,
) -> Result<(), TestCaseError> {
    let mut more = outage.clone();
    let branches = network.branches.in_service.iter();
    more.branches.extend(branches.filter(|(_, on)| !**on).map(|(branch, _)| branch));
    let units = network.units.in_service.iter();
    more.units.extend(units.filter(|(_, on)| !**on).map(|(unit, _)| unit));
    let more = more.in_order();
    let mut tell = engine(network);
    prop_assert_eq!(tell(&more), tell(outage));
    Ok(())
}

/// Law 6: the rows of a file in another order are another order of the same events.
pub(crate) fn order_of_rows_does_not_matter(
    case: &Case,
    outage: &Outage,
    seed: u64,
    engine: Engine<'_>,
) -> Result<(), TestCaseError> {
    let order = |n: usize, salt: u64| {
        let mut rows: Vec<usize> = (0..n).collect();
        Dice(seed ^ salt).shuffle(&mut rows);
        rows
    };
    let (buses, branches, units) =
        (order(case.buses.len(), 1), order(case.branches.len(), 2), order(case.units.len(), 3));
    let mut other = case.clone();
    other.buses = buses.iter().map(|row| case.buses[*row].clone()).collect();
    other.branches = branches.iter().map(|row| case.branches[*row].clone()).collect();
    other.units = units.iter().map(|row| case.units[*row].clone()).collect();
    let now = |order: &[usize], row: usize| {
        order.iter().position(|old| *old == row).expect("every row is somewhere")
    };
    let moved = Outage {
        branches: outage.branches.iter().map(|b| BranchIdx::from_row(now(&branches, b.row()))).collect(),
        units: outage.units.iter().map(|u| UnitIdx::from_row(now(&units, u.row()))).collect(),
        buses: outage.buses.iter().map(|b| BusIdx::from_row(now(&buses, b.row()))).collect(),
    };
    let ours = engine(&build(case.clone()))(outage);
    let theirs = engine(&build(other))(&moved.in_order());
    let back = |what: Tripped| match what {
        Tripped::Branch(branch) => Tripped::Branch(BranchIdx::from_row(branches[branch.row()])),
        Tripped::Unit(unit) => Tripped::Unit(UnitIdx::from_row(units[unit.row()])),
        Tripped::Bus(bus) => Tripped::Bus(BusIdx::from_row(buses[bus.row()])),
    };
    let gone = |trips: &[Trip], back: &dyn Fn(Tripped) -> Tripped| -> BTreeSet<(u32, Cause, Tripped)> {
        // A row for a whole island names its first bus, which is another one in another order.
        let of_island = |trip: &&Trip| trip.cause != Cause::Ufls;
        trips.iter().filter(of_island).map(|trip| (trip.generation, trip.cause, back(trip.what))).collect()
    };
    prop_assert_eq!(gone(&ours.trips, &|what| what), gone(&theirs.trips, &back));
    let close = |a: f64, b: f64| (a - b).abs() <= ROUNDING * a.abs().max(1.0);
    for ((cause, a), (_, b)) in ours.account.shed.by_cause().iter().zip(theirs.account.shed.by_cause()) {
        prop_assert!(close(*a, b), "{cause}: {a} {b}");
    }
    let last = |cascade: &Cascade| cascade.trips.last().and_then(|trip| trip.time_s).unwrap_or_default();
    prop_assert!(close(last(&ours), last(&theirs)));
    prop_assert_eq!(ours.stopped.is_some(), theirs.stopped.is_some());
    Ok(())
}

/// Law 5: nothing happens where nothing is wrong and nothing was lost.
pub(crate) fn no_outage_is_no_cascade(
    network: &Arc<Network>,
    engine: Engine<'_>,
) -> Result<(), TestCaseError> {
    let cascade = engine(network)(&Outage::default());
    prop_assert!(cascade.trips.is_empty() && cascade.stopped.is_none(), "{:?}", cascade);
    prop_assert_eq!(cascade.account.shed.total_mw(), 0.0);
    prop_assert_eq!(cascade.solves, 1);
    Ok(())
}

/// Law 3, of what is left: every island has the power that it serves; `losses` where the flow has them.
fn what_is_left_is_balanced(told: &Told, losses: bool) -> Result<(), TestCaseError> {
    let mut served_mw = 0.0;
    for island in &told.islands {
        served_mw += island.demand_mw;
        let over_mw = island.generation_mw - island.demand_mw;
        let most_mw = if losses { island.demand_mw.abs() + island.buses as f64 } else { BOOKS_MW };
        prop_assert!((-BOOKS_MW..=most_mw).contains(&over_mw), "{island:?}");
    }
    if told.cascade.stopped.is_none() {
        prop_assert!((served_mw - told.cascade.account.served_mw).abs() <= BOOKS_MW);
    }
    Ok(())
}

/// A grid of which some branches and units are out, with ratings a little above what flows in the base: an outage has
/// consequences.
fn strained(recipe: Recipe) -> Option<Case> {
    let mut dice = Dice(recipe.seed ^ 7);
    let mut case = recipe.case();
    for unit in &mut case.units {
        unit.p_min_mw = 0.0;
        unit.ramp_mw_per_min = dice.chance(0.5).then(|| dice.between(0.5, 20.0));
    }
    let chords = case.branches.len() - recipe.chords.min(case.branches.len());
    for branch in case.branches.iter_mut().skip(chords) {
        branch.in_service = dice.chance(0.9);
    }
    let solved =
        Solved::initial(case.clone(), &operated()).filter(|solved| solved.solution.unmet_pu() < 1e-6)?;
    let mut separation =
        Separation::new(&solved.network, &separation::Settings::default()).expect("reactances");
    let separation_mw = separation.base_flow().expect("angles").flow_mw;
    let linear_pu =
        solve_linear(&solved.network, &solved.state, &operated()).expect("reactances").branch_p_pu;
    let voltages = solved.network.buses.id.indices().filter_map(|bus| solved.solution.vm_pu(bus));
    let lowest_pu = voltages.fold(1.0, f64::min);
    for (row, branch) in case.branches.iter_mut().enumerate() {
        let [p_from, q_from, p_to, q_to] = solved.flow_mw(row);
        let linear_mw = separation_mw[row].abs().max(solved.network.base.from_pu(linear_pu[row]).abs());
        let ac_mva = p_from.hypot(q_from).max(p_to.hypot(q_to));
        // As currents at the lowest voltage, and none so small that anything trips it.
        let flow_mva = ac_mva.max(linear_mw) / lowest_pu + 0.5;
        branch.rate_a_mva = dice.chance(0.95).then(|| flow_mva * dice.between(1.05, 1.7));
        branch.rate_b_mva = branch.rate_a_mva;
    }
    Some(case)
}

fn outage(case: &Case, network: &Network, seed: u64, k: usize) -> Outage {
    let mut dice = Dice(seed);
    let mut outage = Outage::default();
    for _ in 0..k {
        match dice.below(8) {
            0 => outage.units.push(UnitIdx::from_row(dice.below(case.units.len()))),
            1 => outage.buses.push(BusIdx::from_row(dice.below(network.buses.id.len()))),
            _ => outage.branches.push(BranchIdx::from_row(dice.below(case.branches.len()))),
        }
    }
    outage.in_order()
}

/// All laws of one engine on one grid.
pub(crate) fn obeys(case: &Case, seed: u64, k: usize, engine: Engine<'_>) -> Result<(), TestCaseError> {
    let network = build(case.clone());
    let outages: Vec<Outage> = (0..3).map(|at| outage(case, &network, seed ^ at, k)).collect();
    let mut tell = engine(&network);
    for outage in &outages {
        books_close_and_nothing_returns(&network, outage, &tell(outage))?;
    }
    no_outage_is_no_cascade(&network, engine)?;
    told_twice_is_told_the_same(&network, &outages, engine)?;
    the_loss_of_a_dead_element_is_none(&network, &outages[0], engine)?;
    order_of_rows_does_not_matter(case, &outages[0], seed, engine)
}

fn dcsep_settings(seed: u64) -> separation::Settings {
    let mut dice = Dice(seed ^ 11);
    separation::Settings {
        relay_share: dice.between(0.1, 1.0),
        relay_s: dice.between(1.0, 60.0),
        step_s_max: dice.between(5.0, 60.0),
        end_s: dice.between(60.0, 2000.0),
        ramp_min: dice.between(0.0, 10.0),
        ..separation::Settings::default()
    }
}

fn steps_settings(seed: u64) -> steps::Settings {
    let mut dice = Dice(seed ^ 13);
    steps::Settings {
        steps: 1 + dice.below(8) as u32,
        soft_steps: dice.below(4) as u32,
        hard_limit: dice.between(1.1, 2.0),
        flow: if dice.chance(0.3) { FlowModel::Dc } else { FlowModel::Ac },
        isolation: if dice.chance(0.7) { Isolation::Shed } else { Isolation::End },
        ..steps::Settings::default()
    }
}

proptest! {
    #![proptest_config(cases(40))]
    #[test]
    fn engine_c_obeys_the_laws(recipe in recipe(), seed in any::<u64>(), k in 1usize..5) {
        let Some(case) = strained(recipe) else { return Ok(()) };
        let settings = dcsep_settings(seed);
        obeys(&case, seed, k, &|network| {
            let mut engine = Separation::new(network, &settings).expect("reactances");
            Box::new(move |outage: &Outage| engine.cascade(outage).cascade)
        })?;
        let network = build(case.clone());
        let mut engine = Separation::new(&network, &settings).expect("reactances");
        what_is_left_is_balanced(&engine.cascade(&outage(&case, &network, seed, k)), false)?;
    }
}

proptest! {
    #![proptest_config(cases(10))]
    #[test]
    fn engine_d_obeys_the_laws(recipe in recipe(), seed in any::<u64>(), k in 1usize..4) {
        let Some(case) = strained(recipe) else { return Ok(()) };
        let settings = steps_settings(seed);
        obeys(&case, seed, k, &|network| {
            let mut engine = Steps::new(network, &settings);
            Box::new(move |outage: &Outage| engine.cascade(outage).cascade)
        })?;
        let network = build(case.clone());
        let told = Steps::new(&network, &settings).cascade(&outage(&case, &network, seed, k));
        // Shunts consume in a linear flow too.
        what_is_left_is_balanced(&told, true)?;
    }
}

/// The grids are worth the laws: cascades of several generations are among them, and demand is lost.
#[test]
fn the_grids_of_the_laws_have_cascades() {
    let mut dice = Dice(5);
    let (mut several, mut lossy) = (0, 0);
    for _ in 0..60 {
        let recipe = Recipe { buses: 20 + dice.below(20), chords: 8, ring: true, seed: dice.any() };
        let Some(case) = strained(recipe) else { continue };
        let network = build(case.clone());
        let mut engine = Separation::new(&network, &separation::Settings::default()).expect("reactances");
        let cascade = engine.cascade(&outage(&case, &network, dice.any(), 3)).cascade;
        several += usize::from(cascade.trips.iter().any(|trip| trip.generation > 2));
        lossy += usize::from(cascade.account.shed.ufls_mw > 0.0);
    }
    assert!(several >= 10 && lossy >= 10, "{several} cascades, {lossy} with shedding");
}
