//! Units as the cache stores them. The loading threads encode them, so that the writer only writes.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, cast::AsArray};
use arrow_schema::{DataType, SchemaRef};
use na_model::{MapSource, ReadAt, RegionSet, SourceFile, TableKind, TableName, TivFinding, Unit};

use crate::error::CacheError;
use crate::format::blob::pack;
use crate::format::region_columns::RegionColumns;

/// A unit that is ready to be committed.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct EncodedUnit {
    pub unit: Unit,
    /// When its files were read.
    pub read_at: ReadAt,
    pub tiv: TivFinding,
    /// Other tables that the cache has of the unit stay.
    pub tables: Vec<EncodedTable>,
    /// The files that all this was read from.
    pub sources: Vec<SourceFile>,
}

/// A table of one session, regions × columns, as one blob of compressed columns.
#[derive(Debug, Clone)]
pub struct EncodedTable {
    pub(crate) table: TableName,
    pub(crate) kind: Arc<TableKind>,
    pub(crate) map: Option<MapSource>,
    pub(crate) n_rows: usize,
    pub(crate) columns: SchemaRef,
    pub(crate) regions: RegionSet,
    pub(crate) data: Vec<u8>,
    /// Of all rows, bytes.
    text_bytes: usize,
}

impl EncodedTable {
    /// Encodes a table of `parcellate`.
    ///
    /// # Errors
    /// A column that is neither text, double, integer nor boolean; a table that is too large to be read again.
    pub fn encode(table: TableName, map: Option<MapSource>, batch: &RecordBatch) -> Result<Self, CacheError> {
        let kind = Arc::new(TableKind::of_parcellate(&table));
        Self::encode_as(&kind, table, map, batch, &RegionSet::default())
    }

    /// Encodes a table of a kind. It probably has the regions of the table `before`: then both share one list.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_as(
        kind: &Arc<TableKind>,
        table: TableName,
        map: Option<MapSource>,
        batch: &RecordBatch,
        before: &RegionSet,
    ) -> Result<Self, CacheError> {
        let regions = RegionColumns::of(batch, &kind.region_key);
        let is_like = regions.are(0..batch.num_rows(), before.as_slice().iter());
        Ok(Self {
            table,
            kind: Arc::clone(kind),
            map,
            n_rows: batch.num_rows(),
            columns: batch.schema(),
            regions: if is_like { before.clone() } else { regions.set() },
            data: pack(batch, kind)?,
            text_bytes: batch.columns().iter().map(text_bytes).sum(),
        })
    }

    /// The long table that it feeds.
    #[must_use]
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// What the table is.
    #[must_use]
    pub fn kind(&self) -> &TableKind {
        &self.kind
    }

    /// `None` for an anatomical table.
    #[must_use]
    pub fn map(&self) -> Option<&MapSource> {
        self.map.as_ref()
    }

    /// Its regions, each once.
    #[must_use]
    pub fn regions(&self) -> &RegionSet {
        &self.regions
    }

    /// The number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The number of columns.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.columns.fields().len()
    }

    /// The columns of numbers and flags, which features can be made of.
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

    /// The text of all rows, bytes: what a row group takes in memory for this table.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }
}

/// Bytes of text in a column, which may be a slice.
fn text_bytes(column: &ArrayRef) -> usize {
    match column.as_string_opt::<i32>().map(StringArray::value_offsets) {
        // Arrow's offsets ascend.
        Some([first, .., last]) => last.abs_diff(*first) as usize,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Float64Array, StringArray};

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
