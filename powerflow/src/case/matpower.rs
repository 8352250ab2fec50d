//! What the text of a MATPOWER file says beside its numbers: the line of every row, and the statements that a reader
//! of literals does not evaluate.
//!
//! The numbers come from the crate powerio-tx. It reads `mpc.NAME = literal` and passes over everything else, except
//! indexed assignments, which it evaluates or warns about. A MATLAB statement it passes over may change any number, so
//! this scan finds every such statement and makes it an error.

use crate::case::complaints::{Complaints, place_of};
use crate::diagnostic::Diagnostic;

/// One row of a table: where it starts and ends in the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Row {
    /// Line in the file, from 1.
    pub(super) line: u32,
    start: usize,
    end: usize,
}

/// One `mpc.NAME = ...` statement.
#[derive(Debug)]
pub(super) struct Table<'a> {
    pub(super) name: &'a str,
    pub(super) rows: Vec<Row>,
    start: usize,
    closed: bool,
}

/// The statements of a file.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    text: &'a str,
    file: &'a str,
    pub(super) tables: Vec<Table<'a>>,
    /// Statements that are no literal assignment and that nothing else here evaluates: byte offset and text.
    strangers: Vec<(usize, &'a str)>,
    /// Whether there are indexed assignments: then the reader has examined every statement itself.
    indexed: bool,
}

/// Tables whose numbers enter the case; any other is only named.
const READ: [&str; 8] = ["baseMVA", "version", "bus", "gen", "branch", "bus_name", "gentype", "genfuel"];

impl<'a> Scan<'a> {
    /// Scans a whole file.
    pub(super) fn of(text: &'a str, file: &'a str) -> Self {
        let mut scan = Scan { text, file, tables: Vec::new(), strangers: Vec::new(), indexed: false };
        let mut comment_depth = 0_usize;
        let mut functions = 0;
        let mut lines = Lines { text, at: 0, number: 0 };
        while let Some((start, line, number)) = lines.next() {
            match line.trim() {
                "%{" => {
                    comment_depth += 1;
                    continue;
                }
                "%}" if comment_depth > 0 => {
                    comment_depth -= 1;
                    continue;
                }
                _ => {}
            }
            let code = code_of(line);
            let trimmed = code.trim();
            if comment_depth > 0 {
                // The reader of numbers does not know block comments: what looks like a table in one would be read.
                if trimmed.starts_with("mpc.") {
                    scan.strangers.push((start, line));
                }
                continue;
            }
            if trimmed.is_empty() {
                continue;
            }
            let start = start + (code.len() - code.trim_start().len());
            match assignment(trimmed) {
                Some((name, rhs)) if rhs.starts_with('[') || rhs.starts_with('{') => {
                    scan.table(name, start, rhs, number, &mut lines);
                }
                Some((name, rhs)) => {
                    scan.tables.push(Table { name, rows: Vec::new(), start, closed: true });
                    if !is_scalar(rhs) {
                        scan.strangers.push((start, line));
                    }
                }
                None if trimmed.starts_with("function") => {
                    functions += 1;
                    if functions > 1 {
                        scan.strangers.push((start, line));
                    }
                }
                None if is_indexed_assignment(trimmed) => scan.indexed = true,
                None if is_harmless(trimmed) => {}
                None => scan.strangers.push((start, line)),
            }
        }
        scan
    }

    /// Reads on from the opening bracket to the closing one, noting rows.
    fn table(&mut self, name: &'a str, start: usize, rhs: &'a str, first: u32, lines: &mut Lines<'a>) {
        let close = if rhs.starts_with('[') { ']' } else { '}' };
        let mut table = Table { name, rows: Vec::new(), start, closed: false };
        let mut code = &rhs[1..];
        let mut number = first;
        let mut continued = false;
        loop {
            let end = find_outside_quotes(code, close);
            let body = &code[..end.unwrap_or(code.len())];
            let base = body.as_ptr() as usize - self.text.as_ptr() as usize;
            let mut at = 0;
            for piece in body.split(';') {
                let content = piece.trim().trim_end_matches("...").trim_end();
                if !content.is_empty() {
                    let start = base + at + (piece.len() - piece.trim_start().len());
                    let end = start + content.len();
                    match table.rows.last_mut() {
                        Some(row) if continued && at == 0 => row.end = end,
                        _ => table.rows.push(Row { line: number, start, end }),
                    }
                }
                at += piece.len() + 1;
            }
            continued = body.trim_end().ends_with("...");
            if let Some(end) = end {
                table.closed = true;
                let rest = code[end + 1..].trim().trim_start_matches(';').trim();
                if !rest.is_empty() {
                    let offset = rest.as_ptr() as usize - self.text.as_ptr() as usize;
                    self.strangers.push((offset, rest));
                }
                break;
            }
            match lines.next() {
                Some((_, line, n)) => {
                    code = code_of(line);
                    number = n;
                }
                None => break,
            }
        }
        self.tables.push(table);
    }

