//! A limiter: keeps requests within bounds, and lets a fallback decide where the candidate does not, or may not.

use std::sync::Arc;

use powerflow::Network;
use reports::envelope::Bounds;
use reports::{Fallback, Handling};

use super::holds;
use crate::action::{Asked, Task};
use crate::candidate::operator::{OnDuty, Operator};
use crate::candidate::request::{self, Request};
use crate::candidate::{Candidate, Cause, Failure};
use crate::fields::Fields;
use crate::observation::Observations;
use crate::situation;

/// Who decides in the place of the candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandIn {
    /// Nobody: what holds goes on to hold.
    DoNothing,
    /// The people in the control room, by the first model that the suite names. They come to the desk when they are called and go when the
    /// candidate decides again.
    Operator,
}

impl StandIn {
    /// Ids in suites.
    pub const LIST: &'static [(&'static str, StandIn)] =
        &[("do_nothing", StandIn::DoNothing), ("operator", StandIn::Operator)];
}

/// The table `[limiter]` of a suite.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limiter {
    /// Largest distance of a request from what holds when it is made, in the unit of the quantity.
    pub step: Vec<(Asked, f64)>,
    /// Lowest and highest value that may be asked. A request that both limit moves towards the range, no further than a step.
    pub range: Vec<(Asked, (f64, f64))>,
    /// States in which the candidate may decide; outside of them the fallback does.
    pub envelope: Option<Bounds>,
    /// Who decides where the candidate fails or abstains, or is outside of the envelope; `None`: a failure ends the episode.
    pub fallback: Option<StandIn>,
}

/// Quantities of which a step may be limited: those whose present value is observed, switches aside.
pub const STEPPED: [Asked; 4] = [Asked::UnitVSet, Asked::UnitPSet, Asked::BranchTap, Asked::ShuntStep];
/// Quantities that may be held in a range.
pub const RANGED: [Asked; 5] =
    [Asked::UnitVSet, Asked::UnitPSet, Asked::BranchTap, Asked::ShuntStep, Asked::LoadShed];
/// Bounds of the envelope.
pub const BOUNDS: [&str; 5] = ["demand", "branches_out", "units_out", "voltage_pu", "frequency_hz"];

/// Reads `[limiter]`; `None` after a complaint.
pub(crate) fn read(mut fields: Fields<'_>) -> Option<Limiter> {
    let fallback = fields.choice("fallback", StandIn::LIST);
    let fallback = fields.or("fallback", fallback.map(Some), None);
    let step = fields.table("step", "suite.limiter.step").map(|mut table| {
        let one = |asked: &Asked| Some((*asked, table.number(asked.id(), "above 0", |most| most > 0.0)?));
        let step = STEPPED.iter().filter_map(one).collect();
        table.finish();
        step
    });
    let step = fields.or("step", step, Vec::new());
    let range = fields.table("range", "suite.limiter.range").map(|mut table| {
        let range = RANGED.iter().filter_map(|asked| Some((*asked, table.range(asked.id())?))).collect();
        table.finish();
        range
    });
    let range = fields.or("range", range, Vec::new());
    let envelope = fields.table("envelope", "suite.limiter.envelope").map(|mut table| {
        let [demand, branches_out, units_out, voltage_pu, frequency_hz] = BOUNDS.map(|key| table.range(key));
        table.finish();
        Bounds { demand, branches_out, units_out, voltage_pu, frequency_hz, delay_ms: None }
    });
    let envelope = fields.or("envelope", envelope.map(Some), None);
    if fields.has("envelope") && !fields.has("fallback") {
        let hint = "add fallback = \"do_nothing\" or \"operator\"".to_owned();
        let message = "outside of the envelope somebody else must decide, and there is no `fallback`";
        fields.complain_with("fallback", None, message, Some(hint));
    }
    fields.finish();
    Some(Limiter { step: step?, range: range?, envelope: envelope?, fallback: fallback? })
}

impl Limiter {
    /// Its settings, as evidence lists them.
    pub fn in_words(&self) -> Vec<(String, String)> {
        let mut settings = Vec::new();
        for (asked, most) in &self.step {
            settings.push((format!("limiter.step.{}", asked.id()), most.to_string()));
        }
        for (asked, (low, high)) in &self.range {
            settings.push((format!("limiter.range.{}", asked.id()), format!("{low} to {high}")));
        }
        let bounds = self.envelope.unwrap_or_default();
        let bounds =
            [bounds.demand, bounds.branches_out, bounds.units_out, bounds.voltage_pu, bounds.frequency_hz];
        for (name, bound) in BOUNDS.iter().zip(bounds) {
            settings.extend(
                bound.map(|(low, high)| (format!("limiter.envelope.{name}"), format!("{low} to {high}"))),
            );
        }
        let known = |(_, who): &&(&str, StandIn)| Some(*who) == self.fallback;
        let who = StandIn::LIST.iter().find(known).map_or("none", |(name, _)| *name);
        settings.push(("limiter.fallback".to_owned(), who.to_owned()));
        settings
    }

    /// Keeps a request within bounds. Answers whether that changed it.
    fn limit(&self, request: &mut Request, present: Option<f64>) -> bool {
        let asked = request.value;
        if let Some((_, (low, high))) = self.range.iter().find(|(of, _)| *of == request.quantity) {
            request.value = within(request.value, *low, *high);
        }
        let step = self.step.iter().find(|(of, _)| *of == request.quantity);
        if let (Some((_, most)), Some(present)) = (step, present) {
            // A shunt has no positions between its steps.
            let most = if request.quantity == Asked::ShuntStep { most.floor() } else { *most };
            request.value = within(request.value, present - most, present + most);
        }
        request.value.to_bits() != asked.to_bits()
    }
}

