//! `neuroalign-export-cache`: look at a cache, or export what it holds.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};
use clap_complete::Shell;
use na_cache::{Cache, CacheStatus};
use na_store::{CacheExport, ExportReport, StoreError, cache_status, export_cache};
use serde_json::json;

use crate::exit::{Exit, complain, print, usage};
use crate::logging;
use crate::progress::{Progress, bars};
use crate::settings::expand;
use crate::signals::Signals;

const EXAMPLES: &str = "\
Examples:
  neuroalign-export-cache data/processed --status
      what was committed before a crash, or while a load is running
  neuroalign-export-cache data/processed
      what is committed as Parquet, now; the cache goes when all of it is verified
  neuroalign-export-cache data/processed --keep-cache
      the same, and the cache stays

Exit status: 0 done, 1 could not run (also: there is no cache), 2 usage, 130 interrupted (143 by SIGTERM).";

/// Looks at a cache, or exports what it holds to Parquet.
#[derive(Debug, Parser)]
#[command(name = "neuroalign-export-cache", version, after_help = EXAMPLES)]
struct Options {
    /// The store's folder
    #[arg(value_name = "DIR", required_unless_present = "completions")]
    output: Option<PathBuf>,
    /// Only show what the cache holds
    #[arg(long)]
    status: bool,
    /// Keep the cache after the export
    #[arg(long)]
    keep_cache: bool,
    /// The atlas, for a cache that does not say it
    #[arg(long, value_name = "NAME")]
    atlas_name: Option<String>,
    /// Say more
    #[arg(short, long)]
    verbose: bool,
    /// Append log messages to this file, or to a new one in this folder
    #[arg(short, long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// The result as JSON
    #[arg(long)]
    json: bool,
    /// Print a completion script for this shell
    #[arg(long, value_name = "SHELL")]
    completions: Option<Shell>,
}

/// Runs the command with these arguments, the program's name first; its exit status.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    crate::keep_quiet_about_caught_panics();
    match Options::try_parse_from(arguments) {
        Ok(options) => execute(&options).unwrap_or_else(|error| complain(error.as_ref())).into(),
        Err(error) => usage(&error).into(),
    }
}

fn execute(options: &Options) -> Result<Exit, Box<dyn std::error::Error>> {
    if let Some(shell) = options.completions {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Options::command(), "neuroalign-export-cache", &mut script);
        print(&String::from_utf8_lossy(&script));
        return Ok(Exit::Done);
    }
    let output = expand(options.output.as_deref().unwrap_or(Path::new(".")));
    let bars = bars(!options.status);
    logging::start("neuroalign-export-cache", options.verbose, &bars, options.log_file.as_deref())?;
    let no_cache = || StoreError::NoCache { location: Cache::path_in(&output) };
    let status = cache_status(&output)?.ok_or_else(no_cache)?;
    if options.status {
        print(&if options.json { format!("{:#}\n", status_json(&status)) } else { status_box(&status) });
        return Ok(Exit::Done);
    }
    if !options.json {
        print(&status_box(&status));
    }
    let signals = Signals::listen()?;
    let progress = Progress::new(bars, signals.clone());
    let how = CacheExport { atlas_name: options.atlas_name.clone(), keep_cache: options.keep_cache };
    let result = export_cache(&output, &how, &progress);
    progress.finish();
    match result {
        Ok(report) => {
            report.notes.iter().for_each(|note| tracing::warn!("{note}"));
            print(&exported(options, &output, &status, &report));
            Ok(Exit::Done)
        }
        Err(StoreError::Stopped) => {
            print("Interrupted: the cache is as it was. Run the same command again to go on.\n");
            Ok(Exit::Interrupted(signals.came().unwrap_or(2)))
        }
        Err(error) => Err(error.into()),
    }
}

fn exported(options: &Options, output: &Path, status: &CacheStatus, report: &ExportReport) -> String {
    let manifest = &report.manifest;
    if options.json {
        let value = json!({
            "cache": status_json(status),
            "output": output.display().to_string(),
            "tables": manifest.long_formats.keys().collect::<Vec<_>>(),
            "features": manifest.wide_features.len(),
            "sessions": manifest.n_sessions,
            "cache_kept": options.keep_cache,
            "notes": report.notes,
        });
        return format!("{value:#}\n");
    }
    format!(
        "\nExported: the store in {} holds {} tables and {} features of {} sessions.\n{}\n",
        output.display(),
        manifest.long_formats.len(),
        manifest.wide_features.len(),
        manifest.n_sessions,
        if options.keep_cache {
            "The cache is kept."
        } else {
            "The cache is deleted: all of it was verified."
        }
    )
}

fn status_json(status: &CacheStatus) -> serde_json::Value {
    json!({
        "location": status.location.display().to_string(),
        "size_bytes": status.size_bytes,
        "anatomical_sessions": status.anatomical_sessions,
        "diffusion_sessions": status.diffusion_sessions,
        "tables": status.tables.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// What a cache holds, in the form that users know. MB are 1024² bytes.
fn status_box(status: &CacheStatus) -> String {
    let rule = "=".repeat(60);
    #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
    let megabytes = status.size_bytes as f64 / (1024.0 * 1024.0);
    let mut text = format!(
        "{rule}\nCACHE STATUS\n{rule}\nLocation: {}\nSize: {megabytes:.2} MB\nAnatomical sessions: {}\nDiffusion \
         sessions: {}\n\nTables: {}\n",
        status.location.display(),
        status.anatomical_sessions,
        status.diffusion_sessions,
        status.tables.len()
    );
    for table in &status.tables {
        let _ = writeln!(text, "  - {table}");
    }
    let _ = writeln!(text, "{rule}");
    text
}
