use super::*;

/// The example of contracts.md 5, with the champion that exists.
const EXAMPLE: &str = r#"schema = "gridgate/suite/1"
name = "volt-var release"
seed = 20261121
grid = "case118.m"
candidate = "sound/candidate.toml"
champion = "do_nothing"
stop = "never"
[loop]
task = "volt_var"
step_s = 60
steps = 30
observe = "truth"
[[population]]
id = "outages"
hazards = [
  { kind = "line_trip", k = [1, 2] },
  { kind = "load_swing", sigma = 0.1 },
]
size_max = 10000
[[gate]]
id = "voltage"
population = "outages"
metric = "voltage.violation_pu_min"
kind = "rate"
over = 0.5
max = 0.01
severity = "required"
"#;

fn read(text: &str) -> Result<Suite, Diagnostics> {
    Suite::from_text(text, Path::new("suites/s.toml"))
}

/// Codes and lines of what is wrong after replacing a part of the example.
fn wrong(from: &str, to: &str) -> Vec<(String, Option<u32>)> {
    assert!(EXAMPLE.contains(from), "{from}");
    let diagnostics = read(&EXAMPLE.replacen(from, to, 1)).expect_err("the suite should be refused");
    diagnostics.0.iter().map(|d| (d.code.to_string(), d.place.as_ref().and_then(|p| p.line))).collect()
}

fn one(code: &str, line: u32) -> Vec<(String, Option<u32>)> {
    vec![(code.to_owned(), Some(line))]
}

#[test]
fn the_example_of_the_contract_is_read() {
    let suite = read(EXAMPLE).unwrap();
    assert_eq!((suite.name.as_str(), suite.seed, suite.alpha), ("volt-var release", 20_261_121, 0.05));
    assert_eq!(suite.grid_path, Path::new("suites/case118.m"));
    assert_eq!(suite.candidate_path.as_deref(), Some(Path::new("suites/sound/candidate.toml")));
    assert_eq!(
        (suite.champion, suite.stop, suite.claim),
        (Some(Champion::DoNothing), Stop::Never, Claim::Suite)
    );
    let loop_config = LoopSettings { task: Task::VoltVar, step_s: 60.0, steps: 30, observe: Observe::Truth };
    assert_eq!((suite.loop_config, suite.physics), (loop_config, PhysicsConfig::default()));
    let population = &suite.populations[0];
    assert_eq!((population.size_max, population.line), (Some(10_000), Some(13)));
    let lines: Vec<_> = population.hazards.iter().map(|hazard| hazard.line).collect();
    assert_eq!(lines, [Some(16), Some(17)]);
    assert_eq!(population.hazards[1].table["sigma"].as_float(), Some(0.1));
    let gate = &suite.gates[0];
    assert_eq!(
        (gate.id.as_str(), gate.gate.kind(), gate.line, gate.implied),
        ("voltage", "rate", Some(20), false)
    );
    assert_eq!(gate.gate.threshold()["over"], 0.5);
}

#[test]
fn json_with_the_same_keys_is_the_same_suite() {
    let table: toml::Table = toml::from_str(EXAMPLE).unwrap();
    let json = serde_json::to_string_pretty(&table).unwrap();
    let suite = Suite::from_text(&json, Path::new("suites/s.json")).unwrap();
    let toml = read(EXAMPLE).unwrap();
    assert_eq!(suite.populations[0].hazards[0].table, toml.populations[0].hazards[0].table);
    assert_eq!((suite.seed, suite.loop_config), (toml.seed, toml.loop_config));
    assert_eq!(suite.gates[0].gate.threshold(), toml.gates[0].gate.threshold());
}

