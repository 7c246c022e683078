//! Taking an output: the lock, and then recovery of what a killed run or a power cut left of its cache.

use std::fs;
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::db::files::{cache_path, files, remove_files, taken_over_path};
use crate::db::pool::{NO_LOCKS, READ_WRITE};
use crate::db::schema::is_empty;
use crate::error::CacheError;
use crate::lock::holder::Holder;
use crate::lock::lock_file::delete_set_aside;
use crate::lock::owner_lock::{Claim, OwnerLock};

impl OwnerLock {
    /// Takes an output folder, which must exist.
    ///
    /// # Errors
    /// As [`OwnerLock::claim`].
    pub fn acquire(output: &Path) -> Result<Self, CacheError> {
        Self::claim(output, &Claim::default())
    }

    /// Takes an output folder, which must exist. Then clears what a power cut left of a cache's deletion, and rolls back a
    /// commit that was cut short.
    ///
    /// # Errors
    /// [`CacheError::Busy`] while another process has it; [`CacheError::HeldElsewhere`] where nobody can tell from here
    /// whether the lock's holder is gone, and [`CacheError::OtherHolder`] if the claim names another;
    /// [`CacheError::Link`]; a folder that cannot be written to.
    pub fn claim(output: &Path, claim: &Claim) -> Result<Self, CacheError> {
        let lock = Self::wait_for(output, claim, &Holder::this(output))?;
        delete_strays(output)?;
        delete_set_aside(output)?;
        roll_back(&lock);
        Ok(lock)
    }
}

/// Between two looks at a lock that another process has.
const LOOK_EVERY: Duration = Duration::from_millis(250);

impl OwnerLock {
    /// Takes the lock, and waits for its holder as long as the claim says.
    fn wait_for(output: &Path, claim: &Claim, here: &Holder) -> Result<Self, CacheError> {
        let (began, mut is_told) = (Instant::now(), false);
        loop {
            match Self::take(output, claim, here) {
                Err(error) if error.is_held() && began.elapsed() < claim.patience => {
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!("waiting for {} s at most: {error}", claim.patience.as_secs());
                    }
                    if claim.cancel.is_asked() {
                        return Err(CacheError::Stopped);
                    }
                    sleep(LOOK_EVERY);
                }
                taken => return taken,
            }
        }
    }
}

/// Deletes what killed runs left: a log whose database was deleted, and an unfinished take-over.
pub(crate) fn delete_strays(output: &Path) -> Result<(), CacheError> {
    let cache = cache_path(output);
    if is_gone(&cache) && files(&cache).iter().any(|file| !is_gone(file)) {
        remove_files(&cache)?;
    }
    let taken_over = taken_over_path(output);
    if files(&taken_over).iter().any(|file| !is_gone(file)) {
        remove_files(&taken_over)?;
    }
    Ok(())
}

fn is_gone(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Rolls back a commit that was cut short. Readers do that where locks work; without locks only the owner may, before
/// anybody reads.
fn roll_back(lock: &OwnerLock) {
    let location = cache_path(lock.output());
    let [_, _, _, journal] = files(&location);
    let is_cut_short = fs::metadata(journal).is_ok_and(|journal| journal.len() > 0);
    if !is_cut_short || lock.record_locks_work() {
        return;
    }
    let connection = Connection::open_with_flags_and_vfs(&location, READ_WRITE, NO_LOCKS);
    if let Err(error) = connection.and_then(|connection| is_empty(&connection)) {
        // Whoever opens the cache meets the error; a run that begins anew need not.
        tracing::debug!(path = %location.display(), %error, "a commit that was cut short is not rolled back");
    }
}
