//! Who acts in a scenario that was not: the candidate as it decides, as it did decide, with something withheld, or somebody in its place.

use std::collections::BTreeSet;
use std::fmt;

use reports::{EpisodeRecord, Handling};

use crate::action::{Asked, AskedTensor};
use crate::candidate::{Candidate, Decisions, Failure};
use crate::observation::{Observations, Observed, Tensor};

/// Who stands in for the candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StandIn {
    /// Nobody: what was granted before goes on to hold.
    Nobody,
    /// One of the comparators, by number.
    Comparator(usize),
}

/// Who acts. Decisions are numbered by the step that they are about, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acts {
    /// The candidate decides.
    Candidate,
    /// What the candidate asked in the episode that is explained is asked again, whatever the grid shows.
    Held,
    /// The candidate decides, and what it asks in these steps never arrives.
    Without(BTreeSet<u32>),
    /// The candidate decides, and what it asks of this element never arrives.
    Sparing(Asked, u32),
    /// The candidate decides, until this step; from then on somebody else.
    Until(u32, StandIn),
}

impl Acts {
    /// Somebody else, from the beginning.
    pub fn other(by: StandIn) -> Self {
        Acts::Until(0, by)
    }
}

/// What tells one from another in the digest of a run; elements by row.
impl fmt::Display for Acts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Acts::Candidate => write!(f, "candidate"),
            Acts::Held => write!(f, "held"),
            Acts::Without(steps) => {
                let steps: Vec<String> = steps.iter().map(u32::to_string).collect();
                write!(f, "without {}", steps.join(","))
            }
            Acts::Sparing(quantity, element) => write!(f, "sparing {} {element}", quantity.id()),
            Acts::Until(step, StandIn::Nobody) => write!(f, "until {step} nobody"),
            Acts::Until(step, StandIn::Comparator(number)) => write!(f, "until {step} comparator {number}"),
        }
    }
}

/// What was asked of one quantity: elements and values.
type Request = (Asked, Vec<(u32, f64)>);

/// What a candidate asked in an episode, step by step.
#[derive(Clone, Debug, Default)]
pub struct Actions {
    /// By step. One in which it was not asked has none.
    steps: Vec<Vec<Request>>,
    /// How it failed in the step after the last, if it did.
    failure: Option<Failure>,
}

impl Actions {
    /// Those of a recorded episode.
    pub fn of(record: &EpisodeRecord, failure: Option<Failure>) -> Self {
        let mut actions = Actions { steps: Vec::new(), failure };
        if record.decisions.is_empty() {
            // States within a step were nobody's decision.
            for step in record.steps.iter().filter(|step| !step.between) {
                let asked = |quantity: &Asked| {
                    let values = step.asked.get(quantity.id())?;
                    let given =
                        values.iter().enumerate().filter_map(|(row, value)| Some((row as u32, (*value)?)));
                    Some((*quantity, given.collect()))
                };
                actions.steps.push(Asked::LIST.iter().filter_map(asked).collect());
            }
        }
        for decision in &record.decisions {
            let asked = |quantity: &Asked| Some((*quantity, decision.asked.get(quantity.id())?.clone()));
            actions.steps.resize_with(decision.number as usize, Vec::new);
            actions.steps.push(Asked::LIST.iter().filter_map(asked).collect());
        }
        actions
    }

    /// Steps in which it asked for something, ascending.
    pub fn acting(&self) -> Vec<u32> {
        let asks = |asked: &Vec<Request>| asked.iter().any(|(_, values)| !values.is_empty());
        (0..).zip(&self.steps).filter(|(_, asked)| asks(asked)).map(|(step, _)| step).collect()
    }

    /// Everything that it ever asked something of, in the order of the contract, then by row.
    pub fn elements(&self) -> Vec<(Asked, u32)> {
        let all = self.steps.iter().flatten();
        let elements: BTreeSet<(Asked, u32)> = all
            .flat_map(|(quantity, values)| values.iter().map(|(element, _)| (*quantity, *element)))
            .collect();
        elements.into_iter().collect()
    }

    /// Whether it failed.
    pub fn failed(&self) -> bool {
        self.failure.is_some()
    }

    /// How it failed in this step, if it did.
    fn fails(&self, step: u32) -> Option<&Failure> {
        self.failure.as_ref().filter(|_| step as usize >= self.steps.len())
    }
}

/// A cohort's candidate: in each row whoever acts there.
pub struct Directed<'a> {
    /// The candidate; `None` where it is not asked again and only [`Acts::Held`] is known of it.
    pub candidate: Option<&'a mut dyn Candidate>,
    /// What it asked in the episode that is explained.
    pub held: &'a Actions,
    /// The comparators.
    pub stand_ins: &'a mut [Box<dyn Candidate>],
    /// Who acts in each row.
    pub acts: Vec<Acts>,
    /// Length of a step, s.
    pub step_s: f64,
}

/// Who decides in one row at one moment.
#[derive(Clone, Copy, PartialEq)]
enum Who {
    Nobody,
    Candidate,
    Held,
    Comparator(usize),
}

