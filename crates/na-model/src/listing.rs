//! What the session list says of each session, as text.

use foldhash::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use crate::column_note::ColumnNotes;
use crate::session::Session;

/// Sessions in the order of the session list, with their metadata as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The metadata columns; age, where there is one, is called [`AGE`](crate::columns::AGE).
    pub columns: Vec<String>,
    /// What the JSON beside the list says of some of the columns.
    #[serde(default)]
    pub notes: ColumnNotes,
    /// A row a session.
    pub rows: Vec<ListedSession>,
    /// Columns that must not be in the store, whoever had them: they look like direct identifiers.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// Whether [`AGE`](crate::columns::AGE) is in a unit that nobody knows, and not in years.
    #[serde(default)]
    pub unknown_age_unit: bool,
    /// Whether folders say which sessions there are, because no list does, or because it names subjects alone.
    #[serde(default)]
    pub found_by_folders: bool,
    /// Whether there is no list at all.
    #[serde(default)]
    pub is_discovered: bool,
}

impl Listing {
    /// The sessions that a list names: where it names subjects alone, a session without an id is one of whom there is nothing
    /// else, and all others are the folders'.
    pub fn named(&self) -> impl Iterator<Item = &Session> {
        let is_named =
            |session: &&Session| !self.found_by_folders || (!self.is_discovered && session.id.is_none());
        self.rows.iter().map(|row| &row.session).filter(is_named)
    }

    /// One listing of several, the latest first: of a session that several list, the words of the latest count, also where it has none.
    /// A column that a later one leaves out is not taken from an earlier one.
    ///
    /// ```
    /// use na_model::{ListedSession, Listing, Session, SubjectCode};
    ///
    /// let listing = |subjects: &[&str], age: &str| Listing {
    ///     columns: vec!["AGE".to_owned()],
    ///     rows: subjects.iter().map(|code| ListedSession {
    ///         session: Session::new(SubjectCode::clean(code).unwrap(), None),
    ///         values: vec![Some(age.to_owned())],
    ///     }).collect(),
    ///     ..Listing::default()
    /// };
    /// let joined = Listing::joined([listing(&["1"], "31"), listing(&["1", "2"], "30")]);
    /// assert_eq!(joined.rows, [listing(&["1"], "31").rows, listing(&["2"], "30").rows].concat());
    /// ```
    #[must_use]
    pub fn joined(latest_first: impl IntoIterator<Item = Self>) -> Self {
        let mut listings = latest_first.into_iter();
        let mut joined = listings.next().unwrap_or_default();
        let mut known: HashSet<Session> = joined.rows.iter().map(|row| row.session.clone()).collect();
        for listing in listings {
            // What was discovered says nothing of anybody: among the rows of a list it would, that there is nothing to say.
            if listing.is_discovered && !joined.is_discovered {
                continue;
            }
            let new = listing.rows.into_iter().filter(|row| known.insert(row.session.clone()));
            let new: Vec<ListedSession> = new.collect();
            // Of a list that says of nobody anything new, no column is new.
            let columns = if new.is_empty() { Vec::new() } else { listing.columns };
            let places: Vec<Option<usize>> = columns.into_iter().map(|name| joined.place_of(name)).collect();
            for row in new {
                let mut values = vec![None; joined.columns.len()];
                for (place, value) in places.iter().zip(row.values) {
                    if let Some(cell) = place.and_then(|place| values.get_mut(place)) {
                        *cell = value;
                    }
                }
                joined.rows.push(ListedSession { session: row.session, values });
            }
            for (column, note) in listing.notes {
                joined.notes.entry(column).or_insert(note);
            }
            for name in listing.left_out {
                if !joined.columns.contains(&name) && !joined.left_out.contains(&name) {
                    joined.left_out.push(name);
                }
            }
        }
        let n_columns = joined.columns.len();
        joined.rows.iter_mut().for_each(|row| row.values.resize(n_columns, None));
        joined
    }

    /// Where a column is, which is added if it is new. `None` if it is left out.
    fn place_of(&mut self, name: String) -> Option<usize> {
        let known = self.columns.iter().position(|known| *known == name);
        if known.is_some() || self.left_out.contains(&name) {
            return known;
        }
        self.columns.push(name);
        Some(self.columns.len() - 1)
    }

    /// Takes the columns of another listing, and what it says of the sessions that are listed here.
    pub fn take_words_of(&mut self, other: &Self) {
        self.columns.clone_from(&other.columns);
        self.notes.clone_from(&other.notes);
        self.unknown_age_unit = other.unknown_age_unit;
        let words: HashMap<&Session, &Vec<Option<String>>> =
            other.rows.iter().map(|row| (&row.session, &row.values)).collect();
        for row in &mut self.rows {
            let nothing = || vec![None; other.columns.len()];
            row.values = words.get(&row.session).map_or_else(nothing, |words| (*words).clone());
        }
    }
}

/// A row of the session list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedSession {
    /// Which session.
    pub session: Session,
    /// Its metadata, one cell for each of [`Listing::columns`]; none where the cell is empty or `n/a`.
    pub values: Vec<Option<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::SubjectCode;

    fn listing(subjects: &[&str], columns: &[&str]) -> Listing {
        let row = |code: &&str| ListedSession {
            session: Session::new(SubjectCode::clean(code).unwrap(), None),
            values: columns.iter().map(|column| Some((*column).to_owned())).collect(),
        };
        Listing {
            columns: columns.iter().map(ToString::to_string).collect(),
            rows: subjects.iter().map(row).collect(),
            ..Listing::default()
        }
    }

    #[test]
    fn what_was_discovered_is_no_row_of_a_list() {
        let discovered = Listing { is_discovered: true, found_by_folders: true, ..listing(&["1", "2"], &[]) };
        let list = listing(&["1"], &["AGE"]);
        let joined = Listing::joined([list.clone(), discovered.clone(), listing(&["3"], &["AGE"])]);
        assert_eq!(joined.rows, listing(&["1", "3"], &["AGE"]).rows);
        assert_eq!(Listing::joined([discovered.clone(), discovered.clone()]), discovered);
    }
}
