//! The suite: what is simulated, who is judged, and which claims must hold.

mod champion;
mod claim;
mod frame;
mod tier;

use std::path::{Path, PathBuf};

use powerflow::{Diagnostic, Diagnostics, NewtonConfig, ReactiveLimits, Rescue, Slack};

use crate::action::Task;
use crate::assumption;
use crate::beside::{self, BesideFile};
use crate::fields::{Document, Fields};
use crate::gate::{self, Gate, Severity};
use crate::grid::{autonomous, frequency, protection};
use crate::latency;
use crate::sensing::{self, Observe};
use crate::supervision::{self, Advisory, Limiter};
use scenarios::nearest;

pub use champion::{Champion, Operators};
pub use tier::{TIERS, Tier};

/// Schema of the suite file that this program reads.
pub const SUITE_SCHEMA: &str = "gridgate/suite/1";

/// Metric that every population has a required gate on: where generation could not follow demand, no other number of
/// the episode means what it says.
pub const BALANCE_METRIC: &str = "balance.unmet_mw";

/// Shortest step, s. A power flow says nothing about what is quicker, and time is counted in nanoseconds: of steps far
/// below one, all would begin at once, and no hazard would ever happen.
const STEP_S_MIN: f64 = 1e-3;
/// Longest step, s.
const STEP_S_MAX: f64 = 1e6;
/// Longest episode, s.
const HORIZON_S_MAX: f64 = 3.2e9;
/// Longest id: it becomes a part of file names.
const ID_MAX: usize = 64;

/// When a run ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// After all episodes of every population.
    #[default]
    Never,
    /// At the first multiple of 256 episodes at which every required gate is decided.
    Decided,
}

/// What the error rate is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Claim {
    /// The suite's verdict: every required gate is tested at level alpha.
    #[default]
    Suite,
    /// Every gate's verdict: each is tested at its share of alpha.
    PerGate,
}

/// The closed loop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoopSettings {
    /// What the candidate controls.
    pub task: Task,
    /// Length of a step, s; from 0.001 to 1e6.
    pub step_s: f64,
    /// Steps in an episode; at least one.
    pub steps: u32,
    /// What the candidate is shown.
    pub observe: Observe,
}

/// Choices of the physics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhysicsConfig {
    /// Reactive limits of units.
    pub reactive_limits: ReactiveLimits,
    /// Who provides the imbalance.
    pub slack: Slack,
    /// Largest mismatch of a bus that counts as solved, pu.
    pub tolerance_pu: f64,
    /// Ramp of units for which the case gives none, as a share of their largest power per minute; `None` leaves them
    /// unlimited.
    pub ramp_share_per_min: Option<f64>,
    /// Time in which a branch that was switched refuses to be switched again, s.
    pub cooldown_s: f64,
}

impl Default for PhysicsConfig {
    fn default() -> Self {
        let newton = NewtonConfig::default();
        Self {
            reactive_limits: newton.reactive_limits,
            slack: newton.slack,
            tolerance_pu: newton.tolerance_pu,
            ramp_share_per_min: None,
            cooldown_s: 900.0,
        }
    }
}

impl PhysicsConfig {
    /// The solver's settings, with its defaults where the suite has no say.
    pub fn newton(&self) -> NewtonConfig {
        NewtonConfig {
            reactive_limits: self.reactive_limits,
            slack: self.slack,
            tolerance_pu: self.tolerance_pu,
            // Thousands of states an hour fail in a storm: each gets what a loop can afford, and is counted both ways.
            rescue: Rescue::Quick,
            ..NewtonConfig::default()
        }
    }

    /// Whether the physics is simpler than a grid's, so that it can sort candidates but not release them.
    pub fn is_simplified(&self) -> bool {
        self.reactive_limits == ReactiveLimits::Ignore || self.slack == Slack::Single
    }
}

/// One hazard as the suite writes it; `scenarios` knows what its keys mean.
#[derive(Clone, Debug, PartialEq)]
pub struct HazardTable {
    /// Its keys, `kind` among them.
    pub table: toml::Table,
    /// Line in the suite file, from 1, where known.
    pub line: Option<u32>,
}

