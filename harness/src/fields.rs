//! A settings file read key by key: what is wrong is collected with its line, and nothing is ignored.

mod yaml;

use std::cell::RefCell;
use std::fmt;
use std::path::Path;

use powerflow::{Diagnostic, Diagnostics};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use toml::de::{DeTable, DeValue};

use scenarios::nearest;

/// A value, where it stands.
#[derive(Clone, Debug, PartialEq)]
struct Value {
    line: Option<u32>,
    kind: Kind,
}

/// A value without its place.
#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Flag(bool),
    // Wide enough for the 64-bit integers of either sign that JSON and TOML have between them.
    Integer(i128),
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Table(Vec<(String, Value)>),
    /// What no key takes: a date, a null.
    Other(&'static str),
}

impl Kind {
    fn words(&self) -> &'static str {
        match self {
            Kind::Flag(_) => "true or false",
            Kind::Integer(_) => "a whole number",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Table(_) => "a table",
            Kind::Other(words) => words,
        }
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(match self {
            Kind::Flag(flag) => toml::Value::Boolean(*flag),
            Kind::Integer(integer) => toml::Value::Integer(i64::try_from(*integer).ok()?),
            Kind::Number(number) => toml::Value::Float(*number),
            Kind::Text(text) => toml::Value::String(text.clone()),
            Kind::List(list) => {
                toml::Value::Array(list.iter().map(|value| value.kind.to_toml()).collect::<Option<_>>()?)
            }
            Kind::Table(entries) => {
                let entry = |(name, value): &(String, Value)| Some((name.clone(), value.kind.to_toml()?));
                toml::Value::Table(entries.iter().map(entry).collect::<Option<_>>()?)
            }
            Kind::Other(_) => return None,
        })
    }

    /// The value as a text that no other value has; tables in the order of their keys, which a language may keep or not.
    fn say(&self, text: &mut String) {
        match self {
            Kind::Flag(flag) => text.push_str(&flag.to_string()),
            Kind::Integer(integer) => text.push_str(&integer.to_string()),
            // The shortest text that reads back to the same bits, always with a point or an exponent.
            Kind::Number(number) => text.push_str(&format!("{number:?}")),
            Kind::Text(inner) => text.push_str(&format!("{inner:?}")),
            Kind::List(list) => {
                text.push('[');
                for value in list {
                    value.kind.say(text);
                    text.push(',');
                }
                text.push(']');
            }
            Kind::Table(entries) => {
                text.push('{');
                for (name, value) in in_order(entries) {
                    text.push_str(&format!("{name:?}="));
                    value.kind.say(text);
                    text.push(',');
                }
                text.push('}');
            }
            Kind::Other(words) => text.push_str(words),
        }
    }
}

/// Entries by their names, which are distinct.
fn in_order(entries: &[(String, Value)]) -> Vec<&(String, Value)> {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    entries
}

/// Syntax errors told of one file. One slip may bring others after it, and a file of another kind errs in every line.
pub(crate) const SYNTAX_ERRORS: usize = 3;

/// A settings file, parsed, with what is wrong in it so far.
#[derive(Debug)]
pub struct Document {
    file: String,
    root: Value,
    complaints: RefCell<Vec<Diagnostic>>,
}

