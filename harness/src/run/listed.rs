//! Lists of scenarios that a suite names.

use std::path::Path;
use std::sync::Arc;

use powerflow::{Diagnostics, Network};

use super::read;
use crate::regression;
use crate::suite::Suite;

/// A file of listed scenarios, as it was read.
#[derive(Clone, Debug)]
pub struct ListedFile {
    /// The population that names it.
    pub population: String,
    /// Its name as the suite writes it.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl ListedFile {
    /// Its name in the folder `inputs` of a run: paths of a suite may lead anywhere.
    pub(super) fn copy_name(population: &str) -> String {
        format!("scenarios-{population}.json")
    }
}

/// The listed scenarios that a population names.
pub(super) fn listed(
    suite: &Suite,
    population: &str,
    name: &str,
    copies: Option<&Path>,
    network: &Network,
) -> Result<(ListedFile, scenarios::Listed), Diagnostics> {
    let beside = Path::new(&suite.file).parent().unwrap_or(Path::new(""));
    let path = match copies {
        Some(folder) => folder.join(ListedFile::copy_name(population)),
        None => beside.join(name),
    };
    let bytes = read(&path, "suite.scenarios.read", "the list of scenarios that the suite names")?;
    let timelines = regression::read(&bytes, &path.display().to_string(), network)?;
    let listed = scenarios::Listed { timelines: Arc::new(timelines), source: name.to_owned() };
    Ok((ListedFile { population: population.to_owned(), name: name.to_owned(), bytes }, listed))
}
