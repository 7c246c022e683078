//! What the tests of the commands share: a cohort that they can change, the commands, and a store's content.
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

pub mod cat12;
pub mod cohort;
pub mod disk;
pub mod faults;
pub mod files;
pub mod freesurfer;
pub mod own_files;
pub mod sealing;
pub mod segments;
pub mod store;

use std::path::Path;
use std::process::{Command, Output};

/// The settings that a user's environment may have: tests start without.
pub const SETTINGS: [&str; 11] = [
    "SESSIONS_CSV",
    "CAT12_ROOT",
    "CAT12_GLOBALS",
    "CAT12_ROI",
    "CAT12_PARCELLATED_ROOT",
    "QSIPARC_PATH",
    "FREESURFER_DIR",
    "QSIRECON_PATH",
    "ATLAS_NAME",
    "N_JOBS",
    "WITHDRAWN",
];

/// Runs a command within a limit, as the shell's `ulimit` takes it.
pub fn limited(command: &Command, limit: &str) -> Ran {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit {limit} && exec \"$@\""), "sh"]).arg(command.get_program());
    shell.args(command.get_args()).current_dir(command.get_current_dir().unwrap());
    command.get_envs().for_each(|(name, value)| match value {
        Some(value) => drop(shell.env(name, value)),
        None => drop(shell.env_remove(name)),
    });
    Ran::of(shell.output().unwrap())
}

/// A command that ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Fails the test unless the command ended so.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless these words are in what was printed.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(
                self.stdout.contains(word) || self.stderr.contains(word),
                "{word:?} is missing in\n{}\n{}",
                self.stdout,
                self.stderr
            );
        }
        self
    }

    /// Fails the test if one of these words is in what was printed.
    #[track_caller]
    pub fn keeps_quiet_about(self, words: &[&str]) -> Self {
        for word in words {
            let said = self.stdout.contains(word) || self.stderr.contains(word);
            assert!(!said, "{word:?} is in\n{}\n{}", self.stdout, self.stderr);
        }
        self
    }

    /// Units of each modality, anatomical first, of a run with `--json`.
    pub fn units(&self, what: &str) -> [u64; 2] {
        let counts = &self.json()[what];
        ["anatomical", "diffusion"].map(|modality| counts[modality].as_u64().unwrap())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

pub fn preprocess(folder: &Path) -> Command {
    command(env!("CARGO_BIN_EXE_neuroalign-preprocess"), folder)
}

pub fn export_cache(folder: &Path) -> Command {
    command(env!("CARGO_BIN_EXE_neuroalign-export-cache"), folder)
}

fn command(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    SETTINGS.iter().for_each(|name| {
        command.env_remove(name);
    });
    command
}

/// The store that a reader in a process of its own reads.
const STORE_TO_READ: &str = "STORE_TO_READ";

/// A process that reads a store twice: this test program, which runs its test `reader` alone. That test calls
/// [`read_store`].
pub fn reader(store: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "reader", "--nocapture", "--test-threads=1"]).env(STORE_TO_READ, store);
    command
}

/// Says how many sessions a store has, in the process that [`reader`] starts; nothing elsewhere.
pub fn read_store() {
    let Some(store) = std::env::var_os(STORE_TO_READ) else { return };
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let store = na_store::FeatureStore::open(store).unwrap();
    for again in ["", ", again"] {
        let batch = store.feature_batch("gm_mean", &na_store::ReadOptions::default()).unwrap();
        println!("{} sessions{again}", batch.num_rows());
    }
}
