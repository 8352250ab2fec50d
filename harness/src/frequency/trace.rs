//! The curve of the frequency as relays measure it: dense between the steps, remembered for as long as their windows are.

use std::collections::VecDeque;

/// A step of the integration: cubic in between, with the values and the slopes of both ends. Deviations of the frequency in pu.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) start_s: f64,
    pub(super) length_s: f64,
    pub(super) speed: [f64; 2],
    pub(super) slope: [f64; 2],
    /// Integral of the deviation up to the start, s.
    pub(super) angle: f64,
}

impl Segment {
    /// Coefficients of the cubic in `tau / length`, lowest first.
    fn cubic(&self) -> [f64; 4] {
        let [a, b] = self.speed;
        let [u, v] = self.slope.map(|slope| slope * self.length_s);
        [a, u, 3.0 * (b - a) - 2.0 * u - v, 2.0 * (a - b) + u + v]
    }

    /// Deviation `tau` after the start.
    pub(super) fn speed(&self, tau: f64) -> f64 {
        if tau <= 0.0 {
            return self.speed[0];
        }
        if tau >= self.length_s {
            return self.speed[1];
        }
        let s = tau / self.length_s;
        let [a, b, c, d] = self.cubic();
        ((d * s + c) * s + b) * s + a
    }

    /// Integral of the deviation up to `tau` after the start.
    pub(super) fn angle(&self, tau: f64) -> f64 {
        if tau >= self.length_s {
            let [a, b] = self.speed;
            let bend = (self.slope[0] - self.slope[1]) / 12.0 * self.length_s;
            return self.angle + self.length_s * (0.5 * (a + b) + bend);
        }
        let s = tau / self.length_s;
        let [a, b, c, d] = self.cubic();
        self.angle + tau * (((d / 4.0 * s + c / 3.0) * s + b / 2.0) * s + a)
    }

    /// Where the curve turns within the segment, where it does so once.
    pub(super) fn extremum(&self) -> Option<f64> {
        let [u, v] = self.slope;
        if !(u * v < 0.0) {
            return None;
        }
        let [_, b, c, d] = self.cubic();
        // b + 2 c s + 3 d s^2 changes its sign between 0 and 1: the root without cancellation.
        let root = (c * c - 3.0 * b * d).max(0.0).sqrt();
        let q = -(c + if c < 0.0 { -root } else { root });
        let within = |s: &f64| (0.0..=1.0).contains(s);
        [b / q, q / (3.0 * d)].into_iter().find(within).map(|s| s * self.length_s)
    }
}

/// What a relay measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Signal {
    /// Deviation of the frequency, pu, averaged over a window, s; without one the instantaneous value.
    Mean(f64),
    /// Slope of the frequency over a window, pu/s.
    Slope(f64),
}

/// What happened in the last while.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    segments: VecDeque<Segment>,
    keep_s: f64,
    /// Deviation before the first segment.
    before: f64,
    /// Integral of the deviation at the end of the last segment.
    angle: f64,
}

impl Trace {
    pub(super) fn new(keep_s: f64) -> Self {
        Self { segments: VecDeque::new(), keep_s, before: 0.0, angle: 0.0 }
    }

    /// A step that follows; its integral begins where the last one ended.
    pub(super) fn next(&self, start_s: f64, length_s: f64, speed: [f64; 2], slope: [f64; 2]) -> Segment {
        Segment { start_s, length_s, speed, slope, angle: self.angle }
    }

    pub(super) fn push(&mut self, segment: Segment) {
        self.angle = segment.angle(segment.length_s);
        let end = segment.start_s + segment.length_s;
        self.segments.push_back(segment);
        while let Some(first) = self.segments.front() {
            if first.start_s + first.length_s >= end - self.keep_s || self.segments.len() == 1 {
                break;
            }
            self.before = first.speed[1];
            self.segments.pop_front();
        }
    }

