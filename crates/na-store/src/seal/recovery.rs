//! What a program that ended early, or a disk that lost something, left of parts.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use na_cache::{Cache, OwnedCache, OwnerLock, SealKey, SealedPart};
use na_model::Unit;
use rayon::prelude::*;

use crate::error::StoreError;
use crate::format::atomic_file::AtomicFile;
use crate::format::file_changes::FileChanges;
use crate::format::file_state::FileHash;
use crate::format::footer::{MAGIC, first_bytes};
use crate::format::parquet_writer::PART_MODE;
use crate::merge::sealed_parts::{Exported, SealedParts, is_renamed, open_seal, open_start};
use crate::seal::orphaned_parts::{cached_parts, first_of, tell_of_orphaned_parts};
use crate::tables::existing_store::store::ExistingStore;

/// Ends the deletion of a cache, deletes parts that nothing refers to, and takes units out of the cache of which a part has lost
/// rows, which it returns: they are to be loaded again. Tells of parts that no cache names. Whoever loads or exports does this first.
///
/// # Errors
/// A store or cache that cannot be read or written; [`StoreError::Stopped`].
pub fn recover_parts(lock: &OwnerLock) -> Result<Vec<Unit>, StoreError> {
    let units = recover_cached_parts(lock)?;
    tell_of_orphaned_parts(lock)?;
    Ok(units)
}

/// The same, of the parts that a cache names alone.
///
/// # Errors
/// As [`recover_parts`].
pub(crate) fn recover_cached_parts(lock: &OwnerLock) -> Result<Vec<Unit>, StoreError> {
    let parts = cached_parts(lock)?;
    if parts.is_none() {
        OwnedCache::end_deletion(lock)?;
    }
    if parts.is_none_or(|parts| parts.is_empty()) {
        return Ok(Vec::new());
    }
    let cache = OwnedCache::open_or_create(lock)?;
    cache.delete_empty_parts()?;
    let is_fresh = cache.is_fresh()?;
    let store = ExistingStore::open(lock.output())?;
    let parts = SealedParts::find(&cache, lock.output(), Exported::beside(is_fresh, &store))?;
    let mut lost = parts.lost();
    let kept: Vec<(&SealedPart, &Path)> = parts.parts().collect();
    for (part, path) in kept.iter().filter(|of| !is_renamed(of, lock.output())) {
        cut_to_length(path, part.length)?;
    }
    let damaged = kept.par_iter().map(|(part, path)| damaged(part, path, &cache, lock));
    lost.extend(damaged.collect::<Result<Vec<_>, StoreError>>()?.into_iter().flatten());
    if lost.is_empty() {
        return Ok(Vec::new());
    }
    let units = cache.forget(&lost)?;
    cache.delete_empty_parts()?;
    tracing::warn!(
        units = units.len(),
        first = first_of(units.iter().map(Unit::to_string)),
        "rows that were sealed beside the long tables are gone or damaged: these sessions are loaded again"
    );
    Ok(units)
}

/// Copies parts that were given the name of their table to where they were: a cache that stays has rows of its own, and the table is
/// about to be replaced.
///
/// # Errors
/// A cache or part that cannot be read; a file that cannot be written.
pub(crate) fn bring_back_parts(cache: &OwnedCache<'_>) -> Result<(), StoreError> {
    let changes = FileChanges::of(cache.lock());
    let parts = SealedParts::find(cache, cache.output(), Exported::Unasked)?;
    for (part, path) in parts.parts().filter(|of| is_renamed(of, cache.output())) {
        let (atomic, file) = AtomicFile::create(&part.path_in(cache.output()), &changes)?;
        let private = file.set_permissions(Permissions::from_mode(PART_MODE));
        private.map_err(StoreError::io("change the permissions of", atomic.temporary()))?;
        let copied = open_start(part, path)?.copy_start(part.length, &file);
        copied.map_err(StoreError::io("copy", path))?;
        // Nobody asks for the state of a part.
        atomic.commit(file, FileHash::Whole(String::new()), || Ok(()))?;
    }
    changes.sync()
}

/// Takes away what was written to a part and never sealed.
fn cut_to_length(path: &Path, length: u64) -> Result<(), StoreError> {
    let cut = fs::metadata(path).and_then(|metadata| {
        if metadata.len() == length {
            return Ok(());
        }
        let file = File::options().write(true).open(path)?;
        file.set_len(length).and_then(|()| file.sync_all())
    });
    cut.map_err(StoreError::io("cut to its length", path))
}

/// The sealings of a part that are not what was written. A disk that fails is an error.
fn damaged(
    part: &SealedPart,
    path: &Path,
    cache: &Cache,
    lock: &OwnerLock,
) -> Result<Vec<SealKey>, StoreError> {
    let mut damaged = Vec::new();
    let start = open_start(part, path)?;
    // Row groups begin behind it, and no hash of theirs tells of it.
    if File::open(path).and_then(first_bytes).map_err(StoreError::io("read", path))? != MAGIC {
        return Ok(part.seals.clone());
    }
    for seal in &part.seals {
        if lock.cancel().is_asked() {
            return Err(StoreError::Stopped);
        }
        let file = open_seal(&part.table, *seal, &start, path, cache);
        match file.and_then(|file| file.long.file.file().check_chunks()) {
            Err(StoreError::Damaged { .. }) => damaged.push(*seal),
            checked => checked?,
        }
    }
    Ok(damaged)
}
