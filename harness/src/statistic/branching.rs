//! Cascades as a branching process: every failure has, on average, so many failures for children.
//!
//! Source: I. Dobson, "Estimating the propagation and extent of cascading line outages from utility data with a branching
//! process", IEEE Transactions on Power Systems 27(4), 2012; the estimator is that of T. E. Harris, "The Theory of Branching
//! Processes", Springer, 1963.

use statrs::function::gamma::ln_gamma;

/// Mean number of children of a failure, over cascades that are lists of failures by generation: the failures of all generations
/// but the first of each cascade, over those of all but the last. A cascade that was followed to its end ends with a generation
/// without failures; without it the failures of its last generation count as children only, as where observation ended.
///
/// `None` where there is no parent: nothing is known then.
pub fn offspring_mean<'a>(cascades: impl IntoIterator<Item = &'a [u64]>) -> Option<f64> {
    let (mut children, mut parents) = (0u64, 0u64);
    for generations in cascades {
        children += generations.iter().skip(1).sum::<u64>();
        parents += generations.iter().take(generations.len().saturating_sub(1)).sum::<u64>();
    }
    (parents > 0).then(|| children as f64 / parents as f64)
}

/// Probability that a cascade that begins with `initial` failures has `size` of them in all, where each has a Poisson number of
/// children of mean `lambda` (0 to 1): the Borel-Tanner distribution.
///
/// Zero where `size` is below `initial`; `None` for no initial failures or a mean outside 0 to 1.
pub fn borel_tanner(initial: u64, lambda: f64, size: u64) -> Option<f64> {
    if initial == 0 || !(0.0..=1.0).contains(&lambda) {
        return None;
    }
    let Some(more) = size.checked_sub(initial) else { return Some(0.0) };
    if more == 0 {
        return Some((-lambda * size as f64).exp());
    }
    if lambda == 0.0 {
        return Some(0.0);
    }
    let (initial, size, more) = (initial as f64, size as f64, more as f64);
    let ln = (initial / size).ln() + more * (size * lambda).ln() - size * lambda - ln_gamma(more + 1.0);
    Some(ln.exp())
}

/// Expected size of such a cascade; `None` where it has none.
pub fn mean_size(initial: u64, lambda: f64) -> Option<f64> {
    (initial > 0 && (0.0..1.0).contains(&lambda)).then(|| initial as f64 / (1.0 - lambda))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistic::Split;

    #[test]
    fn sizes_are_borel_tanner() {
        // One failure, mean 0.4: exp(-0.4), 0.4 exp(-0.8), 1 / 0.6.
        assert!((borel_tanner(1, 0.4, 1).unwrap() - 0.670_320).abs() < 5e-7);
        assert!((borel_tanner(1, 0.4, 2).unwrap() - 0.179_732).abs() < 5e-7);
        assert!((mean_size(1, 0.4).unwrap() - 1.666_667).abs() < 5e-7);
        assert_eq!(borel_tanner(3, 0.4, 2), Some(0.0));
        assert_eq!((borel_tanner(0, 0.4, 1), borel_tanner(1, 1.4, 1), mean_size(1, 1.0)), (None, None, None));
        assert_eq!((borel_tanner(2, 0.0, 2), borel_tanner(2, 0.0, 3)), (Some(1.0), Some(0.0)));
    }

    #[test]
    fn sizes_are_a_distribution_with_its_mean() {
        for (initial, lambda) in [(1, 0.4), (3, 0.7), (5, 0.1)] {
            let sizes = 1..2000u64;
            let p: Vec<f64> =
                sizes.clone().map(|size| borel_tanner(initial, lambda, size).unwrap()).collect();
            assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{initial} {lambda}");
            let mean: f64 = p.iter().zip(sizes).map(|(p, size)| p * size as f64).sum();
            assert!((mean - mean_size(initial, lambda).unwrap()).abs() < 1e-6, "{initial} {lambda}: {mean}");
        }
    }

    /// Poisson by counting exponential times (Knuth).
    fn poisson(dice: &mut Split, mean: f64) -> u64 {
        let (floor, mut product, mut count) = ((-mean).exp(), dice.uniform(), 0);
        while product > floor {
            product *= dice.uniform();
            count += 1;
        }
        count
    }

    #[test]
    fn the_mean_of_simulated_cascades_is_found_again() {
        let (mut dice, lambda) = (Split(3), 0.4);
        let cascades: Vec<Vec<u64>> = (0..20_000)
            .map(|_| {
                let mut generations = vec![1];
                while let Some(parents) = generations.last().copied().filter(|parents| *parents > 0) {
                    generations.push((0..parents).map(|_| poisson(&mut dice, lambda)).sum());
                }
                generations
            })
            .collect();
        let found = offspring_mean(cascades.iter().map(Vec::as_slice)).unwrap();
        // Standard error sqrt(0.4 / 33,333 parents) = 0.0035.
        assert!((found - lambda).abs() < 4.0 * 0.0035, "{found}");
        let alone = cascades.iter().filter(|cascade| cascade.len() == 2).count() as f64 / 20_000.0;
        assert!((alone - borel_tanner(1, lambda, 1).unwrap()).abs() < 4.0 * 0.0034, "{alone}");
    }

    #[test]
    fn nothing_is_known_of_no_parents() {
        assert_eq!(offspring_mean([&[][..], &[0, 0], &[7]]), None);
        assert_eq!(offspring_mean([&[2, 1, 0][..], &[1, 0]]), Some(0.25));
    }
}
