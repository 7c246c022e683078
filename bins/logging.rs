//! Sends messages to stderr, above the progress bar if there is one, and to a log file if one is asked for.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use indicatif::MultiProgress;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::expand;

/// The variable by which programs in Rust are asked for messages.
const RUST_LOG: &str = "RUST_LOG";

/// The crates whose messages are the program's own.
const OWN: [&str; 5] = ["neuroalign", "na_pipeline", "na_store", "na_cache", "na_model"];

/// Target of messages that only the log file and `--verbose` show.
pub(crate) const FOR_THE_LOG: &str = "neuroalign::for_the_log";

/// Target of the message with which a command ends: stderr has it anyway.
pub(crate) const ONLY_IN_THE_LOG: &str = "neuroalign::only_in_the_log";

#[derive(Debug, thiserror::Error)]
#[error(
    "the log file {} cannot be written: {source}; name another file, or a folder, with --log-file, or leave it out",
    path.display()
)]
pub(crate) struct LogError {
    path: PathBuf,
    source: io::Error,
}

/// How much is said on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loudness {
    /// Warnings and errors.
    Quiet,
    Usual,
    Verbose,
}

impl Loudness {
    /// The one that `--verbose` or `--quiet` asks for.
    pub(crate) fn of(verbose: bool, quiet: bool) -> Self {
        match (verbose, quiet) {
            (true, _) => Self::Verbose,
            (false, true) => Self::Quiet,
            (false, false) => Self::Usual,
        }
    }
}

/// Starts logging for the command of this name. Beside a progress bar only warnings are shown. Where stderr is no terminal, each line
/// has its time: it may be all that is left of a job.
pub(crate) fn start(
    command: &str,
    loudness: Loudness,
    bars: &MultiProgress,
    file: Option<&Path>,
) -> Result<(), LogError> {
    let verbose = loudness == Loudness::Verbose;
    let level = match (loudness, bars.is_hidden()) {
        (Loudness::Verbose, _) => LevelFilter::DEBUG,
        (Loudness::Usual, true) => LevelFilter::INFO,
        (Loudness::Usual, false) | (Loudness::Quiet, _) => LevelFilter::WARN,
    };
    let asked = asked();
    let wrong = asked.is_err();
    let asked = asked.unwrap_or_default();
    let to_stderr = tracing_subscriber::fmt::layer()
        .with_target(false)
        .with_ansi(false)
        .with_writer(AboveBars(bars.clone()));
    let to_stderr = match io::stderr().is_terminal() {
        true => to_stderr.without_time().boxed(),
        false => to_stderr.boxed(),
    };
    let to_stderr = to_stderr.with_filter(asked.clone().unwrap_or_else(|| shown(verbose, level)));
    let to_file = match file {
        Some(path) => {
            let (log, path) = open(path, command)?;
            if loudness != Loudness::Quiet {
                // Where the bar hides messages, too.
                let _ = writeln!(AboveBars(bars.clone()), "Logging to {}", path.display());
            }
            let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Mutex::new(log));
            let usual = own(if verbose { LevelFilter::DEBUG } else { LevelFilter::INFO });
            Some(layer.with_filter(asked.unwrap_or(usual)))
        }
        None => None,
    };
    // A front end that starts several commands in one process has logging already.
    let _ = tracing_subscriber::registry().with(to_stderr).with(to_file).try_init();
    if wrong {
        tracing::warn!(
            "{RUST_LOG} cannot be understood, and does not count: write it as na_pipeline=debug,na_store=info"
        );
    }
    Ok(())
}

/// Which messages are asked for, whatever the options say. `None` if nobody asks.
fn asked() -> Result<Option<Targets>, ParseError> {
    let asked = std::env::var(RUST_LOG).ok().filter(|asked| !asked.is_empty());
    asked.map(|asked| asked.parse()).transpose()
}

/// Opens a log file, and says which it is.
fn open(path: &Path, command: &str) -> Result<(File, PathBuf), LogError> {
    let path = expand(path);
    open_in_folder(&path, command).map_err(|source| LogError { path, source })
}

/// Opens a file at its end, or a new file if the path is a folder. Creates the folders above it.
fn open_in_folder(path: &Path, command: &str) -> io::Result<(File, PathBuf)> {
    let is_folder = path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/");
    let folder = if is_folder { Some(path) } else { path.parent() };
    if let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    if is_folder {
        return new_in(path, command);
    }
    Ok((File::options().create(true).append(true).open(path)?, path.to_owned()))
}

/// Creates a file with the date and time of day in its name. Jobs that start in the same second get one each.
fn new_in(folder: &Path, command: &str) -> io::Result<(File, PathBuf)> {
    let now = chrono::Local::now().format("%Y-%m-%dT%H-%M-%S").to_string();
    let names = std::iter::once(format!("{command}-{now}.log"))
        .chain((2..1000).map(|n| format!("{command}-{now}-{n}.log")));
    let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
    for name in names {
        let path = folder.join(name);
        match File::options().create_new(true).append(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
            opened => return Ok((opened?, path)),
        }
    }
    Err(taken)
}

fn own(level: LevelFilter) -> Targets {
    OWN.iter().fold(Targets::new(), |targets, name| targets.with_target(*name, level))
}

/// Messages for stderr: the program's own. What is beyond the first comes with `--verbose` alone.
fn shown(verbose: bool, level: LevelFilter) -> Targets {
    own(level)
        .with_target(FOR_THE_LOG, if verbose { level } else { LevelFilter::OFF })
        .with_target(ONLY_IN_THE_LOG, LevelFilter::OFF)
}

struct AboveBars(MultiProgress);

impl<'a> MakeWriter<'a> for AboveBars {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self(self.0.clone())
    }
}

impl Write for AboveBars {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn what_is_too_much_to_show_is_in_the_log_file_and_with_verbose() {
        assert!(!shown(false, LevelFilter::INFO).would_enable(FOR_THE_LOG, &Level::WARN));
        assert!(shown(true, LevelFilter::DEBUG).would_enable(FOR_THE_LOG, &Level::WARN));
        assert!(own(LevelFilter::INFO).would_enable(FOR_THE_LOG, &Level::WARN));
        assert!(shown(false, LevelFilter::INFO).would_enable("neuroalign::progress", &Level::WARN));
    }

    #[test]
    fn jobs_that_start_in_one_second_get_a_log_each() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..5 {
            writeln!(new_in(folder.path(), "load").unwrap().0, "a line").unwrap();
        }
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 5);
        assert!(files.iter().all(|file| fs::read_to_string(file).unwrap() == "a line\n"));
    }
}
