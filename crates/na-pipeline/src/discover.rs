//! The sessions of a run without a session list: every folder of a session under the roots.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use na_model::{ListedSession, Session, SessionId, SourceRoot, SubjectCode, visible};

use crate::files::tiv_files::TivFiles;
use crate::identifiers::name_match::Kind;
use crate::roots::{Root, Roots, list_sessions};
use crate::session_list::{SessionList, WrittenIds};
use crate::together::{Together, brought_together};

/// Every `sub-*[/ses-*]` under the roots, sorted, without metadata; under CAT12's, where other programs keep their files too,
/// those with a report. What cannot be read, or names nobody, is left out with a note.
pub(crate) fn discover(roots: &Roots, should_stop: &dyn Fn() -> bool) -> SessionList {
    let mut list = SessionList::default();
    list.listing.found_by_folders = true;
    let mut subjects: BTreeMap<String, BTreeMap<usize, PathBuf>> = BTreeMap::new();
    let mut written: BTreeMap<String, String> = BTreeMap::new();
    for (position, root) in roots.all.iter().enumerate() {
        for name in root.subjects.index.names() {
            let folder = root.subjects.path_of(name);
            match Kind::Subject.clean(name) {
                Some(code) => {
                    written.entry(code.clone()).or_insert_with(|| visible(name, Kind::Subject.prefix()));
                    subjects.entry(code).or_default().insert(position, folder);
                }
                None => list.notes.push(format!("{} is left out: it names no subject", folder.display())),
            }
        }
    }
    let mut refused: BTreeMap<&str, String> = BTreeMap::new();
    let together = brought_together(Kind::Subject, &subjects);
    for pair in &together {
        for code in &pair.codes {
            refused.entry(code).or_insert_with(|| told(pair));
        }
    }
    for (code, folders) in &subjects {
        if should_stop() {
            return list;
        }
        let Ok(subject) = SubjectCode::clean(code) else { continue };
        let at = |(position, folder): (&usize, &PathBuf)| Some((roots.all.get(*position)?, folder.clone()));
        let mut visits = Visits::of(folders.iter().filter_map(at));
        list.notes.append(&mut visits.notes);
        for (id, name) in visits.ids {
            let session = Session::new(subject.clone(), id);
            let reason = refused.get(code.as_str()).cloned();
            let reason = reason.or_else(|| visits.refused.get(&session.id).cloned());
            list.refused.extend(reason.map(|reason| (session.clone(), reason)));
            let subject = written.get(code).cloned().unwrap_or_else(|| code.clone());
            list.listing.rows.push(ListedSession { session, values: Vec::new() });
            list.as_written.push(WrittenIds { subject, session: name });
        }
    }
    list.notes.sort_unstable();
    list.notes.dedup();
    list.counts.rows = list.listing.rows.len();
    list
}

fn told(pair: &Together) -> String {
    let [first, second] = &pair.folders;
    format!(
        "{} and {} could be the same: their names have the same letters and digits, or are equal as numbers; rename one \
         so that both are written alike, or name the sessions in a session list",
        first.display(),
        second.display()
    )
}

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
            let has_tables = root.setting != SourceRoot::Cat12;
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
                let written = visible(name, Kind::Session.prefix());
                if has_tables {
                    visits.ids.entry(Some(id)).or_insert(Some(written));
                } else {
                    under_reports.push((Some(id), Some(written), root, path));
                }
            }
        }
        let together = brought_together(Kind::Session, &by_id);
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
            visits.refused.extend(alike.map(|id| (id.clone(), told(&pair))));
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
    ["anat", "dwi"].iter().any(|scans| folder.join(scans).is_dir())
}
