//! How a command was called, for the store's manifest and the head of the log.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::SystemTime;

use na_model::{DEFAULT_ATLAS, Invocation, Setting, UNTOLD};

use crate::logging::FOR_THE_LOG;
use crate::options::{Options, WITHDRAWN, all_cores};
use crate::producer_options::{CAT12_GLOBALS, CAT12_ROI};
use crate::settings::Settings;

/// Options whose values say who somebody is.
const LABELS: [&str; 2] = ["--participant-label", "--session-label"];

const ATLAS_NAME: &str = "ATLAS_NAME";

const N_JOBS: &str = "N_JOBS";

/// The call of a command that begins now. The program's name is the first argument.
pub(crate) fn invocation(command: &str, arguments: &[OsString]) -> Invocation {
    Invocation {
        started: SystemTime::now(),
        command: command.to_owned(),
        arguments: without_labels(arguments.iter().skip(1).map(|argument| argument.to_string_lossy())),
        settings: BTreeMap::new(),
    }
}

/// The settings of a load that count, with their origins.
pub(crate) fn settings_used(options: &Options, settings: &Settings) -> BTreeMap<String, Setting> {
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
    let given = [
        ("SESSIONS_CSV", path(&options.sessions)),
        ("CAT12_ROOT", path(&options.cat12_root)),
        ("CAT12_PARCELLATED_ROOT", path(&options.cat12_parcellated_root)),
        ("QSIPARC_PATH", path(&options.qsiparc)),
        ("QSIRECON_STATS_PATH", path(&options.qsirecon_stats)),
        ("FREESURFER_DIR", path(&options.freesurfer)),
        (CAT12_GLOBALS, options.producers.cat12_globals.then(|| "1".to_owned())),
        (CAT12_ROI, options.producers.cat12_roi.then(|| "1".to_owned())),
        (WITHDRAWN, path(&options.withdrawn)),
        (ATLAS_NAME, options.atlas_name.clone()),
        (N_JOBS, options.n_jobs.map(|n_jobs| n_jobs.to_string())),
    ];
    let found =
        given.into_iter().filter_map(|(name, given)| Some((name.to_owned(), settings.found(given, name)?)));
    let by_default = [(ATLAS_NAME, DEFAULT_ATLAS.to_owned()), (N_JOBS, all_cores().to_string())];
    let by_default =
        by_default.map(|(name, value)| (name.to_owned(), Setting { value, origin: "default".to_owned() }));
    by_default.into_iter().chain(found).collect()
}

/// Arguments, with one mark for the values of labels: they may be several, up to the next option.
fn without_labels(arguments: impl Iterator<Item = impl AsRef<str>>) -> Vec<String> {
    let mut told = Vec::new();
    let mut is_label = false;
    for argument in arguments {
        let argument = argument.as_ref();
        let name = argument.split_once('=').map_or(argument, |(name, _)| name);
        if LABELS.contains(&name) {
            told.extend([name.to_owned(), UNTOLD.to_owned()]);
            is_label = true;
        } else if argument.starts_with('-') || !is_label {
            told.push(argument.to_owned());
            is_label = false;
        }
    }
    told
}

/// Tells the log what was called: who reads it a year later has nothing else.
pub(crate) fn tell_call(Invocation { command, arguments, .. }: &Invocation) {
    let arguments: Vec<Cow<'_, str>> = arguments.iter().map(|argument| shown(argument)).collect();
    tracing::info!(target: FOR_THE_LOG, "{command} {} {}", env!("CARGO_PKG_VERSION"), arguments.join(" "));
}

/// Tells the log which settings count, and where this is.
pub(crate) fn tell_settings(invocation: &Invocation) {
    for (name, Setting { value, origin }) in &invocation.settings {
        tracing::info!(target: FOR_THE_LOG, "{name}={} ({})", shown(value), shown(origin));
    }
    let host = na_cache::HolderName::of_this_process();
    tracing::info!(target: FOR_THE_LOG, "process {host}");
}

/// A text on one line, in quotes if it would not be one word.
fn shown(text: &str) -> Cow<'_, str> {
    let is_word = !text.is_empty()
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "\"'\\".contains(c));
    if is_word { text.into() } else { format!("{text:?}").into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_not_told_however_they_are_given() {
        let told = |arguments: &[&str]| without_labels(arguments.iter()).join(" ");
        assert_eq!(
            told(&["--participant-label", "sub-01", "02", "--prune", "x"]),
            "--participant-label … --prune x"
        );
        assert_eq!(told(&["--session-label=1", "2", "-j", "4"]), "--session-label … -j 4");
        assert_eq!([shown("a/b"), shown("mean, std"), shown("x\ny")], ["a/b", "\"mean, std\"", "\"x\\ny\""]);
        assert_eq!(told(&["--sessions", "list.csv"]), "--sessions list.csv");
    }
}
