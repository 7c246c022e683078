//! The columns of a long table: those of all its files, then the store's own, then the session list's.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use na_model::{Measure, TableName};

use crate::metadata::MetadataColumn;
use crate::table_file::{double_field, text_field, with_unit};

/// A column of TSVs in a long table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TsvColumn {
    pub(crate) name: String,
    pub(crate) data_type: DataType,
}

/// The columns of a long table in order.
#[derive(Debug, Clone)]
pub(crate) struct LongColumns {
    pub(crate) tsv: Vec<TsvColumn>,
    pub(crate) added: &'static [&'static str],
    /// Places in the metadata table's columns.
    pub(crate) metadata: Vec<usize>,
    pub(crate) schema: SchemaRef,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

impl LongColumns {
    /// Brings together the columns that a table has and those that are coming.
    pub(crate) fn merge<'a>(
        table: &TableName,
        forms: impl IntoIterator<Item = &'a Schema>,
        metadata: &[MetadataColumn],
    ) -> Self {
        let mut tsv: Vec<TsvColumn> = Vec::new();
        let mut notes = Vec::new();
        for form in forms {
            let mut behind = 0;
            for field in form.fields() {
                match tsv.iter().position(|column| column.name == *field.name()) {
                    Some(place) => {
                        behind = place + 1;
                        if let Some(column) = tsv.get_mut(place) {
                            let wider = widest(&column.data_type, field.data_type());
                            if wider == DataType::Utf8
                                && column.data_type != *field.data_type()
                                && is_known(column, field)
                            {
                                notes.push(format!(
                                    "{table}: the column {} holds numbers in some sessions and text in others; it is \
                                     text for all",
                                    column.name
                                ));
                            }
                            column.data_type = wider;
                        }
                    }
                    None => {
                        let column =
                            TsvColumn { name: field.name().clone(), data_type: field.data_type().clone() };
                        tsv.insert(behind, column);
                        behind += 1;
                    }
                }
            }
        }
        // What no session has a value of reads as missing numbers.
        for column in tsv.iter_mut().filter(|column| column.data_type == DataType::Null) {
            column.data_type = DataType::Float64;
        }
        notes.dedup();
        let added = table.added_columns();
        let taken = |name: &str| added.contains(&name) || tsv.iter().any(|column| column.name == name);
        let mut kept = Vec::new();
        for (place, column) in metadata.iter().enumerate() {
            if taken(&column.name) {
                notes.push(format!(
                    "{table}: the session list's column {} is left out, the table has one of that name; it is in \
                     metadata.parquet",
                    column.name
                ));
            } else {
                kept.push(place);
            }
        }
        let mut fields: Vec<Field> = tsv.iter().map(|column| tsv_field(table, column)).collect();
        fields.extend(added.iter().map(|name| match *name {
            "tiv" => double_field("tiv", Some(Measure::Millilitre.as_str())),
            name => text_field(name),
        }));
        fields.extend(kept.iter().filter_map(|place| metadata.get(*place)).map(MetadataColumn::field));
        Self { tsv, added, metadata: kept, schema: Arc::new(Schema::new(fields)), notes }
    }
}

/// The columns of TSVs in a long table that is written: those before the store's own.
pub(crate) fn tsv_columns(table: &TableName, schema: &Schema) -> Schema {
    let first = table.added_columns().first().copied().unwrap_or_default();
    let fields = schema.fields().iter().take_while(|field| field.name() != first);
    Schema::new(fields.cloned().collect::<Vec<_>>())
}

fn is_known(column: &TsvColumn, field: &Field) -> bool {
    column.data_type != DataType::Null && *field.data_type() != DataType::Null
}

fn widest(first: &DataType, second: &DataType) -> DataType {
    use DataType::{Float64, Int64, Null, Utf8};
    match (first, second) {
        (first, second) if first == second => first.clone(),
        (Null, other) | (other, Null) => other.clone(),
        (Int64, Float64) | (Float64, Int64) => Float64,
        _ => Utf8,
    }
}

fn tsv_field(table: &TableName, column: &TsvColumn) -> Field {
    let field = Field::new(&column.name, column.data_type.clone(), true);
    let measured = matches!(column.data_type, DataType::Float64 | DataType::Int64);
    let unit = Measure::of_column(table, &column.name).filter(|_| measured);
    with_unit(field, unit.map(Measure::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(columns: &[(&str, DataType)]) -> Schema {
        Schema::new(columns.iter().map(|(n, t)| Field::new(*n, t.clone(), true)).collect::<Vec<_>>())
    }

    #[test]
    fn columns_of_all_files_are_kept_with_the_widest_type() {
        use DataType::{Boolean, Float64, Int64, Null, Utf8};
        let table = TableName::parse("anatomical_gm").unwrap();
        let merged = LongColumns::merge(
            &table,
            [
                &schema(&[("index", Int64), ("label", Utf8), ("x", Int64), ("y", Null), ("z", Boolean)]),
                &schema(&[("index", Int64), ("new", Float64), ("label", Utf8), ("x", Float64), ("z", Int64)]),
                &schema(&[("label", Utf8), ("w", Null)]),
            ],
            &[MetadataColumn::for_test("AGE"), MetadataColumn::for_test("label")],
        );
        let names: Vec<_> = merged.tsv.iter().map(|c| (c.name.as_str(), c.data_type.clone())).collect();
        assert_eq!(
            names,
            [
                ("index", Int64),
                ("new", Float64),
                ("label", Utf8),
                ("w", Float64),
                ("x", Float64),
                ("y", Float64),
                ("z", Utf8)
            ]
        );
        assert_eq!(merged.metadata, [0]);
        assert_eq!(merged.notes.len(), 2);
        assert_eq!(merged.schema.fields().len(), 7 + 5 + 1);
        let tsv = tsv_columns(&table, &merged.schema);
        assert_eq!(tsv.fields().len(), 7);
    }
}
