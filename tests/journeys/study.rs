//! Storms with nobody acting, by command line.

use std::path::Path;

use harness::run::{Progress, Watch};
use harness::study::{StormSettings, prepare_storms};
use serde_json::Value;

use crate::desk::Desk;

/// A suite of the example's grid with short episodes, on a desk.
fn desk() -> Desk {
    let desk = Desk::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/storm_study");
    for file in ["storm.toml", "coast.m", "places.csv", "customers.csv"] {
        desk.put(file, std::fs::read_to_string(example.join(file)).expect("a file of the example"));
    }
    let suite = desk.text("storm.toml");
    desk.put(
        "short.toml",
        suite.replace("steps = 144", "steps = 12").replace("size_max = 256", "size_max = 300"),
    );
    desk
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Figures of the document, worked out again from the table of storms.
#[test]
fn the_document_says_what_the_table_of_storms_says() {
    let desk = desk();
    let said = desk
        .say(&["study", "storm.toml", "--storms", "24", "--harden", "1", "--out", "study", "--quiet"])
        .with(0);
    assert!(
        said.out.contains("of 24 storms leave demand unserved") && said.out.contains("report study"),
        "{}",
        said.out
    );
    let study = desk.json("study/study.json");
    let population = &study["populations"][0];
    let table = desk.text("study/storms.csv");
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 24);
    let cell = |row: &Vec<&str>, at: usize| row[at].parse::<f64>().expect("a number");
    let unserved: Vec<f64> = rows.iter().map(|row| cell(row, 4)).collect();
    let mean = unserved.iter().sum::<f64>() / 24.0;
    assert!(mean > 0.0, "this test tests nothing");
    let close =
        |a: f64, b: f64| assert!((a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0), "{a} is not {b}");
    let eens = &population["lost"]["eens_mwh"];
    close(number(&eens["value"]), mean);
    assert!(number(&eens["low"]) < mean && number(&eens["high"]) > mean);
    close(number(&population["lost"]["eens_mwh_per_year"]["value"]), 0.15 * mean);
    for point in population["lost"]["curve"].as_array().expect("a curve") {
        let more = unserved.iter().filter(|mwh| **mwh > number(&point["mwh"])).count();
        close(number(&point["probability"]["value"]), more as f64 / 24.0);
    }
    // SAIDI from the table, and customers from theirs.
    let minutes: f64 = rows.iter().map(|row| cell(row, 7)).sum();
    close(number(&population["interruptions"]["saidi_min"]), minutes / 24.0 / 665_000.0);
    // Even shares and storms without a lost line add up to the whole.
    let lines = population["lines"].as_array().expect("lines");
    let shares: f64 = lines.iter().map(|line| number(&line["even_share_mwh"])).sum();
    close(shares + number(&population["without_lines_mwh"]), mean);
    for line in lines {
        let row = line["row"].to_string();
        let took = rows.iter().filter(|cells| cells[8].split(' ').any(|lost| lost == row)).count();
        assert_eq!(line["storms"], took, "{line}");
    }
    // Only the first was tried; whoever is worse off with it knows why, but nobody saves more than those storms had.
    let tried: Vec<&Value> = lines.iter().filter(|line| !line["hardened"].is_null()).collect();
    assert_eq!(tried.len(), 1);
    assert_eq!(tried[0]["hardened"]["storms"], tried[0]["storms"]);
    let most = number(&tried[0]["given_lost_mwh"]) * number(&tried[0]["probability"]["value"]);
    assert!(number(&tried[0]["hardened"]["saved_mwh"]["value"]) <= most + 1e-9);
    // What is missing under the mean of demand is what is unserved, to the width of a step.
    let area = number(&population["demand_served"]["trapezoid"]["lost_h"]);
    assert!((area - mean).abs() < 0.02 * mean, "{area} {mean}");
}

