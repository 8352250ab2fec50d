//! The table as Apache Parquet: the columns of the CSV, typed, absent numbers as nulls. A derived export: no digest is taken of it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Float64Builder, ListBuilder, StringBuilder, UInt32Builder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use parquet::arrow::ArrowWriter;
use powerflow::{Diagnostic, Diagnostics};
use reports::contingencies::ContingencyRecord;

/// Rows of one row group.
const GROUP: usize = 1 << 16;

/// A table on its way: written beside its place, renamed when it is whole.
pub struct ParquetTable {
    path: PathBuf,
    temporary: tempfile::NamedTempFile,
    writer: Option<ArrowWriter<File>>,
    waiting: Vec<ContingencyRecord>,
}

impl std::fmt::Debug for ParquetTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetTable").field("path", &self.path).finish_non_exhaustive()
    }
}

impl ParquetTable {
    /// Begins a table.
    ///
    /// # Errors
    /// `study.parquet` where the folder cannot be written to.
    pub fn begin(path: &Path) -> Result<Self, Diagnostics> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let temporary = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))
            .map_err(|error| failed(path, &error.to_string()))?;
        Ok(ParquetTable { path: path.to_owned(), temporary, writer: None, waiting: Vec::new() })
    }

    /// The next row.
    ///
    /// # Errors
    /// `study.parquet` where the disk is full.
    pub fn push(&mut self, record: &ContingencyRecord) -> Result<(), Diagnostics> {
        self.waiting.push(record.clone());
        if self.waiting.len() < GROUP { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<(), Diagnostics> {
        let complain = |error: &dyn std::fmt::Display| failed(&self.path, &error.to_string());
        let batch = batch(&self.waiting).map_err(|error| complain(&error))?;
        if self.writer.is_none() {
            let file = self.temporary.reopen().map_err(|error| complain(&error))?;
            let writer =
                ArrowWriter::try_new(file, batch.schema(), None).map_err(|error| complain(&error))?;
            self.writer = Some(writer);
        }
        if let Some(writer) = &mut self.writer {
            writer.write(&batch).map_err(|error| failed(&self.path, &error.to_string()))?;
        }
        self.waiting.clear();
        Ok(())
    }

    /// Writes what is left and puts the table in its place.
    ///
    /// # Errors
    /// `study.parquet`.
    pub fn finish(mut self) -> Result<(), Diagnostics> {
        self.write()?;
        let ParquetTable { path, temporary, writer, .. } = self;
        if let Some(writer) = writer {
            writer.close().map_err(|error| failed(&path, &error.to_string()))?;
        }
        temporary.persist(&path).map_err(|error| failed(&path, &error.to_string()))?;
        Ok(())
    }
}

fn failed(path: &Path, why: &str) -> Diagnostics {
    Diagnostic::error("study.parquet", format!("cannot write {}: {why}", path.display())).into()
}

/// One row group.
fn batch(records: &[ContingencyRecord]) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let texts = |of: &dyn Fn(&ContingencyRecord) -> Option<String>| {
        let mut column = StringBuilder::new();
        records.iter().for_each(|record| column.append_option(of(record)));
        Arc::new(column.finish()) as ArrayRef
    };
    let numbers = |of: fn(&ContingencyRecord) -> Option<f64>| {
        let mut column = Float64Builder::new();
        records.iter().for_each(|record| column.append_option(of(record)));
        Arc::new(column.finish()) as ArrayRef
    };
    let counts = |of: fn(&ContingencyRecord) -> Option<u32>| {
        let mut column = UInt32Builder::new();
        records.iter().for_each(|record| column.append_option(of(record)));
        Arc::new(column.finish()) as ArrayRef
    };
    let ids = |of: fn(&ContingencyRecord) -> Option<u64>| {
        let mut column = UInt64Builder::new();
        records.iter().for_each(|record| column.append_option(of(record)));
        Arc::new(column.finish()) as ArrayRef
    };
    let lists = |of: fn(&ContingencyRecord) -> Vec<u64>| {
        let mut column = ListBuilder::new(UInt64Builder::new());
        for record in records {
            column.append_value(of(record).into_iter().map(Some));
        }
        Arc::new(column.finish()) as ArrayRef
    };
    let mut unbalanced = BooleanBuilder::new();
    records.iter().for_each(|record| unbalanced.append_value(record.unbalanced()));
    RecordBatch::try_from_iter_with_nullable([
        ("row", lists(|r| r.rows.iter().map(|row| u64::from(*row)).collect()), false),
        ("from", lists(|r| r.from.clone()), false),
        ("to", lists(|r| r.to.clone()), false),
        ("status", texts(&|r| Some(r.status.id().to_owned())), false),
        ("iterations", counts(|r| Some(r.iterations)), false),
        ("vm_min_pu", numbers(|r| r.vm_min_pu), true),
        ("vm_max_pu", numbers(|r| r.vm_max_pu), true),
        ("max_loading_pct", numbers(|r| r.max_loading_pct), true),
        ("max_flow_mva", numbers(|r| r.max_flow_mva), true),
        ("mismatch_pu", numbers(|r| r.mismatch_pu), true),
        ("rung", texts(&|r| r.rung.clone()), true),
        ("number", ids(|r| Some(r.number)), false),
        ("name", texts(&|r| r.name.clone()), true),
        ("vm_min_bus", ids(|r| r.vm_min_bus), true),
        ("vm_max_bus", ids(|r| r.vm_max_bus), true),
        ("max_loading_branch", counts(|r| r.max_loading_branch), true),
        ("max_flow_branch", counts(|r| r.max_flow_branch), true),
        ("overloads", counts(|r| r.overloads), true),
        ("low_voltages", counts(|r| r.low_voltages), true),
        ("high_voltages", counts(|r| r.high_voltages), true),
        ("caused_overloads", counts(|r| r.caused_overloads), true),
        ("caused_low_voltages", counts(|r| r.caused_low_voltages), true),
        ("caused_high_voltages", counts(|r| r.caused_high_voltages), true),
        ("worst_overload_pct", numbers(|r| r.worst_overload_pct), true),
        ("worst_voltage_pu", numbers(|r| r.worst_voltage_pu), true),
        ("lost_demand_mw", numbers(|r| r.lost_demand_mw), true),
        ("unmet_mw", numbers(|r| r.unmet_mw), true),
        ("estimate_pct", numbers(|r| r.estimate_pct), true),
        ("unbalanced", Arc::new(unbalanced.finish()), false),
    ])
}

