//! One changed byte anywhere in a run folder is found; what is missing or added is named.

mod sample;

use std::fs;
use std::path::Path;

use reports::*;

fn write(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) -> Digest {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes.as_ref()).unwrap();
    Digest::of(bytes)
}

/// A small run folder, sealed. The scenario of an episode line is written both ways that are read.
fn folder(dir: &Path) {
    let mut evidence = sample::evidence();
    let line = |index: u64| {
        let hexadecimal = sample::scenario(index).sha256;
        let scenario = match index % 2 {
            0 => format!("\"{hexadecimal}\""),
            _ => format!("{{\"sha256\":\"{hexadecimal}\"}}"),
        };
        format!("{{\"population\":\"outages\",\"index\":{index},\"scenario\":{scenario},\"metrics\":{{}}}}\n")
    };
    let episodes: String = (0..16).map(line).collect();
    for (name, bytes) in [("episodes.jsonl", episodes.as_str()), ("trajectories/outages-7.json", "{}\n")] {
        evidence.files.insert(name.into(), write(dir, name, bytes));
    }
    let evidence = write(dir, "evidence.json", canonical_json(&evidence).unwrap());
    write(dir, "run.json", canonical_json(&RunRecord { evidence, ..sample::run() }).unwrap());
    write(dir, "report.html", "<!doctype html>");
    seal(dir).unwrap();
}

fn codes(dir: &Path) -> Vec<&'static str> {
    verify(dir).unwrap_err().iter().map(|problem| problem.code).collect()
}

#[test]
fn a_sealed_run_verifies() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path());
    let verified = verify(dir.path()).unwrap();
    assert_eq!((verified.verdict, verified.files, verified.scenarios), (Verdict::Error, 5, 16));
    assert_eq!(verified.notes, Vec::<String>::new());
    write(dir.path(), "later.txt", "x");
    assert_eq!(verify(dir.path()).unwrap().notes, ["later.txt is not listed by any digest"]);
}

#[test]
fn one_changed_byte_anywhere_is_found() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path());
    let names: Vec<_> = seal(dir.path()).unwrap().files.into_keys().collect();
    for name in names.iter().map(String::as_str).chain(["manifest.json"]) {
        let path = dir.path().join(name);
        let bytes = fs::read(&path).unwrap();
        // Every byte of the small files, every 37th of the large ones: a prime, so that it walks through all kinds.
        for at in (0..bytes.len()).step_by(if bytes.len() > 2000 { 37 } else { 1 }) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            fs::write(&path, damaged).unwrap();
            assert!(verify(dir.path()).is_err(), "byte {at} of {name} changed and was not found");
        }
        fs::write(&path, bytes).unwrap();
        assert!(verify(dir.path()).is_ok());
        fs::rename(&path, dir.path().join("elsewhere")).unwrap();
        assert!(codes(dir.path()).contains(&"run.file.missing"), "{name} is gone");
        fs::rename(dir.path().join("elsewhere"), &path).unwrap();
    }
}

/// A forger who knows the format seals again; the chain from evidence to scenarios still has to close.
#[test]
fn sealing_again_does_not_hide_other_scenarios() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path());
    let reseal = |episodes: String| {
        let mut evidence: Evidence = read(&fs::read(dir.path().join("evidence.json")).unwrap()).unwrap();
        evidence.files.insert("episodes.jsonl".into(), write(dir.path(), "episodes.jsonl", episodes));
        let evidence = write(dir.path(), "evidence.json", canonical_json(&evidence).unwrap());
        write(dir.path(), "run.json", canonical_json(&RunRecord { evidence, ..sample::run() }).unwrap());
        seal(dir.path()).unwrap();
    };
    let episodes = fs::read_to_string(dir.path().join("episodes.jsonl")).unwrap();
    let other = episodes.replace(&sample::scenario(4).sha256, &sample::scenario(99).sha256);
    reseal(other);
    assert_eq!(codes(dir.path()), ["run.episodes.other-scenarios"]);
    let dropped = episodes.lines().filter(|line| !line.contains("\"index\":4,")).map(|l| format!("{l}\n"));
    reseal(dropped.collect());
    assert_eq!(codes(dir.path()), ["run.episodes.incomplete"]);
    reseal(episodes.replace("outages", "storms"));
    assert_eq!(codes(dir.path()), ["run.episodes.incomplete", "run.episodes.unknown-population"]);
    reseal(episodes.replace("\"index\":5,", "\"index\":4,"));
    assert_eq!(codes(dir.path()), ["run.episodes.ambiguous"]);
}

#[test]
fn names_that_leave_the_folder_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path());
    let mut manifest = seal(dir.path()).unwrap();
    for name in ["../outside", "/etc/hostname", "a//b", "a\\b", "C:x", "./run.json", ""] {
        manifest.files.insert(name.into(), Digest::of(""));
    }
    write(dir.path(), "manifest.json", canonical_json(&manifest).unwrap());
    assert_eq!(codes(dir.path()), ["run.file.outside"; 7]);
}

/// The definition, spelled out by hand: coreutils' `printf '%s\n' HEX HEX | sha256sum`.
#[test]
fn a_population_is_the_digest_of_its_lines() {
    let (a, b) = (Digest::of("a"), Digest::of("b"));
    let lines = format!("{}\n{}\n", a.sha256, b.sha256);
    assert_eq!(population_digest([&a, &b]), Digest::of(lines));
    assert_ne!(population_digest([&a, &b]), population_digest([&b, &a]));
}
