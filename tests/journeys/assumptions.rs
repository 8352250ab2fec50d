//! A verdict that hangs on what nobody knows about the world is none, and says on what.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::desk::{Desk, SUITE};

/// A quarter more demand than in the file in every episode, so that voltages are lower than those at which demand is given; nobody acts.
fn heavy(gate: &str, assumptions: &str) -> String {
    format!(
        r#"schema = "gridgate/suite/1"
name = "heavy"
seed = 7
grid = "case14.m"
candidate = "idle/candidate.toml"

[loop]
task = "volt_var"
step_s = 60
steps = 3

[protection]
engine = "none"

[[population]]
id = "heavy"
hazards = [{{ kind = "load_swing", mean = 1.25, sigma = 0 }}]
size_max = 100

[[gate]]
id = "losses"
population = "heavy"
metric = "losses_mwh"
kind = "rate"
{gate}
max = 0.3

{assumptions}
"#
    )
}

fn gate<'a>(evidence: &'a Value, id: &str) -> &'a Value {
    let gates = evidence["gates"].as_array().expect("gates");
    gates.iter().find(|gate| gate["id"] == id).unwrap_or_else(|| panic!("no gate {id}"))
}

fn variant<'a>(evidence: &'a Value, id: &str) -> &'a Value {
    let variants = evidence["variants"]["variants"].as_array().expect("variants");
    variants.iter().find(|variant| variant["id"] == id).unwrap_or_else(|| panic!("no variant {id}"))
}

/// Demand that falls with the voltage draws less at a low one, so lines carry less and lose less: a claim about losses whose threshold
/// lies between depends on it, in either direction; one that is far from both does not.
#[test]
fn a_verdict_that_flips_is_undecided_and_names_the_assumption() {
    let desk = Desk::new();
    let vary = "[assumptions]\nvary = [\"load_constant_impedance\"]\nepisodes = 100";
    desk.put("suite.toml", heavy("over = 1e6", vary));
    desk.run("suite.toml", "far", &[]).with(0);
    let evidence = desk.json("far/evidence.json");
    let losses = gate(&evidence, "losses");
    assert_eq!(losses["verdict"], "pass");
    let said = losses["reason"].as_str().expect("a reason");
    assert!(said.contains("the same in 1 other models of the world, by all 100 episodes"), "{said}");
    let there = &variant(&evidence, "load_constant_impedance")["gates"][0];
    assert_eq!((&there["replayed"], &there["changed"]), (&100.into(), &100.into()));
    let change = there["largest_change"].as_f64().expect("a change");
    assert!(change < 0.0, "losses rose by {change} MWh where demand fell");

    // Every episode is the same: half way between what it loses here and there.
    let episodes = desk.episodes("far");
    let here = episodes[0]["metrics"]["losses_mwh"].as_f64().expect("losses");
    let between = here + 0.5 * change;
    for (side, here, there) in [("under", "pass", "fail"), ("over", "fail", "pass")] {
        let claim = format!("{side} = {between}");
        desk.put("suite.toml", heavy(&claim, ""));
        desk.run("suite.toml", "alone", &[]);
        assert_eq!(gate(&desk.json("alone/evidence.json"), "losses")["verdict"], here, "{claim}");
        desk.put("suite.toml", heavy(&claim, vary));
        desk.run("suite.toml", "run", &[]).with(3);
        let evidence = desk.json("run/evidence.json");
        let losses = gate(&evidence, "losses");
        assert_eq!(variant(&evidence, "load_constant_impedance")["gates"][0]["verdict"], there, "{claim}");
        assert_eq!(losses["verdict"], "undecided", "{claim}");
        assert_eq!(losses["depends_on"], serde_json::json!(["load_constant_impedance"]));
        assert!(losses["reason"].as_str().expect("a reason").contains("constant impedance"));
        for page in ["run/summary.txt", "run/summary.md", "run/report.html"] {
            let page = desk.text(page).replace('\\', "");
            assert!(page.contains("load_constant_impedance"), "{page}");
        }
        desk.say(&["verify", "run"]).with(0);
    }
}

