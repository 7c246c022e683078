//! Reads everything as Polars frames.
//!
//! Arrays cross Arrow's C data interface: doubles, integers and booleans are not copied.

use std::mem;
use std::sync::Arc;

use arrow_array::{
    Array, RecordBatch,
    ffi::{FFI_ArrowArray, FFI_ArrowSchema, to_ffi},
};
use arrow_schema::{ArrowError, Field, SchemaRef};
use polars::error::PolarsError;
use polars::frame::DataFrame;
use polars::prelude::{Column, IntoColumn, PlSmallStr, Series};
use polars_arrow::ffi as polars_ffi;

use crate::error::StoreError;
use crate::read::feature_store::FeatureStore;
use crate::read::options::ReadOptions;

// Both crates declare the C structs of the Arrow specification, under their own names.
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
    /// As [`FeatureStore::scan_long`].
    pub fn load_long(&self, name: &str) -> Result<DataFrame, StoreError> {
        self.load_long_with(name, &ReadOptions::default())
    }

    /// Some rows and columns of a long table.
    ///
    /// # Errors
    /// As [`FeatureStore::scan_long_with`].
    pub fn load_long_with(&self, name: &str, options: &ReadOptions) -> Result<DataFrame, StoreError> {
        let (schema, batches) =
            self.scan_long_with(name, &options.clone().with_text_as_views())?.read_all()?;
        self.frame(&schema, &batches)
    }

    /// A feature, with the columns of [`FeatureStore::feature_batch`].
    ///
    /// # Errors
    /// As [`FeatureStore::feature_batch`].
    pub fn load_feature(&self, name: &str, options: &ReadOptions) -> Result<DataFrame, StoreError> {
        let batch = self.feature_batch(name, options)?;
        self.frame(&batch.schema(), &[batch])
    }

    /// Features side by side, with the columns of [`FeatureStore::features_batch`], called `feature:region`.
    ///
    /// # Errors
    /// As [`FeatureStore::features_batch`].
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
        let columns = (0..schema.fields().len()).map(|index| column(schema, batches, index));
        let columns = columns.collect::<Result<Vec<_>, _>>().map_err(frame)?;
        DataFrame::new(height, columns).map_err(frame)
    }
}

fn column(schema: &SchemaRef, batches: &[RecordBatch], index: usize) -> Result<Column, PolarsError> {
    let field = schema.field(index);
    let mut chunks = Vec::with_capacity(batches.len());
    for batch in batches {
        chunks.push(import(batch.column(index).as_ref(), field)?);
    }
    Ok(Series::from_arrow_chunks(PlSmallStr::from_str(field.name()), chunks)?.into_column())
}

/// Hands an array over to Polars.
#[expect(unsafe_code, reason = "the C data interface")]
fn import(array: &dyn Array, field: &Field) -> Result<Box<dyn polars_arrow::array::Array>, PolarsError> {
    let (array, _) = to_ffi(&array.to_data()).map_err(not_exported)?;
    let schema = FFI_ArrowSchema::try_from(field).map_err(not_exported)?;
    // SAFETY: both are the struct `ArrowSchema` of the specification, `repr(C)`, of equal size and alignment; the
    // value moves, and with it the duty to release it.
    let schema = unsafe { mem::transmute::<FFI_ArrowSchema, polars_ffi::ArrowSchema>(schema) };
    // SAFETY: the same for the struct `ArrowArray`.
    let array = unsafe { mem::transmute::<FFI_ArrowArray, polars_ffi::ArrowArray>(array) };
    // SAFETY: the schema was exported by arrow from a valid field.
    let field = unsafe { polars_ffi::import_field_from_c(&schema) }?;
    // SAFETY: the array was exported by arrow together with a field of its type.
    unsafe { polars_ffi::import_array_from_c(array, field.dtype().clone()) }
}

fn not_exported(error: ArrowError) -> PolarsError {
    PolarsError::ComputeError(error.to_string().into())
}
