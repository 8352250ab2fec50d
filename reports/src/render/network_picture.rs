//! The network at one moment: buses by voltage, branches by loading, the worst of both named.

use std::collections::BTreeSet;

use super::layout::{HEIGHT, Point, WIDTH};
use super::svg::{coordinate, line, open, rectangle, text, text_width};
use crate::evidence::{NetworkRecord, StepRecord};
use crate::words::{escape_xml, number};

pub use super::layout::layout;

/// Buses and branches that are named.
const NAMED_BUSES: usize = 5;
const NAMED_BRANCHES: usize = 3;
/// Above this many buses, symbols of one colour are one path: no names on hovering, a tenth of the bytes.
const SINGLE_SYMBOLS: usize = 400;
/// What a violation is beyond a limit, pu: the same as in the metrics.
const TOLERANCE_PU: f64 = 1e-4;
/// A violation that is drawn darker, pu.
const FAR_PU: f64 = 0.05;
const LEGEND: f64 = 64.0;
const FONT: f64 = 13.0;

/// The picture as one `<svg>` element, coloured by the page's style sheet; `id` is unique on the page, `places` comes
/// from [`layout`]. Columns that do not fit the network are drawn as far as they go.
pub fn render(network: &NetworkRecord, places: &[Point], step: &StepRecord, id: &str) -> String {
    let title = format!("{} at {}", network.name, crate::words::time(step.time_s));
    render_titled(network, places, step, id, &title, &[])
}

/// The same under another title, with these branches numbered from 1.
pub(crate) fn render_titled(
    network: &NetworkRecord,
    places: &[Point],
    step: &StepRecord,
    id: &str,
    title: &str,
    numbered: &[Vec<u32>],
) -> String {
    let picture = Picture { network, places, step, scale: symbol_scale(places.len()) };
    let mut out = open(id, "network", (WIDTH, HEIGHT + LEGEND), title, &picture.description());
    let (out_of_service, loaded) = picture.branches();
    out.push_str(&out_of_service);
    out.push_str(&loaded);
    out.push_str(&picture.buses());
    out.push_str(&picture.labels());
    out.push_str(&picture.numbers(numbered));
    out.push_str(&picture.legend());
    out.push_str("</svg>");
    out
}

/// The legend of a picture in which it is known what is out of service.
pub(super) fn legend(network: &NetworkRecord, places: &[Point]) -> String {
    let step = StepRecord { out: Some(Vec::new()), ..StepRecord::default() };
    Picture { network, places, step: &step, scale: symbol_scale(places.len()) }.legend()
}

/// Height of the legend below the drawing area.
pub(super) const LEGEND_HEIGHT: f64 = LEGEND;

struct Picture<'a> {
    network: &'a NetworkRecord,
    places: &'a [Point],
    step: &'a StepRecord,
    scale: f64,
}

/// Where a voltage stands: from far below (0) over within (3) to far above (6) the limits of its bus.
pub(super) fn voltage_class(vm: f64, (low, high): (f64, f64)) -> usize {
    let near = 0.1 * (high - low);
    match vm {
        _ if vm < low - FAR_PU => 0,
        _ if vm < low - TOLERANCE_PU => 1,
        _ if vm > high + FAR_PU => 6,
        _ if vm > high + TOLERANCE_PU => 5,
        _ if vm < low + near => 2,
        _ if vm > high - near => 4,
        _ => 3,
    }
}

/// 0: below 50 %, 1: to 80 %, 2: to 100 %, 3: above; with the metric's tolerance of 0.1 % of the rating.
pub(super) fn loading_class(loading: f64) -> usize {
    match loading {
        _ if loading > 1.001 => 3,
        _ if loading >= 0.8 => 2,
        _ if loading >= 0.5 => 1,
        _ => 0,
    }
}

pub(super) fn symbol_scale(n: usize) -> f64 {
    if n <= 150 { 1.0 } else { (150.0 / n as f64).sqrt().max(0.25) }
}

