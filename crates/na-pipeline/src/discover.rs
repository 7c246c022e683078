//! The sessions of a run without a session list: every folder of a session under the roots.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use na_model::{ListedSession, Session, SessionId, SubjectCode};

use crate::error::PipelineError;
use crate::folders::{folders_in, list_root};
use crate::session_list::{SessionList, WrittenIds};

/// Every `sub-*[/ses-*]` under the roots, each given with the setting that names it; sorted, without metadata.
///
/// # Errors
/// A root that is missing or cannot be listed; two folders of one root that are the same subject or session.
pub fn discover(roots: &[(&'static str, &Path)]) -> Result<SessionList, PipelineError> {
    let mut list = SessionList::default();
    let mut sessions: BTreeMap<Session, WrittenIds> = BTreeMap::new();
    for (setting, root) in roots {
        for (subject, name, folder) in subjects(setting, root, &mut list.notes)? {
            for (id, session) in sessions_of(setting, &subject, &folder, &mut list.notes)? {
                let written = WrittenIds { subject: name.clone(), session };
                sessions.entry(Session::new(subject.clone(), id)).or_insert(written);
            }
        }
    }
    for (session, written) in sessions {
        list.listing.rows.push(ListedSession { session, values: Vec::new() });
        list.as_written.push(written);
    }
    list.notes.sort_unstable();
    list.notes.dedup();
    Ok(list)
}

fn subjects(
    setting: &'static str,
    root: &Path,
    notes: &mut Vec<String>,
) -> Result<Vec<(SubjectCode, String, PathBuf)>, PipelineError> {
    let mut seen: HashMap<SubjectCode, PathBuf> = HashMap::new();
    let mut subjects = Vec::new();
    for name in list_root(setting, root, "sub-")? {
        let folder = root.join(format!("sub-{name}"));
        match SubjectCode::clean(&name) {
            Ok(code) => {
                if let Some(first) = seen.insert(code.clone(), folder.clone()) {
                    return Err(same(format!("sub-{code}"), first, folder));
                }
                subjects.push((code, name, folder));
            }
            Err(error) => notes.push(format!("{} is passed over: {error}", folder.display())),
        }
    }
    Ok(subjects)
}

type FoundSession = (Option<SessionId>, Option<String>);

fn sessions_of(
    setting: &'static str,
    subject: &SubjectCode,
    folder: &Path,
    notes: &mut Vec<String>,
) -> Result<Vec<FoundSession>, PipelineError> {
    let names = folders_in(folder, "ses-").map_err(|source| PipelineError::RootUnreadable {
        setting,
        path: folder.to_owned(),
        source,
    })?;
    let mut found: Vec<FoundSession> = Vec::new();
    if names.is_empty() || ["anat", "dwi"].iter().any(|scans| folder.join(scans).is_dir()) {
        found.push((None, None));
    }
    let mut seen: HashMap<SessionId, PathBuf> = HashMap::new();
    for name in names {
        let path = folder.join(format!("ses-{name}"));
        match SessionId::clean(&name) {
            Ok(Some(id)) => {
                if let Some(first) = seen.insert(id.clone(), path.clone()) {
                    return Err(same(Session::new(subject.clone(), Some(id)).to_string(), first, path));
                }
                found.push((Some(id), Some(name)));
            }
            Ok(None) => notes.push(format!("{} is passed over: it names no session", path.display())),
            Err(error) => notes.push(format!("{} is passed over: {error}", path.display())),
        }
    }
    Ok(found)
}

fn same(session: String, first: PathBuf, second: PathBuf) -> PipelineError {
    PipelineError::SameSessionFolders { session, first, second }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn root(folders: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in folders {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        root
    }

    fn ids(list: &SessionList) -> Vec<String> {
        list.listing.rows.iter().map(|row| row.session.to_string()).collect()
    }

    #[test]
    fn every_session_under_the_roots_is_found_once_and_sorted() {
        let one = root(&["sub-b/ses-2/anat", "sub-b/ses-1", "sub-a", "logs", "sub-c/ses-1", "sub-c/anat"]);
        let two = root(&["sub-000b/ses-1", "sub-d/ses-x y"]);
        let list = discover(&[("ONE", one.path()), ("TWO", two.path())]).unwrap();
        assert_eq!(
            ids(&list),
            [
                "sub-000a",
                "sub-000b/ses-1",
                "sub-000b/ses-2",
                "sub-000c",
                "sub-000c/ses-1",
                "sub-000d/ses-x_y"
            ]
        );
        assert_eq!(list.as_written[1], WrittenIds { subject: "b".into(), session: Some("1".into()) });
        assert_eq!(list.as_written[5], WrittenIds { subject: "d".into(), session: Some("x y".into()) });
        assert!(list.listing.columns.is_empty());
    }

    #[test]
    fn two_folders_of_one_root_for_one_session_are_an_error() {
        for folders in [&["sub-7", "sub-0007"], &["sub-7/ses-a.b", "sub-7/ses-a_b"]] {
            let root = root(folders);
            let error = discover(&[("ROOT", root.path())]).unwrap_err().to_string();
            assert!(folders.iter().all(|folder| error.contains(folder)), "{error}");
        }
    }

    #[test]
    fn folders_whose_names_cannot_be_identifiers_are_passed_over_with_a_note() {
        let root = root(&["sub-a'b", "sub-c/ses-2.02e11", "sub-c/ses-1"]);
        let list = discover(&[("ROOT", root.path())]).unwrap();
        assert_eq!(ids(&list), ["sub-000c/ses-1"]);
        assert!(
            list.notes[0].contains("sub-a'b") && list.notes[1].contains("digits were lost"),
            "{:?}",
            list.notes
        );
    }

    #[test]
    fn a_missing_root_is_named_with_its_setting() {
        let error = discover(&[("QSIPARC_PATH", Path::new("/nowhere/at/all"))]).unwrap_err().to_string();
        assert!(error.contains("QSIPARC_PATH"), "{error}");
    }
}
