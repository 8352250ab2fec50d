//! The frequencies of one grid: which islands there are, which of them move, and what follows from it.

use std::collections::BTreeSet;
use std::sync::Arc;

use powerflow::{BusIdx, BusStatus, Index, Network, State, UnitIdx};
use scenarios::Moment;

use super::Elements;
use super::energy::{Store, stores};
use super::local::Angles;
use super::transient::{Sums, Transient, Units};
use crate::cascade::Cause;
use crate::frequency::{Death, FrequencyCause, FrequencyEvent, FrequencyEventKind, RANGE_PU};
use crate::grid::device::{Act, Operation, Seen, after};
use crate::grid::protection::frequency::components;

/// A bus without an island.
const NOWHERE: u32 = u32::MAX;
/// Buses have one bit for each stage.
const STAGES: usize = u16::BITS as usize;

/// Demand behind what is served.
#[derive(Clone, Copy, Debug)]
pub(in crate::grid) struct Demanded<'a> {
    /// What each bus wants, as a factor on the file's demand.
    pub(in crate::grid) factor: &'a [f64],
    /// Whether it has jumped since the last look; otherwise its changes are slow, and dispatch follows.
    pub(in crate::grid) jumped: bool,
}

/// What the frequency has done to the grid.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::grid) struct Done {
    /// For the grid to carry out.
    pub(in crate::grid) operations: Vec<Operation>,
    /// Set-points that devices changed themselves: a unit and the power that it adds, pu.
    pub(in crate::grid) dispatch: Vec<(UnitIdx, f64)>,
    /// Islands that were joined although their frequencies differed by so much, Hz, by their first bus.
    pub(in crate::grid) unsynchronised: Vec<(BusIdx, f64)>,
}

/// The curve of one island's frequency, for the record.
#[derive(Clone, Debug, PartialEq)]
pub struct FrequencyCurve {
    /// First bus of the island.
    pub first: BusIdx,
    /// Seconds since the episode began, and Hz.
    pub points: Vec<(f64, f64)>,
}

/// One island.
#[derive(Clone, Debug)]
struct Island {
    first: BusIdx,
    /// Where its frequency moves or has moved; `None` at rest at nominal.
    transient: Option<Box<Transient>>,
    sums: Sums,
    /// What no unit can provide, pu.
    unmet: f64,
    /// It has no source of frequency; its units are about to leave.
    lost: bool,
}

/// What will happen.
#[derive(Clone, Debug)]
struct Pending {
    at: Moment,
    done: Done,
}

/// The state before the present one.
#[derive(Clone, Debug)]
struct Before {
    unit_p: Vec<f64>,
    scheduled: Vec<f64>,
    factor: Vec<f64>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Frequency {
    elements: Arc<Elements>,
    nominal_hz: f64,
    base_mva: f64,
    /// Units with their buses.
    unit_bus: Arc<[(UnitIdx, BusIdx)]>,
    islands: Vec<Island>,
    /// Island of each bus.
    label: Vec<u32>,
    before: Option<Before>,
    pending: Vec<Pending>,
    /// Stages that have operated at each bus, a bit each; empty until one has.
    used: Vec<u16>,
    stages_done: u32,
    /// What islands that are gone have seen: lowest, highest, largest slope.
    lowest_hz: f64,
    highest_hz: f64,
    rocof_hz_per_s: f64,
    curves: Vec<FrequencyCurve>,
    keeps_curves: bool,
    angles: Angles,
    stores: Vec<Store>,
    /// Islands that were joined although their frequencies differed.
    unsynchronised: u32,
}

/// Units as a state has them.
struct Standing<'a> {
    state: &'a State,
    network: &'a Network,
    label: &'a [u32],
    island: u32,
}

