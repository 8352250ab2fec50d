//! Fast frequency response: devices that inject power within a second of a trigger, or when they are told to.

/// What sets a device off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trigger {
    /// The frequency, measured at once, falls to this (of a device that injects) or rises to it (of one that absorbs), Hz.
    Frequency {
        /// Threshold, Hz.
        threshold_hz: f64,
    },
    /// The slope of the frequency over a window falls to minus this (of a device that injects) or rises to it, Hz/s.
    Rocof {
        /// Threshold, positive, Hz/s.
        threshold_hz_per_s: f64,
        /// Window over which the slope is measured, s: 0.1 to 0.5.
        window_s: f64,
    },
    /// Nothing but a command.
    Command,
}

/// How a device takes back the energy that it gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recovery {
    /// Rest between the release and the recovery, s.
    pub rest_s: f64,
    /// Power that it draws, pu, positive: small, or the frequency dips a second time.
    pub power_pu: f64,
}

/// A device of fast frequency response. Powers in pu of the system's base; positive power is injected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FastResponse {
    /// Power that it gives when set off, pu; negative for a device that absorbs when the frequency is high.
    pub power_pu: f64,
    /// What sets it off.
    pub trigger: Trigger,
    /// From the trigger until its power begins to change, s: measurement, decision, communication.
    pub delay_s: f64,
    /// From there to full power, s; zero is a step.
    pub ramp_s: f64,
    /// How long it holds full power, s; `None` holds on.
    pub hold_s: Option<f64>,
    /// From full power back to none, s; zero is a step.
    pub release_s: f64,
    /// Energy that it has, pu s: it ends its hold early where that would run out.
    pub energy_pu_s: Option<f64>,
    /// How it recovers after the release; `None` leaves that to others.
    pub recovery: Option<Recovery>,
    /// When it can be set off again after its release or recovery, s; `None` never.
    pub rearm_s: Option<f64>,
}

impl FastResponse {
    /// A step of power that stays: triggered by a threshold, delayed.
    pub fn step(power_pu: f64, threshold_hz: f64, delay_s: f64) -> Self {
        Self {
            power_pu,
            trigger: Trigger::Frequency { threshold_hz },
            delay_s,
            ramp_s: 0.0,
            hold_s: None,
            release_s: 0.0,
            energy_pu_s: None,
            recovery: None,
            rearm_s: None,
        }
    }

    /// Fast frequency reserve as the Nordic operators buy it: full power 1.3, 1.0 or 0.7 s after 49.7, 49.6 or 49.5 Hz, held for 5 s and
    /// released at 20 % a second, ready again after 15 minutes. `None` for another threshold.
    ///
    /// Source: ENTSO-E, "Technical Requirements for Fast Frequency Reserve Provision in the Nordic Synchronous Area".
    pub fn nordic(power_pu: f64, threshold_hz: f64) -> Option<Self> {
        let full_s = [(49.7, 1.3), (49.6, 1.0), (49.5, 0.7)]
            .into_iter()
            .find(|(hz, _)| *hz == threshold_hz)
            .map(|(_, full_s)| full_s)?;
        Some(Self {
            // The rule is about full power: the slowest device that keeps it waits, and then steps.
            delay_s: full_s,
            hold_s: Some(5.0),
            release_s: 5.0,
            rearm_s: Some(900.0),
            ..Self::step(power_pu, threshold_hz, full_s)
        })
    }

