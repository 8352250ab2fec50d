//! The example of a battery and half a second: who passes, who sheds load, and what the report shows.

use std::path::Path;

use crate::desk::{Desk, python};

const SUITES: [&str; 4] = ["weak.toml", "weak-late.toml", "strong.toml", "strong-late.toml"];

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
    for suite in SUITES {
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
    desk.run("weak-late.toml", "runs/late", &[]).with(1);
    desk.run("strong.toml", "runs/strong", &[]).with(0);
    desk.run("strong-late.toml", "runs/strong-late", &[]).with(0);

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

    // The curve of the island with the battery, of the one in which nobody acts, and of the delay that is too much.
    let page = desk.text("runs/weak/report.html");
    assert!(page.contains("Frequency, island of bus 1, Hz"));
    let margin =
        |episode: &serde_json::Value| episode["metrics"]["latency.margin_ms"].as_f64().expect("a margin");
    let margins: Vec<f64> = desk.episodes("runs/weak").iter().map(margin).collect();
    // Nothing of the closed form is closer: 58.94 Hz without the battery, 59.35 Hz with one that is half a second late.
    assert!(margins.iter().all(|ms| (100.0..500.0).contains(ms)), "{margins:?}");
    let too_late = format!(">candidate, decisions take {} ms</text>", margins[0] + 1.0);
    for curve in [">candidate</text>", ">do nothing</text>", too_late.as_str()] {
        assert!(page.contains(curve), "{curve}");
    }
    assert!(desk.text("runs/late/report.html").contains(">candidate, without delay</text>"));
}

/// What is claimed of half a second is claimed of nothing else.
#[test]
fn the_late_suites_differ_in_half_a_second_only() {
    let desk = desk();
    for name in ["weak", "strong"] {
        let body = |suite: String| {
            let text = desk.text(&suite);
            let lines = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned);
            lines.collect::<Vec<_>>()
        };
        let (soon, late) = (body(format!("{name}.toml")), body(format!("{name}-late.toml")));
        let added: Vec<_> = late.iter().filter(|line| !soon.contains(line)).collect();
        assert_eq!(added, [&format!("name = \"frequency-response-{name}-late\""), "command_ms = 500"]);
        assert_eq!(late.len(), soon.len() + 1);
    }
}

#[test]
fn threads_change_no_byte_of_a_run_with_frequencies() {
    if !python() {
        return;
    }
    let desk = desk();
    for (threads, out) in [("1", "runs/one"), ("3", "runs/three")] {
        desk.run("weak.toml", out, &["--threads", threads]).with(0);
    }
    for file in ["episodes.jsonl", "evidence.json"] {
        assert_eq!(
            desk.text(&format!("runs/one/{file}")),
            desk.text(&format!("runs/three/{file}")),
            "{file}"
        );
    }
}
