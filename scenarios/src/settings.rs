//! Reads a hazard's table from a suite: every setting typed, ranged and known, every complaint at once.

use powerflow::{Diagnostic, Diagnostics};
use toml::{Table, Value};

use crate::draw::Stream;
use crate::nearest::advice;

/// One setting of a hazard, for help texts, documents and the check for unknown keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Key in the suite.
    pub name: &'static str,
    /// Unit; `1` where it has none, `-` where it is no number.
    pub unit: &'static str,
    /// What holds where the key is absent, in words.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

/// A closed range of numbers, or one number: `300` means `[300, 300]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Lowest.
    pub low: f64,
    /// Highest, not below the lowest.
    pub high: f64,
}

impl Span {
    /// Uniform in the range; one word of the stream, also where the range is a point.
    pub fn draw(self, stream: &mut Stream) -> f64 {
        self.low + (self.high - self.low) * stream.uniform()
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.low == self.high {
            write!(f, "{}", self.low)
        } else {
            write!(f, "{} to {}", self.low, self.high)
        }
    }
}

/// A hazard's table being read. Readers return their default after a complaint, so that reading goes on;
/// [`Self::finish`] tells whether the result may be used.
#[derive(Debug)]
pub struct Settings<'a> {
    kind: &'static str,
    table: &'a Table,
    complaints: Diagnostics,
}

impl<'a> Settings<'a> {
    /// Begins with the check for unknown keys; `kind` itself is always known.
    pub fn of(kind: &'static str, parameters: &[Parameter], table: &'a Table) -> Self {
        let mut settings = Settings { kind, table, complaints: Diagnostics::default() };
        let known = || parameters.iter().map(|parameter| parameter.name);
        for key in table.keys().filter(|key| *key != "kind") {
            if !known().any(|name| name == key) {
                settings.complaints.push(
                    Diagnostic::error(
                        "hazard.unknown-key",
                        format!("the hazard {kind} has no setting `{key}`"),
                    )
                    .hint(advice(key, known())),
                );
            }
        }
        settings
    }

    /// Adds a complaint about `key`.
    pub fn complain(&mut self, code: &'static str, key: &str, what: &str) {
        let message = format!("`{key}` of the hazard {} {what}", self.kind);
        self.complaints.push(Diagnostic::error(code, message));
    }

    /// Whether the table has the key.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The value, where every complaint so far is harmless.
    ///
    /// # Errors
    /// All complaints: `hazard.unknown-key`, `hazard.wrong-type`, `hazard.out-of-range`, `hazard.conflict`.
    pub fn finish<T>(self, value: T) -> Result<T, Diagnostics> {
        self.complaints.into_result(value)
    }

    fn wrong_type(&mut self, key: &str, wanted: &str, value: &Value) {
        let what = format!("should be {wanted}, not {value}");
        self.complain("hazard.wrong-type", key, &what);
    }

    /// Complains unless `value` is finite and in the closed range.
    fn in_range(&mut self, key: &str, value: f64, low: f64, high: f64) -> bool {
        let fits = value.is_finite() && (low..=high).contains(&value);
        if !fits {
            let limit = match (low.is_finite(), high.is_finite()) {
                (true, true) => format!("from {low} to {high}"),
                (true, false) => format!("not below {low}"),
                _ => "finite".to_owned(),
            };
            self.complain("hazard.out-of-range", key, &format!("should be {limit}, not {value}"));
        }
        fits
    }

    /// A number in [`low`, `high`].
    pub fn number(&mut self, key: &str, default: f64, low: f64, high: f64) -> f64 {
        match self.table.get(key) {
            None => default,
            Some(value) => match as_number(value) {
                Some(number) if self.in_range(key, number, low, high) => number,
                Some(_) => default,
                None => {
                    self.wrong_type(key, "a number", value);
                    default
                }
            },
        }
    }

    /// A number or `[lowest, highest]`, all in [`low`, `high`]; `None` where the key is absent.
    pub fn span(&mut self, key: &str, low: f64, high: f64) -> Option<Span> {
        let value = self.table.get(key)?;
        let numbers: Option<Vec<f64>> = match value {
            Value::Array(items) => items.iter().map(as_number).collect(),
            other => as_number(other).map(|number| vec![number, number]),
        };
        let Some([first, last]) = numbers.as_deref() else {
            self.wrong_type(key, "a number or [lowest, highest]", value);
            return None;
        };
        let (first, last) = (*first, *last);
        if !(self.in_range(key, first, low, high) && self.in_range(key, last, low, high)) {
            return None;
        }
        if first > last {
            self.complain("hazard.out-of-range", key, &format!("begins at {first}, after its end {last}"));
            return None;
        }
        Some(Span { low: first, high: last })
    }

    /// A whole number, or a list of them to draw from; at least one is positive.
    pub fn counts(&mut self, key: &str, default: &[u32]) -> Vec<u32> {
        let Some(value) = self.table.get(key) else { return default.to_vec() };
        let items = match value {
            Value::Array(items) => items.as_slice(),
            other => std::slice::from_ref(other),
        };
        let counts: Option<Vec<u32>> =
            items.iter().map(|item| as_whole(item).and_then(|n| u32::try_from(n).ok())).collect();
        match counts {
            Some(counts) if counts.iter().any(|n| *n > 0) => counts,
            Some(_) => {
                self.complain("hazard.out-of-range", key, "asks for nothing: no number in it is positive");
                default.to_vec()
            }
            None => {
                self.wrong_type(key, "a whole number from 0, or a list of them", value);
                default.to_vec()
            }
        }
    }

