//! The file of a long table, with the index of its rows.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema};

use crate::error::StoreError;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::long_index::LongIndex;
use crate::tables::long_schema::LongSchema;

/// The file of a long table on disk, with its index.
pub(crate) struct LongFile {
    pub(crate) file: ParquetReader,
    pub(crate) index: LongIndex,
}

impl LongFile {
    /// Reads columns of the table's own files in a row group, by their names in the long table. They come under their own names;
    /// those that the file does not have are left out.
    pub(crate) fn read_tsv(
        &self,
        group: usize,
        columns: &LongSchema,
        written: &[&str],
    ) -> Result<RecordBatch, StoreError> {
        let known = written.iter().filter_map(|name| columns.of_tsv(name));
        let (names, indices): (Vec<&str>, Vec<usize>) =
            known.filter_map(|(own_name, index)| Some((own_name, index?))).unzip();
        let batch = self.file.read_dictionaries_at(group, &indices)?;
        let fields = batch.schema_ref().fields().iter().zip(names);
        let fields = fields.map(|(field, name)| Field::clone(field).with_name(name)).collect::<Vec<_>>();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), batch.columns().to_vec(), &options)
            .map_err(StoreError::arrow(self.file.path()))
    }
}
