//! Generating units are lost: `k` of those that run, uniformly or in proportion to their capacity.
//!
//! Every unit of the file has one key an episode, and the `k` smallest are lost: a larger `k` loses a superset with the
//! same times. Weighted keys are exponential deviates over the capacity, which draws one after the other in proportion to
//! the capacity of what is left (Efraimidis and Spirakis, Information Processing Letters 97, 2006).

use powerflow::case::BusKind;
use powerflow::{Diagnostics, UnitIdx};
use toml::Table;

use super::{Hazard, HazardKind, World};
use crate::event::{Event, TimedEvent};
use crate::outage::{self, Outages};
use crate::seed::Streams;
use crate::settings::{Parameter, Settings};

const WEIGHT: Parameter = Parameter {
    name: "weight",
    unit: "-",
    default: "uniform",
    meaning: "`uniform`, or `capacity`: in proportion to the largest active power; units without any are never lost",
};

pub(super) const KIND: HazardKind = HazardKind {
    name: "generator_trip",
    summary: "generating units that run are lost, uniformly or by capacity",
    parameters: &[outage::K, outage::AT_S, outage::SPREAD_S, outage::RETURN_AFTER_S, WEIGHT],
    commands: &[],
    techniques: &[],
    parse,
};

/// What makes a unit more likely to be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// Nothing.
    Uniform,
    /// Its largest active power.
    Capacity,
}

/// Units are lost; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratorTrip {
    outages: Outages,
    weight: Weight,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let hazard = GeneratorTrip {
        outages: Outages::read(&mut settings),
        weight: settings.choice(WEIGHT.name, &[("uniform", Weight::Uniform), ("capacity", Weight::Capacity)]),
    };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

impl GeneratorTrip {
    /// Weight of a unit in the draw; zero where it may not be lost.
    fn weight(&self, world: &World<'_>, unit: UnitIdx) -> f64 {
        let network = world.network;
        let units = &network.units;
        if !units.in_service[unit] || network.buses.kind[units.bus[unit]] == BusKind::Isolated {
            return 0.0;
        }
        match self.weight {
            Weight::Uniform => 1.0,
            // An unlimited unit has no share: it stays out of the draw, as one without capacity does.
            Weight::Capacity if units.p_max_pu[unit].is_finite() => units.p_max_pu[unit].max(0.0),
            Weight::Capacity => 0.0,
        }
    }

    /// The weights of the units that may be lost, in file order.
    fn weights(&self, world: &World<'_>) -> Vec<f64> {
        let weights = world.network.units.bus.indices().map(|unit| self.weight(world, unit));
        weights.filter(|weight| *weight > 0.0).collect()
    }
}

impl Hazard for GeneratorTrip {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let mut stream = streams.named("which");
        let mut keys = Vec::new();
        for unit in world.network.units.bus.indices() {
            // Drawn for every unit, so that each keeps its luck when others are switched off.
            let wait = -libm::log(stream.uniform_open());
            let weight = self.weight(world, unit);
            if weight > 0.0 {
                // Positive numbers order as their bits do.
                keys.push(((wait / weight).to_bits(), unit));
            }
        }
        let weights = self.weights(world);
        let (k, ln_k) = self.outages.count(streams, keys.len());
        let lost = outage::first(keys, k);
        let ln_set = match self.weight {
            Weight::Uniform => Some(-outage::ln_choose(weights.len(), k)),
            Weight::Capacity => {
                let of_lost: Vec<f64> = lost.iter().map(|unit| self.weight(world, *unit)).collect();
                ln_successive(&of_lost, weights.iter().sum())
            }
        };
        let events = lost.into_iter().map(|unit| (Event::UnitOut { unit }, Event::UnitBack { unit }));
        self.outages.date(world, streams, events, timeline);
        ln_set.map(|ln| ln + ln_k)
    }

    fn losses(&self, world: &World<'_>, streams: &Streams) -> Vec<Vec<TimedEvent>> {
        let units = world.network.units.bus.indices().filter(|unit| self.weight(world, *unit) > 0.0);
        let events = units.map(|unit| (Event::UnitOut { unit }, Event::UnitBack { unit }));
        self.outages.date_each(world, streams, events)
    }

    fn probability_of(&self, world: &World<'_>, lost: &[Event]) -> Option<f64> {
        let uniform = self.outages.probability_of(lost.len(), self.weights(world).len());
        match self.weight {
            Weight::Uniform => Some(uniform),
            // By capacity only what can never be, and always is, is known without summing over orders of draws.
            Weight::Capacity => (uniform == 0.0 || uniform == 1.0).then_some(uniform),
        }
    }

    fn losses_max(&self) -> u32 {
        self.outages.most()
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        let weight = match self.weight {
            Weight::Uniform => "",
            Weight::Capacity => "; large ones in proportion to their capacity",
        };
        self.outages.describe("units") + weight
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        self.outages.check(KIND.name, "units", self.weights(world).len(), world)
    }
}

