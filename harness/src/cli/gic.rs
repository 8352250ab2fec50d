//! `gridgate gic CASE`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use powerflow::case::GroundRule;
use powerflow::gic::{EARTH_MODELS, GeoelectricField, LossVoltage, benchmark_peak_v_per_km};
use powerflow::{Diagnostic, Diagnostics};

use super::physics::Physics;
use super::{Format, complain, exit, print, refuse};
use crate::study::{self, GicQuestion, GicSource};

/// Find the direct currents that the electric field of a geomagnetic storm drives through lines, transformers and earth.
#[derive(Debug, Args)]
pub(super) struct Gic {
    /// The case file: MATPOWER with GMD tables, or any case with a `.gic` file beside it.
    #[arg(required_unless_present = "tables")]
    case: Option<PathBuf>,
    /// The `.gic` file, where it is not the one of the case's name beside it.
    #[arg(long, requires = "case")]
    gic: Option<PathBuf>,
    /// Read four tables instead: this prefix with _substations.csv, _buses.csv, _lines.csv and _transformers.csv.
    #[arg(long, value_name = "PREFIX", conflicts_with = "case")]
    tables: Option<PathBuf>,
    /// The field: V/km, @, degrees clockwise from north.
    #[arg(long, value_name = "V/KM@DEG", allow_hyphen_values = true, required_unless_present = "benchmark")]
    field: Option<String>,
    /// The peak of the benchmark event of NERC TPL-007-4 at this geomagnetic latitude, degrees.
    #[arg(long, value_name = "LATITUDE", conflicts_with = "field", allow_hyphen_values = true)]
    benchmark: Option<f64>,
    /// Direction of the benchmark field, degrees clockwise from north.
    #[arg(long, default_value_t = 0.0, requires = "benchmark", allow_hyphen_values = true)]
    azimuth: f64,
    /// Earth model of the benchmark field, by name (such as SU1).
    #[arg(long, default_value = "QUEBEC", requires = "benchmark")]
    earth: String,
    /// Ground grids that a .gic file leaves out: listed values of the simulator of the public cases, or its formula alone.
    #[arg(long, value_enum, default_value_t = GroundArg::Listed)]
    ground: GroundArg,
    /// Which stored voltage a reactive loss is proportional to.
    #[arg(long, value_enum, default_value_t = VoltageArg::HvBus)]
    q_voltage: VoltageArg,
    /// With --tables: let series capacitors conduct, as if they were bypassed.
    #[arg(long, requires = "tables")]
    bypass_capacitors: bool,
    /// Solve the power flow with the reactive losses too, and find the multiple of the field at which the voltages collapse.
    #[arg(long, requires = "case")]
    power_flow: bool,
    #[command(flatten)]
    physics: Physics,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum GroundArg {
    Listed,
    Formula,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum VoltageArg {
    HvBus,
    FromBus,
    Max,
}

impl Gic {
    pub(super) fn run(self) -> u8 {
        let study = match self.question().and_then(|question| study::gic(&question)) {
            Ok(study) => study,
            Err(complaints) => return refuse(&complaints),
        };
        match self.format {
            Format::Text => print(&reports::render::gic::text(&study)),
            Format::Json => match reports::canonical_json(&study) {
                Ok(json) => print(&String::from_utf8_lossy(&json)),
                Err(problem) => {
                    complain(&problem.to_string());
                    return exit::INFRASTRUCTURE;
                }
            },
        }
        match &study.power_flow {
            Some(flow) if flow.vm_min_pu.is_none() => {
                complain(&format!(
                    "error[study.no-solution]: {}: there is no power flow with the reactive losses of this field\nhint: the \
                     document says which multiple of the field has one",
                    study.case
                ));
                exit::FAIL
            }
            _ => exit::PASS,
        }
    }

    fn question(&self) -> Result<GicQuestion, Diagnostics> {
        let source = match (&self.case, &self.tables) {
            (Some(case), _) => GicSource::Case { case: case.clone(), gic: self.gic.clone() },
            (None, prefix) => GicSource::Tables(prefix.clone().unwrap_or_default()),
        };
        Ok(GicQuestion {
            source,
            field: self.field()?,
            ground: match self.ground {
                GroundArg::Listed => GroundRule::Listed,
                GroundArg::Formula => GroundRule::Formula,
            },
            q_voltage: match self.q_voltage {
                VoltageArg::HvBus => LossVoltage::HighBus,
                VoltageArg::FromBus => LossVoltage::FromBus,
                VoltageArg::Max => LossVoltage::Highest,
            },
            bypassed: self.bypass_capacitors,
            power_flow: self.power_flow.then(|| self.physics.config()),
        })
    }

    fn field(&self) -> Result<GeoelectricField, Diagnostics> {
        if let Some(latitude) = self.benchmark {
            if !(latitude.abs() <= 90.0 && self.azimuth.is_finite()) {
                let message = format!("{latitude} degrees is no latitude, or {} no azimuth", self.azimuth);
                return Err(Diagnostic::error("usage.benchmark", message).into());
            }
            let named = EARTH_MODELS.iter().find(|model| model.name.eq_ignore_ascii_case(&self.earth));
            let Some(model) = named else {
                let names: Vec<&str> = EARTH_MODELS.iter().map(|model| model.name).collect();
                let message = format!("there is no earth model `{}`", self.earth);
                return Err(Diagnostic::error("usage.earth", message).hint(names.join(", ")).into());
            };
            let peak = benchmark_peak_v_per_km(latitude, model.beta);
            return Ok(GeoelectricField::from_azimuth(peak, self.azimuth));
        }
        let text = self.field.as_deref().unwrap_or_default();
        let parts = text.split_once('@').and_then(|(size, azimuth)| {
            let number = |part: &str| part.trim().parse::<f64>().ok().filter(|value| value.is_finite());
            Some((number(size)?, number(azimuth)?)).filter(|(size, _)| *size >= 0.0)
        });
        parts.map(|(size, azimuth)| GeoelectricField::from_azimuth(size, azimuth)).ok_or_else(|| {
            Diagnostic::error("usage.field", format!("`{text}` is no field"))
                .hint("V/km, @, degrees clockwise from north: 1@0 is one volt per kilometre to the north")
                .into()
        })
    }
}
