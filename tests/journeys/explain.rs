//! `gridgate explain`: the candidate's own action found as the cause, two sufficient causes, and what is refused.

use serde_json::Value;

use crate::desk::{Desk, python};

const EAGER: [(&str, &str); 4] = [
    ("suite.toml", include_str!("../../examples/cascade/suite.toml")),
    ("grid.m", include_str!("../../examples/cascade/grid.m")),
    ("eager/candidate.toml", include_str!("../../examples/cascade/eager/candidate.toml")),
    ("eager/controller.py", include_str!("../../examples/cascade/eager/controller.py")),
];

/// A load at bus 3, behind one line and two circuits.
const CASE: &str = "function mpc = chain
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [
\t1\t3\t0\t0\t0\t0\t1\t1\t0\t110\t1\t1.1\t0.9;
\t2\t1\t0\t0\t0\t0\t1\t1\t0\t110\t1\t1.1\t0.9;
\t3\t1\t60\t10\t0\t0\t1\t1\t0\t110\t1\t1.1\t0.9;
];
mpc.gen = [
\t1\t60\t0\t100\t-100\t1.02\t100\t1\t200\t0;
];
mpc.branch = [
\t1\t2\t0\t0.05\t0\t200\t200\t200\t0\t0\t1\t-360\t360;
\t2\t3\t0\t0.05\t0\t200\t200\t200\t0\t0\t1\t-360\t360;
];
";

fn suite(candidate: &str, hazards: &str) -> String {
    format!(
        "schema = \"gridgate/suite/1\"\nname = \"chain\"\nseed = 3\ngrid = \"chain.m\"\ncandidate = \"{candidate}\"\n\
         [loop]\ntask = \"redispatch\"\nstep_s = 60\nsteps = 8\n\
         [[population]]\nid = \"lost\"\nsize_max = 2\nhazards = [{hazards}]\n\
         [[gate]]\nid = \"dark\"\npopulation = \"lost\"\nmetric = \"ens_mwh\"\nkind = \"value\"\nmax = 0.5\n\
         [protection]\nengine = \"none\"\n"
    )
}

fn document(desk: &Desk, arguments: &[&str]) -> Value {
    let said = desk.say(&[&["explain", "run"], arguments, &["--format", "json"]].concat()).with(0);
    serde_json::from_str(&said.out).expect("JSON")
}

/// The factors of each cause.
fn causes(document: &Value) -> Vec<Vec<String>> {
    let names = |cause: &Value| {
        let factors = cause["factors"].as_array().expect("factors");
        factors.iter().map(|f| f.as_str().expect("an id").to_owned()).collect()
    };
    document["causes"].as_array().expect("causes").iter().map(names).collect()
}

fn share(document: &Value, factor: &str) -> f64 {
    let shares = document["attribution"]["shares"].as_array().expect("shares");
    let share = shares.iter().find(|share| share["factor"] == factor).expect("a share");
    share["broken"].as_f64().expect("a number")
}

