//! Every episode keeps its metric within limits: a statement about the episodes that were run, and no others.

use std::collections::BTreeMap;

use super::{Gate, GateKind, Judgement, Parameter, Sample, Verdict};
use super::{badness_within, limits_in_words, missing, number, unfit};
use crate::fields::Fields;

pub(super) const KIND: GateKind = GateKind {
    name: "value",
    summary: "every one of the episodes that were run has its metric within `min` and `max`; nothing is inferred beyond them",
    parameters: &[
        Parameter { name: "max", summary: "largest value that any episode may have" },
        Parameter { name: "min", summary: "smallest value that any episode may have" },
    ],
    parse,
};

/// Limits, each inclusive; at least one is there.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) max: Option<f64>,
    pub(super) min: Option<f64>,
}

fn parse(fields: &mut Fields<'_>) -> Option<Box<dyn Gate>> {
    Some(Box::new(read_limits(fields)?))
}

/// Reads `max` and `min`, at least one of which is needed.
pub(super) fn read_limits(fields: &mut Fields<'_>) -> Option<Value> {
    let (max, min) = (fields.finite("max"), fields.finite("min"));
    if !fields.has("max") && !fields.has("min") {
        fields.complain("missing", None, "`max` or `min` is missing");
    }
    if let (Some(max), Some(min)) = (max, min)
        && min > max
    {
        fields.complain("contradiction", Some("min"), format!("`min` {min} is above `max` {max}"));
    }
    (max.is_some() || min.is_some()).then_some(Value { max, min })
}

impl Value {
    /// How far a value is outside; not positive inside.
    pub(super) fn excess(&self, value: f64) -> f64 {
        let over = self.max.map_or(f64::NEG_INFINITY, |max| value - max);
        let under = self.min.map_or(f64::NEG_INFINITY, |min| min - value);
        over.max(under)
    }

    pub(super) fn within(&self, value: f64) -> bool {
        self.max.is_none_or(|max| value <= max) && self.min.is_none_or(|min| value >= min)
    }
}

impl Gate for Value {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn claim(&self, metric: &str, unit: &str, population: &str) -> String {
        format!(
            "every episode of {population} that was run has {metric} {}; this is a count, it infers nothing about other \
             episodes",
            limits_in_words(self.min, self.max, unit)
        )
    }

    /// The estimate is the value furthest out.
    fn judge(&self, sample: &Sample, _alpha: f64) -> Judgement {
        let values = &sample.candidate;
        if let Some(reason) = unfit(values, "candidate") {
            return Judgement::error(KIND.name, values.len(), reason);
        }
        let n = values.len() as u64;
        let bad = |value: &Option<f64>| value.is_none_or(|v| !self.within(v));
        let k = values.iter().filter(|v| bad(v)).count() as u64;
        let first = values.iter().position(bad);
        let worst =
            values.iter().flatten().copied().max_by(|a, b| self.excess(*a).total_cmp(&self.excess(*b)));
        let missing = missing(values);
        let reason = match (first, worst) {
            (None, Some(worst)) => format!(
                "all {n} episodes are {}; the nearest to a limit is {}",
                limits_in_words(self.min, self.max, "1"),
                number(worst)
            ),
            (Some(first), Some(worst)) => format!(
                "{k} of {n} episodes are not {}, the first is episode {first}; the worst value is {}{}",
                limits_in_words(self.min, self.max, "1"),
                number(worst),
                super::rate::said_missing(missing)
            ),
            (_, None) => format!("none of {n} episodes has a value"),
        };
        Judgement {
            verdict: if first.is_none() { Verdict::Pass } else { Verdict::Fail },
            reason,
            n,
            k: Some(k),
            estimate: worst,
            interval: (None, None),
            method: "every-episode/1",
            e_value: None,
            p_value: None,
            missing,
            decided_at: Some(first.map_or(n, |first| first as u64 + 1)),
        }
    }

    fn is_broken_by(&self, candidate: Option<f64>, _champion: Option<f64>) -> Option<bool> {
        Some(candidate.is_none_or(|value| !self.within(value)))
    }

    fn threshold(&self) -> BTreeMap<String, f64> {
        let named = [("max", self.max), ("min", self.min)];
        named.into_iter().filter_map(|(key, limit)| Some((key.to_owned(), limit?))).collect()
    }

    fn badness(&self, candidate: f64, _champion: Option<f64>) -> Option<f64> {
        badness_within(self.min, self.max, candidate)
    }

    fn by_chance(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::gate;
    use super::*;

    fn judge(text: &str, values: &[Option<f64>]) -> Judgement {
        gate(text).judge(&Sample { candidate: values.to_vec(), champion: None, ..Sample::default() }, 0.05)
    }

    #[test]
    fn one_episode_outside_or_without_a_value_fails_them_all() {
        let within = "kind = 'value'\nmin = 0.0\nmax = 1.0";
        let passed = judge(within, &[Some(0.0), Some(1.0)]);
        assert_eq!((passed.verdict, passed.k, passed.interval), (Verdict::Pass, Some(0), (None, None)));
        let over = judge(within, &[Some(0.5), Some(1.0 + 1e-12)]);
        assert_eq!(
            (over.verdict, over.decided_at, over.estimate),
            (Verdict::Fail, Some(2), Some(1.0 + 1e-12))
        );
        assert_eq!(judge(within, &[Some(-0.1), Some(0.5)]).estimate, Some(-0.1));
        assert_eq!(judge(within, &[Some(0.5), None]).verdict, Verdict::Fail);
        assert_eq!(judge(within, &[None]).verdict, Verdict::Fail);
    }
}
