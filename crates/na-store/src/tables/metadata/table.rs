//! The table of `metadata.parquet`: merges a session list with what the store knows, reads and writes.

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, DataType, Schema, SchemaRef};
use foldhash::{HashMap, HashSet};
use na_model::columns::{AGE, KEY_COLUMNS};
use na_model::{Compression, Listing, Number, Session};

use crate::error::StoreError;
use crate::format::arrays::as_type;
use crate::format::file_changes::FileChanges;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::format::parquet_writer::ParquetWriter;
use crate::tables::distinct_names::{Wanted, distinct_names};
use crate::tables::key_columns::{by_subject_and_session, key_fields, key_scalars, sessions_of};
use crate::tables::metadata::cell_types::{to_text, type_of, typed_value};
use crate::tables::metadata::column::{MetadataColumn, known_type};
use crate::tables::metadata::listed_cells::{CellsBySession, ListedCells};
use crate::tables::metadata::pandas_columns::metadata_indices;
use crate::tables::paths::METADATA_FILE;
use crate::tables::scalar::{Scalar, scalar_at};
use crate::tables::session_rows::{Column, SessionRows, column, is_no_double, row_groups_of};

/// The sessions of the store in the session list's order, then those that it no longer has.
#[derive(Debug, Default)]
pub(crate) struct MetadataTable {
    pub(crate) columns: Vec<MetadataColumn>,
    pub(crate) sessions: Vec<Session>,
    /// A value for each column.
    pub(super) values: HashMap<Session, Vec<Scalar>>,
    /// For the user.
    pub(crate) notes: Vec<String>,
}

impl MetadataTable {
    /// Merges a session list with what the store knows. A list without columns (sessions that were discovered) changes nothing
    /// that is known.
    pub(crate) fn merge(mut old: Self, listing: &Listing, in_store: &HashSet<Session>) -> Self {
        let mut notes = old.leave_out(&listing.left_out);
        let ListedCells { names, sessions: listed, mut cells } = ListedCells::of(listing, in_store);
        let mut names = if listing.columns.is_empty() { old.own_names() } else { names };
        let sessions = in_list_order_then_as_before(listed, &old.sessions, in_store);
        notes.extend(old.cleared(&names, cells.keys()));
        let ages_have_unknown_unit = old.ages_have_unknown_unit(listing, &names, &sessions, &cells);
        names.extend(old.names_that_stay(&names, &sessions, &cells));
        for session in &sessions {
            if !cells.contains_key(session) {
                let cell = |name: &String| old.value(session, name).and_then(to_text);
                cells.insert(session.clone(), names.iter().map(cell).collect());
            }
        }
        let mut columns = old.named(names, &mut notes);
        for column in columns.iter_mut().filter(|column| column.own_name == AGE) {
            column.has_unknown_unit = ages_have_unknown_unit;
        }
        let mut merged = Self::typed(columns, sessions, &cells, &mut notes);
        merged.notes = notes;
        merged
    }

