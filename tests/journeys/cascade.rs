//! What an outage sets off, by command line.

use serde_json::Value;

use crate::desk::Desk;

/// 150 MW behind three lines, the third of which is weak; the units have a minute's ramp of 5 % of their largest power.
pub(crate) const CASE: &str = "function mpc = three_lines
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [
\t1\t3\t20\t0\t0\t0\t1\t1\t0\t110\t1\t1.1\t0.9;
\t2\t2\t150\t20\t0\t0\t1\t1\t0\t110\t1\t1.1\t0.9;
\t3\t1\t10\t0\t0\t0\t1\t1\t0\t110\t1\t1.1\t0.9;
];
mpc.gen = [
\t1\t140\t0\t200\t-200\t1.02\t100\t1\t200\t0;
\t2\t40\t0\t200\t-200\t1.00\t100\t1\t100\t0;
];
mpc.branch = [
\t1\t2\t0\t0.1\t0\t70\t70\t70\t0\t0\t1\t-360\t360;
\t1\t2\t0\t0.1\t0\t70\t70\t70\t0\t0\t1\t-360\t360;
\t1\t2\t0\t0.2\t0\t30\t0\t30\t0\t0\t1\t-360\t360;
\t2\t3\t0\t0.1\t0\t50\t50\t50\t0\t0\t1\t-360\t360;
];
";

fn desk() -> Desk {
    let desk = Desk::new();
    desk.put("lines.m", CASE);
    desk
}

fn document(desk: &Desk, arguments: &[&str]) -> Value {
    let said = desk.say(&[&["cascade", "lines.m", "--format", "json"], arguments].concat()).with(0);
    assert_eq!(said.err, "");
    serde_json::from_str(&said.out).expect("JSON")
}

#[test]
fn a_cascade_in_words_and_as_a_document() {
    let desk = desk();
    let said = desk.say(&["cascade", "lines.m", "--engine", "dcsep", "--outage", "branch:1"]).with(0);
    insta::assert_snapshot!("cascade", said.out);
    let arguments =
        ["cascade", "lines.m", "--engine", "dcsep", "--outage", "branch:1,branch:3", "--format", "html"];
    let page = desk.say(&arguments).with(0).out;
    // The grid, and the course of the demand: without the third line both sides are on their own in the end.
    assert_eq!(page.matches("<svg").count(), 2);
    assert!(page.contains("branch 2 (1-2)") && !page.contains("<script"), "{page}");
    let document = document(&desk, &["--engine", "dcsep", "--outage", "branch:1"]);
    assert_eq!(
        (&document["schema"], &document["engine"]),
        (&Value::from("gridgate/cascade/1"), &Value::from("dcsep"))
    );
    // 120 MW go over; without the first line the second carries two thirds of it, 80 of 70 MW. Its relay endures 525 MW s.
    let trip = &document["trips"][0];
    assert_eq!(
        (&trip["kind"], &trip["row"], &trip["cause"]),
        (&"branch".into(), &2.into(), &"overload".into())
    );
    let time_s = trip["t_s"].as_f64().expect("a time");
    assert!((time_s - 53.5).abs() < 1e-6, "{time_s}");
    // The third has no emergency rating, and carries all.
    assert_eq!(document["trips"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (document["served_mw"].as_f64(), document["added_loss_mw"].as_f64()),
        (Some(180.0), Some(0.0))
    );
    assert!(document["notes"][0].as_str().is_some_and(|note| note.contains("RATE_B")));
    let shed = document["shed_mw"].as_object().expect("causes");
    assert_eq!(shed.len(), 7);
}

#[test]
fn steps_say_why_each_line_went() {
    let desk = desk();
    desk.put("steps.toml", "schema = \"gridgate/cascade-settings/1\"\n[steps]\nisolation = \"shed\"\n");
    let document =
        document(&desk, &["--engine", "steps", "--outage", "branch:1,branch:4", "--settings", "steps.toml"]);
    let why = |at: usize| document["trips"][at]["why"].as_str().unwrap_or_default().to_owned();
    assert!(why(0).contains("cut off from every source"), "{document}");
    assert_eq!(document["shed_mw"]["island_dead"].as_f64(), Some(10.0));
    assert!(why(1).contains("overloaded since the outage went"), "{document}");
    assert_eq!(document["inputs"].as_array().map(Vec::len), Some(2));
    assert!(document["rungs"]["newton"].as_u64().is_some_and(|count| count >= 2));
}

#[test]
fn a_table_of_outages_is_the_same_on_any_number_of_threads() {
    let desk = desk();
    desk.put("sets.csv", "name,branches,gens\na,1,\nb,1 2 3,\nc,,2\nd,2 4,1\n");
    let table = |threads: &str| {
        let arguments =
            ["cascade", "lines.m", "--engine", "dcsep", "--outages", "sets.csv", "--threads", threads];
        desk.say(&arguments).with(0).out
    };
    let one = table("1");
    assert_eq!(one, table("3"));
    let lines: Vec<&str> = one.lines().collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[0], "source,k,branches,mw_lost,frac_lost,n_trips,t_last_s,trips");
    assert_eq!(lines[1], "gridgate,1,1,0.000000,0.00000000,1,53.500000,2@53.5000");
    // Cut in two: 160 MW on the far side, and 40 + 5 MW for them; the near side has 140 - 10 MW for 20, and its only unit goes off.
    assert!(lines[2].starts_with("gridgate,3,1 2 3,134.99999"), "{}", lines[2]);
    let out = ["cascade", "lines.m", "--engine", "dcsep", "--outages", "sets.csv", "--out", "table.csv"];
    assert_eq!(desk.say(&out).with(0).out, "");
    assert_eq!(desk.text("table.csv"), one);
}

