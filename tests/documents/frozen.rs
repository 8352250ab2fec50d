//! Documents of version 1 as they were written once (`tests/frozen/`). Later versions of this program read them, and refuse newer ones by name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gridgate_tests::json;
use harness::candidate::manifest::Manifest;
use harness::suite::Suite;
use harness::trajectory::Episode;
use reports::{Document, evidence::Manifest as Seal};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("frozen")
}

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/schemas")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// Reads a document, writes it again, and expects to have lost nothing; then the same of a version from the future, which is refused.
fn kept<T: Document + serde::Serialize>() {
    let name = T::SCHEMA.trim_start_matches("gridgate/").replace('/', "-") + ".json";
    let bytes = std::fs::read(folder().join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let document: T = reports::read(&bytes).unwrap_or_else(|problem| panic!("{name}: {problem}"));
    let again: Value =
        serde_json::from_slice(&reports::canonical_json(&document).expect("JSON")).expect("JSON");
    let before: Value = serde_json::from_slice(&bytes).expect("JSON");
    // Absent fields may have become their defaults; nothing that was there may be gone or another.
    for (field, value) in before.as_object().expect("an object") {
        assert_eq!(&again[field], value, "{name}: {field}");
    }
    let newer = T::SCHEMA.replace("/1", "/2");
    let text = String::from_utf8(bytes).expect("UTF-8").replacen(T::SCHEMA, &newer, 1);
    let problem = reports::read::<T>(text.as_bytes()).err().unwrap_or_else(|| panic!("{newer} was read"));
    assert_eq!(problem.code, "document.newer");
    assert!(problem.message.contains(&newer), "{}", problem.message);
}

#[test]
fn documents_of_version_1_are_read_and_newer_ones_refused_by_name() {
    kept::<reports::Evidence>();
    kept::<reports::RunRecord>();
    kept::<reports::EpisodeRecord>();
    kept::<reports::NetworkRecord>();
    kept::<Seal>();
    kept::<reports::Envelope>();
    kept::<reports::ContingencyStudy>();
    kept::<reports::NoseStudy>();
    kept::<reports::GicStudy>();
    kept::<reports::CascadeStudy>();
    kept::<reports::FrequencyStudy>();
    kept::<reports::LatencyFile>();
    kept::<reports::LatencyMargin>();
    kept::<reports::MachineStudy>();
    kept::<reports::plan::SuitePlan>();
    kept::<reports::explanation::Explanation>();
    kept::<reports::RatingStudy>();
    kept::<reports::StormStudy>();
    kept::<reports::hunt::HuntStudy>();
    kept::<reports::Regressions>();
    let lines = std::fs::read_to_string(folder().join("episode-1.jsonl")).expect("lines");
    for line in lines.lines() {
        let episode: Episode = serde_json::from_str(line).expect("an episode");
        let again: Value = serde_json::to_value(&episode).expect("JSON");
        assert_eq!(again, serde_json::from_str::<Value>(line).expect("JSON"));
    }
}

#[test]
fn files_that_people_wrote_for_version_1_are_read_and_newer_ones_refused_by_name() {
    let suite = folder().join("suite-1.toml");
    Suite::read(&suite).unwrap_or_else(|found| panic!("{found}"));
    let newer =
        std::fs::read_to_string(&suite).expect("text").replace("gridgate/suite/1", "gridgate/suite/2");
    let found = Suite::from_text(&newer, Path::new("s.toml")).expect_err("a suite of version 2");
    assert!(found.0[0].message.contains("version 2"), "{found}");

    let manifest = folder().join("candidate-1.toml");
    Manifest::read(&manifest).unwrap_or_else(|found| panic!("{found}"));
    let desk = tempfile::tempdir().expect("a folder");
    for (name, from) in [("candidate-1.toml", "gridgate/candidate/"), ("waiver-1.toml", "gridgate/waiver/")] {
        let text = std::fs::read_to_string(folder().join(name)).expect("text");
        std::fs::write(desk.path().join(name), text.replace(&format!("{from}1"), &format!("{from}2")))
            .expect("a file");
    }
    let found = Manifest::read(&desk.path().join("candidate-1.toml")).expect_err("a manifest of version 2");
    assert!(found.0[0].message.contains("gridgate/candidate/2"), "{found}");

    let key = folder().join("waiver-key.pub.pem");
    let waivers = harness::waiver::Waivers::read(&folder().join("waiver-1.toml"), &key, "2026-11-21".into());
    let waivers = waivers.unwrap_or_else(|found| panic!("{found}"));
    // What was signed then still holds now.
    let who = reports::CandidateRecord { name: "idle".into(), version: "1".into(), ..Default::default() };
    let shown = waivers.present("mild", &who, &[]);
    assert!(shown[0].why.contains("no gate"), "{:?}", shown[0]);
    let newer = harness::waiver::Waivers::read(&desk.path().join("waiver-1.toml"), &key, "2026-11-21".into());
    assert!(newer.expect_err("waivers of version 2").0[0].message.contains("gridgate/waiver/2"));
}

#[test]
fn every_document_has_a_frozen_sample_that_its_schema_accepts() {
    let stem = |name: &String| name.split('.').next().unwrap_or_default().to_owned();
    let frozen = names(&folder());
    let stems: BTreeSet<String> = frozen.iter().map(stem).collect();
    for schema in names(&schemas()) {
        assert!(stems.contains(&stem(&schema)), "{schema} has no sample in tests/frozen");
        let validator = jsonschema::validator_for(&json(&schemas().join(&schema))).expect("a schema");
        for name in frozen.iter().filter(|name| stem(name) == stem(&schema)) {
            let path = folder().join(name);
            let text = std::fs::read_to_string(&path).expect("text");
            let documents: Vec<Value> = match path.extension().and_then(|extension| extension.to_str()) {
                Some("toml") => {
                    let table: toml::Table = text.parse().expect("TOML");
                    vec![serde_json::to_value(table).expect("JSON")]
                }
                Some("jsonl") => text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect(),
                _ => vec![serde_json::from_str(&text).expect("JSON")],
            };
            for document in documents {
                let errors: Vec<String> = validator
                    .iter_errors(&document)
                    .map(|error| format!("{} {error}", error.instance_path()))
                    .collect();
                assert!(errors.is_empty(), "{name}: {errors:#?}");
            }
        }
    }
}
