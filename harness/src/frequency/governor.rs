//! Governors and turbines: from a deviation of the frequency to mechanical power.
//!
//! Every model works on the machine's own base and with the absolute position of its valve or gate, so that its limits are
//! those of the equipment. A limit is without windup: an integrator at its limit stands still and leaves it at once when
//! its input turns round. Source: `IEEE PES-TR1`, "Dynamic Models for Turbine-Governors in Power System Studies" (2013), chapters
//! 2 and 3, for the block diagrams; typical values as in Kundur, "Power System Stability and Control" (1994), chapter 9.

/// States that a governor may have.
pub(super) const STATES: usize = 6;

/// The states of a governor; those that it does not use are zero.
pub(super) type States = [f64; STATES];

/// Dead zone of governors, Hz to each side, that the North American reliability standards allow (NERC Reliability Guideline
/// on primary frequency control: 0.036 Hz).
pub const DEADBAND_HZ: f64 = 0.036;

/// Share of synchronous capacity that takes no part in primary control: units at their maximum, and blocked governors.
/// Source: observed in North American interconnections, where about 30 % of the capacity on line responds and sustains less.
pub const UNGOVERNED_SHARE: f64 = 0.3;

/// How a unit's mechanical power follows the frequency. Powers in pu of the unit's rating, times in s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Governor {
    /// Constant power.
    Fixed,
    /// Proportional with one lag: the frequency control of an inverter.
    Droop(Droop),
    /// Steam turbine and governor, TGOV1.
    Tgov1(Tgov1),
    /// The reheat turbine of the system-frequency-response model: no lag but that of the reheater.
    Reheat(Reheat),
    /// Steam turbine with several cylinders, IEEEG1 reduced to its high-pressure shaft.
    Ieeeg1(Ieeeg1),
    /// Gas turbine with a proportional-integral governor and a temperature limit, GGOV1 reduced.
    Ggov1(Ggov1),
    /// Hydro turbine with transient droop and a rigid water column.
    Hydro(Hydro),
}

/// Proportional control with one lag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Droop {
    /// Change of the frequency, pu, for a change of the power by the rating.
    pub droop_pu: f64,
    /// Lag of the power, s.
    pub lag_s: f64,
}

/// TGOV1: `(1 + s T2) / (1 + s T3)` behind a valve with the lag T1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tgov1 {
    /// Permanent droop R, pu.
    pub droop_pu: f64,
    /// Lag of the valve T1, s.
    pub t1_s: f64,
    /// Lead T2, s; `T2 / T3` is the share of the high-pressure turbine.
    pub t2_s: f64,
    /// Lag of the reheater T3, s.
    pub t3_s: f64,
    /// Lowest position of the valve, pu.
    pub valve_min_pu: f64,
    /// Highest position of the valve, pu.
    pub valve_max_pu: f64,
    /// Damping of the turbine Dt, pu of power for a pu of frequency.
    pub damping_pu: f64,
}

impl Default for Tgov1 {
    fn default() -> Self {
        Self {
            droop_pu: 0.05,
            t1_s: 0.5,
            t2_s: 2.1,
            t3_s: 7.0,
            valve_min_pu: 0.0,
            valve_max_pu: 1.0,
            damping_pu: 0.0,
        }
    }
}

/// The reheat turbine of Anderson and Mirheydar (IEEE Trans. Power Systems 5(3), 1990):
/// `-(Km / R) (1 + FH TR s) / (1 + TR s)` from frequency to power.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reheat {
    /// Droop R, pu.
    pub droop_pu: f64,
    /// Share of the high-pressure turbine FH.
    pub high_pressure_share: f64,
    /// Time constant of the reheater TR, s.
    pub reheat_s: f64,
    /// Mechanical gain Km: spinning reserve and power factor, 0.95 where nothing better is known.
    pub gain_pu: f64,
}

