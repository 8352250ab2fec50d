//! File -> [`Case`], in any format that the crate powerio-tx reads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use powerio_core::{Diagnostic as Finding, DiagnosticSeverity, Source};
use powerio_tx::BalancedNetwork;

use crate::case::complaints::{Complaints, place_of};
use crate::case::matpower::Scan;
use crate::case::{Case, check, convert};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Severity};

/// The largest file that is read, in bytes.
const BYTES_MAX: u64 = 1 << 30;

const FORMATS: &str = "formats: MATPOWER .m, PSS/E .raw and .rawx, IEEE CDF .txt or .cdf, UCTE-DEF .uct, pandapower and \
                       PowerModels .json, PowerWorld .aux, PSLF .epc, XIIDM, CGMES, a PyPSA folder of CSV files";

/// Reads a case file; the format follows from the name and the content.
///
/// Rows keep the order of the file: for MATPOWER `branches[i]` is row `i + 1` of `mpc.branch` and `units[i]` row
/// `i + 1` of `mpc.gen`, out-of-service rows included; elsewhere the order in which the file states its records. Where
/// a format has 3-winding transformers or switches, their branches (and star buses) come after all others.
/// Warnings and notes are in [`Case::diagnostics`].
///
/// # Errors
/// All that is wrong with the file: it cannot be opened, is cut off, is no case, holds a number that is none, names a
/// bus that it does not define, or says something that could not be honoured, so that its numbers would be wrong.
/// Whether the case makes sense is another question: see [`crate::case::check()`].
pub fn read(path: &Path) -> Result<Case, Diagnostics> {
    let file = path.display().to_string();
    let metadata = std::fs::metadata(path).map_err(|e| unreadable(&file, &e))?;
    if metadata.is_dir() {
        let source = Source::open(path).map_err(|e| translate(e.diagnostics(), &file, ""))?;
        return finish(&file, path, "", parse(source), None);
    }
    if metadata.len() > BYTES_MAX {
        let message = format!("the file has {} bytes; at most {BYTES_MAX} are read", metadata.len());
        return Err(Diagnostic::error("case.file.too-large", message).at(file, None).into());
    }
    let bytes = std::fs::read(path).map_err(|e| unreadable(&file, &e))?;
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    refuse_what_is_no_text(&file, &bytes, &extension)?;

    if extension != "m" {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // Profiles of one CGMES model lie in several files: only a source with a folder finds its neighbours.
        let source = if matches!(extension.as_str(), "xml" | "zip") {
            std::fs::canonicalize(path).map_err(|e| unreadable(&file, &e)).map(Source::open)?
        } else {
            Source::from_memory(file.clone(), bytes)
        };
        let source = source.map_err(|e| translate(e.diagnostics(), &file, ""))?;
        return finish(&file, path, &text, parse(source), None);
    }

    // Comments in old files are often Latin-1; a replacement character can only stand in a comment or a name, since
    // a number that contains one is refused.
    let text = String::from_utf8_lossy(&bytes);
    let scan = Scan::of(&text, &file);
    let mut complaints = Complaints::default();
    scan.complain(&mut complaints);
    scan.complain_of_codes(&mut complaints);
    if complaints.errors() > 0 {
        scan.complain_of_references(&mut complaints);
        return Err(complaints.finish());
    }
    let source = Source::from_memory(file.clone(), text.as_bytes().to_vec())
        .map_err(|e| translate(e.diagnostics(), &file, ""))?;
    finish(&file, path, &text, parse(source), Some(&scan))
}

/// What the reader of numbers answers: a network and its findings, or findings alone.
type Parsed = Result<(BalancedNetwork, Vec<Finding>), Vec<Finding>>;

/// Runs the reader of numbers. `None` where it panicked: a defect of the reader, which must not end the process.
fn parse(source: Source) -> Option<Parsed> {
    catch_unwind(AssertUnwindSafe(|| match powerio_tx::parse(source) {
        Ok(module) => {
            let findings = module.diagnostics().to_vec();
            Ok((module.into_value(), findings))
        }
        Err(error) => Err(error.into_diagnostics()),
    }))
    .ok()
}

