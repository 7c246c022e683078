//! What the session list says of the sessions in the store: `metadata.parquet`.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use na_model::{AGE_COLUMN, Compression, Listing, Session};

use crate::durable::Folders;
use crate::error::StoreError;
use crate::layout::METADATA_FILE;
use crate::long::pieces::{Cells, Piece, Value, as_type, column};
use crate::notes;
use crate::session_columns::{SESSION, SUBJECT, session_cells, session_fields, sessions_of};
use crate::table_file::{TableFile, TableWriter, double_field};

/// A column of the session list with the type that all its values have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MetadataColumn {
    pub(crate) name: String,
    data_type: DataType,
}

impl MetadataColumn {
    pub(crate) fn field(&self) -> Field {
        match self.name.as_str() {
            AGE_COLUMN => double_field(AGE_COLUMN, Some("years")),
            name => Field::new(name, self.data_type.clone(), true),
        }
    }

    #[cfg(test)]
    pub(crate) fn for_test(name: &str) -> Self {
        Self { name: name.to_owned(), data_type: DataType::Float64 }
    }
}

/// The sessions of the store in the session list's order, then those it no longer has.
#[derive(Debug, Default)]
pub(crate) struct MetadataTable {
    pub(crate) columns: Vec<MetadataColumn>,
    pub(crate) sessions: Vec<Session>,
    values: HashMap<Session, Vec<Value>>,
}

impl MetadataTable {
    /// Brings a session list together with what the store knew. A list without columns (sessions that were discovered)
    /// changes nothing that is known.
    pub(crate) fn merge(old: Self, listing: &Listing, in_store: &HashSet<Session>) -> Self {
        let mut words: HashMap<Session, Vec<Option<String>>> = HashMap::new();
        let mut sessions = Vec::with_capacity(in_store.len());
        let keeps_old = listing.columns.is_empty();
        let names: Vec<String> = if keeps_old {
            old.columns.iter().map(|column| column.name.clone()).collect()
        } else {
            listing.columns.clone()
        };
        let mut seen = HashSet::new();
        for row in listing.rows.iter().filter(|row| in_store.contains(&row.session)) {
            if seen.insert(&row.session) {
                sessions.push(row.session.clone());
                if !keeps_old {
                    words.insert(row.session.clone(), row.values.clone());
                }
            }
        }
        let mut left: Vec<&Session> = in_store.iter().filter(|session| !seen.contains(session)).collect();
        let earlier: HashMap<&Session, usize> =
            old.sessions.iter().enumerate().map(|(place, session)| (session, place)).collect();
        left.sort_by_key(|session| (earlier.get(session).copied().unwrap_or(usize::MAX), (*session).clone()));
        sessions.extend(left.into_iter().cloned());
        // Columns that only sessions of earlier lists have stay, with theirs.
        let mut all_names = names;
        for column in &old.columns {
            if !all_names.contains(&column.name)
                && sessions.iter().any(|s| !words.contains_key(s) && old.has(s))
            {
                all_names.push(column.name.clone());
            }
        }
        for session in &sessions {
            if words.contains_key(session) {
                continue;
            }
            let cell = |name: &String| old.value(session, name).and_then(to_text);
            words.insert(session.clone(), all_names.iter().map(cell).collect());
        }
        Self::typed(all_names, sessions, &words)
    }

    fn typed(
        names: Vec<String>,
        sessions: Vec<Session>,
        words: &HashMap<Session, Vec<Option<String>>>,
    ) -> Self {
        let columns: Vec<MetadataColumn> = names
            .into_iter()
            .enumerate()
            .map(|(place, name)| {
                let cells = sessions.iter().filter_map(|s| words.get(s)?.get(place)?.as_deref());
                let data_type = if name == AGE_COLUMN { DataType::Float64 } else { type_of(cells) };
                MetadataColumn { name, data_type }
            })
            .collect();
        let values = sessions.iter().map(|session| {
            let cells = words.get(session);
            let value = |(place, column): (usize, &MetadataColumn)| {
                let cell = cells.and_then(|cells| cells.get(place)?.as_deref());
                cell.map_or(Value::Null, |cell| typed_value(cell, &column.data_type))
            };
            (session.clone(), columns.iter().enumerate().map(value).collect())
        });
        let values = values.collect();
        Self { columns, sessions, values }
    }

    /// The metadata of a session, a value a column; nulls for one that no list had.
    pub(crate) fn values(&self, session: &Session) -> Vec<Value> {
        self.values.get(session).cloned().unwrap_or_else(|| vec![Value::Null; self.columns.len()])
    }

    /// All it says, in a form that can be compared.
    pub(crate) fn state(&self) -> (Vec<MetadataColumn>, Vec<(Session, Vec<Value>)>) {
        let rows = self.sessions.iter().map(|session| (session.clone(), self.values(session)));
        (self.columns.clone(), rows.collect())
    }

    fn has(&self, session: &Session) -> bool {
        self.values.contains_key(session)
    }