#[cfg(test)]
mod tests {
    use arrow_array::{Array, Float64Array, ListArray, UInt64Array};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use powerflow::Network;

    use super::super::list::Outage;
    use super::super::row::blank;
    use super::*;

    /// Reading by the library gives what was written: absent numbers are nulls, not zeros.
    #[test]
    fn the_table_reads_back() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/volt_var/case118.m");
        let network = Network::build(powerflow::case::read(&file).unwrap()).unwrap();
        let branch = network.branches.from.indices().nth(4).unwrap();
        let outage = Outage { name: Some("a, b".into()), branches: vec![branch] };
        let status = reports::contingencies::ContingencyStatus::Solved;
        let mut solved = blank(&network, 1, &outage, status);
        solved.vm_min_pu = Some(0.93);
        let without = blank(&network, 2, &outage, reports::contingencies::ContingencyStatus::NoSolution);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.parquet");
        let mut table = ParquetTable::begin(&path).unwrap();
        for record in [&solved, &without] {
            table.push(record).unwrap();
        }
        assert!(!path.exists());
        table.finish().unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
        let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
        let column = |name: &str| batches[0].column_by_name(name).unwrap();
        let vm = column("vm_min_pu").as_any().downcast_ref::<Float64Array>().unwrap();
        assert_eq!((vm.value(0), vm.is_null(0), vm.is_null(1)), (0.93, false, true));
        let rows = column("row").as_any().downcast_ref::<ListArray>().unwrap().value(0);
        assert_eq!(rows.as_any().downcast_ref::<UInt64Array>().unwrap().values(), &[5]);
    }
}
