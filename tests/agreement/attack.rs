//! False data against published numbers: how many meters a stealthy attack takes, how often a random set suffices, and what gives an
//! attacker away.

use harness::statistic::chi_squared;
use powerflow::estimation::{LinearEstimator, MeterKind};
use powerflow::{BusId, Column, Index, Network, NewtonConfig, Plan, solve_linear};
use scenarios::attack::{access, cheapest, knowledge, stealth};
use scenarios::{Seed, streams};

use super::estimation::{Operated, noise, noisy};

const SMALL: [(&str, &str); 3] =
    [("IEEE 9", "cases/case9.m"), ("IEEE 14", "cases/case14.m"), ("IEEE 30", "cases/case_ieee30.m")];

fn added(read: &[Option<f64>], attack: &[Option<f64>]) -> Vec<Option<f64>> {
    read.iter().zip(attack).map(|(z, a)| z.map(|z| z + a.unwrap_or(0.0))).collect()
}

/// `a = H c` changes no residual, and the estimate by c.
#[test]
fn a_linear_attack_leaves_no_residual() {
    let Some(grid) = Operated::read("cases/case14.m") else { return };
    let set = grid.all_meters();
    let dc = grid.dc(&set);
    let buses = grid.network.buses.id.len();
    let read = noisy(&dc.readings(&vec![0.1; buses]), &set, &mut noise(0));
    let shift: Vec<f64> = (0..buses).map(|bus| 0.02 * (bus as f64 * 1.3).sin()).collect();
    let before = dc.estimate(&read).expect("an estimate");
    let after = dc.estimate(&added(&read, &stealth::linear(&dc, &shift))).expect("an estimate");
    assert!((after.objective / before.objective - 1.0).abs() < 1e-9);
    let reference = grid.network.bus(BusId(1)).expect("the reference");
    for (bus, before) in before.angle_rad.iter() {
        let moved = after.angle_rad[bus].expect("live") - before.expect("live");
        let wanted = if bus == reference { 0.0 } else { shift[bus.row()] };
        assert!((moved - wanted).abs() < 1e-9, "{bus:?}: {moved} {wanted}");
    }
}

/// `a = h(x + c) - h(x)` moves the AC estimate by c and J not at all; only meters beside what moves are touched.
#[test]
fn an_exact_attack_leaves_no_residual() {
    let Some(grid) = Operated::read("cases/case118.m") else { return };
    let set = grid.all_meters();
    let ac = grid.ac(&set);
    let read = noisy(&ac.readings(&grid.solution), &set, &mut noise(1));
    let before = ac.estimate(&read).expect("an estimate");
    let target = grid.network.bus(BusId(117)).expect("bus 117");
    let mut moves = vec![(0.0, 0.0); grid.network.buses.id.len()];
    moves[target.row()] = (0.05, 0.01);
    let attack = stealth::exact(&ac, &before, &moves).expect("one move a bus");
    let touched: Vec<MeterKind> = set
        .meters
        .iter()
        .zip(&attack)
        .filter(|(_, a)| **a != Some(0.0))
        .map(|(meter, _)| meter.kind)
        .collect();
    // Bus 117 hangs on one line: its voltage, two injections at both ends, two flows at both ends.
    assert_eq!(touched.len(), 9, "{touched:?}");
    // The residuals of the attacked readings are those of the state before, so the minimum stays where they are small.
    let after = ac.estimate(&added(&read, &attack)).expect("an estimate");
    assert!(
        (after.objective / before.objective - 1.0).abs() < 0.01,
        "{} {}",
        before.objective,
        after.objective
    );
    let (v, w) = (before.voltage(target).expect("live"), after.voltage(target).expect("live"));
    let turned = w.im.atan2(w.re) - v.im.atan2(v.re);
    assert!((turned - 0.05).abs() < 5e-3 && (w.abs() - v.abs() - 0.01).abs() < 5e-3, "{turned}");

    let exact = ac.readings(&grid.solution);
    let at = ac.estimate(&exact).expect("an estimate");
    let attacked = ac
        .estimate(&added(&exact, &stealth::exact(&ac, &at, &moves).expect("one move a bus")))
        .expect("an estimate");
    assert!(attacked.objective < 1e-6, "without noise nothing is left: {}", attacked.objective);
}

/// What the linear model makes of an attack leaves an AC residual that grows with its square.
#[test]
fn a_linear_attack_on_an_ac_estimator_is_found_when_it_is_large() {
    let Some(grid) = Operated::read("cases/case14.m") else { return };
    let set = grid.all_meters();
    let (ac, dc) = (grid.ac(&set), grid.dc(&set));
    let exact = ac.readings(&grid.solution);
    let objective = |size: f64| {
        let mut shift = vec![0.0; 14];
        shift[3] = size;
        ac.estimate(&added(&exact, &stealth::linear(&dc, &shift))).expect("an estimate").objective
    };
    let found: Vec<f64> = [0.02, 0.05, 0.1, 0.2].map(objective).to_vec();
    assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{found:?}");
    let limit = chi_squared::exceeded_with(0.05, ac.meters() - ac.unknowns()).expect("a quantile");
    assert!(found[3] > limit, "{found:?} {limit}");
}

