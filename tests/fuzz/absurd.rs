//! Random networks with absurd values.

use gridgate_tests::Dice;
use powerflow::BusId;
use powerflow::case::{
    BusKind, Case, CaseArea, CaseBranch, CaseBus, CaseDcLine, CaseDemandPart, CaseLoad, CaseRemoteControl,
    CaseShunt, CaseShuntControl, CaseTapControl, CaseUnit, DcTerminal,
};
use powerflow::units::MvaBase;

/// A number that nobody expects; rarely one that is none.
fn number(dice: &mut Dice) -> f64 {
    const ODD: &[f64] = &[
        0.0, -0.0, 1.0, -1.0, 1e-3, -1e-3, 1e-6, 1e-9, -1e-9, 1e-12, 1e-15, 1e-30, 1e-100, 1e-155, 1e-200,
        1e-308, 5e-324, 1e2, -1e2, 1e4, -1e4, 1e6, 1e9, -1e9, 1e12, 1e15, 1e30, 1e100, 1e154, -1e155, 1e200,
        1e308, -1e308,
    ];
    if dice.chance(0.02) {
        return *dice.pick(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
    }
    if dice.chance(0.5) { dice.between(-3.0, 3.0) } else { *dice.pick(ODD) }
}

fn id(row: usize) -> BusId {
    BusId((row as u64 * 7919) % 100_003 + 1)
}

/// A network whose number of buses, wiring and values are drawn; half of them ordinary but for a few values.
pub(crate) fn case(dice: &mut Dice) -> Case {
    let mut case = ordinary(dice);
    if dice.chance(0.3) {
        devices(dice, &mut case);
    }
    let how_many = match dice.below(10) {
        0..3 => 0,
        3..8 => 1 + dice.below(4),
        8 => 5 + dice.below(30),
        _ => 3 * case.buses.len(),
    };
    for _ in 0..how_many {
        spoil(dice, &mut case);
    }
    case
}

/// Lines, transformers, demands, shunts and units of ordinary size, in one island or several.
fn ordinary(dice: &mut Dice) -> Case {
    let n = match dice.below(50) {
        0 => 500,
        1..20 => 1 + dice.below(6),
        _ => 1 + dice.below(60),
    };
    let pattern = Case::two_bus_example();
    let mut case = Case { name: "absurd".into(), buses: Vec::new(), loads: Vec::new(), ..pattern.clone() };
    (case.branches, case.units) = (Vec::new(), Vec::new());
    let angle = dice.between(-180.0, 180.0);
    let cut = if dice.chance(0.3) { 0.1 } else { 0.0 };
    let dense = *dice.pick(&[0.05, 0.3, 1.0]);
    for row in 0..n {
        let kind = match dice.below(40) {
            0 => BusKind::Isolated,
            1 => BusKind::Reference,
            _ => BusKind::Pq,
        };
        let kind = if row == 0 && dice.chance(0.97) { BusKind::Reference } else { kind };
        case.buses.push(CaseBus {
            id: id(row),
            kind,
            va_deg: angle,
            vm_pu: dice.between(0.95, 1.05),
            ..bus(&pattern)
        });
    }
    for row in 1..n {
        if !dice.chance(cut) {
            let near = row - 1 - dice.below(row.min(5));
            branch(dice, &mut case, near, row);
        }
    }
    for _ in 0..(n as f64 * dense) as usize {
        let (a, b) = (dice.below(n), dice.below(n));
        if a != b {
            branch(dice, &mut case, a, b);
            if dice.chance(0.1) {
                branch(dice, &mut case, b, a);
            }
        }
    }
    let total = dice.between(10.0, 400.0);
    for row in 0..n {
        if dice.chance(0.7) {
            let p_mw = total / n as f64 * dice.between(0.0, 2.0);
            case.loads.push(CaseLoad {
                bus: id(row),
                p_mw,
                q_mvar: p_mw * dice.between(-0.2, 0.5),
                in_service: dice.chance(0.95),
            });
        }
        if dice.chance(0.2) {
            let b_mvar = dice.between(-10.0, 10.0);
            let steps_mvar = if dice.chance(0.5) { vec![b_mvar / 2.0, b_mvar] } else { Vec::new() };
            let g_mw = if dice.chance(0.2) { dice.between(-1.0, 1.0) } else { 0.0 };
            case.shunts.push(CaseShunt {
                bus: id(row),
                g_mw,
                b_mvar,
                in_service: dice.chance(0.8),
                steps_mvar,
            });
        }
        let everywhere = dice.chance(0.05);
        if row == 0 || everywhere || dice.chance(0.25) {
            units(dice, &mut case, row, total / (1.0 + n as f64 * 0.25));
        }
    }
    case
}

fn bus(pattern: &Case) -> CaseBus {
    pattern.buses[0].clone()
}

fn branch(dice: &mut Dice, case: &mut Case, from: usize, to: usize) {
    let x_pu = dice.between(0.005, 0.15);
    let transformer = dice.chance(0.25);
    let charging = dice.between(0.0, 0.02);
    case.branches.push(CaseBranch {
        from: id(from),
        to: id(to),
        r_pu: x_pu * dice.between(0.0, 0.5),
        x_pu,
        from_shunt_pu: (0.0, charging),
        to_shunt_pu: (0.0, charging),
        rate_a_mva: dice.chance(0.5).then(|| dice.between(10.0, 300.0)),
        tap: if transformer { dice.between(0.9, 1.1) } else { 1.0 },
        shift_deg: if transformer && dice.chance(0.3) { dice.between(-30.0, 30.0) } else { 0.0 },
        in_service: dice.chance(0.96),
        transformer,
        ..Case::two_bus_example().branches.swap_remove(0)
    });
}

fn units(dice: &mut Dice, case: &mut Case, row: usize, share: f64) {
    let v_set_pu = dice.between(0.97, 1.06);
    if case.buses[row].kind == BusKind::Pq && dice.chance(0.85) {
        case.buses[row].kind = BusKind::Pv;
    }
    for _ in 0..1 + dice.below(3) {
        let p_mw = share * dice.between(0.0, 1.0);
        let wide = dice.chance(0.3);
        let endless =
            |dice: &mut Dice, x: f64| if dice.chance(0.05) { x.signum() * f64::INFINITY } else { x };
        case.units.push(CaseUnit {
            bus: id(row),
            p_mw,
            q_mvar: dice.between(-5.0, 5.0),
            p_min_mw: endless(dice, -1.0).min(p_mw * dice.between(0.0, 1.0)),
            p_max_mw: endless(dice, 1.0).max(p_mw * dice.between(1.0, 3.0)),
            q_min_mvar: endless(dice, -share * if wide { 5.0 } else { 0.2 }),
            q_max_mvar: endless(dice, share * if wide { 5.0 } else { 0.3 }),
            v_set_pu: if dice.chance(0.05) { dice.between(0.9, 1.1) } else { v_set_pu },
            in_service: dice.chance(0.92),
            regulates: dice.chance(0.95),
            ..Case::two_bus_example().units.swap_remove(0)
        });
    }
}

/// Controls, demand that follows the voltage, DC lines; some absurd.
fn devices(dice: &mut Dice, case: &mut Case) {
    let n = case.buses.len();
    let some = |dice: &mut Dice, usual: f64| if dice.chance(0.05) { number(dice) } else { usual };
    for load in 0..case.loads.len() {
        if dice.chance(0.3) {
            let exponent = *dice.pick(&[1.0, 2.0, 0.5, 1.7]);
            case.demand_parts.push(CaseDemandPart {
                load,
                p_mw: some(dice, case.loads[load].p_mw),
                p_exponent: some(dice, exponent),
                q_mvar: some(dice, case.loads[load].q_mvar),
                q_exponent: some(dice, exponent),
            });
        }
    }
    for row in 0..case.branches.len() {
        if case.branches[row].transformer && dice.chance(0.5) {
            case.branches[row].tap_range = Some((some(dice, 0.9), some(dice, 1.1), dice.below(40) as u32));
            let from_side = dice.chance(0.5);
            let bus = if from_side { case.branches[row].from } else { case.branches[row].to };
            let (low_pu, high_pu) = (some(dice, 0.98), some(dice, 1.02));
            case.controls.taps.push(CaseTapControl { branch: row, bus, low_pu, high_pu, from_side });
        }
    }
    for shunt in 0..case.shunts.len() {
        if dice.chance(0.5) {
            let (low_pu, high_pu) = (some(dice, 0.99), some(dice, 1.01));
            case.controls.shunts.push(CaseShuntControl { shunt, bus: id(dice.below(n)), low_pu, high_pu });
        }
    }
    for unit in 0..case.units.len() {
        if dice.chance(0.2) {
            case.controls.remote.push(CaseRemoteControl { unit, bus: id(dice.below(n)) });
        }
    }
    if dice.chance(0.3) {
        case.controls.areas.push(CaseArea {
            number: 1 + dice.below(2) as u64,
            slack_bus: id(dice.below(n)),
            export_mw: some(dice, 5.0),
            tolerance_mw: some(dice, 0.1),
        });
        let split = dice.below(n);
        case.buses[split..].iter_mut().for_each(|bus| bus.area = 2);
    }
    case.dc_lines_run = dice.chance(0.7);
    for _ in 0..dice.below(3) {
        let p_mw = some(dice, 10.0);
        let end = |dice: &mut Dice, p_mw: f64| DcTerminal {
            bus: id(dice.below(n)),
            p_mw,
            q_mvar: some(dice, 1.0),
            q_min_mvar: some(dice, -5.0),
            q_max_mvar: some(dice, 5.0),
            v_set_pu: dice.chance(0.5).then_some(1.0),
        };
        let (from, to) = (end(dice, -p_mw), end(dice, 0.98 * p_mw));
        case.dc_lines.push(CaseDcLine { from, to, in_service: dice.chance(0.9) });
    }
}

/// Something absurd somewhere.
fn spoil(dice: &mut Dice, case: &mut Case) {
    let x = number(dice);
    match dice.below(20) {
        0..8 => {
            let beyond = usize::from(dice.chance(0.02));
            let other = id(dice.below(case.buses.len() + beyond));
            let at = dice.below(case.branches.len());
            let Some(branch) = case.branches.get_mut(at) else { return };
            match dice.below(14) {
                0 => branch.r_pu = x,
                1 => branch.x_pu = x,
                2 => (branch.r_pu, branch.x_pu) = (x, x),
                3 => (branch.r_pu, branch.x_pu) = (branch.r_pu * x, branch.x_pu * x),
                4 => branch.x_pu = -branch.x_pu,
                5 => branch.from_shunt_pu = (0.0, x),
                6 => branch.to_shunt_pu = (x, 0.0),
                7 => branch.tap = dice.between(0.1, 10.0),
                8 => branch.tap = x,
                9 => branch.shift_deg = dice.between(-180.0, 180.0),
                10 => branch.shift_deg = *dice.pick(&[180.0, -180.0, 90.0, 360.0, 1e9, x]),
                11 => branch.rate_a_mva = Some(x),
                12 => branch.to = other,
                _ => branch.in_service = !branch.in_service,
            }
        }
        8..10 => {
            let at = dice.below(case.loads.len());
            let Some(load) = case.loads.get_mut(at) else { return };
            match dice.below(4) {
                0 => load.p_mw = x,
                1 => load.q_mvar = x,
                2 => load.p_mw *= 100.0,
                _ => load.p_mw = -load.p_mw * 10.0,
            }
        }
        10..12 => {
            let at = dice.below(case.shunts.len());
            let Some(shunt) = case.shunts.get_mut(at) else { return };
            match dice.below(4) {
                0 => shunt.g_mw = x,
                1 => shunt.b_mvar = x,
                2 => shunt.steps_mvar = vec![-x.abs(), x.abs()],
                _ => shunt.b_mvar *= 50.0,
            }
        }
        12..16 => {
            let at = dice.below(case.units.len());
            let Some(unit) = case.units.get_mut(at) else { return };
            match dice.below(12) {
                0 => unit.p_mw = x,
                1 => unit.q_mvar = x,
                2 => unit.p_max_mw = x,
                3 => unit.p_min_mw = x,
                4 => unit.q_max_mvar = x,
                5 => unit.q_min_mvar = x,
                6 => (unit.q_min_mvar, unit.q_max_mvar) = (0.0, 0.0),
                7 => (unit.q_min_mvar, unit.q_max_mvar) = (f64::NEG_INFINITY, f64::INFINITY),
                8 => unit.v_set_pu = x,
                9 => unit.v_set_pu = dice.between(0.4, 1.6),
                10 => (unit.p_min_mw, unit.p_max_mw) = (f64::NEG_INFINITY, f64::INFINITY),
                _ => unit.in_service = !unit.in_service,
            }
        }
        16..19 => {
            let at = dice.below(case.buses.len());
            let bus = &mut case.buses[at];
            match dice.below(7) {
                0 => bus.vm_pu = x,
                1 => bus.va_deg = x,
                2 => bus.va_deg = dice.between(-360.0, 360.0),
                3 => {
                    bus.kind = *dice.pick(&[BusKind::Pq, BusKind::Pv, BusKind::Reference, BusKind::Isolated])
                }
                4 => bus.base_kv = x,
                5 => bus.vm_max_pu = x,
                _ => bus.kind = BusKind::Reference,
            }
        }
        _ => match dice.below(4) {
            0 => case.base_mva = MvaBase(x.abs()),
            1 => case.base_mva = MvaBase(*dice.pick(&[1.0, 1e-3, 1e6])),
            2 => case.buses.iter_mut().for_each(|b| b.vm_pu = x),
            _ => case.units.iter_mut().for_each(|u| (u.q_min_mvar, u.q_max_mvar) = (-0.1, 0.1)),
        },
    }
}
