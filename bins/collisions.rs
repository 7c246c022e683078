//! Checks that the command's own files lie outside the store.

use std::path::{Path, PathBuf};

use crate::settings::expand;

/// A file of the command that the store would overwrite, or that would overwrite the store.
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

/// Refuses an option's file that is, or would become, a file of the store.
pub(crate) fn check(output: &Path, option: &'static str, path: Option<&Path>) -> Result<(), InStore> {
    match path.map(expand) {
        Some(path) if na_store::is_store_path(output, &path) => {
            Err(InStore { option, path, output: output.to_owned() })
        }
        _ => Ok(()),
    }
}
