//! The manifest, `manifest.json`: the commit point, and the list of the store's content.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use na_model::{
    Choices, LongFormat, MANIFEST_VERSION, Manifest, Session, SourceRoot, TableKind, TableName, WideFeature,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::Xxh3;

use crate::error::StoreError;
use crate::format::atomic_file::write_atomically;
use crate::format::file_changes::FileChanges;
use crate::format::file_state::FileState;
use crate::format::key_value_metadata as keys;
use crate::tables::paths::MANIFEST_FILE;
use crate::tables::withdrawals::WithdrawalMark;

/// This program's own key, beside those of the entries.
const OWN: &str = "neuroalign";

/// The key of [`ManifestRecord::hash`].
const HASH: &str = "hash";

/// The value of [`OWN`]: how the store was made. Maps are sorted by key, so that equal records are equal bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ManifestRecord {
    pub(crate) version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wide_metrics: Option<String>,
    /// Which of several files is a table, by entities of their names.
    pub(crate) choices: BTreeMap<TableName, Choices>,
    /// The folders from which the files were last read, for people.
    pub(crate) roots: BTreeMap<SourceRoot, PathBuf>,
    /// The state of each file of the store but this one, when it was written.
    pub(crate) files: BTreeMap<String, FileState>,
    /// The kind of each table that `parcellate` does not write. The table's file says the same.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) table_kinds: BTreeMap<TableName, TableKind>,
    /// Whether the store has rows for which `sources.parquet` names no file, as those of the pandas package. `None` if nobody
    /// looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rows_without_files: Option<bool>,
    /// XXH3-128 of the manifest without this, as compact JSON. `None` if an earlier version wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hash: Option<String>,
}

impl ManifestRecord {
    /// Reads the record of a manifest. `None` if another program wrote it.
    pub(crate) fn of(manifest: &Manifest) -> Option<Self> {
        manifest.extra.get(OWN).cloned().map(serde_json::from_value)?.ok()
    }
}

/// Whether a manifest is what this program wrote, as far as it can be told: one of an earlier version has no hash.
pub(crate) fn is_as_written(manifest: &Manifest) -> bool {
    let written = manifest.extra.get(OWN).and_then(|own| own.get(HASH)).and_then(Value::as_str);
    written.is_none_or(|written| hash_of(manifest).is_ok_and(|hash| hash == written))
}

/// A manifest without [`ManifestRecord::hash`]. A manifest has the regions of every feature, and is not copied for this.
#[derive(Serialize)]
struct Unhashed<'a> {
    version: &'a str,
    created_at: &'a str,
    updated_at: &'a str,
    atlas_name: &'a str,
    n_sessions: u64,
    n_subjects: u64,
    long_formats: &'a BTreeMap<String, LongFormat>,
    wide_features: &'a BTreeMap<String, WideFeature>,
    has_tiv: bool,
    #[serde(flatten)]
    extra: BTreeMap<String, Value>,
}

fn hash_of(manifest: &Manifest) -> Result<String, serde_json::Error> {
    let Manifest {
        version,
        created_at,
        updated_at,
        atlas_name,
        n_sessions,
        n_subjects,
        long_formats,
        wide_features,
        has_tiv,
        extra,
    } = manifest;
    let (n_sessions, n_subjects, has_tiv, mut extra) = (*n_sessions, *n_subjects, *has_tiv, extra.clone());
    if let Some(Value::Object(own)) = extra.get_mut(OWN) {
        own.shift_remove(HASH);
    }
    let unhashed = Unhashed {
        version,
        created_at,
        updated_at,
        atlas_name,
        n_sessions,
        n_subjects,
        long_formats,
        wide_features,
        has_tiv,
        extra,
    };
    let mut hash = HashOfText(Xxh3::new());
    serde_json::to_writer(&mut hash, &unhashed)?;
    Ok(format!("{:032x}", hash.0.digest128()))
}

/// Hashes what is written to it.
struct HashOfText(Xxh3);

