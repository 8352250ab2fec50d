//! Time within a step: events of the scenario and devices that act by themselves, each at its own moment.

use powerflow::{BranchIdx, BusIdx, BusStatus, Index, Rung, Solution, UnitIdx};
use scenarios::Moment;

use super::device::{Act, Operation, Seen};
use super::frequency::Demanded;
use super::protection::frequency::Balance;
use super::shedding::ShedCause;
use super::{Grid, Life};
use crate::cascade::{Cause, Trip, Tripped};

/// Something that happened by itself, and which rung had answered the power flow that showed it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logged {
    /// What, when and why.
    pub trip: Trip,
    /// Who solved the state that it was seen in; `None` where nobody did.
    pub rung: Option<Rung>,
}

impl Grid {
    /// Everything that acted by itself so far, in order.
    pub fn log(&self) -> &[Logged] {
        &self.log
    }

    /// Power flows solved.
    pub fn solves(&self) -> u64 {
        self.solves
    }

    /// Power flows by the rung that answered, in the order of [`super::RUNGS`].
    pub fn rungs(&self) -> [u64; super::RUNGS.len()] {
        self.rungs
    }

    /// Whether what became of it rests on a power flow that only the last rungs answered, or that had no answer.
    pub fn numerically_doubtful(&self) -> bool {
        self.doubtful
    }

    /// Natural logarithm of the likelihood of what the grid itself drew; `None` where it draws nothing.
    pub fn log_likelihood(&self) -> Option<f64> {
        self.hidden.as_ref().map(|hidden| hidden.log_likelihood())
    }

    /// Shows devices the state that holds from `now` on, if it is new.
    pub fn look(&mut self, now: Moment) {
        if !std::mem::take(&mut self.unseen) || !self.acts_by_itself() {
            return;
        }
        let Some(solution) = &self.solution else { return };
        let seen = Seen { network: &self.network, state: &self.state, solution, flows: &self.flows, now };
        for device in &mut self.devices {
            device.look(&seen);
        }
        if let Some(living) = &mut self.frequency {
            let jumped = std::mem::take(&mut self.jumped);
            living.look(&seen, Demanded { factor: &self.demand.factor, jumped });
        }
    }

    /// When something happens next by itself, before `until`. Frequencies that move have moved until then, since nothing happens before.
    pub fn next_moment(&mut self, until: Moment) -> Option<Moment> {
        if self.life != Life::Alive {
            return None;
        }
        let event = self.scenario.timeline.get(self.next_event).map(|event| event.at);
        let devices = self.devices.iter().filter_map(|device| device.next());
        let next = devices.chain(event).min().filter(|moment| *moment < until);
        let Some(living) = &mut self.frequency else { return next };
        let earlier = living.advance(next.unwrap_or(until));
        next.into_iter().chain(earlier).min().filter(|moment| *moment < until)
    }

    /// Whether one of its devices acts now, by what it has seen.
    pub fn relay_is_due(&self, now: Moment) -> bool {
        self.life == Life::Alive
            && self.devices.iter().any(|device| device.next().is_some_and(|due| due <= now))
    }

    /// Whether a device acts now, or an event befalls the grid.
    pub fn is_due(&self, now: Moment) -> bool {
        let event = self.scenario.timeline.get(self.next_event).is_some_and(|event| event.at <= now);
        self.life == Life::Alive && (event || self.relay_is_due(now))
    }

    /// Does all that is due at `now`: what befalls the grid first, then what its devices do about the state before, by kind and row.
    pub fn act(&mut self, now: Moment) {
        let mut asked: Vec<Operation> = Vec::new();
        for device in &mut self.devices {
            if device.next().is_some_and(|due| due <= now) {
                device.act(now, &mut asked);
            }
        }
        let done = self.frequency.as_mut().map(|living| living.act(now)).unwrap_or_default();
        asked.extend(done.operations);
        if self.scenario.timeline.get(self.next_event).is_some_and(|event| event.at <= now) {
            self.apply_events(now);
        }
        for (unit, power_pu) in done.dispatch {
            self.set_schedule(unit, self.state.unit_p_pu[unit] + power_pu);
        }
        for (bus, differs_hz) in done.unsynchronised {
            let why = (Some(differs_hz), Some(crate::frequency::SYNCHRONISM_HZ));
            self.write(now, Tripped::Bus(bus), Cause::Unsynchronised, why, 0.0);
        }
        asked.sort_by_key(|operation| operation.act.order());
        self.generation += u32::from(!asked.is_empty());
        for operation in asked {
            self.operate(now, operation);
        }
        if self.balance() == Balance::RampLimited && self.dirty {
            self.end_step();
            self.begin_step(1.0);
        }
    }

