//! Damaged files, read, checked, built, solved, and written as a document.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gridgate_tests::Dice;
use harness::study::{self, DcLines, Question};
use powerflow::case::{census, check, read};
use powerflow::control::{ControlConfig, solve_controlled};
use powerflow::{Case, Diagnostics, Network, NewtonConfig, ReactiveLimits, Rescue, Slack, Solver};

use crate::claim::{self, Claim, Moment};
use crate::corpus::{Sample, corpus};
use crate::finding::Finding;
use crate::mutation::damage;
use crate::shrink::shrink;
use crate::worker::{Feed, goes_on, guarded, panicked};
use crate::{Order, now};

/// Cases that are solved; larger ones are only read and checked.
const BUSES_MAX: usize = 3000;

/// See the module.
pub(crate) struct Reading {
    seed: u64,
    folder: PathBuf,
    samples: Vec<Sample>,
    /// Indices of the small ones.
    small: Vec<usize>,
    name: String,
    is_folder: bool,
    files: Vec<(String, Vec<u8>)>,
}

/// What the answers of an input are good for: at most one of these is said.
const REFUSED: &str = "refused by the reader";

impl Reading {
    pub(crate) fn new(order: &Order) -> std::io::Result<Self> {
        let samples = corpus();
        let small = (0..samples.len()).filter(|i| samples[*i].len() < 30_000).collect();
        println!("{} files of every format", samples.len());
        Ok(Reading {
            seed: order.seed,
            folder: now(&order.out),
            samples,
            small,
            name: String::new(),
            is_folder: false,
            files: Vec::new(),
        })
    }

    /// Writes files into an empty folder; answers the path of the case.
    fn put(&self, files: &[(String, Vec<u8>)]) -> Result<PathBuf, Finding> {
        let put = || -> std::io::Result<PathBuf> {
            if self.folder.exists() {
                std::fs::remove_dir_all(&self.folder)?;
            }
            std::fs::create_dir_all(&self.folder)?;
            for (name, bytes) in files {
                std::fs::write(self.folder.join(name), bytes)?;
            }
            Ok(if self.is_folder { self.folder.clone() } else { self.folder.join(&self.name) })
        };
        put().map_err(|error| Finding::new("note: input was not written", error.to_string()))
    }
}

impl Feed for Reading {
    fn attempt(&mut self, number: u64) -> Result<&'static str, Finding> {
        let mut dice = Dice(self.seed ^ number.wrapping_mul(0x2545_F491_4F6C_DD1D));
        let small = dice.chance(0.85);
        let at = if small { *dice.pick(&self.small) } else { dice.below(self.samples.len()) };
        let sample = &self.samples[at];
        (self.name, self.is_folder) = (sample.name.clone(), sample.folder);
        self.files = damage(&mut dice, sample, &self.samples);
        examine(&self.put(&self.files)?)
    }

    fn input(&self) -> Vec<(String, Vec<u8>)> {
        self.files.clone()
    }

    fn smaller(&mut self, _number: u64, kind: &str) -> Option<Vec<(String, Vec<u8>)>> {
        let lines: Vec<(usize, Vec<u8>)> = self
            .files
            .iter()
            .enumerate()
            .flat_map(|(i, (_, bytes))| {
                bytes.split_inclusive(|b| *b == b'\n').map(move |line| (i, line.to_vec()))
            })
            .collect();
        let join = |lines: &[(usize, Vec<u8>)]| -> Vec<(String, Vec<u8>)> {
            let own =
                |i: usize| lines.iter().filter(move |(at, _)| *at == i).flat_map(|(_, line)| line.clone());
            self.files.iter().enumerate().map(|(i, (name, _))| (name.clone(), own(i).collect())).collect()
        };
        let mut fails = |lines: &[(usize, Vec<u8>)]| {
            guarded(|| examine(&self.put(&join(lines))?)).is_err_and(|found| found.kind == kind)
        };
        let fewer = shrink(lines, &mut fails);
        Some(join(&fewer))
    }
}

/// Complaints are errors and can be printed.
fn refusal(complaints: &Diagnostics) -> Result<(), Finding> {
    if complaints.0.iter().any(|d| d.code == "case.reader.defect") {
        return Err(panicked("note: the reader's own panic, caught"));
    }
    if !complaints.has_errors() || complaints.to_string().is_empty() {
        return Err(Finding::new("refused without an error", complaints.to_string()));
    }
    printable("complaints", complaints)
}

