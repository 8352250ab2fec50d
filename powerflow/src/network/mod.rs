//! What a solver sees: checked, per unit on the system base, dense, immutable, shared by every thread.

pub(crate) mod admittance;
mod controls;

pub use controls::{AreaControl, Controls, DemandPart, RemoteControl, ShuntControl, TapControl};

use std::collections::HashMap;
use std::sync::Arc;

use crate::case::{BusKind, Case};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::index::{BranchIdx, BusId, BusIdx, Column, Index, ShuntIdx, UnitIdx};
use crate::state::State;
use crate::units::MvaBase;

/// Bus columns, in file order.
#[derive(Clone, Debug, Default)]
pub struct Buses {
    /// Number in the file.
    pub id: Column<BusIdx, BusId>,
    /// What the file wants the bus to be.
    pub kind: Column<BusIdx, BusKind>,
    /// Nominal voltage, kV (0 where the file has none).
    pub base_kv: Column<BusIdx, f64>,
    /// Lowest allowed magnitude, pu.
    pub voltage_pu_min: Column<BusIdx, f64>,
    /// Highest allowed magnitude, pu.
    pub voltage_pu_max: Column<BusIdx, f64>,
    /// Stored magnitude, pu.
    pub stored_vm_pu: Column<BusIdx, f64>,
    /// Stored angle, rad.
    pub stored_va_rad: Column<BusIdx, f64>,
    /// Demand in the file, pu, positive consumes: all loads in service on the bus.
    pub demand_p_pu: Column<BusIdx, f64>,
    /// Reactive demand in the file, pu, positive consumes.
    pub demand_q_pu: Column<BusIdx, f64>,
    /// Longitude and latitude in degrees, where the file has them.
    pub location: Column<BusIdx, Option<(f64, f64)>>,
}

/// Branch columns, in file order: pi model, tap at the from side.
#[derive(Clone, Debug, Default)]
pub struct Branches {
    /// From bus (tap side).
    pub from: Column<BranchIdx, BusIdx>,
    /// To bus.
    pub to: Column<BranchIdx, BusIdx>,
    /// Series resistance, pu.
    pub resistance_pu: Column<BranchIdx, f64>,
    /// Series reactance, pu.
    pub reactance_pu: Column<BranchIdx, f64>,
    /// Conductance and susceptance to ground at the from end, pu.
    pub from_shunt_pu: Column<BranchIdx, (f64, f64)>,
    /// Conductance and susceptance to ground at the to end, pu.
    pub to_shunt_pu: Column<BranchIdx, (f64, f64)>,
    /// Turns ratio in the file, 1 on a line.
    pub tap_ratio: Column<BranchIdx, f64>,
    /// Phase shift in the file, rad.
    pub shift_rad: Column<BranchIdx, f64>,
    /// Long-term rating, pu of apparent power, where the file has one.
    pub rating_pu: Column<BranchIdx, Option<f64>>,
    /// Whether the file connects it.
    pub in_service: Column<BranchIdx, bool>,
    /// Whether it is a transformer.
    pub transformer: Column<BranchIdx, bool>,
    /// Lowest ratio, highest ratio and number of positions of a tap changer, where the file gives them.
    pub tap_range: Column<BranchIdx, Option<(f64, f64, u32)>>,
}

/// Generating-unit columns, in file order.
#[derive(Clone, Debug, Default)]
pub struct Units {
    /// Its bus.
    pub bus: Column<UnitIdx, BusIdx>,
    /// Scheduled active power in the file, pu.
    pub p_pu: Column<UnitIdx, f64>,
    /// Stored reactive power, pu.
    pub q_pu: Column<UnitIdx, f64>,
    /// Lowest active power, pu.
    pub p_min_pu: Column<UnitIdx, f64>,
    /// Highest active power, pu.
    pub p_max_pu: Column<UnitIdx, f64>,
    /// Lowest reactive power, pu (may be minus infinity).
    pub q_min_pu: Column<UnitIdx, f64>,
    /// Highest reactive power, pu (may be infinity).
    pub q_max_pu: Column<UnitIdx, f64>,
    /// Voltage set-point in the file, pu.
    pub v_set_pu: Column<UnitIdx, f64>,
    /// Ramp, pu per minute, where the file gives one.
    pub ramp_pu_per_min: Column<UnitIdx, Option<f64>>,
    /// Whether the file runs it.
    pub in_service: Column<UnitIdx, bool>,
    /// Whether it holds the voltage of its bus when it runs: its bus is PV or reference in the file, and its mode allows it.
    pub regulates: Column<UnitIdx, bool>,
}

