//! Writes a Parquet file by row groups: new ones, and those of another file.
//!
//! A file can begin as another file does. The system copies the bytes up to the last column chunk that stays, or shares them, and
//! what is new follows. A chunk that does not stay is zeros then: no old value is left in a file that does not show it.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use bytes::Bytes;
use na_model::Compression;
use parquet::arrow::{ARROW_SCHEMA_META_KEY, encode_arrow_schema};
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{ColumnChunkMetaData, KeyValue, RowGroupMetaData};
use parquet::schema::types::ColumnDescPtr;
use rayon::prelude::*;

use crate::error::StoreError;
use crate::format::atomic_file::AtomicFile;
use crate::format::chunk_hashes::{self, hash_of, layout_of};
use crate::format::column_chunk::ColumnChunk;
use crate::format::column_chunk_writer::encode;
use crate::format::column_encoder::ColumnEncoder;
use crate::format::column_splice::{ColumnSplice, NewColumn, SplicedRows};
use crate::format::file_changes::FileChanges;
use crate::format::file_state::FileHash;
use crate::format::footer::{MAGIC, chunk_entry, footer, group_entry, middle};
use crate::format::kept_chunks::KeptChunks;
use crate::format::key_value_metadata as keys;
use crate::format::page_compression::compress;
use crate::format::parquet_file::ParquetFile;

/// Who may read and write a part: its owner, as the cache's database.
pub(crate) const PART_MODE: u32 = 0o600;

/// Bytes written at once.
const BUFFER: usize = 1 << 18;

/// A column of a row group that a file has of another.
pub(crate) enum KeptColumn {
    /// The other file's column with this index, as it is.
    Same(usize),
    /// Other values, in parts.
    New(Vec<ArrayRef>),
}

/// A Parquet file that is being written.
pub(crate) struct ParquetWriter<'a> {
    target: Target<'a>,
    file: BufWriter<File>,
    encoder: ColumnEncoder,
    key_values: Vec<KeyValue>,
    groups: Vec<RowGroupMetaData>,
    /// Of all column chunks, in order.
    hashes: Vec<u32>,
    /// Bytes so far.
    position: u64,
    /// What the file has in common with another, where that is.
    shared: Option<SharedStart>,
}

/// Where a writer's bytes go.
enum Target<'a> {
    File(AtomicFile<'a>),
    /// A part: row groups whose footers are elsewhere.
    Part(PathBuf),
}

/// The first bytes of a file, which another file has, too.
struct SharedStart {
    path: PathBuf,
    end: u64,
}

/// What a footer would say of row groups that were added to a part.
pub(crate) struct SealedGroups {
    /// Compressed with zstd.
    pub(crate) footer: Bytes,
    /// The length of the part with them, bytes.
    pub(crate) length: u64,
}

/// Row groups that were added to a part, and that a power cut may take away.
pub(crate) struct UnsyncedGroups {
    pub(crate) groups: SealedGroups,
    file: File,
    path: PathBuf,
}

impl UnsyncedGroups {
    /// Makes them durable.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(StoreError::io("sync", &self.path))
    }
}

impl Target<'_> {
    /// The path that tells the user which file it is.
    fn path(&self) -> &Path {
        match self {
            Self::File(atomic) => atomic.path(),
            Self::Part(path) => path,
        }
    }
}

impl<'a> ParquetWriter<'a> {
    /// Begins a file with these columns and this key-value metadata.
    pub(crate) fn create(
        path: &Path,
        changes: &'a FileChanges,
        schema: &SchemaRef,
        compression: Compression,
        key_values: &[(&str, String)],
    ) -> Result<Self, StoreError> {
        Self::create_from(None, path, changes, schema, compression, key_values)
    }

