//! Every branch, or every unit, is lost once: a list with one case for each, in the order of the file.

use powerflow::case::BusKind;
use powerflow::{BranchIdx, Diagnostic, Diagnostics, UnitIdx};
use toml::Table;

use super::{Hazard, HazardKind, World, any_case};
use crate::connectivity::{Graph, in_use};
use crate::event::{Event, Moment, TimedEvent};
use crate::seed::Streams;
use crate::settings::{Parameter, Settings};

const OF: Parameter = Parameter {
    name: "of",
    unit: "-",
    default: "branches",
    meaning: "`branches` in use, `units` that run, or `both`, branches first",
};
const AT_S: Parameter = Parameter { name: "at_s", unit: "s", default: "0", meaning: "when it is lost" };
const RETURN_AFTER_S: Parameter =
    Parameter { name: "return_after_s", unit: "s", default: "never", meaning: "how long it stays lost" };
const KEEP_CONNECTED: Parameter = Parameter {
    name: "keep_connected",
    unit: "-",
    default: "false",
    meaning: "leave out branches without which some bus is cut off",
};
const LINES_ONLY: Parameter =
    Parameter { name: "lines_only", unit: "-", default: "false", meaning: "leave out transformers" };

pub(super) const KIND: HazardKind = HazardKind {
    name: "every_outage",
    summary: "every branch or unit is lost once, one a scenario: a list, of which nothing is drawn",
    parameters: &[OF, AT_S, RETURN_AFTER_S, KEEP_CONNECTED, LINES_ONLY],
    commands: &[],
    techniques: &[],
    parse,
};

/// Which elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Branches,
    Units,
    Both,
}

/// Every element is lost once; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct EveryOutage {
    of: Of,
    at_s: f64,
    return_after_s: Option<f64>,
    keep_connected: bool,
    lines_only: bool,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let of = [("branches", Of::Branches), ("units", Of::Units), ("both", Of::Both)];
    let hazard = EveryOutage {
        of: settings.choice(OF.name, &of),
        at_s: settings.number(AT_S.name, 0.0, 0.0, f64::INFINITY),
        return_after_s: settings
            .has(RETURN_AFTER_S.name)
            .then(|| settings.number(RETURN_AFTER_S.name, 0.0, 0.0, f64::INFINITY)),
        keep_connected: settings.flag(KEEP_CONNECTED.name, false),
        lines_only: settings.flag(LINES_ONLY.name, false),
    };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

impl EveryOutage {
    fn branches(&self, world: &World<'_>) -> Vec<BranchIdx> {
        if self.of == Of::Units {
            return Vec::new();
        }
        let network = world.network;
        let bridges = if self.keep_connected { Graph::of(network).bridges() } else { Vec::new() };
        let listed = |branch: &BranchIdx| {
            in_use(network, *branch)
                && !(self.lines_only && network.branches.transformer[*branch])
                && bridges.binary_search(branch).is_err()
        };
        network.branches.from.indices().filter(listed).collect()
    }

    fn units(&self, world: &World<'_>) -> Vec<UnitIdx> {
        if self.of == Of::Branches {
            return Vec::new();
        }
        let (units, buses) = (&world.network.units, &world.network.buses);
        let runs =
            |unit: &UnitIdx| units.in_service[*unit] && buses.kind[units.bus[*unit]] != BusKind::Isolated;
        units.bus.indices().filter(runs).collect()
    }
}

