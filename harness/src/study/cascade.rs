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
use crate::cascade::separation::{self, Separation};
use crate::cascade::steps::Steps;
use crate::cascade::{Account, Engine, Outage, Settings, Told, Tripped, read_outages};
use crate::run;

/// Outage sets that are under way at once; their lines are written in the order of the list.
const AHEAD: usize = 4096;

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
    inputs: Vec<InputRecord>,
}

/// One engine, one a thread.
enum Runner {
    Dcsep(Box<Separation>),
    Steps(Box<Steps>),
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
    let prepared = PreparedCascades { network, engine: question.engine, settings, inputs };
    // An engine that cannot begin is refused before anything is printed.
    prepared.runner()?;
    Ok(prepared)
}

impl PreparedCascades {
    fn runner(&self) -> Result<Runner, Diagnostics> {
        match self.engine {
            Engine::Dcsep => {
                Ok(Runner::Dcsep(Box::new(Separation::new(&self.network, &self.settings.dcsep)?)))
            }
            Engine::Steps => Ok(Runner::Steps(Box::new(Steps::new(&self.network, &self.settings.steps)))),
            Engine::Protection | Engine::Acfm => {
                let message = format!("engine {} is not in this build", self.engine.id());
                Err(Diagnostic::error("cascade.engine", message).hint("there are dcsep and steps").into())
            }
        }
    }

    /// What one outage sets off.
    ///
    /// # Errors
    /// Ids that the case does not have, all of them.
    pub fn study(&self, outage: &str) -> Result<CascadeStudy, Diagnostics> {
        let outage = Outage::parse(&self.network, outage)?;
        let mut runner = self.runner()?;
        let base = runner.cascade(&Outage::default());
        let told = runner.cascade(&outage);
        Ok(self.document(&outage, &base, &told, runner.notes()))
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
        for part in outages.chunks(AHEAD) {
            let lines: Vec<OnceLock<String>> = part.iter().map(|_| OnceLock::new()).collect();
            let next = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for runner in &mut runners {
                    let (lines, next) = (&lines, &next);
                    scope.spawn(move || {
                        loop {
                            let at = next.fetch_add(1, Ordering::Relaxed);
                            let Some(outage) = part.get(at) else { break };
                            let told = runner.cascade(outage);
                            // Each number is taken by one thread only.
                            let _ = lines[at].set(runner.csv_row(outage, &told));
                        }
                    });
                }
            });
            for line in &lines {
                write(line.get().map(String::as_str).unwrap_or_default())?;
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
            settings: self.settings.described(self.engine),
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
    fn cascade(&mut self, outage: &Outage) -> Told {
        match self {
            Runner::Dcsep(engine) => engine.cascade(outage),
            Runner::Steps(engine) => engine.cascade(outage),
        }
    }

    fn csv_header(&self) -> &'static str {
        match self {
            // The step rules have no published table: theirs has the columns of the other engine with times.
            Runner::Dcsep(_) | Runner::Steps(_) => separation::csv_header(),
        }
    }

    fn csv_row(&self, outage: &Outage, told: &Told) -> String {
        match self {
            Runner::Dcsep(_) | Runner::Steps(_) => separation::csv_row(outage, &told.cascade),
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
