//! What a program that ended early, or a disk that lost something, left of parts.

use std::fs::File;
use std::path::Path;

use na_cache::{Cache, CacheError, OwnedCache, OwnerLock, SealKey, SealedPart};
use na_model::Unit;
use rayon::prelude::*;

use crate::error::StoreError;
use crate::merge::sealed_parts::{SealedParts, open_part};
use crate::tables::existing_store::store::ExistingStore;

/// Units that a warning names.
const NAMED: usize = 10;

/// Ends the deletion of a cache, deletes parts that nothing refers to, and takes units out of the cache of which a part has lost
/// rows, which it returns: they are to be loaded again. Whoever loads, exports or withdraws does this first.
///
/// # Errors
/// A store or cache that cannot be read or written; [`StoreError::Stopped`].
pub fn recover_parts(lock: &OwnerLock) -> Result<Vec<Unit>, StoreError> {
    match OwnedCache::end_deletion(lock) {
        Err(CacheError::OfPandas { .. }) => {}
        ended => ended?,
    }
    let cache = match Cache::open_until(lock.output(), lock.cancel()) {
        // The pandas package has no parts.
        Ok(None) | Err(CacheError::OfPandas { .. }) => return Ok(Vec::new()),
        cache => cache?,
    };
    if cache.map_or(Ok(true), |cache| cache.parts().map(|parts| parts.is_empty()))? {
        return Ok(Vec::new());
    }
    let cache = OwnedCache::open_or_create(lock)?;
    cache.delete_empty_parts()?;
    let is_fresh = cache.run_record()?.is_some_and(|record| record.fresh);
    let store = ExistingStore::open(lock.output())?;
    let parts = SealedParts::find(&cache, lock.output(), Some(&store).filter(|_| !is_fresh))?;
    let mut lost = parts.lost();
    let mut kept = Vec::new();
    for (part, path) in parts.parts() {
        if *path == part.path_in(lock.output()) {
            cut_to_length(path, part.length)?;
        }
        kept.push((part, path));
    }
    let damaged = kept.par_iter().map(|(part, path)| damaged(part, path, &cache, lock));
    lost.extend(damaged.collect::<Result<Vec<_>, StoreError>>()?.into_iter().flatten());
    if lost.is_empty() {
        return Ok(Vec::new());
    }
    let units = cache.forget(&lost)?;
    cache.delete_empty_parts()?;
    let named: Vec<String> = units.iter().take(NAMED).map(Unit::to_string).collect();
    tracing::warn!(
        units = units.len(),
        first = named.join(", "),
        "rows that were sealed beside the long tables are gone or damaged: these units are loaded again"
    );
    Ok(units)
}

/// Takes away what was written to a part and never sealed.
fn cut_to_length(path: &Path, length: u64) -> Result<(), StoreError> {
    let cut = File::options().write(true).open(path).and_then(|file| {
        if file.metadata()?.len() > length {
            file.set_len(length).and_then(|()| file.sync_all())
        } else {
            Ok(())
        }
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
    for seal in &part.seals {
        if lock.cancel().is_asked() {
            return Err(StoreError::Stopped);
        }
        let mut of_seal = part.clone();
        of_seal.seals = vec![*seal];
        let files = open_part(&of_seal, path, cache);
        let checked =
            files.and_then(|files| files.iter().try_for_each(|of| of.long.file.file().check_chunks()));
        match checked {
            Err(StoreError::Damaged { .. }) => damaged.push(*seal),
            checked => checked?,
        }
    }
    Ok(damaged)
}
