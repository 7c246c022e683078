//! Inserts sessions into the file of a feature: rows of sessions without a change are not decoded.

use std::iter::Peekable;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, SchemaRef};
use foldhash::{HashMap, HashSet};
use na_model::{MapSource, Session};
use parquet::arrow::{ARROW_SCHEMA_META_KEY, encode_arrow_schema};
use parquet::file::metadata::RowGroupMetaData;

use crate::error::StoreError;
use crate::export::destination::Destination;
use crate::export::metric_values::JoinedGroups;
use crate::format::column_splice::{NewColumn, SplicedRows};
use crate::format::kept_chunks::KeptChunks;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_file::ParquetFile;
use crate::format::parquet_reader::ParquetReader;
use crate::format::parquet_writer::{KeptColumn, ParquetWriter};
use crate::merge::long_merge::LongMerge;
use crate::merge::pivot::{MapPivot, RowPicks};
use crate::tables::key_columns::{key_arrays, key_fields, sessions_of};

/// The sessions of a table that differ from those of its file before.
pub(crate) struct ChangedSessions<'a> {
    /// The state of that file.
    pub(crate) from_state: &'a str,
    pub(crate) sessions: HashSet<&'a Session>,
}

impl<'a> ChangedSessions<'a> {
    /// `None` if the table has no file with a state of its own.
    pub(crate) fn of(merge: &'a LongMerge) -> Option<Self> {
        let old = merge.old().filter(|old| old.file.file().has_hashes())?;
        let from_state = old.file.key_value(keys::STATE).filter(|state| !state.is_empty())?;
        let units = merge.units.iter().map(|unit| &unit.unit.session);
        Some(Self { from_state, sessions: units.chain(merge.replaced.sessions()).collect() })
    }

    /// Whether a file of the table has the state from before the changes.
    pub(crate) fn is_of_state_of(&self, table: &ParquetReader) -> bool {
        table.key_value(keys::STATE) == Some(self.from_state)
    }
}

/// The rows of the changed sessions in a table's file, by map. They are the same for all metrics.
pub(super) struct ChangedRows<'a> {
    pub(super) changed: &'a ChangedSessions<'a>,
    pub(super) groups: JoinedGroups,
    pub(super) picks: HashMap<Option<MapSource>, RowPicks>,
}

impl<'a> ChangedRows<'a> {
    /// Picks them out of the rows of each map.
    ///
    /// # Errors
    /// An index that contradicts itself.
    pub(super) fn of(
        changed: &'a ChangedSessions<'a>,
        groups: JoinedGroups,
        file: &ParquetReader,
        pivots: &[MapPivot],
    ) -> Result<Self, StoreError> {
        let pick = |pivot: &MapPivot| {
            let picks = pivot.pick_rows(|session| changed.sessions.contains(session), &groups.starts)?;
            Ok((pivot.map.clone(), picks))
        };
        let picks = pivots.iter().map(pick).collect::<Result<_, ArrowError>>();
        Ok(Self { picks: picks.map_err(StoreError::arrow(file.path()))?, groups, changed })
    }
}

/// The file of a feature, with the rows that are inserted and taken out.
pub(crate) struct FeatureSplice {
    old: ParquetFile,
    groups: Vec<SplicedGroup>,
}

/// A row group after the splice.
struct SplicedGroup {
    rows: Vec<SplicedRows>,
    sessions: Vec<Session>,
}

/// The sessions of a row group above which a feature is made anew, in row groups of fewer.
const MOST_SESSIONS: usize = 5120;

