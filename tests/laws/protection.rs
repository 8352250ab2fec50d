//! Laws of cascades by protection, over random grids, outages and settings (the shared specification of cascades, 0.1).

use std::sync::Arc;

use harness::cascade::protection::Engine;
use harness::cascade::{Cascade, Cause, Outage, Tripped};
use harness::grid::protection::frequency::Balance;
use harness::grid::protection::overload::Curve;
use harness::grid::protection::{Settings, distance, thermal};
use harness::grid::slow::{self, load_recovery};
use harness::grid::units::{self, Kind, ReactiveMode, UnitSettings};
use harness::grid::{Life, autonomous};
use powerflow::case::{Case, CaseShuntControl, CaseTapControl};
use powerflow::{BranchIdx, BusIdx, BusStatus, Index, Network, Solver, UnitIdx};
use proptest::prelude::*;

use super::grid::{Dice, Recipe, build, cases, recipe};

/// Grids that are looked at for whether they cascade at all.
const WORLDS: u64 = 120;

/// A random grid whose branches are rated near what they carry, so that outages overload others; one branch is out of service.
fn tight(recipe: Recipe, dice: &mut Dice) -> Option<Case> {
    let mut case = recipe.case();
    let network = build(case.clone());
    let state = network.initial_state();
    let mut solver = Solver::new(&network);
    let solution = solver.solve(&state, None, &powerflow::NewtonConfig::default()).ok()?;
    let flows = solver.flows(&state, &solution);
    for (row, branch) in case.branches.iter_mut().enumerate() {
        let mva = network.base.from_pu(flows.apparent_pu(BranchIdx::from_row(row)));
        branch.rate_a_mva = dice.chance(0.9).then_some(mva.max(0.5) * dice.between(0.7, 1.3));
    }
    let spare = powerflow::case::CaseBranch { in_service: false, ..case.branches[0].clone() };
    case.branches.push(spare);
    Some(case)
}

fn settings(dice: &mut Dice) -> Settings {
    let mut settings = Settings::of(50.0 + 10.0 * dice.below(2) as f64);
    let overload = settings.overload.as_mut().expect("on by default");
    overload.curve = [
        Curve::VERY_INVERSE,
        Curve::MODERATELY_INVERSE,
        Curve::Definite { delay_s: 2.0 },
        Curve::Definite { delay_s: 0.0 },
        Curve::Integral { overload: 0.5, seconds: 15.0 },
    ][dice.below(5)];
    overload.pickup = dice.between(1.0, 1.5);
    settings.thermal =
        dice.chance(0.3).then(|| thermal::Settings { time_constant_s: 20.0, ..Default::default() });
    settings.distance = dice.chance(0.3).then(|| distance::Settings { floor: 1.0, ..Default::default() });
    settings.frequency.as_mut().expect("on by default").balance =
        [Balance::PmaxShare, Balance::RampLimited, Balance::Droop][dice.below(3)];
    settings.hidden_failure_probability = if dice.chance(0.3) { 0.1 } else { 0.0 };
    settings
}

fn outage(network: &Network, dice: &mut Dice) -> Outage {
    let lines = network.branches.from.len() - 1;
    let mut outage = Outage::default();
    for _ in 0..1 + dice.below(2) {
        outage.branches.push(BranchIdx::from_row(dice.below(lines)));
    }
    if dice.chance(0.4) {
        outage.units.push(UnitIdx::from_row(dice.below(network.units.bus.len())));
    }
    if dice.chance(0.15) {
        outage.buses.push(BusIdx::from_row(dice.below(network.buses.id.len())));
    }
    outage.in_order()
}

struct World {
    network: Arc<Network>,
    settings: Settings,
    outage: Outage,
}

impl World {
    fn draw(recipe: Recipe, seed: u64) -> Option<Self> {
        let mut dice = Dice(seed);
        let network = build(tight(recipe, &mut dice)?);
        let settings = settings(&mut dice);
        let outage = outage(&network, &mut dice);
        Some(World { network, settings, outage })
    }

    fn engine(&self, horizon_s: f64) -> Engine {
        Engine::new(&self.network, self.settings.clone(), horizon_s, 7)
    }

    fn cascade(&self, outage: &Outage, horizon_s: f64) -> Cascade {
        self.engine(horizon_s).cascade(outage)
    }
}

/// Rows that are operations rather than what became of demand.
fn operated(cascade: &Cascade) -> impl Iterator<Item = &harness::cascade::Trip> {
    let gone = [Cause::IslandDead, Cause::Unsolved, Cause::Collapse];
    cascade.trips.iter().filter(move |trip| !gone.contains(&trip.cause))
}

