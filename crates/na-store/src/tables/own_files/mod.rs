//! Tells the store's own files in an output folder: nothing else is overwritten, deleted or read as a table.
//!
//! A file is the store's if it bears a mark, or if a manifest of version 2.0 in the same folder names it: then somebody rewrote
//! it, or it is the pandas package's. A name is a mark only of files that a killed run leaves.
//!
//! | file | mark |
//! |---|---|
//! | `long/**.parquet`, `wide/**.parquet` | the key `neuroalign.version` in the file's metadata, and no other name under `neuroalign.file`: a copy belongs to whoever made it |
//! | `metadata.parquet`, `tiv.parquet`, `sources.parquet` | the same; beside a manifest, which does not name them, the columns `subject_code` and `session_id` |
//! | `manifest.json` | `"version": "2.0"` and lists of tables; one that is cut short, beside another file of the store |
//! | `sessions.tsv` | its header |
//! | `columns.json` | `"GeneratedBy": [{"Name": "neuroalign", …}]` |
//! | `.cache.db` | `PRAGMA application_id`; without one, the tables of earlier versions or of the pandas package |
//! | `.cache.lock` | its line, or the first part of one |
//! | `.partial-*`, `.cache-taken-over.db*`, `.cache.lock-left-*` | the name |
//!
//! `sources.parquet` also records, under `neuroalign.remembered`, what only the manifest would otherwise: the choices of files,
//! the roots, and how many withdrew. If the manifest is gone or broken, it is read from there.
//!
//! A file that is renamed to the path of a link replaces the link, and not what it leads to.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use foldhash::HashSet;
use na_cache::CACHE_FILE;
use na_model::columns::KEY_COLUMNS;
use na_model::{FeatureName, MANIFEST_VERSION, Manifest, TableKind, TableName, WideMetrics};
use serde_json::Value;

use crate::error::StoreError;
use crate::format::footer::{MAGIC, first_bytes};
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::columns_json::is_columns_json;
use crate::tables::feature_names::may_give;
use crate::tables::manifest::version_of;
use crate::tables::paths::{
    COLUMNS_FILE, MANIFEST_FILE, METADATA_FILE, SESSIONS_FILE, SOURCES_FILE, TIV_FILE, long_tables_by_name,
    wide_files_by_name,
};
use crate::tables::sessions_tsv::HEADER;

/// The Parquet files that no manifest names.
const UNNAMED: [&str; 3] = [METADATA_FILE, TIV_FILE, SOURCES_FILE];

/// Whether a table may give a feature whose file has this path.
fn may_write(table: &TableName, kind: &TableKind, path: &str, metrics: &WideMetrics) -> bool {
    let modality = table.modality();
    let folder = format!("wide/{modality}/");
    let stem = path.strip_prefix(&folder).and_then(|name| name.strip_suffix(".parquet"));
    stem.is_some_and(|stem| may_give(kind, stem) && ends_in_metric(stem, kind, metrics))
}

/// Whether a name ends in one of these metrics, with or without a number behind it.
fn ends_in_metric(name: &str, kind: &TableKind, metrics: &WideMetrics) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let without_number = name.rsplit_once('_').filter(|(_, number)| is_number(number)).map(|(name, _)| name);
    [Some(name), without_number].into_iter().flatten().any(|name| {
        let ends: Vec<&str> =
            name.match_indices('_').filter_map(|(index, _)| name.get(index + 1..)).collect();
        !metrics.choose(kind, &ends).is_empty()
    })
}

/// An output folder, with the files that its manifest names.
#[derive(Debug, Clone)]
pub(crate) struct OwnFiles {
    output: PathBuf,
    named: HashSet<String>,
    has_manifest: bool,
}

impl OwnFiles {
    pub(crate) fn named_by(output: &Path, manifest: Option<&Manifest>) -> Self {
        let long = manifest.iter().flat_map(|manifest| manifest.long_formats.values());
        let wide = manifest.iter().flat_map(|manifest| manifest.wide_features.values());
        let named = long.map(|entry| &entry.file_path).chain(wide.map(|entry| &entry.file_path));
        Self { output: output.to_owned(), named: named.cloned().collect(), has_manifest: manifest.is_some() }
    }

    /// The store's long tables that have files, in the store's order. The manifest need not name them yet.
    pub(crate) fn long_tables(&self) -> Result<Vec<TableName>, StoreError> {
        let mut own = Vec::new();
        for table in long_tables_by_name(&self.output)? {
            if self.has(&table.file_path())? {
                own.push(table);
            }
        }
        Ok(own)
    }

    /// The files of the store's features, as paths under the store.
    pub(crate) fn wide_files(&self) -> Result<Vec<String>, StoreError> {
        let mut own = Vec::new();
        for path in wide_files_by_name(&self.output)? {
            if self.has(&path)? {
                own.push(path);
            }
        }
        Ok(own)
    }

    /// Whether a Parquet file is the store's. A file that the manifest names is not read.
    pub(crate) fn has(&self, path: &str) -> Result<bool, StoreError> {
        if self.named.contains(path) {
            return Ok(true);
        }
        let (file_path, is_unnamed) = (self.output.join(path), UNNAMED.contains(&path));
        match ParquetReader::open(&file_path) {
            Ok(file) => Ok(file.is_some_and(|file| {
                is_marked(&file) || (self.has_manifest && is_unnamed && is_of_sessions(&file))
            })),
            Err(error) if !cannot_be_read(&error) => Err(error),
            // The manifest names the store's files. Without it, a damaged one may be the store's.
            Err(_) if self.has_manifest => Ok(is_unnamed),
            Err(error) => match begins_as_parquet(&file_path) {
                true => Err(error),
                false => Ok(false),
            },
        }
    }

