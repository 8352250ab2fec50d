//! Files that people write, changed at random: the shipped JSON Schema and the program accept the same ones.
//!
//! Where JSON Schema has no words for a rule, the program may refuse what the schema accepts, and only for a reason listed in [`BEYOND`]. The other
//! way there is no exception: what the program accepts, the schema accepts.

use std::path::{Path, PathBuf};

use gridgate_tests::json;
use harness::candidate::manifest::Manifest;
use harness::suite::Suite;
use harness::waiver::Waivers;
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Parts of complaints about rules that JSON Schema cannot say.
const BEYOND: [&str; 22] = [
    // Things that must differ, or exist, elsewhere in the file.
    "this id is given twice",
    "this unit is given twice",
    "there is no population",
    // Two numbers in order, and limits inside a range.
    "the lower one first",
    "should be inside the range",
    "is not below `max`",
    "is above `max`",
    "temperatures should rise",
    "from 0 to its energy",
    "not below the cap",
    "(`floor`, `cap`)",
    "after its end",
    "begin < end",
    "two whole numbers, [least, most]",
    "two numbers, [least, greatest]",
    // What follows from several numbers at once.
    "no candidate could fail",
    "has no meaning where the range reaches below 0",
    "more than a hundred years",
    // Tables that must fit together.
    "the shares add up to",
    "always refuses",
    "over before they have read it",
    // `mean` and `level` of a load swing are alternatives, and a lognormal law has no mean of 0.
    "`mean` of the hazard load_swing is replaced by `level`",
];

