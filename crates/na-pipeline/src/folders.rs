//! Which folder of a root is which session.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use na_model::{Session, SessionId, SubjectCode};

use crate::error::PipelineError;
use crate::session_list::WrittenIds;
use crate::unit_error::UnitError;

/// The subjects' folders of one root, listed once.
#[derive(Debug)]
pub struct SubjectFolders {
    root: PathBuf,
    subjects: Names,
}

impl SubjectFolders {
    /// Lists a root. `setting` is the setting that names it, for errors.
    ///
    /// # Errors
    /// A root that is missing, not a folder or cannot be listed.
    pub fn list(setting: &'static str, root: &Path) -> Result<Self, PipelineError> {
        let names = list_root(setting, root, "sub-")?;
        Ok(Self { root: root.to_owned(), subjects: Names::new(names, clean_subject) })
    }

    /// Whether the root has no folder of a subject at all: probably it is not the root that was meant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.subjects.all.is_empty()
    }

    /// The folder of a session: looked for under the cleaned codes, as they were written, and with only their letters
    /// and digits. A folder whose name cleans to the same code is the same subject or session, however it is written.
    ///
    /// # Errors
    /// Several folders that could be the session's; a subject's folder that cannot be listed.
    pub fn find(&self, session: &Session, written: &WrittenIds) -> Result<Option<PathBuf>, UnitError> {
        let subject = self.subjects.find(session.subject.as_str(), &written.subject);
        let Some(folder) = one(&self.root, "sub-", subject, &format!("sub-{}", session.subject))? else {
            return Ok(None);
        };
        let Some(id) = session.id_str() else {
            return Ok(Some(folder));
        };
        let names = folders_in(&folder, "ses-").map_err(|source| UnitError::unreadable(&folder, source))?;
        let names = Names::new(names, clean_session);
        let found = names.find(id, written.session.as_deref().unwrap_or(id));
        one(&folder, "ses-", found, &session.to_string())
    }
}

/// Names of folders without their prefix.
#[derive(Debug)]
struct Names {
    all: HashSet<String>,
    by_clean: HashMap<String, Vec<String>>,
}

impl Names {
    fn new(names: Vec<String>, clean: impl Fn(&str) -> Option<String>) -> Self {
        let mut by_clean: HashMap<String, Vec<String>> = HashMap::new();
        for name in &names {
            if let Some(code) = clean(name) {
                by_clean.entry(code).or_default().push(name.clone());
            }
        }
        Self { all: names.into_iter().collect(), by_clean }
    }

    /// All that could be meant, the likeliest first. Only names that were listed are ever found, so that no code can
    /// lead out of its folder.
    fn find(&self, clean: &str, written: &str) -> Vec<String> {
        let candidates = [clean.to_owned(), written.to_owned(), alphanumeric(clean), alphanumeric(written)];
        let mut found: Vec<String> = Vec::new();
        let same = self.by_clean.get(clean).into_iter().flatten();
        for name in candidates.iter().filter(|name| self.all.contains(*name)).chain(same) {
            if !found.contains(name) {
                found.push(name.clone());
            }
        }
        found
    }
}

fn alphanumeric(code: &str) -> String {
    code.chars().filter(|c| c.is_alphanumeric()).collect()
}

fn one(folder: &Path, prefix: &str, found: Vec<String>, session: &str) -> Result<Option<PathBuf>, UnitError> {
    let mut paths = found.into_iter().map(|name| folder.join(format!("{prefix}{name}")));
    match (paths.next(), paths.next()) {
        (Some(first), Some(second)) => {
            Err(UnitError::AmbiguousFolder { session: session.to_owned(), first, second })
        }
        (first, _) => Ok(first),
    }
}

pub(crate) fn clean_subject(name: &str) -> Option<String> {
    SubjectCode::clean(name).ok().map(|code| code.as_str().to_owned())
}

fn clean_session(name: &str) -> Option<String> {
    SessionId::clean(name).ok().flatten().map(|id| id.as_str().to_owned())
}

