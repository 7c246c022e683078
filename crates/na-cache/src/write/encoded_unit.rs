//! Units as the cache stores them, made by the loading threads so that the writer only writes.

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, SchemaRef};
use na_model::{MapSource, ReadAt, RegionSet, SourceFile, TableName, TivFinding, Unit};

use crate::error::CacheError;
use crate::format::blob::pack;
use crate::format::region_columns::RegionColumns;

/// A unit that is ready to be committed.
#[derive(Debug, Clone)]
pub struct EncodedUnit {
    /// Which.
    pub unit: Unit,
    /// When its files were read.
    pub read_at: ReadAt,
    /// What it says of total intracranial volume.
    pub tiv: TivFinding,
    /// Its tables. What the cache has of the unit's other tables stays.
    pub tables: Vec<EncodedTable>,
    /// The files they were read from.
    pub sources: Vec<SourceFile>,
}

/// A table of one session: rows × columns as one blob of compressed columns.
#[derive(Debug, Clone)]
pub struct EncodedTable {
    pub(crate) table: TableName,
    pub(crate) map: Option<MapSource>,
    pub(crate) n_rows: usize,
    pub(crate) columns: SchemaRef,
    pub(crate) regions: RegionSet,
    pub(crate) data: Vec<u8>,
    text_bytes: usize,
}

impl EncodedTable {
    /// Encodes a table. Its regions are what [`RegionColumns`] finds.
    ///
    /// # Errors
    /// A column that is neither text, double, integer nor boolean; a table that is too large to be read again.
    pub fn encode(table: TableName, map: Option<MapSource>, batch: &RecordBatch) -> Result<Self, CacheError> {
        Self::encode_like(table, map, batch, &RegionSet::default())
    }

    /// Encodes a table that has, as a rule, the regions of the one before it: then both share one list.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_like(
        table: TableName,
        map: Option<MapSource>,
        batch: &RecordBatch,
        before: &RegionSet,
    ) -> Result<Self, CacheError> {
        let regions = RegionColumns::of(batch);
        let is_like = regions.are(0..batch.num_rows(), before.as_slice().iter());
        Ok(Self {
            table,
            map,
            n_rows: batch.num_rows(),
            columns: batch.schema(),
            regions: if is_like { before.clone() } else { regions.set() },
            data: pack(batch)?,
            text_bytes: batch.columns().iter().map(text_bytes).sum(),
        })
    }

    /// The long table it feeds.
    #[must_use]
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// Which map it is of, for diffusion tables.
    #[must_use]
    pub fn map(&self) -> Option<&MapSource> {
        self.map.as_ref()
    }

    /// Its regions.
    #[must_use]
    pub fn regions(&self) -> &RegionSet {
        &self.regions
    }

    /// Columns.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.columns.fields().len()
    }

    /// Its columns of numbers and flags: what features can be made of.
    #[must_use]
    pub fn numeric_columns(&self) -> Vec<&str> {
        let is_numeric = |data_type: &DataType| {
            matches!(data_type, DataType::Float64 | DataType::Int64 | DataType::Boolean)
        };
        let fields = self.columns.fields().iter().filter(|field| is_numeric(field.data_type()));
        fields.map(|field| field.name().as_str()).collect()
    }

    /// The size of its blob, bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.data.len()
    }

    /// Text in its columns, bytes, each row with all of its own: what a row group that holds it takes in memory.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }
}

/// Bytes of text in a column.
fn text_bytes(column: &ArrayRef) -> usize {
    let of_offsets = |text: &StringArray| match text.value_offsets() {
        [first, .., last] => usize::try_from(last - first).unwrap_or_default(),
        _ => 0,
    };
    column.as_string_opt::<i32>().map_or(0, of_offsets)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, StringArray};

    use super::*;

    #[test]
    fn text_counts_in_each_row_and_numbers_do_not() {
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("label", Arc::new(StringArray::from(vec![Some("ab"), None, Some("é")])) as _, true),
            ("remark", Arc::new(StringArray::from(vec!["xyz"; 3])) as _, true),
            ("mean", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0])) as _, true),
        ]);
        let table = TableName::parse("anatomical_gm").unwrap();
        let encoded = EncodedTable::encode(table, None, &batch.unwrap()).unwrap();
        assert_eq!(encoded.text_bytes(), 2 + 2 + 9);
    }
}
