//! Somebody opens breakers.
//!
//! `together`: k branches at one moment. `sweep`: one after the other within minutes, as in Ukraine in 2015. `toggle`: opened and closed again and again,
//! as Industroyer's payload did. Which branches: drawn uniformly, or the most loaded ones of the file's state by the linear flow. The first
//! attacker knows nothing, the second the whole model.

use powerflow::{BranchIdx, Diagnostic, Diagnostics, Index, Network, NewtonConfig};
use toml::Table;

use super::{Hazard, HazardKind, World};
use crate::connectivity::in_use;
use crate::event::{Event, Moment, TimedEvent};
use crate::outage::ln_choose;
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::storm;

const K: Parameter = Parameter {
    name: "k",
    unit: "1",
    default: "2",
    meaning: "the budget: how many breakers; a number, or a list to draw from",
};
const PATTERN: Parameter = Parameter {
    name: "pattern",
    unit: "-",
    default: "together",
    meaning: "`together`, `sweep` (one after the other), or `toggle` (open and close again and again)",
};
const CHOOSE: Parameter = Parameter {
    name: "choose",
    unit: "-",
    default: "drawn",
    meaning: "which: `drawn` uniformly, or the most `loaded` by the linear flow of the file's state",
};
const APART: Parameter = Parameter {
    name: "apart_s",
    unit: "s",
    default: "[5, 60]",
    meaning: "time between two breakers of a sweep, and between two movements of one that is toggled",
};
const TIMES: Parameter =
    Parameter { name: "times", unit: "1", default: "10", meaning: "how often one that is toggled opens" };
const BEGINS: Parameter = storm::begins_parameter("when it begins");

