//! Whole tables of rows at once, on any number of threads: the same bytes whatever that number is.

use std::sync::{Arc, Mutex, PoisonError};

use crate::config::NewtonConfig;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::index::{BranchIdx, BusIdx, Index, UnitIdx};
use crate::network::Network;
use crate::solution::{Complex, Divergence};
use crate::state::State;
use crate::sweep::{Answer, InjectionRow, Method, RowStatus, Sweep};

/// Fewest rows that are worth handing to another thread.
const BLOCK_ROWS_MIN: usize = 64;

/// Complaints of one kind that are told one by one; of the others only how many there are.
const TOLD_MAX: usize = 5;

/// Answers of many rows, as columns; their voltages lie with the caller.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// What became of each row.
    pub status: Vec<RowStatus>,
    /// Who answered it; `None` where nobody did.
    pub method: Vec<Option<Method>>,
    /// Iterations that it took.
    pub iterations: Vec<u32>,
    /// Largest mismatch of an equation, pu; `None` where there is no solution.
    pub mismatch_pu: Vec<Option<f64>>,
    /// Why there is no solution, for the rows that have none, ascending.
    pub divergences: Vec<(usize, Divergence)>,
    /// Whether a voltage is absent, `[row, bus]`: its bus is not energised, or its row has no solution. `None` where none is.
    pub absent: Option<Vec<bool>>,
}

/// Voltages of many rows, `[row, bus]`, buses in file order: real and imaginary part of each, pu, one after the other. NaN
/// where a voltage is absent.
#[derive(Debug)]
pub struct Voltages;

impl Voltages {
    /// Numbers that so many rows of a network take.
    pub fn numbers(network: &Network, rows: usize) -> usize {
        2 * rows * network.buses.id.len()
    }

    /// Magnitudes, pu, of voltages.
    pub fn magnitudes_pu(re_im: &[f64]) -> Vec<f64> {
        re_im.chunks_exact(2).map(|v| Complex { re: v[0], im: v[1] }.abs()).collect()
    }

    /// Angles, degrees in (-180, 180], of voltages.
    pub fn angles_deg(re_im: &[f64]) -> Vec<f64> {
        re_im.chunks_exact(2).map(|v| libm::atan2(v[1], v[0]).to_degrees()).collect()
    }
}

/// What is injected in the rows of a sweep: tables `[row, element]`, elements in file order. What is not given is the
/// base's.
#[derive(Clone, Copy, Debug)]
pub struct InjectionTable<'a> {
    /// Number of rows.
    pub rows: usize,
    /// Active demand of each bus, MW, positive consumes.
    pub demand_p_mw: Option<&'a [f64]>,
    /// Reactive demand of each bus, Mvar, positive consumes.
    pub demand_q_mvar: Option<&'a [f64]>,
    /// Scheduled active power of each unit, MW.
    pub unit_p_mw: Option<&'a [f64]>,
}

impl InjectionTable<'_> {
    /// All that is wrong with the tables: their size, and numbers that are none.
    fn check(&self, network: &Network) -> Result<(), Diagnostics> {
        let bus = |col: usize| format!("bus {}", network.buses.id[BusIdx::from_row(col)]);
        let unit = |col: usize| network.unit_name(UnitIdx::from_row(col));
        let (buses, units) = (network.buses.id.len(), network.units.bus.len());
        let mut complaints = Diagnostics::default();
        complaints.0.extend(self.complaints("active demand", "buses", self.demand_p_mw, buses, &bus));
        complaints.0.extend(self.complaints("reactive demand", "buses", self.demand_q_mvar, buses, &bus));
        complaints.0.extend(self.complaints("active power", "units", self.unit_p_mw, units, &unit));
        if complaints.has_errors() { Err(complaints) } else { Ok(()) }
    }

    fn complaints(
        &self,
        what: &str,
        elements: &str,
        table: Option<&[f64]>,
        cols: usize,
        name: &dyn Fn(usize) -> String,
    ) -> Vec<Diagnostic> {
        let Some(table) = table else { return Vec::new() };
        if table.len() != self.rows * cols {
            let message = format!(
                "the table of {what} has {} numbers, {} rows of {cols} {elements} are {}",
                table.len(),
                self.rows,
                self.rows * cols
            );
            return vec![Diagnostic::error("sweep.injection.shape", message)];
        }
        if table.iter().all(|number| number.is_finite()) {
            return Vec::new();
        }
        let wrong = table.iter().enumerate().filter(|(_, number)| !number.is_finite());
        let count = wrong.clone().count();
        let mut told: Vec<Diagnostic> = wrong
            .take(TOLD_MAX)
            .map(|(at, number)| {
                let message = format!("the {what} of {} in row {} is {number}", name(at % cols), at / cols);
                Diagnostic::error("sweep.injection.not-finite", message)
                    .hint("rows are counted from 0; a number that is not known must not be asked for")
            })
            .collect();
        if count > TOLD_MAX {
            let message = format!("and {} more numbers of the {what} are none", count - TOLD_MAX);
            told.push(Diagnostic::error("sweep.injection.not-finite", message));
        }
        told
    }
}

