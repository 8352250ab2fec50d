//! Contingency studies by command line: the answer, the folder, a kill in the middle, and wrong usage.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::desk::{CASE14, Desk};

/// A grid with ratings.
const CASE30: &str = include_str!("../data/cases/pglib_opf_case30_ieee/pglib_opf_case30_ieee.m");
/// Enough pairs for many blocks.
const CASE118: &str = include_str!("../data/cases/pglib_opf_case118_ieee/pglib_opf_case118_ieee.m");

const FILES: [&str; 5] =
    ["contingencies.csv", "contingencies.json", "manifest.json", "network.json", "report.html"];

fn desk() -> Desk {
    let desk = Desk::new();
    desk.put("case30.m", CASE30);
    desk
}

#[test]
fn a_study_in_words_and_as_a_table() {
    let desk = desk();
    let said = desk.say(&["contingencies", "case30.m"]).with(0);
    insta::assert_snapshot!("contingencies", said.out);
    assert_eq!(said.err, "");

    let table = desk.say(&["contingencies", "case14.m", "--format", "csv"]).with(0).out;
    let mut lines = table.lines();
    let header = lines.next().expect("a header");
    let promised =
        "row,from,to,status,iterations,vm_min_pu,vm_max_pu,max_loading_pct,max_flow_mva,mismatch_pu,rung";
    assert!(header.starts_with(promised), "{header}");
    let columns = header.split(',').count();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 20);
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(row.len(), columns);
        assert_eq!(row[0], (at + 1).to_string());
        assert!(["solved", "islanded", "no_solution", "dead"].contains(&row[3]), "{}", row[3]);
        // Numbers where there is a solution and nowhere else; this case has no ratings.
        assert_eq!(row[5].parse::<f64>().is_ok(), ["solved", "islanded"].contains(&row[3]));
        assert_eq!(row[7], "");
    }
}

#[test]
fn a_branch_out_of_service_is_dead_and_has_no_numbers() {
    let desk = Desk::new();
    let branch = "\t13\t14\t0.17093\t0.34802\t0\t0\t0\t0\t0\t0\t";
    assert!(CASE14.contains(&format!("{branch}1\t")));
    desk.put("case14.m", CASE14.replace(&format!("{branch}1\t"), &format!("{branch}0\t")));
    let table = desk.say(&["contingencies", "case14.m", "--format", "csv"]).with(0).out;
    let last: Vec<&str> = table.lines().last().expect("a row").split(',').collect();
    assert_eq!(last[..5], ["20", "13", "14", "dead", "0"]);
    assert!(last[5..11].iter().all(|cell| cell.is_empty()), "{last:?}");
    // And in pairs it does not appear: those with it are the single outages of the others.
    let pairs = desk.say(&["contingencies", "case14.m", "--outages", "n-2", "--format", "csv"]).with(0).out;
    assert_eq!(pairs.lines().count(), 1 + 19 * 18 / 2);
    assert!(!pairs.lines().any(|line| line.contains("+20,")));
}

#[test]
fn a_folder_holds_everything_and_no_thread_changes_a_byte() {
    let desk = desk();
    let study = |out: &str, threads: &str| {
        desk.say(&["contingencies", "case30.m", "--outages", "n-2", "--out", out, "--threads", threads])
            .with(0);
    };
    study("one", "1");
    assert_eq!(desk.files("one"), FILES);
    for (out, threads) in [("two", "2"), ("three", "3")] {
        study(out, threads);
        for file in FILES {
            assert!(desk.read(&format!("one/{file}")) == desk.read(&format!("{out}/{file}")), "{out}/{file}");
        }
    }
    // The same folder again: replaced as a whole.
    study("one", "2");
    assert_eq!(desk.files("one"), FILES);

    let document = desk.json("one/contingencies.json");
    assert_eq!(document["schema"], "gridgate/contingencies/1");
    let pairs = 41 * 40 / 2;
    assert_eq!(document["counts"]["contingencies"], pairs);
    assert_eq!(document["rows"].as_array().map(Vec::len), Some(pairs));
    assert_eq!(desk.text("one/contingencies.csv").lines().count(), pairs + 1);
    let printed = desk.say(&["contingencies", "case30.m", "--outages", "n-2", "--format", "csv"]).with(0).out;
    assert!(printed == desk.text("one/contingencies.csv"));
    let page = desk.text("one/report.html");
    // Nothing is fetched: the only address is the name of a format.
    let page = page.replace("http://www.w3.org/2000/svg", "");
    for part in ["http", "<script", "src=", "<link", "@import", "url("] {
        assert!(!page.contains(part), "{part}");
    }

    // What a study did not write is not removed by the next.
    desk.put("one/thesis.txt", "");
    let said = desk.say(&["contingencies", "case30.m", "--out", "one"]).with(2);
    assert!(said.err.contains("error[run.out]") && said.err.contains("thesis.txt"), "{}", said.err);
}

