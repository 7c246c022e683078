//! The steps of an export that has decided what it writes: long tables, features, metadata, sources, then the commit.

use std::collections::{BTreeMap, HashMap, HashSet};

use na_cache::OwnedCache;
use na_model::{FeatureName, Session, TableName, WideFeature};
use rayon::prelude::*;

use crate::error::StoreError;
use crate::export::background_commit::BackgroundCommit;
use crate::export::commit::{NewStore, commit};
use crate::export::destination::Destination;
use crate::export::feature_splice::ChangedSessions;
use crate::export::feature_writer::FeatureWriter;
use crate::export::holdings::Holdings;
use crate::export::listed_sessions::{listed_sessions, unlisted_sessions};
use crate::export::long_writer::{LongWriter, WrittenTable};
use crate::export::observer::ExportStep;
use crate::export::plan::{ExportPlan, PlannedTable};
use crate::export::request::{ExportReport, ExportRequest};
use crate::export::sources_writer::{SourcesWriter, WrittenSources};
use crate::export::unit_status::UnitStatuses;
use crate::export::verify::{Expected, verify_features, verify_long, verify_rows, verify_states};
use crate::format::key_value_metadata as keys;
use crate::format::open_file_limit::{each_file, written_at_once};
use crate::format::parquet_file::ParquetFile;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::features::{FeatureKind, PlannedFeature, is_up_to_date};
use crate::tables::found_by_folder;
use crate::tables::long_file::LongFile;
use crate::tables::long_index::file_index::decoded;
use crate::tables::manifest::count;
use crate::tables::manifest_entries::wide_entry;
use crate::tables::paths::{METADATA_FILE, SOURCES_FILE, TIV_FILE};
use crate::tables::sessions_tsv::{self, SessionRow, Told};
use crate::tables::store_record::StoreRecord;

/// Long tables written at once: one is encoded while another is copied.
const TABLES_AT_ONCE: usize = 2;

/// Long tables that wait for the disk at most.
const TABLES_WAITING: usize = 4;

/// Features that wait for the disk at most: each has its buffer and its footer in memory.
const FEATURES_WAITING: usize = 32;

/// An export that has decided what it writes.
pub(crate) struct ExportSteps<'a> {
    pub(crate) store: &'a ExistingStore,
    pub(crate) cache: &'a OwnedCache<'a>,
    pub(crate) request: &'a ExportRequest,
    pub(crate) to: Destination<'a>,
    pub(crate) holdings: Holdings,
    pub(crate) plan: ExportPlan,
}

/// The features of a long table that are written.
struct TableFeatures<'t> {
    table: &'t TableName,
    long: &'t LongFile,
    features: Vec<PlannedFeature>,
    changed: Option<ChangedSessions<'t>>,
}

/// A long table that is written and not in its place yet.
struct UnsyncedTable {
    file: ParquetFile,
    /// The row groups with other keys than in the existing file.
    written: Vec<usize>,
}

