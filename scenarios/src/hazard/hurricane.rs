//! A hurricane crosses the grid and breaks lines.
//!
//! Its wind is Holland's, turned inwards, stronger on the right of its way (on the left in the south), weaker over land and with
//! every hour ashore; what breaks, and when it is repaired, is as in a [`super::wind_front`]: a stronger storm of the same
//! seed and index breaks a superset. It comes ashore where its way meets the edge of the grid.

use powerflow::{Diagnostic, Diagnostics};
use toml::Table;

use super::{Hazard, HazardKind, World};
use crate::event::TimedEvent;
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::storm::{self, Course, Damage};
use crate::weather::geography::Map;
use crate::weather::hurricane::{CATEGORIES_M_S, Hurricane, Passage};

const CATEGORY: Parameter = Parameter {
    name: "category",
    unit: "1",
    default: "[1, 2, 3, 4, 5]",
    meaning: "Saffir-Simpson category as it comes ashore; from a list each entry is equally likely",
};
const SHAPE_B: Parameter = Parameter {
    name: "holland_b",
    unit: "1",
    default: "1.5",
    meaning: "Holland's B: how peaked its wind is",
};

pub(super) const KIND: HazardKind = HazardKind {
    name: "hurricane",
    summary: "a hurricane crosses the grid and breaks lines, which crews repair; needs coordinates",
    parameters: &[
        CATEGORY,
        SHAPE_B,
        storm::SPEED,
        storm::HEADING,
        storm::OFFSET,
        storm::PASSES,
        storm::FRAGILITY,
        storm::ALIKE_EVERYWHERE,
        storm::ALIKE_NEARBY,
        storm::CREWS,
    ],
    commands: &[],
    techniques: &[],
    parse,
};

/// A hurricane; see the module.
#[derive(Clone, Debug, PartialEq)]
struct Crossing {
    categories: Vec<u32>,
    holland_b: f64,
    course: Course,
    damage: Damage,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let categories = settings.counts(CATEGORY.name, &[1, 2, 3, 4, 5]);
    if categories.iter().any(|category| !(1..=5).contains(category)) {
        settings.complain("hazard.out-of-range", CATEGORY.name, "has an entry that is none of 1 to 5");
    }
    let hazard = Crossing {
        categories,
        holland_b: settings.number(SHAPE_B.name, 1.5, 1.0, 2.5),
        course: Course::read(&mut settings, Span { low: 4.0, high: 8.0 }),
        damage: Damage::read(&mut settings),
    };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

impl Crossing {
    /// The storm of a scenario.
    fn passage(&self, world: &World<'_>, map: &Map, streams: &Streams) -> Passage {
        let mut stream = streams.named("storm");
        let pick = (stream.uniform() * self.categories.len() as f64) as usize;
        let category = self.categories[pick.min(self.categories.len() - 1)];
        let wind_m_s = CATEGORIES_M_S[category as usize - 1];
        let way = self.course.draw(world, map, &mut stream);
        Passage {
            storm: Hurricane::of_wind(wind_m_s, self.holland_b, map.middle().latitude_deg),
            way,
            ashore_at_s: way.passes_at_s - 1000.0 * map.radius_km() / way.speed_m_s,
        }
    }
}

impl Hazard for Crossing {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let map = Map::of(world.network, KIND.name).ok()?;
        let passage = self.passage(world, &map, streams);
        self.damage.enter(world, &map, streams, timeline, |point| passage.at(point));
        // As of a wind front: which lines fail is no set whose likelihood anybody sums.
        None
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        let categories: Vec<String> = self.categories.iter().map(u32::to_string).collect();
        format!(
            "a hurricane of category {} as it comes ashore (Holland's B {}), {}, breaks lines {}",
            categories.join(" or "),
            self.holland_b,
            self.course.describe(),
            self.damage.describe()
        )
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        let mut complaints = self.course.check(KIND.name, world);
        let Ok(map) = Map::of(world.network, KIND.name) else { return complaints };
        if map.middle().latitude_deg.abs() > LATITUDE_MAX {
            let message = format!(
                "the hazard {} is asked to cross a grid at {:.0} degrees of latitude",
                KIND.name,
                map.middle().latitude_deg
            );
            let hint = "no hurricane gets there as one: a wind_front is what does";
            complaints.push(Diagnostic::warning("hazard.unlikely", message).hint(hint));
        }
        complaints
    }
}

/// Hurricanes are no longer hurricanes beyond this latitude, degrees.
const LATITUDE_MAX: f64 = 50.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::hazard::parse;
    use crate::sample;
    use crate::seed::{Seed, streams};

    fn lost(text: &str, index: u64) -> Vec<usize> {
        let sides: Vec<(usize, usize)> = (1..12).map(|row| (row - 1, row)).collect();
        let mut case = sample::case(12, &sides);
        for (row, bus) in case.buses.iter_mut().enumerate() {
            bus.location = Some((-90.0 + 0.4 * row as f64, 30.0));
        }
        let network = sample::build(case);
        let world = World { network: &network, horizon_s: 259_200.0, step_s: 600.0 };
        let hazard = parse(&format!("kind = 'hurricane'\n{text}").parse().expect("TOML")).expect("sound");
        assert!(hazard.check(&world).0.is_empty());
        let mut timeline = Vec::new();
        hazard.draw(&world, &streams(Seed::default(), "storms", index), &mut timeline);
        let out = |timed: &TimedEvent| match timed.event {
            Event::BranchOut { branch } => Some(powerflow::Index::row(branch)),
            _ => None,
        };
        timeline.iter().filter_map(out).collect()
    }

    #[test]
    fn a_higher_category_breaks_a_superset() {
        let mut counts = [0usize; 5];
        for index in 0..20 {
            let mut before: Vec<usize> = Vec::new();
            for category in 1..=5 {
                let now = lost(
                    &format!("category = {category}\nheading_deg = 90\noffset_km = 15\nspeed_m_s = 8"),
                    index,
                );
                assert!(
                    before.iter().all(|branch| now.contains(branch)),
                    "storm {index}, category {category}"
                );
                counts[category - 1] += now.len();
                before = now;
            }
        }
        assert!(counts[4] > 20 && counts[4] > 5 * counts[1] && counts.is_sorted(), "{counts:?}");
    }

    #[test]
    fn categories_are_one_to_five() {
        for text in ["category = 6", "category = [0, 1]"] {
            let table = format!("kind = 'hurricane'\n{text}").parse().expect("TOML");
            assert_eq!(parse(&table).expect_err(text).0[0].code, "hazard.out-of-range");
        }
    }
}
