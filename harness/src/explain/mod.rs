//! Why an episode broke a gate, found by living it again with parts of it left out; nothing is inferred from correlations.
//!
//! The least that still breaks the gate; what each event and the candidate's actions contribute; what other actions would have done; actual
//! causes with their witnesses. Every answer is a run of the simulator, and is cited with it.

pub mod acts;
pub mod cause;
mod dossier;
pub mod factor;
pub mod minimal;
mod resimulation;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use powerflow::{Diagnostic, Diagnostics, Index, Network};
use reports::explanation::{
    AttributionMethod, AttributionRecord, CauseRecord, ContrastRecord, EXPLANATION_SCHEMA, EffectRecord,
    Explanation, FactorKind, FactorRecord, MagnitudeRecord, MinimalRecord, ReplacedRecord,
    Resimulation as HowLived, ShareRecord, WithheldRecord,
};
use reports::{Digest, EpisodeRecord, NetworkRecord, Severity, Verdict};
use scenarios::streams;

use crate::action::Asked;
use crate::candidate::{self, Source};
use crate::observation::Axis;
use crate::run::{Prepared, Watch, replay};
use crate::statistic::shapley;
use crate::suite::SuiteGate;
use crate::{latency, metric};
use acts::{Acts, StandIn};
use dossier::Dossier;
use resimulation::{Resimulation, Subject, Trial, World, event_id};

/// Factors up to which every coalition is tried: 2^12 runs.
pub const EXACT_MAX: usize = 12;
/// Elements that are withheld one by one, at most.
const ELEMENTS_MAX: usize = 128;
/// Level of each interval of a share.
const LEVEL: f64 = 0.95;
/// What shares may differ in sum from the whole, in parts of it: rounding of 2^12 terms.
const EFFICIENCY_GAP_MAX: f64 = 1e-9;
/// Code of the complaint that an episode cannot be repeated.
pub const DIFFERS: &str = "explain.differs";
/// Id of the candidate's actions among the factors.
const CANDIDATE: &str = "candidate";

/// What to explain, and how.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// Id of the gate; `None`: the first that the episode broke, required ones and those that did not pass before others.
    pub gate: Option<&'a str>,
    /// The candidate, where it is not to be looked for.
    pub candidate: Option<&'a str>,
    /// Whether the recorded actions are repeated although the candidate is here.
    pub open_loop: bool,
    /// Pairs of orders to draw where there are too many factors to try every coalition.
    pub pairs: u32,
    /// Worker threads, at least one. Changes no byte of the answer.
    pub threads: usize,
}

/// An explanation with what a page shows beside it.
#[derive(Debug)]
pub struct Explained {
    /// The document.
    pub explanation: Explanation,
    /// Every step of the episode.
    pub record: EpisodeRecord,
    /// The network, for pictures.
    pub network: NetworkRecord,
}

/// Explains an episode of a run folder, named as by `gridgate replay`.
///
/// # Errors
/// As a replay; `explain.interrupted` where `watch` stopped it; `explain.gate` where there is no such gate, or the episode broke none; `explain.differs` where it cannot be repeated.
pub fn explain(
    run_dir: &Path,
    episode: &str,
    options: &Options<'_>,
    watch: &dyn Watch,
) -> Result<Explained, Diagnostics> {
    let dossier = Dossier::open(run_dir, episode, options.candidate, options.open_loop)?;
    let network = replay::network(run_dir, &dossier.prepared.network);
    let explanation = Inquiry::open(&dossier, options, watch)?.explanation(options.pairs)?;
    Ok(Explained { explanation, record: dossier.record, network })
}

/// The questions, in order, and who answers them.
struct Inquiry<'a> {
    dossier: &'a Dossier,
    oracle: Resimulation<'a>,
    gate: &'a SuiteGate,
    /// With whom the gate compares.
    comparator: Option<StandIn>,
    /// Who may take the candidate's place; nobody first.
    replacements: Vec<StandIn>,
    /// Names of the comparators.
    names: Vec<String>,
    /// Steps in which the candidate asked for something.
    acting: Vec<u32>,
    notes: Vec<String>,
}