impl Picture<'_> {
    fn vm(&self, bus: usize) -> Option<f64> {
        self.step.vm_pu.get(bus).copied().flatten()
    }

    fn limits(&self, bus: usize) -> (f64, f64) {
        self.network.limits_pu.get(bus).copied().unwrap_or((f64::NEG_INFINITY, f64::INFINITY))
    }

    fn id(&self, bus: usize) -> String {
        self.network.bus_ids.get(bus).map_or_else(|| "?".to_owned(), u64::to_string)
    }

    fn ends(&self, branch: usize) -> Option<(Point, Point)> {
        let &(from, to) = self.network.branches.get(branch)?;
        Some((*self.places.get(from as usize)?, *self.places.get(to as usize)?))
    }

    /// How a branch is drawn, and what it says on hovering.
    fn branch_style(&self, branch: usize, out: &BTreeSet<u32>) -> (String, String) {
        let loading = self.step.loading.get(branch).copied().flatten();
        match (loading, &self.step.out) {
            _ if out.contains(&(branch as u32)) => ("out".into(), "out of service".into()),
            (Some(loading), _) => (
                format!("b{}", loading_class(loading)),
                format!("{} % of its rating", number(loading * 100.0)),
            ),
            (None, Some(_)) => ("b0".into(), "no rating, or no voltage".into()),
            (None, None) => ("unknown".into(), "no loading: out of service, or without rating".into()),
        }
    }

    fn branches(&self) -> (String, String) {
        let out: BTreeSet<u32> = self.step.out.iter().flatten().copied().collect();
        let order = ["unknown", "out", "b0", "b1", "b2", "b3"];
        let mut drawn = vec![String::new(); order.len()];
        let single = self.places.len() <= SINGLE_SYMBOLS;
        let mut paths = vec![String::new(); order.len()];
        for branch in 0..self.network.branches.len() {
            let Some((from, to)) = self.ends(branch) else { continue };
            let (class, says) = self.branch_style(branch, &out);
            let at = order.iter().position(|name| *name == class).unwrap_or(0);
            let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(coordinate);
            if single {
                let (a, b) = self.network.branches[branch];
                let name =
                    format!("branch {}, {} to {}", branch + 1, self.id(a as usize), self.id(b as usize));
                let title = escape_xml(&format!("{name}: {says}"));
                drawn[at]
                    .push_str(&format!("<path d=\"M{x1} {y1}L{x2} {y2}\"><title>{title}</title></path>\n"));
            } else {
                paths[at].push_str(&format!("M{x1} {y1}L{x2} {y2}"));
            }
        }
        let group = |at: usize| {
            let body = match (drawn[at].is_empty(), paths[at].is_empty()) {
                (true, true) => return String::new(),
                (false, _) => drawn[at].clone(),
                _ => format!("<path d=\"{}\"/>\n", paths[at]),
            };
            // Loading widens the line as it colours it; both shrink with the symbols of a large network.
            let width = [1.1, 1.6, 1.3, 2.0, 3.2, 4.6][at] * self.scale.max(0.4);
            format!("<g class=\"{}\" stroke-width=\"{}\">\n{body}</g>\n", order[at], coordinate(width))
        };
        let under = group(0) + &group(1);
        (under, (2..order.len()).map(group).collect())
    }

    fn buses(&self) -> String {
        let units: BTreeSet<u32> = self.network.unit_buses.iter().copied().collect();
        let mut out = String::new();
        // The ordinary first, violations last and on top.
        let rank = |bus: usize| match self.vm(bus) {
            None => (0, usize::MAX),
            Some(vm) => {
                let class = voltage_class(vm, self.limits(bus));
                (class.abs_diff(3), class)
            }
        };
        let mut order: Vec<usize> = (0..self.places.len()).collect();
        order.sort_by_key(|&bus| (rank(bus), bus));
        for same in order.chunk_by(|&a, &b| rank(a) == rank(b)) {
            let (off, class) = rank(same[0]);
            let class = if class == usize::MAX { "dead".to_owned() } else { format!("v{class}") };
            let radius = [5.6, 5.6, 7.4, 8.6][off] * self.scale;
            out.push_str(&format!("<g class=\"{class}\">\n"));
            if self.places.len() > SINGLE_SYMBOLS && off <= 1 && class != "dead" {
                out.push_str(&self.dots(same, radius));
                out.push_str("</g>\n");
                continue;
            }
            for &bus in same {
                let (x, y) = self.places[bus];
                let unit = units.contains(&(bus as u32)) && self.places.len() <= SINGLE_SYMBOLS;
                out.push_str(&self.symbol(bus, (x, y), radius, unit));
            }
            out.push_str("</g>\n");
        }
        out
    }

    /// Many circles as one path of points with round ends.
    fn dots(&self, buses: &[usize], radius: f64) -> String {
        let point = |&bus: &usize| {
            let (x, y) = self.places[bus];
            format!("M{} {}h0", coordinate(x), coordinate(y))
        };
        let points: String = buses.iter().map(point).collect();
        format!("<path class=\"dots\" stroke-width=\"{}\" d=\"{points}\"/>\n", coordinate(2.0 * radius))
    }

    /// A circle; a square where units feed in.
    fn symbol(&self, bus: usize, (x, y): Point, radius: f64, unit: bool) -> String {
        let shape = if unit {
            let side = 1.8 * radius;
            let [x, y, side] = [x - side / 2.0, y - side / 2.0, side].map(coordinate);
            format!("<rect x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\"")
        } else {
            let [x, y, r] = [x, y, radius].map(coordinate);
            format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\"")
        };
        if self.places.len() > SINGLE_SYMBOLS {
            return format!("{shape}/>\n");
        }
        let says = match self.vm(bus) {
            Some(vm) => format!("{vm:.4} pu"),
            None => "not energised".to_owned(),
        };
        let end = if unit { "</rect>" } else { "</circle>" };
        format!("{shape}><title>{}</title>{end}\n", escape_xml(&format!("bus {}: {says}", self.id(bus))))
    }

    /// Rows of the buses nearest to, or furthest beyond, a limit; worst first.
    fn worst_buses(&self) -> Vec<(usize, f64)> {
        let mut margins: Vec<(f64, usize, f64)> = (0..self.places.len())
            .filter_map(|bus| {
                let (vm, (low, high)) = (self.vm(bus)?, self.limits(bus));
                Some(((vm - low).min(high - vm), bus, vm))
            })
            .collect();
        margins.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        margins.into_iter().take(NAMED_BUSES).map(|(_, bus, vm)| (bus, vm)).collect()
    }

    fn worst_branches(&self) -> Vec<(usize, f64)> {
        let mut loadings: Vec<(usize, f64)> =
            self.step.loading.iter().enumerate().filter_map(|(row, value)| Some((row, (*value)?))).collect();
        loadings.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        loadings.retain(|&(row, _)| row < self.network.branches.len());
        loadings.truncate(NAMED_BRANCHES);
        loadings
    }

    fn branch_name(&self, branch: usize) -> String {
        let (from, to) = self.network.branches[branch];
        format!("{}\u{2013}{}", self.id(from as usize), self.id(to as usize))
    }

    fn labels(&self) -> String {
        let mut board = Board { taken: Vec::new(), leaders: String::new(), boxes: String::new() };
        for (bus, vm) in self.worst_buses() {
            let label = format!("{}: {vm:.3} pu", self.id(bus));
            board.place(self.places, self.places[bus], 9.0 * self.scale.max(0.5), &label, "bus-label");
        }
        for (branch, loading) in self.worst_branches() {
            if let Some((from, to)) = self.ends(branch) {
                let middle = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0);
                let label =
                    format!("{}: {} %", self.branch_name(branch), number((loading * 1000.0).round() / 10.0));
                board.place(self.places, middle, 5.0, &label, "branch-label");
            }
        }
        board.leaders + &board.boxes
    }

    /// Numbers on branches. One that stands for several branches is on each of them; several that stand for one, or for
    /// parallel ones, are beside each other.
    fn numbers(&self, numbered: &[Vec<u32>]) -> String {
        let mut at: Vec<(Point, Vec<String>)> = Vec::new();
        for (number, branches) in numbered.iter().enumerate() {
            for branch in branches {
                let Some((from, to)) = self.ends(*branch as usize) else { continue };
                let middle = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0);
                let number = (number + 1).to_string();
                match at.iter_mut().find(|(place, _)| *place == middle) {
                    Some((_, numbers)) => numbers.push(number),
                    None => at.push((middle, vec![number])),
                }
            }
        }
        let mut out = String::new();
        for ((x, y), numbers) in at {
            let words = numbers.join(",");
            let width = (text_width(&words, 11.0) + 7.0).max(16.0);
            out.push_str(&rectangle("number-box", (x - width / 2.0, y - 8.0), (width, 16.0)));
            out.push_str(&text("number", x, y + 4.0, &words));
        }
        out
    }

    fn description(&self) -> String {
        let buses: Vec<String> =
            self.worst_buses().iter().map(|&(bus, vm)| format!("bus {} {vm:.3} pu", self.id(bus))).collect();
        let branches: Vec<String> = self
            .worst_branches()
            .iter()
            .map(|&(row, loading)| format!("{} {} %", self.branch_name(row), number(loading * 100.0)))
            .collect();
        let dead = (0..self.places.len()).filter(|&bus| self.vm(bus).is_none()).count();
        let mut parts = vec![format!("{} buses, {dead} of them not energised", self.places.len())];
        if !buses.is_empty() {
            parts.push(format!("closest to or beyond their voltage limits: {}", buses.join(", ")));
        }
        if !branches.is_empty() {
            parts.push(format!("most loaded: {}", branches.join(", ")));
        }
        format!("{}.", parts.join(". "))
    }

    fn legend(&self) -> String {
        let first = self.network.limits_pu.first();
        let common = first.filter(|first| self.network.limits_pu.iter().all(|limits| limits == *first));
        let words: [String; 7] = match common {
            Some(&(low, high)) => {
                let near = 0.1 * (high - low);
                let edge = |value: f64| number((value * 1e4).round() / 1e4);
                [
                    format!("< {}", edge(low - FAR_PU)),
                    format!("< {}", edge(low)),
                    format!("< {}", edge(low + near)),
                    "within".into(),
                    format!("> {}", edge(high - near)),
                    format!("> {}", edge(high)),
                    format!("> {} pu", edge(high + FAR_PU)),
                ]
            }
            None => [
                "< low \u{2212} 0.05",
                "< low",
                "near low",
                "within",
                "near high",
                "> high",
                "> high + 0.05 pu",
            ]
            .map(str::to_owned),
        };
        let mut row = Row { x: 26.0, y: HEIGHT + 22.0, out: String::new() };
        row.word("legend-name", "Bus voltage");
        for (class, word) in words.iter().enumerate() {
            let circle = format!("<g class=\"v{class}\"><circle cx=\"X\" cy=\"Y\" r=\"5.6\"/></g>\n");
            row.entry(&circle, word);
        }
        row.entry("<g class=\"dead\"><circle cx=\"X\" cy=\"Y\" r=\"5.6\"/></g>\n", "not energised");
        let mut second = Row { x: 26.0, y: HEIGHT + 48.0, out: row.out };
        second.word("legend-name", "Loading");
        for (class, word, width) in [
            ("b0", "< 50 %", 1.3),
            ("b1", "50\u{2013}80 %", 2.0),
            ("b2", "80\u{2013}100 %", 3.2),
            ("b3", "> 100 %", 4.6),
        ] {
            second.entry(&swatch(class, width), word);
        }
        match self.step.out {
            Some(_) => second.entry(&swatch("out", 1.6), "out of service"),
            None => second.entry(&swatch("unknown", 1.1), "out of service or no rating"),
        }
        if self.places.len() <= SINGLE_SYMBOLS {
            let square = "<g class=\"v3\"><rect x=\"L\" y=\"T\" width=\"10\" height=\"10\"/></g>\n";
            second.entry(square, "bus with units");
        }
        second.out
    }
}

