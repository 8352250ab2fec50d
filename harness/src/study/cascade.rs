//! What outages set off: what `gridgate cascade` answers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use powerflow::{BusIdx, Diagnostic, Diagnostics, Index, Network};
use reports::cascade::{
    CASCADE_SCHEMA, CascadeBase, CascadeStudy, ElementKind, ElementRecord, IslandRecord, ShedRecord,
    TripRecord,
};
use reports::{InputRecord, NetworkRecord};

use super::contingencies::{digest_of, file_name};
use crate::cascade::acfm::{self, Acfm};
use crate::cascade::protection;
use crate::cascade::separation::{self, Separation};
use crate::cascade::steps::Steps;
use crate::cascade::{Account, Cascade, Engine, Outage, Settings, Told, Tripped, read_outages};
use crate::grid::frequency::Elements;
use crate::run;

/// Outage sets that are under way at once; their lines are written in the order of the list.
const AHEAD: usize = 4096;

/// Outage sets that one thread takes at once.
const BLOCK: usize = 32;

/// Where the network comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CascadeSource {
    /// A case file of any format.
    Case(PathBuf),
    /// A folder of tables, see [`separation::read_tables`].
    Tables(PathBuf),
}

/// Who decides what trips, on which network.
#[derive(Clone, Debug)]
pub struct CascadeQuestion {
    /// The network.
    pub source: CascadeSource,
    /// The engine.
    pub engine: Engine,
    /// A settings file; `None` for the defaults.
    pub settings: Option<PathBuf>,
}

/// A question whose network and settings are read.
#[derive(Debug)]
pub struct PreparedCascades {
    /// The network.
    pub network: Arc<Network>,
    engine: Engine,
    settings: Settings,
    /// Name of the file that they were read from, for complaints.
    settings_file: String,
    inputs: Vec<InputRecord>,
}

/// One engine, one a thread.
pub(crate) enum Runner {
    Protection(Box<protection::Engine>),
    Acfm(Box<Acfm>),
    Dcsep(Box<Separation>),
    Steps(Box<Steps>),
}

/// What an engine answered for one outage, and its line in the engine's table.
struct Row {
    told: Told,
    line: String,
}

/// Reads and checks what a cascade needs.
///
/// # Errors
/// Everything that is wrong with the case or the settings; `cascade.engine` for an engine that this program lacks or that cannot
/// work on the network.
pub fn prepare_cascades(question: &CascadeQuestion) -> Result<PreparedCascades, Diagnostics> {
    let settings = match &question.settings {
        Some(path) => Settings::read(path)?,
        None => Settings::default(),
    };
    let (network, path) = match &question.source {
        CascadeSource::Case(path) => (super::read_network(path, super::DcLines::File)?, path),
        CascadeSource::Tables(path) => (separation::read_tables(path)?, path),
    };
    if matches!(question.source, CascadeSource::Tables(_)) && question.engine != Engine::Dcsep {
        let message = format!("engine {} needs voltages, which tables do not have", question.engine.id());
        return Err(Diagnostic::error("cascade.engine", message)
            .hint("give a case file instead of --tables")
            .into());
    }
    let mut inputs =
        vec![InputRecord { role: "case".into(), name: file_name(path), digest: digest_of(path)? }];
    if let Some(path) = &question.settings {
        inputs.push(InputRecord { role: "settings".into(), name: file_name(path), digest: digest_of(path)? });
    }
    let settings_file =
        question.settings.as_ref().map_or_else(String::new, |path| path.display().to_string());
    let prepared = PreparedCascades { network, engine: question.engine, settings, settings_file, inputs };
    // An engine that cannot begin is refused before anything is printed.
    prepared.runner()?;
    Ok(prepared)
}

impl PreparedCascades {
    pub(crate) fn runner(&self) -> Result<Runner, Diagnostics> {
        match self.engine {
            Engine::Dcsep => {
                Ok(Runner::Dcsep(Box::new(Separation::new(&self.network, &self.settings.dcsep)?)))
            }
            Engine::Steps => Ok(Runner::Steps(Box::new(Steps::new(&self.network, &self.settings.steps)))),
            Engine::Acfm => Ok(Runner::Acfm(Box::new(Acfm::new(&self.network, &self.settings.acfm)))),
            Engine::Protection => {
                let relays = self.settings.protection.of(self.network.frequency_hz);
                let Settings { horizon_s, seed, .. } = self.settings;
                let engine = protection::Engine::new(&self.network, relays, horizon_s, seed);
                Ok(Runner::Protection(Box::new(match self.frequency()? {
                    Some(elements) => engine.with_frequency(elements),
                    None => engine,
                })))
            }
        }
    }