    fn value(&self, session: &Session, name: &str) -> Option<&Value> {
        let place = self.columns.iter().position(|column| column.name == name)?;
        self.values.get(session)?.get(place)
    }

    /// The youngest and the oldest age, years.
    pub(crate) fn age_range(&self) -> Option<(f64, f64)> {
        let ages = self.sessions.iter().filter_map(|session| match self.value(session, AGE_COLUMN)? {
            Value::Double(age) => Some(*age),
            _ => None,
        });
        ages.fold(None, |range: Option<(f64, f64)>, age| {
            Some(range.map_or((age, age), |(youngest, oldest)| (youngest.min(age), oldest.max(age))))
        })
    }

    pub(crate) fn read(output: &Path) -> Result<Self, StoreError> {
        let mut table = Self::default();
        let Some(file) = TableFile::open(&output.join(METADATA_FILE))? else { return Ok(table) };
        let fields = file.schema().fields().iter().skip(2);
        table.columns = fields
            .map(|field| MetadataColumn {
                name: field.name().clone(),
                data_type: known_type(field.data_type()),
            })
            .collect();
        for row_group in 0..file.row_groups().len() {
            let batch = file.read_all(row_group)?;
            let columns =
                batch.columns().iter().skip(2).map(|column| as_type(column, &known_type(column.data_type())));
            let columns = columns.collect::<Result<Vec<_>, _>>().map_err(StoreError::arrow(file.path()))?;
            for (row, session) in sessions_of(&batch, file.path())?.into_iter().enumerate() {
                let values = columns.iter().map(|column| value_at(column, row));
                table.values.insert(session.clone(), values.collect());
                table.sessions.push(session);
            }
        }
        Ok(table)
    }

    pub(crate) fn write(
        &self,
        output: &Path,
        folders: &Folders,
        compression: Compression,
    ) -> Result<(), StoreError> {
        let place = output.join(METADATA_FILE);
        let notes = [(notes::CREATED_AT, notes::now()), (notes::VERSION, crate::VERSION.to_owned())];
        let mut writer = TableWriter::create(&place, folders, &self.schema(), compression, &notes)?;
        if !self.sessions.is_empty() {
            writer.write_batch(&self.batch().map_err(StoreError::arrow(&place))?)?;
        }
        writer.commit()
    }

    /// The table, a row a session.
    pub(crate) fn batch(&self) -> Result<RecordBatch, ArrowError> {
        let pieces: Vec<Piece> = self
            .sessions
            .iter()
            .map(|session| {
                let columns = session_cells(session).into_iter().chain(self.values(session)).map(Cells::Same);
                Piece { rows: 1, columns: columns.collect() }
            })
            .collect();
        let schema = self.schema();
        let columns =
            schema.fields().iter().enumerate().map(|(c, field)| column(&pieces, c, field.data_type()));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(schema, columns)
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        let fields = session_fields().into_iter().chain(self.columns.iter().map(MetadataColumn::field));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }
}

/// The sessions that a store has something of, as its `metadata.parquet` lists them.
///
/// # Errors
/// A store that cannot be read.
pub fn stored_sessions(output: &Path) -> Result<Vec<Session>, StoreError> {
    let Some(file) = TableFile::open(&output.join(METADATA_FILE))? else { return Ok(Vec::new()) };
    let mut sessions = Vec::new();
    for row_group in 0..file.row_groups().len() {
        sessions.extend(sessions_of(&file.read(row_group, &[SUBJECT, SESSION])?, file.path())?);
    }
    Ok(sessions)
}

/// The metadata columns of a store.
///
/// # Errors
/// A store that cannot be read.
pub fn stored_metadata_columns(output: &Path) -> Result<Vec<String>, StoreError> {
    let Some(file) = TableFile::open(&output.join(METADATA_FILE))? else { return Ok(Vec::new()) };
    Ok(file.schema().fields().iter().skip(2).map(|field| field.name().clone()).collect())
}

/// The type that a column has here. What somebody else made of text, a date or a boolean, is text again.
fn known_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Int64 | DataType::Float64 => data_type.clone(),
        _ => DataType::Utf8,
    }
}

/// A value of a column as the metadata has it.
pub(crate) fn value_at(column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Float64 => Value::Double(column.as_primitive::<Float64Type>().value(row)),
        DataType::Int64 => Value::Integer(column.as_primitive::<Int64Type>().value(row)),
        DataType::Utf8 => {
            let text: &StringArray = column.as_string();
            Value::text(text.value(row))
        }
        _ => Value::Null,
    }
}

fn to_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Text(text) => Some(text.to_string()),
        // The shortest text that reads as the same double, and as a double.
        Value::Double(value) => Some(format!("{value:?}")),
        Value::Integer(value) => Some(value.to_string()),
    }
}