fn swatch(class: &str, width: f64) -> String {
    let stroke = coordinate(width);
    format!("<g class=\"{class}\" stroke-width=\"{stroke}\"><path d=\"MA YLB Y\"/></g>\n")
}

/// A line of the legend that grows to the right. Symbols are drawn around the place X, Y that it fills in.
struct Row {
    x: f64,
    y: f64,
    out: String,
}

impl Row {
    fn word(&mut self, class: &str, word: &str) {
        self.out.push_str(&text(class, self.x, self.y + 4.5, word));
        self.x += text_width(word, FONT) + 14.0;
    }

    fn entry(&mut self, symbol: &str, word: &str) {
        let (centre, y) = (self.x + 9.0, self.y);
        let symbol = symbol
            .replace("\"X\"", &format!("\"{}\"", coordinate(centre)))
            .replace("\"Y\"", &format!("\"{}\"", coordinate(y)))
            .replace("\"L\"", &format!("\"{}\"", coordinate(centre - 5.0)))
            .replace("\"T\"", &format!("\"{}\"", coordinate(y - 5.0)))
            .replace(
                "MA YLB Y",
                &format!(
                    "M{0} {2}L{1} {2}",
                    coordinate(centre - 10.0),
                    coordinate(centre + 10.0),
                    coordinate(y)
                ),
            );
        self.out.push_str(&symbol);
        self.x += 25.0;
        self.word("legend-word", word);
    }
}

