//! A named claim about a metric over a population, with a decision rule.
//!
//! One file per kind. The burden of proof is on the candidate: a gate passes when "unsafe" is rejected at level alpha, so
//! an unsafe candidate passes with probability at most alpha; it fails when "safe" is rejected at the same level, and is
//! undecided otherwise. Where contradictory episodes reject both, the gate fails. An episode without a value counts as
//! the worst that it could have been, and NaN or an empty sample is an error.

use std::collections::BTreeMap;
use std::fmt;

pub use reports::{Severity, Verdict};

use crate::fields::Fields;

mod census;
mod count;
mod coverage;
mod cvar;
mod equivalence;
mod latency;
mod mean;
mod noninferiority;
mod quantile;
mod rate;
mod superiority;
mod value;

/// A kind of claim with its numbers from the suite.
pub trait Gate: fmt::Debug + Send + Sync {
    /// Its kind, as in [`LIST`].
    fn kind(&self) -> &'static str;

    /// The claim in one sentence, without a full stop.
    fn claim(&self, metric: &str, unit: &str, population: &str) -> String;

    /// The verdict on the claim. `alpha` in (0, 1) bounds the probability that an unsafe candidate passes, and is the
    /// level of each end of the interval.
    ///
    /// A function of the sample alone; rows are read in index order. Never panics: what cannot be judged is
    /// [`Verdict::Error`].
    fn judge(&self, sample: &Sample, alpha: f64) -> Judgement;

    /// The numbers that the suite gave, by key.
    fn threshold(&self) -> BTreeMap<String, f64>;

    /// How much an episode with this value speaks against the claim: the larger, the worse. `None` where nothing is amiss
    /// in it, so that it is not even a close call. `champion` is the comparator's value in the same scenario, where the
    /// gate compares.
    fn badness(&self, candidate: f64, champion: Option<f64>) -> Option<f64>;

    /// Why the claim cannot be judged by episodes from such a frame, and what to write instead.
    fn misfit(&self, frame: &Frame) -> Option<Misfit> {
        if self.by_chance() { infers(self.kind(), frame) } else { None }
    }

    /// Whether one episode alone is beyond the threshold of the claim: `candidate` is its metric, which is beyond any where it
    /// is missing; `champion` the comparator's in the same scenario, for gates that compare. `None` where the claim has no
    /// threshold that an episode could break, or there is nothing to compare with.
    fn is_broken_by(&self, candidate: Option<f64>, champion: Option<f64>) -> Option<bool> {
        let _ = (candidate, champion);
        None
    }

    /// Whether the sample must hold a comparator.
    fn needs_champion(&self) -> bool {
        false
    }

    /// Whether the verdict keeps its error rate when the run stops as soon as gates are decided.
    fn anytime(&self) -> bool {
        true
    }

    /// Whether the verdict generalises from a sample, so that it may be wrong by chance.
    fn by_chance(&self) -> bool {
        true
    }
}

/// One key of a kind of gate.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Key in the suite.
    pub name: &'static str,
    /// Meaning, and the default where there is one.
    pub summary: &'static str,
}

/// A kind of gate: how it is called, and how it is read.
#[derive(Clone, Copy, Debug)]
pub struct GateKind {
    /// Value of `kind` in the suite.
    pub name: &'static str,
    /// What it claims, in one sentence.
    pub summary: &'static str,
    /// Its keys beside those of every gate.
    pub parameters: &'static [Parameter],
    /// Reads its keys; what is wrong with them is complained to the [`Fields`], and then there is no gate.
    pub parse: fn(&mut Fields<'_>) -> Option<Box<dyn Gate>>,
}

/// Every kind of gate.
pub const LIST: &[GateKind] = &[
    rate::KIND,
    mean::KIND,
    quantile::KIND,
    cvar::KIND,
    count::KIND,
    coverage::KIND,
    noninferiority::KIND,
    superiority::KIND,
    equivalence::KIND,
    census::KIND,
    value::KIND,
    latency::KIND,
];

/// The claim that every episode keeps its metric at or below `max`, for gates that a suite has without writing them;
/// `listed` where the population is a list, all of which has to be run.
pub fn every_episode_at_most(max: f64, listed: bool) -> Box<dyn Gate> {
    let value = value::Value { max: Some(max), min: None };
    if listed { Box::new(census::Census::of(value)) } else { Box::new(value) }
}

/// What the episodes of a gate are taken from; the sampling frame, in the words of survey statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Frame {
    /// How many scenarios there are in all, where the population is a list; `None` where its scenarios are drawn.
    pub size: Option<u64>,
    /// Whether the grid or the delays draw something of their own in each episode, so that a list of scenarios is not
    /// all that can happen.
    pub draws: bool,
    /// Length of an episode, h.
    pub hours: f64,
}

