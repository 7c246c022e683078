//! From the cache into Parquet: merge, verify, commit, and only then let the cache go.
//!
//! Where nothing leaves the store, each file goes into its place when it is whole: the cache has what the others lack, and
//! an export that is cut short is done again. Where something leaves, all files wait until every one is verified, the
//! commit is noted in the cache, and only then the first is renamed: from there on whoever comes next finishes it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use na_cache::{Cache, CacheError, CachedUnit, Commit, OwnedCache, OwnerLock, TableForm};
use na_model::{FeatureName, Manifest, Session, TableName, WideFeature, WideMetrics};

use crate::error::StoreError;
use crate::export::background_commit::Completion;
use crate::export::feature_writer::WideWriter;
use crate::export::observer::{ExportObserver, ExportStep};
use crate::export::unit_status::Completeness;
use crate::export::verify::{Expected, verify_features, verify_long, verify_rows};
use crate::format::file_changes::FileChanges;
use crate::format::key_value_metadata as keys;
use crate::format::open_file_limit::each_file;
use crate::format::parquet_reader::ParquetReader;
use crate::merge::long_merge::{Facts, LongMerge, OldTable};
use crate::merge::producer_versions::producers;
use crate::merge::removals::{is_of_nothing, take_out_of_cache, take_out_volumes};
use crate::merge::replaced_maps::Replaced;
use crate::merge::unit_versions::take_out_older;
use crate::tables::features::{Giver, PlannedFeature, feature_plan};
use crate::tables::found_by_folder::{self, named_sessions};
use crate::tables::long_index::LongIndex;
use crate::tables::long_schema::LongColumns;
use crate::tables::manifest::{self, Own, count, read_manifest, wide_entry};
use crate::tables::metadata::MetadataTable;
use crate::tables::own_files::Owned;
use crate::tables::paths::{
    MANIFEST_FILE, METADATA_FILE, SOURCES_FILE, TIV_FILE, remove_temporaries_of_store,
};
use crate::tables::sessions_tsv::{self, SessionRow, Told};
use crate::tables::sources::{self, WrittenSources};
use crate::tables::store_record::Remembered;
use crate::tables::tiv::TivTable;

use crate::export::request::ExportRequest;

/// What a store holds after an export.
#[derive(Debug, Clone)]
pub struct ExportReport {
    /// The manifest as it was written.
    pub manifest: Manifest,
    /// The rows of `sessions.tsv`.
    pub sessions: Vec<SessionRow>,
    /// The youngest and the oldest age.
    pub age_range: Option<(f64, f64)>,
    /// Whether ages are in years: a list may count them in a unit that nobody knows.
    pub ages_in_years: bool,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Merges what the cache holds into the store that the lock is for.
///
/// Each file is written beside its place, synced and renamed, then opened again and compared with what was to be written:
/// long tables before features are made of them. The manifest comes last and names what is there, and only then the cache
/// is deleted.
///
/// # Errors
/// A store of another atlas; anything that cannot be read or written. The cache is kept,
/// and the next export begins anew.
pub fn export(
    lock: &OwnerLock,
    cache: OwnedCache<'_>,
    request: &ExportRequest,
    observer: &dyn ExportObserver,
) -> Result<ExportReport, StoreError> {
    let report = Export::prepare(lock, &cache, request, observer)?.run()?;
    if !request.keep_cache {
        cache.remove()?;
    } else if request.takes_away() {
        cache.end_commit(&request.removals)?;
    }
    Ok(report)
}

/// Finishes the commit of an export that was cut short after its first rename; `None` if there is none, and what one that was
/// cut short before left half written is deleted. Whoever writes to a store does this first.
///
/// # Errors
/// A cache that cannot be read; all that [`export`] fails with.
pub fn finish_commit(
    lock: &OwnerLock,
    observer: &dyn ExportObserver,
) -> Result<Option<ExportReport>, StoreError> {
    let begun = match Cache::open_until(lock.output(), lock.cancel()) {
        // The pandas package begins no commit.
        Ok(None) | Err(CacheError::OfPandas { .. }) => None,
        Ok(Some(cache)) => cache.commit_begun()?.zip(cache.run_record()?),
        Err(error) => return Err(error.into()),
    };
    let Some((Commit { removals, keep_cache }, record)) = begun else {
        remove_temporaries_of_store(lock.output())?;
        return Ok(None);
    };
    tracing::info!("finishing what an earlier run began to put in its place");
    let cache = OwnedCache::open_or_create(lock)?;
    let request =
        ExportRequest { outcomes: cache.outcomes()?, keep_cache, removals, ..ExportRequest::new(record) };
    export(lock, cache, &request, observer).map(Some)
}

pub(crate) struct Export<'a> {
    pub(crate) output: &'a Path,
    pub(crate) cache: &'a OwnedCache<'a>,
    pub(crate) request: &'a ExportRequest,
    pub(crate) observer: &'a dyn ExportObserver,
    pub(crate) changes: FileChanges,
    pub(crate) manifest: Option<Manifest>,
    pub(crate) remembered: Remembered,
    pub(crate) owned: Owned,
    pub(crate) units: Vec<Arc<CachedUnit>>,
    pub(crate) forms: Vec<TableForm>,
    pub(crate) old: BTreeMap<TableName, Arc<OldTable>>,
    pub(crate) old_metadata: MetadataTable,
    pub(crate) old_volumes: TivTable,
}

