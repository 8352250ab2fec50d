//! The schemas that are shipped, and the pages that describe the documents, are those of the types that write them.

use std::collections::BTreeSet;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../reports/schemas")
}

#[test]
fn the_shipped_schemas_are_those_of_the_types() {
    for document in harness::schemas::all() {
        let shipped = std::fs::read(folder().join(&document.file)).unwrap_or_default();
        assert!(
            shipped == document.bytes().unwrap(),
            "{} differs: cargo run -p gridgate-harness --features schema --example write_schemas",
            document.file
        );
    }
}

#[test]
fn the_pages_are_those_of_the_types() {
    for document in harness::schemas::all() {
        let (name, page) = harness::schemas::page(&document);
        let shipped = std::fs::read_to_string(folder().join("../../docs/formats").join(&name));
        assert!(
            shipped.unwrap_or_default() == page,
            "{name} differs: cargo run -p gridgate-harness --features schema --example write_schemas"
        );
    }
}

#[test]
fn no_schema_is_left_over() {
    let known: BTreeSet<String> = harness::schemas::all().into_iter().map(|d| d.file).collect();
    let shipped: BTreeSet<String> =
        std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(known, shipped);
}
