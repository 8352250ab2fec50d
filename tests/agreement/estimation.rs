//! State estimation against published counts and thresholds, statistics of noise, and a dense estimator of the test's own.

mod dense;

use std::sync::Arc;

use gridgate_tests::reference;
use harness::statistic::chi_squared;
use powerflow::estimation::{
    End, Estimator, LinearEstimator, MeterKind, MeterSet, Sigmas, Unestimated, with_assumed_readings,
};
use powerflow::{BranchIdx, BusId, Network, NewtonConfig, Plan, Solution, Width};
use scenarios::{Seed, Stream, streams};

/// A grid of the reference at its solved operating point, and its plan.
pub(crate) struct Operated {
    pub(crate) network: Arc<Network>,
    pub(crate) plan: Plan,
    pub(crate) solution: Solution,
}

impl Operated {
    /// By its path in the reference; `None` where there is none.
    pub(crate) fn read(path: &str) -> Option<Self> {
        let case = powerflow::case::read(&reference()?.join(path)).expect("a case");
        let network = Network::build(case).expect("a network");
        let plan = Plan::new(&network, &network.initial_state().topology);
        let solution = powerflow::solve(&network, &NewtonConfig::default()).expect("a solution");
        Some(Operated { network, plan, solution })
    }

    pub(crate) fn all_meters(&self) -> MeterSet {
        MeterSet::all(&self.network, &Sigmas::default())
    }

    pub(crate) fn ac(&self, set: &MeterSet) -> Estimator {
        let base = Some(&self.solution);
        Estimator::new(&self.network, &self.plan, &self.network.initial_state(), set, base).expect("sigmas")
    }

    /// Iterations from one pu everywhere.
    fn flat_start(&self, set: &MeterSet) -> Estimator {
        Estimator::new(&self.network, &self.plan, &self.network.initial_state(), set, None).expect("sigmas")
    }

    pub(crate) fn dc(&self, set: &MeterSet) -> LinearEstimator {
        LinearEstimator::new(&self.network, &self.plan, &self.network.initial_state(), set)
            .expect("reactances")
    }
}

/// Readings with the error that their sigmas say.
pub(crate) fn noisy(exact: &[Option<f64>], set: &MeterSet, noise: &mut Stream) -> Vec<Option<f64>> {
    let read = |(z, meter): (&Option<f64>, &powerflow::estimation::Meter)| {
        let error = meter.sigma * noise.normal();
        z.map(|z| z + error)
    };
    exact.iter().zip(&set.meters).map(read).collect()
}

pub(crate) fn noise(index: u64) -> Stream {
    streams(Seed(1), "estimation", index).named("noise")
}

const NAMES: [(&str, &str); 5] = [
    ("IEEE 9", "cases/case9.m"),
    ("IEEE 14", "cases/case14.m"),
    ("IEEE 30", "cases/case_ieee30.m"),
    ("IEEE 118", "cases/case118.m"),
    ("IEEE 300", "cascade/cases/base_pg300.m"),
];

/// m, n and thresholds of the DC estimator with all injections and the flows at both ends, as published: digits of the table.
#[test]
fn meters_unknowns_and_thresholds_of_the_dc_estimator() {
    let published = [
        (27, 8, 30.144, 36.191),
        (54, 13, 56.942, 64.950),
        (112, 29, 105.267, 115.876),
        (490, 117, 419.034, 439.464),
        (1122, 299, 890.851, 920.313),
    ];
    for ((name, path), (m, n, at_95, at_99)) in NAMES.iter().zip(published) {
        let Some(grid) = Operated::read(path) else { return };
        let dc = grid.dc(&grid.all_meters());
        assert_eq!((dc.meters(), dc.unknowns()), (m, n), "{name}");
        assert!(dc.observability().is_complete(), "{name}");
        for (alpha, published) in [(0.05, at_95), (0.01, at_99)] {
            let found = chi_squared::exceeded_with(alpha, m - n).expect("a quantile");
            assert!((found - published).abs() < 6e-4, "{name}: {found} {published}");
        }
    }
}