/// A document of finite numbers.
fn printable<T: serde::Serialize>(what: &str, document: &T) -> Result<(), Finding> {
    reports::canonical_json(document)
        .map(|_| ())
        .map_err(|problem| Finding::new(format!("{what} cannot be written"), problem.to_string()))
}

/// Everything that is done to a file.
fn examine(path: &Path) -> Result<&'static str, Finding> {
    let case = match read(path) {
        Ok(case) => case,
        Err(complaints) => return refusal(&complaints).map(|()| REFUSED),
    };
    let said = examine_case(&case)?;
    // Once more from the file, with everything that it can ask for.
    let question = Question { dc_lines: DcLines::On, control: ControlConfig::all() };
    match study::solve_question(path, &NewtonConfig::default(), false, &question) {
        Ok(_) if case.buses.len() > BUSES_MAX => {}
        Ok(solved) => {
            printable("a solution with controls", &solved.document)?;
            let json = serde_json::to_value(&solved.document).unwrap_or_default();
            if let Some(path) = claim::null(&json, "") {
                return Err(Finding::new("number that is none in a document with controls", path));
            }
        }
        Err(complaints) => refusal(&complaints)?,
    }
    Ok(said)
}

/// Everything that is done to a case.
pub(crate) fn examine_case(case: &Case) -> Result<&'static str, Finding> {
    let counted = census(case);
    if counted.to_string().is_empty() {
        return Err(Finding::new("an empty census", ""));
    }
    let complaints = check(case);
    printable("complaints", &complaints)?;
    // A case from a file has numbers throughout; one built in memory may not, which the check says.
    if !complaints.0.iter().any(|d| d.code == "case.number.not-finite") {
        printable("a census", &counted)?;
    }
    let whole = if case.dc_lines_run { case.clone().with_dc_lines() } else { case.clone() };
    let network = match Network::build(whole) {
        Ok(network) => network,
        Err(complaints) => return refusal(&complaints).map(|()| "refused by the check"),
    };
    if network.buses.id.len() > BUSES_MAX {
        return Ok("too large to be solved here");
    }
    let textbook = NewtonConfig {
        reactive_limits: ReactiveLimits::Ignore,
        slack: Slack::Single,
        ..NewtonConfig::default()
    };
    let mut solved = 0;
    for (config, linear) in [(NewtonConfig::default(), false), (textbook.clone(), false), (textbook, true)] {
        goes_on();
        let document = match study::solve_network(&network, &config, linear) {
            Ok(document) => document,
            Err(complaints) => {
                refusal(&complaints)?;
                continue;
            }
        };
        let json = serde_json::to_string(&document)
            .map_err(|error| Finding::new("a solution cannot be written", error.to_string()))?;
        printable("a solution", &document)?;
        // What complaints say is the file's; the first line is its name.
        let text = document.to_string();
        let own = text.split("\n\n").next().unwrap_or_default().lines().skip(1);
        if own.flat_map(str::split_whitespace).any(|word| ["NaN", "inf", "-inf"].contains(&word)) {
            return Err(Finding::new("a number that is none in the text of a solution", text));
        }
        let named = if linear { "linear: " } else { "" };
        claim::document(&network.case, &json, config.tolerance_pu, linear)
            .map_err(|found| Finding { kind: prefixed(named, found.kind), ..found })?;
        solved += u32::from(!linear && document.status == "solved");
    }
    controlled(&network)?;
    Ok(["without a solution", "solved one way", "solved both ways"][solved as usize])
}

/// With all controls that the case has: what is moved is a number, and Kirchhoff's law holds for the state that it leads to.
fn controlled(network: &Arc<Network>) -> Result<(), Finding> {
    goes_on();
    let config = NewtonConfig { rescue: Rescue::Quick, ..NewtonConfig::default() };
    let state = network.initial_state();
    let Ok(answer) =
        solve_controlled(&mut Solver::new(network), &state, None, &config, &ControlConfig::all())
    else {
        return Ok(());
    };
    if let Some(made) = answer.moved.iter().find(|made| !(made.from.is_finite() && made.to.is_finite())) {
        return Err(Finding::new("a control moved by no number", format!("{made:?}")));
    }
    let claim = Claim::of_solution(network, &answer.solution, config.tolerance_pu);
    claim
        .hold(&network.case, &Moment::of_state(network, &answer.state))
        .map(|_| ())
        .map_err(|found| Finding { kind: format!("controls: {}", found.kind), ..found })
}

/// A kind under a name; a note stays one.
fn prefixed(name: &str, kind: String) -> String {
    if crate::finding::is_note(&kind) { kind } else { format!("{name}{kind}") }
}
