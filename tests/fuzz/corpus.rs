//! Real files to damage: the reference data where they are at hand, the cases in `tests/data`, and what the reader of case
//! formats writes of them in formats of which there is no sample.

use std::path::{Path, PathBuf};

use gridgate_tests::{bytes, reference};
use powerio_core::{Destination, EmittedOutput, Source};
use powerio_tx::TargetFormat;

/// Files beyond this size are left out, bytes: a case should take milliseconds.
const BYTES_MAX: usize = 300_000;

/// A case as its files; one, but for formats that are folders.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// Whether a folder of files is the case, and not its only file.
    pub(crate) folder: bool,
}

impl Sample {
    fn of_file(name: String, bytes: Vec<u8>) -> Self {
        Sample { files: vec![(name.clone(), bytes)], name, folder: false }
    }

    pub(crate) fn len(&self) -> usize {
        self.files.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

/// Everything there is, in an order of its own.
pub(crate) fn corpus() -> Vec<Sample> {
    let mut samples = Vec::new();
    let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/cases");
    for case in entries(&stored) {
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned() + ".m";
        samples.push(Sample::of_file(name.clone(), bytes(&case.join(&name))));
    }
    for (path, format) in [
        (0, TargetFormat::PowerWorld),
        (0, TargetFormat::Pslf),
        (0, TargetFormat::Xiidm),
        (0, TargetFormat::Jiidm),
        (0, TargetFormat::Cgmes),
        (0, TargetFormat::EgretJson),
        (0, TargetFormat::SurgeJson),
        (0, TargetFormat::PowerModelsJson),
        (0, TargetFormat::PsseRawx),
        (0, TargetFormat::Psse { rev: 33 }),
        (0, TargetFormat::Ucte),
        (3, TargetFormat::PowerWorld),
        (3, TargetFormat::Pslf),
        (3, TargetFormat::Xiidm),
    ] {
        let of: &Sample = &samples[path];
        let written = written(&of.files[0], format);
        if let Some(sample) = written {
            samples.push(sample);
        }
    }
    let Some(reference) = reference() else { return samples };
    for folder in [
        "cases",
        "psse",
        "formats/ieee-cdf",
        "formats/ucte",
        "formats/pandapower-json",
        "formats/powermodels-json",
    ] {
        for path in entries(&reference.join(folder)) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let plain = name.trim_end_matches(".gz").to_owned();
            let known = [".m", ".raw", ".rawx", ".txt", ".uct", ".json"].iter().any(|e| plain.ends_with(e));
            if known && !plain.starts_with("index") {
                samples.push(Sample::of_file(plain, bytes(&path)));
            }
        }
    }
    for folder in ["formats/pypsa", "formats/opendss"] {
        for path in entries(&reference.join(folder)) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(stem) = name.strip_suffix(".tar.gz") {
                let files = untarred(&bytes(&path));
                samples.push(Sample { name: stem.to_owned(), files, folder: true });
            }
        }
    }
    samples.retain(|sample| sample.len() > 0 && sample.len() <= BYTES_MAX);
    samples
}

/// A case in another format, as the reader writes it. `None` where it does not.
fn written(file: &(String, Vec<u8>), format: TargetFormat) -> Option<Sample> {
    let module = powerio_tx::parse(Source::from_memory(file.0.clone(), file.1.clone()).ok()?).ok()?;
    let stem = file.0.trim_end_matches(".m");
    let name = format!("{stem}.{}", format.extension());
    let output =
        powerio_tx::emit(&module, format, Destination::memory(name.clone()).ok()?).ok()?.into_output();
    let EmittedOutput::Memory { artifacts, .. } = output else { return None };
    let folder = artifacts.len() > 1;
    let mut files = Vec::new();
    for artifact in artifacts {
        let path = artifact.name().as_str();
        let own = path.rsplit('/').next().unwrap_or(path).to_owned();
        files.push((own, artifact.into_bytes()));
    }
    if let (false, Some(only)) = (folder, files.first_mut()) {
        only.0 = name.clone();
    }
    Some(Sample { name, files, folder })
}

/// The plain files of a tar archive, without their folders.
///
/// Source: POSIX.1-1988 ustar: blocks of 512 bytes; name at 0, size in octal at 124, type at 156.
fn untarred(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut at = 0;
    while let Some(header) = archive.get(at..at + 512) {
        let field = |from: usize, len: usize| {
            let raw = &header[from..from + len];
            String::from_utf8_lossy(&raw[..raw.iter().position(|b| *b == 0).unwrap_or(len)]).trim().to_owned()
        };
        let Ok(size) = usize::from_str_radix(&field(124, 12), 8) else { break };
        let name = field(0, 100);
        if let (true, Some(content)) =
            (matches!(header[156], 0 | b'0'), archive.get(at + 512..at + 512 + size))
        {
            files.push((name.rsplit('/').next().unwrap_or_default().to_owned(), content.to_vec()));
        }
        at += 512 + size.div_ceil(512) * 512;
    }
    files
}
