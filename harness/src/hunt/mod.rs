//! Searching for the worst: the smallest and likeliest events that a candidate does not live through, and the suite that every later
//! one has to live through.

mod cascade;
mod chemistry;
mod confirm;
mod crew;
mod document;
mod failure;
mod folder;
mod subset;

use std::path::{Path, PathBuf};

use powerflow::{Diagnostic, Diagnostics};
use reports::HuntStudy;
use scenarios::{Losses, Population, nearest};

use crate::run::journal::Journal;
use crate::run::{self, Prepared, Watch};
use failure::Failure;

pub use cascade::{CascadeHunt, hunt_cascades};

/// Episodes that a hunt may try where nobody says how many.
pub const BUDGET: u64 = 10_000;
/// Most episodes that a hunt may try: its record is a line a batch, and every found set is kept in memory.
const BUDGET_MAX: u64 = 100_000_000;
/// Scenarios of the population that lend their demand and dates where nobody says how many.
pub const BACKGROUNDS: u64 = 4;
/// Backgrounds at most.
const BACKGROUNDS_MAX: u64 = 1000;

/// How to search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Method {
    /// Random chemistry: minimal sets of losses.
    #[default]
    Chemistry,
    /// Subset simulation: the probability that a gate's limit is broken, under the population's own law.
    Subset,
}

impl Method {
    /// Its name on the command line and in documents.
    pub fn id(self) -> &'static str {
        match self {
            Method::Chemistry => "chemistry",
            Method::Subset => "subset",
        }
    }
}

/// Which of the found sets go into the suite of regressions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Keep {
    /// Those that are harmless without the candidate: somebody, if only by asking nothing, passes the suite.
    #[default]
    Caused,
    /// All of them, also those that nobody may be able to live through.
    All,
}

impl Keep {
    /// Its name on the command line.
    pub fn id(self) -> &'static str {
        match self {
            Keep::Caused => "caused",
            Keep::All => "all",
        }
    }
}

/// What to search for, and how long.
#[derive(Clone, Debug)]
pub struct HuntOptions {
    /// Population whose losses are combined; `None` for the first that has any.
    pub population: Option<String>,
    /// Gate whose limit is to be broken; `None` for every required one that puts a limit on an episode.
    pub gate: Option<String>,
    /// How to search.
    pub method: Method,
    /// Episodes that may be tried.
    pub budget: u64,
    /// Largest set that is kept; `None` for as many losses as a scenario of the population has at most.
    pub size_max: Option<u32>,
    /// Scenarios that lend their demand and dates, from index 0 on.
    pub backgrounds: u64,
    /// What goes into the suite of regressions.
    pub keep: Keep,
    /// Folder for what is found; `None` for `hunts/SUITE-CANDIDATE`.
    pub out: Option<PathBuf>,
    /// Threads; `None` for one a core. Changes no byte.
    pub threads: Option<usize>,
}

impl Default for HuntOptions {
    fn default() -> Self {
        HuntOptions {
            population: None,
            gate: None,
            method: Method::default(),
            budget: BUDGET,
            size_max: None,
            backgrounds: BACKGROUNDS,
            keep: Keep::default(),
            out: None,
            threads: None,
        }
    }
}

/// A hunt that is checked and can begin.
pub struct PreparedHunt<'a> {
    prepared: &'a Prepared,
    population: &'a Population,
    failure: Failure,
    options: HuntOptions,
    out: PathBuf,
    threads: usize,
}

/// A complete hunt.
#[derive(Debug)]
pub struct Hunted {
    /// The document, as written.
    pub document: HuntStudy,
    /// The folder.
    pub out: PathBuf,
    /// Batches of trials that an interrupted hunt had done already.
    pub resumed: u64,
}

