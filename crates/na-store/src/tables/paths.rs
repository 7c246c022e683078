//! The paths of a store's files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use na_cache::{CACHE_FILE, LOCK_FILE, TAKEN_OVER_FILE, is_part_name};
use na_model::{Modality, TableName};

use crate::error::StoreError;
use crate::format::atomic_file::{is_temporary, remove_temporaries};
use crate::format::footer::{MAGIC, first_bytes};
use crate::tables::report_page::REPORT_FILE;

/// The commit point.
pub(crate) const MANIFEST_FILE: &str = "manifest.json";
pub(crate) const TIV_FILE: &str = "tiv.parquet";
pub(crate) const METADATA_FILE: &str = "metadata.parquet";
pub(crate) const SOURCES_FILE: &str = "sources.parquet";
pub(crate) const SESSIONS_FILE: &str = "sessions.tsv";
pub(crate) const COLUMNS_FILE: &str = "columns.json";

/// Files in the output folder itself, without the cache's.
const TOP_FILES: [&str; 7] =
    [MANIFEST_FILE, TIV_FILE, METADATA_FILE, SOURCES_FILE, SESSIONS_FILE, COLUMNS_FILE, REPORT_FILE];

/// The files beside the manifest, the tables and the features.
pub(crate) fn other_files<'a>(has_tiv: bool) -> impl Iterator<Item = &'a str> {
    let always = [METADATA_FILE, SOURCES_FILE, SESSIONS_FILE, COLUMNS_FILE];
    always.into_iter().chain(has_tiv.then_some(TIV_FILE))
}

/// The folders of tables and features.
pub(crate) const FOLDERS: [&str; 4] = ["long", "long/diffusion", "wide/anatomical", "wide/diffusion"];

/// The folders of long tables, each with what the names of its tables begin with beside those of the files.
const LONG_FOLDERS: [(&str, &str); 2] = [("long", ""), ("long/diffusion", "diffusion_")];

/// Whether the store in `output` may write a file at this path, however the path is spelled and through whichever links. The
/// content of a file there does not matter.
#[must_use]
pub fn is_store_path(output: &Path, path: &Path) -> bool {
    if TOP_FILES.iter().any(|name| is_same_file(&output.join(name), path)) {
        return true;
    }
    let (top, folders) = (resolved(output), FOLDERS.map(|folder| resolved(&output.join(folder))));
    let is_written = |path: &Path| {
        let is_top = path.parent() == Some(&top) && has_name(path, is_top_file);
        let is_in_folder = folders.iter().any(|folder| path.parent() == Some(folder));
        is_top || is_in_folder && has_name(path, is_table_file)
    };
    let itself = path.parent().map(resolved).zip(path.file_name()).map(|(folder, name)| folder.join(name));
    itself.is_some_and(|path| is_written(&path)) || is_written(&resolved(path))
}

fn has_name(path: &Path, is_it: impl Fn(&str) -> bool) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(is_it)
}

/// Whether a file in the output folder itself is the store's or the cache's, by its name.
pub(crate) fn is_top_file(name: &str) -> bool {
    TOP_FILES.contains(&name) || is_temporary(name) || is_of_cache(name)
}

fn is_table_file(name: &str) -> bool {
    name.ends_with(".parquet") || is_temporary(name) || is_part_name(name)
}

fn is_of_cache(name: &str) -> bool {
    name == LOCK_FILE || name.starts_with(CACHE_FILE) || name.starts_with(TAKEN_OVER_FILE)
}

/// A path without links and dots, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    let above = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    match (above.canonicalize(), above.parent(), above.file_name()) {
        (Ok(path), _, _) => path,
        (Err(_), Some(parent), Some(name)) => resolved(parent).join(name),
        (Err(_), _, _) => path.to_owned(),
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let identity = |path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
        identity(one).is_some_and(|one| Some(one) == identity(other))
    }
    #[cfg(not(unix))]
    {
        one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
    }
}

/// The long tables that have files, by the files' names alone, in the store's order: the derived order of [`TableName`], by
/// which tables are planned and written.
pub(crate) fn long_tables_by_name(output: &Path) -> Result<Vec<TableName>, StoreError> {
    let mut tables = Vec::new();
    for (folder, prefix) in LONG_FOLDERS {
        for stem in parquet_stems(&output.join(folder))? {
            let table = TableName::parse(&format!("{prefix}{stem}")).ok();
            tables.extend(table.filter(|table| table.file_path() == format!("{folder}/{stem}.parquet")));
        }
    }
    tables.sort_unstable();
    Ok(tables)
}

