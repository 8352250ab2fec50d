//! JSON Schema of the suite file. Its readers take a table key by key, so there is no type to derive it from: what stands here is held to them
//! by a property test that changes files at random and asks both (`tests/laws/accepted.rs`).

use serde_json::{Map, Value, json};

use super::measured;
use super::table::{
    Table, above_zero, any_text, at_least, between, choice, constant, counted, flag, id, list, number,
    one_of, pair, row, see, text, up_to, whole, within, zero_or_more,
};
use crate::action::Task;
use crate::assumption;
use crate::beside::Beside;
use crate::candidate::operator::Model;
use crate::frequency::FrequencyCurve;
use crate::gate;
use crate::grid::frequency::units::Technology;
use crate::grid::protection::frequency::{Balance, STAGES_MAX};
use crate::grid::protection::{ride_through, undervoltage};
use crate::grid::units::Kind;
use crate::latency::{Late, Queue};
use crate::metric;
use crate::sensing::Observe;
use crate::suite::{Champion, SUITE_SCHEMA, TIERS};
use crate::supervision::{BOUNDS, DELAY_S_MAX, RANGED, STEPPED, StandIn};
use powerflow::case::PrimeMover;
use scenarios::preset;
use scenarios::weather::availability;

/// What the program checks beyond the schema, since JSON Schema has no words for it.
const BEYOND: &str = "What the program checks beyond this schema: ids are distinct, and so are operators and rows; a gate names a population of the \
file; shares of answers to advice add up to 1, and the task can grant what is limited and leaves people time to answer; of two numbers in order the first is lower (`range`, spans of hazards, temperatures, `floor` and `cap`, `min` and `max`), and limits lie \
inside their range; a margin leaves room to fail; an episode is at most a hundred years; a store begins with no more than its energy; a whole \
number in the place of a number is at most 2^53. Everything about the grid, the candidate and files beside the suite.";

/// The schema.
pub(super) fn schema() -> Value {
    let mut defs = Map::new();
    let hazards = hazards(&mut defs);
    let gates = gates(&mut defs);
    protection(&mut defs);
    frequency(&mut defs);
    autonomous(&mut defs);
    defs.insert("Loop".into(), the_loop());
    defs.insert("Latency".into(), latency());
    defs.insert("Sensing".into(), measured::table());
    defs.insert("Physics".into(), physics());
    defs.insert("Limiter".into(), limiter());
    defs.insert("Advisory".into(), advisory());
    defs.insert("Assumptions".into(), assumptions());
    defs.insert("Tier".into(), tier());
    let lists = json!({ "properties": { "kind": { "enum": ["every_outage", "demand_levels"] } } });
    let population =
        Table::new("Scenarios drawn by the same hazards, all of a list of hazards, or listed in a file.")
            .need("id", id("Its id."))
            .may("hazards", list(hazards, "What may happen; none is the undisturbed case."))
            .may("size_max", whole(1, u64::MAX, "Largest number of episodes; of a list left out."))
            .may("per_year", above_zero("How often one of its scenarios happens in a year."))
            .may(
                "scenarios",
                text("File of listed scenarios, relative to this file, in the place of the others."),
            )
            .also(
                "oneOf",
                json!([
                    { "required": ["hazards", "size_max"], "not": { "required": ["scenarios"] } },
                    {
                        "required": ["hazards"],
                        "properties": { "hazards": { "minItems": 1, "items": lists } },
                        "not": { "anyOf": [{ "required": ["scenarios"] }, { "required": ["size_max"] }] },
                    },
                    {
                        "required": ["scenarios"],
                        "not": {
                            "anyOf": [
                                { "required": ["hazards"] }, { "required": ["size_max"] }, { "required": ["per_year"] },
                            ],
                        },
                    },
                ]),
            );
    defs.insert("Population".into(), population.done());
    let models: Vec<&str> = Model::LIST.iter().map(|model| model.id()).collect();
    let mut operators =
        counted(1, None, choice(models, "A model of the operator."), "Models of the operator; each once.");
    operators["uniqueItems"] = true.into();
    let tiers = TIERS
        .iter()
        .fold(Table::new("Smaller designs of the suite."), |table, name| table.may(name, see("Tier")));
    let root = Table::new(&format!(
        "A suite: what is simulated, who is judged, and which claims must hold. TOML, or YAML or JSON with the same keys. {BEYOND}"
    ))
    .need("schema", constant(SUITE_SCHEMA, "Name and version of this document."))
    .need("name", text("Its name."))
    .need("seed", whole(0, u64::MAX, "Seed of every random stream."))
    .need("grid", text("Case file, relative to this file."))
    .may("candidate", text("Manifest of the candidate, relative to this file."))
    .may("champion", champion())
    .may("operator", operators)
    .may("operator_delay_s", within(300.0, 900.0, "How long the operator takes to act, s."))
    .may("stop", choice(["never", "decided"], "When a run ends (`never`: after all episodes)."))
    .may("alpha", up_to(0.0, 0.5, "Error rate (0.05)."))
    .may("claim", choice(["suite", "per_gate"], "What the error rate is about (`suite`)."))
    .may("screening", flag("Whether the suite only sorts candidates (false)."))
    .need("loop", see("Loop"))
    .may("sensing", see("Sensing"))
    .may("limiter", see("Limiter"))
    .may("advisory", see("Advisory"))
    .may("physics", see("Physics"))
    .may("protection", see("Protection"))
    .may("frequency", see("Frequency"))
    .may("slow", see("Slow"))
    .may("agc", see("Agc"))
    .may("remedial", list(see("Scheme"), "Remedial schemes."))
    .may("units", see("Units"))
    .may("assumptions", see("Assumptions"))
    .need("population", counted(1, None, see("Population"), "Populations."))
    .may("gate", list(gates, "Claims."))
    .may("tier", tiers.done())
    .also("allOf", rules())
    .also("$defs", Value::Object(defs));
    Beside::LIST.iter().fold(root, |root, beside| root.may(beside.key(), text(beside.meaning()))).done()
}