    /// Begins a file that replaces another of the same path, as that one does where most of it stays. Where something leaves the
    /// store, no file has bytes of a chunk that went.
    pub(crate) fn create_from(
        old: Option<(&ParquetFile, KeptChunks)>,
        path: &Path,
        changes: &'a FileChanges,
        schema: &SchemaRef,
        compression: Compression,
        key_values: &[(&str, String)],
    ) -> Result<Self, StoreError> {
        let (atomic, file) = AtomicFile::create(path, changes)?;
        let mut writer = Self::new(Target::File(atomic), path, file, schema, compression, key_values)?;
        match old.filter(|(_, kept)| !(kept.leaves_gaps() && changes.takes_away())) {
            Some((old, kept)) => writer.begin_as(old, &kept)?,
            None => writer.write(MAGIC)?,
        }
        Ok(writer)
    }

    /// Creates the file of a part, which does not exist yet. Returns its length.
    pub(crate) fn create_part(part: &Path) -> Result<u64, StoreError> {
        let file = File::options().write(true).create_new(true).mode(PART_MODE).open(part);
        let mut file = file.map_err(StoreError::io("create", part))?;
        file.write_all(MAGIC).map_err(StoreError::io("write", part))?;
        Ok(MAGIC.len() as u64)
    }

    /// Goes on with a part, of which `length` bytes are there, to [`seal`](Self::seal) more row groups.
    pub(crate) fn add_to_part(
        (part, length): (&Path, u64),
        schema: &SchemaRef,
        compression: Compression,
        key_values: &[(&str, String)],
    ) -> Result<Self, StoreError> {
        let mut file = File::options().write(true).open(part).map_err(StoreError::io("open", part))?;
        go_to_end(&mut file, part, length)?;
        let target = Target::Part(part.to_owned());
        let mut writer = Self::new(target, part, file, schema, compression, key_values)?;
        writer.position = length;
        Ok(writer)
    }

    /// Goes on with a part, of which `length` bytes are sealed, until it is the file at `path`. What is sealed stays as it is.
    pub(crate) fn go_on(
        (part, length): (&Path, u64),
        path: &Path,
        changes: &'a FileChanges,
        schema: &SchemaRef,
        compression: Compression,
        key_values: &[(&str, String)],
    ) -> Result<Self, StoreError> {
        let (atomic, mut file) = AtomicFile::go_on(part, path, changes)?;
        go_to_end(&mut file, part, length)?;
        let mut writer = Self::new(Target::File(atomic), path, file, schema, compression, key_values)?;
        writer.position = length;
        writer.shared = Some(SharedStart { path: part.to_owned(), end: length });
        Ok(writer)
    }

    fn new(
        target: Target<'a>,
        path: &Path,
        file: File,
        schema: &SchemaRef,
        compression: Compression,
        key_values: &[(&str, String)],
    ) -> Result<Self, StoreError> {
        let file_name = path.file_name().ok_or_else(|| StoreError::damaged(path, "it has no file name"))?;
        let name = file_name.to_string_lossy().into_owned();
        let mut key_values: Vec<KeyValue> =
            key_values.iter().map(|(key, value)| entry(key, value.clone())).collect();
        key_values.push(entry(keys::FILE, name));
        key_values.push(entry(ARROW_SCHEMA_META_KEY, encode_arrow_schema(schema)));
        let encoder = ColumnEncoder::new(schema, compression).map_err(StoreError::parquet(path))?;
        let file = BufWriter::with_capacity(BUFFER, file);
        let (groups, hashes) = (Vec::new(), Vec::new());
        Ok(Self { target, file, encoder, key_values, groups, hashes, position: 0, shared: None })
    }

    fn begin_as(&mut self, old: &ParquetFile, kept: &KeptChunks) -> Result<(), StoreError> {
        old.copy_start(kept.end, self.file.get_ref())?;
        blank(self.file.get_ref(), &kept.dead).map_err(StoreError::io("write", self.path()))?;
        self.position = kept.end;
        self.shared = Some(SharedStart { path: old.path().to_owned(), end: kept.end });
        Ok(())
    }

    fn path(&self) -> &Path {
        self.target.path()
    }