    /// Refuses other programs' files at the paths of some tables, and of the features that these may give.
    pub(crate) fn check_tables(
        &self,
        tables: &BTreeMap<TableName, TableKind>,
        metrics: &WideMetrics,
    ) -> Result<(), StoreError> {
        tables.keys().try_for_each(|table| self.check_file(&table.file_path()))?;
        let features = wide_files_by_name(&self.output)?.into_iter();
        let mut features =
            features.filter(|path| tables.iter().any(|(table, kind)| may_write(table, kind, path, metrics)));
        features.try_for_each(|path| self.check_file(&path))
    }

    /// Refuses other programs' files at the paths that every store uses.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if !self.has_manifest {
            self.check_text(MANIFEST_FILE, |path| self.is_manifest(path))?;
        }
        UNNAMED.iter().try_for_each(|path| self.check_file(path))?;
        self.check_file(&FeatureName::tiv().file_path())?;
        self.check_text(SESSIONS_FILE, is_session_table)?;
        self.check_text(COLUMNS_FILE, |path| {
            let bytes = fs::read(path).map_err(StoreError::io("read", path))?;
            Ok(bytes.is_empty() || is_columns_json(&bytes))
        })
    }

    /// Refuses another program's file at the path of a Parquet file.
    pub(crate) fn check_file(&self, path: &str) -> Result<(), StoreError> {
        let file_path = self.output.join(path);
        let is_ours = match Entry::at(&file_path)? {
            Entry::Nothing => true,
            // These are read whole, through a link too.
            Entry::Link if UNNAMED.contains(&path) => self.has(path)? || !file_path.exists(),
            Entry::Link => true,
            Entry::File => self.has(path)?,
            Entry::Other => false,
        };
        if is_ours { Ok(()) } else { Err(StoreError::Foreign { path: file_path }) }
    }

    /// Refuses another program's file at the path of a file of text.
    fn check_text(
        &self,
        path: &str,
        is_of_store: impl Fn(&Path) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let file_path = self.output.join(path);
        let is_ours = match Entry::at(&file_path)? {
            Entry::Nothing | Entry::Link => true,
            Entry::Other => false,
            Entry::File => is_of_store(&file_path)?,
        };
        if is_ours { Ok(()) } else { Err(StoreError::Foreign { path: file_path }) }
    }

    /// Whether a file that cannot be understood as a manifest is a broken one.
    fn is_manifest(&self, path: &Path) -> Result<bool, StoreError> {
        let bytes = fs::read(path).map_err(StoreError::io("read", path))?;
        match serde_json::from_slice::<Value>(&bytes) {
            Ok(Value::Object(keys)) if !keys.is_empty() => {
                let has_lists = ["long_formats", "wide_features"].iter().any(|list| keys.contains_key(*list));
                let version = version_of(keys.get("version"));
                Ok(has_lists && version.is_none_or(|version| version == MANIFEST_VERSION))
            }
            // One that is cut short: there is nothing to tell it by but the other files.
            Ok(Value::Object(_)) | Err(_) => self.has_anything(),
            Ok(_) => Ok(false),
        }
    }

    /// Whether anything beside the manifest is the store's.
    fn has_anything(&self) -> Result<bool, StoreError> {
        let cache = fs::symlink_metadata(self.output.join(CACHE_FILE));
        let sessions = self.output.join(SESSIONS_FILE);
        if cache.is_ok_and(|cache| cache.len() > 0) || (sessions.is_file() && is_session_table(&sessions)?) {
            return Ok(true);
        }
        for path in UNNAMED {
            if self.has(path)? {
                return Ok(true);
            }
        }
        Ok(!self.long_tables()?.is_empty())
    }
}

/// The kind of a folder's entry.
enum Entry {
    Nothing,
    Link,
    File,
    /// A folder, a device or a pipe.
    Other,
}

impl Entry {
    fn at(path: &Path) -> Result<Self, StoreError> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::Nothing),
            Err(error) => Err(StoreError::io("look at", path)(error)),
            Ok(metadata) if metadata.is_symlink() => Ok(Self::Link),
            Ok(metadata) if metadata.is_file() => Ok(Self::File),
            Ok(_) => Ok(Self::Other),
        }
    }
}

fn is_marked(file: &ParquetReader) -> bool {
    let name = file.path().file_name().and_then(|name| name.to_str());
    file.key_value(keys::VERSION).is_some()
        && file.key_value(keys::FILE).is_none_or(|recorded| Some(recorded) == name)
}

fn is_of_sessions(file: &ParquetReader) -> bool {
    KEY_COLUMNS.iter().all(|column| file.schema().column_with_name(column).is_some())
}

fn cannot_be_read(error: &StoreError) -> bool {
    match error {
        StoreError::Damaged { .. } => true,
        StoreError::Io { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
        _ => false,
    }
}

fn begins_as_parquet(path: &Path) -> bool {
    // A file that cannot be opened may be one.
    File::open(path).map_or(true, |file| first_bytes(file).is_ok_and(|start| start == MAGIC))
}

/// Whether a file begins as `sessions.tsv` does, or is empty.
fn is_session_table(path: &Path) -> Result<bool, StoreError> {
    let mut line = Vec::new();
    let longest = (HEADER.len() + 8) as u64;
    let read =
        File::open(path).and_then(|file| BufReader::new(file.take(longest)).read_until(b'\n', &mut line));
    read.map_err(StoreError::io("read", path))?;
    let line = String::from_utf8_lossy(&line);
    let line = line.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']);
    Ok(line == HEADER || fs::metadata(path).is_ok_and(|file| file.len() == 0))
}

mod others;
#[cfg(test)]
mod tests;
