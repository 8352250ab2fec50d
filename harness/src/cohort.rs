//! A block of rollouts that move together: all their pending power flows, all their observations.

mod record;
mod rollout;

use std::sync::Arc;
use std::time::{Duration, Instant};

use powerflow::security::{Settled, Watch};
use powerflow::{Job, Rung, Solver};
use reports::envelope::Region;
use scenarios::{Moment, Scenario};
use serde::{Deserialize, Serialize};

use crate::candidate::{Candidate, Decisions};
use crate::grid::{Answer, Grid, Life};
use crate::latency::{Delay, Timing};
use crate::live::LoopConfig;
use crate::observation::{Observations, Observed};
use crate::sensing::Estimators;
use crate::situation;
use crate::trajectory::Trajectory;
use rollout::Rollout;

/// See the module.
pub struct Cohort<'a> {
    solver: &'a mut Solver,
    config: &'a LoopConfig,
    subject: &'a str,
    rollouts: Vec<Rollout>,
    seeds: Vec<u64>,
    /// What is seen, in memory that every step uses again.
    seen: Observations,
    step: u32,
    decided_in: Vec<Duration>,
    envelope: Envelope,
    /// Looks at N-1 security, where a gate asks for it.
    watch: Option<Watch>,
    /// Of the states of switches that any rollout has been in, where a suite observes through estimates.
    estimators: Estimators,
}

/// The states that were lived through, and what it took to solve them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Those that a candidate saw, and those that lasted.
    pub region: Region,
    /// Largest mismatch of a solved state, pu.
    pub mismatch_pu: f64,
    /// Power flows; one that answers for several rollouts counts for each.
    pub solves: u64,
    /// Power flows that needed another start.
    pub rescued: u64,
    /// Power flows in which a bus stayed at a reactive limit with its voltage on the wrong side, because it turned too
    /// often.
    pub unsettled: u64,
}

impl Envelope {
    fn include(&mut self, grid: &Grid, now: Moment) {
        self.region.include(&situation::of_grid(grid, now));
    }

    /// Both together.
    pub fn join(&mut self, other: &Envelope) {
        self.region.join(&other.region);
        self.join_work(other);
    }

    /// Both together, but for the states of the other: it was somebody else who lived through them.
    pub fn join_work(&mut self, other: &Envelope) {
        self.mismatch_pu = self.mismatch_pu.max(other.mismatch_pu);
        self.solves += other.solves;
        self.rescued += other.rescued;
        self.unsettled += other.unsettled;
    }
}

impl<'a> Cohort<'a> {
    /// A cohort of these scenarios, padded to `rows`. `record` keeps every step of every rollout.
    pub fn new(
        solver: &'a mut Solver,
        config: &'a LoopConfig,
        subject: &'a str,
        scenarios: Vec<(Arc<Scenario>, u64)>,
        rows: usize,
        record: bool,
    ) -> Self {
        let network = Arc::clone(solver.network());
        let mut seeds = Vec::with_capacity(rows);
        let mut rollouts = Vec::with_capacity(rows);
        let rollout = |grid: Grid| Rollout::new(grid, config, record);
        for (scenario, seed) in scenarios {
            seeds.push(seed);
            rollouts.push(rollout(Grid::new(&network, &config.rules, scenario)));
        }
        while rollouts.len() < rows {
            seeds.push(0);
            rollouts.push(rollout(Grid::padding(&network, &config.rules)));
        }
        Cohort {
            seen: Observations::zeros(&network, rollouts.len()),
            solver,
            config,
            subject,
            rollouts,
            seeds,
            step: 0,
            decided_in: Vec::new(),
            envelope: Envelope::default(),
            watch: config.looks.security.map(|_| Watch::new(&network)),
            estimators: Estimators::default(),
        }
    }

    /// The same with a delay between observation and action in every rollout.
    #[must_use]
    pub fn delayed(mut self, timing: &Arc<Timing>) -> Self {
        let seed = self.config.rules.seed;
        for rollout in &mut self.rollouts {
            rollout.delay(timing, seed);
        }
        self
    }

    /// The same with a time of decisions, ns, of its own for each rollout; those of padding are not needed.
    #[must_use]
    pub fn delayed_each(mut self, timing: &Timing, decision_ns: &[u64]) -> Self {
        let seed = self.config.rules.seed;
        for (rollout, ns) in self.rollouts.iter_mut().zip(decision_ns) {
            rollout.delay(&Arc::new(timing.with(Delay::Fixed(*ns))), seed);
        }
        self
    }

    /// When the next step begins; `None` at the horizon, or when no rollout goes on.
    pub(crate) fn next_moment(&mut self) -> Option<Moment> {
        let alive = self.rollouts.iter().any(|r| r.grid.life() == Life::Alive);
        (alive && self.step < self.config.steps).then(|| {
            let now = Moment::from_seconds(f64::from(self.step) * self.config.step_s);
            self.step += 1;
            now
        })
    }

