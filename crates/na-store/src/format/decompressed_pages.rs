//! The pages of a column chunk of zstd, decompressed by the context of the thread.
//!
//! Parquet's own reader makes two contexts for each chunk, as its writer does (see [`super::column_chunk_writer`]): where few columns
//! are read of a long table, that takes a seventh of the time.

use std::sync::Arc;

use parquet::basic::Compression as Codec;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::Result;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;

use crate::format::column_chunk::with_bytes;
use crate::format::file_window::FileWindow;
use crate::format::page_compression::decompress;

/// Pages of zstd, decompressed.
pub(crate) struct DecompressedPages(SerializedPageReader<FileWindow>);

impl DecompressedPages {
    /// The pages of a chunk of so many rows.
    pub(crate) fn of(window: &Arc<FileWindow>, chunk: &ColumnChunkMetaData, rows: usize) -> Result<Self> {
        let bare = chunk.clone().into_builder().set_compression(Codec::UNCOMPRESSED).build()?;
        Ok(Self(SerializedPageReader::new(Arc::clone(window), &bare, rows, None)?))
    }
}

impl Iterator for DecompressedPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for DecompressedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.0.get_next_page()?.map(|page| with_bytes(page, decompress)).transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.0.skip_next_page()
    }
}
