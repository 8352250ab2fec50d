//! A limiter, a fallback and people who answer advice: what they did is counted, repeated and never hidden.

use serde_json::Value;

use crate::desk::{Desk, python};

const SUITE: &str = r#"schema = "gridgate/suite/1"
name = "supervised"
seed = 11
grid = "case14.m"
candidate = "candidate/candidate.toml"

[loop]
task = "volt_var"
step_s = 60
steps = 6

[[population]]
id = "swings"
hazards = [{ kind = "load_swing", sigma = 0.02 }]
size_max = 12

[[gate]]
id = "losses"
population = "swings"
metric = "losses_mwh"
kind = "value"
max = 0.0
"#;

/// A controller that asks for another set-point of two units every step, and misbehaves after some time.
const CONTROLLER: &str = r#"import json, sys
print(json.dumps({"hello": "gridgate/1", "task": "volt_var", "stateful": False}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    answer = {"id": request["id"]}
    if request["op"] == "infer":
        now = request["inputs"]["t"]["data"][0]
        if now >= 240 and sys.argv[1] == "nan":
            answer["outputs"] = {"v": {"shape": [1, 2], "data": [None, 1.0]}}
        elif now >= 240 and sys.argv[1] == "abstains":
            answer["error"] = {"kind": "abstained", "message": "not trained for this"}
        else:
            v = 1.0 + 0.01 * (now / 60 % 5)
            answer["outputs"] = {"v": {"shape": [1, 2], "data": [v, v]}}
    print(json.dumps(answer), flush=True)
    if request["op"] == "close":
        break
"#;

fn manifest(how: &str, mode: &str) -> String {
    format!(
        "schema = \"gridgate/candidate/1\"\nname = \"{how}\"\nversion = \"1\"\ntask = \"volt_var\"\nmode = \"{mode}\"\n\
         [adapter]\nkind = \"process\"\nargv = [\"python3\", \"controller.py\", \"{how}\"]\n\
         [limits]\ntimeout_ms = 10000\n[io]\n\"obs.time_s\" = {{ name = \"t\" }}\n\
         \"act.gen.v_set\" = {{ name = \"v\", rows = [2, 3] }}\n"
    )
}

fn desk(how: &str, mode: &str, tables: &str) -> Desk {
    let desk = Desk::new();
    desk.put("candidate/controller.py", CONTROLLER);
    desk.put("candidate/candidate.toml", manifest(how, mode));
    desk.put("suite.toml", format!("{SUITE}\n{tables}"));
    desk
}

fn supervision(desk: &Desk, run: &str) -> Value {
    desk.json(&format!("{run}/evidence.json"))["supervision"][0].clone()
}

#[test]
fn what_the_fallback_caught_is_counted_and_a_gate_can_bound_it() {
    if !python() {
        return;
    }
    let gates = r#"
[[gate]]
id = "fallback"
population = "swings"
metric = "limiter.fallback"
kind = "value"
max = 1
[[gate]]
id = "limited"
population = "swings"
metric = "limiter.limited"
kind = "value"
max = 6
[limiter]
fallback = "do_nothing"
[limiter.step]
"act.gen.v_set" = 0.02
"#;
    for (how, why) in [("nan", "not_finite"), ("abstains", "abstained")] {
        let desk = desk(how, "closed_loop", gates);
        desk.run("suite.toml", "run", &["--threads", "1"]).with(1);
        let evidence = desk.json("run/evidence.json");
        assert_eq!(evidence["populations"][0]["outcomes"]["survived"], 12, "{how}");
        // Six steps of a minute; from the fourth minute on it fails: two of them in each of twelve episodes.
        let record = supervision(&desk, "run");
        assert_eq!(record["tally"]["decisions"], 72, "{how}: {record}");
        assert_eq!(record["tally"]["fallback"], serde_json::json!({ why: 24 }), "{how}");
        assert_eq!(record["episodes_fallback"], 12, "{how}");
        let verdict = |id: &str| {
            let gates = evidence["gates"].as_array().expect("gates");
            gates.iter().find(|gate| gate["id"] == id).expect("a gate")["verdict"].clone()
        };
        assert_eq!((verdict("fallback"), verdict("limited")), ("fail".into(), "pass".into()), "{how}");
        assert!(desk.text("run/summary.txt").contains("24 by the fallback"), "{how}");
        desk.repeats(1);
        // Without the fallback the same failure ends every episode.
        let without = desk.text("suite.toml").replace("fallback = \"do_nothing\"", "");
        desk.put("suite.toml", without);
        desk.run("suite.toml", "without", &[]).with(1);
        let outcomes = desk.json("without/evidence.json")["populations"][0]["outcomes"].clone();
        assert_eq!(outcomes, serde_json::json!({ "candidate_failed": 12 }), "{how}");
    }
}

#[test]
fn outside_of_the_envelope_somebody_else_decides() {
    if !python() {
        return;
    }
    for fallback in ["do_nothing", "operator"] {
        let tables =
            format!("[limiter]\nfallback = \"{fallback}\"\n[limiter.envelope]\ndemand = [2.0, 3.0]\n");
        let desk = desk("sound", "closed_loop", &tables);
        desk.run("suite.toml", "run", &["--threads", "1"]).with(1);
        let tally = supervision(&desk, "run")["tally"].clone();
        assert_eq!(tally["fallback"], serde_json::json!({ "outside": 72 }), "{fallback}");
        // It is as if the candidate had not been there.
        let who = if fallback == "operator" { "operator-greedy" } else { "do_nothing" };
        desk.put("suite.toml", SUITE);
        desk.run("suite.toml", "alone", &["--candidate", who]).with(1);
        for (guarded, alone) in desk.episodes("run").iter().zip(desk.episodes("alone")) {
            assert_eq!(guarded["trajectory"], alone["trajectory"], "{fallback}");
        }
    }
}

const PEOPLE: &str = "[advisory]\naccept = 0.4\nignore = 0.2\nhalf = 0.2\ndelay = 0.2\ndelay_s = [60, 180]\n";

#[test]
fn people_answer_advice_alike_whoever_advises() {
    if !python() {
        return;
    }
    let desk = desk("sound", "advisory", PEOPLE);
    desk.run("suite.toml", "run", &["--threads", "1"]).with(1);
    let evidence = desk.json("run/evidence.json");
    assert_eq!(evidence["candidate"]["mode"], "advisory");
    assert_eq!(evidence["settings"]["advisory.half"], "0.2");
    let advice = supervision(&desk, "run")["tally"]["advice"].clone();
    // New advice at each of six moments of twelve episodes, and the same moments for whoever else advises anew at each.
    let pieces: u64 = advice.as_object().expect("answers").values().filter_map(Value::as_u64).sum();
    assert_eq!((pieces, advice.as_object().expect("answers").len()), (72, 4), "{advice}");
    let other = CONTROLLER.replace("1.0 + 0.01", "1.02 + 0.005");
    desk.put("candidate/controller.py", other);
    desk.run("suite.toml", "other", &[]).with(1);
    assert_eq!(supervision(&desk, "other")["tally"]["advice"], advice);
    assert_ne!(desk.read("run/episodes.jsonl"), desk.read("other/episodes.jsonl"));
    desk.put("candidate/controller.py", CONTROLLER);
    desk.repeats(1);
}

#[test]
fn a_candidate_is_judged_in_the_mode_that_it_declares() {
    let desk = Desk::new();
    let idle = |mode: &str| {
        format!(
            "schema = \"gridgate/candidate/1\"\nname = \"idle\"\nversion = \"1\"\ntask = \"volt_var\"\nmode = \"{mode}\"\n\
             [adapter]\nkind = \"do_nothing\"\n"
        )
    };
    for (mode, tables, code) in [
        ("advisory", "", Some("candidate.mode")),
        ("closed_loop", PEOPLE, Some("candidate.mode")),
        ("advisory", PEOPLE, None),
        ("closed_loop", "", None),
    ] {
        desk.put("candidate/candidate.toml", idle(mode));
        desk.put("suite.toml", format!("{SUITE}\n{tables}"));
        let said = desk.say(&["check", "suite.toml"]).with(if code.is_some() { 2 } else { 0 });
        assert!(said.err.contains(code.unwrap_or_default()), "{}", said.err);
    }
}

#[test]
fn every_mistake_in_supervision_is_told() {
    let desk = Desk::new();
    desk.put("candidate/candidate.toml", desk.text("idle/candidate.toml"));
    for (tables, code) in [
        ("[limiter]\nfalback = \"operator\"", "suite.limiter.unknown-key"),
        ("[limiter.step]\n\"act.gen.v_set\" = 0", "suite.limiter.step.range"),
        ("[limiter.step]\n\"act.gen.p_set\" = 1", "suite.limiter"),
        ("[limiter.envelope]\ndemand = [0.5, 1.5]", "suite.limiter.fallback"),
        ("[advisory]\naccept = 0.5", "suite.advisory.shares"),
        ("[advisory]\naccept = 0.5\ndelay = 0.5", "suite.advisory.missing"),
        (
            "[[gate]]\nid = \"l\"\npopulation = \"swings\"\nmetric = \"limiter.limited\"\nkind = \"value\"\nmax = 0",
            "suite.gate.limiter",
        ),
    ] {
        desk.put("suite.toml", format!("{SUITE}\n{tables}\n"));
        let said = desk.say(&["check", "suite.toml"]).with(2);
        assert!(said.err.contains(code), "{code}: {}", said.err);
    }
}
