//! Days of cold: demand, ratings, and outages of units of which those that burn gas fail together, on one series of temperatures.
//!
//! ```text
//! level(t)    falls from `from_c` within `onset_h`, holds for `hold_h`, rises as it fell; the coldest night has `coldest_c`
//! demand      1 + load_per_degree (15 - T), below 15 deg C
//! ```
//!
//! Ratings and outages: see [`crate::temperature`]. The table of outages is of a region that is used to winters; `outages_scale` makes more of
//! them where nobody expects such cold. With 2.4 at -15 deg C 36 % of combined cycles and 48 % of turbines alone are out, some 17 % of all for want of
//! gas: the magnitude, about four in ten with frozen to without fuel as four to three, of the south-central United States in
//! February 2021 (FERC and NERC, joint report, November 2021, by its public summary).

use powerflow::Diagnostics;
use toml::Table;

use super::{Command, Hazard, HazardKind, World};
use crate::event::TimedEvent;
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::temperature::{self, Effects};

const COLDEST: Parameter = Parameter {
    name: "coldest_c",
    unit: "deg C",
    default: "[-20, -8]",
    meaning: "temperature of the coldest night: a number, or [lowest, highest] drawn from uniformly",
};
const FROM: Parameter = Parameter {
    name: "from_c",
    unit: "deg C",
    default: "8",
    meaning: "temperature in the afternoon before the cold",
};
const ONSET: Parameter = Parameter {
    name: "onset_h",
    unit: "h",
    default: "24",
    meaning: "how long the temperature falls, and rises again",
};
const HOLD: Parameter =
    Parameter { name: "hold_h", unit: "h", default: "72", meaning: "how long it stays at its lowest level" };
const LOAD: Parameter = Parameter {
    name: "load_per_degree",
    unit: "1",
    default: "0.01",
    meaning: "growth of demand for each degree below 15, as a share of the file's",
};
const SCALE: Parameter = Parameter {
    name: "outages_scale",
    unit: "1",
    default: "1",
    meaning: "factor on the shares of units out of order in the table",
};
const GAS_SHARE: Parameter = Parameter {
    name: "gas_share",
    unit: "1",
    default: "0.5",
    meaning: "share of an area's gas units that hang on a pipeline which may fail below -5 deg C",
};

pub(super) const KIND: HazardKind = HazardKind {
    name: "cold_snap",
    summary: "days of cold: demand, ratings, and outages of units, those that burn gas together, on one series of temperatures",
    parameters: &[
        COLDEST,
        FROM,
        ONSET,
        HOLD,
        LOAD,
        SCALE,
        GAS_SHARE,
        temperature::SWING,
        temperature::BEGINS,
        temperature::WIND,
        temperature::RATINGS,
        temperature::TECHNOLOGY,
    ],
    commands: &[Command::Demand, Command::Ratings],
    techniques: &[],
    parse,
};

/// Below this temperature demand grows, deg C.
const HEATED_C: f64 = 15.0;

/// Days of cold; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct ColdSnap {
    coldest_c: Span,
    from_c: f64,
    onset_s: f64,
    hold_s: f64,
    load_per_degree: f64,
    effects: Effects,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let mut effects = Effects::read(&mut settings, 6.0);
    effects.outages.scale = settings.number(SCALE.name, 1.0, 0.0, 10.0);
    effects.outages.gas_share = settings.number(GAS_SHARE.name, 0.5, 0.0, 1.0);
    let hazard = ColdSnap {
        coldest_c: settings.span(COLDEST.name, -60.0, 15.0).unwrap_or(Span { low: -20.0, high: -8.0 }),
        from_c: settings.number(FROM.name, 8.0, -60.0, 40.0),
        onset_s: 3600.0 * settings.number(ONSET.name, 24.0, 0.0, 1000.0),
        hold_s: 3600.0 * settings.number(HOLD.name, 72.0, 0.0, 10_000.0),
        load_per_degree: settings.number(LOAD.name, 0.01, 0.0, 0.2),
        effects,
    };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

impl ColdSnap {
    /// Temperature in the afternoon, deg C, had it stayed as it is now.
    fn level_c(&self, coldest_c: f64, seconds: f64) -> f64 {
        let into = if seconds < self.onset_s { seconds / self.onset_s } else { 1.0 };
        let over = seconds - self.onset_s - self.hold_s;
        let depth = if over <= 0.0 { into } else { (1.0 - over / self.onset_s).max(0.0) };
        let lowest_c = coldest_c + self.effects.swing_c();
        (lowest_c - self.from_c).mul_add(depth, self.from_c)
    }
}

