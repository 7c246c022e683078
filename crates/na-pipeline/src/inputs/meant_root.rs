//! The folder that a setting was meant to name: roots go wrong by a level too many or too few, or are exchanged.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::files::session_folders::folders_in;
use crate::identifiers::name_match::IdKind;

/// Levels above the named folder at which a root is looked for: `…/root/sub-1/ses-1/anat`.
const LEVELS_ABOVE: usize = 4;

/// Folders that are looked into: a home has thousands, and each may be on another machine.
const MOST_FOLDERS: usize = 300;

/// How long it is looked: somebody waits for the load.
const PATIENCE: Duration = Duration::from_secs(3);

/// Subjects of a folder that are looked at.
const SUBJECTS: usize = 100;

/// A question after the note that nothing is where a setting points to: `; is X meant?`. Empty if there is no such root near it.
pub(super) fn question(named: &Path, is_root: impl Fn(&Path) -> bool) -> String {
    let meant = meant(named, is_root);
    meant.map(|meant| format!("; is {} meant?", meant.display())).unwrap_or_default()
}

/// A root that the named folder lies in; else one up to two levels below it; else one beside it. `None` also if it takes too long.
fn meant(named: &Path, is_root: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let until = Instant::now() + PATIENCE;
    let is_root = |folder: &Path| Instant::now() < until && is_root(folder);
    let real = fs::canonicalize(named).ok()?;
    if let Some(above) = real.ancestors().skip(1).take(LEVELS_ABOVE).find(|folder| is_root(folder)) {
        return Some(above.to_owned());
    }
    let mut left = MOST_FOLDERS;
    let below = below(named, &mut left, &is_root);
    below.or_else(|| self::below(real.parent()?, &mut left, &is_root))
}

/// A root up to two levels below a folder, the nearest first.
fn below(folder: &Path, left: &mut usize, is_root: &impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let children = folders(folder, left);
    let found = children.iter().find(|child| is_root(child)).cloned();
    found.or_else(|| {
        children.iter().find_map(|child| folders(child, left).into_iter().find(|below| is_root(below)))
    })
}

/// Folders and links in a folder, by name, but subjects and what is hidden. None once enough was looked at.
fn folders(folder: &Path, left: &mut usize) -> Vec<PathBuf> {
    let is_of_interest = |name: &str| !name.starts_with('.') && !name.starts_with(IdKind::Subject.prefix());
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        !is_file && entry.file_name().to_str().is_some_and(is_of_interest)
    });
    let mut folders: Vec<PathBuf> = folders.take(*left).map(|entry| entry.path()).collect();
    folders.sort_unstable();
    *left = left.saturating_sub(folders.len() + 1);
    folders
}

/// Whether a session of the first subjects in a folder is as asked.
pub(super) fn has_session(root: &Path, is_as_asked: impl Fn(&Path) -> bool) -> bool {
    let subjects = folders_in(root, IdKind::Subject.prefix()).unwrap_or_default().names.into_iter();
    subjects.take(SUBJECTS).any(|subject| {
        let subject = root.join(format!("{}{subject}", IdKind::Subject.prefix()));
        let sessions = folders_in(&subject, IdKind::Session.prefix()).unwrap_or_default().names.into_iter();
        let mut sessions =
            sessions.map(|session| subject.join(format!("{}{session}", IdKind::Session.prefix())));
        is_as_asked(&subject) || sessions.any(|session| is_as_asked(&session))
    })
}

/// Whether a file or folder in a folder has such a name.
pub(super) fn has_name(folder: &Path, is_such: impl Fn(&str) -> bool) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_str().is_some_and(&is_such))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_root_is_meant_above_before_below_before_beside() {
        let folder = tempfile::tempdir().unwrap();
        let at = |relative: &str| folder.path().join(relative);
        for root in
            ["a/roots/one/sub-1/anat/x", "a/roots/two/sub-1", "a/else", "deep/er/still/root/sub-1/anat/x"]
        {
            fs::create_dir_all(at(root)).unwrap();
        }
        let is_root =
            |root: &Path| has_session(root, |session| has_name(&session.join("anat"), |name| name == "x"));
        for (named, expected) in [
            ("a/roots/one/sub-1/anat", Some("a/roots/one")),
            ("a", Some("a/roots/one")),
            ("a/roots/two", Some("a/roots/one")),
            ("a/else", Some("a/roots/one")),
            ("deep/er", Some("deep/er/still/root")),
            ("deep", None),
        ] {
            let real = |path: PathBuf| fs::canonicalize(path).unwrap();
            assert_eq!(meant(&at(named), is_root).map(real), expected.map(at).map(real), "{named}");
        }
    }
}
