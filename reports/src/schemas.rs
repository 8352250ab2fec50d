//! JSON Schema (2020-12) of every document, generated from the types that write it.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::cascade::CascadeStudy;
use crate::contingencies::ContingencyStudy;
use crate::document::Document;
use crate::envelope::Envelope;
use crate::evidence::{EpisodeRecord, Evidence, Manifest, NetworkRecord, RunRecord};
use crate::explanation::Explanation;
use crate::frequency::FrequencyStudy;
use crate::gic::GicStudy;
use crate::hunt::HuntStudy;
use crate::latency::{LatencyFile, LatencyMargin};
use crate::machines::MachineStudy;
use crate::nose::NoseStudy;
use crate::plan::SuitePlan;
use crate::rating::RatingStudy;
use crate::regressions::Regressions;
use crate::study::StormStudy;

/// A schema and the name of its file.
#[derive(Clone, Debug)]
pub struct Described {
    /// `<kind>-<version>.json`.
    pub file: String,
    /// The schema.
    pub schema: Schema,
}

/// The schema of what `T` writes, for the document `name` (`gridgate/<kind>/<version>`).
pub fn describe<T: JsonSchema>(name: &str) -> Described {
    let mut schema =
        SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>();
    schema.insert("title".into(), name.into());
    Described { file: format!("{}.json", name.trim_start_matches("gridgate/").replace('/', "-")), schema }
}

/// The documents of this crate.
pub fn documents() -> Vec<Described> {
    fn of<T: Document + JsonSchema>() -> Described {
        describe::<T>(T::SCHEMA)
    }
    vec![
        of::<Evidence>(),
        of::<RunRecord>(),
        of::<EpisodeRecord>(),
        of::<NetworkRecord>(),
        of::<Manifest>(),
        of::<Envelope>(),
        of::<ContingencyStudy>(),
        of::<NoseStudy>(),
        of::<GicStudy>(),
        of::<SuitePlan>(),
        of::<RatingStudy>(),
        of::<CascadeStudy>(),
        of::<FrequencyStudy>(),
        of::<LatencyFile>(),
        of::<LatencyMargin>(),
        of::<MachineStudy>(),
        of::<StormStudy>(),
        of::<Explanation>(),
        of::<HuntStudy>(),
        of::<Regressions>(),
    ]
}

impl Described {
    /// The bytes of its file.
    ///
    /// # Errors
    /// As [`crate::canonical_json`].
    pub fn bytes(&self) -> Result<Vec<u8>, crate::Problem> {
        crate::canonical_json(&self.schema)
    }
}
