//! Contingency studies: what becomes of a grid when its branches fail, one outage at a time.

mod block;
mod folder;
mod list;
#[cfg(feature = "parquet")]
mod parquet;
mod row;
mod screen;
mod tally;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use powerflow::{
    Answer, BranchIdx, BusIdx, BusStatus, Diagnostic, Diagnostics, Index, Network, NewtonConfig,
    ReactiveLimits, Rung, Slack, Start, Summary, Sweep,
};
use reports::contingencies::{
    CONTINGENCIES_SCHEMA, ContingencyRecord, ContingencyStatus, ContingencyStudy, Moment,
};
use reports::{Digest, InputRecord};

use self::block::Block;
use self::folder::Folder;
use self::list::OutageList;
use self::screen::Selection;
use self::tally::{Sufferers, Tally};
use super::in_order::{in_order, interrupted};
use crate::run::journal::Journal;
use crate::run::{self, Progress, Watch};

pub use list::Outages;
#[cfg(feature = "parquet")]
pub use parquet::ParquetTable;

/// Outages of one block: a fixed size, so that the number of threads decides no byte.
const BLOCK: u64 = 256;
/// Outages of the ranking whose grid the document shows.
const SHOWN: usize = 3;

/// How to study contingencies.
#[derive(Clone, Debug)]
pub struct ContingencySettings {
    /// Which outages.
    pub outages: Outages,
    /// More outages than this are refused instead of begun (of a screened list: more picked ones).
    pub outages_max: u64,
    /// Solve only those after which the linear model estimates a loading of at least this (1 = at the rating), and those
    /// that it cannot estimate; `None` solves all.
    pub screen: Option<f64>,
    /// How each is solved.
    pub newton: NewtonConfig,
    /// Threads; `None` for one a core. Changes no byte.
    pub threads: Option<usize>,
    /// Folder for document, table and report; there a study that was killed goes on. `None` writes nothing.
    pub out: Option<PathBuf>,
}

impl ContingencySettings {
    /// Ten million: above that a table is of gigabytes, and nobody reads it.
    pub const OUTAGES_MAX: u64 = 10_000_000;
}

impl Default for ContingencySettings {
    fn default() -> Self {
        ContingencySettings {
            outages: Outages::Single,
            outages_max: Self::OUTAGES_MAX,
            screen: None,
            newton: NewtonConfig::default(),
            threads: None,
            out: None,
        }
    }
}

/// A study that is checked and can begin.
#[derive(Debug)]
pub struct PreparedStudy {
    /// The network.
    pub network: Arc<Network>,
    list: OutageList,
    settings: ContingencySettings,
    threads: usize,
    inputs: Vec<InputRecord>,
}

/// A complete study.
#[derive(Debug)]
pub struct Studied {
    /// The document.
    pub document: ContingencyStudy,
    /// Outages that an interrupted study had finished already.
    pub resumed: u64,
}

/// Reads a case, looks at every outage and, where the settings name a folder, writes document, table and report there.
///
/// # Errors
/// As [`prepare_contingencies`] and [`PreparedStudy::run`]. A base case without a solution is no error, but a document
/// that says so.
pub fn contingencies(
    case: &Path,
    settings: &ContingencySettings,
    watch: &dyn Watch,
) -> Result<ContingencyStudy, Diagnostics> {
    Ok(prepare_contingencies(case, settings)?.run(watch, &mut |_| {})?.document)
}

