//! What the session list says of the sessions in the store: `metadata.parquet`.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::error::ArrowError;
use na_model::columns::{AGE, KEY_COLUMNS};
use na_model::{Compression, Listing, Number, Session};

use crate::error::StoreError;
use crate::format::arrays::as_type;
use crate::format::column_origin::own_name;
use crate::format::fields::unit_of;
use crate::format::file_changes::FileChanges;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::format::parquet_writer::ParquetWriter;
use crate::tables::distinct_names::{Wanted, distinct_names};
use crate::tables::key_columns::{key_fields, key_scalars, sessions_of};
use crate::tables::metadata::cell_types::{to_text, type_of, typed_value};
use crate::tables::metadata::column::{MetadataColumn, UNKNOWN_UNIT, known_type};
use crate::tables::metadata::pandas_columns::metadata_indices;
use crate::tables::paths::METADATA_FILE;
use crate::tables::scalar::{Scalar, scalar_at};
use crate::tables::session_rows::{Column, SessionRows, column, is_no_double, row_groups_of};

/// The sessions of the store in the session list's order, then those it no longer has.
#[derive(Debug, Default)]
pub(crate) struct MetadataTable {
    pub(crate) columns: Vec<MetadataColumn>,
    pub(crate) sessions: Vec<Session>,
    pub(super) values: HashMap<Session, Vec<Scalar>>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

/// What a list says of a session, a cell a column.
type Words = HashMap<Session, Vec<Option<String>>>;

impl MetadataTable {
    /// Brings a session list together with what the store knew. A list without columns (sessions that were discovered)
    /// changes nothing that is known.
    pub(crate) fn merge(mut old: Self, listing: &Listing, in_store: &HashSet<Session>) -> Self {
        let mut notes = old.leave_out(&listing.left_out);
        let mut words = Words::new();
        let mut sessions = Vec::with_capacity(in_store.len());
        let keeps_old = listing.columns.is_empty();
        let listed = listing.columns.iter().enumerate();
        let (places, names): (Vec<usize>, Vec<String>) = listed
            .filter(|(_, name)| !listing.left_out.contains(name))
            .map(|(place, name)| (place, name.clone()))
            .unzip();
        let names = if keeps_old {
            old.columns.iter().map(|column| column.own_name.clone()).collect()
        } else {
            names
        };
        let names_ages = names.iter().any(|name| name == AGE) && !keeps_old;
        let mut seen = HashSet::new();
        for row in listing.rows.iter().filter(|row| in_store.contains(&row.session)) {
            if seen.insert(&row.session) {
                sessions.push(row.session.clone());
                if !keeps_old {
                    let cells = places.iter().map(|place| row.values.get(*place).cloned().flatten());
                    words.insert(row.session.clone(), cells.collect());
                }
            }
        }
        let mut left: Vec<&Session> = in_store.iter().filter(|session| !seen.contains(session)).collect();
        let earlier: HashMap<&Session, usize> =
            old.sessions.iter().enumerate().map(|(place, session)| (session, place)).collect();
        left.sort_by_key(|session| (earlier.get(session).copied().unwrap_or(usize::MAX), (*session).clone()));
        sessions.extend(left.into_iter().cloned());
        notes.extend(old.cleared(&names, words.keys()));
        let tells_ages = names_ages && !words.is_empty();
        let keeps_ages = !tells_ages
            || sessions.iter().any(|session| !words.contains_key(session) && old.has_age(session));
        // Columns in which only sessions of earlier lists have values stay, with theirs.
        let mut all_names = names;
        let stays = |session: &Session, name: &str| {
            !words.contains_key(session)
                && old.value(session, name).is_some_and(|value| *value != Scalar::Null)
        };
        for name in old.columns.iter().map(|column| &column.own_name) {
            if !all_names.contains(name) && sessions.iter().any(|session| stays(session, name)) {
                all_names.push(name.clone());
            }
        }
        for session in &sessions {
            if words.contains_key(session) {
                continue;
            }
            let cell = |name: &String| old.value(session, name).and_then(to_text);
            words.insert(session.clone(), all_names.iter().map(cell).collect());
        }
        let mut columns = old.named(all_names, &mut notes);
        // Ages of two lists stand in one column: its unit is known where that of each is.
        let was_unknown = !old.ages_are_in_years();
        for column in columns.iter_mut().filter(|column| column.own_name == AGE) {
            column.has_unknown_unit = tells_ages && listing.unknown_age_unit || keeps_ages && was_unknown;
        }
        let mut merged = Self::typed(columns, sessions, &words, &mut notes);
        merged.notes = notes;
        merged
    }

