//! A case file as tables of rows: where each row stands, and what is wrong with its fields.

use std::collections::BTreeMap;
use std::path::Path;

use powerflow::{Diagnostic, Diagnostics};
use serde_json::{Map, Value};

/// The tables of a case file, in the order of the alphabet; rows in file order.
pub(super) struct Sections {
    file: String,
    tables: BTreeMap<String, Vec<Entry>>,
}

struct Entry {
    fields: Map<String, Value>,
    line: Option<u32>,
}

/// One row of a table.
pub(super) struct Row<'a> {
    file: &'a str,
    section: &'a str,
    /// From 1.
    number: usize,
    fields: &'a Map<String, Value>,
    line: Option<u32>,
}

impl Sections {
    /// Reads the text of a case.
    ///
    /// # Errors
    /// `machines.case.syntax` where it is no JSON, `machines.case.shape` where it is not an object of lists of objects.
    pub(super) fn read(path: &Path, text: &str) -> Result<Self, Diagnostics> {
        let file = path.display().to_string();
        let root: Value = serde_json::from_str(text).map_err(|error| {
            let line = u32::try_from(error.line()).ok().filter(|line| *line > 0);
            Diagnostic::error("machines.case.syntax", error.to_string()).at(&file, line)
        })?;
        let shape = |message: String, line: Option<u32>| {
            Diagnostic::error("machines.case.shape", message).at(&file, line).hint(
                "a case is an object of tables, each a list of objects: see docs/formats/machines-case.md",
            )
        };
        let Value::Object(root) = root else {
            return Err(shape("the case is not an object".into(), None).into());
        };
        let Places { lines, twice } = places(text);
        let mut complaints = Diagnostics::default();
        for (section, line) in twice {
            complaints.push(shape(format!("the table {section} is there twice"), Some(line)));
        }
        let mut tables = BTreeMap::new();
        for (section, rows) in root {
            let Value::Array(rows) = rows else {
                complaints.push(shape(format!("{section} is not a list"), None));
                continue;
            };
            let places = lines.get(&section);
            let mut entries = Vec::with_capacity(rows.len());
            for (at, row) in rows.into_iter().enumerate() {
                let line = places.and_then(|places| places.get(at)).copied();
                match row {
                    Value::Object(fields) => entries.push(Entry { fields, line }),
                    _ => {
                        complaints.push(shape(format!("row {} of {section} is not an object", at + 1), line))
                    }
                }
            }
            tables.insert(section, entries);
        }
        complaints.into_result(Self { file, tables })
    }

    /// The file, as the user named it.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Names of the tables that have rows.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().filter(|(_, rows)| !rows.is_empty()).map(|(name, _)| name.as_str())
    }

    /// The rows of a table, none where it is not there.
    pub(super) fn rows<'a>(&'a self, section: &'a str) -> impl Iterator<Item = Row<'a>> {
        self.tables.get(section).into_iter().flatten().enumerate().map(move |(at, entry)| Row {
            file: &self.file,
            section,
            number: at + 1,
            fields: &entry.fields,
            line: entry.line,
        })
    }
}

/// The text of a name: files number some things and name others.
pub(super) fn name_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(match number.as_f64() {
            Some(whole) if whole.fract() == 0.0 && whole.abs() < 1e15 => format!("{whole:.0}"),
            _ => number.to_string(),
        }),
        _ => None,
    }
}

