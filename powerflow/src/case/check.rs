//! Case -> diagnostics: everything that makes a case unsolvable or doubtful, all at once.

use std::collections::BTreeMap;

use crate::case::complaints::{Complaints, show_lines};
use crate::case::islands::Islands;
use crate::case::matpower::nearest;
use crate::case::{BusKind, Case, CaseBranch, CaseUnit, JUMPER_X_PU};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::index::BusId;

/// Every complaint about a case, errors first: an error where a solution would mean nothing, a warning where one
/// means something else than the file may have meant, a note for what is worth knowing. Complaints of one code beyond
/// the tenth are counted.
pub fn check(case: &Case) -> Diagnostics {
    let mut checker = Checker { case, islands: Islands::of(case), out: Complaints::default() };
    numbers(case, &mut checker.out);
    checker.base();
    checker.references();
    checker.buses();
    checker.branches();
    checker.units();
    checker.voltages_held();
    checker.sources();
    checker.scale();
    let mut diagnostics = checker.out.finish();
    if !case.file.is_empty()
        && diagnostics.0.iter().any(|d| d.place.as_ref().is_some_and(|p| p.line.is_some()))
    {
        // Only to show the lines: what cannot be read any more is not shown.
        if let Ok(bytes) = std::fs::read(&case.file) {
            show_lines(&mut diagnostics, &String::from_utf8_lossy(&bytes));
        }
    }
    diagnostics
}

/// Beyond this a number is as good as infinite: squares and sums of what is smaller stay numbers.
const LARGEST: f64 = 1e100;

/// Whether one can calculate with it.
fn usable(value: f64) -> bool {
    value.abs() <= LARGEST
}

/// Complains of every number that is NaN, infinite or as good as; the range of a unit may be unbounded.
pub(super) fn numbers(case: &Case, out: &mut Complaints) {
    let mut demand = |element: &dyn Fn() -> String, line: Option<u32>, values: &[(&str, f64)]| {
        for (what, value) in values.iter().filter(|(_, v)| !usable(*v)) {
            let message =
                format!("{what} of {} is {value:?}, not a number one can calculate with", element());
            out.push(Diagnostic::error("case.number.not-finite", message).at(case.file.as_str(), line));
        }
    };
    demand(
        &|| "the case".to_owned(),
        None,
        &[("base MVA", case.base_mva.0), ("frequency", case.frequency_hz)],
    );
    for bus in &case.buses {
        let values = [
            ("vm", bus.vm_pu),
            ("va", bus.va_deg),
            ("base kV", bus.base_kv),
            ("vm_max", bus.vm_max_pu),
            ("vm_min", bus.vm_min_pu),
        ];
        demand(&|| format!("bus {}", bus.id), bus.line, &values);
    }
    let line_of = |bus: BusId| case.buses.iter().find(|b| b.id == bus).and_then(|b| b.line);
    for load in case.loads.iter().filter(|l| !(usable(l.p_mw) && usable(l.q_mvar))) {
        let values = [("P", load.p_mw), ("Q", load.q_mvar)];
        demand(&|| format!("the demand at bus {}", load.bus), line_of(load.bus), &values);
    }
    for shunt in case.shunts.iter() {
        let stepped = shunt.steps_mvar.iter().find(|s| !usable(**s)).copied().unwrap_or(0.0);
        if !(usable(shunt.g_mw) && usable(shunt.b_mvar) && usable(stepped)) {
            let values = [("G", shunt.g_mw), ("B", shunt.b_mvar), ("a step", stepped)];
            demand(&|| format!("the shunt at bus {}", shunt.bus), line_of(shunt.bus), &values);
        }
    }
    for (i, b) in case.branches.iter().enumerate() {
        let rate = |r: Option<f64>| r.unwrap_or(0.0);
        let values = [
            ("r", b.r_pu),
            ("x", b.x_pu),
            ("from shunt G", b.from_shunt_pu.0),
            ("from shunt B", b.from_shunt_pu.1),
            ("to shunt G", b.to_shunt_pu.0),
            ("to shunt B", b.to_shunt_pu.1),
            ("rate A", rate(b.rate_a_mva)),
            ("rate B", rate(b.rate_b_mva)),
            ("rate C", rate(b.rate_c_mva)),
            ("tap", b.tap),
            ("shift", b.shift_deg),
        ];
        demand(&|| branch_name(i, b), b.line, &values);
    }
    for (i, u) in case.units.iter().enumerate() {
        let limit = |q: f64, side: f64| if q * side.signum() > LARGEST { 0.0 } else { q };
        let values = [
            ("P", u.p_mw),
            ("Q", u.q_mvar),
            ("p_min", limit(u.p_min_mw, f64::NEG_INFINITY)),
            ("p_max", limit(u.p_max_mw, f64::INFINITY)),
            ("q_min", limit(u.q_min_mvar, f64::NEG_INFINITY)),
            ("q_max", limit(u.q_max_mvar, f64::INFINITY)),
            ("voltage set-point", u.v_set_pu),
            ("machine base", u.m_base_mva),
            ("ramp", u.ramp_mw_per_min.unwrap_or(0.0)),
        ];
        demand(&|| unit_name(i, u), u.line, &values);
    }
}

