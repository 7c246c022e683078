//! From the rows of a session list to sessions, seen together with the folders on disk and what the store holds.
//!
//! Knows rows, roots and stored sessions. Promises that a code which the store or a folder spells otherwise is theirs,
//! and that two rows of one session that differ fail it. Begin with [`identify`].

mod rows;
mod subjects;
mod visits;

use na_model::is_missing_in_list;

use crate::files::roots::Roots;
use crate::sessions::identity::subjects::Identities;
use crate::sessions::list::ListedRows;
use crate::sessions::session_list::SessionList;
use crate::sessions::stored_sessions::StoredSessions;
use crate::sessions::visits::HasFiles;

/// The sessions of a list. No row stops the run: one that cannot be told from another fails its session.
pub(crate) fn identify(
    rows: ListedRows,
    roots: &Roots,
    has_files: HasFiles<'_>,
    stored: &StoredSessions,
    should_stop: &dyn Fn() -> bool,
) -> SessionList {
    let mut list = SessionList { notes: rows.notes, ..SessionList::default() };
    list.listing.columns = rows.columns;
    list.listing.unknown_age_unit = rows.unknown_age_unit;
    list.listing.notes = rows.column_notes;
    list.counts.rows = rows.rows.len();
    let has_sessions = rows.has_sessions && rows.rows.iter().any(|row| !is_missing_in_list(&row.session));
    list.listing.found_by_folders = !has_sessions;
    let identities = Identities { roots, has_files, stored };
    let people = identities.people(rows.rows, &mut list);
    if has_sessions {
        identities.visits(people, &mut list, should_stop)
    } else {
        identities.expand(people, &mut list, should_stop)
    }
    list
}
