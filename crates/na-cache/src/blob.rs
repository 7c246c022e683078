//! A table's blob: a directory, then its columns in compressed frames.
//!
//! What features are made of has frames of its own, so that one column is read without the rest of the table; the rest
//! is one frame, where columns that are alike compress well. The directory has five little-endian `u32` a column: where
//! its frame begins, the frame's bytes in the blob and unpacked, where the column begins in the unpacked frame, and its
//! bytes. A frame that does not shrink is stored as it is. A column is a byte of flags, a validity bitmap where it has
//! nulls, and its values as Arrow lays them out. Names and types are in the column set.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, NullArray, RecordBatch, StringArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, FieldRef, Float64Type, Int64Type};
use arrow::error::ArrowError;
use na_model::{DEFAULT_ANATOMICAL_METRICS, DEFAULT_DIFFUSION_METRICS};

use crate::error::CacheError;

/// Against level 1, packing takes 0.6 of the time; doubles of 17 random digits take 7% more, those of a real cohort nothing.
const ZSTD_LEVEL: i32 = -1;

/// No frame of one session's table unpacks to more, bytes.
const LARGEST_FRAME: usize = 1 << 30;

/// No blob is larger, bytes: SQLite takes rows of 10^9, and beside the blob stands little.
const LARGEST_BLOB: usize = 999_000_000;

/// Bytes of a directory's entry.
const ENTRY: usize = 20;

/// A validity bitmap follows.
const HAS_NULLS: u8 = 1;
/// Doubles byte by byte: all first bytes, then all second ones. The exponents of neighbours are alike, their digits not.
const BY_BYTES: u8 = 2;

/// Compressed bytes in a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) start: usize,
    pub(crate) length: usize,
    unpacked: usize,
}

/// Where a column is in a blob.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) frame: Frame,
    start: usize,
    length: usize,
}

impl Place {
    /// Whether nothing else is in the column's frame.
    pub(crate) fn is_alone(self) -> bool {
        self.length == self.frame.unpacked
    }
}

/// The size of a directory, bytes.
pub(crate) fn directory_size(n_columns: usize) -> usize {
    n_columns * ENTRY
}

/// Packs a table.
///
/// # Errors
/// A column of a type that no TSV has; a table that could not be read again, because a frame or the whole is too large.
pub(crate) fn pack(batch: &RecordBatch) -> Result<Vec<u8>, CacheError> {
    pack_within(batch, LARGEST_FRAME, LARGEST_BLOB)
}

fn pack_within(
    batch: &RecordBatch,
    largest_frame: usize,
    largest_blob: usize,
) -> Result<Vec<u8>, CacheError> {
    let within = |size: usize, limit: usize| match size <= limit {
        true => Ok(()),
        false => Err(CacheError::TooLarge { size, limit }),
    };
    let is_alone = |field: &FieldRef| is_read_alone(field.name());
    let columns = || batch.schema_ref().fields().iter().zip(batch.columns()).zip(0..);
    let mut blob = Vec::with_capacity(batch.get_array_memory_size());
    blob.resize(directory_size(batch.num_columns()), 0);
    let mut places: Vec<(usize, Place)> = Vec::with_capacity(batch.num_columns());
    let mut unpacked = Vec::new();
    // SQLite walks a blob from its beginning: what is read alone comes first.
    for ((_, array), column) in columns().filter(|((field, _), _)| is_alone(field)) {
        unpacked.clear();
        write_column(array, BY_BYTES, &mut unpacked)?;
        within(unpacked.len(), largest_frame)?;
        let frame = add_frame(&unpacked, &mut blob)?;
        places.push((column, Place { frame, start: 0, length: unpacked.len() }));
    }
    unpacked.clear();
    let mut rest = Vec::new();
    for ((_, array), column) in columns().filter(|((field, _), _)| !is_alone(field)) {
        let start = unpacked.len();
        write_column(array, 0, &mut unpacked)?;
        within(unpacked.len(), largest_frame)?;
        rest.push((column, start, unpacked.len() - start));
    }
    let frame = add_frame(&unpacked, &mut blob)?;
    within(blob.len(), largest_blob)?;
    places.extend(rest.into_iter().map(|(column, start, length)| (column, Place { frame, start, length })));
    places.sort_unstable_by_key(|(column, _)| *column);
    let words = places.into_iter().flat_map(|(_, place)| {
        [place.frame.start, place.frame.length, place.frame.unpacked, place.start, place.length]
    });
    for (word, entry) in words.zip(blob.as_chunks_mut().0) {
        *entry = u32::try_from(word).map_err(|_| broken("more than 4 GB"))?.to_le_bytes();
    }
    Ok(blob)
}

/// Whether a column is wanted without the rest of its table.
fn is_read_alone(name: &str) -> bool {
    ["index", "label", "name"].contains(&name)
        || DEFAULT_ANATOMICAL_METRICS.contains(&name)
        || DEFAULT_DIFFUSION_METRICS.contains(&name)
}

