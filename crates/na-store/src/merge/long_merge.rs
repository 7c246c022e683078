//! A long table as it is going to be: the rows of its file that stay, and those that a cache brings.
//!
//! Of two versions of a map of a session one is here; export writes it, and reading shows it before it is written.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use na_cache::{Cache, CachedTable, CachedUnit, TableForm};
use na_model::columns::{DESC, METRIC, MODALITY, MODEL, PARAM, SESSION, SUBJECT, WORKFLOW};
use na_model::{MapSource, Region, Session, TableKind, TableName};

use crate::error::StoreError;
use crate::merge::replaced_maps::{Replaced, ReplacedMaps};
use crate::tables::features::FeatureOrigin;
use crate::tables::long_file::LongFile;
use crate::tables::long_index::{LongIndex, RowRange};
use crate::tables::long_schema::{LongSchema, SessionFact};
use crate::tables::metadata::table::MetadataTable;
use crate::tables::scalar::Scalar;
use crate::tables::session_rows::{Column, SessionRows};
use crate::tables::tiv::TivTable;

/// A long table as it is going to be: what the cache has of a map of a session takes the place of the same in the file,
/// and all else stays.
#[derive(Clone)]
pub(crate) struct LongMerge {
    pub(crate) table: TableName,
    pub(crate) kind: Arc<TableKind>,
    pub(crate) old: Option<Arc<LongFile>>,
    pub(crate) replaced: Arc<ReplacedMaps>,
    /// Units of the cache with this table, in the order they are written.
    pub(crate) units: Vec<Arc<CachedUnit>>,
    pub(crate) forms: Vec<TableForm>,
    pub(crate) facts: SessionFacts,
    /// Versions of `parcellate` that wrote the units' files.
    pub(crate) producers: BTreeSet<String>,
}

/// What is the same in all rows of a session, as it is going to be.
#[derive(Clone)]
pub(crate) struct SessionFacts {
    pub(crate) metadata: Arc<MetadataTable>,
    pub(crate) volumes: Arc<TivTable>,
}

impl LongMerge {
    /// The merge of a table out of all that a store and its cache hold.
    pub(crate) fn new(
        table: &TableName,
        old: Option<Arc<LongFile>>,
        replaced: &Replaced,
        units: &[Arc<CachedUnit>],
        forms: &[TableForm],
        facts: SessionFacts,
    ) -> Self {
        let has_table = |unit: &&Arc<CachedUnit>| unit.tables.iter().any(|info| info.table == *table);
        let forms: Vec<TableForm> = forms.iter().filter(|form| form.table == *table).cloned().collect();
        let kind = forms.last().map(|form| Arc::clone(&form.kind));
        let kind = kind.or_else(|| old.as_ref().map(|old| Arc::clone(&old.kind)));
        Self {
            table: table.clone(),
            kind: kind.unwrap_or_else(|| Arc::new(TableKind::of_parcellate(table))),
            old,
            replaced: replaced.in_table(table),
            units: units.iter().filter(has_table).cloned().collect(),
            forms,
            facts,
            producers: BTreeSet::new(),
        }
    }

    pub(crate) fn columns(&self) -> LongSchema {
        let file = self.old.as_ref().map(|old| old.file.schema().as_ref());
        let forms = self.forms.iter().map(|form| form.columns.as_ref());
        // Columns and types come from rows that stay.
        let stays = self.kept_row_ranges().next().is_some();
        LongSchema::merge(&self.table, &self.kind, file, stays, forms, &self.facts.metadata.columns)
    }

    /// What features are made of, given its columns.
    pub(crate) fn feature_origin<'a>(&'a self, schema: &'a LongSchema) -> FeatureOrigin<'a> {
        FeatureOrigin { table: &self.table, kind: &self.kind, schema: &schema.schema, maps: self.maps() }
    }

    /// The maps that the table is going to have rows of.
    pub(crate) fn maps(&self) -> Vec<Option<MapSource>> {
        let mut maps: HashSet<Option<MapSource>> = HashSet::new();
        for range in self.kept_row_ranges() {
            maps.extend(self.old.as_ref().and_then(|old| old.index.maps.get(range.map)).cloned());
        }
        for info in self.units.iter().flat_map(|unit| &unit.tables).filter(|info| info.table == self.table) {
            maps.insert(info.map.clone());
        }
        let mut maps: Vec<_> = maps.into_iter().collect();
        maps.sort_unstable();
        maps
    }

    /// Rows for each session and map that the file is going to hold.
    pub(crate) fn rows(&self) -> HashMap<(Session, Option<MapSource>), usize> {
        let mut rows = HashMap::new();
        for range in self.kept_row_ranges() {
            let Some(old) = &self.old else { continue };
            if let (Some(session), Some(map)) =
                (old.index.sessions.get(range.session), old.index.maps.get(range.map))
            {
                *rows.entry((session.clone(), map.clone())).or_default() += range.rows.len();
            }
        }
        for unit in &self.units {
            for info in unit.tables.iter().filter(|info| info.table == self.table) {
                *rows.entry((unit.unit.session.clone(), info.map.clone())).or_default() += info.n_rows;
            }
        }
        rows
    }

    pub(crate) fn kept_row_ranges(&self) -> impl Iterator<Item = &RowRange> {
        self.old
            .iter()
            .flat_map(|old| old.index.row_ranges.iter().filter(|range| self.is_kept(&old.index, range)))
    }

