//! Bringing what the cache holds of a long table into its file.
//!
//! Row groups whose sessions stay as they are are copied without being decoded; those with a session that is replaced,
//! or whose metadata changed, are written again; new sessions follow. A session is never split over row groups.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema};
use na_cache::{Cache, CachedUnit, TableForm};
use na_model::{ExportSettings, MapSource, Region, RegionSet, Session, TableName};
use rayon::prelude::*;

use crate::error::StoreError;
use crate::format::file_changes::FileChanges;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::format::parquet_writer::LARGEST_TEXT;
use crate::format::parquet_writer::ParquetWriter;
use crate::merge::producer_versions::noted;
use crate::merge::replaced_maps::{Replaced, ReplacedMaps};
use crate::tables::list_values::value_at;
use crate::tables::long_index::{LongIndex, Run};
use crate::tables::long_schema::LongColumns;
use crate::tables::metadata::MetadataTable;
use crate::tables::row_groups::{ROW_GROUP, RowGroups};
use crate::tables::session_rows::{Cells, Piece, Value};
use crate::tables::tiv::TivTable;

/// A long table as it is on disk.
pub(crate) struct OldTable {
    pub(crate) file: ParquetReader,
    pub(crate) index: LongIndex,
}

/// A long table as it is going to be: what the cache has of a map of a session takes the place of the same in the file,
/// and all else stays.
#[derive(Clone)]
pub(crate) struct LongMerge {
    pub(crate) table: TableName,
    pub(crate) old: Option<Arc<OldTable>>,
    pub(crate) replaced: Arc<ReplacedMaps>,
    /// Units of the cache with this table, in the order they are written.
    pub(crate) units: Vec<Arc<CachedUnit>>,
    pub(crate) forms: Vec<TableForm>,
    pub(crate) facts: Facts,
    /// Versions of `parcellate` that wrote the units' files.
    pub(crate) producers: BTreeSet<String>,
}

/// What is the same in all rows of a session, as it is going to be.
#[derive(Clone)]
pub(crate) struct Facts {
    pub(crate) metadata: Arc<MetadataTable>,
    pub(crate) volumes: Arc<TivTable>,
}

/// What becomes of a row group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Copied,
    Rewritten,
}

impl LongMerge {
    /// The merge of a table out of all that a store and its cache hold.
    pub(crate) fn new(
        table: &TableName,
        old: Option<Arc<OldTable>>,
        replaced: &Replaced,
        units: &[Arc<CachedUnit>],
        forms: &[TableForm],
        facts: Facts,
    ) -> Self {
        let has_table = |unit: &&Arc<CachedUnit>| unit.tables.iter().any(|info| info.table == *table);
        Self {
            table: table.clone(),
            old,
            replaced: replaced.in_table(table),
            units: units.iter().filter(has_table).cloned().collect(),
            forms: forms.iter().filter(|form| form.table == *table).cloned().collect(),
            facts,
            producers: BTreeSet::new(),
        }
    }

    pub(crate) fn columns(&self) -> LongColumns {
        let file = self.old.as_ref().map(|old| old.file.schema().as_ref());
        let forms = self.forms.iter().map(|form| form.columns.as_ref());
        // Columns and types come from rows that stay.
        let stays = self.kept_runs().next().is_some();
        LongColumns::merge(&self.table, file, stays, forms, &self.facts.metadata.columns)
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
        self.old.iter().flat_map(|old| old.index.runs.iter().filter(|run| self.is_kept(&old.index, run)))
    }