#[test]
fn a_candidate_whose_own_actions_are_the_cause_is_named() {
    if !python() {
        return;
    }
    let desk = Desk::new();
    for (name, text) in EAGER {
        desk.put(name, text);
    }
    desk.put("suite.toml", EAGER[0].1.replace("size_max = 256", "size_max = 16"));
    desk.run("suite.toml", "runs/one", &[]);
    let evidence = desk.json("runs/one/evidence.json");
    let gates = evidence["gates"].as_array().expect("gates");
    let gate = gates.iter().find(|gate| gate["id"] == "outages.energy").expect("a gate");
    let episode = format!("outages/{}", gate["worst"][0]["index"]);
    desk.copy("runs/one", "run");
    let document = document(&desk, &[&episode, "--gate", "outages.energy"]);
    // Found where the suite names it, above the run.
    assert_eq!(document["resimulation"], "candidate_asked_again");
    assert_eq!(document["effect"]["compared_with"], "nobody");
    // The lost circuit alone is harmless, and so is the candidate without it: both are causes, and share the blame.
    let lost = causes(&document).concat();
    assert_eq!(lost.len(), 2, "{lost:?}");
    assert_eq!(lost[1], "candidate");
    let circuit =
        document["factors"].as_array().expect("factors").iter().find(|f| f["id"] == lost[0].as_str());
    assert!(circuit.expect("a factor")["words"].as_str().is_some_and(|words| words.ends_with("(3-2) trips")));
    assert_eq!(document["minimal"]["factors"], serde_json::json!([lost[0]]));
    assert_eq!(document["minimal"]["unattended"]["broken"], false);
    assert!(
        (share(&document, "candidate") - 0.5).abs() < 1e-9 && (share(&document, &lost[0]) - 0.5).abs() < 1e-9
    );
    // Each step's schedules are asked again in the next, so no single step is to blame; never to have moved unit 2 would have helped.
    let contrast = &document["contrast"];
    let broken = |list: &str| -> Vec<bool> {
        let all = contrast[list].as_array().expect("a list");
        all.iter().map(|withheld| withheld["trial"]["broken"].as_bool().expect("an answer")).collect()
    };
    assert!(broken("single_steps").iter().all(|broken| *broken));
    assert_eq!(broken("single_elements"), [false, false, true]);
    // What it moved holds when it goes: after its first action it is too late.
    assert_eq!(contrast["too_late_from_step"], 1);
    assert!(!contrast["from_step"][0]["trials"][0]["broken"].as_bool().expect("an answer"));

    // What it had asked, repeated, gives the same causes; the threads change no byte.
    let repeated = self::document(&desk, &[&episode, "--gate", "outages.energy", "--open-loop"]);
    assert_eq!(repeated["resimulation"], "actions_repeated");
    assert_eq!(causes(&repeated), causes(&document));
    let threads = |n: &str| {
        let arguments = ["explain", "run", &episode, "--threads", n, "--format", "json"];
        desk.say(&arguments).with(0).out
    };
    assert_eq!(threads("1"), threads("2"));

    let page =
        desk.say(&["explain", "run", &episode, "--gate", "outages.energy", "--out", "why.html"]).with(0);
    assert!(page.out.contains("the candidate's actions: a cause; had nobody acted"), "{}", page.out);
    let page = desk.text("why.html").replace("http://www.w3.org/2000/svg", "");
    for part in ["http", "<script", "src=", "<link", "@import", "url("] {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.contains("too late"));
}

#[test]
fn either_of_two_lines_suffices_and_neither_is_necessary() {
    let desk = Desk::new();
    desk.put("chain.m", CASE);
    let lost = "{ kind = \"line_trip\", k = 2, at_s = 10, spread_s = 60, return_after_s = [300, 400] }, \
                { kind = \"load_swing\", level = [0.9, 0.95], sigma = 0 }";
    desk.put("suite.toml", suite("idle/candidate.toml", lost));
    let idle = "schema = \"gridgate/candidate/1\"\nname = \"idle\"\nversion = \"1\"\ntask = \"redispatch\"\n\
                [adapter]\nkind = \"do_nothing\"\n";
    desk.put("idle/candidate.toml", idle);
    desk.run("suite.toml", "run", &[]).with(1);
    let document = document(&desk, &["lost/0", "--gate", "dark"]);
    let factors = document["factors"].as_array().expect("factors");
    let trips: Vec<&Value> = factors
        .iter()
        .filter(|f| f["words"].as_str().is_some_and(|words| words.contains("trips until")))
        .collect();
    let ids: Vec<&str> = trips.iter().map(|factor| factor["id"].as_str().expect("an id")).collect();
    assert_eq!(ids.len(), 2);
    for (factor, id) in trips.iter().zip(&ids) {
        assert_eq!(
            (&factor["without"]["broken"], &factor["alone"]["broken"]),
            (&Value::Bool(true), &Value::Bool(true))
        );
        assert!((share(&document, id) - 0.5).abs() < 1e-12);
    }
    assert_eq!(causes(&document), std::slice::from_ref(&ids));
    // One of them is enough, and for less time than it took: of 60 MW half a megawatt-hour is lost in half a minute.
    let minimal = &document["minimal"];
    assert_eq!(minimal["factors"].as_array().map(Vec::len), Some(1));
    let magnitude = &minimal["magnitudes"][0];
    assert_eq!(magnitude["of"], "duration");
    let of = minimal["factors"][0].as_str().expect("an id");
    let factor = factors.iter().find(|factor| factor["id"] == of).expect("a factor");
    let number = |value: &Value| value.as_f64().expect("a number");
    let lasts_s = number(&factor["until_s"]) - number(&factor["time_s"]);
    let enough_s = number(&magnitude["broken_at"]) * lasts_s;
    assert!((30.0..=30.0 + lasts_s / 1024.0 + 1e-6).contains(&enough_s), "{enough_s} of {lasts_s}");
    assert_eq!(minimal["smallest"]["broken"], true);

    let said = desk.say(&["explain", "run", "lost/0", "--gate", "dark"]).with(0).out;
    assert!(said.contains("together a cause"), "{said}");
}

