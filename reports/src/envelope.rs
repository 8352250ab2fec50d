//! The region in which a candidate was tested, and whether a state lies inside.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::evidence::{CandidateRecord, InputRecord};

/// Schema of [`Envelope`].
pub const ENVELOPE_SCHEMA: &str = "gridgate/envelope/1";

impl Document for Envelope {
    const SCHEMA: &'static str = ENVELOPE_SCHEMA;
}

/// What is known of a state. What is not known lies outside of every bound on it: a missing number is no permission.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Situation {
    /// Demand as a share of the case's.
    pub demand: Option<f64>,
    /// Branches out that are in service in the case.
    pub branches_out: Option<f64>,
    /// Units out that run in the case.
    pub units_out: Option<f64>,
    /// Lowest and highest voltage of an energised bus, pu.
    pub voltage_pu: Option<(f64, f64)>,
    /// Lowest and highest frequency that an energised bus measures, Hz.
    pub frequency_hz: Option<(f64, f64)>,
    /// From a measurement until its command takes effect, ms.
    pub delay_ms: Option<f64>,
    /// Demand of each area as a share of the area's in the case, by its number in the file; areas without demand in the case are left out.
    pub areas: BTreeMap<u64, f64>,
    /// Which branches are out, by row in the file, from 1.
    pub branches: Option<BTreeSet<u32>>,
    /// Which units are out, by row in the file, from 1.
    pub units: Option<BTreeSet<u32>>,
}

/// Bounds on a state, each a lowest and a highest value that belong to it; what is absent is not bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Demand as a share of the case's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand: Option<(f64, f64)>,
    /// Branches out at once that are in service in the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branches_out: Option<(f64, f64)>,
    /// Units out at once that run in the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units_out: Option<(f64, f64)>,
    /// Voltage of every energised bus, pu.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voltage_pu: Option<(f64, f64)>,
    /// Frequency at every energised bus, Hz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency_hz: Option<(f64, f64)>,
    /// From a measurement until its command takes effect, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<(f64, f64)>,
}

/// The states that were lived through, as a box: extremes of numbers, and which elements were out in some state. Two things that were each
/// tested alone lie inside together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// States that it is made of.
    pub states: u64,
    /// Lowest and highest values.
    pub bounds: Bounds,
    /// Demand of each area as a share of the area's in the case: number of the area in the file -> lowest and highest.
    pub areas: BTreeMap<u64, (f64, f64)>,
    /// Branches that were out in some state and are in service in the case, by row in the file, from 1.
    pub branches: BTreeSet<u32>,
    /// Units that were out in some state and run in the case, by row in the file, from 1.
    pub units: BTreeSet<u32>,
}

/// The tested region of a run: where its verdict is evidence, and beyond which it is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Name and version of this document: [`ENVELOPE_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = ENVELOPE_SCHEMA)))]
    pub schema: String,
    /// Suite name.
    pub suite: String,
    /// Suite seed.
    pub seed: u64,
    /// Who lived through the states.
    pub candidate: CandidateRecord,
    /// What was read, by digest.
    pub inputs: Vec<InputRecord>,
    /// The region.
    pub region: Region,
    /// What was the same in all states, so that there is no bound on it, each a sentence.
    pub untested: Vec<String>,
}

/// A bound that a state has left.
#[derive(Clone, Debug, PartialEq)]
pub struct Departure {
    /// Which one.
    pub bound: String,
    /// The value of the state; `None` where it is not known or not a number.
    pub value: Option<f64>,
    /// Lowest and highest value inside.
    pub inside: (f64, f64),
    /// How far it is outside, in the unit of the bound and above zero; `None` where the value is not known.
    pub by: Option<f64>,
}

impl Bounds {
    /// Every bound that the state has left, in the order of the fields; none where it lies inside.
    pub fn left(&self, state: &Situation) -> Vec<Departure> {
        let one = |value: Option<f64>| value.map(|value| (value, value));
        [
            ("demand", self.demand, one(state.demand)),
            ("branches_out", self.branches_out, one(state.branches_out)),
            ("units_out", self.units_out, one(state.units_out)),
            ("voltage_pu", self.voltage_pu, state.voltage_pu),
            ("frequency_hz", self.frequency_hz, state.frequency_hz),
            ("delay_ms", self.delay_ms, one(state.delay_ms)),
        ]
        .into_iter()
        .filter_map(|(bound, inside, range)| departure(bound, inside?, range))
        .collect()
    }
}