impl Hazard for EveryOutage {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        any_case(self, world, streams, timeline)
    }

    fn lists(&self) -> bool {
        true
    }

    fn cases(&self, world: &World<'_>) -> Option<u64> {
        Some((self.branches(world).len() + self.units(world).len()) as u64)
    }

    fn enter(&self, world: &World<'_>, case: u64, timeline: &mut Vec<TimedEvent>) {
        let branches = self.branches(world).into_iter();
        let of_branches = branches.map(|branch| (Event::BranchOut { branch }, Event::BranchBack { branch }));
        let units = self.units(world).into_iter();
        let of_units = units.map(|unit| (Event::UnitOut { unit }, Event::UnitBack { unit }));
        let place = usize::try_from(case).unwrap_or(usize::MAX);
        let Some((out, back)) = of_branches.chain(of_units).nth(place) else { return };
        let returns = self.return_after_s.map(|after| (self.at_s + after, back));
        for (at_s, event) in [Some((self.at_s, out)), returns].into_iter().flatten() {
            if at_s < world.horizon_s {
                timeline.push(TimedEvent { at: Moment::from_seconds(at_s), event });
            }
        }
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        let which = match self.of {
            Of::Branches if self.lines_only => "every line",
            Of::Branches => "every branch",
            Of::Units => "every unit",
            Of::Both if self.lines_only => "every line and every unit",
            Of::Both => "every branch and every unit",
        };
        let connected = match self.keep_connected && self.of != Of::Units {
            true => " that cuts no bus off",
            false => "",
        };
        let back = match self.return_after_s {
            None => "for good".to_owned(),
            Some(after) => format!("back after {after} s"),
        };
        format!("{which}{connected} lost once, at {} s, {back}", self.at_s)
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        let mut complaints = Diagnostics::default();
        if self.cases(world) == Some(0) {
            complaints.push(
                Diagnostic::error(
                    "hazard.too-many",
                    format!(
                        "the hazard {} lists nothing: {} has no such element",
                        KIND.name, world.network.name
                    ),
                )
                .hint("loosen what restricts the choice"),
            );
        }
        let last_s = world.last_step_s();
        if self.at_s > last_s {
            complaints.push(
                Diagnostic::error(
                    "hazard.never-happens",
                    format!(
                        "the hazard {} begins at {} s, after the last step at {last_s} s",
                        KIND.name, self.at_s
                    ),
                )
                .hint("lower `at_s`, or take more steps"),
            );
        }
        if let Some(after) = self.return_after_s.filter(|after| *after < world.step_s) {
            complaints.push(Diagnostic::warning(
                "hazard.shorter-than-a-step",
                format!(
                    "the hazard {} gives its element back after {after} s; an outage shorter than the step of {} s may fall \
                     between two steps, unseen",
                    KIND.name, world.step_s
                ),
            ));
        }
        complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hazard::parse;
    use crate::sample;
    use powerflow::{Index, Network};

    fn world(network: &Network) -> World<'_> {
        World { network, horizon_s: 1800.0, step_s: 60.0 }
    }

    /// The elements of every case, branches as they are numbered and units from 100 on.
    fn listed(settings: &str, network: &Network) -> Vec<usize> {
        let hazard =
            parse(&format!("kind = 'every_outage'\n{settings}").parse().expect("TOML")).expect("sound");
        let cases = hazard.cases(&world(network)).expect("a list");
        let lost = |case| {
            let mut timeline = Vec::new();
            hazard.enter(&world(network), case, &mut timeline);
            match timeline.first().map(|timed| &timed.event) {
                Some(Event::BranchOut { branch }) => branch.row(),
                Some(Event::UnitOut { unit }) => 100 + unit.row(),
                other => panic!("{other:?}"),
            }
        };
        (0..cases).map(lost).collect()
    }

    #[test]
    fn each_is_listed_once_in_the_order_of_the_file() {
        let network = sample::ring(4);
        assert_eq!(listed("", &network), [0, 1, 2, 3, 4]);
        assert_eq!(listed("of = 'units'", &network), [100, 101, 102, 103]);
        assert_eq!(listed("of = 'both'", &network), [0, 1, 2, 3, 4, 100, 101, 102, 103]);
    }

    #[test]
    fn what_is_out_of_service_a_transformer_or_a_bridge_is_left_out() {
        let mut case = sample::case(5, &[(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (0, 1)]);
        case.branches[5].in_service = false;
        case.branches[1].transformer = true;
        let network = sample::build(case);
        assert_eq!(listed("", &network), [0, 1, 2, 3, 4]);
        assert_eq!(listed("lines_only = true", &network), [0, 2, 3, 4]);
        assert_eq!(listed("keep_connected = true", &network), [0, 1, 2]);
    }

    #[test]
    fn it_happens_when_it_should_and_ends_when_it_should() {
        let network = sample::ring(4);
        let events = |settings: &str| {
            let hazard =
                parse(&format!("kind = 'every_outage'\n{settings}").parse().expect("TOML")).expect("sound");
            let mut timeline = Vec::new();
            hazard.enter(&world(&network), 2, &mut timeline);
            timeline.iter().map(|timed| timed.at.seconds()).collect::<Vec<f64>>()
        };
        assert_eq!(events(""), [0.0]);
        assert_eq!(events("at_s = 60\nreturn_after_s = 300"), [60.0, 360.0]);
        assert_eq!(events("at_s = 60\nreturn_after_s = 3000"), [60.0]);
    }

    #[test]
    fn impossible_wishes_are_errors() {
        let codes = |settings: &str, network: &Network| {
            let table = format!("kind = 'every_outage'\n{settings}").parse().expect("TOML");
            let complaints = parse(&table).expect("sound settings").check(&world(network));
            complaints.0.into_iter().map(|d| d.code.to_string()).collect::<Vec<_>>()
        };
        let ring = sample::ring(4);
        assert_eq!(codes("at_s = 1740", &ring), Vec::<String>::new());
        assert_eq!(codes("at_s = 1741", &ring), ["hazard.never-happens"]);
        assert_eq!(codes("return_after_s = 30", &ring), ["hazard.shorter-than-a-step"]);
        let chain = sample::network(3, &[(0, 1), (1, 2)]);
        assert_eq!(codes("keep_connected = true", &chain), ["hazard.too-many"]);
    }
}