/// Scenarios drawn by the same hazards.
#[derive(Clone, Debug, PartialEq)]
pub struct Population {
    /// Its id.
    pub id: String,
    /// Its hazards, in the order in which they are written; none is the undisturbed case.
    pub hazards: Vec<HazardTable>,
    /// Largest number of episodes, at least one; `None` where the population is a list and counts itself.
    pub size_max: Option<u64>,
    /// File of scenarios that are listed instead of drawn, as the suite writes it.
    pub scenarios: Option<String>,
    /// How often one of its scenarios happens in a year, above zero; `None` where nobody says.
    pub per_year: Option<f64>,
    /// Line in the suite file, from 1, where known.
    pub line: Option<u32>,
}

/// A gate of a suite.
#[derive(Debug)]
pub struct SuiteGate {
    /// Its id.
    pub id: String,
    /// Id of the population that it is about.
    pub population: String,
    /// Metric id.
    pub metric: String,
    /// Whether it decides the suite.
    pub severity: Severity,
    /// Obligations that it serves, as the suite names them.
    pub evidence: Vec<String>,
    /// The claim and its decision rule.
    pub gate: Box<dyn Gate>,
    /// Line in the suite file, from 1, where known.
    pub line: Option<u32>,
    /// Whether it stands in every suite without being written.
    pub implied: bool,
}

/// A suite file, checked as far as it can be without the grid.
#[derive(Debug)]
pub struct Suite {
    /// The file as it was named, for messages.
    pub file: String,
    /// Its name.
    pub name: String,
    /// Seed of every random stream.
    pub seed: u64,
    /// Case file as the suite writes it.
    pub grid: String,
    /// Case file, relative paths taken from the folder of the suite.
    pub grid_path: PathBuf,
    /// Files that say what the case does not.
    pub beside: Vec<BesideFile>,
    /// Candidate's manifest as the suite writes it.
    pub candidate: Option<String>,
    /// Candidate's manifest, relative paths taken from the folder of the suite.
    pub candidate_path: Option<PathBuf>,
    /// Who the candidate is compared with: the operator, where a gate compares and the suite names nobody.
    pub champion: Option<Champion>,
    /// How the operator is modelled.
    pub operators: Operators,
    /// When a run ends.
    pub stop: Stop,
    /// Error rate, in (0, 0.5].
    pub alpha: f64,
    /// What the error rate is about.
    pub claim: Claim,
    /// Whether the suite only sorts candidates, with physics too simple to release one.
    pub screening: bool,
    /// The closed loop.
    pub loop_config: LoopSettings,
    /// Delay between observation and action; `None`: actions take effect at once.
    pub latency: Option<latency::Written>,
    /// How well what it is shown was measured; `None`: it is the truth.
    pub sensing: Option<sensing::Settings>,
    /// What keeps the candidate's requests within bounds, and decides in its place; `None`: nobody.
    pub limiter: Option<Limiter>,
    /// People who answer the candidate's advice; `None`: it acts itself.
    pub advisory: Option<Advisory>,
    /// The physics.
    pub physics: PhysicsConfig,
    /// Relays that act by themselves; `None`: nothing trips.
    pub protection: Option<protection::Written>,
    /// What units are to the frequency; `None`: it stays nominal.
    pub frequency: Option<frequency::Written>,
    /// What else acts by itself.
    pub autonomous: autonomous::Written,
    /// Which of these assumptions are varied; `None`: none.
    pub assumptions: Option<assumption::Written>,
    /// Populations, in the order of the file; ids are distinct.
    pub populations: Vec<Population>,
    /// Gates, in the order of the file, then the implied ones; ids are distinct, and each names a population.
    pub gates: Vec<SuiteGate>,
    /// Smaller designs, from the shortest; names are distinct.
    pub tiers: Vec<Tier>,
    /// All that the file says about how an episode goes, beside its scenario, its seed, its grid and who acts in it: every key but
    /// [`NO_PART_OF_AN_EPISODE`], without places and comments. Equal texts are equal worlds.
    pub world: String,
}

