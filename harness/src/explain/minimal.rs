//! The least of a list that still has an effect: delta debugging, and bisection of a magnitude.

/// A 1-minimal subset of `0..n` that still shows the effect: without any one of its members the effect is gone. `shows` tries sets,
/// ascending, and answers in their order; the whole list shows the effect. Empty where nothing at all is needed for it.
///
/// The subsets of one round are tried together, and the first that shows the effect is taken. Source: Zeller, Hildebrandt 2002,
/// "Simplifying and isolating failure-inducing input", IEEE Trans. Software Engineering 28(2), algorithm ddmin.
///
/// # Errors
/// The first that `shows` gives.
pub fn minimal<E>(
    n: usize,
    mut shows: impl FnMut(&[Vec<usize>]) -> Result<Vec<bool>, E>,
) -> Result<Vec<usize>, E> {
    let first = |shown: Vec<bool>| shown.into_iter().position(|shown| shown);
    // Zeller's precondition is that nothing has no effect; a grid that is in trouble by itself must not be blamed on the first event.
    if n == 0 || first(shows(&[Vec::new()])?).is_some() {
        return Ok(Vec::new());
    }
    let mut set: Vec<usize> = (0..n).collect();
    let mut parts = 2.min(n);
    while set.len() > 1 {
        let subsets = split(&set, parts);
        if let Some(at) = first(shows(&subsets)?) {
            set.clone_from(&subsets[at]);
            parts = 2;
            continue;
        }
        // Of two halves, each is the other's complement.
        if parts > 2 {
            let complements: Vec<Vec<usize>> = subsets
                .iter()
                .map(|subset| set.iter().copied().filter(|member| !subset.contains(member)).collect())
                .collect();
            if let Some(at) = first(shows(&complements)?) {
                set.clone_from(&complements[at]);
                parts = (parts - 1).max(2);
                continue;
            }
        }
        if parts == set.len() {
            break;
        }
        parts = (2 * parts).min(set.len());
    }
    Ok(set)
}

/// Consecutive parts, as equal as they can be.
fn split(set: &[usize], parts: usize) -> Vec<Vec<usize>> {
    (0..parts).map(|part| set[part * set.len() / parts..(part + 1) * set.len() / parts].to_vec()).collect()
}

/// Halvings of a magnitude.
pub const HALVINGS: u32 = 10;

/// What a bisection found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Least {
    /// Smallest share, of those that were tried, that shows the effect.
    pub shows: f64,
    /// Largest share below it that was tried and does not; `None` where no share at all still shows the effect.
    pub shows_not: Option<f64>,
}

/// The smallest share of a magnitude, to 2^-[`HALVINGS`], that still shows the effect: the whole does. Where the effect comes and goes, a
/// share at which it begins, not necessarily the first.
///
/// # Errors
/// The first that `shows` gives.
pub fn least<E>(mut shows: impl FnMut(f64) -> Result<bool, E>) -> Result<Least, E> {
    if shows(0.0)? {
        return Ok(Least { shows: 0.0, shows_not: None });
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if shows(middle)? { high = middle } else { low = middle }
    }
    Ok(Least { shows: high, shows_not: Some(low) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The minimal set, and how many sets were tried.
    fn of(n: usize, shows: impl Fn(&[usize]) -> bool) -> (Vec<usize>, usize) {
        let mut tries = 0;
        let set = minimal(n, |sets| {
            tries += sets.len();
            Ok::<_, ()>(sets.iter().map(|set| shows(set)).collect())
        });
        (set.unwrap(), tries)
    }

    #[test]
    fn nothing_is_blamed_where_nothing_is_needed() {
        assert_eq!(of(6, |_| true).0, Vec::<usize>::new());
        assert_eq!(of(0, |_| true).0, Vec::<usize>::new());
        assert_eq!(of(1, |set| !set.is_empty()).0, [0]);
    }

    // Zeller & Hildebrandt 2002, section 3.2: one cause is found as by bisection.
    #[test]
    fn one_cause_takes_a_bisection() {
        for cause in 0..64 {
            let (set, tries) = of(64, |set| set.contains(&cause));
            assert_eq!(set, [cause]);
            assert!(tries <= 1 + 2 * 6, "{tries}");
        }
    }

    #[test]
    fn a_magnitude_is_bisected() {
        let found = least(|share| Ok::<_, ()>(share >= 0.3)).unwrap();
        let step = 0.5_f64.powi(HALVINGS as i32);
        assert!(found.shows >= 0.3 && found.shows < 0.3 + step);
        assert_eq!(found.shows_not, Some(found.shows - step));
        assert_eq!(least(|_| Ok::<_, ()>(true)).unwrap(), Least { shows: 0.0, shows_not: None });
    }

    proptest! {
        #[test]
        fn a_planted_conjunction_is_found_in_any_order(
            n in 1_usize..40, seed in proptest::collection::vec(any::<u32>(), 40), k in 1_usize..5,
        ) {
            // An order of the list, and the planted members by their names.
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by_key(|i| (seed[*i], *i));
            let planted: Vec<usize> = (0..k.min(n)).collect();
            let names = |set: &[usize]| set.iter().map(|place| order[*place]).collect::<Vec<_>>();
            let (set, tries) = of(n, |set| planted.iter().all(|p| names(set).contains(p)));
            let mut found = names(&set);
            found.sort_unstable();
            prop_assert_eq!(found, planted);
            // The bound of the paper, m^2 + 3m, and the empty set.
            prop_assert!(tries <= n * n + 3 * n + 1);
        }

        #[test]
        fn what_is_left_is_minimal_by_one_whatever_the_effect(table in proptest::collection::vec(any::<bool>(), 256)) {
            let shows = |set: &[usize]| {
                let mask = set.iter().fold(0, |mask, member| mask | 1 << member);
                mask == 255 || table[mask]
            };
            let (set, _) = of(8, shows);
            prop_assert!(shows(&set));
            for leave in &set {
                let others: Vec<usize> = set.iter().copied().filter(|member| member != leave).collect();
                prop_assert!(!shows(&others), "{set:?} without {leave}");
            }
        }
    }
}
