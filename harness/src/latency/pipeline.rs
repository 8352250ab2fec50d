//! The way of a decision, for one rollout: measured, waiting, deciding, on its way, in effect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use reports::{DecisionRecord, Handling, LatencyTally};
use scenarios::{Moment, Seed};

use super::source::{Delay, Times};
use crate::action::{Asked, AskedTensor};

/// What becomes of an observation that arrives while the candidate is busy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Queue {
    /// It is let go.
    #[default]
    Skip,
    /// It waits its turn.
    Queue,
    /// The decision under way is cut short: its result never comes.
    Preempt,
}

impl Queue {
    /// Ids in suites.
    pub const LIST: &'static [(&'static str, Queue)] =
        &[("skip", Queue::Skip), ("queue", Queue::Queue), ("preempt", Queue::Preempt)];

    /// Its id.
    pub fn id(self) -> &'static str {
        match self {
            Queue::Skip => "skip",
            Queue::Queue => "queue",
            Queue::Preempt => "preempt",
        }
    }
}

/// What happens where a command has not taken effect by its deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Late {
    /// It takes effect when it arrives.
    #[default]
    LateApply,
    /// It never takes effect; what holds goes on to hold.
    Drop,
    /// It never takes effect, and at the deadline the last command that did is asked again: a unit that ramps goes on.
    HoldLast,
    /// It never takes effect, and at the deadline everything that the candidate has moved is asked back to the file's values.
    Fallback,
}

impl Late {
    /// Ids in suites.
    pub const LIST: &'static [(&'static str, Late)] = &[
        ("late_apply", Late::LateApply),
        ("drop", Late::Drop),
        ("hold_last", Late::HoldLast),
        ("fallback", Late::Fallback),
    ];

    /// Its id.
    pub fn id(self) -> &'static str {
        match self {
            Late::LateApply => "late_apply",
            Late::Drop => "drop",
            Late::HoldLast => "hold_last",
            Late::Fallback => "fallback",
        }
    }
}

/// How long each part of the way takes, and what happens where it takes too long.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// Time of a decision.
    pub delay: Delay,
    /// From the measurement until the candidate has it, ns.
    pub measurement_ns: u64,
    /// From the result until the actuator has the command, ns.
    pub command_ns: u64,
    /// From there until it takes effect, ns.
    pub actuation_ns: u64,
    /// What becomes of an observation that arrives while the candidate is busy.
    pub queue: Queue,
    /// Time from the measurement by which a command should be in effect, ns.
    pub deadline_ns: Option<u64>,
    /// What happens where it is not.
    pub late: Late,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            delay: Delay::Zero,
            measurement_ns: 0,
            command_ns: 0,
            actuation_ns: 0,
            queue: Queue::default(),
            deadline_ns: None,
            late: Late::default(),
        }
    }
}

impl Timing {
    /// Whether every command takes effect at the moment of its measurement.
    pub fn is_instant(&self) -> bool {
        self.delay.constant_ns() == Some(0)
            && self.measurement_ns == 0
            && self.command_ns == 0
            && self.actuation_ns == 0
    }

    /// The same with another time of decisions.
    #[must_use]
    pub fn with(&self, delay: Delay) -> Timing {
        Timing { delay, ..self.clone() }
    }
}

/// What is to be done in the grid.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// A command: one row of each quantity.
    Ask(Vec<AskedTensor>),
    /// These elements go back to the file's values.
    Return(Vec<(Asked, u32)>),
}

/// What a moment has in store. The order of the variants is the order at one moment.
#[derive(Clone, Debug, PartialEq)]
enum What {
    /// A command takes effect that answers what was measured then.
    Lands { measured: Moment, asked: Vec<AskedTensor> },
    /// A command should be in effect by now.
    Deadline,
}

#[derive(Clone, Debug, PartialEq)]
struct Waiting {
    at: Moment,
    number: u32,
    what: What,
}

impl Waiting {
    fn order(&self) -> (Moment, bool, u32) {
        (self.at, self.what == What::Deadline, self.number)
    }
}

/// A decision that has been begun and not been answered.
#[derive(Clone, Copy, Debug)]
struct Begun {
    number: u32,
    measured: Moment,
    at: Moment,
    /// Its time, ns; `None` until the clock has it.
    takes_ns: Option<u64>,
}

