//! From a field to currents: nodal equations of the quasi-dc network.
//!
//! A branch from node i to node j with three phases in parallel has the conductance `g = 3 / R` and, on a line, the voltage V of
//! the field in series: `I = g (v_i - v_j + V)`. Kirchhoff's law at every node that has a way to earth is symmetric and positive
//! definite; nodes without one have no voltage and no equation.
//!
//! Source: Boteler and Pirjola, "Comparison of methods for modelling geomagnetically induced currents", Ann. Geophys. 32, 2014.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::gic::{GeoelectricField, GicNetwork, GicTransformer, Winding, Windings};
use crate::index::{BusIdx, Column, Index, StationIdx};
use crate::symmetric::Factor;

/// Current of one winding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindingCurrent {
    /// Which.
    pub winding: Winding,
    /// A per phase, in the direction that [`Winding`] says; `None` where no way to earth leads through it.
    pub a_per_phase: Option<f64>,
}

/// Currents of one transformer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransformerCurrents {
    /// Windings that conduct.
    pub windings: Vec<WindingCurrent>,
    /// The current in the high-voltage winding alone that would magnetise the core as much, A per phase; `None` where no
    /// winding carries direct current.
    pub effective_a: Option<f64>,
}

/// Voltages and currents of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct GicSolution {
    /// Direct voltage of each bus to remote earth, V; `None` where no way leads to earth.
    pub bus_v: Column<BusIdx, Option<f64>>,
    /// The same of each station's neutral.
    pub station_v: Column<StationIdx, Option<f64>>,
    /// Current from each neutral into earth, A, three phases; `None` where the neutral is not grounded.
    pub station_a: Column<StationIdx, Option<f64>>,
    /// Voltage of the field along each line, V.
    pub line_v: Vec<f64>,
    /// Current in each line from its from end to its to end, A per phase; `None` where it does not conduct or no way leads
    /// to earth.
    pub line_a: Vec<Option<f64>>,
    /// Currents in each transformer.
    pub transformers: Vec<TransformerCurrents>,
    /// Largest current that does not balance at a node, A, summed anew from the branch currents.
    pub imbalance_a: f64,
}

/// What joins two nodes.
#[derive(Clone, Copy, Debug)]
struct Conductor {
    from: usize,
    to: usize,
    /// Three phases in parallel, S.
    siemens: f64,
}

/// A network with its factor; answers any field.
#[derive(Clone, Debug)]
pub struct GicSolver<'a> {
    network: &'a GicNetwork,
    /// Conductors: first those of lines that conduct, each with its row, then windings, resistors and shunts.
    conductors: Vec<Conductor>,
    line_of: Vec<usize>,
    /// Conductors of each transformer's windings, by their winding.
    windings: Vec<Vec<(Winding, usize)>>,
    /// Conductance of each node to earth, S.
    earth: Vec<f64>,
    /// Place of each node among those with a way to earth.
    live: Vec<Option<usize>>,
    factor: Factor,
    /// Node voltages for 1 V/km to the north and to the east.
    unit: [Vec<f64>; 2],
}

impl<'a> GicSolver<'a> {
    /// Factors a network, and solves it for the fields to the north and to the east: their sums answer every uniform field.
    ///
    /// # Errors
    /// Everything that is wrong with the numbers of the network (`gic.*`), and `gic.singular` where they are too far apart.
    pub fn new(network: &'a GicNetwork) -> Result<Self, Diagnostics> {
        network.check()?;
        let (buses, stations) = (network.buses.len(), network.stations.len());
        let neutral = |station: StationIdx| buses + station.row();
        let mut conductors = Vec::new();
        let mut line_of = Vec::new();
        for (row, line) in network.lines.iter().enumerate().filter(|(_, line)| line.conducts) {
            line_of.push(row);
            conductors.push(Conductor {
                from: line.from.row(),
                to: line.to.row(),
                siemens: 3.0 / line.r_ohm,
            });
        }
        let mut nodes = buses + stations;
        let mut windings = Vec::with_capacity(network.transformers.len());
        for transformer in &network.transformers {
            let mut own_neutral = neutral(transformer.station);
            if transformer.neutral_ohm > 0.0 && transformer.windings.is_some() {
                let siemens = 1.0 / transformer.neutral_ohm;
                conductors.push(Conductor { from: nodes, to: own_neutral, siemens });
                own_neutral = nodes;
                nodes += 1;
            }
            let mut of = Vec::new();
            for (winding, from, to, ohm) in paths(network, transformer, own_neutral) {
                of.push((winding, conductors.len()));
                conductors.push(Conductor { from, to, siemens: 3.0 / ohm });
            }
            windings.push(of);
        }
        conductors.extend(network.shunts.iter().map(|shunt| Conductor {
            from: shunt.bus.row(),
            to: neutral(shunt.station),
            siemens: 3.0 / shunt.r_ohm,
        }));
        let mut earth = vec![0.0; nodes];
        for (station, of) in network.stations.iter() {
            earth[neutral(station)] = of.conductance_s.unwrap_or(0.0);
        }

        let live = ways_to_earth(&conductors, &earth);
        let edges: Vec<(usize, usize, f64)> = conductors
            .iter()
            .filter_map(|c| Some((live[c.from]?, live[c.to]?, c.siemens)))
            .filter(|(from, to, _)| from != to)
            .collect();
        let live_earth: Vec<f64> =
            live.iter().zip(&earth).filter(|(at, _)| at.is_some()).map(|(_, siemens)| *siemens).collect();
        let factor = Factor::of_graph(&edges, &live_earth);
        if !factor.is_regular() {
            return Err(Diagnostic::error(
                "gic.singular",
                "the conductances of the network are too far apart to solve",
            )
            .hint("look for resistances that are no ohms, or far too small")
            .into());
        }
        let mut solver = GicSolver {
            network,
            conductors,
            line_of,
            windings,
            earth,
            live,
            factor,
            unit: [Vec::new(), Vec::new()],
        };
        let along =
            |field| network.lines.iter().map(|line| line.lengths.voltage(field)).collect::<Vec<f64>>();
        solver.unit =
            [GeoelectricField::NORTH, GeoelectricField::EAST].map(|field| solver.voltages(&along(field)));
        Ok(solver)
    }

