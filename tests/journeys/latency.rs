//! Delays by command line: a candidate is timed, judged with its delays, and asked how much delay it bears.

use crate::desk::{Desk, MILD, python};

/// Ten swings of the demand, without a champion.
fn suite(latency: &str, gates: &str) -> String {
    MILD.replace("stop = \"decided\"\n", "")
        .replace("size_max = 5000", "size_max = 10")
        .replace("[[population]]", &format!("{latency}\n[[population]]"))
        .replace("max = 0.008", "max = 0.9")
        + gates
}

const FILE: &str =
    "[loop.latency]\nsource = \"replay\"\nfile = \"latency.json\"\nmeasurement_ms = 20\nactuation_ms = 30000";

const GATES: &str = r#"
[[gate]]
id = "quick"
population = "swings"
metric = "latency.compute_ms"
kind = "latency"
max = 1000
[[gate]]
id = "median"
population = "swings"
metric = "latency.compute_ms"
kind = "quantile"
q = 0.5
max = 1000
[[gate]]
id = "margin"
population = "swings"
metric = "latency.margin_ms"
kind = "value"
min = 50
"#;

fn recorded() -> Desk {
    let desk = Desk::new();
    // The file that the suite names is the one to be written: it need not be there yet.
    desk.put("suite.toml", suite(FILE, GATES));
    let said = desk.say(&["latency", "record", "idle", "--suite", "suite.toml"]).with(0);
    assert!(said.out.contains("1,000 calls") && said.out.contains("adapter do_nothing"), "{}", said.out);
    desk
}

#[test]
fn a_candidate_is_timed_and_judged_by_what_was_recorded() {
    let desk = recorded();
    let file = desk.json("latency.json");
    let times: Vec<u64> =
        file["samples_ns"].as_array().expect("times").iter().map(|t| t.as_u64().expect("ns")).collect();
    assert!(times.len() == 1000 && times.is_sorted() && times[0] > 0);
    assert_eq!((&file["batch"], &file["warm_up"]), (&1.into(), &50.into()));

    let (one, two) = (
        desk.run("suite.toml", "one", &["--threads", "1"]),
        desk.run("suite.toml", "two", &["--threads", "2"]),
    );
    for said in [one, two] {
        // The rate of blackouts stays open with ten episodes.
        assert!([0, 3].contains(&said.code), "{}{}", said.out, said.err);
        assert!(said.out.contains("Delay between observation and action"), "{}", said.out);
    }
    for name in ["evidence.json", "episodes.jsonl"] {
        assert!(desk.read(&format!("one/{name}")) == desk.read(&format!("two/{name}")), "{name}");
    }
    let evidence = desk.json("one/evidence.json");
    let input = evidence["inputs"].as_array().expect("inputs").iter().find(|i| i["role"] == "latency");
    assert_eq!(input.expect("the file")["digest"], evidence["latency"]["file"]["digest"]);
    let gate = |id: &str| {
        let gates = evidence["gates"].as_array().expect("gates");
        gates.iter().find(|gate| gate["id"] == id).cloned().expect("a gate")
    };
    assert_eq!((&gate("quick")["verdict"], &gate("quick")["n"]), (&"pass".into(), &1000.into()));
    assert_eq!((&gate("median")["verdict"], &gate("median")["n"]), (&"pass".into(), &1000.into()));
    // Who asks nothing bears any delay.
    assert_eq!((&gate("margin")["verdict"], &gate("margin")["estimate"]), (&"pass".into(), &2000.0.into()));
    let tally = &evidence["latency"]["tally"];
    // Three decisions in each of ten episodes, each in effect after half a minute.
    assert_eq!(
        (&tally["decisions"], &tally["landed"], &tally["skipped"]),
        (&30.into(), &30.into(), &0.into())
    );
    assert_eq!(tally["age_max_ns"], 20_000_000);
    assert!(desk.text("one/report.html").contains("id=\"latency\""));
    desk.say(&["verify", "one"]).with(0);
    let said = desk.say(&["replay", "one", "swings/3", "--candidate", "idle"]).with(0);
    assert!(said.err.contains("bit for bit"), "{}", said.err);
}

