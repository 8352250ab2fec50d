//! Where the sun stands, and what of its heat reaches a conductor. Source: IEEE Std 738, clause on solar heat gain.

use super::Conductor;

/// How clear the air is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atmosphere {
    /// Clear.
    Clear,
    /// Over industry.
    Industrial,
}

impl Atmosphere {
    /// Coefficients of the sun's heat at sea level, W/m2, by powers of its altitude in degrees.
    fn coefficients(self) -> [f64; 7] {
        match self {
            Atmosphere::Clear => {
                [-42.2391, 63.8044, -1.9220, 3.46921e-2, -3.61118e-4, 1.94318e-6, -4.07608e-9]
            }
            Atmosphere::Industrial => {
                [53.1821, 14.2110, 0.66138, -3.1658e-2, 5.4654e-4, -4.3446e-6, 1.3236e-8]
            }
        }
    }
}

/// Where and when a line runs, as the sun sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Latitude, degrees, north positive.
    pub latitude_deg: f64,
    /// Day of the year, 1 to 366.
    pub day: u16,
    /// Solar time, hours.
    pub hour: f64,
    /// Azimuth of the line, degrees clockwise from north.
    pub line_azimuth_deg: f64,
    /// How clear the air is.
    pub atmosphere: Atmosphere,
}

/// Where the sun stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SunPosition {
    /// Declination, degrees.
    pub declination_deg: f64,
    /// Height above the horizon, degrees; negative at night.
    pub altitude_deg: f64,
    /// Azimuth, degrees clockwise from north.
    pub azimuth_deg: f64,
}

impl Place {
    /// The standard's worked example: 30 degrees north, 10 June, eleven o'clock, a line from west to east in clear air.
    pub const EXAMPLE: Place = Place {
        latitude_deg: 30.0,
        day: 161,
        hour: 11.0,
        line_azimuth_deg: 90.0,
        atmosphere: Atmosphere::Clear,
    };

    /// Where the sun stands.
    pub fn sun(&self) -> SunPosition {
        let latitude = self.latitude_deg.to_radians();
        let declination_deg = 23.46 * libm::sin((360.0 * (284.0 + f64::from(self.day)) / 365.0).to_radians());
        let declination = declination_deg.to_radians();
        let hour_angle = (15.0 * (self.hour - 12.0)).to_radians();
        let (sin_l, cos_l) = (libm::sin(latitude), libm::cos(latitude));
        let (sin_d, cos_d) = (libm::sin(declination), libm::cos(declination));
        let (sin_w, cos_w) = (libm::sin(hour_angle), libm::cos(hour_angle));
        let altitude_deg = libm::asin(cos_l * cos_d * cos_w + sin_l * sin_d).to_degrees();
        // The two-argument arc tangent does what the standard's table of constants does for its one-argument form.
        let azimuth = libm::atan2(sin_w, sin_l * cos_w - cos_l * sin_d / cos_d).to_degrees() + 180.0;
        SunPosition { declination_deg, altitude_deg, azimuth_deg: azimuth % 360.0 }
    }

    /// Heat of the sun at this place and height, W/m2 across its rays; zero at night.
    pub fn irradiance_w_m2(&self, elevation_m: f64) -> f64 {
        let altitude = self.sun().altitude_deg;
        if altitude <= 0.0 {
            return 0.0;
        }
        let coefficients = self.atmosphere.coefficients();
        let at_sea = coefficients.iter().rev().fold(0.0f64, |sum, c| sum.mul_add(altitude, *c));
        let height = 1.0 + 1.148e-4 * elevation_m - 1.108e-8 * elevation_m * elevation_m;
        (at_sea * height).max(0.0)
    }

    /// Angle between the rays and the line, degrees.
    pub fn incidence_deg(&self) -> f64 {
        let sun = self.sun();
        let turn = (sun.azimuth_deg - self.line_azimuth_deg).to_radians();
        libm::acos(libm::cos(sun.altitude_deg.to_radians()) * libm::cos(turn)).to_degrees()
    }

    /// Heat that a conductor takes up, W/m.
    pub(super) fn heat_w_m(&self, conductor: &Conductor, elevation_m: f64) -> f64 {
        let across = libm::sin(self.incidence_deg().to_radians());
        conductor.absorptivity * self.irradiance_w_m2(elevation_m) * across * (conductor.diameter_mm / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(what: &str, ours: f64, theirs: f64, allowed: f64) {
        assert!((ours - theirs).abs() <= allowed, "{what}: {ours} against {theirs}");
    }

    #[test]
    fn the_sun_of_the_worked_example() {
        let sun = Place::EXAMPLE.sun();
        close("declination", sun.declination_deg, 23.02, 0.005);
        close("altitude", sun.altitude_deg, 74.89, 0.005);
        close("azimuth", sun.azimuth_deg, 113.95, 0.05);
        close("incidence", Place::EXAMPLE.incidence_deg(), 76.22, 0.05);
        close("heat", Place::EXAMPLE.irradiance_w_m2(0.0), 1027.3, 0.1);
    }

    /// It rises in the east, stands in the south at noon north of the tropics, and sets in the west; south of them in the north.
    #[test]
    fn the_sun_goes_its_way() {
        let at = |latitude_deg: f64, hour: f64| Place { latitude_deg, hour, ..Place::EXAMPLE };
        close("noon in the north", at(45.0, 12.0).sun().azimuth_deg, 180.0, 1e-9);
        let south = at(-45.0, 12.0).sun().azimuth_deg;
        close("noon in the south", south.min(360.0 - south), 0.0, 1e-9);
        assert!(at(45.0, 7.0).sun().azimuth_deg < 180.0 && at(45.0, 17.0).sun().azimuth_deg > 180.0);
        for hour in [1.0, 2.0, 5.0] {
            let (morning, evening) = (at(45.0, 12.0 - hour), at(45.0, 12.0 + hour));
            close("mirror", morning.sun().azimuth_deg + evening.sun().azimuth_deg, 360.0, 1e-9);
        }
        for atmosphere in [Atmosphere::Clear, Atmosphere::Industrial] {
            let night = Place { atmosphere, ..at(45.0, 0.0) };
            assert_eq!(night.irradiance_w_m2(0.0), 0.0);
        }
        let industrial = Place { atmosphere: Atmosphere::Industrial, ..Place::EXAMPLE };
        assert!(industrial.irradiance_w_m2(0.0) < Place::EXAMPLE.irradiance_w_m2(0.0));
    }
}
