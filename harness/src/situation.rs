//! What a state is to an envelope: of a grid itself, and as a candidate sees it. Of one state both say the same.

use std::collections::{BTreeMap, BTreeSet};

use powerflow::{BranchIdx, BusIdx, BusStatus, Index, Network, UnitIdx};
use reports::envelope::Situation;
use scenarios::Moment;

use crate::grid::Grid;
use crate::observation::{Observations, Observed};

/// Of a grid at a moment. The frequency is none where the suite's does not move.
pub fn of_grid(grid: &Grid, now: Moment) -> Situation {
    let (network, state, solution) = (grid.network(), grid.state(), grid.solution());
    let bus = BusIdx::from_row;
    let live = |row: usize| solution.is_some_and(|s| s.status[bus(row)] == BusStatus::Live);
    let living = grid.frequency();
    Parts {
        network,
        demand_mw: &|row| network.base.from_pu(grid.wanted_p_pu(bus(row))),
        vm_pu: &|row| solution.filter(|_| live(row)).and_then(|s| s.vm_pu(bus(row))),
        frequency_hz: &|row| {
            living.filter(|_| live(row)).and_then(|living| living.measured_hz(bus(row), now))
        },
        branch_on: &|row| state.branch_on[BranchIdx::from_row(row)],
        unit_on: &|row| state.unit_on[UnitIdx::from_row(row)],
    }
    .situation()
}

/// Of one row of an observation.
pub fn of_observation(seen: &Observations, row: usize, network: &Network) -> Situation {
    let of = |observed: Observed| seen.of(observed).row(row);
    let (demand, vm, hz) = (of(Observed::BusPd), of(Observed::BusVm), of(Observed::Frequency));
    let (energised, branches, units) =
        (of(Observed::BusEnergised), of(Observed::BranchStatus), of(Observed::UnitStatus));
    Parts {
        network,
        demand_mw: &|row| demand[row],
        vm_pu: &|row| (energised[row] > 0.5).then_some(vm[row]),
        frequency_hz: &|row| (energised[row] > 0.5).then_some(hz[row]),
        branch_on: &|row| branches[row] > 0.5,
        unit_on: &|row| units[row] > 0.5,
    }
    .situation()
}

/// What a situation is made of, each by row of its element.
struct Parts<'a> {
    network: &'a Network,
    demand_mw: &'a dyn Fn(usize) -> f64,
    vm_pu: &'a dyn Fn(usize) -> Option<f64>,
    frequency_hz: &'a dyn Fn(usize) -> Option<f64>,
    branch_on: &'a dyn Fn(usize) -> bool,
    unit_on: &'a dyn Fn(usize) -> bool,
}

impl Parts<'_> {
    fn situation(&self) -> Situation {
        let network = self.network;
        let buses = network.buses.id.len();
        let (mut file_mw, mut now_mw) = (0.0, 0.0);
        let mut of_area: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
        for (row, bus) in network.case.buses.iter().enumerate().take(buses) {
            let file = network.base.from_pu(network.buses.demand_p_pu[BusIdx::from_row(row)]);
            let now = (self.demand_mw)(row);
            file_mw += file;
            now_mw += now;
            let area = of_area.entry(bus.area).or_default();
            area.0 += file;
            area.1 += now;
        }
        let out = |in_file: &[bool], on: &dyn Fn(usize) -> bool| -> BTreeSet<u32> {
            let rows = in_file.iter().enumerate().filter(|(row, in_file)| **in_file && !on(*row));
            rows.map(|(row, _)| row as u32 + 1).collect()
        };
        let branches = out(network.branches.in_service.as_slice(), self.branch_on);
        let units = out(network.units.in_service.as_slice(), self.unit_on);
        Situation {
            demand: (file_mw != 0.0).then(|| now_mw / file_mw),
            branches_out: Some(branches.len() as f64),
            units_out: Some(units.len() as f64),
            voltage_pu: extremes(buses, self.vm_pu),
            frequency_hz: extremes(buses, self.frequency_hz),
            delay_ms: None,
            areas: of_area
                .into_iter()
                .filter(|(_, (file, _))| *file != 0.0)
                .map(|(area, (file, now))| (area, now / file))
                .collect(),
            branches: Some(branches),
            units: Some(units),
        }
    }
}

/// Lowest and highest of the values that exist.
fn extremes(rows: usize, value: &dyn Fn(usize) -> Option<f64>) -> Option<(f64, f64)> {
    (0..rows).filter_map(value).fold(None, |range: Option<(f64, f64)>, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}
