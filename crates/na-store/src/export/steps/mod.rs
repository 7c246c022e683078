//! The steps of an export that has decided what it writes: long tables, features, metadata, sources, then the commit.
//!
//! Knows the plan and the writers. Long tables are read back before features are made of them, and every written file is looked at
//! once more before the commit; long tables are synced meanwhile.

mod features;
mod tables;

use std::collections::BTreeMap;

use foldhash::HashSet;
use na_cache::OwnedCache;
use na_model::{FeatureName, Session, TableName, UnitKind, WideFeature};

use crate::error::StoreError;
use crate::export::background_commit::BackgroundCommit;
use crate::export::commit::{NewStore, commit};
use crate::export::destination::Destination;
use crate::export::holdings::Holdings;
use crate::export::observer::ExportStep;
use crate::export::plan::ExportPlan;
use crate::export::request::{ExportReport, ExportRequest};
use crate::export::sources_writer::{SourcesWriter, WrittenSources};
use crate::export::unlisted_sessions::unlisted_sessions;
use crate::export::verify::{Expected, verify_features, verify_rows, verify_states};
use crate::format::key_value_metadata as keys;
use crate::format::open_file_limit::each_file;
use crate::format::parquet_file::ParquetFile;
use crate::merge::listed_sessions::listed_sessions;
use crate::merge::segments::LeftOut;
use crate::merge::unit_status::UnitStatuses;
use crate::tables::columns_json::{ColumnsJson, earlier_notes, metadata_notes};
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::found_by_folder;
use crate::tables::long_file::LongFile;
use crate::tables::manifest::{ManifestRecord, count};
use crate::tables::manifest_entries::wide_entry;
use crate::tables::paths::{METADATA_FILE, SOURCES_FILE, TIV_FILE};
use crate::tables::run_changes::RunChanges;
use crate::tables::sessions_tsv::{self, SessionRow, Told};
use crate::tables::store_record::StoreRecord;

/// An export that has decided what it writes.
pub(crate) struct ExportSteps<'a> {
    pub(crate) store: &'a ExistingStore,
    pub(crate) cache: &'a OwnedCache<'a>,
    pub(crate) request: &'a ExportRequest,
    pub(crate) to: Destination<'a>,
    pub(crate) holdings: Holdings,
    pub(crate) plan: ExportPlan,
}

