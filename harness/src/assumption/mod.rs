//! What a run takes the world to be, and variants of it that change one assumption each. A verdict should not hang on what nobody
//! knows: a part of the episodes is lived again in each variant (`harness/src/run/varied.rs`), and a gate that would end another way is
//! undecided and says which assumption did it.
//!
//! Not among them: motors that stall, since demand has no inner state here; fragilities of equipment, since no hazard draws from one.

mod settings;
mod subset;

use powerflow::{Network, ReactiveLimits, Slack};

use crate::action::Task;
use crate::candidate::operator;
use crate::gate::percent;
use crate::grid::GridRules;
use crate::grid::autonomous;
use crate::grid::protection;
use crate::grid::protection::frequency::Balance;
use crate::grid::slow::load_recovery;
use crate::suite::{Champion, PhysicsConfig, Suite};

pub use settings::Written;
pub(crate) use settings::read;
#[cfg(test)]
pub(crate) use subset::Standing;
pub(crate) use subset::{EPISODES, EPISODES_MIN, Stratum, Subset, standings};

/// What a run takes the world to be, where it could as well be otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Assumptions {
    /// Reactive limits, slack, ramps.
    pub physics: PhysicsConfig,
    /// Relays; `None`: nothing trips.
    pub relays: Option<protection::Settings>,
    /// What else acts by itself, demand that depends on the voltage included.
    pub autonomous: autonomous::Settings,
    /// Lowest and highest ratio and positions of a tap changer, for transformers whose file gives none.
    pub tap_range: (f64, f64, u32),
    /// Inertia of every unit as a multiple of what the suite gives it.
    pub inertia_share: f64,
    /// How the operator works, who is compared with.
    pub operator: operator::Settings,
}

impl Assumptions {
    /// Those of a suite on its network.
    pub fn of(suite: &Suite, network: &Network, autonomous: autonomous::Settings) -> Self {
        Assumptions {
            physics: suite.physics,
            relays: suite.protection.as_ref().map(|written| written.of(network.frequency_hz)),
            autonomous,
            tap_range: GridRules::default().tap_range,
            inertia_share: 1.0,
            operator: suite.operators.settings,
        }
    }
}

/// What a variant is asked about: whether it can matter there.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The suite.
    pub suite: &'a Suite,
    /// Its network.
    pub network: &'a Network,
}

/// A model of the world in which one assumption is another.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// Its name in suites and documents.
    pub id: &'static str,
    /// What it changes; completes "the same world, but ...".
    pub changes: &'static str,
    /// The assumptions changed; where it could change nothing, why, in one sentence.
    pub of: fn(&Assumptions, &Setting<'_>) -> Result<Assumptions, String>,
}

