//! The rows of units' tables.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, FieldRef, Schema};
use na_model::{MapSource, TableName};
use rusqlite::Connection;
use rusqlite::blob::Blob;

use crate::db::database::Database;
use crate::error::CacheError;
use crate::format::blob::{Entry, directory_size, entries};
use crate::format::frame::{Frame, malformed, unpack};
use crate::read::cached_unit::{CachedTableInfo, CachedUnit};
use crate::read::column_sets::ColumnSets;

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

/// All columns of all maps that a unit has of a long table in the database, sorted by map.
pub(crate) fn read_table(
    database: &Database,
    column_sets: &ColumnSets,
    unit: &CachedUnit,
    table: &TableName,
) -> Result<Vec<CachedTable>, CacheError> {
    let selection = Selection { table, maps: &|_| true, columns: &|_| true };
    let connection = database.connection()?;
    let packed = BlobReader::new(database, column_sets, &connection).read_unit(unit, &selection)?;
    drop(connection);
    let unpacked = packed.into_iter().map(|packed| packed.unpack(&mut LatestColumns::default()));
    unpacked.map(|table| table.map_err(|error| database.damaged(error))).collect()
}

/// A selection of each unit, sorted by map.
pub(crate) fn read_columns(
    database: &Database,
    column_sets: &ColumnSets,
    units: &[Arc<CachedUnit>],
    selection: &Selection<'_>,
) -> Result<Vec<Vec<CachedTable>>, CacheError> {
    let connection = database.connection()?;
    let mut reader = BlobReader::new(database, column_sets, &connection);
    let packed = units.iter().map(|unit| reader.read_unit(unit, selection));
    let packed: Vec<Vec<PackedTable>> = packed.collect::<Result<_, CacheError>>()?;
    drop(reader);
    // Others read with it while this unpacks.
    drop(connection);
    let mut latest = LatestColumns::default();
    let mut unpack = |packed: PackedTable| packed.unpack(&mut latest);
    let unpacked = packed.into_iter().map(|tables| tables.into_iter().map(&mut unpack).collect());
    unpacked.map(|tables: Result<_, ArrowError>| tables.map_err(|error| database.damaged(error))).collect()
}

/// Reads the bytes of columns.
struct BlobReader<'c> {
    database: &'c Database,
    column_sets: &'c ColumnSets,
    connection: &'c Connection,
    /// Moving an open blob to another row is cheaper than opening another.
    blob: Option<Blob<'c>>,
}

impl<'c> BlobReader<'c> {
    fn new(database: &'c Database, column_sets: &'c ColumnSets, connection: &'c Connection) -> Self {
        Self { database, column_sets, connection, blob: None }
    }

    fn read_unit(
        &mut self,
        unit: &CachedUnit,
        selection: &Selection<'_>,
    ) -> Result<Vec<PackedTable>, CacheError> {
        let is_selected = |info: &&CachedTableInfo| {
            info.seal.is_none() && info.table == *selection.table && (selection.maps)(info.map.as_ref())
        };
        let tables = unit.tables.iter().filter(is_selected);
        tables.map(|info| self.read(info, selection.columns)).collect()
    }

    fn read(
        &mut self,
        info: &CachedTableInfo,
        is_wanted: &dyn Fn(&str) -> bool,
    ) -> Result<PackedTable, CacheError> {
        let sqlite = |source| self.database.sqlite(source);
        let schema = self.column_sets.get(self.database, self.connection, info.column_set)?;
        let blob = match &mut self.blob {
            Some(blob) => {
                blob.reopen(info.id).map_err(sqlite)?;
                blob
            }
            slot => {
                let table = if self.database.has_parts() { "blobs" } else { "tables" };
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
            return Err(self.database.damaged("a frame is outside of its blob"));
        }
        let mut bytes = vec![0; end - start];
        blob.read_at_exact(&mut bytes, start).map_err(sqlite)?;
        Ok(PackedTable { map: info.map.clone(), n_rows: info.n_rows, columns, bytes, start })
    }
}

/// Columns of a table as they are stored.
struct PackedTable {
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

    fn unpack(self, latest: &mut LatestColumns) -> Result<CachedTable, ArrowError> {
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
