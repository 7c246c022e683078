//! The arguments of `neuroalign-preprocess`, and the configuration of the run that they ask for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use na_cache::{Claim, HolderName, SegmentLimits};
use na_model::{Compression, DEFAULT_ATLAS, Tissue, WideMetrics};
use na_pipeline::{Config, EntityPick, Labels, NOBODY, SegmentLoad, SessionSource, Shard, Withdrawn};

use crate::for_shells::ForShells;
use crate::list_columns::ListColumns;
use crate::other_names::explained;
use crate::producer_options::{ProducerOptions, one_of};
use crate::settings::{Settings, SettingsError, expand, parse_jobs};
use crate::slurm::SlurmTask;
use crate::version;

const EXAMPLES: &str = "\
Examples:
  neuroalign-preprocess
      everything from .env in the working directory
  neuroalign-preprocess -s sessions.csv --cat12-root /data/cat12 \\
      --cat12-parcellated-root /data/parcellated/cat12 --qsiparc /data/parcellated -o data/processed
      the same from the command line; run it again after a crash, and it goes on where it was
  neuroalign-preprocess --discover --dry-run
      what there would be to do, for every session under the roots
  neuroalign-preprocess --status
      what the store holds, and what is new, changed or gone since
  neuroalign-preprocess --no-diffusion --wide-metrics mean,std -j 4
      anatomical tables only, two metrics as features, four threads
  neuroalign-preprocess --report-only -o data/processed
      the cohort at a glance, data/processed/report.html, as every load that changes the store writes it
  neuroalign-preprocess --prune --dry-run
      what would leave the store because its files are gone
  neuroalign-preprocess --reload --participant-label 0007 0012
      two subjects read again
  neuroalign-preprocess --segment --shard slurm -s all.csv -o /shared/store
      a task of a SLURM array (sbatch --array=0-99): its part of the sessions, beside all others
  neuroalign-preprocess --segment --participant-label 0007 -s all.csv -o /shared/store
      the last line of a subject's own job: its sessions are read, whatever is there

Settings come from the command line, over the environment, over .env: SESSIONS_CSV, CAT12_ROOT,
CAT12_PARCELLATED_ROOT, CAT12_GLOBALS, CAT12_ROI, QSIPARC_PATH, QSIRECON_STATS_PATH, FREESURFER_DIR,
QSIRECON_PATH, ATLAS_NAME, N_JOBS, WITHDRAWN. Paths in .env are under its folder.

Exit status: 0 done, 1 could not run, 2 usage, 3 done but some sessions failed (or with --fail-on-missing are missing), 130 interrupted (143 by SIGTERM).";

