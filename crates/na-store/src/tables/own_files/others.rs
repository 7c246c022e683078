//! What lies in an output folder and is not the store's: no command looks into it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use na_cache::{SEGMENTS_FOLDER, is_part_name};

use crate::error::StoreError;
use crate::format::atomic_file::is_temporary;
use crate::tables::own_files::OwnFiles;
use crate::tables::paths::{FOLDERS, begins_as_part, entries, is_top_file};

impl OwnFiles {
    /// Files and folders in the store's folders that are not the store's, as paths under it. Folders end in `/`.
    pub(crate) fn others(&self) -> Result<BTreeSet<String>, StoreError> {
        let mut others = BTreeSet::new();
        for folder in ["", "wide"].into_iter().chain(FOLDERS) {
            for entry in entries(&self.output.join(folder))? {
                let entry = entry.map_err(StoreError::io("list", &self.output.join(folder)))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
                if fs::metadata(entry.path()).is_ok_and(|entry| entry.is_dir()) {
                    let is_own = ["wide", SEGMENTS_FOLDER].contains(&path.as_str())
                        || FOLDERS.contains(&path.as_str());
                    others.extend((!is_own).then(|| format!("{path}/")));
                } else if !is_own_by_name(folder, &name)
                    && !is_part(folder, &name, &entry.path())?
                    && !self.has(&path)?
                {
                    others.insert(path);
                }
            }
        }
        Ok(others)
    }
}

fn is_own_by_name(folder: &str, name: &str) -> bool {
    is_temporary(name) || (folder.is_empty() && is_top_file(name))
}

fn is_part(folder: &str, name: &str, path: &Path) -> Result<bool, StoreError> {
    Ok(folder.starts_with("long") && is_part_name(name) && begins_as_part(path)?)
}