    /// The rows of one table, where the file has it.
    pub(super) fn rows(&self, name: &str) -> &[Row] {
        self.tables.iter().find(|t| t.name == name).map_or(&[], |t| &t.rows)
    }

    /// Column `column` of a row: its text and its place in the file.
    pub(super) fn cell(&self, row: Row, column: usize) -> Option<(&'a str, usize)> {
        let separator = |c: char| c.is_whitespace() || c == ',';
        let cell = self.text[row.start..row.end].split(separator).filter(|t| !t.is_empty()).nth(column)?;
        Some((cell, cell.as_ptr() as usize - self.text.as_ptr() as usize))
    }

    /// The rest of a row from column `column` on: a last cell that may hold spaces.
    pub(super) fn rest(&self, row: Row, column: usize) -> &'a str {
        let text = &self.text[row.start..row.end];
        self.cell(row, column).map_or("", |(_, at)| text[at - row.start..].trim())
    }

    /// Names in the comment `%column_names%` before a table; empty where there is none.
    pub(super) fn column_names(&self, name: &str) -> Vec<&'a str> {
        let start = self.tables.iter().find(|t| t.name == name).map_or(0, |t| t.start);
        let before = self.text[..start].trim_end().rsplit('\n').next().unwrap_or_default();
        before.trim().strip_prefix("%column_names%").map_or_else(Vec::new, |n| n.split_whitespace().collect())
    }

    fn number(&self, row: Row, column: usize) -> Option<f64> {
        self.cell(row, column)?.0.parse().ok()
    }

    /// Complains, pointing at byte `at`.
    fn point(&self, out: &mut Complaints, at: usize, diagnostic: Diagnostic) {
        out.push_at(diagnostic, || place_of(self.file, self.text, at));
    }

    /// Names of tables that are in the file and not in the case.
    pub(super) fn other_tables(&self) -> impl Iterator<Item = &Table<'a>> {
        self.tables.iter().filter(|t| !READ.contains(&t.name))
    }

    /// Everything that makes the numbers doubtful, whoever reads them: statements nobody evaluates, tables stated
    /// twice, a matrix without end.
    pub(super) fn complain(&self, out: &mut Complaints) {
        for (i, table) in self.tables.iter().enumerate() {
            if !table.closed {
                let message = format!("the file ends inside mpc.{}: its bracket is never closed", table.name);
                let hint = "the file is probably cut off: fetch or write it again";
                self.point(out, table.start, Diagnostic::error("case.file.truncated", message).hint(hint));
            }
            if self.tables[..i].iter().any(|t| t.name == table.name) {
                let message =
                    format!("mpc.{} is assigned a second time; MATPOWER would use this one", table.name);
                let hint = "keep one of the two";
                self.point(out, table.start, Diagnostic::error("case.matpower.twice", message).hint(hint));
            }
        }
        if self.indexed {
            return;
        }
        for &(at, text) in &self.strangers {
            let message = format!("`{}` is a MATLAB statement that is not evaluated here", text.trim());
            let hint = "run the file in MATPOWER and save the result with savecase, then read that";
            self.point(out, at, Diagnostic::error("case.matpower.not-evaluated", message).hint(hint));
        }
    }

    /// Columns where MATPOWER and the reader of numbers understand an odd value differently: bus types and statuses.
    pub(super) fn complain_of_codes(&self, out: &mut Complaints) {
        let rules: [(&str, usize, &str, &[f64]); 3] = [
            ("bus", 1, "type", &[1.0, 2.0, 3.0, 4.0]),
            ("gen", 7, "status", &[0.0, 1.0]),
            ("branch", 10, "status", &[0.0, 1.0]),
        ];
        for (table, column, what, allowed) in rules {
            for (i, &row) in self.rows(table).iter().enumerate() {
                let Some((cell, at)) = self.cell(row, column) else { continue };
                if !cell.parse().is_ok_and(|v: f64| allowed.contains(&v)) {
                    let list = allowed.iter().map(|v| v.to_string()).collect::<Vec<_>>().join(", ");
                    let message =
                        format!("{what} of {table} row {} is {cell}, and must be one of {list}", i + 1);
                    self.point(out, at, Diagnostic::error("case.matpower.code", message));
                }
            }
        }
    }

    /// Why references fail, all of them and each with its place: duplicate bus numbers, rows that name no bus.
    pub(super) fn complain_of_references(&self, out: &mut Complaints) {
        let mut ids: Vec<(u64, Row)> = Vec::new();
        for &row in self.rows("bus") {
            if let Some(id) = self.number(row, 0).filter(|v| *v >= 0.0 && v.fract() == 0.0) {
                ids.push((id as u64, row));
            }
        }
        ids.sort_by_key(|(id, row)| (*id, row.line, row.start));
        for pair in ids.windows(2).filter(|p| p[0].0 == p[1].0) {
            let message =
                format!("bus {} is declared twice; the first time on line {}", pair[1].0, pair[0].1.line);
            self.point(out, pair[1].1.start, Diagnostic::error("case.bus.duplicate", message));
        }
        let known: Vec<u64> = ids.iter().map(|(id, _)| *id).collect();
        let declared = match self.rows("bus") {
            [first, .., last] => format!("; buses are declared on lines {} to {}", first.line, last.line),
            _ => String::new(),
        };
        for (table, columns, subject) in [
            ("branch", &[(0, "starts at"), (1, "ends at")][..], "branch"),
            ("gen", &[(0, "is at")][..], "unit"),
            ("dcline", &[(0, "starts at"), (1, "ends at")][..], "DC line"),
        ] {
            let code = match table {
                "branch" => "case.branch.unknown-bus",
                "gen" => "case.unit.unknown-bus",
                _ => "case.dcline.unknown-bus",
            };
            for (i, &row) in self.rows(table).iter().enumerate() {
                for &(column, verb) in columns {
                    let Some(id) = self.number(row, column).filter(|v| *v >= 0.0 && v.fract() == 0.0) else {
                        continue;
                    };
                    let id = id as u64;
                    if known.binary_search(&id).is_err() {
                        let at = self.cell(row, column).map_or(row.start, |(_, at)| at);
                        let message =
                            format!("{subject} {} {verb} bus {id}, which the file does not define", i + 1);
                        let hint = format!("{}{declared}", nearest(&known, id));
                        self.point(out, at, Diagnostic::error(code, message).hint(hint));
                    }
                }
            }
        }
    }
}

