//! The session list as rows of cells. A wrong shape is an error with its first line.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::PipelineError;
use crate::parse::text::{line_of, text_of, without_bom};

/// The largest list that is read, bytes after decompression.
const LARGEST: u64 = 1 << 30;

/// The largest cell, bytes: what is larger is no value of one session.
const LARGEST_CELL: usize = 64 << 10;

/// The path that stands for standard input.
pub(super) const STDIN: &str = "-";

/// A list's header and rows.
#[derive(Debug)]
pub(super) struct DelimitedRows {
    bytes: Vec<u8>,
    /// Whether cells are between semicolons: then a comma can be the decimal point.
    pub(super) has_semicolons: bool,
    /// The columns' names, without blanks around them.
    pub(super) header: Vec<String>,
    /// The rows that are not empty; each has as many cells as the header.
    pub(super) rows: Vec<Row>,
}

/// A row, its cells without blanks around them.
#[derive(Debug)]
pub(super) struct Row {
    at: usize,
    /// Whether a quote took a line break into one of its cells.
    has_line_break: bool,
    pub(super) cells: Vec<String>,
}

impl Row {
    /// A cell; empty outside the row.
    pub(super) fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map(String::as_str).unwrap_or_default()
    }
}

impl DelimitedRows {
    pub(super) fn read(path: &Path) -> Result<Self, PipelineError> {
        let ending = ending(path)?;
        let bytes = bytes_of(path)?;
        Self::parse(path, ending, without_bom(&bytes).to_vec())
    }

    fn parse(path: &Path, ending: Ending, bytes: Vec<u8>) -> Result<Self, PipelineError> {
        check_bytes(path, &bytes)?;
        let delimiter = delimiter(path, ending, &bytes)?;
        let mut rows = split(path, &bytes, delimiter)?;
        let header = if rows.is_empty() { Vec::new() } else { rows.remove(0).cells };
        let list = Self { bytes, has_semicolons: delimiter == b';', header, rows };
        list.check_rows(path)?;
        let rows: Vec<Row> =
            list.rows.into_iter().filter(|row| row.cells.iter().any(|cell| !cell.is_empty())).collect();
        if rows.is_empty() {
            return Err(form(path, "it has a header and no rows: a row a session is expected"));
        }
        Ok(Self { rows, ..list })
    }

    /// The line, from 1, that a row is in.
    pub(super) fn line(&self, row: &Row) -> usize {
        line_of(&self.bytes, row.at)
    }

    fn problem(&self, path: &Path, row: &Row, problem: impl Into<String>) -> PipelineError {
        PipelineError::SessionListRow { path: path.to_owned(), line: self.line(row), problem: problem.into() }
    }

    /// A quote that is not closed in its line takes the rows behind it into one cell, and their sessions would be lost.
    fn check_rows(&self, path: &Path) -> Result<(), PipelineError> {
        for row in &self.rows {
            if row.has_line_break || self.ends_in_quote(row) {
                return Err(self.problem(
                    path,
                    row,
                    "a quote that opens in this line is not closed in it: close it, or double it if it is meant (\"\"); \
                     a cell cannot hold a line break",
                ));
            }
            let expected = self.header.len();
            if row.cells.len() != expected {
                let found = row.cells.len();
                let problem = format!(
                    "found {found} cells, expected {expected} as in the header; quote cells that hold the delimiter"
                );
                return Err(self.problem(path, row, problem));
            }
            if let Some(column) = row.cells.iter().position(|cell| cell.len() > LARGEST_CELL) {
                let name = self.header.get(column).map(String::as_str).unwrap_or_default();
                let problem = format!(
                    "the cell in column {name} has over 64 KiB: no value of one session is as large; shorten it, or leave \
                     the column out of the list"
                );
                return Err(self.problem(path, row, problem));
            }
        }
        Ok(())
    }

    /// Whether the last row's last cell opens a quote and the file ends before it is closed.
    fn ends_in_quote(&self, row: &Row) -> bool {
        let is_last = self.rows.last().is_some_and(|last| last.at == row.at);
        let raw = self.bytes.get(row.at..).unwrap_or_default();
        is_last && raw.iter().filter(|byte| **byte == b'"').count() % 2 == 1 && {
            let opens = raw.split(|byte| matches!(byte, b',' | b';' | b'\t'));
            opens.filter(|cell| cell.starts_with(b"\"")).count() > 0
        }
    }
}

pub(super) fn form(path: &Path, problem: impl Into<String>) -> PipelineError {
    PipelineError::SessionListForm { path: path.to_owned(), problem: problem.into() }
}

/// What a list's name says of what is between its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Csv,
    Tsv,
    /// Standard input has no name.
    Unknown,
}

