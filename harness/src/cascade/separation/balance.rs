//! Generation and demand of one island brought together again.

/// Power that is as good as none, MW.
pub(super) const BALANCED_MW: f64 = 1e-6;

/// A unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    pub(super) bus: usize,
    pub(super) on: bool,
    pub(super) p_mw: f64,
    pub(super) p_min_mw: f64,
    pub(super) p_max_mw: f64,
    /// What it can move at one separation, MW.
    pub(super) ramp_mw: f64,
}

impl Unit {
    /// Lowest and highest power that it can reach now. One that is outside its range is not forced into it.
    fn reach(&self) -> (f64, f64) {
        let low = self.p_min_mw.max(self.p_mw - self.ramp_mw).min(self.p_mw);
        let high = self.p_max_mw.min(self.p_mw + self.ramp_mw).max(self.p_mw);
        (low, high)
    }
}

/// What it took.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Balanced {
    /// Share of the demand that is served; 1 where none is lost.
    pub(super) served_share: f64,
    /// Units switched off, in the order in which they went; positions in the island's list.
    pub(super) off: Vec<usize>,
    /// Generation and demand before, MW.
    pub(super) generation_mw: f64,
    pub(super) demand_mw: f64,
    /// Generation that units in service could reach where that is not enough, MW.
    pub(super) reached_mw: f64,
    /// Whether nothing is left.
    pub(super) dead: bool,
}

/// Balances an island of these units (positions in `units`, ascending) and this demand: units move in proportion to their ramps,
/// each within its reach; then the smallest of them go off, one at a time, or the demand is scaled.
pub(super) fn balance(units: &mut [Unit], of_island: &[usize], demand_mw: f64) -> Balanced {
    let generation = |units: &[Unit]| -> f64 {
        of_island.iter().filter(|unit| units[**unit].on).map(|unit| units[*unit].p_mw).sum()
    };
    let before = generation(units);
    let mut found = Balanced {
        served_share: 1.0,
        generation_mw: before,
        demand_mw,
        reached_mw: before,
        ..Balanced::default()
    };
    let runs = of_island.iter().any(|unit| units[*unit].on);
    if !runs || demand_mw <= BALANCED_MW {
        found.dead = true;
        found.served_share = 0.0;
        for (at, unit) in of_island.iter().enumerate() {
            if std::mem::replace(&mut units[*unit].on, false) {
                found.off.push(at);
            }
            units[*unit].p_mw = 0.0;
        }
        return found;
    }
    if (before - demand_mw).abs() <= BALANCED_MW {
        return found;
    }
    let reach: Vec<(f64, f64)> = of_island.iter().map(|unit| units[*unit].reach()).collect();
    spread(units, of_island, &reach, demand_mw);
    while generation(units) > demand_mw + BALANCED_MW {
        let smallest = (0..of_island.len())
            .filter(|at| units[of_island[*at]].on && units[of_island[*at]].p_mw > 0.0)
            // The first of equals.
            .min_by(|a, b| units[of_island[*a]].p_mw.total_cmp(&units[of_island[*b]].p_mw));
        let Some(at) = smallest else { break };
        units[of_island[at]].on = false;
        units[of_island[at]].p_mw = 0.0;
        found.off.push(at);
    }
    if !found.off.is_empty() {
        spread(units, of_island, &reach, demand_mw);
    }
    let reached = generation(units);
    found.reached_mw = reached;
    if reached < demand_mw - BALANCED_MW {
        found.served_share = (reached / demand_mw).max(0.0);
        found.dead = found.served_share == 0.0;
    }
    found
}

