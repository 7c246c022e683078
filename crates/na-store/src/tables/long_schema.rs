//! The columns of a long table: those of all its files, then the store's own, then the session list's.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use na_model::columns::{AGE, INDEX, REGION_TEXT_COLUMNS, TIV};
use na_model::{MeasurementUnit, TableName, metric_kind};

use crate::format::arrays::widest;
use crate::format::column_origin::{
    ColumnOrigin, WrittenColumn, own_name, with_no_values, with_origin, written_columns,
};
use crate::format::fields::{double_field, text_field, with_unit};
use crate::tables::distinct_names::{Wanted, distinct_names};
use crate::tables::metadata::column::MetadataColumn;

/// A column of TSVs in a long table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableColumn {
    /// What the files call it.
    pub(crate) name: String,
    /// [`DataType::Null`] where no session has a value.
    data_type: DataType,
}

/// Something that is the same in all rows of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionFact {
    /// Its total intracranial volume.
    Volume,
    /// What the session list says: a place in the metadata table's columns.
    Metadata(usize),
}

/// The columns of a long table in order.
#[derive(Debug, Clone)]
pub(crate) struct LongSchema {
    pub(crate) tsv: Vec<TableColumn>,
    pub(crate) added: &'static [&'static str],
    /// Places in the metadata table's columns.
    pub(crate) metadata: Vec<usize>,
    pub(crate) schema: SchemaRef,
    /// For each column its place in the file that there is, if it has it.
    pub(crate) in_file: Vec<Option<usize>>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

