//! The ladder when Newton fails. A failed run means "this start, this method, this set of limits", not that a grid is lost:
//! before anybody says so, one way after the other is tried, and the one that answers is named. Whatever answers passes the
//! same audit.

use crate::config::{NewtonConfig, ReactiveLimits, Rescue, Start};
use crate::desk::{Beginning, Desk, Frame};
use crate::evidence;
use crate::index::Index;
use crate::solution::{Divergence, DivergenceReason, Rung, Solution};
use crate::state::State;

/// Shares of the load from which continuation tries to begin.
const FIRST_SHARES: [f64; 3] = [0.5, 0.2, 0.0];

/// Continuation ends when its step is below this share of the load.
const SHARE_STEP_MIN: f64 = 1e-3;

/// One climb: from a state to its solution, or to what is known about why there is none.
pub(crate) struct Ladder<'a> {
    pub(crate) desk: &'a mut Desk<f64>,
    pub(crate) frame: Frame<'a>,
    pub(crate) state: &'a State,
    pub(crate) previous: Option<&'a Solution>,
    /// Islands that are left without voltage.
    pub(crate) killed: &'a [u32],
    best: Option<Divergence>,
    /// What is lacking where there is a solution without reactive limits.
    lacking: Option<String>,
    iterations: u32,
}

/// Newton iterations of all rungs together, about: a grid whose limits never settle is given up in seconds, where rungs times
/// passes times iterations would be minutes.
const ITERATIONS_BUDGET: u32 = 5_000;

impl<'a> Ladder<'a> {
    pub(crate) fn new(
        desk: &'a mut Desk<f64>,
        frame: Frame<'a>,
        state: &'a State,
        previous: Option<&'a Solution>,
        killed: &'a [u32],
    ) -> Self {
        Ladder { desk, frame, state, previous, killed, best: None, lacking: None, iterations: 0 }
    }

    /// The rungs that cost little: other starts, then shortened steps.
    pub(crate) fn quick(&mut self, rescue: Rescue) -> Option<Solution> {
        let start = self.frame.config.start;
        let found = self.try_rung(Rung::Newton, self.previous, start);
        if found.is_some() || rescue == Rescue::No || self.is_hopeless() {
            return found;
        }
        [(Rung::FlatStart, Start::Flat), (Rung::DcStart, Start::Dc), (Rung::Damped, Start::Flat)]
            .into_iter()
            .find_map(|(rung, start)| self.try_rung(rung, None, start))
    }

    /// The rungs that cost much: relaxed limits, a pivoted factorisation where the settings go so far, continuation in load.
    pub(crate) fn full(&mut self) -> Option<Solution> {
        if self.is_hopeless() {
            return None;
        }
        if self.frame.config.reactive_limits == ReactiveLimits::Enforce
            && let Some(solution) = self.relaxed()
        {
            return Some(solution);
        }
        let start = self.frame.config.start;
        let pivots = self.frame.config.rescue == Rescue::Full;
        if pivots && let Some(solution) = self.try_rung(Rung::Pivoted, self.previous, start) {
            return Some(solution);
        }
        if pivots
            && (self.previous.is_some() || start != Start::Flat)
            && let Some(solution) = self.try_rung(Rung::Pivoted, None, Start::Flat)
        {
            return Some(solution);
        }
        self.note(Rung::Continuation);
        let (share, solution) = self.largest_share()?;
        if share == 1.0 {
            return Some(Solution { iterations: self.iterations, ..solution });
        }
        if let Some(best) = &mut self.best {
            best.largest_solvable_share = Some(share);
        }
        None
    }

    /// What is known where no rung answered. With `why`, also what speaks for which explanation.
    pub(crate) fn divergence(self, why: bool) -> Divergence {
        let Ladder { desk, frame, state, best, lacking, iterations, .. } = self;
        let best = best.unwrap_or_else(|| desk.failure(0, &frame, DivergenceReason::IterationLimit));
        let mut divergence = Divergence { iterations, ..best };
        if why && divergence.reason != DivergenceReason::NoSource {
            divergence.evidence = evidence::gather(&frame, state, desk.problem(0), lacking, &divergence);
        }
        divergence
    }

