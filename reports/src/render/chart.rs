//! A chart of curves over one axis, with bands behind them.

use super::svg::{coordinate, line, open, text};
use super::time_plot::ticks;
use crate::words::number;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 46.0;
/// Height of a line of the legend's text.
const LEGEND_Y: f64 = 16.0;

/// A point: along the axis, and up.
pub(super) type Point = (f64, f64);

/// See the module. Classes colour by the style sheet.
pub(super) struct Chart<'a> {
    /// Unique on the page.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    /// For readers who hear it.
    pub(super) description: String,
    /// What the horizontal axis is, with its unit.
    pub(super) along: &'a str,
    /// What the vertical axis is, with its unit.
    pub(super) up: &'a str,
    /// Ends of the axes; a range without width draws nothing.
    pub(super) x: Point,
    pub(super) y: Point,
    /// Class, lower and upper edge.
    pub(super) bands: Vec<(&'a str, Vec<Point>, Vec<Point>)>,
    /// Class, name, points.
    pub(super) curves: Vec<(&'a str, &'a str, Vec<Point>)>,
}

impl Chart<'_> {
    /// As one `<svg>` element; `None` where there is nothing to draw.
    pub(super) fn render(&self) -> Option<String> {
        let spans = [self.x, self.y].iter().all(|(low, high)| (high - low).is_finite() && high > low);
        if !spans || self.curves.iter().all(|(_, _, points)| points.is_empty()) {
            return None;
        }
        let foot = HEIGHT - BOTTOM;
        let x = |at: f64| LEFT + (at - self.x.0) / (self.x.1 - self.x.0) * (WIDTH - LEFT - RIGHT);
        let y = |at: f64| foot - ((at - self.y.0) / (self.y.1 - self.y.0)).clamp(0.0, 1.0) * (foot - TOP);
        let mut out = open(self.id, "plot", (WIDTH, HEIGHT), self.title, &self.description);
        for tick in ticks(self.y, 5) {
            out.push_str(&line("grid", (LEFT, y(tick)), (WIDTH - RIGHT, y(tick))));
            out.push_str(&text("tick end", LEFT - 8.0, y(tick) + 4.0, &number(tick)));
        }
        let path = |points: &mut dyn Iterator<Item = &Point>| {
            let corners = points.map(|(px, py)| format!("{} {}", coordinate(x(*px)), coordinate(y(*py))));
            corners.collect::<Vec<_>>().join("L")
        };
        for (class, low, high) in &self.bands {
            let edge = path(&mut low.iter().chain(high.iter().rev()));
            out.push_str(&format!("<path class=\"{class}\" d=\"M{edge}Z\"/>\n"));
        }
        for (class, _, points) in &self.curves {
            let curve = path(&mut points.iter());
            out.push_str(&format!("<path class=\"curve {class}\" d=\"M{curve}\"/>\n"));
        }
        let mut from = LEFT;
        for (class, name, _) in &self.curves {
            out.push_str(&line(
                &format!("curve {class}"),
                (from, LEGEND_Y - 4.0),
                (from + 22.0, LEGEND_Y - 4.0),
            ));
            out.push_str(&text("tick", from + 28.0, LEGEND_Y, name));
            from += 44.0 + super::svg::text_width(name, 12.0);
        }
        out.push_str(&text("tick end", WIDTH - RIGHT, LEGEND_Y, self.up));
        for tick in ticks(self.x, 8) {
            out.push_str(&line("axis", (x(tick), foot), (x(tick), foot + 5.0)));
            out.push_str(&text("tick middle", x(tick), foot + 18.0, &number(tick)));
        }
        out.push_str(&line("axis", (LEFT, foot), (WIDTH - RIGHT, foot)));
        out.push_str(&text("tick end", WIDTH - RIGHT, foot + 36.0, self.along));
        out.push_str("</svg>");
        Some(out)
    }
}

/// A staircase through points: each value holds until the next point.
pub(super) fn staircase(points: &[Point]) -> Vec<Point> {
    let before = points.windows(2).flat_map(|pair| [pair[0], (pair[1].0, pair[0].1)]);
    before.chain(points.last().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_needs_something_to_draw() {
        let chart = |x, points| Chart {
            id: "c",
            title: "t",
            description: String::new(),
            along: "h",
            up: "MW",
            x,
            y: (0.0, 1.0),
            bands: vec![],
            curves: vec![("served", "served", points)],
        };
        let drawn = chart((0.0, 2.0), vec![(0.0, 0.0), (2.0, 1.0)]).render().expect("a curve");
        // From the lower left corner of the plot to its upper right.
        assert!(drawn.contains("d=\"M64 254L942 30\""), "{drawn}");
        assert!(chart((0.0, 0.0), vec![(0.0, 0.0)]).render().is_none());
        assert!(chart((0.0, 1.0), vec![]).render().is_none());
        assert_eq!(staircase(&[(0.0, 5.0), (1.0, 3.0)]), [(0.0, 5.0), (1.0, 5.0), (1.0, 3.0)]);
    }
}
