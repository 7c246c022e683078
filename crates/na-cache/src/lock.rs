//! One writer an output: a lock file that names who holds it.
//!
//! The kernel's lock on the file decides, so that a process that dies on this machine frees it. The text in the file is
//! for people, and for network file systems where one machine does not see another's locks.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::CacheError;

/// The lock's name in the output folder.
pub const LOCK_FILE: &str = ".cache.lock";

/// The right to change an output folder. Dropping it gives the right back.
#[derive(Debug)]
pub struct OwnerLock {
    output: PathBuf,
    path: PathBuf,
    /// Open for as long as the lock is held: closing it would free the lock.
    _file: File,
}

impl OwnerLock {
    /// Takes an output folder, which must exist.
    ///
    /// # Errors
    /// [`CacheError::Busy`] while another process has it; [`CacheError::HeldElsewhere`] where a process of another
    /// machine left its lock; a folder that cannot be written to.
    pub fn acquire(output: &Path) -> Result<Self, CacheError> {
        let path = output.join(LOCK_FILE);
        loop {
            let mut file = open(&path).map_err(|source| CacheError::io("open", &path, source))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(busy(output, &mut file)),
                Err(TryLockError::Error(source)) => return Err(CacheError::io("lock", &path, source)),
            }
            if !is_same_file(&file, &path) {
                continue;
            }
            let left = Holder::read(&mut file);
            if let Some(holder) = left.filter(|holder| holder.host != this_host()) {
                return Err(CacheError::HeldElsewhere {
                    output: output.to_owned(),
                    lock: path,
                    pid: holder.pid,
                    host: holder.host,
                });
            }
            write_holder(&mut file).map_err(|source| CacheError::io("write", &path, source))?;
            return Ok(Self { output: output.to_owned(), path, _file: file });
        }
    }

    /// The folder that is held.
    #[must_use]
    pub fn output(&self) -> &Path {
        &self.output
    }
}

impl Drop for OwnerLock {
    fn drop(&mut self) {
        // Deleted while still held: whoever opened it before finds another file under the name, and starts over.
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "the lock file stays");
        }
    }
}

struct Holder {
    pid: String,
    host: String,
}

impl Holder {
    /// None where the line is not whole: a power cut can leave a part of it, or nothing but zeros.
    fn read(file: &mut File) -> Option<Self> {
        let mut text = String::new();
        file.take(1024).read_to_string(&mut text).ok()?;
        let mut words = text.strip_suffix('\n')?.split_whitespace();
        let pid = words.next().filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()))?;
        Some(Self { pid: pid.to_owned(), host: words.next()?.to_owned() })
    }
}

fn busy(output: &Path, file: &mut File) -> CacheError {
    let holder = Holder::read(file)
        .unwrap_or_else(|| Holder { pid: "unknown".into(), host: "an unknown machine".into() });
    CacheError::Busy { output: output.to_owned(), pid: holder.pid, host: holder.host }
}

fn write_holder(file: &mut File) -> io::Result<()> {
    use std::io::Seek;
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(format!("{} {}\n", std::process::id(), this_host()).as_bytes())?;
    file.sync_all()
}

fn this_host() -> String {
    gethostname::gethostname().to_string_lossy().split_whitespace().collect::<Vec<_>>().join("_")
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(named)) => held.ino() == named.ino() && held.dev() == named.dev(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_same_file(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_owner_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let first = OwnerLock::acquire(folder.path()).unwrap();
        let error = OwnerLock::acquire(folder.path()).unwrap_err();
        let pid = std::process::id().to_string();
        assert!(
            matches!(&error, CacheError::Busy { pid: p, host, .. } if *p == pid && *host == this_host()),
            "{error}"
        );
        drop(first);
        assert!(!folder.path().join(LOCK_FILE).exists());
        OwnerLock::acquire(folder.path()).unwrap();
    }

    #[test]
    fn a_dead_process_of_this_machine_leaves_no_lock_and_one_of_another_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOCK_FILE);
        fs::write(&path, format!("999999 {}\n", this_host())).unwrap();
        drop(OwnerLock::acquire(folder.path()).unwrap());
        fs::write(&path, "17 another-machine\n").unwrap();
        let error = OwnerLock::acquire(folder.path()).unwrap_err().to_string();
        assert!(error.contains("process 17 on another-machine") && error.contains("delete"), "{error}");
    }

    #[test]
    fn what_a_power_cut_left_of_a_lock_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOCK_FILE);
        for left in ["", "17", "17 another-mach", "\0\0\0\0\0\0\0\n", "\0\0 host\n"] {
            fs::write(&path, left).unwrap();
            drop(OwnerLock::acquire(folder.path()).unwrap());
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_user_reads_the_lock() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let _lock = OwnerLock::acquire(folder.path()).unwrap();
        let mode = fs::metadata(folder.path().join(LOCK_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