impl Document {
    /// Reads TOML. `file` is the name to show; `code` begins the codes of complaints (`suite` gives `suite.syntax`).
    ///
    /// # Errors
    /// The first few syntax errors, each with its line.
    pub fn toml(file: &str, text: &str, code: &str) -> Result<Self, Diagnostics> {
        let lines = Lines::new(text);
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            let root = Value { line: None, kind: Kind::Table(lines.table(table.get_ref())) };
            return Ok(Self { file: file.to_owned(), root, complaints: RefCell::default() });
        }
        let complain = |error: toml::de::Error| {
            Diagnostic::error(format!("{code}.syntax"), error.message().to_owned())
                .at(file, error.span().map(|span| lines.line(span.start)))
        };
        Err(Diagnostics(errors.into_iter().take(SYNTAX_ERRORS).map(complain).collect()))
    }

    /// Reads JSON with the same keys; lines are known for syntax errors only.
    ///
    /// # Errors
    /// The first syntax error, a key that is given twice included.
    pub fn json(file: &str, text: &str, code: &str) -> Result<Self, Diagnostics> {
        match serde_json::from_str::<Value>(text) {
            Ok(root) => Ok(Self { file: file.to_owned(), root, complaints: RefCell::default() }),
            Err(error) => Err(Diagnostic::error(format!("{code}.syntax"), error.to_string())
                .at(file, u32::try_from(error.line()).ok().filter(|&line| line > 0))
                .into()),
        }
    }

    /// Reads YAML with the same keys.
    ///
    /// # Errors
    /// The first mistake, with its line.
    pub fn yaml(file: &str, text: &str, code: &str) -> Result<Self, Diagnostics> {
        match yaml::read(text) {
            Ok(root) => Ok(Self { file: file.to_owned(), root, complaints: RefCell::default() }),
            Err(mistake) => {
                let error = Diagnostic::error(format!("{code}.syntax"), mistake.message);
                Err(error.at(file, mistake.line).into())
            }
        }
    }

    /// Reads JSON where the name of the file ends in `.json`, YAML where it ends in `.yaml` or `.yml`, TOML otherwise.
    ///
    /// # Errors
    /// Those of the language.
    pub fn by_name(path: &Path, text: &str, code: &str) -> Result<Self, Diagnostics> {
        let file = path.display().to_string();
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("json") => Self::json(&file, text, code),
            Some("yaml" | "yml") => Self::yaml(&file, text, code),
            _ => Self::toml(&file, text, code),
        }
    }

    /// The outermost table. `code` begins the codes of complaints about it, `what` names it to people.
    pub fn root(&self, code: &'static str, what: &str) -> Fields<'_> {
        let empty: &[(String, Value)] = &[];
        let entries = match &self.root.kind {
            Kind::Table(entries) => entries.as_slice(),
            other => {
                let message = format!("{what} is {}, it should be a table", other.words());
                self.complain(Diagnostic::error(format!("{code}.type"), message).at(&self.file, None));
                empty
            }
        };
        Fields { document: self, entries, line: None, code, what: what.to_owned(), asked: Vec::new() }
    }

    /// What the file says as one text without places, comments and the named keys of its outermost table. Two files with the same text say the
    /// same; the opposite need not hold (`1` and `1.0` are other texts).
    pub(crate) fn text_without(&self, keys: &[&str]) -> String {
        let mut text = String::new();
        if let Kind::Table(entries) = &self.root.kind {
            for (name, value) in
                in_order(entries).into_iter().filter(|(name, _)| !keys.contains(&name.as_str()))
            {
                text.push_str(&format!("{name:?}="));
                value.kind.say(&mut text);
                text.push('\n');
            }
        }
        text
    }

    /// The same as a table of TOML; `None` where it says what TOML cannot: a whole number beyond 2^63 - 1, a null.
    pub(crate) fn to_toml(&self) -> Option<toml::Table> {
        match self.root.kind.to_toml()? {
            toml::Value::Table(table) => Some(table),
            _ => None,
        }
    }

    fn complain(&self, diagnostic: Diagnostic) {
        self.complaints.borrow_mut().push(diagnostic);
    }

    /// All that was wrong, in the order of the file; the value where nothing was.
    ///
    /// # Errors
    /// Every complaint made while reading. A value that is missing without any complaint cannot happen by a user's
    /// doing and is reported as `{code}.incomplete` rather than by a panic.
    pub fn finish<T>(self, value: Option<T>, code: &str) -> Result<T, Diagnostics> {
        let mut complaints = self.complaints.into_inner();
        complaints.sort_by_key(|d| d.place.as_ref().and_then(|place| place.line));
        match value {
            Some(value) if complaints.is_empty() => Ok(value),
            None if complaints.is_empty() => {
                Err(Diagnostic::error(format!("{code}.incomplete"), "something is missing")
                    .at(self.file, None)
                    .into())
            }
            _ => Err(Diagnostics(complaints)),
        }
    }
}

