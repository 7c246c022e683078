//! A column chunk in memory: its bytes, and its entry for the footer.

use bytes::Bytes;
use parquet::column::page::Page;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;

/// An encoded column chunk that no file has yet.
pub(crate) struct ColumnChunk {
    pub(crate) bytes: Bytes,
    /// Its entry for the footer, with offsets within `bytes`.
    pub(crate) metadata: ColumnChunkMetaData,
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