impl<'a> ExportSteps<'a> {
    /// Writes, verifies and commits.
    ///
    /// # Errors
    /// As [`export`](crate::export::job::export).
    pub(crate) fn run(&self) -> Result<ExportReport, StoreError> {
        let (metadata, volumes) = (&self.plan.facts.metadata, &self.plan.facts.volumes);
        let mut notes = self.plan.notes.clone();
        let expected = self.expected_tables()?;
        self.delete_empty_tables(&expected);
        let tables = self.write_tables_and_features(&expected, &mut notes)?;
        volumes.write(self.to.output, self.to.changes, self.to.settings, &metadata.sessions)?;
        metadata.write(self.to.output, self.to.changes, self.to.settings.compression)?;
        let record = self.record(tables.keys());
        let listed = listed_sessions(self.to.output, &self.request.record)?;
        let sources = self.write_sources(&tables, &record, &listed)?;
        notes.extend(sources.provenance.differences());
        notes.extend(sources.notes_of_lost());
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

    /// What each long table must hold, for the tables that have rows.
    fn expected_tables(&self) -> Result<BTreeMap<TableName, Expected>, StoreError> {
        let mut expected = BTreeMap::new();
        for PlannedTable { merge, features, .. } in &self.plan.tables {
            let rows = merge.rows()?;
            if !rows.is_empty() {
                let features = features.iter().map(|feature| (feature.name.file_path(), feature.map.clone()));
                expected.insert(merge.table.clone(), Expected { rows, features: features.collect() });
            }
        }
        Ok(expected)
    }

    fn delete_empty_tables(&self, expected: &BTreeMap<TableName, Expected>) {
        let tables = self.plan.tables.iter().map(|planned| &planned.merge.table);
        for table in tables.filter(|table| !expected.contains_key(table)) {
            self.to.changes.delete_later(&self.to.output.join(table.file_path()));
        }
    }

    /// Writes what is not up to date. Long tables are synced while features are made from them.
    fn write_tables_and_features(
        &self,
        expected: &BTreeMap<TableName, Expected>,
        notes: &mut Vec<String>,
    ) -> Result<BTreeMap<TableName, LongFile>, StoreError> {
        std::thread::scope(|scope| {
            let mut commits = BackgroundCommit::new(scope, TABLES_WAITING);
            let written = self.write_long_tables(expected, &mut commits, notes)?;
            let tables = self.open_tables(expected, written)?;
            self.write_features(&tables)?;
            commits.wait()?;
            Ok(tables)
        })
    }

    /// Writes the long tables that are not up to date, and adds what the user should know.
    fn write_long_tables(
        &self,
        expected: &BTreeMap<TableName, Expected>,
        commits: &mut BackgroundCommit<'_, 'a>,
        notes: &mut Vec<String>,
    ) -> Result<HashMap<TableName, UnsyncedTable>, StoreError> {
        let mut to_write = Vec::new();
        for planned in self.plan.tables.iter().filter(|planned| expected.contains_key(&planned.merge.table)) {
            let writer = LongWriter::new(&planned.merge, &planned.schema)?;
            if !writer.is_up_to_date() {
                to_write.push(writer);
            }
        }
        let (total, mut unsynced) = (to_write.len(), HashMap::new());
        for (first, writers) in (1..).step_by(TABLES_AT_ONCE).zip(to_write.chunks(TABLES_AT_ONCE)) {
            for (index, writer) in (first..).zip(writers) {
                self.to.observer.step(&ExportStep::LongTable {
                    table: writer.merge().table.clone(),
                    index,
                    total,
                });
            }
            let written = writers.par_iter().map(|writer| {
                let _open = writer.merge().old.as_ref().map(|old| old.file.opened()).transpose()?;
                writer.write(self.to, self.cache)
            });
            let written = written.collect::<Result<Vec<WrittenTable<'a>>, StoreError>>()?;
            for (writer, WrittenTable { file, written, notes: of_table }) in writers.iter().zip(written) {
                notes.extend(of_table);
                let table = UnsyncedTable { file: file.opened()?.closed(), written };
                unsynced.insert(writer.merge().table.clone(), table);
                commits.add(|| file.commit())?;
            }
        }
        Ok(unsynced)
    }

    /// Opens and verifies the long tables: features are made from what was read back and found complete.
    fn open_tables(
        &self,
        expected: &BTreeMap<TableName, Expected>,
        unsynced: HashMap<TableName, UnsyncedTable>,
    ) -> Result<BTreeMap<TableName, LongFile>, StoreError> {
        self.to.observer.step(&ExportStep::Verification);
        let expected: Vec<(&TableName, &Expected)> = expected.iter().collect();
        let opened =
            each_file(&expected, |(table, expected)| self.open_table(table, expected, unsynced.get(table)))?;
        Ok(opened.into_iter().collect())
    }

    fn open_table(
        &self,
        table: &TableName,
        expected: &Expected,
        unsynced: Option<&UnsyncedTable>,
    ) -> Result<(TableName, LongFile), StoreError> {
        let path = self.to.current_path(table.file_path());
        let file = match unsynced {
            Some(unsynced) => ParquetReader::of(unsynced.file.opened()?)?,
            None => ParquetReader::open(&path)?.ok_or_else(|| StoreError::damaged(&path, "it is gone"))?,
        };
        let written = unsynced.map(|unsynced| unsynced.written.as_slice()).unwrap_or_default();
        let long = LongFile::read(table, file.clone())?;
        let decoded = decoded(&file, &long.kind.region_key, written.iter().copied())?;
        verify_long(&path, expected, &long.index, &decoded, written)?;
        Ok((table.clone(), long))
    }

    /// Writes the features that are not up to date, table by table.
    fn write_features(&self, tables: &BTreeMap<TableName, LongFile>) -> Result<(), StoreError> {
        let mut to_write = Vec::new();
        for planned in &self.plan.tables {
            let Some(long) = tables.get(&planned.merge.table) else { continue };
            let changed = ChangedSessions::of(&planned.merge);
            // No feature is of a state that is new.
            let is_new = changed.as_ref().is_none_or(|changed| !changed.is_of_state_of(&long.file));
            let mut features = Vec::new();
            for feature in &planned.features {
                if is_new || !self.is_written(feature, long.file.file())? {
                    features.push(feature.clone());
                }
            }
            if !features.is_empty() {
                to_write.push(TableFeatures { table: &planned.merge.table, long, features, changed });
            }
        }
        let features_waiting = written_at_once().min(FEATURES_WAITING);
        std::thread::scope(|scope| {
            self.write_feature_files(to_write, BackgroundCommit::new(scope, features_waiting))
        })
    }

    fn write_feature_files<'t>(
        &'t self,
        tables: Vec<TableFeatures<'t>>,
        mut commits: BackgroundCommit<'_, 't>,
    ) -> Result<(), StoreError> {
        let total = tables.len();
        for (index, TableFeatures { table, long, features, changed }) in (1..).zip(tables) {
            let (name, n_features) = (table.clone(), features.len());
            self.to.observer.step(&ExportStep::Features { table: name, n_features, index, total });
            let file = long.file.opened()?;
            let (to, store) = (self.to, self.store);
            let writer = FeatureWriter { to, kind: &long.kind, file, index: &long.index, store, changed };
            writer.write(&features, &mut commits)?;
        }
        commits.wait()
    }

