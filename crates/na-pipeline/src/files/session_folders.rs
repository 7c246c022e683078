//! Listing the folders of subjects, sessions and workflows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use na_model::SourceRoot;

use crate::error::PipelineError;
use crate::identifiers::name_index::NameIndex;
use crate::identifiers::name_match::{IdKind, MatchKeys};
use crate::unit_error::UnitError;

/// The folders of scans in a session's folder, as BIDS calls them.
pub(crate) const ANAT: &str = "anat";
pub(crate) const DWI: &str = "dwi";

/// The folder of a session in a `SUBJECTS_DIR` that FreeSurfer's files lie in.
pub(crate) const STATS: &str = "stats";

/// The names of folders that start with a prefix, without it, sorted.
#[derive(Debug, Default)]
pub(crate) struct FolderListing {
    pub(crate) names: Vec<String>,
    /// Folders with names that are not UTF-8: they cannot be told apart and are left out.
    pub(crate) unreadable: Vec<PathBuf>,
    /// Those of the names that are links to a target which cannot be reached, and which may be a folder.
    pub(crate) dead: BTreeSet<String>,
}

/// The folders of subjects, or of sessions, in a folder, as the folder lists them. None if it cannot be listed.
pub(crate) fn paths_in(folder: &Path, kind: IdKind) -> Vec<PathBuf> {
    folders_in(folder, kind.prefix()).unwrap_or_default().paths(folder, kind)
}

impl FolderListing {
    /// The paths of what was listed of subjects, or of sessions, in a folder.
    pub(crate) fn paths(&self, folder: &Path, kind: IdKind) -> Vec<PathBuf> {
        self.names.iter().map(|name| folder.join(format!("{}{name}", kind.prefix()))).collect()
    }
}

/// Lists the folders, and links to folders, in a folder that start with a prefix.
pub(crate) fn folders_in(folder: &Path, prefix: &str) -> io::Result<FolderListing> {
    let mut listed = FolderListing::default();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let file_name = entry.file_name();
        let Some(bare) = file_name.as_encoded_bytes().strip_prefix(prefix.as_bytes()) else { continue };
        let kind = entry.file_type()?;
        let target = kind.is_symlink().then(|| fs::metadata(entry.path()));
        let is_dead = matches!(target, Some(Err(_)));
        let is_folder =
            kind.is_dir() || target.is_some_and(|target| target.is_ok_and(|target| target.is_dir()));
        if !(is_folder || is_dead) || bare.is_empty() {
            continue;
        }
        match file_name.to_str().and_then(|name| name.strip_prefix(prefix)) {
            Some(name) => {
                if is_dead {
                    listed.dead.insert(name.to_owned());
                }
                listed.names.push(name.to_owned());
            }
            None => listed.unreadable.push(entry.path()),
        }
    }
    listed.names.sort_unstable();
    listed.unreadable.sort_unstable();
    Ok(listed)
}

/// The same for the root that a setting names.
pub(crate) fn list_root(
    setting: &SourceRoot,
    root: &Path,
    prefix: &str,
) -> Result<FolderListing, PipelineError> {
    let at = || (setting.clone(), root.to_owned());
    let problem = |problem: &str| {
        let (setting, path) = at();
        PipelineError::Root { setting, path, problem: problem.to_owned() }
    };
    let unreadable = |source| {
        let (setting, path) = at();
        PipelineError::RootUnreadable { setting, path, source }
    };
    match fs::metadata(root) {
        Ok(metadata) if metadata.is_dir() => folders_in(root, prefix).map_err(unreadable),
        Ok(_) => Err(problem("that is not a folder")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(problem("there is no such folder")),
        Err(error) => Err(unreadable(error)),
    }
}

/// Several folders that could be a session's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeveralFolders {
    pub(crate) folders: String,
    pub(crate) way_out: &'static str,
}

impl From<SeveralFolders> for UnitError {
    fn from(SeveralFolders { folders, way_out }: SeveralFolders) -> Self {
        Self::SeveralFolders { folders, way_out }
    }
}

/// The folders of subjects in a root, or of sessions in a subject's folder, found by any spelling of their names.
#[derive(Debug, Default)]
pub(crate) struct Folders {
    pub(crate) path: PathBuf,
    kind_prefix: &'static str,
    pub(crate) index: NameIndex,
    unreadable: Vec<PathBuf>,
    dead: BTreeSet<String>,
    /// Of folders that are not called by their prefix and name.
    paths: BTreeMap<String, Result<PathBuf, SeveralFolders>>,
}

impl Folders {
    pub(crate) fn new(path: &Path, kind: IdKind, listed: FolderListing) -> Self {
        let keyed = listed.names.into_iter().map(|name| {
            let keys = MatchKeys::of_folder(kind, &name);
            (name, keys)
        });
        Self {
            path: path.to_owned(),
            kind_prefix: kind.prefix(),
            index: NameIndex::new(keyed),
            unreadable: listed.unreadable,
            dead: listed.dead,
            paths: BTreeMap::new(),
        }
    }

