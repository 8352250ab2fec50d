//! Reading the table `[frequency]`: whether the frequency lives, and what the units are to it.

use powerflow::Index;
use powerflow::{Diagnostic, Diagnostics, Network, UnitIdx};

use super::units::{self, Fast, Technology, WrittenUnit};
use super::{Elements, Settings};
use crate::action::Task;
use crate::fields::Fields;
use crate::frequency::{FrequencyCurve, RideThrough, Side};
use crate::grid::protection;
use crate::grid::protection::frequency::Balance;

/// Code of complaints.
const CODE: &str = "suite.frequency";

/// What a file says of frequency, before the network is known. `None` of a mode that is static.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    settings: WrittenSettings,
    default: WrittenUnit,
    units: Vec<(usize, WrittenUnit, Option<u32>)>,
    line: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct WrittenSettings {
    load_damping: Option<f64>,
    step_s: Option<f64>,
    smallest_share: Option<f64>,
    restored_after_s: Option<f64>,
    measuring_window_s: Option<f64>,
    rocof_window_s: Option<f64>,
    relay_window_s: Option<f64>,
    relay_reset_hz: Option<f64>,
    breaker_s: Option<f64>,
    ride_through: Option<String>,
}

/// Reads the table of a suite; the inner `None`: there is none, or it says `mode = "static"`. The task of commanding fast devices needs it.
pub fn of_suite(suite: &mut Fields<'_>, task: Option<Task>) -> Option<Option<Written>> {
    let written = match suite.table("frequency", CODE) {
        Some(table) => read(table),
        None => suite.or("frequency", None, None),
    };
    if written == Some(None) && task == Some(Task::FrequencyResponse) {
        let hint = "add a table [frequency] that says what inertia the units have".to_owned();
        let message = "the task `frequency_response` needs a frequency that moves, and the suite has none";
        suite.complain_with("frequency", None, message, Some(hint));
    }
    written
}

fn read(mut fields: Fields<'_>) -> Option<Option<Written>> {
    let mode = fields.choice("mode", &[("dynamic", true), ("static", false)]);
    let mode = fields.or("mode", mode, true);
    let line = fields.line();
    let settings = read_settings(&mut fields);
    let default = match fields.table("default", CODE) {
        None => Some(WrittenUnit::default()),
        Some(mut table) => {
            let unit = read_unit(&mut table);
            if table.has("fast") {
                table.complain("default", Some("fast"), "which units are fast is said of each of them");
            }
            table.finish();
            unit
        }
    };
    let mut rows = Vec::new();
    let listed: Vec<Option<(usize, WrittenUnit, Option<u32>)>> = fields
        .tables("unit", CODE)
        .into_iter()
        .map(|mut table| {
            let row = table.integer::<usize>("row", 1);
            let row = table.need("row", row);
            if let Some(row) = row {
                table.rename(format!("unit {row}"));
                if rows.contains(&row) {
                    table.complain("duplicate-row", Some("row"), "this unit is given twice");
                }
                rows.push(row);
            }
            let unit = read_unit(&mut table);
            let line = table.line();
            table.finish();
            Some((row? - 1, unit?, line))
        })
        .collect();
    fields.finish();
    let units = listed.into_iter().collect::<Option<Vec<_>>>();
    let written = Written { settings: settings?, default: default?, units: units?, line };
    Some(mode?.then_some(written))
}

/// A number that may be left out; the outer `None` is a complaint.
fn maybe(
    fields: &mut Fields<'_>,
    key: &'static str,
    range: &str,
    holds: impl Fn(f64) -> bool,
) -> Option<Option<f64>> {
    let number = fields.number(key, range, holds).map(Some);
    fields.or(key, number, None)
}

fn read_settings(fields: &mut Fields<'_>) -> Option<WrittenSettings> {
    let load_damping = maybe(fields, "load_damping_pu", "from 0 to 5", |d| (0.0..=5.0).contains(&d));
    let step_s = maybe(fields, "step_s", "from 0.0001 to 0.05", |s| (1e-4..=0.05).contains(&s));
    let smallest_share = maybe(fields, "smallest_share", "from 0 to 0.01", |s| (0.0..=0.01).contains(&s));
    let restored_after_s = maybe(fields, "restored_after_s", "at least 1", |s| s >= 1.0);
    let window =
        |fields: &mut Fields<'_>, key| maybe(fields, key, "above 0 and at most 1", |s| s > 0.0 && s <= 1.0);
    let measuring_window_s = window(fields, "measuring_window_s");
    let rocof_window_s = window(fields, "rocof_window_s");
    let relay_window_s = maybe(fields, "relay_window_s", "from 0 to 1", |s| (0.0..=1.0).contains(&s));
    let relay_reset_hz = maybe(fields, "relay_reset_hz", "from 0 to 1", |hz| (0.0..=1.0).contains(&hz));
    let breaker_s = maybe(fields, "breaker_s", "from 0 to 1", |s| (0.0..=1.0).contains(&s));
    let ride_through = fields.text("ride_through").map(|name| Some(name.to_owned()));
    let ride_through = fields.or("ride_through", ride_through, None);
    if let Some(Some(name)) = &ride_through
        && name != "off"
        && FrequencyCurve::named(name).is_none()
    {
        let known = FrequencyCurve::NAMES.into_iter().chain(["off"]);
        let hint = scenarios::nearest::advice(name, known);
        let message = format!("there is no curve `{name}`");
        fields.complain_with("unknown-choice", Some("ride_through"), message, Some(hint));
        return None;
    }
    Some(WrittenSettings {
        load_damping: load_damping?,
        step_s: step_s?,
        smallest_share: smallest_share?,
        restored_after_s: restored_after_s?,
        measuring_window_s: measuring_window_s?,
        rocof_window_s: rocof_window_s?,
        relay_window_s: relay_window_s?,
        relay_reset_hz: relay_reset_hz?,
        breaker_s: breaker_s?,
        ride_through: ride_through?,
    })
}

