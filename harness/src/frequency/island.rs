//! One island in time: it advances from event to event, and takes what befalls it in between.

mod join;

use std::collections::VecDeque;

use powerflow::{Diagnostic, Diagnostics};

use super::event::{Death, FrequencyEvent, FrequencyEventKind};
use super::model::IslandModel;
use super::plant::{Forcing, Machines, Plant};
use super::response::{Device, Trigger};
use super::ride_through::{Broken, FrequencyCause, Monitor};
use super::shedding::Relays;
use super::trace::{Segment, Signal, Trace};

/// Deviation of the frequency, pu to each side, beyond which an island is dead: no machine stays connected there whatever its relays say.
pub const RANGE_PU: f64 = 0.2;
/// Slope of the frequency below which an island is settled, Hz/s.
const SETTLED_HZ_PER_S: f64 = 1e-3;
/// Movement of valves and turbines below which an island is settled, pu/s.
const SETTLED_PU_PER_S: f64 = 1e-4;
/// Largest difference of the frequencies of islands that may be joined, Hz.
pub const SYNCHRONISM_HZ: f64 = 0.1;
/// Shortest time constant of an island, s. With less inertia for its stiffness the frequency is no state but follows the power at once, and
/// there is nothing for this model to say: such an island counts as one without a source.
const SHORTEST_S: f64 = 1e-3;
/// Longest step as a share of that time constant: the cubics between the steps, on which crossings are found, are then right to 1e-7 Hz.
const STEP_SHARE: f64 = 0.1;
/// Times closer than this are the same, s.
const TIE_S: f64 = 1e-9;
/// What must be crossed beyond a level where a step already begins beyond it: an element that has just changed sides stands on the level, give
/// or take rounding.
const BEYOND: f64 = 1e-9;

/// Deviations, pu, and times, s, that are zero but for rounding.
const ROUNDING: f64 = 1e-15;

/// Whose watch it is; in the order in which simultaneous events act.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Owner {
    Range,
    /// The valve of the aggregate, and the stop it comes to.
    Valve(i8),
    /// A monitor, and its level.
    Level(usize, usize),
    Rocof(usize),
    Stage(usize),
    Device(usize),
}

/// A level that somebody waits for.
#[derive(Clone, Copy, Debug)]
struct Watch {
    owner: Owner,
    signal: Signal,
    /// pu, or pu/s.
    level: f64,
    /// Whether the signal falls to it.
    falling: bool,
}

/// Where a function changes its sign, to rounding, between a point at which it is not positive and one at which it is: false position with the
/// Illinois rule, which never leaves the bracket.
fn root(before: f64, after: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (mut a, mut b) = ((before, f(before).min(0.0)), (after, f(after)));
    let mut moved = 0;
    for _ in 0..100 {
        let width = b.0 - a.0;
        let x = b.0 - b.1 * width / (b.1 - a.1);
        let value = f(x);
        if value.abs() <= ROUNDING || width <= ROUNDING || !(a.0 < x && x < b.0) {
            return x;
        }
        // The end that stays twice counts half, or the other would creep.
        if value > 0.0 {
            b = (x, value);
            a.1 *= if moved > 0 { 0.5 } else { 1.0 };
            moved = 1;
        } else {
            a = (x, value);
            b.1 *= if moved < 0 { 0.5 } else { 1.0 };
            moved = -1;
        }
    }
    b.0
}

impl Watch {
    /// Whether a measurement is beyond the level.
    fn is_passed(&self, measured: f64) -> bool {
        if self.falling { measured < self.level } else { measured > self.level }
    }
}

/// A monitor and the units it trips; none for one that only watches.
#[derive(Clone, Debug)]
struct Guard {
    monitor: Monitor,
    units: Vec<usize>,
}

/// A lowest or highest frequency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extreme {
    /// Frequency, Hz.
    pub frequency_hz: f64,
    /// When it was reached first, s.
    pub time_s: f64,
}