/// Rules between tables.
fn rules() -> Value {
    let simplified = json!({ "required": ["physics"], "properties": { "physics": { "anyOf": [
        { "required": ["reactive_limits"], "properties": { "reactive_limits": { "const": "ignore" } } },
        { "required": ["slack"], "properties": { "slack": { "const": "single" } } },
    ] } } });
    let sequential = json!({ "properties": { "gate": { "items": { "properties": { "method": { "not": { "const": "fixed" } } } } } } });
    let timed: Vec<Value> = TIERS
        .iter()
        .map(|name| json!({ "required": [name], "properties": { *name: { "required": ["minutes"] } } }))
        .collect();
    let mut rules = measured::rules();
    rules.extend([
        json!({ "if": simplified, "then": { "required": ["screening"], "properties": { "screening": { "const": true } } } }),
        json!({ "if": { "required": ["stop"], "properties": { "stop": { "const": "decided" } } }, "then": sequential }),
        json!({ "if": { "required": ["tier"], "properties": { "tier": { "anyOf": timed } } }, "then": sequential }),
        json!({
            "if": { "properties": { "loop": { "properties": { "task": { "const": Task::FrequencyResponse.id() } } } } },
            "then": { "required": ["frequency"], "properties": { "frequency": { "properties": { "mode": { "const": "dynamic" } } } } },
        }),
    ]);
    rules.into()
}

fn the_loop() -> Value {
    Table::new("The closed loop.")
        .need("task", choice(Task::LIST.iter().map(|task| task.id()), "What the candidate controls."))
        .need("step_s", within(1e-3, 1e6, "Length of a step, s."))
        .need("steps", whole(1, u32::MAX.into(), "Steps in an episode."))
        .may(
            "observe",
            choice(Observe::LIST.iter().map(|(name, _)| *name), "What the candidate is shown (`truth`)."),
        )
        .may("latency", see("Latency"))
        .done()
}

fn latency() -> Value {
    let ms = |description: &str| within(0.0, 3.6e6, description);
    let is =
        |source: &str| json!({ "required": ["source"], "properties": { "source": { "const": source } } });
    let of_file =
        json!({ "anyOf": [is("quantile"), { "required": ["file"], "not": { "required": ["source"] } }] });
    Table::new("Delay between observation and action.")
        .may("file", text("Recorded times, relative to the suite."))
        .may("source", choice(["zero", "fixed", "quantile", "replay", "wallclock"], "Where the time of a decision comes from (`quantile` with a file, else `zero`)."))
        .may("decision_ms", ms("Time of a decision, for source `fixed`, ms."))
        .may("q", up_to(0.0, 1.0, "The quantile of the recorded times (0.99)."))
        .may("measurement_ms", ms("From the measurement to the candidate, ms (0)."))
        .may("command_ms", ms("From the candidate to the device, ms (0)."))
        .may("actuation_ms", ms("Until the device has acted, ms (0)."))
        .may("queue", choice(Queue::LIST.iter().map(|(name, _)| *name), "What becomes of a measurement while the candidate decides."))
        .may("deadline_ms", ms("When a command is late, from the measurement, ms."))
        .may("late", choice(Late::LIST.iter().map(|(name, _)| *name), "What becomes of a late command."))
        .may("margin_max_ms", whole(10, u32::MAX.into(), "Largest delay that a margin is looked for up to, ms (2000)."))
        .also("dependentRequired", json!({ "late": ["deadline_ms"] }))
        .also(
            "allOf",
            json!([
                { "if": { "anyOf": [is("quantile"), is("replay")] }, "then": { "required": ["file"] } },
                { "if": is("fixed"), "then": { "required": ["decision_ms"] }, "else": { "not": { "required": ["decision_ms"] } } },
                { "if": { "required": ["q"] }, "then": of_file },
            ]),
        )
        .done()
}

