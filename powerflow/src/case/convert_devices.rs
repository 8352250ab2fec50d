//! The reader's controls, DC lines and voltage-dependent demands -> [`Case`]; beside [`super::convert`], which fills the
//! tables that these rows refer to.

use powerio_tx::{
    BalancedNetwork, Branch, Hvdc, HvdcConverter, Load, LoadVoltageModel, SourceFormat, SwitchedShuntMode,
    TransformerControlMode,
};

use crate::case::{
    BusKind, Case, CaseArea, CaseControls, CaseDcLine, CaseDemandPart, CaseRemoteControl, CaseShuntControl,
    CaseTapControl, DcTerminal,
};
use crate::index::BusId;

/// What was found and cannot be followed, counted.
#[derive(Debug, Default)]
pub(super) struct NotFollowed {
    /// Automatic transformers that hold something else than a voltage, or whose band or positions make no sense.
    pub(super) taps: usize,
    /// Automatic shunts that are continuous, hold something else than a voltage, or whose band makes no sense.
    pub(super) shunts: usize,
    /// Demands whose dependence on the voltage has a reference voltage of its own.
    pub(super) demands: usize,
}

fn id(bus: powerio_tx::BusId) -> BusId {
    BusId(bus.0 as u64)
}

/// A band that a voltage can be kept in.
fn is_band(low: f64, high: f64) -> bool {
    low > 0.0 && low <= high && high < 3.0
}

/// Fills [`Case::controls`], [`Case::demand_parts`] and [`Case::dc_lines`]. Branches, shunts, loads and units must be in the
/// case already, in the order of the network's tables; the legs of three-winding transformers follow its branches.
pub(super) fn fill(case: &mut Case, network: &BalancedNetwork) -> NotFollowed {
    let mut not = NotFollowed::default();
    case.controls = CaseControls::default();
    for (row, branch) in network.branches().iter().enumerate() {
        tap(case, row, branch, &mut not);
    }
    let mut row = network.branches().len();
    for transformer in network.transformers_3w() {
        let (_, legs) = transformer.to_star_expansion(powerio_tx::BusId(0));
        for leg in &legs {
            tap(case, row, leg, &mut not);
            row += 1;
        }
    }
    for (row, shunt) in network.shunts().iter().enumerate() {
        let Some(control) = shunt.control.as_ref().filter(|c| c.mode != SwitchedShuntMode::Locked) else {
            continue;
        };
        let (low_pu, high_pu) = (control.vlow, control.vhigh);
        // PSS/E's modes 3 to 6 hold a reactive power; the reader keeps their number.
        let voltage = control.mode == SwitchedShuntMode::Discrete && !shunt.extras.contains_key("psse_modsw");
        if !voltage || !is_band(low_pu, high_pu) || case.shunts[row].steps_mvar.is_empty() {
            not.shunts += 1;
            continue;
        }
        let bus = id(control.control_bus.unwrap_or(shunt.bus));
        case.controls.shunts.push(CaseShuntControl { shunt: row, bus, low_pu, high_pu });
    }
    for (row, unit) in network.generators().iter().enumerate() {
        let elsewhere = unit.regulated_bus.filter(|bus| *bus != unit.bus && bus.0 != 0);
        if let (true, Some(bus)) = (unit.voltage_regulation_on, elsewhere) {
            case.controls.remote.push(CaseRemoteControl { unit: row, bus: id(bus) });
        }
    }
    for area in network.areas() {
        if let Some(slack_bus) = area.slack_bus {
            case.controls.areas.push(CaseArea {
                number: area.number as u64,
                slack_bus: id(slack_bus),
                export_mw: area.net_interchange,
                tolerance_mw: area.tolerance,
            });
        }
    }
    for (row, load) in network.loads().iter().enumerate() {
        demand(case, row, load, &mut not);
    }
    case.dc_lines = network.hvdc().iter().map(|line| dc_line(case, network, line)).collect();
    case.dc_lines_run = network.source_format() != SourceFormat::Matpower;
    not
}

