//! Collecting complaints so that a file with ten thousand faults of one kind still fits on a page.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Diagnostics, Place, Severity};

/// How many complaints of one code are shown in full.
const SHOWN: usize = 10;

/// Complaints in the order they were found; beyond [`SHOWN`] of one code only their number is kept.
#[derive(Default)]
pub(super) struct Complaints {
    shown: Vec<Diagnostic>,
    found: BTreeMap<(String, Severity), usize>,
}

impl Complaints {
    /// Adds a complaint whose place has to be searched for: that is done for those that are shown.
    pub(super) fn push_at(&mut self, mut diagnostic: Diagnostic, place: impl FnOnce() -> Place) {
        let found = self.found.get(&(diagnostic.code.to_string(), diagnostic.severity));
        if found.is_none_or(|n| *n < SHOWN) {
            diagnostic.place = Some(place());
        }
        self.push(diagnostic);
    }

    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        let found = self.found.entry((diagnostic.code.to_string(), diagnostic.severity)).or_default();
        *found += 1;
        if *found <= SHOWN {
            self.shown.push(diagnostic);
        }
    }

    /// How many errors were found so far, shown or not.
    pub(super) fn errors(&self) -> usize {
        self.found.iter().filter(|((_, severity), _)| *severity == Severity::Error).map(|(_, n)| n).sum()
    }

    /// Errors first, then warnings, then notes; each followed by "and N more" where some are not shown.
    pub(super) fn finish(mut self) -> Diagnostics {
        for ((code, severity), found) in self.found {
            if found > SHOWN {
                let rest = Diagnostic::error(code, format!("and {} more like these", found - SHOWN));
                self.shown.push(Diagnostic { severity, ..rest });
            }
        }
        // Stable: within one severity the order of discovery stays, which is file order.
        self.shown.sort_by_key(|d| std::cmp::Reverse(d.severity));
        Diagnostics(self.shown)
    }
}

/// Shows the line of every place that has a line number but no text, from `text`, the content of the file.
pub(super) fn show_lines(diagnostics: &mut Diagnostics, text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    for place in diagnostics.0.iter_mut().filter_map(|d| d.place.as_mut()) {
        if let (Some(line), None) = (place.line, &place.text) {
            place.text = lines.get((line as usize).wrapping_sub(1)).map(|l| shown(l));
        }
    }
}

/// A line as it is shown: tabs become one space, so that a caret counted in characters stands where it should, and a
/// very long line is cut.
pub(super) fn shown(line: &str) -> String {
    const WIDTH: usize = 160;
    let mut text: String = line.chars().take(WIDTH).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() > WIDTH {
        text.push_str(" ...");
    }
    text
}

/// The place of byte `at` of `text`: line, column, and the line itself.
pub(super) fn place_of(file: &str, text: &str, at: usize) -> Place {
    let at = (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
    let start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let end = text[at..].find('\n').map_or(text.len(), |i| at + i);
    let line = 1 + text[..start].bytes().filter(|&b| b == b'\n').count();
    Place {
        file: file.to_owned(),
        line: u32::try_from(line).ok(),
        column: u32::try_from(1 + text[start..at].chars().count()).ok(),
        text: Some(shown(&text[start..end])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_complaint_of_a_code_is_counted_and_not_shown() {
        let mut complaints = Complaints::default();
        complaints.push(Diagnostic::note("case.b", "first"));
        for i in 0..47 {
            complaints.push(Diagnostic::error("case.a", format!("fault {i}")));
        }
        assert_eq!(complaints.errors(), 47);
        let all = complaints.finish();
        assert_eq!(all.0.len(), 12);
        assert_eq!(all.0[0].message, "fault 0");
        assert!(all.0.iter().any(|d| d.code == "case.a" && d.message == "and 37 more like these"));
        assert_eq!(all.0[11].message, "first");
    }

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let text = "ab\n\u{e9}cd\nlast";
        let place = place_of("f", text, text.find("cd").unwrap());
        assert_eq!((place.line, place.column), (Some(2), Some(2)));
        assert_eq!(place.text.as_deref(), Some("\u{e9}cd"));
        assert_eq!(place_of("f", text, 10_000).line, Some(3));
    }
}