/// Shunt columns, in file order.
#[derive(Clone, Debug, Default)]
pub struct Shunts {
    /// Its bus.
    pub bus: Column<ShuntIdx, BusIdx>,
    /// Conductance, pu at 1 pu voltage, positive consumes.
    pub g_pu: Column<ShuntIdx, f64>,
    /// Susceptance of every step, pu, positive injects; step 0 is always 0 (out), the step in the file is among them.
    pub steps_pu: Column<ShuntIdx, Vec<f64>>,
    /// Step in the file (0 where it is out of service).
    pub step: Column<ShuntIdx, u32>,
}

/// Equipment and nominal topology of a grid; not a moment in time (that is a [`State`]).
#[derive(Clone, Debug)]
pub struct Network {
    /// The case's name.
    pub name: String,
    /// Power base.
    pub base: MvaBase,
    /// Nominal frequency, Hz.
    pub frequency_hz: f64,
    /// Buses.
    pub buses: Buses,
    /// Lines and transformers.
    pub branches: Branches,
    /// Generating units.
    pub units: Units,
    /// Shunt elements.
    pub shunts: Shunts,
    /// What the file wants controlled; a plain power flow leaves it alone, see [`crate::control`].
    pub controls: Controls,
    /// The file it was built from.
    pub case: Arc<Case>,
    /// Warnings and notes of reading and checking the file.
    pub diagnostics: Diagnostics,
    row_of: HashMap<BusId, BusIdx>,
}

impl Network {
    /// Checks a case ([`crate::case::check`]) and builds the network that it describes.
    ///
    /// # Errors
    /// All complaints of the check at once, where any is an error.
    pub fn build(mut case: Case) -> Result<Arc<Network>, Diagnostics> {
        let mut complaints = crate::case::check::check(&case);
        complaints.0.extend(too_many_branches(&case));
        if complaints.has_errors() {
            return Err(complaints);
        }
        case.give_jumpers_reactance();
        let base = case.base_mva;
        let row_of: HashMap<BusId, BusIdx> =
            case.buses.iter().enumerate().map(|(row, bus)| (bus.id, BusIdx::from_row(row))).collect();
        let n = case.buses.len();
        let mut buses = Buses {
            id: case.buses.iter().map(|b| b.id).collect(),
            kind: case.buses.iter().map(|b| b.kind).collect(),
            base_kv: case.buses.iter().map(|b| b.base_kv).collect(),
            voltage_pu_min: case.buses.iter().map(|b| b.vm_min_pu).collect(),
            voltage_pu_max: case.buses.iter().map(|b| b.vm_max_pu).collect(),
            stored_vm_pu: case.buses.iter().map(|b| b.vm_pu).collect(),
            stored_va_rad: case.buses.iter().map(|b| b.va_deg.to_radians()).collect(),
            demand_p_pu: Column::filled(0.0, n),
            demand_q_pu: Column::filled(0.0, n),
            location: case.buses.iter().map(|b| b.location).collect(),
        };
        for load in case.loads.iter().filter(|l| l.in_service) {
            let bus = row_of[&load.bus];
            buses.demand_p_pu[bus] += base.to_pu(load.p_mw);
            buses.demand_q_pu[bus] += base.to_pu(load.q_mvar);
        }
        let rows = &case.branches;
        let branches = Branches {
            from: rows.iter().map(|b| row_of[&b.from]).collect(),
            to: rows.iter().map(|b| row_of[&b.to]).collect(),
            resistance_pu: rows.iter().map(|b| b.r_pu).collect(),
            reactance_pu: rows.iter().map(|b| b.x_pu).collect(),
            from_shunt_pu: rows.iter().map(|b| b.from_shunt_pu).collect(),
            to_shunt_pu: rows.iter().map(|b| b.to_shunt_pu).collect(),
            tap_ratio: rows.iter().map(|b| b.tap).collect(),
            shift_rad: rows.iter().map(|b| b.shift_deg.to_radians()).collect(),
            rating_pu: rows.iter().map(|b| b.rate_a_mva.map(|r| base.to_pu(r))).collect(),
            in_service: rows.iter().map(|b| b.in_service).collect(),
            transformer: rows.iter().map(|b| b.transformer).collect(),
            tap_range: rows.iter().map(|b| b.tap_range).collect(),
        };
        let rows = &case.units;
        let units = Units {
            bus: rows.iter().map(|u| row_of[&u.bus]).collect(),
            p_pu: rows.iter().map(|u| base.to_pu(u.p_mw)).collect(),
            q_pu: rows.iter().map(|u| base.to_pu(u.q_mvar)).collect(),
            p_min_pu: rows.iter().map(|u| base.to_pu(u.p_min_mw)).collect(),
            p_max_pu: rows.iter().map(|u| base.to_pu(u.p_max_mw)).collect(),
            q_min_pu: rows.iter().map(|u| base.to_pu(u.q_min_mvar)).collect(),
            q_max_pu: rows.iter().map(|u| base.to_pu(u.q_max_mvar)).collect(),
            v_set_pu: rows.iter().map(|u| u.v_set_pu).collect(),
            ramp_pu_per_min: rows.iter().map(|u| u.ramp_mw_per_min.map(|r| base.to_pu(r))).collect(),
            in_service: rows.iter().map(|u| u.in_service).collect(),
            regulates: rows
                .iter()
                .map(|u| {
                    u.regulates && matches!(buses.kind[row_of[&u.bus]], BusKind::Pv | BusKind::Reference)
                })
                .collect(),
        };
        let rows = &case.shunts;
        let mut shunts = Shunts {
            bus: rows.iter().map(|s| row_of[&s.bus]).collect(),
            g_pu: rows.iter().map(|s| base.to_pu(s.g_mw)).collect(),
            ..Shunts::default()
        };
        let mut steps_pu = Vec::with_capacity(rows.len());
        let mut step = Vec::with_capacity(rows.len());
        for shunt in rows {
            let now = base.to_pu(shunt.b_mvar);
            let mut steps: Vec<f64> = std::iter::once(0.0)
                .chain(shunt.steps_mvar.iter().map(|b| base.to_pu(*b)).filter(|b| *b != 0.0))
                .collect();
            if !steps[1..].contains(&now) {
                steps.push(now);
            }
            let at = steps.iter().rposition(|b| *b == now).unwrap_or(0);
            step.push(if shunt.in_service { at as u32 } else { 0 });
            steps_pu.push(steps);
        }
        shunts.steps_pu = steps_pu.into();
        shunts.step = step.into();
        Ok(Arc::new(Network {
            name: case.name.clone(),
            base,
            frequency_hz: case.frequency_hz,
            buses,
            branches,
            units,
            shunts,
            controls: Controls::of(&case, &row_of),
            diagnostics: Diagnostics(case.diagnostics.0.iter().cloned().chain(complaints.0).collect()),
            case: Arc::new(case),
            row_of,
        }))
    }

