//! Scenarios that are written down event by event, as documents and as timelines, and the suite that replays them.

use powerflow::{BranchIdx, BusId, BusIdx, Diagnostic, Diagnostics, Index, Network, UnitIdx};
use reports::regressions::{ListedEvent, ListedKind, ListedScenario};
use reports::{Digest, REGRESSIONS_SCHEMA, Regressions};
use scenarios::{Event, Moment, TimedEvent};

use crate::run::folder::problems;

/// The document of these scenarios, each with what it is in words. `grid` is the digest of the case file.
pub fn document(network: &Network, grid: Digest, scenarios: &[(String, &[TimedEvent])]) -> Regressions {
    let scenario = |(note, timeline): &(String, &[TimedEvent])| ListedScenario {
        note: note.clone(),
        events: timeline.iter().map(|timed| written(network, timed)).collect(),
    };
    Regressions {
        schema: REGRESSIONS_SCHEMA.into(),
        grid: Some(grid),
        scenarios: scenarios.iter().map(scenario).collect(),
    }
}

/// Reads the document; `file` names it in messages. Events are in time order, equal moments in the order of the file.
///
/// # Errors
/// Where it is no such document, and every element that is not where the document has it, every time and factor that cannot be.
pub fn read(bytes: &[u8], file: &str, network: &Network) -> Result<Vec<Vec<TimedEvent>>, Diagnostics> {
    let document: Regressions = reports::read(bytes).map_err(|problem| problems(vec![problem.at(file)]))?;
    let mut complaints = Diagnostics::default();
    if document.scenarios.is_empty() {
        complaints
            .push(Diagnostic::error("regressions.empty", "there are no scenarios in it").at(file, None));
    }
    let mut timelines = Vec::with_capacity(document.scenarios.len());
    for (at, scenario) in document.scenarios.iter().enumerate() {
        let mut timeline = Vec::with_capacity(scenario.events.len());
        for (place, event) in scenario.events.iter().enumerate() {
            match timed(network, event) {
                Ok(timed) => timeline.push(timed),
                Err(Wrong { code, what, hint }) => {
                    let message = format!("scenario {}, event {}: {what}", at + 1, place + 1);
                    let complaint = Diagnostic::error(format!("regressions.{code}"), message).at(file, None);
                    complaints.push(complaint.hint(hint));
                }
            }
        }
        timeline.sort_by_key(|timed: &TimedEvent| timed.at);
        timelines.push(timeline);
    }
    complaints.into_result(timelines)
}

fn written(network: &Network, timed: &TimedEvent) -> ListedEvent {
    let id = |bus: BusIdx| network.buses.id[bus].0;
    let event = |kind, row: Option<usize>, buses| ListedEvent {
        at_s: timed.at.seconds(),
        kind,
        row: row.map(|row| row as u32 + 1),
        buses,
        until_s: None,
        factor: None,
        loss_mvar: None,
    };
    let branch = |kind, branch: BranchIdx| {
        let ends = vec![id(network.branches.from[branch]), id(network.branches.to[branch])];
        event(kind, Some(branch.row()), ends)
    };
    let unit = |kind, unit: UnitIdx| event(kind, Some(unit.row()), vec![id(network.units.bus[unit])]);
    match &timed.event {
        Event::BranchOut { branch: lost } => branch(ListedKind::BranchOut, *lost),
        Event::BranchBack { branch: back } => branch(ListedKind::BranchBack, *back),
        Event::UnitOut { unit: lost } => unit(ListedKind::UnitOut, *lost),
        Event::UnitBack { unit: back } => unit(ListedKind::UnitBack, *back),
        Event::BusOut { bus } => event(ListedKind::BusOut, None, vec![id(*bus)]),
        Event::DemandRamp { until, factor } => ListedEvent {
            until_s: Some(until.seconds()),
            factor: Some(factor.clone()),
            ..event(ListedKind::DemandRamp, None, Vec::new())
        },
        Event::Ratings { factor } => {
            ListedEvent { factor: Some(factor.clone()), ..event(ListedKind::Ratings, None, Vec::new()) }
        }
        Event::Saturation { loss_mvar } => ListedEvent {
            loss_mvar: Some(loss_mvar.clone()),
            ..event(ListedKind::Saturation, None, Vec::new())
        },
        Event::Capability { factor } => {
            ListedEvent { factor: Some(factor.clone()), ..event(ListedKind::Capability, None, Vec::new()) }
        }
    }
}

/// What is wrong with an event.
struct Wrong {
    code: &'static str,
    what: String,
    hint: &'static str,
}

