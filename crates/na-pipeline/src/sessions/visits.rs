//! The visits of a subject, as its folders under the roots have them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use na_model::{SessionId, visible};

use crate::files::roots::Root;
use crate::files::session_folders::{ANAT, DWI, list_sessions};
use crate::files::tiv_files::TivFiles;
use crate::identifiers::name_match::IdKind;
use crate::sessions::lookalikes::lookalikes;

/// The visits that a subject has under the roots.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    /// Each with its folder's name, `None` for files that are in no folder of a session.
    pub(crate) ids: BTreeMap<Option<SessionId>, Option<String>>,
    /// Why a visit cannot be told from another.
    pub(crate) refused: BTreeMap<Option<SessionId>, String>,
    pub(crate) notes: Vec<String>,
}

impl Visits {
    /// The visits in a subject's folders, each with its root.
    pub(crate) fn of<'r>(folders: impl IntoIterator<Item = (&'r Root, PathBuf)>) -> Self {
        let mut visits = Self::default();
        let mut by_id: BTreeMap<String, BTreeMap<usize, PathBuf>> = BTreeMap::new();
        let mut under_reports: Vec<(Option<SessionId>, Option<String>, &Root, PathBuf)> = Vec::new();
        for (position, (root, folder)) in folders.into_iter().enumerate() {
            let listed = match list_sessions(&folder) {
                Ok(listed) => listed,
                Err(error) => {
                    visits.notes.push(format!("{} is left out: {error}", folder.display()));
                    continue;
                }
            };
            let has_tables = root.has_tables;
            let names = listed.index.names();
            if has_tables && (names.is_empty() || has_scans(&folder)) {
                visits.ids.insert(None, None);
            } else if !has_tables {
                under_reports.push((None, None, root, folder.clone()));
            }
            for name in names {
                let path = listed.path_of(name);
                let Ok(Some(id)) = SessionId::clean(name) else {
                    visits.notes.push(format!("{} is left out: it names no session", path.display()));
                    continue;
                };
                by_id.entry(id.as_str().to_owned()).or_default().insert(position, path.clone());
                let written = visible(name, IdKind::Session.prefix());
                if has_tables {
                    visits.ids.entry(Some(id)).or_insert(Some(written));
                } else {
                    under_reports.push((Some(id), Some(written), root, path));
                }
            }
        }
        let together = lookalikes(IdKind::Session, &by_id);
        let is_told_apart = |id: &Option<SessionId>, visits: &Self| match id {
            Some(id) => !together.iter().any(|pair| pair.codes.iter().any(|code| code == id.as_str())),
            // Reports in no visit's folder may be those of any.
            None => visits.ids.is_empty(),
        };
        for (id, written, root, folder) in under_reports.into_iter().rev() {
            // As a rule a visit has tables, too: then its reports need not be looked for here.
            let is_new = !visits.ids.contains_key(&id) && is_told_apart(&id, &visits);
            if is_new && has_report(root, &folder) {
                visits.ids.insert(id, written);
            }
        }
        for pair in together {
            let codes: BTreeSet<&str> = pair.codes.iter().map(String::as_str).collect();
            let alike =
                visits.ids.keys().filter(|id| id.as_ref().is_some_and(|id| codes.contains(id.as_str())));
            visits.refused.extend(alike.map(|id| (id.clone(), pair.reason())));
        }
        visits
    }
}

/// Whether CAT12 wrote a report into a visit's folder.
fn has_report(root: &Root, folder: &Path) -> bool {
    let mut reports = TivFiles::default();
    reports.look_for_reports(root.path(), folder);
    !reports.is_empty()
}

/// Whether a subject's folder holds scans of no session.
pub(crate) fn has_scans(folder: &Path) -> bool {
    [ANAT, DWI].iter().any(|scans| folder.join(scans).is_dir())
}
