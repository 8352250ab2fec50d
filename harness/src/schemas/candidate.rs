//! JSON Schema of the candidate's manifest and of the file of waivers: both are read key by key, as suites are.

use serde_json::{Map, Value, json};

use super::table::{
    Table, above_zero, any_text, choice, constant, counted, flag, list, number, one_of, pair, see, text,
    whole,
};
use crate::action::{Asked, Task};
use crate::candidate::manifest::{CANDIDATE_SCHEMA, Mode, Unit};
use crate::observation::Observed;

/// What the program checks beyond the schema, since JSON Schema has no words for it.
const BEYOND: &str = "What the program checks beyond this schema: of two numbers in order the first is not above the second (a slice begins before its \
end); of adapters those that this build has. Everything about the grid and the files of the candidate.";

/// The schema of the manifest.
pub(super) fn manifest() -> Value {
    let mut defs = Map::new();
    // A text that must be there: not empty, without control characters.
    let needed = |description: &str| json!({ "description": description, "type": "string", "minLength": 1, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$" });
    let threads =
        json!({ "description": "Threads of the candidate: the episodes are what is parallel.", "const": 1 });
    let adapter = |kind: &str| {
        Table::new("How the candidate is run.")
            .need("kind", constant(kind, "The adapter."))
            .may("threads", threads.clone())
            .may("batch_max", whole(1, i64::MAX as u64, "Most rows handed to a model at once (1024)."))
    };
    let mut inside = needed("Model file, inside the candidate's folder.");
    inside["not"] = json!({ "pattern": "^/|^\\.\\.(/|$)|/\\.\\.(/|$)" });
    defs.insert("Adapter_onnx".into(), adapter("onnx").need("path", inside).done());
    let argv = counted(1, None, any_text("A word."), "Program and arguments.");
    defs.insert("Adapter_process".into(), adapter("process").need("argv", argv).done());
    defs.insert("Adapter_do_nothing".into(), adapter("do_nothing").done());

    let index = |description: &str| whole(0, i64::MAX as u64, description);
    let rows = json!({
        "description": "Which elements the model knows, in its order.",
        "anyOf": [
            choice(["all", "gen", "load"], "Every element, buses with units, buses with demand."),
            counted(1, None, index("A bus number, or a row from 1."), "These."),
        ],
    });
    let nonzero =
        json!({ "description": "Factor on the way in (1).", "type": "number", "not": { "const": 0 } });
    let mut io = Table::new("Which of the model's tensors is which quantity.")
        .may("layout", constant("flat", "Quantities of one tensor follow each other as written."));
    let seen = Observed::LIST.iter().map(|quantity| (quantity.id(), quantity.unit()));
    let asked = Asked::LIST.iter().map(|quantity| (quantity.id(), quantity.unit()));
    for (id, canonical) in seen.chain(asked) {
        let units: Vec<&str> = Unit::from_symbol(canonical).map_or_else(Vec::new, Unit::convertible);
        let entry = Table::new(&format!("`{id}`, in {canonical} unless `unit` says otherwise."))
            .need("name", needed("The model's name of the tensor."))
            .may("slice", pair(index("A column."), "Columns [begin, end) of the tensor."))
            .may("column", index("A feature of a tensor of three dimensions."))
            .may("rows", rows.clone())
            .may("unit", choice(units, "The model's unit."))
            .may("scale", nonzero.clone())
            .may("offset", number("Added last on the way in (0)."))
            .also("not", json!({ "required": ["slice", "column"] }));
        io = io.may(id, entry.done());
    }
    defs.insert("Io".into(), io.done());
    let domain = Table::new("Where the candidate claims to work.")
        .may("bus_count", pair(index("A number of buses."), "Fewest and most buses."))
        .may(
            "load_scale",
            pair(number("A share."), "Least and greatest share of the demand in the file; not enforced."),
        )
        .may("outages_max", index("Most simultaneous outages; not enforced."));
    defs.insert("Domain".into(), domain.done());
    let above = |description: &str| whole(1, i64::MAX as u64, description);
    let limits = Table::new("What the candidate promises.")
        .may(
            "latency_ms_p99",
            above_zero("99th percentile of decision time, ms; not enforced: a gate tests it."),
        )
        .may("timeout_ms", above("Longest wait for one decision, ms."))
        .may("memory_mb", above("Memory, MB; not enforced."));
    defs.insert("Limits".into(), limits.done());
    let asks: Vec<Value> =
        Asked::LIST.iter().map(|quantity| json!({ "required": [quantity.id()] })).collect();
    Table::new(&format!("What a candidate says of itself: `candidate.toml`. {BEYOND}"))
        .need("schema", constant(CANDIDATE_SCHEMA, "Name and version of this document."))
        .need("name", needed("Its name."))
        .need("version", needed("Its version, as you count."))
        .need("task", choice(Task::LIST.iter().map(|task| task.id()), "Its task."))
        .may("mode", choice(Mode::LIST.map(Mode::id), "What becomes of what it asks: `advisory` is shown to people, who need a table `[advisory]` in the suite (`closed_loop`)."))
        .may("stateful", flag("Whether a decision may depend on what was seen before in the episode (false)."))
        .need("adapter", one_of("Adapter_", &["onnx", "process", "do_nothing"]))
        .may("io", see("Io"))
        .may("domain", see("Domain"))
        .may("limits", see("Limits"))
        .also("if", json!({ "properties": { "adapter": { "properties": { "kind": { "enum": ["onnx", "process"] } } } } }))
        .also("then", json!({ "required": ["io"], "properties": { "io": { "anyOf": asks } } }))
        .also("$defs", Value::Object(defs))
        .done()
}

/// The schema of the file of waivers.
pub(super) fn waivers() -> Value {
    let day = |description: &str| json!({ "description": description, "type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$" });
    let hexadecimal = |digits: usize, description: &str| json!({ "description": description, "type": "string", "pattern": format!("^[0-9a-f]{{{digits}}}$") });
    let waiver = Table::new("Permission for one candidate to fail one gate of one suite.")
        .need("suite", text("Name of the suite."))
        .need("gate", text("Id of the gate."))
        .need("candidate", text("Name of the candidate."))
        .may("version", text("Its version; this or `digest` must be there."))
        .may("digest", hexadecimal(64, "Its digest, as reports show it."))
        .need("reason", text("Why it may pass all the same."))
        .need("who", text("Who answers for it."))
        .need("expires", day("Last day on which it holds, UTC."))
        .may("signature", text("Ed25519, 128 hexadecimal digits; `gridgate waiver sign` writes it."))
        .also("anyOf", json!([{ "required": ["version"] }, { "required": ["digest"] }]));
    Table::new(
        "Waivers. What the program checks beyond this schema: that `expires` is a day of the calendar.",
    )
    .need("schema", constant(reports::WAIVER_SCHEMA, "Name and version of this document."))
    .may("waiver", list(see("Waiver"), "Waivers."))
    .also("$defs", json!({ "Waiver": waiver.done() }))
    .done()
}
