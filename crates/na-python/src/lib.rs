//! The store and the commands as a Python module, `neuroalign_preprocessing._native`.
//!
//! What Python users see is the package in `python/`: this module hands it stores, tables as Arrow streams, and the
//! commands. The interpreter is free while the store is read.
#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![deny(clippy::print_stdout)]

mod commands;
mod errors;
mod load;
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
    use pyo3::exceptions::PyRuntimeError;
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::commands::{export_cache, preprocess};
    #[pymodule_export]
    use crate::load::load;
    #[pymodule_export]
    use crate::store::Store;
    #[pymodule_export]
    use crate::table::Table;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        // This library's own hook: the interpreter and other modules have theirs.
        neuroalign::keep_quiet_about_caught_panics();
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        // What the library has to say comes through Python's `logging`, which shows warnings unless told otherwise.
        // Levels are asked for each time: a notebook changes them.
        let logger = pyo3_log::Logger::new(module.py(), pyo3_log::Caching::Loggers)?;
        let taken = |_| PyRuntimeError::new_err("the messages of this module have another receiver");
        logger.install().map(drop).map_err(taken)?;
        crate::reading::watch_forks(module.py())
    }
}
