//! Merges a long table: the rows of its file and of the cache's parts that stay, with the rows of the cache's database.
//!
//! Of two versions of one map of a session, the merge has one. Export writes the merge, and reading shows it before it is
//! written.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use na_cache::{Cache, CachedTable, CachedTableInfo, CachedUnit, TableForm};
use na_model::columns::{DESC, METRIC, MODALITY, MODEL, PARAM, SESSION, SUBJECT, WORKFLOW};
use na_model::{MapSource, Region, Session, TableKind, TableName};

use crate::error::StoreError;
use crate::merge::merged_file::MergedFile;
use crate::merge::replaced_maps::{Replaced, ReplacedMaps};
use crate::merge::sealed_parts::SealedFile;
use crate::tables::features::FeatureOrigin;
use crate::tables::long_file::LongFile;
use crate::tables::long_index::index::RowRange;
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
    /// The table's file, if there is one, and then those with what the cache sealed: rows of these stay.
    pub(crate) files: Vec<MergedFile>,
    /// What does not stay of the table's file, and what the sealings have.
    pub(crate) replaced: Arc<ReplacedMaps>,
    /// The cache's units that have this table in its database, in the order in which they are written.
    pub(crate) units: Vec<Arc<CachedUnit>>,
    pub(crate) forms: Vec<TableForm>,
    pub(crate) facts: SessionFacts,
    /// The versions of `parcellate` that wrote the files of the cached units.
    pub(crate) producers: BTreeSet<String>,
}

/// The files that have rows of a long table.
#[derive(Default)]
pub(crate) struct TableFiles {
    pub(crate) exported: Option<Arc<LongFile>>,
    pub(crate) sealed: Vec<SealedFile>,
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
        TableFiles { exported, sealed }: TableFiles,
        replaced: &Replaced,
        units: &[Arc<CachedUnit>],
        forms: &[TableForm],
        facts: SessionFacts,
    ) -> Self {
        let has_table = |unit: &&Arc<CachedUnit>| blobs_of(unit, table).next().is_some();
        let forms: Vec<TableForm> = forms.iter().filter(|form| form.table == *table).cloned().collect();
        let kind = forms.last().map(|form| Arc::clone(&form.kind));
        let kind = kind.or_else(|| exported.as_ref().map(|old| Arc::clone(&old.kind)));
        let kind = kind.unwrap_or_else(|| Arc::new(TableKind::of_parcellate(table)));
        let replaced = replaced.in_table(table, &kind.unit_kind(table));
        let exported = exported.into_iter().map(|old| MergedFile::exported(old, &replaced));
        let sealed = MergedFile::sealed(sealed, table, units);
        Self {
            table: table.clone(),
            kind,
            files: exported.chain(sealed).collect(),
            replaced,
            units: units.iter().filter(has_table).cloned().collect(),
            forms,
            facts,
            producers: BTreeSet::new(),
        }
    }

    /// The table's file. `None` if there is none.
    pub(crate) fn old(&self) -> Option<&Arc<LongFile>> {
        self.exported().map(|file| &file.long)
    }

    fn exported(&self) -> Option<&MergedFile> {
        self.files.first().filter(|file| file.is_exported())
    }

    pub(crate) fn columns(&self) -> LongSchema {
        let file = self.old().map(|old| old.file.schema().as_ref());
        let forms = self.forms.iter().map(|form| form.columns.as_ref());
        // A file without rows that stay contributes no columns and no types.
        let stays = self.exported().is_some_and(|file| file.kept_row_ranges().next().is_some());
        LongSchema::merge(&self.table, &self.kind, file, stays, forms, &self.facts.metadata.columns)
    }

    /// What the table's features are made from, given its columns.
    pub(crate) fn feature_origin<'a>(&'a self, schema: &'a LongSchema) -> FeatureOrigin<'a> {
        FeatureOrigin { table: &self.table, kind: &self.kind, schema: &schema.schema, maps: self.maps() }
    }

    /// The maps that the table will have rows of, in map order: the names of features hang on it.
    pub(crate) fn maps(&self) -> Vec<Option<MapSource>> {
        let mut maps: HashSet<Option<MapSource>> = HashSet::new();
        for (file, range) in self.kept_row_ranges() {
            maps.extend(file.index.maps.get(range.map).cloned());
        }
        for info in self.units.iter().flat_map(|unit| blobs_of(unit, &self.table)) {
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
    pub(crate) fn rows(&self) -> Result<HashMap<(&Session, &Option<MapSource>), usize>, StoreError> {
        let mut rows = HashMap::new();
        for (file, range) in self.kept_row_ranges() {
            *rows.entry(file.key_of(range)?).or_default() += range.rows.len();
        }
        for unit in &self.units {
            for info in blobs_of(unit, &self.table) {
                *rows.entry((&unit.unit.session, &info.map)).or_default() += info.n_rows;
            }
        }
        Ok(rows)
    }

    /// The row ranges that stay, file by file.
    fn kept_row_ranges(&self) -> impl Iterator<Item = (&LongFile, &RowRange)> {
        self.files.iter().flat_map(|file| file.kept_row_ranges().map(|range| (&*file.long, range)))
    }

    /// Splits the cache's units: first those of sessions that keep other maps in a file, which are written with them;
    /// then all others, in the order in which they are written.
    pub(crate) fn units_apart(&self) -> (HashMap<&Session, &Arc<CachedUnit>>, Vec<&Arc<CachedUnit>>) {
        let mut kept: HashSet<&Session> = HashSet::new();
        for file in &self.files {
            let of_file: HashSet<usize> = file.kept_row_ranges().map(|range| range.session).collect();
            kept.extend(of_file.into_iter().filter_map(|session| file.long.index.sessions.get(session)));
        }
        let (beside, apart): (Vec<_>, Vec<_>) =
            self.units.iter().partition(|unit| kept.contains(&unit.unit.session));
        (beside.into_iter().map(|unit| (&unit.unit.session, unit)).collect(), apart)
    }

    /// The regions of the rows of the table's file that stay.
    ///
    /// # Errors
    /// An index of the file that contradicts itself.
    pub(crate) fn kept_regions(&self) -> Result<Vec<Region>, StoreError> {
        let Some((file, old)) = self.exported().map(|file| (file, &file.long)) else { return Ok(Vec::new()) };
        let region_lists: BTreeSet<usize> = file.kept_row_ranges().map(|range| range.region_list).collect();
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

/// The tables of a unit whose rows the cache's database has.
fn blobs_of<'u>(unit: &'u CachedUnit, table: &TableName) -> impl Iterator<Item = &'u CachedTableInfo> {
    unit.tables.iter().filter(move |info| info.seal.is_none() && info.table == *table)
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
