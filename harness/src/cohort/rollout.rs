//! One rollout: its grid, its clock and what is measured of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use powerflow::Index;
use powerflow::security::Security;
use reports::{FrequencyCurveRecord, Handling, StepRecord, SupervisionTally, TripRecord};
use scenarios::{Moment, Seed};
use sha2::{Digest, Sha256};

use super::Envelope;
use super::record::{element_name, in_words, insecurity, move_in_words, step_record};
use crate::action::Refusal;
use crate::candidate::Failure;
use crate::cascade::{Shed, Tripped};
use crate::grid::frequency::FrequencyCurve;
use crate::grid::grant::Grants;
use crate::grid::{Grid, Life, Logged};
use crate::latency::{Channel, Order, Timing};
use crate::live::LoopConfig;
use crate::metric::{self, Meter, Served, Step};
use crate::sensing::Sensor;
use crate::service::{Doubtful, Service};
use crate::trajectory::{BothWays, Episode, Outcome, Trajectory, by_id};

/// One rollout with what is measured of it.
pub(super) struct Rollout {
    pub(super) grid: Grid,
    meters: Vec<Box<dyn Meter>>,
    /// Those metrics that depend on what is not served, with what the solver gave up counted as served.
    as_served: Vec<Option<Box<dyn Meter>>>,
    /// Its service, where that is looked at.
    service: Option<Box<BothWays>>,
    initial_demand_mw: f64,
    pub(super) grants: Grants,
    pub(super) refusals: BTreeMap<Refusal, u64>,
    /// What supervision made of its decisions; `None` where nothing stood between.
    supervision: Option<SupervisionTally>,
    /// The same of the last decision, until a state of its step has been recorded.
    handling: Option<Handling>,
    pub(super) failure: Option<Failure>,
    pub(super) unsolved: bool,
    /// Whether its last stretch has been measured.
    ended: bool,
    /// The N-1 security of its present state, where it is known.
    pub(super) security: Option<Security>,
    /// How far it has come.
    pub(super) clock: Moment,
    /// Until when its present state holds; its clock where it does not last.
    holds_until: Moment,
    /// Whether the step goes on for it.
    in_step: bool,
    /// When something happens next in the grid by itself, before the step ends.
    acts_at: Option<Moment>,
    /// What reports to the candidate; `None` where it sees the truth.
    pub(super) sensor: Option<Sensor>,
    /// The way from observations to actuators.
    pub(super) channel: Channel,
    /// When a command last took effect.
    landed_at: Option<Moment>,
    /// Whether what was granted last has been measured.
    granted: bool,
    /// Whether a state of this step has been measured.
    between: bool,
    steps: u32,
    /// Rows of the grid's log that have been digested.
    digested: usize,
    /// Power flows that had been solved when a state was digested last.
    digested_solves: Option<u64>,
    /// What controls moved and the record has told.
    told: usize,
    digest: Sha256,
    recorded: Option<Vec<StepRecord>>,
}

impl Rollout {
    /// A rollout that has not begun. `record` keeps every state of it.
    pub(super) fn new(mut grid: Grid, config: &LoopConfig, record: bool) -> Self {
        let looks = &config.looks;
        if record {
            grid.keep_frequency_curves();
        }
        let scenario = Arc::clone(grid.scenario());
        let at_once = Arc::new(Timing::default());
        let initial_demand_mw = grid.demand_mw();
        let service = |doubtful| Service::new(&grid, initial_demand_mw, doubtful);
        let both = || BothWays { lost: service(Doubtful::Lost), served: service(Doubtful::Served) };
        Rollout {
            service: looks.customers.is_some().then(|| Box::new(both())),
            initial_demand_mw,
            sensor: config.sensing.as_ref().map(|sensing| Sensor::new(sensing, grid.rules.seed, &scenario)),
            acts_at: None,
            channel: Channel::new(&at_once, grid.rules.seed, &scenario.population, scenario.index, record),
            landed_at: None,
            between: false,
            grid,
            meters: metric::measured(looks).map(|m| (m.meter)()).collect(),
            as_served: metric::measured(looks).map(|m| m.counts_unserved.then(|| (m.meter)())).collect(),
            grants: Grants::default(),
            refusals: BTreeMap::new(),
            supervision: None,
            handling: None,
            failure: None,
            unsolved: false,
            ended: false,
            security: None,
            clock: Moment(0),
            holds_until: Moment(0),
            in_step: false,
            granted: false,
            steps: 0,
            digested: 0,
            digested_solves: None,
            told: 0,
            digest: Sha256::new(),
            recorded: record.then(Vec::new),
        }
    }

    /// Puts a delay between observation and action. Nothing may have been observed yet.
    pub(super) fn delay(&mut self, timing: &Arc<Timing>, seed: Seed) {
        let scenario = self.grid.scenario();
        let record = self.recorded.is_some();
        self.channel = Channel::new(timing, seed, &scenario.population, scenario.index, record);
    }

