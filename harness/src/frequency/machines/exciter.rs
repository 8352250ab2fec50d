//! Exciters and a stabiliser: what sets the field voltage of a machine with circuits.
//!
//! Source: IEEE Std 421.5 for the structures; ANDES 2.0.0, model reference (EXST1, ESST3A, EXDC2, IEEEX1, IEEEST), for the
//! parameters and where limits act.

use powerflow::Diagnostics;

use super::circuits::Saturation;
use super::phasor::Phasor;
use super::sections::Row;

/// States of an exciter.
pub(super) const EXCITER_STATES: usize = 5;
/// States of a stabiliser.
pub(super) const STABILISER_STATES: usize = 2;

// What the states of all exciters are.
const SENSED: usize = 0;
const LEAD_LAG: usize = 1;
const REGULATOR: usize = 2;
const FIELD: usize = 3;
const FEEDBACK: usize = 4;

/// Tables of exciters that are simulated.
pub(super) const EXCITERS: [&str; 4] = ["EXST1", "ESST3A", "EXDC2", "IEEEX1"];

/// What an exciter sees of its machine, in the frame of the rotor, pu of the machine's base.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal {
    pub(super) voltage: Phasor,
    pub(super) current: Phasor,
    /// `Xad Ifd`.
    pub(super) field_current: f64,
    pub(super) omega: f64,
}

/// A transfer function `(1 + s lead) / (1 + s lag)`, none where both are 0.
#[derive(Clone, Copy, Debug)]
struct LeadLag {
    lead_s: f64,
    lag_s: f64,
}

impl LeadLag {
    fn out(self, state: f64, input: f64) -> f64 {
        if self.lag_s > 0.0 { state + self.lead_s / self.lag_s * (input - state) } else { input }
    }

    fn rate(self, state: f64, input: f64) -> f64 {
        if self.lag_s > 0.0 { (input - state) / self.lag_s } else { 0.0 }
    }
}

/// The kinds that are simulated.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// EXST1: static, fed by the terminals. Limits of the field voltage, and commutation drop.
    Static { field: (f64, f64), commutation: f64 },
    /// ESST3A: static, compound source, with an inner loop of the field voltage.
    Compound(Compound),
    /// EXDC2 and IEEEX1: a rotating exciter.
    Rotating {
        exciter_s: f64,
        own: f64,
        saturation: Saturation,
        /// Whether the limits of the regulator follow the terminal voltage.
        bus_fed: bool,
        /// Whether the exciter's voltage follows the speed.
        on_shaft: bool,
    },
}

#[derive(Clone, Copy, Debug)]
struct Compound {
    inner_gain: f64,
    inner_s: f64,
    inner: (f64, f64),
    feedback: f64,
    feedback_max: f64,
    potential: Phasor,
    current: Phasor,
    commutation: f64,
    source_max: f64,
}

impl Compound {
    /// The voltage that the compound source offers.
    fn source(&self, at: &Terminal) -> f64 {
        let voltage = (self.potential * at.voltage + self.current * at.current).abs();
        // Without any source there is no rectifier to load.
        let loading =
            if voltage > 0.0 { self.commutation * at.field_current / voltage } else { f64::INFINITY };
        // IEEE Std 421.5, annex D: regulation of a three-phase rectifier.
        let drop = if loading <= 0.0 {
            1.0
        } else if loading <= 0.433 {
            1.0 - 0.577 * loading
        } else if loading < 0.75 {
            (0.75 - loading * loading).sqrt()
        } else if loading <= 1.0 {
            1.732 * (1.0 - loading)
        } else {
            0.0
        };
        (voltage * drop).min(self.source_max)
    }
}

/// An exciter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exciter {
    kind: Kind,
    sensor_s: f64,
    input: (f64, f64),
    lead_lag: LeadLag,
    gain: f64,
    /// Zero where the regulator follows at once (ESST3A).
    regulator_s: f64,
    regulator: (f64, f64),
    /// Gain and time of the rate feedback.
    rate_feedback: (f64, f64),
}

