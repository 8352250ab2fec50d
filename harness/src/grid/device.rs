//! Things in the grid that act by themselves in time: each looks at every new solved state, says when it would act if
//! nothing changed, and when that moment comes asks the grid for operations. Only the grid carries them out.

use std::fmt::Debug;

use powerflow::{BranchIdx, BusIdx, Flows, Index, Network, Solution, State, UnitIdx};
use scenarios::Moment;

use crate::cascade::{Cause, Tripped};

/// What a device sees: a solved state, and since when it holds.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The network.
    pub network: &'a Network,
    /// Switches, set-points and demand as it is served.
    pub state: &'a State,
    /// Its solution.
    pub solution: &'a Solution,
    /// Its flows.
    pub flows: &'a Flows,
    /// Since when it holds.
    pub now: Moment,
}

impl Seen<'_> {
    /// Whether the units of a bus were left at a reactive limit with its voltage on the wrong side: what the power flow says of that
    /// voltage is where the solver stopped, not where a grid would be, and no relay may act on it.
    pub fn is_unsettled(&self, bus: BusIdx) -> bool {
        // In file order, so that it can be looked up.
        self.solution.unsettled.binary_search(&bus).is_ok()
    }
}

/// What a device does to the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Act {
    /// Opens a branch, and locks it out.
    Open(BranchIdx),
    /// Takes a unit off.
    Trip(UnitIdx),
    /// Sheds this share of the demand that a bus wants, as far as it is still served.
    Shed(BusIdx, f64),
    /// Sheds this part of the demand that a bus is still served.
    Cut(BusIdx, f64),
}

impl Act {
    /// The element, as rows of the log name it.
    pub fn element(self) -> Tripped {
        match self {
            Act::Open(branch) => Tripped::Branch(branch),
            Act::Trip(unit) => Tripped::Unit(unit),
            Act::Shed(bus, _) | Act::Cut(bus, _) => Tripped::Bus(bus),
        }
    }

    /// Order among operations of one moment: kind, then row in the file.
    pub(crate) fn order(self) -> (u8, usize) {
        match self {
            Act::Open(branch) => (0, branch.row()),
            Act::Trip(unit) => (1, unit.row()),
            Act::Shed(bus, _) | Act::Cut(bus, _) => (2, bus.row()),
        }
    }
}

/// An act with its reason.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Operation {
    /// What is done.
    pub act: Act,
    /// Why.
    pub cause: Cause,
    /// The quantity that caused it, in the unit of its limit.
    pub value: Option<f64>,
    /// The limit that it broke.
    pub limit: Option<f64>,
}

/// Something that acts by itself. Its state belongs to one rollout.
pub trait Device: Debug + Send {
    /// Takes notice of a new state. Between two looks the state is constant.
    fn look(&mut self, seen: &Seen<'_>);

    /// When it acts if nothing changes; `None` where it never does. Not before the last look.
    fn next(&self) -> Option<Moment>;

    /// Asks for what is due at `now`, which is the moment that [`Self::next`] named. What it asked for is not due again
    /// before another look, so that every chain of operations ends.
    fn act(&mut self, now: Moment, asked: &mut Vec<Operation>);
}

/// Definite-time elements that have picked up, by their number, ascending. One that drops out starts anew.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    running: Vec<Timer>,
    before: Vec<Timer>,
}

/// One element that has picked up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timer {
    /// Number of the element.
    pub key: u32,
    /// When it operates.
    pub due: Moment,
    /// The quantity that it sees.
    pub value: f64,
}

impl Timers {
    /// What has picked up at `now`: elements with their delay in seconds and what they see, ascending by number. Those that
    /// ran already keep their time; those that are not named have dropped out.
    pub fn pick_up(&mut self, now: Moment, picked: impl Iterator<Item = (u32, f64, f64)>) {
        std::mem::swap(&mut self.running, &mut self.before);
        self.running.clear();
        let mut before = self.before.iter().peekable();
        for (key, delay_s, value) in picked {
            while before.next_if(|timer| timer.key < key).is_some() {}
            let due = match before.peek() {
                Some(timer) if timer.key == key => timer.due,
                _ => after(now, delay_s),
            };
            self.running.push(Timer { key, due, value });
        }
    }

    /// The earliest operation.
    pub fn next(&self) -> Option<Moment> {
        self.running.iter().map(|timer| timer.due).min()
    }

    /// Takes out what is due, ascending by number.
    pub fn due(&mut self, now: Moment, mut each: impl FnMut(Timer)) {
        self.running.retain(|timer| {
            let waits = timer.due > now;
            if !waits {
                each(*timer);
            }
            waits
        });
    }
}

/// The first nanosecond at or after `now + seconds`; the end of time where that is beyond it.
pub fn after(now: Moment, seconds: f64) -> Moment {
    // A cast of what is no number or beyond the range saturates.
    Moment(now.0.saturating_add((seconds * 1e9).ceil() as u64))
}

/// Seconds from one moment to a later one.
pub fn seconds_between(from: Moment, to: Moment) -> f64 {
    Moment(to.0.saturating_sub(from.0)).seconds()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: f64) -> Moment {
        Moment::from_seconds(seconds)
    }

    #[test]
    fn a_timer_runs_on_while_picked_up_and_starts_anew_when_it_dropped_out() {
        let mut timers = Timers::default();
        timers.pick_up(s(1.0), [(2, 5.0, 0.9), (7, 1.0, 0.8)].into_iter());
        assert_eq!(timers.next(), Some(s(2.0)));
        timers.pick_up(s(1.5), [(2, 5.0, 0.85), (3, 9.0, 0.7)].into_iter());
        assert_eq!(timers.next(), Some(s(6.0)));
        timers.pick_up(s(2.0), [(7, 1.0, 0.8)].into_iter());
        timers.pick_up(s(3.0), [(2, 5.0, 0.9), (7, 1.0, 0.8)].into_iter());
        let mut out = Vec::new();
        timers.due(s(3.0), |timer| out.push(timer.key));
        assert_eq!((out.as_slice(), timers.next()), (&[7][..], Some(s(8.0))));
        timers.due(s(100.0), |timer| out.push(timer.key));
        assert_eq!((out.as_slice(), timers.next()), (&[7, 2][..], None));
    }

    #[test]
    fn time_saturates() {
        assert_eq!(after(s(1.0), f64::INFINITY), Moment(u64::MAX));
        assert_eq!(after(s(1.0), 0.0), s(1.0));
        assert_eq!(after(Moment(5), 1e-9), Moment(6));
    }
}
