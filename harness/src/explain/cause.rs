//! Actual causes, by the modified structural definition.
//!
//! A set of factors is a cause of an effect where (1) both happened, (2) with these factors otherwise, and some of the rest held fixed as it
//! was (the witness), the effect would not have happened, and (3) no smaller part of the set has that property. Source: Halpern 2015, "A
//! modification of the Halpern-Pearl definition of causality", IJCAI. Where either of two factors is enough, the cause is the two together,
//! and neither of them alone.

/// A cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Its factors, ascending.
    pub set: Vec<usize>,
    /// Which of the contingencies showed it.
    pub contingency: usize,
    /// Whether every proper part of it was tried, as (3) asks; otherwise those with one factor less.
    pub every_part_tried: bool,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Causes {
    /// By size, then in order of the factors.
    pub found: Vec<Cause>,
    /// Every cause of at most so many factors is among them.
    pub searched_to: usize,
}

/// Largest causes that are looked for, unless all are larger.
pub const SIZE_MAX: usize = 3;
/// Sets of one size that are tried at most.
pub const SETS_MAX: usize = 2000;

/// Looks for the causes among `factors`. `averts` tries sets that are otherwise, ascending, and says by which contingency each averts the
/// effect, if by any.
///
/// All sets up to [`SIZE_MAX`] are tried, as long as there are at most [`SETS_MAX`] of a size. Where none of them averts the effect but all
/// factors together do, one larger cause is found by delta debugging. No cause at all: the effect happens whatever these factors do.
///
/// # Errors
/// The first that `averts` gives.
pub fn causes<E>(
    factors: usize,
    mut averts: impl FnMut(&[Vec<usize>]) -> Result<Vec<Option<usize>>, E>,
) -> Result<Causes, E> {
    let mut found: Vec<Cause> = Vec::new();
    let mut searched_to = 0;
    for size in 1..=SIZE_MAX.min(factors) {
        if count(factors, size) > SETS_MAX {
            break;
        }
        let holds = |set: &[usize], cause: &Cause| cause.set.iter().all(|factor| set.contains(factor));
        let open: Vec<Vec<usize>> = subsets(factors, size)
            .into_iter()
            .filter(|set| !found.iter().any(|cause| holds(set, cause)))
            .collect();
        let answers = averts(&open)?;
        let new = open.into_iter().zip(answers).filter_map(|(set, contingency)| {
            Some(Cause { set, contingency: contingency?, every_part_tried: true })
        });
        found.extend(new);
        searched_to = size;
    }
    if found.is_empty() && searched_to < factors {
        let all: Vec<usize> = (0..factors).collect();
        if averts(std::slice::from_ref(&all))?[0].is_some() {
            let set = super::minimal::minimal(factors, |sets| {
                Ok(averts(sets)?.into_iter().map(|answer| answer.is_some()).collect())
            })?;
            if let Some(contingency) = averts(std::slice::from_ref(&set))?[0] {
                let every_part_tried = set.len() <= searched_to + 1;
                found.push(Cause { set, contingency, every_part_tried });
            }
        }
    }
    Ok(Causes { found, searched_to })
}

/// Sets of this size, saturating.
fn count(n: usize, size: usize) -> usize {
    (0..size).fold(1_usize, |count, i| count.saturating_mul(n - i) / (i + 1))
}

/// All of them, each ascending, in lexicographic order.
fn subsets(n: usize, size: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for _ in 0..size {
        all = all
            .into_iter()
            .flat_map(|set: Vec<usize>| {
                let next = set.last().map_or(0, |last| last + 1);
                (next..n).map(move |member| [&set[..], &[member]].concat())
            })
            .collect();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The causes of an effect that happened with all factors present.
    fn of(factors: usize, happens: impl Fn(&[usize]) -> bool) -> Vec<Vec<usize>> {
        let answer = causes(factors, |sets| {
            let averts = |set: &Vec<usize>| {
                let left: Vec<usize> = (0..factors).filter(|factor| !set.contains(factor)).collect();
                (!happens(&left)).then_some(0)
            };
            Ok::<_, ()>(sets.iter().map(averts).collect())
        });
        answer.unwrap().found.into_iter().map(|cause| cause.set).collect()
    }

    // Halpern 2015, example 3.1, the forest fire: of lightning and a match that are both needed, each is a cause; where either is enough,
    // the two together are, and neither alone. A third thing that happened as well is none.
    #[test]
    fn the_forest_fire() {
        let (lightning, dropped_match) = (0, 1);
        let both = of(3, |left| left.contains(&lightning) && left.contains(&dropped_match));
        assert_eq!(both, [vec![0], vec![1]]);
        let either = of(3, |left| left.contains(&lightning) || left.contains(&dropped_match));
        assert_eq!(either, [vec![0, 1]]);
    }

    // Halpern 2015, example 3.2, voting: eleven vote for a motion that needs six. Any six of them are a cause.
    #[test]
    fn a_vote_of_eleven_to_none() {
        let answer = causes(11, |sets| {
            Ok::<_, ()>(sets.iter().map(|set| (11 - set.len() < 6).then_some(0)).collect())
        });
        let Causes { found, searched_to } = answer.unwrap();
        assert_eq!((found.len(), searched_to), (1, 3));
        assert_eq!(found[0].set.len(), 6);
        // Parts of four and five were not all tried.
        assert!(!found[0].every_part_tried);
    }

    #[test]
    fn what_happens_anyway_has_no_cause_here() {
        assert!(of(5, |_| true).is_empty());
        assert!(of(0, |_| true).is_empty());
    }

    #[test]
    fn sets_are_counted_as_they_are_listed() {
        for n in 0..9 {
            for size in 0..=n {
                let all = subsets(n, size);
                assert_eq!(all.len(), count(n, size));
                assert!(all.is_sorted() && all.iter().all(|set| set.is_sorted()));
            }
        }
    }

    proptest! {
        #[test]
        fn causes_avert_the_effect_and_no_part_of_them_does(table in proptest::collection::vec(any::<bool>(), 64)) {
            let happens = |left: &[usize]| {
                let mask = left.iter().fold(0, |mask, factor| mask | 1 << factor);
                mask == 63 || table[mask]
            };
            let without = |set: &[usize]| (0..6).filter(|f| !set.contains(f)).collect::<Vec<_>>();
            let found = of(6, happens);
            for cause in &found {
                prop_assert!(!happens(&without(cause)));
                for size in 1..cause.len().min(SIZE_MAX + 1) {
                    for part in subsets(cause.len(), size) {
                        let part: Vec<usize> = part.into_iter().map(|at| cause[at]).collect();
                        prop_assert!(happens(&without(&part)));
                    }
                }
            }
            // And where there is a cause at all, one is found.
            let any = (1..64_usize).any(|mask| !table[63 ^ mask]);
            prop_assert_eq!(any && !happens(&[]) , any && !happens(&[]) && !found.is_empty());
        }
    }
}
