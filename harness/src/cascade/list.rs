//! Outages from a table: one set a line.

use std::path::Path;

use powerflow::{BranchIdx, BusId, Diagnostic, Diagnostics, Index, Network, UnitIdx};

use super::Outage;
use crate::cells::Table;

const CODE: &str = "cascade.outages";

/// Reads a table of outages: columns `branches` and, where there are, `gens` (1-based rows of the file, blank-separated) and
/// `buses` (numbers of the file). Other columns are passed over, so that a table of results is a table of outages too.
///
/// # Errors
/// All ids that the case does not have, each with its line, and all cells that are no numbers.
pub fn read_outages(network: &Network, path: &Path) -> Result<Vec<Outage>, Diagnostics> {
    read(network, Table::read(path, CODE)?)
}

fn read(network: &Network, table: Table) -> Result<Vec<Outage>, Diagnostics> {
    let (branches, units) = (network.branches.from.len(), network.units.bus.len());
    let [of_branches, of_units, of_buses] = ["branches", "gens", "buses"].map(|name| table.column(name));
    if of_branches.is_none() && of_units.is_none() && of_buses.is_none() {
        let _ = table.need("branches", CODE);
    }
    let mut found = Vec::new();
    for (line, cells) in table.rows() {
        let complain = |code: &str, message: String, hint: String| {
            table.complain(Diagnostic::error(format!("{CODE}.{code}"), message).hint(hint), Some(line));
        };
        let ids = |column: Option<usize>| {
            let words = column.into_iter().flat_map(|column| cells[column].split_whitespace());
            words.filter_map(|word| {
                let id = word.parse::<u64>().ok();
                if id.is_none() {
                    let hint = "write whole numbers with blanks between".to_owned();
                    complain("cell", format!("\"{word}\" is no row and no number of a bus"), hint);
                }
                id
            })
        };
        let row = |id: u64, count: usize, code: &str, what: &str| {
            let row = usize::try_from(id).ok().filter(|row| (1..=count).contains(row)).map(|row| row - 1);
            if row.is_none() {
                complain(
                    code,
                    format!("there is no {what} {id}"),
                    format!("rows are numbered from 1 to {count}"),
                );
            }
            row
        };
        let mut outage = Outage::default();
        for id in ids(of_branches) {
            let known = row(id, branches, "unknown-branch", "branch").map(BranchIdx::from_row);
            outage.branches.extend(known);
        }
        for id in ids(of_units) {
            outage.units.extend(row(id, units, "unknown-unit", "generator").map(UnitIdx::from_row));
        }
        for id in ids(of_buses) {
            match network.bus(BusId(id)) {
                Ok(bus) => outage.buses.push(bus),
                Err(why) => {
                    let hint = why.0.into_iter().find_map(|why| why.hint).unwrap_or_default();
                    complain("unknown-bus", format!("there is no bus {id}"), hint);
                }
            }
        }
        found.push(outage.in_order());
    }
    table.finish(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use powerflow::Case;

    fn of(text: &str) -> Result<Vec<Outage>, Diagnostics> {
        let network = Network::build(Case::two_bus_example())?;
        read(&network, Table::of("outages.csv", text, CODE)?)
    }

    #[test]
    fn a_line_is_a_set_and_other_columns_are_passed_over() {
        let found = of("source,branches,gens,ls_total\npaper,1,1,0.5\n,,\"1 1\",\n").unwrap();
        assert_eq!((found[0].branches.len(), found[0].units.len()), (1, 1));
        assert_eq!((found[1].branches.len(), found[1].units.len()), (0, 1));
        assert_eq!(of("buses\n2\n").unwrap()[0].buses.len(), 1);
    }

    #[test]
    fn every_id_that_is_not_there_is_told_with_its_line() {
        let told = |text: &str| -> Vec<(String, Option<u32>)> {
            let line = |d: &Diagnostic| d.place.as_ref().and_then(|place| place.line);
            of(text).unwrap_err().0.iter().map(|d| (d.code.to_string(), line(d))).collect()
        };
        assert_eq!(
            told("branches,gens\n1,1\n0 2,\n1,7\n x,1\n"),
            [
                ("cascade.outages.unknown-branch".to_owned(), Some(3)),
                ("cascade.outages.unknown-branch".to_owned(), Some(3)),
                ("cascade.outages.unknown-unit".to_owned(), Some(4)),
                ("cascade.outages.cell".to_owned(), Some(5)),
            ]
        );
        assert_eq!(told("buses\n9\n")[0].0, "cascade.outages.unknown-bus");
        assert_eq!(told("branch\n1\n"), [("cascade.outages.column".to_owned(), Some(1))]);
        assert_eq!(told("branches,gens\n1\n"), [("cascade.outages.cells".to_owned(), Some(2))]);
        assert_eq!(told(""), [("cascade.outages.empty".to_owned(), None)]);
    }
}
