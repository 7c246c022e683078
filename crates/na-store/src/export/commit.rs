//! The commit of an export: the new files are in their places, the manifest names them, and what is obsolete goes.

use std::collections::{BTreeMap, HashSet};

use na_cache::Commit;
use na_model::{ExportSettings, LongFormat, Manifest, Session, TableName, WideFeature};

use crate::error::StoreError;
use crate::export::job::Export;
use crate::format::file_state::FileState;
use crate::merge::long_merge::OldTable;
use crate::tables::manifest::{self, Own, long_entry};
use crate::tables::paths::{
    METADATA_FILE, SESSIONS_FILE, SOURCES_FILE, TIV_FILE, long_tables_by_name, wide_files_by_name,
};
use crate::tables::store_record::Remembered;

impl Export<'_> {
    /// The instant at which the store becomes the new one.
    pub(crate) fn commit(
        &self,
        tables: &BTreeMap<TableName, OldTable>,
        features: Vec<WideFeature>,
        has_tiv: bool,
        remembered: &Remembered,
        rows_without_files: bool,
    ) -> Result<Manifest, StoreError> {
        if self.request.takes_away() {
            let (removals, keep_cache) = (self.request.removals.clone(), self.request.keep_cache);
            self.cache.begin_commit(&Commit { removals, keep_cache })?;
        }
        self.changes.publish()?;
        let settings: &ExportSettings = &self.request.record.settings;
        let long_formats: BTreeMap<String, LongFormat> = tables
            .iter()
            .map(|(table, long)| (table.to_string(), long_entry(table, &long.file, &long.index)))
            .collect();
        let sessions: HashSet<Session> =
            tables.values().flat_map(|long| long.index.sessions.iter().cloned()).collect();
        let mut own = Own::new(remembered);
        own.wide_metrics = Some(settings.wide_metrics.to_text());
        let before = self.manifest.as_ref().and_then(Own::of).unwrap_or_default().files;
        own.rows_without_files = Some(rows_without_files);
        let of_tables = long_formats.values().map(|entry| entry.file_path.as_str());
        let of_features = features.iter().map(|entry| entry.file_path.as_str());
        let others =
            [METADATA_FILE, SOURCES_FILE, SESSIONS_FILE].into_iter().chain(has_tiv.then_some(TIV_FILE));
        own.files = self.states(before, of_tables.chain(of_features).chain(others))?;
        let mut manifest = manifest::manifest(
            self.manifest.as_ref(),
            settings.atlas_name.clone(),
            own,
            long_formats,
            features.into_iter().map(|entry| (entry.name.clone(), entry)).collect(),
            &sessions,
            has_tiv,
        );
        manifest::mark_withdrawals(&mut manifest, remembered.withdrawn.as_ref());
        manifest::write_manifest(self.output, &self.changes, &manifest)?;
        self.changes.sync()?;
        self.delete_obsolete(&manifest)?;
        Ok(manifest)
    }

    /// The states of the store's files. One that was not written now, and is not as it was told before, is read: an export
    /// that was cut short wrote it.
    fn states<'p>(
        &self,
        mut before: BTreeMap<String, FileState>,
        paths: impl Iterator<Item = &'p str>,
    ) -> Result<BTreeMap<String, FileState>, StoreError> {
        let state = |path: &str| {
            let place = self.output.join(path);
            let known = before.remove(path).filter(|state| state.is_as_it_was(&place));
            let state = match self.changes.state_of(&place).or(known) {
                Some(state) => state,
                None => FileState::read(&place).map_err(StoreError::io("read", &place))?,
            };
            Ok((path.to_owned(), state))
        };
        paths.map(state).collect()
    }

    /// What the store is to remember: a table's choice is that of the run which brought its rows.
    pub(crate) fn remember<'t>(&self, tables: impl Iterator<Item = &'t TableName>) -> Remembered {
        let record = &self.request.record;
        let mut remembered = self.remembered.clone();
        if !record.choices.is_empty() {
            for form in &self.forms {
                remembered.choices.entry(form.table.clone()).or_default().extend(record.choices.clone());
            }
        }
        let tables: HashSet<&TableName> = tables.collect();
        remembered.choices.retain(|table, _| tables.contains(table));
        remembered.roots.extend(record.roots.clone());
        self.request.names.take_out_of_roots(&mut remembered.roots);
        if let Some(n_listed) = record.n_listed_withdrawn {
            remembered.withdrawn.get_or_insert_default().add(self.request.withdrawal, n_listed);
        }
        remembered
    }

    /// Deletes tables that have lost all their rows, and features that no table gives any more. Files that this program
    /// did not write are left alone.
    fn delete_obsolete(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let long = manifest.long_formats.values().map(|entry| entry.file_path.clone());
        let current: HashSet<String> =
            manifest.wide_features.values().map(|entry| entry.file_path.clone()).chain(long).collect();
        let long = long_tables_by_name(self.output)?.into_iter().map(|table| table.file_path());
        for path in long.chain(wide_files_by_name(self.output)?).filter(|path| !current.contains(path)) {
            if self.owned.has(&path)? {
                self.changes.delete_later(&self.output.join(path));
            }
        }
        self.changes.delete_marked()
    }
}