fn books_close_and_everything_ends(world: &World) -> Result<(), TestCaseError> {
    let network = &world.network;
    let cascade = world.cascade(&world.outage, 60.0);
    let account = &cascade.account;
    prop_assert!(account.imbalance_mw().abs() < 1e-6, "{account:?}");
    let stages = |settings: &Settings| {
        let uvls = settings.undervoltage.as_ref().map_or(0, |s| s.stages.len());
        let ufls = settings.frequency.as_ref().map_or(0, |s| s.stages.len());
        uvls + ufls
    };
    let buses = network.buses.id.len();
    // Where ramps limit the balance, what is missing is cut at once, and a bus is cut once a generation.
    let bound = network.branches.from.len() + network.units.bus.len() + stages(&world.settings) * buses;
    if world.settings.balance() != Balance::RampLimited {
        prop_assert!(operated(&cascade).count() <= bound, "{} operations", operated(&cascade).count());
    }
    let mut out: Vec<Tripped> = operated(&cascade).map(|trip| trip.what).collect();
    out.retain(|what| !matches!(what, Tripped::Bus(_)));
    let all = out.len();
    out.sort();
    out.dedup();
    prop_assert_eq!(all, out.len(), "an element tripped twice");
    let times: Vec<f64> = cascade.trips.iter().filter_map(|trip| trip.time_s).collect();
    prop_assert!(times.is_sorted() && times.iter().all(|t| (0.0..60.0).contains(t)), "{times:?}");
    prop_assert!(cascade.trips.iter().map(|trip| trip.generation).is_sorted());
    Ok(())
}

fn what_is_served_only_falls(world: &World) -> Result<(), TestCaseError> {
    let mut before: Option<Cascade> = None;
    for horizon_s in [0.5, 2.0, 7.0, 30.0, 120.0] {
        let now = world.cascade(&world.outage, horizon_s);
        if let Some(before) = before {
            prop_assert!(now.account.served_mw <= before.account.served_mw + 1e-9);
            // What happened earlier does not depend on when we stop looking.
            prop_assert!(
                now.trips.starts_with(&before.trips),
                "by {horizon_s} s {:?} is no longer {:?}",
                now.trips,
                before.trips
            );
            for ((cause, now), (_, before)) in
                now.account.shed.by_cause().iter().zip(before.account.shed.by_cause())
            {
                let dies = ["island_dead", "unsolved"].contains(cause);
                prop_assert!(dies || *now >= before - 1e-9, "{cause}");
            }
        }
        before = Some(now);
    }
    Ok(())
}

fn every_island_that_serves_is_solved(world: &World) -> Result<(), TestCaseError> {
    let mut engine = world.engine(60.0);
    for grid in engine.grids(std::slice::from_ref(&world.outage)) {
        if grid.life() != Life::Alive {
            prop_assert_eq!(grid.served_mw(), 0.0);
            continue;
        }
        let (network, state) = (grid.network(), grid.state());
        let solution = grid.solution().expect("a living grid is solved");
        prop_assert!(solution.mismatch_pu < 1e-6, "{}", solution.mismatch_pu);
        let mut label: Vec<usize> = (0..network.buses.id.len()).collect();
        loop {
            let before = label.clone();
            for (branch, from) in network.branches.from.iter().filter(|(b, _)| state.branch_on[*b]) {
                let (from, to) = (from.row(), network.branches.to[branch].row());
                let low = label[from].min(label[to]);
                (label[from], label[to]) = (low, low);
            }
            if before == label {
                break;
            }
        }
        for root in 0..label.len() {
            let of = |bus: BusIdx| label[bus.row()] == root;
            let live = network.buses.id.indices().any(|b| of(b) && solution.status[b] == BusStatus::Live);
            let references = solution.islands.iter().filter(|island| of(island.reference)).count();
            let units = network.units.bus.iter().filter(|(unit, bus)| of(**bus) && state.unit_on[*unit]);
            prop_assert_eq!(references, usize::from(live));
            prop_assert!(!live || units.count() > 0);
        }
    }
    Ok(())
}

/// Demand that follows the voltage, taps and shunts that look after some bus, units of any kind.
fn controlled(case: &mut Case, dice: &mut Dice) -> autonomous::Settings {
    let buses: Vec<_> = case.buses.iter().map(|bus| bus.id).collect();
    let bus = |dice: &mut Dice| buses[dice.below(buses.len())];
    for (row, branch) in case.branches.iter().enumerate().filter(|(_, branch)| branch.transformer) {
        if branch.tap_range.is_some() {
            let (bus, low_pu) = (bus(dice), dice.between(0.95, 1.0));
            let (high_pu, from_side) = (low_pu + dice.between(0.0, 0.05), dice.chance(0.5));
            case.controls.taps.push(CaseTapControl { branch: row, bus, low_pu, high_pu, from_side });
        }
    }
    for shunt in 0..case.shunts.len() {
        let (bus, low_pu) = (bus(dice), dice.between(0.95, 1.0));
        let high_pu = low_pu + dice.between(0.01, 0.05);
        case.controls.shunts.push(CaseShuntControl { shunt, bus, low_pu, high_pu });
    }
    let load_recovery = dice.chance(0.7).then(load_recovery::Settings::default);
    let kind = [Kind::Synchronous, Kind::GridFollowing, Kind::GridForming][dice.below(3)];
    let cessation_pu = (kind == Kind::GridFollowing && dice.chance(0.5)).then_some(0.9);
    let unit = UnitIdx::from_row(dice.below(case.units.len()));
    let unit = UnitSettings { unit, kind, mode: ReactiveMode::File, cessation_pu, resume_s: 1.0 };
    autonomous::Settings {
        slow: slow::Settings { load_recovery, ..slow::Settings::default() },
        units: units::Settings { units: vec![unit], trip_margin: 1.5 },
        ..autonomous::Settings::default()
    }
}

