//! The way of one kind of reading: scanned, lost or not, rounded, reported where it moved, and late.

use std::collections::VecDeque;

use scenarios::{Moment, Streams};

/// How a reading is taken, in its own unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Scale {
    /// Standard deviation of its error.
    pub(super) sigma: f64,
    /// It is reported where it has moved by more than this.
    pub(super) deadband: f64,
    /// It is reported in multiples of this; 0 as it is.
    pub(super) quantum: f64,
}

/// When readings are taken and how they travel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace {
    /// Time between two scans of one device, ns; at least one.
    pub(super) period_ns: u64,
    /// Time over which devices are scanned, s.
    pub(super) skew_s: f64,
    /// From scan to display, ns.
    pub(super) age_ns: u64,
    /// Share of reports that are lost.
    pub(super) loss: f64,
}

/// Devices of one kind, as far as they have reported.
#[derive(Debug)]
pub(super) struct Line {
    name: String,
    pace: Pace,
    streams: Streams,
    /// Lag of each device behind the beginning of a scan, ns.
    lag_ns: Vec<u64>,
    /// Number of the last scan of each device, and when it was last known.
    scan: Vec<u64>,
    known_ns: Vec<u64>,
    value: Vec<f64>,
    /// What has been scanned and is not yet shown, and what is shown, in front: when, how old the oldest of it is, values.
    on_the_way: VecDeque<(u64, u64, Vec<f64>)>,
    step: u64,
}

impl Line {
    /// One that has reported nothing. All draws are from streams of `streams` that bear its name.
    pub(super) fn new(name: &str, pace: Pace, streams: &Streams) -> Self {
        Line {
            name: name.to_owned(),
            pace,
            streams: streams.clone(),
            lag_ns: Vec::new(),
            scan: Vec::new(),
            known_ns: Vec::new(),
            value: Vec::new(),
            on_the_way: VecDeque::new(),
            step: 0,
        }
    }

    /// Takes what the devices measure now, and leaves what is shown instead. Returns since when the oldest of it is known.
    ///
    /// What is exactly zero, a dead bus or an open branch, is read as zero. Each step has its own draws for every device, whoever is
    /// scanned in it: nothing that anybody does moves the error of anything.
    pub(super) fn report(
        &mut self,
        cells: &mut [f64],
        scale: &dyn Fn(usize) -> Scale,
        now: Moment,
    ) -> Moment {
        self.step += 1;
        let first = self.value.is_empty();
        if first {
            self.value = cells.to_vec();
            self.known_ns = vec![now.0; cells.len()];
            self.scan = vec![0; cells.len()];
            self.lag_ns = self.lags(cells.len());
        }
        let mut errors = (0..cells.len())
            .any(|i| scale(i).sigma > 0.0)
            .then(|| self.streams.named(&format!("error/{}/{}", self.name, self.step)));
        let mut losses =
            (self.pace.loss > 0.0).then(|| self.streams.named(&format!("loss/{}/{}", self.name, self.step)));
        for (i, cell) in cells.iter().enumerate() {
            let (error, lost) = (
                errors.as_mut().map_or(0.0, |stream| stream.normal()),
                losses.as_mut().is_some_and(|stream| stream.uniform() < self.pace.loss),
            );
            let scan = now.0.saturating_sub(self.lag_ns[i]) / self.pace.period_ns;
            let is_scanned = first || scan != self.scan[i];
            self.scan[i] = scan;
            if is_scanned && (first || !lost) {
                self.known_ns[i] = now.0;
                let scale = scale(i);
                let read = read(*cell, &scale, error);
                // Exactly what is read where there is no band: zero and minus zero are equal, and not the same.
                if first || scale.deadband == 0.0 || !((read - self.value[i]).abs() <= scale.deadband) {
                    self.value[i] = read;
                }
            }
        }
        let oldest = self.known_ns.iter().copied().min().unwrap_or(now.0);
        if self.pace.age_ns == 0 {
            cells.copy_from_slice(&self.value);
            return Moment(oldest);
        }
        self.on_the_way.push_back((now.0, oldest, self.value.clone()));
        while self.on_the_way.get(1).is_some_and(|(taken, ..)| taken + self.pace.age_ns <= now.0) {
            self.on_the_way.pop_front();
        }
        let (_, oldest, shown) = &self.on_the_way[0];
        cells.copy_from_slice(shown);
        Moment(*oldest)
    }

    fn lags(&self, devices: usize) -> Vec<u64> {
        if self.pace.skew_s == 0.0 {
            return vec![0; devices];
        }
        let mut stream = self.streams.named(&format!("lag/{}", self.name));
        (0..devices).map(|_| Moment::from_seconds(stream.uniform() * self.pace.skew_s).0).collect()
    }
}

