//! Places on the earth and the lengths between them.

use powerflow::{BranchIdx, BusIdx, Diagnostic, Diagnostics, Index, Network};

use crate::draw::Stream;

/// A place, degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Degrees north.
    pub latitude_deg: f64,
    /// Degrees east.
    pub longitude_deg: f64,
}

/// A point on a map whose middle is a place: km to the east and to the north of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// East, km.
    pub x_km: f64,
    /// North, km.
    pub y_km: f64,
}

impl Point {
    /// Distance to another, km.
    pub fn to(self, other: Point) -> f64 {
        libm::hypot(self.x_km - other.x_km, self.y_km - other.y_km)
    }

    /// The point a share of the way to another.
    pub fn towards(self, other: Point, share: f64) -> Point {
        Point {
            x_km: (other.x_km - self.x_km).mul_add(share, self.x_km),
            y_km: (other.y_km - self.y_km).mul_add(share, self.y_km),
        }
    }
}

/// A straight way over a map at a steady speed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Way {
    /// Speed, m/s.
    pub speed_m_s: f64,
    /// Where it leads, degrees clockwise from north.
    pub heading_deg: f64,
    /// How far to the right of the middle of the map it passes, km.
    pub offset_km: f64,
    /// When, s.
    pub passes_at_s: f64,
}

impl Way {
    /// Sine and cosine of where it leads: to the east, and to the north.
    fn direction(&self) -> (f64, f64) {
        let heading = self.heading_deg.to_radians();
        (libm::sin(heading), libm::cos(heading))
    }

    /// Where a point lies: how far ahead of the place where the way passes the middle, and how far to the right of the way, km.
    pub fn beside(&self, point: Point) -> (f64, f64) {
        let (sin, cos) = self.direction();
        let ahead_km = point.x_km * sin + point.y_km * cos;
        (ahead_km, point.x_km * cos - point.y_km * sin - self.offset_km)
    }

    /// Where one is on it at a moment.
    pub fn at(&self, seconds: f64) -> Point {
        let (sin, cos) = self.direction();
        let ahead_km = self.speed_m_s * (seconds - self.passes_at_s) / 1000.0;
        Point {
            x_km: ahead_km.mul_add(sin, self.offset_km * cos),
            y_km: ahead_km.mul_add(cos, -self.offset_km * sin),
        }
    }

    /// Velocity to the east and to the north, m/s.
    pub fn velocity_m_s(&self) -> (f64, f64) {
        let (sin, cos) = self.direction();
        (self.speed_m_s * sin, self.speed_m_s * cos)
    }
}

/// Length of a degree of latitude, km: the mean of the WGS84 ellipsoid.
const DEGREE_KM: f64 = 111.195;

/// Where the buses of a grid are: on a flat map around their middle. Over a thousand kilometres it is true to about one
/// per cent, which is less than anybody knows a storm.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    middle: Place,
    buses: Vec<Point>,
}

impl Map {
    /// The map of a network whose file has coordinates.
    ///
    /// # Errors
    /// `hazard.no-coordinates` where a bus has none: a place is never invented.
    pub fn of(network: &Network, kind: &str) -> Result<Self, Diagnostics> {
        let located = network.buses.location.iter();
        let missing: Vec<BusIdx> =
            located.filter(|(_, location)| location.is_none()).map(|(bus, _)| bus).collect();
        if let Some(first) = missing.first() {
            let message = format!(
                "the hazard {kind} needs to know where every bus is, but {} of {} in {} have no coordinates, the first is bus {}",
                missing.len(),
                network.buses.id.len(),
                network.name,
                network.buses.id[*first]
            );
            let hint = "give the suite a table of them: `coordinates = \"buses.csv\"` with the columns bus, latitude, longitude";
            return Err(Diagnostic::error("hazard.no-coordinates", message).hint(hint).into());
        }
        let places: Vec<Place> = network
            .buses
            .location
            .iter()
            .filter_map(|(_, location)| *location)
            .map(|(longitude_deg, latitude_deg)| Place { latitude_deg, longitude_deg })
            .collect();
        // Longitudes are counted from the first bus, the short way round: the mean of 179 and -179 is the date line.
        let first_deg = places.first().map_or(0.0, |place| place.longitude_deg);
        let mean = |of: &dyn Fn(&Place) -> f64| places.iter().map(of).sum::<f64>() / places.len() as f64;
        let middle = Place {
            latitude_deg: mean(&|place| place.latitude_deg),
            longitude_deg: turned(first_deg + mean(&|place| turned(place.longitude_deg - first_deg))),
        };
        let buses = places.iter().map(|place| on_map(middle, *place)).collect();
        Ok(Map { middle, buses })
    }

