//! Which episodes are lived again: a stratified sample of a population, by how its episodes ended in the model of the suite.
//!
//! The budget is shared evenly among the strata, and what a small one leaves goes to the others, so that the few episodes on which a
//! verdict rests are looked at, most of them all. Within a stratum a stream of the suite's seed draws the order: a simple random sample,
//! also of a list, in which neighbours are alike. Source: W. Cochran, Sampling Techniques, 3rd edition, 1977, chapter 5.

use scenarios::{Seed, streams};

/// Episodes of a population that are lived again, where the suite does not say.
pub(crate) const EPISODES: u64 = 256;

/// The least of them: four of each stratum.
pub(crate) const EPISODES_MIN: u64 = 16;

/// The share of a population's episodes, by each gate, that counts as close to its threshold.
const CLOSE: usize = 10;

/// How an episode stands to the gates of its population.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// The solver gave up, or a gate's metric has no value.
    Unknown,
    /// Beyond the threshold of a gate.
    Broken,
    /// Among the nearest to a threshold.
    Close,
    /// None of that.
    Clear,
}

impl Standing {
    const LIST: [Standing; 4] = [Standing::Unknown, Standing::Broken, Standing::Close, Standing::Clear];

    /// Its name in documents.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Standing::Unknown => "unknown",
            Standing::Broken => "broken",
            Standing::Close => "close",
            Standing::Clear => "clear",
        }
    }
}

/// Episodes of one standing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stratum {
    pub(crate) standing: Standing,
    /// Rows of its episodes, ascending.
    pub(crate) rows: Vec<usize>,
    /// Those that are lived again, ascending.
    pub(crate) replayed: Vec<usize>,
}

/// The episodes of a population that are lived again.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Subset {
    /// Strata that hold episodes, in the order of [`Standing`].
    pub(crate) strata: Vec<Stratum>,
    /// Every row that is lived again, ascending.
    pub(crate) rows: Vec<usize>,
    /// For each row of the population the place in `rows` of the episode that speaks for it: itself where it is lived again, else one of
    /// its stratum, each of them for as many others as the rest, give or take one.
    pub(crate) speaker: Vec<usize>,
}

impl Subset {
    /// A sample of at most `budget` episodes, of at least one of each standing that occurs where the budget allows for it.
    pub(crate) fn draw(standings: &[Standing], budget: u64, seed: Seed, population: &str) -> Self {
        let streams = streams(seed, population, 0);
        let of = |standing: Standing| -> Vec<usize> {
            (0..standings.len()).filter(|&row| standings[row] == standing).collect()
        };
        let sizes = Standing::LIST.map(|standing| of(standing).len());
        let shares = shares(sizes, usize::try_from(budget).unwrap_or(usize::MAX));
        let mut subset = Subset { speaker: vec![0; standings.len()], ..Subset::default() };
        let mut drawn_of = Vec::new();
        for (standing, share) in Standing::LIST.into_iter().zip(shares) {
            let rows = of(standing);
            if rows.is_empty() {
                continue;
            }
            let mut order = rows.clone();
            streams.named(&format!("assumptions/{}", standing.id())).shuffle(&mut order);
            order.truncate(share);
            let mut replayed = order.clone();
            replayed.sort_unstable();
            subset.rows.extend(&replayed);
            drawn_of.push(order);
            subset.strata.push(Stratum { standing, rows, replayed });
        }
        subset.rows.sort_unstable();
        for (stratum, order) in subset.strata.iter().zip(drawn_of) {
            let mut next = order.iter().cycle();
            for &row in &stratum.rows {
                let own = stratum.replayed.binary_search(&row).is_ok();
                let by = if own { Some(&row) } else { next.next() };
                subset.speaker[row] = by.and_then(|by| subset.rows.binary_search(by).ok()).unwrap_or(0);
            }
        }
        subset
    }
}

/// How many of each stratum: an even share, and what small strata leave for the others, the first before the last.
fn shares(sizes: [usize; 4], budget: usize) -> [usize; 4] {
    let mut shares = [0; 4];
    let mut left = budget.min(sizes.iter().sum());
    while left > 0 {
        let open = (0..4).filter(|&at| shares[at] < sizes[at]).count().max(1);
        let each = (left / open).max(1);
        for at in 0..4 {
            let more = each.min(sizes[at] - shares[at]).min(left);
            shares[at] += more;
            left -= more;
        }
    }
    shares
}

