//! Where the buses go: the file's coordinates where it has them all, else stress majorisation on graph distances.
//!
//! Nothing is drawn at random and nothing beyond a square root is computed, so a network has one picture on every
//! machine. Sources: Gansner, Koren, North, "Graph Drawing by Stress Majorization" (2004); Brandes, Pich,
//! "Eigensolver Methods for Progressive Multidimensional Scaling" (2006); Ortmann, Klimenta, Brandes, "A Sparse
//! Stress Model" (2016).

use crate::evidence::NetworkRecord;

/// Width of the picture's drawing area, in its own units.
pub const WIDTH: f64 = 960.0;
/// Height of the picture's drawing area.
pub const HEIGHT: f64 = 560.0;
const MARGIN: f64 = 26.0;
/// Up to here every pair of buses pulls; above, each bus is held by its neighbours and by these many landmarks.
const ALL_PAIRS: usize = 400;
const LANDMARKS: usize = 60;
/// Rounds of relaxation; a large network starts close to its place and every round costs more.
const ROUNDS: usize = 150;
const ROUNDS_SPARSE: usize = 60;

/// A place in the plane.
pub type Point = (f64, f64);

/// Places of the buses in file order, inside [`WIDTH`] by [`HEIGHT`]; computed once, good for every picture of the
/// network. Branches whose rows do not exist are ignored.
pub fn layout(network: &NetworkRecord) -> Vec<Point> {
    let n = network.bus_ids.len();
    if n == 0 {
        return Vec::new();
    }
    let mut places = match located(network) {
        Some(places) => places,
        None => {
            let graph = Graph::new(network);
            let mut places = graph.relaxed();
            turn_to_landscape(&mut places);
            places
        }
    };
    fit(&mut places);
    push_apart(&mut places);
    places
}

/// The file's coordinates, north up, where every bus has them and they are not all one.
fn located(network: &NetworkRecord) -> Option<Vec<Point>> {
    let n = network.bus_ids.len();
    let known: Vec<Point> = network.location.iter().flatten().copied().collect();
    let finite = known.iter().all(|(x, y)| x.is_finite() && y.is_finite());
    if known.len() != n || !finite || known.iter().all(|place| *place == known[0]) {
        return None;
    }
    let shrink = shrink(&known);
    Some(known.iter().map(|&(x, y)| (x * shrink, -y)).collect())
}

/// A degree of longitude beside one of latitude: it shrinks towards the poles, cos(latitude) by its series, exact enough for a picture.
fn shrink(known: &[Point]) -> f64 {
    let middle = known.iter().map(|place| place.1).sum::<f64>() / known.len() as f64;
    let radians = middle * 0.017_453_292_519_943_295;
    let (square, is_degrees) = (radians * radians, middle.abs() <= 85.0);
    let shrink = if is_degrees { 1.0 - square / 2.0 + square * square / 24.0 } else { 1.0 };
    shrink.max(0.1)
}

/// Where places of the file, degrees east and north, are in the picture of [`layout`], but for what that moves apart; `None` where the file
/// does not place every bus.
pub(super) fn geographic(network: &NetworkRecord) -> Option<impl Fn(Point) -> Point> {
    let places = located(network)?;
    let shrink = shrink(&network.location.iter().flatten().copied().collect::<Vec<_>>());
    let fitted = Fit::of(&places);
    Some(move |(x, y): Point| fitted.place((x * shrink, -y)))
}

struct Graph {
    neighbours: Vec<Vec<usize>>,
}

impl Graph {
    fn new(network: &NetworkRecord) -> Self {
        let n = network.bus_ids.len();
        let mut neighbours = vec![Vec::new(); n];
        for &(from, to) in &network.branches {
            let (from, to) = (from as usize, to as usize);
            if from < n && to < n && from != to {
                neighbours[from].push(to);
                neighbours[to].push(from);
            }
        }
        for row in &mut neighbours {
            row.sort_unstable();
            row.dedup();
        }
        Self { neighbours }
    }

    /// Steps from `start` to every bus; what cannot be reached is `None`.
    fn distances(&self, start: usize) -> Vec<Option<f64>> {
        let mut distance = vec![None; self.neighbours.len()];
        distance[start] = Some(0.0);
        let (mut queue, mut head) = (vec![start], 0);
        while let Some(&bus) = queue.get(head) {
            head += 1;
            let next = distance[bus].map(|d: f64| d + 1.0);
            for &other in &self.neighbours[bus] {
                if distance[other].is_none() {
                    distance[other] = next;
                    queue.push(other);
                }
            }
        }
        distance
    }