/// Nobody asks for a tap, so their range moves nothing: the verdict stays, and the evidence says what that rests on.
#[test]
fn an_assumption_that_does_not_matter_leaves_the_verdict_and_says_how_much_was_tried() {
    let desk = Desk::new();
    desk.put(
        "suite.toml",
        heavy("over = 1e6", "[assumptions]\nvary = [\"taps_narrow\", \"inertia_low\"]\nepisodes = 40"),
    );
    desk.run("suite.toml", "run", &[]).with(0);
    let evidence = desk.json("run/evidence.json");
    let losses = gate(&evidence, "losses");
    assert_eq!((&losses["verdict"], losses.get("depends_on")), (&"pass".into(), None));
    let there = &variant(&evidence, "taps_narrow")["gates"][0];
    assert_eq!(
        (&there["replayed"], &there["changed"], &there["newly_broken"]),
        (&40.into(), &0.into(), &0.into())
    );
    // Not one of 40 of 100: the share may still be more than nothing.
    let most = there["newly_broken_share_max"].as_f64().expect("a bound");
    assert!(most > 0.0 && most < 0.2, "{most}");
    let strata = evidence["variants"]["subsets"][0]["strata"].as_array().expect("strata");
    let sum = |key: &str| strata.iter().map(|s| s[key].as_u64().expect("a count")).sum::<u64>();
    assert_eq!((sum("n"), sum("replayed")), (100, 40));
    assert_eq!(evidence["variants"]["skipped"][0]["id"], "inertia_low");
    let assumptions = evidence["assumptions"].to_string();
    assert!(assumptions.contains("40 of 100 episodes (40 %) of heavy"), "{assumptions}");

    // Without the table nothing is tried, and that is said.
    desk.put("suite.toml", heavy("over = 1e6", ""));
    desk.run("suite.toml", "alone", &[]).with(0);
    let alone = desk.json("alone/evidence.json");
    assert!(alone.get("variants").is_none());
    assert!(alone["assumptions"].to_string().contains("was not tried"));
    // What the suite says of its own world is the same bytes with and without.
    assert!(desk.read("alone/episodes.jsonl") == desk.read("run/episodes.jsonl"));
}

/// A variant is the suite that says so itself: where every episode is lived again, each gate says there what it says in that suite.
#[test]
fn a_variant_is_the_suite_that_says_so_itself() {
    let load = |p: u32| {
        format!(
            "[slow.load_recovery]\np_exponent = {p}\nq_exponent = {p}\np_exponent_recovered = {p}\nq_exponent_recovered = {p}\n"
        )
    };
    let suites: [(&str, &str, String); 8] = [
        ("load_constant_impedance", "", load(2)),
        ("load_constant_current", "", load(1)),
        ("load_recovery", "", "[slow.load_recovery]\n".into()),
        ("hidden_failures", "", "[protection]\nhidden_failure_probability = 0.01\n".into()),
        ("slack_single", "screening = true", "[physics]\nslack = \"single\"\n".into()),
        ("reactive_limits", "screening = true", "[physics]\nreactive_limits = \"ignore\"\n".into()),
        ("balance_droop", "", "[protection.frequency]\nbalance = \"droop\"\n".into()),
        ("ramps_slow", "", "[physics]\nramp_share_per_min = 0.02\n".into()),
    ];
    let desk = Desk::new();
    let suite =
        SUITE.replace("[protection]\nengine = \"none\"\n", "").replace("size_max = 600", "size_max = 48");
    let ids: Vec<String> = suites.iter().map(|(id, ..)| format!("\"{id}\"")).collect();
    desk.put("suite.toml", format!("{suite}\n[assumptions]\nvary = [{}]\nepisodes = 48\n", ids.join(", ")));
    desk.run("suite.toml", "varied", &[]);
    let evidence = desk.json("varied/evidence.json");
    let mut differ = 0;
    for (id, top, tables) in suites {
        desk.put(
            "itself.toml",
            format!("{}\n{tables}", suite.replacen("[loop]", &format!("{top}\n[loop]"), 1)),
        );
        desk.run("itself.toml", "itself", &[]);
        let itself = desk.json("itself/evidence.json");
        let gates = variant(&evidence, id)["gates"].as_array().expect("gates");
        assert_eq!(gates.len(), itself["gates"].as_array().expect("gates").len(), "{id}");
        for there in gates {
            let own = gate(&itself, there["gate"].as_str().expect("an id"));
            assert_eq!((&there["verdict"], &there["reason"]), (&own["verdict"], &own["reason"]), "{id}");
            differ += u32::from(there["changed"] != 0);
        }
    }
    assert!(differ > 8, "hardly any variant changed anything: nothing was compared");
}

