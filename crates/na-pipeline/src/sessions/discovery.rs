//! The sessions of a run without a session list: every folder of a session under the roots.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::HashMap;
use na_model::{ListedSession, Session, SubjectCode, visible};

use crate::files::roots::{Root, Roots};
use crate::identifiers::name_match::IdKind;
use crate::sessions::lookalikes::{FoldersByCode, lookalikes};
use crate::sessions::session_list::{SessionList, WrittenIds};
use crate::sessions::visits::{HasFiles, Visits};

/// What to say of a root with files of sessions that only a list can name. `None` if there are none.
fn left_to_lists(root: &Root) -> Option<String> {
    let folders = root.flat.as_ref()?.told_by_lists();
    let first = root.path().join(folders.first()?);
    let are = if folders.len() == 1 {
        "1 of these is".to_owned()
    } else {
        format!("{} of these are", folders.len())
    };
    Some(format!(
        "{} names no sub-*, and is left out ({are} in that folder): a list (--sessions) says whose it is",
        first.display()
    ))
}

/// Every `sub-*[/ses-*]` under the roots, sorted, without metadata. Under a root without tables, which other programs
/// share, only those with a report count. A folder that cannot be read, or names nobody, is left out with a note.
pub(crate) fn discover(
    roots: &Roots,
    has_files: HasFiles<'_>,
    should_stop: &dyn Fn() -> bool,
) -> SessionList {
    let mut list = SessionList::default();
    list.listing.found_by_folders = true;
    list.listing.is_discovered = true;
    let mut subjects: FoldersByCode = BTreeMap::new();
    let mut written: BTreeMap<String, String> = BTreeMap::new();
    let mut named: Vec<(usize, String, &str)> = Vec::new();
    for (index, root) in roots.all.iter().enumerate() {
        for name in root.subjects.index.names() {
            let folder = root.subjects.path_of(name);
            match IdKind::Subject.clean(name) {
                Some(code) => {
                    written.entry(code.clone()).or_insert_with(|| visible(name, IdKind::Subject.prefix()));
                    subjects.entry(code.clone()).or_default().insert(index, folder);
                    named.push((index, code, name.as_str()));
                }
                None => list.notes.push(format!("{} is left out: it names no subject", folder.display())),
            }
        }
    }
    list.notes.extend(roots.of_tables().filter_map(left_to_lists).collect::<BTreeSet<String>>());
    let names: HashMap<(usize, &str), &str> =
        named.iter().map(|(index, code, name)| ((*index, code.as_str()), *name)).collect();
    let mut refused: BTreeMap<&str, String> = BTreeMap::new();
    let pairs = lookalikes(IdKind::Subject, &subjects);
    for pair in &pairs {
        for code in &pair.codes {
            refused.entry(code).or_insert_with(|| pair.reason());
        }
    }
    for (code, folders) in &subjects {
        if should_stop() {
            return list;
        }
        let Ok(subject) = SubjectCode::clean(code) else { continue };
        let with_root = |index: &usize| Some((roots.all.get(*index)?, *names.get(&(*index, code.as_str()))?));
        let mut visits = Visits::of(folders.keys().filter_map(with_root), has_files);
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
