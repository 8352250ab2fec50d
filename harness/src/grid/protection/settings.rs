//! Reading the table `[protection]`.

use super::frequency::Balance;
use super::overload::Curve;
use super::ride_through::Band;
use super::{Settings, distance, frequency, overload, ride_through, thermal, undervoltage};
use crate::fields::Fields;
use crate::gate::percent;

/// Code of complaints.
const CODE: &str = "suite.protection";

/// Reads the table. Its defaults depend on the network's nominal frequency, which a suite does not know yet: what it answers is a
/// function of it. `None` inside is the engine "none".
pub fn read(mut fields: Fields<'_>) -> Option<Option<Written>> {
    let engine = fields.choice("engine", &[("protection", true), ("none", false)]);
    let engine = fields.or("engine", engine, true);
    let overload =
        switchable(fields.table("overload", CODE), Some(overload::Settings::default()), read_overload);
    let thermal = switchable(fields.table("thermal", CODE), None, read_thermal);
    let distance = switchable(fields.table("distance", CODE), None, read_distance);
    let undervoltage = switchable(
        fields.table("undervoltage", CODE),
        Some(undervoltage::Settings::default()),
        read_undervoltage,
    );
    let ride_through = switchable(
        fields.table("ride_through", CODE),
        Some(ride_through::Settings::default()),
        read_ride_through,
    );
    let frequency =
        switchable(fields.table("frequency", CODE), Some(WrittenFrequency::default()), read_frequency);
    let probability =
        fields.number("hidden_failure_probability", "from 0 to 1", |p| (0.0..=1.0).contains(&p));
    let probability = fields.or("hidden_failure_probability", probability, 0.0);
    fields.finish();
    let written = Written {
        overload: overload?,
        thermal: thermal?,
        distance: distance?,
        undervoltage: undervoltage?,
        ride_through: ride_through?,
        frequency: frequency?,
        hidden_failure_probability: probability?,
    };
    Some(engine?.then_some(written))
}

/// What a file says of protection, before the network is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    overload: Option<overload::Settings>,
    thermal: Option<thermal::Settings>,
    distance: Option<distance::Settings>,
    undervoltage: Option<undervoltage::Settings>,
    ride_through: Option<ride_through::Settings>,
    frequency: Option<WrittenFrequency>,
    hidden_failure_probability: f64,
}

impl Default for Written {
    fn default() -> Self {
        Written {
            overload: Some(overload::Settings::default()),
            thermal: None,
            distance: None,
            undervoltage: Some(undervoltage::Settings::default()),
            ride_through: Some(ride_through::Settings::default()),
            frequency: Some(WrittenFrequency::default()),
            hidden_failure_probability: 0.0,
        }
    }
}

/// What a file says of frequency: the rest depends on the nominal one.
#[derive(Clone, Debug, Default, PartialEq)]
struct WrittenFrequency {
    balance: Option<Balance>,
    droop: Option<f64>,
    damping: Option<f64>,
    stages: Option<Vec<frequency::Stage>>,
    unit_low_hz: Option<f64>,
    unit_high_hz: Option<f64>,
}

impl Written {
    /// The settings for a network of this nominal frequency, Hz.
    pub fn of(&self, nominal_hz: f64) -> Settings {
        let frequency = self.frequency.as_ref().map(|written| {
            let default = frequency::Settings::of(nominal_hz);
            frequency::Settings {
                balance: written.balance.unwrap_or(default.balance),
                droop: written.droop.unwrap_or(default.droop),
                damping: written.damping.unwrap_or(default.damping),
                stages: written.stages.clone().unwrap_or(default.stages),
                unit_low_hz: written.unit_low_hz.unwrap_or(default.unit_low_hz),
                unit_high_hz: written.unit_high_hz.unwrap_or(default.unit_high_hz),
            }
        });
        Settings {
            overload: self.overload,
            thermal: self.thermal,
            distance: self.distance,
            undervoltage: self.undervoltage.clone(),
            ride_through: self.ride_through.clone(),
            frequency,
            hidden_failure_probability: self.hidden_failure_probability,
        }
    }
}

