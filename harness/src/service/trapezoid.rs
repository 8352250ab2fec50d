//! The resilience trapezoid: how fast a level falls, how low, how long it stays there, and how promptly it is back.

/// The numbers of one course.
///
/// Source: M. Panteli, D. N. Trakas, P. Mancarella, N. D. Hatziargyriou, "Power systems resilience assessment: hardening and smart
/// operational enhancement strategies", Proceedings of the IEEE 105(7), 2017; there the fall is a negative slope.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trapezoid {
    /// Phi, the mean speed of the fall, level per hour; `None` where nothing falls, or all of it at once.
    pub fall_per_h: Option<f64>,
    /// Lambda, how far it falls, in units of the level.
    pub depth: f64,
    /// E, hours from the first moment at the lowest level to the last; to the end where it never leaves it.
    pub low_h: f64,
    /// Pi, the mean speed of the recovery up to the highest level that follows, level per hour; `None` where there is none, or all of it at
    /// once.
    pub recovery_per_h: Option<f64>,
    /// What was missing to the level of the beginning, level times hours.
    pub lost_h: f64,
}

impl Trapezoid {
    /// Of the corners of a course, hours and level, moments ascending; `None` without any.
    pub fn of(corners: &[(f64, f64)]) -> Option<Self> {
        let (_, before) = *corners.first()?;
        let lowest = corners.iter().fold(before, |lowest, corner| lowest.min(corner.1));
        let lost_h = corners
            .windows(2)
            .map(|pair| (pair[1].0 - pair[0].0) * (before - 0.5 * (pair[0].1 + pair[1].1)))
            .sum();
        let depth = before - lowest;
        if depth <= 0.0 {
            return Some(Trapezoid {
                fall_per_h: None,
                depth: 0.0,
                low_h: 0.0,
                recovery_per_h: None,
                lost_h,
            });
        }
        let first = corners.iter().position(|corner| corner.1 == lowest)?;
        let last = corners.iter().rposition(|corner| corner.1 == lowest)?;
        let falls = corners.iter().position(|corner| corner.1 < before)?.saturating_sub(1);
        let speed = |by: f64, from: usize, to: usize| {
            let hours = corners[to].0 - corners[from].0;
            (hours > 0.0).then(|| by / hours)
        };
        let after = corners[last..].iter().fold(lowest, |highest, corner| highest.max(corner.1));
        let back = last + corners[last..].iter().position(|corner| corner.1 == after)?;
        Some(Trapezoid {
            fall_per_h: speed(depth, falls, first),
            depth,
            low_h: corners[last].0 - corners[first].0,
            recovery_per_h: speed(after - lowest, last, back),
            lost_h,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of storms.md 8: 100 MW fall to 40 over 5 h, stay for 10 h, and are back over 20 h.
    #[test]
    fn the_numbers_are_those_of_the_worked_example() {
        let trapezoid =
            Trapezoid::of(&[(0.0, 100.0), (2.0, 100.0), (7.0, 40.0), (17.0, 40.0), (37.0, 100.0)]);
        let expected = Trapezoid {
            fall_per_h: Some(12.0),
            depth: 60.0,
            low_h: 10.0,
            recovery_per_h: Some(3.0),
            lost_h: 150.0 + 600.0 + 600.0,
        };
        assert_eq!(trapezoid, Some(expected));
    }

    #[test]
    fn what_jumps_has_no_speed_and_what_never_returns_is_low_to_the_end() {
        let jump =
            Trapezoid::of(&[(0.0, 10.0), (1.0, 10.0), (1.0, 4.0), (3.0, 4.0), (3.0, 10.0), (5.0, 10.0)]);
        let jump = jump.expect("corners");
        assert_eq!((jump.fall_per_h, jump.recovery_per_h), (None, None));
        assert_eq!((jump.depth, jump.low_h, jump.lost_h), (6.0, 2.0, 12.0));
        let lost = Trapezoid::of(&[(0.0, 10.0), (1.0, 10.0), (2.0, 4.0), (9.0, 4.0)]).expect("corners");
        assert_eq!((lost.low_h, lost.recovery_per_h, lost.fall_per_h), (7.0, None, Some(6.0)));
        let calm = Trapezoid::of(&[(0.0, 10.0), (9.0, 10.0)]).expect("corners");
        assert_eq!((calm.depth, calm.low_h, calm.lost_h, calm.fall_per_h), (0.0, 0.0, 0.0, None));
        assert_eq!(Trapezoid::of(&[]), None);
    }
}