    /// Without a source there is nothing to try, and rounding is the same on every rung.
    fn is_hopeless(&self) -> bool {
        let hopeless = [DivergenceReason::NoSource, DivergenceReason::RoundOff];
        self.best.as_ref().is_some_and(|best| hopeless.contains(&best.reason))
    }

    /// One rung from one start; a failure is remembered, the nearest miss of all in full.
    fn try_rung(&mut self, rung: Rung, previous: Option<&Solution>, start: Start) -> Option<Solution> {
        let (frame, state) = (self.frame, self.state);
        let answer = self.attempt(&frame, rung, state, previous, start, false);
        self.judge(rung, answer)
    }

    fn judge(&mut self, rung: Rung, answer: Result<Solution, Divergence>) -> Option<Solution> {
        let failure = match answer {
            Ok(solution) if is_unsettled(rung, &solution) => {
                self.note(rung);
                return None;
            }
            Ok(solution) => return Some(Solution { iterations: self.iterations, ..solution }),
            Err(failure) => failure,
        };
        self.note(rung);
        let Some(best) = &mut self.best else {
            let trend_pu = self.desk.lanes[0].trend_pu.take().unwrap_or_default();
            self.best = Some(Divergence { trend_pu, tried: vec![rung], ..failure });
            return None;
        };
        let size = |d: &Divergence| d.mismatch_mw.abs().max(d.mismatch_mvar.abs());
        if size(&failure) < size(best) {
            best.reason = failure.reason;
            best.worst_bus = failure.worst_bus;
            best.mismatch_mw = failure.mismatch_mw;
            best.mismatch_mvar = failure.mismatch_mvar;
        }
        None
    }

    /// Writes down that a rung was tried.
    fn note(&mut self, rung: Rung) {
        if let Some(best) = &mut self.best
            && best.tried.last() != Some(&rung)
        {
            best.tried.push(rung);
        }
    }

    /// From seat to audit.
    fn attempt(
        &mut self,
        frame: &Frame<'_>,
        rung: Rung,
        state: &State,
        previous: Option<&Solution>,
        start: Start,
        gently: bool,
    ) -> Result<Solution, Divergence> {
        let Ladder { desk, killed, iterations, best, .. } = self;
        let begin = Beginning { state, previous, start, killed, trend: best.is_none() };
        desk.open(frame.plan);
        desk.seat(0, frame, &begin)?;
        if gently {
            desk.gently(0);
        }
        let ended = loop {
            if rung == Rung::Pivoted {
                desk.newton_pivoted(frame.plan);
            } else {
                desk.newton(frame.plan, 0, rung == Rung::Damped);
            }
            if let Some(ended) = desk.settle(0, frame, state) {
                break ended;
            }
            if *iterations + desk.iterations(0) > ITERATIONS_BUDGET {
                break Err(DivergenceReason::IterationLimit);
            }
        };
        *iterations += desk.iterations(0);
        match ended {
            Err(reason) => Err(desk.failure(0, frame, reason)),
            Ok(()) => desk.finish(0, frame, state, rung, !killed.is_empty()),
        }
    }

    /// Without reactive limits; then, from there, the limits again, those that are exceeded most first.
    fn relaxed(&mut self) -> Option<Solution> {
        let config = NewtonConfig { reactive_limits: ReactiveLimits::Ignore, ..self.frame.config.clone() };
        let (frame, state) = (self.frame, self.state);
        let without_limits = Frame { config: &config, ..frame };
        let free = [(Rung::FlatStart, Start::Flat), (Rung::DcStart, Start::Dc), (Rung::Damped, Start::Flat)]
            .into_iter()
            .find_map(|(rung, start)| self.attempt(&without_limits, rung, state, None, start, false).ok());
        self.note(Rung::LimitsRelaxed);
        let free = free?;
        let answer = self.attempt(&frame, Rung::LimitsRelaxed, state, Some(&free), Start::Flat, true);
        if answer.is_err() {
            self.lacking = evidence::lacking(&frame, state, &free);
        }
        self.judge(Rung::LimitsRelaxed, answer)
    }

