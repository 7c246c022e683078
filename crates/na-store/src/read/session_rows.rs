//! What became of each unit: as `sessions.tsv` says, or as it would say after an export now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::HashSet;
use na_model::{Modality, Session, SourceFile, TableKind, TableName, Unit, UnitOutcome, UnitStatus};

use crate::error::StoreError;
use crate::merge::listed_sessions::listed_sessions;
use crate::merge::merged_sources::MergedSources;
use crate::merge::unit_status::UnitStatuses;
use crate::read::snapshot::{Cached, Snapshot};
use crate::tables::long_index::index::LongIndex;
use crate::tables::sessions_tsv::{self, SessionRow, Told};
use crate::tables::sources::stored_unit::{SourceDetail, StoredUnit};

impl Snapshot {
    /// What became of each unit, in the order of `sessions.tsv`. `None` if the store does not tell.
    pub(crate) fn session_rows(&self) -> Result<Option<Vec<SessionRow>>, StoreError> {
        match &self.cached {
            Some(cached) => self.merged_rows(cached).map(Some),
            None => Ok(Some(sessions_tsv::session_rows(self.output())?).filter(|told| !told.is_empty())),
        }
    }

    /// A row of each modality of a session that has rows in a table, as if it was loaded.
    pub(crate) fn rows_as_loaded(&self) -> Result<Vec<SessionRow>, StoreError> {
        let units = self.store.units()?.into_iter();
        let mut rows: BTreeMap<(Session, Modality), BTreeSet<TableName>> = BTreeMap::new();
        for (unit, tables) in units {
            rows.entry((unit.session, unit.kind.modality)).or_default().extend(tables);
        }
        let row = |((session, modality), tables): ((Session, Modality), BTreeSet<TableName>)| SessionRow {
            session,
            modality,
            status: UnitStatus::Loaded,
            tables: tables.into_iter().collect(),
            reason: String::new(),
        };
        Ok(rows.into_iter().map(row).collect())
    }

    fn merged_rows(&self, cached: &Cached) -> Result<Vec<SessionRow>, StoreError> {
        let indices = self.tables().map(|table| {
            let merge = self.merge(table)?;
            let index = self.merged_index(&merge)?;
            Ok((table, Arc::clone(&merge.kind), index))
        });
        let indices =
            indices.collect::<Result<Vec<(&TableName, Arc<TableKind>, LongIndex)>, StoreError>>()?;
        let statuses =
            UnitStatuses::of(indices.iter().map(|(table, kind, index)| (*table, kind.as_ref(), index)));
        let mut stored: Vec<UnitOutcome> = Vec::new();
        let mut without_files: HashSet<&Unit> = statuses.units().collect();
        self.for_each_unit(|unit, sources| {
            if !sources.is_empty() {
                without_files.remove(unit);
                stored.push(statuses.of_unit(unit));
            }
            Ok(())
        })?;
        let mut without_files: Vec<&Unit> = without_files.into_iter().collect();
        without_files.sort_unstable();
        stored.extend(without_files.into_iter().map(|unit| statuses.of_unit(unit)));
        let sessions = |index: &LongIndex| index.sessions.iter().cloned().collect::<HashSet<Session>>();
        let tables = indices.iter().map(|(table, _, index)| ((*table).clone(), sessions(index))).collect();
        let outcomes = cached.cache.outcomes()?;
        let outcomes = if cached.record.fresh { outcomes } else { self.store.earlier_outcomes(outcomes)? };
        Ok(sessions_tsv::rows(&Told {
            listing: &cached.record.listing,
            kinds: &cached.record.kinds,
            stored: &stored,
            outcomes: &outcomes,
            tables: &tables,
            named: &listed_sessions(self.output(), &cached.record)?,
        }))
    }

    /// Calls `each` for every unit with the files that its values come from: those of the store, then those that only the cache has.
    pub(crate) fn for_each_unit(
        &self,
        mut each: impl FnMut(&Unit, Vec<SourceFile>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let store = Some(&self.store).filter(|_| self.exported);
        if let Some(Cached { cache, units, removals, .. }) = &self.cached {
            return MergedSources { store, cache, units, removals }.for_each(each);
        }
        let each = |stored: StoredUnit| each(&stored.unit, stored.sources);
        store.map_or(Ok(()), |store| store.for_each_unit(SourceDetail::Sidecars, each))
    }
}