/// A long table with all that is decided about it before anything is written.
struct Planned {
    merge: LongMerge,
    columns: LongColumns,
    features: Vec<PlannedFeature>,
}

impl Planned {
    /// The paths of its file and of those of its features, under the store.
    fn paths(&self) -> impl Iterator<Item = String> {
        let features = self.features.iter().map(|feature| feature.name.file_path());
        std::iter::once(self.merge.table.file_path()).chain(features)
    }
}

impl<'a> Export<'a> {
    fn prepare(
        lock: &'a OwnerLock,
        cache: &'a OwnedCache<'a>,
        request: &'a ExportRequest,
        observer: &'a dyn ExportObserver,
    ) -> Result<Self, StoreError> {
        let output = lock.output();
        let manifest = read_manifest(output)?;
        let remembered = Remembered::of(output, manifest.as_ref())?.unwrap_or_default();
        let owned = Owned::named_by(output, manifest.as_ref());
        owned.check()?;
        remove_temporaries_of_store(output)?;
        let changes = FileChanges::of(lock);
        let changes = if request.takes_away() { changes.holding_back() } else { changes };
        let mut export = Self {
            output,
            cache,
            request,
            observer,
            changes,
            manifest,
            remembered,
            owned,
            units: Vec::new(),
            forms: Vec::new(),
            old: BTreeMap::new(),
            old_metadata: MetadataTable::default(),
            old_volumes: TivTable::default(),
        };
        let mut units = cache.units()?;
        if request.record.fresh {
            export.manifest = export.manifest.map(manifest::begun_anew);
            export.remembered = export.remembered.begun_anew();
        } else {
            export.read_store()?;
            take_out_older(output, &mut units)?;
        }
        take_out_of_cache(&mut units, &request.removals);
        export.units = units.into_iter().map(Arc::new).collect();
        export.forms = cache.table_forms(export.units.iter().map(AsRef::as_ref))?;
        Ok(export)
    }

    /// What is in the store already.
    fn read_store(&mut self) -> Result<(), StoreError> {
        let (output, manifest) = (self.output, self.manifest.as_ref());
        let path = output.join(MANIFEST_FILE);
        if manifest.is_none() && path.exists() {
            tracing::warn!(path = %path.display(), "the manifest is broken and is made again from the files");
        }
        let asked = &self.request.record.settings.atlas_name;
        if let Some(store) = manifest::atlas(output, manifest)?.filter(|store| store != asked) {
            return Err(StoreError::OtherAtlas { output: output.to_owned(), store, asked: asked.clone() });
        }
        for table in self.owned.long_tables()? {
            if let Some(file) = ParquetReader::open(&output.join(table.file_path()))? {
                let index = LongIndex::read(&file)?;
                self.old.insert(table, Arc::new(OldTable { file: file.closed(), index }));
            }
        }
        self.old_metadata = MetadataTable::read(output)?;
        self.old_volumes = TivTable::read(output)?;
        if manifest.is_some_and(|manifest| Own::of(manifest).is_none()) {
            self.old_metadata.take_over(self.old.values().map(AsRef::as_ref), &self.old_volumes)?;
        }
        take_out_volumes(&mut self.old_volumes, &self.request.removals);
        Ok(())
    }

