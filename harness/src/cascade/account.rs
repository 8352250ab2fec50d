//! Demand, and where it went.

/// Demand lost, MW, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shed {
    /// By under-frequency relays.
    pub ufls_mw: f64,
    /// By under-voltage relays.
    pub uvls_mw: f64,
    /// To make a state without solution solvable.
    pub collapse_mw: f64,
    /// On islands without a source.
    pub island_dead_mw: f64,
    /// On islands for which no solver found an answer.
    pub unsolved_mw: f64,
    /// Connected to a bus that was taken out.
    pub bus_outage_mw: f64,
    /// By a decision of an operator or a candidate.
    pub manual_mw: f64,
}

impl Shed {
    /// All causes, in the order of the fields.
    pub fn total_mw(&self) -> f64 {
        self.by_cause().iter().map(|(_, mw)| mw).sum()
    }

    /// Both together, entry by entry.
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        Shed {
            ufls_mw: self.ufls_mw + other.ufls_mw,
            uvls_mw: self.uvls_mw + other.uvls_mw,
            collapse_mw: self.collapse_mw + other.collapse_mw,
            island_dead_mw: self.island_dead_mw + other.island_dead_mw,
            unsolved_mw: self.unsolved_mw + other.unsolved_mw,
            bus_outage_mw: self.bus_outage_mw + other.bus_outage_mw,
            manual_mw: self.manual_mw + other.manual_mw,
        }
    }

    /// Every entry times a factor: another unit.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Shed {
            ufls_mw: self.ufls_mw * factor,
            uvls_mw: self.uvls_mw * factor,
            collapse_mw: self.collapse_mw * factor,
            island_dead_mw: self.island_dead_mw * factor,
            unsolved_mw: self.unsolved_mw * factor,
            bus_outage_mw: self.bus_outage_mw * factor,
            manual_mw: self.manual_mw * factor,
        }
    }

    /// Every cause by its name in documents, in the order of the fields.
    pub fn by_cause(&self) -> [(&'static str, f64); 7] {
        [
            ("ufls", self.ufls_mw),
            ("uvls", self.uvls_mw),
            ("collapse", self.collapse_mw),
            ("island_dead", self.island_dead_mw),
            ("unsolved", self.unsolved_mw),
            ("bus_outage", self.bus_outage_mw),
            ("manual", self.manual_mw),
        ]
    }
}

/// The load of a cascade: what there was is what is served and what was shed, at every moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Account {
    /// Demand before the outage, MW.
    pub initial_load_mw: f64,
    /// Demand served at the end, MW.
    pub served_mw: f64,
    /// Demand lost, by cause.
    pub shed: Shed,
}

impl Account {
    /// By how much the books do not close, MW: zero but for rounding.
    pub fn imbalance_mw(&self) -> f64 {
        self.initial_load_mw - self.served_mw - self.shed.total_mw()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_counted() {
        let shed = Shed {
            ufls_mw: 1.0,
            uvls_mw: 2.0,
            collapse_mw: 4.0,
            island_dead_mw: 8.0,
            unsolved_mw: 16.0,
            bus_outage_mw: 32.0,
            manual_mw: 64.0,
        };
        assert_eq!(shed.total_mw(), 127.0);
        assert_eq!(Account { initial_load_mw: 130.0, served_mw: 3.0, shed }.imbalance_mw(), 0.0);
    }
}