impl io::Write for HashOfText {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads the manifest. `None` if the file does not exist, or cannot be understood.
///
/// # Errors
/// [`StoreError::OtherVersion`]; a file that cannot be read.
pub(crate) fn read_manifest(output: &Path) -> Result<Option<Manifest>, StoreError> {
    let path = output.join(MANIFEST_FILE);
    let bytes = match fs::read(&path) {
        Err(error) if [ErrorKind::NotFound, ErrorKind::IsADirectory].contains(&error.kind()) => {
            return Ok(None);
        }
        bytes => bytes.map_err(StoreError::io("read", &path))?,
    };
    // The usual one is parsed once.
    if let Ok(manifest) = serde_json::from_slice::<Manifest>(&bytes)
        && manifest.version == MANIFEST_VERSION
    {
        return Ok(Some(manifest));
    }
    let value = serde_json::from_slice::<Value>(&bytes);
    let version = value.as_ref().ok().and_then(|value| version_of(value.get("version")));
    if let Some(found) = version.filter(|version| version != MANIFEST_VERSION) {
        return Err(StoreError::OtherVersion { path, found, known: MANIFEST_VERSION });
    }
    match value.and_then(serde_json::from_value::<Manifest>) {
        Ok(manifest) => Ok(Some(manifest)),
        Err(error) => {
            tracing::debug!(path = %path.display(), %error, "the manifest cannot be understood");
            Ok(None)
        }
    }
}

/// The version of a manifest, whatever its JSON type. `None` if it gives none.
pub(crate) fn version_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(version) => Some(version.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// The wide metrics with which the store was last written. `None` if the manifest does not say.
pub(crate) fn wide_metrics(manifest: &Manifest) -> Option<&str> {
    manifest.extra.get(OWN)?.get("wide_metrics")?.as_str()
}

/// The content of a manifest. Its entries stand in name order.
#[derive(Debug, Default)]
pub(crate) struct ManifestContent {
    pub(crate) atlas_name: String,
    pub(crate) record: ManifestRecord,
    pub(crate) long_formats: BTreeMap<String, LongFormat>,
    pub(crate) wide_features: BTreeMap<String, WideFeature>,
    /// The sessions of all long tables.
    pub(crate) sessions: HashSet<Session>,
    pub(crate) has_tiv: bool,
    /// `None` if the store was never told of withdrawals.
    pub(crate) withdrawn: Option<WithdrawalMark>,
}

impl ManifestContent {
    /// Makes a manifest. It keeps the keys of an older one that are not about files, and the time at which that was created.
    ///
    /// # Errors
    /// If JSON cannot hold it.
    pub(crate) fn into_manifest(self, old: Option<&Manifest>) -> Result<Manifest, serde_json::Error> {
        let Self { atlas_name, record, long_formats, wide_features, sessions, has_tiv, withdrawn } = self;
        let subjects: HashSet<_> = sessions.iter().map(|session| &session.subject).collect();
        let now = keys::now();
        let mut extra = old.map(|old| old.extra.clone()).unwrap_or_default();
        let record = ManifestRecord { version: keys::PROGRAM_VERSION.to_owned(), hash: None, ..record };
        extra.insert(OWN.to_owned(), serde_json::to_value(record)?);
        if let Some(withdrawn) = &withdrawn {
            withdrawn.put_into(&mut extra)?;
        }
        let mut manifest = Manifest {
            version: MANIFEST_VERSION.to_owned(),
            created_at: old.map_or_else(|| now.clone(), |old| old.created_at.clone()),
            updated_at: now,
            atlas_name,
            n_sessions: count(sessions.len()),
            n_subjects: count(subjects.len()),
            long_formats,
            wide_features,
            has_tiv,
            extra,
        };
        let hash = hash_of(&manifest)?;
        if let Some(Value::Object(own)) = manifest.extra.get_mut(OWN) {
            own.insert(HASH.to_owned(), hash.into());
        }
        Ok(manifest)
    }
}

pub(crate) fn write_manifest(
    output: &Path,
    changes: &FileChanges,
    manifest: &Manifest,
) -> Result<(), StoreError> {
    let path = output.join(MANIFEST_FILE);
    let text = serde_json::to_string_pretty(manifest).map_err(|error| StoreError::damaged(&path, error))?;
    write_atomically(&path, changes, text.as_bytes())
}

/// A count as the manifest has it.
pub(crate) fn count(n: usize) -> u64 {
    n as u64
}
