//! The frequency of islands, by command line.

use crate::desk::Desk;

const LOW_INERTIA: &str = include_str!("../../examples/frequency/low_inertia.toml");
const UNITS: &str = include_str!("../../examples/frequency/three_units.toml");

#[test]
fn a_battery_in_time_and_one_too_late() {
    let desk = Desk::new();
    desk.put("study.toml", LOW_INERTIA);
    let said = desk.say(&["frequency", "study.toml"]).with(0);
    insta::assert_snapshot!("frequency", said.out);
    assert_eq!(said.err, "");

    assert!(LOW_INERTIA.contains("\ndelay_s = 0.25"));
    desk.put("late.toml", LOW_INERTIA.replace("\ndelay_s = 0.25", "\ndelay_s = 0.5"));
    let document = desk.say(&["frequency", "late.toml", "--format", "json"]).with(0).out;
    let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(
        (&document["schema"], &document["level"]),
        (&"gridgate/frequency/1".into(), &"centre_of_inertia".into())
    );
    let events = document["islands"][0]["events"].as_array().expect("events");
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
    assert_eq!(kinds, ["power", "response_fired", "shed"]);
    assert_eq!(document["islands"][0]["shed_mw"], 70.0);
}

#[test]
fn curves_as_a_table() {
    let desk = Desk::new();
    desk.put("study.toml", UNITS);
    let table = desk.say(&["frequency", "study.toml", "--format", "csv", "--horizon", "10"]).with(0).out;
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    assert_eq!(header[..2], ["t_s", "f_coi_hz_mixed"]);
    let rows: Vec<Vec<f64>> =
        lines.map(|line| line.split(',').map(|cell| cell.parse().expect("a number")).collect()).collect();
    assert_eq!((rows.len(), rows[0][1], rows[200][0]), (201, 60.0, 10.0));
    assert!(rows.iter().all(|row| row.len() == header.len()));
    // Both islands lose a unit after a second.
    assert!(rows[20][1] == 60.0 && rows[21][1] < 60.0 && rows[21][4] < 60.0);
}

#[test]
fn wrong_studies_are_refused() {
    let desk = Desk::new();
    desk.put("study.toml", LOW_INERTIA.replace("id = \"battery\"", "id = \"battery\"\npower = 3"));
    desk.put("empty.toml", "schema = \"gridgate/frequency-study/1\"\n");
    desk.put("case.json", "{}");
    for (arguments, part) in [
        (&["study.toml"][..], "unknown key `power`"),
        (&["empty.toml"], "`name` is missing"),
        (&["absent.toml"], "error[frequency.study.read]"),
        (&["case.xyz"], "error[usage.study]"),
        (&["study.toml", "--horizon", "0"], "horizon"),
        (&["study.toml", "--format", "xml"], "csv"),
    ] {
        let said = desk.say(&[&["frequency"], arguments].concat()).with(2);
        assert!(said.err.contains(part) && said.out.is_empty(), "{}", said.err);
    }
}
