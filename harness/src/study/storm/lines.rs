//! Which lines the risk hangs on: how often they are lost, with how much unserved energy, and what would be saved if one did not fail.

use powerflow::{BranchIdx, Diagnostics, Index, Network};
use reports::study::{Estimate, Hardened, LineRisk};

use super::block::{Storm, Worker};
use super::risk::{Counted, probability};
use crate::live::COHORT;
use crate::run::{Progress, Watch};
use crate::study::in_order::{in_order, interrupted};

/// Two-sided quantile of the normal law at the study's confidence.
const NORMAL: f64 = 1.959_963_984_540_054;

/// Every line that was lost, the largest even share first; and the expected unserved energy of storms that took none, MWh.
pub(super) fn of(network: &Network, storms: &[Storm]) -> (Vec<LineRisk>, f64) {
    let n = storms.len().max(1) as f64;
    let mut sums = vec![(0_u64, 0.0, 0.0); network.branches.from.len()];
    let mut without_mwh = 0.0;
    for storm in storms {
        let mwh = storm.mwh(Counted::Lost);
        if storm.lines.is_empty() {
            without_mwh += mwh;
        }
        for line in &storm.lines {
            let sum = &mut sums[line.row()];
            sum.0 += 1;
            sum.1 += mwh;
            sum.2 += mwh / storm.lines.len() as f64;
        }
    }
    let id = |bus: powerflow::BusIdx| network.buses.id[bus].0;
    let record = |(branch, (lost, mwh, share_mwh)): (BranchIdx, &(u64, f64, f64))| LineRisk {
        row: branch.row() as u32 + 1,
        from: id(network.branches.from[branch]),
        to: id(network.branches.to[branch]),
        storms: *lost,
        probability: probability(*lost, storms.len() as u64),
        given_lost_mwh: mwh / *lost as f64,
        even_share_mwh: share_mwh / n,
        hardened: None,
    };
    let all = network.branches.from.indices().zip(&sums).filter(|(_, sum)| sum.0 > 0);
    let mut lines: Vec<LineRisk> = all.map(record).collect();
    lines.sort_by(|a, b| b.even_share_mwh.total_cmp(&a.even_share_mwh).then(a.row.cmp(&b.row)));
    (lines, without_mwh / n)
}

/// Lives the storms that took each of the first lines again, with that line left standing: the same storms otherwise, to the draw.
pub(super) fn harden(
    workers: &mut [Worker<'_>],
    population: usize,
    storms: &[Storm],
    lines: &mut [LineRisk],
    most: usize,
    watch: &dyn Watch,
) -> Result<(), Diagnostics> {
    let tried = lines.len().min(most);
    let branch = |line: usize, lines: &[LineRisk]| BranchIdx::from_row(lines[line].row as usize - 1);
    let mut pieces: Vec<(usize, BranchIdx, Vec<u64>)> = Vec::new();
    for line in 0..tried {
        let branch = branch(line, lines);
        let took: Vec<u64> =
            storms.iter().filter(|storm| storm.lines.contains(&branch)).map(|storm| storm.index).collect();
        pieces.extend(took.chunks(COHORT).map(|indices| (line, branch, indices.to_vec())));
    }
    let mut saved: Vec<Vec<f64>> = vec![Vec::new(); tried];
    in_order(
        workers,
        0..pieces.len() as u64,
        &|worker, piece| {
            let (_, branch, indices) = &pieces[piece as usize];
            worker.storms(population, indices, Some(*branch))
        },
        &mut |piece, again| {
            if watch.stop() {
                return Err(interrupted());
            }
            let before = |index: u64| storms[index as usize].mwh(Counted::Lost);
            let less = again.iter().map(|storm| before(storm.index) - storm.mwh(Counted::Lost));
            saved[pieces[piece as usize].0].extend(less);
            watch.progress(&Progress {
                population: "lines that stand".into(),
                done: piece + 1,
                size_max: pieces.len() as u64,
                standing: String::new(),
            });
            Ok(())
        },
    )?;
    for (line, saved) in lines.iter_mut().zip(saved) {
        line.hardened = Some(Hardened {
            storms: saved.len() as u64,
            saved_mwh: mean_with_zeros(&saved, storms.len() as u64),
        });
    }
    Ok(())
}

/// The mean of `n` numbers of which all but these are zero, with the interval of the normal law.
fn mean_with_zeros(values: &[f64], n: u64) -> Estimate {
    let count = n.max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let zeros = count - values.len() as f64;
    let squares = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() + zeros * mean * mean;
    let half = (n > 1).then(|| NORMAL * (squares / (count - 1.0) / count).sqrt());
    Estimate { value: mean, low: half.map(|half| mean - half), high: half.map(|half| mean + half) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two numbers of four, by hand: 0, 0, 2, 4 have the mean 1.5 and the variance 11/3.
    #[test]
    fn zeros_count_in_mean_and_spread() {
        let estimate = mean_with_zeros(&[2.0, 4.0], 4);
        assert_eq!(estimate.value, 1.5);
        let half = NORMAL * (11.0_f64 / 3.0 / 4.0).sqrt();
        assert!((estimate.high.expect("an end") - 1.5 - half).abs() < 1e-12);
        assert_eq!(mean_with_zeros(&[3.0], 1).high, None);
    }
}
