//! That no file of the command's own lies where the store is written.

use std::path::{Path, PathBuf};

use crate::settings::expand;

/// A file that the store would be written over, or that would be written over the store.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} lies where the store in {} is written: name another file with {option}, or another folder for the store",
    path.display(),
    output.display()
)]
pub(crate) struct InStore {
    option: &'static str,
    path: PathBuf,
    output: PathBuf,
}

/// Refuses a file of an option that is, or would become, a file of the store.
pub(crate) fn check(output: &Path, option: &'static str, path: Option<&Path>) -> Result<(), InStore> {
    match path.map(expand) {
        Some(path) if na_store::is_store_path(output, &path) => {
            Err(InStore { option, path, output: output.to_owned() })
        }
        _ => Ok(()),
    }
}
