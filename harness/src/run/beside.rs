//! Files that a suite names: tables that say more of the grid, and lists of scenarios. In the folders that this program writes they lie
//! beside the copy of the suite.

use std::path::Path;
use std::sync::Arc;

use powerflow::{Diagnostic, Diagnostics, Network};

use crate::regression;
use crate::suite::{Suite, TableFile};

/// A table that the suite names, as it was read.
#[derive(Clone, Debug)]
pub struct SuiteTable {
    /// The key of the suite that names it.
    pub key: &'static str,
    /// Its name as the suite writes it.
    pub name: String,
    /// What it says.
    pub text: String,
    /// Where it lay, for messages.
    pub(super) file: String,
}

impl SuiteTable {
    /// Its name among copies of what a suite names: paths of a suite may lead anywhere.
    pub(crate) fn copy_name(key: &str) -> String {
        format!("{key}.csv")
    }
}

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

/// Reads the tables that a suite names.
pub(super) fn tables(suite: &Suite, copies: Option<&Path>) -> Result<Vec<SuiteTable>, Diagnostics> {
    let open = |table: &TableFile| {
        let path = match copies {
            Some(folder) => folder.join(SuiteTable::copy_name(table.key)),
            None => table.path.clone(),
        };
        let what = format!("the table of {} that the suite names", table.key);
        let bytes = read(&path, format!("suite.{}.read", table.key), &what)?;
        let file = path.display().to_string();
        let text = String::from_utf8(bytes).map_err(|_| {
            let message = format!("{what} is not text in UTF-8");
            Diagnostic::error(format!("{}.encoding", table.key), message).at(file.as_str(), None)
        })?;
        Ok(SuiteTable { key: table.key, name: table.name.clone(), text, file })
    };
    suite.tables.iter().map(open).collect()
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

/// The bytes of a file that a suite names.
///
/// # Errors
/// The complaint of this code where it cannot be read.
pub(super) fn read(path: &Path, code: impl Into<String>, what: &str) -> Result<Vec<u8>, Diagnostics> {
    std::fs::read(path).map_err(|error| {
        Diagnostic::error(code.into(), format!("{what} cannot be read: {error}"))
            .at(path.display().to_string(), None)
            .hint("paths in a suite are relative to the suite file")
            .into()
    })
}