/// A table that may say `on = false`; where it is absent, `default`. The outer `None` is a complaint.
fn switchable<T>(
    table: Option<Fields<'_>>,
    default: Option<T>,
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Option<Option<T>> {
    let Some(mut fields) = table else { return Some(default) };
    let on = fields.flag("on");
    let on = fields.or("on", on, true);
    let settings = read(&mut fields);
    fields.finish();
    let settings = settings?;
    Some(on?.then_some(settings))
}

/// A number above zero, or its default.
fn positive(fields: &mut Fields<'_>, key: &'static str, default: f64) -> Option<f64> {
    let number = fields.number(key, "above 0", |number| number > 0.0);
    fields.or(key, number, default)
}

/// A number of at least zero, or its default.
fn not_negative(fields: &mut Fields<'_>, key: &'static str, default: f64) -> Option<f64> {
    let number = fields.number(key, "at least 0", |number| number >= 0.0);
    fields.or(key, number, default)
}

fn read_overload(fields: &mut Fields<'_>) -> Option<overload::Settings> {
    let default = overload::Settings::default();
    let pickup = positive(fields, "pickup", default.pickup);
    let curve = fields.choice(
        "curve",
        &[
            ("moderately_inverse", Curve::MODERATELY_INVERSE),
            ("very_inverse", Curve::VERY_INVERSE),
            ("extremely_inverse", Curve::EXTREMELY_INVERSE),
            ("definite", Curve::Definite { delay_s: 10.0 }),
            ("integral", Curve::Integral { overload: 0.5, seconds: 15.0 }),
        ],
    );
    let curve = fields.or("curve", curve, default.curve)?;
    let curve = match curve {
        Curve::Inverse { a_s, b_s, exponent, time_dial } => {
            let time_dial = positive(fields, "time_dial", time_dial)?;
            Curve::Inverse { a_s, b_s, exponent, time_dial }
        }
        Curve::Definite { delay_s } => Curve::Definite { delay_s: not_negative(fields, "delay_s", delay_s)? },
        Curve::Integral { overload, seconds } => {
            let overload = positive(fields, "integral_share", overload);
            let seconds = positive(fields, "integral_s", seconds);
            Curve::Integral { overload: overload?, seconds: seconds? }
        }
    };
    Some(overload::Settings { pickup: pickup?, curve })
}

fn read_thermal(fields: &mut Fields<'_>) -> Option<thermal::Settings> {
    let default = thermal::Settings::default();
    let ambient_c = fields.finite("ambient_c");
    let ambient_c = fields.or("ambient_c", ambient_c, default.ambient_c);
    let rated_c = fields.finite("rated_c");
    let rated_c = fields.or("rated_c", rated_c, default.rated_c);
    let trip_c = fields.finite("trip_c");
    let trip_c = fields.or("trip_c", trip_c, default.trip_c);
    let time_constant_s = positive(fields, "time_constant_s", default.time_constant_s);
    let (ambient_c, rated_c, trip_c) = (ambient_c?, rated_c?, trip_c?);
    if !(ambient_c < rated_c && rated_c <= trip_c) {
        let message = format!(
            "temperatures should rise from `ambient_c` over `rated_c` to `trip_c`; they are {ambient_c}, {rated_c} and {trip_c}"
        );
        fields.complain("range", None, message);
        return None;
    }
    Some(thermal::Settings { ambient_c, rated_c, trip_c, time_constant_s: time_constant_s? })
}

fn read_distance(fields: &mut Fields<'_>) -> Option<distance::Settings> {
    let default = distance::Settings::default();
    let reach = positive(fields, "reach", default.reach);
    let delay_s = not_negative(fields, "delay_s", default.delay_s);
    let floor = not_negative(fields, "floor", default.floor);
    Some(distance::Settings { reach: reach?, delay_s: delay_s?, floor: floor? })
}

/// The tables under a key, each read by `one`; `None` where the key is absent, and a complaint where there are too many.
fn list<T>(
    fields: &mut Fields<'_>,
    key: &'static str,
    most: usize,
    one: impl Fn(&mut Fields<'_>) -> Option<T>,
) -> Option<Option<Vec<T>>> {
    if !fields.has(key) {
        return Some(None);
    }
    let read = |mut table: Fields<'_>| {
        let item = one(&mut table);
        table.finish();
        item
    };
    let items: Vec<Option<T>> = fields.tables(key, CODE).into_iter().map(read).collect();
    if items.len() > most {
        fields.complain(
            "range",
            Some(key),
            format!("there are {} of `{key}`, at most {most} can be", items.len()),
        );
        return None;
    }
    items.into_iter().collect::<Option<Vec<T>>>().map(Some)
}

fn share(fields: &mut Fields<'_>) -> Option<f64> {
    let share = fields.number("share", "above 0 and at most 1", |share| share > 0.0 && share <= 1.0);
    fields.need("share", share)
}

fn needed(fields: &mut Fields<'_>, key: &'static str, range: &str, holds: fn(f64) -> bool) -> Option<f64> {
    let number = fields.number(key, range, holds);
    fields.need(key, number)
}

fn read_undervoltage(fields: &mut Fields<'_>) -> Option<undervoltage::Settings> {
    let stages = list(fields, "stage", undervoltage::STAGES_MAX, |stage| {
        let below_pu = needed(stage, "below_pu", "between 0 and 2", |pu| pu > 0.0 && pu < 2.0);
        let delay_s = needed(stage, "delay_s", "at least 0", |s| s >= 0.0);
        let share = share(stage);
        Some(undervoltage::Stage { below_pu: below_pu?, delay_s: delay_s?, share: share? })
    });
    Some(stages?.map_or_else(undervoltage::Settings::default, |stages| undervoltage::Settings { stages }))
}

fn read_ride_through(fields: &mut Fields<'_>) -> Option<ride_through::Settings> {
    let default = ride_through::Settings::default();
    let time_factor = not_negative(fields, "time_factor", default.time_factor);
    let bands = list(fields, "band", ride_through::BANDS_MAX, |band| {
        let side = band.choice("side", &[("low", false), ("high", true)]);
        let above = band.need("side", side);
        let limit_pu = needed(band, "limit_pu", "between 0 and 2", |pu| pu > 0.0 && pu < 2.0);
        let time_s = needed(band, "time_s", "at least 0", |s| s >= 0.0);
        Some(Band { limit_pu: limit_pu?, above: above?, time_s: time_s? })
    });
    Some(ride_through::Settings { bands: bands?.unwrap_or(default.bands), time_factor: time_factor? })
}

fn read_frequency(fields: &mut Fields<'_>) -> Option<WrittenFrequency> {
    let balance = fields.choice("balance", &Balance::LIST).map(Some);
    let balance = fields.or("balance", balance, None);
    let mut optional = |key: &'static str| {
        let number = fields.number(key, "above 0", |number| number > 0.0).map(Some);
        fields.or(key, number, None)
    };
    let (droop, damping) = (optional("droop"), optional("damping"));
    let (unit_low_hz, unit_high_hz) = (optional("unit_low_hz"), optional("unit_high_hz"));
    let stages = list(fields, "stage", frequency::STAGES_MAX, |stage| {
        let below_hz = needed(stage, "below_hz", "above 0", |hz| hz > 0.0);
        let delay_s = needed(stage, "delay_s", "at least 0", |s| s >= 0.0);
        let share = share(stage);
        Some(frequency::Stage { below_hz: below_hz?, delay_s: delay_s?, share: share? })
    });
    Some(WrittenFrequency {
        balance: balance?,
        droop: droop?,
        damping: damping?,
        stages: stages?,
        unit_low_hz: unit_low_hz?,
        unit_high_hz: unit_high_hz?,
    })
}

