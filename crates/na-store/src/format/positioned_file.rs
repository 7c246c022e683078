//! A file that many threads read at once, each from a position of its own.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use crate::format::reopened_file::ReopenedFile;

/// A file without a shared position. Parquet's own reader of [`File`] seeks, and all handles of one open file share their
/// position; here each read gives its own.
#[derive(Debug, Clone)]
pub(crate) struct PositionedFile {
    handle: Arc<ReopenedFile>,
    /// Keeps the file open. `None` if it is open only while it is read.
    _open: Option<Arc<File>>,
    length: u64,
}

impl PositionedFile {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::of(ReopenedFile::open(path)?)
    }

    /// Opens a file that somebody else is going to rename.
    pub(crate) fn open_before_rename(temporary: &Path, path: &Path) -> io::Result<Self> {
        Self::of(ReopenedFile::open_before_rename(temporary, path)?)
    }

    /// Opens the first bytes of a file that somebody goes on to write.
    pub(crate) fn open_start(path: &Path, length: u64) -> io::Result<Self> {
        let opened = Self::of(ReopenedFile::open_while_it_grows(path)?)?;
        if opened.length < length {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter than it was"));
        }
        Ok(Self { length, ..opened })
    }

    fn of((handle, file): (ReopenedFile, Arc<File>)) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { handle: Arc::new(handle), _open: Some(file), length })
    }

    /// The same file, open only while it is read.
    pub(crate) fn closed(self) -> Self {
        Self { _open: None, ..self }
    }

    /// The same file, open as long as the returned value lives.
    pub(crate) fn opened(&self) -> io::Result<Self> {
        Ok(Self { _open: Some(self.handle.file()?), ..self.clone() })
    }

    /// Copies the first bytes into another file, at its position. Returns how many there were. No two threads may copy at once.
    pub(crate) fn copy_start(&self, bytes: u64, mut to: &File) -> io::Result<u64> {
        let file = self.handle.file()?;
        let mut from = file.as_ref();
        from.rewind()?;
        io::copy(&mut from.take(bytes), &mut to)
    }
}

impl Length for PositionedFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for PositionedFile {
    type T = BufReader<ReadFrom>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(ReadFrom { file: self.handle.file()?, position: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let end = u64::try_from(length).ok().and_then(|length| start.checked_add(length));
        if end.is_none_or(|end| end > self.length) {
            return Err(ParquetError::EOF("a column is not where the file says".to_owned()));
        }
        let mut bytes = vec![0; length];
        ReadFrom { file: self.handle.file()?, position: start }.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// A reader that begins at a position.
#[derive(Debug)]
pub(crate) struct ReadFrom {
    file: Arc<File>,
    position: u64,
}

impl Read for ReadFrom {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(self.file.as_ref(), buffer, self.position)?;
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(self.file.as_ref(), buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}
