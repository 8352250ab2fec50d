//! People who answer a candidate's advice: they enter it, enter it later, enter half of it, or do not.
//!
//! A piece of advice is everything that is new in what the candidate asks at one moment: values that it did not ask of the same elements
//! before. It is answered as a whole, and the answer stands as long as the candidate asks the same. How a moment's advice is answered is
//! drawn from a stream of the scenario and the moment alone, so every candidate meets the same people.

use std::collections::BTreeMap;

use reports::{Answer, Handling};
use scenarios::{Moment, Seed, streams};

use super::holds;
use crate::action::Asked;
use crate::candidate::Failure;
use crate::candidate::request::Request;
use crate::fields::Fields;
use crate::observation::{Observations, Observed};

/// The table `[advisory]` of a suite. The four shares add up to one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Advisory {
    /// Share of pieces that are entered at once.
    pub accept: f64,
    /// Share that is never entered.
    pub ignore: f64,
    /// Share that is entered half of the way from what holds; a switch, which has no half, stays as it is.
    pub half: f64,
    /// Share that is entered after a while.
    pub delay: f64,
    /// Shortest and longest while, s; each time in between is as likely.
    pub delay_s: (f64, f64),
}

/// Shares that are off one by less than this were rounded when they were written.
const ROUNDING: f64 = 1e-9;
/// Longest while, s: a shift.
pub const DELAY_S_MAX: f64 = 43_200.0;

/// Reads `[advisory]`; `None` after a complaint.
pub(crate) fn read(mut fields: Fields<'_>) -> Option<Advisory> {
    let keys = ["accept", "ignore", "half", "delay"];
    let shares = keys.map(|key| {
        let share = fields.number(key, "from 0 to 1", |share| (0.0..=1.0).contains(&share));
        fields.or(key, share, 0.0)
    });
    let delay_s = fields.range("delay_s");
    let delay_s = fields.or("delay_s", delay_s, (0.0, 0.0));
    if let Some((low, high)) = delay_s
        && (low < 0.0 || high > DELAY_S_MAX)
    {
        let message = format!("`delay_s` is [{low}, {high}], it should lie between 0 and {DELAY_S_MAX}");
        fields.complain("range", Some("delay_s"), message);
    }
    if let [Some(accept), Some(ignore), Some(half), Some(delay)] = shares {
        let sum = accept + ignore + half + delay;
        if (sum - 1.0).abs() > ROUNDING {
            fields.complain("shares", None, format!("the shares add up to {sum}, they should add up to 1"));
        }
        if delay > 0.0 && !fields.has("delay_s") {
            fields.complain("missing", None, "`delay_s` is missing: nobody knows how long advice waits");
        }
    }
    fields.finish();
    let [accept, ignore, half, delay] = shares;
    Some(Advisory { accept: accept?, ignore: ignore?, half: half?, delay: delay?, delay_s: delay_s? })
}

impl Advisory {
    /// Whether anything is left to chance.
    pub(crate) fn draws(&self) -> bool {
        [self.accept, self.ignore, self.half].iter().all(|share| *share < 1.0)
    }

    /// Its settings, as evidence lists them.
    pub fn in_words(&self) -> Vec<(String, String)> {
        let mut settings: Vec<(String, String)> =
            [("accept", self.accept), ("ignore", self.ignore), ("half", self.half), ("delay", self.delay)]
                .iter()
                .map(|(name, share)| (format!("advisory.{name}"), share.to_string()))
                .collect();
        if self.delay > 0.0 {
            let (low, high) = self.delay_s;
            settings.push(("advisory.delay_s".to_owned(), format!("{low} to {high}")));
        }
        settings
    }

    /// How the people of an episode answer advice that comes at a moment, and after how many seconds they enter what they delay.
    fn drawn(&self, seed: u64, now: Moment) -> (Answer, f64) {
        let mut stream = streams(Seed(seed), "advisory", now.0).named("answer");
        let share = stream.uniform();
        let (low, high) = self.delay_s;
        let wait_s = (high - low).mul_add(stream.uniform(), low);
        let bounds = [
            (Answer::Accept, self.accept),
            (Answer::Ignore, self.accept + self.ignore),
            (Answer::Half, self.accept + self.ignore + self.half),
        ];
        let likely = bounds.iter().find(|(_, below)| share < *below).map(|(answer, _)| *answer);
        // Shares that rounding leaves below one must not give an answer that has none.
        let last = if self.delay > 0.0 { Answer::Delay } else { self.last() };
        (likely.unwrap_or(last), wait_s)
    }