/// Gathers parcellate's regional statistics of MRI sessions into a Parquet feature store.
///
/// Each session is committed the moment it is read: after a crash the same command goes on where it was.
#[derive(Debug, Parser)]
#[command(name = "neuroalign-preprocess", version, long_version = version::long(), after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Session list (.csv or .tsv, also .gz; - is standard input), a row a session [SESSIONS_CSV]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) sessions: Option<PathBuf>,
    /// Take every sub-*[/ses-*] under the roots instead of a session list
    #[arg(long, conflicts_with = "sessions")]
    pub(crate) discover: bool,
    /// CAT12's output, for total intracranial volume [CAT12_ROOT]
    #[arg(long, value_name = "DIR")]
    pub(crate) cat12_root: Option<PathBuf>,
    /// parcellate's tables of CAT12's segmentations [CAT12_PARCELLATED_ROOT]
    #[arg(long, value_name = "DIR")]
    pub(crate) cat12_parcellated_root: Option<PathBuf>,
    /// parcellate's tables of QSIRecon's maps, the folder of qsirecon-WORKFLOW folders; or QSIParc's output [QSIPARC_PATH]
    #[arg(long, value_name = "DIR")]
    pub(crate) qsiparc: Option<PathBuf>,
    /// FreeSurfer's SUBJECTS_DIR, or the sourcedata/freesurfer of fMRIPrep: statistics of surfaces, aseg, and of the whole brain [FREESURFER_DIR]
    #[arg(long, value_name = "DIR")]
    pub(crate) freesurfer: Option<PathBuf>,
    /// QSIRecon's own tables of an atlas, *_scalarstats.tsv, in its output or the folder of its qsirecon-WORKFLOW folders (untested on real output) [QSIRECON_STATS_PATH]
    #[arg(long, value_name = "DIR")]
    pub(crate) qsirecon_stats: Option<PathBuf>,
    /// QSIRecon's own output; taken for compatibility, nothing is read from it [QSIRECON_PATH]
    #[arg(long, value_name = "DIR")]
    pub(crate) qsirecon: Option<PathBuf>,
    /// The store's folder
    #[arg(short, long, value_name = "DIR", default_value = "data/processed")]
    pub(crate) output: PathBuf,
    /// Settings from this file instead of .env
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,

    /// No anatomical tables of parcellate
    #[arg(long, help_heading = "What to load")]
    pub(crate) no_anatomical: bool,
    /// No diffusion tables
    #[arg(long, help_heading = "What to load")]
    pub(crate) no_diffusion: bool,
    /// No grey matter
    #[arg(long, help_heading = "What to load")]
    pub(crate) no_gm: bool,
    /// No white matter
    #[arg(long, help_heading = "What to load")]
    pub(crate) no_wm: bool,
    /// No cortical thickness
    #[arg(long, help_heading = "What to load")]
    pub(crate) no_ct: bool,
    /// Only these workflows (with commas, or repeated) [default: all that are there]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', num_args = 1.., help_heading = "What to load")]
    pub(crate) workflows: Option<Vec<String>>,
    /// The atlas of parcellate's and QSIParc's tables [ATLAS_NAME] [default: 4S456Parcels]
    #[arg(long, value_name = "NAME", help_heading = "What to load")]
    pub(crate) atlas_name: Option<String>,
    #[command(flatten)]
    pub(crate) producers: ProducerOptions,
    /// Where several files answer to one table, take those with this mask ("none": without one)
    #[arg(long, value_name = "MASK", help_heading = "What to load")]
    pub(crate) mask: Option<String>,
    /// The same for the space entity
    #[arg(long, value_name = "SPACE", help_heading = "What to load")]
    pub(crate) space: Option<String>,
    /// The same for any entity: run-1, maskthr-50, res-none
    #[arg(long, value_name = "KEY-VALUE", value_parser = parse_entity, help_heading = "What to load")]
    pub(crate) entity: Vec<(String, Option<String>)>,

    #[command(flatten)]
    pub(crate) list_columns: ListColumns,

    /// Metrics that become features: a list with commas, "default" or "all" [default: what the store has, or default]
    #[arg(long, value_name = "METRICS", help_heading = "Store")]
    pub(crate) wide_metrics: Option<String>,
    /// Compression of the Parquet files
    #[arg(long, value_name = "CODEC", default_value = "zstd", value_parser = compression(), help_heading = "Store")]
    pub(crate) compression: Compression,
    /// Keep the cache after the export
    #[arg(long, help_heading = "Store")]
    pub(crate) keep_cache: bool,
    /// Rows of the smallest table that move from the cache's database to parts at once [default: as many as read well]
    #[arg(long, value_name = "ROWS", hide = true)]
    pub(crate) sealed_at_once: Option<usize>,
    /// No report of the cohort, report.html, beside the manifest
    #[arg(long, help_heading = "Store")]
    pub(crate) no_report: bool,
    /// Only make the report of the store in --output; nothing is loaded
    #[arg(long, conflicts_with_all = ["no_report", "dry_run", "status", "force", "reload", "prune", "prune_unlisted", "withdrawn", "keep_cache", "participant_label", "session_label", "fail_on_missing"], help_heading = "Store")]
    pub(crate) report_only: bool,
    /// Load everything anew; it replaces the whole store when all of it is loaded, and not before
    #[arg(short, long, conflicts_with_all = ["prune", "prune_unlisted", "reload"], help_heading = "Store")]
    pub(crate) force: bool,

    /// Read the chosen sessions again, whatever is known of their files
    #[arg(long, help_heading = "What goes and what stays")]
    pub(crate) reload: bool,
    /// Only these subjects of the list (with or without sub-; with commas, or repeated)
    #[arg(long, value_name = "LABELS", value_delimiter = ',', num_args = 1.., help_heading = "What goes and what stays")]
    pub(crate) participant_label: Vec<String>,
    /// Only these visits (with or without ses-; with commas, or repeated)
    #[arg(long, value_name = "LABELS", value_delimiter = ',', num_args = 1.., help_heading = "What goes and what stays")]
    pub(crate) session_label: Vec<String>,
    /// Let go of what this run looks for and does not find any more; without it that stays
    #[arg(long, help_heading = "What goes and what stays")]
    pub(crate) prune: bool,
    /// Let go of the sessions that are not in today's list
    #[arg(long, help_heading = "What goes and what stays")]
    pub(crate) prune_unlisted: bool,
    /// All who withdrew (a subject a line, or a subject and a session; "none" for nobody): nothing of them is left; of other sessions' own tables and metadata nothing is changed [WITHDRAWN]
    #[arg(long, value_name = "FILE", help_heading = "What goes and what stays")]
    pub(crate) withdrawn: Option<PathBuf>,
    /// Do what would be refused because much would go (--force, --prune, other roots)
    #[arg(short, long, help_heading = "What goes and what stays")]
    pub(crate) yes: bool,

    /// The store's lock is of this process, which is gone: go on in its place (the refusal names it)
    #[arg(long, value_name = "HOST:PID", help_heading = "Store")]
    pub(crate) take_over: Option<HolderName>,
    /// Wait so many seconds for another run that has the store
    #[arg(long, value_name = "SECONDS", help_heading = "Store")]
    pub(crate) wait: Option<u64>,

    /// Publish segments, small files of whole sessions beside the store, and export nothing: any number of processes may do so at once, without a lock; neuroalign-export-cache STORE merges them. What is in a segment is safe
    #[arg(long, conflicts_with_all = ["prune", "prune_unlisted", "keep_cache", "no_report", "report_only", "dry_run", "status", "take_over", "wait"], help_heading = "On a cluster")]
    pub(crate) segment: bool,
    /// Only this part of the sessions, I of N from 0 on, or "slurm": the part of this task of an array; what is there already is skipped. Without it all that is listed is read again
    #[arg(long, value_name = "I/N", requires = "segment", help_heading = "On a cluster")]
    pub(crate) shard: Option<String>,
    /// Units of a segment [default: 256, or what half a minute brings]
    #[arg(long, value_name = "UNITS", requires = "segment", hide = true)]
    pub(crate) segment_units: Option<usize>,

    /// Threads [N_JOBS] [default: all cores]
    #[arg(short = 'j', long, value_name = "N", value_parser = parse_jobs)]
    pub(crate) n_jobs: Option<usize>,
    /// End with 3 also where a session is missing
    #[arg(long)]
    pub(crate) fail_on_missing: bool,
    /// Only say what there is to do
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Only show what the store holds, and what is new, changed, gone, missing or failed today
    #[arg(long, conflicts_with_all = ["dry_run", "force", "reload", "prune", "prune_unlisted"])]
    pub(crate) status: bool,
    /// The summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// No progress bar
    #[arg(long)]
    pub(crate) no_progress: bool,
    /// Say more
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Only warnings and errors: no progress and no summary (with --json, the summary)
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Append log messages to this file, or to a new one in this folder
    #[arg(short, long, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,
    /// Taken for scripts of the pandas package, where it changes no file's name either
    #[arg(long, value_name = "TEXT", hide = true)]
    pub(crate) prefix: Option<String>,
    #[command(flatten)]
    pub(crate) for_shells: ForShells,
}

