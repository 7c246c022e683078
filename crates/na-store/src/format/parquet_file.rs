//! An open Parquet file: its footer, and the bytes of its column chunks. No value is decoded here, and no type is asked for.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{DataType, FieldRef, Fields, Schema};
use bytes::Bytes;
use na_model::Compression;
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::Compression as Codec;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, RowGroupMetaData,
};

use crate::error::StoreError;
use crate::format::checked_pages::{OneGroup, fault};
use crate::format::chunk_hashes::{ChunkHashes, layout_of};
use crate::format::column_chunk::ColumnChunk;
use crate::format::column_chunk_reader::{can_decode, decode};
use crate::format::column_splice::{ColumnSplice, OldGroup};
use crate::format::decoder_panic::caught;
use crate::format::doubles_page::DoublesPage;
use crate::format::file_window::FileWindow;
use crate::format::footer::TAIL;
use crate::format::key_value_metadata as keys;
use crate::format::page_compression::{compression_of, decompress};
use crate::format::positioned_file::PositionedFile;

/// An open Parquet file. What is read does not change when another file replaces it.
#[derive(Debug, Clone)]
pub(crate) struct ParquetFile {
    path: PathBuf,
    file: Arc<PositionedFile>,
    metadata: Arc<ParquetMetaData>,
    n_rows: u64,
    /// `None` for a file of an earlier version, and for one that somebody else wrote.
    hashes: Option<Arc<ChunkHashes>>,
}