    /// Distances from landmarks that lie far from each other (all buses are landmarks of a small network). An island
    /// keeps a distance from the others that leaves a visible gap.
    fn landmark_distances(&self) -> (Vec<usize>, Vec<Vec<f64>>) {
        let n = self.neighbours.len();
        let count = if n <= ALL_PAIRS { n } else { LANDMARKS };
        let (mut landmarks, mut rows) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut nearest = vec![f64::INFINITY; n];
        let mut next = 0;
        for _ in 0..count {
            let row = self.distances(next);
            landmarks.push(next);
            for (bus, distance) in row.iter().enumerate() {
                nearest[bus] = nearest[bus].min(distance.unwrap_or(f64::INFINITY));
            }
            rows.push(row);
            // The farthest bus, an unreached one first; ties go to the first row.
            let mut farthest = 0;
            for bus in 1..n {
                if nearest[bus] > nearest[farthest] {
                    farthest = bus;
                }
            }
            next = farthest;
        }
        let longest = rows.iter().flatten().flatten().copied().fold(1.0, f64::max);
        let apart = longest / 2.0 + 2.0;
        let known = |row: Vec<Option<f64>>| row.into_iter().map(|d| d.unwrap_or(apart)).collect();
        (landmarks, rows.into_iter().map(known).collect())
    }

    fn relaxed(&self) -> Vec<Point> {
        let n = self.neighbours.len();
        let (landmarks, distances) = self.landmark_distances();
        let mut places = scaled(&distances);
        // Buses that look alike from every landmark start at one point; a fixed low-discrepancy shift parts them.
        for (bus, place) in places.iter_mut().enumerate() {
            place.0 += 0.3 * ((bus as f64 * 0.754_877_666_246_692_7).fract() - 0.5);
            place.1 += 0.3 * ((bus as f64 * 0.569_840_290_998_053_2).fract() - 0.5);
        }
        let sparse = n > ALL_PAIRS;
        let share = if sparse { n as f64 / landmarks.len() as f64 } else { 1.0 };
        for _ in 0..if sparse { ROUNDS_SPARSE } else { ROUNDS } {
            for bus in 0..n {
                let mut pull = Pull::default();
                if sparse {
                    for &other in &self.neighbours[bus] {
                        pull.add(places[bus], places[other], 1.0, 1.0);
                    }
                }
                for (landmark, row) in landmarks.iter().zip(&distances) {
                    // Among all pairs a neighbour is a landmark too; in the sparse model it has been counted.
                    if *landmark != bus && !(sparse && row[bus] <= 1.0) {
                        let distance = row[bus];
                        pull.add(places[bus], places[*landmark], distance, share / (distance * distance));
                    }
                }
                if let Some(place) = pull.place() {
                    places[bus] = place;
                }
            }
        }
        places
    }
}

/// The weighted mean of where the others want a bus to be.
#[derive(Default)]
struct Pull {
    sum: Point,
    weight: f64,
}

impl Pull {
    fn add(&mut self, here: Point, other: Point, distance: f64, weight: f64) {
        let (dx, dy) = (here.0 - other.0, here.1 - other.1);
        let length = (dx * dx + dy * dy).sqrt().max(1e-9);
        self.sum.0 += weight * (other.0 + distance * dx / length);
        self.sum.1 += weight * (other.1 + distance * dy / length);
        self.weight += weight;
    }

    fn place(&self) -> Option<Point> {
        (self.weight > 0.0).then(|| (self.sum.0 / self.weight, self.sum.1 / self.weight))
    }
}

/// Landmark multidimensional scaling: two principal axes of the doubly centred squared distances.
fn scaled(distances: &[Vec<f64>]) -> Vec<Point> {
    let (k, n) = (distances.len(), distances[0].len());
    let mut centred: Vec<Vec<f64>> =
        distances.iter().map(|row| row.iter().map(|d| d * d).collect()).collect();
    let by_bus: Vec<f64> =
        (0..n).map(|bus| centred.iter().map(|row| row[bus]).sum::<f64>() / k as f64).collect();
    let all = by_bus.iter().sum::<f64>() / n as f64;
    for row in &mut centred {
        let mean = row.iter().sum::<f64>() / n as f64;
        for (value, by_bus) in row.iter_mut().zip(&by_bus) {
            *value = -0.5 * (*value - mean - by_bus + all);
        }
    }
    let product: Vec<Vec<f64>> = centred
        .iter()
        .map(|a| centred.iter().map(|b| a.iter().zip(b).map(|(x, y)| x * y).sum()).collect())
        .collect();
    let first = principal_axis(&product, None);
    let second = principal_axis(&product, Some(&first));
    let coordinate = |axis: &[f64], bus: usize| {
        axis.iter().zip(&centred).map(|(weight, row)| weight * row[bus]).sum::<f64>() / (k as f64).sqrt()
    };
    let places: Vec<Point> = (0..n).map(|bus| (coordinate(&first, bus), coordinate(&second, bus))).collect();
    // To the size that the distances ask for; the relaxation starts from there.
    let reach = places.iter().map(|(x, y)| x * x + y * y).fold(0.0, f64::max).sqrt();
    let longest = distances.iter().flatten().copied().fold(1.0, f64::max);
    let factor = if reach > 1e-9 { 0.5 * longest / reach } else { 0.0 };
    places.iter().map(|(x, y)| (x * factor, y * factor)).collect()
}

