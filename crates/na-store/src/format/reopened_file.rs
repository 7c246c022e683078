//! A file that is open only while somebody needs it: a store has more files than a process may hold open.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

use crate::format::locked::locked;
use std::time::SystemTime;

/// A file that was open once. It can be opened again until another file replaces it.
#[derive(Debug)]
pub(crate) struct ReopenedFile {
    /// Where it may be, in the order in which it is looked for.
    paths: Vec<PathBuf>,
    identity: OpenedIdentity,
    open: Mutex<Weak<File>>,
}

/// What tells a file from one that replaced it. Files of a store are replaced, and never changed.
#[derive(Debug, PartialEq, Eq)]
struct OpenedIdentity {
    inode: u64,
    /// `None` if it does not tell.
    length: Option<u64>,
    /// `None` if it does not tell.
    modified: Option<SystemTime>,
}

impl ReopenedFile {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Arc<File>)> {
        Self::open_at(path, vec![path.to_owned()])
    }

    /// Opens a file that somebody else is going to rename.
    pub(crate) fn open_before_rename(temporary: &Path, path: &Path) -> io::Result<(Self, Arc<File>)> {
        // Between the first two looks it may be renamed.
        let paths = [path, temporary, path].map(Path::to_owned);
        let (mut handle, file) = Self::open_at(temporary, paths.into())?;
        // It is still open to be written: some file systems set its time when it is closed.
        handle.identity.modified = None;
        Ok((handle, file))
    }

    /// Opens a file that somebody goes on to write. It is told from others by its inode alone.
    pub(crate) fn open_while_it_grows(path: &Path) -> io::Result<(Self, Arc<File>)> {
        let (mut handle, file) = Self::open(path)?;
        (handle.identity.length, handle.identity.modified) = (None, None);
        Ok((handle, file))
    }

    fn open_at(path: &Path, paths: Vec<PathBuf>) -> io::Result<(Self, Arc<File>)> {
        let file = Arc::new(File::open(path)?);
        let identity = OpenedIdentity::of(&file.metadata()?);
        let open = Mutex::new(Arc::downgrade(&file));
        Ok((Self { paths, identity, open }, file))
    }

    /// The open file; if nobody has it open any more, it is opened again. It stays open as long as the returned value lives.
    pub(crate) fn file(&self) -> io::Result<Arc<File>> {
        let mut open = locked(&self.open);
        if let Some(file) = open.upgrade() {
            return Ok(file);
        }
        let file = Arc::new(self.open_again()?);
        *open = Arc::downgrade(&file);
        Ok(file)
    }

    fn open_again(&self) -> io::Result<File> {
        let mut failed = io::Error::other("it was replaced while it was read; read it again");
        for path in &self.paths {
            match File::open(path) {
                Ok(file) if self.identity.is_of(&file.metadata()?) => return Ok(file),
                Ok(_) => {}
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }
}

impl OpenedIdentity {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self { inode, length: Some(metadata.len()), modified: metadata.modified().ok() }
    }

    fn is_of(&self, metadata: &Metadata) -> bool {
        let now = Self::of(metadata);
        let (length, modified) = (self.length.and(now.length), self.modified.and(now.modified));
        Self { length, modified, ..now } == *self
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_opened_again_when_nobody_has_it_open_and_only_if_it_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let [path, other] = ["a", "b"].map(|name| folder.path().join(name));
        fs::write(&path, "old").unwrap();
        let (handle, file) = ReopenedFile::open(&path).unwrap();
        assert!(Arc::ptr_eq(&file, &handle.file().unwrap()));
        drop(file);
        let file = handle.file().unwrap();
        fs::write(&other, "new").unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(Arc::ptr_eq(&file, &handle.file().unwrap()), "it is open still");
        drop(file);
        assert!(handle.file().unwrap_err().to_string().contains("replaced"));
    }

    #[test]
    fn a_file_is_found_before_and_after_its_rename() {
        let folder = tempfile::tempdir().unwrap();
        let [path, temporary] = ["a", ".partial-a"].map(|name| folder.path().join(name));
        fs::write(&path, "old").unwrap();
        fs::write(&temporary, "new").unwrap();
        let read = |handle: &ReopenedFile| io::read_to_string(handle.file().unwrap().as_ref()).unwrap();
        let (handle, file) = ReopenedFile::open_before_rename(&temporary, &path).unwrap();
        drop(file);
        assert_eq!(read(&handle), "new");
        fs::rename(&temporary, &path).unwrap();
        assert_eq!(read(&handle), "new");
        fs::remove_file(&path).unwrap();
        assert!(handle.file().is_err());
    }
}