/// Opens line 2 in its fourth step, and asks nothing else.
const ONCE: &str = "import json, sys\n\
print(json.dumps({'hello': 'gridgate/1', 'task': 'redispatch', 'stateful': False}), flush=True)\n\
for line in sys.stdin:\n    r = json.loads(line)\n    a = {'id': r['id']}\n    if r['op'] == 'infer':\n\
\x20       t = r['inputs']['t']['data'][0]\n        v = r['inputs']['status']['data']\n\
\x20       if t == 180:\n            v = [v[0], 0]\n\
\x20       a['outputs'] = {'status': {'shape': [1, 2], 'data': v}}\n    print(json.dumps(a), flush=True)\n";

#[test]
fn the_step_that_did_it_is_named() {
    if !python() {
        return;
    }
    let desk = Desk::new();
    desk.put("chain.m", CASE);
    desk.put("suite.toml", suite("once/candidate.toml", "{ kind = \"load_swing\", sigma = 0.01 }"));
    desk.put("once/controller.py", ONCE);
    desk.put(
        "once/candidate.toml",
        "schema = \"gridgate/candidate/1\"\nname = \"once\"\nversion = \"1\"\ntask = \"redispatch\"\n\
         [adapter]\nkind = \"process\"\nargv = [\"python3\", \"controller.py\"]\n[io]\n\
         \"obs.time_s\" = { name = \"t\" }\n\"obs.branch.status\" = { name = \"status\" }\n\
         \"act.branch.status\" = { name = \"status\" }\n",
    );
    desk.run("suite.toml", "run", &[]).with(1);
    let document = document(&desk, &["lost/1", "--gate", "dark"]);
    assert_eq!(causes(&document), [["candidate"]]);
    assert_eq!(document["minimal"]["factors"], serde_json::json!([]));
    let rescued: Vec<&Value> = document["contrast"]["single_steps"]
        .as_array()
        .expect("steps")
        .iter()
        .filter(|withheld| withheld["trial"]["broken"] == false)
        .collect();
    assert_eq!(rescued.len(), 1);
    assert_eq!((&rescued[0]["step"], &rescued[0]["time_s"]), (&3.into(), &180.0.into()));
    assert_eq!(document["contrast"]["too_late_from_step"], 4);
    // Its eight steps apart: that one has it all.
    let by_step = document["attribution_by_step"]["shares"].as_array().expect("shares");
    for share in by_step {
        let expected = if share["factor"] == "step 3" { 1.0 } else { 0.0 };
        assert!((share["broken"].as_f64().expect("a share") - expected).abs() < 1e-12, "{share}");
    }
    let said = desk.say(&["explain", "run", "lost/1", "--gate", "dark"]).with(0).out;
    assert!(said.contains("without what it asks in step 3 (3 min) the gate would have held"), "{said}");
    assert!(said.contains("no event is needed"), "{said}");
}

/// Opens line 2 in its fourth step where nothing else has taken the load by then.
const BACKUP: &str = "import json, sys\n\
print(json.dumps({'hello': 'gridgate/1', 'task': 'redispatch', 'stateful': False}), flush=True)\n\
for line in sys.stdin:\n    r = json.loads(line)\n    a = {'id': r['id']}\n    if r['op'] == 'infer':\n\
\x20       whole = sum(r['inputs']['status']['data']) == 2\n        late = r['inputs']['t']['data'][0] == 180\n\
\x20       a['outputs'] = {'second': {'shape': [1, 1], 'data': [0 if whole and late else 1]}}\n\
\x20   print(json.dumps(a), flush=True)\n";

/// Pre-emption, as of Suzy's and Billy's stones (Halpern 2015, example 3.3): without the trip the candidate would have done it, so the trip
/// is not necessary; it is the cause all the same, which shows where what the candidate did is held as it was.
#[test]
fn what_came_first_is_the_cause_and_not_what_would_have_come() {
    if !python() {
        return;
    }
    let desk = Desk::new();
    desk.put("chain.m", CASE);
    desk.put("suite.toml", suite("backup/candidate.toml", "{ kind = \"line_trip\", k = 1, at_s = 10 }"));
    desk.put("backup/controller.py", BACKUP);
    desk.put(
        "backup/candidate.toml",
        "schema = \"gridgate/candidate/1\"\nname = \"backup\"\nversion = \"1\"\ntask = \"redispatch\"\n\
         [adapter]\nkind = \"process\"\nargv = [\"python3\", \"controller.py\"]\n[io]\n\
         \"obs.time_s\" = { name = \"t\" }\n\"obs.branch.status\" = { name = \"status\" }\n\
         \"act.branch.status\" = { name = \"second\", rows = [2] }\n",
    );
    desk.run("suite.toml", "run", &[]).with(1);
    let document = document(&desk, &["lost/0", "--gate", "dark"]);
    assert_eq!(document["factors"][0]["without"]["broken"], true);
    assert_eq!(causes(&document), [["e1"]]);
    let cause = &document["causes"][0];
    assert_eq!(cause["witness"], "the candidate's actions are held as they were");
    assert_eq!(cause["trial"]["broken"], false);
    // Either would have been enough.
    assert!(
        (share(&document, "e1") - 0.5).abs() < 1e-12 && (share(&document, "candidate") - 0.5).abs() < 1e-12
    );
}

