//! What a candidate says about itself: `candidate.toml`.

mod digest;
mod fields;
mod unit;

use std::path::{Component, Path, PathBuf};

use powerflow::units::MvaBase;
use powerflow::{Diagnostic, Diagnostics, Place};
use reports::CandidateRecord;
use reports::evidence::Digest;
use toml::de::{DeTable, DeValue};

use crate::action::{Asked, Task};
use crate::observation::{Axis, Observed};
use fields::{Document, Table, list, number, pair, whole};
use scenarios::nearest::nearest;

pub use digest::digest_of_directory;
pub use unit::{Conversion, Unit};

/// Schema of a manifest.
pub const CANDIDATE_SCHEMA: &str = "gridgate/candidate/1";

/// Kinds of adapter that documents name and this version does not have.
const LATER: &[&str] = &["python", "http_v2", "grpc_v2", "mlflow", "grid2op", "operator"];

/// A manifest that was read and found consistent; nothing in it has met a grid yet.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Name.
    pub name: String,
    /// Version, opaque.
    pub version: String,
    /// Task.
    pub task: Task,
    /// What becomes of what it asks.
    pub mode: Mode,
    /// Whether a decision may depend on what was seen before in the same episode.
    pub stateful: bool,
    /// How it is run.
    pub adapter: Adapter,
    /// Most rows handed to a model at once.
    pub batch_max: usize,
    /// The io map, in the order written.
    pub io: Vec<Entry>,
    /// Declared operating domain.
    pub domain: Domain,
    /// Limits.
    pub limits: Limits,
    /// The file as the user named it.
    pub file: String,
    /// The directory whose files are the candidate, absolute.
    pub directory: PathBuf,
    /// Digest over those files: [`digest_of_directory`].
    pub digest: Digest,
}

/// What becomes of what a candidate asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is asked of the grid.
    #[default]
    ClosedLoop,
    /// It is shown to people, who enter what they see fit.
    Advisory,
}

impl Mode {
    /// Every mode.
    pub const LIST: [Mode; 2] = [Mode::ClosedLoop, Mode::Advisory];

    /// Its name in documents.
    pub fn id(self) -> &'static str {
        match self {
            Mode::ClosedLoop => "closed_loop",
            Mode::Advisory => "advisory",
        }
    }
}

/// How a candidate is run.
#[derive(Clone, Debug, PartialEq)]
pub enum Adapter {
    /// A model file, absolute path inside the candidate's directory.
    Onnx(PathBuf),
    /// A program and its arguments, as written.
    Process(Vec<String>),
    /// It asks nothing.
    DoNothing,
}

impl Adapter {
    /// Its name in documents.
    pub fn id(&self) -> &'static str {
        match self {
            Adapter::Onnx(_) => "onnx",
            Adapter::Process(_) => "process",
            Adapter::DoNothing => "do_nothing",
        }
    }
}

/// A canonical quantity: what a candidate sees, or what it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// On the way in.
    Seen(Observed),
    /// On the way out.
    Asked(Asked),
}

impl Quantity {
    fn from_id(id: &str) -> Option<Self> {
        Observed::from_id(id).map(Self::Seen).or_else(|| Asked::from_id(id).map(Self::Asked))
    }

    fn ids() -> impl Iterator<Item = &'static str> {
        Observed::LIST.iter().map(|q| q.id()).chain(Asked::LIST.iter().map(|q| q.id()))
    }

    /// Canonical name.
    pub fn id(self) -> &'static str {
        match self {
            Self::Seen(quantity) => quantity.id(),
            Self::Asked(quantity) => quantity.id(),
        }
    }

    /// What its columns stand for.
    pub fn axis(self) -> Axis {
        match self {
            Self::Seen(quantity) => quantity.axis(),
            Self::Asked(quantity) => quantity.axis(),
        }
    }

    /// Canonical unit.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Seen(quantity) => quantity.unit(),
            Self::Asked(quantity) => quantity.unit(),
        }
    }
}

/// Which elements of an axis a model knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Rows {
    /// Every element.
    All,
    /// Buses with a unit, in service or not; on the axis of units, all.
    Gen,
    /// Buses with demand in the file.
    Load,
    /// These, in this order: bus numbers of the file, or rows from 1 of units, branches and shunts.
    Listed(Vec<u64>),
}