    /// Whether the file of a feature is already what it should be.
    fn is_written(&self, feature: &PlannedFeature, long: &ParquetFile) -> Result<bool, StoreError> {
        let path = feature.name.file_path();
        if !self.store.own_files().has(&path)? {
            return Ok(false);
        }
        let file = match ParquetFile::open(&self.to.output.join(path)) {
            Ok(Some(file)) => file,
            // It is made again from its table.
            Ok(None) | Err(StoreError::Damaged { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
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

    /// What the store records: a table's choices are those of the run that brought its rows.
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

    /// Verifies every other written file. Returns the entries of the features, made from their files.
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
        // Long tables were read back before their last step.
        verify_states(self.to.changes)?;
        Ok(features)
    }

    fn open_features(&self, tables: &BTreeMap<TableName, LongFile>) -> Result<Vec<WideFeature>, StoreError> {
        let written = self.plan.tables.iter().filter(|table| tables.contains_key(&table.merge.table));
        let features = written.flat_map(|table| &table.features);
        let mut paths: Vec<String> = features.map(|feature| feature.name.file_path()).collect();
        paths.extend(self.has_tiv().then(|| FeatureName::tiv().file_path()));
        each_file(&paths, |path| {
            let current = self.to.current_path(path);
            let entry = ParquetFile::open(&current)?.and_then(|file| wide_entry(path, &file));
            entry.ok_or_else(|| StoreError::damaged(&current, "it is gone"))
        })
    }
}
