//! What a population may take out, element by element, for searches that choose the elements instead of drawing them.

use std::collections::BTreeSet;

use crate::draw::Stream;
use crate::event::Event;
use crate::hazard::World;
use crate::population::Population;
use crate::scenario::Scenario;
use crate::search::chemistry::Elements;
use crate::seed::{Seed, streams};
use crate::stream::merged;

/// The elements of a population in a world, each once, in the order of its hazards and then of the file; a set of them with the demand and the dates of one of its scenarios is a scenario.
pub struct Losses<'a> {
    seed: Seed,
    population: &'a Population,
    world: World<'a>,
    /// Hazard and place among its elements, by element.
    places: Vec<(usize, usize)>,
    events: Vec<Event>,
}

impl<'a> Losses<'a> {
    /// Of a population in a world. There are none where no hazard takes anything out.
    pub fn of(seed: Seed, population: &'a Population, world: World<'a>) -> Self {
        let (mut places, mut events) = (Vec::new(), Vec::new());
        let streams = streams(seed, &population.id, 0);
        for (hazard, law) in population.hazards.iter().enumerate() {
            for (at, timed) in law.losses(&world, &streams).into_iter().enumerate() {
                let Some(first) = timed.into_iter().next() else { continue };
                // What two hazards may take out is one element, as the first of them dates it.
                if !events.contains(&first.event) {
                    places.push((hazard, at));
                    events.push(first.event);
                }
            }
        }
        Losses { seed, population, world, places, events }
    }

    /// The losses, by element.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// How many elements one scenario of the population takes out at most.
    pub fn most(&self) -> u32 {
        self.population.hazards.iter().map(|hazard| hazard.losses_max()).fold(0, u32::saturating_add)
    }

    /// Scenario `index` of the population with the loss of these elements in the place of what it takes out. Hazards that take nothing
    /// out draw as in that scenario, and every element is dated as there.
    ///
    /// Elements beyond the list are passed over. Its likelihood is not known: see [`Self::probability_of`].
    pub fn scenario(&self, index: u64, set: &[u32]) -> Scenario {
        let all = streams(self.seed, &self.population.id, index);
        let mut timeline = Vec::new();
        for (place, hazard) in self.population.hazards.iter().enumerate() {
            let own = all.within(&format!("{}#{place}", hazard.kind()));
            if hazard.losses_max() == 0 {
                hazard.draw(&self.world, &own, &mut timeline);
                continue;
            }
            let mut losses = hazard.losses(&self.world, &own);
            for element in set {
                if let Some((_, at)) =
                    self.places.get(*element as usize).filter(|(hazard, _)| *hazard == place)
                    && let Some(events) = losses.get_mut(*at)
                {
                    timeline.append(events);
                }
            }
        }
        timeline.sort_by_key(|event| event.at);
        Scenario {
            population: self.population.id.clone(),
            index,
            timeline: merged(timeline),
            log_likelihood: None,
        }
    }

    /// The probability that a scenario of the population takes out all of these elements, whatever else goes with them, times aside:
    /// zero where it never takes out so many or just these, `None` where some hazard does not know.
    pub fn probability_of(&self, set: &[u32]) -> Option<f64> {
        let mut probability = 1.0;
        for (place, hazard) in self.population.hazards.iter().enumerate() {
            let own = self.of_hazard(set, place);
            if !own.is_empty() {
                // Another hazard that takes out the same kind of thing may help, and nobody has summed over who did what.
                let alone =
                    self.population.hazards.iter().filter(|other| other.kind() == hazard.kind()).count();
                let own = hazard.probability_of(&self.world, &own)?;
                if alone > 1 {
                    return None;
                }
                probability *= own;
            }
        }
        Some(probability)
    }

    fn of_hazard(&self, set: &[u32], place: usize) -> Vec<Event> {
        let of = |element: &u32| {
            let (hazard, _) = self.places.get(*element as usize)?;
            (*hazard == place).then(|| self.events[*element as usize].clone())
        };
        set.iter().filter_map(of).collect()
    }
}