/// Moves units in proportion to their ramps towards the demand, again and again until it is met or none can move.
fn spread(units: &mut [Unit], of_island: &[usize], reach: &[(f64, f64)], demand_mw: f64) {
    // Each round ends with the demand met or with one unit more at the end of its reach.
    for _ in 0..=of_island.len() {
        let running = || of_island.iter().zip(reach).filter(|(unit, _)| units[**unit].on);
        let missing: f64 = demand_mw - running().map(|(unit, _)| units[*unit].p_mw).sum::<f64>();
        if missing.abs() <= BALANCED_MW {
            return;
        }
        let can_move = |unit: &Unit, (low, high): (f64, f64)| {
            if missing > 0.0 { unit.p_mw < high } else { unit.p_mw > low }
        };
        let ramps: f64 = running()
            .filter(|(unit, reach)| can_move(&units[**unit], **reach))
            .map(|(unit, _)| units[*unit].ramp_mw)
            .sum();
        if !(ramps > 0.0) {
            return;
        }
        for (unit, (low, high)) in of_island.iter().zip(reach) {
            let unit = &mut units[*unit];
            if unit.on && can_move(unit, (*low, *high)) {
                unit.p_mw = (missing * (unit.ramp_mw / ramps) + unit.p_mw).clamp(*low, *high);
            }
        }
    }
}

/// Makes schedules of a file, which hold losses that a linear flow has not, meet the demand of an island: in proportion to the
/// largest power, each within its range, without regard to ramps. What cannot be met is left.
pub(super) fn redispatch(units: &mut [Unit], of_island: &[usize], demand_mw: f64) {
    let reach: Vec<(f64, f64)> = of_island
        .iter()
        .map(|unit| {
            let unit = &units[*unit];
            (unit.p_min_mw.min(unit.p_mw), unit.p_max_mw.max(unit.p_mw))
        })
        .collect();
    let ramps: Vec<f64> = of_island.iter().map(|unit| units[*unit].ramp_mw).collect();
    for unit in of_island {
        units[*unit].ramp_mw = units[*unit].p_max_mw.max(0.0);
    }
    spread(units, of_island, &reach, demand_mw);
    for (unit, ramp) in of_island.iter().zip(ramps) {
        units[*unit].ramp_mw = ramp;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(p_mw: f64, p_max_mw: f64, ramp_mw: f64) -> Unit {
        Unit { bus: 0, on: true, p_mw, p_min_mw: 0.0, p_max_mw, ramp_mw }
    }

    fn total(units: &[Unit]) -> f64 {
        units.iter().filter(|unit| unit.on).map(|unit| unit.p_mw).sum()
    }

    #[test]
    fn what_is_missing_is_shared_by_ramp_and_then_shed() {
        // 30 MW are missing: 10 and 20 by ramp, but the second has 5 MW of room, so the first moves its 10 and no more.
        let mut units = [unit(50.0, 100.0, 10.0), unit(95.0, 100.0, 20.0)];
        let found = balance(&mut units, &[0, 1], 175.0);
        assert!((units[0].p_mw - 60.0).abs() < 1e-9 && (units[1].p_mw - 100.0).abs() < 1e-9);
        assert!((found.served_share - 160.0 / 175.0).abs() < 1e-12, "{found:?}");
        assert!(found.off.is_empty() && !found.dead);
    }

    #[test]
    fn a_surplus_beyond_the_ramps_takes_the_smallest_units() {
        let mut units = [unit(40.0, 100.0, 5.0), unit(30.0, 100.0, 5.0), unit(30.0, 100.0, 5.0)];
        // Down to 85 by ramp; the 25 MW of the second bring it to 60, and the ramps of the others back up to 70.
        let found = balance(&mut units, &[0, 1, 2], 70.0);
        assert_eq!((found.off.as_slice(), found.served_share, found.dead), (&[1][..], 1.0, false));
        assert!((total(&units) - 70.0).abs() <= BALANCED_MW, "{units:?}");
    }

    #[test]
    fn an_island_without_units_or_without_demand_is_dead() {
        let mut units = [unit(10.0, 20.0, 1.0)];
        assert!(balance(&mut units, &[0], 0.0).dead && !units[0].on);
        assert!(balance(&mut units, &[0], 5.0).dead);
        assert!(balance(&mut [], &[], 5.0).dead);
    }

    #[test]
    fn schedules_that_hold_losses_come_down_by_their_largest_power() {
        let mut units = [unit(60.0, 100.0, 1.0), unit(45.0, 50.0, 1.0)];
        redispatch(&mut units, &[0, 1], 99.0);
        assert!((units[0].p_mw - 56.0).abs() < 1e-9 && (units[1].p_mw - 43.0).abs() < 1e-9, "{units:?}");
        assert_eq!(units[0].ramp_mw, 1.0);
    }
}
