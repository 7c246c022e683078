//! A store at one instant.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use na_cache::{Cache, CacheError, CachedUnit, RunRecord, TableForm};
use na_model::{Manifest, Removals, Session, TableKind, TableName, WideMetrics};

use crate::error::StoreError;
use crate::format::parquet_reader::ParquetReader;
use crate::merge::long_merge::{LongMerge, SessionFacts};
use crate::merge::producer_versions::{producers, recorded};
use crate::merge::removals::{take_out_of_cache, take_out_volumes};
use crate::merge::replaced_maps::Replaced;
use crate::merge::run_record::run_record;
use crate::merge::unit_sources::volumes_found;
use crate::merge::unit_versions::take_out_older;
use crate::read::options::Origin;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::long_file::LongFile;
use crate::tables::manifest::ManifestRecord;
use crate::tables::metadata::table::MetadataTable;
use crate::tables::store_version::StoreVersion;
use crate::tables::tiv::TivTable;

/// What a store and its cache held when this was made. Files are opened when they are needed: that none of them changed
/// until then, the [`StoreVersion`] tells.
pub(crate) struct Snapshot {
    pub(crate) store: ExistingStore,
    version: StoreVersion,
    pub(crate) manifest: Manifest,
    pub(crate) cached: Option<Cached>,
    exported: bool,
    /// The store's own long tables, where what is exported is read.
    pub(crate) in_parquet: BTreeSet<TableName>,
    /// Whether there is a cache that could not be looked at.
    hidden: bool,
    metadata: OnceLock<Arc<MetadataTable>>,
    volumes: OnceLock<Arc<TivTable>>,
    kinds: OnceLock<BTreeMap<TableName, Arc<TableKind>>>,
}

/// What the cache held.
pub(crate) struct Cached {
    pub(crate) cache: Cache,
    pub(crate) record: RunRecord,
    units: Vec<Arc<CachedUnit>>,
    forms: Vec<TableForm>,
    replaced: Replaced,
    /// Whether its commit takes something away, and has begun.
    has_begun: bool,
    /// What that takes away.
    removals: Removals,
}

impl Snapshot {
    pub(crate) fn take(output: &Path, origin: Origin) -> Result<Self, StoreError> {
        if !output.is_dir() {
            return Err(StoreError::NoFolder { output: output.to_owned() });
        }
        let version = StoreVersion::of(output)?;
        let store = ExistingStore::open(output)?;
        let mut hidden = false;
        let mut cached = match origin {
            Origin::Parquet => None,
            Origin::Cache => Cached::read(&store, false)?,
            Origin::Newest => match Cached::read(&store, true) {
                Err(StoreError::Cache(error)) if error.leaves_the_export() => {
                    say_once(output, &error);
                    hidden = true;
                    None
                }
                cached => cached?,
            },
        };
        let mut exported = origin != Origin::Cache;
        if cached.as_ref().is_some_and(|cached| cached.record.fresh) {
            // A fresh load is the store once its commit has begun, and nothing before.
            let has_begun = cached.as_ref().is_some_and(|cached| cached.has_begun);
            exported = exported && !has_begun;
            cached = cached.filter(|_| has_begun);
        }
        let manifest = store.manifest()?;
        let in_parquet = match exported {
            true => store.long_tables()?.iter().cloned().collect(),
            false => BTreeSet::new(),
        };
        Ok(Self {
            store,
            version,
            manifest,
            cached,
            exported,
            in_parquet,
            hidden,
            metadata: OnceLock::new(),
            volumes: OnceLock::new(),
            kinds: OnceLock::new(),
        })
    }

    /// The folder.
    pub(crate) fn output(&self) -> &Path {
        self.store.output()
    }

    /// Whether the store is still what it was when this was made.
    pub(crate) fn is_unchanged(&self) -> Result<bool, StoreError> {
        let undisturbed = self.cached.as_ref().is_none_or(|cached| cached.cache.is_undisturbed());
        Ok(undisturbed && StoreVersion::of(self.output())? == self.version)
    }

