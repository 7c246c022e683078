//! The export, step by step: read, plan, write, verify, commit, let the cache go.
//!
//! Where nothing leaves the store, each file goes into its place when it is whole: the cache has what the others lack, and
//! an export that is cut short is done again. Where something leaves, all files are held back until every one is verified,
//! the commit is noted in the cache, and only then the first is renamed: from there on the next writer finishes it.

use std::collections::{BTreeMap, HashSet};

use na_cache::{Cache, CacheError, Commit, OwnedCache, OwnerLock};
use na_model::{FeatureName, Session, TableName, WideFeature};

use crate::error::StoreError;
use crate::export::background_commit::BackgroundCommit;
use crate::export::commit::{NewStore, commit};
use crate::export::destination::Destination;
use crate::export::feature_writer::FeatureWriter;
use crate::export::holdings::Holdings;
use crate::export::listed_sessions::{listed_sessions, unlisted_sessions};
use crate::export::long_writer::LongWriter;
use crate::export::observer::{ExportObserver, ExportStep};
use crate::export::plan::{ExportPlan, PlannedTable};
use crate::export::request::{ExportReport, ExportRequest};
use crate::export::sources_writer::{SourcesWriter, WrittenSources};
use crate::export::unit_status::UnitStatuses;
use crate::export::verify::{Expected, verify_features, verify_long, verify_rows};
use crate::format::file_changes::FileChanges;
use crate::format::key_value_metadata as keys;
use crate::format::open_file_limit::each_file;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::features::{FeatureKind, PlannedFeature, is_up_to_date};
use crate::tables::found_by_folder;
use crate::tables::long_file::LongFile;
use crate::tables::manifest::count;
use crate::tables::manifest_entries::wide_entry;
use crate::tables::paths::{METADATA_FILE, SOURCES_FILE, TIV_FILE, remove_temporaries_of_store};
use crate::tables::sessions_tsv::{self, SessionRow, Told};
use crate::tables::store_record::StoreRecord;

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
    store: &ExistingStore,
    cache: OwnedCache<'_>,
    request: &ExportRequest,
    observer: &dyn ExportObserver,
) -> Result<ExportReport, StoreError> {
    let report = merge_and_commit(lock, store, &cache, request, observer)?;
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
    let store = ExistingStore::open(lock.output())?;
    export(lock, &store, cache, &request, observer).map(Some)
}

fn merge_and_commit(
    lock: &OwnerLock,
    store: &ExistingStore,
    cache: &OwnedCache<'_>,
    request: &ExportRequest,
    observer: &dyn ExportObserver,
) -> Result<ExportReport, StoreError> {
    // Between a plan and its export the same owner may have finished an earlier commit.
    let reopened;
    let store = if store.is_unchanged()? {
        store
    } else {
        reopened = ExistingStore::open(lock.output())?;
        &reopened
    };
    store.check()?;
    remove_temporaries_of_store(store.output())?;
    let changes = FileChanges::of(lock);
    let changes = if request.takes_away() { changes.holding_back() } else { changes };
    let settings = &request.record.settings;
    let to = Destination { output: store.output(), changes: &changes, settings, observer };
    let mut holdings = Holdings::read(store, cache, request)?;
    let plan = ExportPlan::of(&mut holdings, cache, request)?;
    plan.tables
        .iter()
        .flat_map(PlannedTable::paths)
        .try_for_each(|path| store.own_files().check_file(&path))?;
    Export { store, cache, request, to, holdings, plan }.run()
}

/// An export that has decided what it is going to write.
struct Export<'a> {
    store: &'a ExistingStore,
    cache: &'a OwnedCache<'a>,
    request: &'a ExportRequest,
    to: Destination<'a>,
    holdings: Holdings,
    plan: ExportPlan,
}

