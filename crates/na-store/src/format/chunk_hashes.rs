//! The hashes of a file's column chunks, which its footer has: a damaged byte is noticed where its chunk is read or copied.
//!
//! A page of doubles has no checksum, and one with a wrong byte decodes to other numbers. The manifest's hash is of a whole file
//! and says nothing of a file that is read in part, or that is newer than the manifest.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::format::locked::locked;

/// The bytes that a Parquet file begins with.
const MAGIC: usize = 4;

/// The lower half of XXH3-64: four bytes a chunk find all but one damage in four billion.
fn short(hash: u64) -> u32 {
    u32::try_from(hash & u64::from(u32::MAX)).unwrap_or_default()
}

/// The hash of a column chunk's bytes.
pub(crate) fn hash_of(chunk: &[u8]) -> u32 {
    short(xxh3_64(chunk))
}

/// The hashes that a footer has, in the order of row groups and columns.
#[derive(Debug)]
pub(crate) struct ChunkHashes {
    hashes: Vec<u32>,
    n_columns: usize,
}

impl ChunkHashes {
    /// The hashes of a note. `None` if it is of other chunks: whoever rewrites a file may copy its notes.
    pub(crate) fn of_note(note: &str, groups: &[RowGroupMetaData]) -> Option<Self> {
        let bytes = STANDARD.decode(note).ok()?;
        let (layout, hashes) = bytes.split_at_checked(size_of::<u64>())?;
        let hashes = hashes.as_chunks::<{ size_of::<u32>() }>();
        let n_columns = groups.first()?.num_columns();
        let is_of_these =
            layout == layout_of(groups.iter()).to_le_bytes() && hashes.0.len() == n_columns * groups.len();
        let hashes = hashes.0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        is_of_these.then_some(Self { hashes, n_columns })
    }

    /// The hash of a column chunk.
    pub(crate) fn get(&self, row_group: usize, column: usize) -> Option<u32> {
        self.hashes.get(row_group * self.n_columns + column).copied()
    }
}

/// Tells a file's chunks from those of any other: the places and sizes of all of them.
pub(crate) fn layout_of<'g>(groups: impl Iterator<Item = &'g RowGroupMetaData>) -> u64 {
    let mut hash = Xxh3::new();
    for (start, length) in groups.flat_map(RowGroupMetaData::columns).map(ColumnChunkMetaData::byte_range) {
        hash.update(&start.to_le_bytes());
        hash.update(&length.to_le_bytes());
    }
    hash.digest()
}

/// Hashes the column chunks of a file that is being written. Their bytes come one chunk after the other, in pieces of any size.
#[derive(Clone)]
pub(crate) struct ChunkHasher(Arc<Mutex<Hashing>>);

struct Hashing {
    /// Bytes that are of no chunk.
    skip: usize,
    /// Bytes that are still to come of each chunk that was announced.
    left: VecDeque<usize>,
    hash: Xxh3,
    hashes: Vec<u32>,
}

impl ChunkHasher {
    pub(crate) fn new() -> Self {
        let hashing = Hashing { skip: MAGIC, left: VecDeque::new(), hash: Xxh3::new(), hashes: Vec::new() };
        Self(Arc::new(Mutex::new(hashing)))
    }

    /// Announces that the next chunk has so many bytes.
    pub(crate) fn expect(&self, bytes: usize) {
        locked(&self.0).left.push_back(bytes);
    }

    /// The note for the footer, once all bytes of these row groups have come.
    pub(crate) fn note<'g>(&self, groups: impl Iterator<Item = &'g RowGroupMetaData>) -> String {
        let mut bytes = layout_of(groups).to_le_bytes().to_vec();
        locked(&self.0).hashes.iter().for_each(|hash| bytes.extend(hash.to_le_bytes()));
        STANDARD.encode(bytes)
    }
}

impl Hashing {
    fn take(&mut self, bytes: &[u8]) {
        let skipped = bytes.len().min(self.skip);
        self.skip -= skipped;
        let (_, mut bytes) = bytes.split_at(skipped);
        while let Some(left) = self.left.front_mut() {
            let (now, later) = bytes.split_at(bytes.len().min(*left));
            self.hash.update(now);
            *left -= now.len();
            if *left > 0 {
                return;
            }
            bytes = later;
            self.left.pop_front();
            self.hashes.push(short(self.hash.digest()));
            self.hash.reset();
        }
    }
}

/// A file whose column chunks are hashed on their way.
pub(crate) struct HashedChunks<W> {
    pub(crate) file: W,
    pub(crate) hasher: ChunkHasher,
}

impl<W: Write> Write for HashedChunks<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        locked(&self.hasher.0).take(bytes.get(..n).unwrap_or(bytes));
        Ok(n)
    }

    /// Leaves the bytes in the file's own buffer, which is emptied when it is committed.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn chunks_have_one_hash_in_whatever_pieces_they_come(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..8),
            piece in 1_usize..400,
        ) {
            let mut file = HashedChunks { file: Vec::new(), hasher: ChunkHasher::new() };
            chunks.iter().for_each(|chunk| file.hasher.expect(chunk.len()));
            let all = [b"PAR1".as_slice(), &chunks.concat(), b"a footer"].concat();
            all.chunks(piece).for_each(|piece| file.write_all(piece).unwrap());
            let expected: Vec<u32> = chunks.iter().map(|chunk| hash_of(chunk)).collect();
            prop_assert_eq!(&locked(&file.hasher.0).hashes, &expected);
            prop_assert_eq!(file.file, all);
        }
    }
}
