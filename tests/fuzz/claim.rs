//! What an answer claims, held against the case: Kirchhoff's law in polar form at every bus, with nothing of the solver's.
//!
//! Source: MATPOWER User's Manual, section 3.2, branch model, written out in polar form.

use std::collections::HashMap;

use powerflow::case::{BusKind, Case, CaseBus};
use powerflow::{Index, Network, Solution, State};
use serde_json::Value;

use crate::finding::Finding;

/// What an answer says, in the order of the case, per unit on its base.
pub(crate) struct Claim {
    /// Magnitude and angle in rad; `None` where a bus is not live.
    pub(crate) polar: Vec<Option<(f64, f64)>>,
    /// Power of each unit.
    pub(crate) unit: Vec<(f64, f64)>,
    pub(crate) unmet: Unmet,
    /// By bus, whether its active and its reactive balance are left open: nobody says what its units provide.
    pub(crate) open: Vec<(bool, bool)>,
    /// Tolerance of the solver.
    pub(crate) tolerance_pu: f64,
}

/// Power that comes from nowhere, and is said to.
pub(crate) enum Unmet {
    /// At these rows.
    At(Vec<(usize, f64)>),
    /// Sum of magnitudes, at one bus of an island each.
    Sum(f64),
}

/// What is injected and connected.
pub(crate) struct Moment {
    pub(crate) demand: Vec<(f64, f64)>,
    pub(crate) branch: Vec<Option<f64>>,
    /// Conductance and susceptance of each shunt, pu.
    pub(crate) shunt: Vec<(f64, f64)>,
    pub(crate) unit_on: Vec<bool>,
}

/// Rows by number.
fn rows(case: &Case) -> HashMap<u64, usize> {
    case.buses.iter().enumerate().map(|(row, bus)| (bus.id.0, row)).collect()
}

impl Moment {
    /// What the file says, with the demand that follows these voltages.
    pub(crate) fn of_case(case: &Case, polar: &[Option<(f64, f64)>]) -> Self {
        let (rows, base) = (rows(case), case.base_mva.0);
        let mut demand = vec![(0.0, 0.0); case.buses.len()];
        for load in case.loads.iter().filter(|l| l.in_service) {
            let at = &mut demand[rows[&load.bus.0]];
            *at = (at.0 + load.p_mw / base, at.1 + load.q_mvar / base);
        }
        for part in case.demand_parts.iter().filter(|part| case.loads[part.load].in_service) {
            let row = rows[&case.loads[part.load].bus.0];
            if let Some((v, _)) = polar[row] {
                let more = |power: f64, exponent: f64| power / base * (v.powf(exponent) - 1.0);
                demand[row].0 += more(part.p_mw, part.p_exponent);
                demand[row].1 += more(part.q_mvar, part.q_exponent);
            }
        }
        let on = |in_service: bool, value: f64| if in_service { value } else { 0.0 };
        Moment {
            demand,
            branch: case.branches.iter().map(|b| b.in_service.then_some(b.tap)).collect(),
            shunt: case
                .shunts
                .iter()
                .map(|s| (on(s.in_service, s.g_mw / base), on(s.in_service, s.b_mvar / base)))
                .collect(),
            unit_on: case.units.iter().map(|u| u.in_service).collect(),
        }
    }

    /// What a state says.
    pub(crate) fn of_state(network: &Network, state: &State) -> Self {
        let demand = network.buses.id.indices();
        Moment {
            demand: demand.map(|bus| (state.demand_p_pu[bus], state.demand_q_pu[bus])).collect(),
            branch: state.branch_on.iter().map(|(b, on)| on.then_some(state.tap_ratio[b])).collect(),
            shunt: state
                .shunt_step
                .iter()
                .map(|(shunt, step)| match step {
                    0 => (0.0, 0.0),
                    step => (network.shunts.g_pu[shunt], network.shunts.steps_pu[shunt][*step as usize]),
                })
                .collect(),
            unit_on: state.unit_on.as_slice().to_vec(),
        }
    }
}

impl Claim {
    /// A solution's.
    pub(crate) fn of_solution(network: &Network, solution: &Solution, tolerance_pu: f64) -> Self {
        Claim {
            polar: network.buses.id.indices().map(|b| solution.vm_pu(b).zip(solution.va_rad(b))).collect(),
            unit: solution.unit_p_pu.iter().map(|(u, p)| (*p, solution.unit_q_pu[u])).collect(),
            unmet: Unmet::At(solution.islands.iter().map(|i| (i.reference.row(), i.unmet_pu)).collect()),
            open: vec![(false, false); network.buses.id.len()],
            tolerance_pu,
        }
    }