/// What a part of an island takes with it when the island splits.
#[derive(Clone, Debug, PartialEq)]
pub struct IslandPart {
    /// Units by their numbers in the parent, from 0, each in one part at most; in the part they are numbered as listed here.
    pub units: Vec<usize>,
    /// Devices of fast frequency response, likewise.
    pub responses: Vec<usize>,
    /// Its demand in service at nominal frequency, pu.
    pub load_pu: f64,
    /// Power that flowed into it from the other parts just before the split, pu. Those of all parts add up to zero.
    pub import_pu: f64,
}

/// The frequency of an island: one swing equation for its centre of inertia, `2 H d(dw)/dt = Pm + Pffr - PL (1 + D dw)`, with constant
/// power of everything that has no frequency dependence. Powers in pu of the system's base, positive where they raise the frequency.
///
/// [`IslandFrequency::advance`] stops at every event, which has then acted. Between steps anything may be changed:
/// [`IslandFrequency::step_power`], [`IslandFrequency::step_load`], [`IslandFrequency::trip_unit`], [`IslandFrequency::command`]. A clone goes its
/// own way. An island without a frequency ([`Death`]) has none to give: [`IslandFrequency::frequency_hz`] is then `None`.
///
/// Method: steps of fixed length, shortened so that they end at every timer; an aggregate's step is the exact solution, that of single units
/// Runge and Kutta's of fourth order. A crossing within a step is found on the cubic through both ends by false position, and the step is repeated up to
/// it. Frequencies averaged over a window are the difference of the integral of the same cubics.
#[derive(Clone, Debug)]
pub struct IslandFrequency {
    nominal_hz: f64,
    load_damping: f64,
    /// Demand before the event, pu: what shares of shedding are shares of.
    load_before: f64,
    load: f64,
    /// Constant injection, pu: it balances the island at the start.
    fixed: f64,
    plant: Plant,
    speed: f64,
    time_s: f64,
    /// Longest step that was asked for, s, and the one that is taken.
    step_max_s: f64,
    step_s: f64,
    rocof_window_s: f64,
    trace: Trace,
    relays: Option<Relays>,
    devices: Vec<Device>,
    guards: Vec<Guard>,
    watches: Vec<Watch>,
    /// When the first timer runs out, s.
    timer_s: f64,
    /// Whether somebody waits for something else than before.
    stale: bool,
    pending: VecDeque<FrequencyEvent>,
    lowest: Extreme,
    highest: Extreme,
    death: Option<Death>,
}

impl IslandFrequency {
    /// An island in balance at its nominal frequency and time zero.
    ///
    /// # Errors
    /// All that is wrong with the model ([`IslandModel::check`]).
    pub fn new(model: &IslandModel) -> Result<Self, Diagnostics> {
        model.check().into_result(())?;
        let (plant, step_s) = model.plant();
        let mut guards: Vec<Guard> = Vec::new();
        if let super::Source::Units(units) = &model.source {
            for (i, unit) in units.iter().enumerate() {
                let Some(settings) = &unit.ride_through else { continue };
                // All units with the same settings see the same frequency and trip together: one monitor for them.
                match guards.iter_mut().find(|guard| guard.monitor.settings == *settings) {
                    Some(guard) => guard.units.push(i),
                    None => guards.push(Guard { monitor: Monitor::new(settings.clone()), units: vec![i] }),
                }
            }
        }
        let observed = model.observed.iter().cloned();
        guards.extend(observed.map(|settings| Guard { monitor: Monitor::new(settings), units: Vec::new() }));
        let relays = model.shedding.clone().map(Relays::new);
        let devices: Vec<Device> = model.responses.iter().map(|settings| Device::new(*settings)).collect();
        let windows = relays.iter().map(|relays| relays.plan.window_s);
        let windows = windows.chain(devices.iter().filter_map(|device| match device.settings.trigger {
            Trigger::Rocof { window_s, .. } => Some(window_s),
            Trigger::Frequency { .. } | Trigger::Command => None,
        }));
        let windows = windows.chain(
            guards.iter().filter_map(|guard| guard.monitor.settings.rocof.map(|relay| relay.window_s)),
        );
        let keep_s = windows.fold(model.rocof_window_s, f64::max);
        let start = Extreme { frequency_hz: model.nominal_hz, time_s: 0.0 };
        let mut island = Self {
            nominal_hz: model.nominal_hz,
            load_damping: model.load_damping,
            load_before: model.load_pu,
            load: model.load_pu,
            fixed: model.load_pu - plant.power(0.0),
            plant,
            speed: 0.0,
            time_s: 0.0,
            step_max_s: step_s,
            step_s,
            rocof_window_s: model.rocof_window_s,
            trace: Trace::new(keep_s),
            relays,
            devices,
            guards,
            watches: Vec::new(),
            timer_s: f64::INFINITY,
            stale: true,
            pending: VecDeque::new(),
            lowest: start,
            highest: start,
            death: None,
        };
        island.fit_step();
        Ok(island)
    }

