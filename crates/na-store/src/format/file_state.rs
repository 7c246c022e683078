//! The state of a store's files, which the manifest records and `--verify` compares with.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use na_model::mtime_ns;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

/// Bytes read at once.
const AT_ONCE: usize = 1 << 18;

/// Length, hash and modification time, which tell a file from any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileState {
    pub(crate) bytes: u64,
    /// XXH3-128 of the content, in hexadecimal (`xxh128sum` prints the same).
    pub(crate) hash: String,
    /// Modification time, nanoseconds since 1970: a file with the same need not be read again.
    pub(crate) mtime_ns: i64,
}

impl FileState {
    /// Reads a file whole.
    #[expect(clippy::indexing_slicing, reason = "a read fills no more than the buffer")]
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut hash = Xxh3::new();
        let mut buffer = vec![0; AT_ONCE];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                n => hash.update(&buffer[..n]),
            }
        }
        Self::of(&file, &hash)
    }

    fn of(file: &File, hash: &Xxh3) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            bytes: metadata.len(),
            hash: format!("{:032x}", hash.digest128()),
            mtime_ns: mtime_ns(&metadata)?,
        })
    }

    /// Whether a file still has this size and time. `false` if it is gone.
    pub(crate) fn is_as_it_was(&self, path: &Path) -> bool {
        fs::metadata(path)
            .and_then(|now| Ok((now.len(), mtime_ns(&now)?)))
            .is_ok_and(|now| now == (self.bytes, self.mtime_ns))
    }
}

/// A file that is being written, with the hash of its content so far.
pub(crate) struct HashedFile {
    file: File,
    hash: Box<Xxh3>,
}

impl HashedFile {
    pub(crate) fn new(file: File) -> Self {
        Self { file, hash: Box::new(Xxh3::new()) }
    }

    /// Syncs the file and returns its state.
    pub(crate) fn sync(&self) -> io::Result<FileState> {
        self.file.sync_all()?;
        FileState::of(&self.file, &self.hash)
    }
}

impl Write for HashedFile {
    #[expect(clippy::indexing_slicing, reason = "no more is written than was given")]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.hash.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_and_what_is_read_back_have_one_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content: Vec<u8> = (0..700_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let mut file = HashedFile::new(File::create(&path).unwrap());
        content.chunks(1000).for_each(|chunk| file.write_all(chunk).unwrap());
        let state = file.sync().unwrap();
        assert_eq!(state, FileState::read(&path).unwrap());
        assert_eq!(state.hash, format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&content)));
        assert!(state.is_as_it_was(&path));
        fs::write(&path, "other").unwrap();
        assert!(!state.is_as_it_was(&path) && !state.is_as_it_was(&folder.path().join("none")));
    }
}