impl<'a> Inquiry<'a> {
    fn open(dossier: &'a Dossier, options: &Options<'_>, watch: &'a dyn Watch) -> Result<Self, Diagnostics> {
        let prepared = &dossier.prepared;
        let sources = stand_ins(prepared)?;
        let names: Vec<String> = sources.iter().map(|source| source.record().name).collect();
        let stand_in = |number: usize| {
            if is_nobody(&names[number]) { StandIn::Nobody } else { StandIn::Comparator(number) }
        };
        let mut replacements = vec![StandIn::Nobody];
        replacements.extend((0..names.len()).map(stand_in).filter(|by| *by != StandIn::Nobody));
        let champion = (!prepared.champions.is_empty()).then(|| stand_in(0));
        let mut oracle = Resimulation::new(
            Subject {
                prepared,
                candidate: dossier.candidate.clone(),
                held: dossier.held.clone(),
                stand_ins: sources,
                scenario: Arc::clone(&dossier.scenario),
                factors: factor::factors(&dossier.scenario.timeline),
                seed: dossier.seed,
                threads: options.threads,
            },
            watch,
        )?;
        let factual = World::of(&(0..oracle.factors().len()).collect::<Vec<_>>(), Acts::Candidate);
        let again = oracle.live(std::slice::from_ref(&factual))?.remove(0);
        if again.trajectory != dossier.line.trajectory {
            let message = "the episode takes another course when it is lived again beside others";
            return Err(Diagnostic::error(DIFFERS, message)
                .hint("a candidate that does not repeat itself cannot be asked again: say --open-loop")
                .into());
        }
        let gate = choose(dossier, &mut oracle, &factual, champion, options.gate)?;
        let comparator = champion.filter(|_| gate.gate.needs_champion());
        if gate.gate.needs_champion() && comparator.is_none() {
            let message =
                format!("gate {} compares with a candidate of which the run folder has no copy", gate.id);
            return Err(Diagnostic::error("explain.gate", message)
                .hint("name another gate of this population with --gate")
                .into());
        }
        oracle.ask_about(gate, comparator);
        let acting = oracle.held().acting();
        let notes = dossier.notes.clone();
        Ok(Inquiry { dossier, oracle, gate, comparator, replacements, names, acting, notes })
    }

    fn events(&self) -> usize {
        self.oracle.factors().len()
    }

    fn all(&self) -> Vec<usize> {
        (0..self.events()).collect()
    }

    /// Whether the candidate did anything that could be a factor.
    fn has_candidate(&self) -> bool {
        !self.acting.is_empty() || self.oracle.held().failed()
    }

    /// The id of a factor: the events, then the candidate.
    fn factor_id(&self, factor: usize) -> String {
        if factor < self.events() { event_id(factor) } else { CANDIDATE.to_owned() }
    }

