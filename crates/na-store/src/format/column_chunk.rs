//! A column chunk in memory: its bytes, and its entry for the footer.

use bytes::Bytes;
use parquet::column::page::Page;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;

/// An encoded column chunk that no file has yet.
pub(crate) struct ColumnChunk {
    pub(crate) bytes: Bytes,
    pub(crate) close: ColumnCloseResult,
}

/// The footer's entry for a column chunk. Columns are flat: a value a row.
///
/// # Errors
/// Sizes below zero.
pub(crate) fn closed(metadata: ColumnChunkMetaData) -> Result<ColumnCloseResult> {
    Ok(ColumnCloseResult {
        bytes_written: u64::try_from(metadata.compressed_size())?,
        rows_written: u64::try_from(metadata.num_values())?,
        metadata,
        bloom_filter: None,
        column_index: None,
        offset_index: None,
    })
}

/// The page with its bytes compressed or decompressed.
pub(crate) fn with_bytes(mut page: Page, change: impl FnOnce(&[u8]) -> Result<Bytes>) -> Result<Page> {
    match &mut page {
        Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => *buf = change(buf)?,
        Page::DataPageV2 { .. } => {
            return Err(ParquetError::General("pages of version 2 are not written".to_owned()));
        }
    }
    Ok(page)
}
