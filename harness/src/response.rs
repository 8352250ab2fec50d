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

/// The scenario without its outages: what is left is how demand moves. It has the population and the index of the other, and so what delays
/// and relays draw.
pub(crate) fn twin(scenario: &Scenario) -> Arc<Scenario> {
    let of_demand = scenario.timeline.iter().filter(|timed| matches!(timed.event, Event::DemandRamp { .. }));
    Arc::new(Scenario {
        population: scenario.population.clone(),
        index: scenario.index,
        timeline: of_demand.cloned().collect(),
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