    /// The place in the middle.
    pub fn middle(&self) -> Place {
        self.middle
    }

    /// Where a bus is.
    pub fn bus(&self, bus: BusIdx) -> Point {
        self.buses[powerflow::Index::row(bus)]
    }

    /// Where a place is on it.
    pub fn point(&self, place: Place) -> Point {
        on_map(self.middle, place)
    }

    /// The ends of a branch.
    pub fn ends(&self, network: &Network, branch: BranchIdx) -> (Point, Point) {
        (self.bus(network.branches.from[branch]), self.bus(network.branches.to[branch]))
    }

    /// A place on a uniformly drawn branch: where what has no way of its own begins. `None` in a grid without branches. Two words.
    pub fn near(&self, network: &Network, stream: &mut Stream) -> Option<Point> {
        let branch = BranchIdx::from_row(stream.below(network.branches.from.len() as u64)? as usize);
        let (from, to) = self.ends(network, branch);
        Some(from.towards(to, stream.uniform()))
    }

    /// How far the farthest bus is from the middle, km.
    pub fn radius_km(&self) -> f64 {
        self.buses.iter().map(|point| point.to(Point::default())).fold(0.0, f64::max)
    }
}

fn on_map(middle: Place, place: Place) -> Point {
    let east = libm::cos(middle.latitude_deg.to_radians()) * DEGREE_KM;
    Point {
        x_km: turned(place.longitude_deg - middle.longitude_deg) * east,
        y_km: (place.latitude_deg - middle.latitude_deg) * DEGREE_KM,
    }
}

/// A difference of longitudes the short way round, degrees from -180 to 180.
fn turned(degrees: f64) -> f64 {
    degrees - 360.0 * (degrees / 360.0).round()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    /// The same chain of buses in Europe and across the date line.
    #[test]
    fn a_grid_on_both_sides_of_the_date_line_is_one() {
        let map = |first_deg: f64| {
            let mut case = sample::case(4, &[(0, 1), (1, 2), (2, 3)]);
            for (row, bus) in case.buses.iter_mut().enumerate() {
                let longitude = first_deg + 0.5 * row as f64;
                bus.location = Some((if longitude > 180.0 { longitude - 360.0 } else { longitude }, 50.0));
            }
            Map::of(&sample::build(case), "test").expect("places")
        };
        let (here, there) = (map(10.0), map(179.25));
        for (a, b) in here.buses.iter().zip(&there.buses) {
            assert!(a.to(*b) < 1e-6, "{a:?} {b:?}");
        }
        assert!(here.radius_km() < 60.0);
    }

    #[test]
    fn a_way_is_straight() {
        let way = Way { speed_m_s: 20.0, heading_deg: 120.0, offset_km: 35.0, passes_at_s: 500.0 };
        for seconds in [0.0, 500.0, 4100.0] {
            let (ahead_km, right_km) = way.beside(way.at(seconds));
            assert!((ahead_km - 0.02 * (seconds - 500.0)).abs() < 1e-9 && right_km.abs() < 1e-9);
        }
        // To the east, the right is the south.
        let east = Way { heading_deg: 90.0, ..way };
        assert!((east.at(500.0).y_km + 35.0).abs() < 1e-9);
        assert!((east.velocity_m_s().0 - 20.0).abs() < 1e-9);
    }

    /// Berlin and Munich are 504 km apart on the great circle.
    #[test]
    fn distances_are_those_of_the_earth() {
        let berlin = Place { latitude_deg: 52.52, longitude_deg: 13.405 };
        let munich = Place { latitude_deg: 48.137, longitude_deg: 11.575 };
        let middle = Place { latitude_deg: 50.33, longitude_deg: 12.49 };
        let km = on_map(middle, berlin).to(on_map(middle, munich));
        assert!((km - 504.0).abs() < 3.0, "{km}");
    }
}