    fn network(&self) -> &'a Network {
        &self.dossier.prepared.network
    }

    fn name(&self, by: StandIn) -> String {
        named(&self.names, by).to_owned()
    }

    /// What became of a world; its run is listed.
    fn cite(&mut self, world: &World) -> Result<reports::explanation::TrialRecord, Diagnostics> {
        let (names, network, live) = (&self.names, &self.dossier.prepared.network, self.oracle.is_live());
        self.oracle.cite(world, |acts| in_words(acts, names, network, live))
    }

    fn broken(&mut self, worlds: &[World]) -> Result<Vec<bool>, Diagnostics> {
        Ok(self.oracle.tries(worlds)?.iter().map(|trial| trial.broken).collect())
    }

    fn explanation(mut self, pairs: u32) -> Result<Explanation, Diagnostics> {
        let (dossier, gate) = (self.dossier, self.gate);
        let prepared = &dossier.prepared;
        let factual = self.cite(&World::of(&self.all(), Acts::Candidate))?;
        let factors = self.factors()?;
        let minimal = self.minimal()?;
        let attribution = self.attribution(pairs)?;
        let attribution_by_step = self.attribution_by_step()?;
        let contrast = self.contrast()?;
        let (causes, causes_searched_to) = self.causes()?;
        if causes.is_empty() {
            self.notes.push(
                "without any event, and with nobody acting, the gate is broken all the same: what breaks it was there before"
                    .to_owned(),
            );
        }
        // What the shares must sum to is known from two runs alone: an error of the bookkeeping must not pass for an answer.
        for attribution in std::iter::once(&attribution).chain(&attribution_by_step) {
            if attribution.efficiency_gap > EFFICIENCY_GAP_MAX {
                let message = format!(
                    "the shares do not sum to the whole: they differ by {:.1e} of it",
                    attribution.efficiency_gap
                );
                return Err(Diagnostic::error("explain.efficiency", message).into());
            }
        }
        let unit = metric::by_id(&gate.metric).map_or("1", |(_, metric)| metric.unit);
        let (lives, reused) = self.oracle.counts();
        let compared_with = self.comparator.map(|by| self.name(by));
        let resimulation = match self.oracle.is_live() {
            true => HowLived::CandidateAskedAgain,
            false => HowLived::ActionsRepeated,
        };
        Ok(Explanation {
            schema: EXPLANATION_SCHEMA.into(),
            suite: prepared.suite.name.clone(),
            seed: prepared.suite.seed,
            population: dossier.line.population.clone(),
            index: dossier.line.index,
            scenario: Digest { sha256: dossier.line.scenario.clone() },
            candidate: prepared.candidate.record(),
            engine: BTreeMap::from([
                ("program".to_owned(), "gridgate".to_owned()),
                ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ]),
            inputs: prepared.inputs(),
            effect: EffectRecord {
                gate: gate.id.clone(),
                claim: gate.gate.claim(&gate.metric, unit, &gate.population),
                metric: gate.metric.clone(),
                unit: unit.into(),
                threshold: gate.gate.threshold(),
                compared_with,
            },
            resimulation,
            outcome: dossier.line.outcome.id().to_owned(),
            steps: dossier.line.steps,
            step_s: prepared.config.step_s,
            factual,
            factors,
            minimal,
            attribution,
            attribution_by_step,
            contrast,
            causes,
            causes_searched_to,
            runs: self.oracle.into_cited(),
            lives,
            reused,
            notes: self.notes,
        })
    }

    /// But-for and sufficiency of each.
    fn factors(&mut self) -> Result<Vec<FactorRecord>, Diagnostics> {
        let mut records = Vec::with_capacity(self.events() + 1);
        for event in 0..self.events() {
            let others: Vec<usize> = (0..self.events()).filter(|other| *other != event).collect();
            let nobody = Acts::other(StandIn::Nobody);
            let factor = &self.oracle.factors()[event];
            let (time_s, until_s) = (factor.at().seconds(), factor.until().map(|until| until.seconds()));
            let words = factor.in_words(self.network());
            records.push(FactorRecord {
                id: event_id(event),
                kind: FactorKind::Event,
                time_s,
                until_s,
                words,
                without: self.cite(&World::of(&others, Acts::Candidate))?,
                alone: self.cite(&World::of(&[event], Acts::Candidate))?,
                alone_unattended: Some(self.cite(&World::of(&[event], nobody))?),
            });
        }
        if self.has_candidate() {
            let step_s = self.dossier.prepared.config.step_s;
            let at = |step: Option<&u32>| step.map(|step| f64::from(*step) * step_s);
            let elements = self.oracle.held().elements();
            let failed = if self.oracle.held().failed() { ", and then fails" } else { "" };
            let said = match self.acting.len() {
                0 => "the candidate asks nothing".to_owned(),
                1 => format!("the candidate asks in one step {}", asked_in_words(&elements, self.network())),
                n => format!("the candidate asks in {n} steps {}", asked_in_words(&elements, self.network())),
            };
            records.push(FactorRecord {
                id: CANDIDATE.to_owned(),
                kind: FactorKind::Candidate,
                time_s: at(self.acting.first()).unwrap_or(0.0),
                until_s: at(self.acting.last()),
                words: format!("{said}{failed}"),
                without: self.cite(&World::of(&self.all(), Acts::other(StandIn::Nobody)))?,
                alone: self.cite(&World::of(&[], Acts::Candidate))?,
                alone_unattended: None,
            });
        }
        Ok(records)
    }

    /// The least that still breaks the gate, and how small it may be.
    fn minimal(&mut self) -> Result<MinimalRecord, Diagnostics> {
        let set = minimal::minimal(self.events(), |sets| {
            let worlds: Vec<World> = sets.iter().map(|set| World::of(set, Acts::Candidate)).collect();
            self.broken(&worlds)
        })?;
        let trial = self.cite(&World::of(&set, Acts::Candidate))?;
        let unattended = self.cite(&World::of(&set, Acts::other(StandIn::Nobody)))?;
        let mut kept: Vec<(usize, f64)> = set.iter().map(|event| (*event, 1.0)).collect();
        let mut magnitudes = Vec::new();
        for at in 0..kept.len() {
            let Some(of) = self.oracle.factors()[kept[at].0].magnitude() else { continue };
            let least = minimal::least(|share| {
                let mut kept = kept.clone();
                kept[at].1 = share;
                Ok::<_, Diagnostics>(self.broken(&[World { kept, acts: Acts::Candidate }])?[0])
            })?;
            kept[at].1 = least.shows;
            magnitudes.push(MagnitudeRecord {
                factor: event_id(kept[at].0),
                of: of.to_owned(),
                broken_at: least.shows,
                holds_at: least.shows_not,
            });
        }
        let smallest = match magnitudes.is_empty() {
            true => None,
            false => Some(self.cite(&World { kept, acts: Acts::Candidate })?),
        };
        Ok(MinimalRecord {
            factors: set.into_iter().map(event_id).collect(),
            trial,
            unattended,
            magnitudes,
            smallest,
        })
    }

    /// The world of a coalition of events and, as one more, the candidate.
    fn coalition(&self, members: &[usize]) -> World {
        let events: Vec<usize> = members.iter().copied().filter(|member| *member < self.events()).collect();
        let acts = match members.last() {
            Some(member) if *member == self.events() => Acts::Candidate,
            _ if self.has_candidate() => Acts::other(StandIn::Nobody),
            // A candidate that did nothing is no factor: it takes part as it is.
            _ => Acts::Candidate,
        };
        World::of(&events, acts)
    }

    fn attribution(&mut self, pairs: u32) -> Result<AttributionRecord, Diagnostics> {
        let players = self.events() + usize::from(self.has_candidate());
        let names = (0..players).map(|player| self.factor_id(player)).collect();
        if players <= EXACT_MAX {
            return self.exact(names, |inquiry, members| inquiry.coalition(members));
        }
        let streams =
            streams(self.dossier.prepared.seed(), &self.dossier.line.population, self.dossier.line.index);
        let orders = shapley::orders(players, pairs as usize, &mut streams.named("explain/orders"));
        let mut coalitions: BTreeSet<Vec<usize>> = BTreeSet::new();
        for order in &orders {
            for size in 0..=players {
                let mut members = order[..size].to_vec();
                members.sort_unstable();
                coalitions.insert(members);
            }
        }
        let coalitions: Vec<Vec<usize>> = coalitions.into_iter().collect();
        let worlds: Vec<World> = coalitions.iter().map(|members| self.coalition(members)).collect();
        let trials = self.oracle.tries(&worlds)?;
        let worth: BTreeMap<Vec<usize>, Trial> = coalitions.into_iter().zip(trials).collect();
        let of = |members: &[usize]| &worth[members];
        let gains = shapley::sampled(players, &orders, |members| {
            Ok::<_, Diagnostics>(f64::from(u8::from(of(members).broken)))
        })?;
        let values = shapley::sampled(players, &orders, |members| of(members).value.ok_or(())).ok();
        let mean = |gains: &[f64]| gains.iter().sum::<f64>() / gains.len() as f64;
        let everybody: Vec<usize> = (0..players).collect();
        let shares: Vec<Share> = (0..players)
            .map(|player| Share {
                broken: mean(&gains[player]),
                interval: Some(shapley::interval(&gains[player], (1.0 - LEVEL) / 2.0)),
                value: values.as_ref().map(|values| mean(&values[player])),
            })
            .collect();
        Ok(attributed(names, &shares, (of(&everybody), of(&[])), Some(pairs)))
    }

    /// The candidate's steps as players of their own, where they are few: each stands for what was asked until the next.
    fn attribution_by_step(&mut self) -> Result<Option<AttributionRecord>, Diagnostics> {
        let (events, acting) = (self.events(), self.acting.clone());
        if acting.len() < 2 || events + acting.len() > EXACT_MAX {
            return Ok(None);
        }
        let steps = self.dossier.prepared.config.steps;
        let names =
            (0..events).map(event_id).chain(acting.iter().map(|step| format!("step {step}"))).collect();
        let of = |_: &Self, members: &[usize]| {
            let kept: Vec<usize> = members.iter().copied().filter(|member| *member < events).collect();
            let mut withheld = BTreeSet::new();
            for at in (0..acting.len()).filter(|at| !members.contains(&(events + at))) {
                // The first stands for all before it too, the last for all after it.
                let first = if at == 0 { 0 } else { acting[at] };
                withheld.extend(first..acting.get(at + 1).copied().unwrap_or(steps));
            }
            let acts = match () {
                () if withheld.is_empty() => Acts::Candidate,
                () if withheld.len() == steps as usize => Acts::other(StandIn::Nobody),
                () => Acts::Without(withheld),
            };
            World::of(&kept, acts)
        };
        self.exact(names, of).map(Some)
    }

    /// The shares of a game whose coalitions are all tried.
    fn exact(
        &mut self,
        names: Vec<String>,
        world: impl Fn(&Self, &[usize]) -> World,
    ) -> Result<AttributionRecord, Diagnostics> {
        let players = names.len();
        let worlds: Vec<World> = (0..1_usize << players)
            .map(|mask| {
                let members: Vec<usize> = (0..players).filter(|player| mask >> player & 1 == 1).collect();
                world(self, &members)
            })
            .collect();
        let trials = self.oracle.tries(&worlds)?;
        let broken: Vec<f64> = trials.iter().map(|trial| f64::from(u8::from(trial.broken))).collect();
        let value: Option<Vec<f64>> = trials.iter().map(|trial| trial.value).collect();
        let broken = shapley::exact(players, &broken);
        let value = value.map(|value| shapley::exact(players, &value));
        let shares: Vec<Share> = (0..players)
            .map(|player| Share {
                broken: broken[player],
                interval: None,
                value: value.as_ref().map(|value| value[player]),
            })
            .collect();
        Ok(attributed(names, &shares, (&trials[trials.len() - 1], &trials[0]), None))
    }

    /// Somebody else from each step on, and each thing that the candidate asked, withheld.
    fn contrast(&mut self) -> Result<ContrastRecord, Diagnostics> {
        let (all, step_s) = (self.all(), self.dossier.prepared.config.step_s);
        let replacements = self.replacements.clone();
        let time_s = |step: u32| f64::from(step) * step_s;
        let steps = self.dossier.line.steps;
        // Together first, so that they share batches and threads.
        let from = |step: u32| {
            let all = &all;
            replacements.iter().map(move |by| World::of(all, Acts::Until(step, *by)))
        };
        let single = |step: u32| World::of(&all, Acts::Without(BTreeSet::from([step])));
        let mut elements = self.oracle.held().elements();
        if elements.len() > ELEMENTS_MAX {
            self.notes.push(format!(
                "the candidate asked something of {} elements; the first {ELEMENTS_MAX} were withheld one by one",
                elements.len()
            ));
            elements.truncate(ELEMENTS_MAX);
        }
        let sparing = |(quantity, element): (Asked, u32)| World::of(&all, Acts::Sparing(quantity, element));
        let mut worlds: Vec<World> = (0..steps).flat_map(from).collect();
        worlds.extend(self.acting.iter().map(|step| single(*step)));
        worlds.extend(elements.iter().map(|asked| sparing(*asked)));
        self.oracle.tries(&worlds)?;

        let mut from_step = Vec::with_capacity(steps as usize);
        for step in 0..steps {
            let trials = from(step).map(|world| self.cite(&world)).collect::<Result<Vec<_>, _>>()?;
            from_step.push(ReplacedRecord { step, time_s: time_s(step), trials });
        }
        let keeps = |record: &ReplacedRecord| record.trials.iter().any(|trial| !trial.broken);
        let last = from_step.iter().rposition(keeps);
        let too_late = last.map_or(0, |last| last as u32 + 1);
        let mut single_steps = Vec::new();
        for step in self.acting.clone() {
            single_steps.push(WithheldRecord {
                step: Some(step),
                time_s: Some(time_s(step)),
                words: format!("what it asks in step {step}"),
                trial: self.cite(&single(step))?,
            });
        }
        let mut single_elements = Vec::new();
        for asked in elements {
            single_elements.push(WithheldRecord {
                step: None,
                time_s: None,
                words: asked_in_words(&[asked], self.network()),
                trial: self.cite(&sparing(asked))?,
            });
        }
        Ok(ContrastRecord {
            replacements: replacements.iter().map(|by| self.name(*by)).collect(),
            from_step,
            too_late_from_step: (too_late < steps).then_some(too_late),
            single_steps,
            single_elements,
        })
    }

    /// Actual causes, and up to which size all of them are listed.
    fn causes(&mut self) -> Result<(Vec<CauseRecord>, u32), Diagnostics> {
        let (events, candidate) = (self.events(), self.has_candidate());
        let players = events + usize::from(candidate);
        // Otherwise: an event does not happen, and somebody else acts. What may be held: what the candidate asked.
        let ways: Vec<Acts> = std::iter::once(Acts::Candidate)
            .chain((candidate && self.oracle.is_live()).then_some(Acts::Held))
            .collect();
        let others: Vec<Acts> = self.replacements.iter().map(|by| Acts::other(*by)).collect();
        let worlds = |set: &[usize]| -> Vec<World> {
            let left: Vec<usize> = (0..events).filter(|event| !set.contains(event)).collect();
            let acts = if set.contains(&events) { &others } else { &ways };
            acts.iter().map(|acts| World::of(&left, acts.clone())).collect()
        };
        let answer = cause::causes(players, |sets| {
            let tried: Vec<Vec<World>> = sets.iter().map(|set| worlds(set)).collect();
            let mut broken = self.broken(&tried.concat())?.into_iter();
            let first = |worlds: &Vec<World>| {
                let own: Vec<bool> = broken.by_ref().take(worlds.len()).collect();
                own.into_iter().position(|broken| !broken)
            };
            Ok::<_, Diagnostics>(tried.iter().map(first).collect())
        })?;
        let mut records = Vec::with_capacity(answer.found.len());
        for cause in answer.found {
            let world = worlds(&cause.set).swap_remove(cause.contingency);
            let held = world.acts == Acts::Held || (!self.oracle.is_live() && !cause.set.contains(&events));
            records.push(CauseRecord {
                factors: cause.set.iter().map(|factor| self.factor_id(*factor)).collect(),
                witness: (held && candidate)
                    .then(|| "the candidate's actions are held as they were".to_owned()),
                instead: match &world.acts {
                    Acts::Until(_, by) => Some(self.name(*by)),
                    _ => None,
                },
                trial: self.cite(&world)?,
                minimal: cause.every_part_tried,
            });
        }
        Ok((records, answer.searched_to as u32))
    }
}

