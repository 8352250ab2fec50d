use super::*;

const GOOD: &str = r#"
schema = "gridgate/candidate/1"
name = "trial"
version = "7"
task = "volt_var"

[adapter]
kind = "onnx"
path = "model.onnx"

[io]
"obs.bus.vm" = { name = "x", slice = [0, 14], unit = "pu", scale = 2.0, offset = -1.0 }
"obs.gen.p" = { name = "x", slice = [14, 19], unit = "pu" }
"act.gen.v_set" = { name = "y", rows = [2, 1] }

[domain]
bus_count = [14, 14]
load_scale = [1, 1.5]

[limits]
timeout_ms = 300
"#;

fn parse(source: &str) -> Result<Manifest, Diagnostics> {
    Manifest::parse("candidate.toml", source, Path::new("/candidate"))
}

/// The complaints about `GOOD` with one text replaced.
fn complaints(from: &str, to: &str) -> Vec<Diagnostic> {
    assert!(GOOD.contains(from), "the test replaces something that is not there: {from}");
    parse(&GOOD.replacen(from, to, 1)).expect_err("refused").0
}

fn the_only(from: &str, to: &str) -> Diagnostic {
    let all = complaints(from, to);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.into_iter().next().unwrap()
}

#[test]
fn a_good_manifest_is_read_in_the_order_written() {
    let manifest = parse(GOOD).unwrap();
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("trial", "7"));
    assert_eq!(manifest.adapter, Adapter::Onnx(PathBuf::from("/candidate/model.onnx")));
    assert_eq!(manifest.batch_max, 1024);
    assert!(!manifest.stateful);
    let ids: Vec<&str> = manifest.io.iter().map(|e| e.quantity.id()).collect();
    assert_eq!(ids, ["obs.bus.vm", "obs.gen.p", "act.gen.v_set"]);
    assert_eq!(manifest.io[0].position, Position::Slice(0, 14));
    assert_eq!((manifest.io[0].scale, manifest.io[0].offset), (2.0, -1.0));
    assert_eq!(manifest.io[1].unit, Unit::PerUnit);
    assert_eq!(manifest.io[2].rows, Rows::Listed(vec![2, 1]));
    assert_eq!(manifest.io[2].place.line, Some(14));
    assert_eq!(manifest.domain.bus_count, Some((14, 14)));
    assert_eq!(manifest.domain.load_scale, Some((1.0, 1.5)));
    assert_eq!(manifest.limits.timeout_ms, Some(300));
}

#[test]
fn an_unknown_key_is_an_error_with_its_line_and_the_nearest_key() {
    for (from, to, line, meant) in [
        ("version = \"7\"", "version = \"7\"\nstatful = true", 5, "`stateful`"),
        ("path = \"model.onnx\"", "path = \"model.onnx\"\nbatchmax = 3", 10, "`batch_max`"),
        ("unit = \"pu\", scale", "unit = \"pu\", scales = 1, scale", 12, "`scale`"),
        ("timeout_ms", "timeout_ms = 1\ntimout_ms", 22, "`timeout_ms`"),
        ("load_scale = [1, 1.5]", "load_scales = [1, 1.5]", 18, "`load_scale`"),
    ] {
        let complaint = the_only(from, to);
        assert_eq!(complaint.code, "candidate.manifest.unknown-key");
        assert_eq!(complaint.place.unwrap().line, Some(line));
        assert!(complaint.hint.unwrap().contains(meant));
    }
    let complaint = the_only("\"obs.bus.vm\"", "\"obs.bus.vn\"");
    assert_eq!(complaint.code, "candidate.manifest.unknown-quantity");
    assert_eq!(complaint.hint.unwrap(), "did you mean `obs.bus.vm`?");
}