/// One table, read key by key. A key that nobody asked for is an error when reading ends ([`Fields::finish`]).
#[derive(Debug)]
pub struct Fields<'a> {
    document: &'a Document,
    entries: &'a [(String, Value)],
    line: Option<u32>,
    code: &'static str,
    what: String,
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Line of the table, from 1, where known.
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// Names the table to people once its id is known, e.g. ``gate `voltage` ``.
    pub fn rename(&mut self, what: String) {
        self.what = what;
    }

    /// The table in words.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Whether the table has the key.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| name == key)
    }

    /// Complains about the table, or about one of its keys; `problem` completes "gate `voltage`: ...".
    pub fn complain(&self, problem: &str, key: Option<&str>, message: impl fmt::Display) {
        self.complain_with(problem, key, message, None);
    }

    /// The same with advice.
    pub fn complain_with(
        &self,
        problem: &str,
        key: Option<&str>,
        message: impl fmt::Display,
        hint: Option<String>,
    ) {
        let line = key
            .and_then(|key| self.entries.iter().find(|(name, _)| name == key))
            .and_then(|(_, value)| value.line)
            .or(self.line);
        let mut diagnostic =
            Diagnostic::error(format!("{}.{problem}", self.code), format!("{}: {message}", self.what))
                .at(&self.document.file, line);
        diagnostic.hint = hint;
        self.document.complain(diagnostic);
    }

    fn ask(&mut self, key: &'static str) -> Option<&'a Value> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    fn typed<T>(
        &mut self,
        key: &'static str,
        wanted: &str,
        convert: impl Fn(&'a Kind) -> Option<T>,
    ) -> Option<T> {
        let value = self.ask(key)?;
        let converted = convert(&value.kind);
        if converted.is_none() {
            self.complain(
                "type",
                Some(key),
                format!("`{key}` is {}, it should be {wanted}", value.kind.words()),
            );
        }
        converted
    }

    /// Insists on a key: a missing one is a complaint.
    pub fn need<T>(&self, key: &'static str, value: Option<T>) -> Option<T> {
        if !self.has(key) {
            self.complain("missing", None, format!("`{key}` is missing"));
        }
        value
    }

    /// The default where the key is absent; nothing where it is there but wrong, so that no default hides a complaint.
    pub fn or<T>(&self, key: &str, value: Option<T>, default: T) -> Option<T> {
        if self.has(key) { value } else { Some(default) }
    }

    /// Text, if the key is there.
    pub fn text(&mut self, key: &'static str) -> Option<&'a str> {
        self.typed(key, "text", |kind| match kind {
            Kind::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Text that says something, if the key is there.
    pub fn name(&mut self, key: &'static str) -> Option<&'a str> {
        let text = self.text(key)?;
        if text.trim().is_empty() {
            self.complain("range", Some(key), format!("`{key}` is empty"));
            return None;
        }
        // It is printed on terminals and pages, where such a character says something else than itself.
        if text.chars().any(char::is_control) {
            self.complain("range", Some(key), format!("`{key}` holds a control character"));
            return None;
        }
        Some(text)
    }

    /// `true` or `false`, if the key is there.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.typed(key, "true or false", |kind| match kind {
            Kind::Flag(flag) => Some(*flag),
            _ => None,
        })
    }

    /// A finite number for which `holds`, if the key is there; `range` says in words what it may be.
    pub fn number(&mut self, key: &'static str, range: &str, holds: impl Fn(f64) -> bool) -> Option<f64> {
        let number = self.typed(key, "a number", as_number)?;
        if number.is_finite() && holds(number) {
            return Some(number);
        }
        self.complain("range", Some(key), format!("`{key}` is {number}, it should be {range}"));
        None
    }

    /// Any finite number, if the key is there.
    pub fn finite(&mut self, key: &'static str) -> Option<f64> {
        self.number(key, "finite", |_| true)
    }

    /// A whole number of at least `min`, if the key is there.
    pub fn integer<T: TryFrom<i128>>(&mut self, key: &'static str, min: i128) -> Option<T> {
        let integer = self.typed(key, "a whole number", |kind| match kind {
            Kind::Integer(integer) => Some(*integer),
            // `30.0` is one too (JSON Schema 2020-12, 4.2.3): other programs write whole numbers so.
            Kind::Number(number) if number.fract() == 0.0 && number.abs() < (1_u128 << 64) as f64 => {
                Some(*number as i128)
            }
            _ => None,
        })?;
        let converted = T::try_from(integer).ok().filter(|_| integer >= min);
        if converted.is_none() {
            let problem = if integer < min { format!("at least {min}") } else { "smaller".to_owned() };
            self.complain("range", Some(key), format!("`{key}` is {integer}, it should be {problem}"));
        }
        converted
    }

    /// Two finite numbers, the first below the second, if the key is there.
    pub fn range(&mut self, key: &'static str) -> Option<(f64, f64)> {
        let wanted = "a list of two numbers, the lower one first";
        let (lo, hi) = self.typed(key, wanted, |kind| match kind {
            Kind::List(list) => match list.as_slice() {
                [lo, hi] => Some((as_number(&lo.kind)?, as_number(&hi.kind)?)),
                _ => None,
            },
            _ => None,
        })?;
        if lo.is_finite() && hi.is_finite() && lo < hi && (hi - lo).is_finite() {
            return Some((lo, hi));
        }
        self.complain("range", Some(key), format!("`{key}` is [{lo}, {hi}], it should be {wanted}"));
        None
    }

    /// A list of texts; none where the key is absent.
    pub fn texts(&mut self, key: &'static str) -> Vec<String> {
        self.typed(key, "a list of texts", |kind| match kind {
            Kind::List(list) => list
                .iter()
                .map(|value| match &value.kind {
                    Kind::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            _ => None,
        })
        .unwrap_or_default()
    }

    /// One of the named choices, if the key is there.
    pub fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|&(_, choice)| choice);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.complain_with(
                "unknown-choice",
                Some(key),
                format!("`{key}` is \"{text}\", which is not one of: {}", names.join(", ")),
                nearest::nearest(text, names).map(|name| format!("did you mean \"{name}\"?")),
            );
        }
        found
    }

    /// A table inside this one, if the key is there.
    pub fn table(&mut self, key: &'static str, code: &'static str) -> Option<Fields<'a>> {
        let value = self.ask(key)?;
        let entries = self.typed(key, "a table", |kind| match kind {
            Kind::Table(entries) => Some(entries.as_slice()),
            _ => None,
        })?;
        let what = format!("[{key}]");
        Some(Fields { document: self.document, entries, line: value.line, code, what, asked: Vec::new() })
    }

    /// The tables in a list, none where the key is absent.
    pub fn tables(&mut self, key: &'static str, code: &'static str) -> Vec<Fields<'a>> {
        let wanted = "a list of tables";
        let list = self.typed(key, wanted, |kind| match kind {
            Kind::List(list) if list.iter().all(|v| matches!(v.kind, Kind::Table(_))) => Some(list),
            _ => None,
        });
        let fields = |(i, value): (usize, &'a Value)| {
            let Kind::Table(entries) = &value.kind else { return None };
            let what = format!("{key} {}", i + 1);
            Some(Fields { document: self.document, entries, line: value.line, code, what, asked: Vec::new() })
        };
        list.into_iter().flatten().enumerate().filter_map(fields).collect()
    }

    /// The whole table as TOML, for a reader of its own; every key counts as asked for.
    pub fn whole(self) -> Option<toml::Table> {
        let table = to_toml_table(self.entries);
        if let Err(problem) = &table {
            self.complain("type", None, problem);
        }
        table.ok()
    }

    /// Complains about the keys that nobody asked for, with the nearest one that exists.
    pub fn finish(self) {
        for (name, _) in self.entries {
            if !self.asked.contains(&name.as_str()) {
                self.complain_with(
                    "unknown-key",
                    Some(name),
                    format!("unknown key `{name}`"),
                    Some(nearest::advice(name, self.asked.iter().copied())),
                );
            }
        }
    }
}