/// A look-ahead controller whose steps are limited and which an operator replaces where much demand is drawn, beside `champion`, with gates on
/// new failures, on what the limiter did, and on what an outage did.
fn supervised(champion: &str, tables: &str) -> String {
    let gates = [
        ("new", "voltage.violation_pu_min", "kind = \"rate\"\nover = 0.02\nmax = 0.3\nnew_only = true"),
        ("limited", "limiter.limited", "kind = \"mean\"\nmax = 1.0\nrange = [0, 4]"),
        ("stand_in", "limiter.fallback", "kind = \"value\"\nmax = 3"),
        ("response", "response.losses_mwh", "kind = \"value\"\nmax = 0.1"),
    ];
    let gates = gates.map(|(id, metric, kind)| {
        format!("[[gate]]\nid = \"{id}\"\npopulation = \"swings\"\nmetric = \"{metric}\"\n{kind}\n")
    });
    format!(
        r#"schema = "gridgate/suite/1"
name = "supervised"
seed = 5
grid = "case14.m"
champion = "{champion}"
screening = true

[loop]
task = "volt_var"
step_s = 60
steps = 4

[protection]
engine = "none"

[limiter]
fallback = "operator"
[limiter.step]
"act.gen.v_set" = 0.004
[limiter.envelope]
demand = [0.0, 1.05]

[[population]]
id = "swings"
hazards = [{{ kind = "load_swing", sigma = 0.08 }}, {{ kind = "line_trip", k = 1, keep_connected = true }}]
size_max = 30

{}
{tables}
"#,
        gates.concat()
    )
}

/// The same layers stand between the candidate and the grid in a variant, the same champion is compared with, and twins are lived there too.
#[test]
fn limiter_champion_and_twins_are_in_a_variant_what_they_are_in_the_suite_that_says_so_itself() {
    let desk = Desk::new();
    for champion in ["greedy", "idle/candidate.toml"] {
        for (id, table) in [
            (
                "load_constant_impedance",
                "[slow.load_recovery]\np_exponent = 2\nq_exponent = 2\np_exponent_recovered = 2\nq_exponent_recovered = 2\n",
            ),
            ("reactive_limits", "[physics]\nreactive_limits = \"ignore\"\n"),
        ] {
            desk.put("itself.toml", supervised(champion, table));
            desk.run("itself.toml", "itself", &["--candidate", "greedy"]);
            let itself = desk.json("itself/evidence.json");
            let vary = format!("[assumptions]\nvary = [\"{id}\"]\nepisodes = 30\n");
            desk.put("suite.toml", supervised(champion, &vary));
            desk.run("suite.toml", "run", &["--candidate", "greedy"]);
            desk.say(&["verify", "run"]).with(0);
            let evidence = desk.json("run/evidence.json");
            let tally = &evidence["supervision"][0]["tally"];
            assert!(
                tally["limited"].as_u64() > Some(0) && tally["fallback"]["outside"].as_u64() > Some(0),
                "{tally}"
            );
            let gates = variant(&evidence, id)["gates"].as_array().expect("gates");
            for own in ["new", "limited", "stand_in", "response"].map(|own| gate(&itself, own)) {
                let there = gates.iter().find(|there| there["gate"] == own["id"]).expect("a gate");
                let told = |gate: &Value| (gate["verdict"].clone(), gate["reason"].clone());
                assert_eq!(told(there), told(own), "{id} beside {champion}");
                assert_ne!(own["verdict"], "error", "{}", own["reason"]);
            }
            let changed =
                |own: &str| gates.iter().find(|there| there["gate"] == own).expect("a gate")["changed"] != 0;
            assert!(changed("response"), "{id} moves no losses: nothing was compared");
        }
    }
}

