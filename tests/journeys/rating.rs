//! What a conductor may carry, by command line.

use crate::desk::Desk;

#[test]
fn a_rating_in_words_and_as_a_document() {
    let desk = Desk::new();
    let loaded = ["--current-a", "1200", "--before-a", "800", "--after-s", "60,1800"];
    let said = desk.say(&[&["rating", "--conductor", "drake"], &loaded[..]].concat()).with(0);
    insta::assert_snapshot!("rating", said.out);
    assert_eq!(said.err, "");

    let arguments = ["rating", "--ambient-c", "-20", "--wind-m-s", "0.61", "--solar-w-m", "22.44"];
    let document = desk.say(&[&arguments[..], &["--format", "json"]].concat()).with(0).out;
    let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(document["schema"], "gridgate/rating/1");
    // Of the table in the specification of this release.
    let rating_a = document["rating_a"].as_f64().expect("a number");
    assert!((rating_a - 1471.6).abs() < 0.1, "{rating_a}");
    assert!(document["weather"].get("sun").is_none() && document.get("loaded").is_none());
}

#[test]
fn what_is_no_weather_and_no_conductor_is_refused() {
    let desk = Desk::new();
    for (arguments, part) in [
        (&["--conductor", "drak"][..], "did you mean `drake`?"),
        (&["--ambient-c", "400"], "--ambient-c is 400"),
        (&["--wind-m-s", "nan"], "--wind-m-s is NaN"),
        (&["--latitude", "91"], "between -90 and 90"),
        (&["--day", "0"], "--day is 0"),
        (&["--resistance", "75", "8e-5"], "two rising pairs"),
        (&["--after-s", "60"], "--before-a"),
        (&["--current-a", "1200", "--before-a", "90000"], "melt"),
        (&["--current-a", "100000", "--before-a", "800", "--after-s", "3600"], "melt"),
    ] {
        let said = desk.say(&[&["rating"], arguments].concat()).with(2);
        assert!(said.err.contains(part) && said.out.is_empty(), "{arguments:?}: {}", said.err);
    }
}
