//! `observe` and the table `[sensing]` of a suite: what stands between the truth and a candidate.

use std::collections::BTreeMap;

use powerflow::estimation::Sigmas;

use crate::fields::Fields;

/// What a candidate is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Observe {
    /// The solution itself, without noise or delay.
    #[default]
    Truth,
    /// What telemetry reports: scanned, noisy, rounded, late.
    Scada,
    /// Voltages and angles by phasor units at every bus, all else as telemetry reports it.
    Pmu,
    /// Voltages, angles and flows by an estimator that reads telemetry, all else as telemetry reports it.
    Estimated,
}

impl Observe {
    /// Ids in suites.
    pub const LIST: &'static [(&'static str, Observe)] = &[
        ("truth", Observe::Truth),
        ("scada", Observe::Scada),
        ("pmu", Observe::Pmu),
        ("estimated", Observe::Estimated),
    ];

    /// Its id.
    pub fn id(self) -> &'static str {
        Observe::LIST.iter().find(|(_, observe)| *observe == self).map_or("truth", |(id, _)| id)
    }
}

/// How well telemetry and phasor units measure. Full scale is 1 pu of the system base.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Time between two scans of one device, s; a scan is seen at the first step that begins at or after it.
    pub scan_s: f64,
    /// Devices are scanned one after another over this time, s: each has its own lag, drawn once an episode.
    pub skew_s: f64,
    /// What is shown was scanned this long ago, s.
    pub age_s: f64,
    /// Share of scans whose report of a device is lost.
    pub loss_probability: f64,
    /// Standard deviations of errors.
    pub sigmas: Sigmas,
    /// A voltage is reported where it has moved by more than this since its last report, pu.
    pub voltage_deadband_pu: f64,
    /// The same of active and reactive power, pu.
    pub power_deadband_pu: f64,
    /// Voltages are reported in multiples of this, pu; 0 as they are.
    pub voltage_quantum_pu: f64,
    /// The same of active and reactive power, pu.
    pub power_quantum_pu: f64,
    /// Reports of a phasor unit in a second.
    pub phasor_rate_hz: f64,
    /// Total vector error of a phasor by noise, root mean square.
    pub phasor_tve: f64,
    /// Standard deviation of each bus's clock error, which lasts an episode, s.
    pub phasor_clock_s: f64,
    /// What is shown of phasors was measured this long ago, s.
    pub phasor_age_s: f64,
    /// Level of the chi-squared test on an estimate.
    pub alarm_alpha: f64,
}

impl Default for Settings {
    /// Telemetry every 4 s with the errors of ordinary transducers, phasors 50 times a second with a quarter of the error that the standard
    /// allows and clocks good to a microsecond (IEEE Std C37.118.1-2011: 1 %); alarms at 1 %.
    fn default() -> Self {
        Settings {
            scan_s: 4.0,
            skew_s: 0.0,
            age_s: 0.0,
            loss_probability: 0.0,
            sigmas: Sigmas::default(),
            voltage_deadband_pu: 0.0,
            power_deadband_pu: 0.0,
            voltage_quantum_pu: 0.0,
            power_quantum_pu: 0.0,
            phasor_rate_hz: 50.0,
            phasor_tve: 0.0025,
            phasor_clock_s: 1e-6,
            phasor_age_s: 0.0,
            alarm_alpha: 0.01,
        }
    }
}

/// A key of the table: a number that is not negative.
pub struct Key {
    /// In suites.
    pub name: &'static str,
    /// Whether zero is refused.
    pub above_zero: bool,
    /// Largest value.
    pub max: f64,
    /// For which `observe`; nothing: wherever there is telemetry.
    pub only: Option<Observe>,
    /// For people.
    pub meaning: &'static str,
    field: fn(&mut Settings) -> &mut f64,
}

const fn key(
    name: &'static str,
    max: f64,
    only: Option<Observe>,
    meaning: &'static str,
    field: fn(&mut Settings) -> &mut f64,
) -> Key {
    Key { name, above_zero: false, max, only, meaning, field }
}

/// Longest time that anything is late, s.
const LATE_S_MAX: f64 = 86_400.0;