    /// Whether it may be kept for the next read: one with a cache would hold the write-ahead log, and one whose cache is
    /// hidden would not see it when it can be seen.
    pub(crate) fn can_be_kept(&self) -> bool {
        self.is_parquet_alone() && !self.hidden
    }

    /// Whether all there is to read is in Parquet.
    pub(crate) fn is_parquet_alone(&self) -> bool {
        self.cached.is_none() && self.exported
    }

    /// The long tables, also those that are going to lose all their rows.
    pub(crate) fn all_tables(&self) -> BTreeSet<TableName> {
        let cached = self.cached.iter().flat_map(|cached| &cached.forms);
        self.in_parquet.iter().chain(cached.map(|form| &form.table)).cloned().collect()
    }

    /// The long tables: those that have rows.
    pub(crate) fn tables(&self) -> BTreeSet<TableName> {
        let mut with_rows = self.all_tables();
        with_rows.retain(|table| self.has_table(table));
        with_rows
    }

    /// Whether a long table has rows.
    pub(crate) fn has_table(&self, table: &TableName) -> bool {
        self.is_touched(table) || self.in_parquet.contains(table)
    }

    /// What each long table is, also those that are going to lose all their rows.
    pub(crate) fn kinds(&self) -> &BTreeMap<TableName, Arc<TableKind>> {
        self.kinds.get_or_init(|| {
            let mut told = ManifestRecord::of(&self.manifest).unwrap_or_default().table_kinds;
            let mut kind =
                |table: &TableName| told.remove(table).unwrap_or_else(|| TableKind::of_parcellate(table));
            let mut kinds: BTreeMap<TableName, Arc<TableKind>> =
                self.in_parquet.iter().map(|table| (table.clone(), kind(table))).map(shared).collect();
            let cached = self.cached.iter().flat_map(|cached| &cached.forms);
            kinds.extend(cached.map(|form| (form.table.clone(), Arc::clone(&form.kind))));
            kinds
        })
    }

    /// The versions of `parcellate` that wrote a table's files.
    pub(crate) fn producers(&self, table: &TableName) -> Result<BTreeSet<String>, StoreError> {
        let mut versions = self.file(table)?.map(|file| recorded(&file)).unwrap_or_default();
        if let Some(cached) = &self.cached {
            versions.extend(
                producers(&cached.cache, &cached.units)?.remove(&table.to_string()).unwrap_or_default(),
            );
        }
        Ok(versions)
    }

    /// The exported file of a long table.
    pub(crate) fn file(&self, table: &TableName) -> Result<Option<ParquetReader>, StoreError> {
        if !self.in_parquet.contains(table) {
            return Ok(None);
        }
        self.store.long_reader(table)
    }

    /// The exported file of a long table, and which rows are whose.
    pub(crate) fn old(&self, table: &TableName) -> Result<Option<Arc<LongFile>>, StoreError> {
        if self.in_parquet.contains(table) { self.store.long_file(table) } else { Ok(None) }
    }

    /// A long table as an export would merge it now.
    pub(crate) fn merge(&self, table: &TableName) -> Result<LongMerge, StoreError> {
        let none = Replaced::default();
        let facts = SessionFacts { metadata: self.metadata()?, volumes: self.volumes()? };
        let (replaced, units, forms) = match &self.cached {
            Some(cached) => (&cached.replaced, cached.units.as_slice(), cached.forms.as_slice()),
            None => (&none, [].as_slice(), [].as_slice()),
        };
        Ok(LongMerge::new(table, self.old(table)?, replaced, units, forms, facts))
    }

    /// Whether the cache holds rows of a table.
    pub(crate) fn is_touched(&self, table: &TableName) -> bool {
        self.cached.as_ref().is_some_and(|cached| !cached.replaced.in_table(table).is_empty())
    }

