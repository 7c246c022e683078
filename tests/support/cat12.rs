//! A `CAT12_ROOT` that a test fills with the shipped reports, and runs on it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Ran;
use super::files::copy;
use super::store::Table;

/// A folder with a `CAT12_ROOT` called `cat12`.
pub struct Lab {
    folder: TempDir,
    arguments: &'static [&'static str],
}

impl Lab {
    /// An empty one, whose sessions are discovered.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("cat12")).unwrap();
        Self { folder, arguments: &["--discover", "--cat12-root", "cat12"] }
    }

    /// The shipped cohort, whose anatomical tables are loaded, too.
    pub fn of_cohort() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cohort"), folder.path());
        fs::write(folder.path().join(".env"), "").unwrap();
        let arguments =
            &["-s", "sessions.csv", "--cat12-root", "cat12", "--cat12-parcellated-root", "parcellated/cat12"];
        Self { folder, arguments }
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// The files of a shipped session in the folder of another, `sub-0002` or `sub-0002/ses-1`.
    pub fn add(&self, session: &str, of: &str) {
        let folder = self.path("cat12").join(session);
        copy(&shipped(of), &folder);
        rename(&folder, &session.replace('/', "_"));
    }

    /// A file of a shipped session.
    pub fn shipped(&self, of: &str, name: &str) -> PathBuf {
        shipped(of).join("anat").join(name)
    }

    /// The report of a session of the cohort.
    pub fn report(&self, subject: &str, session: &str) -> PathBuf {
        let anat = self.path("cat12").join(subject).join(session).join("anat");
        let mut found = Vec::new();
        for folder in [anat.join("report"), anat] {
            let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
            found.extend(entries.filter(|path| path.extension().is_some_and(|end| end == "xml")));
        }
        found.sort();
        found.swap_remove(0)
    }

    pub fn load(&self, arguments: &[&str]) -> Ran {
        let mut command = super::preprocess(self.folder.path());
        command.args(["-o", "store", "--no-progress"]).args(self.arguments).args(arguments);
        Ran::of(command.output().unwrap())
    }

    pub fn table(&self, relative: &str) -> Table {
        Table::read(&self.path("store").join(relative))
    }

    /// The cells of `sessions.tsv` below its header.
    pub fn sessions(&self) -> Vec<Vec<String>> {
        let text = fs::read_to_string(self.path("store/sessions.tsv")).unwrap();
        text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    }
}

/// Names the files in a folder, and below it, after a session, and leaves out the values that are expected of them.
fn rename(folder: &Path, session: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            rename(&path, session);
        } else if name.ends_with(".json") {
            fs::remove_file(path).unwrap();
        } else if let (Some((prefix, _)), Some((_, ending))) =
            (name.split_once("_sub-"), name.rsplit_once('_'))
        {
            fs::rename(&path, path.with_file_name(format!("{prefix}_{session}_{ending}"))).unwrap();
        }
    }
}

fn shipped(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/cat12").join(of)
}

/// A session of version 12.9, whose files lie in one folder, and one of version 26.
pub const OF_12_9: &str = "made/cat12.9/sub-0129/ses-01";
pub const OF_26: &str = "made/cat26/sub-0126/ses-01";
