//! The hashes of a file's column chunks, which its footer has: a damaged byte is noticed where its chunk is read or copied.
//!
//! A page of doubles has no checksum, and one with a wrong byte decodes to other numbers. The manifest's hash is of a whole file
//! and says nothing of a file that is read in part, or that is newer than the manifest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

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

/// The note of the hashes of these row groups' chunks, in the order of row groups and columns.
pub(crate) fn to_text(groups: &[RowGroupMetaData], hashes: &[u32]) -> String {
    let mut bytes = layout_of(groups.iter()).to_le_bytes().to_vec();
    hashes.iter().for_each(|hash| bytes.extend(hash.to_le_bytes()));
    STANDARD.encode(bytes)
}
