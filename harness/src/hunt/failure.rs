//! What counts as a failure of one episode: the limits that gates of a population put on each, read without their shares and quantiles.

use powerflow::{Diagnostic, Diagnostics};
use scenarios::nearest;
use scenarios::search::{Graded, Reply};

use crate::latency;
use crate::metric;
use crate::suite::{Suite, SuiteGate};
use crate::trajectory::{Episode, Outcome};

/// The limits of one gate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Limit {
    /// The gate's id.
    pub(crate) gate: String,
    pub(crate) metric: String,
    unit: &'static str,
    /// An episode fails above this.
    pub(crate) max: Option<f64>,
    /// An episode fails below this.
    pub(crate) min: Option<f64>,
}

/// What counts as a failure: an episode that any of the limits is broken in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) limits: Vec<Limit>,
}

/// What a failure is told by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    /// In words.
    pub(crate) why: String,
    /// The metric's value, where it has one.
    pub(crate) value: Option<f64>,
}

impl Limit {
    /// The limit that a gate puts on every single episode; `None` where it speaks of many only, as a mean does.
    fn of(gate: &SuiteGate) -> Option<Self> {
        let (_, metric) = metric::by_id(&gate.metric)?;
        // Calls are no episodes, and a margin takes many episodes to find.
        if [latency::COMPUTE_MS, latency::MARGIN_MS].contains(&metric.id) {
            return None;
        }
        // A search looks at one actor: what is new beside another it cannot tell.
        if gate.gate.needs_champion() {
            return None;
        }
        let threshold = gate.gate.threshold();
        let of = |key: &str| threshold.get(key).copied();
        let (max, min) = match gate.gate.kind() {
            "rate" => match of("under") {
                Some(under) => (None, Some(under)),
                None => (Some(of("over").unwrap_or(0.0)), None),
            },
            "quantile" => (of("max"), None),
            "value" => (of("max"), of("min")),
            _ => return None,
        };
        (max.is_some() || min.is_some()).then(|| Limit {
            gate: gate.id.clone(),
            metric: gate.metric.clone(),
            unit: metric.unit,
            max,
            min,
        })
    }

    /// Whether it is broken by a value; by none at all it is.
    fn broken(&self, value: Option<f64>) -> bool {
        let inside =
            |value: f64| self.max.is_none_or(|max| value <= max) && self.min.is_none_or(|min| value >= min);
        !value.is_some_and(inside)
    }

    fn words(&self) -> String {
        let unit = if self.unit == "1" { String::new() } else { format!(" {}", self.unit) };
        let sides = [
            self.max.map(|max| format!("above {max}{unit}")),
            self.min.map(|min| format!("below {min}{unit}")),
        ];
        let sides: Vec<String> = sides.into_iter().flatten().collect();
        format!("{} {} (gate {})", self.metric, sides.join(" or "), self.gate)
    }

    fn told(&self, value: Option<f64>) -> Told {
        let why = match value {
            Some(value) => {
                let unit = if self.unit == "1" { String::new() } else { format!(" {}", self.unit) };
                let limit = self.max.filter(|max| value > *max).or(self.min).or(self.max).unwrap_or_default();
                format!("{} is {}{unit}, against {limit}{unit}", self.metric, rounded(value))
            }
            None => format!("{} has no value", self.metric),
        };
        Told { why, value }
    }
}

/// Six significant digits: enough for people, and the document has the number itself.
fn rounded(value: f64) -> String {
    let text = format!("{value:.5e}");
    text.parse::<f64>().map_or(text, |short| short.to_string())
}

impl Failure {
    /// By one gate, or by all required gates of a population that put a limit on every episode.
    ///
    /// # Errors
    /// `hunt.gate` where there is no such gate or it puts no limit on a single episode, and where no gate does.
    pub(crate) fn of(suite: &Suite, population: &str, gate: Option<&str>) -> Result<Self, Diagnostics> {
        let own = || suite.gates.iter().filter(|gate| gate.population == population);
        let refuse = |message: String, hint: String| {
            Err(Diagnostic::error("hunt.gate", message).at(&suite.file, None).hint(hint).into())
        };
        let with_limits = || own().filter(|gate| Limit::of(gate).is_some()).map(|gate| gate.id.as_str());
        if let Some(id) = gate {
            let Some(found) = own().find(|gate| gate.id == id) else {
                let hint = nearest::advice(id, own().map(|gate| gate.id.as_str()));
                return refuse(format!("population `{population}` has no gate `{id}`"), hint);
            };
            return match Limit::of(found) {
                Some(limit) => Ok(Failure { limits: vec![limit] }),
                None => refuse(
                    format!(
                        "gate `{id}` puts no limit on a single episode, so that none of them can break it"
                    ),
                    format!(
                        "gates of kinds rate, quantile and value do: {}",
                        with_limits().collect::<Vec<_>>().join(", ")
                    ),
                ),
            };
        }
        let required = own().filter(|gate| gate.severity == crate::gate::Severity::Required);
        let limits: Vec<Limit> = required.filter_map(Limit::of).collect();
        if limits.is_empty() {
            return refuse(
                format!("no required gate of population `{population}` puts a limit on a single episode"),
                "add one of kind rate, quantile or value".to_owned(),
            );
        }
        Ok(Failure { limits })
    }

    /// What counts, in a sentence without a full stop.
    pub(crate) fn words(&self) -> String {
        let limits: Vec<String> = self.limits.iter().map(Limit::words).collect();
        format!("an episode fails with {}", limits.join(", or "))
    }

