//! Merges a long table: the rows of its file that stay, with the rows that the cache brings.
//!
//! Of two versions of one map of a session, the merge has one. Export writes the merge, and reading shows it before it is
//! written.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use na_cache::{Cache, CachedTable, CachedUnit, TableForm};
use na_model::columns::{DESC, METRIC, MODALITY, MODEL, PARAM, SESSION, SUBJECT, WORKFLOW};
use na_model::{MapSource, Region, Session, TableKind, TableName};

use crate::error::StoreError;
use crate::merge::replaced_maps::{Replaced, ReplacedMaps};
use crate::tables::features::FeatureOrigin;
use crate::tables::long_file::LongFile;
use crate::tables::long_index::index::{LongIndex, RowRange};
use crate::tables::long_schema::{LongSchema, SessionFact};
use crate::tables::metadata::table::MetadataTable;
use crate::tables::scalar::Scalar;
use crate::tables::session_rows::{Column, MapRows, SessionRows};
use crate::tables::tiv::TivTable;

/// A long table as it will be: the cache's rows of a map of a session replace those of the file, and all other rows stay.
#[derive(Clone)]
pub(crate) struct LongMerge {
    pub(crate) table: TableName,
    pub(crate) kind: Arc<TableKind>,
    pub(crate) old: Option<Arc<LongFile>>,
    pub(crate) replaced: Arc<ReplacedMaps>,
    /// The cache's units that have this table, in the order in which they are written.
    pub(crate) units: Vec<Arc<CachedUnit>>,
    pub(crate) forms: Vec<TableForm>,
    pub(crate) facts: SessionFacts,
    /// The versions of `parcellate` that wrote the files of the cached units.
    pub(crate) producers: BTreeSet<String>,
}

/// What is the same in all rows of a session, as it will be.
#[derive(Clone)]
pub(crate) struct SessionFacts {
    pub(crate) metadata: Arc<MetadataTable>,
    pub(crate) volumes: Arc<TivTable>,
}

