//! Machines and their governors as differential equations, and one step of them.
//!
//! Source: Kundur, Power System Stability and Control, 1994, sections 13.3 (machine) and 9.2.1 (governor and turbine);
//! TGOV1 as in ANDES 2.0.0, with a limiter that freezes its integrator.

use super::case::{Machine, MachineCase, SYSTEM_BASE_MVA};
use super::circuits::{CIRCUIT_STATES, Circuits, to_network, to_rotor};
use super::exciter::{EXCITER_STATES, Exciter, STABILISER_STATES, Stabiliser, Terminal};
use super::network::Reduced;
use super::phasor::Phasor;

/// States of each machine, one after the other: angle, speed, valve, lag of the turbine; circuits, exciter, stabiliser. Those
/// that a machine does not have stay 0.
pub(super) const STATES: usize = STABILISER + STABILISER_STATES;
/// Angle to the frame that turns at nominal speed, rad.
pub(super) const DELTA: usize = 0;
/// Speed, pu of nominal.
pub(super) const OMEGA: usize = 1;
/// Valve position, pu of the machine's base.
const VALVE: usize = 2;
/// State of the turbine's lead-lag, pu of the machine's base.
const LAG: usize = 3;
const CIRCUITS: usize = 4;
const EXCITER: usize = CIRCUITS + CIRCUIT_STATES;
const STABILISER: usize = EXCITER + EXCITER_STATES;

/// How equations are carried over a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Integrator {
    /// Implicit trapezoid.
    #[default]
    Trapezoid,
    /// The classical Runge-Kutta method of order four.
    RungeKutta4,
}

/// TGOV1 about the point at which its machine begins.
#[derive(Clone, Copy, Debug)]
struct Turbine {
    droop: f64,
    /// Valve position that nominal speed asks for.
    set_point: f64,
    valve_max: f64,
    valve_min: f64,
    servo_s: f64,
    lag_s: f64,
    /// `T2 / T3`.
    lead: f64,
    damping: f64,
    /// Machine base to system base.
    to_system: f64,
}

impl Turbine {
    /// Where the valve would go at this speed, were it not for servo and limits.
    fn wanted(&self, omega: f64) -> f64 {
        self.set_point - (omega - 1.0) / self.droop
    }

    /// Where the valve is.
    fn valve(&self, state: &[f64]) -> f64 {
        let valve = if self.servo_s > 0.0 { state[VALVE] } else { self.wanted(state[OMEGA]) };
        valve.clamp(self.valve_min, self.valve_max)
    }

    /// Mechanical power, pu of the system base.
    fn power(&self, state: &[f64]) -> f64 {
        let valve = self.valve(state);
        let out = if self.lag_s > 0.0 { state[LAG] + self.lead * (valve - state[LAG]) } else { valve };
        self.to_system * (out - self.damping * (state[OMEGA] - 1.0))
    }

    /// Rates of valve and lag.
    fn rates(&self, state: &[f64]) -> [f64; 2] {
        let wanted = self.wanted(state[OMEGA]);
        let servo = if self.servo_s > 0.0 { (wanted - state[VALVE]) / self.servo_s } else { 0.0 };
        let lag = if self.lag_s > 0.0 { (self.valve(state) - state[LAG]) / self.lag_s } else { 0.0 };
        [servo, lag]
    }
}

/// Field and damper circuits of a machine, and what sets its field voltage.
#[derive(Clone, Debug)]
struct Field {
    circuits: Circuits,
    /// Stator impedance, machine base.
    impedance: Phasor,
    /// System base to machine base, for currents and powers.
    to_machine: f64,
    /// Exciter with its reference, where it has one.
    exciter: Option<(Exciter, f64)>,
    stabiliser: Option<Stabiliser>,
    /// Field voltage without an exciter.
    constant: f64,
}

impl Field {
    /// What the exciter sees, for the internal voltage and the current in the rotor's frame.
    fn terminal(&self, state: &[f64], voltage: Phasor, current: Phasor) -> Terminal {
        Terminal {
            voltage: voltage - self.impedance * current,
            current,
            field_current: self.circuits.field_current(&state[CIRCUITS..EXCITER], voltage, current),
            omega: state[OMEGA],
        }
    }

