//! The columns of a long table: those of its TSVs, then the store's own, then the session list's.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use foldhash::HashMap;
use na_model::columns::{AGE, REGION_TEXT_COLUMNS, TIV};
use na_model::{MeasurementUnit, TableKind, TableName};

use crate::format::arrays::widest;
use crate::format::column_origin::{
    ColumnOrigin, WrittenColumn, own_name, with_no_values, with_origin, written_columns,
};
use crate::format::fields::{double_field, text_field, with_unit};
use crate::tables::distinct_names::{Wanted, distinct_names};
use crate::tables::metadata::column::MetadataColumn;

/// A column of a long table that comes from its TSVs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableColumn {
    /// Its name in the TSVs.
    pub(crate) name: String,
    /// [`DataType::Null`] if no session has a value.
    data_type: DataType,
}

/// A value that is the same in all rows of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionFact {
    /// Total intracranial volume.
    Volume,
    /// A cell of the session list: the index of a column of the metadata table.
    Metadata(usize),
}

/// The columns of a long table in order: those of its TSVs, the store's, the session list's.
#[derive(Debug, Clone)]
pub(crate) struct LongSchema {
    pub(crate) tsv: Vec<TableColumn>,
    pub(crate) added: &'static [&'static str],
    /// Indices of columns of the metadata table.
    pub(crate) metadata: Vec<usize>,
    pub(crate) schema: SchemaRef,
    /// For the user.
    pub(crate) notes: Vec<String>,
}

