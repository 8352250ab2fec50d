//! What tests of several rooms share: the folder of reference data, and dice.

mod dice;

use std::io::Read;
use std::path::{Path, PathBuf};

pub use dice::Dice;

/// The folder of shared reference data: `$GRIDGATE_SHARED`, or `../shared` beside the workspace.
///
/// `None`, with a message, where there is none; tests that need it then return.
///
/// # Panics
/// Under `CI=true` its absence is a failure.
pub fn shared() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = std::env::var_os("GRIDGATE_SHARED").map_or(beside, PathBuf::from);
    if folder.join("reference/index.json").is_file() {
        return Some(folder);
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "no reference data in {}; set GRIDGATE_SHARED",
        folder.display()
    );
    eprintln!("skipped: no reference data in {}; set GRIDGATE_SHARED", folder.display());
    None
}

/// The folder `reference` of [`shared`].
pub fn reference() -> Option<PathBuf> {
    shared().map(|folder| folder.join("reference"))
}

/// The bytes of a file, unpacked where its name ends in `.gz`.
///
/// # Panics
/// Where the file cannot be read.
pub fn bytes(path: &Path) -> Vec<u8> {
    let packed = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    if path.extension().is_none_or(|e| e != "gz") {
        return packed;
    }
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(&packed[..])
        .read_to_end(&mut unpacked)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    unpacked
}

/// A JSON document.
///
/// # Panics
/// Where the file cannot be read or is no JSON.
pub fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&bytes(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The rows of a packed table of numbers, each by column name.
///
/// # Panics
/// Where the file cannot be read, or holds something else than numbers.
pub fn rows(path: &Path) -> Vec<std::collections::BTreeMap<String, f64>> {
    let text = String::from_utf8(bytes(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let number = |cell: &str| cell.parse().unwrap_or_else(|_| panic!("{}: {cell}", path.display()));
    lines
        .map(|line| header.iter().map(|h| (*h).to_owned()).zip(line.split(',').map(number)).collect())
        .collect()
}

/// A folder in which files lie unpacked and under their own names, for as long as it lives.
pub struct Unpacked {
    folder: tempfile::TempDir,
}

impl Unpacked {
    /// An empty one.
    ///
    /// # Panics
    /// Where no temporary folder can be made.
    #[expect(clippy::new_without_default, reason = "it touches the disk")]
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Writes these bytes under this name and returns the path.
    ///
    /// # Panics
    /// Where the file cannot be written.
    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        path
    }

    /// `path` itself, or an unpacked copy of it where its name ends in `.gz`.
    ///
    /// # Panics
    /// Where the file cannot be read or written.
    pub fn path(&self, path: &Path) -> PathBuf {
        match (path.extension(), path.file_stem()) {
            (Some(extension), Some(stem)) if extension == "gz" => {
                self.put(&stem.to_string_lossy(), &bytes(path))
            }
            _ => path.to_owned(),
        }
    }
}