/// Reads and checks all that a study needs.
///
/// # Errors
/// Everything that is wrong with the case, the list of outages, the settings or the folder for the results.
pub fn prepare_contingencies(
    case: &Path,
    settings: &ContingencySettings,
) -> Result<PreparedStudy, Diagnostics> {
    super::solution::check(&settings.newton)?;
    let threads = run::worker_threads(settings.threads)?;
    let network = super::read_network(case, super::DcLines::File)?;
    let list = OutageList::of(&network, &settings.outages)?;
    if settings.screen.is_some_and(|threshold| !(threshold > 0.0 && threshold.is_finite())) {
        return Err(Diagnostic::error("usage.screen", "the loading to screen at is no positive number")
            .hint("90 is usual: 90 % of the rating")
            .into());
    }
    if settings.screen.is_none() && list.len() > settings.outages_max {
        let message = format!(
            "{} of {} are {} outages, more than {}",
            outages_name(&settings.outages),
            network.name,
            list.len(),
            settings.outages_max
        );
        return Err(Diagnostic::error("outages.too-many", message)
            .hint(
                "list the outages that matter in a file and name it with --outages, solve only those that a \
                   linear screen picks with --screen, or allow more with --outages-max",
            )
            .into());
    }
    if let Some(out) = &settings.out {
        run::folder::check_out(out, "contingencies.json")?;
    }
    let mut inputs =
        vec![InputRecord { role: "case".into(), name: file_name(case), digest: digest_of(case)? }];
    if let Outages::File(path) = &settings.outages {
        let digest = Digest::of(list::read(path)?);
        inputs.push(InputRecord { role: "outages".into(), name: file_name(path), digest });
    }
    Ok(PreparedStudy { network, list, settings: settings.clone(), threads, inputs })
}

impl PreparedStudy {
    /// Looks at every outage; `visit` is shown each in the order of the list.
    ///
    /// # Errors
    /// Where the results cannot be written, or are being written by another study; `study.interrupted` where `watch`
    /// stopped it; where the outages are to be screened, what the linear model refuses, and `outages.too-many`.
    pub fn run(
        &self,
        watch: &dyn Watch,
        visit: &mut dyn FnMut(&ContingencyRecord),
    ) -> Result<Studied, Diagnostics> {
        let mut sweep = match Sweep::new(&self.network, self.network.initial_state(), &self.settings.newton) {
            Ok(sweep) => sweep,
            Err(divergence) => {
                let mut document = self.document(&Tally::new(0));
                document.notes.push(format!("base case: {divergence}"));
                return Ok(Studied { document, resumed: 0 });
            }
        };
        let base = sweep.summarise_base();
        let (selection, screen) = match self.settings.screen {
            None => (Selection::all(&self.list), None),
            Some(threshold) => {
                let (slack, most) = (self.settings.newton.slack, self.settings.outages_max);
                let screened =
                    Selection::screened(&self.network, &sweep, &self.list, threshold, slack, most)?;
                (screened.0, Some(screened.1))
            }
        };
        let mut tally = Tally::new(selection.len());
        // The record first: it keeps others out of the folder.
        let mut journal = self.settings.out.as_deref().map(|out| Journal::open(out, "study")).transpose()?;
        let mut folder = self.settings.out.as_deref().map(Folder::stage).transpose()?;
        let mut take = |block: Block, folder: &mut Option<Folder>| -> Result<(), Diagnostics> {
            for record in &block.rows {
                visit(record);
            }
            if let Some(folder) = folder {
                folder.rows(&block.rows)?;
            }
            tally.add(block.rows, block.sufferers);
            Ok(())
        };
        let done = match &mut journal {
            Some(journal) => {
                let mut next = 0;
                journal.resume(block::SCHEMA, &self.key(), &mut |block: Block| {
                    let is_next = block.block == next;
                    if is_next {
                        next += 1;
                        take(block, &mut folder)?;
                    }
                    Ok(is_next)
                })?
            }
            None => 0,
        };
        self.sweep(&mut sweep, &selection, &base, done, watch, &mut |block| {
            if let Some(journal) = &mut journal {
                journal.append(&block)?;
            }
            take(block, &mut folder)
        })?;

        let mut document = self.document(&tally);
        let mut record = row::base(&self.network, sweep.base_solution().rung, &base);
        record.moment = moment(&self.network, &sweep.base_answer(), None);
        document.base = Some(record);
        document.screen = screen;
        document.moments = self.moments(&mut sweep, &tally.ranking);
        document.notes.extend(self.notes(&sweep, selection.len()));
        if let Some(folder) = folder {
            folder.publish(&self.network, &document)?;
        }
        Ok(Studied { document, resumed: (done * BLOCK).min(selection.len()) })
    }

    /// Digest of all that decides what the blocks hold.
    fn key(&self) -> String {
        let mut text = format!("gridgate {} blocks of {BLOCK}\n", env!("CARGO_PKG_VERSION"));
        for input in &self.inputs {
            text.push_str(&format!("{} {}\n", input.role, input.digest.sha256));
        }
        for (name, value) in self.described() {
            text.push_str(&format!("{name} {value}\n"));
        }
        Digest::of(text).sha256
    }