/// Who may stand in for the candidate: the comparators of the suite, and an operator where none of them acts.
fn stand_ins(prepared: &Prepared) -> Result<Vec<Arc<dyn Source>>, Diagnostics> {
    let mut sources = prepared.champions.clone();
    if sources.iter().all(|source| is_nobody(&source.record().name)) {
        let operator = candidate::operator::Model::Greedy.name();
        sources.push(Arc::from(candidate::open(operator, prepared.config.task, &prepared.network)?));
    }
    Ok(sources)
}

/// Whether a comparator of this name never asks anything.
fn is_nobody(name: &str) -> bool {
    name == "do_nothing" || name == candidate::operator::Model::None.name()
}

fn named(names: &[String], by: StandIn) -> &str {
    match by {
        StandIn::Nobody => "nobody",
        StandIn::Comparator(number) => &names[number],
    }
}

/// Who acts, for people.
fn in_words(acts: &Acts, names: &[String], network: &Network, live: bool) -> String {
    let own = if live { "the candidate decides" } else { "the candidate's actions are repeated" };
    match acts {
        Acts::Candidate => own.to_owned(),
        Acts::Held => "the candidate's actions are repeated".to_owned(),
        Acts::Without(steps) => {
            let steps: Vec<String> = steps.iter().map(u32::to_string).collect();
            format!("{own}; what it asks in step {} is withheld", steps.join(", "))
        }
        Acts::Sparing(quantity, element) => {
            format!("{own}; {} is withheld", asked_in_words(&[(*quantity, *element)], network))
        }
        Acts::Until(0, by) => format!("{} acts", named(names, *by)),
        Acts::Until(step, by) => format!("{own}; from step {step} on {} acts", named(names, *by)),
    }
}

