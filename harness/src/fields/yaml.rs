//! YAML 1.2 as settings files need it: mappings, lists and scalars by the core schema, each with its line. What would make a text mean
//! something else than it shows is refused: anchors and aliases, tags, keys that are no text, a second document.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::{Kind, Value};

/// Tables and lists in one another at most: deeper ones are no settings.
const DEPTH_MAX: usize = 64;

/// What is wrong with a text, and in which line, from 1.
#[derive(Debug, PartialEq)]
pub(super) struct Mistake {
    pub(super) message: String,
    pub(super) line: Option<u32>,
}

impl Mistake {
    fn at(span: Span, message: impl Into<String>) -> Self {
        Mistake { message: message.into(), line: line(span) }
    }
}

impl From<ScanError> for Mistake {
    fn from(error: ScanError) -> Self {
        let line = u32::try_from(error.marker().line()).ok();
        Mistake { message: error.info().to_owned(), line }
    }
}

fn line(span: Span) -> Option<u32> {
    u32::try_from(span.start.line()).ok()
}

/// The one document of a text.
pub(super) fn read(text: &str) -> Result<Value, Mistake> {
    let mut reader = Reader { parser: Parser::new_from_str(text) };
    let mut root = Value { line: None, kind: Kind::Other("null") };
    let mut documents = 0;
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamEnd => return Ok(root),
            Event::DocumentStart(_) if documents == 1 => {
                return Err(Mistake::at(span, "a second document begins, and only one is read"));
            }
            Event::DocumentStart(_) => {
                documents += 1;
                let (first, span) = reader.next()?;
                root = Value { line: None, kind: reader.kind(first, span, 0)? };
            }
            _ => {}
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Mistake> {
        match self.parser.next_event() {
            Some(event) => Ok(event?),
            None => Err(Mistake { message: "the text ends too early".to_owned(), line: None }),
        }
    }

    /// The value that an event begins.
    fn kind(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Kind, Mistake> {
        if depth > DEPTH_MAX {
            return Err(Mistake::at(span, format!("more than {DEPTH_MAX} tables and lists in one another")));
        }
        let (anchor, tagged) = match &event {
            Event::Alias(_) => (1, false),
            Event::Scalar(_, _, anchor, tag) => (*anchor, tag.is_some()),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => (*anchor, tag.is_some()),
            _ => (0, false),
        };
        if anchor != 0 {
            return Err(Mistake::at(
                span,
                "anchors (`&`) and aliases (`*`) are not read: write the value out",
            ));
        }
        if tagged {
            return Err(Mistake::at(span, "tags (`!`) are not read: leave it out"));
        }
        match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => Ok(plain(&text)),
            Event::Scalar(text, ..) => Ok(Kind::Text(text.into_owned())),
            Event::SequenceStart(..) => self.list(depth),
            Event::MappingStart(..) => self.table(depth),
            _ => Ok(Kind::Other("null")),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Kind, Mistake> {
        let mut list = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Kind::List(list));
            }
            list.push(Value { line: line(span), kind: self.kind(event, span, depth + 1)? });
        }
    }

    fn table(&mut self, depth: usize) -> Result<Kind, Mistake> {
        let mut entries: Vec<(String, Value)> = Vec::new();
        loop {
            let (event, key) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Kind::Table(entries));
            }
            let Kind::Text(name) = self.kind(event, key, depth + 1)? else {
                return Err(Mistake::at(key, "a key is text; put it between quotes"));
            };
            if entries.iter().any(|(other, _)| *other == name) {
                return Err(Mistake::at(key, format!("key `{name}` is given twice")));
            }
            let (event, span) = self.next()?;
            entries.push((name, Value { line: line(key), kind: self.kind(event, span, depth + 1)? }));
        }
    }
}

