//! What an export does with each row group of a table's file: keeps it, with some columns new, or writes it again.

use arrow_array::{ArrayRef, new_null_array};
use arrow_schema::FieldRef;
use foldhash::HashSet;
use na_model::Session;

use crate::error::StoreError;
use crate::format::column_encoder::LARGEST_TEXT;
use crate::format::kept_chunks::KeptChunks;
use crate::format::parquet_writer::KeptColumn;
use crate::merge::long_merge::LongMerge;
use crate::merge::merged_file::MergedFile;
use crate::tables::long_file::LongFile;
use crate::tables::long_index::index::RowRange;
use crate::tables::long_schema::{LongSchema, SessionFact};
use crate::tables::scalar::scalar_at;
use crate::tables::session_rows::{Column, ROW_GROUP, SessionRows, column_parts, loses_digits};

/// What is done with a row group of the existing file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowGroupAction {
    /// All of its rows stay. What becomes of each column, in the order of the new schema.
    Keep(Vec<ColumnAction>),
    Rewrite,
}

/// What becomes of a column in a row group that stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnAction {
    /// The column of the existing file with this index.
    Same(usize),
    /// The same values with another type.
    Cast(usize),
    /// Null in all rows.
    Null,
    /// What the store now knows of each session.
    Fact(SessionFact),
}

/// A row group that stays, as it is written.
pub(super) struct KeptGroup {
    pub(super) columns: Vec<KeptColumn>,
    /// The columns with integers that lost digits.
    pub(super) rounded: Vec<usize>,
}

/// Decides on each row group of each file of a merge.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn row_group_actions(
    merge: &LongMerge,
    schema: &LongSchema,
) -> Result<Vec<Vec<RowGroupAction>>, StoreError> {
    let with_blobs: HashSet<&Session> = merge.units.iter().map(|unit| &unit.unit.session).collect();
    let of_file = |file: &MergedFile| {
        let is_touched = |session: &Session| match file.is_exported() {
            true => merge.replaced.has_session(session),
            false => with_blobs.contains(session),
        };
        let of_columns = column_actions(&file.long, schema)?;
        let n_groups = file.long.file.row_groups().len();
        let actions = (0..n_groups).map(|group| match stays(file, group, is_touched) {
            true => action(merge, &file.long, schema, &of_columns, group),
            false => Ok(RowGroupAction::Rewrite),
        });
        actions.collect::<Result<Vec<_>, StoreError>>()
    };
    let mut actions = merge.files.iter().map(of_file).collect::<Result<Vec<_>, StoreError>>()?;
    // New sessions fill up a last row group that was left small.
    if let [file] = merge.files.as_slice()
        && file.is_exported()
        && let (Some(last), Some(action)) =
            (file.long.file.row_groups().last(), actions.last_mut().and_then(|of_file| of_file.last_mut()))
    {
        let is_small = usize::try_from(last.num_rows()).is_ok_and(|rows| rows < ROW_GROUP / 2);
        if !merge.units.is_empty() && is_small {
            *action = RowGroupAction::Rewrite;
        }
    }
    Ok(actions)
}

/// Whether all rows of a row group stay, and nothing joins its sessions.
fn stays(file: &MergedFile, group: usize, is_touched: impl Fn(&Session) -> bool) -> bool {
    let index = &file.long.index;
    let touches = |range: &RowRange| index.sessions.get(range.session).is_none_or(&is_touched);
    file.stays_whole(group) && !index.row_ranges_of(group).iter().any(touches)
}

/// What becomes of each column by its type, whatever its values are.
fn column_actions(old: &LongFile, schema: &LongSchema) -> Result<Vec<ColumnAction>, StoreError> {
    let facts = schema.facts();
    let in_file = schema.in_file(old.file.schema());
    let columns = schema.schema.fields().iter().zip(&in_file).enumerate();
    let action = |(index, (field, in_file)): (usize, (&FieldRef, &Option<usize>))| {
        let fact = facts.iter().find(|(of, _)| *of == index).map(|(_, fact)| *fact);
        let is_stored = |in_file: &usize| old.file.file().stores_as(*in_file, field);
        let same = in_file.as_ref().map(is_stored).transpose()?.unwrap_or(false);
        Ok(match (in_file, fact) {
            (Some(in_file), _) if same => ColumnAction::Same(*in_file),
            (_, Some(fact)) => ColumnAction::Fact(fact),
            (Some(in_file), None) => ColumnAction::Cast(*in_file),
            (None, None) => ColumnAction::Null,
        })
    };
    columns.map(action).collect()
}

fn action(
    merge: &LongMerge,
    old: &LongFile,
    schema: &LongSchema,
    of_file: &[ColumnAction],
    group: usize,
) -> Result<RowGroupAction, StoreError> {
    let mut columns = of_file.to_vec();
    for (index, fact) in changed_facts(merge, old, schema, of_file, group)? {
        if let Some(column) = columns.get_mut(index) {
            *column = ColumnAction::Fact(fact);
        }
    }
    // Readers that know no dictionaries have the text of a row group in memory: more of it needs more row groups.
    let of_facts = columns.iter().filter_map(|column| match column {
        ColumnAction::Fact(fact) => Some(*fact),
        _ => None,
    });
    let text = of_facts.map(|fact| text_of(&fact_rows(merge, old, fact, group))).sum::<usize>();
    Ok(if text > LARGEST_TEXT / 2 { RowGroupAction::Rewrite } else { RowGroupAction::Keep(columns) })
}