/// Elements that are named.
const NAMED: usize = 3;

/// Quantities and elements, for people: `act.gen.p_set of unit 1 at bus 1, unit 2 at bus 3`.
fn asked_in_words(asked: &[(Asked, u32)], network: &Network) -> String {
    let element = |(quantity, element): &(Asked, u32)| {
        let row = *element as usize;
        match quantity.axis() {
            Axis::Unit => network.unit_name(powerflow::UnitIdx::from_row(row)),
            Axis::Branch => network.branch_name(powerflow::BranchIdx::from_row(row)),
            Axis::Bus => format!("bus {}", network.buses.id[powerflow::BusIdx::from_row(row)]),
            Axis::Shunt => format!("shunt {}", row + 1),
            Axis::Scalar => "the grid".to_owned(),
        }
    };
    let of = |chunk: &[(Asked, u32)]| {
        let named: Vec<String> = chunk.iter().take(NAMED).map(element).collect();
        let more = match chunk.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{} of {}{more}", chunk[0].0.id(), named.join(", "))
    };
    asked.chunk_by(|a, b| a.0 == b.0).map(of).collect::<Vec<_>>().join("; ")
}

/// A player's shares.
struct Share {
    broken: f64,
    interval: Option<(f64, f64)>,
    value: Option<f64>,
}

