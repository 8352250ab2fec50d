//! What outages of any kind of element share: how many, which first, when, and for how long.

use powerflow::{Diagnostic, Diagnostics};

use crate::draw::Stream;
use crate::event::{Event, Moment, TimedEvent};
use crate::hazard::World;
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};

pub(crate) const K: Parameter = Parameter {
    name: "k",
    unit: "1",
    default: "1",
    meaning: "how many are lost; a list such as [1, 2] is drawn from, every entry equally likely",
};
pub(crate) const AT_S: Parameter = Parameter {
    name: "at_s",
    unit: "s",
    default: "the first half of the horizon, up to the last step",
    meaning: "when the trouble begins: a number, or [earliest, latest] drawn from uniformly",
};
pub(crate) const SPREAD_S: Parameter = Parameter {
    name: "spread_s",
    unit: "s",
    default: "0",
    meaning: "how long after the beginning each loss may come, drawn uniformly for each; 0 loses all at once",
};
pub(crate) const RETURN_AFTER_S: Parameter = Parameter {
    name: "return_after_s",
    unit: "s",
    default: "never",
    meaning: "how long each stays lost: a number, or [shortest, longest] drawn from uniformly for each",
};

/// How many, when and for how long.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outages {
    counts: Vec<u32>,
    at_s: Option<Span>,
    spread_s: f64,
    return_after_s: Option<Span>,
}

impl Outages {
    /// Reads the four settings.
    pub(crate) fn read(settings: &mut Settings<'_>) -> Self {
        Outages {
            counts: settings.counts(K.name, &[1]),
            at_s: settings.span(AT_S.name, 0.0, f64::INFINITY),
            spread_s: settings.number(SPREAD_S.name, 0.0, 0.0, f64::INFINITY),
            return_after_s: settings.span(RETURN_AFTER_S.name, 0.0, f64::INFINITY),
        }
    }

    /// In words, for `noun` in its regular plural.
    pub(crate) fn describe(&self, noun: &str) -> String {
        let counts: Vec<String> = self.counts.iter().map(u32::to_string).collect();
        let one = |noun: &str| {
            noun.strip_suffix(if noun.ends_with("ches") { "es" } else { "s" }).map(str::to_owned)
        };
        let noun = if self.counts == [1] { one(noun) } else { None }.unwrap_or_else(|| noun.to_owned());
        let mut words = format!("{} {noun} lost", counts.join(" or "));
        words += &match self.at_s {
            None => " in the first half of the horizon".to_owned(),
            Some(at) => format!(" at {at} s"),
        };
        if self.spread_s > 0.0 {
            words += &format!(", each up to {} s later", self.spread_s);
        }
        words += &match self.return_after_s {
            None => ", for good".to_owned(),
            Some(after) => format!(", back after {after} s"),
        };
        words
    }

    /// Complaints about a world where the losses cannot be drawn from `available` elements, or cannot be lived through.
    pub(crate) fn check(&self, kind: &str, noun: &str, available: usize, world: &World<'_>) -> Diagnostics {
        let mut complaints = Diagnostics::default();
        if let Some(most) = self.counts.iter().max().filter(|most| **most as usize > available) {
            complaints.push(
                Diagnostic::error(
                    "hazard.too-many",
                    format!(
                        "the hazard {kind} loses {most} {noun}, but {} has {available} that it may lose",
                        world.network.name
                    ),
                )
                .hint("lower `k`, or loosen what restricts the choice"),
            );
        }
        let last_s = world.last_step_s();
        let window = self.window(world);
        if window.low > last_s {
            complaints.push(
                Diagnostic::error(
                    "hazard.never-happens",
                    format!("the hazard {kind} begins at {window} s, after the last step at {last_s} s"),
                )
                .hint("lower `at_s`, or take more steps"),
            );
        } else if window.high + self.spread_s > last_s {
            complaints.push(Diagnostic::warning(
                "hazard.partly-after-the-end",
                format!(
                    "the hazard {kind} may lose {noun} until {} s, but nothing after the last step at {last_s} s is seen",
                    window.high + self.spread_s
                ),
            ));
        }
        if let Some(after) = self.return_after_s.filter(|after| after.low < world.step_s) {
            complaints.push(Diagnostic::warning(
                "hazard.shorter-than-a-step",
                format!(
                    "the hazard {kind} gives {noun} back after {after} s; an outage shorter than the step of {} s may \
                     fall between two steps, unseen",
                    world.step_s
                ),
            ));
        }
        complaints
    }

