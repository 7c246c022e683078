//! Which column chunks of a file stay where they are in the file that replaces it.

use std::ops::Range;

use crate::format::footer::MAGIC;
use crate::format::parquet_file::ParquetFile;

/// Of so many bytes, one may be of a chunk that does not stay: a file with more is written anew. No file is over 2% larger than one
/// that is written at once.
const BYTES_PER_DEAD: u64 = 50;

/// The column chunks of a file that stay, up to the end of the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptChunks {
    pub(crate) end: u64,
    /// The bytes before the end that are of chunks which do not stay.
    pub(crate) dead: Vec<Range<u64>>,
    /// How many bytes before the end are of no chunk that stays.
    n_dead: u64,
}

impl KeptChunks {
    /// Decides on a file by the chunks that stay: for each row group, the indices of its columns. `lost` is the number of bytes that
    /// are going to be lost for other reasons. `None` if the file is better written anew: too much of it would be dead, or it
    /// cannot tell its chunks apart.
    pub(crate) fn of(file: &ParquetFile, stays: &[Vec<usize>], lost: u64) -> Option<Self> {
        if !file.has_hashes() {
            return None;
        }
        let mut chunks = Vec::new();
        for (group, stays) in file.row_groups().iter().zip(stays) {
            for (index, chunk) in group.columns().iter().enumerate() {
                let (start, length) = chunk.byte_range();
                chunks.push((start..start.checked_add(length)?, stays.contains(&index)));
            }
        }
        chunks.sort_unstable_by_key(|(range, _)| range.start);
        let is_apart = |pair: &[(Range<u64>, bool)]| matches!(pair, [(first, _), (second, _)] if first.end <= second.start);
        if !chunks.windows(2).all(is_apart) {
            return None;
        }
        let end = chunks.iter().rfind(|(_, stays)| *stays).map(|(range, _)| range.end)?;
        let (kept, dead): (Vec<_>, Vec<_>) =
            chunks.into_iter().take_while(|(range, _)| range.end <= end).partition(|(_, stays)| *stays);
        let n_kept: u64 = kept.iter().map(|(range, _)| range.end - range.start).sum();
        let n_dead = end.checked_sub(MAGIC.len() as u64)?.checked_sub(n_kept)?;
        let is_worth_it = (n_dead + lost).saturating_mul(BYTES_PER_DEAD) <= end;
        let dead = dead.into_iter().map(|(range, _)| range).collect();
        is_worth_it.then_some(Self { end, dead, n_dead })
    }

    /// Whether the new file would have bytes of no chunk. Where somebody leaves a store, no file does.
    pub(crate) fn leaves_gaps(&self) -> bool {
        self.n_dead > 0
    }
}
