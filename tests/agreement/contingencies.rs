//! Single outages against those that MATPOWER 8.1 found in Octave (`reference/n1`), by the tolerances of
//! `tools/check_power_flow.py`.

use std::collections::BTreeMap;
use std::path::Path;

use gridgate_tests::{Unpacked, bytes, json, reference};
use harness::run::Silent;
use harness::study::{ContingencySettings, contingencies};
use powerflow::{NewtonConfig, ReactiveLimits, Slack};
use reports::contingencies::ContingencyStatus;

/// Disagreements of our study of `case` with the stored table.
fn disagreements(case: &Path, table: &str) -> Vec<String> {
    let newton = NewtonConfig {
        reactive_limits: ReactiveLimits::Ignore,
        slack: Slack::Single,
        ..NewtonConfig::default()
    };
    let settings = ContingencySettings { newton, ..ContingencySettings::default() };
    let study = contingencies(case, &settings, &Silent).unwrap_or_else(|e| panic!("{e}"));
    let ours = study.rows.expect("rows of a small study");
    let mut lines = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let theirs: Vec<BTreeMap<&str, &str>> =
        lines.map(|line| header.iter().copied().zip(line).collect()).collect();
    assert!(!theirs.is_empty());
    assert_eq!(ours.len(), theirs.len());
    let mut found = Vec::new();
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let branch = theirs["branch"];
        assert_eq!(ours.rows, [branch.parse::<u32>().expect("a row")]);
        assert_eq!([ours.from[0].to_string(), ours.to[0].to_string()], [theirs["fbus"], theirs["tbus"]]);
        let expected = match (theirs["status"], theirs["converged"]) {
            ("out", _) => ContingencyStatus::Dead,
            ("islanded", _) => ContingencyStatus::Islanded,
            ("connected", "1") => ContingencyStatus::Solved,
            // Where plain Newton finds nothing, a longer ladder may.
            ("connected", _) if ours.status == ContingencyStatus::Solved => continue,
            _ => ContingencyStatus::NoSolution,
        };
        if ours.status != expected {
            found.push(format!("branch {branch}: {:?}, reference {expected:?}", ours.status));
        }
        if expected != ContingencyStatus::Solved {
            continue;
        }
        for (what, ours, key, tolerance) in [
            ("lowest voltage", ours.vm_min_pu, "Vm_min", 1e-7),
            ("highest voltage", ours.vm_max_pu, "Vm_max", 1e-7),
            ("largest flow", ours.max_flow_mva, "max_flow_MVA", 1e-3),
            ("largest loading", ours.max_loading_pct, "max_loading_pct", 1e-4),
        ] {
            let theirs: f64 = theirs[key].parse().expect("a number");
            let agree = match ours {
                Some(ours) => (ours - theirs).abs() <= tolerance * (theirs.abs() / 1000.0).max(1.0),
                // Without ratings there is no loading, for them as for us.
                None => key == "max_loading_pct" && theirs.is_nan(),
            };
            if !agree {
                found.push(format!("branch {branch}: {what} {ours:?}, reference {theirs}"));
            }
        }
    }
    found
}

#[test]
fn single_outages_of_fourteen_buses() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/cases/case14");
    let table = String::from_utf8(bytes(&folder.join("n1.csv"))).expect("text");
    assert_eq!(disagreements(&folder.join("case14.m"), &table), Vec::<String>::new());
}

#[test]
fn single_outages_of_every_reference_case() {
    let Some(folder) = reference() else { return };
    let index = json(&folder.join("index.json"));
    let unpacked = Unpacked::new();
    let mut compared = 0;
    for entry in std::fs::read_dir(folder.join("n1")).expect("a folder of outages") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let file = index["cases"][&name]["case_file"].as_str().unwrap_or_else(|| panic!("{name}: no file"));
        let table = String::from_utf8(bytes(&path.join("n1.csv.gz"))).expect("text");
        let found = disagreements(&unpacked.path(&folder.join(file)), &table);
        assert!(found.is_empty(), "{name}: {:#?}", &found[..found.len().min(10)]);
        compared += 1;
    }
    assert!(compared >= 6, "only {compared} cases");
}
