//! From a suite to a folder that a stranger can check: the documents, and that nothing but the inputs decides them.

use gridgate_tests::json;

use crate::desk::{Desk, MILD};

const DOCUMENTS: [&str; 14] = [
    "champion_episodes.jsonl",
    "envelope.json",
    "episodes.jsonl",
    "evidence.json",
    "inputs/grid.m",
    "inputs/suite.toml",
    "junit.xml",
    "manifest.json",
    "network.json",
    "report.html",
    "results.sarif",
    "run.json",
    "summary.md",
    "summary.txt",
];

#[test]
fn a_case_is_solved_as_its_source_solved_it() {
    let desk = Desk::new();
    let said = desk
        .say(&["solve", "case14.m", "--slack", "single", "--reactive-limits", "ignore", "--format", "json"])
        .with(0);
    let solved: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/cases/case14/expected.json");
    let expected = json(&data);
    let (found, wanted) =
        (solved["buses"].as_array().expect("buses"), expected["buses"].as_array().expect("buses"));
    assert_eq!(found.len(), wanted.len());
    for (bus, theirs) in found.iter().zip(wanted) {
        assert_eq!(bus["id"], theirs["id"]);
        let apart = |key: &str| {
            (bus[key].as_f64().expect("a number") - theirs[key].as_f64().expect("a number")).abs()
        };
        // Both sides solve to 1e-8 pu at least; the expected numbers have 13 digits.
        assert!(apart("vm_pu") < 1e-8 && apart("va_deg") < 1e-6, "{bus} {theirs}");
    }
}

#[test]
fn a_run_leaves_everything_that_a_reader_needs() {
    let desk = Desk::new();
    let said = desk.run("suite.toml", "runs/one", &[]).with(3);
    assert!(said.out.starts_with("UNDECIDED"), "{}", said.out);
    let kept: Vec<String> =
        desk.files("runs/one").into_iter().filter(|f| !f.starts_with("trajectories/")).collect();
    assert_eq!(kept, DOCUMENTS);
    assert_eq!(
        desk.files("runs"),
        desk.files("runs/one").iter().map(|f| format!("one/{f}")).collect::<Vec<_>>()
    );

    // Every document tells the same story.
    let evidence = desk.json("runs/one/evidence.json");
    assert_eq!((&evidence["verdict"], &evidence["candidate"]["name"]), (&"undecided".into(), &"idle".into()));
    let episodes = desk.episodes("runs/one");
    assert_eq!(episodes.len(), 600);
    assert!(episodes.iter().enumerate().all(|(i, e)| e["index"] == i));
    let gave_up = episodes.iter().filter(|e| e["outcome"] == "solver_gave_up").count();
    assert!(gave_up > 0, "this suite is to show a solver that gives up");
    assert_eq!(evidence["populations"][0]["outcomes"]["solver_gave_up"], gave_up);
    for gate in evidence["gates"].as_array().expect("gates") {
        assert_eq!(gate["missing"], gave_up, "{}", gate["id"]);
    }
    assert!(desk.text("runs/one/report.html").contains("undecided"));
    assert!(desk.text("runs/one/junit.xml").contains("<testsuite"));
    assert_eq!(desk.json("runs/one/results.sarif")["version"], "2.1.0");
    assert_eq!(desk.json("runs/one/run.json")["clock_dependent"], false);
    assert!(said.out.contains(desk.text("runs/one/summary.txt").lines().next().expect("a line")));

    // What is undecided fails or passes only where the user says so.
    desk.run("suite.toml", "runs/one", &["--undecided", "fail"]).with(1);
    desk.run("suite.toml", "runs/one", &["--undecided", "pass"]).with(0);
    assert_eq!(desk.names(), ["case14.m", "idle", "runs", "suite.toml"]);

    let verified = desk.say(&["verify", "runs/one"]).with(0);
    assert!(verified.out.contains("every digest holds") && verified.out.contains("verdict undecided"));

    // Each of the worst scenarios that the evidence names takes the same course again.
    let mut worst: Vec<String> = Vec::new();
    for gate in evidence["gates"].as_array().expect("gates") {
        for episode in gate["worst"].as_array().expect("worst") {
            let command = episode["replay"].as_str().expect("a command");
            worst.push(command.rsplit(' ').next().expect("an episode").to_owned());
        }
    }
    worst.sort();
    worst.dedup();
    assert!(!worst.is_empty());
    for episode in &worst {
        let replayed = desk.say(&["replay", "runs/one", episode]).with(0);
        assert!(replayed.err.contains("bit for bit"), "{}", replayed.err);
    }
    // One that was not kept needs its candidate, and is the same then.
    let other = episodes.iter().find(|e| e["outcome"] == "survived").expect("a survivor");
    let other = format!("outages/{}", other["index"]);
    let said = desk.say(&["replay", "runs/one", &other]).with(2);
    assert!(said.err.contains("error[replay.not-kept]") && said.err.contains("--candidate"));
    let said = desk.say(&["replay", "runs/one", &other, "--candidate", "idle/candidate.toml"]).with(0);
    assert!(said.err.contains("bit for bit"), "{}", said.err);
}

