//! A store as it is found: its manifest, read once.

use std::path::{Path, PathBuf};

use na_cache::Cache;
use na_model::Manifest;

use crate::error::StoreError;
use crate::tables::manifest::read_manifest;
use crate::tables::own_files::Owned;
use crate::tables::store_record::{Mark, Remembered, what_is_lost};
use crate::tables::withdrawals::WithdrawalsTold;

/// An output folder with what its manifest says. Whoever writes to it holds its lock, so that this stays true.
#[derive(Debug, Clone)]
pub struct ExistingStore {
    pub(crate) output: PathBuf,
    pub(crate) manifest: Option<Manifest>,
    pub(crate) remembered: Option<Remembered>,
}

impl ExistingStore {
    /// Reads the manifest, if there is one that can be understood.
    ///
    /// # Errors
    /// [`StoreError::OtherVersion`]; a manifest that cannot be read.
    pub fn open(output: &Path) -> Result<Self, StoreError> {
        let manifest = read_manifest(output)?;
        let remembered = Remembered::of(output, manifest.as_ref())?;
        Ok(Self { output: output.to_owned(), manifest, remembered })
    }

    /// The folder.
    #[must_use]
    pub fn output(&self) -> &Path {
        &self.output
    }

    /// Refuses an output folder in which anything of somebody else's lies where every store has a file. Nothing is changed.
    ///
    /// # Errors
    /// [`StoreError::Foreign`]; a cache that is none of ours; a file that cannot be looked at.
    pub fn check(&self) -> Result<(), StoreError> {
        Owned::named_by(&self.output, self.manifest.as_ref()).check()?;
        Ok(Cache::check_file(&self.output)?)
    }

    /// Lines of the last list of withdrawals that the store was given; `None` if it was never told of any.
    #[must_use]
    pub fn n_listed_withdrawn(&self) -> Option<u64> {
        self.remembered.as_ref()?.withdrawn.as_ref().map(Mark::n_listed)
    }

    /// Refuses to go on where somebody who withdrew would come back. Of a cache whoever opens it asks the same
    /// ([`RunRecord::n_listed_withdrawn`](na_cache::RunRecord)).
    ///
    /// # Errors
    /// As [`WithdrawalsTold::check`].
    pub fn check_withdrawals(&self, told: WithdrawalsTold) -> Result<(), StoreError> {
        told.check(&self.output, self.n_listed_withdrawn())
    }

    /// What the user should know of what the store does not know any more, where manifest and `sources.parquet` are both
    /// gone. None if nothing is lost.
    ///
    /// # Errors
    /// A file that cannot be looked at.
    pub fn what_is_lost(&self) -> Result<Option<String>, StoreError> {
        what_is_lost(&self.output, self.manifest.as_ref(), self.remembered.as_ref())
    }
}
