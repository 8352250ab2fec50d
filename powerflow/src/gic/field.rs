//! The electric field along the surface of the earth.

/// Horizontal electric field, V/km.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GeoelectricField {
    /// Towards geographic north.
    pub north_v_per_km: f64,
    /// Towards geographic east.
    pub east_v_per_km: f64,
}

impl GeoelectricField {
    /// One volt per kilometre to the north.
    pub const NORTH: Self = Self { north_v_per_km: 1.0, east_v_per_km: 0.0 };
    /// One volt per kilometre to the east.
    pub const EAST: Self = Self { north_v_per_km: 0.0, east_v_per_km: 1.0 };

    /// From a magnitude, V/km, and an azimuth, degrees clockwise from north. The four points of the compass are exact.
    pub fn from_azimuth(magnitude_v_per_km: f64, azimuth_deg: f64) -> Self {
        let (sin, cos) = match azimuth_deg.rem_euclid(360.0) {
            0.0 => (0.0, 1.0),
            90.0 => (1.0, 0.0),
            180.0 => (0.0, -1.0),
            270.0 => (-1.0, 0.0),
            azimuth => (libm::sin(azimuth.to_radians()), libm::cos(azimuth.to_radians())),
        };
        Self { north_v_per_km: magnitude_v_per_km * cos, east_v_per_km: magnitude_v_per_km * sin }
    }

    /// V/km.
    pub fn magnitude_v_per_km(self) -> f64 {
        libm::hypot(self.north_v_per_km, self.east_v_per_km)
    }

    /// Degrees clockwise from north, in [0, 360); 0 where there is no field.
    pub fn azimuth_deg(self) -> f64 {
        libm::atan2(self.east_v_per_km, self.north_v_per_km).to_degrees().rem_euclid(360.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn azimuths_turn_clockwise_from_north() {
        assert_eq!(
            GeoelectricField::from_azimuth(2.0, -270.0),
            GeoelectricField { north_v_per_km: 0.0, east_v_per_km: 2.0 }
        );
        assert_eq!(GeoelectricField::from_azimuth(1.0, 180.0).north_v_per_km, -1.0);
        let oblique = GeoelectricField::from_azimuth(2.0, 30.0);
        assert!((oblique.north_v_per_km - libm::sqrt(3.0)).abs() < 1e-15);
        assert!((oblique.east_v_per_km - 1.0).abs() < 1e-15);
        assert!(
            (oblique.azimuth_deg() - 30.0).abs() < 1e-12
                && (oblique.magnitude_v_per_km() - 2.0).abs() < 1e-15
        );
    }
}