    /// Rates of circuits, exciter and stabiliser; the current is in the network's frame, system base, the power in pu of it.
    fn rates(
        &self,
        state: &[f64],
        current: Phasor,
        power_pu: f64,
        rate: &mut [f64],
        bounds: &mut [(f64, f64)],
    ) {
        let circuits = &state[CIRCUITS..EXCITER];
        let voltage = self.circuits.voltage(circuits);
        let current = to_rotor(current, state[DELTA]).scale(self.to_machine);
        let at = self.terminal(state, voltage, current);
        let field = match &self.exciter {
            None => self.constant,
            Some((exciter, reference)) => {
                let states = &state[EXCITER..STABILISER];
                let mut reference = *reference;
                if let Some(stabiliser) = self.stabiliser {
                    let own = &state[STABILISER..STATES];
                    let (added, rates) = stabiliser.act(own, state[OMEGA], power_pu * self.to_machine);
                    reference += added;
                    rate[STABILISER..STATES].copy_from_slice(&rates);
                }
                let of = EXCITER..STABILISER;
                exciter.rates(states, &at, reference, &mut rate[of.clone()], &mut bounds[of]);
                exciter.field(states, &at)
            }
        };
        let rates = self.circuits.rates(circuits, voltage, current, field);
        rate[CIRCUITS..EXCITER].copy_from_slice(&rates);
    }
}

/// A machine on the system base.
#[derive(Clone, Debug)]
struct Rotor {
    /// `2 H`, s.
    m_s: f64,
    damping: f64,
    /// Magnitude of the internal voltage, pu, where it is constant.
    internal_pu: f64,
    /// Mechanical power where nothing governs it, pu.
    power_pu: f64,
    turbine: Option<Turbine>,
    field: Option<Field>,
}

/// All machines of a case.
#[derive(Clone, Debug)]
pub(super) struct Model {
    rotors: Vec<Rotor>,
    /// Nominal angular frequency, rad/s.
    omega_nominal: f64,
}

/// What a step needs to hold, kept between steps.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    internal: Vec<Phasor>,
    currents: Vec<Phasor>,
    stages: [Vec<f64>; 4],
    at: Vec<f64>,
    /// Lowest and highest value of each state, infinite where it has no limit.
    bounds: Vec<(f64, f64)>,
}

/// The implicit equations of a step were not solved: the step is too long, or the states left all bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stuck;

/// Passes of the fixed-point iteration of a step: it contracts by about `step * rate / 2`, 0.1 at the time constants of this
/// model, so that more are needed only where the step is too long.
const PASSES_MAX: usize = 30;
/// Change of a state, relative to `1 + |state|`, at which a step is solved. The specification asks for 1e-8.
const PASS_TOLERANCE: f64 = 1e-13;
/// A step is cut in two this often before it is given up.
const CUTS_MAX: u32 = 10;

impl Model {
    /// Machines at rest on these internal voltages, and their states.
    ///
    /// Mechanical power is what the reduced network takes, so that nothing moves before an event; a governor whose limits
    /// exclude it gets wider ones, and is named in the warnings.
    pub(super) fn at_rest(
        case: &MachineCase,
        internal: &[Phasor],
        reduced: &Reduced,
    ) -> (Self, Vec<f64>, Vec<String>) {
        let n = case.machines.len();
        let mut currents = vec![Phasor::ZERO; n];
        reduced.currents(internal, &mut currents);
        let mut states = vec![0.0; n * STATES];
        let mut warnings = Vec::new();
        let mut rotors = Vec::with_capacity(n);
        for (at, machine) in case.machines.iter().enumerate() {
            let to_system = machine.base_mva / SYSTEM_BASE_MVA;
            let power_pu = (internal[at] * currents[at].conj()).re;
            let valve = power_pu / to_system;
            let state = &mut states[at * STATES..(at + 1) * STATES];
            state[OMEGA] = 1.0;
            state[DELTA] = internal[at].angle_rad();
            let on = reduced.island_of_machine[at].is_some();
            let field = machine.circuits.filter(|_| on).map(|circuits| {
                field_at_rest(
                    machine,
                    circuits,
                    internal[at],
                    currents[at].scale(1.0 / to_system),
                    state,
                    &mut warnings,
                )
            });
            let turbine = machine.governor.map(|governor| {
                if on && !(governor.valve_min..=governor.valve_max).contains(&valve) {
                    warnings.push(format!(
                        "machine {} begins at {valve:.4} of its base, outside the limits {} to {} of its governor: the limit is \
                         moved there",
                        machine.id, governor.valve_min, governor.valve_max
                    ));
                }
                state[VALVE] = valve;
                state[LAG] = valve;
                Turbine {
                    droop: governor.droop,
                    set_point: valve,
                    valve_max: governor.valve_max.max(valve),
                    valve_min: governor.valve_min.min(valve),
                    servo_s: governor.servo_s,
                    lag_s: governor.lag_s,
                    lead: if governor.lag_s > 0.0 { governor.lead_s / governor.lag_s } else { 1.0 },
                    damping: governor.damping,
                    to_system,
                }
            });
            rotors.push(Rotor {
                m_s: machine.m_s * to_system,
                damping: machine.damping * to_system,
                internal_pu: internal[at].abs(),
                power_pu,
                turbine,
                field,
            });
        }
        let omega_nominal = 2.0 * std::f64::consts::PI * case.frequency_hz;
        (Self { rotors, omega_nominal }, states, warnings)
    }