/// IEEEG1, the high-pressure shaft.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ieeeg1 {
    /// Gain K, the inverse of the droop.
    pub gain_pu: f64,
    /// Lag of the governor T1, s; zero leaves the governor's lead and lag out.
    pub t1_s: f64,
    /// Lead of the governor T2, s.
    pub t2_s: f64,
    /// Time constant of the servo T3, s.
    pub t3_s: f64,
    /// Fastest opening of the valve Uo, pu/s.
    pub opening_pu_per_s: f64,
    /// Fastest closing of the valve Uc, pu/s, negative.
    pub closing_pu_per_s: f64,
    /// Lowest position of the valve, pu.
    pub valve_min_pu: f64,
    /// Highest position of the valve, pu.
    pub valve_max_pu: f64,
    /// Steam chest T4, reheater T5, crossover T6 and T7, s; zero leaves a stage out.
    pub stages_s: [f64; 4],
    /// Shares K1, K3, K5, K7 of the power after each stage; their sum is one.
    pub shares: [f64; 4],
}

impl Default for Ieeeg1 {
    fn default() -> Self {
        Self {
            gain_pu: 20.0,
            t1_s: 0.0,
            t2_s: 0.0,
            t3_s: 0.1,
            opening_pu_per_s: 0.3,
            closing_pu_per_s: -0.3,
            valve_min_pu: 0.0,
            valve_max_pu: 1.0,
            stages_s: [0.3, 7.0, 0.4, 0.0],
            shares: [0.3, 0.4, 0.3, 0.0],
        }
    }
}

/// GGOV1 reduced: droop on electric power, a low-value gate of governor and temperature limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ggov1 {
    /// Droop r on the unit's electric power, pu.
    pub droop_pu: f64,
    /// Proportional gain Kp,gov.
    pub proportional_pu: f64,
    /// Integral gain Ki,gov, 1/s.
    pub integral_per_s: f64,
    /// Lag of the fuel valve T_act, s.
    pub actuator_s: f64,
    /// Lead of the turbine Tc, s.
    pub lead_s: f64,
    /// Lag of the turbine Tb, s.
    pub lag_s: f64,
    /// Gain of the turbine K_turb.
    pub turbine_gain_pu: f64,
    /// Fuel flow without load W_fnl, pu.
    pub no_load_fuel_pu: f64,
    /// Fuel flow at the temperature limit, pu.
    pub limit_fuel_pu: f64,
}

impl Default for Ggov1 {
    fn default() -> Self {
        Self {
            droop_pu: 0.04,
            proportional_pu: 10.0,
            integral_per_s: 2.0,
            actuator_s: 0.5,
            lead_s: 0.0,
            lag_s: 0.5,
            turbine_gain_pu: 1.5,
            no_load_fuel_pu: 0.2,
            limit_fuel_pu: 1.0,
        }
    }
}

/// Transient droop `(1 + TR s) / (1 + (RT / RP) TR s)`, a gate, and the water column `(1 - Tw s) / (1 + 0.5 Tw s)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hydro {
    /// Permanent droop RP, pu.
    pub droop_pu: f64,
    /// Transient droop RT, pu.
    pub transient_droop_pu: f64,
    /// Reset time TR, s.
    pub reset_s: f64,
    /// Water starting time Tw, s.
    pub water_s: f64,
    /// Lag of the gate servo, s.
    pub gate_s: f64,
    /// Fastest movement of the gate either way, pu/s.
    pub gate_pu_per_s: f64,
}

impl Default for Hydro {
    fn default() -> Self {
        Self {
            droop_pu: 0.05,
            transient_droop_pu: 0.38,
            reset_s: 5.0,
            water_s: 1.0,
            gate_s: 0.2,
            gate_pu_per_s: 0.16,
        }
    }
}

/// What a unit can do, on its own base.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    /// Lowest power.
    pub(super) low: f64,
    /// Highest power.
    pub(super) high: f64,
    /// Fastest change of the power that its valve may ask for, 1/s.
    pub(super) ramp: f64,
    /// Power before anything happened.
    pub(super) start: f64,
}

/// The rate at which an integrator may move that is kept between two limits: none further out.
fn held(rate: f64, position: f64, low: f64, high: f64) -> f64 {
    if position >= high {
        rate.min(0.0)
    } else if position <= low {
        rate.max(0.0)
    } else {
        rate
    }
}