    /// The metrics that become features.
    pub(crate) fn wide_metrics(&self) -> WideMetrics {
        match &self.cached {
            Some(cached) => cached.record.settings.wide_metrics.clone(),
            None => crate::tables::manifest::wide_metrics(&self.manifest)
                .map(WideMetrics::parse)
                .unwrap_or_default(),
        }
    }

    /// The metadata, a row a session.
    pub(crate) fn metadata(&self) -> Result<Arc<MetadataTable>, StoreError> {
        if let Some(metadata) = self.metadata.get() {
            return Ok(Arc::clone(metadata));
        }
        let old = if self.exported { MetadataTable::read(self.output())? } else { MetadataTable::default() };
        let metadata = match &self.cached {
            None => old,
            Some(cached) => {
                let mut old = old;
                if self.exported && ManifestRecord::of(&self.manifest).is_none() {
                    let tables = self.in_parquet.iter().filter_map(|table| self.old(table).transpose());
                    let tables = tables.collect::<Result<Vec<_>, _>>()?;
                    old.take_over(tables.iter().map(AsRef::as_ref), &TivTable::read(self.output())?)?;
                }
                let (is_empty, losing) = (cached.removals.is_empty(), cached.removals.sessions());
                let stay = old.sessions.iter().filter(|session| !losing.contains(session));
                let mut sessions: HashSet<Session> = stay.cloned().collect();
                sessions.extend(cached.units.iter().map(|unit| unit.unit.session.clone()));
                sessions.extend(self.volumes()?.0.keys().cloned());
                if self.exported && (old.sessions.is_empty() || !is_empty) {
                    let leaving = Replaced::of(&[], &cached.removals);
                    for table in &self.in_parquet {
                        let old = self.old(table)?;
                        let stay = old.iter().map(|old| leaving.in_table(table).sessions_left(&old.index));
                        sessions.extend(stay.flatten());
                    }
                }
                MetadataTable::merge(old, &cached.record.listing, &sessions)
            }
        };
        Ok(Arc::clone(self.metadata.get_or_init(|| Arc::new(metadata))))
    }

    /// Total intracranial volumes.
    pub(crate) fn volumes(&self) -> Result<Arc<TivTable>, StoreError> {
        if let Some(volumes) = self.volumes.get() {
            return Ok(Arc::clone(volumes));
        }
        let mut volumes = if self.exported { TivTable::read(self.output())? } else { TivTable::default() };
        if let Some(cached) = &self.cached {
            take_out_volumes(&mut volumes, &cached.removals);
            volumes.merge(volumes_found(&cached.units));
        }
        Ok(Arc::clone(self.volumes.get_or_init(|| Arc::new(volumes))))
    }
}

impl Cached {
    /// What it holds; beside what is exported only what is newer than that.
    fn read(store: &ExistingStore, with_exported: bool) -> Result<Option<Self>, StoreError> {
        let output = store.output();
        let Some(cache) = Cache::snapshot(output)? else { return Ok(None) };
        let record = run_record(&cache, store, None)?;
        let commit = cache.commit_begun()?;
        let has_begun = commit.is_some();
        let removals = commit.map(|commit| commit.removals).unwrap_or_default();
        let mut units = cache.units()?;
        if with_exported && !record.fresh {
            take_out_older(output, &mut units)?;
        }
        take_out_of_cache(&mut units, &removals);
        let units: Vec<Arc<CachedUnit>> = units.into_iter().map(Arc::new).collect();
        let forms = cache.table_forms(units.iter().map(AsRef::as_ref))?;
        let replaced = Replaced::of(&units, &removals);
        Ok(Some(Self { cache, record, units, forms, replaced, has_begun, removals }))
    }
}

fn shared((table, kind): (TableName, TableKind)) -> (TableName, Arc<TableKind>) {
    (table, Arc::new(kind))
}

/// Says why a cache is not read, once for each store: what follows is as true of the next read.
fn say_once(output: &Path, why: &CacheError) {
    static SAID: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(output.to_owned()) {
        tracing::warn!("{why}; until then what is exported is read, and nothing that was committed since");
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("output", &self.store.output()).finish_non_exhaustive()
    }
}
