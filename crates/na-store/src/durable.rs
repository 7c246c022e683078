//! Files that are there whole or not at all, also after a power cut.
//!
//! A file is written under another name beside its place, synced, and renamed. A rename is durable when its folder is
//! synced: [`Folders`] remembers which, so that hundreds of files cost a handful of syncs. Where an export takes something
//! away, all files wait beside their places until all of them are whole and verified.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use na_cache::{OwnerLock, Ownership};

use crate::error::StoreError;
use crate::file_state::{FileState, Hashed};

/// The start of a name under which a file is written. Fixed, so that the next export clears what a crash left.
const PARTIAL: &str = ".partial-";

/// The folders whose entries changed and are not synced yet, in the hands of whoever may change them.
#[derive(Debug, Default)]
pub(crate) struct Folders {
    changed: Mutex<BTreeSet<PathBuf>>,
    /// Files that are whole and wait beside their places, by place. None where a file goes into its place at once.
    waiting: Mutex<Option<BTreeMap<PathBuf, PathBuf>>>,
    /// Files that go once the store does without them.
    leaving: Mutex<BTreeSet<PathBuf>>,
    /// The states of the files that were written.
    states: Mutex<BTreeMap<PathBuf, FileState>>,
    ownership: Option<Ownership>,
}

impl Folders {
    /// Folders of the output that is held: nothing is put in its place or deleted once the lock is another's.
    pub(crate) fn of(lock: &OwnerLock) -> Self {
        let mut folders = Self::default();
        folders.ownership = Some(lock.ownership().clone());
        folders
    }

    /// The same; files wait beside their places until [`Folders::publish`].
    pub(crate) fn waiting(mut self) -> Self {
        self.waiting = Mutex::new(Some(BTreeMap::new()));
        self
    }

    /// Where the file of a place is now.
    pub(crate) fn now_at(&self, place: &Path) -> PathBuf {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let partial = waiting.as_ref().and_then(|waiting| waiting.get(place));
        partial.map_or_else(|| place.to_owned(), PathBuf::clone)
    }

    /// Puts the files that wait into their places, durably. Files that come later go there at once.
    pub(crate) fn publish(&self) -> Result<(), StoreError> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        for (place, partial) in waiting.into_iter().flatten() {
            self.put(&partial, &place)?;
        }
        self.sync()
    }

    fn put(&self, partial: &Path, place: &Path) -> Result<(), StoreError> {
        self.check_owner()?;
        fs::rename(partial, place).map_err(StoreError::io("rename to", place))?;
        self.note(place.parent().unwrap_or(Path::new(".")));
        Ok(())
    }

    /// The state of a file, if it was written through these folders.
    pub(crate) fn state_of(&self, place: &Path) -> Option<FileState> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }

    /// Notes a file that goes once the store does without it.
    pub(crate) fn let_go(&self, path: &Path) {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
    }

    /// Deletes the files that go, durably.
    pub(crate) fn delete_leaving(&self) -> Result<(), StoreError> {
        let leaving = std::mem::take(&mut *self.leaving.lock().unwrap_or_else(PoisonError::into_inner));
        leaving.iter().try_for_each(|path| self.delete(path))?;
        self.sync()
    }

    fn check_owner(&self) -> Result<(), StoreError> {
        Ok(self.ownership.as_ref().map_or(Ok(()), Ownership::check)?)
    }

    /// Makes every rename and deletion so far durable.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let changed = std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner));
        for folder in changed {
            sync_folder(&folder).map_err(StoreError::io("sync", &folder))?;
        }
        Ok(())
    }

    fn note(&self, folder: &Path) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
    }

    /// Makes a folder and those above it.
    pub(crate) fn create(&self, folder: &Path) -> Result<(), StoreError> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(above) = folder.parent() {
            if !above.as_os_str().is_empty() {
                self.create(above)?;
            }
            self.note(if above.as_os_str().is_empty() { Path::new(".") } else { above });
        }
        match fs::create_dir(folder) {
            Err(error) if !folder.is_dir() => Err(StoreError::io("create the folder", folder)(error)),
            _ => Ok(()),
        }
    }

    /// Deletes a file if it is there.
    pub(crate) fn delete(&self, path: &Path) -> Result<(), StoreError> {
        self.check_owner()?;
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            result => result.map_err(StoreError::io("delete", path))?,
        }
        if let Some(folder) = path.parent() {
            self.note(folder);
        }
        Ok(())
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        let waiting = self.waiting.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        for partial in waiting.iter().flat_map(BTreeMap::values) {
            let _ = fs::remove_file(partial);
        }
    }
}

/// Makes a folder, and those above it, so that a power cut does not take them away with all that is in them.
///
/// # Errors
/// A folder that cannot be made or synced.
pub fn create_output(output: &Path) -> Result<(), StoreError> {
    let folders = Folders::default();
    folders.create(output)?;
    folders.sync()
}

/// A file that is being written and is not in its place yet. Dropped before [`DurableFile::commit`], it is gone.
#[derive(Debug)]
pub(crate) struct DurableFile<'a> {
    place: PathBuf,
    partial: PathBuf,
    folders: &'a Folders,
    committed: bool,
}

impl<'a> DurableFile<'a> {
    /// A file for a place; its folder is made where it is missing.
    pub(crate) fn create(
        place: &Path,
        folders: &'a Folders,
    ) -> Result<(Self, BufWriter<Hashed>), StoreError> {
        let folder = place.parent().unwrap_or(Path::new("."));
        folders.create(folder)?;
        let mut name = std::ffi::OsString::from(PARTIAL);
        name.push(place.file_name().unwrap_or_default());
        let partial = folder.join(name);
        let file = create_new(&partial).map_err(StoreError::io("create", &partial))?;
        let durable = Self { place: place.to_owned(), partial, folders, committed: false };
        Ok((durable, BufWriter::with_capacity(1 << 18, Hashed::new(file))))
    }

