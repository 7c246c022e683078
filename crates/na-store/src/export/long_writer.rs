//! Writes the file of a long table.
//!
//! Row groups stay as they are, column by column: the new file begins as the old one, and what differs follows. Those with a
//! replaced session are rewritten. New sessions come last. A session is never split over row groups.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::ArrayRef;
use foldhash::HashMap;
use na_cache::{Cache, CachedUnit, SealedPart};
use na_model::{MapSource, RegionSet, Session};
use rayon::prelude::*;

use crate::error::StoreError;
use crate::export::destination::Destination;
use crate::export::row_group_action::{
    ColumnAction, RowGroupAction, all_stays, kept_chunks, kept_group, row_group_actions,
};
use crate::format::column_encoder::LARGEST_TEXT;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_writer::{FinishedFile, ParquetWriter};
use crate::merge::long_merge::LongMerge;
use crate::merge::merged_file::MergedFile;
use crate::merge::producer_versions::recorded_producers;
use crate::merge::sealed_parts::SealedParts;
use crate::tables::long_file::LongFile;
use crate::tables::long_index::note::to_text;
use crate::tables::long_schema::LongSchema;
use crate::tables::row_groups::{RowGroups, WrittenGroups};
use crate::tables::scalar::Scalar;
use crate::tables::session_rows::{Column, MapRows, ROW_GROUP, SessionRows, in_map_order};

/// A table's file, whole and not in its place yet.
pub(crate) struct WrittenTable<'f> {
    pub(crate) file: FinishedFile<'f>,
    /// The row groups with other keys than in the existing file.
    pub(crate) written: Vec<usize>,
    /// The table's new state.
    pub(crate) state: String,
    /// The part that gets the file's name.
    pub(crate) renamed: Option<SealedPart>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

/// A table's merge, with an action for each row group of each of its files.
pub(crate) struct LongWriter<'a> {
    merge: &'a LongMerge,
    schema: &'a LongSchema,
    actions: Vec<Vec<RowGroupAction>>,
}

impl<'a> LongWriter<'a> {
    /// Decides on each row group.
    pub(crate) fn new(merge: &'a LongMerge, schema: &'a LongSchema) -> Result<Self, StoreError> {
        Ok(Self { merge, schema, actions: row_group_actions(merge, schema)? })
    }