/// m - n + 1 meters always suffice: 20/27, 42/54, 84/112, 374/490, 824/1122, as published.
#[test]
fn meters_of_which_any_choice_suffices() {
    let published = [20, 42, 84, 374, 824];
    let larger = [("IEEE 118", "cases/case118.m"), ("IEEE 300", "cascade/cases/base_pg300.m")];
    for ((name, path), published) in SMALL.into_iter().chain(larger).zip(published) {
        let Some(grid) = Operated::read(path) else { return };
        let set = grid.all_meters();
        let dc = grid.dc(&set);
        assert_eq!(access::guaranteed(&dc), published, "{name}");
        let seeing: Vec<usize> = (0..set.meters.len()).filter(|meter| dc.sees(*meter)).collect();
        let mut stream = streams(Seed(2), "access", 0).named(name);
        for _ in 0..20 {
            let mut accessible = vec![false; set.meters.len()];
            stream.subset(seeing.len(), published).into_iter().for_each(|at| accessible[seeing[at]] = true);
            assert!(access::suffices(&dc, &accessible), "{name}");
        }
    }
}

/// How often a random set of meters suffices: published for 2000 draws, which are good to 0.03; ours are more.
#[test]
fn how_often_a_random_set_of_meters_suffices() {
    let published = [
        [0.002, 0.011, 0.067, 0.193, 0.436, 0.931, 1.0],
        [0.001, 0.006, 0.027, 0.079, 0.268, 0.780, 1.0],
        [0.004, 0.025, 0.098, 0.288, 0.688, 0.990, 1.0],
    ];
    for ((name, path), published) in SMALL.into_iter().zip(published) {
        let Some(grid) = Operated::read(path) else { return };
        let set = grid.all_meters();
        let dc = grid.dc(&set);
        for (tenths, published) in (2..).zip(published) {
            let mut stream = streams(Seed(3), "access", tenths).named(name);
            let share = tenths as f64 / 10.0;
            let found = access::share_that_suffices(&dc, set.meters.len(), share, 8000, &mut stream);
            assert!((found - published).abs() <= 0.03, "{name} {share}: {found} {published}");
        }
    }
}

/// A leaf takes four meters; the mean over buses is 7.4, 9.8 and 9.3, as published. The cut finds the same four, and never more than
/// the bus alone takes.
#[test]
fn the_cheapest_attacks() {
    for ((name, path), (leaf, mean)) in SMALL.into_iter().zip([(2, 7.4), (8, 9.8), (11, 9.3)]) {
        let Some(grid) = Operated::read(path) else { return };
        let set = grid.all_meters();
        let dc = grid.dc(&set);
        let buses = grid.network.buses.id.len();
        let single = cheapest::of_single_buses(&dc, &set, buses);
        let counts: Vec<usize> = single.iter().map(Vec::len).filter(|count| *count > 0).collect();
        let found = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
        assert!((found - mean).abs() < 0.05, "{name}: {found}");
        let leaf = grid.network.bus(BusId(leaf)).expect("a leaf");
        assert_eq!(counts.iter().min(), Some(&4), "{name}");
        assert_eq!(single[leaf.row()].len(), 4, "{name}");
        for bus in grid.network.buses.id.indices() {
            let Some((meters, moved)) = cheapest::targeted(&grid.network, &dc, &set, bus) else {
                assert!(single[bus.row()].is_empty(), "{name}");
                continue;
            };
            assert!(meters <= single[bus.row()].len() && moved.contains(&bus), "{name}: {meters}");
            // What it says is what moving these buses touches.
            let shift: Vec<f64> = grid
                .network
                .buses
                .id
                .indices()
                .map(|bus| f64::from(u8::from(moved.contains(&bus))))
                .collect();
            let attack = stealth::linear(&dc, &shift);
            let touched = attack.iter().flatten().filter(|a| a.abs() > 1e-9).count();
            assert_eq!(touched, meters, "{name}: {moved:?}");
        }
    }
}

