//! `neuroalign-export-cache`: shows a cache, exports what it holds, or verifies the store.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use na_cache::{Cache, Cancel, Claim, HolderName, Segments, cache_status};
use na_model::{Invocation, Listing, UnitOutcome};
use na_pipeline::{Observer, Withdrawn, Withdrew, read_listing, withdraw};
use na_store::{
    CacheExport, ExistingStore, ExportReport, LeftOut, StoreError, Verification, Withdrawal, WithdrawalsTold,
    discard_fresh_load, export_cache, verify_store,
};
use serde_json::{Value, json};
use signal_hook::consts::SIGINT;

use crate::cohort_report::{report_alone, report_beside};
use crate::collisions;
use crate::exit::{Exit, complain, print, usage};
use crate::for_shells::ForShells;
use crate::invocation::{invocation, tell_call, tell_settings};
use crate::list_columns::ListColumns;
use crate::listed_shown::ListedShown;
use crate::load::CommandError;
use crate::logging::{self, Loudness};
use crate::options::{WITHDRAWN, all_cores, claim, withdrawn};
use crate::other_names::explained;
use crate::progress::{Progress, bars};
use crate::segments_shown::SegmentsShown;
use crate::settings::{Settings, expand};
use crate::signals::{Signals, survive_file_size_limit};
use crate::status::{CacheShown, Status, refuse_other_version};
use crate::version;
use crate::withdrawn::{tell_withdrawn, withdrawn_json};

const EXAMPLES: &str = "\
Examples:
  neuroalign-export-cache data/processed --status
      what was committed before a crash, or while a load is running; without a cache, what the store holds
  neuroalign-export-cache data/processed
      what is committed as Parquet, now; the cache goes when all of it is verified
  neuroalign-export-cache data/processed --keep-cache
      the same, and the cache stays
  neuroalign-export-cache data/processed --report-only
      the cohort at a glance, data/processed/report.html, as every export writes it
  neuroalign-export-cache data/processed --sessions all.csv --wait 3600
      the segments that the tasks of an array have published become the store; another merge is waited for
  neuroalign-export-cache data/processed --status --sessions all.csv
      what of the list is there; exit status 3 while anything is missing
  neuroalign-export-cache data/processed --verify
      whether every file of the store is what was written
  neuroalign-export-cache data/processed --withdrawn withdrawn.csv
      nothing is left of these participants, in the store and in its cache
  neuroalign-export-cache data/processed --discard
      a load with --force that was cut short goes, and the store stays as it was before it

Exit status: 0 done, 1 could not run (also: there is no cache, or with --status nothing at all), 2 usage, 3 something is not merged or missing from the list, or --verify found something wrong, 130 interrupted (143 by SIGTERM).";

/// Exports to Parquet what a cut-short load left, and merges what segments hold; or looks at them.
#[derive(Debug, Parser)]
#[command(name = "neuroalign-export-cache", version, long_version = version::long(), after_help = EXAMPLES)]
struct Options {
    /// The store's folder
    #[arg(value_name = "DIR", required_unless_present_any = ["completions", "man_page"])]
    output: Option<PathBuf>,
    /// Only show what the cache and segments hold; if there are none, what the store holds
    #[arg(long)]
    status: bool,
    /// Keep the cache after the export
    #[arg(long)]
    keep_cache: bool,
    /// No report of the cohort, report.html, beside the manifest
    #[arg(long)]
    no_report: bool,
    /// Only make the report of the store; nothing is exported
    #[arg(long, conflicts_with_all = ["status", "keep_cache", "verify", "discard", "withdrawn", "atlas_name", "no_report"])]
    report_only: bool,
    /// Read every file of the store, and compare it with what was written: exit status 3 where one is something else
    #[arg(long, conflicts_with_all = ["status", "keep_cache", "discard", "withdrawn", "atlas_name"])]
    verify: bool,
    /// Let go of a load with --force that has not come to its end; the store stays as it is
    #[arg(long, conflicts_with_all = ["status", "keep_cache", "atlas_name"])]
    discard: bool,
    /// All who withdrew (a subject a line, or a subject and a session; "none" for nobody): nothing of them is left; of other sessions' own tables and metadata nothing is changed [WITHDRAWN]
    #[arg(long, value_name = "FILE", conflicts_with = "status")]
    withdrawn: Option<PathBuf>,
    /// Take out who withdrew though the list is shorter than the one before, or takes over a tenth of the store
    #[arg(short, long)]
    yes: bool,
    /// The atlas, for a cache that does not say it
    #[arg(long, value_name = "NAME")]
    atlas_name: Option<String>,
    /// The store's lock is of this process, which is gone: go on in its place (the refusal names it)
    #[arg(long, value_name = "HOST:PID")]
    take_over: Option<HolderName>,
    /// Wait so many seconds for a run that has the store
    #[arg(long, value_name = "SECONDS", conflicts_with = "status")]
    wait: Option<u64>,
    /// The session list of the store; without it that of the runs counts. With --status: what of it is there, exit status 3 while any is missing
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["verify", "discard", "report_only"])]
    sessions: Option<PathBuf>,
    #[command(flatten)]
    list_columns: ListColumns,
    /// Say more
    #[arg(short, long)]
    verbose: bool,
    /// Append log messages to this file, or to a new one in this folder
    #[arg(short, long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// The result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    for_shells: ForShells,
}