    /// `2 H` of a machine on the system base, s.
    pub(super) fn inertia_s(&self, machine: usize) -> f64 {
        self.rotors[machine].m_s
    }

    /// Internal voltages of all machines, pu.
    pub(super) fn internal(&self, states: &[f64], internal: &mut Vec<Phasor>) {
        internal.clear();
        internal.extend(self.rotors.iter().zip(states.chunks_exact(STATES)).map(|(rotor, state)| {
            match &rotor.field {
                None => Phasor::polar(rotor.internal_pu, state[DELTA]),
                Some(field) => to_network(field.circuits.voltage(&state[CIRCUITS..EXCITER]), state[DELTA]),
            }
        }));
    }

    /// Rates of all states, zero for machines that are off, and the bounds of limited states.
    pub(super) fn rates(
        &self,
        reduced: &Reduced,
        states: &[f64],
        scratch: &mut Scratch,
        rates: &mut Vec<f64>,
    ) {
        self.internal(states, &mut scratch.internal);
        scratch.currents.resize(self.rotors.len(), Phasor::ZERO);
        reduced.currents(&scratch.internal, &mut scratch.currents);
        rates.clear();
        rates.resize(states.len(), 0.0);
        scratch.bounds.clear();
        scratch.bounds.resize(states.len(), (f64::NEG_INFINITY, f64::INFINITY));
        for (at, rotor) in self.rotors.iter().enumerate() {
            if reduced.island_of_machine[at].is_none() {
                continue;
            }
            let own = at * STATES..(at + 1) * STATES;
            let state = &states[own.clone()];
            let rate = &mut rates[own.clone()];
            let bounds = &mut scratch.bounds[own];
            let slip = state[OMEGA] - 1.0;
            let electrical = (scratch.internal[at] * scratch.currents[at].conj()).re;
            let mechanical = rotor.turbine.map_or(rotor.power_pu, |turbine| turbine.power(state));
            rate[DELTA] = self.omega_nominal * slip;
            rate[OMEGA] = (mechanical - electrical - rotor.damping * slip) / rotor.m_s;
            if let Some(turbine) = rotor.turbine {
                [rate[VALVE], rate[LAG]] = turbine.rates(state);
                bounds[VALVE] = (turbine.valve_min, turbine.valve_max);
            }
            if let Some(field) = &rotor.field {
                field.rates(state, scratch.currents[at], electrical, rate, bounds);
            }
        }
    }

    /// Carries states over a step, in parts where it is too long for its equations.
    pub(super) fn step(
        &self,
        integrator: Integrator,
        reduced: &Reduced,
        states: &mut Vec<f64>,
        step_s: f64,
        scratch: &mut Scratch,
    ) -> Result<(), Stuck> {
        for cuts in 0..=CUTS_MAX {
            let parts = 1u32 << cuts;
            let mut moved = states.clone();
            let part_s = step_s / f64::from(parts);
            let whole = (0..parts).try_for_each(|_| match integrator {
                Integrator::Trapezoid => self.trapezoid(reduced, &mut moved, part_s, scratch),
                Integrator::RungeKutta4 => self.runge_kutta(reduced, &mut moved, part_s, scratch),
            });
            if whole.is_ok() {
                *states = moved;
                return Ok(());
            }
        }
        Err(Stuck)
    }

    /// `x + h/2 (f(x) + f(y)) = y`, solved by fixed-point iteration from Euler's step.
    ///
    /// A state on its limit does not move at the start of the step; at its end it is the nearest value within the limits.
    /// Freezing it there too would leave no solution where a state comes to its limit within the step.
    fn trapezoid(
        &self,
        reduced: &Reduced,
        states: &mut Vec<f64>,
        step_s: f64,
        scratch: &mut Scratch,
    ) -> Result<(), Stuck> {
        let mut stages = std::mem::take(&mut scratch.stages);
        let mut next = std::mem::take(&mut scratch.at);
        let [before, after, candidate, _] = &mut stages;
        self.rates(reduced, states, scratch, before);
        freeze(states, &scratch.bounds, before);
        next.clear();
        next.extend(states.iter().zip(&*before).map(|(x, f)| x + step_s * f));
        limit(&mut next, &scratch.bounds);
        let mut change = f64::INFINITY;
        for _ in 0..PASSES_MAX {
            self.rates(reduced, &next, scratch, after);
            candidate.clear();
            let slopes = before.iter().zip(&*after);
            candidate.extend(states.iter().zip(slopes).map(|(x, (f, g))| x + 0.5 * step_s * (f + g)));
            limit(candidate, &scratch.bounds);
            change = 0.0;
            for (new, old) in candidate.iter().zip(&next) {
                let moved = (new - old).abs() / (1.0 + new.abs());
                // What is no number stays: it must not pass as no change.
                if moved.is_nan() || moved > change {
                    change = moved;
                }
            }
            std::mem::swap(&mut next, candidate);
            if change.is_nan() || change <= PASS_TOLERANCE {
                break;
            }
        }
        let solved = change <= PASS_TOLERANCE;
        if solved {
            states.clone_from(&next);
        }
        scratch.stages = stages;
        scratch.at = next;
        if solved { Ok(()) } else { Err(Stuck) }
    }

