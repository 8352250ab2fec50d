//! The study file: `gridgate/frequency-study/1`.

use std::path::Path;

use powerflow::{Diagnostic, Diagnostics};

use crate::fields::{Document, Fields};
use crate::frequency::{
    AggregateModel, DEADBAND_HZ, Droop, FastResponse, FrequencyCurve, Ggov1, Governor, Hydro, Ieeeg1,
    IslandModel, Recovery, Reheat, RideThrough, RocofRelay, SheddingPlan, Source, Stage, Tgov1, Trigger,
    UnitKind, UnitModel,
};

/// Schema of the study file that this program reads.
pub const FREQUENCY_STUDY_SCHEMA: &str = "gridgate/frequency-study/1";

/// Longest horizon, s, and most samples of a curve.
const HORIZON_S_MAX: f64 = 1e5;
const SAMPLES_MAX: f64 = 1e6;

/// A study, read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Study {
    pub(super) name: String,
    pub(super) nominal_hz: f64,
    pub(super) base_mva: f64,
    pub(super) horizon_s: f64,
    pub(super) sample_s: f64,
    pub(super) islands: Vec<Island>,
    /// In the order of time, ties in the order of the file.
    pub(super) events: Vec<Event>,
}

/// An island and the names of its elements.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Island {
    pub(super) id: String,
    pub(super) model: IslandModel,
    pub(super) units: Vec<String>,
    pub(super) responses: Vec<String>,
}

/// Something that befalls an island.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) at_s: f64,
    pub(super) island: usize,
    pub(super) what: What,
}

/// What befalls it; powers in pu of the base.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum What {
    /// Injection that appears, or goes.
    Power(f64),
    /// Demand that appears, or goes.
    Load(f64),
    /// A unit that trips.
    Trip(usize),
    /// A device that is told to go to a power within a time, s.
    Command(usize, f64, f64),
}

pub(super) fn read(path: &Path, horizon_s: Option<f64>) -> Result<Study, Diagnostics> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("the study cannot be read: {error}");
        Diagnostic::error("frequency.study.read", message).at(file.clone(), None)
    })?;
    parse(&file, &text, horizon_s)
}

pub(super) fn parse(file: &str, text: &str, horizon_s: Option<f64>) -> Result<Study, Diagnostics> {
    let document = Document::toml(file, text, "frequency.study")?;
    let mut fields = document.root("frequency.study", "the study");
    let schema = fields.text("schema");
    let study = match fields.need("schema", schema) {
        Some(FREQUENCY_STUDY_SCHEMA) => study(fields, horizon_s),
        Some(other) => {
            let message = format!("`schema` is \"{other}\", which this program does not know");
            let hint = format!("schema = \"{FREQUENCY_STUDY_SCHEMA}\"");
            fields.complain_with("schema", Some("schema"), message, Some(hint));
            None
        }
        None => None,
    };
    document.finish(study, "frequency.study")
}

/// A number that must be there.
fn need(fields: &mut Fields<'_>, key: &'static str, range: &str, holds: impl Fn(f64) -> bool) -> Option<f64> {
    let number = fields.number(key, range, holds);
    fields.need(key, number)
}

fn above(fields: &mut Fields<'_>, key: &'static str) -> Option<f64> {
    need(fields, key, "above zero", |x| x > 0.0)
}

/// A number that may be left out.
fn or(fields: &mut Fields<'_>, key: &'static str, default: f64) -> Option<f64> {
    let number = fields.finite(key);
    fields.or(key, number, default)
}

fn at_least_zero(fields: &mut Fields<'_>, key: &'static str, default: f64) -> Option<f64> {
    let number = fields.number(key, "zero or more", |x| x >= 0.0);
    fields.or(key, number, default)
}

/// An optional number: `Some(None)` where it is left out, `None` where it is wrong.
fn maybe(fields: &mut Fields<'_>, key: &'static str) -> Option<Option<f64>> {
    let number = fields.finite(key);
    if fields.has(key) { number.map(Some) } else { Some(None) }
}