    /// The largest share of demand and schedules, both scaled alike, that has a solution, by steps from below that are
    /// halved where they fail; with its solution. `None` where not even the smallest share tried has one.
    ///
    /// Source: V. Ajjarapu, C. Christy, "The continuation power flow", IEEE Trans. Power Systems 7(1), 1992, without the
    /// turn around the nose: the share is a lower bound, and above it is only that no solution was found.
    fn largest_share(&mut self) -> Option<(f64, Solution)> {
        let frame = self.frame;
        let first = FIRST_SHARES.into_iter().find_map(|share| {
            let part = scaled(self.state, share);
            [Start::Flat, Start::Dc].into_iter().find_map(|start| {
                let answer = self.attempt(&frame, Rung::Continuation, &part, None, start, false);
                answer.ok().filter(settled).map(|solution| (share, solution))
            })
        });
        let (mut share, mut solution) = first?;
        let mut step: f64 = 0.25;
        while share < 1.0 && step >= SHARE_STEP_MIN {
            let next = (share + step).min(1.0);
            let part = scaled(self.state, next);
            match self.attempt(&frame, Rung::Continuation, &part, Some(&solution), Start::Flat, false) {
                Ok(further) if settled(&further) => (share, solution) = (next, further),
                _ => step *= 0.5,
            }
        }
        Some((share, solution))
    }
}

/// Whether an answer of a costly rung leaves a bus on the wrong side of its limit. A cheap rung's is taken, and the bus is
/// named; whoever climbed this high looks for a grid's operating point, and that is none.
fn is_unsettled(rung: Rung, solution: &Solution) -> bool {
    rung > Rung::Damped && !settled(solution)
}

/// Whether every bus is on the right side of its reactive limits.
fn settled(solution: &Solution) -> bool {
    solution.unsettled.is_empty()
}

