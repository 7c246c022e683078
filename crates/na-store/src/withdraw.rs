//! Taking participants out of a store who withdrew: nothing of them is left in any of its files.
//!
//! Logs, copies and backups are not reached.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use na_cache::{Cache, OwnedCache, OwnerLock, PandasCache, RunRecord, withdraw_from_pandas_cache};
use na_model::{
    Compression, DEFAULT_ATLAS, ExportSettings, Listing, Modality, Removals, Session, SubjectCode, Unit,
};
use serde::{Deserialize, Serialize};

use crate::catalog::read_manifest;
use crate::error::StoreError;
use crate::existing::ExistingStore;
use crate::export::{ExportRequest, export, finish_commit};
use crate::layout::{METADATA_FILE, SOURCES_FILE, TIV_FILE, sweep_store};
use crate::metadata::stored_metadata;
use crate::observer::ExportObserver;
use crate::ownership::Owned;
use crate::session_columns::{SESSION, SUBJECT, sessions_of};
use crate::sessions_tsv;
use crate::sources::{SourceDetail, for_each_stored_unit};
use crate::stored_units::stored_units;
use crate::table_file::TableFile;

/// How many a store took out because they withdrew. It says nothing of who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Withdrawal {
    /// Subjects.
    pub n_subjects: u64,
    /// Sessions.
    pub n_sessions: u64,
}

/// What a reason says in the place of one that named somebody who withdrew.
const UNTOLD: &str = "not told: it named a participant who withdrew";

/// Every session that a store or its cache names, whether it has anything of it or not.
///
/// # Errors
/// A store or cache that cannot be read.
pub fn mentioned_sessions(output: &Path) -> Result<BTreeSet<Session>, StoreError> {
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
        let Some(file) = TableFile::open(&place)? else { continue };
        for group in 0..file.row_groups().len() {
            sessions.extend(sessions_of(&file.read(group, &[SUBJECT, SESSION])?, &place)?);
        }
    }
    sessions.extend(mentioned_beside_tables(output)?);
    Ok(sessions)
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

/// Takes sessions out of a store and its cache, and looks that nothing of them is left.
///
/// # Errors
/// A store or cache that cannot be read or written; a file in which one of them is still named.
pub fn withdraw(
    lock: &OwnerLock,
    sessions: &BTreeSet<Session>,
    observer: &dyn ExportObserver,
) -> Result<Withdrawal, StoreError> {
    let output = lock.output();
    finish_commit(lock, observer)?;
    sweep_store(output)?;
    if PandasCache::open_existing(output)?.is_some() {
        withdraw_from_pandas_cache(lock, |code, id| {
            let Some(code) = code.and_then(|code| SubjectCode::clean(code).ok()) else { return false };
            sessions.iter().any(|session| session.subject == code && (id.is_none() || session.id_str() == id))
        })?;
    } else if Cache::open_until(output, lock.cancel())?.is_some() {
        OwnedCache::open_or_create(lock)?.withdraw(sessions, |reason| leave_untold(reason, sessions))?;
    }
    let mut told = Withdrawal::default();
    let has_store = read_manifest(output)?.is_some() || !Owned::of(output)?.long_tables()?.is_empty();
    if has_store {
        let subjects: HashSet<&SubjectCode> = sessions.iter().map(|session| &session.subject).collect();
        told = Withdrawal { n_subjects: count(subjects.len()), n_sessions: count(sessions.len()) };
        rewrite(lock, sessions, told, observer)?;
    }
    verify(output, sessions)?;
    Ok(told)
}

/// Writes all files anew that have something of these sessions, through an export of nothing.
fn rewrite(
    lock: &OwnerLock,
    sessions: &BTreeSet<Session>,
    told: Withdrawal,
    observer: &dyn ExportObserver,
) -> Result<(), StoreError> {
    let output = lock.output();
    let stored = ExistingStore::open(output)?.settings()?;
    let settings = ExportSettings {
        atlas_name: stored.atlas_name.unwrap_or_else(|| DEFAULT_ATLAS.to_owned()),
        wide_metrics: stored.wide_metrics.unwrap_or_default(),
        compression: compression(output)?,
    };
    let outcomes = sessions_tsv::read(output)?.into_iter();
    let outcomes = outcomes.filter(|outcome| !sessions.contains(&outcome.unit.session)).map(|mut outcome| {
        leave_untold(&mut outcome.reason, sessions);
        outcome
    });
    let mut removals = Removals::default();
    for session in sessions {
        Modality::ALL
            .into_iter()
            .for_each(|modality| removals.add_unit(Unit::new(session.clone(), modality)));
    }
    let record =
        RunRecord { knows_withdrawals: true, ..RunRecord::new(settings, Listing::default(), Vec::new()) };
    let request = ExportRequest {
        outcomes: outcomes.collect(),
        removals,
        withdrawal: told,
        ..ExportRequest::new(record)
    };
    // Beside the cache that is there, which may be of a load that has not come to its end.
    let nothing = OwnedCache::create_beside(lock)?;
    export(lock, nothing, &request, observer).map(drop)
}

