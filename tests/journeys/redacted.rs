//! A report for readers who may not know the network: no id, no name, no path of the case in any byte of it.

use crate::desk::{CASE14, Desk, SUITE};

/// Bus numbers that occur nowhere by chance.
fn strange(id: u32) -> u32 {
    770_000 + 1_009 * id
}

/// The case with other bus numbers and a name of its own.
fn renumbered() -> String {
    let mut section = "";
    let mut out = String::new();
    for line in CASE14.lines() {
        let ends = ["mpc.bus =", "mpc.gen =", "mpc.branch =", "mpc."];
        if let Some(found) = ends.into_iter().find(|start| line.starts_with(start)) {
            section = found;
        }
        let columns = match section {
            "mpc.bus =" | "mpc.gen =" => 1,
            "mpc.branch =" => 2,
            _ => 0,
        };
        let mut cells: Vec<String> = line.split('\t').map(str::to_owned).collect();
        for cell in cells.iter_mut().skip(1).take(columns) {
            if let Ok(id) = cell.parse::<u32>() {
                *cell = strange(id).to_string();
            }
        }
        out.push_str(&cells.join("\t"));
        out.push('\n');
    }
    out.replace("case14", "zealandia_400kv")
}

#[test]
fn no_byte_of_a_redacted_report_names_the_network() {
    let desk = Desk::new();
    desk.put("grid/zealandia_400kv.m", renumbered());
    // Something to tell: violations, trips, dead buses, a scheme that names its elements.
    let suite = SUITE
        .replace("case14.m", "grid/zealandia_400kv.m")
        .replace("size_max = 600", "size_max = 64")
        .replace("max = 0.3", "max = 0.01")
        .replace("[protection]\nengine = \"none\"\n", "")
        + &format!(
            "[[remedial]]\nid = \"scheme\"\nwhen = [{{ bus = {}, voltage_below_pu = 0.9 }}]\nthen = [{{ shed_bus = {}, share = 0.2 }}]\n",
            strange(9),
            strange(10)
        );
    desk.put("suite.toml", suite);
    desk.put("key", "0123456789abcdef0123456789abcdef\n");
    let arguments = ["run", "suite.toml", "--quiet", "--out", "gate", "--github", "--redact", "key"];
    let mut command = desk.command(&arguments);
    command.env("GITHUB_STEP_SUMMARY", desk.path("summary")).env("GITHUB_OUTPUT", desk.path("outputs"));
    let output = command.output().expect("gridgate starts");
    assert!(output.status.code().is_some_and(|code| code < 4), "{}", String::from_utf8_lossy(&output.stderr));

    let mut shown = vec![
        ("standard output".to_owned(), output.stdout),
        ("standard error".to_owned(), output.stderr),
        ("summary".to_owned(), desk.read("summary")),
        ("outputs".to_owned(), desk.read("outputs")),
    ];
    for file in desk.files("gate-redacted") {
        let bytes = desk.read(&format!("gate-redacted/{file}"));
        shown.push((file, bytes));
    }
    for format in ["text", "markdown", "junit", "sarif", "json"] {
        let said = desk.say(&["report", "gate", "--redact", "key", "--format", format]).with(0);
        shown.push((format.to_owned(), (said.out + &said.err).into_bytes()));
    }
    assert_eq!(shown.len(), 4 + 6 + 5);
    let mut secrets: Vec<String> = (1..=14).map(|id| strange(id).to_string()).collect();
    secrets.push("zealandia".into());
    secrets.push(reports::Digest::of(desk.read("grid/zealandia_400kv.m")).sha256);
    for secret in &secrets {
        // Something in the whole folder does say it, or this test looks for nothing.
        let whole =
            desk.files("gate").iter().any(|file| contains(&desk.read(&format!("gate/{file}")), secret));
        assert!(whole, "{secret}");
        for (name, bytes) in &shown {
            assert!(!contains(bytes, secret), "{name} names {secret}");
        }
    }
    // The page has no picture of the network, and still tells what happened, by names that only the key explains.
    let page = desk.text("gate-redacted/report.html");
    assert!(page.contains("this copy is redacted") && page.contains("branch #"), "a report without a story");
    assert!(desk.text("gate/report.html").matches("<svg").count() > page.matches("<svg").count());
    // The verdict is that of the run, and so is the digest it goes by.
    let digest = reports::Digest::of(desk.read("gate/evidence.json")).sha256;
    assert!(page.contains(&digest));
    assert_eq!(
        desk.json("gate-redacted/evidence.json")["verdict"],
        desk.json("gate/evidence.json")["verdict"]
    );
    // The same key, the same names; another key, others.
    desk.say(&["report", "gate", "--redact", "key", "--out", "again"]).with(0);
    assert!(desk.read("again/report.html") == desk.read("gate-redacted/report.html"));
    desk.put("other", "fedcba9876543210fedcba9876543210");
    desk.say(&["report", "gate", "--redact", "other", "--out", "again"]).with(0);
    assert!(desk.read("again/report.html") != desk.read("gate-redacted/report.html"));

    desk.put("short", "1234");
    let said = desk.say(&["report", "gate", "--redact", "short"]).with(2);
    assert!(said.err.contains("error[redact.key]"), "{}", said.err);
    desk.say(&["report", "gate", "--redact", "nowhere"]).with(2);
    desk.put("theirs/thesis.txt", "years of work");
    desk.say(&["report", "gate", "--redact", "key", "--out", "theirs"]).with(2);
    desk.say(&["verify", "gate"]).with(0);
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
