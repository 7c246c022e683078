//! The origin of each column of a long table: a session list's `score` is never a table's `score`.

use arrow_schema::{DataType, Field, Schema};
use na_model::columns::{ADDED_COLUMNS, MODALITY, SUBJECT, WORKFLOW};

use crate::format::key_value_metadata as keys;

/// What a column of a long table describes, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ColumnOrigin {
    /// A region; from the table's own files.
    Table,
    /// A row; added by the store.
    Store,
    /// A session; from the session list.
    Metadata,
}

impl ColumnOrigin {
    const ALL: [Self; 3] = [Self::Table, Self::Store, Self::Metadata];

    fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Store => "store",
            Self::Metadata => "metadata",
        }
    }
}

/// A column of a long table's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrittenColumn<'a> {
    pub(crate) index: usize,
    pub(crate) origin: ColumnOrigin,
    /// Its name at its origin.
    pub(crate) name: &'a str,
    /// Its name in the file.
    pub(crate) written: &'a str,
    /// [`DataType::Null`] if no session had a value yet.
    pub(crate) data_type: DataType,
}

/// The columns of a long table's file, in its order.
pub(crate) fn written_columns(schema: &Schema) -> Vec<WrittenColumn<'_>> {
    let positions = OriginsByPosition::of(schema);
    let fields = schema.fields().iter().enumerate();
    fields
        .map(|(index, field)| WrittenColumn {
            index,
            origin: recorded_origin(field).unwrap_or_else(|| positions.origin(index, field.name())),
            name: own_name(field),
            written: field.name(),
            data_type: if is_empty(field) { DataType::Null } else { field.data_type().clone() },
        })
        .collect()
}

/// `None` if the file does not say: an earlier version or the pandas package wrote it.
fn recorded_origin(field: &Field) -> Option<ColumnOrigin> {
    let word = field.metadata().get(keys::ORIGIN)?;
    ColumnOrigin::ALL.into_iter().find(|origin| origin.as_str() == word)
}

/// The name of a column at its origin.
pub(crate) fn own_name(field: &Field) -> &str {
    field.metadata().get(keys::OWN_NAME).unwrap_or(field.name())
}

/// Records a column's origin, and its name there if its name in the file differs.
pub(crate) fn with_origin(field: Field, origin: ColumnOrigin, own_name: &str) -> Field {
    with_own_name(with_key_value(field, keys::ORIGIN, origin.as_str()), own_name)
}

/// Records a column's name at its origin if its name in the file differs.
pub(crate) fn with_own_name(field: Field, own_name: &str) -> Field {
    if field.name() == own_name { field } else { with_key_value(field, keys::OWN_NAME, own_name) }
}

/// Records that no session had a value yet, so that the field's type is a placeholder.
pub(crate) fn with_no_values(field: Field) -> Field {
    with_key_value(field, keys::EMPTY, "true")
}

fn is_empty(field: &Field) -> bool {
    field.metadata().contains_key(keys::EMPTY)
}

fn with_key_value(field: Field, key: &str, value: &str) -> Field {
    let mut metadata = field.metadata().clone();
    metadata.insert(key.to_owned(), value.to_owned());
    field.with_metadata(metadata)
}

/// The order of columns that earlier versions and the pandas package wrote: the table's own, the store's, the list's.
struct OriginsByPosition {
    /// The index of the store's first column.
    first: usize,
    store: StoreColumns,
}

/// The columns that the store added to a file.
enum StoreColumns {
    /// All of them, in order.
    Whole(usize),
    /// Some of them: every name that they may have.
    Some(Vec<&'static str>),
}

impl OriginsByPosition {
    fn of(schema: &Schema) -> Self {
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        for added in ADDED_COLUMNS {
            if let Some(first) = names.windows(added.len()).position(|window| window == added) {
                return Self { first, store: StoreColumns::Whole(added.len()) };
            }
        }
        let added = ADDED_COLUMNS.concat();
        let starts = |name: &&str| matches!(*name, MODALITY | WORKFLOW | SUBJECT);
        let first = names.iter().position(starts).unwrap_or(names.len());
        Self { first, store: StoreColumns::Some(added) }
    }

    fn origin(&self, index: usize, name: &str) -> ColumnOrigin {
        let Some(behind) = index.checked_sub(self.first) else { return ColumnOrigin::Table };
        let is_store = match &self.store {
            StoreColumns::Whole(n_columns) => behind < *n_columns,
            StoreColumns::Some(names) => names.contains(&name),
        };
        if is_store { ColumnOrigin::Store } else { ColumnOrigin::Metadata }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(names: &[&str]) -> Schema {
        Schema::new(names.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect::<Vec<_>>())
    }

    fn origins(schema: &Schema) -> Vec<ColumnOrigin> {
        written_columns(schema).into_iter().map(|column| column.origin).collect()
    }

    #[test]
    fn files_that_say_nothing_are_told_by_place() {
        use ColumnOrigin::{Metadata, Store, Table};
        let diffusion = schema(&[
            "label",
            "param",
            "workflow",
            "model",
            "param",
            "desc",
            "subject_code",
            "session_id",
            "desc",
        ]);
        assert_eq!(origins(&diffusion), [Table, Table, Store, Store, Store, Store, Store, Store, Metadata]);
        let anatomical =
            schema(&["mean", "modality", "metric", "subject_code", "session_id", "tiv", "param"]);
        assert_eq!(origins(&anatomical), [Table, Store, Store, Store, Store, Store, Metadata]);
        let without_tiv = schema(&["mean", "modality", "metric", "subject_code", "session_id", "score"]);
        assert_eq!(origins(&without_tiv), [Table, Store, Store, Store, Store, Metadata]);
    }

    #[test]
    fn a_column_says_where_it_is_from_and_what_it_is_called_there() {
        let field = Field::new("score_2", DataType::Float64, true);
        let field = with_no_values(with_origin(field, ColumnOrigin::Metadata, "score"));
        let schema = Schema::new(vec![field]);
        let expected = WrittenColumn {
            index: 0,
            origin: ColumnOrigin::Metadata,
            name: "score",
            written: "score_2",
            data_type: DataType::Null,
        };
        assert_eq!(written_columns(&schema), [expected]);
    }
}
