//! The quasi-dc network: every bus, one neutral for every station, and what joins them and earth.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::gic::{GeoelectricField, Lengths, LossVoltage, line_voltage};
use crate::index::{BusId, BusIdx, Column, StationIdx};

/// Resistance of a line whose file gives none, ohm per phase: a jumper, or the place of a series capacitor in service.
///
/// A short in the direct current. Source: what the public case `epricase_aug2022_v22_fix` gives its series capacitor (0.0005 ohm
/// for three phases); it is a two-thousandth of what any of that grid's lines has.
pub const JUMPER_R_OHM: f64 = 0.0015;

/// A station: one neutral, one ground grid.
#[derive(Clone, Debug, PartialEq)]
pub struct GicStation {
    /// Number in the file.
    pub id: u64,
    /// Name, where the file has one.
    pub name: Option<String>,
    /// Conductance of the ground grid to remote earth, S, not per phase; `None` where the neutral is not grounded.
    pub conductance_s: Option<f64>,
}

/// A bus.
#[derive(Clone, Debug, PartialEq)]
pub struct GicBus {
    /// Number in the file.
    pub id: BusId,
    /// Nominal voltage, kV.
    pub kv: f64,
    /// Latitude and longitude, degrees; `None` where the file has none that could be believed.
    pub place: Option<(f64, f64)>,
    /// Magnitude of the alternating voltage that the file stores, pu.
    pub stored_vm_pu: Option<f64>,
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub struct GicLine {
    /// From bus.
    pub from: BusIdx,
    /// To bus.
    pub to: BusIdx,
    /// Circuit.
    pub circuit: String,
    /// Resistance, ohm per phase.
    pub r_ohm: f64,
    /// From its from end to its to end.
    pub lengths: Lengths,
    /// Whether direct current passes: in service, and no series capacitor in its way.
    pub conducts: bool,
}

/// The windings that direct current may pass, resistances in ohm per phase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Windings {
    /// Each winding from its bus to the neutral: that of the bus of the highest nominal voltage, of the lower, of the
    /// tertiary. `None` for a delta, an ungrounded wye or one whose neutral is blocked.
    Separate {
        /// High-voltage winding.
        high: Option<f64>,
        /// Low-voltage winding.
        low: Option<f64>,
        /// Tertiary winding.
        tertiary: Option<f64>,
    },
    /// An autotransformer: from the high to the low bus, and from there to the neutral.
    Auto {
        /// Series winding.
        series: f64,
        /// Common winding; `None` where the neutral is blocked.
        common: Option<f64>,
    },
}

/// Which winding of a transformer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Winding {
    /// High voltage; its current flows from the bus into the winding.
    High,
    /// Low voltage, likewise.
    Low,
    /// Tertiary, likewise.
    Tertiary,
    /// Series winding of an autotransformer; its current flows from the high bus to the low one.
    Series,
    /// Common winding of an autotransformer; its current flows from the low bus to the neutral.
    Common,
}

/// A transformer.
#[derive(Clone, Debug, PartialEq)]
pub struct GicTransformer {
    /// First bus of its record.
    pub from: BusIdx,
    /// Second bus of its record.
    pub to: BusIdx,
    /// Third bus, where it has one.
    pub tertiary: Option<BusIdx>,
    /// Circuit.
    pub circuit: String,
    /// Whose neutral its windings are joined to.
    pub station: StationIdx,
    /// Its windings; `None` where it is out of service.
    pub windings: Option<Windings>,
    /// Resistor between its own neutral and that of the station, ohm; it carries the three phases. 0 for none.
    pub neutral_ohm: f64,
    /// K factor, Mvar per ampere at 500 kV; `None` where the file says nothing of its core.
    pub k_mvar_per_a: Option<f64>,
}

/// A grounded shunt reactor, or another path from a bus to its station's neutral.
#[derive(Clone, Debug, PartialEq)]
pub struct GicShunt {
    /// Its bus.
    pub bus: BusIdx,
    /// Whose neutral it is joined to.
    pub station: StationIdx,
    /// Resistance, ohm per phase.
    pub r_ohm: f64,
}

/// What direct current can pass, checked by [`crate::gic::GicSolver::new`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GicNetwork {
    /// Stations in file order.
    pub stations: Column<StationIdx, GicStation>,
    /// Buses in file order.
    pub buses: Column<BusIdx, GicBus>,
    /// Lines in file order.
    pub lines: Vec<GicLine>,
    /// Transformers in file order.
    pub transformers: Vec<GicTransformer>,
    /// Shunts in file order.
    pub shunts: Vec<GicShunt>,
}

impl GicNetwork {
    /// The buses of a transformer, the one of the highest nominal voltage first, then that of its other main winding.
    pub fn high_and_low(&self, transformer: &GicTransformer) -> (BusIdx, BusIdx) {
        let (from, to) = (transformer.from, transformer.to);
        if self.buses[to].kv > self.buses[from].kv { (to, from) } else { (from, to) }
    }

