//! The rows of a unit's tables, read.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError};

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use na_model::{MapSource, TableName};
use rusqlite::Connection;
use rusqlite::blob::Blob;

use crate::error::CacheError;
use crate::format::blob::{Entry, directory_size, entries};
use crate::format::column_set::columns_from_text;
use crate::format::frame::{Frame, unpack};
use crate::read::cache::{Cache, CachedUnit};

/// A table of a unit.
#[derive(Debug, Clone, PartialEq)]
pub struct CachedTable {
    /// Which map, for diffusion tables.
    pub map: Option<MapSource>,
    /// Its rows.
    pub batch: RecordBatch,
}

/// Columns of a table as they are stored.
struct Packed {
    map: Option<MapSource>,
    n_rows: usize,
    columns: Vec<(FieldRef, Entry)>,
    /// The piece of the blob in which their frames are, and where in the blob it begins.
    bytes: Vec<u8>,
    start: usize,
}

impl Packed {
    fn frame(&self, frame: Frame) -> Option<&[u8]> {
        self.bytes.get(frame.start.checked_sub(self.start)?..)?.get(..frame.length)
    }
}

/// A column that came last under its name: what it was packed as, and what that is.
struct Known {
    field: FieldRef,
    packed: Vec<u8>,
    array: ArrayRef,
}

