//! The round rotor with field and damper circuits (GENROU): two axes, transient and subtransient.
//!
//! Per unit of the machine's base, in the frame of the rotor: real part on the d axis, imaginary part on the q axis, which leads.
//! Source: ANDES 2.0.0, model reference, GENROU; Kundur, Power System Stability and Control, 1994, sections 5.1 and 3.8 (saturation).

use powerflow::Diagnostics;

use super::phasor::Phasor;
use super::sections::Row;

/// Quadratic saturation `B (x - A)^2` beyond `A`; none where `B` is 0.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Saturation {
    a: f64,
    b: f64,
}

impl Saturation {
    /// Through `x S(x)` at two points. A slope at the second point only, with the value 1, is the format's default and means
    /// none. `None` where no such curve exists.
    pub(super) fn through(first: (f64, f64), second: (f64, f64)) -> Option<Self> {
        let ((x1, s1), (x2, s2)) = (first, second);
        if s1 == 0.0 && (s2 == 0.0 || s2 == 1.0) {
            return Some(Self::default());
        }
        if !(s1 >= 0.0 && s2 > 0.0 && x2 > x1 && x1 >= 0.0) {
            return None;
        }
        let curve = if s1 * x1 == 0.0 {
            Self { a: x1, b: x2 * s2 / ((x2 - x1) * (x2 - x1)) }
        } else {
            let root = (x2 * s2 / (x1 * s1)).sqrt();
            let a = (x1 * root - x2) / (root - 1.0);
            Self { a, b: x1 * s1 / ((x1 - a) * (x1 - a)) }
        };
        (curve.a.is_finite() && curve.b.is_finite() && root_is_below(curve.a, x2)).then_some(curve)
    }

    /// `x S(x)`.
    pub(super) fn of(self, x: f64) -> f64 {
        if self.b > 0.0 && x > self.a { self.b * (x - self.a) * (x - self.a) } else { 0.0 }
    }
}

/// Whether saturation begins before the second point: else the curve is that of falling saturation.
fn root_is_below(a: f64, x2: f64) -> bool {
    a < x2
}

/// Reactances and time constants of a machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circuits {
    leakage: f64,
    d: f64,
    q: f64,
    d_transient: f64,
    q_transient: f64,
    /// Of both axes.
    pub(super) subtransient: f64,
    d_transient_s: f64,
    q_transient_s: f64,
    d_subtransient_s: f64,
    q_subtransient_s: f64,
    saturation: Saturation,
}

/// States of the circuits: transient voltages on q and d, subtransient flux linkages on d and q.
pub(super) const CIRCUIT_STATES: usize = 4;

impl Circuits {
    /// Reads a row of GENROU; complaints and nothing where it cannot be simulated.
    pub(super) fn read(row: &Row<'_>, wrong: &mut Diagnostics) -> Option<Self> {
        let mut number = |key: &str| row.number(key, wrong);
        let x = ["xl", "xd", "xq", "xd1", "xq1", "xd2", "xq2"].map(&mut number);
        let t = ["Td10", "Tq10", "Td20", "Tq20"].map(&mut number);
        let [s10, s12] =
            [("S10", 0.0), ("S12", 1.0)].map(|(key, default)| row.number_or(key, default, wrong));
        let [leakage, d, q, d_transient, q_transient, d_subtransient, q_subtransient] = x;
        let [d_transient_s, q_transient_s, d_subtransient_s, q_subtransient_s] = t;
        let saturation = Saturation::through((1.0, s10?), (1.2, s12?));
        if saturation.is_none() {
            wrong.push(row.error("machines.case.range", "no quadratic saturation goes through S10 and S12"));
        }
        let circuits = Self {
            leakage: leakage?,
            d: d?,
            q: q?,
            d_transient: d_transient?,
            q_transient: q_transient?,
            subtransient: d_subtransient?,
            d_transient_s: d_transient_s?,
            q_transient_s: q_transient_s?,
            d_subtransient_s: d_subtransient_s?,
            q_subtransient_s: q_subtransient_s?,
            saturation: saturation?,
        };
        let classical = "simulate it with --machines classical";
        if q_subtransient? != circuits.subtransient {
            let complaint = row.error("machines.case.saliency", "xd2 and xq2 differ, which is not modelled");
            wrong.push(complaint.hint(classical));
        }
        let c = &circuits;
        let reactances =
            [c.subtransient, c.d_transient - c.leakage, c.q_transient - c.leakage, c.d - c.leakage];
        let times = [c.d_transient_s, c.q_transient_s, c.d_subtransient_s, c.q_subtransient_s];
        if reactances.iter().chain(&times).any(|value| !(*value > 0.0)) {
            let what = "xd2, the differences of xd, xd1, xq1 to xl and all time constants should be above 0";
            wrong.push(row.error("machines.case.range", what).hint(classical));
        }
        Some(circuits)
    }

    fn d_share(&self) -> f64 {
        (self.subtransient - self.leakage) / (self.d_transient - self.leakage)
    }

    fn q_share(&self) -> f64 {
        (self.subtransient - self.leakage) / (self.q_transient - self.leakage)
    }

    /// Saturation of the q axis by that of the d axis.
    fn q_saturates(&self) -> f64 {
        (self.q - self.leakage) / (self.d - self.leakage)
    }

