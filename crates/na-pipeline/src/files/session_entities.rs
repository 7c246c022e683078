//! The session that a file's folders name, and the one that its own name does.

use crate::identifiers::name_match::{IdKind, MatchKeys};

/// The extensions of files whose names are compared: an entity's value may itself hold a `.`.
const EXTENSIONS: [&str; 6] = [".tsv", ".tsv.gz", ".json", ".xml", ".nii", ".nii.gz"];

/// Whether two names are one by any of the rules by which a folder is found.
///
/// ```text
/// 7 = 0007    CLMC-10 = CLMC_10 = CLMC10    50772 = 0050772    a ≠ A
/// ```
pub(crate) fn names_same(first: &str, second: &str) -> bool {
    let keys = |name: &str| MatchKeys::of_folder(IdKind::Subject, name);
    first == second && !first.is_empty() || keys(first).best_match(&keys(second)).is_some()
}

/// The session that a file's folders name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FolderSession<'a> {
    subject: Option<&'a str>,
    session: Option<&'a str>,
}

impl<'a> FolderSession<'a> {
    /// Reads a file's path under its root: the last `sub-*` folder counts, and the `ses-*` below it.
    pub(crate) fn of(relative: &'a str) -> Self {
        let mut names = Self { subject: None, session: None };
        let folders = relative.rsplit_once('/').map_or("", |(folders, _)| folders);
        for folder in folders.split('/') {
            if let Some(subject) = folder.strip_prefix("sub-") {
                names = Self { subject: Some(subject), session: None };
            } else if let Some(session) = folder.strip_prefix("ses-") {
                names.session = Some(session);
            }
        }
        names
    }

    /// The session that a file's name has, if it is another than its folders'. What stands before `sub-` is left out,
    /// as CAT12's prefixes; a name without entities is never another session's, nor is one with a session in a folder
    /// without.
    pub(crate) fn other_session<'b>(&self, file_name: &'b str) -> Option<String> {
        let subject = entity(file_name, "sub-");
        let session = entity(file_name, "ses-");
        let is_other = |named: Option<&str>, folder: Option<&str>| match (named, folder) {
            (Some(named), Some(folder)) => !values(named).any(|value| names_same(value, folder)),
            _ => false,
        };
        if !is_other(subject, self.subject) && !is_other(session, self.session) {
            return None;
        }
        let named = |entity: Option<&'b str>| entity.and_then(|entity| values(entity).next());
        Some(written(named(subject), named(session)))
    }

    /// The folders, as they are written.
    pub(crate) fn written(&self) -> String {
        written(self.subject, self.session)
    }
}

/// The subject and visit in the name of an image.
pub(crate) fn session_of(name: &str) -> (Option<&str>, Option<&str>) {
    let named = |key| entity(name, key).and_then(|entity| values(entity).next());
    (named("sub-").filter(|_| name.starts_with("sub-")), named("ses-"))
}

/// The visit in a file's own name.
pub(crate) fn visit_of(file_name: &str) -> Option<&str> {
    entity(file_name, "ses-").and_then(|visit| values(visit).next())
}

fn written(subject: Option<&str>, session: Option<&str>) -> String {
    let parts = [subject.map(|name| format!("sub-{name}")), session.map(|name| format!("ses-{name}"))];
    parts.into_iter().flatten().collect::<Vec<_>>().join("/")
}

/// What follows an entity's key in a file's name. The subject comes first, whatever stands before it.
fn entity<'a>(file_name: &'a str, key: &str) -> Option<&'a str> {
    let stem = EXTENSIONS.iter().find_map(|ending| file_name.strip_suffix(ending)).unwrap_or(file_name);
    let from_subject = stem.find("sub-").and_then(|at| stem.get(at..)).unwrap_or(stem);
    let is_first = from_subject.starts_with(key);
    let at = if is_first { Some(0) } else { from_subject.find(&format!("_{key}")).map(|at| at + 1) };
    from_subject.get(at? + key.len()..)
}

/// The values that an entity may have, the likeliest first: a value may hold `_` and `-` itself, and ends before the
/// next entity, or, where none follows, before any of the words at the end.
fn values(behind_key: &str) -> impl Iterator<Item = &str> {
    let ends = behind_key.match_indices('_').filter_map(|(end, _)| {
        let mut rest = behind_key.get(end + 1..)?.split('_');
        let is_entity = |part: &str| part.contains('-');
        (rest.next().is_some_and(is_entity) || !rest.any(is_entity)).then_some(end)
    });
    ends.chain([behind_key.len()]).filter_map(|end| behind_key.get(..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_one() {
        for (first, second) in [
            ("7", "0007"),
            ("50772", "0050772"),
            ("1", "01"),
            ("CLMC-10", "CLMC_10"),
            ("CLMC10", "CLMC_10"),
            ("a.b", "a_b"),
            ("é", "e\u{301}"),
            ("ab", "00ab"),
            ("0", "00"),
        ] {
            assert!(names_same(first, second) && names_same(second, first), "{first} {second}");
        }
        for (first, second) in
            [("3", "4"), ("a", "A"), ("10", "100"), ("1", "11"), ("é", "e"), ("_", "-x"), ("", "1")]
        {
            assert!(!names_same(first, second) && !names_same(second, first), "{first} {second}");
        }
    }

    #[test]
    fn a_name_is_held_against_its_folders() {
        let other = |path: &str| FolderSession::of(path).other_session(path.rsplit('/').next().unwrap());
        for path in [
            "sub-0007/ses-1/anat/sub-7_ses-01_tissue-GM_parc.tsv",
            "sub-0007/ses-1/anat/tissue-GM_parc.tsv",
            "sub-0007/anat/sub-0007_ses-2_parc.tsv",
            "qsirecon-W/sub-CLMC-10/ses-a_b/dwi/sub-CLMC-10_ses-a_b_parc.tsv",
            "sub-A_B-C/ses-1/anat/sub-A_B-C_ses-1_atlas-A_parc.tsv",
            "sub-1/ses-1/anat/cat_sub-1_ses-1_T1w.xml",
            "sub-1/ses-1/anat/sub-1_parc.tsv",
            "sub-1/ses-1/anat/mwp1sub-1_ses-1.nii.gz",
            "sub-CLMC_10/ses-1/anat/sub-CLMC10_ses-1_parc.tsv",
            "sub-a.b/ses-1/anat/sub-a.b_ses-1_parc.tsv",
            "sub-0007/ses-a-b/anat/cat_sub-7_ses-a_b_T1w_defaced.xml",
        ] {
            assert_eq!(other(path), None, "{path}");
        }
        for (path, named) in [
            ("sub-0004/ses-2/anat/atlas-A/sub-0003_ses-2_parc.tsv", "sub-0003/ses-2"),
            ("sub-1/ses-2/anat/sub-1_ses-3_tissue-GM_parc.tsv", "sub-1/ses-3"),
            ("sub-1/ses-2/anat/ses-3_tissue-GM_parc.tsv", "ses-3"),
            ("sub-1/ses-2/anat/cat_sub-2_ses-2_T1w.xml", "sub-2/ses-2"),
            ("sub-1/anat/cat_sub-2_T1w.xml", "sub-2"),
            ("sub-1/ses-2/anat/sub-10_ses-2_x_parc.tsv", "sub-10/ses-2"),
            ("sub-1/ses-1/anat/sub-1_2_ses-1_atlas-A_parc.tsv", "sub-1_2/ses-1"),
        ] {
            assert_eq!(other(path).as_deref(), Some(named), "{path}");
        }
    }
}
