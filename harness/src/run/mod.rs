//! From a suite file to a verdict: prepare, simulate, judge, write.

mod assumed;
mod cache;
mod challenge;
pub mod folder;
pub(crate) mod journal;
mod judge;
mod listed;
pub(crate) mod lives;
pub(crate) mod local;
mod progress;
mod readings;
mod recorded;
pub mod replay;
mod tested;
mod varied;
mod watched;
mod weighed;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use powerflow::{Diagnostic, Diagnostics, Network};
use reports::{Evidence, InputRecord, RunRecord};
use scenarios::{Population, Seed, World};

pub use judge::Verdicts;
pub use listed::ListedFile;
pub use progress::{Progress, Silent, Watch};

use crate::action::Task;
use crate::assumption::{self, Assumptions};
use crate::beside::BesideBytes;
use crate::candidate::greedy::Greedy;
use crate::candidate::manifest::Mode;
use crate::candidate::operator::{self, Model, Operator};
use crate::candidate::{self, Source};
use crate::covers;
use crate::gate::Frame;
use crate::grid::autonomous::Autonomous;
use crate::grid::protection::{Protection, frequency};
use crate::grid::{GridRules, units};
use crate::latency::{self, Delay, Latency};
use crate::live::LoopConfig;
use crate::metric::{self, Looks, Needs};
use crate::response;
use crate::sensing::{self, Sensing};
use crate::service::Customers;
use crate::suite::{Champion, Suite, TIERS, Tier};
use crate::supervision::{self, Advisory};
use crate::waiver::Waivers;
use scenarios::nearest;

/// Everything a run needs, checked.
pub struct Prepared {
    /// The suite.
    pub suite: Suite,
    /// Bytes of the suite file, as they were read.
    pub suite_bytes: Vec<u8>,
    /// Bytes of the case file.
    pub grid_bytes: Vec<u8>,
    /// Files that the suite names to say what the case does not.
    pub beside: Vec<BesideBytes>,
    /// The network.
    pub network: Arc<Network>,
    /// Customers of its buses.
    pub customers: Arc<Customers>,
    /// Populations with their hazards, in suite order.
    pub populations: Vec<Population>,
    /// The loop.
    pub config: LoopConfig,
    /// What the loop takes the world to be.
    pub assumptions: Assumptions,
    /// Who is judged.
    pub candidate: Arc<dyn Source>,
    /// Whom it is compared with: nobody, one, or several models of the operator, of which the first is shown.
    pub champions: Vec<Arc<dyn Source>>,
    /// Delay between observation and action; `None`: actions take effect at once.
    pub latency: Option<Arc<Latency>>,
    /// Files of listed scenarios that populations name.
    pub listed: Vec<ListedFile>,
    /// The tier that is run; `None`: the whole suite.
    pub tier: Option<Tier>,
}

/// Who is judged, where it is not whom the suite names.
pub enum Contender {
    /// The suite's own candidate.
    OfSuite,
    /// A manifest, or `do_nothing`.
    Named(String),
    /// An object of the embedding program.
    Given(Arc<dyn Source>),
    /// Who repeats what was asked of the grid before: it passes through no limiter and asks nobody again.
    Repeating(Arc<dyn Source>),
    /// An object of the embedding program that must know what it is for.
    Embedded(Opener),
}

/// Makes a candidate for a task on a grid.
pub type Opener = Box<dyn FnOnce(Task, &Arc<Network>) -> Result<Arc<dyn Source>, Diagnostics> + Send>;

/// The program whose episodes have these bytes: its version, how it calculates, and a digest of the sources that it was built from, since two
/// builds of one version may differ.
const ENGINE: &str = concat!(
    "gridgate ",
    env!("CARGO_PKG_VERSION"),
    " f64 fused-multiply-add sources ",
    env!("GRIDGATE_SOURCES")
);

/// Worker threads at most: above this a number is a mistake.
const THREADS_MAX: usize = 1024;

