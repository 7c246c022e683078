//! What an output folder holds of the store.

use std::path::{Path, PathBuf};

use na_cache::Cache;

use crate::error::StoreError;
use crate::tables::own_files::Owned;
use crate::tables::paths::{MANIFEST_FILE, METADATA_FILE, SESSIONS_FILE, SOURCES_FILE, TIV_FILE};

/// The files of a store and its cache. Files that this program did not write are not among them.
///
/// # Errors
/// A folder that cannot be listed; a manifest of another version.
pub fn contents(output: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let owned = Owned::of(output)?;
    let mut files = vec![output.join(MANIFEST_FILE)];
    files.extend(owned.long_tables()?.iter().map(|table| output.join(table.file_path())));
    files.extend(owned.wide_files()?.iter().map(|path| output.join(path)));
    files.extend([TIV_FILE, METADATA_FILE, SOURCES_FILE, SESSIONS_FILE].map(|name| output.join(name)));
    files.extend(Cache::files_in(output));
    files.retain(|path| path.is_file());
    Ok(files)
}