    /// The sessions of a row group that stay in part or whole, with the rows of each map that stays.
    pub(crate) fn kept_sessions(&self, group: usize) -> Vec<KeptSession<'_>> {
        let mut sessions: Vec<KeptSession<'_>> = Vec::new();
        let Some(old) = &self.old else { return sessions };
        for run in runs_of(&old.index, group).iter().filter(|run| self.is_kept(&old.index, run)) {
            let (Some(session), Some(map)) =
                (old.index.sessions.get(run.session), old.index.maps.get(run.map))
            else {
                continue;
            };
            match sessions.last_mut() {
                Some(last) if last.session == session => last.maps.push((map, run.rows.clone())),
                _ => sessions.push(KeptSession { session, maps: vec![(map, run.rows.clone())] }),
            }
        }
        sessions
    }

    fn is_kept(&self, index: &LongIndex, run: &Run) -> bool {
        let key = index.sessions.get(run.session).zip(index.maps.get(run.map));
        key.is_some_and(|(session, map)| !self.replaced.contains(session, map))
    }

    /// The cache's units: those of sessions that have other maps in the file, which are written together, and the others.
    pub(crate) fn units_apart(&self) -> (HashMap<&Session, &Arc<CachedUnit>>, Vec<&Arc<CachedUnit>>) {
        let Some(old) = &self.old else { return (HashMap::new(), self.units.iter().collect()) };
        let kept: HashSet<usize> = self.kept_runs().map(|run| run.session).collect();
        let kept: HashSet<&Session> =
            kept.into_iter().filter_map(|session| old.index.sessions.get(session)).collect();
        let (beside, apart): (Vec<_>, Vec<_>) =
            self.units.iter().partition(|unit| kept.contains(&unit.unit.session));
        (beside.into_iter().map(|unit| (&unit.unit.session, unit)).collect(), apart)
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
        let mut fates = Vec::with_capacity(n_groups);
        for group in 0..n_groups {
            let changes = self.changes(old, columns, group)?;
            fates.push(if changes { Fate::Rewritten } else { Fate::Copied });
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

    /// Whether a session of a row group changes, or what is the same in all of its rows. The file's columns are these.
    fn changes(&self, old: &OldTable, columns: &LongColumns, group: usize) -> Result<bool, StoreError> {
        let runs = runs_of(&old.index, group);
        let session = |run: &Run| old.index.sessions.get(run.session);
        if runs.iter().any(|run| session(run).is_none_or(|session| self.replaced.has_session(session))) {
            return Ok(true);
        }
        let facts = columns.facts();
        let places: Vec<usize> = facts.iter().map(|(place, _)| *place).collect();
        let written = old.file.read_dictionaries_at(group, &places)?;
        let mut last = None;
        Ok(runs.iter().filter(|run| last.replace(run.session) != Some(run.session)).any(|run| {
            let Some(session) = session(run) else { return true };
            let mut written = written.columns().iter().map(|column| value_at(column, run.rows.start));
            !facts.iter().all(|(_, fact)| written.next() == Some(self.facts.value(session, *fact)))
        }))
    }

    /// Writes the file, all but complete; beside it what the user should know.
    pub(crate) fn write<'f>(
        &self,
        output: &Path,
        changes: &'f FileChanges,
        settings: &ExportSettings,
        cache: &Cache,
        columns: &LongColumns,
        go_on: &(dyn Fn() -> Result<(), StoreError> + Sync),
    ) -> Result<(ParquetWriter<'f>, Vec<String>), StoreError> {
        let place = output.join(self.table.file_path());
        let notes = self.notes(settings);
        let writer = ParquetWriter::create(&place, changes, &columns.schema, settings.compression, &notes)?;
        let mut rows = RowGroups::new(writer, columns, &place);
        let (beside, apart) = self.units_apart();
        if let Some(old) = &self.old {
            for (group, fate) in self.fates(columns)?.into_iter().enumerate() {
                go_on()?;
                match fate {
                    Fate::Copied => {
                        rows.flush()?;
                        rows.writer.copy_group(&old.file, group)?;
                    }
                    Fate::Rewritten => self.rewrite(old, group, columns, cache, &beside, &mut rows)?,
                }
            }
        }
        self.add_units(cache, &apart, columns, &mut rows, go_on)?;
        let (writer, rounded) = rows.finish()?;
        let notes = rounded.into_iter().map(|column| {
            format!(
                "{}: the column {column} has whole numbers of more digits than a double holds, and numbers that are \
                 not whole in other sessions: its last digits are lost",
                self.table
            )
        });
        Ok((writer, notes.collect()))
    }

    /// Units from the cache, about a row group at once.
    fn add_units(
        &self,
        cache: &Cache,
        units: &[&Arc<CachedUnit>],
        columns: &LongColumns,
        rows: &mut RowGroups<'_, '_>,
        go_on: &(dyn Fn() -> Result<(), StoreError> + Sync),
    ) -> Result<(), StoreError> {
        let mut rest = units;
        // How large units are is known when some are read.
        let mut at_once = rayon::current_num_threads();
        while !rest.is_empty() {
            go_on()?;
            let (now, later) = rest.split_at(at_once.clamp(1, rest.len()));
            let sessions: Vec<Vec<Piece>> = now
                .par_iter()
                .map(|unit| Ok(without_maps(self.cached_pieces(cache, unit, columns)?)))
                .collect::<Result<_, StoreError>>()?;
            let most = |size: fn(&Piece) -> usize| -> usize {
                let of_session = |pieces: &Vec<Piece>| pieces.iter().map(size).sum::<usize>();
                sessions.iter().map(of_session).max().unwrap_or_default().max(1)
            };
            at_once = (ROW_GROUP / most(|piece| piece.rows)).min(LARGEST_TEXT / most(Piece::text_bytes));
            sessions.into_iter().try_for_each(|pieces| rows.add_session(pieces))?;
            rest = later;
        }
        Ok(())
    }

    fn notes(&self, settings: &ExportSettings) -> Vec<(&'static str, String)> {
        let mut regions = RegionSet::new(self.kept_regions());
        self.forms.iter().for_each(|form| regions.extend(&form.regions));
        let mut producers = self.old.as_ref().map(|old| noted(&old.file)).unwrap_or_default();
        producers.extend(self.producers.iter().cloned());
        vec![
            (keys::ATLAS, settings.atlas_name.clone()),
            (keys::VERSION, crate::VERSION.to_owned()),
            (keys::CREATED_AT, keys::now()),
            (keys::STATE, keys::new_state()),
            (keys::PRODUCERS, serde_json::to_string(&producers).unwrap_or_default()),
            (keys::REGIONS, serde_json::to_string(&regions).unwrap_or_default()),
        ]
    }

    /// The regions of rows that stay.
    fn kept_regions(&self) -> Vec<Region> {
        let Some(old) = &self.old else { return Vec::new() };
        let layouts: BTreeSet<usize> = self.kept_runs().map(|run| run.layout).collect();
        let places = layouts.into_iter().filter_map(|layout| old.index.layouts.get(layout)).flatten();
        places.filter_map(|place| old.index.regions.get(*place)).cloned().collect()
    }

    fn rewrite(
        &self,
        old: &OldTable,
        group: usize,
        columns: &LongColumns,
        cache: &Cache,
        beside: &HashMap<&Session, &Arc<CachedUnit>>,
        rows: &mut RowGroups<'_, '_>,
    ) -> Result<(), StoreError> {
        let read = old.file.read_optional_columns(group, &columns.of_rows())?;
        for kept in self.kept_sessions(group) {
            let facts = self.facts_cells(kept.session, columns);
            let piece = |(map, rows): &(&Option<MapSource>, Range<usize>)| {
                let cells = read.iter().zip(&facts).map(|(array, fact)| match (fact, array) {
                    (Some(fact), _) => fact.clone(),
                    (None, Some(array)) => Cells::Each(array.slice(rows.start, rows.len())),
                    (None, None) => Cells::Same(Value::Null),
                });
                ((*map).clone(), Piece { rows: rows.len(), columns: cells.collect() })
            };
            let mut pieces: Vec<MapPiece> = kept.maps.iter().map(piece).collect();
            if let Some(unit) = beside.get(kept.session) {
                pieces.extend(self.cached_pieces(cache, unit, columns)?);
                pieces.sort_by(|(first, _), (second, _)| first.cmp(second));
            }
            rows.add_session(without_maps(pieces))?;
        }
        Ok(())
    }

    /// What the cache has of a unit, a piece a map.
    pub(crate) fn cached_pieces(
        &self,
        cache: &Cache,
        unit: &CachedUnit,
        columns: &LongColumns,
    ) -> Result<Vec<MapPiece>, StoreError> {
        let session = &unit.unit.session;
        let facts = self.facts_cells(session, columns);
        let piece = |table: na_cache::CachedTable| {
            let tsv = columns.tsv.iter().map(|tsv| match table.batch.column_by_name(&tsv.name) {
                Some(array) => Cells::Each(Arc::clone(array)),
                None => Cells::Same(Value::Null),
            });
            let added = added_values(&self.table, table.map.as_ref(), session).map(Cells::Same);
            let values = tsv.chain(added).chain(std::iter::repeat(Cells::Same(Value::Null)));
            let cells = facts.iter().zip(values).map(|(fact, value)| fact.clone().unwrap_or(value));
            let columns = cells.collect();
            (table.map, Piece { rows: table.batch.num_rows(), columns })
        };
        Ok(cache.read_table(unit, &self.table)?.into_iter().map(piece).collect())
    }

    /// For each column what a session has in all of its rows, for those of which that is known.
    fn facts_cells(&self, session: &Session, columns: &LongColumns) -> Vec<Option<Cells>> {
        let mut cells = vec![None; columns.schema.fields().len()];
        for (place, fact) in columns.facts() {
            let value = self.facts.value(session, fact);
            cells.iter_mut().skip(place).take(1).for_each(|cell| *cell = Some(Cells::Same(value.clone())));
        }
        cells
    }
}

