//! The reader's network -> [`Case`]: the only place that knows both.

use std::collections::BTreeSet;

use powerio_tx::{
    BalancedNetwork, Branch, BusType, CoordinateSpace, Generator, Load, LoadVoltageModel, Shunt,
    SourceFormat, SwitchedShuntMode,
};

use crate::case::census::sum;
use crate::case::complaints::Complaints;
use crate::case::convert_devices::{self, NotFollowed};
use crate::case::{BusKind, Case, CaseBranch, CaseBus, CaseLoad, CaseShunt, CaseUnit, JUMPER_X_PU};
use crate::diagnostic::Diagnostic;
use crate::index::BusId;
use crate::units::MvaBase;

/// Selectable steps beyond which a switched shunt is taken as fixed.
const STEPS_MAX: u32 = 1000;

/// Fills a case from what was read, and complains of everything that the case cannot say.
pub(super) fn fill(case: &mut Case, network: &BalancedNetwork, out: &mut Complaints) {
    case.name = network.name().trim().to_owned();
    case.base_mva = MvaBase(network.base_mva());
    case.frequency_hz = network.base_frequency();
    let geographic =
        network.geo().as_ref().is_some_and(|g| matches!(g.space, CoordinateSpace::Geographic { .. }));
    case.buses = network
        .buses()
        .iter()
        .map(|b| CaseBus {
            id: BusId(b.id.0 as u64),
            kind: kind(b.kind),
            vm_pu: b.vm,
            va_deg: b.va,
            base_kv: b.base_kv,
            vm_max_pu: b.vmax,
            vm_min_pu: b.vmin,
            area: b.area as u64,
            name: b.name.as_deref().map(label).filter(|n| !n.is_empty()),
            location: b.location.as_ref().filter(|_| geographic).map(|l| (l.x, l.y)),
            line: None,
        })
        .collect();
    case.loads = network.loads().iter().map(load).collect();
    case.shunts = network.shunts().iter().map(shunt).collect();
    case.branches = network.branches().iter().map(branch).collect();
    case.units = network.generators().iter().map(unit).collect();
    expand_three_windings(case, network, out);
    add_switches(case, network, out);

    let not_followed = convert_devices::fill(case, network);
    let mut omissions = Omissions { case, out };
    omissions.injections(network, &not_followed);
    omissions.controls(network, &not_followed);
}

fn kind(kind: BusType) -> BusKind {
    match kind {
        BusType::Pv => BusKind::Pv,
        BusType::Ref => BusKind::Reference,
        BusType::Isolated => BusKind::Isolated,
        _ => BusKind::Pq,
    }
}

fn label(name: &str) -> String {
    name.trim().trim_matches(['\'', '"']).trim().to_owned()
}

fn id(bus: powerio_tx::BusId) -> BusId {
    BusId(bus.0 as u64)
}

fn load(load: &Load) -> CaseLoad {
    CaseLoad { bus: id(load.bus), p_mw: load.p, q_mvar: load.q, in_service: load.in_service }
}

fn shunt(shunt: &Shunt) -> CaseShunt {
    CaseShunt {
        bus: id(shunt.bus),
        g_mw: shunt.g,
        b_mvar: shunt.b,
        in_service: shunt.in_service,
        steps_mvar: steps(shunt),
    }
}

/// Mvar of every position of a switched shunt: blocks are switched in the order of the file, capacitors and reactors
/// apart (PSS/E Data Formats, Switched Shunt Data), and the stored position is one of them.
fn steps(shunt: &Shunt) -> Vec<f64> {
    let Some(control) = shunt.control.as_ref().filter(|c| c.mode == SwitchedShuntMode::Discrete) else {
        return Vec::new();
    };
    let total: u32 = control.blocks.iter().fold(0, |sum, b| sum.saturating_add(b.steps));
    if total > STEPS_MAX || control.blocks.iter().any(|b| b.g != 0.0 || !b.b.is_finite()) {
        return Vec::new();
    }
    let mut steps = Vec::new();
    for sign in [-1.0, 1.0] {
        let mut sum = 0.0;
        for block in control.blocks.iter().filter(|b| b.b * sign > 0.0) {
            for _ in 0..block.steps {
                sum += block.b;
                steps.push(sum);
            }
        }
    }
    if steps.is_empty() {
        return steps;
    }
    if shunt.b != 0.0 && steps.iter().all(|s| (s - shunt.b).abs() > 1e-6 * shunt.b.abs()) {
        steps.push(shunt.b);
    }
    steps.sort_by(f64::total_cmp);
    steps
}

