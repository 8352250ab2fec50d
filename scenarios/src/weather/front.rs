//! A wind storm of the middle latitudes: a bump of gusts, Gaussian along its way and across it, that moves over the country.

use super::geography::Point;

/// A front.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Front {
    /// Strongest gust, three seconds at 10 m, m/s.
    pub peak_m_s: f64,
    /// Standard deviation along its way, km.
    pub width_km: f64,
    /// Standard deviation across its way, km.
    pub length_km: f64,
    /// How far to the right of the middle of the map its core passes, km.
    pub offset_km: f64,
    /// Speed, m/s.
    pub speed_m_s: f64,
    /// Where it moves to, degrees clockwise from north.
    pub heading_deg: f64,
    /// When its crest passes the middle of the map, s.
    pub passes_at_s: f64,
}

impl Front {
    /// Gust at a point and time, m/s.
    pub fn gust_m_s(&self, point: Point, time_s: f64) -> f64 {
        let (peak_m_s, crest_s) = self.peak(point);
        let deviations = self.speed_m_s * (time_s - crest_s) / (1000.0 * self.width_km);
        peak_m_s * libm::exp(-0.5 * deviations * deviations)
    }

    /// The strongest gust that a point sees, m/s, and when, s.
    pub fn peak(&self, point: Point) -> (f64, f64) {
        let heading = self.heading_deg.to_radians();
        let (sin, cos) = (libm::sin(heading), libm::cos(heading));
        let (ahead_km, right_km) = (point.x_km * sin + point.y_km * cos, point.x_km * cos - point.y_km * sin);
        let deviations = (right_km - self.offset_km) / self.length_km;
        let crest_s = self.passes_at_s + 1000.0 * ahead_km / self.speed_m_s;
        (self.peak_m_s * libm::exp(-0.5 * deviations * deviations), crest_s)
    }

    /// When the gust at a point first reaches so much, and when it is below it again, s; `None` where it never does.
    pub fn above(&self, point: Point, gust_m_s: f64) -> Option<(f64, f64)> {
        let (peak_m_s, crest_s) = self.peak(point);
        if !(gust_m_s <= peak_m_s) || gust_m_s <= 0.0 {
            return None;
        }
        let deviations = (2.0 * libm::log(peak_m_s / gust_m_s)).sqrt();
        let half_s = 1000.0 * deviations * self.width_km / self.speed_m_s;
        Some((crest_s - half_s, crest_s + half_s))
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
            offset_km: 0.0,
            speed_m_s: 20.0,
            heading_deg: 90.0,
            passes_at_s: 3600.0,
        };
        let at = |x_km: f64, time_s: f64| front.gust_m_s(Point { x_km, y_km: 0.0 }, time_s);
        assert!((at(0.0, 3600.0) - 40.0).abs() < 1e-12);
        // 72 km further on an hour later, and half a deviation away exp(-1/8).
        assert!((at(72.0, 7200.0) - 40.0).abs() < 1e-9);
        assert!((at(50.0, 3600.0) - 40.0 * libm::exp(-0.125)).abs() < 1e-9);
        assert!(at(0.0, 3600.0 + 50_000.0) < 1e-6);
        // It goes to the east: its right is the south.
        let south = Front { offset_km: 200.0, ..front };
        let (peak_m_s, _) = south.peak(Point { x_km: 0.0, y_km: -200.0 });
        assert!((peak_m_s - 40.0).abs() < 1e-9);
        let (from_s, until_s) = front.above(Point::default(), 30.0).expect("it gets there");
        assert!((at(0.0, from_s) - 30.0).abs() < 1e-9 && (at(0.0, until_s) - 30.0).abs() < 1e-9);
        assert!(from_s < 3600.0 && 3600.0 < until_s && front.above(Point::default(), 40.5).is_none());
    }
}