/// Every variant, in the order of documents.
pub const LIST: &[Variant] = &[
    Variant {
        id: "load_constant_power",
        changes: "demand is the same power at every voltage",
        of: |nominal, _| match nominal.autonomous.slow.load_recovery {
            None => Err("demand is the same power at every voltage in the suite itself".into()),
            Some(_) => Ok(with_load(nominal, None)),
        },
    },
    Variant {
        id: "load_constant_current",
        changes: "demand is a constant current: its power falls with the voltage",
        of: |nominal, _| other_load(nominal, exponents([1.0, 1.0])),
    },
    Variant {
        id: "load_constant_impedance",
        changes: "demand is a constant impedance: its power falls with the square of the voltage",
        of: |nominal, _| other_load(nominal, exponents([2.0, 2.0])),
    },
    // P. Kundur, Power System Stability and Control, 1994, table 7.1, industrial motors.
    Variant {
        id: "load_motors",
        changes: "demand is running motors: active power by the voltage to the power of 0.07, reactive of 0.5 (stalling is not modelled)",
        of: |nominal, _| other_load(nominal, exponents([0.07, 0.5])),
    },
    Variant {
        id: "load_recovery",
        changes: "demand falls with the voltage at once, active power as a current and reactive as an impedance, and recovers in 60 s",
        of: |nominal, _| other_load(nominal, load_recovery::Settings::default()),
    },
    Variant {
        id: "relays_sensitive",
        changes: "overload relays pick up at 90 % of their setting, and distance relays reach 10 % further",
        of: |nominal, _| with_pickups(nominal, 0.9),
    },
    Variant {
        id: "relays_insensitive",
        changes: "overload relays pick up at 110 % of their setting, and distance relays reach 10 % less far",
        of: |nominal, _| with_pickups(nominal, 1.1),
    },
    // The upper end of what the literature has: J. Thorp et al., Int. J. Electrical Power & Energy Systems 20(4), 1998.
    Variant {
        id: "hidden_failures",
        changes: "a branch beside one that went out goes with it with probability 0.01, once for each exposure",
        of: |nominal, _| match &nominal.relays {
            None => Err(NO_RELAYS.into()),
            Some(relays) if relays.hidden_failure_probability > 0.0 => {
                Err("the suite draws hidden failures itself".into())
            }
            Some(relays) => {
                let relays = protection::Settings { hidden_failure_probability: 0.01, ..relays.clone() };
                Ok(Assumptions { relays: Some(relays), ..nominal.clone() })
            }
        },
    },
    Variant {
        id: "slack_single",
        changes: "the reference bus of each island takes every imbalance, without limit",
        of: |nominal, _| match nominal.physics.slack {
            Slack::Single => Err("the suite has it so itself".into()),
            Slack::Distributed => Ok(with_physics(nominal, |physics| physics.slack = Slack::Single)),
        },
    },
    Variant {
        id: "balance_ramp_limited",
        changes: "an imbalance is shared within one minute of the units' ramps, and the rest is shed at once",
        of: |nominal, setting| with_balance(nominal, setting, Balance::RampLimited),
    },
    Variant {
        id: "balance_droop",
        changes: "the frequency is what the droop of units leaves of it, before secondary control has acted",
        of: |nominal, setting| with_balance(nominal, setting, Balance::Droop),
    },
    Variant {
        id: "reactive_limits",
        changes: "reactive limits of units are ignored where the suite enforces them, enforced where it ignores them",
        of: |nominal, _| {
            let other = match nominal.physics.reactive_limits {
                ReactiveLimits::Enforce => ReactiveLimits::Ignore,
                ReactiveLimits::Ignore => ReactiveLimits::Enforce,
            };
            Ok(with_physics(nominal, |physics| physics.reactive_limits = other))
        },
    },
    Variant {
        id: "ramps_slow",
        changes: "units whose ramp the case does not give follow at half of what the suite gives them, or at 2 % of their largest power a minute",
        of: |nominal, setting| {
            if setting.network.units.ramp_pu_per_min.iter().all(|(_, ramp)| ramp.is_some()) {
                return Err("the case gives a ramp for every unit".into());
            }
            let share = nominal.physics.ramp_share_per_min.map_or(0.02, |share| 0.5 * share);
            Ok(with_physics(nominal, |physics| physics.ramp_share_per_min = Some(share)))
        },
    },
    Variant {
        id: "taps_narrow",
        changes: "tap changers whose range the case does not give go from 0.95 to 1.05 in 17 positions",
        of: |nominal, setting| {
            let branches = &setting.network.branches;
            let mut transformers = branches.transformer.iter().filter(|(_, is)| **is);
            match setting.suite.loop_config.task {
                Task::VoltVar if transformers.any(|(branch, _)| branches.tap_range[branch].is_none()) => {
                    Ok(Assumptions { tap_range: (0.95, 1.05, 17), ..nominal.clone() })
                }
                Task::VoltVar => Err("the case gives the range of every tap changer".into()),
                Task::Redispatch | Task::FrequencyResponse => {
                    Err("nobody moves a tap in this task but devices of the grid, which know their range"
                        .into())
                }
            }
        },
    },
    Variant {
        id: "inertia_low",
        changes: "every unit has 80 % of its inertia",
        of: |nominal, setting| match setting.suite.frequency {
            None => Err("the frequency does not move in the suite".into()),
            Some(_) => Ok(Assumptions { inertia_share: 0.8, ..nominal.clone() }),
        },
    },
    Variant {
        id: "operator_quick",
        changes: "the operator who is compared with acts 300 s after an alarm",
        of: |nominal, setting| with_delay(nominal, setting, 300.0),
    },
    Variant {
        id: "operator_slow",
        changes: "the operator who is compared with acts 900 s after an alarm",
        of: |nominal, setting| with_delay(nominal, setting, 900.0),
    },
];

const NO_RELAYS: &str = "the suite has no relays";

/// A variant by its name.
pub fn by_id(id: &str) -> Option<&'static Variant> {
    LIST.iter().find(|variant| variant.id == id)
}

/// Demand with these exponents of the voltage for good: nothing recovers.
fn exponents(of: [f64; 2]) -> load_recovery::Settings {
    load_recovery::Settings { at_once: of, in_the_end: of, ..load_recovery::Settings::default() }
}

