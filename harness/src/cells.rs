//! Tables with a header, read cell by cell: what is wrong is collected with its line.

use std::cell::RefCell;
use std::path::Path;
use std::str::FromStr;

use powerflow::{Diagnostic, Diagnostics};
use scenarios::nearest;

/// Complaints about one file that are told; a file of another kind is wrong in every line.
const TOLD: usize = 20;

/// A table, with what is wrong in it so far. Cells hold no line ends, and commas only between double
/// quotes, which are taken off.
#[derive(Debug)]
pub(crate) struct Table {
    file: String,
    header: Vec<String>,
    /// Line in the file from 1, and the cells.
    rows: Vec<(u32, Vec<String>)>,
    complaints: RefCell<Vec<Diagnostic>>,
    /// Begins the codes of complaints.
    code: String,
}

impl Table {
    /// Reads a file; `code` begins the codes of complaints.
    pub(crate) fn read(path: &Path, code: &str) -> Result<Self, Diagnostics> {
        let file = path.display().to_string();
        let refuse = |problem: &str, message: String| {
            Diagnostics::from(Diagnostic::error(format!("{code}.{problem}"), message).at(file.as_str(), None))
        };
        let bytes = std::fs::read(path)
            .map_err(|error| refuse("read", format!("the table cannot be read: {error}")))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| refuse("encoding", "the table is not text in UTF-8".into()))?;
        Table::of(&file, &text, code)
    }

    /// The same from text.
    pub(crate) fn of(file: &str, text: &str, code: &str) -> Result<Self, Diagnostics> {
        let cells = |line: &str| -> Vec<String> {
            let mut quoted = false;
            let separates = |c: char| {
                quoted ^= c == '"';
                c == ',' && !quoted
            };
            line.split(separates).map(|cell| cell.trim().trim_matches('"').trim().to_owned()).collect()
        };
        let mut lines = (1u32..)
            .zip(text.trim_start_matches('\u{feff}').lines())
            .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let Some((_, header)) = lines.next() else {
            let message = "the table is empty: it should begin with the names of its columns";
            return Err(Diagnostic::error(format!("{code}.empty"), message).at(file, None).into());
        };
        let table = Table {
            file: file.to_owned(),
            header: cells(header),
            rows: lines.map(|(line, text)| (line, cells(text))).collect(),
            complaints: RefCell::default(),
            code: code.to_owned(),
        };
        for (line, row) in &table.rows {
            if row.len() != table.header.len() {
                let message = format!("{} cells in a table of {} columns", row.len(), table.header.len());
                table.complain(Diagnostic::error(format!("{code}.cells"), message), Some(*line));
            }
        }
        table.whole()
    }

    /// Place of a column, if the table has it.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name)
    }

    /// Place of a column; a missing one is a complaint.
    pub(crate) fn need(&self, name: &str, code: &str) -> Option<usize> {
        let column = self.column(name);
        if column.is_none() {
            let known = self.header.iter().map(String::as_str);
            self.complain(
                Diagnostic::error(format!("{code}.column"), format!("the table has no column `{name}`"))
                    .hint(nearest::advice(name, known)),
                Some(1),
            );
        }
        column
    }

    /// Place of the first of these columns that the table has; where it has none, the first is missed.
    pub(crate) fn need_any(&self, names: &[&str], code: &str) -> Option<usize> {
        names.iter().find_map(|name| self.column(name)).or_else(|| self.need(names[0], code))
    }

    /// Every row: its line and its cells.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (u32, &[String])> {
        self.rows.iter().map(|(line, cells)| (*line, cells.as_slice()))
    }

    /// A number of a row; what is none is a complaint. `wanted` says what it should be.
    pub(crate) fn number<T: FromStr>(
        &self,
        (line, cells): (u32, &[String]),
        column: usize,
        code: &str,
        wanted: &str,
    ) -> Option<T> {
        let cell = &cells[column];
        let number = cell.parse().ok();
        if number.is_none() {
            let message = format!("`{}` is \"{cell}\", it should be {wanted}", self.header[column]);
            self.complain(Diagnostic::error(format!("{code}.cell"), message), Some(line));
        }
        number
    }

    /// Notes a complaint about a line.
    pub(crate) fn complain(&self, diagnostic: Diagnostic, line: Option<u32>) {
        self.complaints.borrow_mut().push(diagnostic.at(self.file.as_str(), line));
    }

    /// The value where nothing was wrong.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, Diagnostics> {
        self.whole().map(|_| value)
    }

    /// The table, where nothing was wrong so far.
    pub(crate) fn whole(mut self) -> Result<Self, Diagnostics> {
        let mut complaints = std::mem::take(self.complaints.get_mut());
        if complaints.is_empty() {
            return Ok(self);
        }
        complaints.sort_by_key(|complaint| complaint.place.as_ref().and_then(|place| place.line));
        let more = complaints.len().saturating_sub(TOLD);
        complaints.truncate(TOLD);
        if more > 0 {
            let message = format!("and {more} more complaints about this file");
            complaints
                .push(Diagnostic::error(format!("{}.more", self.code), message).at(self.file.as_str(), None));
        }
        Err(Diagnostics(complaints))
    }
}
