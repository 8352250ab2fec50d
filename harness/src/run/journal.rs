//! The record of an unfinished study: a header, then one line for each finished block, in the order of the list and each
//! behind its own digest. A study that is killed goes on behind the last whole line.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use powerflow::{Diagnostic, Diagnostics};
use reports::contingencies::ContingencyRecord;
use serde::{Deserialize, Serialize};

use super::tally::Sufferers;
use crate::run::local::{BLOCKS, cannot_write, partial_folder, sound};

const SCHEMA: &str = "gridgate/contingencies-partial/1";

#[derive(Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Header {
    schema: String,
    /// Digest of all that decides what the blocks hold.
    key: String,
}

/// The outages of one block.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Block {
    pub(super) block: u64,
    pub(super) rows: Vec<ContingencyRecord>,
    pub(super) sufferers: Sufferers,
}

/// See the module.
pub(super) struct Journal {
    /// Locked as long as this study works on the folder: two studies of one folder would publish a mixture.
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens the record beside `out` and keeps others away from it.
    pub(super) fn open(out: &Path) -> Result<Self, Diagnostics> {
        let folder = partial_folder(out);
        let path = folder.join(BLOCKS);
        let complain = |error: std::io::Error| cannot_write(&path, &error);
        std::fs::create_dir_all(&folder).map_err(complain)?;
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        let file = options.open(&path).map_err(complain)?;
        // A file system without locks is as safe as the user is careful.
        if let Err(std::fs::TryLockError::WouldBlock) = file.try_lock() {
            return Err(Diagnostic::error("study.busy", "another study is writing these results")
                .at(out.display().to_string(), None)
                .hint("wait until it has ended, or choose another folder with --out")
                .into());
        }
        Ok(Journal { file, path })
    }

    /// Hands over what an earlier study of the same inputs had finished, and drops what is not whole; answers how many
    /// blocks that were. Memory is bounded: a block is read, handed over and forgotten.
    pub(super) fn resume(
        &mut self,
        key: &str,
        take: &mut dyn FnMut(Block) -> Result<(), Diagnostics>,
    ) -> Result<u64, Diagnostics> {
        let complain = |error: std::io::Error| cannot_write(&self.path, &error);
        let header = Header { schema: SCHEMA.into(), key: key.into() };
        let (mut blocks, mut sound_bytes) = (0, 0);
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
                let block = serde_json::from_slice::<Block>(content).ok();
                let Some(block) = block.filter(|block| block.block == blocks) else { break };
                take(block)?;
                blocks += 1;
            }
            sound_bytes += length as u64;
        }
        self.file.set_len(sound_bytes).map_err(complain)?;
        self.file.seek(SeekFrom::End(0)).map_err(complain)?;
        if sound_bytes == 0 {
            self.line(&header)?;
        }
        Ok(blocks)
    }

    /// Adds a finished block.
    pub(super) fn append(&mut self, block: &Block) -> Result<(), Diagnostics> {
        self.line(block)
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), Diagnostics> {
        let mut bytes = serde_json::to_vec(line).map_err(|error| {
            Diagnostics::from(Diagnostic::error("study.partial", format!("a block cannot be kept: {error}")))
        })?;
        bytes.push(b'\n');
        let line = [reports::Digest::of(&bytes).sha256.as_bytes(), b" ", &bytes].concat();
        self.file.write_all(&line).map_err(|error| cannot_write(&self.path, &error))
    }
}
