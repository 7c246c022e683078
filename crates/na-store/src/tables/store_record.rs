//! The record of how a store was made, which its tables do not show: which files were chosen, from which folders they were read,
//! and that participants withdrew. It stands in the manifest, and in `sources.parquet` in case the manifest is lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use na_model::{Choices, Manifest, SourceRoot, TableName, TivSource};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::manifest::{ManifestRecord, is_as_written};
use crate::tables::paths::SOURCES_FILE;
use crate::tables::withdrawals::WithdrawalMark;

/// Choices, roots and withdrawals.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StoreRecord {
    /// Which of several files is a table, by entities of their names.
    pub(crate) choices: BTreeMap<TableName, Choices>,
    /// The folders from which the files were last read, for people.
    pub(crate) roots: BTreeMap<SourceRoot, PathBuf>,
    /// How the session list was last read, as whoever read it writes that down. `None` in stores of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) list_read_as: Option<String>,
    /// Whose total intracranial volumes it has. `None` without any, and in stores of earlier versions, which have CAT12's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tiv_from: Option<TivSource>,
    /// `None` if the store was never told of withdrawals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) withdrawn: Option<WithdrawalMark>,
}

impl StoreRecord {
    /// Reads the record of the manifest, or else that of `sources.parquet`; beside a manifest that is not as it was written, both.
    /// `None` if neither has one that can be understood.
    ///
    /// # Errors
    /// A file that cannot be read. A damaged one counts as without a record.
    pub(crate) fn read(output: &Path, manifest: Option<&Manifest>) -> Result<Option<Self>, StoreError> {
        let withdrawn = manifest.and_then(WithdrawalMark::of);
        let of_manifest = manifest.and_then(ManifestRecord::of);
        let of_manifest =
            of_manifest.map(|ManifestRecord { choices, roots, list_read_as, tiv_from, .. }| Self {
                choices,
                roots,
                list_read_as,
                tiv_from,
                withdrawn: withdrawn.clone(),
            });
        if of_manifest.is_some() && manifest.map_or(Ok(false), |manifest| is_as_written(output, manifest))? {
            return Ok(of_manifest);
        }
        let recorded = match Self::of_sources(&output.join(SOURCES_FILE)) {
            Err(StoreError::Damaged { .. }) => None,
            recorded => recorded?,
        };
        // A manifest that somebody changed may have lost what it said of withdrawals.
        let record = of_manifest.or(recorded.clone()).or_else(|| withdrawn.clone().map(|_| Self::default()));
        let remembered = recorded.and_then(|recorded| recorded.withdrawn);
        Ok(record.map(|record| Self { withdrawn: withdrawn.or(remembered), ..record }))
    }

    /// `None` if `sources.parquet` does not exist, or has no record.
    fn of_sources(path: &Path) -> Result<Option<Self>, StoreError> {
        let file = ParquetReader::open(path)?;
        let Some(text) = file.as_ref().and_then(|file| file.key_value(keys::REMEMBERED)) else {
            return Ok(None);
        };
        serde_json::from_str(text).map(Some).map_err(|error| StoreError::damaged(path, error))
    }

    /// The part that stays if everything is loaded anew.
    pub(crate) fn begun_anew(self) -> Self {
        Self { withdrawn: self.withdrawn, ..Self::default() }
    }

    /// The JSON for `sources.parquet`.
    ///
    /// # Errors
    /// If JSON cannot hold it: an empty text would say that nobody withdrew.
    pub(crate) fn to_text(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(|error| StoreError::damaged(Path::new(SOURCES_FILE), error))
    }

    /// The part that stands in the manifest under this program's key.
    pub(crate) fn to_manifest_record(&self) -> ManifestRecord {
        let Self { choices, roots, list_read_as, tiv_from, .. } = self.clone();
        ManifestRecord { choices, roots, list_read_as, tiv_from, ..ManifestRecord::default() }
    }
}
