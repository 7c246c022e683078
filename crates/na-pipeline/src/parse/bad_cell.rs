//! What is said of a cell that does not hold what its column must.

use std::path::Path;

use crate::unit_error::{UnitError, shorten};

/// The error of a cell, with its line (from 1; the header is line 1) and column.
pub(crate) fn bad_cell(
    path: &Path,
    line: usize,
    column: &str,
    cell: &str,
    expected: &'static str,
) -> UnitError {
    UnitError::Cell {
        path: path.to_owned(),
        line,
        column: shorten(column.as_bytes()),
        found: shorten(cell.as_bytes()),
        expected,
    }
}

/// What a cell that is no number should be, with the way out.
pub(crate) fn expected_number(cell: &str) -> &'static str {
    let bare = cell.strip_prefix(['+', '-']).unwrap_or(cell);
    if let [b'0', b'0'..=b'9', ..] = bare.as_bytes() {
        return "a number without zeros before it, or empty";
    }
    if fast_float2::parse::<f64, _>(cell).is_ok() {
        return "a number that a double can hold (a whole one: 64 bits), or empty";
    }
    let is_comma_meant =
        cell.contains(',') && cell.bytes().all(|b| b.is_ascii_digit() || b",.-+eE".contains(&b));
    if is_comma_meant {
        return "a number with a decimal point, not a comma, or empty: write the file again with points";
    }
    "a number or empty"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_out_fits_what_was_found() {
        assert!(expected_number("1,5").contains("comma"));
        assert!(expected_number("1e999").contains("double can hold"));
        assert!(expected_number("9223372036854775808").contains("64 bits"));
        assert!(expected_number("007").contains("without zeros"));
        assert_eq!(expected_number("a,b"), "a number or empty");
        assert_eq!(expected_number("é"), "a number or empty");
    }
}
