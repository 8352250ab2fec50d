//! Digests the sources that decide an episode, so that a cache never answers for another build of the same version.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

fn main() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("..");
    let mut hash = Sha256::new();
    for name in ["powerflow/src", "scenarios/src", "harness/src", "Cargo.lock"] {
        println!("cargo::rerun-if-changed=../{name}");
        include(&root.join(name), &mut hash);
    }
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    println!("cargo::rustc-env=GRIDGATE_SOURCES={digest}");
}

/// Files in the order of their names; what is missing (a vendored crate without its neighbours) counts as empty.
fn include(path: &Path, hash: &mut Sha256) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(path).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    if path.is_file() {
        hash.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        hash.update(std::fs::read(path).unwrap_or_default());
    }
    for entry in entries {
        include(&entry, hash);
    }
}
