//! A column chunk in memory: its bytes, and what the footer says of it.

use bytes::Bytes;
use parquet::column::page::Page;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;

/// A column chunk that is encoded and in no file yet.
pub(crate) struct ColumnChunk {
    pub(crate) bytes: Bytes,
    pub(crate) close: ColumnCloseResult,
}

/// What the footer has to know of a column chunk. Columns are flat: a value a row.
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

/// Changes the bytes of a page: compresses or decompresses them.
pub(crate) fn with_bytes(mut page: Page, change: impl FnOnce(&[u8]) -> Result<Bytes>) -> Result<Page> {
    match &mut page {
        Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => *buf = change(buf)?,
        Page::DataPageV2 { .. } => {
            return Err(ParquetError::General("pages of version 2 are not written".to_owned()));
        }
    }
    Ok(page)
}