/// A number where all values are, else text. Leading zeros are part of a name, not of a number.
fn type_of<'a>(cells: impl Iterator<Item = &'a str>) -> DataType {
    let mut found = None;
    for cell in cells.filter(|cell| !is_missing(cell)) {
        let this = if !is_plain_number(cell) {
            return DataType::Utf8;
        } else if cell.parse::<i64>().is_ok() {
            DataType::Int64
        } else {
            DataType::Float64
        };
        found = match found {
            Some(DataType::Float64) => Some(DataType::Float64),
            _ if this == DataType::Float64 => Some(this),
            other => other.or(Some(this)),
        };
    }
    found.unwrap_or(DataType::Utf8)
}

fn is_missing(cell: &str) -> bool {
    matches!(cell, "NA" | "NaN" | "nan")
}

fn is_plain_number(cell: &str) -> bool {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let leading_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    // Over 17 digits a double no longer tells two of them apart: such a cell is a name.
    let exact = cell.parse::<i64>().is_ok() || digits.bytes().filter(u8::is_ascii_digit).count() <= 17;
    digits.starts_with(|c: char| c.is_ascii_digit())
        && !leading_zero
        && exact
        && cell.parse::<f64>().is_ok_and(f64::is_finite)
}

fn typed_value(cell: &str, data_type: &DataType) -> Value {
    match data_type {
        DataType::Int64 => cell.parse().map_or(Value::Null, Value::Integer),
        DataType::Float64 => {
            cell.parse().ok().filter(|value: &f64| value.is_finite()).map_or(Value::Null, Value::Double)
        }
        _ => Value::text(cell),
    }
}

#[cfg(test)]
mod tests {
    use na_model::{ListedSession, SessionId, SubjectCode};

    use super::*;

    fn session(subject: &str) -> Session {
        Session::new(SubjectCode::clean(subject).unwrap(), SessionId::clean("1").unwrap())
    }

    fn listing(columns: &[&str], rows: &[(&str, &[&str])]) -> Listing {
        let cell = |cell: &&str| (!cell.is_empty()).then(|| (*cell).to_owned());
        Listing {
            left_out: Vec::new(),
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            rows: rows
                .iter()
                .map(|(s, values)| ListedSession {
                    session: session(s),
                    values: values.iter().map(cell).collect(),
                })
                .collect(),
        }
    }

    fn types(cells: &[&str]) -> DataType {
        type_of(cells.iter().copied())
    }

    #[test]
    fn a_column_is_a_number_where_all_its_values_are() {
        assert_eq!(types(&["1", "-2", "NA"]), DataType::Int64);
        assert_eq!(types(&["1", "2.5", "1e3"]), DataType::Float64);
        assert_eq!(types(&["1", "x"]), DataType::Utf8);
        assert_eq!(types(&["007", "1"]), DataType::Utf8);
        assert_eq!(types(&["20240101123045678"]), DataType::Int64);
        assert_eq!(types(&["12345678901234567890"]), DataType::Utf8);
        assert_eq!(types(&["inf"]), DataType::Utf8);
        assert_eq!(types(&[]), DataType::Utf8);
    }

    #[test]
    fn sessions_that_left_the_list_keep_what_was_known() {
        let all: HashSet<Session> = ["1", "2", "3"].map(session).into();
        let first = MetadataTable::merge(
            MetadataTable::default(),
            &listing(&["AGE", "sex"], &[("2", &["30", "F"]), ("1", &["40.5", ""]), ("9", &["1", "M"])]),
            &all,
        );
        assert_eq!(first.sessions, ["2", "1", "3"].map(session));
        let folder = tempfile::tempdir().unwrap();
        first.write(folder.path(), &Folders::default(), Compression::Zstd).unwrap();
        let second = MetadataTable::merge(
            MetadataTable::read(folder.path()).unwrap(),
            &listing(&["AGE", "site"], &[("3", &["50", "x"])]),
            &all,
        );
        assert_eq!(second.sessions, ["3", "2", "1"].map(session));
        let names: Vec<_> = second.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["AGE", "site", "sex"]);
        assert_eq!(second.values(&session("1")), [Value::Double(40.5), Value::Null, Value::Null]);
        assert_eq!(second.values(&session("2")), [Value::Double(30.0), Value::Null, Value::text("F")]);
        assert_eq!(second.values(&session("3")), [Value::Double(50.0), Value::text("x"), Value::Null]);
        assert_eq!(second.age_range(), Some((30.0, 50.0)));
    }

    #[test]
    fn discovered_sessions_change_no_metadata() {
        let all: HashSet<Session> = ["1", "2"].map(session).into();
        let old = MetadataTable::merge(MetadataTable::default(), &listing(&["AGE"], &[("1", &["30"])]), &all);
        let discovered = listing(&[], &[("1", &[]), ("2", &[])]);
        let new = MetadataTable::merge(old, &discovered, &all);
        assert_eq!(new.values(&session("1")), [Value::Double(30.0)]);
        assert_eq!(new.values(&session("2")), [Value::Null]);
    }
}
