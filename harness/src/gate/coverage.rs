//! The candidate's intervals hold the truth as often as they promise.

use std::collections::BTreeMap;

use super::rate::{RateFinding, interval, said_missing};
use super::{Gate, GateKind, Judgement, Method, Parameter, Sample, Verdict};
use super::{missing, number, percent, unfit};
use crate::fields::Fields;
use crate::statistic::binomial;
use crate::statistic::conformal::{Calibration, Level};

pub(super) const KIND: GateKind = GateKind {
    name: "coverage",
    summary: "the candidate's intervals hold the truth as often as their level promises, or as their calibration allows",
    parameters: &[
        Parameter { name: "level", summary: "share of truths that the intervals promise to hold, e.g. 0.9" },
        Parameter {
            name: "calibration",
            summary: "points that the intervals were calibrated on by split conformal prediction; without it `level` itself is demanded",
        },
        Method::PARAMETER,
    ],
    parse,
};

/// What is demanded of a calibration is what all but this share of sound ones reach: the lower end of the 90 % range.
const UNLUCKY: f64 = 0.05;

#[derive(Clone, Debug)]
struct Coverage {
    level: f64,
    calibration: Option<Calibration>,
    method: Method,
}

fn parse(fields: &mut Fields<'_>) -> Option<Box<dyn Gate>> {
    let level = fields.number("level", "above 0 and below 1", |level| level > 0.0 && level < 1.0);
    let level = fields.need("level", level);
    let points = fields.integer::<u64>("calibration", 1);
    let points = fields.or("calibration", points.map(Some), None);
    let method = Method::parse(fields);
    let (level, points, method) = (level?, points?, method?);
    let Some(exact) = Level::of_decimal(level) else {
        fields.complain(
            "range",
            Some("level"),
            format!("`level` {level} has more digits than any calibration could use"),
        );
        return None;
    };
    let calibration = match points {
        None => None,
        Some(points) => {
            let calibration = Calibration::of(points, exact);
            if calibration.is_none() {
                fields.complain(
                    "range",
                    Some("calibration"),
                    format!("{points} points are too few: an interval of level {level} would have no end"),
                );
                return None;
            }
            calibration
        }
    };
    Some(Box::new(Coverage { level, calibration, method }))
}

impl Coverage {
    /// Least coverage that passes.
    fn least(&self) -> f64 {
        self.calibration.map_or(self.level, |calibration| calibration.coverage_quantile(UNLUCKY))
    }
}

impl Gate for Coverage {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn claim(&self, metric: &str, _unit: &str, population: &str) -> String {
        let least = percent(self.least());
        let why = self.calibration.map_or(String::new(), |calibration| {
            format!(
                ": what 95 % of calibrations on {} points reach with intervals of level {}",
                calibration.points(),
                percent(self.level)
            )
        });
        format!(
            "the candidate's intervals hold the truth in at least {least} of {population}, as {metric} tells{why}"
        )
    }

