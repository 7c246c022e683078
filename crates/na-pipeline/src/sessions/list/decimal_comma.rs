//! Decimal commas, as Excel writes them where semicolons separate cells.

use na_model::{Number, is_missing_in_list};

/// A column of numbers with a comma in place of the decimal point, with points; any other column as it is.
pub(super) fn with_points(cells: Vec<String>) -> Vec<String> {
    let with_point =
        |cell: &str| if has_decimal_comma(cell) { cell.replace(',', ".") } else { cell.to_owned() };
    let is_number = |cell: &String| is_missing_in_list(cell) || Number::parse(&with_point(cell)).is_some();
    if cells.iter().any(|cell| has_decimal_comma(cell)) && cells.iter().all(is_number) {
        cells.iter().map(|cell| with_point(cell)).collect()
    } else {
        cells
    }
}

/// An identifier with a point for its decimal comma, if nothing but a number is in it: `8,0`, `2,02E+11`.
pub(super) fn with_point_if_number(cell: &str) -> String {
    let is_of_number = |byte: u8| byte.is_ascii_digit() || b",eE+-".contains(&byte);
    if has_decimal_comma(cell) && cell.bytes().all(is_of_number) {
        cell.replace(',', ".")
    } else {
        cell.to_owned()
    }
}

/// Whether the one comma of a cell stands between digits.
fn has_decimal_comma(cell: &str) -> bool {
    let ends_in_digit = |text: &str| text.bytes().next_back().is_some_and(|byte| byte.is_ascii_digit());
    let starts_with_digit = |text: &str| text.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    let is_between = |(before, behind): (&str, &str)| {
        ends_in_digit(before) && starts_with_digit(behind) && !behind.contains(',')
    };
    cell.split_once(',').is_some_and(is_between)
}
