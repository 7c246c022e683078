//! What one cell of a table says.

use std::borrow::Cow;

use memchr::memchr;

/// The most digits of an integer that is taken for a number where nothing says so: longer ones are identifiers.
const MOST_DIGITS: usize = 18;

/// Whether a numeric column has no value here.
pub(crate) fn is_null_number(cell: &[u8]) -> bool {
    matches!(cell, b"" | b"n/a" | b"NA") || cell.eq_ignore_ascii_case(b"nan")
}

/// Whether a text column has no value here. `NA` can be a region's name.
pub(crate) fn is_null_text(cell: &[u8]) -> bool {
    matches!(cell, b"" | b"n/a")
}

pub(crate) fn boolean(cell: &[u8]) -> Option<bool> {
    match cell {
        b"True" | b"true" | b"TRUE" => Some(true),
        b"False" | b"false" | b"FALSE" => Some(false),
        _ => None,
    }
}

/// A flag, which older versions of `parcellate` write as a number.
pub(crate) fn flag(cell: &[u8]) -> Option<bool> {
    match cell {
        b"1" | b"1.0" => Some(true),
        b"0" | b"0.0" => Some(false),
        _ => boolean(cell),
    }
}

/// An integer, except `-0`: only a double keeps its sign.
pub(crate) fn integer(cell: &[u8]) -> Option<i64> {
    let value = std::str::from_utf8(cell).ok()?.parse().ok()?;
    (value != 0 || !cell.starts_with(b"-")).then_some(value)
}

/// The double nearest to the text; none where the text is finite and no double is.
pub(crate) fn double(cell: &[u8]) -> Option<f64> {
    let value: f64 = fast_float2::parse(cell).ok()?;
    let overflowed = value.is_infinite() && cell.iter().any(u8::is_ascii_digit);
    (!overflowed && !value.is_nan()).then_some(value)
}

/// Whether a number looks like a measurement and not like an identifier or a word.
pub(crate) fn is_plain_number(cell: &[u8]) -> bool {
    let bare = cell.strip_prefix(b"-").unwrap_or(cell);
    match bare {
        b"inf" => true,
        [b'0', b'0'..=b'9', ..] => false,
        [b'0'..=b'9' | b'.', ..] => bare.len() <= MOST_DIGITS || !bare.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// Why a cell is no number, and the way out.
pub(crate) fn expected_number(cell: &[u8]) -> &'static str {
    if fast_float2::parse::<f64, _>(cell).is_ok() {
        return "a number that a double can hold, or empty";
    }
    match memchr(b',', cell) {
        Some(_) if cell.iter().all(|b| b.is_ascii_digit() || b",.-+eE".contains(b)) => {
            "a number with a decimal point, not a comma, or empty: write the file again with points"
        }
        _ => "a number or empty",
    }
}

/// A text cell without the quotes around it, and with doubled quotes inside made single.
pub(crate) fn unquoted(cell: &[u8]) -> Cow<'_, str> {
    let quoted = cell.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\""));
    let text = String::from_utf8_lossy(quoted.unwrap_or(cell));
    if quoted.is_some() && text.contains("\"\"") { Cow::Owned(text.replace("\"\"", "\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_nearest_doubles() {
        for text in ["0.1", "-1.5e-7", "1e308", "5e-324", "0.63994613056667421234567890", "+2.5", "17"] {
            assert_eq!(
                double(text.as_bytes()).map(f64::to_bits),
                Some(text.parse::<f64>().unwrap().to_bits())
            );
        }
        assert_eq!(double(b"-0.0").map(f64::to_bits), Some((-0.0_f64).to_bits()));
        assert_eq!(double(b"-inf"), Some(f64::NEG_INFINITY));
        for text in ["1e999", "-1e400", "nan", "", " 1", "1 ", "1,5", "1d3", "0x10", "1_000"] {
            assert_eq!(double(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn integers_fit_and_minus_zero_is_none() {
        assert_eq!(integer(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer(b"9223372036854775808"), None);
        assert_eq!(integer(b"-0"), None);
        assert_eq!(integer(b"0"), Some(0));
        assert_eq!(integer(b"1.0"), None);
    }

    #[test]
    fn identifiers_are_not_plain_numbers() {
        for text in ["0", "-1", "0.5", ".5", "123456789012345678", "1e5", "inf", "0.1234567890123456789"] {
            assert!(is_plain_number(text.as_bytes()), "{text}");
        }
        for text in ["007", "-00.5", "+1", "1234567890123456789", "Inf", "infinity", "", "-", "x"] {
            assert!(!is_plain_number(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn only_whole_cells_are_unquoted() {
        assert_eq!(unquoted(br#""a ""b"" c""#), r#"a "b" c"#);
        assert_eq!(unquoted(br#"a "b""#), r#"a "b""#);
        assert_eq!(unquoted(br#"""#), r#"""#);
        assert_eq!(unquoted(b"a\"\"b"), "a\"\"b");
    }

    #[test]
    fn the_way_out_fits_what_was_found() {
        assert!(expected_number(b"1,5").contains("comma"));
        assert!(expected_number(b"1e999").contains("double can hold"));
        assert_eq!(expected_number(b"a,b"), "a number or empty");
    }
}
