//! The worst by command line: a planted failure is found, kept as a suite, and stays found.

use serde_json::Value;

use crate::desk::{CASE14, Desk, python};

/// Fourteen buses with less demand than in the file: no loss of one or two lines hurts it by itself.
const SUITE: &str = r#"schema = "gridgate/suite/1"
name = "planted"
seed = 20261121
grid = "case14.m"
candidate = "flawed"

[loop]
task = "volt_var"
step_s = 60
steps = 4

[[population]]
id = "calm"
hazards = [{ kind = "load_swing", sigma = 0.02 }]
size_max = 10

[[population]]
id = "outages"
hazards = [
  { kind = "line_trip", k = [1, 2], lines_only = true, keep_connected = true, at_s = 60 },
  { kind = "load_swing", level = [0.65, 0.7], sigma = 0 },
]
size_max = 256

[[gate]]
id = "voltage"
population = "outages"
metric = "voltage.violation_pu_min"
kind = "rate"
over = 0.1
max = 0.05

[[gate]]
id = "energy"
population = "outages"
metric = "ens_mwh"
kind = "mean"
max = 0.5
range = [0, 100]
"#;

const FLAWED: &str = r#"schema = "gridgate/candidate/1"
name = "flawed"
version = "1"
task = "volt_var"
[adapter]
kind = "process"
argv = ["python3", "controller.py"]
[io]
"obs.gen.v_set" = { name = "set_points", unit = "pu" }
"obs.branch.status" = { name = "closed", unit = "1" }
"act.gen.v_set" = { name = "wanted", unit = "pu" }
"#;

/// Leaves every set-point alone, but for one mistake: without branches 11 and 17 it asks for the lowest voltage.
const CONTROLLER: &str = r#"import json
import sys