/// Checks all that a hunt needs.
///
/// # Errors
/// `hunt.population` and `hunt.gate` for what the suite does not have, `hunt.no-losses` where no population loses anything,
/// `hunt.clock` where delays are those of the clock, `usage.*` for numbers that make no sense, and what is wrong with the folder.
pub fn prepare_hunt<'a>(
    prepared: &'a Prepared,
    options: &HuntOptions,
) -> Result<PreparedHunt<'a>, Diagnostics> {
    let population = population(prepared, options)?;
    let failure = Failure::of(&prepared.suite, &population.id, options.gate.as_deref())?;
    if options.method == Method::Subset {
        subset::check(&failure, options.budget)?;
    }
    if prepared.by_the_clock() {
        let message = "delays are those of this run's clock: what fails now may not fail again";
        return Err(Diagnostic::error("hunt.clock", message)
            .at(&prepared.suite.file, None)
            .hint("record the times (`gridgate latency record`) and let [loop.latency] read the file")
            .into());
    }
    in_range("budget", options.budget, BUDGET_MAX)?;
    in_range("backgrounds", options.backgrounds, BACKGROUNDS_MAX)?;
    if let Some(size) = options.size_max {
        in_range("size-max", u64::from(size), 100)?;
    }
    let out = options.out.clone().unwrap_or_else(|| {
        let name = format!("{}-{}", prepared.suite.name, prepared.candidate.record().name);
        PathBuf::from("hunts").join(run::file_name(&name))
    });
    // What cannot be written at the end is refused at the beginning.
    folder::seed(prepared)?;
    run::folder::check_out(&out, folder::DOCUMENT)?;
    run::folder::check_apart(&out, prepared.candidate.as_ref())?;
    let threads = run::worker_threads(options.threads)?;
    Ok(PreparedHunt { prepared, population, failure, options: options.clone(), out, threads })
}

pub(crate) fn in_range(what: &str, value: u64, max: u64) -> Result<(), Diagnostics> {
    if (1..=max).contains(&value) {
        return Ok(());
    }
    let message = format!("--{what} is {value}; it can be from 1 to {max}");
    Err(Diagnostic::error("usage.range", message).hint("leave it out to take the default").into())
}

/// The population that is meant: the one of that id, or the first that can be searched.
fn population<'a>(prepared: &'a Prepared, options: &HuntOptions) -> Result<&'a Population, Diagnostics> {
    let (suite, populations) = (&prepared.suite, &prepared.populations);
    let id = options.population.as_deref();
    // Chemistry combines losses; a law that draws is enough for the other.
    let loses = |population: &&Population| match options.method {
        Method::Chemistry => population.hazards.iter().any(|hazard| hazard.losses_max() > 0),
        Method::Subset => !prepared.listed.iter().any(|file| file.population == population.id),
    };
    let complain = |code: &'static str, message: String, hint: String| {
        Err(Diagnostic::error(code, message).at(&suite.file, None).hint(hint).into())
    };
    match id {
        Some(id) => match populations.iter().find(|population| population.id == id) {
            None => complain(
                "hunt.population",
                format!("there is no population `{id}`"),
                nearest::advice(id, populations.iter().map(|population| population.id.as_str())),
            ),
            Some(population) if !loses(&population) => complain(
                "hunt.no-losses",
                format!("population `{id}` draws no losses, so there is nothing to combine"),
                "choose a population with line_trip or generator_trip".to_owned(),
            ),
            Some(population) => Ok(population),
        },
        None => match populations.iter().find(loses) {
            Some(population) => Ok(population),
            None => complain(
                "hunt.no-losses",
                "no population of the suite draws losses, so there is nothing to combine".to_owned(),
                "add one with line_trip or generator_trip".to_owned(),
            ),
        },
    }
}

impl PreparedHunt<'_> {
    /// Searches, and writes the folder: the document and, where something was found, a suite of regressions.
    ///
    /// # Errors
    /// Where the candidate cannot be started or the folder cannot be written; `run.interrupted` where `watch` stopped it.
    pub fn run(&self, watch: &dyn Watch) -> Result<Hunted, Diagnostics> {
        // Held until the folder is published: it keeps others out.
        let mut journal = Journal::open(&self.out, "hunt")?;
        let losses = Losses::of(self.prepared.seed(), self.population, self.prepared.world());
        crew::with_crew(self.prepared, self.threads, |crew| match self.options.method {
            Method::Chemistry => chemistry::hunt(self, crew, &losses, &mut journal, watch),
            Method::Subset => subset::hunt(self, crew, &mut journal, watch),
        })
    }

    /// Digest of all that decides the bytes of this hunt's trials.
    fn key(&self) -> String {
        let HuntOptions { method, budget, size_max, backgrounds, .. } = &self.options;
        let text = format!(
            "{}\n{} {} {budget} {size_max:?} {backgrounds}\n{}\n",
            self.prepared.key(),
            self.population.id,
            method.id(),
            self.failure.words()
        );
        reports::Digest::of(text).sha256
    }

    fn out(&self) -> &Path {
        &self.out
    }
}
