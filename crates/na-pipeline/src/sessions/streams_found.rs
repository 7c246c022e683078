//! Which of FreeSurfer's streams the sessions of a run have been through: their values are not comparable.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use na_model::Session;

use crate::files::roots::Root;
use crate::files::subjects_dir::{Stream, stream_of};

/// The sessions of each stream by `SUBJECTS_DIR`.
#[derive(Debug, Default)]
pub(crate) struct StreamsFound(Mutex<BTreeMap<PathBuf, BTreeMap<Stream, BTreeSet<Session>>>>);

impl StreamsFound {
    /// Counts the folder that a session has in a root, if folders lie there side by side.
    pub(crate) fn add(&self, root: &Root, session: &Session, folder: &Path) {
        let Some(flat) = root.flat.as_ref().filter(|flat| !flat.are_images()) else { return };
        let Some(name) = folder.file_name() else { return };
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_root = found.entry(flat.path().to_owned()).or_default();
        of_root.entry(stream_of(&name.to_string_lossy())).or_default().insert(session.clone());
    }

    /// What to say of each root of which sessions of both are loaded.
    pub(crate) fn notes(&self) -> Vec<String> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let note = |(path, sessions): (&PathBuf, &BTreeMap<Stream, BTreeSet<Session>>)| {
            let (cross, long) = (sessions.get(&Stream::Cross)?.len(), sessions.get(&Stream::Long)?.len());
            Some(format!(
                "in {}, {long} sessions have been through FreeSurfer's longitudinal stream, and {cross} have not: their values are not \
                 comparable; choose with --freesurfer-stream cross or long",
                path.display()
            ))
        };
        found.iter().filter_map(note).collect()
    }
}