impl Options {
    /// Whether nothing is to be written.
    pub(crate) fn only_looks(&self) -> bool {
        self.dry_run || self.status
    }

    /// Parses the arguments, and refuses those that contradict each other.
    pub(crate) fn parse_checked(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let options = Self::try_parse_from(arguments).map_err(explained)?;
        let conflict = |problem: &str| Err(Self::command().error(ErrorKind::ArgumentConflict, problem));
        let has_labels = !options.participant_label.is_empty() || !options.session_label.is_empty();
        if options.force && has_labels {
            return conflict(
                "--force loads the whole list anew: to read some sessions again, use --reload with --participant-label and \
                 --session-label",
            );
        }
        if options.shard.is_some() && !options.segment {
            return conflict("--shard is of --segment: an ordinary run loads all that is listed");
        }
        if options.force && options.segment {
            return conflict(
                "--force replaces a whole store, and --segment is one of several that add to one: to read sessions again, use --reload",
            );
        }
        if let Err(problem) = options.shard() {
            return Err(Self::command().error(ErrorKind::ValueValidation, format!("--shard: {problem}")));
        }
        if options.prune_unlisted && options.discover {
            return conflict(
                "--prune-unlisted needs a session list; with --discover, --prune lets go of what is gone",
            );
        }
        Ok(options)
    }