/// Sweeps of one base, one a thread, kept for the next table.
#[derive(Debug)]
pub struct Sweeps {
    each: Vec<Sweep>,
}

/// The place in a table of some consecutive rows.
struct Part<'a> {
    first: usize,
    status: &'a mut [RowStatus],
    method: &'a mut [Option<Method>],
    iterations: &'a mut [u32],
    mismatch_pu: &'a mut [Option<f64>],
    re_im: &'a mut [f64],
}

/// What only few rows have.
#[derive(Default)]
struct Rare {
    divergences: Vec<(usize, Divergence)>,
    /// Places in the table without a voltage.
    absent: Vec<usize>,
}

impl Part<'_> {
    fn put(&mut self, row: usize, buses: usize, answer: &Answer<'_>, rare: &mut Rare) {
        self.status[row] = answer.status;
        self.method[row] = answer.method;
        self.iterations[row] = answer.iterations;
        self.mismatch_pu[row] = answer.method.map(|_| answer.mismatch_pu);
        let global = self.first + row;
        if let Some(divergence) = answer.divergence {
            rare.divergences.push((global, divergence.clone()));
        }
        let absent = &mut rare.absent;
        answer.write_voltages(&mut self.re_im[2 * row * buses..2 * (row + 1) * buses], &mut |bus| {
            absent.push(global * buses + bus);
        });
    }
}

impl Sweeps {
    /// Solves the base.
    ///
    /// # Errors
    /// [`Divergence`] where the base itself has no solution.
    pub fn new(network: &Arc<Network>, base: State, config: &NewtonConfig) -> Result<Self, Divergence> {
        Ok(Self { each: vec![Sweep::new(network, base, config)?] })
    }

    /// The sweep of the first thread.
    pub fn first(&self) -> &Sweep {
        &self.each[0]
    }

    /// Solves one row for each list of branches that are out; their [`Voltages`] are written to `re_im`.
    ///
    /// # Errors
    /// `sweep.outage.unknown-branch` for each branch that the network does not have, `sweep.voltages.shape`.
    pub fn outages(
        &mut self,
        outages: &[Vec<BranchIdx>],
        threads: usize,
        re_im: &mut [f64],
    ) -> Result<Table, Diagnostics> {
        let branches = self.first().network().branches.from.len();
        let unknown: Vec<Diagnostic> = outages
            .iter()
            .enumerate()
            .flat_map(|(row, out)| out.iter().map(move |branch| (row, branch.row())))
            .filter(|(_, branch)| *branch >= branches)
            .take(TOLD_MAX)
            .map(|(row, branch)| {
                let message = format!("outage {row} names branch row {branch}, which does not exist");
                Diagnostic::error("sweep.outage.unknown-branch", message)
                    .hint(format!("rows are counted from 0; the last one is {}", branches.saturating_sub(1)))
            })
            .collect();
        if !unknown.is_empty() {
            return Err(Diagnostics(unknown));
        }
        self.fill(outages.len(), threads, re_im, &|sweep, part, rare| {
            let buses = sweep.network().buses.id.len();
            let own = &outages[part.first..part.first + part.status.len()];
            sweep.outages(own, &mut |row, answer| part.put(row, buses, answer, rare));
        })
    }