    pub(crate) fn merge(&self) -> &'a LongMerge {
        self.merge
    }

    /// Whether the file is already what it should be.
    pub(crate) fn is_up_to_date(&self) -> bool {
        let is_same = |column: &ColumnAction| matches!(column, ColumnAction::Same(_));
        let stays = |action: &RowGroupAction| match action {
            RowGroupAction::Keep(columns) => columns.iter().all(is_same),
            RowGroupAction::Rewrite => false,
        };
        // Compares fields alone: the schema of a file also has its key-value metadata.
        let has_same_fields = |old: &Arc<LongFile>| old.file.schema().fields() == self.schema.schema.fields();
        self.merge.units.is_empty()
            && self.merge.files.iter().all(MergedFile::is_exported)
            && self.merge.old().is_some_and(has_same_fields)
            && self.actions.iter().flatten().all(stays)
    }

    /// Writes the whole file without committing it. It may go on with one of `parts`; `None` if these stay with the cache.
    pub(crate) fn write<'f>(
        &self,
        to: Destination<'f>,
        cache: &Cache,
        parts: Option<&SealedParts>,
    ) -> Result<WrittenTable<'f>, StoreError> {
        let path = to.output.join(self.merge.table.file_path());
        let state = self.state();
        let renamed = parts.and_then(|parts| self.part_that_stays(parts, to.output));
        let writer = self.begin(to, &path, &state, renamed)?;
        let mut rows = RowGroups::new(writer, &self.schema.schema, &self.merge.kind.region_key, &path);
        let mut sealed = Vec::new();
        let (beside, apart) = self.merge.units_apart();
        for (file, actions) in self.merge.files.iter().zip(&self.actions) {
            rows.turn_to_file();
            for (group, action) in actions.iter().enumerate() {
                to.check_stopped()?;
                match action {
                    RowGroupAction::Keep(columns) => {
                        let kept = kept_group(self.merge, &file.long, self.schema, columns, group)?;
                        let here = rows.keep(&file.long, group, &kept.columns)?;
                        sealed.extend((!file.is_exported()).then_some(here));
                        rows.rounded.extend(kept.rounded);
                    }
                    RowGroupAction::Rewrite => self.rewrite(file, group, cache, &beside, &mut rows)?,
                }
            }
        }
        self.add_units(to, cache, &apart, &mut rows)?;
        let WrittenGroups { writer: mut file, index, mut written, rounded } = rows.finish()?;
        written.extend(sealed);
        written.sort_unstable();
        written.dedup();
        let text = to_text(&index, file.layout()).map_err(|error| StoreError::damaged(&path, error))?;
        file.add_key_value(keys::INDEX, text);
        let notes = rounded.into_iter().map(|column| self.note_of_rounded(column)).collect();
        Ok(WrittenTable { file: file.finish()?, written, state, renamed: renamed.cloned(), notes })
    }

    /// Begins the file: as the existing one if most of that stays, or with a part of a new table.
    fn begin<'f>(
        &self,
        to: Destination<'f>,
        path: &Path,
        state: &str,
        renamed: Option<&SealedPart>,
    ) -> Result<ParquetWriter<'f>, StoreError> {
        let (schema, compression) = (&self.schema.schema, to.settings.compression);
        let key_values = self.key_values(to, state)?;
        if let Some(part) = renamed {
            let start = (&*part.path_in(to.output), part.length);
            return ParquetWriter::go_on(start, path, to.changes, schema, compression, &key_values);
        }
        let actions = self.actions.first().map(Vec::as_slice).unwrap_or_default();
        let old = self.merge.old();
        let kept = old.and_then(|old| Some((old.file.file(), kept_chunks(old, actions)?)));
        ParquetWriter::create_from(kept, path, to.changes, schema, compression, &key_values)
    }

    /// The first part of a table that has no file yet, if all that is in it stays as it is.
    fn part_that_stays<'p>(&self, parts: &'p SealedParts, output: &Path) -> Option<&'p SealedPart> {
        let (part, path) = parts.part_of(*self.merge.files.first()?.seals.first()?)?;
        let mut files = self.merge.files.iter().zip(&self.actions);
        let stays = files.by_ref().take(part.seals.len()).all(|(file, actions)| {
            file.seals.iter().any(|seal| part.seals.contains(seal)) && all_stays(&file.long, actions)
        });
        Some(part).filter(|part| stays && part.path_in(output) == path)
    }

    fn note_of_rounded(&self, column: &str) -> String {
        format!(
            "{}: the column {column} has whole numbers of more digits than a double holds, and numbers that are \
             not whole in other sessions: its last digits are lost",
            self.merge.table
        )
    }

    /// Rewrites a row group: the maps that stay, and the maps that the cache adds to their sessions.
    fn rewrite(
        &self,
        file: &MergedFile,
        group: usize,
        cache: &Cache,
        beside: &HashMap<&Session, &Arc<CachedUnit>>,
        rows: &mut RowGroups<'_, '_>,
    ) -> Result<(), StoreError> {
        let of_rows = self.schema.of_rows(file.long.file.schema());
        let read = file.long.file.read_optional_columns(group, &of_rows)?;
        for kept in file.kept_sessions(group)? {
            let facts = self.merge.facts_of(kept.session, self.schema)?;
            let of_map = |(map, rows): &(&Option<MapSource>, Range<usize>)| MapRows {
                map: (*map).clone(),
                rows: rows_in(&read, &facts, rows),
            };
            let mut maps: Vec<MapRows> = kept.maps.iter().map(of_map).collect();
            if let Some(unit) = beside.get(kept.session) {
                maps.extend(self.merge.cached_rows(cache, unit, self.schema)?);
                maps = in_map_order(maps);
            }
            rows.add_session(kept.session, maps)?;
        }
        Ok(())
    }

    /// Adds units from the cache, about a row group at a time.
    fn add_units(
        &self,
        to: Destination<'_>,
        cache: &Cache,
        units: &[&Arc<CachedUnit>],
        rows: &mut RowGroups<'_, '_>,
    ) -> Result<(), StoreError> {
        let mut rest = units;
        // The size of units is only known when some are read.
        let mut at_once = rayon::current_num_threads();
        while !rest.is_empty() {
            to.check_stopped()?;
            let (now, later) = rest.split_at(at_once.clamp(1, rest.len()));
            let sessions: Vec<Vec<MapRows>> = now
                .par_iter()
                .map(|unit| self.merge.cached_rows(cache, unit, self.schema))
                .collect::<Result<_, StoreError>>()?;
            let (n_rows, n_text) =
                (largest(&sessions, |rows| rows.rows), largest(&sessions, SessionRows::text_bytes));
            at_once = (ROW_GROUP / n_rows).min(LARGEST_TEXT / n_text);
            let mut sessions = now.iter().zip(sessions);
            sessions.try_for_each(|(unit, maps)| rows.add_session(&unit.unit.session, maps))?;
            rest = later;
        }
        Ok(())
    }

    /// The name of the table's new state. It is the old one if all that features are made of stays.
    fn state(&self) -> String {
        let facts = self.schema.facts();
        let is_fact = |index: usize| facts.iter().any(|(fact, _)| *fact == index);
        let stays = |old: &LongFile, (index, action): (usize, &ColumnAction)| {
            let field = self.schema.schema.fields().get(index);
            is_fact(index)
                || matches!(action, ColumnAction::Same(in_file) if field == old.file.schema().fields().get(*in_file))
        };
        let is_alone = self.merge.units.is_empty() && self.merge.files.len() == 1;
        let old = self.merge.old().filter(|_| is_alone);
        let old = old.filter(|old| !old.file.file().has_notes_of_another());
        let old = old.filter(|old| {
            self.actions.iter().flatten().all(|action| match action {
                RowGroupAction::Keep(columns) => columns.iter().enumerate().all(|column| stays(old, column)),
                RowGroupAction::Rewrite => false,
            })
        });
        old.and_then(|old| old.file.key_value(keys::STATE)).map_or_else(keys::new_state, str::to_owned)
    }

    fn key_values(
        &self,
        to: Destination<'_>,
        state: &str,
    ) -> Result<Vec<(&'static str, String)>, StoreError> {
        let mut regions = RegionSet::new(self.merge.kept_regions()?);
        self.merge.forms.iter().for_each(|form| regions.extend(&form.regions));
        let mut producers = self.merge.producers.clone();
        if let Some(old) = self.merge.old() {
            producers.extend(recorded_producers(&old.file)?);
        }
        let path = to.output.join(self.merge.table.file_path());
        let damaged = |error| StoreError::damaged(&path, error);
        let mut key_values = vec![
            (keys::ATLAS, to.settings.atlas_name.clone()),
            (keys::STATE, state.to_owned()),
            (keys::TABLE_KIND, serde_json::to_string(&*self.merge.kind).map_err(damaged)?),
            (keys::PRODUCERS, serde_json::to_string(&producers).map_err(damaged)?),
            (keys::REGIONS, serde_json::to_string(&regions).map_err(damaged)?),
        ];
        key_values.extend(keys::of_writing());
        Ok(key_values)
    }
}

/// Rows of one map in a row group that was read: its arrays, except for columns that are facts of the session.
fn rows_in(read: &[Option<ArrayRef>], facts: &[Option<Column>], rows: &Range<usize>) -> SessionRows {
    let columns = read.iter().zip(facts).map(|(array, fact)| match (fact, array) {
        (Some(fact), _) => fact.clone(),
        (None, Some(array)) => Column::Array(array.slice(rows.start, rows.len())),
        (None, None) => Column::Constant(Scalar::Null),
    });
    SessionRows { rows: rows.len(), columns: columns.collect() }
}

/// The size of the largest session, at least 1.
fn largest(sessions: &[Vec<MapRows>], size: impl Fn(&SessionRows) -> usize) -> usize {
    sessions.iter().map(|session| session.iter().map(|map| size(&map.rows)).sum()).fold(1, usize::max)
}