/// Residuals are a projection of what was read, `S S = S`, with the trace m - n, and `Omega = S R`.
#[test]
fn residuals_are_a_projection() {
    let Some(grid) = Operated::read("cases/case14.m") else { return };
    let set = grid.all_meters();
    let dc = grid.dc(&set);
    let zero = dc.readings(&vec![0.0; grid.network.buses.id.len()]);
    let seen: Vec<usize> = (0..set.meters.len()).filter(|meter| dc.sees(*meter)).collect();
    let column = |meter: usize| {
        let mut read = zero.clone();
        read[meter] = read[meter].map(|z| z + 1.0);
        let estimate = dc.estimate(&read).expect("an estimate");
        seen.iter().map(|meter| estimate.residual[*meter].expect("read")).collect::<Vec<f64>>()
    };
    let columns: Vec<Vec<f64>> = seen.iter().map(|meter| column(*meter)).collect();
    let trace: f64 = (0..seen.len()).map(|i| columns[i][i]).sum();
    assert!((trace - (dc.meters() - dc.unknowns()) as f64).abs() < 1e-9, "{trace}");
    for (j, column) in columns.iter().enumerate() {
        for i in 0..seen.len() {
            let squared: f64 = (0..seen.len()).map(|k| columns[k][i] * column[k]).sum();
            assert!((squared - column[i]).abs() < 1e-9, "{i} {j}: {squared} {}", column[i]);
        }
    }
    let estimate = dc.estimate(&noisy(&zero, &set, &mut noise(0))).expect("an estimate");
    let test = dc.residual_test(&estimate);
    for (at, meter) in seen.iter().enumerate() {
        let omega = columns[at][at] * set.meters[*meter].sigma * set.meters[*meter].sigma;
        let expected = estimate.residual[*meter].expect("read").abs() / omega.sqrt();
        let found = test.normalised[*meter].expect("not critical");
        assert!((found - expected).abs() < 1e-8 * (1.0 + expected), "{meter}: {found} {expected}");
    }
}

/// Of 10,000 draws of noise a test at 5 % alarms for 5 %, to three deviations of the count (0.65 points).
#[test]
fn noise_alone_alarms_as_often_as_the_level_says() {
    let Some(grid) = Operated::read("cases/case14.m") else { return };
    let set = grid.all_meters();
    let draws = 10_000;
    let dc = grid.dc(&set);
    let exact = dc.readings(&[0.0; 14]);
    let limit = chi_squared::exceeded_with(0.05, dc.meters() - dc.unknowns()).expect("a quantile");
    let alarms = (0..draws)
        .filter(|draw| {
            dc.estimate(&noisy(&exact, &set, &mut noise(*draw))).expect("regular").objective > limit
        })
        .count();
    let rate = alarms as f64 / draws as f64;
    assert!((rate - 0.05).abs() <= 0.007, "DC: {rate}");

    let ac = grid.ac(&set);
    let exact = ac.readings(&grid.solution);
    let read: Vec<Vec<Option<f64>>> = (0..draws).map(|draw| noisy(&exact, &set, &mut noise(draw))).collect();
    let sets: Vec<&[Option<f64>]> = read.iter().map(Vec::as_slice).collect();
    let estimates: Vec<_> = ac.estimates(&sets).into_iter().map(|e| e.expect("an estimate")).collect();
    let limit = chi_squared::exceeded_with(0.05, estimates[0].degrees_of_freedom).expect("a quantile");
    let rate = estimates.iter().filter(|e| e.objective > limit).count() as f64 / draws as f64;
    assert!((rate - 0.05).abs() <= 0.007, "AC: {rate}");
}

/// Meters without error give the state back, from one pu everywhere as well as from the state itself.
#[test]
fn exact_readings_give_the_exact_state() {
    for (name, path) in NAMES {
        let Some(grid) = Operated::read(path) else { return };
        let all = grid.all_meters();
        let certain = all.clone().with_exact_zero_injections(&grid.network);
        for set in [&all, &certain] {
            let estimator = grid.flat_start(set);
            let exact = estimator.readings(&grid.solution);
            let estimate = estimator.estimate(&exact).unwrap_or_else(|why| panic!("{name}: {why}"));
            assert!(estimate.objective < 1e-6, "{name}: {}", estimate.objective);
            for bus in grid.network.buses.id.indices() {
                let (found, truth) =
                    (estimate.voltage(bus).expect("live"), grid.solution.voltage(bus).expect("live"));
                let off = (found.re - truth.re).abs().max((found.im - truth.im).abs());
                assert!(off < 1e-8, "{name}: bus {} {off}", grid.network.buses.id[bus]);
            }
        }
    }
}

/// What is certain holds exactly, and counts: degrees of freedom are readings and constraints less unknowns.
#[test]
fn where_nothing_is_injected_the_estimate_injects_nothing() {
    let Some(grid) = Operated::read("cases/case118.m") else { return };
    let set = grid.all_meters().with_exact_zero_injections(&grid.network);
    assert_eq!(set.zero_injections.len(), 10, "buses without unit and demand in the 118-bus case");
    let estimator = grid.ac(&set);
    let read = noisy(&estimator.readings(&grid.solution), &set, &mut noise(7));
    let estimate = estimator.estimate(&read).expect("an estimate");
    let (_, injection) = estimator.flows(&estimate);
    for bus in &set.zero_injections {
        assert!(injection[*bus].abs() < 2e-8, "{}", injection[*bus].abs());
    }
    let read = set.meters.len() + 2 * set.zero_injections.len();
    assert_eq!(estimate.degrees_of_freedom, read - estimator.unknowns());
}