fn tell(fields: &Fields<'_>, wrong: Vec<String>) {
    for complaint in wrong {
        fields.complain("range", None, complaint);
    }
}

fn name_of(fields: &mut Fields<'_>, kind: &str, taken: &[String]) -> Option<String> {
    let id = fields.name("id");
    let id = fields.need("id", id)?.to_owned();
    fields.rename(format!("{kind} `{id}`"));
    if taken.contains(&id) {
        fields.complain("duplicate", Some("id"), format!("there is another {kind} of that name"));
    }
    Some(id)
}

fn study(mut fields: Fields<'_>, horizon_given_s: Option<f64>) -> Option<Study> {
    let name = fields.name("name").map(str::to_owned);
    let name = fields.need("name", name);
    let nominal_hz = fields.number("nominal_hz", "above zero", |x| x > 0.0);
    let nominal_hz = fields.or("nominal_hz", nominal_hz, 60.0);
    let base_mva = above(&mut fields, "base_mva");
    let until = |s: f64| s > 0.0 && s <= HORIZON_S_MAX;
    let horizon_s = fields.number("horizon_s", "above zero and at most 100000", until);
    let horizon_s = fields.or("horizon_s", horizon_s, 30.0);
    let horizon_s = match horizon_given_s {
        Some(given) if !until(given) => {
            fields.complain("range", None, format!("a horizon of {given} s is none"));
            None
        }
        Some(given) => Some(given),
        None => horizon_s,
    };
    let sample_s = fields.number("sample_s", "above zero", |x| x > 0.0);
    let sample_s = fields.or("sample_s", sample_s, 0.02);
    if let (Some(horizon), Some(sample)) = (horizon_s, sample_s)
        && horizon / sample > SAMPLES_MAX
    {
        fields.complain("range", Some("sample_s"), "the curve would have more than a million samples");
    }
    let mut islands: Vec<Island> = Vec::new();
    let tables = fields.tables("island", "frequency.study.island");
    if tables.is_empty() {
        fields.complain("missing", None, "there is no `[[island]]`");
    }
    let listed = tables.len();
    let (Some(hz), Some(base)) = (nominal_hz, base_mva) else {
        return None;
    };
    for table in tables {
        let ids: Vec<String> = islands.iter().map(|island| island.id.clone()).collect();
        islands.extend(island(table, hz, base, &ids));
    }
    let tables = fields.tables("event", "frequency.study.event");
    let mut events: Vec<Event> = Vec::new();
    let expected = tables.len();
    for table in tables {
        // Names of an island that is wrong itself are not known.
        if islands.len() == listed {
            events.extend(event(table, base, horizon_s.unwrap_or(HORIZON_S_MAX), &islands));
        }
    }
    fields.finish();
    if islands.len() != listed || events.len() != expected {
        return None;
    }
    events.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    Some(Study {
        name: name?,
        nominal_hz: hz,
        base_mva: base,
        horizon_s: horizon_s?,
        sample_s: sample_s?,
        islands,
        events,
    })
}

