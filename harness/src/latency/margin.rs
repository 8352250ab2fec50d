//! How much delay an episode bears: the delay at which it turns from safe to losing load, by bisection on a fixed time of decisions.
//!
//! An episode fails where load is lost involuntarily at any time, where it ends in a blackout or a collapse, where the candidate fails, and
//! where the solver gives up. Each try is the whole episode lived again: with `max_ms` of 2000, eleven tries on a grid and up to eight of
//! bisection, some twenty times the cost of the episode.

use std::collections::BTreeMap;
use std::sync::Arc;

use powerflow::{Diagnostic, Diagnostics, Plan, Solver, Topology};
use reports::{Digest, LATENCY_MARGIN_SCHEMA, LatencyMargin, MarginRecord, MarginStatus};
use scenarios::{Population, scenario};

use super::{Timing, milliseconds, nanoseconds};
use crate::candidate::Candidate;
use crate::live::{COHORT, live};
use crate::run::Prepared;
use crate::run::local::cohort;
use crate::trajectory::{Episode, Outcome};

/// Points on which the search looks whether a longer delay is ever safe again, besides no delay at all.
pub const GRID_POINTS: u32 = 10;

/// What a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Margin {
    /// How it ended.
    pub status: MarginStatus,
    /// Largest delay below the lowest failing one, ms.
    pub margin_ms: u32,
    /// Lowest delay found that fails, ms.
    pub fails_at_ms: Option<u32>,
    /// Whether every longer delay of the grid fails too.
    pub monotone: bool,
    /// Tries.
    pub lives: u32,
}

/// Searches many rows at once, each with a resolution of 1 ms between 0 and `max_ms`. `fails` tries pairs of a row and its delay, ms, and
/// answers in their order.
///
/// First no delay and [`GRID_POINTS`] even steps up to `max_ms`; then bisection between the lowest that fails and the one before. Where a
/// longer delay is safe again the answer is still the lowest that fails, flagged.
///
/// # Errors
/// The first that `fails` gives.
pub fn search<E>(
    rows: usize,
    max_ms: u32,
    mut fails: impl FnMut(&[(usize, u32)]) -> Result<Vec<bool>, E>,
) -> Result<Vec<Margin>, E> {
    let mut grid: Vec<u32> = (0..=GRID_POINTS)
        .map(|point| (u64::from(max_ms) * u64::from(point) / u64::from(GRID_POINTS)) as u32)
        .collect();
    grid.dedup();
    let mut on_grid: Vec<Vec<bool>> = vec![Vec::with_capacity(grid.len()); rows];
    // All of it at once: a candidate that is asked in batches is asked as seldom as can be.
    let tries: Vec<(usize, u32)> = grid.iter().flat_map(|ms| (0..rows).map(move |row| (row, *ms))).collect();
    for ((row, _), failed) in tries.iter().zip(fails(&tries)?) {
        on_grid[*row].push(failed);
    }
    let mut found: Vec<Margin> = on_grid.iter().map(|failed| first(&grid, failed, max_ms)).collect();
    loop {
        let middle = |margin: &Margin| {
            let (low, high) = (margin.margin_ms, margin.fails_at_ms?);
            (high > low + 1).then(|| low + (high - low) / 2)
        };
        let tries: Vec<(usize, u32)> =
            found.iter().enumerate().filter_map(|(row, margin)| Some((row, middle(margin)?))).collect();
        if tries.is_empty() {
            return Ok(found);
        }
        for ((row, ms), failed) in tries.iter().zip(fails(&tries)?) {
            let margin = &mut found[*row];
            margin.lives += 1;
            if failed { margin.fails_at_ms = Some(*ms) } else { margin.margin_ms = *ms }
        }
    }
}

/// What the grid says: between which of its points the margin lies.
fn first(grid: &[u32], failed: &[bool], max_ms: u32) -> Margin {
    let lives = grid.len() as u32;
    let Some(lowest) = failed.iter().position(|failed| *failed) else {
        let status = MarginStatus::SafeThroughout;
        return Margin { status, margin_ms: max_ms, fails_at_ms: None, monotone: true, lives };
    };
    let status = if lowest == 0 { MarginStatus::UnsafeAtOnce } else { MarginStatus::Found };
    Margin {
        status,
        margin_ms: lowest.checked_sub(1).map_or(0, |before| grid[before]),
        fails_at_ms: Some(grid[lowest]),
        monotone: failed[lowest..].iter().all(|failed| *failed),
        lives,
    }
}

