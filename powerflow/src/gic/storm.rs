//! The benchmark storm of NERC TPL-007-4: its peak field by latitude and ground.

/// A region's ground, by what it makes of the benchmark field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarthModel {
    /// Name of the model.
    pub name: &'static str,
    /// Peak field against that over the reference ground of Quebec.
    pub beta: f64,
}

const fn model(name: &'static str, beta: f64) -> EarthModel {
    EarthModel { name, beta }
}

/// Scaling factors of the US Geological Survey's one-dimensional earth models and of Canadian regions, benchmark event.
///
/// Source: NERC TPL-007-4, attachment 1, table 3, as recalled in the project's own specification and not read again:
/// compare with the standard before a compliance study.
pub const EARTH_MODELS: [EarthModel; 26] = [
    model("AK1A", 0.56),
    model("AK1B", 0.56),
    model("AP1", 0.33),
    model("AP2", 0.82),
    model("BR1", 0.22),
    model("CL1", 0.76),
    model("CO1", 0.27),
    model("CP1", 0.81),
    model("CP2", 0.95),
    model("CS1", 0.41),
    model("FL1", 0.76),
    model("IP1", 0.94),
    model("IP2", 0.28),
    model("IP3", 0.93),
    model("IP4", 0.41),
    model("NE1", 0.81),
    model("PB1", 0.62),
    model("PB2", 0.46),
    model("PT1", 1.17),
    model("SL1", 0.53),
    model("SU1", 0.93),
    model("BC", 0.67),
    model("PRAIRIES", 0.96),
    model("SHIELD", 1.0),
    model("ATLANTIC", 0.79),
    model("QUEBEC", 1.0),
];

/// Place of the geomagnetic north pole of the centred dipole in 2025, (latitude, longitude) in degrees.
///
/// Source: International Geomagnetic Reference Field, epoch 2025.
pub const POLE_2025: (f64, f64) = (80.79, -72.76);

/// Latitude from the dipole's equator, degrees, of a place (latitude, longitude) in degrees.
pub fn geomagnetic_latitude_deg(place: (f64, f64), pole: (f64, f64)) -> f64 {
    let (phi, phi_pole) = (place.0.to_radians(), pole.0.to_radians());
    let apart = (place.1 - pole.1).to_radians();
    let sin = libm::sin(phi) * libm::sin(phi_pole) + libm::cos(phi) * libm::cos(phi_pole) * libm::cos(apart);
    libm::asin(sin.clamp(-1.0, 1.0)).to_degrees()
}

/// The share of the benchmark field at a geomagnetic latitude, degrees: alpha, between 0.1 and 1.
///
/// Source: NERC TPL-007-4, attachment 1, equation 2.
pub fn latitude_factor(geomagnetic_latitude_deg: f64) -> f64 {
    (0.001 * libm::exp(0.115 * geomagnetic_latitude_deg.abs())).clamp(0.1, 1.0)
}

/// Peak of the benchmark event, V/km: `8 alpha beta`.
///
/// Source: NERC TPL-007-4, attachment 1, equation 1.
pub fn benchmark_peak_v_per_km(geomagnetic_latitude_deg: f64, beta: f64) -> f64 {
    8.0 * latitude_factor(geomagnetic_latitude_deg) * beta
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The points of the standard, and those at which it rounds.
    #[test]
    fn alpha_by_latitude() {
        for (latitude, alpha) in
            [(45.0, 0.177), (50.0, 0.314), (54.0, 0.498), (60.07, 1.0), (75.0, 1.0), (10.0, 0.1)]
        {
            assert!((latitude_factor(latitude) - alpha).abs() < 6e-4, "{latitude}");
            assert_eq!(latitude_factor(latitude), latitude_factor(-latitude));
        }
        assert_eq!(benchmark_peak_v_per_km(70.0, 0.81), 8.0 * 0.81);
    }

    #[test]
    fn latitudes_of_cities() {
        for (place, expected) in [((39.95, -75.17), 49.2), ((47.61, -122.33), 53.0), ((61.22, -149.90), 61.9)]
        {
            let ours = geomagnetic_latitude_deg(place, POLE_2025);
            assert!((ours - expected).abs() < 0.3, "{place:?}: {ours}");
        }
        assert!((geomagnetic_latitude_deg(POLE_2025, POLE_2025) - 90.0).abs() < 1e-5);
    }
}
