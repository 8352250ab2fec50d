//! Storm studies: what a population of storms does to a grid with nobody acting, and which lines it hangs on.

mod block;
mod folder;
mod lines;
mod restoration;
mod risk;
mod shown;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use powerflow::{Diagnostic, Diagnostics, Index, Plan, Solver, Topology};
use reports::StormStudy;
use reports::study::{InterruptionRecord, PopulationRisk, STUDY_SCHEMA, StormRecord};

use self::block::{Block, Storm, Worker};
use self::risk::{CONFIDENCE, Counted};
use super::in_order::{in_order, interrupted};
use crate::live::COHORT;
use crate::run::journal::Journal;
use crate::run::{self, Contender, Prepared, Progress, Watch};
use crate::service::{AVERAGE_DEMAND_KW, Count, Customers};

/// Storms that the document names, worst first.
const WORST: usize = 10;

/// How to study storms.
#[derive(Clone, Debug, Default)]
pub struct StormSettings {
    /// Storms of each population at most; `None` for what the suite says.
    pub storms: Option<u64>,
    /// Seed in the place of the suite's.
    pub seed: Option<u64>,
    /// Lines that are tried without failing, those with the largest even share; each costs the storms that took it once more.
    pub hardened: usize,
    /// Threads; `None` for one a core. Changes no byte.
    pub threads: Option<usize>,
    /// Folder for document, table and report; there a study that was killed goes on. `None` writes nothing.
    pub out: Option<PathBuf>,
}

impl StormSettings {
    /// Lines that are tried without failing where nobody says otherwise.
    pub const HARDENED: usize = 5;
}

/// A study that is checked and can begin.
pub struct PreparedStorms {
    prepared: Prepared,
    settings: StormSettings,
    threads: usize,
}

/// A complete study.
#[derive(Debug)]
pub struct StudiedStorms {
    /// The document.
    pub document: StormStudy,
    /// Blocks of 256 storms that an interrupted study had finished already.
    pub resumed: u64,
}

/// Reads and checks a suite for a study: its grid, tables, populations and relays. Who is judged, and by which gates, has no say.
///
/// # Errors
/// Everything that is wrong with the suite and all that it names; `study.lists` where a population lists its scenarios.
pub fn prepare_storms(suite: &Path, settings: &StormSettings) -> Result<PreparedStorms, Diagnostics> {
    let threads = run::worker_threads(settings.threads)?;
    let mut prepared =
        run::prepare(suite, Contender::Named("do_nothing".into()))?.with_seed(settings.seed).serving();
    let world = prepared.world();
    let listed = prepared.populations.iter().find(|population| population.listed(&world).is_some());
    if let Some(population) = listed {
        let message =
            format!("population {} lists its scenarios: a study estimates from draws", population.id);
        let hint = "run it with gates of kind \"census\", or write hazards that draw";
        return Err(Diagnostic::error("study.lists", message)
            .at(&prepared.suite.file, None)
            .hint(hint)
            .into());
    }
    if settings.storms == Some(0) {
        let none = Diagnostic::error("usage.storms", "of no storms there is nothing to say");
        return Err(none.hint("leave --storms out to live as many as the suite says").into());
    }
    for population in &mut prepared.populations {
        population.size_max = population.size_max.min(settings.storms.unwrap_or(u64::MAX));
    }
    if let Some(out) = &settings.out {
        run::folder::check_out(out, "study.json")?;
    }
    Ok(PreparedStorms { prepared, settings: settings.clone(), threads })
}

