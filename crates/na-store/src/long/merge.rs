//! Bringing what the cache holds of a long table into its file.
//!
//! Row groups whose sessions stay as they are are copied without being decoded; those with a session that is replaced,
//! or whose metadata changed, are written again; new sessions follow. A session is never split over row groups.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use na_cache::{Cache, CachedUnit, TableForm};
use na_model::{ExportSettings, MapSource, Modality, RegionSet, Session, TableName};
use rayon::prelude::*;

use crate::durable::Folders;
use crate::error::StoreError;
use crate::long::columns::{LongColumns, tsv_columns};
use crate::long::index::{LongIndex, Run};
use crate::long::pieces::{Cells, Piece, Value, column_parts};
use crate::metadata::{MetadataTable, value_at};
use crate::notes;
use crate::producers::noted;
use crate::table_file::{TableFile, TableWriter};

/// Rows of a row group, about: large enough to compress, small enough that one in memory is nothing.
pub(crate) const ROW_GROUP: usize = 32 * 1024;

/// A long table as it is on disk.
pub(crate) struct OldTable {
    pub(crate) file: TableFile,
    pub(crate) index: LongIndex,
}

/// A long table as it is going to be.
#[derive(Clone)]
pub(crate) struct LongMerge {
    pub(crate) table: TableName,
    pub(crate) old: Option<Arc<OldTable>>,
    /// Sessions whose units of this modality come from the cache: what the file has of them goes.
    pub(crate) replaced: Arc<HashSet<Session>>,
    /// Units of the cache with this table, in the order they are written.
    pub(crate) units: Vec<Arc<CachedUnit>>,
    pub(crate) forms: Vec<TableForm>,
    pub(crate) metadata: Arc<MetadataTable>,
    /// Versions of `parcellate` that wrote the units' files.
    pub(crate) producers: BTreeSet<String>,
}

/// What becomes of a row group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Copied,
    Rewritten,
}

/// The sessions of each modality whose units come from the cache.
pub(crate) struct Replaced(HashMap<Modality, Arc<HashSet<Session>>>);

impl Replaced {
    pub(crate) fn of(units: &[Arc<CachedUnit>]) -> Self {
        let of = |modality| {
            let units = units.iter().filter(|unit| unit.unit.modality == modality);
            (modality, Arc::new(units.map(|unit| unit.unit.session.clone()).collect()))
        };
        Self(Modality::ALL.into_iter().map(of).collect())
    }

    pub(crate) fn in_modality(&self, modality: Modality) -> Arc<HashSet<Session>> {
        self.0.get(&modality).map(Arc::clone).unwrap_or_default()
    }
}

impl LongMerge {
    /// The merge of a table out of all that a store and its cache hold.
    pub(crate) fn new(
        table: &TableName,
        old: Option<Arc<OldTable>>,
        replaced: &Replaced,
        units: &[Arc<CachedUnit>],
        forms: &[TableForm],
        metadata: Arc<MetadataTable>,
    ) -> Self {
        let has_table = |unit: &&Arc<CachedUnit>| unit.tables.iter().any(|info| info.table == *table);
        Self {
            table: table.clone(),
            old,
            replaced: replaced.in_modality(table.modality()),
            units: units.iter().filter(has_table).cloned().collect(),
            forms: forms.iter().filter(|form| form.table == *table).cloned().collect(),
            metadata,
            producers: BTreeSet::new(),
        }
    }

    pub(crate) fn columns(&self) -> LongColumns {
        let old = self.old.as_ref().map(|old| tsv_columns(&self.table, old.file.schema()));
        let forms = old.iter().chain(self.forms.iter().map(|form| form.columns.as_ref()));
        LongColumns::merge(&self.table, forms, &self.metadata.columns)
    }

