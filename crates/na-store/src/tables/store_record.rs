//! What a store records of how it was made that its tables do not show: which files were chosen, where they were read from,
//! and that participants withdrew. It stands in the manifest, and in `sources.parquet` for the day on which that is broken.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use na_model::{Choices, Manifest, SourceRoot, TableName};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::manifest::ManifestRecord;
use crate::tables::paths::SOURCES_FILE;
use crate::tables::withdrawals::WithdrawalMark;

/// Choices, roots and withdrawals.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StoreRecord {
    /// Which of several files was a table, by its name.
    pub(crate) choices: BTreeMap<TableName, Choices>,
    /// Where the files were read from last, for people.
    pub(crate) roots: BTreeMap<SourceRoot, PathBuf>,
    /// `None` if the store was never told of withdrawals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) withdrawn: Option<WithdrawalMark>,
}

impl StoreRecord {
    /// What the manifest says, or else the key in `sources.parquet`. `None` if neither says anything.
    ///
    /// # Errors
    /// A file that cannot be looked at. One that is damaged says nothing.
    pub(crate) fn read(output: &Path, manifest: Option<&Manifest>) -> Result<Option<Self>, StoreError> {
        let withdrawn = manifest.and_then(WithdrawalMark::of);
        if let Some(ManifestRecord { choices, roots, .. }) = manifest.and_then(ManifestRecord::of) {
            return Ok(Some(Self { choices, roots, withdrawn }));
        }
        let noted = match ParquetReader::open(&output.join(SOURCES_FILE)) {
            Err(StoreError::Damaged { .. }) => None,
            file => file?.as_ref().and_then(|file| file.key_value(keys::REMEMBERED)).map(str::to_owned),
        };
        let noted: Option<Self> = noted.and_then(|noted| serde_json::from_str(&noted).ok());
        Ok(match (noted, withdrawn) {
            (None, None) => None,
            (noted, withdrawn) => {
                let noted = noted.unwrap_or_default();
                Some(Self { withdrawn: withdrawn.or(noted.withdrawn), ..noted })
            }
        })
    }

    /// What stays where all is loaded anew.
    pub(crate) fn begun_anew(self) -> Self {
        Self { withdrawn: self.withdrawn, ..Self::default() }
    }

    /// Its text in `sources.parquet`.
    ///
    /// # Errors
    /// What cannot be written: an empty text would say that nobody withdrew.
    pub(crate) fn to_text(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(|error| StoreError::damaged(Path::new(SOURCES_FILE), error))
    }

    /// What the manifest has of it under this program's key.
    pub(crate) fn to_manifest_record(&self) -> ManifestRecord {
        let Self { choices, roots, .. } = self.clone();
        ManifestRecord { choices, roots, ..ManifestRecord::default() }
    }
}
