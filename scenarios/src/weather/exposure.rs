//! The worst of a field along an element.

use super::geography::Point;

/// Length of the pieces that a line is looked at in, km: inside a piece its towers stand and fall together.
pub const SEGMENT_KM: f64 = 5.0;

/// The middles of the pieces of a line, in order, and how long each is, km.
pub fn segments(from: Point, to: Point) -> (Vec<Point>, f64) {
    let length = from.to(to);
    let count = (length / SEGMENT_KM).ceil().max(1.0);
    let middles = (0..count as u32).map(|i| from.towards(to, (f64::from(i) + 0.5) / count)).collect();
    (middles, length / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_line_and_none_is_too_long() {
        let (from, to) = (Point { x_km: 1.0, y_km: 2.0 }, Point { x_km: 31.0, y_km: 42.0 });
        let (middles, each_km) = segments(from, to);
        assert_eq!((middles.len(), each_km), (10, 5.0));
        assert!((middles[0].to(from) - 2.5).abs() < 1e-12 && (middles[9].to(to) - 2.5).abs() < 1e-12);
        // Both ends in one place are still one piece.
        assert_eq!(segments(from, from).0, [from]);
    }
}