fn physics() -> Value {
    Table::new("Choices of the physics. What is simpler than a grid needs `screening = true`.")
        .may("reactive_limits", choice(["enforce", "ignore"], "Reactive limits of units (`enforce`)."))
        .may("slack", choice(["distributed", "single"], "Who provides an imbalance (`distributed`)."))
        .may("tolerance_pu", within(1e-12, 1e-4, "Largest mismatch of a bus that counts as solved, pu."))
        .may(
            "ramp_share_per_min",
            above_zero(
                "Ramp of units for which the case gives none, as a share of their largest power per minute.",
            ),
        )
        .may(
            "cooldown_s",
            zero_or_more("Time in which a branch that was switched refuses to be switched again, s (900)."),
        )
        .done()
}

fn champion() -> Value {
    let mut path =
        text("Manifest or folder of another candidate, relative to this file; a path has a slash.");
    path["allOf"] = json!([{ "pattern": "\\S" }, { "pattern": Champion::OF_PATHS }]);
    let named = choice(Champion::LIST.iter().map(|(name, _)| *name), "By name.");
    json!({ "description": "Who the candidate is compared with.", "anyOf": [named, path] })
}

fn limiter() -> Value {
    let step = STEPPED.iter().fold(
        Table::new(
            "Largest distance of a request from what holds when it is made, in the unit of the quantity.",
        ),
        |table, asked| table.may(asked.id(), above_zero("Largest distance.")),
    );
    let range =
        RANGED.iter().fold(Table::new("Lowest and highest value that may be asked."), |table, asked| {
            table.may(asked.id(), pair(number("An end."), "Lowest and highest value."))
        });
    let envelope = BOUNDS.iter().fold(
        Table::new("States in which the candidate may decide; outside of them the fallback does."),
        |table, bound| table.may(bound, pair(number("An end."), "Lowest and highest value inside.")),
    );
    Table::new("What keeps the candidate's requests within bounds, and decides in its place.")
        .may("step", step.done())
        .may("range", range.done())
        .may("envelope", envelope.done())
        .may(
            "fallback",
            choice(
                StandIn::LIST.iter().map(|(name, _)| *name),
                "Who decides where the candidate fails, abstains or is outside of the envelope; left out, a failure ends the episode.",
            ),
        )
        .also("dependentRequired", json!({ "envelope": ["fallback"] }))
        .done()
}

fn advisory() -> Value {
    let share = |description: &str| within(0.0, 1.0, description);
    Table::new("People who answer the candidate's advice, all that is new in it at one moment alike. The shares add up to 1.")
        .each(
            &[
                ("accept", "Share of pieces of advice that are entered at once (0)."),
                ("ignore", "Share that is never entered (0)."),
                ("half", "Share that is entered half of the way from what holds (0)."),
                ("delay", "Share that is entered after a while (0)."),
            ],
            share,
        )
        .may("delay_s", pair(within(0.0, DELAY_S_MAX, "A time, s."), "Shortest and longest while, s."))
        .also(
            "if",
            json!({ "required": ["delay"], "properties": { "delay": { "exclusiveMinimum": 0 } } }),
        )
        .also("then", json!({ "required": ["delay_s"] }))
        .done()
}

fn assumptions() -> Value {
    let ids = assumption::LIST.iter().map(|variant| variant.id);
    let mut vary = counted(
        1,
        None,
        choice(ids, "A variant: the same world with one assumption changed."),
        "Variants to try, each once; left out, every one that can matter.",
    );
    vary["uniqueItems"] = true.into();
    Table::new("Which assumptions about the world are varied, by living a part of the episodes again.")
        .may("vary", vary)
        .may(
            "episodes",
            whole(assumption::EPISODES_MIN, u64::MAX, "Episodes of each population in each variant (256)."),
        )
        .done()
}

fn tier() -> Value {
    Table::new("A smaller design of the suite: the same gates and seed, fewer episodes.")
        .may("size_max", whole(1, u64::MAX, "Largest number of episodes of each population."))
        .may(
            "minutes",
            up_to(
                0.0,
                1e6,
                "Time after which no further episodes begin, minutes; what a clock ended is never a pass.",
            ),
        )
        .done()
}

fn switchable(description: &str) -> Table {
    Table::new(description).may("on", flag("Whether it acts (true)."))
}

fn stage(quantity: &str, limit: Value) -> Value {
    Table::new("A stage of load shedding.")
        .need(quantity, limit)
        .need("delay_s", zero_or_more("How long it waits, s."))
        .need("share", up_to(0.0, 1.0, "Share of the demand that it sheds."))
        .done()
}

