//! The rows of a unit in a pandas cache, as the tables of its files.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, NullArray, RecordBatch, StringArray};
use foldhash::{HashMap, HashMapExt};
use na_model::columns::{
    AGE_COLUMNS, DESC, HEMISPHERE_COLUMNS, INDEX, LABEL_COLUMNS, MODALITY, MODEL, PARAM, SUBJECT, TIV,
    WORKFLOW,
};
use na_model::{MapSource, MetricKind, Modality, Region, TableName, UNKNOWN, is_volume, metric_kind};
use rusqlite::types::Value;

/// The rows of a unit in one table.
pub(crate) struct PandasRows {
    pub(crate) names: Vec<String>,
    pub(crate) rows: Vec<Vec<Value>>,
}

/// The tables of a unit, by map.
type Batches = Vec<(Option<MapSource>, RecordBatch)>;

impl PandasRows {
    fn index_of(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|column| column == name)
    }

    /// Age as the session list had it, under the first name from which the package takes it. `None` if it is missing.
    pub(crate) fn age(&self) -> Option<f64> {
        let index = AGE_COLUMNS.into_iter().find_map(|name| self.index_of(name))?;
        self.rows.iter().find_map(|row| number(row.get(index)?)).filter(|age| age.is_finite())
    }

    /// Total intracranial volume, mL. `None` if no row has a plausible one.
    pub(crate) fn volume(&self) -> Option<f64> {
        let index = self.index_of(TIV)?;
        let mut volumes = self.rows.iter().filter_map(|row| number(row.get(index)?));
        volumes.find(|volume| is_volume(*volume))
    }

    /// The columns of the files themselves, a batch for each map; or why the rows are no such tables. A row that is there
    /// twice counts once.
    pub(crate) fn batches(&self, table: &TableName) -> Result<Batches, String> {
        let mut by_map: BTreeMap<Option<MapSource>, Vec<&Vec<Value>>> = BTreeMap::new();
        let mut regions: HashMap<(Option<MapSource>, Region), &Vec<Value>> = HashMap::new();
        for row in &self.rows {
            let (map, region) = (self.map_of(row, table)?, self.region_of(row));
            match regions.insert((map.clone(), region.clone()), row) {
                Some(other) if other == row => {}
                Some(_) => return Err(format!("two rows of region {} differ", words(&region))),
                None => by_map.entry(map).or_default().push(row),
            }
        }
        let columns = self.file_columns(table);
        by_map.into_iter().map(|(map, rows)| Ok((map, batch(&columns, &rows)?))).collect()
    }

    /// The columns that a file has, with their index. What the package adds stands behind them, and then the session
    /// list's columns.
    fn file_columns(&self, table: &TableName) -> Vec<(usize, &str)> {
        let added = table.added_columns();
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let is_first = |name: &&str| [MODALITY, WORKFLOW, SUBJECT].contains(name);
        let first_added = names.windows(added.len()).position(|window| window == added);
        let end = first_added.or_else(|| names.iter().position(is_first)).unwrap_or(names.len());
        names.into_iter().enumerate().take(end).filter(|(_, name)| !added.contains(name)).collect()
    }

    fn map_of(&self, row: &[Value], table: &TableName) -> Result<Option<MapSource>, String> {
        let entity = |name: &str| self.text(row, name);
        Ok(match table.modality() {
            Modality::Anatomical => None,
            Modality::Diffusion => Some(MapSource {
                model: entity(MODEL).unwrap_or_else(|| UNKNOWN.to_owned()),
                param: entity(PARAM).ok_or("a row has no param")?,
                desc: entity(DESC).unwrap_or_else(|| UNKNOWN.to_owned()),
            }),
        })
    }

    fn region_of(&self, row: &[Value]) -> Region {
        let hemisphere = |name: &str| Region::hemisphere_in(name, &self.text(row, name)?).map(str::to_owned);
        Region {
            index: self.text(row, INDEX).and_then(|index| index.parse().ok()),
            label: LABEL_COLUMNS.into_iter().find_map(|name| self.text(row, name)),
            hemisphere: HEMISPHERE_COLUMNS.into_iter().find_map(hemisphere),
        }
    }

    fn text(&self, row: &[Value], name: &str) -> Option<String> {
        match row.get(self.index_of(name)?)? {
            Value::Text(text) => Some(text.clone()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Real(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

/// A region as a message names it.
fn words(region: &Region) -> String {
    let index = region.index.map(|index| index.to_string());
    let words = [index.as_deref(), region.label.as_deref(), region.hemisphere.as_deref()];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn batch(columns: &[(usize, &str)], rows: &[&Vec<Value>]) -> Result<RecordBatch, String> {
    let columns = columns.iter().map(|(index, name)| {
        let values: Vec<&Value> = rows.iter().filter_map(|row| row.get(*index)).collect();
        Ok((*name, column(name, &values)?, true))
    });
    let columns = columns.collect::<Result<Vec<_>, String>>()?;
    RecordBatch::try_from_iter_with_nullable(columns).map_err(|error| error.to_string())
}

/// A column in the type that fits all its values.
fn column(name: &str, values: &[&Value]) -> Result<ArrayRef, String> {
    let kind = metric_kind(name);
    let are = |test: fn(&Value) -> bool| values.iter().all(|value| test(value));
    if are(|value| matches!(value, Value::Null)) {
        return Ok(Arc::new(NullArray::new(values.len())));
    }
    if kind == Some(MetricKind::Flag) {
        let flags = values.iter().map(|value| flag(name, value));
        return Ok(Arc::new(flags.collect::<Result<BooleanArray, _>>()?));
    }
    if are(|value| matches!(value, Value::Null | Value::Integer(_))) {
        return Ok(Arc::new(values.iter().map(|value| integer(value)).collect::<Int64Array>()));
    }
    if are(|value| matches!(value, Value::Null | Value::Integer(_) | Value::Real(_))) {
        return Ok(Arc::new(values.iter().map(|value| number(value)).collect::<Float64Array>()));
    }
    if kind == Some(MetricKind::Number) {
        return Err(format!("the column {name} holds text among its numbers"));
    }
    Ok(Arc::new(values.iter().map(|value| text(value)).collect::<StringArray>()))
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(integer) => Some(*integer),
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Real(number) => Some(*number),
        // SQLite stores whole doubles as integers.
        Value::Integer(number) => Some(*number as f64),
        _ => None,
    }
}

/// A value among texts; doubles as they print.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(integer) => Some(integer.to_string()),
        Value::Real(number) => Some(format!("{number:?}")),
        Value::Null | Value::Blob(_) => None,
    }
}

/// A flag in whichever type the first session of a table gave the column: whole numbers, doubles if all were missing, or
/// text.
fn flag(column: &str, value: &Value) -> Result<Option<bool>, String> {
    let flag = match value {
        Value::Null => return Ok(None),
        Value::Integer(0) => Some(false),
        Value::Integer(1) => Some(true),
        Value::Real(number) if *number == 0.0 => Some(false),
        Value::Real(number) if *number == 1.0 => Some(true),
        Value::Text(word) if ["True", "1", "1.0"].contains(&word.as_str()) => Some(true),
        Value::Text(word) if ["False", "0", "0.0"].contains(&word.as_str()) => Some(false),
        _ => None,
    };
    flag.map(Some).ok_or_else(|| format!("the column {column} holds what is neither true nor false"))
}
