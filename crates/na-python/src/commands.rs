//! The two commands: the same code as the binaries.

use std::ffi::OsString;

use pyo3::prelude::*;

use crate::reading::reading;

/// `neuroalign-preprocess` with these arguments, the program's name first; its exit status.
#[pyfunction]
pub(crate) fn preprocess(py: Python<'_>, arguments: Vec<OsString>) -> PyResult<u8> {
    reading(py, || neuroalign::preprocess::main(arguments))
}

/// `neuroalign-export-cache` with these arguments, the program's name first; its exit status.
#[pyfunction]
pub(crate) fn export_cache(py: Python<'_>, arguments: Vec<OsString>) -> PyResult<u8> {
    reading(py, || neuroalign::export_cache::main(arguments))
}