/// The folders of a root whose names start with a prefix, without it, sorted.
pub(crate) fn list_root(
    setting: &'static str,
    root: &Path,
    prefix: &str,
) -> Result<Vec<String>, PipelineError> {
    let problem =
        |problem: &str| PipelineError::Root { setting, path: root.to_owned(), problem: problem.to_owned() };
    let unreadable = |source| PipelineError::RootUnreadable { setting, path: root.to_owned(), source };
    match fs::metadata(root) {
        Ok(metadata) if metadata.is_dir() => folders_in(root, prefix).map_err(unreadable),
        Ok(_) => Err(problem("that is not a folder")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(problem("there is no such folder")),
        Err(error) => Err(unreadable(error)),
    }
}

/// The folders, or links to folders, whose names start with a prefix, without it, sorted.
pub(crate) fn folders_in(folder: &Path, prefix: &str) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let file_name = entry.file_name();
        let Some(name) = file_name.to_str().and_then(|name| name.strip_prefix(prefix)) else { continue };
        let kind = entry.file_type()?;
        // A link that leads nowhere, or round in circles, is no folder.
        let is_folder = kind.is_dir() || (kind.is_symlink() && entry.path().is_dir());
        if is_folder && !name.is_empty() {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(folders: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in folders {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        root
    }

    fn find(folders: &[&str], subject: &str, session: &str) -> Result<Option<String>, UnitError> {
        let root = root(folders);
        let id = SessionId::clean(session).unwrap();
        let written =
            WrittenIds { subject: subject.to_owned(), session: id.is_some().then(|| session.to_owned()) };
        let session = Session::new(SubjectCode::clean(subject).unwrap(), id);
        let found = SubjectFolders::list("ROOT", root.path()).unwrap().find(&session, &written)?;
        Ok(found.map(|path| path.strip_prefix(root.path()).unwrap().display().to_string()))
    }

    fn found(folders: &[&str], subject: &str, session: &str) -> String {
        find(folders, subject, session).unwrap().unwrap_or_default()
    }

    #[test]
    fn a_folder_is_found_cleaned_as_written_and_with_letters_and_digits() {
        assert_eq!(found(&["sub-CLMC_10/ses-1"], "CLMC-10", "1"), "sub-CLMC_10/ses-1");
        assert_eq!(found(&["sub-CLMC-10/ses-1"], "CLMC-10", "1"), "sub-CLMC-10/ses-1");
        assert_eq!(found(&["sub-CLMC10/ses-1"], "CLMC-10", "1"), "sub-CLMC10/ses-1");
        assert_eq!(found(&["sub-7/ses-1"], "7", "1"), "sub-7/ses-1");
        assert_eq!(found(&["sub-07/ses-1"], "7", "1"), "sub-07/ses-1");
        assert_eq!(found(&["sub-7/ses-a.b"], "7", "a.b"), "sub-7/ses-a.b");
        assert_eq!(found(&["sub-7/ses-ab"], "7", "a.b"), "sub-7/ses-ab");
        assert_eq!(found(&["sub-7/ses-12"], "7", "12.0"), "sub-7/ses-12");
        assert_eq!(found(&["sub-7/ses-1"], "7", ""), "sub-7");
        assert_eq!(found(&["sub-7/ses-1", "sub-70"], "70", ""), "sub-70");
        assert_eq!(find(&["sub-7/ses-1"], "7", "2").unwrap(), None);
        assert_eq!(find(&["sub-7/ses-1", "7"], "8", "1").unwrap(), None);
    }

    #[test]
    fn several_folders_for_one_session_are_an_error_that_names_two() {
        for (folders, subject, session) in [
            (&["sub-7/ses-1", "sub-0007/ses-1"], "7", "1"),
            (&["sub-7/ses-1", "sub-0007/ses-1"], "0007", "1"),
            (&["sub-a.b.c", "sub-a b c"], "a_b_c", ""),
            (&["sub-CLMC_10", "sub-CLMC10"], "CLMC-10", ""),
            (&["sub-7/ses-a_b", "sub-7/ses-a.b"], "7", "a_b"),
        ] {
            let error = find(folders, subject, session).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, UnitError::AmbiguousFolder { .. }), "{text}");
            assert!(folders.iter().all(|folder| text.contains(folder.trim_end_matches("/ses-1"))), "{text}");
        }
    }

    #[test]
    fn no_written_code_leads_out_of_the_root() {
        let root = root(&["out/x", "root/sub-a", "root/sub-zzz"]);
        let folders = SubjectFolders::list("ROOT", &root.path().join("root")).unwrap();
        for subject in
            ["a/../../out/x".to_owned(), "../out".to_owned(), "x".repeat(5000), "zzz\0/".to_owned()]
        {
            let session = Session::new(SubjectCode::clean("zzzz").unwrap(), None);
            let found = folders.find(&session, &WrittenIds { subject, session: None }).unwrap();
            assert!(found.is_none_or(|path| path == root.path().join("root/sub-zzz")));
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_to_folders_count_and_files_and_loops_do_not() {
        use std::os::unix::fs::symlink;
        let root = root(&["real/ses-1", "sub-b"]);
        symlink(root.path().join("real"), root.path().join("sub-a")).unwrap();
        symlink("sub-loop", root.path().join("sub-loop")).unwrap();
        symlink("nowhere", root.path().join("sub-gone")).unwrap();
        fs::write(root.path().join("sub-file"), "").unwrap();
        assert_eq!(folders_in(root.path(), "sub-").unwrap(), ["a", "b"]);
    }

    #[test]
    fn a_root_that_is_none_is_named_with_its_setting() {
        let root = root(&[]);
        let missing = root.path().join("missing");
        let error = SubjectFolders::list("CAT12_ROOT", &missing).unwrap_err().to_string();
        assert!(error.contains("CAT12_ROOT") && error.contains("no such folder"), "{error}");
        fs::write(&missing, "").unwrap();
        let error = SubjectFolders::list("CAT12_ROOT", &missing).unwrap_err().to_string();
        assert!(error.contains("not a folder"), "{error}");
    }
}