/// The keys of each kind.
const KEYS: &str = "branches have `row` and two `buses`, units `row` and one, a bus has its number in `buses`, demand `until_s` and `factor`, ratings and capability `factor`, saturation `loss_mvar`";
/// Where an element is not the one that was meant.
const MOVED: &str =
    "the case has changed since: look for the element, and write its row and its buses as they are now";

fn timed(network: &Network, event: &ListedEvent) -> Result<TimedEvent, Wrong> {
    let at = moment(event.at_s)?;
    let keys = (event.row, event.buses.as_slice(), event.until_s, &event.factor);
    let happened = match (event.kind, keys) {
        (ListedKind::Saturation, (None, [], None, None)) => {
            let loss_mvar = event.loss_mvar.as_deref().unwrap_or_default();
            Event::Saturation { loss_mvar: one_each(loss_mvar, "loss_mvar", network.buses.id.len(), "bus")? }
        }
        _ if event.loss_mvar.is_some() => {
            let what = "its keys are not those of its kind".to_owned();
            return Err(Wrong { code: "keys", what, hint: KEYS });
        }
        (ListedKind::BranchOut, (Some(row), [from, to], None, None)) => {
            Event::BranchOut { branch: branch(network, row, *from, *to)? }
        }
        (ListedKind::BranchBack, (Some(row), [from, to], None, None)) => {
            Event::BranchBack { branch: branch(network, row, *from, *to)? }
        }
        (ListedKind::UnitOut, (Some(row), [bus], None, None)) => {
            Event::UnitOut { unit: unit(network, row, *bus)? }
        }
        (ListedKind::UnitBack, (Some(row), [bus], None, None)) => {
            Event::UnitBack { unit: unit(network, row, *bus)? }
        }
        (ListedKind::BusOut, (None, [bus], None, None)) => Event::BusOut { bus: known(network, *bus)? },
        (ListedKind::DemandRamp, (None, [], Some(until_s), Some(factor))) => {
            ramp(network, at, until_s, factor)?
        }
        (ListedKind::Ratings, (None, [], None, Some(factor))) => {
            Event::Ratings { factor: factors(factor, network.branches.from.len(), "branch")? }
        }
        (ListedKind::Capability, (None, [], None, Some(factor))) => {
            Event::Capability { factor: factors(factor, network.units.bus.len(), "unit")? }
        }
        _ => {
            let what = "its keys are not those of its kind".to_owned();
            return Err(Wrong { code: "keys", what, hint: KEYS });
        }
    };
    Ok(TimedEvent { at, event: happened })
}

fn moment(seconds: f64) -> Result<Moment, Wrong> {
    if seconds.is_finite() && seconds >= 0.0 {
        return Ok(Moment::from_seconds(seconds));
    }
    let what = format!("{seconds} s is no moment of an episode");
    Err(Wrong { code: "time", what, hint: "seconds count from the beginning, 0" })
}

fn branch(network: &Network, row: u32, from: u64, to: u64) -> Result<BranchIdx, Wrong> {
    let branches = &network.branches;
    let place = (row as usize).checked_sub(1).filter(|row| *row < branches.from.len());
    let found = place.map(BranchIdx::from_row).filter(|branch| {
        let ends = [branches.from[*branch], branches.to[*branch]].map(|bus| network.buses.id[bus].0);
        ends == [from, to]
    });
    found.ok_or_else(|| {
        let what = format!("branch {row} from bus {from} to bus {to} is not in {}", network.name);
        Wrong { code: "unknown-branch", what, hint: MOVED }
    })
}

fn unit(network: &Network, row: u32, bus: u64) -> Result<UnitIdx, Wrong> {
    let units = &network.units;
    let place = (row as usize).checked_sub(1).filter(|row| *row < units.bus.len());
    let found = place.map(UnitIdx::from_row).filter(|unit| network.buses.id[units.bus[*unit]].0 == bus);
    found.ok_or_else(|| {
        let what = format!("unit {row} at bus {bus} is not in {}", network.name);
        Wrong { code: "unknown-unit", what, hint: MOVED }
    })
}

fn known(network: &Network, bus: u64) -> Result<BusIdx, Wrong> {
    network.bus(BusId(bus)).map_err(|_| {
        let what = format!("there is no bus {bus} in {}", network.name);
        Wrong { code: "unknown-bus", what, hint: MOVED }
    })
}

fn ramp(network: &Network, at: Moment, until_s: f64, factor: &[f64]) -> Result<Event, Wrong> {
    let until = moment(until_s)?;
    if until < at {
        let what = format!("the ramp ends at {until_s} s, before it begins");
        return Err(Wrong { code: "time", what, hint: "a step ends when it begins" });
    }
    Ok(Event::DemandRamp { until, factor: factors(factor, network.buses.id.len(), "bus")? })
}

