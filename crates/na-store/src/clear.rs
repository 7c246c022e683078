//! Emptying a store, for a run that begins anew.

use std::path::{Path, PathBuf};

use na_cache::{Cache, OwnerLock};

use crate::durable::Folders;
use crate::error::StoreError;
use crate::layout::{
    MANIFEST_FILE, METADATA_FILE, SESSIONS_FILE, SOURCES_FILE, TIV_FILE, long_tables, sweep_store, wide_files,
};
use crate::notes;
use crate::table_file::TableFile;

/// The files of a store and its cache. Files that this program did not write are not among them.
///
/// # Errors
/// A folder that cannot be listed.
pub fn contents(output: &Path) -> Result<Vec<PathBuf>, StoreError> {
    // The manifest first: a store that is half cleared is then one without a manifest, not one with a wrong one.
    let mut files = vec![output.join(MANIFEST_FILE)];
    files.extend(long_tables(output)?.iter().map(|table| output.join(table.file_path())));
    for path in wide_files(output)? {
        let path = output.join(path);
        // One that cannot be read is of no use to anyone.
        let ours = TableFile::open(&path)
            .map_or(true, |file| file.is_some_and(|f| f.note(notes::FEATURE).is_some()));
        files.extend(ours.then_some(path));
    }
    files.extend([TIV_FILE, METADATA_FILE, SOURCES_FILE, SESSIONS_FILE].map(|name| output.join(name)));
    let cache = Cache::path_in(output);
    files.extend(["-wal", "-shm", "-journal"].map(|ending| {
        let mut path = cache.clone().into_os_string();
        path.push(ending);
        PathBuf::from(path)
    }));
    files.push(cache);
    files.retain(|path| path.is_file());
    Ok(files)
}

/// Deletes a store's files and its cache.
///
/// # Errors
/// A file that cannot be deleted.
pub fn clear(lock: &OwnerLock) -> Result<(), StoreError> {
    let folders = Folders::of(lock);
    sweep_store(lock.output())?;
    contents(lock.output())?.iter().try_for_each(|path| folders.delete(path))?;
    folders.sync()
}
