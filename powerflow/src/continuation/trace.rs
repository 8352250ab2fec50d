//! Following the curve from the base to the nose: tangent, step, correction; events and the nose located exactly.

use std::sync::Arc;

use crate::continuation::curve::{Change, Curve, Held, Point};
use crate::continuation::limits::{Effect, Event, Rules, reactive_power_leads_inside};
use crate::continuation::{
    CurvePoint, Direction, Limit, LimitEvent, Nose, NoseCause, NoseConfig, NoseFailure, WeakBus,
};
use crate::desk::Frame;
use crate::index::{BusIdx, Index, NodeIdx};
use crate::solution::{BusStatus, Rung, Solution};
use crate::solver::Solver;
use crate::state::State;

/// Beyond a limit from here on, pu.
const BEYOND_PU: f64 = 1e-9;
/// The same in the base, which a power flow solved by its own tolerance, pu.
const BASE_BEYOND_PU: f64 = 2e-7;
/// What no unit can provide in a base that is refused, pu.
const UNMET_PU: f64 = 1e-6;
/// The first step, and the shortest, in the unknown that changes most (rad or relative).
const STEP_FIRST: f64 = 0.02;
const STEP_MIN: f64 = 1e-7;
/// Two tangents further apart than this belong to a step that was too long.
const COSINE_MIN: f64 = 0.3;
/// Lambda of the nose is known to this much.
const LAMBDA_RESOLUTION: f64 = 1e-11;
/// Attempts to locate an event or the nose within a step.
const LOCATE_MAX: u32 = 80;

impl Solver {
    /// Follows the solutions of a state along a direction of loading to the first nose: from there on no solution is near,
    /// and the voltages jump. With limits there may be others further away, at larger lambda even.
    ///
    /// Where the base starts is as in [`Solver::solve`]. Of several islands, the nose is that of the first that reaches
    /// one. With single slack the reference bus obeys reactive limits too: where its units reach one, the next bus in
    /// file order that holds its voltage is the reference from there on, as in MATPOWER.
    ///
    /// # Errors
    /// [`NoseFailure`].
    pub fn nose(
        &mut self,
        state: &State,
        direction: &Direction,
        config: &NoseConfig,
    ) -> Result<Nose, NoseFailure> {
        let newton = &config.newton;
        if !fits(direction, state) {
            return Err(NoseFailure::NoDirection);
        }
        let base = self.solve(state, None, newton).map_err(|found| NoseFailure::NoBase(Box::new(found)))?;
        if base.unmet_pu() > UNMET_PU {
            return Err(NoseFailure::UnmetBase(base.unmet_pu()));
        }
        let plan = self.plan(&state.topology);
        let network = Arc::clone(self.network());
        let (desk, kirchhoff) = self
            .alone_at(&plan, state, &base, newton)
            .map_err(|found| NoseFailure::NoBase(Box::new(found)))?;
        let frame = Frame { network: &network, plan: &plan, kirchhoff, config: newton };
        let curve = Curve::new(&network, &plan, desk, state, direction, newton.tolerance_pu);
        let rules = Rules::new(newton, config.releases, network.units.bus.len());
        let mut trace =
            Trace { curve, rules, config, points: Vec::new(), events: Vec::new(), base_slope: Vec::new() };
        let (cause, tangent) = trace.run()?;
        trace.finish(&frame, base, cause, &tangent)
    }
}

/// Whether a direction has one finite number for each bus and unit.
fn fits(direction: &Direction, state: &State) -> bool {
    let finite = |column: &[f64], len: usize| column.len() == len && column.iter().all(|x| x.is_finite());
    finite(direction.demand_p_pu.as_slice(), state.demand_p_pu.len())
        && finite(direction.demand_q_pu.as_slice(), state.demand_q_pu.len())
        && finite(direction.unit_p_pu.as_slice(), state.unit_p_pu.len())
}

struct Trace<'a> {
    curve: Curve<'a>,
    rules: Rules,
    config: &'a NoseConfig,
    /// Lambda and the magnitudes of all buses, pu.
    points: Vec<(f64, Vec<f64>)>,
    events: Vec<LimitEvent>,
    /// What magnitudes change with lambda in the base, pu, by bus.
    base_slope: Vec<f64>,
}

/// Where a step ended.
struct Landing {
    length: f64,
    point: Point,
    tangent: Change,
    iterations: u32,
}

