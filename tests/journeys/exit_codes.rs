//! Every exit code, provoked.

use crate::desk::{Desk, FAILING, QUICK};

#[test]
fn every_exit_code_is_provoked_by_what_it_stands_for() {
    let desk = Desk::new();
    desk.put("quick.toml", QUICK);
    desk.put("failing.toml", FAILING);

    let said = desk.run("quick.toml", "passed", &[]).with(0);
    assert!(said.out.starts_with("PASS"), "{}", said.out);
    desk.say(&["solve", "case14.m"]).with(0);

    let said = desk.run("failing.toml", "failed", &[]).with(1);
    assert!(said.out.starts_with("FAIL"), "{}", said.out);

    let said = desk.run("nowhere.toml", "out", &[]).with(2);
    assert!(said.err.contains("error[suite.read]"), "{}", said.err);
    desk.say(&["run"]).with(2);
    desk.say(&["rnu", "quick.toml"]).with(2);

    // Eight episodes show no rate of 30 %, neither way.
    desk.put("short.toml", QUICK.replace("size_max = 5000", "size_max = 8"));
    desk.run("short.toml", "undecided", &[]).with(3);
    desk.run("short.toml", "undecided", &["--undecided", "fail"]).with(1);
    desk.run("short.toml", "undecided", &["--undecided", "pass"]).with(0);

    // Somebody else works on the folder.
    desk.put("busy.partial/blocks.jsonl", "");
    let held =
        std::fs::File::options().write(true).open(desk.path("busy.partial/blocks.jsonl")).expect("a file");
    held.lock().expect("a lock");
    let said = desk.run("quick.toml", "busy", &[]).with(4);
    assert!(said.err.contains("error[run.busy]"), "{}", said.err);
    drop(held);
    desk.run("quick.toml", "busy", &[]).with(0);

    desk.put("passed/episodes.jsonl", desk.text("passed/episodes.jsonl").replacen("survived", "blackout", 1));
    desk.say(&["verify", "passed"]).with(5);
}
