//! A table's blob: a directory, then the table's columns in compressed frames.
//!
//! | offset | bytes | meaning |
//! |---|---|---|
//! | 0 | 20 × columns | directory: an entry for each column, in the order of the column set |
//! | 20 × columns | to the end | frames, one directly after the other (`frame.rs`) |
//!
//! An entry of the directory, five `u32`, little-endian:
//!
//! | offset | bytes | meaning |
//! |---|---|---|
//! | 0 | 4 | where the column's frame begins, from the beginning of the blob |
//! | 4 | 4 | the frame's length in the blob |
//! | 8 | 4 | the frame's length unpacked |
//! | 12 | 4 | where the column begins in the unpacked frame |
//! | 16 | 4 | the column's length in the unpacked frame (`column_codec.rs`) |
//!
//! The columns that features are made of have a frame each, in the order of the table, so that one is read without the
//! rest. All other columns share the last frame, where columns that are alike compress well; it is empty if there are
//! none. The number of rows, the names and the types are beside the blob: in `tables.n_rows` and in the column set
//! (`column_set.rs`). A blob has at most 999,000,000 bytes.
//!
//! **Version.** A blob has none of its own: the schema version of its database (`PRAGMA user_version`, 3) stands for it.
//! Raise that for whatever makes a reader misread or refuse a blob: another entry, a flag, a type, a frame that is not
//! Zstandard. Each raise adds a cache of the version before to the tests' fixtures. Which columns share a frame, the order
//! of frames and the level of compression may change without: the directory tells where each column is.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType};
use na_model::TableKind;

use crate::error::CacheError;
use crate::format::column_codec::{DoubleLayout, read_column, write_column};
use crate::format::frame::{Frame, LARGEST_FRAME, add_frame, malformed};

/// No blob is larger, bytes: SQLite takes rows of 10^9, and what stands beside the blob is small.
const LARGEST_BLOB: usize = 999_000_000;

/// Bytes of a number in the directory.
const WORD: usize = 4;

/// Bytes of an entry in the directory: five numbers.
const ENTRY: usize = 5 * WORD;

/// An entry of a blob's directory: where a column is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Entry {
    pub(crate) frame: Frame,
    /// In the unpacked frame, bytes.
    start: usize,
    /// In the unpacked frame, bytes.
    length: usize,
}

impl Entry {
    /// Whether the column has its frame for itself.
    pub(crate) fn is_alone(self) -> bool {
        self.length == self.frame.unpacked_length
    }

    /// The column as an array of `n_rows` rows, out of its unpacked frame.
    ///
    /// # Errors
    /// Bytes that [`pack`] did not write.
    pub(crate) fn read(
        self,
        frame: &[u8],
        data_type: &DataType,
        n_rows: usize,
    ) -> Result<ArrayRef, ArrowError> {
        let bytes = frame.get(self.start..).and_then(|bytes| bytes.get(..self.length));
        read_column(bytes.ok_or_else(|| malformed("a column is not in its frame"))?, data_type, n_rows)
    }

    fn to_bytes(self) -> Result<[u8; ENTRY], ArrowError> {
        let Frame { start, length, unpacked_length } = self.frame;
        let mut bytes = [0; ENTRY];
        let words = [start, length, unpacked_length, self.start, self.length];
        for (word, slot) in words.into_iter().zip(bytes.as_chunks_mut::<WORD>().0) {
            *slot = u32::try_from(word).map_err(|_| malformed("more than 4 GB"))?.to_le_bytes();
        }
        Ok(bytes)
    }

    #[expect(clippy::indexing_slicing, reason = "an entry has five words")]
    fn from_bytes(bytes: &[u8; ENTRY]) -> Self {
        let words = bytes.as_chunks::<WORD>().0;
        let word = |index: usize| u32::from_le_bytes(words[index]) as usize;
        let frame = Frame { start: word(0), length: word(1), unpacked_length: word(2) };
        Self { frame, start: word(3), length: word(4) }
    }
}

/// The size of a directory, bytes.
pub(crate) fn directory_size(n_columns: usize) -> usize {
    n_columns * ENTRY
}

/// The entries of a directory, in the order of columns.
pub(crate) fn entries(directory: &[u8]) -> impl Iterator<Item = Entry> {
    directory.as_chunks::<ENTRY>().0.iter().map(Entry::from_bytes)
}

