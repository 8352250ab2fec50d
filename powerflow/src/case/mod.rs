//! What a file says: its ids, its units, its order. Nothing here can be solved; see [`crate::Network`].

mod census;
pub mod check;
mod complaints;
mod convert;
mod convert_devices;
mod devices;
mod gic;
mod islands;
mod matpower;
mod prime_mover;
mod psse;
mod read;

pub use census::{
    BranchCensus, BusCensus, CENSUS_SCHEMA, Census, DemandCensus, IslandCensus, ShuntCensus, UnitCensus,
    VoltageLevel, census,
};
pub use check::check;
pub use devices::{
    CaseArea, CaseControls, CaseDcLine, CaseDemandPart, CaseRemoteControl, CaseShuntControl, CaseTapControl,
    DcTerminal,
};
pub use gic::{GicCase, GroundRule, gic_of, read_gic};
pub use prime_mover::PrimeMover;
pub use read::read;

use std::sync::Arc;

use crate::diagnostic::Diagnostics;
use crate::gic::GicNetwork;
use crate::index::BusId;
use crate::units::MvaBase;

/// Reactance of a jumper (a branch of no impedance between two buses of one nominal voltage) and of a closed switch, pu.
///
/// Small enough to change nothing that is printed: 1 pu of power through it turns the voltage by 1e-6 rad or moves it by
/// 1e-6 pu. Large enough for double precision: the current is a difference of two voltages near 1 that are rounded to 1e-16,
/// times 1e6, so that twenty jumpers on a bus leave its balance uncertain by 5e-9 pu, below the tolerance of 1e-8 pu.
/// Measured in `docs/physics/controls.md`. PSS/E joins the buses of lines below its THRSHZ, 1e-4 pu by default.
pub const JUMPER_X_PU: f64 = 1e-6;

/// What the file wants a bus to be. The solver decides anew: see [`crate::Network::build`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusKind {
    /// Demand given, voltage unknown.
    Pq,
    /// Voltage magnitude held by a unit.
    Pv,
    /// Voltage magnitude and angle held.
    Reference,
    /// Out of service, with everything on it.
    Isolated,
}

/// A case file, faithfully: file order, file ids, engineering units. Public fields, so that a test can build one.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// The case's own name, or the file stem.
    pub name: String,
    /// The file as the user named it; empty for a case built in memory.
    pub file: String,
    /// Power base in MVA.
    pub base_mva: MvaBase,
    /// Nominal frequency in Hz.
    pub frequency_hz: f64,
    /// Buses in file order.
    pub buses: Vec<CaseBus>,
    /// Demands; several may share a bus.
    pub loads: Vec<CaseLoad>,
    /// Shunt elements; several may share a bus.
    pub shunts: Vec<CaseShunt>,
    /// Lines and transformers in file order.
    pub branches: Vec<CaseBranch>,
    /// Generating units in file order.
    pub units: Vec<CaseUnit>,
    /// What drives each unit, in the order of `units`; shorter where the file does not say.
    pub prime_movers: Vec<Option<PrimeMover>>,
    /// What geomagnetic storms need to know of the grid, where somebody has given it.
    pub geomagnetic: Option<Arc<GicNetwork>>,
    /// Automatic controls that the file switches on; a plain power flow leaves them alone.
    pub controls: CaseControls,
    /// Parts of demands that follow the voltage; a plain power flow takes every demand as constant.
    pub demand_parts: Vec<CaseDemandPart>,
    /// DC lines; nothing is injected at their ends before [`Case::with_dc_lines`].
    pub dc_lines: Vec<CaseDcLine>,
    /// Whether programs of this format run DC lines unasked: all but MATPOWER's, which wait for `toggle_dcline`.
    pub dc_lines_run: bool,
    /// Units that are ends of DC lines, with the row of their line; see [`Case::with_dc_lines`].
    pub dc_units: Vec<(usize, usize)>,
    /// Rows of the branches whose reactance is [`JUMPER_X_PU`] and not the file's: closed and open switches, and, once a
    /// network is built of the case, branches without impedance.
    pub jumpers: Vec<usize>,
    /// What the file holds and the reader or the model leaves out (DC lines, storage, areas, unknown tables ...), in
    /// words for the census; nothing is dropped without a line here.
    pub ignored: Vec<String>,
    /// Warnings and notes of reading; errors never get this far.
    pub diagnostics: Diagnostics,
}

/// One bus.
#[derive(Clone, Debug)]
pub struct CaseBus {
    /// Number in the file.
    pub id: BusId,
    /// What the file wants it to be.
    pub kind: BusKind,
    /// Stored voltage magnitude, pu.
    pub vm_pu: f64,
    /// Stored voltage angle, degrees.
    pub va_deg: f64,
    /// Nominal voltage, kV; 0 where the file has none.
    pub base_kv: f64,
    /// Highest allowed magnitude, pu.
    pub vm_max_pu: f64,
    /// Lowest allowed magnitude, pu.
    pub vm_min_pu: f64,
    /// Area number.
    pub area: u64,
    /// Name, where the file has one.
    pub name: Option<String>,
    /// Longitude and latitude in degrees, where the file has them.
    pub location: Option<(f64, f64)>,
    /// Line in the file, from 1, where known.
    pub line: Option<u32>,
}

/// One demand: constant power, but for its [`CaseDemandPart`]s.
#[derive(Clone, Debug)]
pub struct CaseLoad {
    /// Its bus.
    pub bus: BusId,
    /// Active power, MW, positive consumes.
    pub p_mw: f64,
    /// Reactive power, Mvar, positive consumes.
    pub q_mvar: f64,
    /// Whether it is connected.
    pub in_service: bool,
}

