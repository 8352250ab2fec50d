//! What the reader of PSS/E RAW files takes for granted, made sure of: the revision that the header leaves out, and the names
//! of sections behind the zeros that end them.

use std::borrow::Cow;

use crate::diagnostic::{Diagnostic, Diagnostics};

/// Sections of revisions 32 and 33 in their order (PSS/E Data Formats); what follows holds nothing that we read.
const SECTIONS: [&str; 18] = [
    "BUS",
    "LOAD",
    "FIXED SHUNT",
    "GENERATOR",
    "BRANCH",
    "TRANSFORMER",
    "AREA",
    "TWO-TERMINAL DC",
    "VSC DC LINE",
    "IMPEDANCE CORRECTION",
    "MULTI-TERMINAL DC",
    "MULTI-SECTION LINE",
    "ZONE",
    "INTER-AREA TRANSFER",
    "OWNER",
    "FACTS DEVICE",
    "SWITCHED SHUNT",
    "GNE DEVICE",
];

/// The text of a RAW file as the reader needs it, line for line.
///
/// A section ends with a record of one zero; most programs name the sections in its comment, and the reader goes by those
/// names. Where a zero stands alone its section follows from the order, and the name is added: without it the rest of the
/// file would be left out.
///
/// # Errors
/// `case.psse.revision`: a header without a revision is read as revision 33, and programs that wrote older files without one
/// say it in the comment; their columns mean something else, and would be read as numbers of another kind.
/// `case.psse.section`: a zero alone in a file of revision 34 or 35, whose order depends on what it holds.
pub(super) fn prepared<'a>(file: &str, text: &'a str) -> Result<Cow<'a, str>, Diagnostics> {
    let revision = revision(file, text)?;
    // Three lines of header come first.
    let bare = |line: &str| {
        let (record, comment) = line.split_once('/').unwrap_or((line, ""));
        let comment = comment.to_uppercase();
        record.trim() == "0" && !["END OF", "BEGIN", "START OF"].iter().any(|word| comment.contains(word))
    };
    let ends = |line: &str| line.split(['/', ',', ' ', '\t']).find(|w| !w.is_empty()) == Some("0");
    let Some(first) = text.lines().skip(3).position(bare).map(|at| at + 3) else {
        return Ok(Cow::Borrowed(text));
    };
    let named = text.lines().skip(3).take(first - 3).filter(|line| ends(line)).count();
    if revision >= 34 && named < SECTIONS.len() {
        let message = format!("a section of revision {revision} ends without its name");
        let hint = "write the names of the sections: 0 / END OF BUS DATA, BEGIN LOAD DATA";
        return Err(Diagnostic::error("case.psse.section", message)
            .at(file, u32::try_from(first + 1).ok())
            .hint(hint)
            .into());
    }
    let mut section = 0;
    let mut whole = String::with_capacity(text.len() + 1024);
    for (number, line) in text.lines().enumerate() {
        match (SECTIONS.get(section), SECTIONS.get(section + 1)) {
            (Some(here), next) if number >= 3 && bare(line) => {
                whole.push_str(&format!("0 / END OF {here} DATA"));
                if let Some(next) = next {
                    whole.push_str(&format!(", BEGIN {next} DATA"));
                }
            }
            _ => whole.push_str(line),
        }
        whole.push('\n');
        // A line of a transformer may begin with a zero too, but never has a comment or stands alone.
        section +=
            usize::from(number >= 3 && ends(line) && line.split('/').next().is_some_and(|r| r.trim() == "0"));
    }
    Ok(Cow::Owned(whole))
}

/// The revision of a file: 33 where its header does not say.
fn revision(file: &str, text: &str) -> Result<u32, Diagnostics> {
    let header = text.lines().next().unwrap_or_default();
    let (fields, comment) = header.split_once('/').unwrap_or((header, ""));
    let mut stated = fields.split([',', ' ', '\t']).filter(|field| !field.is_empty()).skip(2);
    if let Some(revision) = stated.next() {
        // What is no number is for the reader to complain of.
        return Ok(revision.parse::<f64>().map_or(33, |number| number as u32));
    }
    let written = comment.split_once("PSS/E-").map(|(_, after)| after).unwrap_or_default();
    let digits: String = written.chars().take_while(char::is_ascii_digit).collect();
    match digits.parse::<u32>() {
        Ok(revision) if revision < 32 => {
            let message = format!("the file is of PSS/E revision {revision}, by the comment in its header");
            let hint = "revisions 32 to 35 are read; let PSS/E or MATPOWER write an older file anew";
            Err(Diagnostic::error("case.psse.revision", message).at(file, Some(1)).hint(hint).into())
        }
        _ => Ok(33),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_revision_without_a_number_is_told_by_its_comment() {
        let refused = |header: &str| revision("a.raw", &format!("{header}\n\n\n 0 /")).is_err();
        assert!(refused(" 0,   100.00        / PSS/E-29.0"));
        assert!(!refused("0,  100.000\t\t / PSS/E-33.2    SUN, MAR 10 2013"));
        assert!(!refused("0, 100.0, 33, 0, 0, 60.0 / was PSS/E-29.0"));
        assert!(!refused("0, 100.0"));
    }

    #[test]
    fn zeros_that_stand_alone_get_the_names_of_their_sections() {
        let text =
            "0, 100, 33\na\nb\n1,'X'\n0 / END OF BUS DATA, BEGIN LOAD DATA\n0\n 0 /\n1,2\n0 / nothing\nQ\n";
        let whole = prepared("a.raw", text).expect("a file");
        let lines: Vec<&str> = whole.lines().collect();
        assert_eq!(lines[4], "0 / END OF BUS DATA, BEGIN LOAD DATA");
        assert_eq!(lines[5], "0 / END OF LOAD DATA, BEGIN FIXED SHUNT DATA");
        assert_eq!(lines[6], "0 / END OF FIXED SHUNT DATA, BEGIN GENERATOR DATA");
        assert_eq!(lines[8], "0 / END OF GENERATOR DATA, BEGIN BRANCH DATA");
        assert_eq!((lines[7], lines[9], lines.len()), ("1,2", "Q", 10));
    }

    #[test]
    fn a_file_with_names_is_left_alone_and_one_of_another_order_is_refused() {
        let named = "0, 100, 33\na\nb\n0 / END OF BUS DATA, BEGIN LOAD DATA\nQ\n";
        assert!(matches!(prepared("a.raw", named), Ok(Cow::Borrowed(_))));
        assert!(prepared("a.raw", "0, 100, 35\na\nb\n1,'X'\n0\nQ\n").is_err());
    }
}
