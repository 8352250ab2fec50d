//! File -> [`Case`], in any format that the crate powerio-tx reads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use powerio_core::{Diagnostic as Finding, DiagnosticSeverity, Source};
use powerio_tx::BalancedNetwork;

use crate::case::complaints::{Complaints, place_of};
use crate::case::matpower::Scan;
use crate::case::{Case, check, convert, psse};
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
        if extension == "raw" {
            let text = psse::prepared(&file, &text)?;
            let source = Source::from_memory(file.clone(), text.as_bytes().to_vec())
                .map_err(|e| translate(e.diagnostics(), &file, ""))?;
            return finish(&file, path, &text, parse(source), None);
        }
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
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let scan = Scan::of(text, &file);
    let mut complaints = Complaints::default();
    scan.complain(&mut complaints);
    scan.complain_of_codes(&mut complaints);
    if complaints.errors() > 0 {
        scan.complain_of_references(&mut complaints);
        return Err(complaints.finish());
    }
    let source = Source::from_memory(file.clone(), text.as_bytes().to_vec())
        .map_err(|e| translate(e.diagnostics(), &file, ""))?;
    finish(&file, path, text, parse(source), Some(&scan))
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
        let diagnostic = translated(finding);
        if diagnostic.severity < Severity::Error && is_omission(finding.code()) {
            case.ignored.push(diagnostic.message.clone());
        }
        complaints.push_at(diagnostic, || place(finding, file, text));
    }
    convert::fill(&mut case, &network, &mut complaints);
    if case.name.is_empty() {
        case.name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    }
    if let Some(scan) = scan {
        add_lines(&mut case, scan, &mut complaints);
        case.prime_movers = super::prime_mover::of_matpower(scan, case.units.len());
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
    findings.iter().for_each(|f| complaints.push_at(translated(f), || place(f, file, text)));
    if complaints.errors() == 0 {
        complaints
            .push(Diagnostic::error("case.reader.refused", "the reader refused the file").at(file, None));
    }
    complaints.finish()
}

fn translated(finding: &Finding) -> Diagnostic {
    let code = format!("case.{}", finding.code().to_lowercase().replace('_', "-"));
    let mut diagnostic = Diagnostic::error(code, finding.message());
    diagnostic.severity = severity(finding);
    diagnostic.hint = match finding.code() {
        "REQUEST.FORMAT.UNKNOWN" => Some(FORMATS.to_owned()),
        "PARSE.SOURCE.MALFORMED" if finding.message().starts_with("PSS/E .raw") => {
            Some("revisions 32 to 35 are read; let PSS/E or MATPOWER write an older file anew".to_owned())
        }
        _ => finding.suggested_action().map(str::to_owned),
    };
    diagnostic
}

fn place(finding: &Finding, file: &str, text: &str) -> Place {
    match finding.spans().first() {
        Some(span) if !text.is_empty() => {
            place_of(file, text, usize::try_from(span.byte_start()).unwrap_or(usize::MAX))
        }
        _ => Place { file: file.to_owned(), ..Place::default() },
    }
}

/// Sections of PSS/E files, as the reader names them in RAW and in RAWX, that hold no equipment.
const ADMINISTRATIVE: [&str; 16] = [
    "OWNER",
    "ZONE",
    "INTER-AREA",
    "MULTI-SECTION",
    "`owner`",
    "`zone`",
    "`iatrans`",
    "`msline`",
    "`adjust`",
    "`gauss`",
    "`general`",
    "`newton`",
    "`rating`",
    "`solver`",
    "`tysl`",
    "`case`",
];