    /// The value of an episode is 1 where the truth was inside, 0 where it was not; without a value it was not. What is
    /// tested is the share of misses, so that unsafe is "too many misses".
    fn judge(&self, sample: &Sample, alpha: f64) -> Judgement {
        let values = &sample.candidate;
        let error = |reason: String| Judgement::error(KIND.name, values.len(), reason);
        if let Some(reason) = unfit(values, "candidate") {
            return error(reason);
        }
        let strange = |v: f64| v != 0.0 && v != 1.0;
        if let Some(index) = values.iter().position(|value| value.is_some_and(strange)) {
            let value = number(values[index].unwrap_or_default());
            return error(format!("episode {index} has {value}; 1 is inside the interval and 0 outside"));
        }
        let misses = values.iter().map(|value| *value != Some(1.0));
        let found = RateFinding::of(misses, 1.0 - self.least(), alpha, self.method);
        let (n, missed) = (found.path.n(), found.path.k());
        let (lower, upper) = match self.method {
            Method::Sequential => (found.path.lower(alpha), found.path.upper(alpha)),
            Method::Fixed => (binomial::lower(missed, n, alpha), binomial::upper(missed, n, alpha)),
        };
        let (lower, upper) = interval(1.0 - upper, 1.0 - lower);
        let share = (n - missed) as f64 / n as f64;
        let when = found.decided_at.map_or(String::new(), |n| format!(" after {n} episodes"));
        let least = percent(self.least());
        let shown = match found.verdict {
            Verdict::Pass => format!("shown to be at least {least}{when}"),
            Verdict::Fail => format!("shown to be below {least}{when}"),
            _ => format!("too few episodes to tell whether it is at least {least}"),
        };
        let missing = missing(values);
        let mut reason =
            format!("the truth was inside in {} of {n} episodes, {}: {shown}", n - missed, percent(share));
        if let Some(calibration) = self.calibration {
            let p = calibration.at_most_covered(n - missed, n);
            reason.push_str(&format!(
                "; a sound calibration would cover no more with probability {}",
                number(p)
            ));
        }
        reason.push_str(&said_missing(missing));
        Judgement {
            verdict: found.verdict,
            reason,
            n,
            k: Some(missed),
            estimate: Some(share),
            interval: (lower, upper),
            method: found.method,
            e_value: found.e_value,
            p_value: found.p_value,
            missing,
            decided_at: found.decided_at,
        }
    }

    fn threshold(&self) -> BTreeMap<String, f64> {
        let points = self.calibration.map(|calibration| calibration.points() as f64);
        let named = [("level", Some(self.level)), ("min", Some(self.least())), ("calibration", points)];
        named.into_iter().filter_map(|(key, number)| Some((key.to_owned(), number?))).collect()
    }

    fn badness(&self, candidate: f64, _champion: Option<f64>) -> Option<f64> {
        (candidate < 1.0).then_some(1.0 - candidate)
    }

    fn anytime(&self) -> bool {
        self.method == Method::Sequential
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::gate;
    use super::*;

    fn covered(n: u32, missed: u32) -> Sample {
        Sample {
            // Evenly spread.
            candidate: (0..n).map(|i| Some(f64::from(u8::from(i * missed % n >= missed)))).collect(),
            ..Sample::default()
        }
    }

    // gates.md 3.5: with 99 points and a = 0.1 the 90 % range begins at 0.8467, with 1000 at 0.8841.
    #[test]
    fn what_a_calibration_promises_is_its_law_and_not_the_level() {
        for (points, least) in [(99, 0.8467), (1000, 0.8841)] {
            let gate = gate(&format!("kind = 'coverage'\nlevel = 0.9\ncalibration = {points}"));
            assert!((gate.threshold()["min"] - least).abs() < 5e-5);
        }
        // 87.5 % covered is within the luck of 99 points, and not what a level of 90 % says.
        let calibrated = gate("kind = 'coverage'\nlevel = 0.9\ncalibration = 99");
        let judged = calibrated.judge(&covered(8000, 1000), 0.05);
        assert_eq!((judged.verdict, judged.estimate, judged.k), (Verdict::Pass, Some(0.875), Some(1000)));
        let plain = gate("kind = 'coverage'\nlevel = 0.9").judge(&covered(8000, 1000), 0.05);
        assert_eq!(plain.verdict, Verdict::Fail);
        assert_eq!(plain.interval.1.map(|upper| upper < 0.9), Some(true));
    }

    #[test]
    fn a_miss_without_a_value_is_a_miss_and_half_a_truth_is_an_error() {
        let gate = gate("kind = 'coverage'\nlevel = 0.9\nmethod = 'fixed'");
        // Clopper-Pearson, gates.md 3.2: (10, 100) is above 10 % at no end.
        assert_eq!(gate.judge(&covered(100, 10), 0.05).verdict, Verdict::Undecided);
        let silent = Sample { candidate: vec![None; 100], ..Sample::default() };
        assert_eq!(gate.judge(&silent, 0.05).verdict, Verdict::Fail);
        let half = Sample { candidate: vec![Some(0.5); 100], ..Sample::default() };
        assert_eq!(gate.judge(&half, 0.05).verdict, Verdict::Error);
        assert!(!gate.anytime());
    }
}
