//! Removes sessions from a store, its cache and its segments.

use std::collections::BTreeSet;
use std::path::Path;

use foldhash::HashSet;
use na_cache::{
    Cache, OwnedCache, OwnerLock, PandasCache, RunRecord, withdraw_from_pandas_cache, withdraw_from_segments,
};
use na_model::columns::KEY_COLUMNS;
use na_model::{
    Compression, DEFAULT_ATLAS, ExportSettings, Listing, Modality, Names, Removals, Session, SubjectCode,
    Unit, UnitKind,
};

use crate::error::StoreError;
use crate::export::fresh_load::settle_cache;
use crate::export::job::{IncompleteFreshLoad, export, finish_if_begun};
use crate::export::observer::ExportObserver;
use crate::export::request::ExportRequest;
use crate::format::file_changes::FileChanges;
use crate::format::parquet_file::ParquetFile;
use crate::format::parquet_reader::ParquetReader;
use crate::merge::sealed_parts::{Exported, SealedParts};
use crate::seal::orphaned_parts::delete_orphaned_parts;
use crate::seal::recovery::recover_cached_parts;
use crate::seal::without_sessions::{Rewritten, parts_without};
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::key_columns::sessions_of;
use crate::tables::manifest::{ManifestContent, count, write_manifest, write_mark};
use crate::tables::paths::{MANIFEST_FILE, METADATA_FILE, SOURCES_FILE, TIV_FILE};
use crate::tables::report_page::delete_report;
use crate::tables::sessions_tsv;
use crate::tables::sources::stored_unit::SourceDetail;
use crate::tables::withdrawals::{Withdrawal, WithdrawalMark};
use crate::withdraw::mentioned::{Mentioned, mentioned_beside_tables};

/// Removes sessions from a store, its cache and its segments, with whatever names them, and verifies that nothing of them is left.
/// The store records `n_listed`, the number of lines of the list.
///
/// # Errors
/// A store or cache that cannot be read or written; a file that still names one of them.
pub fn withdraw(
    lock: &OwnerLock,
    sessions: &BTreeSet<Session>,
    names: &Names,
    n_listed: u64,
    observer: &dyn ExportObserver,
) -> Result<Withdrawal, StoreError> {
    let output = lock.output();
    // Whatever becomes of the withdrawal, no page shows who withdrew.
    delete_report(output)?;
    recover_cached_parts(lock)?;
    delete_orphaned_parts(lock)?;
    // Some of its files are the store's already, with people in them whose rows must go.
    finish_if_begun(lock, IncompleteFreshLoad::IsCommitted, observer)?;
    let is_pandas = PandasCache::is_in(output)?;
    if !is_pandas && has_renamed_parts(lock)? {
        // The files that they became are about to be replaced: the export that named them so is finished first.
        settle_cache(lock, observer)?;
    }
    begin(lock, &ExistingStore::open(output)?, n_listed)?;
    let has_cache = is_pandas || Cache::open_until(output, lock.cancel())?.is_some();
    if is_pandas {
        withdraw_from_pandas_cache(lock, sessions)?;
    } else if has_cache {
        withdraw_from_cache(lock, sessions, names, n_listed)?;
    }
    let has_cache = withdraw_from_segments(lock, sessions, names, n_listed)? || has_cache;
    let subjects: HashSet<&SubjectCode> = sessions.iter().map(|session| &session.subject).collect();
    let taken_out = Withdrawal { n_subjects: count(subjects.len()), n_sessions: count(sessions.len()) };
    let leaving = Withdrawing { sessions, names, taken_out, n_listed };
    let store = ExistingStore::open(output)?;
    if store.written_manifest().is_some() || !store.long_tables()?.is_empty() {
        rewrite(lock, &store, &leaving, observer)?;
    } else if has_cache {
        begin_manifest(lock, &leaving)?;
    }
    verify(&ExistingStore::open(output)?, &leaving)?;
    // Another process may have put one there meanwhile.
    delete_report(output)?;
    Ok(taken_out)
}

