//! A numbered family of scenarios: the hazards that draw each of them.

use powerflow::{Diagnostic, Diagnostics};

use crate::hazard::{Hazard, LIST, World};

/// What the scenarios of one population are drawn from.
#[derive(Debug)]
pub struct Population {
    /// Its name in the suite; part of the key of every draw.
    pub id: String,
    /// What happens, each independently of the others. One added at the end changes no draw of those before it.
    pub hazards: Vec<Box<dyn Hazard>>,
    /// How many scenarios a run covers at most: indices 0 to `size_max - 1`.
    pub size_max: u64,
}

impl Population {
    /// Everything wrong with it in this world, its hazards' complaints among it. With an error, its scenarios are not
    /// what its settings say and must not be run.
    pub fn check(&self, world: &World<'_>) -> Diagnostics {
        let mut complaints = Diagnostics::default();
        let mut complain = |code: &'static str, what: String| {
            complaints.push(Diagnostic::error(code, format!("population {} {what}", self.id)));
        };
        if self.size_max == 0 {
            complain("population.empty", "has no scenarios: `size_max` is 0".to_owned());
        }
        let positive = |seconds: f64| seconds.is_finite() && seconds > 0.0;
        if !positive(world.horizon_s) || !positive(world.step_s) || world.step_s > world.horizon_s {
            complain(
                "population.no-time",
                format!("has no step to live: horizon {} s, step {} s", world.horizon_s, world.step_s),
            );
        }
        let commands = |hazard: &dyn Hazard| {
            LIST.iter().find(|entry| entry.name == hazard.kind()).map_or(&[][..], |entry| entry.commands)
        };
        for (at, first) in self.hazards.iter().enumerate() {
            let both = |second: &dyn Hazard| commands(&**first).iter().any(|c| commands(second).contains(c));
            if let Some(second) = self.hazards[at + 1..].iter().find(|second| both(&***second)) {
                let (first, second) = (first.kind(), second.kind());
                complain(
                    "population.overlap",
                    format!("has the hazards {first} and {second}, each of which would undo the other"),
                );
            }
        }
        let lists = self.hazards.iter().filter(|hazard| hazard.lists()).count();
        if lists > 0 && lists < self.hazards.len() {
            complain(
                "population.mixed",
                "has hazards that list beside hazards that draw: it is neither all there is nor a sample of it".to_owned(),
            );
        }
        if let Some(size) = self.listed(world).filter(|size| *size > 0 && *size != self.size_max) {
            complain(
                "population.incomplete",
                format!("lists {size} scenarios, and `size_max` is {}: leave it out", self.size_max),
            );
        }
        for hazard in &self.hazards {
            complaints.0.extend(hazard.check(world).0);
        }
        complaints
    }

    /// How many scenarios there are in all, where every hazard lists: one for every combination of their cases. `None`
    /// where scenarios are drawn, and without any hazard.
    pub fn listed(&self, world: &World<'_>) -> Option<u64> {
        if self.hazards.is_empty() {
            return None;
        }
        let cases: Option<Vec<u64>> = self.hazards.iter().map(|hazard| hazard.cases(world)).collect();
        Some(cases?.into_iter().fold(1, u64::saturating_mul))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hazard::parse;
    use crate::sample;

    #[test]
    fn all_complaints_come_together() {
        let network = sample::ring(4);
        let population = |hazards: &[&str], size_max| Population {
            id: "p".into(),
            hazards: hazards.iter().map(|text| parse(&text.parse().expect("TOML")).expect("sound")).collect(),
            size_max,
        };
        let codes = |population: Population, horizon_s| {
            let world = World { network: &network, horizon_s, step_s: 60.0 };
            population.check(&world).0.into_iter().map(|d| d.code.to_string()).collect::<Vec<_>>()
        };
        let (trip, swing) = ("kind = 'line_trip'", "kind = 'load_swing'");
        assert!(codes(population(&[trip, trip, swing], 10), 600.0).is_empty());
        assert!(codes(population(&[], 1), 60.0).is_empty());
        let all = codes(population(&["kind = 'line_trip'\nk = 9", swing, swing], 0), 600.0);
        assert_eq!(all, ["population.empty", "population.overlap", "hazard.too-many"]);
        // Lists beside laws, and lists of which a part is asked for.
        let (every, levels) = ("kind = 'every_outage'", "kind = 'demand_levels'\nfactors = [0.8, 1.0]");
        assert_eq!(codes(population(&[every, swing], 10), 600.0), ["population.mixed"]);
        assert_eq!(codes(population(&[every, levels], 9), 600.0), ["population.incomplete"]);
        assert!(codes(population(&[every, levels], 10), 600.0).is_empty());
        assert_eq!(codes(population(&[levels, levels], 4), 600.0), ["population.overlap"]);
        for horizon_s in [0.0, 30.0, -5.0, f64::NAN, f64::INFINITY] {
            assert_eq!(codes(population(&[], 1), horizon_s), ["population.no-time"]);
        }
    }
}
