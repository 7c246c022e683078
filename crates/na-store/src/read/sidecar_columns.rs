//! What sidecars said of the maps of a long table, as columns behind its own.

use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::UInt32Builder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::take::take;
use foldhash::HashMap;
use na_model::columns::{DESC, MODEL, PARAM, SESSION, SUBJECT};
use na_model::{MapSource, Session, Sidecar, TableName};

use crate::error::StoreError;
use crate::format::fields::{double_field, text_field};
use crate::read::snapshot::Snapshot;
use crate::tables::sources::columns as col;

/// What is known of a map's file beside its rows.
#[derive(Debug, Clone, Default, PartialEq)]
struct Provenance {
    mask_entity: Option<String>,
    sidecar: Sidecar,
}

/// Columns of sidecars, and which row is of which.
pub(crate) struct SidecarColumns {
    /// The index of each map's provenance.
    of_maps: HashMap<(Session, Option<MapSource>), u32>,
    /// A row a provenance.
    fields: Vec<Field>,
    columns: Vec<ArrayRef>,
}

impl SidecarColumns {
    /// # Errors
    /// A store or cache that cannot be read.
    pub(crate) fn of(snapshot: &Snapshot, table: &TableName, as_views: bool) -> Result<Self, StoreError> {
        let mut all: Vec<Provenance> = Vec::new();
        let mut of_maps = HashMap::default();
        snapshot.for_each_table_file(table, |session, source| {
            let sidecar = source.sidecar.unwrap_or_default();
            // When each ran would make every one another.
            let sidecar = Sidecar { timestamp: None, original_file: None, ..sidecar };
            let provenance = Provenance { mask_entity: source.mask_entity, sidecar };
            let index = all.iter().rposition(|known| *known == provenance).unwrap_or_else(|| {
                all.push(provenance);
                all.len() - 1
            });
            of_maps.insert((session.clone(), source.map), u32::try_from(index).unwrap_or(u32::MAX));
        })?;
        let (fields, columns) = columns(&all, as_views).map_err(StoreError::arrow(snapshot.output()))?;
        Ok(Self { of_maps, fields, columns })
    }

    /// The columns of a scan with these behind them.
    pub(crate) fn schema(&self, rows: &Schema) -> SchemaRef {
        let own = self.fields.iter().map(|field| match rows.column_with_name(field.name()) {
            None => field.clone(),
            Some(_) => field.clone().with_name(format!("sidecar:{}", field.name())),
        });
        let fields = rows.fields().iter().map(|field| Field::clone(field)).chain(own);
        Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), rows.metadata().clone()))
    }

    /// Rows with these columns behind theirs.
    ///
    /// # Errors
    /// Rows without the columns that tell whose they are.
    pub(crate) fn beside(&self, rows: &RecordBatch, path: &Path) -> Result<RecordBatch, StoreError> {
        let arrow = StoreError::arrow(path);
        let indices = self.indices(rows, path)?;
        let taken = self.columns.iter().map(|column| take(column, &indices, None));
        let columns = rows.columns().iter().cloned().map(Ok).chain(taken).collect::<Result<Vec<_>, _>>();
        RecordBatch::try_new(self.schema(rows.schema_ref()), columns.map_err(&arrow)?).map_err(&arrow)
    }

    /// Which provenance each row has.
    fn indices(&self, rows: &RecordBatch, path: &Path) -> Result<UInt32Array, StoreError> {
        let [subject, session, param, model, desc] =
            [SUBJECT, SESSION, PARAM, MODEL, DESC].map(|name| text(rows, name));
        let arrow = StoreError::arrow(path);
        let [param, model, desc] = [param, model, desc].map(|column| column.transpose().map_err(&arrow));
        let (param, model, desc) = (param?, model?, desc?);
        let (Some(subject), Some(session)) =
            (subject.transpose().map_err(&arrow)?, session.transpose().map_err(&arrow)?)
        else {
            return Err(StoreError::damaged(path, "no columns subject_code and session_id"));
        };
        let cell = |column: &Option<StringArray>, row| {
            column.as_ref().filter(|column| column.is_valid(row)).map(|column| column.value(row).to_owned())
        };
        let (subject, session) = (Some(subject), Some(session));
        let mut indices = UInt32Builder::with_capacity(rows.num_rows());
        let mut last = None;
        for row in 0..rows.num_rows() {
            let keys = [&subject, &session, &param, &model, &desc].map(|column| cell(column, row));
            if last.as_ref().is_none_or(|(known, _)| *known != keys) {
                let [subject, id, param, model, desc] = keys.clone();
                let session = Session::from_store(subject.as_deref().unwrap_or_default(), id.as_deref())
                    .map_err(|error| StoreError::damaged(path, error))?;
                let map = param.map(|param| MapSource {
                    param,
                    model: model.unwrap_or_default(),
                    desc: desc.unwrap_or_default(),
                });
                last = Some((keys, self.of_maps.get(&(session, map)).copied()));
            }
            indices.append_option(last.as_ref().and_then(|(_, index)| *index));
        }
        Ok(indices.finish())
    }
}

/// A column of text in whichever layout. `None` if there is none.
fn text(rows: &RecordBatch, name: &str) -> Option<Result<StringArray, ArrowError>> {
    let column = rows.column_by_name(name)?;
    let column = cast(column, &DataType::Utf8);
    Some(column.map(|column| column.as_string::<i32>().clone()))
}

/// A row for each provenance.
fn columns(all: &[Provenance], as_views: bool) -> Result<(Vec<Field>, Vec<ArrayRef>), ArrowError> {
    let text = |name: &str, value: fn(&Provenance) -> &Option<String>| {
        let column: ArrayRef = Arc::new(all.iter().map(|one| value(one).as_deref()).collect::<StringArray>());
        let layout = if as_views { DataType::Utf8View } else { DataType::Utf8 };
        Ok((text_field(name).with_data_type(layout.clone()), cast(&column, &layout)?))
    };
    let number = |name: &str, value: fn(&Sidecar) -> Option<f64>| {
        let column: Float64Array = all.iter().map(|one| value(&one.sidecar)).collect();
        Ok((double_field(name, None), Arc::new(column) as ArrayRef))
    };
    let columns: Result<Vec<(Field, ArrayRef)>, ArrowError> = [
        text(col::MASK_ENTITY, |one| &one.mask_entity),
        text(col::MASK, |one| &one.sidecar.mask),
        number(col::MASK_THRESHOLD, |sidecar| sidecar.mask_threshold),
        number(col::ATLAS_THRESHOLD, |sidecar| sidecar.atlas_threshold),
        text(col::ATLAS_NAME, |one| &one.sidecar.atlas_name),
        text(col::ATLAS_LUT, |one| &one.sidecar.atlas_lut),
        number(col::BACKGROUND_LABEL, |sidecar| sidecar.background_label),
        text(col::RESAMPLING_TARGET, |one| &one.sidecar.resampling_target),
        text(col::SPACE, |one| &one.sidecar.space),
        text(col::SOFTWARE_VERSION, |one| &one.sidecar.software_version),
    ]
    .into_iter()
    .collect();
    Ok(columns?.into_iter().unzip())
}