/// Where a label may lie, as shares of its own size and distance; the plain directions first.
const DIRECTIONS: [(f64, f64); 12] = [
    (1.0, 0.0),
    (-1.0, 0.0),
    (0.0, -1.0),
    (0.0, 1.0),
    (1.0, -1.0),
    (-1.0, -1.0),
    (1.0, 1.0),
    (-1.0, 1.0),
    (0.5, -1.0),
    (-0.5, -1.0),
    (0.5, 1.0),
    (-0.5, 1.0),
];

/// Labels that keep off symbols and each other.
struct Board {
    taken: Vec<(f64, f64, f64, f64)>,
    leaders: String,
    boxes: String,
}

impl Board {
    /// Tries twelve directions from `at` at six distances and takes the place that covers least.
    fn place(&mut self, symbols: &[Point], at: Point, gap: f64, label: &str, class: &str) {
        let (width, height) = (text_width(label, FONT) + 8.0, FONT + 6.0);
        let mut best: Option<(f64, (f64, f64, f64, f64))> = None;
        for distance in [gap, gap + 12.0, gap + 26.0, gap + 44.0, gap + 66.0, gap + 92.0] {
            for (dx, dy) in DIRECTIONS {
                let x = at.0 + dx * (distance + width / 2.0) - width / 2.0;
                let y = at.1 + dy * (distance + height / 2.0) - height / 2.0;
                let cost = self.cost(symbols, (x, y, width, height)) + 0.03 * distance;
                if best.is_none_or(|(least, _)| cost < least) {
                    best = Some((cost, (x, y, width, height)));
                }
            }
        }
        let Some((_, (x, y, width, height))) = best else { return };
        self.taken.push((x, y, width, height));
        let centre = (x + width / 2.0, y + height / 2.0);
        let edge = (at.0.clamp(x, x + width), at.1.clamp(y, y + height));
        self.leaders.push_str(&line("leader", at, edge));
        self.boxes.push_str(&rectangle("label-box", (x, y), (width, height)));
        self.boxes.push_str(&text(class, centre.0, centre.1 + 4.5, label));
    }

