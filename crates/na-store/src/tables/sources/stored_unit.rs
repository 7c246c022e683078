//! Reads the units of `sources.parquet`, each with its source files.

use std::path::Path;

use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, RecordBatch, StringArray,
    cast::AsArray,
    types::{Float64Type, Int64Type},
};
use foldhash::HashMap;
use na_model::{
    Fingerprint, InputName, MapSource, ModelError, ReadAt, Session, Sidecar, SourceFile, Unit, UnitKind,
    UnitStatus,
};

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::key_columns::sessions_of;
use crate::tables::paths::SOURCES_FILE;
use crate::tables::sources::columns as col;

/// A unit of the store with its source files.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct StoredUnit {
    pub unit: Unit,
    /// Loaded or partial.
    pub status: UnitStatus,
    /// Why the unit is partial. Empty for a loaded one.
    pub reason: String,
    pub sources: Vec<SourceFile>,
}

/// How much is read of each source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceDetail {
    /// Its path and the like, and its state when it was read. No sidecar and no mask entity.
    States,
    /// The content of its sidecar and the mask entity of its name, too.
    Sidecars,
}

/// Calls `each` for every unit of the store's `sources.parquet`, one at a time: there may be very many files.
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
    if file.key_value(keys::VERSION).is_none() {
        return gathered(&file, &names)?.into_iter().try_for_each(each);
    }
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

/// The units of a file that another program wrote back, whose rows may stand in any order: in that of their first rows.
fn gathered(file: &ParquetReader, names: &[&str]) -> Result<Vec<StoredUnit>, StoreError> {
    let (mut units, mut known): (Vec<StoredUnit>, HashMap<Unit, usize>) = Default::default();
    for row_group in 0..file.row_groups().len() {
        let batch = file.read(row_group, names)?;
        for row in rows_of(&batch, file.path())? {
            match known.get(&row.unit).and_then(|index| units.get_mut(*index)) {
                Some(unit) => unit.sources.extend(row.sources),
                None => {
                    known.insert(row.unit.clone(), units.len());
                    units.push(row);
                }
            }
        }
    }
    Ok(units)
}

/// The columns of a batch by name: a store has a row for each of very many files, and columns are looked up once.
struct ColumnsByName<'a>(HashMap<&'a str, &'a ArrayRef>);

impl<'a> ColumnsByName<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        let names = batch.schema_ref().fields().iter().map(|field| field.name().as_str());
        Self(names.zip(batch.columns()).collect())
    }

    fn text(&self, name: &str) -> TextColumn<'a> {
        TextColumn(self.0.get(name).and_then(|column| column.as_string_opt::<i32>()))
    }

    fn number<T: ArrowPrimitiveType>(&self, name: &str) -> NumberColumn<'a, T> {
        NumberColumn(self.0.get(name).and_then(|column| column.as_primitive_opt::<T>()))
    }
}

/// `None` for a column that an earlier version did not write: all of its cells are null.
struct TextColumn<'a>(Option<&'a StringArray>);

impl<'a> TextColumn<'a> {
    fn value(&self, row: usize) -> Option<&'a str> {
        self.0.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }

    fn owned(&self, row: usize) -> Option<String> {
        self.value(row).map(str::to_owned)
    }

    /// Null is an empty text: a text that must not be empty does not parse then.
    fn or_empty(&self, row: usize) -> &'a str {
        self.value(row).unwrap_or("")
    }
}

/// As [`TextColumn`].
struct NumberColumn<'a, T: ArrowPrimitiveType>(Option<&'a PrimitiveArray<T>>);

impl<T: ArrowPrimitiveType> NumberColumn<'_, T> {
    fn value(&self, row: usize) -> Option<T::Native> {
        self.0.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }
}

/// The columns of the file.
struct SourceColumns<'a> {
    modality: TextColumn<'a>,
    input: TextColumn<'a>,
    status: TextColumn<'a>,
    reason: TextColumn<'a>,
    kind: TextColumn<'a>,
    table: TextColumn<'a>,
    model: TextColumn<'a>,
    param: TextColumn<'a>,
    desc: TextColumn<'a>,
    path: TextColumn<'a>,
    size: NumberColumn<'a, Int64Type>,
    mtime_ns: NumberColumn<'a, Int64Type>,
    hash: TextColumn<'a>,
    mask_entity: TextColumn<'a>,
    sidecar: SidecarColumns<'a>,
    root: TextColumn<'a>,
    tiv: NumberColumn<'a, Float64Type>,
    read_at: NumberColumn<'a, Int64Type>,
}

