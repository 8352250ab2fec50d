//! The four tables of a published benchmark grid: substations, buses, lines, transformers.
//!
//! Source of the format: transcriptions of Horton, Boteler, Overbye, Pirjola and Dugan, "A test case for the calculation of
//! geomagnetically induced currents", IEEE Trans. Power Delivery 27(4), 2012.

use std::collections::BTreeMap;
use std::path::Path;

use powerflow::case::{Case, GicCase};
use powerflow::gic::{GicBus, GicLine, GicNetwork, GicStation, GicTransformer, Lengths, Windings};
use powerflow::{BusId, BusIdx, Diagnostic, Diagnostics, Index, StationIdx};

use super::beside;
use crate::cells::Table;

const CODE: &str = "gic.tables";

/// A station on its way.
struct Place {
    latitude_longitude: (f64, f64),
    /// What its column of blocking devices says.
    blocking: String,
}

/// Reads the tables of a prefix.
///
/// # Errors
/// All that is wrong in the first table that has anything wrong, each with its line.
pub(super) fn read(prefix: &Path, bypassed: bool) -> Result<GicCase, Diagnostics> {
    let files =
        ["substations", "buses", "lines", "transformers"].map(|name| beside(prefix, &format!("_{name}.csv")));
    let [stations, buses, lines, transformers] = [0, 1, 2, 3].map(|at| Table::read(&files[at], CODE));
    let mut network = GicNetwork::default();
    let mut places = Vec::new();
    let station_rows = read_stations(stations?, &mut network, &mut places)?;
    let bus_rows = read_buses(buses?, &mut network, &station_rows, &places)?;
    read_lines(lines?, &mut network, &bus_rows, bypassed)?;
    read_transformers(transformers?, &mut network, &bus_rows, &places)?;
    let name = prefix.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    Ok(GicCase {
        case: Case { name, ..Case::default() },
        network,
        files: files.to_vec(),
        diagnostics: Diagnostics::default(),
    })
}

/// Places of columns; missing ones are complaints, and then there is no table.
fn columns<const N: usize>(table: Table, names: [&str; N]) -> Result<(Table, [usize; N]), Diagnostics> {
    let found = names.map(|name| table.need(name, CODE));
    let known = found.map(Option::unwrap_or_default);
    table.whole().map(|table| (table, known))
}

/// A number that may be left blank.
fn optional(table: &Table, row: (u32, &[String]), column: usize, wanted: &str) -> Option<f64> {
    if row.1[column].is_empty() { None } else { table.number(row, column, CODE, wanted) }
}

fn read_stations(
    table: Table,
    network: &mut GicNetwork,
    places: &mut Vec<Place>,
) -> Result<BTreeMap<u64, StationIdx>, Diagnostics> {
    let names = ["substation", "lat_deg", "lon_deg", "grounding_ohm", "gic_blocking"];
    let (table, [id, lat, lon, ground, blocking]) = columns(table, names)?;
    let (mut rows, mut stations) = (BTreeMap::new(), Vec::new());
    for row in table.rows() {
        let number = table.number::<u64>(row, id, CODE, "a whole number");
        let place = (table.number(row, lat, CODE, "degrees"), table.number(row, lon, CODE, "degrees"));
        let ohm = optional(&table, row, ground, "ohm, or blank where the neutral is not grounded");
        let (Some(number), (Some(lat), Some(lon))) = (number, place) else { continue };
        if rows.insert(number, StationIdx::from_row(stations.len())).is_some() {
            table.complain(
                Diagnostic::error("gic.station.twice", format!("substation {number} is declared twice")),
                Some(row.0),
            );
        }
        stations.push(GicStation { id: number, name: None, conductance_s: ohm.map(|ohm| 1.0 / ohm) });
        places.push(Place { latitude_longitude: (lat, lon), blocking: row.1[blocking].clone() });
    }
    network.stations = stations.into();
    table.finish(rows)
}

fn read_buses(
    table: Table,
    network: &mut GicNetwork,
    stations: &BTreeMap<u64, StationIdx>,
    places: &[Place],
) -> Result<BTreeMap<u64, (BusIdx, StationIdx)>, Diagnostics> {
    let (table, [id, station, kv]) = columns(table, ["bus", "substation", "kv"])?;
    let (mut rows, mut buses) = (BTreeMap::new(), Vec::new());
    for row in table.rows() {
        let number = table.number::<u64>(row, id, CODE, "a whole number");
        let at = table.number::<u64>(row, station, CODE, "the number of a substation");
        let kv = table.number(row, kv, CODE, "kV");
        let (Some(number), Some(at), Some(kv)) = (number, at, kv) else { continue };
        let Some(station) = stations.get(&at) else {
            let message = format!("bus {number} is in substation {at}, which has no row");
            table.complain(Diagnostic::error("gic.station.unknown", message), Some(row.0));
            continue;
        };
        if rows.insert(number, (BusIdx::from_row(buses.len()), *station)).is_some() {
            let message = format!("bus {number} is declared twice");
            table.complain(Diagnostic::error("gic.bus.twice", message), Some(row.0));
        }
        let place = Some(places[station.row()].latitude_longitude);
        buses.push(GicBus { id: BusId(number), kv, place, stored_vm_pu: None });
    }
    network.buses = buses.into();
    table.finish(rows)
}