fn protection(defs: &mut Map<String, Value>) {
    let overload = |curves: &[&str], needed: bool, keys: &[(&str, Value)]| {
        let table = switchable("Overload relays.")
            .may("pickup", above_zero("Current at which they start, in ratings."));
        let curve = choice(curves.to_vec(), "Time characteristic (`very_inverse`).");
        let table = if needed { table.need("curve", curve) } else { table.may("curve", curve) };
        keys.iter().fold(table, |table, (key, schema)| table.may(key, schema.clone())).done()
    };
    let inverse = ["moderately_inverse", "very_inverse", "extremely_inverse"];
    defs.insert(
        "OverloadInverse".into(),
        overload(&inverse, false, &[("time_dial", above_zero("Factor on the time."))]),
    );
    defs.insert(
        "OverloadDefinite".into(),
        overload(&["definite"], true, &[("delay_s", zero_or_more("How long it waits, s."))]),
    );
    let integral = [
        ("integral_share", above_zero("Overload whose duration trips, in ratings.")),
        ("integral_s", above_zero("Its duration, s.")),
    ];
    defs.insert("OverloadIntegral".into(), overload(&["integral"], true, &integral));
    let side = choice(["low", "high"], "Whether the voltage must stay above or below the limit.");
    let band = Table::new("A band of ride-through.")
        .need("side", side)
        .need("limit_pu", between(0.0, 2.0, "Its limit, pu."))
        .need("time_s", zero_or_more("How long a unit stays connected beyond it, s."));
    let thermal = switchable("Thermal relays: they follow the temperature of a conductor. The temperatures rise from `ambient_c` over `rated_c` to `trip_c`.")
        .each(&[("ambient_c", "Of the surroundings, degrees C."), ("rated_c", "At the rating, degrees C."), ("trip_c", "At which it trips, degrees C.")], number)
        .may("time_constant_s", above_zero("Time constant, s."));
    let distance = switchable("Distance relays: what heavy load looks like to them.")
        .may("reach", above_zero("Reach, as a share of the branch."))
        .each(
            &[
                ("delay_s", "How long they wait, s."),
                ("floor", "Loading below which they never act, in ratings."),
            ],
            zero_or_more,
        );
    let undervoltage = switchable("Under-voltage load shedding.").may(
        "stage",
        counted(
            0,
            Some(undervoltage::STAGES_MAX),
            stage("below_pu", between(0.0, 2.0, "Voltage below which it starts, pu.")),
            "Its stages.",
        ),
    );
    let ride_through = switchable("How long units stay connected at unusual voltages.")
        .may("time_factor", zero_or_more("Factor on the times."))
        .may("band", counted(0, Some(ride_through::BANDS_MAX), band.done(), "Its bands."));
    let frequency = switchable("Where the frequency settles, and what it sets off.")
        .may("balance", choice(Balance::LIST.iter().map(|(name, _)| *name), "Who provides an imbalance."))
        .each(
            &[
                ("droop", "Droop of governors, pu."),
                ("damping", "Self-regulation of demand, pu."),
                ("unit_low_hz", "Frequency below which units leave, Hz."),
                ("unit_high_hz", "Frequency above which units leave, Hz."),
            ],
            above_zero,
        )
        .may(
            "stage",
            counted(
                0,
                Some(STAGES_MAX),
                stage("below_hz", above_zero("Frequency below which it starts, Hz.")),
                "Stages of load shedding.",
            ),
        );
    let protection = Table::new("Relays that act by themselves.")
        .may("engine", choice(["protection", "none"], "`none`: nothing trips (`protection`)."))
        .may("overload", one_of("Overload", &["Inverse", "Definite", "Integral"]))
        .may("thermal", thermal.done())
        .may("distance", distance.done())
        .may("undervoltage", undervoltage.done())
        .may("ride_through", ride_through.done())
        .may("frequency", frequency.done())
        .may(
            "hidden_failure_probability",
            within(0.0, 1.0, "Probability that a relay beside a fault trips without cause (0)."),
        );
    defs.insert("Protection".into(), protection.done());
}

/// Settings of each governor, as `study::governor` reads them.
const GOVERNORS: [(&str, &[&str]); 7] = [
    ("fixed", &[]),
    ("droop", &["droop_pu", "lag_s"]),
    ("tgov1", &["droop_pu", "t1_s", "t2_s", "t3_s", "valve_min_pu", "valve_max_pu", "turbine_damping_pu"]),
    ("reheat", &["droop_pu", "high_pressure_share", "reheat_s", "gain_pu"]),
    (
        "ieeeg1",
        &[
            "gain_pu",
            "t1_s",
            "t2_s",
            "t3_s",
            "opening_pu_per_s",
            "closing_pu_per_s",
            "valve_min_pu",
            "valve_max_pu",
            "t4_s",
            "t5_s",
            "t6_s",
            "t7_s",
            "k1",
            "k3",
            "k5",
            "k7",
        ],
    ),
    (
        "ggov1",
        &[
            "droop_pu",
            "proportional_pu",
            "integral_per_s",
            "actuator_s",
            "lead_s",
            "lag_s",
            "turbine_gain_pu",
            "no_load_fuel_pu",
            "limit_fuel_pu",
        ],
    ),
    ("hydro", &["droop_pu", "transient_droop_pu", "reset_s", "water_s", "gate_s", "gate_pu_per_s"]),
];

