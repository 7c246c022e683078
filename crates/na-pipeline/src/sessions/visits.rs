//! The visits of a subject, as its folders under the roots have them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use na_model::{SessionId, visible};

use crate::files::roots::Root;
use crate::files::session_folders::{ANAT, DWI};
use crate::identifiers::name_match::IdKind;
use crate::sessions::lookalikes::{FoldersByCode, Lookalikes, lookalikes};

/// The visits that a subject has under the roots.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    /// Each with its folder's name, `None` for files that are in no folder of a session.
    pub(crate) ids: BTreeMap<Option<SessionId>, Option<String>>,
    /// Why a visit cannot be told from another.
    pub(crate) refused: BTreeMap<Option<SessionId>, String>,
    pub(crate) notes: Vec<String>,
}

/// Tells whether a session's folder under a root has files that count.
pub(crate) type HasFiles<'a> = &'a dyn Fn(&Root, &Path) -> bool;

/// A folder under a root without tables: a visit only if it has a report, and no other root has the visit.
struct Possible<'r> {
    id: Option<SessionId>,
    written: Option<String>,
    root: &'r Root,
    folder: PathBuf,
}

impl Visits {
    /// The visits in a subject's folders, each with its root, by their names.
    pub(crate) fn of<'r>(
        folders: impl IntoIterator<Item = (&'r Root, &'r str)>,
        has_files: HasFiles<'_>,
    ) -> Self {
        let mut visits = Self::default();
        let mut by_id: FoldersByCode = BTreeMap::new();
        let mut possible: Vec<Possible<'_>> = Vec::new();
        for (root_index, (root, subject)) in folders.into_iter().enumerate() {
            let folder = root.subjects.path_of(subject);
            let listed = match root.visits(subject) {
                Ok(listed) => listed,
                Err(error) => {
                    visits.notes.push(format!("{} is left out: {error}", folder.display()));
                    continue;
                }
            };
            let names = listed.index.names();
            if root.flat.is_some() {
                // A subject's folder is of its only visit, whatever that is called elsewhere.
                if let Ok(Some(folder)) = root.without_visit(subject) {
                    possible.push(Possible { id: None, written: None, root, folder });
                }
            } else if root.has_tables && (names.is_empty() || has_scans(&folder)) {
                visits.ids.insert(None, None);
            } else if !root.has_tables {
                possible.push(Possible { id: None, written: None, root, folder });
            }
            for name in names {
                let folder = listed.path_of(name);
                let Ok(Some(id)) = SessionId::clean(name) else {
                    visits.notes.push(format!("{} is left out: it names no session", folder.display()));
                    continue;
                };
                by_id.entry(id.as_str().to_owned()).or_default().insert(root_index, folder.clone());
                let (id, written) = (Some(id), Some(visible(name, IdKind::Session.prefix())));
                if root.has_tables {
                    visits.ids.entry(id).or_insert(written);
                } else {
                    possible.push(Possible { id, written, root, folder });
                }
            }
        }
        let lookalikes = lookalikes(IdKind::Session, &by_id);
        visits.add_with_reports(possible, &lookalikes, has_files);
        visits.refuse(&lookalikes);
        visits
    }

    /// Adds those that have nothing but reports.
    fn add_with_reports(
        &mut self,
        possible: Vec<Possible<'_>>,
        lookalikes: &[Lookalikes],
        has_files: HasFiles<'_>,
    ) {
        for visit in possible.into_iter().rev() {
            let is_told_apart = match &visit.id {
                Some(id) => !lookalikes.iter().any(|pair| pair.has(id)),
                // Reports in no visit's folder may be those of any.
                None => self.ids.is_empty(),
            };
            // As a rule a visit has tables, too: then its reports need not be looked for here.
            let is_new = !self.ids.contains_key(&visit.id) && is_told_apart;
            if is_new && has_files(visit.root, &visit.folder) {
                self.ids.insert(visit.id, visit.written);
            }
        }
    }

    fn refuse(&mut self, lookalikes: &[Lookalikes]) {
        for pair in lookalikes {
            let alike = self.ids.keys().filter(|id| id.as_ref().is_some_and(|id| pair.has(id)));
            self.refused.extend(alike.map(|id| (id.clone(), pair.reason())));
        }
    }
}

/// Whether a subject has files of no visit under a root, beside those of visits.
pub(crate) fn has_visitless_files(root: &Root, subject: &str) -> bool {
    root.flat.is_none() && has_scans(&root.subjects.path_of(subject))
}

/// Whether a subject's folder holds scans of no session.
fn has_scans(folder: &Path) -> bool {
    [ANAT, DWI].iter().any(|scans| folder.join(scans).is_dir())
}