    /// Powers into a branch at both ends, and the size of their terms.
    fn flow(case: &Case, row: usize, tap: f64, from: (f64, f64), to: (f64, f64)) -> ([(f64, f64); 2], f64) {
        let branch = &case.branches[row];
        let square = branch.r_pu * branch.r_pu + branch.x_pu * branch.x_pu;
        let (g, b) = (branch.r_pu / square, -branch.x_pu / square);
        let ((gf, bf), (gt, bt)) = (branch.from_shunt_pu, branch.to_shunt_pu);
        // Apart, since files may turn a phase by a thousand million degrees, which would take all digits from the angles.
        let ((s, c), (shift_s, shift_c)) =
            ((from.1 - to.1).sin_cos(), branch.shift_deg.to_radians().sin_cos());
        let (sin, cos) = (s * shift_c - c * shift_s, c * shift_c + s * shift_s);
        let behind = from.0 / tap;
        let both = behind * to.0;
        let into_from = (
            (g + gf) * behind * behind - both * (g * cos + b * sin),
            -(b + bf) * behind * behind - both * (g * sin - b * cos),
        );
        let into_to = (
            (g + gt) * to.0 * to.0 - both * (g * cos - b * sin),
            -(b + bt) * to.0 * to.0 + both * (g * sin + b * cos),
        );
        let series = g.abs() + b.abs();
        let larger = behind.abs().max(to.0.abs());
        let size = (series + gf.abs() + bf.abs() + gt.abs() + bt.abs()) * larger * larger;
        ([into_from, into_to], size)
    }

    /// Complains of the first thing that does not hold. Returns the powers into each branch.
    ///
    /// # Errors
    /// The finding.
    pub(crate) fn hold(&self, case: &Case, moment: &Moment) -> Result<Vec<[(f64, f64); 2]>, Finding> {
        let wrong = |kind: &str, detail: String| Err(Finding::new(kind, detail));
        let (rows, n) = (rows(case), case.buses.len());
        let mut left = vec![(0.0, 0.0); n];
        let mut scale = vec![0.0; n];
        let mut flows = vec![[(0.0, 0.0); 2]; case.branches.len()];
        let mut piece: Vec<usize> = (0..n).collect();
        for (row, polar) in self.polar.iter().enumerate() {
            let bus = &case.buses[row];
            let Some((vm, va)) = polar else { continue };
            if !(vm.is_finite() && va.is_finite() && *vm > 0.0) {
                return wrong("voltage no number", format!("bus {}: {vm} pu, {va} rad", bus.id));
            }
            if bus.kind == BusKind::Isolated {
                return wrong("isolated bus with voltage", format!("bus {}", bus.id));
            }
        }
        let mut book = |row: usize, sign: f64, (p, q): (f64, f64), size: f64| {
            left[row] = (left[row].0 + sign * p, left[row].1 + sign * q);
            scale[row] += size.max(p.abs() + q.abs());
        };
        for (row, branch) in case.branches.iter().enumerate() {
            let (from, to) = (rows[&branch.from.0], rows[&branch.to.0]);
            let isolated = |row: usize| case.buses[row].kind == BusKind::Isolated;
            let Some(tap) = moment.branch[row].filter(|_| !isolated(from) && !isolated(to)) else { continue };
            match (self.polar[from], self.polar[to]) {
                (Some(a), Some(b)) => {
                    let (flow, size) = Self::flow(case, row, tap, a, b);
                    flows[row] = flow;
                    book(from, -1.0, flow[0], size);
                    book(to, -1.0, flow[1], size);
                    let (keep, gone) = (piece[from].min(piece[to]), piece[from].max(piece[to]));
                    piece.iter_mut().filter(|p| **p == gone).for_each(|p| *p = keep);
                }
                (None, None) => {}
                _ => return wrong("closed branch between live and dead", format!("branch {}", row + 1)),
            }
        }
        for (row, demand) in moment.demand.iter().enumerate() {
            book(row, -1.0, *demand, 0.0);
        }
        for (shunt, (g, b)) in case.shunts.iter().zip(&moment.shunt) {
            let row = rows[&shunt.bus.0];
            if let Some((v, _)) = self.polar[row] {
                book(row, -1.0, (g * v * v, -b * v * v), 0.0);
            }
        }
        let mut source = vec![false; n];
        for (row, unit) in case.units.iter().enumerate() {
            let (at, power) = (rows[&unit.bus.0], self.unit[row]);
            let runs = moment.unit_on[row] && self.polar[at].is_some();
            if !runs && power != (0.0, 0.0) {
                return wrong("dead unit with power", format!("unit {}: {power:?}", row + 1));
            }
            source[piece[at]] |= runs;
            book(at, 1.0, power, 0.0);
        }
        let mut unmet = 0.0;
        if let Unmet::At(places) = &self.unmet {
            for (row, p) in places {
                book(*row, 1.0, (*p, 0.0), 0.0);
            }
        }
        let mut excused = vec![false; n];
        for row in 0..n {
            if self.polar[row].is_none() {
                continue;
            }
            let bus = case.buses[row].id;
            if !source[piece[row]] {
                return wrong("live without source", format!("bus {bus}"));
            }
            // Ten times the tolerance is what the product's audit allows; the rest is rounding of terms that cancel.
            let allowed = 10.0 * self.tolerance_pu + 1e-12 * scale[row];
            let (p, q) = left[row];
            let in_balance = |gap: f64| gap.abs() <= allowed;
            if !in_balance(q) && !self.open[row].1 {
                return wrong(
                    "kirchhoff",
                    format!("bus {bus}: {q} pu reactive are left over, {allowed} allowed"),
                );
            }
            if in_balance(p) || self.open[row].0 {
                continue;
            }
            if matches!(self.unmet, Unmet::At(_))
                || !p.is_finite()
                || std::mem::replace(&mut excused[piece[row]], true)
            {
                return wrong(
                    "kirchhoff",
                    format!("bus {bus}: {p} pu active are left over, {allowed} allowed"),
                );
            }
            unmet += p.abs();
        }
        if let Unmet::Sum(said) = self.unmet {
            let allowed = 20.0 * self.tolerance_pu * n as f64 + 1e-12 * scale.iter().sum::<f64>();
            if !((unmet - said).abs() <= allowed) {
                return wrong("unmet", format!("{unmet} pu are left over, {said} pu are said to be"));
            }
        }
        Ok(flows)
    }
}

