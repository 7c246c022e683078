//! FreeSurfer's `SUBJECTS_DIR`: the folders of all sessions side by side, `sub-S_ses-E`, where BIDS has `sub-S/ses-E`; and a folder with the
//! files of all sessions, `report/cat_IMAGE.xml`, where the names of images stand for those of folders.
//!
//! fMRIPrep, `BIDS-Apps/freesurfer` and FastSurfer call them as BIDS says; others by the subject's code alone, or by any text that a
//! list has. The longitudinal stream adds `.long.BASE` to a session's name, and a folder for each base.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use na_model::ModelError;
use unicode_normalization::UnicodeNormalization;

use crate::files::session_entities::session_of;
use crate::files::session_folders::{FolderListing, Folders, STATS, SeveralFolders, folders_in, names_in};
use crate::files::tiv_rank::rank_of_image;
use crate::identifiers::name_match::IdKind;
use crate::unit_error::UnitError;

/// What separates a session's name from that of its base.
const LONG: &str = ".long.";

/// The file that FreeSurfer writes into a base: the time points that it is made of.
const OF_BASE: &str = "base-tps";

/// Folders that an error names.
const NAMED: usize = 5;

/// Folders that are looked at for the files of a session.
const LOOKED_AT: usize = 100;

/// Which of FreeSurfer's streams a folder is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// Each session by itself.
    Cross,
    /// A session that was processed from its subject's base.
    Long,
}

impl Stream {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Cross, Self::Long];

    /// The word in options.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cross => "cross",
            Self::Long => "long",
        }
    }
}

impl FromStr for Stream {
    type Err = ModelError;

    fn from_str(word: &str) -> Result<Self, ModelError> {
        let not_one = || ModelError::NotOneOf { found: word.to_owned(), expected: "cross, long" };
        Self::ALL.into_iter().find(|stream| stream.as_str() == word).ok_or_else(not_one)
    }
}

/// Which folder is a session's where several are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FolderChoice {
    /// `None` if nobody chose: then both for one session are an error.
    pub stream: Option<Stream>,
    /// The value of the entity `run`. `None` if nobody chose.
    pub run: Option<String>,
    /// Whether the folder of a subject with several sessions is loaded, for a session without an id. Without it, it is an error.
    pub per_subject: bool,
}

/// What a folder's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionDirName<'a> {
    /// Behind `sub-`; `None` for a name that does not begin so.
    subject: Option<&'a str>,
    visit: Option<&'a str>,
    run: Option<&'a str>,
    stream: Stream,
    /// Without the base.
    stem: &'a str,
}

impl<'a> SessionDirName<'a> {
    fn parse(name: &'a str) -> Self {
        let (stem, stream) = match name.split_once(LONG) {
            Some((stem, _)) => (stem, Stream::Long),
            None => (name, Stream::Cross),
        };
        let Some(bids) = stem.strip_prefix(IdKind::Subject.prefix()) else {
            return Self { subject: None, visit: None, run: None, stream, stem };
        };
        let (bids, run) = bids.split_once("_run-").map_or((bids, None), |(bids, run)| (bids, Some(run)));
        let (subject, visit) =
            bids.split_once("_ses-").map_or((bids, None), |(subject, visit)| (subject, Some(visit)));
        Self { subject: Some(subject), visit, run, stream, stem }
    }

    /// What the name of an image says: behind `sub-` and `ses-`, up to the next entity.
    fn of_image(stem: &'a str) -> Self {
        let (subject, visit) = session_of(stem);
        let run = stem.split('_').find_map(|part| part.strip_prefix("run-"));
        Self { subject, visit: visit.filter(|_| subject.is_some()), run, stream: Stream::Cross, stem }
    }
}

/// The subject and visit that the name of an image says. Of a name without entities, it is the subject, whole.
pub(crate) fn image_name(stem: &str) -> (String, Option<String>) {
    let parsed = SessionDirName::of_image(stem);
    (parsed.subject.unwrap_or(parsed.stem).to_owned(), parsed.visit.map(str::to_owned))
}

