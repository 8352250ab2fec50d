//! Writes `reports/schemas/` anew: `cargo run -p gridgate-harness --features schema --example write_schemas`.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/schemas");
    for document in harness::schemas::all() {
        std::fs::write(folder.join(&document.file), document.bytes()?)?;
        println!("{}", document.file);
    }
    Ok(())
}
