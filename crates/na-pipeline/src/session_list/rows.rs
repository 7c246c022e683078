//! The session list as cells of text.

use std::fs;
use std::path::Path;

use crate::delimited::{line_of, text_of, without_bom};
use crate::error::PipelineError;

/// A list's header and rows.
#[derive(Debug)]
pub(super) struct Rows {
    bytes: Vec<u8>,
    /// The columns' names, without spaces around them.
    pub(super) header: Vec<String>,
    /// The rows that are not empty; each has as many cells as the header.
    pub(super) rows: Vec<Row>,
}

/// A row, its cells without spaces around them.
#[derive(Debug)]
pub(super) struct Row {
    at: usize,
    pub(super) cells: Vec<String>,
}

impl Row {
    /// A cell; empty outside the row.
    pub(super) fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map(String::as_str).unwrap_or_default()
    }
}

impl Rows {
    pub(super) fn read(path: &Path) -> Result<Self, PipelineError> {
        if path.is_dir() {
            return Err(form(path, "it is a folder: name the .csv or .tsv file"));
        }
        let delimiter = delimiter(path)?;
        let bytes = fs::read(path)
            .map_err(|source| PipelineError::SessionListUnreadable { path: path.to_owned(), source })?;
        let bytes = without_bom(&bytes).to_vec();
        if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xd0\xcf\x11\xe0") {
            return Err(form(path, "it is a spreadsheet in spite of its name: save it as CSV (UTF-8)"));
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(form(path, "it is empty: a header and a row a session are expected"));
        }
        text_of(&bytes).map_err(|(line, found)| PipelineError::SessionListRow {
            path: path.to_owned(),
            line,
            problem: format!("found {found}: save the list as UTF-8 text (in Excel: \"CSV UTF-8\")"),
        })?;
        let mut rows = parse(path, &bytes, delimiter)?;
        let header = if rows.is_empty() { Vec::new() } else { rows.remove(0).cells };
        check_delimiter(path, &header, delimiter)?;
        let list = Self { bytes, header, rows };
        if let Some(row) = list.rows.iter().find(|row| row.cells.len() != list.header.len()) {
            let found = row.cells.len();
            let expected = list.header.len();
            let problem = format!(
                "found {found} cells, expected {expected} as in the header; quote cells that hold the delimiter"
            );
            return Err(list.problem(path, row, problem));
        }
        if let Some(last) = list.rows.last().filter(|row| list.has_open_quote(row)) {
            return Err(list.problem(
                path,
                last,
                "a quote that opens here is never closed: close or remove it".into(),
            ));
        }
        let rows: Vec<Row> =
            list.rows.into_iter().filter(|row| row.cells.iter().any(|cell| !cell.is_empty())).collect();
        if rows.is_empty() {
            return Err(form(path, "it has a header and no rows: a row a session is expected"));
        }
        Ok(Self { rows, ..list })
    }

    /// The line, from 1, that a row starts at.
    pub(super) fn line(&self, row: &Row) -> usize {
        line_of(&self.bytes, row.at)
    }

    pub(super) fn problem(&self, path: &Path, row: &Row, problem: String) -> PipelineError {
        PipelineError::SessionListRow { path: path.to_owned(), line: self.line(row), problem }
    }

    /// A quote that is never closed takes the rest of the file into one cell, and its sessions would be lost.
    fn has_open_quote(&self, row: &Row) -> bool {
        let raw = self.bytes.get(row.at..).unwrap_or_default();
        row.cells.iter().any(|cell| cell.contains('\n'))
            && raw.iter().filter(|b| **b == b'"').count() % 2 == 1
    }
}

pub(super) fn form(path: &Path, problem: impl Into<String>) -> PipelineError {
    PipelineError::SessionListForm { path: path.to_owned(), problem: problem.into() }
}

fn delimiter(path: &Path) -> Result<u8, PipelineError> {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "csv" => Ok(b','),
        "tsv" => Ok(b'\t'),
        "xlsx" | "xls" | "xlsm" | "ods" | "numbers" => {
            Err(form(path, "it is a spreadsheet: save it as CSV (UTF-8) and name that file"))
        }
        _ => Err(form(path, "its name must end in .csv (commas) or .tsv (tabs)")),
    }
}

fn parse(path: &Path, bytes: &[u8], delimiter: u8) -> Result<Vec<Row>, PipelineError> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(bytes);
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| form(path, error.to_string()))?;
        let at = record.position().and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(0);
        // The reader's position is before the line ends and empty lines that it skips.
        let skipped =
            bytes.get(at..).unwrap_or_default().iter().take_while(|b| matches!(b, b'\n' | b'\r')).count();
        let cells = record.iter().map(|cell| cell.trim().to_owned()).collect();
        rows.push(Row { at: at + skipped, cells });
    }
    Ok(rows)
}

fn check_delimiter(path: &Path, header: &[String], delimiter: u8) -> Result<(), PipelineError> {
    let [only] = header else { return Ok(()) };
    let found = [(b';', "semicolons"), (b'\t', "tabs"), (b',', "commas")]
        .into_iter()
        .find(|(other, _)| *other != delimiter && only.as_bytes().contains(other));
    let (expected, ending) = if delimiter == b',' { ("commas", ".csv") } else { ("tabs", ".tsv") };
    match found {
        Some((b';', _)) => Err(form(
            path,
            format!(
                "its cells are between semicolons, {expected} are expected in {ending}: save it again with {expected}"
            ),
        )),
        Some((_, what)) => {
            let other = if delimiter == b',' { ".tsv" } else { ".csv" };
            Err(form(
                path,
                format!("its cells are between {what}, {expected} are expected: rename it to {other}"),
            ))
        }
        None => Ok(()),
    }
}