    /// Deviation and its integral at a time in the past.
    fn at(&self, time_s: f64) -> (f64, f64) {
        let after = self.segments.partition_point(|segment| segment.start_s <= time_s);
        let Some(segment) = after.checked_sub(1).and_then(|i| self.segments.get(i)) else {
            // Before all that is known the frequency stood still.
            let (start, angle) =
                self.segments.front().map_or((time_s, self.angle), |first| (first.start_s, first.angle));
            return (self.before, angle - self.before * (start - time_s));
        };
        let tau = (time_s - segment.start_s).min(segment.length_s);
        (segment.speed(tau), segment.angle(tau))
    }

    /// A measurement `tau` after the start of a step that is not in the trace yet.
    pub(super) fn measure(&self, signal: Signal, now: &Segment, tau: f64) -> f64 {
        let (Signal::Mean(window) | Signal::Slope(window)) = signal;
        if window <= 0.0 {
            return now.speed(tau);
        }
        let (speed, angle) = match tau - window {
            within if within >= 0.0 => (now.speed(within), now.angle(within)),
            // With no step behind it, the start of this one is all that is known.
            _ if self.segments.is_empty() => {
                let known = self.before;
                (known, now.angle - known * (window - tau))
            }
            before => self.at(now.start_s + before),
        };
        match signal {
            Signal::Mean(_) => (now.angle(tau) - angle) / window,
            Signal::Slope(_) => (now.speed(tau) - speed) / window,
        }
    }

    /// Mean deviation over the last `window_s`, pu; at a window of no length the deviation `speed` of `time_s`.
    pub(super) fn mean(&self, window_s: f64, time_s: f64, speed: f64) -> f64 {
        if !(window_s > 0.0) || self.segments.is_empty() {
            return speed;
        }
        (self.angle - self.at(time_s - window_s).1) / window_s
    }

    /// Slope of the frequency over the last `window_s`, pu/s, at the deviation `speed` of `time_s`.
    pub(super) fn slope(&self, window_s: f64, time_s: f64, speed: f64) -> f64 {
        if self.segments.is_empty() {
            return 0.0;
        }
        (speed - self.at(time_s - window_s).0) / window_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A parabola is followed exactly by a cubic, so are its mean and its slope over a window that spans two steps.
    #[test]
    fn windows_look_through_several_steps() {
        let (f, g) = (|t: f64| 0.3 * t - 0.5 * t * t, |t: f64| 0.3 - t);
        let mut trace = Trace::new(1.0);
        for i in 0..4 {
            let (a, b) = (0.25 * f64::from(i), 0.25 * f64::from(i + 1));
            let segment = trace.next(a, 0.25, [f(a), f(b)], [g(a), g(b)]);
            trace.push(segment);
        }
        let now = trace.next(1.0, 0.5, [f(1.0), f(1.5)], [g(1.0), g(1.5)]);
        let integral = |t: f64| 0.15 * t * t - t * t * t / 6.0;
        let mean = trace.measure(Signal::Mean(0.8), &now, 0.2);
        assert!((mean - (integral(1.2) - integral(0.4)) / 0.8).abs() < 1e-15);
        let slope = trace.measure(Signal::Slope(0.5), &now, 0.1);
        assert!((slope - (f(1.1) - f(0.6)) / 0.5).abs() < 1e-15);
        assert_eq!(trace.measure(Signal::Mean(0.0), &now, 0.5), f(1.5));
    }

    #[test]
    fn a_turn_is_found_where_it_is() {
        for sign in [1.0, -1.0] {
            let trace = Trace::new(1.0);
            let segment = trace.next(0.0, 1.0, [0.0, -0.2 * sign], [0.3 * sign, -0.7 * sign]);
            assert!((segment.extremum().expect("a turn") - 0.3).abs() < 1e-15);
        }
    }

    #[test]
    fn before_the_first_step_the_frequency_stood_still() {
        let trace = Trace::new(1.0);
        let now = trace.next(0.0, 0.1, [0.0, -0.01], [-0.1, -0.1]);
        assert!((trace.measure(Signal::Mean(0.2), &now, 0.1) + 0.0005 / 0.2).abs() < 1e-15);
        assert!((trace.measure(Signal::Slope(0.2), &now, 0.1) + 0.05).abs() < 1e-15);
    }
}
