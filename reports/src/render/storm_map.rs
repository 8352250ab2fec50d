//! Storms on the map: the grid at its places, gusts under it, what is out and where demand is not served, moment by moment.

use std::collections::BTreeMap;

use serde::Serialize;

use super::layout::{HEIGHT, WIDTH, geographic, layout};
use super::svg::{coordinate, line, open, rectangle, text};
use crate::evidence::NetworkRecord;
use crate::problem::Problem;
use crate::study::{GustField, PopulationRisk, ShownStorm};
use crate::words::{number, quantity};

/// Gusts from which on a cell is darker, m/s: a gale, a storm, lines begin to fail, hurricanes.
const LEVELS: [u32; 6] = [15, 20, 25, 32, 40, 50];
/// Radius of a bus that is served, and how much one grows that has the most unserved demand, in the picture's own units.
const SERVED: f64 = 3.2;
const GROWS: f64 = 17.0;
/// Height of the legend under the map.
const LEGEND: f64 = 34.0;

/// What the script shows at one position of the slider. Names are short: there are hundreds of them.
#[derive(Serialize)]
struct Frame {
    /// Label.
    t: String,
    /// A digit for each cell of the field; empty where there is none.
    g: String,
    /// Rows of branches that are out, from 1.
    o: Vec<u32>,
    /// Rows of buses with unserved demand, from 1, with the radius.
    u: Vec<(u32, f64)>,
}

#[derive(Serialize)]
struct Story {
    name: String,
    /// The frame with the most unserved demand.
    worst: usize,
    frames: Vec<Frame>,
}

/// The map of a population: picture and the data of its script.
pub(super) struct StormMap {
    pub(super) picture: String,
    pub(super) data: String,
}

/// The map; `None` where nobody knows where the buses are, or no storm is shown.
///
/// # Errors
/// `render.html` where the data cannot be written.
pub(super) fn map(population: &PopulationRisk, network: &NetworkRecord) -> Result<Option<StormMap>, Problem> {
    let Some(on_map) = geographic(network) else { return Ok(None) };
    let Some(first) = population.shown.first() else { return Ok(None) };
    let most_mw = population.shown.iter().flat_map(|storm| storm.unserved_mw.iter().flatten());
    let most_mw = most_mw.map(|(_, mw)| *mw).fold(0.0, f64::max);
    let stories: Vec<Story> =
        population.shown.iter().map(|storm| story(&population.id, storm, most_mw)).collect();
    let shown = &stories[0];
    let frame = shown.frames.get(shown.worst);
    let description =
        format!("The grid at its places in the {} storm, {}", first.why, frame.map_or("", |frame| &frame.t));
    let mut out = open(
        &format!("{}-map", population.id),
        "network storm",
        (WIDTH, HEIGHT + LEGEND),
        "Storms on the map",
        &description,
    );
    if let Some(field) = &first.gusts {
        cells(field, frame.map_or("", |frame| &frame.g), on_map, &mut out);
    }
    grid(network, frame, &mut out);
    legend(first.gusts.is_some(), most_mw, &mut out);
    out.push_str("</svg>");
    // Inside a script element only `<` could end it.
    let data = serde_json::to_string(&stories)
        .map_err(|error| Problem::new("render.html", error.to_string()))?
        .replace('<', "\\u003c");
    Ok(Some(StormMap { picture: out, data }))
}

fn story(population: &str, storm: &ShownStorm, most_mw: f64) -> Story {
    let all: Vec<f64> = storm.unserved_mw.iter().map(|buses| buses.iter().map(|(_, mw)| mw).sum()).collect();
    let worst = (0..all.len()).fold(0, |worst, at| if all[at] > all[worst] { at } else { worst });
    let frame = |at: usize| Frame {
        t: format!(
            "{} h: {} branches out, {} unserved",
            number(storm.time_h[at]),
            storm.out[at].len(),
            quantity(all[at], "MW")
        ),
        g: storm
            .gusts
            .as_ref()
            .map_or_else(String::new, |field| field.m_s[at].iter().map(|m_s| level(*m_s)).collect()),
        o: storm.out[at].clone(),
        u: storm.unserved_mw[at].iter().map(|(row, mw)| (*row, radius(*mw, most_mw))).collect(),
    };
    Story {
        name: format!("{} storm, {population}/{}", storm.why, storm.index),
        worst,
        frames: (0..storm.time_h.len()).map(frame).collect(),
    }
}

