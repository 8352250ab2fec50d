//! Curtailment: what wind and sun could have delivered and did not.

use powerflow::Index;
use powerflow::case::PrimeMover;

use super::{Meter, Metric, Needs, Step, hours};

pub(super) const METRIC: Metric = Metric {
    id: "curtailment_mwh",
    unit: "MWh",
    meaning: "its curtailment: the largest power of the moment of running units driven by wind or sun, less what they deliver, times time; no \
              number where nothing says that a unit is one",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Curtailment { mwh: 0.0, any: false }),
};

struct Curtailment {
    mwh: f64,
    any: bool,
}

impl Meter for Curtailment {
    fn step(&mut self, step: &Step<'_>) {
        let grid = step.grid;
        let network = grid.network();
        let movers = &network.case.prime_movers;
        let renewable = |row: usize| {
            matches!(movers.get(row).copied().flatten(), Some(PrimeMover::Wind | PrimeMover::Solar))
        };
        for unit in network.units.bus.indices().filter(|unit| renewable(unit.row())) {
            self.any = true;
            if !grid.state().unit_on[unit] {
                continue;
            }
            // Without a voltage it delivers nothing.
            let delivers_pu = grid.solution().map_or(0.0, |solution| solution.unit_p_pu[unit]);
            let left_pu = (grid.p_max_pu(unit) - delivers_pu).max(0.0);
            self.mwh = network.base.from_pu(left_pu).mul_add(hours(step.duration_s), self.mwh);
        }
    }

    fn value(&self) -> f64 {
        self.mwh
    }

    fn exists(&self) -> bool {
        self.any
    }
}