    /// Voltages and currents of a uniform field, from the two solutions that are kept.
    pub fn uniform(&self, field: GeoelectricField) -> GicSolution {
        let [north, east] = &self.unit;
        let v =
            north.iter().zip(east).map(|(n, e)| field.north_v_per_km * n + field.east_v_per_km * e).collect();
        let lines = self.network.lines.iter().map(|line| line.lengths.voltage(field)).collect();
        self.solution(v, lines)
    }

    /// Voltages and currents of a field given by its voltage along each line, V; see [`GicNetwork::voltages`].
    ///
    /// `None` where there is not one voltage a line.
    pub fn driven(&self, line_v: &[f64]) -> Option<GicSolution> {
        let one_each = line_v.len() == self.network.lines.len();
        one_each.then(|| self.solution(self.voltages(line_v), line_v.to_vec()))
    }

    /// Voltages of the nodes with a way to earth.
    fn voltages(&self, line_v: &[f64]) -> Vec<f64> {
        let mut right = vec![0.0; self.live.iter().flatten().count()];
        for (conductor, row) in self.conductors.iter().zip(&self.line_of) {
            let driven = conductor.siemens * line_v[*row];
            if let (Some(from), Some(to)) = (self.live[conductor.from], self.live[conductor.to]) {
                right[from] -= driven;
                right[to] += driven;
            }
        }
        self.factor.solve(&right)
    }

    fn solution(&self, v: Vec<f64>, line_v: Vec<f64>) -> GicSolution {
        let network = self.network;
        // Adding zero makes of a negative zero a zero.
        let voltage = |node: usize| self.live[node].map(|at| v[at] + 0.0);
        let current = |conductor: &Conductor, driven: f64| {
            let (from, to) = (voltage(conductor.from)?, voltage(conductor.to)?);
            Some(conductor.siemens * (from - to + driven))
        };
        let mut driven = vec![0.0; self.conductors.len()];
        for (row, driven) in self.line_of.iter().zip(&mut driven) {
            *driven = line_v[*row];
        }
        let total: Vec<Option<f64>> =
            self.conductors.iter().zip(&driven).map(|(conductor, v)| current(conductor, *v)).collect();
        let buses = network.buses.len();
        let station_a: Column<StationIdx, Option<f64>> = network
            .stations
            .iter()
            .map(|(station, of)| Some(voltage(buses + station.row())? * of.conductance_s?))
            .collect();

        let mut balance: Vec<f64> =
            self.earth.iter().enumerate().map(|(node, g)| g * voltage(node).unwrap_or(0.0)).collect();
        for (conductor, a) in self.conductors.iter().zip(&total) {
            let a = a.unwrap_or(0.0);
            balance[conductor.from] += a;
            balance[conductor.to] -= a;
        }
        let mut line_a = vec![None; network.lines.len()];
        for (row, a) in self.line_of.iter().zip(&total) {
            line_a[*row] = a.map(|a| a / 3.0);
        }
        let transformers = network.transformers.iter().zip(&self.windings).map(|(transformer, of)| {
            let per_phase = |(winding, at): &(Winding, usize)| WindingCurrent {
                winding: *winding,
                a_per_phase: total[*at].map(|a| a / 3.0),
            };
            let windings: Vec<WindingCurrent> = of.iter().map(per_phase).collect();
            let effective_a = effective_current_a(network, transformer, &windings);
            TransformerCurrents { windings, effective_a }
        });
        GicSolution {
            bus_v: network.buses.indices().map(|bus| voltage(bus.row())).collect(),
            station_v: network.stations.indices().map(|station| voltage(buses + station.row())).collect(),
            station_a,
            line_a,
            transformers: transformers.collect(),
            imbalance_a: balance.iter().fold(0.0, |worst, a| worst.max(a.abs())),
            line_v,
        }
    }
}

