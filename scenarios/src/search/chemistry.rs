//! Random chemistry: the smallest sets of elements that fail together, out of very many that do not.
//!
//! A start draws a large random set. Where it fails, random subsets of it, smaller and smaller, are tried until one of each size still
//! fails; where none does, what is left is pruned element by element until every set with one element less is harmless. That takes in
//! the order of the logarithm of the number of elements, where listing all sets takes a power of it. Starts know nothing of each
//! other, so that sets which come up again tell how many are left to find ([`super::richness`]).
//!
//! Small sets may be listed first, all of them: what they tell is complete, and nothing is left to estimate.
//!
//! Elements are numbers below a count. What is asked is a set of them against a background: what else is going on, of which there may
//! be several, each with answers of its own. Starts take them in turn.
//!
//! Minimal means that no set with one element less fails. Where more losses may do less harm, a still smaller subset may fail.
//!
//! Source: M. J. Eppstein, P. D. H. Hines, "A Random Chemistry algorithm for identifying collections of multiple contingencies that
//! initiate cascading failure", IEEE Transactions on Power Systems 27(3), 2012. Pruning in halves before single elements follows
//! A. Zeller, R. Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE Transactions on Software Engineering 28(2),
//! 2002.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::richness::{chao1, unseen_share};
use super::{Estimated, Found, Reply, Unasked};
use crate::draw::Stream;
use crate::seed::{Seed, Streams, streams};

/// Sizes of the published experiments on 2896 branches, the first draw first.
pub const PUBLISHED_SIZES: [u32; 10] = [80, 40, 20, 14, 10, 7, 5, 4, 3, 2];

/// Starts in a row that end without a question, because all they want to know is known, after which the search is over.
const IDLE_STARTS: u64 = 1000;

/// Questions of the listing that are asked at once.
const LISTED_AT_ONCE: usize = 256;

/// Elements that may be lost together.
pub trait Elements {
    /// How many there are.
    fn count(&self) -> u32;

    /// `size` different ones, ascending, drawn at random from those that are not `barred`; fewer where so many may not go together.
    /// Every subset of what is drawn may go together too.
    fn draw(&self, size: u32, barred: &BTreeSet<u32>, stream: &mut Stream) -> Vec<u32>;

    /// Whether a set may go together.
    fn together(&self, _set: &[u32]) -> bool {
        true
    }
}

/// So many elements, any of which may be lost together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Any(pub u32);

impl Elements for Any {
    fn count(&self) -> u32 {
        self.0
    }

    fn draw(&self, size: u32, barred: &BTreeSet<u32>, stream: &mut Stream) -> Vec<u32> {
        let free: Vec<u32> = (0..self.0).filter(|element| !barred.contains(element)).collect();
        stream.subset(free.len(), size as usize).into_iter().map(|at| free[at]).collect()
    }
}

/// How the search goes about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Size of the first draw, then of the subsets, falling.
    pub sizes: Vec<u32>,
    /// Subsets of one size that are tried before the set is pruned instead.
    pub attempts: u32,
    /// Largest minimal set that is kept.
    pub size_max: u32,
    /// Starts that are under way at once. A setting, since it decides which questions come in which order.
    pub side_by_side: u32,
    /// Backgrounds, at least one.
    pub backgrounds: u64,
    /// Every set of at most so many elements is tried first, in every background; 0 draws from the beginning. Elements that fail alone
    /// are left out of the draws, since no larger minimal set holds them. Where this is [`Self::size_max`] nothing is drawn.
    pub list_up_to: u32,
}

impl Settings {
    /// As published, on so many elements: where eighty are more than a quarter of them, the first draw is a quarter, or ten.
    pub fn published(elements: u32) -> Self {
        let first = PUBLISHED_SIZES[0].min((elements / 4).max(10)).min(elements);
        let mut sizes = vec![first];
        // A step that keeps nearly all of a set is not worth its attempts.
        sizes.extend(PUBLISHED_SIZES.iter().copied().filter(|size| 4 * size <= 3 * first));
        Settings { sizes, attempts: 20, size_max: 5, side_by_side: 1, backgrounds: 1, list_up_to: 0 }
    }
}

