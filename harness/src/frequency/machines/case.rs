//! The case file: network on the system base, machines and governors on their own; checked, with every complaint.
//!
//! The format is described in `docs/formats/machines-case.md`. Source: ANDES 2.0.0, model reference (Bus, PQ, PV, Slack,
//! Shunt, Line, GENCLS, GENROU, TGOV1).

use std::collections::BTreeMap;
use std::path::Path;

use powerflow::{Diagnostic, Diagnostics};
use scenarios::nearest::nearest;

use super::circuits::Circuits;
use super::exciter::{Exciter, Stabiliser};
use super::field::{self, FIELD};
use super::phasor::Phasor;
use super::sections::{Row, Sections};

/// Power base of networks in this format, MVA: the files do not carry it. Source: ANDES, `System.config.mva`.
pub(super) const SYSTEM_BASE_MVA: f64 = 100.0;

/// Buses that dense elimination is for: its cost grows with their cube, a few seconds for each topology at this size.
const BUSES_MAX: usize = 2_000;

/// Tables that are read.
const READ: [&str; 10] = ["Bus", "PQ", "PV", "Slack", "Shunt", "Line", "GENCLS", "GENROU", "TGOV1", "TGOV1N"];

/// Tables that describe, or measure, and act on nothing.
const SILENT: [&str; 7] = ["Area", "Region", "Owner", "Zone", "BusFreq", "BusROCOF", "ACEc"];

/// A bus.
#[derive(Clone, Debug)]
pub(super) struct Bus {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) nominal_kv: f64,
    /// Where the power flow starts.
    pub(super) vm_pu: f64,
    pub(super) va_rad: f64,
    pub(super) in_service: bool,
    pub(super) line: Option<u32>,
}

/// A demand: constant power in the power flow, constant admittance afterwards.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) bus: usize,
    pub(super) p_pu: f64,
    pub(super) q_pu: f64,
    pub(super) in_service: bool,
}

/// A fixed shunt.
#[derive(Clone, Debug)]
pub(super) struct Shunt {
    pub(super) bus: usize,
    /// `g + j b`, pu.
    pub(super) admittance: Phasor,
    pub(super) in_service: bool,
}

/// A line or transformer: pi model, ideal transformer at its first end.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) r_pu: f64,
    pub(super) x_pu: f64,
    /// `g + j b` at the first end and at the second, pu.
    pub(super) shunt: [Phasor; 2],
    pub(super) tap: f64,
    pub(super) shift_rad: f64,
    pub(super) in_service: bool,
    pub(super) line: Option<u32>,
}

/// A generator of the power flow.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) id: String,
    pub(super) bus: usize,
    pub(super) p_pu: f64,
    pub(super) q_pu: f64,
    pub(super) v_set_pu: f64,
    /// Angle that it holds, where it is the reference.
    pub(super) reference_rad: Option<f64>,
    pub(super) in_service: bool,
    pub(super) line: Option<u32>,
}

/// TGOV1 on its machine's base.
#[derive(Clone, Copy, Debug)]
pub(super) struct Governor {
    pub(super) droop: f64,
    pub(super) valve_max: f64,
    pub(super) valve_min: f64,
    pub(super) servo_s: f64,
    pub(super) lead_s: f64,
    pub(super) lag_s: f64,
    pub(super) damping: f64,
}

/// A synchronous machine.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) bus: usize,
    pub(super) source: usize,
    /// Share of its source's active and reactive power.
    pub(super) share: [f64; 2],
    /// Its base, MVA.
    pub(super) base_mva: f64,
    /// `2 H` on its base, s.
    pub(super) m_s: f64,
    /// On its base.
    pub(super) damping: f64,
    pub(super) resistance: f64,
    pub(super) transient_reactance: f64,
    pub(super) in_service: bool,
    pub(super) governor: Option<Governor>,
    /// Field and damper circuits; without them its voltage behind the transient reactance is constant.
    pub(super) circuits: Option<Circuits>,
    pub(super) exciter: Option<Exciter>,
    pub(super) stabiliser: Option<Stabiliser>,
}

impl Machine {
    /// Reactance behind which its voltage is a state, or constant, on its base.
    pub(super) fn reactance(&self) -> f64 {
        self.circuits.map_or(self.transient_reactance, |circuits| circuits.subtransient)
    }
}

/// A case, checked: every number is finite, every name resolves.
#[derive(Clone, Debug)]
pub(super) struct MachineCase {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) frequency_hz: f64,
    pub(super) buses: Vec<Bus>,
    pub(super) loads: Vec<Load>,
    pub(super) shunts: Vec<Shunt>,
    pub(super) lines: Vec<Line>,
    pub(super) sources: Vec<Source>,
    pub(super) machines: Vec<Machine>,
    /// What the file describes and is left out, one sentence each.
    pub(super) warnings: Vec<String>,
}

