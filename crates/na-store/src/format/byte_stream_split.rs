//! Encodes column chunks of doubles: one page, levels first, then the values byte by byte.
//!
//! Doubles are most of what a store holds. Encoding arrays straight into a compressed page saves what Parquet's own writer
//! needs for each column: a copy of its values and two zstd contexts.
//!
//! The layout is Parquet's: a data page of version 1, definition levels in the RLE hybrid, BYTE_STREAM_SPLIT values.

use arrow_array::{Array, ArrayRef, Float64Array, cast::AsArray, types::Float64Type};
use bytes::Bytes;
use parquet::basic::{Encoding, EncodingMask, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, PageEncodingStats};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use crate::format::column_chunk::ColumnChunk;
use crate::format::page_compression::{compress, compress_parts, is_small, zstd};

/// Encodes a nullable column, given in parts.
pub(crate) fn encode_doubles(column: ColumnDescPtr, parts: &[ArrayRef]) -> Result<ColumnChunk> {
    let parts: Option<Vec<&Float64Array>> =
        parts.iter().map(|part| part.as_primitive_opt::<Float64Type>()).collect();
    let parts = parts.ok_or_else(|| ParquetError::General("a column is not of doubles".to_owned()))?;
    chunk_of_page(column, &page(&parts)?, parts.iter().map(|part| part.len()).sum())
}

/// The chunk of a column with one page of so many rows, which is not compressed yet.
pub(crate) fn chunk_of_page(column: ColumnDescPtr, page: &[u8], rows: usize) -> Result<ColumnChunk> {
    let compressed = Page::DataPage {
        buf: compressed(page)?,
        num_values: u32::try_from(rows)?,
        encoding: Encoding::BYTE_STREAM_SPLIT,
        def_level_encoding: Encoding::RLE,
        rep_level_encoding: Encoding::RLE,
        statistics: None,
    };
    let mut sink = TrackedWrite::new(Vec::with_capacity(page.len() + 64));
    let spec =
        SerializedPageWriter::new(&mut sink).write_page(CompressedPage::new(compressed, page.len()))?;
    let encodings = [Encoding::RLE, Encoding::BYTE_STREAM_SPLIT];
    let metadata = ColumnChunkMetaData::builder(column)
        .set_compression(zstd()?)
        .set_encodings_mask(EncodingMask::new_from_encodings(encodings.iter()))
        .set_page_encoding_stats(vec![PageEncodingStats {
            page_type: PageType::DATA_PAGE,
            encoding: Encoding::BYTE_STREAM_SPLIT,
            count: 1,
        }])
        .set_total_compressed_size(i64::try_from(spec.compressed_size)?)
        .set_total_uncompressed_size(i64::try_from(spec.uncompressed_size)?)
        .set_num_values(i64::try_from(rows)?)
        .set_data_page_offset(0)
        .build()?;
    Ok(ColumnChunk { bytes: sink.into_inner()?.into(), metadata })
}

/// Compresses a page: the streams of the low bytes are noise, which is stored as it is, and each of the two high ones has codes of
/// its own. As one block, all would be coded as nearly noise: 7% larger, and seven times slower to read.
fn compressed(page: &[u8]) -> Result<Bytes> {
    if is_small(page) {
        return compress(page);
    }
    let levels = page.first_chunk().map_or(0, |length| 4 + u32::from_le_bytes(*length) as usize);
    let stream = page.len().saturating_sub(levels) / 8;
    let (rest, sign_and_exponent) = page.split_at(page.len() - stream);
    let (noise, exponent_and_fraction) = rest.split_at(rest.len() - stream);
    compress_parts(&[noise, exponent_and_fraction, sign_and_exponent])
}

/// A data page without compression: the length of the levels, the levels, then a stream for each of the eight bytes.
#[expect(clippy::indexing_slicing, reason = "the page was made longer than `start` just before")]
fn page(parts: &[&Float64Array]) -> Result<Vec<u8>> {
    let rows: usize = parts.iter().map(|part| part.len()).sum();
    let nulls: usize = parts.iter().map(|part| part.null_count()).sum();
    let values = rows - nulls;
    let levels = if nulls == 0 { all_valid(rows) } else { validity(parts, rows) };
    let mut page = Vec::with_capacity(4 + levels.len() + values * 8);
    page.extend_from_slice(&u32::try_from(levels.len())?.to_le_bytes());
    page.extend_from_slice(&levels);
    let start = page.len();
    page.resize(start + values * 8, 0);
    for (byte, mut stream) in page[start..].chunks_exact_mut(values.max(1)).enumerate() {
        let shift = 8 * byte;
        let byte_of = |value: &f64| (value.to_bits() >> shift) as u8;
        for part in parts {
            let (now, rest) = stream.split_at_mut(part.len() - part.null_count());
            if part.null_count() == 0 {
                now.iter_mut().zip(part.values()).for_each(|(out, value)| *out = byte_of(value));
            } else {
                now.iter_mut().zip(part.iter().flatten()).for_each(|(out, value)| *out = byte_of(&value));
            }
            stream = rest;
        }
    }
    Ok(page)
}

/// Levels of rows without a null: one run of the level 1.
pub(crate) fn all_valid(rows: usize) -> Vec<u8> {
    let mut levels = varint(rows << 1);
    levels.push(1);
    levels
}

