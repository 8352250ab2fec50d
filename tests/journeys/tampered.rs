//! One byte of a run folder is another, or a file is gone: told, and by the name of the file.

use crate::desk::{Desk, SUITE};

#[test]
fn one_changed_byte_anywhere_is_found_and_its_file_named() {
    let desk = Desk::new();
    desk.put("suite.toml", SUITE.replace("size_max = 600", "size_max = 60"));
    desk.run("suite.toml", "run", &[]).with(3);
    desk.say(&["verify", "run"]).with(0);
    let files = desk.files("run");
    assert!(files.iter().any(|f| f.starts_with("trajectories/")), "{files:?}");
    for file in &files {
        let name = format!("run/{file}");
        let whole = desk.read(&name);
        for at in [0, whole.len() / 2, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            desk.put(&name, &changed);
            let said = desk.say(&["verify", "run"]).with(5);
            // A digest that changed inside the manifest is a disagreement between two files; both are named.
            assert!(said.err.contains(file.as_str()), "{file} byte {at}:\n{}", said.err);
        }
        std::fs::remove_file(desk.path(&name)).expect("a file");
        let said = desk.say(&["verify", "run"]).with(5);
        assert!(said.err.contains("error[run.file.missing]") && said.err.contains(file.as_str()));
        desk.put(&name, whole);
    }
    desk.say(&["verify", "run"]).with(0);
    // A file that nobody vouches for is told, and spoils nothing.
    desk.put("run/notes.txt", "mine");
    let said = desk.say(&["verify", "run"]).with(0);
    assert!(said.out.contains("notes.txt is not listed"), "{}", said.out);
}

#[test]
fn a_report_neither_repeats_nor_blesses_what_was_changed() {
    let desk = Desk::new();
    desk.put("suite.toml", SUITE.replace("size_max = 600", "size_max = 60"));
    desk.run("suite.toml", "run", &[]).with(3);
    for file in ["evidence.json", "run.json", "episodes.jsonl", "network.json"] {
        let name = format!("run/{file}");
        let whole = desk.read(&name);
        // Another verdict where there is one, else a byte: still JSON, as a careful forger would leave it.
        let text = String::from_utf8(whole.clone()).expect("UTF-8");
        let forged = if file == "evidence.json" {
            text.replace("undecided", "pass")
        } else {
            text.replacen('1', "2", 1)
        };
        assert_ne!(text, forged);
        desk.put(&name, forged);
        for format in ["html", "text", "json"] {
            let said = desk.say(&["report", "run", "--format", format]).with(5);
            assert!(said.err.contains(file) && said.out.is_empty(), "{file}: {}{}", said.out, said.err);
        }
        desk.say(&["verify", "run"]).with(5);
        desk.put(&name, whole);
    }
    // What is derived can be made again from what is not.
    desk.put("run/report.html", "<h1>PASS</h1>");
    desk.say(&["report", "run"]).with(0);
    desk.say(&["verify", "run"]).with(0);
    assert!(!desk.text("run/report.html").contains("<h1>PASS</h1>"));
}
