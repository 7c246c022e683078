//! Reads column chunks of doubles as [`super::byte_stream_split`] writes them.
//!
//! Doubles are most of what a store holds. Parquet's own reader gathers each value byte by byte; here eight at once go from their
//! streams to their values, as an 8 × 8 matrix of bytes is transposed.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, Float64Array};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use bytes::Bytes;
use parquet::basic::{Compression as Codec, Encoding, Type};
use parquet::column::page::{Page, PageReader};
use parquet::errors::Result;
use parquet::file::metadata::ColumnChunkMetaData;

use crate::format::byte_stream_split::{all_valid, levels_of_bits};
use crate::format::decompressed_pages::DecompressedPages;
use crate::format::file_window::FileWindow;

/// The only page of a column chunk of doubles.
pub(crate) struct DoublesPage {
    page: Bytes,
    rows: usize,
    /// The rows that are not null. `None` if none is.
    valid: Option<NullBuffer>,
    /// Where the streams begin.
    streams: usize,
}

impl DoublesPage {
    /// Whether a chunk may have such a page.
    pub(crate) fn may_be_of(chunk: &ColumnChunkMetaData) -> bool {
        let column = chunk.column_descr();
        chunk.column_type() == Type::DOUBLE
            && matches!(chunk.compression(), Codec::ZSTD(_))
            && (column.max_def_level(), column.max_rep_level()) == (1, 0)
            && chunk.encodings().any(|encoding| encoding == Encoding::BYTE_STREAM_SPLIT)
    }

    /// The page of a chunk of so many rows. `None` if the chunk is stored in another way than the store's own.
    pub(crate) fn of(
        window: &Arc<FileWindow>,
        chunk: &ColumnChunkMetaData,
        rows: usize,
    ) -> Result<Option<Self>> {
        if !Self::may_be_of(chunk) {
            return Ok(None);
        }
        let mut pages = DecompressedPages::of(window, chunk, rows)?;
        // What cannot be decompressed here, Parquet's reader may read, or it says what is wrong.
        match (pages.get_next_page(), pages.get_next_page()) {
            (
                Ok(Some(Page::DataPage { buf, num_values, encoding: Encoding::BYTE_STREAM_SPLIT, .. })),
                Ok(None),
            ) if usize::try_from(num_values) == Ok(rows) => Ok(Self::with_levels_of(buf, rows)),
            _ => Ok(None),
        }
    }

    fn with_levels_of(page: Bytes, rows: usize) -> Option<Self> {
        let (length, rest) = page.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let levels = rest.get(..length)?;
        let valid = if levels == all_valid(rows) {
            None
        } else {
            let bits = Buffer::from(levels_of_bits(levels, rows)?);
            Some(NullBuffer::new(BooleanBuffer::new(bits, 0, rows)))
        };
        let values = rows - valid.as_ref().map_or(0, NullBuffer::null_count);
        let streams = size_of::<u32>() + length;
        (page.len() == streams + 8 * values).then_some(Self { page, rows, valid, streams })
    }

    /// The streams, one behind the other. `None` if a row is null.
    pub(crate) fn streams(&self) -> Option<&[u8]> {
        if self.valid.is_some() { None } else { self.page.get(self.streams..) }
    }

    /// The values of all rows.
    pub(crate) fn read(&self) -> Float64Array {
        let streams = self.page.get(self.streams..).unwrap_or_default();
        let n_values = streams.len() / 8;
        let mut values = Vec::with_capacity(self.rows);
        join(streams, n_values, 0..n_values, &mut values);
        let Some(valid) = &self.valid else { return Float64Array::new(values.into(), None) };
        let (mut spread, mut rest) = (vec![0.0; self.rows], values.as_slice());
        for (start, end) in valid.valid_slices() {
            if let (Some(rows), Some((now, later))) =
                (spread.get_mut(start..end), rest.split_at_checked(end - start))
            {
                rows.copy_from_slice(now);
                rest = later;
            }
        }
        Float64Array::new(spread.into(), Some(valid.clone()))
    }