/// Another estimator, dense and with differences for derivatives, in polar voltages and from the admittances of the case file.
#[test]
fn the_objective_is_that_of_a_dense_estimator() {
    let Some(grid) = Operated::read("cases/case14.m") else { return };
    let set = grid.all_meters();
    let estimator = grid.ac(&set);
    for draw in 0..5 {
        let read = noisy(&estimator.readings(&grid.solution), &set, &mut noise(draw));
        let estimate = estimator.estimate(&read).expect("an estimate");
        let dense = dense::objective(&grid.network.case, &set, &read);
        let off = (estimate.objective - dense).abs();
        // The dense one stops when a step moves no voltage by 1e-9; the objective is flat there.
        assert!(off < 1e-6, "{}: {} {dense}", draw, estimate.objective);
    }
}

/// A reading that is off by twenty sigma has the largest normalised residual; without it the others agree.
#[test]
fn a_bad_reading_is_found_and_taken_out() {
    let Some(grid) = Operated::read("cases/case118.m") else { return };
    let set = grid.all_meters();
    let estimator = grid.ac(&set);
    let exact = estimator.readings(&grid.solution);
    let bad = |read: &mut Vec<Option<f64>>, meter: usize| {
        read[meter] = read[meter].map(|z| z + 20.0 * set.meters[meter].sigma);
    };
    for (draw, pair) in [(1, [130, 700]), (2, [5, 400]), (3, [301, 1000])] {
        let mut read = noisy(&exact, &set, &mut noise(draw));
        pair.iter().for_each(|meter| bad(&mut read, *meter));
        let before = estimator.estimate(&read).expect("an estimate");
        let limit = chi_squared::exceeded_with(0.05, before.degrees_of_freedom).expect("a quantile");
        assert!(before.objective > limit, "{} {limit}", before.objective);
        let cleaned = estimator.clean(&read, 4.0, 10).expect("an estimate");
        let mut removed: Vec<usize> = cleaned.removed.iter().map(|(meter, _)| *meter).collect();
        removed.sort_unstable();
        assert_eq!(removed, pair, "{:?}", cleaned.removed);
        assert!(cleaned.estimate.objective < before.objective - 300.0);
    }
}

/// Without what is measured around the end of a radial branch its far bus is open, and is named; a forecast of its injection closes it.
#[test]
fn what_is_not_observed_is_named() {
    let Some(grid) = Operated::read("cases/case14.m") else { return };
    let network = &grid.network;
    let eight = network.bus(BusId(8)).expect("bus 8");
    let radial: Vec<BranchIdx> =
        network.branches.from.indices().filter(|b| network.branches.to[*b] == eight).collect();
    let seven = network.branches.from[radial[0]];
    let mut set = grid.all_meters();
    set.meters.retain(|meter| match meter.kind {
        MeterKind::Voltage(bus) | MeterKind::ActiveInjection(bus) | MeterKind::ReactiveInjection(bus) => {
            bus != eight && bus != seven
        }
        MeterKind::ActiveFlow(branch, _) | MeterKind::ReactiveFlow(branch, _) => !radial.contains(&branch),
        _ => true,
    });
    let estimator = grid.ac(&set);
    let found = estimator.observability().clone();
    assert_eq!(found.unobservable, [eight]);
    assert_eq!(found.islands.len(), 2, "the rest, and the bus by itself");
    let exact = estimator.readings(&grid.solution);
    assert_eq!(estimator.estimate(&exact).err(), Some(Unestimated::Unobservable(found)));
    let state = network.initial_state();
    let (filled, added) = with_assumed_readings(network, &grid.plan, &state, &set, 0.1);
    // Seen from bus 7: one active and one reactive injection say what flows to bus 8.
    let kinds: Vec<MeterKind> = added.iter().map(|at| filled.meters[*at].kind).collect();
    assert_eq!(kinds, [MeterKind::ActiveInjection(seven), MeterKind::ReactiveInjection(seven)]);
    assert!(grid.ac(&filled).observability().is_complete());
    let dc = grid.dc(&set);
    assert_eq!(dc.observability().unobservable, [eight]);
}