impl LongMerge {
    /// Picks one table's part from everything that the store and its cache hold.
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
        // A file without rows that stay contributes no columns and no types.
        let stays = self.kept_row_ranges().next().is_some();
        LongSchema::merge(&self.table, &self.kind, file, stays, forms, &self.facts.metadata.columns)
    }

    /// What the table's features are made from, given its columns.
    pub(crate) fn feature_origin<'a>(&'a self, schema: &'a LongSchema) -> FeatureOrigin<'a> {
        FeatureOrigin { table: &self.table, kind: &self.kind, schema: &schema.schema, maps: self.maps() }
    }

    /// The maps that the table will have rows of, in map order: the names of features hang on it.
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

    /// The number of rows that the file will hold, by session and map.
    ///
    /// # Errors
    /// An index of the file that contradicts itself.
    pub(crate) fn rows(&self) -> Result<HashMap<(Session, Option<MapSource>), usize>, StoreError> {
        let mut rows = HashMap::new();
        if let Some(old) = &self.old {
            for range in self.kept_row_ranges() {
                let (session, map) = old.key_of(range)?;
                *rows.entry((session.clone(), map.clone())).or_default() += range.rows.len();
            }
        }
        for unit in &self.units {
            for info in unit.tables.iter().filter(|info| info.table == self.table) {
                *rows.entry((unit.unit.session.clone(), info.map.clone())).or_default() += info.n_rows;
            }
        }
        Ok(rows)
    }

    /// The row ranges of the file that stay, in the order of the file.
    pub(crate) fn kept_row_ranges(&self) -> impl Iterator<Item = &RowRange> {
        self.old
            .iter()
            .flat_map(|old| old.index.row_ranges.iter().filter(|range| self.is_kept(&old.index, range)))
    }

    /// The sessions of a row group that stay, whole or in part, each with the rows of the maps that stay.
    ///
    /// # Errors
    /// An index of the file that contradicts itself.
    pub(crate) fn kept_sessions(&self, group: usize) -> Result<Vec<KeptSession<'_>>, StoreError> {
        let mut sessions: Vec<KeptSession<'_>> = Vec::new();
        let Some(old) = &self.old else { return Ok(sessions) };
        for range in old.index.row_ranges_of(group).iter().filter(|range| self.is_kept(&old.index, range)) {
            let (session, map) = old.key_of(range)?;
            match sessions.last_mut() {
                Some(last) if last.session == session => last.maps.push((map, range.rows.clone())),
                _ => sessions.push(KeptSession { session, maps: vec![(map, range.rows.clone())] }),
            }
        }
        Ok(sessions)
    }

    /// A row range without a session or map counts as kept, so that [`LongFile::key_of`] refuses it: its rows must not vanish.
    fn is_kept(&self, index: &LongIndex, range: &RowRange) -> bool {
        let key = index.sessions.get(range.session).zip(index.maps.get(range.map));
        key.is_none_or(|(session, map)| !self.replaced.contains(session, map))
    }

    /// Splits the cache's units: first those of sessions that keep other maps in the file, which are written with them;
    /// then all others, in the order in which they are written.
    pub(crate) fn units_apart(&self) -> (HashMap<&Session, &Arc<CachedUnit>>, Vec<&Arc<CachedUnit>>) {
        let Some(old) = &self.old else { return (HashMap::new(), self.units.iter().collect()) };
        let kept: HashSet<usize> = self.kept_row_ranges().map(|range| range.session).collect();
        let kept: HashSet<&Session> =
            kept.into_iter().filter_map(|session| old.index.sessions.get(session)).collect();
        let (beside, apart): (Vec<_>, Vec<_>) =
            self.units.iter().partition(|unit| kept.contains(&unit.unit.session));
        (beside.into_iter().map(|unit| (&unit.unit.session, unit)).collect(), apart)
    }

    /// The regions of the rows that stay.
    ///
    /// # Errors
    /// An index of the file that contradicts itself.
    pub(crate) fn kept_regions(&self) -> Result<Vec<Region>, StoreError> {
        let Some(old) = &self.old else { return Ok(Vec::new()) };
        let region_lists: BTreeSet<usize> = self.kept_row_ranges().map(|range| range.region_list).collect();
        let mut regions = Vec::new();
        for region_list in region_lists {
            let indices = old.index.region_lists.get(region_list).ok_or_else(|| old.contradicts_itself())?;
            for index in indices {
                let region = old.index.regions.get(*index).ok_or_else(|| old.contradicts_itself())?;
                regions.push(region.clone());
            }
        }
        Ok(regions)
    }

    /// The cache's rows of a unit, map by map.
    pub(crate) fn cached_rows(
        &self,
        cache: &Cache,
        unit: &CachedUnit,
        columns: &LongSchema,
    ) -> Result<Vec<MapRows>, StoreError> {
        let session = &unit.unit.session;
        let facts = self.facts_of(session, columns)?;
        let tables = cache.read_table(unit, &self.table)?.into_iter();
        Ok(tables.map(|table| self.rows_of_map(table, session, columns, &facts)).collect())
    }

    /// The rows of one map: its TSV's columns, then the store's own, then the facts of its session.
    fn rows_of_map(
        &self,
        table: CachedTable,
        session: &Session,
        columns: &LongSchema,
        facts: &[Option<Column>],
    ) -> MapRows {
        let tsv = columns.tsv.iter().map(|tsv| match table.batch.column_by_name(&tsv.name) {
            Some(array) => Column::Array(Arc::clone(array)),
            None => Column::Constant(Scalar::Null),
        });
        let added = added_values(&self.table, &self.kind, table.map.as_ref(), session).map(Column::Constant);
        let values = tsv.chain(added).chain(std::iter::repeat(Column::Constant(Scalar::Null)));
        let cells = facts.iter().zip(values).map(|(fact, value)| fact.clone().unwrap_or(value));
        let columns = cells.collect();
        MapRows { map: table.map, rows: SessionRows { rows: table.batch.num_rows(), columns } }
    }

    /// The facts of a session as columns. `None` for columns that differ by row.
    ///
    /// # Errors
    /// A fact of a column that the schema does not have.
    pub(crate) fn facts_of(
        &self,
        session: &Session,
        columns: &LongSchema,
    ) -> Result<Vec<Option<Column>>, StoreError> {
        let mut cells = vec![None; columns.schema.fields().len()];
        for (index, fact) in columns.facts() {
            let cell = cells.get_mut(index).ok_or_else(|| {
                StoreError::damaged(Path::new(&self.table.file_path()), format!("no column {index}"))
            })?;
            *cell = Some(Column::Constant(self.facts.value(session, fact)));
        }
        Ok(cells)
    }
}

impl SessionFacts {
    pub(crate) fn value(&self, session: &Session, fact: SessionFact) -> Scalar {
        match fact {
            SessionFact::Volume => {
                self.volumes.0.get(session).map_or(Scalar::Null, |volume| Scalar::Double(*volume))
            }
            SessionFact::Metadata(column) => self.metadata.cell(session, column),
        }
    }
}

/// A session of which rows of a row group stay, with the rows of each map that stays.
pub(crate) struct KeptSession<'a> {
    pub(crate) session: &'a Session,
    pub(crate) maps: Vec<(&'a Option<MapSource>, Range<usize>)>,
}

/// The values of the store's own columns, in the order of [`TableName::added_columns`]. Null for the volume, which is a
/// fact of the session.
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
