//! From a suite that asks for every single outage at several operating points to a verdict about all of them.

use crate::desk::{Desk, SUITE};

/// [`SUITE`] on a list: each branch of fourteen buses that cuts none off, at two levels of demand at which every outage leaves a
/// power flow.
fn listed() -> String {
    let begin = SUITE.find("hazards = [").expect("hazards");
    let end = SUITE.find("[protection]").expect("a table");
    let gates = "hazards = [\n  { kind = \"demand_levels\", factors = [0.5, 0.8] },\n  { kind = \"every_outage\", at_s = 60, keep_connected = true },\n]\n\n\
                 [[gate]]\nid = \"voltage\"\npopulation = \"outages\"\nmetric = \"voltage.worst_pu\"\nkind = \"census\"\nmax = 0.2\n\n\
                 [[gate]]\nid = \"new\"\npopulation = \"outages\"\nmetric = \"voltage.worst_pu\"\nkind = \"census\"\nmax = 0.0\nnew_only = true\n\n";
    format!("{}{gates}{}", &SUITE[..begin], &SUITE[end..])
}

#[test]
fn every_single_outage_is_run_once_at_every_level() {
    let desk = Desk::new();
    desk.put("suite.toml", listed());
    desk.run("suite.toml", "runs/all", &[]).with(0);
    let evidence = desk.json("runs/all/evidence.json");
    let population = &evidence["populations"][0];
    // Of the 20 branches one is a bridge: bus 8 hangs on bus 7 alone (the case's own picture).
    assert_eq!(
        (&population["n"], &population["size_max"], &population["listed"]),
        (&38.into(), &38.into(), &true.into())
    );
    let mut scenarios: Vec<String> = desk
        .episodes("runs/all")
        .iter()
        .map(|e| e["scenario"].as_str().expect("a digest").to_owned())
        .collect();
    scenarios.sort();
    scenarios.dedup();
    assert_eq!(scenarios.len(), 38);
    for gate in evidence["gates"].as_array().expect("gates") {
        let (kind, n) = (&gate["kind"], &gate["n"]);
        assert_eq!((kind, n, &gate["decided_at"]), (&"census".into(), &38.into(), &38.into()), "{gate}");
    }
    // The idle candidate does to voltages what the idle champion does: nothing is new, whatever there is.
    let said = desk.text("runs/all/summary.txt");
    assert!(
        said.contains("all 38 of outages") && said.contains("all 38 scenarios are at most 0.2"),
        "{said}"
    );
    desk.say(&["verify", "runs/all"]).with(0);
}

#[test]
fn samples_and_lists_are_not_taken_for_each_other() {
    let desk = Desk::new();
    let refused = |suite: String, words: &[&str]| {
        desk.put("suite.toml", suite);
        let said = desk.say(&["check", "suite.toml"]).with(2);
        for word in words {
            assert!(said.err.contains(word) || said.out.contains(word), "{word}: {} {}", said.out, said.err);
        }
    };
    let rate = "kind = \"rate\"\nmax = 0.3\n";
    refused(
        listed().replacen("kind = \"census\"\nmax = 0.2\n", rate, 1),
        &["suite.gate.misfit", "38 scenarios"],
    );
    refused(
        SUITE.replacen("kind = \"rate\"\nover = 0.5\nmax = 0.3", "kind = \"census\"\nmax = 0.3", 1),
        &["suite.gate.misfit", "every_outage"],
    );
    refused(
        listed().replace("keep_connected = true },\n]", "keep_connected = true },\n]\nsize_max = 30"),
        &["population.incomplete", "38"],
    );
    let mixed = "keep_connected = true },\n  { kind = \"load_swing\" },\n]\nsize_max = 30";
    refused(listed().replace("keep_connected = true },\n]", mixed), &["population.mixed"]);
    refused(
        listed().replace("engine = \"none\"", "hidden_failure_probability = 0.01"),
        &["suite.gate.misfit", "hidden_failure_probability"],
    );
}