fn frequency(defs: &mut Map<String, Value>) {
    let fast = Table::new("How a unit answers fast.")
        .each(
            &[
                ("ramp_mw_per_s", "Ramp, MW/s (unlimited)."),
                ("energy_mwh", "Energy, MWh (unlimited)."),
                ("trigger_hz", "Deviation at which it fires by itself, Hz."),
                ("power_mw", "Power with which it fires, MW."),
            ],
            above_zero,
        )
        .may("delay_s", within(0.0, 60.0, "Delay, s (0)."))
        .also("dependentRequired", json!({ "trigger_hz": ["power_mw"], "power_mw": ["trigger_hz"] }));
    defs.insert("Fast".into(), fast.done());
    let unit = |governor: &str, listed: bool| {
        let keys = GOVERNORS.iter().find(|(name, _)| *name == governor).map_or(&[][..], |(_, keys)| keys);
        let mut table = Table::new("What a unit is to the frequency.")
            .may("technology", choice(Technology::LIST.iter().map(|(name, _)| *name), "What drives it."))
            .may("inertia_s", within(0.0, 100.0, "Inertia constant on its rating, s."))
            .may("rating_mva", above_zero("Rating, MVA."))
            .may("deadband_hz", within(0.0, 1.0, "Dead zone of its governor, Hz."))
            .may("governed_share", within(0.0, 1.0, "Share of the unit that its governor moves."));
        if listed {
            table = table
                .need("row", whole(1, u64::MAX, "Its row in the case, from 1."))
                .may("fast", see("Fast"));
        }
        if !governor.is_empty() {
            table = table.need("governor", constant(governor, "Its governor."));
        }
        keys.iter().fold(table, |table, key| table.may(key, number("A setting of the governor."))).done()
    };
    for (prefix, listed) in [("Default", false), ("Unit", true)] {
        defs.insert(format!("{prefix}ungoverned"), unit("", listed));
        for (governor, _) in GOVERNORS {
            defs.insert(format!("{prefix}{governor}"), unit(governor, listed));
        }
    }
    let kinds: Vec<&str> = std::iter::once("ungoverned").chain(GOVERNORS.map(|(name, _)| name)).collect();
    let window = |description: &str| up_to(0.0, 1.0, description);
    let frequency = Table::new("Whether the frequency of each island moves, and what the units are to it.")
        .may("mode", choice(["dynamic", "static"], "`static`: it stays nominal (`dynamic`)."))
        .may("load_damping_pu", within(0.0, 5.0, "Self-regulation of demand, pu."))
        .may("step_s", within(1e-4, 0.05, "Step of the integration, s."))
        .may(
            "smallest_share",
            within(0.0, 0.01, "Imbalance below which dispatch follows, as a share of an island's demand."),
        )
        .may("restored_after_s", at_least(1.0, "When an island is back at nominal frequency, s."))
        .may("measuring_window_s", window("Window in which frequency is measured, s."))
        .may("rocof_window_s", window("Window in which its rate of change is measured, s."))
        .may("relay_window_s", within(0.0, 1.0, "Window of relays, s."))
        .may("relay_reset_hz", within(0.0, 1.0, "Hysteresis of relays, Hz."))
        .may("breaker_s", within(0.0, 1.0, "Time of breakers, s."))
        .may("ride_through", choice(FrequencyCurve::NAMES.into_iter().chain(["off"]), "What units endure."))
        .may("default", one_of("Default", &kinds))
        .may("unit", list(one_of("Unit", &kinds), "Units by row; each once."));
    defs.insert("Frequency".into(), frequency.done());
}