/// One shunt element.
#[derive(Clone, Debug)]
pub struct CaseShunt {
    /// Its bus.
    pub bus: BusId,
    /// MW consumed at 1 pu.
    pub g_mw: f64,
    /// Mvar injected at 1 pu.
    pub b_mvar: f64,
    /// Whether it is connected.
    pub in_service: bool,
    /// Mvar at 1 pu of every selectable step, ascending, where the file gives steps; empty for a fixed shunt, which
    /// can only be switched out (step 0) and in (step 1).
    pub steps_mvar: Vec<f64>,
}

/// One line or transformer: pi model, tap at the from side.
#[derive(Clone, Debug)]
pub struct CaseBranch {
    /// From bus (tap side).
    pub from: BusId,
    /// To bus.
    pub to: BusId,
    /// Series resistance, pu.
    pub r_pu: f64,
    /// Series reactance, pu.
    pub x_pu: f64,
    /// Shunt conductance and susceptance at the from end, pu (half the line charging on an ordinary line).
    pub from_shunt_pu: (f64, f64),
    /// The same at the to end.
    pub to_shunt_pu: (f64, f64),
    /// Long-term rating in MVA; `None` where the file has none (0 in MATPOWER).
    pub rate_a_mva: Option<f64>,
    /// Short-term rating in MVA.
    pub rate_b_mva: Option<f64>,
    /// Emergency rating in MVA.
    pub rate_c_mva: Option<f64>,
    /// Off-nominal turns ratio; 1 on a line.
    pub tap: f64,
    /// Phase shift, degrees; positive delays the to side.
    pub shift_deg: f64,
    /// Whether it is connected.
    pub in_service: bool,
    /// Whether it is a transformer (the file says so, or tap or shift are off nominal, or MATPOWER's tap is not 0).
    pub transformer: bool,
    /// Range and number of tap positions, where the file gives them: (lowest, highest, positions).
    pub tap_range: Option<(f64, f64, u32)>,
    /// Name or circuit id, where the file has one.
    pub name: Option<String>,
    /// Line in the file, from 1, where known.
    pub line: Option<u32>,
}

/// One generating unit.
#[derive(Clone, Debug)]
pub struct CaseUnit {
    /// Its bus.
    pub bus: BusId,
    /// Scheduled active power, MW.
    pub p_mw: f64,
    /// Stored reactive power, Mvar: what it injects when it does not hold voltage.
    pub q_mvar: f64,
    /// Active range, MW; infinite where the file says so.
    pub p_min_mw: f64,
    /// Active range, MW; infinite where the file says so.
    pub p_max_mw: f64,
    /// Reactive range, Mvar; infinite where the file says so.
    pub q_min_mvar: f64,
    /// Reactive range, Mvar; infinite where the file says so.
    pub q_max_mvar: f64,
    /// Voltage set-point, pu.
    pub v_set_pu: f64,
    /// Machine base, MVA.
    pub m_base_mva: f64,
    /// Ramp rate, MW per minute, where the file gives one.
    pub ramp_mw_per_min: Option<f64>,
    /// Whether it runs.
    pub in_service: bool,
    /// Whether it regulates voltage where its bus is PV or reference (false for a unit in a fixed-Q mode).
    pub regulates: bool,
    /// Line in the file, from 1, where known.
    pub line: Option<u32>,
}

impl Case {
    /// Whether a branch has no impedance and joins two buses of one nominal voltage: a jumper. A transformer without
    /// impedance is none.
    pub(crate) fn is_jumper(&self, branch: &CaseBranch) -> bool {
        let kv = |id| self.buses.iter().find(|b| b.id == id).map(|b| b.base_kv);
        branch.r_pu == 0.0
            && branch.x_pu == 0.0
            && !branch.transformer
            && branch.tap == 1.0
            && branch.shift_deg == 0.0
            && kv(branch.from) == kv(branch.to)
    }

    /// Gives jumpers their reactance.
    pub(crate) fn give_jumpers_reactance(&mut self) {
        let jumpers: Vec<usize> =
            (0..self.branches.len()).filter(|row| self.is_jumper(&self.branches[*row])).collect();
        for row in &jumpers {
            self.branches[*row].x_pu = JUMPER_X_PU;
        }
        self.jumpers.extend(jumpers);
    }

    /// Two buses and a line: the smallest thing with a power flow. For examples and tests.
    pub fn two_bus_example() -> Self {
        let bus = |id, kind| CaseBus {
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
        };
        Case {
            name: "two buses".into(),
            frequency_hz: 50.0,
            buses: vec![bus(1, BusKind::Reference), bus(2, BusKind::Pq)],
            loads: vec![CaseLoad { bus: BusId(2), p_mw: 80.0, q_mvar: 20.0, in_service: true }],
            branches: vec![CaseBranch {
                from: BusId(1),
                to: BusId(2),
                r_pu: 0.01,
                x_pu: 0.1,
                from_shunt_pu: (0.0, 0.01),
                to_shunt_pu: (0.0, 0.01),
                rate_a_mva: Some(120.0),
                rate_b_mva: None,
                rate_c_mva: None,
                tap: 1.0,
                shift_deg: 0.0,
                in_service: true,
                transformer: false,
                tap_range: None,
                name: None,
                line: None,
            }],
            units: vec![CaseUnit {
                bus: BusId(1),
                p_mw: 80.0,
                q_mvar: 0.0,
                p_min_mw: 0.0,
                p_max_mw: 150.0,
                q_min_mvar: -60.0,
                q_max_mvar: 60.0,
                v_set_pu: 1.02,
                m_base_mva: 160.0,
                ramp_mw_per_min: None,
                in_service: true,
                regulates: true,
                line: None,
            }],
            ..Case::default()
        }
    }
}