impl Directed<'_> {
    fn who(&self, row: usize, step: u32) -> Who {
        let own = if self.candidate.is_some() { Who::Candidate } else { Who::Held };
        match &self.acts[row] {
            Acts::Held => Who::Held,
            Acts::Candidate | Acts::Sparing(..) => own,
            Acts::Without(steps) if steps.contains(&step) => Who::Nobody,
            Acts::Without(_) => own,
            Acts::Until(until, _) if step < *until => own,
            Acts::Until(_, StandIn::Nobody) => Who::Nobody,
            Acts::Until(_, StandIn::Comparator(number)) => Who::Comparator(*number),
        }
    }

    /// Whether the candidate is shown what this row shows: as long as it may decide there again.
    fn is_shown(&self, row: usize, step: u32) -> bool {
        match &self.acts[row] {
            Acts::Held => false,
            Acts::Until(until, _) => step < *until,
            Acts::Candidate | Acts::Without(_) | Acts::Sparing(..) => true,
        }
    }

    /// What of a tensor is asked: where `wanted` in the row and not spared there.
    fn masked(&self, tensor: AskedTensor, wanted: impl Fn(usize) -> bool) -> AskedTensor {
        let cols = tensor.elements.len();
        let mut given = tensor.given.unwrap_or_else(|| vec![true; tensor.values.rows * cols]);
        for (at, given) in given.iter_mut().enumerate() {
            let (row, element) = (at / cols, tensor.elements[at % cols]);
            let spared = self.acts.get(row) == Some(&Acts::Sparing(tensor.quantity, element));
            *given &= wanted(row) && !spared;
        }
        AskedTensor { given: Some(given), ..tensor }
    }

    /// What was asked in this step of the episode that is explained, in every row.
    fn repeated(&self, step: u32, rows: usize) -> Vec<AskedTensor> {
        let asked = self.held.steps.get(step as usize).map(Vec::as_slice).unwrap_or_default();
        asked
            .iter()
            .map(|(quantity, values)| {
                let (elements, row): (Vec<u32>, Vec<f64>) = values.iter().copied().unzip();
                let values = Tensor { rows, cols: elements.len(), data: row.repeat(rows) };
                AskedTensor { quantity: *quantity, elements, values, given: None }
            })
            .collect()
    }
}

impl Candidate for Directed<'_> {
    fn reset(&mut self, seeds: &[u64]) {
        self.acts.resize(seeds.len(), Acts::other(StandIn::Nobody));
        if let Some(candidate) = &mut self.candidate {
            candidate.reset(seeds);
        }
        self.stand_ins.iter_mut().for_each(|stand_in| stand_in.reset(seeds));
    }

    fn decide_batch(&mut self, seen: &Observations) -> Decisions {
        let mut all = Decisions::none(seen.rows);
        let time_s = |row: usize| seen.of(Observed::TimeS).row(row).first().copied().unwrap_or(0.0);
        let asked: Vec<usize> = (0..seen.rows).filter(|row| seen.alive[*row]).collect();
        // All rows of a cohort are at one moment.
        let Some(step) = asked.first().map(|row| (time_s(*row) / self.step_s).round() as u32) else {
            return all;
        };
        let mut who = vec![Who::Nobody; seen.rows];
        asked.iter().for_each(|row| who[*row] = self.who(*row, step));
        let shown = asked.iter().any(|row| self.is_shown(*row, step));
        if let Some(candidate) = self.candidate.as_mut().filter(|_| shown) {
            let decided = candidate.decide_batch(seen);
            for (row, failure) in decided.failed.into_iter().enumerate() {
                if who[row] == Who::Candidate {
                    all.failed[row] = failure;
                }
            }
            let own = |row: usize| who[row] == Who::Candidate;
            let handled = decided.handled.into_iter().enumerate();
            all.handled = handled
                .map(|(row, handling)| if own(row) { handling } else { Handling::default() })
                .collect();
            all.asked.extend(decided.asked.into_iter().map(|tensor| self.masked(tensor, own)));
        }
        if who.contains(&Who::Held) {
            let own = |row: usize| who[row] == Who::Held;
            let repeated = self.repeated(step, seen.rows);
            all.asked.extend(repeated.into_iter().map(|tensor| self.masked(tensor, own)));
            for row in (0..seen.rows).filter(|row| own(*row)) {
                all.failed[row] = self.held.fails(step).cloned();
            }
        }
        for number in 0..self.stand_ins.len() {
            // Who takes over has watched from the beginning.
            let of_row = |acts: &Acts| matches!(acts, Acts::Until(_, StandIn::Comparator(n)) if *n == number);
            if self.acts.iter().any(of_row) {
                let decided = self.stand_ins[number].decide_batch(seen);
                let own = |row: usize| who[row] == Who::Comparator(number);
                all.asked.extend(decided.asked.into_iter().map(|tensor| self.masked(tensor, own)));
                for (row, failure) in decided.failed.into_iter().enumerate().filter(|(row, _)| own(*row)) {
                    all.failed[row] = failure;
                }
            }
        }
        all
    }
}