/// Every key, in the order of documents.
pub const KEYS: &[Key] = &[
    Key {
        above_zero: true,
        ..key("scan_s", LATE_S_MAX, None, "Time between two scans of one device, s (4).", |s| &mut s.scan_s)
    },
    key("skew_s", LATE_S_MAX, None, "Time over which devices are scanned one after another, s (0).", |s| {
        &mut s.skew_s
    }),
    key("age_s", LATE_S_MAX, None, "What is shown was scanned this long ago, s (0).", |s| &mut s.age_s),
    key("loss_probability", 1.0, None, "Share of reports that are lost (0).", |s| &mut s.loss_probability),
    key("voltage_sigma_pu", 1.0, None, "Standard deviation of voltages, pu (0.004).", |s| {
        &mut s.sigmas.voltage_pu
    }),
    key(
        "injection_sigma_pu",
        10.0,
        None,
        "Standard deviation of powers of demand and units, pu of the system base (0.01).",
        |s| &mut s.sigmas.injection_pu,
    ),
    key("flow_sigma_pu", 10.0, None, "Standard deviation of flows, pu of the system base (0.008).", |s| {
        &mut s.sigmas.flow_pu
    }),
    key(
        "voltage_deadband_pu",
        1.0,
        None,
        "A voltage is reported where it has moved by more than this, pu (0).",
        |s| &mut s.voltage_deadband_pu,
    ),
    key("power_deadband_pu", 10.0, None, "The same of powers, pu of the system base (0).", |s| {
        &mut s.power_deadband_pu
    }),
    key(
        "voltage_quantum_pu",
        1.0,
        None,
        "Voltages are reported in multiples of this, pu; 0 as they are (0).",
        |s| &mut s.voltage_quantum_pu,
    ),
    key("power_quantum_pu", 10.0, None, "The same of powers, pu of the system base (0).", |s| {
        &mut s.power_quantum_pu
    }),
    Key {
        above_zero: true,
        ..key(
            "phasor_rate_hz",
            1000.0,
            Some(Observe::Pmu),
            "Reports of a phasor unit in a second (50).",
            |s| &mut s.phasor_rate_hz,
        )
    },
    key(
        "phasor_tve",
        1.0,
        Some(Observe::Pmu),
        "Total vector error of phasors by noise, root mean square (0.0025).",
        |s| &mut s.phasor_tve,
    ),
    key(
        "phasor_clock_s",
        1.0,
        Some(Observe::Pmu),
        "Standard deviation of each bus's clock error, s (1e-6).",
        |s| &mut s.phasor_clock_s,
    ),
    key(
        "phasor_age_s",
        LATE_S_MAX,
        Some(Observe::Pmu),
        "What is shown of phasors was measured this long ago, s (0).",
        |s| &mut s.phasor_age_s,
    ),
    Key {
        above_zero: true,
        ..key(
            "alarm_alpha",
            0.5,
            Some(Observe::Estimated),
            "Level of the chi-squared test on an estimate (0.01).",
            |s| &mut s.alarm_alpha,
        )
    },
];

/// Reads the table.
pub(crate) fn read(mut fields: Fields<'_>, observe: Observe) -> Option<Settings> {
    let mut settings = Settings::default();
    let mut complete = true;
    for key in KEYS {
        let range =
            format!("{} and at most {}", if key.above_zero { "above 0" } else { "at least 0" }, key.max);
        let holds = |value: f64| value <= key.max && (value > 0.0 || value == 0.0 && !key.above_zero);
        let value = fields.number(key.name, &range, holds);
        complete &= value.is_some() || !fields.has(key.name);
        if let Some(value) = value {
            *(key.field)(&mut settings) = value;
        }
        if let Some(only) = key.only.filter(|only| *only != observe && fields.has(key.name)) {
            let message = format!("`{}` is of observe = \"{}\"", key.name, only.id());
            fields.complain_with("contradiction", Some(key.name), message, Some("leave it out".into()));
        }
    }
    if observe == Observe::Estimated {
        for (name, sigma) in [
            ("voltage_sigma_pu", settings.sigmas.voltage_pu),
            ("injection_sigma_pu", settings.sigmas.injection_pu),
            ("flow_sigma_pu", settings.sigmas.flow_pu),
        ] {
            if sigma == 0.0 {
                let message = format!("an estimator weighs what it reads, and `{name}` is 0");
                fields.complain_with(
                    "contradiction",
                    Some(name),
                    message,
                    Some("give it a small one".into()),
                );
            }
        }
    }
    fields.finish();
    complete.then_some(settings)
}

impl Settings {
    /// As evidence has it, by key.
    pub fn in_words(&self, observe: Observe) -> BTreeMap<String, String> {
        let mut settings = *self;
        let keys = KEYS.iter().filter(|key| key.only.is_none_or(|only| only == observe));
        keys.map(|key| (format!("sensing.{}", key.name), (key.field)(&mut settings).to_string())).collect()
    }
}