    /// Hands out blocks from `first` on to the threads and takes what they find, in the order of the list.
    fn sweep(
        &self,
        sweep: &mut Sweep,
        selection: &Selection<'_>,
        base: &Summary,
        first: u64,
        watch: &dyn Watch,
        take: &mut dyn FnMut(Block) -> Result<(), Diagnostics>,
    ) -> Result<(), Diagnostics> {
        let blocks = selection.len().div_ceil(BLOCK);
        let workers = (self.threads as u64).min(blocks.saturating_sub(first)) as usize;
        let mut sweeps: Vec<Sweep> = (0..workers).map(|_| sweep.fork()).collect();
        let mut taken = first;
        in_order(
            &mut sweeps,
            first..blocks,
            &|sweep, number| self.block(sweep, selection, base, number),
            &mut |_, block| {
                if watch.stop() {
                    return Err(interrupted());
                }
                take(block)?;
                taken += 1;
                watch.progress(&Progress {
                    population: outages_name(&self.settings.outages),
                    done: (taken * BLOCK).min(selection.len()),
                    size_max: selection.len(),
                    standing: String::new(),
                });
                Ok(())
            },
        )
    }

    /// Looks at the outages of one block.
    fn block(&self, sweep: &mut Sweep, selection: &Selection<'_>, base: &Summary, block: u64) -> Block {
        let first = block * BLOCK;
        let selected = selection.range(first, first + BLOCK);
        let network = &*self.network;
        let carries = |branch: &BranchIdx| network.branches.in_service[*branch];
        let live: Vec<usize> =
            (0..selected.len()).filter(|at| selected[*at].outage.branches.iter().any(carries)).collect();
        let asked: Vec<Vec<BranchIdx>> =
            live.iter().map(|at| selected[*at].outage.branches.clone()).collect();
        let mut summaries: Vec<Option<Summary>> = vec![None; selected.len()];
        sweep.summarise_outages(&asked, &mut |at, summary| summaries[live[at]] = Some(summary));
        let mut sufferers = Sufferers::default();
        let rows = selected
            .iter()
            .zip(&summaries)
            .map(|(selected, summary)| {
                let number = selected.at + 1;
                let mut record = match summary {
                    Some(summary) => {
                        sufferers.add(number, summary);
                        row::record(network, base, number, &selected.outage, summary)
                    }
                    None => row::blank(network, number, &selected.outage, ContingencyStatus::Dead),
                };
                record.estimate_pct = selected.estimate.map(|loading| 100.0 * loading);
                record
            })
            .collect();
        Block { block, rows, sufferers }
    }

    /// The grid after the worst outages that have a solution.
    fn moments(&self, sweep: &mut Sweep, ranking: &[ContingencyRecord]) -> Vec<Moment> {
        let shown: Vec<&ContingencyRecord> = ranking
            .iter()
            .filter(|record| record.status != ContingencyStatus::NoSolution)
            .take(SHOWN)
            .collect();
        let asked: Vec<Vec<BranchIdx>> = shown
            .iter()
            .map(|record| record.rows.iter().map(|row| BranchIdx::from_row(*row as usize - 1)).collect())
            .collect();
        let mut moments = vec![Moment::default(); shown.len()];
        sweep.outages(&asked, &mut |at, answer| {
            moments[at] = moment(&self.network, answer, Some(shown[at].number));
        });
        moments
    }

    fn document(&self, tally: &Tally) -> ContingencyStudy {
        ContingencyStudy {
            schema: CONTINGENCIES_SCHEMA.into(),
            case: self.network.name.clone(),
            outages: outages_name(&self.settings.outages),
            engine: BTreeMap::from([
                ("program".to_owned(), "gridgate".to_owned()),
                ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ]),
            inputs: self.inputs.clone(),
            settings: self.described(),
            base: None,
            screen: None,
            counts: tally.counts.clone(),
            ranking: tally.ranking.clone(),
            overloaded: tally.overloaded(&self.network),
            strained: tally.strained(&self.network),
            loading_histogram: tally.histogram.clone(),
            moments: Vec::new(),
            rows: tally.rows.clone(),
            notes: Vec::new(),
        }
    }