fn island(mut fields: Fields<'_>, hz: f64, base: f64, taken: &[String]) -> Option<Island> {
    let id = name_of(&mut fields, "island", taken);
    let load_mw = need(&mut fields, "load_mw", "zero or more", |x| x >= 0.0);
    let load_damping = at_least_zero(&mut fields, "load_damping", 1.0);
    let step_s = maybe(&mut fields, "step_s");
    let rocof_window_s = fields.number("rocof_window_s", "from 0.1 to 0.5", |s| (0.1..=0.5).contains(&s));
    let rocof_window_s = fields.or("rocof_window_s", rocof_window_s, crate::frequency::ROCOF_WINDOW_S);
    let shedding = shedding(&mut fields, hz);
    let observed = fields
        .texts("limits")
        .iter()
        .map(|name| curve(&fields, "limits", name, hz))
        .collect::<Option<Vec<_>>>();
    let mut responses = Vec::new();
    let mut names = Vec::new();
    let tables = fields.tables("response", "frequency.study.response");
    let responses_listed = tables.len();
    for table in tables {
        if let Some((name, made)) = response(table, hz, base, &names) {
            names.push(name);
            responses.push(made);
        }
    }
    let mut units = Vec::new();
    let mut unit_names = Vec::new();
    let tables = fields.tables("unit", "frequency.study.unit");
    let units_listed = tables.len();
    for table in tables {
        if let Some((name, made)) = unit(table, hz, base, &unit_names) {
            unit_names.push(name);
            units.push(made);
        }
    }
    let source = match fields.table("aggregate", "frequency.study.aggregate") {
        Some(table) if units_listed == 0 => aggregate(table, base).map(Source::Aggregate),
        Some(_) => {
            fields.complain(
                "source",
                Some("aggregate"),
                "an island has either units or an aggregate of them",
            );
            None
        }
        None if units_listed == 0 => {
            fields.complain("missing", None, "it has neither `[[island.unit]]` nor `[island.aggregate]`");
            None
        }
        None => (units.len() == units_listed).then_some(Source::Units(units)),
    };
    let model = (|| {
        let model = IslandModel {
            load_damping: load_damping?,
            shedding: shedding?,
            responses: (responses.len() == responses_listed).then_some(responses)?,
            observed: observed?.into_iter().map(RideThrough::of_curve).collect(),
            step_s: step_s?,
            rocof_window_s: rocof_window_s?,
            ..IslandModel::new(hz, load_mw? / base, source?)
        };
        // What is left is about the island as a whole: its parts have been looked at, each where it stands.
        tell(&fields, model.wrong());
        Some(model)
    })();
    fields.finish();
    Some(Island { id: id?, model: model?, units: unit_names, responses: names })
}

/// `shedding = "npcc"`, or `[[island.stage]]` with `[island.relay]`.
fn shedding(fields: &mut Fields<'_>, hz: f64) -> Option<Option<SheddingPlan>> {
    let mut stages = Vec::new();
    let tables = fields.tables("stage", "frequency.study.stage");
    let listed = tables.len();
    for mut table in tables {
        let threshold_hz = above(&mut table, "threshold_hz");
        let delay_s = need(&mut table, "delay_s", "zero or more", |x| x >= 0.0);
        let share = need(&mut table, "share", "between 0 and 1", |x| (0.0..=1.0).contains(&x));
        table.finish();
        stages.extend((|| Some(Stage { threshold_hz: threshold_hz?, delay_s: delay_s?, share: share? }))());
    }
    let named = fields.text("shedding");
    let mut plan = match named {
        Some(name) if listed > 0 => {
            fields.complain(
                "shedding",
                Some("shedding"),
                format!("there are stages beside the plan `{name}`"),
            );
            return None;
        }
        Some(name) => match SheddingPlan::named(name) {
            Some(plan) => Some(plan),
            None => {
                let message = format!("there is no plan `{name}`");
                let hint = scenarios::nearest::advice(name, SheddingPlan::NAMES);
                fields.complain_with("unknown-choice", Some("shedding"), message, Some(hint));
                return None;
            }
        },
        None if fields.has("shedding") || stages.len() != listed => return None,
        None if listed > 0 => {
            // Relays as those of the plans, unless the table below says otherwise.
            let relays = SheddingPlan::named("npcc");
            relays.map(|relays| SheddingPlan { name: "stages".into(), nominal_hz: None, stages, ..relays })
        }
        None => None,
    };
    if let Some(mut table) = fields.table("relay", "frequency.study.relay") {
        let Some(plan) = &mut plan else {
            fields.complain("shedding", Some("relay"), "relays without `shedding` or stages shed nothing");
            return None;
        };
        plan.window_s = at_least_zero(&mut table, "window_s", plan.window_s)?;
        plan.breaker_s = at_least_zero(&mut table, "breaker_s", plan.breaker_s)?;
        plan.reset_hz = at_least_zero(&mut table, "reset_hz", plan.reset_hz)?;
        table.finish();
    }
    if let Some(plan) = &plan {
        let wrong = plan.wrong(hz);
        let sound = wrong.is_empty();
        tell(fields, wrong);
        return sound.then_some(Some(plan.clone()));
    }
    Some(None)
}