    /// Lets happen what is due as a step begins: events, and relays whose time ends with the step before.
    pub(super) fn arrive(&mut self, now: Moment) {
        if self.grid.relay_is_due(now) {
            self.grid.act(now);
        }
        self.grid.apply_events(now);
    }

    /// Takes note of what supervision made of a decision.
    pub(super) fn supervised(&mut self, handling: Handling) {
        self.supervision.get_or_insert_default().count(&handling);
        self.handling = Some(handling);
    }

    /// Carries out the commands that take effect now.
    pub(super) fn land(&mut self, config: &LoopConfig, now: Moment) {
        for order in self.channel.due(now) {
            if std::mem::take(&mut self.granted) {
                self.grants = Grants::default();
            }
            // A second command within a step moves a unit no further than its ramp from the first.
            let step_ns = Moment::from_seconds(config.step_s).0;
            let since_ns = self.landed_at.map_or(step_ns, |last| now.0 - last.0);
            // The ends of steps are rounded to a nanosecond each.
            let whole = since_ns.saturating_add(1) >= step_ns;
            let seconds = if whole { config.step_s } else { Moment(since_ns).seconds() };
            self.landed_at = Some(now);
            let asked = match order {
                Order::Ask(asked) => asked,
                Order::Return(elements) => self.grid.of_the_file(&elements),
            };
            let grants = self.grid.grant(&asked, 0, config.task, now, seconds / 60.0);
            for (reason, count) in grants.refusals() {
                *self.refusals.entry(reason).or_insert(0) += u64::from(count);
            }
            self.grants.all.extend(grants.all);
            self.grants.switched += grants.switched;
        }
    }

    /// A step begins.
    pub(super) fn begin_step(&mut self, now: Moment) {
        self.grants = Grants::default();
        self.granted = false;
        self.between = false;
        self.clock = now;
        self.in_step = true;
    }

    /// Shows its devices the present state, and finds out how long it holds.
    pub(super) fn look(&mut self, until: Moment) {
        if self.in_step && self.grid.life() == Life::Alive {
            self.grid.look(self.clock);
            let lands_at = self.channel.next().filter(|moment| *moment < until);
            let until = lands_at.unwrap_or(until).max(self.clock);
            self.acts_at = self.grid.next_moment(until);
            self.holds_until = self.acts_at.map_or(until, |next| next.max(self.clock));
        }
    }

    /// Whether its present state holds for some time.
    pub(super) fn lasts(&self) -> bool {
        self.in_step && self.holds_until > self.clock
    }

    /// Measures the present state, and goes on to its end. Returns whether something happens there, before the step ends.
    pub(super) fn advance(
        &mut self,
        config: &LoopConfig,
        step: u32,
        until: Moment,
        envelope: &mut Envelope,
    ) -> bool {
        if !self.in_step {
            return false;
        }
        let life = self.grid.life();
        if life != Life::Alive {
            // A rollout is measured while it lives, and once more when it has just gone dark.
            self.in_step = false;
            if matches!(life, Life::Dark | Life::Unsolved) && !self.ended {
                self.ended = true;
                let begin = Moment::from_seconds(f64::from(step - 1) * config.step_s);
                // Nothing comes back after the end: the rest of the episode is as this state.
                let duration_s = if self.clock == begin {
                    config.step_s * f64::from(config.steps - step + 1)
                } else {
                    Moment(until.0 - self.clock.0).seconds() + config.step_s * f64::from(config.steps - step)
                };
                self.measure(config, step, duration_s, envelope);
                self.grid.end_step();
            }
            return false;
        }
        if self.lasts() {
            let begin = Moment::from_seconds(f64::from(step - 1) * config.step_s);
            let whole = self.clock == begin && self.holds_until == until;
            let duration_s =
                if whole { config.step_s } else { Moment(self.holds_until.0 - self.clock.0).seconds() };
            self.measure(config, step, duration_s, envelope);
            self.clock = self.holds_until;
        }
        if self.clock == until {
            self.in_step = false;
            self.grid.end_step();
            return false;
        }
        // At one moment the grid comes first, and commands find it settled.
        if self.acts_at.is_some_and(|moment| moment <= self.clock) || self.grid.is_due(self.clock) {
            self.grid.act(self.clock);
        } else {
            self.land(config, self.clock);
        }
        true
    }

