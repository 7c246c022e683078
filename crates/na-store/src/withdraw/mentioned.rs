//! Finds the sessions that a store, its cache and its segments name.

use std::collections::BTreeSet;
use std::path::Path;

use na_cache::{Cache, PandasCache, Segments};
use na_model::columns::KEY_COLUMNS;
use na_model::{Names, Session, take_out_of_notes};

use crate::error::StoreError;
use crate::format::parquet_reader::ParquetReader;
use crate::merge::sealed_parts::{Exported, SealedParts};
use crate::tables::columns_json::earlier_notes;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::key_columns::sessions_of;
use crate::tables::paths::TIV_FILE;
use crate::tables::runs::have_names;
use crate::tables::sessions_tsv;
use crate::tables::sources::stored_unit::SourceDetail;
use crate::tables::withdrawals::WithdrawalMark;

/// The sessions that a store and its cache name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentioned {
    /// Every named session, whether the store has data of it or not.
    pub sessions: BTreeSet<Session>,
    /// Lines of the last list of withdrawals that the store or the cache was given. `None` if neither was given one.
    pub n_listed_withdrawn: Option<u64>,
    /// Whether a withdrawal was cut short.
    pub has_begun: bool,
}

impl Mentioned {
    /// Searches every file.
    ///
    /// # Errors
    /// A store or cache that cannot be read.
    pub fn of(store: &ExistingStore) -> Result<Self, StoreError> {
        let output = store.output();
        let mut sessions: BTreeSet<Session> = store.units()?.into_keys().map(|unit| unit.session).collect();
        sessions.extend(store.metadata()?.sessions);
        store.for_each_unit::<StoreError>(SourceDetail::States, |stored| {
            sessions.insert(stored.unit.session);
            Ok(())
        })?;
        for path in [TIV_FILE.to_owned()].into_iter().chain(store.own_files().wide_files()?) {
            let path = output.join(path);
            match sessions_in(&path) {
                // It is made again, or the withdrawal ends with an error when it looks what is left.
                Err(StoreError::Damaged { .. }) => {}
                found => sessions.extend(found?),
            }
        }
        sessions.extend(mentioned_beside_tables(output)?);
        let segments = segments(output)?;
        if let Some(segments) = &segments {
            sessions.extend(segments.mentioned_sessions()?);
        }
        let of_store = store.n_listed_withdrawn()?;
        let of_cache = match PandasCache::is_in(output)? {
            true => None,
            false => Cache::open_existing(output)?.map(|cache| cache.run_record()).transpose()?.flatten(),
        };
        let of_segments = segments.map(|segments| segments.run_record()).transpose()?.flatten();
        let records = of_cache.into_iter().chain(of_segments);
        let of_cache = records.filter_map(|record| record.n_listed_withdrawn).max();
        let mark = store.record()?.and_then(|record| record.withdrawn.as_ref());
        let has_begun = mark.is_some_and(WithdrawalMark::has_begun);
        Ok(Self { sessions, n_listed_withdrawn: of_store.max(of_cache), has_begun })
    }

    /// Whether the provenance of other sessions, the reason why they failed, the note of a column, or a run that the manifest tells of has one of these
    /// names.
    ///
    /// # Errors
    /// A store or cache that cannot be read.
    pub fn is_named(store: &ExistingStore, names: &Names) -> Result<bool, StoreError> {
        if Self::is_named_beside_segments(store, names)? {
            return Ok(true);
        }
        match segments(store.output())?.filter(|_| !names.is_empty()) {
            Some(segments) => Ok(segments.is_named_in(names)?),
            None => Ok(false),
        }
    }

    /// The same without segments, of which others publish new ones at any time.
    pub(crate) fn is_named_beside_segments(store: &ExistingStore, names: &Names) -> Result<bool, StoreError> {
        let mut is_named = false;
        if names.is_empty() {
            return Ok(is_named);
        }
        store.for_each_unit::<StoreError>(SourceDetail::Sidecars, |mut stored| {
            is_named |= names.take_out_of_all(&mut stored.sources);
            Ok(())
        })?;
        if let Some(record) = store.record()? {
            is_named |= names.take_out_of_roots(&mut record.roots.clone());
        }
        is_named |= store.written_manifest().is_some_and(|manifest| have_names(manifest, names));
        let output = store.output();
        is_named |= take_out_of_notes(names, &mut earlier_notes(output));
        let mut outcomes = sessions_tsv::read(output)?;
        is_named |= outcomes.iter_mut().any(|outcome| names.leave_untold(&mut outcome.reason));
        if !is_named && !PandasCache::is_in(output)? {
            let cache = Cache::open_existing(output)?;
            is_named = cache.map(|cache| cache.is_named_in(names)).transpose()?.unwrap_or(false);
        }
        Ok(is_named)
    }
}

/// All segments, of whatever atlas. `None` if there is none. One that cannot be read is nobody's to look into: the withdrawal ends with
/// an error when it comes to it.
fn segments(output: &Path) -> Result<Option<Cache>, StoreError> {
    Ok(Cache::of_all_segments(&Segments::list(output)?)?)
}

/// The sessions of a Parquet file; none if it does not exist.
fn sessions_in(path: &Path) -> Result<Vec<Session>, StoreError> {
    let Some(file) = ParquetReader::open(path)? else { return Ok(Vec::new()) };
    let mut sessions = Vec::new();
    for group in 0..file.row_groups().len() {
        sessions.extend(sessions_of(&file.read(group, &KEY_COLUMNS)?, path)?);
    }
    Ok(sessions)
}

/// The sessions that are named outside the store's Parquet files and its segments.
pub(crate) fn mentioned_beside_tables(output: &Path) -> Result<BTreeSet<Session>, StoreError> {
    let mut sessions: BTreeSet<Session> = sessions_tsv::sessions(output)?.into_iter().collect();
    if let Some(pandas) = PandasCache::open_existing(output)? {
        sessions.extend(pandas.mentioned_sessions()?);
    } else if let Some(cache) = Cache::open_existing(output)? {
        sessions.extend(cache.mentioned_sessions()?);
        sessions.extend(SealedParts::find(&cache, output, Exported::Unasked)?.sessions(&cache)?);
    }
    Ok(sessions)
}