#[test]
fn what_is_wrong_is_refused_by_its_name() {
    for (from, to, code) in [
        ("gridgate/candidate/1", "gridgate/candidate/2", "candidate.manifest.schema"),
        ("name = \"trial\"", "", "candidate.manifest.missing-key"),
        ("name = \"trial\"", "name = \"\"", "candidate.manifest.empty"),
        ("name = \"trial\"", "name = 3", "candidate.manifest.wrong-type"),
        ("volt_var", "forecast", "candidate.manifest.task"),
        ("[adapter]", "mode = \"adviser\"\n[adapter]", "candidate.manifest.mode"),
        ("[adapter]", "mode = \"open\"\n[adapter]", "candidate.manifest.mode"),
        ("kind = \"onnx\"", "kind = \"python\"", "candidate.manifest.adapter"),
        ("kind = \"onnx\"", "kind = \"onxx\"", "candidate.manifest.adapter"),
        ("kind = \"onnx\"", "kind = \"onnx\"\nthreads = 2", "candidate.manifest.threads"),
        ("kind = \"onnx\"", "kind = \"onnx\"\nurl = \"x\"", "candidate.manifest.unused-key"),
        ("model.onnx", "../model.onnx", "candidate.manifest.outside"),
        ("model.onnx", "/model.onnx", "candidate.manifest.outside"),
        ("kind = \"onnx\"\npath = \"model.onnx\"", "kind = \"process\"", "candidate.manifest.missing-key"),
        ("slice = [0, 14]", "slice = [14, 14]", "candidate.manifest.wrong-type"),
        ("slice = [0, 14]", "slice = [0, 14, 2]", "candidate.manifest.wrong-type"),
        ("slice = [0, 14]", "slice = [0, 14], column = 1", "candidate.manifest.position"),
        ("unit = \"pu\", scale", "unit = \"PU\", scale", "candidate.manifest.unit"),
        ("unit = \"pu\", scale", "unit = \"kV\", scale", "candidate.manifest.unit"),
        ("scale = 2.0", "scale = 0.0", "candidate.manifest.wrong-type"),
        ("scale = 2.0", "scale = nan", "candidate.manifest.wrong-type"),
        ("offset = -1.0", "offset = inf", "candidate.manifest.wrong-type"),
        ("rows = [2, 1]", "rows = \"most\"", "candidate.manifest.wrong-type"),
        ("timeout_ms = 300", "timeout_ms = 0", "candidate.manifest.wrong-type"),
        ("[io]", "[io]\nlayout = \"grid\"", "candidate.manifest.layout"),
        ("\"act.gen.v_set\" = { name = \"y\", rows = [2, 1] }", "", "candidate.manifest.asks-nothing"),
        ("[limits]", "[limits", "candidate.manifest.syntax"),
    ] {
        let complaint = the_only(from, to);
        assert_eq!(complaint.code, code, "{from} -> {to}: {complaint}");
        assert!(complaint.place.as_ref().and_then(|p| p.line).is_some(), "{complaint}");
    }
}

#[test]
fn everything_wrong_is_said_at_once() {
    let source = GOOD.replace("trial", "").replace("volt_var", "forecast").replace("pu", "PU");
    let codes: Vec<String> = parse(&source).unwrap_err().0.iter().map(|d| d.code.to_string()).collect();
    let unit = "candidate.manifest.unit";
    assert_eq!(codes, ["candidate.manifest.empty", "candidate.manifest.task", unit, unit]);
}

#[test]
fn names_without_quotes_get_the_advice_to_quote_them() {
    let complaint = the_only("\"obs.bus.vm\"", "obs.bus.vm");
    assert!(complaint.hint.unwrap().contains("in quotes"));
}

#[test]
fn the_record_carries_the_digest_of_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("candidate.toml");
    std::fs::write(&path, GOOD).unwrap();
    let before = Manifest::read(&path).unwrap().record();
    assert_eq!(before.digest, digest_of_directory(directory.path()).unwrap());
    assert_eq!(
        (before.adapter.as_str(), before.mode.as_str(), before.task.as_str()),
        ("onnx", "closed_loop", "volt_var")
    );
    std::fs::write(directory.path().join("weights.bin"), "x").unwrap();
    assert_ne!(before.digest, Manifest::read(&path).unwrap().record().digest);
}

#[test]
fn a_missing_file_is_a_complaint_and_not_a_panic() {
    let refused = Manifest::read(Path::new("no/such/candidate.toml")).unwrap_err();
    assert_eq!(refused.0[0].code, "candidate.manifest.unreadable");
}
