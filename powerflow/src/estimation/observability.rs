//! What readings determine, and what they leave open.
//!
//! Rows of derivatives, each divided by its length so that no sigma and no short line decides, make a gain matrix. Every pivot that it
//! lacks is a direction in which voltages may move while no reading changes. A bus that moves in one is not observed; flow between
//! two buses that move alike is.
//!
//! Source: A. Monticelli, F. F. Wu, "Network observability: theory", IEEE Trans. PAS-104(5), 1985.

use super::circuit::Circuit;
use super::gain::{Gain, Rows};
use super::meter::{Meter, MeterKind, MeterSet};
use crate::index::{BusIdx, Index};
use crate::network::Network;
use crate::plan::Plan;
use crate::state::State;

/// A pivot below this share of its diagonal is none.
const PIVOT_MIN: f64 = 1e-11;
/// What moves less than this share of what moves most does not move.
const MOVES: f64 = 1e-6;

/// What readings determine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observability {
    /// Buses whose voltage the readings leave open, in file order.
    pub unobservable: Vec<BusIdx>,
    /// Energised buses in pieces within which every flow is determined, by their first bus; one piece for each island of the grid where all is.
    pub islands: Vec<Vec<BusIdx>>,
}

impl Observability {
    /// Whether the readings determine every voltage.
    pub fn is_complete(&self) -> bool {
        self.unobservable.is_empty()
    }
}

/// Directions that rows leave open, by unknown, each scaled to one at its largest.
fn open(rows: &Rows, gain: &Gain, used: &dyn Fn(usize) -> bool) -> Vec<Vec<f64>> {
    let weight: Vec<f64> = (0..rows.len()).map(|row| f64::from(u8::from(used(row)))).collect();
    let factor = gain.factor(rows, &weight, PIVOT_MIN);
    let scaled = |x: Vec<f64>| {
        let largest = x.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        x.into_iter().map(|x| x / largest).collect()
    };
    factor.null_vectors().map(scaled).collect()
}

/// What those of the rows that are used determine of a circuit; rows are of the unknowns of its voltages.
pub(super) fn of_circuit(circuit: &Circuit, rows: Rows, used: &dyn Fn(usize) -> bool) -> Observability {
    let gain = Gain::of(&rows, 0, circuit.unknowns);
    of_nodes(circuit, &circuit.unknown, &open(&rows.normalised(), &gain, used))
}

/// The same of the linear model, where angles alone are unknown, those of buses. Rows are normalised, the gain has their pattern.
pub(super) fn of_angles(
    circuit: &Circuit,
    unknown: &[Option<u32>],
    (rows, gain): (&Rows, &Gain),
    used: &dyn Fn(usize) -> bool,
) -> Observability {
    let angles: Vec<[Option<u32>; 2]> = unknown.iter().map(|unknown| [*unknown, None]).collect();
    of_nodes(circuit, &angles, &open(rows, gain, used))
}

/// What directions leave of nodes with these unknowns.
fn of_nodes(circuit: &Circuit, unknown: &[[Option<u32>; 2]], open: &[Vec<f64>]) -> Observability {
    let moves =
        |x: &[f64], node: u32, part: usize| unknown[node as usize][part].map_or(0.0, |of| x[of as usize]);
    let far = |x: f64| x.abs() > MOVES;
    let fixed = |node: u32| open.iter().all(|x| !far(moves(x, node, 0)) && !far(moves(x, node, 1)));
    let alike = |a: u32, b: u32| {
        open.iter()
            .all(|x| !far(moves(x, a, 0) - moves(x, b, 0)) && !far(moves(x, a, 1)) && !far(moves(x, b, 1)))
    };
    let mut unobservable: Vec<BusIdx> = (0..circuit.nodes as u32)
        .filter(|node| circuit.live[*node as usize] && !fixed(*node))
        .map(|node| BusIdx::from_row(circuit.bus_of[node as usize] as usize))
        .collect();
    unobservable.sort_unstable();
    unobservable.dedup();
    let mut piece: Vec<u32> = (0..circuit.buses as u32).collect();
    for ends in circuit.terminals.chunks_exact(2) {
        if alike(ends[0].node, ends[1].node) {
            crate::problem::join(&mut piece, ends[0].bus, ends[1].bus);
        }
    }
    let mut islands: Vec<Vec<BusIdx>> = vec![Vec::new(); circuit.buses];
    for bus in (0..circuit.buses as u32).filter(|bus| circuit.live[*bus as usize]) {
        let root = crate::problem::root(&mut piece, bus);
        islands[root as usize].push(BusIdx::from_row(bus as usize));
    }
    islands.retain(|buses| !buses.is_empty());
    Observability { unobservable, islands }
}

/// The same set with as few assumed readings as make a state observable: injections that nobody measures, in file order, then
/// voltages. Their readings are somebody's forecast, with a sigma of `sigma_pu`. Returns the set and the places of what was added in
/// it, none where nothing was missing; what no assumption helps stays unobservable.
pub fn with_assumed_readings(
    network: &Network,
    plan: &Plan,
    state: &State,
    set: &MeterSet,
    sigma_pu: f64,
) -> (MeterSet, Vec<usize>) {
    let circuit = Circuit::of(network, plan, state, set);
    let flat: Vec<_> = (0..circuit.nodes)
        .map(|node| {
            let rad = circuit.reference_rad[node];
            crate::Complex { re: libm::cos(rad), im: libm::sin(rad) }
        })
        .collect();
    let rows = |kinds: &[MeterKind]| {
        let seen: Vec<usize> = kinds.iter().filter_map(|kind| circuit.quantity(*kind)).collect();
        Rows::of(circuit.derivatives(&seen, &flat)).normalised()
    };
    let mut known: Vec<MeterKind> = set.meters.iter().map(|meter| meter.kind).collect();
    for bus in &set.zero_injections {
        known.extend([MeterKind::ActiveInjection(*bus), MeterKind::ReactiveInjection(*bus)]);
    }
    let buses = || network.buses.id.indices();
    let injections =
        buses().flat_map(|bus| [MeterKind::ActiveInjection(bus), MeterKind::ReactiveInjection(bus)]);
    let mut candidates: Vec<MeterKind> = injections.chain(buses().map(MeterKind::Voltage)).collect();
    candidates.retain(|kind| !known.contains(kind) && circuit.quantity(*kind).is_some());

    let mut filled = set.clone();
    let mut added = Vec::new();
    loop {
        let now = rows(&known);
        let open = open(&now, &Gain::of(&now, 0, circuit.unknowns), &|_| true);
        let candidate_rows = rows(&candidates);
        let helps = |at: &usize| open.iter().any(|x| candidate_rows.times(*at, x).abs() > MOVES);
        let Some(at) = (0..candidates.len()).find(helps) else { break };
        let kind = candidates.remove(at);
        known.push(kind);
        added.push(filled.meters.len());
        filled.meters.push(Meter { kind, sigma: sigma_pu });
    }
    (filled, added)
}