fn slow_controls_keep_the_laws(recipe: Recipe, seed: u64) -> Result<(), TestCaseError> {
    let mut dice = Dice(seed);
    let Some(mut case) = tight(recipe, &mut dice) else { return Ok(()) };
    let autonomous = controlled(&mut case, &mut dice);
    let network = build(case);
    let (settings, outage) = (settings(&mut dice), outage(&network, &mut dice));
    let engine = || Engine::new(&network, settings.clone(), 120.0, 7).with(autonomous.clone());
    let found = engine().cascade(&outage);
    prop_assert!(found.account.imbalance_mw().abs() < 1e-6, "{:?}", found.account);
    prop_assert_eq!(&found, &engine().cascade(&outage));
    // In company as alone.
    let together = engine().cascades(&[outage, Outage::default()]);
    prop_assert_eq!(&together[0].trips, &found.trips);
    Ok(())
}

proptest! {
    #![proptest_config(cases(10))]

    #[test]
    fn slow_controls_change_no_law(recipe in recipe(), seed in any::<u64>()) {
        slow_controls_keep_the_laws(recipe, seed)?;
    }

    #[test]
    fn books_close(recipe in recipe(), seed in any::<u64>()) {
        if let Some(world) = World::draw(recipe, seed) {
            books_close_and_everything_ends(&world)?;
            every_island_that_serves_is_solved(&world)?;
        }
    }

    #[test]
    fn service_only_falls_and_the_past_stays(recipe in recipe(), seed in any::<u64>()) {
        if let Some(world) = World::draw(recipe, seed) {
            what_is_served_only_falls(&world)?;
        }
    }

    #[test]
    fn nothing_happens_where_nothing_is_lost(recipe in recipe(), seed in any::<u64>()) {
        if let Some(world) = World::draw(recipe, seed) {
            let cascade = world.cascade(&Outage::default(), 60.0);
            prop_assert_eq!(cascade.trips.len(), 0, "{:?}", cascade.trips);
            prop_assert_eq!((cascade.solves, cascade.account.shed.total_mw()), (1, 0.0));
        }
    }

    #[test]
    fn neighbours_order_and_dead_elements_change_nothing(recipe in recipe(), seed in any::<u64>()) {
        if let Some(mut world) = World::draw(recipe, seed) {
            world.settings.hidden_failure_probability = 0.0;
            let mut dice = Dice(seed ^ 1);
            let mut outages: Vec<Outage> = (0..6).map(|_| outage(&world.network, &mut dice)).collect();
            let mut engine = world.engine(60.0);
            let together = engine.cascades(&outages);
            let again: Vec<Cascade> = outages.iter().map(|o| world.cascade(o, 60.0)).collect();
            prop_assert_eq!(&together, &again);
            outages.reverse();
            let mut backwards = engine.cascades(&outages);
            backwards.reverse();
            prop_assert_eq!(&together, &backwards);
            // The last branch is out of service in the file already.
            outages.reverse();
            let spare = BranchIdx::from_row(world.network.branches.from.len() - 1);
            outages.iter_mut().for_each(|outage| outage.branches.push(spare));
            prop_assert_eq!(&together, &engine.cascades(&outages));
        }
    }
}

/// The grids of these laws are meant to cascade: without that the laws say nothing.
#[test]
fn the_grids_of_these_laws_cascade() {
    let mut causes = std::collections::BTreeMap::new();
    let mut worlds = 0;
    for seed in 0..WORLDS {
        let recipe = Recipe { buses: 8 + (seed as usize % 20), chords: 6, ring: seed % 2 == 0, seed };
        let Some(world) = World::draw(recipe, seed) else { continue };
        worlds += 1;
        for trip in world.cascade(&world.outage, 60.0).trips {
            *causes.entry(trip.cause.id()).or_insert(0) += 1;
        }
    }
    eprintln!("{worlds} worlds: {causes:?}");
    for cause in ["overload", "ufls", "island_dead"] {
        assert!(causes.get(cause).is_some_and(|n| *n > 10), "{cause}: {causes:?}");
    }
}
