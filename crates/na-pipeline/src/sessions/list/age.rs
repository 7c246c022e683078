//! Ages in years.

use std::path::Path;

use na_model::columns::AGE;
use na_model::{Number, is_missing_in_list};
use serde_json::Value;

use crate::sessions::list::json_beside::{JsonBeside, in_any_case};

/// Weeks and days of a year, as BIDS converters count them.
const WEEKS: f64 = 52.1775;
const DAYS: f64 = 365.25;

/// The unit of ages, as the JSON beside the list says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum AgeUnit {
    Years,
    /// `of_a_year` of them are a year.
    Fraction {
        name: &'static str,
        of_a_year: f64,
    },
    /// An unknown word, or a file that cannot be read.
    Unknown,
}

impl AgeUnit {
    /// The unit of a column, from the JSON of the list's own name or `participants.json`, with a note. It is years
    /// unless one of them says otherwise; one that exists and cannot be read makes it unknown, and is told in the note.
    pub(super) fn said(beside: &mut [JsonBeside], column: &str) -> (Self, Option<String>) {
        for json in beside {
            match &json.said {
                Err(error) => {
                    json.is_told = true;
                    let note = format!(
                        "{error}; it may say in which unit ages are: {AGE} has the numbers of {column} as they are, in \
                         an unknown unit"
                    );
                    return (Self::Unknown, Some(note));
                }
                Ok(keys) => {
                    if let Some(said) = unit_in(keys, column) {
                        return Self::of(said, column, &json.path);
                    }
                }
            }
        }
        (Self::Years, None)
    }

    fn of(said: &Value, column: &str, json: &Path) -> (Self, Option<String>) {
        let unit = said.as_str().map(|text| Self::of_word(&text.trim().to_lowercase()));
        let unit = unit.unwrap_or(Self::Unknown);
        let json = json.display();
        let note = match unit {
            Self::Years => None,
            Self::Fraction { name, .. } => {
                Some(format!("{column} is in {name}, as {json} says: {AGE} is in years"))
            }
            Self::Unknown => Some(format!(
                "{json} counts {column} in something else than years, months, weeks or days: {AGE} has the numbers as \
                 they are, in an unknown unit; \"Units\": \"years\" (or months, weeks, days) says it"
            )),
        };
        (unit, note)
    }

    fn of_word(word: &str) -> Self {
        match word {
            "" | "year" | "years" | "yr" | "yrs" | "y" | "a" | "year(s)" => Self::Years,
            "month" | "months" | "mo" | "month(s)" => Self::Fraction { name: "months", of_a_year: 12.0 },
            "week" | "weeks" | "wk" | "week(s)" => Self::Fraction { name: "weeks", of_a_year: WEEKS },
            "day" | "days" | "d" | "day(s)" => Self::Fraction { name: "days", of_a_year: DAYS },
            _ => Self::Unknown,
        }
    }
}

/// The unit of a column, as a JSON says. `None` if it does not.
fn unit_in<'j>(keys: &'j Value, column: &str) -> Option<&'j Value> {
    in_any_case(keys, column).and_then(|column| in_any_case(column, "Units")).filter(|unit| !unit.is_null())
}

/// An age as the list writes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Age {
    Missing,
    Number(f64),
    /// Text with a number: BIDS writes the ages of the oldest as `89+` or `90+`.
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

/// An age in years as the listing holds it: the text itself if it is a number of years.
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
    use crate::sessions::list::json_beside::read_beside;

    fn unit_beside(list: &Path, column: &str) -> (AgeUnit, Option<String>) {
        AgeUnit::said(&mut read_beside(list), column)
    }

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
            let years = in_years("90", unit_beside(&list, "age").0).unwrap();
            assert!(
                expected.is_some_and(|e| years.starts_with(e.trim_end_matches("..."))),
                "{said}: {years}"
            );
        }
        let (unit, note) = unit_beside(&list, "age");
        assert_eq!(unit, AgeUnit::Unknown);
        assert!(note.unwrap().contains("unknown unit"));
        assert_eq!(unit_beside(&list, "other"), (AgeUnit::Years, None));
    }

    const MONTHS: AgeUnit = AgeUnit::Fraction { name: "months", of_a_year: 12.0 };

    #[test]
    fn the_unit_is_read_as_people_write_it() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("visits.tsv.gz");
        for json in [
            "\u{feff}{\"age\": {\"Units\": \"months\"}}",
            "{\"iq\": {\"mean\": NaN}, \"age\": {\"Units\": \"months\"}}",
            "{\"Age\": {\"units\": \" Months \"}}",
        ] {
            std::fs::write(folder.path().join("visits.json"), json).unwrap();
            assert_eq!(unit_beside(&list, "age").0, MONTHS, "{json}");
        }
        std::fs::write(
            folder.path().join("visits.json"),
            "{\"Age\": {\"Units\": \"weeks\"}, \"age\": {\"Units\": \"months\"}}",
        )
        .unwrap();
        assert_eq!(unit_beside(&list, "age").0, MONTHS);
        // One that says nothing of the unit leaves it to the other.
        std::fs::write(folder.path().join("visits.json"), "{\"age\": {\"Units\": null}}").unwrap();
        std::fs::write(folder.path().join("participants.json"), "{\"age\": {\"Units\": \"months\"}}")
            .unwrap();
        assert_eq!(unit_beside(&list, "age").0, MONTHS);
    }

    #[test]
    fn a_json_that_cannot_be_read_is_told_and_ages_are_not_taken_for_years() {
        let folder = tempfile::tempdir().unwrap();
        let (list, json) = (folder.path().join("list.csv"), folder.path().join("participants.json"));
        let utf16: Vec<u8> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (content, word) in [
            (&utf16[..], "UTF-16"),
            (b"{\"age\": {\"Units\": \"months\",}}", "line 1"),
            (b"{\"age\": {\"Units\": \"mon", "line 1"),
            (b"[]", "a JSON object"),
            (b"{\"age\": {\"Units\": [12]}}", "\"Units\": \"years\""),
        ] {
            std::fs::write(&json, content).unwrap();
            let (unit, note) = unit_beside(&list, "age");
            let note = note.unwrap();
            assert_eq!(unit, AgeUnit::Unknown, "{note}");
            assert!(note.contains("participants.json") && note.contains(word), "{word}: {note}");
        }
        std::fs::remove_file(&json).unwrap();
        std::fs::create_dir(&json).unwrap();
        assert_eq!(unit_beside(&list, "age").0, AgeUnit::Unknown);
    }
}
