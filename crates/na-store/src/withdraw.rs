//! Taking participants out of a store who withdrew: nothing of them is left in any of its files.
//!
//! Logs, copies and backups are not reached.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::DataType;
use na_cache::{Cache, OwnedCache, OwnerLock, PandasCache, RunRecord, withdraw_from_pandas_cache};
use na_model::{
    Compression, DEFAULT_ATLAS, ExportSettings, Listing, Modality, Names, Removals, Session, SubjectCode,
    Unit,
};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::export::job::{export, finish_commit};
use crate::export::observer::ExportObserver;
use crate::export::request::ExportRequest;
use crate::format::file_changes::FileChanges;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::existing_store::ExistingStore;
use crate::tables::key_columns::{SESSION, SUBJECT, sessions_of};
use crate::tables::manifest::{self, Own, count, read_manifest};
use crate::tables::metadata::stored_metadata;
use crate::tables::own_files::Owned;
use crate::tables::paths::{METADATA_FILE, SOURCES_FILE, TIV_FILE, remove_temporaries_of_store};
use crate::tables::sessions_tsv;
use crate::tables::sources::{SourceDetail, for_each_stored_unit};
use crate::tables::store_record::Mark;
use crate::tables::stored_units::stored_units;

/// How many a store took out because they withdrew. It says nothing of who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Withdrawal {
    /// Subjects.
    pub n_subjects: u64,
    /// Sessions.
    pub n_sessions: u64,
}

/// Whom a store and its cache name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentioned {
    /// Every session, whether the store has anything of it or not.
    pub sessions: BTreeSet<Session>,
    /// Lines of the last list of withdrawals that store or cache were given; `None` if they never were told of any.
    pub n_listed_withdrawn: Option<u64>,
}

impl Mentioned {
    /// Looks into every file.
    ///
    /// # Errors
    /// A store or cache that cannot be read.
    pub fn of(output: &Path) -> Result<Self, StoreError> {
        let mut sessions: BTreeSet<Session> =
            stored_units(output)?.into_keys().map(|unit| unit.session).collect();
        sessions.extend(stored_metadata(output)?.sessions);
        for_each_stored_unit::<StoreError>(output, SourceDetail::States, |stored| {
            sessions.insert(stored.unit.session);
            Ok(())
        })?;
        let owned = Owned::of(output)?;
        for path in [TIV_FILE.to_owned()].into_iter().chain(owned.wide_files()?) {
            let place = output.join(path);
            let Some(file) = ParquetReader::open(&place)? else { continue };
            for group in 0..file.row_groups().len() {
                sessions.extend(sessions_of(&file.read(group, &[SUBJECT, SESSION])?, &place)?);
            }
        }
        sessions.extend(mentioned_beside_tables(output)?);
        let of_store = ExistingStore::open(output)?.n_listed_withdrawn();
        let of_cache = match PandasCache::open_existing(output)? {
            Some(_) => None,
            None => Cache::open_existing(output)?.map(|cache| cache.run_record()).transpose()?.flatten(),
        };
        let of_cache = of_cache.and_then(|record| record.n_listed_withdrawn);
        Ok(Self { sessions, n_listed_withdrawn: of_store.max(of_cache) })
    }

    /// Whether what is told of other sessions has one of these names: their provenance, or why they failed.
    ///
    /// # Errors
    /// A store or cache that cannot be read.
    pub fn is_named(output: &Path, names: &Names) -> Result<bool, StoreError> {
        let mut is_named = false;
        if names.is_empty() {
            return Ok(is_named);
        }
        for_each_stored_unit::<StoreError>(output, SourceDetail::Sidecars, |mut stored| {
            is_named |= names.take_out_of_all(&mut stored.sources);
            Ok(())
        })?;
        let mut roots = ExistingStore::open(output)?.remembered.unwrap_or_default().roots;
        is_named |= names.take_out_of_roots(&mut roots);
        let mut outcomes = sessions_tsv::read(output)?;
        is_named |= outcomes.iter_mut().any(|outcome| names.leave_untold(&mut outcome.reason));
        if !is_named && PandasCache::open_existing(output)?.is_none() {
            let cache = Cache::open_existing(output)?;
            is_named = cache.map(|cache| cache.is_named_in(names)).transpose()?.unwrap_or_default();
        }
        Ok(is_named)
    }
}

