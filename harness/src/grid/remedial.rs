//! Remedial action schemes: a table of triggers and actions. A trigger that holds for its delay sets its actions off, once. Schemes
//! whose trigger holds before anything has happened are blocked until it has not held once.
//!
//! Source: NERC PRC-012-2 and the WECC remedial-action-scheme guides: armed, triggered by status or by a measured quantity, and done
//! within a fraction of a second.

use std::sync::Arc;

use powerflow::{BranchIdx, BusIdx, UnitIdx};
use scenarios::Moment;

use crate::cascade::Cause;
use crate::grid::device::{Act, Device, Operation, Seen, Timers};

/// What sets a scheme off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trigger {
    /// A branch is out of service.
    BranchOut(BranchIdx),
    /// A unit is off.
    UnitOut(UnitIdx),
    /// Apparent power of a branch above this share of its rating.
    LoadingAbove(BranchIdx, f64),
    /// Voltage of a live bus below this, pu.
    VoltageBelow(BusIdx, f64),
}

/// One scheme.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheme {
    /// Its name.
    pub id: String,
    /// All of these must hold.
    pub when: Vec<Trigger>,
    /// For so long, s.
    pub delay_s: f64,
    /// What is done then: units tripped, demand shed, branches opened.
    pub then: Vec<Act>,
}

/// The schemes of a suite.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Elements {
    schemes: Vec<Scheme>,
    blocked: Vec<bool>,
}

impl Elements {
    /// These schemes; `base` is the undisturbed state, where it has a solution.
    pub fn new(schemes: Vec<Scheme>, base: Option<&Seen<'_>>) -> Self {
        let holds = |scheme: &Scheme| base.is_some_and(|base| scheme.holds(base).is_some());
        Elements { blocked: schemes.iter().map(holds).collect(), schemes }
    }

    /// Schemes that would have acted before anything happened.
    pub fn blocked(&self) -> impl Iterator<Item = &str> {
        let schemes = self.schemes.iter().zip(&self.blocked);
        schemes.filter(|(_, blocked)| **blocked).map(|(scheme, _)| scheme.id.as_str())
    }

    /// Their names.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.schemes.iter().map(|scheme| scheme.id.as_str())
    }

    /// These schemes, armed.
    pub fn armed(self: &Arc<Self>) -> Remedial {
        let armed = |blocked: &bool| if *blocked { Arming::Blocked } else { Arming::Armed };
        Remedial {
            arming: self.blocked.iter().map(armed).collect(),
            elements: Arc::clone(self),
            timers: Timers::default(),
            seen: Vec::new(),
        }
    }
}

impl Trigger {
    /// The quantity and its limit where it holds; a status has neither.
    fn holds(self, seen: &Seen<'_>) -> Option<Option<(f64, f64)>> {
        match self {
            Trigger::BranchOut(branch) => (!seen.state.branch_on[branch]).then_some(None),
            Trigger::UnitOut(unit) => (!seen.state.unit_on[unit]).then_some(None),
            Trigger::LoadingAbove(branch, limit) => {
                let rating = seen.state.rating_pu(seen.network, branch).filter(|r| *r > 0.0)?;
                if !seen.state.branch_on[branch] {
                    return None;
                }
                let loading = seen.flows.apparent_pu(branch) / rating;
                (loading > limit).then_some(Some((loading, limit)))
            }
            Trigger::VoltageBelow(bus, limit) => {
                let vm_pu = seen.solution.vm_pu(bus).filter(|_| !seen.is_unsettled(bus))?;
                (vm_pu < limit).then_some(Some((vm_pu, limit)))
            }
        }
    }
}

impl Scheme {
    /// What of its trigger can be measured, where it holds.
    fn holds(&self, seen: &Seen<'_>) -> Option<Option<(f64, f64)>> {
        let mut measured = None;
        for trigger in &self.when {
            measured = trigger.holds(seen)?.or(measured);
        }
        Some(measured)
    }
}

/// How a scheme stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arming {
    Blocked,
    Armed,
    Done,
}

/// The schemes of one grid.
#[derive(Clone, Debug)]
pub struct Remedial {
    elements: Arc<Elements>,
    arming: Vec<Arming>,
    timers: Timers,
    /// What those that have picked up measure, ascending by number.
    seen: Vec<(u32, Option<(f64, f64)>)>,
}

impl Device for Remedial {
    fn look(&mut self, seen: &Seen<'_>) {
        self.seen.clear();
        for ((number, scheme), arming) in (0u32..).zip(&self.elements.schemes).zip(&mut self.arming) {
            match (scheme.holds(seen), *arming) {
                (Some(measured), Arming::Armed) => self.seen.push((number, measured)),
                (None, Arming::Blocked) => *arming = Arming::Armed,
                _ => {}
            }
        }
        let schemes = &self.elements.schemes;
        let picked = self.seen.iter().map(|(number, measured)| {
            (*number, schemes[*number as usize].delay_s, measured.map_or(0.0, |(value, _)| value))
        });
        self.timers.pick_up(seen.now, picked);
    }

    fn next(&self) -> Option<Moment> {
        self.timers.next()
    }

    fn act(&mut self, now: Moment, asked: &mut Vec<Operation>) {
        let Remedial { elements, arming, timers, seen } = self;
        timers.due(now, |timer| {
            let number = timer.key as usize;
            arming[number] = Arming::Done;
            let at = seen.binary_search_by_key(&timer.key, |(number, _)| *number);
            let (value, limit) = at.ok().and_then(|at| seen[at].1).unzip();
            let operation = |act: &Act| Operation { act: *act, cause: Cause::Remedial, value, limit };
            asked.extend(elements.schemes[number].then.iter().map(operation));
        });
    }
}