pub(super) const KIND: HazardKind = HazardKind {
    name: "breaker_attack",
    summary: "an attacker opens breakers: together, one after the other, or again and again",
    parameters: &[K, PATTERN, CHOOSE, APART, TIMES, BEGINS],
    commands: &[],
    techniques: &["T0806", "T0831", "T1692.001"],
    parse,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pattern {
    Together,
    Sweep,
    Toggle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choose {
    Drawn,
    Loaded,
}

/// Opened breakers; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerAttack {
    k: Vec<u32>,
    pattern: Pattern,
    choose: Choose,
    apart_s: Span,
    times: u32,
    begins_s: Option<Span>,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let times = settings.number(TIMES.name, 10.0, 1.0, 10_000.0);
    if times.fract() != 0.0 {
        settings.complain("hazard.out-of-range", TIMES.name, "is no whole number");
    }
    let hazard = BreakerAttack {
        k: settings.counts(K.name, &[2]),
        pattern: settings.choice(
            PATTERN.name,
            &[("together", Pattern::Together), ("sweep", Pattern::Sweep), ("toggle", Pattern::Toggle)],
        ),
        choose: settings.choice(CHOOSE.name, &[("drawn", Choose::Drawn), ("loaded", Choose::Loaded)]),
        apart_s: settings.span(APART.name, 0.1, 86_400.0).unwrap_or(Span { low: 5.0, high: 60.0 }),
        times: times as u32,
        begins_s: settings.span(BEGINS.name, 0.0, f64::INFINITY),
    };
    if settings.has(TIMES.name) && hazard.pattern != Pattern::Toggle {
        settings.complain("hazard.conflict", TIMES.name, "is about `toggle`, and `pattern` is another");
    }
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

/// The branches in use, in file order.
fn open_to_attack(network: &Network) -> Vec<BranchIdx> {
    network.branches.from.indices().filter(|branch| in_use(network, *branch)).collect()
}

/// The same, the most loaded by the linear flow of the file's state first; those without a rating last, in file order; none where there is no such flow.
fn by_loading(network: &Network) -> Vec<BranchIdx> {
    let mut branches = open_to_attack(network);
    let (state, config) = (network.initial_state(), NewtonConfig::default());
    let Ok(flow) = powerflow::solve_linear(network, &state, &config) else { return Vec::new() };
    let loading = |branch: &BranchIdx| -> f64 {
        let rating_pu = network.branches.rating_pu[*branch].filter(|rating| *rating > 0.0);
        rating_pu.map_or(0.0, |rating| flow.branch_p_pu[branch.row()].abs() / rating)
    };
    // A stable sort: among equals the file's order.
    branches.sort_by(|a, b| loading(b).total_cmp(&loading(a)));
    branches
}

impl Hazard for BreakerAttack {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let mut stream = streams.named("attack");
        let begins_s = storm::begins(self.begins_s, world).draw(&mut stream);
        let apart_s = self.apart_s.draw(&mut stream);
        let k = self.k[stream.below(self.k.len() as u64)? as usize] as usize;
        let mut ln_likelihood = -libm::log(self.k.len() as f64);
        let mut order = match self.choose {
            Choose::Loaded => by_loading(world.network),
            Choose::Drawn => open_to_attack(world.network),
        };
        if self.choose == Choose::Drawn {
            let taken = k.min(order.len());
            ln_likelihood -= ln_choose(order.len(), taken);
            // In a sweep it is the order that is drawn, and not only the set.
            if self.pattern == Pattern::Sweep {
                ln_likelihood -= (2..=taken).map(|n| libm::log(n as f64)).sum::<f64>();
            }
            streams.named("which").shuffle(&mut order);
        }
        order.truncate(k);
        let mut push = |seconds: f64, event: Event| {
            if seconds <= world.last_step_s() {
                timeline.push(TimedEvent { at: Moment::from_seconds(seconds), event });
            }
        };
        for (place, branch) in order.into_iter().enumerate() {
            match self.pattern {
                Pattern::Together => push(begins_s, Event::BranchOut { branch }),
                Pattern::Sweep => push(apart_s.mul_add(place as f64, begins_s), Event::BranchOut { branch }),
                Pattern::Toggle => {
                    for time in 0..self.times {
                        let opens_s = (2.0 * apart_s).mul_add(f64::from(time), begins_s);
                        push(opens_s, Event::BranchOut { branch });
                        push(opens_s + apart_s, Event::BranchBack { branch });
                    }
                }
            }
        }
        // A set is drawn as often as its orders; a list that has a number twice draws it twice as often.
        let distinct = self.k.iter().collect::<std::collections::BTreeSet<_>>().len() == self.k.len();
        distinct.then_some(ln_likelihood)
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        let counts: Vec<String> = self.k.iter().map(u32::to_string).collect();
        let which = match self.choose {
            Choose::Drawn => "drawn",
            Choose::Loaded => "of the most loaded",
        };
        let how = match self.pattern {
            Pattern::Together => "together".to_owned(),
            Pattern::Sweep => format!("one after the other, {} s apart", self.apart_s),
            Pattern::Toggle => {
                format!("and closes them again, {} times, every {} s", self.times, self.apart_s)
            }
        };
        format!("an attacker opens {} {which} breakers {how}", counts.join(" or "))
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        let late = storm::never_happens(KIND.name, world, self.begins_s, "begins", BEGINS.name);
        let mut complaints = Diagnostics(late.into_iter().collect());
        if self.choose == Choose::Loaded && by_loading(world.network).is_empty() {
            let message = format!(
                "the hazard {} needs the linear flow of {}, and it has none",
                KIND.name, world.network.name
            );
            let hint = "`gridgate solve CASE --linear` says why; or say `choose = \"drawn\"`";
            complaints.push(Diagnostic::error("hazard.no-flow", message).hint(hint));
        }
        let (most, there) = (self.k.iter().max().copied().unwrap_or(0), open_to_attack(world.network).len());
        if most as usize > there {
            let message =
                format!("the hazard {} opens {most} breakers, and {there} branches are in use", KIND.name);
            complaints.push(Diagnostic::error("hazard.too-many", message).hint("lower `k`"));
        }
        complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn patterns_are_what_their_names_say() {
        let events = |text: &str| {
            sample::on_chain(&format!("kind = 'breaker_attack'\nbegins_s = 1000\napart_s = 30\n{text}"), 1)
        };
        let seconds =
            |timeline: &[TimedEvent]| -> Vec<f64> { timeline.iter().map(|t| t.at.seconds()).collect() };
        assert_eq!(seconds(&events("k = 3")), [1000.0; 3]);
        assert_eq!(seconds(&events("k = 3\npattern = 'sweep'")), [1000.0, 1030.0, 1060.0]);
        let toggle = events("k = 1\npattern = 'toggle'\ntimes = 2");
        assert_eq!(seconds(&toggle), [1000.0, 1030.0, 1060.0, 1090.0]);
        assert!(matches!(toggle[3].event, Event::BranchBack { .. }));
        let which = |text: &str, index: u64| {
            sample::lost_on_chain(&format!("kind = 'breaker_attack'\nbegins_s = 0\nk = 2\n{text}"), index)
        };
        assert_eq!(which("choose = 'loaded'", 1), which("choose = 'loaded'", 2), "the model decides");
        assert!((0..20).any(|index| which("", 0) != which("", index)), "luck decides");
    }

    /// Power from one end of a chain to the other: the line nearest to the source carries most.
    #[test]
    fn the_most_loaded_line_is_chosen_first() {
        let mut case = sample::case(4, &[(0, 1), (1, 2), (2, 3)]);
        case.branches.iter_mut().for_each(|branch| branch.rate_a_mva = Some(100.0));
        let network = sample::build(case);
        let rows: Vec<usize> = by_loading(&network).into_iter().map(Index::row).collect();
        assert_eq!(rows, [0, 1, 2]);
    }
}
