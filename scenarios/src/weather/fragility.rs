//! How likely the weather breaks an element: curves over the strongest strain of a storm, never over an hour's.

/// A curve from the strain on an element, of wind its speed, m/s, to the probability that it fails in the storm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curve {
    /// One hundredth below the critical wind, one from the collapse on, a straight line between.
    Line {
        /// Critical wind, m/s.
        critical_m_s: f64,
        /// Collapse, m/s.
        collapse_m_s: f64,
    },
    /// Lognormal.
    Lognormal {
        /// Wind at which half of them fail, m/s.
        median_m_s: f64,
        /// Standard deviation of the logarithm.
        beta: f64,
    },
    /// `scale exp(rate V)`, V in miles per hour, at most one.
    Exponential {
        /// At no wind.
        scale: f64,
        /// Per mile per hour.
        rate: f64,
    },
    /// From each strain on a probability: both rising.
    Steps(&'static [(f64, f64)]),
    /// The strain is the probability.
    Itself,
}

/// A curve with its name and source.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its name in suites.
    pub id: &'static str,
    /// For one of what.
    pub of: &'static str,
    /// The curve.
    pub curve: Curve,
    /// Where it is from.
    pub source: &'static str,
}

/// Every known curve. Those of whole lines and of single towers must not be mixed.
pub const KNOWN: &[Known] = &[
    Known {
        id: "line_gb",
        of: "line",
        curve: Curve::Line { critical_m_s: 30.0, collapse_m_s: 60.0 },
        source: "M. Panteli, P. Mancarella and others, IEEE Trans. Power Systems 32(6), 2017, critical and collapse wind; not re-read",
    },
    Known {
        id: "tower",
        of: "tower",
        curve: Curve::Lognormal { median_m_s: 81.54, beta: 0.2442 },
        source: "lognormal fit (error 0.006) to the tower curve in the open model of Bennett, Trevisan and others, 2021",
    },
    Known {
        id: "pole",
        of: "distribution pole",
        curve: Curve::Lognormal { median_m_s: 58.20, beta: 0.1949 },
        source: "lognormal fit (error 0.016) to the pole curve of the same model",
    },
    Known {
        id: "substation",
        of: "substation",
        curve: Curve::Lognormal { median_m_s: 62.68, beta: 0.1828 },
        source: "lognormal fit (error 0.06) to the substation curve of the same model",
    },
    Known {
        id: "structure_texas",
        of: "tower",
        curve: Curve::Exponential { scale: 2e-7, rate: 0.0834 },
        source: "Quanta Technology for the Public Utility Commission of Texas, 2009; not re-read",
    },
];

/// Metres per second in a mile per hour.
const MPH_M_S: f64 = 0.44704;

impl Curve {
    /// Probability of failure in a storm whose strongest strain here is this: wind, m/s, but for the last two.
    pub fn fails(self, wind_m_s: f64) -> f64 {
        match self {
            Curve::Line { critical_m_s, collapse_m_s } => {
                ((wind_m_s - critical_m_s) / (collapse_m_s - critical_m_s)).clamp(0.01, 1.0)
            }
            Curve::Lognormal { .. } if wind_m_s <= 0.0 => 0.0,
            Curve::Lognormal { median_m_s, beta } => {
                let z = libm::log(wind_m_s / median_m_s) / beta;
                0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
            }
            Curve::Exponential { scale, rate } => (scale * libm::exp(rate * wind_m_s / MPH_M_S)).min(1.0),
            Curve::Steps(steps) => {
                steps.iter().take_while(|(from, _)| *from <= wind_m_s).last().map_or(0.0, |step| step.1)
            }
            Curve::Itself => wind_m_s.clamp(0.0, 1.0),
        }
    }
}