fn curve(fields: &Fields<'_>, key: &'static str, name: &str, hz: f64) -> Option<FrequencyCurve> {
    let Some(curve) = FrequencyCurve::named(name) else {
        let hint = scenarios::nearest::advice(name, FrequencyCurve::NAMES);
        fields.complain_with("unknown-choice", Some(key), format!("there is no curve `{name}`"), Some(hint));
        return None;
    };
    let wrong = RideThrough::of_curve(curve.clone()).wrong(hz);
    let sound = wrong.is_empty();
    tell(fields, wrong);
    sound.then_some(curve)
}

fn response(mut fields: Fields<'_>, hz: f64, base: f64, taken: &[String]) -> Option<(String, FastResponse)> {
    let id = name_of(&mut fields, "response", taken);
    let power_mw = fields.finite("power_mw");
    let power_mw = fields.need("power_mw", power_mw);
    let (threshold, slope) = (maybe(&mut fields, "trigger_hz")?, maybe(&mut fields, "trigger_hz_per_s")?);
    let window_s = or(&mut fields, "trigger_window_s", crate::frequency::ROCOF_WINDOW_S)?;
    let trigger = match (threshold, slope) {
        (Some(threshold_hz), None) => Trigger::Frequency { threshold_hz },
        (None, Some(threshold_hz_per_s)) => Trigger::Rocof { threshold_hz_per_s, window_s },
        (None, None) => Trigger::Command,
        (Some(_), Some(_)) => {
            fields.complain("trigger", Some("trigger_hz_per_s"), "a device has one trigger");
            return None;
        }
    };
    let recovery = match (maybe(&mut fields, "recovery_mw")?, maybe(&mut fields, "rest_s")?) {
        (Some(mw), rest) => Some(Recovery { rest_s: rest.unwrap_or(0.0), power_pu: mw / base }),
        (None, None) => None,
        (None, Some(_)) => {
            fields.complain("recovery", Some("rest_s"), "without `recovery_mw` nothing follows the rest");
            None
        }
    };
    let made = FastResponse {
        power_pu: power_mw? / base,
        trigger,
        delay_s: or(&mut fields, "delay_s", 0.0)?,
        ramp_s: or(&mut fields, "ramp_s", 0.0)?,
        hold_s: maybe(&mut fields, "hold_s")?,
        release_s: or(&mut fields, "release_s", 0.0)?,
        energy_pu_s: maybe(&mut fields, "energy_mw_s")?.map(|energy| energy / base),
        recovery,
        rearm_s: maybe(&mut fields, "rearm_s")?,
    };
    tell(&fields, made.wrong(hz));
    fields.finish();
    Some((id?, made))
}

fn aggregate(mut fields: Fields<'_>, base: f64) -> Option<AggregateModel> {
    let inertia_s = above(&mut fields, "inertia_s");
    let turbine = reheat(&mut fields);
    let mut reserve = |key| Some(maybe(&mut fields, key)?.map_or(f64::INFINITY, |mw| mw / base));
    let (down, up) = (reserve("reserve_down_mw"), reserve("reserve_up_mw"));
    let made = (|| {
        let unlimited = AggregateModel::unlimited(inertia_s?, turbine?);
        let made = AggregateModel { reserve_down_pu: down?, reserve_up_pu: up?, ..unlimited };
        tell(&fields, made.wrong());
        Some(made)
    })();
    fields.finish();
    made
}

fn reheat(fields: &mut Fields<'_>) -> Option<Reheat> {
    let droop_pu = or(fields, "droop_pu", 0.05);
    let high_pressure_share = or(fields, "high_pressure_share", 0.3);
    let reheat_s = or(fields, "reheat_s", 8.0);
    let gain_pu = or(fields, "gain_pu", 0.95);
    Some(Reheat {
        droop_pu: droop_pu?,
        high_pressure_share: high_pressure_share?,
        reheat_s: reheat_s?,
        gain_pu: gain_pu?,
    })
}

