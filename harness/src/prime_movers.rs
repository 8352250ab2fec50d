//! What drives the units of a case, from a table beside it.

use powerflow::case::PrimeMover;
use powerflow::{Case, Diagnostic, Diagnostics};
use scenarios::nearest::advice;

use crate::cells::Table;

/// Names of the columns, each by the ways in which published tables write it.
const BUS: [&str; 4] = ["bus", "Bus ID", "bus_id", "id"];
const MOVER: [&str; 2] = ["prime_mover", "Unit Type"];
const CODE: &str = "prime_movers";

/// Assigns the rows of a table to the units of a case: columns `bus`, `prime_mover` (also as RTS-GMLC names them), one row for every unit. The
/// rows of a bus belong to its units in their order, as few formats name units. What the case's own format says is replaced.
///
/// # Errors
/// `prime_movers.*` with the line of what is missing, unknown, or more than the bus has units.
pub(crate) fn assign(case: &mut Case, file: &str, text: &str) -> Result<(), Diagnostics> {
    let table = Table::of(file, text, CODE)?;
    let (Some(bus), Some(mover)) = (table.need_any(&BUS, CODE), table.need_any(&MOVER, CODE)) else {
        return table.finish(());
    };
    let mut movers: Vec<Option<PrimeMover>> = vec![None; case.units.len()];
    let mut taken = vec![false; case.units.len()];
    for row in table.rows() {
        let Some(id) = table.number::<u64>(row, bus, CODE, "the number of a bus") else { continue };
        let complain = |diagnostic: Diagnostic| table.complain(diagnostic, Some(row.0));
        let word = &row.1[mover];
        let Some(known) = PrimeMover::of_table(word) else {
            let names = PrimeMover::LIST.iter().map(|mover| mover.id());
            complain(
                Diagnostic::error("prime_movers.unknown", format!("nobody knows units driven by \"{word}\""))
                    .hint(advice(word, names)),
            );
            continue;
        };
        match (0..case.units.len()).find(|unit| !taken[*unit] && case.units[*unit].bus.0 == id) {
            Some(unit) => (taken[unit], movers[unit]) = (true, Some(known)),
            None => {
                let message = format!("bus {id} has no further unit in {}", case.name);
                complain(Diagnostic::error("prime_movers.unknown-unit", message));
            }
        }
    }
    if let Some(first) = taken.iter().position(|taken| !taken) {
        let missing = taken.iter().filter(|taken| !**taken).count();
        let id = case.units[first].bus;
        let message =
            format!("{missing} units of {} are not in the table, the first is at bus {id}", case.name);
        let hint = "write a row for every unit, those of a bus in the case's order";
        table.complain(Diagnostic::error("prime_movers.missing", message).hint(hint), None);
    }
    table.finish(())?;
    case.prime_movers = movers;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case() -> Case {
        let mut case = Case::two_bus_example();
        let unit = case.units[0].clone();
        case.units.push(unit);
        case
    }

    #[test]
    fn rows_of_a_bus_belong_to_its_units_in_their_order() {
        let mut with = case();
        let bus = with.units[0].bus;
        let text = format!("GEN UID,Bus ID,Unit Type\na,{bus},CT\nb,{bus},WIND\n");
        assign(&mut with, "gen.csv", &text).expect("a table");
        assert_eq!(with.prime_movers, [Some(PrimeMover::CombustionTurbine), Some(PrimeMover::Wind)]);
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_line() {
        let bus = case().units[0].bus;
        for (rows, code, line) in [
            (format!("{bus},wind\n"), "prime_movers.missing", None),
            (format!("{bus},wind\n{bus},solar\n{bus},hydro\n"), "prime_movers.unknown-unit", Some(4)),
            (format!("{bus},wind\n{bus},win\n"), "prime_movers.unknown", Some(3)),
        ] {
            let text = format!("bus,prime_mover\n{rows}");
            let complaints = assign(&mut case(), "gen.csv", &text).expect_err("it does not fit");
            let found = complaints.0.iter().find(|complaint| complaint.code == code).expect(code);
            assert_eq!(found.place.as_ref().and_then(|place| place.line), line, "{complaints}");
        }
    }
}