/// Keys of a suite that move no episode, or that a cache knows by other means (the seed, the grid's bytes, scenarios, who acts). A key that is
/// not in this list counts, so that a new one cannot be forgotten.
const NO_PART_OF_AN_EPISODE: [&str; 14] = [
    "schema",
    "name",
    "seed",
    "grid",
    "candidate",
    "champion",
    "stop",
    "alpha",
    "claim",
    "screening",
    "assumptions",
    "population",
    "gate",
    "tier",
];

impl Suite {
    /// Reads a suite: JSON where the name ends in `.json`, YAML where it ends in `.yaml` or `.yml`, TOML otherwise.
    ///
    /// # Errors
    /// All that is wrong with it, each with its line where known: `suite.read` where there is no readable file,
    /// `suite.syntax`, `suite.schema`, and `suite.*` for its contents.
    pub fn read(path: &Path) -> Result<Self, Diagnostics> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Diagnostic::error("suite.read", format!("the suite cannot be read: {error}"))
                .at(path.display().to_string(), None)
        })?;
        Self::from_text(&text, path)
    }

    /// The same for a text that is already here; `path` names it and anchors relative paths.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn from_text(text: &str, path: &Path) -> Result<Self, Diagnostics> {
        let file = path.display().to_string();
        let document = Document::by_name(path, text, "suite")?;
        let world = document.text_without(&NO_PART_OF_AN_EPISODE);
        let mut fields = document.root("suite", "the suite");
        // Of a file of another version every other complaint would mislead.
        let suite = if schema_fits(&mut fields) { read_suite(fields, &file, path) } else { None };
        let suite = suite.map(|suite| Suite { world, ..suite });
        document.finish(suite, "suite")
    }

    /// Checks that every gate names one of the metrics that exist.
    ///
    /// # Errors
    /// `suite.gate.unknown-metric` for each gate that does not, with the nearest one that exists.
    pub fn check_metrics(&self, known: &[&str]) -> Result<(), Diagnostics> {
        let complain = |gate: &SuiteGate| {
            let message = format!("gate `{}`: there is no metric `{}`", gate.id, gate.metric);
            Diagnostic::error("suite.gate.unknown-metric", message)
                .at(&self.file, gate.line)
                .hint(nearest::advice(&gate.metric, known.iter().copied()))
        };
        let unknown = self.gates.iter().filter(|gate| !known.contains(&gate.metric.as_str()));
        Diagnostics(unknown.map(complain).collect()).into_result(())
    }

    /// Refuses every gate on a metric that begins so, where nothing measures it: a gate that looks at nothing could not fail.
    ///
    /// # Errors
    /// `code` for each, with the reason and what to try.
    pub(crate) fn refuse_gates_on(
        &self,
        prefix: &str,
        code: &'static str,
        why: &str,
        hint: &str,
    ) -> Result<(), Diagnostics> {
        let complain = |gate: &SuiteGate| {
            let message = format!("gate `{}`: `{}` {why}", gate.id, gate.metric);
            Diagnostic::error(code, message).at(&self.file, gate.line).hint(hint)
        };
        let idle = self.gates.iter().filter(|gate| gate.metric.starts_with(prefix));
        Diagnostics(idle.map(complain).collect()).into_result(())
    }
}

fn schema_fits(fields: &mut Fields<'_>) -> bool {
    let schema = fields.text("schema");
    let Some(schema) = fields.need("schema", schema) else { return false };
    if schema == SUITE_SCHEMA {
        return true;
    }
    let version = schema.strip_prefix("gridgate/suite/").and_then(|version| version.parse::<u32>().ok());
    let message = match version {
        Some(version) if version > 1 => {
            format!("this suite is of version {version}, and this program reads version 1")
        }
        _ => format!("`schema` is \"{schema}\", which this program does not know"),
    };
    let hint = match version {
        Some(version) if version > 1 => "use a newer program".to_owned(),
        _ => format!("schema = \"{SUITE_SCHEMA}\""),
    };
    fields.complain_with("schema", Some("schema"), message, Some(hint));
    false
}