impl Region {
    /// Widens it by a state. What is not known of the state widens nothing.
    pub fn include(&mut self, state: &Situation) {
        let one = |value: Option<f64>| value.map(|value| (value, value));
        let bounds = &mut self.bounds;
        self.states += 1;
        widen(&mut bounds.demand, one(state.demand));
        widen(&mut bounds.branches_out, one(state.branches_out));
        widen(&mut bounds.units_out, one(state.units_out));
        widen(&mut bounds.voltage_pu, state.voltage_pu);
        widen(&mut bounds.frequency_hz, state.frequency_hz);
        widen(&mut bounds.delay_ms, one(state.delay_ms));
        for (area, share) in &state.areas {
            self.widen_area(*area, (*share, *share));
        }
        self.branches.extend(state.branches.iter().flatten());
        self.units.extend(state.units.iter().flatten());
    }

    /// Both together.
    pub fn join(&mut self, other: &Region) {
        let (bounds, theirs) = (&mut self.bounds, &other.bounds);
        self.states += other.states;
        widen(&mut bounds.demand, theirs.demand);
        widen(&mut bounds.branches_out, theirs.branches_out);
        widen(&mut bounds.units_out, theirs.units_out);
        widen(&mut bounds.voltage_pu, theirs.voltage_pu);
        widen(&mut bounds.frequency_hz, theirs.frequency_hz);
        widen(&mut bounds.delay_ms, theirs.delay_ms);
        for (area, range) in &other.areas {
            self.widen_area(*area, *range);
        }
        self.branches.extend(&other.branches);
        self.units.extend(&other.units);
    }

    fn widen_area(&mut self, area: u64, range: (f64, f64)) {
        let mut own = self.areas.get(&area).copied();
        widen(&mut own, Some(range));
        self.areas.extend(own.map(|own| (area, own)));
    }

    /// Every bound that the state has left: numbers, areas, then elements that were never out; none where it lies inside.
    pub fn left(&self, state: &Situation) -> Vec<Departure> {
        let mut left = self.bounds.left(state);
        for (area, inside) in &self.areas {
            let share = state.areas.get(area).map(|share| (*share, *share));
            left.extend(departure(&format!("areas.{area}"), *inside, share));
        }
        left.extend(never_out("branches", &self.branches, state.branches.as_ref()));
        left.extend(never_out("units", &self.units, state.units.as_ref()));
        left
    }
}

impl Envelope {
    /// Every bound that the state has left; none where it lies inside the tested region.
    pub fn left(&self, state: &Situation) -> Vec<Departure> {
        self.region.left(state)
    }
}

fn widen(range: &mut Option<(f64, f64)>, by: Option<(f64, f64)>) {
    *range = match (*range, by) {
        (Some(own), Some(by)) => Some((own.0.min(by.0), own.1.max(by.1))),
        (own, by) => own.or(by),
    };
}

/// Elements that are out and never were in a test. A list that is not known is outside.
fn never_out(kind: &str, tested: &BTreeSet<u32>, out: Option<&BTreeSet<u32>>) -> Vec<Departure> {
    let inside = (0.0, 0.0);
    let Some(out) = out else {
        return vec![Departure { bound: kind.to_owned(), value: None, inside, by: None }];
    };
    let of =
        |row: &u32| Departure { bound: format!("{kind}.{row}"), value: Some(1.0), inside, by: Some(1.0) };
    out.difference(tested).map(of).collect()
}

