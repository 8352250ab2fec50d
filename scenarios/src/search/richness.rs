//! How many kinds there are, by how often each was seen: what a search that keeps finding the same has left to find.
//!
//! Finds from independent starts are captures: kinds that were seen once, against those that were seen twice, tell how many were not
//! seen at all. Where kinds differ in how easily they are caught, as minimal sets do, the estimate is a lower bound.
//!
//! Sources: A. Chao, "Nonparametric estimation of the number of classes in a population", Scandinavian Journal of Statistics 11
//! (1984); the interval and the variances, A. Chao, "Estimating the population size for capture-recapture data with unequal
//! catchability", Biometrics 43 (1987); use on blackout-causing sets, P. Rezaei, P. D. H. Hines, M. J. Eppstein, IEEE Transactions on
//! Power Systems 30(5), 2015; the share of the unseen, I. J. Good, Biometrika 40 (1953).

use super::Estimated;

/// Normal quantile of 97.5 %.
const Z: f64 = 1.959_963_984_540_054;

/// The number of kinds (Chao1), from how often each kind that was seen was seen; `None` where none was seen again: then there may be
/// any number of them.
///
/// The interval is asymptotic and there only where a kind was seen just once: where all were seen again the sample says that there
/// are no more, but not how surely. It begins at the number that was seen.
pub fn chao1(times: impl IntoIterator<Item = u64>) -> Option<Estimated> {
    let times: Vec<u64> = times.into_iter().filter(|times| *times > 0).collect();
    let captures: u64 = times.iter().sum();
    if captures == times.len() as u64 {
        return None;
    }
    let seen = times.len() as f64;
    let of = |wanted: u64| times.iter().filter(|times| **times == wanted).count() as f64;
    let (once, twice) = (of(1), of(2));
    let shrink = (captures - 1) as f64 / captures as f64;
    let unseen =
        if twice > 0.0 { shrink * once * once / (2.0 * twice) } else { shrink * once * (once - 1.0) / 2.0 };
    let variance = if twice > 0.0 {
        let ratio = once / twice;
        let square = ratio * ratio;
        twice * (shrink * square / 2.0 + shrink * shrink * (square * ratio + square * square / 4.0))
    } else {
        let (square, odd) = (once * once, 2.0 * once - 1.0);
        shrink * once * (once - 1.0) / 2.0 + shrink * shrink * once * odd * odd / 4.0
            - shrink * shrink * square * square / (4.0 * (seen + unseen))
    };
    let known = unseen > 0.0 && variance > 0.0;
    // The unseen are taken to be lognormal, so that the interval does not reach below what was seen.
    let spread = libm::exp(Z * libm::log1p(variance / (unseen * unseen)).sqrt());
    Some(Estimated {
        value: seen + unseen,
        standard_error: known.then(|| variance.sqrt()),
        interval: known.then(|| (seen + unseen / spread, seen + unseen * spread)),
        level: 0.95,
        method: "chao1/1".into(),
        samples: captures,
        hits: times.len() as u64,
    })
}

/// The probability that the next capture is of a kind not seen before (Good and Turing): the share of captures whose kind was seen
/// only then; `None` where nothing was captured.
pub fn unseen_share(times: impl IntoIterator<Item = u64>) -> Option<f64> {
    let (mut once, mut captures) = (0u64, 0u64);
    for times in times {
        once += u64::from(times == 1);
        captures += times;
    }
    (captures > 0).then(|| once as f64 / captures as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many kinds, of which so many were seen once and twice; the others share the rest of the captures.
    fn sample(kinds: u64, once: u64, twice: u64, captures: u64) -> Vec<u64> {
        let rest = kinds - once - twice;
        let mut left = captures - once - 2 * twice;
        let mut times = [vec![1; once as usize], vec![2; twice as usize]].concat();
        for at in 0..rest {
            let share = if at + 1 == rest { left } else { (left / (rest - at)).max(3) };
            times.push(share);
            left -= share;
        }
        times
    }

    /// Spiders in two treatments of a forest (Sackett et al., Ecological Monographs 81, 2011), as the manual of the R package iNEXT
    /// prints them: 26 species in 168 spiders, 12 once and 4 twice; 37 in 252, 14 once and 4 twice.
    #[test]
    fn the_spiders_of_the_literature() {
        for (kinds, once, captures, value, error, low, high) in
            [(26, 12, 168, 43.893, 14.306, 30.511, 96.971), (37, 14, 252, 61.403, 18.532, 43.502, 128.583)]
        {
            let found = chao1(sample(kinds, once, 4, captures)).expect("spiders");
            assert_eq!((found.samples, found.hits), (captures, kinds));
            let interval = found.interval.expect("an interval");
            let ours = [found.value, found.standard_error.expect("an error"), interval.0, interval.1];
            for (ours, printed) in ours.into_iter().zip([value, error, low, high]) {
                // Three decimals are printed.
                assert!((ours - printed).abs() <= 5.1e-4, "{ours} {printed}");
            }
        }
    }

    #[test]
    fn nothing_seen_says_nothing_and_everything_seen_again_says_that_there_is_no_more() {
        assert_eq!(chao1([]), None);
        assert_eq!(unseen_share([0]), None);
        let all = chao1([2, 3, 7]).expect("captures");
        assert_eq!((all.value, all.interval, all.standard_error), (3.0, None, None));
        assert_eq!(unseen_share([2, 3, 7]), Some(0.0));
        assert_eq!(unseen_share([1, 3]), Some(0.25));
        // Nothing was seen twice, so that nothing tells how many there are.
        assert_eq!((chao1([1]), chao1([1, 1, 1])), (None, None));
        assert_eq!(unseen_share([1, 1]), Some(1.0));
    }
}
