//! Settings from the command line, over the environment, over `.env`.

use std::collections::HashMap;
use std::env;
use std::io;
use std::path::{Path, PathBuf};

/// Why settings cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The file named by `--env-file`, or `.env`, cannot be read.
    #[error("cannot read the settings in {}: {problem}", path.display())]
    File { path: PathBuf, problem: String },
    /// `N_JOBS` is no number of threads.
    #[error("{name} is {found:?}: expected a number above 0")]
    NotANumber { name: &'static str, found: String },
    /// Neither a session list nor `--discover`.
    #[error(
        "there is no session list: give --sessions FILE (or SESSIONS_CSV in the environment or in {}), or --discover \
         to take every session under the roots",
        env_file.display()
    )]
    NoSessions { env_file: PathBuf },
}

/// Values by name, and where they are from.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    file: HashMap<String, String>,
    folder: PathBuf,
    pub(crate) path: PathBuf,
}

impl Settings {
    /// Reads the file that is asked for, or `.env` in the working directory where there is one.
    pub(crate) fn read(asked: Option<&Path>) -> Result<Self, SettingsError> {
        let path = asked.unwrap_or(Path::new(".env")).to_owned();
        let problem = |problem: String| SettingsError::File { path: path.clone(), problem };
        let entries = match dotenvy::from_path_iter(&path) {
            Ok(entries) => entries,
            Err(dotenvy::Error::Io(error)) if asked.is_none() && error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { path, ..Self::default() });
            }
            Err(error) => return Err(problem(error.to_string())),
        };
        let file = entries.collect::<Result<_, _>>().map_err(|error| problem(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { file, folder, path })
    }

    /// A text; one that is empty is not set.
    pub(crate) fn text(&self, given: Option<&str>, name: &str) -> Option<String> {
        let given =
            given.map(str::to_owned).or_else(|| env::var(name).ok().filter(|value| !value.is_empty()));
        given.or_else(|| self.file.get(name).filter(|value| !value.is_empty()).cloned())
    }

    /// A path. One that the file gives is under the file's folder.
    pub(crate) fn path(&self, given: Option<&Path>, name: &str) -> Option<PathBuf> {
        let from_environment = || env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(path) = given.map(Path::to_owned).or_else(from_environment) {
            return Some(expand(&path));
        }
        let path = self.file.get(name).filter(|value| !value.is_empty())?;
        Some(self.folder.join(expand(Path::new(path))))
    }

    /// A number of threads.
    pub(crate) fn number(
        &self,
        given: Option<usize>,
        name: &'static str,
    ) -> Result<Option<usize>, SettingsError> {
        if given.is_some() {
            return Ok(given);
        }
        let Some(found) = self.text(None, name) else { return Ok(None) };
        match found.trim().parse() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(SettingsError::NotANumber { name, found }),
        }
    }
}

/// `~` is the user's home, as in a shell.
pub(crate) fn expand(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}