/// Why a gate does not fit its population.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Completes "gate `x`: ...".
    pub problem: String,
    /// What to write instead.
    pub hint: String,
}

/// The misfit of a kind that infers from a sample with a population that is none.
fn infers(kind: &str, frame: &Frame) -> Option<Misfit> {
    frame.size.map(|size| Misfit {
        problem: format!(
            "a gate of kind \"{kind}\" infers from a sample, and the {size} scenarios of this population are all there are"
        ),
        hint: "use kind = \"census\", or a population with hazards that draw".to_owned(),
    })
}

/// What a gate reads: one row per episode, in index order.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// The candidate's metric in each episode; `None` where there is none (candidate failed, solver gave up).
    pub candidate: Vec<Option<f64>>,
    /// The comparator's metric in the same scenarios, where the gate compares.
    pub champion: Option<Vec<Option<f64>>>,
    /// What they are taken from.
    pub frame: Frame,
}

impl Sample {
    /// The comparator's values, one for each of the candidate's.
    ///
    /// # Errors
    /// Why there is nothing to compare with, in words.
    fn comparator(&self) -> Result<&[Option<f64>], String> {
        let champion = self.champion.as_deref().ok_or("there is no champion to compare with")?;
        if let Some(reason) = unfit(champion, "champion") {
            return Err(reason);
        }
        let (own, theirs) = (self.candidate.len(), champion.len());
        if own != theirs {
            return Err(format!("the candidate has {own} episodes and the champion {theirs}"));
        }
        Ok(champion)
    }
}

/// What a gate answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Verdict.
    pub verdict: Verdict,
    /// Why, in one sentence for a person.
    pub reason: String,
    /// Episodes counted.
    pub n: u64,
    /// Episodes beyond the threshold, for rate gates.
    pub k: Option<u64>,
    /// Point estimate.
    pub estimate: Option<f64>,
    /// Confidence interval; an unbounded end is `None`.
    pub interval: (Option<f64>, Option<f64>),
    /// Method and version.
    pub method: &'static str,
    /// e-value against "unsafe", where the method has one.
    pub e_value: Option<f64>,
    /// p-value against "unsafe", where the number of episodes was fixed beforehand.
    pub p_value: Option<f64>,
    /// Episodes without a value.
    pub missing: u64,
    /// First n at which a verdict other than undecided stood, where the method may stop at any time.
    pub decided_at: Option<u64>,
}

impl Judgement {
    /// The answer where there is nothing to judge by.
    fn error(method: &'static str, n: usize, reason: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Error,
            reason: reason.into(),
            n: n as u64,
            k: None,
            estimate: None,
            interval: (None, None),
            method,
            e_value: None,
            p_value: None,
            missing: 0,
            decided_at: None,
        }
    }
}

/// What makes a sample unfit for any verdict: no episodes, or a value that is not a number.
fn unfit(values: &[Option<f64>], whose: &str) -> Option<String> {
    if values.is_empty() {
        return Some("there are no episodes".to_owned());
    }
    let index = values.iter().position(|value| value.is_some_and(|v| !v.is_finite()))?;
    Some(format!("the {whose}'s metric in episode {index} is not a finite number"))
}

fn missing(values: &[Option<f64>]) -> u64 {
    values.iter().filter(|value| value.is_none()).count() as u64
}

/// [`Gate::badness`] of a value that should be within limits: how far it is outside, negative inside. Metrics measure harm
/// from zero up: under an upper limit alone a value of zero is no close call, and the value itself says how bad it is.
fn badness_within(min: Option<f64>, max: Option<f64>, value: f64) -> Option<f64> {
    match (min, max) {
        (None, Some(max)) => (value > max.min(0.0)).then_some(value),
        (min, max) => {
            let over = max.map_or(f64::NEG_INFINITY, |max| value - max);
            let under = min.map_or(f64::NEG_INFINITY, |min| min - value);
            Some(over.max(under))
        }
    }
}

