//! The region in which a candidate was tested, and whether a state lies inside.

use serde::{Deserialize, Serialize};

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
        ]
        .into_iter()
        .filter_map(|(bound, inside, range)| departure(bound, inside?, range))
        .collect()
    }
}

/// Where a range leaves a bound, the end that is further outside; `None` where all of it is inside.
pub(crate) fn departure(bound: &str, inside: (f64, f64), range: Option<(f64, f64)>) -> Option<Departure> {
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
}
