//! The frequency of one island that has been disturbed.

use powerflow::UnitIdx;
use scenarios::Moment;

use super::Elements;
use super::units::Fast;
use crate::frequency::{
    Extreme, FastResponse, FrequencyEvent, IslandFrequency, IslandModel, SheddingPlan, Source, Stage, Trigger,
};
use crate::grid::device::{after, seconds_between};

/// How often the slope is looked at, and whether an island has come to rest, s.
const SAMPLE_S: f64 = 0.02;
const REST_S: f64 = 0.5;
/// Slope below which it has: what is left of the way is then some ten-thousandths of a hertz.
const REST_HZ_PER_S: f64 = 1e-4;
/// How far apart the points of a kept curve are, s.
const CURVE_S: f64 = 0.05;
/// Changes of the accelerating power below this are rounding of the power flow, pu.
const SAME_PU: f64 = 1e-7;

/// What happens to an island while it moves, and its curve.
#[derive(Clone, Debug, Default)]
pub(super) struct Track {
    /// Largest magnitude of the measured slope, Hz/s.
    pub(super) rocof: f64,
    /// Seconds of the episode, and Hz; empty unless it is kept.
    pub(super) curve: Vec<(f64, f64)>,
    kept: bool,
}

/// What an island has and needs just after something happened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    /// Demand served at nominal frequency, pu.
    pub(super) load: f64,
    /// The same with what has been shed, pu.
    pub(super) wanted: f64,
    /// Electric power that sources must give: demand, losses, less constant injections, pu.
    pub(super) electric: f64,
    /// Growth of demand since the last look that dispatch follows, pu.
    pub(super) followed: f64,
}

/// A unit that its island listens to.
#[derive(Clone, Debug)]
struct Machine {
    unit: UnitIdx,
    /// Its schedule when the transient began, pu.
    scheduled: f64,
}

/// A fast device.
#[derive(Clone, Debug)]
struct Responder {
    unit: UnitIdx,
    fast: Fast,
    /// What it gave when the transient began, pu; zero once it is off.
    base: f64,
    /// The schedule that its power follows, pu.
    commanded: f64,
}

/// See the module. Its clock starts at `origin`.
#[derive(Clone, Debug)]
pub(super) struct Transient {
    pub(super) frequency: IslandFrequency,
    machines: Vec<Machine>,
    responders: Vec<Responder>,
    /// Stages by their place in the plan of this island.
    pub(super) stages: Vec<usize>,
    origin: Moment,
    followed: f64,
    asleep: bool,
    looked_s: f64,
    /// When it was disturbed last.
    pub(super) disturbed: Moment,
    pub(super) track: Track,
}

/// How units stand at a moment.
pub(super) trait Units {
    /// Whether a unit runs in this island.
    fn runs(&self, unit: UnitIdx) -> bool;
    /// Its schedule, pu.
    fn scheduled(&self, unit: UnitIdx) -> f64;
}

/// A unit and what its turbine gives, pu.
pub(super) type Given = (UnitIdx, f64);

impl Transient {
    /// An island that has been in balance until now; `None` where nothing in it has inertia. `begin` lists its units with what they gave,
    /// and what their schedules were.
    pub(super) fn new(
        elements: &Elements,
        nominal_hz: f64,
        base_mva: f64,
        now: Moment,
        begin: &[(Given, f64)],
        sums: Sums,
        used: impl Fn(usize) -> f64,
    ) -> Option<Self> {
        let settings = &elements.settings;
        let (mut models, mut machines, mut responses, mut responders) = (vec![], vec![], vec![], vec![]);
        for &((unit, power), scheduled) in begin {
            let data = &elements.units[powerflow::Index::row(unit)];
            match data.fast {
                Some(fast) => {
                    responses.push(response(&fast, base_mva));
                    responders.push(Responder { unit, fast, base: power, commanded: scheduled });
                }
                None => {
                    models.push(data.at(power, nominal_hz));
                    machines.push(Machine { unit, scheduled });
                }
            }
        }
        // A stage that has operated somewhere in the island has that much less to shed.
        let stages: Vec<(usize, Stage)> = settings
            .stages
            .iter()
            .enumerate()
            .map(|(i, stage)| (i, stage.share * (1.0 - used(i)), stage))
            .filter(|(_, share, _)| *share > 0.0)
            .map(|(i, share, s)| (i, Stage { threshold_hz: s.below_hz, delay_s: s.delay_s, share }))
            .collect();
        let plan = SheddingPlan {
            window_s: settings.relay_window_s,
            reset_hz: settings.relay_reset_hz,
            breaker_s: settings.breaker_s,
            stages: stages.iter().map(|(_, stage)| *stage).collect(),
            ..SheddingPlan::of_stages(&[])
        };
        let model = IslandModel {
            load_damping: settings.load_damping,
            shedding: (!plan.stages.is_empty()).then_some(plan),
            responses,
            step_s: Some(settings.step_s),
            rocof_window_s: settings.rocof_window_s.max(settings.measuring_window_s),
            ..IslandModel::new(nominal_hz, sums.wanted, Source::Units(models))
        };
        let mut frequency = IslandFrequency::new(&model).ok()?;
        frequency.step_load(sums.load - sums.wanted);
        Some(Transient {
            frequency,
            machines,
            responders,
            stages: stages.into_iter().map(|(i, _)| i).collect(),
            origin: now,
            followed: 0.0,
            asleep: false,
            looked_s: 0.0,
            disturbed: now,
            track: Track::default(),
        })
    }

