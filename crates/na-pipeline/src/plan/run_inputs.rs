//! What a run reads before it looks into the store: the session list and the roots of its inputs.

use std::path::Path;

use crate::config::{Config, SessionSource};
use crate::error::PipelineError;
use crate::event::{Event, Observer};
use crate::files::roots::Root;
use crate::inputs::listed_inputs::ListedInputs;
use crate::sessions::discovery::discover;
use crate::sessions::identity::identify;
use crate::sessions::list::{ListedRows, read_session_list};
use crate::sessions::session_list::SessionList;
use crate::sessions::stored_sessions::StoredSessions;
use crate::sessions::whole_subjects::add_whole_subjects;

pub(crate) struct RunInputs {
    /// `None` if sessions are discovered.
    rows: Option<ListedRows>,
    pub(crate) listed: ListedInputs,
}

impl RunInputs {
    pub(crate) fn read(config: &Config) -> Result<Self, PipelineError> {
        let rows = match &config.sessions {
            SessionSource::List { path, options } => Some(read_session_list(path, options)?),
            SessionSource::Discover => None,
        };
        Ok(Self { rows, listed: ListedInputs::list(config.inputs())? })
    }

    /// The sessions of the run, seen together with those that the store has.
    pub(crate) fn sessions(
        &self,
        config: &Config,
        stored: &StoredSessions,
        observer: &dyn Observer,
    ) -> SessionList {
        let should_stop = || observer.should_stop();
        let has_files = |root: &Root, folder: &Path| self.listed.has_files(root, folder);
        let roots = &self.listed.roots;
        let mut list = match &self.rows {
            Some(rows) => {
                let mut list = identify(rows.clone(), roots, &has_files, stored, &should_stop);
                add_whole_subjects(&mut list, roots, stored);
                list
            }
            None => discover(roots, &has_files, &should_stop),
        };
        let columns = stored.metadata_columns.iter();
        list.listing.left_out =
            columns.filter(|column| config.sessions.leaves_out(column)).cloned().collect();
        list
    }

    /// Tells the notes of the roots: why nothing was found may be among them.
    pub(crate) fn tell_roots(&self, observer: &dyn Observer) {
        self.listed.roots.notes.iter().for_each(|note| observer.event(Event::Note(note.clone())));
    }
}