/// Where in a model's tensor a quantity lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// All of `[batch, n]`.
    Whole,
    /// Columns `[begin, end)` of `[batch, n]`.
    Slice(usize, usize),
    /// The columns after those of the entry before it that has the same tensor (`layout = "flat"`).
    Next,
    /// One feature of `[batch, n, features]`.
    Column(usize),
}

/// One line of the io map.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Canonical quantity.
    pub quantity: Quantity,
    /// The model's name of the tensor.
    pub name: String,
    /// Where in it.
    pub position: Position,
    /// Which elements.
    pub rows: Rows,
    /// The model's unit: convertible from the canonical one.
    pub unit: Unit,
    /// After conversion to `unit`, values are multiplied by this on the way in, divided on the way out. Never zero.
    pub scale: f64,
    /// Added last on the way in, taken off first on the way out.
    pub offset: f64,
    /// Where it is written.
    pub place: Place,
}

/// Declared operating domain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Domain {
    /// Fewest and most buses.
    pub bus_count: Option<(u64, u64)>,
    /// Least and greatest share of the demand in the file.
    pub load_scale: Option<(f64, f64)>,
    /// Most simultaneous outages.
    pub outages_max: Option<u64>,
}

/// Declared limits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// 99th percentile of decision time that it promises, ms.
    pub latency_ms_p99: Option<f64>,
    /// Longest wait for one decision, ms.
    pub timeout_ms: Option<u64>,
    /// Memory that it promises to stay below, MB.
    pub memory_mb: Option<u64>,
}

impl Manifest {
    /// Reads a manifest and digests the directory that it lies in.
    ///
    /// # Errors
    /// All that is wrong at once, each with its line: `candidate.manifest.*`, `candidate.digest.*`.
    pub fn read(path: &Path) -> Result<Manifest, Diagnostics> {
        let file = path.display().to_string();
        let unreadable = |error: std::io::Error| {
            let message = format!("cannot read the candidate's manifest: {error}");
            Diagnostic::error("candidate.manifest.unreadable", message).at(file.clone(), None)
        };
        let source = std::fs::read_to_string(path).map_err(unreadable)?;
        let directory = path.canonicalize().map_err(unreadable)?;
        let directory = directory.parent().unwrap_or(Path::new("/")).to_owned();
        let mut manifest = Self::parse(&file, &source, &directory)?;
        manifest.digest = digest_of_directory(&directory)?;
        Ok(manifest)
    }

    fn parse(file: &str, source: &str, directory: &Path) -> Result<Manifest, Diagnostics> {
        let mut document = Document::new(file.to_owned(), source);
        let (root, errors) = DeTable::parse_recoverable(source);
        for error in errors.into_iter().take(crate::fields::SYNTAX_ERRORS) {
            let span = error.span().unwrap_or(0..0);
            document.error("candidate.manifest.syntax", &span, error.message().to_owned());
        }
        if document.complaints.has_errors() {
            return Err(document.complaints);
        }
        let manifest = read_root(&mut document, root.get_ref(), directory);
        match (manifest, document.complaints) {
            (Some(manifest), complaints) => complaints.into_result(manifest),
            (None, complaints) => Err(complaints),
        }
    }

    /// What it declares and nothing holds it to, each a sentence.
    pub fn unenforced(&self) -> Vec<String> {
        let mut declared: Vec<(&str, String)> = Vec::new();
        declared.extend(self.limits.memory_mb.map(|mb| ("limits.memory_mb", mb.to_string())));
        declared.extend(self.limits.latency_ms_p99.map(|ms| ("limits.latency_ms_p99", ms.to_string())));
        let range = |(low, high): (f64, f64)| format!("[{low}, {high}]");
        declared.extend(self.domain.load_scale.map(|scale| ("domain.load_scale", range(scale))));
        declared.extend(self.domain.outages_max.map(|most| ("domain.outages_max", most.to_string())));
        let say = |(key, value): (&str, String)| {
            let instead = match key {
                "limits.latency_ms_p99" => "a gate on latency.compute_ms tests it",
                "limits.memory_mb" => "limit the memory of the whole run from outside",
                _ => "hazards decide what happens; the report shows the tested region",
            };
            format!("the manifest declares {key} = {value}, which is not enforced: {instead}")
        };
        declared.into_iter().map(say).collect()
    }

