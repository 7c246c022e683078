//! Seals a window of units: for each of their long tables, a row group in its part.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_schema::{DataType, FieldRef, Schema, SchemaRef};
use foldhash::{HashMap, HashSet, HashSetExt};
use na_cache::{Cache, CacheError, CachedTableInfo, CachedUnit, NewSeal, OwnedCache};
use na_model::{Compression, Removals, Session, TableName, TivSource, UnitKind};
use rayon::prelude::*;

use crate::error::StoreError;
use crate::format::file_changes::FileChanges;
use crate::format::open_file_limit::written_at_once;
use crate::format::parquet_writer::{SealedGroups, UnsyncedGroups};
use crate::merge::long_merge::{LongMerge, SessionFacts, TableFiles};
use crate::merge::replaced_maps::Replaced;
use crate::merge::volume_source::StoredVolumes;
use crate::seal::part_writer::{PartWriter, sync_all};
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::long_schema::LongSchema;
use crate::tables::metadata::table::MetadataTable;
use crate::tables::row_groups::RowGroups;
use crate::tables::sessions_by_kind::SessionsByKind;
use crate::tables::tiv::TivTable;

/// Parts that a run begins for a long table at most. Columns that vary from session to session would have one each.
const MOST_PARTS: usize = 4;

/// What sealed rows are made of, and the parts that they go to.
pub(crate) struct Sealing<'a> {
    pub(crate) cache: &'a OwnedCache<'a>,
    /// `None` for a load that begins anew.
    pub(crate) store: Option<&'a ExistingStore>,
    pub(crate) compression: Compression,
    pub(crate) changes: FileChanges,
    pub(crate) metadata: Arc<MetadataTable>,
    /// The store's.
    pub(crate) volumes: TivTable,
    /// Whose volumes the store is going to have, as far as it can be told: an export puts right what is sealed with others.
    pub(crate) tiv_from: TivSource,
    /// The sessions that the store has rows of, once they were looked up.
    pub(crate) in_store: HashMap<UnitKind, Arc<HashSet<Session>>>,
    /// Those that this run began.
    pub(crate) parts: Vec<PartWriter>,
}

/// A long table of units whose rows have the same columns, as it is written.
struct SameColumns {
    merge: LongMerge,
    schema: LongSchema,
    units: Vec<Arc<CachedUnit>>,
}