    /// Solves one row for each row of the injections; their [`Voltages`] are written to `re_im`.
    ///
    /// # Errors
    /// `sweep.injection.shape` and `sweep.injection.not-finite`, with the row and the element, `sweep.voltages.shape`.
    pub fn injections(
        &mut self,
        injections: &InjectionTable<'_>,
        threads: usize,
        re_im: &mut [f64],
    ) -> Result<Table, Diagnostics> {
        let network = Arc::clone(self.first().network());
        injections.check(&network)?;
        let base = network.base;
        self.fill(injections.rows, threads, re_im, &|sweep, part, rare| {
            let (first, count) = (part.first, part.status.len());
            let mut fill = |row: usize, place: InjectionRow<'_>| {
                let copy = |from: Option<&[f64]>, to: &mut [f64]| {
                    let Some(from) = from else { return };
                    let at = (first + row) * to.len();
                    for (to, from) in to.iter_mut().zip(&from[at..]) {
                        *to = base.to_pu(*from);
                    }
                };
                copy(injections.demand_p_mw, place.demand_p_pu);
                copy(injections.demand_q_mvar, place.demand_q_pu);
                copy(injections.unit_p_mw, place.unit_p_pu);
            };
            let buses = network.buses.id.len();
            sweep.overwritten_injections(count, &mut fill, &mut |row, answer| {
                part.put(row, buses, answer, rare);
            });
        })
    }

    /// Cuts a table into blocks of rows and has the threads fill them.
    fn fill(
        &mut self,
        rows: usize,
        threads: usize,
        re_im: &mut [f64],
        solve: &(dyn Fn(&mut Sweep, &mut Part<'_>, &mut Rare) + Sync),
    ) -> Result<Table, Diagnostics> {
        let numbers = Voltages::numbers(self.first().network(), rows);
        if re_im.len() != numbers {
            let message = format!("there is room for {} numbers, the voltages take {numbers}", re_im.len());
            return Err(Diagnostics(vec![Diagnostic::error("sweep.voltages.shape", message)]));
        }
        let threads = threads.clamp(1, rows.div_ceil(BLOCK_ROWS_MIN).max(1));
        while self.each.len() < threads {
            let another = self.each[0].fork();
            self.each.push(another);
        }
        let buses = self.first().network().buses.id.len();
        let mut table = Table {
            status: vec![RowStatus::NoSolution; rows],
            method: vec![None; rows],
            iterations: vec![0; rows],
            mismatch_pu: vec![None; rows],
            ..Table::default()
        };
        // Several blocks a thread, since outages are not equally hard; one thread needs no cut.
        let block = if threads == 1 { rows.max(1) } else { rows.div_ceil(4 * threads).max(BLOCK_ROWS_MIN) };
        let parts = table
            .status
            .chunks_mut(block)
            .zip(table.method.chunks_mut(block))
            .zip(table.iterations.chunks_mut(block))
            .zip(table.mismatch_pu.chunks_mut(block))
            .zip(re_im.chunks_mut((2 * buses * block).max(1)))
            .enumerate()
            .map(|(number, ((((status, method), iterations), mismatch_pu), re_im))| Part {
                first: number * block,
                status,
                method,
                iterations,
                mismatch_pu,
                re_im,
            });
        let mut rare = share(&mut self.each[..threads], parts, solve);
        rare.divergences.sort_by_key(|(row, _)| *row);
        table.divergences = rare.divergences;
        if !rare.absent.is_empty() {
            let mut absent = vec![false; rows * buses];
            for at in rare.absent {
                absent[at] = true;
            }
            table.absent = Some(absent);
        }
        Ok(table)
    }
}

/// Hands the parts out, the next one to whoever is free; on the caller's thread where there is one sweep.
fn share<'a>(
    sweeps: &mut [Sweep],
    parts: impl Iterator<Item = Part<'a>> + Send,
    solve: &(dyn Fn(&mut Sweep, &mut Part<'_>, &mut Rare) + Sync),
) -> Rare {
    let mut all = Rare::default();
    if let [alone] = sweeps {
        for mut part in parts {
            solve(alone, &mut part, &mut all);
        }
        return all;
    }
    let parts = Mutex::new(parts);
    let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
    let found: Vec<Rare> = std::thread::scope(|scope| {
        let workers: Vec<_> = sweeps
            .iter_mut()
            .map(|sweep| {
                scope.spawn(|| {
                    let mut own = Rare::default();
                    while let Some(mut part) = next() {
                        solve(sweep, &mut part, &mut own);
                    }
                    own
                })
            })
            .collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, Rare>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(join).collect()
    });
    for own in found {
        all.divergences.extend(own.divergences);
        all.absent.extend(own.absent);
    }
    all
}
