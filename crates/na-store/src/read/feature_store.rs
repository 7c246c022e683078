//! The store for analysis code.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;
use foldhash::{HashSet, HashSetExt};
use na_cache::{Cancel, cache_status};
use na_model::{Modality, Session, TableName};

use crate::error::StoreError;
use crate::format::locked::locked;
use crate::read::align::{FeatureColumns, side_by_side};
use crate::read::describe::{FeatureInfo, StoreSummary};
use crate::read::long_scan::LongScan;
use crate::read::options::{Origin, ReadOptions};
use crate::read::snapshot::Snapshot;
use crate::read::suggest::unknown;
use crate::tables::paths::{METADATA_FILE, TIV_FILE};
use crate::tables::store_version::StoreVersion;

/// How often a read is tried while the store changes: an export replaces fewer of the files that are checked.
const TRIES: usize = 50;

/// Reads a feature store: each unit from Parquet, or from the cache if that holds it newer or alone.
///
/// Each call reads one consistent state, whatever is loaded or exported meanwhile, and later calls see what was committed
/// since. It can be shared between threads.
///
/// ```no_run
/// use na_store::{FeatureStore, ReadOptions};
///
/// let store = FeatureStore::open("data/processed")?;
/// for table in store.list_long_formats()? {
///     println!("{table}");
/// }
/// let batch = store.feature_batch("gm_volume_mm3", &ReadOptions::default().with_tiv())?;
/// println!("{} sessions × {} columns", batch.num_rows(), batch.num_columns());
/// # Ok::<(), na_store::StoreError>(())
/// ```
#[derive(Debug)]
pub struct FeatureStore {
    output: PathBuf,
    /// The last state, if all of it was in Parquet.
    last: Mutex<Option<Arc<Snapshot>>>,
}

impl FeatureStore {
    /// Opens the folder of a store, which may still be empty.
    ///
    /// # Errors
    /// [`StoreError::NoFolder`].
    pub fn open(output: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let output = output.into();
        if !output.is_dir() {
            return Err(StoreError::NoFolder { output });
        }
        Ok(Self { output, last: Mutex::default() })
    }