/// Shares as documents have them, with what they must sum to: the game with everybody less the game with nobody.
fn attributed(
    names: Vec<String>,
    shares: &[Share],
    (all, nothing): (&Trial, &Trial),
    pairs: Option<u32>,
) -> AttributionRecord {
    let flag = |trial: &Trial| f64::from(u8::from(trial.broken));
    let total_broken = flag(all) - flag(nothing);
    let values: Option<Vec<f64>> = shares.iter().map(|share| share.value).collect();
    let total_value =
        all.value.zip(nothing.value).map(|(all, nothing)| all - nothing).filter(|_| values.is_some());
    let gap = |sum: f64, total: f64| (sum - total).abs() / total.abs().max(1.0);
    let broken_gap = gap(shares.iter().map(|share| share.broken).sum(), total_broken);
    let value_gap = values.zip(total_value).map_or(0.0, |(values, total)| gap(values.iter().sum(), total));
    AttributionRecord {
        method: if pairs.is_some() { AttributionMethod::Permutations } else { AttributionMethod::Exact },
        pairs,
        level: pairs.map(|_| LEVEL),
        total_broken,
        total_value,
        efficiency_gap: broken_gap.max(value_gap),
        shares: names
            .into_iter()
            .zip(shares)
            .map(|(factor, share)| ShareRecord {
                factor,
                broken: share.broken,
                interval: share.interval,
                value: share.value,
            })
            .collect(),
    }
}

