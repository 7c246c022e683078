//! A table of regional statistics: a header, then a row a region, cells between tabs.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema};
use memchr::{memchr, memchr_iter, memchr2};
use na_model::statistic_kind;

use crate::cell::unquoted;
use crate::column::{Column, Misfit};
use crate::delimited::{line_of, text_of, without_bom};
use crate::unit_error::{UnitError, shorten};

/// The columns that name regions, the better one first.
const REGION_COLUMNS: [&str; 2] = ["label", "name"];

/// The columns that the store adds to a table.
const ADDED_BY_STORE: [&str; 9] =
    ["subject_code", "session_id", "modality", "metric", "tiv", "workflow", "model", "param", "desc"];

const CUT: &str = "the file may be cut: copy or write it again";

/// A table of one session and one map.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedTable {
    /// The columns in the file's order, a row a region; `Int64`, `Float64`, `Boolean`, `Utf8`, or `Null` for a
    /// column without values that has no known type.
    pub batch: RecordBatch,
    /// The column that names the regions: `label` or `name`.
    pub region_column: &'static str,
}

/// Reads a table. Doubles are the nearest to their text; known statistics are numbers or flags; other columns take
/// the narrowest type that holds all their cells.
///
/// # Errors
/// Bytes that are not such a table, with line, column and what was expected.
pub fn parse_table(path: &Path, bytes: &[u8]) -> Result<ParsedTable, UnitError> {
    let bytes = without_bom(bytes);
    let (header, body) = header_and_body(path, bytes)?;
    let names = column_names(path, header)?;
    let region_column = check_names(path, &names)?;
    // A cell has a byte at least, its tab or newline: no more rows can be whole than that, whatever the newlines.
    let rows = memchr_iter(b'\n', body).count().min(body.len() / names.len().max(1) + 1);
    let mut columns: Vec<Column> = names.into_iter().map(|name| Column::new(name, rows)).collect();
    read_rows(path, body, &mut columns)?;
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
    Ok(ParsedTable { batch, region_column })
}

/// The first line, and the lines behind it without empty ones at the end. Both are text.
fn header_and_body<'a>(path: &Path, bytes: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), UnitError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(UnitError::form(
            path,
            "an empty file",
            "a header and a row a region: write the file again",
        ));
    }
    text_of(bytes).map_err(|(line, found)| {
        UnitError::line(path, line, found, "UTF-8 text: the file may be damaged; copy or write it again")
    })?;
    let Some(newline) = memchr(b'\n', bytes) else {
        return Err(header_only(path));
    };
    let (header, rest) = bytes.split_at(newline);
    let mut body = rest.get(1..).unwrap_or_default();
    if body.last().is_some_and(|last| *last != b'\n') {
        let line = line_of(bytes, bytes.len());
        let expected = "a newline: the file may be cut; if it is whole, add a newline";
        return Err(UnitError::line(path, line, "a last line that has no end", expected));
    }
    while let Some(shorter) = body.strip_suffix(b"\r\n").or_else(|| body.strip_suffix(b"\n")) {
        if !shorter.is_empty() && !shorter.ends_with(b"\n") {
            break;
        }
        body = shorter;
    }
    if body.is_empty() {
        return Err(header_only(path));
    }
    Ok((header.strip_suffix(b"\r").unwrap_or(header), body))
}

fn header_only(path: &Path) -> UnitError {
    UnitError::form(path, "a header and no rows", "a row a region: the file may be cut; write it again")
}

fn column_names(path: &Path, header: &[u8]) -> Result<Vec<String>, UnitError> {
    let names: Vec<String> = header.split(|b| *b == b'\t').map(|name| unquoted(name).into_owned()).collect();
    let mut seen = HashSet::new();
    for (place, name) in names.iter().enumerate() {
        let problem = if name.trim().is_empty() {
            format!("no name for column {}", place + 1)
        } else if !seen.insert(name) {
            format!("the column {:?} twice", shorten(name.as_bytes()))
        } else if ADDED_BY_STORE.contains(&name.as_str()) {
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
    let Some(region) = REGION_COLUMNS.into_iter().find(|region| names.iter().any(|name| name == region))
    else {
        let expected = "a column label or name, between tabs, that names the regions";
        return Err(UnitError::line(path, 1, found(), expected));
    };
    if !names.iter().any(|name| statistic_kind(name).is_some()) {
        let expected = "a statistic that parcellate computes, such as mean or volume_mm3";
        return Err(UnitError::line(path, 1, found(), expected));
    }
    Ok(region)
}

/// Reads the rows into the columns; the body ends with a newline.
fn read_rows(path: &Path, body: &[u8], columns: &mut [Column]) -> Result<(), UnitError> {
    let width = columns.len();
    let mut rest = body;
    let mut row = 0;
    while !rest.is_empty() {
        let start = rest;
        for (place, column) in columns.iter_mut().enumerate() {
            let end = match column.take_usual(rest) {
                Some(end) => end,
                None => {
                    let (cell, end) = next_cell(rest);
                    push(column, cell, place, row, body)
                        .map_err(|expected| misfit(path, start, row, width, &column.name, cell, expected))?;
                    end
                }
            };
            let expected = if place + 1 == width { b'\n' } else { b'\t' };
            if rest.get(end) != Some(&expected) {
                return Err(ragged(path, start, row, width));
            }
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        row += 1;
    }
    Ok(())
}

/// Takes a cell; where it turns its column into text, the cells above are read again as they were written.
#[cold]
fn push_as_words(
    column: &mut Column,
    cell: &[u8],
    place: usize,
    row: usize,
    body: &[u8],
) -> Result<(), Misfit> {
    column.restart_as_words();
    for line in body.split(|b| *b == b'\n').take(row) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        column.push(line.split(|b| *b == b'\t').nth(place).unwrap_or_default())?;
    }
    column.push(cell)
}

fn push(column: &mut Column, cell: &[u8], place: usize, row: usize, body: &[u8]) -> Result<(), &'static str> {
    let pushed = match column.push(cell) {
        Err(Misfit::Text) => push_as_words(column, cell, place, row, body),
        other => other,
    };
    pushed.map_err(|misfit| match misfit {
        Misfit::Expected(expected) => expected,
        Misfit::Text => "text",
    })
}

fn next_cell(rest: &[u8]) -> (&[u8], usize) {
    let end = memchr2(b'\t', b'\n', rest).unwrap_or(rest.len());
    let cell = rest.get(..end).unwrap_or(rest);
    match rest.get(end) {
        Some(b'\n') => (cell.strip_suffix(b"\r").unwrap_or(cell), end),
        _ => (cell, end),
    }
}

/// A cell out of its place is a consequence of a missing cell: that is said instead.
#[cold]
fn misfit(
    path: &Path,
    start: &[u8],
    row: usize,
    width: usize,
    column: &str,
    cell: &[u8],
    expected: &'static str,
) -> UnitError {
    if cells_of(start) != width {
        return ragged(path, start, row, width);
    }
    UnitError::Cell {
        path: path.to_owned(),
        line: row + 2,
        column: shorten(column.as_bytes()),
        found: shorten(cell),
        expected,
    }
}

#[cold]
fn ragged(path: &Path, start: &[u8], row: usize, width: usize) -> UnitError {
    let found = format!("{} cells", cells_of(start));
    UnitError::line(path, row + 2, found, format!("{width} as in the header; {CUT}"))
}

fn cells_of(start: &[u8]) -> usize {
    let line = start.split(|b| *b == b'\n').next().unwrap_or_default();
    memchr_iter(b'\t', line).count() + 1
}

#[cfg(test)]
mod tests;