    /// The maps that the table is going to have rows of.
    pub(crate) fn maps(&self) -> Vec<Option<MapSource>> {
        let mut maps: HashSet<Option<MapSource>> = HashSet::new();
        for run in self.kept_runs() {
            maps.extend(self.old.as_ref().and_then(|old| old.index.maps.get(run.map)).cloned());
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
        for run in self.kept_runs() {
            let Some(old) = &self.old else { continue };
            if let (Some(session), Some(map)) =
                (old.index.sessions.get(run.session), old.index.maps.get(run.map))
            {
                *rows.entry((session.clone(), map.clone())).or_default() += run.rows.len();
            }
        }
        for unit in &self.units {
            for info in unit.tables.iter().filter(|info| info.table == self.table) {
                *rows.entry((unit.unit.session.clone(), info.map.clone())).or_default() += info.n_rows;
            }
        }
        rows
    }

    pub(crate) fn kept_runs(&self) -> impl Iterator<Item = &Run> {
        self.old.iter().flat_map(|old| {
            old.index.runs.iter().filter(|run| {
                old.index.sessions.get(run.session).is_some_and(|session| !self.replaced.contains(session))
            })
        })
    }

    /// Whether the file on disk is what it should be.
    pub(crate) fn is_done(&self, columns: &LongColumns) -> Result<bool, StoreError> {
        Ok(self.units.is_empty()
            && self.old.is_some()
            && self.fates(columns)?.iter().all(|fate| *fate == Fate::Copied))
    }

    fn fates(&self, columns: &LongColumns) -> Result<Vec<Fate>, StoreError> {
        let Some(old) = &self.old else { return Ok(Vec::new()) };
        let n_groups = old.file.row_groups().len();
        // Not the schemas as a whole: a file's has the file's notes too.
        let are_its = old.file.schema().fields() == columns.schema.fields();
        if !are_its || !old.file.is_stored_as(&columns.schema) {
            return Ok(vec![Fate::Rewritten; n_groups]);
        }
        let mut fates = vec![Fate::Copied; n_groups];
        let mut runs: BTreeMap<usize, Vec<&Run>> = BTreeMap::new();
        for run in &old.index.runs {
            runs.entry(run.row_group).or_default().push(run);
        }
        for (group, runs) in runs {
            if self.changes(old, columns, group, &runs)? {
                fates.iter_mut().skip(group).take(1).for_each(|fate| *fate = Fate::Rewritten);
            }
        }
        // New sessions fill up a last row group that was left small.
        if let (Some(last), Some(fate)) = (old.file.row_groups().last(), fates.last_mut()) {
            let rows = usize::try_from(last.num_rows()).unwrap_or_default();
            if !self.units.is_empty() && rows < ROW_GROUP / 2 {
                *fate = Fate::Rewritten;
            }
        }
        Ok(fates)
    }

    /// Whether a session of a row group goes, or its metadata are others now.
    fn changes(
        &self,
        old: &OldTable,
        columns: &LongColumns,
        group: usize,
        runs: &[&Run],
    ) -> Result<bool, StoreError> {
        let names: Vec<&str> = columns
            .metadata
            .iter()
            .filter_map(|place| self.metadata.columns.get(*place))
            .map(|column| column.name.as_str())
            .collect();
        let batch = if names.is_empty() { None } else { Some(old.file.read(group, &names)?) };
        Ok(runs.iter().any(|run| {
            let Some(session) = old.index.sessions.get(run.session) else { return true };
            if self.replaced.contains(session) {
                return true;
            }
            let Some(batch) = &batch else { return false };
            let values = self.metadata.values(session);
            columns.metadata.iter().zip(&names).any(|(place, name)| {
                let written = batch.column_by_name(name).map(|column| value_at(column, run.rows.start));
                written.as_ref() != values.get(*place)
            })
        }))
    }

    /// Writes the file, all but complete.
    pub(crate) fn write<'f>(
        &self,
        output: &Path,
        folders: &'f Folders,
        settings: &ExportSettings,
        cache: Option<&Cache>,
        columns: &LongColumns,
        go_on: &(dyn Fn() -> Result<(), StoreError> + Sync),
    ) -> Result<TableWriter<'f>, StoreError> {
        let place = output.join(self.table.file_path());
        let notes = self.notes(settings);
        let writer = TableWriter::create(&place, folders, &columns.schema, settings.compression, &notes)?;
        let mut rows = RowGroups { writer, columns, place: &place, waiting: Vec::new(), n_waiting: 0 };
        if let Some(old) = &self.old {
            for (group, fate) in self.fates(columns)?.into_iter().enumerate() {
                go_on()?;
                match fate {
                    Fate::Copied => {
                        rows.flush()?;
                        rows.writer.copy_group(&old.file, group)?;
                    }
                    Fate::Rewritten => self.rewrite(old, group, columns, &mut rows)?,
                }
            }
        }
        if let Some(cache) = cache {
            let size = |unit: &Arc<CachedUnit>| -> usize {
                unit.tables.iter().filter(|info| info.table == self.table).map(|info| info.n_rows).sum()
            };
            for units in row_groups_of(&self.units, size, ROW_GROUP.saturating_sub(rows.n_waiting)) {
                go_on()?;
                let sessions: Vec<Vec<Piece>> = units
                    .par_iter()
                    .map(|unit| self.cached_pieces(cache, unit, columns))
                    .collect::<Result<_, StoreError>>()?;
                sessions.into_iter().try_for_each(|pieces| rows.add_session(pieces))?;
            }
        }
        rows.flush()?;
        Ok(rows.writer)
    }

    fn notes(&self, settings: &ExportSettings) -> Vec<(&'static str, String)> {
        let mut regions = self
            .old
            .as_ref()
            .map(|old| RegionSet::new(old.index.regions.iter().cloned()))
            .unwrap_or_default();
        self.forms.iter().for_each(|form| regions.extend(&form.regions));
        let mut producers = self.old.as_ref().map(|old| noted(&old.file)).unwrap_or_default();
        producers.extend(self.producers.iter().cloned());
        vec![
            (notes::ATLAS, settings.atlas_name.clone()),
            (notes::VERSION, crate::VERSION.to_owned()),
            (notes::CREATED_AT, notes::now()),
            (notes::STATE, notes::new_state()),
            (notes::PRODUCERS, serde_json::to_string(&producers).unwrap_or_default()),
            (notes::REGIONS, serde_json::to_string(&regions).unwrap_or_default()),
        ]
    }

    fn rewrite(
        &self,
        old: &OldTable,
        group: usize,
        columns: &LongColumns,
        rows: &mut RowGroups<'_, '_>,
    ) -> Result<(), StoreError> {
        let batch = old.file.read_all(group)?;
        let mut session: Option<usize> = None;
        let mut pieces = Vec::new();
        for run in self.kept_runs().filter(|run| run.row_group == group) {
            if session != Some(run.session) {
                rows.add_session(std::mem::take(&mut pieces))?;
                session = Some(run.session);
            }
            let Some(session) = old.index.sessions.get(run.session) else { continue };
            let rows = batch.slice(run.rows.start, run.rows.len());
            pieces.push(self.kept_piece(&rows, session, columns));
        }
        rows.add_session(pieces)
    }

    fn kept_piece(&self, rows: &RecordBatch, session: &Session, columns: &LongColumns) -> Piece {
        let column = |name: &str| match rows.column_by_name(name) {
            Some(array) => Cells::Each(Arc::clone(array)),
            None => Cells::Same(Value::Null),
        };
        let tsv = columns.tsv.iter().map(|tsv| column(&tsv.name));
        let added = columns.added.iter().map(|name| column(name));
        let cells = tsv.chain(added).chain(self.metadata_cells(session, columns)).collect();
        Piece { rows: rows.num_rows(), columns: cells }
    }

    pub(crate) fn cached_pieces(
        &self,
        cache: &Cache,
        unit: &CachedUnit,
        columns: &LongColumns,
    ) -> Result<Vec<Piece>, StoreError> {
        let session = &unit.unit.session;
        let tables = cache.read_table(unit, &self.table)?.into_iter();
        Ok(tables
            .map(|table| {
                let tsv = columns.tsv.iter().map(|tsv| match table.batch.column_by_name(&tsv.name) {
                    Some(array) => Cells::Each(Arc::clone(array)),
                    None => Cells::Same(Value::Null),
                });
                let added = added_values(&self.table, table.map.as_ref(), session, unit.tiv.after(None));
                let cells = tsv.chain(added.map(Cells::Same)).chain(self.metadata_cells(session, columns));
                Piece { rows: table.batch.num_rows(), columns: cells.collect() }
            })
            .collect())
    }

    fn metadata_cells(&self, session: &Session, columns: &LongColumns) -> impl Iterator<Item = Cells> {
        let values = self.metadata.values(session);
        let places = columns.metadata.clone().into_iter();
        places.map(move |place| Cells::Same(values.get(place).cloned().unwrap_or(Value::Null)))
    }
}