/// A whole number that a number cannot hold; and rules that need arithmetic on top of those above.
fn is_beyond(complaint: &str) -> bool {
    BEYOND.iter().any(|words| complaint.contains(words))
        || complaint.contains("is a whole number, it should be a number")
        || complaint.contains("which is too large")
        || complaint.contains("is lognormal, which has no mean of 0")
        || complaint.contains("is no day")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn validator(file: &str) -> Validator {
    jsonschema::validator_for(&json(&root().join("reports/schemas").join(file))).expect("a schema")
}

fn toml(text: &str) -> Value {
    let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    serde_json::to_value(table).expect("JSON")
}

/// What the program says of a suite, one text a complaint; nothing where it accepts it.
fn suite_complaints(document: &Value) -> Vec<String> {
    let said = |found: powerflow::Diagnostics| found.0.into_iter().map(|d| d.message).collect::<Vec<_>>();
    let suite = match Suite::from_text(&document.to_string(), Path::new("s.json")) {
        Ok(suite) => suite,
        Err(found) => return said(found),
    };
    let mut complaints = suite.check_metrics(&harness::metric::known()).err().map(said).unwrap_or_default();
    for hazard in suite.populations.iter().flat_map(|population| &population.hazards) {
        complaints.extend(scenarios::hazard::parse(&hazard.table).err().map(said).unwrap_or_default());
    }
    complaints
}

/// The document as TOML, where TOML can hold it.
fn as_toml(document: &Value) -> Option<String> {
    toml::to_string(&toml::Table::try_from(document).ok()?).ok()
}

/// Files that use every table, every hazard and every kind of gate.
fn suites() -> Vec<Value> {
    let mut all = vec![toml(EVERYTHING), toml(OTHERWISE)];
    let folders = ["examples/volt_var", "examples/cascade", "bench/suites"];
    for folder in folders {
        for entry in std::fs::read_dir(root().join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if text.contains("gridgate/suite/1") && path.extension().is_some_and(|e| e == "toml") {
                all.push(toml(&text));
            }
        }
    }
    assert!(all.len() >= 5);
    all
}

const EVERYTHING: &str = r#"
schema = "gridgate/suite/1"
name = "everything"
seed = 9223372036854775807
grid = "case14.m"
candidate = "candidate.toml"
champion = "operator"
operator = ["greedy", "none"]
operator_delay_s = 600
stop = "never"
alpha = 0.05
claim = "per_gate"
screening = true
[loop]
task = "frequency_response"
step_s = 60.0
steps = 30
observe = "truth"
[loop.latency]
file = "latency.json"
source = "quantile"
q = 0.9
measurement_ms = 10
command_ms = 20
actuation_ms = 1.5
queue = "skip"
deadline_ms = 500
late = "drop"
margin_max_ms = 1000
[limiter]
fallback = "operator"
[limiter.step]
"act.gen.p_set" = 5
[limiter.range]
"act.gen.p_set" = [0, 200]
"act.load.shed" = [0.0, 0.3]
[limiter.envelope]
demand = [0.6, 1.2]
branches_out = [0, 2]
units_out = [0, 1.5]
voltage_pu = [0.9, 1.1]
frequency_hz = [49, 51]
[physics]
reactive_limits = "ignore"
slack = "distributed"
tolerance_pu = 1e-9
ramp_share_per_min = 0.05
cooldown_s = 60
[protection]
engine = "protection"
hidden_failure_probability = 0.01
overload = { on = true, pickup = 1.5, curve = "very_inverse", time_dial = 2 }
thermal = { on = false, ambient_c = 20, rated_c = 75, trip_c = 90, time_constant_s = 600 }
distance = { reach = 1.2, delay_s = 0.5, floor = 1 }
[protection.undervoltage]
stage = [{ below_pu = 0.85, delay_s = 3, share = 0.1 }]
[protection.ride_through]
time_factor = 1
band = [{ side = "low", limit_pu = 0.9, time_s = 3 }]
[protection.frequency]
balance = "pmax_share"
droop = 0.05
damping = 1.0
unit_low_hz = 57
unit_high_hz = 63
stage = [{ below_hz = 59.5, delay_s = 0.1, share = 0.05 }]
[frequency]
mode = "dynamic"
load_damping_pu = 1
step_s = 0.01
smallest_share = 0.001
restored_after_s = 300
measuring_window_s = 0.1
rocof_window_s = 0.5
relay_window_s = 0.1
relay_reset_hz = 0.05
breaker_s = 0.1
ride_through = "eastern"
[frequency.default]
technology = "steam"
inertia_s = 4
governor = "tgov1"
t1_s = 0.5
[[frequency.unit]]
row = 1
governor = "hydro"
water_s = 1.5
deadband_hz = 0.02
governed_share = 0.8
rating_mva = 100
[[frequency.unit]]
row = 2
fast = { ramp_mw_per_s = 10, energy_mwh = 1, trigger_hz = 0.2, delay_s = 0.3, power_mw = 10 }
[slow]
taps = { on = true, first_s = 30, next_s = 5 }
shunts = { delay_s = 10, rest_s = 60 }
load_recovery = { p_exponent = 1, q_exponent = 2, p_exponent_recovered = 0, q_exponent_recovered = 0, recovery_s = 60, update_s = 5 }
[agc]
on = true
cycle_s = 4
time_constant_s = 60
deadband = 0.001
regulation = 0.01
contingency = 0.05
reserve = 0.05
ramp_share_per_min = 0.1
storage = [{ unit = 1, energy_mwh = 10, initial_mwh = 5 }]
[[remedial]]
id = "scheme"
when = [{ branch_out = 3 }, { unit_out = 1 }, { branch = 2, loading_above = 1.2 }, { bus = 4, voltage_below_pu = 0.9 }]
delay_s = 0.5
then = [{ trip_unit = 2 }, { open_branch = 4 }, { shed_bus = 5, share = 0.5 }]
[units]
trip_margin = 1.5
unit = [
  { row = 1, kind = "grid_following", mode = "power_factor", q_per_p = 0.1, cessation_pu = 0.5, resume_s = 1 },
  { row = 2, mode = "q", q_mvar = 10 },
  { row = 3, kind = "synchronous", mode = "voltage" },
]
[[population]]
id = "outages"
hazards = [
  { kind = "line_trip", k = [1, 2], at_s = [60, 120], spread_s = 30, return_after_s = 600, keep_connected = true, lines_only = false },
  { kind = "generator_trip", k = 1, weight = "capacity", at_s = 0 },
  { kind = "load_swing", mean = 1.0, sigma = 0.1, correlation = 0.5, persistence = 0.8, knot_s = 300, floor = 0.5, cap = 1.5, shape = "normal" },
]
size_max = 1000
per_year = 0.2
[[population]]
id = "quiet"
hazards = []
size_max = 1
[[gate]]
id = "rate"
population = "outages"
metric = "blackout"
kind = "rate"
over = 0.5
max = 0.01
method = "fixed"
severity = "required"
evidence = ["TPL-001"]
[[gate]]
id = "mean"
population = "outages"
metric = "ens_mwh"
kind = "mean"
max = 10
min = 0.5
range = [0, 100]
[[gate]]
id = "yearly"
population = "outages"
metric = "saidi_min"
kind = "mean"
max_per_year = 10
range = [0, 100]
[[gate]]
id = "quantile"
population = "outages"
metric = "losses_mwh"
kind = "quantile"
q = 0.9
max = 5
[[gate]]
id = "compared"
population = "quiet"
metric = "ens_mwh"
kind = "noninferiority"
margin_abs = 0.1
better = "lower"
range = [0, 1]
severity = "warn"
[[gate]]
id = "value"
population = "quiet"
metric = "balance.unmet_mw"
kind = "value"
max = 0
min = -1
[[gate]]
id = "latency"
population = "quiet"
metric = "latency.compute_ms"
kind = "latency"
q = 0.99
max = 10
[assumptions]
vary = ["load_motors", "slack_single"]
episodes = 64
[tier.change]
size_max = 256
[tier.release]
size_max = 1000
"#;

const OTHERWISE: &str = r#"
schema = "gridgate/suite/1"
name = "otherwise"
seed = 0
grid = "case14.m"
champion = "other/candidate.toml"
stop = "decided"
[loop]
task = "redispatch"
step_s = 1
steps = 1
observe = "pmu"
latency = { source = "fixed", decision_ms = 100 }
[sensing]
scan_s = 4
skew_s = 1.5
age_s = 2
loss_probability = 0.01
voltage_sigma_pu = 0.004
flow_sigma_pu = 0.0
power_deadband_pu = 0.001
voltage_quantum_pu = 0.001
phasor_rate_hz = 50
phasor_tve = 0.01
phasor_clock_s = 1e-6
[advisory]
accept = 0.7
ignore = 0.1
half = 0.1
delay = 0.1
delay_s = [60, 600]
[protection]
overload = { curve = "integral", integral_share = 0.5, integral_s = 10 }
[[population]]
id = "p"
hazards = [{ kind = "load_swing", level = [0.8, 1.1], shape = "lognormal" }]
size_max = 2
[[gate]]
id = "g"
population = "p"
metric = "blackout"
kind = "rate"
under = 0.5
max = 0.1
new_only = true
[[gate]]
id = "n"
population = "p"
metric = "blackout"
kind = "noninferiority"
margin_rel = 0.1
[assumptions]
[tier.change]
minutes = 5
"#;

const MANIFESTS: [&str; 3] = [
    r#"
schema = "gridgate/candidate/1"
name = "sound"
version = "7"
task = "volt_var"
mode = "closed_loop"
stateful = false
[adapter]
kind = "onnx"
path = "models/model.onnx"
threads = 1
batch_max = 256
[io]
layout = "flat"
"obs.bus.vm" = { name = "x", slice = [0, 14], rows = "all", unit = "pu", scale = 2.0, offset = -1 }
"obs.bus.pd" = { name = "z", column = 1, rows = [1, 2, 3], unit = "MW" }
"act.gen.v_set" = { name = "y", rows = "gen" }
[domain]
bus_count = [14, 2000]
load_scale = [0.5, 1.3]
outages_max = 2
[limits]
latency_ms_p99 = 10.0
timeout_ms = 1000
memory_mb = 4096
"#,
    "schema = \"gridgate/candidate/1\"\nname = \"p\"\nversion = \"1\"\ntask = \"redispatch\"\n[adapter]\nkind = \"process\"\n\
     argv = [\"python3\", \"c.py\"]\n[io]\n\"obs.gen.p\" = { name = \"p\" }\n\"act.gen.p_set\" = { name = \"w\" }\n",
    "schema = \"gridgate/candidate/1\"\nname = \"idle\"\nversion = \"1\"\ntask = \"volt_var\"\n[adapter]\nkind = \"do_nothing\"\n",
];

const WAIVERS: &str = r#"
schema = "gridgate/waiver/1"
[[waiver]]
suite = "s"
gate = "g"
candidate = "c"
version = "1"
reason = "r"
who = "w"
expires = "2026-12-31"
[[waiver]]
suite = "s"
gate = "g"
candidate = "c"
digest = "abababababababababababababababababababababababababababababababab"
reason = "r"
who = "w"
expires = "2028-02-29"
signature = "00"
"#;

/// Every place in a document, as a JSON pointer; the document itself is no place to change.
fn places(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), document)];
    while let Some((pointer, value)) = open.pop() {
        let inner: Vec<(String, &Value)> = match value {
            Value::Object(table) => {
                let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
                table.iter().map(|(key, value)| (format!("{pointer}/{}", escaped(key)), value)).collect()
            }
            Value::Array(list) => {
                list.iter().enumerate().map(|(at, value)| (format!("{pointer}/{at}"), value)).collect()
            }
            _ => Vec::new(),
        };
        found.extend(inner.iter().map(|(pointer, _)| pointer.clone()));
        open.extend(inner);
    }
    found.sort();
    found
}