/// Packs a table.
///
/// # Errors
/// A column of a type that no TSV has; a table that could not be read again, because a frame or the blob is too large.
pub(crate) fn pack(batch: &RecordBatch, kind: &TableKind) -> Result<Vec<u8>, CacheError> {
    pack_within(batch, kind, LARGEST_FRAME, LARGEST_BLOB)
}

fn pack_within(
    batch: &RecordBatch,
    kind: &TableKind,
    largest_frame: usize,
    largest_blob: usize,
) -> Result<Vec<u8>, CacheError> {
    let n_columns = batch.num_columns();
    let mut blob = Vec::with_capacity(batch.get_array_memory_size());
    blob.resize(directory_size(n_columns), 0);
    let mut directory = vec![Entry::default(); n_columns];
    let columns = batch.schema_ref().fields().iter().zip(batch.columns()).zip(&mut directory);
    let (alone, mut shared): (Vec<_>, Vec<_>) =
        columns.partition(|((field, _), _)| is_read_alone(kind, field.name()));
    let mut unpacked = Vec::new();
    // SQLite walks a blob from its beginning: what is read alone comes first.
    for ((_, array), entry) in alone {
        unpacked.clear();
        write_column(array, DoubleLayout::SplitByByte, &mut unpacked)?;
        check_size(unpacked.len(), largest_frame)?;
        *entry = Entry { frame: add_frame(&unpacked, &mut blob)?, start: 0, length: unpacked.len() };
    }
    unpacked.clear();
    for ((_, array), entry) in &mut shared {
        entry.start = unpacked.len();
        write_column(array, DoubleLayout::Plain, &mut unpacked)?;
        check_size(unpacked.len(), largest_frame)?;
        entry.length = unpacked.len() - entry.start;
    }
    let frame = add_frame(&unpacked, &mut blob)?;
    shared.into_iter().for_each(|(_, entry)| entry.frame = frame);
    check_size(blob.len(), largest_blob)?;
    for (entry, bytes) in directory.iter().zip(blob.as_chunks_mut::<ENTRY>().0) {
        *bytes = entry.to_bytes()?;
    }
    Ok(blob)
}

fn check_size(size: usize, limit: usize) -> Result<(), CacheError> {
    if size <= limit { Ok(()) } else { Err(CacheError::TooLarge { size, limit }) }
}

