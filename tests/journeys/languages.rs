//! One suite in three languages.

use crate::desk::{Desk, QUICK};

const YAML: &str = r#"schema: gridgate/suite/1
name: mild
seed: 7
grid: case14.m
candidate: idle/candidate.toml
stop: decided
loop:
  task: volt_var
  step_s: 60
  steps: 3
population:
  - id: swings
    hazards:
      - { kind: load_swing, sigma: 0.02 }
    size_max: 5000
gate:
  - id: blackout
    population: swings
    metric: blackout
    kind: rate
    max: 0.3
"#;

#[test]
fn a_suite_says_the_same_in_toml_yaml_and_json() {
    let desk = Desk::new();
    desk.put("suite.toml", QUICK);
    desk.put("suite.yaml", YAML);
    let table: toml::Table = QUICK.parse().expect("TOML");
    desk.put("suite.json", serde_json::to_string_pretty(&table).expect("JSON"));
    for language in ["toml", "yaml", "json"] {
        desk.run(&format!("suite.{language}"), language, &[]).with(0);
        assert!(
            desk.read(&format!("{language}/episodes.jsonl")) == desk.read("toml/episodes.jsonl"),
            "{language}"
        );
        let evidence = desk.json(&format!("{language}/evidence.json"));
        let mut gates = evidence["gates"].clone();
        for gate in gates.as_array_mut().expect("gates") {
            gate["line"] = serde_json::Value::Null;
        }
        let mut toml = desk.json("toml/evidence.json")["gates"].clone();
        for gate in toml.as_array_mut().expect("gates") {
            gate["line"] = serde_json::Value::Null;
        }
        assert_eq!(gates, toml, "{language}");
        // The copy in the folder is read by its name again.
        desk.say(&["verify", language]).with(0);
        desk.say(&["replay", language, "swings/0", "--candidate", "idle"]).with(0);
    }
    desk.put("suite.yaml", YAML.replace("steps: 3", "steps: no"));
    let said = desk.say(&["check", "suite.yaml"]).with(2);
    assert!(
        said.err.contains("suite.yaml:10") || said.out.contains("suite.yaml:10"),
        "{}{}",
        said.out,
        said.err
    );
}
