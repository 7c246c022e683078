//! A table on its way to Python.

use std::sync::{Mutex, PoisonError};

use arrow::array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow::ffi_stream::FFI_ArrowArrayStream;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyCapsule};

/// Rows that any Arrow library takes over without a copy, once, through the
/// [PyCapsule interface](https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html).
#[pyclass(frozen, module = "neuroalign_preprocessing._native")]
pub(crate) struct Table(Mutex<Option<Box<dyn RecordBatchReader + Send>>>);

impl Table {
    pub(crate) fn streaming(reader: impl RecordBatchReader + Send + 'static) -> Self {
        Self(Mutex::new(Some(Box::new(reader))))
    }

    pub(crate) fn whole(batch: RecordBatch) -> Self {
        let schema = batch.schema();
        Self::streaming(RecordBatchIterator::new([Ok(batch)], schema))
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
        let reader = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let reader = reader
            .ok_or_else(|| PyValueError::new_err("this table was taken over already: load it again"))?;
        PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(reader), c"arrow_array_stream")
    }
}
