//! Automatic generation control: each area sees how far its exchange and the frequency are from their schedule, and every few seconds
//! moves the schedules of its units against it.
//!
//! `ACE = (T - T0) + 10 B (f - f0)`, MW, with B positive in MW per 0.1 Hz: below zero the area has too little generation. B is what
//! the area's own units answer a frequency with, `10 B = sum P_max / (R f0)`, so that an area answers for its own imbalance alone.
//! (Demand answers too, but here only once no unit can: see [`frequency`].)
//!
//! Sources: NERC BAL-001-2 and BAL-005-1 (ACE; a scan at least every 6 s), BAL-002-3 (contingency reserve: a loss of 80 % of the
//! largest unit, recovered within 15 min); P. Kundur, Power System Stability and Control, 1994, section 11.1.6.

use std::sync::Arc;

use powerflow::{BranchIdx, BusIdx, BusStatus, Column, Index, Network, UnitIdx};
use scenarios::Moment;

use crate::cascade::Cause;
use crate::grid::device::{Act, Device, Operation, Seen, seconds_between};
use crate::grid::protection::frequency;

/// Settings of every area.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Between two commands, s.
    pub cycle_s: f64,
    /// In so many seconds an imbalance falls to 1/e of itself where nothing limits the units.
    pub time_constant_s: f64,
    /// Below this share of the area's demand nothing is commanded.
    pub deadband: f64,
    /// Regulation may move so much of the area's demand either way; more only after a contingency.
    pub regulation: f64,
    /// A shortfall beyond this share of the area's largest unit is a contingency: reserve is called.
    pub contingency: f64,
    /// Reserve that it may call, as a share of the largest unit.
    pub reserve: f64,
    /// Ramp of a unit for which neither file nor suite has one, as a share of its largest power per minute.
    pub ramp_share_per_min: f64,
    /// Units that hold energy, ascending by unit.
    pub storage: Vec<Storage>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            cycle_s: 4.0,
            time_constant_s: 60.0,
            deadband: 5e-4,
            regulation: 0.01,
            contingency: 0.8,
            reserve: 1.0,
            ramp_share_per_min: 0.05,
            storage: Vec::new(),
        }
    }
}

/// A unit whose energy is limited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Storage {
    /// The unit.
    pub unit: UnitIdx,
    /// Energy that it can hold, MWh.
    pub energy_mwh: f64,
    /// Energy at the beginning, MWh.
    pub initial_mwh: f64,
}

/// One area.
#[derive(Clone, Debug, PartialEq)]
struct Area {
    /// Units that follow commands: those with some range, ascending.
    units: Vec<UnitIdx>,
    /// Its buses, ascending.
    buses: Vec<BusIdx>,
    /// Branches to other areas; whether the from end is this area's.
    ties: Vec<(BranchIdx, bool)>,
    /// Scheduled export, pu.
    export_pu: f64,
    /// Power for frequency: pu per Hz.
    bias_pu_per_hz: f64,
    /// Largest unit, pu.
    largest_pu: f64,
    /// Demand in the file, pu.
    demand_pu: f64,
}

/// The areas of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Elements {
    settings: Settings,
    frequency: frequency::Settings,
    areas: Vec<Area>,
    /// Ramp of each unit, pu per minute.
    ramp_pu_per_min: Column<UnitIdx, f64>,
}

