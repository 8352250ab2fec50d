//! A moment in time: everything that may differ between two power flows of one network.

use std::sync::Arc;

use crate::index::{BranchIdx, BusIdx, Column, Index, ShuntIdx, UnitIdx};
use crate::network::Network;

/// One of the two busbars of a substation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Busbar {
    /// The first, where everything is in the file.
    #[default]
    One,
    /// The second, empty until an element is moved there.
    Two,
}

/// Which busbar of its bus every element is connected to. A [`crate::Plan`] belongs to a topology and is cached by it;
/// switching an element in or out is not a change of topology but a patch. An empty list means all on the first busbar.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Topology {
    branch_ends: Vec<(Busbar, Busbar)>,
    units: Vec<Busbar>,
    demands: Vec<Busbar>,
    shunts: Vec<Busbar>,
}

impl Topology {
    /// Every element on the first busbar of its bus, as in the file.
    pub fn unsplit() -> Self {
        Topology::default()
    }

    /// Busbars of a branch's from and to end.
    pub fn branch_ends(&self, branch: BranchIdx) -> (Busbar, Busbar) {
        self.branch_ends.get(branch.row()).copied().unwrap_or_default()
    }

    /// Busbar of a unit.
    pub fn unit(&self, unit: UnitIdx) -> Busbar {
        self.units.get(unit.row()).copied().unwrap_or_default()
    }

    /// Busbar of a bus's demand.
    pub fn demand(&self, bus: BusIdx) -> Busbar {
        self.demands.get(bus.row()).copied().unwrap_or_default()
    }

    /// Busbar of a shunt.
    pub fn shunt(&self, shunt: ShuntIdx) -> Busbar {
        self.shunts.get(shunt.row()).copied().unwrap_or_default()
    }

    /// The same with a branch's ends on these busbars of their buses.
    #[must_use]
    pub fn with_branch_ends(mut self, branch: BranchIdx, ends: (Busbar, Busbar)) -> Self {
        place(&mut self.branch_ends, branch.row(), ends);
        self
    }

    /// The same with a unit on this busbar of its bus.
    #[must_use]
    pub fn with_unit(mut self, unit: UnitIdx, busbar: Busbar) -> Self {
        place(&mut self.units, unit.row(), busbar);
        self
    }

    /// The same with the demand of a bus on this busbar.
    #[must_use]
    pub fn with_demand(mut self, bus: BusIdx, busbar: Busbar) -> Self {
        place(&mut self.demands, bus.row(), busbar);
        self
    }

    /// The same with a shunt on this busbar of its bus.
    #[must_use]
    pub fn with_shunt(mut self, shunt: ShuntIdx, busbar: Busbar) -> Self {
        place(&mut self.shunts, shunt.row(), busbar);
        self
    }

    /// Whether everything is on the first busbar of its bus.
    pub fn is_unsplit(&self) -> bool {
        *self == Topology::unsplit()
    }

    /// Buses with anything on their second busbar, ascending.
    pub(crate) fn second_busbars(&self, network: &Network) -> Vec<BusIdx> {
        let mut split = vec![false; network.buses.id.len()];
        let mut mark = |bus: BusIdx, busbar: Busbar| split[bus.row()] |= busbar == Busbar::Two;
        for (i, (from, to)) in self.branch_ends.iter().enumerate() {
            mark(network.branches.from[BranchIdx::from_row(i)], *from);
            mark(network.branches.to[BranchIdx::from_row(i)], *to);
        }
        for (i, busbar) in self.units.iter().enumerate() {
            mark(network.units.bus[UnitIdx::from_row(i)], *busbar);
        }
        for (i, busbar) in self.demands.iter().enumerate() {
            mark(BusIdx::from_row(i), *busbar);
        }
        for (i, busbar) in self.shunts.iter().enumerate() {
            mark(network.shunts.bus[ShuntIdx::from_row(i)], *busbar);
        }
        (0..split.len()).filter(|row| split[*row]).map(BusIdx::from_row).collect()
    }
}

