//! Everything a run depends on, validated once. Nothing below looks at a command line or an environment.

use std::collections::BTreeMap;
use std::path::PathBuf;

use na_cache::HolderName;
use na_model::{Choices, Compression, DEFAULT_ATLAS, TableName, Tissue, WideMetrics};

use crate::sessions::labels::Labels;
use crate::sessions::list::options::SessionListOptions;
use crate::withdrawals::withdrawal_list::Withdrawn;

/// Where the sessions of a run come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionSource {
    /// A file with a row a session.
    List {
        /// The file.
        path: PathBuf,
        /// What is taken from it.
        options: SessionListOptions,
    },
    /// Every session's folder under the roots.
    Discover,
}

/// Which files to take where several answer to one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntityPick {
    /// Entities and the values they must have; none is a file without the entity.
    pub wanted: Vec<(String, Option<String>)>,
    /// What the store remembers of its tables: which file was each of them.
    pub remembered: BTreeMap<TableName, Choices>,
}

/// What to load, from where, and into which store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The sessions.
    pub sessions: SessionSource,
    /// CAT12's own output: where TIV is read from.
    pub cat12_root: Option<PathBuf>,
    /// `parcellate`'s tables of CAT12's segmentations.
    pub cat12_parcellated_root: Option<PathBuf>,
    /// `parcellate`'s tables of QSIRecon's maps.
    pub qsiparc: Option<PathBuf>,
    /// The store's folder.
    pub output: PathBuf,
    /// The tissues to load; none for no anatomical tables at all.
    pub tissues: Vec<Tissue>,
    /// Whether to load diffusion tables.
    pub diffusion: bool,
    /// The workflows to load; all that are there without it.
    pub workflows: Option<Vec<String>>,
    /// The atlas.
    pub atlas_name: String,
    /// Which metrics become features; without it what the store was made with, or the defaults.
    pub wide_metrics: Option<WideMetrics>,
    /// How Parquet pages are compressed.
    pub compression: Compression,
    /// Which files to take where several answer to one table.
    pub pick: EntityPick,
    /// Workers threads.
    pub n_jobs: usize,
    /// Whether the cache stays after the export.
    pub keep_cache: bool,
    /// Whether everything is loaded as if there were no store, and takes the place of the whole store at the commit.
    pub force: bool,
    /// Whether what was looked for and is gone from disk leaves the store.
    pub prune: bool,
    /// Whether sessions that are not listed leave the store.
    pub prune_unlisted: bool,
    /// Whether the chosen sessions are read again, whatever is known of their files.
    pub reload: bool,
    /// Which of the listed sessions are loaded.
    pub labels: Labels,
    /// Who withdrew.
    pub withdrawn: Withdrawn,
    /// Whether the user agrees to what a run would else refuse because much would be lost.
    pub yes: bool,
    /// The holder of the output's lock whom the user knows to be gone.
    pub take_over: Option<HolderName>,
}

impl Config {
    /// A run of all that there is into a store, on one thread, without any root yet.
    #[must_use]
    pub fn new(sessions: SessionSource, output: PathBuf) -> Self {
        Self {
            sessions,
            cat12_root: None,
            cat12_parcellated_root: None,
            qsiparc: None,
            output,
            tissues: Tissue::ALL.to_vec(),
            diffusion: true,
            workflows: None,
            atlas_name: DEFAULT_ATLAS.to_owned(),
            wide_metrics: None,
            compression: Compression::default(),
            pick: EntityPick::default(),
            n_jobs: 1,
            keep_cache: false,
            force: false,
            prune: false,
            prune_unlisted: false,
            reload: false,
            labels: Labels::default(),
            withdrawn: Withdrawn::default(),
            yes: false,
            take_over: None,
        }
    }

    /// The entities that choose between several files of one table.
    pub(crate) fn choices(&self) -> Choices {
        self.pick.wanted.iter().cloned().collect()
    }
}
