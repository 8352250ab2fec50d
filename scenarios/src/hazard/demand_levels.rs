//! Operating points: the demand of the whole grid at each of some levels, from the beginning and for good.

use powerflow::{Diagnostics, Network};
use toml::Table;

use super::{Command, Hazard, HazardKind, World, any_case};
use crate::event::{Event, Moment, TimedEvent};
use crate::seed::Streams;
use crate::settings::{Parameter, Settings};

const FACTORS: Parameter = Parameter {
    name: "factors",
    unit: "1",
    default: "[1.0]",
    meaning: "factors on the file's demand, one case each, from 0 to 10",
};

pub(super) const KIND: HazardKind = HazardKind {
    name: "demand_levels",
    summary: "the demand of the whole grid is at each of some levels, one a scenario: a list, of which nothing is drawn",
    parameters: &[FACTORS],
    commands: &[Command::Demand],
    techniques: &[],
    parse,
};

/// Demand at each of some levels; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct DemandLevels {
    factors: Vec<f64>,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let hazard = DemandLevels { factors: settings.numbers(FACTORS.name, &[1.0], 0.0, 10.0) };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

/// All demand at this share of the file's.
fn level(network: &Network, factor: f64) -> TimedEvent {
    let at = Moment::default();
    TimedEvent { at, event: Event::DemandRamp { until: at, factor: vec![factor; network.buses.id.len()] } }
}

impl Hazard for DemandLevels {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        any_case(self, world, streams, timeline)
    }

    fn lists(&self) -> bool {
        true
    }

    fn cases(&self, _world: &World<'_>) -> Option<u64> {
        Some(self.factors.len() as u64)
    }

    fn enter(&self, world: &World<'_>, case: u64, timeline: &mut Vec<TimedEvent>) {
        let factor = usize::try_from(case).ok().and_then(|case| self.factors.get(case));
        timeline.extend(factor.map(|factor| level(world.network, *factor)));
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        let factors: Vec<String> = self.factors.iter().map(f64::to_string).collect();
        format!("demand at each of {} of the file's", factors.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hazard::parse;
    use crate::sample;

    #[test]
    fn each_level_is_a_case() {
        let network = sample::ring(3);
        let world = World { network: &network, horizon_s: 600.0, step_s: 60.0 };
        let hazard =
            parse(&"kind = 'demand_levels'\nfactors = [0.7, 1]".parse().expect("TOML")).expect("sound");
        assert_eq!(hazard.cases(&world), Some(2));
        for (case, expected) in [(0, 0.7), (1, 1.0)] {
            let mut timeline = Vec::new();
            hazard.enter(&world, case, &mut timeline);
            assert_eq!(timeline, [level(&network, expected)]);
        }
        assert_eq!(hazard.describe(), "demand at each of 0.7, 1 of the file's");
    }

    #[test]
    fn levels_are_refused_where_they_are_none() {
        for (text, code) in [
            ("factors = []", "hazard.out-of-range"),
            ("factors = [1.0, 11]", "hazard.out-of-range"),
            ("factors = [1.0, nan]", "hazard.out-of-range"),
            ("factors = [1.0, 0.9, 1.0]", "hazard.out-of-range"),
            ("factors = 1.0", "hazard.wrong-type"),
            ("factors = ['a']", "hazard.wrong-type"),
        ] {
            let table = format!("kind = 'demand_levels'\n{text}").parse().expect("TOML");
            assert_eq!(parse(&table).expect_err(text).0[0].code, code, "{text}");
        }
    }
}