impl PreparedStorms {
    /// Lives every storm and says what they did.
    ///
    /// # Errors
    /// Where the results cannot be written, or are being written by another study; `study.interrupted` where `watch` stopped it.
    pub fn run(&self, watch: &dyn Watch) -> Result<StudiedStorms, Diagnostics> {
        // The record first: it keeps others out of the folder.
        let mut journal = self.settings.out.as_deref().map(|out| Journal::open(out, "study")).transpose()?;
        let mut all: Vec<Vec<Storm>> = self.prepared.populations.iter().map(|_| Vec::new()).collect();
        let blocks = self.blocks();
        let mut done = 0_usize;
        if let Some(journal) = &mut journal {
            journal.resume(block::SCHEMA, &self.prepared.key(), &mut |block: Block| {
                let is_next = blocks.get(done) == Some(&(block.population, block.block));
                if is_next {
                    all[block.population].extend(block.storms);
                    done += 1;
                }
                Ok(is_next)
            })?;
        }
        let plan = Arc::new(Plan::new(&self.prepared.network, &Arc::new(Topology::unsplit())));
        let worker =
            || Worker::new(&self.prepared, Solver::with_plan(&self.prepared.network, Arc::clone(&plan)));
        let mut workers: Vec<Worker<'_>> = (0..self.threads).map(|_| worker()).collect();
        in_order(
            &mut workers,
            done as u64..blocks.len() as u64,
            &|worker, piece| {
                let (population, block) = blocks[piece as usize];
                worker.block(population, block)
            },
            &mut |_, block| {
                if watch.stop() {
                    return Err(interrupted());
                }
                if let Some(journal) = &mut journal {
                    journal.append(&block)?;
                }
                let population = &self.prepared.populations[block.population];
                let lived = &mut all[block.population];
                lived.extend(block.storms);
                watch.progress(&Progress {
                    population: population.id.clone(),
                    done: lived.len() as u64,
                    size_max: population.size_max,
                    standing: String::new(),
                });
                Ok(())
            },
        )?;
        let mut document = self.document(&all);
        for (at, storms) in all.iter().enumerate() {
            let lines = &mut document.populations[at].lines;
            lines::harden(&mut workers, at, storms, lines, self.settings.hardened, watch)?;
            let risk = &mut document.populations[at];
            let worth = [("worst", risk.worst.first()), ("median", risk.median.as_ref())];
            let worth: Vec<(&str, u64)> =
                worth.iter().filter_map(|(why, storm)| Some((*why, (*storm)?.index))).collect();
            let first = &mut workers[0];
            risk.shown = worth
                .into_iter()
                .filter_map(|(why, index)| shown::of(&self.prepared, first, at, index, why))
                .collect();
        }
        if let Some(out) = &self.settings.out {
            folder::publish(out, &self.prepared, &document, &all)?;
        }
        Ok(StudiedStorms { document, resumed: done as u64 })
    }

    /// Population and number of every block.
    fn blocks(&self) -> Vec<(usize, u64)> {
        let of = |(at, population): (usize, &scenarios::Population)| {
            (0..population.size_max.div_ceil(COHORT as u64)).map(move |block| (at, block))
        };
        self.prepared.populations.iter().enumerate().flat_map(of).collect()
    }

    fn document(&self, all: &[Vec<Storm>]) -> StormStudy {
        let prepared = &self.prepared;
        let populations = prepared.populations.iter().zip(all);
        StormStudy {
            schema: STUDY_SCHEMA.into(),
            suite: prepared.suite.name.clone(),
            case: prepared.network.name.clone(),
            engine: BTreeMap::from([
                ("program".to_owned(), "gridgate".to_owned()),
                ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ]),
            inputs: prepared.inputs(),
            seed: prepared.suite.seed,
            confidence: CONFIDENCE,
            populations: populations
                .map(|(population, storms)| self.population(population, storms))
                .collect(),
            notes: self.notes(all),
        }
    }