/// How each row stands: `unknown` and `broken` as they are given, and of the rest the tenth with the largest badness by any gate as
/// `close`. `badness` has a column for each gate; none: nothing is amiss there.
pub(crate) fn standings(unknown: &[bool], broken: &[bool], badness: &[Vec<Option<f64>>]) -> Vec<Standing> {
    let mut standings: Vec<Standing> = unknown
        .iter()
        .zip(broken)
        .map(|(unknown, broken)| match (unknown, broken) {
            (true, _) => Standing::Unknown,
            (false, true) => Standing::Broken,
            (false, false) => Standing::Clear,
        })
        .collect();
    let most = standings.len().div_ceil(CLOSE);
    for column in badness {
        let own = |(row, bad): (usize, &Option<f64>)| {
            bad.filter(|_| standings[row] != Standing::Unknown && standings[row] != Standing::Broken)
                .map(|bad| (bad, row))
        };
        let mut rows: Vec<(f64, usize)> = column.iter().enumerate().filter_map(own).collect();
        rows.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (_, row) in rows.into_iter().take(most) {
            standings[row] = Standing::Close;
        }
    }
    standings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_shared_evenly_and_small_strata_are_taken_whole() {
        assert_eq!(shares([0, 0, 0, 600], 256), [0, 0, 0, 256]);
        assert_eq!(shares([3, 0, 60, 10_000], 256), [3, 0, 60, 193]);
        assert_eq!(shares([100, 100, 100, 100], 256), [64; 4]);
        assert_eq!(shares([1000, 1000, 1000, 0], 16), [6, 5, 5, 0]);
        assert_eq!(shares([1, 2, 3, 4], 256), [1, 2, 3, 4]);
        assert_eq!(shares([0; 4], 256), [0; 4]);
    }

    #[test]
    fn everybody_is_spoken_for_by_their_own_stratum_and_no_speaker_for_more_than_its_share() {
        let standings: Vec<Standing> = (0..1000)
            .map(|row| match row % 50 {
                0 => Standing::Unknown,
                1..=4 => Standing::Broken,
                5..=9 => Standing::Close,
                _ => Standing::Clear,
            })
            .collect();
        let subset = Subset::draw(&standings, 64, Seed(7), "outages");
        assert_eq!(subset.rows.len(), 64);
        let mut spoken = vec![0usize; subset.rows.len()];
        for (row, &speaker) in subset.speaker.iter().enumerate() {
            assert_eq!(standings[row], standings[subset.rows[speaker]]);
            spoken[speaker] += 1;
        }
        for stratum in &subset.strata {
            assert_eq!(stratum.replayed.len(), 16, "{:?}", stratum.standing);
            let of = stratum.replayed.iter().map(|row| spoken[subset.rows.binary_search(row).unwrap()]);
            let (least, most) = of.fold((usize::MAX, 0), |(low, high), n| (low.min(n), high.max(n)));
            assert!(most - least <= 1, "{:?}: {least} to {most}", stratum.standing);
        }
        // Who is lived again speaks for itself.
        assert!(subset.rows.iter().enumerate().all(|(at, &row)| subset.speaker[row] == at));
        // Another seed draws others; the same one the same.
        assert_eq!(subset, Subset::draw(&standings, 64, Seed(7), "outages"));
        assert_ne!(subset.rows, Subset::draw(&standings, 64, Seed(8), "outages").rows);
        let whole = Subset::draw(&standings, 5000, Seed(7), "outages");
        assert!(whole.rows.iter().copied().eq(0..1000) && whole.speaker.iter().copied().eq(0..1000));
        assert_eq!(Subset::draw(&[], 64, Seed(7), "outages"), Subset::default());
    }

    /// Over many seeds each episode of a stratum is drawn equally often: 40 of 200, 500 times, within five standard deviations.
    #[test]
    fn the_sample_of_a_stratum_is_fair() {
        let standings = vec![Standing::Clear; 200];
        let mut times = [0u32; 200];
        for seed in 0..500 {
            for row in Subset::draw(&standings, 40, Seed(seed), "outages").rows {
                times[row] += 1;
            }
        }
        let deviation = (500.0_f64 * 0.2 * 0.8).sqrt();
        assert!(times.iter().all(|&n| (f64::from(n) - 100.0).abs() < 5.0 * deviation), "{times:?}");
    }

    #[test]
    fn what_is_close_is_the_tenth_that_is_worst_by_any_gate() {
        let n = 40;
        let mut unknown = vec![false; n];
        let mut broken = vec![false; n];
        (unknown[3], broken[7], broken[3]) = (true, true, true);
        // By the first gate the last rows are worst, the second sees something amiss in one row only.
        let first: Vec<Option<f64>> = (0..n).map(|row| Some(row as f64)).collect();
        let mut second = vec![None; n];
        second[0] = Some(-1.0);
        let found = standings(&unknown, &broken, &[first, second]);
        let of = |standing| (0..n).filter(|&row| found[row] == standing).collect::<Vec<_>>();
        assert_eq!(of(Standing::Unknown), [3]);
        assert_eq!(of(Standing::Broken), [7]);
        assert_eq!(of(Standing::Close), [0, 36, 37, 38, 39]);
    }
}