/// `(1 + s lead) / (1 + s lag)` of an input, of which `state` is the lagged part; the input itself without a lag.
fn lead_lag(input: f64, state: f64, lead: f64, lag: f64) -> f64 {
    if lag > 0.0 { (lead / lag) * (input - state) + state } else { input }
}

/// How fast the lagged part follows.
fn follow(input: f64, state: f64, lag: f64) -> f64 {
    if lag > 0.0 { (input - state) / lag } else { 0.0 }
}

impl Tgov1 {
    fn limits(&self, range: &Range) -> (f64, f64) {
        (self.valve_min_pu.max(range.low), self.valve_max_pu.min(range.high))
    }
}

impl Ieeeg1 {
    fn limits(&self, range: &Range) -> (f64, f64) {
        (self.valve_min_pu.max(range.low), self.valve_max_pu.min(range.high))
    }

    /// Steam at the end of each stage.
    fn steam(&self, states: &States) -> [f64; 4] {
        let mut flow = states[1];
        let mut steam = [0.0; 4];
        for stage in 0..4 {
            if self.stages_s[stage] > 0.0 {
                flow = states[2 + stage];
            }
            steam[stage] = flow;
        }
        steam
    }
}

impl Ggov1 {
    fn fuel(&self, power: f64) -> f64 {
        power / self.turbine_gain_pu + self.no_load_fuel_pu
    }

    fn error(&self, deviation: f64, electric: f64, range: &Range) -> f64 {
        -deviation - self.droop_pu * (electric - range.start)
    }
}

impl Reheat {
    fn valve(&self, deviation: f64, range: &Range) -> f64 {
        (range.start - self.gain_pu / self.droop_pu * deviation).clamp(range.low, range.high)
    }
}

impl Governor {
    /// Its states at a power at which nothing moves.
    pub(super) fn start(&self, range: &Range) -> States {
        let p = range.start;
        match self {
            Governor::Fixed => [0.0; STATES],
            Governor::Droop(_) | Governor::Reheat(_) => [p, 0.0, 0.0, 0.0, 0.0, 0.0],
            Governor::Tgov1(_) => [p, p, 0.0, 0.0, 0.0, 0.0],
            Governor::Ieeeg1(_) => [0.0, p, p, p, p, p],
            Governor::Ggov1(g) => [0.0, g.fuel(p), p, 0.0, 0.0, 0.0],
            Governor::Hydro(_) => [0.0, p, p, 0.0, 0.0, 0.0],
        }
    }

    /// Mechanical power. `deviation` is that of the frequency in pu with the dead zone taken off, `speed` with it.
    pub(super) fn power(&self, states: &States, deviation: f64, speed: f64, range: &Range) -> f64 {
        match self {
            Governor::Fixed => range.start,
            Governor::Droop(_) => states[0],
            Governor::Tgov1(g) => lead_lag(states[0], states[1], g.t2_s, g.t3_s) - g.damping_pu * speed,
            Governor::Reheat(g) => {
                let valve = g.valve(deviation, range);
                g.high_pressure_share * (valve - states[0]) + states[0]
            }
            Governor::Ieeeg1(g) => {
                g.steam(states).iter().zip(&g.shares).fold(0.0, |sum, (flow, share)| flow * share + sum)
            }
            Governor::Ggov1(g) => {
                let turbine = g.turbine_gain_pu * (states[1] - g.no_load_fuel_pu);
                lead_lag(turbine, states[2], g.lead_s, g.lag_s)
            }
            // (1 - Tw s) / (1 + 0.5 Tw s) of the gate: the power first moves the wrong way.
            Governor::Hydro(g) => lead_lag(states[1], states[2], -g.water_s, 0.5 * g.water_s),
        }
    }