    /// The same, where these are the paths, or what stands in the place of one.
    pub(crate) fn at(mut self, paths: BTreeMap<String, Result<PathBuf, SeveralFolders>>) -> Self {
        self.paths = paths;
        self
    }

    /// The path of a folder, checked to exist if it is a link that could not be reached before.
    ///
    /// # Errors
    /// A link that leads nowhere: the disk with the files may not be mounted; several folders of one session.
    pub(crate) fn reached(&self, name: &str) -> Result<PathBuf, UnitError> {
        if let Some(Err(several)) = self.paths.get(name) {
            return Err(several.clone().into());
        }
        let path = self.path_of(name);
        if !self.dead.contains(name) {
            return Ok(path);
        }
        match fs::metadata(&path) {
            Err(source) => Err(UnitError::unreadable(&path, source)),
            Ok(_) => Ok(path),
        }
    }

    /// What the user should know of folders among them that are left out, or cannot be reached.
    pub(crate) fn notes(&self) -> Vec<String> {
        let no_text = |folder: &PathBuf| format!("{} is left out: its name is no text", folder.display());
        self.unreadable.iter().map(no_text).chain(self.note_of_dead()).collect()
    }

    /// One note for all links that lead nowhere; `None` if there are none.
    fn note_of_dead(&self) -> Option<String> {
        let first = self.reached(self.dead.first()?).err()?;
        Some(match self.dead.len() {
            1 => first.to_string(),
            n => format!("{n} folders in {} lead nowhere, such as this: {first}", self.path.display()),
        })
    }

    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        match self.paths.get(name) {
            Some(Ok(path)) => path.clone(),
            _ => self.path.join(format!("{}{name}", self.kind_prefix)),
        }
    }
}

/// The sessions' folders of a subject's folder.
pub(crate) fn list_sessions(subject: &Path) -> io::Result<Folders> {
    let listed = folders_in(subject, IdKind::Session.prefix())?;
    Ok(Folders::new(subject, IdKind::Session, listed))
}

/// The names in a folder that are UTF-8; empty if the folder is missing.
pub(crate) fn names_in(folder: &Path) -> io::Result<BTreeSet<String>> {
    let entries = match fs::read_dir(folder) {
        // A link that leads nowhere is not a missing folder.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.is_symlink() => {
            return Ok(BTreeSet::new());
        }
        entries => entries?,
    };
    let mut names = BTreeSet::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn links_to_folders_count_and_files_do_not_and_what_cannot_be_reached_is_told() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        for folder in ["real/ses-1", "sub-b"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        symlink(root.path().join("real"), root.path().join("sub-a")).unwrap();
        symlink("sub-loop", root.path().join("sub-loop")).unwrap();
        symlink("nowhere", root.path().join("sub-gone")).unwrap();
        fs::write(root.path().join("sub-file"), "").unwrap();
        let listed = folders_in(root.path(), "sub-").unwrap();
        assert_eq!(listed.names, ["a", "b", "gone", "loop"]);
        let folders = Folders::new(root.path(), IdKind::Subject, listed);
        assert!(folders.reached("a").is_ok() && folders.reached("b").is_ok());
        let gone = folders.reached("gone").unwrap_err().to_string();
        assert!(gone.contains("sub-gone is a link to nowhere") && gone.contains("mount the disk"), "{gone}");
        assert!(folders.reached("loop").unwrap_err().to_string().contains("sub-loop"));
        assert!(folders.note_of_dead().unwrap().starts_with("2 folders in"));
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_whose_name_is_no_text_is_named() {
        use std::os::unix::ffi::OsStrExt;
        let root = tempfile::tempdir().unwrap();
        let odd = root.path().join(std::ffi::OsStr::from_bytes(b"sub-\xff"));
        fs::create_dir(&odd).unwrap();
        fs::create_dir(root.path().join("sub-1")).unwrap();
        let listed = folders_in(root.path(), "sub-").unwrap();
        assert_eq!((listed.names, listed.unreadable), (vec!["1".to_owned()], vec![odd]));
    }

    #[test]
    fn a_root_that_is_none_is_named_with_its_setting() {
        let root = tempfile::tempdir().unwrap();
        let missing = root.path().join("missing");
        let error = list_root(&SourceRoot::CAT12, &missing, "sub-").unwrap_err().to_string();
        assert!(error.contains("CAT12_ROOT") && error.contains("no such folder"), "{error}");
        fs::write(&missing, "").unwrap();
        let error = list_root(&SourceRoot::CAT12, &missing, "sub-").unwrap_err().to_string();
        assert!(error.contains("not a folder"), "{error}");
        // One that is there and cannot be reached is not missing: nobody looks for a slip of the pen.
        #[cfg(unix)]
        {
            let circle = root.path().join("circle");
            std::os::unix::fs::symlink("circle", &circle).unwrap();
            let error = list_root(&SourceRoot::CAT12, &circle, "sub-").unwrap_err();
            assert!(matches!(error, PipelineError::RootUnreadable { .. }), "{error}");
        }
    }
}