    /// Who it is, for the evidence.
    pub fn record(&self) -> CandidateRecord {
        CandidateRecord {
            name: self.name.clone(),
            version: self.version.clone(),
            digest: self.digest.clone(),
            adapter: self.adapter.id().to_owned(),
            mode: self.mode.id().to_owned(),
            task: self.task.id().to_owned(),
        }
    }
}

/// Reads everything; `None` where something that has no stand-in is missing (and was complained about).
fn read_root<'a>(document: &mut Document<'a>, root: &DeTable<'a>, directory: &Path) -> Option<Manifest> {
    let known =
        ["schema", "name", "version", "task", "mode", "stateful", "adapter", "io", "domain", "limits"];
    let table = document.table("", root, 0..0, &known);
    if let Some(schema) = table.required_text(document, "schema")
        && schema != CANDIDATE_SCHEMA
    {
        let message = format!("the schema is `{schema}`, this version reads `{CANDIDATE_SCHEMA}`");
        document.error("candidate.manifest.schema", &table.span_of("schema"), message);
    }
    let name = table.required_text(document, "name");
    let version = table.required_text(document, "version");
    let task = read_task(document, &table);
    let mode = read_mode(document, &table);
    let stateful = table.read(document, "stateful", "true or false", DeValue::as_bool).unwrap_or(false);
    let adapter = if root.contains_key("adapter") {
        table.inner(document, "adapter").and_then(|(inner, span)| {
            let known = ["kind", "path", "argv", "module", "url", "threads", "batch_max"];
            let inner = document.table("adapter", inner, span, &known);
            read_adapter(document, &inner, directory)
        })
    } else {
        table.missing(document, "adapter");
        None
    };
    let io = match table.inner(document, "io") {
        Some((inner, _)) => read_io(document, inner),
        None => Vec::new(),
    };
    let domain = match table.inner(document, "domain") {
        Some((inner, span)) => {
            let table = document.table("domain", inner, span, &["bus_count", "load_scale", "outages_max"]);
            Domain {
                bus_count: table.read(document, "bus_count", "two whole numbers, [least, most]", |v| {
                    pair(v, whole).filter(|(low, high)| low <= high)
                }),
                load_scale: table.read(document, "load_scale", "two numbers, [least, greatest]", |v| {
                    pair(v, number).filter(|(low, high)| low <= high)
                }),
                outages_max: table.read(document, "outages_max", "a whole number", whole),
            }
        }
        None => Domain::default(),
    };
    let limits = match table.inner(document, "limits") {
        Some((inner, span)) => {
            let table = document.table("limits", inner, span, &["latency_ms_p99", "timeout_ms", "memory_mb"]);
            let above_zero = |v: &DeValue<'_>| whole(v).filter(|n| *n > 0);
            Limits {
                latency_ms_p99: table
                    .read(document, "latency_ms_p99", "a number above 0", |v| number(v).filter(|n| *n > 0.0)),
                timeout_ms: table.read(document, "timeout_ms", "a whole number above 0", above_zero),
                memory_mb: table.read(document, "memory_mb", "a whole number above 0", above_zero),
            }
        }
        None => Limits::default(),
    };
    let (adapter, batch_max) = adapter?;
    if adapter != Adapter::DoNothing && !io.iter().any(|e| matches!(e.quantity, Quantity::Asked(_))) {
        let message = "the io map names nothing that the candidate asks (no `act.` quantity)";
        document.error("candidate.manifest.asks-nothing", &table.span_of("io"), message).hint =
            Some("for a candidate that only watches, use kind = \"do_nothing\"".to_owned());
    }
    Some(Manifest {
        name: name?.to_owned(),
        version: version?.to_owned(),
        task: task?,
        mode,
        stateful,
        adapter,
        batch_max,
        io,
        domain,
        limits,
        file: document.place(&(0..0)).file,
        directory: directory.to_owned(),
        digest: Digest::default(),
    })
}

/// The default where the key is absent, or after a complaint.
fn read_mode<'a>(document: &mut Document<'a>, table: &Table<'_, 'a>) -> Mode {
    let Some(word) = table.text(document, "mode") else { return Mode::default() };
    let mode = Mode::LIST.into_iter().find(|mode| mode.id() == word);
    if mode.is_none() {
        let message = format!("mode `{word}` is neither `closed_loop` nor `advisory`");
        document.error("candidate.manifest.mode", &table.span_of("mode"), message);
    }
    mode.unwrap_or_default()
}