fn ending(path: &Path) -> Result<Ending, PipelineError> {
    if path == Path::new(STDIN) {
        return Ok(Ending::Unknown);
    }
    // What is not there has no wrong name.
    let there = fs::metadata(path)
        .map_err(|source| PipelineError::SessionListUnreadable { path: path.to_owned(), source })?;
    if there.is_dir() {
        return Err(form(path, "it is a folder: name the .csv or .tsv file"));
    }
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("csv") => Ok(Ending::Csv),
        Some("tsv") => Ok(Ending::Tsv),
        Some("xlsx" | "xls" | "xlsm" | "ods" | "numbers") => {
            Err(form(path, "it is a spreadsheet: save it as CSV (UTF-8) and name that file"))
        }
        _ => Err(form(
            path,
            "its name must end in .csv (commas or semicolons) or .tsv (tabs), or one of these with .gz; - is standard \
             input",
        )),
    }
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, PipelineError> {
    let unreadable = |source| PipelineError::SessionListUnreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    if path == Path::new(STDIN) {
        io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    } else {
        let mut file = File::open(path).map_err(unreadable)?;
        Read::by_ref(&mut file).take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    if bytes.starts_with(b"\x1f\x8b") {
        let mut plain = Vec::new();
        let decoded = MultiGzDecoder::new(bytes.as_slice()).take(LARGEST + 1).read_to_end(&mut plain);
        decoded
            .map_err(|error| form(path, format!("it cannot be decompressed ({error}): compress it again")))?;
        bytes = plain;
    }
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= LARGEST) {
        Ok(bytes)
    } else {
        Err(form(path, "it has over 1 GiB: no session list is as large"))
    }
}

fn check_bytes(path: &Path, bytes: &[u8]) -> Result<(), PipelineError> {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        return Err(form(path, "it is a spreadsheet in spite of its name: save it as CSV (UTF-8)"));
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(form(path, "it is empty: a header and a row a session are expected"));
    }
    let text = text_of(bytes).map_err(|(line, found)| PipelineError::SessionListRow {
        path: path.to_owned(),
        line,
        problem: format!("found {found}: save the list as UTF-8 text (in Excel: \"CSV UTF-8\")"),
    })?;
    if text.contains('\r') && !text.contains('\n') {
        return Err(form(
            path,
            "its lines end as on old Macs (CR alone): save it with line ends of Unix or Windows",
        ));
    }
    let first = text.lines().next().unwrap_or_default();
    if first.len() <= 8 && first.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("sep=")) {
        return Err(form(
            path,
            format!("its first line is {first}, which Excel alone understands: delete that line"),
        ));
    }
    Ok(())
}

/// What is between cells. A list with semicolons is what Excel writes where the comma is the decimal point.
fn delimiter(path: &Path, ending: Ending, bytes: &[u8]) -> Result<u8, PipelineError> {
    let header =
        bytes.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let has = |delimiter: u8| has_outside_quotes(header, delimiter);
    let renamed = |what: &str, expected: &str, other: &str| {
        let problem = format!("its cells are between {what}, {expected} are expected: rename it to {other}");
        Err(form(path, problem))
    };
    match (ending, has(b','), has(b'\t'), has(b';')) {
        (_, false, false, true) => Ok(b';'),
        (Ending::Csv, false, true, _) => renamed("tabs", "commas", ".tsv"),
        (Ending::Tsv, true, false, _) => renamed("commas", "tabs", ".csv"),
        (Ending::Tsv, ..) | (Ending::Unknown, _, true, _) => Ok(b'\t'),
        (Ending::Csv | Ending::Unknown, ..) => Ok(b','),
    }
}

fn has_outside_quotes(line: &[u8], delimiter: u8) -> bool {
    let mut quoted = false;
    line.iter().any(|byte| {
        quoted ^= *byte == b'"';
        *byte == delimiter && !quoted
    })
}

fn split(path: &Path, bytes: &[u8], delimiter: u8) -> Result<Vec<Row>, PipelineError> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(bytes);
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| form(path, error.to_string()))?;
        let at = record.position().and_then(|position| usize::try_from(position.byte()).ok());
        let at =
            at.ok_or_else(|| form(path, "a row begins at no byte of it: copy the list and try again"))?;
        // The reader's position is before the line ends and empty lines that it skips.
        let skipped =
            bytes.get(at..).unwrap_or_default().iter().take_while(|b| matches!(b, b'\n' | b'\r')).count();
        let has_line_break = record.iter().any(|cell| cell.contains(['\n', '\r']));
        let cells = record.iter().map(|cell| cell.trim().to_owned()).collect();
        rows.push(Row { at: at + skipped, has_line_break, cells });
    }
    Ok(rows)
}