/// How to run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Folder to write; made, or replaced when the run is complete.
    pub out: PathBuf,
    /// Worker threads, at least one. Changes no byte of evidence.
    pub threads: usize,
    /// Folder in which blocks of episodes are kept for later runs, and looked for. Changes no byte of evidence.
    pub cache: Option<PathBuf>,
    /// Permissions to fail a gate.
    pub waivers: Option<Waivers>,
    /// The suite file as findings shall name it, relative to the repository it lies in.
    pub suite_path: Option<String>,
}

/// A complete run.
pub struct Completed {
    /// The evidence, as written.
    pub evidence: Evidence,
    /// What only this run can know.
    pub run: RunRecord,
    /// The report, composed.
    pub report: reports::Report,
    /// The folder.
    pub out: PathBuf,
    /// Blocks of 256 episodes that an interrupted run had done already.
    pub resumed_blocks: u64,
    /// What the caller should be told and no document holds: a cache that could not be used.
    pub warnings: Diagnostics,
}

/// Reads and checks a suite and all that it names.
///
/// # Errors
/// Everything that is wrong with suite, case, hazards or candidate.
pub fn prepare(suite_path: &Path, contender: Contender) -> Result<Prepared, Diagnostics> {
    prepare_from(suite_path, &Copies::default(), contender)
}

/// The same without the suite's delays, nor the recorded file that they rest on: for recording it.
///
/// # Errors
/// As [`prepare`], but for the delays.
pub(crate) fn prepare_undelayed(suite_path: &Path, contender: Contender) -> Result<Prepared, Diagnostics> {
    prepare_from(suite_path, &Copies { undelayed: true, ..Copies::default() }, contender)
}

/// The same, with the case, the recorded times, and what lies beside the case and listed scenarios elsewhere than where the suite says; the
/// last two beside it.
pub(crate) fn prepare_copies(
    suite: &Path,
    grid: &Path,
    latency: Option<&Path>,
    contender: Contender,
) -> Result<Prepared, Diagnostics> {
    let folder = Some(suite.parent().unwrap_or(Path::new("")));
    let copies = Copies { grid: Some(grid), latency, folder, undelayed: false };
    prepare_from(suite, &copies, contender)
}

/// Where inputs lie, if not where the suite says.
#[derive(Clone, Copy, Default)]
struct Copies<'a> {
    grid: Option<&'a Path>,
    latency: Option<&'a Path>,
    /// Folder with copies of what lies beside the case, and of listed scenarios.
    folder: Option<&'a Path>,
    /// Whether the suite's delays are left out.
    undelayed: bool,
}

