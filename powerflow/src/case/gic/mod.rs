//! Files that hold what direct current needs: `.gic` files beside a case, and the GMD tables of MATPOWER cases.

mod assemble;
mod file;
mod tables;

use std::path::{Path, PathBuf};

use crate::case::{Case, read};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::gic::GicNetwork;

/// Where the conductance of a ground grid comes from that a `.gic` file leaves zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroundRule {
    /// The values of the simulator that wrote the public cases where they are known, else the formula.
    #[default]
    Listed,
    /// The straight lines through them, by the number of buses of the station.
    Formula,
}

/// A case with its quasi-dc network, whose buses are those of the case in their order.
#[derive(Clone, Debug)]
pub struct GicCase {
    /// The case.
    pub case: Case,
    /// Its quasi-dc network.
    pub network: GicNetwork,
    /// Every file that was read.
    pub files: Vec<PathBuf>,
    /// What was assumed, warnings and notes; errors never get this far.
    pub diagnostics: Diagnostics,
}

/// Reads a case and what direct current needs: the `.gic` file given, or the one of the same name beside the case, or the
/// tables of a MATPOWER file (`mpc.gmd_bus`, `mpc.gmd_branch`, `mpc.branch_gmd`, `mpc.bus_gmd`).
///
/// # Errors
/// Everything that is wrong with the case; `gic.missing` where neither a `.gic` file nor such tables exist; everything that is
/// wrong with those, with file and line.
pub fn read_gic(path: &Path, beside: Option<&Path>, ground: GroundRule) -> Result<GicCase, Diagnostics> {
    let case = read(path)?;
    let sibling = beside.map(Path::to_owned).or_else(|| {
        ["gic", "GIC"].map(|extension| path.with_extension(extension)).into_iter().find(|file| file.is_file())
    });
    let mut files = vec![path.to_owned()];
    let is_matpower = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("m"));
    let (network, diagnostics) = match sibling {
        Some(file) => {
            let found = gic_of(&case, &file, ground)?;
            files.push(file);
            found
        }
        None if is_matpower => gic_of(&case, path, ground)?,
        None => {
            let message = "there is no .gic file beside the case";
            let hint = "name one with --gic, or give a MATPOWER case with gmd tables";
            return Err(Diagnostic::error("gic.missing", message)
                .at(path.display().to_string(), None)
                .hint(hint)
                .into());
        }
    };
    Ok(GicCase { case, network, files, diagnostics })
}

/// What direct current needs to know of a case, from a `.gic` file or the tables of a MATPOWER file, with what was assumed.
///
/// # Errors
/// Everything that is wrong with the file, with its line; also where it does not fit the case.
pub fn gic_of(
    case: &Case,
    file: &Path,
    ground: GroundRule,
) -> Result<(GicNetwork, Diagnostics), Diagnostics> {
    let text = text_of(file)?;
    if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("m")) {
        return tables::network(case, &text);
    }
    assemble::network(case, &file::GicFile::parse(&file.display().to_string(), &text)?, ground)
}

/// The text of a file; names in it may be Latin-1.
fn text_of(path: &Path) -> Result<String, Diagnostics> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => {
            Err(Diagnostic::error("gic.file.unreadable", format!("the file cannot be read: {error}"))
                .at(path.display().to_string(), None)
                .hint("check the path; it is relative to the working folder")
                .into())
        }
    }
}
