//! Laws that draw events, and the list of all of them. A new hazard is a file here, its `mod` line and its list entry.

use powerflow::{Diagnostic, Diagnostics, Network};
use toml::Table;

use crate::event::{Event, TimedEvent};
use crate::nearest::advice;
use crate::preset;
use crate::seed::Streams;
use crate::settings::Parameter;
use crate::weather::damage::Strain;
use crate::weather::geography::Point;

pub mod breaker_attack;
pub mod cold_snap;
pub mod data_centre_ramp;
pub mod demand_levels;
pub mod eclipse;
pub mod every_outage;
pub mod flood;
pub mod generator_trip;
pub mod geomagnetic_storm;
pub mod heat_dome;
pub mod hurricane;
pub mod ice_storm;
pub mod light_load_high_voltage;
pub mod lightning;
pub mod line_trip;
pub mod load_altering;
pub mod load_swing;
pub mod safety_shutoff;
pub mod wildfire;
pub mod wind_front;
pub mod wind_ramp;

/// Where and how long a hazard acts.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// The grid as the file describes it.
    pub network: &'a Network,
    /// Length of the episode, s; events at or after it are left out of a timeline.
    pub horizon_s: f64,
    /// Length of one step of the loop, s. An event takes effect at the first step that begins at or after it.
    pub step_s: f64,
}

impl World<'_> {
    /// When the last step begins, s: the last moment at which an event can take effect.
    pub fn last_step_s(&self) -> f64 {
        (self.horizon_s - self.step_s).max(0.0)
    }
}

/// A law that draws events, or a list of cases that are all to be gone through.
pub trait Hazard: std::fmt::Debug + Send + Sync {
    /// Adds what happens in one scenario, in any order; returns the natural logarithm of the likelihood of its discrete
    /// draws (which elements and how many, not when), or `None` where it does not know it. Depends on nothing but its
    /// arguments, and does not read what is already in `timeline`.
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64>;

    /// Whether it is a list of cases rather than a law. A population of nothing but lists has a scenario for every
    /// combination of their cases, and nothing about it is drawn; beside a law there is no place for a list.
    fn lists(&self) -> bool {
        false
    }

    /// Number of its cases, where it is a list.
    fn cases(&self, _world: &World<'_>) -> Option<u64> {
        None
    }

    /// Adds what happens in its case of this number, from 0, in any order; nothing where there is no such case.
    fn enter(&self, _world: &World<'_>, _case: u64, _timeline: &mut Vec<TimedEvent>) {}

    /// Its gusts (three seconds, 10 m above ground) at these points of the grid's map in one scenario, m/s, one for each; `None` for one that is
    /// no wind. For pictures: nothing is decided by it.
    fn gusts(&self, _world: &World<'_>, _streams: &Streams, _points: &[Point]) -> Option<Vec<Strain>> {
        None
    }

    /// Its name in suites, one of [`LIST`].
    fn kind(&self) -> &'static str;

    /// Its law and settings in words, for reports.
    fn describe(&self) -> String;

    /// What it may take out, for searches that choose the elements themselves: in file order, for each element the events of its loss,
    /// dated as scenario `streams` would date them, the loss first. Every element has a date of its own that does not depend on what
    /// else is lost. Empty for a hazard that takes nothing out.
    fn losses(&self, _world: &World<'_>, _streams: &Streams) -> Vec<Vec<TimedEvent>> {
        Vec::new()
    }

    /// The losses of `order`, in that order, each of which may come together with those before it, as far as that depends on which
    /// they are and not on how many.
    fn together(&self, _world: &World<'_>, order: &[Event]) -> Vec<Event> {
        order.to_vec()
    }

    /// The probability that a scenario takes out all of these elements, whatever else goes with them, times aside; zero where it never
    /// takes out so many, `None` where it does not know.
    fn probability_of(&self, _world: &World<'_>, _lost: &[Event]) -> Option<f64> {
        None
    }

    /// How many elements one scenario takes out at most.
    fn losses_max(&self) -> u32 {
        0
    }

    /// Complaints about a world that it cannot act in as its settings say. After an error [`Self::draw`] does what it
    /// can, which is not what was asked for.
    fn check(&self, _world: &World<'_>) -> Diagnostics {
        Diagnostics::default()
    }
}

/// What only one hazard of a population may say where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Demand of the buses.
    Demand,
    /// Ratings of the branches.
    Ratings,
    /// What units can deliver.
    Capability,
    /// What transformers take in a geomagnetic storm.
    Saturation,
}

/// One entry of [`LIST`].
#[derive(Clone, Copy, Debug)]
pub struct HazardKind {
    /// The value of `kind` in a suite.
    pub name: &'static str,
    /// One line for help texts and documents.
    pub summary: &'static str,
    /// Every key it knows besides `kind`.
    pub parameters: &'static [Parameter],
    /// What it says where it is, from its first moment on: of hazards of a population only one may say it of each.
    pub commands: &'static [Command],
    /// What an attacker who does it does, by number in [`crate::technique::LIST`]; empty for what no attacker does.
    pub techniques: &'static [&'static str],
    /// Reads its table.
    pub parse: fn(&Table) -> Result<Box<dyn Hazard>, Diagnostics>,
}

