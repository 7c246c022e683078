//! The rows of units' tables.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, FieldRef, Schema};
use na_model::{MapSource, TableName};
use rusqlite::Connection;
use rusqlite::blob::Blob;

use crate::error::CacheError;
use crate::format::blob::{Entry, directory_size, entries};
use crate::format::frame::{Frame, malformed, unpack};
use crate::read::book::{Book, book};
use crate::read::cached_unit::{CachedTableInfo, CachedUnit};

/// A table of a unit.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct CachedTable {
    /// `None` for an anatomical table.
    pub map: Option<MapSource>,
    pub batch: RecordBatch,
}

/// Some columns of some maps of a long table.
pub(crate) struct Selection<'a> {
    pub(crate) table: &'a TableName,
    pub(crate) maps: &'a dyn Fn(Option<&MapSource>) -> bool,
    pub(crate) columns: &'a dyn Fn(&str) -> bool,
}

/// All columns of all maps that a unit has of a long table outside of parts, sorted by map.
pub(crate) fn read_table(
    books: &[Book],
    unit: &CachedUnit,
    table: &TableName,
) -> Result<Vec<CachedTable>, CacheError> {
    let selection = Selection { table, maps: &|_| true, columns: &|_| true };
    let mut packed = read_packed(books, [unit], &selection)?;
    let packed = packed.pop().unwrap_or_default().into_iter();
    packed.map(|packed| packed.unpack(books, &mut LatestColumns::default())).collect()
}

/// A selection of each unit, sorted by map.
pub(crate) fn read_columns(
    books: &[Book],
    units: &[Arc<CachedUnit>],
    selection: &Selection<'_>,
) -> Result<Vec<Vec<CachedTable>>, CacheError> {
    let packed = read_packed(books, units.iter().map(AsRef::as_ref), selection)?;
    let mut latest = LatestColumns::default();
    let mut unpack = |packed: PackedTable| packed.unpack(books, &mut latest);
    packed.into_iter().map(|tables| tables.into_iter().map(&mut unpack).collect()).collect()
}

/// The bytes of a selection of each unit, sorted by map. A database is read at one go, and nobody has a connection when this ends.
fn read_packed<'u>(
    books: &[Book],
    units: impl IntoIterator<Item = &'u CachedUnit>,
    selection: &Selection<'_>,
) -> Result<Vec<Vec<PackedTable>>, CacheError> {
    let is_selected = |info: &&CachedTableInfo| {
        info.seal.is_none() && info.table == *selection.table && (selection.maps)(info.map.as_ref())
    };
    let mut wanted: BTreeMap<usize, Vec<(usize, &CachedTableInfo)>> = BTreeMap::new();
    let mut packed: Vec<Vec<PackedTable>> = Vec::new();
    for (unit, of_unit) in units.into_iter().enumerate() {
        packed.push(Vec::new());
        for info in of_unit.tables.iter().filter(is_selected) {
            wanted.entry(info.book).or_default().push((unit, info));
        }
    }
    let n_books = wanted.len();
    for (number, tables) in wanted {
        let book = book(books, number)?;
        let connection = book.database.connection()?;
        let mut reader = BlobReader { book, connection: &connection, blob: None };
        for (unit, info) in tables {
            let table = reader.read(info, selection.columns)?;
            if let Some(of_unit) = packed.get_mut(unit) {
                of_unit.push(table);
            }
        }
    }
    if n_books > 1 {
        packed.iter_mut().for_each(|tables| tables.sort_by(|one, other| one.map.cmp(&other.map)));
    }
    Ok(packed)
}

/// Reads the bytes of columns.
struct BlobReader<'c> {
    book: &'c Book,
    connection: &'c Connection,
    /// Moving an open blob to another row is cheaper than opening another.
    blob: Option<Blob<'c>>,
}