    /// Where it is going to be.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// Puts the file in its place: readers see the old one whole before, and the new one whole after.
    pub(crate) fn commit(mut self, file: BufWriter<Hashed>) -> Result<(), StoreError> {
        let file =
            file.into_inner().map_err(|error| StoreError::io("write", &self.partial)(error.into_error()))?;
        let state = file.sync().map_err(StoreError::io("sync", &self.partial))?;
        drop(file);
        let mut states = self.folders.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.insert(self.place.clone(), state);
        drop(states);
        let mut waiting = self.folders.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = waiting.as_mut() {
            waiting.insert(self.place.clone(), self.partial.clone());
        } else {
            drop(waiting);
            self.folders.put(&self.partial, &self.place)?;
        }
        self.committed = true;
        Ok(())
    }
}

impl Drop for DurableFile<'_> {
    fn drop(&mut self) {
        if !self.committed {
            let _ = fs::remove_file(&self.partial);
        }
    }
}

/// Writes a small file whole.
pub(crate) fn write_durably(place: &Path, folders: &Folders, content: &[u8]) -> Result<(), StoreError> {
    let (durable, mut file) = DurableFile::create(place, folders)?;
    file.write_all(content).map_err(StoreError::io("write", place))?;
    durable.commit(file)
}

/// Whether a file of this name is one that is being written, or was.
pub(crate) fn is_partial(name: &str) -> bool {
    name.starts_with(PARTIAL)
}

/// Deletes what exports that were cut short left in a folder, links themselves and not what they lead to.
pub(crate) fn sweep(folder: &Path) -> Result<(), StoreError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(StoreError::io("list", folder))?,
    };
    for entry in entries {
        let entry = entry.map_err(StoreError::io("list", folder))?;
        let kind = entry.file_type().map_err(StoreError::io("look at", &entry.path()))?;
        if !kind.is_dir() && entry.file_name().to_str().is_some_and(is_partial) {
            fs::remove_file(entry.path()).map_err(StoreError::io("delete", &entry.path()))?;
        }
    }
    Ok(())
}

/// A file that was not there. What a killed run left under its name goes first; a link is not followed.
fn create_new(path: &Path) -> io::Result<File> {
    match File::create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            File::create_new(path)
        }
        created => created,
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_in_its_place_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (folders, place) = (Folders::default(), folder.path().join("a/b/file"));
        let (durable, mut file) = DurableFile::create(&place, &folders).unwrap();
        file.write_all(b"half").unwrap();
        drop((durable, file));
        assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 0);
        write_durably(&place, &folders, b"whole").unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"whole");
        folders.sync().unwrap();
    }

    #[test]
    fn files_wait_until_all_of_them_are_whole() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
        fs::write(&first, "old").unwrap();
        let folders = Folders::default().waiting();
        write_durably(&first, &folders, b"new").unwrap();
        assert_eq!(fs::read(&first).unwrap(), b"old");
        assert_eq!(fs::read(folders.now_at(&first)).unwrap(), b"new");
        drop(folders);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "what was not published is gone");
        let folders = Folders::default().waiting();
        write_durably(&first, &folders, b"new").unwrap();
        write_durably(&second, &folders, b"new").unwrap();
        folders.publish().unwrap();
        assert_eq!((fs::read(&first).unwrap(), folders.now_at(&first)), (b"new".to_vec(), first.clone()));
        write_durably(&first, &folders, b"last").unwrap();
        assert_eq!(fs::read(&first).unwrap(), b"last");
        folders.let_go(&second);
        assert!(second.exists());
        folders.delete_leaving().unwrap();
        assert!(!second.exists());
    }

    #[test]
    fn nothing_is_replaced_or_deleted_once_the_lock_is_another_s() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("file");
        let lock = OwnerLock::acquire(folder.path()).unwrap();
        let folders = Folders::of(&lock);
        write_durably(&place, &folders, b"ours").unwrap();
        fs::write(folder.path().join(na_cache::LOCK_FILE), "17 other boot=b0 fs=nfs\n").unwrap();
        for result in [write_durably(&place, &folders, b"late"), folders.delete(&place)] {
            let error = result.unwrap_err().to_string();
            assert!(error.contains("process 17 on other"), "{error}");
        }
        assert_eq!(fs::read(&place).unwrap(), b"ours");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_never_written_through() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let [place, partial, mine] = ["file", ".partial-file", "mine"].map(|name| folder.path().join(name));
        let (folders, is_link) = (Folders::default(), |path: &Path| path.is_symlink());
        for target in [&mine, &folder.path().join("nothing")] {
            fs::write(&mine, "mine").unwrap();
            let _ = fs::remove_file(&place);
            symlink(target, &place).unwrap();
            symlink(target, &partial).unwrap();
            write_durably(&place, &folders, b"ours").unwrap();
            assert!(!is_link(&place) && !is_link(&partial));
            symlink(target, &partial).unwrap();
            sweep(folder.path()).unwrap();
            assert!(!is_link(&partial));
            assert_eq!(
                (fs::read(&place).unwrap(), fs::read(&mine).unwrap()),
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
        sweep(folder.path()).unwrap();
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["x.parquet"]);
    }
}