fn read_task<'a>(document: &mut Document<'a>, table: &Table<'_, 'a>) -> Option<Task> {
    let word = table.required_text(document, "task")?;
    let task = Task::LIST.iter().copied().find(|t| t.id() == word);
    if task.is_none() {
        let ids: Vec<&str> = Task::LIST.iter().map(|t| t.id()).collect();
        let message = format!("task `{word}` is not in this version");
        document.error("candidate.manifest.task", &table.span_of("task"), message).hint =
            Some(match nearest(word, ids.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("tasks are {}", ids.join(", ")),
            });
    }
    task
}

fn read_adapter<'a>(
    document: &mut Document<'a>,
    table: &Table<'_, 'a>,
    directory: &Path,
) -> Option<(Adapter, usize)> {
    let threads = table.read(document, "threads", "a whole number", whole).unwrap_or(1);
    if threads != 1 {
        let message =
            format!("a candidate runs on 1 thread, not {threads}: the episodes are what is parallel");
        document.error("candidate.manifest.threads", &table.span_of("threads"), message);
    }
    let batch_max = table.read(document, "batch_max", "a whole number above 0", |v| {
        whole(v).filter(|n| *n > 0).and_then(|n| usize::try_from(n).ok())
    });
    let kind = table.required_text(document, "kind")?;
    let span = table.span_of("kind");
    let adapter = match kind {
        "onnx" => {
            let path = table.required_text(document, "path")?;
            let inside = Path::new(path)
                .components()
                .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
            if !inside {
                let message = format!("`adapter.path` = `{path}` leaves the candidate's directory");
                document.error("candidate.manifest.outside", &table.span_of("path"), message).hint =
                    Some("only files beside the manifest are part of the candidate's digest".to_owned());
                return None;
            }
            Adapter::Onnx(directory.join(path))
        }
        "process" => {
            let argv = table.read(document, "argv", "a list of texts, the program first", |v| {
                list(v, |item| item.as_str().map(str::to_owned)).filter(|argv| !argv.is_empty())
            });
            if !table.has("argv") {
                table.missing(document, "argv");
            }
            Adapter::Process(argv?)
        }
        "do_nothing" => Adapter::DoNothing,
        later if LATER.contains(&later) => {
            let message = format!("the adapter `{later}` is not in this version");
            document.error("candidate.manifest.adapter", &span, message).hint =
                Some("kinds are onnx, process and do_nothing".to_owned());
            return None;
        }
        other => {
            let known = ["onnx", "process", "do_nothing"];
            let message = format!("there is no adapter `{other}`");
            document.error("candidate.manifest.adapter", &span, message).hint =
                Some(match nearest(other, known) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "kinds are onnx, process and do_nothing".to_owned(),
                });
            return None;
        }
    };
    let mine: &[&str] = match adapter {
        Adapter::Onnx(_) => &["path"],
        Adapter::Process(_) => &["argv"],
        Adapter::DoNothing => &[],
    };
    for key in ["path", "argv", "module", "url"] {
        if !mine.contains(&key) && table.has(key) {
            let message = format!("`adapter.{key}` has no meaning for kind `{kind}`");
            document.error("candidate.manifest.unused-key", &table.span_of(key), message);
        }
    }
    Some((adapter, batch_max.unwrap_or(1024)))
}