fn rate(mva: f64) -> Option<f64> {
    // Zero is "no rating" in every format that has no word for it; an infinite rating never binds either.
    (mva != 0.0 && mva != f64::INFINITY).then_some(mva)
}

fn branch(branch: &Branch) -> CaseBranch {
    let charging = branch.calc_terminal_charging();
    let control = branch
        .control
        .as_ref()
        .filter(|c| c.ntp > 1 && c.tap_min > 0.0 && c.tap_min < c.tap_max && branch.shift == 0.0);
    CaseBranch {
        from: id(branch.from),
        to: id(branch.to),
        r_pu: branch.r,
        x_pu: branch.x,
        from_shunt_pu: (charging.g_fr, charging.b_fr),
        to_shunt_pu: (charging.g_to, charging.b_to),
        rate_a_mva: rate(branch.rate_a),
        rate_b_mva: rate(branch.rate_b),
        rate_c_mva: rate(branch.rate_c),
        tap: branch.calc_effective_tap(),
        shift_deg: branch.shift,
        in_service: branch.in_service,
        transformer: branch.is_transformer(),
        tap_range: control.map(|c| (c.tap_min, c.tap_max, c.ntp)),
        name: branch.name.as_deref().map(label).filter(|n| !n.is_empty()),
        line: None,
    }
}

fn unit(unit: &Generator) -> CaseUnit {
    // Columns of MATPOWER's gen table: RAMP_AGC in MW/min, RAMP_10 and RAMP_30 in MW over 10 and 30 minutes.
    let ramps = [("ramp_agc", 1.0), ("ramp_10", 10.0), ("ramp_30", 30.0)];
    let ramp = ramps.iter().find_map(|(key, minutes)| {
        let slot = powerio_tx::network::GEN_EXTRA_KEYS.iter().position(|k| k == key)?;
        unit.caps[slot].filter(|mw| mw.is_finite() && *mw > 0.0).map(|mw| mw / minutes)
    });
    CaseUnit {
        bus: id(unit.bus),
        p_mw: unit.pg,
        q_mvar: unit.qg,
        p_min_mw: unit.pmin,
        p_max_mw: unit.pmax,
        q_min_mvar: unit.qmin,
        q_max_mvar: unit.qmax,
        v_set_pu: unit.vg,
        m_base_mva: unit.mbase,
        ramp_mw_per_min: ramp,
        in_service: unit.in_service,
        regulates: unit.voltage_regulation_on,
        line: None,
    }
}

/// A 3-winding transformer becomes a star: three 2-winding branches to a bus of its own, numbered beyond the largest.
fn expand_three_windings(case: &mut Case, network: &BalancedNetwork, out: &mut Complaints) {
    let transformers = network.transformers_3w();
    if transformers.is_empty() {
        return;
    }
    let largest = network.buses().iter().map(|b| b.id.0).max().unwrap_or(0);
    for (i, transformer) in transformers.iter().enumerate() {
        let star_id = largest + 1 + i;
        let (star, legs) = transformer.to_star_expansion(powerio_tx::BusId(star_id));
        let connected = legs.iter().any(|leg| leg.in_service);
        let first = case.buses.iter().find(|b| b.id == id(transformer.windings[0].bus));
        let (area, base_kv) = first.map_or((0, 0.0), |b| (b.area, b.base_kv));
        case.buses.push(CaseBus {
            id: BusId(star_id as u64),
            kind: if connected { BusKind::Pq } else { BusKind::Isolated },
            vm_pu: if star.vm > 0.0 { star.vm } else { 1.0 },
            va_deg: star.va,
            base_kv: if star.base_kv > 0.0 { star.base_kv } else { base_kv },
            // A star point is no place where a voltage is limited: limits nobody stated must never be violated.
            vm_max_pu: 2.0,
            vm_min_pu: 0.0,
            area,
            name: Some(format!("star of {}", transformer.name.as_deref().map_or("transformer", str::trim))),
            location: None,
            line: None,
        });
        case.branches.extend(legs.iter().map(|leg| CaseBranch { transformer: true, ..branch(leg) }));
        // Referred to the star point, pu of the system base; the susceptance of a magnetising branch is negative.
        if transformer.mag_g != 0.0 || transformer.mag_b != 0.0 {
            case.shunts.push(CaseShunt {
                bus: BusId(star_id as u64),
                g_mw: transformer.mag_g * network.base_mva(),
                b_mvar: transformer.mag_b * network.base_mva(),
                in_service: connected,
                steps_mvar: Vec::new(),
            });
        }
    }
    let message = format!(
        "three-winding transformers: {}, as stars of two-winding branches; the star points are buses {} to {}",
        transformers.len(),
        largest + 1,
        largest + transformers.len()
    );
    out.push(Diagnostic::note("case.transformer.star", message).at(case.file.as_str(), None));
}

