//! Somebody lets a candidate pass although a gate fails: shown as failed and waived, and only while the signature holds.

use crate::desk::{Desk, FAILING, QUICK};

/// RFC 8410, 10.3 and 10.1.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
/// The public key of RFC 8032, 7.1, TEST 3, in the frame of RFC 8410: somebody else's.
const OTHER: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=\n-----END PUBLIC KEY-----\n";

const WAIVERS: &str = r#"# Who may fail what.
schema = "gridgate/waiver/1"

[[waiver]]
suite = "mild"
gate = "losses"
candidate = "idle"
version = "1"
reason = "losses are judged by the <old> tariff until spring"
who = "A. Person, grid planning"
expires = "2026-12-31"
"#;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.put("suite.toml", FAILING);
    desk.put("waivers.toml", WAIVERS);
    desk.put("key.pem", PRIVATE);
    desk.put("key.pub.pem", PUBLIC);
    desk.put("other.pub.pem", OTHER);
    desk.say(&["waiver", "sign", "waivers.toml", "--key", "key.pem"]).with(0);
    desk
}

const GIVEN: [&str; 6] =
    ["--waivers", "waivers.toml", "--waiver-key", "key.pub.pem", "--today", "2026-11-21"];

#[test]
fn a_waived_failure_is_failed_and_waived_everywhere() {
    let desk = desk();
    desk.run("suite.toml", "plain", &[]).with(1);
    let said = desk.run("suite.toml", "run", &GIVEN).with(0);
    assert!(said.out.starts_with("FAIL"), "{}", said.out);
    let waived = "waived by A. Person, grid planning until 2026-12-31";
    let evidence = desk.json("run/evidence.json");
    assert_eq!((&evidence["verdict"], &evidence["verdict_as_waived"]), (&"fail".into(), &"pass".into()));
    let record = &evidence["waivers"][0];
    assert_eq!((&record["status"], &record["today"]), (&"applied".into(), &"2026-11-21".into()));
    assert_eq!(desk.json("run/run.json")["today"], "2026-11-21");
    for file in ["summary.txt", "summary.md", "report.html", "junit.xml", "results.sarif"] {
        let words = desk.text(&format!("run/{file}")).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(waived) && words.to_lowercase().contains("fail"), "{file}");
    }
    assert!(desk.text("run/junit.xml").contains("<failure message=\"fail, waived: "));
    let finding = &desk.json("run/results.sarif")["runs"][0]["results"][0];
    assert_eq!(
        (&finding["level"], &finding["suppressions"][0]["status"]),
        (&"error".into(), &"accepted".into())
    );
    let verified = desk.say(&["verify", "run"]).with(0);
    assert!(
        verified.out.contains("verdict fail") && verified.out.contains("is waived by"),
        "{}",
        verified.out
    );
    // Without the waiver the gates say the same.
    assert_eq!(desk.json("plain/evidence.json")["gates"], evidence["gates"]);
    assert!(desk.json("plain/evidence.json").get("waivers").is_none());
    // The same day, the same bytes; a report is made again from them.
    desk.run("suite.toml", "again", &[&GIVEN[..], &["--threads", "2"]].concat()).with(0);
    assert!(desk.read("run/evidence.json") == desk.read("again/evidence.json"));
    let page = desk.read("run/report.html");
    desk.say(&["report", "run"]).with(0);
    assert!(page == desk.read("run/report.html"));
}

