//! `neuroalign-preprocess`: loads, resumes, exports.

use std::ffi::OsString;
use std::time::Instant;

use clap::CommandFactory;
use na_model::{Invocation, UnitStatus};
use na_pipeline::{Config, RunReport, dry_run, run, withdraw, would_withdraw};

use crate::exit::{Exit, complain, print, usage};
use crate::invocation::{invocation, settings_used, tell_call, tell_settings};
use crate::logging::Loudness;
use crate::options::Options;
use crate::progress::{Progress, bars};
use crate::settings::{Settings, expand};
use crate::signals::Signals;
use crate::status::Status;
use crate::summary::Summary;
use crate::today::Today;
use crate::withdrawn::tell_withdrawn;
use crate::{collisions, logging};

const COMMAND: &str = "neuroalign-preprocess";

/// Runs the command with these arguments, the program's name first, and returns its exit status.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    crate::keep_quiet_about_caught_panics();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let called = invocation(COMMAND, &arguments);
    match Options::parse_checked(arguments) {
        Ok(options) => execute(&options, called).unwrap_or_else(|error| complain(error.as_ref())).into(),
        Err(error) => usage(&error).into(),
    }
}

fn execute(options: &Options, mut called: Invocation) -> Result<Exit, Box<dyn std::error::Error>> {
    if let Some(shell) = options.completions {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Options::command(), COMMAND, &mut script);
        print(&String::from_utf8_lossy(&script));
        return Ok(Exit::Done);
    }
    let started = Instant::now();
    let output = expand(&options.output);
    collisions::check(&output, "--log-file", options.log_file.as_deref())?;
    collisions::check(&output, "--env-file", options.env_file.as_deref())?;
    collisions::check(&output, "--withdrawn", options.withdrawn.as_deref())?;
    let bars = bars(!options.no_progress && !options.quiet && !options.only_looks());
    logging::start(
        COMMAND,
        Loudness::of(options.verbose, options.quiet),
        &bars,
        options.log_file.as_deref(),
    )?;
    tell_call(&called);
    let settings = Settings::read(options.env_file.as_deref())?;
    called.settings = settings_used(options, &settings);
    tell_settings(&called);
    if options.prefix.is_some() {
        tracing::warn!("--prefix changes nothing: files are called as their tables and features are");
    }
    let withdrawn = options.withdrawn(&settings)?;
    let signals = Signals::listen()?;
    let progress = Progress::new(bars, signals.clone());
    // First, whatever becomes of the load: a withdrawal needs neither session list nor roots.
    let withdrew = match options.only_looks() {
        true => would_withdraw(&output, &withdrawn, options.yes)?,
        false => withdraw(&output, &withdrawn, options.yes, options.take_over.clone(), &progress)?,
    };
    tell_withdrawn(&withdrew, options.only_looks());
    let config = Config { invocation: Some(called), ..options.config(&settings)? };
    if settings.path(options.qsirecon.as_deref(), "QSIRECON_PATH").is_some() {
        tracing::debug!("QSIRECON_PATH is not read: diffusion tables come from QSIPARC_PATH");
    }
    let result = if options.only_looks() { dry_run(&config, &progress) } else { run(&config, &progress) };
    progress.finish();
    let mut report = result?;
    report.would_stop = withdrew.would_stop.clone().or(report.would_stop);
    if options.status {
        print(&Status::of(&output)?.with(Today::of(&report)).shown(options.json));
        return Ok(exit(options, &report, &signals));
    }
    let summary = Summary {
        config: &config,
        dry_run: options.dry_run,
        withdrew: &withdrew,
        elapsed: started.elapsed(),
    };
    if options.json {
        print(&summary.json(&report));
    } else if !options.quiet {
        print(&summary.text(&report));
    }
    Ok(exit(options, &report, &signals))
}

fn exit(options: &Options, report: &RunReport, signals: &Signals) -> Exit {
    let missing = if options.fail_on_missing { report.n_outcomes(UnitStatus::Missing) } else { 0 };
    let failed = report.n_outcomes(UnitStatus::Failed) + missing > 0;
    match signals.came().filter(|_| report.interrupted) {
        Some(signal) => Exit::Interrupted(signal),
        None if failed => Exit::SomeFailed,
        None => Exit::Done,
    }
}
