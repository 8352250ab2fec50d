//! `gridgate cascade CASE`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use powerflow::{Diagnostic, Diagnostics};

use super::bar::Bar;
use super::{complain, exit, print, refuse};
use crate::cascade::Engine;
use crate::hunt::{CascadeHunt, hunt_cascades};
use crate::run::local::cannot_write;
use crate::study::{self, CascadeQuestion, CascadeSource, PreparedCascades};

/// Follow what an outage sets off: relays, islands, lost demand.
#[derive(Debug, Args)]
pub(super) struct Cascade {
    /// The case file (MATPOWER, PSS/E RAW, pandapower JSON, ...).
    #[arg(required_unless_present = "tables", conflicts_with = "tables")]
    case: Option<PathBuf>,
    /// Instead of a case, a folder of tables: bus.csv, branch.csv, gen.csv and load.csv, for engine dcsep.
    #[arg(long, value_name = "DIR")]
    tables: Option<PathBuf>,
    /// Who decides what trips.
    #[arg(long, value_enum, default_value = "protection")]
    engine: Engine,
    /// What is lost at first: branches and generators by their row in the file, buses by number, with commas between.
    #[arg(
        long,
        value_name = "branch:9,gen:3,bus:12",
        required_unless_present_any = ["outages", "hunt"],
        conflicts_with_all = ["outages", "hunt"]
    )]
    outage: Option<String>,
    /// A table of outages, a set a line: columns `branches`, `gens` (rows in the file) and `buses` (numbers), blank-separated.
    #[arg(long, value_name = "FILE.csv")]
    outages: Option<PathBuf>,
    /// Instead of following given outages, search for the smallest sets of branches that cost more than 5 % of the demand, with so
    /// many cascades. Exit code 1 where any is found.
    #[arg(long, value_name = "CASCADES", conflicts_with = "outages")]
    hunt: Option<u64>,
    /// With --hunt: largest set that is kept.
    #[arg(long, requires = "hunt", value_name = "K", default_value_t = 5)]
    size_max: u32,
    /// With --hunt: seed of every draw.
    #[arg(long, requires = "hunt", default_value_t = 0)]
    seed: u64,
    /// Parameters of the engines (TOML, schema gridgate/cascade-settings/1).
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// With --outages: the file for the table, instead of standard output.
    #[arg(long, requires = "outages", value_name = "FILE.csv")]
    out: Option<PathBuf>,
    /// With --outages or --hunt: threads [default: all cores]. Changes no byte of the results.
    #[arg(long, conflicts_with = "outage")]
    threads: Option<usize>,
    /// How to print one outage; a table of outages is always CSV.
    #[arg(long, value_enum, default_value_t, conflicts_with = "outages")]
    format: CascadeFormat,
}

/// How a cascade is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum CascadeFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// A page with pictures.
    Html,
}

impl Cascade {
    pub(super) fn run(self) -> u8 {
        let source = match (self.case, self.tables) {
            (Some(case), _) => CascadeSource::Case(case),
            (None, Some(tables)) => CascadeSource::Tables(tables),
            (None, None) => return refuse(&Diagnostic::error("usage.case", "no case was given").into()),
        };
        let question = CascadeQuestion { source, engine: self.engine, settings: self.settings };
        let prepared = match study::prepare_cascades(&question) {
            Ok(prepared) => prepared,
            Err(complaints) => return refuse(&complaints),
        };
        if let Some(budget) = self.hunt {
            let hunt =
                CascadeHunt { budget, size_max: self.size_max, seed: self.seed, threads: self.threads };
            return search(&prepared, &hunt, self.format);
        }
        match (&self.outages, &self.outage) {
            (Some(outages), _) => table(&prepared, outages, self.threads, self.out.as_deref()),
            (None, outage) => one(&prepared, outage.as_deref().unwrap_or_default(), self.format),
        }
    }
}

fn search(prepared: &PreparedCascades, hunt: &CascadeHunt, format: CascadeFormat) -> u8 {
    if format == CascadeFormat::Html {
        let no_page = Diagnostic::error("usage.format", "what a search finds is no picture");
        return refuse(&no_page.hint("say --format text or --format json").into());
    }
    let bar = Bar::new("cascades", false);
    let document = match hunt_cascades(prepared, hunt, &bar) {
        Ok(document) => document,
        Err(complaints) => {
            bar.finish();
            return refuse(&complaints);
        }
    };
    bar.finish();
    match format {
        CascadeFormat::Json => match reports::canonical_json(&document) {
            Ok(json) => print(&String::from_utf8_lossy(&json)),
            Err(problem) => {
                complain(&problem.to_string());
                return exit::INFRASTRUCTURE;
            }
        },
        _ => print(&reports::render::hunt::text(&document)),
    }
    if document.found.is_empty() { exit::PASS } else { exit::FAIL }
}

fn one(prepared: &PreparedCascades, outage: &str, format: CascadeFormat) -> u8 {
    let document = match prepared.study(outage) {
        Ok(document) => document,
        Err(complaints) => return refuse(&complaints),
    };
    match format {
        CascadeFormat::Text => print(&reports::render::cascade::text(&document)),
        CascadeFormat::Html => match reports::render::cascade::html(&document, &prepared.picture()) {
            Ok(page) => print(&page),
            Err(problem) => {
                complain(&problem.to_string());
                return exit::INFRASTRUCTURE;
            }
        },
        CascadeFormat::Json => match reports::canonical_json(&document) {
            Ok(json) => print(&String::from_utf8_lossy(&json)),
            Err(problem) => {
                complain(&problem.to_string());
                return exit::INFRASTRUCTURE;
            }
        },
    }
    exit::PASS
}

fn table(prepared: &PreparedCascades, outages: &Path, threads: Option<usize>, out: Option<&Path>) -> u8 {
    let Some(out) = out else {
        let mut lines = |line: &str| {
            print(line);
            Ok(())
        };
        return match prepared.table(outages, threads, &mut lines) {
            Ok(()) => exit::PASS,
            Err(complaints) => refuse(&complaints),
        };
    };
    // Written beside its place and renamed: a reader never finds half a table.
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |error: &std::io::Error| {
        complain(&cannot_write(out, error).to_string());
        exit::INFRASTRUCTURE
    };
    let mut file = match tempfile::NamedTempFile::new_in(folder) {
        Ok(file) => file,
        Err(error) => return failed(&error),
    };
    let written = {
        let mut buffer = std::io::BufWriter::new(&mut file);
        let mut lines = |line: &str| -> Result<(), Diagnostics> {
            buffer.write_all(line.as_bytes()).map_err(|error| cannot_write(out, &error))
        };
        let written = prepared.table(outages, threads, &mut lines);
        written.and_then(|()| buffer.flush().map_err(|error| cannot_write(out, &error)))
    };
    if let Err(complaints) = written {
        if complaints.0.iter().any(|complaint| complaint.code == "run.write") {
            complain(&complaints.to_string());
            return exit::INFRASTRUCTURE;
        }
        return refuse(&complaints);
    }
    match file.persist(out) {
        Ok(_) => exit::PASS,
        Err(error) => failed(&error.error),
    }
}
