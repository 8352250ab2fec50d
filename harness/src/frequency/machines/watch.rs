//! What is kept of a simulation besides its table: centres of inertia, islands, machines out of step.

use reports::machines::{AngleRecord, DeadBusesRecord, MachineIslandRecord, MachineKeyFigures, Synchronism};

use super::case::{MachineCase, SYSTEM_BASE_MVA};
use super::model::{DELTA, Model, OMEGA, STATES};
use super::network::Reduced;

/// Angle to the centre of inertia of the island that is told, degrees.
const STRAINED_DEG: f64 = 120.0;
/// Angle at which a machine is out of step, degrees. Source: the criterion of `docs/physics/frequency-machines.md`.
const LOST_DEG: f64 = 180.0;
/// Difference of frequency at which islands may be joined, Hz; beyond it the closing is told as a warning.
const JOIN_HZ_MAX: f64 = 0.1;
/// Window of the rate of change of frequency, s. Source: relays of the Irish and British type measure over 500 ms.
const ROCOF_WINDOW_S: f64 = 0.5;
/// The end that settling looks at, s.
const SETTLING_WINDOW_S: f64 = 5.0;
/// Largest movement within it, Hz.
const SETTLING_HZ: f64 = 0.02;

/// Extremes of a frequency, and where it is now.
#[derive(Clone, Debug)]
struct Range {
    nadir: (f64, f64),
    peak: (f64, f64),
    last: (f64, f64),
}

impl Range {
    fn at(t_s: f64, hz: f64) -> Self {
        Self { nadir: (t_s, hz), peak: (t_s, hz), last: (t_s, hz) }
    }

    fn see(&mut self, t_s: f64, hz: f64) {
        if hz < self.nadir.1 {
            self.nadir = (t_s, hz);
        }
        if hz > self.peak.1 {
            self.peak = (t_s, hz);
        }
        self.last = (t_s, hz);
    }
}

/// An island with machines.
#[derive(Clone, Debug)]
struct Island {
    first_bus: usize,
    buses: Vec<usize>,
    machines: Vec<usize>,
    from_s: f64,
    range: Range,
}

/// Buses without a source.
#[derive(Clone, Debug)]
struct Dead {
    buses: Vec<usize>,
    from_s: f64,
}

/// What is kept.
pub(super) struct Watch<'a> {
    case: &'a MachineCase,
    model: &'a Model,
    /// Machines of the centre of inertia that the table shows.
    lasting: Vec<usize>,
    /// That centre over time: time and Hz, after every step.
    trace: Vec<(f64, f64)>,
    islands: Vec<Island>,
    dead: Option<Dead>,
    told_islands: Vec<MachineIslandRecord>,
    told_dead: Vec<DeadBusesRecord>,
    strained_s: Vec<Option<f64>>,
    lost_s: Vec<Option<f64>>,
    /// Whole turns by which a machine's angle is ahead of those it was joined with, rad.
    turns_rad: Vec<f64>,
    pub(super) warnings: Vec<String>,
}

impl<'a> Watch<'a> {
    /// `lasting` are the machines that no event trips.
    pub(super) fn new(case: &'a MachineCase, model: &'a Model, lasting: Vec<usize>) -> Self {
        let n = case.machines.len();
        Self {
            case,
            model,
            lasting,
            trace: Vec::new(),
            islands: Vec::new(),
            dead: None,
            told_islands: Vec::new(),
            told_dead: Vec::new(),
            strained_s: vec![None; n],
            lost_s: vec![None; n],
            turns_rad: vec![0.0; n],
            warnings: Vec::new(),
        }
    }

    /// Mean of a state over machines, weighted by inertia; `None` of no machine.
    fn centre(&self, machines: &[usize], value: impl Fn(usize) -> f64) -> Option<f64> {
        let weight: f64 = machines.iter().map(|m| self.model.inertia_s(*m)).sum();
        let sum: f64 = machines.iter().map(|m| self.model.inertia_s(*m) * value(*m)).sum();
        (weight > 0.0).then(|| sum / weight)
    }

    fn centre_hz(&self, machines: &[usize], states: &[f64]) -> Option<f64> {
        // Deviations are summed, so that rest is exactly nominal.
        let slip = self.centre(machines, |m| states[m * STATES + OMEGA] - 1.0)?;
        Some(self.case.frequency_hz * (1.0 + slip))
    }

    fn centre_rad(&self, machines: &[usize], states: &[f64]) -> Option<f64> {
        self.centre(machines, |m| states[m * STATES + DELTA] - self.turns_rad[m])
    }

    /// Centre of inertia of the machines that last, Hz.
    pub(super) fn frequency_hz(&self, states: &[f64]) -> Option<f64> {
        self.centre_hz(&self.lasting, states)
    }