fn prepare_from(
    suite_path: &Path,
    copies: &Copies<'_>,
    contender: Contender,
) -> Result<Prepared, Diagnostics> {
    let suite_bytes = read(suite_path, "suite.read", "the suite")?;
    let text = String::from_utf8(suite_bytes.clone()).map_err(|_| {
        Diagnostic::error("suite.encoding", "the suite is not text in UTF-8")
            .at(suite_path.display().to_string(), None)
    })?;
    let mut suite = Suite::from_text(&text, suite_path)?;
    if let Some(grid) = copies.grid {
        suite.grid_path = grid.to_owned();
    }
    suite.check_metrics(&metric::known())?;
    let grid_bytes = read(&suite.grid_path, "suite.grid.read", "the case that the suite names")?;
    let mut case = powerflow::case::read(&suite.grid_path)?;
    if let Some(folder) = copies.folder {
        for file in &mut suite.beside {
            file.path = folder.join(file.copy_name());
        }
    }
    let beside =
        suite.beside.iter().map(|file| file.enter(&mut case)).collect::<Result<Vec<_>, Diagnostics>>()?;
    let network = Network::build(case)?;
    covers::check(&suite)?;
    let droop = suite
        .protection
        .as_ref()
        .is_some_and(|relays| relays.of(network.frequency_hz).balance() == frequency::Balance::Droop);
    let autonomous = suite.autonomous.of(&network, &suite.file, droop)?;
    let network = units::with_modes(&network, &autonomous.units);
    let assumptions = Assumptions::of(&suite, &network, autonomous);
    let mut config = loop_config(&suite, &network, &assumptions)?;
    let customers = Arc::new(Customers::of_suite(&network, &beside)?);
    config.looks = looks(&suite, &customers);
    let (populations, listed) = populations(&suite, copies.folder, &network, &config)?;
    let task = config.task;
    suite.check_frames(&frames(&suite, &populations, &world(&network, &config), &config))?;
    let repeats = matches!(contender, Contender::Repeating(_));
    let candidate: Arc<dyn Source> = match contender {
        Contender::Given(source) | Contender::Repeating(source) => source,
        Contender::Embedded(open) => open(task, &network)?,
        Contender::Named(name) => Arc::from(candidate::open(&name, task, &network)?),
        Contender::OfSuite => match &suite.candidate_path {
            Some(path) => Arc::from(candidate::open(&path.to_string_lossy(), task, &network)?),
            None => {
                return Err(Diagnostic::error(
                    "suite.no-candidate",
                    "nobody is judged: the suite names no candidate",
                )
                .at(&suite.file, None)
                .hint("add `candidate = \"candidate.toml\"`, or say --candidate candidate.toml")
                .into());
            }
        },
    };
    let candidate = if repeats { candidate } else { supervision::around(candidate, &suite, &network)? };
    sensing::check_gates(&suite)?;
    let champions = champions(&suite, suite_path, copies, &network)?;
    let latency = if copies.undelayed {
        None
    } else {
        latency::check_gates(&suite)?;
        let open = |written| Latency::open(written, suite_path, copies.latency, &candidate.record());
        suite.latency.as_ref().map(open).transpose()?.map(Arc::new)
    };
    Ok(Prepared {
        suite,
        suite_bytes,
        grid_bytes,
        beside,
        network,
        customers,
        populations,
        config,
        assumptions,
        candidate,
        champions,
        latency,
        listed,
        tier: None,
    })
}

/// Whom the candidate is compared with. Of another candidate a run folder has no copy: whoever prepares from there compares with nobody.
fn champions(
    suite: &Suite,
    suite_path: &Path,
    copies: &Copies<'_>,
    network: &Arc<Network>,
) -> Result<Vec<Arc<dyn Source>>, Diagnostics> {
    let task = suite.loop_config.task;
    Ok(match &suite.champion {
        None => Vec::new(),
        Some(Champion::DoNothing) => vec![Arc::from(candidate::open("do_nothing", task, network)?)],
        Some(Champion::Greedy) => vec![Arc::new(Greedy::new(task, network))],
        Some(Champion::Operator) => operators(suite, network, suite.operators.settings),
        Some(Champion::Manifest(_)) if copies.folder.is_some() => Vec::new(),
        Some(Champion::Manifest(path)) => {
            let path = suite_path.parent().unwrap_or(Path::new("")).join(path);
            let champion = candidate::open(&path.to_string_lossy(), task, network)?;
            check_champion(champion.as_ref(), suite)?;
            vec![Arc::from(champion)]
        }
    })
}

/// A champion acts by itself, under a name that nobody takes for the candidate's.
fn check_champion(champion: &dyn Source, suite: &Suite) -> Result<(), Diagnostics> {
    let record = champion.record();
    let (message, hint) = if record.mode != Mode::ClosedLoop.id() {
        ("advises people, and nobody answers a champion", "name one whose mode is \"closed_loop\"")
    } else if record.name == "candidate" {
        ("is called like every candidate in the evidence", "give it another name in its manifest")
    } else {
        return Ok(());
    };
    Err(Diagnostic::error("suite.champion", format!("the champion `{}` {message}", record.name))
        .at(&suite.file, None)
        .hint(hint)
        .into())
}