fn autonomous(defs: &mut Map<String, Value>) {
    let taps = switchable("Tap changers under load.")
        .may("first_s", zero_or_more("Delay of the first position, s."))
        .may("next_s", above_zero("Delay of each further position, s."));
    let shunts = switchable("Switched shunts.")
        .may("delay_s", above_zero("Delay, s."))
        .may("rest_s", zero_or_more("Rest between switchings, s."));
    let recovery = switchable("Demand that follows the voltage and recovers.")
        .each(
            &[
                ("p_exponent", "Exponent of active power at once."),
                ("q_exponent", "Exponent of reactive power at once."),
                ("p_exponent_recovered", "Exponent of active power in the end."),
                ("q_exponent_recovered", "Exponent of reactive power in the end."),
            ],
            zero_or_more,
        )
        .each(
            &[("recovery_s", "Time constant, s."), ("update_s", "How often it is followed, s.")],
            above_zero,
        );
    let slow = Table::new("Slow controls.")
        .may("taps", taps.done())
        .may("shunts", shunts.done())
        .may("load_recovery", recovery.done());
    defs.insert("Slow".into(), slow.done());
    let storage = Table::new("A unit with a store.")
        .need("unit", row("Its row in the case, from 1."))
        .need("energy_mwh", above_zero("What it holds, MWh."))
        .may("initial_mwh", zero_or_more("What it holds at first, MWh (half)."));
    let agc = switchable("Generation control.")
        .may("cycle_s", within(1.0, 60.0, "Its cycle, s."))
        .each(
            &[
                ("time_constant_s", "Time constant, s."),
                ("deadband", "Dead band."),
                ("contingency", "Deviation at which the contingency reserve is called."),
            ],
            above_zero,
        )
        .each(
            &[
                ("regulation", "Regulating reserve."),
                ("reserve", "Contingency reserve."),
                ("ramp_share_per_min", "Ramp, as a share per minute."),
            ],
            zero_or_more,
        )
        .may("storage", list(storage.done(), "Units with stores."));
    defs.insert("Agc".into(), agc.done());
    let bus = |description: &str| whole(0, u64::MAX, description);
    let triggers = [
        ("TriggerBranch", Table::new("A branch is out.").need("branch_out", row("Its row."))),
        ("TriggerUnit", Table::new("A unit is out.").need("unit_out", row("Its row."))),
        (
            "TriggerLoading",
            Table::new("A branch is loaded.")
                .need("branch", row("Its row."))
                .need("loading_above", above_zero("Loading, in ratings.")),
        ),
        (
            "TriggerVoltage",
            Table::new("A voltage is low.")
                .need("bus", bus("Number of the bus."))
                .need("voltage_below_pu", between(0.0, 2.0, "Voltage, pu.")),
        ),
    ];
    let acts = [
        ("ActTrip", Table::new("A unit is tripped.").need("trip_unit", row("Its row."))),
        ("ActOpen", Table::new("A branch is opened.").need("open_branch", row("Its row."))),
        (
            "ActShed",
            Table::new("Demand is shed.")
                .need("shed_bus", bus("Number of the bus."))
                .need("share", up_to(0.0, 1.0, "Share of its demand.")),
        ),
    ];
    for (name, table) in triggers.into_iter().chain(acts) {
        defs.insert(name.into(), table.done());
    }
    let scheme = Table::new("A remedial scheme: when all of this holds for so long, this is done.")
        .need("id", text("Its name."))
        .need(
            "when",
            counted(1, None, one_of("Trigger", &["Branch", "Unit", "Loading", "Voltage"]), "What must hold."),
        )
        .may("delay_s", zero_or_more("For how long, s (0.2)."))
        .need("then", counted(1, None, one_of("Act", &["Trip", "Open", "Shed"]), "What is done."));
    defs.insert("Scheme".into(), scheme.done());
    let kinds = || Kind::LIST.iter().map(|(name, _)| *name);
    let converters: Vec<&str> = kinds().filter(|name| *name != "synchronous").collect();
    let unit = |mode: Option<&str>, key: Option<&str>| {
        let table = Table::new("A unit that is no ordinary machine.")
            .need("row", row("Its row in the case, from 1."))
            .may("kind", choice(kinds(), "What it is (`synchronous`)."))
            .may("cessation_pu", between(0.0, 1.0, "Voltage below which a converter stops its current, pu."))
            .may("resume_s", zero_or_more("How long it takes to come back, s (1)."))
            .also("if", json!({ "required": ["cessation_pu"] }))
            .also("then", json!({ "required": ["kind"], "properties": { "kind": { "enum": converters } } }));
        let table = match mode {
            None => table.may("mode", constant("voltage", "It holds its voltage (as the case says).")),
            Some(mode) => table.need("mode", constant(mode, "How it controls its reactive power.")),
        };
        key.into_iter().fold(table, |table, key| table.need(key, number("The ratio, or Mvar."))).done()
    };
    defs.insert("ModeVoltage".into(), unit(None, None));
    defs.insert("ModeFactor".into(), unit(Some("power_factor"), Some("q_per_p")));
    defs.insert("ModeReactive".into(), unit(Some("q"), Some("q_mvar")));
    let units = Table::new("Kinds of units.")
        .may("trip_margin", at_least(1.0, "Factor on ride-through times (1)."))
        .may("unit", list(one_of("Mode", &["Voltage", "Factor", "Reactive"]), "Units by row; each once."));
    defs.insert("Units".into(), units.done());
}

