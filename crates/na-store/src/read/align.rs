//! Features beside each other, with metadata and TIV: rows aligned by session.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Field, Schema};
use na_model::Session;
use na_model::columns::KEY_COLUMNS;

use crate::error::StoreError;
use crate::tables::key_columns::{key_arrays, key_fields, sessions_of};

/// Columns that go beside others, by session.
pub(crate) struct FeatureColumns {
    /// `subject_code, session_id`, then the columns.
    pub(crate) batch: RecordBatch,
    /// What the columns are called.
    pub(crate) names: Vec<String>,
    /// Whether its sessions make rows; otherwise it only adds to those there are.
    pub(crate) has_rows: bool,
}

impl FeatureColumns {
    /// A feature under its own region names.
    pub(crate) fn alone(batch: RecordBatch) -> Self {
        let names = columns_of(&batch).collect();
        Self { batch, names, has_rows: true }
    }

    /// A feature among others: its regions are called `feature:region`.
    pub(crate) fn among_others(feature: &str, batch: RecordBatch) -> Self {
        let names = columns_of(&batch).map(|region| format!("{feature}:{region}")).collect();
        Self { batch, names, has_rows: true }
    }

    /// Columns that are called `other:name` only where something else has their name.
    pub(crate) fn beside(batch: RecordBatch, other: &str, taken: &[Self]) -> Self {
        let is_taken = |name: &String| taken.iter().any(|part| part.names.contains(name));
        let names = columns_of(&batch)
            .map(|name| if is_taken(&name) { format!("{other}:{name}") } else { name })
            .collect();
        Self { batch, names, has_rows: false }
    }

    /// Whether its columns are called what the batch calls them.
    pub(crate) fn keeps_its_names(&self) -> bool {
        columns_of(&self.batch).eq(self.names.iter().cloned())
    }
}

fn columns_of(batch: &RecordBatch) -> impl Iterator<Item = String> {
    let names: Vec<String> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    names.into_iter().skip(KEY_COLUMNS.len())
}

/// The parts side by side, a row for each session that one with rows has, sorted by subject and session.
pub(crate) fn side_by_side(parts: &[FeatureColumns], path: &Path) -> Result<RecordBatch, StoreError> {
    let of_parts =
        parts.iter().map(|part| sessions_of(&part.batch, path)).collect::<Result<Vec<_>, StoreError>>()?;
    let rows: BTreeSet<&Session> =
        parts.iter().zip(&of_parts).filter(|(part, _)| part.has_rows).flat_map(|(_, s)| s).collect();
    let arrow = StoreError::arrow(path);
    let mut fields = key_fields().to_vec();
    let mut columns: Vec<ArrayRef> = key_arrays(rows.iter().copied()).into();
    for (part, sessions) in parts.iter().zip(&of_parts) {
        let is_aligned = sessions.len() == rows.len() && sessions.iter().eq(rows.iter().copied());
        let order = (!is_aligned).then(|| order(sessions, &rows));
        let schema = part.batch.schema();
        for ((array, field), name) in
            part.batch.columns().iter().zip(schema.fields()).skip(KEY_COLUMNS.len()).zip(&part.names)
        {
            columns.push(match &order {
                None => Arc::clone(array),
                Some(order) => take(array, order, None).map_err(&arrow)?,
            });
            fields.push(Field::clone(field).with_name(name).with_nullable(true));
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(&arrow)
}

/// For each row the place of its session, none where the part has none.
fn order(sessions: &[Session], rows: &BTreeSet<&Session>) -> UInt32Array {
    let places: HashMap<&Session, u32> = sessions.iter().zip(0..).collect();
    rows.iter().map(|session| places.get(*session).copied()).collect()
}
