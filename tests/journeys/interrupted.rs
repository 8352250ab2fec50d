//! Killed in the middle: nothing half in the final place, and the next run goes on to the same bytes.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::desk::{Desk, SUITE};

const LASTING: [&str; 3] = ["evidence.json", "episodes.jsonl", "champion_episodes.jsonl"];

/// Long enough to be killed: five blocks, on which a gate that allows next to nothing fails.
fn long() -> String {
    SUITE
        .replacen("max = 0.3", "max = 0.001", 1)
        .replace("size_max = 600", "size_max = 1280")
        .replace("steps = 5", "steps = 6")
}

/// Starts a run into `out` and kills it when its partial record holds two blocks.
fn kill_in_the_middle(desk: &Desk, out: &str) {
    let mut child = desk
        .command(&["run", "suite.toml", "--out", out, "--threads", "1", "--quiet"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("gridgate starts");
    let partial = desk.path(&format!("{out}.partial/blocks.jsonl"));
    let patience = Instant::now();
    loop {
        let lines = std::fs::read(&partial).map_or(0, |b| b.iter().filter(|c| **c == b'\n').count());
        if lines >= 3 {
            break;
        }
        assert!(child.try_wait().expect("a child").is_none(), "it ended before it could be killed");
        assert!(patience.elapsed() < Duration::from_secs(120), "no block in two minutes");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("a child to kill");
    child.wait().expect("a dead child");
    assert!(!desk.path(out).exists(), "a killed run left a folder in the final place");
    assert_eq!(desk.files(&format!("{out}.partial")), ["blocks.jsonl"]);
}

fn same(desk: &Desk, one: &str, other: &str) {
    for file in LASTING {
        assert!(
            desk.read(&format!("{one}/{file}")) == desk.read(&format!("{other}/{file}")),
            "{file} of {other}"
        );
    }
}

#[test]
fn a_killed_run_goes_on_to_the_same_bytes() {
    let desk = Desk::new();
    desk.put("suite.toml", long());
    desk.run("suite.toml", "whole", &[]).with(1);
    kill_in_the_middle(&desk, "run");
    for copy in ["cut", "flipped", "other"] {
        desk.copy("run.partial", &format!("{copy}.partial"));
    }

    let said = desk.run("suite.toml", "run", &["--threads", "2"]).with(1);
    assert!(said.err.contains("went on from an interrupted run"), "{}", said.err);
    same(&desk, "whole", "run");
    assert!(!desk.path("run.partial").exists());
    desk.say(&["verify", "run"]).with(0);

    // The line that was being written is done again, those before it are not.
    let record = desk.read("cut.partial/blocks.jsonl");
    let lines = |bytes: &[u8]| bytes.iter().filter(|b| **b == b'\n').count();
    desk.put("cut.partial/blocks.jsonl", &record[..record.len() - 100]);
    let said = desk.run("suite.toml", "cut", &[]).with(1);
    let left = lines(&record[..record.len() - 100]) - 1;
    assert!(said.err.contains(&format!("interrupted run: {left} blocks")), "{left} of {}", said.err);
    same(&desk, "whole", "cut");

    // A number that another program, or a failing disk, put into the record must not become evidence.
    let text = String::from_utf8(record.clone()).expect("UTF-8");
    let at = text.find("\"losses_mwh\":").expect("a metric") + "\"losses_mwh\":".len();
    let mut flipped = record.clone();
    flipped[at] = if flipped[at] == b'9' { b'8' } else { flipped[at] + 1 };
    desk.put("flipped.partial/blocks.jsonl", &flipped);
    desk.run("suite.toml", "flipped", &[]).with(1);
    same(&desk, "whole", "flipped");

    // Other inputs have nothing to take over, and do not throw away what somebody may come back for.
    desk.put("suite.toml", long().replace("seed = 20261121", "seed = 5").replace("= 1280", "= 256"));
    let said = desk.run("suite.toml", "other", &[]).with(2);
    assert!(said.err.contains("error[run.unfinished]") && said.err.contains("--restart"), "{}", said.err);
    assert!(desk.read("other.partial/blocks.jsonl") == record);
    let said = desk.run("suite.toml", "other", &["--restart"]);
    assert!(!said.err.contains("went on"), "{}", said.err);
    desk.run("suite.toml", "fresh", &[]);
    same(&desk, "fresh", "other");
}

#[test]
fn a_run_that_was_whole_stays_until_the_next_one_is() {
    let desk = Desk::new();
    desk.put("suite.toml", long().replace("= 1280", "= 256"));
    desk.run("suite.toml", "run", &[]);
    let before = desk.read("run/evidence.json");
    desk.put("suite.toml", long());
    let mut child = desk
        .command(&["run", "suite.toml", "--out", "run", "--quiet"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("gridgate starts");
    while !desk.path("run.partial/blocks.jsonl").exists() {
        assert!(child.try_wait().expect("a child").is_none(), "it ended before it could be killed");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("a child to kill");
    child.wait().expect("a dead child");
    assert!(desk.read("run/evidence.json") == before);
    desk.say(&["verify", "run"]).with(0);
}

#[test]
fn two_runs_do_not_write_one_folder() {
    let desk = Desk::new();
    desk.put("suite.toml", long());
    let mut first = desk
        .command(&["run", "suite.toml", "--out", "run", "--threads", "1", "--quiet"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("gridgate starts");
    while !std::fs::read(desk.path("run.partial/blocks.jsonl")).is_ok_and(|record| !record.is_empty()) {
        assert!(first.try_wait().expect("a child").is_none(), "it ended before it could be met");
        std::thread::sleep(Duration::from_millis(1));
    }
    let said = desk.run("suite.toml", "run", &[]).with(4);
    assert!(said.err.contains("error[run.busy]") && said.err.contains("run"), "{}", said.err);
    assert_eq!(first.wait().expect("an end").code(), Some(1));
    desk.say(&["verify", "run"]).with(0);
    assert!(!desk.path("run.partial").exists());
}
