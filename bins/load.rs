//! A load as its user asked for it: who withdrew goes first, then what is new is loaded and exported.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Arg, CommandFactory};
use na_model::{Invocation, UnitStatus};
use na_pipeline::{
    Config, Observer, RunReport, Withdrew, dry_run, load_segments, run, withdraw, would_withdraw,
};
use na_store::{ExistingStore, ExportObserver};

use crate::cohort_report::report_beside;
use crate::collisions::{self, InStore};
use crate::invocation::{invocation, settings_used, tell_settings};
use crate::options::Options;
use crate::settings::{Settings, expand};
use crate::summary::Summary;
use crate::withdrawn::tell_withdrawn;

pub(crate) const COMMAND: &str = "neuroalign-preprocess";

/// What stops a command: it says what to do.
pub type CommandError = Box<dyn std::error::Error + Send + Sync>;

/// Whether settings also come from around a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surroundings {
    /// From the environment, and from `.env` or the file that is named.
    Count,
    /// From the arguments alone.
    Ignored,
}

/// What a load did, for a front end.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The summary that the command prints.
    pub text: String,
    /// The same as the JSON of `--json`.
    pub json: String,
}

/// Loads as `neuroalign-preprocess` does with these arguments, the program's name first; for a front end that shows what happens in
/// its own way, and says when to stop.
///
/// # Errors
/// Arguments that the command refuses ([`clap::Error`]), and whatever stops it.
pub fn load(
    arguments: impl IntoIterator<Item = OsString>,
    surroundings: Surroundings,
    observer: &(impl Observer + ExportObserver),
) -> Result<Loaded, CommandError> {
    let started = Instant::now();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let called = invocation(COMMAND, &arguments);
    let options = Options::parse_checked(arguments)?;
    check_collisions(&options)?;
    let settings = match surroundings {
        Surroundings::Count => Settings::read(options.env_file.as_deref())?,
        Surroundings::Ignored => Settings::none(),
    };
    let done = load_as(&options, &settings, called, observer)?;
    let summary = done.summary(&options, started.elapsed());
    Ok(Loaded { text: summary.text(&done.report), json: summary.json(&done.report) })
}

/// What a load did.
pub(crate) struct Done {
    pub(crate) config: Config,
    pub(crate) withdrew: Withdrew,
    pub(crate) report: RunReport,
    /// The page that shows the cohort. `None` if none was to be made, or none could be.
    pub(crate) page: Option<PathBuf>,
}

impl Done {
    pub(crate) fn summary(&self, options: &Options, elapsed: Duration) -> Summary<'_> {
        let page = self.page.as_deref();
        let (dry_run, segment) = (options.dry_run, options.segment);
        Summary { config: &self.config, dry_run, segment, withdrew: &self.withdrew, page, elapsed }
    }

    /// Whether a unit failed, or is missing where that counts.
    pub(crate) fn has_failed(&self, options: &Options) -> bool {
        let n = |status| self.report.n_outcomes(status);
        n(UnitStatus::Failed) > 0
            || self.report.n_refused_segments > 0
            || self.withdrew.n_damaged_segments > 0
            || (options.fail_on_missing && n(UnitStatus::Missing) > 0)
    }
}

/// Refuses files of the command that the store would overwrite, or that would overwrite the store.
pub(crate) fn check_collisions(options: &Options) -> Result<(), InStore> {
    let output = expand(&options.output);
    for (option, path) in [
        ("--log-file", &options.log_file),
        ("--env-file", &options.env_file),
        ("--withdrawn", &options.withdrawn),
    ] {
        collisions::check(&output, option, path.as_deref())?;
    }
    Ok(())
}

/// Does what options and settings ask for.
pub(crate) fn load_as(
    options: &Options,
    settings: &Settings,
    mut called: Invocation,
    observer: &(impl Observer + ExportObserver),
) -> Result<Done, CommandError> {
    called.settings = settings_used(options, settings);
    tell_settings(&called);
    for (name, meant) in settings.lookalikes() {
        tracing::warn!("{} has {name}, which is no setting: is {meant} meant?", settings.path.display());
    }
    let command = Options::command();
    for (name, option) in settings.named_as_options(command.get_arguments().filter_map(Arg::get_long)) {
        tracing::warn!(
            "{} has {name}, which is no setting: give --{option} on the command line",
            settings.path.display()
        );
    }
    if options.prefix.is_some() {
        tracing::warn!("--prefix changes nothing: files are called as their tables and features are");
    }
    let withdrawn = options.withdrawn(settings)?;
    let output = expand(&options.output);
    // First, whatever becomes of the load: a withdrawal needs neither session list nor roots.
    let claim = options.claim();
    let withdrew = match options.only_looks() {
        // Who writes segments takes nobody out of a store: it has no lock. It reads nobody who withdrew.
        _ if options.segment => Withdrew::default(),
        true => would_withdraw(&output, &withdrawn, options.yes)?,
        false => withdraw(&output, &withdrawn, options.yes, &claim, observer)?,
    };
    tell_withdrawn(&withdrew, options.only_looks());
    // A list that is no file can be read once.
    let config =
        Config { invocation: Some(called), withdrawn: withdrawn.clone(), ..options.config(settings)? };
    for unused in options.without_effect(&config) {
        tracing::warn!("{unused}");
    }
    if settings.path(options.qsirecon.as_deref(), "QSIRECON_PATH").is_some() {
        tracing::debug!("QSIRECON_PATH is not read: diffusion tables come from QSIPARC_PATH");
    }
    let mut report = match options.only_looks() {
        _ if options.segment => load_segments(&config, &options.segment_load()?, observer)?,
        true => dry_run(&config, observer)?,
        false => run(&config, observer)?,
    };
    let n_refused = report.n_refused_segments;
    if let Some(export) = report.export.as_mut().filter(|export| export.n_segments + n_refused > 0)
        && withdrawn.is_told()
    {
        // A process that was not told of a withdrawal may have published while this one loaded.
        tell_withdrawn(&withdraw(&output, &withdrawn, options.yes, &claim, observer)?, false);
        if let Some(updated_at) = ExistingStore::open(&output)?.updated_at() {
            updated_at.clone_into(&mut export.manifest.updated_at);
        }
    }
    report.would_stop = withdrew.would_stop.clone().or(report.would_stop);
    let page = page(options, &config, &report);
    Ok(Done { config, withdrew, report, page })
}

/// The page of a load that came to its end.
fn page(options: &Options, config: &Config, report: &RunReport) -> Option<PathBuf> {
    if options.no_report || options.only_looks() || report.interrupted {
        return None;
    }
    let exported = report.export.as_ref().map(|export| export.manifest.updated_at.as_str());
    report_beside(&config.output, exported.or(report.updated_at.as_deref())?, config.n_jobs)
}
