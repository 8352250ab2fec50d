//! Ice from freezing rain, and what it weighs.
//!
//! Source: K. F. Jones, "A simple model for freezing rain ice loads", Atmospheric Research 46, 1998.

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

/// Probability that five kilometres of a line break under so much ice. An assumption, not a measurement: a table by thickness
/// that stands until a utility has a better one.
pub fn breaks(thickness_mm: f64) -> f64 {
    match thickness_mm {
        mm if mm < 10.0 => 0.0,
        mm if mm < 20.0 => 0.02,
        mm if mm < 30.0 => 0.1,
        mm if mm <= 40.0 => 0.3,
        _ => 0.6,
    }
}

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
        assert_eq!((breaks(9.9), breaks(10.0), breaks(50.0)), (0.0, 0.02, 0.6));
    }
}