#[test]
fn what_cannot_be_explained_is_said() {
    let desk = Desk::new();
    let explain = |arguments: &[&str]| desk.say(&[&["explain", "run"], arguments].concat());
    desk.put("mild.toml", crate::desk::MILD.replace("size_max = 5000", "size_max = 20"));
    desk.run("mild.toml", "run", &[]);
    let err = explain(&["swings/3"]).with(2).err;
    assert!(err.contains("explain.gate") && err.contains("broke the threshold of no gate"), "{err}");
    let err = explain(&["swings/3", "--gate", "blackout"]).with(2).err;
    assert!(err.contains("does not break the threshold of blackout"), "{err}");

    desk.put("suite.toml", crate::desk::SUITE.replace("size_max = 600", "size_max = 40"));
    desk.run("suite.toml", "run", &[]);
    assert!(explain(&["outages/99"]).with(2).err.contains("replay.episode"));
    let err = explain(&["outages/1", "--gate", "none"]).with(2).err;
    assert!(err.contains("gates on it: voltage, blackout"), "{err}");
    // Without the candidate there is the record; where there is none either, that is said.
    desk.put("idle/candidate.toml", "changed");
    let evidence = desk.json("run/evidence.json");
    let gates = evidence["gates"].as_array().expect("gates");
    let shown: Vec<u64> = gates
        .iter()
        .flat_map(|gate| gate["worst"].as_array().expect("episodes"))
        .map(|worst| worst["index"].as_u64().expect("an index"))
        .collect();
    let kept = gates[0]["worst"][0]["index"].as_u64().expect("an index");
    let document = document(&desk, &[&format!("outages/{kept}"), "--gate", "voltage"]);
    assert_eq!(document["resimulation"], "actions_repeated");
    let other = (0..40).find(|index| !shown.contains(index)).expect("one that is not shown");
    let err = explain(&[&format!("outages/{other}")]).with(2).err;
    assert!(err.contains("explain.no-candidate") && err.contains("--candidate"), "{err}");
}

#[test]
fn an_episode_is_leafed_through_on_one_page() {
    let desk = Desk::new();
    desk.put("suite.toml", crate::desk::SUITE.replace("size_max = 600", "size_max = 20"));
    desk.run("suite.toml", "run", &[]);
    // One that was lived to its end.
    let worst = desk.json("run/evidence.json")["gates"][0]["worst"].clone();
    let kept = worst.as_array().expect("episodes").iter().find(|worst| worst["value"].is_f64());
    let episode = format!("outages/{}", kept.expect("one with a value")["index"]);
    let said = desk.say(&["replay", "run", &episode, "--html", "episode.html"]).with(0);
    assert!(said.err.contains("written to episode.html") && said.err.contains("bit for bit"), "{}", said.err);
    let page = desk.text("episode.html").replace("http://www.w3.org/2000/svg", "");
    for part in ["http", "src=", "<link", "@import", "url(", "fetch("] {
        assert!(!page.contains(part), "{part}");
    }
    // Five steps: what was seen and what was answered in each.
    let document: Value =
        serde_json::from_str(&desk.say(&["replay", "run", &episode, "--format", "json"]).with(0).out)
            .expect("JSON");
    let steps = document["steps"].as_array().map_or(0, Vec::len);
    let between =
        document["steps"].as_array().expect("steps").iter().filter(|s| s["between"] == true).count();
    assert_eq!(page.matches("<tr class=\"frame\">").count(), 2 * steps - between);

    let later = desk.say(&["replay", "run", &episode, "--from-step", "2"]).with(0).out;
    let numbers = |text: &str| -> Vec<u32> {
        let steps = text.split("notes").nth(1).and_then(|rest| rest.split("measured").next()).expect("steps");
        steps.lines().filter_map(|line| line.get(..5)?.trim().parse().ok()).collect()
    };
    assert_eq!(numbers(&later), (2..(steps - between) as u32).collect::<Vec<_>>());
    assert_eq!(numbers(&desk.say(&["replay", "run", &episode]).with(0).out).first(), Some(&0));
    let err = desk.say(&["replay", "run", &episode, "--from-step", "99"]).with(2).err;
    assert!(err.contains("replay.step"), "{err}");
}