    pub(crate) fn apply_events(&mut self, now: Moment) {
        let minutes = self.config.step_s / 60.0;
        if now == Moment(0) {
            self.settle_before_losses(minutes);
        }
        for rollout in &mut self.rollouts {
            if rollout.grid.life() == Life::Alive {
                rollout.arrive(now);
                rollout.grid.begin_step(minutes);
            }
            rollout.begin_step(now);
        }
    }

    /// Where something is lost at the very beginning, solves the state before: units ramp from what they delivered then.
    fn settle_before_losses(&mut self, minutes: f64) {
        let begins: Vec<bool> = self.rollouts.iter().map(|r| r.grid.begins_with_a_loss()).collect();
        for (rollout, _) in self.rollouts.iter_mut().zip(&begins).filter(|(_, begins)| **begins) {
            rollout.grid.apply_first_demand();
            rollout.grid.begin_step(minutes);
        }
        self.settle_where(|row| begins[row]);
        for (rollout, _) in self.rollouts.iter_mut().zip(&begins).filter(|(_, begins)| **begins) {
            rollout.grid.look(Moment(0));
            rollout.grid.end_step();
        }
    }

    /// Solves every pending power flow of every grid, as one batch.
    pub(crate) fn settle(&mut self) {
        self.settle_where(|_| true);
    }

    /// An answer may ask for another power flow: where losses follow the voltage.
    fn settle_where(&mut self, wanted: impl Fn(usize) -> bool) {
        loop {
            let pending: Vec<usize> = (0..self.rollouts.len())
                .filter(|row| wanted(*row) && self.rollouts[*row].grid.is_pending())
                .collect();
            if pending.is_empty() {
                return;
            }
            self.solve(pending);
        }
    }

    fn solve(&mut self, pending: Vec<usize>) {
        // Grids to which nothing has happened yet are all alike: one power flow answers for all of them.
        let pristine = |row: &usize| self.rollouts[*row].grid.is_pristine();
        let first = pending.iter().copied().find(|row| pristine(row));
        let (solved, alike): (Vec<usize>, Vec<usize>) =
            pending.into_iter().partition(|row| Some(*row) == first || !pristine(row));
        let jobs: Vec<Job<'_>> = solved
            .iter()
            .map(|row| &self.rollouts[*row].grid)
            .map(|grid| Job { state: grid.state(), previous: grid.solution() })
            .collect();
        let answers = self.solver.solve_batch(&jobs, &self.config.newton);
        for (row, answer) in solved.into_iter().zip(answers) {
            if Some(row) == first {
                alike.iter().for_each(|row| self.take(*row, answer.clone()));
            }
            self.take(row, answer);
        }
    }

    /// Gives a rollout the answer of its power flow, or a better one where that would give demand up.
    fn take(&mut self, row: usize, answer: Answer) {
        let rollout = &mut self.rollouts[row];
        let answer = if rollout.grid.doubts(&answer) {
            rollout.grid.rescue(rollout.clock, self.solver, &self.config.newton, answer)
        } else {
            answer
        };
        rollout.grid.settle(rollout.clock, answer);
        rollout.security = None;
        self.envelope.solves += 1;
        if let Some(solution) = rollout.grid.solution() {
            self.envelope.mismatch_pu = self.envelope.mismatch_pu.max(solution.mismatch_pu);
            self.envelope.rescued += u64::from(solution.rung != Rung::Newton);
            self.envelope.unsettled += u64::from(!solution.unsettled.is_empty());
            rollout.unsolved |= !solution.unsolved.is_empty();
        }
        rollout.unsolved |= rollout.grid.life() == Life::Unsolved || rollout.grid.is_implausible();
    }

    /// Asks a candidate about what is seen, where there is anyone to decide for.
    pub(crate) fn ask(&mut self, candidate: &mut dyn Candidate) -> Decisions {
        if !self.seen.alive.contains(&true) {
            return Decisions::none(self.seen.rows);
        }
        // A duration that is shown beside the evidence, and decides nothing but where a suite asks for the clock.
        let start = Instant::now();
        let answer = candidate.decide_batch(&self.seen);
        self.decided_in.push(start.elapsed());
        answer
    }

