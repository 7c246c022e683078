//! A store's content, in a form in which two stores can be compared cell by cell.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use arrow_array::{
    Array, RecordBatch,
    cast::AsArray,
    types::{Float64Type, Int64Type},
};
use arrow_schema::{DataType, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::files::{PART, PARTIAL};

pub const NULL: &str = "∅";

/// A table with its rows in the file's order. Doubles are given with all their bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub columns: Vec<String>,
    pub types: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn read(path: &Path) -> Self {
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        let schema = builder.schema().clone();
        let batches: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
        Self::of(&schema, &batches)
    }

    pub fn of(schema: &Schema, batches: &[RecordBatch]) -> Self {
        let mut rows = Vec::new();
        for batch in batches {
            for row in 0..batch.num_rows() {
                rows.push(batch.columns().iter().map(|column| cell(column.as_ref(), row)).collect());
            }
        }
        Self {
            columns: schema.fields().iter().map(|field| field.name().clone()).collect(),
            types: schema.fields().iter().map(|field| field.data_type().to_string()).collect(),
            rows,
        }
    }

    pub fn column(&self, name: &str) -> Vec<&str> {
        let place =
            self.columns.iter().position(|column| column == name).unwrap_or_else(|| panic!("no {name}"));
        self.rows.iter().map(|row| row[place].as_str()).collect()
    }

    pub fn doubles(&self, name: &str) -> Vec<Option<f64>> {
        self.column(name).into_iter().map(number).collect()
    }

    /// The same without some columns, rows sorted.
    pub fn without(mut self, names: &[&str]) -> Self {
        for name in names {
            if let Some(place) = self.columns.iter().position(|column| column == name) {
                self.columns.remove(place);
                self.types.remove(place);
                self.rows.iter_mut().for_each(|row| {
                    row.remove(place);
                });
            }
        }
        self.rows.sort();
        self
    }
}

/// So many rows of each of these sessions, as [`Store::sessions_of`] gives them.
pub fn rows_each(rows: usize, sessions: &[&str]) -> Vec<String> {
    let mut all: Vec<String> =
        sessions.iter().flat_map(|session| vec![(*session).to_owned(); rows]).collect();
    all.sort();
    all
}

/// The number in a cell; whole numbers and doubles are written alike.
pub fn number(cell: &str) -> Option<f64> {
    let bits = cell.strip_prefix('#')?;
    Some(f64::from_bits(u64::from_str_radix(bits.split(' ').next().unwrap(), 16).unwrap()))
}

fn cell(column: &dyn Array, row: usize) -> String {
    if column.is_null(row) {
        return NULL.to_owned();
    }
    let double = |value: f64| format!("#{:016x} {value:?}", value.to_bits());
    match column.data_type() {
        DataType::Float64 => double(column.as_primitive::<Float64Type>().value(row)),
        DataType::Int64 => double(column.as_primitive::<Int64Type>().value(row) as f64),
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row).to_owned(),
        other => panic!("no cell of type {other}"),
    }
}

/// All of a store but when it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    pub tables: BTreeMap<String, Table>,
    pub sessions: Vec<String>,
    pub manifest: serde_json::Value,
}

impl Store {
    /// Reads every file; rows are sorted, for their order may follow the order of runs.
    pub fn read(store: &Path) -> Self {
        let mut tables = BTreeMap::new();
        for folder in ["", "long", "long/diffusion", "wide/anatomical", "wide/diffusion"] {
            let Ok(entries) = fs::read_dir(store.join(folder)) else { continue };
            for entry in entries {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(store).unwrap().to_str().unwrap().to_owned();
                assert!(!name.contains(PARTIAL), "{name} is left over");
                let is_part = path.file_name().unwrap().to_str().unwrap().starts_with(PART);
                if name.ends_with(".parquet") && !is_part {
                    tables.insert(name, Table::read(&path).without(&["mtime_ns", "read_at"]));
                }
            }
        }
        let text = fs::read_to_string(store.join("sessions.tsv")).unwrap();
        let mut sessions: Vec<String> = text.lines().map(str::to_owned).collect();
        sessions.sort();
        let mut manifest = serde_json::from_slice(&fs::read(store.join("manifest.json")).unwrap()).unwrap();
        forget_times(&mut manifest);
        Self { tables, sessions, manifest }
    }

    pub fn table(&self, path: &str) -> &Table {
        self.tables.get(path).unwrap_or_else(|| panic!("no {path} among {:?}", self.tables.keys()))
    }

    /// Sessions of a table, one entry a row, as `subject/session`.
    pub fn sessions_of(&self, path: &str) -> Vec<String> {
        let table = self.table(path);
        let (subjects, sessions) = (table.column("subject_code"), table.column("session_id"));
        let mut all: Vec<String> = subjects
            .into_iter()
            .zip(sessions)
            .map(|(subject, session)| format!("{subject}/{session}"))
            .collect();
        all.sort();
        all
    }

    /// The values of a column by session, of a table with a row a session.
    pub fn by_session(&self, path: &str, column: &str) -> BTreeMap<String, String> {
        let table = self.table(path);
        let (subjects, sessions) = (table.column("subject_code"), table.column("session_id"));
        let names =
            subjects.into_iter().zip(sessions).map(|(subject, session)| format!("{subject}/{session}"));
        names.zip(table.column(column).into_iter().map(str::to_owned)).collect()
    }

    /// Fails the test where the stores differ, with the first difference only.
    #[track_caller]
    pub fn assert_same(&self, other: &Self) {
        assert_eq!(self.tables.keys().collect::<Vec<_>>(), other.tables.keys().collect::<Vec<_>>());
        for (name, table) in &self.tables {
            let there = &other.tables[name];
            assert_eq!(table.columns, there.columns, "{name}");
            assert_eq!(table.types, there.types, "{name}");
            assert_eq!(table.rows.len(), there.rows.len(), "rows of {name}");
            for (here, there) in table.rows.iter().zip(&there.rows) {
                assert_eq!(here, there, "{name}");
            }
        }
        assert_eq!(self.sessions, other.sessions);
        assert_eq!(self.manifest, other.manifest);
    }
}

fn forget_times(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.retain(|key, _| {
                !["created_at", "updated_at", "files", "hash", "runs"].contains(&key.as_str())
            });
            map.values_mut().for_each(forget_times);
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(forget_times),
        _ => {}
    }
}

/// The unit that a file says a column is measured in.
pub fn unit_of(path: &Path, column: &str) -> Option<String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = builder.schema().clone();
    schema.field_with_name(column).unwrap().metadata().get("unit").cloned()
}

pub fn row_groups_of(path: &Path) -> usize {
    ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().metadata().num_row_groups()
}

/// The compressions that a file's columns have.
pub fn codecs_of(path: &Path) -> Vec<String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let groups = builder.metadata().row_groups();
    let mut codecs: Vec<String> =
        groups.iter().flat_map(|group| group.columns()).map(|c| format!("{:?}", c.compression())).collect();
    codecs.dedup();
    codecs
}