/// Something that is the same in all rows of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    /// Its total intracranial volume.
    Volume,
    /// What the session list says: a place in the metadata table's columns.
    Metadata(usize),
}

impl Facts {
    pub(crate) fn value(&self, session: &Session, fact: Fact) -> Value {
        match fact {
            Fact::Volume => self.volumes.0.get(session).map_or(Value::Null, |volume| Value::Double(*volume)),
            Fact::Metadata(place) => self.metadata.cell(session, place),
        }
    }
}

impl OldTable {
    /// Columns of the table's own files in a row group, under the names that those have.
    pub(crate) fn read_tsv(
        &self,
        group: usize,
        columns: &LongColumns,
        written: &[&str],
    ) -> Result<RecordBatch, StoreError> {
        let there = written.iter().filter_map(|name| columns.of_tsv(name));
        let (names, places): (Vec<&str>, Vec<usize>) =
            there.filter_map(|(own_name, place)| Some((own_name, place?))).unzip();
        let batch = self.file.read_dictionaries_at(group, &places)?;
        let fields = batch.schema_ref().fields().iter().zip(names);
        let fields = fields.map(|(field, name)| Field::clone(field).with_name(name)).collect::<Vec<_>>();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), batch.columns().to_vec(), &options)
            .map_err(StoreError::arrow(self.file.path()))
    }
}

