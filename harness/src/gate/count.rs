//! Events are rare: on average at most so many an episode, or an hour.

use std::collections::BTreeMap;

use super::mean::{Scale, mean};
use super::rate::{decide, interval, said, said_missing};
use super::{Frame, Gate, GateKind, Judgement, Misfit, Parameter, Sample};
use super::{badness_within, missing, number, unfit};
use crate::fields::Fields;

pub(super) const KIND: GateKind = GateKind {
    name: "count",
    summary: "a metric that counts events has on average at most `max` of them an episode, or an hour",
    parameters: &[
        Parameter { name: "max", summary: "largest mean number of events" },
        Parameter { name: "per", summary: "\"episode\" (default) or \"hour\"" },
        Parameter {
            name: "cap",
            summary: "the most events that an episode can have; one with more makes the gate an error",
        },
    ],
    parse,
};

/// What the mean is taken over.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Per {
    Episode,
    Hour,
}

#[derive(Clone, Debug)]
struct Count {
    max: f64,
    per: Per,
    cap: u32,
}

fn parse(fields: &mut Fields<'_>) -> Option<Box<dyn Gate>> {
    let max = fields.number("max", "above 0 (for \"never\", use kind = \"value\")", |max| max > 0.0);
    let max = fields.need("max", max);
    let per = fields.choice("per", &[("episode", Per::Episode), ("hour", Per::Hour)]);
    let per = fields.or("per", per, Per::Episode);
    let cap = fields.integer::<u32>("cap", 1);
    let cap = fields.need("cap", cap);
    let gate = Count { max: max?, per: per?, cap: cap? };
    if gate.per == Per::Episode && gate.max >= f64::from(gate.cap) {
        let message = format!("`max` {} is not below `cap` {}: no candidate could fail", gate.max, gate.cap);
        fields.complain("range", Some("max"), message);
        return None;
    }
    Some(Box::new(gate))
}

impl Count {
    /// Hours, or episodes, in an episode.
    fn length(&self, frame: &Frame) -> f64 {
        match self.per {
            Per::Episode => 1.0,
            Per::Hour => frame.hours,
        }
    }

    fn per_in_words(&self) -> &'static str {
        match self.per {
            Per::Episode => "an episode",
            Per::Hour => "an hour",
        }
    }
}

impl Gate for Count {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn claim(&self, metric: &str, _unit: &str, population: &str) -> String {
        format!("{metric} of {population} is on average at most {} {}", number(self.max), self.per_in_words())
    }

    /// Bets on the counts as shares of the cap. No law of their distribution is assumed: events of a cascade come
    /// together, which a Poisson law would call impossible. A missing value counts as the cap.
    fn judge(&self, sample: &Sample, alpha: f64) -> Judgement {
        const METHOD: &str = "count-betting/1";
        let values = &sample.candidate;
        let error = |reason: String| Judgement::error(METHOD, values.len(), reason);
        if let Some(reason) = unfit(values, "candidate") {
            return error(reason);
        }
        let scale = Scale { lo: 0.0, hi: f64::from(self.cap) };
        let counts = |v: f64| scale.holds(v) && v.fract() == 0.0;
        if let Some(index) = values.iter().position(|value| value.is_some_and(|v| !counts(v))) {
            let value = number(values[index].unwrap_or_default());
            return error(format!("episode {index} has {value}, which is no count from 0 to {}", self.cap));
        }
        let length = self.length(&sample.frame);
        let limit = self.max * length / scale.hi;
        if !(limit > 0.0 && limit < 1.0) {
            return error(
                "the limit is at or beyond what an episode can have, so there is nothing to test".to_owned(),
            );
        }
        let filled = || values.iter().map(|value| value.unwrap_or(scale.hi));
        let path = scale.path(filled(), alpha);
        let (verdict, decided_at) = decide(path.shown_below(limit), path.shown_above(limit));
        let missing = missing(values);
        let estimate = mean(filled()).map(|mean| mean / length);
        let said_limit = format!("{} {}", number(self.max), self.per_in_words());
        let reason = format!(
            "{} events in {} episodes, {} {}{}{}",
            number(filled().sum::<f64>()),
            values.len(),
            number(estimate.unwrap_or_default()),
            self.per_in_words(),
            said(verdict, decided_at, &said_limit),
            said_missing(missing)
        );
        let (lower, upper) = interval(path.lower(), path.upper());
        Judgement {
            verdict,
            reason,
            n: values.len() as u64,
            k: None,
            estimate,
            interval: (lower.map(|m| scale.value_at(m) / length), upper.map(|m| scale.value_at(m) / length)),
            method: METHOD,
            e_value: None,
            p_value: None,
            missing,
            decided_at,
        }
    }