fn finish(
    file: &str,
    path: &Path,
    text: &str,
    parsed: Option<Parsed>,
    scan: Option<&Scan<'_>>,
) -> Result<Case, Diagnostics> {
    let Some(parsed) = parsed else {
        let message = "the reader of this format failed on the file instead of answering";
        let hint = "the file is probably damaged; if another program opens it, please report it";
        return Err(Diagnostic::error("case.reader.defect", message).at(file, None).hint(hint).into());
    };
    let (network, findings) = match parsed {
        Ok(parsed) => parsed,
        Err(findings) => {
            let mut complaints = Complaints::default();
            if let Some(scan) = scan {
                scan.complain_of_references(&mut complaints);
            }
            // Our own words say it with its place; the reader stops at the first and counts rows from zero.
            return Err(if complaints.errors() > 0 {
                complaints.finish()
            } else {
                translate(&findings, file, text)
            });
        }
    };
    let mut case = Case { file: file.to_owned(), ..Case::default() };
    let mut complaints = Complaints::default();
    for finding in &findings {
        let diagnostic = translated(finding, file, text);
        if diagnostic.severity < Severity::Error && is_omission(finding.code()) {
            case.ignored.push(diagnostic.message.clone());
        }
        complaints.push(diagnostic);
    }
    convert::fill(&mut case, &network, &mut complaints);
    if case.name.is_empty() {
        case.name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    }
    if let Some(scan) = scan {
        add_lines(&mut case, scan, &mut complaints);
    }
    if case.buses.is_empty() {
        let message = "the file declares no bus";
        complaints.push(Diagnostic::error("case.bus.none", message).at(file, None).hint(FORMATS));
    }
    check::numbers(&case, &mut complaints);
    let mut diagnostics = complaints.finish();
    if !text.is_empty() {
        super::complaints::show_lines(&mut diagnostics, text);
    }
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    case.diagnostics = diagnostics;
    Ok(case)
}

/// Gives every bus, branch and unit its line, and compares the number of rows with what was read.
fn add_lines(case: &mut Case, scan: &Scan<'_>, complaints: &mut Complaints) {
    let read = [("bus", case.buses.len()), ("branch", case.branches.len()), ("gen", case.units.len())];
    for (table, rows) in read {
        let stated = scan.rows(table).len();
        if stated != rows {
            let message = format!("mpc.{table} states {stated} rows, but {rows} were read");
            complaints.push(Diagnostic::error("case.matpower.rows", message).at(case.file.as_str(), None));
        }
    }
    let line = |table: &str, i: usize| scan.rows(table).get(i).map(|row| row.line);
    case.buses.iter_mut().enumerate().for_each(|(i, bus)| bus.line = line("bus", i));
    case.branches.iter_mut().enumerate().for_each(|(i, branch)| branch.line = line("branch", i));
    case.units.iter_mut().enumerate().for_each(|(i, unit)| unit.line = line("gen", i));
    for table in scan.other_tables() {
        if !["dcline", "storage"].contains(&table.name) {
            case.ignored.push(format!("table mpc.{} ({} rows)", table.name, table.rows.len()));
        }
    }
}

fn unreadable(file: &str, error: &std::io::Error) -> Diagnostics {
    let (code, hint) = match error.kind() {
        std::io::ErrorKind::NotFound => {
            ("case.file.missing", "check the path; it is relative to the working folder")
        }
        _ => ("case.file.unreadable", "check that the file may be read"),
    };
    Diagnostic::error(code, format!("the file cannot be read: {error}")).at(file, None).hint(hint).into()
}

fn refuse_what_is_no_text(file: &str, bytes: &[u8], extension: &str) -> Result<(), Diagnostics> {
    let binary = ["pwb", "zip"].contains(&extension);
    let refusal = if bytes.iter().all(u8::is_ascii_whitespace) {
        Diagnostic::error("case.file.empty", "the file is empty").hint("fetch or write it again")
    } else if bytes.starts_with(&[0x1f, 0x8b]) {
        Diagnostic::error("case.file.binary", "the file is compressed with gzip")
            .hint("unpack it first: gunzip")
    } else if !binary && bytes.contains(&0) {
        Diagnostic::error("case.file.binary", "the file is binary, not the text of a case").hint(FORMATS)
    } else {
        return Ok(());
    };
    Err(refusal.at(file, None).into())
}