    /// Voltages of a field that varies, V, one a line; see [`line_voltage`].
    ///
    /// # Errors
    /// `gic.line.place` for every line an end of which has no place.
    pub fn voltages(&self, field: &dyn Fn(f64, f64) -> GeoelectricField) -> Result<Vec<f64>, Diagnostics> {
        let mut found = Diagnostics::default();
        let mut voltages = Vec::with_capacity(self.lines.len());
        for line in &self.lines {
            match (self.buses[line.from].place, self.buses[line.to].place) {
                (Some(from), Some(to)) => voltages.push(line_voltage(&[from, to], field)),
                _ => {
                    let message = format!("{} has an end without a place", self.line_name(line));
                    found.push(
                        Diagnostic::error("gic.line.place", message)
                            .hint("a field that varies needs the latitude and longitude of both ends"),
                    );
                }
            }
        }
        found.into_result(voltages)
    }

    /// Voltage that a transformer's reactive loss is proportional to, pu, from the voltages of its buses.
    pub fn loss_voltage_pu(
        &self,
        transformer: &GicTransformer,
        which: LossVoltage,
        vm_pu: &dyn Fn(BusIdx) -> Option<f64>,
    ) -> Option<f64> {
        match which {
            LossVoltage::HighBus => vm_pu(self.high_and_low(transformer).0),
            LossVoltage::FromBus => vm_pu(transformer.from),
            LossVoltage::Highest => Some(vm_pu(transformer.from)?.max(vm_pu(transformer.to)?)),
        }
    }

    /// A line as people name it.
    pub fn line_name(&self, line: &GicLine) -> String {
        format!("line {}-{} ({})", self.buses[line.from].id, self.buses[line.to].id, line.circuit)
    }

    /// A transformer as people name it.
    pub fn transformer_name(&self, transformer: &GicTransformer) -> String {
        let (from, to) = (self.buses[transformer.from].id, self.buses[transformer.to].id);
        format!("transformer {from}-{to} ({})", transformer.circuit)
    }

    /// All numbers that no equipment has.
    pub(super) fn check(&self) -> Result<(), Diagnostics> {
        let mut found = Diagnostics::default();
        let positive = |value: f64| value.is_finite() && value > 0.0;
        for (_, station) in self.stations.iter() {
            if !station.conductance_s.is_none_or(positive) {
                let message = format!("the ground grid of station {} has no positive resistance", station.id);
                found.push(Diagnostic::error("gic.station.ground", message));
            }
        }
        for line in &self.lines {
            if !positive(line.r_ohm) {
                let message = format!("{} has {} ohm", self.line_name(line), line.r_ohm);
                found.push(Diagnostic::error("gic.line.resistance", message));
            }
            if !(line.lengths.north_km.is_finite() && line.lengths.east_km.is_finite()) {
                found.push(Diagnostic::error(
                    "gic.line.length",
                    format!("{} has no length", self.line_name(line)),
                ));
            }
        }
        for transformer in &self.transformers {
            let name = self.transformer_name(transformer);
            let ohms = match transformer.windings {
                Some(Windings::Separate { high, low, tertiary }) => [high, low, tertiary],
                Some(Windings::Auto { series, common }) => [Some(series), common, None],
                None => [None; 3],
            };
            for ohm in ohms.into_iter().flatten().filter(|ohm| !positive(*ohm)) {
                let message = format!("a winding of {name} has {ohm} ohm");
                found.push(Diagnostic::error("gic.transformer.resistance", message));
            }
            if !(transformer.neutral_ohm.is_finite() && transformer.neutral_ohm >= 0.0) {
                let message = format!("the neutral resistor of {name} has {} ohm", transformer.neutral_ohm);
                found.push(Diagnostic::error("gic.transformer.resistance", message));
            }
            if !transformer.k_mvar_per_a.is_none_or(|k| k.is_finite() && k >= 0.0) {
                found.push(Diagnostic::error(
                    "gic.transformer.k",
                    format!("the K factor of {name} is negative"),
                ));
            }
            let ends = [Some(transformer.from), Some(transformer.to), transformer.tertiary];
            for bus in ends.into_iter().flatten().filter(|bus| !positive(self.buses[*bus].kv)) {
                let message =
                    format!("{name} ends at bus {}, which has no nominal voltage", self.buses[bus].id);
                found.push(
                    Diagnostic::error("gic.bus.kv", message)
                        .hint("effective currents need the ratio of nominal voltages"),
                );
            }
        }
        for shunt in self.shunts.iter().filter(|shunt| !positive(shunt.r_ohm)) {
            let message = format!("the shunt at bus {} has {} ohm", self.buses[shunt.bus].id, shunt.r_ohm);
            found.push(Diagnostic::error("gic.shunt.resistance", message));
        }
        found.into_result(())
    }
}
