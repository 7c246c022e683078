//! A store at one instant.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use foldhash::HashSet;
use na_cache::{Cache, CacheError, CachedUnit, RunRecord, Segments, TableForm};
use na_model::{Listing, Manifest, Removals, Session, TableKind, TableName, TivSource, WideMetrics};

use crate::error::StoreError;
use crate::format::locked::locked;
use crate::format::parquet_reader::ParquetReader;
use crate::merge::long_merge::{LongMerge, SessionFacts, TableFiles};
use crate::merge::producer_versions::{cached_producers, recorded_producers};
use crate::merge::removals::take_out_of_cache;
use crate::merge::replaced_maps::Replaced;
use crate::merge::run_record::run_record;
use crate::merge::sealed_parts::{Exported, SealedParts};
use crate::merge::segments::{join_segments, warn_once};
use crate::merge::unit_versions::take_out_older;
use crate::merge::volume_source::{StoredVolumes, volume_source};
use crate::read::options::Origin;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::long_file::LongFile;
use crate::tables::manifest::ManifestRecord;
use crate::tables::metadata::table::MetadataTable;
use crate::tables::sessions_by_kind::SessionsByKind;
use crate::tables::store_version::StoreVersion;
use crate::tables::tiv::TivTable;

/// What a store and its cache held at one instant. Files are opened when they are needed: the [`StoreVersion`] tells
/// whether any of them has changed by then.
pub(crate) struct Snapshot {
    pub(crate) store: ExistingStore,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) cached: Option<Cached>,
    /// Whether exported files are read.
    pub(crate) exported: bool,
    /// The exported long tables; empty if exported files are not read.
    pub(crate) in_parquet: BTreeSet<TableName>,
    metadata: OnceLock<Arc<MetadataTable>>,
    volumes: OnceLock<Arc<TivTable>>,
    kinds: OnceLock<BTreeMap<TableName, Arc<TableKind>>>,
    /// What was merged so far.
    merges: Mutex<BTreeMap<TableName, Arc<LongMerge>>>,
}

/// What the cache held at that instant.
pub(crate) struct Cached {
    pub(crate) cache: Cache,
    pub(crate) record: RunRecord,
    pub(crate) units: Vec<Arc<CachedUnit>>,
    pub(crate) forms: Vec<TableForm>,
    parts: SealedParts,
    replaced: Replaced,
    /// What a commit that has begun takes out of the store.
    pub(crate) removals: Removals,
}

impl Snapshot {
    pub(crate) fn take(output: &Path, origin: Origin) -> Result<Self, StoreError> {
        if !output.is_dir() {
            return Err(StoreError::NoFolder { output: output.to_owned() });
        }
        let store = ExistingStore::open(output)?;
        let cached = match origin {
            Origin::Parquet => None,
            Origin::Cache => Cached::read(&store, false)?,
            Origin::Newest => {
                // Who may not look into segments is told so: the store's version passes over that.
                match Segments::list(output).map_err(Into::into).and_then(|_| Cached::read(&store, true)) {
                    Err(StoreError::Cache(error)) if error.leaves_the_export() => {
                        say_once(output, &error);
                        None
                    }
                    cached => cached?,
                }
            }
        };
        let is_replaced = cached.as_ref().is_some_and(|cached| cached.record.fresh);
        let exported = origin != Origin::Cache && !is_replaced;
        let manifest = store.manifest()?;
        let in_parquet = match exported {
            true => store.long_tables()?.iter().cloned().collect(),
            false => BTreeSet::new(),
        };
        Ok(Self {
            store,
            manifest,
            cached,
            exported,
            in_parquet,
            metadata: OnceLock::new(),
            volumes: OnceLock::new(),
            kinds: OnceLock::new(),
            merges: Mutex::default(),
        })
    }

    pub(crate) fn output(&self) -> &Path {
        self.store.output()
    }

    /// Whether the store has not changed since.
    pub(crate) fn is_unchanged(&self) -> Result<bool, StoreError> {
        let undisturbed = self.cached.as_ref().is_none_or(|cached| cached.cache.is_undisturbed());
        Ok(undisturbed && StoreVersion::of(self.output())?.has_all_of(self.store.version()))
    }

    /// Whether nothing has come to it since, either.
    pub(crate) fn is_current(&self) -> Result<bool, StoreError> {
        Ok(StoreVersion::of(self.output())? == *self.store.version())
    }

    /// Whether it may be kept for the next read. With a cache, it would pin the write-ahead log. With one that is hidden or
    /// holds nothing yet, it would miss what can be read by then.
    pub(crate) fn can_be_kept(&self) -> bool {
        self.is_parquet_alone() && !self.store.version().has_cache()
    }

    /// Whether everything that is read is in Parquet.
    pub(crate) fn is_parquet_alone(&self) -> bool {
        self.cached.is_none() && self.exported
    }

