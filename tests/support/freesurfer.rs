//! A `SUBJECTS_DIR` of FreeSurfer that a test fills with the shipped sessions, and runs on it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Ran;
use super::files::copy;
use super::store::Table;

/// A folder with a `SUBJECTS_DIR` called `fs`, which a test fills.
pub struct Lab(pub TempDir);

impl Lab {
    pub fn new() -> Self {
        let lab = Self(tempfile::tempdir().unwrap());
        fs::create_dir(lab.path("fs")).unwrap();
        lab
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.0.path().join(relative)
    }

    /// The shipped cohort beside it, with CAT12's volumes and `parcellate`'s tables.
    pub fn add_cohort(&self) {
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cohort"), self.0.path());
    }

    /// A session's folder with the files of a shipped one.
    pub fn add(&self, name: &str, of: &str) {
        copy(&shipped(of), &self.path("fs").join(name));
    }

    pub fn stats(&self, name: &str, file: &str) -> PathBuf {
        self.path("fs").join(name).join("stats").join(file)
    }

    /// Replaces a text in a stats file, which must be there.
    pub fn change(&self, name: &str, file: &str, from: &str, to: &str) {
        let path = self.stats(name, file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    pub fn list(&self, rows: &str) {
        fs::write(self.path("sessions.csv"), format!("subject_code,session_id\n{rows}")).unwrap();
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = super::preprocess(self.0.path());
        command.args(["--freesurfer", "fs", "-o", "store", "--no-progress"]).args(arguments);
        Ran::of(command.output().unwrap())
    }

    /// A run of the sessions that are listed.
    pub fn load(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["-s", "sessions.csv"][..], arguments].concat())
    }

    pub fn table(&self, relative: &str) -> Table {
        Table::read(&self.path("store").join(relative))
    }

    /// The cells of `sessions.tsv` below its header.
    pub fn sessions(&self) -> Vec<Vec<String>> {
        let text = fs::read_to_string(self.path("store/sessions.tsv")).unwrap();
        text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    }

    /// A region of a feature, of the store's first session.
    pub fn value(&self, feature: &str, region: &str) -> Option<f64> {
        self.table(&format!("wide/anatomical/{feature}.parquet")).doubles(region)[0]
    }
}

pub fn shipped(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/freesurfer").join(of)
}

/// The arguments of a run that also loads the cohort's anatomical tables.
pub const CAT12: [&str; 6] =
    ["--cat12-root", "cat12", "--cat12-parcellated-root", "parcellated/cat12", "--atlas-name", "AICHA384"];

/// A session of version 7.4.1, one of 6.0 with the right hemisphere alone, and one without the estimate of the whole head.
pub const BIDS: &str = "fs741_bids/sub-741";
pub const PLAIN: &str = "fs600_plain/9001_20000101_MPRAGE";
pub const NO_ETIV: &str = "fs741_petprep/sub-744";
