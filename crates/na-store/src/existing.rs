//! A store as it is found: its manifest, read once.

use std::path::{Path, PathBuf};

use na_cache::Cache;
use na_model::Manifest;

use crate::catalog::{WITHDRAWN, read_manifest};
use crate::error::StoreError;
use crate::ownership::Owned;

/// An output folder with what its manifest says. Whoever writes to it holds its lock, so that this stays true.
#[derive(Debug, Clone)]
pub struct ExistingStore {
    pub(crate) output: PathBuf,
    pub(crate) manifest: Option<Manifest>,
}

impl ExistingStore {
    /// Reads the manifest, if there is one that can be understood.
    ///
    /// # Errors
    /// [`StoreError::OtherVersion`]; a manifest that cannot be read.
    pub fn open(output: &Path) -> Result<Self, StoreError> {
        Ok(Self { output: output.to_owned(), manifest: read_manifest(output)? })
    }

    /// Refuses an output folder in which anything of somebody else's lies where every store has a file. Nothing is changed.
    ///
    /// # Errors
    /// [`StoreError::Foreign`]; a cache that is none of ours; a file that cannot be looked at.
    pub fn check(&self) -> Result<(), StoreError> {
        Owned::named_by(&self.output, self.manifest.as_ref()).check()?;
        Ok(Cache::check_file(&self.output)?)
    }

    /// Refuses to go on without being told who withdrew, where the store was told of it before: they would come back. Of a
    /// cache whoever opens it asks the same ([`RunRecord::knows_withdrawals`](na_cache::RunRecord)).
    ///
    /// # Errors
    /// [`StoreError::WithdrawalsNotTold`].
    pub fn check_withdrawals(&self) -> Result<(), StoreError> {
        match &self.manifest {
            Some(manifest) if manifest.extra.contains_key(WITHDRAWN) => {
                Err(StoreError::WithdrawalsNotTold { output: self.output.clone() })
            }
            _ => Ok(()),
        }
    }
}
