//! Inserts rows into a column chunk of a few hundred values.
//!
//! Doubles are streams of bytes: new bytes go between those of the old rows, and no value is decoded. A column with nulls, and one
//! of any other type, is decoded and encoded.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float64Array, cast::AsArray, types::Float64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::schema::types::ColumnDescPtr;

use crate::format::arrays::joined;
use crate::format::byte_stream_split::{all_valid, chunk_of_page};
use crate::format::column_chunk::ColumnChunk;
use crate::format::column_chunk_reader::decode;
use crate::format::column_chunk_writer::encode;
use crate::format::doubles_page::DoublesPage;
use crate::format::file_window::FileWindow;

/// Successive rows of a spliced column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SplicedRows {
    /// Rows of the old column.
    Old(Range<usize>),
    /// Rows of the new values.
    New(Range<usize>),
}

/// The values of a column of a row group that is like one of another file.
pub(crate) enum NewColumn {
    /// All of them.
    Whole(ArrayRef),
    /// Those of inserted rows.
    Inserted(ArrayRef),
}

/// A row group into whose columns rows are inserted. Its bytes are in memory.
pub(crate) struct OldGroup {
    pub(crate) window: Arc<FileWindow>,
    pub(crate) rows: usize,
    /// Whether the file has hashes of its column chunks.
    pub(crate) has_hashes: bool,
}

/// Inserts rows into a column.
pub(crate) struct ColumnSplice<'a> {
    pub(crate) column: &'a ColumnDescPtr,
    pub(crate) properties: &'a WriterPropertiesPtr,
    pub(crate) rows: &'a [SplicedRows],
}

impl ColumnSplice<'_> {
    /// Makes the column chunk of old and new rows.
    ///
    /// # Errors
    /// A damaged chunk; rows that there are not.
    pub(crate) fn splice(
        &self,
        old: &OldGroup,
        chunk: &ColumnChunkMetaData,
        new: &ArrayRef,
    ) -> Result<ColumnChunk> {
        if let Some(doubles) = new.as_primitive_opt::<Float64Type>()
            && let Some(page) = self.page(old, chunk, doubles)?
        {
            return chunk_of_page(Arc::clone(self.column), &page, self.n_rows());
        }
        let values = decode(&old.window, chunk, old.has_hashes, new.data_type(), old.rows)?;
        let part = |rows: &SplicedRows| {
            let (array, range) = match rows {
                SplicedRows::Old(range) => (&values, range),
                SplicedRows::New(range) => (new, range),
            };
            let is_within = range.start <= range.end && range.end <= array.len();
            is_within.then(|| array.slice(range.start, range.len())).ok_or_else(outside)
        };
        let mut parts = self.rows.iter().map(part).collect::<Result<Vec<ArrayRef>>>()?;
        parts.push(new.slice(0, 0));
        encode(Arc::clone(self.column), Arc::clone(self.properties), &joined(&parts)?)
    }

    fn n_rows(&self) -> usize {
        self.rows.iter().map(|rows| rows.range().len()).sum()
    }

    /// The page of a column of doubles, without compression. `None` if a row of it is null, or if the old chunk is stored in
    /// another way than the store's own.
    fn page(
        &self,
        old: &OldGroup,
        chunk: &ColumnChunkMetaData,
        new: &Float64Array,
    ) -> Result<Option<Vec<u8>>> {
        if new.null_count() > 0 || old.rows == 0 {
            return Ok(None);
        }
        let page = DoublesPage::of(&old.window, chunk, old.rows)?;
        let Some(streams) = page.as_ref().and_then(DoublesPage::streams) else { return Ok(None) };
        let levels = all_valid(self.n_rows());
        let mut spliced = Vec::with_capacity(4 + levels.len() + 8 * self.n_rows());
        spliced.extend_from_slice(&u32::try_from(levels.len())?.to_le_bytes());
        spliced.extend_from_slice(&levels);
        for (byte, stream) in streams.chunks_exact(old.rows.max(1)).enumerate() {
            let shift = 8 * byte;
            for rows in self.rows {
                match rows {
                    SplicedRows::Old(range) => {
                        spliced.extend_from_slice(stream.get(range.clone()).ok_or_else(outside)?);
                    }
                    SplicedRows::New(range) => {
                        let values = new.values().get(range.clone()).ok_or_else(outside)?;
                        spliced.extend(values.iter().map(|value| (value.to_bits() >> shift) as u8));
                    }
                }
            }
        }
        Ok(Some(spliced))
    }
}

impl SplicedRows {
    fn range(&self) -> &Range<usize> {
        match self {
            Self::Old(range) | Self::New(range) => range,
        }
    }
}

fn outside() -> ParquetError {
    ParquetError::General("a column does not have the rows that are taken from it".to_owned())
}