    /// Writes a row group. `column` gives the parts of the column with an index. Columns are encoded in parallel.
    pub(crate) fn write_group(
        &mut self,
        column: impl Fn(usize) -> Result<Vec<ArrayRef>, StoreError> + Sync,
    ) -> Result<(), StoreError> {
        let path = self.path();
        let columns = self.encoder.columns().map_err(StoreError::parquet(path))?;
        let chunks = columns
            .into_par_iter()
            .enumerate()
            .map(|(index, encoder)| encoder.encode(&column(index)?).map_err(StoreError::parquet(path)))
            .collect::<Result<Vec<_>, StoreError>>()?;
        self.append_group(chunks)
    }

    /// Writes a row group of many short columns. `column` gives the column with an index.
    pub(crate) fn write_short_columns(
        &mut self,
        column: impl Fn(usize) -> Result<ArrayRef, StoreError> + Sync,
    ) -> Result<(), StoreError> {
        let Some(properties) = self.encoder.of_short_columns() else {
            return self.write_group(|index| column(index).map(|array| vec![array]));
        };
        let chunks = self.short_chunks(|index, descriptor| {
            let chunk = encode(Arc::clone(descriptor), Arc::clone(properties), &column(index)?);
            chunk.map_err(StoreError::parquet(self.path()))
        })?;
        self.append_group(chunks)
    }

    /// Writes a row group of short columns that is like one of another file, with rows inserted and taken out. `column` gives the
    /// values of the column with an index. The compression must be zstd.
    pub(crate) fn splice_group(
        &mut self,
        other: &ParquetFile,
        row_group: usize,
        rows: &[SplicedRows],
        column: impl Fn(usize) -> Result<NewColumn, StoreError> + Sync,
    ) -> Result<(), StoreError> {
        let path = self.path();
        let properties = self.encoder.of_short_columns();
        let properties =
            properties.ok_or_else(|| StoreError::damaged(path, "it is not compressed with zstd"))?;
        let old = other.old_group(row_group)?;
        let chunks = self.short_chunks(|index, descriptor| match column(index)? {
            NewColumn::Whole(array) => encode(Arc::clone(descriptor), Arc::clone(properties), &array)
                .map_err(StoreError::parquet(path)),
            NewColumn::Inserted(array) => {
                let splice = ColumnSplice { column: descriptor, properties, rows };
                other.splice((row_group, index), &old, &splice, &array)
            }
        })?;
        self.append_group(chunks)
    }

    fn short_chunks(
        &self,
        chunk: impl Fn(usize, &ColumnDescPtr) -> Result<ColumnChunk, StoreError> + Sync,
    ) -> Result<Vec<ColumnChunk>, StoreError> {
        let columns = self.encoder.descriptor().columns().par_iter().with_min_len(32);
        columns.enumerate().map(|(index, descriptor)| chunk(index, descriptor)).collect()
    }

    /// Writes a batch as a row group.
    pub(crate) fn write_batch(&mut self, batch: &RecordBatch) -> Result<(), StoreError> {
        let path = self.path().to_owned();
        let missing = || StoreError::damaged(&path, "a column is missing");
        self.write_group(|index| {
            batch.columns().get(index).map(|column| vec![Arc::clone(column)]).ok_or_else(missing)
        })
    }

    /// Writes a row group of another file, with some columns the same and others new. Those that are the same are where they
    /// were if this file begins as the other, and are copied otherwise, without being decoded.
    pub(crate) fn keep_group(
        &mut self,
        other: &ParquetFile,
        row_group: usize,
        columns: &[KeptColumn],
    ) -> Result<(), StoreError> {
        let failed = StoreError::parquet(self.path());
        let encoders = self.encoder.columns().map_err(&failed)?.into_par_iter();
        let new = encoders.zip(columns).map(|(encoder, column)| match column {
            KeptColumn::Same(_) => Ok(None),
            KeptColumn::New(parts) => encoder.encode(parts).map(Some),
        });
        let new = new.collect::<ParquetResult<Vec<_>>>().map_err(&failed)?;
        let mut entries = Vec::with_capacity(columns.len());
        for (index, (column, new)) in columns.iter().zip(new).enumerate() {
            entries.push(match (column, new) {
                (KeptColumn::Same(in_other), _) => self.keep_chunk(other, row_group, *in_other, index)?,
                (KeptColumn::New(_), Some(chunk)) => {
                    self.append_chunk(&chunk.bytes, &chunk.metadata, index)?
                }
                (KeptColumn::New(_), None) => return Err(self.lacks(index)),
            });
        }
        self.end_group(entries)
    }