/// Values that ranges, types and lists of words are tripped up by.
fn strange() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(false),
        json!(-1),
        json!(0),
        json!(1),
        json!(2),
        json!(1.0),
        json!(2.5),
        json!(-0.5),
        json!(0.5),
        json!(1e-15),
        json!(0.05),
        json!(256),
        json!(1000),
        json!(4_294_967_296_u64),
        json!(u64::MAX),
        json!(-1e300),
        json!(1e300),
        json!(""),
        json!(" "),
        json!("a"),
        json!("a b"),
        json!(".a"),
        json!("a\u{7}b"),
        json!("\u{e9}"),
        json!("x".repeat(65)),
        json!("fixed"),
        json!("decided"),
        json!("ignore"),
        json!("single"),
        json!("zero"),
        json!("replay"),
        json!("static"),
        json!("definite"),
        json!("integral"),
        json!("synchronous"),
        json!("volt_var"),
        json!("frequency_response"),
        json!("droop"),
        json!("power_factor"),
        json!("../x"),
        json!("/x"),
        json!("a/../b"),
        json!("rad"),
        json!("pu"),
        json!("2026-02-30"),
        json!("2026-13-01"),
        json!([]),
        json!([0]),
        json!([0, 1]),
        json!([1, 0]),
        json!([0, 0]),
        json!([1, 2, 3]),
        json!(["a"]),
        json!(["greedy", "greedy"]),
        json!([{}]),
        json!({}),
        json!({ "on": false }),
        json!({ "minutes": 1 }),
    ]
}

