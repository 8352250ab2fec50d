//! Power flows of every reference case against those that MATPOWER 8.1 found in Octave (`reference/solutions`), by the
//! tolerances of `tools/check_power_flow.py`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use gridgate_tests::{Unpacked, bytes, json, reference};
use powerflow::case::read;
use powerflow::{
    BranchIdx, BusId, BusStatus, Index, Network, NewtonConfig, ReactiveLimits, Slack, Solution, Solver,
    Start, UnitIdx, solve_linear,
};
use serde_json::Value;

/// Files that end with MATLAB statements no reader of literals can know; the reader refuses them.
const REFUSED: [&str; 4] = ["case141", "case533mt_lo", "case533mt_hi", "case8387pegase"];

/// Larger networks are left to optimised builds.
const BUSES_MAX_IN_DEBUG: u64 = 3500;

/// The reference cases that we read, by name, each with its entry in the index.
struct Cases {
    folder: PathBuf,
    all: BTreeMap<String, (Value, Arc<Network>)>,
}

fn cases() -> Option<&'static Cases> {
    static CASES: OnceLock<Option<Cases>> = OnceLock::new();
    CASES
        .get_or_init(|| {
            let folder = reference()?;
            let index = json(&folder.join("index.json"));
            let unpacked = Unpacked::new();
            let mut all = BTreeMap::new();
            for (name, entry) in index["cases"].as_object().expect("cases of the index") {
                let Some(file) = entry["case_file"].as_str() else { continue };
                if REFUSED.contains(&name.as_str()) {
                    continue;
                }
                if cfg!(debug_assertions) && entry["buses"].as_u64().expect("buses") > BUSES_MAX_IN_DEBUG {
                    eprintln!("skipped: {name} is left to optimised builds");
                    continue;
                }
                let case = read(&unpacked.path(&folder.join(file))).unwrap_or_else(|e| panic!("{name}: {e}"));
                let network = Network::build(case).unwrap_or_else(|e| panic!("{name}: {e}"));
                all.insert(name.clone(), (entry.clone(), network));
            }
            Some(Cases { folder, all })
        })
        .as_ref()
}

/// Rows of a stored table, each by column name.
type Table = Vec<BTreeMap<String, String>>;

impl Cases {
    fn table(&self, case: &str, table: &str) -> Option<Table> {
        let path = self.folder.join(format!("solutions/{case}/{table}.csv.gz"));
        if !path.is_file() {
            return None;
        }
        let text = String::from_utf8(bytes(&path)).expect("a table of text");
        let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned));
        let header: Vec<String> = lines.next().expect("a header").collect();
        Some(lines.map(|line| header.iter().cloned().zip(line).collect()).collect())
    }
}

fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} is {}", row[column]))
}

/// Textbook settings, as the reference was made.
fn textbook(name: &str, start: Start, reactive_limits: ReactiveLimits) -> NewtonConfig {
    NewtonConfig {
        start,
        reactive_limits,
        slack: Slack::Single,
        // Branch impedances down to 1e-9 pu put the round-off floor of the mismatch above 1e-10.
        tolerance_pu: if name == "case16am" { 1e-7 } else { 1e-10 },
        ..NewtonConfig::default()
    }
}

/// The largest difference of every kind of quantity, as complaints where it is beyond its tolerance times `scale`.
struct Comparison {
    scale: f64,
    worst: BTreeMap<&'static str, (f64, f64, String)>,
}

impl Comparison {
    fn of(scale: f64) -> Self {
        Self { scale, worst: BTreeMap::new() }
    }

    fn close(&mut self, what: &'static str, tolerance: f64, place: String, ours: Option<f64>, theirs: f64) {
        let gap = ours.map_or(f64::INFINITY, |ours| (ours - theirs).abs());
        let worst = self.worst.entry(what).or_insert((0.0, tolerance, String::new()));
        if !(gap <= worst.0) {
            (worst.0, worst.2) = (gap, place);
        }
    }

