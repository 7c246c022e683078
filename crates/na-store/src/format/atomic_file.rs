//! Atomic file replacement: write under a temporary name, sync, rename. After a power cut a file is whole or absent.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::format::file_changes::FileChanges;
use crate::format::file_state::{FileHash, FileState};

/// The start of a temporary name. It never changes, so that the next export removes what a crash left.
const TEMPORARY: &str = ".partial-";

/// A file that is being written under its temporary name. Dropped before [`AtomicFile::commit`], it is deleted, unless it was
/// there before.
#[derive(Debug)]
pub(crate) struct AtomicFile<'a> {
    path: PathBuf,
    temporary: PathBuf,
    changes: &'a FileChanges,
    /// Whether the file at the temporary name is not this value's to delete.
    stays: bool,
}

impl<'a> AtomicFile<'a> {
    /// Begins a file. Its folder is created if it is missing.
    ///
    /// # Errors
    /// A path without a file name; a folder or file that cannot be created.
    pub(crate) fn create(path: &Path, changes: &'a FileChanges) -> Result<(Self, File), StoreError> {
        Self::create_as(TEMPORARY, path, changes)
    }

    /// The same under a temporary name that begins with this.
    fn create_as(start: &str, path: &Path, changes: &'a FileChanges) -> Result<(Self, File), StoreError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        changes.create_folder(folder)?;
        let file_name = path.file_name().ok_or_else(|| StoreError::damaged(path, "it has no file name"))?;
        let mut name = OsString::from(start);
        name.push(file_name);
        let temporary = folder.join(name);
        let file = create_new(&temporary).map_err(StoreError::io("create", &temporary))?;
        Ok((Self { path: path.to_owned(), temporary, changes, stays: false }, file))
    }

    /// Goes on with a file that has another name, under which it stays until it is committed. From here on, it may be read by
    /// whoever may read a new file.
    ///
    /// # Errors
    /// As [`AtomicFile::create`]; a file that cannot be opened.
    pub(crate) fn go_on(
        part: &Path,
        path: &Path,
        changes: &'a FileChanges,
    ) -> Result<(Self, File), StoreError> {
        let (mut new, like) = Self::create(path, changes)?;
        let permissions = like.metadata().map(|metadata| metadata.permissions());
        fs::remove_file(&new.temporary).map_err(StoreError::io("delete", &new.temporary))?;
        new.stays = true;
        let file = File::options().read(true).write(true).open(part).map_err(StoreError::io("open", part))?;
        let changed = permissions.and_then(|wanted| match file.metadata()?.permissions() == wanted {
            true => Ok(()),
            false => file.set_permissions(wanted),
        });
        changed.map_err(StoreError::io("change the permissions of", part))?;
        Ok((Self { path: path.to_owned(), temporary: part.to_owned(), changes, stays: true }, file))
    }

    /// The path that it is renamed to.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path at which it is written.
    pub(crate) fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Syncs the file, which has this hash, takes a last step, and renames the file, or holds it back. Until then readers see the
    /// old file, whole; from then on the new one.
    pub(crate) fn commit(
        mut self,
        file: File,
        hash: FileHash,
        step: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        file.sync_all().map_err(StoreError::io("sync", &self.temporary))?;
        // Some file systems set the time of a file when it is closed.
        drop(file);
        let state =
            FileState::of(&self.temporary, hash).map_err(StoreError::io("look at", &self.temporary))?;
        step()?;
        self.changes.finish(&self.temporary, &self.path, state)?;
        self.stays = true;
        Ok(())
    }
}

impl Drop for AtomicFile<'_> {
    fn drop(&mut self) {
        if !self.stays {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Replaces a file with this content.
pub(crate) fn write_atomically(path: &Path, changes: &FileChanges, content: &[u8]) -> Result<(), StoreError> {
    write_as(TEMPORARY, path, changes, content)
}

/// Puts a file with this content at a path, whole or not at all. Its folder is created if it is missing. Several processes may do so at once:
/// each has a temporary file of its own, and the last one counts.
///
/// # Errors
/// A file or folder that cannot be written.
pub fn replace_file(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let (start, changes) = (format!("{TEMPORARY}{}-", std::process::id()), FileChanges::default());
    write_as(&start, path, &changes, content)
}

fn write_as(start: &str, path: &Path, changes: &FileChanges, content: &[u8]) -> Result<(), StoreError> {
    let (atomic, mut file) = AtomicFile::create_as(start, path, changes)?;
    file.write_all(content).map_err(StoreError::io("write", path))?;
    atomic.commit(file, FileHash::of_content(content), || Ok(()))
}

/// Whether a file has a temporary name.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY)
}

/// Deletes the temporary files that interrupted exports left in a folder. A link is deleted, and not what it leads to.
pub(crate) fn remove_temporaries(folder: &Path) -> Result<(), StoreError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(StoreError::io("list", folder))?,
    };
    for entry in entries {
        let entry = entry.map_err(StoreError::io("list", folder))?;
        let kind = entry.file_type().map_err(StoreError::io("look at", &entry.path()))?;
        if !kind.is_dir() && entry.file_name().to_str().is_some_and(is_temporary) {
            fs::remove_file(entry.path()).map_err(StoreError::io("delete", &entry.path()))?;
        }
    }
    Ok(())
}