/// One flow each way a branch, and one voltage: what flows into the two radial branches is checked by nothing, and is believed
/// whatever it says.
#[test]
fn a_critical_reading_is_told_and_not_tested() {
    let Some(grid) = Operated::read("cases/case9.m") else { return };
    let flows = grid.network.branches.from.indices().flat_map(|branch| {
        [MeterKind::ActiveFlow(branch, End::From), MeterKind::ReactiveFlow(branch, End::From)]
    });
    let nine = grid.network.bus(BusId(9)).expect("bus 9");
    let set = MeterSet::of(flows.chain([MeterKind::Voltage(nine)]), &Sigmas::default());
    let estimator = grid.ac(&set);
    let exact = estimator.readings(&grid.solution);
    let mut read = noisy(&exact, &set, &mut noise(4));
    let before = estimator.estimate(&read).expect("an estimate");
    // Branches 1-4, 3-6 and 8-2 are radial; of the first the reference holds the angle at the far end, and nothing else.
    let radial = [0, 3, 6].map(|branch| [2 * branch, 2 * branch + 1]).concat();
    let test = estimator.residual_test(&before);
    assert_eq!(test.critical, radial);
    read[6] = read[6].map(|z| z + 0.5);
    let after = estimator.estimate(&read).expect("an estimate");
    assert!((after.objective - before.objective).abs() < 1e-6, "{} {}", before.objective, after.objective);
}

/// Phasors say which way the whole grid points; without one the reference is held.
#[test]
fn phasors_turn_the_whole_grid() {
    let Some(grid) = Operated::read("cases/case14.m") else { return };
    let buses: Vec<_> = grid.network.buses.id.indices().step_by(4).collect();
    let set = grid.all_meters().with_phasors(&buses, &Sigmas::default());
    let estimator = grid.ac(&set);
    assert_eq!(estimator.unknowns(), 28);
    let mut read = estimator.readings(&grid.solution);
    let turned = 3.0;
    for (z, meter) in read.iter_mut().zip(&set.meters) {
        if let MeterKind::PhasorAngle(_) = meter.kind {
            // As a clock that starts elsewhere says, with whole turns taken off.
            *z = z.map(|z| z + turned - std::f64::consts::TAU);
        }
    }
    let estimate = estimator.estimate(&read).expect("an estimate");
    assert!(estimate.objective < 1e-6, "{}", estimate.objective);
    let (found, truth) =
        (estimate.voltage(buses[0]).expect("live"), grid.solution.va_rad(buses[0]).expect("live"));
    let angle = found.im.atan2(found.re) - truth;
    assert!((angle - turned).sin().abs() < 1e-7, "{angle}");
}

/// Side by side or alone, at every width: the same bits. One reading less, one that is no number, or a set that is too short concerns its own set alone.
#[test]
fn the_bytes_of_an_estimate_do_not_depend_on_its_neighbours() {
    let Some(grid) = Operated::read("cases/case118.m") else { return };
    let set = grid.all_meters().with_exact_zero_injections(&grid.network);
    let estimator = grid.ac(&set);
    let exact = estimator.readings(&grid.solution);
    let mut read: Vec<Vec<Option<f64>>> = (0..19).map(|draw| noisy(&exact, &set, &mut noise(draw))).collect();
    read[3][17] = None;
    read[5][40] = Some(f64::NAN);
    read[7].pop();
    let sets: Vec<&[Option<f64>]> = read.iter().map(Vec::as_slice).collect();
    let alone: Vec<_> = sets.iter().map(|set| estimator.estimate(set)).collect();
    assert_eq!(alone[5], Err(Unestimated::NoNumber(40)));
    let (readings, meters) = (set.meters.len() - 1, set.meters.len());
    assert_eq!(alone[7], Err(Unestimated::Misread { readings, meters }));
    assert_eq!(alone[3].as_ref().expect("an estimate").residual[17], None);
    for width in Width::available() {
        let together = estimator.clone().with_width(width).estimates(&sets);
        assert_eq!(together, alone, "{width:?}");
    }
}

/// With the gain of the base or with one made at every step: the same minimum.
#[test]
fn the_shared_gain_changes_no_answer() {
    let Some(grid) = Operated::read("cases/case118.m") else { return };
    let set = grid.all_meters();
    let (near, far) = (grid.ac(&set), grid.flat_start(&set));
    let read = noisy(&near.readings(&grid.solution), &set, &mut noise(11));
    let (near, far) = (near.estimate(&read).expect("an estimate"), far.estimate(&read).expect("an estimate"));
    assert!((near.objective - far.objective).abs() < 1e-6, "{} {}", near.objective, far.objective);
}
