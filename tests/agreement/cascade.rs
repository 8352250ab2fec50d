//! Engine C against the published program and an independent implementation (`reference/cascade/dcsep_polish2383.csv`), on the
//! Polish grid of 2383 buses (`reference/cascade/polish2383`, read in place).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gridgate_tests::reference;
use harness::cascade::separation::{self, BaseFlow, Separation, read_tables};
use harness::cascade::{Cascade, Outage, Tripped, read_outages};
use powerflow::{BranchIdx, Index, Network};
use scenarios::Seed;
use scenarios::search::Reply;
use scenarios::search::chemistry::{Any, Chemistry, PUBLISHED_SIZES, Settings};

struct Row {
    outage: Outage,
    lost_mw: f64,
    last_s: f64,
    trips: Vec<(usize, f64)>,
}

fn tables() -> Option<(PathBuf, Arc<Network>)> {
    let folder = reference()?.join("cascade");
    let network = read_tables(&folder.join("polish2383")).unwrap_or_else(|complaints| panic!("{complaints}"));
    Some((folder, network))
}

fn rows(network: &Network, path: &Path) -> Vec<Row> {
    let outages = read_outages(network, path).unwrap_or_else(|complaints| panic!("{complaints}"));
    let text = std::fs::read_to_string(path).expect("the table");
    let mut lines = text.lines();
    assert_eq!(lines.next().map(|header| format!("{header}\n")).as_deref(), Some(separation::csv_header()));
    let number = |text: &str| -> f64 { text.parse().expect("a number") };
    lines
        .zip(outages)
        .map(|(line, outage)| {
            let cells: Vec<&str> = line.split(',').collect();
            let trip = |word: &str| {
                let (row, time) = word.split_once('@').expect("branch@seconds");
                (row.parse().expect("a row"), number(time))
            };
            let trips = cells[7].split_whitespace().map(trip).collect();
            Row { outage, lost_mw: number(cells[3]), last_s: number(cells[6]), trips }
        })
        .collect()
}

fn branches(cascade: &Cascade) -> Vec<(usize, f64)> {
    let branch = |what| if let Tripped::Branch(branch) = what { Some(branch.row() + 1) } else { None };
    let trips = cascade.trips.iter();
    trips.filter_map(|trip| Some((branch(trip.what)?, trip.time_s.expect("this engine has times")))).collect()
}

/// The table: who tripped, in which order, when, and how much was lost. 98 % of rows would do; every one agrees.
#[test]
fn every_row_of_the_published_table_agrees() {
    let Some((folder, network)) = tables() else { return };
    let mut engine = Separation::new(&network, &separation::Settings::default()).expect("reactances");
    let rows = rows(&network, &folder.join("dcsep_polish2383.csv"));
    assert_eq!(rows.len(), 347);
    let (mut ours_lost, mut theirs_lost) = (Vec::new(), Vec::new());
    for row in &rows {
        let cascade = engine.cascade(&row.outage).cascade;
        let name = format!("{:?}", row.outage.branches.iter().map(|b| b.row() + 1).collect::<Vec<_>>());
        let ours = branches(&cascade);
        let set = |trips: &[(usize, f64)]| trips.iter().map(|(row, _)| *row).collect::<BTreeSet<usize>>();
        assert_eq!(set(&ours), set(&row.trips), "{name}");
        let lost_mw = cascade.account.shed.total_mw();
        assert!((lost_mw - row.lost_mw).abs() <= 0.01, "{name}: {lost_mw} against {}", row.lost_mw);
        let last_s = ours.last().map_or(0.0, |(_, time_s)| *time_s);
        assert!((last_s - row.last_s).abs() <= 0.05, "{name}: {last_s} against {}", row.last_s);
        assert!(cascade.account.imbalance_mw().abs() <= 1e-6 && cascade.stopped.is_none(), "{name}");
        if row.outage.branches.len() == 2 {
            ours_lost.push(lost_mw);
            theirs_lost.push(row.lost_mw);
        }
    }
    let distance = kolmogorov_smirnov(&mut ours_lost, &mut theirs_lost);
    assert!(distance <= 0.05, "losses are distributed {distance} apart");
}

/// Largest distance of two empirical distribution functions; values closer than 0.01 MW are the same.
fn kolmogorov_smirnov(a: &mut [f64], b: &mut [f64]) -> f64 {
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let share =
        |sorted: &[f64], at: f64| sorted.partition_point(|x| *x <= at + 0.01) as f64 / sorted.len() as f64;
    a.iter().chain(b.iter()).map(|at| (share(a, *at) - share(b, *at)).abs()).fold(0.0, f64::max)
}