/// No set of buses that move alike is cheaper than the cut: all 2^13 of the 14-bus grid.
#[test]
fn the_cut_is_the_minimum() {
    let Some(grid) = Operated::read("cases/case14.m") else { return };
    let set = grid.all_meters();
    let dc = grid.dc(&set);
    let rows: Vec<u32> = (0..set.meters.len())
        .filter(|meter| dc.sees(*meter))
        .flat_map(|meter| {
            // A meter is touched unless all buses that it sees move alike; the reference, which does not move, among them.
            let kind = set.meters[meter].kind;
            let branches = &grid.network.branches;
            let ends: Vec<u32> = match kind {
                MeterKind::ActiveFlow(branch, _) => {
                    vec![1 << branches.from[branch].row() | 1 << branches.to[branch].row()]
                }
                MeterKind::ActiveInjection(bus) => {
                    let touching =
                        branches.from.iter().filter(|(b, from)| **from == bus || branches.to[*b] == bus);
                    let seen = touching.map(|(b, from)| 1u32 << from.row() | 1 << branches.to[b].row());
                    vec![seen.fold(0, |all, ends| all | ends)]
                }
                _ => Vec::new(),
            };
            ends
        })
        .collect();
    let mut fewest = [usize::MAX; 14];
    for moved in (2..1u32 << 14).step_by(2) {
        let touched = rows.iter().filter(|row| **row & moved != 0 && **row & !moved != 0).count();
        for (bus, fewest) in fewest.iter_mut().enumerate().filter(|(bus, _)| moved >> bus & 1 == 1) {
            assert!(bus > 0);
            *fewest = (*fewest).min(touched);
        }
    }
    for bus in grid.network.buses.id.indices().skip(1) {
        let (meters, _) = cheapest::targeted(&grid.network, &dc, &set, bus).expect("an angle to move");
        assert_eq!(meters, fewest[bus.row()], "{bus:?}");
    }
}

/// Who believes every reactance to be off by 5 % is seen more often than noise alone, and the more the larger the attack.
#[test]
fn rough_knowledge_gives_an_attacker_away() {
    let Some(grid) = Operated::read("cases/case14.m") else { return };
    let set = grid.all_meters();
    let dc = grid.dc(&set);
    let exact = dc.readings(&[0.0; 14]);
    let limit = chi_squared::exceeded_with(0.05, dc.meters() - dc.unknowns()).expect("a quantile");
    let draws = 400;
    let detected = |size: f64| {
        let found = (0..draws).filter(|draw| {
            let mut stream = streams(Seed(4), "knowledge", *draw).named("reactances");
            let believed = Network::build(knowledge::misjudged(&grid.network.case, 0.05, &mut stream));
            let believed = believed.expect("the same grid");
            let plan = Plan::new(&believed, &believed.initial_state().topology);
            let theirs =
                LinearEstimator::new(&believed, &plan, &believed.initial_state(), &set).expect("reactances");
            let mut shift = vec![0.0; 14];
            shift[3] = size;
            let read = noisy(&exact, &set, &mut noise(*draw));
            dc.estimate(&added(&read, &stealth::linear(&theirs, &shift))).expect("regular").objective > limit
        });
        found.count() as f64 / draws as f64
    };
    let curve = [0.0, 0.02, 0.05, 0.1, 0.2].map(detected);
    assert!(curve[0] < 0.09, "{curve:?}");
    assert!(curve.windows(2).all(|pair| pair[0] <= pair[1]), "{curve:?}");
    assert!(curve[2] > curve[0] + 0.1 && curve[4] > 0.9, "{curve:?}");
}

/// Demand that seems to move elsewhere: no unit's power changes, no residual, and the estimate is the grid with that demand.
#[test]
fn demand_can_seem_to_be_elsewhere() {
    let Some(grid) = Operated::read("cases/case14.m") else { return };
    let set = grid.all_meters();
    let dc = grid.dc(&set);
    let state = grid.network.initial_state();
    let mut change = Column::filled(0.0, 14);
    // Buses 4 and 5 demand, and have no units; 3 MW are within half of what bus 5 has.
    for (id, pu) in [(4, -0.03), (5, 0.03)] {
        change[grid.network.bus(BusId(id)).expect("a bus")] = pu;
    }
    let attack = stealth::redistribution(&grid.network, &state, &dc, &change, 0.5).expect("within half");
    assert_eq!(stealth::implausible(&grid.network, &set, &attack, 0.5), []);
    let config = NewtonConfig::default();
    let angles = |state: &powerflow::State| -> Vec<f64> {
        let flow = solve_linear(&grid.network, state, &config).expect("flows");
        flow.angle_rad.into_iter().map(|angle| angle.expect("live")).collect()
    };
    let read = dc.readings(&angles(&state));
    let estimate = dc.estimate(&added(&read, &attack)).expect("an estimate");
    assert!(estimate.objective < 1e-12, "{}", estimate.objective);
    let mut elsewhere = state.clone();
    for (bus, change) in change.iter() {
        elsewhere.demand_p_pu[bus] += change;
    }
    for (found, wanted) in estimate.angle_rad.as_slice().iter().zip(angles(&elsewhere)) {
        assert!((found.expect("live") - wanted).abs() < 1e-9);
    }
    for (id, pu) in [(5, 0.05), (4, -0.01)] {
        change[grid.network.bus(BusId(id)).expect("a bus")] = pu;
    }
    let refused =
        stealth::redistribution(&grid.network, &state, &dc, &change, 0.5).expect_err("too much, and no sum");
    assert_eq!(refused.0.len(), 2, "{refused}");
}
