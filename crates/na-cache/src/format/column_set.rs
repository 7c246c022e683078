//! A column set: the names and types of a table's columns as text, `[["label","text"],["mean","double"]]`.
//!
//! A JSON array with a pair for each column, in the order of the blob's directory. The types are `text`, `integer`
//! (64 bits), `double` (64 bits), `boolean` and `empty` (a column without a value). Any column may have nulls.

use std::sync::Arc;

use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

/// # Errors
/// A column of a type that no blob has.
pub(crate) fn columns_to_text(schema: &Schema) -> Result<String, ArrowError> {
    let columns =
        schema.fields().iter().map(|field| Ok((field.name().as_str(), type_word(field.data_type())?)));
    let columns = columns.collect::<Result<Vec<(&str, &str)>, ArrowError>>()?;
    serde_json::to_string(&columns).map_err(|error| ArrowError::ExternalError(error.into()))
}

/// `None` if the text is not what [`columns_to_text`] writes.
pub(crate) fn columns_from_text(text: &str) -> Option<SchemaRef> {
    let columns: Vec<(String, String)> = serde_json::from_str(text).ok()?;
    let fields: Option<Vec<Field>> =
        columns.into_iter().map(|(name, word)| Some(Field::new(name, type_of(&word)?, true))).collect();
    Some(Arc::new(Schema::new(fields?)))
}

fn type_word(data_type: &DataType) -> Result<&'static str, ArrowError> {
    Ok(match data_type {
        DataType::Int64 => "integer",
        DataType::Float64 => "double",
        DataType::Boolean => "boolean",
        DataType::Null => "empty",
        DataType::Utf8 => "text",
        other => return Err(ArrowError::NotYetImplemented(format!("{other} in the cache"))),
    })
}

fn type_of(word: &str) -> Option<DataType> {
    Some(match word {
        "integer" => DataType::Int64,
        "double" => DataType::Float64,
        "boolean" => DataType::Boolean,
        "empty" => DataType::Null,
        "text" => DataType::Utf8,
        _ => return None,
    })
}
