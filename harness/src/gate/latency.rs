//! The candidate decides within so much time, by its recorded file: the calls are the sample, not the episodes.

use std::collections::BTreeMap;

use super::quantile::Quantile;
use super::{Frame, Gate, GateKind, Judgement, Method, Misfit, Parameter, Sample, percent, quantity};
use crate::fields::Fields;

pub(super) const KIND: GateKind = GateKind {
    name: "latency",
    summary: "the `q`-quantile of the candidate's recorded times to decide is at most `max`",
    parameters: &[
        Parameter { name: "q", summary: "which quantile, between 0 and 1 (default 0.99)" },
        Parameter { name: "max", summary: "largest value of the quantile, ms" },
    ],
    parse,
};

/// The quantile that counts where the suite says nothing.
const QUANTILE: f64 = 0.99;

#[derive(Clone, Debug)]
struct Latency(Quantile);

fn parse(fields: &mut Fields<'_>) -> Option<Box<dyn Gate>> {
    let q = fields.number("q", "above 0 and below 1", |q| q > 0.0 && q < 1.0);
    let q = fields.or("q", q, QUANTILE);
    let max = fields.number("max", "above 0", |max| max > 0.0);
    let max = fields.need("max", max);
    // The number of calls was fixed before the run.
    Some(Box::new(Latency(Quantile { q: q?, max: max?, method: Method::Fixed })))
}

impl Gate for Latency {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn claim(&self, metric: &str, unit: &str, population: &str) -> String {
        format!(
            "the {} quantile of {metric}, as recorded before the run and whatever happens in {population}, is at most {}",
            percent(self.0.q),
            quantity(self.0.max, unit)
        )
    }

    fn judge(&self, sample: &Sample, alpha: f64) -> Judgement {
        let judgement = self.0.judge(sample, alpha);
        Judgement {
            reason: format!("recorded calls in the place of episodes: {}", judgement.reason),
            ..judgement
        }
    }

    fn threshold(&self) -> BTreeMap<String, f64> {
        self.0.threshold()
    }

    fn badness(&self, candidate: f64, champion: Option<f64>) -> Option<f64> {
        self.0.badness(candidate, champion)
    }

    fn misfit(&self, _frame: &Frame) -> Option<Misfit> {
        // Its sample are calls, whatever the population is.
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::gate;
    use super::*;
    use crate::gate::Verdict;

    /// With 1000 calls, 99 % and a level of 5 %: the bound is the value of rank 995 or so (gates.md 3.2), so 5 calls above the limit
    /// are too many only beyond what the binomial law allows: P(X <= 4) of 1000 at 1 % is 0.029, P(X <= 5) is 0.066.
    #[test]
    fn so_many_calls_may_be_slower() {
        let gate = gate("kind = 'latency'\nmax = 10");
        let verdict = |slow: usize| {
            let calls = (0..1000).map(|i| Some(if i < slow { 11.0 } else { 9.0 })).collect();
            gate.judge(&Sample { candidate: calls, champion: None, ..Sample::default() }, 0.05).verdict
        };
        assert_eq!([0, 4, 5].map(verdict), [Verdict::Pass, Verdict::Pass, Verdict::Undecided]);
        assert_eq!(verdict(40), Verdict::Fail);
    }
}
