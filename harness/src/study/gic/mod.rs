//! What a geomagnetic storm drives through a grid: what `gridgate gic` answers.

mod tables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use powerflow::case::{Case, GicCase, GroundRule, read_gic};
use powerflow::gic::{
    GeoelectricField, GicNetwork, GicSolution, GicSolver, LossFlow, LossVoltage, Winding,
    collapse_multiplier, reactive_loss_mvar, reactive_losses, solve_with_losses, solve_without_losses,
};
use powerflow::{Diagnostic, Diagnostics, NewtonConfig, ReactiveLimits};
use reports::InputRecord;
use reports::gic::{
    FieldRecord, GIC_SCHEMA, GicBranchRecord, GicBusRecord, GicFlowRecord, GicStudy, GicSubstationRecord,
    GicTransformerRecord, WindingKind, WindingRecord,
};

use super::contingencies::{digest_of, file_name};

/// Where the resistances and places come from.
#[derive(Clone, Debug)]
pub enum GicSource {
    /// A case file, with a `.gic` file (given, or beside it) or tables of its own.
    Case {
        /// The case.
        case: PathBuf,
        /// The `.gic` file, where it is not the one beside the case.
        gic: Option<PathBuf>,
    },
    /// Four tables: this prefix with `_substations.csv`, `_buses.csv`, `_lines.csv`, `_transformers.csv`.
    Tables(PathBuf),
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct GicQuestion {
    /// Where the network comes from.
    pub source: GicSource,
    /// The field.
    pub field: GeoelectricField,
    /// Where ground grids come from that the file leaves out.
    pub ground: GroundRule,
    /// Which voltage a reactive loss is proportional to.
    pub q_voltage: LossVoltage,
    /// Whether series capacitors conduct in tables that say which lines have one, as if they were bypassed.
    pub bypassed: bool,
    /// How to solve the power flow with the losses; `None` where it is not asked for.
    pub power_flow: Option<NewtonConfig>,
}

/// Reads a network, drives the field through it, and puts the answer on paper.
///
/// # Errors
/// Everything that is wrong with the files or the question. A power flow without a solution is no error but a part of the document.
pub fn gic(question: &GicQuestion) -> Result<GicStudy, Diagnostics> {
    let read = match &question.source {
        GicSource::Case { case, gic } => read_gic(case, gic.as_deref(), question.ground)?,
        GicSource::Tables(prefix) => tables::read(prefix, question.bypassed)?,
    };
    let solution = GicSolver::new(&read.network)?.uniform(question.field);
    let mut study = document(question, &read, &solution)?;
    if let Some(newton) = &question.power_flow {
        super::solution::check(newton)?;
        if let GicSource::Tables(prefix) = &question.source {
            let message = "tables hold no power flow";
            let hint = "leave out --power-flow, or give a case";
            return Err(Diagnostic::error("usage.power-flow", message)
                .at(prefix.display().to_string(), None)
                .hint(hint)
                .into());
        }
        if question.q_voltage != LossVoltage::HighBus {
            let message = "the power flow draws losses in proportion to the voltage of the high bus";
            return Err(Diagnostic::error("usage.power-flow", message).hint("leave out --q-voltage").into());
        }
        study.power_flow = Some(flow(&read.case, &read.network, &solution, newton)?);
    }
    Ok(study)
}

fn document(question: &GicQuestion, read: &GicCase, solution: &GicSolution) -> Result<GicStudy, Diagnostics> {
    let network = &read.network;
    let mut inputs = Vec::new();
    for (file, role) in read.files.iter().zip(["case", "gic"].into_iter().chain(std::iter::repeat("table"))) {
        let role = if matches!(question.source, GicSource::Tables(_)) { "table" } else { role };
        inputs.push(InputRecord { role: role.into(), name: file_name(file), digest: digest_of(file)? });
    }
    let id = |bus| network.buses[bus].id.0;
    let transformers = transformers(question, network, solution);
    // One of an unknown core takes what nobody knows.
    let losses: Option<Vec<f64>> = transformers.iter().map(|t| t.qloss_mvar).collect();
    let field = question.field;
    Ok(GicStudy {
        schema: GIC_SCHEMA.into(),
        case: read.case.name.clone(),
        engine: BTreeMap::from([
            ("program".to_owned(), "gridgate".to_owned()),
            ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ]),
        inputs,
        settings: described(question),
        field: FieldRecord {
            north_v_per_km: field.north_v_per_km,
            east_v_per_km: field.east_v_per_km,
            magnitude_v_per_km: field.magnitude_v_per_km(),
            azimuth_deg: field.azimuth_deg(),
        },
        substations: network
            .stations
            .iter()
            .map(|(row, station)| GicSubstationRecord {
                id: station.id,
                name: station.name.clone(),
                // A current that no way is open to is none; a voltage to an earth out of reach is not zero but unknown.
                gic_a: solution.station_a[row].unwrap_or(0.0),
                neutral_volt: solution.station_v[row],
            })
            .collect(),
        buses: network
            .buses
            .iter()
            .map(|(row, bus)| GicBusRecord { id: bus.id.0, dc_volt: solution.bus_v[row] })
            .collect(),
        branches: network
            .lines
            .iter()
            .enumerate()
            .map(|(row, line)| GicBranchRecord {
                from: id(line.from),
                to: id(line.to),
                circuit: line.circuit.clone(),
                gic_a_per_phase: solution.line_a[row].unwrap_or(0.0),
                induced_v: solution.line_v[row],
            })
            .collect(),
        transformers,
        ground_sum_a: solution.station_a.as_slice().iter().flatten().sum(),
        imbalance_a: solution.imbalance_a,
        qloss_mvar: losses.map(|losses| losses.iter().sum()),
        power_flow: None,
        notes: read.diagnostics.0.iter().map(|note| note.message.clone()).collect(),
    })
}

fn transformers(
    question: &GicQuestion,
    network: &GicNetwork,
    solution: &GicSolution,
) -> Vec<GicTransformerRecord> {
    let id = |bus| network.buses[bus].id.0;
    let stored = |bus| network.buses[bus].stored_vm_pu;
    let of =
        |(transformer, currents): (&powerflow::gic::GicTransformer, &powerflow::gic::TransformerCurrents)| {
            let voltage_pu = network.loss_voltage_pu(transformer, question.q_voltage, &stored);
            let high_kv = network.buses[network.high_and_low(transformer).0].kv;
            let effective_a = currents.effective_a.unwrap_or(0.0);
            let qloss_mvar = match (transformer.k_mvar_per_a, voltage_pu) {
                _ if effective_a == 0.0 => Some(0.0),
                (Some(k), Some(v)) => Some(reactive_loss_mvar(k, v, effective_a, high_kv)),
                _ => None,
            };
            GicTransformerRecord {
                from: id(transformer.from),
                to: id(transformer.to),
                tertiary: transformer.tertiary.map(id),
                circuit: transformer.circuit.clone(),
                windings: currents
                    .windings
                    .iter()
                    .map(|current| WindingRecord {
                        winding: match current.winding {
                            Winding::High => WindingKind::High,
                            Winding::Low => WindingKind::Low,
                            Winding::Tertiary => WindingKind::Tertiary,
                            Winding::Series => WindingKind::Series,
                            Winding::Common => WindingKind::Common,
                        },
                        gic_a_per_phase: current.a_per_phase.unwrap_or(0.0),
                    })
                    .collect(),
                ieff_a_per_phase: effective_a,
                voltage_pu,
                qloss_mvar,
            }
        };
    network.transformers.iter().zip(&solution.transformers).map(of).collect()
}

/// The power flow with the losses, and how far the field can grow.
fn flow(
    case: &Case,
    network: &GicNetwork,
    solution: &GicSolution,
    newton: &NewtonConfig,
) -> Result<GicFlowRecord, Diagnostics> {
    let losses = reactive_losses(network, solution).ok_or_else(|| {
        Diagnostic::error("gic.k.missing", "a transformer that carries direct current has no K factor")
            .hint("state its core or its K factor in the .gic file or in branch_gmd")
    })?;
    let mut record = GicFlowRecord {
        vm_min_before_pu: None,
        vm_min_pu: None,
        vm_min_bus: None,
        qloss_mvar: None,
        multiplier: None,
        multiplier_without: None,
        notes: Vec::new(),
    };
    let before = match solve_without_losses(case, newton) {
        Ok(before) => before,
        Err(powerflow::gic::LossFlowFailure::Case(found)) => return Err(found),
        Err(_) => return Ok(record),
    };
    record.vm_min_before_pu = lowest(&before).map(|(_, vm)| vm);
    record.notes = notes(&before, newton);
    if let Ok(with) = solve_with_losses(case, &losses, &before, newton) {
        let lowest = lowest(&with);
        record.vm_min_pu = lowest.map(|(_, vm)| vm);
        record.vm_min_bus = lowest.map(|(bus, _)| bus);
        record.qloss_mvar = Some(with.losses_mvar.iter().sum());
        record.notes = notes(&with, newton);
    }
    match collapse_multiplier(case, &losses, &before, newton) {
        Some(collapse) => {
            record.multiplier = Some(collapse.solved);
            record.multiplier_without = collapse.unsolved;
        }
        None => {
            record.notes.push("reactive limits do not settle without the storm: no multiple is known".into())
        }
    }
    Ok(record)
}

/// What is worth knowing of a power flow.
fn notes(flow: &LossFlow, newton: &NewtonConfig) -> Vec<String> {
    let mut notes: Vec<String> = super::solution::remarks(&flow.network, &flow.solution, newton)
        .into_iter()
        .map(|remark| remark.message)
        .collect();
    let beyond_mvar = flow.network.base.from_pu(flow.reactive_beyond_pu());
    if newton.reactive_limits == ReactiveLimits::Enforce && beyond_mvar > 1e-3 {
        notes.push(format!(
            "units that alone hold an island's voltage are {beyond_mvar:.3} Mvar beyond their reactive range"
        ));
    }
    notes
}

/// The lowest voltage: number of the bus, pu.
fn lowest(flow: &LossFlow) -> Option<(u64, f64)> {
    let ids = &flow.network.buses.id;
    let live = ids.iter().filter_map(|(bus, id)| Some((id.0, flow.solution.vm_pu(bus)?)));
    live.reduce(|a, b| if b.1 < a.1 { b } else { a })
}

/// Settings as text.
fn described(question: &GicQuestion) -> BTreeMap<String, String> {
    let word = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut words = BTreeMap::from([
        word("lengths", "WGS84, at the mean latitude of a line's ends"),
        word(
            "ground grids that the file leaves out",
            match question.ground {
                GroundRule::Listed => "listed values, else by the number of buses",
                GroundRule::Formula => "by the number of buses",
            },
        ),
        word(
            "voltage of reactive losses",
            match question.q_voltage {
                LossVoltage::HighBus => "stored, of the high bus",
                LossVoltage::FromBus => "stored, of the first bus of the record",
                LossVoltage::Highest => "stored, the highest of its buses",
            },
        ),
    ]);
    if question.bypassed {
        words.extend([word("series capacitors", "bypassed")]);
    }
    words
}

/// A prefix with the rest of a file's name.
fn beside(prefix: &Path, rest: &str) -> PathBuf {
    let mut name = prefix.as_os_str().to_owned();
    name.push(rest);
    PathBuf::from(name)
}
