//! A candidate that sees telemetry, phasors or estimates: another life than in the truth, the same for everybody, and repeated bit for bit.

use crate::desk::{Desk, python};

const SUITE: &str = r#"schema = "gridgate/suite/1"
name = "measured"
seed = 5
grid = "case14.m"
candidate = "candidate/candidate.toml"

[loop]
task = "volt_var"
step_s = 60
steps = 5
observe = "truth"

[[population]]
id = "swings"
hazards = [{ kind = "line_trip", k = 1 }, { kind = "load_swing", sigma = 0.02 }]
size_max = 12

[[gate]]
id = "losses"
population = "swings"
metric = "losses_mwh"
kind = "value"
max = 0.0
"#;

/// A voltage controller: moves two set-points against what it sees of the voltage at bus 14.
const CONTROLLER: &str = r#"import json, sys
print(json.dumps({"hello": "gridgate/1", "task": "volt_var", "stateful": False}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    answer = {"id": request["id"]}
    if request["op"] == "infer":
        seen = request["inputs"]["vm"]["data"][0]
        v = min(1.06, max(0.98, 1.02 + 0.5 * (1.03 - seen)))
        answer["outputs"] = {"v": {"shape": [1, 2], "data": [v, v]}}
    print(json.dumps(answer), flush=True)
    if request["op"] == "close":
        break
"#;

const MANIFEST: &str = r#"schema = "gridgate/candidate/1"
name = "against-bus-14"
version = "1"
task = "volt_var"
[adapter]
kind = "process"
argv = ["python3", "controller.py"]
[limits]
timeout_ms = 10000
[io]
"obs.bus.vm" = { name = "vm", rows = [14] }
"act.gen.v_set" = { name = "v", rows = [2, 3] }
"#;

fn desk(observe: &str, tables: &str) -> Desk {
    let desk = Desk::new();
    desk.put("candidate/controller.py", CONTROLLER);
    desk.put("candidate/candidate.toml", MANIFEST);
    let suite = SUITE.replace("\"truth\"", &format!("\"{observe}\""));
    desk.put("suite.toml", format!("{suite}\n{tables}"));
    desk
}

fn trajectories(desk: &Desk) -> Vec<String> {
    let of = |episode: &serde_json::Value| episode["trajectory"].as_str().expect("a digest").to_owned();
    desk.episodes("run").iter().map(of).collect()
}

/// No grid is without losses, so every run ends with 1, and the worst episodes are kept.
#[test]
fn a_voltage_controller_lives_with_noise() {
    if !python() {
        return;
    }
    let truth = desk("truth", "");
    truth.run("suite.toml", "run", &[]).with(1);
    let scada = desk(
        "scada",
        "[sensing]\nvoltage_sigma_pu = 0.01\nvoltage_quantum_pu = 0.001\nskew_s = 2.0\nage_s = 60\n",
    );
    scada.run("suite.toml", "run", &["--threads", "1"]).with(1);
    scada.repeats(1);
    let (exact, noisy) = (trajectories(&truth), trajectories(&scada));
    assert_eq!(exact.len(), noisy.len());
    assert!(exact.iter().zip(&noisy).all(|(exact, noisy)| exact != noisy), "noise moved nothing");
    let evidence = scada.json("run/evidence.json");
    assert_eq!(evidence["settings"]["observe"], "scada");
    assert_eq!(evidence["settings"]["sensing.voltage_sigma_pu"], "0.01");
    assert!(evidence["settings"].get("sensing.phasor_tve").is_none());
    let said = scada.text("run/report.html");
    assert!(said.contains("sees what telemetry reports"), "the report says what was seen");

    // Perfect telemetry is the truth: the same lives, bit for bit.
    let zero = "[sensing]\nvoltage_sigma_pu = 0\ninjection_sigma_pu = 0\nflow_sigma_pu = 0\n";
    let perfect = desk("scada", zero);
    perfect.run("suite.toml", "run", &[]).with(1);
    assert_eq!(trajectories(&perfect), exact);
}

#[test]
fn an_estimator_in_the_loop_is_measured() {
    let gates = r#"
[[gate]]
id = "alarms"
population = "swings"
metric = "estimation.alarms"
kind = "value"
max = 5
[[gate]]
id = "near"
population = "swings"
metric = "estimation.error_pu"
kind = "value"
max = 0.1
"#;
    let desk = desk("estimated", gates);
    desk.put("candidate/candidate.toml", "schema = \"gridgate/candidate/1\"\nname = \"idle\"\nversion = \"1\"\ntask = \"volt_var\"\n[adapter]\nkind = \"do_nothing\"\n");
    desk.run("suite.toml", "run", &["--threads", "1"]).with(1);
    desk.repeats(1);
    let evidence = desk.json("run/evidence.json");
    for gate in
        evidence["gates"].as_array().expect("gates").iter().filter(|gate| gate["metric"] != "losses_mwh")
    {
        if gate["metric"].as_str().is_some_and(|metric| metric.starts_with("estimation.")) {
            assert_eq!(gate["verdict"], "pass", "{gate}");
        }
    }
    for episode in desk.episodes("run").iter().filter(|episode| episode["outcome"] == "survived") {
        let metrics = &episode["metrics"];
        assert_eq!(metrics["estimation.missing"], 0.0, "{metrics}");
        assert!(metrics["estimation.error_pu"].as_f64().is_some_and(|off| off > 0.0), "{metrics}");
    }
}

#[test]
fn what_cannot_be_seen_is_refused() {
    let refused = |observe: &str, tables: &str, code: &str| {
        let said = desk(observe, tables).run("suite.toml", "run", &[]).with(2);
        assert!(said.err.contains(code) && said.err.contains("suite.toml:"), "{}", said.err);
    };
    refused("guess", "", "suite.loop.unknown-choice");
    refused("truth", "[sensing]\nscan_s = 4\n", "suite.contradiction");
    refused("scada", "[sensing]\nphasor_tve = 0.01\n", "suite.sensing.contradiction");
    refused("scada", "[sensing]\nscan_s = 0\n", "suite.sensing.range");
    refused("estimated", "[sensing]\nflow_sigma_pu = 0\n", "suite.sensing.contradiction");
    let gate = "[[gate]]\nid = \"alarms\"\npopulation = \"swings\"\nmetric = \"estimation.alarms\"\nkind = \"value\"\nmax = 5\n";
    refused("scada", gate, "suite.gate.estimation");
}