impl<'a> ExportSteps<'a> {
    /// Writes, verifies and commits.
    ///
    /// # Errors
    /// As [`export`](crate::export::job::export).
    pub(crate) fn run(&self) -> Result<ExportReport, StoreError> {
        let (metadata, volumes) = (&self.plan.facts.metadata, &self.plan.facts.volumes);
        let mut notes = self.plan.notes.clone();
        notes.extend(self.note_of_lost_features());
        let expected = self.expected_tables()?;
        self.delete_empty_tables(&expected);
        let tables = self.write_tables_and_features(&expected, &mut notes)?;
        volumes.write(self.to.output, self.to.changes, self.to.settings, &metadata.sessions)?;
        metadata.write(self.to.output, self.to.changes, self.to.settings.compression)?;
        let record = self.record(tables.keys());
        let listed = listed_sessions(self.to.output, &self.request.record)?;
        let changes = self.changes()?;
        let sources = self.write_sources(&tables, &record, &listed, &changes)?;
        notes.extend(sources.provenance.differences());
        notes.extend(sources.notes_of_lost());
        let rows = self.session_rows(&sources, &tables, &listed);
        sessions_tsv::write(self.to.output, self.to.changes, &rows)?;
        self.columns(&tables).write(self.to.output, self.to.changes)?;
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
            changes,
            n_segments: self.cache.segments().len(),
            left_out: LeftOut::default(),
            notes,
        })
    }

    /// A note for features of the pandas package that no table gives: they go with the first export.
    fn note_of_lost_features(&self) -> Option<String> {
        let manifest =
            self.store.written_manifest().filter(|manifest| ManifestRecord::of(manifest).is_none())?;
        let planned = self.plan.tables.iter().flat_map(|table| &table.features);
        let planned: HashSet<&str> = planned.map(|feature| feature.name.as_str()).collect();
        let features = manifest.wide_features.values().map(|feature| feature.name.as_str());
        let lost: Vec<&str> =
            features.filter(|name| !planned.contains(name) && *name != FeatureName::tiv().as_str()).collect();
        (!lost.is_empty()).then(|| {
            format!(
                "features of the pandas package that no table of the store gives are gone: {}",
                lost.join(", ")
            )
        })
    }

    fn has_tiv(&self) -> bool {
        !self.plan.facts.volumes.0.is_empty()
    }

    /// Writes what is not up to date. Long tables are synced while features are made from them.
    fn write_tables_and_features(
        &self,
        expected: &BTreeMap<TableName, Expected<'_>>,
        notes: &mut Vec<String>,
    ) -> Result<BTreeMap<TableName, LongFile>, StoreError> {
        std::thread::scope(|scope| {
            let mut commits = BackgroundCommit::new(scope, tables::TABLES_WAITING);
            let written = self.write_long_tables(expected, &mut commits, notes)?;
            let tables = self.open_tables(expected, written)?;
            let written = self.write_features(&tables);
            // A table that did not come into its place is why its features cannot be made.
            commits.wait()?;
            written.map(|()| tables)
        })
    }

    fn write_sources(
        &self,
        tables: &BTreeMap<TableName, LongFile>,
        record: &StoreRecord,
        listed: &HashSet<Session>,
        changes: &RunChanges,
    ) -> Result<WrittenSources, StoreError> {
        let statuses =
            UnitStatuses::of(tables.iter().map(|(table, long)| (table, long.kind.as_ref(), &long.index)));
        let stored = &self.plan.facts.metadata.sessions;
        let unlisted = unlisted_sessions(stored, self.request, listed);
        let mut key_values = vec![
            (keys::REMEMBERED, record.to_text()?),
            (keys::FOUND_BY_FOLDER, found_by_folder::to_text(&unlisted)?),
        ];
        // A withdrawal is no run: what the last one changed may name who withdrew.
        key_values.extend(self.request.run.as_ref().map(|_| (keys::LAST_RUN, changes.to_json().to_string())));
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
            kinds: &record.kinds,
            stored: &sources.units,
            outcomes: &self.request.outcomes,
            tables: &tables,
            named: listed,
        })
    }

    /// What is different from the store before: `sessions.tsv` still tells of it.
    fn changes(&self) -> Result<RunChanges, StoreError> {
        let before = sessions_tsv::session_rows(self.to.output)?;
        let read = self.holdings.units.iter().map(|unit| &unit.unit);
        let removed = self.request.removals.iter().map(|(unit, _)| unit);
        let merges = self.plan.tables.iter().map(|planned| &planned.merge);
        let kinds: BTreeMap<&TableName, UnitKind> =
            merges.map(|merge| (&merge.table, merge.kind.unit_kind(&merge.table))).collect();
        let kind_of = |table: &TableName| {
            kinds.get(table).cloned().unwrap_or_else(|| UnitKind::of_parcellate(table.modality()))
        };
        Ok(RunChanges::between(&before, kind_of, &self.request.outcomes, read, removed))
    }

    fn columns(&self, tables: &BTreeMap<TableName, LongFile>) -> ColumnsJson {
        let (listing, earlier) = (&self.request.record.listing, earlier_notes(self.to.output));
        let metadata =
            metadata_notes(&self.plan.facts.metadata.columns, listing, &earlier, &self.request.names);
        let mut columns = ColumnsJson::new(self.holdings.tiv_from);
        for planned in &self.plan.tables {
            let Some(long) = tables.get(&planned.merge.table) else { continue };
            let table = &planned.merge.table;
            columns.add_long(table, long, &metadata);
            columns.add_features(table, long, &planned.features);
        }
        if self.has_tiv() {
            columns.add_tiv();
        }
        columns.add_metadata(&metadata);
        columns
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
        if run.list_read_as.is_some() {
            record.list_read_as.clone_from(&run.list_read_as);
        }
        let chosen = self.holdings.tiv_from;
        record.tiv_from = if self.has_tiv() { Some(chosen) } else { run.tiv_from.or(record.tiv_from) };
        self.request.names.take_out_of_roots(&mut record.roots);
        if let Some(n_listed) = run.n_listed_withdrawn {
            record.withdrawn.get_or_insert_default().add(self.request.withdrawal, n_listed);
        }
        record
    }

    /// Verifies every other written file. Returns the entries of the features, made from their files.
    fn verify(
        &self,
        expected: &BTreeMap<TableName, Expected<'_>>,
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
