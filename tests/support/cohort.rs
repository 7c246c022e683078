//! A small cohort in a temporary folder, that a test makes, changes and loads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::files::{self, PARTIAL};
use super::{Ran, export_cache, preprocess};

pub const ATLAS: &str = "4S456Parcels";

/// Folders of TSVs, a session list, `.env`, and a store below them.
pub struct Cohort {
    folder: TempDir,
}

impl Cohort {
    /// The folders and settings, without a session.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cohort = Self { folder };
        for root in ["cat12", "parcellated/cat12", "parcellated/qsirecon-NODDI"] {
            fs::create_dir_all(cohort.path(root)).unwrap();
        }
        cohort.write(
            ".env",
            "SESSIONS_CSV=sessions.csv\nCAT12_ROOT=cat12\nCAT12_PARCELLATED_ROOT=parcellated/cat12\nQSIPARC_PATH=parcellated\n",
        );
        cohort.list("subject_code,session_id\n");
        cohort
    }

    /// Sessions with ages, each with TIV, three tissues and two maps.
    pub fn of(sessions: &[(&str, &str)]) -> Self {
        let cohort = Self::empty();
        sessions.iter().for_each(|(subject, session)| cohort.add(subject, session));
        cohort.list_of(sessions);
        cohort
    }

    /// A list of these sessions with ages, whether they have files or not.
    pub fn list_of(&self, sessions: &[(&str, &str)]) {
        let mut list = "subject_code,session_id,AGE,sex\n".to_owned();
        for (place, (subject, session)) in sessions.iter().enumerate() {
            list.push_str(&format!("{subject},{session},{}.5,{}\n", 20 + place, ["F", "M"][place % 2]));
        }
        self.list(&list);
    }

    /// All files of a session.
    pub fn add(&self, subject: &str, session: &str) {
        let value = f64::from(u32::try_from(subject.len() + session.len()).unwrap())
            + subject.bytes().chain(session.bytes()).map(f64::from).sum::<f64>() / 997.0;
        for (place, tissue) in ["GM", "WM", "CT"].into_iter().enumerate() {
            self.write(
                &anatomical(subject, session, tissue),
                &tsv(value + f64::from(u32::try_from(place).unwrap())),
            );
        }
        for (place, param) in ["icvf", "od"].into_iter().enumerate() {
            self.write(
                &diffusion("NODDI", subject, session, param),
                &tsv(value / 7.0 + f64::from(u32::try_from(place).unwrap())),
            );
        }
        self.tiv(subject, session, 1400.0 + value);
    }

    pub fn tiv(&self, subject: &str, session: &str, ml: f64) {
        let text = format!(
            "<?xml version=\"1.0\"?>\n<S><subjectratings><vol_TIV>1.2</vol_TIV></subjectratings>\
             <subjectmeasures><vol_TIV>{ml}</vol_TIV></subjectmeasures></S>\n"
        );
        self.write(&tiv_path(subject, session), &text);
    }

    pub fn list(&self, text: &str) {
        self.write("sessions.csv", text);
    }

    /// Makes all tables those of another atlas.
    pub fn rename_atlas(&self, atlas: &str) {
        for path in files::all_below(self.root()) {
            let text = path.to_string_lossy();
            if text.contains("atlas-4S456Parcels") {
                let to = PathBuf::from(text.replace("4S456Parcels", atlas));
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                fs::rename(&path, &to).unwrap();
            }
        }
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn store(&self) -> PathBuf {
        self.path("data/processed")
    }

    pub fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn remove(&self, relative: &str) {
        let path = self.path(relative);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }

    /// Lets every export fail at this file of the store: a run then ends as a crash there would end it.
    pub fn stop_exports_at(&self, file: &str) {
        fs::create_dir_all(self.blockade(file)).unwrap();
    }

    pub fn let_exports_pass(&self, file: &str) {
        fs::remove_dir(self.blockade(file)).unwrap();
    }

    /// A run whose export fails at this file of the store. The next one passes.
    pub fn run_stopped_at(&self, file: &str, arguments: &[&str]) -> Ran {
        self.stop_exports_at(file);
        let ran = self.run(arguments).ended(1);
        self.let_exports_pass(file);
        ran
    }

    /// A folder where the export makes its file before it renames it.
    fn blockade(&self, file: &str) -> PathBuf {
        let path = self.store().join(file);
        path.with_file_name(format!("{PARTIAL}{}", path.file_name().unwrap().to_str().unwrap()))
    }

    /// The lines of `sessions.tsv` as cells, without the header.
    pub fn session_rows(&self) -> Vec<Vec<String>> {
        let text = fs::read_to_string(self.store().join("sessions.tsv")).unwrap();
        text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    }

    /// What `sessions.tsv` says of a unit: its status and why.
    pub fn standing(&self, subject: &str, session: &str, modality: &str) -> (String, String) {
        let rows = self.session_rows();
        let row = rows.iter().find(|row| row[..3] == [subject, session, modality]);
        let row = row.unwrap_or_else(|| panic!("no {subject} {session} {modality} in {rows:?}"));
        (row[3].clone(), row[5].clone())
    }

    /// The command that loads this cohort, for a test that kills it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = preprocess(self.root());
        command.args(arguments);
        command
    }

    /// Loads the cohort.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    pub fn export_cache(&self, arguments: &[&str]) -> Ran {
        Ran::of(export_cache(self.root()).arg("data/processed").args(arguments).output().unwrap())
    }
}

fn folder(subject: &str, session: &str) -> String {
    if session.is_empty() { format!("sub-{subject}") } else { format!("sub-{subject}/ses-{session}") }
}

fn stem(subject: &str, session: &str) -> String {
    folder(subject, session).replace('/', "_")
}

pub fn anatomical(subject: &str, session: &str, tissue: &str) -> String {
    let (folder, stem) = (folder(subject, session), stem(subject, session));
    format!("parcellated/cat12/{folder}/anat/atlas-{ATLAS}/{stem}_atlas-{ATLAS}_tissue-{tissue}_parc.tsv")
}

pub fn diffusion(workflow: &str, subject: &str, session: &str, param: &str) -> String {
    let (folder, stem) = (folder(subject, session), stem(subject, session));
    format!(
        "parcellated/qsirecon-{workflow}/{folder}/dwi/atlas-{ATLAS}/{stem}_atlas-{ATLAS}_model-noddi_param-{param}_parc.tsv"
    )
}

pub fn tiv_path(subject: &str, session: &str) -> String {
    format!("cat12/{}/anat/cat_{}_T1w.xml", folder(subject, session), stem(subject, session))
}

/// A table of four regions whose values follow from one number.
pub fn tsv(value: f64) -> String {
    let mut text = "index\tlabel\tvolume_mm3\tvoxel_count\tmean\tstd\tis_bimodal\n".to_owned();
    for (index, label) in ["LH_Vis_1", "RH_Vis_1", "LH_Cont_1", "NA"].into_iter().enumerate() {
        let x = value * (1.0 + f64::from(u32::try_from(index).unwrap()) / 3.0);
        let bimodal = ["True", "False"][index % 2];
        text.push_str(&format!(
            "{}\t{label}\t{:?}\t{}\t{:?}\t{:?}\t{bimodal}\n",
            index + 1,
            x * 100.0,
            10 + index,
            x / 3.0,
            x / 11.0
        ));
    }
    text
}