/// Where a range leaves a bound, the end that is further outside; `None` where all of it is inside.
fn departure(bound: &str, inside: (f64, f64), range: Option<(f64, f64)>) -> Option<Departure> {
    let of = |value, by| Some(Departure { bound: bound.to_owned(), value, inside, by });
    let Some((low, high)) = range.filter(|(low, high)| low.is_finite() && high.is_finite()) else {
        return of(None, None);
    };
    let (below, above) = (inside.0 - low, high - inside.1);
    if below.max(above) <= 0.0 {
        None
    } else if below > above {
        of(Some(low), Some(below))
    } else {
        of(Some(high), Some(above))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        demand: Some((0.8, 1.2)),
        branches_out: Some((0.0, 2.0)),
        units_out: None,
        voltage_pu: Some((0.95, 1.05)),
        frequency_hz: None,
        delay_ms: None,
    };

    fn inside() -> Situation {
        Situation {
            demand: Some(1.2),
            branches_out: Some(0.0),
            voltage_pu: Some((0.95, 1.05)),
            ..Situation::default()
        }
    }

    #[test]
    fn bounds_belong_to_the_inside_and_what_is_not_bounded_is_not_asked_for() {
        assert_eq!(BOUNDS.left(&inside()), []);
    }

    #[test]
    fn each_bound_that_is_left_says_by_how_much() {
        let state = Situation { demand: Some(1.25), voltage_pu: Some((0.9, 1.06)), ..inside() };
        let left = BOUNDS.left(&state);
        assert_eq!(left.iter().map(|d| d.bound.as_str()).collect::<Vec<_>>(), ["demand", "voltage_pu"]);
        assert!((left[0].by.unwrap() - 0.05).abs() < 1e-12);
        // Of two ends outside the further one speaks.
        assert_eq!(left[1].value, Some(0.9));
    }

    #[test]
    fn a_missing_number_is_outside() {
        for missing in [None, Some(f64::NAN), Some(f64::INFINITY)] {
            let left = BOUNDS.left(&Situation { demand: missing, ..inside() });
            assert_eq!((left.len(), left[0].value, left[0].by), (1, None, None));
        }
    }

    fn state(number: u32) -> Situation {
        let x = f64::from(number);
        Situation {
            demand: Some(0.9 + 0.01 * x),
            branches_out: Some(x % 3.0),
            units_out: Some(x % 2.0),
            voltage_pu: Some((0.98 - 0.001 * x, 1.02)),
            frequency_hz: None,
            delay_ms: Some(x),
            areas: BTreeMap::from([(1, 1.0 + 0.01 * x), (2, 1.0)]),
            branches: Some(BTreeSet::from([number])),
            units: Some(BTreeSet::new()),
        }
    }

    #[test]
    fn a_region_holds_every_state_it_is_made_of_however_they_are_put_together() {
        let (mut whole, mut halves) = (Region::default(), [Region::default(), Region::default()]);
        for number in 0..10 {
            whole.include(&state(number));
            halves[number as usize % 2].include(&state(number));
        }
        let [mut joined, other] = halves;
        joined.join(&other);
        assert_eq!(joined, whole);
        assert!((0..10).all(|number| whole.left(&state(number)).is_empty()));
    }

    /// Each bound alone: a step beyond it, or nothing known of it, is outside of that bound and of no other.
    #[test]
    fn one_step_beyond_any_bound_is_outside_of_that_bound() {
        let mut region = Region::default();
        (0..10).for_each(|number| region.include(&state(number)));
        let base = state(3);
        type Change = fn(&mut Situation);
        let beyond: [(&str, Change); 9] = [
            ("demand", |s| s.demand = Some(0.99 + 1e-9)),
            ("branches_out", |s| s.branches_out = Some(3.0)),
            ("units_out", |s| s.units_out = None),
            ("voltage_pu", |s| s.voltage_pu = Some((0.97, 1.02))),
            ("delay_ms", |s| s.delay_ms = Some(9.5)),
            ("areas.1", |s| s.areas = BTreeMap::from([(1, 1.1), (2, 1.0)])),
            ("areas.2", |s| s.areas = BTreeMap::from([(1, 1.0)])),
            ("branches.10", |s| s.branches = Some(BTreeSet::from([4, 10]))),
            ("units", |s| s.units = None),
        ];
        for (bound, change) in beyond {
            let mut state = base.clone();
            change(&mut state);
            let left: Vec<String> = region.left(&state).into_iter().map(|d| d.bound).collect();
            assert_eq!(left, [bound]);
        }
    }
}