    /// The values of some rows, one behind the other. `None` if there are not so many.
    pub(crate) fn read_rows(&self, rows: &[Range<usize>]) -> Option<Float64Array> {
        if rows.iter().any(|range| range.start > range.end || range.end > self.rows) {
            return None;
        }
        let mut values = Vec::with_capacity(rows.iter().map(Range::len).sum());
        if let Some(streams) = self.streams() {
            rows.iter().for_each(|range| join(streams, self.rows, range.clone(), &mut values));
            return Some(Float64Array::new(values.into(), None));
        }
        let all = self.read();
        let cells = rows.iter().flat_map(|range| range.clone());
        Some(cells.map(|row| all.is_valid(row).then(|| all.value(row))).collect())
    }
}

/// Adds some of the values of eight streams, which are one behind the other and have `n_values` each.
fn join(streams: &[u8], n_values: usize, range: Range<usize>, values: &mut Vec<f64>) {
    let mut streams = streams.chunks_exact(n_values.max(1));
    let streams: [&[u8]; 8] = std::array::from_fn(|_| {
        let stream = streams.next().and_then(|stream| stream.get(range.clone()));
        stream.unwrap_or_default()
    });
    let split = streams.map(<[u8]>::as_chunks::<8>);
    let n_blocks = split.iter().map(|(blocks, _)| blocks.len()).min().unwrap_or(0);
    let blocks = split.map(|(blocks, _)| blocks.get(..n_blocks).unwrap_or_default());
    let [a, b, c, d, e, f, g, h] = blocks;
    let blocks = a.iter().zip(b).zip(c).zip(d).zip(e).zip(f).zip(g).zip(h);
    for (((((((a, b), c), d), e), f), g), h) in blocks {
        let rows = [a, b, c, d, e, f, g, h].map(|bytes| u64::from_le_bytes(*bytes));
        values.extend_from_slice(&transposed(rows).map(f64::from_bits));
    }
    let rests = split.map(|(_, rest)| rest);
    let n_left = rests.iter().map(|rest| rest.len()).min().unwrap_or(0);
    values.extend((0..n_left).map(|index| {
        let bytes = rests.map(|rest| rest.get(index).copied().unwrap_or_default());
        f64::from_le_bytes(bytes)
    }));
}

/// Byte `b` of value `v` is byte `v` of row `b`: in three steps, halves, quarters and bytes change places.
#[inline]
fn transposed([a, b, c, d, e, f, g, h]: [u64; 8]) -> [u64; 8] {
    const BYTES: u64 = 0x00ff_00ff_00ff_00ff;
    const PAIRS: u64 = 0x0000_ffff_0000_ffff;
    const HALVES: u64 = 0x0000_0000_ffff_ffff;
    let ([a, e], [b, f]) = (swapped::<32>(a, e, HALVES), swapped::<32>(b, f, HALVES));
    let ([c, g], [d, h]) = (swapped::<32>(c, g, HALVES), swapped::<32>(d, h, HALVES));
    let ([a, c], [b, d]) = (swapped::<16>(a, c, PAIRS), swapped::<16>(b, d, PAIRS));
    let ([e, g], [f, h]) = (swapped::<16>(e, g, PAIRS), swapped::<16>(f, h, PAIRS));
    let ([a, b], [c, d]) = (swapped::<8>(a, b, BYTES), swapped::<8>(c, d, BYTES));
    let ([e, f], [g, h]) = (swapped::<8>(e, f, BYTES), swapped::<8>(g, h, BYTES));
    [a, b, c, d, e, f, g, h]
}

