//! The values of one cell.

use std::borrow::Cow;

use na_model::Number;

pub(crate) fn boolean(cell: &str) -> Option<bool> {
    match cell {
        "True" | "true" | "TRUE" => Some(true),
        "False" | "false" | "FALSE" => Some(false),
        _ => None,
    }
}

/// A flag, which older versions of `parcellate` write as a number.
pub(crate) fn flag(cell: &str) -> Option<bool> {
    match cell {
        "1" | "1.0" => Some(true),
        "0" | "0.0" => Some(false),
        _ => boolean(cell),
    }
}

/// A region's index: a whole number, which may be written as a double (`12.0`).
pub(crate) fn index(cell: &str) -> Option<i64> {
    /// Beyond 2^53 not every whole number is a double: the digits may not be those that were meant.
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    match Number::parse(cell)? {
        Number::Integer(index) => Some(index),
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and below 2^53")]
        Number::Double(index) if index.fract() == 0.0 && index.abs() < LARGEST => Some(index as i64),
        Number::Double(_) => None,
    }
}

/// A text cell without the quotes around it, and with doubled quotes inside made single.
pub(crate) fn unquoted(cell: &str) -> Cow<'_, str> {
    match cell.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(inner) if inner.contains("\"\"") => Cow::Owned(inner.replace("\"\"", "\"")),
        inner => Cow::Borrowed(inner.unwrap_or(cell)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_whole_however_it_is_written() {
        for (cell, value) in [("1", 1), ("12.0", 12), ("13.", 13), ("-0", 0), ("+3", 3), ("1e2", 100)] {
            assert_eq!(index(cell), Some(value), "{cell}");
        }
        for cell in ["", "1.5", "x", "007", "inf", "1e300", "9007199254740993.0"] {
            assert_eq!(index(cell), None, "{cell}");
        }
        assert_eq!(index("9007199254740993"), Some(9_007_199_254_740_993));
    }

    #[test]
    fn only_whole_cells_are_unquoted() {
        assert_eq!(unquoted(r#""a ""b"" c""#), r#"a "b" c"#);
        assert_eq!(unquoted(r#"a "b""#), r#"a "b""#);
        assert_eq!(unquoted(r#"""#), r#"""#);
        assert_eq!(unquoted("a\"\"b"), "a\"\"b");
    }
}