    /// The part of the cohort that is loaded. `None` for all of it.
    pub(crate) fn shard(&self) -> Result<Option<Shard>, String> {
        match self.shard.as_deref() {
            None => Ok(None),
            Some("slurm") => SlurmTask::new(&environment).shard().map(Some),
            Some(text) => text.parse().map(Some),
        }
    }

    /// The configuration that these arguments ask for. A setting counts if its argument is absent.
    pub(crate) fn config(&self, settings: &Settings) -> Result<Config, SettingsError> {
        let Claim { take_over, job, patience, .. } = self.claim();
        let list = settings.path(self.sessions.as_deref(), "SESSIONS_CSV").filter(|_| !self.discover);
        let sessions = match list {
            Some(path) => SessionSource::List { path, options: self.list_columns.options() },
            None if self.discover => SessionSource::Discover,
            None => return Err(SettingsError::NoSessions { env_file: settings.path.clone() }),
        };
        let wanted = |tissue: &Tissue| match tissue {
            Tissue::Gm => !self.no_gm,
            Tissue::Wm => !self.no_wm,
            Tissue::Ct => !self.no_ct,
        };
        let cat12_root = settings.path(self.cat12_root.as_deref(), "CAT12_ROOT");
        Ok(Config {
            sessions,
            cat12_roi: self.producers.cat12_roi(settings, cat12_root.as_deref())?,
            cat12_globals: self.producers.cat12_globals(settings, cat12_root.as_deref())?,
            cat12_root,
            cat12_parcellated_root: settings
                .path(self.cat12_parcellated_root.as_deref(), "CAT12_PARCELLATED_ROOT"),
            qsiparc: settings.path(self.qsiparc.as_deref(), "QSIPARC_PATH"),
            qsiparc_layout: self.producers.qsiparc_layout,
            qsirecon_stats: settings.path(self.qsirecon_stats.as_deref(), "QSIRECON_STATS_PATH"),
            freesurfer: settings
                .path(self.freesurfer.as_deref(), "FREESURFER_DIR")
                .map(|subjects_dir| self.producers.freesurfer(subjects_dir)),
            tiv_from: self.producers.tiv_from,
            output: expand(&self.output),
            tissues: Tissue::ALL.into_iter().filter(|tissue| !self.no_anatomical && wanted(tissue)).collect(),
            diffusion: !self.no_diffusion,
            workflows: self.workflows.clone(),
            further_inputs: Vec::new(),
            atlas_name: settings
                .text(self.atlas_name.as_deref(), "ATLAS_NAME")
                .map_or_else(|| DEFAULT_ATLAS.to_owned(), without_key),
            wide_metrics: self.wide_metrics.as_deref().map(WideMetrics::parse),
            compression: self.compression,
            atlases: self.producers.atlases(),
            pick: self.pick(),
            n_jobs: settings.jobs(self.n_jobs, "N_JOBS")?.unwrap_or_else(all_cores),
            keep_cache: self.keep_cache,
            sealed_at_once: self.sealed_at_once,
            force: self.force,
            prune: self.prune,
            prune_unlisted: self.prune_unlisted,
            reload: self.reload,
            labels: Labels {
                participants: self.participant_label.clone(),
                sessions: self.session_label.clone(),
            },
            withdrawn: self.withdrawn(settings)?,
            yes: self.yes,
            take_over,
            job,
            patience,
            invocation: None,
        })
    }

