//! Episodes from a cache: the same bytes with it and without, and a damaged one is nobody's answer.

use crate::desk::{Desk, QUICK, SUITE, python};

const LASTING: [&str; 3] = ["evidence.json", "episodes.jsonl", "champion_episodes.jsonl"];

fn same(desk: &Desk, one: &str, other: &str) {
    for file in LASTING {
        assert!(
            desk.read(&format!("{one}/{file}")) == desk.read(&format!("{other}/{file}")),
            "{file} of {other}"
        );
    }
}

fn cached(desk: &Desk, run: &str) -> u64 {
    desk.json(&format!("{run}/run.json"))["cached_episodes"].as_u64().expect("a count")
}

#[test]
fn a_cache_changes_no_byte_and_saves_what_was_done() {
    let desk = Desk::new();
    let suite = SUITE.replace("size_max = 600", "size_max = 300");
    desk.put("suite.toml", &suite);
    let cache = ["--cache", "cache"];
    desk.run("suite.toml", "plain", &[]).with(3);
    desk.run("suite.toml", "first", &cache).with(3);
    desk.run("suite.toml", "second", &[&cache[..], &["--threads", "2"]].concat()).with(3);
    same(&desk, "plain", "first");
    same(&desk, "plain", "second");
    assert_eq!(["plain", "first", "second"].map(|run| cached(&desk, run)), [0, 0, 600]);

    // Another threshold, another name: the same episodes.
    desk.put("other.toml", suite.replace("max = 0.3", "max = 0.25").replace("\"journey\"", "\"other\""));
    desk.run("other.toml", "other", &cache);
    assert_eq!(cached(&desk, "other"), 600);
    // Another candidate: those of whom it is compared with.
    desk.put("second/candidate.toml", desk.text("idle/candidate.toml").replace("\"1\"\ntask", "\"2\"\ntask"));
    desk.run("suite.toml", "candidate", &[&cache[..], &["--candidate", "second"]].concat());
    assert_eq!(cached(&desk, "candidate"), 300);
    // A shorter run: its whole blocks. Everything that moves an episode: none.
    for (name, from, to, hits) in [
        ("shorter", "size_max = 300", "size_max = 256", 512),
        ("seed", "20261121", "5", 0),
        ("steps", "steps = 5", "steps = 4", 0),
        ("relays", "engine = \"none\"", "hidden_failure_probability = 0.5", 0),
        ("hazard", "sigma = 0.05", "sigma = 0.04", 0),
        ("physics", "[protection]", "[physics]\ntolerance_pu = 1e-9\n[protection]", 0),
        ("metric", "voltage.violation_pu_min", "n1.insecure_minutes", 0),
    ] {
        assert!(suite.contains(from), "{name}");
        desk.put("changed.toml", suite.replacen(from, to, 1).replace("size_max = 300", "size_max = 20"));
        if name == "shorter" {
            desk.put("changed.toml", suite.replacen(from, to, 1));
        }
        desk.run("changed.toml", name, &cache);
        assert_eq!(cached(&desk, name), hits, "{name}");
    }
    desk.put("case14.m", desk.text("case14.m").replacen("\t4\t1\t47.8", "\t4\t1\t47.9", 1));
    desk.run("suite.toml", "grid", &cache);
    assert_eq!(cached(&desk, "grid"), 0);
}