    /// How many are lost, at most `available`, and the logarithm of the likelihood of that number. Stream `k`.
    pub(crate) fn count(&self, streams: &Streams, available: usize) -> (usize, f64) {
        let most = self.counts.len() as u64;
        let drawn = streams.named("k").below(most).map_or(0, |at| self.counts[at as usize] as usize);
        let count = drawn.min(available);
        let as_many = self.counts.iter().filter(|n| (**n as usize).min(available) == count).count();
        (count, libm::log(as_many as f64 / most as f64))
    }

    /// Dates the losses of `elements`, given as what happens and what undoes it. Streams `when` and `back`, read in the
    /// order of the elements: with one element more, the others keep their times.
    pub(crate) fn date(
        &self,
        world: &World<'_>,
        streams: &Streams,
        elements: impl Iterator<Item = (Event, Event)>,
        timeline: &mut Vec<TimedEvent>,
    ) {
        let (mut when, mut back) = (streams.named("when"), streams.named("back"));
        let end = Moment::from_seconds(world.horizon_s);
        let begins_s = self.window(world).draw(&mut when);
        for (out, returned) in elements {
            let at_s = begins_s + self.spread_s * when.uniform();
            let at = Moment::from_seconds(at_s);
            if at < end {
                timeline.push(TimedEvent { at, event: out });
            }
            if let Some(after) = self.return_after_s {
                let at = Moment::from_seconds(at_s + after.draw(&mut back));
                if at < end {
                    timeline.push(TimedEvent { at, event: returned });
                }
            }
        }
    }

    /// Dates the loss of every element by itself, in their order: what [`Self::date`] gives one that is lost alone, but for the luck.
    /// Streams `each/when` and `each/back` beside `when`.
    pub(crate) fn date_each(
        &self,
        world: &World<'_>,
        streams: &Streams,
        elements: impl Iterator<Item = (Event, Event)>,
    ) -> Vec<Vec<TimedEvent>> {
        let begins_s = self.window(world).draw(&mut streams.named("when"));
        let (mut when, mut back) = (streams.named("each/when"), streams.named("each/back"));
        let end = Moment::from_seconds(world.horizon_s);
        let date = |(out, returned): (Event, Event)| {
            let at_s = begins_s + self.spread_s * when.uniform();
            let mut events = vec![TimedEvent { at: Moment::from_seconds(at_s), event: out }];
            if let Some(after) = self.return_after_s {
                let at = Moment::from_seconds(at_s + after.draw(&mut back));
                events.extend((at < end).then_some(TimedEvent { at, event: returned }));
            }
            events
        };
        elements.map(date).collect()
    }

    /// The probability that `lost` elements are all among those drawn, uniformly, from `available`.
    pub(crate) fn probability_of(&self, lost: usize, available: usize) -> f64 {
        let all_of = |count: u32| -> f64 {
            let count = (count as usize).min(available);
            // k (k - 1) ... over n (n - 1) ...
            (0..lost).map(|at| count.saturating_sub(at) as f64 / (available - at) as f64).product()
        };
        if lost > available {
            return 0.0;
        }
        self.counts.iter().map(|count| all_of(*count)).sum::<f64>() / self.counts.len() as f64
    }

    /// How many are lost at most.
    pub(crate) fn most(&self) -> u32 {
        self.counts.iter().copied().max().unwrap_or(0)
    }

