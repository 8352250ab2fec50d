//! Customers of every bus: of a table, or assumed from the demand of the file.

use powerflow::{BusIdx, Column, Diagnostic, Diagnostics, Network};

use crate::beside::{Beside, BesideBytes};
use crate::cells::{BUS, Table};

/// Mean demand of a customer where no table says how many there are, kW. Source: the suite's specification; some 10,500 kWh a year, a
/// household of the United States.
pub const AVERAGE_DEMAND_KW: f64 = 1.2;

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Customers {
    /// How many there are at each bus; not negative, and none at a bus without demand.
    pub of_bus: Column<BusIdx, f64>,
    /// Whether they are assumed.
    pub assumed: bool,
}

impl Customers {
    /// One for every 1.2 kW of the demand in the file.
    pub fn assumed(network: &Network) -> Self {
        let of = |demand_pu: &f64| 1000.0 * network.base.from_pu(demand_pu.max(0.0)) / AVERAGE_DEMAND_KW;
        let counts: Vec<f64> = network.buses.demand_p_pu.iter().map(|(_, demand_pu)| of(demand_pu)).collect();
        Customers { of_bus: counts.into(), assumed: true }
    }

    /// Those of the table that lies beside the case, checked also where nobody asks for it; else assumed.
    ///
    /// # Errors
    /// As [`Self::of_table`].
    pub(crate) fn of_suite(network: &Network, beside: &[BesideBytes]) -> Result<Self, Diagnostics> {
        match beside.iter().find(|beside| beside.file.kind == Beside::Customers) {
            Some(table) => {
                let file = table.file.path.display().to_string();
                Self::of_table(network, &file, &String::from_utf8_lossy(&table.bytes))
            }
            None => Ok(Self::assumed(network)),
        }
    }

    /// Those of a table: columns `bus` and `customers`, one row for every bus with demand.
    ///
    /// # Errors
    /// `customers.*` with the line of what is missing, unknown, twice there, or no number of customers.
    fn of_table(network: &Network, file: &str, text: &str) -> Result<Self, Diagnostics> {
        const CODE: &str = "customers";
        let table = Table::of(file, text, CODE)?;
        let columns = (table.need_any(&BUS, CODE), table.need("customers", CODE));
        let (Some(bus), Some(customers)) = columns else {
            return Err(table.finish(()).err().unwrap_or_default());
        };
        let ids: Vec<u64> = network.buses.id.iter().map(|(_, id)| id.0).collect();
        let demands: Vec<f64> = network.buses.demand_p_pu.iter().map(|(_, demand_pu)| *demand_pu).collect();
        let rows = table.of_buses(&ids, &network.name, bus, CODE, |row, at| {
            let count = table.number::<f64>(row, customers, CODE, "how many customers there are")?;
            let wrong = if !(count.is_finite() && count >= 0.0) {
                format!("{count} is no number of customers")
            } else if count > 0.0 && demands[at] <= 0.0 {
                format!(
                    "bus {} has {count} customers and no demand: they could never lose their supply",
                    ids[at]
                )
            } else {
                return Some(count);
            };
            table.complain(Diagnostic::error("customers.range", wrong), Some(row.0));
            None
        });
        let without = (0..ids.len()).find(|at| rows[*at].is_none() && demands[*at] > 0.0);
        if let Some(at) = without {
            let message = format!("bus {} has demand and is not in the table", ids[at]);
            let missing = Diagnostic::error("customers.missing", message);
            table.complain(
                missing.hint("write a row for every bus with demand; 0 customers is a number"),
                None,
            );
        }
        let counts: Vec<f64> = rows.into_iter().map(Option::unwrap_or_default).collect();
        table.finish(Customers { of_bus: counts.into(), assumed: false })
    }

    /// All of them.
    pub fn total(&self) -> f64 {
        self.of_bus.iter().map(|(_, customers)| customers).sum()
    }
}

#[cfg(test)]
mod tests {
    use powerflow::{Case, Network};

    use super::*;

    #[test]
    fn a_table_counts_and_a_demand_stands_in_for_one() {
        let network = Network::build(Case::two_bus_example()).expect("a network");
        let assumed = Customers::assumed(&network);
        let demand_mw: f64 =
            network.buses.demand_p_pu.iter().map(|(_, pu)| network.base.from_pu(pu.max(0.0))).sum();
        assert!(demand_mw > 0.0 && (assumed.total() * 0.0012 - demand_mw).abs() < 1e-9);
        let loaded =
            network.buses.id.indices().find(|bus| network.buses.demand_p_pu[*bus] > 0.0).expect("demand");
        let empty =
            network.buses.id.indices().find(|bus| network.buses.demand_p_pu[*bus] == 0.0).expect("none");
        let (loaded_id, empty_id) = (network.buses.id[loaded], network.buses.id[empty]);
        let read = |text: &str| Customers::of_table(&network, "c.csv", text);
        let counted = read(&format!("bus,customers\n{loaded_id},1250\n{empty_id},0\n")).expect("a table");
        assert_eq!((counted.of_bus[loaded], counted.total(), counted.assumed), (1250.0, 1250.0, false));
        for (text, code) in [
            (format!("bus,customers\n{empty_id},0\n"), "customers.missing"),
            (format!("bus,customers\n{loaded_id},-1\n"), "customers.range"),
            (format!("bus,customers\n{loaded_id},5\n{empty_id},5\n"), "customers.range"),
            (format!("bus,customers\n{loaded_id},many\n"), "customers.cell"),
            (format!("bus,customers\n{loaded_id},5\n{loaded_id},5\n"), "customers.twice"),
            (format!("bus,customers\n{loaded_id},5\n98765,5\n"), "customers.unknown-bus"),
            (format!("bus,people\n{loaded_id},5\n"), "customers.column"),
        ] {
            let complaints = read(&text).expect_err(&text);
            assert!(complaints.0.iter().any(|found| found.code == code), "{text}: {complaints}");
        }
    }
}
