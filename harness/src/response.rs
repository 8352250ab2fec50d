//! What a disturbance did: a metric in a scenario less the same metric in its twin, which is the scenario without its outages, lived by
//! the same actor. Found by living the twin beside the scenario, where a gate asks for it.

use std::sync::{Arc, LazyLock};

use scenarios::{Event, Scenario};

use crate::metric::{self, Metric};
use crate::trajectory::Episode;

/// What the id of a response begins with; the id of its metric follows.
pub const PREFIX: &str = "response.";

static IDS: LazyLock<Vec<String>> =
    LazyLock::new(|| with_response().map(|metric| format!("{PREFIX}{}", metric.id)).collect());

/// Every metric that is measured along the way in every run.
fn with_response() -> impl Iterator<Item = &'static Metric> {
    metric::measured(None)
}

/// Ids of every response, in the order of [`metric::LIST`].
pub fn ids() -> Vec<&'static str> {
    IDS.iter().map(String::as_str).collect()
}

/// The metric that an id is the response of; `None` of an id that is none.
pub fn base(id: &str) -> Option<&'static Metric> {
    let base = id.strip_prefix(PREFIX)?;
    with_response().find(|metric| metric.id == base)
}

/// The scenario without its outages and without what a geomagnetic storm takes: what is left is how demand, ratings and capability move. It has the population and the index of the
/// other, and so what delays and relays draw.
pub(crate) fn twin(scenario: &Scenario) -> Arc<Scenario> {
    let moves = |event: &Event| match event {
        Event::BranchOut { .. }
        | Event::BranchBack { .. }
        | Event::UnitOut { .. }
        | Event::UnitBack { .. }
        | Event::BusOut { .. }
        | Event::Saturation { .. } => false,
        Event::DemandRamp { .. } | Event::Ratings { .. } | Event::Capability { .. } => true,
    };
    let left = scenario.timeline.iter().filter(|timed| moves(&timed.event));
    Arc::new(Scenario {
        population: scenario.population.clone(),
        index: scenario.index,
        timeline: left.cloned().collect(),
        log_likelihood: None,
    })
}

/// Writes the responses of these metrics into an episode. Where either life has no number there is none.
pub(crate) fn put(episode: &mut Episode, twin: &Episode, metrics: &[&'static Metric]) {
    for metric in metrics {
        let id = format!("{PREFIX}{}", metric.id);
        let between = |own: Option<f64>, other: Option<f64>| own.zip(other).map(|(own, other)| own - other);
        let served = between(episode.metric_as_served(metric.id), twin.metric_as_served(metric.id));
        let lost = between(episode.metric(metric.id), twin.metric(metric.id));
        if let (Some(all), Some(served)) = (&mut episode.as_served, served) {
            all.insert(id.clone(), served);
        }
        episode.metrics.insert(id, lost);
    }
}

#[cfg(test)]
mod tests {
    use powerflow::{BranchIdx, Index};
    use scenarios::{Moment, TimedEvent};

    use super::*;

    #[test]
    fn a_twin_keeps_the_weather_and_loses_the_outages() {
        let weather = [
            Event::DemandRamp { until: Moment(0), factor: vec![1.1] },
            Event::Ratings { factor: vec![0.9] },
            Event::Capability { factor: vec![0.8] },
        ];
        let out = Event::BranchOut { branch: BranchIdx::from_row(0) };
        let all = weather.iter().cloned().chain([out]);
        let timeline = all.map(|event| TimedEvent { at: Moment(0), event }).collect();
        let scenario = Scenario { population: "p".into(), index: 3, timeline, log_likelihood: None };
        let twin = twin(&scenario);
        assert_eq!(twin.index, 3);
        assert!(twin.timeline.iter().map(|timed| &timed.event).eq(&weather));
    }
}