/// The windings of a transformer that conduct: which, from and to node, ohm per phase.
fn paths(
    network: &GicNetwork,
    transformer: &GicTransformer,
    neutral: usize,
) -> Vec<(Winding, usize, usize, f64)> {
    let (high_bus, low_bus) = network.high_and_low(transformer);
    let (high_bus, low_bus) = (high_bus.row(), low_bus.row());
    match transformer.windings {
        None => Vec::new(),
        Some(Windings::Auto { series, common }) => {
            let series = (Winding::Series, high_bus, low_bus, series);
            let common = common.map(|ohm| (Winding::Common, low_bus, neutral, ohm));
            std::iter::once(series).chain(common).collect()
        }
        Some(Windings::Separate { high, low, tertiary }) => {
            let tertiary_bus = transformer.tertiary.map(Index::row);
            let path = |winding, bus: Option<usize>, ohm: Option<f64>| Some((winding, bus?, neutral, ohm?));
            [
                path(Winding::High, Some(high_bus), high),
                path(Winding::Low, Some(low_bus), low),
                path(Winding::Tertiary, tertiary_bus, tertiary),
            ]
            .into_iter()
            .flatten()
            .collect()
        }
    }
}

/// Each node's place among those that conductors join to earth.
fn ways_to_earth(conductors: &[Conductor], earth: &[f64]) -> Vec<Option<usize>> {
    let mut neighbours = vec![Vec::new(); earth.len()];
    for conductor in conductors {
        neighbours[conductor.from].push(conductor.to);
        neighbours[conductor.to].push(conductor.from);
    }
    let mut reached: Vec<bool> = earth.iter().map(|siemens| *siemens > 0.0).collect();
    let mut pending: Vec<usize> = (0..earth.len()).filter(|node| reached[*node]).collect();
    while let Some(node) = pending.pop() {
        for next in &neighbours[node] {
            if !std::mem::replace(&mut reached[*next], true) {
                pending.push(*next);
            }
        }
    }
    let mut places = 0..;
    reached.into_iter().map(|reached| if reached { places.next() } else { None }).collect()
}

