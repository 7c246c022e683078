//! The sessions of a run, listed or discovered.

use std::collections::BTreeMap;

use na_model::{Listing, Session};

use crate::event::{Event, Observer};

/// Identifiers as a list or a folder writes them, without BIDS' prefixes and what nobody sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrittenIds {
    pub(crate) subject: String,
    pub(crate) session: Option<String>,
}

impl WrittenIds {
    /// The identifiers of a session as they are cleaned: of one that no list or folder writes otherwise.
    pub(crate) fn of(session: &Session) -> Self {
        Self { subject: session.subject.as_str().to_owned(), session: session.id_str().map(str::to_owned) }
    }
}

/// The sessions of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SessionList {
    pub(crate) listing: Listing,
    /// How each of them was written, in the same order.
    pub(crate) as_written: Vec<WrittenIds>,
    /// Sessions that fail before they are looked for, as they cannot be told from others or lost digits; with the
    /// reason.
    pub(crate) refused: BTreeMap<Session, String>,
    /// Sessions of people who withdrew: nothing of them is loaded.
    pub(crate) withdrawn: Vec<(Session, WrittenIds)>,
    /// What is wrong with rows that mean no session that can be told.
    pub(crate) untold: Vec<String>,
    /// What became of the rows.
    pub(crate) counts: RowCounts,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

impl SessionList {
    /// Tells the notes.
    pub(crate) fn tell(&self, observer: &dyn Observer) {
        self.notes.iter().for_each(|note| observer.event(Event::Note(note.clone())));
    }

    /// All who have a claim on folders.
    pub(crate) fn claimants(&self) -> impl Iterator<Item = (&Session, &WrittenIds)> {
        let listed = self.listing.rows.iter().map(|row| &row.session).zip(&self.as_written);
        listed.chain(self.withdrawn.iter().map(|(session, written)| (session, written)))
    }
}

/// What became of a list's rows: together they are all of them.
#[expect(missing_docs, reason = "a field without a note is what its name says")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCounts {
    pub rows: usize,
    /// Rows without a session, of people who have rows with one.
    pub visits_without_scan: usize,
    /// Rows without a subject.
    pub without_id: usize,
    /// Rows that repeat another.
    pub repeated: usize,
    /// Rows with an identifier that cannot be used.
    pub unusable: usize,
    /// Sessions of people who withdrew.
    pub withdrawn: usize,
}