impl Cache {
    /// What a unit has of a long table, sorted by map. The unit is one that this cache lists as it is now: after a
    /// commit, list the units again.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn read_table(&self, unit: &CachedUnit, table: &TableName) -> Result<Vec<CachedTable>, CacheError> {
        let connection = self.connection()?;
        let packed = self.packed(&connection, &mut None, unit, table, &|_| true, &|_| true)?;
        drop(connection);
        packed.into_iter().map(|packed| self.unpacked(packed, &mut Vec::new())).collect()
    }

    /// Some columns of some maps that units have of a long table: for each unit its maps, sorted, columns in the order
    /// of the table. Nothing else is read. What a unit has just as the one before, regions above all, is the same array.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn read_columns(
        &self,
        units: &[Arc<CachedUnit>],
        table: &TableName,
        maps: impl Fn(Option<&MapSource>) -> bool,
        columns: &[&str],
    ) -> Result<Vec<Vec<CachedTable>>, CacheError> {
        let connection = self.connection()?;
        let wanted = |column: &str| columns.contains(&column);
        let mut blob = None;
        let packed =
            units.iter().map(|unit| self.packed(&connection, &mut blob, unit, table, &maps, &wanted));
        let packed: Vec<Vec<Packed>> = packed.collect::<Result<_, CacheError>>()?;
        drop(blob);
        // Others read while this unpacks.
        drop(connection);
        let mut known = Vec::new();
        let mut unpacked = |packed| self.unpacked(packed, &mut known);
        packed.into_iter().map(|tables| tables.into_iter().map(&mut unpacked).collect()).collect()
    }

    /// `blob` is one of this connection: moving it to another row is cheaper than opening that.
    fn packed<'c>(
        &self,
        connection: &'c Connection,
        blob: &mut Option<Blob<'c>>,
        unit: &CachedUnit,
        table: &TableName,
        maps: &dyn Fn(Option<&MapSource>) -> bool,
        columns: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<Packed>, CacheError> {
        let sqlite = |source| CacheError::sqlite(&self.location, source);
        let mut tables = Vec::new();
        for info in unit.tables.iter().filter(|info| info.table == *table && maps(info.map.as_ref())) {
            let schema = self.column_set(connection, info.column_set)?;
            let blob = match blob {
                Some(blob) => {
                    blob.reopen(info.id).map_err(sqlite)?;
                    blob
                }
                None => blob
                    .insert(connection.blob_open("main", "tables", "data", info.id, true).map_err(sqlite)?),
            };
            let mut directory = vec![0; directory_size(schema.fields().len())];
            blob.read_at_exact(&mut directory, 0).map_err(sqlite)?;
            let wanted = schema.fields().iter().zip(entries(&directory));
            let columns: Vec<(FieldRef, Entry)> = wanted
                .filter(|(field, _)| columns(field.name()))
                .map(|(field, place)| (Arc::clone(field), place))
                .collect();
            // One read: what is wanted together lies together.
            let frames = columns.iter().map(|(_, place)| place.frame);
            let start = frames.clone().map(|frame| frame.start).min().unwrap_or_default();
            let end = frames.map(|frame| frame.start.saturating_add(frame.length)).max().unwrap_or_default();
            if end > blob.len() {
                return Err(self.damaged("a frame is outside of its blob"));
            }
            let mut bytes = vec![0; end - start];
            blob.read_at_exact(&mut bytes, start).map_err(sqlite)?;
            let packed = Packed { map: info.map.clone(), n_rows: info.n_rows, columns, bytes, start };
            tables.push(packed);
        }
        Ok(tables)
    }

    fn unpacked(&self, packed: Packed, known: &mut Vec<Known>) -> Result<CachedTable, CacheError> {
        let damaged = |error: ArrowError| self.damaged(error);
        let n_rows = packed.n_rows;
        let mut fields = Vec::with_capacity(packed.columns.len());
        let mut arrays = Vec::with_capacity(packed.columns.len());
        let mut shared: Option<(Frame, Cow<'_, [u8]>)> = None;
        for (field, place) in &packed.columns {
            let bytes = packed.frame(place.frame).unwrap_or_default();
            let array = if place.is_alone() {
                alone(field, *place, bytes, n_rows, known)
            } else {
                if shared.as_ref().is_none_or(|(other, _)| *other != place.frame) {
                    shared = Some((place.frame, unpack(place.frame, bytes).map_err(damaged)?));
                }
                let frame = shared.as_ref().map(|(_, bytes)| bytes.as_ref());
                place.read(frame.unwrap_or_default(), field.data_type(), n_rows)
            };
            arrays.push(array.map_err(damaged)?);
            fields.push(Arc::clone(field));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options);
        Ok(CachedTable { map: packed.map, batch: batch.map_err(damaged)? })
    }

    /// The columns of a set. Tables by the thousand share one.
    pub(crate) fn column_set(&self, connection: &Connection, key: i64) -> Result<SchemaRef, CacheError> {
        let known = || self.column_sets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(schema) = known().get(&key) {
            return Ok(Arc::clone(schema));
        }
        let text: String = connection
            .query_row("SELECT columns FROM column_sets WHERE column_set = ?1", [key], |row| row.get(0))
            .map_err(|source| CacheError::sqlite(&self.location, source))?;
        let schema = columns_from_text(&text).ok_or_else(|| self.damaged(&text))?;
        known().insert(key, Arc::clone(&schema));
        Ok(schema)
    }
}

/// A column in a frame of its own, unpacked where the last of its name was not packed to the same bytes.
fn alone(
    field: &FieldRef,
    place: Entry,
    packed: &[u8],
    n_rows: usize,
    known: &mut Vec<Known>,
) -> Result<ArrayRef, ArrowError> {
    let unpacked = || place.read(&unpack(place.frame, packed)?, field.data_type(), n_rows);
    if *field.data_type() == DataType::Float64 {
        // Measured: no two sessions are alike.
        return unpacked();
    }
    let before = known.iter_mut().find(|known| known.field == *field);
    if let Some(same) = &before
        && same.array.len() == n_rows
        && same.packed == packed
    {
        return Ok(Arc::clone(&same.array));
    }
    let array = unpacked()?;
    let last = Known { field: Arc::clone(field), packed: packed.to_vec(), array: Arc::clone(&array) };
    match before {
        Some(before) => *before = last,
        None => known.push(last),
    }
    Ok(array)
}
