//! The text formats, on evidence with one gate of each verdict and names that try to break out.

mod sample;

use reports::render::{junit, markdown, sarif, text};
use reports::*;

fn report() -> Report {
    compose(sample::evidence(), Some(sample::run()), None, vec![])
}

#[test]
fn text_summary() {
    let text = text::render(&report(), false);
    let wide = text.lines().filter(|line| line.chars().count() > 100 && line.contains(' ')).count();
    assert_eq!(wide, 0, "lines over 100 columns");
    insta::assert_snapshot!("text", text);
}

#[test]
fn names_and_texts_stay_apart() {
    let mut evidence = sample::evidence();
    evidence.champion = Some(CandidateRecord { name: "other".into(), ..evidence.candidate.clone() });
    let text = text::render(&compose(evidence, None, None, vec![]), false);
    assert!(text.lines().any(|line| line.starts_with("Compared with other ")), "{text}");
}

#[test]
fn colour_adds_no_information() {
    let coloured = text::render(&report(), true);
    let mut plain = String::new();
    let mut parts = coloured.split('\u{1b}');
    plain.extend(parts.next());
    plain.extend(parts.map(|part| part.split_once('m').unwrap().1));
    assert_ne!(coloured, plain);
    assert_eq!(plain, text::render(&report(), false));
}

#[test]
fn junit_document() {
    insta::assert_snapshot!("junit", junit::render(&report()).unwrap());
}

#[test]
fn markdown_summary() {
    insta::assert_snapshot!("markdown", markdown::render(&report()));
}

#[test]
fn annotation_lines() {
    insta::assert_snapshot!("annotations", markdown::annotations(&report()).join("\n"));
}

#[test]
fn sarif_log() {
    insta::assert_snapshot!("sarif", String::from_utf8(sarif::render(&report()).unwrap()).unwrap());
}

#[test]
fn a_summary_stays_under_a_mebibyte_and_says_what_it_left_out() {
    let mut evidence = sample::evidence();
    evidence.gates = vec![evidence.gates[1].clone(); 5000];
    let report = compose(evidence, None, None, vec![]);
    let summary = markdown::render(&report);
    assert!(summary.len() < 1 << 20);
    assert!(summary.trim_end().ends_with("report.html has them all."));
    let annotations = markdown::annotations(&report);
    assert_eq!(annotations.len(), 10);
    assert!(annotations[9].contains("4991 more gates"));
}

#[test]
fn a_verdict_that_its_gates_contradict_is_an_error() {
    let mut evidence = sample::evidence();
    evidence.verdict = Verdict::Pass;
    let headline = compose(evidence.clone(), None, None, vec![]).headline;
    assert_eq!(headline.verdict, Verdict::Error);
    assert!(headline.reason.contains("voltage, losses, storm.voltage"), "{}", headline.reason);
    evidence.gates.truncate(1);
    assert_eq!(compose(evidence.clone(), None, None, vec![]).headline.verdict, Verdict::Pass);
    evidence.gates[0].estimate = Some(f64::NAN);
    assert_eq!(compose(evidence.clone(), None, None, vec![]).headline.verdict, Verdict::Error);
    evidence.gates.clear();
    assert_eq!(compose(evidence, None, None, vec![]).headline.verdict, Verdict::Error);
}