/// Findings that say that something of the file is not in the case: each is a line of [`Case::ignored`].
fn is_omission(code: &str) -> bool {
    ["DROPPED", "UNSUPPORTED", "UNMAPPED", "IGNORED", "SOURCE_ONLY"].iter().any(|end| code.ends_with(end))
}

/// All findings of a reader that gave up, with at least one error.
fn translate(findings: &[Finding], file: &str, text: &str) -> Diagnostics {
    let mut complaints = Complaints::default();
    findings.iter().for_each(|finding| complaints.push(translated(finding, file, text)));
    if complaints.errors() == 0 {
        complaints
            .push(Diagnostic::error("case.reader.refused", "the reader refused the file").at(file, None));
    }
    complaints.finish()
}

fn translated(finding: &Finding, file: &str, text: &str) -> Diagnostic {
    let code = format!("case.{}", finding.code().to_lowercase().replace('_', "-"));
    let mut diagnostic = Diagnostic::error(code, finding.message());
    diagnostic.severity = severity(finding);
    diagnostic.place = Some(match finding.spans().first() {
        Some(span) if !text.is_empty() => {
            place_of(file, text, usize::try_from(span.byte_start()).unwrap_or(usize::MAX))
        }
        _ => Place { file: file.to_owned(), ..Place::default() },
    });
    diagnostic.hint = match finding.code() {
        "REQUEST.FORMAT.UNKNOWN" => Some(FORMATS.to_owned()),
        _ => finding.suggested_action().map(str::to_owned),
    };
    diagnostic
}

/// How bad a finding is for a power flow. The reader converts between formats, so it calls a warning what loses a
/// number and what loses a comment alike; here a finding that leaves a number wrong is an error.
fn severity(finding: &Finding) -> Severity {
    let (code, message) = (finding.code(), finding.message());
    let says = |words: &[&str]| words.iter().any(|w| message.contains(w));
    let reported = match finding.severity() {
        DiagnosticSeverity::Error => Severity::Error,
        DiagnosticSeverity::Warning => Severity::Warning,
        _ => Severity::Note,
    };
    match code {
        // Statements, code words or mandatory fields that were not honoured: the numbers are not the file's.
        "READ.MATPOWER.INDEXED_ASSIGNMENT"
        | "READ.PSSE.VALUE_UNSUPPORTED"
        | "READ.IEEE_CDF.RECORD_TRUNCATED"
        | "READ.PSLF.RECORD_DROPPED"
        | "READ.PSLF.SOURCE_MALFORMED" => Severity::Error,
        // A transformer whose impedance base or ratio could not be used as stated.
        "READ.PSSE.VALUE_SUBSTITUTED" if says(&["PSS/E transformer", "impedance correction"]) => {
            Severity::Error
        }
        // Control pointers and tables that only steer control leave the stored operating point as it is.
        "READ.PSSE.REFERENCE_DROPPED" if says(&["impedance is read uncorrected"]) => Severity::Error,
        // The title card's date decides nothing; a section without end or with another count may have lost records.
        "READ.IEEE_CDF.SOURCE_MALFORMED"
            if says(&["is not closed", "header declares", "outside a section"]) =>
        {
            Severity::Error
        }
        "READ.IEEE_CDF.VALUE_SUBSTITUTED" => Severity::Error,
        "READ.PANDAPOWER.FIELD_DROPPED" if says(&["taps were ignored"]) => Severity::Error,
        // Costs, labels and fields that the format itself keeps for other programs.
        _ if says(&["poly_cost", "pwl_cost", "retained only in"])
            && !says(&["section", "table contains"]) =>
        {
            Severity::Note
        }
        _ => reported,
    }
}