impl MachineCase {
    /// Reads a case file; `classical` leaves field circuits and what acts on them out.
    ///
    /// # Errors
    /// All that is wrong with it, each with its line.
    pub(super) fn read(path: &Path, classical: bool) -> Result<Self, Diagnostics> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Diagnostic::error("machines.case.unreadable", format!("the case cannot be read: {error}"))
                .at(path.display().to_string(), None)
        })?;
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Self::of(name, &Sections::read(path, &text)?, classical)
    }

    fn of(name: String, sections: &Sections, classical: bool) -> Result<Self, Diagnostics> {
        let mut wrong = Diagnostics::default();
        unknown_tables(sections, &mut wrong);
        let (buses, bus_of) = buses(sections, &mut wrong);
        let known = Known { file: sections.file(), bus_of: &bus_of };
        let loads = loads(sections, &known, &mut wrong);
        let shunts = shunts(sections, &known, &mut wrong);
        let lines = lines(sections, &known, &buses, &mut wrong);
        let sources = sources(sections, &known, &buses, &mut wrong);
        let (machines, frequency_hz, warnings) =
            machines(sections, &known, (&buses, &sources), classical, &mut wrong);
        let case = Self {
            name,
            file: sections.file().to_owned(),
            frequency_hz,
            buses,
            loads,
            shunts,
            lines,
            sources,
            machines,
            warnings,
        };
        wrong.into_result(case)
    }
}

/// Where buses are, by name.
struct Known<'a> {
    file: &'a str,
    bus_of: &'a BTreeMap<String, usize>,
}

impl Known<'_> {
    /// The bus that a field names; a complaint and nothing where there is none.
    fn bus(&self, row: &Row<'_>, key: &str, wrong: &mut Diagnostics) -> Option<usize> {
        let name = row.name(key, wrong)?;
        let found = self.bus_of.get(&name).copied();
        if found.is_none() {
            wrong.push(unknown(row, &format!("{key} names bus {name}"), &name, self.bus_of.keys()));
        }
        found
    }
}

/// A complaint about a name that nothing has.
pub(super) fn unknown<'a>(
    row: &Row<'_>,
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a String>,
) -> Diagnostic {
    let complaint =
        row.error("machines.case.unknown-name", &format!("{what}, which the file does not define"));
    match nearest(name, known.map(String::as_str)) {
        Some(meant) => complaint.hint(format!("did you mean {meant}?")),
        None => complaint,
    }
}

fn unknown_tables(sections: &Sections, wrong: &mut Diagnostics) {
    let known = || READ.iter().chain(&SILENT).chain(&FIELD).copied();
    for section in sections.names().filter(|name| !known().any(|known| known == *name)) {
        let message = format!(
            "the table {section} is none that is understood, and leaving it out may change the answer"
        );
        let hint = match nearest(section, known()) {
            Some(meant) => format!("did you mean {meant}? Governors are TGOV1, machines GENCLS or GENROU"),
            None => {
                "governors are TGOV1, machines GENCLS or GENROU; events are given with --event".to_owned()
            }
        };
        wrong.push(
            Diagnostic::error("machines.case.unknown-table", message).at(sections.file(), None).hint(hint),
        );
    }
}

/// Notes a name; a complaint where it is taken.
fn define(names: &mut BTreeMap<String, usize>, row: &Row<'_>, id: &str, at: usize, wrong: &mut Diagnostics) {
    if names.insert(id.to_owned(), at).is_some() {
        wrong.push(row.error("machines.case.twice", "another row has the same idx"));
    }
}

fn positive(row: &Row<'_>, key: &str, value: f64, wrong: &mut Diagnostics) -> Option<f64> {
    if value > 0.0 {
        return Some(value);
    }
    wrong.push(row.error("machines.case.range", &format!("{key} is {value}, it should be above 0")));
    None
}

/// A base that must be the one the network is on; a file without the field means just that.
fn same_base(row: &Row<'_>, key: &str, base: f64, wrong: &mut Diagnostics) {
    if let Some(value) = row.number_or(key, base, wrong)
        && !((value - base).abs() <= 1e-9 * base.abs())
    {
        let what = format!("{key} is {value}, but the network is on {base}");
        let complaint = row.error("machines.case.base", &what);
        wrong.push(
            complaint.hint("convert impedances to the system base and to the nominal voltage of the bus"),
        );
    }
}

