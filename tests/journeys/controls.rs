//! `gridgate solve` with controls and DC lines: what moved is listed, and nothing moves that was not asked to.

use crate::desk::Desk;

const CASE: &str = include_str!("../data/openloadflow/case14-taps-shunts-limits.raw");

#[test]
fn what_was_switched_is_listed_on_the_page_and_in_the_document() {
    let desk = Desk::new();
    desk.put("grid.raw", CASE);
    let plain = desk.say(&["solve", "grid.raw", "--format", "json"]).with(0);
    let document: serde_json::Value = serde_json::from_str(&plain.out).expect("a document");
    assert!(document.get("moved").is_none() && document.get("left").is_none());
    let notes = |document: &serde_json::Value| document["diagnostics"].to_string();
    assert!(notes(&document).contains("case.transformer.control"));

    let controlled = desk.say(&["solve", "grid.raw", "--format", "json", "--control", "taps,shunts"]).with(0);
    let document: serde_json::Value = serde_json::from_str(&controlled.out).expect("a document");
    assert!(!notes(&document).contains("case.transformer.control"));
    let moved = document["moved"].as_array().expect("what moved");
    let kinds: Vec<&str> = moved.iter().filter_map(|m| m["what"].as_str()).collect();
    assert_eq!(kinds, ["tap", "tap", "shunt"]);
    for row in moved {
        assert!(row["from"] != row["to"] && row["times"].as_u64() > Some(0), "{row}");
    }
    // Buses 7, 9 and 14 are to be kept between 1.014 and 1.026 (the shunt: 1.01 and 1.03) pu.
    for bus in document["buses"].as_array().expect("buses") {
        if [7, 9, 14].contains(&bus["id"].as_u64().expect("a number")) {
            let vm = bus["vm_pu"].as_f64().expect("a voltage");
            assert!((1.01..=1.03).contains(&vm), "{bus}");
        }
    }

    let page = desk.say(&["solve", "grid.raw", "--control", "all"]).with(0);
    assert!(page.out.contains("taps moved: 2") && page.out.contains("shunts switched: 1"), "{}", page.out);
    desk.say(&["solve", "grid.raw", "--control", "tapps"]).with(2);
}

#[test]
fn a_dc_line_runs_when_it_is_told_to() {
    let desk = Desk::new();
    let line = "mpc.dcline = [\n\t2\t14\t1\t10\t9\t0\t0\t1.045\t1.02\t0\t20\t-40\t50\t-20\t20\t1\t0;\n];\n";
    desk.put("grid.m", format!("{}\n{line}", crate::desk::CASE14));
    let solve = |more: &[&str]| {
        let said = desk.say(&[&["solve", "grid.m", "--format", "json"], more].concat()).with(0);
        serde_json::from_str::<serde_json::Value>(&said.out).expect("a document")
    };
    let (off, on) = (solve(&[]), solve(&["--dc-lines", "on"]));
    let units = |document: &serde_json::Value| document["generators"].as_array().expect("units").clone();
    assert_eq!((units(&off).len(), units(&on).len()), (5, 7));
    assert!(off["diagnostics"].to_string().contains("case.dcline.ignored"));
    assert!(!on["diagnostics"].to_string().contains("case.dcline.ignored"));
    // 10 MW leave bus 2; one is lost on the way.
    let ends: Vec<_> = units(&on)[5..].iter().map(|u| (u["bus"].clone(), u["p_mw"].clone())).collect();
    assert_eq!(serde_json::json!(ends), serde_json::json!([[2, -10.0], [14, 9.0]]));
    assert!(units(&on)[5..].iter().all(|u| u["dc_line"] == 1));
    let vm = |id: u64| {
        let buses = on["buses"].as_array().expect("buses").clone();
        buses.iter().find(|b| b["id"] == id).and_then(|b| b["vm_pu"].as_f64()).expect("a voltage")
    };
    assert!((vm(14) - 1.02).abs() < 1e-9, "{}", vm(14));
}
