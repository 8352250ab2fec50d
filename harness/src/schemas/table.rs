//! Building blocks for the JSON Schema of files that people write.

use serde_json::{Map, Value, json};

/// A table of a file: known keys only.
pub(super) struct Table(Map<String, Value>);

impl Table {
    pub(super) fn new(description: &str) -> Self {
        let Value::Object(table) = json!({ "description": description, "type": "object", "properties": {}, "required": [], "additionalProperties": false })
        else {
            return Self(Map::new());
        };
        Self(table)
    }

    /// A key that must be there.
    pub(super) fn need(mut self, key: &str, schema: Value) -> Self {
        if let Some(Value::Array(required)) = self.0.get_mut("required") {
            required.push(key.into());
        }
        self.may(key, schema)
    }

    /// A key that may be there.
    pub(super) fn may(mut self, key: &str, schema: Value) -> Self {
        if let Some(Value::Object(properties)) = self.0.get_mut("properties") {
            properties.insert(key.to_owned(), schema);
        }
        self
    }

    /// Several keys of one kind that may be there.
    pub(super) fn each(self, keys: &[(&str, &str)], kind: fn(&str) -> Value) -> Self {
        keys.iter().fold(self, |table, (key, description)| table.may(key, kind(description)))
    }

    /// A further keyword, such as a dependency between keys.
    pub(super) fn also(mut self, keyword: &str, value: Value) -> Self {
        self.0.insert(keyword.to_owned(), value);
        self
    }

    pub(super) fn done(self) -> Value {
        Value::Object(self.0)
    }
}

fn with(kind: &str, description: &str, more: Value) -> Value {
    let mut schema = json!({ "description": description, "type": kind });
    if let (Value::Object(schema), Value::Object(more)) = (&mut schema, more) {
        schema.extend(more);
    }
    schema
}

/// Any finite number.
pub(super) fn number(description: &str) -> Value {
    with("number", description, json!({}))
}

pub(super) fn above_zero(description: &str) -> Value {
    with("number", description, json!({ "exclusiveMinimum": 0 }))
}

pub(super) fn at_least(low: f64, description: &str) -> Value {
    with("number", description, json!({ "minimum": low }))
}

pub(super) fn zero_or_more(description: &str) -> Value {
    at_least(0.0, description)
}

pub(super) fn within(low: f64, high: f64, description: &str) -> Value {
    with("number", description, json!({ "minimum": low, "maximum": high }))
}

/// Above the first and below the second.
pub(super) fn between(low: f64, high: f64, description: &str) -> Value {
    with("number", description, json!({ "exclusiveMinimum": low, "exclusiveMaximum": high }))
}

/// Above the first and at most the second.
pub(super) fn up_to(low: f64, high: f64, description: &str) -> Value {
    with("number", description, json!({ "exclusiveMinimum": low, "maximum": high }))
}

pub(super) fn whole(low: u64, high: u64, description: &str) -> Value {
    with("integer", description, json!({ "minimum": low, "maximum": high }))
}

/// A row of the case, from 1.
pub(super) fn row(description: &str) -> Value {
    whole(1, u32::MAX.into(), description)
}

pub(super) fn flag(description: &str) -> Value {
    with("boolean", description, json!({}))
}

pub(super) fn any_text(description: &str) -> Value {
    with("string", description, json!({}))
}

/// Text that says something, without control characters.
pub(super) fn text(description: &str) -> Value {
    with(
        "string",
        description,
        json!({ "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$", "allOf": [{ "pattern": "\\S" }] }),
    )
}

/// An id that can stand in file names and commands.
pub(super) fn id(description: &str) -> Value {
    with("string", description, json!({ "pattern": "^[A-Za-z0-9_-][A-Za-z0-9._-]*$", "maxLength": 64 }))
}

pub(super) fn constant(value: &str, description: &str) -> Value {
    json!({ "description": description, "const": value })
}

pub(super) fn choice<'a>(names: impl IntoIterator<Item = &'a str>, description: &str) -> Value {
    let names: Vec<&str> = names.into_iter().collect();
    with("string", description, json!({ "enum": names }))
}

pub(super) fn list(items: Value, description: &str) -> Value {
    with("array", description, json!({ "items": items }))
}

/// A list with at least and at most so many items.
pub(super) fn counted(low: usize, high: Option<usize>, items: Value, description: &str) -> Value {
    let mut schema = with("array", description, json!({ "items": items, "minItems": low }));
    if let (Value::Object(schema), Some(high)) = (&mut schema, high) {
        schema.insert("maxItems".into(), high.into());
    }
    schema
}

/// Exactly two, each like this one.
pub(super) fn pair(of: Value, description: &str) -> Value {
    with("array", description, json!({ "prefixItems": [of, of], "items": false, "minItems": 2 }))
}

/// A definition by name.
pub(super) fn see(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// One of several definitions, each with a prefix to its name.
pub(super) fn one_of(prefix: &str, names: &[&str]) -> Value {
    let each: Vec<Value> = names.iter().map(|name| see(&format!("{prefix}{name}"))).collect();
    json!({ "oneOf": each })
}
