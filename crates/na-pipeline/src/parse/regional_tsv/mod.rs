//! A table of regional statistics: a header, then a row a region, cells between tabs.
//!
//! Knows one file. Promises a row a region and the doubles nearest to their text, or an error with line, column and
//! what was expected there. Begin with [`parse_table`].

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema};
use foldhash::{HashSet, HashSetExt};
use memchr::memchr_iter;
use na_model::columns::{LABEL_COLUMNS, is_added};
use na_model::metric_kind;

use crate::files::pointer::check_content;
use crate::parse::cell::unquoted;
use crate::parse::column_builder::ColumnBuilder;
use crate::parse::parsed_table::ParsedTable;
use crate::parse::regional_tsv::body::TableBody;
use crate::parse::regional_tsv::repeats::without_repeats;
use crate::parse::text::{has_lines_of_old_macs, line_of, text_of, without_bom};
use crate::unit_error::{UnitError, shorten};

mod body;
mod repeats;

/// Parses a table. Doubles are the nearest to their text; known statistics are numbers or flags; any other column has
/// the narrowest type that holds all its cells. A row that repeats another is left out, with a note.
///
/// # Errors
/// Bytes that are not such a table, with line, column and what was expected; two rows of one region that differ.
pub fn parse_table(path: &Path, bytes: &[u8]) -> Result<ParsedTable, UnitError> {
    parse_table_unless(path, bytes, &|| false)
}

/// The same, and `should_stop` is checked every few thousand cells.
///
/// # Errors
/// As [`parse_table`]; [`UnitError::Stopped`].
pub(crate) fn parse_table_unless(
    path: &Path,
    bytes: &[u8],
    should_stop: &dyn Fn() -> bool,
) -> Result<ParsedTable, UnitError> {
    check_content(path, bytes)?;
    let (header, body) = header_and_body(path, without_bom(bytes))?;
    let names = column_names(path, header)?;
    let region_column = check_names(path, &names)?;
    // A cell has at least one byte, its tab or newline: this bounds the rows that can be whole.
    let rows = memchr_iter(b'\n', body.as_bytes()).count().min(body.len() / names.len().max(1) + 1);
    let mut columns: Vec<ColumnBuilder> =
        names.into_iter().map(|name| ColumnBuilder::new(name, rows)).collect();
    TableBody { path, body, should_stop }.read_into(&mut columns)?;
    let (fields, arrays): (Vec<Field>, Vec<_>) = columns
        .into_iter()
        .map(|column| {
            let name = column.name.clone();
            let array = column.finish();
            (Field::new(name, array.data_type().clone(), true), array)
        })
        .unzip();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|error| UnitError::form(path, error.to_string(), "columns of one length"))?;
    let (batch, note) = without_repeats(path, batch, region_column, should_stop)?;
    Ok(ParsedTable { notes: note.into_iter().collect(), ..ParsedTable::new(batch) })
}

/// The first line, and the lines after it without empty ones at the end.
pub(crate) fn header_and_body<'a>(path: &Path, bytes: &'a [u8]) -> Result<(&'a str, &'a str), UnitError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(UnitError::form(
            path,
            "an empty file",
            "a header and a row a region: write the file again",
        ));
    }
    let text = text_of(bytes).map_err(|(line, found)| {
        UnitError::line(path, line, found, "UTF-8 text: the file may be damaged; copy or write it again")
    })?;
    if has_lines_of_old_macs(text) {
        return Err(UnitError::old_mac_lines(path));
    }
    let Some((header, mut body)) = text.split_once('\n') else {
        return Err(header_only(path));
    };
    if !body.is_empty() && !body.ends_with('\n') {
        return Err(UnitError::cut_last_line(path, line_of(bytes, bytes.len())));
    }
    while let Some(shorter) = body.strip_suffix("\r\n").or_else(|| body.strip_suffix('\n')) {
        if !shorter.is_empty() && !shorter.ends_with('\n') {
            break;
        }
        body = shorter;
    }
    if body.is_empty() {
        return Err(header_only(path));
    }
    Ok((header.strip_suffix('\r').unwrap_or(header), body))
}

fn header_only(path: &Path) -> UnitError {
    UnitError::form(path, "a header and no rows", "a row a region: the file may be cut; write it again")
}

/// The names in a header: each is there once, and none is one that the store adds.
pub(crate) fn column_names(path: &Path, header: &str) -> Result<Vec<String>, UnitError> {
    let names: Vec<String> = header.split('\t').map(|name| unquoted(name).into_owned()).collect();
    let mut seen = HashSet::new();
    for (index, name) in names.iter().enumerate() {
        let problem = if name.trim().is_empty() {
            format!("no name for column {}", index + 1)
        } else if !seen.insert(name) {
            format!("the column {:?} twice", shorten(name.as_bytes()))
        } else if is_added(name) {
            let found = format!("a column {name:?}");
            return Err(UnitError::line(
                path,
                1,
                found,
                "another name: the store adds a column of this name",
            ));
        } else {
            continue;
        };
        return Err(UnitError::line(path, 1, problem, "a different name for each column"));
    }
    Ok(names)
}

fn check_names(path: &Path, names: &[String]) -> Result<&'static str, UnitError> {
    let found = || {
        let tabs = if names.len() == 1 { " (without tabs)" } else { "" };
        format!("the columns {}{tabs}", shorten(names.join(", ").as_bytes()))
    };
    let Some(region) = LABEL_COLUMNS.into_iter().find(|region| names.iter().any(|name| name == region))
    else {
        let expected = "a column label or name, between tabs, that names the regions";
        return Err(UnitError::line(path, 1, found(), expected));
    };
    if !names.iter().any(|name| metric_kind(name).is_some()) {
        let expected = "a statistic that parcellate computes, such as mean or volume_mm3";
        return Err(UnitError::line(path, 1, found(), expected));
    }
    Ok(region)
}

#[cfg(test)]
mod tests;
