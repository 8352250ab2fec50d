//! The example of a battery and half a second: who passes, who sheds load, and what the report shows.

use std::path::Path;

use crate::desk::{Desk, python};

/// A desk with the example on it.
fn desk() -> Desk {
    let desk = Desk::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/frequency_response");
    for folder in ["", "controller"] {
        std::fs::create_dir_all(desk.path(folder)).expect("a folder");
        for entry in std::fs::read_dir(from.join(folder)).expect("the example").flatten() {
            if entry.path().is_file() {
                let to = desk.path(folder).join(entry.file_name());
                std::fs::copy(entry.path(), to).expect("a copy");
            }
        }
    }
    // Every episode is like the others here; a few of them, and as long as it takes to shed, are enough.
    for suite in ["weak.toml", "strong.toml"] {
        let text = desk.text(suite);
        let short = text.replace("steps = 500", "steps = 200").replace("size_max = 32", "size_max = 3");
        assert_ne!(text, short);
        desk.put(suite, short);
    }
    desk
}

#[test]
fn half_a_second_decides_where_there_is_little_inertia() {
    if !python() {
        return;
    }
    let desk = desk();
    desk.run("weak.toml", "runs/weak", &[]).with(0);
    desk.run("weak.toml", "runs/late", &["--candidate", "controller/weak-late.toml"]).with(1);
    desk.run("strong.toml", "runs/strong", &[]).with(0);
    desk.run("strong.toml", "runs/strong-late", &["--candidate", "controller/strong-late.toml"]).with(0);

    let stages = |run: &str| -> Vec<f64> {
        let of = |episode: &serde_json::Value| episode["metrics"]["ufls.stages"].as_f64().expect("a number");
        desk.episodes(run).iter().map(of).collect()
    };
    assert!(stages("runs/weak").iter().all(|stages| *stages == 0.0));
    assert!(stages("runs/late").iter().all(|stages| *stages >= 1.0));
    let evidence = desk.json("runs/late/evidence.json");
    let failed = |gate: &&serde_json::Value| gate["verdict"] == "fail";
    let failed: Vec<_> = evidence["gates"].as_array().expect("gates").iter().filter(failed).collect();
    assert!(failed.iter().any(|gate| gate["id"] == "no-shedding"), "{failed:?}");

    // The curve of the island with the battery, and of the one in which nobody acts.
    let page = desk.text("runs/weak/report.html");
    assert!(page.contains("Frequency of each island, Hz"));
    assert!(page.contains("candidate, island of bus 1") && page.contains("do nothing, island of bus 1"));
}

#[test]
fn threads_change_no_byte_of_a_run_with_frequencies() {
    let desk = desk();
    for (threads, out) in [("1", "runs/one"), ("3", "runs/three")] {
        desk.run("weak.toml", out, &["--candidate", "do_nothing", "--threads", threads]).with(1);
    }
    for file in ["episodes.jsonl", "evidence.json"] {
        assert_eq!(
            desk.text(&format!("runs/one/{file}")),
            desk.text(&format!("runs/three/{file}")),
            "{file}"
        );
    }
}
