//! Detection power: a zoo of candidates with one flaw each, and of sound ones, before two suites that know nothing of the flaws.
//!
//! The small size runs with the tests; all of it, with its table, by
//! `GRIDGATE_ZOO=full cargo test --release -p gridgate-tests --test zoo -- --nocapture`. A candidate is caught when its suite does not pass:
//! an undecided suite releases nobody. What escapes is named, never tuned away.

mod flaw;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flaw::{Flaw, Flawed};
use harness::action::Task;
use harness::candidate::Source;
use harness::candidate::operator::{Model, Operator, Settings};
use harness::run::{self, Contender, Silent};
use powerflow::Network;
use reports::{Severity, Verdict};

/// A sound candidate: an operator that looks after the grid within minutes instead of ten.
fn sound(task: Task, network: &Arc<Network>, model: Model, delay_s: f64) -> Arc<dyn Source> {
    Arc::new(Operator::new(model, task, network, Settings { delay_s }))
}

/// What a suite said of a candidate.
struct Row {
    task: Task,
    name: String,
    is_sound: bool,
    verdict: Verdict,
    /// Required gates that did not pass, or why the suite did not.
    by: String,
    /// Episodes after which the suite was decided, or all.
    episodes: u64,
}

impl Row {
    fn right(&self) -> bool {
        match self.is_sound {
            // Undecided is no release, and no accusation either.
            true => self.verdict != Verdict::Fail,
            false => self.verdict != Verdict::Pass,
        }
    }
}

struct Zoo {
    folder: tempfile::TempDir,
}

impl Zoo {
    /// The small size has fewer episodes: enough to fail on, not enough to pass.
    fn new(full: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let grid = here.join("../examples/volt_var/case118.m");
        std::fs::copy(grid, folder.path().join("case118.m")).expect("a copy");
        for suite in ["voltage.toml", "redispatch.toml"] {
            let text = std::fs::read_to_string(here.join("zoo").join(suite)).expect("a suite");
            let size = |line: &str| {
                if line.starts_with("size_max") && !full { "size_max = 512".into() } else { line.to_owned() }
            };
            let text: Vec<String> = text.lines().map(size).collect();
            std::fs::write(folder.path().join(suite), text.join("\n")).expect("a copy");
        }
        Zoo { folder }
    }

    fn suite(&self, task: Task) -> PathBuf {
        self.folder.path().join(if task == Task::VoltVar { "voltage.toml" } else { "redispatch.toml" })
    }

    fn network(&self) -> Arc<Network> {
        let case = powerflow::case::read(&self.folder.path().join("case118.m")).expect("a case");
        Network::build(case).expect("a network")
    }

    fn judge(&self, task: Task, candidate: Arc<dyn Source>, is_sound: bool, name: &str) -> Row {
        let prepared = run::prepare(&self.suite(task), Contender::Given(candidate)).expect("a suite");
        let out = self.folder.path().join("runs").join(format!("{}-{name}", task.id()));
        let options = prepared.options(Some(out), None).expect("options");
        let completed = run::run(&prepared, &options, &Silent).expect("a run");
        let evidence = &completed.evidence;
        let required = evidence.gates.iter().filter(|gate| gate.severity == Severity::Required);
        let not_passed: Vec<&str> =
            required.filter(|gate| gate.verdict != Verdict::Pass).map(|gate| gate.id.as_str()).collect();
        let by = match (evidence.verdict, not_passed.is_empty()) {
            (Verdict::Pass, _) => String::new(),
            (_, true) => evidence.reason.clone(),
            (_, false) => not_passed.join(", "),
        };
        let episodes = evidence.populations.iter().map(|population| population.n).sum();
        Row { task, name: name.to_owned(), is_sound, verdict: evidence.verdict, by, episodes }
    }
}

/// Sound candidates of a task.
const SOUND: [(Model, f64); 5] = [
    (Model::Greedy, 60.0),
    (Model::Greedy, 120.0),
    (Model::Greedy, 180.0),
    (Model::Lp, 60.0),
    (Model::Lp, 120.0),
];

fn table(rows: &[Row]) -> String {
    let mut text = String::from("| task | candidate | verdict | by | episodes |\n|---|---|---|---|---|\n");
    for row in rows {
        let what = if row.is_sound { "sound: " } else { "" };
        let Row { task, name, verdict, by, episodes, .. } = row;
        text.push_str(&format!("| {} | {what}{name} | {verdict:?} | {by} | {episodes} |\n", task.id()));
    }
    text
}

#[test]
fn flawed_candidates_are_caught_and_sound_ones_are_not() {
    let full = std::env::var("GRIDGATE_ZOO").is_ok_and(|size| size == "full");
    let zoo = Zoo::new(full);
    let network = zoo.network();
    let mut rows = Vec::new();
    // The small size: enough to see that the machinery works, and not what it can do.
    let tasks: &[Task] = if full { &[Task::VoltVar, Task::Redispatch] } else { &[Task::Redispatch] };
    for &task in tasks {
        let sound_ones: &[(Model, f64)] = if full { &SOUND } else { &SOUND[..1] };
        for (model, delay_s) in sound_ones {
            let name = format!("{}, {delay_s} s", model.name());
            rows.push(zoo.judge(task, sound(task, &network, *model, *delay_s), true, &name));
        }
        let small = [Flaw::NanInARegion, Flaw::Crashes];
        for flaw in Flaw::of(task).filter(|flaw| full || small.contains(flaw)) {
            let flawed = Flawed { sound: sound(task, &network, Model::Greedy, 60.0), flaw };
            rows.push(zoo.judge(task, Arc::new(flawed), false, &format!("{flaw:?}")));
        }
    }
    let table = table(&rows);
    println!("{table}");
    let wrong = |is_sound: bool| {
        let all = || rows.iter().filter(move |row| row.is_sound == is_sound);
        (all().filter(|row| !row.right()).count(), all().count())
    };
    let ((escaped, flawed), (accused, sound)) = (wrong(false), wrong(true));
    println!("{escaped} of {flawed} flawed candidates escaped; {accused} of {sound} sound ones failed");
    assert!(escaped as f64 <= 0.05 * flawed as f64, "{table}");
    assert!(accused as f64 <= 0.05 * sound as f64, "{table}");
    if !full {
        let failed = |row: &Row| row.is_sound || row.verdict == Verdict::Fail;
        return assert!(rows.iter().all(failed), "{table}");
    }
    // A suite that passes nobody would catch everything.
    let passed = rows.iter().filter(|row| row.is_sound && row.verdict == Verdict::Pass).count();
    assert!(2 * passed > sound, "{table}");
}
