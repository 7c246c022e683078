//! One writer an output: a lock file that names who holds it.
//!
//! The kernel's lock on the file decides, so that a process that dies on this machine frees it. Where a file system has
//! no locks, that the file is there decides. The text in it is for people, and for telling a dead owner from one that
//! cannot be seen from here: on a network file system one machine may not see another's locks.

pub(crate) mod holder;
pub(crate) mod ownership;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::cancel::Cancel;
use crate::error::CacheError;
use crate::remove::delete;
pub use holder::HolderName;
use holder::{Holder, read_text, write_text};
pub use ownership::Ownership;
use ownership::{identity, is_link, no_follow};

/// The lock's name in the output folder.
pub const LOCK_FILE: &str = ".cache.lock";

/// The start of a dead owner's lock that is being taken away.
pub(crate) const LEFT_LOCK: &str = ".cache.lock-left-";

/// An owner writes its text at once after it made the file.
const TEXT_COMES_WITHIN: Duration = Duration::from_millis(200);

/// How an output folder is taken.
#[derive(Debug, Clone, Default)]
pub struct Claim {
    /// The holder of a lock of which nobody can tell from here whether it still runs, and whom the user knows to be gone.
    pub take_over: Option<HolderName>,
    /// Ends all waiting for the cache while the lock is held.
    pub cancel: Cancel,
}

/// The right to change an output folder. Dropping it gives the right back.
#[derive(Debug)]
pub struct OwnerLock {
    output: PathBuf,
    path: PathBuf,
    ownership: Ownership,
    cancel: Cancel,
    /// Open for as long as the lock is held: closing it would free the lock.
    file: File,
}

impl OwnerLock {
    /// Takes an output folder, which must exist.
    ///
    /// # Errors
    /// As [`OwnerLock::claim`].
    pub fn acquire(output: &Path) -> Result<Self, CacheError> {
        Self::claim(output, &Claim::default())
    }

    /// Takes an output folder, which must exist, clears what a power cut left of a cache that was being
    /// deleted, and takes back a commit that was cut short.
    ///
    /// # Errors
    /// [`CacheError::Busy`] while another process has it; [`CacheError::HeldElsewhere`] where nobody can tell from here
    /// whether the lock's holder is gone, and [`CacheError::OtherHolder`] if the claim names another;
    /// [`CacheError::Link`]; a folder that cannot be written to.
    pub fn claim(output: &Path, claim: &Claim) -> Result<Self, CacheError> {
        let lock = Self::take(output, claim, &Holder::this(output))?;
        crate::remove::strays(output)?;
        crate::open::take_back(&lock);
        Ok(lock)
    }

    fn take(output: &Path, claim: &Claim, here: &Holder) -> Result<Self, CacheError> {
        let path = output.join(LOCK_FILE);
        let held = |file: &mut File| {
            let (output, holder) = (output.to_owned(), patient_holder(file));
            let (pid, host) = holder.map_or_else(
                || ("unknown".into(), "an unknown machine".into()),
                |h| (h.name.pid, h.name.host),
            );
            CacheError::Busy { output, pid, host }
        };
        loop {
            let Some((mut file, is_new)) = open(&path)? else { continue };
            match file.try_lock() {
                Ok(()) => {
                    if !is_same_file(&file, &path) {
                        continue;
                    }
                    let text = read_text(&mut file);
                    match Holder::parse(&text) {
                        Some(left) => {
                            let is_gone = left.left_a_free_lock(here);
                            judge(output, &path, &left, is_gone, claim)?;
                        }
                        None if Holder::may_be_cut_short(&text) => {}
                        None => return Err(CacheError::NoLock { path }),
                    }
                }
                Err(TryLockError::WouldBlock) => return Err(held(&mut file)),
                Err(TryLockError::Error(source)) if !is_unsupported(&source) => {
                    return Err(CacheError::io("lock", &path, source));
                }
                // Whoever makes the file has the lock.
                Err(TryLockError::Error(_)) if is_new => {}
                Err(TryLockError::Error(_)) => {
                    let Some(left) = patient_holder(&mut file) else {
                        return Err(CacheError::UnknownHolder { output: output.to_owned(), lock: path });
                    };
                    let alive = left.is_alive(here);
                    if alive == Some(true) {
                        let (pid, host) = (left.name.pid, left.name.host);
                        return Err(CacheError::HeldByFile {
                            output: output.to_owned(),
                            lock: path,
                            pid,
                            host,
                        });
                    }
                    judge(output, &path, &left, alive == Some(false), claim)?;
                    set_aside(&path, &left, here)?;
                    continue;
                }
            }
            let text = here.text();
            let written = write_text(&mut file, &text);
            let ownership = written.and_then(|()| Ownership::of(output, &path, &file, text));
            let ownership = ownership.map_err(|source| {
                // Where the file alone is the lock, one without a text would be nobody's for ever.
                let _ = fs::remove_file(&path);
                CacheError::io("write", &path, source)
            })?;
            return Ok(Self {
                output: output.to_owned(),
                path,
                ownership,
                cancel: claim.cancel.clone(),
                file,
            });
        }
    }

