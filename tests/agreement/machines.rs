//! Classical machines against the trajectories of another program: ANDES 2.0.0, with fixed steps of 1/240 s.

use std::path::Path;

use harness::frequency::machines::{Question, answer};
use reports::machines::{MachineStatus, MachineStudy, Synchronism};

use gridgate_tests::{json, reference, rows};

/// Values of the reference near an event are interpolated across it, s.
const SKIPPED_S: f64 = 0.02 + 1e-9;

fn simulate(folder: &Path, case: &str, event: &str, horizon_s: f64) -> MachineStudy {
    let question = Question { events: vec![event.to_owned()], horizon_s, ..Question::default() };
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

#[test]
fn classical_trajectories() {
    let Some(folder) = reference() else { return };
    let folder = folder.join("dynamics");
    for (case, event, name, event_s, horizon_s) in [
        ("ieee14_classical", "trip generator GENROU_2 at 1.0", "ieee14_classical_gentrip", 1.0, 30.0),
        ("ieee39_classical", "trip line Line_1 at 1.0", "ieee39_classical_linetrip", 1.0, 20.0),
    ] {
        let study = simulate(&folder, case, event, horizon_s);
        let [hz, omega, vm] = apart(&study, &folder.join(format!("{name}.csv")), event_s);
        // The tolerances of the specification, 1e-3 Hz, 1e-4 pu and 1e-3 pu, are for other integrators. This is theirs: what
        // is left are the seven digits of the table, and its straight lines between steps.
        assert!(hz < 5e-5 && omega < 5e-6 && vm < 1e-5, "{name}: {hz:e} Hz, {omega:e} pu, {vm:e} pu");

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
    }
}

/// The start is solved by our own power flow; the reference stores its own.
#[test]
fn starts_are_those_of_the_reference() {
    let Some(folder) = reference() else { return };
    let folder = folder.join("dynamics");
    for (case, event, name) in [
        ("ieee14_full", "trip generator GENROU_2 at 1.0", "ieee14_full_gentrip"),
        ("kundur_full", "open line Line_8 at 1.0", "kundur_full_linetrip"),
        ("ieee39_full", "open line Line_1 at 1.0", "ieee39_full_linetrip"),
    ] {
        let study = simulate(&folder, case, event, 1.5);
        let meta = json(&folder.join(format!("{name}.meta.json")));
        for bus in &study.table.buses {
            let theirs = meta["pf_vm_va_rad"][&bus.id][0].as_f64().expect("a voltage");
            let ours = bus.vm_pu[0].expect("a live bus");
            assert!((ours - theirs).abs() < 1e-8, "{name}, bus {}: {ours} {theirs}", bus.id);
        }
    }
}
