//! What the session list says of each session, as text.

use foldhash::HashMap;
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