    fn complaints(&self) -> Vec<String> {
        let beyond = self.worst.iter().filter(|(_, (gap, tolerance, _))| !(*gap <= tolerance * self.scale));
        beyond.map(|(what, (gap, _, place))| format!("{what} differs by {gap:.3e} at {place}")).collect()
    }
}

/// Angles in degrees that differ by whole turns are equal.
fn same_turn(ours: f64, theirs: f64) -> f64 {
    theirs + (ours - theirs + 180.0).rem_euclid(360.0) - 180.0
}

/// Complaints about a solution that differs from the tables `prefix_*`.
fn differences(
    cases: &Cases,
    name: &str,
    prefix: &str,
    network: &Arc<Network>,
    solution: &Solution,
    scale: f64,
) -> Vec<String> {
    let mut found = Comparison::of(scale);
    for row in cases.table(name, &format!("{prefix}_bus")).expect("a table of buses") {
        if row["type"] == "4" {
            continue;
        }
        let id = &row["bus_i"];
        let bus = network.bus(BusId(id.parse().expect("a bus number"))).expect("a bus of the case");
        found.close("Vm pu", 1e-8, format!("bus {id}"), solution.vm_pu(bus), number(&row, "Vm"));
        let theirs = number(&row, "Va");
        let ours = solution.va_rad(bus).map(|a| same_turn(a.to_degrees(), theirs));
        found.close("Va deg", 1e-6, format!("bus {id}"), ours, theirs);
    }
    let mw = |pu: f64| Some(network.base.from_pu(pu));
    if let Some(rows) = cases.table(name, &format!("{prefix}_branch")) {
        let flows = Solver::new(network).flows(&network.initial_state(), solution);
        assert_eq!(rows.len(), network.branches.from.len(), "{name}");
        for (i, row) in rows.iter().enumerate() {
            let (b, place) = (BranchIdx::from_row(i), format!("branch {}", i + 1));
            found.close("Pf", 1e-4, place.clone(), mw(flows.p_from_pu[b]), number(row, "Pf"));
            found.close("Qf", 1e-4, place.clone(), mw(flows.q_from_pu[b]), number(row, "Qf"));
            found.close("Pt", 1e-4, place.clone(), mw(flows.p_to_pu[b]), number(row, "Pt"));
            found.close("Qt", 1e-4, place, mw(flows.q_to_pu[b]), number(row, "Qt"));
        }
    }
    if let Some(rows) = cases.table(name, &format!("{prefix}_gen")) {
        // How units of one bus share reactive power is a convention: sums by bus.
        let mut sums: BTreeMap<&str, [f64; 4]> = BTreeMap::new();
        assert_eq!(rows.len(), network.units.bus.len(), "{name}");
        for (i, row) in rows.iter().enumerate().filter(|(_, row)| row["status"] == "1") {
            let u = UnitIdx::from_row(i);
            let sum = sums.entry(&row["bus"]).or_default();
            sum[0] += network.base.from_pu(solution.unit_p_pu[u]);
            sum[1] += network.base.from_pu(solution.unit_q_pu[u]);
            sum[2] += number(row, "Pg");
            sum[3] += number(row, "Qg");
        }
        for (bus, [p, q, p_theirs, q_theirs]) in sums {
            found.close("Pg", 1e-4, format!("bus {bus}"), Some(p), p_theirs);
            found.close("Qg", 1e-4, format!("bus {bus}"), Some(q), q_theirs);
        }
    }
    found.complaints()
}