    /// That sessions lose what they had in columns which their list no longer has.
    fn cleared<'s>(
        &self,
        names: &[String],
        listed: impl Iterator<Item = &'s Session> + Clone,
    ) -> Vec<String> {
        let gone = self.columns.iter().filter(|column| !names.contains(&column.own_name));
        let told = gone.filter_map(|column| {
            let had = |session: &&Session| {
                self.value(session, &column.own_name).is_some_and(|value| *value != Scalar::Null)
            };
            let n = listed.clone().filter(had).count();
            (n > 0).then(|| {
                format!(
                    "the session list no longer has the column {}: {n} of its sessions lose what they had there",
                    column.own_name
                )
            })
        });
        told.collect()
    }

    /// Takes columns out, and says which.
    fn leave_out(&mut self, names: &[String]) -> Vec<String> {
        let stays =
            |column: &MetadataColumn| !names.contains(&column.own_name) && !names.contains(&column.name);
        let (stay, go): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.columns).into_iter().enumerate().partition(|(_, column)| stays(column));
        if !go.is_empty() {
            for values in self.values.values_mut() {
                let kept = stay.iter().map(|(place, _)| values.get(*place).cloned().unwrap_or(Scalar::Null));
                *values = kept.collect();
            }
        }
        self.columns = stay.into_iter().map(|(_, column)| column).collect();
        let note = |(_, column): (usize, MetadataColumn)| {
            format!(
                "the column {} leaves the store: it is not chosen, or looks as if it told who somebody is; --keep-column {} \
                 keeps it",
                column.name, column.own_name
            )
        };
        go.into_iter().map(note).collect()
    }

    /// The columns of these names, with the types that they had so far: none for those without a value.
    fn named(&self, own_names: Vec<String>, notes: &mut Vec<String>) -> Vec<MetadataColumn> {
        let so_far = |own_name: &str| self.columns.iter().position(|column| column.own_name == own_name);
        let known: Vec<Option<(usize, &MetadataColumn)>> = own_names
            .iter()
            .map(|name| so_far(name).and_then(|place| Some((place, self.columns.get(place)?))))
            .collect();
        let sessions = KEY_COLUMNS.map(|name| Wanted { name, is_fixed: true, so_far: None });
        let wanted = own_names.iter().zip(&known).map(|(name, known)| Wanted {
            name,
            is_fixed: name == AGE,
            so_far: known.map(|(_, column)| column.name.as_str()),
        });
        let wanted: Vec<Wanted<'_>> = sessions.into_iter().chain(wanted).collect();
        let names = distinct_names(&wanted).into_iter().skip(sessions.len());
        let has_values = |place: usize| {
            self.values.values().any(|values| values.get(place).is_some_and(|value| *value != Scalar::Null))
        };
        let columns = names.zip(own_names.iter().zip(known)).map(|(name, (own_name, known))| {
            if name != *own_name {
                notes.push(format!(
                    "the session list's column {own_name} is called {name} in the store: some programs take {own_name} \
                     and another of its columns for one"
                ));
            }
            let data_type = match known {
                Some((place, column)) if has_values(place) => column.data_type.clone(),
                _ => DataType::Null,
            };
            MetadataColumn { name, own_name: own_name.clone(), data_type, has_unknown_unit: false }
        });
        columns.collect()
    }

    /// The table of these words; the columns come with the types that they had so far, and never narrow.
    fn typed(
        mut columns: Vec<MetadataColumn>,
        sessions: Vec<Session>,
        words: &Words,
        notes: &mut Vec<String>,
    ) -> Self {
        for (place, column) in columns.iter_mut().enumerate() {
            let cells = || sessions.iter().filter_map(|session| words.get(session)?.get(place)?.as_deref());
            column.data_type = match column.name.as_str() {
                AGE => DataType::Float64,
                _ => type_of(&column.data_type, cells()),
            };
            let is_rounded =
                |cell| matches!(Number::parse(cell), Some(Number::Integer(value)) if is_no_double(value));
            if column.data_type == DataType::Float64 && cells().any(is_rounded) {
                notes.push(format!(
                    "the session list's column {} has whole numbers of more digits than a double holds, and a number \
                     that is not whole: its last digits are lost; write it as text to keep them (with a letter)",
                    column.own_name
                ));
            }
        }
        let values = sessions.iter().map(|session| {
            let cells = words.get(session);
            let value = |(place, column): (usize, &MetadataColumn)| {
                let cell = cells.and_then(|cells| cells.get(place)?.as_deref());
                cell.map_or(Scalar::Null, |cell| typed_value(cell, &column.data_type))
            };
            (session.clone(), columns.iter().enumerate().map(value).collect())
        });
        let values = values.collect();
        // A column without a value is one of text.
        for column in columns.iter_mut().filter(|column| column.data_type == DataType::Null) {
            column.data_type = DataType::Utf8;
        }
        Self { columns, sessions, values, notes: Vec::new() }
    }

    /// The metadata of a session, a value a column; nulls for one that no list had.
    pub(crate) fn values(&self, session: &Session) -> Vec<Scalar> {
        self.values.get(session).cloned().unwrap_or_else(|| vec![Scalar::Null; self.columns.len()])
    }

    /// What it says of a session in one column.
    pub(crate) fn cell(&self, session: &Session, column: usize) -> Scalar {
        let values = self.values.get(session);
        values.and_then(|values| values.get(column)).cloned().unwrap_or(Scalar::Null)
    }

    /// All it says, in a form that can be compared.
    pub(crate) fn state(&self) -> (Vec<MetadataColumn>, Vec<(Session, Vec<Scalar>)>) {
        let rows = self.sessions.iter().map(|session| (session.clone(), self.values(session)));
        (self.columns.clone(), rows.collect())
    }

    fn value(&self, session: &Session, own_name: &str) -> Option<&Scalar> {
        let place = self.columns.iter().position(|column| column.own_name == own_name)?;
        self.values.get(session)?.get(place)
    }

    fn has_age(&self, session: &Session) -> bool {
        self.value(session, AGE).is_some_and(|age| *age != Scalar::Null)
    }

    /// Whether ages are in years: a list may count them in a unit that nobody knows.
    pub(crate) fn ages_are_in_years(&self) -> bool {
        !self.columns.iter().any(|column| column.has_unknown_unit)
    }

    /// The youngest and the oldest age.
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
        let places = metadata_indices(&file);
        let fields = places.iter().filter_map(|place| file.schema().fields().get(*place));
        table.columns = fields
            .map(|field| MetadataColumn {
                name: field.name().clone(),
                own_name: own_name(field).to_owned(),
                data_type: known_type(field.data_type()),
                has_unknown_unit: unit_of(field) == Some(UNKNOWN_UNIT),
            })
            .collect();
        for row_group in 0..file.row_groups().len() {
            let batch = file.read_all(row_group)?;
            let columns = places.iter().filter_map(|place| batch.columns().get(*place));
            let columns = columns.map(|column| as_type(column, &known_type(column.data_type())));
            let columns = columns.collect::<Result<Vec<_>, _>>().map_err(StoreError::arrow(file.path()))?;
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
        let place = output.join(METADATA_FILE);
        let notes = [(keys::CREATED_AT, keys::now()), (keys::VERSION, keys::PROGRAM_VERSION.to_owned())];
        let mut writer = ParquetWriter::create(&place, changes, &self.schema(), compression, &notes)?;
        for pieces in row_groups_of(&self.pieces(), |piece| (piece.rows, piece.text_bytes())) {
            writer.write_batch(&self.batch_of(pieces).map_err(StoreError::arrow(&place))?)?;
        }
        writer.commit()
    }

    /// The table, a row a session.
    pub(crate) fn batch(&self) -> Result<RecordBatch, ArrowError> {
        self.batch_of(&self.pieces())
    }

    fn batch_of(&self, pieces: &[SessionRows]) -> Result<RecordBatch, ArrowError> {
        let schema = self.schema();
        let columns =
            schema.fields().iter().enumerate().map(|(c, field)| column(pieces, c, field.data_type()));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(schema, columns)
    }

    fn pieces(&self) -> Vec<SessionRows> {
        let piece = |session: &Session| {
            let columns = key_scalars(session).into_iter().chain(self.values(session)).map(Column::Constant);
            SessionRows { rows: 1, columns: columns.collect() }
        };
        self.sessions.iter().map(piece).collect()
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        let fields = key_fields().into_iter().chain(self.columns.iter().map(MetadataColumn::field));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