fn unit(mut fields: Fields<'_>, hz: f64, base: f64, taken: &[String]) -> Option<(String, UnitModel)> {
    let id = name_of(&mut fields, "unit", taken);
    let kinds =
        [UnitKind::Synchronous, UnitKind::GridFollowing, UnitKind::GridForming].map(|kind| (kind.id(), kind));
    let kind = fields.choice("kind", &kinds);
    let kind = fields.or("kind", kind, UnitKind::Synchronous);
    let rating_mva = above(&mut fields, "rating_mva");
    let inertia_s = at_least_zero(&mut fields, "inertia_s", 0.0);
    let power_mw = fields.finite("power_mw");
    let power_mw = fields.need("power_mw", power_mw);
    let governor = governor(&mut fields);
    let (rating, power) = (rating_mva? / base, power_mw? / base);
    let limits = (or(&mut fields, "power_min_mw", 0.0), or(&mut fields, "power_max_mw", rating * base));
    let ramp = maybe(&mut fields, "ramp_mw_per_s")?;
    let deadband_hz = at_least_zero(&mut fields, "deadband_hz", DEADBAND_HZ);
    let governed_share = or(&mut fields, "governed_share", 1.0);
    let ride_through = ride_through(&mut fields, hz);
    let made = (|| {
        let made = UnitModel {
            kind: kind?,
            rating_pu: rating,
            inertia_s: inertia_s?,
            power_pu: power,
            power_min_pu: limits.0? / base,
            power_max_pu: limits.1? / base,
            ramp_pu_per_s: ramp.map_or(f64::INFINITY, |ramp| ramp / base),
            governor: governor?,
            deadband_hz: deadband_hz?,
            governed_share: governed_share?,
            ride_through: ride_through?,
        };
        tell(&fields, made.wrong(hz));
        Some(made)
    })();
    fields.finish();
    Some((id?, made?))
}

/// `ride_through = "eastern"` and `trip_hz_per_s`, with their factor and window.
fn ride_through(fields: &mut Fields<'_>, hz: f64) -> Option<Option<RideThrough>> {
    let named = fields.text("ride_through");
    let time_factor = or(fields, "ride_through_factor", 1.0)?;
    let slope = maybe(fields, "trip_hz_per_s")?;
    let window_s = or(fields, "trip_window_s", RocofRelay::IRELAND.window_s)?;
    let curve = match named {
        Some(name) => curve(fields, "ride_through", name, hz)?,
        None if fields.has("ride_through") => return None,
        None if slope.is_none() => return Some(None),
        // A relay on the slope alone: a curve that allows everything.
        None => FrequencyCurve {
            name: "none".into(),
            nominal_hz: hz,
            under: Default::default(),
            over: Default::default(),
        },
    };
    let rocof = slope.map(|limit_hz_per_s| RocofRelay { limit_hz_per_s, window_s });
    Some(Some(RideThrough { curve, time_factor, rocof }))
}

