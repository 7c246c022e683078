//! Looking whether a lock is still its owner's.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::CacheError;
use crate::lock::holder::{Holder, read_text};

/// What an owner's lock looks like. Whoever writes for the owner carries one and asks it before each commit.
#[derive(Debug, Clone)]
pub struct Ownership {
    output: PathBuf,
    path: PathBuf,
    file: (u64, u64),
    text: String,
}

impl Ownership {
    pub(super) fn of(output: &Path, path: &Path, file: &File, text: String) -> io::Result<Self> {
        let file = identity(&file.metadata()?);
        Ok(Self { output: output.to_owned(), path: path.to_owned(), file, text })
    }

    /// Looks whether the lock is still what its owner made: somebody may have deleted it, or taken it over.
    ///
    /// # Errors
    /// [`CacheError::LockLost`] if it is not; a lock that cannot be looked at.
    pub fn check(&self) -> Result<(), CacheError> {
        // Opened, not only looked for: a network file system asks its server then.
        let mut named = match open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound || is_link(&error) => {
                return Err(self.lost(String::new()));
            }
            Err(source) => return Err(CacheError::io("look at", &self.path, source)),
        };
        let found = named
            .metadata()
            .map_err(|source| CacheError::io("look at", &self.path, source))
            .map(|m| identity(&m))?;
        let text = read_text(&mut named);
        if found == self.file && text == self.text { Ok(()) } else { Err(self.lost(text)) }
    }

    fn lost(&self, text: String) -> CacheError {
        let holder = Holder::parse(&text).map(|holder| holder.name);
        CacheError::LockLost { output: self.output.clone(), lock: self.path.clone(), holder }
    }
}

/// A file and no other, as long as it is open.
pub(super) fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Opens a lock that is there to read it. A link is never followed.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(no_follow()).open(path)
}

pub(super) fn no_follow() -> i32 {
    rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()
}

pub(super) fn is_link(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::LOOP)
}