/// Replaces a row. Lists end at the last row that is not on the first busbar, so that equal topologies are equal lists, and
/// one that was split and merged again is the unsplit one.
fn place<T: Copy + Default + PartialEq>(rows: &mut Vec<T>, row: usize, value: T) {
    if rows.len() <= row {
        rows.resize(row + 1, T::default());
    }
    rows[row] = value;
    let used = rows.iter().rposition(|value| *value != T::default()).map_or(0, |last| last + 1);
    rows.truncate(used);
}

/// Injections, switches, set-points and taps: what the file gives at first, and what events and actions change.
#[derive(Clone, Debug)]
pub struct State {
    /// Busbars.
    pub topology: Arc<Topology>,
    /// Active demand of each bus, pu, positive consumes.
    pub demand_p_pu: Column<BusIdx, f64>,
    /// Reactive demand of each bus, pu, positive consumes.
    pub demand_q_pu: Column<BusIdx, f64>,
    /// Scheduled active power of each unit, pu; not counted while the unit is off.
    pub unit_p_pu: Column<UnitIdx, f64>,
    /// Lowest active power that the balance may move each unit to now, pu (its minimum, and how far it can ramp).
    pub unit_p_low_pu: Column<UnitIdx, f64>,
    /// Highest active power that the balance may move each unit to now, pu.
    pub unit_p_high_pu: Column<UnitIdx, f64>,
    /// Voltage set-point of each unit, pu.
    pub unit_v_set_pu: Column<UnitIdx, f64>,
    /// Whether each unit runs.
    pub unit_on: Column<UnitIdx, bool>,
    /// Whether each branch is connected.
    pub branch_on: Column<BranchIdx, bool>,
    /// Turns ratio of each branch.
    pub tap_ratio: Column<BranchIdx, f64>,
    /// Step of each shunt; 0 is out.
    pub shunt_step: Column<ShuntIdx, u32>,
    /// Susceptance to ground at each bus beside its shunts, pu, positive injects; `None` where there is none anywhere.
    pub susceptance_pu: Option<Arc<Column<BusIdx, f64>>>,
    /// Buses whose angle is held, each in its island, where a running unit holds its voltage; the first of the list where
    /// several share an island. With a single slack they take up the imbalance. An island without one has the file's.
    pub references: Vec<BusIdx>,
    /// What each branch may carry now as a share of its rating in the file; `None` where that is all of it.
    pub rating_factor: Option<Arc<Column<BranchIdx, f64>>>,
}

impl State {
    /// What a branch may carry now, pu; `None` where the file gives no rating.
    pub fn rating_pu(&self, network: &Network, branch: BranchIdx) -> Option<f64> {
        network.branches.rating_pu[branch].map(|rating| rating * self.rating_share(branch))
    }

    /// The same as a share of the rating in the file.
    pub fn rating_share(&self, branch: BranchIdx) -> f64 {
        self.rating_factor.as_ref().map_or(1.0, |factor| factor[branch])
    }

    /// The operating point in the file.
    pub(crate) fn of(network: &Network) -> Self {
        let units = &network.units;
        State {
            topology: Arc::new(Topology::unsplit()),
            demand_p_pu: network.buses.demand_p_pu.clone(),
            demand_q_pu: network.buses.demand_q_pu.clone(),
            unit_p_pu: units.p_pu.clone(),
            // A file may schedule a unit outside its own range: the balance must not make that worse, nor mend it unasked.
            unit_p_low_pu: units.p_min_pu.iter().map(|(u, low)| low.min(units.p_pu[u])).collect(),
            unit_p_high_pu: units.p_max_pu.iter().map(|(u, high)| high.max(units.p_pu[u])).collect(),
            unit_v_set_pu: units.v_set_pu.clone(),
            unit_on: units.in_service.clone(),
            branch_on: network.branches.in_service.clone(),
            tap_ratio: network.branches.tap_ratio.clone(),
            shunt_step: network.shunts.step.clone(),
            susceptance_pu: None,
            references: Vec::new(),
            rating_factor: None,
        }
    }
}