    /// Puts together what every rollout shows now, as far as the candidate looks at it. Rollouts that have ended keep showing
    /// their last state; nothing is decided for them, nor for those whose candidate is busy.
    pub(crate) fn sense(&mut self, candidate: &dyn Candidate, now: Moment) {
        let (seen, looks_at) = (&mut self.seen, candidate.looks_at());
        for (row, rollout) in self.rollouts.iter_mut().enumerate() {
            seen.alive[row] = false;
            if rollout.grid.life() == Life::Absent {
                continue;
            }
            seen.fill(row, &rollout.grid, now, looks_at);
            let (solver, estimators) = (&mut *self.solver, &mut self.estimators);
            let reported = rollout
                .sensor
                .as_mut()
                .map(|sensor| sensor.report((seen, row), (&rollout.grid, solver), estimators, now, looks_at));
            if rollout.grid.life() == Life::Alive
                && let Some(age_s) = rollout.channel.measure(self.step - 1, now)
            {
                seen.alive[row] = true;
                self.envelope.include(&rollout.grid, now);
                seen.tensors[Observed::Age as usize].row_mut(row)[0] = age_s + reported.unwrap_or(0.0);
            }
        }
    }

    /// Sends what was asked on its way, and grants or refuses what takes effect now; a rollout whose candidate failed ends here.
    pub(crate) fn grant(&mut self, asked: &Decisions, now: Moment) {
        let asked_rows = self.rollouts.iter().filter(|rollout| rollout.channel.is_asked()).count();
        // By the clock a batch takes as long for each of its rows as its share.
        let clock_ns =
            self.decided_in.last().map_or(0, |took| took.as_nanos() as u64) / asked_rows.max(1) as u64;
        for (row, rollout) in self.rollouts.iter_mut().enumerate() {
            if rollout.grid.life() != Life::Alive {
                continue;
            }
            let is_asked = rollout.channel.is_asked();
            if let Some(failure) = asked.failed.get(row).and_then(Option::as_ref).filter(|_| is_asked) {
                rollout.failure = Some(failure.clone());
                rollout.grid.candidate_failed();
                continue;
            }
            if is_asked {
                let own = asked.asked.iter().map(|tensor| tensor.alone(row)).collect();
                let handling = asked.handled.get(row).copied();
                rollout.channel.answer(own, handling, clock_ns);
                handling.into_iter().for_each(|handling| rollout.supervised(handling));
            }
            rollout.land(self.config, now);
        }
    }

    /// Carries every rollout to the end of the step, each through its own events: relays that operate, scenario events
    /// between steps. All that is pending in any rollout is settled together, again and again, until nothing happens any more
    /// before the step's end; every stretch of time without a change is measured.
    pub(crate) fn pass_time(&mut self) {
        let until = Moment::from_seconds(f64::from(self.step) * self.config.step_s);
        loop {
            for rollout in &mut self.rollouts {
                rollout.look(until);
            }
            self.secure();
            let mut acted = false;
            for rollout in &mut self.rollouts {
                acted |= rollout.advance(self.config, self.step, until, &mut self.envelope);
            }
            if !acted {
                break;
            }
            self.settle();
        }
    }

    /// Looks at the N-1 security of every new state that lasts, all together.
    fn secure(&mut self) {
        let (Some(watch), Some(depth)) = (&mut self.watch, self.config.looks.security) else { return };
        let is_new = |r: &Rollout| r.grid.life() == Life::Alive && r.lasts() && r.security.is_none();
        let new: Vec<usize> = (0..self.rollouts.len()).filter(|row| is_new(&self.rollouts[*row])).collect();
        let settled = |row: &usize| {
            let grid = &self.rollouts[*row].grid;
            grid.solution().map(|solution| Settled { state: grid.state(), solution, flows: grid.flows() })
        };
        let (rows, states): (Vec<usize>, Vec<Settled<'_>>) =
            new.into_iter().filter_map(|row| Some((row, settled(&row)?))).unzip();
        let found = watch.assess(self.solver, &states, depth, &self.config.newton);
        for (row, security) in rows.into_iter().zip(found) {
            self.rollouts[row].security = Some(security);
        }
    }

    /// The grids as they are now, in the order of the scenarios; padding is left out.
    pub(crate) fn into_grids(self) -> impl Iterator<Item = Grid> {
        let grids = self.rollouts.into_iter().map(|rollout| rollout.grid);
        grids.filter(|grid| grid.life() != Life::Absent)
    }

    /// How every rollout ended.
    pub(crate) fn finish(&mut self) -> Vec<Trajectory> {
        let (subject, config) = (self.subject, self.config);
        let present = |r: &Rollout| r.grid.life() != Life::Absent;
        std::mem::take(&mut self.rollouts)
            .into_iter()
            .filter(present)
            .map(|rollout| rollout.finish(subject, config))
            .collect()
    }

    /// What a stochastic candidate draws from in each rollout.
    pub(crate) fn seeds(&self) -> &[u64] {
        &self.seeds
    }

    /// The states that were lived through, and what it took to solve them.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// How long each batch of decisions took.
    pub fn decided_in(&self) -> &[Duration] {
        &self.decided_in
    }
}