    /// Moves the set-point of a unit; one that the balance leaves alone takes its range with it.
    pub(super) fn set_schedule(&mut self, unit: UnitIdx, p_pu: f64) {
        self.dirty |= self.state.unit_p_pu[unit].to_bits() != p_pu.to_bits();
        self.state.unit_p_pu[unit] = p_pu;
        if self.rules.frequency.as_ref().is_some_and(|elements| elements.holds_its_power(unit.row())) {
            self.state.unit_p_low_pu[unit] = p_pu;
            self.state.unit_p_high_pu[unit] = p_pu;
        }
    }

    /// Carries out one operation; one that changes nothing leaves no row.
    fn operate(&mut self, now: Moment, operation: Operation) {
        let mut lost_mw = 0.0;
        let mut opened = None;
        let changed = match operation.act {
            Act::Open(branch) => {
                opened = Some(branch);
                self.forced_out[branch] = true;
                std::mem::replace(&mut self.state.branch_on[branch], false)
            }
            Act::Trip(unit) => std::mem::replace(&mut self.state.unit_on[unit], false),
            Act::Shed(bus, share) => {
                lost_mw = self.shed(bus, operation.cause, share);
                lost_mw > 0.0
            }
            Act::Cut(bus, part) => {
                lost_mw = self.shed(bus, operation.cause, part * self.demand.kept(bus));
                lost_mw > 0.0
            }
        };
        if !changed {
            return;
        }
        self.dirty = true;
        self.write(
            now,
            operation.act.element(),
            operation.cause,
            (operation.value, operation.limit),
            lost_mw,
        );
        if let Some(branch) = opened {
            self.expose_neighbours(now, branch);
        }
    }

    /// Sheds a share of what a bus wants; MW. Of a source that the file calls demand nothing is shed.
    pub(super) fn shed(&mut self, bus: BusIdx, cause: Cause, share: f64) -> f64 {
        let wanted = self.wanted_p_pu(bus);
        if wanted <= 0.0 {
            return 0.0;
        }
        let shed = self.demand.shed(bus, ShedCause::booked(cause), share);
        if shed > 0.0 {
            self.place_demand(bus);
        }
        self.network.base.from_pu(shed * wanted)
    }

    /// Relays beside a branch that went out may misoperate, and those beside them.
    pub(super) fn expose_neighbours(&mut self, now: Moment, out: BranchIdx) {
        let mut waiting = vec![out];
        while let Some(out) = waiting.pop() {
            let Some(hidden) = &mut self.hidden else { return };
            for branch in hidden.expose(&self.network, &self.state, out) {
                self.forced_out[branch] = true;
                self.state.branch_on[branch] = false;
                self.write(now, Tripped::Branch(branch), Cause::HiddenFailure, (None, None), 0.0);
                waiting.push(branch);
            }
        }
    }

    /// Adds a row to the log.
    pub(super) fn write(
        &mut self,
        now: Moment,
        what: Tripped,
        cause: Cause,
        (value, limit): (Option<f64>, Option<f64>),
        lost_mw: f64,
    ) {
        let trip = Trip {
            what,
            generation: self.generation.max(1),
            time_s: Some(now.seconds()),
            cause,
            value,
            limit,
            lost_mw,
        };
        let rung = self.solution.as_ref().map(|solution| solution.rung);
        self.log.push(Logged { trip, rung });
    }

    /// Writes down which buses with demand have just lost their voltage.
    pub(super) fn log_deaths(&mut self, now: Moment, before: &Solution) {
        let network = std::sync::Arc::clone(&self.network);
        for bus in network.buses.id.indices().filter(|bus| before.status[*bus] == BusStatus::Live) {
            let cause = match &self.solution {
                Some(solution) if solution.status[bus] == BusStatus::Live => continue,
                Some(solution) if solution.unsolved.binary_search(&bus).is_ok() => Cause::Unsolved,
                Some(_) => Cause::IslandDead,
                None if self.life == Life::Dark => Cause::IslandDead,
                None => Cause::Unsolved,
            };
            let lost = self.demand.kept(bus) * self.wanted_p_pu(bus);
            if lost > 0.0 {
                self.write(now, Tripped::Bus(bus), cause, (None, None), network.base.from_pu(lost));
            }
        }
    }
}
