//! Subjects whose folder in a `SUBJECTS_DIR` is of all their sessions together, as fMRIPrep makes it: each is a session of its own,
//! without an id, if the run asks for it.

use std::collections::{BTreeMap, BTreeSet};

use na_model::{ListedSession, Session, SubjectCode};

use crate::files::roots::{Root, Roots};
use crate::files::subjects_dir::SubjectsDir;
use crate::identifiers::name_match::MatchKeys;
use crate::sessions::session_list::{SessionList, WrittenIds};
use crate::sessions::stored_sessions::StoredSessions;

/// Adds them to a list. A subject with one session, listed or in the store, has the folder for it, and one that is listed without a session is there.
pub(crate) fn add_whole_subjects(list: &mut SessionList, roots: &Roots, stored: &StoredSessions) {
    let asked = roots.all.iter().filter_map(|root: &Root| Some((root, root.flat.as_ref()?)));
    let asked: Vec<(&Root, &SubjectsDir)> = asked.filter(|(_, flat)| flat.is_per_subject()).collect();
    if asked.is_empty() {
        return;
    }
    let has_folder = |code: &SubjectCode, written: &str| {
        let keys = MatchKeys::of_code(code.as_str(), Some(written));
        asked.iter().any(|(root, flat)| {
            let named = root.subjects.index.find(&keys).map(|(_, names)| names).unwrap_or_default();
            named.iter().any(|name| flat.has_whole(name))
                || [code.as_str(), written].iter().any(|name| flat.has_plain(name))
        })
    };
    let mut subjects: BTreeMap<&SubjectCode, (&str, BTreeSet<Option<&str>>)> = BTreeMap::new();
    for (row, written) in list.listing.rows.iter().zip(&list.as_written) {
        let (_, ids) =
            subjects.entry(&row.session.subject).or_insert_with(|| (&written.subject, BTreeSet::new()));
        ids.insert(row.session.id_str());
    }
    for (code, (_, ids)) in &mut subjects {
        ids.extend(stored.visits(code).flatten().map(|id| Some(id.as_str())));
    }
    subjects
        .retain(|code, (written, ids)| ids.len() > 1 && !ids.contains(&None) && has_folder(code, written));
    let whole: Vec<(Session, String)> = subjects
        .into_iter()
        .map(|(code, (written, _))| (Session::new(code.clone(), None), written.to_owned()))
        .collect();
    let n_columns = list.listing.columns.len();
    for (session, subject) in whole {
        list.listing.rows.push(ListedSession { session, values: vec![None; n_columns] });
        list.as_written.push(WrittenIds { subject, session: None });
    }
}