    /// What is wrong with it, in words.
    pub(crate) fn wrong(&self, nominal_hz: f64) -> Vec<String> {
        let mut wrong = Vec::new();
        if !(self.power_pu.is_finite() && self.power_pu != 0.0) {
            wrong.push(format!("its power is {} pu, it should be finite and not zero", self.power_pu));
        }
        let mut times = vec![("delay", self.delay_s), ("ramp", self.ramp_s), ("release", self.release_s)];
        times.extend(self.hold_s.map(|s| ("hold", s)));
        times.extend(self.rearm_s.map(|s| ("rearming", s)));
        times.extend(self.recovery.map(|recovery| ("rest", recovery.rest_s)));
        for (name, time) in times {
            if !(time >= 0.0 && time.is_finite()) {
                wrong.push(format!("its {name} is {time} s, it should not be negative"));
            }
        }
        match self.trigger {
            Trigger::Frequency { threshold_hz } => {
                let beyond =
                    if self.power_pu > 0.0 { nominal_hz - threshold_hz } else { threshold_hz - nominal_hz };
                if !(beyond > 0.0 && threshold_hz > 0.0 && threshold_hz.is_finite()) {
                    wrong.push(format!(
                        "its trigger of {threshold_hz} Hz is on the wrong side of the nominal frequency"
                    ));
                }
            }
            Trigger::Rocof { threshold_hz_per_s, window_s } => {
                if !(threshold_hz_per_s > 0.0 && threshold_hz_per_s.is_finite()) {
                    wrong.push(format!("its trigger of {threshold_hz_per_s} Hz/s should be above zero"));
                }
                if !(window_s > 0.0 && window_s.is_finite()) {
                    wrong.push(format!("its window is {window_s} s, it should be above zero"));
                }
            }
            Trigger::Command => {}
        }
        if let Some(recovery) = self.recovery
            && !(recovery.power_pu > 0.0 && recovery.power_pu.is_finite() && self.power_pu > 0.0)
        {
            wrong.push("only a device that injects recovers, at a power above zero".into());
        }
        if let Some(energy) = self.energy_pu_s {
            let least = self.power_pu.abs() * 0.5 * (self.ramp_s + self.release_s);
            if !(energy.is_finite() && energy > least) {
                wrong.push(format!("its energy is {energy} pu s, which does not even last for ramp and release ({least} pu s)"));
            }
        }
        wrong
    }

    /// How long it holds full power, s, by time and by energy.
    fn holds_s(&self) -> Option<f64> {
        let energy = self
            .energy_pu_s
            .map(|energy| energy / self.power_pu.abs() - 0.5 * (self.ramp_s + self.release_s));
        match (self.hold_s, energy) {
            (Some(time), Some(energy)) => Some(time.min(energy)),
            (time, energy) => time.or(energy),
        }
    }

    /// Its power from a start on: corners of a curve that is straight in between, and when it may be set off again.
    fn course(&self, from_s: f64) -> (Vec<(f64, f64)>, Option<f64>) {
        let full_s = from_s + self.ramp_s;
        let mut corners = vec![(from_s, 0.0), (full_s, self.power_pu)];
        let Some(hold_s) = self.holds_s() else { return (corners, None) };
        let mut end_s = full_s + hold_s + self.release_s;
        corners.extend([(full_s + hold_s, self.power_pu), (end_s, 0.0)]);
        if let Some(recovery) = self.recovery {
            let given = self.power_pu * (hold_s + 0.5 * (self.ramp_s + self.release_s));
            // Its own ramps are as slow as the release, so that there is no second step.
            let ramp_s = self.release_s;
            let flat_s = (given / recovery.power_pu - ramp_s).max(0.0);
            let depth = if flat_s > 0.0 || ramp_s == 0.0 { recovery.power_pu } else { given / ramp_s };
            let start_s = end_s + recovery.rest_s;
            end_s = start_s + 2.0 * ramp_s + flat_s;
            corners.extend([
                (start_s, 0.0),
                (start_s + ramp_s, -depth),
                (start_s + ramp_s + flat_s, -depth),
                (end_s, 0.0),
            ]);
        }
        (corners, self.rearm_s.map(|rearm_s| end_s + rearm_s))
    }
}

/// Where a device is.
#[derive(Clone, Debug, PartialEq)]
enum Stage {
    /// It waits for its trigger.
    Armed,
    /// It was triggered; its power begins to change at this time.
    Delayed(f64),
    /// It gives power, or has given it.
    Acting { rearm_s: Option<f64> },
}

/// A device at work.
#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) settings: FastResponse,
    stage: Stage,
    /// Corners of its power that are not yet forgotten.
    corners: Vec<(f64, f64)>,
}

impl Device {
    pub(super) fn new(settings: FastResponse) -> Self {
        Self { settings, stage: Stage::Armed, corners: Vec::new() }
    }

    pub(super) fn is_armed(&self) -> bool {
        self.stage == Stage::Armed
    }

    /// Sets it off.
    pub(super) fn trigger(&mut self, now_s: f64) {
        if self.is_armed() {
            self.stage = Stage::Delayed(now_s + self.settings.delay_s);
        }
    }

    /// From now on it goes to a power within a time, and stays.
    pub(super) fn command(&mut self, now_s: f64, power_pu: f64, ramp_s: f64) {
        let (from, _) = self.power(now_s);
        self.corners = vec![(now_s, from), (now_s + ramp_s, power_pu)];
        self.stage = Stage::Acting { rearm_s: None };
    }

