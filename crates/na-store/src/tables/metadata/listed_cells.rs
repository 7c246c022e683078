//! The cells of a session list, for the sessions of a store.

use foldhash::{HashMap, HashSet, HashSetExt};
use na_model::{Listing, Session};

/// The cells of each session, one a column.
pub(super) type CellsBySession = HashMap<Session, Vec<Option<String>>>;

/// What a session list says of the sessions in a store.
pub(super) struct ListedCells {
    /// The names of its columns, without those left out.
    pub(super) names: Vec<String>,
    /// In the list's order.
    pub(super) sessions: Vec<Session>,
    /// Empty for a list without columns.
    pub(super) cells: CellsBySession,
}

impl ListedCells {
    /// A session that the list has twice gets the cells of its first row.
    pub(super) fn of(listing: &Listing, in_store: &HashSet<Session>) -> Self {
        let columns = listing.columns.iter().enumerate();
        let (indices, names): (Vec<usize>, Vec<String>) = columns
            .filter(|(_, name)| !listing.left_out.contains(name))
            .map(|(index, name)| (index, name.clone()))
            .unzip();
        let mut seen = HashSet::new();
        let mut listed = Self { names, sessions: Vec::new(), cells: CellsBySession::default() };
        for row in listing.rows.iter().filter(|row| in_store.contains(&row.session)) {
            if !seen.insert(&row.session) {
                continue;
            }
            listed.sessions.push(row.session.clone());
            if !listing.columns.is_empty() {
                let cells = indices.iter().map(|index| row.values.get(*index).cloned().flatten());
                listed.cells.insert(row.session.clone(), cells.collect());
            }
        }
        listed
    }
}
