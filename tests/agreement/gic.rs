//! Geomagnetically induced currents against published ones (`reference/gmd`): the benchmark grid of Horton et al. under a
//! northward field, and public cases that state the same grid twice, each time by another program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gridgate_tests::reference;
use harness::study::{GicQuestion, GicSource, gic};
use powerflow::case::GroundRule;
use powerflow::gic::{GeoelectricField, LossVoltage};
use reports::GicStudy;
use reports::gic::WindingKind;

fn ask(source: GicSource, field: GeoelectricField, ground: GroundRule) -> GicStudy {
    let question = GicQuestion {
        source,
        field,
        ground,
        q_voltage: LossVoltage::HighBus,
        bypassed: false,
        power_flow: None,
    };
    gic(&question).unwrap_or_else(|found| panic!("{found}"))
}

fn horton(folder: &Path) -> GicStudy {
    let source = GicSource::Tables(folder.join("gmd/horton20"));
    ask(source, GeoelectricField::NORTH, GroundRule::Listed)
}

fn case(folder: &Path, name: &str, field: GeoelectricField, ground: GroundRule) -> GicStudy {
    let case = folder.join("gmd/cases").join(name);
    ask(GicSource::Case { case, gic: None }, field, ground)
}

/// Cells of a published table, by row.
fn table(folder: &Path, name: &str) -> Vec<Vec<String>> {
    let path: PathBuf = folder.join("gmd").join(format!("horton20_north_1Vkm_{name}.csv"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn number(cell: &str) -> f64 {
    cell.parse().unwrap_or_else(|_| panic!("{cell} is no number"))
}

/// The published digits, and the rounding of the coordinates that they were computed from.
const HUNDREDTH: f64 = 0.01;

fn agrees(ours: f64, theirs: f64, what: &str) {
    assert!((ours - theirs).abs() <= HUNDREDTH, "{what}: {ours} {theirs}");
}

#[test]
fn currents_into_earth_and_voltages_of_the_benchmark() {
    let Some(folder) = reference() else { return };
    let study = horton(&folder);
    let rows = table(&folder, "substation_gic");
    assert_eq!(rows.len(), study.substations.len());
    for (row, ours) in rows.iter().zip(&study.substations) {
        assert_eq!(row[0], ours.id.to_string());
        agrees(ours.gic_a, number(&row[1]), &format!("station {}, published", ours.id));
        agrees(ours.gic_a, number(&row[2]), &format!("station {}", ours.id));
    }
    assert!(study.ground_sum_a.abs() < 1e-6 && study.imbalance_a < 1e-6, "{}", study.ground_sum_a);
    // Neither a station without a ground grid nor a machine's bus behind a delta has a voltage; into earth flows nothing there.
    assert_eq!((study.substations[6].gic_a, study.substations[6].neutral_volt), (0.0, None));
    let voltages: BTreeMap<u64, Option<f64>> = study.buses.iter().map(|bus| (bus.id, bus.dc_volt)).collect();
    assert_eq!(voltages[&1], None);
    for row in table(&folder, "bus_dc_voltage") {
        let id: u64 = row[0].parse().expect("a bus");
        agrees(voltages[&id].expect("a voltage"), number(&row[1]), &format!("bus {id}"));
    }
}

#[test]
fn lines_and_windings_of_the_benchmark() {
    let Some(folder) = reference() else { return };
    let study = horton(&folder);
    let rows = table(&folder, "line");
    assert_eq!(rows.len(), study.branches.len());
    for (row, ours) in rows.iter().zip(&study.branches) {
        assert_eq!(row[0], ours.circuit);
        agrees(ours.induced_v, number(&row[3]), &format!("voltage of line {}", row[0]));
        agrees(ours.gic_a_per_phase, number(&row[4]), &format!("line {}", row[0]));
    }
    // The line with the series capacitor: a voltage, and no current.
    assert_eq!(study.branches[7].gic_a_per_phase, 0.0);

    for row in table(&folder, "transformer") {
        let ours = study.transformers.iter().find(|t| t.circuit == row[0]).expect("the transformer");
        let winding = |kinds: [WindingKind; 2]| {
            let found = ours.windings.iter().find(|w| kinds.contains(&w.winding));
            found.map_or(0.0, |winding| winding.gic_a_per_phase)
        };
        let name = &row[0];
        agrees(winding([WindingKind::High, WindingKind::Series]), number(&row[1]), name);
        agrees(winding([WindingKind::Low, WindingKind::Common]), number(&row[2]), name);
        agrees(ours.ieff_a_per_phase, number(&row[3]), &format!("effective current of {name}"));
    }
}

/// Rows of `gmd_branch` in the text of a case: name and eastward voltage.
fn stated_voltages(path: &Path) -> Vec<f64> {
    let text = std::fs::read_to_string(path).expect("a case");
    let table =
        text.split("mpc.gmd_branch = {").nth(1).expect("the table").split('}').next().expect("its end");
    let cells = table.lines().map(|line| line.split('%').next().unwrap_or_default().split_whitespace());
    cells
        .filter_map(|cells| {
            let cells: Vec<&str> = cells.collect();
            // Words before the numbers say whose conductor it is; the last one is its name.
            let name = cells.iter().rposition(|cell| cell.starts_with('\''))?;
            Some(number(cells[name - 2])).filter(|volt| *volt != 0.0)
        })
        .collect()
}

/// Cases state the voltage of an eastward field of 1 V/km that another program computed from the same places.
#[test]
fn eastward_voltages_are_those_that_cases_state() {
    let Some(folder) = reference() else { return };
    for name in ["b4gic.m", "b6gic_nerc.m", "epri21.m", "epricase_aug2022_v22_fix.m"] {
        let study = case(&folder, name, GeoelectricField::EAST, GroundRule::Listed);
        let theirs = stated_voltages(&folder.join("gmd/cases").join(name));
        let ours: Vec<f64> = study.branches.iter().map(|b| b.induced_v).filter(|v| *v != 0.0).collect();
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (ours, theirs) in ours.iter().zip(theirs) {
            // Places in the files have four to five digits; lengths are NERC's series, 0.005 % from the ellipsoid.
            assert!((ours - theirs).abs() < 1e-4 * theirs.abs(), "{name}: {ours} {theirs}");
        }
    }
}

/// The benchmark grid as records of a `.gic` file, and as explicit tables that another program made of them.
#[test]
fn a_gic_file_and_the_tables_made_of_it_agree() {
    let Some(folder) = reference() else { return };
    for (records, tables) in [("epri.raw", "epricase_aug2022_v22_fix.m"), ("bus4.raw", "b4gic_two_gens.m")] {
        for field in [GeoelectricField::NORTH, GeoelectricField::EAST] {
            let [a, b] = [records, tables].map(|name| case(&folder, name, field, GroundRule::Listed));
            assert_eq!((a.substations.len(), a.branches.len()), (b.substations.len(), b.branches.len()));
            for (a, b) in a.substations.iter().zip(&b.substations) {
                let (a, b) = (a.gic_a, b.gic_a);
                // Resistances in the tables were rounded to about 1e-4 of the records' ones.
                assert!((a - b).abs() < 0.02 + 1e-4 * b.abs(), "{records}: {a} {b}");
            }
            let effective = |study: &GicStudy| {
                let all = study.transformers.iter().map(|t| t.ieff_a_per_phase);
                // One of them lists what carries nothing, the other does not.
                let mut all: Vec<f64> = all.filter(|a| *a > 0.0).collect();
                all.sort_by(f64::total_cmp);
                all
            };
            let (a, b) = (effective(&a), effective(&b));
            assert_eq!(a.len(), b.len(), "{records}");
            for (a, b) in a.iter().zip(&b) {
                assert!((a - b).abs() < 0.01 + 1e-3 * b, "{records}: {a} {b}");
            }
        }
    }
}

/// A file that leaves every resistance to its reader. An independent solver with the same rules found currents of up to 75 A in
/// lines and 26 V in neutrals, and that ground grids by formula move them by at most 0.17 A and 0.16 V (specification, 7.1).
#[test]
fn the_150_bus_case_by_the_rules_for_what_it_leaves_out() {
    let Some(folder) = reference() else { return };
    let [listed, formula] = [GroundRule::Listed, GroundRule::Formula]
        .map(|ground| case(&folder, "uiuc150bus.raw", GeoelectricField::EAST, ground));
    let amperes =
        |study: &GicStudy| -> Vec<f64> { study.branches.iter().map(|b| b.gic_a_per_phase).collect() };
    let volts = |study: &GicStudy| -> Vec<f64> {
        study.substations.iter().map(|s| s.neutral_volt.expect("every station is grounded")).collect()
    };
    let largest = |numbers: &[f64]| numbers.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    let apart = |a: &[f64], b: &[f64]| largest(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>());
    for (of, size, moved, published) in [
        (amperes(&listed), 75.0, apart(&amperes(&listed), &amperes(&formula)), 0.17),
        (volts(&listed), 26.0, apart(&volts(&listed), &volts(&formula)), 0.16),
    ] {
        assert!((largest(&of) - size).abs() < 0.5, "{} {size}", largest(&of));
        assert!((moved - published).abs() < 0.01, "{moved} {published}");
    }
    assert!(listed.imbalance_a < 1e-9 && listed.ground_sum_a.abs() < 1e-9);

    let table = folder.join("gmd/cases/uiuc150_ground_conductance.csv");
    let text = std::fs::read_to_string(table).expect("a table");
    let published: Vec<f64> = text.lines().skip(1).map(|l| number(l.split(',').nth(2).expect("S"))).collect();
    let grounded =
        listed.substations.iter().filter_map(|s| Some((s, s.gic_a, s.neutral_volt.filter(|v| *v != 0.0)?)));
    for (station, a, v) in grounded {
        let siemens = a / v;
        assert!(published.iter().any(|s| (s - siemens).abs() < 1e-9), "station {}: {siemens}", station.id);
    }
}
