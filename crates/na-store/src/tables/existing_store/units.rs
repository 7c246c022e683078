//! The units of a store.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::HashSet;
use na_model::{MapSource, Session, SourceKind, TableName, TivSource, Unit};

use crate::error::StoreError;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::manifest::ManifestRecord;
use crate::tables::sessions_by_kind::SessionsByKind;
use crate::tables::sources::stored_unit::{SourceDetail, StoredUnit};
use crate::tables::tiv::TivTable;

/// Tables, each with one of its maps, by unit.
pub type TablesByUnit = BTreeMap<Unit, BTreeSet<(TableName, Option<MapSource>)>>;

impl ExistingStore {
    /// The units with rows or total intracranial volume, each with the tables that have rows of it. A cache adds nothing here.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn units(&self) -> Result<BTreeMap<Unit, BTreeSet<TableName>>, StoreError> {
        let volumes = self.units_with_volume()?.into_iter();
        let mut units: BTreeMap<Unit, BTreeSet<TableName>> =
            volumes.map(|unit| (unit, BTreeSet::new())).collect();
        for table in self.long_tables()? {
            let Some(long) = self.long_file(table)? else { continue };
            let kind = long.kind.unit_kind(table);
            for session in &long.index.sessions {
                let unit = Unit::new(session.clone(), kind.clone());
                units.entry(unit).or_default().insert(table.clone());
            }
        }
        Ok(units)
    }

    /// The units whose total intracranial volumes it has.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn units_with_volume(&self) -> Result<HashSet<Unit>, StoreError> {
        let source = self.volume_source()?.unwrap_or(TivSource::Cat12);
        let sessions = TivTable::read(self.output())?.0.into_keys();
        let mut files = Vec::new();
        for table in self.long_tables()? {
            files.extend(self.long_file(table)?.map(|long| (table, long)));
        }
        let held = SessionsByKind::of(files.iter().map(|(table, long)| (*table, long.as_ref())));
        let unit = |session: Session| {
            let kind = held.kind_of(&session, source);
            Unit::new(session, kind)
        };
        Ok(sessions.map(unit).collect())
    }

    /// Whose total intracranial volumes it has. `None` without any.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn volume_source(&self) -> Result<Option<TivSource>, StoreError> {
        if let Some(told) = self.record()?.and_then(|record| record.tiv_from) {
            return Ok(Some(told));
        }
        if TivTable::read(self.output())?.0.is_empty() {
            return Ok(None);
        }
        // Without a record, its tables tell.
        let mut kinds = BTreeSet::new();
        for table in self.long_tables()? {
            kinds.extend(self.unit_kind(table)?.and_then(|kind| kind.volume_of()));
        }
        let is_freesurfer = kinds == BTreeSet::from([TivSource::FreeSurfer]);
        Ok(Some(if is_freesurfer { TivSource::FreeSurfer } else { TivSource::Cat12 }))
    }

    /// Refuses volumes of another source than the store has.
    ///
    /// # Errors
    /// [`StoreError::OtherVolumes`]; a store that cannot be read.
    pub fn check_volumes(&self, asked: Option<TivSource>) -> Result<Option<TivSource>, StoreError> {
        let stored = self.volume_source()?;
        match stored.zip(asked) {
            Some((store, asked)) if store != asked => {
                // Without a volume another choice costs nothing.
                if TivTable::read(self.output())?.0.is_empty() {
                    return Ok(Some(asked));
                }
                Err(StoreError::OtherVolumes { output: self.output().to_owned(), store, asked })
            }
            _ => Ok(stored),
        }
    }

    /// Calls `each` for every unit, table and map that has rows, table by table.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn for_each_map(
        &self,
        mut each: impl FnMut(Unit, &TableName, Option<&MapSource>),
    ) -> Result<(), StoreError> {
        for table in self.long_tables()? {
            let Some(long) = self.long_file(table)? else { continue };
            let kind = long.kind.unit_kind(table);
            let rows = long.index.rows().into_keys();
            rows.for_each(|(session, map)| {
                each(Unit::new(session.clone(), kind.clone()), table, map.as_ref());
            });
        }
        Ok(())
    }

    /// The rows for which the store does not know the file: the pandas package does not record it. Tables are read only if the
    /// manifest does not say that there are no such rows.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn rows_without_files(&self) -> Result<TablesByUnit, StoreError> {
        let mut tables = TablesByUnit::new();
        let record = self.written_manifest().and_then(|manifest| ManifestRecord::of(manifest));
        if record.is_some_and(|record| record.rows_without_files == Some(false)) {
            return Ok(tables);
        }
        self.for_each_map(|unit, table, map| {
            tables.entry(unit).or_default().insert((table.clone(), map.cloned()));
        })?;
        self.for_each_unit::<StoreError>(SourceDetail::States, |stored| {
            remove_known(&mut tables, stored);
            Ok(())
        })?;
        tables.retain(|_, without| !without.is_empty());
        Ok(tables)
    }
}

/// Removes the tables of a unit for which the store knows the files.
fn remove_known(tables: &mut TablesByUnit, stored: StoredUnit) {
    let Some(without) = tables.get_mut(&stored.unit) else { return };
    for source in stored.sources.into_iter().filter(|source| source.kind == SourceKind::Table) {
        if let Some(table) = source.table_name() {
            without.remove(&(table, source.map));
        }
    }
}
