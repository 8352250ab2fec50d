//! What a run leaves for GitHub: annotations, outputs, the summary of the job, findings at lines of the repository.

use crate::desk::{Desk, FAILING};

#[test]
fn a_run_tells_github_where_and_what() {
    let desk = Desk::new();
    desk.put("release/suite.toml", FAILING.replace("case14.m", "../case14.m").replace("idle/", "../idle/"));
    let line =
        FAILING[..FAILING.find("[[gate]]\nid = \"losses\"").expect("a gate")].matches('\n').count() + 1;
    let on_github = |more: &[&str]| {
        let arguments = [&["run", "release/suite.toml", "--quiet", "--out", "gate"], more].concat();
        let mut command = desk.command(&arguments);
        command.env("GITHUB_WORKSPACE", desk.path(""));
        command.env("GITHUB_OUTPUT", desk.path("outputs")).env("GITHUB_STEP_SUMMARY", desk.path("summary"));
        command
    };
    let output = on_github(&["--github"]).output().expect("gridgate starts");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let annotations: Vec<&str> = said.lines().filter(|line| line.starts_with("::")).collect();
    let place = format!("::error file=release/suite.toml,line={line},title=gate losses fail::");
    assert_eq!(annotations.len(), 1, "{said}");
    assert!(annotations[0].starts_with(&place), "{said}");
    let digest = reports::Digest::of(desk.read("gate/evidence.json")).sha256;
    let outputs = desk.text("outputs");
    let page = std::path::Path::new("gate").join("report.html");
    assert_eq!(outputs, format!("verdict=fail\nreport={}\ndigest={digest}\nexit_code=1\n", page.display()));
    assert!(desk.text("summary").contains("FAIL") && desk.text("summary").len() < 1 << 20);
    // Findings of code scanning point at the same place; fingerprints outlive versions.
    let finding = &desk.json("gate/results.sarif")["runs"][0]["results"][0];
    let place = &finding["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "release/suite.toml");
    assert_eq!(place["region"]["startLine"], line);
    assert_eq!(finding["partialFingerprints"]["gateCandidate/v1"], "losses/idle");

    // Steps share the mebibyte: what is there already takes its part of it.
    desk.put("summary", "x".repeat((1 << 20) - 900));
    let output =
        on_github(&["--format", "json"]).env("GITHUB_ACTIONS", "true").output().expect("gridgate starts");
    assert!(desk.read("summary").len() <= 1 << 20);
    // Whoever asked for JSON gets JSON; the runner reads annotations from the other stream.
    serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON");
    assert!(String::from_utf8_lossy(&output.stderr).contains("::error file=release/suite.toml"));
    // A summary that cannot be written changes no verdict.
    let mut command = on_github(&[]);
    command.env("GITHUB_STEP_SUMMARY", desk.path("release")).env("GITHUB_OUTPUT", desk.path("release"));
    let output = command.output().expect("gridgate starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("warning[run.github]"));
}

#[test]
fn the_workflow_and_the_book_use_verbs_and_flags_that_exist() {
    let desk = Desk::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut checked = 0;
    for page in ["examples/ci/github.yml", "docs/guide/ci.md", "README.md"] {
        let text = std::fs::read_to_string(root.join(page)).expect("a page");
        for line in text.lines().filter_map(|line| line.split_once("gridgate ").map(|(_, after)| after)) {
            let line = line.split(['`', '#']).next().unwrap_or_default();
            let words: Vec<&str> = line.split_whitespace().collect();
            let Some(verb) = words
                .first()
                .filter(|verb| ["check", "plan", "run", "verify", "waiver", "report"].contains(verb))
            else {
                continue;
            };
            let help = match *verb {
                "waiver" => desk.say(&["waiver", "sign", "--help"]),
                verb => desk.say(&[verb, "--help"]),
            };
            let help = help.with(0).out;
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                let flag = flag.trim_end_matches(|c: char| !c.is_alphanumeric());
                assert!(
                    help.contains(&format!("{flag} ")) || help.contains(&format!("{flag}\n")),
                    "{page}: {verb} {flag}"
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 15, "only {checked} flags were found");
}