    /// What units are to the frequency, where the settings say that it moves.
    fn frequency(&self) -> Result<Option<Elements>, Diagnostics> {
        let relays = self.settings.protection.of(self.network.frequency_hz);
        let written = self.settings.frequency.as_ref();
        written.map(|written| written.of(&self.network, Some(&relays), &self.settings_file)).transpose()
    }

    /// What one outage sets off.
    ///
    /// # Errors
    /// Ids that the case does not have, all of them.
    pub fn study(&self, outage: &str) -> Result<CascadeStudy, Diagnostics> {
        let outage = Outage::parse(&self.network, outage)?;
        let mut runner = self.runner()?;
        let base = runner.row(&Outage::default()).told;
        let told = runner.row(&outage).told;
        let mut document = self.document(&outage, &base, &told, runner.notes());
        if self.engine == Engine::Protection {
            document.settings.extend(self.frequency()?.iter().flat_map(Elements::in_words));
        }
        Ok(document)
    }

    pub(crate) fn engine(&self) -> Engine {
        self.engine
    }

    pub(crate) fn inputs(&self) -> &[InputRecord] {
        &self.inputs
    }

    /// The network, as pictures need it.
    pub fn picture(&self) -> NetworkRecord {
        run::folder::network_record(&self.network)
    }

    /// What each outage of a table sets off, as a line of the engine's own table, in the order of the list and on any number of
    /// threads the same; the header first.
    ///
    /// # Errors
    /// Ids that the case does not have, all of them with their lines; what `write` answers.
    pub fn table(
        &self,
        outages: &Path,
        threads: Option<usize>,
        write: &mut dyn FnMut(&str) -> Result<(), Diagnostics>,
    ) -> Result<(), Diagnostics> {
        let outages = read_outages(&self.network, outages)?;
        let threads = run::worker_threads(threads)?.min(outages.len()).max(1);
        let first = self.runner()?;
        write(first.csv_header())?;
        let mut runners = vec![first];
        for _ in 1..threads {
            runners.push(self.runner()?);
        }
        // Blocks whose rows an engine may carry side by side: a fixed size, so that the number of threads decides no byte.
        for (part_number, part) in outages.chunks(AHEAD).enumerate() {
            let blocks: Vec<&[Outage]> = part.chunks(BLOCK).collect();
            let lines: Vec<OnceLock<Vec<String>>> = blocks.iter().map(|_| OnceLock::new()).collect();
            let next = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for runner in &mut runners {
                    let (lines, next, blocks) = (&lines, &next, &blocks);
                    scope.spawn(move || {
                        loop {
                            let at = next.fetch_add(1, Ordering::Relaxed);
                            let Some(block) = blocks.get(at) else { break };
                            let first = part_number * AHEAD + at * BLOCK;
                            let rows = runner.rows(first as u64, block);
                            // Each number is taken by one thread only.
                            let _ = lines[at].set(rows.into_iter().map(|row| row.line).collect());
                        }
                    });
                }
            });
            for line in lines.iter().filter_map(OnceLock::get).flatten() {
                write(line)?;
            }
        }
        Ok(())
    }

    fn document(&self, outage: &Outage, base: &Told, told: &Told, notes: Vec<String>) -> CascadeStudy {
        let network = &*self.network;
        let cascade = &told.cascade;
        let what = outage.branches.iter().map(|branch| Tripped::Branch(*branch));
        let what = what.chain(outage.units.iter().map(|unit| Tripped::Unit(*unit)));
        let what = what.chain(outage.buses.iter().map(|bus| Tripped::Bus(*bus)));
        let trips = cascade.trips.iter().enumerate().map(|(at, trip)| {
            let element = element(network, trip.what);
            TripRecord {
                kind: element.kind,
                row: element.row,
                id: element.id,
                name: element.name,
                generation: u64::from(trip.generation),
                t_s: trip.time_s,
                cause: trip.cause.id().to_owned(),
                value: trip.value,
                limit: trip.limit,
                lost_mw: trip.lost_mw,
                why: told.why.get(at).cloned(),
            }
        });
        let islands = told.islands.iter().map(|island| IslandRecord {
            first_bus: network.buses.id[island.first_bus].0,
            buses: island.buses as u64,
            generation_mw: island.generation_mw,
            demand_mw: island.demand_mw,
        });
        let lost_mw = |account: &Account| account.shed.total_mw();
        CascadeStudy {
            schema: CASCADE_SCHEMA.into(),
            case: network.name.clone(),
            engine: self.engine.id().into(),
            program: BTreeMap::from([
                ("program".to_owned(), "gridgate".to_owned()),
                ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ]),
            inputs: self.inputs.clone(),
            settings: self.settings.described(self.engine, network.frequency_hz),
            outage: what.map(|what| element(network, what)).collect(),
            initial_load_mw: cascade.account.initial_load_mw,
            served_mw: cascade.account.served_mw,
            shed_mw: shed(&cascade.account),
            base: CascadeBase {
                lost_mw: lost_mw(&base.cascade.account),
                trips: base.cascade.trips.len() as u64,
                stopped: base.cascade.stopped.clone(),
            },
            added_loss_mw: lost_mw(&cascade.account) - lost_mw(&base.cascade.account),
            trips: trips.collect(),
            islands: islands.collect(),
            solves: cascade.solves,
            rungs: cascade.rungs.clone(),
            numerically_doubtful: cascade.numerically_doubtful,
            stopped: cascade.stopped.clone(),
            notes,
        }
    }
}