fn as_number(kind: &Kind) -> Option<f64> {
    match kind {
        Kind::Number(number) => Some(*number),
        // Integers beyond 2^53 would be rounded; no quantity here is that large.
        Kind::Integer(integer) if integer.unsigned_abs() <= 1 << 53 => Some(*integer as f64),
        _ => None,
    }
}

fn to_toml_table(entries: &[(String, Value)]) -> Result<toml::Table, String> {
    entries.iter().map(|(name, value)| Ok((name.clone(), to_toml(name, value)?))).collect()
}

fn to_toml(name: &str, value: &Value) -> Result<toml::Value, String> {
    Ok(match &value.kind {
        Kind::Flag(flag) => toml::Value::Boolean(*flag),
        Kind::Integer(integer) => toml::Value::Integer(
            i64::try_from(*integer).map_err(|_| format!("`{name}` is {integer}, which is too large"))?,
        ),
        Kind::Number(number) if !number.is_finite() => {
            return Err(format!("`{name}` is {number}, it should be finite"));
        }
        Kind::Number(number) => toml::Value::Float(*number),
        Kind::Text(text) => toml::Value::String(text.clone()),
        Kind::List(list) => {
            toml::Value::Array(list.iter().map(|v| to_toml(name, v)).collect::<Result<_, _>>()?)
        }
        Kind::Table(entries) => toml::Value::Table(to_toml_table(entries)?),
        Kind::Other(words) => return Err(format!("`{name}` is {words}, which no key takes")),
    })
}

