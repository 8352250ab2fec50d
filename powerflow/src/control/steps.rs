//! What discrete controls share: how far a voltage is from its band, and the memory that keeps a position from hunting.

use crate::control::LeftReason;

/// How far below (positive) or above (negative) its band's middle a voltage is, pu; `None` inside the band.
pub(super) fn outside(voltage_pu: f64, (low, high): (f64, f64)) -> Option<f64> {
    // Rounding must not push a voltage off the edge of its band.
    const EDGE_PU: f64 = 1e-9;
    (voltage_pu < low - EDGE_PU || voltage_pu > high + EDGE_PU).then_some(0.5 * (low + high) - voltage_pu)
}

/// What one step must move its voltage by to have an effect, pu.
const EFFECT_PU: f64 = 1e-5;

/// What one discrete element has done so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// Last direction: -1, 0 or 1.
    direction: i8,
    reversals: u8,
    /// Change of the voltage per change of the value, by a power flow with this element alone one step away.
    pub(super) gain: Option<f64>,
    /// Why it does not move any more.
    pub(super) blocked: Option<LeftReason>,
    /// Why it did not move when it was last asked, though its voltage is outside the band.
    pub(super) stuck: Option<LeftReason>,
}

impl Memory {
    /// Takes what a probe of `change` did to the voltage; `guess` counts where the probe has no solution. An element without
    /// effect moves no more.
    pub(super) fn learn(&mut self, change: f64, voltage_change_pu: Option<f64>, guess: f64) {
        let moved_pu = voltage_change_pu.unwrap_or(guess * change);
        self.gain = Some(moved_pu / change);
        if moved_pu.abs() < EFFECT_PU {
            self.blocked = Some(LeftReason::NoEffect);
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
    fn an_element_without_effect_stops_and_one_without_a_solution_is_guessed() {
        let mut memory = Memory::default();
        memory.learn(0.00625, Some(1e-7), -1.0);
        assert_eq!(memory.blocked, Some(LeftReason::NoEffect));
        let mut memory = Memory::default();
        memory.learn(0.00625, Some(-0.005), -1.0);
        assert!((memory.gain.unwrap() + 0.8).abs() < 1e-12 && memory.blocked.is_none());
        memory.learn(0.00625, None, -1.0);
        assert_eq!(memory.gain, Some(-1.0));
    }
}
