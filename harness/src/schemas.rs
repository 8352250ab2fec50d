//! JSON Schema of every document that this program writes or reads: those of `reports`, its own, and those that people write; and the same
//! for people.

mod candidate;
mod measured;
mod suite;
mod table;

use std::fmt::Write;

use reports::schemas::{describe, documents};
use schemars::Schema;
use serde_json::{Map, Value};

pub use reports::schemas::Described;

use crate::candidate::manifest::CANDIDATE_SCHEMA;
use crate::study::{SOLUTION_SCHEMA, SolutionDocument};
use crate::suite::SUITE_SCHEMA;
use crate::trajectory::Episode;

/// Every document, with the name of its file in `reports/schemas/`.
pub fn all() -> Vec<Described> {
    let mut all = documents();
    all.push(describe::<SolutionDocument>(SOLUTION_SCHEMA));
    all.push(describe::<powerflow::case::Census>(powerflow::case::CENSUS_SCHEMA));
    // A line of episodes.jsonl carries no schema of its own: its version is that of the evidence that digests it.
    all.push(describe::<Episode>("gridgate/episode/1"));
    all.extend([
        written(SUITE_SCHEMA, suite::schema()),
        written(CANDIDATE_SCHEMA, candidate::manifest()),
        written(reports::WAIVER_SCHEMA, candidate::waivers()),
    ]);
    all
}

/// A file that people write.
fn written(name: &str, schema: Value) -> Described {
    let mut schema = Schema::try_from(schema).unwrap_or_default();
    schema.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".into(), name.into());
    Described { file: format!("{}.json", name.trim_start_matches("gridgate/").replace('/', "-")), schema }
}

/// The page of a document in `docs/formats/`: its file name and its Markdown, one table an object.
pub fn page(document: &Described) -> (String, String) {
    let kind = document.file.rsplit_once('-').map_or("", |(kind, _version)| kind);
    let schema = document.schema.as_value();
    let by_people =
        [SUITE_SCHEMA, CANDIDATE_SCHEMA, reports::WAIVER_SCHEMA].contains(&text(schema, "title").as_str());
    let origin = if by_people { "" } else { " from the types that write it" };
    let mut page = format!(
        "# {}\n\n{}\n\nGenerated{origin}, as is its [JSON Schema](../../reports/schemas/{}).\n",
        text(schema, "title"),
        text(schema, "description"),
        document.file
    );
    table(&mut page, schema);
    for (name, inner) in schema["$defs"].as_object().into_iter().flatten() {
        let _ = write!(page, "\n## {name}\n\n{}\n", text(inner, "description"));
        if inner["properties"].is_object() {
            table(&mut page, inner);
        } else if let Some(choices) = inner["oneOf"].as_array() {
            page.push_str("\n| value | meaning |\n|---|---|\n");
            for choice in choices {
                let value = choice["const"].as_str().unwrap_or_default();
                let _ = writeln!(page, "| `{value}` | {} |", text(choice, "description"));
            }
        } else {
            let _ = write!(page, "\nIt is {}.\n", kind_of(inner));
        }
    }
    (format!("{kind}.md"), page)
}

fn table(page: &mut String, schema: &Value) {
    let empty = Map::new();
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    page.push_str("\n| field | type | meaning |\n|---|---|---|\n");
    for (name, field) in schema["properties"].as_object().unwrap_or(&empty) {
        let absent = if required.contains(&name.as_str()) { "" } else { ", may be absent" };
        let _ = writeln!(page, "| `{name}` | {}{absent} | {} |", kind_of(field), text(field, "description"));
    }
}

/// What a value is, in words.
fn kind_of(schema: &Value) -> String {
    if let Some(value) = schema["const"].as_str() {
        return format!("`\"{value}\"`");
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(names) = schema["enum"].as_array() {
        let names: Vec<String> =
            names.iter().filter_map(Value::as_str).map(|name| format!("`{name}`")).collect();
        return names.join(" or ");
    }
    if let Some(choices) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        return choices.iter().map(kind_of).collect::<Vec<_>>().join(" or ");
    }
    let of = |kind: &str| match kind {
        "array" => match schema["prefixItems"].as_array() {
            Some(items) => {
                format!("[{}]", items.iter().map(kind_of).collect::<Vec<_>>().join(", "))
            }
            None => format!("list of {}", kind_of(&schema["items"])),
        },
        "object" => format!("map of {}", kind_of(&schema["additionalProperties"])),
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        "boolean" => "true or false".to_owned(),
        other => other.to_owned(),
    };
    match &schema["type"] {
        Value::String(kind) => of(kind),
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).map(of).collect::<Vec<_>>().join(" or ")
        }
        _ => "any value".to_owned(),
    }
}

/// A text of a schema on one line, with links of the source code as plain code.
fn text(schema: &Value, key: &str) -> String {
    let text = schema[key].as_str().unwrap_or_default();
    text.replace("`None`", "null")
        .replace("[`", "`")
        .replace("`]", "`")
        .replace('\n', " ")
        .replace('|', "\\|")
}
