//! The store and the commands as a Python module, `neuroalign_preprocessing._native`.
//!
//! What Python users see is the package in `python/`: this module hands it stores, tables as Arrow streams, and the
//! commands. The interpreter is free while the store is read.
#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![deny(clippy::print_stdout)]

mod commands;
mod errors;
mod per_process;
mod reading;
mod selection;
mod store;
mod table;

use mimalloc::MiMalloc;
use pyo3::prelude::*;

/// Frames come and go. The C library gives the memory of each back to the system, which clears every page of the next one: that
/// took as long as reading one statistic does. A load takes 80 to 100 MB more by it than the program on its own.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What `neuroalign_preprocessing` is made of.
#[pymodule(gil_used = true)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::commands::{export_cache, preprocess};
    #[pymodule_export]
    use crate::store::Store;
    #[pymodule_export]
    use crate::table::Table;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        // This library's own hook: the interpreter and other modules have theirs.
        neuroalign::keep_quiet_about_caught_panics();
        crate::reading::watch_forks(module.py())
    }
}
