//! What a run reads before it looks into the store: the session list and the roots.

use crate::config::{Config, SessionSource};
use crate::error::PipelineError;
use crate::event::{Event, Observer};
use crate::files::roots::Roots;
use crate::inputs::roots::list_roots;
use crate::sessions::discovery::discover;
use crate::sessions::identity::identify;
use crate::sessions::list::options::SessionListOptions;
use crate::sessions::list::{ListedRows, read_session_list};
use crate::sessions::session_list::SessionList;
use crate::sessions::stored_sessions::StoredSessions;

pub(crate) struct RunInputs {
    /// `None` if sessions are discovered.
    rows: Option<ListedRows>,
    pub(crate) roots: Roots,
}

impl RunInputs {
    pub(crate) fn read(config: &Config) -> Result<Self, PipelineError> {
        let rows = match &config.sessions {
            SessionSource::List { path, options } => Some(read_session_list(path, options)?),
            SessionSource::Discover => None,
        };
        Ok(Self { rows, roots: list_roots(config)? })
    }

    /// The sessions of the run, seen together with those that the store has.
    pub(crate) fn sessions(
        &self,
        config: &Config,
        stored: &StoredSessions,
        observer: &dyn Observer,
    ) -> SessionList {
        let should_stop = || observer.should_stop();
        let mut list = match &self.rows {
            Some(rows) => identify(rows.clone(), &self.roots, stored, &should_stop),
            None => discover(&self.roots, &should_stop),
        };
        let default = SessionListOptions::default();
        let options = match &config.sessions {
            SessionSource::List { options, .. } => options,
            SessionSource::Discover => &default,
        };
        let columns = stored.metadata_columns.iter();
        list.listing.left_out = columns.filter(|column| options.leaves_out(column)).cloned().collect();
        list
    }

    /// Tells the notes of the roots and the list.
    pub(crate) fn tell_notes(&self, list: &SessionList, observer: &dyn Observer) {
        let notes = self.roots.notes.iter().chain(&list.notes);
        notes.for_each(|note| observer.event(Event::Note(note.clone())));
    }
}
