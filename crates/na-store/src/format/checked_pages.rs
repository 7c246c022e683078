//! Checks the pages of column chunks before they are decoded.
//!
//! Parquet's decoders take the numbers of a page's header for granted: a wrong one is memory asked for that the process
//! may not get, which ends it, or a panic. A header that disagrees with its file or with its page is refused here.

use std::sync::Arc;

use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::{Compression, Encoding, Type};
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::Length;
use parquet::file::serialized_reader::SerializedPageReader;

use crate::format::chunk_hashes::ChunkHashes;
use crate::format::decompressed_pages::DecompressedPages;
use crate::format::file_window::FileWindow;
use crate::format::page_compression::LARGEST_PAGE;
use crate::format::positioned_file::PositionedFile;

fn wrong(problem: impl Into<String>) -> ParquetError {
    ParquetError::General(problem.into())
}

/// The pages of a column chunk. One that the chunk cannot have is an error.
pub(crate) struct CheckedPages<P> {
    pages: P,
    /// Bytes that a value of a dictionary takes at least.
    width: u64,
    /// Values that are still to come.
    left: u64,
    has_dictionary: bool,
    /// The next page, if somebody asked what it is. It is read then: by its header alone it cannot be checked.
    next: Option<Page>,
}

impl<P: PageReader> CheckedPages<P> {
    /// # Errors
    /// Sizes below zero.
    pub(crate) fn new(chunk: &ColumnChunkMetaData, pages: P) -> Result<Self> {
        let width = match chunk.column_type() {
            Type::BOOLEAN => 0,
            // Byte arrays begin with their length.
            Type::INT32 | Type::FLOAT | Type::BYTE_ARRAY => 4,
            Type::INT64 | Type::DOUBLE => 8,
            Type::INT96 => 12,
            Type::FIXED_LEN_BYTE_ARRAY => u64::try_from(chunk.column_descr().type_length())?,
        };
        let left = u64::try_from(chunk.num_values())?;
        Ok(Self { pages, width, left, has_dictionary: false, next: None })
    }

    fn check(&mut self, page: &Page) -> Result<()> {
        if let Page::DictionaryPage { buf, num_values, .. } = page {
            let least = u64::from(*num_values).saturating_mul(self.width);
            let is_empty = buf.is_empty() || self.width == 0;
            if u64::try_from(buf.len())? < least || (*num_values == 0 && !is_empty) {
                return Err(wrong("a dictionary does not have the values that it says"));
            }
            self.has_dictionary = true;
            return Ok(());
        }
        if let Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } = page
            && u64::try_from(buf.len())? < u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len)
        {
            return Err(wrong("a page is shorter than its levels"));
        }
        let of_dictionary = matches!(page.encoding(), Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY);
        if of_dictionary && !self.has_dictionary {
            return Err(wrong("a dictionary is missing"));
        }
        let left = self.left.checked_sub(u64::from(page.num_values()));
        self.left = left.ok_or_else(|| wrong("a column has more values than its file says"))?;
        Ok(())
    }
}

impl<P: PageReader> Iterator for CheckedPages<P> {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl<P: PageReader> PageReader for CheckedPages<P> {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        if let Some(page) = self.next.take() {
            return Ok(Some(page));
        }
        let page = self.pages.get_next_page()?;
        page.as_ref().map_or(Ok(()), |page| self.check(page))?;
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.next = self.get_next_page()?;
        Ok(self.next.as_ref().map(|page| PageMetadata {
            num_rows: match page {
                Page::DataPageV2 { num_rows, .. } => usize::try_from(*num_rows).ok(),
                _ => None,
            },
            num_levels: match page {
                Page::DictionaryPage { .. } => None,
                page => usize::try_from(page.num_values()).ok(),
            },
            is_dict: matches!(page, Page::DictionaryPage { .. }),
        }))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.get_next_page().map(drop)
    }
}

/// One row group for Parquet's array reader, with checked pages.
pub(crate) struct OneGroup<'a> {
    pub(crate) file: &'a Arc<PositionedFile>,
    pub(crate) metadata: &'a ParquetMetaData,
    pub(crate) group: &'a RowGroupMetaData,
    pub(crate) n_rows: usize,
    /// Its place in the file, and the hashes that the file has of its chunks.
    pub(crate) index: usize,
    pub(crate) hashes: Option<&'a Arc<ChunkHashes>>,
}

