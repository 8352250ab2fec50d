//! How often a candidate switched.

use super::{Meter, Metric, Needs, Step};
use crate::action::Asked;

pub(super) const METRIC: Metric = Metric {
    id: "switching.count",
    unit: "1",
    meaning: "its switching: branches opened or closed, shunt and tap positions asked to change",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Switching { count: 0, last: Vec::new() }),
};

struct Switching {
    count: u64,
    /// Last granted position of each tap and shunt that was ever asked for.
    last: Vec<(Asked, u32, f64)>,
}

impl Meter for Switching {
    fn step(&mut self, step: &Step<'_>) {
        self.count += u64::from(step.grants.switched);
        let network = step.grid.network();
        for grant in &step.grants.all {
            let Some(value) = grant.granted else { continue };
            let in_file = match grant.quantity {
                Asked::BranchTap => network.branches.tap_ratio.as_slice()[grant.element as usize],
                Asked::ShuntStep => f64::from(network.shunts.step.as_slice()[grant.element as usize]),
                _ => continue,
            };
            match self.last.iter_mut().find(|(q, e, _)| (*q, *e) == (grant.quantity, grant.element)) {
                Some((_, _, last)) if *last != value => {
                    *last = value;
                    self.count += 1;
                }
                Some(_) => {}
                None => {
                    self.count += u64::from(value != in_file);
                    self.last.push((grant.quantity, grant.element, value));
                }
            }
        }
    }

    fn value(&self) -> f64 {
        self.count as f64
    }
}