/// Reads every key before it gives up on any, so that all complaints are made.
fn read_suite(mut fields: Fields<'_>, file: &str, path: &Path) -> Option<Suite> {
    let name = fields.name("name");
    let name = fields.need("name", name);
    let seed = fields.integer::<u64>("seed", 0);
    let seed = fields.need("seed", seed);
    let grid = fields.name("grid");
    let grid = fields.need("grid", grid);
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let beside = beside::of_suite(&mut fields, folder);
    let candidate = fields.name("candidate");
    let champion = champion::read_champion(&mut fields);
    let operators = champion::read_operators(&mut fields);
    let stop = fields.choice("stop", &[("never", Stop::Never), ("decided", Stop::Decided)]);
    let stop = fields.or("stop", stop, Stop::default());
    let alpha = fields.number("alpha", "above 0 and at most 0.5", |alpha| alpha > 0.0 && alpha <= 0.5);
    let alpha = fields.or("alpha", alpha, 0.05);
    let claim = fields.choice("claim", &[("suite", Claim::Suite), ("per_gate", Claim::PerGate)]);
    let claim = fields.or("claim", claim, Claim::default());
    let screening = fields.flag("screening");
    let screening = fields.or("screening", screening, false);

    let loop_table = fields.table("loop", "suite.loop");
    let loop_config = fields.need("loop", loop_table).and_then(read_loop);
    let (loop_config, latency) = loop_config.unzip();
    let sensing = read_sensing(&mut fields, loop_config.map(|settings| settings.observe));
    let physics_table = fields.table("physics", "suite.physics");
    let physics = physics_table.and_then(|table| read_physics(table, screening));
    let physics = fields.or("physics", physics, PhysicsConfig::default());

    let limiter_table = fields.table("limiter", "suite.limiter");
    let limiter = limiter_table.and_then(supervision::read_limiter);
    let limiter = fields.or("limiter", limiter.map(Some), None);
    let advisory_table = fields.table("advisory", "suite.advisory");
    let advisory = advisory_table.and_then(supervision::read_advisory);
    let advisory = fields.or("advisory", advisory.map(Some), None);
    let task = loop_config.map(|settings| settings.task);
    supervision::check(&fields, task, limiter.as_ref().and_then(Option::as_ref), advisory.flatten());

    let protection_table = fields.table("protection", "suite.protection");
    let protection = protection_table.and_then(protection::read);
    let protection = fields.or("protection", protection, Some(protection::Written::default()));
    let frequency = frequency::of_suite(&mut fields, loop_config.map(|settings| settings.task));

    let autonomous = autonomous::read(&mut fields);
    let assumptions = assumption::read(&mut fields);

    let tables = fields.tables("population", "suite.population");
    if tables.is_empty() {
        fields.complain("missing", None, "there is no [[population]]");
    }
    let mut ids = Vec::new();
    let populations: Option<Vec<Population>> =
        all(tables.into_iter().map(|table| read_population(table, &mut ids)));
    let mut context = GateContext { populations: &ids, stop, ids: Vec::new() };
    let tables = fields.tables("gate", "suite.gate");
    let gates: Option<Vec<SuiteGate>> = all(tables.into_iter().map(|table| read_gate(table, &mut context)));
    let tiers = tier::read_tiers(&mut fields);
    if let (Some(gates), Some(tiers)) = (&gates, &tiers) {
        check_tiers(&fields, gates, tiers);
    }
    fields.finish();

    let (grid, populations, mut gates) = (grid?, populations?, gates?);
    imply_gates(&populations, &mut gates);
    let compares = gates.iter().any(|gate| gate.gate.needs_champion());
    let champion = champion.or(compares.then_some(Champion::Operator));
    Some(Suite {
        file: file.to_owned(),
        name: name?.to_owned(),
        seed: seed?,
        grid: grid.to_owned(),
        beside,
        grid_path: folder.join(grid),
        candidate: candidate.map(str::to_owned),
        candidate_path: candidate.map(|candidate| folder.join(candidate)),
        champion,
        operators: operators?,
        stop: stop?,
        alpha: alpha?,
        claim: claim?,
        screening: screening?,
        loop_config: loop_config?,
        latency: latency?,
        sensing: sensing?,
        limiter: limiter?,
        advisory: advisory?,
        physics: physics?,
        protection: protection?,
        frequency: frequency?,
        autonomous: autonomous?,
        assumptions: assumptions?,
        populations,
        gates,
        tiers: tiers?,
        world: String::new(),
    })
}