/// A question: does the loss of these elements fail?
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Trial {
    /// Against which background.
    pub background: u64,
    /// Elements, ascending; none is the background by itself.
    pub set: Vec<u32>,
}

/// How the starts went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Questions that were answered.
    pub trials: u64,
    /// Of these, how many were in doubt.
    pub doubtful: u64,
    /// Starts that have ended.
    pub starts: u64,
    /// Of these, how many drew a set that does not fail.
    pub harmless: u64,
    /// Of these, how many ended with a minimal set of more elements than are kept.
    pub larger: u64,
}

/// The search; see the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chemistry {
    seed: Seed,
    name: String,
    settings: Settings,
    /// By background.
    known: Vec<Known>,
    listing: Listing,
    next_start: u64,
    descents: Vec<Descent>,
    finds: Vec<Find>,
    tally: Tally,
    asked: Vec<Asked>,
    exhausted: bool,
}

/// How far the listing of small sets is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Listing {
    size: u32,
    background: u64,
    /// The next set; empty where that background has no more of that size.
    next: Vec<u32>,
}

/// What is known of a background.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Known {
    /// Whether it fails by itself.
    by_itself: Option<Reply>,
    /// Elements that fail alone, where all are listed.
    barred: BTreeSet<u32>,
    small: Tried,
}

/// Answers by set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Tried {
    harmless: BTreeSet<Vec<u32>>,
    fails: BTreeSet<Vec<u32>>,
    doubtful: BTreeSet<Vec<u32>>,
}

impl Known {
    /// Whether a smaller set of which it is known that it fails is a part of this one.
    fn holds_failure(&self, set: &[u32]) -> bool {
        let inside = |smaller: &Vec<u32>| smaller.iter().all(|element| set.binary_search(element).is_ok());
        self.small.fails.iter().any(inside)
    }

    /// Whether of every set with one element less it is known that it is harmless.
    fn is_sound_without_one(&self, set: &[u32]) -> bool {
        (0..set.len()).all(|left_out| {
            let smaller = [&set[..left_out], &set[left_out + 1..]].concat();
            let reply = if smaller.is_empty() { self.by_itself } else { self.small.reply(&smaller) };
            reply == Some(Reply::Harmless)
        })
    }
}

impl Tried {
    fn reply(&self, set: &[u32]) -> Option<Reply> {
        let named = [
            (&self.harmless, Reply::Harmless),
            (&self.fails, Reply::Fails),
            (&self.doubtful, Reply::Doubtful),
        ];
        named.into_iter().find(|(sets, _)| sets.contains(set)).map(|(_, reply)| reply)
    }

