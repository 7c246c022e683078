//! Which texts say that there is no value: one set of spellings for tables, session lists and sidecars.

/// The spellings that pandas, R, SPSS exports and BIDS use.
const SPELLINGS: &[&str] =
    &["", "n/a", "N/A", "NA", "NaN", "nan", "-nan", "null", "NULL", "None", "none", "<NA>", "#N/A"];

/// Whether a cell of a number column, an age or an identifier has no value.
///
/// ```
/// assert!(na_model::is_missing("N/A") && na_model::is_missing("-nan") && !na_model::is_missing("0"));
/// ```
#[must_use]
pub fn is_missing(cell: &str) -> bool {
    SPELLINGS.contains(&cell)
}

/// The same in a session list, where people also write `.` and `-`.
///
/// ```
/// assert!(na_model::is_missing_in_list("-") && na_model::is_missing_in_list("#N/A"));
/// ```
#[must_use]
pub fn is_missing_in_list(cell: &str) -> bool {
    matches!(cell, "." | "-") || is_missing(cell)
}

/// Whether a cell of a text column has no value. `NA` can be a region's name, `None` an answer.
///
/// ```
/// assert!(na_model::is_missing_text("n/a") && !na_model::is_missing_text("None"));
/// ```
#[must_use]
pub fn is_missing_text(cell: &str) -> bool {
    matches!(cell, "" | "n/a")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_zeros_are_values() {
        for value in ["0", "-0", "no", "nope", "N", "A", "nil", "nanometre", " ", "n.a."] {
            assert!(!is_missing(value) && !is_missing_in_list(value), "{value}");
        }
        for missing in SPELLINGS {
            assert!(is_missing(missing) && is_missing_in_list(missing), "{missing}");
        }
        assert!(!is_missing(".") && !is_missing("-"));
    }
}