/// "nearest bus numbers are 901 and 910", from sorted numbers.
pub(super) fn nearest(sorted: &[u64], id: u64) -> String {
    let right = sorted.partition_point(|&known| known < id);
    match (right.checked_sub(1).map(|i| sorted[i]), sorted.get(right)) {
        (Some(low), Some(high)) => format!("nearest bus numbers are {low} and {high}"),
        (Some(low), None) => format!("the largest bus number is {low}"),
        (None, Some(high)) => format!("the smallest bus number is {high}"),
        (None, None) => "the file declares no bus".to_owned(),
    }
}

struct Lines<'a> {
    text: &'a str,
    at: usize,
    number: u32,
}

impl<'a> Lines<'a> {
    /// Offset, text without its end, and number of the next line.
    fn next(&mut self) -> Option<(usize, &'a str, u32)> {
        if self.at >= self.text.len() {
            return None;
        }
        let start = self.at;
        let end = self.text[start..].find('\n').map_or(self.text.len(), |i| start + i);
        self.at = end + 1;
        self.number += 1;
        let line = &self.text[start..end];
        Some((start, line.strip_suffix('\r').unwrap_or(line), self.number))
    }
}

/// The line up to its comment.
fn code_of(line: &str) -> &str {
    &line[..find_outside_quotes(line, '%').unwrap_or(line.len())]
}

/// Byte offset of `wanted` outside of quoted strings.
fn find_outside_quotes(code: &str, wanted: char) -> Option<usize> {
    let mut quote = None;
    for (i, c) in code.char_indices() {
        match quote {
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if c == wanted => return Some(i),
            None if c == '\'' || c == '"' => quote = Some(c),
            None => {}
        }
    }
    None
}

/// `mpc.NAME = REST` -> (NAME, REST).
fn assignment(code: &str) -> Option<(&str, &str)> {
    let rest = code.strip_prefix("mpc.")?;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let rhs = rest[end..].trim_start().strip_prefix('=')?.trim_start();
    (end > 0 && !rhs.starts_with('=')).then_some((&rest[..end], rhs))
}

/// A number or a quoted string, and nothing after it.
fn is_scalar(rhs: &str) -> bool {
    let rhs = rhs.trim_end().trim_end_matches(';').trim_end();
    let quoted = |q: char| {
        rhs.len() >= 2 && rhs.starts_with(q) && rhs.ends_with(q) && !rhs[1..rhs.len() - 1].contains(q)
    };
    rhs.parse::<f64>().is_ok() || quoted('\'') || quoted('"')
}