/// The subject and visit that a folder's name says. Of a name that does not begin with `sub-`, it is the subject, whole.
pub(crate) fn folder_name(name: &str) -> (String, Option<String>) {
    let parsed = SessionDirName::parse(name);
    (parsed.subject.unwrap_or(parsed.stem).to_owned(), parsed.visit.map(str::to_owned))
}

/// Which stream a folder is of.
pub(crate) fn stream_of(name: &str) -> Stream {
    SessionDirName::parse(name).stream
}

/// The folders of all sessions in a `SUBJECTS_DIR`.
#[derive(Debug, Default)]
pub(crate) struct SubjectsDir {
    path: PathBuf,
    /// By subject and visit; `None` for a folder that names no visit.
    sessions: BTreeMap<String, BTreeMap<Option<String>, Vec<SessionDir>>>,
    /// Folders that do not begin with `sub-`, by their names without their bases.
    plain: BTreeMap<String, Vec<SessionDir>>,
    choice: FolderChoice,
    dead: BTreeSet<String>,
    /// Whether its names are those of images: what a list has may be the beginning of one.
    are_images: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SessionDir {
    /// Of an image, which of several counts; 0 for folders.
    rank: u8,
    name: String,
    stream: Stream,
    run: Option<String>,
}

impl SubjectsDir {
    /// Sorts what was listed of a folder, all names whole.
    pub(crate) fn new(path: &Path, listed: &FolderListing, choice: FolderChoice) -> Self {
        let mut all = Self { path: path.to_owned(), choice, dead: listed.dead.clone(), ..Self::default() };
        let of_long = listed.names.iter().filter_map(|name| Some(name.split_once(LONG)?.1));
        let bases: BTreeSet<&str> = of_long.collect();
        let is_base = |name: &str| bases.contains(name) || path.join(name).join(OF_BASE).is_file();
        for name in listed.names.iter().filter(|name| !is_made_by_freesurfer(name) && !is_base(name)) {
            let SessionDirName { subject, visit, run, stream, stem } = SessionDirName::parse(name);
            let folder = SessionDir { rank: 0, name: name.clone(), stream, run: run.map(str::to_owned) };
            match subject {
                Some(subject) => all.add(subject, visit, folder),
                None => all.plain.entry(stem.to_owned()).or_default().push(folder),
            }
        }
        all
    }

    /// Sorts the images that files in a folder are of.
    pub(crate) fn of_images<'i>(
        path: &Path,
        images: impl IntoIterator<Item = &'i str>,
        choice: FolderChoice,
    ) -> Self {
        let mut all = Self { path: path.to_owned(), choice, are_images: true, ..Self::default() };
        for image in images {
            let SessionDirName { subject, visit, run, stream, .. } = SessionDirName::of_image(image);
            let (rank, run) = (rank_of_image(image), run.map(str::to_owned));
            let folder = SessionDir { rank, name: image.to_owned(), stream, run };
            match subject {
                Some(subject) => all.add(subject, visit, folder),
                None => {
                    for name in beginnings(image) {
                        all.plain.entry(name).or_default().push(folder.clone());
                    }
                }
            }
        }
        all
    }

    fn add(&mut self, subject: &str, visit: Option<&str>, folder: SessionDir) {
        let visits = self.sessions.entry(subject.to_owned()).or_default();
        visits.entry(visit.map(str::to_owned)).or_default().push(folder);
    }

    /// The names, [`joined`], by which a list may mean a folder that does not begin with `sub-`, or the image of one: the longest first.
    pub(crate) fn names_of(&self, folder: &str) -> Vec<String> {
        if self.are_images { beginnings(folder) } else { vec![joined(folder)] }
    }

    /// The subjects that folders name, as if each had a folder of its own. Of what was listed, those whose names are no text stay.
    pub(crate) fn subjects(&self, listed: FolderListing) -> FolderListing {
        let names = self.sessions.keys().cloned().collect();
        FolderListing { names, dead: BTreeSet::new(), ..listed }
    }

