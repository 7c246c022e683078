//! The types with which columns are shown, whatever program wrote their file.
//!
//! pandas and Polars write text in several layouts, and some libraries write numbers of 32 bits. The store shows text as UTF-8,
//! numbers with 64 bits, and flags as booleans. A value that the shown type cannot hold is an error.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, cast::AsArray, types::Float64Type,
};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema};
use na_model::{MetricKind, Number, is_missing_in_list, metric_kind};

use crate::format::column_origin::{ColumnOrigin, WrittenColumn, with_no_values, written_columns};

const EXACTLY: CastOptions<'_> =
    CastOptions { safe: false, format_options: arrow_cast::display::FormatOptions::new() };

/// The shown type of a stored type.
fn shown(stored: &DataType) -> DataType {
    use DataType::{
        Dictionary, Float16, Float32, Float64, Int8, Int16, Int32, Int64, LargeUtf8, Null, UInt8, UInt16,
        UInt32, UInt64, Utf8, Utf8View,
    };
    match stored {
        // A column of nulls that has no type was one of text: numbers without a value keep theirs.
        LargeUtf8 | Utf8View | Null => Utf8,
        Int8 | Int16 | Int32 | UInt8 | UInt16 | UInt32 | UInt64 => Int64,
        Float16 | Float32 => Float64,
        Dictionary(_, values) => shown(values),
        other => other.clone(),
    }
}

/// The columns of a file with their shown types.
pub(crate) fn shown_schema(stored: &Schema) -> Schema {
    let columns = written_columns(stored);
    let fields = stored.fields().iter().zip(&columns).map(|(field, column)| shown_field(field, column));
    Schema::new_with_metadata(fields.collect::<Fields>(), stored.metadata().clone())
}

fn shown_field(field: &FieldRef, column: &WrittenColumn<'_>) -> FieldRef {
    // Not a column of the session list, nor one that records that its type is a placeholder.
    let is_of_table = column.origin == ColumnOrigin::Table && column.data_type == *field.data_type();
    // A category without a value has no type either.
    let is_untyped = match field.data_type() {
        DataType::Dictionary(_, values) => **values == DataType::Null,
        stored => *stored == DataType::Null,
    };
    let (data_type, is_empty) = match (metric_kind(column.name), field.data_type()) {
        // pandas writes flags that went through its cache as numbers, with gaps as doubles.
        (Some(MetricKind::Flag), _) if is_of_table && !is_untyped => (DataType::Boolean, false),
        // A statistic without a type has no value: it is no text.
        (Some(_), _) if is_of_table && is_untyped => (DataType::Float64, true),
        (_, stored) => (shown(stored), false),
    };
    if data_type == *field.data_type() {
        return Arc::clone(field);
    }
    let nullable = field.is_nullable() || data_type == DataType::Boolean;
    let field = Field::clone(field).with_data_type(data_type).with_nullable(nullable);
    Arc::new(if is_empty { with_no_values(field) } else { field })
}

/// A batch of columns of so many rows, cast to the types of these fields, which are their shown ones.
pub(crate) fn as_shown(
    columns: Vec<ArrayRef>,
    fields: &Fields,
    rows: usize,
) -> Result<RecordBatch, ArrowError> {
    let columns = fields.iter().zip(columns).map(|(field, column)| match field.data_type() {
        shown if shown == column.data_type() => Ok(column),
        DataType::Boolean => flags(field.name(), &column),
        shown => cast_with_options(&column, shown, &EXACTLY),
    });
    let (schema, columns) = (Schema::new(fields.clone()), columns.collect::<Result<_, _>>()?);
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(schema), columns, &options)
}

/// Reads flags from numbers or words: a table's own files may have them so.
fn flags(name: &str, column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let cells: Result<BooleanArray, ArrowError> = match shown(column.data_type()) {
        DataType::Utf8 => {
            let words = cast_with_options(column, &DataType::Utf8, &EXACTLY)?;
            let words = words.as_string::<i32>().iter();
            words.map(|word| word.map_or(Ok(None), |word| flag_of_word(name, word))).collect()
        }
        _ => {
            let numbers = cast_with_options(column, &DataType::Float64, &EXACTLY)?;
            let numbers = numbers.as_primitive::<Float64Type>().iter();
            numbers.map(|number| number.map_or(Ok(None), |value| flag_of_number(name, value))).collect()
        }
    };
    Ok(Arc::new(cells?))
}

