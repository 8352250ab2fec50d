//! Writes `reports/schemas/` and the pages of `docs/formats/` anew:
//! `cargo run -p gridgate-harness --features schema --example write_schemas`.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for document in harness::schemas::all() {
        std::fs::write(root.join("reports/schemas").join(&document.file), document.bytes()?)?;
        let (name, page) = harness::schemas::page(&document);
        std::fs::write(root.join("docs/formats").join(&name), page)?;
        println!("{} {name}", document.file);
    }
    Ok(())
}