    /// How many sessions' folders there are, and the first names.
    pub(crate) fn examples(&self, n: usize) -> (usize, Vec<&str>) {
        let of_subjects = self.sessions.values().flat_map(BTreeMap::values);
        let all: BTreeSet<&str> =
            of_subjects.chain(self.plain.values()).flatten().map(|folder| folder.name.as_str()).collect();
        (all.len(), all.into_iter().take(n).collect())
    }

    /// `SUBJECTS_DIR`.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a folder of a subject with several sessions is loaded, for a session without an id.
    pub(crate) fn is_per_subject(&self) -> bool {
        self.choice.per_subject
    }

    /// Whether there is a folder of a subject that names no visit.
    pub(crate) fn has_whole(&self, subject: &str) -> bool {
        self.sessions.get(subject).is_some_and(|visits| visits.contains_key(&None))
    }

    /// Whether there is a folder that does not begin with `sub-` and has this name.
    pub(crate) fn has_plain(&self, name: &str) -> bool {
        self.plain.contains_key(&*self.key(name))
    }

    /// The folders or images of which only a list says whose they are, as they do not begin with `sub-`.
    pub(crate) fn told_by_lists(&self) -> BTreeSet<&str> {
        let names = self.plain.values().flatten().map(|folder| folder.name.as_str());
        names.filter(|name| self.are_images || self.path.join(name).join(STATS).is_dir()).collect()
    }

    /// Whether its names are those of images.
    pub(crate) fn are_images(&self) -> bool {
        self.are_images
    }

    /// What a name is looked up by.
    fn key<'n>(&self, name: &'n str) -> Cow<'n, str> {
        if self.are_images { Cow::Owned(joined(name)) } else { Cow::Borrowed(name) }
    }

    /// The folders of a subject's visits.
    pub(crate) fn visits(&self, subject: &str) -> Folders {
        let visits = self.sessions.get(subject).into_iter().flatten();
        let visits = visits.filter_map(|(visit, folders)| Some((visit.as_ref()?, folders)));
        let (mut listed, mut paths) = (FolderListing::default(), BTreeMap::new());
        for (visit, folders) in visits {
            let Some(chosen) = self.one_of(folders).transpose() else { continue };
            listed.names.push(visit.clone());
            if folders.iter().any(|folder| self.dead.contains(&folder.name)) {
                listed.dead.insert(visit.clone());
            }
            paths.insert(visit.clone(), chosen.map(|folder| self.path.join(&folder.name)));
        }
        Folders::new(&self.path, IdKind::Session, listed).at(paths)
    }

    /// The folder of a subject that names no visit. `None` if there is none.
    pub(crate) fn without_visit(&self, subject: &str) -> Result<Option<PathBuf>, UnitError> {
        self.path_in(self.sessions.get(subject).and_then(|visits| visits.get(&None)))
    }

    /// The folder that does not begin with `sub-` and has this name; of those that may be meant, as a list says. The one that is called so
    /// to the end comes before those that only begin so. `None` if there is none.
    pub(crate) fn plain(
        &self,
        name: &str,
        may_be_meant: impl Fn(&str) -> bool,
    ) -> Result<Option<PathBuf>, UnitError> {
        let key = self.key(name);
        let mut folders: Vec<SessionDir> = self.plain.get(&*key).cloned().unwrap_or_default();
        folders.retain(|folder| may_be_meant(&folder.name));
        if self.are_images && folders.iter().any(|folder| joined(&folder.name) == *key) {
            folders.retain(|folder| joined(&folder.name) == *key);
        }
        self.path_in(Some(&folders))
    }

    fn path_in(&self, folders: Option<&Vec<SessionDir>>) -> Result<Option<PathBuf>, UnitError> {
        let Some(folders) = folders else { return Ok(None) };
        Ok(self.one_of(folders)?.map(|folder| self.path.join(&folder.name)))
    }

    /// The one of a session's folders that is chosen. `None` if there is none at all: of folders that are not chosen, nothing is gone.
    fn one_of<'a>(&self, folders: &'a [SessionDir]) -> Result<Option<&'a SessionDir>, SeveralFolders> {
        let mut chosen: Vec<&SessionDir> = folders.iter().collect();
        if let Some(stream) = self.choice.stream {
            chosen.retain(|folder| folder.stream == stream);
        }
        if let Some(run) = &self.choice.run
            && chosen.iter().any(|folder| folder.run.is_some())
        {
            chosen.retain(|folder| folder.run.as_ref() == Some(run));
        }
        let best = chosen.iter().map(|folder| folder.rank).min();
        chosen.retain(|folder| Some(folder.rank) == best);
        let named = |folders: &[&SessionDir]| {
            let paths =
                folders.iter().take(NAMED).map(|folder| self.path.join(&folder.name).display().to_string());
            let more = folders.len().checked_sub(NAMED).filter(|more| *more > 0);
            paths.chain(more.map(|more| format!("{more} more"))).collect::<Vec<_>>().join(", ")
        };
        let several = |way_out: &'static str| SeveralFolders { folders: named(&chosen), way_out };
        match chosen.as_slice() {
            [] if folders.is_empty() => Ok(None),
            [] => {
                let all: Vec<&SessionDir> = folders.iter().collect();
                let way_out = match self.are_images {
                    true => "--entity chooses others",
                    false => "--freesurfer-stream and --entity choose others",
                };
                Err(SeveralFolders { folders: named(&all), way_out })
            }
            [one] => Ok(Some(one)),
            all if all.iter().any(|folder| Some(folder.stream) != all.first().map(|first| first.stream)) => {
                Err(several("choose with --freesurfer-stream cross or long"))
            }
            all if all.iter().all(|folder| folder.run.is_some()) => {
                Err(several("choose with --entity run-VALUE"))
            }
            _ => Err(several("keep one of them, or name runs")),
        }
    }
}