impl RowGroups for OneGroup<'_> {
    fn num_rows(&self) -> usize {
        self.n_rows
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let chunk = self.group.columns().get(column).ok_or_else(|| wrong("a column is missing"))?;
        let hash = self.hashes.and_then(|hashes| hashes.get(self.index, column));
        Ok(Box::new(OneChunk(Some(UnreadChunk {
            file: Arc::clone(self.file),
            chunk: chunk.clone(),
            n_rows: self.n_rows,
            hash,
        }))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.group))
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.metadata
    }
}

/// A column chunk that is read when its pages are asked for: those of all columns need not be in memory together.
struct UnreadChunk {
    file: Arc<PositionedFile>,
    chunk: ColumnChunkMetaData,
    n_rows: usize,
    hash: Option<u32>,
}

impl UnreadChunk {
    fn read(&self) -> Result<Box<dyn PageReader>> {
        let window = FileWindow::read(&self.file, &[&self.chunk])?;
        window.check(&self.chunk, self.hash)?;
        checked_pages(&Arc::new(window), &self.chunk, self.n_rows, self.hash.is_some())
    }
}

/// The pages of a chunk of so many rows. With a hash, they are as this program writes them: another's may be of version 2, or not
/// say their size.
pub(crate) fn checked_pages(
    window: &Arc<FileWindow>,
    chunk: &ColumnChunkMetaData,
    rows: usize,
    has_hash: bool,
) -> Result<Box<dyn PageReader>> {
    let size = usize::try_from(chunk.uncompressed_size());
    let is_of_small_pages = size.is_ok_and(|size| size <= LARGEST_PAGE);
    if has_hash && is_of_small_pages && matches!(chunk.compression(), Compression::ZSTD(_)) {
        return Ok(Box::new(CheckedPages::new(chunk, DecompressedPages::of(window, chunk, rows)?)?));
    }
    let pages = SerializedPageReader::new(Arc::clone(window), chunk, rows, None)?;
    Ok(Box::new(CheckedPages::new(chunk, pages)?))
}

struct OneChunk(Option<UnreadChunk>);

impl Iterator for OneChunk {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(|chunk| chunk.read())
    }
}

impl PageIterator for OneChunk {}

