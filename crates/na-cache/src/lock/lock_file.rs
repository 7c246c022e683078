//! The lock file: how it is opened, told from another under its name, read, written, set aside and deleted.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::error::CacheError;
use crate::lock::holder::Holder;

/// The lock's name in the output folder.
pub const LOCK_FILE: &str = ".cache.lock";

/// How the name of a dead owner's lock begins while it is taken away.
const SET_ASIDE: &str = ".cache.lock-left-";

/// Longer than any lock's text, bytes.
const LONGEST_TEXT: u64 = 1024;

/// An owner writes its text right after it created the file.
const TEXT_COMES_WITHIN: Duration = Duration::from_millis(200);

/// The lock file, and whether this call created it. `None` if it went away meanwhile.
pub(crate) fn open(path: &Path) -> Result<Option<(File, bool)>, CacheError> {
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

/// Opens an existing lock to read it. A link is never followed.
pub(crate) fn open_existing(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(no_follow()).open(path)
}

fn no_follow() -> i32 {
    rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()
}

/// Whether opening failed because the path is a link.
pub(crate) fn is_link(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::LOOP)
}

/// Device and inode: this file and no other, as long as it is open.
pub(crate) fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Whether an open file is still the one under the path.
pub(crate) fn is_same_file(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(held), Ok(named)) => identity(&held) == identity(&named),
        _ => false,
    }
}

/// The text of a lock file, as far as it can be read.
pub(crate) fn read_text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    // A text that cannot be read counts as cut short.
    let _ = file.rewind().and_then(|()| file.take(LONGEST_TEXT).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) fn write_text(file: &mut File, text: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The holder, given a moment to write its name. `None` if the file names nobody after that.
pub(crate) fn wait_for_holder(file: &mut File) -> Option<Holder> {
    let began = Instant::now();
    loop {
        let holder = Holder::parse(&read_text(file));
        if holder.is_some() || began.elapsed() > TEXT_COMES_WITHIN {
            return holder;
        }
        std::thread::sleep(TEXT_COMES_WITHIN / 20);
    }
}

/// Takes a dead owner's file away. Two processes may find it at the same time, and the slower one must not take what the
/// faster one created under the name.
pub(crate) fn set_aside(path: &Path, left: &Holder, here: &Holder) -> Result<(), CacheError> {
    let aside = path.with_file_name(format!("{SET_ASIDE}{}-{}", here.name.host, here.name.pid));
    match fs::rename(path, &aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        renamed => renamed.map_err(|source| CacheError::io("take away", path, source))?,
    }
    let taken = open_existing(&aside).map(|mut file| Holder::parse(&read_text(&mut file)));
    if matches!(&taken, Ok(Some(holder)) if holder == left) {
        return delete(&aside);
    }
    // If it cannot be given back, its owner stops at its next commit.
    let _ = fs::hard_link(&aside, path);
    delete(&aside)
}

/// Deletes the locks that killed processes set aside.
pub(crate) fn delete_set_aside(output: &Path) -> Result<(), CacheError> {
    let list = |source| CacheError::io("list", output, source);
    for entry in fs::read_dir(output).map_err(list)? {
        let entry = entry.map_err(list)?;
        if entry.file_name().as_encoded_bytes().starts_with(SET_ASIDE.as_bytes()) {
            delete(&entry.path())?;
        }
    }
    Ok(())
}

/// Deletes a file, if it exists.
pub(crate) fn delete(path: &Path) -> Result<(), CacheError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(CacheError::io("delete", path, error)),
        _ => Ok(()),
    }
}

/// Whether locks on byte ranges of a file work. A range locked through this handle does not conflict with a lock on the
/// whole file.
pub(crate) fn record_locks_work(file: &File) -> bool {
    match rustix::fs::fcntl_lock(file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            let _ = rustix::fs::fcntl_lock(file, FlockOperation::NonBlockingUnlock);
            true
        }
        Err(error) => !has_no_locks(error),
    }
}

/// Whether locking failed because the file system has no locks.
pub(crate) fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || Errno::from_io_error(error).is_some_and(has_no_locks)
}

fn has_no_locks(error: Errno) -> bool {
    [Errno::NOLCK, Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOTSUP].contains(&error)
}
