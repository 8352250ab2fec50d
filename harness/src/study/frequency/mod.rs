//! How the frequency of islands moves after an event: what `gridgate frequency STUDY.toml` answers.

mod read;

use std::collections::BTreeMap;
use std::path::Path;

use powerflow::Diagnostics;
use reports::InputRecord;
use reports::frequency::{
    FREQUENCY_SCHEMA, FrequencyColumn, FrequencyEventKind, FrequencyEventRecord, FrequencyIslandRecord,
    FrequencyLevel, FrequencyStudy,
};

use super::contingencies::{digest_of, file_name};
use crate::frequency::{
    FrequencyEvent, FrequencyEventKind as Happened, IslandFrequency, Source, sample_times,
};
use read::{Event, Island, Study, What};

pub use read::FREQUENCY_STUDY_SCHEMA;
pub(crate) use read::governor;

/// Reads a study and lives through it, island by island. `horizon_s` replaces that of the study where it is given.
///
/// # Errors
/// All that is wrong with the study, each at its line. An island that dies is no error but a result.
pub fn frequency(path: &Path, horizon_s: Option<f64>) -> Result<FrequencyStudy, Diagnostics> {
    let study = read::read(path, horizon_s)?;
    let input = InputRecord { role: "study".into(), name: file_name(path), digest: digest_of(path)? };
    let mut islands = Vec::new();
    let mut columns = Vec::new();
    let time_s = sample_times(study.horizon_s, study.sample_s);
    for (i, island) in study.islands.iter().enumerate() {
        let mut life = Life::new(&study, island)?;
        let mut events = study.events.iter().filter(|event| event.island == i).peekable();
        for &sample in &time_s {
            while let Some(event) = events.next_if(|event| event.at_s <= sample) {
                life.advance(event.at_s);
                life.befall(event);
            }
            life.advance(sample);
            life.sample();
        }
        islands.push(life.record());
        columns.extend(life.columns());
    }
    Ok(FrequencyStudy {
        schema: FREQUENCY_SCHEMA.into(),
        name: study.name.clone(),
        engine: BTreeMap::from([
            ("program".to_owned(), "gridgate".to_owned()),
            ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ]),
        inputs: vec![input],
        level: FrequencyLevel::CentreOfInertia,
        settings: described(&study),
        nominal_hz: study.nominal_hz,
        horizon_s: study.horizon_s,
        islands,
        time_s,
        columns,
    })
}

/// An island as the study sees it.
struct Life<'a> {
    study: &'a Study,
    island: &'a Island,
    living: IslandFrequency,
    inertia_s: f64,
    events: Vec<FrequencyEventRecord>,
    shed_pu: f64,
    steepest: Option<f64>,
    frequency: Vec<Option<f64>>,
    slope: Vec<Option<f64>>,
    served: Vec<Option<f64>>,
}

impl<'a> Life<'a> {
    fn new(study: &'a Study, island: &'a Island) -> Result<Self, Diagnostics> {
        let living = IslandFrequency::new(&island.model)?;
        Ok(Self {
            study,
            island,
            inertia_s: living.inertia_s(),
            living,
            events: Vec::new(),
            shed_pu: 0.0,
            steepest: None,
            frequency: Vec::new(),
            slope: Vec::new(),
            served: Vec::new(),
        })
    }

    fn advance(&mut self, until_s: f64) {
        while let Some(event) = self.living.advance(until_s) {
            self.happened(&event);
        }
    }

    fn tell(&mut self, kind: FrequencyEventKind, element: Option<String>, power_pu: Option<f64>) {
        self.events.push(FrequencyEventRecord {
            time_s: self.living.time_s(),
            frequency_hz: self.living.frequency_hz(),
            kind,
            element,
            cause: None,
            limit: None,
            power_mw: power_pu.map(|pu| pu * self.study.base_mva),
        });
    }

    fn befall(&mut self, event: &Event) {
        use FrequencyEventKind as Kind;
        match event.what {
            What::Power(delta_pu) => {
                self.tell(Kind::Power, None, Some(delta_pu));
                self.living.step_power(delta_pu);
            }
            What::Load(delta_pu) => {
                let delta_pu = self.living.step_load(delta_pu);
                self.tell(Kind::Load, None, Some(delta_pu));
            }
            What::Trip(unit) => {
                let lost = self.living.unit_pu(unit);
                self.tell(Kind::Trip, self.island.units.get(unit).cloned(), lost.map(|pu| -pu));
                self.living.trip_unit(unit);
            }
            What::Command(response, power_pu, ramp_s) => {
                self.tell(Kind::Command, self.island.responses.get(response).cloned(), Some(power_pu));
                self.living.command(response, power_pu, ramp_s);
            }
        }
    }

