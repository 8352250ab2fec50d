//! `gridgate contingencies CASE`.

use std::path::PathBuf;

use clap::Args;
use reports::contingencies::ContingencyRecord;

use super::bar::Bar;
use super::physics::{Physics, StudyFormat};
use super::{complain, exit, print, refuse};
use crate::study::{self, ContingencySettings, Outages};

/// Bytes of the table that are printed at once.
const PRINTED: usize = 1 << 16;

/// Study what becomes of a grid when its branches fail.
#[derive(Debug, Args)]
pub(super) struct Contingencies {
    /// The case file (MATPOWER, PSS/E RAW, pandapower JSON, ...).
    case: PathBuf,
    /// Which outages: n-1 (every branch alone), n-2 (every pair in service), or a file with a line for each.
    #[arg(long, value_name = "n-1|n-2|FILE", default_value = "n-1")]
    outages: String,
    /// Refuse to begin with more outages than this.
    #[arg(long, value_name = "COUNT", default_value_t = ContingencySettings::OUTAGES_MAX)]
    outages_max: u64,
    /// Solve only the outages after which a linear estimate loads a branch to this percentage of its rating [90 without a
    /// number], and those that it cannot estimate.
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, require_equals = true, default_missing_value = "90")]
    screen: Option<f64>,
    #[command(flatten)]
    physics: Physics,
    /// Threads [default: all cores]. Changes no byte of the results.
    #[arg(long)]
    threads: Option<usize>,
    /// Folder for document, table and report; a study that was killed goes on there.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Also write the table as Apache Parquet to this file; of programs built with `--features parquet`.
    #[arg(long, value_name = "FILE")]
    parquet: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: StudyFormat,
    /// No progress bar.
    #[arg(long)]
    quiet: bool,
}

#[cfg(feature = "parquet")]
use study::ParquetTable as Export;

/// What stands for the table where this build has no Parquet.
#[cfg(not(feature = "parquet"))]
enum Export {}

#[cfg(not(feature = "parquet"))]
impl Export {
    fn begin(_path: &std::path::Path) -> Result<Self, powerflow::Diagnostics> {
        Err(powerflow::Diagnostic::error("usage.parquet", "this program was built without Parquet")
            .hint("cargo build --release --features parquet; or --format csv")
            .into())
    }

    fn push(&mut self, _record: &ContingencyRecord) -> Result<(), powerflow::Diagnostics> {
        match *self {}
    }

    fn finish(self) -> Result<(), powerflow::Diagnostics> {
        match self {}
    }
}

impl Contingencies {
    pub(super) fn run(self) -> u8 {
        let settings = ContingencySettings {
            outages: Outages::parse(&self.outages),
            outages_max: self.outages_max,
            screen: self.screen.map(|percent| percent / 100.0),
            newton: self.physics.config(),
            threads: self.threads,
            out: self.out,
        };
        let prepared = match study::prepare_contingencies(&self.case, &settings) {
            Ok(prepared) => prepared,
            Err(complaints) => return refuse(&complaints),
        };
        let mut export = match self.parquet.as_deref().map(Export::begin).transpose() {
            Ok(export) => export,
            Err(complaints) => return refuse(&complaints),
        };
        let mut not_exported = None;
        let bar = Bar::new("outages", self.quiet);
        // The table is printed as it grows: it may be larger than the memory.
        let mut table = String::from(ContingencyRecord::CSV_HEADER);
        let mut visit = |record: &ContingencyRecord| {
            if let (Some(export), None) = (&mut export, &not_exported) {
                not_exported = export.push(record).err();
            }
            if self.format == StudyFormat::Csv {
                table.push_str(&record.csv_line());
                if table.len() > PRINTED {
                    print(&std::mem::take(&mut table));
                }
            }
        };
        let studied = match prepared.run(&bar, &mut visit) {
            Ok(studied) => studied,
            Err(complaints) => {
                bar.abandon();
                // What a screen refuses is known only after the base case is solved, and is of the input all the same.
                let of_input =
                    |d: &powerflow::Diagnostic| ["outages.", "linear."].iter().any(|c| d.code.starts_with(c));
                if complaints.0.iter().any(of_input) {
                    return refuse(&complaints);
                }
                complain(&complaints.to_string());
                return exit::INFRASTRUCTURE;
            }
        };
        bar.finish();
        if let (Some(export), None, true) = (export, &not_exported, studied.document.base.is_some()) {
            not_exported = export.finish().err();
        }
        if let Some(complaints) = not_exported {
            complain(&complaints.to_string());
            return exit::INFRASTRUCTURE;
        }
        if studied.resumed > 0 {
            complain(&format!(
                "went on from an interrupted study: {} outages were done already",
                studied.resumed
            ));
        }
        let document = &studied.document;
        match self.format {
            StudyFormat::Text => {
                print(&reports::render::contingencies::text(document));
                match &settings.out {
                    Some(out) if document.base.is_some() => {
                        print(&format!("report {}", out.join("report.html").display()));
                    }
                    _ => {}
                }
            }
            StudyFormat::Json => match reports::canonical_json(document) {
                Ok(json) => print(&String::from_utf8_lossy(&json)),
                Err(problem) => {
                    complain(&problem.to_string());
                    return exit::INFRASTRUCTURE;
                }
            },
            StudyFormat::Csv => {
                // Without a base there is no table, and an empty one could be read as one without trouble.
                if document.base.is_some() && !table.is_empty() {
                    print(&table);
                }
            }
        }
        if document.base.is_some() {
            return exit::PASS;
        }
        complain(&format!(
            "error[study.no-base]: {} has no solution, and no outage was looked at\n{}\nhint: `gridgate solve` says more; \
             see whether another --start finds one",
            document.case,
            document.notes.join("\n")
        ));
        exit::FAIL
    }
}