    /// Rates of the states; `electric` is the electric power of the unit.
    pub(super) fn rates(&self, states: &States, deviation: f64, electric: f64, range: &Range) -> States {
        let mut rates = [0.0; STATES];
        match self {
            Governor::Fixed => {}
            Governor::Droop(g) => {
                let rate = (range.start - deviation / g.droop_pu - states[0]) / g.lag_s;
                rates[0] = held(rate.clamp(-range.ramp, range.ramp), states[0], range.low, range.high);
            }
            Governor::Tgov1(g) => {
                let (low, high) = g.limits(range);
                let rate = (range.start - deviation / g.droop_pu - states[0]) / g.t1_s;
                rates[0] = held(rate.clamp(-range.ramp, range.ramp), states[0], low, high);
                rates[1] = follow(states[0], states[1], g.t3_s);
            }
            Governor::Reheat(g) => rates[0] = follow(g.valve(deviation, range), states[0], g.reheat_s),
            Governor::Ieeeg1(g) => {
                let (low, high) = g.limits(range);
                let input = -g.gain_pu * deviation;
                rates[0] = follow(input, states[0], g.t1_s);
                let asked = range.start + lead_lag(input, states[0], g.t2_s, g.t1_s);
                let rate = ((asked - states[1]) / g.t3_s)
                    .clamp(g.closing_pu_per_s.max(-range.ramp), g.opening_pu_per_s.min(range.ramp));
                rates[1] = held(rate, states[1], low, high);
                let steam = g.steam(states);
                for stage in 0..4 {
                    let from = if stage == 0 { states[1] } else { steam[stage - 1] };
                    rates[2 + stage] = follow(from, states[2 + stage], g.stages_s[stage]);
                }
            }
            Governor::Ggov1(g) => {
                let error = g.error(deviation, electric, range);
                let asked = g.proportional_pu * error + states[0] + g.fuel(range.start);
                let (low, high) = (g.fuel(range.low), g.fuel(range.high).min(g.limit_fuel_pu));
                // Where the other input of the gate rules, the integral stands still unless it moves back.
                rates[0] = held(g.integral_per_s * error, asked, low, high);
                let ramp = range.ramp / g.turbine_gain_pu;
                let rate = ((asked.min(high) - states[1]) / g.actuator_s).clamp(-ramp, ramp);
                rates[1] = held(rate, states[1], low, high);
                let turbine = g.turbine_gain_pu * (states[1] - g.no_load_fuel_pu);
                rates[2] = follow(turbine, states[2], g.lag_s);
            }
            Governor::Hydro(g) => {
                let input = -deviation / g.droop_pu;
                let lag = g.transient_droop_pu / g.droop_pu * g.reset_s;
                rates[0] = follow(input, states[0], lag);
                let asked = range.start + lead_lag(input, states[0], g.reset_s, lag);
                let fastest = g.gate_pu_per_s.min(range.ramp);
                let rate = ((asked - states[1]) / g.gate_s).clamp(-fastest, fastest);
                rates[1] = held(rate, states[1], range.low, range.high);
                rates[2] = follow(states[1], states[2], 0.5 * g.water_s);
            }
        }
        rates
    }

    /// Puts back what a step of finite length carried beyond a limit.
    pub(super) fn limit(&self, states: &mut States, range: &Range) {
        let (at, (low, high)) = match self {
            Governor::Fixed | Governor::Reheat(_) => return,
            Governor::Droop(_) => (0, (range.low, range.high)),
            Governor::Tgov1(g) => (0, g.limits(range)),
            Governor::Ieeeg1(g) => (1, g.limits(range)),
            Governor::Ggov1(g) => (1, (g.fuel(range.low), g.fuel(range.high).min(g.limit_fuel_pu))),
            Governor::Hydro(_) => (1, (range.low, range.high)),
        };
        states[at] = states[at].clamp(low, high);
    }

    /// The time constants that must be above zero, s.
    pub(super) fn times_s(&self) -> Vec<f64> {
        match self {
            Governor::Fixed => Vec::new(),
            Governor::Droop(g) => vec![g.lag_s],
            Governor::Tgov1(g) => vec![g.t1_s, g.t3_s],
            Governor::Reheat(g) => vec![g.reheat_s],
            Governor::Ieeeg1(g) => {
                let stages = g.stages_s.iter().copied().chain([g.t1_s]).filter(|t| *t != 0.0);
                stages.chain([g.t3_s]).collect()
            }
            Governor::Ggov1(g) => vec![g.actuator_s, g.lag_s],
            Governor::Hydro(g) => vec![g.reset_s, 0.5 * g.water_s, g.gate_s],
        }
    }

