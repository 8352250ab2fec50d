//! How few meters an attack takes.

use powerflow::estimation::{LinearEstimator, MeterKind, MeterSet};
use powerflow::{BusIdx, Index, Network};

use super::cut::Cut;

/// For each bus the meters, by place, that see its angle: what it takes to move it alone. None where it is held.
pub fn of_single_buses(estimator: &LinearEstimator, set: &MeterSet, buses: usize) -> Vec<Vec<usize>> {
    let mut incident = vec![Vec::new(); buses];
    for meter in 0..set.meters.len() {
        for (bus, derivative) in estimator.incidence(meter) {
            if derivative != 0.0 {
                incident[bus.row()].push(meter);
            }
        }
    }
    incident
}

/// The fewest meters that move the angle of a bus, others with it if that is cheaper, and the buses that then move, alike and in file
/// order. `None` where the bus has no angle to move.
///
/// Exact where every injection and every flow is measured, as then it never helps to move buses by different amounts: a minimum cut
/// between the bus and the references, at which each line costs the meters at its ends, and each bus beside it its own.
///
/// Source: J. M. Hendrickx, K. H. Johansson, R. M. Jungers, H. Sandberg, K. C. Sou, "Efficient computations of a security index for
/// false data attacks in power networks", IEEE Trans. Automatic Control 59(12), 2014.
pub fn targeted(
    network: &Network,
    estimator: &LinearEstimator,
    set: &MeterSet,
    target: BusIdx,
) -> Option<(usize, Vec<BusIdx>)> {
    let buses = network.buses.id.len();
    let incident = of_single_buses(estimator, set, buses);
    if incident[target.row()].is_empty() {
        return None;
    }
    let mut neighbours: Vec<Vec<usize>> = (0..buses).map(|bus| vec![bus]).collect();
    let mut lines: Vec<(usize, usize, u32)> = Vec::new();
    let mut own = vec![0; buses];
    for (at, meter) in set.meters.iter().enumerate().filter(|(at, _)| estimator.sees(*at)) {
        match meter.kind {
            MeterKind::ActiveFlow(branch, _) => {
                let ends = (network.branches.from[branch].row(), network.branches.to[branch].row());
                lines.push((ends.0, ends.1, 1));
            }
            MeterKind::ActiveInjection(bus) => {
                own[bus.row()] += 1;
                for (other, _) in estimator.incidence(at) {
                    neighbours[bus.row()].push(other.row());
                }
            }
            _ => {}
        }
    }
    // A held angle is no unknown, so injections do not name it: lines do.
    for (from, to, _) in &lines {
        neighbours[*from].push(*to);
        neighbours[*to].push(*from);
    }
    // Nodes: each bus, whether any of it and its neighbours moves, whether all of them do.
    let (any, all, held) = (buses, 2 * buses, 3 * buses);
    let mut cut = Cut::new(3 * buses + 1);
    for (from, to, meters) in lines {
        cut.join(from, to, meters, meters);
    }
    for bus in 0..buses {
        neighbours[bus].sort_unstable();
        neighbours[bus].dedup();
        for other in &neighbours[bus] {
            cut.join(*other, any + bus, Cut::NEVER, 0);
            cut.join(all + bus, *other, Cut::NEVER, 0);
        }
        cut.join(any + bus, all + bus, own[bus], 0);
        if incident[bus].is_empty() {
            cut.join(bus, held, Cut::NEVER, 0);
        }
    }
    let (meters, side) = cut.between(target.row(), held);
    let moved = (0..buses).filter(|bus| side[*bus]).map(BusIdx::from_row).collect();
    Some((meters as usize, moved))
}
