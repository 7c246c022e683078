//! One writer an output: a lock file that names its holder.
//!
//! The kernel's lock on the file decides, so that a process that dies on this machine frees it. On a file system without
//! locks, the existence of the file decides. Its text is for people, and for telling a dead owner from one that cannot be
//! seen from here: on a network file system one machine may not see another's locks.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cancel::Cancel;
use crate::error::{CacheError, HeldBy};
use crate::holder_name::HolderName;
use crate::lock::holder::Holder;
use crate::lock::lock_file::{
    LOCK_FILE, is_same_file, is_unsupported, open, open_existing, read_text, record_locks_work, set_aside,
    wait_for_holder, write_text,
};
use crate::lock::ownership::Ownership;

/// How an output folder is taken.
#[derive(Debug, Clone, Default)]
pub struct Claim {
    /// A holder that the user knows to be gone, where nobody can tell from here whether it still runs.
    pub take_over: Option<HolderName>,
    /// The job of a scheduler that this process is, for people who find its lock.
    pub job: Option<String>,
    /// How long to wait for a holder, before that is an error.
    pub patience: Duration,
    /// Ends every wait for the cache while the lock is held.
    pub cancel: Cancel,
}

/// The right to change an output folder. Dropping it gives the right back.
///
/// [`OwnerLock::acquire`] and [`OwnerLock::claim`] also recover the output's cache.
#[derive(Debug)]
pub struct OwnerLock {
    output: PathBuf,
    path: PathBuf,
    ownership: Ownership,
    cancel: Cancel,
    /// Stays open as long as the lock is held: closing it would free the lock.
    file: File,
}

impl OwnerLock {
    /// Takes the lock and touches nothing else in the folder.
    pub(crate) fn take(output: &Path, claim: &Claim, here: &Holder) -> Result<Self, CacheError> {
        let attempt = Attempt { output, path: output.join(LOCK_FILE), claim, here };
        loop {
            let Some((mut file, is_new)) = open(&attempt.path)? else { continue };
            let is_ours = match file.try_lock() {
                Ok(()) => attempt.may_keep(&mut file)?,
                Err(TryLockError::WouldBlock) => return Err(attempt.busy(&mut file)),
                Err(TryLockError::Error(source)) if !is_unsupported(&source) => {
                    return Err(CacheError::io("lock", &attempt.path, source));
                }
                // Without kernel locks, whoever creates the file has the lock.
                Err(TryLockError::Error(_)) if is_new => true,
                Err(TryLockError::Error(_)) => {
                    attempt.clear_dead_owner(&mut file)?;
                    false
                }
            };
            if is_ours {
                return attempt.sign(file);
            }
        }
    }

    /// The folder that is held.
    #[must_use]
    pub fn output(&self) -> &Path {
        &self.output
    }

    /// What to check before each commit.
    #[must_use]
    pub fn ownership(&self) -> &Ownership {
        &self.ownership
    }

    /// Whether its holder was asked to stop.
    #[must_use]
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Whether the folder's file system has locks on byte ranges, which SQLite needs.
    pub(crate) fn record_locks_work(&self) -> bool {
        record_locks_work(&self.file)
    }
}

impl Drop for OwnerLock {
    fn drop(&mut self) {
        // Deleted while still held: whoever opened it before finds another file under the name, and starts over. A lock
        // that is somebody else's by now is left to them.
        let deleted = self.ownership.check().map(|()| fs::remove_file(&self.path));
        match deleted {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(path = %self.path.display(), %error, "the lock file stays"),
            Err(error) => tracing::debug!(%error, "the lock file stays"),
        }
    }
}

/// One call of [`OwnerLock::take`].
struct Attempt<'a> {
    output: &'a Path,
    path: PathBuf,
    claim: &'a Claim,
    here: &'a Holder,
}

impl Attempt<'_> {
    /// Whether a file whose kernel lock was just taken is the lock, and its last owner is gone. False if another file is
    /// under the name by now.
    fn may_keep(&self, file: &mut File) -> Result<bool, CacheError> {
        if !is_same_file(file, &self.path) {
            return Ok(false);
        }
        let text = read_text(file);
        match Holder::parse(&text) {
            Some(left) => self.judge(&left, left.left_a_free_lock(self.here))?,
            None if Holder::may_be_cut_short(&text) => {}
            None => return Err(CacheError::NoLock { path: self.path.clone() }),
        }
        Ok(true)
    }

    /// On a file system without locks: sets aside the file of an owner that is gone.
    fn clear_dead_owner(&self, file: &mut File) -> Result<(), CacheError> {
        let (output, lock) = (self.output.to_owned(), self.path.clone());
        let Some(left) = wait_for_holder(file) else {
            return Err(CacheError::UnknownHolder { output, lock });
        };
        let is_alive = left.is_alive(self.here);
        if is_alive == Some(true) {
            return Err(CacheError::HeldByFile { output, lock, holder: left.held_by() });
        }
        self.judge(&left, is_alive == Some(false))?;
        set_aside(&self.path, &left, self.here)
    }

    /// Logs that a dead owner's lock is taken over; an error if the owner may be alive and the claim does not name it.
    fn judge(&self, left: &Holder, is_gone: bool) -> Result<(), CacheError> {
        let (output, HolderName { host, pid }) = (self.output.to_owned(), left.name.clone());
        match &self.claim.take_over {
            _ if is_gone => tracing::warn!(
                "{} was locked by process {pid} on {host}, which is gone: its lock is taken over",
                output.display()
            ),
            Some(asked) if *asked == left.name => tracing::warn!(
                "{} was locked by process {pid} on {host}: its lock is taken over, as asked",
                output.display()
            ),
            Some(asked) => {
                let (asked, holder) = (asked.clone(), left.name.clone());
                return Err(CacheError::OtherHolder { output, asked, holder });
            }
            None => {
                let (lock, holder) = (self.path.clone(), left.held_by());
                return Err(CacheError::HeldElsewhere { output, lock, holder });
            }
        }
        Ok(())
    }

    fn busy(&self, file: &mut File) -> CacheError {
        let unknown = || {
            let name = HolderName { host: "an unknown machine".to_owned(), pid: "unknown".to_owned() };
            Box::new(HeldBy { name, job: None })
        };
        let holder = wait_for_holder(file).map_or_else(unknown, |left| left.held_by());
        CacheError::Busy { output: self.output.to_owned(), holder }
    }

    /// Writes this process's name into the file, which is its own from here on.
    fn sign(self, mut file: File) -> Result<OwnerLock, CacheError> {
        let text = self.here.clone().of_job(self.claim.job.clone()).text();
        let signed = write_text(&mut file, &text)
            .and_then(|()| Ownership::of(self.output, &self.path, &file, text))
            .map_err(|source| {
                // Where the file alone is the lock, one without a text would be nobody's for ever.
                let _ = fs::remove_file(&self.path);
                CacheError::io("write", &self.path, source)
            });
        Ok(OwnerLock {
            output: self.output.to_owned(),
            ownership: signed?,
            path: self.path,
            cancel: self.claim.cancel.clone(),
            file,
        })
    }
}

/// Whether nobody writes to an output on a file system without locks, according to its lock file. This process may read
/// what it owns.
pub(crate) fn nobody_else_writes(output: &Path) -> bool {
    let here = Holder::this(output);
    match open_existing(&output.join(LOCK_FILE)) {
        Err(error) => error.kind() == io::ErrorKind::NotFound,
        Ok(mut file) => Holder::parse(&read_text(&mut file))
            .is_some_and(|holder| holder.is_this_process(&here) || holder.is_alive(&here) == Some(false)),
    }
}