/// A clock that ends a run ends it at a number of episodes that nobody fixed beforehand.
fn check_tiers(fields: &Fields<'_>, gates: &[SuiteGate], tiers: &[Tier]) {
    let fixed = gates.iter().find(|gate| !gate.gate.anytime());
    for tier in tiers.iter().filter(|tier| tier.minutes.is_some()) {
        if let Some(gate) = fixed {
            let message = format!(
                "tier `{}` ends after a time, and the fixed-sample test of gate `{}` needs a number of episodes fixed beforehand",
                tier.name, gate.id
            );
            let hint =
                "use method = \"sequential\", or give the tier a size_max instead of minutes".to_owned();
            fields.complain_with("early-stop", Some("tier"), message, Some(hint));
        }
    }
}

/// All of them where none is missing; every one is looked at, unlike by collecting into an `Option`.
fn all<T>(items: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    let items: Vec<Option<T>> = items.collect();
    items.into_iter().collect()
}

fn read_loop(mut fields: Fields<'_>) -> Option<(LoopSettings, Option<latency::Written>)> {
    let tasks: Vec<(&str, Task)> = Task::LIST.iter().map(|&task| (task.id(), task)).collect();
    let task = fields.choice("task", &tasks);
    let task = fields.need("task", task);
    let step_s =
        fields.number("step_s", "from 0.001 to 1e6", |step_s| (STEP_S_MIN..=STEP_S_MAX).contains(&step_s));
    let step_s = fields.need("step_s", step_s);
    let steps = fields.integer::<u32>("steps", 1);
    let steps = fields.need("steps", steps);
    if let (Some(step_s), Some(steps)) = (step_s, steps)
        && step_s * f64::from(steps) > HORIZON_S_MAX
    {
        let message = format!("{steps} steps of {step_s} s are more than a hundred years");
        fields.complain("range", Some("steps"), message);
    }
    let observe = fields.choice("observe", Observe::LIST);
    let observe = fields.or("observe", observe, Observe::default());
    let delays = fields.table("latency", "suite.latency").and_then(latency::read);
    let delays = fields.or("latency", delays.map(Some), None);
    fields.finish();
    Some((LoopSettings { task: task?, step_s: step_s?, steps: steps?, observe: observe? }, delays?))
}

/// How well is measured what a suite shows.
fn read_sensing(fields: &mut Fields<'_>, observe: Option<Observe>) -> Option<Option<sensing::Settings>> {
    let table = fields.table("sensing", "suite.sensing");
    match (observe?, table) {
        (Observe::Truth, None) => Some(None),
        (Observe::Truth, Some(_)) => {
            let message = "[sensing] says how well is measured what a candidate sees, and it sees the truth";
            let hint = "add observe = \"scada\", \"pmu\" or \"estimated\" to [loop], or leave [sensing] out";
            fields.complain_with("contradiction", Some("sensing"), message, Some(hint.to_owned()));
            None
        }
        (_, None) => Some(Some(sensing::Settings::default())),
        (observe, Some(table)) => sensing::read(table, observe).map(Some),
    }
}