impl Sealing<'_> {
    /// Seals those of the units' rows that can be, table by table. None of the sessions may be one that the store has.
    ///
    /// # Errors
    /// A store or cache that cannot be read or written.
    pub(crate) fn seal(&mut self, snapshot: &Cache, units: Vec<CachedUnit>) -> Result<(), StoreError> {
        let units: Vec<Arc<CachedUnit>> = units.into_iter().map(Arc::new).collect();
        let tables = self.tables(snapshot, &units)?;
        if tables.is_empty() {
            return Ok(());
        }
        let mut parts =
            tables.iter().map(|same| self.part_for(same)).collect::<Result<Vec<PartWriter>, StoreError>>()?;
        let cache = self.cache;
        let add = |(same, part): (&SameColumns, &mut PartWriter)| {
            part.add(cache, &same.merge.kind.region_key, |rows| same.add_to(rows, snapshot))
        };
        let mut groups: Vec<SealedGroups> = Vec::with_capacity(tables.len());
        let at_once = written_at_once();
        for (tables, parts) in tables.chunks(at_once).zip(parts.chunks_mut(at_once)) {
            let added = tables.par_iter().zip(parts).map(add);
            let added = added.collect::<Result<Vec<UnsyncedGroups>, StoreError>>()?;
            sync_all(&added)?;
            groups.extend(added.into_iter().map(|added| added.groups));
        }
        let seals = tables.iter().zip(&parts).zip(&groups);
        let seals = seals.map(|((same, part), groups)| NewSeal {
            part: &part.part,
            length: groups.length,
            footer: &groups.footer,
            tables: same.infos().collect(),
        });
        self.cache.seal(&seals.collect::<Vec<_>>())?;
        self.parts.extend(parts);
        Ok(())
    }

    /// The sessions that the store has rows of, of units of a kind. Their units are not sealed: a session is never split over row groups.
    pub(crate) fn sessions_in_store(&mut self, kind: &UnitKind) -> Result<Arc<HashSet<Session>>, StoreError> {
        let Some(store) = self.store else { return Ok(Arc::default()) };
        if let Some(known) = self.in_store.get(kind) {
            return Ok(Arc::clone(known));
        }
        let mut sessions = HashSet::new();
        for table in store.long_tables()?.iter().filter(|table| table.modality() == kind.modality) {
            let long = store.long_file(table)?.filter(|long| long.kind.unit_kind(table) == *kind);
            sessions.extend(long.iter().flat_map(|long| &long.index.sessions).cloned());
        }
        Ok(Arc::clone(self.in_store.entry(kind.clone()).or_insert(Arc::new(sessions))))
    }

    /// The long tables of units, each with the units whose rows have the same columns. Those of other columns stay where they are,
    /// and so do all where they would make too many parts.
    fn tables(&self, snapshot: &Cache, units: &[Arc<CachedUnit>]) -> Result<Vec<SameColumns>, StoreError> {
        let mut by_table: BTreeMap<&TableName, Vec<AlikeUnits>> = BTreeMap::new();
        for unit in units {
            let unsealed = unit.tables.iter().filter(|info| info.seal.is_none());
            let names: BTreeSet<&TableName> = unsealed.map(|info| &info.table).collect();
            for name in names {
                let of_table = unit.tables.iter().filter(|info| info.table == *name);
                let columns = of_table.map(|info| snapshot.columns_of(info));
                let columns = columns.collect::<Result<Vec<SchemaRef>, CacheError>>()?;
                let all = by_table.entry(name).or_default();
                match all.iter_mut().find_map(|alike| Some((alike.joined(&columns)?, alike))) {
                    Some((joined, alike)) => {
                        alike.columns = joined;
                        alike.units.push(Arc::clone(unit));
                    }
                    None => all.push(AlikeUnits { columns, units: vec![Arc::clone(unit)] }),
                }
            }
        }
        let facts = self.facts_of(units);
        let same = |name: &TableName, AlikeUnits { units, .. }| -> Result<SameColumns, StoreError> {
            let forms = snapshot.table_forms(units.iter().map(AsRef::as_ref))?;
            let (files, none) = (TableFiles::default(), Replaced::default());
            let merge = LongMerge::new(name, files, &none, &units, &forms, facts.clone());
            Ok(SameColumns { schema: merge.columns(), merge, units })
        };
        let mut tables = Vec::new();
        for (name, all) in by_table {
            let all = all.into_iter().map(|alike| same(name, alike));
            tables.extend(self.chosen(all.collect::<Result<Vec<SameColumns>, StoreError>>()?));
        }
        Ok(tables)
    }

    /// Which of the rows of a table are sealed: those of columns that are not rare in the window, if there is a part for them or
    /// may be one more.
    fn chosen(&self, mut all: Vec<SameColumns>) -> Vec<SameColumns> {
        let n_units: usize = all.iter().map(|same| same.units.len()).sum();
        all.retain(|same| same.keep_their_types() && same.units.len() * MOST_PARTS >= n_units);
        let of_table = |same: &SameColumns| {
            let table = &same.merge.table;
            self.parts.iter().filter(|part| part.part.table == *table).count()
        };
        let mut may_begin = all.first().map_or(0, |same| MOST_PARTS.saturating_sub(of_table(same)));
        all.retain(|same| {
            let has_part = self.parts.iter().any(|part| part.takes(&same.merge.table, &same.schema.schema));
            let begins = !has_part && may_begin > 0;
            may_begin -= usize::from(begins);
            has_part || begins
        });
        all
    }

    fn facts_of(&self, units: &[Arc<CachedUnit>]) -> SessionFacts {
        let mut volumes = TivTable::default();
        for session in units.iter().map(|unit| &unit.unit.session) {
            if let Some(volume) = self.volumes.0.get(session) {
                volumes.0.insert(session.clone(), *volume);
            }
        }
        // Which other units of these sessions the store has does not matter yet: an export puts that right.
        let (sessions, removals) = (SessionsByKind::default(), Removals::default());
        let stored = StoredVolumes { source: self.tiv_from, sessions: &sessions, removals: &removals };
        let found = stored.found(units, &volumes);
        volumes.merge(found);
        SessionFacts { metadata: Arc::clone(&self.metadata), volumes: Arc::new(volumes) }
    }

    /// The part to which rows go: one that is begun, or else a new one.
    fn part_for(&mut self, same: &SameColumns) -> Result<PartWriter, StoreError> {
        let LongMerge { table, kind, .. } = &same.merge;
        let schema = &same.schema.schema;
        match self.parts.iter().position(|part| part.takes(table, schema)) {
            Some(index) => Ok(self.parts.swap_remove(index)),
            None => PartWriter::begin(self.cache, &self.changes, (table, kind), schema, self.compression),
        }
    }
}

