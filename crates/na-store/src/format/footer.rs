//! The footer of a Parquet file: its entries for column chunks and row groups, and its bytes.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, KeyValue, ParquetMetaDataBuilder, ParquetMetaDataWriter,
    RowGroupMetaData,
};
use parquet::schema::types::{ColumnDescPtr, SchemaDescPtr};

/// The bytes that a Parquet file begins with.
pub(crate) const MAGIC: &[u8] = b"PAR1";

/// The first bytes of a file, as many as [`MAGIC`] has, or all of a shorter one.
pub(crate) fn first_bytes(file: File) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(MAGIC.len());
    file.take(MAGIC.len() as u64).read_to_end(&mut start)?;
    Ok(start)
}

/// What a Parquet file ends with, bytes: the length of its footer, then a word.
pub(super) const TAIL: usize = 8;

/// The version of Parquet's data pages that the store writes.
const VERSION: i32 = 1;

/// The entry of a column chunk in the file that has it at `start`, as the column of this descriptor.
///
/// # Errors
/// An offset that no file has.
pub(crate) fn chunk_entry(
    of: &ColumnChunkMetaData,
    column: &ColumnDescPtr,
    start: u64,
) -> Result<ColumnChunkMetaData> {
    let before = of.dictionary_page_offset().unwrap_or(of.data_page_offset());
    let start = i64::try_from(start)?;
    let moved = |offset: i64| offset - before + start;
    let mut entry = ColumnChunkMetaData::builder(Arc::clone(column))
        .set_compression_codec(of.compression_codec())
        .set_encodings_mask(*of.encodings_mask())
        .set_total_compressed_size(of.compressed_size())
        .set_total_uncompressed_size(of.uncompressed_size())
        .set_num_values(of.num_values())
        .set_data_page_offset(moved(of.data_page_offset()))
        .set_dictionary_page_offset(of.dictionary_page_offset().map(moved))
        .set_unencoded_byte_array_data_bytes(of.unencoded_byte_array_data_bytes())
        .set_repetition_level_histogram(of.repetition_level_histogram().cloned())
        .set_definition_level_histogram(of.definition_level_histogram().cloned());
    if let Some(statistics) = of.statistics() {
        entry = entry.set_statistics(statistics.clone());
    }
    if let Some(encodings) = of.page_encoding_stats() {
        entry = entry.set_page_encoding_stats(encodings.clone());
    }
    entry.build()
}

/// The entry of a row group. Columns are flat: a value a row.
///
/// # Errors
/// Columns that are not those of the descriptor.
pub(crate) fn group_entry(
    descriptor: &SchemaDescPtr,
    columns: Vec<ColumnChunkMetaData>,
    ordinal: usize,
) -> Result<RowGroupMetaData> {
    let n_rows = columns.first().map_or(0, ColumnChunkMetaData::num_values);
    if columns.iter().any(|column| column.num_values() != n_rows) {
        return Err(ParquetError::General("the columns of a row group differ in their rows".to_owned()));
    }
    let start = columns.first().map_or(0, |first| first.byte_range().0);
    RowGroupMetaData::builder(Arc::clone(descriptor))
        .set_num_rows(n_rows)
        .set_total_byte_size(columns.iter().map(ColumnChunkMetaData::uncompressed_size).sum())
        .set_ordinal(i32::try_from(ordinal)?)
        .set_file_offset(i64::try_from(start)?)
        .set_column_metadata(columns)
        .build()
}

/// The bytes of a footer, with what a file ends with.
pub(crate) fn footer(
    descriptor: &SchemaDescPtr,
    groups: Vec<RowGroupMetaData>,
    key_values: Vec<KeyValue>,
    created_by: String,
) -> Result<Vec<u8>> {
    let n_rows = groups.iter().map(RowGroupMetaData::num_rows).sum();
    let descriptor = Arc::clone(descriptor);
    let file = FileMetaData::new(VERSION, n_rows, Some(created_by), Some(key_values), descriptor, None);
    let metadata = ParquetMetaDataBuilder::new(file).set_row_groups(groups).build();
    let mut footer = Vec::new();
    ParquetMetaDataWriter::new(&mut footer, &metadata).finish()?;
    Ok(footer)
}

/// Where the readers of a row group that are given a part of a file look for it: parquet-java takes a row group if this byte is
/// in its part, and none takes one whose byte is behind the end.
pub(crate) fn middle(group: &RowGroupMetaData) -> u64 {
    let start = group.columns().first().map_or(0, |first| first.byte_range().0);
    let size: u64 = group.columns().iter().map(|column| column.byte_range().1).sum();
    start + size / 2
}

#[cfg(test)]
mod tests {
    use parquet::basic::{Compression, Encoding, EncodingMask, LogicalType, PageType, Type as Physical};
    use parquet::file::metadata::{LevelHistogram, PageEncodingStats};
    use parquet::file::statistics::Statistics;
    use parquet::schema::types::{ColumnDescriptor, ColumnPath, Type};

    use super::*;

    fn column(name: &str, physical: Physical, is_text: bool) -> ColumnDescPtr {
        let field = Type::primitive_type_builder(name, physical);
        let field = field.with_logical_type(is_text.then_some(LogicalType::String)).build().unwrap();
        Arc::new(ColumnDescriptor::new(Arc::new(field), 1, 0, ColumnPath::from(name)))
    }

    #[test]
    fn an_entry_keeps_everything_but_its_place_and_its_column() {
        let (before, now) =
            (column("label", Physical::BYTE_ARRAY, true), column("label_2", Physical::BYTE_ARRAY, true));
        let encodings = [Encoding::PLAIN, Encoding::RLE_DICTIONARY];
        let entry = |column: &ColumnDescPtr, start: i64| {
            ColumnChunkMetaData::builder(Arc::clone(column))
                .set_compression(Compression::SNAPPY)
                .set_encodings_mask(EncodingMask::new_from_encodings(encodings.iter()))
                .set_total_compressed_size(70)
                .set_total_uncompressed_size(90)
                .set_num_values(5)
                .set_dictionary_page_offset(Some(start))
                .set_data_page_offset(start + 30)
                .set_unencoded_byte_array_data_bytes(Some(44))
                .set_repetition_level_histogram(Some(LevelHistogram::from(vec![5])))
                .set_definition_level_histogram(Some(LevelHistogram::from(vec![1, 4])))
                .set_statistics(Statistics::byte_array(
                    Some("a".into()),
                    Some("b".into()),
                    Some(2),
                    Some(1),
                    false,
                ))
                .set_page_encoding_stats(vec![PageEncodingStats {
                    page_type: PageType::DATA_PAGE,
                    encoding: Encoding::RLE_DICTIONARY,
                    count: 1,
                }])
                .build()
                .unwrap()
        };
        assert_eq!(chunk_entry(&entry(&before, 4), &now, 1000).unwrap(), entry(&now, 1000));
    }

    #[test]
    fn an_entry_without_anything_optional_has_none_afterwards() {
        let column = column("mean", Physical::DOUBLE, false);
        let entry = |start: i64| {
            let entry = ColumnChunkMetaData::builder(Arc::clone(&column)).set_num_values(3);
            entry.set_total_compressed_size(20).set_data_page_offset(start).build().unwrap()
        };
        assert_eq!(chunk_entry(&entry(7), &column, 77).unwrap(), entry(77));
    }
}