    fn run(mut self) -> Result<ExportReport, StoreError> {
        let settings = &self.request.record.settings;
        let sessions = self.sessions();
        let old_metadata = std::mem::take(&mut self.old_metadata);
        let metadata = MetadataTable::merge(old_metadata, &self.request.record.listing, &sessions);
        let mut volumes = std::mem::take(&mut self.old_volumes);
        volumes.merge(&self.units);
        let facts = Facts { metadata: Arc::new(metadata), volumes: Arc::new(volumes) };
        let (metadata, volumes) = (&facts.metadata, &facts.volumes);
        let (planned, names) = self.plan(&facts)?;
        planned.iter().flat_map(Planned::paths).try_for_each(|path| self.owned.check_file(&path))?;
        let mut report_notes = metadata.notes.clone();
        report_notes.extend(planned.iter().flat_map(|table| table.columns.notes.clone()));
        report_notes.extend(names);
        if let WideMetrics::Listed(metrics) = &settings.wide_metrics {
            let has = |metric: &String| {
                planned.iter().flat_map(|table| &table.features).any(|feature| feature.metric == *metric)
            };
            let none = metrics.iter().filter(|metric| !has(metric));
            report_notes
                .extend(none.map(|metric| format!("no table has the metric {metric}: it gives no feature")));
        }
        let expected = self.write_long(&planned, &mut report_notes)?;
        let tables = self.open_tables(&expected)?;
        self.write_features(&planned, &tables)?;
        volumes.write(self.output, &self.changes, settings, &metadata.sessions)?;
        metadata.write(self.output, &self.changes, settings.compression)?;
        let completeness = Completeness::of(tables.iter().map(|(table, long)| (table, &long.index)));
        let remembered = self.remember(tables.keys());
        let named = named_sessions(self.output, &self.request.record)?;
        let notes = [
            (keys::REMEMBERED, remembered.to_note()?),
            (keys::FOUND_BY_FOLDER, found_by_folder::note(&metadata.sessions, self.request, &named)?),
        ];
        let written = sources::write(
            self.output,
            &self.changes,
            self.cache,
            &self.units,
            &completeness,
            self.request,
            &notes,
        )?;
        report_notes.extend(written.provenance.differences());
        let rows = self.session_rows(&written, &tables, &named);
        sessions_tsv::write(self.output, &self.changes, &rows)?;
        self.changes.sync()?;
        self.observer.step(&ExportStep::Verification);
        let has_tiv = !volumes.0.is_empty();
        let features = self.open_features(&planned, &tables, has_tiv)?;
        let n_volumes = count(volumes.0.len());
        let of_volumes = FeatureName::tiv().file_path();
        let rows_of_features = expected.values().flat_map(Expected::feature_rows);
        let rows_of_features = rows_of_features.chain(has_tiv.then_some((of_volumes.as_str(), n_volumes)));
        verify_features(self.output, rows_of_features, &features)?;
        verify_rows(&self.current_path(METADATA_FILE), count(metadata.sessions.len()))?;
        verify_rows(&self.current_path(SOURCES_FILE), written.n_rows)?;
        if has_tiv {
            verify_rows(&self.current_path(TIV_FILE), n_volumes)?;
        }
        let manifest = self.commit(&tables, features, has_tiv, &remembered, written.rows_without_files)?;
        Ok(ExportReport {
            manifest,
            sessions: rows,
            age_range: metadata.age_range(),
            ages_in_years: metadata.ages_are_in_years(),
            notes: report_notes,
        })
    }