/// Factors, one for each of so many elements.
fn factors(factor: &[f64], count: usize, of: &str) -> Result<Vec<f64>, Wrong> {
    one_each(factor, "factor", count, of)
}

/// Numbers of a key, one for each of so many elements.
fn one_each(numbers: &[f64], key: &str, count: usize, of: &str) -> Result<Vec<f64>, Wrong> {
    if numbers.len() == count && numbers.iter().all(|number| number.is_finite() && *number >= 0.0) {
        return Ok(numbers.to_vec());
    }
    let what = format!("`{key}` is not {count} numbers, one for each {of}, none of them negative");
    Err(Wrong { code: "factor", what, hint: "write one for each element, in the order of the file" })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use powerflow::Case;

    use super::*;

    fn network() -> Arc<Network> {
        Network::build(Case::two_bus_example()).expect("a sound case")
    }

    fn timeline() -> Vec<TimedEvent> {
        let (branch, unit) = (BranchIdx::from_row(0), UnitIdx::from_row(0));
        let events = [
            Event::DemandRamp { until: Moment::from_seconds(300.0), factor: vec![1.0, 0.925] },
            Event::BranchOut { branch },
            Event::UnitOut { unit },
            Event::BranchBack { branch },
            Event::UnitBack { unit },
            Event::BusOut { bus: BusIdx::from_row(1) },
        ];
        // A third of a second, to the nanosecond.
        let at = |place: usize| Moment(place as u64 * 333_333_333);
        events.into_iter().enumerate().map(|(place, event)| TimedEvent { at: at(place), event }).collect()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let (network, timeline) = (network(), timeline());
        let scenarios = [("all kinds".to_owned(), timeline.as_slice()), (String::new(), &[][..])];
        let bytes =
            reports::canonical_json(&document(&network, Digest::of("grid"), &scenarios)).expect("JSON");
        assert_eq!(read(&bytes, "list.json", &network).expect("its own"), [timeline, vec![]]);
    }

    #[test]
    fn an_element_that_is_not_where_it_was_is_an_error_and_not_another_element() {
        let network = network();
        let codes = |events: &str| -> Vec<String> {
            let text = format!(
                r#"{{"schema":"gridgate/regressions/1","scenarios":[{{"events":[]}},{{"events":[{events}]}}]}}"#
            );
            let found = read(text.as_bytes(), "list.json", &network).expect_err(events);
            assert!(found.0[0].message.starts_with("scenario 2, event 1: "), "{found}");
            found.0.iter().map(|d| d.code.to_string()).collect()
        };
        let (from, to) = (network.buses.id.as_slice()[0].0, network.buses.id.as_slice()[1].0);
        let out = |row: u32, from: u64, to: u64| {
            format!(r#"{{"at_s":1,"kind":"branch_out","row":{row},"buses":[{from},{to}]}}"#)
        };
        let wrong = [out(1, to, from), out(2, from, to), out(0, from, to)].join(",");
        assert_eq!(codes(&wrong), ["regressions.unknown-branch"; 3]);
        for (event, code) in [
            (format!(r#"{{"at_s":1,"kind":"unit_out","row":1,"buses":[{to}00]}}"#), "unknown-unit"),
            (r#"{"at_s":1,"kind":"bus_out","buses":[777]}"#.to_owned(), "unknown-bus"),
            (r#"{"at_s":1,"kind":"bus_out"}"#.to_owned(), "keys"),
            (r#"{"at_s":1,"kind":"branch_out","row":1}"#.to_owned(), "keys"),
            (r#"{"at_s":-1,"kind":"bus_out","buses":[1]}"#.to_owned(), "time"),
            (r#"{"at_s":9,"kind":"demand_ramp","until_s":3,"factor":[1,1]}"#.to_owned(), "time"),
            (r#"{"at_s":9,"kind":"demand_ramp","until_s":9,"factor":[1]}"#.to_owned(), "factor"),
            (r#"{"at_s":9,"kind":"demand_ramp","until_s":9,"factor":[1,-1]}"#.to_owned(), "factor"),
        ] {
            assert_eq!(codes(&event), [format!("regressions.{code}")], "{event}");
        }
    }

    #[test]
    fn another_document_and_an_empty_one_are_refused() {
        let code = |text: &str| {
            read(text.as_bytes(), "list.json", &network()).expect_err(text).0[0].code.to_string()
        };
        assert_eq!(code(r#"{"schema":"gridgate/regressions/2"}"#), "document.newer");
        assert_eq!(code(r#"{"schema":"gridgate/hunt/1"}"#), "document.kind");
        assert_eq!(code("{"), "document.malformed");
        assert_eq!(code(r#"{"schema":"gridgate/regressions/1","scenarios":[]}"#), "regressions.empty");
    }
}