/// Text cells that name somebody who withdrew, among other sessions' own: by file and column, how many rows have one. They
/// are measurements and metadata of other people, and stay as they are.
///
/// # Errors
/// A store that cannot be read.
pub fn named_in_cells(output: &Path, names: &Names) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut found = BTreeMap::new();
    let mut columns = HashSet::new();
    if names.is_empty() {
        return Ok(found);
    }
    let long = Owned::of(output)?.long_tables()?.into_iter().map(|table| table.file_path());
    for path in [METADATA_FILE.to_owned()].into_iter().chain(long) {
        let Some(file) = ParquetReader::open(&output.join(&path))? else { continue };
        let texts = file.schema().fields().iter().filter(|field| field.data_type() == &DataType::Utf8);
        // Each long table repeats the columns of the metadata.
        let own = texts.map(|field| field.name()).filter(|name| !columns.contains(*name));
        let texts: Vec<String> =
            own.filter(|name| ![SUBJECT, SESSION].contains(&name.as_str())).cloned().collect();
        for group in 0..file.row_groups().len() {
            for name in &texts {
                let batch = file.read(group, &[name])?;
                let cells = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
                // A text of a table is the same in many rows.
                let mut seen: HashMap<&str, bool> = HashMap::new();
                let is_named = |text| *seen.entry(text).or_insert_with(|| names.are_in_path(text));
                let n =
                    cells.into_iter().flatten().flatten().map(is_named).filter(|is_named| *is_named).count();
                if n > 0 {
                    *found.entry(format!("{path}: {name}")).or_default() += count(n);
                }
            }
        }
        if path == METADATA_FILE {
            columns.extend(texts);
        }
    }
    Ok(found)
}

/// Every session that is named outside the store's Parquet files.
fn mentioned_beside_tables(output: &Path) -> Result<BTreeSet<Session>, StoreError> {
    let mut sessions: BTreeSet<Session> =
        sessions_tsv::units(output)?.into_iter().map(|unit| unit.session).collect();
    if let Some(pandas) = PandasCache::open_existing(output)? {
        sessions.extend(pandas.mentioned_sessions()?);
    } else if let Some(cache) = Cache::open_existing(output)? {
        sessions.extend(cache.mentioned_sessions()?);
    }
    Ok(sessions)
}

/// Takes sessions out of a store and its cache, with whatever names them, and looks that nothing of them is left. The store
/// is to know how many lines the list had.
///
/// # Errors
/// A store or cache that cannot be read or written; a file in which one of them is still named.
pub fn withdraw(
    lock: &OwnerLock,
    sessions: &BTreeSet<Session>,
    names: &Names,
    n_listed: u64,
    observer: &dyn ExportObserver,
) -> Result<Withdrawal, StoreError> {
    let output = lock.output();
    finish_commit(lock, observer)?;
    remove_temporaries_of_store(output)?;
    let mut has_cache = true;
    if PandasCache::open_existing(output)?.is_some() {
        withdraw_from_pandas_cache(lock, sessions)?;
    } else if Cache::open_until(output, lock.cancel())?.is_some() {
        OwnedCache::open_or_create(lock)?.withdraw(sessions, names)?;
    } else {
        has_cache = false;
    }
    let subjects: HashSet<&SubjectCode> = sessions.iter().map(|session| &session.subject).collect();
    let taken_out = Withdrawal { n_subjects: count(subjects.len()), n_sessions: count(sessions.len()) };
    let leaving = Leaving { sessions, names, taken_out, n_listed };
    if read_manifest(output)?.is_some() || !Owned::of(output)?.long_tables()?.is_empty() {
        rewrite(lock, &leaving, observer)?;
    } else if has_cache {
        begin_with_a_mark(lock, &leaving)?;
    }
    verify(output, &leaving)?;
    Ok(taken_out)
}

/// Who leaves.
struct Leaving<'a> {
    sessions: &'a BTreeSet<Session>,
    names: &'a Names,
    taken_out: Withdrawal,
    n_listed: u64,
}

/// Makes the manifest of a store that has nothing but a cache yet: it is to know of the withdrawal, too.
fn begin_with_a_mark(lock: &OwnerLock, leaving: &Leaving<'_>) -> Result<(), StoreError> {
    let (nothing, of_nobody) = (BTreeMap::new(), HashSet::new());
    let mut manifest =
        manifest::manifest(None, String::new(), Own::default(), nothing, BTreeMap::new(), &of_nobody, false);
    let mut mark = Mark::default();
    mark.add(leaving.taken_out, leaving.n_listed);
    manifest::mark_withdrawals(&mut manifest, Some(&mark));
    let changes = FileChanges::of(lock);
    manifest::write_manifest(lock.output(), &changes, &manifest)?;
    changes.sync()
}

