//! Lengths on the ellipsoid, and the voltage that a field induces along a line.

use crate::gic::GeoelectricField;

/// Equatorial radius of WGS84, km.
const EQUATORIAL_KM: f64 = 6378.137;
/// Square of the first eccentricity of WGS84.
const ECCENTRICITY_SQUARED: f64 = 0.006_694_379_990_14;

/// Longest piece of a line over which a field that varies is taken as constant, km: a tenth of the patches of about 100 km over
/// which a local enhancement of a storm reaches (NERC TPL-007-4).
pub const SEGMENT_KM: f64 = 10.0;

/// How far one point lies to the north and to the east of another, km.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lengths {
    /// Northward, km.
    pub north_km: f64,
    /// Eastward, km.
    pub east_km: f64,
}

impl Lengths {
    /// From one place to another, each (latitude, longitude) in degrees: arcs of the meridian and of the parallel at the mean
    /// latitude, on WGS84. The shorter way around the earth is taken.
    ///
    /// Source: NERC, "Computing Geomagnetically-Induced Current in the Bulk-Power System", 2013, appendix I.
    pub fn between(from: (f64, f64), to: (f64, f64)) -> Self {
        let latitude = (0.5 * (from.0 + to.0)).to_radians();
        let sin = libm::sin(latitude);
        let flattened = 1.0 - ECCENTRICITY_SQUARED * sin * sin;
        let root = libm::sqrt(flattened);
        let meridian_km = EQUATORIAL_KM * (1.0 - ECCENTRICITY_SQUARED) / (flattened * root);
        let parallel_km = EQUATORIAL_KM / root * libm::cos(latitude);
        let east_deg = match to.1 - from.1 {
            // The remainder rounds; two ends at one place must be at one place.
            near if near.abs() <= 180.0 => near,
            far => (far + 180.0).rem_euclid(360.0) - 180.0,
        };
        Lengths {
            north_km: meridian_km * (to.0 - from.0).to_radians(),
            east_km: parallel_km * east_deg.to_radians(),
        }
    }

    /// Straight distance, km.
    pub fn distance_km(self) -> f64 {
        libm::hypot(self.north_km, self.east_km)
    }

    /// Voltage of a uniform field along these lengths, V; positive raises the potential from the first end to the second.
    pub fn voltage(self, field: GeoelectricField) -> f64 {
        field.north_v_per_km * self.north_km + field.east_v_per_km * self.east_km
    }
}

/// Voltage of a field that varies along a path of places, V: each straight stretch is cut into equal pieces of at most
/// [`SEGMENT_KM`], and each piece takes the field at its middle. `field` answers for (latitude, longitude) in degrees.
pub fn line_voltage(path: &[(f64, f64)], field: &dyn Fn(f64, f64) -> GeoelectricField) -> f64 {
    let mut sum = 0.0;
    for ends in path.windows(2) {
        let ((lat, lon), (lat_to, lon_to)) = (ends[0], ends[1]);
        let pieces = libm::ceil(Lengths::between(ends[0], ends[1]).distance_km() / SEGMENT_KM).max(1.0);
        let at = |share: f64| (lat + share * (lat_to - lat), lon + share * (lon_to - lon));
        for piece in 0..pieces as u32 {
            let piece = f64::from(piece);
            let middle = at((piece + 0.5) / pieces);
            sum += Lengths::between(at(piece / pieces), at((piece + 1.0) / pieces))
                .voltage(field(middle.0, middle.1));
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The series of NERC's guide, which is not the ellipsoid's own formula: they agree to 5e-5 (0.005 %).
    #[test]
    fn lengths_are_those_of_the_guide() {
        for (from, to) in [
            ((33.613499, -87.373673), (34.310437, -86.365765)),
            ((32.705087, -84.663397), (34.252248, -82.836301)),
            ((60.0, 20.0), (61.5, 17.0)),
        ] {
            let ours = Lengths::between(from, to);
            let latitude: f64 = 0.5 * (from.0 + to.0);
            let twice = libm::cos((2.0 * latitude).to_radians());
            let north = (111.133 - 0.56 * twice) * (to.0 - from.0);
            let east = (111.5065 - 0.1872 * twice) * libm::cos(latitude.to_radians()) * (to.1 - from.1);
            assert!((ours.north_km / north - 1.0).abs() < 5e-5, "{ours:?} {north}");
            assert!((ours.east_km / east - 1.0).abs() < 5e-5, "{ours:?} {east}");
        }
    }

    #[test]
    fn the_date_line_is_crossed_the_short_way() {
        let east = Lengths::between((50.0, 179.0), (50.0, -179.0)).east_km;
        assert!((east - Lengths::between((50.0, 10.0), (50.0, 12.0)).east_km).abs() < 1e-9);
        let back = Lengths::between((50.0, -179.0), (50.0, 179.0)).east_km;
        assert!((east + back).abs() < 1e-9);
    }

    /// The integral of a field that grows with latitude; its midpoint sum is exact for a straight line in latitude.
    #[test]
    fn a_field_that_varies_is_summed_along_the_line() {
        let field = |lat: f64, _: f64| GeoelectricField { north_v_per_km: lat - 50.0, east_v_per_km: 0.0 };
        let path = [(50.0, 10.0), (52.0, 10.0)];
        let expected = Lengths::between(path[0], path[1]).north_km;
        let ours = line_voltage(&path, &field);
        // A degree of the meridian is 2e-4 longer at one end than at the other.
        assert!((ours / expected - 1.0).abs() < 1e-3, "{ours} {expected}");
    }

    #[test]
    fn a_uniform_field_does_not_care_about_pieces() {
        let field = GeoelectricField { north_v_per_km: 0.7, east_v_per_km: -1.3 };
        let (from, to) = ((34.31, -86.36), (33.95, -84.67));
        let whole = Lengths::between(from, to).voltage(field);
        let pieces = line_voltage(&[from, to], &|_, _| field);
        // Mean latitudes of the pieces differ from that of the whole: second order in 0.36 degrees.
        assert!((whole - pieces).abs() < 1e-3 * whole.abs(), "{whole} {pieces}");
    }
}
