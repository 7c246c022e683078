//! What went wrong, as Python says it.

use std::io;

use na_model::ModelError;
use na_pipeline::PipelineError;
use na_store::StoreError;
use pyo3::PyErr;
use pyo3::exceptions::{PyFileNotFoundError, PyOSError, PyPermissionError, PyRuntimeError, PyValueError};

/// `ValueError` for a name that is not there and for an empty list, `FileNotFoundError` for a folder or cache, `OSError` for a file that cannot
/// be read, `RuntimeError` for the rest.
pub(crate) fn of_store(error: StoreError) -> PyErr {
    let text = error.to_string();
    match error {
        StoreError::UnknownName { .. } | StoreError::UnknownSession { .. } | StoreError::EmptyList { .. } => {
            PyValueError::new_err(text)
        }
        StoreError::NoFolder { .. } | StoreError::NoCache { .. } => PyFileNotFoundError::new_err(text),
        StoreError::Io { source, .. } => match source.kind() {
            io::ErrorKind::NotFound => PyFileNotFoundError::new_err(text),
            io::ErrorKind::PermissionDenied => PyPermissionError::new_err(text),
            _ => PyOSError::new_err(text),
        },
        _ => PyRuntimeError::new_err(text),
    }
}

/// The same for what a run says.
pub(crate) fn of_pipeline(error: PipelineError) -> PyErr {
    match error {
        PipelineError::Store(error) => of_store(error),
        error @ (PipelineError::Withdrawals { .. } | PipelineError::UnclearWithdrawals { .. }) => {
            PyValueError::new_err(error.to_string())
        }
        error => PyRuntimeError::new_err(error.to_string()),
    }
}

/// An identifier that is none.
pub(crate) fn of_model(error: &ModelError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