fn add_switches(case: &mut Case, network: &BalancedNetwork, out: &mut Complaints) {
    let switches = network.switches();
    if switches.is_empty() {
        return;
    }
    case.jumpers.extend(case.branches.len()..case.branches.len() + switches.len());
    case.branches.extend(switches.iter().map(|s| CaseBranch {
        from: id(s.from),
        to: id(s.to),
        r_pu: 0.0,
        x_pu: JUMPER_X_PU,
        from_shunt_pu: (0.0, 0.0),
        to_shunt_pu: (0.0, 0.0),
        rate_a_mva: s.thermal_rating.and_then(rate),
        rate_b_mva: None,
        rate_c_mva: None,
        tap: 1.0,
        shift_deg: 0.0,
        in_service: s.closed,
        transformer: false,
        tap_range: None,
        name: Some(s.uid.as_deref().map_or("switch".to_owned(), |uid| format!("switch {uid}"))),
        line: None,
    }));
    let closed = switches.iter().filter(|s| s.closed).count();
    let message = format!(
        "switches: {closed} closed, as branches of {JUMPER_X_PU:e} pu; {} open",
        switches.len() - closed
    );
    out.push(Diagnostic::note("case.switch.reactance", message).at(case.file.as_str(), None));
}

/// What the network has and the case cannot say.
struct Omissions<'a> {
    case: &'a mut Case,
    out: &'a mut Complaints,
}