    /// Notes the states after a step, or at the start.
    pub(super) fn see(&mut self, t_s: f64, states: &[f64]) {
        if let Some(hz) = self.frequency_hz(states) {
            self.trace.push((t_s, hz));
        }
        for at in 0..self.islands.len() {
            let island = &self.islands[at];
            let hz = self.centre_hz(&island.machines, states);
            let centre = self.centre_rad(&island.machines, states).unwrap_or(0.0);
            for m in &island.machines {
                let angle = (states[m * STATES + DELTA] - self.turns_rad[*m] - centre).abs().to_degrees();
                if angle > STRAINED_DEG {
                    self.strained_s[*m].get_or_insert(t_s);
                }
                if angle > LOST_DEG {
                    self.lost_s[*m].get_or_insert(t_s);
                }
            }
            if let Some(hz) = hz {
                self.islands[at].range.see(t_s, hz);
            }
        }
    }

    /// The first machine that fell out of step, and when.
    pub(super) fn first_lost(&self) -> Option<(usize, f64)> {
        let lost = self.lost_s.iter().enumerate().filter_map(|(m, lost)| Some((m, (*lost)?)));
        lost.reduce(|first, other| if other.1 < first.1 { other } else { first })
    }

    /// Notes the islands of a topology, from this time on.
    pub(super) fn switched(&mut self, t_s: f64, reduced: &Reduced, states: &[f64]) {
        let islands = self.partition(t_s, reduced, states);
        let dead: Vec<usize> = (0..self.case.buses.len())
            .filter(|bus| self.case.buses[*bus].in_service && reduced.island_of_bus[*bus].is_none())
            .collect();
        let same = |a: &Island, b: &Island| a.buses == b.buses && a.machines == b.machines;
        let unchanged = islands.len() == self.islands.len()
            && islands.iter().zip(&self.islands).all(|(new, old)| same(new, old));
        if !unchanged {
            let before = std::mem::take(&mut self.islands);
            for island in &islands {
                self.joined(t_s, island, &before, states);
            }
            // Those that stay as they are go on; the others end here.
            let kept = |new: &Island| before.iter().find(|old| same(new, old)).cloned();
            self.islands = islands.iter().map(|new| kept(new).unwrap_or_else(|| new.clone())).collect();
            for old in before.iter().filter(|old| !islands.iter().any(|new| same(new, old))) {
                self.tell_island(t_s, old);
            }
        }
        if self.dead.as_ref().map_or(&[][..], |dead| &dead.buses) != dead.as_slice() {
            if let Some(dead) = self.dead.take() {
                self.tell_dead(t_s, &dead);
            }
            self.dead = (!dead.is_empty()).then_some(Dead { buses: dead, from_s: t_s });
        }
    }

    fn partition(&self, t_s: f64, reduced: &Reduced, states: &[f64]) -> Vec<Island> {
        let mut roots: Vec<usize> = reduced.island_of_machine.iter().flatten().copied().collect();
        roots.sort_unstable();
        roots.dedup();
        let of = |column: &[Option<usize>], root: usize| {
            (0..column.len()).filter(|at| column[*at] == Some(root)).collect::<Vec<_>>()
        };
        (roots.into_iter())
            .filter_map(|root| {
                let machines = of(&reduced.island_of_machine, root);
                let hz = self.centre_hz(&machines, states)?;
                Some(Island {
                    first_bus: root,
                    buses: of(&reduced.island_of_bus, root),
                    machines,
                    from_s: t_s,
                    range: Range::at(t_s, hz),
                })
            })
            .collect()
    }

    /// Where an island is made of several, their angles are counted from the same turn, and a rough closing is told.
    fn joined(&mut self, t_s: f64, island: &Island, before: &[Island], states: &[f64]) {
        let part = |old: &Island| -> Vec<usize> {
            old.machines.iter().copied().filter(|m| island.machines.contains(m)).collect()
        };
        let mut parts: Vec<Vec<usize>> = before.iter().map(part).filter(|part| !part.is_empty()).collect();
        let inertia = |part: &[usize]| part.iter().map(|m| self.model.inertia_s(*m)).sum::<f64>();
        parts.sort_by(|a, b| inertia(b).total_cmp(&inertia(a)));
        let Some((heaviest, others)) = parts.split_first() else { return };
        for other in others {
            let hz = |part: &[usize]| self.centre_hz(part, states).unwrap_or(self.case.frequency_hz);
            let rad = |part: &[usize]| self.centre_rad(part, states).unwrap_or(0.0);
            let (apart_hz, apart_rad) = (hz(other) - hz(heaviest), rad(other) - rad(heaviest));
            let turn = 2.0 * std::f64::consts::PI;
            let turns = (apart_rad / turn).round() * turn;
            for m in other {
                self.turns_rad[*m] += turns;
            }
            if apart_hz.abs() >= JOIN_HZ_MAX {
                self.warnings.push(format!(
                    "at {t_s} s islands were joined that were {:.3} Hz and {:.1} degrees apart: no synchronising device would \
                     have closed above {JOIN_HZ_MAX} Hz",
                    apart_hz.abs(),
                    (apart_rad - turns).abs().to_degrees()
                ));
            }
        }
    }

