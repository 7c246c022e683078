//! Emptying a store, for a run that begins anew.

use std::path::{Path, PathBuf};

use na_cache::{Cache, OwnerLock};

use crate::durable::Folders;
use crate::error::StoreError;
use crate::layout::{MANIFEST_FILE, METADATA_FILE, SESSIONS_FILE, SOURCES_FILE, TIV_FILE, sweep_store};
use crate::ownership::{Owned, check_output};

/// The files of a store and its cache. Files that this program did not write are not among them.
///
/// # Errors
/// A folder that cannot be listed; a manifest of another version.
pub fn contents(output: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let owned = Owned::of(output)?;
    // The manifest first: a store that is half cleared is then one without a manifest, not one with a wrong one.
    let mut files = vec![output.join(MANIFEST_FILE)];
    files.extend(owned.long_tables()?.iter().map(|table| output.join(table.file_path())));
    files.extend(owned.wide_files()?.iter().map(|path| output.join(path)));
    files.extend([TIV_FILE, METADATA_FILE, SOURCES_FILE, SESSIONS_FILE].map(|name| output.join(name)));
    files.extend(Cache::files_in(output));
    files.retain(|path| path.is_file());
    Ok(files)
}

/// Deletes a store's files and its cache.
///
/// # Errors
/// As [`check_output`], before anything is deleted; a file that cannot be deleted.
pub fn clear(lock: &OwnerLock) -> Result<(), StoreError> {
    check_output(lock.output())?;
    let folders = Folders::of(lock);
    sweep_store(lock.output())?;
    contents(lock.output())?.iter().try_for_each(|path| folders.delete(path))?;
    folders.sync()
}