const COMMAND: &str = "neuroalign-export-cache";

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

fn execute(options: &Options, mut called: Invocation) -> Result<Exit, CommandError> {
    if let Some(text) = options.for_shells.text(Options::command()) {
        print(&text?);
        return Ok(Exit::Done);
    }
    survive_file_size_limit()?;
    let output = expand(options.output.as_deref().unwrap_or(Path::new(".")));
    collisions::check(&output, "--log-file", options.log_file.as_deref())?;
    collisions::check(&output, "--withdrawn", options.withdrawn.as_deref())?;
    collisions::check(&output, "--sessions", options.sessions.as_deref())?;
    let bars = bars(!options.status);
    logging::start(COMMAND, Loudness::of(options.verbose, false), &bars, options.log_file.as_deref())?;
    tell_call(&called);
    if options.verify {
        let verification = verify_store(&output)?;
        print(&verified(options, &output, &verification));
        return Ok(if verification.problems.is_empty() { Exit::Done } else { Exit::SomeFailed });
    }
    if options.report_only {
        print(&report_alone(&output, all_cores(), options.json)?);
        return Ok(Exit::Done);
    }
    let settings = Settings::read(None)?;
    let list = options.withdrawn.as_ref().map(|path| path.to_string_lossy().into_owned());
    let list = settings.found(list, WITHDRAWN).map(|setting| (WITHDRAWN.to_owned(), setting));
    called.settings.extend(list);
    tell_settings(&called);
    let withdrawn = withdrawn(options.withdrawn.as_deref(), &settings)?;
    // Letting go of what was loaded brings nobody back.
    if !options.status && !options.discard && !withdrawn.is_told() {
        ExistingStore::open(&output)?.check_withdrawals(WithdrawalsTold::Nothing)?;
    }
    let signals = Signals::listen()?;
    let progress = Progress::new(bars, signals.clone());
    let mut n_damaged = 0;
    if !options.status {
        let withdrew = withdraw(&output, &withdrawn, options.yes, &options.claim(), &progress)?;
        tell_withdrawn(&withdrew, false);
        called.leave_untold(&withdrew.names);
        n_damaged = withdrew.n_damaged_segments;
        if options.withdrawn.is_some()
            && options.sessions.is_none()
            && let Some(no_export) = NoExport::after_withdrawal(&output, options.discard)
        {
            let updated_at = ExistingStore::open(&output)?.updated_at().map(str::to_owned);
            let page = options.page(&output, updated_at.as_deref());
            progress.finish();
            print(&withdrawal(options, &output, &withdrew, &no_export, page.as_deref()));
            return Ok(if n_damaged == 0 { Exit::Done } else { Exit::SomeFailed });
        }
    }
    let no_cache = || StoreError::NoCache { location: Cache::path_in(&output) };
    let listing = options.listing(&output, &withdrawn, &progress)?;
    if options.status {
        let mut status = Status::of(&output)?;
        if status.is_empty() && listing.is_none() {
            return Err(no_cache().into());
        }
        if let Some(listing) = listing {
            status = status.with_list(ListedShown::of(&output, &listing)?);
        }
        progress.finish();
        print(&status.shown(options.json));
        return Ok(if status.is_all_there() { Exit::Done } else { Exit::SomeFailed });
    }
    refuse_other_version(&output)?;
    let (cache, segments) = (CacheShown::of(&output)?, SegmentsShown::of(&output)?);
    if cache.is_none() && segments.is_none() && listing.is_none() {
        return Err(no_cache().into());
    }
    // One that a merge made for itself, and was killed.
    let cache = cache.filter(|cache| segments.is_none() || !cache.is_empty());
    let shown_json = json!({
        "cache": cache.as_ref().map(CacheShown::json),
        "segments": segments.as_ref().map(SegmentsShown::json),
    });
    if !options.json {
        print(&cache.as_ref().map(CacheShown::text).unwrap_or_default());
        print(&segments.as_ref().map(SegmentsShown::text).unwrap_or_default());
    }
    if options.discard {
        discard_fresh_load(&output, &options.claim(), &progress)?;
        print(&discarded(options, &output, &shown_json));
        return Ok(Exit::Done);
    }
    let how = CacheExport {
        atlas_name: options.atlas_name.clone(),
        keep_cache: options.keep_cache,
        listing,
        list_read_as: (!options.list_columns.is_empty())
            .then(|| options.list_columns.options().written())
            .flatten(),
        withdrawals: withdrawn.told(options.yes),
        claim: options.claim(),
        invocation: Some(called),
    };
    let result = export_cache(&output, &how, &progress);
    let has_merged = |report: &ExportReport| report.n_segments + report.left_out.segments.len() > 0;
    if result.as_ref().is_ok_and(has_merged) && withdrawn.is_told() {
        // A process that was not told of a withdrawal may have published between that and the merge.
        let withdrew = withdraw(&output, &withdrawn, options.yes, &options.claim(), &progress)?;
        tell_withdrawn(&withdrew, false);
    }
    let updated_at = match result {
        Ok(_) => ExistingStore::open(&output)?.updated_at().map(str::to_owned),
        Err(_) => None,
    };
    let page = options.page(&output, updated_at.as_deref());
    progress.finish();
    match result {
        Ok(report) => {
            report.notes.iter().for_each(|note| tracing::warn!("{note}"));
            tell_left_out(&report.left_out);
            print(&exported(options, &output, &shown_json, &report, page.as_deref()));
            let is_whole = report.left_out == LeftOut::default() && n_damaged == 0;
            Ok(if is_whole { Exit::Done } else { Exit::SomeFailed })
        }
        Err(StoreError::Stopped) => {
            print(
                "Interrupted: what was to be exported is as it was. Run the same command again to go on.\n",
            );
            Ok(Exit::Interrupted(signals.came().unwrap_or(SIGINT)))
        }
        Err(error) => Err(error.into()),
    }
}