fn read_physics(mut fields: Fields<'_>, screening: Option<bool>) -> Option<PhysicsConfig> {
    let default = PhysicsConfig::default();
    let reactive_limits = fields.choice(
        "reactive_limits",
        &[("enforce", ReactiveLimits::Enforce), ("ignore", ReactiveLimits::Ignore)],
    );
    let slack = fields.choice("slack", &[("distributed", Slack::Distributed), ("single", Slack::Single)]);
    for (key, simplified) in [
        ("reactive_limits", reactive_limits == Some(ReactiveLimits::Ignore)),
        ("slack", slack == Some(Slack::Single)),
    ] {
        if simplified && screening == Some(false) {
            let message =
                format!("this `{key}` lets units do what no unit can, so no candidate can be released on it");
            let hint = "add `screening = true` at the top of the suite to say that it only sorts candidates";
            fields.complain_with("screening", Some(key), message, Some(hint.to_owned()));
        }
    }
    // A looser solution than this is visible in the metrics, and a tighter one is below rounding on large grids.
    let tolerance_pu =
        fields.number("tolerance_pu", "between 1e-12 and 1e-4", |pu| (1e-12..=1e-4).contains(&pu));
    let ramp_share_per_min = fields.number("ramp_share_per_min", "above 0", |share| share > 0.0);
    let cooldown_s = fields.number("cooldown_s", "at least 0", |cooldown_s| cooldown_s >= 0.0);
    let reactive_limits = fields.or("reactive_limits", reactive_limits, default.reactive_limits);
    let slack = fields.or("slack", slack, default.slack);
    let tolerance_pu = fields.or("tolerance_pu", tolerance_pu, default.tolerance_pu);
    let ramp_share_per_min = fields.or("ramp_share_per_min", ramp_share_per_min.map(Some), None);
    let cooldown_s = fields.or("cooldown_s", cooldown_s, default.cooldown_s);
    fields.finish();
    Some(PhysicsConfig {
        reactive_limits: reactive_limits?,
        slack: slack?,
        tolerance_pu: tolerance_pu?,
        ramp_share_per_min: ramp_share_per_min?,
        cooldown_s: cooldown_s?,
    })
}

/// An id that can stand in file names and commands, and that was not given before.
fn read_id(fields: &mut Fields<'_>, kind: &str, taken: &mut Vec<String>) -> Option<String> {
    let id = fields.name("id");
    let id = fields.need("id", id)?;
    fields.rename(format!("{kind} `{id}`"));
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !id.chars().all(word) || id.starts_with('.') {
        let message = "an id is made of letters, digits, `.`, `_` and `-`, and does not begin with `.`";
        fields.complain("id", Some("id"), message);
        return None;
    }
    if id.len() > ID_MAX {
        fields.complain(
            "id",
            Some("id"),
            format!("an id has at most {ID_MAX} characters, this one has {}", id.len()),
        );
        return None;
    }
    if taken.iter().any(|other| other == id) {
        fields.complain("duplicate-id", Some("id"), "this id is given twice");
        return None;
    }
    taken.push(id.to_owned());
    Some(id.to_owned())
}

fn read_population(mut fields: Fields<'_>, ids: &mut Vec<String>) -> Option<Population> {
    let id = read_id(&mut fields, "population", ids);
    if fields.has("scenarios") {
        return read_listed(fields, id);
    }
    let size_max = fields.integer::<u64>("size_max", 1);
    let size_max = fields.or("size_max", size_max.map(Some), None);
    let per_year = fields.number("per_year", "above 0", |per_year| per_year > 0.0);
    let per_year = fields.or("per_year", per_year.map(Some), None);
    let tables = fields.tables("hazards", "suite.hazard");
    fields.need("hazards", Some(()));
    let hazards = all(tables.into_iter().map(|hazard| {
        let line = hazard.line();
        Some(HazardTable { table: hazard.whole()?, line })
    }));
    let line = fields.line();
    // A list counts itself.
    if !fields.has("size_max") && hazards.as_deref().is_none_or(|hazards| !frame::are_lists(hazards)) {
        fields.complain("missing", None, "`size_max` is missing");
    }
    fields.finish();
    Some(Population {
        id: id?,
        hazards: hazards?,
        size_max: size_max?,
        scenarios: None,
        per_year: per_year?,
        line,
    })
}

