//! What lies beside a case: files that a suite names to say what the case's own format does not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use powerflow::case::GroundRule;
use powerflow::{Case, Diagnostic, Diagnostics};

use crate::fields::Fields;
use crate::{coordinates, prime_movers};

/// A kind of such file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// Where the buses are.
    Coordinates,
    /// What drives the units.
    PrimeMovers,
    /// What geomagnetic storms need to know.
    Geomagnetic,
}

/// A file that a suite names.
#[derive(Clone, Debug, PartialEq)]
pub struct BesideFile {
    /// What it says.
    pub kind: Beside,
    /// Its name as the suite writes it.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
}

/// Such a file, as it was read.
#[derive(Clone, Debug)]
pub struct BesideBytes {
    /// The file.
    pub file: BesideFile,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Beside {
    /// Every kind.
    pub const LIST: [Beside; 3] = [Beside::Coordinates, Beside::PrimeMovers, Beside::Geomagnetic];

    /// Its key in suites, its role in evidence and the name of its copies.
    pub fn key(self) -> &'static str {
        match self {
            Beside::Coordinates => "coordinates",
            Beside::PrimeMovers => "prime_movers",
            Beside::Geomagnetic => "geomagnetic",
        }
    }

    /// What the key means, for help texts and documents.
    pub fn meaning(self) -> &'static str {
        match self {
            Beside::Coordinates => {
                "Table of where the buses are (bus, latitude, longitude), relative to this file."
            }
            Beside::PrimeMovers => {
                "Table of what drives the units (bus, prime_mover), relative to this file."
            }
            Beside::Geomagnetic => {
                "What geomagnetic storms need to know: a .gic file, or a MATPOWER file with GMD tables, relative to this file."
            }
        }
    }

    /// What it is called in a complaint.
    fn name(self) -> &'static str {
        match self {
            Beside::Coordinates => "the table of places",
            Beside::PrimeMovers => "the table of prime movers",
            Beside::Geomagnetic => "the file about direct currents",
        }
    }
}

/// Reads the keys of a suite that lies in this folder.
pub(crate) fn of_suite(fields: &mut Fields<'_>, folder: &Path) -> Vec<BesideFile> {
    let file = |kind: Beside| {
        let name = fields.name(kind.key())?.to_owned();
        Some(BesideFile { kind, path: folder.join(&name), name })
    };
    Beside::LIST.into_iter().filter_map(file).collect()
}

impl BesideFile {
    /// Puts into a case what the file says; its bytes.
    ///
    /// # Errors
    /// `suite.KEY.read`, `KEY.encoding`, and everything that is wrong with the file.
    pub(crate) fn enter(&self, case: &mut Case) -> Result<BesideBytes, Diagnostics> {
        let (key, what) = (self.kind.key(), self.kind.name());
        let code = format!("suite.{key}.read");
        let bytes = crate::run::read(&self.path, &code, &format!("{what} that the suite names"))?;
        let shown = self.path.display().to_string();
        let text = || {
            std::str::from_utf8(&bytes).map_err(|_| {
                Diagnostic::error(format!("{key}.encoding"), format!("{what} is not text in UTF-8"))
                    .at(shown.as_str(), None)
            })
        };
        match self.kind {
            Beside::Coordinates => coordinates::place(case, &shown, text()?)?,
            Beside::PrimeMovers => prime_movers::assign(case, &shown, text()?)?,
            Beside::Geomagnetic => {
                let (network, notes) = powerflow::case::gic_of(case, &self.path, GroundRule::Listed)?;
                case.geomagnetic = Some(Arc::new(network));
                case.diagnostics.0.extend(notes.0);
            }
        }
        Ok(BesideBytes { file: self.clone(), bytes })
    }

    /// Name of its copy in a folder: the key, with the file's own extension, by which formats are told apart.
    pub(crate) fn copy_name(&self) -> String {
        let extension = Path::new(&self.name).extension().map_or("csv".into(), |e| e.to_string_lossy());
        format!("{}.{extension}", self.kind.key())
    }
}
