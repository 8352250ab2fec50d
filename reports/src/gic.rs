//! The document `gridgate/gic/1`: direct currents that a geomagnetic storm's field drives through a grid. Nothing in it depends on
//! the clock or the machine. A null stands where there is no such quantity; it never means zero.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::evidence::InputRecord;

/// Schema of [`GicStudy`].
pub const GIC_SCHEMA: &str = "gridgate/gic/1";

/// Effective current from which NERC TPL-007-4 asks for a thermal assessment of a transformer, A per phase.
pub const ASSESSED_A: f64 = 75.0;

impl Document for GicStudy {
    const SCHEMA: &'static str = GIC_SCHEMA;
}

/// A uniform field along the ground.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FieldRecord {
    /// Towards north, V/km.
    pub north_v_per_km: f64,
    /// Towards east, V/km.
    pub east_v_per_km: f64,
    /// Magnitude, V/km.
    pub magnitude_v_per_km: f64,
    /// Degrees clockwise from north.
    pub azimuth_deg: f64,
}

/// A substation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GicSubstationRecord {
    /// Number in the file; of a MATPOWER case the row in `gmd_bus`.
    pub id: u64,
    /// Name, where the file has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Current from the neutral into earth, A, three phases; 0 where the neutral is not grounded.
    pub gic_a: f64,
    /// Direct voltage of the neutral to remote earth, V; null where no way leads to earth.
    pub neutral_volt: Option<f64>,
}

/// A bus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GicBusRecord {
    /// Number in the file.
    pub id: u64,
    /// Direct voltage to remote earth, V; null where no way leads to earth.
    pub dc_volt: Option<f64>,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GicBranchRecord {
    /// From bus.
    pub from: u64,
    /// To bus.
    pub to: u64,
    /// Circuit.
    pub circuit: String,
    /// Direct current from the from end to the to end, A per phase; 0 where none can pass, as behind a series capacitor.
    pub gic_a_per_phase: f64,
    /// Voltage of the field along the line, V; positive drives current from the from end to the to end.
    pub induced_v: f64,
}

/// Which winding of a transformer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WindingKind {
    /// High voltage: current from the bus into the winding.
    High,
    /// Low voltage: the same.
    Low,
    /// Tertiary: the same.
    Tertiary,
    /// Series winding of an autotransformer: current from the high bus to the low one.
    Series,
    /// Common winding of an autotransformer: current from the low bus to the neutral.
    Common,
}

/// Current of a winding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WindingRecord {
    /// Which.
    pub winding: WindingKind,
    /// A per phase; 0 where no way to earth leads through it.
    pub gic_a_per_phase: f64,
}

/// A transformer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GicTransformerRecord {
    /// First bus of its record.
    pub from: u64,
    /// Second bus.
    pub to: u64,
    /// Third bus, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tertiary: Option<u64>,
    /// Circuit, or its name where the file has names.
    pub circuit: String,
    /// Windings that direct current can pass.
    pub windings: Vec<WindingRecord>,
    /// Effective current, A per phase of the high-voltage winding; 0 where no direct current can pass.
    pub ieff_a_per_phase: f64,
    /// Voltage that its reactive loss belongs to, pu; null where the file stores none.
    pub voltage_pu: Option<f64>,
    /// Reactive power that its saturated core takes, Mvar, three phases; 0 without current; null where
    /// core or voltage is not known.
    pub qloss_mvar: Option<f64>,
}

/// How a power flow with the reactive losses ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GicFlowRecord {
    /// Lowest voltage without the storm, pu; null where there is no solution.
    pub vm_min_before_pu: Option<f64>,
    /// Lowest voltage with the losses, pu; null where there is no solution.
    pub vm_min_pu: Option<f64>,
    /// Where it is; null where there is no solution.
    pub vm_min_bus: Option<u64>,
    /// Losses of all transformers at the solved voltages, Mvar; null where there is no solution.
    pub qloss_mvar: Option<f64>,
    /// Largest multiple of this field that was found, within one percent, with a solution in which no unit leaves its reactive range;
    /// null where the grid without a storm has no solution, or none in which reactive limits settle.
    pub multiplier: Option<f64>,
    /// A multiple at most one percent above, for which none was found from there; null where every one that was tried had a solution.
    pub multiplier_without: Option<f64>,
    /// What is worth knowing of the power flow with the losses, or of that without where there is none.
    pub notes: Vec<String>,
}

/// Direct currents of one field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GicStudy {
    /// Name and version of this document: [`GIC_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = GIC_SCHEMA)))]
    pub schema: String,
    /// Case name.
    pub case: String,
    /// Program name and version.
    pub engine: BTreeMap<String, String>,
    /// What was read, by digest.
    pub inputs: Vec<InputRecord>,
    /// How it was solved, as text.
    pub settings: BTreeMap<String, String>,
    /// The field.
    pub field: FieldRecord,
    /// Substations in file order.
    pub substations: Vec<GicSubstationRecord>,
    /// Buses in file order.
    pub buses: Vec<GicBusRecord>,
    /// Lines in file order.
    pub branches: Vec<GicBranchRecord>,
    /// Transformers in file order.
    pub transformers: Vec<GicTransformerRecord>,
    /// Sum of all currents into earth, A: zero but for rounding.
    pub ground_sum_a: f64,
    /// Largest current that does not balance at a node, A, summed anew from the branch currents.
    pub imbalance_a: f64,
    /// Reactive losses of all transformers, Mvar; null where that of one through which direct current passes is not known.
    pub qloss_mvar: Option<f64>,
    /// The power flow with these losses; absent where it was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_flow: Option<GicFlowRecord>,
    /// What was assumed about the files.
    pub notes: Vec<String>,
}

impl GicStudy {
    /// Transformers whose effective current asks for a thermal assessment.
    pub fn assessed(&self) -> impl Iterator<Item = &GicTransformerRecord> {
        self.transformers.iter().filter(|t| t.ieff_a_per_phase >= ASSESSED_A)
    }

    /// The answer in a sentence.
    pub fn headline(&self) -> String {
        let field = &self.field;
        let carrying = self.transformers.iter().filter(|t| t.ieff_a_per_phase > 0.0);
        let most = carrying.map(|t| (t, t.ieff_a_per_phase));
        let most = most.reduce(|a, b| if b.1 > a.1 { b } else { a });
        let most = most.map_or_else(
            || "no transformer carries direct current".to_owned(),
            |(t, a)| format!("up to {a:.2} A per phase in transformer {}-{} ({})", t.from, t.to, t.circuit),
        );
        format!("{:.3} V/km towards {:.1} degrees: {most}.", field.magnitude_v_per_km, field.azimuth_deg)
    }
}