const LASTING: [&str; 3] = ["evidence.json", "episodes.jsonl", "champion_episodes.jsonl"];

/// Every variant that can matter, with relays and a comparator.
fn everything() -> String {
    let suite =
        SUITE.replace("[protection]\nengine = \"none\"\n", "").replace("size_max = 600", "size_max = 300");
    suite + "\n[assumptions]\nepisodes = 64\n"
}

#[test]
fn threads_and_a_kill_change_no_byte_of_what_was_lived_again() {
    let desk = Desk::new();
    desk.put("suite.toml", everything());
    let code = desk.run("suite.toml", "one", &["--threads", "1"]).code;
    let mut child = desk
        .command(&["run", "suite.toml", "--out", "run", "--threads", "2", "--quiet"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("gridgate starts");
    let record = desk.path("run.partial/blocks.jsonl");
    let patience = Instant::now();
    while !std::fs::read_to_string(&record).is_ok_and(|text| text.contains("{\"variant\":")) {
        assert!(child.try_wait().expect("a child").is_none(), "it ended before it could be killed");
        assert!(patience.elapsed() < Duration::from_secs(300), "no variant in five minutes");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("a child to kill");
    child.wait().expect("a dead child");
    assert!(!desk.path("run").exists());
    let said = desk.run("suite.toml", "run", &["--threads", "2"]).with(code);
    assert!(said.err.contains("went on from an interrupted run"), "{}", said.err);
    for file in LASTING {
        assert!(desk.read(&format!("one/{file}")) == desk.read(&format!("run/{file}")), "{file}");
    }
    let evidence = desk.json("run/evidence.json");
    let tried = evidence["variants"]["variants"].as_array().expect("variants").len();
    assert!(tried >= 8, "{tried} variants");

    // The plan counts what the run does: 300 episodes by two actors, and 64 in each variant.
    let plan = desk.say(&["plan", "suite.toml", "--format", "json"]).with(0);
    let plan: Value = serde_json::from_str(&plan.out).expect("JSON");
    assert_eq!(plan["variants"]["episodes"], tried * 64 * 2);
    assert_eq!(plan["episodes"], 600 + tried * 64 * 2);
    assert!(desk.say(&["plan", "suite.toml"]).with(0).out.contains("load_constant_impedance"));
}

#[test]
fn a_variant_that_does_not_exist_is_refused_at_its_line_with_the_nearest() {
    let desk = Desk::new();
    let wrong = "[assumptions]\nvary = [\"load_constant_impedence\", \"slack_single\", \"slack_single\"]\nepisode = 4";
    desk.put("suite.toml", heavy("over = 1", wrong));
    let said = desk.run("suite.toml", "run", &[]).with(2);
    assert!(said.err.contains("suite.assumptions.unknown-variant"), "{}", said.err);
    assert!(said.err.contains("`load_constant_impedance`"), "{}", said.err);
    assert!(
        said.err.contains("is named twice") && said.err.contains("unknown key `episode`"),
        "{}",
        said.err
    );
}