impl LongSchema {
    /// Brings together the columns that a table's file has, if any of its rows stay, and those that are coming.
    pub(crate) fn merge<'a>(
        table: &TableName,
        file: Option<&Schema>,
        file_stays: bool,
        forms: impl IntoIterator<Item = &'a Schema>,
        metadata: &[MetadataColumn],
    ) -> Self {
        let old = file.map(written_columns).unwrap_or_default();
        let mut notes = Vec::new();
        let of_file = old.iter().filter(|column| file_stays && column.origin == ColumnOrigin::Table);
        let of_file: Vec<TableColumn> = of_file.map(TableColumn::of_file).collect();
        let of_forms =
            forms.into_iter().map(|form| form.fields().iter().map(|field| TableColumn::of(field)).collect());
        let tsv = together(table, std::iter::once(of_file).chain(of_forms), &mut notes);
        let added = table.added_columns();
        let mut kept = Vec::new();
        for (place, column) in metadata.iter().enumerate() {
            if added.contains(&column.name.as_str()) || tsv.iter().any(|tsv| tsv.name == column.name) {
                notes.push(format!(
                    "{table}: the session list's column {} is left out, the table has one of that name; it is in \
                     metadata.parquet",
                    column.name
                ));
            } else {
                kept.push(place);
            }
        }
        let fields = tsv.iter().map(|column| (ColumnOrigin::Table, tsv_field(table, column)));
        let fields = fields.chain(added.iter().map(|name| (ColumnOrigin::Store, added_field(name))));
        let of_list = kept.iter().filter_map(|place| metadata.get(*place));
        let of_list = of_list.map(|column| (ColumnOrigin::Metadata, column.field_as(&column.name)));
        let fields: Vec<(ColumnOrigin, Field)> = fields.chain(of_list).collect();
        let in_file: Vec<Option<&WrittenColumn<'_>>> = fields
            .iter()
            .map(|(origin, field)| {
                old.iter().find(|column| column.origin == *origin && column.name == field.name())
            })
            .collect();
        let names = names(table, &fields, &in_file, &mut notes);
        let in_file = in_file.into_iter().map(|column| column.map(|column| column.index)).collect();
        let fields = fields.into_iter().zip(names).map(|((origin, field), name)| {
            let own_name = field.name().clone();
            with_origin(field.with_name(name), origin, &own_name)
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Self { tsv, added, metadata: kept, schema, in_file, notes }
    }

    /// The columns that are the same in all rows of a session, with their places.
    pub(crate) fn facts(&self) -> Vec<(usize, SessionFact)> {
        let volume = self.added.iter().position(|name| *name == TIV);
        let volume = volume.map(|place| (self.tsv.len() + place, SessionFact::Volume));
        let metadata = (self.tsv.len() + self.added.len()..)
            .zip(self.metadata.iter().copied().map(SessionFact::Metadata));
        volume.into_iter().chain(metadata).collect()
    }

    /// Where the file that there is has each column, none for those that are the same in all rows of a session.
    pub(crate) fn of_rows(&self) -> Vec<Option<usize>> {
        let facts = self.facts();
        let is_fact = |place: usize| facts.iter().any(|(fact, _)| *fact == place);
        let in_file = self.in_file.iter().enumerate();
        in_file.map(|(place, in_file)| in_file.filter(|_| !is_fact(place))).collect()
    }

    /// What the files of a table call a column of it, and where the file that there is has it.
    pub(crate) fn of_tsv(&self, written: &str) -> Option<(&str, Option<usize>)> {
        let tsv = self.schema.fields().iter().take(self.tsv.len()).zip(&self.in_file);
        let mut tsv = tsv.filter(|(field, _)| field.name() == written);
        tsv.next().map(|(field, place)| (own_name(field), *place))
    }
}

impl TableColumn {
    fn of(field: &Field) -> Self {
        Self { name: field.name().clone(), data_type: field.data_type().clone() }
    }

    fn of_file(column: &WrittenColumn<'_>) -> Self {
        Self { name: column.name.to_owned(), data_type: column.data_type.clone() }
    }
}

/// The columns of all files, each with a type that holds all of its values. It is never narrower than it was.
fn together(
    table: &TableName,
    forms: impl Iterator<Item = Vec<TableColumn>>,
    notes: &mut Vec<String>,
) -> Vec<TableColumn> {
    let mut together: Vec<TableColumn> = Vec::new();
    for form in forms {
        let mut behind = 0;
        for new in form {
            let Some(place) = together.iter().position(|column| column.name == new.name) else {
                together.insert(behind, new);
                behind += 1;
                continue;
            };
            behind = place + 1;
            let Some(column) = together.get_mut(place) else { continue };
            let wider = widest(&column.data_type, &new.data_type);
            let is_told = |of: &DataType| *of != DataType::Null && *of != wider;
            let is_new = is_told(&column.data_type) || is_told(&new.data_type);
            let is_empty = column.data_type == DataType::Null || new.data_type == DataType::Null;
            if wider == DataType::Utf8 && is_new && !is_empty {
                let note = format!(
                    "{table}: the column {} holds numbers in some sessions and text in others; it is text for all",
                    column.name
                );
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
            column.data_type = wider;
        }
    }
    together
}

/// What each column is called in the file.
fn names(
    table: &TableName,
    fields: &[(ColumnOrigin, Field)],
    in_file: &[Option<&WrittenColumn<'_>>],
    notes: &mut Vec<String>,
) -> Vec<String> {
    let wanted: Vec<Wanted<'_>> = fields
        .iter()
        .zip(in_file)
        .map(|((origin, field), in_file)| Wanted {
            name: field.name(),
            is_fixed: match origin {
                ColumnOrigin::Table => is_looked_for(field.name()),
                ColumnOrigin::Store => true,
                ColumnOrigin::Metadata => field.name() == AGE,
            },
            so_far: in_file.map(|column| column.written),
        })
        .collect();
    let names = distinct_names(&wanted);
    for ((_, field), name) in fields.iter().zip(&names).filter(|((_, field), name)| field.name() != *name) {
        notes.push(format!(
            "{table}: the column {} is called {name} there: some programs take {} and another of its columns for one",
            field.name(),
            field.name()
        ));
    }
    names
}

/// Whether readers of a table know a column of its files by its name.
fn is_looked_for(name: &str) -> bool {
    metric_kind(name).is_some() || REGION_TEXT_COLUMNS.contains(&name) || name == INDEX
}

/// The columns of TSVs in a long table that is written.
pub(crate) fn tsv_columns(schema: &Schema) -> Schema {
    let fields = written_columns(schema).into_iter().filter(|column| column.origin == ColumnOrigin::Table);
    let fields = fields.filter_map(|column| schema.fields().get(column.index).cloned());
    Schema::new(fields.collect::<Vec<_>>())
}

fn tsv_field(table: &TableName, column: &TableColumn) -> Field {
    // What no session has a value of reads as missing numbers.
    let is_empty = column.data_type == DataType::Null;
    let data_type = if is_empty { DataType::Float64 } else { column.data_type.clone() };
    let measured = matches!(data_type, DataType::Float64 | DataType::Int64);
    let unit = MeasurementUnit::of_column(table, &column.name).filter(|_| measured);
    let field = with_unit(Field::new(&column.name, data_type, true), unit.map(MeasurementUnit::as_str));
    if is_empty { with_no_values(field) } else { field }
}

fn added_field(name: &str) -> Field {
    match name {
        TIV => double_field(TIV, Some(MeasurementUnit::Millilitre.as_str())),
        name => text_field(name),
    }
}

#[cfg(test)]
mod tests {
    use DataType::{Boolean, Float64, Int64, Null, Utf8};

    use super::*;

    fn schema(columns: &[(&str, DataType)]) -> Schema {
        Schema::new(columns.iter().map(|(n, t)| Field::new(*n, t.clone(), true)).collect::<Vec<_>>())
    }

    fn table() -> TableName {
        TableName::parse("anatomical_gm").unwrap()
    }

    fn merge(file: Option<&Schema>, forms: &[Schema], metadata: &[&str]) -> LongSchema {
        let metadata: Vec<_> = metadata.iter().map(|name| MetadataColumn::for_test(name)).collect();
        LongSchema::merge(&table(), file, true, forms, &metadata)
    }

    fn written(columns: &LongSchema) -> Vec<(&str, &str)> {
        columns.schema.fields().iter().map(|field| (own_name(field), field.name().as_str())).collect()
    }

    #[test]
    fn columns_of_all_files_are_kept_with_the_widest_type() {
        let merged = merge(
            None,
            &[
                schema(&[("index", Int64), ("label", Utf8), ("x", Int64), ("y", Null), ("z", Boolean)]),
                schema(&[("index", Int64), ("new", Float64), ("label", Utf8), ("x", Float64), ("z", Int64)]),
                schema(&[("label", Utf8), ("w", Null), ("y", Float64)]),
            ],
            &["AGE", "label"],
        );
        let names: Vec<_> = merged.tsv.iter().map(|c| (c.name.as_str(), c.data_type.clone())).collect();
        assert_eq!(
            names,
            [
                ("index", Int64),
                ("new", Float64),
                ("label", Utf8),
                ("w", Null),
                ("x", Float64),
                ("y", Float64),
                ("z", Utf8)
            ]
        );
        assert_eq!(*merged.schema.field_with_name("w").unwrap().data_type(), Float64);
        assert_eq!(merged.metadata, [0]);
        assert_eq!(merged.notes.len(), 2, "{:?}", merged.notes);
        assert_eq!(merged.schema.fields().len(), 7 + 5 + 1);
        assert_eq!(tsv_columns(&merged.schema).fields().len(), 7);
    }

    #[test]
    fn a_column_that_was_empty_takes_the_type_of_its_first_values() {
        let first = merge(None, &[schema(&[("flag", Null), ("word", Null)])], &[]);
        let then = merge(Some(&first.schema), &[schema(&[("flag", Boolean), ("word", Utf8)])], &[]);
        assert_eq!(*then.schema.field_with_name("flag").unwrap().data_type(), Boolean);
        assert_eq!(*then.schema.field_with_name("word").unwrap().data_type(), Utf8);
        assert_eq!(then.notes, [""; 0]);
    }

    #[test]
    fn types_never_narrow() {
        let wide = merge(None, &[schema(&[("x", Utf8), ("y", Float64)])], &[]);
        let then = merge(Some(&wide.schema), &[schema(&[("x", Int64), ("y", Int64)])], &[]);
        assert_eq!(*then.schema.field_with_name("x").unwrap().data_type(), Utf8);
        assert_eq!(*then.schema.field_with_name("y").unwrap().data_type(), Float64);
    }

    #[test]
    fn a_lists_column_is_never_taken_for_the_tables() {
        let first = merge(None, &[schema(&[("label", Utf8)])], &["score"]);
        assert_eq!(first.in_file, [None; 7]);
        let then = merge(Some(&first.schema), &[schema(&[("label", Utf8), ("score", Float64)])], &["score"]);
        assert_eq!(then.in_file[1], None, "the table's own is new");
        assert!(then.metadata.is_empty() && then.notes.iter().any(|note| note.contains("score is left out")));
        let again = merge(Some(&then.schema), &[], &["score"]);
        assert_eq!(again.in_file, (0..7).map(Some).collect::<Vec<_>>());
    }

    #[test]
    fn names_that_differ_in_case_only_get_a_number_and_keep_it() {
        let form =
            schema(&[("Label", Utf8), ("label", Utf8), ("Mean", Utf8), ("mean", Float64), ("tiv", Float64)]);
        let first = merge(None, std::slice::from_ref(&form), &["LABEL", "Sex"]);
        // In byte order LABEL is before Label.
        let expected = [
            ("Label", "Label_3"),
            ("label", "label"),
            ("Mean", "Mean_2"),
            ("mean", "mean"),
            ("tiv", "tiv_2"),
            ("modality", "modality"),
            ("metric", "metric"),
            ("subject_code", "subject_code"),
            ("session_id", "session_id"),
            ("tiv", "tiv"),
            ("LABEL", "LABEL_2"),
            ("Sex", "Sex"),
        ];
        assert_eq!(written(&first), expected);
        assert_eq!(first.notes.len(), 4, "{:?}", first.notes);
        assert_eq!(first.of_tsv("Mean_2"), Some(("Mean", None)));
        let then = merge(Some(&first.schema), &[form], &["Sex", "LABEL", "SEX"]);
        assert_eq!(written(&then)[..10], expected[..10]);
        assert_eq!(written(&then)[10..], [("Sex", "Sex"), ("LABEL", "LABEL_2"), ("SEX", "SEX_2")]);
        assert_eq!(then.of_tsv("Mean_2"), Some(("Mean", Some(2))));
    }
}
