//! What a store remembers that its tables do not show: which files were chosen, where they were read from, and that
//! participants withdrew. It stands in the manifest, and in `sources.parquet` for the day on which that is broken.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use na_model::{Choices, Manifest, SourceRoot, TableName};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::manifest::{Own, WITHDRAWN};
use crate::tables::own_files::Owned;
use crate::tables::paths::SOURCES_FILE;
use crate::withdraw::Withdrawal;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Remembered {
    /// Which of several files was a table, by its name.
    pub(crate) choices: BTreeMap<TableName, Choices>,
    /// Where the files were read from last, for people.
    pub(crate) roots: BTreeMap<SourceRoot, PathBuf>,
    /// None if the store was never told of withdrawals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) withdrawn: Option<Mark>,
}

/// What a store says of those who withdrew: counts, and never codes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Mark {
    #[serde(flatten)]
    taken_out: Withdrawal,
    /// Lines of the last list; a version before this one did not count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    n_listed: Option<u64>,
    /// When the last of them were taken out.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

impl Mark {
    /// How many a list has to name that is not shorter than the last.
    pub(crate) fn n_listed(&self) -> u64 {
        self.n_listed.unwrap_or(self.taken_out.n_subjects)
    }

    /// Adds those who were taken out now, by a list of so many lines.
    pub(crate) fn add(&mut self, now: Withdrawal, n_listed: u64) {
        if now != Withdrawal::default() || self.at.is_none() {
            self.at = Some(keys::now());
        }
        self.taken_out.n_subjects += now.n_subjects;
        self.taken_out.n_sessions += now.n_sessions;
        self.n_listed = Some(n_listed);
    }
}

impl Remembered {
    /// What the manifest says, or where it says nothing of its own, the note. None if there is neither.
    ///
    /// # Errors
    /// A file that cannot be looked at. One that is damaged says nothing.
    pub(crate) fn of(output: &Path, manifest: Option<&Manifest>) -> Result<Option<Self>, StoreError> {
        let withdrawn = manifest.and_then(|manifest| manifest.extra.get(WITHDRAWN));
        // Whatever stands there says that participants withdrew.
        let withdrawn =
            withdrawn.map(|mark| serde_json::from_value::<Mark>(mark.clone()).unwrap_or_default());
        if let Some(Own { choices, roots, .. }) = manifest.and_then(Own::of) {
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

    /// The note of `sources.parquet`.
    ///
    /// # Errors
    /// What cannot be written: an empty note would say that nobody withdrew.
    pub(crate) fn to_note(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(|error| StoreError::damaged(Path::new(SOURCES_FILE), error))
    }
}

/// What a store without a manifest does not know any more, for people. None if it knows all, or has no tables.
pub(crate) fn what_is_lost(
    output: &Path,
    manifest: Option<&Manifest>,
    remembered: Option<&Remembered>,
) -> Result<Option<String>, StoreError> {
    let is_lost = manifest.is_none() && remembered.is_none();
    if !is_lost || Owned::named_by(output, None).long_tables()?.is_empty() {
        return Ok(None);
    }
    Ok(Some(format!(
        "neither the manifest nor {SOURCES_FILE} says any more which files were chosen for {} (--mask, --space, --entity), and \
         whether participants withdrew: give the same choices as before, and --withdrawn if there is a list",
        output.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_of_a_version_that_counted_no_lines_asks_for_as_many_as_were_taken_out() {
        let mark = |text: &str| serde_json::from_str::<Mark>(text).unwrap();
        let mut old = mark(r#"{"n_subjects": 3, "n_sessions": 5, "at": "2026-01-01T00:00:00Z"}"#);
        assert_eq!(old.n_listed(), 3);
        old.add(Withdrawal::default(), 4);
        assert_eq!(
            serde_json::to_string(&old).unwrap(),
            r#"{"n_subjects":3,"n_sessions":5,"n_listed":4,"at":"2026-01-01T00:00:00Z"}"#
        );
        assert_eq!(mark("{}").n_listed(), 0);
    }
}
