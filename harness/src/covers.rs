//! What each engine can say something about: phenomena, their time scales, and the part of the simulation that holds them. A task or a
//! decision period outside is refused, and what was not tested is printed with every verdict.
//!
//! Time scales: table of the shared specification of dynamics, section 6 (IEC 61850-5; NERC BAL-005; practice).

use powerflow::{Diagnostic, Diagnostics, ReactiveLimits};
use reports::Covers;

use crate::action::Task;
use crate::latency::Latency;
use crate::live::LoopConfig;
use crate::suite::Suite;

/// One row: a phenomenon, how quick it is, and whether a run holds it.
struct Phenomenon {
    name: &'static str,
    /// Shortest and longest time in which it plays, s.
    scale_s: (f64, f64),
    /// Which part of the simulation holds it; `None` where none does.
    held: fn(&LoopConfig) -> Option<&'static str>,
}

/// Every phenomenon that a grid has and a verdict could be thought to be about, quick ones first.
const PHENOMENA: &[Phenomenon] = &[
    Phenomenon { name: "switching transients, faults and harmonics", scale_s: (1e-6, 0.1), held: |_| None },
    Phenomenon { name: "line protection and fault clearing", scale_s: (0.004, 0.1), held: |_| None },
    Phenomenon { name: "converter controls and their oscillations", scale_s: (0.001, 1.0), held: |_| None },
    Phenomenon { name: "rotor angles and loss of synchronism", scale_s: (0.1, 10.0), held: |_| None },
    Phenomenon {
        name: "frequency transients, nadir and fast frequency response",
        scale_s: (0.1, 30.0),
        held: |c| c.rules.frequency.as_ref().map(|_| "one swing equation for each island, with governors"),
    },
    Phenomenon {
        name: "remedial action schemes",
        scale_s: (0.1, 1.0),
        held: |c| {
            c.rules.autonomous.as_ref().is_some_and(|a| !a.settings.remedial.is_empty()).then_some("timers")
        },
    },
    Phenomenon {
        name: "under-frequency load shedding and frequency trips",
        scale_s: (0.1, 30.0),
        held: |c| {
            let by = match &c.rules.frequency {
                Some(_) => "at their own moments",
                None => "by where the frequency would settle",
            };
            relays(c).is_some_and(|r| r.frequency.is_some()).then_some(by)
        },
    },
    Phenomenon {
        name: "voltage ride-through of units",
        scale_s: (0.1, 10.0),
        held: |c| relays(c).is_some_and(|r| r.ride_through.is_some()).then_some("relays with times"),
    },
    Phenomenon {
        name: "under-voltage load shedding",
        scale_s: (1.0, 10.0),
        held: |c| relays(c).is_some_and(|r| r.undervoltage.is_some()).then_some("relays with times"),
    },
    Phenomenon {
        name: "overload relays of branches, and the cascades that follow",
        scale_s: (0.1, 3600.0),
        held: |c| relays(c).is_some_and(|r| r.overload.is_some()).then_some("relays with times"),
    },
    Phenomenon {
        name: "zone-3 distance relays",
        scale_s: (1.0, 3.0),
        held: |c| relays(c).is_some_and(|r| r.distance.is_some()).then_some("relays with times"),
    },
    Phenomenon {
        name: "hidden failures of relays beside a trip",
        scale_s: (0.0, 1.0),
        held: |c| {
            relays(c).is_some_and(|r| r.hidden_failure_probability > 0.0).then_some("drawn by the scenario")
        },
    },
    Phenomenon {
        name: "temperature of conductors",
        scale_s: (60.0, 3600.0),
        held: |c| relays(c).is_some_and(|r| r.thermal.is_some()).then_some("thermal model"),
    },
    Phenomenon {
        name: "reactive limits of units",
        scale_s: (10.0, f64::INFINITY),
        held: |c| (c.newton.reactive_limits == ReactiveLimits::Enforce).then_some("AC power flow"),
    },
    Phenomenon {
        name: "automatic generation control of areas",
        scale_s: (2.0, 900.0),
        held: |c| c.rules.autonomous.as_ref().is_some_and(|a| a.settings.agc.is_some()).then_some("timers"),
    },
    Phenomenon {
        name: "tap changers",
        scale_s: (5.0, 600.0),
        held: |c| c.rules.autonomous.as_ref().is_some_and(|a| a.slow.taps.is_some()).then_some("timers"),
    },
    Phenomenon {
        name: "switched shunts",
        scale_s: (5.0, 600.0),
        held: |c| c.rules.autonomous.as_ref().is_some_and(|a| a.slow.shunts.is_some()).then_some("timers"),
    },
    Phenomenon {
        name: "demand that depends on the voltage and recovers",
        scale_s: (1.0, 300.0),
        held: |c| c.rules.autonomous.as_ref().is_some_and(|a| a.slow.load.is_some()).then_some("timers"),
    },
    Phenomenon {
        name: "voltage limits and branch ratings",
        scale_s: (1.0, f64::INFINITY),
        held: |_| Some("AC power flow"),
    },
    Phenomenon {
        name: "loss of branches and units, islanding, dead islands",
        scale_s: (1.0, f64::INFINITY),
        held: |_| Some("AC power flow"),
    },
    Phenomenon {
        name: "balance by units with headroom and ramp",
        scale_s: (1.0, f64::INFINITY),
        held: |_| Some("AC power flow"),
    },
    Phenomenon {
        name: "measurement error, loss and manipulation",
        scale_s: (0.01, f64::INFINITY),
        held: |_| None,
    },
    Phenomenon {
        name: "markets, unit commitment and restoration",
        scale_s: (300.0, f64::INFINITY),
        held: |_| None,
    },
];