/// The base of the table, as two implementations have it.
#[test]
fn the_base_of_the_polish_grid() {
    let Some((folder, network)) = tables() else { return };
    let mut engine = Separation::new(&network, &separation::Settings::default()).expect("reactances");
    let BaseFlow { flow_mw, largest } = engine.base_flow().expect("angles");
    assert_eq!((network.buses.id.len(), flow_mw.len(), network.units.bus.len()), (2383, 2896, 327));
    assert_eq!(engine.base_redispatch_mw(), 0.0);
    assert!(largest.is_some_and(|(share, _)| (share - 0.96744).abs() < 5e-6), "{largest:?}");
    let text = std::fs::read_to_string(folder.join("polish2383/branch.csv")).expect("the table");
    for (line, flow_mw) in text.lines().skip(1).zip(&flow_mw) {
        let theirs: f64 = line.rsplit(',').next().and_then(|cell| cell.parse().ok()).expect("a number");
        assert!((theirs - flow_mw).abs() < 1e-6, "{line}: {flow_mw}");
    }
    let none = engine.cascade(&Outage::default()).cascade;
    assert!((none.account.initial_load_mw - 27_014.218).abs() < 1e-6);
    assert!(none.trips.is_empty() && none.solves == 1 && none.account.shed.total_mw() == 0.0);
}

/// 644 of the branches are bridges; without any of the others nothing is lost and nothing trips.
#[test]
fn no_outage_of_a_branch_that_is_no_bridge_has_consequences() {
    let Some((_, network)) = tables() else { return };
    let mut engine = Separation::new(&network, &separation::Settings::default()).expect("reactances");
    let mut flow = powerflow::SwitchedFlow::new(&network, &vec![true; 2896]).expect("reactances");
    let mut bridges = 0;
    for row in 0..2896 {
        let branch = BranchIdx::from_row(row);
        flow.restore();
        flow.open(branch);
        if flow.islands().1 > 1 {
            bridges += 1;
            continue;
        }
        let outage = Outage { branches: vec![branch], ..Outage::default() };
        let cascade = engine.cascade(&outage).cascade;
        assert!(cascade.trips.is_empty() && cascade.account.shed.total_mw() == 0.0, "branch {}", row + 1);
    }
    assert_eq!(bridges, 644);
}

/// The search of the published experiments, on their grid, with their sizes: a minimal set in at most 250 cascades on average over 20
/// finds. Every set is looked at again, apart from the search: it blacks the grid out, and with any branch back it does not.
#[test]
fn random_chemistry_finds_a_minimal_set_in_a_few_hundred_cascades() {
    let Some((_, network)) = tables() else { return };
    let mut engine = Separation::new(&network, &separation::Settings::default()).expect("reactances");
    let mut is_blackout = |rows: &[u32]| {
        let branches = rows.iter().map(|row| BranchIdx::from_row(*row as usize)).collect();
        let account = engine.cascade(&Outage { branches, ..Outage::default() }).cascade.account;
        account.shed.total_mw() > 0.05 * account.initial_load_mw
    };
    let branches = Any(network.branches.from.len() as u32);
    let settings = Settings::published(branches.0);
    assert_eq!(settings.sizes, PUBLISHED_SIZES);
    // Larger sets than are kept are finds as well: they took their cascades.
    let mut search = Chemistry::new(Seed(1), "polish", Settings { size_max: 80, ..settings });
    let finds = |search: &Chemistry| search.found().iter().map(|found| found.times).sum::<u64>();
    while finds(&search) < 20 {
        let asked = search.ask(&branches, 1);
        let reply = if is_blackout(&asked[0].set) { Reply::Fails } else { Reply::Harmless };
        search.tell(&[reply]).expect("an answer each");
        assert!(search.tally().trials <= 20 * 250, "{:?}, {} found", search.tally(), finds(&search));
    }
    eprintln!("{:?}: {} finds", search.tally(), finds(&search));
    for found in search.found() {
        let set = &found.what.set;
        assert!(found.minimal && is_blackout(set), "{set:?}");
        for left_out in 0..set.len() {
            let smaller = [&set[..left_out], &set[left_out + 1..]].concat();
            assert!(!is_blackout(&smaller), "{smaller:?} of {set:?}");
        }
    }
}