#[test]
fn a_waiver_that_does_not_hold_is_refused_in_words() {
    let desk = desk();
    let signed = desk.text("waivers.toml");
    let sign = |from: &str, to: &str| {
        assert!(WAIVERS.contains(from));
        desk.put("waivers.toml", WAIVERS.replacen(from, to, 1));
        desk.say(&["waiver", "sign", "waivers.toml", "--key", "key.pem"]).with(0);
    };
    let refused = |more: &[&str], words: &str| {
        let said = desk.run("suite.toml", "run", more).with(1);
        assert!(said.err.contains("warning[run.waiver]") && said.err.contains(words), "{}", said.err);
        let record = &desk.json("run/evidence.json")["waivers"][0];
        assert_eq!(record["status"], "refused");
        assert!(desk.json("run/evidence.json").get("verdict_as_waived").is_none());
        let shown = desk.text("run/summary.txt").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains("a waiver was refused: it"), "{shown}");
        desk.say(&["verify", "run"]).with(0);
    };
    refused(
        &["--waivers", "waivers.toml", "--waiver-key", "key.pub.pem", "--today", "2027-01-01"],
        "expired on 2026-12-31",
    );
    refused(
        &["--waivers", "waivers.toml", "--waiver-key", "other.pub.pem", "--today", "2026-11-21"],
        "signature",
    );
    desk.put("waivers.toml", WAIVERS);
    refused(&GIVEN, "not signed");
    // Somebody stretches what was signed.
    desk.put("waivers.toml", signed.replace("2026-12-31", "2099-12-31"));
    refused(&GIVEN, "signature");
    sign("version = \"1\"", "version = \"2\"");
    refused(&GIVEN, "version \"2\"");
    sign("version = \"1\"", &format!("digest = \"{}\"", "ab".repeat(32)));
    refused(&GIVEN, "digest abab");
    sign("suite = \"mild\"", "suite = \"wild\"");
    refused(&GIVEN, "suite \"wild\"");
    sign("gate = \"losses\"", "gate = \"loses\"");
    let said = desk.run("suite.toml", "run", &GIVEN).with(1);
    assert!(said.err.contains("no gate \"loses\""), "{}", said.err);

    // Of two failures one waiver excuses one.
    desk.put("waivers.toml", &signed);
    let two = FAILING.to_owned()
        + &FAILING[FAILING.rfind("[[gate]]").expect("a gate")..].replace("\"losses\"", "\"more\"");
    desk.put("two.toml", two);
    let said = desk.run("two.toml", "two", &GIVEN).with(1);
    assert!(said.out.contains("waivers change nothing"), "{}", said.out);
    // What is not known cannot be excused.
    desk.put("open.toml", FAILING.replace("size_max = 5000", "size_max = 2"));
    desk.run("open.toml", "open", &GIVEN).with(3);
    // A waiver that nobody needs changes nothing.
    desk.put("good.toml", FAILING.replace("over = 0.0", "over = 1e9"));
    desk.run("good.toml", "good", &GIVEN).with(0);
    assert_eq!(desk.json("good/evidence.json")["waivers"][0]["status"], "unused");
}

#[test]
fn waivers_that_cannot_be_read_are_found_before_anything_runs() {
    let desk = desk();
    desk.put("suite.toml", QUICK);
    let before = desk.names();
    for (more, words) in [
        (["--waivers", "waivers.toml", "--waiver-key", "key.pem"], "signature.key"),
        (["--waivers", "nowhere.toml", "--waiver-key", "key.pub.pem"], "waiver.read"),
        (["--waivers", "suite.toml", "--waiver-key", "key.pub.pem"], "waiver.schema"),
    ] {
        let said = desk.run("suite.toml", "out", &more).with(2);
        assert!(said.err.contains(words), "{}", said.err);
    }
    desk.run("suite.toml", "out", &["--waivers", "waivers.toml"]).with(2);
    desk.run("suite.toml", "out", &[&GIVEN[..5], &["tomorrow"]].concat()).with(2);
    assert_eq!(desk.names(), before);
}

#[test]
fn evidence_that_claims_a_waiver_it_does_not_have_is_found() {
    let desk = desk();
    desk.run("suite.toml", "run", &GIVEN).with(0);
    // Who writes a whole new folder can seal it, and cannot sign.
    let forged = desk.text("run/evidence.json").replace("2026-12-31", "2027-12-31");
    let run = desk.text("run/run.json").replace(
        &reports::Digest::of(desk.read("run/evidence.json")).sha256,
        &reports::Digest::of(&forged).sha256,
    );
    desk.put("run/evidence.json", forged);
    desk.put("run/run.json", run);
    reports::seal(&desk.path("run")).expect("a manifest");
    let said = desk.say(&["verify", "run"]).with(5);
    assert!(said.err.contains("error[run.waiver]"), "{}", said.err);
}