print(json.dumps({"hello": "gridgate/1", "task": "volt_var", "stateful": False}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    answer = {"id": request["id"]}
    if request["op"] == "infer":
        points, closed = (request["inputs"][name]["data"] for name in ("set_points", "closed"))
        if not closed[10] and not closed[16]:
            points = [0.94] * len(points)
        answer["outputs"] = {"wanted": {"shape": [1, len(points)], "data": points}}
    print(json.dumps(answer), flush=True)
"#;

fn desk() -> Desk {
    let desk = Desk::new();
    // Buses that may have the voltages of the file: nobody has to lower any.
    desk.put("case14.m", CASE14.replace("\t1.06\t0.94;", "\t1.1\t0.94;"));
    desk.put("suite.toml", SUITE);
    desk.put("flawed/candidate.toml", FLAWED);
    desk.put("flawed/controller.py", CONTROLLER);
    desk
}

fn document(desk: &Desk, out: &str) -> Value {
    desk.json(&format!("{out}/hunt.json"))
}

/// Rows of the losses of every set that was found.
fn found(document: &Value) -> Vec<Vec<u64>> {
    let rows = |set: &Value| {
        let losses = set["losses"].as_array().expect("losses").iter();
        losses.map(|loss| loss["row"].as_u64().expect("a row")).collect()
    };
    document["found"].as_array().expect("a list").iter().map(rows).collect()
}

#[test]
fn a_planted_failure_is_found_and_every_later_candidate_has_to_live_through_it() {
    if !python() {
        return;
    }
    let desk = desk();
    let said = desk.say(&["hunt", "suite.toml", "--budget", "800", "--quiet", "--out", "hunt"]).with(1);
    assert!(said.out.contains("1 failure was found"), "{}", said.out);
    assert!(said.out.contains("branch 11 (6-11) at 60 s, branch 17 (9-14) at 60 s"), "{}", said.out);
    assert!(said.out.contains("every set of up to 2 losses was tried"), "{}", said.out);
    let hunt = document(&desk, "hunt");
    assert_eq!((&hunt["schema"], &hunt["population"]), (&"gridgate/hunt/1".into(), &"outages".into()));
    let planted = &hunt["found"][0];
    assert_eq!(found(&hunt), [[11, 17]]);
    assert_eq!(
        (&planted["minimal"], &planted["without_candidate"], &planted["regression"]),
        (&true.into(), &"harmless".into(), &1.into())
    );
    assert!(planted["value"].as_f64().is_some_and(|value| value > 0.1), "{planted}");
    // What was listed is known: there is nothing to estimate, and no estimate among what was found.
    assert_eq!(hunt["estimated"].as_array().map(Vec::len), Some(0));

    // The candidate that makes the mistake fails the suite of regressions, the one that does not passes it.
    let failed = desk.run("hunt/suite.toml", "again", &["--candidate", "flawed"]).with(1);
    assert!(failed.out.starts_with("FAIL"), "{}", failed.out);
    let passed = desk.run("hunt/suite.toml", "sound", &["--candidate", "idle/candidate.toml"]).with(0);
    assert!(passed.out.starts_with("PASS"), "{}", passed.out);
    // Such a run is complete: it is verified and replayed without the folder of the hunt.
    std::fs::remove_dir_all(desk.path("hunt")).expect("the folder of the hunt");
    desk.say(&["verify", "again"]).with(0);
    let replayed = desk.say(&["replay", "again", "regressions/0"]).with(0);
    assert!(
        replayed.err.contains("bit for bit") && replayed.out.contains("branch 17 (9-14) trips"),
        "{}",
        replayed.out
    );
}

#[test]
fn threads_and_interruptions_change_no_byte() {
    if !python() {
        return;
    }
    let desk = desk();
    let hunt = |out: &str, threads: &str| {
        // Too few to list all pairs: most of them are drawn.
        let arguments = [
            "hunt",
            "suite.toml",
            "--budget",
            "300",
            "--quiet",
            "--threads",
            threads,
            "--out",
            out,
            "--format",
            "json",
        ];
        desk.say(&arguments).with(1)
    };
    let one = hunt("one", "1");
    let two = hunt("two", "2");
    assert_eq!(one.out, two.out);
    assert_eq!(one.out, desk.text("one/hunt.json"));
    assert!(found(&document(&desk, "one")).contains(&vec![11, 17]), "{}", one.out);
    for file in desk.files("one") {
        assert!(desk.read(&format!("one/{file}")) == desk.read(&format!("two/{file}")), "{file}");
    }

    // Killed in the middle: what was done is kept, and the next hunt goes on from there.
    let mut child = desk
        .command(&["hunt", "suite.toml", "--budget", "300", "--quiet", "--threads", "1", "--out", "cut"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("gridgate starts");
    let record = desk.path("cut.partial/blocks.jsonl");
    let patience = std::time::Instant::now();
    loop {
        let lines =
            std::fs::read(&record).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count());
        if lines >= 3 {
            break;
        }
        assert!(child.try_wait().expect("a child").is_none(), "it ended before it could be stopped");
        assert!(patience.elapsed() < std::time::Duration::from_secs(120), "no batch in two minutes");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().expect("a child to kill");
    child.wait().expect("a dead child");
    assert!(!desk.path("cut").exists());
    let resumed = hunt("cut", "2");
    assert!(resumed.err.contains("went on from an interrupted hunt"), "{}", resumed.err);
    assert_eq!(resumed.out, one.out);
}

#[test]
fn nothing_found_is_said_with_what_was_tried() {
    let desk = desk();
    let arguments = [
        "hunt",
        "suite.toml",
        "--candidate",
        "idle/candidate.toml",
        "--budget",
        "800",
        "--quiet",
        "--out",
        "hunt",
    ];
    let said = desk.say(&arguments).with(0);
    assert!(said.out.contains("No failure was found in "), "{}", said.out);
    assert_eq!(desk.files("hunt"), ["hunt.json", "manifest.json"]);
    // The folder is one of ours, and may be replaced.
    desk.say(&arguments).with(0);
}

#[test]
fn what_cannot_be_hunted_is_told() {
    let desk = desk();
    let hunt = |more: &[&str]| {
        let arguments =
            [&["hunt", "suite.toml", "--candidate", "do_nothing", "--quiet", "--out", "hunt"], more].concat();
        desk.say(&arguments).with(2).err
    };
    for (more, code, words) in [
        (&["--population", "outagse"][..], "hunt.population", "did you mean `outages`?"),
        (&["--population", "calm"], "hunt.no-losses", "line_trip"),
        (&["--gate", "voltag"], "hunt.gate", "did you mean `voltage`?"),
        (&["--gate", "energy"], "hunt.gate", "puts no limit on a single episode"),
        (&["--budget", "0"], "usage.range", "--budget is 0"),
        (&["--size-max", "1000"], "usage.range", "--size-max is 1000"),
    ] {
        let err = hunt(more);
        assert!(err.contains(&format!("error[{code}]")) && err.contains(words), "{err}");
    }
    desk.put("hunt/mine.txt", "");
    assert!(hunt(&[]).contains("error[run.out]"));

    // Lists of scenarios that are none, or of another grid.
    let list = |text: &str| {
        desk.put("list.json", text);
        desk.put(
            "listed.toml",
            SUITE.replacen(
                "hazards = [{ kind = \"load_swing\", sigma = 0.02 }]\nsize_max = 10",
                "scenarios = \"list.json\"",
                1,
            ),
        );
        desk.say(&["check", "listed.toml"]).with(2).err
    };
    assert!(list("{}").contains("error[document"));
    let moved = r#"{"schema":"gridgate/regressions/1","scenarios":[{"events":[{"at_s":60,"kind":"branch_out","row":3,"buses":[2,4]}]}]}"#;
    let err = list(moved);
    assert!(
        err.contains("error[regressions.unknown-branch]") && err.contains("scenario 1, event 1"),
        "{err}"
    );
    let late = moved.replace("[2,4]", "[2,3]").replace("60", "240");
    assert!(list(&late).contains("error[population.never-happens]"));
    desk.put("listed.toml", SUITE.replacen("size_max = 10", "size_max = 10\nscenarios = \"list.json\"", 1));
    let err = desk.say(&["check", "listed.toml"]).with(2).err;
    assert!(err.contains("error[suite.population.contradiction]"), "{err}");
}

#[test]
fn a_planner_without_a_candidate_searches_cascades() {
    let desk = Desk::new();
    desk.put("lines.m", super::cascade::CASE);
    let hunt = |more: &[&str]| {
        desk.say(
            &[&["cascade", "lines.m", "--engine", "dcsep", "--hunt", "200", "--format", "json"], more]
                .concat(),
        )
    };
    let said = hunt(&["--threads", "1"]).with(1);
    assert_eq!(said.out, hunt(&["--threads", "2"]).with(1).out);
    let document: Value = serde_json::from_str(&said.out).expect("JSON");
    // 10 MW behind the fourth line are more than 5 % of 180 MW. The third line has no emergency rating and carries all 120 MW alone;
    // without it neither of the others does.
    let mut sets = found(&document);
    sets.sort();
    assert_eq!(sets, [vec![1, 3], vec![2, 3], vec![4]]);
    let said = desk.say(&["cascade", "lines.m", "--hunt", "10", "--outage", "branch:1"]).with(2);
    assert!(said.err.contains("cannot be used with"), "{}", said.err);
}

/// Losses above half a megawatt-hour come about three times in a thousand scenarios. Their share among thousands that are drawn, and what
/// subset simulation infers from a third as many, are within each other's reach.
#[test]
fn a_rare_probability_agrees_with_counting() {
    let desk = Desk::new();
    let suite = SUITE
        .replace("candidate = \"flawed\"", "candidate = \"idle/candidate.toml\"")
        .replace("steps = 4", "steps = 2")
        .replace("sigma = 0.02 }]\nsize_max = 10", "sigma = 0.05 }]\nsize_max = 4000");
    let (suite, _) = suite.split_once("[[population]]\nid = \"outages\"").expect("two populations");
    let gate = "[[gate]]\nid = \"losses\"\npopulation = \"calm\"\nmetric = \"losses_mwh\"\nkind = \"rate\"\nover = 0.5\nmax = 0.05\n";
    desk.put("suite.toml", format!("{suite}{gate}"));
    let hunt = |out: &str, threads: &str| {
        let method = ["hunt", "suite.toml", "--method", "subset", "--gate", "losses", "--budget", "2500"];
        desk.say(
            &[&method[..], &["--quiet", "--threads", threads, "--out", out, "--format", "json"]].concat(),
        )
        .with(1)
    };
    let said = hunt("one", "1");
    assert_eq!(said.out, hunt("two", "2").out);
    let document = document(&desk, "one");
    let estimate = &document["estimated"][0];
    let number = |value: &Value| value.as_f64().expect("a number");
    let (low, high) = (number(&estimate["interval"][0]), number(&estimate["interval"][1]));
    assert!(
        low < number(&estimate["value"]) && number(&estimate["value"]) < high && high < 0.02,
        "{estimate}"
    );
    assert!(document["effort"]["trials"].as_u64().is_some_and(|trials| trials <= 2500));

    desk.run("suite.toml", "counted", &[]).with(0);
    let episodes = desk.episodes("counted");
    let beyond =
        episodes.iter().filter(|episode| number(&episode["metrics"]["losses_mwh"]) > 0.5).count() as f64;
    let share = beyond / episodes.len() as f64;
    // Three standard deviations of the count beside the interval.
    let spread = 3.0 * (share * (1.0 - share) / episodes.len() as f64).sqrt();
    assert!(beyond > 0.0 && low <= share + spread && share - spread <= high, "{share} {low} {high}");

    // What fails was lived through, and what needs one gate says so.
    assert!(document["found"][0]["value"].as_f64().is_some_and(|value| value > 0.5), "{document}");
    let said = desk.say(&["hunt", "suite.toml", "--method", "subset", "--out", "none", "--quiet"]).with(2);
    assert!(said.err.contains("name the gate with --gate"), "{}", said.err);
}
