//! The process adapter: `data/worker.py` in all its moods. Needs python3.

mod small_grid;

use std::path::Path;
use std::process::Command;

use harness::action::Task;
use harness::candidate::{Cause, Decisions, Source, open};
use harness::observation::{Observations, Observed};
use powerflow::Diagnostics;

/// Whether there is a python3; its absence fails on the continuous integration and skips the test elsewhere.
fn python() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok_and(|o| o.status.success());
    if !found {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "the tests of the process adapter need python3"
        );
        eprintln!("skipped: there is no python3");
    }
    found
}

fn try_open(directory: &Path, how: &str, stateful: bool) -> Result<Box<dyn Source>, Diagnostics> {
    let worker = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/worker.py");
    std::fs::copy(worker, directory.join("worker.py")).unwrap();
    // Short where the time is to run out, long where a busy machine must not make it.
    let timeout_ms = if ["hang", "deaf"].contains(&how) { 300 } else { 10_000 };
    let rest = format!(
        "[adapter]\nkind = \"process\"\nargv = [\"python3\", \"worker.py\", \"{how}\"]\n\
         [limits]\ntimeout_ms = {timeout_ms}\n\
         [io]\n\"obs.bus.vm\" = {{ name = \"x\" }}\n\"act.gen.v_set\" = {{ name = \"y\" }}\n"
    );
    let path = small_grid::manifest(directory, stateful, &rest);
    open(path.to_str().unwrap(), Task::VoltVar, &small_grid::network())
}

/// Three rows of which the one in the middle is negative at its first bus, where workers misbehave.
fn seen() -> Observations {
    small_grid::observations(3, |_, row, col| {
        let value = (1 + row + col) as f64 / 4.0;
        if (row, col) == (1, 0) { -value } else { value }
    })
}

/// What a stateless worker decides for [`seen`] after a reset with the seeds 5, 6, 7.
fn decide(how: &str) -> Decisions {
    let directory = tempfile::tempdir().unwrap();
    let source = try_open(directory.path(), how, false).unwrap();
    assert!(source.batched());
    let mut candidate = source.start().unwrap();
    candidate.reset(&[5, 6, 7]);
    candidate.decide_batch(&seen())
}

#[test]
fn a_good_worker_is_heard_and_given_the_seed_of_each_row() {
    if !python() {
        return;
    }
    let decisions = decide("good");
    assert_eq!(decisions.failed, vec![None; 3]);
    assert_eq!(decisions.asked[0].values.data, [0.25, 0.5, 5.0, -0.5, 0.75, 6.0, 0.75, 1.0, 7.0]);
}

#[test]
fn every_misbehaviour_fails_its_own_row_with_its_cause() {
    if !python() {
        return;
    }
    for (how, cause, part) in [
        ("rubbish", Cause::Protocol, "Traceback"),
        ("not_text", Cause::Protocol, "UTF-8"),
        ("wrong_id", Cause::Protocol, "not"),
        ("no_outputs", Cause::Protocol, "no outputs"),
        ("hang", Cause::Timeout, "300 ms"),
        ("exits", Cause::Crash, "exit status: 3"),
        ("closes", Cause::Crash, "closed its output"),
        ("nan", Cause::NotFinite, "unit 2 at bus 30 is NaN"),
        ("infinity", Cause::NotFinite, "unit 2 at bus 30 is inf"),
        ("null", Cause::NotFinite, "unit 2 at bus 30 is NaN"),
        ("wrong_shape", Cause::Shape, "[3]"),
        ("short_data", Cause::Shape, "holds 2"),
        ("missing", Cause::Shape, "no output `y`"),
        ("error", Cause::Exception, "ValueError negative voltage"),
    ] {
        let decisions = decide(how);
        let failure = decisions.failed[1].clone().unwrap_or_else(|| panic!("{how} did not fail"));
        assert_eq!(failure.cause, cause, "{how}: {}", failure.message);
        assert!(failure.message.contains(part), "{how}: {}", failure.message);
        for row in [0, 2] {
            assert_eq!(decisions.failed[row], None, "{how}, row {row}");
            let first = (1 + row) as f64 / 4.0;
            assert_eq!(decisions.asked[0].values.row(row), [first, first + 0.25, first + 0.5], "{how}");
        }
    }
}

#[test]
fn the_last_words_are_told_without_the_paths_of_this_machine() {
    if !python() {
        return;
    }
    let message = decide("exits").failed[1].clone().unwrap().message;
    assert_eq!(
        message,
        "the program ended (exit status: 3); it said: working in . | ValueError: negative voltage"
    );
}

#[test]
fn one_death_is_forgiven() {
    if !python() {
        return;
    }
    for how in ["flaky", "dies_late"] {
        assert_eq!(decide(how).failed, vec![None; 3], "{how}");
    }
}

#[test]
fn an_episode_that_cannot_begin_has_failed() {
    if !python() {
        return;
    }
    for (how, cause) in [("reset_error", Cause::Exception), ("deaf", Cause::Timeout)] {
        let causes: Vec<Option<Cause>> =
            decide(how).failed.iter().map(|f| f.as_ref().map(|f| f.cause)).collect();
        assert_eq!(causes, vec![Some(cause); 3], "{how}");
    }
}