impl SameColumns {
    /// Whether no column gets another type than its files have: a whole number that other rows make a double would not be the
    /// text that it is if later ones make it text.
    fn keep_their_types(&self) -> bool {
        self.merge.forms.iter().all(|form| self.schema.has_types_of(&form.columns))
    }

    fn add_to(&self, rows: &mut RowGroups<'_, '_>, cache: &Cache) -> Result<(), StoreError> {
        self.units.iter().try_for_each(|unit| {
            rows.add_session(&unit.unit.session, self.merge.cached_rows(cache, unit, &self.schema)?)
        })
    }

    fn infos(&self) -> impl Iterator<Item = &CachedTableInfo> {
        let tables = self.units.iter().flat_map(|unit| &unit.tables);
        tables.filter(|info| info.table == self.merge.table)
    }
}

/// Units whose rows of a long table have the same columns.
struct AlikeUnits {
    /// The columns of each map of the first unit. Where that has no value in one, those of a later unit.
    columns: Vec<SchemaRef>,
    units: Vec<Arc<CachedUnit>>,
}

impl AlikeUnits {
    /// Their columns with those of another unit, map by map. `None` if these differ. A column without a value is like any other
    /// of its name.
    fn joined(&self, columns: &[SchemaRef]) -> Option<Vec<SchemaRef>> {
        let all = self.columns.iter().zip(columns).filter(|_| self.columns.len() == columns.len());
        let joined: Option<Vec<SchemaRef>> = all.map(|(own, others)| joined(own, others)).collect();
        joined.filter(|joined| joined.len() == columns.len())
    }
}

/// Columns of the same names and types, of which either may be without a value. `None` if they differ.
fn joined(own: &SchemaRef, others: &SchemaRef) -> Option<SchemaRef> {
    if Arc::ptr_eq(own, others) || own == others {
        return Some(Arc::clone(own));
    }
    if own.fields().len() != others.fields().len() {
        return None;
    }
    let field = |(own, other): (&FieldRef, &FieldRef)| match (own.data_type(), other.data_type()) {
        _ if own.name() != other.name() => None,
        (DataType::Null, _) => Some(Arc::clone(other)),
        (of, DataType::Null) => Some(Arc::clone(own)).filter(|_| *of != DataType::Null),
        (of, also) => Some(Arc::clone(own)).filter(|_| of == also),
    };
    let fields: Option<Vec<FieldRef>> = own.fields().iter().zip(others.fields()).map(field).collect();
    Some(Arc::new(Schema::new(fields?)))
}