fn buses(sections: &Sections, wrong: &mut Diagnostics) -> (Vec<Bus>, BTreeMap<String, usize>) {
    let mut buses = Vec::new();
    let mut bus_of = BTreeMap::new();
    for row in sections.rows("Bus") {
        let read = |wrong: &mut Diagnostics| {
            Some(Bus {
                id: row.name("idx", wrong)?,
                name: row.name_if_any("name"),
                nominal_kv: row.number_or("Vn", 0.0, wrong)?,
                vm_pu: row.number_or("v0", 1.0, wrong).and_then(|v| positive(&row, "v0", v, wrong))?,
                va_rad: row.number_or("a0", 0.0, wrong)?,
                in_service: row.in_service(wrong)?,
                line: row.line(),
            })
        };
        if let Some(bus) = read(wrong) {
            define(&mut bus_of, &row, &bus.id, buses.len(), wrong);
            buses.push(bus);
        }
    }
    if buses.is_empty() && !wrong.has_errors() {
        wrong.push(Diagnostic::error("machines.case.empty", "the case has no bus").at(sections.file(), None));
    }
    if buses.len() > BUSES_MAX {
        let message = format!("the case has {} buses, at most {BUSES_MAX} can be simulated", buses.len());
        wrong.push(Diagnostic::error("machines.case.too-large", message).at(sections.file(), None));
    }
    (buses, bus_of)
}

fn loads(sections: &Sections, known: &Known<'_>, wrong: &mut Diagnostics) -> Vec<Load> {
    let mut names = BTreeMap::new();
    let mut loads = Vec::new();
    for row in sections.rows("PQ") {
        let (id, bus) = (row.name("idx", wrong), known.bus(&row, "bus", wrong));
        let (p, q) = (row.number("p0", wrong), row.number("q0", wrong));
        let in_service = row.in_service(wrong);
        if let (Some(id), Some(bus), Some(p_pu), Some(q_pu), Some(in_service)) = (id, bus, p, q, in_service) {
            define(&mut names, &row, &id, loads.len(), wrong);
            loads.push(Load { id, name: row.name_if_any("name"), bus, p_pu, q_pu, in_service });
        }
    }
    loads
}

fn shunts(sections: &Sections, known: &Known<'_>, wrong: &mut Diagnostics) -> Vec<Shunt> {
    let mut shunts = Vec::new();
    for row in sections.rows("Shunt") {
        same_base(&row, "Sn", SYSTEM_BASE_MVA, wrong);
        let bus = known.bus(&row, "bus", wrong);
        let (g, b) = (row.number_or("g", 0.0, wrong), row.number_or("b", 0.0, wrong));
        let in_service = row.in_service(wrong);
        if let (Some(bus), Some(g), Some(b), Some(in_service)) = (bus, g, b, in_service) {
            shunts.push(Shunt { bus, admittance: Phasor::new(g, b), in_service });
        }
    }
    shunts
}

fn lines(sections: &Sections, known: &Known<'_>, buses: &[Bus], wrong: &mut Diagnostics) -> Vec<Line> {
    let mut names = BTreeMap::new();
    let mut lines = Vec::new();
    for row in sections.rows("Line") {
        same_base(&row, "Sn", SYSTEM_BASE_MVA, wrong);
        let (from, to) = (known.bus(&row, "bus1", wrong), known.bus(&row, "bus2", wrong));
        for (key, bus) in [("Vn1", from), ("Vn2", to)] {
            if let Some(bus) = bus {
                same_base(&row, key, buses[bus].nominal_kv, wrong);
            }
        }
        let read = |wrong: &mut Diagnostics| {
            let mut number = |key: &str, default: f64| row.number_or(key, default, wrong);
            let (g, b) = (number("g", 0.0)?, number("b", 0.0)?);
            let end = |g_end: f64, b_end: f64| Phasor::new(0.5 * g + g_end, 0.5 * b + b_end);
            let shunt =
                [end(number("g1", 0.0)?, number("b1", 0.0)?), end(number("g2", 0.0)?, number("b2", 0.0)?)];
            let (tap, shift_rad) = (number("tap", 1.0)?, number("phi", 0.0)?);
            Some(Line {
                id: row.name("idx", wrong)?,
                name: row.name_if_any("name"),
                from: from?,
                to: to?,
                r_pu: row.number("r", wrong)?,
                x_pu: row.number("x", wrong)?,
                shunt,
                tap: positive(&row, "tap", tap, wrong)?,
                shift_rad,
                in_service: row.in_service(wrong)?,
                line: row.line(),
            })
        };
        let Some(line) = read(wrong) else { continue };
        if line.r_pu == 0.0 && line.x_pu == 0.0 {
            let complaint = row.error("machines.case.range", "r and x are both 0");
            wrong.push(complaint.hint("join its buses, or give it a small reactance such as 1e-4"));
        }
        if line.from == line.to {
            wrong.push(row.error("machines.case.range", "both ends are at the same bus"));
        }
        define(&mut names, &row, &line.id, lines.len(), wrong);
        lines.push(line);
    }
    lines
}