/// A session of a row group that stays, with the rows of each map that stays.
pub(crate) struct KeptSession<'a> {
    pub(crate) session: &'a Session,
    pub(crate) maps: Vec<(&'a Option<MapSource>, Range<usize>)>,
}

/// Rows of a map of a session.
pub(crate) type MapPiece = (Option<MapSource>, Piece);

pub(crate) fn without_maps(pieces: Vec<MapPiece>) -> Vec<Piece> {
    pieces.into_iter().map(|(_, piece)| piece).collect()
}

/// The runs of a row group: an index has them in the order of the file.
fn runs_of(index: &LongIndex, group: usize) -> &[Run] {
    let first = index.runs.partition_point(|run| run.row_group < group);
    let runs = index.runs.get(first..).unwrap_or_default();
    runs.get(..runs.partition_point(|run| run.row_group == group)).unwrap_or_default()
}

/// The values of the store's own columns, as [`TableName::added_columns`] orders them; null for the volume, which is of
/// the session.
fn added_values(
    table: &TableName,
    map: Option<&MapSource>,
    session: &Session,
) -> impl Iterator<Item = Value> {
    let subject = Value::text(session.subject.as_str());
    let id = Value::optional_text(session.id_str());
    let values = match table {
        TableName::Anatomical(tissue) => {
            vec![Value::text(tissue.as_str()), Value::text(tissue.measured()), subject, id, Value::Null]
        }
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