    fn threshold(&self) -> BTreeMap<String, f64> {
        [("max".to_owned(), self.max), ("cap".to_owned(), f64::from(self.cap))].into()
    }

    fn badness(&self, candidate: f64, _champion: Option<f64>) -> Option<f64> {
        badness_within(None, Some(0.0), candidate)
    }

    fn misfit(&self, frame: &Frame) -> Option<Misfit> {
        if frame.size.is_some() {
            return super::infers(KIND.name, frame);
        }
        let most = self.max * self.length(frame);
        (most >= f64::from(self.cap)).then(|| Misfit {
            problem: format!(
                "{} an hour are {} in an episode of {} h, which is not below `cap` {}: no candidate could fail",
                number(self.max),
                number(most),
                number(frame.hours),
                self.cap
            ),
            hint: "lower `max`, or raise `cap`".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Verdict, tests::gate};
    use super::*;

    fn sample(n: u32, count: impl Fn(u32) -> f64) -> Sample {
        let frame = Frame { hours: 0.5, ..Frame::default() };
        Sample { candidate: (0..n).map(|i| Some(count(i))).collect(), frame, ..Sample::default() }
    }

    /// The pattern of gates.md 3.4, 0,0,1,0,0,0,0,1,0,0 repeated to 300 with the upper bound 0.27346, as counts of 0 and 5.
    #[test]
    fn the_limit_decides_where_the_specification_puts_the_bound() {
        let pattern = sample(300, |i| if i % 10 == 2 || i % 10 == 7 { 5.0 } else { 0.0 });
        let judge = |text: &str| gate(&format!("kind = 'count'\ncap = 5\n{text}")).judge(&pattern, 0.05);
        // 5 x 0.27346 an episode, twice that an hour.
        let passed = judge("max = 1.3674");
        assert_eq!((passed.verdict, passed.estimate), (Verdict::Pass, Some(1.0)));
        assert_eq!(judge("max = 1.3672").verdict, Verdict::Undecided);
        let hourly = judge("max = 2.7348\nper = 'hour'");
        assert_eq!((hourly.verdict, hourly.estimate), (Verdict::Pass, Some(2.0)));
        assert!(hourly.interval.1.is_some_and(|upper| (upper - 2.7346).abs() < 5e-5));
        assert_eq!(judge("max = 2.7344\nper = 'hour'").verdict, Verdict::Undecided);
        assert_eq!(judge("max = 0.3").verdict, Verdict::Fail);
    }

    #[test]
    fn halves_of_events_and_more_than_the_cap_are_errors_and_silence_is_the_cap() {
        let gate = gate("kind = 'count'\ncap = 5\nmax = 1.0");
        assert_eq!(gate.judge(&sample(50, |_| 0.5), 0.05).verdict, Verdict::Error);
        assert_eq!(gate.judge(&sample(50, |_| 6.0), 0.05).verdict, Verdict::Error);
        let silent = Sample { candidate: vec![None; 50], ..Sample::default() };
        let judged = gate.judge(&silent, 0.05);
        assert_eq!((judged.verdict, judged.missing, judged.estimate), (Verdict::Fail, 50, Some(5.0)));
    }

    #[test]
    fn a_limit_beyond_the_cap_is_refused_as_soon_as_the_length_is_known() {
        let gate = gate("kind = 'count'\ncap = 5\nmax = 3\nper = 'hour'");
        let hours = |hours| Frame { hours, ..Frame::default() };
        assert_eq!(gate.misfit(&hours(1.0)), None);
        assert!(gate.misfit(&hours(2.0)).is_some_and(|misfit| misfit.problem.contains("6 in an episode")));
        let long = Sample { frame: hours(2.0), ..sample(50, |_| 0.0) };
        assert_eq!(gate.judge(&long, 0.05).verdict, Verdict::Error);
    }
}