fn sources(sections: &Sections, known: &Known<'_>, buses: &[Bus], wrong: &mut Diagnostics) -> Vec<Source> {
    let mut names = BTreeMap::new();
    let mut sources: Vec<Source> = Vec::new();
    for row in sections.rows("PV").chain(sections.rows("Slack")) {
        let reference = row.words().starts_with("Slack") || row.words().ends_with("of Slack");
        let read = |wrong: &mut Diagnostics| {
            let bus = known.bus(&row, "bus", wrong);
            let v_set = row.number("v0", wrong).and_then(|v| positive(&row, "v0", v, wrong));
            let p = if reference { row.number_or("p0", 0.0, wrong) } else { row.number("p0", wrong) };
            let angle = if reference { Some(row.number_or("a0", 0.0, wrong)?) } else { None };
            Some(Source {
                id: row.name("idx", wrong)?,
                bus: bus?,
                p_pu: p?,
                q_pu: row.number_or("q0", 0.0, wrong)?,
                v_set_pu: v_set?,
                reference_rad: angle,
                in_service: row.in_service(wrong)?,
                line: row.line(),
            })
        };
        if let Some(source) = read(wrong) {
            define(&mut names, &row, &source.id, sources.len(), wrong);
            let running = source.in_service && buses[source.bus].in_service;
            let other = |other: &&Source| other.bus == source.bus && other.in_service && running;
            if sources.iter().filter(other).any(|other| other.v_set_pu != source.v_set_pu) {
                wrong.push(
                    row.error(
                        "machines.case.set-points",
                        "another generator wants another voltage at its bus",
                    ),
                );
            }
            sources.push(source);
        }
    }
    let references = sources.iter().filter(|s| s.in_service && s.reference_rad.is_some()).count();
    if references != 1 && !wrong.has_errors() {
        let message =
            format!("{references} rows of Slack are in service, it should be one: it holds the angle");
        wrong.push(Diagnostic::error("machines.case.reference", message).at(known.file, None));
    }
    sources
}

fn machines(
    sections: &Sections,
    known: &Known<'_>,
    (buses, sources): (&[Bus], &[Source]),
    classical: bool,
    wrong: &mut Diagnostics,
) -> (Vec<Machine>, f64, Vec<String>) {
    let source_of: BTreeMap<String, usize> =
        sources.iter().enumerate().map(|(at, source)| (source.id.clone(), at)).collect();
    let mut machine_of = BTreeMap::new();
    let mut machines: Vec<Machine> = Vec::new();
    let mut frequency: Option<f64> = None;
    let round_rotors = sections.rows("GENROU").map(|row| (row, !classical));
    for (row, detailed) in sections.rows("GENCLS").map(|row| (row, false)).chain(round_rotors) {
        let bus = known.bus(&row, "bus", wrong);
        if let Some(bus) = bus {
            same_base(&row, "Vn", buses[bus].nominal_kv, wrong);
        }
        let read = |wrong: &mut Diagnostics| {
            let gen_name = row.name("gen", wrong)?;
            let source = source_of.get(&gen_name).copied();
            if source.is_none() {
                let what = format!("gen names generator {gen_name}");
                wrong.push(unknown(&row, &what, &gen_name, source_of.keys()));
            }
            let above = |key: &str, wrong: &mut Diagnostics| {
                row.number(key, wrong).and_then(|value| positive(&row, key, value, wrong))
            };
            let (base_mva, m_s, xd1) = (above("Sn", wrong), above("M", wrong), above("xd1", wrong));
            Some(Machine {
                id: row.name("idx", wrong)?,
                name: row.name_if_any("name"),
                bus: bus?,
                source: source?,
                share: [row.number_or("gammap", 1.0, wrong)?, row.number_or("gammaq", 1.0, wrong)?],
                base_mva: base_mva?,
                m_s: m_s?,
                damping: row.number_or("D", 0.0, wrong)?,
                resistance: row.number_or("ra", 0.0, wrong)?,
                transient_reactance: xd1?,
                in_service: row.in_service(wrong)?,
                governor: None,
                circuits: if detailed { Some(Circuits::read(&row, wrong)?) } else { None },
                exciter: None,
                stabiliser: None,
            })
        };
        let hz = row.number_or("fn", 60.0, wrong).and_then(|hz| positive(&row, "fn", hz, wrong));
        if let Some(hz) = hz
            && *frequency.get_or_insert(hz) != hz
        {
            wrong.push(row.error("machines.case.base", "fn differs from that of the machines before"));
        }
        let Some(machine) = read(wrong) else { continue };
        if sources[machine.source].bus != machine.bus {
            wrong.push(row.error("machines.case.bus", "its generator is at another bus"));
        }
        define(&mut machine_of, &row, &machine.id, machines.len(), wrong);
        machines.push(machine);
    }
    governors(sections, &machine_of, &mut machines, wrong);
    let warnings = field::equip(sections, &machine_of, &mut machines, classical, wrong);
    shares(known.file, buses, sources, &machines, wrong);
    (machines, frequency.unwrap_or(60.0), warnings)
}