    /// Keeps its curve from now on.
    pub(super) fn keep_curve(&mut self) {
        self.track.kept = true;
    }

    /// Its own time at a moment, s.
    fn local_s(&self, at: Moment) -> f64 {
        seconds_between(self.origin, at)
    }

    /// An island at rest has slept through the time until `now`.
    fn wake(&mut self, now: Moment) {
        if std::mem::take(&mut self.asleep) {
            let behind_s = self.local_s(now) - self.frequency.time_s();
            self.origin = after(self.origin, behind_s.max(0.0));
            self.point(now);
        }
    }

    /// Takes over what a new power flow shows of the island: who runs, what is demanded, what is asked of fast devices.
    pub(super) fn follow(
        &mut self,
        now: Moment,
        sums: Sums,
        nominal_hz: f64,
        base_mva: f64,
        units: &dyn Units,
    ) {
        let mut is_new = false;
        for (i, machine) in self.machines.iter().enumerate() {
            if !units.runs(machine.unit) {
                is_new |= self.frequency.trip_unit(i).is_some();
            }
        }
        let was_asleep = self.asleep;
        if was_asleep {
            self.wake(now);
        }
        for (i, responder) in self.responders.iter_mut().enumerate() {
            if !units.runs(responder.unit) {
                if responder.base != 0.0 || responder.commanded != 0.0 {
                    (responder.base, responder.commanded) = (0.0, 0.0);
                    is_new |= self.frequency.command(i, 0.0, 0.0);
                }
                continue;
            }
            let scheduled = units.scheduled(responder.unit);
            if scheduled != responder.commanded {
                let ramp_s =
                    (scheduled - responder.commanded).abs() * base_mva / responder.fast.ramp_mw_per_s;
                responder.commanded = scheduled;
                is_new |= self.frequency.command(i, scheduled - responder.base, ramp_s);
            }
        }
        self.followed += sums.followed;
        self.frequency.step_load(sums.load - self.frequency.load_pu());
        let speed = self.frequency.frequency_hz().map_or(0.0, |hz| hz / nominal_hz - 1.0);
        let given = self.source_pu(units) + self.followed;
        let wanted = given - sums.electric - self.frequency.damping_pu() * speed;
        let missing = wanted - self.frequency.accelerating_pu();
        self.frequency.step_power(missing);
        is_new |= missing.abs() > SAME_PU;
        if is_new {
            self.disturbed = now;
            self.point(now);
        }
        self.asleep = was_asleep && !is_new;
    }

    /// What turbines and devices give now, with changes of their schedules, pu.
    fn source_pu(&self, units: &dyn Units) -> f64 {
        let mut given = self.frequency.mechanical_pu();
        for (i, machine) in self.machines.iter().enumerate() {
            if self.frequency.unit_pu(i).is_some() {
                given += units.scheduled(machine.unit) - machine.scheduled;
            }
        }
        for (i, responder) in self.responders.iter().enumerate() {
            given += responder.base + self.frequency.response_pu(i).unwrap_or(0.0);
        }
        given
    }

    /// Moves on to `until`, or to what happens first before it. All that happens at that moment is returned, in order.
    pub(super) fn advance(&mut self, until: Moment) -> Option<(Moment, Vec<FrequencyEvent>)> {
        if self.asleep {
            return None;
        }
        let until_s = self.local_s(until);
        loop {
            let time_s = self.frequency.time_s();
            // Already here: only what is pending is fetched.
            let next_s = if time_s < until_s { until_s.min(time_s + SAMPLE_S) } else { time_s };
            if let Some(first) = self.frequency.advance(next_s) {
                let mut events = vec![first];
                let at_s = self.frequency.time_s();
                events.extend(std::iter::from_fn(|| self.frequency.advance(at_s)));
                let at = after(self.origin, at_s);
                self.look(at);
                self.point(at);
                return Some((at, events));
            }
            if self.frequency.death().is_some() {
                return None;
            }
            let time_s = self.frequency.time_s();
            self.look(after(self.origin, time_s));
            if time_s >= self.looked_s + REST_S {
                self.looked_s = time_s;
                let slow = |slope: f64| slope.abs() < REST_HZ_PER_S;
                if self.frequency.slope_hz_per_s().is_some_and(slow) && self.frequency.is_settled() {
                    self.asleep = true;
                    self.point(after(self.origin, time_s));
                    return None;
                }
            }
            if !(time_s < until_s) {
                return None;
            }
        }
    }