    /// The store's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.output
    }

    /// The long tables: `anatomical_gm`, `diffusion_AMICONODDI`, …
    ///
    /// # Errors
    /// A store or cache that cannot be read.
    pub fn list_long_formats(&self) -> Result<Vec<String>, StoreError> {
        self.consistently(Origin::Newest, |snapshot| {
            Ok(snapshot.tables().map(TableName::to_string).collect())
        })
    }

    /// The features of one modality or both, by name, including those that an export would add.
    ///
    /// # Errors
    /// A store or cache that cannot be read.
    pub fn list_features(&self, modality: Option<Modality>) -> Result<Vec<String>, StoreError> {
        self.consistently(Origin::Newest, |snapshot| snapshot.feature_names(modality))
    }

    /// The sessions, by subject and session.
    ///
    /// # Errors
    /// A store or cache that cannot be read.
    pub fn existing_sessions(&self) -> Result<Vec<Session>, StoreError> {
        self.consistently(Origin::Newest, |snapshot| {
            let mut sessions = snapshot.metadata()?.sessions.clone();
            sessions.sort_unstable();
            Ok(sessions)
        })
    }

    /// The columns of regions of a feature, or the regions of a long table.
    ///
    /// # Errors
    /// An unknown name; a store that cannot be read.
    pub fn regions(&self, name: &str) -> Result<Vec<String>, StoreError> {
        if let Ok(table) = TableName::parse(name) {
            return self.consistently(Origin::Newest, |snapshot| {
                known_table(snapshot, name)?;
                snapshot.labels(&table)
            });
        }
        Ok(self.feature_info(name)?.regions)
    }

    /// Describes a feature: its origin, unit and regions, and the versions that made it.
    ///
    /// # Errors
    /// An unknown name; a store that cannot be read.
    pub fn feature_info(&self, name: &str) -> Result<FeatureInfo, StoreError> {
        self.consistently(Origin::Newest, |snapshot| snapshot.feature_info(name))
    }

    /// Streams batches of a long table with all its columns.
    ///
    /// # Errors
    /// An unknown name; a store that cannot be read.
    pub fn scan_long(&self, name: &str) -> Result<LongScan, StoreError> {
        self.scan_long_with(name, &ReadOptions::default())
    }

    /// Streams batches of some rows and columns of a long table. Only the columns and row groups that are needed are
    /// read.
    ///
    /// # Errors
    /// An unknown name of a table, subject, session, region or metric; an empty list; a store that cannot be read.
    pub fn scan_long_with(&self, name: &str, options: &ReadOptions) -> Result<LongScan, StoreError> {
        options.are_not_empty()?;
        self.consistently(options.origin, |snapshot| {
            let table = known_table(snapshot, name)?;
            snapshot.has_sessions(options)?;
            snapshot.has_regions(&table, options)?;
            LongScan::new(snapshot, &table, options)
        })
    }

    /// A feature: `subject_code, session_id`, a column a region, then metadata and `tiv` as asked for. Rows are sorted
    /// by subject and session. A metadata column with the name of a region becomes `metadata:NAME`.
    ///
    /// # Errors
    /// An unknown name of a feature, subject, session or region; an empty list; a store that cannot be read.
    pub fn feature_batch(&self, name: &str, options: &ReadOptions) -> Result<RecordBatch, StoreError> {
        self.consistently(options.origin, |snapshot| snapshot.feature_batch(name, options))
    }

    /// Features side by side: `subject_code, session_id`, then columns called `feature:region`, then metadata and
    /// `tiv` as asked for. Each session of any of the features has a row.
    ///
    /// # Errors
    /// An unknown name of a feature, subject, session or region; an empty list, also of features; a store that cannot
    /// be read.
    pub fn features_batch<S: AsRef<str>>(
        &self,
        names: &[S],
        options: &ReadOptions,
    ) -> Result<RecordBatch, StoreError> {
        options.are_not_empty()?;
        if names.is_empty() {
            return Err(StoreError::EmptyList { what: "names" });
        }
        let mut seen = HashSet::new();
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).filter(|name| seen.insert(*name)).collect();
        self.consistently(options.origin, |snapshot| features_side_by_side(snapshot, &names, options))
    }

    /// Total intracranial volume: `subject_code, session_id, tiv` (mL), a row for each session with a volume.
    ///
    /// # Errors
    /// A store or cache that cannot be read.
    pub fn tiv_batch(&self) -> Result<RecordBatch, StoreError> {
        self.consistently(Origin::Newest, Snapshot::tiv_batch)
    }

    /// The session list's columns: `subject_code, session_id`, then metadata, a row a session of the store. Age is
    /// called `AGE`, in years; if a list did not give its unit, the field's `unit` is `unknown`.
    ///
    /// # Errors
    /// A store or cache that cannot be read.
    pub fn metadata_batch(&self) -> Result<RecordBatch, StoreError> {
        self.consistently(Origin::Newest, Snapshot::metadata_batch)
    }

    /// The store at a glance.
    ///
    /// # Errors
    /// A store or cache that cannot be read.
    pub fn summary(&self) -> Result<StoreSummary, StoreError> {
        let cache = cache_status(&self.output, &Cancel::never())?;
        self.consistently(Origin::Newest, |snapshot| snapshot.summary(cache.clone()))
    }

    /// Reads again until the store was the same before and after.
    pub(crate) fn consistently<T, E: From<StoreError>>(
        &self,
        origin: Origin,
        read: impl Fn(&Snapshot) -> Result<T, E>,
    ) -> Result<T, E> {
        for _ in 0..TRIES {
            let before = StoreVersion::of(&self.output)?;
            match self.snapshot(origin).map(|snapshot| (read(&snapshot), snapshot)) {
                Ok((result, snapshot)) if snapshot.is_unchanged()? => return result,
                Ok(_) => {}
                // A cache may come or go while it is opened.
                Err(_) if StoreVersion::of(&self.output)? != before => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Changing { output: self.output.clone() }.into())
    }

    fn snapshot(&self, origin: Origin) -> Result<Arc<Snapshot>, StoreError> {
        if origin != Origin::Newest {
            return Ok(Arc::new(Snapshot::take(&self.output, origin)?));
        }
        let mut last = locked(&self.last);
        if let Some(snapshot) = last.as_ref()
            && snapshot.is_current()?
        {
            return Ok(Arc::clone(snapshot));
        }
        *last = None;
        let snapshot = Arc::new(Snapshot::take(&self.output, origin)?);
        *last = snapshot.can_be_kept().then(|| Arc::clone(&snapshot));
        Ok(snapshot)
    }
}

impl Snapshot {
    /// A feature with metadata and volumes as asked for.
    pub(crate) fn feature_batch(&self, name: &str, options: &ReadOptions) -> Result<RecordBatch, StoreError> {
        options.are_not_empty()?;
        let found = [self.find_feature(name)?];
        self.has_sessions(options)?;
        let parts = self.features(&found, options)?.into_iter().map(FeatureColumns::alone).collect();
        with_metadata(self, parts, options)
    }

    /// Total intracranial volume, mL, in the order of the metadata.
    pub(crate) fn tiv_batch(&self) -> Result<RecordBatch, StoreError> {
        let sessions = &self.metadata()?.sessions;
        self.volumes()?.batch(sessions).map_err(StoreError::arrow(&self.output().join(TIV_FILE)))
    }

    /// The session list's columns, a row a session of the store.
    pub(crate) fn metadata_batch(&self) -> Result<RecordBatch, StoreError> {
        self.metadata()?.batch().map_err(StoreError::arrow(&self.output().join(METADATA_FILE)))
    }
}

