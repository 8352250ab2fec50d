//! The wind of a tropical cyclone.
//!
//! ```text
//! p(r) = p_c + dp exp(-(R_m / r)^B)
//! V_g(r) = sqrt((B / rho) (R_m / r)^B dp exp(-(R_m / r)^B) + (r f / 2)^2) - r |f| / 2,   f = 2 omega sin(latitude)
//! ```
//!
//! Source: G. J. Holland, "An Analytic Model of the Wind and Pressure Profiles in Hurricanes", Monthly Weather Review 108(8), 1980.
//! Decay over land: J. Kaplan, M. DeMaria, Journal of Applied Meteorology 34(11), 1995. Factors from gradient wind to the wind
//! near the ground: B. A. Harper, J. D. Kepert, J. D. Ginger, WMO/TD-No. 1555, 2010, as quoted in the field; not re-read.

use super::damage::Strain;
use super::geography::{Point, Way};

/// Density of the air, kg/m3.
const AIR_KG_M3: f64 = 1.15;
/// Rotation of the earth, rad/s.
const OMEGA: f64 = 7.2921e-5;
/// Pressure far from any storm, hPa.
const FAR_HPA: f64 = 1013.0;
/// Metres per second in a knot.
const KNOT_M_S: f64 = 0.514444;
/// Holland's B outside this range is no hurricane's.
const B_RANGE: (f64, f64) = (1.0, 2.5);
/// The wind near the ground blows so far inwards of the circle, degrees.
const INFLOW_DEG: f64 = 20.0;

/// A hurricane at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hurricane {
    /// Central pressure, hPa.
    pub central_hpa: f64,
    /// Pressure far away less that of the centre, hPa.
    pub deficit_hpa: f64,
    /// Radius of the strongest wind, km.
    pub radius_km: f64,
    /// Holland's B.
    pub b: f64,
    /// Latitude of the centre, degrees.
    pub latitude_deg: f64,
}

/// Over what the wind blows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// The sea.
    Sea,
    /// The coast.
    Coast,
    /// Rough land.
    Inland,
}

impl Surface {
    /// One-minute wind 10 m above it, as a share of the gradient wind.
    pub fn of_gradient(self) -> f64 {
        match self {
            Surface::Sea => 0.9,
            Surface::Coast => 0.8,
            Surface::Inland => 0.7,
        }
    }

    /// Three-second gust as a multiple of the ten-minute mean.
    pub fn gust(self) -> f64 {
        match self {
            Surface::Sea => 1.3,
            Surface::Coast => 1.5,
            Surface::Inland => 1.6,
        }
    }
}

/// Ten-minute mean as a share of the one-minute wind, at sea.
pub const TEN_MINUTES_OF_ONE: f64 = 0.93;

/// Strongest one-minute winds, m/s, of hurricanes of the categories 1 to 5: within each class of the Saffir-Simpson scale.
pub const CATEGORIES_M_S: [f64; 5] = [37.0, 46.0, 54.0, 64.0, 72.0];

/// Holland's B of a storm with this strongest gradient wind, m/s, and pressure deficit, hPa.
pub fn b_of_wind(strongest_m_s: f64, deficit_hpa: f64) -> f64 {
    let b = AIR_KG_M3 * std::f64::consts::E * strongest_m_s * strongest_m_s / (100.0 * deficit_hpa);
    b.clamp(B_RANGE.0, B_RANGE.1)
}

/// Holland's B by P. J. Vickery and others, 2000: deficit in hPa, radius in km.
pub fn b_vickery(deficit_hpa: f64, radius_km: f64) -> f64 {
    1.38 + 0.00184 * deficit_hpa - 0.00309 * radius_km
}

/// Holland's B by M. Powell and others, 2005: radius in km, latitude in degrees.
pub fn b_powell(radius_km: f64, latitude_deg: f64) -> f64 {
    1.881 - 0.00557 * radius_km - 0.01295 * latitude_deg
}

/// Radius of the strongest wind by H. E. Willoughby and others, 2006, km: wind in m/s, latitude in degrees.
pub fn radius_willoughby_km(strongest_m_s: f64, latitude_deg: f64) -> f64 {
    46.4 * libm::exp(-0.0155 * strongest_m_s + 0.0169 * latitude_deg)
}

/// Radius of the strongest wind by P. J. Vickery and others, 2000, km: deficit in hPa, latitude in degrees.
pub fn radius_vickery_km(deficit_hpa: f64, latitude_deg: f64) -> f64 {
    libm::exp(2.636 - 5.086e-5 * deficit_hpa * deficit_hpa + 0.0394899 * latitude_deg)
}

/// One-minute wind, knots, so many hours after a storm of `landfall_kt` came ashore.
pub fn decayed_kt(landfall_kt: f64, hours: f64) -> f64 {
    (0.9 * landfall_kt - 26.7).mul_add(libm::exp(-0.095 * hours), 26.7)
}