impl Runner {
    /// What one outage sets off.
    pub(crate) fn cascade(&mut self, outage: &Outage) -> Cascade {
        self.row(outage).told.cascade
    }

    /// One outage.
    fn row(&mut self, outage: &Outage) -> Row {
        match self {
            Runner::Protection(engine) => {
                let cascade = engine.cascade(outage);
                let line = separation::csv_row(outage, &cascade);
                Row { told: cascade.into(), line }
            }
            Runner::Acfm(engine) => {
                let run = engine.cascade(outage);
                let line = acfm::csv_row(outage, &run);
                Row { told: run.cascade.into(), line }
            }
            Runner::Dcsep(engine) => {
                let told = engine.cascade(outage);
                let line = separation::csv_row(outage, &told.cascade);
                Row { told, line }
            }
            Runner::Steps(engine) => {
                let told = engine.cascade(outage);
                let line = separation::csv_row(outage, &told.cascade);
                Row { told, line }
            }
        }
    }

    /// Consecutive outages of a list, from place `first` on.
    fn rows(&mut self, first: u64, outages: &[Outage]) -> Vec<Row> {
        match self {
            Runner::Protection(engine) => {
                let cascades = engine.cascades_from(first, outages);
                let row = |(cascade, outage): (Cascade, &Outage)| {
                    let line = separation::csv_row(outage, &cascade);
                    Row { told: cascade.into(), line }
                };
                cascades.into_iter().zip(outages).map(row).collect()
            }
            _ => outages.iter().map(|outage| self.row(outage)).collect(),
        }
    }

    fn csv_header(&self) -> &'static str {
        match self {
            Runner::Acfm(_) => acfm::csv_header(),
            // These have no published table: theirs has the columns of the other engine with times.
            Runner::Protection(_) | Runner::Dcsep(_) | Runner::Steps(_) => separation::csv_header(),
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Runner::Dcsep(engine) => {
                let mut notes = Vec::new();
                let unlimited = engine.unlimited();
                if unlimited > 0 {
                    notes.push(format!(
                        "branches in service without an emergency rating (RATE_B) in the file, which nothing overloads: {unlimited}"
                    ));
                }
                let moved_mw = engine.base_redispatch_mw();
                if moved_mw != 0.0 {
                    notes.push(format!(
                        "schedules of the file were moved by {moved_mw:.3} MW before the outage to meet the demand: a linear \
                         flow has no losses"
                    ));
                }
                notes
            }
            Runner::Protection(engine) => engine.blocked().to_vec(),
            Runner::Acfm(_) => vec![
                "where no power flow is found, demand is kept by the largest share that has one; the published model asks an \
                 optimal power flow"
                    .to_owned(),
                "a branch without a long-term rating is never overloaded".to_owned(),
            ],
            Runner::Steps(_) => {
                vec!["a branch without a long-term rating is never overloaded".to_owned()]
            }
        }
    }
}

fn shed(account: &Account) -> ShedRecord {
    let shed = &account.shed;
    ShedRecord {
        ufls: shed.ufls_mw,
        uvls: shed.uvls_mw,
        collapse: shed.collapse_mw,
        island_dead: shed.island_dead_mw,
        unsolved: shed.unsolved_mw,
        bus_outage: shed.bus_outage_mw,
        manual: shed.manual_mw,
    }
}

fn element(network: &Network, what: Tripped) -> ElementRecord {
    let id = |bus: BusIdx| network.buses.id[bus].0;
    let (kind, row, id, name) = match what {
        Tripped::Branch(branch) => (ElementKind::Branch, branch.row(), None, network.branch_name(branch)),
        Tripped::Unit(unit) => {
            (ElementKind::Gen, unit.row(), Some(id(network.units.bus[unit])), network.unit_name(unit))
        }
        Tripped::Bus(bus) => (ElementKind::Bus, bus.row(), Some(id(bus)), format!("bus {}", id(bus))),
    };
    ElementRecord { kind, row: row as u64 + 1, id, name }
}