/// Limits in words: "at most 5 MWh", "between 1 and 2 pu".
fn limits_in_words(min: Option<f64>, max: Option<f64>, unit: &str) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("between {} and {}", number(min), quantity(max, unit)),
        (Some(min), None) => format!("at least {}", quantity(min, unit)),
        (_, max) => format!("at most {}", quantity(max.unwrap_or_default(), unit)),
    }
}

/// Suite verdict over its gates: only required ones count, and the worst of error (a skipped gate included), fail,
/// undecided, pass stands. No required gate at all is an error: nothing was claimed.
///
/// Passing needs every required gate to pass, so the suite passes an unsafe candidate with probability at most alpha
/// without correcting for the number of gates. Source: Berger 1982, Technometrics 24 (intersection-union tests).
pub fn suite_verdict(gates: &[(Severity, Verdict)]) -> Verdict {
    let rank = |verdict: Verdict| match verdict {
        Verdict::Pass => 0,
        Verdict::Undecided => 1,
        Verdict::Fail => 2,
        Verdict::Error | Verdict::Skipped => 3,
    };
    let required = gates.iter().filter(|(severity, _)| *severity == Severity::Required);
    match required.map(|&(_, verdict)| verdict).max_by_key(|&verdict| rank(verdict)) {
        None | Some(Verdict::Skipped) => Verdict::Error,
        Some(verdict) => verdict,
    }
}

/// What an undecided suite is to the caller of the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Undecided {
    /// Exit code 3.
    #[default]
    Report,
    /// As if it had failed.
    Fail,
    /// As if it had passed.
    Pass,
}

/// Exit code of a run with this suite verdict: 0 pass, 1 fail, 3 undecided unless told otherwise, 4 error.
pub fn exit_code(verdict: Verdict, undecided: Undecided) -> u8 {
    match (verdict, undecided) {
        (Verdict::Pass, _) | (Verdict::Undecided, Undecided::Pass) => 0,
        (Verdict::Fail, _) | (Verdict::Undecided, Undecided::Fail) => 1,
        (Verdict::Undecided, Undecided::Report) => 3,
        (Verdict::Error | Verdict::Skipped, _) => 4,
    }
}

/// A number for people: six significant digits, without trailing zeros.
fn number(x: f64) -> String {
    let magnitude = if x == 0.0 { 0.0 } else { x.abs().log10().floor() };
    if !(-4.0..6.0).contains(&magnitude) {
        return format!("{x:.5e}").replace(".00000e", "e");
    }
    let text = format!("{x:.*}", (5.0 - magnitude) as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A share for people, in per cent.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", number(100.0 * share))
}

/// A metric's number with its unit; the unit `1` stays silent.
fn quantity(x: f64, unit: &str) -> String {
    if unit.is_empty() || unit == "1" { number(x) } else { format!("{} {unit}", number(x)) }
}

/// Whether looking may stop at any time, or the number of episodes was fixed beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Sequential,
    Fixed,
}

impl Method {
    const PARAMETER: Parameter = Parameter {
        name: "method",
        summary: "\"sequential\" (default; valid whenever the run stops) or \"fixed\" (exact for a number of episodes fixed beforehand)",
    };

    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        let method = fields.choice("method", &[("sequential", Method::Sequential), ("fixed", Method::Fixed)]);
        fields.or("method", method, Method::Sequential)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Document;
    use proptest::prelude::*;

    /// A gate from its keys, `kind` included.
    pub(super) fn gate(text: &str) -> Box<dyn Gate> {
        read(text).unwrap_or_else(|wrong| panic!("{wrong}"))
    }

    fn read(text: &str) -> Result<Box<dyn Gate>, powerflow::Diagnostics> {
        let document = Document::toml("test.toml", text, "gate")?;
        let mut fields = document.root("gate", "gate");
        let name = fields.text("kind").unwrap_or_default();
        let kind = LIST.iter().find(|kind| kind.name == name).unwrap_or(&rate::KIND);
        let gate = (kind.parse)(&mut fields);
        fields.finish();
        document.finish(gate, "gate")
    }

    const EXAMPLES: [(&str, &str); 12] = [
        ("rate", "kind = 'rate'\nover = 0.5\nmax = 0.07"),
        ("mean", "kind = 'mean'\nmax = 0.5\nrange = [0, 1]"),
        ("quantile", "kind = 'quantile'\nq = 0.9\nmax = 0.5"),
        ("cvar", "kind = 'cvar'\nq = 0.9\nmax = 0.5\nrange = [0, 1]"),
        ("count", "kind = 'count'\nmax = 0.5\ncap = 4"),
        ("coverage", "kind = 'coverage'\nlevel = 0.9"),
        ("noninferiority", "kind = 'noninferiority'\nmargin_abs = 0.5"),
        ("superiority", "kind = 'superiority'"),
        ("equivalence", "kind = 'equivalence'\nmargin_abs = 0.5"),
        ("census", "kind = 'census'\nmax = 0.5"),
        ("value", "kind = 'value'\nmax = 0.5"),
        ("latency", "kind = 'latency'\nmax = 0.5"),
    ];

