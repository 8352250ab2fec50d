//! Branches as two-port admittances.
//!
//! Source: MATPOWER User's Manual, section 3.2, branch model: series impedance, shunt at both ends, ideal transformer
//! `tap * exp(j shift)` at the from end.

use crate::index::BranchIdx;
use crate::network::Branches;
use crate::solution::Complex;

/// `I_from = from_from V_from + from_to V_to`, `I_to = to_from V_from + to_to V_to`, all pu.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct TwoPort {
    /// Current into the from end per voltage there.
    pub(crate) from_from: Complex,
    /// Current into the from end per voltage at the to end.
    pub(crate) from_to: Complex,
    /// Current into the to end per voltage at the from end.
    pub(crate) to_from: Complex,
    /// Current into the to end per voltage there.
    pub(crate) to_to: Complex,
}

impl TwoPort {
    /// The two-port of a branch with this turns ratio, pu; the phase shift is the file's.
    pub(crate) fn of(branches: &Branches, branch: BranchIdx, tap_ratio: f64) -> Self {
        let (r, x) = (branches.resistance_pu[branch], branches.reactance_pu[branch]);
        let square = r * r + x * x;
        let series = Complex { re: r / square, im: -x / square };
        let shift = branches.shift_rad[branch];
        let (cos, sin) = if shift == 0.0 { (1.0, 0.0) } else { (libm::cos(shift), libm::sin(shift)) };
        let (from, to) = (branches.from_shunt_pu[branch], branches.to_shunt_pu[branch]);
        let tap_square = tap_ratio * tap_ratio;
        // -series / (tap e^{-j shift}) and its mirror: dividing by a unit number is multiplying by its conjugate.
        let turned = |sin: f64| Complex {
            re: -(series.re * cos - series.im * sin) / tap_ratio,
            im: -(series.re * sin + series.im * cos) / tap_ratio,
        };
        TwoPort {
            from_from: Complex {
                re: (series.re + from.0) / tap_square,
                im: (series.im + from.1) / tap_square,
            },
            from_to: turned(sin),
            to_from: turned(-sin),
            to_to: Complex { re: series.re + to.0, im: series.im + to.1 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Index;
    use crate::index::Column;

    fn branch(tap_ratio: f64, shift_deg: f64) -> TwoPort {
        let one = |x: f64| Column::from(vec![x]);
        let branches = Branches {
            resistance_pu: one(0.0),
            reactance_pu: one(0.1),
            from_shunt_pu: vec![(0.0, 0.02)].into(),
            to_shunt_pu: vec![(0.0, 0.02)].into(),
            shift_rad: one(f64::to_radians(shift_deg)),
            ..Branches::default()
        };
        TwoPort::of(&branches, BranchIdx::from_row(0), tap_ratio)
    }

    fn close(a: Complex, re: f64, im: f64) -> bool {
        (a.re - re).abs() < 1e-12 && (a.im - im).abs() < 1e-12
    }

    #[test]
    fn a_transformer_has_the_admittances_of_its_equivalent_circuit() {
        // y = -j10, tap 0.8: (y + jb/2)/0.64, -y/0.8 both ways, y + jb/2 (the shunt is inside the tap).
        let y = branch(0.8, 0.0);
        assert!(close(y.from_from, 0.0, -9.98 / 0.64), "{y:?}");
        assert!(close(y.from_to, 0.0, 12.5) && y.from_to == y.to_from, "{y:?}");
        assert!(close(y.to_to, 0.0, -9.98), "{y:?}");
    }

    #[test]
    fn only_a_phase_shift_breaks_reciprocity() {
        let y = branch(1.0, 30.0);
        // -y / e^{-j30} = j10 e^{j30} = -5 + j8.66, and its mirror.
        let cos = 10.0 * (3.0f64.sqrt() / 2.0);
        assert!(close(y.from_to, -5.0, cos) && close(y.to_from, 5.0, cos), "{y:?}");
        assert_eq!(branch(1.1, 0.0).from_to, branch(1.1, 0.0).to_from);
    }
}
