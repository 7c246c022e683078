//! Stores of made-up labs, with their reports.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use bench_support::lab::{Faults, Lab};
use tempfile::TempDir;

use crate::support::{Ran, preprocess};

/// A lab that was loaded.
pub struct MadeUp {
    pub lab: Lab,
    pub faults: Faults,
    folder: PathBuf,
    _temporary: TempDir,
}

impl MadeUp {
    /// Writes a lab and loads it.
    pub fn load(lab: Lab) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        // The page is called after it.
        let folder = temporary.path().join("lab");
        let faults = lab.write(&folder).unwrap();
        let made_up = Self { lab, faults, folder, _temporary: temporary };
        made_up.run(&[]);
        made_up
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = preprocess(&self.folder);
        command.args(["-o", "store", "--no-progress"]).args(arguments);
        Ran::of(command.output().unwrap())
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    pub fn page(&self) -> PathBuf {
        self.store().join("report.html")
    }

    /// What the page calls a session: `sub-0001_ses-20210101`.
    pub fn name(&self, session: usize) -> String {
        let (subject, id) = self.lab.session(session);
        format!("sub-{subject}_ses-{id}")
    }

    /// What stands in the page's address.
    pub fn place(&self, session: usize) -> String {
        let (subject, id) = self.lab.session(session);
        format!("#s={subject}/{id}")
    }
}

/// A seed that is another one in every run, unless `SEED` is set: whoever sees the test fail sees it, too.
pub fn seed() -> u64 {
    let given = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed =
        given.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64);
    println!("SEED={seed}");
    seed
}

/// A lab of 400 sessions with every fault, each drawn at random.
pub fn lab() -> &'static MadeUp {
    static LAB: OnceLock<MadeUp> = OnceLock::new();
    LAB.get_or_init(|| MadeUp::load(Lab::with_faults(seed(), 400)))
}