/// Adds a definition for every kind of hazard, and answers with all of them.
fn hazards(defs: &mut Map<String, Value>) -> Value {
    let kinds: Vec<&str> = scenarios::hazard::LIST.iter().map(|kind| kind.name).collect();
    for kind in scenarios::hazard::LIST {
        let table =
            Table::new(&format!("{}.", kind.summary)).need("kind", constant(kind.name, "This hazard."));
        let table = kind.parameters.iter().fold(table, |table, parameter| {
            let unit = if ["1", "-"].contains(&parameter.unit) {
                String::new()
            } else {
                format!(", {}", parameter.unit)
            };
            let meaning = format!("{}{unit} ({}).", parameter.meaning, parameter.default);
            table.may(parameter.name, setting(parameter.name, &meaning))
        });
        let presets: Vec<&str> =
            preset::LIST.iter().filter(|preset| preset.kind == kind.name).map(|preset| preset.name).collect();
        let table = match presets.is_empty() {
            true => table,
            false => table.may("preset", choice(presets, "Named settings, under those written here.")),
        };
        defs.insert(format!("Hazard_{}", kind.name), table.done());
    }
    one_of("Hazard_", &kinds)
}

/// The setting of a hazard; of one that is not known here nothing is said.
fn setting(name: &str, meaning: &str) -> Value {
    let span = |low: f64, high: f64| {
        let one = match high.is_finite() {
            true => within(low, high, meaning),
            false => zero_or_more(meaning),
        };
        json!({ "description": meaning, "anyOf": [one, pair(one.clone(), meaning)] })
    };
    match name {
        "k" => {
            let count = |low: u64| whole(low, u32::MAX.into(), meaning);
            let mut some = counted(1, None, count(0), meaning);
            some["contains"] = json!({ "minimum": 1 });
            json!({ "description": meaning, "anyOf": [count(1), some] })
        }
        "at_s" | "return_after_s" | "passes_at_s" | "begins_s" => span(0.0, f64::INFINITY),
        "level" => span(0.0, 10.0),
        "share" | "depth" => span(0.0, 1.0),
        "radius_km" => span(0.1, 10_000.0),
        "rain_mm_h" | "spread_km_h" | "peak_m" => span(0.0, 50.0),
        "burns_h" => span(0.1, 10_000.0),
        "lasts_h" => span(0.01, 10_000.0),
        "repair_h" => span(0.0, 10_000.0),
        "field_v_per_km" | "multiple" => span(0.0, 100.0),
        "ground" => within(0.0, 10.0, meaning),
        "azimuth_deg" => span(-360.0, 360.0),
        "turns_deg_h" => span(-3600.0, 3600.0),
        "form" => choice(["raise", "drop", "swing", "shift"], meaning),
        "spread" => choice(["everywhere", "area", "few"], meaning),
        "pattern" => choice(["together", "sweep", "toggle"], meaning),
        "choose" => choice(["drawn", "loaded"], meaning),
        "period_s" => within(0.1, 86_400.0, meaning),
        "apart_s" => span(0.1, 86_400.0),
        "times" => whole(1, 10_000, meaning),
        "lasts_s" => span(0.0, 1e9),
        "patrol_h" | "rises_h" => span(0.0, 1000.0),
        "threshold_m" => span(0.01, 20.0),
        "trips_per_100km_h" => span(0.0, 1000.0),
        "ramp_s" => span(0.0, 3600.0),
        "away_s" => span(0.0, 1e6),
        "base_m_s" => span(0.0, 40.0),
        "coldest_c" => span(-60.0, 15.0),
        "from_c" => within(-60.0, 40.0, meaning),
        "onset_h" => within(0.0, 1000.0, meaning),
        "hold_h" => within(0.0, 10_000.0, meaning),
        "outages_scale" | "reserve" => within(0.0, 10.0, meaning),
        "gas_share" | "recloses" => within(0.0, 1.0, meaning),
        "dead_time_s" => within(0.0, 3600.0, meaning),
        "falls_s" => zero_or_more(meaning),
        "swings" => whole(1, 10_000, meaning),
        "peak_m_s" => span(0.0, 120.0),
        "width_km" | "length_km" => span(1.0, 5000.0),
        "offset_km" => span(-5000.0, 5000.0),
        "speed_m_s" => span(0.1, 2000.0),
        "heading_deg" => span(-360.0, 360.0),
        "peak_c" => span(-20.0, 60.0),
        "wind_m_s" => span(0.0, 30.0),
        "swing_c" => within(0.0, 40.0, meaning),
        "begins_h" => within(0.0, 24.0, meaning),
        "load_per_degree" => within(0.0, 0.2, meaning),
        "derating_per_degree" => within(0.0, 0.05, meaning),
        "alike_everywhere" | "alike_nearby" => within(0.0, 1.0, meaning),
        "crews" => whole(0, 10_000, meaning),
        "category" => {
            let one = whole(1, 5, meaning);
            json!({ "description": meaning, "anyOf": [one, counted(1, None, one.clone(), meaning)] })
        }
        "holland_b" => within(1.0, 2.5, meaning),
        "fragility" => choice(["tower", "structure_texas", "line_gb"], meaning),
        "ratings" => choice(["ambient", "dynamic", "static"], meaning),
        "technology" => choice(availability::known().map(PrimeMover::id).chain(["case"]), meaning),
        "spread_s" => zero_or_more(meaning),
        "keep_connected" | "lines_only" => flag(meaning),
        "weight" => choice(["uniform", "capacity"], meaning),
        "mean" | "sigma" | "floor" | "cap" => within(0.0, 10.0, meaning),
        "correlation" | "persistence" => within(0.0, 1.0, meaning),
        "knot_s" => at_least(0.001, meaning),
        "shape" => choice(["normal", "lognormal"], meaning),
        _ => json!({ "description": meaning }),
    }
}

