//! Which file of a store is what.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use na_model::{Modality, TableName};

use crate::durable::sweep;
use crate::error::StoreError;

/// The commit point.
pub const MANIFEST_FILE: &str = "manifest.json";
pub(crate) const TIV_FILE: &str = "tiv.parquet";
pub(crate) const METADATA_FILE: &str = "metadata.parquet";
pub(crate) const SOURCES_FILE: &str = "sources.parquet";
pub(crate) const SESSIONS_FILE: &str = "sessions.tsv";

/// The long tables whose files are there, in the store's order, whatever the manifest says.
pub(crate) fn long_tables(output: &Path) -> Result<Vec<TableName>, StoreError> {
    let mut tables = Vec::new();
    for (folder, prefix) in [("long", ""), ("long/diffusion", "diffusion_")] {
        for stem in parquet_files(&output.join(folder))? {
            let table = TableName::parse(&format!("{prefix}{stem}")).ok();
            tables.extend(table.filter(|table| table.file_path() == format!("{folder}/{stem}.parquet")));
        }
    }
    tables.sort_unstable();
    Ok(tables)
}

/// The features whose files are there, as paths under the store.
pub(crate) fn wide_files(output: &Path) -> Result<Vec<String>, StoreError> {
    let mut files = Vec::new();
    for modality in Modality::ALL {
        let folder = format!("wide/{modality}");
        for stem in parquet_files(&output.join(&folder))? {
            files.push(format!("{folder}/{stem}.parquet"));
        }
    }
    Ok(files)
}

/// Deletes what exports that were cut short left.
pub(crate) fn sweep_store(output: &Path) -> Result<(), StoreError> {
    ["", "long", "long/diffusion", "wide/anatomical", "wide/diffusion"]
        .iter()
        .try_for_each(|folder| sweep(&output.join(folder)))
}

/// The stems of the Parquet files of a folder, sorted; none where there is no folder.
fn parquet_files(folder: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(StoreError::io("list", folder))?,
    };
    let mut stems = Vec::new();
    for entry in entries {
        let path: PathBuf = entry.map_err(StoreError::io("list", folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match name.strip_suffix(".parquet") {
            Some(stem) if !stem.is_empty() && !stem.starts_with('.') && path.is_file() => {
                stems.push(stem.to_owned())
            }
            _ => {}
        }
    }
    stems.sort_unstable();
    Ok(stems)
}
