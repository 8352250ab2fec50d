//! The n-th scenario, computed without the n-1 before it.

use std::collections::BTreeMap;

use powerflow::{BranchIdx, UnitIdx};

use crate::event::{Event, TimedEvent};
use crate::hazard::World;
use crate::population::Population;
use crate::scenario::Scenario;
use crate::seed::{Seed, Streams, streams};

/// Scenario `index` of a population: a function of its arguments and of nothing else.
///
/// The hazard at place `i` of the population's list draws from streams named `kind#i/...`. Events are in time order, equal
/// moments in the order they were drawn, all of them before the horizon. Where outages of one element overlap, it goes
/// out with the first and returns when the last one ends, so that for every element `Out` and `Back` alternate.
///
/// Check the population first ([`Population::check`]): where that finds errors, this draws what it can.
pub fn scenario(seed: Seed, population: &Population, world: &World<'_>, index: u64) -> Scenario {
    if population.listed(world).is_some() {
        return listed(population, world, index);
    }
    drawn(&streams(seed, &population.id, index), population, world)
}

/// The same from streams that may have been moved away from those of the scenario. Its likelihood is that of what was drawn in the
/// end.
pub fn drawn(all: &Streams, population: &Population, world: &World<'_>) -> Scenario {
    let mut timeline = Vec::new();
    let mut log_likelihood = Some(0.0);
    for (place, hazard) in population.hazards.iter().enumerate() {
        let own = all.within(&format!("{}#{place}", hazard.kind()));
        let ln = hazard.draw(world, &own, &mut timeline);
        log_likelihood = log_likelihood.zip(ln).map(|(sum, ln)| sum + ln);
    }
    // Stable: equal moments stay in the order they were drawn.
    timeline.sort_by_key(|event| event.at);
    Scenario {
        population: population.id.clone(),
        index: all.index(),
        timeline: merged(timeline),
        log_likelihood,
    }
}

/// Scenario `index` of a population that is a list: the hazard written last goes through its cases first, as the inner one of
/// loops within loops. Without likelihood, since nothing is drawn.
fn listed(population: &Population, world: &World<'_>, index: u64) -> Scenario {
    let mut rest = index;
    let mut entered = Vec::with_capacity(population.hazards.len());
    for hazard in population.hazards.iter().rev() {
        let cases = hazard.cases(world).unwrap_or(0).max(1);
        entered.push((hazard, rest % cases));
        rest /= cases;
    }
    let mut timeline = Vec::new();
    // Beyond the list there is nothing.
    for (hazard, case) in entered.into_iter().rev().filter(|_| rest == 0) {
        hazard.enter(world, case, &mut timeline);
    }
    timeline.sort_by_key(|event| event.at);
    Scenario { population: population.id.clone(), index, timeline: merged(timeline), log_likelihood: None }
}

/// What can be out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Element {
    Branch(BranchIdx),
    Unit(UnitIdx),
}

/// Which element an event takes out (true) or gives back (false); `None` for events of another kind.
fn switches(event: &Event) -> Option<(Element, bool)> {
    match event {
        Event::BranchOut { branch } => Some((Element::Branch(*branch), true)),
        Event::BranchBack { branch } => Some((Element::Branch(*branch), false)),
        Event::UnitOut { unit } => Some((Element::Unit(*unit), true)),
        Event::UnitBack { unit } => Some((Element::Unit(*unit), false)),
        // A bus does not return, and a second loss of it changes nothing.
        Event::BusOut { .. }
        | Event::DemandRamp { .. }
        | Event::Ratings { .. }
        | Event::Saturation { .. }
        | Event::Capability { .. } => None,
    }
}

/// The union of the outages of every element.
pub(crate) fn merged(mut timeline: Vec<TimedEvent>) -> Vec<TimedEvent> {
    let mut reasons_to_be_out: BTreeMap<Element, u32> = BTreeMap::new();
    timeline.retain(|timed| {
        let Some((element, out)) = switches(&timed.event) else { return true };
        let reasons = reasons_to_be_out.entry(element).or_insert(0);
        if out {
            *reasons += 1;
            *reasons == 1
        } else {
            *reasons = reasons.saturating_sub(1);
            *reasons == 0
        }
    });
    timeline
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Moment;
    use powerflow::Index;

    #[test]
    fn overlapping_outages_are_one() {
        let branch = BranchIdx::from_row(3);
        let unit = UnitIdx::from_row(3);
        let at = |seconds: u64, event| TimedEvent { at: Moment(seconds * 1_000_000_000), event };
        let (out, back) = (Event::BranchOut { branch }, Event::BranchBack { branch });
        let timeline = vec![
            at(1, out.clone()),
            at(2, Event::UnitOut { unit }),
            at(3, out.clone()),
            at(4, back.clone()),
            at(5, Event::UnitBack { unit }),
            at(6, back.clone()),
            at(7, out.clone()),
        ];
        let kept: Vec<u64> = merged(timeline).iter().map(|e| e.at.0 / 1_000_000_000).collect();
        assert_eq!(kept, [1, 2, 5, 6, 7]);
    }

    #[test]
    fn a_list_goes_through_every_combination_once() {
        let network = crate::sample::ring(4);
        let world = World { network: &network, horizon_s: 600.0, step_s: 60.0 };
        let hazard = |text: &str| crate::hazard::parse(&text.parse().expect("TOML")).expect("sound");
        let hazards = vec![
            hazard("kind = 'demand_levels'\nfactors = [0.8, 1.0]"),
            hazard("kind = 'every_outage'\nat_s = 60"),
        ];
        let population = Population { id: "n-1".into(), hazards, size_max: 10 };
        assert_eq!(population.listed(&world), Some(10));
        let drawn = |seed, index| scenario(Seed(seed), &population, &world, index);
        let mut digests: Vec<String> = (0..10).map(|index| drawn(1, index).digest()).collect();
        // The seed has no say in a list.
        assert_eq!(digests, (0..10).map(|index| drawn(2, index).digest()).collect::<Vec<_>>());
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), 10);
        // The last hazard is the inner loop: the second scenario is the second branch at the first level.
        let out = |index| match &drawn(1, index).timeline[..] {
            [
                TimedEvent { event: Event::DemandRamp { factor, .. }, .. },
                TimedEvent { event: Event::BranchOut { branch }, .. },
            ] => (factor[0], branch.row()),
            other => panic!("{other:?}"),
        };
        assert_eq!([0, 1, 4, 5, 9].map(out), [(0.8, 0), (0.8, 1), (0.8, 4), (1.0, 0), (1.0, 4)]);
        assert!(drawn(1, 10).timeline.is_empty() && drawn(1, 0).log_likelihood.is_none());
    }
}