#[test]
fn a_killed_study_goes_on_to_the_same_bytes() {
    let desk = Desk::new();
    desk.put("case118.m", CASE118);
    let pairs = (0..1400).map(|n| format!("pair {n},{};{}\n", 1 + n % 31, 32 + n % 154));
    desk.put("pairs.csv", "name,outages\n".to_owned() + &pairs.collect::<String>());
    let arguments = |out: &'static str, threads: &'static str| {
        let study = ["contingencies", "case118.m", "--outages", "pairs.csv", "--reactive-limits", "ignore"];
        [&study[..], &["--slack", "single", "--out", out, "--threads", threads]].concat()
    };
    let mut child = desk
        .command(&arguments("study", "1"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("gridgate starts");
    let record = desk.path("study.partial/blocks.jsonl");
    let patience = Instant::now();
    while std::fs::read(&record).map_or(0, |bytes| bytes.iter().filter(|c| **c == b'\n').count()) < 3 {
        assert!(child.try_wait().expect("a child").is_none(), "it ended before it could be killed");
        assert!(patience.elapsed() < Duration::from_secs(120), "no block in two minutes");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("a child to kill");
    child.wait().expect("a dead child");
    assert!(!desk.path("study").exists(), "a killed study left a folder in the final place");
    // A line that was half written, and a byte that a disk changed in one before it: both are done again.
    let whole = desk.read("study.partial/blocks.jsonl");
    let mut damaged = whole[..whole.len() - 100].to_vec();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    desk.put("damaged.partial/blocks.jsonl", &damaged);

    let said = desk.say(&arguments("study", "2")).with(0);
    assert!(said.err.contains("went on from an interrupted study"), "{}", said.err);
    desk.say(&arguments("damaged", "3")).with(0);
    for file in FILES {
        assert!(desk.read(&format!("study/{file}")) == desk.read(&format!("damaged/{file}")), "{file}");
    }
    assert!(!desk.path("study.partial").exists() && !desk.path("damaged.partial").exists());
    // Other settings have nothing to take over.
    desk.put("other.partial/blocks.jsonl", &whole);
    let said = desk.say(&["contingencies", "case118.m", "--out", "other"]).with(0);
    assert!(!said.err.contains("went on"), "{}", said.err);
}

#[test]
fn outages_of_a_file_keep_its_names() {
    let desk = Desk::new();
    desk.put("outages.csv", "name,outages\n# planned\n\"corridor, west\",1-2;1-5\nlast,20\n");
    let said =
        desk.say(&["contingencies", "case14.m", "--outages", "outages.csv", "--format", "csv"]).with(0);
    let rows: Vec<&str> = said.out.lines().skip(1).collect();
    // Bus 1 holds the only large unit and the reference.
    assert!(rows[0].starts_with("1+2,1+1,2+5,") && rows[0].contains(",1,\"corridor, west\","), "{}", rows[0]);
    assert!(rows[1].starts_with("20,13,14,solved,") && rows[1].contains(",2,last,"), "{}", rows[1]);
    let document =
        desk.say(&["contingencies", "case14.m", "--outages", "outages.csv", "--format", "json"]).with(0).out;
    let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(document["outages"], "outages.csv");
    assert_eq!(document["inputs"][1]["role"], "outages");
}

/// What a screen picks is solved as if nothing had been screened, and what it does not pick is counted.
#[test]
fn a_screen_leaves_out_outages_and_changes_none() {
    let desk = desk();
    for outages in ["n-1", "n-2"] {
        let study = |more: &[&str]| {
            let arguments = [&["contingencies", "case30.m", "--outages", outages], more].concat();
            desk.say(&arguments).with(0).out
        };
        let whole = study(&["--format", "csv"]);
        let screened = study(&["--format", "csv", "--screen=105"]);
        // The estimate is the last column.
        let cells = |line: &str| line.rsplit_once(',').expect("columns").0.to_owned();
        let all: Vec<String> = whole.lines().map(cells).collect();
        let mut at = 0;
        for line in screened.lines().map(cells) {
            at += all[at..].iter().position(|other| *other == line).unwrap_or_else(|| panic!("{line}")) + 1;
        }
        let picked = screened.lines().count() - 1;
        assert!(picked > 0 && picked < all.len() - 1, "{picked} of {}", all.len() - 1);

        let document: serde_json::Value =
            serde_json::from_str(&study(&["--format", "json", "--screen=105"])).expect("JSON");
        let screen = |key: &str| document["screen"][key].as_u64().expect("a count") as usize;
        assert_eq!((screen("outages"), screen("picked")), (all.len() - 1, picked));
        assert_eq!(screen("picked") + screen("below") + screen("left_out"), screen("outages"));
        assert_eq!(document["counts"]["contingencies"], picked);
        let text = study(&["--screen=105"]);
        let warning = format!("{} of {} outages were not solved", screen("below"), screen("outages"));
        assert!(text.contains(&warning) && text.contains("Nobody looked at their voltages"), "{text}");
    }
}

#[test]
fn wrong_usage_is_refused_by_name() {
    let desk = desk();
    desk.put("bad.csv", "name,outages\nwest,1-2\neast,1-14\nnorth,99\n");
    desk.put("noise.csv", [0xff, 0xfe]);
    let cases: [(&[&str], &[&str]); 11] = [
        (&["case41.m"], &["error[case.file.missing]", "case41.m"]),
        (&["case14.m", "--outages", "n-3"], &["error[outages.read]", "n-3", "n-1, n-2, or the path"]),
        (
            &["case14.m", "--outages", "bad.csv"],
            &[
                "bad.csv:3",
                "no branch between bus 1 and bus 14",
                "joined to 2, 5",
                "bad.csv:4",
                "rows of branches are 1 to 20",
            ],
        ),
        (&["case14.m", "--outages", "noise.csv"], &["error[outages.encoding]", "noise.csv"]),
        (&["case14.m", "--outages", "case30.m"], &["error[outages.header]", "case30.m:1", "name,outages"]),
        (
            &["case14.m", "--outages", "n-2", "--outages-max", "100"],
            &["error[outages.too-many]", "190 outages", "100", "--outages-max"],
        ),
        (&["case14.m", "--screen=-5"], &["error[usage.screen]", "90 % of the rating"]),
        (&["case14.m", "--threads", "0"], &["error[usage.threads]"]),
        (&["case14.m", "--tolerance", "2"], &["error[usage.tolerance]"]),
        (&["case14.m", "--slack", "nobody"], &["nobody", "distributed", "single"]),
        (&["case14.m", "--format", "xml"], &["xml", "csv"]),
    ];
    let before = desk.names();
    for (arguments, parts) in cases {
        let said = desk.say(&[&["contingencies"], arguments, &["--out", "study"]].concat()).with(2);
        for part in parts {
            assert!(said.err.contains(part), "no `{part}` in\n{}", said.err);
        }
        assert_eq!(said.out, "");
        assert_eq!(desk.names(), before, "a refused study wrote something");
    }
}

/// An empty table would read as a grid without trouble.
#[test]
fn a_base_case_without_a_solution_has_no_table() {
    let desk = Desk::new();
    let demand = "\t3\t2\t94.2\t19\t";
    assert!(CASE14.contains(demand));
    desk.put("case14.m", CASE14.replace(demand, "\t3\t2\t9420\t19\t"));
    for format in ["text", "csv", "json"] {
        let said = desk.say(&["contingencies", "case14.m", "--format", format, "--out", "study"]).with(1);
        assert!(said.err.contains("error[study.no-base]") && said.err.contains("bus"), "{}", said.err);
        match format {
            "csv" => assert_eq!(said.out, ""),
            "json" => assert!(said.out.contains("\"base\": null"), "{}", said.out),
            _ => assert!(said.out.contains("no outage was looked at"), "{}", said.out),
        }
        assert!(!desk.path("study").exists() && !desk.path("study.partial").exists());
    }
}