/// The places of a blob's columns.
pub(crate) fn places(directory: &[u8]) -> impl Iterator<Item = Place> {
    let word = |bytes: &[u8; 4]| usize::try_from(u32::from_le_bytes(*bytes)).unwrap_or(usize::MAX);
    directory.as_chunks::<ENTRY>().0.iter().map(move |entry| {
        let mut words = entry.as_chunks().0.iter().map(word);
        let mut next = || words.next().unwrap_or_default();
        let frame = Frame { start: next(), length: next(), unpacked: next() };
        Place { frame, start: next(), length: next() }
    })
}

/// The bytes of a frame.
///
/// # Errors
/// Bytes that are not what [`pack`] wrote.
pub(crate) fn unpack(frame: Frame, packed: &[u8]) -> Result<Cow<'_, [u8]>, ArrowError> {
    if frame.unpacked == packed.len() {
        Ok(Cow::Borrowed(packed))
    } else {
        decompress(packed, frame.unpacked).map(Cow::Owned)
    }
}

/// A column of `n_rows` rows in its unpacked frame.
///
/// # Errors
/// Bytes that are not what [`pack`] wrote.
pub(crate) fn column(
    place: Place,
    frame: &[u8],
    data_type: &DataType,
    n_rows: usize,
) -> Result<ArrayRef, ArrowError> {
    let bytes = frame.get(place.start..).and_then(|bytes| bytes.get(..place.length));
    read_column(bytes.ok_or_else(|| broken("a column is not in its frame"))?, data_type, n_rows)
}