impl Elements {
    /// The areas of the file, in the order of their numbers. What crosses a border in the undisturbed state is the schedule; where that
    /// state has no solution, what the file schedules, else nothing.
    pub fn new(
        network: &Network,
        settings: Settings,
        frequency: frequency::Settings,
        base: Option<&Seen<'_>>,
    ) -> Self {
        let number = |bus: BusIdx| network.case.buses.get(bus.row()).map_or(0, |bus| bus.area);
        let mut numbers: Vec<u64> = network.buses.id.indices().map(number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let (units, branches) = (&network.units, &network.branches);
        let p_max = |unit: UnitIdx| Some(units.p_max_pu[unit]).filter(|p| *p > 0.0 && p.is_finite());
        let area = |area: u64| {
            let buses: Vec<BusIdx> = network.buses.id.indices().filter(|bus| number(*bus) == area).collect();
            let own: Vec<UnitIdx> =
                units.bus.iter().filter(|(_, bus)| number(**bus) == area).map(|(unit, _)| unit).collect();
            let tie = |(branch, from): (BranchIdx, &BusIdx)| {
                let ends = (number(*from) == area, number(branches.to[branch]) == area);
                (ends.0 != ends.1).then_some((branch, ends.0))
            };
            let ties: Vec<(BranchIdx, bool)> = branches.from.iter().filter_map(tie).collect();
            let demand_pu = buses.iter().map(|bus| network.buses.demand_p_pu[*bus].max(0.0)).sum();
            let running = own.iter().filter(|unit| units.in_service[**unit]).filter_map(|unit| p_max(*unit));
            let (capacity, largest_pu) = running.fold((0.0, 0.0f64), |(sum, most), p| (sum + p, most.max(p)));
            let of_file = network.controls.areas.iter().find(|control| control.number == area);
            let scheduled = of_file.map_or(0.0, |control| control.export_pu);
            Area {
                units: own.into_iter().filter(|u| units.p_max_pu[*u] > units.p_min_pu[*u]).collect(),
                export_pu: base.map_or(scheduled, |base| export_pu(base, &ties)),
                bias_pu_per_hz: capacity / (frequency.droop * network.frequency_hz),
                buses,
                ties,
                largest_pu,
                demand_pu,
            }
        };
        let areas = numbers.into_iter().map(area).collect();
        let ramp = |unit: UnitIdx| {
            let of_range = || settings.ramp_share_per_min * p_max(unit).unwrap_or(0.0);
            units.ramp_pu_per_min[unit].unwrap_or_else(of_range)
        };
        Elements { ramp_pu_per_min: units.bus.indices().map(ramp).collect(), areas, frequency, settings }
    }

    /// This control, at rest.
    pub fn control(self: &Arc<Self>, network: &Network) -> Agc {
        let base = network.base;
        Agc {
            stored_pu_s: self.settings.storage.iter().map(|s| base.to_pu(s.initial_mwh) * 3600.0).collect(),
            capacity_pu_s: self.settings.storage.iter().map(|s| base.to_pu(s.energy_mwh) * 3600.0).collect(),
            delivered_pu: vec![0.0; self.settings.storage.len()],
            areas: vec![Standing::default(); self.areas.len()],
            elements: Arc::clone(self),
            since: Moment(0),
            commands: Vec::new(),
            due: None,
            exhausted: None,
        }
    }
}

/// What leaves an area over its ties, pu.
fn export_pu(seen: &Seen<'_>, ties: &[(BranchIdx, bool)]) -> f64 {
    let leaving = |(branch, from): &(BranchIdx, bool)| {
        if !seen.state.branch_on[*branch] {
            0.0
        } else if *from {
            seen.flows.p_from_pu[*branch]
        } else {
            seen.flows.p_to_pu[*branch]
        }
    };
    ties.iter().map(leaving).sum()
}

/// How an area stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Standing {
    /// What its units were moved by, all together, since the last contingency, pu.
    moved_pu: f64,
    /// Whether it calls reserve.
    contingency: bool,
}