impl Settings {
    /// Every setting by its name in the suite, as evidence lists them.
    pub fn in_words(&self) -> Vec<(String, String)> {
        let mut words: Vec<(String, String)> = Vec::new();
        let mut say = |name: &str, value: String| words.push((format!("protection.{name}"), value));
        match &self.overload {
            None => say("overload", "off".into()),
            Some(overload) => {
                say("overload.pickup", overload.pickup.to_string());
                say("overload.curve", overload.curve.in_words());
            }
        }
        let thermal = |t: thermal::Settings| {
            let (air, rated, trip) = (t.ambient_c, t.rated_c, t.trip_c);
            format!(
                "air {air} C, rated at {rated} C, trips at {trip} C, time constant {} s",
                t.time_constant_s
            )
        };
        say("thermal", self.thermal.map_or_else(|| "off".into(), thermal));
        let distance = |d: distance::Settings| {
            let distance::Settings { reach, delay_s, floor } = d;
            format!(
                "reach {reach} times the line, after {delay_s} s, not at or below {floor} times the rating"
            )
        };
        say("distance", self.distance.map_or_else(|| "off".into(), distance));
        let stage = |below: f64, unit: &str, delay_s: f64, share: f64| {
            format!("{} below {below} {unit} for {delay_s} s", percent(share))
        };
        let list = |stages: Vec<String>| if stages.is_empty() { "none".into() } else { stages.join("; ") };
        match &self.undervoltage {
            None => say("undervoltage", "off".into()),
            Some(undervoltage) => {
                let stages = undervoltage.stages.iter();
                let stages = stages.map(|s| stage(s.below_pu, "pu", s.delay_s, s.share)).collect();
                say("undervoltage.stages", list(stages));
            }
        }
        match &self.ride_through {
            None => say("ride_through", "off".into()),
            Some(ride_through) => {
                let side = |band: &Band| if band.above { "from" } else { "below" };
                let band = |b: &Band| format!("{} {} pu for {} s", side(b), b.limit_pu, b.time_s);
                say("ride_through.bands", list(ride_through.bands.iter().map(band).collect()));
                say("ride_through.time_factor", ride_through.time_factor.to_string());
            }
        }
        match &self.frequency {
            None => say("frequency", "off".into()),
            Some(frequency) => {
                say("frequency.balance", frequency.balance.id().into());
                say("frequency.droop", frequency.droop.to_string());
                say("frequency.damping", frequency.damping.to_string());
                let stages = frequency.stages.iter();
                let stages = stages.map(|s| stage(s.below_hz, "Hz", s.delay_s, s.share)).collect();
                say("frequency.stages", list(stages));
                say("frequency.unit_low_hz", frequency.unit_low_hz.to_string());
                say("frequency.unit_high_hz", frequency.unit_high_hz.to_string());
            }
        }
        say("hidden_failure_probability", self.hidden_failure_probability.to_string());
        words
    }
}