/// Keys that some table knows, and one that none does.
const KEYS: [&str; 24] = [
    "unknown",
    "on",
    "max",
    "min",
    "over",
    "under",
    "q",
    "range",
    "method",
    "fast",
    "governor",
    "droop_pu",
    "decision_ms",
    "deadline_ms",
    "minutes",
    "size_max",
    "per_year",
    "max_per_year",
    "curve",
    "delay_s",
    "margin_rel",
    "q_mvar",
    "slice",
    "digest",
];

/// One change: where, what, and with which material.
type Change = (prop::sample::Index, u8, prop::sample::Index, prop::sample::Index);

fn change(document: &mut Value, (place, what, material, other): &Change) {
    let all = places(document);
    let pointer = &all[place.index(all.len())];
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let key = key.replace("~1", "/").replace("~0", "~");
    let values = strange();
    let new = match what {
        // Another value of the same document: the right type in the wrong place.
        0 => document.pointer(&all[material.index(all.len())]).cloned().unwrap_or_default(),
        _ => values[material.index(values.len())].clone(),
    };
    let Some(parent) = document.pointer_mut(parent) else { return };
    match (parent, what) {
        (Value::Object(table), 1) => drop(table.remove(&key)),
        (Value::Object(table), 2) => drop(table.insert(KEYS[other.index(KEYS.len())].to_owned(), new)),
        (Value::Object(table), 3) => {
            let value = table.remove(&key).unwrap_or_default();
            table.insert(KEYS[other.index(KEYS.len())].to_owned(), value);
        }
        (Value::Object(table), _) => drop(table.insert(key, new)),
        (Value::Array(list), 1) => drop(list.remove(key.parse().expect("a row"))),
        (Value::Array(list), 2) => list.push(new),
        (Value::Array(list), _) => list[key.parse::<usize>().expect("a row")] = new,
        _ => {}
    }
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let index = any::<prop::sample::Index>;
    proptest::collection::vec((index(), 0_u8..8, index(), index()), 1..3)
}