/// The way from one rollout's observations to its actuators: a measurement line, a candidate that decides one thing at a time, a command
/// line.
#[derive(Debug)]
pub struct Channel {
    timing: Arc<Timing>,
    times: Times,
    /// Until when the candidate decides, and about which observation.
    busy: Option<(Moment, u32)>,
    begun: Option<Begun>,
    /// In order.
    waiting: Vec<Waiting>,
    /// Number of the last command that took effect.
    landed: Option<u32>,
    /// That command, for who repeats it.
    held: Vec<AskedTensor>,
    /// Everything that took effect so far, for who takes it back.
    touched: BTreeSet<(Asked, u32)>,
    tally: LatencyTally,
    log: Option<Vec<DecisionRecord>>,
}

fn later(moment: Moment, ns: u64) -> Moment {
    Moment(moment.0.saturating_add(ns))
}

impl Channel {
    /// The channel of a scenario, with nothing on its way. `record` keeps every decision.
    pub fn new(timing: &Arc<Timing>, seed: Seed, population: &str, index: u64, record: bool) -> Self {
        Channel {
            times: timing.delay.of_scenario(seed, population, index),
            timing: Arc::clone(timing),
            busy: None,
            begun: None,
            waiting: Vec::new(),
            landed: None,
            held: Vec::new(),
            touched: BTreeSet::new(),
            tally: LatencyTally::default(),
            log: record.then(Vec::new),
        }
    }

    /// Takes a measurement. Answers how old it is when a decision on it begins, s; `None` where none does.
    ///
    /// Measurements are numbered by step and come in order.
    pub fn measure(&mut self, number: u32, now: Moment) -> Option<f64> {
        // Drawn for each observation, begun or not: it must not depend on what became of others.
        let takes_ns = self.times.next_ns();
        let arrives = later(now, self.timing.measurement_ns);
        let mut at = arrives;
        if let Some((until, running)) = self.busy.filter(|(until, _)| *until > arrives) {
            match self.timing.queue {
                Queue::Skip => {
                    self.tally.skipped += 1;
                    return None;
                }
                Queue::Queue => at = until,
                Queue::Preempt => self.preempt(running),
            }
        }
        self.begun = Some(Begun { number, measured: now, at, takes_ns });
        let age_ns = at.0 - now.0;
        self.tally.decisions += 1;
        self.tally.age_sum_ns = self.tally.age_sum_ns.saturating_add(age_ns);
        self.tally.age_max_ns = self.tally.age_max_ns.max(age_ns);
        Some(Moment(age_ns).seconds())
    }

    /// Cuts a decision short.
    fn preempt(&mut self, number: u32) {
        self.tally.preempted += 1;
        self.waiting.retain(|waiting| waiting.number != number || waiting.what == What::Deadline);
        self.write_fate(number, "preempted");
    }

    /// Whether a measurement waits for its answer.
    pub fn is_asked(&self) -> bool {
        self.begun.is_some()
    }

    /// Takes the answer to the measurement that was last begun, with what supervision made of it. `clock_ns` is how long it took, for who
    /// goes by the clock.
    pub fn answer(&mut self, asked: Vec<AskedTensor>, handling: Option<Handling>, clock_ns: u64) {
        let Some(begun) = self.begun.take() else { return };
        let takes_ns = begun.takes_ns.unwrap_or(clock_ns);
        let result = later(begun.at, takes_ns);
        self.busy = Some((result, begun.number));
        let lands = later(later(result, self.timing.command_ns), self.timing.actuation_ns);
        let deadline = self.timing.deadline_ns.map(|ns| later(begun.measured, ns));
        let in_time = deadline.is_none_or(|deadline| lands <= deadline);
        let lands_at_all = in_time || self.timing.late == Late::LateApply;
        if let Some(log) = &mut self.log {
            let row = |tensor: &AskedTensor| (tensor.quantity.id().to_owned(), tensor.row(0).collect());
            log.push(DecisionRecord {
                number: begun.number,
                measured_s: begun.measured.seconds(),
                begun_s: begun.at.seconds(),
                inference_ns: takes_ns,
                lands_s: lands.seconds(),
                fate: if lands_at_all { "pending" } else { "dropped" }.into(),
                asked: asked.iter().map(row).collect::<BTreeMap<_, _>>(),
                handling,
            });
        }
        if lands_at_all {
            let what = What::Lands { measured: begun.measured, asked };
            self.put(Waiting { at: lands, number: begun.number, what });
        } else {
            self.tally.dropped += 1;
        }
        if let Some(at) = deadline {
            self.put(Waiting { at, number: begun.number, what: What::Deadline });
        }
    }

