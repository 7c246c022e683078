//! A column: the bytes of an array inside an unpacked frame.
//!
//! | offset | bytes | meaning |
//! |---|---|---|
//! | 0 | 1 | flags: bit 0, a validity bitmap follows; bit 1, doubles are split by byte (set or not, it says nothing of other types); the other bits are 0 |
//! | 1 | ⌈rows / 8⌉ | validity bitmap, only if bit 0 is set: one bit a row, least significant first, 1 is a value |
//! | then | see below | values |
//!
//! Values by the column's type, which the column set names (`column_set.rs`). Numbers are little-endian; the value of a
//! null row is arbitrary, and so are the unused bits of a bitmap's last byte.
//!
//! | type | bytes | meaning |
//! |---|---|---|
//! | `double`, bit 1 clear | 8 × rows | IEEE 754 binary64 |
//! | `double`, bit 1 set | 8 × rows | the same, split by byte: the least significant bytes of all rows, then the next ones, up to the most significant |
//! | `integer` | 8 × rows | `i64` |
//! | `boolean` | ⌈rows / 8⌉ | one bit a row, least significant first |
//! | `text` | 4 × (rows + 1) | `i32` offsets into the UTF-8 bytes below: ascending, the first is 0; row *i* has the bytes from offset *i* to offset *i* + 1 |
//! | | last offset | the UTF-8 bytes of all rows |
//! | `empty` | 0 | every row is null, without a bitmap |

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, NullArray, StringArray,
    cast::AsArray,
    types::{Float64Type, Int64Type},
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType};

use crate::format::frame::malformed;

/// Bytes of the flags.
const FLAGS: usize = 1;
/// Bytes of a double.
const DOUBLE: usize = 8;
/// Bytes of an integer.
const INTEGER: usize = 8;
/// Bytes of a text's offset.
const OFFSET: usize = 4;

/// Flag: a validity bitmap follows.
const HAS_NULLS: u8 = 1 << 0;
/// Flag: doubles are split by byte.
const SPLIT_BY_BYTE: u8 = 1 << 1;

/// The order of a double column's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DoubleLayout {
    /// Value by value.
    Plain,
    /// The first bytes of all values, then their second bytes: neighbours have exponents alike, and digits not, so that
    /// a frame of one column compresses better.
    SplitByByte,
}

