//! Settings from the command line, over the environment, over `.env`.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use na_model::Setting;
use strsim::jaro_winkler;

use crate::env_file::{self, LineProblem};

/// Allowed numbers of threads.
const JOBS: std::ops::RangeInclusive<usize> = 1..=1024;

/// Every setting.
const NAMES: [&str; 12] = [
    "SESSIONS_CSV",
    "CAT12_ROOT",
    "CAT12_GLOBALS",
    "CAT12_ROI",
    "CAT12_PARCELLATED_ROOT",
    "QSIPARC_PATH",
    "FREESURFER_DIR",
    "QSIRECON_STATS_PATH",
    "QSIRECON_PATH",
    "ATLAS_NAME",
    "N_JOBS",
    "WITHDRAWN",
];

/// How alike a name must be to one that is a setting, of 1: `ATLAS` and `QSIPARC_ROOT` are, another program's `CACHE_DIR` is not.
const NEAR: f64 = 0.88;

/// Why settings cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("cannot read the settings in {}: {source}; --env-file names another file", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("cannot read the settings in {}, line {}: {}", path.display(), at.line, at.problem)]
    Line { path: PathBuf, at: LineProblem },
    #[error("{name} is {found:?}: {problem}")]
    Value { name: &'static str, found: String, problem: String },
    #[error(
        "there is no session list: give --sessions FILE (or SESSIONS_CSV in the environment or in {}), or --discover \
         to take every session under the roots",
        env_file.display()
    )]
    NoSessions { env_file: PathBuf },
    #[error("{what} needs {root}, the folder that it is read from")]
    NeedsRoot { what: &'static str, root: &'static str },
    #[error(transparent)]
    Withdrawn(Box<na_pipeline::PipelineError>),
}

/// Settings by name, and the file that they come from.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    file: HashMap<String, String>,
    /// The file's folder, under which its relative paths lie.
    folder: PathBuf,
    pub(crate) path: PathBuf,
    /// Whether the environment does not count.
    alone: bool,
}

impl Settings {
    /// No settings: arguments alone count.
    pub(crate) fn none() -> Self {
        Self { alone: true, ..Self::default() }
    }

    /// Reads the file that is asked for, or else `.env` in the working directory if it exists.
    pub(crate) fn read(asked: Option<&Path>) -> Result<Self, SettingsError> {
        let path = asked.map_or_else(|| PathBuf::from(".env"), expand);
        // A folder called .env is a Python environment.
        if asked.is_none()
            && (path.is_dir() || fs::symlink_metadata(&path).is_err_and(|error| is_absent(&error)))
        {
            return Ok(Self { path, ..Self::default() });
        }
        let bytes = fs::read(&path).map_err(|source| SettingsError::File { path: path.clone(), source })?;
        let file = env_file::parse(&bytes).map_err(|at| SettingsError::Line { path: path.clone(), at })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { file, folder, path, alone: false })
    }

    /// Names in the file that are no settings, each with the one that may be meant and is not there.
    pub(crate) fn lookalikes(&self) -> Vec<(&str, &'static str)> {
        let near = |name: &str| {
            let unset = NAMES.iter().copied().filter(|known| !self.file.contains_key(*known));
            unset.max_by(|one, other| jaro_winkler(name, one).total_cmp(&jaro_winkler(name, other)))
        };
        let strange = self.file.keys().filter(|name| !NAMES.contains(&name.as_str()));
        let mut found: Vec<(&str, &'static str)> = strange
            .filter_map(|name| {
                Some((name.as_str(), near(name).filter(|known| jaro_winkler(name, known) > NEAR)?))
            })
            .collect();
        found.sort_unstable();
        found
    }

    /// Names in the file that are those of options alone, each with the option: `TIV_FROM` with `tiv-from`. One word may be another program's.
    pub(crate) fn named_as_options<'o>(
        &self,
        options: impl IntoIterator<Item = &'o str>,
    ) -> Vec<(String, &'o str)> {
        let mut found = Vec::new();
        for option in options {
            let name = option.to_ascii_uppercase().replace('-', "_");
            let is_told = !NAMES.contains(&name.as_str()) && (name.contains('_') || name == "WORKFLOWS");
            if is_told && self.file.contains_key(&name) {
                found.push((name, option));
            }
        }
        found.sort_unstable();
        found
    }

    /// A text. An empty one counts as not set.
    pub(crate) fn text(&self, given: Option<&str>, name: &str) -> Option<String> {
        let given = given.map(str::to_owned).or_else(|| self.environment(name)?.into_string().ok());
        given.or_else(|| self.file.get(name).filter(|value| !value.is_empty()).cloned())
    }

    /// A path. A relative path in the file is under the file's folder.
    pub(crate) fn path(&self, given: Option<&Path>, name: &str) -> Option<PathBuf> {
        let from_environment = || self.environment(name).map(PathBuf::from);
        if let Some(path) = given.map(Path::to_owned).or_else(from_environment) {
            return Some(expand(&path));
        }
        let path = self.file.get(name).filter(|value| !value.is_empty())?;
        Some(self.folder.join(expand(Path::new(path))))
    }

    /// The setting of this name, as it was given, and where. `None` if it is not set.
    pub(crate) fn found(&self, given: Option<String>, name: &str) -> Option<Setting> {
        let setting = |value, origin: &str| Setting { value, origin: origin.to_owned() };
        let from_environment = || self.environment(name).map(|value| value.to_string_lossy().into_owned());
        given
            .map(|value| setting(value, "command line"))
            .or_else(|| from_environment().map(|value| setting(value, "environment")))
            .or_else(|| {
                let value = self.file.get(name).filter(|value| !value.is_empty())?;
                Some(setting(value.clone(), &self.path.to_string_lossy()))
            })
    }

    /// What the environment has, unless that is empty.
    fn environment(&self, name: &str) -> Option<OsString> {
        env::var_os(name).filter(|value| !value.is_empty() && !self.alone)
    }

    /// Whether something is asked for: `1`, `true` or `yes` in a setting, `0`, `false` or `no` if not.
    pub(crate) fn flag(&self, given: bool, name: &'static str) -> Result<bool, SettingsError> {
        let found = self.text(None, name).filter(|_| !given);
        match found.as_deref().map(str::trim).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(given),
            Some("1" | "true" | "yes" | "on") => Ok(true),
            Some("0" | "false" | "no" | "off") => Ok(false),
            Some(_) => {
                let (found, problem) = (found.unwrap_or_default(), "expected 1 or 0".to_owned());
                Err(SettingsError::Value { name, found, problem })
            }
        }
    }

    pub(crate) fn jobs(
        &self,
        given: Option<usize>,
        name: &'static str,
    ) -> Result<Option<usize>, SettingsError> {
        if given.is_some() {
            return Ok(given);
        }
        let Some(found) = self.text(None, name) else { return Ok(None) };
        match parse_jobs(found.trim()) {
            Ok(jobs) => Ok(Some(jobs)),
            Err(problem) => Err(SettingsError::Value { name, found, problem }),
        }
    }
}

