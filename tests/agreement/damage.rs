//! Damaged files: always a case or complaints, never a panic, and never a case from half a table.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use gridgate_tests::{Unpacked, bytes, reference};
use powerflow::case::{census, read};

/// Files small enough to be damaged many times.
const BYTES_MAX: usize = 120_000;

fn samples() -> Option<Vec<PathBuf>> {
    let reference = reference()?;
    let mut files = Vec::new();
    for folder in ["cases", "psse", "formats/ieee-cdf", "formats/ucte", "formats/pandapower-json"] {
        let mut here: Vec<PathBuf> = std::fs::read_dir(reference.join(folder))
            .expect("a folder of samples")
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                path.extension()
                    .is_some_and(|e| ["m", "raw", "rawx", "txt", "uct", "json"].iter().any(|w| e == *w))
            })
            .collect();
        here.sort();
        files.extend(here);
    }
    Some(files)
}

/// A small generator of test positions (Knuth's MMIX constants): damage must not depend on the day.
struct Positions(u64);

impl Positions {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % below.max(1)
    }
}

/// Reads damaged bytes; what panics is named.
fn survives(unpacked: &Unpacked, name: &str, damaged: &[u8], how: &str) -> bool {
    let path = unpacked.put(name, damaged);
    let outcome = catch_unwind(AssertUnwindSafe(|| match read(&path) {
        Ok(case) => {
            let text = census(&case).to_string();
            assert!(text.contains("buses"));
            true
        }
        Err(complaints) => {
            assert!(complaints.has_errors(), "a refusal without an error");
            assert!(!complaints.0.iter().any(|d| d.code == "case.reader.defect"), "{complaints}");
            false
        }
    }));
    outcome.unwrap_or_else(|_| panic!("{name} {how}"))
}

#[test]
fn a_file_cut_anywhere_is_read_or_refused() {
    let Some(samples) = samples() else { return };
    let unpacked = Unpacked::new();
    for path in samples {
        let whole = bytes(&path);
        if whole.len() > BYTES_MAX {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = String::from_utf8_lossy(&whole).into_owned();
        // MATPOWER tables end with their bracket: a cut before the last of them that a power flow needs is refused.
        let needed = ["mpc.bus = [", "mpc.gen = [", "mpc.branch = ["]
            .iter()
            .filter_map(|table| text.find(table).and_then(|at| text[at..].find(']').map(|end| at + end)))
            .max();
        for step in 0..50 {
            let at = whole.len() * step / 50;
            let read = survives(&unpacked, &name, &whole[..at], &format!("cut at byte {at}"));
            if let (true, Some(last)) = (name.ends_with(".m"), needed) {
                assert!(at > last || !read, "{name} cut at byte {at} was read");
            }
        }
    }
}

#[test]
fn a_file_with_a_wrong_byte_is_read_or_refused() {
    let Some(samples) = samples() else { return };
    let unpacked = Unpacked::new();
    let mut positions = Positions(20_261_121);
    let bad = b"\0-+eE.;]['\n\t ,9%{}Nn/\xff\x80";
    for path in samples {
        let whole = bytes(&path);
        if whole.len() > BYTES_MAX {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for round in 0..40 {
            let mut damaged = whole.clone();
            for _ in 0..=round % 3 {
                let at = positions.next(damaged.len());
                match positions.next(3) {
                    0 => damaged[at] = bad[positions.next(bad.len())],
                    1 => damaged.insert(at, bad[positions.next(bad.len())]),
                    _ => {
                        damaged.remove(at);
                    }
                }
            }
            survives(&unpacked, &name, &damaged, &format!("mutation {round}"));
        }
    }
}