fn other_load(nominal: &Assumptions, load: load_recovery::Settings) -> Result<Assumptions, String> {
    if nominal.autonomous.slow.load_recovery == Some(load) {
        return Err("demand is so in the suite itself".into());
    }
    Ok(with_load(nominal, Some(load)))
}

fn with_load(nominal: &Assumptions, load: Option<load_recovery::Settings>) -> Assumptions {
    let mut changed = nominal.clone();
    changed.autonomous.slow.load_recovery = load;
    changed
}

fn with_physics(nominal: &Assumptions, change: impl FnOnce(&mut PhysicsConfig)) -> Assumptions {
    let mut changed = nominal.clone();
    change(&mut changed.physics);
    changed
}

/// Relays on current and impedance with their settings times this; the impedance falls as the current rises.
fn with_pickups(nominal: &Assumptions, times: f64) -> Result<Assumptions, String> {
    let mut changed = nominal.clone();
    let Some(relays) = &mut changed.relays else { return Err(NO_RELAYS.into()) };
    if relays.overload.is_none() && relays.distance.is_none() {
        return Err("the suite has neither overload nor distance relays".into());
    }
    if let Some(overload) = &mut relays.overload {
        overload.pickup *= times;
    }
    if let Some(distance) = &mut relays.distance {
        distance.reach *= 2.0 - times;
    }
    Ok(changed)
}

fn with_balance(
    nominal: &Assumptions,
    setting: &Setting<'_>,
    balance: Balance,
) -> Result<Assumptions, String> {
    let mut changed = nominal.clone();
    let Some(relays) = &mut changed.relays else { return Err(NO_RELAYS.into()) };
    let Some(frequency) = &mut relays.frequency else {
        return Err("the suite has no relays of the frequency".into());
    };
    if setting.suite.frequency.is_some() {
        return Err("the frequency has an equation of its own in the suite".into());
    }
    if nominal.autonomous.agc.is_some() {
        return Err("the suite has generation control, which shares imbalances itself".into());
    }
    if frequency.balance == balance {
        return Err("the suite has it so itself".into());
    }
    frequency.balance = balance;
    Ok(changed)
}

fn with_delay(nominal: &Assumptions, setting: &Setting<'_>, delay_s: f64) -> Result<Assumptions, String> {
    if setting.suite.champion != Some(Champion::Operator)
        || !setting.suite.gates.iter().any(|gate| gate.gate.needs_champion())
    {
        return Err("no gate compares with an operator".into());
    }
    if nominal.operator.delay_s == delay_s {
        return Err("the suite has it so itself".into());
    }
    Ok(Assumptions { operator: operator::Settings { delay_s }, ..nominal.clone() })
}

/// A variant and the assumptions in it.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The variant.
    pub variant: &'static Variant,
    /// All assumptions, with its own changed.
    pub assumptions: Assumptions,
}

/// The variants that a suite wants.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// Those that can matter to it.
    pub taken: Vec<Taken>,
    /// The names of the others, and why they cannot.
    pub skipped: Vec<(&'static str, String)>,
}

/// Of the variants that a suite wants those that can matter to it, and why the others cannot.
pub fn chosen(written: &Written, nominal: &Assumptions, setting: &Setting<'_>) -> Chosen {
    let mut chosen = Chosen::default();
    for &variant in &written.vary {
        match (variant.of)(nominal, setting) {
            Ok(assumptions) => chosen.taken.push(Taken { variant, assumptions }),
            Err(why) => chosen.skipped.push((variant.id, why)),
        }
    }
    chosen
}

/// How much of a population was lived again, for sentences: "64 of 600 episodes (10.7 %)".
pub(crate) fn part_in_words(replayed: u64, n: u64) -> String {
    if replayed == n {
        return format!("all {n} episodes");
    }
    format!("{replayed} of {n} episodes ({})", percent(replayed as f64 / n.max(1) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_has_a_name_of_its_own_and_says_what_it_changes() {
        let mut ids: Vec<&str> = LIST.iter().map(|variant| variant.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), LIST.len());
        for variant in LIST {
            assert!(variant.id.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{}", variant.id);
            assert!(!variant.changes.ends_with('.') && variant.changes.len() > 20, "{}", variant.id);
            assert_eq!(by_id(variant.id).map(|found| found.changes), Some(variant.changes));
        }
    }
}