impl Curve {
    /// The least strain whose probability is above `luck`: zero where it fails without any, `None` where none suffices.
    pub fn withstands(self, luck: f64) -> Option<f64> {
        if luck < self.fails(0.0) {
            return Some(0.0);
        }
        let wind = match self {
            Curve::Line { critical_m_s, collapse_m_s } => {
                (collapse_m_s - critical_m_s).mul_add(luck, critical_m_s)
            }
            Curve::Lognormal { median_m_s, beta } => {
                median_m_s * libm::exp(beta * crate::draw::normal_quantile(luck))
            }
            Curve::Exponential { scale, rate } => libm::log(luck / scale) / rate * MPH_M_S,
            Curve::Steps(steps) => steps.iter().find(|(_, fails)| *fails > luck)?.0,
            Curve::Itself => luck,
        };
        wind.is_finite().then_some(wind)
    }
}

/// Probability that at least one of `count` independent parts fails.
pub fn any_of(fails: f64, count: f64) -> f64 {
    -libm::expm1(count * libm::log1p(-fails.min(1.0)))
}

/// Probability that an element which has stood so far fails now that the wind here reaches `now`, where `before` was the
/// strongest: over a whole storm the steps together fail exactly as the strongest wind says.
pub fn step(curve: Curve, before_m_s: f64, now_m_s: f64) -> f64 {
    if now_m_s <= before_m_s {
        return 0.0;
    }
    let (before, now) = (curve.fails(before_m_s), curve.fails(now_m_s));
    if before >= 1.0 { 0.0 } else { (now - before) / (1.0 - before) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(id: &str) -> Curve {
        KNOWN.iter().find(|known| known.id == id).expect("a curve").curve
    }

    #[test]
    fn fits_are_as_close_to_their_points_as_they_say() {
        let close = |id: &str, allowed: f64, points: &[(f64, f64)]| {
            for (wind, share) in points {
                let ours = known(id).fails(*wind);
                assert!((ours - share).abs() <= allowed, "{id} at {wind} m/s: {ours} against {share}");
            }
        };
        close(
            "tower",
            0.0065,
            &[
                (45.0, 0.0031),
                (50.0, 0.0170),
                (55.0, 0.0502),
                (60.0, 0.1053),
                (70.0, 0.2684),
                (80.0, 0.4693),
                (90.0, 0.6539),
                (100.0, 0.7979),
            ],
        );
        close("pole", 0.0165, &[(40.0, 0.0286), (50.0, 0.2219), (60.0, 0.5602), (70.0, 0.8238)]);
        close("substation", 0.065, &[(50.0, 0.1327), (60.0, 0.3820), (70.0, 0.7401), (80.0, 0.9047)]);
        assert_eq!((known("line_gb").fails(20.0), known("line_gb").fails(60.0)), (0.01, 1.0));
        assert!((known("line_gb").fails(45.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn what_an_element_withstands_is_where_its_luck_ends() {
        for known in KNOWN {
            for luck in [0.02, 0.3, 0.7, 0.99] {
                let wind = known.curve.withstands(luck).expect("some wind");
                assert!((known.curve.fails(wind) - luck).abs() < 1e-9, "{} {luck}", known.id);
            }
        }
        assert_eq!(known("line_gb").withstands(0.005), Some(0.0));
        assert_eq!(known("tower").withstands(1.0), None);
    }

    /// A hundred towers of the published points.
    #[test]
    fn a_line_of_towers_fails_when_any_does() {
        for (tower, line) in [(0.0031, 0.270), (0.0170, 0.821), (0.0502, 0.994)] {
            // The published points have four digits, and a hundred of them multiply their rounding.
            assert!((any_of(tower, 100.0) - line).abs() < 4e-3, "{}", any_of(tower, 100.0));
        }
    }

    /// The commonest error is to apply the curve every hour.
    #[test]
    fn the_steps_of_a_storm_fail_together_as_its_peak_does() {
        let winds = [12.0, 31.0, 28.0, 44.0, 52.0, 52.0, 39.0, 58.0, 20.0];
        for known in KNOWN {
            let (mut stands, mut strongest) = (1.0 - known.curve.fails(0.0), 0.0f64);
            for wind in winds {
                stands *= 1.0 - step(known.curve, strongest, wind);
                strongest = strongest.max(wind);
            }
            let fails = known.curve.fails(58.0);
            assert!((1.0 - stands - fails).abs() < 1e-12, "{}: {} against {fails}", known.id, 1.0 - stands);
        }
    }
}