    /// A list of different numbers in [`low`, `high`], at least one.
    pub fn numbers(&mut self, key: &str, default: &[f64], low: f64, high: f64) -> Vec<f64> {
        let Some(value) = self.table.get(key) else { return default.to_vec() };
        let numbers: Option<Vec<f64>> =
            value.as_array().and_then(|items| items.iter().map(as_number).collect());
        let Some(numbers) = numbers else {
            self.wrong_type(key, "a list of numbers", value);
            return default.to_vec();
        };
        if numbers.is_empty() {
            self.complain("hazard.out-of-range", key, "is an empty list");
            return default.to_vec();
        }
        let twice = numbers.iter().enumerate().find(|(at, number)| numbers[..*at].contains(number));
        if let Some((_, number)) = twice {
            self.complain("hazard.out-of-range", key, &format!("has {number} twice"));
            return default.to_vec();
        }
        match numbers.iter().all(|number| self.in_range(key, *number, low, high)) {
            true => numbers,
            false => default.to_vec(),
        }
    }

    /// True or false.
    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        match self.table.get(key) {
            None => default,
            Some(Value::Boolean(flag)) => *flag,
            Some(value) => {
                self.wrong_type(key, "true or false", value);
                default
            }
        }
    }

    /// One of a few words; the first is the default.
    pub fn choice<T: Copy>(&mut self, key: &str, choices: &[(&'static str, T)]) -> T {
        let default = choices[0].1;
        let Some(value) = self.table.get(key) else { return default };
        let words = || choices.iter().map(|(word, _)| *word);
        let Some(word) = value.as_str() else {
            self.wrong_type(key, &format!("one of {}", words().collect::<Vec<_>>().join(", ")), value);
            return default;
        };
        match choices.iter().find(|(known, _)| *known == word) {
            Some((_, meaning)) => *meaning,
            None => {
                let message = format!("`{key}` of the hazard {} cannot be \"{word}\"", self.kind);
                self.complaints
                    .push(Diagnostic::error("hazard.unknown-word", message).hint(advice(word, words())));
                default
            }
        }
    }
}

/// A whole number; `2.0` is one too.
fn as_whole(value: &Value) -> Option<i64> {
    match value {
        Value::Float(number) if number.fract() == 0.0 && number.abs() <= (1_i64 << 53) as f64 => {
            Some(*number as i64)
        }
        other => other.as_integer(),
    }
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMETERS: &[Parameter] = &[
        Parameter { name: "k", unit: "1", default: "1", meaning: "" },
        Parameter { name: "at_s", unit: "s", default: "0", meaning: "" },
        Parameter { name: "share", unit: "1", default: "0.5", meaning: "" },
        Parameter { name: "weight", unit: "-", default: "even", meaning: "" },
        Parameter { name: "lines", unit: "-", default: "false", meaning: "" },
    ];

    type Read = (Vec<u32>, Option<Span>, f64, u8, bool);

    fn read(text: &str) -> Result<Read, Diagnostics> {
        let table: Table = text.parse().expect("the test writes TOML");
        let mut settings = Settings::of("storm", PARAMETERS, &table);
        let read = (
            settings.counts("k", &[1]),
            settings.span("at_s", 0.0, f64::INFINITY),
            settings.number("share", 0.5, 0.0, 1.0),
            settings.choice("weight", &[("even", 0), ("size", 1)]),
            settings.flag("lines", false),
        );
        settings.finish(read)
    }

    #[test]
    fn absent_keys_take_defaults_and_whole_numbers_are_numbers() {
        assert_eq!(read("kind = 'storm'"), Ok((vec![1], None, 0.5, 0, false)));
        let span = Some(Span { low: 3.0, high: 4.5 });
        assert_eq!(
            read("k = [1, 2]\nat_s = [3, 4.5]\nshare = 1\nweight = 'size'\nlines = true"),
            Ok((vec![1, 2], span, 1.0, 1, true))
        );
        assert_eq!(read("at_s = 7").expect("reads").1, Some(Span { low: 7.0, high: 7.0 }));
    }

    #[test]
    fn every_complaint_is_made_at_once() {
        let complaints = read("k = -1\nat_s = [5, 4]\nshare = 1.5\nweight = 'sise'\nlines = 1\nshaer = 2")
            .expect_err("bad");
        let codes: Vec<&str> = complaints.0.iter().map(|d| &*d.code).collect();
        assert_eq!(
            codes,
            [
                "hazard.unknown-key",
                "hazard.wrong-type",
                "hazard.out-of-range",
                "hazard.out-of-range",
                "hazard.unknown-word",
                "hazard.wrong-type"
            ]
        );
        assert!(complaints.0[0].hint.as_deref().expect("a hint").starts_with("did you mean `share`?"));
        assert!(complaints.0[4].hint.as_deref().expect("a hint").starts_with("did you mean `size`?"));
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        for text in ["share = nan", "share = inf", "at_s = [0, inf]", "at_s = [nan, 1]", "k = 0", "k = []"] {
            assert_eq!(read(text).expect_err(text).0[0].code, "hazard.out-of-range", "{text}");
        }
        for text in ["share = 'a'", "at_s = [1]", "at_s = [1, 2, 3]", "k = 1.5", "k = [1, 'a']"] {
            assert_eq!(read(text).expect_err(text).0[0].code, "hazard.wrong-type", "{text}");
        }
    }
}
