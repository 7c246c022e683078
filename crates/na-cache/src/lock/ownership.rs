//! Checks that a lock still belongs to its owner.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::CacheError;
use crate::lock::holder::Holder;
use crate::lock::lock_file::{identity, is_link, open_existing, read_text};

/// The lock as its owner left it. Whoever writes for the owner carries one and checks it before each commit.
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

    /// Checks that the lock is still the one that its owner wrote: somebody may have deleted it, or taken it over.
    ///
    /// # Errors
    /// [`CacheError::LockLost`] if it is not; a lock that cannot be read.
    pub fn check(&self) -> Result<(), CacheError> {
        // Opened, not only looked up: then a network file system asks its server.
        let mut named = match open_existing(&self.path) {
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
