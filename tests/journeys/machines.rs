//! Machines after events, by command line.

use crate::desk::Desk;

/// A machine, a stiff one, two lines and a demand between them.
const CASE: &str = r#"{
"Bus": [{"idx": 1, "Vn": 20.0}, {"idx": 2, "Vn": 20.0}, {"idx": 3, "Vn": 20.0}],
"Line": [
{"idx": "A", "bus1": 1, "bus2": 2, "r": 0.01, "x": 0.1},
{"idx": "B", "bus1": 2, "bus2": 3, "r": 0.01, "x": 0.1},
{"idx": "C", "bus1": 1, "bus2": 3, "r": 0.01, "x": 0.2}],
"PQ": [{"idx": "D", "bus": 2, "p0": 0.9, "q0": 0.2}],
"PV": [{"idx": 1, "bus": 1, "p0": 0.5, "v0": 1.02}],
"Slack": [{"idx": 2, "bus": 3, "v0": 1.0}],
"GENCLS": [
{"idx": "G1", "bus": 1, "gen": 1, "Sn": 100, "M": 8, "xd1": 0.3},
{"idx": "G2", "bus": 3, "gen": 2, "Sn": 200, "M": 10, "xd1": 0.25}],
"TGOV1": [
{"idx": "T", "syn": "G2", "R": 0.05, "VMAX": 1.2, "VMIN": 0, "T1": 0.5, "T2": 2.1, "T3": 7, "Dt": 0}]
}"#;

#[test]
fn a_trajectory_in_words_as_a_table_and_as_a_document() {
    let desk = Desk::new();
    desk.put("pair.json", CASE);
    let asked = ["frequency", "pair.json", "--event", "open line A at 0.5", "--horizon", "2"];
    let said = desk.say(&asked).with(0);
    assert!(said.out.contains("synchronism is kept") && said.out.contains("open line A"), "{}", said.out);
    assert_eq!(said.err, "");

    let table = desk.say(&[&asked[..], &["--format", "csv", "--sample", "0.1"]].concat()).with(0).out;
    let header = "t_s,f_coi_hz,omega_pu_G1,omega_pu_G2,delta_rad_G1,delta_rad_G2,vm_pu_1,vm_pu_2,vm_pu_3";
    assert_eq!(table.lines().next(), Some(header));
    assert_eq!(table.lines().count(), 22);

    let document = desk.say(&[&asked[..], &["--format", "json"]].concat()).with(0).out;
    let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(document["schema"], "gridgate/machines/1");
    assert_eq!(document["events"][0]["t_s"], 0.5);
    assert_eq!(document["table"]["t_s"].as_array().map(Vec::len), Some(101));
}

#[test]
fn the_longest_fault_is_told() {
    let desk = Desk::new();
    desk.put("pair.json", CASE);
    let said = desk.say(&["frequency", "pair.json", "--critical-clearing", "fault at bus 1 at 0.1"]).with(0);
    assert!(said.out.contains("critical clearing time of fault at bus 1"), "{}", said.out);
}

#[test]
fn wrong_usage_of_frequency_is_refused() {
    let desk = Desk::new();
    desk.put("pair.json", CASE);
    desk.put("torn.json", &CASE[..200]);
    for (arguments, part) in [
        (&["nowhere.json"][..], "error[machines.case.unreadable]"),
        (&["torn.json"], "error[machines.case.syntax]"),
        (&["pair.json", "--event", "open line Z at 1"], "error[machines.event.unknown-element]"),
        (&["pair.json", "--event", "break line A at 1"], "error[machines.event.syntax]"),
        (&["pair.json", "--horizon", "0"], "error[machines.settings.range]"),
        (&["pair.json", "--horizon", "NaN"], "error[machines.settings.range]"),
        (&["pair.json", "--step", "0.1"], "error[machines.settings.range]"),
        (&["pair.json", "--sample", "0"], "error[machines.settings.range]"),
        (
            &["pair.json", "--critical-clearing", "fault at bus 1 at 1 for 2"],
            "error[machines.clearing.fault]",
        ),
    ] {
        let said = desk.say(&[&["frequency"], arguments].concat()).with(2);
        assert!(said.err.contains(part) && said.out.is_empty(), "{arguments:?}: {}", said.err);
    }
}

/// A table of a case that does not begin would read as an answer.
#[test]
fn a_case_without_a_power_flow_has_no_table() {
    let desk = Desk::new();
    desk.put("pair.json", CASE.replace("\"p0\": 0.9", "\"p0\": 90.0"));
    for format in ["text", "csv", "json"] {
        let said = desk.say(&["frequency", "pair.json", "--format", format]).with(1);
        assert!(said.err.contains("error[machines.no-base]"), "{}", said.err);
        assert_eq!(format == "csv", said.out.is_empty(), "{}", said.out);
    }
}