/// Records in the manifest that a withdrawal begins, before anything of these people goes: if it is cut short, whoever
/// comes next has to say who they are, and takes out what is left of them. Without a manifest, the cache records it.
fn begin(lock: &OwnerLock, store: &ExistingStore, n_listed: u64) -> Result<(), StoreError> {
    let Some(manifest) = store.written_manifest() else { return Ok(()) };
    let known = store.record()?.and_then(|record| record.withdrawn.clone()).unwrap_or_default();
    let mut mark = known.clone();
    mark.begin(n_listed);
    if mark == known {
        return Ok(());
    }
    let changes = FileChanges::of(lock);
    write_mark(store.output(), &changes, manifest, &mark)?;
    changes.sync()
}

/// Whether a part was given the name of its table.
fn has_renamed_parts(lock: &OwnerLock) -> Result<bool, StoreError> {
    match Cache::open_until(lock.output(), lock.cancel())? {
        Some(cache) => {
            Ok(SealedParts::find(&cache, lock.output(), Exported::Unasked)?.are_renamed(lock.output()))
        }
        None => Ok(false),
    }
}

/// Deletes sessions from the cache and its parts.
fn withdraw_from_cache(
    lock: &OwnerLock,
    sessions: &BTreeSet<Session>,
    names: &Names,
    n_listed: u64,
) -> Result<(), StoreError> {
    let cache = OwnedCache::open_or_create(lock)?;
    let rewritten = parts_without(&cache, sessions)?;
    let replaced: Vec<_> = rewritten.iter().map(Rewritten::replacement).collect();
    Ok(cache.withdraw(sessions, names, n_listed, &replaced)?)
}

/// Who withdraws.
struct Withdrawing<'a> {
    sessions: &'a BTreeSet<Session>,
    names: &'a Names,
    taken_out: Withdrawal,
    n_listed: u64,
}

/// Writes the manifest of a store that so far has only a cache: it, too, must record the withdrawal.
fn begin_manifest(lock: &OwnerLock, leaving: &Withdrawing<'_>) -> Result<(), StoreError> {
    let damaged = |error| StoreError::damaged(&lock.output().join(MANIFEST_FILE), error);
    let mut mark = WithdrawalMark::default();
    mark.add(leaving.taken_out, leaving.n_listed);
    let content = ManifestContent { withdrawn: Some(mark), ..ManifestContent::default() };
    let manifest = content.into_manifest(None).map_err(damaged)?;
    let changes = FileChanges::of(lock);
    write_manifest(lock.output(), &changes, &manifest)?;
    changes.sync()
}

/// Rewrites all files that have anything of these sessions, by an export of an empty cache.
fn rewrite(
    lock: &OwnerLock,
    store: &ExistingStore,
    leaving: &Withdrawing<'_>,
    observer: &dyn ExportObserver,
) -> Result<(), StoreError> {
    let output = lock.output();
    let Withdrawing { sessions, names, taken_out, n_listed } = *leaving;
    let stored = store.settings()?;
    let settings = ExportSettings {
        atlas_name: stored.atlas_name.unwrap_or_else(|| DEFAULT_ATLAS.to_owned()),
        wide_metrics: stored.wide_metrics.unwrap_or_default(),
        compression: compression(output)?,
    };
    let outcomes = sessions_tsv::read(output)?.into_iter();
    let outcomes = outcomes.filter(|outcome| !sessions.contains(&outcome.unit.session)).map(|mut outcome| {
        names.leave_untold(&mut outcome.reason);
        outcome
    });
    let mut removals = Removals::default();
    let mut kinds: BTreeSet<UnitKind> = store.kinds()?.into_iter().collect();
    kinds.extend(Modality::ALL.map(UnitKind::of_parcellate));
    // Somebody may have deleted the table of a unit whose files are still named.
    store.for_each_unit::<StoreError>(SourceDetail::States, |stored| {
        if !kinds.contains(&stored.unit.kind) {
            kinds.insert(stored.unit.kind);
        }
        Ok(())
    })?;
    for session in sessions {
        kinds.iter().for_each(|kind| removals.add_unit(Unit::new(session.clone(), kind.clone())));
    }
    let record = RunRecord {
        n_listed_withdrawn: Some(n_listed),
        ..RunRecord::new(settings, Listing::default(), Vec::new())
    };
    let request = ExportRequest {
        outcomes: outcomes.collect(),
        removals,
        withdrawal: taken_out,
        names: names.clone(),
        ..ExportRequest::new(record)
    };
    // Beside the existing cache, which may be that of an unfinished load.
    let empty = OwnedCache::create_beside(lock)?;
    export(lock, store, empty, &request, observer).map(drop)
}