    /// Power for a deviation of the frequency in the steady state, without limits: pu for pu; zero for a fixed power.
    pub fn stiffness_pu(&self) -> f64 {
        match self {
            Governor::Fixed => 0.0,
            Governor::Droop(g) => 1.0 / g.droop_pu,
            Governor::Tgov1(g) => 1.0 / g.droop_pu + g.damping_pu,
            Governor::Reheat(g) => g.gain_pu / g.droop_pu,
            Governor::Ieeeg1(g) => g.gain_pu,
            Governor::Ggov1(g) if g.integral_per_s > 0.0 => 1.0 / g.droop_pu,
            Governor::Ggov1(g) => {
                let gain = g.proportional_pu * g.turbine_gain_pu;
                gain / (1.0 + gain * g.droop_pu)
            }
            Governor::Hydro(g) => 1.0 / g.droop_pu,
        }
    }

    /// What is wrong with its numbers, in words.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut positive = |name: &str, value: f64| {
            if !(value.is_finite() && value > 0.0) {
                wrong.push(format!("{name} is {value}, it should be above zero"));
            }
        };
        for time in self.times_s() {
            positive("a time constant, s,", time);
        }
        match self {
            Governor::Fixed => {}
            Governor::Droop(g) => positive("the droop", g.droop_pu),
            Governor::Tgov1(g) => {
                positive("the droop", g.droop_pu);
                positive("the range of the valve", g.valve_max_pu - g.valve_min_pu);
            }
            Governor::Reheat(g) => {
                positive("the droop", g.droop_pu);
                positive("the mechanical gain", g.gain_pu);
            }
            Governor::Ieeeg1(g) => {
                positive("the gain", g.gain_pu);
                positive("the fastest opening, pu/s,", g.opening_pu_per_s);
                positive("the fastest closing, pu/s, taken positive,", -g.closing_pu_per_s);
                positive("the range of the valve", g.valve_max_pu - g.valve_min_pu);
            }
            Governor::Ggov1(g) => {
                positive("the droop", g.droop_pu);
                positive("the proportional gain", g.proportional_pu);
                positive("the gain of the turbine", g.turbine_gain_pu);
            }
            Governor::Hydro(g) => {
                positive("the droop", g.droop_pu);
                positive("the transient droop", g.transient_droop_pu);
                positive("the fastest movement of the gate, pu/s,", g.gate_pu_per_s);
            }
        }
        match self {
            Governor::Reheat(g) if !(0.0..=1.0).contains(&g.high_pressure_share) => {
                wrong.push(format!(
                    "the share of the high-pressure turbine is {}, it should be between 0 and 1",
                    g.high_pressure_share
                ));
            }
            Governor::Ieeeg1(g) if !((g.shares.iter().sum::<f64>() - 1.0).abs() < 1e-6) => {
                wrong.push(format!(
                    "the shares of the cylinders add up to {}, it should be 1",
                    g.shares.iter().sum::<f64>()
                ));
            }
            Governor::Ieeeg1(g) if g.t1_s == 0.0 && g.t2_s != 0.0 => {
                wrong.push("the governor has a lead and no lag".into());
            }
            Governor::Tgov1(g) if !(g.t2_s.is_finite() && g.t2_s >= 0.0 && g.damping_pu.is_finite()) => {
                wrong.push(
                    "the lead and the damping of the turbine should be finite and the lead not negative"
                        .into(),
                );
            }
            Governor::Ggov1(g)
                if !(g.integral_per_s >= 0.0
                    && g.lead_s >= 0.0
                    && g.no_load_fuel_pu.is_finite()
                    && g.limit_fuel_pu.is_finite()) =>
            {
                wrong.push(
                    "the integral gain and the lead of the turbine should not be negative, fuel flows finite"
                        .into(),
                );
            }
            _ => {}
        }
        wrong
    }
}