/// Both ways: `complaints` is what the program says.
fn agree(validator: &Validator, document: &Value, complaints: &[String]) -> Result<(), TestCaseError> {
    let by_schema = validator.is_valid(document);
    match (by_schema, complaints.is_empty()) {
        (true, true) | (false, false) => Ok(()),
        (true, false) if complaints.iter().all(|complaint| is_beyond(complaint)) => Ok(()),
        (true, false) => {
            Err(TestCaseError::fail(format!("only the program refuses {document}\n{complaints:#?}")))
        }
        (false, true) => {
            let errors: Vec<String> = validator
                .iter_errors(document)
                .map(|error| format!("{} {error}", error.instance_path()))
                .collect();
            Err(TestCaseError::fail(format!("only the schema refuses {document}\n{errors:#?}")))
        }
    }
}

fn run(cases: u32, test: impl Fn((prop::sample::Index, Vec<Change>)) -> Result<(), TestCaseError>) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    if let Err(error) = runner.run(&(any::<prop::sample::Index>(), changes()), test) {
        panic!("{error}");
    }
}

#[test]
fn the_schema_of_suites_and_the_program_accept_the_same() {
    let (validator, suites) = (validator("suite-1.json"), suites());
    for suite in &suites {
        assert_eq!(suite_complaints(suite), Vec::<String>::new());
        assert!(validator.is_valid(suite), "{suite}");
    }
    run(4000, |(which, changes)| {
        let mut document = which.get(&suites).clone();
        changes.iter().for_each(|one| change(&mut document, one));
        agree(&validator, &document, &suite_complaints(&document))
    });
}

/// Whatever is done to one place of the fullest file, systematically: no luck is needed to try every key with every value.
#[test]
fn every_place_with_every_strange_value() {
    let validator = validator("suite-1.json");
    for text in [EVERYTHING, OTHERWISE] {
        let whole = toml(text);
        for place in places(&whole) {
            for value in strange() {
                let mut document = whole.clone();
                *document.pointer_mut(&place).expect("a place") = value;
                if let Err(error) = agree(&validator, &document, &suite_complaints(&document)) {
                    panic!("at {place}: {error}");
                }
            }
        }
    }
}

#[test]
fn the_schema_of_manifests_and_the_program_accept_the_same() {
    let validator = validator("candidate-1.json");
    let desk = tempfile::tempdir().expect("a folder");
    let path = desk.path().join("candidate.toml");
    let manifests: Vec<Value> = MANIFESTS.iter().map(|text| toml(text)).collect();
    let complaints = |document: &Value| {
        let text = as_toml(document)?;
        std::fs::write(&path, text).expect("a file");
        let found = Manifest::read(&path).err().map(|found| found.0).unwrap_or_default();
        Some(found.into_iter().map(|d| d.message).collect::<Vec<String>>())
    };
    for manifest in &manifests {
        assert_eq!(complaints(manifest), Some(Vec::new()));
        assert!(validator.is_valid(manifest), "{manifest}");
    }
    run(2000, |(which, changes)| {
        let mut document = which.get(&manifests).clone();
        changes.iter().for_each(|one| change(&mut document, one));
        // TOML has no null and no whole number beyond 2^63: such a file cannot be written.
        complaints(&document).map_or(Ok(()), |complaints| agree(&validator, &document, &complaints))
    });
}

#[test]
fn the_schema_of_waivers_and_the_program_accept_the_same() {
    let validator = validator("waiver-1.json");
    let desk = tempfile::tempdir().expect("a folder");
    let [path, key] = ["waivers.toml", "key.pem"].map(|name| desk.path().join(name));
    // RFC 8410, 10.1.
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    std::fs::write(&key, pem).expect("a file");
    let whole = toml(WAIVERS);
    let complaints = |document: &Value| {
        let text = as_toml(document)?;
        std::fs::write(&path, text).expect("a file");
        let found =
            Waivers::read(&path, &key, "2026-11-21".into()).err().map(|found| found.0).unwrap_or_default();
        Some(found.into_iter().map(|d| d.message).collect::<Vec<String>>())
    };
    assert_eq!(complaints(&whole), Some(Vec::new()));
    run(1000, |(_, changes)| {
        let mut document = whole.clone();
        changes.iter().for_each(|one| change(&mut document, one));
        complaints(&document).map_or(Ok(()), |complaints| agree(&validator, &document, &complaints))
    });
}