impl Exciter {
    /// Reads a row of one of [`EXCITERS`].
    pub(super) fn read(table: &str, row: &Row<'_>, wrong: &mut Diagnostics) -> Option<Self> {
        let mut number = |key: &str| row.number(key, wrong);
        let sensor_s = number("TR");
        let (lead, lag) = (number("TC"), number("TB"));
        let (gain, regulator_s) = (number("KA"), number("TA"));
        let (high, low) = (number("VRMAX"), number("VRMIN"));
        let unlimited = (f64::NEG_INFINITY, f64::INFINITY);
        let (kind, input, regulator, rate_feedback) = match table {
            "EXST1" => {
                let (input_low, input_high) = (number("VIMIN"), number("VIMAX"));
                let (commutation, kf, tf) = (number("KC"), number("KF"), number("TF"));
                let field = (low?, high?);
                let kind = Kind::Static { field, commutation: commutation? };
                (kind, (input_low?, input_high?), unlimited, (kf?, tf?))
            }
            "ESST3A" => {
                let input = (number("VIMIN"), number("VIMAX"));
                let keys =
                    ["KM", "TM", "VMMIN", "VMMAX", "KG", "VGMAX", "KP", "KI", "XL", "THETAP", "KC", "VBMAX"];
                let [km, tm, vm_low, vm_high, kg, vg, kp, ki, xl, theta, kc, vb] = keys.map(&mut number);
                let potential = Phasor::polar(kp?, theta?.to_radians());
                // V_E = |K_P V + j (K_I + K_P X_L) I|
                let through = (Phasor::new(ki?, 0.0) + potential.scale(xl?)) * Phasor::new(0.0, 1.0);
                let compound = Compound {
                    inner_gain: km?,
                    inner_s: tm?,
                    inner: (vm_low?, vm_high?),
                    feedback: kg?,
                    feedback_max: vg?,
                    potential,
                    current: through,
                    commutation: kc?,
                    source_max: vb?,
                };
                (Kind::Compound(compound), (input.0?, input.1?), (low?, high?), (0.0, 1.0))
            }
            _ => {
                let keys = ["TE", "KE", "KF1", "TF1", "E1", "SE1", "E2", "SE2"];
                let [te, ke, kf, tf, e1, se1, e2, se2] = keys.map(&mut number);
                let saturation = Saturation::through((e1?, se1?), (e2?, se2?));
                if saturation.is_none() {
                    wrong.push(row.error(
                        "machines.case.range",
                        "no quadratic saturation goes through E1, SE1, E2, SE2",
                    ));
                }
                let bus_fed = table == "EXDC2";
                let kind = Kind::Rotating {
                    exciter_s: te?,
                    own: ke?,
                    saturation: saturation?,
                    bus_fed,
                    on_shaft: bus_fed,
                };
                (kind, unlimited, (low?, high?), (kf?, tf?))
            }
        };
        let exciter = Self {
            kind,
            sensor_s: sensor_s?,
            input,
            lead_lag: LeadLag { lead_s: lead?, lag_s: lag? },
            gain: gain?,
            regulator_s: regulator_s?,
            regulator,
            rate_feedback,
        };
        exciter.check(row, wrong);
        Some(exciter)
    }

