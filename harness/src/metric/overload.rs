//! Branches above their rating: for how long, and the worst of it.

use super::{Meter, Metric, Step, minutes};

/// Above the rating by less than this share counts as at the rating.
const TOLERANCE: f64 = 1e-3;

pub(super) const MINUTES: Metric = Metric {
    id: "overload.minutes",
    unit: "min",
    meaning: "its overload: minutes above rating, summed over branches",
    counts_unserved: false,
    security: None,
    meter: || Box::new(Minutes(0.0)),
};

pub(super) const WORST: Metric = Metric {
    id: "overload.worst",
    unit: "1",
    meaning: "its worst loading: the largest share of a rating that any branch carried (1 = rating)",
    counts_unserved: false,
    security: None,
    meter: || Box::new(Worst(0.0)),
};

struct Minutes(f64);
struct Worst(f64);

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
