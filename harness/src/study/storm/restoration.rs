//! A level over time, over all storms.

use reports::study::{Restoration, TrapezoidRecord};

use super::block::Storm;
use crate::live::LoopConfig;
use crate::service::{Course, Trapezoid};

/// Moments of a curve at most.
const MOMENTS: u32 = 240;
/// Share of the storms below the lower curve, and above the upper one.
const OUTER: f64 = 0.1;

/// The mean and quantiles of a course at moments spread evenly over the steps.
pub(super) fn of(config: &LoopConfig, storms: &[Storm], course: impl Fn(&Storm) -> &Course) -> Restoration {
    let moments = config.steps.min(MOMENTS);
    let step_s = config.step_s * f64::from(config.steps) / f64::from(moments);
    let mut curves = Restoration {
        time_h: Vec::new(),
        mean: Vec::new(),
        low: Vec::new(),
        median: Vec::new(),
        high: Vec::new(),
        trapezoid: of_corners(&[]),
    };
    for moment in 0..=moments {
        let seconds = f64::from(moment) * step_s;
        let mut levels: Vec<f64> = storms.iter().filter_map(|storm| course(storm).at(seconds)).collect();
        levels.sort_unstable_by(f64::total_cmp);
        let Some(last) = levels.len().checked_sub(1) else { continue };
        let quantile = |q: f64| levels[(q * last as f64).round() as usize];
        curves.time_h.push(seconds / 3600.0);
        curves.mean.push(levels.iter().sum::<f64>() / levels.len() as f64);
        curves.low.push(quantile(OUTER));
        curves.median.push(quantile(0.5));
        curves.high.push(quantile(1.0 - OUTER));
    }
    let corners: Vec<(f64, f64)> = curves.time_h.iter().copied().zip(curves.mean.iter().copied()).collect();
    Restoration { trapezoid: of_corners(&corners), ..curves }
}

/// The trapezoid of a curve; that of no curve is flat.
fn of_corners(corners: &[(f64, f64)]) -> TrapezoidRecord {
    let flat = Trapezoid { fall_per_h: None, depth: 0.0, low_h: 0.0, recovery_per_h: None, lost_h: 0.0 };
    let Trapezoid { fall_per_h, depth, low_h, recovery_per_h, lost_h } =
        Trapezoid::of(corners).unwrap_or(flat);
    TrapezoidRecord { fall_per_h, depth, low_h, recovery_per_h, lost_h }
}