impl Units for Standing<'_> {
    fn runs(&self, unit: UnitIdx) -> bool {
        self.state.unit_on[unit] && self.label[self.network.units.bus[unit].row()] == self.island
    }

    fn scheduled(&self, unit: UnitIdx) -> f64 {
        self.state.unit_p_pu[unit]
    }
}

impl Frequency {
    /// A grid at rest.
    pub(in crate::grid) fn new(elements: &Arc<Elements>, network: &Network) -> Self {
        let nominal_hz = network.frequency_hz;
        Frequency {
            elements: Arc::clone(elements),
            nominal_hz,
            base_mva: network.base.from_pu(1.0),
            unit_bus: network.units.bus.iter().map(|(unit, bus)| (unit, *bus)).collect(),
            islands: Vec::new(),
            label: vec![NOWHERE; network.buses.id.len()],
            before: None,
            pending: Vec::new(),
            used: Vec::new(),
            stages_done: 0,
            lowest_hz: nominal_hz,
            highest_hz: nominal_hz,
            rocof_hz_per_s: 0.0,
            curves: Vec::new(),
            keeps_curves: false,
            angles: Angles::new(elements.settings.measuring_window_s),
            stores: stores(elements, network),
            unsynchronised: 0,
        }
    }

    /// Keeps the curve of every island for the record.
    pub(crate) fn keep_curves(&mut self) {
        self.keeps_curves = true;
    }

    /// Remembers angles: somebody measures frequencies within a window of an event.
    pub(crate) fn remember_angles(&mut self) {
        self.angles.remember();
    }

    /// Takes notice of a new state, which holds from `now` on.
    pub(in crate::grid) fn look(&mut self, seen: &Seen<'_>, demanded: Demanded<'_>) {
        let (label, mut islands) = self.map(seen, demanded);
        if self.before.is_some() {
            if self.islands.iter().any(|island| island.transient.is_some()) {
                self.hand_over(seen, &label, &mut islands);
            }
            for (i, island) in islands.iter_mut().enumerate() {
                let units =
                    Standing { state: seen.state, network: seen.network, label: &label, island: i as u32 };
                if let Some(transient) = &mut island.transient {
                    transient.follow(seen.now, island.sums, self.nominal_hz, self.base_mva, &units);
                } else if self.has_lived(i, &label) && self.is_disturbed(island, &units) {
                    self.start(seen.now, island, &units);
                }
                if island.lost {
                    let units = seen.network.units.bus.indices().filter(|unit| units.runs(*unit));
                    let trip = |unit| Operation {
                        act: Act::Trip(unit),
                        cause: Cause::NoInertia,
                        value: None,
                        limit: None,
                    };
                    let done = Done { operations: units.map(trip).collect(), ..Done::default() };
                    self.pending.push(Pending { at: seen.now, done });
                }
            }
        }
        self.islands = islands;
        self.label = label;
        self.angles.look(seen, &self.label, &self.elements);
        for store in &mut self.stores {
            let on = seen.state.unit_on[store.unit];
            store.look(seen.now, if on { seen.state.unit_p_pu[store.unit] } else { store.schedule() });
        }
        self.before = Some(Before {
            unit_p: seen.solution.unit_p_pu.as_slice().to_vec(),
            scheduled: seen.state.unit_p_pu.as_slice().to_vec(),
            factor: demanded.factor.to_vec(),
        });
    }