    /// Whether an episode fails. One in which the solver gave up is in doubt unless it fails both ways, counted as lost and as served.
    pub(crate) fn reply(&self, episode: &Episode) -> Reply {
        let lost = self.limits.iter().any(|limit| limit.broken(episode.metric(&limit.metric)));
        if episode.outcome != Outcome::SolverGaveUp {
            return if lost { Reply::Fails } else { Reply::Harmless };
        }
        let served = self.limits.iter().any(|limit| limit.broken(episode.metric_as_served(&limit.metric)));
        match (lost, served) {
            (false, false) => Reply::Harmless,
            (true, true) => Reply::Fails,
            _ => Reply::Doubtful,
        }
    }

    /// How bad an episode is by the first limit, for a search that climbs: what is in doubt fails, and what has no value is as bad as can
    /// be.
    pub(crate) fn grade(&self, episode: &Episode) -> Graded {
        let fails = self.reply(episode) != Reply::Harmless;
        let limit = self.limits.first();
        let value = limit.and_then(|limit| episode.metric_as_served(&limit.metric));
        let value = value.filter(|_| episode.outcome != Outcome::CandidateFailed);
        let falls = limit.is_some_and(|limit| limit.max.is_none());
        Graded { fails, score: value.map_or(f64::MAX, |value| if falls { -value } else { value }) }
    }

    /// A score of [`Self::grade`] as a value of the metric, in words.
    pub(crate) fn ungraded(&self, score: f64) -> String {
        match self.limits.first() {
            Some(limit) => {
                let value = if limit.max.is_none() { -score } else { score };
                format!("{} {}", limit.metric, rounded(value))
            }
            None => rounded(score),
        }
    }

    /// What tells that an episode fails: the first limit that it breaks.
    pub(crate) fn told(&self, episode: &Episode) -> Told {
        let value = |limit: &Limit| episode.metric_as_served(&limit.metric);
        match self.limits.iter().find(|limit| limit.broken(value(limit))) {
            Some(limit) => limit.told(value(limit)),
            None => Told { why: "no limit is broken".into(), value: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    const SUITE: &str = r#"schema = "gridgate/suite/1"
name = "s"
seed = 1
grid = "g.m"
[loop]
task = "volt_var"
step_s = 60
steps = 3
[[population]]
id = "p"
hazards = []
size_max = 3
[[gate]]
id = "voltage"
population = "p"
metric = "voltage.violation_pu_min"
kind = "rate"
over = 0.5
max = 0.01
[[gate]]
id = "energy"
population = "p"
metric = "ens_mwh"
kind = "mean"
max = 0.5
range = [0, 1]
"#;

    fn suite() -> Suite {
        Suite::from_text(SUITE, Path::new("suite.toml")).expect("a suite")
    }

    fn episode(outcome: Outcome, metrics: &[(&str, Option<f64>)], served: &[(&str, f64)]) -> Episode {
        Episode {
            population: "p".into(),
            index: 0,
            subject: "candidate".into(),
            scenario: String::new(),
            outcome,
            cause: None,
            message: None,
            steps: 3,
            metrics: metrics.iter().map(|(id, value)| ((*id).to_owned(), *value)).collect(),
            as_served: (!served.is_empty())
                .then(|| served.iter().map(|(id, value)| ((*id).to_owned(), *value)).collect()),
            refusals: BTreeMap::new(),
            trips: Vec::new(),
            numerically_doubtful: false,
            grid_log_likelihood: None,
            latency: None,
            supervision: None,
            trajectory: String::new(),
        }
    }

    #[test]
    fn a_gate_on_many_episodes_is_a_limit_on_each_or_none() {
        let suite = suite();
        let all = Failure::of(&suite, "p", None).expect("limits");
        let gates: Vec<&str> = all.limits.iter().map(|limit| limit.gate.as_str()).collect();
        // The mean is about no episode; the implied gates are about every one.
        assert_eq!(gates, ["voltage", "p.balance"]);
        let one = Failure::of(&suite, "p", Some("voltage")).expect("a limit");
        assert_eq!(
            one.words(),
            "an episode fails with voltage.violation_pu_min above 0.5 pu min (gate voltage)"
        );
        for (gate, told) in [("energy", "puts no limit"), ("voltag", "has no gate")] {
            let complaint = Failure::of(&suite, "p", Some(gate)).expect_err(gate);
            assert_eq!(complaint.0[0].code, "hunt.gate");
            assert!(complaint.0[0].message.contains(told) && complaint.0[0].hint.is_some(), "{complaint}");
        }
    }

    #[test]
    fn a_missing_number_fails_and_a_solver_that_gave_up_is_counted_both_ways() {
        let failure = Failure::of(&suite(), "p", Some("voltage")).expect("a limit");
        let id = "voltage.violation_pu_min";
        let reply = |outcome, metric, served: &[(&str, f64)]| {
            failure.reply(&episode(outcome, &[(id, metric)], served))
        };
        assert_eq!(reply(Outcome::Survived, Some(0.5), &[]), Reply::Harmless);
        assert_eq!(reply(Outcome::Survived, Some(0.6), &[]), Reply::Fails);
        assert_eq!(reply(Outcome::CandidateFailed, None, &[]), Reply::Fails);
        assert_eq!(reply(Outcome::SolverGaveUp, None, &[(id, 0.1)]), Reply::Doubtful);
        assert_eq!(reply(Outcome::SolverGaveUp, None, &[(id, 0.7)]), Reply::Fails);
        assert_eq!(failure.told(&episode(Outcome::Survived, &[(id, Some(0.6))], &[])).value, Some(0.6));
    }
}