#[test]
fn yaml_with_the_same_keys_is_the_same_suite_and_errs_at_its_line() {
    let yaml = r#"schema: gridgate/suite/1
name: volt-var release
seed: 20261121
grid: case118.m
candidate: sound/candidate.toml
champion: do_nothing
stop: never
loop: { task: volt_var, step_s: 60, steps: 30, observe: truth }
population:
  - id: outages
    hazards:
      - { kind: line_trip, k: [1, 2] }
      - kind: load_swing
        sigma: 0.1
    size_max: 10000
gate:
  - id: voltage
    population: outages
    metric: voltage.violation_pu_min
    kind: rate
    over: 0.5
    max: 0.01
    severity: required
"#;
    let path = Path::new("suites/s.yaml");
    let (suite, toml) = (Suite::from_text(yaml, path).unwrap(), read(EXAMPLE).unwrap());
    assert_eq!(suite.world, toml.world);
    assert_eq!(suite.gates[0].gate.threshold(), toml.gates[0].gate.threshold());
    let tables = |suite: &Suite| -> Vec<toml::Table> {
        suite.populations[0].hazards.iter().map(|hazard| hazard.table.clone()).collect()
    };
    assert_eq!(tables(&suite), tables(&toml));
    assert_eq!((suite.populations[0].line, suite.gates[0].line), (Some(10), Some(17)));
    let wrong = Suite::from_text(&yaml.replace("over: 0.5", "ovre: 0.5"), path).unwrap_err();
    assert_eq!(
        (&*wrong.0[0].code, wrong.0[0].place.as_ref().and_then(|p| p.line)),
        ("suite.gate.unknown-key", Some(21))
    );
}

#[test]
fn unmet_balance_is_a_required_gate_unless_the_suite_has_its_own() {
    let suite = read(EXAMPLE).unwrap();
    let implied = &suite.gates[1];
    assert_eq!((implied.id.as_str(), implied.metric.as_str()), ("outages.balance", BALANCE_METRIC));
    assert_eq!((implied.severity, implied.implied, implied.gate.kind()), (Severity::Required, true, "value"));
    assert_eq!(implied.gate.threshold()["max"], 0.0);
    let own = EXAMPLE.replace("voltage.violation_pu_min", BALANCE_METRIC);
    let ids = |text: &str| -> Vec<String> {
        read(text).unwrap().gates.into_iter().skip(1).map(|g| format!("{} {}", g.id, g.metric)).collect()
    };
    let (balance, blackout) = ("outages.balance balance.unmet_mw", "outages.blackout blackout");
    assert_eq!(ids(EXAMPLE), [balance, blackout]);
    assert_eq!(ids(&own), [blackout]);
    for service in SERVICE_METRICS {
        assert_eq!(ids(&EXAMPLE.replace("voltage.violation_pu_min", service)), [balance]);
    }
    let warning = own.replace("severity = \"required\"", "severity = \"warn\"");
    assert_ne!(warning, own);
    assert_eq!(ids(&warning), [balance, blackout]);
}