    fn look(&mut self, now: Moment) {
        if let Some(slope) = self.frequency.rocof_hz_per_s() {
            self.track.rocof = self.track.rocof.max(slope.abs());
        }
        let due = self.track.curve.last().is_none_or(|last| now.seconds() >= last.0 + CURVE_S);
        if due {
            self.point(now);
        }
    }

    fn point(&mut self, now: Moment) {
        if self.track.kept
            && let Some(hz) = self.frequency.frequency_hz()
        {
            self.track.curve.push((now.seconds(), hz));
        }
    }

    /// Whether nothing moves any more.
    pub(super) fn is_at_rest(&self) -> bool {
        self.asleep
    }

    /// Extremes so far: lowest and highest.
    pub(super) fn extremes(&self) -> (Extreme, Extreme) {
        (self.frequency.nadir(), self.frequency.peak())
    }

    /// A device fired by itself: the schedule that its unit has now follows its power and not the other way round. Its unit, and the power that
    /// it adds, pu.
    pub(super) fn fired(&mut self, response: usize, power_pu: f64) -> Option<Given> {
        let responder = self.responders.get_mut(response)?;
        responder.commanded += power_pu;
        Some((responder.unit, power_pu))
    }

    /// The unit of a machine.
    pub(super) fn unit(&self, machine: usize) -> Option<UnitIdx> {
        self.machines.get(machine).map(|machine| machine.unit)
    }

    /// The parts into which it falls: `part_of` says in which of `count` a unit is; `None` where nothing in a part has inertia.
    pub(super) fn split(
        &self,
        count: usize,
        loads: &[f64],
        part_of: &dyn Fn(UnitIdx) -> Option<usize>,
    ) -> Vec<Option<Transient>> {
        let mut parts: Vec<crate::frequency::IslandPart> = loads
            .iter()
            .take(count)
            .map(|load| crate::frequency::IslandPart {
                units: Vec::new(),
                responses: Vec::new(),
                load_pu: *load,
                import_pu: 0.0,
            })
            .collect();
        for (i, machine) in self.machines.iter().enumerate() {
            if let Some(part) = part_of(machine.unit) {
                parts[part].units.push(i);
            }
        }
        for (i, responder) in self.responders.iter().enumerate() {
            if let Some(part) = part_of(responder.unit) {
                parts[part].responses.push(i);
            }
        }
        // Only an aggregate or a unit in two parts is refused, and there is neither.
        let made = self.frequency.split(&parts).unwrap_or_else(|_| vec![None; count]);
        let of = |(part, frequency): (&crate::frequency::IslandPart, Option<IslandFrequency>)| {
            Some(Transient {
                frequency: frequency?,
                machines: part.units.iter().map(|i| self.machines[*i].clone()).collect(),
                responders: part.responses.iter().map(|i| self.responders[*i].clone()).collect(),
                // Whatever is followed is put right when the part is looked at.
                followed: 0.0,
                ..self.clone()
            })
        };
        parts.iter().zip(made).map(of).collect()
    }

    /// Takes another island in. Whether both were synchronous.
    pub(super) fn join(&mut self, mut other: Transient, now: Moment) -> bool {
        self.wake(now);
        other.wake(now);
        let synchronous = self.frequency.is_synchronous_with(&other.frequency);
        if self.frequency.join(&other.frequency).is_ok() {
            self.machines.append(&mut other.machines);
            self.responders.append(&mut other.responders);
        }
        self.followed += other.followed;
        self.track.rocof = self.track.rocof.max(other.track.rocof);
        synchronous
    }
}

fn response(fast: &Fast, base_mva: f64) -> FastResponse {
    let power_pu = fast.power_mw / base_mva;
    let trigger = fast.trigger_hz.map(|threshold_hz| Trigger::Frequency { threshold_hz });
    FastResponse {
        // Without a trigger of its own it gives what it is told, whatever stands here.
        power_pu: if trigger.is_some() { power_pu } else { 1.0 },
        trigger: trigger.unwrap_or(Trigger::Command),
        delay_s: fast.delay_s,
        ramp_s: fast.power_mw / fast.ramp_mw_per_s,
        ..FastResponse::step(1.0, 0.0, 0.0)
    }
}
