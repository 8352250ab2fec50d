//! The record of unfinished work: a header, then a line for each part that is done, in order and each behind its own digest. Work that
//! is killed goes on behind the last whole line.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use powerflow::{Diagnostic, Diagnostics};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::local::cannot_write;

/// Name of the record in the folder of an unfinished run.
pub(crate) const BLOCKS: &str = "blocks.jsonl";

/// The folder that an unfinished run keeps beside its own.
pub(crate) fn partial_folder(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    out.with_file_name(name)
}

/// First line of a record.
#[derive(Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    schema: String,
    /// Digest of all that decides what the parts hold.
    key: String,
}

impl Header {
    pub(super) fn of(schema: &str, key: &str) -> Self {
        Header { schema: schema.into(), key: key.into() }
    }
}

/// The content of a line of the record, where it is whole and as it was written: not the line that was being written
/// when the run was killed, nor one that a disk has changed since.
pub(crate) fn sound(line: &[u8]) -> Option<&[u8]> {
    let (digest, content) = line.split_at_checked(64)?;
    let content = content.strip_prefix(b" ").filter(|content| content.ends_with(b"\n"))?;
    (reports::Digest::of(content).sha256.as_bytes() == digest).then_some(content)
}

/// See the module.
pub(crate) struct Journal {
    /// Locked as long as somebody works on the folder: two of them would publish a mixture.
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens the record beside `out` and keeps others away from it; `what` is a "run", a "study" or a "hunt".
    ///
    /// # Errors
    /// `run.busy` where somebody else works on it, `run.write`.
    pub(crate) fn open(out: &Path, what: &str) -> Result<Self, Diagnostics> {
        let folder = partial_folder(out);
        let path = folder.join(BLOCKS);
        let complain = |error: std::io::Error| cannot_write(&path, &error);
        std::fs::create_dir_all(&folder).map_err(complain)?;
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        let file = options.open(&path).map_err(complain)?;
        // A file system without locks is as safe as the user is careful.
        if let Err(std::fs::TryLockError::WouldBlock) = file.try_lock() {
            return Err(Diagnostic::error("run.busy", format!("another {what} is writing these results"))
                .at(out.display().to_string(), None)
                .hint("wait until it has ended, or choose another folder with --out")
                .into());
        }
        Ok(Journal { file, path })
    }

    /// Hands over the parts that earlier work of this schema on the same inputs had done, and drops what is not whole or what `take`
    /// does not recognise as the next part (false); answers how many were taken. Memory is bounded: a part is read, handed over and
    /// forgotten.
    ///
    /// # Errors
    /// What `take` answers, and `run.write`.
    pub(crate) fn resume<P: DeserializeOwned>(
        &mut self,
        schema: &str,
        key: &str,
        take: &mut dyn FnMut(P) -> Result<bool, Diagnostics>,
    ) -> Result<u64, Diagnostics> {
        let complain = |error: std::io::Error| cannot_write(&self.path, &error);
        let header = Header::of(schema, key);
        let (mut parts, mut sound_bytes) = (0, 0);
        let mut reader = BufReader::new(&self.file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line).map_err(complain)?;
            let Some(content) = sound(&line) else { break };
            if sound_bytes == 0 {
                if serde_json::from_slice::<Header>(content).ok().as_ref() != Some(&header) {
                    break;
                }
            } else {
                let Ok(part) = serde_json::from_slice::<P>(content) else { break };
                if !take(part)? {
                    break;
                }
                parts += 1;
            }
            sound_bytes += length as u64;
        }
        self.file.set_len(sound_bytes).map_err(complain)?;
        self.file.seek(SeekFrom::End(0)).map_err(complain)?;
        if sound_bytes == 0 {
            self.line(&header)?;
        }
        Ok(parts)
    }

    /// Adds a part that is done.
    ///
    /// # Errors
    /// `run.write`.
    pub(crate) fn append(&mut self, part: &impl Serialize) -> Result<(), Diagnostics> {
        self.line(part)
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), Diagnostics> {
        let mut bytes = serde_json::to_vec(line).map_err(|error| {
            Diagnostics::from(Diagnostic::error("run.partial", format!("a part cannot be kept: {error}")))
        })?;
        bytes.push(b'\n');
        let line = [reports::Digest::of(&bytes).sha256.as_bytes(), b" ", &bytes].concat();
        self.file.write_all(&line).map_err(|error| cannot_write(&self.path, &error))
    }
}
