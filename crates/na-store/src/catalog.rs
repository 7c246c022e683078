//! What a store holds, as its files tell: the manifest is written from here, and rebuilt from here when it is broken.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use na_model::{
    Choices, LongFormat, MANIFEST_VERSION, Manifest, Session, SourceRoot, TableName, WideFeature, metric_kind,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::durable::{Folders, write_durably};
use crate::error::StoreError;
use crate::file_state::FileState;
use crate::layout::{MANIFEST_FILE, TIV_FILE};
use crate::long::columns::tsv_columns;
use crate::long::index::LongIndex;
use crate::notes;
use crate::ownership::{Owned, version_of};
use crate::remembered::{Mark, Remembered};
use crate::table_file::TableFile;
use crate::wide::plan::FeatureKind;

/// The key beside the entries that is this program's own.
const OWN: &str = "neuroalign";

/// The key beside the entries that says how many withdrew.
pub(crate) const WITHDRAWN: &str = "withdrawn";

/// What stands under [`OWN`]: what a store remembers of how it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Own {
    pub(crate) version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wide_metrics: Option<String>,
    /// Which of several files was a table, by its name.
    pub(crate) choices: BTreeMap<TableName, Choices>,
    /// Where the files were read from last, for people.
    pub(crate) roots: BTreeMap<SourceRoot, PathBuf>,
    /// The store's files but this one, as they were written.
    pub(crate) files: BTreeMap<String, FileState>,
    /// Whether the store has rows of which `sources.parquet` names no file, as those of the pandas package; `None` where
    /// nobody looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rows_without_files: Option<bool>,
}

impl Own {
    /// What a manifest remembers; None of one that somebody else wrote.
    pub(crate) fn of(manifest: &Manifest) -> Option<Self> {
        manifest.extra.get(OWN).cloned().map(serde_json::from_value)?.ok()
    }

    /// What goes into a manifest of what a store remembers.
    pub(crate) fn new(remembered: &Remembered) -> Self {
        let Remembered { choices, roots, .. } = remembered.clone();
        Self { choices, roots, ..Self::default() }
    }
}