    /// Measures the state that holds for a while.
    fn measure(&mut self, config: &LoopConfig, step: u32, duration_s: f64, envelope: &mut Envelope) {
        self.steps = step;
        let nothing = Grants::default();
        let between = std::mem::replace(&mut self.between, true);
        let grants = if std::mem::replace(&mut self.granted, true) { &nothing } else { &self.grants };
        if let (Some(both), Some(customers)) = (&mut self.service, &config.looks.customers) {
            for service in [&mut both.lost, &mut both.served] {
                service.step(&self.grid, customers, self.clock.seconds(), duration_s);
            }
        }
        let view = Step {
            grid: &self.grid,
            at_s: self.clock.seconds(),
            duration_s,
            horizon_s: config.step_s * f64::from(config.steps),
            unserved: self.grid.unserved(),
            initial_demand_mw: self.initial_demand_mw,
            grants,
            security: self.security.as_ref(),
            supervision: self.supervision.as_ref(),
            estimation: self.sensor.as_ref().and_then(Sensor::tally),
        };
        if self.grid.life() != Life::Unsolved {
            for meter in &mut self.meters {
                meter.step(&view);
            }
            let served = Step { unserved: Shed { unsolved_mw: 0.0, ..view.unserved }, ..view };
            for meter in self.as_served.iter_mut().flatten() {
                meter.step(&served);
            }
        }
        envelope.include(&self.grid, self.clock);
        self.digest.update(self.clock.0.to_le_bytes());
        let solves = Some(self.grid.solves());
        if std::mem::replace(&mut self.digested_solves, solves) == solves {
            self.digest.update(AS_BEFORE);
        } else {
            digest_voltages(&mut self.digest, &self.grid);
        }
        digest_grants(&mut self.digest, grants);
        for logged in &self.grid.log()[self.digested..] {
            digest_trip(&mut self.digest, logged);
        }
        if let Some(steps) = &mut self.recorded {
            let mut record = step_record(&self.grid, grants, self.clock);
            record.between = between;
            record.handling = self.handling.take();
            record.notes.extend(self.security.as_ref().and_then(|s| insecurity(self.grid.network(), s)));
            let new = &self.grid.log()[self.digested..];
            record.notes.extend(new.iter().take(NOTES).map(|logged| in_words(self.grid.network(), logged)));
            let moves = &self.grid.moves()[self.told..];
            record
                .notes
                .extend(moves.iter().take(NOTES).map(|moved| move_in_words(self.grid.network(), moved)));
            steps.push(record);
        }
        self.told = self.grid.moves().len();
        self.digested = self.grid.log().len();
    }

    /// How it ended.
    pub(super) fn finish(mut self, subject: &str, config: &LoopConfig) -> Trajectory {
        let scenario = Arc::clone(self.grid.scenario());
        if let (Some(both), Some(customers)) = (&self.service, &config.looks.customers) {
            let horizon_s = f64::from(config.steps) * config.step_s;
            let served = |service| Served { service, customers: customers.total(), horizon_s };
            self.meters.iter_mut().for_each(|meter| meter.end(&served(&both.lost)));
            self.as_served.iter_mut().flatten().for_each(|meter| meter.end(&served(&both.served)));
        }
        let value = |meter: &dyn Meter| meter.exists().then(|| meter.value());
        let values: Vec<Option<f64>> = self.meters.iter().map(|meter| value(meter.as_ref())).collect();
        let measured = by_id(&config.looks, &values);
        let served: Vec<Option<f64>> = self
            .as_served
            .iter()
            .zip(&values)
            .map(|(meter, of_all)| meter.as_ref().map_or(*of_all, |meter| value(meter.as_ref())))
            .collect();
        let of = |id: &str| measured.get(id).copied().unwrap_or(0.0);
        let outcome = if self.failure.is_some() {
            Outcome::CandidateFailed
        } else if self.unsolved {
            Outcome::SolverGaveUp
        } else if of("collapse") > 0.0 {
            Outcome::Collapse
        } else if of("blackout") > 0.0 {
            Outcome::Blackout
        } else {
            Outcome::Survived
        };
        let known = !matches!(outcome, Outcome::CandidateFailed | Outcome::SolverGaveUp);
        let message = self.failure.as_ref().map(|f| f.message.clone()).or_else(|| {
            let reference = |d: &powerflow::Divergence| d.to_string();
            self.grid.divergence().filter(|_| self.unsolved).map(reference)
        });
        let instant = self.channel.is_instant();
        let end = Moment::from_seconds(f64::from(config.steps) * config.step_s);
        let (tally, decisions) = self.channel.finish(end);
        let episode = Episode {
            population: scenario.population.clone(),
            index: scenario.index,
            subject: subject.to_owned(),
            scenario: scenario.digest(),
            outcome,
            cause: self.failure.as_ref().map(|f| f.cause),
            message,
            steps: self.steps,
            metrics: measured.iter().map(|(id, v)| (id.clone(), known.then_some(*v))).collect(),
            as_served: (outcome == Outcome::SolverGaveUp).then(|| by_id(&config.looks, &served)),
            refusals: self.refusals,
            numerically_doubtful: self.grid.numerically_doubtful(),
            trips: trips(&self.grid),
            grid_log_likelihood: self.grid.log_likelihood(),
            latency: (!instant).then_some(tally),
            supervision: self.supervision,
            trajectory: hex(&self.digest.finalize()),
        };
        debug_assert!(self.steps <= config.steps);
        let record = self.recorded.map(|steps| {
            let mut events = scenario.in_words(self.grid.network());
            if let Some(failure) = &self.failure {
                let at = f64::from(self.steps) * config.step_s;
                events.push((at, format!("the candidate failed ({:?}): {}", failure.cause, failure.message)));
            }
            let network = self.grid.network();
            let happened = self.grid.log().iter();
            events.extend(happened.map(|row| (row.trip.time_s.unwrap_or(0.0), in_words(network, row))));
            // Stable: of one moment, what befell the grid comes first.
            events.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut document =
                Trajectory::document(&episode, events, steps, frequency_curves(&self.grid, subject));
            document.decisions = if instant { Vec::new() } else { decisions };
            document
        });
        Trajectory { episode, record, service: self.service }
    }
}