fn known_table(snapshot: &Snapshot, name: &str) -> Result<TableName, StoreError> {
    if let Ok(table) = TableName::parse(name)
        && snapshot.has_table(&table)
    {
        return Ok(table);
    }
    let names: Vec<String> = snapshot.tables().map(TableName::to_string).collect();
    Err(unknown("long table", name, snapshot.output(), names.iter().map(String::as_str)))
}

fn features_side_by_side(
    snapshot: &Snapshot,
    names: &[&str],
    options: &ReadOptions,
) -> Result<RecordBatch, StoreError> {
    let found = names.iter().map(|name| snapshot.find_feature(name)).collect::<Result<Vec<_>, _>>()?;
    snapshot.has_sessions(options)?;
    let batches = snapshot.features(&found, options)?.into_iter();
    let parts = names.iter().zip(batches).map(|(name, batch)| FeatureColumns::among_others(name, batch));
    with_metadata(snapshot, parts.collect(), options)
}

/// Joins features with the metadata and volumes asked for.
fn with_metadata(
    snapshot: &Snapshot,
    mut parts: Vec<FeatureColumns>,
    options: &ReadOptions,
) -> Result<RecordBatch, StoreError> {
    let arrow = StoreError::arrow(snapshot.output());
    let n_features = parts.len();
    if options.tiv {
        let batch = snapshot.volumes()?.batch(&[]).map_err(&arrow)?;
        parts.push(FeatureColumns::beside(batch, &parts));
    }
    if options.metadata {
        // `tiv` is what was measured, also where a list has a column of that name.
        let batch = snapshot.metadata()?.batch().map_err(&arrow)?;
        let metadata = FeatureColumns::beside(batch, &parts);
        parts.insert(n_features, metadata);
    }
    match parts.as_slice() {
        [part] if part.keeps_its_names() => Ok(part.batch.clone()),
        parts => side_by_side(parts, snapshot.output()),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use na_model::{Compression, ExportSettings, SubjectCode, WideMetrics};

    use super::*;
    use crate::format::file_changes::FileChanges;
    use crate::tables::tiv::TivTable;

    fn volume(millilitres: f64) -> TivTable {
        TivTable([(Session::new(SubjectCode::clean("1").unwrap(), None), millilitres)].into_iter().collect())
    }

    /// Replaces the files by files with another volume.
    fn replace(output: &Path, millilitres: f64) {
        let settings = ExportSettings {
            atlas_name: "A".to_owned(),
            wide_metrics: WideMetrics::Default,
            compression: Compression::Zstd,
        };
        volume(millilitres).write(output, &FileChanges::default(), &settings, &[]).unwrap();
    }

    #[test]
    fn what_was_read_while_the_store_changed_is_read_again() {
        let output = tempfile::tempdir().unwrap();
        replace(output.path(), 1.0);
        let store = FeatureStore::open(output.path()).unwrap();
        let tries = Cell::new(0);
        let next = || tries.replace(tries.get() + 1);
        for origin in [Origin::Newest, Origin::Parquet] {
            tries.set(0);
            let read: Result<_, StoreError> = store.consistently(origin, |snapshot| {
                let first = TivTable::read(snapshot.output())?;
                if next() < 2 {
                    replace(output.path(), f64::from(tries.get()));
                }
                Ok((first, TivTable::read(snapshot.output())?))
            });
            assert_eq!(read.unwrap(), (volume(2.0), volume(2.0)));
            assert_eq!(tries.get(), 3);
        }
    }

    #[test]
    fn an_error_counts_where_the_store_did_not_change() {
        let output = tempfile::tempdir().unwrap();
        let store = FeatureStore::open(output.path()).unwrap();
        let tries = Cell::new(0);
        let read: Result<(), _> = store.consistently(Origin::Newest, |snapshot| {
            tries.set(tries.get() + 1);
            if tries.get() < 3 {
                replace(output.path(), f64::from(tries.get()));
            }
            Err(StoreError::damaged(snapshot.output(), "it is gone"))
        });
        assert!(matches!(read, Err(StoreError::Damaged { .. })));
        assert_eq!(tries.get(), 3);
    }

    #[test]
    fn a_store_that_never_stands_still_is_an_error() {
        let output = tempfile::tempdir().unwrap();
        let store = FeatureStore::open(output.path()).unwrap();
        let tries = Cell::new(0_u16);
        let read: Result<(), StoreError> = store.consistently(Origin::Newest, |_| {
            tries.set(tries.get() + 1);
            replace(output.path(), f64::from(tries.get()));
            Ok(())
        });
        assert!(matches!(read, Err(StoreError::Changing { .. })));
        assert_eq!(usize::from(tries.get()), TRIES);
    }
}