fn write_column(array: &ArrayRef, form: u8, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    out.push(form | if nulls.is_some() { HAS_NULLS } else { 0 });
    if let Some(nulls) = nulls {
        out.extend_from_slice(&nulls.inner().sliced());
    }
    match array.data_type() {
        DataType::Null => {}
        DataType::Float64 if form == 0 => {
            let values = array.as_primitive::<Float64Type>().values();
            out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>().values();
            let start = out.len();
            out.resize(start + values.len() * 8, 0);
            let planes = out.get_mut(start..).unwrap_or_default();
            for (byte, plane) in planes.chunks_exact_mut(values.len().max(1)).enumerate() {
                let shift = 8 * byte;
                plane.iter_mut().zip(values).for_each(|(out, value)| *out = (value.to_bits() >> shift) as u8);
            }
        }
        DataType::Int64 => {
            let values = array.as_primitive::<Int64Type>().values();
            out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        DataType::Boolean => out.extend_from_slice(&array.as_boolean().values().sliced()),
        DataType::Utf8 => {
            let text = array.as_string::<i32>();
            let offsets = text.value_offsets();
            let (first, last) = (offsets.first().copied().unwrap_or(0), offsets.last().copied().unwrap_or(0));
            out.extend(offsets.iter().flat_map(|offset| (offset - first).to_le_bytes()));
            let range = usize::try_from(first).unwrap_or(0)..usize::try_from(last).unwrap_or(0);
            out.extend_from_slice(text.value_data().get(range).unwrap_or_default());
        }
        other => return Err(ArrowError::NotYetImplemented(format!("{other} in the cache"))),
    }
    Ok(())
}

fn read_column(bytes: &[u8], data_type: &DataType, n_rows: usize) -> Result<ArrayRef, ArrowError> {
    let cut = || broken("a column of the blob is cut short");
    let mut rest = bytes;
    let mut take = |size: usize| {
        let (head, tail) = rest.split_at_checked(size).ok_or_else(cut)?;
        rest = tail;
        Ok::<_, ArrowError>(head)
    };
    let bits = |bytes: &[u8]| BooleanBuffer::new(Buffer::from(bytes), 0, n_rows);
    let flags = take(1)?.iter().fold(0, |_, flags| *flags);
    let has_nulls = flags & HAS_NULLS != 0;
    let nulls = if has_nulls { Some(NullBuffer::new(bits(take(n_rows.div_ceil(8))?))) } else { None };
    Ok(match data_type {
        DataType::Null => Arc::new(NullArray::new(n_rows)),
        DataType::Float64 => {
            let bytes = take(n_rows.checked_mul(8).ok_or_else(cut)?)?;
            let bits = if flags & BY_BYTES == 0 {
                bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect()
            } else {
                from_planes(bytes, n_rows)
            };
            let values: ScalarBuffer<f64> = ScalarBuffer::new(Buffer::from_vec(bits), 0, n_rows);
            Arc::new(Float64Array::try_new(values, nulls)?)
        }
        DataType::Int64 => {
            let words = take(n_rows.checked_mul(8).ok_or_else(cut)?)?.as_chunks().0;
            let values: Vec<i64> = words.iter().map(|word| i64::from_le_bytes(*word)).collect();
            Arc::new(Int64Array::try_new(values.into(), nulls)?)
        }
        DataType::Boolean => Arc::new(BooleanArray::new(bits(take(n_rows.div_ceil(8))?), nulls)),
        DataType::Utf8 => {
            let words = take(n_rows.checked_add(1).and_then(|n| n.checked_mul(4)).ok_or_else(cut)?)?;
            let offsets: Vec<i32> =
                words.as_chunks().0.iter().map(|word| i32::from_le_bytes(*word)).collect();
            if offsets.first() != Some(&0) || !offsets.is_sorted() {
                return Err(broken("a text column of the blob has no order"));
            }
            let offsets = OffsetBuffer::new(offsets.into());
            Arc::new(StringArray::try_new(offsets, Buffer::from(rest), nulls)?)
        }
        other => return Err(ArrowError::NotYetImplemented(format!("{other} in the cache"))),
    })
}

fn from_planes(planes: &[u8], n_rows: usize) -> Vec<u64> {
    let mut values = vec![0_u64; n_rows];
    for (byte, plane) in planes.chunks_exact(n_rows.max(1)).enumerate() {
        let shift = 8 * byte;
        values.iter_mut().zip(plane).for_each(|(value, byte)| *value |= u64::from(*byte) << shift);
    }
    values
}

thread_local! {
    /// A context of zstd is larger than most frames: each thread makes its own once.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Appends what `bytes` compress to, or `bytes` themselves where that is no smaller.
fn add_frame(bytes: &[u8], out: &mut Vec<u8>) -> Result<Frame, ArrowError> {
    let start = out.len();
    out.resize(start + bytes.len(), 0);
    let space = out.get_mut(start..).unwrap_or_default();
    let compressed = COMPRESSOR.with_borrow_mut(|slot| match slot {
        Some(compressor) => Ok(compressor.compress_to_buffer(bytes, space)),
        None => {
            let compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
            Ok::<_, std::io::Error>(slot.insert(compressor).compress_to_buffer(bytes, space))
        }
    })?;
    match compressed {
        Ok(size) if size < bytes.len() => out.truncate(start + size),
        // It does not fit into the space that the bytes themselves take.
        _ => {
            out.truncate(start);
            out.extend_from_slice(bytes);
        }
    }
    Ok(Frame { start, length: out.len() - start, unpacked: bytes.len() })
}

fn decompress(packed: &[u8], size: usize) -> Result<Vec<u8>, ArrowError> {
    if size > LARGEST_FRAME {
        return Err(broken("a frame of the blob says it is larger than any is"));
    }
    let bytes = DECOMPRESSOR.with_borrow_mut(|slot| match slot {
        Some(decompressor) => decompressor.decompress(packed, size),
        None => slot.insert(zstd::bulk::Decompressor::new()?).decompress(packed, size),
    })?;
    if bytes.len() == size { Ok(bytes) } else { Err(broken("a frame of the blob is cut short")) }
}

fn broken(problem: &str) -> ArrowError {
    ArrowError::IpcError(problem.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let read = |(place, field): (Place, &FieldRef)| {
            let Frame { start, length, .. } = place.frame;
            let packed =
                blob.get(start..).and_then(|bytes| bytes.get(..length)).ok_or_else(|| broken("cut"))?;
            column(place, &unpack(place.frame, packed)?, field.data_type(), batch.num_rows())
        };
        places(directory).zip(batch.schema_ref().fields()).map(read).collect()
    }

    #[test]
    fn every_bit_of_a_table_survives() {
        let batch = table();
        let blob = pack(&batch).unwrap();
        let read = columns(&blob, &batch).unwrap();
        assert_eq!(read, batch.columns());
        assert!(read[3].as_primitive::<Float64Type>().value(0).is_sign_negative());
        for slice in [batch.slice(1, 2), batch.slice(2, 1), batch.slice(0, 0)] {
            assert_eq!(columns(&pack(&slice).unwrap(), &slice).unwrap(), slice.columns());
        }
    }

    #[test]
    fn what_features_are_made_of_comes_first() {
        let batch = table();
        let blob = pack(&batch).unwrap();
        let places: Vec<Place> = places(&blob[..directory_size(batch.num_columns())]).collect();
        assert!(places[3].frame.start < places[2].frame.start, "mean before cv");
        assert_eq!(places[2].frame, places[6].frame, "the rest in one frame");
    }

    #[test]
    fn a_table_that_could_not_be_read_again_is_refused_before_it_is_committed() {
        let batch = table();
        let size = pack(&batch).unwrap().len();
        let refused = |frame, blob| match pack_within(&batch, frame, blob) {
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
        let frame = Frame { start: 0, length: 1, unpacked: LARGEST_FRAME + 1 };
        assert!(unpack(frame, &[0]).is_err(), "what is refused here is what cannot be read");
    }

    #[test]
    fn a_damaged_blob_is_an_error_or_other_values_and_nothing_worse() {
        let batch = table();
        let blob = pack(&batch).unwrap();
        let mut refused = 0;
        for place in 0..blob.len() {
            for bits in [0x01, 0x80, 0xff] {
                let mut damaged = blob.clone();
                damaged[place] ^= bits;
                refused += usize::from(columns(&damaged, &batch).is_err());
            }
        }
        assert!(refused > blob.len() / 2, "{refused} of {}", 3 * blob.len());
    }
}