    /// The sessions of a row group that stay in part or whole, with the rows of each map that stays.
    pub(crate) fn kept_sessions(&self, group: usize) -> Vec<KeptSession<'_>> {
        let mut sessions: Vec<KeptSession<'_>> = Vec::new();
        let Some(old) = &self.old else { return sessions };
        for range in old.index.row_ranges_of(group).iter().filter(|range| self.is_kept(&old.index, range)) {
            let (Some(session), Some(map)) =
                (old.index.sessions.get(range.session), old.index.maps.get(range.map))
            else {
                continue;
            };
            match sessions.last_mut() {
                Some(last) if last.session == session => last.maps.push((map, range.rows.clone())),
                _ => sessions.push(KeptSession { session, maps: vec![(map, range.rows.clone())] }),
            }
        }
        sessions
    }

    fn is_kept(&self, index: &LongIndex, range: &RowRange) -> bool {
        let key = index.sessions.get(range.session).zip(index.maps.get(range.map));
        key.is_some_and(|(session, map)| !self.replaced.contains(session, map))
    }

    /// The cache's units: those of sessions that have other maps in the file, which are written together, and the others.
    pub(crate) fn units_apart(&self) -> (HashMap<&Session, &Arc<CachedUnit>>, Vec<&Arc<CachedUnit>>) {
        let Some(old) = &self.old else { return (HashMap::new(), self.units.iter().collect()) };
        let kept: HashSet<usize> = self.kept_row_ranges().map(|range| range.session).collect();
        let kept: HashSet<&Session> =
            kept.into_iter().filter_map(|session| old.index.sessions.get(session)).collect();
        let (beside, apart): (Vec<_>, Vec<_>) =
            self.units.iter().partition(|unit| kept.contains(&unit.unit.session));
        (beside.into_iter().map(|unit| (&unit.unit.session, unit)).collect(), apart)
    }

    /// The regions of rows that stay.
    pub(crate) fn kept_regions(&self) -> Vec<Region> {
        let Some(old) = &self.old else { return Vec::new() };
        let region_lists: BTreeSet<usize> = self.kept_row_ranges().map(|range| range.region_list).collect();
        let places = region_lists
            .into_iter()
            .filter_map(|region_list| old.index.region_lists.get(region_list))
            .flatten();
        places.filter_map(|place| old.index.regions.get(*place)).cloned().collect()
    }

    /// The rows that the cache has of a unit, map by map.
    pub(crate) fn cached_rows(
        &self,
        cache: &Cache,
        unit: &CachedUnit,
        columns: &LongSchema,
    ) -> Result<Vec<MapRows>, StoreError> {
        let session = &unit.unit.session;
        let facts = self.facts_of(session, columns);
        let piece = |table: CachedTable| {
            let tsv = columns.tsv.iter().map(|tsv| match table.batch.column_by_name(&tsv.name) {
                Some(array) => Column::Array(Arc::clone(array)),
                None => Column::Constant(Scalar::Null),
            });
            let added =
                added_values(&self.table, &self.kind, table.map.as_ref(), session).map(Column::Constant);
            let values = tsv.chain(added).chain(std::iter::repeat(Column::Constant(Scalar::Null)));
            let cells = facts.iter().zip(values).map(|(fact, value)| fact.clone().unwrap_or(value));
            let columns = cells.collect();
            MapRows { map: table.map, rows: SessionRows { rows: table.batch.num_rows(), columns } }
        };
        Ok(cache.read_table(unit, &self.table)?.into_iter().map(piece).collect())
    }

    /// For each column what a session has in all of its rows, for those of which that is known.
    pub(crate) fn facts_of(&self, session: &Session, columns: &LongSchema) -> Vec<Option<Column>> {
        let mut cells = vec![None; columns.schema.fields().len()];
        for (place, fact) in columns.facts() {
            let value = self.facts.value(session, fact);
            cells
                .iter_mut()
                .skip(place)
                .take(1)
                .for_each(|cell| *cell = Some(Column::Constant(value.clone())));
        }
        cells
    }
}

impl SessionFacts {
    pub(crate) fn value(&self, session: &Session, fact: SessionFact) -> Scalar {
        match fact {
            SessionFact::Volume => {
                self.volumes.0.get(session).map_or(Scalar::Null, |volume| Scalar::Double(*volume))
            }
            SessionFact::Metadata(place) => self.metadata.cell(session, place),
        }
    }
}

/// A session of a row group that stays, with the rows of each map that stays.
pub(crate) struct KeptSession<'a> {
    pub(crate) session: &'a Session,
    pub(crate) maps: Vec<(&'a Option<MapSource>, Range<usize>)>,
}

/// The rows of a map of a session.
pub(crate) struct MapRows {
    pub(crate) map: Option<MapSource>,
    pub(crate) rows: SessionRows,
}

/// Maps in the order in which a file has them.
pub(crate) fn in_map_order(mut maps: Vec<MapRows>) -> Vec<MapRows> {
    maps.sort_by(|first, second| first.map.cmp(&second.map));
    maps
}

pub(crate) fn without_maps(maps: Vec<MapRows>) -> Vec<SessionRows> {
    maps.into_iter().map(|map| map.rows).collect()
}

/// The values of the store's own columns, as [`TableName::added_columns`] orders them; null for the volume, which is of
/// the session.
fn added_values(
    table: &TableName,
    kind: &TableKind,
    map: Option<&MapSource>,
    session: &Session,
) -> impl Iterator<Item = Scalar> {
    table.added_columns().iter().map(move |column| match *column {
        MODALITY | WORKFLOW => Scalar::text(table.name()),
        METRIC => Scalar::text(&kind.measured),
        SUBJECT => Scalar::text(session.subject.as_str()),
        SESSION => Scalar::optional_text(session.id_str()),
        MODEL => Scalar::optional_text(map.map(|map| map.model.as_str())),
        PARAM => Scalar::optional_text(map.map(|map| map.param.as_str())),
        DESC => Scalar::optional_text(map.map(|map| map.desc.as_str())),
        _ => Scalar::Null,
    })
}