/// The same model as candidate, behind a limiter, and as champion, behind nothing: what one lived is not what the other did.
#[test]
fn a_cache_tells_the_candidate_from_a_champion_of_the_same_bytes() {
    let desk = Desk::new();
    let champion = SUITE.replace("champion = \"do_nothing\"", "champion = \"greedy\"");
    let limiter = "[limiter]\nfallback = \"do_nothing\"\n[limiter.envelope]\ndemand = [5, 6]\n";
    desk.put("suite.toml", champion.replace("size_max = 600", "size_max = 20") + limiter);
    for (run, cache) in
        [("plain", &[][..]), ("first", &["--cache", "cache"]), ("second", &["--cache", "cache"])]
    {
        desk.run("suite.toml", run, &[&["--candidate", "greedy"], cache].concat());
    }
    same(&desk, "plain", "first");
    same(&desk, "plain", "second");
    assert_eq!(["first", "second"].map(|run| cached(&desk, run)), [0, 40]);
    let trajectories = |file: &str| -> Vec<String> {
        let line = |line: &str| {
            serde_json::from_str::<serde_json::Value>(line).expect("JSON")["trajectory"].to_string()
        };
        desk.text(file).lines().map(line).collect()
    };
    assert_ne!(
        trajectories("plain/episodes.jsonl"),
        trajectories("plain/champion_episodes.jsonl"),
        "the limiter kept nobody from anything: nothing was told apart"
    );
}

#[test]
fn a_damaged_entry_is_a_miss_and_said() {
    let desk = Desk::new();
    desk.put("suite.toml", SUITE.replace("size_max = 600", "size_max = 40"));
    let cache = ["--cache", "cache"];
    desk.run("suite.toml", "first", &cache).with(3);
    let entries = desk.files("cache");
    assert_eq!(entries.len(), 2, "one for each actor");
    let whole = desk.read(&format!("cache/{}", entries[0]));
    let text = String::from_utf8(whole.clone()).expect("UTF-8");
    let at = text.find("\"losses_mwh\":").expect("a metric") + "\"losses_mwh\":".len();
    let mut flipped = whole.clone();
    flipped[at] = if flipped[at] == b'9' { b'8' } else { flipped[at] + 1 };
    let other = desk.read(&format!("cache/{}", entries[1]));
    for (name, bytes) in [
        ("flipped", &flipped[..]),
        ("cut", &whole[..whole.len() / 2]),
        ("empty", b""),
        ("nonsense", b"\xff\xfe nonsense"),
        // Whole, and of somebody else.
        ("other", &other),
    ] {
        desk.put(&format!("cache/{}", entries[0]), bytes);
        let said = desk.run("suite.toml", name, &cache).with(3);
        assert!(
            said.err.contains("warning[run.cache]") && said.err.contains("damaged"),
            "{name}: {}",
            said.err
        );
        same(&desk, "first", name);
        assert_eq!(cached(&desk, name), 40, "{name}");
        // And mended.
        assert!(desk.read(&format!("cache/{}", entries[0])) == whole, "{name}");
    }
    // A cache that cannot be written costs time and no verdict.
    desk.put("file", "");
    let said = desk.run("suite.toml", "unwritable", &["--cache", "file"]).with(3);
    assert!(said.err.contains("warning[run.cache]"), "{}", said.err);
    same(&desk, "first", "unwritable");
}

#[test]
fn a_program_is_cached_only_where_the_caller_says_so() {
    if !python() {
        return;
    }
    let desk = Desk::new();
    desk.put("suite.toml", QUICK.replace("size_max = 5000", "size_max = 8"));
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/any_language");
    for file in ["candidate.toml", "controller.py"] {
        desk.put(&format!("program/{file}"), std::fs::read(examples.join(file)).expect("an example"));
    }
    let run = |out: &str, candidate: &str, more: &[&str]| {
        let arguments =
            [&["run", "suite.toml", "--quiet", "--out", out, "--candidate", candidate], more].concat();
        let output =
            desk.command(&arguments).env("GRIDGATE_CACHE", "standing").output().expect("gridgate starts");
        assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run("one", "idle", &[]);
    run("two", "idle", &[]);
    assert_eq!((cached(&desk, "one"), cached(&desk, "two")), (0, 8));
    run("three", "program", &[]);
    run("four", "program", &[]);
    assert_eq!(cached(&desk, "four"), 0);
    run("five", "program", &["--cache", "named"]);
    run("six", "program", &["--cache", "named"]);
    assert_eq!(cached(&desk, "six"), 8);
}