fn governors(
    sections: &Sections,
    machine_of: &BTreeMap<String, usize>,
    machines: &mut [Machine],
    wrong: &mut Diagnostics,
) {
    for row in sections.rows("TGOV1").chain(sections.rows("TGOV1N")) {
        let Some(in_service) = row.in_service(wrong) else { continue };
        let Some(name) = row.name("syn", wrong) else { continue };
        let Some(machine) = machine_of.get(&name).copied() else {
            wrong.push(unknown(&row, &format!("syn names machine {name}"), &name, machine_of.keys()));
            continue;
        };
        let read = |wrong: &mut Diagnostics| {
            let droop = row.number("R", wrong).and_then(|value| positive(&row, "R", value, wrong));
            let (valve_max, valve_min) = (row.number("VMAX", wrong), row.number("VMIN", wrong));
            let (t1, t2, t3) = (row.number("T1", wrong), row.number("T2", wrong), row.number("T3", wrong));
            Some(Governor {
                droop: droop?,
                valve_max: valve_max?,
                valve_min: valve_min?,
                servo_s: t1?,
                lead_s: t2?,
                lag_s: t3?,
                damping: row.number_or("Dt", 0.0, wrong)?,
            })
        };
        let Some(governor) = read(wrong) else { continue };
        if governor.valve_max < governor.valve_min {
            wrong.push(row.error("machines.case.range", "VMAX is below VMIN"));
        }
        if governor.servo_s < 0.0 || governor.lead_s < 0.0 || governor.lag_s < 0.0 {
            wrong.push(row.error("machines.case.range", "a time constant is negative"));
        }
        if governor.lag_s == 0.0 && governor.lead_s != 0.0 {
            wrong.push(
                row.error("machines.case.range", "T3 is 0 but T2 is not: a derivative, which has no state"),
            );
        }
        // On another base, R, VMAX and VMIN would mean something else.
        let base = machines[machine].base_mva;
        let rated = row.number_or("Tn", 0.0, wrong).unwrap_or(0.0);
        if rated != 0.0 && rated != base {
            wrong.push(
                row.error("machines.case.base", &format!("Tn is {rated}, but its machine is rated {base}")),
            );
        }
        if row.number_or("wref0", 1.0, wrong).is_some_and(|reference| reference != 1.0) {
            wrong.push(row.error("machines.case.range", "wref0 is not 1: the case would not begin at rest"));
        }
        if !in_service {
            continue;
        }
        if machines[machine].governor.replace(governor).is_some() {
            wrong.push(row.error("machines.case.twice", "its machine has another governor in service"));
        }
    }
}

/// Every generator in service needs machines that carry all of its power; else something would feed the network at the
/// start, and nothing afterwards.
fn shares(file: &str, buses: &[Bus], sources: &[Source], machines: &[Machine], wrong: &mut Diagnostics) {
    if wrong.has_errors() {
        return;
    }
    for (at, source) in sources.iter().enumerate() {
        let sum = |which: usize| {
            let of = machines.iter().filter(|machine| machine.source == at && machine.in_service);
            of.map(|machine| machine.share[which]).sum::<f64>()
        };
        let expected = if source.in_service && buses[source.bus].in_service { 1.0 } else { 0.0 };
        // Shares are written with a few digits; what is missing of them would be a step at the start.
        if (sum(0) - expected).abs() > 1e-9 || (sum(1) - expected).abs() > 1e-9 {
            let message = format!(
                "the machines in service of generator {} carry {} of its active and {} of its reactive power, it should be {expected}",
                source.id,
                sum(0),
                sum(1)
            );
            let complaint = Diagnostic::error("machines.case.shares", message).at(file, source.line);
            wrong.push(complaint.hint("see gammap, gammaq and u of its GENCLS or GENROU rows"));
        }
    }
}
