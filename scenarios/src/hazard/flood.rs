//! Water rises over substations.
//!
//! Its depth is that of a basin around a drawn place, `peak exp(-(r / radius)^2 / 2)`, and rises in a straight line. A substation, which is a bus
//! here, is lost when the water reaches its threshold, drawn for each between 0.5 and 1.2 m: the latter is the functional threshold
//! of FEMA's HAZUS (4 ft; not re-read). A deeper flood of the same seed and index takes a superset. Repair takes days, longer than an episode:
//! what is lost does not return.

use powerflow::Diagnostics;
use toml::Table;

use super::{Hazard, HazardKind, World};
use crate::event::{Event, Moment, TimedEvent};
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::storm;
use crate::weather::geography::Map;

const PEAK: Parameter = Parameter {
    name: "peak_m",
    unit: "m",
    default: "[0.5, 3]",
    meaning: "depth of the water in the middle, drawn once an episode",
};
const RADIUS: Parameter = Parameter {
    name: "radius_km",
    unit: "km",
    default: "[5, 30]",
    meaning: "distance over which it becomes shallow, a standard deviation",
};
const RISES: Parameter =
    Parameter { name: "rises_h", unit: "h", default: "[6, 24]", meaning: "how long the water rises" };
const BEGINS: Parameter = storm::begins_parameter("when it begins to rise");
const THRESHOLD: Parameter = Parameter {
    name: "threshold_m",
    unit: "m",
    default: "[0.5, 1.2]",
    meaning: "depth at which a substation is lost, drawn for each",
};

pub(super) const KIND: HazardKind = HazardKind {
    name: "flood",
    summary: "water rises over substations, which are lost with all that is connected; needs coordinates",
    parameters: &[PEAK, RADIUS, RISES, BEGINS, THRESHOLD],
    commands: &[],
    techniques: &[],
    parse,
};

/// A flood; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Flood {
    peak_m: Span,
    radius_km: Span,
    rises_h: Span,
    begins_s: Option<Span>,
    threshold_m: Span,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let span = |low, high| Span { low, high };
    let hazard = Flood {
        peak_m: settings.span(PEAK.name, 0.0, 50.0).unwrap_or(span(0.5, 3.0)),
        radius_km: settings.span(RADIUS.name, 0.1, 10_000.0).unwrap_or(span(5.0, 30.0)),
        rises_h: settings.span(RISES.name, 0.0, 1000.0).unwrap_or(span(6.0, 24.0)),
        begins_s: settings.span(BEGINS.name, 0.0, f64::INFINITY),
        threshold_m: settings.span(THRESHOLD.name, 0.01, 20.0).unwrap_or(span(0.5, 1.2)),
    };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

impl Hazard for Flood {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let network = world.network;
        let map = Map::of(network, KIND.name).ok()?;
        let mut stream = streams.named("flood");
        let middle = map.near(network, &mut stream)?;
        let peak_m = self.peak_m.draw(&mut stream);
        let radius_km = self.radius_km.draw(&mut stream);
        let rises_s = 3600.0 * self.rises_h.draw(&mut stream);
        let begins_s = storm::begins(self.begins_s, world).draw(&mut stream);
        let mut thresholds = streams.named("thresholds");
        for bus in network.buses.id.indices() {
            // Drawn for every bus, so that each keeps its luck.
            let threshold_m = self.threshold_m.draw(&mut thresholds);
            let deviations = map.bus(bus).to(middle) / radius_km;
            let depth_m = peak_m * libm::exp(-0.5 * deviations * deviations);
            let at_s = (threshold_m / depth_m).mul_add(rises_s, begins_s);
            if depth_m >= threshold_m && at_s <= world.last_step_s() {
                timeline.push(TimedEvent { at: Moment::from_seconds(at_s), event: Event::BusOut { bus } });
            }
        }
        // Near which branch it rises is a discrete draw, and many lead to the same losses.
        None
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        format!(
            "water rises within {} h to {} m, over {} km around a place; substations are lost in {} m of it and do not return",
            self.rises_h, self.peak_m, self.radius_km, self.threshold_m
        )
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        storm::check_begin(KIND.name, world, self.begins_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_deeper_flood_takes_a_superset_and_none_later() {
        let lost = |peak_m: f64, index: u64| -> std::collections::BTreeMap<String, Moment> {
            let text =
                format!("kind = 'flood'\npeak_m = {peak_m}\nradius_km = 60\nrises_h = 10\nbegins_s = 0");
            let timeline = sample::on_chain(&text, index);
            timeline.into_iter().map(|timed| (format!("{:?}", timed.event), timed.at)).collect()
        };
        let mut grew = 0;
        for index in 0..40 {
            let (shallow, deep) = (lost(0.9, index), lost(2.0, index));
            assert!(shallow.iter().all(|(bus, at)| deep.get(bus).is_some_and(|then| then <= at)));
            grew += usize::from(deep.len() > shallow.len());
        }
        assert!(grew > 30, "{grew}");
        // Below every threshold nothing happens, and above all of them the middle is always lost.
        assert!((0..40).all(|index| lost(0.4, index).is_empty() && !lost(1.3, index).is_empty()));
    }
}
