//! Somebody commands many small loads at once: a share of the demand goes up, down, to and fro, or from one place to another.
//!
//! Every bus has as many loads that obey as its demand; which buses are chosen is drawn. Nothing here reaches a real device: an attack is factors
//! on the demand of a simulated grid.
//!
//! Source of the forms: S. Soltan, P. Mittal, H. V. Poor, "BlackIoT", USENIX Security 2018. Later work finds that with protection modelled
//! the same steps rarely black a grid out: so give the suite its relays.

use powerflow::{BusIdx, Diagnostics, Index};
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
    default: "[0.005, 0.1]",
    meaning: "the budget: share of the grid's demand that obeys, drawn once an episode",
};
const FORM: Parameter = Parameter {
    name: "form",
    unit: "-",
    default: "raise",
    meaning: "`raise`, `drop`, `swing` (up and down with `period_s`), or `shift` (up at some buses and down at others, as much)",
};
const SPREAD: Parameter = Parameter {
    name: "spread",
    unit: "-",
    default: "everywhere",
    meaning: "where: `everywhere` in proportion, in one drawn `area` of the case, or at `few` drawn buses",
};
const RAMP: Parameter = Parameter {
    name: "ramp_s",
    unit: "s",
    default: "[1, 10]",
    meaning: "how long until all of them have obeyed",
};
const PERIOD: Parameter = Parameter {
    name: "period_s",
    unit: "s",
    default: "60",
    meaning: "period of a swing; a mode between areas has 1 to 5 s",
};
const BEGINS: Parameter = storm::begins_parameter("when it begins");
const LASTS: Parameter =
    Parameter { name: "lasts_s", unit: "s", default: "to the end", meaning: "how long it lasts" };