/// Solves every case that has run `run` and compares each answer; `limits` and `start` say how.
fn agree(run: &str, start: Start, limits: ReactiveLimits, scale: f64, cases_min: usize) {
    let Some(cases) = cases() else { return };
    let (mut agreed, mut complaints) = (0, Vec::new());
    for (name, (entry, network)) in &cases.all {
        let stated = &entry["runs"][run];
        if stated.is_null() || run.starts_with("pf_qlim") && stated["wrong_side"].as_f64() != Some(0.0) {
            continue;
        }
        let answer = powerflow::solve(network, &textbook(name, start, limits));
        let succeeded = stated["success"].as_f64() == Some(1.0);
        match answer {
            Err(divergence) => {
                // The reference finds none either; where it has one, so must we.
                assert!(divergence.mismatch_mw.is_finite() && divergence.iterations > 0, "{name}");
                if succeeded {
                    complaints.push(format!("{name}: {divergence}"));
                } else {
                    agreed += 1;
                }
            }
            Ok(_) if name.contains("infeasible") => complaints.push(format!("{name}: it has no solution")),
            Ok(_) if !succeeded => {}
            Ok(solution) => {
                // A flat start may end in another root of the equations; either is stored.
                let mut prefixes: Vec<&str> = ["pf", run]
                    .into_iter()
                    .filter(|p| limits == ReactiveLimits::Ignore || *p == run)
                    .filter(|p| cases.table(name, &format!("{p}_bus")).is_some())
                    .collect();
                prefixes.dedup();
                // A run with limits whose tables equal those of the run without is not stored again.
                if prefixes.is_empty() && cases.table(name, "pf_bus").is_some() {
                    prefixes.push("pf");
                }
                let scale = if name == "case16am" { 1e4 } else { scale };
                let mut found: Vec<Vec<String>> = prefixes
                    .iter()
                    .map(|prefix| differences(cases, name, prefix, network, &solution, scale))
                    .collect();
                if found.iter().any(Vec::is_empty) {
                    agreed += 1;
                } else if !found.is_empty() {
                    complaints.extend(found.swap_remove(0).into_iter().map(|f| format!("{name}: {f}")));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(agreed >= cases_min, "only {agreed} cases were compared");
}

#[test]
fn power_flows_are_those_of_matpower() {
    agree("pf", Start::Case, ReactiveLimits::Ignore, 1.0, 55);
}

#[test]
fn power_flows_from_a_flat_start_are_those_of_matpower() {
    agree("pf_flat", Start::Flat, ReactiveLimits::Ignore, 1.0, 55);
}

#[test]
fn power_flows_within_reactive_limits_are_those_of_matpower() {
    // Both sides stop at their own limit tolerances: 1e-6 pu.
    agree("pf_qlim_noslack", Start::Case, ReactiveLimits::Enforce, 100.0, 30);
}

#[test]
fn linear_power_flows_are_those_of_matpower() {
    let Some(cases) = cases() else { return };
    let (mut agreed, mut complaints) = (0, Vec::new());
    for (name, (entry, network)) in &cases.all {
        let stored = cases.table(name, "dc_bus").zip(cases.table(name, "dc_branch"));
        let (true, Some((buses, branches))) = (entry["runs"]["dc"]["success"] == 1, stored) else { continue };
        let config = NewtonConfig { slack: Slack::Single, ..NewtonConfig::default() };
        let flow = solve_linear(network, &network.initial_state(), &config)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut found = Comparison::of(1.0);
        for row in &buses {
            let id = &row["bus_i"];
            let bus = network.bus(BusId(id.parse().expect("a bus number"))).expect("a bus of the case");
            let theirs = number(row, "Va");
            match flow.status[bus.row()] {
                BusStatus::Live => {
                    let ours = flow.angle_rad[bus.row()].map(|a| same_turn(a.to_degrees(), theirs));
                    found.close("Va deg", 1e-6, format!("bus {id}"), ours, theirs);
                }
                // Octave solves the singular system of a bus without any branch by a pseudo-inverse, and stores zero.
                BusStatus::Dead => {
                    assert_eq!((flow.angle_rad[bus.row()], theirs), (None, 0.0), "{name} {id}")
                }
                BusStatus::Isolated => assert_eq!(flow.angle_rad[bus.row()], None, "{name} {id}"),
            }
        }
        for (i, row) in branches.iter().enumerate() {
            let ours = network.base.from_pu(flow.branch_p_pu[i]);
            found.close("Pf", 1e-4, format!("branch {}", i + 1), Some(ours), number(row, "Pf"));
        }
        complaints.extend(found.complaints().into_iter().map(|f| format!("{name}: {f}")));
        agreed += 1;
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(agreed >= 55, "only {agreed} cases were compared");
}
