//! A suite in which relays act: the same bytes at any number of threads, books that close, cascades that replay.

use crate::desk::Desk;

const CASE118: &str = include_str!("../data/cases/pglib_opf_case118_ieee/pglib_opf_case118_ieee.m");

const SUITE: &str = r#"schema = "gridgate/suite/1"
name = "relays"
seed = 20261121
grid = "case118.m"
candidate = "idle/candidate.toml"
[loop]
task = "volt_var"
step_s = 60
steps = 4
[protection]
hidden_failure_probability = 0.01
[protection.overload]
pickup = 1.2
curve = "extremely_inverse"
[[population]]
id = "outages"
hazards = [{ kind = "line_trip", k = 3, at_s = [0, 100] }]
size_max = 32
[[gate]]
id = "cascades"
population = "outages"
metric = "cascade.size"
kind = "rate"
over = 0.5
max = 0.9
"#;

#[test]
fn cascades_are_the_same_at_any_number_of_threads_and_replay() {
    let desk = Desk::new();
    desk.put("case118.m", CASE118);
    desk.put("suite.toml", SUITE);
    let mut codes = Vec::new();
    for (run, threads) in [("one", "1"), ("three", "3")] {
        codes.push(desk.run("suite.toml", run, &["--threads", threads]).code);
    }
    assert_eq!(codes[0], codes[1]);
    for file in ["evidence.json", "episodes.jsonl"] {
        assert!(desk.read(&format!("one/{file}")) == desk.read(&format!("three/{file}")), "{file}");
    }
    let episodes = desk.episodes("one");
    let number = |episode: &serde_json::Value, id: &str| episode["metrics"][id].as_f64();
    let mut cascades = 0;
    for episode in &episodes {
        let Some(ens) = number(episode, "ens_mwh") else { continue };
        let causes = ["ufls", "uvls", "collapse", "island_dead", "unsolved", "bus_outage", "manual"];
        let sum: f64 =
            causes.iter().map(|cause| number(episode, &format!("shed.{cause}_mwh")).expect("known")).sum();
        assert!((ens - sum).abs() < 1e-9, "{episode}");
        let rows = episode["trips"].as_array().map_or(0, Vec::len);
        assert!(number(episode, "cascade.size").expect("known") <= rows as f64);
        cascades += usize::from(number(episode, "cascade.size").expect("known") > 0.0);
    }
    assert!(cascades > 2, "{cascades} cascades show nothing");
    let evidence = desk.json("one/evidence.json");
    assert_eq!(evidence["settings"]["protection.overload.pickup"], "1.2");
    let worst = evidence["gates"][0]["worst"].as_array().expect("worst");
    let kept = desk.json(&format!("one/{}", worst[0]["trajectory"].as_str().expect("kept")));
    assert!(kept["trips"].as_array().is_some_and(|trips| !trips.is_empty()));
    assert!(kept["steps"].as_array().expect("steps").iter().any(|step| step["between"] == true));
    insta::assert_snapshot!("cascade", log(&kept));
    for episode in worst {
        let command = episode["replay"].as_str().expect("a command");
        let said = desk.say(&["replay", "one", command.rsplit(' ').next().expect("an episode")]).with(0);
        assert!(said.err.contains("bit for bit"), "{}", said.err);
    }
}

/// The rows of a kept episode's log, rounded to what people read.
fn log(kept: &serde_json::Value) -> String {
    let mut text = String::new();
    for trip in kept["trips"].as_array().expect("trips") {
        let number = |key: &str| trip[key].as_f64().map_or("-".to_owned(), |v| format!("{v:.2}"));
        let words = |key: &str| trip[key].as_str().unwrap_or("-").to_owned();
        text += &format!(
            "{:>3} {:>8} s  {}: {}, {} against {}, {} MW lost, {}\n",
            trip["generation"],
            number("time_s"),
            words("name"),
            words("cause"),
            number("value"),
            number("limit"),
            number("lost_mw"),
            words("rung"),
        );
    }
    text
}

#[test]
fn every_mistake_in_the_relays_is_told_at_its_line() {
    let desk = Desk::new();
    desk.put("case118.m", CASE118);
    for (from, to, code, line) in [
        ("pickup = 1.2", "pickup = 0", "suite.protection.range", 13),
        ("pickup = 1.2", "pikcup = 1.2", "suite.protection.unknown-key", 13),
        ("\"extremely_inverse\"", "\"inverse\"", "suite.protection.unknown-choice", 14),
        ("= 0.01", "= 2", "suite.protection.range", 11),
        ("[protection.overload]", "[protection.overlaod]", "suite.protection.unknown-key", 12),
        // A curve without a dial knows none.
        (
            "curve = \"extremely_inverse\"",
            "curve = \"definite\"\ntime_dial = 2",
            "suite.protection.unknown-key",
            15,
        ),
    ] {
        desk.put("suite.toml", SUITE.replacen(from, to, 1));
        let said = desk.say(&["check", "suite.toml"]).with(2);
        assert!(said.err.contains(code), "{code}: {}", said.err);
        assert!(said.err.contains(&format!("suite.toml:{line}")), "{line}: {}", said.err);
    }
}