#[test]
fn every_mistake_is_refused_at_its_line() {
    assert_eq!(
        wrong("seed =", "sede ="),
        [("suite.missing".into(), None), ("suite.unknown-key".into(), Some(3))]
    );
    assert_eq!(wrong("steps = 30", "steps = 30.5"), one("suite.loop.type", 11));
    assert_eq!(wrong("step_s = 60", "step_s = 0"), one("suite.loop.range", 10));
    assert_eq!(wrong("\"truth\"", "\"guess\""), one("suite.loop.unknown-choice", 12));
    assert_eq!(wrong("\"volt_var\"", "\"topology\""), one("suite.loop.unknown-choice", 9));
    assert_eq!(wrong("\"do_nothing\"", "\"operater\""), one("suite.unknown-choice", 6));
    let twice = "champion = \"operator\"\noperator = [\"lp\", \"lp\"]";
    assert_eq!(wrong("champion = \"do_nothing\"", twice), one("suite.duplicate", 7));
    assert_eq!(
        wrong("population = \"outages\"", "population = \"outage\""),
        one("suite.gate.unknown-population", 22)
    );
    assert_eq!(wrong("over = 0.5", "ovre = 0.5"), one("suite.gate.unknown-key", 25));
    assert_eq!(wrong("kind = \"rate\"", "kind = \"ratio\""), one("suite.gate.unknown-choice", 24));
    assert_eq!(wrong("max = 0.01", "max = 0"), one("suite.gate.range", 26));
    assert_eq!(wrong("size_max = 10000", "size_max = 0"), one("suite.population.range", 19));
    assert_eq!(wrong("id = \"outages\"", "id = \"../outages\"")[0], ("suite.population.id".into(), Some(14)));
    assert_eq!(wrong("sigma = 0.1", "sigma = nan"), one("suite.hazard.type", 17));
    assert_eq!(wrong("/suite/1", "/suite/2"), one("suite.schema", 1));
    assert_eq!(wrong("stop = \"never\"", "stop = \"never\"\nalpha = 0.9"), one("suite.range", 8));
    let twice = EXAMPLE.to_owned() + &EXAMPLE[EXAMPLE.find("[[gate]]").unwrap()..];
    let diagnostics = read(&twice).unwrap_err();
    assert_eq!((&*diagnostics.0[0].code, diagnostics.0.len()), ("suite.gate.duplicate-id", 1));
    // Several at once, in the order of the file.
    let many = EXAMPLE.replace("steps = 30", "steps = -1").replace("over = 0.5", "over = \"much\"");
    let lines: Vec<_> =
        read(&many).unwrap_err().0.iter().map(|d| d.place.as_ref().and_then(|p| p.line)).collect();
    assert_eq!(lines, [Some(11), Some(25)]);
}

#[test]
fn simplified_physics_must_be_called_screening() {
    let physics = "[physics]\nreactive_limits = \"ignore\"\nslack = \"single\"\n[loop]";
    let codes = wrong("[loop]", physics);
    assert_eq!(
        codes,
        [("suite.physics.screening".into(), Some(9)), ("suite.physics.screening".into(), Some(10))]
    );
    let said = EXAMPLE.replacen("[loop]", physics, 1).replacen("[physics]", "screening = true\n[physics]", 1);
    let suite = read(&said).unwrap();
    assert!(suite.screening && suite.physics.is_simplified());
    assert_eq!(suite.physics.newton().slack, Slack::Single);
}

#[test]
fn a_comparison_has_a_champion_and_early_stopping_a_sequential_test() {
    let compares =
        EXAMPLE.replace("kind = \"rate\"\nover = 0.5\nmax", "kind = \"noninferiority\"\nmargin_abs");
    assert!(read(&compares).is_ok());
    // Without one the comparison is with the people who run the grid today.
    let alone = read(&compares.replace("champion = \"do_nothing\"\n", "")).unwrap();
    assert_eq!(alone.champion, Some(Champion::Operator));
    assert_eq!(read(&EXAMPLE.replace("champion = \"do_nothing\"\n", "")).unwrap().champion, None);
    let fixed = EXAMPLE.replace("max = 0.01", "max = 0.01\nmethod = \"fixed\"");
    assert!(read(&fixed).is_ok());
    let early = read(&fixed.replace("\"never\"", "\"decided\"")).unwrap_err();
    assert_eq!(early.0[0].code, "suite.gate.early-stop");
}

#[test]
fn metrics_and_levels() {
    let suite = read(EXAMPLE).unwrap();
    assert!(suite.check_metrics(&[BALANCE_METRIC, "blackout", "voltage.violation_pu_min"]).is_ok());
    let unknown = suite.check_metrics(&[BALANCE_METRIC, "blackout", "voltage.violation_pu"]).unwrap_err();
    assert!(unknown.0[0].hint.as_deref().is_some_and(|hint| hint.contains("`voltage.violation_pu`")));
    assert_eq!((unknown.0.len(), suite.gate_alpha()), (1, 0.05));
    // Two gates that infer share alpha; the implied one only counts.
    let second = EXAMPLE[EXAMPLE.find("[[gate]]").unwrap()..].replace("\"voltage\"", "\"again\"");
    let shared = EXAMPLE.replace("stop =", "claim = \"per_gate\"\nstop =") + &second;
    let shared = read(&shared).unwrap();
    assert_eq!((shared.gate_alpha(), shared.levels(&[])), (0.025, vec![0.025; 4]));
}

