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
    iterations: u32,
}

impl<'a> Ladder<'a> {
    pub(crate) fn new(
        desk: &'a mut Desk<f64>,
        frame: Frame<'a>,
        state: &'a State,
        previous: Option<&'a Solution>,
        killed: &'a [u32],
    ) -> Self {
        Ladder { desk, frame, state, previous, killed, best: None, iterations: 0 }
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

    /// The rungs that cost much: relaxed limits, a pivoted factorisation, continuation in load.
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
        if let Some(solution) = self.try_rung(Rung::Pivoted, self.previous, start) {
            return Some(solution);
        }
        if (self.previous.is_some() || start != Start::Flat)
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
        let Ladder { desk, frame, state, best, iterations, .. } = self;
        let best = best.unwrap_or_else(|| desk.failure(0, &frame, DivergenceReason::IterationLimit));
        let mut divergence = Divergence { iterations, ..best };
        if why && divergence.reason != DivergenceReason::NoSource {
            divergence.evidence = evidence::gather(&frame, state, desk.problem(0), &divergence);
        }
        divergence
    }

    /// Without a source there is nothing to try.
    fn is_hopeless(&self) -> bool {
        self.best.as_ref().is_some_and(|best| best.reason == DivergenceReason::NoSource)
    }

    /// One rung from one start; a failure is remembered, the nearest miss of all in full.
    fn try_rung(&mut self, rung: Rung, previous: Option<&Solution>, start: Start) -> Option<Solution> {
        let (frame, state) = (self.frame, self.state);
        let answer = self.attempt(&frame, rung, state, previous, start, false);
        self.judge(rung, answer)
    }

    fn judge(&mut self, rung: Rung, answer: Result<Solution, Divergence>) -> Option<Solution> {
        let failure = match answer {
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
        let answer = self.attempt(&frame, Rung::LimitsRelaxed, state, Some(&free?), Start::Flat, true);
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
                answer.ok().map(|solution| (share, solution))
            })
        });
        let (mut share, mut solution) = first?;
        let mut step: f64 = 0.25;
        while share < 1.0 && step >= SHARE_STEP_MIN {
            let next = (share + step).min(1.0);
            let part = scaled(self.state, next);
            match self.attempt(&frame, Rung::Continuation, &part, Some(&solution), Start::Flat, false) {
                Ok(further) => (share, solution) = (next, further),
                Err(_) => step *= 0.5,
            }
        }
        Some((share, solution))
    }
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