impl Hurricane {
    /// One whose strongest one-minute wind at sea is this, m/s: B as given, the radius as usual at that wind and latitude.
    pub fn of_wind(one_minute_m_s: f64, b: f64, latitude_deg: f64) -> Self {
        let gradient_m_s = one_minute_m_s / Surface::Sea.of_gradient();
        let deficit_hpa = AIR_KG_M3 * std::f64::consts::E * gradient_m_s * gradient_m_s / (100.0 * b);
        Hurricane {
            central_hpa: FAR_HPA - deficit_hpa,
            deficit_hpa,
            radius_km: radius_willoughby_km(gradient_m_s, latitude_deg.abs()),
            b,
            latitude_deg,
        }
    }

    /// Pressure at a distance, hPa.
    pub fn pressure_hpa(&self, distance_km: f64) -> f64 {
        self.deficit_hpa.mul_add(libm::exp(-self.ratio(distance_km)), self.central_hpa)
    }

    /// Gradient wind at a distance, m/s.
    pub fn gradient_m_s(&self, distance_km: f64) -> f64 {
        if distance_km <= 0.0 {
            return 0.0;
        }
        let ratio = self.ratio(distance_km);
        let square = self.b / AIR_KG_M3 * ratio * 100.0 * self.deficit_hpa * libm::exp(-ratio);
        let coriolis = 2.0 * OMEGA * libm::sin(self.latitude_deg.to_radians()).abs();
        let half = 0.5 * 1000.0 * distance_km * coriolis;
        half.mul_add(half, square).sqrt() - half
    }

    /// The strongest wind if the earth stood still, m/s.
    pub fn cyclostrophic_m_s(&self) -> f64 {
        (self.b * 100.0 * self.deficit_hpa / (AIR_KG_M3 * std::f64::consts::E)).sqrt()
    }

    fn ratio(&self, distance_km: f64) -> f64 {
        libm::pow(self.radius_km / distance_km, self.b)
    }

    /// One-minute wind 10 m above a surface, m/s, at a point seen from the centre, of a storm that moves by `moves_m_s` to the east
    /// and to the north: the circular wind, turned inwards, plus half of the motion in proportion to the wind. North of the
    /// equator the right side is the stronger one.
    pub fn wind_m_s(&self, from_centre: Point, moves_m_s: (f64, f64), surface: Surface) -> f64 {
        let distance_km = from_centre.to(Point::default());
        let around = self.gradient_m_s(distance_km) * surface.of_gradient();
        if around <= 0.0 {
            return 0.0;
        }
        let (east, north) = (from_centre.x_km / distance_km, from_centre.y_km / distance_km);
        // Against the clock in the north, with it in the south; then turned inwards.
        let spin = 1f64.copysign(self.latitude_deg);
        let inflow = INFLOW_DEG.to_radians();
        let (cos, sin) = (libm::cos(inflow), libm::sin(inflow));
        let direction = (-spin * north * cos - east * sin, spin * east * cos - north * sin);
        let strongest = self.cyclostrophic_m_s() * surface.of_gradient();
        let share = 0.5 * (around / strongest).min(1.0);
        libm::hypot(
            around.mul_add(direction.0, share * moves_m_s.0),
            around.mul_add(direction.1, share * moves_m_s.1),
        )
    }
}

/// A hurricane that crosses the map in a straight line, and weakens once it is ashore.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passage {
    /// As it comes ashore.
    pub storm: Hurricane,
    /// The way of its centre.
    pub way: Way,
    /// When it comes ashore, s.
    pub ashore_at_s: f64,
}

/// Time between two moments at which a passage is looked at, s, and how long before and after the middle.
const MOMENT_S: f64 = 600.0;
const BESIDE_S: f64 = 86_400.0;

impl Passage {
    /// The gusts at a point: three seconds, 10 m above rough land.
    pub fn at(&self, point: Point) -> Strain {
        let moves_m_s = self.way.velocity_m_s();
        let moments = (2.0 * BESIDE_S / MOMENT_S) as u32;
        let begin_s = self.way.passes_at_s - BESIDE_S;
        let gust = |number: u32| {
            let seconds = MOMENT_S.mul_add(f64::from(number), begin_s);
            let centre = self.way.at(seconds);
            let from_centre = Point { x_km: point.x_km - centre.x_km, y_km: point.y_km - centre.y_km };
            let storm = self.weakened(seconds);
            let surface = Surface::Inland;
            storm.wind_m_s(from_centre, moves_m_s, surface) * TEN_MINUTES_OF_ONE * surface.gust()
        };
        Strain::Series { begin_s, step_s: MOMENT_S, values: (0..=moments).map(gust).collect() }
    }