/// See [`TransformerCurrents::effective_a`]; ampere-turns of all windings, referred to the high-voltage one by nominal voltages.
///
/// Source: NERC, "Computing Geomagnetically-Induced Current in the Bulk-Power System", 2013; for autotransformers
/// `|(a - 1) I_series + I_common| / a`.
fn effective_current_a(
    network: &GicNetwork,
    transformer: &GicTransformer,
    windings: &[WindingCurrent],
) -> Option<f64> {
    let (high, low) = network.high_and_low(transformer);
    let ratio = |bus: BusIdx| network.buses[high].kv / network.buses[bus].kv;
    let mut turns = None;
    for current in windings {
        let Some(a) = current.a_per_phase else { continue };
        let referred = match current.winding {
            Winding::High => a,
            Winding::Low | Winding::Common => a / ratio(low),
            Winding::Tertiary => a / transformer.tertiary.map_or(1.0, ratio),
            Winding::Series => a * (ratio(low) - 1.0) / ratio(low),
        };
        turns = Some(turns.unwrap_or(0.0) + referred);
    }
    turns.map(f64::abs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gic::{GicBus, GicLine, GicStation, Lengths};
    use crate::index::BusId;

    /// Two stations of 0.5 ohm, a unit transformer of 0.3 ohm per phase in each, 3 ohm per phase between them.
    fn two_stations() -> GicNetwork {
        let station = |id| GicStation { id, name: None, conductance_s: Some(2.0) };
        let bus = |id, kv| GicBus { id: BusId(id), kv, place: None, stored_vm_pu: None };
        let unit = |row: usize| GicTransformer {
            from: BusIdx::from_row(row),
            to: BusIdx::from_row(row + 2),
            tertiary: None,
            circuit: "1".into(),
            station: StationIdx::from_row(row),
            windings: Some(Windings::Separate { high: Some(0.3), low: None, tertiary: None }),
            neutral_ohm: 0.0,
            k_mvar_per_a: None,
        };
        GicNetwork {
            stations: vec![station(1), station(2)].into(),
            buses: vec![bus(1, 345.0), bus(2, 345.0), bus(3, 20.0), bus(4, 20.0)].into(),
            lines: vec![GicLine {
                from: BusIdx::from_row(0),
                to: BusIdx::from_row(1),
                circuit: "1".into(),
                r_ohm: 3.0,
                lengths: Lengths { north_km: 100.0, east_km: 0.0 },
                conducts: true,
            }],
            transformers: vec![unit(0), unit(1)],
            shunts: Vec::new(),
        }
    }

    fn close(ours: Option<f64>, expected: f64) {
        let ours = ours.expect("a number");
        assert!((ours - expected).abs() <= 1e-12 * expected.abs(), "{ours} {expected}");
    }

    /// One loop: 100 V over 0.5 + 0.1 + 1 + 0.1 + 0.5 ohm.
    #[test]
    fn one_loop_by_hand() {
        let network = two_stations();
        let solution = GicSolver::new(&network).expect("sound").uniform(GeoelectricField::NORTH);
        let current = 100.0 / 2.2;
        close(solution.line_a[0], current / 3.0);
        close(solution.station_a[StationIdx::from_row(0)], -current);
        close(solution.station_a[StationIdx::from_row(1)], current);
        close(solution.station_v[StationIdx::from_row(0)], -0.5 * current);
        close(solution.transformers[0].effective_a, current / 3.0);
        close(solution.transformers[0].windings[0].a_per_phase, -current / 3.0);
        assert!(solution.imbalance_a < 1e-12);
    }

    #[test]
    fn what_has_no_way_to_earth_has_no_voltage() {
        let mut network = two_stations();
        network.transformers[1].windings = None;
        network.stations[StationIdx::from_row(1)].conductance_s = None;
        let solution = GicSolver::new(&network).expect("sound").uniform(GeoelectricField::NORTH);
        // The low-voltage buses hang on nothing; the far bus follows the field without a current.
        assert_eq!(solution.bus_v.as_slice(), [Some(0.0), Some(100.0), None, None]);
        assert_eq!(solution.line_a, [Some(0.0)]);
        assert_eq!(solution.station_a.as_slice(), [Some(0.0), None]);
        assert_eq!(solution.transformers[1], TransformerCurrents::default());

        network.stations[StationIdx::from_row(0)].conductance_s = None;
        let solution = GicSolver::new(&network).expect("sound").uniform(GeoelectricField::NORTH);
        assert_eq!((solution.bus_v.as_slice(), &solution.line_a[..]), (&[None; 4][..], &[None][..]));
    }

    /// A resistor of the three phases in each neutral adds to the ground grid's.
    #[test]
    fn resistors_and_capacitors_stand_in_the_way() {
        let mut network = two_stations();
        network.transformers[0].neutral_ohm = 4.0;
        let solution = GicSolver::new(&network).expect("sound").uniform(GeoelectricField::NORTH);
        close(solution.line_a[0], 100.0 / 6.2 / 3.0);
        network.lines[0].conducts = false;
        let solution = GicSolver::new(&network).expect("sound").uniform(GeoelectricField::NORTH);
        assert_eq!((solution.line_a[0], solution.line_v[0]), (None, 100.0));
        assert_eq!(solution.station_a.as_slice(), [Some(0.0), Some(0.0)]);
    }

    /// Ampere-turns: 10 A in at the high side of 500/250 kV and 10 A out at the low side leave half of it.
    #[test]
    fn effective_currents_are_ampere_turns() {
        let mut network = two_stations();
        network.buses[BusIdx::from_row(0)].kv = 500.0;
        network.buses[BusIdx::from_row(2)].kv = 250.0;
        let of = |windings: &[(Winding, f64)]| {
            let currents: Vec<WindingCurrent> = windings
                .iter()
                .map(|(winding, a)| WindingCurrent { winding: *winding, a_per_phase: Some(*a) })
                .collect();
            effective_current_a(&network, &network.transformers[0], &currents)
        };
        assert_eq!(of(&[(Winding::High, 10.0), (Winding::Low, -10.0)]), Some(5.0));
        // The same core wound as an autotransformer: the series winding has half of the turns.
        assert_eq!(of(&[(Winding::Series, 10.0), (Winding::Common, -10.0)]), Some(0.0));
        assert_eq!(of(&[(Winding::Series, 10.0), (Winding::Common, 6.0)]), Some(8.0));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn impossible_numbers_are_refused_all_at_once() {
        let mut network = two_stations();
        network.lines[0].r_ohm = 0.0;
        network.stations[StationIdx::from_row(0)].conductance_s = Some(f64::NAN);
        network.buses[BusIdx::from_row(3)].kv = 0.0;
        let found = GicSolver::new(&network).expect_err("refused");
        let codes: Vec<&str> = found.0.iter().map(|d| d.code.as_ref()).collect();
        assert_eq!(codes, ["gic.station.ground", "gic.line.resistance", "gic.bus.kv"]);
    }
}