/// Appends an array's bytes.
///
/// # Errors
/// An array of a type that no column has.
#[expect(clippy::indexing_slicing, reason = "`out` was just resized to reach beyond its old end")]
pub(crate) fn write_column(
    array: &ArrayRef,
    layout: DoubleLayout,
    out: &mut Vec<u8>,
) -> Result<(), ArrowError> {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    let split = layout == DoubleLayout::SplitByByte;
    let null_flag = if nulls.is_some() { HAS_NULLS } else { 0 };
    let split_flag = if split { SPLIT_BY_BYTE } else { 0 };
    out.push(null_flag | split_flag);
    if let Some(nulls) = nulls {
        out.extend_from_slice(&nulls.inner().sliced());
    }
    match array.data_type() {
        DataType::Null => {}
        DataType::Float64 if split => {
            let values = array.as_primitive::<Float64Type>().values();
            let start = out.len();
            out.resize(start + values.len() * DOUBLE, 0);
            split_by_byte(values, &mut out[start..]);
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>().values();
            out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        DataType::Int64 => {
            let values = array.as_primitive::<Int64Type>().values();
            out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        DataType::Boolean => out.extend_from_slice(&array.as_boolean().values().sliced()),
        DataType::Utf8 => write_text(array.as_string::<i32>(), out),
        other => return Err(ArrowError::NotYetImplemented(format!("{other} in the cache"))),
    }
    Ok(())
}

/// A sliced array begins anywhere in its bytes: offsets are written from 0.
#[expect(clippy::indexing_slicing, reason = "Arrow's offsets have an entry more than rows, inside the bytes")]
fn write_text(text: &StringArray, out: &mut Vec<u8>) {
    let offsets = text.value_offsets();
    let (first, last) = (offsets[0], offsets[text.len()]);
    out.extend(offsets.iter().flat_map(|offset| (offset - first).to_le_bytes()));
    out.extend_from_slice(&text.value_data()[first as usize..last as usize]);
}

/// The array of a column's bytes.
///
/// # Errors
/// Bytes that [`write_column`] did not write for this type and number of rows.
pub(crate) fn read_column(bytes: &[u8], data_type: &DataType, n_rows: usize) -> Result<ArrayRef, ArrowError> {
    let mut rest = Rest(bytes);
    let flags = rest.take_flags()?;
    let nulls = match flags & HAS_NULLS {
        0 => None,
        _ => Some(NullBuffer::new(rest.take_bits(n_rows)?)),
    };
    Ok(match data_type {
        DataType::Null => Arc::new(NullArray::new(n_rows)),
        DataType::Float64 => {
            let bytes = rest.take_each(n_rows, DOUBLE)?;
            let bits = match flags & SPLIT_BY_BYTE {
                0 => bytes.as_chunks::<DOUBLE>().0.iter().map(|word| u64::from_le_bytes(*word)).collect(),
                _ => join_bytes(bytes, n_rows),
            };
            let values: ScalarBuffer<f64> = ScalarBuffer::new(Buffer::from_vec(bits), 0, n_rows);
            Arc::new(Float64Array::try_new(values, nulls)?)
        }
        DataType::Int64 => {
            let words = rest.take_each(n_rows, INTEGER)?.as_chunks::<INTEGER>().0;
            let values: Vec<i64> = words.iter().map(|word| i64::from_le_bytes(*word)).collect();
            Arc::new(Int64Array::try_new(values.into(), nulls)?)
        }
        DataType::Boolean => Arc::new(BooleanArray::new(rest.take_bits(n_rows)?, nulls)),
        DataType::Utf8 => {
            let words = rest.take_each(n_rows.checked_add(1).ok_or_else(cut_short)?, OFFSET)?;
            let words = words.as_chunks::<OFFSET>().0;
            let offsets: Vec<i32> = words.iter().map(|word| i32::from_le_bytes(*word)).collect();
            if offsets.first() != Some(&0) || !offsets.is_sorted() {
                return Err(malformed("a text column of the blob has no order"));
            }
            let offsets = OffsetBuffer::new(offsets.into());
            Arc::new(StringArray::try_new(offsets, Buffer::from(rest.0), nulls)?)
        }
        other => return Err(ArrowError::NotYetImplemented(format!("{other} in the cache"))),
    })
}

/// The bytes of a column that are not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, size: usize) -> Result<&'a [u8], ArrowError> {
        let (head, tail) = self.0.split_at_checked(size).ok_or_else(cut_short)?;
        self.0 = tail;
        Ok(head)
    }

    fn take_flags(&mut self) -> Result<u8, ArrowError> {
        let ([flags], tail) = self.0.split_first_chunk::<FLAGS>().ok_or_else(cut_short)?;
        self.0 = tail;
        Ok(*flags)
    }

    fn take_each(&mut self, n: usize, width: usize) -> Result<&'a [u8], ArrowError> {
        self.take(n.checked_mul(width).ok_or_else(cut_short)?)
    }

    fn take_bits(&mut self, n: usize) -> Result<BooleanBuffer, ArrowError> {
        Ok(BooleanBuffer::new(Buffer::from(self.take(n.div_ceil(8))?), 0, n))
    }
}

fn cut_short() -> ArrowError {
    malformed("a column of the blob is cut short")
}

/// `planes` has [`DOUBLE`] bytes for each value.
fn split_by_byte(values: &[f64], planes: &mut [u8]) {
    for (byte, plane) in planes.chunks_exact_mut(values.len().max(1)).enumerate() {
        let shift = 8 * byte;
        plane.iter_mut().zip(values).for_each(|(out, value)| *out = (value.to_bits() >> shift) as u8);
    }
}

fn join_bytes(planes: &[u8], n_rows: usize) -> Vec<u64> {
    let mut values = vec![0_u64; n_rows];
    for (byte, plane) in planes.chunks_exact(n_rows.max(1)).enumerate() {
        let shift = 8 * byte;
        values.iter_mut().zip(plane).for_each(|(value, byte)| *value |= u64::from(*byte) << shift);
    }
    values
}
