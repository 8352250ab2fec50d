//! Geomagnetically induced currents: what Kirchhoff, superposition and a change of names say of any network.

use gridgate_tests::Dice;
use powerflow::gic::{
    GeoelectricField, GicBus, GicLine, GicNetwork, GicSolution, GicSolver, GicStation, GicTransformer,
    Lengths, Windings,
};
use powerflow::{BusId, BusIdx, Index, StationIdx};
use proptest::prelude::*;

/// Stations at random places, each with a high and a low bus; transformers of all kinds, lines between high buses.
fn network(seed: u64, stations: usize) -> GicNetwork {
    let mut dice = Dice(seed);
    let mut network = GicNetwork::default();
    let (mut buses, mut grids) = (Vec::new(), Vec::new());
    for station in 0..stations {
        let place = Some((dice.between(40.0, 45.0), dice.between(5.0, 12.0)));
        for (at, kv) in [(1, 400.0), (2, 220.0)] {
            let id = BusId((10 * station + at) as u64);
            buses.push(GicBus { id, kv, place, stored_vm_pu: None });
        }
        let conductance_s = (!dice.chance(0.2)).then(|| 1.0 / dice.between(0.05, 2.0));
        grids.push(GicStation { id: station as u64, name: None, conductance_s });
        let ohm = |dice: &mut Dice| dice.chance(0.7).then(|| dice.between(0.05, 0.5));
        let windings = if dice.chance(0.4) {
            Windings::Auto { series: dice.between(0.02, 0.3), common: ohm(&mut dice) }
        } else {
            Windings::Separate { high: ohm(&mut dice), low: ohm(&mut dice), tertiary: None }
        };
        network.transformers.push(GicTransformer {
            from: BusIdx::from_row(2 * station),
            to: BusIdx::from_row(2 * station + 1),
            tertiary: None,
            circuit: "1".into(),
            station: StationIdx::from_row(station),
            windings: dice.chance(0.9).then_some(windings),
            neutral_ohm: if dice.chance(0.2) { dice.between(0.5, 5.0) } else { 0.0 },
            k_mvar_per_a: None,
        });
    }
    for row in 0..2 * stations {
        let (from, to) = (row, dice.below(2 * stations));
        if from == to {
            continue;
        }
        let place = |row: usize| buses[row].place.unwrap_or_default();
        network.lines.push(GicLine {
            from: BusIdx::from_row(from),
            to: BusIdx::from_row(to),
            circuit: row.to_string(),
            r_ohm: dice.between(0.5, 8.0),
            lengths: Lengths::between(place(from), place(to)),
            conducts: dice.chance(0.9),
        });
    }
    (network.buses, network.stations) = (buses.into(), grids.into());
    network
}

/// Every quantity of a solution, in order.
fn numbers(solution: &GicSolution) -> Vec<Option<f64>> {
    let windings = solution.transformers.iter().flat_map(|t| t.windings.iter().map(|w| w.a_per_phase));
    let columns = solution.bus_v.as_slice().iter().chain(solution.station_a.as_slice()).copied();
    columns.chain(solution.line_a.iter().copied()).chain(windings).collect()
}

fn close(a: &[Option<f64>], b: &[Option<f64>], relative: f64) {
    assert_eq!(a.len(), b.len());
    let size = b.iter().flatten().fold(1.0f64, |size, b| size.max(b.abs()));
    for (a, b) in a.iter().zip(b) {
        match (a, b) {
            (Some(a), Some(b)) => assert!((a - b).abs() <= relative * size, "{a} {b}"),
            _ => assert_eq!(a, b),
        }
    }
}