/// Three gates that infer, two of them with a fixed number of episodes: these share 2/3 of alpha by Holm's procedure.
#[test]
fn gates_with_fixed_samples_share_their_level() {
    let gate = &EXAMPLE[EXAMPLE.find("[[gate]]").unwrap()..];
    let fixed = |id: &str| gate.replace("\"voltage\"", &format!("\"{id}\"")) + "method = \"fixed\"\n";
    let text = EXAMPLE.replace("stop =", "claim = \"per_gate\"\nalpha = 0.06\nstop =");
    let suite = read(&(text.clone() + &fixed("a") + &fixed("b"))).unwrap();
    let levels = |a: Option<f64>, b: Option<f64>| {
        let levels = suite.levels(&[None, a, b, None, None]);
        [levels[0], levels[1], levels[2]].map(|level| (level * 1e9).round() / 1e9)
    };
    // The smaller p is tested at 0.04/2; only where it is rejected the other has all of 0.04.
    assert_eq!(levels(Some(0.001), Some(0.03)), [0.02, 0.02, 0.04]);
    assert_eq!(levels(Some(0.03), Some(0.001)), [0.02, 0.04, 0.02]);
    assert_eq!(levels(Some(0.021), Some(0.03)), [0.02, 0.02, 0.02]);
    assert_eq!(levels(None, Some(0.001)), [0.02, 0.04, 0.02]);
    let sentence = suite.claim_sentence();
    assert!(
        sentence.contains("tested at level 2 %, but for 2 with a fixed number of episodes, which share 4 %")
    );
    // A claim about the suite's verdict shares nothing.
    let whole = read(&(EXAMPLE.to_owned() + &fixed("a") + &fixed("b"))).unwrap();
    assert_eq!(whole.levels(&[None, Some(0.9), Some(0.9), None, None]), [0.05; 5]);
}

/// A population that lists counts itself, and what stands in every suite is then about all of it.
#[test]
fn a_list_needs_no_size_and_is_judged_as_a_whole() {
    let lists = "hazards = [{ kind = \"every_outage\" }]\n";
    let begin = EXAMPLE.find("hazards = [").unwrap();
    let end = EXAMPLE.find("[[gate]]").unwrap();
    let census = EXAMPLE.replace("kind = \"rate\"\nover = 0.5\nmax = 0.01", "kind = \"census\"\nmax = 0.5");
    let suite = read(&census.replace(&EXAMPLE[begin..end], lists)).unwrap();
    assert_eq!((suite.populations[0].size_max, suite.populations[0].is_listed()), (None, true));
    assert_eq!(suite.gates.iter().map(|gate| gate.gate.kind()).collect::<Vec<_>>(), ["census"; 3]);
    let frame = |size| [gate::Frame { size, draws: false, hours: 0.5, per_year: None }];
    assert!(suite.check_frames(&frame(Some(186))).is_ok());
    // The same gates on draws, and a rate of a list.
    let misfits = |suite: &Suite, size| {
        let wrong = suite.check_frames(&frame(size)).unwrap_err();
        wrong
            .0
            .iter()
            .map(|d| (d.code.to_string(), d.place.as_ref().and_then(|p| p.line)))
            .collect::<Vec<_>>()
    };
    assert_eq!(misfits(&suite, None).len(), 3);
    let drawn = read(EXAMPLE).unwrap();
    assert!(drawn.check_frames(&frame(None)).is_ok());
    assert_eq!(misfits(&drawn, Some(186)), one("suite.gate.misfit", 20));
    // Where anything is drawn, a size is needed.
    assert_eq!(wrong("size_max = 10000\n", ""), one("suite.population.missing", 13));
}

#[test]
fn a_file_that_is_not_there_is_told() {
    assert_eq!(Suite::read(Path::new("no/such/suite.toml")).unwrap_err().0[0].code, "suite.read");
}
