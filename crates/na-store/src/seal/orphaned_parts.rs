//! Parts that no cache names: somebody moved their cache away, or a disk lost it. What they hold only that cache could tell.

use std::path::{Path, PathBuf};

use na_cache::{Cache, CacheError, OwnerLock, SealedPart};

use crate::error::StoreError;
use crate::format::file_changes::FileChanges;
use crate::tables::paths::likely_parts;

/// What a warning names at most.
const NAMED: usize = 10;

/// Deletes the parts that no cache names. Whoever takes people out does this: their rows may be there, and nobody can tell.
///
/// # Errors
/// A cache or folder that cannot be read; a file that cannot be deleted.
pub fn delete_orphaned_parts(lock: &OwnerLock) -> Result<(), StoreError> {
    let orphaned = orphaned_parts(lock)?;
    if orphaned.is_empty() {
        return Ok(());
    }
    let changes = FileChanges::of(lock);
    orphaned.iter().try_for_each(|path| changes.delete(path))?;
    changes.sync()?;
    tracing::warn!(
        files = orphaned.len(),
        first = names(&orphaned, lock.output()),
        "deleted files of rows whose cache is gone: whoever withdrew may have been among them"
    );
    Ok(())
}

/// Tells of the parts that no cache names. They stay: somebody may bring their cache back.
///
/// # Errors
/// A cache or folder that cannot be read.
pub(crate) fn tell_of_orphaned_parts(lock: &OwnerLock) -> Result<(), StoreError> {
    let orphaned = orphaned_parts(lock)?;
    if !orphaned.is_empty() {
        tracing::warn!(
            files = orphaned.len(),
            first = names(&orphaned, lock.output()),
            "these files have rows of a load whose cache is gone: bring back that cache, or delete them"
        );
    }
    Ok(())
}

/// The parts of an output's cache. `None` if there is no cache.
///
/// # Errors
/// A cache that cannot be read.
pub(crate) fn cached_parts(lock: &OwnerLock) -> Result<Option<Vec<SealedPart>>, StoreError> {
    match Cache::open_until(lock.output(), lock.cancel()) {
        // The pandas package has no parts.
        Err(CacheError::OfPandas { .. }) => Ok(Some(Vec::new())),
        cache => Ok(cache?.map(|cache| cache.parts()).transpose()?),
    }
}

fn orphaned_parts(lock: &OwnerLock) -> Result<Vec<PathBuf>, StoreError> {
    let mut orphaned = likely_parts(lock.output())?;
    if !orphaned.is_empty() {
        let parts = cached_parts(lock)?.unwrap_or_default();
        let named: Vec<PathBuf> = parts.iter().map(|part| part.path_in(lock.output())).collect();
        orphaned.retain(|path| !named.contains(path));
    }
    Ok(orphaned)
}

fn names(paths: &[PathBuf], output: &Path) -> String {
    first_of(paths.iter().map(|path| path.strip_prefix(output).unwrap_or(path).display().to_string()))
}

/// The first of many things, as a warning names them.
pub(crate) fn first_of(things: impl Iterator<Item = String>) -> String {
    things.take(NAMED).collect::<Vec<_>>().join(", ")
}