    /// The storm at a moment: over land its wind falls as Kaplan and DeMaria say, and its deficit with the square.
    fn weakened(&self, seconds: f64) -> Hurricane {
        let hours = (seconds - self.ashore_at_s) / 3600.0;
        if hours <= 0.0 {
            return self.storm;
        }
        let at_sea_kt = self.storm.cyclostrophic_m_s() * Surface::Sea.of_gradient() / KNOT_M_S;
        // The formula's own step at the coast is the surface's here, which every wind over land has had already.
        let share = decayed_kt(at_sea_kt, hours) / decayed_kt(at_sea_kt, 0.0);
        Hurricane { deficit_hpa: self.storm.deficit_hpa * (share * share).min(1.0), ..self.storm }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORM: Hurricane =
        Hurricane { central_hpa: 950.0, deficit_hpa: 63.0, radius_km: 40.0, b: 1.5, latitude_deg: 25.0 };

    fn close(what: &str, ours: f64, theirs: f64) {
        assert!((ours - theirs).abs() <= 1e-3 * theirs.abs(), "{what}: {ours} against {theirs}");
    }

    #[test]
    fn the_profile_is_hollands() {
        for (km, m_s) in [
            (10.0, 4.398),
            (20.0, 36.453),
            (30.0, 51.173),
            (40.0, 53.763),
            (50.0, 52.099),
            (75.0, 44.309),
            (100.0, 37.213),
            (150.0, 27.117),
            (200.0, 20.484),
            (300.0, 12.354),
        ] {
            close(&format!("wind at {km} km"), STORM.gradient_m_s(km), m_s);
        }
        close("cyclostrophic", STORM.cyclostrophic_m_s(), 54.982);
        close("pressure", STORM.pressure_hpa(40.0), 973.176);
    }

    #[test]
    fn shapes_and_radii_are_those_of_their_authors() {
        close("Vickery's B", b_vickery(63.0, 40.0), 1.3723);
        close("Powell's B", b_powell(40.0, 25.0), 1.3345);
        close("Willoughby's radius", radius_willoughby_km(50.0, 25.0), 32.62);
        close("Vickery's radius", radius_vickery_km(63.0, 25.0), 30.61);
        close("B of the wind", b_of_wind(STORM.cyclostrophic_m_s(), 63.0), 1.5);
        for (hours, knots) in [(0.0, 90.0), (1.0, 84.26), (6.0, 62.50), (24.0, 33.17)] {
            close("decay", decayed_kt(100.0, hours), knots);
        }
    }

    #[test]
    fn a_passage_comes_weakens_and_is_strongest_on_its_right() {
        let passage = Passage {
            storm: STORM,
            way: Way { speed_m_s: 6.0, heading_deg: 0.0, offset_km: 0.0, passes_at_s: 100_000.0 },
            ashore_at_s: 80_000.0,
        };
        let peak = |x_km: f64, y_km: f64| passage.at(Point { x_km, y_km }).peak();
        let ((right, _), (left, _)) = (peak(40.0, 0.0), peak(-40.0, 0.0));
        assert!(right > left + 2.0, "{right} {left}");
        // Further inland it is later and weaker; the centre itself moves 6 m/s.
        let (far, then) = peak(40.0, 216.0);
        assert!(far < 0.9 * right && (then - 136_000.0).abs() < 1800.0, "{far} at {then}");
        // Before the coast nothing is lost: the gust is that of the profile.
        let at_sea = Passage { ashore_at_s: 1e9, way: Way { speed_m_s: 0.1, ..passage.way }, ..passage };
        let (gust, _) = at_sea.at(Point { x_km: 0.0, y_km: 45.0 }).peak();
        let still = STORM.wind_m_s(Point { x_km: 0.0, y_km: 40.0 }, (0.0, 0.1), Surface::Inland);
        close("gust", gust, still * TEN_MINUTES_OF_ONE * Surface::Inland.gust());
    }

    #[test]
    fn the_right_side_is_stronger_in_the_north_and_the_left_in_the_south() {
        // It moves to the north: its right side is in the east.
        let wind = |storm: &Hurricane, x_km: f64| {
            storm.wind_m_s(Point { x_km, y_km: 0.0 }, (0.0, 8.0), Surface::Sea)
        };
        assert!(wind(&STORM, 40.0) > wind(&STORM, -40.0) + 5.0);
        let south = Hurricane { latitude_deg: -25.0, ..STORM };
        close("mirror", wind(&south, -40.0), wind(&STORM, 40.0));
        let still = STORM.wind_m_s(Point { x_km: 0.0, y_km: 40.0 }, (0.0, 0.0), Surface::Sea);
        close("still", still, 0.9 * STORM.gradient_m_s(40.0));
        assert_eq!(STORM.wind_m_s(Point::default(), (0.0, 8.0), Surface::Sea), 0.0);
    }
}