impl Omissions<'_> {
    /// Left out and without influence on the stored operating point.
    fn note(&mut self, code: &'static str, what: String) {
        self.out.push(Diagnostic::note(code, what.as_str()).at(self.case.file.as_str(), None));
        self.case.ignored.push(what);
    }

    /// Left out although it moves the operating point.
    fn warn(&mut self, code: &'static str, what: String) {
        self.out.push(Diagnostic::warning(code, what.as_str()).at(self.case.file.as_str(), None));
        self.case.ignored.push(what);
    }

    fn injections(&mut self, network: &BalancedNetwork, not_followed: &NotFollowed) {
        let lines = network.hvdc();
        let running: Vec<_> = lines.iter().filter(|l| l.in_service).collect();
        let mw: f64 = sum(running.iter().map(|l| l.pf.abs()));
        if !lines.is_empty() {
            let what = format!(
                "DC lines: {} ({} in service, {mw:.1} MW); nothing is injected at their ends unless they are switched on",
                lines.len(),
                running.len()
            );
            // MATPOWER's own power flow leaves the dcline table out unless toggle_dcline is on.
            if network.source_format() == SourceFormat::Matpower || running.is_empty() {
                self.note("case.dcline.ignored", what);
            } else {
                self.warn("case.dcline.ignored", what);
            }
        }
        let storage = network.storage();
        if !storage.is_empty() {
            let active: Vec<_> =
                storage.iter().filter(|s| s.in_service && (s.ps != 0.0 || s.qs != 0.0)).collect();
            let mw: f64 = sum(active.iter().map(|s| s.ps));
            let what = format!("storage units: {} ({} with power, {mw:.1} MW)", storage.len(), active.len());
            if active.is_empty() {
                self.note("case.storage.ignored", what);
            } else {
                self.warn("case.storage.ignored", what);
            }
        }
        let compensators = network.static_var_compensators();
        if !compensators.is_empty() {
            let active: Vec<_> = compensators.iter().filter(|s| s.in_service).collect();
            let mvar: f64 = sum(active.iter().map(|s| s.q));
            let what = format!(
                "static var compensators: {} ({} in service, {mvar:.1} Mvar); they hold no voltage and inject nothing",
                compensators.len(),
                active.len()
            );
            if active.is_empty() {
                self.note("case.svc.ignored", what);
            } else {
                self.warn("case.svc.ignored", what);
            }
        }
        let detailed = network.detailed_connectivity().as_deref();
        // A boundary line with a load or generator in the calculation view is in the tables already.
        let open = detailed.map_or(0, |d| {
            d.boundary_lines
                .iter()
                .filter(|b| b.calculation_load.is_none() && b.active_power_setpoint_mw != 0.0)
                .count()
        });
        if open > 0 {
            self.warn("case.boundary.ignored", format!("boundary lines: {open}; their exchange is left out"));
        }
        let (mut loads, mut mw) = (0, 0.0);
        for load in network.loads().iter().filter(|l| l.in_service && depends_on_voltage(l)) {
            loads += 1;
            mw += load.p;
        }
        if loads > 0 {
            let what = format!(
                "voltage dependence of {loads} demands ({mw:.1} MW): constant power unless they are followed"
            );
            self.warn("case.load.voltage-dependence", what);
        }
        if not_followed.demands > 0 {
            let what = format!(
                "{} demands depend on the voltage by a reference of their own: always constant power",
                not_followed.demands
            );
            self.warn("case.load.voltage-reference", what);
        }
    }

    fn controls(&mut self, network: &BalancedNetwork, not_followed: &NotFollowed) {
        let corrected = network.branches().iter().filter(|b| b.impedance_correction().is_some()).count()
            + network
                .transformers_3w()
                .iter()
                .filter(|t| (0..3).any(|w| t.winding_impedance_correction(w).is_some()))
                .count();
        if corrected > 0 {
            let what =
                format!("impedance correction of {corrected} transformers: nominal impedances are used");
            self.warn("case.transformer.impedance-correction", what);
        }
        let remote: BTreeSet<usize> = network
            .generators()
            .iter()
            .filter(|g| g.in_service && g.regulated_bus.is_some_and(|bus| bus != g.bus && bus.0 != 0))
            .map(|g| g.bus.0)
            .collect();
        if !remote.is_empty() {
            let first: Vec<String> = remote.iter().take(5).map(usize::to_string).collect();
            let what = format!(
                "units at {} buses regulate another bus (first: {}): without that control they hold their own bus at that set-point",
                remote.len(),
                first.join(", ")
            );
            self.warn("case.unit.remote-regulation", what);
        }
        let taps = self.case.controls.taps.len();
        if taps > 0 {
            let what =
                format!("automatic taps of {taps} transformers: they stay put unless they are controlled");
            self.note("case.transformer.control", what);
        }
        if not_followed.taps > 0 {
            let what = format!(
                "automatic taps of {} transformers: they always stay put, as they hold no voltage in a band by positions",
                not_followed.taps
            );
            self.note("case.transformer.fixed", what);
        }
        let shunts = self.case.controls.shunts.len();
        if shunts > 0 {
            let what =
                format!("automatic switching of {shunts} shunts: they stay put unless they are controlled");
            self.note("case.shunt.control", what);
        }
        if not_followed.shunts > 0 {
            let what = format!(
                "automatic switching of {} shunts: they always stay put, as they hold no voltage in a band by steps",
                not_followed.shunts
            );
            self.note("case.shunt.fixed", what);
        }
        let areas = network.areas().len();
        if areas > 0 && network.source_format() != SourceFormat::Matpower {
            self.note("case.area.ignored", format!("interchange schedules of {areas} areas"));
        }
    }
}

fn depends_on_voltage(load: &Load) -> bool {
    match &load.voltage_model {
        Some(LoadVoltageModel::Zip {
            p_constant_current: pi,
            q_constant_current: qi,
            p_constant_impedance: pz,
            q_constant_impedance: qz,
            ..
        }) => [pi, qi, pz, qz].iter().any(|part| **part != 0.0),
        Some(LoadVoltageModel::Exponential { gamma_p, gamma_q, .. }) => *gamma_p != 0.0 || *gamma_q != 0.0,
        _ => false,
    }
}
