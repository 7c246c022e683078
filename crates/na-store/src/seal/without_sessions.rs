//! Writes parts anew without the rows of some sessions, who withdraw.

use std::collections::BTreeSet;

use na_cache::{OwnedCache, ReplacedPart, SealedPart};
use na_model::{Compression, Session};

use crate::error::StoreError;
use crate::format::file_changes::FileChanges;
use crate::format::parquet_writer::{KeptColumn, SealedGroups};
use crate::merge::sealed_parts::{Exported, SealedFile, SealedParts, open_part};
use crate::seal::part_writer::PartWriter;
use crate::tables::long_index::index::RowRange;
use crate::tables::row_groups::RowGroups;
use crate::tables::session_rows::{Column, MapRows, SessionRows};

/// A part that has rows of the sessions, with what takes its place.
pub(crate) struct Rewritten {
    old: SealedPart,
    new: SealedPart,
    groups: SealedGroups,
    has_rows: bool,
}

impl Rewritten {
    pub(crate) fn replacement(&self) -> ReplacedPart<'_> {
        let footer = self.has_rows.then_some(&*self.groups.footer);
        ReplacedPart { old: &self.old, new: &self.new, length: self.groups.length, footer }
    }
}

/// Writes anew, beside the old ones, the parts that have rows of these sessions.
///
/// # Errors
/// A part or cache that cannot be read or written.
pub(crate) fn parts_without(
    cache: &OwnedCache<'_>,
    sessions: &BTreeSet<Session>,
) -> Result<Vec<Rewritten>, StoreError> {
    let changes = FileChanges::of(cache.lock());
    let parts = SealedParts::find(cache, cache.output(), Exported::Unasked)?;
    let mut rewritten = Vec::new();
    for (part, path) in parts.parts() {
        let files = open_part(part, path, cache)?;
        let has =
            |file: &SealedFile| file.long.index.sessions.iter().any(|session| sessions.contains(session));
        if files.iter().any(has) {
            rewritten.extend(rewrite(part, &files, cache, &changes, sessions)?);
        }
    }
    Ok(rewritten)
}

fn rewrite(
    part: &SealedPart,
    files: &[SealedFile],
    cache: &OwnedCache<'_>,
    changes: &FileChanges,
    sessions: &BTreeSet<Session>,
) -> Result<Option<Rewritten>, StoreError> {
    let Some(first) = files.first() else { return Ok(None) };
    let (kind, schema) = (&first.long.kind, first.long.file.schema());
    let compression = first.long.file.file().compression().unwrap_or(Compression::default());
    let mut writer = PartWriter::begin(cache, changes, (&part.table, kind), schema, compression)?;
    let mut has_rows = false;
    let added = writer.add(cache, &kind.region_key, |rows| {
        for file in files {
            rows.turn_to_file();
            for group in 0..file.long.file.row_groups().len() {
                has_rows |= add_group(rows, file, group, sessions)?;
            }
        }
        Ok(())
    })?;
    added.sync()?;
    Ok(Some(Rewritten { old: part.clone(), new: writer.part, groups: added.groups, has_rows }))
}

/// Adds what stays of a row group. False if nothing does.
fn add_group(
    rows: &mut RowGroups<'_, '_>,
    file: &SealedFile,
    group: usize,
    sessions: &BTreeSet<Session>,
) -> Result<bool, StoreError> {
    let long = &file.long;
    let leaves = |range: &RowRange| {
        long.index.sessions.get(range.session).is_none_or(|session| sessions.contains(session))
    };
    let ranges = long.index.row_ranges_of(group);
    let columns = 0..long.file.schema().fields().len();
    if !ranges.iter().any(leaves) {
        rows.keep(long, group, &columns.map(KeptColumn::Same).collect::<Vec<_>>())?;
        return Ok(!ranges.is_empty());
    }
    let read = long.file.read_optional_columns(group, &columns.map(Some).collect::<Vec<_>>())?;
    let mut has_rows = false;
    for of_session in ranges.chunk_by(|one, next| one.session == next.session) {
        let Some(first) = of_session.first().filter(|range| !leaves(range)) else { continue };
        let (session, _) = long.key_of(first)?;
        let mut maps = Vec::with_capacity(of_session.len());
        for range in of_session {
            let slice = read.iter().flatten().map(|array| array.slice(range.rows.start, range.rows.len()));
            let columns = slice.map(Column::Array).collect();
            let (_, map) = long.key_of(range)?;
            maps.push(MapRows { map: map.clone(), rows: SessionRows { rows: range.rows.len(), columns } });
        }
        rows.add_session(session, maps)?;
        has_rows = true;
    }
    Ok(has_rows)
}