/// Whether a column is wanted without the rest of its table.
fn is_read_alone(kind: &TableKind, name: &str) -> bool {
    let key = &kind.region_key;
    key.index.iter().chain(&key.labels).chain(&kind.default_metrics).any(|column| column == name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        BooleanArray, Float64Array, Int64Array, NullArray, StringArray, cast::AsArray, types::Float64Type,
    };
    use arrow_schema::FieldRef;

    use na_model::TableName;

    use super::*;
    use crate::format::frame::unpack;

    fn kind() -> TableKind {
        TableKind::of_parcellate(&TableName::parse("diffusion_NODDI").unwrap())
    }

    fn table() -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable([
            ("index", Arc::new(Int64Array::from(vec![Some(1), None, Some(i64::MIN)])) as _, true),
            ("label", Arc::new(StringArray::from(vec![Some("a"), Some("NA"), None])) as _, true),
            ("cv", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0])) as _, true),
            ("mean", Arc::new(Float64Array::from(vec![Some(-0.0), Some(0.1 + 0.2), None])) as _, true),
            ("is_bimodal", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])) as _, true),
            ("empty", Arc::new(NullArray::new(3)) as _, true),
            ("words", Arc::new(StringArray::from(vec!["é".repeat(500); 3])) as _, true),
        ])
        .unwrap()
    }

    fn columns(blob: &[u8], batch: &RecordBatch) -> Result<Vec<ArrayRef>, ArrowError> {
        let directory = blob.get(..directory_size(batch.num_columns())).unwrap_or_default();
        let read = |(entry, field): (Entry, &FieldRef)| {
            let Frame { start, length, .. } = entry.frame;
            let packed =
                blob.get(start..).and_then(|bytes| bytes.get(..length)).ok_or_else(|| malformed("cut"))?;
            entry.read(&unpack(entry.frame, packed)?, field.data_type(), batch.num_rows())
        };
        entries(directory).zip(batch.schema_ref().fields()).map(read).collect()
    }

    #[test]
    fn every_bit_of_a_table_survives() {
        let batch = table();
        let blob = pack(&batch, &kind()).unwrap();
        let read = columns(&blob, &batch).unwrap();
        assert_eq!(read, batch.columns());
        assert!(read[3].as_primitive::<Float64Type>().value(0).is_sign_negative());
        for slice in [batch.slice(1, 2), batch.slice(2, 1), batch.slice(0, 0)] {
            assert_eq!(columns(&pack(&slice, &kind()).unwrap(), &slice).unwrap(), slice.columns());
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_tables_above() {
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("label", Arc::new(StringArray::from(vec![Some("a"), None])) as _, true),
            ("note", Arc::new(StringArray::from(vec!["é", "x"])) as _, true),
            ("mean", Arc::new(Float64Array::from(vec![1.0, -2.0])) as _, true),
            ("count", Arc::new(Int64Array::from(vec![None, Some(-1)])) as _, true),
            ("flag", Arc::new(BooleanArray::from(vec![true, false])) as _, true),
            ("empty", Arc::new(NullArray::new(2)) as _, true),
        ]);
        let entries: [[u32; 5]; 6] = [
            [120, 15, 15, 0, 15],
            [152, 37, 37, 0, 16],
            [135, 17, 17, 0, 17],
            [152, 37, 37, 16, 18],
            [152, 37, 37, 34, 2],
            [152, 37, 37, 36, 1],
        ];
        let mut expected: Vec<u8> =
            entries.as_flattened().iter().flat_map(|word| word.to_le_bytes()).collect();
        // `label`: flags, validity, offsets, text.
        expected.extend([3, 0b01, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, b'a']);
        // `mean`: flags, then six planes of zeros and two of exponents.
        expected.extend([2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0x00, 0x3f, 0xc0]);
        // `note`.
        expected.extend([0, 0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0xc3, 0xa9, b'x']);
        // `count`: the null row has the value that Arrow gave it.
        expected.extend([1, 0b10, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
        // `flag`, and `empty`.
        expected.extend([0, 0b01]);
        expected.push(0);
        assert_eq!(pack(&batch.unwrap(), &kind()).unwrap(), expected);
    }

    #[test]
    fn what_features_are_made_of_comes_first() {
        let batch = table();
        let blob = pack(&batch, &kind()).unwrap();
        let entries: Vec<Entry> = entries(&blob[..directory_size(batch.num_columns())]).collect();
        assert!(entries[3].frame.start < entries[2].frame.start, "mean before cv");
        assert_eq!(entries[2].frame, entries[6].frame, "the rest in one frame");
    }

    #[test]
    fn a_table_that_could_not_be_read_again_is_refused_before_it_is_committed() {
        let batch = table();
        let size = pack(&batch, &kind()).unwrap().len();
        let refused = |frame, blob| match pack_within(&batch, &kind(), frame, blob) {
            Err(CacheError::TooLarge { size, limit }) => Some((size, limit)),
            packed => {
                assert!(packed.is_ok());
                None
            }
        };
        // The texts of 500 characters are in the frame of the rest.
        let (rest, limit) = refused(2000, LARGEST_BLOB).unwrap();
        assert!(rest > 3000 && limit == 2000);
        assert_eq!(refused(rest, size), None);
        assert_eq!(refused(rest - 1, size), Some((rest, rest - 1)));
        assert_eq!(refused(10, size).map(|(_, limit)| limit), Some(10), "a frame of one column");
        assert_eq!(refused(rest, size - 1), Some((size, size - 1)));
        let frame = Frame { start: 0, length: 1, unpacked_length: LARGEST_FRAME + 1 };
        assert!(unpack(frame, &[0]).is_err(), "what is refused here is what cannot be read");
    }

    #[test]
    fn a_damaged_blob_is_an_error_or_other_values_and_nothing_worse() {
        let batch = table();
        let blob = pack(&batch, &kind()).unwrap();
        let mut refused = 0;
        for index in 0..blob.len() {
            for bits in [0x01, 0x80, 0xff] {
                let mut damaged = blob.clone();
                damaged[index] ^= bits;
                refused += usize::from(columns(&damaged, &batch).is_err());
            }
        }
        assert!(refused > blob.len() / 2, "{refused} of {}", 3 * blob.len());
    }
}
