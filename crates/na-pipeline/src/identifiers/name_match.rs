//! The three ways in which a folder's name is an identifier's.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

pub(crate) use na_model::code_number as number;
use na_model::{SessionId, SubjectCode, code_letters as letters, visible};

use crate::identifiers::spreadsheet_numbers::undressed;

/// How a folder was found for an identifier, the surest way first. Each is tried only where those before it found
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Way {
    /// The name cleans to the code, or is the code as written.
    Code,
    /// It has the same letters and digits; case counts.
    Letters,
    /// Both are digits, and equal as numbers.
    Number,
}

/// Which identifiers are compared: subjects are padded when they are cleaned, sessions are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Subject,
    Session,
}

impl Kind {
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

/// What a name is compared by: its forms, as it is written and cleaned, of which each way takes what it compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    forms: Vec<String>,
    /// Whether the zero of a spreadsheet's `8.0` would count as a digit: then only the whole name is compared.
    may_be_clothed: bool,
}

impl Keys {
    /// The keys of a folder's name.
    pub(crate) fn of_folder(kind: Kind, name: &str) -> Self {
        let visible = visible(name, kind.prefix());
        let clean = kind.clean(name).filter(|clean| *clean != visible);
        let may_be_clothed = undressed(&visible).is_some();
        Self { forms: clean.into_iter().chain([visible]).collect(), may_be_clothed }
    }

    /// The keys of an identifier, with the form in which a list or folder writes it.
    pub(crate) fn of_code(clean: &str, written: Option<&str>) -> Self {
        let written = written.filter(|written| *written != clean);
        let may_be_clothed = written.is_some_and(|written| undressed(written).is_some());
        Self {
            forms: [Some(clean), written].into_iter().flatten().map(str::to_owned).collect(),
            may_be_clothed,
        }
    }

    /// The keys of one way.
    pub(crate) fn by(&self, way: Way) -> Vec<Cow<'_, str>> {
        let forms = self.forms.iter();
        match way {
            Way::Code => forms.map(|form| Cow::Borrowed(form.as_str())).collect(),
            Way::Letters | Way::Number if self.may_be_clothed => Vec::new(),
            Way::Letters => {
                forms.map(|form| letters(form)).filter(|l| !l.is_empty()).map(Cow::Owned).collect()
            }
            Way::Number => forms.filter_map(|form| number(form)).take(1).map(Cow::Owned).collect(),
        }
    }

    /// The surest way in which two names are one; `None` if they are not.
    pub(crate) fn way_to(&self, other: &Self) -> Option<Way> {
        WAYS.into_iter().find(|way| {
            let others = other.by(*way);
            self.by(*way).iter().any(|key| others.contains(key))
        })
    }
}

/// The ways in the order in which they are tried.
pub(crate) const WAYS: [Way; 3] = [Way::Code, Way::Letters, Way::Number];

/// Names that can be looked up in each way.
#[derive(Debug, Clone, Default)]
pub(crate) struct NameIndex {
    names: Vec<String>,
    keys: Vec<Keys>,
    /// For each of [`WAYS`], the positions of the names that have a key: made when the way is first asked, as hardly any
    /// name needs more than the first.
    by_key: [OnceLock<HashMap<String, Vec<usize>>>; 3],
}

impl NameIndex {
    pub(crate) fn new(names: impl IntoIterator<Item = (String, Keys)>) -> Self {
        let (names, keys) = names.into_iter().unzip();
        Self { names, keys, by_key: Default::default() }
    }

    /// All names, in the order in which they were given.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The names that a way leads to.
    pub(crate) fn by(&self, way: Way, keys: &Keys) -> Vec<&str> {
        let of_way = WAYS.into_iter().zip(&self.by_key).filter(|(its, _)| *its == way);
        let by_key = of_way.map(|(_, by_key)| by_key.get_or_init(|| self.positions(way)));
        let found = by_key.flat_map(|by_key| keys.by(way).into_iter().filter_map(|key| by_key.get(&*key)));
        let mut positions: Vec<usize> = found.flatten().copied().collect();
        positions.sort_unstable();
        positions.dedup();
        positions.into_iter().filter_map(|position| self.names.get(position)).map(String::as_str).collect()
    }

    fn positions(&self, way: Way) -> HashMap<String, Vec<usize>> {
        let mut positions: HashMap<String, Vec<usize>> = HashMap::with_capacity(self.names.len());
        for (position, keys) in self.keys.iter().enumerate() {
            for key in keys.by(way) {
                positions.entry(key.into_owned()).or_default().push(position);
            }
        }
        positions
    }

    /// The surest way that leads to any name, and the names it leads to.
    pub(crate) fn find(&self, keys: &Keys) -> Option<(Way, Vec<&str>)> {
        WAYS.into_iter().map(|way| (way, self.by(way, keys))).find(|(_, names)| !names.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(kind: Kind, written: &str, folder: &str) -> Option<Way> {
        let clean = kind.clean(written).unwrap();
        Keys::of_code(&clean, Some(&visible(written, kind.prefix()))).way_to(&Keys::of_folder(kind, folder))
    }

    #[test]
    fn the_surest_way_is_told() {
        for (written, folder, expected) in [
            ("7", "7", Some(Way::Code)),
            ("7", "0007", Some(Way::Code)),
            ("A-b.c", "A_b_c", Some(Way::Code)),
            ("CLMC-10", "CLMC10", Some(Way::Letters)),
            ("2-22", "222", Some(Way::Letters)),
            ("40772", "0040772", Some(Way::Number)),
            ("abc", "ABC", None),
            ("40772", "407720", None),
            ("Mu\u{308}ller", "M\u{fc}ller", Some(Way::Code)),
        ] {
            assert_eq!(way(Kind::Subject, written, folder), expected, "{written} {folder}");
        }
        assert_eq!(way(Kind::Session, "1", "01"), Some(Way::Number));
        assert_eq!(way(Kind::Session, "2-1", "21"), Some(Way::Letters));
        assert_eq!(way(Kind::Session, "12", "1"), None);
        assert_eq!(way(Kind::Session, "1-0", "10"), Some(Way::Letters));
    }

    #[test]
    fn the_zero_of_a_spreadsheet_is_no_digit_of_a_name() {
        for (kind, written, folder) in [
            (Kind::Subject, "8.0", "80"),
            (Kind::Subject, "80", "8.0"),
            (Kind::Subject, "8.00", "800"),
            (Kind::Session, "1.0", "10"),
            (Kind::Session, "10", "1.0"),
        ] {
            assert_eq!(way(kind, written, folder), None, "{written} {folder}");
        }
        assert_eq!(way(Kind::Subject, "8.0", "8.0"), Some(Way::Code));
        assert_eq!(way(Kind::Session, "1.0", "1_0"), Some(Way::Code));
    }

    #[test]
    fn a_way_is_tried_only_where_those_before_it_found_nothing() {
        let names = ["CLMC10", "CLMC_10", "0050", "50"];
        let index = NameIndex::new(names.map(|name| (name.to_owned(), Keys::of_folder(Kind::Subject, name))));
        let find = |code: &str| {
            let keys = Keys::of_code(&Kind::Subject.clean(code).unwrap(), Some(code));
            index.find(&keys).map(|(way, names)| (way, names.join(" ")))
        };
        assert_eq!(find("CLMC-10"), Some((Way::Code, "CLMC_10".to_owned())));
        assert_eq!(find("CL_MC10"), Some((Way::Letters, "CLMC10 CLMC_10".to_owned())));
        assert_eq!(find("00050"), Some((Way::Number, "0050 50".to_owned())));
        assert_eq!(find("51"), None);
    }
}
