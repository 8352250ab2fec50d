//! How far a grid can be loaded, by command line.

use crate::desk::{CASE14, Desk};

#[test]
fn a_nose_in_words_and_as_a_table() {
    let desk = Desk::new();
    let said = desk.say(&["nose", "case14.m"]).with(0);
    insta::assert_snapshot!("nose", said.out);
    assert_eq!(said.err, "");

    let arguments = ["nose", "case14.m", "--slack", "single", "--reactive-limits", "ignore", "--format"];
    let table = desk.say(&[&arguments[..], &["csv"]].concat()).with(0).out;
    let mut lines = table.lines();
    assert!(lines.next().is_some_and(|header| header.starts_with("lambda,demand_mw,vm_")), "{table}");
    let lambdas: Vec<f64> =
        lines.map(|line| line.split(',').next().unwrap_or_default().parse().expect("a number")).collect();
    assert!(lambdas.len() > 5 && lambdas[0] == 0.0 && lambdas.is_sorted(), "{lambdas:?}");

    let document = desk.say(&[&arguments[..], &["json"]].concat()).with(0).out;
    let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(document["schema"], "gridgate/nose/1");
    assert_eq!(document["nose"]["cause"], "fold");
    assert_eq!(document["nose"]["lambda"].as_f64(), lambdas.last().copied());
    assert_eq!(document["curve"].as_array().map(Vec::len), Some(lambdas.len()));
}

/// A table of what was reached would read as a margin.
#[test]
fn a_base_without_a_solution_has_no_margin() {
    let desk = Desk::new();
    let demand = "\t3\t2\t94.2\t19\t";
    assert!(CASE14.contains(demand));
    desk.put("case14.m", CASE14.replace(demand, "\t3\t2\t9420\t19\t"));
    for format in ["text", "csv", "json"] {
        let said = desk.say(&["nose", "case14.m", "--format", format]).with(1);
        assert!(said.err.contains("error[study.no-base]"), "{}", said.err);
        match format {
            "csv" => assert_eq!(said.out, ""),
            "json" => assert!(said.out.contains("\"nose\": null"), "{}", said.out),
            _ => assert!(said.out.contains("no load was added"), "{}", said.out),
        }
    }
}

#[test]
fn wrong_usage_of_nose_is_refused() {
    let desk = Desk::new();
    for (arguments, part) in [
        (&["case41.m"][..], "error[case.file.missing]"),
        (&["case14.m", "--tolerance", "2"], "error[usage.tolerance]"),
        (&["case14.m", "--slack", "nobody"], "distributed"),
        (&["case14.m", "--format", "xml"], "csv"),
    ] {
        let said = desk.say(&[&["nose"], arguments].concat()).with(2);
        assert!(said.err.contains(part) && said.out.is_empty(), "{}", said.err);
    }
}
