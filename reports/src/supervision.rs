//! What stood between a candidate and the grid: a limiter, what decided in its place, people who answer its advice.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Why the fallback decided in the place of the candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// The program died or closed its output.
    Crash,
    /// No answer within the time limit.
    Timeout,
    /// A value that was NaN or infinite.
    NotFinite,
    /// An output of another shape or name than the manifest says.
    Shape,
    /// An answer that was not of the protocol.
    Protocol,
    /// It said itself that it failed.
    Exception,
    /// It said itself that it does not decide in this state.
    Abstained,
    /// What was seen lay outside the envelope of the suite.
    Outside,
}

/// How people answered a piece of advice: all that was new in it at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Entered at once.
    Accept,
    /// Entered after a while.
    Delay,
    /// Entered half of the way from what held when it came.
    Half,
    /// Never entered.
    Ignore,
}

/// What became of one decision before it was sent to the grid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Handling {
    /// Whether the limiter changed something of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub limited: bool,
    /// Why the fallback decided instead; absent where the candidate did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// How people answered what was new in it; absent where nothing was, or where nobody was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<Answer>,
}

/// What became of the decisions of one episode, or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SupervisionTally {
    /// Decisions.
    pub decisions: u64,
    /// Those of which the limiter changed something.
    pub limited: u64,
    /// Those that the fallback made, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fallback: BTreeMap<Fallback, u64>,
    /// Pieces of advice, by answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub advice: BTreeMap<Answer, u64>,
}

impl SupervisionTally {
    /// One decision more.
    pub fn count(&mut self, handling: &Handling) {
        self.decisions += 1;
        self.limited += u64::from(handling.limited);
        if let Some(why) = handling.fallback {
            *self.fallback.entry(why).or_insert(0) += 1;
        }
        if let Some(answer) = handling.advice {
            *self.advice.entry(answer).or_insert(0) += 1;
        }
    }

    /// Both together.
    pub fn add(&mut self, other: &SupervisionTally) {
        self.decisions += other.decisions;
        self.limited += other.limited;
        for (why, n) in &other.fallback {
            *self.fallback.entry(*why).or_insert(0) += n;
        }
        for (answer, n) in &other.advice {
            *self.advice.entry(*answer).or_insert(0) += n;
        }
    }

    /// Decisions that the fallback made.
    pub fn fell_back(&self) -> u64 {
        self.fallback.values().sum()
    }
}

/// How the candidate was supervised in one population, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SupervisionRecord {
    /// Population.
    pub population: String,
    /// Episodes in which the limiter changed a decision.
    pub episodes_limited: u64,
    /// Episodes in which the fallback decided at least once.
    pub episodes_fallback: u64,
    /// Over all its episodes.
    pub tally: SupervisionTally,
}

impl Fallback {
    /// In words: completes "the fallback decided because ...".
    pub fn in_words(self) -> &'static str {
        match self {
            Fallback::Crash => "it crashed",
            Fallback::Timeout => "it was too late",
            Fallback::NotFinite => "it asked for NaN or infinity",
            Fallback::Shape => "its output had another shape",
            Fallback::Protocol => "its answer was not of the protocol",
            Fallback::Exception => "it failed",
            Fallback::Abstained => "it abstained",
            Fallback::Outside => "the state was outside the envelope",
        }
    }
}

impl Answer {
    /// Past participle: "accepted".
    pub fn in_words(self) -> &'static str {
        match self {
            Answer::Accept => "accepted",
            Answer::Delay => "delayed",
            Answer::Half => "taken by half",
            Answer::Ignore => "ignored",
        }
    }
}

impl SupervisionRecord {
    /// What came of it, in one sentence without a full stop.
    pub fn in_words(&self) -> String {
        let tally = &self.tally;
        let count = crate::words::count;
        let mut said =
            vec![format!("{} decisions, {} limited", count(tally.decisions), count(tally.limited))];
        if tally.fallback.is_empty() {
            said.push("none by the fallback".to_owned());
        }
        for (why, n) in &tally.fallback {
            said.push(format!("{} by the fallback because {}", count(*n), why.in_words()));
        }
        if !tally.advice.is_empty() {
            let pieces = count(tally.advice.values().sum());
            let answers: Vec<String> = tally
                .advice
                .iter()
                .map(|(answer, n)| format!("{} {}", count(*n), answer.in_words()))
                .collect();
            said.push(format!("{pieces} pieces of advice ({})", answers.join(", ")));
        }
        said.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_add_up_to_the_decisions_they_were_made_of() {
        let handled = [
            Handling { limited: true, ..Handling::default() },
            Handling { fallback: Some(Fallback::Timeout), ..Handling::default() },
            Handling { advice: Some(Answer::Half), ..Handling::default() },
        ];
        let mut one = SupervisionTally::default();
        handled.iter().for_each(|handling| one.count(handling));
        let mut both = one.clone();
        both.add(&one);
        assert_eq!((both.decisions, both.limited, both.fell_back()), (6, 2, 2));
        assert_eq!(both.advice, BTreeMap::from([(Answer::Half, 2)]));
    }
}