    /// The long tables, with those that will lose all their rows.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &TableName> {
        self.kinds().keys()
    }

    /// Whether there is a long table of this name.
    pub(crate) fn has_table(&self, table: &TableName) -> bool {
        self.kinds().contains_key(table)
    }

    /// What each long table is, with those that will lose all their rows.
    pub(crate) fn kinds(&self) -> &BTreeMap<TableName, Arc<TableKind>> {
        self.kinds.get_or_init(|| self.merged_kinds())
    }

    fn merged_kinds(&self) -> BTreeMap<TableName, Arc<TableKind>> {
        let record = ManifestRecord::of(&self.manifest);
        let mut recorded = record.map(|record| record.table_kinds).unwrap_or_default();
        let mut kinds = BTreeMap::new();
        for table in &self.in_parquet {
            let kind = recorded.remove(table).unwrap_or_else(|| TableKind::of_parcellate(table));
            kinds.insert(table.clone(), Arc::new(kind));
        }
        let cached = self.cached.iter().flat_map(|cached| &cached.forms);
        kinds.extend(cached.map(|form| (form.table.clone(), Arc::clone(&form.kind))));
        kinds
    }

    /// The versions of `parcellate` that wrote a table's files.
    pub(crate) fn producers(&self, table: &TableName) -> Result<BTreeSet<String>, StoreError> {
        let mut versions = match self.file(table)? {
            Some(file) => recorded_producers(&file)?,
            None => BTreeSet::new(),
        };
        if let Some(cached) = &self.cached {
            let of_cache = cached_producers(&cached.cache, &cached.units)?.remove(&table.to_string());
            versions.extend(of_cache.into_iter().flatten());
        }
        Ok(versions)
    }

    /// The exported file of a long table. `None` if there is none, or exported files are not read.
    pub(crate) fn file(&self, table: &TableName) -> Result<Option<ParquetReader>, StoreError> {
        if !self.in_parquet.contains(table) {
            return Ok(None);
        }
        self.store.long_reader(table)
    }

    /// The same, with the index of its rows.
    pub(crate) fn old(&self, table: &TableName) -> Result<Option<Arc<LongFile>>, StoreError> {
        if self.in_parquet.contains(table) { self.store.long_file(table) } else { Ok(None) }
    }

    /// A long table as an export would merge it now.
    pub(crate) fn merge(&self, table: &TableName) -> Result<Arc<LongMerge>, StoreError> {
        if let Some(known) = locked(&self.merges).get(table) {
            return Ok(Arc::clone(known));
        }
        let merge = Arc::new(self.merge_now(table)?);
        locked(&self.merges).insert(table.clone(), Arc::clone(&merge));
        Ok(merge)
    }

    fn merge_now(&self, table: &TableName) -> Result<LongMerge, StoreError> {
        let facts = SessionFacts { metadata: self.metadata()?, volumes: self.volumes()? };
        let mut files = TableFiles { exported: self.old(table)?, ..TableFiles::default() };
        let Some(Cached { cache, units, forms, parts, replaced, .. }) = &self.cached else {
            return Ok(LongMerge::new(table, files, &Replaced::default(), &[], &[], facts));
        };
        files.sealed = parts.files_of(table, cache)?;
        Ok(LongMerge::new(table, files, replaced, units, forms, facts))
    }

    /// Whether the cache adds, replaces or removes rows of a table, or has just brought them into its file.
    pub(crate) fn is_touched(&self, table: &TableName) -> bool {
        self.cached.as_ref().is_some_and(|cached| {
            let has_form = cached.forms.iter().any(|form| form.table == *table);
            let kind = self.kinds().get(table).map(|kind| kind.unit_kind(table));
            has_form || kind.is_some_and(|kind| !cached.replaced.in_table(table, &kind).is_empty())
        })
    }

    /// The metrics that have features.
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
            Some(cached) => self.merged_metadata(old, cached)?,
        };
        Ok(Arc::clone(self.metadata.get_or_init(|| Arc::new(metadata))))
    }

    /// The metadata as an export would merge it now.
    fn merged_metadata(&self, mut old: MetadataTable, cached: &Cached) -> Result<MetadataTable, StoreError> {
        if self.exported && ManifestRecord::of(&self.manifest).is_none() {
            let tables = self.in_parquet.iter().filter_map(|table| self.old(table).transpose());
            let tables = tables.collect::<Result<Vec<_>, _>>()?;
            old.take_over(tables.iter().map(AsRef::as_ref), &TivTable::read(self.output())?)?;
        }
        let losing = cached.removals.sessions();
        let stay = old.sessions.iter().filter(|session| !losing.contains(session));
        let mut sessions: HashSet<Session> = stay.cloned().collect();
        sessions.extend(cached.units.iter().map(|unit| unit.unit.session.clone()));
        sessions.extend(self.volumes()?.0.keys().cloned());
        if self.exported && (old.sessions.is_empty() || !cached.removals.is_empty()) {
            let leaving = Replaced::leaving(&cached.removals);
            for table in &self.in_parquet {
                let Some(old) = self.old(table)? else { continue };
                let stay = leaving.in_table(table, &old.kind.unit_kind(table)).sessions_left(&old.index);
                sessions.extend(stay);
            }
        }
        Ok(MetadataTable::merge(old, &cached.record.listing, &sessions))
    }

    /// The folders from which files were last read: those of the cache's run, then those of the store.
    pub(crate) fn roots(&self) -> Result<Vec<PathBuf>, StoreError> {
        let of_run = self.cached.iter().flat_map(|cached| cached.record.roots.values().cloned());
        Ok(of_run.chain(self.store.settings()?.roots.into_values()).collect())
    }

    /// Whose total intracranial volumes it has. `None` without any.
    pub(crate) fn volume_source(&self) -> Result<Option<TivSource>, StoreError> {
        if self.volumes()?.0.is_empty() {
            return Ok(None);
        }
        let stored = self.exported.then_some(&self.store);
        match &self.cached {
            Some(cached) => volume_source(stored, cached.record.tiv_from, &cached.units).map(Some),
            None => self.store.volume_source(),
        }
    }

    /// Total intracranial volumes.
    pub(crate) fn volumes(&self) -> Result<Arc<TivTable>, StoreError> {
        if let Some(volumes) = self.volumes.get() {
            return Ok(Arc::clone(volumes));
        }
        let mut volumes = if self.exported { TivTable::read(self.output())? } else { TivTable::default() };
        if let Some(cached) = &self.cached {
            let stored = self.exported.then_some(&self.store);
            let source = volume_source(stored, cached.record.tiv_from, &cached.units)?;
            let files = self.in_parquet.iter().map(|table| Ok((table, self.old(table)?)));
            let files = files.collect::<Result<Vec<_>, StoreError>>()?;
            let held = files.iter().filter_map(|(table, long)| Some((*table, long.as_deref()?)));
            let held = SessionsByKind::of(held);
            let stored = StoredVolumes { source, sessions: &held, removals: &cached.removals };
            stored.take_out(&mut volumes, &self.store)?;
            let found = stored.found(&cached.units, &volumes);
            volumes.merge(found);
        }
        Ok(Arc::clone(self.volumes.get_or_init(|| Arc::new(volumes))))
    }
}