impl<'a> SourceColumns<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        let columns = ColumnsByName::of(batch);
        Self {
            modality: columns.text(col::MODALITY),
            input: columns.text(col::INPUT),
            status: columns.text(col::STATUS),
            reason: columns.text(col::REASON),
            kind: columns.text(col::KIND),
            table: columns.text(col::TABLE),
            model: columns.text(col::MODEL),
            param: columns.text(col::PARAM),
            desc: columns.text(col::DESC),
            path: columns.text(col::PATH),
            size: columns.number(col::SIZE),
            mtime_ns: columns.number(col::MTIME_NS),
            hash: columns.text(col::HASH),
            mask_entity: columns.text(col::MASK_ENTITY),
            sidecar: SidecarColumns::of(&columns),
            root: columns.text(col::ROOT),
            tiv: columns.number(col::TIV),
            read_at: columns.number(col::READ_AT),
        }
    }

    /// A row as a unit with one source.
    fn unit(&self, row: usize, session: Session, path: &Path) -> Result<StoredUnit, StoreError> {
        let source = self.source(row, path)?;
        let damaged = |error: ModelError| StoreError::damaged(path, error);
        let modality = self.modality.or_empty(row).parse().map_err(damaged)?;
        let input = self.input.value(row).unwrap_or(InputName::PARCELLATE_WORD);
        Ok(StoredUnit {
            unit: Unit::new(session, UnitKind::new(modality, input.parse().map_err(damaged)?)),
            status: self.status.or_empty(row).parse().map_err(damaged)?,
            reason: self.reason.or_empty(row).to_owned(),
            sources: vec![source],
        })
    }

    fn source(&self, row: usize, path: &Path) -> Result<SourceFile, StoreError> {
        let damaged = |error: ModelError| StoreError::damaged(path, error);
        let sidecar = self.sidecar.sidecar(row);
        // Without its state, a file counts as changed.
        let size = self.size.value(row).map_or(Ok(0), u64::try_from);
        Ok(SourceFile {
            kind: self.kind.or_empty(row).parse().map_err(damaged)?,
            table: self.table.owned(row),
            map: self.map(row),
            root: self.root.value(row).map(str::parse).transpose().map_err(damaged)?,
            path: self.path.or_empty(row).to_owned(),
            tiv: self.tiv.value(row),
            read_at: self.read_at.value(row).map_or(ReadAt::UNKNOWN, ReadAt),
            fingerprint: Fingerprint {
                size: size.map_err(|error| StoreError::damaged(path, error))?,
                mtime_ns: self.mtime_ns.value(row).unwrap_or(0),
                hash: self.hash.or_empty(row).to_owned(),
            },
            mask_entity: self.mask_entity.owned(row),
            sidecar: Some(sidecar).filter(|sidecar| *sidecar != Sidecar::default()),
        })
    }

    /// `None` for a file of a tissue's table, and for one of no table.
    fn map(&self, row: usize) -> Option<MapSource> {
        Some(MapSource {
            param: self.param.owned(row)?,
            model: self.model.or_empty(row).to_owned(),
            desc: self.desc.or_empty(row).to_owned(),
        })
    }
}

/// The columns that sidecars fill.
struct SidecarColumns<'a> {
    original_file: TextColumn<'a>,
    mask: TextColumn<'a>,
    mask_threshold: NumberColumn<'a, Float64Type>,
    atlas_threshold: NumberColumn<'a, Float64Type>,
    atlas_name: TextColumn<'a>,
    atlas_lut: TextColumn<'a>,
    background_label: NumberColumn<'a, Float64Type>,
    resampling_target: TextColumn<'a>,
    space: TextColumn<'a>,
    software_version: TextColumn<'a>,
    timestamp: TextColumn<'a>,
}

impl<'a> SidecarColumns<'a> {
    fn of(columns: &ColumnsByName<'a>) -> Self {
        Self {
            original_file: columns.text(col::ORIGINAL_FILE),
            mask: columns.text(col::MASK),
            mask_threshold: columns.number(col::MASK_THRESHOLD),
            atlas_threshold: columns.number(col::ATLAS_THRESHOLD),
            atlas_name: columns.text(col::ATLAS_NAME),
            atlas_lut: columns.text(col::ATLAS_LUT),
            background_label: columns.number(col::BACKGROUND_LABEL),
            resampling_target: columns.text(col::RESAMPLING_TARGET),
            space: columns.text(col::SPACE),
            software_version: columns.text(col::SOFTWARE_VERSION),
            timestamp: columns.text(col::TIMESTAMP),
        }
    }

    fn sidecar(&self, row: usize) -> Sidecar {
        Sidecar {
            original_file: self.original_file.owned(row),
            mask: self.mask.owned(row),
            mask_threshold: self.mask_threshold.value(row),
            atlas_threshold: self.atlas_threshold.value(row),
            atlas_name: self.atlas_name.owned(row),
            atlas_lut: self.atlas_lut.owned(row),
            background_label: self.background_label.value(row),
            resampling_target: self.resampling_target.owned(row),
            space: self.space.owned(row),
            software_version: self.software_version.owned(row),
            timestamp: self.timestamp.owned(row),
        }
    }
}

/// The rows of a batch, each as a unit with one source.
fn rows_of(batch: &RecordBatch, path: &Path) -> Result<Vec<StoredUnit>, StoreError> {
    let columns = SourceColumns::of(batch);
    let sessions = sessions_of(batch, path)?.into_iter().enumerate();
    sessions.map(|(row, session)| columns.unit(row, session, path)).collect()
}
