//! Branches above their rating: for how long, and the worst of it.

use super::{Meter, Metric, Needs, Step, minutes};

/// Above the rating by less than this share counts as at the rating.
const TOLERANCE: f64 = 1e-3;

pub(super) const MINUTES: Metric = Metric {
    id: "overload.minutes",
    unit: "min",
    meaning: "its overload: minutes above rating, summed over branches",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Minutes(0.0)),
};

pub(super) const WORST: Metric = Metric {
    id: "overload.worst",
    unit: "1",
    meaning: "its worst loading: the largest share of a rating that any branch carried (1 = rating)",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Worst(0.0)),
};

pub(super) const EXCESS: Metric = Metric {
    id: "overload.excess_minutes",
    unit: "min",
    meaning: "its overload by how much: the share above rating of every branch, times minutes, summed over branches",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Excess(0.0)),
};

pub(super) const INDEX: Metric = Metric {
    id: "overload.index",
    unit: "1",
    meaning: "its overload index: the largest, at any time, sum over branches of the share above rating",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Largest { of: index, value: 0.0 }),
};

pub(super) const PERFORMANCE: Metric = Metric {
    id: "overload.performance",
    unit: "1",
    meaning: "its performance index: the largest, at any time, half the sum over branches of the squared share of the rating",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Largest { of: performance, value: 0.0 }),
};

struct Minutes(f64);
struct Worst(f64);
struct Excess(f64);

/// The largest value at any time of an index of all loadings.
struct Largest {
    of: fn(&mut dyn Iterator<Item = f64>) -> f64,
    value: f64,
}

/// The overload index: the sum of max(0, loading - 1).
fn index(loadings: &mut dyn Iterator<Item = f64>) -> f64 {
    loadings.map(|loading| (loading - 1.0).max(0.0)).sum()
}

/// The performance index of Ejebe and Wollenberg (IEEE Trans. Power Apparatus and Systems 98(1), 1979): the sum of w/2n loading^2n with
/// weight and exponent n of one.
fn performance(loadings: &mut dyn Iterator<Item = f64>) -> f64 {
    loadings.map(|loading| 0.5 * loading * loading).sum()
}

/// Loading of every rated branch that is connected, in file order.
fn loadings<'a>(step: &Step<'a>) -> impl Iterator<Item = f64> + use<'a> {
    let grid = step.grid;
    let branches = grid.solution().map(|_| grid.network().branches.from.indices());
    branches.into_iter().flatten().filter_map(move |branch| {
        grid.rating_pu(branch).map(|rating| grid.flows().apparent_pu(branch) / rating)
    })
}

impl Meter for Minutes {
    fn step(&mut self, step: &Step<'_>) {
        let above = loadings(step).filter(|l| *l > 1.0 + TOLERANCE).count();
        self.0 = (above as f64).mul_add(minutes(step.duration_s), self.0);
    }

    fn value(&self) -> f64 {
        self.0
    }
}

impl Meter for Worst {
    fn step(&mut self, step: &Step<'_>) {
        self.0 = loadings(step).fold(self.0, f64::max);
    }

    fn value(&self) -> f64 {
        self.0
    }
}

impl Meter for Excess {
    fn step(&mut self, step: &Step<'_>) {
        let beyond = loadings(step).filter(|loading| *loading > 1.0 + TOLERANCE);
        self.0 = index(&mut beyond.into_iter()).mul_add(minutes(step.duration_s), self.0);
    }

    fn value(&self) -> f64 {
        self.0
    }
}

impl Meter for Largest {
    fn step(&mut self, step: &Step<'_>) {
        self.value = self.value.max((self.of)(&mut loadings(step)));
    }

    fn value(&self) -> f64 {
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of storms.md 8: a flow of 120 on 100, and one of 90 on 100.
    #[test]
    fn the_indices_are_those_of_the_worked_example() {
        let loadings = [1.2, 0.9];
        assert!((index(&mut loadings.into_iter()) - 0.2).abs() < 1e-12);
        assert!((performance(&mut loadings.into_iter()) - 1.125).abs() < 1e-12);
    }
}