impl Trace<'_> {
    /// To the end of the curve. Returns why it ends there, with the tangent at its end.
    fn run(&mut self) -> Result<(NoseCause, Change), NoseFailure> {
        // The base to the last digit, so that no limit is judged by the solver's tolerance.
        self.curve.correct(Held::Lambda).ok_or(NoseFailure::Lost(0.0))?;
        self.limit_base()?;
        let mut tangent = self.curve.change(Held::Lambda, false, 1.0).ok_or(NoseFailure::NoDirection)?;
        self.base_slope = self.slopes(&tangent, tangent.lambda);
        let largest = tangent.largest().0;
        if largest == 0.0 {
            return Err(NoseFailure::NoDirection);
        }
        tangent.scale(1.0 / largest);
        let mut from = self.curve.point();
        self.record();
        let mut length = STEP_FIRST.min(self.config.step_max);
        for _ in 0..self.config.steps_max {
            let Some(landing) = self.land(&from, &tangent, length) else {
                length *= 0.5;
                if length < STEP_MIN {
                    return Err(NoseFailure::Lost(from.lambda));
                }
                continue;
            };
            let turned = landing.tangent.lambda <= 0.0;
            let end = if turned { self.locate_nose(&from, &tangent, &landing)? } else { landing };
            if let Some((at, event)) = self.locate_event(&from, &tangent, &end)? {
                self.record();
                if let Some(cause) = self.happen(event) {
                    return Ok((cause, at.tangent));
                }
                from = self.curve.point();
                tangent = self.tangent_after(event, &at.tangent).ok_or(NoseFailure::Lost(from.lambda))?;
                if tangent.lambda <= 0.0
                    && let Some(other) = self.hold_again(event, &at.tangent)
                {
                    tangent = other;
                }
                if tangent.lambda <= 0.0 {
                    let limit = self.events.last().map(|event| event.limit);
                    let limit = limit.ok_or(NoseFailure::Lost(from.lambda))?;
                    return Ok((NoseCause::LimitInduced(limit), at.tangent));
                }
                length = STEP_FIRST.min(self.config.step_max);
                continue;
            }
            self.curve.go_to(&end.point);
            self.record();
            if turned {
                return Ok((NoseCause::Fold, end.tangent));
            }
            length = match end.iterations {
                0..=3 => (length * 1.5).min(self.config.step_max),
                4..=5 => length,
                _ => length * 0.5,
            };
            (from, tangent) = (end.point, end.tangent);
        }
        Err(NoseFailure::StepsMax(from.lambda))
    }

    /// Brings units that are beyond a limit in the base to it. With single slack a power flow does not limit the reference;
    /// the curve does.
    fn limit_base(&mut self) -> Result<(), NoseFailure> {
        for _ in 0..self.curve.plan.node_count() {
            let beyond: Vec<(Event, f64)> = self
                .rules
                .distances(&self.curve)
                .into_iter()
                .filter(|(event, beyond)| matches!(event, Event::Reactive(..)) && *beyond > BASE_BEYOND_PU)
                .collect();
            let Some((event, _)) = furthest(&beyond) else { return Ok(()) };
            let told = Rules::limit_of(&self.curve, event);
            self.events.push(told);
            if self.rules.apply(&mut self.curve, event) != Effect::Goes {
                return Err(NoseFailure::Lost(0.0));
            }
            self.curve.correct(Held::Lambda).ok_or(NoseFailure::Lost(0.0))?;
        }
        Err(NoseFailure::Lost(0.0))
    }

    /// A step and the tangent where it ends, which points the same way.
    fn land(&mut self, from: &Point, tangent: &Change, length: f64) -> Option<Landing> {
        let iterations = self.curve.step(from, tangent, length)?;
        let mut next = self.curve.change(tangent.largest().1, false, 1.0)?;
        next.scale(1.0 / next.largest().0);
        let cosine = next.cosine(tangent);
        if cosine < 0.0 {
            next.scale(-1.0);
        }
        (cosine.abs() > COSINE_MIN).then(|| Landing {
            length,
            point: self.curve.point(),
            tangent: next,
            iterations,
        })
    }

    /// Where within a step lambda is largest.
    fn locate_nose(
        &mut self,
        from: &Point,
        tangent: &Change,
        beyond: &Landing,
    ) -> Result<Landing, NoseFailure> {
        let mut bracket = Bracket::new(tangent.lambda, beyond.length, beyond.tangent.lambda);
        let mut best: Option<Landing> = None;
        for _ in 0..LOCATE_MAX {
            let length = bracket.next();
            let landing = self.land(from, tangent, length).ok_or(NoseFailure::Lost(from.lambda))?;
            let slope = landing.tangent.lambda;
            // The sign says on which side of the nose it is; the curve must end before it, not behind.
            bracket.narrow(length, slope);
            best = Some(landing);
            if slope.abs() * bracket.width() < LAMBDA_RESOLUTION {
                break;
            }
        }
        best.ok_or(NoseFailure::Lost(from.lambda))
    }

    /// The first limit that is crossed between a point and the end of a step, and where; the curve is there then.
    fn locate_event(
        &mut self,
        from: &Point,
        tangent: &Change,
        end: &Landing,
    ) -> Result<Option<(Landing, Event)>, NoseFailure> {
        self.curve.go_to(&end.point);
        let crossed: Vec<(Event, f64)> =
            self.rules.distances(&self.curve).into_iter().filter(|(_, beyond)| *beyond > BEYOND_PU).collect();
        let Some(worst) = furthest(&crossed) else { return Ok(None) };
        self.curve.go_to(from);
        let at_start = self.among(&crossed);
        // It is at the limit already where the step begins.
        if let Some((event, _)) = at_start.filter(|(_, beyond)| *beyond > -BEYOND_PU) {
            let landing =
                Landing { length: 0.0, point: from.clone(), tangent: tangent.clone(), iterations: 0 };
            return Ok(Some((landing, event)));
        }
        let mut bracket = Bracket::new(at_start.map_or(-1.0, |(_, beyond)| beyond), end.length, worst.1);
        for _ in 0..LOCATE_MAX {
            let length = bracket.next();
            let landing = self.land(from, tangent, length).ok_or(NoseFailure::Lost(from.lambda))?;
            let Some((event, beyond)) = self.among(&crossed) else { break };
            if beyond.abs() <= BEYOND_PU || bracket.width() < f64::EPSILON {
                return Ok(Some((landing, event)));
            }
            bracket.narrow(length, beyond);
        }
        Err(NoseFailure::Lost(from.lambda))
    }

    /// Of some events, the one that is furthest beyond its limit where the curve is.
    fn among(&self, events: &[(Event, f64)]) -> Option<(Event, f64)> {
        let now: Vec<(Event, f64)> = self
            .rules
            .distances(&self.curve)
            .into_iter()
            .filter(|(event, _)| events.iter().any(|(of, _)| of == event))
            .collect();
        furthest(&now)
    }

    /// Lets an event happen. Returns the cause where the curve ends with it.
    fn happen(&mut self, event: Event) -> Option<NoseCause> {
        let told = Rules::limit_of(&self.curve, event);
        self.events.push(told);
        match self.rules.apply(&mut self.curve, event) {
            Effect::Goes => None,
            Effect::NoVoltageHeld => Some(NoseCause::NoVoltageHeld(told.limit)),
            Effect::NoActivePower => Some(NoseCause::NoActivePower(told.limit)),
        }
    }

    /// The tangent of the curve that begins where a limit was reached, on the side where the limit holds.
    fn tangent_after(&mut self, event: Event, before: &Change) -> Option<Change> {
        let free = |held: Held, curve: &Curve<'_>| match held {
            Held::Lambda => true,
            Held::Unknown(row, k) => curve.desk.arena.free[row][k] > 0.0,
        };
        let held = before.largest().1;
        let held = if free(held, &self.curve) { held } else { Held::Lambda };
        let mut tangent = self.curve.change(held, false, 1.0)?;
        tangent.scale(1.0 / tangent.largest().0);
        let inside = match (event, self.events.last().map(|event| event.limit)) {
            (Event::Reactive(node, None), Some(Limit::Reactive(_, side))) => {
                Some(reactive_power_leads_inside(&self.curve, node, side, &tangent))
            }
            _ => Rules::leads_inside(&self.curve, event, &tangent),
        };
        let before = before.seen_from(&self.curve.references());
        if !inside.unwrap_or_else(|| tangent.cosine(&before) > 0.0) {
            tangent.scale(-1.0);
        }
        Some(tangent)
    }

    /// A bus that was the reference and reached a limit may need less of its units once another bus balances: then it
    /// holds its voltage as before, and the curve goes on with that. Returns the tangent there.
    fn hold_again(&mut self, event: Event, before: &Change) -> Option<Change> {
        let Event::Reactive(node, Some(_)) = event else { return None };
        let passed_on = self.config.releases
            && self.rules.passes_on()
            && self.curve.desk.arena.free[self.curve.plan.position[node] as usize][0] > 0.0
            && before.step[self.curve.plan.position[node] as usize][0] == 0.0;
        if !passed_on {
            return None;
        }
        let again = Event::Reactive(node, None);
        let told = Rules::limit_of(&self.curve, again);
        self.events.push(told);
        self.rules.apply(&mut self.curve, again);
        let tangent = self.tangent_after(again, before).filter(|tangent| tangent.lambda > 0.0);
        if tangent.is_none() {
            self.events.pop();
            self.rules.apply(&mut self.curve, event);
        }
        tangent
    }

    fn record(&mut self) {
        let buses = self.curve.network.buses.id.indices();
        let vm_pu = buses.map(|bus| self.magnitude(bus)).collect();
        self.points.push((self.curve.lambda, vm_pu));
    }

    fn at(&self, bus: BusIdx) -> usize {
        self.curve.plan.position[NodeIdx::from_row(bus.row())] as usize
    }

    fn magnitude(&self, bus: BusIdx) -> f64 {
        self.curve.desk.arena.voltage_of(self.at(bus), 0).abs()
    }

    /// What magnitudes change along a change, for each `per` of it, pu, by bus.
    fn slopes(&self, change: &Change, per: f64) -> Vec<f64> {
        let buses = self.curve.network.buses.id.indices();
        buses.map(|bus| change.step[self.at(bus)][1] * self.magnitude(bus) / per).collect()
    }

    fn finish(
        mut self,
        frame: &Frame<'_>,
        base: Solution,
        cause: NoseCause,
        tangent: &Change,
    ) -> Result<Nose, NoseFailure> {
        let lambda = self.curve.lambda;
        self.curve.settle();
        let state = self.curve.state_now();
        let solution = self
            .curve
            .desk
            .finish(0, frame, &state, Rung::Newton, false)
            .map_err(|divergence| NoseFailure::FailedAudit(lambda, Box::new(divergence)))?;
        let along = self.slopes(tangent, 1.0);
        let fastest = along.iter().fold(0.0f64, |fastest, slope| fastest.max(-slope));
        let folds = cause == NoseCause::Fold;
        let last = self.points.last().map(|(_, vm)| vm.clone()).unwrap_or_default();
        let mut weakest: Vec<WeakBus> = solution
            .status
            .iter()
            .filter(|(_, status)| **status == BusStatus::Live)
            .map(|(bus, _)| WeakBus {
                bus,
                vm_base_pu: self.points[0].1[bus.row()],
                vm_nose_pu: last[bus.row()],
                slope_base_pu: self.base_slope[bus.row()],
                slope_nose_pu: (!folds && tangent.lambda > 0.0).then(|| along[bus.row()] / tangent.lambda),
                fall: if fastest > 0.0 { -along[bus.row()] / fastest } else { 0.0 },
            })
            .collect();
        // Where no magnitude falls (a collapse of angles), the lowest come first.
        weakest.sort_by(|a, b| b.fall.total_cmp(&a.fall).then(a.vm_nose_pu.total_cmp(&b.vm_nose_pu)));
        weakest.truncate(self.config.watched);
        let curve = self
            .points
            .iter()
            .map(|(lambda, vm)| CurvePoint {
                lambda: *lambda,
                vm_pu: weakest.iter().map(|weak| vm[weak.bus.row()]).collect(),
            })
            .collect();
        let at_limit_in_base = base.at_limit.clone();
        Ok(Nose {
            lambda,
            cause,
            base,
            solution,
            state,
            curve,
            weakest,
            events: self.events,
            at_limit_in_base,
        })
    }
}