fn verified(options: &Options, output: &Path, verification: &Verification) -> String {
    let Verification { n_files, n_without_hash, problems } = verification;
    if options.json {
        let problem = |(path, problem): &(PathBuf, String)| json!({ "file": path.display().to_string(), "problem": problem });
        let value = json!({
            "output": output.display().to_string(),
            "files": n_files,
            "without_hash": n_without_hash,
            "problems": problems.iter().map(problem).collect::<Vec<_>>(),
        });
        return format!("{value:#}\n");
    }
    let mut text = String::new();
    for (path, problem) in problems {
        let _ = writeln!(text, "{}: {problem}", path.display());
    }
    if *n_without_hash > 0 {
        let _ = writeln!(text, "{n_without_hash} files have no hash yet: the next export writes them.");
    }
    let _ = match problems.len() {
        0 => writeln!(text, "All {n_files} files of the store in {} are what was written.", output.display()),
        n => writeln!(text, "{n} of {n_files} files are not what was written."),
    };
    text
}

/// Why a withdrawal is not followed by an export.
#[derive(PartialEq)]
enum NoExport {
    NoCache,
    /// The cache is of a load with `--force` that has not come to its end.
    FreshLoad,
}

impl NoExport {
    /// `None` if there is something to export or to discard, or if the cache cannot be read.
    fn after_withdrawal(output: &Path, discard: bool) -> Option<Self> {
        match cache_status(output, &Cancel::never()) {
            Ok(None) if Segments::list(output).is_ok_and(|segments| segments.is_empty()) => {
                Some(Self::NoCache)
            }
            Ok(Some(status)) if status.fresh && !discard => Some(Self::FreshLoad),
            _ => None,
        }
    }
}

/// Says what segments hold and is not in the store.
fn tell_left_out(left_out: &LeftOut) {
    for refused in &left_out.segments {
        tracing::warn!("segment {} stays, and is not merged: {}", refused.name, refused.why);
    }
    for UnitOutcome { unit, reason, .. } in &left_out.units {
        tracing::warn!("{unit} is not taken from a segment: {reason}; the next run reads it again");
    }
}

