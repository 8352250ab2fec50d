//! The frequency without dynamics: where droop and damping bring an island to rest, and what load shedding makes of it.

use super::shedding::SheddingPlan;

/// An island that is only looked at in its steady state. Powers in pu of the system's base.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StaticDroop {
    /// Nominal frequency, Hz.
    pub nominal_hz: f64,
    /// Largest power of all units with a governor together, pu.
    pub capacity_pu: f64,
    /// Droop R of those units, on their largest power.
    pub droop_pu: f64,
    /// Demand in service, pu.
    pub load_pu: f64,
    /// D: relative change of demand for a relative change of the frequency.
    pub load_damping: f64,
}

/// Droop of a unit of which nothing is known.
pub const DROOP_PU: f64 = 0.05;

/// What load shedding does in the steady state.
#[derive(Clone, Debug, PartialEq)]
pub struct StaticShedding {
    /// Frequency before any of it, Hz.
    pub before_hz: f64,
    /// Frequency after it, Hz: still below the first threshold where the whole plan was not enough.
    pub frequency_hz: f64,
    /// Stages that acted, by their numbers in the plan from 0, in their order.
    pub stages: Vec<usize>,
    /// Demand that they shed, pu.
    pub shed_pu: f64,
}

impl StaticDroop {
    /// `f0 (1 + dP / (sum Pmax / R + D Pd))`, Hz: where an imbalance `dP`, negative where generation is missing, brings the frequency. No unit has a
    /// limit. `None` where nothing holds the frequency.
    pub fn frequency_hz(&self, imbalance_pu: f64) -> Option<f64> {
        let stiffness = self.capacity_pu / self.droop_pu + self.load_damping * self.load_pu;
        let frequency_hz = self.nominal_hz * (1.0 + imbalance_pu / stiffness);
        (stiffness > 0.0 && frequency_hz.is_finite()).then_some(frequency_hz)
    }

    /// What one unit of the largest power `power_max_pu` adds at a frequency, pu: `-(Pmax / R) (f - f0) / f0`.
    pub fn unit_pu(&self, power_max_pu: f64, frequency_hz: f64) -> f64 {
        -(power_max_pu / self.droop_pu) * (frequency_hz - self.nominal_hz) / self.nominal_hz
    }

    /// Load shedding without time: where the frequency at rest would be below the first threshold, stages act in their order (highest threshold
    /// first, then shortest delay) until it is not. The way there is lower than the rest, which is why stages act whose own threshold the rest would
    /// not reach. `None` where nothing holds the frequency.
    pub fn shed(&self, imbalance_pu: f64, plan: &SheddingPlan) -> Option<StaticShedding> {
        let before_hz = self.frequency_hz(imbalance_pu)?;
        let mut order: Vec<usize> = (0..plan.stages.len()).collect();
        order.sort_by(|&a, &b| {
            let (a, b) = (&plan.stages[a], &plan.stages[b]);
            b.threshold_hz.total_cmp(&a.threshold_hz).then(a.delay_s.total_cmp(&b.delay_s))
        });
        // Anti-stall stages share the first threshold and wait: they come when all that is quicker has acted.
        order.sort_by_key(|&stage| plan.stages[stage].delay_s >= ANTI_STALL_S);
        let first_hz = plan.stages.iter().map(|stage| stage.threshold_hz).fold(0.0, f64::max);
        let mut shedding =
            StaticShedding { before_hz, frequency_hz: before_hz, stages: Vec::new(), shed_pu: 0.0 };
        for stage in order {
            if shedding.frequency_hz >= first_hz {
                break;
            }
            let left = self.load_pu - shedding.shed_pu;
            shedding.shed_pu += (plan.stages[stage].share * self.load_pu).min(left);
            shedding.stages.push(stage);
            let lighter = Self { load_pu: self.load_pu - shedding.shed_pu, ..*self };
            shedding.frequency_hz = lighter.frequency_hz(imbalance_pu + shedding.shed_pu)?;
        }
        Some(shedding)
    }
}

/// Delay from which on a stage is there to lift a frequency that stalls, s.
const ANTI_STALL_S: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// 25 pu hold the frequency: 0.3 pu missing are 0.72 Hz. Without 7 % of the demand 24.93 hold it and 0.23 are missing: 0.554 Hz; without twice
    /// that, 24.86 and 0.16: 0.386 Hz, above 59.5 Hz.
    #[test]
    fn stages_act_until_the_rest_is_above_the_first_threshold() {
        let island = StaticDroop {
            nominal_hz: 60.0,
            capacity_pu: 1.2,
            droop_pu: DROOP_PU,
            load_pu: 1.0,
            load_damping: 1.0,
        };
        let plan = SheddingPlan::named("npcc").expect("a plan");
        let shedding = island.shed(-0.3, &plan).expect("a frequency");
        assert!((shedding.before_hz - 59.28).abs() < 1e-12);
        assert_eq!(shedding.stages, [0, 1]);
        assert!((shedding.frequency_hz - (60.0 - 60.0 * 0.16 / 24.86)).abs() < 1e-12);
        assert!((island.unit_pu(1.2, 59.28) - 24.0 * 0.012).abs() < 1e-12);
        assert_eq!(island.shed(-0.1, &plan).expect("a frequency").stages, [0; 0]);
        let all = island.shed(-0.9, &plan).expect("a frequency");
        assert_eq!((all.stages.len(), all.frequency_hz < 59.5), (5, true));
        let nothing = StaticDroop { capacity_pu: 0.0, load_damping: 0.0, ..island };
        assert_eq!(nothing.shed(-0.1, &plan), None);
    }
}