    fn runge_kutta(
        &self,
        reduced: &Reduced,
        states: &mut [f64],
        step_s: f64,
        scratch: &mut Scratch,
    ) -> Result<(), Stuck> {
        let mut stages = std::mem::take(&mut scratch.stages);
        let mut at = std::mem::take(&mut scratch.at);
        self.rates(reduced, states, scratch, &mut stages[0]);
        freeze(states, &scratch.bounds, &mut stages[0]);
        for (stage, share) in [(1, 0.5), (2, 0.5), (3, 1.0)] {
            at.clear();
            at.extend(states.iter().zip(&stages[stage - 1]).map(|(x, f)| x + share * step_s * f));
            limit(&mut at, &scratch.bounds);
            self.rates(reduced, &at, scratch, &mut stages[stage]);
            freeze(&at, &scratch.bounds, &mut stages[stage]);
        }
        for (k, x) in states.iter_mut().enumerate() {
            let [a, b, c, d] = [0, 1, 2, 3].map(|stage: usize| stages[stage][k]);
            *x += step_s / 6.0 * (a + 2.0 * (b + c) + d);
        }
        limit(states, &scratch.bounds);
        scratch.stages = stages;
        scratch.at = at;
        if states.iter().all(|x| x.is_finite()) { Ok(()) } else { Err(Stuck) }
    }
}

/// Circuits at rest on a voltage and a current (machine base), with an exciter that holds them there; fills in the states.
fn field_at_rest(
    machine: &Machine,
    circuits: Circuits,
    voltage: Phasor,
    current: Phasor,
    state: &mut [f64],
    warnings: &mut Vec<String>,
) -> Field {
    let (delta, states) = circuits.at_rest(voltage, current);
    state[DELTA] = delta;
    state[CIRCUITS..EXCITER].copy_from_slice(&states);
    let mut field = Field {
        circuits,
        impedance: Phasor::new(machine.resistance, circuits.subtransient),
        to_machine: SYSTEM_BASE_MVA / machine.base_mva,
        exciter: None,
        stabiliser: None,
        constant: 0.0,
    };
    let at = field.terminal(state, to_rotor(voltage, delta), to_rotor(current, delta));
    field.constant = at.field_current;
    if let Some(exciter) = machine.exciter {
        match exciter.at_rest(&at, at.field_current) {
            Ok((states, reference)) => {
                state[EXCITER..STABILISER].copy_from_slice(&states);
                field.exciter = Some((exciter, reference));
            }
            Err(why) => warnings.push(format!("machine {}: {why}: it is kept constant", machine.id)),
        }
    }
    if let Some(stabiliser) = machine.stabiliser.filter(|_| field.exciter.is_some()) {
        let power = (voltage * current.conj()).re;
        state[STABILISER..STATES].copy_from_slice(&stabiliser.at_rest(1.0, power));
        field.stabiliser = Some(stabiliser);
    }
    field
}

/// Stops states that are on a limit and would go beyond.
fn freeze(states: &[f64], bounds: &[(f64, f64)], rates: &mut [f64]) {
    for ((rate, x), (low, high)) in rates.iter_mut().zip(states).zip(bounds) {
        if (*rate > 0.0 && *x >= *high) || (*rate < 0.0 && *x <= *low) {
            *rate = 0.0;
        }
    }
}

/// Puts states that a step carried beyond a limit back onto it.
fn limit(states: &mut [f64], bounds: &[(f64, f64)]) {
    for (x, (low, high)) in states.iter_mut().zip(bounds) {
        // Not `clamp`, which panics where limits that follow a voltage are no numbers; a state that is none stays so.
        if *x > *high {
            *x = *high;
        } else if *x < *low {
            *x = *low;
        }
    }
}