/// "bus data header declares 118 item(s); 57 record(s) follow": records are missing. Published files declare too few.
fn lost_records(message: &str) -> bool {
    let mut numbers = message
        .split_once(" header declares ")
        .filter(|(section, _)| section.ends_with("bus data") || section.ends_with("branch data"))
        .map(|(_, counts)| counts)
        .into_iter()
        .flat_map(|counts| counts.split_whitespace())
        .filter_map(|word| word.parse::<usize>().ok());
    matches!((numbers.next(), numbers.next()), (Some(declared), Some(found)) if found < declared)
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
        "READ.IEEE_CDF.SOURCE_MALFORMED" if says(&["is not closed"]) || lost_records(message) => {
            Severity::Error
        }
        "READ.IEEE_CDF.VALUE_SUBSTITUTED" => Severity::Error,
        "READ.PANDAPOWER.FIELD_DROPPED" if says(&["taps were ignored"]) => Severity::Error,
        "READ.PANDAPOWER.TABLE_UNSUPPORTED" if says(&["open switches are not applied"]) => Severity::Error,
        // Results, costs, labels, schedules of interchange and solver settings: no part of a power flow's question.
        "READ.PSSE.SECTION_UNSUPPORTED"
            if message.split_whitespace().any(|w| ADMINISTRATIVE.contains(&w)) =>
        {
            Severity::Note
        }
        "READ.PANDAPOWER.TABLE_UNSUPPORTED" if says(&["`res_", "_geodata`", "`measurement`", "_cost`"]) => {
            Severity::Note
        }
        "READ.PYPSA.TABLE_UNSUPPORTED" if !says(&["stores.csv"]) => Severity::Note,
        "READ.PSSE.FIELD_DROPPED" if says(&["retained only in the same format source"]) => Severity::Note,
        _ => reported,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::BusKind;

    const TINY: &str = "function mpc = tiny
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [
	7	3	0	0	0	0	1	1.02	0	230	1	1.1	0.9;
	3	2	50	10	1	-5	1	1	-2	230	1	1.1	0.9;
	9	4	5	1	0	0	2	1	0	115	1	1.1	0.9;
];
mpc.gen = [
	7	40	0	99	-99	1.02	100	1	80	0	0	0	0	0	0	0	2	30	0	0	0;
	3	0	0	Inf	-Inf	1	100	0	80	0	0	0	0	0	0	0	0	30	0	0	0;
];
mpc.branch = [
	7	3	0.01	0.1	0.04	0	0	0	0	0	1	-360	360;
	7	3	0	0.2	0	60	70	80	0.98	5	0	-360	360;
];
mpc.dcline = [
	7	3	1	10	9	0	0	1	1	0	20	-5	5	-5	5	1	0;
];
";

    fn read_text(name: &str, text: impl AsRef<[u8]>) -> Result<Case, Diagnostics> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    fn codes(result: Result<Case, Diagnostics>) -> Vec<String> {
        let all = result.expect_err("must be refused");
        assert!(all.has_errors(), "{all}");
        all.0.into_iter().map(|d| d.code.to_string()).collect()
    }

    #[test]
    fn a_matpower_file_is_read_in_its_order_with_its_meaning() {
        let case = read_text("tiny.m", TINY).unwrap();
        assert_eq!((case.name.as_str(), case.base_mva.0), ("tiny", 100.0));
        assert_eq!(case.buses.iter().map(|b| b.id.0).collect::<Vec<_>>(), [7, 3, 9]);
        assert_eq!(case.buses.iter().map(|b| b.line).collect::<Vec<_>>(), [Some(5), Some(6), Some(7)]);
        assert_eq!(case.buses[2].kind, BusKind::Isolated);
        let (line, transformer) = (&case.branches[0], &case.branches[1]);
        // The manual, table B-3: tap 0 is a line of ratio 1; b is the total charging; rating 0 is unlimited.
        assert_eq!((line.tap, line.transformer, line.rate_a_mva), (1.0, false, None));
        assert_eq!((line.from_shunt_pu, line.to_shunt_pu), ((0.0, 0.02), (0.0, 0.02)));
        assert_eq!((transformer.tap, transformer.shift_deg, transformer.transformer), (0.98, 5.0, true));
        assert_eq!(
            (transformer.in_service, transformer.rate_b_mva, transformer.line),
            (false, Some(70.0), Some(15))
        );
        // Table B-2: RAMP_AGC is MW per minute, RAMP_10 is MW in ten minutes.
        assert_eq!(case.units[0].ramp_mw_per_min, Some(2.0));
        assert_eq!(case.units[1].ramp_mw_per_min, Some(3.0));
        assert_eq!((case.units[1].q_max_mvar, case.units[1].in_service), (f64::INFINITY, false));
        assert_eq!((case.shunts.len(), case.shunts[0].g_mw, case.shunts[0].b_mvar), (1, 1.0, -5.0));
        assert_eq!(case.loads.len(), 2);
        assert!(case.ignored.iter().any(|line| line.starts_with("DC lines: 1 (1 in service, 10.0 MW)")));
        assert!(!case.diagnostics.has_errors());
    }

    #[test]
    fn every_unusable_file_says_why() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(codes(read(&folder.path().join("no.m"))), ["case.file.missing"]);
        assert!(codes(read(folder.path()))[0].starts_with("case.request"));
        assert_eq!(codes(read_text("empty.m", "")), ["case.file.empty"]);
        assert_eq!(codes(read_text("blank.raw", " \n\n")), ["case.file.empty"]);
        assert_eq!(codes(read_text("binary.m", [77, 0, 1, 2])), ["case.file.binary"]);
        assert_eq!(codes(read_text("zipped.m", [0x1f, 0x8b, 8, 0])), ["case.file.binary"]);
        assert_eq!(codes(read_text("text.m", "no case at all")), ["case.matpower.not-evaluated"]);
        assert_eq!(codes(read_text("case.xyz", "hello")), ["case.request.format.unknown"]);
        let cut = &TINY[..TINY.find("0.98").unwrap()];
        assert_eq!(codes(read_text("cut.m", cut))[0], "case.file.truncated");
    }

    #[test]
    fn a_number_that_is_none_is_shown_with_its_line() {
        for (token, code) in [("NaN", "case.number.not-finite"), ("1..2", "case.parse.matpower.malformed")] {
            let text = TINY.replace("0.01\t0.1", &format!("{token}\t0.1"));
            let all = read_text("nan.m", text).unwrap_err();
            assert_eq!(all.0[0].code, code);
            let place = all.0[0].place.as_ref().unwrap();
            assert_eq!(place.line, Some(14), "{all}");
            assert!(place.text.as_ref().unwrap().contains(token), "{all}");
        }
    }

    #[test]
    fn every_dangling_reference_is_named_at_once() {
        let text = TINY.replace("\t7\t3\t0.01", "\t70\t3\t0.01").replace("\t3\t0\t0\tInf", "\t4\t0\t0\tInf");
        assert_eq!(codes(read_text("bad.m", text)), ["case.branch.unknown-bus", "case.unit.unknown-bus"]);
        let twice = TINY.replace("\t9\t4\t5", "\t3\t4\t5");
        assert_eq!(codes(read_text("twice.m", twice)), ["case.bus.duplicate"]);
    }

    #[test]
    fn an_odd_status_is_refused_because_programs_disagree_on_it() {
        let text = TINY.replace("0.98\t5\t0\t", "0.98\t5\t0.5\t");
        assert_eq!(codes(read_text("half.m", text)), ["case.matpower.code"]);
    }

    #[test]
    fn a_statement_that_changes_numbers_is_an_error() {
        let text = format!("{TINY}mpc.bus(:, 4) = mpc.bus(:, 3) * sin(acos(0.9));\n");
        assert_eq!(codes(read_text("indexed.m", text))[0], "case.read.matpower.indexed-assignment");
        // A conversion that the reader evaluates: MATPOWER's manual units idiom, as in case33bw.
        let text = format!("{TINY}mpc.bus(:, [3, 4]) = mpc.bus(:, [3, 4]) / 1e3;\n");
        let case = read_text("kw.m", text).unwrap();
        assert_eq!(case.loads[0].p_mw, 0.05);
    }

    #[test]
    fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
        let plain = read_text("tiny.m", TINY).unwrap();
        let marked = read_text("tiny.m", format!("\u{feff}{}", TINY.replace('\n', "\r\n"))).unwrap();
        assert_eq!(format!("{:?}", marked.branches), format!("{:?}", plain.branches));
        assert_eq!(marked.units[1].line, plain.units[1].line);
    }

    #[test]
    fn a_missing_record_of_a_declared_count_is_an_error() {
        assert!(lost_records("line 2: bus data header declares 118 item(s); 57 record(s) follow"));
        assert!(!lost_records("line 2: bus data header declares 57 item(s); 118 record(s) follow"));
        assert!(!lost_records("line 2: interchange data header declares 1 item(s); 0 record(s) follow"));
    }
}
