//! Reads a TOML table field by field: every unknown key, missing key and wrong type is a complaint with its line.

use std::ops::Range;

use powerflow::{Diagnostic, Diagnostics, Place};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use scenarios::nearest::nearest;

/// A document being read, and everything found wrong with it so far.
pub(super) struct Document<'a> {
    file: String,
    source: &'a str,
    pub(super) complaints: Diagnostics,
}

impl<'a> Document<'a> {
    pub(super) fn new(file: String, source: &'a str) -> Self {
        Self { file, source, complaints: Diagnostics::default() }
    }

    /// The line and column of a byte range.
    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        let start = span.start.min(self.source.len());
        let before = self.source.get(..start).unwrap_or("");
        let line = before.matches('\n').count();
        let column = before.rsplit('\n').next().unwrap_or("").chars().count();
        Place {
            file: self.file.clone(),
            line: u32::try_from(line + 1).ok(),
            column: u32::try_from(column + 1).ok(),
            text: self.source.lines().nth(line).map(str::to_owned),
        }
    }

    /// Adds an error at a byte range; the returned complaint may be given a hint.
    pub(super) fn error(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let place = self.place(span);
        let at = self.complaints.0.len();
        self.complaints.push(Diagnostic { place: Some(place), ..Diagnostic::error(code, message) });
        &mut self.complaints.0[at]
    }

    /// Opens a table (named for messages; empty for the document itself) that may hold only `known` keys.
    pub(super) fn table<'t>(
        &mut self,
        name: &'t str,
        table: &'t DeTable<'a>,
        span: Range<usize>,
        known: &[&str],
    ) -> Table<'t, 'a> {
        for key in table.keys() {
            let word: &str = key.get_ref();
            if !known.contains(&word) {
                let inside = if name.is_empty() { String::new() } else { format!(" in [{name}]") };
                let complaint = self.error(
                    "candidate.manifest.unknown-key",
                    &key.span(),
                    format!("unknown key `{word}`{inside}"),
                );
                complaint.hint = Some(match nearest(word, known.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("known keys are {}", known.join(", ")),
                });
            }
        }
        Table { name, table, span }
    }
}

/// A table being read. A field of the wrong type is complained about and reads as absent.
pub(super) struct Table<'t, 'a> {
    name: &'t str,
    table: &'t DeTable<'a>,
    span: Range<usize>,
}

impl<'t, 'a> Table<'t, 'a> {
    fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// Whether the key is there, of whatever type.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Where a key's value is, or the table itself where it has none.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// A value read by `read`, which answers `None` for anything but `what`.
    pub(super) fn read<T>(
        &self,
        document: &mut Document<'a>,
        key: &str,
        what: &str,
        read: impl FnOnce(&'t DeValue<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.table.get(key)?;
        let answer = read(value.get_ref());
        if answer.is_none() {
            document.error(
                "candidate.manifest.wrong-type",
                &value.span(),
                format!("`{}` must be {what}", self.path(key)),
            );
        }
        answer
    }

    /// Text.
    pub(super) fn text(&self, document: &mut Document<'a>, key: &str) -> Option<&'t str> {
        self.read(document, key, "a text in quotes", DeValue::as_str)
    }

    /// Text that must be there and not empty.
    pub(super) fn required_text(&self, document: &mut Document<'a>, key: &str) -> Option<&'t str> {
        if !self.has(key) {
            self.missing(document, key);
        }
        let text = self.text(document, key)?;
        if text.is_empty() {
            let path = self.path(key);
            document.error(
                "candidate.manifest.empty",
                &self.span_of(key),
                format!("`{path}` must not be empty"),
            );
            return None;
        }
        // It is printed on terminals and pages, where such a character says something else than itself.
        if text.chars().any(char::is_control) {
            let message = format!("`{}` holds a control character", self.path(key));
            document.error("candidate.manifest.control-character", &self.span_of(key), message);
            return None;
        }
        Some(text)
    }

    /// A table inside this one.
    pub(super) fn inner(
        &self,
        document: &mut Document<'a>,
        key: &str,
    ) -> Option<(&'t DeTable<'a>, Range<usize>)> {
        let span = self.span_of(key);
        self.read(document, key, "a table", DeValue::as_table).map(|table| (table, span))
    }

    /// Complains that a key is missing.
    pub(super) fn missing(&self, document: &mut Document<'a>, key: &str) {
        let path = self.path(key);
        document.error("candidate.manifest.missing-key", &self.span, format!("`{path}` is missing"));
    }
}

/// A finite number; a whole number counts.
pub(super) fn number(value: &DeValue<'_>) -> Option<f64> {
    let number = match value {
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).ok()? as f64,
        DeValue::Float(text) => text.as_str().parse().ok()?,
        _ => return None,
    };
    f64::is_finite(number).then_some(number)
}

/// A whole number, not negative; `2.0` is one too.
pub(super) fn whole(value: &DeValue<'_>) -> Option<u64> {
    if let DeValue::Float(text) = value {
        let number: f64 = text.as_str().parse().ok()?;
        let fits = number.fract() == 0.0 && (0.0..=(1_u64 << 53) as f64).contains(&number);
        return fits.then_some(number as u64);
    }
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A list whose every item `item` understands.
pub(super) fn list<T>(value: &DeValue<'_>, item: impl Fn(&DeValue<'_>) -> Option<T>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(|value| item(value.get_ref())).collect()
}

/// Two items.
pub(super) fn pair<T>(value: &DeValue<'_>, item: impl Fn(&DeValue<'_>) -> Option<T>) -> Option<(T, T)> {
    let mut items = list(value, item)?.into_iter();
    match (items.next(), items.next(), items.next()) {
        (Some(first), Some(second), None) => Some((first, second)),
        _ => None,
    }
}