    fn tell_island(&mut self, to_s: f64, island: &Island) {
        let id = |m: &usize| self.case.machines[*m].id.clone();
        self.told_islands.push(MachineIslandRecord {
            from_s: island.from_s,
            to_s,
            first_bus: self.case.buses[island.first_bus].id.clone(),
            buses: island.buses.len() as u32,
            machines: island.machines.iter().map(id).collect(),
            end_hz: island.range.last.1,
            nadir_hz: island.range.nadir.1,
            nadir_s: island.range.nadir.0,
            peak_hz: island.range.peak.1,
            peak_s: island.range.peak.0,
        });
    }

    fn tell_dead(&mut self, to_s: f64, dead: &Dead) {
        let on = |load: &&super::case::Load| load.in_service && dead.buses.contains(&load.bus);
        let demand_pu: f64 = self.case.loads.iter().filter(on).map(|load| load.p_pu).sum();
        self.told_dead.push(DeadBusesRecord {
            from_s: dead.from_s,
            to_s,
            buses: dead.buses.iter().map(|bus| self.case.buses[*bus].id.clone()).collect(),
            demand_mw: SYSTEM_BASE_MVA * demand_pu,
        });
    }

    /// Ends all that is open, and returns islands and dead buses in the order in which they formed.
    pub(super) fn end(&mut self, t_s: f64) -> (Vec<MachineIslandRecord>, Vec<DeadBusesRecord>) {
        for island in std::mem::take(&mut self.islands) {
            self.tell_island(t_s, &island);
        }
        if let Some(dead) = self.dead.take() {
            self.tell_dead(t_s, &dead);
        }
        let mut islands = std::mem::take(&mut self.told_islands);
        islands.sort_by(|a, b| a.from_s.total_cmp(&b.from_s));
        (islands, std::mem::take(&mut self.told_dead))
    }

    /// Machines that left their centre, and the worst that happened.
    pub(super) fn angles(&self) -> (Vec<AngleRecord>, Synchronism) {
        let record = |(m, strained): (usize, &Option<f64>)| {
            Some(AngleRecord {
                machine: self.case.machines[m].id.clone(),
                strained_s: (*strained)?,
                lost_s: self.lost_s[m],
            })
        };
        let angles: Vec<AngleRecord> = self.strained_s.iter().enumerate().filter_map(record).collect();
        let worst = if angles.iter().any(|angle| angle.lost_s.is_some()) {
            Synchronism::Lost
        } else if angles.is_empty() {
            Synchronism::Kept
        } else {
            Synchronism::Strained
        };
        (angles, worst)
    }

    /// Key figures of the machines that last; `first_event_s` is when things begin to happen.
    pub(super) fn key_figures(&self, first_event_s: Option<f64>) -> Option<MachineKeyFigures> {
        let (first, rest) = self.trace.split_first()?;
        let mut range = Range::at(first.0, first.1);
        rest.iter().for_each(|(t, hz)| range.see(*t, *hz));
        let steepest = (self.trace.iter())
            .filter_map(|(t, hz)| Some((*t, (self.at(t + ROCOF_WINDOW_S)? - hz) / ROCOF_WINDOW_S)))
            .reduce(|worst, slope| if slope.1.abs() > worst.1.abs() { slope } else { worst });
        let after_event =
            first_event_s.and_then(|t| Some((self.at(t + ROCOF_WINDOW_S)? - self.at(t)?) / ROCOF_WINDOW_S));
        let (end_s, end_hz) = range.last;
        let late: Vec<f64> =
            self.trace.iter().filter(|(t, _)| *t >= end_s - SETTLING_WINDOW_S).map(|(_, hz)| *hz).collect();
        let low = late.iter().copied().fold(end_hz, f64::min);
        let high = late.iter().copied().fold(end_hz, f64::max);
        let watched = end_s - first_event_s.unwrap_or(0.0) >= SETTLING_WINDOW_S;
        let settled = watched && high - low <= SETTLING_HZ;
        Some(MachineKeyFigures {
            nadir_hz: range.nadir.1,
            nadir_s: range.nadir.0,
            peak_hz: range.peak.1,
            peak_s: range.peak.0,
            end_hz,
            settling_hz: settled.then(|| late.iter().sum::<f64>() / late.len() as f64),
            rocof_hz_per_s: steepest.map(|slope| slope.1),
            rocof_s: steepest.map(|slope| slope.0),
            rocof_after_event_hz_per_s: after_event,
        })
    }

    /// The trace at a time within it, between steps along a straight line.
    fn at(&self, t_s: f64) -> Option<f64> {
        let next = self.trace.partition_point(|(t, _)| *t < t_s - 1e-12);
        let (t1, hz1) = *self.trace.get(next)?;
        let Some((t0, hz0)) = next.checked_sub(1).map(|before| self.trace[before]) else { return Some(hz1) };
        let span = t1 - t0;
        Some(if span > 0.0 { hz0 + (hz1 - hz0) * ((t_s - t0) / span) } else { hz1 })
    }
}