fn read_unit(fields: &mut Fields<'_>) -> Option<WrittenUnit> {
    let technology = fields.choice("technology", &Technology::LIST).map(Some);
    let technology = fields.or("technology", technology, None);
    let inertia_s = maybe(fields, "inertia_s", "from 0 to 100", |s| (0.0..=100.0).contains(&s));
    let rating_mva = maybe(fields, "rating_mva", "above 0", |mva| mva > 0.0);
    let governor = if fields.has("governor") { crate::study::governor(fields).map(Some) } else { Some(None) };
    let deadband_hz = maybe(fields, "deadband_hz", "from 0 to 1", |hz| (0.0..=1.0).contains(&hz));
    let governed_share = maybe(fields, "governed_share", "from 0 to 1", |s| (0.0..=1.0).contains(&s));
    let fast = read_fast(fields);
    Some(WrittenUnit {
        technology: technology?,
        inertia_s: inertia_s?,
        rating_mva: rating_mva?,
        governor: governor?,
        deadband_hz: deadband_hz?,
        governed_share: governed_share?,
        fast: fast?,
    })
}

/// `fast = { ramp_mw_per_s = .., energy_mwh = .., trigger_hz = .., delay_s = .., power_mw = .. }`, all of which may be left out.
fn read_fast(fields: &mut Fields<'_>) -> Option<Option<Fast>> {
    let Some(mut table) = fields.table("fast", CODE) else {
        return (!fields.has("fast")).then_some(None);
    };
    let ramp = maybe(&mut table, "ramp_mw_per_s", "above 0", |ramp| ramp > 0.0);
    let energy_mwh = maybe(&mut table, "energy_mwh", "above 0", |energy| energy > 0.0);
    let trigger_hz = maybe(&mut table, "trigger_hz", "above 0", |hz| hz > 0.0);
    let delay_s = maybe(&mut table, "delay_s", "from 0 to 60", |s| (0.0..=60.0).contains(&s));
    let power_mw = maybe(&mut table, "power_mw", "above 0", |mw| mw > 0.0);
    if let (Some(Some(_)), Some(None)) | (Some(None), Some(Some(_))) = (trigger_hz, power_mw) {
        table.complain("missing", None, "a device that fires by itself needs `trigger_hz` and `power_mw`");
    }
    table.finish();
    Some(Some(Fast {
        ramp_mw_per_s: ramp?.unwrap_or(f64::INFINITY),
        energy_mwh: energy_mwh?,
        trigger_hz: trigger_hz?,
        delay_s: delay_s?.unwrap_or(0.0),
        power_mw: power_mw?.unwrap_or(0.0),
    }))
}

