//! Where the buses of a case are, from a table beside it.

use std::collections::BTreeMap;

use powerflow::{Case, Diagnostic, Diagnostics};

use crate::cells::Table;

/// Names of the columns, each by the ways in which published tables write it.
const BUS: [&str; 4] = ["bus", "Bus ID", "bus_id", "id"];
const LATITUDE: [&str; 4] = ["latitude", "lat", "latitude_deg", "lat_deg"];
const LONGITUDE: [&str; 5] = ["longitude", "lng", "lon", "longitude_deg", "lon_deg"];

/// Puts the places of a table into a case: columns `bus`, `latitude`, `longitude` (degrees, WGS84; also as RTS-GMLC names them), one row
/// for every bus. What the case's own format says is replaced.
///
/// # Errors
/// `coordinates.*` with the line of what is missing, unknown, twice there, or on no globe.
pub(crate) fn place(case: &mut Case, file: &str, text: &str) -> Result<(), Diagnostics> {
    const CODE: &str = "coordinates";
    let table = Table::of(file, text, CODE)?;
    let column = |names: &[&str]| table.need_any(names, CODE);
    let (Some(bus), Some(latitude), Some(longitude)) = (column(&BUS), column(&LATITUDE), column(&LONGITUDE))
    else {
        return table.finish(());
    };
    let row_of: BTreeMap<u64, usize> =
        case.buses.iter().enumerate().map(|(row, bus)| (bus.id.0, row)).collect();
    let mut places: Vec<Option<(f64, f64)>> = vec![None; case.buses.len()];
    for row in table.rows() {
        let id = table.number::<u64>(row, bus, CODE, "the number of a bus");
        let north = table.number::<f64>(row, latitude, CODE, "degrees north, -90 to 90");
        let east = table.number::<f64>(row, longitude, CODE, "degrees east, -180 to 180");
        let (Some(id), Some(north), Some(east)) = (id, north, east) else { continue };
        let complain = |code: &str, message: String| {
            table.complain(Diagnostic::error(format!("{CODE}.{code}"), message), Some(row.0));
        };
        if !((-90.0..=90.0).contains(&north) && (-180.0..=180.0).contains(&east)) {
            complain("range", format!("{north} degrees north, {east} degrees east is no place"));
            continue;
        }
        match row_of.get(&id) {
            None => complain("unknown-bus", format!("there is no bus {id} in {}", case.name)),
            Some(at) if places[*at].is_some() => complain("twice", format!("bus {id} is in the table twice")),
            Some(at) => places[*at] = Some((east, north)),
        }
    }
    let without: Vec<usize> = (0..places.len()).filter(|row| places[*row].is_none()).collect();
    if let Some(first) = without.first() {
        let id = case.buses[*first].id;
        let message =
            format!("{} buses of {} are not in the table, the first is bus {id}", without.len(), case.name);
        table.complain(
            Diagnostic::error(format!("{CODE}.missing"), message)
                .hint("write a row for every bus of the case"),
            None,
        );
    }
    table.finish(())?;
    for (bus, place) in case.buses.iter_mut().zip(places) {
        bus.location = place;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_under_the_names_that_tables_use() {
        for header in ["bus,latitude,longitude", "Bus ID,lat,lng"] {
            let mut case = Case::two_bus_example();
            let (a, b) = (case.buses[0].id, case.buses[1].id);
            place(&mut case, "c.csv", &format!("{header}\n{b},52.5,13.4\n{a},48.1,-11.6\n"))
                .expect("a table");
            assert_eq!(case.buses[0].location, Some((-11.6, 48.1)));
            assert_eq!(case.buses[1].location, Some((13.4, 52.5)));
        }
    }

    #[test]
    fn half_a_table_places_nothing() {
        let case = Case::two_bus_example();
        let (a, b) = (case.buses[0].id, case.buses[1].id);
        for (text, code) in [
            (format!("bus,latitude\n{a},1\n{b},2\n"), "coordinates.column"),
            (format!("bus,latitude,longitude\n{a},1,1\n"), "coordinates.missing"),
            (format!("bus,latitude,longitude\n{a},1,1\n{a},1,1\n{b},2,2\n"), "coordinates.twice"),
            (format!("bus,latitude,longitude\n{a},1,1\n{b},2,2\n987,1,1\n"), "coordinates.unknown-bus"),
            (format!("bus,latitude,longitude\n{a},100,1\n{b},2,2\n"), "coordinates.range"),
            (format!("bus,latitude,longitude\n{a},north,1\n{b},2,2\n"), "coordinates.cell"),
        ] {
            let mut placed = case.clone();
            let complaints = place(&mut placed, "c.csv", &text).expect_err(&text);
            assert!(complaints.0.iter().any(|found| found.code == code), "{text}: {complaints}");
            assert!(placed.buses.iter().all(|bus| bus.location.is_none()));
        }
    }
}