/// The compression of a store's files; the default if it has no file that shows it.
fn compression(output: &Path) -> Result<Compression, StoreError> {
    let file = ParquetFile::open(&output.join(METADATA_FILE))?;
    Ok(file.as_ref().and_then(ParquetFile::compression).unwrap_or_default())
}

/// Checks every file, row by row: none may have one of these sessions.
fn verify(store: &ExistingStore, leaving: &Withdrawing<'_>) -> Result<(), StoreError> {
    let sessions = leaving.sessions;
    let fixed = [TIV_FILE, METADATA_FILE, SOURCES_FILE].map(str::to_owned);
    let output = store.output();
    let long = store.long_tables()?.iter().map(|table| table.file_path());
    for path in fixed.into_iter().chain(long).chain(store.own_files().wide_files()?) {
        let path = output.join(path);
        let Some(file) = ParquetReader::open(&path)? else { continue };
        for group in 0..file.row_groups().len() {
            let batch = file.read(group, &KEY_COLUMNS)?;
            if sessions_of(&batch, &path)?.iter().any(|session| sessions.contains(session)) {
                let problem = "it still has rows of a participant who withdrew".to_owned();
                return Err(StoreError::NotVerified { path, problem });
            }
        }
    }
    let is_mentioned = mentioned_beside_tables(output)?.intersection(sessions).next().is_some();
    if is_mentioned || Mentioned::is_named_beside_segments(store, leaving.names)? {
        let problem = "a participant who withdrew is still named".to_owned();
        return Err(StoreError::NotVerified { path: output.to_owned(), problem });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::sync::Arc;

    use arrow_array::{ArrayRef, RecordBatch, StringArray};
    use na_model::SessionId;
    use na_model::columns::{SESSION, SUBJECT};
    use parquet::arrow::ArrowWriter;

    use super::*;
    use crate::tables::paths::SESSIONS_FILE;

    #[test]
    fn whoever_is_still_named_in_a_table_or_beside_them_is_noticed() {
        let withdrew = Session::new(SubjectCode::clean("7").unwrap(), SessionId::clean("1").unwrap());
        let sessions = BTreeSet::from([withdrew]);
        let names = Names::of(&sessions, []);
        let leaving =
            Withdrawing { sessions: &sessions, names: &names, taken_out: Withdrawal::default(), n_listed: 1 };
        let folder = tempfile::tempdir().unwrap();
        let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
        for (code, is_left) in [("0008", false), ("0007", true)] {
            let batch = RecordBatch::try_from_iter([(SUBJECT, text(code)), (SESSION, text("1"))]).unwrap();
            let file = File::create(folder.path().join(METADATA_FILE)).unwrap();
            let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            let seen = verify(&ExistingStore::open(folder.path()).unwrap(), &leaving)
                .map_err(|error| error.to_string());
            assert_eq!(seen.is_err(), is_left, "{code}: {seen:?}");
            fs::remove_file(folder.path().join(METADATA_FILE)).unwrap();
            let line = format!("{code}\t1\tanatomical\tmissing\tn/a\tno tables\n");
            fs::write(folder.path().join(SESSIONS_FILE), format!("header\n{line}")).unwrap();
            let seen = verify(&ExistingStore::open(folder.path()).unwrap(), &leaving)
                .map_err(|error| error.to_string());
            assert_eq!(seen.is_err(), is_left, "{code}: {seen:?}");
            let line = format!("0008\t1\tanatomical\tfailed\tn/a\tsub-{code} has its folder\n");
            fs::write(folder.path().join(SESSIONS_FILE), format!("header\n{line}")).unwrap();
            let seen = verify(&ExistingStore::open(folder.path()).unwrap(), &leaving)
                .map_err(|error| error.to_string());
            assert_eq!(seen.is_err(), is_left, "{code}: {seen:?}");
            fs::remove_file(folder.path().join(SESSIONS_FILE)).unwrap();
        }
    }
}