/// Exchanges the high parts of one row with the low parts of another.
#[inline]
fn swapped<const BITS: u32>(low: u64, high: u64, mask: u64) -> [u64; 2] {
    [(low & mask) | ((high & mask) << BITS), ((low >> BITS) & mask) | (high & !mask)]
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use arrow_array::{ArrayRef, RecordBatch, StructArray, UInt64Array};
    use arrow_schema::{DataType, Fields, Schema, SchemaRef};
    use arrow_select::concat::concat;
    use na_model::Compression;
    use parquet::arrow::ArrowWriter;
    use parquet::basic::ZstdLevel;
    use parquet::file::properties::WriterProperties;
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;
    use crate::error::StoreError;
    use crate::format::fields::double_field;
    use crate::format::file_changes::FileChanges;
    use crate::format::parquet_reader::ParquetReader;
    use crate::format::parquet_writer::ParquetWriter;

    proptest! {
        #[test]
        fn values_come_back_from_their_streams(bits in prop::collection::vec(any::<u64>(), 1..70), from: usize, to: usize) {
            let streams: Vec<u8> =
                (0..8).flat_map(|byte| bits.iter().map(move |bits| bits.to_le_bytes()[byte])).collect();
            let (from, to) = (from % bits.len(), to % (bits.len() + 1));
            let mut values = Vec::new();
            for range in [0..bits.len(), from.min(to)..to] {
                values.clear();
                join(&streams, bits.len(), range.clone(), &mut values);
                let found: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
                prop_assert_eq!(&found, &bits[range]);
            }
        }
    }
    #[test]
    fn some_rows_of_a_column_with_nulls_are_those_rows() {
        let folder = tempfile::tempdir().unwrap();
        let (path, changes) = (folder.path().join("x.parquet"), FileChanges::default());
        let schema: SchemaRef = Arc::new(Schema::new(vec![double_field("x", None)]));
        let cells = (0..1000).map(|n| (n % 7 != 3).then(|| f64::from(n)));
        let whole: ArrayRef = Arc::new(cells.collect::<Float64Array>());
        let mut writer = ParquetWriter::create(&path, &changes, &schema, Compression::Zstd, &[]).unwrap();
        writer.write_group(|_| Ok(vec![Arc::clone(&whole)])).unwrap();
        writer.commit().unwrap();
        let file = ParquetReader::open(&path).unwrap().unwrap();
        assert!(file.file().doubles(0, 0).unwrap().is_some(), "the store's own pages are read here");
        let read = file.read_rows(0, &[Some(0)], &[3..9, 990..1000]).unwrap();
        let expected = concat(&[&*whole.slice(3, 6), &*whole.slice(990, 10)]).unwrap();
        assert_eq!(read, [Some(expected)]);
    }

    /// What another program may have written.
    fn foreign(columns: Vec<(&str, ArrayRef)>) -> (TempDir, ParquetReader) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        let is_nullable = |array: &ArrayRef| !matches!(array.data_type(), DataType::Struct(_));
        let columns = columns.into_iter().map(|(name, array)| {
            let is_nullable = is_nullable(&array);
            (name, array, is_nullable)
        });
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let properties = WriterProperties::builder()
            .set_compression(Codec::ZSTD(ZstdLevel::default()))
            .set_dictionary_enabled(false)
            .set_column_encoding("s.a".into(), Encoding::BYTE_STREAM_SPLIT)
            .set_column_encoding("s.b".into(), Encoding::BYTE_STREAM_SPLIT)
            .set_column_encoding("c".into(), Encoding::BYTE_STREAM_SPLIT);
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties.build())).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        (folder, ParquetReader::open(&path).unwrap().unwrap())
    }

    #[test]
    fn a_column_behind_nested_ones_has_its_own_values() {
        let doubles = |value: f64| -> ArrayRef { Arc::new(Float64Array::from(vec![value; 3])) };
        let fields = ["a", "b"].map(|name| Arc::new(double_field(name, None)));
        let nested = StructArray::new(Fields::from(fields.to_vec()), vec![doubles(1.0), doubles(2.0)], None);
        let (_folder, file) = foreign(vec![("s", Arc::new(nested)), ("c", doubles(3.0))]);
        for read in [file.read(0, &["c"]), file.read_short_columns(0, &[1])] {
            assert_eq!(read.unwrap().column(0), &doubles(3.0));
        }
    }

    #[test]
    fn an_unsigned_number_that_no_shown_number_is_like_is_an_error() {
        let numbers: ArrayRef = Arc::new(UInt64Array::from(vec![1, u64::MAX]));
        let (_folder, file) = foreign(vec![("n", numbers)]);
        for read in [file.read_all(0), file.read_short_columns(0, &[0])] {
            assert!(matches!(read, Err(StoreError::Damaged { .. })), "{read:?}");
        }
    }
}