#[test]
fn what_is_not_there_is_told_at_once() {
    let desk = desk();
    desk.put("sets.csv", "branches,gens\n1,\n9 2,\n,7\n");
    let cascade =
        |more: &[&str]| desk.say(&[&["cascade", "lines.m", "--engine", "dcsep"], more].concat()).with(2).err;
    let err = cascade(&["--outages", "sets.csv"]);
    for told in ["there is no branch 9", "sets.csv:3", "there is no generator 7", "sets.csv:4"] {
        assert!(err.contains(told), "{told} in {err}");
    }
    let err = cascade(&["--outage", "branch:5,bus:4,line:3"]);
    for code in ["unknown-branch", "unknown-bus", "unknown-word"] {
        assert!(err.contains(code), "{code} in {err}");
    }
    desk.put("settings.toml", "schema = \"gridgate/cascade-settings/1\"\n[dcsep]\nrelay = 3\n");
    let err = cascade(&["--outage", "branch:1", "--settings", "settings.toml"]);
    assert!(err.contains("unknown key `relay`") && err.contains("relay_s"), "{err}");
    assert!(cascade(&["--outage", "branch:1", "--outages", "sets.csv"]).contains("cannot be used with"));
    let none = desk
        .say(&["cascade", "--tables", "nowhere", "--engine", "dcsep", "--outage", "branch:1"])
        .with(2)
        .err;
    assert!(none.contains("bus.csv") && none.contains("load.csv"), "{none}");
    let tables = desk
        .say(&["cascade", "--tables", "nowhere", "--engine", "steps", "--outage", "branch:1"])
        .with(2)
        .err;
    assert!(tables.contains("error[cascade"), "{tables}");
}

/// An island loses 12 of 100 MW. Its governor has room for all of it, so where the frequency settles nothing is missing; on the way there it is
/// 58.94 Hz without any shedding (P. Anderson, M. Mirheydar, IEEE Trans. Power Systems 5(3), 1990).
#[test]
fn a_frequency_that_moves_sheds_what_one_that_has_settled_does_not() {
    let desk = Desk::new();
    desk.put("lines.m", include_str!("../../examples/frequency_response/weak.m"));
    let settled =
        "schema = \"gridgate/cascade-settings/1\"\nhorizon_s = 30\n[protection.frequency]\non = true\n";
    let suite = include_str!("../../examples/frequency_response/weak.toml");
    let table =
        suite.find("[frequency]").expect("the table")..suite.find("# The infeed's line").expect("its end");
    desk.put("settled.toml", settled);
    desk.put("moving.toml", format!("{settled}{}", &suite[table]));
    let shed = |settings: &str| {
        let document = document(&desk, &["--outage", "gen:2", "--settings", settings]);
        (
            document["shed_mw"]["ufls"].as_f64().expect("MW"),
            document["trips"].clone(),
            document["settings"].clone(),
        )
    };
    assert_eq!(shed("settled.toml").0, 0.0);
    let (ufls_mw, trips, settings) = shed("moving.toml");
    // A stage is 7 % of the demand. The first acts after 0.3 s, in which the frequency may pass the next threshold, 0.2 Hz lower, but not the
    // one after that.
    assert!([7.0, 14.0].iter().any(|mw| (ufls_mw - mw).abs() < 1e-6), "{ufls_mw} MW");
    let first =
        trips.as_array().expect("trips").iter().find(|trip| trip["cause"] == "ufls").expect("a stage");
    assert_eq!(first["limit"], 59.5);
    // Falling at 60 Hz * 12 MW / (2 H * 100 MVA) = 1.44 Hz/s at first: a third of a second to the threshold, then 0.3 s of delay.
    let time_s = first["t_s"].as_f64().expect("a time");
    assert!((0.6..0.9).contains(&time_s), "{time_s}");
    assert!(settings["frequency.ride_through"].is_string());
    // A unit that the case does not have is told with its line.
    desk.put(
        "wrong.toml",
        format!("{settled}[frequency]\n[[frequency.unit]]\nrow = 9\ntechnology = \"steam\"\n"),
    );
    let said = desk.say(&["cascade", "lines.m", "--outage", "gen:2", "--settings", "wrong.toml"]).with(2);
    assert!(said.err.contains("wrong.toml:6") && said.err.contains("3 units"), "{}", said.err);
}