pub(super) const KIND: HazardKind = HazardKind {
    name: "load_altering",
    summary: "an attacker commands a share of the demand",
    parameters: &[SHARE, FORM, SPREAD, RAMP, PERIOD, BEGINS, LASTS],
    commands: &[Command::Demand],
    techniques: &["T0826", "T0831"],
    parse,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Raise,
    Drop,
    Swing,
    Shift,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spread {
    Everywhere,
    Area,
    Few,
}

/// Commanded loads; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadAltering {
    share: Span,
    form: Form,
    spread: Spread,
    ramp_s: Span,
    period_s: f64,
    begins_s: Option<Span>,
    lasts_s: Option<Span>,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let span = |low, high| Span { low, high };
    let hazard = LoadAltering {
        share: settings.span(SHARE.name, 0.0, 1.0).unwrap_or(span(0.005, 0.1)),
        form: settings.choice(
            FORM.name,
            &[("raise", Form::Raise), ("drop", Form::Drop), ("swing", Form::Swing), ("shift", Form::Shift)],
        ),
        spread: settings.choice(
            SPREAD.name,
            &[("everywhere", Spread::Everywhere), ("area", Spread::Area), ("few", Spread::Few)],
        ),
        ramp_s: settings.span(RAMP.name, 0.0, 3600.0).unwrap_or(span(1.0, 10.0)),
        period_s: settings.number(PERIOD.name, 60.0, 0.1, 86_400.0),
        begins_s: settings.span(BEGINS.name, 0.0, f64::INFINITY),
        lasts_s: settings.span(LASTS.name, 0.0, 1e9),
    };
    if settings.has(PERIOD.name) && hazard.form != Form::Swing {
        settings.complain("hazard.conflict", PERIOD.name, "is that of a swing, and `form` is another");
    }
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

impl LoadAltering {
    /// By what part of its demand each bus rises, negative where it falls.
    fn rise(&self, world: &World<'_>, share: f64, streams: &Streams) -> Vec<f64> {
        let network = world.network;
        let mut which = streams.named("which");
        let area_of = |bus: BusIdx| network.case.buses[bus.row()].area;
        // Drawn in every case, so that the spread changes nothing else.
        let centre = which.below(network.buses.id.len() as u64).unwrap_or_default() as usize;
        let centre = area_of(BusIdx::from_row(centre));
        let may = |bus: BusIdx| self.spread != Spread::Area || area_of(bus) == centre;
        if self.form == Form::Shift {
            let here: f64 =
                network.buses.demand_p_pu.iter().filter(|(bus, _)| may(*bus)).map(|(_, p)| p.max(0.0)).sum();
            let all: f64 = network.buses.demand_p_pu.as_slice().iter().map(|p| p.max(0.0)).sum();
            // No more can go up than is there to go down: half of what may move.
            let share = if all > 0.0 { share.min(0.5 * here / all) } else { 0.0 };
            let up = parts(network, share, may, &mut which);
            // As much goes down, at buses that do not go up; the last bus of those that go up keeps its rest.

            let down = parts(network, share, |bus| may(bus) && up[bus.row()] == 0.0, &mut which);
            let total = |parts: &[f64]| -> f64 {
                let demand = network.buses.demand_p_pu.as_slice();
                parts.iter().zip(demand).map(|(part, demand)| part * demand.max(0.0)).sum()
            };
            let (of_up, of_down) = (total(&up), total(&down));
            let both = of_up.min(of_down);
            if both == 0.0 {
                return vec![0.0; up.len()];
            }
            return up
                .iter()
                .zip(&down)
                .map(|(up, down)| both / of_up * up - both / of_down * down)
                .collect();
        }
        let chosen = match self.spread {
            Spread::Everywhere => {
                let of = |demand: &f64| if *demand > 0.0 { share } else { 0.0 };
                network.buses.demand_p_pu.as_slice().iter().map(of).collect()
            }
            Spread::Area | Spread::Few => parts(network, share, may, &mut which),
        };
        let sign = if self.form == Form::Drop { -1.0 } else { 1.0 };
        chosen.into_iter().map(|part| sign * part).collect()
    }
}

impl Hazard for LoadAltering {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let mut stream = streams.named("attack");
        let share = self.share.draw(&mut stream);
        let ramp_s = self.ramp_s.draw(&mut stream);
        let begins_s = storm::begins(self.begins_s, world).draw(&mut stream);
        let ends_s = self.lasts_s.map(|lasts| begins_s + lasts.draw(&mut stream));
        let rise = self.rise(world, share, streams);
        let at = |size: f64| -> Vec<f64> { rise.iter().map(|part| size.mul_add(*part, 1.0)).collect() };
        let last_s = ends_s.unwrap_or(f64::INFINITY).min(world.horizon_s);
        match self.form {
            Form::Swing => {
                let half_s = 0.5 * self.period_s;
                let takes_s = ramp_s.min(half_s);
                let halves = ((last_s - begins_s) / half_s).ceil().max(0.0) as u32;
                for half in 0..halves {
                    let size = if half % 2 == 0 { 1.0 } else { -1.0 };
                    ramp(world, half_s.mul_add(f64::from(half), begins_s), takes_s, &at(size), timeline);
                }
            }
            _ => ramp(world, begins_s, ramp_s, &at(1.0), timeline),
        }
        if let Some(ends_s) = ends_s {
            ramp(world, ends_s, ramp_s, &at(0.0), timeline);
        }
        // Many orders choose the same buses: nobody sums over them here.
        (self.spread == Spread::Everywhere && self.form != Form::Shift).then_some(0.0)
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        let form = match self.form {
            Form::Raise => "raises".to_owned(),
            Form::Drop => "drops".to_owned(),
            Form::Swing => format!("swings, every {} s,", self.period_s),
            Form::Shift => "shifts".to_owned(),
        };
        let spread = match self.spread {
            Spread::Everywhere => "everywhere",
            Spread::Area => "in one area",
            Spread::Few => "at few buses",
        };
        format!("an attacker {form} {} of the demand {spread} within {} s", self.share, self.ramp_s)
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

    /// Moments at which ramps end, and the share of the demand that they add.
    fn moves(text: &str, index: u64) -> Vec<(f64, f64, f64)> {
        let network = sample::ring(12);
        let world = World { network: &network, horizon_s: 600.0, step_s: 1.0 };
        let table =
            format!("kind = 'load_altering'\nbegins_s = 100\nramp_s = 2\n{text}").parse().expect("TOML");
        let hazard = parse(&table).expect("sound");
        let mut timeline = Vec::new();
        hazard.draw(&world, &streams(Seed::default(), "bots", index), &mut timeline);
        let demand = network.buses.demand_p_pu.as_slice();
        let total: f64 = demand.iter().sum();
        let told = |timed: &TimedEvent| match &timed.event {
            Event::DemandRamp { until, factor } => {
                let added: f64 = demand.iter().zip(factor).map(|(p, f)| p * (f - 1.0)).sum();
                let moved: f64 = demand.iter().zip(factor).map(|(p, f)| p * (f - 1.0).abs()).sum();
                (until.seconds(), added / total, moved / total)
            }
            other => panic!("{other:?}"),
        };
        timeline.iter().map(told).collect()
    }

    #[test]
    fn the_budget_is_what_moves() {
        for spread in ["everywhere", "area", "few"] {
            for index in 0..20 {
                let one = |form: &str| {
                    moves(&format!("share = 0.2\nform = '{form}'\nspread = '{spread}'"), index)[0]
                };
                let (raise, drop, shift) = (one("raise"), one("drop"), one("shift"));
                assert!((raise.1 - 0.2).abs() < 1e-12 && (drop.1 + 0.2).abs() < 1e-12, "{spread}");
                assert_eq!((raise.0, drop.0), (102.0, 102.0));
                // What goes up here goes down there.
                assert!(shift.1.abs() < 1e-12 && (shift.2 - 0.4).abs() < 1e-12, "{spread}: {shift:?}");
            }
        }
    }

    #[test]
    fn a_swing_goes_up_and_down_and_ends() {
        let swing = moves("share = 0.1\nform = 'swing'\nperiod_s = 20\nlasts_s = 40", 0);
        let wanted = [(102.0, 0.1), (112.0, -0.1), (122.0, 0.1), (132.0, -0.1), (142.0, 0.0)];
        assert_eq!(swing.len(), wanted.len());
        for (ours, wanted) in swing.iter().zip(wanted) {
            assert!((ours.0 - wanted.0).abs() < 1e-9 && (ours.1 - wanted.1).abs() < 1e-12, "{swing:?}");
        }
        let table = "kind = 'load_altering'\nperiod_s = 3".parse().expect("TOML");
        assert_eq!(parse(&table).expect_err("a period of a step").0[0].code, "hazard.conflict");
    }
}