    fn happened(&mut self, event: &FrequencyEvent) {
        use FrequencyEventKind as Kind;
        let (kind, element, cause, limit, power_pu) = match &event.kind {
            Happened::Shed { stage, threshold_hz, load_pu, .. } => {
                self.shed_pu += load_pu;
                let stage = format!("stage {}", stage + 1);
                (Kind::Shed, Some(stage), Some("under_frequency"), Some(*threshold_hz), Some(-load_pu))
            }
            Happened::UnitTripped { unit, cause, limit, power_pu } => {
                let unit = self.island.units.get(*unit).cloned();
                (Kind::UnitTripped, unit, Some(cause.id()), Some(*limit), Some(-power_pu))
            }
            Happened::ResponseFired { response, power_pu } => {
                let response = self.island.responses.get(*response).cloned();
                (Kind::ResponseFired, response, None, None, Some(*power_pu))
            }
            Happened::LimitBroken { curve, cause, limit } => {
                (Kind::LimitBroken, Some(curve.to_string()), Some(cause.id()), Some(*limit), None)
            }
            Happened::Dead(death) => (Kind::Dead, None, Some(death.id()), None, None),
        };
        self.events.push(FrequencyEventRecord {
            time_s: event.time_s,
            // A frequency out of range may be no number at all.
            frequency_hz: Some(event.frequency_hz).filter(|hz| hz.is_finite()),
            kind,
            element,
            cause: cause.map(str::to_owned),
            limit,
            power_mw: power_pu.map(|pu| pu * self.study.base_mva),
        });
    }

    fn sample(&mut self) {
        let slope = self.living.rocof_hz_per_s();
        if let Some(now) = slope
            && self.steepest.is_none_or(|steepest| now.abs() > steepest.abs())
        {
            self.steepest = Some(now);
        }
        self.frequency.push(self.living.frequency_hz());
        self.slope.push(slope);
        self.served.push(Some(self.living.served_pu() * self.study.base_mva));
    }

    fn record(&mut self) -> FrequencyIslandRecord {
        let base = self.study.base_mva;
        let dead = self.living.death().is_some();
        let (nadir, peak) = (self.living.nadir(), self.living.peak());
        FrequencyIslandRecord {
            id: self.island.id.clone(),
            nadir_hz: nadir.frequency_hz,
            nadir_s: nadir.time_s,
            peak_hz: peak.frequency_hz,
            peak_s: peak.time_s,
            end_hz: self.living.frequency_hz(),
            settled: !dead && self.living.is_settled(),
            rocof_hz_per_s: self.steepest,
            inertia_s: self.inertia_s,
            load_mw: self.island.model.load_pu * base,
            served_mw: if dead { 0.0 } else { self.living.load_pu() * base },
            shed_mw: self.shed_pu * base,
            events: std::mem::take(&mut self.events),
        }
    }

    fn columns(self) -> [FrequencyColumn; 3] {
        let id = &self.island.id;
        [("f_coi_hz", self.frequency), ("rocof_hz_per_s", self.slope), ("served_mw", self.served)]
            .map(|(name, values)| FrequencyColumn { name: format!("{name}_{id}"), values })
    }
}

/// Settings as text.
fn described(study: &Study) -> BTreeMap<String, String> {
    let single = study.islands.iter().any(|island| matches!(island.model.source, Source::Units(_)));
    let whole = study.islands.iter().any(|island| matches!(island.model.source, Source::Aggregate(_)));
    let mut methods = Vec::new();
    if whole {
        methods.push("exact between events for an aggregate");
    }
    if single {
        methods.push("Runge and Kutta of fourth order for single units");
    }
    let windows: Vec<String> = study
        .islands
        .iter()
        .map(|island| format!("{} s for {}", island.model.rocof_window_s, island.id))
        .collect();
    BTreeMap::from([
        (
            "model".to_owned(),
            "one swing equation for each island (centre of inertia), constant voltage, constant power apart from its damping"
                .to_owned(),
        ),
        ("method".to_owned(), methods.join("; ")),
        ("window of the slope".to_owned(), windows.join(", ")),
    ])
}