pub(crate) fn read(path: &Path, code: &str, what: &str) -> Result<Vec<u8>, Diagnostics> {
    std::fs::read(path).map_err(|error| {
        Diagnostic::error(code.to_owned(), format!("{what} cannot be read: {error}"))
            .at(path.display().to_string(), None)
            .hint("paths in a suite are relative to the suite file")
            .into()
    })
}

/// The operators that the candidate is compared with, who work so.
fn operators(suite: &Suite, network: &Arc<Network>, settings: operator::Settings) -> Vec<Arc<dyn Source>> {
    let open = |model: &Model| -> Arc<dyn Source> {
        Arc::new(Operator::new(*model, suite.loop_config.task, network, settings))
    };
    suite.operators.models.iter().map(open).collect()
}

/// The loop of a suite in a world of these assumptions.
fn loop_config(
    suite: &Suite,
    network: &Arc<Network>,
    assumptions: &Assumptions,
) -> Result<LoopConfig, Diagnostics> {
    let (settings, physics) = (&suite.loop_config, &assumptions.physics);
    let newton = powerflow::NewtonConfig { unsolved_islands_die: true, ..physics.newton() };
    let relays = assumptions.relays.clone();
    let autonomous = Autonomous::new(network, assumptions.autonomous.clone(), relays.as_ref(), &newton);
    let by_kind = autonomous.has_ride_through();
    let protection = relays.map(|relays| Protection::new(network, relays, &newton));
    let protection = protection.map(|p| Arc::new(if by_kind { p.without_ride_through() } else { p }));
    let of_protection = protection.as_ref().map(|protection| &protection.settings);
    let frequency = suite.frequency.as_ref();
    let mut frequency =
        frequency.map(|written| written.of(network, of_protection, &suite.file)).transpose()?;
    for unit in frequency.iter_mut().flat_map(|elements| &mut elements.units) {
        unit.model.inertia_s *= assumptions.inertia_share;
    }
    let sensing = suite.sensing.map(|told| Arc::new(Sensing::new(network, settings.observe, told, &newton)));
    Ok(LoopConfig {
        task: settings.task,
        step_s: settings.step_s,
        steps: settings.steps,
        newton,
        rules: Arc::new(GridRules {
            ramp_share_per_min: physics.ramp_share_per_min,
            cooldown_s: physics.cooldown_s,
            tap_range: assumptions.tap_range,
            protection,
            frequency: frequency.map(Arc::new),
            measures_frequency: settings.task == Task::FrequencyResponse,
            autonomous: Some(Arc::new(autonomous)),
            seed: Seed(suite.seed),
        }),
        looks: Looks::default(),
        sensing,
    })
}

/// What the gates of a suite need looked at.
fn looks(suite: &Suite, customers: &Arc<Customers>) -> Looks {
    let needs = || suite.gates.iter().filter_map(|gate| Some(metric::by_id(&gate.metric)?.1.needs));
    let security = |needs| if let Needs::Security(depth) = needs { Some(depth) } else { None };
    let asked = needs().any(|needs| needs == Needs::Service);
    Looks { security: needs().filter_map(security).max(), customers: asked.then(|| Arc::clone(customers)) }
}

