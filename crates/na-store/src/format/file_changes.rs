//! The changes that one writer makes to the files of a store: renames, deletions, and the syncs that make them last.
//!
//! A rename is durable when its folder is synced, so that hundreds of files cost a handful of syncs. If an export takes
//! something away, it holds finished files back under their temporary names until all of them are whole and verified.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use na_cache::{OwnerLock, Ownership};

use crate::error::StoreError;
use crate::format::file_state::FileState;
use crate::format::locked::locked;

/// The changes of one writer, done and pending. Many threads write through one.
#[derive(Debug, Default)]
pub(crate) struct FileChanges {
    /// Folders with a rename or deletion since their last sync.
    unsynced: Mutex<BTreeSet<PathBuf>>,
    /// The temporary name of each finished file that is held back, by path. `None` if each file is renamed at once.
    held_back: Mutex<Option<BTreeMap<PathBuf, PathBuf>>>,
    /// Files to delete once nothing in the store needs them.
    doomed: Mutex<BTreeSet<PathBuf>>,
    /// The state of each file written so far, by path.
    states: Mutex<BTreeMap<PathBuf, FileState>>,
    ownership: Option<Ownership>,
    takes_away: bool,
}

impl FileChanges {
    /// Changes to the output that `lock` holds. Once the lock is another's, nothing is renamed or deleted.
    pub(crate) fn of(lock: &OwnerLock) -> Self {
        let mut changes = Self::default();
        changes.ownership = Some(lock.ownership().clone());
        changes
    }

    /// The same for changes that take something away: finished files are held back until [`FileChanges::publish`].
    pub(crate) fn holding_back(mut self) -> Self {
        self.held_back = Mutex::new(Some(BTreeMap::new()));
        self.takes_away = true;
        self
    }

    /// Whether the changes take something away.
    pub(crate) fn takes_away(&self) -> bool {
        self.takes_away
    }

    /// The path of the content of `path`: its temporary name while it is held back.
    pub(crate) fn current_path(&self, path: &Path) -> PathBuf {
        let held_back = locked(&self.held_back);
        let temporary = held_back.as_ref().and_then(|held_back| held_back.get(path));
        temporary.map_or_else(|| path.to_owned(), PathBuf::clone)
    }

    /// Renames the files that were held back, durably and in the order of their paths. Later files are renamed at once.
    pub(crate) fn publish(&self) -> Result<(), StoreError> {
        let held_back = locked(&self.held_back).take();
        for (path, temporary) in held_back.into_iter().flatten() {
            self.rename(&temporary, &path)?;
        }
        self.sync()
    }

    /// Renames a file that is whole and synced, or holds it back.
    pub(super) fn finish(&self, temporary: &Path, path: &Path, state: FileState) -> Result<(), StoreError> {
        locked(&self.states).insert(path.to_owned(), state);
        let mut held_back = locked(&self.held_back);
        if let Some(held_back) = held_back.as_mut() {
            held_back.insert(path.to_owned(), temporary.to_owned());
            return Ok(());
        }
        drop(held_back);
        self.rename(temporary, path)
    }

    fn rename(&self, temporary: &Path, path: &Path) -> Result<(), StoreError> {
        self.check_owner()?;
        fs::rename(temporary, path).map_err(StoreError::io("rename to", path))?;
        self.mark_unsynced(path.parent().unwrap_or(Path::new(".")));
        Ok(())
    }

    /// The state of a file that was written through these changes. `None` for any other.
    pub(crate) fn state_of(&self, path: &Path) -> Option<FileState> {
        locked(&self.states).get(path).cloned()
    }

    /// A file that was written through these changes and is not what was written any more. `None` if all are.
    pub(crate) fn first_changed(&self) -> Option<PathBuf> {
        let states = locked(&self.states);
        let changed = states.iter().find(|(path, state)| !state.is_as_it_was(&self.current_path(path)));
        changed.map(|(path, _)| path.clone())
    }

    /// Marks a file for [`FileChanges::delete_marked`].
    pub(crate) fn delete_later(&self, path: &Path) {
        locked(&self.doomed).insert(path.to_owned());
    }

    /// Deletes the marked files, durably.
    pub(crate) fn delete_marked(&self) -> Result<(), StoreError> {
        let doomed = std::mem::take(&mut *locked(&self.doomed));
        doomed.iter().try_for_each(|path| self.delete(path))?;
        self.sync()
    }

    /// Makes every rename and deletion so far durable.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let unsynced = std::mem::take(&mut *locked(&self.unsynced));
        for folder in unsynced {
            sync_folder(&folder).map_err(StoreError::io("sync", &folder))?;
        }
        Ok(())
    }

    /// Makes it durable that a file is there.
    pub(crate) fn sync_folder_of(&self, path: &Path) -> Result<(), StoreError> {
        self.mark_unsynced(path.parent().unwrap_or(Path::new(".")));
        self.sync()
    }

    /// Creates a folder and those above it.
    pub(crate) fn create_folder(&self, folder: &Path) -> Result<(), StoreError> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(above) = folder.parent() {
            if !above.as_os_str().is_empty() {
                self.create_folder(above)?;
            }
            self.mark_unsynced(if above.as_os_str().is_empty() { Path::new(".") } else { above });
        }
        match fs::create_dir(folder) {
            Err(error) if !folder.is_dir() => Err(StoreError::io("create the folder", folder)(error)),
            _ => Ok(()),
        }
    }

    /// Deletes a file if it exists.
    pub(crate) fn delete(&self, path: &Path) -> Result<(), StoreError> {
        self.check_owner()?;
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            result => result.map_err(StoreError::io("delete", path))?,
        }
        if let Some(folder) = path.parent() {
            self.mark_unsynced(folder);
        }
        Ok(())
    }

    fn check_owner(&self) -> Result<(), StoreError> {
        Ok(self.ownership.as_ref().map_or(Ok(()), Ownership::check)?)
    }

    fn mark_unsynced(&self, folder: &Path) {
        locked(&self.unsynced).insert(folder.to_owned());
    }
}

impl Drop for FileChanges {
    fn drop(&mut self) {
        let held_back = self.held_back.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        for temporary in held_back.iter().flat_map(BTreeMap::values) {
            let _ = fs::remove_file(temporary);
        }
    }
}

/// Creates a folder and those above it, durably: a power cut does not take them away with all that they hold.
///
/// # Errors
/// A folder that cannot be created or synced.
pub fn create_output(output: &Path) -> Result<(), StoreError> {
    let changes = FileChanges::default();
    changes.create_folder(output)?;
    changes.sync()
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
