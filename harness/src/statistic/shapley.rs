//! What each player of a cooperative game contributes: the Shapley value, exact or from drawn orders.
//!
//! A player's value is the mean, over all orders in which the players may arrive, of what the coalition gains when he joins those who
//! are there already. The values sum to what all together have beyond nobody (efficiency). Source: Shapley 1953, "A value for n-person
//! games". Drawn orders come in antithetic pairs, each with its reverse: Mitchell, Cooper, Frank, Holmes 2022, "Sampling permutations
//! for Shapley value estimation", JMLR 23.

use scenarios::Stream;

use super::betting::BettingPath;

/// The Shapley value of each player of a game of `players`; `worth[mask]` is what the coalition has whose members are the set bits.
///
/// Gains are summed for each size of the coalition first, in ascending order of the mask, so equal games have equal bytes.
///
/// # Panics
/// Where `worth` has not one value for each of the 2^`players` coalitions.
pub fn exact(players: usize, worth: &[f64]) -> Vec<f64> {
    assert_eq!(worth.len(), 1 << players, "one worth for each coalition");
    (0..players)
        .map(|player| {
            let bit = 1_usize << player;
            let mut gains = vec![0.0; players];
            for (mask, without) in worth.iter().enumerate().filter(|(mask, _)| mask & bit == 0) {
                gains[mask.count_ones() as usize] += worth[mask | bit] - without;
            }
            // Of n players, those before him are any s others with probability 1/n for each s, and all such sets alike.
            let mut sets = 1.0;
            let mut value = 0.0;
            for (size, gain) in gains.iter().enumerate() {
                value += gain / (sets * players as f64);
                sets *= (players - 1 - size) as f64 / (size + 1) as f64;
            }
            value
        })
        .collect()
}

/// Orders of the players in antithetic pairs: each drawn order, then its reverse.
pub fn orders(players: usize, pairs: usize, stream: &mut Stream) -> Vec<Vec<usize>> {
    let mut orders = Vec::with_capacity(2 * pairs);
    for _ in 0..pairs {
        let mut order: Vec<usize> = (0..players).collect();
        stream.shuffle(&mut order);
        let reverse = order.iter().rev().copied().collect();
        orders.extend([order, reverse]);
    }
    orders
}

/// What each player gains on average in each pair of orders: `[player][pair]`. `worth` is asked for coalitions, ascending.
///
/// Within an order the gains sum to what all have beyond nobody, so the means over any number of pairs do.
///
/// # Errors
/// The first that `worth` gives.
pub fn sampled<E>(
    players: usize,
    orders: &[Vec<usize>],
    mut worth: impl FnMut(&[usize]) -> Result<f64, E>,
) -> Result<Vec<Vec<f64>>, E> {
    let mut gains = vec![Vec::with_capacity(orders.len() / 2); players];
    for pair in orders.chunks(2) {
        let mut of_pair = vec![0.0; players];
        for order in pair {
            let mut coalition: Vec<usize> = Vec::with_capacity(players);
            let mut before = worth(&coalition)?;
            for player in order {
                let at = coalition.partition_point(|other| other < player);
                coalition.insert(at, *player);
                let after = worth(&coalition)?;
                of_pair[*player] += (after - before) / pair.len() as f64;
                before = after;
            }
        }
        for (gains, gain) in gains.iter_mut().zip(of_pair) {
            gains.push(gain);
        }
    }
    Ok(gains)
}

