//! The example of a redispatch that is worse than doing nothing in a cascade: found, and explained.

use crate::desk::Desk;

const FILES: [(&str, &str); 4] = [
    ("suite.toml", include_str!("../../examples/cascade/suite.toml")),
    ("grid.m", include_str!("../../examples/cascade/grid.m")),
    ("eager/candidate.toml", include_str!("../../examples/cascade/eager/candidate.toml")),
    ("eager/controller.py", include_str!("../../examples/cascade/eager/controller.py")),
];

fn desk() -> Desk {
    let desk = Desk::new();
    for (name, text) in FILES {
        desk.put(name, text);
    }
    desk
}

#[test]
fn what_is_better_in_the_base_state_and_worse_in_a_cascade_is_refused() {
    let desk = desk();
    desk.run("suite.toml", "run", &[]).with(1);
    let evidence = desk.json("run/evidence.json");
    let gate = |id: &str| {
        let gates = evidence["gates"].as_array().expect("gates");
        gates.iter().find(|gate| gate["id"] == id).expect("a gate").clone()
    };
    assert_eq!(gate("calm.overload")["verdict"], "pass", "{}", gate("calm.overload")["reason"]);
    assert_eq!(gate("outages.energy")["verdict"], "fail", "{}", gate("outages.energy")["reason"]);
    assert_eq!(gate("outages.blackout")["verdict"], "fail");
    let reason = gate("outages.energy")["reason"].to_string();
    assert!(reason.contains("operator-none, operator-greedy, operator-lp"), "{reason}");
    // Who it was compared with is in the evidence, each with its own figures.
    assert_eq!(evidence["champion"]["name"], "operator-none");
    let others: Vec<&str> = evidence["other_champions"]
        .as_array()
        .expect("others")
        .iter()
        .filter_map(|c| c["name"].as_str())
        .collect();
    assert_eq!(others, ["operator-greedy", "operator-lp"]);
    let mean = |subject: &str, population: &str, metric: &str| {
        let all = evidence["measurements"].as_array().expect("measurements");
        let of = |m: &&serde_json::Value| {
            m["subject"] == subject && m["population"] == population && m["metric"] == metric
        };
        all.iter().find(of).and_then(|m| m["mean"].as_f64()).expect("a mean")
    };
    assert_eq!(mean("candidate", "calm", "overload.minutes"), 0.0);
    // People act after ten minutes: a third of the overload is left.
    assert_eq!(mean("operator-greedy", "outages", "ens_mwh"), 0.0);
    assert!(
        mean("operator-greedy", "calm", "overload.minutes")
            < 0.5 * mean("operator-none", "calm", "overload.minutes")
    );
    // The worst episode tells the cascade: the circuit beside the lost one, then the corridor that was to be relieved.
    let worst = gate("outages.energy")["worst"][0].clone();
    let kept = desk.json(&format!("run/{}", worst["trajectory"].as_str().expect("kept")));
    let trips: Vec<(u64, &str)> = kept["trips"]
        .as_array()
        .expect("trips")
        .iter()
        .filter(|trip| trip["kind"] == "branch")
        .map(|trip| (trip["row"].as_u64().expect("a row"), trip["cause"].as_str().expect("a cause")))
        .collect();
    assert!(trips[0].0 >= 3 && trips[0].1 == "overload", "{trips:?}");
    assert_eq!(trips[1..], [(1, "overload"), (2, "overload")], "{trips:?}");
    // What was not tested is told with the verdict.
    for page in ["run/summary.txt", "run/summary.md", "run/report.html"] {
        let page = desk.read(page);
        let page = String::from_utf8_lossy(&page);
        assert!(page.contains("rotor angles and loss of synchronism"), "{page}");
        assert!(page.contains("operator-greedy"));
    }
}

#[test]
fn a_verdict_that_depends_on_how_people_are_modelled_is_none() {
    let desk = desk();
    let suite = FILES[0].1;
    let only = suite.find("[[gate]]").expect("gates");
    let energy = suite.find("# What it must not do").expect("a gate");
    desk.put("suite.toml", [&suite[..only], &suite[only..energy]].concat());
    desk.run("suite.toml", "run", &["--candidate", "do_nothing"]);
    let evidence = desk.json("run/evidence.json");
    let gates = evidence["gates"].as_array().expect("gates");
    let gate = gates.iter().find(|gate| gate["id"] == "calm.overload").expect("a gate");
    assert_eq!(gate["verdict"], "undecided");
    let reason = gate["reason"].as_str().expect("a reason");
    assert!(reason.contains("pass against operator-none"), "{reason}");
    assert!(reason.contains("fail against operator-greedy"), "{reason}");
}

#[test]
fn what_the_engine_does_not_contain_is_refused() {
    let desk = desk();
    desk.put("suite.toml", FILES[0].1.replace("step_s = 60", "step_s = 0.5"));
    let said = desk.say(&["check", "suite.toml"]).with(2);
    assert!(said.err.contains("covers.period") && said.err.contains("frequency response"), "{}", said.err);
}

#[test]
fn every_mistake_in_what_acts_by_itself_is_told() {
    let desk = desk();
    for (table, code) in [
        ("[agc]", "suite.agc.balance"),
        ("[slow.taps]\nfirst_s = -1", "suite.slow.range"),
        ("[slow.tabs]", "suite.slow.unknown-key"),
        (
            "[[remedial]]\nid = \"a\"\nwhen = [{ branch_out = 9 }]\nthen = [{ trip_unit = 1 }]",
            "suite.unknown-branch",
        ),
        (
            "[[remedial]]\nid = \"a\"\nwhen = [{ branch_out = 1 }]\nthen = [{ shed_bus = 7, share = 1 }]",
            "network.unknown-bus",
        ),
        (
            "[[remedial]]\nid = \"a\"\nwhen = [{ out = 1 }]\nthen = [{ trip_unit = 1 }]",
            "suite.remedial.trigger",
        ),
        ("[units]\nunit = [{ row = 4 }]", "suite.unknown-unit"),
        ("[units]\ntrip_margin = 0.5", "suite.units.range"),
        ("[units]\nunit = [{ row = 1, kind = \"synchronous\", cessation_pu = 0.5 }]", "suite.units.range"),
    ] {
        desk.put("suite.toml", format!("{}\n{table}\n", FILES[0].1));
        let said = desk.say(&["check", "suite.toml"]).with(2);
        assert!(said.err.contains(code), "{code}: {}", said.err);
    }
}