/// The map shows what the document says, at the places of the table, and fetches nothing.
#[test]
fn the_page_shows_the_worst_storm_on_the_map_and_fetches_nothing() {
    let desk = desk();
    desk.say(&["study", "storm.toml", "--storms", "8", "--harden", "0", "--out", "study", "--quiet"]).with(0);
    // A study is sealed as a run is, and is none.
    assert!(desk.say(&["verify", "study"]).with(0).out.contains("study.json"));
    desk.say(&["report", "study"]).with(2);
    let said =
        desk.say(&["run", "storm.toml", "--candidate", "do_nothing", "--out", "study", "--quiet"]).with(2);
    assert!(said.err.contains("results of another kind"), "{}", said.err);
    let table = desk.text("study/storms.csv");
    desk.put("study/storms.csv", table.replacen("population", "Population", 1));
    desk.say(&["verify", "study"]).with(5);
    desk.put("study/storms.csv", table);
    let population = &desk.json("study/study.json")["populations"][0];
    let shown = &population["shown"][0];
    assert_eq!((shown["why"].as_str(), &shown["index"]), (Some("worst"), &population["worst"][0]["index"]));
    // Lines that are out at any shown moment are among those that the storm took.
    let took = population["worst"][0]["lines"].as_array().expect("lines");
    let out: Vec<&Value> = shown["out"]
        .as_array()
        .expect("moments")
        .iter()
        .flat_map(|rows| rows.as_array().expect("rows"))
        .collect();
    assert!(!out.is_empty() && out.iter().all(|row| took.contains(row)));
    let field = &shown["gusts"];
    let cells = number(&field["columns"]) * number(&field["rows"]);
    assert!(
        field["m_s"]
            .as_array()
            .expect("moments")
            .iter()
            .all(|moment| moment.as_array().expect("cells").len() as f64 == cells)
    );
    let page = desk.text("study/report.html").replace("http://www.w3.org/2000/svg", "");
    for fetches in ["http:", "https:", "src=", "@import", "url(", "<link", "<iframe"] {
        assert!(!page.contains(fetches), "{fetches}");
    }
    assert!(page.contains("<div class=\"storm-player\">"));

    // Without places nobody draws a map.
    let quiet = desk.text("storm.toml").replace("coordinates = \"places.csv\"\n", "");
    let begin = quiet.find("hazards").expect("hazards");
    desk.put("quiet.toml", format!("{}hazards = [{{ kind = \"line_trip\", k = 3 }}]\n", &quiet[..begin]));
    desk.say(&["study", "quiet.toml", "--storms", "4", "--harden", "0", "--out", "quiet", "--quiet"]).with(0);
    assert!(!desk.text("quiet/report.html").contains("<div class=\"storm-player\">"));
}

/// Stops after the first block.
struct OneBlock(std::sync::atomic::AtomicU64);

impl Watch for OneBlock {
    fn progress(&self, _progress: &Progress) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    fn stop(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Relaxed) > 0
    }
}

#[test]
fn an_interrupted_study_goes_on_to_the_same_bytes_at_any_number_of_threads() {
    let desk = desk();
    let settings = |out: &str, threads| StormSettings {
        threads: Some(threads),
        out: Some(desk.path(out)),
        ..StormSettings::default()
    };
    let run = |out: &str, threads, watch: &dyn Watch| {
        prepare_storms(&desk.path("short.toml"), &settings(out, threads)).expect("a sound suite").run(watch)
    };
    let stopped = run("cut", 1, &OneBlock(Default::default())).expect_err("it was stopped");
    assert_eq!(stopped.0[0].code, "study.interrupted");
    assert!(!desk.path("cut").exists());
    let resumed = run("cut", 2, &harness::run::Silent).expect("a study").resumed;
    assert_eq!(resumed, 1);
    let whole = run("whole", 2, &harness::run::Silent).expect("a study");
    assert_eq!(whole.resumed, 0);
    for file in ["study.json", "storms.csv", "report.html"] {
        assert!(desk.read(&format!("cut/{file}")) == desk.read(&format!("whole/{file}")), "{file}");
    }
}

#[test]
fn what_a_study_cannot_answer_is_refused() {
    let desk = desk();
    let listed = desk.text("storm.toml");
    let begin = listed.find("[[population]]").expect("a population");
    let listed = format!(
        "{}[[population]]\nid = \"n-1\"\nhazards = [{{ kind = \"every_outage\" }}]\n",
        &listed[..begin]
    );
    desk.put("listed.toml", listed);
    let said = desk.say(&["study", "listed.toml", "--quiet"]).with(2);
    assert!(said.err.contains("study.lists"), "{}", said.err);
    let said = desk.say(&["study", "storm.toml", "--storms", "0", "--quiet"]).with(2);
    assert!(said.err.contains("usage.storms"), "{}", said.err);
    desk.put("customers.csv", "bus,customers\n12,1\n");
    let said = desk.say(&["study", "storm.toml", "--quiet"]).with(2);
    assert!(said.err.contains("customers.missing"), "{}", said.err);
}