    /// The islands of a state, by their first bus, and to which each bus belongs.
    fn map(&self, seen: &Seen<'_>, demanded: Demanded<'_>) -> (Vec<u32>, Vec<Island>) {
        let (network, state, solution) = (seen.network, seen.state, seen.solution);
        let root = components(seen);
        let mut label = vec![NOWHERE; root.len()];
        let mut islands: Vec<Island> = Vec::new();
        let before = self.before.as_ref().map(|before| before.factor.as_slice());
        let slow = before.filter(|factor| !demanded.jumped && *factor != demanded.factor);
        for bus in network.buses.id.indices().filter(|bus| solution.status[*bus] == BusStatus::Live) {
            let row = bus.row();
            // The root of an island is its first bus, so it has been seen before the others.
            if root[row] as usize == row {
                label[row] = islands.len() as u32;
                islands.push(Island {
                    first: bus,
                    transient: None,
                    sums: Sums::default(),
                    unmet: 0.0,
                    lost: false,
                });
            }
            label[row] = label[root[row] as usize];
            let sums = &mut islands[label[row] as usize].sums;
            let of_file = network.buses.demand_p_pu[bus];
            let wanted = of_file * demanded.factor[row];
            let served = state.demand_p_pu[bus];
            sums.load += served.max(0.0);
            sums.wanted += wanted.max(0.0);
            if let Some(before) = slow
                && wanted != 0.0
            {
                sums.followed += of_file * (demanded.factor[row] - before[row]) * (served / wanted);
            }
        }
        for (unit, bus) in network.units.bus.iter().filter(|(unit, _)| state.unit_on[*unit]) {
            if let Some(island) = islands.get_mut(label[bus.row()] as usize) {
                island.sums.electric += solution.unit_p_pu[unit];
            }
        }
        for of_solution in &solution.islands {
            if let Some(island) = islands.get_mut(label[of_solution.reference.row()] as usize) {
                island.unmet = of_solution.unmet_pu;
                island.sums.electric += of_solution.unmet_pu;
            }
        }
        (label, islands)
    }

    /// Whether something of an island was live before; one that comes to life does so in balance.
    fn has_lived(&self, island: usize, label: &[u32]) -> bool {
        self.label.iter().zip(label).any(|(was, is)| *is == island as u32 && *was != NOWHERE)
    }

    /// Whether an island that was in balance is out of it by more than dispatch follows.
    fn is_disturbed(&self, island: &Island, units: &Standing<'_>) -> bool {
        let Some(before) = &self.before else { return false };
        let mut given = island.sums.followed;
        for unit in units.network.units.bus.indices().filter(|unit| units.runs(*unit)) {
            let row = unit.row();
            given += before.unit_p[row];
            if self.elements.is_fast(row) {
                given += units.scheduled(unit) - before.scheduled[row];
            }
        }
        let least = (self.elements.settings.smallest_share * island.sums.load).max(10.0 * BALANCED_PU);
        (given - island.sums.electric).abs() > least
    }

    /// Wakes an island that was in balance.
    fn start(&self, now: Moment, island: &mut Island, units: &Standing<'_>) {
        let Some(before) = &self.before else { return };
        let of = |unit: UnitIdx| ((unit, before.unit_p[unit.row()]), before.scheduled[unit.row()]);
        let running = units.network.units.bus.indices().filter(|unit| units.runs(*unit));
        let begin: Vec<_> = running.map(of).collect();
        let used = |stage: usize| self.used_share(stage, units);
        let made =
            Transient::new(&self.elements, self.nominal_hz, self.base_mva, now, &begin, island.sums, used);
        match made {
            Some(mut transient) => {
                if self.keeps_curves {
                    transient.keep_curve();
                }
                transient.follow(now, island.sums, self.nominal_hz, self.base_mva, units);
                island.transient = Some(Box::new(transient));
            }
            None => island.lost = true,
        }
    }

    /// Which share of an island's demand has no relay left for a stage.
    fn used_share(&self, stage: usize, units: &Standing<'_>) -> f64 {
        if self.used.is_empty() || stage >= STAGES {
            return 0.0;
        }
        let (mut used, mut all) = (0.0, 0.0);
        for (bus, demand) in units.network.buses.demand_p_pu.iter() {
            if units.label[bus.row()] == units.island {
                all += demand.max(0.0);
                used += if self.used[bus.row()] >> stage & 1 == 1 { demand.max(0.0) } else { 0.0 };
            }
        }
        if all > 0.0 { used / all } else { 0.0 }
    }