fn branch_name(row: usize, branch: &CaseBranch) -> String {
    format!("branch {} ({}-{})", row + 1, branch.from, branch.to)
}

fn unit_name(row: usize, unit: &CaseUnit) -> String {
    format!("unit {} at bus {}", row + 1, unit.bus)
}

/// "1, 2, 3 and 5 more", from the first ten.
fn list(ids: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = ids[..ids.len().min(SHOWN)].join(", ");
    if ids.len() > SHOWN { format!("{shown} and {} more", ids.len() - SHOWN) } else { shown }
}

struct Checker<'a> {
    case: &'a Case,
    islands: Islands,
    out: Complaints,
}

impl Checker<'_> {
    fn push(&mut self, diagnostic: Diagnostic, line: Option<u32>) {
        let placed =
            if self.case.file.is_empty() { diagnostic } else { diagnostic.at(self.case.file.as_str(), line) };
        self.out.push(placed);
    }

    /// One note for many elements.
    fn aggregate(&mut self, code: &'static str, ids: &[String], what: &str, effect: &str) {
        if !ids.is_empty() {
            self.push(
                Diagnostic::note(code, format!("{what}: {}; {effect} ({} in all)", list(ids), ids.len())),
                None,
            );
        }
    }

    fn base(&mut self) {
        let base = self.case.base_mva.0;
        // Beyond these no grid has a base, and powers per unit run out of numbers.
        if base.is_finite() && !(1e-6..=1e9).contains(&base) {
            let message = format!("the power base is {base} MVA, and must lie between 1e-6 and 1e9");
            let hint = "100 MVA is usual";
            self.push(Diagnostic::error("case.base-mva", message).hint(hint), None);
        }
    }

    fn references(&mut self) {
        let case = self.case;
        let mut lines: BTreeMap<BusId, Option<u32>> = BTreeMap::new();
        for bus in &case.buses {
            if let Some(first) = lines.get(&bus.id) {
                let first = first.map_or(String::new(), |line| format!("; the first time on line {line}"));
                let message = format!("bus {} is declared twice{first}", bus.id);
                self.push(Diagnostic::error("case.bus.duplicate", message), bus.line);
            } else {
                lines.insert(bus.id, bus.line);
            }
        }
        let ids = self.islands.ids();
        let mut unknown = |code: &'static str, subject: String, bus: BusId, line: Option<u32>| {
            if self.islands.row(bus).is_none() {
                let message = format!("{subject} bus {bus}, which the file does not define");
                let diagnostic = Diagnostic::error(code, message).hint(nearest(&ids, bus.0));
                self.out.push(if case.file.is_empty() {
                    diagnostic
                } else {
                    diagnostic.at(case.file.as_str(), line)
                });
            }
        };
        for (i, branch) in case.branches.iter().enumerate() {
            unknown(
                "case.branch.unknown-bus",
                format!("branch {} starts at", i + 1),
                branch.from,
                branch.line,
            );
            unknown("case.branch.unknown-bus", format!("branch {} ends at", i + 1), branch.to, branch.line);
        }
        for (i, unit) in case.units.iter().enumerate() {
            unknown("case.unit.unknown-bus", format!("unit {} is at", i + 1), unit.bus, unit.line);
        }
        for (i, load) in case.loads.iter().enumerate() {
            unknown("case.load.unknown-bus", format!("demand {} is at", i + 1), load.bus, None);
        }
        for (i, shunt) in case.shunts.iter().enumerate() {
            unknown("case.shunt.unknown-bus", format!("shunt {} is at", i + 1), shunt.bus, None);
        }
    }

    fn buses(&mut self) {
        for bus in self.case.buses.iter().filter(|b| b.kind != BusKind::Isolated) {
            let (low, high) = (bus.vm_min_pu, bus.vm_max_pu);
            if low > high || high <= 0.0 || low < 0.0 {
                let message = format!("voltage limits of bus {} are {low} to {high} pu", bus.id);
                let hint = "no voltage can keep to them: every state counts as a violation";
                self.push(Diagnostic::warning("case.bus.voltage-limits", message).hint(hint), bus.line);
            }
            if bus.vm_pu <= 0.0 {
                let message = format!("stored voltage of bus {} is {} pu", bus.id, bus.vm_pu);
                let hint = "a solution cannot start there: start flat";
                self.push(Diagnostic::warning("case.bus.stored-voltage", message).hint(hint), bus.line);
            }
        }
        let isolated: Vec<String> = self
            .case
            .loads
            .iter()
            .filter(|l| l.in_service || l.p_mw != 0.0 || l.q_mvar != 0.0)
            .filter(|l| {
                self.islands.row(l.bus).is_some_and(|row| self.case.buses[row].kind == BusKind::Isolated)
            })
            .map(|l| l.bus.to_string())
            .collect();
        self.aggregate("case.demand.isolated", &isolated, "demand at isolated buses", "it is not served");
    }

    fn branches(&mut self) {
        let mut jumpers = Vec::new();
        for (i, branch) in self.case.branches.iter().enumerate() {
            let name = branch_name(i, branch);
            let in_service = branch.in_service && self.islands.ends(self.case, branch).is_some();
            if branch.from == branch.to && in_service {
                let message = format!("{name} starts and ends at one bus");
                self.push(Diagnostic::error("case.branch.self-loop", message), branch.line);
            }
            if self.case.is_jumper(branch) {
                jumpers.extend(in_service.then(|| name.clone()));
            } else if branch.r_pu == 0.0 && branch.x_pu == 0.0 && in_service {
                let message =
                    format!("{name} has no impedance (r = x = 0) and is in service, and is no jumper");
                let hint = "a jumper joins two buses of one nominal voltage without a tap; a transformer needs its reactance";
                self.push(Diagnostic::error("case.branch.zero-impedance", message).hint(hint), branch.line);
            }
            if branch.tap <= 0.0 {
                let message = format!("turns ratio of {name} is {}, and must be positive", branch.tap);
                self.push(Diagnostic::error("case.branch.tap", message), branch.line);
            }
            for (which, rating) in
                [("A", branch.rate_a_mva), ("B", branch.rate_b_mva), ("C", branch.rate_c_mva)]
            {
                if let Some(mva) = rating.filter(|mva| *mva < 0.0) {
                    let message = format!("rating {which} of {name} is {mva} MVA");
                    let hint = "0 means no rating";
                    self.push(Diagnostic::warning("case.branch.rating", message).hint(hint), branch.line);
                }
            }
        }
        let effect = format!("each is a reactance of {JUMPER_X_PU:e} pu");
        self.aggregate("case.branch.jumper", &jumpers, "branches without impedance", &effect);
    }

    fn units(&mut self) {
        let case = self.case;
        let mut at_pq = Vec::new();
        let mut out_of_range = Vec::new();
        let mut unbounded = Vec::new();
        for (i, unit) in case.units.iter().enumerate() {
            let name = unit_name(i, unit);
            let row = self.islands.connected(case, unit.bus);
            let runs = unit.in_service && row.is_some();
            let ranges = [
                ("case.unit.p-range", "active", unit.p_min_mw, unit.p_max_mw, "MW"),
                ("case.unit.q-range", "reactive", unit.q_min_mvar, unit.q_max_mvar, "Mvar"),
            ];
            for (code, what, low, high, symbol) in ranges {
                if low > high {
                    let message = format!("{what} range of {name} is {low} to {high} {symbol}: upside down");
                    let complaint = if runs {
                        Diagnostic::error(code, message)
                    } else {
                        Diagnostic::warning(code, message)
                    };
                    self.push(complaint, unit.line);
                }
            }
            if !runs {
                continue;
            }
            if self.islands.source(case, unit).is_some() {
                if unit.v_set_pu <= 0.0 {
                    let message = format!("voltage set-point of {name} is {} pu", unit.v_set_pu);
                    self.push(Diagnostic::error("case.unit.v-set", message), unit.line);
                } else if !(0.5..=1.5).contains(&unit.v_set_pu) {
                    let message = format!("voltage set-point of {name} is {} pu", unit.v_set_pu);
                    let hint = "set-points are per unit of the bus's nominal voltage";
                    self.push(Diagnostic::warning("case.unit.v-set", message).hint(hint), unit.line);
                }
            } else if row.is_some_and(|r| case.buses[r].kind == BusKind::Pq) {
                at_pq.push(name);
            }
            // Files print schedules and limits with different precision: a rounding is no breach.
            let slack = 1e-6 * (1.0 + unit.p_mw.abs());
            if unit.p_mw < unit.p_min_mw - slack || unit.p_mw > unit.p_max_mw + slack {
                out_of_range.push(format!("unit {} ({} MW)", i + 1, unit.p_mw));
            }
            if unit.p_max_mw.is_infinite() || unit.p_min_mw.is_infinite() {
                unbounded.push(format!("unit {}", i + 1));
            }
        }
        let effect = "they inject their scheduled P and Q and hold no voltage";
        self.aggregate("case.unit.pq-bus", &at_pq, "units at PQ buses", effect);
        let effect = "they stay there until something moves them";
        self.aggregate("case.unit.schedule", &out_of_range, "units scheduled outside their range", effect);
        let effect = "the file gives no limit of active power";
        self.aggregate("case.unit.unbounded", &unbounded, "units that can provide any power", effect);
    }

    /// Buses whose running units want different voltages: the last one in the file counts, as in MATPOWER.
    fn voltages_held(&mut self) {
        let case = self.case;
        let mut last: BTreeMap<usize, (usize, bool)> = BTreeMap::new();
        for (i, unit) in case.units.iter().enumerate() {
            if let Some(row) = self.islands.source(case, unit) {
                let conflict = last.get(&row).is_some_and(|(other, conflict)| {
                    *conflict || case.units[*other].v_set_pu != unit.v_set_pu
                });
                last.insert(row, (i, conflict));
            }
        }
        for (row, (i, _)) in last.iter().filter(|(_, (_, conflict))| *conflict) {
            let unit = &case.units[*i];
            let message = format!(
                "units of bus {} have different voltage set-points; the last one counts: {} pu of unit {}",
                case.buses[*row].id,
                unit.v_set_pu,
                i + 1
            );
            self.push(Diagnostic::warning("case.unit.conflicting-v-set", message), unit.line);
        }
        let mut idle = Vec::new();
        let mut references = 0;
        for (row, bus) in case.buses.iter().enumerate().filter(|(_, b)| b.kind == BusKind::Reference) {
            references += 1;
            if !last.contains_key(&row) {
                idle.push(bus.id.to_string());
            }
        }
        self.aggregate(
            "case.reference.no-unit",
            &idle,
            "reference buses without a running unit that holds a voltage",
            "another bus becomes reference where there is one",
        );
        if references == 0 && !last.is_empty() {
            let message = "no bus is the reference; the first bus that holds a voltage becomes it";
            self.push(Diagnostic::note("case.reference.none", message), None);
        }
    }

    fn sources(&mut self) {
        let case = self.case;
        if !self.islands.all.iter().any(|i| i.live) {
            let message = "no running unit holds a voltage anywhere: there is nothing to solve";
            let hint = "at least one unit must be in service at a PV or reference bus";
            self.push(Diagnostic::error("case.source.none", message).hint(hint), None);
            return;
        }
        let mut demand = vec![0.0; case.buses.len()];
        for load in case.loads.iter().filter(|l| l.in_service) {
            if let Some(row) = self.islands.row(load.bus) {
                demand[row] += load.p_mw;
            }
        }
        let dead: Vec<(usize, f64, Vec<String>)> = self
            .islands
            .all
            .iter()
            .filter(|i| !i.live)
            .map(|i| {
                let ids = i.buses.iter().map(|&row| case.buses[row].id.to_string()).collect();
                (i.buses[0], crate::case::census::sum(i.buses.iter().map(|&row| demand[row])), ids)
            })
            .collect();
        for (first, mw, ids) in dead {
            let message = format!(
                "an island without a source is dead: bus {} ({} in all, {mw:.1} MW demand)",
                list(&ids),
                ids.len()
            );
            self.push(Diagnostic::warning("case.island.no-source", message), case.buses[first].line);
        }
    }

    /// Feeders are often written in kW while the reader takes MW.
    fn scale(&mut self) {
        const FEEDER_KV: f64 = 36.0;
        const FEEDER_MW: f64 = 500.0;
        let highest_kv = self.case.buses.iter().map(|b| b.base_kv).fold(0.0, f64::max);
        let demand_mw: f64 = self.case.loads.iter().filter(|l| l.in_service).map(|l| l.p_mw.abs()).sum();
        if highest_kv > 0.0 && highest_kv <= FEEDER_KV && demand_mw > FEEDER_MW {
            let message = format!("{demand_mw:.0} MW of demand in a network of at most {highest_kv} kV");
            let hint = "the file may be in kW; powers are taken as MW";
            self.push(Diagnostic::note("case.demand.kilowatts", message).hint(hint), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{CaseBus, CaseLoad};
    use crate::diagnostic::Severity;
    use crate::units::MvaBase;

    type Fault = fn(&mut Case);

    fn bus(id: u64, kind: BusKind) -> CaseBus {
        CaseBus {
            id: BusId(id),
            kind,
            vm_pu: 1.0,
            va_deg: 0.0,
            base_kv: 110.0,
            vm_max_pu: 1.1,
            vm_min_pu: 0.9,
            area: 1,
            name: None,
            location: None,
            line: None,
        }
    }

    fn branch(from: u64, to: u64) -> CaseBranch {
        CaseBranch {
            from: BusId(from),
            to: BusId(to),
            r_pu: 0.0,
            x_pu: 0.1,
            from_shunt_pu: (0.0, 0.0),
            to_shunt_pu: (0.0, 0.0),
            rate_a_mva: None,
            rate_b_mva: None,
            rate_c_mva: None,
            tap: 1.0,
            shift_deg: 0.0,
            in_service: true,
            transformer: false,
            tap_range: None,
            name: None,
            line: None,
        }
    }

    fn unit(bus: u64) -> CaseUnit {
        CaseUnit {
            bus: BusId(bus),
            p_mw: 10.0,
            q_mvar: 0.0,
            p_min_mw: 0.0,
            p_max_mw: 20.0,
            q_min_mvar: f64::NEG_INFINITY,
            q_max_mvar: f64::INFINITY,
            v_set_pu: 1.0,
            m_base_mva: 100.0,
            ramp_mw_per_min: None,
            in_service: true,
            regulates: true,
            line: None,
        }
    }

    fn sound() -> Case {
        Case {
            name: "sound".to_owned(),
            base_mva: MvaBase(100.0),
            frequency_hz: 50.0,
            buses: vec![bus(10, BusKind::Reference), bus(20, BusKind::Pv), bus(30, BusKind::Pq)],
            loads: vec![CaseLoad { bus: BusId(30), p_mw: 15.0, q_mvar: 3.0, in_service: true }],
            branches: vec![branch(10, 20), branch(20, 30)],
            units: vec![unit(10), unit(20)],
            ..Case::default()
        }
    }

    /// Code and severity of all complaints after a change to a sound case.
    fn after(change: impl FnOnce(&mut Case)) -> Vec<(String, Severity)> {
        let mut case = sound();
        change(&mut case);
        check(&case).0.into_iter().map(|d| (d.code.to_string(), d.severity)).collect()
    }

    #[test]
    fn a_sound_case_has_no_complaint() {
        assert_eq!(after(|_| {}), []);
    }

    #[test]
    fn what_makes_a_solution_meaningless_is_an_error() {
        let faults: [(&str, Fault); 15] = [
            ("case.base-mva", |c| c.base_mva.0 = 0.0),
            ("case.base-mva", |c| c.base_mva.0 = 1e-308),
            ("case.number.not-finite", |c| c.loads[0].p_mw = 1e308),
            ("case.number.not-finite", |c| c.branches[0].to_shunt_pu.1 = -1e155),
            ("case.number.not-finite", |c| c.branches[0].x_pu = f64::NAN),
            ("case.number.not-finite", |c| c.units[0].q_max_mvar = f64::NAN),
            ("case.bus.duplicate", |c| c.buses.push(bus(30, BusKind::Pq))),
            ("case.branch.unknown-bus", |c| c.branches.push(branch(20, 31))),
            ("case.unit.unknown-bus", |c| c.units.push(unit(11))),
            ("case.branch.self-loop", |c| c.branches.push(branch(20, 20))),
            ("case.branch.zero-impedance", |c| (c.branches[1].x_pu, c.branches[1].transformer) = (0.0, true)),
            ("case.branch.tap", |c| c.branches[1].tap = -1.0),
            ("case.unit.p-range", |c| c.units[1].p_min_mw = 50.0),
            ("case.unit.v-set", |c| c.units[1].v_set_pu = 0.0),
            ("case.source.none", |c| c.units.clear()),
        ];
        for (code, fault) in faults {
            let found = after(fault);
            assert!(found.contains(&(code.to_owned(), Severity::Error)), "{code}: {found:?}");
        }
    }

    #[test]
    fn what_merely_surprises_is_a_warning_or_a_note() {
        let faults: [(&str, Severity, Fault); 9] = [
            ("case.island.no-source", Severity::Warning, |c| c.branches[1].in_service = false),
            ("case.bus.voltage-limits", Severity::Warning, |c| c.buses[2].vm_min_pu = 1.2),
            ("case.branch.rating", Severity::Warning, |c| c.branches[0].rate_a_mva = Some(-1.0)),
            ("case.unit.conflicting-v-set", Severity::Warning, |c| {
                c.units.push(CaseUnit { v_set_pu: 1.02, ..unit(10) });
            }),
            ("case.unit.v-set", Severity::Warning, |c| c.units[0].v_set_pu = 220.0),
            ("case.unit.pq-bus", Severity::Note, |c| c.units.push(unit(30))),
            ("case.unit.schedule", Severity::Note, |c| c.units[0].p_mw = 30.0),
            ("case.reference.no-unit", Severity::Note, |c| c.units[0].in_service = false),
            ("case.demand.isolated", Severity::Note, |c| c.buses[2].kind = BusKind::Isolated),
        ];
        for (code, severity, fault) in faults {
            let found = after(fault);
            assert!(found.contains(&(code.to_owned(), severity)), "{code}: {found:?}");
            assert!(found.iter().all(|(_, s)| *s < Severity::Error), "{code}: {found:?}");
        }
    }

    #[test]
    fn an_out_of_service_branch_may_be_anything_but_dangling() {
        assert_eq!(
            after(|c| c.branches.push(CaseBranch { in_service: false, x_pu: 0.0, ..branch(20, 20) })),
            []
        );
    }

    #[test]
    fn the_dead_island_is_named_with_its_demand() {
        let mut case = sound();
        case.branches[1].in_service = false;
        let shown = check(&case).to_string();
        assert!(shown.contains("bus 30 (1 in all, 15.0 MW demand)"), "{shown}");
    }
}