/// A controller that keeps raising one unit's voltage: a delayed command is repeated from the record, without its program.
#[test]
fn an_episode_with_delays_is_replayed_from_its_record() {
    if !python() {
        return;
    }
    let desk = Desk::new();
    desk.put("loud/candidate.toml", CANDIDATE);
    desk.put("loud/controller.py", CONTROLLER);
    let late = "[loop.latency]\nsource = \"fixed\"\ndecision_ms = 70000\nqueue = \"queue\"\ndeadline_ms = 100000\nlate = \"hold_last\"";
    // No grid is without losses: every episode is too bad, and the worst are kept.
    let gate = "\n[[gate]]\nid = \"losses\"\npopulation = \"swings\"\nmetric = \"losses_mwh\"\nkind = \"value\"\nmax = 0.0\n";
    desk.put("suite.toml", suite(late, gate).replace("idle/", "loud/").replace("steps = 3", "steps = 6"));
    let said = desk.run("suite.toml", "run", &[]).with(1);
    let kept = desk.files("run/trajectories");
    assert!(!kept.is_empty(), "{}", said.out);
    let record = desk.json(&format!("run/trajectories/{}", kept[0]));
    let decisions = record["decisions"].as_array().expect("decisions");
    assert_eq!(decisions.len(), 6);
    // 70 s each, one after the other: begun at 0, 70, 140, 210, 280, 350; due 100 s after 0, 60, 120, 180, 240, 300.
    let of = |key: &str| decisions.iter().map(|d| d[key].as_f64().expect("s")).collect::<Vec<_>>();
    assert_eq!(of("lands_s"), [70.0, 140.0, 210.0, 280.0, 350.0, 420.0]);
    assert_eq!(decisions[5]["fate"], "dropped");
    assert_eq!(decisions[3]["fate"], "landed");
    std::fs::remove_dir_all(desk.path("loud")).expect("a folder");
    for episode in kept.iter().filter_map(|name| name.strip_prefix("swings-")?.strip_suffix(".json")) {
        let said = desk.say(&["replay", "run", &format!("swings/{episode}")]).with(0);
        assert!(said.err.contains("bit for bit"), "{}", said.err);
    }
}

#[test]
fn margins_are_a_document_and_a_text() {
    let desk = Desk::new();
    desk.put("suite.toml", suite("", ""));
    let margin = |more: &[&str]| {
        desk.say(&[&["latency", "margin", "suite.toml", "--max-ms", "100", "--episodes", "4"], more].concat())
    };
    let said = margin(&[]).with(0);
    assert!(said.out.contains("no load is lost up to 100 ms"), "{}", said.out);
    let one = margin(&["--format", "json", "--threads", "1"]).with(0);
    let two = margin(&["--format", "json", "--threads", "2"]).with(0);
    assert_eq!(one.out, two.out);
    let study: serde_json::Value = serde_json::from_str(&one.out).expect("JSON");
    assert_eq!((&study["schema"], &study["max_ms"]), (&"gridgate/latency-margin/1".into(), &100.into()));
    let scenarios = study["scenarios"].as_array().expect("scenarios");
    assert_eq!(scenarios.len(), 4);
    // Eleven points of the grid, and nothing to bisect.
    assert!(scenarios.iter().all(|s| s["status"] == "safe_throughout" && s["lives"] == 11));
    let csv = margin(&["--format", "csv"]).with(0).out;
    assert!(csv.starts_with("population,index,status,margin_ms,fails_at_ms,monotone,lives\nswings,0,safe_throughout,100,,true,11\n"));
}

#[test]
fn delays_by_the_clock_release_nobody() {
    let desk = Desk::new();
    desk.put(
        "suite.toml",
        suite("[loop.latency]\nsource = \"wallclock\"", "").replace("max = 0.9", "max = 0.999"),
    );
    let said = desk.run("suite.toml", "run", &[]);
    assert!(!said.out.starts_with("PASS"), "{}", said.out);
    assert!(said.out.contains("this run's clock"), "{}", said.out);
    assert_eq!(desk.json("run/run.json")["clock_dependent"], true);
}