    fn cost(&self, symbols: &[Point], (x, y, width, height): (f64, f64, f64, f64)) -> f64 {
        let covered = symbols
            .iter()
            .filter(|s| s.0 > x - 7.0 && s.0 < x + width + 7.0 && s.1 > y - 7.0 && s.1 < y + height + 7.0)
            .count();
        let overlapping = self
            .taken
            .iter()
            .filter(|t| x < t.0 + t.2 && t.0 < x + width && y < t.1 + t.3 && t.1 < y + height)
            .count();
        let outside = x < 2.0 || y < 2.0 || x + width > WIDTH - 2.0 || y + height > HEIGHT - 2.0;
        4.0 * covered as f64 + 500.0 * overlapping as f64 + if outside { 2000.0 } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voltage_at_its_limit_is_no_violation() {
        let limits = (0.94, 1.06);
        let classes =
            [0.88, 0.9398, 0.93995, 0.95, 1.0, 1.05, 1.06005, 1.0602, 1.12].map(|v| voltage_class(v, limits));
        assert_eq!(classes, [0, 1, 2, 2, 3, 4, 4, 5, 6]);
        assert_eq!([0.49, 0.5, 0.8, 1.0, 1.0005, 1.002].map(loading_class), [0, 1, 2, 2, 2, 3]);
    }

    /// What the record does not say is not drawn as if it did.
    #[test]
    fn a_branch_without_loading_is_out_only_where_the_record_says_so() {
        let network = NetworkRecord {
            name: "<b>".into(),
            bus_ids: vec![10, 20, 30],
            limits_pu: vec![(0.9, 1.1); 3],
            branches: vec![(0, 1), (1, 2), (2, 9)],
            ..NetworkRecord::default()
        };
        let places = layout(&network);
        let mut step = StepRecord {
            vm_pu: vec![Some(1.0), Some(0.85), None],
            loading: vec![None, None],
            ..StepRecord::default()
        };
        let unknown = render(&network, &places, &step, "p");
        assert!(unknown.contains("out of service or no rating") && !unknown.contains("class=\"out\""));
        step.out = Some(vec![1]);
        let known = render(&network, &places, &step, "p");
        assert!(
            known.contains("branch 2, 20 to 30: out of service")
                && known.contains("branch 1, 10 to 20: no rating")
        );
        assert!(known.contains("bus 30: not energised") && known.contains("20: 0.850 pu"));
        assert!(known.contains("&lt;b&gt;") && !known.contains("<b>"));
    }
}