/// Levels of rows with nulls, a bit a row, in the bit order of Arrow's validity.
#[expect(clippy::indexing_slicing, reason = "`bits` has a bit for each of `rows`, the rows of all parts")]
fn validity(parts: &[&Float64Array], rows: usize) -> Vec<u8> {
    let mut bits = vec![0; rows.div_ceil(8)];
    let valid = parts.iter().flat_map(|part| (0..part.len()).map(|row| part.is_valid(row)));
    for (row, _) in valid.enumerate().filter(|(_, valid)| *valid) {
        bits[row / 8] |= 1 << (row % 8);
    }
    let mut levels = varint((bits.len() << 1) | 1);
    levels.append(&mut bits);
    levels
}

/// The bits of levels that [`validity`] has written. `None` if they are in another layout.
pub(crate) fn levels_of_bits(levels: &[u8], rows: usize) -> Option<&[u8]> {
    let n_bytes = rows.div_ceil(8);
    let bits = levels.strip_prefix(varint((n_bytes << 1) | 1).as_slice())?;
    (bits.len() == n_bytes).then_some(bits)
}

/// An unsigned integer in LEB128.
fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::RecordBatch;
    use arrow_schema::{Schema, SchemaRef};
    use na_model::Compression;
    use proptest::prelude::*;

    use super::*;
    use crate::format::fields::double_field;
    use crate::format::file_changes::FileChanges;
    use crate::format::parquet_reader::ParquetReader;
    use crate::format::parquet_writer::ParquetWriter;

    type Doubles = Vec<Option<f64>>;

    fn cells(batch: &RecordBatch) -> Vec<Option<u64>> {
        batch.column(0).as_primitive::<Float64Type>().iter().map(|cell| cell.map(f64::to_bits)).collect()
    }

    /// Writes a file with these row groups, and reads each with Parquet's reader and with that of short columns.
    fn written_and_read(groups: &[Vec<Doubles>], compression: Compression) -> Vec<[Vec<Option<u64>>; 2]> {
        let folder = tempfile::tempdir().unwrap();
        let (path, changes) = (folder.path().join("x.parquet"), FileChanges::default());
        let schema: SchemaRef = Arc::new(Schema::new(vec![double_field("x", None)]));
        let mut writer = ParquetWriter::create(&path, &changes, &schema, compression, &[]).unwrap();
        for parts in groups {
            let arrays = parts.iter().map(|part| Arc::new(Float64Array::from(part.clone())) as ArrayRef);
            let arrays: Vec<ArrayRef> = arrays.collect();
            writer.write_group(|_| Ok(arrays.clone())).unwrap();
        }
        writer.commit().unwrap();
        let file = ParquetReader::open(&path).unwrap().unwrap();
        let read = |group| {
            [cells(&file.read_all(group).unwrap()), cells(&file.read_short_columns(group, &[0]).unwrap())]
        };
        (0..groups.len()).map(read).collect()
    }

    proptest! {
        #[test]
        fn every_bit_comes_back(
            groups in prop::collection::vec(
                prop::collection::vec(prop::collection::vec(any::<Option<u64>>(), 1..40), 1..6), 1..3),
            by_parquet: bool,
        ) {
            let compression = if by_parquet { Compression::Snappy } else { Compression::Zstd };
            let cells = |part: &Vec<Option<u64>>| part.iter().map(|cell| cell.map(f64::from_bits)).collect();
            let values: Vec<Vec<Doubles>> = groups.iter().map(|parts| parts.iter().map(cells).collect()).collect();
            for (group, read) in groups.iter().zip(written_and_read(&values, compression)) {
                prop_assert_eq!(&[group.concat(), group.concat()], &read);
            }
        }
    }

    #[test]
    fn a_page_of_many_rows_comes_back() {
        let cells: Doubles = (0..70_000).map(|n| (n % 7 != 3).then(|| f64::from(n).sqrt())).collect();
        let whole: Doubles = (0..70_000).map(|n| Some(f64::from(n))).collect();
        let bits = |cells: &Doubles| cells.iter().map(|cell| cell.map(f64::to_bits)).collect::<Vec<_>>();
        let read =
            written_and_read(&[vec![cells.clone()], vec![whole.clone(), cells.clone()]], Compression::Zstd);
        assert_eq!(read[0], [bits(&cells), bits(&cells)]);
        assert_eq!(read[1][0], [bits(&whole), bits(&cells)].concat());
    }

    #[test]
    fn noise_does_not_hide_what_the_high_bytes_have_in_common() {
        let bits = std::iter::successors(Some(1_u64), |bits| {
            Some(bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
        });
        // Between 1 and 2, with 52 bits of noise: the highest byte is always the same, and half of the next.
        let values = bits.take(12_000).map(|bits| f64::from_bits(0x3ff0_0000_0000_0000 | (bits >> 12)));
        let values: ArrayRef = Arc::new(Float64Array::from_iter_values(values));
        let schema = Schema::new(vec![double_field("x", None)]);
        let descriptor = parquet::arrow::ArrowSchemaConverter::new().convert(&schema).unwrap();
        let chunk = encode_doubles(descriptor.column(0), &[values]).unwrap();
        assert!(chunk.bytes.len() < 12_000 * 8 * 82 / 100, "{} bytes", chunk.bytes.len());
    }
}