/// `governor = "tgov1"`, and its parameters beside it where they are not the default ones.
pub(crate) fn governor(fields: &mut Fields<'_>) -> Option<Governor> {
    let choices: Vec<(&str, &str)> =
        ["fixed", "droop", "tgov1", "reheat", "ieeeg1", "ggov1", "hydro"].map(|name| (name, name)).to_vec();
    let chosen = fields.choice("governor", &choices);
    let chosen = fields.or("governor", chosen, "fixed")?;
    Some(match chosen {
        "droop" => Governor::Droop(Droop {
            droop_pu: or(fields, "droop_pu", 0.05)?,
            lag_s: or(fields, "lag_s", 0.1)?,
        }),
        "tgov1" => {
            let d = Tgov1::default();
            Governor::Tgov1(Tgov1 {
                droop_pu: or(fields, "droop_pu", d.droop_pu)?,
                t1_s: or(fields, "t1_s", d.t1_s)?,
                t2_s: or(fields, "t2_s", d.t2_s)?,
                t3_s: or(fields, "t3_s", d.t3_s)?,
                valve_min_pu: or(fields, "valve_min_pu", d.valve_min_pu)?,
                valve_max_pu: or(fields, "valve_max_pu", d.valve_max_pu)?,
                damping_pu: or(fields, "turbine_damping_pu", d.damping_pu)?,
            })
        }
        "reheat" => Governor::Reheat(reheat(fields)?),
        "ieeeg1" => {
            let d = Ieeeg1::default();
            let gain_pu = or(fields, "gain_pu", d.gain_pu)?;
            Governor::Ieeeg1(Ieeeg1 {
                gain_pu,
                t1_s: or(fields, "t1_s", d.t1_s)?,
                t2_s: or(fields, "t2_s", d.t2_s)?,
                t3_s: or(fields, "t3_s", d.t3_s)?,
                opening_pu_per_s: or(fields, "opening_pu_per_s", d.opening_pu_per_s)?,
                closing_pu_per_s: or(fields, "closing_pu_per_s", d.closing_pu_per_s)?,
                valve_min_pu: or(fields, "valve_min_pu", d.valve_min_pu)?,
                valve_max_pu: or(fields, "valve_max_pu", d.valve_max_pu)?,
                stages_s: [
                    or(fields, "t4_s", d.stages_s[0])?,
                    or(fields, "t5_s", d.stages_s[1])?,
                    or(fields, "t6_s", d.stages_s[2])?,
                    or(fields, "t7_s", d.stages_s[3])?,
                ],
                shares: [
                    or(fields, "k1", d.shares[0])?,
                    or(fields, "k3", d.shares[1])?,
                    or(fields, "k5", d.shares[2])?,
                    or(fields, "k7", d.shares[3])?,
                ],
            })
        }
        "ggov1" => {
            let d = Ggov1::default();
            Governor::Ggov1(Ggov1 {
                droop_pu: or(fields, "droop_pu", d.droop_pu)?,
                proportional_pu: or(fields, "proportional_pu", d.proportional_pu)?,
                integral_per_s: or(fields, "integral_per_s", d.integral_per_s)?,
                actuator_s: or(fields, "actuator_s", d.actuator_s)?,
                lead_s: or(fields, "lead_s", d.lead_s)?,
                lag_s: or(fields, "lag_s", d.lag_s)?,
                turbine_gain_pu: or(fields, "turbine_gain_pu", d.turbine_gain_pu)?,
                no_load_fuel_pu: or(fields, "no_load_fuel_pu", d.no_load_fuel_pu)?,
                limit_fuel_pu: or(fields, "limit_fuel_pu", d.limit_fuel_pu)?,
            })
        }
        "hydro" => {
            let d = Hydro::default();
            Governor::Hydro(Hydro {
                droop_pu: or(fields, "droop_pu", d.droop_pu)?,
                transient_droop_pu: or(fields, "transient_droop_pu", d.transient_droop_pu)?,
                reset_s: or(fields, "reset_s", d.reset_s)?,
                water_s: or(fields, "water_s", d.water_s)?,
                gate_s: or(fields, "gate_s", d.gate_s)?,
                gate_pu_per_s: or(fields, "gate_pu_per_s", d.gate_pu_per_s)?,
            })
        }
        _ => Governor::Fixed,
    })
}