#[test]
fn a_worker_that_always_dies_is_given_up() {
    if !python() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let source = try_open(directory.path(), "exits", false).unwrap();
    let mut candidate = source.start().unwrap();
    candidate.reset(&[0; 12]);
    // Two starts a row: the eleventh row finds the twenty used up.
    let decisions = candidate.decide_batch(&small_grid::observations(12, |_, _, _| -1.0));
    let messages: Vec<String> = decisions.failed.into_iter().map(|f| f.unwrap().message).collect();
    assert!(messages[0].contains("exit status: 3"), "{}", messages[0]);
    assert!(messages[11].contains("not started again"), "{}", messages[11]);
    // The next cohort owes nothing to this one.
    candidate.reset(&[0]);
    assert_eq!(candidate.decide_batch(&small_grid::observations(1, |_, _, _| 1.0)).failed, [None]);
}

#[test]
fn a_stateful_worker_lives_one_episode_at_a_time_and_a_slotted_one_many() {
    if !python() {
        return;
    }
    let one = |row: usize| small_grid::observations(1, move |_, _, _| row as f64);
    let directory = tempfile::tempdir().unwrap();
    let source = try_open(directory.path(), "stateful", true).unwrap();
    assert!(!source.batched());
    let mut candidate = source.start().unwrap();
    for seed in [8, 9] {
        candidate.reset(&[seed]);
        for count in 1..4 {
            let decisions = candidate.decide_batch(&one(2));
            assert_eq!(decisions.asked[0].values.data, [count as f64, seed as f64, 2.0]);
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let source = try_open(directory.path(), "slots", true).unwrap();
    assert!(source.batched());
    let mut candidate = source.start().unwrap();
    candidate.reset(&[8, 9, 10]);
    let mut three = small_grid::observations(3, |_, row, _| row as f64);
    candidate.decide_batch(&three);
    three.alive[1] = false;
    let decisions = candidate.decide_batch(&three);
    assert_eq!(decisions.failed, vec![None; 3]);
    assert_eq!(decisions.asked[0].values.row(0), [2.0, 8.0, 0.0]);
    assert_eq!(decisions.asked[0].values.row(2), [2.0, 10.0, 2.0]);
}

#[test]
fn a_stateful_worker_that_dies_has_lost_its_episodes_until_the_next_reset() {
    if !python() {
        return;
    }
    for (how, rows) in [("stateful_exits", 1), ("slots_exits", 2)] {
        let directory = tempfile::tempdir().unwrap();
        let source = try_open(directory.path(), how, true).unwrap();
        let mut candidate = source.start().unwrap();
        let good = small_grid::observations(rows, |_, _, _| 1.0);
        let bad = small_grid::observations(rows, |_, _, _| -1.0);
        candidate.reset(&vec![1; rows]);
        assert_eq!(candidate.decide_batch(&good).failed, vec![None; rows]);
        for seen in [&bad, &good] {
            let failed = candidate.decide_batch(seen).failed;
            assert!(failed.iter().all(|f| f.as_ref().is_some_and(|f| f.cause == Cause::Crash)), "{how}");
        }
        candidate.reset(&vec![1; rows]);
        let decisions = candidate.decide_batch(&good);
        assert_eq!(decisions.failed, vec![None; rows]);
        assert_eq!(decisions.asked[0].values.row(rows - 1)[0], 1.0, "it counts from the beginning");
    }
}

#[test]
fn it_works_in_an_empty_directory_and_knows_little_of_its_surroundings() {
    if !python() {
        return;
    }
    let decisions = decide("environment");
    assert_eq!(decisions.failed, vec![None; 3]);
    assert_eq!(decisions.asked[0].values.row(0)[0], 1.0);
}

#[test]
fn what_cannot_start_is_refused_at_once() {
    if !python() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    for (how, stateful, code, part) in [
        ("no_hello", false, "candidate.process.start", "ImportError"),
        ("other_task", false, "candidate.process.hello", "redispatch"),
        ("other_protocol", false, "candidate.process.hello", "gridgate/9"),
        ("good", true, "candidate.process.hello", "stateful = false"),
    ] {
        let refused = try_open(directory.path(), how, stateful).map(|_| ()).unwrap_err();
        assert_eq!(refused.0[0].code, code, "{refused}");
        assert!(refused.to_string().contains(part), "{refused}");
    }
}

#[test]
fn candidates_are_opened_by_name_or_by_manifest() {
    let network = small_grid::network();
    let refused = |name: &str, task| open(name, task, &network).map(|_| ()).unwrap_err().0.remove(0);
    let idle = open("do_nothing", Task::Redispatch, &network).unwrap();
    assert_eq!((idle.record().adapter.as_str(), idle.record().task.as_str()), ("do_nothing", "redispatch"));
    let typo = refused("do_nothin", Task::VoltVar);
    assert_eq!(
        (typo.code.as_ref(), typo.hint.as_deref()),
        ("candidate.unknown", Some("did you mean `do_nothing`?"))
    );

    let directory = tempfile::tempdir().unwrap();
    let rest = "[domain]\nbus_count = [10, 20]\n[io]\n\"obs.bus.vm\" = { name = \"x\" }\n\
                \"act.load.shed\" = { name = \"y\" }\n[adapter]\nkind = \"do_nothing\"\n";
    let path = small_grid::manifest(directory.path(), false, rest);
    let path = path.to_str().unwrap();
    assert_eq!(refused(path, Task::Redispatch).code, "candidate.task");
    let source = open(path, Task::VoltVar, &network).unwrap();
    assert_eq!(source.record().name, "trial");
    let notes = source.notes();
    assert!(notes[0].contains("act.load.shed") && notes[1].contains("5 buses"), "{notes:?}");
    assert_eq!(source.start().unwrap().decide_batch(&seen()).failed, vec![None; 3]);
    assert_eq!(seen().of(Observed::BusVm).row(1)[0], -0.5, "the misbehaving row is the one in the middle");
}
