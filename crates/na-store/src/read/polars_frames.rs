//! Everything as Polars frames.
//!
//! Arrays cross by Arrow's C data interface: doubles, integers and booleans are not copied.

use std::mem;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, to_ffi};
use polars::error::PolarsError;
use polars::frame::DataFrame;
use polars::prelude::{Column, IntoColumn, PlSmallStr, Series};
use polars_arrow::ffi as polars_ffi;

use crate::error::StoreError;
use crate::read::feature_store::FeatureStore;
use crate::read::options::ReadOptions;

// Both crates declare the C structs of the Arrow specification; what they call them differs.
const _: () = assert!(
    size_of::<FFI_ArrowArray>() == size_of::<polars_ffi::ArrowArray>()
        && align_of::<FFI_ArrowArray>() == align_of::<polars_ffi::ArrowArray>()
        && size_of::<FFI_ArrowSchema>() == size_of::<polars_ffi::ArrowSchema>()
        && align_of::<FFI_ArrowSchema>() == align_of::<polars_ffi::ArrowSchema>()
);

impl FeatureStore {
    /// A long table, all rows and columns.
    ///
    /// # Errors
    /// A name that is not there; a store that cannot be read.
    pub fn load_long(&self, name: &str) -> Result<DataFrame, StoreError> {
        self.load_long_with(name, &ReadOptions::default())
    }

    /// Some rows and columns of a long table.
    ///
    /// # Errors
    /// A name that is not there; a store that cannot be read.
    pub fn load_long_with(&self, name: &str, options: &ReadOptions) -> Result<DataFrame, StoreError> {
        let (schema, batches) = self.scan_long_with(name, options)?.read_all()?;
        self.frame(&schema, &batches)
    }

    /// A feature as [`FeatureStore::feature_batch`] gives it.
    ///
    /// # Errors
    /// A name that is not there, of a feature or a region; a store that cannot be read.
    pub fn load_feature(&self, name: &str, options: &ReadOptions) -> Result<DataFrame, StoreError> {
        let batch = self.feature_batch(name, options)?;
        self.frame(&batch.schema(), &[batch])
    }

    /// Features side by side as [`FeatureStore::features_batch`] gives them: columns are called `feature:region`.
    ///
    /// # Errors
    /// A name that is not there, of a feature or a region; a store that cannot be read.
    pub fn load_features<S: AsRef<str>>(
        &self,
        names: &[S],
        options: &ReadOptions,
    ) -> Result<DataFrame, StoreError> {
        let batch = self.features_batch(names, options)?;
        self.frame(&batch.schema(), &[batch])
    }

    /// Total intracranial volume: `subject_code, session_id, tiv`, mL.
    ///
    /// # Errors
    /// A store or a cache that cannot be read.
    pub fn load_tiv(&self) -> Result<DataFrame, StoreError> {
        let batch = self.tiv_batch()?;
        self.frame(&batch.schema(), &[batch])
    }

    /// The session list's columns, a row a session of the store.
    ///
    /// # Errors
    /// A store or a cache that cannot be read.
    pub fn load_metadata(&self) -> Result<DataFrame, StoreError> {
        let batch = self.metadata_batch()?;
        self.frame(&batch.schema(), &[batch])
    }

    fn frame(&self, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<DataFrame, StoreError> {
        let frame = |source| StoreError::Frame { output: self.folder().to_owned(), source };
        let empty = [RecordBatch::new_empty(Arc::clone(schema))];
        let batches = if batches.is_empty() { &empty } else { batches };
        let height = batches.iter().map(RecordBatch::num_rows).sum();
        let columns = (0..schema.fields().len()).map(|place| column(schema, batches, place));
        let columns = columns.collect::<Result<Vec<_>, _>>().map_err(frame)?;
        DataFrame::new(height, columns).map_err(frame)
    }
}

fn column(schema: &SchemaRef, batches: &[RecordBatch], place: usize) -> Result<Column, PolarsError> {
    let field = schema.field(place);
    let failed = |error: arrow::error::ArrowError| PolarsError::ComputeError(error.to_string().into());
    let mut chunks = Vec::with_capacity(batches.len());
    for batch in batches {
        chunks.push(import(batch.column(place).as_ref(), field).map_err(failed)??);
    }
    Ok(Series::from_arrow_chunks(PlSmallStr::from_str(field.name()), chunks)?.into_column())
}

/// Hands an array over to Polars.
#[expect(unsafe_code, reason = "the C data interface")]
fn import(
    array: &dyn Array,
    field: &arrow::datatypes::Field,
) -> Result<Result<Box<dyn polars_arrow::array::Array>, PolarsError>, arrow::error::ArrowError> {
    let (array, _) = to_ffi(&array.to_data())?;
    let schema = FFI_ArrowSchema::try_from(field)?;
    // SAFETY: both are the struct `ArrowSchema` of the specification, `repr(C)`, of equal size and alignment; the
    // value moves, and with it the duty to release it.
    let schema = unsafe { mem::transmute::<FFI_ArrowSchema, polars_ffi::ArrowSchema>(schema) };
    // SAFETY: the same for the struct `ArrowArray`.
    let array = unsafe { mem::transmute::<FFI_ArrowArray, polars_ffi::ArrowArray>(array) };
    // SAFETY: the schema was exported by arrow from a valid field.
    let imported = unsafe { polars_ffi::import_field_from_c(&schema) }
        // SAFETY: the array was exported by arrow together with a field of its type.
        .and_then(|field| unsafe { polars_ffi::import_array_from_c(array, field.dtype().clone()) });
    Ok(imported)
}