    fn population(&self, population: &scenarios::Population, storms: &[Storm]) -> PopulationRisk {
        let prepared = &self.prepared;
        let per_year = prepared
            .suite
            .populations
            .iter()
            .find(|own| own.id == population.id)
            .and_then(|own| own.per_year);
        let horizon_h = prepared.world().horizon_s / 3600.0;
        let demand_mw = storms.iter().map(|storm| storm.demand_mw);
        let wanted_mwh = horizon_h * demand_mw.clone().fold(0.0, f64::max);
        let range_mwh = storms.iter().map(|storm| storm.lost.mwh).fold(wanted_mwh, f64::max);
        let risk = |counted| risk::of(storms, counted, range_mwh, per_year);
        let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
        for storm in storms {
            *outcomes.entry(storm.outcome.id().to_owned()).or_default() += 1;
        }
        let mut worst_first: Vec<&Storm> = storms.iter().collect();
        worst_first.sort_by(|a, b| b.lost.mwh.total_cmp(&a.lost.mwh).then(a.index.cmp(&b.index)));
        let (lines, without_lines_mwh) = lines::of(&prepared.network, storms);
        PopulationRisk {
            id: population.id.clone(),
            law: population.hazards.iter().map(|hazard| hazard.describe()).collect(),
            storms: storms.len() as u64,
            per_year,
            horizon_h,
            demand_mw: demand_mw.sum::<f64>() / storms.len() as f64,
            range_mwh,
            outcomes,
            lost: risk(Counted::Lost),
            served: storms.iter().any(|storm| storm.served.is_some()).then(|| risk(Counted::Served)),
            interruptions: self.interruptions(storms),
            lines,
            without_lines_mwh,
            demand_served: restoration::of(&prepared.config, storms, |storm| &storm.lost.served_mw),
            branches: restoration::of(&prepared.config, storms, |storm| &storm.branches),
            worst: worst_first.iter().take(WORST).map(|storm| record(storm)).collect(),
            median: worst_first.get(storms.len() / 2).map(|storm| record(storm)),
            shown: Vec::new(),
        }
    }

    fn interruptions(&self, storms: &[Storm]) -> InterruptionRecord {
        let Some(customers) = self.customers() else { return InterruptionRecord::default() };
        let (total, n) = (customers.total(), storms.len() as f64);
        let sum =
            |of: fn(&Count) -> f64| storms.iter().map(|storm| of(&storm.lost.interruptions)).sum::<f64>();
        let mean = Count {
            sustained: sum(|count| count.sustained) / n,
            momentary: sum(|count| count.momentary) / n,
            minutes: sum(|count| count.minutes) / n,
        };
        InterruptionRecord {
            customers: total,
            assumed: customers.assumed,
            saifi: mean.saifi(total).unwrap_or_default(),
            saidi_min: mean.saidi_min(total).unwrap_or_default(),
            caidi_min: mean.caidi_min(),
            maifi: mean.maifi(total).unwrap_or_default(),
        }
    }

    fn customers(&self) -> Option<&Customers> {
        self.prepared.config.looks.customers.as_deref()
    }

    fn notes(&self, all: &[Vec<Storm>]) -> Vec<String> {
        let mut notes = vec![
            "nobody acts: relays, controls and crews do what the suite says, and no operator does anything".to_owned(),
            "demand that relays shed, and units that they tripped, stay off: nobody restores them; an island without a source is served again when a \
             line to it returns"
                .to_owned(),
            "bounds of means and tails hold for any law within the range of unserved energy (betting), those of quantiles and probabilities for any \
             law at all (order statistics, Clopper-Pearson), the band of a curve for all of it at once (Dvoretzky-Kiefer-Wolfowitz)"
                .to_owned(),
            "quantiles over time are those of each moment: no single storm need follow them".to_owned(),
        ];
        if self.customers().is_some_and(|customers| customers.assumed) {
            notes.push(format!(
                "there is a customer for every {AVERAGE_DEMAND_KW} kW of the demand in the case: the suite names no table of `customers`"
            ));
        }
        let gave_up = all.iter().flatten().filter(|storm| storm.served.is_some()).count();
        if gave_up > 0 {
            notes.push(format!(
                "where the solver gave up nobody knows how it went on: {gave_up} storms are counted with what was in doubt as lost, and as served"
            ));
        }
        let without =
            self.prepared.suite.populations.iter().filter(|population| population.per_year.is_none());
        for population in without {
            notes.push(format!(
                "nobody says how often a storm of {} comes: everything is given that one does; write `per_year` for a year",
                population.id
            ));
        }
        notes
            .extend(self.prepared.network.diagnostics.0.iter().map(|d| format!("{}: {}", d.code, d.message)));
        notes
    }
}

fn record(storm: &Storm) -> StormRecord {
    StormRecord {
        index: storm.index,
        outcome: storm.outcome.id().into(),
        unserved_mwh: storm.lost.mwh,
        unserved_as_served_mwh: storm.served.as_ref().map(|served| served.mwh),
        lines: storm.lines.iter().map(|line| line.row() as u32 + 1).collect(),
    }
}
