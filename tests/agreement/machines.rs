//! Machines against the trajectories of another program: ANDES 2.0.0, with fixed steps of 1/240 s.

use std::path::Path;

use harness::frequency::machines::{Question, answer};
use reports::machines::{MachineStatus, MachineStudy, Synchronism};

use gridgate_tests::{json, reference, rows};

/// Values of the reference near an event are interpolated across it, s.
const SKIPPED_S: f64 = 0.02 + 1e-9;

fn simulate(folder: &Path, case: &str, event: &str, horizon_s: f64, classical: bool) -> MachineStudy {
    let question = Question { events: vec![event.to_owned()], horizon_s, classical, ..Question::default() };
    let study = answer(&folder.join(format!("cases/{case}.json")), &question).expect("a sound case");
    assert_eq!(study.status, MachineStatus::Completed, "{case}: {:?}", study.why);
    study
}

/// Largest differences of frequency (Hz), speeds (pu) and voltages (pu) away from the event.
fn apart(study: &MachineStudy, table: &Path, event_s: f64) -> [f64; 3] {
    let theirs = rows(table);
    let csv = study.csv();
    let mut lines = csv.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let columns = theirs[0].len();
    assert_eq!(header.len(), columns, "columns");
    let mut worst = [0.0f64; 3];
    assert_eq!(csv.lines().count(), theirs.len() + 1);
    for (line, expected) in lines.zip(&theirs) {
        let ours: Vec<f64> = line.split(',').map(|cell| cell.parse().expect("a number")).collect();
        assert!((ours[0] - expected["t_s"]).abs() < 1e-9);
        if (ours[0] - event_s).abs() <= SKIPPED_S {
            continue;
        }
        for (name, value) in header.iter().zip(&ours) {
            let kind = match name {
                name if name.starts_with("f_coi") => 0,
                name if name.starts_with("omega") => 1,
                name if name.starts_with("vm") => 2,
                _ => continue,
            };
            worst[kind] = worst[kind].max((value - expected[*name]).abs());
        }
    }
    worst
}

/// Case, event, name of the table, time of the event and length of the record, s.
const RUNS: [(&str, &str, &str, f64, f64); 5] = [
    ("ieee14_classical", "trip generator GENROU_2 at 1.0", "ieee14_classical_gentrip", 1.0, 30.0),
    ("ieee39_classical", "trip line Line_1 at 1.0", "ieee39_classical_linetrip", 1.0, 20.0),
    ("ieee14_full", "trip generator GENROU_2 at 1.0", "ieee14_full_gentrip", 1.0, 30.0),
    ("kundur_full", "open line Line_8 at 2.0", "kundur_full_linetrip", 2.0, 20.0),
    ("ieee39_full", "open line Line_1 at 1.0", "ieee39_full_linetrip", 1.0, 20.0),
];

#[test]
fn trajectories_of_every_reference_run() {
    let Some(folder) = reference() else { return };
    let folder = folder.join("dynamics");
    for (case, event, name, event_s, horizon_s) in RUNS {
        let study = simulate(&folder, case, event, horizon_s, false);
        assert_eq!(study.warnings, Vec::<String>::new(), "{name}");
        let [hz, omega, vm] = apart(&study, &folder.join(format!("{name}.csv")), event_s);
        // The tolerances of the specification, 1e-3 Hz, 1e-4 pu and 1e-3 pu, leave room for other integrators. This is
        // theirs: what is left are the seven digits of the table, and its straight lines between steps.
        assert!(hz < 5e-5 && omega < 5e-6 && vm < 1e-4, "{name}: {hz:e} Hz, {omega:e} pu, {vm:e} pu");

        let meta = json(&folder.join(format!("{name}.meta.json")));
        let expected = |key: &str| meta[key].as_f64().expect("a number");
        let key = study.key_figures.as_ref().expect("key figures");
        assert!((key.nadir_hz - expected("nadir_hz")).abs() < 1e-4, "{name}: {key:?}");
        assert!((key.peak_hz - expected("fmax_hz")).abs() < 1e-4, "{name}: {key:?}");
        assert!((key.end_hz - expected("f_end_hz")).abs() < 1e-4, "{name}: {key:?}");
        assert_eq!(study.synchronism, Some(Synchronism::Kept));
        for machine in &study.table.machines {
            let inertia_s = meta["M_system_base_s"][&machine.id].as_f64().expect("an inertia");
            assert!((machine.inertia_s - inertia_s).abs() < 1e-9 * inertia_s, "{name}: {}", machine.id);
        }
        for bus in &study.table.buses {
            let theirs = meta["pf_vm_va_rad"][&bus.id][0].as_f64().expect("a voltage");
            let ours = bus.vm_pu[0].expect("a live bus");
            // The power flow of the reference stops where powers balance to some 1e-6 pu, ours at 1e-10.
            assert!((ours - theirs).abs() < 1e-6, "{name}, bus {}: {ours} {theirs}", bus.id);
        }
    }
}

/// Machines with circuits taken as constant voltages: the drift has the sign of the reference and nothing falls out of step.
/// The nadir of the 14-bus system is another one, 0.15 Hz higher: no exciter brings the demand back.
#[test]
fn the_classical_model_of_full_cases_has_their_shape() {
    let Some(folder) = reference() else { return };
    let folder = folder.join("dynamics");
    for (case, event, name, _, horizon_s) in RUNS.into_iter().filter(|run| run.0.ends_with("full")) {
        let study = simulate(&folder, case, event, horizon_s, true);
        let meta = json(&folder.join(format!("{name}.meta.json")));
        let expected = |key: &str| meta[key].as_f64().expect("a number");
        let key = study.key_figures.as_ref().expect("key figures");
        assert_eq!(study.synchronism, Some(Synchronism::Kept));
        assert!(
            study.warnings.iter().any(|warning| warning.contains("exciters and stabilisers are left out"))
        );
        assert!((key.peak_hz - expected("fmax_hz")).abs() < 0.05, "{name}: {key:?}");
        let drift = (key.end_hz - 60.0) * (expected("f_end_hz") - 60.0);
        assert!(drift > 0.0, "{name}: {key:?}");
        if case == "ieee14_full" {
            assert!(key.nadir_hz > expected("nadir_hz"), "{key:?}");
        } else {
            assert!((key.nadir_hz - expected("nadir_hz")).abs() < 0.05, "{name}: {key:?}");
        }
    }
}