/// Rows of the log that a state's notes list.
const NOTES: usize = 12;

/// The frequencies of its islands, as documents have them.
fn frequency_curves(grid: &Grid, subject: &str) -> Vec<FrequencyCurveRecord> {
    let curves = grid.frequency().map(|living| living.curves()).unwrap_or_default();
    let record = |curve: FrequencyCurve| FrequencyCurveRecord {
        subject: subject.to_owned(),
        first_bus: grid.network().buses.id[curve.first].to_string(),
        nominal_hz: grid.network().frequency_hz,
        time_s: curve.points.iter().map(|point| point.0).collect(),
        frequency_hz: curve.points.iter().map(|point| point.1).collect(),
    };
    curves.into_iter().map(record).collect()
}

/// Everything that acted by itself, as documents have it.
fn trips(grid: &Grid) -> Vec<TripRecord> {
    let network = grid.network();
    grid.log()
        .iter()
        .map(|logged| {
            let trip = &logged.trip;
            let (kind, row) = match trip.what {
                Tripped::Branch(branch) => ("branch", branch.row()),
                Tripped::Unit(unit) => ("gen", unit.row()),
                Tripped::Bus(bus) => ("bus", bus.row()),
            };
            TripRecord {
                time_s: trip.time_s.unwrap_or(0.0),
                generation: trip.generation,
                kind: kind.into(),
                row: row as u32 + 1,
                name: element_name(network, trip.what),
                cause: trip.cause.id().into(),
                value: trip.value.filter(|value| value.is_finite()),
                limit: trip.limit.filter(|limit| limit.is_finite()),
                lost_mw: trip.lost_mw,
                rung: logged.rung.map(|rung| rung.id().to_owned()),
            }
        })
        .collect()
}

/// Stands in a digest for the voltages of the last state, where nothing was solved since. No list of voltages begins so.
const AS_BEFORE: [u8; 1] = [2];

fn digest_voltages(digest: &mut Sha256, grid: &Grid) {
    // A hash takes one long piece faster than many short ones.
    let mut bytes = Vec::with_capacity(17 * grid.network().buses.id.len());
    for bus in grid.network().buses.id.indices() {
        // A tag before the value: a dead bus is not a bus at zero.
        match grid.solution().and_then(|s| s.voltage(bus)) {
            Some(v) => {
                bytes.push(1);
                bytes.extend(v.re.to_bits().to_le_bytes());
                bytes.extend(v.im.to_bits().to_le_bytes());
            }
            None => bytes.push(0),
        }
    }
    digest.update(&bytes);
}

fn digest_grants(digest: &mut Sha256, grants: &Grants) {
    digest.update((grants.all.len() as u64).to_le_bytes());
    for grant in &grants.all {
        digest.update([grant.quantity as u8]);
        digest.update(grant.element.to_le_bytes());
        digest.update(grant.asked.to_bits().to_le_bytes());
        match grant.granted {
            Some(v) => {
                digest.update([1]);
                digest.update(v.to_bits().to_le_bytes());
            }
            None => digest.update([0]),
        }
    }
}

fn digest_trip(digest: &mut Sha256, logged: &Logged) {
    let trip = &logged.trip;
    let (kind, row) = match trip.what {
        Tripped::Branch(branch) => (0u8, branch.row()),
        Tripped::Unit(unit) => (1, unit.row()),
        Tripped::Bus(bus) => (2, bus.row()),
    };
    digest.update([kind, trip.cause as u8]);
    digest.update((row as u64).to_le_bytes());
    for number in [trip.time_s, trip.value, trip.limit, Some(trip.lost_mw)] {
        match number {
            Some(v) => {
                digest.update([1]);
                digest.update(v.to_bits().to_le_bytes());
            }
            None => digest.update([0]),
        }
    }
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