impl LongSchema {
    /// Merges the columns of a table's file with those of new rows (`forms`). If no row of the file stays, its columns do not
    /// either; the names that it gave them do.
    pub(crate) fn merge<'a>(
        table: &TableName,
        kind: &TableKind,
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
        let kept = without_table_columns(table, metadata, &tsv, &mut notes);
        let fields = fields(table, kind, &tsv, &kept);
        let in_file: Vec<Option<&WrittenColumn<'_>>> = fields
            .iter()
            .map(|(origin, field)| old.iter().find(|of| of.origin == *origin && of.name == field.name()))
            .collect();
        let names = names(table, kind, &fields, &in_file, &mut notes);
        let fields = fields.into_iter().zip(names).map(|((origin, field), name)| {
            let own_name = field.name().clone();
            with_origin(field.with_name(name), origin, &own_name)
        });
        Self {
            schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            tsv,
            added: table.added_columns(),
            metadata: kept.into_iter().map(|(index, _)| index).collect(),
            notes,
        }
    }

    /// The columns with one value in all rows of a session, with their indices.
    pub(crate) fn facts(&self) -> Vec<(usize, SessionFact)> {
        let volume = self.added.iter().position(|name| *name == TIV);
        let volume = volume.map(|index| (self.tsv.len() + index, SessionFact::Volume));
        let metadata = (self.tsv.len() + self.added.len()..)
            .zip(self.metadata.iter().copied().map(SessionFact::Metadata));
        volume.into_iter().chain(metadata).collect()
    }

    /// Whether the columns of new rows have the types that they have here. A column without a value may have any.
    pub(crate) fn has_types_of(&self, form: &Schema) -> bool {
        let has = |field: &Field| {
            self.tsv
                .iter()
                .any(|column| column.name == *field.name() && column.data_type == *field.data_type())
        };
        form.fields().iter().all(|field| *field.data_type() == DataType::Null || has(field))
    }

    /// The index of each column in a file of the table. `None` if the file does not have it.
    pub(crate) fn in_file(&self, file: &Schema) -> Vec<Option<usize>> {
        let written = written_columns(file);
        let indices: HashMap<(ColumnOrigin, &str), usize> =
            written.iter().rev().map(|column| ((column.origin, column.name), column.index)).collect();
        let columns = written_columns(&self.schema).into_iter();
        columns.map(|column| indices.get(&(column.origin, column.name)).copied()).collect()
    }

    /// The same. `None` for columns with one value in all rows of a session, too.
    pub(crate) fn of_rows(&self, file: &Schema) -> Vec<Option<usize>> {
        let facts = self.facts();
        let is_fact = |index: usize| facts.iter().any(|(fact, _)| *fact == index);
        let in_file = self.in_file(file).into_iter().enumerate();
        in_file.map(|(index, in_file)| in_file.filter(|_| !is_fact(index))).collect()
    }

    /// A column of the TSVs by its name in the long table: its name in the TSVs, and its index.
    pub(crate) fn of_tsv(&self, written: &str) -> Option<(&str, usize)> {
        let mut tsv = self.schema.fields().iter().take(self.tsv.len()).enumerate();
        tsv.find(|(_, field)| field.name() == written).map(|(index, field)| (own_name(field), index))
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

/// The columns of all files, each with a type that holds all of its values. A type never narrows. A new column stands behind
/// the one that precedes it in its file.
fn together(
    table: &TableName,
    forms: impl Iterator<Item = Vec<TableColumn>>,
    notes: &mut Vec<String>,
) -> Vec<TableColumn> {
    let mut together: Vec<TableColumn> = Vec::new();
    for form in forms {
        let mut behind = 0;
        for new in form {
            match together.iter_mut().enumerate().find(|(_, column)| column.name == new.name) {
                Some((index, column)) => {
                    behind = index + 1;
                    widen(table, column, &new.data_type, notes);
                }
                None => {
                    together.insert(behind, new);
                    behind += 1;
                }
            }
        }
    }
    together
}

fn widen(table: &TableName, column: &mut TableColumn, new: &DataType, notes: &mut Vec<String>) {
    let wider = widest(&column.data_type, new);
    let are_both_known = column.data_type != DataType::Null && *new != DataType::Null;
    let is_changed = column.data_type != wider || *new != wider;
    if wider == DataType::Utf8 && are_both_known && is_changed {
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

/// The columns of a session list whose names no column of the table has, with their indices.
fn without_table_columns<'m>(
    table: &TableName,
    metadata: &'m [MetadataColumn],
    tsv: &[TableColumn],
    notes: &mut Vec<String>,
) -> Vec<(usize, &'m MetadataColumn)> {
    let added = table.added_columns();
    let is_of_table = |column: &MetadataColumn| {
        added.contains(&column.name.as_str()) || tsv.iter().any(|tsv| tsv.name == column.name)
    };
    let (left_out, kept): (Vec<_>, Vec<_>) =
        metadata.iter().enumerate().partition(|(_, column)| is_of_table(column));
    notes.extend(left_out.into_iter().map(|(_, column)| {
        format!(
            "{table}: the session list's column {} is left out, the table has one of that name; it is in metadata.parquet",
            column.name
        )
    }));
    kept
}

/// The fields of a long table under their names at their origins, in the order of its columns.
fn fields(
    table: &TableName,
    kind: &TableKind,
    tsv: &[TableColumn],
    metadata: &[(usize, &MetadataColumn)],
) -> Vec<(ColumnOrigin, Field)> {
    let tsv = tsv.iter().map(|column| (ColumnOrigin::Table, tsv_field(kind, column)));
    let added = table.added_columns().iter().map(|name| (ColumnOrigin::Store, added_field(name)));
    let metadata = metadata.iter().map(|(_, column)| (ColumnOrigin::Metadata, column.field_as(&column.name)));
    tsv.chain(added).chain(metadata).collect()
}

/// The name of each column in the file.
fn names(
    table: &TableName,
    kind: &TableKind,
    fields: &[(ColumnOrigin, Field)],
    in_file: &[Option<&WrittenColumn<'_>>],
    notes: &mut Vec<String>,
) -> Vec<String> {
    let columns = fields.iter().zip(in_file);
    let wanted: Vec<Wanted<'_>> =
        columns.map(|((origin, field), in_file)| wanted(kind, *origin, field, *in_file)).collect();
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

fn wanted<'a>(
    kind: &TableKind,
    origin: ColumnOrigin,
    field: &'a Field,
    in_file: Option<&WrittenColumn<'a>>,
) -> Wanted<'a> {
    let is_fixed = match origin {
        ColumnOrigin::Table => is_looked_for(kind, field.name()),
        ColumnOrigin::Store => true,
        ColumnOrigin::Metadata => field.name() == AGE,
    };
    Wanted { name: field.name(), is_fixed, so_far: in_file.map(|column| column.written) }
}

/// Whether readers look for a column of the TSVs by this name.
fn is_looked_for(kind: &TableKind, name: &str) -> bool {
    kind.metric_kind(name).is_some() || kind.region_key.has(name) || REGION_TEXT_COLUMNS.contains(&name)
}

/// The columns of a long table's file that come from its TSVs.
pub(crate) fn tsv_columns(schema: &Schema) -> Schema {
    let fields = written_columns(schema).into_iter().filter(|column| column.origin == ColumnOrigin::Table);
    let fields = fields.filter_map(|column| schema.fields().get(column.index).cloned());
    Schema::new(fields.collect::<Vec<_>>())
}

fn tsv_field(kind: &TableKind, column: &TableColumn) -> Field {
    // A column without a value reads as missing numbers.
    let is_empty = column.data_type == DataType::Null;
    let data_type = if is_empty { DataType::Float64 } else { column.data_type.clone() };
    let measured = matches!(data_type, DataType::Float64 | DataType::Int64);
    let unit = kind.unit_of(&column.name).filter(|_| measured);
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
        LongSchema::merge(&table(), &TableKind::of_parcellate(&table()), file, true, forms, &metadata)
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
        let then = merge(Some(&first.schema), &[schema(&[("label", Utf8), ("score", Float64)])], &["score"]);
        assert_eq!(then.in_file(&first.schema)[1], None, "the table's own is new");
        assert!(then.metadata.is_empty() && then.notes.iter().any(|note| note.contains("score is left out")));
        let again = merge(Some(&then.schema), &[], &["score"]);
        assert_eq!(again.in_file(&then.schema), (0..7).map(Some).collect::<Vec<_>>());
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
        assert_eq!(first.of_tsv("Mean_2"), Some(("Mean", 2)));
        let then = merge(Some(&first.schema), &[form], &["Sex", "LABEL", "SEX"]);
        assert_eq!(written(&then)[..10], expected[..10]);
        assert_eq!(written(&then)[10..], [("Sex", "Sex"), ("LABEL", "LABEL_2"), ("SEX", "SEX_2")]);
        assert_eq!(then.of_tsv("Mean_2"), Some(("Mean", 2)));
    }
}
