//! Candidates that fail while they are judged: their episodes have no value, and what has no value never passes.

use crate::desk::{Desk, python};

/// Three small swings of the demand; the only written gate allows anything that is known.
const SUITE: &str = r#"schema = "gridgate/suite/1"
name = "tour"
seed = 3
grid = "case14.m"
candidate = "candidate/candidate.toml"

[loop]
task = "volt_var"
step_s = 60
steps = 2

[[population]]
id = "swings"
hazards = [{ kind = "load_swing", sigma = 0.02 }]
size_max = 3

[[gate]]
id = "generous"
population = "swings"
metric = "switching.count"
kind = "value"
max = 1e9
"#;

/// A desk with `worker.py` of the adapter's tests as candidate. Its first input is the angle of bus 2, which is
/// negative in this grid, and so the worker misbehaves from its first decision on.
fn desk(how: &str, timeout_ms: u32) -> Desk {
    let desk = Desk::new();
    desk.put("suite.toml", SUITE);
    let worker = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../harness/tests/data/worker.py");
    desk.put("candidate/worker.py", std::fs::read(worker).expect("the worker of the adapter's tests"));
    desk.put(
        "candidate/candidate.toml",
        format!(
            "schema = \"gridgate/candidate/1\"\nname = \"worker\"\nversion = \"1\"\ntask = \"volt_var\"\n\
             [adapter]\nkind = \"process\"\nargv = [\"python3\", \"worker.py\", \"{how}\"]\n\
             [limits]\ntimeout_ms = {timeout_ms}\n[io]\n\
             \"obs.bus.va\" = {{ name = \"x\", rows = [2, 3, 6] }}\n\
             \"act.gen.v_set\" = {{ name = \"y\", rows = [1, 2, 3] }}\n"
        ),
    );
    desk
}

/// Runs a misbehaving worker and checks that everything says so.
fn fails(how: &str, cause: &str, words: &str) {
    let desk = desk(how, if cause == "timeout" { 150 } else { 10_000 });
    let said = desk.run("suite.toml", "run", &["--threads", "1"]).with(1);
    assert!(said.out.starts_with("FAIL"), "{how}: {}", said.out);
    for episode in desk.episodes("run") {
        assert_eq!(
            (&episode["outcome"], &episode["cause"]),
            (&"candidate_failed".into(), &cause.into()),
            "{how}"
        );
        let message = episode["message"].as_str().expect("a message");
        assert!(message.contains(words), "{how}: {message}");
        let metrics = episode["metrics"].as_object().expect("metrics");
        assert!(
            metrics.values().all(serde_json::Value::is_null),
            "{how}: a number of an episode that has none"
        );
    }
    let evidence = desk.json("run/evidence.json");
    assert_eq!(evidence["verdict"], "fail", "{how}");
    assert_eq!(evidence["populations"][0]["outcomes"]["candidate_failed"], 3);
    for gate in evidence["gates"].as_array().expect("gates") {
        assert_eq!((&gate["verdict"], &gate["missing"]), (&"fail".into(), &3.into()), "{how}: {gate}");
    }
    assert!(desk.text("run/report.html").contains("the candidate failed"), "{how}");
    assert!(desk.text("run/summary.txt").contains("the candidate failed"), "{how}");
    desk.say(&["verify", "run"]).with(0);
    desk.say(&["replay", "run", "swings/0"]).with(0);
    let clock = cause == "timeout";
    assert_eq!(desk.json("run/run.json")["clock_dependent"], clock);
    let limits = evidence["limits"].to_string();
    assert_eq!(limits.contains("depend on the clock"), clock, "{how}: {limits}");
}

#[test]
fn a_candidate_that_prints_rubbish() {
    if python() {
        fails("rubbish", "protocol", "Traceback");
        fails("not_text", "protocol", "UTF-8");
    }
}

#[test]
fn a_candidate_that_sleeps_for_ever() {
    if python() {
        fails("hang", "timeout", "150 ms");
    }
}

#[test]
fn a_candidate_that_exits() {
    if python() {
        fails("exits", "crash", "exit status: 3");
    }
}

#[test]
fn a_candidate_that_returns_no_numbers() {
    if python() {
        fails("nan", "not_finite", "NaN");
        fails("null", "not_finite", "NaN");
        fails("infinity", "not_finite", "inf");
    }
}

#[test]
fn a_candidate_that_returns_another_shape() {
    if python() {
        fails("wrong_shape", "shape", "[3]");
        fails("missing", "shape", "y");
        fails("error", "exception", "negative voltage");
    }
}

#[test]
fn one_episode_without_a_value_is_enough_not_to_pass() {
    if !python() {
        return;
    }
    // The worker fails where branch 3 is out: its status, 0 or 1, less a half is its first input.
    let desk = desk("nan", 10_000);
    let manifest = desk.text("candidate/candidate.toml").replace(
        "\"obs.bus.va\" = { name = \"x\", rows = [2, 3, 6] }",
        "\"obs.branch.status\" = { name = \"x\", offset = -0.5, rows = [3, 2, 5] }",
    );
    desk.put("candidate/candidate.toml", manifest);
    let hazards = "hazards = [{ kind = \"line_trip\", k = 1, lines_only = true, keep_connected = true }]";
    let suite = SUITE.replace("hazards = [{ kind = \"load_swing\", sigma = 0.02 }]", hazards);
    // What it answers elsewhere is half a set-point: with relays the grid would be dark before anybody asks it again.
    let unprotected = "[protection]\nengine = \"none\"\n";
    desk.put("suite.toml", suite.replace("size_max = 3", "size_max = 40") + unprotected);
    let said = desk.run("suite.toml", "run", &[]).with(1);
    let count =
        |run: &str, outcome: &str| desk.episodes(run).iter().filter(|e| e["outcome"] == outcome).count();
    let (failed, gave_up) = (count("run", "candidate_failed"), count("run", "solver_gave_up"));
    // One in sixteen lines that may be lost; the chance that none of forty loses it is 8 %, and the seed is fixed.
    assert!(failed > 0 && failed < 20, "{failed}: {}", said.out);
    let gate = &desk.json("run/evidence.json")["gates"][0];
    assert_eq!((&gate["verdict"], &gate["missing"]), (&"fail".into(), &(failed + gave_up).into()), "{gate}");
    // Who asks nothing does not fail there: it was the missing numbers that decided it.
    let said = desk.run("suite.toml", "without", &["--candidate", "do_nothing"]);
    let gate = &desk.json("without/evidence.json")["gates"][0];
    assert_ne!(gate["verdict"], "fail", "{}", said.out);
}
