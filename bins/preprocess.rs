//! `neuroalign-preprocess`: loads, resumes, exports.

use std::ffi::OsString;
use std::time::Instant;

use clap::CommandFactory;
use na_model::Invocation;

use crate::cohort_report::report_alone;
use crate::exit::{Exit, complain, print, usage};
use crate::invocation::{invocation, tell_call};
use crate::load::{COMMAND, CommandError, Done, check_collisions, load_as};
use crate::logging;
use crate::logging::Loudness;
use crate::options::{Options, all_cores};
use crate::progress::{Progress, bars};
use crate::settings::{Settings, expand};
use crate::signals::{Signals, survive_file_size_limit};
use crate::status::Status;
use crate::today::Today;

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

fn execute(options: &Options, called: Invocation) -> Result<Exit, CommandError> {
    if let Some(text) = options.for_shells.text(Options::command()) {
        print(&text?);
        return Ok(Exit::Done);
    }
    let started = Instant::now();
    survive_file_size_limit()?;
    check_collisions(options)?;
    let bars = bars(!options.no_progress && !options.quiet && !options.only_looks());
    logging::start(
        COMMAND,
        Loudness::of(options.verbose, options.quiet),
        &bars,
        options.log_file.as_deref(),
    )?;
    tell_call(&called);
    if options.report_only {
        let output = expand(&options.output);
        let n_jobs = options.n_jobs.unwrap_or_else(all_cores);
        let told = report_alone(&output, n_jobs, options.json)?;
        if options.json || !options.quiet {
            print(&told);
        }
        return Ok(Exit::Done);
    }
    let settings = Settings::read(options.env_file.as_deref())?;
    let signals = Signals::listen()?;
    let progress = Progress::new(bars, signals.clone());
    let result = load_as(options, &settings, called, &progress);
    progress.finish();
    let done = match result {
        Err(error) if options.status => return shown_alone(options, error),
        result => result?,
    };
    let summary = done.summary(options, started.elapsed());
    if options.status {
        let status = Status::of(&expand(&options.output))?.with(Today::of(&done.report));
        print(&status.shown(options.json));
    } else if options.json {
        print(&summary.json(&done.report));
    } else if !options.quiet {
        print(&summary.text(&done.report));
    }
    Ok(exit(options, &done, &signals))
}

/// Shows what the store holds where something keeps the command from telling what is new: a list or root that is not there, withdrawals
/// that it is not told of. If there is nothing to show, that is the error.
fn shown_alone(options: &Options, error: CommandError) -> Result<Exit, CommandError> {
    match Status::of(&expand(&options.output)) {
        Ok(status) if !status.is_empty() => {
            tracing::warn!("what is new or changed today cannot be told: {error}");
            print(&status.shown(options.json));
            Ok(Exit::Done)
        }
        _ => Err(error),
    }
}

fn exit(options: &Options, done: &Done, signals: &Signals) -> Exit {
    match signals.came().filter(|_| done.report.interrupted) {
        Some(signal) => Exit::Interrupted(signal),
        None if done.has_failed(options) => Exit::SomeFailed,
        None => Exit::Done,
    }
}
