//! What went wrong, by kind, in a folder each.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::{Order, now};

/// Something that must not be.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// The same for all failures alike: names a folder.
    pub(crate) kind: String,
    /// What happened here.
    pub(crate) detail: String,
}

impl Finding {
    pub(crate) fn new(kind: impl Into<String>, detail: impl Into<String>) -> Self {
        Finding { kind: kind.into(), detail: detail.into() }
    }
}

/// Inputs that are kept of one kind.
const KEPT: usize = 5;

/// A folder name.
fn slug(kind: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    kind.chars().map(plain).take(120).collect()
}

fn folder(out: &Path, kind: &str) -> PathBuf {
    out.join("found").join(slug(kind))
}

/// Whether a kind is worth knowing, but breaks no promise.
pub(crate) fn is_note(kind: &str) -> bool {
    kind.starts_with("note")
}

/// Counts a finding, and keeps its message and input while there are few of its kind. Answers whether it is the first.
pub(crate) fn keep(
    order: &Order,
    number: u64,
    finding: &Finding,
    input: &[(String, Vec<u8>)],
) -> std::io::Result<bool> {
    let folder = folder(&order.out, &finding.kind);
    let first = !folder.exists();
    std::fs::create_dir_all(&folder)?;
    let count = std::fs::read_to_string(folder.join("numbers")).unwrap_or_default().lines().count();
    let mut numbers = std::fs::File::options().create(true).append(true).open(folder.join("numbers"))?;
    writeln!(numbers, "{number}")?;
    if count < KEPT {
        let again = format!("fuzz {} --seed {} --first {number} --cases 1", order.target.name(), order.seed);
        let text = format!("{}\n{}\n{again}\n", finding.kind, finding.detail);
        std::fs::write(folder.join(format!("{number}.txt")), text)?;
        for (name, bytes) in input {
            std::fs::write(folder.join(format!("{number}-{name}")), bytes)?;
        }
    }
    Ok(first)
}

/// A smaller input that fails alike.
pub(crate) fn keep_smaller(
    order: &Order,
    kind: &str,
    number: u64,
    input: &[(String, Vec<u8>)],
) -> std::io::Result<()> {
    let folder = folder(&order.out, kind);
    input
        .iter()
        .try_for_each(|(name, bytes)| std::fs::write(folder.join(format!("{number}-smaller-{name}")), bytes))
}

/// The child that worked on a case is dead.
pub(crate) fn died(order: &Order, number: u64, how: &str) -> std::io::Result<()> {
    let mut input = Vec::new();
    if let Ok(entries) = std::fs::read_dir(now(&order.out)) {
        for entry in entries {
            let entry = entry?;
            input.push((entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path())?));
        }
    }
    keep(order, number, &Finding::new(format!("died: {how}"), "the process ended"), &input).map(|_| ())
}

/// Kinds with their counts, by name.
pub(crate) fn kinds(out: &Path) -> std::io::Result<Vec<(String, usize)>> {
    let Ok(entries) = std::fs::read_dir(out.join("found")) else { return Ok(Vec::new()) };
    let mut kinds = Vec::new();
    for entry in entries {
        let entry = entry?;
        let count = std::fs::read_to_string(entry.path().join("numbers"))?.lines().count();
        kinds.push((entry.file_name().to_string_lossy().into_owned(), count));
    }
    kinds.sort();
    Ok(kinds)
}