impl Cached {
    /// Reads what it holds. With exported files, only what is newer than theirs counts. A fresh load is the store as soon as its commit
    /// has begun, and nothing before.
    fn read(store: &ExistingStore, with_exported: bool) -> Result<Option<Self>, StoreError> {
        let output = store.output();
        let own = Cache::snapshot(output)?;
        let begun = own.as_ref().map(Cache::commit_begun).transpose()?.flatten();
        let is_fresh = own.as_ref().map(Cache::is_fresh).transpose()? == Some(true);
        let own = own.filter(|_| !is_fresh || begun.is_some());
        // Those that a commit that has begun does not merge count after it: by then the store is another.
        let segments = match &begun {
            Some(commit) => store.version().segments().among(&commit.segments),
            None => store.version().segments().clone(),
        };
        let (cache, left_out) = join_segments(store, own, &segments, &Listing::default(), None)?;
        warn_once(output, &segments, &left_out);
        let Some(cache) = cache else { return Ok(None) };
        let record = run_record(&cache, store, None)?;
        let removals = begun.map(|commit| commit.removals).unwrap_or_default();
        let mut units = cache.units()?;
        let exported = match with_exported {
            false if !record.fresh => Exported::HaveRowsOfParts(store),
            _ => Exported::beside(record.fresh, store),
        };
        if matches!(exported, Exported::Count(_)) {
            take_out_older(output, &mut units)?;
        }
        let parts = SealedParts::find(&cache, output, exported)?;
        parts.take_out_lost(&mut units);
        take_out_of_cache(&mut units, &removals);
        let units: Vec<Arc<CachedUnit>> = units.into_iter().map(Arc::new).collect();
        let forms = cache.table_forms(units.iter().map(AsRef::as_ref))?;
        let replaced = Replaced::of(&units, |info| !parts.is_exported(info), &removals);
        Ok(Some(Self { cache, record, units, forms, parts, replaced, removals }))
    }
}

/// Warns that a cache is not read, once for each store.
fn say_once(output: &Path, why: &CacheError) {
    static SAID: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    if locked(&SAID).insert(output.to_owned()) {
        tracing::warn!("{why}; until then what is exported is read, and nothing that was committed since");
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("output", &self.store.output()).finish_non_exhaustive()
    }
}
