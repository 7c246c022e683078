//! Ages: numbers in years, whatever else the column holds.

use std::path::Path;

use na_model::{Number, is_missing_in_list};
use serde_json::Value;

/// Weeks of a year, as BIDS converters count them.
const WEEKS: f64 = 52.1775;
const DAYS: f64 = 365.25;

/// What the JSON beside the list says that ages are counted in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum AgeUnit {
    Years,
    /// So many of them are a year.
    Fraction {
        name: &'static str,
        of_a_year: f64,
    },
    /// A word that says nothing.
    Unknown,
}

impl AgeUnit {
    /// The unit of a column, from `participants.json` or the JSON of the list's own name. Years unless one says otherwise.
    pub(super) fn beside(list: &Path, column: &str) -> Self {
        let own = list.with_extension("json");
        let participants = list.with_file_name("participants.json");
        let said = [own, participants].iter().find_map(|path| {
            let keys: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
            let column = keys.get(column)?;
            column.get("Units").or_else(|| column.get("units"))?.as_str().map(str::to_lowercase)
        });
        match said.as_deref().map(str::trim) {
            None | Some("" | "year" | "years" | "yr" | "yrs" | "y" | "a" | "year(s)") => Self::Years,
            Some("month" | "months" | "mo" | "month(s)") => {
                Self::Fraction { name: "months", of_a_year: 12.0 }
            }
            Some("week" | "weeks" | "wk" | "week(s)") => Self::Fraction { name: "weeks", of_a_year: WEEKS },
            Some("day" | "days" | "d" | "day(s)") => Self::Fraction { name: "days", of_a_year: DAYS },
            Some(_) => Self::Unknown,
        }
    }
}

/// An age as the list writes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Age {
    Missing,
    Number(f64),
    /// Text that holds a number: BIDS writes the ages of the oldest as `89+` or `90+`.
    AtLeast(f64),
    /// No number.
    Text,
}

impl Age {
    pub(super) fn parse(cell: &str) -> Self {
        if is_missing_in_list(cell) {
            return Self::Missing;
        }
        let number = |text: &str| Number::parse(text).map(Number::to_double).filter(|age| age.is_finite());
        match (number(cell), cell.strip_suffix('+').and_then(number)) {
            (Some(age), _) => Self::Number(age),
            (None, Some(age)) => Self::AtLeast(age),
            (None, None) => Self::Text,
        }
    }

    pub(super) fn number(self) -> Option<f64> {
        match self {
            Self::Number(age) | Self::AtLeast(age) => Some(age),
            Self::Missing | Self::Text => None,
        }
    }
}

/// An age in years as the listing holds it: the text itself where it is a number of years already.
pub(super) fn in_years(cell: &str, unit: AgeUnit) -> Option<String> {
    let age = Age::parse(cell);
    let number = age.number()?;
    Some(match (unit, age) {
        (AgeUnit::Fraction { of_a_year, .. }, _) => format!("{:?}", number / of_a_year),
        (_, Age::Number(_)) => cell.to_owned(),
        _ => format!("{number:?}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_or_missing_or_text() {
        assert_eq!(Age::parse("30.5"), Age::Number(30.5));
        assert_eq!(Age::parse("89+"), Age::AtLeast(89.0));
        for missing in ["", "n/a", "N/A", "-", ".", "NaN", "None"] {
            assert_eq!(Age::parse(missing), Age::Missing, "{missing}");
        }
        for text in ["35-40", "old", "30,5", "inf", "+"] {
            assert_eq!(Age::parse(text), Age::Text, "{text}");
        }
    }

    #[test]
    fn other_units_become_years() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("participants.tsv");
        for (said, expected) in [
            ("months", Some("7.5")),
            ("weeks", Some("1.7248814144...")),
            ("years", Some("90")),
            ("scans", Some("90")),
        ] {
            let json = format!("{{\"age\": {{\"Units\": \"{said}\"}}}}");
            std::fs::write(folder.path().join("participants.json"), json).unwrap();
            let years = in_years("90", AgeUnit::beside(&list, "age")).unwrap();
            assert!(
                expected.is_some_and(|e| years.starts_with(e.trim_end_matches("..."))),
                "{said}: {years}"
            );
        }
        assert_eq!(AgeUnit::beside(&list, "age"), AgeUnit::Unknown);
        assert_eq!(AgeUnit::beside(&list, "other"), AgeUnit::Years);
    }
}