fn populations(
    suite: &Suite,
    copies: Option<&Path>,
    network: &Network,
    config: &LoopConfig,
) -> Result<(Vec<Population>, Vec<ListedFile>), Diagnostics> {
    let mut complaints = Diagnostics::default();
    let world = world(network, config);
    let mut populations = Vec::with_capacity(suite.populations.len());
    let mut files = Vec::new();
    for from in &suite.populations {
        let mut hazards = Vec::with_capacity(from.hazards.len());
        if let Some(name) = &from.scenarios {
            match listed::listed(suite, &from.id, name, copies, network) {
                Ok((file, list)) => {
                    hazards.push(Box::new(list) as Box<dyn scenarios::Hazard>);
                    files.push(file);
                }
                Err(found) => complaints.0.extend(found.0),
            }
        }
        for hazard in &from.hazards {
            match scenarios::hazard::parse(&hazard.table) {
                Ok(hazard) => hazards.push(hazard),
                Err(found) => {
                    complaints.0.extend(found.0.into_iter().map(|d| d.at(&suite.file, hazard.line)))
                }
            }
        }
        let mut population = Population { id: from.id.clone(), hazards, size_max: 0 };
        population.size_max = from.size_max.or_else(|| population.listed(&world)).unwrap_or(0);
        let found = population.check(&world);
        complaints.0.extend(found.0.into_iter().map(|d| d.at(&suite.file, from.line)));
        populations.push(population);
    }
    complaints.into_result((populations, files))
}

/// Whether delays or people draw something of their own in each episode.
fn draws(suite: &Suite) -> bool {
    suite.latency.as_ref().is_some_and(latency::Written::draws)
        || suite.advisory.as_ref().is_some_and(Advisory::draws)
}

/// What the episodes of each population are taken from.
fn frames(suite: &Suite, populations: &[Population], world: &World<'_>, config: &LoopConfig) -> Vec<Frame> {
    let draws = draws(suite);
    let relays = config.rules.protection.as_ref();
    let hidden = relays.is_some_and(|relays| relays.settings.hidden_failure_probability > 0.0);
    let frame = |population: &Population| Frame {
        size: population.listed(world),
        draws: hidden || draws,
        hours: world.horizon_s / 3600.0,
        per_year: suite.populations.iter().find(|own| own.id == population.id).and_then(|own| own.per_year),
    };
    populations.iter().map(frame).collect()
}

fn world<'a>(network: &'a Network, config: &LoopConfig) -> World<'a> {
    World { network, horizon_s: f64::from(config.steps) * config.step_s, step_s: config.step_s }
}

impl Prepared {
    /// The same with another seed than the suite's.
    #[must_use]
    pub fn with_seed(mut self, seed: Option<u64>) -> Self {
        self.suite.seed = seed.unwrap_or(self.suite.seed);
        Arc::make_mut(&mut self.config.rules).seed = self.seed();
        self
    }

    /// The same with the design of a tier of the suite; the whole suite without a name.
    ///
    /// # Errors
    /// `suite.tier.unknown` where the suite has no such tier.
    pub fn with_tier(mut self, name: Option<&str>) -> Result<Self, Diagnostics> {
        let Some(name) = name else { return Ok(self) };
        let Some(tier) = self.suite.tiers.iter().find(|tier| tier.name == name).cloned() else {
            let known: Vec<&str> = self.suite.tiers.iter().map(|tier| tier.name).collect();
            let hint = match (known.is_empty(), nearest::nearest(name, known.iter().copied())) {
                (false, Some(meant)) => format!("did you mean `{meant}`?"),
                (false, None) => format!("there are {}", known.join(", ")),
                (true, _) => {
                    format!("it has none; add a table such as [tier.{}] with size_max = 512", TIERS[0])
                }
            };
            let message = format!("the suite has no tier `{name}`");
            return Err(Diagnostic::error("suite.tier.unknown", message)
                .at(&self.suite.file, None)
                .hint(hint)
                .into());
        };
        for population in &mut self.populations {
            population.size_max = population.size_max.min(tier.size_max.unwrap_or(u64::MAX));
        }
        self.tier = Some(tier);
        Ok(self)
    }

    /// The same with the service of every bus looked at, whatever gates ask for, and nothing else.
    #[must_use]
    pub(crate) fn serving(mut self) -> Self {
        let customers = self.customers.clone();
        self.config.looks = Looks { customers: Some(customers), security: None };
        self
    }

    /// The seed of every stream of the suite.
    pub fn seed(&self) -> Seed {
        Seed(self.suite.seed)
    }