    /// When it may begin. The default ends with the last step, so that a short episode sees it too.
    fn window(&self, world: &World<'_>) -> Span {
        self.at_s.unwrap_or(Span { low: 0.0, high: (world.horizon_s / 2.0).min(world.last_step_s()) })
    }
}

/// The `k` elements with the smallest keys, smallest first: the beginning of one order of all of them, so that a larger
/// `k` loses a superset. Equal keys fall to the lower row.
pub(crate) fn first<T: Copy + Ord>(mut keys: Vec<(u64, T)>, k: usize) -> Vec<T> {
    if k == 0 {
        return Vec::new();
    }
    if k < keys.len() {
        keys.select_nth_unstable(k - 1);
        keys.truncate(k);
    }
    keys.sort_unstable();
    keys.into_iter().map(|(_, element)| element).collect()
}

/// A key for every element in file order, whether it may be lost or not: an element keeps its luck when others are added
/// after it, switched off or excluded. One word an element.
pub(crate) fn keys<T: Copy>(
    stream: &mut Stream,
    elements: impl Iterator<Item = T>,
    may_be_lost: impl Fn(T) -> bool,
) -> Vec<(u64, T)> {
    elements.map(|element| (stream.word(), element)).filter(|(_, element)| may_be_lost(*element)).collect()
}

/// Natural logarithm of the number of sets of `k` out of `n`, `k` not above `n`.
pub(crate) fn ln_choose(n: usize, k: usize) -> f64 {
    (0..k.min(n - k)).map(|i| libm::log((n - i) as f64 / (i + 1) as f64)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_keys_come_first() {
        let keys = vec![(5, 'e'), (1, 'b'), (3, 'd'), (1, 'a'), (2, 'c')];
        for k in 0..=5 {
            assert_eq!(first(keys.clone(), k), ['a', 'b', 'c', 'd', 'e'][..k]);
        }
        assert_eq!(first(keys, 9).len(), 5);
    }

    #[test]
    fn one_is_singular() {
        let described = |counts: &[u32], noun| {
            let counts = counts.to_vec();
            Outages { counts, at_s: None, spread_s: 0.0, return_after_s: None }.describe(noun)
        };
        assert!(described(&[1], "lines").starts_with("1 line lost"));
        assert!(described(&[1], "branches").starts_with("1 branch lost"));
        assert!(described(&[2], "units").starts_with("2 units lost"));
        assert!(described(&[1, 2], "branches").starts_with("1 or 2 branches lost"));
    }

    #[test]
    fn a_set_is_lost_with_the_probability_of_its_supersets() {
        let outages = |counts: &[u32]| Outages {
            counts: counts.to_vec(),
            at_s: None,
            spread_s: 0.0,
            return_after_s: None,
        };
        // Of 10 elements: the 45 pairs, and the 9 pairs that hold a given element; of 120 triples 8 hold a given pair.
        assert_eq!(outages(&[2]).probability_of(1, 10), 9.0 / 45.0);
        assert!((outages(&[2]).probability_of(2, 10) - 1.0 / 45.0).abs() < 1e-16);
        assert!((outages(&[1, 3]).probability_of(2, 10) - 0.5 * 8.0 / 120.0).abs() < 1e-16);
        assert_eq!((outages(&[2]).probability_of(3, 10), outages(&[2]).probability_of(0, 10)), (0.0, 1.0));
        assert_eq!(outages(&[9]).probability_of(4, 3), 0.0);
        assert_eq!(outages(&[9]).probability_of(3, 3), 1.0);
    }

    #[test]
    fn sets_are_counted() {
        // Pascal's triangle, and 186 choose 2 = 17205 by hand.
        for (n, k, sets) in [(5, 0, 1.0f64), (5, 5, 1.0), (5, 2, 10.0), (10, 7, 120.0), (186, 2, 17205.0)] {
            assert!((ln_choose(n, k) - sets.ln()).abs() < 1e-13, "{n} {k}");
        }
    }
}