/// The digit of a gust.
fn level(m_s: u32) -> char {
    char::from(b'0' + LEVELS.iter().filter(|level| m_s >= **level).count() as u8)
}

/// The area of a bus beyond that of a served one is as its unserved demand.
fn radius(mw: f64, most_mw: f64) -> f64 {
    let share = if most_mw > 0.0 { (mw / most_mw).sqrt() } else { 0.0 };
    (10.0 * GROWS.mul_add(share, SERVED)).round() / 10.0
}

fn cells(field: &GustField, levels: &str, on_map: impl Fn((f64, f64)) -> (f64, f64), out: &mut String) {
    let edge = |(low, high): (f64, f64), at: u32, of: u32| low + (high - low) * f64::from(at) / f64::from(of);
    let inside = |(x, y): (f64, f64)| (x.clamp(0.0, WIDTH), y.clamp(0.0, HEIGHT));
    out.push_str("<g class=\"gusts\">\n");
    let mut levels = levels.chars();
    for row in 0..field.rows {
        for column in 0..field.columns {
            let corner = |column: u32, row: u32| {
                let east = edge(field.longitude_deg, column, field.columns);
                inside(on_map((east, edge(field.latitude_deg, field.rows - row, field.rows))))
            };
            let (low, high) = (corner(column, row), corner(column + 1, row + 1));
            let class = format!("g{}", levels.next().unwrap_or('0'));
            out.push_str(&rectangle(&class, low, (high.0 - low.0, high.1 - low.1)));
        }
    }
    out.push_str("</g>\n");
}

fn grid(network: &NetworkRecord, frame: Option<&Frame>, out: &mut String) {
    let places = layout(network);
    let is_out = |row: u32| frame.is_some_and(|frame| frame.o.contains(&row));
    let sizes: BTreeMap<u32, f64> = frame.map(|frame| frame.u.iter().copied().collect()).unwrap_or_default();
    out.push_str("<g class=\"lines\">\n");
    for (row, (from, to)) in (1..).zip(&network.branches) {
        let at = |bus: &u32| places.get(*bus as usize).copied().unwrap_or_default();
        out.push_str(&line(if is_out(row) { "out" } else { "on" }, at(from), at(to)));
    }
    out.push_str("</g>\n<g class=\"buses\">\n");
    for (row, (x, y)) in (1..).zip(&places) {
        let (class, size) = sizes.get(&row).map_or(("served", SERVED), |size| ("unserved", *size));
        let id = network.bus_ids.get(row as usize - 1).map_or_else(String::new, u64::to_string);
        out.push_str(&format!(
            "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{}\"><title>bus {id}</title></circle>\n",
            coordinate(*x),
            coordinate(*y),
            coordinate(size)
        ));
    }
    out.push_str("</g>\n");
}

fn legend(wind: bool, most_mw: f64, out: &mut String) {
    let y = HEIGHT + LEGEND - 10.0;
    let mut x = 12.0;
    if wind {
        out.push_str(&text("legend-word", x, y, "gust, m/s"));
        x += 76.0;
        for (level, m_s) in (1..).zip(LEVELS) {
            out.push_str(&rectangle(&format!("g{level}"), (x, y - 12.0), (22.0, 14.0)));
            out.push_str(&text("legend-word", x + 27.0, y, &number(f64::from(m_s))));
            x += 56.0;
        }
    }
    out.push_str(&line("out", (x + 8.0, y - 5.0), (x + 38.0, y - 5.0)));
    out.push_str(&text("legend-word", x + 44.0, y, "out"));
    x += 92.0;
    out.push_str(&format!(
        "<circle class=\"unserved\" cx=\"{}\" cy=\"{}\" r=\"9\"/>\n",
        coordinate(x),
        coordinate(y - 5.0)
    ));
    let most = format!("not served, by area; the largest is {}", quantity(most_mw, "MW"));
    out.push_str(&text("legend-word", x + 16.0, y, &most));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gust_is_as_dark_as_its_level_and_a_bus_as_large_as_its_share() {
        assert_eq!([0, 14, 15, 31, 32, 50, 90].map(level), ['0', '0', '1', '3', '4', '6', '6']);
        let grows = |mw| radius(mw, 100.0) - SERVED;
        assert!((grows(100.0) - GROWS).abs() < 0.06 && (grows(25.0) - GROWS / 2.0).abs() < 0.06);
        assert_eq!(radius(0.0, 0.0), 3.2);
    }
}