/// The names that an image may be listed by: its own, and what stands before each of its `_` and `-`; the longest first.
fn beginnings(image: &str) -> Vec<String> {
    let ends = image.match_indices(['_', '-']).map(|(end, _)| end).chain([image.len()]);
    let mut names: Vec<String> = ends.filter_map(|end| image.get(..end)).map(joined).collect();
    names.retain(|name| !name.is_empty());
    names.reverse();
    names
}

/// A name with one sign between its parts, and its accents composed: a list has `_` where images have `-`.
pub(crate) fn joined(name: &str) -> String {
    name.nfc().map(|sign| if sign == '-' { '_' } else { sign }).collect()
}

/// Whether what follows the subject in an image's name begins with the number of another visit than this one, as in `S_2_T1w`.
pub(crate) fn is_of_other_visit(image: &str, subject: &str, visit: &str) -> bool {
    let (image, subject) = (joined(image), joined(subject));
    let behind = image.strip_prefix(&subject).map(|behind| behind.trim_start_matches('_'));
    let number = behind.and_then(|behind| behind.split('_').next()).and_then(|part| part.parse::<u64>().ok());
    number.is_some_and(|number| visit.parse() != Ok(number))
}

/// Whether the first folders in a folder are FreeSurfer's of sessions.
pub(crate) fn is_subjects_dir(path: &Path) -> bool {
    let folders = folders_in(path, "").unwrap_or_default().names.into_iter();
    folders.filter(|name| !is_made_by_freesurfer(name)).take(LOOKED_AT).any(|name| {
        let names = names_in(&path.join(name).join(STATS)).unwrap_or_default();
        names.iter().any(|name| name.ends_with(".stats"))
    })
}

