//! What a study keeps of all outages: counts, the worst of them, and which elements suffer. Blocks are added in the
//! order of the list, so that nothing depends on who was quick.

use std::collections::BTreeMap;

use powerflow::{Index, Network, Summary, Violation};
use reports::contingencies::{
    ContingencyCounts, ContingencyRecord, ContingencyStatus, LOADING_BIN_PCT, LOADING_BINS, OverloadedBranch,
    StrainedBus, ViolationKind,
};
use serde::{Deserialize, Serialize};

use super::list::ends;

/// Outages that the ranking keeps.
const RANKED: usize = 50;
/// Outages that the document lists; of more only the table has all.
pub(super) const ROWS_MAX: u64 = 100_000;

/// How often an element suffered, how badly, and by whose fault.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Suffering {
    outages: u64,
    worst: f64,
    by: u64,
}

/// Which elements suffered in a block, by row; voltages by row and whether the lower limit is meant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sufferers {
    branches: BTreeMap<u32, Suffering>,
    low: BTreeMap<u32, Suffering>,
    high: BTreeMap<u32, Suffering>,
}

impl Sufferers {
    /// Adds what one outage caused.
    pub(super) fn add(&mut self, number: u64, summary: &Summary) {
        for violation in &summary.caused {
            let (map, row, value, upward) = match *violation {
                Violation::Overload(branch, loading) => (&mut self.branches, branch.row(), loading, true),
                Violation::LowVoltage(bus, vm) => (&mut self.low, bus.row(), vm, false),
                Violation::HighVoltage(bus, vm) => (&mut self.high, bus.row(), vm, true),
            };
            let once = Suffering { outages: 1, worst: value, by: number };
            join(map, row as u32, once, upward);
        }
    }

    fn join(&mut self, later: Sufferers) {
        for (ours, theirs, upward) in [
            (&mut self.branches, later.branches, true),
            (&mut self.low, later.low, false),
            (&mut self.high, later.high, true),
        ] {
            for (row, suffering) in theirs {
                join(ours, row, suffering, upward);
            }
        }
    }
}

fn join(map: &mut BTreeMap<u32, Suffering>, row: u32, more: Suffering, upward: bool) {
    let Some(known) = map.get_mut(&row) else {
        map.insert(row, more);
        return;
    };
    known.outages += more.outages;
    // The first of equals stays.
    if (upward && more.worst > known.worst) || (!upward && more.worst < known.worst) {
        (known.worst, known.by) = (more.worst, more.by);
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) counts: ContingencyCounts,
    pub(super) ranking: Vec<ContingencyRecord>,
    pub(super) histogram: Vec<u64>,
    /// All outages, where there is room for them.
    pub(super) rows: Option<Vec<ContingencyRecord>>,
    sufferers: Sufferers,
}

impl Tally {
    pub(super) fn new(outages: u64) -> Self {
        Tally {
            counts: ContingencyCounts::default(),
            ranking: Vec::new(),
            histogram: vec![0; LOADING_BINS],
            rows: (outages <= ROWS_MAX).then(Vec::new),
            sufferers: Sufferers::default(),
        }
    }

    /// Adds the outages of the next block.
    pub(super) fn add(&mut self, rows: Vec<ContingencyRecord>, sufferers: Sufferers) {
        for record in &rows {
            self.counts.add(record);
            if let Some(loading) = record.max_loading_pct {
                let bin = (loading / LOADING_BIN_PCT) as usize;
                self.histogram[bin.min(LOADING_BINS - 1)] += 1;
            }
            self.rank(record);
        }
        self.sufferers.join(sufferers);
        if let Some(all) = &mut self.rows {
            all.extend(rows);
        }
    }

    fn rank(&mut self, record: &ContingencyRecord) {
        if record.status == ContingencyStatus::Dead {
            return;
        }
        let at = self.ranking.partition_point(|worse| worse.worse_first(record).is_lt());
        if at < RANKED {
            self.ranking.insert(at, record.clone());
            self.ranking.truncate(RANKED);
        }
    }

    /// Branches that outages overload, most loaded first.
    pub(super) fn overloaded(&self, network: &Network) -> Vec<OverloadedBranch> {
        let mut found: Vec<OverloadedBranch> = self
            .sufferers
            .branches
            .iter()
            .map(|(row, suffering)| {
                let (from, to) = ends(network, powerflow::BranchIdx::from_row(*row as usize));
                OverloadedBranch {
                    row: row + 1,
                    from,
                    to,
                    outages: suffering.outages,
                    worst_pct: 100.0 * suffering.worst,
                    worst_by: suffering.by,
                }
            })
            .collect();
        found.sort_by(|a, b| b.worst_pct.total_cmp(&a.worst_pct).then(a.row.cmp(&b.row)));
        found
    }

    /// Buses that outages push beyond a limit, furthest first.
    pub(super) fn strained(&self, network: &Network) -> Vec<StrainedBus> {
        let buses = &network.buses;
        let mut found = Vec::new();
        for (kind, limits, sufferers) in [
            (ViolationKind::LowVoltage, &buses.voltage_pu_min, &self.sufferers.low),
            (ViolationKind::HighVoltage, &buses.voltage_pu_max, &self.sufferers.high),
        ] {
            for (row, suffering) in sufferers {
                let bus = powerflow::BusIdx::from_row(*row as usize);
                found.push(StrainedBus {
                    bus: buses.id[bus].0,
                    kind,
                    outages: suffering.outages,
                    worst_pu: suffering.worst,
                    limit_pu: limits[bus],
                    worst_by: suffering.by,
                });
            }
        }
        // A stable sort: equals stay low before high, in file order.
        let depth = |bus: &StrainedBus| (bus.worst_pu - bus.limit_pu).abs();
        found.sort_by(|a, b| depth(b).total_cmp(&depth(a)));
        found
    }
}
