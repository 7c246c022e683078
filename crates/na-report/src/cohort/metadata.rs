//! The session list's columns: which values are frequent enough to be named.

use std::collections::BTreeMap;

use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use na_model::columns::{AGE, KEY_COLUMNS};

use crate::cohort::sessions::text;

/// Columns with more different values are told by their number.
pub(crate) const MOST_VALUES: usize = 12;

/// The columns of the session list but the age.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) columns: Vec<ListColumn>,
}

/// A column of the session list.
#[derive(Debug)]
pub(crate) struct ListColumn {
    pub(crate) name: String,
    pub(crate) holds_numbers: bool,
    pub(crate) n_empty: usize,
    /// `None` if the values cannot be compared.
    pub(crate) n_values: Option<usize>,
    /// Sessions by value, if these are at most [`MOST_VALUES`].
    pub(crate) counts: Option<BTreeMap<String, usize>>,
}

impl Metadata {
    pub(crate) fn of(batch: &RecordBatch) -> Self {
        let fields = batch.schema_ref().fields().iter();
        let columns =
            fields.filter(|field| !KEY_COLUMNS.contains(&field.name().as_str()) && field.name() != AGE);
        let columns = columns.map(|field| column(batch, field.name(), field.data_type()));
        Self { columns: columns.collect() }
    }
}

fn column(batch: &RecordBatch, name: &str, data_type: &DataType) -> ListColumn {
    let holds_numbers = data_type.is_numeric();
    // A type that is no text, as times of a named zone are, is told by what is missing alone.
    let Ok(values) = text(batch, name) else {
        let n_empty = batch.column_by_name(name).map_or(0, |column| column.null_count());
        return ListColumn { name: name.to_owned(), holds_numbers, n_empty, n_values: None, counts: None };
    };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for value in values.iter().flatten() {
        *counts.entry(value.to_owned()).or_default() += 1;
    }
    ListColumn {
        name: name.to_owned(),
        holds_numbers,
        n_empty: values.null_count(),
        n_values: Some(counts.len()),
        counts: Some(counts).filter(|counts| counts.len() <= MOST_VALUES),
    }
}