fn left_out_json(left_out: &LeftOut) -> Value {
    let segments = left_out.segments.iter();
    let segments =
        segments.map(|refused| json!({ "segment": refused.name.as_str(), "problem": refused.why }));
    let units = left_out.units.iter();
    let units = units.map(|outcome| json!({ "unit": outcome.unit.to_string(), "problem": outcome.reason }));
    json!({ "segments": segments.collect::<Vec<_>>(), "units": units.collect::<Vec<_>>() })
}

impl Options {
    /// Parses the arguments, and refuses those that contradict each other.
    fn parse_checked(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let options = Self::try_parse_from(arguments).map_err(explained)?;
        if options.sessions.is_none() && !options.list_columns.is_empty() {
            let problem = "the columns are of a session list: give it with --sessions";
            return Err(Self::command().error(ErrorKind::MissingRequiredArgument, problem));
        }
        Ok(options)
    }

    /// How the output is taken.
    fn claim(&self) -> Claim {
        claim(self.take_over.as_ref(), self.wait)
    }

    /// The session list. `None` if none is given.
    fn listing(
        &self,
        output: &Path,
        withdrawn: &Withdrawn,
        observer: &dyn Observer,
    ) -> Result<Option<Listing>, CommandError> {
        let Some(path) = &self.sessions else { return Ok(None) };
        Ok(Some(read_listing(output, path, &self.list_columns.options(), withdrawn, observer)?))
    }

    /// The report of a store whose manifest was written then. `None` if none was to be made, or none could be.
    fn page(&self, output: &Path, updated_at: Option<&str>) -> Option<PathBuf> {
        report_beside(output, updated_at.filter(|_| !self.no_report)?, all_cores())
    }
}

fn withdrawal(
    options: &Options,
    output: &Path,
    withdrew: &Withdrew,
    no_export: &NoExport,
    page: Option<&Path>,
) -> String {
    let Withdrawal { n_subjects, n_sessions } = withdrew.taken_out;
    let beside_fresh_load = *no_export == NoExport::FreshLoad;
    if options.json {
        let value = json!({
            "output": output.display().to_string(),
            "withdrawn": withdrawn_json(withdrew, false),
            "fresh_load": beside_fresh_load,
            "report": page.map(|page| page.display().to_string()),
        });
        return format!("{value:#}\n");
    }
    let output = output.display();
    let mut text = match n_sessions {
        0 => format!("Nobody who withdrew is in {output}: nothing was taken out.\n"),
        _ => format!("{n_sessions} sessions of {n_subjects} subjects who withdrew were in {output}.\n"),
    };
    if beside_fresh_load {
        text.push_str("The load with --force that has not come to its end is kept without them: nothing was exported.\n");
    }
    text
}

fn discarded(options: &Options, output: &Path, status: &Value) -> String {
    if options.json {
        let value =
            json!({ "cache": status["cache"], "output": output.display().to_string(), "discarded": true });
        return format!("{value:#}\n");
    }
    format!("\nDiscarded: the store in {} is as it was before that load.\n", output.display())
}

fn exported(
    options: &Options,
    output: &Path,
    status: &Value,
    report: &ExportReport,
    page: Option<&Path>,
) -> String {
    let manifest = &report.manifest;
    if options.json {
        let value = json!({
            "cache": status["cache"],
            "segments": status["segments"],
            "output": output.display().to_string(),
            "tables": manifest.long_formats.keys().collect::<Vec<_>>(),
            "features": manifest.wide_features.len(),
            "sessions": manifest.n_sessions,
            "merged_segments": report.n_segments,
            "left_out": left_out_json(&report.left_out),
            "cache_kept": options.keep_cache,
            "notes": report.notes,
            "report": page.map(|page| page.display().to_string()),
        });
        return format!("{value:#}\n");
    }
    format!(
        "\nExported: the store in {} holds {} tables and {} features of {} sessions.\n{}{}\n",
        output.display(),
        manifest.long_formats.len(),
        manifest.wide_features.len(),
        manifest.n_sessions,
        if options.keep_cache && !status["cache"].is_null() && report.n_segments > 0 {
            "What was merged is deleted, and the cache is kept."
        } else if options.keep_cache && !status["cache"].is_null() {
            "The cache is kept."
        } else if report.n_segments > 0 {
            "What was merged is deleted: all of it was verified."
        } else if status["cache"].is_null() {
            "Nothing was waiting to be merged: it is in the store already."
        } else {
            "The cache is deleted: all of it was verified."
        },
        page.map(|page| format!("\nLook at {}.", page.display())).unwrap_or_default()
    )
}