/// Whether an episode lost load.
fn fails(episode: &Episode, horizon_s: f64) -> bool {
    // The metric is the length of the episode where nothing is lost.
    episode.outcome != Outcome::Survived
        || episode.metric("shed.first_s").is_none_or(|lost_s| lost_s < horizon_s)
}

/// The margins of scenarios of a population, in the order of `indices`.
pub(crate) fn of_block(
    prepared: &Prepared,
    solver: &mut Solver,
    candidate: &mut dyn Candidate,
    population: &Population,
    indices: &[u64],
    max_ms: u32,
) -> Vec<Margin> {
    let way = prepared.latency.as_ref().map_or_else(Timing::default, |latency| (*latency.timing).clone());
    let batched = prepared.candidate.batched();
    let rows = if batched { COHORT } else { 1 };
    let horizon_s = prepared.config.step_s * f64::from(prepared.config.steps);
    let answer = search(indices.len(), max_ms, |tries| {
        let mut answers = Vec::with_capacity(tries.len());
        for tries in tries.chunks(rows) {
            let own: Vec<u64> = tries.iter().map(|(row, _)| indices[*row]).collect();
            let ns: Vec<u64> = tries.iter().map(|(_, ms)| nanoseconds(f64::from(*ms))).collect();
            let mut cohort =
                cohort(prepared, solver, population, "candidate", &own, rows, false).delayed_each(&way, &ns);
            let lived = live(&mut cohort, candidate);
            answers.extend(lived.iter().map(|trajectory| fails(&trajectory.episode, horizon_s)));
        }
        Ok::<_, std::convert::Infallible>(answers)
    });
    match answer {
        Ok(margins) => margins,
        Err(never) => match never {},
    }
}

/// Scenarios of each population that are searched where nobody says otherwise.
pub const SCENARIOS: u64 = 256;

/// How to look for margins.
#[derive(Clone, Copy, Debug)]
pub struct MarginOptions {
    /// Largest delay, ms, instead of the suite's.
    pub max_ms: Option<u32>,
    /// Scenarios of each population, at most.
    pub episodes: u64,
    /// Worker threads, at least one. Changes nothing but the time.
    pub threads: usize,
}

/// Looks for the margins of a suite's scenarios.
///
/// # Errors
/// Where the candidate cannot be started; `usage.margin` for a largest delay below 10 ms.
pub fn margins(prepared: &Prepared, options: &MarginOptions) -> Result<LatencyMargin, Diagnostics> {
    let of_suite = prepared.latency.as_ref().map_or(super::MARGIN_MAX_MS, |latency| latency.margin_max_ms);
    let max_ms = options.max_ms.unwrap_or(of_suite);
    if max_ms < GRID_POINTS {
        let message = format!("margins are looked for up to {max_ms} ms, and the resolution is 1 ms");
        return Err(Diagnostic::error("usage.margin", message).hint("say --max-ms 2000").into());
    }
    let plan = Arc::new(Plan::new(&prepared.network, &Arc::new(Topology::unsplit())));
    let mut study = LatencyMargin {
        schema: LATENCY_MARGIN_SCHEMA.into(),
        suite: prepared.suite.name.clone(),
        seed: prepared.suite.seed,
        candidate: prepared.candidate.record(),
        engine: BTreeMap::from([
            ("program".to_owned(), "gridgate".to_owned()),
            ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ]),
        inputs: prepared.inputs(),
        max_ms,
        recorded_p50_ms: None,
        recorded_p99_ms: None,
        scenarios: Vec::new(),
        lives: 0,
    };
    let recorded = prepared.latency.as_ref().and_then(|latency| latency.recorded.as_ref());
    if let Some(recorded) = recorded {
        let ms = |q| recorded.document.quantile_ns(q).map(milliseconds);
        (study.recorded_p50_ms, study.recorded_p99_ms) = (ms(0.5), ms(0.99));
    }
    for population in &prepared.populations {
        let n = population.size_max.min(options.episodes);
        let blocks: Vec<Vec<u64>> = (0..n.div_ceil(COHORT as u64))
            .map(|block| (block * COHORT as u64..n.min((block + 1) * COHORT as u64)).collect())
            .collect();
        for (indices, found) in
            blocks.iter().zip(of_blocks(prepared, &plan, population, &blocks, max_ms, options)?)
        {
            for (index, margin) in indices.iter().zip(found) {
                let scenario = scenario(prepared.seed(), population, &prepared.world(), *index);
                study.lives += u64::from(margin.lives);
                study.scenarios.push(MarginRecord {
                    population: population.id.clone(),
                    index: *index,
                    scenario: Digest { sha256: scenario.digest() },
                    status: margin.status,
                    margin_ms: margin.margin_ms,
                    fails_at_ms: margin.fails_at_ms,
                    monotone: margin.monotone,
                    lives: margin.lives,
                });
            }
        }
    }
    Ok(study)
}