fn event(mut fields: Fields<'_>, base: f64, horizon_s: f64, islands: &[Island]) -> Option<Event> {
    let at_s =
        need(&mut fields, "at_s", "zero or more, and within the horizon", |x| (0.0..=horizon_s).contains(&x));
    let named = fields.text("island");
    let island = match named {
        Some(name) => {
            let found = islands.iter().position(|island| island.id == name);
            if found.is_none() {
                let hint = scenarios::nearest::advice(name, islands.iter().map(|island| island.id.as_str()));
                let message = format!("there is no island `{name}`");
                fields.complain_with("unknown", Some("island"), message, Some(hint));
            }
            found
        }
        None if islands.len() == 1 && !fields.has("island") => Some(0),
        None => fields.need("island", None),
    };
    let (power, load) = (maybe(&mut fields, "power_mw")?, maybe(&mut fields, "load_mw")?);
    let (trip, command) = (fields.text("trip"), fields.text("command"));
    let (to_mw, ramp_s) = (maybe(&mut fields, "to_mw")?, at_least_zero(&mut fields, "ramp_s", 0.0)?);
    let find = |fields: &Fields<'_>, key: &'static str, name: &str, of: &[String]| {
        let found = of.iter().position(|id| id == name);
        if found.is_none() {
            let hint = scenarios::nearest::advice(name, of.iter().map(String::as_str));
            fields.complain_with(
                "unknown",
                Some(key),
                format!("there is no `{name}` in that island"),
                Some(hint),
            );
        }
        found
    };
    let at = &islands[island?];
    let what = match (power, load, trip, command) {
        (Some(mw), None, None, None) => Some(What::Power(mw / base)),
        (None, Some(mw), None, None) => Some(What::Load(mw / base)),
        (None, None, Some(name), None) => find(&fields, "trip", name, &at.units).map(What::Trip),
        (None, None, None, Some(name)) => {
            find(&fields, "command", name, &at.responses).and_then(|response| {
                let to_mw = fields.need("to_mw", to_mw)?;
                Some(What::Command(response, to_mw / base, ramp_s))
            })
        }
        _ => {
            fields.complain("what", None, "an event has one of `power_mw`, `load_mw`, `trip` and `command`");
            None
        }
    };
    fields.finish();
    Some(Event { at_s: at_s?, island: island?, what: what? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"
schema = "gridgate/frequency-study/1"
name = "two"
base_mva = 1000
[[island]]
id = "north"
load_mw = 900
shedding = "npcc"
limits = ["performance"]
[[island.unit]]
id = "G1"
rating_mva = 1000
inertia_s = 4
power_mw = 900
governor = "tgov1"
ride_through = "eastern"
[[island.response]]
id = "B1"
power_mw = 50
trigger_hz = 59.8
[[event]]
at_s = 1
power_mw = -100
"#;

    fn complaints(text: &str) -> Vec<(String, Option<u32>)> {
        let error = parse("s.toml", text, None).expect_err("a complaint");
        let line = |d: &Diagnostic| d.place.as_ref().and_then(|place| place.line);
        error.0.iter().map(|d| (d.code.to_string(), line(d))).collect()
    }

    #[test]
    fn a_sound_study_is_read_in_pu() {
        let study = parse("s.toml", SOUND, Some(12.0)).expect("a study");
        assert_eq!((study.horizon_s, study.events[0].what), (12.0, What::Power(-0.1)));
        let Source::Units(units) = &study.islands[0].model.source else { panic!("units") };
        assert_eq!((units[0].power_pu, units[0].power_max_pu), (0.9, 1.0));
        assert!(units[0].ride_through.is_some());
    }

    #[test]
    fn everything_wrong_is_told_at_its_line() {
        let wrong = SOUND
            .replace("shedding = \"npcc\"", "shedding = \"npc\"")
            .replace("governor = \"tgov1\"", "governor = \"tgov1\"\ndroop = 0.05")
            .replace("trigger_hz = 59.8", "trigger_hz = 60.2");
        assert_eq!(
            complaints(&wrong),
            [
                ("frequency.study.island.unknown-choice".into(), Some(8)),
                ("frequency.study.unit.unknown-key".into(), Some(16)),
                ("frequency.study.response.range".into(), Some(18)),
            ]
        );
        assert_eq!(
            complaints(&SOUND.replace("power_mw = -100", "trip = \"G2\"")),
            [("frequency.study.event.unknown".into(), Some(23))]
        );
        // Without inertia the unit is none, and the island has no frequency.
        assert_eq!(
            complaints(&SOUND.replace("inertia_s = 4", "")),
            [
                ("frequency.study.island.range".into(), Some(5)),
                ("frequency.study.unit.range".into(), Some(10)),
            ]
        );
    }
}
