//! Every scenario of a population that is a list keeps its metric within limits: all of them are run, so nothing is inferred.

use std::collections::BTreeMap;

use super::rate::said_missing;
use super::value::{self, Value};
use super::{Frame, Gate, GateKind, Judgement, Misfit, Parameter, Sample, Verdict};
use super::{limits_in_words, missing, number, unfit};
use crate::fields::Fields;

pub(super) const KIND: GateKind = GateKind {
    name: "census",
    summary: "every scenario of a population that is a list has its metric within `min` and `max`, and none was left out",
    parameters: &[
        Parameter { name: "max", summary: "largest value that any scenario may have" },
        Parameter { name: "min", summary: "smallest value that any scenario may have" },
        Parameter {
            name: "new_only",
            summary: "a scenario outside the limits counts only where the champion is not as far outside (default false)",
        },
    ],
    parse,
};

/// Limits, and whether only what is new counts.
#[derive(Clone, Debug)]
pub(super) struct Census {
    limits: Value,
    new_only: bool,
}

fn parse(fields: &mut Fields<'_>) -> Option<Box<dyn Gate>> {
    let new_only = fields.flag("new_only");
    let new_only = fields.or("new_only", new_only, false);
    let limits = value::read_limits(fields);
    Some(Box::new(Census { limits: limits?, new_only: new_only? }))
}

impl Census {
    /// Within these limits, whatever the champion does.
    pub(super) fn of(limits: Value) -> Self {
        Self { limits, new_only: false }
    }

    /// How far a scenario is outside and the champion is not; not positive where nothing is wrong with it.
    fn excess(&self, own: f64, champion: Option<f64>) -> f64 {
        let excess = self.limits.excess(own);
        match champion.filter(|_| self.new_only) {
            // Violations of the champion's that the candidate did not cure are not new; one made worse is.
            Some(theirs) if excess > 0.0 => excess - self.limits.excess(theirs).max(0.0),
            _ => excess,
        }
    }

    /// The comparator's values, where they are needed.
    ///
    /// # Errors
    /// Why there are none, in words.
    fn champion<'a>(&self, sample: &'a Sample) -> Result<Option<&'a [Option<f64>]>, String> {
        if !self.new_only {
            return Ok(None);
        }
        let champion = sample.comparator()?;
        match champion.iter().position(Option::is_none) {
            Some(index) => {
                Err(format!("the champion has no value in episode {index}, so nobody knows what is new"))
            }
            None => Ok(Some(champion)),
        }
    }
}

impl Gate for Census {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn claim(&self, metric: &str, unit: &str, population: &str) -> String {
        let limits = limits_in_words(self.limits.min, self.limits.max, unit);
        let or = if self.new_only { ", or is no further outside than with the champion" } else { "" };
        format!(
            "every scenario of {population} has {metric} {limits}{or}; the population is a list and all of it is run, so \
             nothing is inferred"
        )
    }

    /// Fails with the first scenario outside the limits, passes with the last one inside, and is undecided as long as
    /// scenarios are left. The estimate is the value furthest out.
    fn judge(&self, sample: &Sample, _alpha: f64) -> Judgement {
        const METHOD: &str = "census/1";
        let values = &sample.candidate;
        let error = |reason: String| Judgement::error(METHOD, values.len(), reason);
        if let Some(reason) = unfit(values, "candidate") {
            return error(reason);
        }
        let n = values.len() as u64;
        let Some(size) = sample.frame.size else {
            return error(
                "the scenarios of the population are drawn: no number of them is all of them".to_owned(),
            );
        };
        if n > size {
            return error(format!("there are {n} episodes of {size} scenarios"));
        }
        let champion = match self.champion(sample) {
            Ok(champion) => champion,
            Err(reason) => return error(reason),
        };
        let theirs = |index: usize| champion.and_then(|champion| champion[index]);
        let bad = |(index, own): (usize, &Option<f64>)| {
            own.is_none_or(|own| !self.limits.within(own) && self.excess(own, theirs(index)) > 0.0)
        };
        let k = values.iter().enumerate().filter(|&row| bad(row)).count() as u64;
        let first = values.iter().enumerate().position(bad);
        let excess = |(index, own): &(usize, f64)| self.excess(*own, theirs(*index));
        let known = values.iter().enumerate().filter_map(|(index, own)| own.map(|own| (index, own)));
        let worst = known.max_by(|a, b| excess(a).total_cmp(&excess(b))).map(|(_, own)| own);
        let missing = missing(values);
        let or = if self.new_only { " or no further outside than with the champion" } else { "" };
        let inside = limits_in_words(self.limits.min, self.limits.max, "1") + or;
        let worst_in_words = worst.map_or("no scenario has a value".to_owned(), |worst| {
            format!("the worst value is {}", number(worst))
        });
        let (verdict, decided_at, reason) = match first {
            Some(first) => {
                let said = format!("{k} of {n} scenarios are not {inside}, the first is episode {first}");
                (Verdict::Fail, Some(first as u64 + 1), format!("{said}; {worst_in_words}"))
            }
            None if n < size => {
                let reason = format!(
                    "{n} of {size} scenarios were run and are {inside}: nothing is known of the others"
                );
                (Verdict::Undecided, None, reason)
            }
            None => {
                (Verdict::Pass, Some(size), format!("all {size} scenarios are {inside}; {worst_in_words}"))
            }
        };
        Judgement {
            verdict,
            reason: reason + &said_missing(missing),
            n,
            k: Some(k),
            estimate: worst,
            interval: (None, None),
            method: METHOD,
            e_value: None,
            p_value: None,
            missing,
            decided_at,
        }
    }