/// Power iteration from a fixed start, orthogonal to `to` where given.
fn principal_axis(matrix: &[Vec<f64>], to: Option<&[f64]>) -> Vec<f64> {
    let n = matrix.len();
    let mut axis: Vec<f64> =
        (0..n).map(|i| 1.0 / (i as f64 + 2.0) - if i % 2 == 0 { 0.0 } else { 0.7 }).collect();
    for _ in 0..120 {
        let mut next: Vec<f64> =
            matrix.iter().map(|row| row.iter().zip(&axis).map(|(a, b)| a * b).sum()).collect();
        if let Some(to) = to {
            let along: f64 = next.iter().zip(to).map(|(a, b)| a * b).sum();
            next.iter_mut().zip(to).for_each(|(value, t)| *value -= along * t);
        }
        let norm = next.iter().map(|value| value * value).sum::<f64>().sqrt();
        if norm < 1e-12 {
            return vec![0.0; n];
        }
        axis = next.iter().map(|value| value / norm).collect();
    }
    axis
}

/// Rotates so that the longest extent lies along x; the principal axis of a 2 by 2 matrix needs no angle.
fn turn_to_landscape(places: &mut [Point]) {
    let n = places.len() as f64;
    let (cx, cy) = (places.iter().map(|p| p.0).sum::<f64>() / n, places.iter().map(|p| p.1).sum::<f64>() / n);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in places.iter().map(|p| (p.0 - cx, p.1 - cy)) {
        xx += x * x;
        xy += x * y;
        yy += y * y;
    }
    let half = (xx - yy) / 2.0;
    let root = (half * half + xy * xy).sqrt();
    // Of the two equal forms of the eigenvector, the one without cancellation.
    let (ax, ay) = if half >= 0.0 { (half + root, xy) } else { (xy, root - half) };
    let norm = (ax * ax + ay * ay).sqrt();
    let (cos, sin) = if norm > 0.0 { (ax / norm, ay / norm) } else { (1.0, 0.0) };
    for place in places {
        let (x, y) = (place.0 - cx, place.1 - cy);
        *place = (cos * x + sin * y, cos * y - sin * x);
    }
}

/// Scales to the drawing area; an axis may be stretched by up to a third over the other to use the space.
fn fit(places: &mut [Point]) {
    let fitted = Fit::of(places);
    places.iter_mut().for_each(|place| *place = fitted.place(*place));
}

/// How places become those of the picture: by their middle and a scale each way.
struct Fit {
    middle: Point,
    scale: Point,
}

impl Fit {
    fn of(places: &[Point]) -> Self {
        let range = |of: fn(&Point) -> f64| {
            let values = places.iter().map(of);
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
        };
        let ((x0, x1), (y0, y1)) = (range(|p| p.0), range(|p| p.1));
        let room = (WIDTH - 2.0 * MARGIN, HEIGHT - 2.0 * MARGIN);
        let scale = |span: f64, room: f64| if span > 1e-9 { room / span } else { f64::INFINITY };
        let (sx, sy) = (scale(x1 - x0, room.0), scale(y1 - y0, room.1));
        let common = sx.min(sy);
        let stretch = |own: f64| if common.is_finite() { own.min(common * 4.0 / 3.0) } else { 1.0 };
        Fit { middle: ((x0 + x1) / 2.0, (y0 + y1) / 2.0), scale: (stretch(sx), stretch(sy)) }
    }

    fn place(&self, (x, y): Point) -> Point {
        (WIDTH / 2.0 + self.scale.0 * (x - self.middle.0), HEIGHT / 2.0 + self.scale.1 * (y - self.middle.1))
    }
}

