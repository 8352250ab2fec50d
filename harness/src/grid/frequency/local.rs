//! What sets a bus apart from its island: its angle against the centre of inertia jumps when something is switched, and a measurement of
//! frequency, which is the movement of an angle over a window, shows the jump as long as it is within.

use std::collections::VecDeque;
use std::f64::consts::{PI, TAU};

use powerflow::{BusIdx, Index, UnitIdx};
use scenarios::Moment;

use super::Elements;
use crate::grid::device::Seen;

/// A bus without an island.
const NOWHERE: u32 = u32::MAX;

/// Angles of buses against the centre of inertia of their islands, for as long as a window is.
#[derive(Clone, Debug)]
pub(super) struct Angles {
    window_s: f64,
    /// Since when they held, and each bus's, rad; `None` without an island or a machine in it.
    held: VecDeque<(Moment, Vec<Option<f64>>)>,
    on: bool,
}

impl Angles {
    pub(super) fn new(window_s: f64) -> Self {
        Angles { window_s, held: VecDeque::new(), on: false }
    }

    /// Remembers angles from now on: somebody measures within a window of an event.
    pub(super) fn remember(&mut self) {
        self.on = true;
    }

    pub(super) fn look(&mut self, seen: &Seen<'_>, label: &[u32], elements: &Elements) {
        if !self.on {
            return;
        }
        let (network, solution) = (seen.network, seen.solution);
        let weight = |unit: UnitIdx| {
            let data = &elements.units[unit.row()];
            if data.fast.is_some() { 0.0 } else { data.model.inertia_s * data.model.rating_pu }
        };
        let mut sums: Vec<(f64, f64)> = Vec::new();
        for (unit, bus) in network.units.bus.iter().filter(|(unit, _)| seen.state.unit_on[*unit]) {
            let island = label[bus.row()];
            let Some(angle) = solution.va_rad(*bus).filter(|_| island != NOWHERE) else { continue };
            let island = island as usize;
            sums.resize(sums.len().max(island + 1), (0.0, 0.0));
            sums[island].0 += weight(unit) * angle;
            sums[island].1 += weight(unit);
        }
        let angles = network.buses.id.indices().map(|bus| {
            let (sum, weight) = *sums.get(label[bus.row()] as usize)?;
            let angle = solution.va_rad(bus)?;
            (weight > 0.0).then(|| angle - sum / weight)
        });
        self.held.push_back((seen.now, angles.collect()));
        // The last one before the window is still what the window began with.
        let begin = self.begin(seen.now);
        while self.held.len() > 1 && self.held[1].0 <= begin {
            self.held.pop_front();
        }
    }

    fn begin(&self, now: Moment) -> Moment {
        Moment(now.0.saturating_sub((self.window_s * 1e9) as u64))
    }

    /// What a bus's own angle adds to the frequency that it measures over the window that ends at `now`, Hz. What happens at `now` itself is
    /// not in the window.
    pub(super) fn step_hz(&self, bus: BusIdx, now: Moment) -> f64 {
        let begin = self.begin(now);
        let of = |held: &(Moment, Vec<Option<f64>>)| held.1.get(bus.row()).copied().flatten();
        let last = self.held.iter().rev().find(|held| held.0 < now).and_then(of);
        let first = self.held.iter().rev().find(|held| held.0 <= begin).and_then(of);
        match (first, last) {
            (Some(first), Some(last)) => {
                let mut step = last - first;
                step -= TAU * ((step + PI) / TAU).floor();
                step / (TAU * self.window_s)
            }
            _ => 0.0,
        }
    }
}