fn flag_of_number(name: &str, value: f64) -> Result<Option<bool>, ArrowError> {
    match value {
        0.0 => Ok(Some(false)),
        1.0 => Ok(Some(true)),
        value if value.is_nan() => Ok(None),
        value => Err(no_flag(name, &value.to_string())),
    }
}

fn flag_of_word(name: &str, word: &str) -> Result<Option<bool>, ArrowError> {
    let word = word.trim();
    if is_missing_in_list(word) {
        return Ok(None);
    }
    if word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false") {
        return Ok(Some(word.eq_ignore_ascii_case("true")));
    }
    let number = Number::parse(word).ok_or_else(|| no_flag(name, word))?;
    flag_of_number(name, number.to_double())
}

fn no_flag(name: &str, found: &str) -> ArrowError {
    ArrowError::CastError(format!("the column {name} holds {found:?}, which is neither true nor false"))
}

#[cfg(test)]
mod tests {
    use arrow_array::{Float32Array, Float64Array, Int64Array, NullArray, StringArray, UInt64Array};

    use super::*;

    fn read(column: ArrayRef) -> Result<RecordBatch, ArrowError> {
        let batch = RecordBatch::try_from_iter([("x", column)])?;
        let fields = shown_schema(&batch.schema()).fields().clone();
        as_shown(batch.columns().to_vec(), &fields, batch.num_rows())
    }

    #[test]
    fn a_number_that_does_not_fit_is_an_error_and_no_null() {
        let halves = read(Arc::new(Float32Array::from(vec![Some(0.5), None]))).unwrap();
        let cells: Vec<Option<f64>> = halves.column(0).as_primitive::<Float64Type>().iter().collect();
        assert_eq!(cells, [Some(0.5), None]);
        read(Arc::new(UInt64Array::from(vec![7]))).unwrap();
        assert!(read(Arc::new(UInt64Array::from(vec![u64::MAX]))).is_err());
    }

    fn read_flags(column: ArrayRef) -> Result<Vec<Option<bool>>, ArrowError> {
        let subject: ArrayRef = Arc::new(StringArray::from(vec!["0001"; column.len()]));
        let columns = [("is_bimodal", column), ("modality", Arc::clone(&subject)), ("has_outliers", subject)];
        let batch = RecordBatch::try_from_iter(columns)?;
        let schema = shown_schema(&batch.schema());
        assert_eq!(*schema.field(2).data_type(), DataType::Utf8, "the session list's is none of the table's");
        Ok(as_shown(batch.columns().to_vec(), schema.fields(), batch.num_rows())?
            .column(0)
            .as_boolean()
            .iter()
            .collect())
    }

    #[test]
    fn flags_are_booleans_however_they_were_written() {
        let expected = [Some(true), Some(false), None];
        let ways: [ArrayRef; 4] = [
            Arc::new(Int64Array::from(vec![Some(1), Some(0), None])),
            Arc::new(Float64Array::from(vec![Some(1.0), Some(0.0), Some(f64::NAN)])),
            Arc::new(StringArray::from(vec![Some("True"), Some("false"), Some("NaN")])),
            Arc::new(StringArray::from(vec![Some("1.0"), Some("0"), None])),
        ];
        for way in ways {
            assert_eq!(read_flags(Arc::clone(&way)).unwrap(), expected, "{:?}", way.data_type());
        }
    }

    #[test]
    fn what_is_no_flag_is_an_error_that_names_the_column() {
        for column in
            [Arc::new(Int64Array::from(vec![2])) as ArrayRef, Arc::new(StringArray::from(vec!["x"]))]
        {
            let error = read_flags(column).unwrap_err().to_string();
            assert!(error.contains("is_bimodal"), "{error}");
        }
    }

    #[test]
    fn a_statistic_without_a_type_has_no_values_and_is_no_text() {
        let columns: [(&str, ArrayRef); 3] = [
            ("skewness", Arc::new(NullArray::new(1))),
            ("remark", Arc::new(NullArray::new(1))),
            ("modality", Arc::new(StringArray::from(vec!["gm"]))),
        ];
        let schema = shown_schema(&RecordBatch::try_from_iter(columns).unwrap().schema());
        let types: Vec<DataType> =
            written_columns(&schema).into_iter().map(|column| column.data_type).collect();
        assert_eq!(types, [DataType::Null, DataType::Utf8, DataType::Utf8]);
        assert_eq!(*schema.field(0).data_type(), DataType::Float64);
    }
}