/// `mpc.NAME(...) = ...`, also with `*=` and its like: the reader evaluates these or warns.
fn is_indexed_assignment(code: &str) -> bool {
    let Some(rest) = code.strip_prefix("mpc.") else { return false };
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let Some(inside) = rest[end..].trim_start().strip_prefix('(') else { return false };
    let mut depth = 1;
    for (i, c) in inside.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let after = inside[i + 1..].trim_start();
            let after = after.strip_prefix(['+', '-', '*', '/', '\\', '^']).unwrap_or(after);
            return after.starts_with('=') && !after.starts_with("==");
        }
    }
    false
}

/// Statements that cannot change a literal: end of the function, names of columns, local variables.
fn is_harmless(code: &str) -> bool {
    let code = code.trim_end_matches([';', ',']).trim();
    if code.is_empty() || ["end", "endfunction", "return", "define_constants", "clear", "clc"].contains(&code)
    {
        return true;
    }
    if code.contains("mpc") || code.contains(';') {
        return false;
    }
    // A local variable or `[PQ, PV] = idx_bus`: no literal can refer to it without being refused as a number.
    let Some((name, rhs)) = code.split_once('=') else { return false };
    let name = name.trim();
    let plain = |n: &str| {
        n.starts_with(|c: char| c.is_ascii_alphabetic())
            && n.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let names = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    !rhs.starts_with('=')
        && names.map_or_else(
            || plain(name),
            |list| {
                list.split([',', ' ', '\t']).filter(|n| !n.is_empty() && *n != "..." && *n != "~").all(plain)
            },
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: &str = "function mpc = tiny\n%% comment\nmpc.version = '2';\nmpc.baseMVA = 100;\nmpc.bus = [ % types\n\t1\t3 0 0; 2 1 0 0;\n\n  3 1 ...\n 0 0\n];\nmpc.bus_name = {\n\t'a ] b';\n};\n";

    fn complaints(text: &str) -> Vec<String> {
        let mut out = Complaints::default();
        Scan::of(text, "tiny.m").complain(&mut out);
        out.finish().0.into_iter().map(|d| d.code.to_string()).collect()
    }

    #[test]
    fn every_row_has_its_line() {
        let scan = Scan::of(CASE, "tiny.m");
        let rows = scan.rows("bus");
        assert_eq!(rows.iter().map(|r| r.line).collect::<Vec<_>>(), [6, 6, 8]);
        assert_eq!(scan.cell(rows[1], 0).map(|c| c.0), Some("2"));
        assert_eq!(scan.rows("bus_name").len(), 1);
        assert_eq!(complaints(CASE), Vec::<String>::new());
    }

    #[test]
    fn a_statement_that_nobody_evaluates_is_an_error() {
        for statement in [
            "mpc = scale_load(2, mpc);",
            "mpc.bus = mpc.bus * 2;",
            "mpc.gen = [1 2 3] * 2;",
            "mpc.gen = [1 2 3]; mpc.branch = [1 2];",
            "if x",
            "mpc.baseMVA = Sbase;",
            "mpc.bus.x(3) = 4;",
            "mpc.bus(3, 4) = [];\nfunction other",
        ] {
            let text = format!("{CASE}{statement}\n");
            let found = complaints(&text);
            let indexed = statement.starts_with("mpc.bus(3");
            assert_eq!(found.is_empty(), indexed, "{statement}: {found:?}");
        }
    }

    #[test]
    fn local_names_and_comments_are_harmless() {
        let text = format!(
            "{CASE}Vbase = 12.66 * 1e3;\n[PQ, PV, REF] = idx_bus;\n% mpc = f(mpc)\n%{{\nmpc = g(mpc)\n%}}\nend\n"
        );
        assert_eq!(complaints(&text), Vec::<String>::new());
    }

    #[test]
    fn a_cut_file_and_a_second_table_are_errors() {
        assert_eq!(complaints("mpc.bus = [\n 1 2 3\n"), ["case.file.truncated"]);
        assert_eq!(complaints("mpc.gen = [];\nmpc.gen = [];\n"), ["case.matpower.twice"]);
    }

    #[test]
    fn a_dangling_branch_is_shown_with_its_line_and_its_neighbours() {
        let text = "mpc.bus = [\n901 3\n910 1\n];\nmpc.branch = [\n901 9010 0 1\n];\n";
        let mut out = Complaints::default();
        Scan::of(text, "c.m").complain_of_references(&mut out);
        let all = out.finish();
        assert_eq!(all.0.len(), 1);
        let shown = all.0[0].to_string();
        assert!(shown.contains("branch 1 ends at bus 9010, which the file does not define"), "{shown}");
        assert!(shown.contains("c.m:6:5"), "{shown}");
        assert!(
            shown.contains("the largest bus number is 910; buses are declared on lines 2 to 3"),
            "{shown}"
        );
        assert_eq!(nearest(&[901, 910], 905), "nearest bus numbers are 901 and 910");
    }
}
