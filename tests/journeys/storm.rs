//! Weather over a grid, by command line.

use crate::desk::Desk;

const STORMS: &str = r#"schema = "gridgate/suite/1"
name = "storms"
seed = 7
grid = "case14.m"
coordinates = "buses.csv"
candidate = "do_nothing"
stop = "never"
[loop]
task = "redispatch"
step_s = 3600
steps = 24
[protection]
[[population]]
id = "storms"
hazards = [
    { kind = "wind_front", peak_m_s = [55, 75], width_km = [100, 200], crews = 2 },
    { kind = "heat_dome", peak_c = [38, 42], technology = "steam" },
]
size_max = 24
[[gate]]
id = "blackout"
population = "storms"
metric = "blackout"
kind = "rate"
max = 0.5
"#;

/// Fourteen places around Berlin, 30 km apart: a layout of this test, not of the grid.
fn places() -> String {
    let rows = (1..=14).map(|bus| {
        let (row, column) = ((bus - 1) / 4, (bus - 1) % 4);
        format!("{bus},{},{}\n", 52.5 + 0.27 * f64::from(row), 13.4 + 0.44 * f64::from(column))
    });
    format!("bus,latitude,longitude\n{}", rows.collect::<String>())
}

#[test]
fn a_storm_needs_places_and_a_run_keeps_them() {
    let desk = Desk::new();
    desk.put("suite.toml", STORMS);
    desk.put("buses.csv", places());
    let said = desk.run("suite.toml", "run", &["--threads", "1"]);
    assert!([0, 1, 3].contains(&said.code), "{}", said.err);
    desk.run("suite.toml", "again", &["--threads", "2"]).with(said.code);
    assert!(desk.read("run/episodes.jsonl") == desk.read("again/episodes.jsonl"), "threads change nothing");
    let evidence = desk.json("run/evidence.json");
    let inputs = evidence["inputs"].as_array().expect("inputs");
    assert!(inputs.iter().any(|input| input["role"] == "coordinates" && input["name"] == "buses.csv"));
    assert_eq!(desk.text("run/inputs/coordinates.csv"), places());
    desk.say(&["verify", "run"]).with(0);

    // Lines break and come back, and ratings move: a replay from the folder alone tells it.
    let storm = (0..24).find(|index| {
        let episode = format!("storms/{index}");
        let said = desk.say(&["replay", "run", &episode, "--candidate", "do_nothing"]).with(0);
        said.out.contains("trips") && said.out.contains("returns")
    });
    assert!(storm.is_some(), "this test tests nothing");
    let said = desk.say(&["replay", "run", "storms/0"]).with(0);
    assert!(
        said.out.contains("branches may carry") && said.out.contains("units can deliver"),
        "{}",
        said.out
    );

    desk.put("suite.toml", STORMS.replace("coordinates = \"buses.csv\"\n", ""));
    let said = desk.run("suite.toml", "nowhere", &[]).with(2);
    assert!(said.err.contains("error[hazard.no-coordinates]") && said.err.contains("bus 1"), "{}", said.err);
    desk.put("suite.toml", STORMS);
    desk.put("buses.csv", places().replace("\n14,", "\n15,"));
    let said = desk.run("suite.toml", "nowhere", &[]).with(2);
    assert!(said.err.contains("buses.csv:15") && said.err.contains("there is no bus 15"), "{}", said.err);
}
