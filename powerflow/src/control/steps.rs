//! What discrete controls share: how far a voltage is from its band, and the memory that keeps a position from hunting.

use crate::control::LeftReason;

/// How far below (positive) or above (negative) its band's middle a voltage is, pu; `None` inside the band.
pub(super) fn outside(voltage_pu: f64, (low, high): (f64, f64)) -> Option<f64> {
    // Rounding must not push a voltage off the edge of its band.
    const EDGE_PU: f64 = 1e-9;
    (voltage_pu < low - EDGE_PU || voltage_pu > high + EDGE_PU).then_some(0.5 * (low + high) - voltage_pu)
}

/// What one discrete element has done so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// Last direction: -1, 0 or 1.
    direction: i8,
    reversals: u8,
    /// Value and voltage before its last move.
    before: Option<(f64, f64)>,
    /// Observed change of the voltage per change of the value.
    pub(super) gain: Option<f64>,
    /// Why it does not move any more.
    pub(super) blocked: Option<LeftReason>,
    /// Why it did not move when it was last asked, though its voltage is outside the band.
    pub(super) stuck: Option<LeftReason>,
}

impl Memory {
    /// Learns from the last move what the voltage does, where that lies between two believable gains (other elements move
    /// at the same time).
    pub(super) fn learn(&mut self, value: f64, voltage_pu: f64, believable: (f64, f64)) {
        let Some((value_before, voltage_before)) = self.before else { return };
        if value == value_before {
            return;
        }
        self.before = None;
        let gain = (voltage_pu - voltage_before) / (value - value_before);
        if gain > believable.0 && gain < believable.1 {
            self.gain = Some(gain);
        }
    }

    /// Whether it may move in this direction. Turning back too often blocks it for good.
    pub(super) fn may_move(&mut self, direction: i8, reversals_max: u8) -> bool {
        if self.direction != 0 && direction != self.direction {
            if self.reversals >= reversals_max {
                self.blocked = Some(LeftReason::NoPosition);
                return false;
            }
            self.reversals += 1;
        }
        self.direction = direction;
        true
    }

    /// Remembers where it is about to move from.
    pub(super) fn leaves(&mut self, value: f64, voltage_pu: f64) {
        self.before = Some((value, voltage_pu));
    }

    /// Why it is where it is, if its control is not content with that.
    pub(super) fn left(&self) -> Option<LeftReason> {
        self.stuck.map(|stuck| self.blocked.unwrap_or(stuck))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voltage_in_its_band_asks_for_nothing_and_outside_it_for_the_middle() {
        assert_eq!(outside(1.0, (0.98, 1.02)), None);
        assert_eq!(outside(1.02, (0.98, 1.02)), None);
        assert!((outside(1.05, (0.98, 1.02)).unwrap() + 0.05).abs() < 1e-15);
        assert!((outside(0.95, (0.98, 1.02)).unwrap() - 0.05).abs() < 1e-15);
    }

    #[test]
    fn an_element_turns_back_a_bounded_number_of_times() {
        let mut memory = Memory::default();
        let turns = [1, -1, 1, -1].map(|direction| memory.may_move(direction, 2));
        assert_eq!(turns, [true, true, true, false]);
        assert_eq!(memory.blocked, Some(LeftReason::NoPosition));
    }

    #[test]
    fn a_gain_of_the_wrong_sign_is_not_believed() {
        let mut memory = Memory::default();
        memory.leaves(1.0, 0.95);
        memory.learn(0.99, 0.94, (-3.0, -0.02));
        assert_eq!(memory.gain, None);
        memory.leaves(0.99, 0.94);
        memory.learn(0.98, 0.945, (-3.0, -0.02));
        assert!((memory.gain.unwrap() + 0.5).abs() < 1e-9);
    }
}