    /// The world that hazards act in.
    pub fn world(&self) -> World<'_> {
        world(&self.network, &self.config)
    }

    /// What the episodes of a population, by its row, are taken from.
    pub(crate) fn frame(&self, population: usize) -> Frame {
        let one = self.populations.get(population..=population).unwrap_or_default();
        frames(&self.suite, one, &self.world(), &self.config).pop().unwrap_or_default()
    }

    /// Whether delays are those of this run's clock, so that no release can rest on it.
    pub(crate) fn by_the_clock(&self) -> bool {
        self.latency.as_ref().is_some_and(|latency| latency.timing.delay == Delay::WallClock)
    }

    /// The metrics that gates on a population ask the response of.
    pub(crate) fn responses(&self, population: &str) -> Vec<&'static metric::Metric> {
        let own = self.suite.gates.iter().filter(|gate| gate.population == population);
        let mut asked: Vec<&'static metric::Metric> = Vec::new();
        for metric in own.filter_map(|gate| response::base(&gate.metric)) {
            if asked.iter().all(|other| other.id != metric.id) {
                asked.push(metric);
            }
        }
        asked
    }

    /// Other models of the world that the suite wants tried and that can matter to it, and why the others cannot; `None` where it wants none.
    pub(crate) fn variants(&self) -> Option<assumption::Chosen> {
        let setting = assumption::Setting { suite: &self.suite, network: &self.network };
        let written = self.suite.assumptions.as_ref()?;
        Some(assumption::chosen(written, &self.assumptions, &setting))
    }

    /// The comparators in another model of the world: operators work there as it says, everybody else is the same.
    fn champions_in(&self, assumptions: &Assumptions) -> Vec<Arc<dyn Source>> {
        match self.suite.champion {
            Some(Champion::Operator) => operators(&self.suite, &self.network, assumptions.operator),
            _ => self.champions.clone(),
        }
    }

    /// How far margins are looked for in each episode of a population, ms; `None` where no gate asks.
    pub(crate) fn margin_max_ms(&self, population: &str) -> Option<u32> {
        let asks = |gate: &crate::suite::SuiteGate| {
            gate.population == population && gate.metric == latency::MARGIN_MS
        };
        let of_suite = self.latency.as_ref().map_or(latency::MARGIN_MAX_MS, |latency| latency.margin_max_ms);
        self.suite.gates.iter().any(asks).then_some(of_suite)
    }

    /// Inputs by digest, under names that do not depend on the machine.
    pub fn inputs(&self) -> Vec<InputRecord> {
        let input = |role: &str, name: &str, bytes: &[u8]| InputRecord {
            role: role.into(),
            name: name.into(),
            digest: reports::Digest::of(bytes),
        };
        let suite_name = Path::new(&self.suite.file).file_name();
        let suite_name =
            suite_name.map_or_else(|| self.suite.file.clone(), |n| n.to_string_lossy().into_owned());
        let mut inputs = vec![
            input("suite", &suite_name, &self.suite_bytes),
            input("grid", &self.suite.grid, &self.grid_bytes),
        ];
        inputs
            .extend(self.beside.iter().map(|file| input(file.file.kind.key(), &file.file.name, &file.bytes)));
        if let Some(recorded) = self.latency.as_ref().and_then(|latency| latency.recorded.as_ref()) {
            inputs.push(input("latency", &recorded.name, &recorded.bytes));
        }
        inputs.extend(self.listed.iter().map(|file| input("scenarios", &file.name, &file.bytes)));
        inputs
    }

    /// How to run it: into `out`, or `runs/SUITE-CANDIDATE`, on so many threads, or one for each core.
    ///
    /// # Errors
    /// `usage.threads` where there are none, `run.out` where the folder may not be written, `run.unfinished` where another run began there and
    /// did not end.
    pub fn options(&self, out: Option<PathBuf>, threads: Option<usize>) -> Result<RunOptions, Diagnostics> {
        let threads = worker_threads(threads)?;
        let out = self.out(out);
        folder::check_out(&out, "evidence.json")?;
        for source in std::iter::once(&self.candidate).chain(&self.champions) {
            folder::check_apart(&out, source.as_ref())?;
        }
        local::check_unfinished(self, &out)?;
        Ok(RunOptions { out, threads, cache: None, waivers: None, suite_path: None })
    }

    /// The folder for the results: `out`, or `runs/SUITE-CANDIDATE`.
    pub fn out(&self, out: Option<PathBuf>) -> PathBuf {
        out.unwrap_or_else(|| {
            let name = format!("{}-{}", self.suite.name, self.candidate.record().name);
            PathBuf::from("runs").join(file_name(&name))
        })
    }

    /// Digest of everything that decides the bytes of this run's episodes: inputs, seed, sizes, candidate, program.
    pub fn key(&self) -> String {
        let mut text = format!("{ENGINE} seed {}\n", self.suite.seed);
        for population in &self.populations {
            text.push_str(&format!("population {} {}\n", population.id, population.size_max));
        }
        for input in self.inputs() {
            text.push_str(&format!("{} {}\n", input.role, input.digest.sha256));
        }
        let candidate = self.candidate.record();
        text.push_str(&format!(
            "candidate {} {} {}\n",
            candidate.name, candidate.adapter, candidate.digest.sha256
        ));
        for champion in self.champions.iter().map(|champion| champion.record()) {
            text.push_str(&format!(
                "champion {} {} {}\n",
                champion.name, champion.adapter, champion.digest.sha256
            ));
        }
        reports::Digest::of(text).sha256
    }
}

