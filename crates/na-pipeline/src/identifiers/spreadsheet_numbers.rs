//! What spreadsheets do to identifiers: `7` becomes `7.0` where a column has a gap, long ones become `2.02E+11`.

use std::cell::{Cell, RefCell};

/// A column of identifiers, which a spreadsheet may have taken for numbers.
pub(crate) struct SpreadsheetColumn {
    /// Whether all its codes are digits, or digits with `.0`: one column has one form.
    is_of_numbers: bool,
    /// Codes that lost their `.0`.
    n_stripped: Cell<usize>,
    /// Codes that end in `.0` in a column that is not of numbers.
    n_kept: Cell<usize>,
    example: RefCell<Option<String>>,
}

impl SpreadsheetColumn {
    pub(crate) fn of(codes: impl Iterator<Item = String>) -> Self {
        let mut codes = codes.peekable();
        let is_of_numbers = codes.peek().is_some()
            && codes.all(|code| is_digits(without_decimal_zeros(&code).unwrap_or(&code)));
        Self {
            is_of_numbers,
            n_stripped: Cell::default(),
            n_kept: Cell::default(),
            example: RefCell::default(),
        }
    }

    /// The code without its `.0`; `None` if it is to be read as it is.
    pub(crate) fn stripped(&self, code: &str) -> Option<String> {
        let digits = without_decimal_zeros(code)?;
        let count = if self.is_of_numbers { &self.n_stripped } else { &self.n_kept };
        count.set(count.get() + 1);
        let example = || if self.is_of_numbers { format!("{code} as {digits}") } else { code.to_owned() };
        self.example.borrow_mut().get_or_insert_with(example);
        self.is_of_numbers.then(|| digits.to_owned())
    }

    /// What the user should know; `None` if no code ends in `.0`.
    pub(crate) fn note(&self, what: &str) -> Option<String> {
        let example = self.example.borrow();
        let example = example.as_ref()?;
        Some(match (self.n_stripped.get(), self.n_kept.get()) {
            (0, n) => format!(
                "{n} {what} of the session list end in .0, as spreadsheets write whole numbers, and others of the column are \
                 no numbers: they are read as they are, such as {example}, and no folder is called so; if .0 is no part of \
                 them, write the list again with this column as text"
            ),
            (n, _) => format!(
                "{n} {what} of the session list end in .0, as spreadsheets write whole numbers: they are read without it, \
                 such as {example}"
            ),
        })
    }
}

/// A whole number written with `.0`, without it; `None` for anything else.
pub(crate) fn without_decimal_zeros(code: &str) -> Option<&str> {
    let (digits, zeros) = code.split_once('.')?;
    let is_whole = is_digits(digits) && !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0');
    is_whole.then_some(digits)
}

/// Whether a code is a number in scientific notation.
pub(crate) fn is_scientific(code: &str) -> bool {
    let Some((mantissa, exponent)) = code.split_once(['e', 'E']) else { return false };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    is_digits(whole) && is_digits(fraction) && is_digits(exponent)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clothing_is_of_the_whole_column() {
        let column = |codes: &[&str]| SpreadsheetColumn::of(codes.iter().map(|code| (*code).to_owned()));
        assert_eq!(column(&["7.0", "8"]).stripped("7.0").as_deref(), Some("7"));
        assert_eq!(column(&["7.0", "A8"]).stripped("7.0"), None);
        assert_eq!(column(&["1.1", "2.0"]).stripped("2.0"), None);
        assert_eq!(column(&["7.0"]).stripped("7"), None);
    }

    #[test]
    fn scientific_notation_is_told_from_words() {
        for lost in ["2.02e11", "2E+11", "20250727e-1", "12E4"] {
            assert!(is_scientific(lost), "{lost}");
        }
        for word in ["pre2e", "e4", "12E", "1.e5x", "12e4a", ""] {
            assert!(!is_scientific(word), "{word}");
        }
    }
}