    fn check(&self, row: &Row<'_>, wrong: &mut Diagnostics) {
        let mut refuse = |what: &str| wrong.push(row.error("machines.case.range", what));
        let ordered = |(low, high): (f64, f64)| low <= high;
        let (needed_s, limits) = match self.kind {
            Kind::Static { field, .. } => (self.regulator_s, [field, self.input]),
            Kind::Compound(compound) => (compound.inner_s, [compound.inner, self.input]),
            Kind::Rotating { exciter_s, .. } => {
                (exciter_s.min(self.regulator_s), [self.regulator, self.input])
            }
        };
        if !(needed_s > 0.0 && self.rate_feedback.1 > 0.0 && self.gain > 0.0) {
            refuse(
                "its gain KA and the time constants of regulator, exciter and rate feedback should be above 0",
            );
        }
        if matches!(self.kind, Kind::Compound(_)) && self.regulator_s != 0.0 {
            refuse("TA is not 0, which is not modelled");
        }
        if self.sensor_s < 0.0 || self.lead_lag.lead_s < 0.0 || self.lead_lag.lag_s < 0.0 {
            refuse("a time constant is negative");
        }
        if self.lead_lag.lag_s == 0.0 && self.lead_lag.lead_s != 0.0 {
            refuse("TB is 0 but TC is not: a derivative, which has no state");
        }
        if !limits.into_iter().chain([self.regulator]).all(ordered) {
            refuse("an upper limit is below the lower one");
        }
    }

    /// Field voltage.
    pub(super) fn field(&self, states: &[f64], at: &Terminal) -> f64 {
        match self.kind {
            Kind::Static { field: (low, high), commutation } => {
                let voltage = at.voltage.abs();
                let high = voltage * high - commutation * at.field_current;
                states[FIELD].min(high).max(voltage * low)
            }
            Kind::Compound(compound) => compound.source(at) * states[FIELD],
            Kind::Rotating { on_shaft, .. } => states[FIELD] * if on_shaft { at.omega } else { 1.0 },
        }
    }

    /// States at rest and the reference that keeps them, for a field voltage; what is beyond a limit is told as a reason.
    pub(super) fn at_rest(
        &self,
        at: &Terminal,
        field: f64,
    ) -> Result<([f64; EXCITER_STATES], f64), &'static str> {
        let mut states = [0.0; EXCITER_STATES];
        states[SENSED] = at.voltage.abs();
        let wanted = match self.kind {
            Kind::Static { .. } => {
                states[FIELD] = field;
                if self.field(&states, at) != field {
                    return Err("the field voltage at the start is beyond the limits of its exciter");
                }
                field
            }
            Kind::Compound(compound) => {
                let source = compound.source(at);
                if !(source > 0.0) {
                    return Err("the source of its exciter offers no voltage at the start");
                }
                let valve = field / source;
                if !(compound.inner.0..=compound.inner.1).contains(&valve) {
                    return Err("the field voltage at the start is beyond the limits of its exciter");
                }
                states[FIELD] = valve;
                valve / compound.inner_gain + (compound.feedback * field).min(compound.feedback_max)
            }
            Kind::Rotating { own, saturation, bus_fed, .. } => {
                states[FIELD] = field;
                let wanted = own * field + saturation.of(field);
                let scale = if bus_fed { at.voltage.abs() } else { 1.0 };
                if !(self.regulator.0 * scale..=self.regulator.1 * scale).contains(&wanted) {
                    return Err("the regulator of its exciter begins beyond its limits");
                }
                wanted
            }
        };
        states[FEEDBACK] = states[FIELD];
        states[REGULATOR] = wanted;
        let input = wanted / self.gain;
        states[LEAD_LAG] = input;
        if !(self.input.0..=self.input.1).contains(&input) {
            return Err("the input of its exciter begins beyond its limits");
        }
        Ok((states, states[SENSED] + input))
    }

    /// Rates of the states, and the bounds of those that are limited, for a reference with what a stabiliser adds.
    pub(super) fn rates(
        &self,
        states: &[f64],
        at: &Terminal,
        reference: f64,
        rates: &mut [f64],
        bounds: &mut [(f64, f64)],
    ) {
        let voltage = at.voltage.abs();
        let sensed = if self.sensor_s > 0.0 { states[SENSED] } else { voltage };
        rates[SENSED] = if self.sensor_s > 0.0 { (voltage - states[SENSED]) / self.sensor_s } else { 0.0 };
        let (kf, tf) = self.rate_feedback;
        let feedback = kf / tf * (states[FIELD] - states[FEEDBACK]);
        rates[FEEDBACK] = (states[FIELD] - states[FEEDBACK]) / tf;
        let error = (reference - sensed - feedback).max(self.input.0).min(self.input.1);
        rates[LEAD_LAG] = self.lead_lag.rate(states[LEAD_LAG], error);
        let wanted = self.gain * self.lead_lag.out(states[LEAD_LAG], error);
        match self.kind {
            Kind::Static { .. } => rates[FIELD] = (wanted - states[FIELD]) / self.regulator_s,
            Kind::Compound(compound) => {
                let regulator = wanted.max(self.regulator.0).min(self.regulator.1);
                let field = compound.source(at) * states[FIELD];
                let inner = regulator - (compound.feedback * field).min(compound.feedback_max);
                rates[FIELD] = (compound.inner_gain * inner - states[FIELD]) / compound.inner_s;
                bounds[FIELD] = compound.inner;
            }
            Kind::Rotating { exciter_s, own, saturation, bus_fed, .. } => {
                rates[REGULATOR] = (wanted - states[REGULATOR]) / self.regulator_s;
                let scale = if bus_fed { voltage } else { 1.0 };
                bounds[REGULATOR] = (self.regulator.0 * scale, self.regulator.1 * scale);
                let lost = own * states[FIELD] + saturation.of(states[FIELD]);
                rates[FIELD] = (states[REGULATOR] - lost) / exciter_s;
            }
        }
    }
}