    fn note(&mut self, set: Vec<u32>, reply: Reply) {
        match reply {
            Reply::Harmless => self.harmless.insert(set),
            Reply::Fails => self.fails.insert(set),
            Reply::Doubtful => self.doubtful.insert(set),
        };
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Asked {
    by: Asker,
    trial: Trial,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Asker {
    /// The search itself: a background without losses, or a set of the listing.
    Search,
    /// The start of this number.
    Start(u64),
}

/// A start on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Descent {
    start: u64,
    background: u64,
    stage: Stage,
    /// What fails so far; while pruning in the order in which its elements are left out.
    set: Vec<u32>,
    /// Answers while pruning.
    tried: Tried,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Stage {
    First,
    /// Trying subsets of `sizes[size]`.
    Shrinking {
        size: usize,
        attempt: u32,
    },
    /// Leaving out `chunk` elements from place `at` on.
    Pruning {
        chunk: usize,
        at: usize,
        removed: bool,
        doubtful: bool,
    },
    Ended(Ending),
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Ending {
    Harmless,
    /// The set is minimal, surely or as far as is known.
    Minimal {
        surely: bool,
    },
}

/// A minimal set that a start ended with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Find {
    trial: Trial,
    surely: bool,
    /// Whether it was drawn, and not listed.
    captured: bool,
}

impl Chemistry {
    /// A search whose draws are those of the streams `chemistry/...` of `name`, numbered by start.
    pub fn new(seed: Seed, name: &str, settings: Settings) -> Self {
        Chemistry {
            seed,
            name: name.to_owned(),
            known: vec![Known::default(); settings.backgrounds.max(1) as usize],
            settings,
            listing: Listing { size: 1, background: 0, next: vec![0] },
            next_start: 0,
            descents: Vec::new(),
            finds: Vec::new(),
            tally: Tally::default(),
            asked: Vec::new(),
            exhausted: false,
        }
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The next questions, at most `most`; none where there is nothing left to ask. They are to be answered by [`Self::tell`] in their
    /// order; until then the same are asked again.
    pub fn ask(&mut self, elements: &dyn Elements, most: usize) -> Vec<Trial> {
        if self.asked.is_empty() && most > 0 && !self.exhausted {
            self.ask_backgrounds(most);
            if self.asked.is_empty() {
                self.ask_listed(elements, most.min(LISTED_AT_ONCE));
            }
            if self.asked.is_empty() && self.settings.list_up_to < self.settings.size_max {
                self.ask_descents(elements, most);
            }
            self.exhausted = self.asked.is_empty();
        }
        self.asked.iter().map(|asked| asked.trial.clone()).collect()
    }

    /// Takes the answers to the questions of [`Self::ask`], in their order.
    ///
    /// # Errors
    /// Where there are more or fewer of them than questions; nothing is taken then.
    pub fn tell(&mut self, replies: &[Reply]) -> Result<(), Unasked> {
        if replies.len() != self.asked.len() {
            return Err(Unasked { asked: self.asked.len(), told: replies.len() });
        }
        for (asked, reply) in std::mem::take(&mut self.asked).into_iter().zip(replies) {
            self.tally.trials += 1;
            self.tally.doubtful += u64::from(*reply == Reply::Doubtful);
            let Asked { by, trial } = asked;
            let background = &mut self.known[trial.background as usize];
            match by {
                Asker::Search if trial.set.is_empty() => {
                    background.by_itself = Some(*reply);
                    if *reply == Reply::Fails {
                        self.finds.push(Find { trial: trial.clone(), surely: true, captured: false });
                    }
                }
                Asker::Search => {
                    if *reply == Reply::Fails {
                        let surely = background.is_sound_without_one(&trial.set);
                        if let [element] = trial.set.as_slice() {
                            background.barred.insert(*element);
                        }
                        self.finds.push(Find { trial: trial.clone(), surely, captured: false });
                    }
                }
                Asker::Start(start) => {
                    let streams = self.streams(start);
                    let descent = self.descents.iter_mut().find(|descent| descent.start == start);
                    if let Some(descent) = descent {
                        if matches!(descent.stage, Stage::Pruning { .. }) {
                            descent.tried.note(trial.set.clone(), *reply);
                        }
                        descent.take(&self.settings, &streams, trial.set.clone(), *reply);
                    }
                }
            }
            if trial.set.len() <= self.settings.size_max as usize {
                self.known[trial.background as usize].small.note(trial.set, *reply);
            }
        }
        Ok(())
    }

    /// How the starts went.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Whether nothing is left to ask: everything that starts come upon is known.
    pub fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// The minimal sets, those of fewer elements first and in the order of their elements, each with the first background in which it
    /// was come upon. Minimal is a set that surely was in every background in which it was found.
    pub fn found(&self) -> Vec<Found<Trial>> {
        let mut found: BTreeMap<(usize, &[u32]), Found<Trial>> = BTreeMap::new();
        for find in &self.finds {
            let key = (find.trial.set.len(), find.trial.set.as_slice());
            let new = || Found { what: find.trial.clone(), times: 0, minimal: true };
            let found = found.entry(key).or_insert_with(new);
            found.times += 1;
            found.minimal &= find.surely;
        }
        found.into_values().collect()
    }

    /// How many minimal sets of `size` elements there are, by how often starts came upon each; `None` where they came upon none.
    ///
    /// A lower bound: some are easier to come upon than others. Of single elements that were all tried there is nothing to estimate.
    pub fn count_of(&self, size: usize) -> Option<Estimated> {
        chao1(self.captures(|set| set.len() == size))
    }

    /// The probability that the next start which finds anything finds what none has found yet.
    pub fn unseen_share(&self) -> Option<f64> {
        unseen_share(self.captures(|_| true))
    }

    fn captures(&self, wanted: impl Fn(&[u32]) -> bool) -> Vec<u64> {
        let mut times: BTreeMap<&[u32], u64> = BTreeMap::new();
        for find in self.finds.iter().filter(|find| find.captured && wanted(&find.trial.set)) {
            *times.entry(&find.trial.set).or_insert(0) += 1;
        }
        times.into_values().collect()
    }

    fn streams(&self, start: u64) -> Streams {
        streams(self.seed, &self.name, start).within("chemistry")
    }

    fn search_asks(&mut self, background: u64, set: Vec<u32>) {
        self.asked.push(Asked { by: Asker::Search, trial: Trial { background, set } });
    }

    fn ask_backgrounds(&mut self, most: usize) {
        let open: Vec<u64> = (0..self.known.len() as u64)
            .filter(|background| self.known[*background as usize].by_itself.is_none())
            .collect();
        open.into_iter().take(most).for_each(|background| self.search_asks(background, Vec::new()));
    }

    /// Asks about the next sets of the listing, all of one size: larger ones wait for the answers about smaller ones.
    fn ask_listed(&mut self, elements: &dyn Elements, most: usize) {
        while self.asked.len() < most && self.listing.size <= self.settings.list_up_to {
            let Listing { size, background, .. } = self.listing;
            let Some(known) = self.known.get(background as usize) else {
                if !self.asked.is_empty() {
                    return;
                }
                self.listing = Listing { size: size + 1, background: 0, next: (0..=size).collect() };
                continue;
            };
            let fits = self.listing.next.last().is_some_and(|last| *last < elements.count());
            if !fits || known.by_itself == Some(Reply::Fails) {
                self.listing = Listing { size, background: background + 1, next: (0..size).collect() };
                continue;
            }
            let set = self.listing.next.clone();
            advance(&mut self.listing.next, elements.count());
            if !known.holds_failure(&set) && elements.together(&set) {
                self.search_asks(background, set);
            }
        }
    }

    /// Backgrounds that do not fail by themselves, in which alone losses can be to blame.
    fn sound_backgrounds(&self) -> Vec<u64> {
        let sound =
            |(at, known): (usize, &Known)| (known.by_itself != Some(Reply::Fails)).then_some(at as u64);
        self.known.iter().enumerate().filter_map(sound).collect()
    }

    fn ask_descents(&mut self, elements: &dyn Elements, most: usize) {
        let backgrounds = self.sound_backgrounds();
        if backgrounds.is_empty() {
            return;
        }
        let width = self.settings.side_by_side.max(1) as usize;
        let mut idle = 0;
        loop {
            let mut questions = Vec::new();
            let mut ended = Vec::new();
            for (at, descent) in self.descents.iter_mut().enumerate() {
                let streams = streams(self.seed, &self.name, descent.start).within("chemistry");
                let known = &self.known[descent.background as usize];
                match descent.question(&self.settings, &streams, known) {
                    Some(set) => questions.push((descent.start, descent.background, set)),
                    None => ended.push(at),
                }
            }
            for at in ended.into_iter().rev() {
                let descent = self.descents.remove(at);
                self.end(&descent);
            }
            if self.descents.len() == width || idle == IDLE_STARTS {
                for (start, background, set) in questions.into_iter().take(most) {
                    self.asked.push(Asked { by: Asker::Start(start), trial: Trial { background, set } });
                }
                return;
            }
            while self.descents.len() < width && idle < IDLE_STARTS {
                idle += 1;
                let start = self.next_start;
                self.next_start += 1;
                let background = backgrounds[(start % backgrounds.len() as u64) as usize];
                let barred = &self.known[background as usize].barred;
                let mut stream = self.streams(start).named("first");
                let set =
                    elements.draw(self.settings.sizes.first().copied().unwrap_or(0), barred, &mut stream);
                let stage = if set.is_empty() { Stage::Ended(Ending::Harmless) } else { Stage::First };
                self.descents.push(Descent { start, background, stage, set, tried: Tried::default() });
            }
        }
    }

    fn end(&mut self, descent: &Descent) {
        self.tally.starts += 1;
        let Stage::Ended(ending) = descent.stage else { return };
        match ending {
            Ending::Harmless => self.tally.harmless += 1,
            Ending::Minimal { .. } if descent.set.len() > self.settings.size_max as usize => {
                self.tally.larger += 1;
            }
            Ending::Minimal { surely } => {
                let trial = Trial { background: descent.background, set: ascending(&descent.set) };
                self.finds.push(Find { trial, surely, captured: true });
            }
        }
    }
}

impl Descent {
    /// The next question, once everything that is known is taken; `None` at the end.
    fn question(&mut self, settings: &Settings, streams: &Streams, known: &Known) -> Option<Vec<u32>> {
        loop {
            let set = self.candidate(settings, streams)?;
            let by_itself = known.by_itself.filter(|_| set.is_empty());
            let Some(reply) =
                by_itself.or_else(|| known.small.reply(&set)).or_else(|| self.tried.reply(&set))
            else {
                return Some(set);
            };
            self.take(settings, streams, set, reply);
        }
    }

    /// What to try now.
    fn candidate(&self, settings: &Settings, streams: &Streams) -> Option<Vec<u32>> {
        match &self.stage {
            Stage::First => Some(self.set.clone()),
            Stage::Shrinking { size, attempt } => {
                let size = settings.sizes[*size];
                let mut stream = streams.named(&format!("{size}#{attempt}"));
                let places = stream.subset(self.set.len(), size as usize);
                Some(places.into_iter().map(|at| self.set[at]).collect())
            }
            Stage::Pruning { chunk, at, .. } => {
                let end = (at + chunk).min(self.set.len());
                Some(ascending(&[&self.set[..*at], &self.set[end..]].concat()))
            }
            Stage::Ended(_) => None,
        }
    }

    fn take(&mut self, settings: &Settings, streams: &Streams, set: Vec<u32>, reply: Reply) {
        let fails = reply == Reply::Fails;
        match &mut self.stage {
            Stage::First if fails => self.shrink(settings, streams, 1),
            Stage::First => self.stage = Stage::Ended(Ending::Harmless),
            Stage::Shrinking { size, .. } if fails => {
                let next = *size + 1;
                self.set = set;
                self.shrink(settings, streams, next);
            }
            Stage::Shrinking { attempt, .. } => {
                *attempt += 1;
                if *attempt >= settings.attempts {
                    self.prune(streams);
                }
            }
            Stage::Pruning { chunk, at, removed, doubtful } => {
                if fails {
                    let end = (*at + *chunk).min(self.set.len());
                    self.set.drain(*at..end);
                    *removed = true;
                } else {
                    *doubtful |= reply == Reply::Doubtful;
                    *at += *chunk;
                }
                if *at >= self.set.len() {
                    let again = *chunk > 1 || *removed;
                    if again {
                        let chunk = (*chunk / 2).max(1);
                        self.stage = Stage::Pruning { chunk, at: 0, removed: false, doubtful: false };
                    } else {
                        self.stage = Stage::Ended(Ending::Minimal { surely: !*doubtful });
                    }
                }
            }
            Stage::Ended(_) => {}
        }
    }

    /// Goes on with the first of the sizes from place `from` on that is smaller than the set.
    fn shrink(&mut self, settings: &Settings, streams: &Streams, from: usize) {
        let smaller = |size: &usize| (settings.sizes[*size] as usize) < self.set.len();
        match (from..settings.sizes.len()).find(smaller) {
            Some(size) => self.stage = Stage::Shrinking { size, attempt: 0 },
            None => self.prune(streams),
        }
    }

    fn prune(&mut self, streams: &Streams) {
        // In an order of its own, or the last elements of the file would be kept more often than the first.
        streams.named("prune").shuffle(&mut self.set);
        let chunk = (self.set.len() / 4).max(1);
        self.stage = Stage::Pruning { chunk, at: 0, removed: false, doubtful: false };
    }
}

/// The next set of as many elements below `count`, in the order of a dictionary; none after the last.
fn advance(set: &mut Vec<u32>, count: u32) {
    let size = set.len();
    let movable = (0..size).rev().find(|place| set[*place] + ((size - place) as u32) < count);
    match movable {
        Some(place) => {
            let first = set[place] + 1;
            for (at, element) in set[place..].iter_mut().enumerate() {
                *element = first + at as u32;
            }
        }
        None => set.clear(),
    }
}

fn ascending(set: &[u32]) -> Vec<u32> {
    let mut set = set.to_vec();
    set.sort_unstable();
    set
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Fails where it holds all of some planted set.
    fn planted(sets: &[BTreeSet<u32>], trial: &Trial) -> Reply {
        let has = |set: &BTreeSet<u32>| set.iter().all(|element| trial.set.binary_search(element).is_ok());
        if sets.iter().any(has) { Reply::Fails } else { Reply::Harmless }
    }

    fn settings(elements: u32, side_by_side: u32, list_up_to: u32) -> Settings {
        Settings { side_by_side, list_up_to, ..Settings::published(elements) }
    }

    /// Asks and tells until so many questions are answered or none is left.
    fn search(search: &mut Chemistry, elements: u32, budget: u64, reply: impl Fn(&Trial) -> Reply) {
        loop {
            let left = budget - search.tally().trials;
            let asked = search.ask(&Any(elements), left as usize);
            if asked.is_empty() {
                return;
            }
            let replies: Vec<Reply> = asked.iter().map(&reply).collect();
            search.tell(&replies).expect("an answer each");
        }
    }

    fn minimal(sets: &[BTreeSet<u32>]) -> BTreeSet<Vec<u32>> {
        let smaller = |set: &BTreeSet<u32>| sets.iter().any(|other| other != set && other.is_subset(set));
        sets.iter().filter(|set| !smaller(set)).map(|set| set.iter().copied().collect()).collect()
    }

    fn any_sets() -> impl Strategy<Value = (u32, Vec<BTreeSet<u32>>)> {
        (12u32..60).prop_flat_map(|elements| {
            let set = proptest::collection::btree_set(0..elements, 1..=3);
            (Just(elements), proptest::collection::vec(set, 1..6))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        /// Whatever was planted is found, all of it, and nothing else; written down and read back on the way, and with any number of
        /// starts side by side.
        #[test]
        fn planted_sets_are_found_and_minimal(
            (elements, sets) in any_sets(), seed in 0u64..1000, side_by_side in 1u32..9, list_up_to in 0u32..3,
        ) {
            let mut chemistry = Chemistry::new(Seed(seed), "planted", settings(elements, side_by_side, list_up_to));
            // Some sets are hard to come upon beside others: the budget is far beyond what any takes.
            for round in 1..=100 {
                search(&mut chemistry, elements, 1000 * round, |trial| planted(&sets, trial));
                let text = serde_json::to_string(&chemistry).expect("plain data");
                let read: Chemistry = serde_json::from_str(&text).expect("its own text");
                prop_assert_eq!(&read, &chemistry);
                chemistry = read;
                for found in chemistry.found() {
                    prop_assert!(found.minimal);
                    prop_assert!(minimal(&sets).contains(&found.what.set), "{:?}", found.what);
                }
                if chemistry.found().len() == minimal(&sets).len() || chemistry.is_exhausted() {
                    break;
                }
            }
            let found: BTreeSet<Vec<u32>> = chemistry.found().into_iter().map(|found| found.what.set).collect();
            prop_assert_eq!(found, minimal(&sets));
        }
    }

    /// One pair among three hundred elements: 44,850 pairs would have to be listed.
    #[test]
    fn a_needle_takes_a_few_hundred_questions() {
        let sets = [BTreeSet::from([17, 203])];
        let mut chemistry = Chemistry::new(Seed(1), "needle", settings(300, 1, 0));
        search(&mut chemistry, 300, 1000, |trial| planted(&sets, trial));
        let found = chemistry.found();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].what.set, [17, 203]);
        let tally = chemistry.tally();
        assert_eq!(tally.trials, 1000);
        assert_eq!(tally.starts, tally.harmless + tally.larger + found[0].times);
        // It alone was ever found, again and again: there is no sign of another.
        assert_eq!(chemistry.count_of(2).expect("captures").value, 1.0);
        assert_eq!((chemistry.count_of(3), chemistry.unseen_share()), (None, Some(0.0)));
    }

    #[test]
    fn doubt_is_no_failure_and_takes_the_certainty_of_what_is_beside_it() {
        let reply = |trial: &Trial| match trial.set.as_slice() {
            [3] => Reply::Doubtful,
            set if set.contains(&3) && set.contains(&5) => Reply::Fails,
            _ => Reply::Harmless,
        };
        let mut chemistry = Chemistry::new(Seed(1), "doubt", settings(20, 2, 0));
        search(&mut chemistry, 20, 3000, reply);
        let found = chemistry.found();
        assert_eq!((found.len(), found[0].what.set.as_slice(), found[0].minimal), (1, &[3, 5][..], false));
        assert!(chemistry.tally().doubtful > 0);
    }

    #[test]
    fn backgrounds_have_answers_of_their_own() {
        // In the second background element 4 fails alone, the third fails by itself.
        let reply = |trial: &Trial| match (trial.background, trial.set.as_slice()) {
            (2, _) => Reply::Fails,
            (1, set) if set.contains(&4) => Reply::Fails,
            (_, set) if set.contains(&4) && set.contains(&9) => Reply::Fails,
            _ => Reply::Harmless,
        };
        let settings = Settings { backgrounds: 3, ..settings(40, 4, 1) };
        let mut chemistry = Chemistry::new(Seed(7), "backgrounds", settings);
        search(&mut chemistry, 40, 5000, reply);
        let found: Vec<(u64, Vec<u32>)> =
            chemistry.found().into_iter().map(|found| (found.what.background, found.what.set)).collect();
        assert_eq!(found, [(2, vec![]), (1, vec![4]), (0, vec![4, 9])]);
    }

    /// All sets of up to two of ten elements, but for those that hold what fails already: 1 + 10 + 36 questions.
    #[test]
    fn what_is_listed_is_complete_and_nothing_is_drawn_or_estimated() {
        let sets =
            [BTreeSet::from([3]), BTreeSet::from([0, 9]), BTreeSet::from([3, 4]), BTreeSet::from([1, 2, 5])];
        let mut chemistry = Chemistry::new(Seed(1), "list", Settings { size_max: 2, ..settings(10, 4, 2) });
        search(&mut chemistry, 10, 1000, |trial| planted(&sets, trial));
        assert!(chemistry.is_exhausted());
        assert_eq!((chemistry.tally().trials, chemistry.tally().starts), (1 + 10 + 36, 0));
        let found = chemistry.found();
        assert!(found.iter().all(|found| found.minimal && found.times == 1));
        let found: Vec<Vec<u32>> = found.into_iter().map(|found| found.what.set).collect();
        assert_eq!(found, [vec![3], vec![0, 9]]);
        assert_eq!((chemistry.count_of(2), chemistry.unseen_share()), (None, None));
    }

    #[test]
    fn a_search_ends_where_everything_is_known_and_takes_no_answer_that_it_did_not_ask_for() {
        let mut chemistry = Chemistry::new(Seed(1), "tiny", settings(4, 1, 1));
        assert_eq!(chemistry.tell(&[Reply::Fails]), Err(Unasked { asked: 0, told: 1 }));
        search(&mut chemistry, 4, 1_000_000, |_| Reply::Harmless);
        assert!(chemistry.is_exhausted() && chemistry.tally().trials < 20);
        assert!(chemistry.found().is_empty());
        let mut nothing = Chemistry::new(Seed(1), "nothing", settings(0, 1, 1));
        search(&mut nothing, 0, 10, |_| Reply::Fails);
        assert_eq!(nothing.found()[0].what.set, [] as [u32; 0]);
    }
}