    /// The row of the bus with this number in the file.
    ///
    /// # Errors
    /// `network.unknown-bus`, with the nearest numbers that exist.
    pub fn bus(&self, id: BusId) -> Result<BusIdx, Diagnostics> {
        self.row_of.get(&id).copied().ok_or_else(|| {
            let mut known: Vec<u64> = self.buses.id.as_slice().iter().map(|b| b.0).collect();
            known.sort_by_key(|k| k.abs_diff(id.0));
            let nearest: Vec<String> = known.iter().take(2).map(u64::to_string).collect();
            Diagnostic::error("network.unknown-bus", format!("there is no bus {id} in {}", self.name))
                .hint(format!("nearest bus numbers are {}", nearest.join(" and ")))
                .into()
        })
    }

    /// A branch as people name it: `branch 9 (8-30)`, row from 1 and bus numbers of the file.
    pub fn branch_name(&self, branch: BranchIdx) -> String {
        let b = &self.branches;
        format!(
            "branch {} ({}-{})",
            branch.row() + 1,
            self.buses.id[b.from[branch]],
            self.buses.id[b.to[branch]]
        )
    }

    /// A unit as people name it: `unit 5 at bus 10`, row from 1 and bus number of the file.
    pub fn unit_name(&self, unit: UnitIdx) -> String {
        format!("unit {} at bus {}", unit.row() + 1, self.buses.id[self.units.bus[unit]])
    }

    /// The operating point that the file describes.
    pub fn initial_state(&self) -> State {
        State::of(self)
    }
}

/// Branches that one bus may have: what elimination holds of one row at a time.
const BRANCHES_MAX: usize = 16_000;

/// Complains of buses with more branches than any grid has.
fn too_many_branches(case: &Case) -> Vec<Diagnostic> {
    let mut ends: Vec<BusId> = case.branches.iter().flat_map(|branch| [branch.from, branch.to]).collect();
    ends.sort_unstable();
    ends.chunk_by(|a, b| a == b)
        .filter(|ends| ends.len() > BRANCHES_MAX)
        .map(|ends| {
            let message =
                format!("bus {} has {} branches, at most {BRANCHES_MAX} can be solved", ends[0], ends.len());
            Diagnostic::error("network.bus.too-many-branches", message)
                .hint("split the bus, or leave out branches that only join buses of one substation")
        })
        .collect()
}
