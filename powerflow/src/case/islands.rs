//! Which buses of a case hang together, and which of them have a source.

use std::collections::BTreeMap;

use crate::case::{BusKind, Case, CaseBranch, CaseUnit};
use crate::index::BusId;

/// One connected part of a case, isolated buses left out.
pub(super) struct Island {
    /// Rows of its buses, ascending.
    pub(super) buses: Vec<usize>,
    /// Whether a running unit holds a voltage in it.
    pub(super) live: bool,
}

/// Rows by bus number, and connectivity.
pub(super) struct Islands {
    rows: BTreeMap<BusId, usize>,
    /// By their first bus.
    pub(super) all: Vec<Island>,
}

impl Islands {
    /// Finds the islands that the in-service branches form; elements at unknown or isolated buses do not count.
    pub(super) fn of(case: &Case) -> Self {
        let mut rows = BTreeMap::new();
        for (row, bus) in case.buses.iter().enumerate() {
            rows.entry(bus.id).or_insert(row);
        }
        let mut islands = Islands { rows, all: Vec::new() };
        let mut parent: Vec<usize> = (0..case.buses.len()).collect();
        for branch in case.branches.iter().filter(|b| b.in_service) {
            if let Some((from, to)) = islands.ends(case, branch) {
                let (a, b) = (root(&mut parent, from), root(&mut parent, to));
                // The smaller row is the root, so that an island is found by its first bus.
                parent[a.max(b)] = a.min(b);
            }
        }
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for row in 0..case.buses.len() {
            if case.buses[row].kind != BusKind::Isolated {
                members.entry(root(&mut parent, row)).or_default().push(row);
            }
        }
        let mut live = vec![false; case.buses.len()];
        for unit in &case.units {
            if let Some(row) = islands.source(case, unit) {
                live[root(&mut parent, row)] = true;
            }
        }
        islands.all = members.into_iter().map(|(first, buses)| Island { buses, live: live[first] }).collect();
        islands
    }

    /// Row of a bus number.
    pub(super) fn row(&self, bus: BusId) -> Option<usize> {
        self.rows.get(&bus).copied()
    }

    /// Row of a bus number, where that bus is in service.
    pub(super) fn connected(&self, case: &Case, bus: BusId) -> Option<usize> {
        self.row(bus).filter(|&row| case.buses[row].kind != BusKind::Isolated)
    }

    /// Rows of both ends of a branch, where both are in service.
    pub(super) fn ends(&self, case: &Case, branch: &CaseBranch) -> Option<(usize, usize)> {
        Some((self.connected(case, branch.from)?, self.connected(case, branch.to)?))
    }

    /// Row of the bus whose voltage this unit holds.
    pub(super) fn source(&self, case: &Case, unit: &CaseUnit) -> Option<usize> {
        let row = self.connected(case, unit.bus)?;
        let holds = matches!(case.buses[row].kind, BusKind::Pv | BusKind::Reference);
        (unit.in_service && unit.regulates && holds).then_some(row)
    }

    /// Bus numbers of the file, ascending.
    pub(super) fn ids(&self) -> Vec<u64> {
        self.rows.keys().map(|id| id.0).collect()
    }
}

fn root(parent: &mut [usize], mut row: usize) -> usize {
    while parent[row] != row {
        parent[row] = parent[parent[row]];
        row = parent[row];
    }
    row
}