impl Written {
    /// The elements of a network; `file` names the suite in complaints.
    ///
    /// # Errors
    /// `suite.frequency.row` for a unit that the case does not have, `suite.frequency.unit` for one that cannot be as it is described,
    /// `suite.frequency.balance` where the balance of protection is one that has no frequency, `suite.frequency.ride-through`.
    pub fn of(
        &self,
        network: &Network,
        protection: Option<&protection::Settings>,
        file: &str,
    ) -> Result<Elements, Diagnostics> {
        let mut complaints = Diagnostics::default();
        let mut complain = |code: &str, line: Option<u32>, message: String| {
            complaints.push(Diagnostic::error(format!("{CODE}.{code}"), message).at(file, line));
        };
        let relays = protection.and_then(|settings| settings.frequency.as_ref());
        if relays.is_some_and(|relays| relays.balance != Balance::PmaxShare) {
            let message = "a frequency that moves needs protection.frequency.balance = \"pmax_share\": the others say themselves where it settles";
            complain("balance", self.line, message.into());
        }
        let hz = network.frequency_hz;
        let default = Settings::default();
        let written = &self.settings;
        let ride_through = match (&written.ride_through, relays) {
            (Some(name), _) if name == "off" => None,
            (Some(name), _) => FrequencyCurve::named(name).map(RideThrough::of_curve),
            (None, None) => None,
            (None, Some(relays)) => Some(default_ride_through(hz, relays.unit_low_hz, relays.unit_high_hz)),
        };
        for wrong in ride_through.iter().flat_map(|curve| curve.wrong(hz)) {
            complain("ride-through", self.line, wrong);
        }
        let settings = Settings {
            load_damping: written.load_damping.or(relays.map(|r| r.damping)).unwrap_or(default.load_damping),
            step_s: written.step_s.unwrap_or(default.step_s),
            smallest_share: written.smallest_share.unwrap_or(default.smallest_share),
            restored_after_s: written.restored_after_s.unwrap_or(default.restored_after_s),
            measuring_window_s: written.measuring_window_s.unwrap_or(default.measuring_window_s),
            rocof_window_s: written.rocof_window_s.unwrap_or(default.rocof_window_s),
            relay_window_s: written.relay_window_s.unwrap_or(default.relay_window_s),
            relay_reset_hz: written.relay_reset_hz.unwrap_or(default.relay_reset_hz),
            breaker_s: written.breaker_s.unwrap_or(default.breaker_s),
            stages: relays.map_or_else(Vec::new, |relays| relays.stages.clone()),
            ride_through,
        };
        let count = network.units.bus.len();
        for (row, _, line) in self.units.iter().filter(|(row, ..)| *row >= count) {
            complain("row", *line, format!("the case has {count} units, and none in row {}", row + 1));
        }
        let listed: Vec<(usize, WrittenUnit)> =
            self.units.iter().map(|(row, unit, _)| (*row, unit.clone())).collect();
        let units = units::of_network(network, &self.default, &listed, settings.ride_through.as_ref());
        for (row, _, line) in self.units.iter().filter(|(row, ..)| *row < count) {
            for wrong in units[*row].wrong(network, UnitIdx::from_row(*row)) {
                complain("unit", *line, format!("unit {}: {wrong}", row + 1));
            }
        }
        complaints.into_result(())?;
        Ok(Elements::new(settings, units))
    }
}

/// What units endure where the suite names no curve: at 60 Hz the eastern curve of NERC PRC-024, at other frequencies none in time; in both the
/// instantaneous trips are those of `[protection.frequency]`.
fn default_ride_through(nominal_hz: f64, low_hz: f64, high_hz: f64) -> RideThrough {
    let eastern = FrequencyCurve::named("eastern").filter(|curve| curve.nominal_hz == nominal_hz);
    let side = |hz: f64, inverse| Side { levels: vec![(hz, 0.0)], inverse };
    let (name, under, over) = match eastern {
        Some(curve) => ("eastern", curve.under.inverse, curve.over.inverse),
        None => ("instantaneous", None, None),
    };
    RideThrough::of_curve(FrequencyCurve {
        name: name.into(),
        nominal_hz,
        under: side(low_hz, under),
        over: side(high_hz, over),
    })
}

impl Elements {
    /// Every setting by its name, as evidence lists them.
    pub fn in_words(&self) -> Vec<(String, String)> {
        let mut words: Vec<(String, String)> = Vec::new();
        let mut say = |name: &str, value: String| words.push((format!("frequency.{name}"), value));
        let s = &self.settings;
        for (name, value) in [
            ("load_damping_pu", s.load_damping),
            ("step_s", s.step_s),
            ("smallest_share", s.smallest_share),
            ("restored_after_s", s.restored_after_s),
            ("measuring_window_s", s.measuring_window_s),
            ("rocof_window_s", s.rocof_window_s),
            ("relay_window_s", s.relay_window_s),
            ("relay_reset_hz", s.relay_reset_hz),
            ("breaker_s", s.breaker_s),
        ] {
            say(name, value.to_string());
        }
        say(
            "ride_through",
            s.ride_through.as_ref().map_or_else(|| "off".into(), |curve| curve.curve.name.to_string()),
        );
        for (_, technology) in Technology::LIST {
            let of = || self.units.iter().filter(|unit| unit.technology == technology && unit.fast.is_none());
            let count = of().count();
            if count > 0 {
                let inertia = || of().map(|unit| unit.model.inertia_s);
                let (low, high) = (inertia().fold(f64::INFINITY, f64::min), inertia().fold(0.0, f64::max));
                let range = if low == high { format!("{low}") } else { format!("{low} to {high}") };
                say(&format!("units.{}", technology.id()), format!("{count}, H = {range} s"));
            }
        }
        let fast = self.units.iter().filter(|unit| unit.fast.is_some()).count();
        say("units.fast", fast.to_string());
        words
    }
}
