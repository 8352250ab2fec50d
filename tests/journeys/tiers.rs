//! Smaller designs of one suite, and what a suite can decide before it runs.

use crate::desk::{Desk, QUICK, SUITE};

const TIERS: &str = "[tier.change]\nsize_max = 8\n[tier.nightly]\nsize_max = 512\n[tier.release]\n";

#[test]
fn a_tier_is_a_smaller_design_and_says_so() {
    let desk = Desk::new();
    desk.put("suite.toml", format!("{QUICK}{TIERS}"));
    // Too few episodes to show anything: a short tier is no pass.
    let said = desk.run("suite.toml", "change", &["--tier", "change"]).with(3);
    assert!(said.out.contains("mild, tier change, seed 7"), "{}", said.out);
    let evidence = desk.json("change/evidence.json");
    assert_eq!((&evidence["tier"], &evidence["populations"][0]["n"]), (&"change".into(), &8.into()));
    assert_eq!(evidence["settings"]["tier.size_max"], "8");
    desk.run("suite.toml", "nightly", &["--tier", "nightly"]).with(0);
    desk.run("suite.toml", "release", &["--tier", "release"]).with(0);
    desk.run("suite.toml", "whole", &[]).with(0);
    assert!(desk.json("whole/evidence.json").get("tier").is_none());
    // The same scenarios: a tier is the beginning of the whole.
    let first = desk.text("whole/episodes.jsonl");
    assert!(first.starts_with(&desk.text("change/episodes.jsonl")));
    assert!(desk.read("release/episodes.jsonl") == desk.read("whole/episodes.jsonl"));
    // A tier never has more than the population.
    desk.put("small.toml", format!("{QUICK}{TIERS}").replace("size_max = 5000", "size_max = 5"));
    desk.run("small.toml", "small", &["--tier", "change"]).with(3);
    assert_eq!(desk.episodes("small").len(), 5);

    for (change, tier, words) in [
        (TIERS.to_owned(), "nightlyy", "did you mean `nightly`"),
        (String::new(), "change", "[tier.change]"),
        (TIERS.replace("size_max = 8", "size = 8"), "change", "error[suite.tier.unknown-key]"),
        (TIERS.replace("change", "chnage"), "nightly", "`change`"),
        (TIERS.replace("size_max = 8", "size_max = 0"), "change", "error[suite.tier.range]"),
        (TIERS.replace("size_max = 8", "minutes = 0"), "change", "error[suite.tier.range]"),
    ] {
        desk.put("suite.toml", format!("{QUICK}{change}"));
        let said = desk.run("suite.toml", "out", &["--tier", tier]).with(2);
        assert!(said.err.contains(words), "{}", said.err);
    }
    let fixed =
        QUICK.replace("max = 0.3\n", "max = 0.3\nmethod = \"fixed\"\n").replace("stop = \"decided\"\n", "");
    desk.put("suite.toml", format!("{fixed}[tier.change]\nminutes = 5\n"));
    let said = desk.run("suite.toml", "out", &["--tier", "change"]).with(2);
    assert!(said.err.contains("error[suite.early-stop]"), "{}", said.err);
}

#[test]
fn what_a_clock_ended_is_never_a_pass() {
    let desk = Desk::new();
    // The first block is run in any case, and decides the gate; the rest of the 2560 episodes no clock of 60 microseconds allows.
    let suite = QUICK.replace("stop = \"decided\"\n", "").replace("size_max = 5000", "size_max = 2560");
    desk.put("suite.toml", format!("{suite}[tier.change]\nminutes = 1e-6\n"));
    let said = desk.run("suite.toml", "run", &["--tier", "change", "--threads", "1"]).with(3);
    assert!(said.out.contains("time of the tier was over"), "{}", said.out);
    let evidence = desk.json("run/evidence.json");
    assert_eq!(
        (&evidence["gates"][0]["verdict"], &evidence["verdict"]),
        (&"pass".into(), &"undecided".into())
    );
    assert_eq!(evidence["populations"][0]["n"], 256);
    assert_eq!(desk.json("run/run.json")["clock_dependent"], true);
    desk.say(&["verify", "run"]).with(0);
    // What was decided before the clock is decided.
    desk.put("suite.toml", format!("{QUICK}[tier.change]\nminutes = 1e-6\n"));
    desk.run("suite.toml", "decided", &["--tier", "change", "--threads", "1"]).with(0);
}

#[test]
fn a_plan_says_what_a_suite_can_decide() {
    let desk = Desk::new();
    // The rate gate of gates.md 3.3: without a failure it passes at 402 episodes.
    desk.put(
        "suite.toml",
        SUITE.replace("max = 0.3", "max = 0.01").replace("size_max = 600", "size_max = 3000"),
    );
    let plan = |more: &[&str]| {
        let said = desk.say(&[&["plan", "suite.toml", "--format", "json"], more].concat()).with(0);
        serde_json::from_str::<serde_json::Value>(&said.out).expect("JSON")
    };
    let planned = plan(&[]);
    assert_eq!(planned["schema"], "gridgate/plan/1");
    assert_eq!((&planned["episodes"], &planned["steps"]), (&6000.into(), &30_000.into()));
    let power = planned["gates"][0]["power"].as_array().expect("rows");
    let number = |row: usize, key: &str| power[row][key].as_f64().expect("a number");
    assert_eq!((&power[0]["median_episodes"], &power[1]["median_episodes"]), (&402.into(), &402.into()));
    assert_eq!(number(0, "pass"), 1.0);
    // At the limit itself an unsafe candidate passes with at most alpha; three times beyond it next to never.
    assert!(number(3, "pass") < 0.05 && number(4, "pass") < 0.001 && number(4, "fail") > 0.99);
    for row in 0..power.len() {
        let sum = number(row, "pass") + number(row, "fail") + number(row, "undecided");
        assert!((sum - 1.0).abs() < 1e-9, "{row}: {sum}");
    }
    assert!(planned.get("probe").is_none());
    assert_eq!(planned, plan(&[]), "the same suite, the same plan");
    let probed = plan(&["--probe"]);
    assert!(probed["probe"]["estimated_s"].as_f64().expect("a number") > 0.0);
    let said = desk.say(&["plan", "suite.toml"]).with(0).out;
    assert!(said.contains("at most 6,000 episodes") && said.contains("the limit itself"), "{said}");
    assert_eq!(desk.names(), ["case14.m", "idle", "suite.toml"], "a plan runs nothing and writes nothing");

    // A tier is planned as it is run; a suite that leaves its candidate to the command line can be planned too.
    desk.put("suite.toml", format!("{QUICK}{TIERS}").replace("candidate = \"idle/candidate.toml\"\n", ""));
    let planned = plan(&["--tier", "change"]);
    assert_eq!((&planned["tier"], &planned["populations"][0]["episodes"]), (&"change".into(), &8.into()));
    let undecided = &planned["gates"][0]["power"][0]["undecided"];
    assert_eq!(undecided, 1.0, "eight episodes decide nothing");
    desk.say(&["plan", "suite.toml", "--tier", "weekly"]).with(2);
}