/// Adds a definition for every kind of gate, and answers with all of them.
fn gates(defs: &mut Map<String, Value>) -> Value {
    let kinds: Vec<&str> = gate::LIST.iter().map(|kind| kind.name).collect();
    for kind in gate::LIST {
        let table = Table::new(&format!("{}.", kind.summary))
            .need("id", id("Its id."))
            .need("population", text("Population that it is about."))
            .need("metric", choice(metric::known(), "Metric."))
            .need("kind", constant(kind.name, "This kind."))
            .may("severity", choice(["required", "warn"], "Whether it decides the suite (`required`)."))
            .may("evidence", list(any_text("An obligation."), "Obligations that it serves."));
        let table = kind.parameters.iter().fold(table, |table, parameter| {
            table.may(parameter.name, limit(kind.name, parameter.name, &format!("{}.", parameter.summary)))
        });
        let required = |keys: &[&str]| json!({ "required": keys });
        let table = match kind.name {
            "rate" => {
                table.also("allOf", json!([required(&["max"]), { "not": required(&["over", "under"]) }]))
            }
            "mean" => table.also(
                "allOf",
                json!([required(&["range"]), { "oneOf": [
                    { "anyOf": [required(&["max"]), required(&["min"])] }, required(&["max_per_year"]),
                ] }]),
            ),
            "quantile" => table.also("allOf", json!([required(&["q", "max"])])),
            "noninferiority" | "equivalence" => {
                table.also("oneOf", json!([required(&["margin_abs"]), required(&["margin_rel"])]))
            }
            "superiority" => table.also("not", required(&["margin_abs", "margin_rel"])),
            "cvar" => table.also("allOf", json!([required(&["q", "max", "range"])])),
            "count" => table.also("allOf", json!([required(&["max", "cap"])])),
            "coverage" => table.also("allOf", json!([required(&["level"])])),
            "value" | "census" => table.also("anyOf", json!([required(&["max"]), required(&["min"])])),
            "latency" => table.also("allOf", json!([required(&["max"])])),
            _ => table,
        };
        defs.insert(format!("Gate_{}", kind.name), table.done());
    }
    one_of("Gate_", &kinds)
}

/// A parameter of a kind of gate; of one that is not known here nothing is said.
fn limit(kind: &str, name: &str, meaning: &str) -> Value {
    match (kind, name) {
        ("rate", "max") | ("quantile" | "latency", "q") => between(0.0, 1.0, meaning),
        ("latency" | "count", "max") => above_zero(meaning),
        ("cvar", "q") | ("coverage", "level") => between(0.0, 1.0, meaning),
        ("count", "per") => choice(["episode", "hour"], meaning),
        ("count", "cap") => whole(1, u32::MAX.into(), meaning),
        ("coverage", "calibration") => whole(1, u64::MAX, meaning),
        ("census" | "rate", "new_only") => flag(meaning),
        ("rate", "over" | "under") => number(meaning),
        ("quantile" | "mean" | "value" | "census" | "cvar", "max" | "min") => number(meaning),
        ("mean", "max_per_year") => number(meaning),
        ("mean" | "cvar" | "noninferiority" | "superiority" | "equivalence", "range") => {
            pair(number("An end."), meaning)
        }
        ("rate" | "quantile" | "coverage" | "superiority", "method") => {
            choice(["sequential", "fixed"], meaning)
        }
        ("equivalence", "margin_abs") => above_zero(meaning),
        ("equivalence", "margin_rel") => between(0.0, 1.0, meaning),
        ("noninferiority" | "superiority", "margin_abs") => zero_or_more(meaning),
        ("noninferiority" | "superiority", "margin_rel") => {
            json!({ "description": meaning, "type": "number", "minimum": 0, "exclusiveMaximum": 1 })
        }
        ("noninferiority" | "superiority", "better") => choice(["lower", "higher"], meaning),
        _ => json!({ "description": meaning }),
    }
}