    fn put(&mut self, new: Waiting) {
        let place = self.waiting.partition_point(|waiting| waiting.order() <= new.order());
        self.waiting.insert(place, new);
    }

    /// Whether a deadline does something to the grid.
    fn acts(&self, place: usize) -> bool {
        let waiting = &self.waiting[place];
        if waiting.what != What::Deadline {
            return true;
        }
        let policy = matches!(self.timing.late, Late::HoldLast | Late::Fallback);
        // What lands before it, or with it, comes before it in the list.
        let kept = self.landed.is_some_and(|landed| landed >= waiting.number)
            || self.waiting[..place]
                .iter()
                .any(|other| other.what != What::Deadline && other.number >= waiting.number);
        policy && !kept
    }

    /// When something next takes effect.
    pub fn next(&self) -> Option<Moment> {
        (0..self.waiting.len()).find(|place| self.acts(*place)).map(|place| self.waiting[place].at)
    }

    /// What takes effect up to now, in order.
    pub fn due(&mut self, now: Moment) -> Vec<Order> {
        let mut orders = Vec::new();
        while self.waiting.first().is_some_and(|waiting| waiting.at <= now) {
            let Waiting { at, number, what } = self.waiting.remove(0);
            match what {
                What::Lands { measured, asked } => {
                    self.landed = Some(number);
                    self.tally.landed += 1;
                    self.write_fate(number, "landed");
                    let effect_ns = at.0.saturating_sub(measured.0);
                    self.tally.effect_sum_ns = self.tally.effect_sum_ns.saturating_add(effect_ns);
                    self.tally.effect_max_ns = self.tally.effect_max_ns.max(effect_ns);
                    self.remember(&asked);
                    orders.push(Order::Ask(asked));
                }
                What::Deadline if self.landed.is_none_or(|landed| landed < number) => {
                    self.tally.missed += 1;
                    match self.timing.late {
                        Late::LateApply | Late::Drop => {}
                        Late::HoldLast => {
                            self.tally.repeated += u64::from(!self.held.is_empty());
                            orders.push(Order::Ask(self.held.clone()));
                        }
                        Late::Fallback => {
                            self.tally.fell_back += u64::from(!self.touched.is_empty());
                            orders.push(Order::Return(self.touched.iter().copied().collect()));
                        }
                    }
                }
                What::Deadline => {}
            }
        }
        orders
    }

    /// Keeps of a command what its policy may need later.
    fn remember(&mut self, asked: &[AskedTensor]) {
        match self.timing.late {
            Late::LateApply | Late::Drop => {}
            Late::HoldLast => self.held = asked.to_vec(),
            Late::Fallback => {
                for tensor in asked {
                    self.touched.extend(tensor.row(0).map(|(element, _)| (tensor.quantity, element)));
                }
            }
        }
    }

    fn write_fate(&mut self, number: u32, fate: &str) {
        let row = self.log.iter_mut().flatten().rev().find(|row| row.number == number);
        if let Some(row) = row.filter(|row| row.fate != "dropped") {
            row.fate = fate.into();
        }
    }

    /// What became of everything, up to the end of the episode; and every decision, where they were kept.
    pub fn finish(mut self, end: Moment) -> (LatencyTally, Vec<DecisionRecord>) {
        // Deadlines that passed; commands that would land with the end come too late for it.
        let passed = self.waiting.partition_point(|waiting| waiting.at <= end);
        for waiting in &self.waiting[..passed] {
            let missed = self.landed.is_none_or(|landed| landed < waiting.number);
            self.tally.missed += u64::from(waiting.what == What::Deadline && missed);
        }
        let on_their_way = self.waiting.iter().filter(|waiting| waiting.what != What::Deadline).count();
        self.tally.pending = on_their_way as u64;
        (self.tally, self.log.unwrap_or_default())
    }