fn read_io<'a>(document: &mut Document<'a>, io: &DeTable<'a>) -> Vec<Entry> {
    let mut flat = false;
    // The order written is the order of the joined columns; the table itself is sorted by key.
    let mut written: Vec<_> = io.iter().collect();
    written.sort_by_key(|(key, _)| key.span().start);
    if let Some(layout) = io.get("layout") {
        match layout.get_ref().as_str() {
            Some("flat") => flat = true,
            _ => {
                let message = "`io.layout` can only be \"flat\"";
                document.error("candidate.manifest.layout", &layout.span(), message);
            }
        }
    }
    let mut entries = Vec::new();
    for (key, value) in written {
        let id: &str = key.get_ref();
        if id == "layout" {
            continue;
        }
        let Some(quantity) = Quantity::from_id(id) else {
            let message = format!("there is no canonical quantity `{id}`");
            document.error("candidate.manifest.unknown-quantity", &key.span(), message).hint =
                match nearest(id, Quantity::ids()) {
                    Some(meant) => Some(format!("did you mean `{meant}`?")),
                    None if ["obs", "act"].contains(&id) => {
                        Some("write canonical names in quotes: \"obs.bus.vm\" = { ... }".to_owned())
                    }
                    None => {
                        Some(format!("quantities are {}", Quantity::ids().collect::<Vec<_>>().join(", ")))
                    }
                };
            continue;
        };
        let Some(inner) = value.get_ref().as_table() else {
            let message = format!("`io.{id}` must be a table such as {{ name = \"x\", unit = \"pu\" }}");
            document.error("candidate.manifest.wrong-type", &value.span(), message);
            continue;
        };
        let path = format!("io.{id}");
        let known = ["name", "slice", "column", "rows", "unit", "scale", "offset"];
        let table = document.table(&path, inner, value.span(), &known);
        let place = document.place(&key.span());
        entries.extend(read_entry(document, &table, quantity, flat, place));
    }
    entries
}

fn read_entry<'a>(
    document: &mut Document<'a>,
    table: &Table<'_, 'a>,
    quantity: Quantity,
    flat: bool,
    place: Place,
) -> Option<Entry> {
    let slice = table.read(document, "slice", "two whole numbers, [begin, end) with begin < end", |v| {
        let (begin, end) = pair(v, whole).filter(|(begin, end)| begin < end)?;
        Some((usize::try_from(begin).ok()?, usize::try_from(end).ok()?))
    });
    let column =
        table.read(document, "column", "a whole number", |v| whole(v).and_then(|n| usize::try_from(n).ok()));
    let position = match (slice, column) {
        (Some(_), Some(_)) => {
            let message = format!("`io.{}` has both a slice and a column", quantity.id());
            document.error("candidate.manifest.position", &table.span_of("column"), message).hint = Some(
                "a slice is for tensors [batch, n], a column for tensors [batch, n, features]".to_owned(),
            );
            return None;
        }
        (Some((begin, end)), None) => Position::Slice(begin, end),
        (None, Some(column)) => Position::Column(column),
        (None, None) if flat => Position::Next,
        (None, None) => Position::Whole,
    };
    let rows = table.read(document, "rows", "\"all\", \"gen\", \"load\" or a list of file ids", |v| match v
        .as_str()
    {
        Some("all") => Some(Rows::All),
        Some("gen") => Some(Rows::Gen),
        Some("load") => Some(Rows::Load),
        Some(_) => None,
        None => list(v, whole).filter(|ids| !ids.is_empty()).map(Rows::Listed),
    });
    let unit = read_unit(document, table, quantity);
    let scale = table
        .read(document, "scale", "a finite number other than 0", |v| number(v).filter(|scale| *scale != 0.0));
    let offset = table.read(document, "offset", "a finite number", number);
    Some(Entry {
        quantity,
        name: table.required_text(document, "name")?.to_owned(),
        position,
        rows: rows.unwrap_or(Rows::All),
        unit: unit?,
        scale: scale.unwrap_or(1.0),
        offset: offset.unwrap_or(0.0),
        place,
    })
}

/// The model's unit: the canonical one where the manifest says nothing.
fn read_unit<'a>(document: &mut Document<'a>, table: &Table<'_, 'a>, quantity: Quantity) -> Option<Unit> {
    let canonical = Unit::from_symbol(quantity.unit())?;
    let Some(symbol) = table.text(document, "unit") else { return Some(canonical) };
    let span = table.span_of("unit");
    let Some(unit) = Unit::from_symbol(symbol) else {
        let symbols: Vec<&str> = Unit::LIST.iter().map(|(symbol, _)| *symbol).collect();
        document.error("candidate.manifest.unit", &span, format!("there is no unit `{symbol}`")).hint =
            Some(match symbols.iter().find(|known| known.eq_ignore_ascii_case(symbol)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("units are {}", symbols.join(", ")),
            });
        return None;
    };
    if canonical.conversion(unit, MvaBase::default()).is_none() {
        let message =
            format!("`{}` is in {}, which is not converted to {symbol}", quantity.id(), quantity.unit());
        document.error("candidate.manifest.unit", &span, message).hint =
            Some(format!("it can be given in {}", canonical.convertible().join(" or ")));
        return None;
    }
    Some(unit)
}

#[cfg(test)]
mod tests;
