//! The paths of a store's existing files.

use std::path::PathBuf;

use crate::error::StoreError;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::paths::{MANIFEST_FILE, other_files};

impl ExistingStore {
    /// The files that exist, without the cache's and without those of other programs.
    ///
    /// # Errors
    /// A folder that cannot be listed; a file whose origin cannot be read.
    pub fn files(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut paths = vec![MANIFEST_FILE.to_owned()];
        paths.extend(self.long_tables()?.iter().map(|table| table.file_path()));
        paths.extend(self.own_files().wide_files()?);
        paths.extend(other_files(true).map(str::to_owned));
        let mut files: Vec<PathBuf> = paths.iter().map(|path| self.output().join(path)).collect();
        files.retain(|path| path.is_file());
        Ok(files)
    }
}