impl Hazard for ColdSnap {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let mut stream = streams.named("weather");
        let coldest_c = self.coldest_c.draw(&mut stream);
        let drawn = self.effects.draw(&mut stream);
        let celsius = |seconds: f64| self.effects.celsius(self.level_c(coldest_c, seconds), seconds);
        let demand = |celsius: f64| self.load_per_degree.mul_add((HEATED_C - celsius).max(0.0), 1.0);
        self.effects.enter(world, drawn, celsius, demand, None::<fn(f64) -> f64>, timeline);
        self.effects.enter_outages(world, celsius, streams, timeline);
        self.effects.loses_nothing(world.network).then_some(0.0)
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        let temperature::Outages { scale, gas_share, .. } = self.effects.outages;
        format!(
            "cold down to {} deg C, within {} h from {} deg C and for {} h: demand grows by {} a degree below {HEATED_C}; outages are {scale} times the table's, and {gas_share} of an area's gas units may fail together; {}",
            self.coldest_c,
            self.onset_s / 3600.0,
            self.from_c,
            self.hold_s / 3600.0,
            self.load_per_degree,
            self.effects.describe()
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::event::{Event, Moment};
    use crate::hazard::parse;
    use crate::sample;
    use crate::seed::{Seed, streams};
    use crate::weather::availability::{gas_supply_fails, unavailable};
    use powerflow::case::PrimeMover;

    fn timeline(text: &str, hours: u32, index: u64) -> Vec<TimedEvent> {
        let network = sample::ring(12);
        let world = World { network: &network, horizon_s: f64::from(hours) * 3600.0, step_s: 3600.0 };
        let hazard = parse(&format!("kind = 'cold_snap'\n{text}").parse().expect("TOML")).expect("sound");
        let mut timeline = Vec::new();
        hazard.draw(&world, &streams(Seed::default(), "cold", index), &mut timeline);
        timeline
    }

    /// Share of unit-hours out of order, and the variance of the number out in an hour.
    fn out(text: &str, hours: u32, episodes: u64) -> (f64, f64) {
        let units = sample::ring(12).units.bus.len() as f64;
        let mut counts = Vec::new();
        for index in 0..episodes {
            let mut changes: BTreeMap<Moment, i64> = BTreeMap::new();
            for timed in timeline(text, hours, index) {
                let change = match timed.event {
                    Event::UnitOut { .. } => 1,
                    Event::UnitBack { .. } => -1,
                    _ => 0,
                };
                *changes.entry(timed.at).or_default() += change;
            }
            let mut out = 0;
            for hour in 0..hours {
                out += changes.get(&Moment::from_seconds(f64::from(hour) * 3600.0)).copied().unwrap_or(0);
                counts.push(out as f64);
            }
        }
        let n = counts.len() as f64;
        let mean = counts.iter().sum::<f64>() / n;
        let variance = counts.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
        (mean / units, variance)
    }

    const STEADY: &str =
        "technology = 'combined_cycle'\ncoldest_c = -15\nswing_c = 0\nonset_h = 0\nhold_h = 9999";

    /// The first hours of many episodes are independent draws: more than a hundred thousand of units.
    #[test]
    fn units_that_fail_together_fail_as_often_as_those_that_do_not() {
        let q = unavailable(PrimeMover::CombinedCycle, -15.0).expect("in the table");
        let units = sample::ring(12).units.bus.len() as f64;
        let episodes = (120_000.0 / units) as u64;
        let (alone, spread_alone) = out(&format!("{STEADY}\ngas_share = 0"), 1, episodes);
        let (together, spread_together) = out(&format!("{STEADY}\ngas_share = 0.5"), 1, episodes);
        for (share, variance) in [(alone, spread_alone), (together, spread_together)] {
            let error = (variance / episodes as f64).sqrt() / units;
            assert!((share - q).abs() < 4.0 * error, "{share} against {q} +- {error}");
        }
        if units > 1.0 {
            assert!(spread_together > 1.2 * spread_alone, "{spread_together} {spread_alone}");
        }
    }

    /// Four in ten gas units, frozen to without fuel as four to three; and it does not change in the course of four days.
    #[test]
    fn where_nobody_expects_such_cold_it_is_as_in_february_2021() {
        let text = format!("{STEADY}\noutages_scale = 2.4");
        let (first, _) = out(&text, 1, 3000);
        let (all, _) = out(&text, 96, 300);
        for share in [first, all] {
            assert!((0.33..0.45).contains(&share), "{share}");
        }
        let without_fuel = gas_supply_fails(-15.0) * 0.5;
        let frozen = (2.4 * unavailable(PrimeMover::CombinedCycle, -15.0).expect("in the table")
            - without_fuel)
            / (1.0 - without_fuel);
        let ratio = frozen * (1.0 - without_fuel) / without_fuel;
        assert!((1.0..1.7).contains(&ratio), "{ratio}");
    }

    #[test]
    fn the_temperature_falls_holds_and_rises() {
        let demand = |text: &str, hour: u32| {
            let timeline = timeline(text, 150, 0);
            let until = Moment::from_seconds(f64::from(hour) * 3600.0);
            timeline
                .into_iter()
                .find_map(|timed| match timed.event {
                    Event::DemandRamp { until: at, factor } if at == until => Some(factor[0]),
                    _ => None,
                })
                .expect("an hour of the series")
        };
        let text = "coldest_c = -10\nswing_c = 0\nfrom_c = 15\nonset_h = 25\nhold_h = 50";
        for (hour, wanted) in [(0, 1.0), (10, 1.1), (25, 1.25), (60, 1.25), (75, 1.25), (90, 1.1), (120, 1.0)]
        {
            let ours = demand(text, hour);
            assert!((ours - wanted).abs() < 1e-9, "hour {hour}: {ours} against {wanted}");
        }
    }
}