impl Elements for Losses<'_> {
    fn count(&self) -> u32 {
        self.events.len() as u32
    }

    fn draw(&self, size: u32, barred: &BTreeSet<u32>, stream: &mut Stream) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.count()).filter(|element| !barred.contains(element)).collect();
        stream.shuffle(&mut order);
        let mut drawn = Vec::new();
        for (place, hazard) in self.population.hazards.iter().enumerate() {
            let together = hazard.together(&self.world, &self.of_hazard(&order, place));
            drawn.extend(order.iter().copied().filter(|element| {
                self.places[*element as usize].0 == place
                    && together.contains(&self.events[*element as usize])
            }));
        }
        // The first in the drawn order, whichever hazard they belong to.
        let mut place = vec![0; self.events.len()];
        for (at, element) in order.iter().enumerate() {
            place[*element as usize] = at;
        }
        drawn.sort_by_key(|element| place[*element as usize]);
        drawn.truncate(size as usize);
        drawn.sort_unstable();
        drawn
    }

    fn together(&self, set: &[u32]) -> bool {
        let hazards = self.population.hazards.iter().enumerate();
        hazards.filter(|(_, hazard)| hazard.losses_max() > 0).all(|(place, hazard)| {
            let own = self.of_hazard(set, place);
            hazard.together(&self.world, &own).len() == own.len()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use powerflow::Network;

    use super::*;
    use crate::hazard::parse;
    use crate::{sample, scenario};

    fn population(hazards: &[&str]) -> Population {
        let parse = |text: &&str| parse(&text.parse().expect("TOML")).expect("sound");
        Population { id: "p".into(), hazards: hazards.iter().map(parse).collect(), size_max: 10 }
    }

    fn world(network: &Network) -> World<'_> {
        World { network, horizon_s: 1800.0, step_s: 60.0 }
    }

    const TRIP: &str = "kind = 'line_trip'\nk = [1, 2]\nat_s = [60, 600]\nreturn_after_s = 300";

    #[test]
    fn a_set_with_the_demand_and_the_dates_of_a_scenario_is_a_scenario() {
        let network = sample::ring(6);
        let population = population(&["kind = 'load_swing'", TRIP, "kind = 'generator_trip'"]);
        let losses = Losses::of(Seed(5), &population, world(&network));
        assert_eq!((losses.count(), losses.most()), (13, 3));
        let swings = |scenario: &Scenario| -> Vec<_> {
            let ramp = |event: &&crate::TimedEvent| matches!(event.event, Event::DemandRamp { .. });
            scenario.timeline.iter().filter(ramp).cloned().collect()
        };
        for index in 0..5 {
            let drawn = scenario(Seed(5), &population, &losses.world, index);
            let nothing = losses.scenario(index, &[]);
            assert_eq!(swings(&drawn), nothing.timeline);
            let some = losses.scenario(index, &[2, 9]);
            assert_eq!(swings(&some), nothing.timeline);
            let out = |scenario: &Scenario| -> BTreeMap<String, f64> {
                let words = scenario.in_words(&network).into_iter();
                words.filter(|(_, text)| text.ends_with("trips")).map(|(at, text)| (text, at)).collect()
            };
            // The loss of an element comes when it comes, whoever goes with it; and when the population would have it.
            let alone = out(&losses.scenario(index, &[2]));
            let both = out(&some);
            assert_eq!((both.len(), alone.len()), (2, 1));
            assert!(alone.iter().all(|(text, at)| both[text] == *at && (60.0..=600.0).contains(at)));
        }
        assert_ne!(losses.scenario(0, &[2]).digest(), losses.scenario(1, &[2]).digest());
    }

    #[test]
    fn a_set_is_as_likely_as_its_parts_and_never_where_the_law_forbids_it() {
        let network = sample::ring(6);
        let of = |hazards: &[&str], set: &[u32]| {
            let population = population(hazards);
            Losses::of(Seed(1), &population, world(&network)).probability_of(set)
        };
        // Seven branches, one or two of them lost; six units, one lost.
        let near = |found: Option<f64>, wanted: f64| assert!((found.expect("known") - wanted).abs() < 1e-15);
        near(of(&[TRIP], &[3]), 0.5 / 7.0 + 0.5 * 2.0 / 7.0);
        near(of(&[TRIP, "kind = 'generator_trip'"], &[0, 3, 8]), 0.5 / 21.0 / 6.0);
        assert_eq!(of(&[TRIP], &[0, 1, 2]), Some(0.0));
        assert_eq!(of(&[TRIP, TRIP], &[0]), None);
        // Two sides of a ring cut it, two circuits of one side do not.
        let connected = "kind = 'line_trip'\nk = 2\nkeep_connected = true";
        assert_eq!(of(&[connected], &[1, 2]), Some(0.0));
        assert_eq!(of(&[connected], &[0, 2]), None);
        let population = population(&[connected]);
        let losses = Losses::of(Seed(1), &population, world(&network));
        assert!(losses.together(&[0, 2]) && !losses.together(&[1, 2]));
    }

    #[test]
    fn what_is_drawn_may_go_together() {
        let network = sample::ring(6);
        let population = population(&["kind = 'line_trip'\nkeep_connected = true"]);
        let losses = Losses::of(Seed(1), &population, world(&network));
        for index in 0..50 {
            let mut stream = streams(Seed(index), "draw", 0).named("first");
            let drawn = losses.draw(5, &BTreeSet::from([4]), &mut stream);
            // A ring with one doubled side can lose one side, or one circuit of the double side and one side.
            assert!((1..=2).contains(&drawn.len()) && !drawn.contains(&4), "{drawn:?}");
            let events: Vec<Event> = drawn.iter().map(|at| losses.events()[*at as usize].clone()).collect();
            assert_eq!(population.hazards[0].together(&losses.world, &events), events);
        }
    }
}
