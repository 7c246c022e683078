//! A part of a file, in memory.

use std::io::Read;

use bytes::{Buf, Bytes};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{ChunkReader, Length};

use crate::format::chunk_hashes::hash_of;
use crate::format::page_size::{check_size, largest_page};
use crate::format::positioned_file::PositionedFile;

/// A part of a file, in memory.
#[derive(Debug, Clone)]
pub(crate) struct FileWindow {
    bytes: Bytes,
    /// The offset in the file of its first byte.
    start: u64,
    /// Bytes that a page of it decompresses to at most.
    largest_page: u64,
}

impl FileWindow {
    /// Reads the bytes from the first of these column chunks to the last at once.
    pub(crate) fn read(file: &PositionedFile, chunks: &[&ColumnChunkMetaData]) -> Result<Self> {
        let (mut start, mut end) = (u64::MAX, 0);
        for (first, length) in chunks.iter().map(|chunk| chunk.byte_range()) {
            start = start.min(first);
            end = end.max(first + length);
        }
        let start = start.min(end);
        let bytes = file.get_bytes(start, usize::try_from(end - start)?)?;
        Ok(Self { bytes, start, largest_page: largest_page(chunks.iter().copied()) })
    }

    /// Refuses a column chunk whose bytes have another hash. `None` if the file has no hashes.
    pub(crate) fn check(&self, chunk: &ColumnChunkMetaData, hash: Option<u32>) -> Result<()> {
        let Some(hash) = hash else { return Ok(()) };
        let (start, length) = chunk.byte_range();
        let bytes = self.slice(start, Some(usize::try_from(length)?))?;
        if hash_of(&bytes) == hash {
            return Ok(());
        }
        let column = chunk.column_path().string();
        Err(ParquetError::General(format!(
            "the bytes of its column {column} are not those that were written"
        )))
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes
    }

    fn slice(&self, start: u64, length: Option<usize>) -> Result<Bytes> {
        let outside = || ParquetError::General("a column is not where the file says".to_owned());
        let from = start.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        let from = from.filter(|from| *from <= self.bytes.len()).ok_or_else(outside)?;
        let end = length.map_or(Some(self.bytes.len()), |length| from.checked_add(length));
        let end = end.filter(|end| *end <= self.bytes.len()).ok_or_else(outside)?;
        Ok(self.bytes.slice(from..end))
    }
}

impl Length for FileWindow {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ChunkReader for FileWindow {
    type T = Box<dyn Read + Send>;

    /// Reads from the beginning of a page.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        let bytes = self.slice(start, None)?;
        check_size(&bytes, self.largest_page)?;
        Ok(Box::new(bytes.reader()))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.slice(start, Some(length))
    }
}
