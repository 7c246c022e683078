//! The two commands: the same code as the binaries.

use std::ffi::OsString;

use pyo3::prelude::*;

/// `neuroalign-preprocess` with these arguments, the program's name first; its exit status.
#[pyfunction]
pub(crate) fn preprocess(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| neuroalign::preprocess::main(arguments))
}

/// `neuroalign-export-cache` with these arguments, the program's name first; its exit status.
#[pyfunction]
pub(crate) fn export_cache(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| neuroalign::export_cache::main(arguments))
}
