//! Single storms moment by moment, for the map: gusts, lines that are out, demand that is not served.

use powerflow::Index;
use reports::study::{GustField, ShownStorm};
use scenarios::weather::geography::{Map, Place};

use super::block::Worker;
use crate::run::Prepared;
use crate::service::Service;

/// Moments that are shown at most.
const MOMENTS: u32 = 72;
/// Columns and rows of the field of gusts.
const COLUMNS: usize = 24;
const ROWS: usize = 15;
/// The field reaches beyond the outermost buses by this share of their extent, and by so many degrees at least.
const BEYOND: f64 = 0.06;
const BEYOND_DEG: f64 = 0.05;

/// One storm of a population; `None` where it cannot be shown: nobody knows where the buses are, or nothing was measured.
pub(super) fn of(
    prepared: &Prepared,
    worker: &mut Worker<'_>,
    population: usize,
    index: u64,
    why: &str,
) -> Option<ShownStorm> {
    prepared.network.buses.location.iter().all(|(_, place)| place.is_some()).then_some(())?;
    let service = worker.service(population, index)?;
    let moments = prepared.config.steps.min(MOMENTS);
    let horizon_s = prepared.world().horizon_s;
    let seconds: Vec<f64> =
        (0..moments).map(|moment| horizon_s * f64::from(moment) / f64::from(moments)).collect();
    Some(ShownStorm {
        why: why.into(),
        index,
        time_h: seconds.iter().map(|at_s| at_s / 3600.0).collect(),
        out: seconds.iter().map(|at_s| out(&service, *at_s)).collect(),
        unserved_mw: seconds.iter().map(|at_s| unserved(&service, *at_s)).collect(),
        gusts: gusts(prepared, population, index, &seconds),
    })
}

/// Rows of the branches that are out, from 1.
fn out(service: &Service, at_s: f64) -> Vec<u32> {
    let is_out = service.open.iter().filter(|(_, course)| course.at(at_s).is_some_and(|open| open > 0.0));
    is_out.map(|(branch, _)| branch.row() as u32 + 1).collect()
}

/// Rows of the buses with demand that is not served, from 1, and how much.
fn unserved(service: &Service, at_s: f64) -> Vec<(u32, f64)> {
    let now = service.unserved_mw.iter().filter_map(|(bus, course)| Some((bus, course.at(at_s)?)));
    now.filter(|(_, mw)| *mw > 0.0).map(|(bus, mw)| (bus.row() as u32 + 1, mw)).collect()
}

/// The strongest gusts of any hazard over the grid and a little beyond; `None` where none is a wind.
fn gusts(prepared: &Prepared, population: usize, index: u64, seconds: &[f64]) -> Option<GustField> {
    let map = Map::of(&prepared.network, "map").ok()?;
    let places: Vec<(f64, f64)> =
        prepared.network.buses.location.iter().filter_map(|(_, place)| *place).collect();
    let span = |of: fn(&(f64, f64)) -> f64| {
        let (low, high) = places
            .iter()
            .map(of)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)));
        let beyond = BEYOND_DEG.max(BEYOND * (high - low));
        (low - beyond, high + beyond)
    };
    let (longitude_deg, latitude_deg) = (span(|place| place.0), span(|place| place.1));
    let middle =
        |(low, high): (f64, f64), at: usize, of: usize| low + (high - low) * (at as f64 + 0.5) / of as f64;
    let points: Vec<_> = (0..ROWS * COLUMNS)
        .map(|cell| Place {
            latitude_deg: middle(latitude_deg, ROWS - 1 - cell / COLUMNS, ROWS),
            longitude_deg: middle(longitude_deg, cell % COLUMNS, COLUMNS),
        })
        .map(|place| map.point(place))
        .collect();
    let winds = scenarios::gusts(
        prepared.seed(),
        &prepared.populations[population],
        &prepared.world(),
        index,
        &points,
    );
    if winds.is_empty() {
        return None;
    }
    let at = |cell: usize, at_s: f64| winds.iter().map(|wind| wind[cell].value_at(at_s)).fold(0.0, f64::max);
    Some(GustField {
        longitude_deg,
        latitude_deg,
        columns: COLUMNS as u32,
        rows: ROWS as u32,
        m_s: seconds
            .iter()
            .map(|at_s| (0..points.len()).map(|cell| at(cell, *at_s).round() as u32).collect())
            .collect(),
    })
}
