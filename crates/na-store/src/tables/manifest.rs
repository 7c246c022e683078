//! The manifest, `manifest.json`: the commit point, and the list of the store's content.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use foldhash::HashSet;
use na_model::{
    Choices, LongFormat, MANIFEST_VERSION, Manifest, Session, SourceRoot, TableKind, TableName, TivSource,
    WideFeature,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use crate::error::StoreError;
use crate::format::atomic_file::write_atomically;
use crate::format::file_changes::FileChanges;
use crate::format::file_state::FileState;
use crate::format::key_value_metadata as keys;
use crate::tables::paths::MANIFEST_FILE;
use crate::tables::withdrawals::WithdrawalMark;

/// This program's own key, beside those of the entries.
const OWN: &str = "neuroalign";

/// An empty [`ManifestRecord::hash`] in a manifest's text. No other value with this key is ever empty.
const NO_HASH: &str = r#""hash": """#;

/// The value of [`OWN`]: how the store was made. Maps are sorted by key, so that equal records are equal bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ManifestRecord {
    pub(crate) version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wide_metrics: Option<String>,
    /// Which of several files is a table, by entities of their names.
    pub(crate) choices: BTreeMap<TableName, Choices>,
    /// How the session list was last read. `None` in stores of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) list_read_as: Option<String>,
    /// Whose total intracranial volumes the store has. `None` without any, and in stores of earlier versions, which have CAT12's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tiv_from: Option<TivSource>,
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
    /// XXH3-128 of the file's text without these digits. `None` if an earlier version wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hash: Option<String>,
}

impl ManifestRecord {
    /// Reads the record of a manifest. `None` if another program wrote it.
    pub(crate) fn of(manifest: &Manifest) -> Option<Self> {
        manifest.extra.get(OWN).cloned().map(serde_json::from_value)?.ok()
    }
}

/// Whether the manifest's file is what this program wrote, as far as it can be told: one of an earlier version has no hash.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn is_as_written(output: &Path, manifest: &Manifest) -> Result<bool, StoreError> {
    let Some(hash) = ManifestRecord::of(manifest).and_then(|record| record.hash) else { return Ok(true) };
    let path = output.join(MANIFEST_FILE);
    let text = fs::read_to_string(&path).map_err(StoreError::io("read", &path))?;
    Ok(hash_of(&text.replacen(&hash, "", 1)) == hash)
}

/// The hash of a manifest's text in which [`ManifestRecord::hash`] is empty.
fn hash_of(text: &str) -> String {
    format!("{:032x}", xxh3_128(text.as_bytes()))
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
    // Windows programs put a byte order mark in front.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes);
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
        let record =
            ManifestRecord { version: keys::PROGRAM_VERSION.to_owned(), hash: Some(String::new()), ..record };
        extra.insert(OWN.to_owned(), serde_json::to_value(record)?);
        if let Some(withdrawn) = &withdrawn {
            withdrawn.put_into(&mut extra)?;
        }
        Ok(Manifest {
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
        })
    }
}

/// Writes the manifest once more, with another mark of withdrawals. One that is not as it was written stays so.
pub(crate) fn write_mark(
    output: &Path,
    changes: &FileChanges,
    manifest: &Manifest,
    mark: &WithdrawalMark,
) -> Result<(), StoreError> {
    let mut marked = manifest.clone();
    let path = output.join(MANIFEST_FILE);
    mark.put_into(&mut marked.extra).map_err(|error| StoreError::damaged(&path, error))?;
    let hash = marked.extra.get_mut(OWN).and_then(|own| own.get_mut("hash"));
    if let Some(hash) = hash
        && is_as_written(output, manifest)?
    {
        *hash = Value::String(String::new());
    }
    write_manifest(output, changes, &marked)
}

pub(crate) fn write_manifest(
    output: &Path,
    changes: &FileChanges,
    manifest: &Manifest,
) -> Result<(), StoreError> {
    let path = output.join(MANIFEST_FILE);
    let text = serde_json::to_string_pretty(manifest).map_err(|error| StoreError::damaged(&path, error))?;
    let text = text.replacen(NO_HASH, &format!(r#""hash": "{}""#, hash_of(&text)), 1);
    write_atomically(&path, changes, text.as_bytes())
}

/// A count as the manifest has it.
pub(crate) fn count(n: usize) -> u64 {
    n as u64
}