    /// Episodes in which this example does well.
    fn good(name: &str) -> Sample {
        let (own, theirs) = match name {
            "coverage" => (1.0, 1.0),
            "superiority" => (0.0, 1.0),
            _ => (0.0, 0.0),
        };
        Sample {
            candidate: vec![Some(own); 5000],
            champion: Some(vec![Some(theirs); 5000]),
            frame: Frame { size: Some(5000), draws: false, hours: 0.5 },
        }
    }

    #[test]
    fn every_kind_is_read_claims_in_one_sentence_and_documents_its_keys() {
        assert_eq!(LIST.len(), EXAMPLES.len());
        for (kind, (name, text)) in LIST.iter().zip(EXAMPLES) {
            let gate = gate(text);
            assert_eq!((kind.name, gate.kind()), (name, name));
            let claim = gate.claim("ens_mwh", "MWh", "outages");
            assert!(claim.contains("ens_mwh") && claim.contains("outages") && !claim.ends_with('.'));
            assert!(!gate.threshold().is_empty());
            // Each documented key is asked for: none of them is unknown.
            let all: String = kind.parameters.iter().map(|p| format!("{} = {{}}\n", p.name)).collect();
            let wrong = read(&format!("kind = '{name}'\n{all}")).unwrap_err();
            assert!(
                wrong.0.iter().all(|d| d.code == "gate.type" || d.code == "gate.contradiction"),
                "{wrong}"
            );
            // And no key is asked for that is not documented.
            let wrong = read(&format!("kind = '{name}'\nqqqqqqqqqqqqqqqqqqqqqqqqqqqqq = 1")).unwrap_err();
            let hint = wrong.0.iter().find_map(|d| d.hint.clone().filter(|_| d.code == "gate.unknown-key"));
            let listed = hint.unwrap_or_default();
            let listed: Vec<&str> = listed.trim_start_matches("known are ").split(", ").collect();
            for key in listed.into_iter().filter(|key| *key != "kind") {
                assert!(kind.parameters.iter().any(|p| p.name == key), "{name}: `{key}` is not documented");
            }
        }
    }

    #[test]
    fn a_claim_says_what_is_claimed() {
        let claim = |text| gate(text).claim("ens_mwh", "MWh", "outages");
        let said = EXAMPLES.map(|(_, text)| claim(text));
        assert_eq!(said[0], "at most 7 % of episodes of outages have ens_mwh above 0.5 MWh");
        assert_eq!(said[1], "the mean of ens_mwh over outages is at most 0.5 MWh");
        assert_eq!(said[2], "the 90 % quantile of ens_mwh over outages is at most 0.5 MWh");
        assert_eq!(said[3], "the mean ens_mwh of the worst 10 % of episodes of outages is at most 0.5 MWh");
        assert_eq!(said[4], "ens_mwh of outages is on average at most 0.5 an episode");
        assert!(said[5].starts_with("the candidate's intervals hold the truth in at least 90 % of outages"));
        assert!(said[6].ends_with("the candidate's mean ens_mwh is at most 0.5 MWh above the champion's"));
        assert!(said[7].ends_with("the candidate's mean ens_mwh is below the champion's"));
        assert!(
            said[8].ends_with(
                "the candidate's mean ens_mwh is within 0.5 MWh of the champion's, above or below"
            )
        );
        assert!(said[9].starts_with("every scenario of outages has ens_mwh at most 0.5 MWh;"));
        assert!(said[10].starts_with("every episode of outages that was run has ens_mwh at most 0.5 MWh"));
    }