    /// Saturation factor at a subtransient voltage.
    fn saturated(&self, voltage: Phasor) -> f64 {
        let flux = voltage.abs();
        if flux > 0.0 { self.saturation.of(flux) / flux } else { 0.0 }
    }

    /// Voltage behind the subtransient reactance.
    pub(super) fn voltage(&self, states: &[f64]) -> Phasor {
        let (d, q) = (self.d_share(), self.q_share());
        Phasor::new(q * states[1] + (1.0 - q) * states[3], d * states[0] + (1.0 - d) * states[2])
    }

    /// Field current, as the voltage that would keep it: `Xad Ifd`.
    pub(super) fn field_current(&self, states: &[f64], voltage: Phasor, current: Phasor) -> f64 {
        let d = self.d_share();
        let through = (1.0 - d) / (self.d_transient - self.leakage);
        states[0]
            + (self.d - self.d_transient) * (d * current.re + through * (states[0] - states[2]))
            + self.saturated(voltage) * voltage.im
    }

    /// Rates of the states under a field voltage.
    pub(super) fn rates(
        &self,
        states: &[f64],
        voltage: Phasor,
        current: Phasor,
        field: f64,
    ) -> [f64; CIRCUIT_STATES] {
        let q = self.q_share();
        let through = (1.0 - q) / (self.q_transient - self.leakage);
        let damper = states[1]
            + (self.q - self.q_transient) * (through * (states[1] - states[3]) - q * current.im)
            + self.saturated(voltage) * self.q_saturates() * voltage.re;
        [
            (field - self.field_current(states, voltage, current)) / self.d_transient_s,
            -damper / self.q_transient_s,
            (states[0] - (self.d_transient - self.leakage) * current.re - states[2]) / self.d_subtransient_s,
            (states[1] + (self.q_transient - self.leakage) * current.im - states[3]) / self.q_subtransient_s,
        ]
    }

    /// Rotor angle and states at rest, for the voltage behind the subtransient reactance and the current in the network's
    /// frame.
    pub(super) fn at_rest(&self, voltage: Phasor, current: Phasor) -> (f64, [f64; CIRCUIT_STATES]) {
        let saturated = 1.0 + self.q_saturates() * self.saturated(voltage);
        // At rest this lies on the q axis: its d part is what the damper of the q axis asks to be zero.
        let on_q = voltage.scale(saturated) + Phasor::new(0.0, self.q - self.subtransient) * current;
        let delta = on_q.angle_rad();
        let (voltage, current) = (to_rotor(voltage, delta), to_rotor(current, delta));
        let d1 = voltage.re - (self.q_transient - self.subtransient) * current.im;
        let q1 = voltage.im + (self.d_transient - self.subtransient) * current.re;
        let d2 = q1 - (self.d_transient - self.leakage) * current.re;
        let q2 = d1 + (self.q_transient - self.leakage) * current.im;
        (delta, [q1, d1, d2, q2])
    }
}

/// From the network's frame to that of a rotor.
pub(super) fn to_rotor(value: Phasor, delta_rad: f64) -> Phasor {
    let (sin, cos) = libm::sincos(delta_rad);
    value * Phasor::new(sin, cos)
}

/// From the frame of a rotor to the network's.
pub(super) fn to_network(value: Phasor, delta_rad: f64) -> Phasor {
    let (sin, cos) = libm::sincos(delta_rad);
    value * Phasor::new(sin, -cos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saturation_goes_through_its_points() {
        let curve = Saturation::through((1.0, 0.09), (1.2, 0.38)).expect("a curve");
        assert!((curve.of(1.0) - 0.09).abs() < 1e-12 && (curve.of(1.2) - 1.2 * 0.38).abs() < 1e-12);
        assert!(curve.of(0.5) == 0.0);
        assert!(Saturation::through((1.0, 0.0), (1.2, 1.0)).is_some_and(|none| none.of(2.0) == 0.0));
        assert!(Saturation::through((1.0, 0.5), (1.2, -0.1)).is_none());
    }

    #[test]
    fn frames_are_inverse_and_the_q_axis_is_the_rotor() {
        let value = Phasor::polar(0.7, 2.1);
        assert!((to_network(to_rotor(value, 0.4), 0.4) - value).abs() < 1e-15);
        let on_q = to_rotor(Phasor::polar(1.0, 0.4), 0.4);
        assert!(on_q.re.abs() < 1e-15 && (on_q.im - 1.0).abs() < 1e-15);
    }

    #[test]
    fn at_rest_no_circuit_moves() {
        let circuits = Circuits {
            leakage: 0.15,
            d: 1.8,
            q: 1.75,
            d_transient: 0.6,
            q_transient: 0.8,
            subtransient: 0.23,
            d_transient_s: 6.5,
            q_transient_s: 0.2,
            d_subtransient_s: 0.06,
            q_subtransient_s: 0.05,
            saturation: Saturation::through((1.0, 0.09), (1.2, 0.38)).expect("a curve"),
        };
        let (voltage, current) = (Phasor::polar(1.08, 0.3), Phasor::polar(0.9, 0.1));
        let (delta, states) = circuits.at_rest(voltage, current);
        let inner = circuits.voltage(&states);
        assert!((to_network(inner, delta) - voltage).abs() < 1e-14);
        let current = to_rotor(current, delta);
        let field = circuits.field_current(&states, inner, current);
        let rates = circuits.rates(&states, inner, current, field);
        assert!(rates.iter().all(|rate| rate.abs() < 1e-12), "{rates:?}");
    }
}
