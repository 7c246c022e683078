//! Where a unit's values come from, and how a change of it is noticed.

use std::fmt;
use std::fs::Metadata;
use std::io;
use std::str::FromStr;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::modality::Modality;
use crate::read_at::ReadAt;
use crate::source_root::SourceRoot;
use crate::table::{MapSource, TableName};

/// What a source file is to its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A table of regional statistics.
    Table,
    /// The JSON beside a table.
    Sidecar,
    /// A file that total intracranial volume was looked for in.
    Tiv,
}

impl SourceKind {
    const ALL: [Self; 3] = [Self::Table, Self::Sidecar, Self::Tiv];

    /// The word in `sources.parquet`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Sidecar => "sidecar",
            Self::Tiv => "tiv",
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SourceKind {
    type Err = ModelError;

    fn from_str(word: &str) -> Result<Self, ModelError> {
        Self::ALL
            .into_iter()
            .find(|k| k.as_str() == word)
            .ok_or_else(|| ModelError::NotOneOf { found: word.to_owned(), expected: "table, sidecar, tiv" })
    }
}

/// What tells one version of a file from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Bytes.
    pub size: u64,
    /// Modification time, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// XXH3-128 of the content, in hexadecimal (`xxh128sum` prints the same).
    pub hash: String,
}

/// A file's modification time, nanoseconds since 1970. Years before 1678 and after 2262 have none in 64 bits: the nearest
/// that are stand for them.
///
/// # Errors
/// A file system without modification times.
pub fn mtime_ns(metadata: &Metadata) -> io::Result<i64> {
    let modified = metadata.modified()?;
    Ok(match modified.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |ns| -ns),
    })
}

/// What `parcellate` writes beside a table, since February 2026.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sidecar {
    /// The image that was parcellated.
    pub original_file: Option<String>,
    /// The mask applied, if any.
    pub mask: Option<String>,
    /// Its threshold.
    pub mask_threshold: Option<f64>,
    /// The threshold of the atlas.
    pub atlas_threshold: Option<f64>,
    /// The atlas' name.
    pub atlas_name: Option<String>,
    /// The look-up table of the atlas' regions.
    #[serde(default)]
    pub atlas_lut: Option<String>,
    /// The number in the atlas' image that is no region.
    #[serde(default)]
    pub background_label: Option<f64>,
    /// What was brought onto whose grid: `data` if the map was resampled to the atlas, `labels` the other way round.
    #[serde(default)]
    pub resampling_target: Option<String>,
    /// The space of the image.
    pub space: Option<String>,
    /// The version of `parcellate`.
    pub software_version: Option<String>,
    /// When it ran, as written.
    pub timestamp: Option<String>,
}

/// A file that a unit was read from: a row of `sources.parquet`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceFile {
    /// What it is.
    pub kind: SourceKind,
    /// The table it feeds; none for TIV.
    pub table: Option<String>,
    /// Which map, for diffusion tables.
    pub map: Option<MapSource>,
    /// The root that its path is under; `None` where a version before this one read it.
    #[serde(default)]
    pub root: Option<SourceRoot>,
    /// Its path under its root, with `/` between folders.
    pub path: String,
    /// The session's total intracranial volume, mL, on the one file that it was taken from.
    #[serde(default)]
    pub tiv: Option<f64>,
    /// When it was read; [`ReadAt::UNKNOWN`] where a version before this one did.
    #[serde(default)]
    pub read_at: ReadAt,
    /// Its state when it was read.
    pub fingerprint: Fingerprint,
    /// The mask entity of its name.
    pub mask_entity: Option<String>,
    /// What its sidecar says, on tables that have one.
    pub sidecar: Option<Sidecar>,
}

impl SourceFile {
    /// The root that its path is under; `modality` is its unit's. Where a version before this one read it, it is where
    /// such files lay then.
    #[must_use]
    pub fn root_in(&self, modality: Modality) -> SourceRoot {
        match (&self.root, self.kind) {
            (Some(root), _) => root.clone(),
            (None, SourceKind::Tiv) => SourceRoot::CAT12,
            (None, SourceKind::Table | SourceKind::Sidecar) => SourceRoot::of_parcellate(modality),
        }
    }

    /// The table it feeds, where it feeds one.
    #[must_use]
    pub fn table_name(&self) -> Option<TableName> {
        self.table.as_deref().and_then(|name| TableName::parse(name).ok())
    }
}