/// One reading of a true value with a standard normal error.
fn read(truth: f64, scale: &Scale, error: f64) -> f64 {
    if truth == 0.0 {
        return truth;
    }
    let noisy = if scale.sigma > 0.0 { scale.sigma.mul_add(error, truth) } else { truth };
    if scale.quantum > 0.0 { libm::round(noisy / scale.quantum) * scale.quantum } else { noisy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenarios::{Seed, streams};

    const EVERY: Pace = Pace { period_ns: 1_000_000_000, skew_s: 0.0, age_ns: 0, loss: 0.0 };

    fn line(pace: Pace) -> Line {
        Line::new("test", pace, &streams(Seed(1), "p", 0))
    }

    fn shown(line: &mut Line, truth: &[f64], scale: Scale, at_s: f64) -> (Vec<f64>, f64) {
        let mut cells = truth.to_vec();
        let now = Moment::from_seconds(at_s);
        let known = line.report(&mut cells, &|_| scale, now);
        (cells, now.seconds() - known.seconds())
    }

    #[test]
    fn a_perfect_line_shows_the_truth_bit_for_bit() {
        let mut line = line(EVERY);
        for (at_s, truth) in [(0.0, [1.0, -0.0]), (1.0, [0.3, 0.0]), (2.0, [0.1 + 0.2, -0.0])] {
            let (cells, age_s) = shown(&mut line, &truth, Scale::default(), at_s);
            let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<u64>>();
            assert_eq!((bits(&cells), age_s), (bits(&truth), 0.0));
        }
    }

    #[test]
    fn between_scans_the_last_one_is_shown_with_its_age() {
        let mut line = line(Pace { period_ns: 4_000_000_000, ..EVERY });
        let seen: Vec<(f64, f64)> = (0..6)
            .map(|s| {
                let (cells, age_s) = shown(&mut line, &[10.0 + f64::from(s)], Scale::default(), f64::from(s));
                (cells[0], age_s)
            })
            .collect();
        assert_eq!(seen, [(10.0, 0.0), (10.0, 1.0), (10.0, 2.0), (10.0, 3.0), (14.0, 0.0), (14.0, 1.0)]);
    }

    #[test]
    fn what_travels_is_late_by_its_way() {
        let mut line = line(Pace { age_ns: 2_000_000_000, ..EVERY });
        let seen: Vec<(f64, f64)> = (0..5)
            .map(|s| {
                let (cells, age_s) = shown(&mut line, &[f64::from(s) + 1.0], Scale::default(), f64::from(s));
                (cells[0], age_s)
            })
            .collect();
        assert_eq!(seen, [(1.0, 0.0), (1.0, 1.0), (1.0, 2.0), (2.0, 2.0), (3.0, 2.0)]);
    }

    #[test]
    fn a_band_a_quantum_and_a_loss_each_hold_back() {
        let mut banded = line(EVERY);
        let band = Scale { deadband: 0.5, ..Scale::default() };
        let seen = [1.0, 1.4, 1.6, 1.2].map(|x| shown(&mut banded, &[x], band, 10.0 * x).0[0]);
        assert_eq!(seen, [1.0, 1.0, 1.6, 1.6]);
        let coarse = Scale { quantum: 0.25, ..Scale::default() };
        assert_eq!(shown(&mut line(EVERY), &[1.1, 1.13], coarse, 0.0).0, [1.0, 1.25]);
        let mut deaf = line(Pace { loss: 1.0, ..EVERY });
        assert_eq!(shown(&mut deaf, &[1.0], Scale::default(), 0.0), (vec![1.0], 0.0));
        assert_eq!(shown(&mut deaf, &[2.0], Scale::default(), 3.0), (vec![1.0], 3.0));
    }

    /// Mean and deviation of 40,000 errors, to four deviations of their estimates; and the errors are there whatever the truth does.
    #[test]
    fn errors_are_those_of_the_scale_and_nobody_moves_them() {
        let scale = Scale { sigma: 0.5, ..Scale::default() };
        let errors = |truth: f64| {
            let mut line = line(EVERY);
            let of = |s: i32, line: &mut Line| shown(line, &vec![truth; 400], scale, f64::from(s)).0;
            (0..100).flat_map(|s| of(s, &mut line)).map(|x| x - truth).collect::<Vec<f64>>()
        };
        let found = errors(8.0);
        let n = found.len() as f64;
        let mean = found.iter().sum::<f64>() / n;
        let deviation = (found.iter().map(|e| (e - mean) * (e - mean)).sum::<f64>() / n).sqrt();
        assert!(mean.abs() < 4.0 * 0.5 / n.sqrt(), "{mean}");
        assert!((deviation / 0.5 - 1.0).abs() < 4.0 / (2.0 * n).sqrt(), "{deviation}");
        // Rounding aside: sums of other numbers round otherwise.
        assert!(found.iter().zip(errors(-3.0)).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}