impl Export<'_> {
    fn run(&self) -> Result<ExportReport, StoreError> {
        let (metadata, volumes) = (&self.plan.facts.metadata, &self.plan.facts.volumes);
        let mut notes = self.plan.notes.clone();
        let expected = self.write_long(&mut notes)?;
        let tables = self.open_tables(&expected)?;
        self.write_features(&tables)?;
        volumes.write(self.to.output, self.to.changes, self.to.settings, &metadata.sessions)?;
        metadata.write(self.to.output, self.to.changes, self.to.settings.compression)?;
        let record = self.record(tables.keys());
        let listed = listed_sessions(self.to.output, &self.request.record)?;
        let sources = self.write_sources(&tables, &record, &listed)?;
        notes.extend(sources.provenance.differences());
        let rows = self.session_rows(&sources, &tables, &listed);
        sessions_tsv::write(self.to.output, self.to.changes, &rows)?;
        self.to.changes.sync()?;
        let features = self.verify(&expected, &tables, &sources)?;
        let new = NewStore {
            tables: &tables,
            features,
            has_tiv: self.has_tiv(),
            record,
            rows_without_files: sources.rows_without_files,
        };
        let manifest = commit(self.to, self.store, &self.holdings, self.cache, self.request, new)?;
        Ok(ExportReport {
            manifest,
            sessions: rows,
            age_range: metadata.age_range(),
            ages_in_years: metadata.ages_are_in_years(),
            notes,
        })
    }

    fn has_tiv(&self) -> bool {
        !self.plan.facts.volumes.0.is_empty()
    }

    /// Writes the long tables that are not as they should be; what each is to hold.
    fn write_long(&self, notes: &mut Vec<String>) -> Result<BTreeMap<TableName, Expected>, StoreError> {
        let mut expected = BTreeMap::new();
        let mut to_write = Vec::new();
        for table in &self.plan.tables {
            let rows = table.merge.rows();
            if rows.is_empty() {
                self.to.changes.delete_later(&self.to.output.join(table.merge.table.file_path()));
                continue;
            }
            let features =
                table.features.iter().map(|feature| (feature.name.file_path(), feature.map.clone()));
            expected.insert(table.merge.table.clone(), Expected { rows, features: features.collect() });
            let writer = LongWriter::new(&table.merge, &table.schema)?;
            if !writer.is_up_to_date() {
                to_write.push(writer);
            }
        }
        let total = to_write.len();
        std::thread::scope(|scope| {
            let mut commits = BackgroundCommit::new(scope);
            for (index, writer) in (1..).zip(to_write) {
                let table = writer.merge().table.clone();
                self.to.observer.step(&ExportStep::LongTable { table, index, total });
                let _open = writer.merge().old.as_ref().map(|old| old.file.opened()).transpose()?;
                let (file, of_table) = writer.write(self.to, self.cache)?;
                notes.extend(of_table);
                commits.add(vec![file])?;
            }
            commits.wait()
        })?;
        Ok(expected)
    }

    /// The long tables as they are on disk now: features are made of what was read back and found whole.
    fn open_tables(
        &self,
        expected: &BTreeMap<TableName, Expected>,
    ) -> Result<BTreeMap<TableName, LongFile>, StoreError> {
        self.to.observer.step(&ExportStep::Verification);
        let expected: Vec<(&TableName, &Expected)> = expected.iter().collect();
        let opened = each_file(&expected, |(table, expected)| -> Result<_, StoreError> {
            let path = self.to.current_path(table.file_path());
            let file = ParquetReader::open(&path)?.ok_or_else(|| StoreError::damaged(&path, "it is gone"))?;
            let long = LongFile::read(table, file)?;
            verify_long(&path, expected, &long.index)?;
            Ok((TableName::clone(table), long))
        });
        Ok(opened?.into_iter().collect())
    }

    fn write_features(&self, tables: &BTreeMap<TableName, LongFile>) -> Result<(), StoreError> {
        let mut to_write = Vec::new();
        for planned in &self.plan.tables {
            let Some(long) = tables.get(&planned.merge.table) else { continue };
            let mut features = Vec::new();
            for feature in &planned.features {
                if !self.is_written(feature, &long.file)? {
                    features.push(feature.clone());
                }
            }
            if !features.is_empty() {
                to_write.push((&planned.merge.table, long, features));
            }
        }
        let total = to_write.len();
        std::thread::scope(|scope| {
            let mut commits = BackgroundCommit::new(scope);
            for (index, (table, long, features)) in (1..).zip(to_write) {
                let n_features = features.len();
                self.to.observer.step(&ExportStep::Features {
                    table: table.clone(),
                    n_features,
                    index,
                    total,
                });
                let file = long.file.opened()?;
                let writer = FeatureWriter { to: self.to, kind: &long.kind, file, index: &long.index };
                writer.write(&features, &mut commits)?;
            }
            commits.wait()
        })
    }

    /// Whether a feature's file is already what it should be.
    fn is_written(&self, feature: &PlannedFeature, long: &ParquetReader) -> Result<bool, StoreError> {
        let path = feature.name.file_path();
        if !self.store.own_files().has(&path)? {
            return Ok(false);
        }
        let Some(file) = ParquetReader::open(&self.to.output.join(path))? else { return Ok(false) };
        Ok(is_up_to_date(&file, long) && FeatureKind::of(&file).as_ref() == Some(&feature.kind))
    }

    fn write_sources(
        &self,
        tables: &BTreeMap<TableName, LongFile>,
        record: &StoreRecord,
        listed: &HashSet<Session>,
    ) -> Result<WrittenSources, StoreError> {
        let statuses = UnitStatuses::of(tables.iter().map(|(table, long)| (table, &long.index)));
        let stored = &self.plan.facts.metadata.sessions;
        let unlisted = unlisted_sessions(stored, self.request, listed);
        let key_values = vec![
            (keys::REMEMBERED, record.to_text()?),
            (keys::FOUND_BY_FOLDER, found_by_folder::to_text(&unlisted)?),
        ];
        let writer = SourcesWriter {
            to: self.to,
            store: self.store,
            cache: self.cache,
            units: &self.holdings.units,
            statuses: &statuses,
            request: self.request,
        };
        writer.write(key_values)
    }

    fn session_rows(
        &self,
        sources: &WrittenSources,
        tables: &BTreeMap<TableName, LongFile>,
        listed: &HashSet<Session>,
    ) -> Vec<SessionRow> {
        let record = &self.request.record;
        let tables = tables
            .iter()
            .map(|(table, long)| (table.clone(), long.index.sessions.iter().cloned().collect()))
            .collect();
        sessions_tsv::rows(&Told {
            listing: &record.listing,
            modalities: &record.modalities,
            stored: &sources.units,
            outcomes: &self.request.outcomes,
            tables: &tables,
            named: listed,
        })
    }

    /// What the store is to record: a table's choice is that of the run which brought its rows.
    fn record<'t>(&self, tables: impl Iterator<Item = &'t TableName>) -> StoreRecord {
        let run = &self.request.record;
        let mut record = self.holdings.record.clone();
        if !run.choices.is_empty() {
            for form in &self.holdings.forms {
                record.choices.entry(form.table.clone()).or_default().extend(run.choices.clone());
            }
        }
        let tables: HashSet<&TableName> = tables.collect();
        record.choices.retain(|table, _| tables.contains(table));
        record.roots.extend(run.roots.clone());
        self.request.names.take_out_of_roots(&mut record.roots);
        if let Some(n_listed) = run.n_listed_withdrawn {
            record.withdrawn.get_or_insert_default().add(self.request.withdrawal, n_listed);
        }
        record
    }

    /// Looks at every written file once more; the entries of the features, from their files as they are now.
    fn verify(
        &self,
        expected: &BTreeMap<TableName, Expected>,
        tables: &BTreeMap<TableName, LongFile>,
        sources: &WrittenSources,
    ) -> Result<Vec<WideFeature>, StoreError> {
        self.to.observer.step(&ExportStep::Verification);
        let features = self.open_features(tables)?;
        let facts = &self.plan.facts;
        let (n_volumes, of_volumes) = (count(facts.volumes.0.len()), FeatureName::tiv().file_path());
        let rows = expected.values().flat_map(Expected::feature_rows);
        let rows = rows.chain(self.has_tiv().then_some((of_volumes.as_str(), n_volumes)));
        verify_features(self.to.output, rows, &features)?;
        verify_rows(&self.to.current_path(METADATA_FILE), count(facts.metadata.sessions.len()))?;
        verify_rows(&self.to.current_path(SOURCES_FILE), sources.n_rows)?;
        if self.has_tiv() {
            verify_rows(&self.to.current_path(TIV_FILE), n_volumes)?;
        }
        Ok(features)
    }

    fn open_features(&self, tables: &BTreeMap<TableName, LongFile>) -> Result<Vec<WideFeature>, StoreError> {
        let written = self.plan.tables.iter().filter(|table| tables.contains_key(&table.merge.table));
        let features = written.flat_map(|table| &table.features);
        let mut paths: Vec<String> = features.map(|feature| feature.name.file_path()).collect();
        paths.extend(self.has_tiv().then(|| FeatureName::tiv().file_path()));
        each_file(&paths, |path| {
            let current = self.to.current_path(path);
            let entry = ParquetReader::open(&current)?.and_then(|file| wide_entry(path, &file));
            entry.ok_or_else(|| StoreError::damaged(&current, "it is gone"))
        })
    }
}
