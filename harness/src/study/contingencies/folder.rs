//! The folder of a study: written beside its final place, renamed when it is whole.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use powerflow::{Diagnostics, Network};
use reports::contingencies::{ContingencyRecord, ContingencyStudy};

use crate::run::folder::{Staged, json, network_record, problems, publish, remove};
use crate::run::journal::partial_folder;
use crate::run::local::cannot_write;

const TABLE: &str = "contingencies.csv";

/// A folder on its way.
pub(super) struct Folder {
    out: PathBuf,
    staging: PathBuf,
    table: BufWriter<File>,
}

impl Folder {
    /// Begins the table. What an interrupted study had of it is written anew from its record.
    pub(super) fn stage(out: &Path) -> Result<Self, Diagnostics> {
        let staging = partial_folder(out).join("complete");
        remove(&staging)?;
        let path = staging.join(TABLE);
        let begin = || -> std::io::Result<BufWriter<File>> {
            std::fs::create_dir_all(&staging)?;
            let mut table = BufWriter::new(File::create(&path)?);
            table.write_all(ContingencyRecord::CSV_HEADER.as_bytes())?;
            Ok(table)
        };
        let table = begin().map_err(|error| cannot_write(&path, &error))?;
        Ok(Folder { out: out.to_owned(), staging, table })
    }

    /// The next lines of the table.
    pub(super) fn rows(&mut self, rows: &[ContingencyRecord]) -> Result<(), Diagnostics> {
        rows.iter()
            .try_for_each(|record| self.table.write_all(record.csv_line().as_bytes()))
            .map_err(|error| cannot_write(&self.staging.join(TABLE), &error))
    }

    /// Writes the rest and puts the folder in its place.
    pub(super) fn publish(self, network: &Network, document: &ContingencyStudy) -> Result<(), Diagnostics> {
        let Folder { out, staging, table } = self;
        let whole = table.into_inner().map_err(|error| error.into_error()).and_then(|file| file.sync_all());
        whole.map_err(|error| cannot_write(&staging.join(TABLE), &error))?;
        let mut staged = Staged { root: staging.clone(), files: Default::default() };
        let picture = network_record(network);
        staged.put("contingencies.json", &json(document)?)?;
        staged.put("network.json", &json(&picture)?)?;
        let page = reports::render::contingencies::html(document, &picture).map_err(|p| problems(vec![p]))?;
        staged.put("report.html", page.as_bytes())?;
        reports::seal(&staging).map_err(problems)?;
        let partial = partial_folder(&out);
        publish(&staging, &out, &partial.join("replaced"))?;
        remove(&partial)
    }
}
