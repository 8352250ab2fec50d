//! The candidate beside other champions than people: a look-ahead controller, another candidate; what is new is counted scenario by scenario.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::desk::{Desk, python};

fn suite(champion: &str) -> String {
    format!(
        r#"schema = "gridgate/suite/1"
name = "challenge"
seed = 5
grid = "case14.m"
champion = "{champion}"

[loop]
task = "volt_var"
step_s = 60
steps = 4

[protection]
engine = "none"

[[population]]
id = "swings"
hazards = [{{ kind = "load_swing", sigma = 0.08 }}, {{ kind = "line_trip", k = 1, keep_connected = true }}]
size_max = 30

[[gate]]
id = "voltage"
population = "swings"
metric = "voltage.violation_pu_min"
kind = "rate"
over = {OVER}
max = 0.5

[[gate]]
id = "new"
population = "swings"
metric = "voltage.violation_pu_min"
kind = "rate"
over = {OVER}
max = 0.3
new_only = true
method = "fixed"
"#
    )
}

/// pu min in four minutes: doing nothing breaks it nearly always, looking ahead about half of the time.
const OVER: f64 = 0.0235;

fn lines(desk: &Desk, file: &str) -> Vec<Value> {
    desk.text(file).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// New, cured, both and neither, counted from the two files of episodes by the rule of the guide.
fn counted(desk: &Desk, run: &str) -> [u64; 4] {
    let value = |line: &Value| line["metrics"]["voltage.violation_pu_min"].as_f64();
    let served = |line: &Value| {
        let served = line["as_served"]["voltage.violation_pu_min"].as_f64();
        served.or(value(line))
    };
    let own = lines(desk, &format!("{run}/episodes.jsonl"));
    let champion = lines(desk, &format!("{run}/champion_episodes.jsonl"));
    assert_eq!((own.len(), champion.len()), (30, 30));
    let mut counts = [0; 4];
    for (own, theirs) in own.iter().zip(&champion) {
        assert_eq!(own["scenario"], theirs["scenario"]);
        let broken = value(own).is_none_or(|value| value > OVER);
        let known = served(theirs).is_some_and(|value| value > OVER);
        counts[match (broken, known) {
            (true, false) => 0,
            (false, true) => 1,
            (true, true) => 2,
            (false, false) => 3,
        }] += 1;
    }
    counts
}

/// What a record tells, in the same order.
fn told(record: &Value) -> [u64; 4] {
    ["new", "cured", "both", "neither"].map(|key| record[key].as_u64().expect("a count"))
}

#[test]
fn new_failures_are_counted_scenario_by_scenario_and_a_gate_bounds_them() {
    let desk = Desk::new();
    desk.put("suite.toml", suite("greedy"));
    desk.run("suite.toml", "run", &["--candidate", "do_nothing", "--threads", "1"]);
    let evidence = desk.json("run/evidence.json");
    assert_eq!(evidence["champion"]["name"], "greedy");
    let counts = counted(&desk, "run");
    assert!(
        counts[0] > 0 && counts[2] > 0,
        "who looks ahead is better somewhere, and not everywhere: {counts:?}"
    );
    let record = &evidence["challenges"][0];
    assert_eq!((record["gate"].as_str(), told(record)), (Some("voltage"), counts));
    // The gate on what is new counts the same scenarios, and every page says so.
    let gates: BTreeMap<&str, &Value> = evidence["gates"]
        .as_array()
        .expect("gates")
        .iter()
        .map(|gate| (gate["id"].as_str().expect("an id"), gate))
        .collect();
    assert_eq!(gates["new"]["k"], counts[0]);
    let first = &record["first_new"][0];
    let said = format!("swings/{}", first["index"]);
    for page in ["run/summary.txt", "run/summary.md", "run/report.html"] {
        assert!(desk.text(page).replace('\n', " ").contains(&said), "{page}: {said}");
    }
    // The other way round what was new is cured, but for scenarios in which somebody has no number: those count against whoever is judged.
    desk.put("suite.toml", suite("do_nothing"));
    desk.run("suite.toml", "turned", &["--candidate", "greedy", "--threads", "2"]);
    let turned = told(&desk.json("turned/evidence.json")["challenges"][0]);
    assert_eq!(turned, counted(&desk, "turned"));
    let unknown =
        |file: &str| lines(&desk, file).iter().filter(|line| line["as_served"].is_object()).count() as u64;
    assert!(counts[0] - turned[1] <= unknown("run/episodes.jsonl"), "{counts:?} {turned:?}");
    let command = format!("swings/{}", first["index"]);
    desk.say(&["replay", "run", &command, "--candidate", "do_nothing"]).with(0);
}

/// The demand of a scenario is drawn apart from its outages: a population without them, of the same name and seed, is the twins.
#[test]
fn a_response_is_the_difference_to_the_same_scenario_without_its_outages() {
    let desk = Desk::new();
    let gate = "\n[[gate]]\nid = \"response\"\npopulation = \"swings\"\nmetric = \"response.losses_mwh\"\nkind = \"value\"\nmax = 1e6\n";
    let whole = suite("do_nothing") + gate;
    let calm = whole.replace(", { kind = \"line_trip\", k = 1, keep_connected = true }", "");
    assert_ne!(whole, calm);
    for (suite, run) in [(&whole, "whole"), (&calm, "calm")] {
        desk.put("suite.toml", suite);
        desk.run("suite.toml", run, &["--candidate", "greedy"]);
        desk.say(&["verify", run]).with(0);
    }
    let number = |line: &Value, id: &str| line["metrics"][id].as_f64();
    let mut compared = 0;
    for (whole, calm) in desk.episodes("whole").iter().zip(desk.episodes("calm")) {
        assert_eq!(number(&calm, "response.losses_mwh"), Some(0.0));
        let difference = number(whole, "losses_mwh").zip(number(&calm, "losses_mwh")).map(|(a, b)| a - b);
        assert_eq!(number(whole, "response.losses_mwh"), difference);
        compared += u64::from(difference.is_some_and(|difference| difference != 0.0));
    }
    assert!(compared > 0, "some outage costs losses");
    let evidence = desk.json("whole/evidence.json");
    let told = |m: &Value| m["metric"] == "response.losses_mwh" && m["unit"] == "MWh";
    assert_eq!(evidence["measurements"].as_array().expect("all").iter().filter(|m| told(m)).count(), 2);
}

#[test]
fn the_tested_region_lies_beside_the_evidence() {
    let desk = Desk::new();
    desk.put("suite.toml", suite("greedy"));
    desk.run("suite.toml", "run", &["--candidate", "do_nothing"]);
    desk.run("suite.toml", "again", &["--candidate", "do_nothing", "--threads", "1"]);
    assert_eq!(desk.read("run/envelope.json"), desk.read("again/envelope.json"));
    let (evidence, envelope) = (desk.json("run/evidence.json"), desk.json("run/envelope.json"));
    assert!(evidence["files"]["envelope.json"].is_object());
    assert_eq!(envelope["candidate"], evidence["candidate"]);
    let bounds = &envelope["region"]["bounds"];
    assert_eq!(
        (&bounds["branches_out"], &bounds["delay_ms"]),
        (&serde_json::json!([0.0, 1.0]), &serde_json::json!([0.0, 0.0]))
    );
    assert_eq!(bounds["demand"], evidence["envelope"]["demand_share_of_case"]);
    // What was never lost was never tested: every branch of the list is out in some scenario.
    let branches = envelope["region"]["branches"].as_array().expect("rows").len();
    assert!((1..=20).contains(&branches), "{branches}");
    desk.say(&["verify", "run"]).with(0);
}

/// A champion in another language: it holds every set-point of two units.
const HOLDS: &str = r#"import json, sys
print(json.dumps({"hello": "gridgate/1", "task": "volt_var", "stateful": False}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    answer = {"id": request["id"]}
    if request["op"] == "infer":
        answer["outputs"] = {"v": {"shape": [1, 2], "data": [1.02, 1.02]}}
    print(json.dumps(answer), flush=True)
    if request["op"] == "close":
        break
"#;

#[test]
fn another_candidate_can_be_the_champion() {
    if !python() {
        return;
    }
    let desk = Desk::new();
    let manifest = "schema = \"gridgate/candidate/1\"\nname = \"holds\"\nversion = \"3\"\ntask = \"volt_var\"\n\
                    [adapter]\nkind = \"process\"\nargv = [\"python3\", \"holds.py\"]\n\
                    [limits]\ntimeout_ms = 10000\n[io]\n\"obs.time_s\" = { name = \"t\" }\n\
                    \"act.gen.v_set\" = { name = \"v\", rows = [2, 3] }\n";
    desk.put("holds/candidate.toml", manifest);
    desk.put("holds/holds.py", HOLDS);
    desk.put("suite.toml", suite("holds/candidate.toml"));
    desk.run("suite.toml", "run", &["--candidate", "do_nothing"]);
    let evidence = desk.json("run/evidence.json");
    let champion = &evidence["champion"];
    assert_eq!((&champion["name"], &champion["adapter"]), (&"holds".into(), &"process".into()));
    let counts = counted(&desk, "run");
    assert_eq!(evidence["challenges"][0]["new"], counts[0]);
    // Its own episodes are those that it has as a candidate.
    desk.run("suite.toml", "alone", &["--candidate", "holds"]);
    let (as_champion, alone) = (lines(&desk, "run/champion_episodes.jsonl"), desk.episodes("alone"));
    assert!(as_champion.iter().zip(&alone).all(|(a, b)| a["trajectory"] == b["trajectory"]));
    // An episode is replayed without it, and its own folder holds no results.
    desk.say(&["replay", "run", "swings/3", "--candidate", "do_nothing"]).with(0);
    let said = desk.run("suite.toml", "holds/run", &["--candidate", "do_nothing"]).with(2);
    assert!(said.err.contains("run.out"), "{}", said.err);
}

#[test]
fn a_champion_that_does_not_exist_or_advises_is_refused() {
    let desk = Desk::new();
    let check = |champion: &str| {
        desk.put("suite.toml", suite(champion));
        desk.say(&["check", "suite.toml"]).with(2).err
    };
    assert!(check("gredy").contains("did you mean \"greedy\"?"));
    assert!(check("nobody/candidate.toml").contains("candidate.unknown"));
    let advises = desk.text("idle/candidate.toml").replace("[adapter]", "mode = \"advisory\"\n[adapter]");
    desk.put("adviser/candidate.toml", advises);
    assert!(check("adviser/candidate.toml").contains("suite.champion"));
}
