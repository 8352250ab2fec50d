//! What is lost at the beginning.

use powerflow::{BranchIdx, BusIdx, Diagnostic, Diagnostics, Index, Network, UnitIdx};

/// Elements that fail together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outage {
    /// Branches, ascending, each once.
    pub branches: Vec<BranchIdx>,
    /// Units, ascending, each once.
    pub units: Vec<UnitIdx>,
    /// Buses, ascending, each once: with their demand, shunts, units and every branch that ends there.
    pub buses: Vec<BusIdx>,
}

impl Outage {
    /// Reads `branch:9,gen:3,bus:12`: branches and units by their 1-based row in the file, buses by the file's number.
    ///
    /// # Errors
    /// Every element that is not one of the network's, and every word that names none.
    pub fn parse(network: &Network, text: &str) -> Result<Self, Diagnostics> {
        let mut outage = Outage::default();
        let mut complaints = Diagnostics::default();
        let mut complain = |code: &'static str, message: String, hint: String| {
            complaints.push(Diagnostic::error(code, message).hint(hint));
        };
        let (branches, units) = (network.branches.from.len(), network.units.bus.len());
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let (kind, id) = word.split_once(':').unwrap_or(("", word));
            let row = |count: usize| {
                id.parse::<usize>().ok().filter(|row| (1..=count).contains(row)).map(|row| row - 1)
            };
            match kind {
                "branch" => match row(branches) {
                    Some(row) => outage.branches.push(BranchIdx::from_row(row)),
                    None => complain(
                        "cascade.outage.unknown-branch",
                        format!("there is no branch {id}"),
                        format!("branches are numbered by their row in the file, 1 to {branches}"),
                    ),
                },
                "gen" => match row(units) {
                    Some(row) => outage.units.push(UnitIdx::from_row(row)),
                    None => complain(
                        "cascade.outage.unknown-unit",
                        format!("there is no generator {id}"),
                        format!("generators are numbered by their row in the file, 1 to {units}"),
                    ),
                },
                "bus" => match network.buses.id.iter().find(|(_, bus)| bus.0.to_string() == id) {
                    Some((bus, _)) => outage.buses.push(bus),
                    None => complain(
                        "cascade.outage.unknown-bus",
                        format!("there is no bus {id}"),
                        "buses go by the number that the file gives them".to_owned(),
                    ),
                },
                _ => complain(
                    "cascade.outage.unknown-word",
                    format!("\"{word}\" names no element"),
                    "write branch:ROW, gen:ROW or bus:NUMBER, with commas between them".to_owned(),
                ),
            }
        }
        complaints.into_result(outage.in_order())
    }

    /// The same with every list ascending and without repetitions.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        self.branches.sort_unstable();
        self.branches.dedup();
        self.units.sort_unstable();
        self.units.dedup();
        self.buses.sort_unstable();
        self.buses.dedup();
        self
    }
}