/// What is wrong with the numbers of a file's footer, which Parquet's reader takes for granted. `None` if nothing is.
pub(crate) fn fault(metadata: &ParquetMetaData, file: &PositionedFile) -> Option<&'static str> {
    let lies_within = |chunk: &ColumnChunkMetaData| {
        let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
        let bounds = u64::try_from(start).ok().zip(u64::try_from(chunk.compressed_size()).ok());
        let end = bounds.and_then(|(start, size)| start.checked_add(size));
        end.is_some_and(|end| end <= file.len()) && chunk.data_page_offset() >= start
    };
    let mut n_rows: i64 = 0;
    for group in metadata.row_groups() {
        // A nested column has more values than rows.
        let has_rows = |chunk: &ColumnChunkMetaData| {
            chunk.num_values() == group.num_rows() || chunk.column_descr().max_rep_level() > 0
        };
        if !group.columns().iter().all(lies_within) {
            return Some("its columns are not where it says");
        }
        n_rows = n_rows.saturating_add(group.num_rows());
        if group.num_rows() < 0 || !group.columns().iter().all(has_rows) {
            return Some("its columns do not have the rows that it says");
        }
    }
    (n_rows != metadata.file_metadata().num_rows()).then_some("it does not have the rows that it says")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
    use bytes::Bytes;
    use na_model::Compression;

    use super::*;
    use crate::format::file_changes::FileChanges;
    use crate::format::key_value_metadata as keys;
    use crate::format::parquet_reader::ParquetReader;
    use crate::format::parquet_writer::ParquetWriter;

    /// A file of a column of doubles and one of text.
    fn write(path: &Path) -> ParquetReader {
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("x", Arc::new(Float64Array::from(vec![0.5, 0.25])) as ArrayRef, true),
            ("label", Arc::new(StringArray::from(vec!["left", "right"])) as ArrayRef, true),
        ]);
        let (batch, changes) = (batch.unwrap(), FileChanges::default());
        let mut writer =
            ParquetWriter::create(path, &changes, &batch.schema(), Compression::Zstd, &[]).unwrap();
        writer.write_batch(&batch).unwrap();
        writer.commit().unwrap();
        ParquetReader::open(path).unwrap().unwrap()
    }

    #[test]
    fn a_page_that_says_gigabytes_is_refused_before_they_are_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        for column in [0, 1] {
            let chunk = write(&path).row_groups()[0].columns()[column].clone();
            let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
            let start = usize::try_from(start).unwrap();
            let mut bytes = std::fs::read(&path).unwrap();
            // As earlier versions wrote it: by its hash the page is refused before anybody looks into it.
            let key = keys::CHUNKS.as_bytes();
            let note = bytes.windows(key.len()).position(|bytes| bytes == key).unwrap();
            bytes[note] = b'?';
            let huge = [0x15, 0x00, 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f];
            bytes[start..start + huge.len()].copy_from_slice(&huge);
            std::fs::write(&path, bytes).unwrap();
            let file = ParquetReader::open(&path).unwrap().unwrap();
            for read in [file.read_all(0), file.read_short_columns(0, &[column])] {
                let error = read.unwrap_err().to_string();
                assert!(error.contains("a page of 2147483647 bytes"), "{error}");
                assert!(error.contains("x.parquet is damaged"), "{error}");
            }
        }
    }

    /// Pages given by a test.
    struct Given(std::vec::IntoIter<Page>);

    impl Iterator for Given {
        type Item = Result<Page>;

        fn next(&mut self) -> Option<Self::Item> {
            self.0.next().map(Ok)
        }
    }

    impl PageReader for Given {
        fn get_next_page(&mut self) -> Result<Option<Page>> {
            self.next().transpose()
        }

        fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
            Ok(None)
        }

        fn skip_next_page(&mut self) -> Result<()> {
            Ok(())
        }
    }

    /// A page of a dictionary, this many bytes long.
    fn dictionary(num_values: u32, length: usize) -> Page {
        Page::DictionaryPage {
            buf: Bytes::from(vec![0; length]),
            num_values,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        }
    }

    fn data(num_values: u32, encoding: Encoding) -> Page {
        Page::DataPage {
            buf: Bytes::from(vec![0; 16]),
            num_values,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        }
    }

    fn data_v2(levels: u32) -> Page {
        Page::DataPageV2 {
            buf: Bytes::from(vec![0; 16]),
            num_values: 2,
            encoding: Encoding::PLAIN,
            num_nulls: 0,
            num_rows: 2,
            def_levels_byte_len: levels,
            rep_levels_byte_len: 1,
            is_compressed: false,
            statistics: None,
        }
    }

    #[test]
    fn pages_that_disagree_with_themselves_or_their_column_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let text = write(&folder.path().join("x.parquet")).row_groups()[0].columns()[1].clone();
        let first_fault = |pages: Vec<Page>| {
            let pages = CheckedPages::new(&text, Given(pages.into_iter())).unwrap();
            pages.filter_map(Result::err).map(|error| error.to_string()).next()
        };
        for good in [
            vec![dictionary(2, 8), data(2, Encoding::RLE_DICTIONARY)],
            vec![dictionary(0, 0), data(1, Encoding::PLAIN_DICTIONARY), data(1, Encoding::PLAIN)],
            vec![data_v2(15)],
        ] {
            assert_eq!(first_fault(good), None);
        }
        for (bad, fault) in [
            (vec![dictionary(u32::MAX, 8)], "a dictionary does not have the values"),
            (vec![dictionary(3, 8)], "a dictionary does not have the values"),
            (vec![dictionary(0, 8)], "a dictionary does not have the values"),
            (vec![data(2, Encoding::RLE_DICTIONARY)], "a dictionary is missing"),
            (vec![data(1, Encoding::PLAIN), data(2, Encoding::PLAIN)], "more values than its file says"),
            (vec![data_v2(16)], "shorter than its levels"),
            (vec![data_v2(u32::MAX)], "shorter than its levels"),
        ] {
            assert!(first_fault(bad).unwrap().contains(fault), "{fault}");
        }
    }
}