    fn own_names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.own_name.clone()).collect()
    }

    /// Whether nobody knows the unit of an age once these cells are in. Ages of two lists stand in one column: its unit is known
    /// if that of each is.
    fn ages_have_unknown_unit(
        &self,
        listing: &Listing,
        names: &[String],
        sessions: &[Session],
        cells: &CellsBySession,
    ) -> bool {
        let tells_ages = !cells.is_empty() && names.iter().any(|name| name == AGE);
        let keeps_age = |session: &Session| !cells.contains_key(session) && self.has_value(session, AGE);
        let keeps_ages = !tells_ages || sessions.iter().any(keeps_age);
        tells_ages && listing.unknown_age_unit || keeps_ages && !self.ages_are_in_years()
    }

    /// Columns that a list with these names does not have, and in which sessions without listed cells have values.
    fn names_that_stay(&self, names: &[String], sessions: &[Session], cells: &CellsBySession) -> Vec<String> {
        let stays = |name: &str| {
            let mut others = sessions.iter().filter(|session| !cells.contains_key(session));
            others.any(|session| self.has_value(session, name))
        };
        self.own_names().into_iter().filter(|name| !names.contains(name) && stays(name)).collect()
    }

    /// Notes for sessions that lose values in columns which their list no longer has.
    fn cleared<'s>(
        &self,
        names: &[String],
        listed: impl Iterator<Item = &'s Session> + Clone,
    ) -> Vec<String> {
        let mut notes = Vec::new();
        for name in self.own_names().into_iter().filter(|name| !names.contains(name)) {
            let n = listed.clone().filter(|session| self.has_value(session, &name)).count();
            if n > 0 {
                notes.push(format!(
                    "the session list no longer has the column {name}: {n} of its sessions lose what they had there"
                ));
            }
        }
        notes
    }

    /// Removes columns, and notes which.
    fn leave_out(&mut self, names: &[String]) -> Vec<String> {
        let stays =
            |column: &MetadataColumn| !names.contains(&column.own_name) && !names.contains(&column.name);
        let stay: Vec<bool> = self.columns.iter().map(stays).collect();
        for values in self.values.values_mut() {
            let mut stay = stay.iter();
            values.retain(|_| stay.next() == Some(&true));
        }
        let (stay, go): (Vec<_>, Vec<_>) = std::mem::take(&mut self.columns).into_iter().partition(stays);
        self.columns = stay;
        let note = |column: MetadataColumn| {
            format!(
                "the column {} leaves the store: it is not chosen, or looks as if it told who somebody is; --keep-column {} \
                 keeps it",
                column.name, column.own_name
            )
        };
        go.into_iter().map(note).collect()
    }

    /// The columns with these names at their list, with their types so far: [`DataType::Null`] for those without a value.
    fn named(&self, own_names: Vec<String>, notes: &mut Vec<String>) -> Vec<MetadataColumn> {
        let columns = || self.columns.iter().enumerate();
        let so_far = |name: &String| columns().find(|(_, column)| column.own_name == *name);
        let keys = KEY_COLUMNS.map(|name| Wanted { name, is_fixed: true, so_far: None });
        let wanted = own_names.iter().map(|name| Wanted {
            name,
            is_fixed: name == AGE,
            so_far: so_far(name).map(|(_, column)| column.name.as_str()),
        });
        let wanted: Vec<Wanted<'_>> = keys.into_iter().chain(wanted).collect();
        let names = distinct_names(&wanted).into_iter().skip(keys.len());
        let mut columns = Vec::with_capacity(own_names.len());
        for (name, own_name) in names.zip(&own_names) {
            if name != *own_name {
                notes.push(format!(
                    "the session list's column {own_name} is called {name} in the store: some programs take {own_name} \
                     and another of its columns for one"
                ));
            }
            let known = so_far(own_name).filter(|(index, _)| {
                self.values
                    .values()
                    .any(|values| values.get(*index).is_some_and(|value| *value != Scalar::Null))
            });
            let data_type = known.map_or(DataType::Null, |(_, column)| column.data_type.clone());
            let own_name = own_name.clone();
            columns.push(MetadataColumn { name, own_name, data_type, has_unknown_unit: false });
        }
        columns
    }

    /// The table of these cells. Columns come with their types so far, which never narrow.
    fn typed(
        mut columns: Vec<MetadataColumn>,
        sessions: Vec<Session>,
        cells: &CellsBySession,
        notes: &mut Vec<String>,
    ) -> Self {
        for (index, column) in columns.iter_mut().enumerate() {
            let of_column =
                || sessions.iter().filter_map(|session| cells.get(session)?.get(index)?.as_deref());
            column.data_type = match column.name.as_str() {
                AGE => DataType::Float64,
                _ => type_of(&column.data_type, of_column()),
            };
            let is_rounded =
                |cell| matches!(Number::parse(cell), Some(Number::Integer(value)) if is_no_double(value));
            if column.data_type == DataType::Float64 && of_column().any(is_rounded) {
                notes.push(format!(
                    "the session list's column {} has whole numbers of more digits than a double holds, and a number \
                     that is not whole: its last digits are lost; write it as text to keep them (with a letter)",
                    column.own_name
                ));
            }
        }
        let values = sessions.iter().map(|session| {
            let cells = cells.get(session).map_or(&[][..], Vec::as_slice);
            (session.clone(), typed_values(&columns, cells))
        });
        let values = values.collect();
        // A column without a value is one of text.
        for column in columns.iter_mut().filter(|column| column.data_type == DataType::Null) {
            column.data_type = DataType::Utf8;
        }
        Self { columns, sessions, values, notes: Vec::new() }
    }

    /// The values of a session, one a column; nulls for a session that no list had.
    pub(crate) fn values(&self, session: &Session) -> Vec<Scalar> {
        self.values.get(session).cloned().unwrap_or_else(|| vec![Scalar::Null; self.columns.len()])
    }

    /// The value of a session in one column.
    pub(crate) fn cell(&self, session: &Session, column: usize) -> Scalar {
        let values = self.values.get(session);
        values.and_then(|values| values.get(column)).cloned().unwrap_or(Scalar::Null)
    }

    /// All columns and values, for comparison.
    pub(crate) fn state(&self) -> (Vec<MetadataColumn>, Vec<(Session, Vec<Scalar>)>) {
        let rows = self.sessions.iter().map(|session| (session.clone(), self.values(session)));
        (self.columns.clone(), rows.collect())
    }

    fn value(&self, session: &Session, own_name: &str) -> Option<&Scalar> {
        let index = self.columns.iter().position(|column| column.own_name == own_name)?;
        self.values.get(session)?.get(index)
    }

    fn has_value(&self, session: &Session, own_name: &str) -> bool {
        self.value(session, own_name).is_some_and(|value| *value != Scalar::Null)
    }

    /// Whether ages are in years. A list may give them in a unit that nobody knows.
    pub(crate) fn ages_are_in_years(&self) -> bool {
        !self.columns.iter().any(|column| column.has_unknown_unit)
    }

    /// The youngest and the oldest age. `None` if no session has one.
    pub(crate) fn age_range(&self) -> Option<(f64, f64)> {
        let ages = self.sessions.iter().filter_map(|session| match self.value(session, AGE)? {
            Scalar::Double(age) => Some(*age),
            _ => None,
        });
        ages.fold(None, |range: Option<(f64, f64)>, age| {
            Some(range.map_or((age, age), |(youngest, oldest)| (youngest.min(age), oldest.max(age))))
        })
    }

    pub(crate) fn read(output: &Path) -> Result<Self, StoreError> {
        let mut table = Self::default();
        let Some(file) = ParquetReader::open(&output.join(METADATA_FILE))? else { return Ok(table) };
        let indices = metadata_indices(&file);
        let arrow = StoreError::arrow(file.path());
        let known = file.schema().project(&indices).map_err(&arrow)?;
        table.columns = known.fields().iter().map(|field| MetadataColumn::of(field)).collect();
        for row_group in 0..file.row_groups().len() {
            let batch = file.read_all(row_group)?;
            let columns = batch.project(&indices).map_err(&arrow)?;
            let columns = columns.columns().iter();
            let columns = columns.map(|column| as_type(column, &known_type(column.data_type())));
            let columns = columns.collect::<Result<Vec<_>, _>>().map_err(&arrow)?;
            for (row, session) in sessions_of(&batch, file.path())?.into_iter().enumerate() {
                let values = columns.iter().map(|column| scalar_at(column, row));
                table.values.insert(session.clone(), values.collect());
                table.sessions.push(session);
            }
        }
        Ok(table)
    }

    pub(crate) fn write(
        &self,
        output: &Path,
        changes: &FileChanges,
        compression: Compression,
    ) -> Result<(), StoreError> {
        let path = output.join(METADATA_FILE);
        let key_values = keys::of_writing();
        let mut writer = ParquetWriter::create(&path, changes, &self.schema(), compression, &key_values)?;
        for rows in row_groups_of(&self.rows(), |row| (row.rows, row.text_bytes())) {
            writer.write_batch(&self.batch_of(rows).map_err(StoreError::arrow(&path))?)?;
        }
        writer.commit()
    }

    /// The table, a row a session, in the order of `sessions`.
    pub(crate) fn batch(&self) -> Result<RecordBatch, ArrowError> {
        self.batch_of(&self.rows())
    }

    fn batch_of(&self, rows: &[SessionRows]) -> Result<RecordBatch, ArrowError> {
        let schema = self.schema();
        let columns =
            schema.fields().iter().enumerate().map(|(index, field)| column(rows, index, field.data_type()));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(schema, columns)
    }

    fn rows(&self) -> Vec<SessionRows> {
        let row = |session: &Session| {
            let columns = key_scalars(session).into_iter().chain(self.values(session)).map(Column::Constant);
            SessionRows { rows: 1, columns: columns.collect() }
        };
        self.sessions.iter().map(row).collect()
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        let fields = key_fields().into_iter().chain(self.columns.iter().map(MetadataColumn::field));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }
}

