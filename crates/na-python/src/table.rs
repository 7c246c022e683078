//! A table on its way to Python.

use std::sync::{Mutex, PoisonError};

use arrow_array::{RecordBatch, RecordBatchIterator, ffi_stream::FFI_ArrowArrayStream};
use arrow_schema::SchemaRef;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyCapsule};

/// Rows that any Arrow library takes over without a copy, once, through the
/// [PyCapsule interface](https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html). They are read
/// already: nothing of the store is open as long as a table lives.
#[pyclass(frozen, module = "neuroalign_preprocessing._native")]
pub(crate) struct Table(Mutex<Option<(SchemaRef, Vec<RecordBatch>)>>);

impl Table {
    pub(crate) fn new(schema: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        Self(Mutex::new(Some((schema, batches))))
    }
}

impl From<RecordBatch> for Table {
    fn from(batch: RecordBatch) -> Self {
        Self::new(batch.schema(), vec![batch])
    }
}

#[pymethods]
impl Table {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // The interface lets a producer that cannot cast ignore what types were wished for.
        drop(requested_schema);
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (schema, batches) =
            rows.ok_or_else(|| PyValueError::new_err("this table was taken over already: load it again"))?;
        let batches = RecordBatchIterator::new(batches.into_iter().map(Ok), schema);
        PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(batches)), c"arrow_array_stream")
    }
}
