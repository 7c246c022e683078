//! Everything a run depends on, validated once. Nothing below looks at a command line or an environment.

use std::path::PathBuf;

use na_cache::HolderName;
use na_model::{Compression, Modality, Tissue, WideMetrics};

use crate::session_list::SessionListOptions;
use crate::sources::EntityPick;

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
    /// Loading threads.
    pub n_jobs: usize,
    /// Whether the cache stays after the export.
    pub keep_cache: bool,
    /// Whether the store is emptied first.
    pub force: bool,
    /// The holder of the output's lock whom the user knows to be gone.
    pub take_over: Option<HolderName>,
}

impl Config {
    /// The modalities that the settings ask for.
    #[must_use]
    pub fn modalities(&self) -> Vec<Modality> {
        let anatomical = self.cat12_parcellated_root.is_some() && !self.tissues.is_empty();
        let diffusion = self.qsiparc.is_some() && self.diffusion;
        [(Modality::Anatomical, anatomical), (Modality::Diffusion, diffusion)]
            .into_iter()
            .filter_map(|(modality, asked)| asked.then_some(modality))
            .collect()
    }
}