    /// Settings as text.
    fn described(&self) -> BTreeMap<String, String> {
        let newton = &self.settings.newton;
        let word = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        BTreeMap::from([
            word(
                "outages",
                match self.settings.outages {
                    Outages::Single => "every branch alone",
                    Outages::Pairs => "every pair of branches in service",
                    Outages::File(_) => "those that the file lists",
                },
            ),
            word(
                "reactive limits",
                match newton.reactive_limits {
                    ReactiveLimits::Enforce => "enforced",
                    ReactiveLimits::Ignore => "ignored",
                },
            ),
            word(
                "slack",
                match newton.slack {
                    Slack::Distributed => "distributed over units with headroom",
                    Slack::Single => "the reference bus alone",
                },
            ),
            word(
                "start of the base case",
                match newton.start {
                    Start::Case => "voltages of the file",
                    Start::Flat => "flat",
                    Start::Dc => "angles of the linear power flow",
                },
            ),
            word(
                "screen",
                &self.settings.screen.map_or_else(
                    || "none: every outage of the list was solved".to_owned(),
                    |threshold| format!("estimated loading of at least {} %", 100.0 * threshold),
                ),
            ),
            word("tolerance", &format!("{:e} pu", newton.tolerance_pu)),
        ])
    }

    fn notes(&self, sweep: &Sweep, outages: u64) -> Vec<String> {
        let mut notes: Vec<String> = Vec::new();
        let rung = sweep.base_solution().rung;
        if rung != Rung::Newton {
            let id = super::solution::rung_id(rung);
            notes.push(format!(
                "Newton from the start that was asked for failed on the base case; {id} answered."
            ));
        }
        if self.network.branches.rating_pu.iter().all(|(_, rating)| rating.is_none()) {
            notes.push("No branch has a rating: nothing can be said of overloads.".into());
        }
        let dead =
            sweep.base_solution().status.iter().filter(|(_, status)| **status == BusStatus::Dead).count();
        if dead > 0 {
            notes.push(format!("{dead} buses have no voltage in the base case already."));
        }
        if outages > tally::ROWS_MAX {
            notes.push(format!(
                "{outages} outages were solved: the table holds them all, this document the worst."
            ));
        }
        notes.extend(self.network.diagnostics.0.iter().map(|d| format!("{}: {}", d.code, d.message)));
        notes
    }
}

fn moment(network: &Network, answer: &Answer<'_>, number: Option<u64>) -> Moment {
    let loading =
        |branch: BranchIdx| Some(answer.apparent_pu(network, branch)? / network.branches.rating_pu[branch]?);
    let vm = |bus: BusIdx| answer.voltage(bus).map(powerflow::Complex::abs);
    Moment {
        number,
        vm_pu: network.buses.id.indices().map(vm).collect(),
        loading: network.branches.from.indices().map(loading).collect(),
        out: (network.branches.from.indices())
            .filter(|branch| !answer.is_closed(*branch))
            .map(|branch| branch.row() as u32)
            .collect(),
    }
}

fn outages_name(outages: &Outages) -> String {
    match outages {
        Outages::Single => "n-1".into(),
        Outages::Pairs => "n-2".into(),
        Outages::File(path) => file_name(path),
    }
}

/// The last part of a path: where a file lies is of this machine and no part of a document.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Digest of a case: of its file, or of a folder's files by name, each name with its digest on a line.
pub(crate) fn digest_of(case: &Path) -> Result<Digest, Diagnostics> {
    let unreadable = |path: &Path, error: std::io::Error| {
        Diagnostics::from(
            Diagnostic::error("case.file.unreadable", format!("the case cannot be read: {error}"))
                .at(path.display().to_string(), None),
        )
    };
    let read = |path: &Path| std::fs::read(path).map(Digest::of).map_err(|error| unreadable(path, error));
    if !case.is_dir() {
        return read(case);
    }
    let mut lines = BTreeMap::new();
    for entry in std::fs::read_dir(case).map_err(|error| unreadable(case, error))? {
        let path = entry.map_err(|error| unreadable(case, error))?.path();
        if path.is_file() {
            lines.insert(file_name(&path), read(&path)?.sha256);
        }
    }
    Ok(Digest::of(lines.iter().map(|(name, digest)| format!("{name} {digest}\n")).collect::<String>()))
}