    /// Hands frequencies that move from the islands before to those of now: through splits and closures.
    fn hand_over(&mut self, seen: &Seen<'_>, label: &[u32], islands: &mut [Island]) {
        let mut parents: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); islands.len()];
        for (was, is) in self.label.iter().zip(label) {
            if *was != NOWHERE && *is != NOWHERE {
                parents[*is as usize].insert(*was as usize);
            }
        }
        let mut old = std::mem::take(&mut self.islands);
        let rests: Vec<bool> = old.iter().map(|island| island.transient.is_none()).collect();
        let mut heirs: Vec<Vec<Transient>> = vec![Vec::new(); islands.len()];
        for (at, island) in old.iter_mut().enumerate() {
            let Some(transient) = island.transient.take() else { continue };
            let children: Vec<usize> = (0..islands.len()).filter(|i| parents[*i].contains(&at)).collect();
            match children[..] {
                [] => self.retire(island.first, &transient),
                [only] => heirs[only].push(*transient),
                _ => {
                    self.retire(island.first, &transient);
                    let loads: Vec<f64> = children.iter().map(|i| islands[*i].sums.load).collect();
                    let part_of = |unit: UnitIdx| {
                        let of = label[seen.network.units.bus[unit].row()];
                        children.iter().position(|child| *child as u32 == of)
                    };
                    let parts = transient.split(children.len(), &loads, &part_of);
                    for (child, part) in children.into_iter().zip(parts) {
                        match part {
                            Some(mut part) => {
                                part.track.curve.clear();
                                heirs[child].push(part);
                            }
                            None => islands[child].lost = parents[child].len() == 1,
                        }
                    }
                }
            }
        }
        for (i, mut heirs) in heirs.into_iter().enumerate() {
            if heirs.is_empty() {
                continue;
            }
            for parent in parents[i].iter().filter(|parent| rests[**parent]) {
                heirs.extend(self.resting(seen, label, i, *parent));
            }
            // The heaviest keeps its clock and its relays; of equals the first.
            let heaviest = (0..heirs.len()).fold(0, |best, k| {
                let inertia = |k: usize| heirs[k].frequency.inertia_s();
                if inertia(k) > inertia(best) { k } else { best }
            });
            let mut joined = heirs.swap_remove(heaviest);
            for other in heirs {
                let apart = |t: &Transient| t.frequency.frequency_hz();
                let (a, b) = (apart(&joined), apart(&other));
                self.retire(islands[i].first, &other);
                if !joined.join(other, seen.now) {
                    self.unsynchronised += 1;
                    let differs = a.zip(b).map(|(a, b)| (islands[i].first, (a - b).abs()));
                    let done = Done { unsynchronised: differs.into_iter().collect(), ..Done::default() };
                    self.pending.push(Pending { at: seen.now, done });
                }
            }
            islands[i].transient = Some(Box::new(joined));
        }
        self.islands = old;
    }

    /// The part of an island that comes from one which was at rest, as it stood before.
    fn resting(&self, seen: &Seen<'_>, label: &[u32], island: usize, parent: usize) -> Option<Transient> {
        let before = self.before.as_ref()?;
        let (network, state) = (seen.network, seen.state);
        let own = |bus: BusIdx| label[bus.row()] == island as u32 && self.label[bus.row()] == parent as u32;
        let runs = |unit: &UnitIdx| state.unit_on[*unit] && own(network.units.bus[*unit]);
        let of = |unit: UnitIdx| ((unit, before.unit_p[unit.row()]), before.scheduled[unit.row()]);
        let begin: Vec<_> = network.units.bus.indices().filter(runs).map(of).collect();
        let load = network.buses.id.indices().filter(|bus| own(*bus));
        let load = load.map(|bus| state.demand_p_pu[bus].max(0.0)).sum();
        let sums = Sums { load, wanted: load, ..Sums::default() };
        Transient::new(&self.elements, self.nominal_hz, self.base_mva, seen.now, &begin, sums, |_| 0.0)
    }

    /// Remembers what an island that is no more has seen.
    fn retire(&mut self, first: BusIdx, transient: &Transient) {
        let (lowest, highest) = transient.extremes();
        self.lowest_hz = self.lowest_hz.min(lowest.frequency_hz);
        self.highest_hz = self.highest_hz.max(highest.frequency_hz);
        self.rocof_hz_per_s = self.rocof_hz_per_s.max(transient.track.rocof);
        if transient.track.curve.len() > 1 {
            self.curves.push(FrequencyCurve { first, points: transient.track.curve.clone() });
        }
    }

    /// Lets time pass until `until`, or until something happens before it: that moment.
    pub(in crate::grid) fn advance(&mut self, until: Moment) -> Option<Moment> {
        if let Some(next) = self.pending.iter().map(|pending| pending.at).min() {
            return Some(next);
        }
        let rest_s = self.elements.settings.restored_after_s;
        let restored = self.islands.iter().filter(|island| island.unmet.abs() < BALANCED_PU);
        let restored = restored.filter_map(|island| island.transient.as_ref());
        let restored = restored.map(|transient| after(transient.disturbed, rest_s)).min();
        let empty = self.stores.iter().filter_map(Store::empty_at).min();
        let apart = restored.into_iter().chain(empty).min();
        let until = apart.map_or(until, |apart| apart.min(until));
        let moving: Vec<usize> = (0..self.islands.len())
            .filter(|i| self.islands[*i].transient.as_ref().is_some_and(|t| !t.is_at_rest()))
            .collect();
        // Several islands: how far one may go is known when all have been asked, so the earlier ones go again from where they were.
        let mut first: Option<Moment> = None;
        let mut found: Vec<(usize, Moment, Vec<FrequencyEvent>)> = Vec::new();
        let alone = moving.len() == 1;
        let mut backups: Vec<(usize, Box<Transient>)> = Vec::new();
        for i in moving {
            let limit = first.unwrap_or(until);
            let Some(transient) = &mut self.islands[i].transient else { continue };
            if !alone {
                backups.push((i, transient.clone()));
            }
            if let Some((at, events)) = transient.advance(limit) {
                if first.is_some_and(|first| at < first) {
                    found.clear();
                }
                first = Some(first.map_or(at, |first| first.min(at)));
                found.push((i, at, events));
            }
        }
        if let Some(at) = first {
            for (i, backup) in backups {
                if !found.iter().any(|(of, ..)| *of == i) {
                    let mut again = backup;
                    if let Some((at, events)) = again.advance(at) {
                        found.push((i, at, events));
                    }
                    self.islands[i].transient = Some(again);
                }
            }
        }
        found.sort_by_key(|(i, at, _)| (*at, *i));
        for (i, at, events) in found {
            let done = self.consequences(i, events);
            self.pending.push(Pending { at, done });
        }
        first.into_iter().chain(apart).min()
    }

    /// Does what is due at `now`.
    pub(in crate::grid) fn act(&mut self, now: Moment) -> Done {
        let mut all = Done::default();
        for pending in &mut self.pending {
            if pending.at <= now {
                all.operations.append(&mut pending.done.operations);
                all.dispatch.append(&mut pending.done.dispatch);
                all.unsynchronised.append(&mut pending.done.unsynchronised);
            }
        }
        self.pending.retain(|pending| pending.at > now);
        for store in &self.stores {
            if store.empty_at().is_some_and(|at| at <= now) {
                all.dispatch.push((store.unit, -store.above_pu()));
            }
        }
        let rest_s = self.elements.settings.restored_after_s;
        for i in 0..self.islands.len() {
            let island = &mut self.islands[i];
            let is_due = |t: &Transient| after(t.disturbed, rest_s) <= now;
            if island.unmet.abs() < BALANCED_PU
                && let Some(transient) = island.transient.take_if(|transient| is_due(transient))
            {
                let first = island.first;
                self.retire(first, &transient);
            }
        }
        all
    }

    /// What events of an island do to the grid.
    fn consequences(&mut self, island: usize, events: Vec<FrequencyEvent>) -> Done {
        let mut done = Done::default();
        let own: Vec<BusIdx> = (0..self.label.len())
            .filter(|row| self.label[*row] == island as u32)
            .map(BusIdx::from_row)
            .collect();
        for event in events {
            let value = Some(event.frequency_hz);
            match event.kind {
                FrequencyEventKind::Shed { stage, threshold_hz, .. } => {
                    let Some(transient) = &self.islands[island].transient else { continue };
                    let Some(&stage) = transient.stages.get(stage) else { continue };
                    let share = self.elements.settings.stages[stage].share;
                    self.used.resize(self.label.len(), 0);
                    self.stages_done += 1;
                    for &bus in &own {
                        let bit = 1u16 << stage.min(STAGES - 1);
                        let used = &mut self.used[bus.row()];
                        if *used & bit == 0 {
                            *used |= bit;
                            done.operations.push(Operation {
                                act: Act::Shed(bus, share),
                                cause: Cause::Ufls,
                                value,
                                limit: Some(threshold_hz),
                            });
                        }
                    }
                }
                FrequencyEventKind::UnitTripped { unit, cause, limit, .. } => {
                    let unit = self.islands[island].transient.as_ref().and_then(|t| t.unit(unit));
                    done.operations.extend(unit.map(|unit| Operation {
                        act: Act::Trip(unit),
                        cause: match cause {
                            FrequencyCause::UnderFrequency => Cause::UnderFrequency,
                            FrequencyCause::OverFrequency => Cause::OverFrequency,
                            FrequencyCause::Rocof => Cause::Rocof,
                        },
                        value,
                        limit: Some(limit),
                    }));
                }
                FrequencyEventKind::ResponseFired { response, power_pu } => {
                    let transient = self.islands[island].transient.as_mut();
                    done.dispatch.extend(transient.and_then(|t| t.fired(response, power_pu)));
                }
                FrequencyEventKind::LimitBroken { .. } => {}
                FrequencyEventKind::Dead(death) => {
                    // Whoever is left leaves: nothing holds a frequency that is beyond every machine's range, or that nobody has.
                    let gone = death == Death::NoSource;
                    let low = event.frequency_hz < self.nominal_hz;
                    let limit = self.nominal_hz * if low { 1.0 - RANGE_PU } else { 1.0 + RANGE_PU };
                    let cause = match low {
                        _ if gone => Cause::NoInertia,
                        true => Cause::UnderFrequency,
                        false => Cause::OverFrequency,
                    };
                    self.islands[island].lost = true;
                    let units = self.unit_bus.iter().filter(|(_, bus)| own.binary_search(bus).is_ok());
                    let trip = |(unit, _): &(UnitIdx, BusIdx)| Operation {
                        act: Act::Trip(*unit),
                        cause,
                        value: value.filter(|_| !gone),
                        limit: Some(limit).filter(|_| !gone),
                    };
                    done.operations.extend(units.map(trip));
                }
            }
        }
        done
    }

    /// Whether a bus is in an island that has a frequency.
    fn island_of(&self, bus: BusIdx) -> Option<&Island> {
        self.islands.get(self.label[bus.row()] as usize).filter(|island| !island.lost)
    }

    /// Frequency of the centre of inertia of a bus's island, Hz; `None` where the bus has none. Not what the bus measures.
    pub fn island_hz(&self, bus: BusIdx) -> Option<f64> {
        let island = self.island_of(bus)?;
        match &island.transient {
            None => Some(self.nominal_hz),
            Some(transient) => transient.frequency.frequency_hz(),
        }
    }

    /// The frequency that a bus measures at a moment, Hz: its island's averaged over the window, and what the bus's own angle moved
    /// against the centre of inertia within it. `None` where the bus has no frequency.
    pub fn measured_hz(&self, bus: BusIdx, now: Moment) -> Option<f64> {
        let island = self.island_of(bus)?;
        let mean = match &island.transient {
            None => self.nominal_hz,
            Some(transient) => transient.frequency.mean_hz(self.elements.settings.measuring_window_s)?,
        };
        Some(mean + self.angles.step_hz(bus, now))
    }

    /// The slope of a bus's frequency over its window, Hz/s; `None` where the bus has no frequency.
    pub fn measured_rocof_hz_per_s(&self, bus: BusIdx) -> Option<f64> {
        match &self.island_of(bus)?.transient {
            None => Some(0.0),
            Some(transient) => transient.frequency.rocof_hz_per_s(),
        }
    }

    /// Energy that a fast device has left at a moment, pu s; `None` where it has no end.
    pub fn energy_left_pu_s(&self, unit: UnitIdx, now: Moment) -> Option<f64> {
        self.stores.iter().find(|store| store.unit == unit).map(|store| store.left_pu_s(now))
    }

    /// Lowest frequency of any island so far, Hz.
    pub fn lowest_hz(&self) -> f64 {
        let moving = self.islands.iter().filter_map(|island| island.transient.as_ref());
        moving.map(|t| t.extremes().0.frequency_hz).fold(self.lowest_hz, f64::min)
    }

    /// Highest frequency of any island so far, Hz.
    pub fn highest_hz(&self) -> f64 {
        let moving = self.islands.iter().filter_map(|island| island.transient.as_ref());
        moving.map(|t| t.extremes().1.frequency_hz).fold(self.highest_hz, f64::max)
    }

    /// Largest magnitude of a measured slope of any island so far, Hz/s.
    pub fn rocof_hz_per_s(&self) -> f64 {
        let moving = self.islands.iter().filter_map(|island| island.transient.as_ref());
        moving.map(|t| t.track.rocof).fold(self.rocof_hz_per_s, f64::max)
    }

    /// The frequency furthest from nominal among the islands that have one, Hz, if all of them are at rest; `None` otherwise.
    pub fn settled_hz(&self) -> Option<f64> {
        let mut furthest = None;
        for island in self.islands.iter().filter(|island| !island.lost) {
            let hz = match &island.transient {
                None => self.nominal_hz,
                Some(transient) if transient.is_at_rest() => transient.frequency.frequency_hz()?,
                Some(_) => return None,
            };
            let off = |hz: f64| (hz - self.nominal_hz).abs();
            furthest = Some(furthest.map_or(hz, |best| if off(hz) > off(best) { hz } else { best }));
        }
        furthest
    }

    /// Stages of load shedding that have operated, counted for each island.
    pub fn stages_done(&self) -> u32 {
        self.stages_done
    }

    /// Islands that were joined although their frequencies differed by more than [`crate::frequency::SYNCHRONISM_HZ`].
    pub fn unsynchronised(&self) -> u32 {
        self.unsynchronised
    }

    /// The curves so far, where they are kept, by their beginning and first bus.
    pub fn curves(&self) -> Vec<FrequencyCurve> {
        let moving =
            self.islands.iter().filter_map(|island| Some((island.first, island.transient.as_ref()?)));
        let curves = moving.map(|(first, t)| FrequencyCurve { first, points: t.track.curve.clone() });
        let all = self.curves.iter().cloned().chain(curves);
        let mut all: Vec<FrequencyCurve> = all.filter(|curve| curve.points.len() > 1).collect();
        all.sort_by(|a, b| a.points[0].0.total_cmp(&b.points[0].0).then(a.first.cmp(&b.first)));
        all
    }
}

/// Imbalances below this are rounding, pu.
const BALANCED_PU: f64 = 1e-7;