/// Reads the manifest; none where there is none, or none that can be understood.
pub(crate) fn read_manifest(output: &Path) -> Result<Option<Manifest>, StoreError> {
    let path = output.join(MANIFEST_FILE);
    let bytes = match fs::read(&path) {
        Err(error) if [ErrorKind::NotFound, ErrorKind::IsADirectory].contains(&error.kind()) => {
            return Ok(None);
        }
        bytes => bytes.map_err(StoreError::io("read", &path))?,
    };
    // The usual one needs no second look.
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

/// The atlas of a store, from its manifest or its files.
pub(crate) fn atlas(output: &Path, manifest: Option<&Manifest>) -> Result<Option<String>, StoreError> {
    if let Some(manifest) = manifest {
        let known = !manifest.long_formats.is_empty() && !manifest.atlas_name.is_empty();
        return Ok(known.then(|| manifest.atlas_name.clone()));
    }
    for table in Owned::named_by(output, None).long_tables()? {
        let file = TableFile::open(&output.join(table.file_path()))?;
        if let Some(atlas) = file.as_ref().and_then(|file| file.note(notes::ATLAS)) {
            return Ok(Some(atlas.to_owned()));
        }
    }
    Ok(None)
}

/// The wide metrics that the store was last written with.
pub(crate) fn wide_metrics(manifest: &Manifest) -> Option<&str> {
    manifest.extra.get(OWN)?.get("wide_metrics")?.as_str()
}

pub(crate) fn long_entry(table: &TableName, file: &TableFile, index: &LongIndex) -> LongFormat {
    let columns: Vec<String> = file.schema().fields().iter().map(|field| field.name().clone()).collect();
    let tsv = tsv_columns(file.schema());
    let metrics = tsv.fields().iter().map(|field| field.name()).filter(|name| metric_kind(name).is_some());
    let metrics = metrics.filter(|name| *name != "vol_TIV").cloned();
    LongFormat {
        name: table.to_string(),
        modality: table.modality().to_string(),
        n_rows: file.n_rows(),
        n_sessions: count(index.sessions.len()),
        metrics_available: metrics.collect(),
        columns,
        file_path: table.file_path(),
        created_at: file.note(notes::CREATED_AT).unwrap_or_default().to_owned(),
    }
}

/// The entry of a feature's file; none for a file that this program did not write.
pub(crate) fn wide_entry(file_path: &str, file: &TableFile) -> Option<WideFeature> {
    let kind: FeatureKind = serde_json::from_str(file.note(notes::FEATURE)?).ok()?;
    let region_names: Vec<String> = file.schema().fields().iter().skip(2).map(|f| f.name().clone()).collect();
    Some(WideFeature {
        name: kind.name,
        modality: kind.modality,
        metric: kind.metric,
        n_regions: count(region_names.len()),
        n_sessions: file.n_rows(),
        region_names,
        file_path: file_path.to_owned(),
        created_at: file.note(notes::CREATED_AT).unwrap_or_default().to_owned(),
        source_modality: kind.source_modality,
        workflow: kind.workflow,
        model: kind.model,
        param: kind.param,
    })
}

/// What a store holds: its manifest, or where that is missing or broken, one made from the files.
///
/// # Errors
/// A manifest of another version; a file that cannot be read.
pub fn store_manifest(output: &Path) -> Result<Manifest, StoreError> {
    read_manifest(output)?.map_or_else(|| rebuild(output), Ok)
}

fn rebuild(output: &Path) -> Result<Manifest, StoreError> {
    let mut long_formats = BTreeMap::new();
    let mut sessions = HashSet::new();
    let owned = Owned::named_by(output, None);
    for table in owned.long_tables()? {
        let Some(file) = TableFile::open(&output.join(table.file_path()))? else { continue };
        let index = LongIndex::read(&file)?;
        long_formats.insert(table.to_string(), long_entry(&table, &file, &index));
        sessions.extend(index.sessions);
    }
    let mut wide_features = BTreeMap::new();
    for path in owned.wide_files()? {
        let entry = TableFile::open(&output.join(&path))?.and_then(|file| wide_entry(&path, &file));
        wide_features.extend(entry.map(|entry| (entry.name.clone(), entry)));
    }
    let atlas_name = atlas(output, None)?.unwrap_or_default();
    let has_tiv = owned.has(TIV_FILE)?;
    let remembered = Remembered::of(output, None)?.unwrap_or_default();
    let own = Own::new(&remembered);
    let mut manifest = manifest(None, atlas_name, own, long_formats, wide_features, &sessions, has_tiv);
    mark_withdrawals(&mut manifest, remembered.withdrawn.as_ref());
    Ok(manifest)
}

/// A manifest; it keeps what an older one says that is not of the files.
pub(crate) fn manifest(
    old: Option<&Manifest>,
    atlas_name: String,
    own: Own,
    long_formats: BTreeMap<String, LongFormat>,
    wide_features: BTreeMap<String, WideFeature>,
    sessions: &HashSet<Session>,
    has_tiv: bool,
) -> Manifest {
    let subjects: HashSet<_> = sessions.iter().map(|session| &session.subject).collect();
    let now = notes::now();
    let mut extra = old.map(|old| old.extra.clone()).unwrap_or_default();
    let own = Own { version: crate::VERSION.to_owned(), ..own };
    extra.insert(OWN.to_owned(), serde_json::to_value(own).unwrap_or(Value::Null));
    Manifest {
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
    }
}

/// Says of a store how many withdrew. Counts, and never codes.
pub(crate) fn mark_withdrawals(manifest: &mut Manifest, mark: Option<&Mark>) {
    let mark = mark.and_then(|mark| serde_json::to_value(mark).ok());
    manifest.extra.extend(mark.map(|mark| (WITHDRAWN.to_owned(), mark)));
}

/// What stays of a manifest when its store is loaded anew.
pub(crate) fn begun_anew(old: Manifest) -> Manifest {
    Manifest { created_at: notes::now(), extra: BTreeMap::new(), ..old }
}

pub(crate) fn write_manifest(
    output: &Path,
    folders: &Folders,
    manifest: &Manifest,
) -> Result<(), StoreError> {
    let path = output.join(MANIFEST_FILE);
    let text = serde_json::to_string_pretty(manifest).map_err(|error| StoreError::damaged(&path, error))?;
    write_durably(&path, folders, text.as_bytes())
}

pub(crate) fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