impl FeatureSplice {
    /// Plans the splice of a feature's file, which was made from the table as it was before, into one with these columns. `new` has
    /// the changed sessions that have rows now, in order. `None` if the file is better made anew.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn plan(
        old: ParquetFile,
        schema: &SchemaRef,
        changed: &ChangedSessions<'_>,
        new: &[Session],
    ) -> Result<Option<Self>, StoreError> {
        let is_of_schema = old.key_value(ARROW_SCHEMA_META_KEY) == Some(encode_arrow_schema(schema).as_str());
        if !is_of_schema || !old.has_hashes() || !old.has_short_columns(schema.fields()) {
            return Ok(None);
        }
        let n_new = new.len();
        let mut new = new.iter().enumerate().peekable();
        let n_groups = old.row_groups().len();
        let mut groups = Vec::with_capacity(n_groups);
        for group in 0..n_groups {
            let sessions = old_sessions(&old, group)?;
            let last = sessions.last().filter(|_| group + 1 < n_groups);
            groups.push(SplicedGroup::of(&sessions, changed, &mut new, last));
        }
        let is_in_order =
            groups.iter().flat_map(|group| &group.sessions).is_sorted_by(|one, next| one < next);
        let is_small = |group: &SplicedGroup| group.sessions.len() <= MOST_SESSIONS;
        let is_whole = is_in_order && new.next().is_none() && groups.iter().all(is_small);
        let n_sessions: usize = groups.iter().map(|group| group.sessions.len()).sum();
        // Many files are planned before the first is written.
        Ok((is_whole && 2 * n_new <= n_sessions).then(|| Self { old: old.closed(), groups }))
    }

    /// Writes the new file, all but the commit. `picks` are the rows of the changed sessions among `values`.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub(crate) fn write<'f>(
        &self,
        to: Destination<'f>,
        (schema, key_values): (&SchemaRef, &[(&str, String)]),
        picks: &RowPicks,
        values: &ArrayRef,
    ) -> Result<ParquetWriter<'f>, StoreError> {
        let old = self.old.opened()?;
        let mut writer = self.begin(&old, to, schema, key_values)?;
        let rows = picks.rows_for(values);
        let missing = || StoreError::damaged(old.path(), "a column is missing");
        for (index, (group, spliced)) in old.row_groups().iter().zip(&self.groups).enumerate() {
            if spliced.sessions.is_empty() {
                continue;
            }
            if spliced.is_same(group) {
                let columns: Vec<KeptColumn> = (0..group.num_columns()).map(KeptColumn::Same).collect();
                writer.keep_group(&old, index, &columns)?;
                continue;
            }
            let keys = key_arrays(spliced.sessions.iter());
            writer.splice_group(&old, index, &spliced.rows, |column| {
                match column.checked_sub(keys.len()) {
                    None => keys.get(column).cloned().map(NewColumn::Whole).ok_or_else(missing),
                    Some(region) => picks
                        .region(values, &rows, region)
                        .map(NewColumn::Inserted)
                        .map_err(StoreError::arrow(old.path())),
                }
            })?;
        }
        Ok(writer)
    }

    fn begin<'f>(
        &self,
        old: &ParquetFile,
        to: Destination<'f>,
        schema: &SchemaRef,
        key_values: &[(&str, String)],
    ) -> Result<ParquetWriter<'f>, StoreError> {
        let stays = old.row_groups().iter().zip(&self.groups);
        let stays = stays.map(|(group, spliced)| match spliced.is_same(group) {
            true => (0..group.num_columns()).collect(),
            false => Vec::new(),
        });
        let compression = to.settings.compression;
        let kept = KeptChunks::of(old, &stays.collect::<Vec<_>>(), 0).map(|kept| (old, kept));
        ParquetWriter::create_from(kept, old.path(), to.changes, schema, compression, key_values)
    }
}

impl SplicedGroup {
    /// A row group of these sessions without those that changed, and with the next new ones, up to `last`.
    fn of<'n>(
        sessions: &[Session],
        changed: &ChangedSessions<'_>,
        new: &mut Peekable<impl Iterator<Item = (usize, &'n Session)>>,
        last: Option<&Session>,
    ) -> Self {
        let mut group = Self { rows: Vec::new(), sessions: Vec::with_capacity(sessions.len()) };
        for (row, session) in sessions.iter().enumerate() {
            while let Some((index, next)) = new.next_if(|(_, next)| *next < session) {
                group.add(next, SplicedRows::New(index..index + 1));
            }
            if !changed.sessions.contains(session) {
                group.add(session, SplicedRows::Old(row..row + 1));
            }
        }
        while let Some((index, next)) = new.next_if(|(_, next)| last.is_none_or(|last| *next <= last)) {
            group.add(next, SplicedRows::New(index..index + 1));
        }
        group
    }

    fn add(&mut self, session: &Session, row: SplicedRows) {
        self.sessions.push(session.clone());
        match (self.rows.last_mut(), &row) {
            (Some(SplicedRows::Old(last)), SplicedRows::Old(next))
            | (Some(SplicedRows::New(last)), SplicedRows::New(next))
                if last.end == next.start =>
            {
                last.end = next.end;
            }
            _ => self.rows.push(row),
        }
    }

    /// Whether all rows of a row group stay, and none is new.
    fn is_same(&self, group: &RowGroupMetaData) -> bool {
        let all = usize::try_from(group.num_rows()).map(|rows| SplicedRows::Old(0..rows));
        all.is_ok_and(|all| self.rows == [all])
    }
}

/// The sessions of a row group.
fn old_sessions(old: &ParquetFile, group: usize) -> Result<Vec<Session>, StoreError> {
    let keys = key_fields().into_iter().enumerate();
    let keys = keys.map(|(index, field)| {
        Ok((field.name().clone(), old.read_short_column(group, index, field.data_type())?, true))
    });
    let keys = keys.collect::<Result<Vec<_>, StoreError>>()?;
    let batch = RecordBatch::try_from_iter_with_nullable(keys).map_err(StoreError::arrow(old.path()))?;
    sessions_of(&batch, old.path())
}
