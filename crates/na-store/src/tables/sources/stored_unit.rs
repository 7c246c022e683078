//! The units that `sources.parquet` lists, each with the files it was read from.

use std::collections::HashMap;
use std::path::Path;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use na_model::{Fingerprint, MapSource, ModelError, ReadAt, Sidecar, SourceFile, Unit, UnitStatus};

use crate::error::StoreError;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::key_columns::sessions_of;
use crate::tables::paths::SOURCES_FILE;
use crate::tables::sources::columns as col;

/// A unit of the store with the files it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredUnit {
    /// Which.
    pub unit: Unit,
    /// Loaded or partial.
    pub status: UnitStatus,
    /// Why it is partial.
    pub reason: String,
    /// Its files.
    pub sources: Vec<SourceFile>,
}

/// How much is read of each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceDetail {
    /// Which it is, and its state when it was read.
    States,
    /// What its sidecar says, too.
    Sidecars,
}

/// Calls `each` for every unit that the store's `sources.parquet` lists, one at a time: there may be very many files.
///
/// # Errors
/// A file that cannot be read; what `each` returns.
pub(crate) fn for_each_unit<E: From<StoreError>>(
    output: &Path,
    detail: SourceDetail,
    mut each: impl FnMut(StoredUnit) -> Result<(), E>,
) -> Result<(), E> {
    let Some(file) = ParquetReader::open(&output.join(SOURCES_FILE))? else { return Ok(()) };
    let names = file.schema().fields().iter().map(|field| field.name().as_str());
    let names: Vec<&str> =
        names.filter(|name| detail == SourceDetail::Sidecars || !col::OF_SIDECARS.contains(name)).collect();
    let mut current: Option<StoredUnit> = None;
    for row_group in 0..file.row_groups().len() {
        let batch = file.read(row_group, &names)?;
        for row in rows_of(&batch, file.path())? {
            match &mut current {
                Some(unit) if unit.unit == row.unit => unit.sources.extend(row.sources),
                _ => {
                    if let Some(unit) = current.replace(row) {
                        each(unit)?;
                    }
                }
            }
        }
    }
    current.map_or(Ok(()), each)
}

/// The columns of a batch, each looked up once: a store has a row for each of very many files.
struct Columns<'a>(HashMap<&'a str, &'a ArrayRef>);

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        let names = batch.schema_ref().fields().iter().map(|field| field.name().as_str());
        Self(names.zip(batch.columns()).collect())
    }

    /// The cells of a column of text; none of a column that a version before this one did not write.
    fn text(&self, name: &str) -> impl Fn(usize) -> Option<&'a str> {
        let column = self.0.get(name).and_then(|column| column.as_string_opt::<i32>());
        move |row| column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }

    fn number<T: ArrowPrimitiveType>(&self, name: &str) -> impl Fn(usize) -> Option<T::Native> {
        let column = self.0.get(name).and_then(|column| column.as_primitive_opt::<T>());
        move |row| column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }
}

/// The rows of a batch, each as a unit with one source.
fn rows_of(batch: &RecordBatch, path: &Path) -> Result<Vec<StoredUnit>, StoreError> {
    let sessions = sessions_of(batch, path)?;
    let columns = Columns::of(batch);
    let [modality, status, reason, kind] =
        [col::MODALITY, col::STATUS, col::REASON, col::KIND].map(|name| columns.text(name));
    let [table, model, param, desc] =
        [col::TABLE, col::MODEL, col::PARAM, col::DESC].map(|name| columns.text(name));
    let [file, root, hash, mask_entity] =
        [col::PATH, col::ROOT, col::HASH, col::MASK_ENTITY].map(|name| columns.text(name));
    let [original_file, mask, atlas_name] =
        [col::ORIGINAL_FILE, col::MASK, col::ATLAS_NAME].map(|name| columns.text(name));
    let [space, software_version, timestamp] =
        [col::SPACE, col::SOFTWARE_VERSION, col::TIMESTAMP].map(|name| columns.text(name));
    let [mask_threshold, atlas_threshold, tiv] =
        [col::MASK_THRESHOLD, col::ATLAS_THRESHOLD, col::TIV].map(|name| columns.number::<Float64Type>(name));
    let [size, mtime_ns, read_at] =
        [col::SIZE, col::MTIME_NS, col::READ_AT].map(|name| columns.number::<Int64Type>(name));
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let word = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let unit = |(row, session)| -> Result<StoredUnit, ModelError> {
        let map = param(row).map(|param| MapSource {
            model: word(model(row)),
            param: param.to_owned(),
            desc: word(desc(row)),
        });
        let sidecar = Sidecar {
            original_file: owned(original_file(row)),
            mask: owned(mask(row)),
            mask_threshold: mask_threshold(row),
            atlas_threshold: atlas_threshold(row),
            atlas_name: owned(atlas_name(row)),
            space: owned(space(row)),
            software_version: owned(software_version(row)),
            timestamp: owned(timestamp(row)),
        };
        let source = SourceFile {
            kind: kind(row).unwrap_or_default().parse()?,
            table: owned(table(row)),
            map,
            root: root(row).map(str::parse).transpose()?,
            path: word(file(row)),
            tiv: tiv(row),
            read_at: read_at(row).map_or(ReadAt::UNKNOWN, ReadAt),
            fingerprint: Fingerprint {
                size: size(row).and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                mtime_ns: mtime_ns(row).unwrap_or_default(),
                hash: word(hash(row)),
            },
            mask_entity: owned(mask_entity(row)),
            sidecar: Some(sidecar).filter(|sidecar| *sidecar != Sidecar::default()),
        };
        Ok(StoredUnit {
            unit: Unit::new(session, modality(row).unwrap_or_default().parse()?),
            status: status(row).unwrap_or_default().parse()?,
            reason: word(reason(row)),
            sources: vec![source],
        })
    };
    let units = sessions.into_iter().enumerate().map(unit);
    units.collect::<Result<_, _>>().map_err(|error| StoreError::damaged(path, error))
}
