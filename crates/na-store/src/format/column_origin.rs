//! The origin of each column of a long table: a session list's `score` is never a table's `score`.

use arrow_schema::{DataType, Field, Schema};
use na_model::columns::{ADDED_COLUMNS, MODALITY, SESSION, SUBJECT, WORKFLOW};

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

/// A file's columns with the origins that they had in the order in which they were written (`names`): another program may have put
/// them in another order, and drops what fields say. Columns that it added describe sessions, as a session list's do.
pub(crate) fn with_origins_of(schema: &Schema, names: &[String]) -> Schema {
    let fields = schema.fields().iter();
    if fields.clone().all(|field| recorded_origin(field).is_some()) {
        return schema.clone();
    }
    let positions = OriginsByPosition::of_names(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let origin = |field: &Field| {
        let written = names.iter().position(|name| name == field.name());
        written.map_or(ColumnOrigin::Metadata, |index| positions.origin(index, field.name()))
    };
    let fields = fields.map(|field| match recorded_origin(field) {
        Some(_) => Field::clone(field),
        None => with_key_value(Field::clone(field), keys::ORIGIN, origin(field).as_str()),
    });
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone())
}

/// The columns of a table's own files among those of a long table, as they were written.
pub(crate) fn of_table(names: &[String]) -> Vec<&str> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let positions = OriginsByPosition::of_names(&names);
    let named = names.into_iter().enumerate();
    let of_table = named.filter(|(index, name)| positions.origin(*index, name) == ColumnOrigin::Table);
    of_table.map(|(_, name)| name).collect()
}

/// Whether columns say where they are from, or stand in the order in which earlier versions and the pandas package wrote them.
pub(crate) fn has_clear_origins(schema: &Schema) -> bool {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let OriginsByPosition { first, store } = OriginsByPosition::of_names(&names);
    let in_order = match store {
        StoreColumns::Whole(_) => true,
        StoreColumns::Some(added) => {
            let behind = names.get(first..).unwrap_or_default();
            let run: Vec<&str> = behind.iter().copied().take_while(|name| added.contains(name)).collect();
            let names_table = |names: &[&str]| names.contains(&MODALITY) || names.contains(&WORKFLOW);
            run.contains(&SUBJECT) && run.contains(&SESSION) && names_table(&run) == names_table(&names)
        }
    };
    in_order || schema.fields().iter().all(|field| recorded_origin(field).is_some())
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
        Self::of_names(&schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>())
    }

    fn of_names(names: &[&str]) -> Self {
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
    fn another_order_is_told_by_the_order_in_which_they_were_written() {
        use ColumnOrigin::{Metadata, Store, Table};
        let written = ["label", "mean", "modality", "metric", "subject_code", "session_id", "tiv", "AGE"];
        let now = schema(&[
            "session_id",
            "AGE",
            "mean",
            "metric",
            "label",
            "tiv",
            "added",
            "modality",
            "subject_code",
        ]);
        assert!(!has_clear_origins(&now) && has_clear_origins(&schema(&written)));
        let told = with_origins_of(&now, &written.map(str::to_owned));
        assert!(has_clear_origins(&told));
        assert_eq!(origins(&told), [Store, Metadata, Table, Store, Table, Store, Metadata, Store, Store]);
        assert!(!has_clear_origins(&schema(&[
            "subject_code",
            "session_id",
            "label",
            "modality",
            "metric",
            "tiv"
        ])));
        assert!(has_clear_origins(&schema(&[
            "label",
            "modality",
            "metric",
            "subject_code",
            "session_id",
            "AGE"
        ])));
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
