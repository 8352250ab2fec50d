//! Bad input, one by one: refused with exit code 2, by name, with its place, and nothing is written.

use crate::desk::{CASE14, Desk, SUITE};

const ID_TOO_LONG: &str = "id = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"";

/// Runs `suite` and expects a refusal that says all of `parts` and leaves the desk as it was.
#[track_caller]
fn refused(desk: &Desk, suite: &str, more: &[&str], parts: &[&str]) {
    let before = desk.names();
    let said = desk.run(suite, "out", more).with(2);
    for part in parts {
        assert!(said.err.contains(part), "no `{part}` in\n{}", said.err);
    }
    assert_eq!(said.out, "", "a refusal is no result");
    assert_eq!(desk.names(), before, "a refused run wrote something");
}

#[test]
fn cases_that_are_none() {
    let branch = "\t4\t5\t0.01335";
    assert!(CASE14.contains(branch));
    let elsewhere = CASE14.replace(branch, "\t4\t9010\t0.01335");
    let line = CASE14[..CASE14.find(branch).expect("a branch")].matches('\n').count() + 1;
    let place = format!("grid.m:{line}:");
    let half = &CASE14[..CASE14.find("\t4\t1\t47.8").expect("a bus")];
    // Not zero bytes only: those are one way to be empty, and this is to look like a picture or an archive.
    let noise: Vec<u8> = (0..4096u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let cases: [(&[u8], &[&str]); 5] = [
        (elsewhere.as_bytes(), &["error[case.branch.unknown-bus]", "9010", &place, "hint:"]),
        (half.as_bytes(), &["error[case.file.truncated]", "grid.m:24", "mpc.bus", "hint:"]),
        (b"", &["error[case.file.empty]", "grid.m", "hint:"]),
        (&noise, &["error[case.file.binary]", "grid.m", "hint:"]),
        (b"mpc = 1;\n", &["error[case.", "grid.m"]),
    ];
    for (content, parts) in cases {
        let desk = Desk::new();
        desk.put("suite.toml", SUITE.replace("case14.m", "grid.m"));
        desk.put("grid.m", content);
        refused(&desk, "suite.toml", &[], parts);
        for verb in ["solve", "census"] {
            let said = desk.say(&[verb, "grid.m"]).with(2);
            assert!(parts.iter().all(|part| said.err.contains(part)), "{verb}:\n{}", said.err);
        }
    }
    let desk = Desk::new();
    desk.put("suite.toml", SUITE.replace("case14.m", "case41.m"));
    refused(&desk, "suite.toml", &[], &["error[suite.grid.read]", "case41.m", "relative to the suite"]);
    let said = desk.say(&["solve", "case41.m"]).with(2);
    assert!(said.err.contains("error[case.file.missing]") && said.err.contains("case41.m"), "{}", said.err);
    desk.put("suite.toml", SUITE.replace("case14.m", "folder"));
    desk.put("folder/case14.m", CASE14);
    refused(&desk, "suite.toml", &[], &["folder"]);
    desk.say(&["census", "folder"]).with(2);
}

#[test]
fn suites_that_are_none() {
    let cases: [(&str, &str, &[&str]); 26] = [
        (
            "seed =",
            "sede =",
            &["error[suite.unknown-key]", "suite.toml:3", "did you mean `seed`", "suite.missing"],
        ),
        ("step_s = 60", "step_sec = 60", &["error[suite.loop.unknown-key]", "suite.toml:10", "`step_s`"]),
        (
            "voltage.violation_pu_min",
            "voltage.violation",
            &["error[suite.gate.unknown-metric]", "suite.toml:"],
        ),
        ("\"line_trip\"", "\"line_trap\"", &["error[hazard.unknown-kind]", "suite.toml:15", "`line_trip`"]),
        ("k = [1, 2]", "kk = 1", &["error[hazard.", "suite.toml:15", "kk"]),
        ("k = [1, 2]", "k = 200", &["error[hazard.too-many]", "suite.toml:", "200", "20"]),
        ("sigma = 0.1", "sigma = -0.1", &["error[hazard.", "suite.toml:15", "sigma"]),
        (
            "kind = \"rate\"",
            "kind = \"ratio\"",
            &["error[suite.gate.unknown-choice]", "suite.toml:22", "\"rate\""],
        ),
        ("max = 0.01", "max = 2", &["error[suite.gate.", "suite.toml:24", "max"]),
        ("over = 0.5", "over = inf", &["error[suite.gate.range]", "suite.toml:23", "finite"]),
        ("over = 0.5", "over = nan", &["error[suite.gate.range]", "suite.toml:23", "finite"]),
        ("size_max = 600", "size_max = 0", &["error[suite.population.range]", "suite.toml:16", "size_max"]),
        ("step_s = 60", "step_s = -60", &["error[suite.loop.range]", "suite.toml:10", "-60"]),
        ("step_s = 60", "step_s = 1e-12", &["error[suite.loop.range]", "suite.toml:10", "0.001"]),
        ("steps = 5", "steps = 4294967295", &["error[suite.loop.range]", "suite.toml:11", "hundred years"]),
        ("name = \"journey\"", "name = \"a\\u001b[31m\"", &["error[suite.range]", "suite.toml:2", "control"]),
        ("id = \"outages\"", ID_TOO_LONG, &["error[suite.population.id]", "suite.toml:14", "64"]),
        ("steps = 5", "steps = 0", &["error[suite.loop.range]", "suite.toml:11"]),
        ("seed = 20261121", "seed = -1", &["error[suite.range]", "suite.toml:3"]),
        ("champion =", "alpha = 1.5\nchampion =", &["error[suite.range]", "suite.toml:6", "0.5"]),
        ("/suite/1", "/suite/2", &["error[suite.schema]", "suite.toml:1", "newer program"]),
        ("id = \"outages\"", "id = \"../../x\"", &["error[suite.population.id]", "suite.toml:14"]),
        ("population = \"outages\"", "population = \"outage\"", &["unknown-population", "`outages`"]),
        ("id = \"blackout\"", "id = \"voltage\"", &["error[suite.gate.duplicate-id]", "suite.toml:"]),
        ("candidate = \"idle/candidate.toml\"\n", "", &["error[suite.no-candidate]", "--candidate"]),
        ("[[gate]]", "[gate", &["error[suite.syntax]", "suite.toml:18"]),
    ];
    let desk = Desk::new();
    for (from, to, parts) in cases {
        assert!(SUITE.contains(from), "{from}");
        desk.put("suite.toml", SUITE.replacen(from, to, 1));
        refused(&desk, "suite.toml", &[], parts);
        if !to.is_empty() {
            let said = desk.say(&["check", "suite.toml"]).with(2);
            assert!(parts.iter().all(|part| said.err.contains(part)), "check:\n{}", said.err);
        }
    }
    // All that is wrong is told at once.
    desk.put("suite.toml", SUITE.replace("steps = 5", "steps = 0").replace("over = 0.5", "ovre = 0.5"));
    refused(&desk, "suite.toml", &[], &["suite.toml:11", "suite.toml:23"]);
    // A file of another kind is not read to its end to say so.
    let said = desk.say(&["check", "case14.m"]).with(2);
    assert!(said.err.contains("error[suite.syntax]") && said.err.lines().count() < 40, "{}", said.err);
    desk.put("suite.toml", [0xff, 0xfe, 0]);
    refused(&desk, "suite.toml", &[], &["error[suite.encoding]", "suite.toml"]);
    refused(&desk, "nowhere.toml", &[], &["error[suite.read]", "nowhere.toml"]);
    desk.put("suite.toml", SUITE);
    desk.say(&["check", "suite.toml", "idle/candidate.toml"]).with(0);
}

#[test]
fn candidates_that_are_none() {
    let head = "schema = \"gridgate/candidate/1\"\nname = \"c\"\nversion = \"1\"\ntask = \"volt_var\"\n";
    let onnx = "[adapter]\nkind = \"onnx\"\npath = \"linear.onnx\"\n[io]\n\
                \"obs.bus.vm\" = { name = \"x\" }\n\"act.gen.v_set\" = { name = \"y\", rows = \"all\" }\n";
    let process = "[adapter]\nkind = \"process\"\nargv = [\"no-such-program-9\"]\n[io]\n\
                   \"obs.bus.vm\" = { name = \"x\" }\n\"act.gen.v_set\" = { name = \"y\" }\n";
    let idle = "[adapter]\nkind = \"do_nothing\"\n";
    let cases: [(String, &[&str]); 9] = [
        // The model takes five voltages, the grid has fourteen.
        (format!("{head}{onnx}"), &["error[candidate.onnx.shape]", "5", "14"]),
        (format!("{head}{onnx}").replace("\"x\"", "\"z\""), &["error[candidate.onnx.input]", "`z`", "x"]),
        (format!("{head}{onnx}").replace("linear", "liner"), &["error[candidate.onnx.load]", "liner.onnx"]),
        (format!("{head}{onnx}").replace("linear.onnx", "../x.onnx"), &["error[candidate.manifest.outside]"]),
        (format!("{head}{onnx}").replace("obs.bus.vm", "obs.bus.vn"), &["unknown-quantity", "`obs.bus.vm`"]),
        (format!("{head}{process}"), &["error[candidate.process.start]", "no-such-program-9"]),
        (format!("{head}{idle}").replace("volt_var", "redispatch"), &["error[candidate.task]", "redispatch"]),
        (
            format!("{head}stat = true\n{idle}"),
            &["error[candidate.manifest.unknown-key]", "candidate.toml:5"],
        ),
        (
            format!("{head}{idle}").replace("/candidate/1", "/candidate/2"),
            &["error[candidate.manifest.schema]"],
        ),
    ];
    let model = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../harness/tests/data/linear.onnx");
    let desk = Desk::new();
    desk.put("c/linear.onnx", std::fs::read(model).expect("a model of the adapter's tests"));
    for (manifest, parts) in cases {
        desk.put("c/candidate.toml", manifest);
        refused(&desk, "suite.toml", &["--candidate", "c"], parts);
        refused(&desk, "suite.toml", &["--candidate", "c/candidate.toml"], &["candidate.toml"]);
    }
    // A model that is not one.
    desk.put("c/candidate.toml", format!("{head}{onnx}"));
    desk.put("c/linear.onnx", "not a model");
    refused(&desk, "suite.toml", &["--candidate", "c"], &["error[candidate.onnx.load]", "linear.onnx"]);
    refused(
        &desk,
        "suite.toml",
        &["--candidate", "do_nothin"],
        &["error[candidate.unknown]", "`do_nothing`"],
    );
    refused(&desk, "suite.toml", &["--candidate", "nobody"], &["error[candidate.unknown]", "nobody"]);
}

#[test]
fn folders_that_must_not_be_touched() {
    let desk = Desk::new();
    desk.put("theirs/thesis.txt", "years of work");
    let out = |out: &str| desk.run("suite.toml", out, &[]);
    let said = out("theirs").with(2);
    assert!(said.err.contains("error[run.out]") && said.err.contains("theirs") && said.err.contains("--out"));
    assert_eq!(desk.files("theirs"), ["thesis.txt"]);
    for odd in [".", "..", "theirs/..", "/", "suite.toml", "suite.toml/below"] {
        let said = out(odd).with(2);
        assert!(said.err.contains("error[run.out]"), "{odd}: {}", said.err);
    }
    // What a user put beside or into a run is not lost to the next one.
    let small = SUITE.replace("size_max = 600", "size_max = 8");
    desk.put("suite.toml", &small);
    desk.run("suite.toml", "run", &[]);
    for beside in ["run.old", "run.writing"] {
        desk.put(&format!("{beside}/thesis.txt"), "years of work");
    }
    let code = desk.run("suite.toml", "run", &[]).code;
    assert!((0..=3).contains(&code));
    for beside in ["run.old", "run.writing"] {
        assert_eq!(desk.files(beside), ["thesis.txt"]);
    }
    desk.put("run/notes.md", "what I saw");
    let said = out("run").with(2);
    assert!(said.err.contains("error[run.out]") && said.err.contains("notes.md"), "{}", said.err);
    assert_eq!(desk.text("run/notes.md"), "what I saw");
    // Results in the candidate's folder would make it another candidate.
    let said = out("idle/runs/one").with(2);
    assert!(said.err.contains("error[run.out]") && said.err.contains("digest"), "{}", said.err);
    assert_eq!(desk.files("idle"), ["candidate.toml"]);
    desk.put("mine.partial/thesis.txt", "years of work");
    let said = out("mine").with(2);
    assert!(said.err.contains("error[run.out]") && said.err.contains("mine.partial"), "{}", said.err);
    assert_eq!(desk.files("mine.partial"), ["thesis.txt"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_that_cannot_be_written_is_no_fault_of_the_input() {
    let desk = Desk::new();
    let said = desk.run("suite.toml", "/proc/no/such/place", &[]).with(4);
    assert!(
        said.err.contains("error[run.write]") && said.err.contains("/proc/no/such/place"),
        "{}",
        said.err
    );
}

#[test]
fn commands_that_make_no_sense() {
    let desk = Desk::new();
    desk.put("suite.toml", SUITE.replace("size_max = 600", "size_max = 8"));
    desk.run("suite.toml", "run", &[]);
    desk.put("folder/file", "");
    let cases: [(&[&str], &[&str]); 16] = [
        (&["run", "suite.toml", "--threads", "0", "--out", "x"], &["error[usage.threads]"]),
        (&["run", "suite.toml", "--threads", "-1", "--out", "x"], &["-1"]),
        (&["frobnicate"], &["frobnicate"]),
        (&[], &["Usage"]),
        (&["run"], &["<SUITE>"]),
        (&["check"], &["<FILES>"]),
        (&["replay", "run", "outages/8"], &["error[replay.episode]", "outages/0 to outages/7"]),
        (&["replay", "run", "outages"], &["error[replay.episode]"]),
        (&["replay", "run", "../../x"], &["error[replay.episode]"]),
        (&["replay", "run", "outages/-1"], &["error[replay.episode]"]),
        (&["replay", "folder", "outages/1"], &["error[run.folder]", "folder"]),
        (&["report", "folder"], &["error[run.folder]", "folder"]),
        (&["verify", "folder"], &["error[run.folder]", "folder"]),
        (&["verify", "nowhere"], &["error[run.folder]", "nowhere"]),
        (&["solve", "case14.m", "--tolerance", "0"], &["error[usage.tolerance]"]),
        (&["solve", "case14.m", "--tolerance", "nan"], &["error[usage.tolerance]"]),
    ];
    for (arguments, parts) in cases {
        let said = desk.say(arguments).with(2);
        assert!(parts.iter().all(|part| said.err.contains(part)), "{arguments:?}:\n{}", said.err);
        assert_eq!(said.out, "", "{arguments:?}");
    }
    assert!(!desk.path("x").exists() && !desk.path("x.partial").exists());
    desk.say(&["--help"]).with(0);
    desk.say(&["run", "--help"]).with(0);
}

#[test]
fn no_solution_is_an_answer_and_holds_no_number() {
    // All demand four times: far beyond what these lines carry.
    let mut case = String::new();
    let mut in_buses = false;
    for line in CASE14.lines() {
        in_buses = (in_buses || line.starts_with("mpc.bus = ")) && !line.starts_with("];");
        let mut cells: Vec<String> = line.split('\t').map(str::to_owned).collect();
        if in_buses && cells.len() > 12 {
            for cell in &mut cells[3..5] {
                *cell = (cell.parse::<f64>().expect("a demand") * 20.0).to_string();
            }
        }
        case += &(cells.join("\t") + "\n");
    }
    let desk = Desk::new();
    desk.put("heavy.m", case);
    let said = desk.say(&["solve", "heavy.m", "--format", "json"]).with(1);
    assert!(
        !said.out.contains("NaN") && !said.out.contains("null") && !said.out.contains("inf"),
        "{}",
        said.out
    );
    let answer: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!((&answer["status"], &answer["buses"]), (&"no_solution".into(), &serde_json::json!([])));
    assert_eq!(
        answer["diagnostics"].as_array().and_then(|d| d.last()).expect("why")["code"],
        "solve.no-solution"
    );
    let said = desk.say(&["solve", "heavy.m"]).with(1);
    assert!(said.out.contains("no solution") && !said.out.contains("NaN"), "{}", said.out);
    let said = desk.say(&["solve", "heavy.m", "--format", "csv"]).with(1);
    assert_eq!(said.out.lines().count(), 1, "a table of voltages where there are none:\n{}", said.out);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let desk = Desk::new();
    for arguments in [
        &["solve", "case14.m", "--format", "json"][..],
        &["census", "case14.m"],
        &["--help"],
        &["solve", "--help"],
    ] {
        let mut child = desk
            .command(arguments)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("gridgate starts");
        // Closed before a byte is read, as `| head -0` does.
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("an end");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn neither_is_one_that_goes_away_before_the_complaint() {
    let desk = Desk::new();
    let mut child = desk
        .command(&["solve", "nowhere.m"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("gridgate starts");
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().expect("an end").code(), Some(2));
}