/// Blocks over threads, answered in their order.
fn of_blocks(
    prepared: &Prepared,
    plan: &Arc<Plan>,
    population: &Population,
    blocks: &[Vec<u64>],
    max_ms: u32,
    options: &MarginOptions,
) -> Result<Vec<Vec<Margin>>, Diagnostics> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, Vec<Margin>)>, Diagnostics> {
        let mut solver = Solver::with_plan(&prepared.network, Arc::clone(plan));
        let mut candidate = prepared.candidate.start()?;
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(indices) = blocks.get(at) else { return Ok(done) };
            done.push((at, of_block(prepared, &mut solver, candidate.as_mut(), population, indices, max_ms)));
        }
    };
    let mut found = BTreeMap::new();
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..options.threads.clamp(1, blocks.len().max(1))).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let done = worker.join().map_err(|_| {
                Diagnostics::from(Diagnostic::error(
                    "latency.margin",
                    "a worker ended in the middle of its work",
                ))
            })??;
            found.extend(done);
        }
        Ok::<_, Diagnostics>(())
    })?;
    Ok(found.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that fail from their own delay on.
    fn of(thresholds: &[u32], max_ms: u32) -> (Vec<Margin>, u32) {
        let mut tries = 0;
        let found = search(thresholds.len(), max_ms, |asked| {
            tries += asked.len() as u32;
            Ok::<_, ()>(asked.iter().map(|(row, ms)| *ms >= thresholds[*row]).collect())
        });
        (found.unwrap(), tries)
    }

    #[test]
    fn a_threshold_is_found_to_the_millisecond() {
        let thresholds = [1, 99, 100, 101, 318, 999, 1000];
        let (found, tries) = of(&thresholds, 1000);
        for (margin, threshold) in found.iter().zip(thresholds) {
            assert_eq!((margin.margin_ms, margin.fails_at_ms), (threshold - 1, Some(threshold)));
            assert_eq!((margin.status, margin.monotone), (MarginStatus::Found, true));
            // Eleven on the grid, then 100 ms are halved seven times at most.
            assert!(margin.lives <= 18);
        }
        assert_eq!(tries, found.iter().map(|margin| margin.lives).sum::<u32>());
    }

    #[test]
    fn both_ends_are_named() {
        let (found, _) = of(&[0, 1001], 1000);
        assert_eq!(
            (found[0].status, found[0].margin_ms, found[0].fails_at_ms),
            (MarginStatus::UnsafeAtOnce, 0, Some(0))
        );
        assert_eq!(
            (found[1].status, found[1].margin_ms, found[1].fails_at_ms),
            (MarginStatus::SafeThroughout, 1000, None)
        );
        assert_eq!((found[0].lives, found[1].lives), (11, 11));
    }

    /// Fails from 150 to 250 ms and from 700 on: the answer is the first, and said to be one of several.
    #[test]
    fn where_longer_delays_are_safe_again_the_lowest_counts_and_is_flagged() {
        let found = search(1, 1000, |asked| {
            Ok::<_, ()>(asked.iter().map(|(_, ms)| (150..250).contains(ms) || *ms >= 700).collect())
        });
        let margin = found.unwrap()[0];
        assert_eq!((margin.margin_ms, margin.fails_at_ms, margin.monotone), (149, Some(150), false));
    }
}