/// The files beside the long tables that look like parts: by their names, and by their first bytes, which one that was
/// just begun may lack. Sorted.
pub(crate) fn likely_parts(output: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut parts = Vec::new();
    for folder in LONG_FOLDERS.map(|(folder, _)| output.join(folder)) {
        for entry in entries(&folder)? {
            let entry = entry.map_err(StoreError::io("list", &folder))?;
            let path = entry.path();
            let is_file = entry.file_type().map_err(StoreError::io("look at", &path))?.is_file();
            if is_file && has_name(&path, is_part_name) && begins_as_part(&path)? {
                parts.push(path);
            }
        }
    }
    parts.sort_unstable();
    Ok(parts)
}

/// Whether a file is a part by its first bytes.
pub(crate) fn begins_as_part(path: &Path) -> Result<bool, StoreError> {
    let start = fs::File::open(path).and_then(first_bytes).map_err(StoreError::io("read", path))?;
    Ok(MAGIC.starts_with(&start))
}

/// The files of features, by their names alone, as paths under the store: by modality, then in name order.
pub(crate) fn wide_files_by_name(output: &Path) -> Result<Vec<String>, StoreError> {
    let mut files = Vec::new();
    for modality in Modality::ALL {
        let folder = format!("wide/{modality}");
        for stem in parquet_stems(&output.join(&folder))? {
            files.push(format!("{folder}/{stem}.parquet"));
        }
    }
    Ok(files)
}

/// The entries of a folder. None if it does not exist.
pub(crate) fn entries(folder: &Path) -> Result<impl Iterator<Item = io::Result<fs::DirEntry>>, StoreError> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None.into_iter().flatten()),
        entries => Ok(Some(entries.map_err(StoreError::io("list", folder))?).into_iter().flatten()),
    }
}

/// Deletes the temporary files of interrupted exports.
pub(crate) fn remove_temporaries_of_store(output: &Path) -> Result<(), StoreError> {
    remove_temporaries(output)?;
    FOLDERS.iter().try_for_each(|folder| remove_temporaries(&output.join(folder)))
}

/// The stems of a folder's Parquet files, in name order. None if the folder does not exist.
fn parquet_stems(folder: &Path) -> Result<Vec<String>, StoreError> {
    let mut stems = Vec::new();
    for entry in entries(folder)? {
        let path: PathBuf = entry.map_err(StoreError::io("list", folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        match name.and_then(|name| name.strip_suffix(".parquet")) {
            Some(stem) if !stem.is_empty() && !stem.starts_with('.') && path.is_file() => {
                stems.push(stem.to_owned())
            }
            _ => {}
        }
    }
    stems.sort_unstable();
    Ok(stems)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("store/long")).unwrap();
        folder
    }

    #[test]
    fn what_a_store_writes_is_a_place_of_it_however_it_is_spelled() {
        let folder = store();
        let output = folder.path().join("store");
        for written in [
            "manifest.json",
            "../store/sessions.tsv",
            "long/../metadata.parquet",
            ".cache.db-wal",
            ".cache.lock",
            ".partial-x",
            "long/anatomical_gm.parquet",
            "wide/anatomical/gm_mean.parquet",
        ] {
            assert!(is_store_path(&output, &output.join(written)), "{written}");
        }
        for other in
            ["list.csv", "long/list.csv", "../sessions.tsv", "sessions.tsv/below", "logs/manifest.json"]
        {
            assert!(!is_store_path(&output, &output.join(other)), "{other}");
        }
        assert!(is_store_path(
            &folder.path().join("not yet/there"),
            &folder.path().join("not yet/there/tiv.parquet")
        ));
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_to_places_too() {
        use std::os::unix::fs::symlink;
        let folder = store();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("list.tsv"), "mine").unwrap();
        fs::create_dir(path("disk")).unwrap();
        fs::remove_dir(path("store/long")).unwrap();
        symlink(path("disk"), path("store/long")).unwrap();
        symlink(path("store"), path("link")).unwrap();
        symlink(path("store/sessions.tsv"), path("list")).unwrap();
        assert!(is_store_path(&path("link"), &path("store/tiv.parquet")));
        assert!(is_store_path(&path("store"), &path("link/tiv.parquet")));
        assert!(is_store_path(&path("store"), &path("disk/anatomical_gm.parquet")));
        assert!(!is_store_path(&path("store"), &path("list.tsv")));
        symlink(path("list.tsv"), path("store/sessions.tsv")).unwrap();
        for spelling in ["list", "list.tsv", "link/sessions.tsv"] {
            assert!(is_store_path(&path("store"), &path(spelling)), "{spelling}");
        }
    }
}