/// Parses a number of threads, from the command line or a setting.
pub(crate) fn parse_jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(jobs) if JOBS.contains(&jobs) => Ok(jobs),
        _ => Err(format!("expected a number from {} to {}", JOBS.start(), JOBS.end())),
    }
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// Replaces `~` by the user's home, as a shell does.
pub(crate) fn expand(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Settings, SettingsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.env");
        std::fs::write(&path, bytes).unwrap();
        Settings::read(Some(&path))
    }

    /// Pieces of what such files are made of, and bytes that are no text.
    fn any_input() -> impl Strategy<Value = Vec<u8>> {
        let words = [
            "CAT12_ROOT",
            "N_JOBS",
            "=",
            "\"",
            "'",
            "${",
            "}",
            "$X",
            "\\",
            "#",
            " ",
            "\n",
            "\r\n",
            "export ",
        ];
        let piece = prop_oneof![
            4 => prop::sample::select(words.map(|word| word.as_bytes().to_vec()).to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..8),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    #[test]
    fn a_name_that_is_nearly_a_setting_is_told() {
        let settings =
            read(b"ATLAS=A\nCAT12_ROT=x\nQSIPARC_ROOT=y\nN_JOBS=1\nN_JOB=2\nCACHE_DIR=z\nPATH=w\n").unwrap();
        let expected =
            [("ATLAS", "ATLAS_NAME"), ("CAT12_ROT", "CAT12_ROOT"), ("QSIPARC_ROOT", "QSIPARC_PATH")];
        assert_eq!(settings.lookalikes(), expected);
    }

    #[test]
    fn a_name_that_only_an_option_has_is_told() {
        let settings = read(b"TIV_FROM=cat12\nWORKFLOWS=A\nYES=1\nATLAS_NAME=B\nOTHER_NAME=c\n").unwrap();
        let told = settings.named_as_options(["yes", "tiv-from", "workflows", "atlas-name"]);
        let expected = [("TIV_FROM", "tiv-from"), ("WORKFLOWS", "workflows")];
        assert_eq!(told, expected.map(|(name, option)| (name.to_owned(), option)));
    }

    #[test]
    fn a_long_line_is_not_repeated_whole() {
        let said = read(format!("N_JOBS 2 {}\n", "x".repeat(10_000)).as_bytes()).unwrap_err().to_string();
        assert!(said.contains("line 1") && said.contains("N_JOBS 2") && said.len() < 1000, "{said}");
    }

    proptest! {
        #[test]
        fn any_input_is_settings_or_an_error_that_names_the_file(bytes in any_input()) {
            if let Err(error) = read(&bytes) {
                let said = error.to_string();
                prop_assert!(said.contains("lab.env") && said.lines().count() == 1, "{said}");
            }
        }

        #[test]
        fn a_path_between_single_quotes_is_taken_as_it_is(path in "/[^'\\\\\\pC]{1,60}") {
            let settings = read(format!("CAT12_ROOT='{path}'\n").as_bytes()).unwrap();
            prop_assert_eq!(settings.path(None, "CAT12_ROOT"), Some(PathBuf::from(path)));
        }
    }
}
