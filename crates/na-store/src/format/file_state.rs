//! The state of a store's files, which the manifest records and `--verify` compares with.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use na_model::mtime_ns;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::format::footer::TAIL;

/// Bytes read at once.
const AT_ONCE: usize = 1 << 18;

/// XXH3-128 in hexadecimal: what `xxh128sum` prints of the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FileHash {
    /// Of all bytes.
    #[serde(rename = "hash")]
    Whole(String),
    /// Of the footer of a Parquet file that has a hash of each of its column chunks there: one that grows is not read again.
    #[serde(rename = "footer_hash")]
    Footer(String),
}

/// Length, hash and modification time, which tell a file from any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileState {
    pub(crate) bytes: u64,
    #[serde(flatten)]
    pub(crate) hash: FileHash,
    /// Modification time, nanoseconds since 1970: a file with the same need not be read again.
    pub(crate) mtime_ns: i64,
}

impl FileHash {
    /// The hash of a file's whole content.
    pub(crate) fn of_content(content: &[u8]) -> Self {
        Self::Whole(hexadecimal(xxh3_128(content)))
    }

    /// The hash of a footer, with its length and the word that a file ends with.
    pub(crate) fn of_footer(footer: &[u8]) -> Self {
        Self::Footer(hexadecimal(xxh3_128(footer)))
    }

    #[expect(clippy::indexing_slicing, reason = "a read fills no more than the buffer")]
    fn read_whole(file: &mut File) -> io::Result<Self> {
        let mut hash = Xxh3::new();
        let mut buffer = vec![0; AT_ONCE];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(Self::Whole(hexadecimal(hash.digest128()))),
                n => hash.update(&buffer[..n]),
            }
        }
    }

    fn read_footer(file: &mut File) -> io::Result<Self> {
        let bytes = file.metadata()?.len();
        let mut tail = [0; TAIL];
        file.seek(SeekFrom::Start(bytes.saturating_sub(TAIL as u64)))?;
        file.read_exact(&mut tail)?;
        let [a, b, c, d, ..] = tail;
        let length = u64::from(u32::from_le_bytes([a, b, c, d])) + TAIL as u64;
        file.seek(SeekFrom::Start(bytes.saturating_sub(length)))?;
        let mut footer = Vec::new();
        file.read_to_end(&mut footer)?;
        Ok(Self::of_footer(&footer))
    }
}

fn hexadecimal(hash: u128) -> String {
    format!("{hash:032x}")
}

impl FileState {
    /// Reads a file whole.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let hash = FileHash::read_whole(&mut File::open(path)?)?;
        Self::of(path, hash)
    }

    /// Reads the footer of a Parquet file that has the hashes of its column chunks.
    pub(crate) fn read_footer(path: &Path) -> io::Result<Self> {
        let hash = FileHash::read_footer(&mut File::open(path)?)?;
        Self::of(path, hash)
    }

    /// Reads a file as it was read for this state.
    pub(crate) fn read_again(&self, path: &Path) -> io::Result<Self> {
        match self.hash {
            FileHash::Whole(_) => Self::read(path),
            FileHash::Footer(_) => Self::read_footer(path),
        }
    }

    /// The state of a file with this hash.
    pub(crate) fn of(path: &Path, hash: FileHash) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self { bytes: metadata.len(), hash, mtime_ns: mtime_ns(&metadata)? })
    }

    /// Whether a file still has this size and time. `false` if it is gone.
    pub(crate) fn is_as_it_was(&self, path: &Path) -> bool {
        fs::metadata(path)
            .and_then(|now| Ok((now.len(), mtime_ns(&now)?)))
            .is_ok_and(|now| now == (self.bytes, self.mtime_ns))
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
        fs::write(&path, &content).unwrap();
        let state = FileState::of(&path, FileHash::of_content(&content)).unwrap();
        assert_eq!(state, FileState::read(&path).unwrap());
        assert_eq!(state, state.read_again(&path).unwrap());
        assert!(state.is_as_it_was(&path));
        fs::write(&path, "other").unwrap();
        assert!(!state.is_as_it_was(&path) && !state.is_as_it_was(&folder.path().join("none")));
    }

    #[test]
    fn a_footer_is_told_apart_by_its_own_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let footer = [b"columns".as_slice(), &7_u32.to_le_bytes(), b"PAR1"].concat();
        fs::write(&path, [b"PAR1 values".as_slice(), &footer].concat()).unwrap();
        let state = FileState::read_footer(&path).unwrap();
        assert_eq!(state.hash, FileHash::of_footer(&footer));
        fs::write(&path, [b"PAR1 others".as_slice(), &footer].concat()).unwrap();
        assert_eq!(state.read_again(&path).unwrap().hash, state.hash);
        fs::write(&path, [b"PAR1 others".as_slice(), &footer.to_ascii_uppercase()].concat()).unwrap();
        assert_ne!(state.read_again(&path).unwrap().hash, state.hash);
        fs::write(&path, [0xff; 3]).unwrap();
        assert!(FileState::read_footer(&path).is_err());
        // A length that no file has: all there is is read.
        fs::write(&path, [0xff; 20]).unwrap();
        assert_eq!(FileState::read_footer(&path).unwrap().hash, FileHash::of_footer(&[0xff; 20]));
    }

    #[test]
    fn the_manifest_says_what_the_hash_is_of() {
        let of = |hash| serde_json::to_value(FileState { bytes: 3, hash, mtime_ns: 5 }).unwrap();
        let whole = of(FileHash::Whole("ab".to_owned()));
        assert_eq!(whole, serde_json::json!({"bytes": 3, "hash": "ab", "mtime_ns": 5}));
        let footer = of(FileHash::Footer("ab".to_owned()));
        assert_eq!(footer, serde_json::json!({"bytes": 3, "footer_hash": "ab", "mtime_ns": 5}));
        let read: FileState = serde_json::from_value(footer).unwrap();
        assert_eq!(read.hash, FileHash::Footer("ab".to_owned()));
    }
}