impl BlobReader<'_> {
    fn read(
        &mut self,
        info: &CachedTableInfo,
        is_wanted: &dyn Fn(&str) -> bool,
    ) -> Result<PackedTable, CacheError> {
        let database = &self.book.database;
        let sqlite = |source| database.sqlite(source);
        let schema = self.book.columns(self.connection, info.column_set)?;
        let blob = match &mut self.blob {
            Some(blob) => {
                blob.reopen(info.id).map_err(sqlite)?;
                blob
            }
            slot => {
                let table = if database.has_parts() { "blobs" } else { "tables" };
                let opened = self.connection.blob_open("main", table, "data", info.id, true);
                slot.insert(opened.map_err(sqlite)?)
            }
        };
        let mut directory = vec![0; directory_size(schema.fields().len())];
        blob.read_at_exact(&mut directory, 0).map_err(sqlite)?;
        let columns: Vec<(FieldRef, Entry)> = schema
            .fields()
            .iter()
            .zip(entries(&directory))
            .filter(|(field, _)| is_wanted(field.name()))
            .map(|(field, entry)| (Arc::clone(field), entry))
            .collect();
        // One read: what is wanted together lies together.
        let frames = columns.iter().map(|(_, entry)| entry.frame);
        let start = frames.clone().map(|frame| frame.start).min().unwrap_or(0);
        let end = frames.map(|frame| frame.start.saturating_add(frame.length)).max().unwrap_or(0);
        if end > blob.len() {
            return Err(database.damaged("a frame is outside of its blob"));
        }
        let mut bytes = vec![0; end - start];
        blob.read_at_exact(&mut bytes, start).map_err(sqlite)?;
        let (book, map) = (info.book, info.map.clone());
        Ok(PackedTable { book, map, n_rows: info.n_rows, columns, bytes, start })
    }
}

/// Columns of a table as they are stored.
struct PackedTable {
    /// The number of its database.
    book: usize,
    map: Option<MapSource>,
    n_rows: usize,
    columns: Vec<(FieldRef, Entry)>,
    /// The part of the blob that has their frames.
    bytes: Vec<u8>,
    /// Where that part begins in the blob.
    start: usize,
}

impl PackedTable {
    fn frame(&self, frame: Frame) -> Result<&[u8], ArrowError> {
        let start = frame.start.checked_sub(self.start);
        let bytes = start.and_then(|start| self.bytes.get(start..)?.get(..frame.length));
        bytes.ok_or_else(|| malformed("a frame is outside of its blob"))
    }

    fn unpack(self, books: &[Book], latest: &mut LatestColumns) -> Result<CachedTable, CacheError> {
        let book = book(books, self.book)?;
        self.unpacked(latest).map_err(|error| book.database.damaged(error))
    }

    fn unpacked(self, latest: &mut LatestColumns) -> Result<CachedTable, ArrowError> {
        let n_rows = self.n_rows;
        let mut fields = Vec::with_capacity(self.columns.len());
        let mut arrays = Vec::with_capacity(self.columns.len());
        let mut shared: Option<(Frame, Cow<'_, [u8]>)> = None;
        for (field, entry) in &self.columns {
            let packed = self.frame(entry.frame)?;
            arrays.push(if entry.is_alone() {
                latest.read(field, *entry, packed, n_rows)?
            } else {
                let frame = match &shared {
                    Some((frame, bytes)) if *frame == entry.frame => bytes,
                    _ => &shared.insert((entry.frame, unpack(entry.frame, packed)?)).1,
                };
                entry.read(frame, field.data_type(), n_rows)?
            });
            fields.push(Arc::clone(field));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?;
        Ok(CachedTable { map: self.map, batch })
    }
}

/// The latest column of each name: successive tables share the array if its bytes are equal.
#[derive(Default)]
struct LatestColumns(Vec<LatestColumn>);

struct LatestColumn {
    field: FieldRef,
    packed: Vec<u8>,
    array: ArrayRef,
}

impl LatestColumns {
    /// Reads a column that has a frame for itself.
    fn read(
        &mut self,
        field: &FieldRef,
        entry: Entry,
        packed: &[u8],
        n_rows: usize,
    ) -> Result<ArrayRef, ArrowError> {
        let read = || entry.read(&unpack(entry.frame, packed)?, field.data_type(), n_rows);
        if *field.data_type() == DataType::Float64 {
            // Measured: no two sessions are alike.
            return read();
        }
        let latest = self.0.iter_mut().find(|latest| latest.field == *field);
        if let Some(same) = &latest
            && same.array.len() == n_rows
            && same.packed == packed
        {
            return Ok(Arc::clone(&same.array));
        }
        let array = read()?;
        let column =
            LatestColumn { field: Arc::clone(field), packed: packed.to_vec(), array: Arc::clone(&array) };
        match latest {
            Some(latest) => *latest = column,
            None => self.0.push(column),
        }
        Ok(array)
    }
}
