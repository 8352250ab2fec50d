//! Scenarios that somebody wrote down, event by event, instead of a law that draws them.

use std::sync::Arc;

use powerflow::{Diagnostic, Diagnostics};

use crate::event::TimedEvent;
use crate::hazard::{Hazard, World};
use crate::seed::Streams;

/// The one hazard of a population of listed scenarios: the scenario of index i is the i-th of the list. It has no table in a suite
/// and so no place in [`crate::hazard::LIST`].
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Events of each scenario, by index, in time order.
    pub timelines: Arc<Vec<Vec<TimedEvent>>>,
    /// Where they are written down, for reports.
    pub source: String,
}

impl Hazard for Listed {
    /// The likelihood of what somebody chose is not known.
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        self.enter(world, streams.index(), timeline);
        None
    }

    fn lists(&self) -> bool {
        true
    }

    fn cases(&self, _world: &World<'_>) -> Option<u64> {
        Some(self.timelines.len() as u64)
    }

    fn enter(&self, _world: &World<'_>, case: u64, timeline: &mut Vec<TimedEvent>) {
        let listed = usize::try_from(case).ok().and_then(|case| self.timelines.get(case));
        timeline.extend(listed.into_iter().flatten().cloned());
    }

    fn kind(&self) -> &'static str {
        "listed"
    }

    fn describe(&self) -> String {
        format!("the {} scenarios of {}", self.timelines.len(), self.source)
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        let last_s = world.last_step_s();
        let mut complaints = Diagnostics::default();
        for (index, timeline) in self.timelines.iter().enumerate() {
            if let Some(late) = timeline.iter().find(|timed| timed.at.seconds() > last_s) {
                complaints.push(
                    Diagnostic::error(
                        "population.never-happens",
                        format!(
                            "scenario {} of {} has an event at {} s, after the last step at {last_s} s",
                            index + 1,
                            self.source,
                            late.at.seconds()
                        ),
                    )
                    .hint("take as many steps as the suite that the scenarios were found in"),
                );
            }
        }
        complaints
    }
}

#[cfg(test)]
mod tests {
    use powerflow::{BranchIdx, Index};

    use super::*;
    use crate::event::{Event, Moment};
    use crate::{Population, Seed, sample, scenario};

    #[test]
    fn the_scenario_of_an_index_is_that_of_the_list() {
        let network = sample::ring(4);
        let out = |seconds, row| TimedEvent {
            at: Moment::from_seconds(seconds),
            event: Event::BranchOut { branch: BranchIdx::from_row(row) },
        };
        let timelines = vec![vec![out(5.0, 0)], vec![], vec![out(1.0, 2), out(540.0, 1)]];
        let listed = Listed { timelines: Arc::new(timelines.clone()), source: "list.json".into() };
        let population =
            |listed: Listed| Population { id: "p".into(), hazards: vec![Box::new(listed)], size_max: 3 };
        let world = World { network: &network, horizon_s: 600.0, step_s: 60.0 };
        assert!(population(listed.clone()).check(&world).0.is_empty());
        for (index, timeline) in timelines.into_iter().enumerate() {
            let drawn = scenario(Seed(3), &population(listed.clone()), &world, index as u64);
            assert_eq!((drawn.timeline, drawn.log_likelihood), (timeline, None));
        }
        // A suite with fewer steps would never live the last event, and pass.
        let short = World { horizon_s: 540.0, ..world };
        let complaints = population(listed).check(&short);
        assert_eq!(complaints.0[0].code, "population.never-happens");
        assert!(complaints.0[0].message.contains("scenario 3"), "{complaints}");
    }
}