    /// The last answer with a share, where nothing is delayed.
    fn last(&self) -> Answer {
        match (self.half > 0.0, self.ignore > 0.0) {
            (true, _) => Answer::Half,
            (false, true) => Answer::Ignore,
            (false, false) => Answer::Accept,
        }
    }
}

/// What people do with the advice on one element.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Advised {
    /// What the candidate asked.
    value: f64,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// This value is entered as often as the candidate asks.
    Entered(f64),
    /// The value as advised is entered from that moment on.
    Waits(Moment),
    /// Nothing is.
    Ignored,
}

/// The people at the desk, with what they remember of every rollout.
pub(super) struct Desk {
    settings: Advisory,
    seeds: Vec<u64>,
    advised: Vec<BTreeMap<(Asked, u32), Advised>>,
}

/// Advice that differs by less than this is the same: a model's f32 trembles.
const SAME: f64 = 1e-6;

impl Desk {
    pub(super) fn new(settings: Advisory) -> Self {
        Desk { settings, seeds: Vec::new(), advised: Vec::new() }
    }

    pub(super) fn reset(&mut self, seeds: &[u64]) {
        self.seeds = seeds.to_vec();
        self.advised = vec![BTreeMap::new(); seeds.len()];
    }

    /// Puts what people enter in the place of what every row advises. What the fallback decides is no advice.
    pub(super) fn answer(
        &mut self,
        seen: &Observations,
        rows: &mut [Vec<Request>],
        failed: &[Option<Failure>],
        handled: &mut [Handling],
    ) {
        self.advised.resize(self.advised.len().max(seen.rows), BTreeMap::new());
        self.seeds.resize(self.seeds.len().max(seen.rows), 0);
        for row in (0..seen.rows).filter(|row| seen.alive[*row]) {
            if failed[row].is_none() && handled[row].fallback.is_none() {
                handled[row].advice = self.answer_row(seen, row, &mut rows[row]);
            }
        }
    }

    fn answer_row(&mut self, seen: &Observations, row: usize, requests: &mut Vec<Request>) -> Option<Answer> {
        let now = Moment::from_seconds(seen.of(Observed::TimeS).row(row)[0]);
        let advised = &mut self.advised[row];
        let is_new = |request: &Request, advised: &BTreeMap<(Asked, u32), Advised>| {
            advised.get(&request.of()).is_none_or(|known| (known.value - request.value).abs() >= SAME)
        };
        let mut answer = None;
        for request in requests.iter() {
            if !is_new(request, advised) {
                continue;
            }
            let (drawn, wait_s) = self.settings.drawn(self.seeds[row], now);
            answer = Some(drawn);
            let fate = match drawn {
                Answer::Accept => Fate::Entered(request.value),
                Answer::Half => half(request, holds(seen, row, request)),
                Answer::Delay => Fate::Waits(Moment(now.0.saturating_add(Moment::from_seconds(wait_s).0))),
                Answer::Ignore => Fate::Ignored,
            };
            advised.insert(request.of(), Advised { value: request.value, fate });
        }
        let mut entered = Vec::with_capacity(requests.len());
        for ((quantity, element), known) in advised.iter_mut() {
            let of = (*quantity, *element);
            let asks = requests.iter().any(|request| request.of() == of);
            let value = match known.fate {
                Fate::Entered(value) if asks => value,
                // What has waited long enough is entered whether the candidate still asks or not.
                Fate::Waits(until) if until <= now => {
                    known.fate = Fate::Entered(known.value);
                    known.value
                }
                _ => continue,
            };
            entered.push(Request { quantity: of.0, element: of.1, value });
        }
        *requests = entered;
        answer
    }
}