/// The gate to explain: the one that is named, or the first that the episode broke; required ones before others, those that did not pass
/// before those that did, then in the order of the suite.
fn choose<'a>(
    dossier: &'a Dossier,
    oracle: &mut Resimulation<'a>,
    factual: &World,
    champion: Option<StandIn>,
    wanted: Option<&str>,
) -> Result<&'a SuiteGate, Diagnostics> {
    let episode = format!("{}/{}", dossier.line.population, dossier.line.index);
    let population = &dossier.prepared.populations[dossier.population].id;
    let of_population: Vec<&SuiteGate> =
        dossier.prepared.suite.gates.iter().filter(|gate| gate.population == *population).collect();
    let ids: Vec<&str> = of_population.iter().map(|gate| gate.id.as_str()).collect();
    if let Some(wanted) = wanted.filter(|wanted| !ids.contains(wanted)) {
        return Err(Diagnostic::error("explain.gate", format!("there is no gate {wanted} on {population}"))
            .hint(format!("gates on it: {}", ids.join(", ")))
            .into());
    }
    // Recorded calls are no episodes; margins and responses are found by living an episode more than once. A gate that compares has
    // nobody to compare with where the run folder has no copy of the champion.
    let of_one_life = |gate: &&&SuiteGate| {
        let elsewhere = [latency::COMPUTE_MS, latency::MARGIN_MS].contains(&gate.metric.as_str());
        let comparable = champion.is_some() || !gate.gate.needs_champion();
        !elsewhere && crate::response::base(&gate.metric).is_none() && comparable
    };
    let judged = |gate: &SuiteGate| dossier.evidence.gates.iter().find(|judged| judged.id == gate.id);
    let mut broken = Vec::new();
    for gate in of_population.iter().filter(of_one_life) {
        oracle.ask_about(gate, champion.filter(|_| gate.gate.needs_champion()));
        // A gate that says nothing of one episode is none of its gates.
        let is_broken = oracle.tries(std::slice::from_ref(factual)).is_ok_and(|trials| trials[0].broken);
        if is_broken {
            let passed = judged(gate).is_some_and(|judged| judged.verdict == Verdict::Pass);
            broken.push(((gate.severity != Severity::Required, passed), *gate));
        }
    }
    // Stable: of equals, the first of the suite.
    broken.sort_by_key(|(rank, _)| *rank);
    match wanted {
        None => broken.first().map(|(_, gate)| *gate).ok_or_else(|| {
            Diagnostic::error("explain.gate", format!("episode {episode} broke the threshold of no gate"))
                .hint("the report names the worst episodes of each gate")
                .into()
        }),
        Some(wanted) => {
            broken.iter().map(|(_, gate)| *gate).find(|gate| gate.id == wanted).ok_or_else(|| {
                let others: Vec<&str> = broken.iter().map(|(_, gate)| gate.id.as_str()).collect();
                Diagnostic::error(
                    "explain.gate",
                    format!("episode {episode} by itself does not break the threshold of {wanted}"),
                )
                .hint(match others.is_empty() {
                    true => "it broke that of no gate".to_owned(),
                    false => format!("it broke that of {}", others.join(", ")),
                })
                .into()
            })
        }
    }
}
