//! Several reads of one state of a store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use na_model::{SourceFile, TableKind, TableName, TivSource, Unit};

use crate::error::StoreError;
use crate::read::describe::StoreSummary;
use crate::read::feature_outline::FeatureOutline;
use crate::read::feature_store::FeatureStore;
use crate::read::options::{Origin, ReadOptions};
use crate::read::snapshot::Snapshot;
use crate::tables::manifest::ManifestRecord;
use crate::tables::run_changes::{RunChanges, last_changes};
use crate::tables::sessions_tsv::SessionRow;
use crate::tables::withdrawals::WithdrawalMark;

/// A store in one state: whatever is read from it fits together. [`FeatureStore::at_one_state`] gives one.
pub struct StoreView<'a> {
    snapshot: &'a Snapshot,
}

impl FeatureStore {
    /// Reads several things of one state of the store. What `read` does is done again if the store has changed meanwhile, and its
    /// result then is of the later state.
    ///
    /// ```no_run
    /// use na_store::{FeatureStore, ReadOptions, StoreError};
    ///
    /// let store = FeatureStore::open("data/processed")?;
    /// let (sessions, means) = store.at_one_state(|view| {
    ///     let means = view.feature_batch("gm_mean", &ReadOptions::default())?;
    ///     Ok::<_, StoreError>((view.session_rows()?, means))
    /// })?;
    /// # Ok::<(), StoreError>(())
    /// ```
    ///
    /// # Errors
    /// What `read` returns; a store that never stands still.
    pub fn at_one_state<T, E: From<StoreError>>(
        &self,
        read: impl Fn(&StoreView<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.consistently(Origin::Newest, |snapshot| read(&StoreView { snapshot }))
    }
}

impl StoreView<'_> {
    /// The store's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.snapshot.output()
    }

    /// The store at a glance, without the state of its cache.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn summary(&self) -> Result<StoreSummary, StoreError> {
        self.snapshot.summary(None)
    }

    /// The features that are made from maps: all but total intracranial volume, by name. Their values are not read.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn feature_outlines(&self) -> Result<Vec<FeatureOutline>, StoreError> {
        self.snapshot.feature_outlines()
    }

    /// What the long tables are.
    #[must_use]
    pub fn table_kinds(&self) -> &BTreeMap<TableName, Arc<TableKind>> {
        self.snapshot.kinds()
    }

    /// Whose total intracranial volumes these are. `None` if no session has one.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn volume_source(&self) -> Result<Option<TivSource>, StoreError> {
        self.snapshot.volume_source()
    }

    /// The regions of a long table.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn regions_of_table(&self, table: &TableName) -> Result<Vec<String>, StoreError> {
        self.snapshot.labels(table)
    }

    /// The columns of regions of a feature, in order.
    ///
    /// # Errors
    /// An unknown name; a store that cannot be read.
    pub fn regions(&self, feature: &str) -> Result<Vec<String>, StoreError> {
        Ok(self.snapshot.feature_info(feature)?.regions)
    }

    /// When the manifest was last written, ISO 8601. `None` if there is none.
    #[must_use]
    pub fn updated_at(&self) -> Option<&str> {
        self.snapshot.store.updated_at()
    }

    /// What the last run that wrote the store changed. `None` if the store does not tell: a withdrawal makes it forget.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn last_changes(&self) -> Result<Option<RunChanges>, StoreError> {
        last_changes(self.folder())
    }

    /// Whether a withdrawal has begun that did not come to its end: somebody who withdrew may still be in the store.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn withdrawal_has_begun(&self) -> Result<bool, StoreError> {
        let mark = self.snapshot.store.record()?.and_then(|record| record.withdrawn.as_ref());
        Ok(mark.is_some_and(WithdrawalMark::has_begun))
    }

    /// The files that the manifest names and that are no longer there, as paths under the store's folder.
    #[must_use]
    pub fn lost_files(&self) -> Vec<String> {
        let record = ManifestRecord::of(&self.snapshot.manifest).filter(|_| self.snapshot.exported);
        let named = record.map(|record| record.files).unwrap_or_default().into_keys();
        named.filter(|path| !self.folder().join(path).exists()).collect()
    }

    /// The folders from which the files of the store were last read.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn roots(&self) -> Result<Vec<PathBuf>, StoreError> {
        self.snapshot.roots()
    }

    /// As [`FeatureStore::feature_batch`].
    ///
    /// # Errors
    /// As [`FeatureStore::feature_batch`].
    pub fn feature_batch(&self, name: &str, options: &ReadOptions) -> Result<RecordBatch, StoreError> {
        self.snapshot.feature_batch(name, options)
    }

    /// As [`FeatureStore::metadata_batch`].
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn metadata_batch(&self) -> Result<RecordBatch, StoreError> {
        self.snapshot.metadata_batch()
    }

    /// As [`FeatureStore::tiv_batch`].
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn tiv_batch(&self) -> Result<RecordBatch, StoreError> {
        self.snapshot.tiv_batch()
    }

    /// What became of each unit, as `sessions.tsv` says it after an export of this state. What a load has not come to yet is missing.
    /// `None` if nobody knows what failed or is missing: there is no such file, or it cannot be understood, and no cache.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn session_rows(&self) -> Result<Option<Vec<SessionRow>>, StoreError> {
        self.snapshot.session_rows()
    }

    /// A row of each unit of the exported tables, as if it was loaded, by unit: what is known of a store whose
    /// [`StoreView::session_rows`] are `None`.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn rows_as_loaded(&self) -> Result<Vec<SessionRow>, StoreError> {
        self.snapshot.rows_as_loaded()
    }

    /// Calls `each` for every unit that has source files, one at a time: there may be very many.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn for_each_unit(&self, mut each: impl FnMut(&Unit, Vec<SourceFile>)) -> Result<(), StoreError> {
        self.snapshot.for_each_unit(|unit, sources| {
            if !sources.is_empty() {
                each(unit, sources);
            }
            Ok(())
        })
    }
}