    fn keep_chunk(
        &mut self,
        other: &ParquetFile,
        row_group: usize,
        in_other: usize,
        index: usize,
    ) -> Result<ColumnChunkMetaData, StoreError> {
        let chunk = other.chunk_entry(row_group, in_other)?;
        let (start, length) = chunk.byte_range();
        let is_here = |shared: &SharedStart| shared.path == other.path() && start + length <= shared.end;
        match other.hash(row_group, in_other).filter(|_| self.shared.as_ref().is_some_and(is_here)) {
            Some(hash) => self.enter(chunk, index, start, hash),
            None => self.append_chunk(&other.chunk(row_group, in_other)?, chunk, index),
        }
    }

    fn append_group(&mut self, chunks: Vec<ColumnChunk>) -> Result<(), StoreError> {
        let chunks = chunks.into_iter().enumerate();
        let entries = chunks.map(|(index, chunk)| self.append_chunk(&chunk.bytes, &chunk.metadata, index));
        let entries = entries.collect::<Result<Vec<_>, StoreError>>()?;
        self.end_group(entries)
    }

    fn append_chunk(
        &mut self,
        bytes: &[u8],
        metadata: &ColumnChunkMetaData,
        index: usize,
    ) -> Result<ColumnChunkMetaData, StoreError> {
        let start = self.position;
        self.write(bytes)?;
        self.enter(metadata, index, start, hash_of(bytes))
    }

    /// Makes the entry of the chunk of a column, which begins at `start`.
    fn enter(
        &mut self,
        metadata: &ColumnChunkMetaData,
        index: usize,
        start: u64,
        hash: u32,
    ) -> Result<ColumnChunkMetaData, StoreError> {
        self.hashes.push(hash);
        let column = self.encoder.descriptor().columns().get(index).ok_or_else(|| self.lacks(index))?;
        chunk_entry(metadata, column, start).map_err(StoreError::parquet(self.path()))
    }

    fn end_group(&mut self, entries: Vec<ColumnChunkMetaData>) -> Result<(), StoreError> {
        let group = group_entry(self.encoder.descriptor(), entries, self.groups.len());
        self.groups.push(group.map_err(StoreError::parquet(self.path()))?);
        Ok(())
    }

