//! The fuzzers, a few hundred inputs each: the same every day. `fuzz/main.rs` says how to run them for hours.

use std::process::Command;

/// Runs a fuzzer on cases of a fixed seed; whatever it says is shown where it fails.
fn runs(target: &str, cases: u32) {
    let out = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(env!("CARGO_BIN_EXE_fuzz"))
        .args([target, "--seed", "20261121", "--cases", &cases.to_string()])
        .arg("--out")
        .arg(out.path().join("findings"))
        .output()
        .expect("the fuzzer starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    // A run that solved nothing would hold whatever the product did.
    let solved =
        said.lines().filter(|line| line.contains("solved")).filter(|line| !line.contains("case ")).count();
    assert!(solved >= 2 && said.contains(&format!("{cases} cases")), "{said}");
}

#[test]
fn damaged_files_are_answered_or_refused() {
    runs("reading", 400);
}

#[test]
fn absurd_networks_are_answered_or_refused() {
    runs("solving", 40);
}