    /// The sessions that the store is going to have something of.
    fn sessions(&self) -> HashSet<Session> {
        let removals = &self.request.removals;
        let cached =
            self.units.iter().filter(|unit| removals.of(&unit.unit).is_none() || !is_of_nothing(unit));
        let mut sessions: HashSet<Session> = cached.map(|unit| unit.unit.session.clone()).collect();
        // A session of which the store has TIV alone is in no long table.
        sessions.extend(self.old_volumes.0.keys().cloned());
        let replaced = Replaced::of(&[], removals);
        for (table, old) in &self.old {
            let leaving = replaced.in_table(table);
            sessions.extend(old.index.sessions_that_stay(&leaving));
        }
        let leaving = removals.sessions();
        let known = self.old_metadata.sessions.iter().filter(|session| !leaving.contains(session));
        sessions.extend(known.cloned());
        sessions
    }

    /// The file of the store that is going to stand at a path.
    fn current_path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.changes.current_path(&self.output.join(path))
    }

    /// The tables with their features, and what the user should know of the features' names.
    fn plan(&self, facts: &Facts) -> Result<(Vec<Planned>, Vec<String>), StoreError> {
        let cached = self.forms.iter().map(|form| &form.table);
        let tables: BTreeSet<&TableName> = self.old.keys().chain(cached).collect();
        let replaced = Replaced::of(&self.units, &self.request.removals);
        let mut producers = producers(self.cache, &self.units)?;
        let planned = tables.into_iter().map(|table| {
            let mut merge = LongMerge::new(
                table,
                self.old.get(table).cloned(),
                &replaced,
                &self.units,
                &self.forms,
                facts.clone(),
            );
            merge.producers = producers.remove(&table.to_string()).unwrap_or_default();
            let columns = merge.columns();
            Planned { merge, columns, features: Vec::new() }
        });
        let mut planned: Vec<Planned> = planned.collect();
        let givers: Vec<Giver<'_>> =
            planned.iter().map(|table| Giver::of(&table.merge, &table.columns)).collect();
        let mut plan = feature_plan(&givers, &self.request.record.settings.wide_metrics);
        for table in &mut planned {
            table.features = plan.features.remove(&table.merge.table).unwrap_or_default();
        }
        Ok((planned, plan.notes))
    }

    fn write_long(
        &self,
        planned: &[Planned],
        report_notes: &mut Vec<String>,
    ) -> Result<BTreeMap<TableName, Expected>, StoreError> {
        let mut expected = BTreeMap::new();
        let mut to_write = Vec::new();
        for table in planned {
            let rows = table.merge.rows();
            if rows.is_empty() {
                self.changes.delete_later(&self.output.join(table.merge.table.file_path()));
                continue;
            }
            let features =
                table.features.iter().map(|feature| (feature.name.file_path(), feature.map.clone()));
            expected.insert(table.merge.table.clone(), Expected { rows, features: features.collect() });
            if !table.merge.is_done(&table.columns)? {
                to_write.push(table);
            }
        }
        let (changes, settings, of) = (&self.changes, &self.request.record.settings, to_write.len());
        std::thread::scope(|scope| {
            let mut completion = Completion::new(scope);
            for (place, table) in (1..).zip(to_write) {
                let Planned { merge, columns, .. } = table;
                self.observer.step(&ExportStep::LongTable { table: merge.table.clone(), place, of });
                let _open = merge.old.as_ref().map(|old| old.file.opened()).transpose()?;
                let (file, notes) =
                    merge.write(self.output, changes, settings, self.cache, columns, &|| self.go_on())?;
                report_notes.extend(notes);
                completion.add(vec![file])?;
            }
            completion.wait()
        })?;
        Ok(expected)
    }

    /// The long tables as they are on disk now: features are made of what was read back and found whole.
    fn open_tables(
        &self,
        expected: &BTreeMap<TableName, Expected>,
    ) -> Result<BTreeMap<TableName, OldTable>, StoreError> {
        self.observer.step(&ExportStep::Verification);
        let open = |(table, expected): &(&TableName, &Expected)| {
            let path = self.current_path(table.file_path());
            let file = ParquetReader::open(&path)?.ok_or_else(|| StoreError::damaged(&path, "it is gone"))?;
            let index = LongIndex::read(&file)?;
            verify_long(&path, expected, &index)?;
            Ok((TableName::clone(table), OldTable { file: file.closed(), index }))
        };
        let expected: Vec<(&TableName, &Expected)> = expected.iter().collect();
        let opened: Result<Vec<_>, StoreError> = each_file(&expected, open);
        Ok(opened?.into_iter().collect())
    }

    fn write_features(
        &self,
        planned: &[Planned],
        tables: &BTreeMap<TableName, OldTable>,
    ) -> Result<(), StoreError> {
        let mut to_write = Vec::new();
        for planned in planned {
            let Some(table) = tables.get(&planned.merge.table) else { continue };
            let mut features = Vec::new();
            for feature in &planned.features {
                if !self.is_current(feature, &table.file)? {
                    features.push(feature.clone());
                }
            }
            if !features.is_empty() {
                to_write.push((&planned.merge.table, table, features));
            }
        }
        let (changes, of) = (&self.changes, to_write.len());
        std::thread::scope(|scope| {
            let mut completion = Completion::new(scope);
            for (place, (table, long, features)) in (1..).zip(to_write) {
                let n_features = features.len();
                self.observer.step(&ExportStep::Features { table: table.clone(), n_features, place, of });
                let writer = WideWriter {
                    output: self.output,
                    changes,
                    table,
                    file: long.file.opened()?,
                    index: &long.index,
                    settings: &self.request.record.settings,
                };
                writer.write(&features, &mut completion, &|| self.go_on())?;
            }
            completion.wait()
        })
    }

    /// Whether a feature's file was made from the long table as it is now.
    fn is_current(&self, feature: &PlannedFeature, long: &ParquetReader) -> Result<bool, StoreError> {
        let path = feature.name.file_path();
        let file = if self.owned.has(&path)? { ParquetReader::open(&self.output.join(path))? } else { None };
        let Some(file) = file else { return Ok(false) };
        let state = long.key_value(keys::STATE).filter(|state| !state.is_empty());
        let kind = file.key_value(keys::FEATURE).and_then(|text| serde_json::from_str(text).ok());
        Ok(state.is_some()
            && file.key_value(keys::FROM_STATE) == state
            && kind.as_ref() == Some(&feature.kind))
    }

    fn session_rows(
        &self,
        written: &WrittenSources,
        tables: &BTreeMap<TableName, OldTable>,
        named: &HashSet<Session>,
    ) -> Vec<SessionRow> {
        let record = &self.request.record;
        let tables = tables
            .iter()
            .map(|(table, long)| (table.clone(), long.index.sessions.iter().cloned().collect()))
            .collect();
        sessions_tsv::rows(&Told {
            listing: &record.listing,
            modalities: &record.modalities,
            stored: &written.units,
            outcomes: &self.request.outcomes,
            tables: &tables,
            named,
        })
    }

    /// The entries of all features, from their files as they are now.
    fn open_features(
        &self,
        planned: &[Planned],
        tables: &BTreeMap<TableName, OldTable>,
        has_tiv: bool,
    ) -> Result<Vec<WideFeature>, StoreError> {
        let mut paths: Vec<String> = planned
            .iter()
            .filter(|table| tables.contains_key(&table.merge.table))
            .flat_map(|table| &table.features)
            .map(|feature| feature.name.file_path())
            .collect();
        paths.extend(has_tiv.then(|| FeatureName::tiv().file_path()));
        each_file(&paths, |path| {
            let place = self.current_path(path);
            let entry = ParquetReader::open(&place)?.and_then(|file| wide_entry(path, &file));
            entry.ok_or_else(|| StoreError::damaged(&place, "it is gone"))
        })
    }

    fn go_on(&self) -> Result<(), StoreError> {
        if self.observer.should_stop() { Err(StoreError::Stopped) } else { Ok(()) }
    }
}
