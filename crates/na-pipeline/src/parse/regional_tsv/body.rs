//! The rows of a table, cell by cell into columns: once, and once more where columns turn out to be of text.

use std::path::Path;

use memchr::{memchr_iter, memchr2};

use crate::parse::column_builder::{ColumnBuilder, Misfit};
use crate::unit_error::{UnitError, shorten};

/// Cells between two questions whether to stop: less than a millisecond.
const CELLS_A_QUESTION: usize = 1 << 12;

const CUT: &str = "the file may be cut: copy or write it again";

/// The lines behind the header.
pub(super) struct TableBody<'a> {
    pub(super) path: &'a Path,
    /// Each line with its newline.
    pub(super) body: &'a str,
    pub(super) should_stop: &'a dyn Fn() -> bool,
}

impl TableBody<'_> {
    /// Reads the rows into the columns, whatever their types turn out to be: no cell is read more than twice.
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
        let mut question = self.question();
        let mut rest = self.body;
        let mut row = 0;
        while !rest.is_empty() {
            question.after(width)?;
            let start = rest;
            for (place, column) in columns.iter_mut().enumerate() {
                let end = match column.take_usual(rest.as_bytes()) {
                    Some(end) => end,
                    None => {
                        let (cell, end) = next_cell(rest);
                        match column.push(cell) {
                            Ok(()) => {}
                            Err(Misfit::Text) => column.postpone(),
                            Err(Misfit::Expected(expected)) => {
                                return Err(self.misfit(start, row, width, &column.name, cell, expected));
                            }
                        }
                        end
                    }
                };
                let expected = if place + 1 == width { b'\n' } else { b'\t' };
                if rest.as_bytes().get(end) != Some(&expected) {
                    return Err(self.ragged(start, row, width));
                }
                rest = rest.get(end + 1..).unwrap_or_default();
            }
            row += 1;
        }
        Ok(())
    }

    /// Reads the columns that are late as they were written.
    fn read_words(&self, columns: &mut [ColumnBuilder], is_late: &[bool]) -> Result<(), UnitError> {
        for (column, _) in columns.iter_mut().zip(is_late).filter(|(_, is_late)| **is_late) {
            column.begin_words();
        }
        let mut question = self.question();
        let mut rest = self.body;
        while !rest.is_empty() {
            question.after(columns.len())?;
            for (column, is_late) in columns.iter_mut().zip(is_late) {
                let (cell, end) = next_cell(rest);
                if *is_late && column.push(cell).is_err() {
                    // Words take every cell.
                    column.postpone();
                }
                rest = rest.get(end + 1..).unwrap_or_default();
            }
        }
        Ok(())
    }

    fn question(&self) -> Question<'_> {
        Question { should_stop: self.should_stop, cells: 0 }
    }

    /// A cell out of its place is a consequence of a missing cell: that is said instead.
    #[cold]
    fn misfit(
        &self,
        start: &str,
        row: usize,
        width: usize,
        column: &str,
        cell: &str,
        expected: &'static str,
    ) -> UnitError {
        if cells_of(start) != width {
            return self.ragged(start, row, width);
        }
        UnitError::Cell {
            path: self.path.to_owned(),
            line: row + 2,
            column: shorten(column.as_bytes()),
            found: shorten(cell.as_bytes()),
            expected,
        }
    }

    #[cold]
    fn ragged(&self, start: &str, row: usize, width: usize) -> UnitError {
        let found = format!("{} cells", cells_of(start));
        UnitError::line(self.path, row + 2, found, format!("{width} as in the header; {CUT}"))
    }
}

/// Asks now and then whether to stop.
struct Question<'a> {
    should_stop: &'a dyn Fn() -> bool,
    cells: usize,
}

impl Question<'_> {
    fn after(&mut self, cells: usize) -> Result<(), UnitError> {
        self.cells += cells;
        if self.cells >= CELLS_A_QUESTION {
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