/// Creates a file that does not exist. A file or link that a killed run left under its name is deleted first; no link is
/// followed.
fn create_new(path: &Path) -> io::Result<File> {
    match File::create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            File::create_new(path)
        }
        created => created,
    }
}

#[cfg(test)]
mod tests {
    use na_cache::OwnerLock;

    use super::*;

    #[test]
    fn a_file_is_in_its_place_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (changes, path) = (FileChanges::default(), folder.path().join("a/b/file"));
        let (atomic, mut file) = AtomicFile::create(&path, &changes).unwrap();
        file.write_all(b"half").unwrap();
        drop((atomic, file));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
        write_atomically(&path, &changes, b"whole").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        changes.sync().unwrap();
    }

    #[test]
    fn files_wait_until_all_of_them_are_whole() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
        fs::write(&first, "old").unwrap();
        let changes = FileChanges::default().holding_back();
        write_atomically(&first, &changes, b"new").unwrap();
        assert_eq!(fs::read(&first).unwrap(), b"old");
        assert_eq!(fs::read(changes.current_path(&first)).unwrap(), b"new");
        drop(changes);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "what was not published is gone");
        let changes = FileChanges::default().holding_back();
        write_atomically(&first, &changes, b"new").unwrap();
        write_atomically(&second, &changes, b"new").unwrap();
        changes.publish().unwrap();
        assert_eq!(
            (fs::read(&first).unwrap(), changes.current_path(&first)),
            (b"new".to_vec(), first.clone())
        );
        write_atomically(&first, &changes, b"last").unwrap();
        assert_eq!(fs::read(&first).unwrap(), b"last");
        changes.delete_later(&second);
        assert!(second.exists());
        changes.delete_marked().unwrap();
        assert!(!second.exists());
    }

    #[test]
    fn nothing_is_replaced_or_deleted_once_the_lock_is_another_s() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let lock = OwnerLock::acquire(folder.path()).unwrap();
        let changes = FileChanges::of(&lock);
        write_atomically(&path, &changes, b"ours").unwrap();
        fs::write(folder.path().join(na_cache::LOCK_FILE), "17 other boot=b0 fs=nfs\n").unwrap();
        for result in [write_atomically(&path, &changes, b"late"), changes.delete(&path)] {
            let error = result.unwrap_err().to_string();
            assert!(error.contains("process 17 on other"), "{error}");
        }
        assert_eq!(fs::read(&path).unwrap(), b"ours");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_never_written_through() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let [path, partial, mine] = ["file", ".partial-file", "mine"].map(|name| folder.path().join(name));
        let changes = FileChanges::default();
        for target in [&mine, &folder.path().join("nothing")] {
            fs::write(&mine, "mine").unwrap();
            let _ = fs::remove_file(&path);
            symlink(target, &path).unwrap();
            symlink(target, &partial).unwrap();
            write_atomically(&path, &changes, b"ours").unwrap();
            assert!(!path.is_symlink() && !partial.is_symlink());
            symlink(target, &partial).unwrap();
            remove_temporaries(folder.path()).unwrap();
            assert!(!partial.is_symlink());
            assert_eq!(
                (fs::read(&path).unwrap(), fs::read(&mine).unwrap()),
                (b"ours".to_vec(), b"mine".to_vec())
            );
            assert!(!folder.path().join("nothing").exists());
        }
    }

    #[test]
    fn what_a_crash_left_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".partial-x.parquet"), "half").unwrap();
        fs::write(folder.path().join("x.parquet"), "whole").unwrap();
        remove_temporaries(folder.path()).unwrap();
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["x.parquet"]);
    }
}
