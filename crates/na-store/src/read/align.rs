//! Aligns features, metadata and TIV by session, side by side.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::{Field, Schema};
use arrow_select::take::take;
use foldhash::HashMap;
use na_model::Session;
use na_model::columns::KEY_COLUMNS;

use crate::error::StoreError;
use crate::tables::key_columns::{key_arrays, key_fields, sessions_of};

/// Columns by session, to be aligned with others.
pub(crate) struct FeatureColumns {
    /// `subject_code, session_id`, then the columns.
    pub(crate) batch: RecordBatch,
    /// The names that the columns get.
    pub(crate) names: Vec<String>,
    /// Whether its sessions make rows. If not, it only adds columns to the rows of others.
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

    /// Columns that are called `metadata:NAME` where something else has their name.
    pub(crate) fn beside(batch: RecordBatch, taken: &[Self]) -> Self {
        let is_taken = |name: &String| taken.iter().any(|part| part.names.contains(name));
        let names = columns_of(&batch)
            .map(|name| if is_taken(&name) { format!("metadata:{name}") } else { name })
            .collect();
        Self { batch, names, has_rows: false }
    }

    /// Whether the columns keep the names that they have in the batch.
    pub(crate) fn keeps_its_names(&self) -> bool {
        columns_of(&self.batch).eq(self.names.iter().cloned())
    }
}

fn columns_of(batch: &RecordBatch) -> impl Iterator<Item = String> {
    let names: Vec<String> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    names.into_iter().skip(KEY_COLUMNS.len())
}

/// Joins the parts side by side: a row for each session that a part with rows has, by subject and session.
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

/// The index of each row's session in a part. Null if the part does not have the session.
fn order(sessions: &[Session], rows: &BTreeSet<&Session>) -> UInt32Array {
    let indices: HashMap<&Session, u32> = sessions.iter().zip(0..).collect();
    rows.iter().map(|session| indices.get(*session).copied()).collect()
}