impl Row<'_> {
    /// As people find it: `GENCLS GENROU_2`.
    pub(super) fn words(&self) -> String {
        match self.fields.get("idx").and_then(name_of) {
            Some(idx) => format!("{} {idx}", self.section),
            None => format!("row {} of {}", self.number, self.section),
        }
    }

    /// Line in the file, from 1.
    pub(super) fn line(&self) -> Option<u32> {
        self.line
    }

    /// A complaint about this row.
    pub(super) fn error(&self, code: &'static str, what: &str) -> Diagnostic {
        Diagnostic::error(code, format!("{}: {what}", self.words())).at(self.file, self.line)
    }

    /// A name that must be there; a complaint and nothing where it is not.
    pub(super) fn name(&self, key: &str, complaints: &mut Diagnostics) -> Option<String> {
        let name = self.fields.get(key).and_then(name_of);
        if name.is_none() {
            let what = format!("{key} is missing, or neither a number nor a text");
            complaints.push(self.error("machines.case.field", &what));
        }
        name
    }

    /// A name where there is one.
    pub(super) fn name_if_any(&self, key: &str) -> Option<String> {
        self.fields.get(key).and_then(name_of)
    }

    /// A finite number that must be there; a complaint and nothing where it is not.
    pub(super) fn number(&self, key: &str, complaints: &mut Diagnostics) -> Option<f64> {
        let what = match self.fields.get(key) {
            None | Some(Value::Null) => format!("{key} is missing"),
            Some(value) => match value.as_f64().filter(|number| number.is_finite()) {
                Some(number) => return Some(number),
                None => format!("{key} is {value}, it should be a number"),
            },
        };
        complaints.push(self.error("machines.case.field", &what));
        None
    }

    /// A finite number, or what it is where the file does not say.
    pub(super) fn number_or(&self, key: &str, default: f64, complaints: &mut Diagnostics) -> Option<f64> {
        match self.fields.get(key) {
            None | Some(Value::Null) => Some(default),
            Some(_) => self.number(key, complaints),
        }
    }

    /// Whether the row is in service: `u` is 1 or 0, 1 where the file does not say.
    pub(super) fn in_service(&self, complaints: &mut Diagnostics) -> Option<bool> {
        let u = self.number_or("u", 1.0, complaints)?;
        if u != 0.0 && u != 1.0 {
            complaints.push(self.error("machines.case.field", &format!("u is {u}, it should be 0 or 1")));
            return None;
        }
        Some(u == 1.0)
    }
}

/// What a parsed value no longer knows.
#[derive(Default)]
struct Places {
    /// Lines of the rows of each table.
    lines: BTreeMap<String, Vec<u32>>,
    /// Tables that are there twice, with their line.
    twice: Vec<(String, u32)>,
}

/// Finds the rows of a text.
///
/// Expects text that has been parsed: it only counts braces outside strings.
fn places(text: &str) -> Places {
    let mut places = Places::default();
    let Places { lines, twice } = &mut places;
    let (mut line, mut depth) = (1u32, 0usize);
    let mut section = String::new();
    let mut in_string = false;
    let mut escaped = false;
    let mut begun = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte == b'\n' {
            line += 1;
        }
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    in_string = false;
                    if depth == 1 {
                        section = text.get(begun..at).unwrap_or_default().to_owned();
                        if lines.insert(section.clone(), Vec::new()).is_some() {
                            twice.push((section.clone(), line));
                        }
                    }
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => (in_string, begun) = (true, at + 1),
            b'{' | b'[' => {
                depth += 1;
                if depth == 3
                    && let Some(rows) = lines.get_mut(&section)
                {
                    rows.push(line);
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_know_their_lines() {
        let text = "{\n\"Bus\": [\n{\"idx\": 1, \"name\": \"a}\\\"{\"},\n\n{\"idx\": 2}\n],\n\"PQ\": [ {\"idx\":\n1} ]\n}";
        let sections = Sections::read(Path::new("x.json"), text).expect("a case");
        assert_eq!(sections.rows("Bus").map(|row| row.line()).collect::<Vec<_>>(), [Some(3), Some(5)]);
        assert_eq!(sections.rows("PQ").map(|row| row.line()).collect::<Vec<_>>(), [Some(7)]);
        assert_eq!(sections.rows("Line").count(), 0);
    }

    #[test]
    fn a_table_that_is_there_twice_is_not_taken_once() {
        let wrong =
            Sections::read(Path::new("x.json"), "{\"PQ\": [],\n\"PQ\": [{}]}").err().expect("a complaint");
        assert_eq!(wrong.0[0].code, "machines.case.shape");
        assert_eq!(wrong.0[0].place.as_ref().and_then(|place| place.line), Some(2));
    }
}