/// Half of the way from what holds; nothing of a switch, or of what is not observed.
fn half(request: &Request, present: Option<f64>) -> Fate {
    let Some(present) = present else { return Fate::Ignored };
    let way = 0.5 * (request.value - present);
    match request.quantity {
        Asked::BranchStatus | Asked::LoadShed => Fate::Ignored,
        // A shunt has no positions between its steps: the nearer to what holds.
        Asked::ShuntStep => Fate::Entered(present + way.trunc()),
        Asked::UnitVSet | Asked::UnitPSet | Asked::BranchTap => Fate::Entered(present + way),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEOPLE: Advisory =
        Advisory { accept: 0.4, ignore: 0.3, half: 0.2, delay: 0.1, delay_s: (60.0, 600.0) };

    #[test]
    fn answers_come_as_often_as_the_suite_says() {
        let mut counts = BTreeMap::new();
        let n = 4000_u64;
        for seed in 0..n {
            let (answer, wait_s) = PEOPLE.drawn(seed, Moment::from_seconds(60.0));
            assert!((60.0..600.0).contains(&wait_s));
            *counts.entry(answer).or_insert(0_u64) += 1;
        }
        for (answer, share) in
            [(Answer::Accept, 0.4), (Answer::Ignore, 0.3), (Answer::Half, 0.2), (Answer::Delay, 0.1)]
        {
            // Five standard deviations of a binomial share.
            let bound = 5.0 * (share * (1.0 - share) / n as f64).sqrt();
            assert!((counts[&answer] as f64 / n as f64 - share).abs() < bound, "{answer:?}: {counts:?}");
        }
    }

    #[test]
    fn an_answer_without_a_share_never_comes() {
        // 0.1 + 0.2 + 0.7 is not one in floating point.
        let people = Advisory { accept: 0.1, ignore: 0.2, half: 0.7, delay: 0.0, delay_s: (0.0, 0.0) };
        assert!((0..1000).all(|seed| people.drawn(seed, Moment(0)).0 != Answer::Delay));
        assert_eq!(people.last(), Answer::Half);
    }

    fn seen(time_s: f64, v_set: f64) -> Observations {
        let mut seen = Observations {
            rows: 1,
            alive: vec![true],
            tensors: Observed::LIST.iter().map(|_| crate::observation::Tensor::zeros(1, 1)).collect(),
        };
        seen.tensors[Observed::TimeS as usize].data[0] = time_s;
        seen.tensors[Observed::UnitVSet as usize].data[0] = v_set;
        seen
    }

    /// What is entered at each of these times, s, of advice that is given at the same time.
    fn entered(people: Advisory, advice: &[(f64, Option<f64>)]) -> Vec<(Option<f64>, Option<Answer>)> {
        let mut desk = Desk::new(people);
        desk.reset(&[7]);
        let step = |(time_s, value): &(f64, Option<f64>)| {
            let request = value.map(|value| Request { quantity: Asked::UnitVSet, element: 0, value });
            let mut rows = vec![request.into_iter().collect::<Vec<_>>()];
            let mut handled = vec![Handling::default()];
            desk.answer(&seen(*time_s, 1.0), &mut rows, &[None], &mut handled);
            (rows[0].first().map(|request| request.value), handled[0].advice)
        };
        advice.iter().map(step).collect()
    }

    fn always(answer: Answer) -> Advisory {
        let share = |of| f64::from(u8::from(of == answer));
        Advisory {
            accept: share(Answer::Accept),
            ignore: share(Answer::Ignore),
            half: share(Answer::Half),
            delay: share(Answer::Delay),
            delay_s: (100.0, 101.0),
        }
    }

    #[test]
    fn an_answer_stands_as_long_as_the_advice_does() {
        let advice = [(0.0, Some(1.04)), (60.0, Some(1.04)), (120.0, None), (180.0, Some(1.02))];
        let new = |answer| [Some(answer), None, None, Some(answer)];
        for (answer, values) in [
            (Answer::Accept, [Some(1.04), Some(1.04), None, Some(1.02)]),
            (Answer::Ignore, [None; 4]),
            (Answer::Half, [Some(1.02), Some(1.02), None, Some(1.01)]),
            // Due at 100 s, entered at the next decision, although it is not advised any more by then.
            (Answer::Delay, [None, None, Some(1.04), None]),
        ] {
            let expected: Vec<_> = values.into_iter().zip(new(answer)).collect();
            assert_eq!(entered(always(answer), &advice), expected, "{answer:?}");
        }
    }

    #[test]
    fn newer_advice_takes_the_place_of_what_waits() {
        let values: Vec<_> = entered(
            always(Answer::Delay),
            &[(0.0, Some(1.04)), (60.0, Some(0.98)), (120.0, Some(0.98)), (180.0, Some(0.98))],
        );
        assert_eq!(
            values.iter().map(|(value, _)| *value).collect::<Vec<_>>(),
            [None, None, None, Some(0.98)]
        );
    }
}