    #[test]
    fn numbers_that_are_none_and_empty_samples_never_pass() {
        for (name, text) in EXAMPLES {
            let gate = gate(text);
            for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let mut sample = good(name);
                sample.candidate[4999] = Some(value);
                assert_eq!(gate.judge(&sample, 0.05).verdict, Verdict::Error, "{name} {value}");
            }
            let empty = Sample { candidate: vec![], champion: Some(vec![]), ..good(name) };
            assert_eq!(gate.judge(&empty, 0.05).verdict, Verdict::Error, "{name}");
            assert_eq!(gate.judge(&good(name), 0.05).verdict, Verdict::Pass, "{name}");
            // Nobody is there: never a pass.
            let silent = Sample { candidate: vec![None; 5000], ..good(name) };
            assert_ne!(gate.judge(&silent, 0.05).verdict, Verdict::Pass, "{name}");
        }
    }

    /// The larger badness is the worse episode, whichever way the metric is good.
    #[test]
    fn the_worst_episodes_are_on_the_bad_side() {
        let worst = |text: &str, values: &[f64]| {
            let gate = gate(text);
            let badness = |value: &f64| gate.badness(*value, Some(5.0));
            let mut rows: Vec<(f64, f64)> = values.iter().filter_map(|v| Some((badness(v)?, *v))).collect();
            rows.sort_by(|a, b| b.0.total_cmp(&a.0));
            rows.into_iter().map(|(_, value)| value).collect::<Vec<f64>>()
        };
        let values = [0.0, 3.0, 9.0, 5.5];
        let (up, down) = ([9.0, 5.5, 3.0], [0.0, 3.0, 5.5, 9.0]);
        for text in [
            "kind = 'rate'\nover = 4\nmax = 0.1",
            "kind = 'quantile'\nq = 0.9\nmax = 4",
            "kind = 'value'\nmax = 4",
        ] {
            assert_eq!(worst(text, &values), up, "{text}");
        }
        for text in [
            "kind = 'rate'\nunder = 4\nmax = 0.1",
            "kind = 'value'\nmin = 4",
            "kind = 'mean'\nmin = 4\nrange = [0, 10]",
            "kind = 'census'\nmin = 4",
        ] {
            assert_eq!(worst(text, &values), down, "{text}");
        }
        // Farthest outside both limits first, then the closest calls.
        assert_eq!(worst("kind = 'value'\nmin = 2\nmax = 6", &values), [9.0, 0.0, 5.5, 3.0]);
        // Against a champion of 5: only what is worse.
        let compared = |better: &str| {
            format!("kind = 'noninferiority'\nmargin_abs = 1\nrange = [0, 10]\nbetter = '{better}'")
        };
        assert_eq!(worst(&compared("lower"), &values), [9.0, 5.5]);
        assert_eq!(worst(&compared("higher"), &values), [0.0, 3.0]);
    }

    #[test]
    fn gates_that_cannot_decide_anything_are_refused() {
        for text in [
            "kind = 'rate'",
            "kind = 'rate'\nmax = 0",
            "kind = 'rate'\nmax = 1.0",
            "kind = 'rate'\nmax = 0.1\nover = 1\nunder = 2",
            "kind = 'rate'\nmax = 0.1\nmethod = 'naive'",
            "kind = 'mean'\nmax = 1.0\nrange = [0, 1]",
            "kind = 'mean'\nmax = 0.5",
            "kind = 'mean'\nrange = [0, 1]",
            "kind = 'mean'\nmin = 0.6\nmax = 0.5\nrange = [0, 1]",
            "kind = 'quantile'\nq = 1.0\nmax = 5",
            "kind = 'noninferiority'",
            "kind = 'noninferiority'\nmargin_abs = 1.0",
            "kind = 'noninferiority'\nmargin_abs = 0.1\nmargin_rel = 0.1",
            "kind = 'noninferiority'\nmargin_rel = 0.1\nrange = [-1, 1]",
            "kind = 'value'",
            "kind = 'latency'",
            "kind = 'latency'\nmax = 0",
            "kind = 'latency'\nmax = 5\nq = 1",
            "kind = 'value'\nmin = 2\nmax = 1",
            "kind = 'census'",
            "kind = 'count'\nmax = 5\ncap = 5",
            "kind = 'count'\nmax = 0\ncap = 5",
            "kind = 'count'\nmax = 1",
            "kind = 'coverage'",
            "kind = 'coverage'\nlevel = 1.0",
            "kind = 'coverage'\nlevel = 0.9\ncalibration = 8",
            "kind = 'cvar'\nq = 0.9\nmax = 5",
            "kind = 'cvar'\nq = 0.9\nmax = 5\nrange = [0, 5]",
            "kind = 'equivalence'",
            "kind = 'equivalence'\nmargin_abs = 0",
            "kind = 'equivalence'\nmargin_abs = 1",
            "kind = 'superiority'\nmargin_abs = 0.1\nmethod = 'fixed'",
            "kind = 'superiority'\nmargin_abs = 1.0",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_read_well() {
        let said = [0.0, 0.01, 1.0, 100.0 * 0.07, 123456.7, 1e-9, 2.5e7, -0.5].map(number);
        assert_eq!(said, ["0", "0.01", "1", "7", "123457", "1e-9", "2.50000e7", "-0.5"]);
    }

    #[test]
    fn an_episode_breaks_a_threshold_by_itself_or_has_no_value() {
        for (name, text) in EXAMPLES {
            let gate = gate(text);
            let broken = |value, champion| gate.is_broken_by(value, champion);
            // Who has to be better is compared with somebody who is not perfect.
            let champion = gate.needs_champion().then_some(if name == "superiority" { 0.5 } else { 0.0 });
            let answers = [Some(0.1), Some(0.9), None].map(|value| broken(value, champion));
            // Recorded calls are no episodes; a total, a share of intervals and two means that are alike are about many.
            let of_many = ["latency", "count", "coverage", "equivalence"].contains(&name);
            let expected = if of_many { [None; 3] } else { [Some(false), Some(true), Some(true)] };
            assert_eq!(answers, expected, "{name}");
        }
        let beside = gate("kind = 'noninferiority'\nmargin_abs = 0.5");
        assert_eq!(beside.is_broken_by(Some(0.9), None), None);
        assert_eq!(beside.is_broken_by(Some(0.9), Some(0.5)), Some(false));
        let under = gate("kind = 'rate'\nunder = 0.2\nmax = 0.1");
        assert_eq!([0.1, 0.3].map(|value| under.is_broken_by(Some(value), None)), [Some(true), Some(false)]);
    }

    fn any_gate() -> impl Strategy<Value = (Severity, Verdict)> {
        use Verdict::{Error, Fail, Pass, Skipped, Undecided};
        let severity = prop_oneof![Just(Severity::Required), Just(Severity::Warn)];
        (severity, proptest::sample::select(vec![Pass, Fail, Undecided, Error, Skipped]))
    }

    #[test]
    fn the_worst_required_gate_decides() {
        use Severity::{Required, Warn};
        use Verdict::{Error, Fail, Pass, Skipped, Undecided};
        let worst_first = [Error, Fail, Undecided, Pass];
        for (i, &worse) in worst_first.iter().enumerate() {
            for &better in &worst_first[i..] {
                assert_eq!(suite_verdict(&[(Required, better), (Required, worse), (Warn, Error)]), worse);
            }
        }
        assert_eq!(suite_verdict(&[(Required, Skipped), (Required, Fail)]), Error);
        assert_eq!(suite_verdict(&[(Warn, Pass)]), Error);
        let codes = |undecided| [Pass, Fail, Undecided, Error].map(|verdict| exit_code(verdict, undecided));
        assert_eq!(codes(super::Undecided::Report), [0, 1, 3, 4]);
        assert_eq!(codes(super::Undecided::Fail), [0, 1, 1, 4]);
        assert_eq!(codes(super::Undecided::Pass), [0, 1, 0, 4]);
    }

    proptest! {
        #[test]
        fn order_and_warnings_change_nothing(
            gates in proptest::collection::vec(any_gate(), 0..8), rotate in 0_usize..8, verdict in any_gate(),
        ) {
            let stands = suite_verdict(&gates);
            let mut other = gates.clone();
            other.rotate_left(rotate % gates.len().max(1));
            other.push((Severity::Warn, verdict.1));
            prop_assert_eq!(suite_verdict(&other), stands);
            let required: Vec<_> = gates.into_iter().filter(|gate| gate.0 == Severity::Required).collect();
            prop_assert_eq!(suite_verdict(&required), stands);
        }

        #[test]
        fn another_required_gate_never_helps(gates in proptest::collection::vec(any_gate(), 1..8), new in any_gate()) {
            prop_assume!(gates.iter().any(|gate| gate.0 == Severity::Required));
            let before = suite_verdict(&gates);
            let mut more = gates.clone();
            more.push((Severity::Required, new.1));
            let rank = |verdict| [Verdict::Pass, Verdict::Undecided, Verdict::Fail, Verdict::Error].iter().position(|&v| v == verdict);
            prop_assert!(rank(suite_verdict(&more)) >= rank(before));
        }
    }
}
