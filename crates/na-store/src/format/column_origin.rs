//! Where each column of a long table is from: a list's `score` is never a table's `score`.

use arrow::datatypes::{DataType, Field, Schema};
use na_model::{Modality, TableName};

use crate::format::key_value_metadata as keys;

/// What a column of a long table says something of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ColumnOrigin {
    /// A region, out of the table's own files.
    Table,
    /// A row: what the store adds.
    Store,
    /// A session, out of the session list.
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
    pub(crate) place: usize,
    pub(crate) origin: ColumnOrigin,
    /// What it is called where it is from.
    pub(crate) name: &'a str,
    /// What it is called in the file.
    pub(crate) written: &'a str,
    /// [`DataType::Null`] where no session had a value yet.
    pub(crate) data_type: DataType,
}

/// The columns of a long table's file.
pub(crate) fn written_columns(schema: &Schema) -> Vec<WrittenColumn<'_>> {
    let by_place = ByPlace::of(schema);
    let origin = |place: usize, field: &Field| {
        let noted = field.metadata().get(keys::ORIGIN);
        let noted = noted.and_then(|word| ColumnOrigin::ALL.into_iter().find(|of| of.as_str() == word));
        noted.unwrap_or_else(|| by_place.origin(place, field.name()))
    };
    let fields = schema.fields().iter().enumerate();
    fields
        .map(|(place, field)| WrittenColumn {
            place,
            origin: origin(place, field),
            name: own_name(field),
            written: field.name(),
            data_type: if is_empty(field) { DataType::Null } else { field.data_type().clone() },
        })
        .collect()
}

/// What a column is called where it is from.
pub(crate) fn own_name(field: &Field) -> &str {
    field.metadata().get(keys::OWN_NAME).unwrap_or(field.name())
}

/// A field that says where its column is from, and what it is called there if its name is another.
pub(crate) fn with_origin(field: Field, origin: ColumnOrigin, own_name: &str) -> Field {
    with_own_name(with_note(field, keys::ORIGIN, origin.as_str()), own_name)
}

/// A field that says what its column is called where it is from, if its name is another.
pub(crate) fn with_own_name(field: Field, own_name: &str) -> Field {
    if field.name() == own_name { field } else { with_note(field, keys::OWN_NAME, own_name) }
}

/// A field that says that no session had a value yet: its type is nobody's.
pub(crate) fn with_no_values(field: Field) -> Field {
    with_note(field, keys::EMPTY, "true")
}

fn is_empty(field: &Field) -> bool {
    field.metadata().contains_key(keys::EMPTY)
}

fn with_note(field: Field, key: &str, value: &str) -> Field {
    let mut metadata = field.metadata().clone();
    metadata.insert(key.to_owned(), value.to_owned());
    field.with_metadata(metadata)
}

/// What the version before and the pandas package wrote: the table's own columns, the store's, the list's.
struct ByPlace {
    /// Where the store's columns begin.
    first: usize,
    /// All names that they may have, or as many as there are where all are there in order.
    store: Result<usize, Vec<&'static str>>,
}

impl ByPlace {
    fn of(schema: &Schema) -> Self {
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        for added in Modality::ALL.map(TableName::columns_added_to) {
            if let Some(first) = names.windows(added.len()).position(|window| window == added) {
                return Self { first, store: Ok(added.len()) };
            }
        }
        let added = Modality::ALL.map(TableName::columns_added_to).concat();
        let starts = |name: &&str| matches!(*name, "modality" | "workflow" | "subject_code");
        Self { first: names.iter().position(starts).unwrap_or(names.len()), store: Err(added) }
    }

    fn origin(&self, place: usize, name: &str) -> ColumnOrigin {
        let Some(behind) = place.checked_sub(self.first) else { return ColumnOrigin::Table };
        let is_store = match &self.store {
            Ok(columns) => behind < *columns,
            Err(names) => names.contains(&name),
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
            place: 0,
            origin: ColumnOrigin::Metadata,
            name: "score",
            written: "score_2",
            data_type: DataType::Null,
        };
        assert_eq!(written_columns(&schema), [expected]);
    }
}
