//! The three rules by which two spellings are one identifier.

use std::borrow::Cow;

pub(crate) use na_model::code_number as number;
use na_model::{SessionId, SubjectCode, code_letters as letters, visible};

use crate::identifiers::spreadsheet_numbers::without_decimal_zeros;

/// How surely two spellings are one identifier, the surest first. A weaker rule is asked only where the stronger ones
/// find nothing: the derived order says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Match {
    /// The name cleans to the code, or is the code as written.
    Code,
    /// Both have the same letters and digits; case counts.
    Letters,
    /// Both are digits, and equal as numbers.
    Number,
}

impl Match {
    /// All, in the order in which they are asked.
    pub(crate) const ALL: [Self; 3] = [Self::Code, Self::Letters, Self::Number];
}

/// Which identifiers are compared: subjects are padded when they are cleaned, sessions are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdKind {
    Subject,
    Session,
}

impl IdKind {
    /// BIDS' prefix of folders.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Subject => "sub-",
            Self::Session => "ses-",
        }
    }

    /// The clean form of a name; `None` if it names nobody.
    pub(crate) fn clean(self, name: &str) -> Option<String> {
        match self {
            Self::Subject => SubjectCode::clean(name).ok().map(|code| code.as_str().to_owned()),
            Self::Session => SessionId::clean(name).ok().flatten().map(|id| id.as_str().to_owned()),
        }
    }
}

/// What a spelling is compared by: as it is written, and cleaned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MatchKeys {
    spellings: Vec<String>,
    /// Whether the zero of a spreadsheet's `8.0` would count as a digit: then only the whole name is compared.
    has_decimal_zeros: bool,
}

impl MatchKeys {
    /// The keys of a folder's name.
    pub(crate) fn of_folder(kind: IdKind, name: &str) -> Self {
        let visible = visible(name, kind.prefix());
        let clean = kind.clean(name).filter(|clean| *clean != visible);
        let has_decimal_zeros = without_decimal_zeros(&visible).is_some();
        Self { spellings: clean.into_iter().chain([visible]).collect(), has_decimal_zeros }
    }

    /// The keys of a clean identifier, with the spelling that a list or folder has of it.
    pub(crate) fn of_code(clean: &str, written: Option<&str>) -> Self {
        let written = written.filter(|written| *written != clean);
        let has_decimal_zeros = written.is_some_and(|written| without_decimal_zeros(written).is_some());
        let spellings = [Some(clean), written].into_iter().flatten().map(str::to_owned).collect();
        Self { spellings, has_decimal_zeros }
    }

    /// The keys that one rule compares.
    pub(crate) fn by(&self, rule: Match) -> Vec<Cow<'_, str>> {
        let spellings = self.spellings.iter();
        match rule {
            Match::Code => spellings.map(|spelling| Cow::Borrowed(spelling.as_str())).collect(),
            Match::Letters | Match::Number if self.has_decimal_zeros => Vec::new(),
            Match::Letters => spellings
                .map(|spelling| letters(spelling))
                .filter(|l| !l.is_empty())
                .map(Cow::Owned)
                .collect(),
            Match::Number => {
                let mut numbers = spellings.filter_map(|spelling| number(spelling));
                numbers.next().map(Cow::Owned).into_iter().collect()
            }
        }
    }

    /// The surest rule by which two spellings are one; `None` if they are not.
    pub(crate) fn best_match(&self, other: &Self) -> Option<Match> {
        Match::ALL.into_iter().find(|rule| {
            let others = other.by(*rule);
            self.by(*rule).iter().any(|key| others.contains(key))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best_match(kind: IdKind, written: &str, folder: &str) -> Option<Match> {
        let clean = kind.clean(written).unwrap();
        MatchKeys::of_code(&clean, Some(&visible(written, kind.prefix())))
            .best_match(&MatchKeys::of_folder(kind, folder))
    }

    #[test]
    fn the_surest_way_is_told() {
        for (written, folder, expected) in [
            ("7", "7", Some(Match::Code)),
            ("7", "0007", Some(Match::Code)),
            ("A-b.c", "A_b_c", Some(Match::Code)),
            ("CLMC-10", "CLMC10", Some(Match::Letters)),
            ("2-22", "222", Some(Match::Letters)),
            ("40772", "0040772", Some(Match::Number)),
            ("abc", "ABC", None),
            ("40772", "407720", None),
            ("Mu\u{308}ller", "M\u{fc}ller", Some(Match::Code)),
        ] {
            assert_eq!(best_match(IdKind::Subject, written, folder), expected, "{written} {folder}");
        }
        assert_eq!(best_match(IdKind::Session, "1", "01"), Some(Match::Number));
        assert_eq!(best_match(IdKind::Session, "2-1", "21"), Some(Match::Letters));
        assert_eq!(best_match(IdKind::Session, "12", "1"), None);
        assert_eq!(best_match(IdKind::Session, "1-0", "10"), Some(Match::Letters));
    }

    #[test]
    fn the_zero_of_a_spreadsheet_is_no_digit_of_a_name() {
        for (kind, written, folder) in [
            (IdKind::Subject, "8.0", "80"),
            (IdKind::Subject, "80", "8.0"),
            (IdKind::Subject, "8.00", "800"),
            (IdKind::Session, "1.0", "10"),
            (IdKind::Session, "10", "1.0"),
        ] {
            assert_eq!(best_match(kind, written, folder), None, "{written} {folder}");
        }
        assert_eq!(best_match(IdKind::Subject, "8.0", "8.0"), Some(Match::Code));
        assert_eq!(best_match(IdKind::Session, "1.0", "1_0"), Some(Match::Code));
    }
}
