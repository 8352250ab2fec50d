//! Ice from freezing rain, and what it weighs.
//!
//! Source: K. F. Jones, "A simple model for freezing rain ice loads", Atmospheric Research 46, 1998.

use super::fragility::Curve;

/// Density of glaze and of water, g/cm3.
const ICE_G_CM3: f64 = 0.9;
const WATER_G_CM3: f64 = 1.0;

/// Thickness that an hour adds all round, mm: rain in mm/h, wind in m/s.
pub fn hourly_mm(rain_mm_h: f64, wind_m_s: f64) -> f64 {
    // Liquid water in the air, g/m3 (A. C. Best, 1949).
    let water = 0.067 * libm::pow(rain_mm_h, 0.846);
    libm::hypot(rain_mm_h * WATER_G_CM3, 3.6 * wind_m_s * water) / (ICE_G_CM3 * std::f64::consts::PI)
}

/// Mass of a sleeve of ice on a conductor, kg/m: both in mm.
pub fn mass_kg_m(thickness_mm: f64, diameter_mm: f64) -> f64 {
    1e-3 * ICE_G_CM3 * std::f64::consts::PI * thickness_mm * (thickness_mm + diameter_mm)
}

/// Probability that five kilometres of a line break, from so many millimetres on. An assumption, not a measurement: a table by
/// thickness that stands until a utility has a better one.
pub const BREAKS: Curve = Curve::Steps(&[(10.0, 0.02), (20.0, 0.1), (30.0, 0.3), (40.0, 0.6)]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thicknesses_and_masses_are_those_of_jones() {
        for (rain, wind, hours, mm) in [
            (1.0, 0.0, 10.0, 3.537),
            (1.0, 5.0, 10.0, 5.541),
            (2.0, 5.0, 6.0, 6.259),
            (2.0, 10.0, 6.0, 10.132),
            (5.0, 5.0, 6.0, 14.571),
        ] {
            let ours = hours * hourly_mm(rain, wind);
            assert!((ours - mm).abs() < 5e-4, "{ours} against {mm}");
        }
        assert!((mass_kg_m(12.7, 28.14) - 1.466).abs() < 2e-3, "{}", mass_kg_m(12.7, 28.14));
        assert_eq!((BREAKS.fails(9.9), BREAKS.fails(10.0), BREAKS.fails(50.0)), (0.0, 0.02, 0.6));
        assert_eq!(
            (BREAKS.withstands(0.01), BREAKS.withstands(0.1), BREAKS.withstands(0.7)),
            (Some(10.0), Some(30.0), None)
        );
    }
}