/// Where a document holds `null`, which is what a number that is none becomes.
pub(crate) fn null(value: &Value, path: &str) -> Option<String> {
    match value {
        Value::Null => Some(path.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(i, item)| null(item, &format!("{path}[{i}]")))
        }
        Value::Object(fields) => fields.iter().find_map(|(name, item)| null(item, &format!("{path}.{name}"))),
        _ => None,
    }
}

/// Holds a document of a power flow against its case.
///
/// # Errors
/// The finding.
pub(crate) fn document(case: &Case, json: &str, tolerance_pu: f64, linear: bool) -> Result<(), Finding> {
    let wrong = |kind: &str, detail: String| Err(Finding::new(kind, detail));
    let document: Value = match serde_json::from_str(json) {
        Ok(document) => document,
        Err(error) => return wrong("document does not parse", error.to_string()),
    };
    if let Some(path) = null(&document, "") {
        return wrong("number that is none in a document", path);
    }
    let number = |value: &Value, name: &str| value.get(name).and_then(Value::as_f64);
    let list = |name: &str| document[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let (buses, branches, units) = (list("buses"), list("branches"), list("generators"));
    match document["status"].as_str() {
        Some("no_solution") => {
            let said = list("diagnostics").iter().any(|d| d["severity"] == "error");
            let empty = buses.is_empty() && branches.is_empty() && units.is_empty();
            return if said && empty { Ok(()) } else { wrong("no solution, but not said so", json.into()) };
        }
        Some("solved") => {}
        other => return wrong("unknown status", format!("{other:?}")),
    }
    if (buses.len(), branches.len(), units.len()) != (case.buses.len(), case.branches.len(), case.units.len())
    {
        return wrong("rows are missing", format!("{} buses", buses.len()));
    }
    for (row, bus) in buses.iter().zip(&case.buses) {
        let live = row["status"] == "live";
        let (vm, va) = (row.get("vm_pu").is_some(), row.get("va_deg").is_some());
        if row["id"] != bus.id.0 || va != live || vm != (live && !linear) {
            return wrong("voltage of a bus that is not live, or none of one that is", row.to_string());
        }
    }
    if linear {
        return Ok(());
    }
    let base = case.base_mva.0;
    let pu = |row: &Value, name: &str| number(row, name).unwrap_or(f64::NAN) / base;
    let claim = Claim {
        polar: buses
            .iter()
            .map(|row| number(row, "vm_pu").zip(number(row, "va_deg").map(f64::to_radians)))
            .collect(),
        unit: units.iter().map(|row| (pu(row, "p_mw"), pu(row, "q_mvar"))).collect(),
        unmet: Unmet::Sum(pu(&document, "unmet_mw").abs()),
        open: vec![(false, false); case.buses.len()],
        tolerance_pu,
    };
    let flows = claim.hold(case, &Moment::of_case(case, &claim.polar))?;
    for (row, (flow, stated)) in flows.iter().zip(branches).enumerate() {
        let ends = [("p_from_mw", "q_from_mvar"), ("p_to_mw", "q_to_mvar")];
        for ((p, q), (p_name, q_name)) in flow.iter().zip(ends) {
            let size = case.branches[row].r_pu.hypot(case.branches[row].x_pu);
            let allowed = 1e-9 + 1e-12 * (1.0 / size + p.abs() + q.abs()) * 10.0;
            let (stated_p, stated_q) = (pu(stated, p_name), pu(stated, q_name));
            if !((stated_p - p).abs() <= allowed && (stated_q - q).abs() <= allowed) {
                let detail = format!("branch {}: {stated_p} {stated_q}, not {p} {q} pu", row + 1);
                return wrong("stated flow is not that of the voltages", detail);
            }
        }
    }
    let mismatch = number(&document, "mismatch_pu").unwrap_or(f64::NAN);
    if !(mismatch <= 1e-3) {
        return wrong("note: solved with a large mismatch", format!("{mismatch} pu"));
    }
    let differs =
        |(row, bus): (&Value, &CaseBus)| (row["status"] == "isolated") != (bus.kind == BusKind::Isolated);
    if buses.iter().zip(&case.buses).any(differs) {
        return wrong("status of an isolated bus", json.into());
    }
    Ok(())
}