/// A request beyond a bound by less than this is at it: a model's f32 cannot say 0.1 exactly.
const SAME: f64 = 1e-6;

fn within(value: f64, low: f64, high: f64) -> f64 {
    if value < low - SAME {
        low
    } else if value > high + SAME {
        high
    } else {
        value
    }
}

/// A limiter at work, with whoever stands in for the candidate.
pub(super) struct Guard {
    limiter: Limiter,
    operator: Option<OnDuty>,
    network: Arc<Network>,
}

impl Guard {
    pub(super) fn new(limiter: &Limiter, operator: Option<&Operator>, network: &Arc<Network>) -> Self {
        let called = limiter.fallback == Some(StandIn::Operator);
        Guard {
            limiter: limiter.clone(),
            operator: operator.filter(|_| called).map(Operator::on_duty),
            network: Arc::clone(network),
        }
    }

    pub(super) fn reset(&mut self, seeds: &[u64]) {
        if let Some(operator) = &mut self.operator {
            operator.reset(seeds);
        }
    }

    /// Limits what every row asks, or puts the fallback's requests in its place and takes the failure away.
    pub(super) fn supervise(
        &mut self,
        seen: &Observations,
        rows: &mut [Vec<Request>],
        failed: &mut [Option<Failure>],
        handled: &mut [Handling],
    ) {
        for row in (0..seen.rows).filter(|row| seen.alive[*row]) {
            handled[row].fallback = self.stands_in(seen, row, failed[row].as_ref());
            if handled[row].fallback.is_some() {
                failed[row] = None;
                rows[row].clear();
            } else {
                for request in &mut rows[row] {
                    let present = holds(seen, row, request);
                    handled[row].limited |= self.limiter.limit(request, present);
                }
            }
        }
        let Some(operator) = &mut self.operator else { return };
        let mut called = seen.clone();
        for (row, alive) in called.alive.iter_mut().enumerate() {
            *alive &= handled[row].fallback.is_some();
            if !*alive {
                operator.relieve(row);
            }
        }
        let own = request::of_rows(&operator.decide_batch(&called), seen.rows);
        for (row, own) in own.into_iter().enumerate().filter(|(row, _)| called.alive[*row]) {
            rows[row] = own;
        }
    }

    /// Why the fallback decides for a row; `None` where the candidate does, or where there is no fallback.
    fn stands_in(&self, seen: &Observations, row: usize, failure: Option<&Failure>) -> Option<Fallback> {
        self.limiter.fallback?;
        if let Some(failure) = failure {
            return Some(reason(failure.cause));
        }
        let envelope = self.limiter.envelope?;
        let outside = !envelope.left(&situation::of_observation(seen, row, &self.network)).is_empty();
        outside.then_some(Fallback::Outside)
    }
}

fn reason(cause: Cause) -> Fallback {
    match cause {
        Cause::Crash => Fallback::Crash,
        Cause::Timeout => Fallback::Timeout,
        Cause::NotFinite => Fallback::NotFinite,
        Cause::Shape => Fallback::Shape,
        Cause::Protocol => Fallback::Protocol,
        Cause::Exception => Fallback::Exception,
        Cause::Abstained => Fallback::Abstained,
    }
}

/// A quantity that the limiter names and the task never grants.
pub(super) fn idle(limiter: &Limiter, task: Task) -> Option<Asked> {
    let stepped = limiter.step.iter().map(|(asked, _)| *asked);
    let ranged = limiter.range.iter().map(|(asked, _)| *asked);
    stepped.chain(ranged).find(|asked| !task.may_ask().contains(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v_set(value: f64) -> Request {
        Request { quantity: Asked::UnitVSet, element: 0, value }
    }

    fn limited(limiter: &Limiter, value: f64, present: f64) -> (f64, bool) {
        let mut request = v_set(value);
        let changed = limiter.limit(&mut request, Some(present));
        (request.value, changed)
    }

    #[test]
    fn a_request_is_kept_within_its_range_and_moves_no_further_than_a_step() {
        let limiter = Limiter {
            step: vec![(Asked::UnitVSet, 0.02)],
            range: vec![(Asked::UnitVSet, (0.95, 1.05))],
            ..Limiter::default()
        };
        assert_eq!(limited(&limiter, 1.01, 1.0), (1.01, false));
        assert_eq!(limited(&limiter, 1.2, 1.04), (1.05, true));
        assert_eq!(limited(&limiter, 1.2, 1.0), (1.02, true));
        // From outside the range the way back is not a jump either.
        assert_eq!(limited(&limiter, 0.9, 0.85), (0.87, true));
        // What f32 makes of a bound is the bound.
        assert_eq!(limited(&limiter, f64::from(1.05_f32), 1.04), (f64::from(1.05_f32), false));
    }

    #[test]
    fn a_shunt_moves_by_whole_steps() {
        let limiter = Limiter { step: vec![(Asked::ShuntStep, 1.5)], ..Limiter::default() };
        let mut request = Request { quantity: Asked::ShuntStep, element: 0, value: 4.0 };
        assert!(limiter.limit(&mut request, Some(1.0)));
        assert_eq!(request.value, 2.0);
    }
}