    /// The folder that is held.
    #[must_use]
    pub fn output(&self) -> &Path {
        &self.output
    }

    /// What to ask before each commit.
    #[must_use]
    pub fn ownership(&self) -> &Ownership {
        &self.ownership
    }

    /// Whether its holder was asked to stop.
    #[must_use]
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Whether the folder's file system keeps locks on parts of files, which SQLite works with.
    pub(crate) fn record_locks_work(&self) -> bool {
        record_locks_work(&self.file)
    }
}

impl Drop for OwnerLock {
    fn drop(&mut self) {
        // Deleted while still held: whoever opened it before finds another file under the name, and starts over. One that
        // is somebody else's by now is left to them.
        let deleted = self.ownership.check().map(|()| fs::remove_file(&self.path));
        match deleted {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(path = %self.path.display(), %error, "the lock file stays"),
            Err(error) => tracing::debug!(%error, "the lock file stays"),
        }
    }
}

/// Whether nobody writes to an output on a file system without locks, as its lock file says it. This process may read
/// what it owns.
pub(crate) fn nobody_else_writes(output: &Path) -> bool {
    let here = Holder::this(output);
    match ownership::open(&output.join(LOCK_FILE)) {
        Err(error) => error.kind() == io::ErrorKind::NotFound,
        Ok(mut file) => Holder::parse(&read_text(&mut file))
            .is_some_and(|holder| holder.is_this_process(&here) || holder.is_alive(&here) == Some(false)),
    }
}

/// Whether locks on parts of a file work. Locking a part by this file says nothing to whoever locks the whole.
pub(crate) fn record_locks_work(file: &File) -> bool {
    match rustix::fs::fcntl_lock(file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            let _ = rustix::fs::fcntl_lock(file, FlockOperation::NonBlockingUnlock);
            true
        }
        Err(error) => !has_no_locks(error),
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || Errno::from_io_error(error).is_some_and(has_no_locks)
}

fn has_no_locks(error: Errno) -> bool {
    [Errno::NOLCK, Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOTSUP].contains(&error)
}

/// Says that a dead owner's lock is taken over; an error if it may be alive, and the claim does not name it.
fn judge(output: &Path, lock: &Path, left: &Holder, is_gone: bool, claim: &Claim) -> Result<(), CacheError> {
    let (output, HolderName { host, pid }) = (output.to_owned(), left.name.clone());
    match &claim.take_over {
        _ if is_gone => tracing::warn!(
            "{} was locked by process {pid} on {host}, which is gone: its lock is taken over",
            output.display()
        ),
        Some(asked) if *asked == left.name => tracing::warn!(
            "{} was locked by process {pid} on {host}: its lock is taken over, as asked",
            output.display()
        ),
        Some(asked) => {
            return Err(CacheError::OtherHolder { output, asked: asked.clone(), holder: left.name.clone() });
        }
        None => return Err(CacheError::HeldElsewhere { output, lock: lock.to_owned(), pid, host }),
    }
    Ok(())
}

/// The holder, given a moment to write its name.
fn patient_holder(file: &mut File) -> Option<Holder> {
    let began = std::time::Instant::now();
    loop {
        let holder = Holder::parse(&read_text(file));
        if holder.is_some() || began.elapsed() > TEXT_COMES_WITHIN {
            return holder;
        }
        std::thread::sleep(TEXT_COMES_WITHIN / 20);
    }
}

/// Takes a dead owner's file away. Two may find it at the same time, and the slower one must not take what the faster one
/// made in its place.
fn set_aside(path: &Path, left: &Holder, here: &Holder) -> Result<(), CacheError> {
    let aside = path.with_file_name(format!("{LEFT_LOCK}{}-{}", here.name.host, here.name.pid));
    match fs::rename(path, &aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        renamed => renamed.map_err(|source| CacheError::io("take away", path, source))?,
    }
    let taken = ownership::open(&aside).map(|mut file| Holder::parse(&read_text(&mut file)));
    if matches!(&taken, Ok(Some(holder)) if holder == left) {
        return delete(&aside);
    }
    // If it cannot be given back, its owner stops at its next commit.
    let _ = fs::hard_link(&aside, path);
    delete(&aside)
}

/// The lock file, and whether this made it. None if it went away meanwhile.
fn open(path: &Path) -> Result<Option<(File, bool)>, CacheError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600).custom_flags(no_follow());
    match options.clone().create_new(true).open(path) {
        Ok(file) => return Ok(Some((file, true))),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(source) => return Err(CacheError::io("create", path, source)),
    }
    match options.open(path) {
        Ok(file) => Ok(Some((file, false))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if is_link(&error) => Err(CacheError::Link { path: path.to_owned() }),
        Err(source) => Err(CacheError::io("open", path, source)),
    }
}

fn is_same_file(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(held), Ok(named)) => identity(&held) == identity(&named),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
