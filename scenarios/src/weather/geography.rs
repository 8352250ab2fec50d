//! Places on the earth and the lengths between them.

use powerflow::{BranchIdx, BusIdx, Diagnostic, Diagnostics, Network};

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
        let mean = |of: fn(&Place) -> f64| places.iter().map(of).sum::<f64>() / places.len() as f64;
        let middle =
            Place { latitude_deg: mean(|p| p.latitude_deg), longitude_deg: mean(|p| p.longitude_deg) };
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

    /// How far the farthest bus is from the middle, km.
    pub fn radius_km(&self) -> f64 {
        self.buses.iter().map(|point| point.to(Point::default())).fold(0.0, f64::max)
    }
}

fn on_map(middle: Place, place: Place) -> Point {
    let east = libm::cos(middle.latitude_deg.to_radians()) * DEGREE_KM;
    Point {
        x_km: (place.longitude_deg - middle.longitude_deg) * east,
        y_km: (place.latitude_deg - middle.latitude_deg) * DEGREE_KM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