/// A scalar without quotes. Source: YAML 1.2.2, section 10.3.2, core schema.
fn plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Other("null"),
        "true" | "True" | "TRUE" => return Kind::Flag(true),
        "false" | "False" | "FALSE" => return Kind::Flag(false),
        ".nan" | ".NaN" | ".NAN" => return Kind::Number(f64::NAN),
        _ => {}
    }
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if [".inf", ".Inf", ".INF"].contains(&unsigned) {
        return Kind::Number(if negative { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let radix = |prefix: &str, radix: u32| {
        let digits =
            text.strip_prefix(prefix).filter(|d| !d.is_empty() && d.chars().all(|c| c.is_digit(radix)))?;
        Some(i128::from_str_radix(digits, radix).ok())
    };
    let decimal = || {
        let digits = !unsigned.is_empty() && unsigned.chars().all(|c| c.is_ascii_digit());
        digits.then(|| text.parse().ok())
    };
    if let Some(integer) = radix("0o", 8).or_else(|| radix("0x", 16)).or_else(decimal) {
        return integer.map_or(Kind::Other("a whole number that is too large"), Kind::Integer);
    }
    // Rust also reads `inf` and `nan`, which are text here.
    let numeric = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    match text.parse::<f64>() {
        Ok(number)
            if unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
                && unsigned.chars().all(numeric) =>
        {
            Kind::Number(number)
        }
        _ => Kind::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of YAML 1.2.2, section 10.3.2 (example 10.9), and what looks like one of them and is none.
    #[test]
    fn scalars_are_those_of_the_core_schema() {
        for (text, kind) in [
            ("", Kind::Other("null")),
            ("~", Kind::Other("null")),
            ("true", Kind::Flag(true)),
            ("FALSE", Kind::Flag(false)),
            ("0", Kind::Integer(0)),
            ("0o7", Kind::Integer(7)),
            ("0x3A", Kind::Integer(58)),
            ("-19", Kind::Integer(-19)),
            ("+12", Kind::Integer(12)),
            ("18446744073709551615", Kind::Integer(u64::MAX.into())),
            ("0.", Kind::Number(0.0)),
            ("-0.0", Kind::Number(-0.0)),
            (".5", Kind::Number(0.5)),
            ("+12e03", Kind::Number(12_000.0)),
            ("-2E+05", Kind::Number(-200_000.0)),
            (".inf", Kind::Number(f64::INFINITY)),
            ("-.Inf", Kind::Number(f64::NEG_INFINITY)),
            ("+.INF", Kind::Number(f64::INFINITY)),
        ] {
            assert_eq!(plain(text), kind, "{text:?}");
        }
        assert!(matches!(plain(".NAN"), Kind::Number(nan) if nan.is_nan()));
        for text in ["yes", "on", "inf", "nan", "-", "1_000", "0x", "1e", "2026-11-21", "1.2.3", "e5", "-0x1"]
        {
            assert_eq!(plain(text), Kind::Text(text.into()), "{text:?}");
        }
    }

    #[test]
    fn what_would_mean_something_else_than_it_shows_is_refused_at_its_line() {
        for (text, line, part) in [
            ("a: 1\nb: 2\na: 3\n", 3, "twice"),
            ("a: &x 1\nb: *x\n", 1, "anchors"),
            ("a: 1\nb: !!str 2\n", 2, "tags"),
            ("a: 1\n2: b\n", 2, "a key is text"),
            ("a: 1\n? [x]\n: 2\n", 2, "a key is text"),
            ("a: 1\n---\nb: 2\n", 2, "second document"),
            ("a: 1\nb: [1, 2\n", 3, ""),
        ] {
            let mistake = read(text).expect_err(text);
            assert!(mistake.message.contains(part), "{text:?}: {}", mistake.message);
            assert_eq!(mistake.line, Some(line), "{text:?}: {}", mistake.message);
        }
        let deep = "[".repeat(2000);
        assert!(read(&deep).is_err());
        assert_eq!(read("").unwrap().kind, Kind::Other("null"));
    }

    #[test]
    fn values_stand_in_the_line_of_their_key_and_those_of_lists_in_their_own() {
        let root = read("seed: 7\ngate:\n  - id: a\n    max: 1\n\n  - id: b # last\n").unwrap();
        let Kind::Table(entries) = &root.kind else { panic!("{root:?}") };
        assert_eq!((entries[0].1.line, entries[1].1.line), (Some(1), Some(2)));
        let Kind::List(gates) = &entries[1].1.kind else { panic!("{root:?}") };
        assert_eq!(gates.iter().map(|gate| gate.line).collect::<Vec<_>>(), [Some(3), Some(6)]);
        let Kind::Table(first) = &gates[0].kind else { panic!("{root:?}") };
        assert_eq!(first[1], ("max".to_owned(), Value { line: Some(4), kind: Kind::Integer(1) }));
    }
}
