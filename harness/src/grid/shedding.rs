//! Demand of every bus: what it wants, and which share of that has been shed by which cause.

use powerflow::{BusIdx, Index, Network};

use crate::cascade::{Cause, Shed};

/// Causes that shed demand at a bus while its island lives, or with the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShedCause {
    Ufls,
    Uvls,
    Collapse,
    BusOutage,
    Manual,
}

impl ShedCause {
    pub(super) const LIST: [ShedCause; 5] =
        [ShedCause::Ufls, ShedCause::Uvls, ShedCause::Collapse, ShedCause::BusOutage, ShedCause::Manual];

    /// Where the demand that a device sheds for this reason is booked.
    pub(super) fn booked(cause: Cause) -> Self {
        match cause {
            Cause::Ufls => ShedCause::Ufls,
            Cause::Uvls => ShedCause::Uvls,
            Cause::Collapse => ShedCause::Collapse,
            _ => ShedCause::Manual,
        }
    }

    /// Its entry in the books.
    pub(super) fn of(self, shed: &mut Shed) -> &mut f64 {
        match self {
            ShedCause::Ufls => &mut shed.ufls_mw,
            ShedCause::Uvls => &mut shed.uvls_mw,
            ShedCause::Collapse => &mut shed.collapse_mw,
            ShedCause::BusOutage => &mut shed.bus_outage_mw,
            ShedCause::Manual => &mut shed.manual_mw,
        }
    }
}

/// Shares of what a bus wants, by cause.
pub(super) type Shares = [f64; ShedCause::LIST.len()];

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Demand {
    /// What each bus wants, as a factor on the file's demand.
    pub(super) factor: Vec<f64>,
    /// What has been shed at each bus; empty until something has.
    shed: Vec<Shares>,
    /// What the voltage makes of the active and reactive demand of each bus; empty until it makes anything of any.
    of_voltage: Vec<[f64; 2]>,
}

impl Demand {
    /// All that the file says is wanted, and served.
    pub(super) fn of(network: &Network) -> Self {
        Demand { factor: vec![1.0; network.buses.id.len()], shed: Vec::new(), of_voltage: Vec::new() }
    }

    /// The multiples of its active and reactive demand that a bus draws at its present voltage. What is not drawn for that is not shed:
    /// it is served at the voltage that there is.
    pub(super) fn of_voltage(&self, bus: BusIdx) -> [f64; 2] {
        self.of_voltage.get(bus.row()).copied().unwrap_or([1.0; 2])
    }

    /// Sets them.
    pub(super) fn follow_voltage(&mut self, bus: BusIdx, factor: [f64; 2]) {
        if self.of_voltage.is_empty() {
            self.of_voltage.resize(self.factor.len(), [1.0; 2]);
        }
        self.of_voltage[bus.row()] = factor;
    }

    /// Shares shed at a bus.
    pub(super) fn shed_at(&self, bus: BusIdx) -> Shares {
        self.shed.get(bus.row()).copied().unwrap_or_default()
    }

    /// The share of what a bus wants that is not shed.
    pub(super) fn kept(&self, bus: BusIdx) -> f64 {
        match self.shed.get(bus.row()) {
            None => 1.0,
            Some(shares) => (1.0 - shares.iter().sum::<f64>()).max(0.0),
        }
    }

    /// Sheds a share of what a bus wants, as far as it is kept; returns what was shed.
    pub(super) fn shed(&mut self, bus: BusIdx, cause: ShedCause, share: f64) -> f64 {
        let share = share.min(self.kept(bus));
        if share <= 0.0 {
            return 0.0;
        }
        if self.shed.is_empty() {
            self.shed.resize(self.factor.len(), Shares::default());
        }
        self.shed[bus.row()][cause as usize] += share;
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_shed_than_there_is() {
        let mut demand = Demand { factor: vec![1.0; 2], shed: Vec::new(), of_voltage: Vec::new() };
        let bus = BusIdx::from_row(1);
        assert_eq!(demand.kept(bus), 1.0);
        assert_eq!(demand.shed(bus, ShedCause::Uvls, 0.75), 0.75);
        assert_eq!(demand.shed(bus, ShedCause::Ufls, 0.5), 0.25);
        assert_eq!(demand.shed(bus, ShedCause::Collapse, 0.5), 0.0);
        assert_eq!((demand.kept(bus), demand.kept(BusIdx::from_row(0))), (0.0, 1.0));
        assert_eq!(demand.shed_at(bus), [0.25, 0.75, 0.0, 0.0, 0.0]);
    }
}