    fn lacks(&self, column: usize) -> StoreError {
        StoreError::damaged(self.path(), format!("no column {column}"))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(bytes).map_err(StoreError::io("write", self.path()))?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    /// Bytes so far.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The number of row groups so far.
    pub(crate) fn n_groups(&self) -> usize {
        self.groups.len()
    }

    /// Tells the column chunks so far from those of any other file. See [`layout_of`].
    pub(crate) fn layout(&self) -> u64 {
        layout_of(self.groups.iter())
    }

    /// Adds an entry to the key-value metadata.
    pub(crate) fn add_key_value(&mut self, key: &str, value: String) {
        self.key_values.push(entry(key, value));
    }

    /// Ends the row groups that were added to a part. They have a footer of their own.
    pub(crate) fn seal(self, index: String) -> Result<UnsyncedGroups, StoreError> {
        let path = self.path().to_owned();
        let Self { file, encoder, mut key_values, groups, hashes, position: length, .. } = self;
        key_values.push(entry(keys::INDEX, index));
        key_values.push(entry(keys::CHUNKS, chunk_hashes::to_text(&groups, &hashes)));
        let footer = footer(encoder.descriptor(), groups, key_values, created_by());
        let footer = footer.and_then(|footer| compress(&footer)).map_err(StoreError::parquet(&path))?;
        let file = file.into_inner().map_err(std::io::IntoInnerError::into_error);
        let file = file.map_err(StoreError::io("write", &path))?;
        Ok(UnsyncedGroups { groups: SealedGroups { footer, length }, file, path })
    }

    /// Writes the footer and commits the file.
    pub(crate) fn commit(self) -> Result<(), StoreError> {
        self.finish()?.commit()
    }

    /// Writes the footer.
    pub(crate) fn finish(mut self) -> Result<FinishedFile<'a>, StoreError> {
        self.pad()?;
        self.add_key_value(keys::CHUNKS, chunk_hashes::to_text(&self.groups, &self.hashes));
        let (groups, key_values) = (std::mem::take(&mut self.groups), std::mem::take(&mut self.key_values));
        let footer = footer(self.encoder.descriptor(), groups, key_values, created_by());
        let footer = footer.map_err(StoreError::parquet(self.path()))?;
        self.write(&footer)?;
        let Target::File(atomic) = self.target else {
            return Err(StoreError::damaged(self.target.path(), "a part is no file of the store"));
        };
        let file = self.file.into_inner().map_err(std::io::IntoInnerError::into_error);
        let file = file.map_err(StoreError::io("write", atomic.path()))?;
        Ok(FinishedFile { atomic, file, hash: FileHash::of_footer(&footer) })
    }

    /// Lengthens the file, if need be, until the middle of each row group is within it. See [`middle`].
    fn pad(&mut self) -> Result<(), StoreError> {
        let middle = self.groups.iter().map(middle).max().unwrap_or(0);
        while self.position <= middle {
            let left = usize::try_from(middle + 1 - self.position).unwrap_or(BUFFER);
            self.write(&vec![0; left.min(BUFFER)])?;
        }
        Ok(())
    }
}

/// A Parquet file that is whole, and neither synced nor in its place.
pub(crate) struct FinishedFile<'a> {
    atomic: AtomicFile<'a>,
    file: File,
    hash: FileHash,
}

impl FinishedFile<'_> {
    /// Opens the file to read it, now and after its commit.
    pub(crate) fn opened(&self) -> Result<ParquetFile, StoreError> {
        ParquetFile::open_before_rename(self.atomic.temporary(), self.atomic.path())
    }

    /// Syncs the file and renames it, or holds it back.
    pub(crate) fn commit(self) -> Result<(), StoreError> {
        self.commit_after(|| Ok(()))
    }

    /// The same, with a step between the sync and the rename.
    pub(crate) fn commit_after(
        self,
        step: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.atomic.commit(self.file, self.hash, step)
    }
}

/// Goes to the end of a part, of which `length` bytes are there, and cuts off what is behind them.
fn go_to_end(file: &mut File, part: &Path, length: u64) -> Result<(), StoreError> {
    if file.metadata().map_err(StoreError::io("look at", part))?.len() < length {
        return Err(StoreError::damaged(part, "it is shorter than it was"));
    }
    let cut = file.set_len(length).and_then(|()| file.seek(SeekFrom::End(0)));
    cut.map(drop).map_err(StoreError::io("write", part))
}

/// As parquet-java reads it: of a program that it does not understand, it takes no statistics.
fn created_by() -> String {
    format!("neuroalign version {}", keys::PROGRAM_VERSION)
}

fn entry(key: &str, value: String) -> KeyValue {
    KeyValue::new(key.to_owned(), value)
}

/// Writes zeros over these bytes of a file, and goes to its end.
fn blank(mut file: &File, ranges: &[Range<u64>]) -> io::Result<()> {
    for range in ranges {
        file.seek(SeekFrom::Start(range.start))?;
        io::copy(&mut io::repeat(0).take(range.end - range.start), &mut file)?;
    }
    file.seek(SeekFrom::End(0)).map(drop)
}

#[cfg(test)]
mod tests;
