//! Grids of rows as in a MATPOWER file, 60 Hz, base 100 MVA.

use powerflow::case::Case;

/// The case of these rows.
pub(crate) fn case(buses: &str, units: &str, branches: &str) -> Case {
    let text = format!(
        "function mpc = grid\nmpc.version = '2';\nmpc.baseMVA = 100;\nmpc.bus = [\n{buses}];\nmpc.gen = [\n{units}];\n\
         mpc.branch = [\n{branches}];\n"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("grid.m");
    std::fs::write(&path, text).expect("a file");
    powerflow::case::read(&path).expect("a case")
}