/// A population whose scenarios are listed in a file: all of them are lived through, and nothing is drawn.
fn read_listed(mut fields: Fields<'_>, id: Option<String>) -> Option<Population> {
    let scenarios = fields.name("scenarios");
    for key in ["hazards", "size_max", "per_year"] {
        if fields.has(key) {
            let message = format!("`scenarios` lists what happens: `{key}` has no place beside it");
            fields.complain("contradiction", Some(key), message);
        }
    }
    let _ = (fields.integer::<u64>("size_max", 1), fields.tables("hazards", "suite.hazard"));
    let _ = fields.number("per_year", "above 0", |per_year| per_year > 0.0);
    let line = fields.line();
    fields.finish();
    let scenarios = Some(scenarios?.to_owned());
    Some(Population { id: id?, hazards: Vec::new(), size_max: None, scenarios, per_year: None, line })
}

/// What a gate is checked against.
struct GateContext<'a> {
    populations: &'a [String],
    stop: Option<Stop>,
    ids: Vec<String>,
}

fn read_gate(mut fields: Fields<'_>, context: &mut GateContext<'_>) -> Option<SuiteGate> {
    let id = read_id(&mut fields, "gate", &mut context.ids);
    let population = fields.name("population");
    let population = fields.need("population", population);
    if let Some(name) = population
        && !context.populations.iter().any(|id| id == name)
    {
        let known: Vec<&str> = context.populations.iter().map(String::as_str).collect();
        fields.complain_with(
            "unknown-population",
            Some("population"),
            format!("there is no population `{name}`"),
            Some(nearest::advice(name, known.iter().copied())),
        );
    }
    let metric = fields.name("metric");
    let metric = fields.need("metric", metric);
    let severity = fields.choice("severity", &[("required", Severity::Required), ("warn", Severity::Warn)]);
    let severity = fields.or("severity", severity, Severity::default());
    let evidence = fields.texts("evidence");
    let kinds: Vec<(&str, &gate::GateKind)> = gate::LIST.iter().map(|kind| (kind.name, kind)).collect();
    let kind = fields.choice("kind", &kinds);
    // Of an unknown kind the other keys are unknown too, and nothing would be gained by saying so.
    let kind = fields.need("kind", kind)?;
    let gate = (kind.parse)(&mut fields);
    if let Some(gate) = &gate
        && !gate.anytime()
        && context.stop == Some(Stop::Decided)
    {
        let message =
            "a fixed-sample test loses its error rate when the run stops as soon as gates are decided";
        let hint = "use method = \"sequential\", or stop = \"never\"".to_owned();
        fields.complain_with("early-stop", Some("method"), message, Some(hint));
    }
    let line = fields.line();
    fields.finish();
    Some(SuiteGate {
        id: id?,
        population: population?.to_owned(),
        metric: metric?.to_owned(),
        severity: severity?,
        evidence,
        gate: gate?,
        line,
        implied: false,
    })
}

/// Metrics that notice when demand goes dark.
const SERVICE_METRICS: [&str; 3] = ["blackout", "collapse", "ens_mwh"];

/// Adds what every population is held to unless the suite has a required gate of its own on it (a gate that only warns
/// takes the place of none): no unmet balance, and no blackout. A dead bus has neither voltage nor loading, so without
/// the second a grid in the dark would violate nothing.
fn imply_gates(populations: &[Population], gates: &mut Vec<SuiteGate>) {
    for population in populations {
        for (name, metrics) in [("balance", &[BALANCE_METRIC][..]), ("blackout", &SERVICE_METRICS[..])] {
            let own = |g: &SuiteGate| {
                g.population == population.id
                    && g.severity == Severity::Required
                    && metrics.contains(&g.metric.as_str())
            };
            if gates.iter().any(own) {
                continue;
            }
            // An id that is taken by a gate on another metric gives way, since the suite's own ids are what people know.
            let mut id = format!("{}.{name}", population.id);
            while gates.iter().any(|g| g.id == id) {
                id.push_str(".implied");
            }
            gates.push(SuiteGate {
                id,
                population: population.id.clone(),
                metric: metrics[0].to_owned(),
                severity: Severity::Required,
                evidence: Vec::new(),
                gate: gate::every_episode_at_most(0.0, population.is_listed()),
                line: None,
                implied: true,
            });
        }
    }
}

#[cfg(test)]
mod tests;