    /// Whether its delays are none.
    pub fn is_instant(&self) -> bool {
        self.timing.is_instant()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Tensor;

    const MS: u64 = 1_000_000;

    fn at(ms: u64) -> Moment {
        Moment(ms * MS)
    }

    /// 10 ms to the candidate, 5 ms and 15 ms back.
    fn timing(delay: Delay) -> Timing {
        Timing {
            delay,
            measurement_ns: 10 * MS,
            command_ns: 5 * MS,
            actuation_ns: 15 * MS,
            ..Timing::default()
        }
    }

    fn ask(value: f64) -> Vec<AskedTensor> {
        let values = Tensor { rows: 1, cols: 1, data: vec![value] };
        vec![AskedTensor { quantity: Asked::UnitPSet, elements: vec![0], values, given: None }]
    }

    /// Measures every 100 ms, asks the number of the observation, and lives until `end`. Answers what was done when: the number
    /// that was asked, -1 for a return to the file's values; and the ages of what was seen.
    fn lived(
        timing: Timing,
        times_ms: &[u64],
        end: u64,
    ) -> (Vec<(u64, f64)>, Vec<Option<u64>>, LatencyTally) {
        let mut channel = Channel::new(&Arc::new(timing), Seed(0), "p", 0, true);
        let (mut done, mut ages) = (Vec::new(), Vec::new());
        let mut carry_out = |channel: &mut Channel, now: Moment| {
            for order in channel.due(now) {
                let value = match order {
                    Order::Ask(asked) => asked.first().map_or(f64::NAN, |tensor| tensor.values.data[0]),
                    Order::Return(elements) => {
                        assert!(elements.is_empty() || elements == [(Asked::UnitPSet, 0)]);
                        -1.0
                    }
                };
                done.push((now.0 / MS, value));
            }
        };
        for (number, takes_ms) in times_ms.iter().enumerate() {
            let now = at(100 * number as u64);
            while let Some(next) = channel.next().filter(|next| *next < now) {
                carry_out(&mut channel, next);
            }
            let age_s = channel.measure(number as u32, now);
            ages.push(age_s.map(|s| (s * 1e3).round() as u64));
            if age_s.is_some() {
                channel.answer(ask(number as f64), None, takes_ms * MS);
            }
            carry_out(&mut channel, now);
        }
        while let Some(next) = channel.next().filter(|next| *next < at(end)) {
            carry_out(&mut channel, next);
        }
        (done, ages, channel.finish(at(end)).0)
    }

    #[test]
    fn without_delay_a_command_takes_effect_with_its_measurement() {
        let instant = Timing::default();
        assert!(instant.is_instant() && instant.with(Delay::Fixed(0)).is_instant());
        let (done, ages, tally) = lived(instant, &[0; 3], 300);
        assert_eq!(done, [(0, 0.0), (100, 1.0), (200, 2.0)]);
        assert_eq!(ages, [Some(0); 3]);
        assert_eq!((tally.decisions, tally.landed, tally.age_max_ns, tally.effect_max_ns), (3, 3, 0, 0));
    }

    /// 10 + 40 + 5 + 15 = 70 ms.
    #[test]
    fn a_fixed_delay_adds_up() {
        let (done, ages, tally) = lived(timing(Delay::Fixed(40 * MS)), &[0; 3], 270);
        assert_eq!(done, [(70, 0.0), (170, 1.0)]);
        assert_eq!(ages, [Some(10); 3]);
        assert_eq!((tally.landed, tally.pending, tally.effect_sum_ns), (2, 1, 140 * MS));
    }

    /// Measurements at 0, 100, 200, 300 arrive at 10, 110, 210, 310; a decision of 250 ms runs from 10 to 260 and lands at 280; those that
    /// arrive at 110 and 210 find it busy; that of 310 lands at 580.
    #[test]
    fn who_is_busy_skips() {
        let (done, ages, tally) = lived(timing(Delay::Fixed(250 * MS)), &[0; 4], 600);
        assert_eq!(done, [(280, 0.0), (580, 3.0)]);
        assert_eq!(ages, [Some(10), None, None, Some(10)]);
        assert_eq!((tally.decisions, tally.skipped, tally.landed), (2, 2, 2));
    }

    /// A decision ends at the moment the next observation arrives: 10 + 100 = 110. It is not busy any more.
    #[test]
    fn a_result_frees_the_candidate_before_the_next_decision_begins() {
        let (done, _, tally) = lived(timing(Delay::Fixed(100 * MS)), &[0; 2], 300);
        assert_eq!((done, tally.skipped), (vec![(130, 0.0), (230, 1.0)], 0));
    }

    /// 150 ms each: begun at 10, 160, 310, and landed 20 ms after 160, 310, 460.
    #[test]
    fn a_queue_makes_what_is_seen_older() {
        let queue = Timing { queue: Queue::Queue, ..timing(Delay::Fixed(150 * MS)) };
        let (done, ages, tally) = lived(queue, &[0; 3], 1000);
        assert_eq!(done, [(180, 0.0), (330, 1.0), (480, 2.0)]);
        assert_eq!(ages, [Some(10), Some(60), Some(110)]);
        assert_eq!((tally.age_max_ns, tally.effect_max_ns), (110 * MS, 280 * MS));
    }

    /// Times 30, 150, 30 by the clock: the second, begun at 110, is cut short at 210 when the third arrives.
    #[test]
    fn a_newer_observation_cuts_a_decision_short() {
        let preempt = Timing { queue: Queue::Preempt, ..timing(Delay::WallClock) };
        let (done, ages, tally) = lived(preempt, &[30, 150, 30], 400);
        assert_eq!(done, [(60, 0.0), (260, 2.0)]);
        assert_eq!(ages, [Some(10); 3]);
        assert_eq!((tally.decisions, tally.preempted, tally.landed, tally.pending), (3, 1, 2, 0));
    }

    /// A result that is there when the next observation arrives is not cut short, though its command is still on its way.
    #[test]
    fn a_command_on_its_way_is_not_cut_short() {
        let preempt = Timing { queue: Queue::Preempt, actuation_ns: 500 * MS, ..timing(Delay::Fixed(MS)) };
        let (done, _, tally) = lived(preempt, &[0; 2], 1000);
        assert_eq!((done, tally.preempted), (vec![(516, 0.0), (616, 1.0)], 0));
    }

    /// Times 20, 90, 20 ms with a deadline of 80 ms: commands at 50, 220 (20 too late), 250. Nothing happens at the deadlines that are kept.
    #[test]
    fn each_policy_does_what_it_says_with_a_late_command() {
        let of = |late| {
            let timing = Timing { deadline_ns: Some(80 * MS), late, ..timing(Delay::WallClock) };
            let (done, _, tally) = lived(timing, &[20, 90, 20], 300);
            (done, [tally.missed, tally.dropped, tally.repeated, tally.fell_back])
        };
        assert_eq!(of(Late::LateApply), (vec![(50, 0.0), (220, 1.0), (250, 2.0)], [1, 0, 0, 0]));
        assert_eq!(of(Late::Drop), (vec![(50, 0.0), (250, 2.0)], [1, 1, 0, 0]));
        assert_eq!(of(Late::HoldLast), (vec![(50, 0.0), (180, 0.0), (250, 2.0)], [1, 1, 1, 0]));
        assert_eq!(of(Late::Fallback), (vec![(50, 0.0), (180, -1.0), (250, 2.0)], [1, 1, 0, 1]));
    }

    /// 10 + 50 + 20 = 80 ms: a command that lands with its deadline is in time.
    #[test]
    fn a_deadline_is_kept_to_the_nanosecond() {
        let of = |ns| {
            let timing =
                Timing { deadline_ns: Some(80 * MS), late: Late::Fallback, ..timing(Delay::Fixed(ns)) };
            let (_, _, tally) = lived(timing, &[0; 1], 300);
            (tally.landed, tally.missed)
        };
        assert_eq!((of(50 * MS), of(50 * MS + 1)), ((1, 0), (0, 1)));
    }

    /// Decisions that are cut short for ever never land: the deadline of each is missed.
    #[test]
    fn a_candidate_that_is_always_cut_short_misses_every_deadline() {
        let timing = Timing {
            queue: Queue::Preempt,
            deadline_ns: Some(300 * MS),
            late: Late::Fallback,
            ..timing(Delay::Fixed(150 * MS))
        };
        let (_, _, tally) = lived(timing, &[0; 4], 310);
        // The last runs from 310 on: it is on its way at the end. The deadlines at 300 and, of those after the end, none are counted.
        assert_eq!((tally.preempted, tally.landed, tally.missed, tally.pending), (3, 0, 1, 1));
    }
}
