//! Reading `[slow]`, `[agc]`, `[[remedial]]` and `[units]`. Elements are named as people do: rows of the file from 1, buses by number.

use powerflow::{BranchIdx, BusId, BusIdx, Diagnostic, Diagnostics, Index, Network, UnitIdx};

use super::Settings;
use crate::fields::Fields;
use crate::grid::agc::{self, Storage};
use crate::grid::device::Act;
use crate::grid::remedial::{Scheme, Trigger};
use crate::grid::slow::{self, load_recovery, shunt_switching, tap_changer};
use crate::grid::units;
use crate::grid::units::{Kind, ReactiveMode, UnitSettings};

/// What a suite says, before the network is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    slow: slow::Settings,
    agc: Option<WrittenAgc>,
    remedial: Vec<WrittenScheme>,
    units: Vec<WrittenUnit>,
    trip_margin: f64,
}

#[derive(Clone, Debug, PartialEq)]
struct WrittenAgc {
    settings: agc::Settings,
    storage: Vec<WrittenStorage>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct WrittenStorage {
    line: Option<u32>,
    unit: u32,
    energy_mwh: f64,
    initial_mwh: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct WrittenUnit {
    line: Option<u32>,
    row: u32,
    kind: Kind,
    mode: ReactiveMode,
    cessation_pu: Option<f64>,
    resume_s: f64,
}

#[derive(Clone, Debug, PartialEq)]
struct WrittenScheme {
    line: Option<u32>,
    id: String,
    when: Vec<WrittenTrigger>,
    delay_s: f64,
    then: Vec<WrittenAct>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum WrittenTrigger {
    BranchOut(u32),
    UnitOut(u32),
    LoadingAbove(u32, f64),
    VoltageBelow(u64, f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum WrittenAct {
    Trip(u32),
    Open(u32),
    Shed(u64, f64),
}

/// Reads the tables of a suite's root. `None` after a complaint.
pub fn read(fields: &mut Fields<'_>) -> Option<Written> {
    let slow = match fields.table("slow", "suite.slow") {
        None => Some(slow::Settings::default()),
        Some(table) => read_slow(table),
    };
    let agc = match fields.table("agc", "suite.agc") {
        None => Some(None),
        Some(table) => read_agc(table),
    };
    let schemes: Vec<_> = fields.tables("remedial", "suite.remedial").into_iter().map(read_scheme).collect();
    let units = match fields.table("units", "suite.units") {
        None => Some((Vec::new(), 1.0)),
        Some(table) => read_units(table),
    };
    let remedial: Option<Vec<WrittenScheme>> = schemes.into_iter().collect();
    let (units, trip_margin) = units?;
    Some(Written { slow: slow?, agc: agc?, remedial: remedial?, units, trip_margin })
}

fn positive(fields: &mut Fields<'_>, key: &'static str, default: f64) -> Option<f64> {
    let number = fields.number(key, "above 0", |number| number > 0.0);
    fields.or(key, number, default)
}

fn not_negative(fields: &mut Fields<'_>, key: &'static str, default: f64) -> Option<f64> {
    let number = fields.number(key, "at least 0", |number| number >= 0.0);
    fields.or(key, number, default)
}

/// A table that may say `on = false`. The outer `None` is a complaint.
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

fn read_slow(mut fields: Fields<'_>) -> Option<slow::Settings> {
    let default = slow::Settings::default();
    let taps = switchable(fields.table("taps", "suite.slow"), default.taps, |fields| {
        let default = tap_changer::Settings::default();
        let first_s = not_negative(fields, "first_s", default.first_s);
        // Without a delay between positions a tap would run through its range in no time.
        let next_s = positive(fields, "next_s", default.next_s);
        Some(tap_changer::Settings { first_s: first_s?, next_s: next_s? })
    });
    let shunts = switchable(fields.table("shunts", "suite.slow"), default.shunts, |fields| {
        let default = shunt_switching::Settings::default();
        let delay_s = positive(fields, "delay_s", default.delay_s);
        let rest_s = not_negative(fields, "rest_s", default.rest_s);
        Some(shunt_switching::Settings { delay_s: delay_s?, rest_s: rest_s? })
    });
    let load_recovery =
        switchable(fields.table("load_recovery", "suite.slow"), default.load_recovery, |fields| {
            let default = load_recovery::Settings::default();
            let p_at_once = not_negative(fields, "p_exponent", default.at_once[0]);
            let q_at_once = not_negative(fields, "q_exponent", default.at_once[1]);
            let p_in_the_end = not_negative(fields, "p_exponent_recovered", default.in_the_end[0]);
            let q_in_the_end = not_negative(fields, "q_exponent_recovered", default.in_the_end[1]);
            let recovery_s = positive(fields, "recovery_s", default.recovery_s);
            let update_s = positive(fields, "update_s", default.update_s);
            Some(load_recovery::Settings {
                at_once: [p_at_once?, q_at_once?],
                in_the_end: [p_in_the_end?, q_in_the_end?],
                recovery_s: recovery_s?,
                update_s: update_s?,
            })
        });
    fields.finish();
    Some(slow::Settings { taps: taps?, shunts: shunts?, load_recovery: load_recovery? })
}

/// A row of the file, from 1.
fn row(fields: &mut Fields<'_>, key: &'static str) -> Option<u32> {
    fields.integer::<u32>(key, 1)
}

fn read_agc(mut fields: Fields<'_>) -> Option<Option<WrittenAgc>> {
    let default = agc::Settings::default();
    let on = fields.flag("on");
    let on = fields.or("on", on, true);
    let cycle_s = fields.number("cycle_s", "from 1 to 60", |s| (1.0..=60.0).contains(&s));
    let cycle_s = fields.or("cycle_s", cycle_s, default.cycle_s);
    let time_constant_s = positive(&mut fields, "time_constant_s", default.time_constant_s);
    let deadband = positive(&mut fields, "deadband", default.deadband);
    let regulation = not_negative(&mut fields, "regulation", default.regulation);
    let contingency = positive(&mut fields, "contingency", default.contingency);
    let reserve = not_negative(&mut fields, "reserve", default.reserve);
    let ramp = not_negative(&mut fields, "ramp_share_per_min", default.ramp_share_per_min);
    let storage: Vec<Option<WrittenStorage>> = fields
        .tables("storage", "suite.agc")
        .into_iter()
        .map(|mut table| {
            let unit = row(&mut table, "unit");
            let unit = table.need("unit", unit);
            let energy_mwh = table.number("energy_mwh", "above 0", |mwh| mwh > 0.0);
            let energy_mwh = table.need("energy_mwh", energy_mwh);
            let most = energy_mwh.unwrap_or(f64::INFINITY);
            let initial =
                table.number("initial_mwh", "from 0 to its energy", |mwh| (0.0..=most).contains(&mwh));
            let initial = table.or("initial_mwh", initial, most / 2.0);
            let line = table.line();
            table.finish();
            Some(WrittenStorage { line, unit: unit?, energy_mwh: energy_mwh?, initial_mwh: initial? })
        })
        .collect();
    fields.finish();
    let settings = agc::Settings {
        cycle_s: cycle_s?,
        time_constant_s: time_constant_s?,
        deadband: deadband?,
        regulation: regulation?,
        contingency: contingency?,
        reserve: reserve?,
        ramp_share_per_min: ramp?,
        storage: Vec::new(),
    };
    let written = WrittenAgc { settings, storage: storage.into_iter().collect::<Option<_>>()? };
    Some(on?.then_some(written))
}

/// Every table under a key, each read whole; `None` after a complaint.
fn each<T>(
    fields: &mut Fields<'_>,
    key: &'static str,
    read: impl Fn(&mut Fields<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let one = |mut table: Fields<'_>| {
        let item = read(&mut table);
        table.finish();
        item
    };
    let items: Vec<Option<T>> = fields.tables(key, "suite.remedial").into_iter().map(one).collect();
    if items.is_empty() {
        fields.complain("missing", Some(key), format!("`{key}` is missing or empty"));
        return None;
    }
    items.into_iter().collect()
}

/// The number beside a key: `loading` beside `branch_loading`, say.
fn beside(fields: &mut Fields<'_>, key: &'static str, range: &str, holds: fn(f64) -> bool) -> Option<f64> {
    let number = fields.number(key, range, holds);
    fields.need(key, number)
}

fn read_trigger(fields: &mut Fields<'_>) -> Option<WrittenTrigger> {
    if fields.has("branch_out") {
        return row(fields, "branch_out").map(WrittenTrigger::BranchOut);
    }
    if fields.has("unit_out") {
        return row(fields, "unit_out").map(WrittenTrigger::UnitOut);
    }
    if fields.has("branch") {
        let branch = row(fields, "branch");
        let above = beside(fields, "loading_above", "above 0", |loading| loading > 0.0);
        return Some(WrittenTrigger::LoadingAbove(branch?, above?));
    }
    if fields.has("bus") {
        let bus = fields.integer::<u64>("bus", 0);
        let below = beside(fields, "voltage_below_pu", "between 0 and 2", |pu| pu > 0.0 && pu < 2.0);
        return Some(WrittenTrigger::VoltageBelow(bus?, below?));
    }
    let hint = "branch_out = ROW, unit_out = ROW, branch = ROW with loading_above, or bus = NUMBER with voltage_below_pu";
    fields.complain_with("trigger", None, "this is no trigger", Some(hint.to_owned()));
    None
}

fn read_act(fields: &mut Fields<'_>) -> Option<WrittenAct> {
    if fields.has("trip_unit") {
        return row(fields, "trip_unit").map(WrittenAct::Trip);
    }
    if fields.has("open_branch") {
        return row(fields, "open_branch").map(WrittenAct::Open);
    }
    if fields.has("shed_bus") {
        let bus = fields.integer::<u64>("shed_bus", 0);
        let share = beside(fields, "share", "above 0 and at most 1", |share| share > 0.0 && share <= 1.0);
        return Some(WrittenAct::Shed(bus?, share?));
    }
    let hint = "trip_unit = ROW, open_branch = ROW, or shed_bus = NUMBER with share";
    fields.complain_with("action", None, "this is no action", Some(hint.to_owned()));
    None
}

fn read_scheme(mut fields: Fields<'_>) -> Option<WrittenScheme> {
    let id = fields.name("id");
    let id = fields.need("id", id).map(str::to_owned);
    if let Some(id) = &id {
        fields.rename(format!("remedial scheme `{id}`"));
    }
    let when = each(&mut fields, "when", read_trigger);
    let delay_s = not_negative(&mut fields, "delay_s", 0.2);
    let then = each(&mut fields, "then", read_act);
    let line = fields.line();
    fields.finish();
    Some(WrittenScheme { line, id: id?, when: when?, delay_s: delay_s?, then: then? })
}

fn read_units(mut fields: Fields<'_>) -> Option<(Vec<WrittenUnit>, f64)> {
    let margin = fields.number("trip_margin", "at least 1", |margin| margin >= 1.0);
    let margin = fields.or("trip_margin", margin, 1.0);
    let units: Vec<Option<WrittenUnit>> =
        fields.tables("unit", "suite.units").into_iter().map(read_unit).collect();
    fields.finish();
    Some((units.into_iter().collect::<Option<_>>()?, margin?))
}

fn read_unit(mut fields: Fields<'_>) -> Option<WrittenUnit> {
    let unit = row(&mut fields, "row");
    let unit = fields.need("row", unit);
    let kind = fields.choice("kind", &Kind::LIST);
    let kind = fields.or("kind", kind, Kind::default());
    let mode = fields.choice("mode", &[("voltage", 0), ("power_factor", 1), ("q", 2)]);
    let mode = match (fields.has("mode"), mode) {
        (false, _) => Some(ReactiveMode::File),
        (true, Some(0)) => Some(ReactiveMode::Voltage),
        (true, Some(1)) => {
            let ratio = fields.finite("q_per_p");
            fields.need("q_per_p", ratio).map(ReactiveMode::PowerFactor)
        }
        (true, Some(_)) => {
            let q = fields.finite("q_mvar");
            fields.need("q_mvar", q).map(ReactiveMode::Reactive)
        }
        (true, None) => None,
    };
    let cessation = fields.number("cessation_pu", "between 0 and 1", |pu| pu > 0.0 && pu < 1.0).map(Some);
    let cessation = fields.or("cessation_pu", cessation, None);
    // NERC Reliability Guideline on BPS-connected inverter-based resources, 2018: back within a second.
    let resume_s = not_negative(&mut fields, "resume_s", 1.0);
    let (is_machine, ceases) = (kind == Some(Kind::Synchronous), matches!(cessation, Some(Some(_))));
    if is_machine && ceases {
        fields.complain("range", Some("cessation_pu"), "a synchronous machine does not stop its current");
    }
    let line = fields.line();
    fields.finish();
    Some(WrittenUnit {
        line,
        row: unit?,
        kind: kind?,
        mode: mode?,
        cessation_pu: cessation?,
        resume_s: resume_s?,
    })
}

/// Names to elements, with a complaint at its line for each that does not exist.
struct Names<'a> {
    network: &'a Network,
    file: &'a str,
    complaints: Diagnostics,
}

impl Names<'_> {
    fn row<I: Index>(&mut self, row: u32, rows: usize, what: &str, line: Option<u32>) -> I {
        if row as usize > rows {
            let message = format!("there is no {what} in row {row}: the case has {rows}");
            let complaint = Diagnostic::error(format!("suite.unknown-{what}"), message);
            self.complaints.0.push(complaint.at(self.file, line).hint("rows are counted from 1"));
            return I::from_row(0);
        }
        I::from_row(row as usize - 1)
    }

    fn branch(&mut self, row: u32, line: Option<u32>) -> BranchIdx {
        self.row(row, self.network.branches.from.len(), "branch", line)
    }

    fn unit(&mut self, row: u32, line: Option<u32>) -> UnitIdx {
        self.row(row, self.network.units.bus.len(), "unit", line)
    }

    fn bus(&mut self, id: u64, line: Option<u32>) -> BusIdx {
        self.network.bus(BusId(id)).unwrap_or_else(|found| {
            self.complaints.0.extend(found.0.into_iter().map(|complaint| complaint.at(self.file, line)));
            BusIdx::from_row(0)
        })
    }
}

impl Written {
    /// The settings for a network. `file` is the suite's name, for messages.
    ///
    /// # Errors
    /// `suite.unknown-branch`, `suite.unknown-unit`, `network.unknown-bus` for each name that the network does not have;
    /// `suite.agc.balance` where generation control is on and secondary control has already happened in the power flow.
    pub fn of(&self, network: &Network, file: &str, droop: bool) -> Result<Settings, Diagnostics> {
        let mut names = Names { network, file, complaints: Diagnostics::default() };
        if self.agc.is_some() && !droop {
            let message = "generation control needs a frequency that its units have not yet corrected";
            names.complaints.0.push(
                Diagnostic::error("suite.agc.balance", message)
                    .at(file, None)
                    .hint("add balance = \"droop\" to [protection.frequency]"),
            );
        }
        let agc = self.agc.as_ref().map(|written| {
            let storage = written.storage.iter().map(|storage| Storage {
                unit: names.unit(storage.unit, storage.line),
                energy_mwh: storage.energy_mwh,
                initial_mwh: storage.initial_mwh,
            });
            agc::Settings { storage: storage.collect(), ..written.settings.clone() }
        });
        let remedial = self.remedial.iter().map(|scheme| scheme.of(&mut names)).collect();
        let unit = |written: &WrittenUnit, names: &mut Names<'_>| UnitSettings {
            unit: names.unit(written.row, written.line),
            kind: written.kind,
            mode: written.mode,
            cessation_pu: written.cessation_pu,
            resume_s: written.resume_s,
        };
        let mut list: Vec<UnitSettings> =
            self.units.iter().map(|written| unit(written, &mut names)).collect();
        list.sort_by_key(|unit| unit.unit);
        if let Some(twice) = list.windows(2).find(|pair| pair[0].unit == pair[1].unit) {
            let message = format!("{} is given twice", network.unit_name(twice[0].unit));
            names.complaints.0.push(Diagnostic::error("suite.units.duplicate", message).at(file, None));
        }
        let units = units::Settings { units: list, trip_margin: self.trip_margin.max(1.0) };
        let settings = Settings { slow: self.slow, agc, remedial, units };
        names.complaints.into_result(settings)
    }
}

impl WrittenScheme {
    fn of(&self, names: &mut Names<'_>) -> Scheme {
        let line = self.line;
        let when = self.when.iter().map(|trigger| match *trigger {
            WrittenTrigger::BranchOut(row) => Trigger::BranchOut(names.branch(row, line)),
            WrittenTrigger::UnitOut(row) => Trigger::UnitOut(names.unit(row, line)),
            WrittenTrigger::LoadingAbove(row, loading) => {
                Trigger::LoadingAbove(names.branch(row, line), loading)
            }
            WrittenTrigger::VoltageBelow(bus, pu) => Trigger::VoltageBelow(names.bus(bus, line), pu),
        });
        let when = when.collect();
        let then = self.then.iter().map(|act| match *act {
            WrittenAct::Trip(row) => Act::Trip(names.unit(row, line)),
            WrittenAct::Open(row) => Act::Open(names.branch(row, line)),
            WrittenAct::Shed(bus, share) => Act::Shed(names.bus(bus, line), share),
        });
        Scheme { id: self.id.clone(), when, delay_s: self.delay_s, then: then.collect() }
    }
}

impl Settings {
    /// Every setting by its name in the suite, as evidence lists them.
    pub fn in_words(&self) -> Vec<(String, String)> {
        let off = || "off".to_owned();
        let mut words = vec![
            ("slow.taps".to_owned(), self.slow.taps.map_or_else(off, |taps| format!("{taps:?}"))),
            ("slow.shunts".into(), self.slow.shunts.map_or_else(off, |shunts| format!("{shunts:?}"))),
            (
                "slow.load_recovery".into(),
                self.slow.load_recovery.map_or_else(off, |load| format!("{load:?}")),
            ),
            ("agc".into(), self.agc.as_ref().map_or_else(off, |agc| format!("{agc:?}"))),
        ];
        for scheme in &self.remedial {
            let what = format!("{:?} for {} s: {:?}", scheme.when, scheme.delay_s, scheme.then);
            words.push((format!("remedial.{}", scheme.id), what));
        }
        if self.units != units::Settings::default() {
            words.push(("units.trip_margin".into(), self.units.trip_margin.to_string()));
        }
        for unit in &self.units.units {
            words.push((format!("units.{}", unit.unit.row() + 1), format!("{unit:?}")));
        }
        words
    }
}