/// IEEEST with a lag, a washout and limits: what it adds to the reference of an exciter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stabiliser {
    /// Whether it measures electrical power, on the machine's base; else the deviation of speed.
    power: bool,
    lead_lag: LeadLag,
    gain: f64,
    washout: (f64, f64),
    limits: (f64, f64),
}

impl Stabiliser {
    /// Reads a row of IEEEST. `Ok(None)` inside where it has parts that are not modelled: it is left out then.
    pub(super) fn read(row: &Row<'_>, wrong: &mut Diagnostics) -> Option<Option<Self>> {
        let keys = ["MODE", "T1", "T2", "T3", "T4", "T5", "T6", "KS", "LSMIN", "LSMAX"];
        let [mode, t1, t2, t3, t4, t5, t6, ks, low, high] = keys.map(|key| row.number(key, wrong));
        let filters = ["A1", "A2", "A3", "A4", "A5", "A6", "VCU", "VCL"];
        let filters = filters.map(|key| row.number_or(key, 0.0, wrong));
        let plain = filters.iter().all(|value| *value == Some(0.0)) && t1? == t2?;
        let stabiliser = Self {
            power: mode? == 3.0,
            lead_lag: LeadLag { lead_s: t3?, lag_s: t4? },
            gain: ks?,
            washout: (t5?, t6?),
            limits: (low?, high?),
        };
        let sound = stabiliser.washout.1 > 0.0
            && (stabiliser.lead_lag.lag_s > 0.0 || stabiliser.lead_lag.lead_s == 0.0)
            && stabiliser.limits.0 <= stabiliser.limits.1;
        Some((plain && sound && (mode? == 1.0 || mode? == 3.0)).then_some(stabiliser))
    }

    fn input(&self, omega: f64, power: f64) -> f64 {
        if self.power { power } else { omega - 1.0 }
    }

    /// States at rest.
    pub(super) fn at_rest(&self, omega: f64, power: f64) -> [f64; STABILISER_STATES] {
        [self.input(omega, power); STABILISER_STATES]
    }

    /// What it adds, and the rates of its states.
    pub(super) fn act(&self, states: &[f64], omega: f64, power: f64) -> (f64, [f64; STABILISER_STATES]) {
        let input = self.input(omega, power);
        let led = self.lead_lag.out(states[0], input);
        let (gain_s, washout_s) = self.washout;
        let out = self.gain * gain_s / washout_s * (led - states[1]);
        let rates = [self.lead_lag.rate(states[0], input), (led - states[1]) / washout_s];
        (out.max(self.limits.0).min(self.limits.1), rates)
    }
}
