//! What is measured, where, and how well.

use crate::index::{BranchIdx, BusIdx, Index};
use crate::network::Network;

/// An end of a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Where its from bus is.
    From,
    /// Where its to bus is.
    To,
}

/// What a meter measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MeterKind {
    /// Voltage magnitude of a bus (of its first busbar), pu.
    Voltage(BusIdx),
    /// Active power of a bus's units less its demand, pu; what its shunts take is part of the grid.
    ActiveInjection(BusIdx),
    /// Reactive power of the same, pu.
    ReactiveInjection(BusIdx),
    /// Active power into a branch at one end, pu.
    ActiveFlow(BranchIdx, End),
    /// Reactive power into a branch at one end, pu.
    ReactiveFlow(BranchIdx, End),
    /// Voltage magnitude by a phasor measurement unit, pu.
    PhasorVoltage(BusIdx),
    /// Voltage angle by a phasor measurement unit, rad. An island with one has no angle that is held.
    PhasorAngle(BusIdx),
}

impl MeterKind {
    /// As people name it: `active power into branch 9 (8-30) at its from end`.
    pub fn name(self, network: &Network) -> String {
        let bus = |what: &str, bus: BusIdx| format!("{what} of bus {}", network.buses.id[bus]);
        let flow = |what: &str, branch: BranchIdx, end: End| {
            let end = if end == End::From { "from" } else { "to" };
            format!("{what} power into {} at its {end} end", network.branch_name(branch))
        };
        match self {
            MeterKind::Voltage(row) => bus("voltage", row),
            MeterKind::ActiveInjection(row) => bus("active injection", row),
            MeterKind::ReactiveInjection(row) => bus("reactive injection", row),
            MeterKind::ActiveFlow(branch, end) => flow("active", branch, end),
            MeterKind::ReactiveFlow(branch, end) => flow("reactive", branch, end),
            MeterKind::PhasorVoltage(row) => bus("phasor voltage", row),
            MeterKind::PhasorAngle(row) => bus("phasor angle", row),
        }
    }

    /// Whether the linear model knows what it measures.
    pub fn is_active_power(self) -> bool {
        matches!(self, MeterKind::ActiveInjection(_) | MeterKind::ActiveFlow(..))
    }
}

/// One meter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Meter {
    /// What it measures.
    pub kind: MeterKind,
    /// Standard deviation of its error, in the unit of what it measures; above zero.
    pub sigma: f64,
}

/// Standard deviations by kind of meter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sigmas {
    /// Of voltage magnitudes, pu.
    pub voltage_pu: f64,
    /// Of active and reactive injections, pu.
    pub injection_pu: f64,
    /// Of active and reactive flows, pu.
    pub flow_pu: f64,
    /// Of phasor magnitudes, pu.
    pub phasor_voltage_pu: f64,
    /// Of phasor angles, rad.
    pub phasor_angle_rad: f64,
}

impl Default for Sigmas {
    /// Shares of full scale, which is 1 pu: 0.4 % for voltages, 1 % for injections, 0.8 % for flows, 0.2 % and 0.1 degrees for phasors.
    fn default() -> Self {
        Sigmas {
            voltage_pu: 0.004,
            injection_pu: 0.01,
            flow_pu: 0.008,
            phasor_voltage_pu: 0.002,
            phasor_angle_rad: 0.1_f64.to_radians(),
        }
    }
}

impl Sigmas {
    /// Of a kind.
    pub fn of(&self, kind: MeterKind) -> f64 {
        match kind {
            MeterKind::Voltage(_) => self.voltage_pu,
            MeterKind::ActiveInjection(_) | MeterKind::ReactiveInjection(_) => self.injection_pu,
            MeterKind::ActiveFlow(..) | MeterKind::ReactiveFlow(..) => self.flow_pu,
            MeterKind::PhasorVoltage(_) => self.phasor_voltage_pu,
            MeterKind::PhasorAngle(_) => self.phasor_angle_rad,
        }
    }
}

/// Where the meters of a grid are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MeterSet {
    /// Meters; readings come in this order.
    pub meters: Vec<Meter>,
    /// Buses where certainly nothing is injected: constraints that an AC estimate meets exactly. No meter belongs there.
    pub zero_injections: Vec<BusIdx>,
}

impl MeterSet {
    /// Meters of these kinds.
    pub fn of(kinds: impl IntoIterator<Item = MeterKind>, sigmas: &Sigmas) -> Self {
        let meter = |kind: MeterKind| Meter { kind, sigma: sigmas.of(kind) };
        MeterSet { meters: kinds.into_iter().map(meter).collect(), zero_injections: Vec::new() }
    }

    /// All that a control centre could measure: voltage and both injections of every bus, both flows at both ends of every branch.
    pub fn all(network: &Network, sigmas: &Sigmas) -> Self {
        let buses = || network.buses.id.indices();
        let voltages = buses().map(MeterKind::Voltage);
        let injections =
            buses().flat_map(|bus| [MeterKind::ActiveInjection(bus), MeterKind::ReactiveInjection(bus)]);
        let flows = network.branches.from.indices().flat_map(|branch| {
            [End::From, End::To].into_iter().flat_map(move |end| {
                [MeterKind::ActiveFlow(branch, end), MeterKind::ReactiveFlow(branch, end)]
            })
        });
        MeterSet::of(voltages.chain(injections).chain(flows), sigmas)
    }

    /// The same with phasor measurement units at these buses.
    #[must_use]
    pub fn with_phasors(mut self, buses: &[BusIdx], sigmas: &Sigmas) -> Self {
        let kinds =
            buses.iter().flat_map(|bus| [MeterKind::PhasorVoltage(*bus), MeterKind::PhasorAngle(*bus)]);
        self.meters.extend(MeterSet::of(kinds, sigmas).meters);
        self
    }

    /// The same with certainty instead of meters at the buses to which the file connects no demand and no unit.
    #[must_use]
    pub fn with_exact_zero_injections(mut self, network: &Network) -> Self {
        let mut used = vec![false; network.buses.id.len()];
        for bus in network.units.bus.as_slice() {
            used[bus.row()] = true;
        }
        for load in &network.case.loads {
            if let Ok(bus) = network.bus(load.bus)
                && (load.p_mw != 0.0 || load.q_mvar != 0.0)
            {
                used[bus.row()] = true;
            }
        }
        self.zero_injections = network.buses.id.indices().filter(|bus| !used[bus.row()]).collect();
        self.meters.retain(|meter| match meter.kind {
            MeterKind::ActiveInjection(bus) | MeterKind::ReactiveInjection(bus) => used[bus.row()],
            _ => true,
        });
        self
    }
}