/// Where lines begin, to turn byte offsets into line numbers.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.0.partition_point(|&end| end < offset) + 1).unwrap_or(u32::MAX)
    }

    fn table(&self, table: &DeTable<'_>) -> Vec<(String, Value)> {
        let entry = |(name, value): (&toml::Spanned<toml::de::DeString<'_>>, &toml::Spanned<DeValue<'_>>)| {
            // A key stands where its name does; a `[table]` or `[[table]]` where its header does.
            let line = match value.get_ref() {
                DeValue::Table(_) => self.line(value.span().start),
                _ => self.line(name.span().start),
            };
            (name.get_ref().to_string(), Value { line: Some(line), kind: self.kind(value.get_ref()) })
        };
        table.iter().map(entry).collect()
    }

    fn kind(&self, value: &DeValue<'_>) -> Kind {
        match value {
            DeValue::String(text) => Kind::Text(text.to_string()),
            DeValue::Integer(integer) => i128::from_str_radix(integer.as_str(), integer.radix())
                .map_or(Kind::Other("a whole number that is too large"), Kind::Integer),
            DeValue::Float(number) => {
                number.as_str().parse().map_or(Kind::Other("a number that is too large"), Kind::Number)
            }
            DeValue::Boolean(flag) => Kind::Flag(*flag),
            DeValue::Datetime(_) => Kind::Other("a date"),
            DeValue::Array(list) => Kind::List(
                list.iter()
                    .map(|v| Value { line: Some(self.line(v.span().start)), kind: self.kind(v.get_ref()) })
                    .collect(),
            ),
            DeValue::Table(table) => Kind::Table(self.table(table)),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor).map(|kind| Value { line: None, kind })
    }
}

