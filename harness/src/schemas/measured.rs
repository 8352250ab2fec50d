//! The table `[sensing]` of a suite, and the rules that bind it to what is observed.

use serde_json::{Value, json};

use super::table::{Table, up_to, within};
use crate::sensing::{KEYS, Key};

/// How well is measured what a candidate sees.
pub(super) fn table() -> Value {
    let value = |key: &Key| match key.above_zero {
        true => up_to(0.0, key.max, key.meaning),
        false => within(0.0, key.max, key.meaning),
    };
    let table = Table::new("How well is measured what a candidate sees.");
    KEYS.iter().fold(table, |table, key| table.may(key.name, value(key))).done()
}

/// Nothing is measured of the truth; keys of phasor units and of the estimator need them; an estimator weighs what it reads.
pub(super) fn rules() -> Vec<Value> {
    let observes = |ids: &[&str]| {
        json!({ "required": ["loop"], "properties": { "loop": {
            "required": ["observe"],
            "properties": { "observe": { "enum": ids } },
        } } })
    };
    let any = observes(&["scada", "pmu", "estimated"]);
    let mut rules = vec![json!({ "if": { "required": ["sensing"] }, "then": any })];
    rules.extend(KEYS.iter().filter_map(|key| {
        let only = key.only?.id();
        let has = json!({ "required": ["sensing"], "properties": { "sensing": { "required": [key.name] } } });
        Some(json!({ "if": has, "then": observes(&[only]) }))
    }));
    let weighed = json!({ "exclusiveMinimum": 0 });
    let weighed =
        ["voltage_sigma_pu", "injection_sigma_pu", "flow_sigma_pu"].map(|key| (key, weighed.clone()));
    let weighed = Value::from_iter(weighed);
    rules.push(json!({
        "if": observes(&["estimated"]),
        "then": { "properties": { "sensing": { "properties": weighed } } },
    }));
    rules
}
