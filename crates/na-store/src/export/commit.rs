//! Commits an export: the instant at which the store becomes the new one.
//!
//! | step | a crash after it leaves |
//! |---|---|
//! | if something leaves the store, the cache records that the commit has begun | the old store; the next writer finishes the commit |
//! | finished files that were held back are renamed | files of both; the manifest is the old one, and the next writer finishes |
//! | **the manifest is renamed, and its folder synced** | the new store; the manifest no longer names obsolete files |
//! | obsolete files are deleted | the new store |
//! | the segments whose units are in it are deleted (by the caller) | the new store; those that came meanwhile stay |
//! | the cache is deleted (by the caller) | the new store alone |

use std::collections::BTreeMap;
use std::path::Path;

use foldhash::HashSet;
use na_cache::{Commit, OwnedCache};
use na_model::{LongFormat, Manifest, TableName, WideFeature};

use crate::error::StoreError;
use crate::export::destination::Destination;
use crate::export::holdings::Holdings;
use crate::export::request::ExportRequest;
use crate::format::file_state::FileState;
use crate::format::parquet_file::ParquetFile;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::long_file::{LongFile, told_kinds};
use crate::tables::manifest::{ManifestContent, ManifestRecord, write_manifest};
use crate::tables::manifest_entries::long_entry;
use crate::tables::paths::{MANIFEST_FILE, long_tables_by_name, other_files, wide_files_by_name};
use crate::tables::runs::add_run;
use crate::tables::store_record::StoreRecord;

/// The content of the new store, written and verified.
pub(crate) struct NewStore<'a> {
    pub(crate) tables: &'a BTreeMap<TableName, LongFile>,
    pub(crate) features: Vec<WideFeature>,
    pub(crate) has_tiv: bool,
    pub(crate) record: StoreRecord,
    pub(crate) rows_without_files: bool,
}

/// Publishes the new store, and deletes the files that it no longer has.
///
/// # Errors
/// A file that cannot be renamed, written or deleted.
pub(crate) fn commit(
    to: Destination<'_>,
    store: &ExistingStore,
    holdings: &Holdings,
    cache: &OwnedCache<'_>,
    request: &ExportRequest,
    new: NewStore<'_>,
) -> Result<Manifest, StoreError> {
    if request.takes_away() {
        let (removals, keep_cache) = (request.removals.clone(), request.keep_cache);
        let segments = cache.segments().names().to_vec();
        cache.begin_commit(&Commit { removals, keep_cache, lacks_units: false, segments })?;
    }
    to.changes.publish()?;
    let mut manifest = manifest(to, holdings.manifest.as_deref(), new)?;
    let (before, run) = (store.written_manifest().map(AsRef::as_ref), request.run.as_ref());
    add_run(&mut manifest, before, run, &request.names);
    write_manifest(to.output, to.changes, &manifest)?;
    to.changes.sync()?;
    delete_obsolete(to, store, &manifest)?;
    Ok(manifest)
}

fn manifest(to: Destination<'_>, old: Option<&Manifest>, new: NewStore<'_>) -> Result<Manifest, StoreError> {
    let NewStore { tables, features, has_tiv, record, rows_without_files } = new;
    let long_formats: BTreeMap<String, LongFormat> =
        tables.iter().map(|(table, long)| (table.to_string(), long_entry(table, long))).collect();
    let of_tables = long_formats.values().map(|entry| entry.file_path.as_str());
    let of_features = features.iter().map(|entry| entry.file_path.as_str());
    let before = old.and_then(ManifestRecord::of).map(|record| record.files).unwrap_or_default();
    let files = file_states(to, before, of_tables.chain(of_features).chain(other_files(has_tiv)))?;
    let content = ManifestContent {
        atlas_name: to.settings.atlas_name.clone(),
        record: ManifestRecord {
            wide_metrics: Some(to.settings.wide_metrics.to_text()),
            table_kinds: told_kinds(tables),
            rows_without_files: Some(rows_without_files),
            files,
            ..record.to_manifest_record()
        },
        sessions: tables.values().flat_map(|long| long.index.sessions.iter().cloned()).collect(),
        long_formats,
        wide_features: features.into_iter().map(|entry| (entry.name.clone(), entry)).collect(),
        has_tiv,
        withdrawn: record.withdrawn.clone(),
    };
    let damaged = |error| StoreError::damaged(&to.output.join(MANIFEST_FILE), error);
    content.into_manifest(old).map_err(damaged)
}

/// The states of the store's files, by path. A file is read only if this export did not write it and it differs from its
/// recorded state: an export that was cut short wrote it.
fn file_states<'p>(
    to: Destination<'_>,
    mut before: BTreeMap<String, FileState>,
    paths: impl Iterator<Item = &'p str>,
) -> Result<BTreeMap<String, FileState>, StoreError> {
    let mut states = BTreeMap::new();
    for path in paths {
        let file = to.output.join(path);
        let known = before.remove(path).filter(|state| state.is_as_it_was(&file));
        let state = match to.changes.state_of(&file).or(known) {
            Some(state) => state,
            None => read_state(&file)?,
        };
        states.insert(path.to_owned(), state);
    }
    Ok(states)
}

/// The state of a file, of its footer alone if that has the hashes of all column chunks.
fn read_state(path: &Path) -> Result<FileState, StoreError> {
    let is_parquet = path.extension().is_some_and(|extension| extension == "parquet");
    let file = if is_parquet { ParquetFile::open(path)? } else { None };
    let has_hashes = file.is_some_and(|file| file.has_hashes());
    let state = if has_hashes { FileState::read_footer(path) } else { FileState::read(path) };
    state.map_err(StoreError::io("read", path))
}

/// Deletes tables that have lost all their rows, and features that no table gives any more. It leaves files alone that
/// this program did not write.
fn delete_obsolete(
    to: Destination<'_>,
    store: &ExistingStore,
    manifest: &Manifest,
) -> Result<(), StoreError> {
    let long = manifest.long_formats.values().map(|entry| entry.file_path.clone());
    let current: HashSet<String> =
        manifest.wide_features.values().map(|entry| entry.file_path.clone()).chain(long).collect();
    let long = long_tables_by_name(to.output)?.into_iter().map(|table| table.file_path());
    for path in long.chain(wide_files_by_name(to.output)?).filter(|path| !current.contains(path)) {
        if store.own_files().has(&path)? {
            to.changes.delete_later(&to.output.join(path));
        }
    }
    to.changes.delete_marked()
}
