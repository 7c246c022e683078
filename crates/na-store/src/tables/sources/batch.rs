//! Makes the rows of `sources.parquet`.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use na_model::{MapSource, MeasurementUnit, Sidecar, SourceFile};

use crate::error::StoreError;
use crate::format::fields::{double_field, text_field, with_unit};
use crate::tables::key_columns::{key_arrays, key_fields};
use crate::tables::paths::SOURCES_FILE;
use crate::tables::sources::columns as col;
use crate::tables::sources::stored_unit::StoredUnit;

type SourceRow<'a> = (&'a StoredUnit, &'a SourceFile);

/// The columns of the file.
pub(crate) fn schema() -> SchemaRef {
    schema_of(&columns(&[], &[]))
}

fn schema_of(columns: &[(Field, ArrayRef)]) -> SchemaRef {
    let columns = columns.iter().map(|(field, _)| field.clone());
    Arc::new(Schema::new(key_fields().into_iter().chain(columns).collect::<Vec<_>>()))
}

/// The files of some units, a row each, in the order of the units.
///
/// # Errors
/// A file whose size no column of integers holds.
pub(crate) fn batch_of(units: &[StoredUnit]) -> Result<RecordBatch, StoreError> {
    let rows: Vec<SourceRow<'_>> =
        units.iter().flat_map(|unit| unit.sources.iter().map(move |source| (unit, source))).collect();
    let damaged = |error| StoreError::damaged(Path::new(SOURCES_FILE), error);
    let sizes = rows.iter().map(|(_, source)| i64::try_from(source.fingerprint.size));
    let sizes = sizes.collect::<Result<Vec<_>, _>>().map_err(damaged)?;
    let columns = columns(&rows, &sizes);
    let schema = schema_of(&columns);
    let mut arrays = key_arrays(rows.iter().map(|(unit, _)| &unit.unit.session)).to_vec();
    arrays.extend(columns.into_iter().map(|(_, array)| array));
    RecordBatch::try_new(schema, arrays).map_err(StoreError::arrow(Path::new(SOURCES_FILE)))
}

/// Each column behind the key columns, in the file's order. `sizes` has the bytes of each row's file.
fn columns(rows: &[SourceRow<'_>], sizes: &[i64]) -> Vec<(Field, ArrayRef)> {
    let text = |name: &str, value: &dyn Fn(&SourceRow<'_>) -> Option<String>| -> (Field, ArrayRef) {
        (text_field(name), Arc::new(rows.iter().map(value).collect::<StringArray>()))
    };
    let map = |name, value: fn(&MapSource) -> &String| {
        text(name, &|(_, source)| source.map.as_ref().map(value).cloned())
    };
    let sidecar = |name, value: fn(&Sidecar) -> &Option<String>| {
        text(name, &|(_, source)| source.sidecar.as_ref().and_then(|sidecar| value(sidecar).clone()))
    };
    let double = |name, unit, value: &dyn Fn(&SourceRow<'_>) -> Option<f64>| -> (Field, ArrayRef) {
        (double_field(name, unit), Arc::new(rows.iter().map(value).collect::<Float64Array>()))
    };
    let integer = |name: &str, unit, values: Vec<i64>| -> (Field, ArrayRef) {
        let field = with_unit(Field::new(name, DataType::Int64, true), Some(unit));
        (field, Arc::new(Int64Array::from(values)))
    };
    let mtimes = rows.iter().map(|(_, source)| source.fingerprint.mtime_ns).collect();
    let times_of_reading = rows.iter().map(|(_, source)| source.read_at.0).collect();
    let threshold = |name, value: fn(&Sidecar) -> Option<f64>| {
        double(name, None, &|(_, source)| source.sidecar.as_ref().and_then(value))
    };
    let millilitre = Some(MeasurementUnit::Millilitre.as_str());
    vec![
        text(col::MODALITY, &|(unit, _)| Some(unit.unit.modality().to_string())),
        text(col::STATUS, &|(unit, _)| Some(unit.status.to_string())),
        text(col::REASON, &|(unit, _)| Some(unit.reason.clone()).filter(|reason| !reason.is_empty())),
        text(col::KIND, &|(_, source)| Some(source.kind.to_string())),
        text(col::TABLE, &|(_, source)| source.table.clone()),
        map(col::MODEL, |map| &map.model),
        map(col::PARAM, |map| &map.param),
        map(col::DESC, |map| &map.desc),
        text(col::PATH, &|(_, source)| Some(source.path.clone()).filter(|path| !path.is_empty())),
        integer(col::SIZE, "bytes", sizes.to_vec()),
        integer(col::MTIME_NS, "ns since 1970", mtimes),
        text(col::HASH, &|(_, source)| Some(source.fingerprint.hash.clone())),
        text(col::MASK_ENTITY, &|(_, source)| source.mask_entity.clone()),
        sidecar(col::ORIGINAL_FILE, |sidecar| &sidecar.original_file),
        sidecar(col::MASK, |sidecar| &sidecar.mask),
        threshold(col::MASK_THRESHOLD, |sidecar| sidecar.mask_threshold),
        threshold(col::ATLAS_THRESHOLD, |sidecar| sidecar.atlas_threshold),
        sidecar(col::ATLAS_NAME, |sidecar| &sidecar.atlas_name),
        sidecar(col::ATLAS_LUT, |sidecar| &sidecar.atlas_lut),
        threshold(col::BACKGROUND_LABEL, |sidecar| sidecar.background_label),
        sidecar(col::RESAMPLING_TARGET, |sidecar| &sidecar.resampling_target),
        sidecar(col::SPACE, |sidecar| &sidecar.space),
        sidecar(col::SOFTWARE_VERSION, |sidecar| &sidecar.software_version),
        sidecar(col::TIMESTAMP, |sidecar| &sidecar.timestamp),
        text(col::ROOT, &|(_, source)| source.root.as_ref().map(ToString::to_string)),
        double(col::TIV, millilitre, &|(_, source)| source.tiv),
        integer(col::READ_AT, "us since 1970", times_of_reading),
        text(col::INPUT, &|(unit, _)| Some(unit.unit.kind.input.to_string())),
    ]
}