/// Bounds of the mean of gains that lie within [-1, 1], each end at level `alpha`: those of a game in which a coalition wins or not.
pub fn interval(gains: &[f64], alpha: f64) -> (f64, f64) {
    let mut path = BettingPath::new(alpha);
    gains.iter().for_each(|gain| path.push(((gain + 1.0) / 2.0).clamp(0.0, 1.0)));
    (2.0 * path.lower() - 1.0, 2.0 * path.upper() - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use scenarios::{Seed, streams};

    fn game(players: usize, worth: impl Fn(usize) -> f64) -> Vec<f64> {
        exact(players, &(0..1 << players).map(worth).collect::<Vec<f64>>())
    }

    fn stream(index: u64) -> Stream {
        streams(Seed(3), "shapley", index).named("test")
    }

    // Shapley & Shubik 1954, "A method for evaluating the distribution of power in a committee system", for the council as it is since
    // 1966 (Straffin 1993, "Game Theory and Strategy", ch. 26): five members with a veto, ten without, nine votes. 421/2145 and 4/2145.
    #[test]
    fn the_power_in_the_security_council() {
        let veto = 0b11111;
        let value = game(15, |mask| f64::from(u8::from(mask & veto == veto && mask.count_ones() >= 9)));
        for (player, value) in value.iter().enumerate() {
            let expected = if player < 5 { 421.0 } else { 4.0 } / 2145.0;
            assert!((value - expected).abs() < 1e-12, "{player}: {value}");
        }
    }

    // Littlechild & Owen 1973, "A simple expression for the Shapley value in a special case": of a runway each pays his share of every
    // part that he needs.
    #[test]
    fn who_lands_pays_his_share_of_every_part_of_the_runway() {
        let cost = [8.0, 11.0, 13.0, 18.0];
        let value = game(4, |mask| {
            cost.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, c)| *c).fold(0.0, f64::max)
        });
        let expected = [8.0 / 4.0, 8.0 / 4.0 + 3.0 / 3.0, 2.0 + 1.0 + 2.0 / 2.0, 2.0 + 1.0 + 1.0 + 5.0];
        for (value, expected) in value.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-12, "{value} {expected}");
        }
    }

    #[test]
    fn either_of_two_suffices_so_each_has_a_half() {
        let value = game(3, |mask| f64::from(u8::from(mask & 0b011 != 0)));
        assert_eq!(value, [0.5, 0.5, 0.0]);
        let value = game(3, |mask| f64::from(u8::from(mask & 0b011 == 0b011)));
        assert_eq!(value, [0.5, 0.5, 0.0]);
    }

    #[test]
    fn every_order_has_its_reverse() {
        let orders = orders(7, 5, &mut stream(0));
        assert_eq!(orders.len(), 10);
        for pair in orders.chunks(2) {
            assert!(pair[0].iter().rev().eq(&pair[1]));
        }
        assert_ne!(orders[0], orders[2]);
    }

    // The bounds of one player miss the exact value at most 2 alpha of the time.
    #[test]
    fn the_interval_of_drawn_orders_holds_the_exact_value() {
        // Players 0 and 1 together, or 2 with any two of the others.
        let wins = |mask: usize| mask & 0b11 == 0b11 || (mask & 0b100 != 0 && mask.count_ones() >= 3);
        let worth: Vec<f64> = (0..1 << 6).map(|mask| f64::from(u8::from(wins(mask)))).collect();
        let exact = exact(6, &worth);
        let (repetitions, alpha) = (400, 0.025_f64);
        let mut missed = 0;
        for index in 0..repetitions {
            let orders = orders(6, 60, &mut stream(index));
            let gains = sampled(6, &orders, |set| {
                Ok::<_, ()>(worth[set.iter().fold(0, |mask, player| mask | 1 << player)])
            });
            let (low, high) = interval(&gains.unwrap()[2], alpha);
            missed += u32::from(exact[2] < low || high < exact[2]);
        }
        let share = f64::from(missed) / repetitions as f64;
        let limit = 2.0 * alpha + 3.0 * (2.0 * alpha * (1.0 - 2.0 * alpha) / repetitions as f64).sqrt();
        assert!(share < limit, "{share}");
    }

    #[test]
    fn a_player_who_never_gained_is_not_shown_to_be_worth_nothing() {
        let (low, high) = interval(&[0.0; 20], 0.025);
        assert!(low < -0.1 && 0.1 < high, "{low} {high}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn shares_sum_to_the_whole_and_relabelling_relabels(
            worth in proptest::collection::vec(-10.0..10.0_f64, 32), swap in 1_usize..5,
        ) {
            let value = exact(5, &worth);
            let whole = worth[31] - worth[0];
            prop_assert!((value.iter().sum::<f64>() - whole).abs() < 1e-12 * 32.0 * 10.0);
            // Players 0 and `swap` change places.
            let swapped = |mask: usize| {
                let (a, b) = (mask & 1, mask >> swap & 1);
                mask & !1 & !(1 << swap) | b | a << swap
            };
            let other = exact(5, &(0..32).map(|mask| worth[swapped(mask)]).collect::<Vec<f64>>());
            prop_assert!((other[0] - value[swap]).abs() < 1e-12 && (other[swap] - value[0]).abs() < 1e-12);
        }

        #[test]
        fn drawn_orders_share_out_the_whole_too(
            worth in proptest::collection::vec(-10.0..10.0_f64, 32), index in 0_u64..1000,
        ) {
            let orders = orders(5, 7, &mut stream(index));
            let gains = sampled(5, &orders, |set| {
                Ok::<_, ()>(worth[set.iter().fold(0, |mask, player| mask | 1 << player)])
            }).unwrap();
            let sum: f64 = gains.iter().map(|gains| gains.iter().sum::<f64>() / 7.0).sum();
            prop_assert!((sum - (worth[31] - worth[0])).abs() < 1e-11);
        }
    }
}