/// A state with demand and schedules at a share. A unit's range is widened to hold its schedule: what a share of the load
/// needs must not be refused by the range for all of it.
fn scaled(state: &State, share: f64) -> State {
    let mut part = state.clone();
    if share == 1.0 {
        return part;
    }
    for row in 0..part.demand_p_pu.len() {
        let bus = crate::BusIdx::from_row(row);
        part.demand_p_pu[bus] *= share;
        part.demand_q_pu[bus] *= share;
    }
    for row in 0..part.unit_p_pu.len() {
        let unit = crate::UnitIdx::from_row(row);
        let p_pu = part.unit_p_pu[unit] * share;
        part.unit_p_pu[unit] = p_pu;
        part.unit_p_low_pu[unit] = part.unit_p_low_pu[unit].min(p_pu);
        part.unit_p_high_pu[unit] = part.unit_p_high_pu[unit].max(p_pu);
    }
    part
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{BusId, EvidenceKind, Network, Slack, Solver};

    /// A grid of rows as in a MATPOWER file: bus 1 is held at 1 pu.
    fn grid(buses: &str, branches: &str) -> Arc<Network> {
        let text = format!(
            "function mpc = grid\nmpc.version = '2';\nmpc.baseMVA = 100;\nmpc.bus = [\n\
             1 3 0 0 0 0 1 1 0 110 1 1.1 0.9;\n{buses}];\nmpc.gen = [1 0 0 9999 -9999 1 100 1 9999 0];\n\
             mpc.branch = [\n{branches}];\n"
        );
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("grid.m");
        std::fs::write(&path, text).expect("a file");
        Network::build(crate::case::read(&path).expect("a case")).expect("a network")
    }

    fn load(bus: u32, mw: f64, mvar: f64) -> String {
        format!("{bus} 1 {mw} {mvar} 0 0 1 1 0 110 1 1.1 0.9;\n")
    }

    fn line(from: u32, to: u32, x: f64) -> String {
        format!("{from} {to} 0 {x} 0 0 0 0 0 0 1 -360 360;\n")
    }

    fn stored(name: &str) -> Arc<Network> {
        let path = format!("{}/../tests/data/cases/{name}/{name}.m", env!("CARGO_MANIFEST_DIR"));
        Network::build(crate::case::read(std::path::Path::new(&path)).expect("a case")).expect("a network")
    }

    fn textbook(rescue: Rescue) -> NewtonConfig {
        NewtonConfig {
            reactive_limits: ReactiveLimits::Ignore,
            slack: Slack::Single,
            rescue,
            ..NewtonConfig::default()
        }
    }

    /// A line of 0.1 pu and a series capacitor that cancels it meet in bus 2: its own admittance is zero, and at a flat
    /// start without power through it so is its whole diagonal block.
    #[test]
    fn only_pivoting_passes_a_bus_whose_admittances_cancel() {
        let buses = [load(2, 0.0, 0.0), load(3, 0.0, 50.0), load(4, 0.0, 0.0), load(5, 0.0, 0.0)].concat();
        let mesh = [(1, 3), (1, 4), (1, 5), (3, 4), (3, 5), (4, 5)].map(|(a, b)| line(a, b, 0.2)).concat();
        let network = grid(&buses, &[line(1, 2, 0.1), line(2, 3, -0.1), mesh].concat());
        assert!(crate::solve(&network, &textbook(Rescue::Quick)).is_err(), "this test tests nothing");
        for slack in [Slack::Single, Slack::Distributed] {
            let config = NewtonConfig { slack, ..textbook(Rescue::Full) };
            let solution = crate::solve(&network, &config).expect("a solution");
            assert_eq!(solution.rung, Rung::Pivoted);
            // No impedance in sum from bus 1 to bus 3: it has 1 pu, all others of the mesh as well, and the current of
            // 0.5 pu that lags by 90 degrees leaves 1 - 0.1 * 0.5 pu in bus 2.
            for (id, expected) in [(2, 0.95), (3, 1.0), (4, 1.0), (5, 1.0)] {
                let vm_pu = solution.vm_pu(network.bus(BusId(id)).expect("a bus")).expect("live");
                assert!((vm_pu - expected).abs() < 1e-8, "bus {id}: {vm_pu}");
            }
        }
    }

    /// The load P behind a reactance x from 1 pu has a solution up to P x = 1/2.
    #[test]
    fn the_share_that_can_be_served_is_that_of_theory() {
        let network = grid(&load(7, 600.0, 0.0), &line(1, 7, 0.1));
        let divergence = crate::solve(&network, &textbook(Rescue::Full)).expect_err("no solution");
        let share = divergence.largest_solvable_share.expect("a share");
        assert!(share <= 5.0 / 6.0 && share > 5.0 / 6.0 - 2.0 * SHARE_STEP_MIN, "{share}");
        let proof = &divergence.evidence[0];
        assert_eq!(proof.kind, EvidenceKind::NoSolution);
        let named = ["bus 7 ", "600.000 MW", "branch 1 (1 to 7)", "500.000 MW", "a proof"];
        assert!(named.iter().all(|part| proof.message.contains(part)), "{}", proof.message);
        assert!(divergence.evidence.iter().all(|evidence| evidence.kind == EvidenceKind::NoSolution));
        // A little less than the most has a solution, and nobody speaks against it.
        let network = grid(&load(7, 499.0, 0.0), &line(1, 7, 0.1));
        assert!(crate::solve(&network, &textbook(Rescue::Full)).is_ok());
    }

    /// Each costly rung, climbed for itself, finds what Newton finds.
    #[test]
    fn every_rung_finds_the_same_solution() {
        for name in ["case14", "pglib_opf_case118_ieee"] {
            let network = stored(name);
            let state = network.initial_state();
            for slack in [Slack::Distributed, Slack::Single] {
                let config = NewtonConfig { slack, tolerance_pu: 1e-10, ..NewtonConfig::default() };
                let plain = crate::solve(&network, &config).expect("a solution");
                let mut solver = Solver::new(&network);
                let plan = solver.plan(&state.topology);
                let mut compare = |rung: Rung, climb: &mut dyn FnMut(&mut Ladder<'_>) -> Option<Solution>| {
                    let mut ladder = solver.ladder(&plan, &state, None, &config, &[]);
                    let other = climb(&mut ladder).expect("a solution");
                    assert_eq!(other.rung, rung);
                    for bus in network.buses.id.indices() {
                        let (a, b) = (plain.voltage(bus).expect("live"), other.voltage(bus).expect("live"));
                        let gap = (a.re - b.re).hypot(a.im - b.im);
                        assert!(gap < 1e-8, "{name} {slack:?} {rung:?}: bus {}", network.buses.id[bus]);
                    }
                    assert_eq!(plain.at_limit, other.at_limit, "{name} {rung:?}");
                };
                compare(Rung::LimitsRelaxed, &mut |ladder| ladder.relaxed());
                compare(Rung::Pivoted, &mut |ladder| ladder.try_rung(Rung::Pivoted, None, Start::Flat));
                compare(Rung::Damped, &mut |ladder| ladder.try_rung(Rung::Damped, None, Start::Flat));
                compare(Rung::Continuation, &mut |ladder| {
                    ladder.largest_share().map(|(share, solution)| {
                        assert_eq!(share, 1.0);
                        solution
                    })
                });
            }
        }
    }

    /// Two branches out, limits enforced: grids that the quick rungs call unsolvable, and that operate above 0.85 pu.
    #[test]
    fn only_a_costly_rung_finds_what_is_left_after_two_outages() {
        let network = stored("pglib_opf_case30_ieee");
        for (out, rung) in [([3, 13], Rung::LimitsRelaxed), ([2, 20], Rung::Continuation)] {
            let mut state = network.initial_state();
            for row in out {
                state.branch_on[crate::BranchIdx::from_row(row - 1)] = false;
            }
            let config = NewtonConfig::default();
            let mut solver = Solver::new(&network);
            let base = solver.solve(&network.initial_state(), None, &config).expect("a base");
            let quick = NewtonConfig { rescue: Rescue::Quick, ..config.clone() };
            assert!(solver.solve(&state, Some(&base), &quick).is_err(), "this test tests nothing");
            let solution = solver.solve(&state, Some(&base), &config).expect("a solution");
            assert_eq!(solution.rung, rung);
            let thorough = NewtonConfig { rescue: Rescue::Thorough, ..config.clone() };
            let same = solver.solve(&state, Some(&base), &thorough).expect("a solution");
            assert_eq!(same.voltage.as_slice(), solution.voltage.as_slice());
            assert!(solution.mismatch_pu < 1e-7);
            assert!(solution.unsettled.is_empty());
            for bus in network.buses.id.indices() {
                assert!(solution.vm_pu(bus).expect("live") > 0.85);
            }
        }
    }

    #[test]
    fn a_tolerance_below_rounding_is_no_divergence_and_is_said() {
        let near = |x: f64| {
            grid(
                &[load(2, 50.0, 20.0), load(3, 30.0, 10.0)].concat(),
                &[line(1, 2, 0.1), line(2, 3, x)].concat(),
            )
        };
        let config = NewtonConfig { tolerance_pu: 1e-14, ..textbook(Rescue::Full) };
        let solution = crate::solve(&near(1e-6), &config).expect("a solution");
        assert!(solution.stagnated && solution.rung == Rung::Newton);
        // Double precision, one part in 10^16, of currents of 10^6 pu.
        assert!(solution.mismatch_pu > config.tolerance_pu && solution.mismatch_pu < 1e-8);
        let usual = crate::solve(&near(1e-6), &textbook(Rescue::No)).expect("a solution");
        assert!(!usual.stagnated);

        // Beyond what can be told from a wrong answer it is refused, and the impedance is named.
        let divergence = crate::solve(&near(1e-12), &config).expect_err("no answer");
        assert_eq!(
            (divergence.reason, &divergence.tried[..]),
            (DivergenceReason::RoundOff, &[Rung::Newton][..])
        );
        let named = divergence.evidence.iter().any(|evidence| {
            evidence.kind == EvidenceKind::OddData && evidence.message.contains("branch 2 (2 to 3)")
        });
        assert!(named, "{:?}", divergence.evidence);
    }

    #[test]
    fn what_was_not_tried_is_said_and_odd_data_is_named() {
        let network = grid(&load(7, 600.0, 0.0), "1 7 0 0.1 0 0 0 0 0.3 0 1 -360 360;\n");
        let divergence = crate::solve(&network, &textbook(Rescue::Quick)).expect_err("no solution");
        let told = |kind: EvidenceKind, part: &str| {
            divergence.evidence.iter().any(|e| e.kind == kind && e.message.contains(part))
        };
        assert!(told(EvidenceKind::GaveUp, "not tried") && divergence.largest_solvable_share.is_none());
        assert!(told(EvidenceKind::OddData, "turns ratio of 0.3"), "{:?}", divergence.evidence);
    }
}