#[test]
fn what_is_wrong_is_told() {
    let desk = recorded();
    let refused = |latency: &str, gates: &str, codes: &[&str]| {
        desk.put("suite.toml", suite(latency, gates));
        let said = desk.say(&["run", "suite.toml", "--quiet", "--out", "no"]).with(2);
        for code in codes {
            assert!(said.err.contains(&format!("error[{code}]")), "{code}\n{}", said.err);
        }
    };
    let table = |keys: &str| format!("[loop.latency]\n{keys}");
    refused(&table("source = \"quantile\""), "", &["suite.latency.contradiction"]);
    refused(&table("source = \"fixed\"\nq = 0.5"), "", &["suite.latency.contradiction"]);
    refused(
        &table("late = \"drop\"\nqueue = \"lifo\""),
        "",
        &["suite.latency.contradiction", "suite.latency.unknown-choice"],
    );
    refused(
        &table("measurement_ms = -1\nmesurement_ms = 2"),
        "",
        &["suite.latency.range", "suite.latency.unknown-key"],
    );
    refused(&table("source = \"replay\"\nfile = \"none.json\""), "", &["latency.file.read"]);
    // Gates that have nothing to read.
    refused("", GATES, &["suite.gate.latency"]);
    refused(FILE, &GATES.replace("latency.compute_ms", "ens_mwh"), &["suite.gate.latency"]);

    // A file that somebody touched, and one of somebody else.
    let sound = desk.text("latency.json");
    let json: serde_json::Value = serde_json::from_str(&sound).expect("JSON");
    let mut faster = json.clone();
    faster["samples_ns"][0] = 1.into();
    faster["warm_up"] = 3.into();
    desk.put("latency.json", faster.to_string());
    refused(FILE, "", &["latency.file.digest", "latency.file.warm-up"]);
    let mut other = json.clone();
    other["candidate"]["digest"]["sha256"] = "0".repeat(64).into();
    desk.put("latency.json", other.to_string());
    refused(FILE, "", &["latency.file.candidate"]);
    desk.put("latency.json", sound.replace("gridgate/latency/1", "gridgate/latency/2"));
    refused(FILE, "", &["document.newer"]);

    desk.put("suite.toml", suite("", ""));
    let record = |more: &[&str]| desk.say(&[&["latency", "record", "idle", "--suite"], more].concat());
    assert!(record(&["suite.toml", "--calls", "10"]).with(2).err.contains("error[usage.calls]"));
    assert!(record(&["none.toml"]).with(2).err.contains("error[suite.read]"));
    desk.say(&["latency", "record", "nobody", "--suite", "suite.toml"]).with(2);
    let said = desk.say(&["latency", "margin", "suite.toml", "--max-ms", "5"]).with(2);
    assert!(said.err.contains("error[usage.margin]"), "{}", said.err);
    desk.say(&["latency"]).with(2);
}

const CANDIDATE: &str = r#"schema = "gridgate/candidate/1"
name = "loud"
version = "1"
task = "volt_var"
stateful = true
[adapter]
kind = "process"
argv = ["python3", "controller.py"]
[io]
"obs.bus.vm" = { name = "x" }
"act.gen.v_set" = { name = "y", rows = [2] }
"#;

const CONTROLLER: &str = r#"import json
import sys

print(json.dumps({"hello": "gridgate/1", "task": "volt_var", "stateful": True}), flush=True)
calls = 0
for line in sys.stdin:
    request = json.loads(line)
    answer = {"id": request["id"]}
    if request["op"] == "reset":
        calls = 0
    if request["op"] == "infer":
        calls += 1
        answer["outputs"] = {"y": {"shape": [1, 1], "data": [1.0 + 0.005 * calls]}}
    print(json.dumps(answer), flush=True)
    if request["op"] == "close":
        break
"#;