/// Reads JSON itself because a map type would let the last of two equal keys win in silence.
struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Other("null"))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Kind, E> {
        Ok(Kind::Flag(flag))
    }

    fn visit_i64<E>(self, integer: i64) -> Result<Kind, E> {
        Ok(Kind::Integer(integer.into()))
    }

    fn visit_u64<E>(self, integer: u64) -> Result<Kind, E> {
        Ok(Kind::Integer(integer.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Kind, E> {
        Ok(Kind::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Kind, E> {
        Ok(Kind::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kind, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element()? {
            list.push(value);
        }
        Ok(Kind::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut entries: Vec<(String, Value)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if entries.iter().any(|(other, _)| *other == name) {
                return Err(de::Error::custom(format!("key `{name}` is given twice")));
            }
            entries.push((name, map.next_value()?));
        }
        Ok(Kind::Table(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Diagnostics {
        let document = match Document::toml("s.toml", text, "t") {
            Ok(document) => document,
            Err(diagnostics) => return diagnostics,
        };
        let mut fields = document.root("t", "the file");
        let seed = fields.integer::<u64>("seed", 0);
        let _ = fields.need("seed", seed);
        fields.number("alpha", "between 0 and 1", |a| a > 0.0 && a < 1.0);
        fields.choice("stop", &[("never", 0), ("decided", 1)]);
        for mut table in fields.tables("gate", "t.gate") {
            table.range("range");
            table.finish();
        }
        fields.finish();
        document.finish(Some(()), "t").err().unwrap_or_default()
    }

    fn codes(diagnostics: &Diagnostics) -> Vec<(&str, Option<u32>)> {
        diagnostics.0.iter().map(|d| (&*d.code, d.place.as_ref().and_then(|p| p.line))).collect()
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once_with_its_line() {
        let wrong = read(
            "alpha = 2\nstop = \"decidde\"\nsed = 3\n\n[[gate]]\nrange = [1, 0]\n[[gate]]\nrang = [0, 1]\n",
        );
        assert_eq!(
            codes(&wrong),
            [
                ("t.missing", None),
                ("t.range", Some(1)),
                ("t.unknown-choice", Some(2)),
                ("t.unknown-key", Some(3)),
                ("t.gate.range", Some(6)),
                ("t.gate.unknown-key", Some(8)),
            ]
        );
        assert!(wrong.0[3].hint.as_deref().is_some_and(|hint| hint.contains("`seed`")));
    }

    #[test]
    fn syntax_errors_and_non_finite_numbers_are_refused() {
        assert_eq!(codes(&read("seed = 1\nalpha = = 2\n"))[0], ("t.syntax", Some(2)));
        assert_eq!(codes(&read("seed = 1\nalpha = nan\n")), [("t.range", Some(2))]);
        assert_eq!(codes(&read("seed = -1\n")), [("t.range", Some(1))]);
        assert_eq!(codes(&read("seed = 1.5\n")), [("t.type", Some(1))]);
    }

    #[test]
    fn json_keeps_large_seeds_and_refuses_a_key_given_twice() {
        let document = Document::json("s.json", "{\"seed\": 18446744073709551615}", "t").unwrap();
        assert_eq!(document.root("t", "the file").integer::<u64>("seed", 0), Some(u64::MAX));
        let twice = Document::json("s.json", "{\"seed\": 1,\n \"seed\": 2}", "t").unwrap_err();
        assert!(twice.0[0].message.contains("twice"));
        let list = Document::json("s.json", "[1]", "t").unwrap();
        list.root("t", "the file").finish();
        assert!(list.finish(Some(()), "t").is_err());
    }

    /// A value that all three languages can write: texts of any characters, integers of 64 bits, finite numbers.
    fn value() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value;
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e300..1e300_f64).prop_map(Value::from),
            (0u32..8).prop_map(|n| Value::from(
                ["true", "1", "0x1", "~", ".5", "- a", "a: b #", "nan"][n as usize]
            )),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(".{0,6}", inner, 0..4)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    /// A value as YAML in blocks: keys and texts between quotes, as JSON writes them.
    fn block(value: &serde_json::Value, indent: usize, yaml: &mut String) {
        let margin = " ".repeat(indent);
        match value {
            serde_json::Value::Object(entries) if !entries.is_empty() => {
                for (name, value) in entries {
                    yaml.push_str(&format!("\n{margin}{}:", serde_json::Value::from(name.as_str())));
                    block(value, indent + 2, yaml);
                }
            }
            serde_json::Value::Array(list) if !list.is_empty() => {
                for value in list {
                    yaml.push_str(&format!("\n{margin}-"));
                    block(value, indent + 2, yaml);
                }
            }
            other => yaml.push_str(&format!(" {other}")),
        }
    }

    fn said(document: Result<Document, Diagnostics>) -> String {
        document.unwrap_or_else(|wrong| panic!("{wrong}")).text_without(&[])
    }

    proptest! {
        #[test]
        fn three_languages_say_the_same(entries in proptest::collection::btree_map("[a-z]{1,6}", value(), 1..5)) {
            let root = serde_json::Value::Object(entries.into_iter().collect());
            let json = said(Document::json("s.json", &root.to_string(), "t"));
            let toml = toml::to_string(&root).expect("TOML");
            prop_assert_eq!(&said(Document::toml("s.toml", &toml, "t")), &json);
            let mut yaml = String::new();
            block(&root, 0, &mut yaml);
            prop_assert_eq!(&said(Document::yaml("s.yaml", &yaml, "t")), &json, "{}", yaml);
            // JSON is YAML as it stands.
            prop_assert_eq!(&said(Document::yaml("s.yaml", &root.to_string(), "t")), &json);
            // One key more is seen.
            yaml.push_str("\nZ: 1\n");
            prop_assert_ne!(&said(Document::yaml("s.yaml", &yaml, "t")), &json);
        }

        #[test]
        fn no_text_brings_the_reader_down(text in "[-a-z0-9:{}\\[\\],#&*!|>'\"%@`?~ \n\t]{0,80}") {
            let _ = Document::yaml("s.yaml", &text, "t");
        }
    }
}