#[test]
fn a_report_is_made_again_from_its_evidence() {
    let desk = Desk::new();
    desk.run("suite.toml", "run", &[]).with(3);
    let files = desk.files("run");
    let before: Vec<_> = files.iter().map(|f| desk.read(&format!("run/{f}"))).collect();
    for derived in ["report.html", "summary.md", "summary.txt", "junit.xml", "results.sarif"] {
        std::fs::remove_file(desk.path(&format!("run/{derived}"))).expect("a file");
    }
    desk.say(&["report", "run"]).with(0);
    assert_eq!(desk.files("run"), files);
    for (file, before) in files.iter().zip(before) {
        assert!(desk.read(&format!("run/{file}")) == before, "{file} is another");
    }
    desk.say(&["verify", "run"]).with(0);
    for (format, file) in [
        ("text", "summary.txt"),
        ("markdown", "summary.md"),
        ("junit", "junit.xml"),
        ("sarif", "results.sarif"),
    ] {
        let said = desk.say(&["report", "run", "--format", format]).with(0);
        assert_eq!(said.out.trim_end(), desk.text(&format!("run/{file}")).trim_end(), "{format}");
    }
}

/// The documents that a second run may not change.
const LASTING: [&str; 5] =
    ["evidence.json", "episodes.jsonl", "champion_episodes.jsonl", "network.json", "envelope.json"];

#[test]
fn threads_and_days_change_no_byte() {
    let desk = Desk::new();
    let runs = ["once", "twice", "two", "three"];
    for (run, threads) in runs.iter().zip(["1", "1", "2", "3"]) {
        desk.run("suite.toml", run, &["--threads", threads]).with(3);
    }
    for run in &runs[1..] {
        for file in LASTING {
            assert!(
                desk.read(&format!("once/{file}")) == desk.read(&format!("{run}/{file}")),
                "{file} of `{run}`"
            );
        }
    }
    // Nor does the place: another folder, another name on the command line, the same suite.
    desk.put("deep/case14.m", desk.read("case14.m"));
    desk.put("deep/suite.toml", desk.read("suite.toml"));
    desk.put("deep/idle/candidate.toml", desk.read("idle/candidate.toml"));
    let at = desk.path("deep/suite.toml");
    desk.run(at.to_str().expect("UTF-8"), "elsewhere", &["--candidate", "deep/idle/candidate.toml"]).with(3);
    assert!(desk.read("once/episodes.jsonl") == desk.read("elsewhere/episodes.jsonl"));
}

#[test]
fn a_decided_run_stops_at_a_block_and_nowhere_else() {
    let desk = Desk::new();
    desk.put("suite.toml", MILD);
    for (run, threads) in [("one", "1"), ("two", "2"), ("three", "3")] {
        let said = desk.run("suite.toml", run, &["--threads", threads]).with(0);
        assert!(said.out.starts_with("PASS"), "{}", said.out);
    }
    let n = desk.json("one/evidence.json")["populations"][0]["n"].as_u64().expect("a count");
    // By the rule of three no rate of 0.8 % is shown by 256 episodes, and every sensible test has shown it by 5000.
    assert!(n.is_multiple_of(256) && n > 256 && n < 5000, "{n}");
    assert_eq!(desk.episodes("one").len() as u64, n);
    for run in ["two", "three"] {
        for file in ["evidence.json", "episodes.jsonl"] {
            assert!(
                desk.read(&format!("one/{file}")) == desk.read(&format!("{run}/{file}")),
                "{file} of `{run}`"
            );
        }
    }
    // A suite without end ends there too, and takes no memory for what it never runs.
    desk.put("suite.toml", MILD.replace("size_max = 5000", "size_max = 9223372036854775807"));
    desk.run("suite.toml", "endless", &[]).with(0);
    assert!(desk.read("one/episodes.jsonl") == desk.read("endless/episodes.jsonl"));
    desk.put("suite.toml", MILD.replace("size_max = 5000", "size_max = 256"));
    desk.run("suite.toml", "short", &[]).with(3);
}
