//! A wind storm of the middle latitudes: a bump of gusts, Gaussian along its way and across it, that moves over the country.

use super::damage::Strain;
use super::geography::{Point, Way};

/// A front.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Front {
    /// Strongest gust, three seconds at 10 m, m/s.
    pub peak_m_s: f64,
    /// Standard deviation along its way, km.
    pub width_km: f64,
    /// Standard deviation across its way, km.
    pub length_km: f64,
    /// The way of its core; its crest passes the middle of the map when the way does.
    pub way: Way,
}

impl Front {
    /// The gusts at a point.
    pub fn at(&self, point: Point) -> Strain {
        let (ahead_km, right_km) = self.way.beside(point);
        let deviations = right_km / self.length_km;
        Strain::Bump {
            peak: self.peak_m_s * libm::exp(-0.5 * deviations * deviations),
            crest_s: self.way.passes_at_s + 1000.0 * ahead_km / self.way.speed_m_s,
            width_s: 1000.0 * self.width_km / self.way.speed_m_s,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_and_goes() {
        let front = Front {
            peak_m_s: 40.0,
            width_km: 100.0,
            length_km: 200.0,
            way: Way { speed_m_s: 20.0, heading_deg: 90.0, offset_km: 0.0, passes_at_s: 3600.0 },
        };
        let at = |front: &Front, x_km: f64, y_km: f64| front.at(Point { x_km, y_km });
        assert_eq!(at(&front, 0.0, 0.0).peak(), (40.0, 3600.0));
        // 72 km further on an hour later; half a deviation away in time or space exp(-1/8).
        let (peak_m_s, crest_s) = at(&front, 72.0, 0.0).peak();
        assert!((peak_m_s - 40.0).abs() < 1e-9 && (crest_s - 7200.0).abs() < 1e-6);
        let (from_s, until_s) = at(&front, 0.0, 0.0).above(40.0 * libm::exp(-0.125)).expect("it gets there");
        assert!((from_s - 1100.0).abs() < 1e-6 && (until_s - 6100.0).abs() < 1e-6, "{from_s} {until_s}");
        assert!((at(&front, 0.0, 100.0).peak().0 - 40.0 * libm::exp(-0.125)).abs() < 1e-9);
        assert!(at(&front, 0.0, 0.0).above(40.5).is_none());
        // It goes to the east: its right is the south.
        let south = Front { way: Way { offset_km: 200.0, ..front.way }, ..front };
        assert!((at(&south, 0.0, -200.0).peak().0 - 40.0).abs() < 1e-9);
    }
}
