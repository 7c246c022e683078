//! The rows of a table, read cell by cell into columns: once, and once more for columns that turn out to be text.

use std::path::Path;

use memchr::{memchr_iter, memchr2};

use crate::parse::bad_cell::bad_cell;
use crate::parse::column_builder::{ColumnBuilder, Misfit};
use crate::unit_error::UnitError;

/// Cells between two checks whether to stop: less than a millisecond.
const CELLS_BETWEEN_CHECKS: usize = 1 << 12;

const CUT: &str = "the file may be cut: copy or write it again";

/// The lines after the header.
pub(super) struct TableBody<'a> {
    pub(super) path: &'a Path,
    /// Each line with its newline.
    pub(super) body: &'a str,
    pub(super) should_stop: &'a dyn Fn() -> bool,
}

impl TableBody<'_> {
    /// Reads the rows into the columns, whatever their types are. No cell is read more than twice.
    pub(super) fn read_into(&self, columns: &mut [ColumnBuilder]) -> Result<(), UnitError> {
        self.read_all(columns)?;
        let is_late: Vec<bool> = columns.iter().map(ColumnBuilder::is_postponed).collect();
        if is_late.contains(&true) {
            self.read_words(columns, &is_late)?;
        }
        Ok(())
    }

    fn read_all(&self, columns: &mut [ColumnBuilder]) -> Result<(), UnitError> {
        let width = columns.len();
        let mut stop_check = self.stop_check();
        let mut rest = self.body;
        let mut row = 0;
        while !rest.is_empty() {
            stop_check.after(width)?;
            let start = rest;
            for (index, column) in columns.iter_mut().enumerate() {
                let end = match column.take_usual(rest.as_bytes()) {
                    Some(end) => end,
                    None => {
                        let (cell, end) = next_cell(rest);
                        match column.push(cell) {
                            Ok(()) => {}
                            Err(Misfit::Text) => column.postpone(),
                            Err(Misfit::Expected(expected)) => {
                                let line = Line { start, row, width };
                                return Err(self.misfit(&line, &column.name, cell, expected));
                            }
                        }
                        end
                    }
                };
                let expected = if index + 1 == width { b'\n' } else { b'\t' };
                if rest.as_bytes().get(end) != Some(&expected) {
                    return Err(self.ragged(&Line { start, row, width }));
                }
                rest = rest.get(end + 1..).unwrap_or_default();
            }
            row += 1;
        }
        Ok(())
    }

    /// Reads the postponed columns as text.
    fn read_words(&self, columns: &mut [ColumnBuilder], is_late: &[bool]) -> Result<(), UnitError> {
        for (column, _) in columns.iter_mut().zip(is_late).filter(|(_, is_late)| **is_late) {
            column.begin_words();
        }
        let mut stop_check = self.stop_check();
        let mut rest = self.body;
        while !rest.is_empty() {
            stop_check.after(columns.len())?;
            for (column, is_late) in columns.iter_mut().zip(is_late) {
                let (cell, end) = next_cell(rest);
                if *is_late && column.push(cell).is_err() {
                    // Text takes every cell.
                    column.postpone();
                }
                rest = rest.get(end + 1..).unwrap_or_default();
            }
        }
        Ok(())
    }

    fn stop_check(&self) -> StopCheck<'_> {
        StopCheck { should_stop: self.should_stop, cells: 0 }
    }

    /// A cell in the wrong column follows from a missing cell: then that is the error.
    #[cold]
    fn misfit(&self, line: &Line<'_>, column: &str, cell: &str, expected: &'static str) -> UnitError {
        if cells_of(line.start) != line.width {
            return self.ragged(line);
        }
        bad_cell(self.path, line.number(), column, cell, expected)
    }

    #[cold]
    fn ragged(&self, line: &Line<'_>) -> UnitError {
        let found = format!("{} cells", cells_of(line.start));
        UnitError::line(self.path, line.number(), found, format!("{} as in the header; {CUT}", line.width))
    }
}

/// A line with an error.
struct Line<'a> {
    /// The text from its first byte on.
    start: &'a str,
    row: usize,
    /// Cells of the header.
    width: usize,
}

impl Line<'_> {
    /// From 1; the header is line 1.
    fn number(&self) -> usize {
        self.row + 2
    }
}

/// Checks now and then whether to stop.
struct StopCheck<'a> {
    should_stop: &'a dyn Fn() -> bool,
    cells: usize,
}

impl StopCheck<'_> {
    fn after(&mut self, cells: usize) -> Result<(), UnitError> {
        self.cells += cells;
        if self.cells >= CELLS_BETWEEN_CHECKS {
            self.cells = 0;
            if (self.should_stop)() {
                return Err(UnitError::Stopped);
            }
        }
        Ok(())
    }
}

fn next_cell(rest: &str) -> (&str, usize) {
    let end = memchr2(b'\t', b'\n', rest.as_bytes()).unwrap_or(rest.len());
    let cell = rest.get(..end).unwrap_or(rest);
    match rest.as_bytes().get(end) {
        Some(b'\n') => (cell.strip_suffix('\r').unwrap_or(cell), end),
        _ => (cell, end),
    }
}

fn cells_of(start: &str) -> usize {
    let line = start.split('\n').next().unwrap_or_default();
    memchr_iter(b'\t', line.as_bytes()).count() + 1
}