fn tap(case: &mut Case, row: usize, branch: &Branch, not: &mut NotFollowed) {
    let Some(control) = branch.control.as_ref().filter(|c| c.enabled) else { return };
    let (low_pu, high_pu) = (control.band_min, control.band_max);
    let possible = control.mode == TransformerControlMode::Voltage
        && is_band(low_pu, high_pu)
        && case.branches[row].tap_range.is_some();
    match control.controlled_bus {
        Some(bus) if possible => {
            let from_side =
                bus == branch.from || (bus != branch.to && control.controlled_bus_on_winding_side);
            let bus = id(bus);
            case.controls.taps.push(CaseTapControl { branch: row, bus, low_pu, high_pu, from_side });
        }
        _ => not.taps += 1,
    }
}

fn demand(case: &mut Case, row: usize, load: &Load, not: &mut NotFollowed) {
    let own_reference = |v_nom: &Option<f64>| v_nom.is_some_and(|v| v != 1.0);
    match &load.voltage_model {
        Some(LoadVoltageModel::Zip {
            p_constant_current,
            q_constant_current,
            p_constant_impedance,
            q_constant_impedance,
            v_nom,
            ..
        }) => {
            let parts = [
                (1.0, p_constant_current, q_constant_current),
                (2.0, p_constant_impedance, q_constant_impedance),
            ];
            if parts.iter().all(|(_, p, q)| **p == 0.0 && **q == 0.0) {
                return;
            }
            if own_reference(v_nom) {
                not.demands += 1;
                return;
            }
            for (exponent, p_mw, q_mvar) in parts {
                if *p_mw != 0.0 || *q_mvar != 0.0 {
                    case.demand_parts.push(CaseDemandPart {
                        load: row,
                        p_mw: *p_mw,
                        p_exponent: exponent,
                        q_mvar: *q_mvar,
                        q_exponent: exponent,
                    });
                }
            }
        }
        Some(LoadVoltageModel::Exponential { p, q, v_nom, gamma_p, gamma_q })
            if *gamma_p != 0.0 || *gamma_q != 0.0 =>
        {
            if own_reference(v_nom) {
                not.demands += 1;
                return;
            }
            case.demand_parts.push(CaseDemandPart {
                load: row,
                p_mw: *p,
                p_exponent: *gamma_p,
                q_mvar: *q,
                q_exponent: *gamma_q,
            });
        }
        _ => {}
    }
}

/// A line with PSS/E's converter data takes the reactive power that its converters draw at the stored voltages.
///
/// Source of the converter equations: the crate powerio-tx, `lcc`, after Kundur, "Power System Stability and Control", 10.2.
fn dc_line(case: &Case, network: &BalancedNetwork, line: &Hvdc) -> CaseDcLine {
    let stored = |bus: powerio_tx::BusId| {
        let found = case.buses.iter().find(|b| b.id == id(bus) && b.kind != BusKind::Isolated);
        found.map_or(1.0, |b| b.vm_pu)
    };
    let matpower = network.source_format() == SourceFormat::Matpower;
    // MATPOWER's table states what is sent; what arrives follows from the losses (`toggle_dcline`).
    let arrives = if matpower { line.pf - line.loss0 - line.loss1 * line.pf } else { line.pt };
    let mut ends = CaseDcLine {
        from: terminal(line.from, 0.0 - line.pf, line.qf, (line.qminf, line.qmaxf), line.vf),
        to: terminal(line.to, arrives, line.qt, (line.qmint, line.qmaxt), line.vt),
        in_service: line.in_service,
    };
    if matpower {
        return ends;
    }
    let holds = |converter: &Option<HvdcConverter>| {
        converter.as_ref().is_some_and(|c| c.voltage_regulator_on == Some(true))
    };
    if !holds(&line.converter1) {
        ends.from.v_set_pu = None;
    }
    if !holds(&line.converter2) {
        ends.to.v_set_pu = None;
    }
    if line.has_lcc_converter_record()
        && let Some(point) = line.calc_lcc_operating_point(stored(line.from), stored(line.to))
    {
        ends.from.p_mw = -point.rectifier.p_mw;
        ends.from.q_mvar = -point.rectifier.q_mvar;
        ends.to.p_mw = point.inverter.p_mw;
        ends.to.q_mvar = -point.inverter.q_mvar;
    }
    ends
}

fn terminal(bus: powerio_tx::BusId, p_mw: f64, q_mvar: f64, range: (f64, f64), v_set_pu: f64) -> DcTerminal {
    DcTerminal {
        bus: id(bus),
        p_mw,
        q_mvar,
        q_min_mvar: range.0,
        q_max_mvar: range.1,
        v_set_pu: Some(v_set_pu),
    }
}