/// Runs a prepared suite and writes its folder.
///
/// # Errors
/// Where the candidate cannot be started, or the folder cannot be written; `run.interrupted` where `watch` stopped it.
pub fn run(prepared: &Prepared, options: &RunOptions, watch: &dyn Watch) -> Result<Completed, Diagnostics> {
    // Held until the folder is published: it keeps other runs out.
    let mut partial = local::Partial::open(prepared, &options.out)?;
    let simulated = local::simulate(prepared, options, watch, &mut partial)?;
    let kept = recorded::keep(prepared, &simulated)?;
    if watch.stop() {
        return Err(interrupted());
    }
    folder::write(prepared, options, &simulated, kept)
}

/// Throws away what an unfinished run has left beside `out`.
///
/// # Errors
/// `run.write` where it cannot be removed.
pub fn discard_unfinished(out: &Path) -> Result<(), Diagnostics> {
    folder::check_out(out, "evidence.json")?;
    folder::remove(&journal::partial_folder(out))
}

/// So many threads, or one for each core.
///
/// # Errors
/// `usage.threads` where the number is none that a machine could have.
pub fn worker_threads(threads: Option<usize>) -> Result<usize, Diagnostics> {
    let refuse = |message: String| {
        Err(Diagnostic::error("usage.threads", message).hint("leave the number out to use every core").into())
    };
    match threads {
        Some(0) => refuse("0 threads can do nothing".into()),
        Some(threads) if threads > THREADS_MAX => refuse(format!(
            "{threads} threads are more than any machine has cores; {THREADS_MAX} are the most"
        )),
        Some(threads) => Ok(threads),
        None => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
    }
}

/// Writes a file to a temporary name beside it, then renames it.
///
/// # Errors
/// `run.write`.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Diagnostics> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder::Staged { root: folder.to_owned(), files: std::collections::BTreeMap::new() }.put(&name, bytes)
}

pub(crate) fn interrupted() -> Diagnostics {
    Diagnostic::error("run.interrupted", "the run was stopped before it was complete").into()
}

/// A name that is safe as a file name on every system.
pub(crate) fn file_name(name: &str) -> String {
    let mut safe: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' })
        .collect();
    while safe.contains("--") {
        safe = safe.replace("--", "-");
    }
    safe.trim_matches(['-', '.']).to_lowercase()
}