/// Moves buses that would overlap apart, a little in each round; neighbours are found by a sweep along x.
fn push_apart(places: &mut [Point]) {
    let n = places.len();
    let apart = (0.62 * (WIDTH * HEIGHT / n as f64).sqrt()).min(34.0);
    let mut order: Vec<usize> = (0..n).collect();
    for _ in 0..60 {
        order.sort_by(|&a, &b| places[a].0.total_cmp(&places[b].0).then(a.cmp(&b)));
        let mut moved = false;
        for (at, &a) in order.iter().enumerate() {
            for &b in &order[at + 1..] {
                let (dx, dy) = (places[b].0 - places[a].0, places[b].1 - places[a].1);
                // Positions change within a sweep, so the bound leaves room; the next round sorts again.
                if dx > 2.0 * apart {
                    break;
                }
                let length = (dx * dx + dy * dy).sqrt();
                if length >= apart {
                    continue;
                }
                moved = true;
                // Two buses at one point part in a direction that their rows decide.
                let (ux, uy) = if length > 1e-6 {
                    (dx / length, dy / length)
                } else {
                    [(1.0, 0.0), (0.6, 0.8), (0.0, 1.0), (-0.6, 0.8)][(a + b) % 4]
                };
                let shift = 0.25 * (apart - length);
                places[a] = inside(places[a].0 - ux * shift, places[a].1 - uy * shift);
                places[b] = inside(places[b].0 + ux * shift, places[b].1 + uy * shift);
            }
        }
        if !moved {
            break;
        }
    }
}

fn inside(x: f64, y: f64) -> Point {
    (x.clamp(MARGIN, WIDTH - MARGIN), y.clamp(MARGIN, HEIGHT - MARGIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(n: u32, branches: Vec<(u32, u32)>) -> NetworkRecord {
        NetworkRecord { bus_ids: (0..u64::from(n)).collect(), branches, ..NetworkRecord::default() }
    }

    fn grid(wide: u32, high: u32) -> NetworkRecord {
        let mut branches = Vec::new();
        for y in 0..high {
            for x in 0..wide {
                let bus = y * wide + x;
                branches.extend((x + 1 < wide).then_some((bus, bus + 1)));
                branches.extend((y + 1 < high).then_some((bus, bus + wide)));
            }
        }
        network(wide * high, branches)
    }

    fn length(a: Point, b: Point) -> f64 {
        ((a.0 - b.0).powi(2) + (a.1 - b.1).powi(2)).sqrt()
    }

    #[test]
    fn every_bus_has_a_place_inside_and_none_overlap() {
        let star = network(40, (1..40).map(|bus| (0, bus)).collect());
        let islands = network(9, vec![(0, 1), (1, 2), (3, 4), (7, 7), (8, 99)]);
        for network in
            [grid(10, 6), grid(30, 20), star, islands, network(1, vec![]), network(2, vec![(0, 1)])]
        {
            let places = layout(&network);
            assert_eq!(places, layout(&network));
            assert_eq!(places.len(), network.bus_ids.len());
            for (row, &(x, y)) in places.iter().enumerate() {
                assert!((0.0..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y), "bus {row} at {x}, {y}");
                for &other in &places[row + 1..] {
                    assert!(length((x, y), other) > 8.0, "bus {row} at {x}, {y} and one at {other:?}");
                }
            }
        }
        assert_eq!(layout(&network(0, vec![])), []);
    }

    /// The law of the method: what is near in the network is near in the picture.
    #[test]
    fn a_mesh_unfolds() {
        for (wide, high) in [(12, 7), (32, 18)] {
            let network = grid(wide, high);
            let places = layout(&network);
            let lengths: Vec<f64> = network
                .branches
                .iter()
                .map(|&(a, b)| length(places[a as usize], places[b as usize]))
                .collect();
            let mean = lengths.iter().sum::<f64>() / lengths.len() as f64;
            let longest = lengths.iter().copied().fold(0.0, f64::max);
            assert!(longest < 2.5 * mean, "a branch of {longest} where the mean is {mean}");
            let corner_to_corner = length(places[0], places[(wide * high - 1) as usize]);
            assert!(corner_to_corner > 0.6 * WIDTH, "the mesh is folded: {corner_to_corner}");
        }
    }

    #[test]
    fn coordinates_of_the_file_are_used_north_up() {
        let mut network = network(3, vec![(0, 1), (1, 2)]);
        network.location = vec![Some((10.0, 50.0)), Some((11.0, 50.0)), Some((10.0, 51.0))];
        let places = layout(&network);
        assert!(places[1].0 > places[0].0 && places[2].1 < places[0].1);
        network.location[2] = None;
        assert_ne!(layout(&network), places);
    }
}
