//! Everything a run depends on, validated once. Nothing below looks at a command line or an environment.

use std::collections::BTreeMap;
use std::path::PathBuf;

use na_cache::HolderName;
use na_model::{Choices, Compression, DEFAULT_ATLAS, TableName, Tissue, WideMetrics};

use crate::sessions::labels::Labels;
use crate::sessions::list::options::SessionListOptions;
use crate::withdrawals::withdrawal_list::Withdrawn;

/// Where a run takes its sessions from.
#[expect(missing_docs, reason = "a field without a note is what its name says")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionSource {
    /// A file with a row a session.
    List { path: PathBuf, options: SessionListOptions },
    /// Every session's folder under the roots.
    Discover,
}

/// Which file to take if several answer to one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntityPick {
    /// Entities with the value that a file must have; `None` is a file without the entity.
    pub wanted: Vec<(String, Option<String>)>,
    /// The choices that each table of the store was made with.
    pub remembered: BTreeMap<TableName, Choices>,
}

/// What to load, from where, and into which store.
#[expect(missing_docs, reason = "a field without a note is what its name says")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub sessions: SessionSource,
    /// CAT12's own output: where TIV is read from.
    pub cat12_root: Option<PathBuf>,
    /// `parcellate`'s tables of CAT12's segmentations.
    pub cat12_parcellated_root: Option<PathBuf>,
    /// `parcellate`'s tables of QSIRecon's maps.
    pub qsiparc: Option<PathBuf>,
    pub output: PathBuf,
    /// Empty for no anatomical tables.
    pub tissues: Vec<Tissue>,
    pub diffusion: bool,
    /// `None` for every workflow on disk.
    pub workflows: Option<Vec<String>>,
    pub atlas_name: String,
    /// The metrics that become features; `None` for those that the store was made with, or the defaults.
    pub wide_metrics: Option<WideMetrics>,
    pub compression: Compression,
    /// Which files to take where several answer to one table.
    pub pick: EntityPick,
    /// Threads that load; 0 counts as 1.
    pub n_jobs: usize,
    /// Whether the cache stays after the export.
    pub keep_cache: bool,
    /// Whether everything is loaded as if there were no store, and replaces the whole store at the commit.
    pub force: bool,
    /// Whether what the run looks for and does not find on disk leaves the store.
    pub prune: bool,
    /// Whether sessions that are not listed leave the store.
    pub prune_unlisted: bool,
    /// Whether the chosen sessions are read again although their files did not change.
    pub reload: bool,
    pub labels: Labels,
    pub withdrawn: Withdrawn,
    /// Whether the user agrees to losses that a run would otherwise refuse.
    pub yes: bool,
    /// The holder of the output's lock, if the user knows that it is dead.
    pub take_over: Option<HolderName>,
}

impl Config {
    /// A run that loads everything into a store on one thread. No root is set yet.
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

    /// The entities that choose between the files of one table.
    pub(crate) fn choices(&self) -> Choices {
        self.pick.wanted.iter().cloned().collect()
    }
}