impl ParquetFile {
    /// Opens a file. `None` if it does not exist.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        let file = match PositionedFile::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(StoreError::io("open", path))?,
        };
        caught(path, || Self::with_footer_of(file, path)).map(Some)
    }

    /// Opens a file that is whole, and that somebody else is going to rename to `path`.
    pub(crate) fn open_before_rename(temporary: &Path, path: &Path) -> Result<Self, StoreError> {
        let file = PositionedFile::open_before_rename(temporary, path);
        let file = file.map_err(StoreError::io("open", temporary))?;
        caught(path, || Self::with_footer_of(file, path))
    }

    /// Opens row groups of a part, whose footer is elsewhere: what a file of these row groups would end with, compressed.
    pub(crate) fn of_part(file: PositionedFile, path: &Path, footer: &[u8]) -> Result<Self, StoreError> {
        caught(path, || {
            let damaged = |error: ParquetError| StoreError::damaged(path, error);
            let footer = decompress(footer).map_err(damaged)?;
            let thrift = footer.get(..footer.len().saturating_sub(TAIL)).unwrap_or_default();
            let metadata = ParquetMetaDataReader::decode_metadata_with_options(thrift, Some(&options()));
            Self::with_metadata(file, path, metadata.map_err(damaged)?)
        })
    }

    /// Reads and checks the footer.
    fn with_footer_of(file: PositionedFile, path: &Path) -> Result<Self, StoreError> {
        let reader = ParquetMetaDataReader::new().with_metadata_options(Some(options()));
        let metadata = reader.parse_and_finish(&file);
        let metadata = metadata.map_err(|error: ParquetError| StoreError::damaged(path, error))?;
        Self::with_metadata(file, path, metadata)
    }

    fn with_metadata(
        file: PositionedFile,
        path: &Path,
        metadata: ParquetMetaData,
    ) -> Result<Self, StoreError> {
        let metadata = Arc::new(metadata);
        if let Some(fault) = fault(&metadata, &file) {
            return Err(StoreError::damaged(path, fault));
        }
        let n_rows = metadata.file_metadata().num_rows();
        let n_rows = u64::try_from(n_rows).map_err(|error| StoreError::damaged(path, error))?;
        let (path, file) = (path.to_owned(), Arc::new(file));
        let mut opened = Self { path, file, metadata, n_rows, hashes: None };
        let hashes = opened.key_value(keys::CHUNKS);
        let hashes = hashes.and_then(|note| ChunkHashes::of_note(note, opened.row_groups()));
        opened.hashes = hashes.map(Arc::new);
        Ok(opened)
    }

    /// The same file, open only while it is read. Once another file has replaced it, reading is an error.
    pub(crate) fn closed(self) -> Self {
        Self { file: Arc::new(PositionedFile::clone(&self.file).closed()), ..self }
    }

    /// The same file, open as long as the returned value lives.
    pub(crate) fn opened(&self) -> Result<Self, StoreError> {
        let file = self.file.opened().map_err(StoreError::io("open", &self.path))?;
        Ok(Self { file: Arc::new(file), ..self.clone() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn metadata(&self) -> &Arc<ParquetMetaData> {
        &self.metadata
    }

    /// The names of the columns. Columns are flat.
    pub(crate) fn column_names(&self) -> impl Iterator<Item = &str> {
        self.metadata.file_metadata().schema_descr().columns().iter().map(|column| column.name())
    }

    /// Whether each column has one chunk in a row group, at its own index. Another program may nest columns.
    pub(super) fn has_flat_columns(&self) -> bool {
        let stored = self.metadata.file_metadata().schema_descr();
        stored.num_columns() == stored.root_schema().get_fields().len()
    }

    pub(crate) fn n_rows(&self) -> u64 {
        self.n_rows
    }

    pub(crate) fn row_groups(&self) -> &[RowGroupMetaData] {
        self.metadata.row_groups()
    }

    /// Tells the file's column chunks from those of any other. See [`layout_of`].
    pub(crate) fn layout(&self) -> u64 {
        layout_of(self.row_groups().iter())
    }

    /// The value of a key in the file's key-value metadata. `None` if it has none.
    pub(crate) fn key_value(&self, key: &str) -> Option<&str> {
        let key_values = self.metadata.file_metadata().key_value_metadata()?;
        key_values.iter().find(|entry| entry.key == key)?.value.as_deref()
    }

    /// The compression of the pages. `None` if the file has no columns, or a codec that the store never writes.
    pub(crate) fn compression(&self) -> Option<Compression> {
        compression_of(self.row_groups().first()?.columns().first()?.compression())
    }

    /// The footer's entry for a column chunk.
    pub(crate) fn chunk_entry(
        &self,
        row_group: usize,
        column: usize,
    ) -> Result<&ColumnChunkMetaData, StoreError> {
        let chunk = self.row_groups().get(row_group).and_then(|group| group.columns().get(column));
        chunk.ok_or_else(|| self.damaged(format!("no column {column} in row group {row_group}")))
    }

    /// The bytes of a column chunk, to be copied.
    pub(crate) fn chunk(&self, row_group: usize, column: usize) -> Result<Bytes, StoreError> {
        let chunk = self.chunk_entry(row_group, column)?;
        let window = self.window(&[chunk])?;
        window.check(chunk, self.hash(row_group, column)).map_err(|error| self.damaged(error))?;
        Ok(window.into_bytes())
    }

    /// Reads the bytes from the first of these column chunks to the last.
    pub(super) fn window(&self, chunks: &[&ColumnChunkMetaData]) -> Result<FileWindow, StoreError> {
        FileWindow::read(&self.file, chunks).map_err(|error| self.unreadable(error))
    }

    /// A row group for Parquet's array reader.
    pub(super) fn one_group<'f>(
        &'f self,
        index: usize,
        group: &'f RowGroupMetaData,
        n_rows: usize,
    ) -> OneGroup<'f> {
        let (file, metadata, hashes) = (&self.file, &self.metadata, self.hashes.as_ref());
        OneGroup { file, metadata, group, n_rows, index, hashes }
    }

    /// Copies the first bytes of the file into another, which is empty. Between plain files, the system copies.
    pub(crate) fn copy_start(&self, bytes: u64, to: &File) -> Result<(), StoreError> {
        let copied = self.file.copy_start(bytes, to).map_err(StoreError::io("copy", &self.path))?;
        if copied == bytes { Ok(()) } else { Err(self.damaged("it is shorter than it says")) }
    }

    /// Whether the file has the hashes of its column chunks.
    pub(crate) fn has_hashes(&self) -> bool {
        self.hashes.is_some()
    }

    /// Whether the file has the notes of another one: of its column chunks there are hashes, which are of others. pyarrow copies
    /// notes into files of other rows.
    pub(crate) fn has_notes_of_another(&self) -> bool {
        self.hashes.is_none() && self.key_value(keys::CHUNKS).is_some()
    }

    /// The hash that the file has of a column chunk.
    pub(crate) fn hash(&self, row_group: usize, column: usize) -> Option<u32> {
        self.hashes.as_ref()?.get(row_group, column)
    }

    /// Whether a column of the file is stored as a writer would store this field, so that its chunks can be kept.
    pub(crate) fn stores_as(&self, column: usize, field: &FieldRef) -> Result<bool, StoreError> {
        let schema = Schema::new(vec![Arc::clone(field)]);
        let written = ArrowSchemaConverter::new().convert(&schema).map_err(|error| self.damaged(error))?;
        let stored = self.metadata.file_metadata().schema_descr().columns().get(column);
        Ok(written.columns().first().zip(stored).is_some_and(|(written, stored)| {
            written.physical_type() == stored.physical_type()
                && written.converted_type() == stored.converted_type()
                && written.logical_type_ref() == stored.logical_type_ref()
                && written.max_def_level() == stored.max_def_level()
                && written.max_rep_level() == stored.max_rep_level()
        }))
    }

    /// Reads the bytes of a row group of short columns.
    pub(crate) fn old_group(&self, row_group: usize) -> Result<OldGroup, StoreError> {
        let no_group = || self.damaged(format!("no row group {row_group}"));
        let group = self.row_groups().get(row_group).ok_or_else(no_group)?;
        let chunks: Vec<&ColumnChunkMetaData> = group.columns().iter().collect();
        let window = self.window(&chunks)?;
        let rows = usize::try_from(group.num_rows()).map_err(|error| self.damaged(error))?;
        Ok(OldGroup { window: Arc::new(window), rows, has_hashes: self.has_hashes() })
    }

    /// Reads a short column of a row group.
    pub(crate) fn read_short_column(
        &self,
        row_group: usize,
        column: usize,
        data_type: &DataType,
    ) -> Result<ArrayRef, StoreError> {
        let chunk = self.chunk_entry(row_group, column)?;
        let window = Arc::new(self.window(&[chunk])?);
        let rows = usize::try_from(chunk.num_values()).map_err(|error| self.damaged(error))?;
        caught(&self.path, || {
            let hash = self.hash(row_group, column);
            let checked = window.check(chunk, hash);
            let decoded = checked.and_then(|()| decode(&window, chunk, hash.is_some(), data_type, rows));
            decoded.map_err(|error| self.damaged(error))
        })
    }

    /// The doubles of a column of a row group. `None` if they are stored in another way than the store's own.
    pub(super) fn doubles(&self, row_group: usize, column: usize) -> Result<Option<DoublesPage>, StoreError> {
        let chunk = self.chunk_entry(row_group, column)?;
        if !self.has_flat_columns() || !DoublesPage::may_be_of(chunk) {
            return Ok(None);
        }
        let window = Arc::new(self.window(&[chunk])?);
        let rows = usize::try_from(chunk.num_values()).map_err(|error| self.damaged(error))?;
        caught(&self.path, || {
            let checked = window.check(chunk, self.hash(row_group, column));
            let page = checked.and_then(|()| DoublesPage::of(&window, chunk, rows));
            page.map_err(|error| self.damaged(error))
        })
    }

    /// Whether [`ParquetFile::old_group`] reads columns of these types.
    pub(crate) fn has_short_columns(&self, fields: &Fields) -> bool {
        let is_zstd = |chunk: &ColumnChunkMetaData| matches!(chunk.compression(), Codec::ZSTD(_));
        self.row_groups().iter().all(|group| {
            let mut columns = group.columns().iter().zip(fields);
            group.num_columns() == fields.len()
                && columns.all(|(chunk, field)| is_zstd(chunk) && can_decode(chunk, field.data_type()))
        })
    }

    /// Inserts rows into the column of a row group.
    pub(crate) fn splice(
        &self,
        (row_group, column): (usize, usize),
        old: &OldGroup,
        splice: &ColumnSplice<'_>,
        new: &ArrayRef,
    ) -> Result<ColumnChunk, StoreError> {
        let chunk = self.chunk_entry(row_group, column)?;
        caught(&self.path, || {
            let checked = old.window.check(chunk, self.hash(row_group, column));
            checked.and_then(|()| splice.splice(old, chunk, new)).map_err(|error| self.damaged(error))
        })
    }

    /// Reads every column chunk, and holds it against its hash.
    ///
    /// # Errors
    /// A chunk that is not what was written; a file that cannot be read.
    pub(crate) fn check_chunks(&self) -> Result<(), StoreError> {
        let chunks = self.row_groups().iter().enumerate();
        let mut chunks =
            chunks.flat_map(|(group, of)| (0..of.num_columns()).map(move |column| (group, column)));
        chunks.try_for_each(|(group, column)| self.chunk(group, column).map(drop))
    }

    /// A disk that fails is no damage of the file: what fails now may be read later.
    fn unreadable(&self, error: ParquetError) -> StoreError {
        match error {
            ParquetError::External(source) => match source.downcast::<io::Error>() {
                Ok(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
                    StoreError::io("read", &self.path)(*source)
                }
                Ok(source) => self.damaged(source),
                Err(source) => self.damaged(source),
            },
            error => self.damaged(error),
        }
    }

    pub(super) fn damaged(&self, problem: impl ToString) -> StoreError {
        StoreError::damaged(&self.path, problem)
    }
}

/// As a mask, encoding statistics would not be written again: a copied row group would lose them, by which readers pick
/// dictionaries.
fn options() -> ParquetMetaDataOptions {
    ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false)
}