/// Natural logarithm of the probability that draws in proportion to what is left of `total` take just the set of these
/// weights, in any order; `None` for more than twelve, where the sum over subsets grows long.
fn ln_successive(weights: &[f64], total: f64) -> Option<f64> {
    const MOST: usize = 12;
    if weights.len() > MOST {
        return None;
    }
    let members = |set: usize| (0..weights.len()).filter(move |i| set >> i & 1 == 1);
    let mut probability = vec![1.0];
    for set in 1..1usize << weights.len() {
        let last_was = |i: usize| {
            let before = set & !(1 << i);
            let left = total - members(before).map(|j| weights[j]).sum::<f64>();
            probability[before] * weights[i] / left
        };
        probability.push(members(set).map(last_was).sum());
    }
    probability.last().map(|p| libm::log(*p))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::hazard::parse;
    use crate::sample;
    use crate::seed::{Seed, streams};
    use powerflow::{Index, Network};

    fn hazard(settings: &str) -> Box<dyn Hazard> {
        let table = format!("kind = 'generator_trip'\n{settings}").parse().expect("TOML");
        parse(&table).expect("sound settings")
    }

    fn draw(hazard: &dyn Hazard, network: &Network, index: u64) -> (Vec<usize>, Option<f64>) {
        let world = World { network, horizon_s: 600.0, step_s: 60.0 };
        let mut timeline = Vec::new();
        let ln = hazard.draw(&world, &streams(Seed(7), "units", index), &mut timeline);
        let rows = timeline.iter().filter_map(|event| match event.event {
            Event::UnitOut { unit } => Some(unit.row()),
            _ => None,
        });
        (rows.collect(), ln)
    }

    #[test]
    fn capacity_is_the_chance_of_each_set() {
        // Units of 10, 20, 30 and 40 MW.
        let network = sample::ring(4);
        let share = |i: usize| (i + 1) as f64 / 10.0;
        let episodes = 8000;
        let mut seen: BTreeMap<Vec<usize>, (f64, f64)> = BTreeMap::new();
        for index in 0..episodes {
            let (mut set, ln) = draw(&*hazard("k = 2\nweight = 'capacity'"), &network, index);
            set.sort_unstable();
            let entry = seen.entry(set).or_insert((0.0, ln.expect("known for two")));
            entry.0 += 1.0;
        }
        assert_eq!(seen.len(), 6);
        for (set, (count, ln)) in seen {
            let (i, j) = (share(set[0]), share(set[1]));
            // Either order of two draws, the second from what the first left.
            let expected = i * j / (1.0 - i) + j * i / (1.0 - j);
            assert!((ln - expected.ln()).abs() < 1e-13, "{set:?}");
            let error = (expected * (1.0 - expected) / episodes as f64).sqrt();
            assert!((count / episodes as f64 - expected).abs() < 4.0 * error, "{set:?}: {count}");
        }
    }

    #[test]
    fn probabilities_of_all_sets_sum_to_one() {
        let weights = [0.5, 1.0, 2.0, 0.25, 3.0];
        let total: f64 = weights.iter().sum();
        for k in 0..=5u32 {
            let sum: f64 = (0..32usize)
                .filter(|set| set.count_ones() == k)
                .map(|set| (0..5).filter(|i| set >> i & 1 == 1).map(|i| weights[i]).collect::<Vec<_>>())
                .map(|set| ln_successive(&set, total).expect("small").exp())
                .sum();
            assert!((sum - 1.0).abs() < 1e-12, "{k}: {sum}");
        }
        assert_eq!(ln_successive(&[1.0; 13], 20.0), None);
    }

    #[test]
    fn units_that_are_off_are_never_lost_and_those_without_capacity_only_uniformly() {
        let mut case = sample::case(3, &[(0, 1), (1, 2)]);
        let spare = case.units[0].clone();
        case.units.extend([spare.clone(), spare.clone(), spare]);
        case.units[1].in_service = false;
        case.units[2].p_max_mw = 0.0;
        case.units[2].p_mw = 0.0;
        let network = sample::build(case);
        let lost = |settings: &str| {
            let hazard = hazard(settings);
            (0..200)
                .flat_map(|index| draw(&*hazard, &network, index).0)
                .collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(lost("").into_iter().collect::<Vec<_>>(), [0, 2, 3]);
        assert_eq!(lost("weight = 'capacity'").into_iter().collect::<Vec<_>>(), [0, 3]);
        let world = World { network: &network, horizon_s: 600.0, step_s: 60.0 };
        assert!(!hazard("k = 3").check(&world).has_errors());
        assert_eq!(hazard("k = 3\nweight = 'capacity'").check(&world).0[0].code, "hazard.too-many");
    }

    #[test]
    fn a_larger_k_loses_a_superset_of_equally_likely_units() {
        let network = sample::ring(5);
        let mut first = [0.0f64; 5];
        for index in 0..5000 {
            let one = draw(&*hazard("k = 1"), &network, index).0;
            let three = draw(&*hazard("k = 3"), &network, index).0;
            assert_eq!(one, three[..1]);
            first[one[0]] += 1.0;
        }
        let chi_square: f64 = first.iter().map(|n| (n - 1000.0).powi(2) / 1000.0).sum();
        // 0.999 quantile of chi-square with 4 degrees of freedom (printed tables).
        assert!(chi_square < 18.47, "{chi_square}");
    }
}
