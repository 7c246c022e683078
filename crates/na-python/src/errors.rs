//! What went wrong, as Python says it.

use std::io;

use na_model::ModelError;
use na_pipeline::PipelineError;
use na_report::ReportError;
use na_store::StoreError;
use neuroalign::CommandError;
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
        StoreError::NoFolder { .. } | StoreError::NoCache { .. } | StoreError::NoStore { .. } => {
            PyFileNotFoundError::new_err(text)
        }
        StoreError::Io { source, .. } => of_io(source.kind(), text),
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

/// The same for a report.
pub(crate) fn of_report(error: ReportError) -> PyErr {
    match error {
        ReportError::Store(error) => of_store(error),
        error @ ReportError::Foreign { .. } => PyValueError::new_err(error.to_string()),
        error => PyRuntimeError::new_err(error.to_string()),
    }
}

/// The same for a command: `ValueError` for what the caller can give in another way.
pub(crate) fn of_command(error: CommandError) -> PyErr {
    let error = match error.downcast::<PipelineError>() {
        Ok(error) => return of_load(*error),
        Err(error) => error,
    };
    match error.downcast::<StoreError>() {
        Ok(error) => of_store(*error),
        Err(error) => PyValueError::new_err(for_a_function(&error.to_string())),
    }
}

/// What the command line says, without what is of a command line alone: its usage, and where its help is.
fn for_a_function(text: &str) -> String {
    let ends = ["\n\nUsage:", "\n\nFor more information"].into_iter().filter_map(|end| text.find(end));
    let text = text.get(..ends.min().unwrap_or(text.len())).unwrap_or(text);
    text.strip_prefix("error: ").unwrap_or(text).to_owned()
}

fn of_load(error: PipelineError) -> PyErr {
    let text = error.to_string();
    match error {
        PipelineError::NoRoom { .. } => PyOSError::new_err(text),
        PipelineError::SessionListUnreadable { source, .. }
        | PipelineError::RootUnreadable { source, .. } => of_io(source.kind(), text),
        PipelineError::Root { .. }
        | PipelineError::MisplacedRoot { .. }
        | PipelineError::SessionListInStore { .. }
        | PipelineError::SessionListForm { .. }
        | PipelineError::SessionListRow { .. }
        | PipelineError::NothingFound { .. }
        | PipelineError::NoSuchAtlas { .. }
        | PipelineError::NothingToLoad { .. }
        | PipelineError::UnknownWorkflow { .. }
        | PipelineError::UnknownMetrics { .. }
        | PipelineError::UnknownLabel { .. } => PyValueError::new_err(text),
        error => of_pipeline(error),
    }
}

fn of_io(kind: io::ErrorKind, text: String) -> PyErr {
    match kind {
        io::ErrorKind::NotFound => PyFileNotFoundError::new_err(text),
        io::ErrorKind::PermissionDenied => PyPermissionError::new_err(text),
        _ => PyOSError::new_err(text),
    }
}

/// An identifier that is none.
pub(crate) fn of_model(error: &ModelError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