    /// Moves on to `until_s`, or to the next event before it, which is returned and has acted. Events at the same time come one after the
    /// other, and have all acted before the first of them is returned. A time that has passed already moves nothing.
    pub fn advance(&mut self, until_s: f64) -> Option<FrequencyEvent> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(event);
            }
            if !(self.time_s < until_s) {
                return None;
            }
            if self.death.is_some() {
                self.time_s = until_s;
                return None;
            }
            self.step(until_s);
        }
    }

    /// Time, s.
    pub fn time_s(&self) -> f64 {
        self.time_s
    }

    /// Frequency of the centre of inertia, Hz; `None` where the island is dead.
    pub fn frequency_hz(&self) -> Option<f64> {
        self.death.is_none().then(|| self.hz(self.speed))
    }

    /// Slope of the frequency over the last window ([`IslandModel::rocof_window_s`]), Hz/s; `None` where the island is dead. Before the start
    /// the frequency stood still.
    pub fn rocof_hz_per_s(&self) -> Option<f64> {
        let slope = || self.nominal_hz * self.trace.slope(self.rocof_window_s, self.time_s, self.speed);
        self.death.is_none().then(slope)
    }

    /// Frequency averaged over the last `window_s`, Hz: what a measurement with that window shows; `None` where the island is dead. As far
    /// back as the longest window of the model's relays is known; before that the frequency stood still.
    pub fn mean_hz(&self, window_s: f64) -> Option<f64> {
        self.death.is_none().then(|| self.hz(self.trace.mean(window_s, self.time_s, self.speed)))
    }

    /// Slope of the frequency at this moment, Hz/s: what a relay with a window cannot know; `None` where the island is dead.
    pub fn slope_hz_per_s(&self) -> Option<f64> {
        self.death.is_none().then(|| self.nominal_hz * self.accelerating_pu() / self.plant.inertia())
    }

    /// Lowest frequency so far.
    pub fn nadir(&self) -> Extreme {
        self.lowest
    }

    /// Highest frequency so far.
    pub fn peak(&self) -> Extreme {
        self.highest
    }

    /// Why there is no frequency, where there is none.
    pub fn death(&self) -> Option<Death> {
        self.death
    }

    /// Inertia constant H of what is connected, on the system's base, s.
    pub fn inertia_s(&self) -> f64 {
        0.5 * self.plant.inertia()
    }

    /// Demand in service at nominal frequency, pu.
    pub fn load_pu(&self) -> f64 {
        self.load
    }

    /// Damping by demand, pu of power for a pu of frequency.
    pub fn damping_pu(&self) -> f64 {
        self.load * self.load_damping
    }

    /// Demand drawn at the present frequency, pu; none where the island is dead.
    pub fn served_pu(&self) -> f64 {
        if self.death.is_some() { 0.0 } else { self.load * (1.0 + self.load_damping * self.speed) }
    }

    /// Mechanical power of the turbines, pu; of an aggregate its change since the start.
    pub fn mechanical_pu(&self) -> f64 {
        self.plant.power(self.speed)
    }

    /// Mechanical power of one unit, pu; `None` of an aggregate, and of a unit that is not connected or not there.
    pub fn unit_pu(&self, unit: usize) -> Option<f64> {
        let Plant::Machines(plant) = &self.plant else { return None };
        let machine = plant.machines.get(unit).filter(|machine| machine.connected)?;
        self.death.is_none().then(|| machine.power(&machine.states, self.speed))
    }

    /// Power of one device of fast frequency response, pu; `None` where there is none of that number.
    pub fn response_pu(&self, response: usize) -> Option<f64> {
        self.devices.get(response).map(|device| device.power(self.time_s).0)
    }

    /// Power that accelerates the island, pu: `2 H d(dw)/dt`.
    pub fn accelerating_pu(&self) -> f64 {
        let forcing = self.forcing();
        self.plant.power(self.speed) + forcing.power - forcing.damping * self.speed
    }

    /// The frequency at which an aggregate comes to rest if nothing else happens, Hz. `None` where nothing holds it, where the island is dead,
    /// and for single units: their limits decide, so let them settle.
    pub fn rest_hz(&self) -> Option<f64> {
        let rest = self.plant.rest(self.forcing()).filter(|_| self.death.is_none())?;
        Some(self.hz(rest))
    }

    /// Whether nothing more will happen: the frequency and all turbines stand still, no timer is running and no device is about to move.
    pub fn is_settled(&mut self) -> bool {
        if self.death.is_some() {
            return self.pending.is_empty();
        }
        let still = |slope: Option<f64>| slope.is_some_and(|slope| slope.abs() < SETTLED_HZ_PER_S);
        let (hz, forcing) = (self.hz(self.speed), self.forcing());
        still(self.slope_hz_per_s())
            && still(self.rocof_hz_per_s())
            && self.pending.is_empty()
            && self.relays.as_ref().is_none_or(|relays| relays.deadline_s() == f64::INFINITY)
            && !self.guards.iter().any(|guard| guard.monitor.is_counting(hz))
            && !self.devices.iter().any(|device| device.is_moving(self.time_s))
            && self.plant.unrest(self.speed, forcing) < SETTLED_PU_PER_S
    }

    /// Whether two islands may be joined: both have a frequency, and they differ by less than [`SYNCHRONISM_HZ`].
    pub fn is_synchronous_with(&self, other: &Self) -> bool {
        match (self.frequency_hz(), other.frequency_hz()) {
            (Some(a), Some(b)) => (a - b).abs() < SYNCHRONISM_HZ,
            _ => false,
        }
    }

    /// Changes the constant injection, pu: generation that is not a unit of the model, an import, losses. Negative is lost generation.
    pub fn step_power(&mut self, delta_pu: f64) {
        self.fixed += delta_pu;
    }

    /// Changes the demand in service, pu at nominal frequency; negative is demand that went. What its damping is, and what there is to shed,
    /// follows. Returns the change, which is not larger than the demand.
    pub fn step_load(&mut self, delta_pu: f64) -> f64 {
        let delta = delta_pu.max(-self.load);
        self.load += delta;
        self.fit_step();
        delta
    }

    /// Disconnects a unit: its power and its inertia are gone at once. Returns the power that it gave, pu; `None` where there is no such unit
    /// connected. An island that loses its last inertia dies, which is an event.
    pub fn trip_unit(&mut self, unit: usize) -> Option<f64> {
        let power = self.unit_pu(unit)?;
        if let Plant::Machines(plant) = &mut self.plant {
            plant.machines[unit].connected = false;
        }
        self.fit_step();
        Some(power)
    }

    /// Has a device of fast frequency response go to a power within a time, pu and s, and stay there. Whether there is such a device, and the
    /// command is one: what is no number moves nothing.
    pub fn command(&mut self, response: usize, power_pu: f64, ramp_s: f64) -> bool {
        self.stale = true;
        let now = self.time_s;
        let is_one = power_pu.is_finite() && ramp_s.is_finite();
        let device = self.devices.get_mut(response).filter(|_| is_one);
        device.map(|device| device.command(now, power_pu, ramp_s.max(0.0))).is_some()
    }

    /// The parts into which the island falls, each with its own copy of the present frequency and of every relay's and turbine's state; `None`
    /// for a part without inertia, which is dead. Coherent machines share the acceleration they had together in proportion to their inertia; each
    /// part then lacks what it imported. Events that were not fetched yet are the whole's, not the parts'.
    ///
    /// # Errors
    /// `frequency.split.aggregate` for an aggregate, which has no units to share out; `frequency.split.unknown` for a unit or a device that the
    /// island does not have or that is in two parts.
    pub fn split(&self, parts: &[IslandPart]) -> Result<Vec<Option<Self>>, Diagnostics> {
        let Plant::Machines(plant) = &self.plant else {
            let message = "an island of one aggregate cannot be split";
            let error = Diagnostic::error("frequency.split.aggregate", message);
            return Err(error.hint("describe its units one by one").into());
        };
        let mut complaints = Diagnostics::default();
        let listed: [(&str, usize, Vec<usize>); 2] = [
            ("unit", plant.machines.len(), parts.iter().flat_map(|part| part.units.clone()).collect()),
            (
                "fast response",
                self.devices.len(),
                parts.iter().flat_map(|part| part.responses.clone()).collect(),
            ),
        ];
        for (what, count, mut numbers) in listed {
            numbers.sort_unstable();
            let twice = numbers.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
            for number in numbers.iter().copied().filter(|number| *number >= count).chain(twice) {
                let message = format!("there is no {what} {} left for a part", number + 1);
                complaints.push(Diagnostic::error("frequency.split.unknown", message));
            }
        }
        complaints.into_result(())?;
        let (inertia, accelerating) = (self.plant.inertia(), self.accelerating_pu());
        let made = parts.iter().map(|part| {
            let machines = part.units.iter().map(|&unit| plant.machines[unit].clone()).collect();
            let mut island = self.clone();
            island.plant = Plant::Machines(Machines::new(machines));
            if self.death.is_some() {
                return None;
            }
            island.devices = part.responses.iter().map(|&response| self.devices[response].clone()).collect();
            for guard in &mut island.guards {
                let stays = |unit: &usize| part.units.iter().position(|of_part| of_part == unit);
                guard.units = guard.units.iter().filter_map(stays).collect();
            }
            // A monitor without units would only watch: it goes with those that it could trip.
            let trips = self.guards.iter().map(|guard| !guard.units.is_empty());
            let stays: Vec<bool> =
                trips.zip(&island.guards).map(|(trips, guard)| !trips || !guard.units.is_empty()).collect();
            let mut stays = stays.into_iter();
            island.guards.retain(|_| stays.next().unwrap_or(true));
            island.load = part.load_pu.max(0.0);
            island.load_before =
                if self.load > 0.0 { self.load_before * island.load / self.load } else { island.load };
            island.fixed = 0.0;
            let share = island.plant.inertia() / inertia;
            island.fixed = accelerating * share - part.import_pu - island.accelerating_pu();
            island.stale = true;
            island.fit_step();
            island.pending.clear();
            island.death.is_none().then_some(island)
        });
        Ok(made.collect())
    }

    fn hz(&self, speed: f64) -> f64 {
        self.nominal_hz * (1.0 + speed)
    }

    fn pu(&self, hz: f64) -> f64 {
        (hz - self.nominal_hz) / self.nominal_hz
    }

    fn forcing(&self) -> Forcing {
        let (mut power, mut slope) = (self.fixed - self.load, 0.0);
        for device in &self.devices {
            let (p, s) = device.power(self.time_s);
            power += p;
            slope += s;
        }
        Forcing { power, slope, damping: self.load * self.load_damping }
    }

    fn tell(&mut self, kind: FrequencyEventKind) {
        let frequency_hz = self.hz(self.speed);
        self.pending.push_back(FrequencyEvent { time_s: self.time_s, frequency_hz, kind });
    }

    fn die(&mut self, death: Death) {
        if self.death.is_none() {
            self.death = Some(death);
            self.tell(FrequencyEventKind::Dead(death));
        }
    }

    /// Makes the step fit what is connected, or finds that there is nothing to step.
    fn fit_step(&mut self) {
        self.plant.changed();
        let shortest_s = self.plant.shortest_s(self.load * self.load_damping);
        // Neither damping nor governors is no time constant, and neither is no inertia.
        if !(self.plant.inertia() > 0.0) || shortest_s < SHORTEST_S {
            self.die(Death::NoSource);
        }
        self.step_s = self.step_max_s.min(STEP_SHARE * shortest_s);
    }

    /// One step, up to the earliest of: its ordinary length, `until_s`, a timer, a crossing.
    fn step(&mut self, until_s: f64) {
        if self.stale {
            self.watch();
        }
        let whole_s = self.time_s + self.step_s;
        let mut end_s = until_s.min(self.timer_s).min(whole_s).max(self.time_s);
        // A sliver of a step at the end would only cost time.
        let mut whole = end_s >= whole_s;
        if !whole && end_s > whole_s - 1e-12 * whole_s.abs().max(1.0) {
            whole = true;
        }
        let forcing = self.forcing();
        let mut segment = self.attempt(end_s - self.time_s, whole, forcing);
        let mut hits: Vec<(f64, Owner)> = Vec::new();
        // Neighbours in the list measure the same.
        let frequency = Signal::Mean(0.0);
        let mut measured = (frequency, segment.speed[1], segment.extremum());
        for watch in &self.watches {
            if measured.0 != watch.signal {
                let end = self.trace.measure(watch.signal, &segment, segment.length_s);
                measured = (watch.signal, end, self.turn(watch.signal, &segment));
            }
            let turn = measured.2;
            if (turn.is_some() || watch.is_passed(measured.1))
                && let Some(tau) = self.crossing(watch, &segment, turn)
            {
                hits.push((tau, watch.owner));
            }
        }
        let mut exhausted: Option<(f64, usize, Broken)> = None;
        for (i, guard) in self.guards.iter().enumerate() {
            if let Some((tau, broken)) = guard.monitor.exhausted(&segment, self.nominal_hz)
                && exhausted.is_none_or(|(earliest, ..)| tau < earliest)
            {
                exhausted = Some((tau, i, broken));
            }
        }
        let first = hits.iter().map(|hit| hit.0).chain(exhausted.map(|e| e.0)).fold(f64::INFINITY, f64::min);
        if first < segment.length_s {
            segment = self.attempt(first, false, forcing);
            end_s = self.time_s + first;
        }
        self.take(&segment, end_s);
        hits.retain(|hit| hit.0 <= first + TIE_S);
        for (_, owner) in &hits {
            self.crossed(*owner);
        }
        if let Some((tau, guard, broken)) = exhausted
            && tau <= first + TIE_S
            && !self.guards[guard].monitor.done
        {
            self.guards[guard].monitor.done = true;
            self.broken(guard, broken);
        }
        if self.stale || self.timer_s <= self.time_s + TIE_S {
            self.expire();
            self.stale = true;
        }
    }

    fn attempt(&mut self, length_s: f64, whole: bool, forcing: Forcing) -> Segment {
        let end = self.plant.attempt(self.speed, length_s, whole, forcing);
        self.trace.next(self.time_s, length_s, [self.speed, end.speed], end.slope)
    }

    fn take(&mut self, segment: &Segment, end_s: f64) {
        self.plant.take();
        let turn = segment.extremum().map(|tau| (segment.speed(tau), segment.start_s + tau));
        for (speed, time_s) in turn.into_iter().chain([(segment.speed[1], end_s)]) {
            let frequency_hz = self.hz(speed);
            if frequency_hz < self.lowest.frequency_hz {
                self.lowest = Extreme { frequency_hz, time_s };
            }
            if frequency_hz > self.highest.frequency_hz {
                self.highest = Extreme { frequency_hz, time_s };
            }
        }
        for guard in &mut self.guards {
            guard.monitor.add(segment, self.nominal_hz);
        }
        self.trace.push(*segment);
        self.speed = segment.speed[1];
        self.time_s = end_s;
        if !(self.speed.abs() <= RANGE_PU) {
            self.die(Death::OutOfRange);
        }
    }

    /// Lists what everybody waits for.
    fn watch(&mut self) {
        self.stale = false;
        let relays = self.relays.as_ref().map_or(f64::INFINITY, Relays::deadline_s);
        let guards = self.guards.iter().map(|guard| guard.monitor.deadline_s());
        let devices = self.devices.iter().map(|device| device.deadline_s(self.time_s));
        self.timer_s = guards.chain(devices).fold(relays, f64::min);
        let frequency = Signal::Mean(0.0);
        let watch = |owner, signal, level, falling| Watch { owner, signal, level, falling };
        let mut watches = vec![
            watch(Owner::Range, frequency, -RANGE_PU, true),
            watch(Owner::Range, frequency, RANGE_PU, false),
        ];
        if let Plant::Aggregate(plant) = &self.plant
            && plant.gain > 0.0
        {
            let [down, up] = [plant.reserve[0] / plant.gain, -plant.reserve[1] / plant.gain];
            match plant.stop {
                0 if plant.reserve != [f64::INFINITY; 2] => {
                    watches.push(watch(Owner::Valve(1), frequency, up, true));
                    watches.push(watch(Owner::Valve(-1), frequency, down, false));
                }
                0 => {}
                at if at > 0 => watches.push(watch(Owner::Valve(0), frequency, up, false)),
                _ => watches.push(watch(Owner::Valve(0), frequency, down, true)),
            }
        }
        for (i, guard) in self.guards.iter().enumerate().filter(|(_, guard)| !guard.monitor.done) {
            for (which, hz, falling) in guard.monitor.watches() {
                watches.push(watch(Owner::Level(i, which), frequency, self.pu(hz), falling));
            }
            if let Some((signal, limit)) = guard.monitor.rocof() {
                let level = limit / self.nominal_hz;
                watches.push(watch(Owner::Rocof(i), signal, -level, true));
                watches.push(watch(Owner::Rocof(i), signal, level, false));
            }
        }
        if let Some(relays) = &self.relays {
            for stage in 0..relays.states.len() {
                if let Some((hz, falling)) = relays.watch(stage) {
                    watches.push(watch(Owner::Stage(stage), relays.signal(), self.pu(hz), falling));
                }
            }
        }
        for (i, device) in self.devices.iter().enumerate().filter(|(_, device)| device.is_armed()) {
            let falling = device.settings.power_pu > 0.0;
            match device.settings.trigger {
                Trigger::Frequency { threshold_hz } => {
                    watches.push(watch(Owner::Device(i), frequency, self.pu(threshold_hz), falling));
                }
                Trigger::Rocof { threshold_hz_per_s, window_s } => {
                    let level = threshold_hz_per_s / self.nominal_hz;
                    let level = if falling { -level } else { level };
                    watches.push(watch(Owner::Device(i), Signal::Slope(window_s), level, falling));
                }
                Trigger::Command => {}
            }
        }
        self.watches = watches;
    }

    /// Where, within a step, a measurement may be further out than at its ends.
    fn turn(&self, signal: Signal, segment: &Segment) -> Option<f64> {
        let length_s = segment.length_s;
        match signal {
            Signal::Mean(window_s) if window_s > 0.0 => {
                // The slope of a mean over a window is the slope over that window.
                let slope = |tau: f64| self.trace.measure(Signal::Slope(window_s), segment, tau);
                let (first, last) = (slope(0.0), slope(length_s));
                let sign = if last > 0.0 { 1.0 } else { -1.0 };
                (first * last < 0.0).then(|| root(0.0, length_s, |tau| sign * slope(tau)))
            }
            Signal::Mean(_) => segment.extremum(),
            Signal::Slope(_) => {
                // It may bend where an event left or entered its window; between those it hardly does over a step.
                let size = |share: &f64| self.trace.measure(signal, segment, share * length_s).abs();
                [0.25, 0.5, 0.75].into_iter().max_by(|a, b| size(a).total_cmp(&size(b))).map(|s| s * length_s)
            }
        }
    }

    /// When, within a step, a watched level is crossed.
    fn crossing(&self, watch: &Watch, segment: &Segment, turn: Option<f64>) -> Option<f64> {
        let beyond = |tau: f64| {
            let above = self.trace.measure(watch.signal, segment, tau) - watch.level;
            if watch.falling { -above } else { above }
        };
        let mut after = if beyond(segment.length_s) > 0.0 {
            segment.length_s
        } else {
            // A dip, or a peak, between the ends.
            turn.filter(|tau| beyond(*tau) > 0.0)?
        };
        if beyond(0.0) > BEYOND {
            return Some(0.0);
        }
        if let Some(turn) = turn.filter(|turn| *turn < after && beyond(*turn) > 0.0) {
            after = turn;
        }
        Some(root(0.0, after, beyond))
    }

    fn crossed(&mut self, owner: Owner) {
        self.stale = true;
        let now = self.time_s;
        match owner {
            Owner::Range => self.die(Death::OutOfRange),
            Owner::Valve(stop) => {
                if let Plant::Aggregate(plant) = &mut self.plant {
                    plant.stop = stop;
                }
                self.plant.changed();
            }
            Owner::Level(guard, which) => self.guards[guard].monitor.crossed(which, now),
            Owner::Rocof(guard) => {
                let monitor = &mut self.guards[guard].monitor;
                // Something else of the same guard may have been broken at the same time.
                if let Some((_, limit)) = monitor.rocof().filter(|_| !monitor.done) {
                    monitor.done = true;
                    self.broken(guard, Broken { cause: FrequencyCause::Rocof, limit });
                }
            }
            Owner::Stage(stage) => {
                if let Some(relays) = &mut self.relays {
                    relays.crossed(stage, now);
                }
            }
            Owner::Device(device) => self.devices[device].trigger(now),
        }
    }

    /// A limit is broken: the units behind it trip, all at the same time; where there are none it is only told.
    fn broken(&mut self, guard: usize, Broken { cause, limit }: Broken) {
        self.stale = true;
        let units = self.guards[guard].units.clone();
        if units.is_empty() {
            let curve = self.guards[guard].monitor.settings.curve.name.clone();
            self.tell(FrequencyEventKind::LimitBroken { curve, cause, limit });
        }
        let powers: Vec<(usize, f64)> =
            units.iter().filter_map(|&unit| Some((unit, self.unit_pu(unit)?))).collect();
        for (unit, power_pu) in powers {
            self.tell(FrequencyEventKind::UnitTripped { unit, cause, limit, power_pu });
            self.trip_unit(unit);
        }
    }

    /// Lets all timers run out that do so now: trips first, then relays, then devices.
    fn expire(&mut self) {
        let now = self.time_s + TIE_S;
        for guard in 0..self.guards.len() {
            if let Some(broken) = self.guards[guard].monitor.expire(now) {
                self.broken(guard, broken);
            }
        }
        if let Some(off) = self.relays.as_mut().map(|relays| relays.expire(now)) {
            for stage in off {
                let Some(relays) = &self.relays else { break };
                let super::Stage { threshold_hz, share, .. } = relays.plan.stages[stage];
                let load_pu = -self.step_load(-share * self.load_before);
                self.tell(FrequencyEventKind::Shed { stage, threshold_hz, share, load_pu });
            }
        }
        for response in 0..self.devices.len() {
            let device = &mut self.devices[response];
            if device.expire(now) {
                let power_pu = device.settings.power_pu;
                self.tell(FrequencyEventKind::ResponseFired { response, power_pu });
            }
        }
    }
}
