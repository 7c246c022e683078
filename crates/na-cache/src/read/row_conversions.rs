//! Values of the database's rows as types of the model, and back.

use std::error::Error;

use na_model::{MapSource, ModelError, Session, SourceFile, TivFinding};
use rusqlite::Row;
use rusqlite::types::Type;

/// The session in a row's first two columns.
pub(crate) fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    let (subject, id): (String, Option<String>) = (row.get(0)?, row.get(1)?);
    Session::from_store(&subject, id.as_deref()).map_err(|error| not_convertible(0, error))
}

/// A word of the model.
pub(crate) fn word<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err = ModelError>,
{
    row.get_ref(column)?.as_str()?.parse().map_err(|error| not_convertible(column, error))
}

/// The map in three columns: model, param and desc. `None` for a table without maps, which has no param.
pub(crate) fn map(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<MapSource>> {
    let Some(param) = row.get(first + 1)? else { return Ok(None) };
    Ok(Some(MapSource { model: row.get(first)?, param, desc: row.get(first + 2)? }))
}

/// A number of things.
pub(crate) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    let n: i64 = row.get(column)?;
    usize::try_from(n).map_err(|error| not_convertible(column, error))
}

/// The files that a unit was read from.
pub(crate) fn sources(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<SourceFile>> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| not_convertible(column, error))
}

/// A finding as it is stored: a word, and the volume beside it.
pub(crate) fn tiv_word(finding: TivFinding) -> (&'static str, Option<f64>) {
    match finding {
        TivFinding::Kept => ("kept", None),
        TivFinding::Unknown => ("unknown", None),
        TivFinding::Measured(volume) => ("measured", Some(volume)),
    }
}

/// The inverse of [`tiv_word`].
pub(crate) fn tiv_finding(word: &str, volume: Option<f64>) -> TivFinding {
    match (word, volume) {
        ("measured", Some(volume)) => TivFinding::Measured(volume),
        ("kept", _) => TivFinding::Kept,
        _ => TivFinding::Unknown,
    }
}

/// JSON of a value that is about to be committed.
pub(crate) fn to_json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(not_storable)
}

/// The error of a value that the database cannot take: nothing is stored in its stead.
pub(crate) fn not_storable(error: impl Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}

fn not_convertible(column: usize, error: impl Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
}