/// The generation control of one grid.
#[derive(Clone, Debug)]
pub struct Agc {
    elements: Arc<Elements>,
    areas: Vec<Standing>,
    since: Moment,
    /// What will be commanded: area, unit, schedule (pu) and by how much it moves; and the area's ACE, pu.
    commands: Vec<Command>,
    due: Option<Moment>,
    stored_pu_s: Vec<f64>,
    capacity_pu_s: Vec<f64>,
    delivered_pu: Vec<f64>,
    /// When the next storage is empty or full, and which.
    exhausted: Option<(Moment, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Command {
    area: usize,
    unit: UnitIdx,
    schedule_pu: f64,
    by_pu: f64,
    ace_mw: f64,
}

/// Commands below this are rounding, pu.
const COMMAND_PU_MIN: f64 = 1e-9;

impl Agc {
    /// The frequency of each bus, Hz, where it has one.
    fn frequencies(&self, seen: &Seen<'_>) -> Column<BusIdx, Option<f64>> {
        let mut hz = Column::filled(None, seen.network.buses.id.len());
        for island in frequency::of_islands(&self.elements.frequency, seen) {
            for bus in island.buses {
                hz[bus] = Some(island.hz);
            }
        }
        hz
    }

    fn command(&mut self, seen: &Seen<'_>) {
        let hz = self.frequencies(seen);
        let elements = Arc::clone(&self.elements);
        let settings = &elements.settings;
        let share = -libm::expm1(-settings.cycle_s / settings.time_constant_s);
        self.commands.clear();
        for (number, (area, standing)) in elements.areas.iter().zip(&mut self.areas).enumerate() {
            let units = &seen.network.units;
            let runs = |unit: &&UnitIdx| {
                seen.state.unit_on[**unit] && seen.solution.status[units.bus[**unit]] == BusStatus::Live
            };
            let size = |unit: &&UnitIdx| units.p_max_pu[**unit];
            // Frequency is measured where most of the area's generation is; what is cut off from there follows nobody.
            let Some(leader) = area.units.iter().filter(runs).max_by(|a, b| size(a).total_cmp(&size(b)))
            else {
                continue;
            };
            let Some(own_hz) = hz[units.bus[*leader]] else { continue };
            let off_hz = own_hz - seen.network.frequency_hz;
            let ace = export_pu(seen, &area.ties) - area.export_pu + area.bias_pu_per_hz * off_hz;
            if ace.abs() <= settings.deadband * area.demand_pu {
                *standing = Standing::default();
                continue;
            }
            standing.contingency |= ace < -settings.contingency * area.largest_pu;
            let most = settings.regulation * area.demand_pu
                + if standing.contingency { settings.reserve * area.largest_pu } else { 0.0 };
            let wanted = (-share * ace).clamp(-most - standing.moved_pu, most - standing.moved_pu);
            let follows = |unit: &&UnitIdx| hz[units.bus[**unit]].is_some_and(|hz| hz == own_hz);
            let reach = |unit: &UnitIdx| {
                let now = seen.state.unit_p_pu[*unit];
                let ramp = elements.ramp_pu_per_min[*unit] * settings.cycle_s / 60.0;
                let room =
                    if wanted > 0.0 { units.p_max_pu[*unit] - now } else { now - units.p_min_pu[*unit] };
                room.max(0.0).min(ramp)
            };
            let followers: Vec<UnitIdx> = area.units.iter().filter(runs).filter(follows).copied().collect();
            // Participation by what each can do in a cycle: all of them ramp for equally long.
            let all: f64 = followers.iter().map(reach).sum();
            let part = if all > 0.0 { (wanted.abs() / all).min(1.0) } else { 0.0 };
            for unit in followers {
                let by_pu = wanted.signum() * part * reach(&unit);
                if by_pu.abs() > COMMAND_PU_MIN {
                    let schedule_pu = seen.state.unit_p_pu[unit] + by_pu;
                    let ace_mw = seen.network.base.from_pu(ace);
                    self.commands.push(Command { area: number, unit, schedule_pu, by_pu, ace_mw });
                }
            }
        }
    }

    /// Books what storages delivered since the last look, and finds the next one to be empty or full.
    fn book_storage(&mut self, seen: &Seen<'_>) {
        let passed_s = seconds_between(self.since, seen.now);
        self.since = seen.now;
        self.exhausted = None;
        for (at, storage) in self.elements.settings.storage.iter().enumerate() {
            let stored = &mut self.stored_pu_s[at];
            *stored = (*stored - self.delivered_pu[at] * passed_s).clamp(0.0, self.capacity_pu_s[at]);
            let on = seen.state.unit_on[storage.unit];
            let p = if on { seen.solution.unit_p_pu[storage.unit] } else { 0.0 };
            self.delivered_pu[at] = p;
            let left_s = if p > 0.0 {
                *stored / p
            } else if p < 0.0 {
                (self.capacity_pu_s[at] - *stored) / -p
            } else {
                continue;
            };
            let when = crate::grid::device::after(seen.now, left_s);
            if self.exhausted.is_none_or(|(first, _)| when < first) {
                self.exhausted = Some((when, at));
            }
        }
    }
}

impl Device for Agc {
    fn look(&mut self, seen: &Seen<'_>) {
        self.book_storage(seen);
        self.command(seen);
        let cycle = (self.elements.settings.cycle_s * 1e9).max(1.0) as u64;
        // Commands go out on the control's own clock, whenever the state changed.
        let next = Moment((seen.now.0 / cycle + 1).saturating_mul(cycle));
        self.due = (!self.commands.is_empty()).then_some(next);
    }

    fn next(&self) -> Option<Moment> {
        self.due.into_iter().chain(self.exhausted.map(|(when, _)| when)).min()
    }

    fn act(&mut self, now: Moment, asked: &mut Vec<Operation>) {
        if let Some((_, at)) = self.exhausted.filter(|(when, _)| *when <= now) {
            self.exhausted = None;
            let unit = self.elements.settings.storage[at].unit;
            // What no longer has energy leaves; it does not come back within an episode.
            let (act, cause) = (Act::Trip(unit), Cause::EnergyLimit);
            asked.push(Operation { act, cause, value: None, limit: None });
        }
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            for command in self.commands.drain(..) {
                self.areas[command.area].moved_pu += command.by_pu;
                let act = Act::Redispatch(command.unit, command.schedule_pu);
                let value = Some(command.ace_mw);
                asked.push(Operation { act, cause: Cause::Agc, value, limit: Some(0.0) });
            }
        }
    }
}