fn volts(solver: &GicSolver<'_>, network: &GicNetwork, field: GeoelectricField) -> GicSolution {
    let line_v: Vec<f64> = network.lines.iter().map(|line| line.lengths.voltage(field)).collect();
    solver.driven(&line_v).expect("one voltage a line")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_flows_into_earth_comes_out_of_it(seed: u64, stations in 2usize..30, azimuth in 0.0f64..360.0) {
        let network = network(seed, stations);
        let solver = GicSolver::new(&network).expect("sound numbers");
        let solution = solver.uniform(GeoelectricField::from_azimuth(8.0, azimuth));
        let currents = || solution.station_a.as_slice().iter().flatten();
        let size = currents().fold(1.0f64, |size, a| size.max(a.abs()));
        prop_assert!(currents().sum::<f64>().abs() <= 1e-9 * size);
        prop_assert!(solution.imbalance_a <= 1e-9 * size, "{}", solution.imbalance_a);
        // Kirchhoff's law at each station: what its windings bring is what its ground grid takes.
        for (row, transformer) in network.transformers.iter().enumerate() {
            let brought: f64 = solution.transformers[row]
                .windings
                .iter()
                .filter(|w| w.winding != powerflow::gic::Winding::Series)
                .map(|w| 3.0 * w.a_per_phase.unwrap_or(0.0))
                .sum();
            if let Some(taken) = solution.station_a[transformer.station] {
                prop_assert!((brought - taken).abs() <= 1e-9 * size, "{brought} {taken}");
            }
        }
    }

    #[test]
    fn fields_add(seed: u64, stations in 2usize..30, north in -10.0f64..10.0, east in -10.0f64..10.0) {
        let network = network(seed, stations);
        let solver = GicSolver::new(&network).expect("sound numbers");
        let field = GeoelectricField { north_v_per_km: north, east_v_per_km: east };
        // Kept unit answers against a solution of its own.
        close(&numbers(&solver.uniform(field)), &numbers(&volts(&solver, &network, field)), 1e-10);
        let [a, b] = [GeoelectricField::NORTH, GeoelectricField::EAST].map(|unit| numbers(&volts(&solver, &network, unit)));
        let sum: Vec<Option<f64>> =
            a.iter().zip(&b).map(|(a, b)| Some(north * (*a)? + east * (*b)?)).collect();
        close(&sum, &numbers(&volts(&solver, &network, field)), 1e-10);
        let twice = GeoelectricField { north_v_per_km: 2.0 * north, east_v_per_km: 2.0 * east };
        let doubled: Vec<Option<f64>> =
            numbers(&solver.uniform(field)).into_iter().map(|a| a.map(|a| 2.0 * a)).collect();
        prop_assert_eq!(numbers(&solver.uniform(twice)), doubled);
    }

    #[test]
    fn the_direction_in_which_a_line_is_named_changes_nothing(seed: u64, stations in 2usize..20) {
        let network = network(seed, stations);
        let field = GeoelectricField::from_azimuth(5.0, 33.0);
        let before = GicSolver::new(&network).expect("sound numbers").uniform(field);
        let mut turned = network.clone();
        for line in turned.lines.iter_mut().step_by(2) {
            (line.from, line.to) = (line.to, line.from);
            line.lengths = Lengths { north_km: -line.lengths.north_km, east_km: -line.lengths.east_km };
        }
        let after = GicSolver::new(&turned).expect("sound numbers").uniform(field);
        close(after.station_a.as_slice(), before.station_a.as_slice(), 1e-9);
        for (row, (a, b)) in after.line_a.iter().zip(&before.line_a).enumerate() {
            let sign = if row % 2 == 0 { -1.0 } else { 1.0 };
            close(&[a.map(|a| sign * a)], &[*b], 1e-9);
        }
    }

    #[test]
    fn without_a_field_nothing_flows(seed: u64, stations in 2usize..20) {
        let network = network(seed, stations);
        let solution = GicSolver::new(&network).expect("sound numbers").uniform(GeoelectricField::default());
        for number in numbers(&solution).into_iter().flatten() {
            prop_assert_eq!(number.to_bits(), 0.0f64.to_bits());
        }
        let effective = solution.transformers.iter().filter_map(|t| t.effective_a);
        prop_assert!(effective.into_iter().all(|a| a == 0.0));
    }

    /// A voltage exists where a way leads to earth, found here by growing sets instead of a walk.
    #[test]
    fn only_what_is_joined_to_earth_has_a_voltage(seed: u64, stations in 2usize..15) {
        let network = network(seed, stations);
        let solution = GicSolver::new(&network).expect("sound numbers").uniform(GeoelectricField::EAST);
        let buses = network.buses.len();
        let mut pairs: Vec<(usize, usize)> =
            network.lines.iter().filter(|l| l.conducts).map(|l| (l.from.row(), l.to.row())).collect();
        for transformer in &network.transformers {
            let (high, low, neutral) =
                (transformer.from.row(), transformer.to.row(), buses + transformer.station.row());
            match transformer.windings {
                Some(Windings::Auto { common, .. }) => {
                    pairs.push((high, low));
                    pairs.extend(common.map(|_| (low, neutral)));
                }
                Some(Windings::Separate { high: h, low: l, .. }) => {
                    pairs.extend(h.map(|_| (high, neutral)));
                    pairs.extend(l.map(|_| (low, neutral)));
                }
                None => {}
            }
        }
        let mut joined = vec![false; buses + stations];
        for (station, of) in network.stations.iter() {
            joined[buses + station.row()] = of.conductance_s.is_some();
        }
        for _ in 0..joined.len() {
            for (a, b) in &pairs {
                let either = joined[*a] || joined[*b];
                (joined[*a], joined[*b]) = (either, either);
            }
        }
        for (bus, v) in solution.bus_v.iter() {
            prop_assert_eq!(v.is_some(), joined[bus.row()]);
        }
    }
}