fn relays(config: &LoopConfig) -> Option<&crate::grid::protection::Settings> {
    config.rules.protection.as_ref().map(|protection| &protection.settings)
}

/// Decision periods that a task may have here, s, and why no others.
fn periods(task: Task) -> ((f64, f64), &'static str) {
    match task {
        Task::VoltVar => (
            (1.0, 3600.0),
            "between decisions the grid is taken to have settled: voltage control below a second is a matter of exciters and \
             converter controls, which a power flow does not contain, and above an hour demand has moved on",
        ),
        Task::Redispatch => (
            (2.0, 3600.0),
            "redispatch moves schedules, which follow no quicker than generation control does every 2 to 6 s; below that it is \
             frequency response, which a power flow does not contain, and above an hour demand has moved on",
        ),
        Task::FrequencyResponse => (
            (0.001, 60.0),
            "the frequency of an island plays within a minute, and below a millisecond it is a matter of converter controls, which \
             one swing equation does not contain",
        ),
    }
}

/// Refuses a suite that asks about what the engine does not contain.
///
/// # Errors
/// `covers.period` where decisions come at a period at which the engine says nothing about the task.
pub fn check(suite: &Suite) -> Result<(), Diagnostics> {
    let settings = &suite.loop_config;
    let ((shortest_s, longest_s), why) = periods(settings.task);
    if (shortest_s..=longest_s).contains(&settings.step_s) {
        return Ok(());
    }
    let message = format!(
        "the quasi-static engine says nothing about {} decided every {} s: {why}",
        settings.task.id(),
        settings.step_s
    );
    Err(Diagnostic::error("covers.period", message)
        .at(&suite.file, None)
        .hint(format!("step_s from {shortest_s} to {longest_s}"))
        .into())
}

/// What a run with these settings and delays judges and what it does not.
pub fn of(config: &LoopConfig, latency: Option<&Latency>) -> Covers {
    let mut covers = Covers {
        judged: vec![format!("steady-state AC power flow, quasi-static, every {} s", config.step_s)],
        not_judged: Vec::new(),
    };
    for phenomenon in PHENOMENA {
        let scale = in_words(phenomenon.scale_s);
        match (phenomenon.held)(config) {
            Some(by) => covers.judged.push(format!("{} ({scale}): {by}", phenomenon.name)),
            None => covers.not_judged.push(format!("{} ({scale})", phenomenon.name)),
        }
    }
    match latency {
        None => covers.not_judged.push("delay between observation and action".to_owned()),
        Some(latency) => covers.judged.push(format!(
            "delay between observation and action (time of a decision: {})",
            latency.timing.delay.in_words()
        )),
    }
    covers
}

fn in_words((from_s, to_s): (f64, f64)) -> String {
    let one = |s: f64| match s {
        s if s <= 0.0 => "at once".to_owned(),
        s if s < 1e-3 => format!("{} us", s * 1e6),
        s if s < 1.0 => format!("{} ms", s * 1e3),
        s if s < 60.0 => format!("{s} s"),
        s => format!("{} min", s / 60.0),
    };
    if to_s.is_finite() {
        format!("{} to {}", one(from_s), one(to_s))
    } else {
        format!("from {}", one(from_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_read_as_people_say_them() {
        assert_eq!(in_words((1e-6, 0.1)), "1 us to 100 ms");
        assert_eq!(in_words((2.0, 900.0)), "2 s to 15 min");
        assert_eq!(in_words((300.0, f64::INFINITY)), "from 5 min");
        assert!(PHENOMENA.iter().all(|row| row.scale_s.0 < row.scale_s.1));
    }
}