/// The compression of a store's files.
fn compression(output: &Path) -> Result<Compression, StoreError> {
    let file = TableFile::open(&output.join(METADATA_FILE))?;
    Ok(file.as_ref().and_then(TableFile::compression).unwrap_or_default())
}

/// Tells nothing in the place of a reason that names one of these subjects.
pub fn leave_untold(reason: &mut String, sessions: &BTreeSet<Session>) {
    if names_any(reason, sessions) {
        UNTOLD.clone_into(reason);
    }
}

/// Whether a text names one of these subjects: by the code, or as a folder or file writes it behind `sub-`.
fn names_any(text: &str, sessions: &BTreeSet<Session>) -> bool {
    let is_of_name = |c: char| c.is_alphanumeric();
    let is_named = |code: &str| {
        text.match_indices(code).any(|(at, _)| {
            let before = text.get(..at).and_then(|text| text.chars().next_back());
            let after = text.get(at + code.len()..).and_then(|text| text.chars().next());
            !before.is_some_and(is_of_name) && !after.is_some_and(is_of_name)
        })
    };
    let written: BTreeSet<SubjectCode> = written_subjects(text).collect();
    sessions.iter().any(|session| is_named(session.subject.as_str()) || written.contains(&session.subject))
}

/// The subjects that stand behind `sub-` in a text, up to what cannot be of a name, and up to the next entity.
fn written_subjects(text: &str) -> impl Iterator<Item = SubjectCode> + '_ {
    let names = text.match_indices("sub-").filter_map(|(at, key)| text.get(at + key.len()..));
    let names = names.flat_map(|rest| {
        let whole =
            rest.split(|c: char| c.is_whitespace() || "/,:;\"'()".contains(c)).next().unwrap_or_default();
        [whole, whole.split('_').next().unwrap_or_default()]
    });
    names.filter_map(|name| SubjectCode::clean(name).ok())
}

/// Looks into every file, row by row: none may have one of these sessions.
fn verify(output: &Path, sessions: &BTreeSet<Session>) -> Result<(), StoreError> {
    let fixed = [TIV_FILE, METADATA_FILE, SOURCES_FILE].map(str::to_owned);
    let owned = Owned::of(output)?;
    let long = owned.long_tables()?.into_iter().map(|table| table.file_path());
    for path in fixed.into_iter().chain(long).chain(owned.wide_files()?) {
        let place = output.join(path);
        let Some(file) = TableFile::open(&place)? else { continue };
        for group in 0..file.row_groups().len() {
            let batch = file.read(group, &[SUBJECT, SESSION])?;
            if sessions_of(&batch, &place)?.iter().any(|session| sessions.contains(session)) {
                let problem = "it still has rows of a participant who withdrew".to_owned();
                return Err(StoreError::NotVerified { path: place, problem });
            }
        }
    }
    match mentioned_beside_tables(output)?.intersection(sessions).next() {
        None => Ok(()),
        Some(_) => Err(StoreError::NotVerified {
            path: output.to_owned(),
            problem: "a participant who withdrew is still named".to_owned(),
        }),
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::sync::Arc;

    use arrow::array::{ArrayRef, RecordBatch, StringArray};
    use na_model::SessionId;
    use parquet::arrow::ArrowWriter;

    use super::*;
    use crate::layout::SESSIONS_FILE;

    #[test]
    fn a_reason_names_somebody_only_by_the_whole_code() {
        let sessions = BTreeSet::from([Session::new(SubjectCode::clean("7").unwrap(), None)]);
        for (text, names) in [
            ("claimed by sub-0007, sub-0008", true),
            ("cat12/sub-0007/anat: several files", true),
            ("sub-00070 has none", false),
            ("sub-10007/ses-1", false),
            ("its name says that it is of sub-7/ses-1", true),
            ("sub-7_ses-1_tissue-GM_parc.tsv is cut", true),
            ("no anatomical tables were found", false),
        ] {
            assert_eq!(names_any(text, &sessions), names, "{text}");
        }
    }

    #[test]
    fn whoever_is_still_named_in_a_table_or_beside_them_is_noticed() {
        let withdrew = Session::new(SubjectCode::clean("7").unwrap(), SessionId::clean("1").unwrap());
        let sessions = BTreeSet::from([withdrew]);
        let folder = tempfile::tempdir().unwrap();
        let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
        for (code, is_left) in [("0008", false), ("0007", true)] {
            let batch = RecordBatch::try_from_iter([(SUBJECT, text(code)), (SESSION, text("1"))]).unwrap();
            let file = File::create(folder.path().join(METADATA_FILE)).unwrap();
            let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            let seen = verify(folder.path(), &sessions).map_err(|error| error.to_string());
            assert_eq!(seen.is_err(), is_left, "{code}: {seen:?}");
            fs::remove_file(folder.path().join(METADATA_FILE)).unwrap();
            let line = format!("{code}\t1\tanatomical\tmissing\tn/a\tno tables\n");
            fs::write(folder.path().join(SESSIONS_FILE), format!("header\n{line}")).unwrap();
            let seen = verify(folder.path(), &sessions).map_err(|error| error.to_string());
            assert_eq!(seen.is_err(), is_left, "{code}: {seen:?}");
            fs::remove_file(folder.path().join(SESSIONS_FILE)).unwrap();
        }
    }
}