    /// The same on a clock that is ahead by so much, s.
    pub(super) fn shifted(&self, by_s: f64) -> Self {
        let stage = match &self.stage {
            Stage::Armed => Stage::Armed,
            Stage::Delayed(at) => Stage::Delayed(at + by_s),
            Stage::Acting { rearm_s } => Stage::Acting { rearm_s: rearm_s.map(|at| at + by_s) },
        };
        let corners = self.corners.iter().map(|(at, power)| (at + by_s, *power)).collect();
        Self { settings: self.settings, stage, corners }
    }

    /// Power and its slope just after a time.
    pub(super) fn power(&self, now_s: f64) -> (f64, f64) {
        let after = self.corners.partition_point(|corner| corner.0 <= now_s);
        let Some(last) = after.checked_sub(1).map(|i| self.corners[i]) else { return (0.0, 0.0) };
        match self.corners.get(after) {
            Some(next) => {
                let slope = (next.1 - last.1) / (next.0 - last.0);
                (last.1 + slope * (now_s - last.0), slope)
            }
            None => (last.1, 0.0),
        }
    }

    /// The next time at which its power bends, or its state changes.
    pub(super) fn deadline_s(&self, now_s: f64) -> f64 {
        let bend = self.corners.iter().map(|corner| corner.0).find(|at| *at > now_s);
        let change = match self.stage {
            Stage::Armed => None,
            Stage::Delayed(at) => Some(at),
            Stage::Acting { rearm_s } => rearm_s,
        };
        bend.unwrap_or(f64::INFINITY).min(change.unwrap_or(f64::INFINITY))
    }

    /// Whether its power will change without anything new happening.
    pub(super) fn is_moving(&self, now_s: f64) -> bool {
        matches!(self.stage, Stage::Delayed(_)) || self.corners.iter().any(|corner| corner.0 > now_s)
    }

    /// Lets timers run out; whether its power begins to change now.
    pub(super) fn expire(&mut self, now_s: f64) -> bool {
        match self.stage {
            Stage::Delayed(at) if at <= now_s => {
                let (corners, rearm_s) = self.settings.course(at);
                self.corners = corners;
                self.stage = Stage::Acting { rearm_s };
                true
            }
            Stage::Acting { rearm_s: Some(at) } if at <= now_s => {
                self.stage = Stage::Armed;
                self.corners.clear();
                false
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(settings: FastResponse) -> Device {
        assert_eq!(settings.wrong(60.0), Vec::<String>::new());
        let mut device = Device::new(settings);
        device.trigger(1.0);
        device
    }

    /// 0.1 pu for 5 s, half a second up and a second down, is 0.575 pu s; with 0.3 pu s the hold is 2.25 s.
    #[test]
    fn energy_ends_the_hold_and_comes_back() {
        let settings = FastResponse {
            ramp_s: 0.5,
            hold_s: Some(5.0),
            release_s: 1.0,
            energy_pu_s: Some(0.3),
            recovery: Some(Recovery { rest_s: 2.0, power_pu: 0.02 }),
            rearm_s: Some(10.0),
            ..FastResponse::step(0.1, 59.7, 0.25)
        };
        let mut device = device(settings);
        assert_eq!(device.deadline_s(1.0), 1.25);
        assert!(device.expire(1.25) && !device.is_armed());
        let mut energy = [0.0, 0.0];
        let mut at = 1.25;
        while device.is_moving(at) {
            let next = device.deadline_s(at);
            let (power, slope) = device.power(at);
            let given = (power + 0.5 * slope * (next - at)) * (next - at);
            energy[usize::from(given < 0.0)] += given;
            at = next;
        }
        assert!((energy[0] - 0.3).abs() < 1e-12 && (energy[1] + 0.3).abs() < 1e-12, "{energy:?}");
        let again = device.deadline_s(at);
        assert!((again - at - 10.0).abs() < 1e-12);
        assert!(!device.expire(again) && device.is_armed());
    }

    #[test]
    fn a_command_starts_where_the_power_is() {
        let mut device = device(FastResponse { ramp_s: 1.0, ..FastResponse::step(0.2, 59.7, 0.0) });
        assert!(device.expire(1.0));
        device.command(1.5, -0.1, 2.0);
        assert_eq!(device.power(1.5), (0.1, -0.1));
        assert_eq!(device.power(4.0), (-0.1, 0.0));
    }
}