    /// Options that change nothing in a run, as sentences.
    pub(crate) fn without_effect(&self, config: &Config) -> Vec<String> {
        let mut unused = self.producers.atlases_without_effect(config);
        let has_own = config.freesurfer.is_some() || config.cat12_roi || config.qsirecon_stats.is_some();
        if self.atlas_name.is_some()
            && has_own
            && config.cat12_parcellated_root.is_none()
            && config.qsiparc.is_none()
        {
            unused.push(
                "--atlas-name changes nothing: it is the atlas of parcellate's and QSIParc's tables, and none of these is read; --atlas \
                 KIND=NAME chooses the others'"
                    .to_owned(),
            );
        }
        unused
    }

    /// How the output is taken.
    pub(crate) fn claim(&self) -> Claim {
        claim(self.take_over.as_ref(), self.wait)
    }

    /// What this process publishes.
    ///
    /// # Errors
    /// A shard that is none.
    pub(crate) fn segment_load(&self) -> Result<SegmentLoad, String> {
        let process = HolderName::of_this_process();
        let process = format!("{}.{}", process.host, process.pid);
        let limits = SegmentLimits::default();
        let limits = SegmentLimits { units: self.segment_units.unwrap_or(limits.units).max(1), ..limits };
        Ok(SegmentLoad {
            shard: self.shard()?,
            writer: SlurmTask::new(&environment).job().unwrap_or(process),
            limits,
        })
    }

    /// Reads who withdrew, from the list that the command line or else the settings name.
    pub(crate) fn withdrawn(&self, settings: &Settings) -> Result<Withdrawn, SettingsError> {
        withdrawn(self.withdrawn.as_deref(), settings)
    }

    fn pick(&self) -> EntityPick {
        let named = [("mask", &self.mask), ("space", &self.space)];
        let named =
            named.into_iter().filter_map(|(key, value)| Some((key.to_owned(), or_none(value.as_deref()?))));
        EntityPick { wanted: named.chain(self.entity.iter().cloned()).collect(), ..EntityPick::default() }
    }
}

/// The setting that names the list of those who withdrew.
pub(crate) const WITHDRAWN: &str = "WITHDRAWN";

/// Reads who withdrew, from the list that an option or else the settings name.
pub(crate) fn withdrawn(given: Option<&Path>, settings: &Settings) -> Result<Withdrawn, SettingsError> {
    let is_nobody = given.map_or_else(
        || settings.text(None, WITHDRAWN).is_some_and(|text| text == NOBODY),
        |given| given == Path::new(NOBODY),
    );
    let path = if is_nobody { Some(PathBuf::from(NOBODY)) } else { settings.path(given, WITHDRAWN) };
    let Some(path) = path else { return Ok(Withdrawn::default()) };
    Withdrawn::read(&path).map_err(|source| SettingsError::Withdrawn(Box::new(source)))
}

/// How an output is taken: from a holder that is gone, and after so many seconds at most.
pub(crate) fn claim(take_over: Option<&HolderName>, wait: Option<u64>) -> Claim {
    Claim {
        take_over: take_over.cloned(),
        job: SlurmTask::new(&environment).job(),
        patience: Duration::from_secs(wait.unwrap_or(0)),
        ..Claim::default()
    }
}

/// A variable of the environment.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The threads that this machine runs at once.
#[must_use]
pub fn all_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn or_none(value: &str) -> Option<String> {
    (value != "none").then(|| value.to_owned())
}

fn parse_entity(text: &str) -> Result<(String, Option<String>), String> {
    match text.split_once('-') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => Ok((key.to_owned(), or_none(value))),
        _ => Err("expected KEY-VALUE as in a BIDS file name, such as run-1".to_owned()),
    }
}

/// An atlas is also called as the folder of its tables is, `atlas-4S456Parcels`.
fn without_key(atlas: String) -> String {
    atlas.strip_prefix("atlas-").map(str::to_owned).unwrap_or(atlas)
}

/// Parses a compression; `--help` lists them.
fn compression() -> impl TypedValueParser<Value = Compression> {
    one_of(Compression::ALL.map(Compression::as_str))
}