/// The values of the store's own columns, as [`TableName::added_columns`] orders them.
fn added_values(
    table: &TableName,
    map: Option<&MapSource>,
    session: &Session,
    tiv: Option<f64>,
) -> impl Iterator<Item = Value> {
    let subject = Value::text(session.subject.as_str());
    let id = Value::optional_text(session.id_str());
    let values = match table {
        TableName::Anatomical(tissue) => vec![
            Value::text(tissue.as_str()),
            Value::text(tissue.measured()),
            subject,
            id,
            tiv.map_or(Value::Null, Value::Double),
        ],
        TableName::Diffusion(workflow) => {
            let word = |word: Option<&String>| Value::optional_text(word.map(String::as_str));
            vec![
                Value::text(workflow.as_str()),
                word(map.map(|map| &map.model)),
                word(map.map(|map| &map.param)),
                word(map.map(|map| &map.desc)),
                subject,
                id,
            ]
        }
    };
    values.into_iter()
}

/// Units in lists of about a row group each; the first list fills one that was begun.
pub(crate) fn row_groups_of<T>(units: &[T], size: impl Fn(&T) -> usize, first: usize) -> Vec<&[T]> {
    let (mut lists, mut start, mut room) = (Vec::new(), 0, first);
    for (place, unit) in units.iter().enumerate() {
        let rows = size(unit);
        if rows > room && place > start {
            lists.extend(units.get(start..place));
            (start, room) = (place, ROW_GROUP);
        }
        room = room.saturating_sub(rows);
    }
    lists.extend(units.get(start..).filter(|rest| !rest.is_empty()));
    lists
}

/// Sessions that wait until they fill a row group.
struct RowGroups<'a, 'f> {
    writer: TableWriter<'f>,
    columns: &'a LongColumns,
    place: &'a Path,
    waiting: Vec<Piece>,
    n_waiting: usize,
}

impl RowGroups<'_, '_> {
    fn add_session(&mut self, pieces: Vec<Piece>) -> Result<(), StoreError> {
        let rows: usize = pieces.iter().map(|piece| piece.rows).sum();
        if self.n_waiting > 0 && self.n_waiting + rows > ROW_GROUP {
            self.flush()?;
        }
        self.n_waiting += rows;
        self.waiting.extend(pieces);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let pieces = std::mem::take(&mut self.waiting);
        if std::mem::take(&mut self.n_waiting) == 0 {
            return Ok(());
        }
        let fields = self.columns.schema.fields();
        let arrow = StoreError::arrow(self.place);
        self.writer.write_group(|place| match fields.get(place) {
            Some(field) => column_parts(&pieces, place, field.data_type()).map_err(&arrow),
            None => Err(StoreError::damaged(self.place, "a column is missing")),
        })
    }
}