    fn is_broken_by(&self, candidate: Option<f64>, champion: Option<f64>) -> Option<bool> {
        if self.new_only {
            return Some(candidate.is_none_or(|candidate| self.excess(candidate, champion) > 0.0));
        }
        self.limits.is_broken_by(candidate, None)
    }

    fn threshold(&self) -> BTreeMap<String, f64> {
        self.limits.threshold()
    }

    fn badness(&self, candidate: f64, champion: Option<f64>) -> Option<f64> {
        if self.new_only {
            // What the champion suffers too is nothing that the candidate did.
            Some(self.excess(candidate, champion)).filter(|new| *new > 0.0)
        } else {
            self.limits.badness(candidate, None)
        }
    }

    fn misfit(&self, frame: &Frame) -> Option<Misfit> {
        if frame.size.is_none() {
            return Some(Misfit {
                problem: "a census counts every scenario there is, and those of this population are drawn"
                    .to_owned(),
                hint: "use hazards that list (every_outage, demand_levels), or kind = \"rate\"".to_owned(),
            });
        }
        frame.draws.then(|| Misfit {
            problem: "a census counts everything that can happen, and in each episode something beside the scenario is drawn"
                .to_owned(),
            hint: "leave hidden_failure_probability and replayed or live delays out, or use kind = \"value\"".to_owned(),
        })
    }

    fn needs_champion(&self) -> bool {
        self.new_only
    }

    fn by_chance(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::gate;
    use super::*;

    fn listed(size: u64, candidate: Vec<Option<f64>>, champion: Option<Vec<Option<f64>>>) -> Sample {
        Sample { candidate, champion, frame: Frame { size: Some(size), ..Frame::default() } }
    }

    #[test]
    fn only_all_of_them_pass_and_one_is_enough_to_fail() {
        let census = gate("kind = 'census'\nmax = 1.0");
        let judge = |size, values: &[Option<f64>]| census.judge(&listed(size, values.to_vec(), None), 0.05);
        let good = [Some(0.0), Some(1.0), Some(0.5)];
        let all = judge(3, &good);
        assert_eq!(
            (all.verdict, all.k, all.decided_at, all.estimate),
            (Verdict::Pass, Some(0), Some(3), Some(1.0))
        );
        assert_eq!(judge(4, &good).verdict, Verdict::Undecided);
        assert_eq!(judge(2, &good).verdict, Verdict::Error);
        let one = judge(4, &[Some(0.0), Some(1.5), Some(0.5)]);
        assert_eq!((one.verdict, one.k, one.decided_at), (Verdict::Fail, Some(1), Some(2)));
        let silent = judge(3, &[Some(0.0), None, Some(0.5)]);
        assert_eq!((silent.verdict, silent.missing), (Verdict::Fail, 1));
        let drawn = Sample { candidate: good.to_vec(), ..Sample::default() };
        assert_eq!(census.judge(&drawn, 0.05).verdict, Verdict::Error);
    }

    #[test]
    fn what_the_champion_suffers_too_is_not_new() {
        let census = gate("kind = 'census'\nmax = 1.0\nnew_only = true");
        let judge = |own: &[f64], theirs: &[Option<f64>]| {
            let own = own.iter().copied().map(Some).collect::<Vec<_>>();
            census.judge(&listed(own.len() as u64, own, Some(theirs.to_vec())), 0.05)
        };
        let theirs = [Some(0.0), Some(3.0), Some(2.0)];
        assert_eq!(judge(&[1.0, 3.0, 0.0], &theirs).verdict, Verdict::Pass);
        assert_eq!(judge(&[1.0, 3.5, 0.0], &theirs).k, Some(1));
        assert_eq!(judge(&[1.5, 3.0, 0.0], &theirs).verdict, Verdict::Fail);
        assert_eq!(judge(&[1.0, 3.0, 0.0], &[Some(0.0), None, Some(2.0)]).verdict, Verdict::Error);
        assert!(census.needs_champion() && !census.by_chance());
        // The most of what is new, not the most of all.
        assert_eq!(judge(&[2.0, 3.5, 0.0], &theirs).estimate, Some(2.0));
    }

    #[test]
    fn a_census_of_what_is_drawn_is_refused_and_so_is_a_sample_of_what_is_not() {
        let frame = |size, draws| Frame { size, draws, hours: 1.0 };
        let misfit = |text: &str, frame: Frame| gate(text).misfit(&frame).is_some();
        let (census, rate, value) =
            ("kind = 'census'\nmax = 1", "kind = 'rate'\nmax = 0.1", "kind = 'value'\nmax = 1");
        assert!(!misfit(census, frame(Some(9), false)));
        assert!(misfit(census, frame(None, false)));
        assert!(misfit(census, frame(Some(9), true)));
        assert!(misfit(rate, frame(Some(9), false)));
        assert!(!misfit(rate, frame(None, true)));
        assert!(!misfit(value, frame(Some(9), true)) && !misfit(value, frame(None, false)));
        assert!(!misfit("kind = 'latency'\nmax = 5", frame(Some(9), false)));
    }
}