type BusRows = BTreeMap<u64, (BusIdx, StationIdx)>;

fn bus_of(
    table: &Table,
    row: (u32, &[String]),
    column: usize,
    buses: &BusRows,
) -> Option<(BusIdx, StationIdx)> {
    let number = table.number::<u64>(row, column, CODE, "the number of a bus")?;
    let found = buses.get(&number).copied();
    if found.is_none() {
        let message = format!("bus {number} has no row in the table of buses");
        table.complain(Diagnostic::error("gic.bus.unknown", message), Some(row.0));
    }
    found
}

fn read_lines(
    table: Table,
    network: &mut GicNetwork,
    buses: &BusRows,
    bypassed: bool,
) -> Result<(), Diagnostics> {
    let names = ["line", "from_bus", "to_bus", "r_ohm_per_phase", "series_capacitor_blocks_dc"];
    let (table, [id, from, to, ohm, capacitor]) = columns(table, names)?;
    for row in table.rows() {
        let ends = (bus_of(&table, row, from, buses), bus_of(&table, row, to, buses));
        let r_ohm = table.number(row, ohm, CODE, "ohm per phase");
        let blocks = match row.1[capacitor].as_str() {
            "yes" => true,
            "no" => false,
            other => {
                let message = format!("`series_capacitor_blocks_dc` is \"{other}\", it should be yes or no");
                table.complain(Diagnostic::error("gic.tables.cell", message), Some(row.0));
                continue;
            }
        };
        let ((Some((from, _)), Some((to, _))), Some(r_ohm)) = (ends, r_ohm) else { continue };
        let place = |bus: BusIdx| network.buses[bus].place.unwrap_or_default();
        let lengths = Lengths::between(place(from), place(to));
        network.lines.push(GicLine {
            from,
            to,
            circuit: row.1[id].clone(),
            r_ohm,
            lengths,
            conducts: bypassed || !blocks,
        });
    }
    table.finish(())
}

fn read_transformers(
    table: Table,
    network: &mut GicNetwork,
    buses: &BusRows,
    places: &[Place],
) -> Result<(), Diagnostics> {
    let names = ["transformer", "type", "hv_bus", "w1_ohm_per_phase", "lv_bus", "w2_ohm_per_phase"];
    let (table, [id, kind, high_bus, w1, low_bus, w2]) = columns(table, names)?;
    for row in table.rows() {
        let (high_end, low_end) = (bus_of(&table, row, high_bus, buses), bus_of(&table, row, low_bus, buses));
        let first = table.number(row, w1, CODE, "ohm per phase");
        let second = optional(&table, row, w2, "ohm per phase, or blank for a delta");
        let (Some((from, station)), Some((to, _)), Some(first)) = (high_end, low_end, first) else {
            continue;
        };
        let name = row.1[id].as_str();
        let open = blocked(&places[station.row()].blocking, name);
        let grounded = |ohm: f64| (!open).then_some(ohm);
        let windings = match (row.1[kind].as_str(), second) {
            ("GSU", None) => Windings::Separate { high: grounded(first), low: None, tertiary: None },
            ("GwyeGwye", Some(low)) => {
                Windings::Separate { high: grounded(first), low: grounded(low), tertiary: None }
            }
            ("auto", Some(common)) => Windings::Auto { series: first, common: grounded(common) },
            (other, _) => {
                let message = format!(
                    "transformer {name} of type \"{other}\" has the wrong number of windings, or no such type"
                );
                table.complain(
                    Diagnostic::error("gic.tables.type", message)
                        .hint("types are GSU (one resistance), GwyeGwye and auto (two)"),
                    Some(row.0),
                );
                continue;
            }
        };
        network.transformers.push(GicTransformer {
            from,
            to,
            tertiary: None,
            circuit: name.to_owned(),
            station,
            windings: Some(windings),
            neutral_ohm: 0.0,
            k_mvar_per_a: None,
        });
    }
    table.finish(())
}

/// Whether a station's blocking devices stand in a transformer's neutral: `yes (T1 neutral)` names one, `yes` means all.
fn blocked(said: &str, transformer: &str) -> bool {
    match said.split_once('(') {
        Some((yes, names)) => {
            yes.trim() == "yes" && names.split([' ', ',', ')']).any(|name| name == transformer)
        }
        None => said == "yes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocking_devices_stand_in_the_neutrals_that_are_named() {
        assert!(blocked("yes (T1 neutral)", "T1") && !blocked("yes (T1 neutral)", "T11"));
        assert!(blocked("yes", "T9") && !blocked("no", "T1") && !blocked("", "T1"));
    }
}