/// The order of the file's rows: sessions as the list has them, then the store's others as the file had them, then new ones by
/// subject and session.
fn in_list_order_then_as_before(
    mut listed: Vec<Session>,
    before: &[Session],
    in_store: &HashSet<Session>,
) -> Vec<Session> {
    let seen: HashSet<&Session> = listed.iter().collect();
    let index_before: HashMap<&Session, usize> = before.iter().zip(0..).collect();
    let mut others: Vec<Session> =
        in_store.iter().filter(|session| !seen.contains(session)).cloned().collect();
    others.sort_by(|first, second| {
        let index = |session| index_before.get(session).copied().unwrap_or(usize::MAX);
        index(first).cmp(&index(second)).then_with(|| by_subject_and_session(first, second))
    });
    listed.append(&mut others);
    listed
}

/// The values of a session's cells, one a column; null for a column without a cell.
fn typed_values(columns: &[MetadataColumn], cells: &[Option<String>]) -> Vec<Scalar> {
    let cells = cells.iter().map(Option::as_deref).chain(std::iter::repeat(None));
    let value = |(column, cell): (&MetadataColumn, Option<&str>)| {
        cell.map_or(Scalar::Null, |cell| typed_value(cell, &column.data_type))
    };
    columns.iter().zip(cells).map(value).collect()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