fn text_of(rows: &[SessionRows]) -> usize {
    rows.iter().map(SessionRows::text_bytes).sum()
}

/// The facts of which the file has other values for a session of a row group, each with the index of its column.
fn changed_facts(
    merge: &LongMerge,
    old: &LongFile,
    schema: &LongSchema,
    of_file: &[ColumnAction],
    group: usize,
) -> Result<Vec<(usize, SessionFact)>, StoreError> {
    let facts = schema.facts().into_iter();
    let stored = facts.filter_map(|(index, fact)| match of_file.get(index) {
        Some(ColumnAction::Same(in_file)) => Some((index, fact, *in_file)),
        _ => None,
    });
    let stored: Vec<(usize, SessionFact, usize)> = stored.collect();
    let in_file: Vec<usize> = stored.iter().map(|(_, _, in_file)| *in_file).collect();
    let written = old.file.read_dictionaries_at(group, &in_file)?;
    let ranges = old.index.row_ranges_of(group);
    let is_changed = |column: &ArrayRef, fact: SessionFact| {
        ranges.chunk_by(|one, next| one.session == next.session).filter_map(<[RowRange]>::first).any(
            |range| {
                let session = old.index.sessions.get(range.session);
                session.is_some_and(|session| {
                    scalar_at(column, range.rows.start) != merge.facts.value(session, fact)
                })
            },
        )
    };
    let columns = written.columns().iter().zip(stored);
    let changed = columns.filter(|(column, (_, fact, _))| is_changed(column, *fact));
    Ok(changed.map(|(_, (index, fact, _))| (index, fact)).collect())
}

/// A fact in all rows of a row group, as a column by itself.
fn fact_rows(merge: &LongMerge, old: &LongFile, fact: SessionFact, group: usize) -> Vec<SessionRows> {
    let ranges = old.index.row_ranges_of(group).iter();
    let of_range = |range: &RowRange| {
        let session = old.index.sessions.get(range.session)?;
        let value = Column::Constant(merge.facts.value(session, fact));
        Some(SessionRows { rows: range.rows.len(), columns: vec![value] })
    };
    ranges.filter_map(of_range).collect()
}

/// Makes the columns of a row group that stays.
///
/// # Errors
/// A file that cannot be read; values that cannot be cast.
pub(super) fn kept_group(
    merge: &LongMerge,
    old: &LongFile,
    schema: &LongSchema,
    actions: &[ColumnAction],
    group: usize,
) -> Result<KeptGroup, StoreError> {
    let arrow = StoreError::arrow(old.file.path());
    let n_rows = old.index.n_rows_of(group);
    let cast = actions.iter().map(|action| match action {
        ColumnAction::Cast(in_file) => Some(*in_file),
        _ => None,
    });
    let read = old.file.read_optional_columns(group, &cast.collect::<Vec<_>>())?;
    let mut kept = KeptGroup { columns: Vec::with_capacity(actions.len()), rounded: Vec::new() };
    let columns = actions.iter().zip(schema.schema.fields()).zip(read).enumerate();
    for (index, ((action, field), read)) in columns {
        let data_type = field.data_type();
        let rows = match (action, read) {
            (ColumnAction::Same(in_file), _) => {
                kept.columns.push(KeptColumn::Same(*in_file));
                continue;
            }
            (ColumnAction::Fact(fact), _) => fact_rows(merge, old, *fact, group),
            (ColumnAction::Cast(_), Some(array)) => {
                vec![SessionRows { rows: n_rows, columns: vec![Column::Array(array)] }]
            }
            (ColumnAction::Cast(_) | ColumnAction::Null, _) => {
                kept.columns.push(KeptColumn::New(vec![new_null_array(data_type, n_rows)]));
                continue;
            }
        };
        if loses_digits(&rows, 0, data_type) {
            kept.rounded.push(index);
        }
        kept.columns.push(KeptColumn::New(column_parts(&rows, 0, data_type).map_err(&arrow)?));
    }
    Ok(kept)
}

/// Whether every column chunk of row groups stays as it is, whatever columns they get.
pub(super) fn all_stays(file: &LongFile, actions: &[RowGroupAction]) -> bool {
    let stays = |action: &RowGroupAction| match action {
        RowGroupAction::Keep(columns) => {
            let same = columns.iter().filter(|column| matches!(column, ColumnAction::Same(_)));
            same.count() == file.file.schema().fields().len()
        }
        RowGroupAction::Rewrite => false,
    };
    actions.iter().all(stays)
}

/// The column chunks of a table's file that stay where they are. `None` if its file is better written anew.
pub(super) fn kept_chunks(old: &LongFile, actions: &[RowGroupAction]) -> Option<KeptChunks> {
    let mut lost = 0;
    let mut stays = Vec::with_capacity(actions.len());
    for (group, action) in old.file.row_groups().iter().zip(actions) {
        let columns = match action {
            RowGroupAction::Keep(columns) => columns.as_slice(),
            RowGroupAction::Rewrite => &[],
        };
        // If the first column moves, the end of the file may have to move with it.
        if columns.first().is_some_and(|first| *first != ColumnAction::Same(0)) {
            lost = lost.max(group.columns().iter().map(|column| column.byte_range().1).sum::<u64>() / 2);
        }
        let same = columns.iter().filter_map(|action| match action {
            ColumnAction::Same(in_file) => Some(*in_file),
            _ => None,
        });
        stays.push(same.collect());
    }
    KeptChunks::of(old.file.file(), &stays, lost)
}