/// Writes all files anew that have something of these sessions, through an export of nothing.
fn rewrite(lock: &OwnerLock, leaving: &Leaving<'_>, observer: &dyn ExportObserver) -> Result<(), StoreError> {
    let output = lock.output();
    let Leaving { sessions, names, taken_out, n_listed } = *leaving;
    let stored = ExistingStore::open(output)?.settings()?;
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
    for session in sessions {
        Modality::ALL
            .into_iter()
            .for_each(|modality| removals.add_unit(Unit::new(session.clone(), modality)));
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
    // Beside the cache that is there, which may be of a load that has not come to its end.
    let nothing = OwnedCache::create_beside(lock)?;
    export(lock, nothing, &request, observer).map(drop)
}

/// The compression of a store's files.
fn compression(output: &Path) -> Result<Compression, StoreError> {
    let file = ParquetReader::open(&output.join(METADATA_FILE))?;
    Ok(file.as_ref().and_then(ParquetReader::compression).unwrap_or_default())
}

/// Looks into every file, row by row: none may have one of these sessions.
fn verify(output: &Path, leaving: &Leaving<'_>) -> Result<(), StoreError> {
    let sessions = leaving.sessions;
    let fixed = [TIV_FILE, METADATA_FILE, SOURCES_FILE].map(str::to_owned);
    let owned = Owned::of(output)?;
    let long = owned.long_tables()?.into_iter().map(|table| table.file_path());
    for path in fixed.into_iter().chain(long).chain(owned.wide_files()?) {
        let place = output.join(path);
        let Some(file) = ParquetReader::open(&place)? else { continue };
        for group in 0..file.row_groups().len() {
            let batch = file.read(group, &[SUBJECT, SESSION])?;
            if sessions_of(&batch, &place)?.iter().any(|session| sessions.contains(session)) {
                let problem = "it still has rows of a participant who withdrew".to_owned();
                return Err(StoreError::NotVerified { path: place, problem });
            }
        }
    }
    let is_mentioned = mentioned_beside_tables(output)?.intersection(sessions).next().is_some();
    if is_mentioned || Mentioned::is_named(output, leaving.names)? {
        let problem = "a participant who withdrew is still named".to_owned();
        return Err(StoreError::NotVerified { path: output.to_owned(), problem });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::sync::Arc;

    use arrow::array::{ArrayRef, RecordBatch, StringArray};
    use na_model::SessionId;
    use parquet::arrow::ArrowWriter;

    use super::*;
    use crate::tables::paths::SESSIONS_FILE;

    #[test]
    fn whoever_is_still_named_in_a_table_or_beside_them_is_noticed() {
        let withdrew = Session::new(SubjectCode::clean("7").unwrap(), SessionId::clean("1").unwrap());
        let sessions = BTreeSet::from([withdrew]);
        let names = Names::of(&sessions, []);
        let leaving =
            Leaving { sessions: &sessions, names: &names, taken_out: Withdrawal::default(), n_listed: 1 };
        let folder = tempfile::tempdir().unwrap();
        let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
        for (code, is_left) in [("0008", false), ("0007", true)] {
            let batch = RecordBatch::try_from_iter([(SUBJECT, text(code)), (SESSION, text("1"))]).unwrap();
            let file = File::create(folder.path().join(METADATA_FILE)).unwrap();
            let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            let seen = verify(folder.path(), &leaving).map_err(|error| error.to_string());
            assert_eq!(seen.is_err(), is_left, "{code}: {seen:?}");
            fs::remove_file(folder.path().join(METADATA_FILE)).unwrap();
            let line = format!("{code}\t1\tanatomical\tmissing\tn/a\tno tables\n");
            fs::write(folder.path().join(SESSIONS_FILE), format!("header\n{line}")).unwrap();
            let seen = verify(folder.path(), &leaving).map_err(|error| error.to_string());
            assert_eq!(seen.is_err(), is_left, "{code}: {seen:?}");
            let line = format!("0008\t1\tanatomical\tfailed\tn/a\tsub-{code} has its folder\n");
            fs::write(folder.path().join(SESSIONS_FILE), format!("header\n{line}")).unwrap();
            let seen = verify(folder.path(), &leaving).map_err(|error| error.to_string());
            assert_eq!(seen.is_err(), is_left, "{code}: {seen:?}");
            fs::remove_file(folder.path().join(SESSIONS_FILE)).unwrap();
        }
    }
}
