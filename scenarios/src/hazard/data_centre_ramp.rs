//! Large computing loads that move together within seconds: a training job that pauses, or a disturbance that sends them all to their own supply.
//!
//! Buses are drawn, one after the other, until the demand of all of them is the asked share of the grid's; the last one counts as far as it is needed.
//! That demand falls by `depth`, stays away, and returns, as often as asked. On 10 July 2024 some 1,500 MW left the eastern
//! United States within 82 seconds in this way (NERC, incident review, January 2025, by its public summary).

use powerflow::Diagnostics;
use toml::Table;

use super::{Command, Hazard, HazardKind, World};
use crate::demand::{no_demand, parts, ramp};
use crate::event::TimedEvent;
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::storm;

const SHARE: Parameter = Parameter {
    name: "share",
    unit: "1",
    default: "[0.03, 0.1]",
    meaning: "share of the grid's demand that belongs to them, drawn once an episode",
};
const DEPTH: Parameter = Parameter {
    name: "depth",
    unit: "1",
    default: "[0.5, 1]",
    meaning: "share of their demand that moves, drawn once an episode",
};
const RAMP: Parameter =
    Parameter { name: "ramp_s", unit: "s", default: "[1, 10]", meaning: "how long it takes to move" };
const AWAY: Parameter =
    Parameter { name: "away_s", unit: "s", default: "[30, 600]", meaning: "how long it stays away" };
const BEGINS: Parameter = storm::begins_parameter("when it moves first");
const SWINGS: Parameter = Parameter {
    name: "swings",
    unit: "1",
    default: "1",
    meaning: "how often it goes and returns, with as long a time between as it stays away",
};

pub(super) const KIND: HazardKind = HazardKind {
    name: "data_centre_ramp",
    summary: "large computing loads fall and return together within seconds",
    parameters: &[SHARE, DEPTH, RAMP, AWAY, BEGINS, SWINGS],
    commands: &[Command::Demand],
    techniques: &[],
    parse,
};

/// Computing loads; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct DataCentreRamp {
    share: Span,
    depth: Span,
    ramp_s: Span,
    away_s: Span,
    begins_s: Option<Span>,
    swings: u32,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let span = |low, high| Span { low, high };
    let swings = settings.number(SWINGS.name, 1.0, 1.0, 10_000.0);
    if swings.fract() != 0.0 {
        settings.complain("hazard.out-of-range", SWINGS.name, "is no whole number");
    }
    let hazard = DataCentreRamp {
        share: settings.span(SHARE.name, 0.0, 1.0).unwrap_or(span(0.03, 0.1)),
        depth: settings.span(DEPTH.name, 0.0, 1.0).unwrap_or(span(0.5, 1.0)),
        ramp_s: settings.span(RAMP.name, 0.0, 3600.0).unwrap_or(span(1.0, 10.0)),
        away_s: settings.span(AWAY.name, 0.0, 1e6).unwrap_or(span(30.0, 600.0)),
        begins_s: settings.span(BEGINS.name, 0.0, f64::INFINITY),
        swings: swings as u32,
    };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

impl Hazard for DataCentreRamp {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let mut stream = streams.named("swing");
        let share = self.share.draw(&mut stream);
        let depth = self.depth.draw(&mut stream);
        let ramp_s = self.ramp_s.draw(&mut stream);
        let away_s = self.away_s.draw(&mut stream);
        let begins_s = storm::begins(self.begins_s, world).draw(&mut stream);
        let parts = parts(world.network, share, |_| true, &mut streams.named("which"));
        let away: Vec<f64> = parts.iter().map(|part| (-depth).mul_add(*part, 1.0)).collect();
        let all = vec![1.0; parts.len()];
        for swing in 0..self.swings {
            let falls_s = (2.0 * (ramp_s + away_s)).mul_add(f64::from(swing), begins_s);
            ramp(world, falls_s, ramp_s, &away, timeline);
            ramp(world, falls_s + ramp_s + away_s, ramp_s, &all, timeline);
        }
        // Many orders choose the same buses: nobody sums over them here.
        None
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        format!(
            "computing loads, {} of the demand, lose {} of it within {} s, {} times, and are back {} s later",
            self.share, self.depth, self.ramp_s, self.swings, self.away_s
        )
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        let late = storm::never_happens(KIND.name, world, self.begins_s, "begins", BEGINS.name);
        Diagnostics(late.into_iter().chain(no_demand(KIND.name, world)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::hazard::parse;
    use crate::sample;
    use crate::seed::{Seed, streams};

    #[test]
    fn the_share_that_moves_is_the_share_that_was_asked_for() {
        let network = sample::ring(12);
        let world = World { network: &network, horizon_s: 3600.0, step_s: 10.0 };
        let text = "kind = 'data_centre_ramp'\nshare = 0.25\ndepth = 0.8\nramp_s = 5\naway_s = 60\nbegins_s = 100\nswings = 3";
        let hazard = parse(&text.parse().expect("TOML")).expect("sound");
        let demand = network.buses.demand_p_pu.as_slice();
        let mut where_it_was = std::collections::BTreeSet::new();
        for index in 0..30 {
            let mut timeline = Vec::new();
            hazard.draw(&world, &streams(Seed::default(), "centres", index), &mut timeline);
            let moves: Vec<(f64, f64)> = timeline
                .iter()
                .map(|timed| match &timed.event {
                    Event::DemandRamp { until, factor } => {
                        let gone: f64 = demand.iter().zip(factor).map(|(p, f)| p * (1.0 - f)).sum();
                        where_it_was.insert(format!("{factor:?}"));
                        (until.seconds(), gone / demand.iter().sum::<f64>())
                    }
                    other => panic!("{other:?}"),
                })
                .collect();
            let wanted = [(105.0, 0.2), (170.0, 0.0), (235.0, 0.2), (300.0, 0.0), (365.0, 0.2), (430.0, 0.0)];
            for ((until_s, gone), (at_s, share)) in moves.iter().zip(wanted) {
                assert!((until_s - at_s).abs() < 1e-9 && (gone - share).abs() < 1e-12, "{moves:?}");
            }
            assert_eq!(moves.len(), 6);
        }
        assert!(where_it_was.len() > 10);
    }
}
