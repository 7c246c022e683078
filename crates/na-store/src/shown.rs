//! The types that columns are shown with, whatever program wrote their file.
//!
//! pandas and Polars write text in several layouts, and some libraries numbers of 32 bits. The store knows text as
//! UTF-8 and numbers of 64 bits; nothing is lost on the way there, or it is an error.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::error::ArrowError;

/// The type that a column of this type is shown with.
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

/// The columns of a file as they are shown.
pub(crate) fn shown_schema(stored: &Schema) -> Schema {
    let fields = stored.fields().iter().map(|field| match shown(field.data_type()) {
        same if same == *field.data_type() => Arc::clone(field),
        other => Arc::new(Field::clone(field).with_data_type(other)),
    });
    Schema::new_with_metadata(fields.collect::<Fields>(), stored.metadata().clone())
}

/// What was read of a file as the columns that it is shown with.
pub(crate) fn as_shown(batch: RecordBatch, fields: &Fields) -> Result<RecordBatch, ArrowError> {
    let are_shown =
        |(field, column): (&Arc<Field>, &arrow::array::ArrayRef)| field.data_type() == column.data_type();
    if fields.iter().zip(batch.columns()).all(are_shown) {
        return Ok(batch);
    }
    let exactly = CastOptions { safe: false, ..CastOptions::default() };
    let columns = fields.iter().zip(batch.columns());
    let columns = columns.map(|(field, column)| cast_with_options(column, field.data_type(), &exactly));
    RecordBatch::try_new(Arc::new(Schema::new(fields.clone())), columns.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, AsArray, Float32Array, UInt64Array};
    use arrow::datatypes::Float64Type;

    use super::*;

    fn read(column: ArrayRef) -> Result<RecordBatch, ArrowError> {
        let batch = RecordBatch::try_from_iter([("x", column)])?;
        let fields = shown_schema(&batch.schema()).fields().clone();
        as_shown(batch, &fields)
    }

    #[test]
    fn a_number_that_does_not_fit_is_an_error_and_no_null() {
        let halves = read(Arc::new(Float32Array::from(vec![Some(0.5), None]))).unwrap();
        let cells: Vec<Option<f64>> = halves.column(0).as_primitive::<Float64Type>().iter().collect();
        assert_eq!(cells, [Some(0.5), None]);
        read(Arc::new(UInt64Array::from(vec![7]))).unwrap();
        assert!(read(Arc::new(UInt64Array::from(vec![u64::MAX]))).is_err());
    }
}