/// Whether a folder is FreeSurfer's own and no session's: a template, or an average of subjects.
fn is_made_by_freesurfer(name: &str) -> bool {
    name.starts_with("fsaverage")
        || name.starts_with("cvs_avg35")
        || name.ends_with("_average")
        || matches!(name, "lh.EC_average" | "rh.EC_average")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(names: &[&str], choice: FolderChoice) -> SubjectsDir {
        let names = names.iter().map(ToString::to_string).collect();
        SubjectsDir::new(Path::new("d"), &FolderListing { names, ..FolderListing::default() }, choice)
    }

    fn reached(all: &SubjectsDir, subject: &str, visit: &str) -> Result<PathBuf, String> {
        let visits = all.visits(subject);
        match visits.index.names().iter().any(|name| name == visit) {
            true => visits.reached(visit).map_err(|error| error.to_string()),
            false => Err("none".to_owned()),
        }
    }

    #[test]
    fn a_folder_says_whose_it_is_and_templates_averages_and_bases_are_nobodys() {
        let all = listed(
            &[
                "fsaverage",
                "fsaverage5",
                "cvs_avg35_inMNI152",
                "lh.EC_average",
                "V1_average",
                "sub-1_ses-a",
                "sub-1_ses-b_run-2",
                "sub-2",
                "9001_20000101",
                "sub-3",
                "sub-3_ses-a.long.sub-3",
            ],
            FolderChoice::default(),
        );
        assert_eq!(all.examples(2).0, 5);
        assert_eq!(all.subjects(FolderListing::default()).names, ["1", "2", "3"]);
        assert_eq!(reached(&all, "1", "a"), Ok("d/sub-1_ses-a".into()));
        assert_eq!(reached(&all, "1", "b"), Ok("d/sub-1_ses-b_run-2".into()));
        assert_eq!(reached(&all, "3", "a"), Ok("d/sub-3_ses-a.long.sub-3".into()));
        assert_eq!(all.without_visit("2").unwrap(), Some("d/sub-2".into()));
        assert_eq!(all.without_visit("3").unwrap(), None, "a base");
        assert_eq!(all.plain("9001_20000101", |_| true).unwrap(), Some("d/9001_20000101".into()));
        for (name, subject, visit) in [
            ("sub-1_ses-a.long.sub-1", "1", Some("a")),
            ("sub-1_ses-a_run-2", "1", Some("a")),
            ("sub-A_B", "A_B", None),
            ("9001_1.long.base", "9001_1", None),
        ] {
            assert_eq!(folder_name(name), (subject.to_owned(), visit.map(str::to_owned)), "{name}");
        }
    }

    #[test]
    fn of_several_folders_of_a_session_one_is_chosen_or_all_are_named() {
        let names =
            ["sub-1_ses-a", "sub-1_ses-a.long.x", "sub-2_ses-a_run-1", "sub-2_ses-a_run-2", "7", "7.long.y"];
        let choice = |stream, run: Option<&str>| FolderChoice {
            stream,
            run: run.map(str::to_owned),
            per_subject: false,
        };
        let all = listed(&names, choice(None, None));
        let error = reached(&all, "1", "a").unwrap_err();
        assert!(
            ["d/sub-1_ses-a,", "d/sub-1_ses-a.long.x", "--freesurfer-stream"]
                .iter()
                .all(|word| error.contains(word)),
            "{error}"
        );
        assert!(reached(&all, "2", "a").unwrap_err().contains("--entity run-"));
        assert!(all.plain("7", |_| true).unwrap_err().to_string().contains("7.long.y"));
        let all = listed(&names, choice(Some(Stream::Long), Some("2")));
        assert_eq!(reached(&all, "1", "a"), Ok("d/sub-1_ses-a.long.x".into()));
        let error = reached(&all, "2", "a").unwrap_err();
        assert!(
            error.contains("--freesurfer-stream and --entity choose others"),
            "it has no longitudinal one: {error}"
        );
        assert_eq!(all.plain("7", |_| true).unwrap(), Some("d/7.long.y".into()));
        let all = listed(&names, choice(Some(Stream::Cross), Some("2")));
        assert_eq!(reached(&all, "2", "a"), Ok("d/sub-2_ses-a_run-2".into()));
        assert_eq!(reached(&all, "1", "a"), Ok("d/sub-1_ses-a".into()));
    }
}
