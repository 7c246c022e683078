//! The session list's columns: which values are frequent enough to be named.

use std::collections::BTreeMap;

use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use na_model::columns::{AGE, KEY_COLUMNS};

use crate::cohort::sessions::{Sessions, text};
use crate::disclosure::Group;
use crate::error::ReportError;

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
    pub(crate) empty: Group,
    /// `None` if the values cannot be compared.
    pub(crate) n_values: Option<usize>,
    /// Sessions by value, if these are at most [`MOST_VALUES`].
    pub(crate) groups: Option<BTreeMap<String, Group>>,
}

impl Metadata {
    /// Whether there is no column but the age.
    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    pub(crate) fn of(batch: &RecordBatch, sessions: &Sessions) -> Result<Self, ReportError> {
        let subjects = sessions.rows_of(batch)?.into_iter();
        let subjects: Vec<usize> = subjects
            .map(|session| session.and_then(|session| sessions.subjects().get(session)).copied().unwrap_or(0))
            .collect();
        let fields = batch.schema_ref().fields().iter();
        let columns =
            fields.filter(|field| !KEY_COLUMNS.contains(&field.name().as_str()) && field.name() != AGE);
        let columns = columns.map(|field| column(batch, field.name(), field.data_type(), &subjects));
        Ok(Self { columns: columns.collect() })
    }
}

fn column(batch: &RecordBatch, name: &str, data_type: &DataType, subjects: &[usize]) -> ListColumn {
    let holds_numbers = data_type.is_numeric();
    // A type that is no text, as times of a named zone are, is told by what is missing alone.
    let Ok(values) = text(batch, name) else {
        let mut empty = Group::default();
        if let Some(column) = batch.column_by_name(name) {
            let rows = subjects.iter().enumerate().filter(|(row, _)| column.is_null(*row));
            rows.for_each(|(_, subject)| empty.add(*subject));
        }
        return ListColumn { name: name.to_owned(), holds_numbers, empty, n_values: None, groups: None };
    };
    let mut empty = Group::default();
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    for (value, subject) in values.iter().zip(subjects) {
        let group = value.map_or(&mut empty, |value| groups.entry(value).or_default());
        group.add(*subject);
    }
    let groups: BTreeMap<String, Group> =
        groups.into_iter().map(|(value, group)| (value.to_owned(), group)).collect();
    ListColumn {
        name: name.to_owned(),
        holds_numbers,
        empty,
        n_values: Some(groups.len()),
        groups: Some(groups).filter(|groups| groups.len() <= MOST_VALUES),
    }
}