/// Every hazard, by name.
pub const LIST: &[HazardKind] = &[
    breaker_attack::KIND,
    cold_snap::KIND,
    data_centre_ramp::KIND,
    demand_levels::KIND,
    eclipse::KIND,
    every_outage::KIND,
    flood::KIND,
    generator_trip::KIND,
    geomagnetic_storm::KIND,
    heat_dome::KIND,
    hurricane::KIND,
    ice_storm::KIND,
    light_load_high_voltage::KIND,
    lightning::KIND,
    line_trip::KIND,
    load_altering::KIND,
    load_swing::KIND,
    safety_shutoff::KIND,
    wildfire::KIND,
    wind_front::KIND,
    wind_ramp::KIND,
];

/// One case of a list, uniformly drawn: what a list does where it is asked to draw. Stream `which`.
fn any_case(
    hazard: &dyn Hazard,
    world: &World<'_>,
    streams: &Streams,
    timeline: &mut Vec<TimedEvent>,
) -> Option<f64> {
    let cases = hazard.cases(world)?;
    hazard.enter(world, streams.named("which").below(cases)?, timeline);
    Some(-libm::log(cases as f64))
}

/// Reads one entry of `hazards` in a suite.
///
/// # Errors
/// `hazard.missing-kind`, `hazard.unknown-kind` with the nearest known one, and all that the kind's own reader finds.
pub fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let names = || LIST.iter().map(|entry| entry.name);
    let known = || names().collect::<Vec<_>>().join(", ");
    match table.get("kind") {
        None => Err(Diagnostic::error("hazard.missing-kind", "a hazard has no `kind`")
            .hint(format!("known are {}", known()))
            .into()),
        Some(toml::Value::String(name)) => match LIST.iter().find(|entry| entry.name == name) {
            Some(entry) => (entry.parse)(&*preset::resolved(table, entry.name)?),
            None => Err(Diagnostic::error(
                "hazard.unknown-kind",
                format!("there is no hazard of the kind `{name}`"),
            )
            .hint(advice(name, names()))
            .into()),
        },
        Some(other) => Err(Diagnostic::error(
            "hazard.wrong-type",
            format!("`kind` of a hazard should be a word, not {other}"),
        )
        .hint(format!("known are {}", known()))
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_the_folder() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/hazard");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder of the hazards")
            .map(|entry| entry.expect("an entry").path())
            .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
            .filter(|stem| stem != "mod")
            .collect();
        files.sort();
        assert_eq!(files, LIST.iter().map(|entry| entry.name).collect::<Vec<_>>());
    }

    #[test]
    fn every_kind_works_without_settings_and_names_itself() {
        for entry in LIST {
            let table = format!("kind = '{}'", entry.name).parse().expect("TOML");
            let hazard = parse(&table).unwrap_or_else(|complaints| panic!("{}: {complaints}", entry.name));
            assert_eq!(hazard.kind(), entry.name);
            assert!(!hazard.describe().is_empty() && !entry.summary.is_empty());
        }
    }

    #[test]
    fn what_lists_has_cases_and_what_draws_has_none() {
        let network = crate::sample::ring(4);
        let world = World { network: &network, horizon_s: 600.0, step_s: 60.0 };
        for entry in LIST {
            let hazard = parse(&format!("kind = '{}'", entry.name).parse().expect("TOML")).expect("sound");
            assert_eq!(hazard.lists(), hazard.cases(&world).is_some(), "{}", entry.name);
            // A case beyond the last is nothing.
            let mut timeline = Vec::new();
            hazard.enter(&world, u64::MAX, &mut timeline);
            assert!(timeline.is_empty(), "{}", entry.name);
        }
    }

    /// A key of the list that a reader forgets would be accepted and do nothing: a wrong type must be refused for each.
    #[test]
    fn every_parameter_in_the_list_is_read() {
        for entry in LIST {
            for parameter in entry.parameters {
                let table =
                    format!("kind = '{}'\n{} = {{}}", entry.name, parameter.name).parse().expect("TOML");
                let complaints = parse(&table).expect_err(parameter.name);
                assert_eq!(complaints.0[0].code, "hazard.wrong-type", "{}.{}", entry.name, parameter.name);
                assert!(complaints.0[0].message.contains(parameter.name));
            }
        }
    }

    #[test]
    fn unknown_words_are_answered_with_the_nearest_known() {
        for (text, code, hint) in [
            ("k = 1", "hazard.missing-kind", "known are breaker_attack, "),
            ("kind = 'line_tripp'", "hazard.unknown-kind", "did you mean `line_trip`?"),
            ("kind = 'earthquake'", "hazard.unknown-kind", "known are breaker_attack, "),
            ("kind = 3", "hazard.wrong-type", "known are breaker_attack, "),
            ("kind = 'load_swing'\nsgima = 0.1", "hazard.unknown-key", "did you mean `sigma`?"),
        ] {
            let complaints = parse(&text.parse().expect("TOML")).expect_err(text);
            assert_eq!(complaints.0[0].code, code, "{text}");
            let advice = complaints.0[0].hint.as_deref().expect("advice");
            assert!(advice.starts_with(hint), "{text}: {advice}");
        }
    }
}
