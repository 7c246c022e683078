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
use na_model::{MapSource, Modality, Session, Sidecar, SourceFile, SourceKind, TableName};

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
    /// The columns that tell whose a row is: a column of such a name may be another's in a table without maps.
    keys: &'static [&'static str],
    /// The index of each map's provenance.
    of_maps: HashMap<(Session, Option<MapSource>), u32>,
    /// A row a provenance.
    fields: Vec<Field>,
    columns: Vec<ArrayRef>,
}

impl SidecarColumns {
    /// What store and cache know of a table's files.
    ///
    /// # Errors
    /// A store or cache that cannot be read.
    pub(crate) fn of(snapshot: &Snapshot, table: &TableName, as_views: bool) -> Result<Self, StoreError> {
        let mut all: Vec<Provenance> = Vec::new();
        // By their words: a cohort has few, or one a session where masks are the sessions' own.
        let mut known: HashMap<String, u32> = HashMap::default();
        let mut of_maps = HashMap::default();
        let is_of_table = |source: &SourceFile| {
            source.kind == SourceKind::Table && source.table_name().as_ref() == Some(table)
        };
        snapshot.for_each_unit(|unit, sources| {
            for source in sources.into_iter().filter(is_of_table) {
                let sidecar = source.sidecar.unwrap_or_default();
                // When each ran would make every one another.
                let sidecar = Sidecar { timestamp: None, original_file: None, ..sidecar };
                let provenance = Provenance { mask_entity: source.mask_entity, sidecar };
                let next = u32::try_from(all.len()).unwrap_or(u32::MAX);
                let index = *known.entry(format!("{provenance:?}")).or_insert(next);
                if index == next {
                    all.push(provenance);
                }
                of_maps.insert((unit.session.clone(), source.map), index);
            }
            Ok(())
        })?;
        let (fields, columns) = columns(&all, as_views).map_err(StoreError::arrow(snapshot.output()))?;
        let keys: &[&str] = match table.modality() {
            Modality::Anatomical => &[SUBJECT, SESSION],
            Modality::Diffusion => &[SUBJECT, SESSION, PARAM, MODEL, DESC],
        };
        Ok(Self { keys, of_maps, fields, columns })
    }

    /// The columns of a scan with these behind them.
    pub(crate) fn schema(&self, rows: &Schema) -> SchemaRef {
        let own = self.fields.iter().map(|field| {
            let mut name = field.name().clone();
            while rows.column_with_name(&name).is_some() {
                name = format!("sidecar:{name}");
            }
            field.clone().with_name(name)
        });
        let fields = rows.fields().iter().map(|field| Field::clone(field)).chain(own);
        Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), rows.metadata().clone()))
    }

    /// Rows with these columns behind theirs, in the schema of the scan.
    ///
    /// # Errors
    /// Rows without the columns that tell whose they are.
    pub(crate) fn beside(
        &self,
        rows: &RecordBatch,
        schema: &SchemaRef,
        path: &Path,
    ) -> Result<RecordBatch, StoreError> {
        let arrow = StoreError::arrow(path);
        let indices = self.indices(rows, path)?;
        let taken = self.columns.iter().map(|column| take(column, &indices, None));
        let columns = rows.columns().iter().cloned().map(Ok).chain(taken).collect::<Result<Vec<_>, _>>();
        RecordBatch::try_new(Arc::clone(schema), columns.map_err(&arrow)?).map_err(&arrow)
    }

    /// Which provenance each row has. The rows of a map stand together.
    fn indices(&self, rows: &RecordBatch, path: &Path) -> Result<UInt32Array, StoreError> {
        let keys = self.keys.iter().map(|name| text(rows, name).map_err(StoreError::arrow(path)));
        let keys = keys.collect::<Result<Vec<StringArray>, StoreError>>()?;
        let cell = |key: usize, row: usize| {
            keys.get(key).filter(|column| column.is_valid(row)).map(|column| column.value(row))
        };
        let mut indices = UInt32Builder::with_capacity(rows.num_rows());
        let mut index = None;
        for row in 0..rows.num_rows() {
            let is_as_before = |key| row > 0 && cell(key, row) == cell(key, row - 1);
            if !(0..keys.len()).all(is_as_before) {
                let session = Session::from_store(cell(0, row).unwrap_or_default(), cell(1, row))
                    .map_err(|error| StoreError::damaged(path, error))?;
                let owned = |key| cell(key, row).unwrap_or_default().to_owned();
                let map =
                    cell(2, row).map(|_| MapSource { param: owned(2), model: owned(3), desc: owned(4) });
                index = self.of_maps.get(&(session, map)).copied();
            }
            indices.append_option(index);
        }
        Ok(indices.finish())
    }
}

/// A column of text, in whichever layout it is.
fn text(rows: &RecordBatch, name: &str) -> Result<StringArray, ArrowError> {
    let column = rows.column(rows.schema_ref().index_of(name)?);
    Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone())
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