/// The event furthest beyond its limit, the first of equals.
fn furthest(events: &[(Event, f64)]) -> Option<(Event, f64)> {
    events.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a })
}

/// Where a function of the length of a step is zero: regula falsi that halves the weight of an end which stays (the
/// Illinois rule). Source: M. Dowell, P. Jarratt, BIT 11, 1971.
struct Bracket {
    near: (f64, f64),
    far: (f64, f64),
    stayed: i8,
}

impl Bracket {
    fn new(at_zero: f64, length: f64, at_length: f64) -> Self {
        Bracket { near: (0.0, at_zero), far: (length, at_length), stayed: 0 }
    }

    fn width(&self) -> f64 {
        self.far.0 - self.near.0
    }

    fn next(&self) -> f64 {
        let (a, b) = (self.near, self.far);
        let at = (a.0 * b.1 - b.0 * a.1) / (b.1 - a.1);
        if at > a.0 && at < b.0 { at } else { 0.5 * (a.0 + b.0) }
    }

    fn narrow(&mut self, at: f64, value: f64) {
        if (value > 0.0) == (self.near.1 > 0.0) {
            self.near = (at, value);
            if self.stayed == 1 {
                self.far.1 *= 0.5;
            }
            self.stayed = 1;
        } else {
            self.far = (at, value);
            if self.stayed == -1 {
                self.near.1 *= 0.5;
            }
            self.stayed = -1;
        }
    }
}
