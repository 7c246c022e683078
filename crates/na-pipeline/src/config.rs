//! Everything a run depends on. Nothing below looks at a command line or an environment.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use na_cache::{Claim, HolderName};
use na_model::{Choices, Compression, DEFAULT_ATLAS, Invocation, Tissue, TivSource, WideMetrics};

use crate::inputs::cat12::Cat12;
use crate::inputs::cat12_globals::Cat12Globals;
use crate::inputs::cat12_rois::{Cat12RoiAtlases, Cat12Rois};
use crate::inputs::diffmaps::Diffmaps;
use crate::inputs::entity_pick::EntityPick;
use crate::inputs::freesurfer::{FreeSurfer, FreeSurferFiles};
use crate::inputs::input::Input;
use crate::inputs::own_atlases::OwnAtlases;
use crate::inputs::qsiparc::Qsiparc;
use crate::inputs::qsiparc_layout::QsiparcLayout;
use crate::inputs::qsirecon::Qsirecon;
use crate::inputs::workflow_choice::WorkflowChoice;
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

impl SessionSource {
    /// How its list is read, for the record of a run.
    pub(crate) fn read_as(&self) -> Option<String> {
        match self {
            Self::List { options, .. } => options.written(),
            Self::Discover => None,
        }
    }

    /// Whether a column of the store must not stay in it: it looks like a direct identifier, or others are chosen.
    pub(crate) fn leaves_out(&self, column: &str) -> bool {
        match self {
            Self::List { options, .. } => options.leaves_out(column),
            Self::Discover => SessionListOptions::default().leaves_out(column),
        }
    }
}

/// What to load, from where, and into which store.
#[expect(missing_docs, reason = "a field without a note is what its name says")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub sessions: SessionSource,
    /// CAT12's own output: where TIV is read from.
    pub cat12_root: Option<PathBuf>,
    /// Whether the measures of the whole brain in CAT12's reports are loaded.
    pub cat12_globals: bool,
    /// Whether CAT12's own values of regions are loaded.
    pub cat12_roi: bool,
    /// `parcellate`'s tables of CAT12's segmentations.
    pub cat12_parcellated_root: Option<PathBuf>,
    /// `parcellate`'s or QSIParc's tables of QSIRecon's maps.
    pub qsiparc: Option<PathBuf>,
    /// Whose they are; `None` for QSIParc's where there are none of `parcellate`.
    pub qsiparc_layout: Option<QsiparcLayout>,
    /// QSIRecon's output, whose own tables of an atlas are loaded.
    pub qsirecon_stats: Option<PathBuf>,
    /// FreeSurfer's statistics.
    pub freesurfer: Option<FreeSurferFiles>,
    /// Whose total intracranial volumes the store has; `None` for those that it has, or CAT12's where any session has one.
    pub tiv_from: Option<TivSource>,
    pub output: PathBuf,
    /// The tissues of CAT12's tables to load; empty for none.
    pub tissues: Vec<Tissue>,
    /// Whether QSIRecon's tables are loaded.
    pub diffusion: bool,
    /// `None` for every workflow on disk.
    pub workflows: Option<Vec<String>>,
    /// Inputs of the embedding program, beside those of CAT12 and QSIRecon.
    pub further_inputs: Vec<Arc<dyn Input>>,
    /// The atlas of `parcellate`'s and QSIParc's tables.
    pub atlas_name: String,
    /// Those of inputs that have their own.
    pub atlases: OwnAtlases,
    /// The metrics that become features; `None` for those that the store was made with, or the defaults.
    pub wide_metrics: Option<WideMetrics>,
    pub compression: Compression,
    /// Which files to take where several answer to one table.
    pub pick: EntityPick,
    /// Threads that load; 0 counts as 1.
    pub n_jobs: usize,
    /// Whether the cache stays after the export.
    pub keep_cache: bool,
    /// Rows that move from the cache's database to parts at once, of a unit's smallest table; `None` for what is best.
    pub sealed_at_once: Option<usize>,
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
    /// The job of a scheduler that the run is, for people who find its lock.
    pub job: Option<String>,
    /// How long to wait for another run that has the output.
    pub patience: Duration,
    /// How the run was called, for the manifest.
    pub invocation: Option<Invocation>,
}

impl Config {
    /// A run that loads everything into a store on one thread. No root is set yet.
    #[must_use]
    pub fn new(sessions: SessionSource, output: PathBuf) -> Self {
        Self {
            sessions,
            cat12_root: None,
            cat12_globals: false,
            cat12_roi: false,
            cat12_parcellated_root: None,
            qsiparc: None,
            qsiparc_layout: None,
            qsirecon_stats: None,
            freesurfer: None,
            tiv_from: None,
            output,
            tissues: Tissue::ALL.to_vec(),
            diffusion: true,
            workflows: None,
            further_inputs: Vec::new(),
            atlas_name: DEFAULT_ATLAS.to_owned(),
            atlases: OwnAtlases::default(),
            wide_metrics: None,
            compression: Compression::default(),
            pick: EntityPick::default(),
            n_jobs: 1,
            keep_cache: false,
            sealed_at_once: None,
            force: false,
            prune: false,
            prune_unlisted: false,
            reload: false,
            labels: Labels::default(),
            withdrawn: Withdrawn::default(),
            yes: false,
            take_over: None,
            job: None,
            patience: Duration::ZERO,
            invocation: None,
        }
    }

    /// The inputs of the run: an entry for each kind, with the settings that it needs. Tables and roots are in this order.
    pub(crate) fn inputs(&self) -> Vec<Arc<dyn Input>> {
        let layout_of = || self.qsiparc.as_deref().map_or(QsiparcLayout::Parcellate, QsiparcLayout::of);
        let layout = self.qsiparc_layout.unwrap_or_else(layout_of);
        let mut inputs: Vec<Arc<dyn Input>> = vec![
            Arc::new(Cat12 {
                reports: self.cat12_root.clone(),
                tables: self.cat12_parcellated_root.clone(),
                tissues: self.tissues.clone(),
                atlas: self.atlas_name.clone(),
                run: self.pick.value("run"),
            }),
            Arc::new(Qsiparc {
                root: self.qsiparc.clone(),
                is_wanted: self.diffusion && layout == QsiparcLayout::Parcellate,
                workflows: WorkflowChoice(self.workflows.clone()),
                atlas: self.atlas_name.clone(),
            }),
        ];
        if let Some(root) = self.qsiparc.clone() {
            inputs.push(Arc::new(Diffmaps {
                root,
                is_wanted: self.diffusion && layout == QsiparcLayout::Diffmap,
                workflows: WorkflowChoice(self.workflows.clone()),
                atlas: self.atlas_name.clone(),
            }));
        }
        if let Some(root) = self.qsirecon_stats.clone() {
            let workflows = WorkflowChoice(self.workflows.clone());
            inputs.push(Arc::new(Qsirecon::new(root, self.atlases.qsirecon(), self.diffusion, workflows)));
        }
        if let Some(root) = self.cat12_root.clone() {
            let (is_wanted, run) = (self.cat12_globals, self.pick.value("run"));
            inputs.push(Arc::new(Cat12Globals { root: root.clone(), is_wanted, run: run.clone() }));
            let (volumes, surfaces) = (self.atlases.cat12(), self.atlases.cat12_surface());
            let (is_wanted, atlases) = (self.cat12_roi, Cat12RoiAtlases { volumes, surfaces });
            inputs.push(Arc::new(Cat12Rois { root, is_wanted, atlases, run, measures: OnceLock::new() }));
        }
        if let Some(files) = self.freesurfer.clone() {
            let (parcellation, segmentation) =
                (self.atlases.freesurfer(), self.atlases.freesurfer_segmentation());
            inputs.push(Arc::new(FreeSurfer {
                files,
                parcellation,
                segmentation,
                run: self.pick.value("run"),
            }));
        }
        inputs.extend(self.further_inputs.iter().map(Arc::clone));
        inputs
    }

    /// How the run takes its output; a stop is the observer's.
    #[must_use]
    pub fn claim(&self) -> Claim {
        let (take_over, job) = (self.take_over.clone(), self.job.clone());
        Claim { take_over, job, patience: self.patience, ..Claim::default() }
    }

    /// The entities that choose between the files of one table.
    pub(crate) fn choices(&self) -> Choices {
        self.pick.wanted.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use na_model::{Modality, SourceRoot, TableName, UnitKind};

    use super::*;
    use crate::error::PipelineError;
    use crate::inputs::found_tables::FileBytes;
    use crate::inputs::listed_inputs::ListedInputs;
    use crate::inputs::searched_folder::SearchedFolder;
    use crate::inputs::unit_files::FoundUnit;

    const TABLE: &str = "index\tlabel\tmean\n1\tleft\t0.5\n";

    /// A run of both inputs, whose one subject has a table of grey matter and one of workflow A.
    fn config() -> (tempfile::TempDir, Config) {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "cat12/sub-1/anat/x",
            "tables/sub-1/anat/atlas-X/sub-1_tissue-GM_parc.tsv",
            "diffusion/qsirecon-A/sub-1/dwi/atlas-X/sub-1_model-m_param-p_parc.tsv",
            "diffusion/qsirecon-B/sub-1/dwi/atlas-X/sub-1_model-m_param-p_parc.tsv",
        ] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, TABLE).unwrap();
        }
        let path = |name: &str| Some(folder.path().join(name));
        let config = Config {
            cat12_root: path("cat12"),
            cat12_parcellated_root: path("tables"),
            qsiparc: path("diffusion"),
            tissues: vec![Tissue::Gm, Tissue::Ct],
            workflows: Some(vec!["A".to_owned()]),
            atlas_name: "X".to_owned(),
            ..Config::new(SessionSource::Discover, folder.path().join("store"))
        };
        (folder, config)
    }

    #[test]
    fn what_an_input_lists_finds_and_parses_is_what_it_says_that_it_looks_for() {
        let (_folder, config) = config();
        let inputs = ListedInputs::list(config.inputs()).unwrap();
        let settings: Vec<SourceRoot> = inputs.settings().map(|(setting, _)| setting).collect();
        let (mut found_tables, pick) = (Vec::new(), EntityPick::default());
        for root in &inputs.roots.all {
            let input = inputs.of(root).unwrap();
            assert_eq!(root.kind, input.unit_kind());
            assert!(settings.contains(&root.setting), "{}", root.setting);
            for table in &root.tables {
                assert!(input.looks_for(table) && input.kind(table).unit_kind(table) == root.kind, "{table}");
                let kind = input.kind(table);
                let mut defaults = kind.default_metrics.iter();
                assert!(defaults.all(|metric| kind.metric_kind(metric).is_some()), "{table}");
            }
            let mut found = FoundUnit::default();
            let folder = root.path().join("sub-1");
            if root.is_searched() {
                input.find(&SearchedFolder::new(root, &folder, &pick), &mut found).unwrap();
            }
            for table in found.found.tables {
                assert!(root.tables.contains(table.table()), "{table:?}");
                assert!(table.relative.starts_with(&format!("{}sub-1/", root.prefix)), "{table:?}");
                let file = FileBytes { path: table.path(), bytes: TABLE.as_bytes() };
                let parsed = input.parse(&table, &[file], &|| false).unwrap().batch;
                let columns: Vec<String> =
                    parsed.schema().fields().iter().map(|field| field.name().clone()).collect();
                assert_eq!(input.columns(&table), columns);
                found_tables.push(table.table().to_string());
            }
            let has_atlas = input.atlases(&folder) == ["X"];
            assert_eq!(has_atlas, root.has_tables, "{}", root.setting);
        }
        assert_eq!(found_tables, ["anatomical_gm", "diffusion_A"]);
        let looked_for = |name: &str| inputs.looks_for(&TableName::parse(name).unwrap());
        assert!(looked_for("anatomical_ct") && !looked_for("anatomical_wm") && !looked_for("diffusion_B"));
        assert_eq!(inputs.kinds(), Modality::ALL.map(UnitKind::of_parcellate));
    }

    #[test]
    fn what_is_not_asked_for_lists_nothing_and_its_roots_are_remembered() {
        let (_folder, config) = config();
        let config = Config { tissues: Vec::new(), ..config };
        let inputs = ListedInputs::list(config.inputs()).unwrap();
        assert_eq!(inputs.kinds(), [UnitKind::of_parcellate(Modality::Diffusion)]);
        assert!(inputs.roots.all.iter().all(|root| root.setting == SourceRoot::QSIPARC));
        assert!(!inputs.looks_for(&TableName::from(Tissue::Gm)));
        assert_eq!(inputs.settings().count(), 3);
        let nothing = Config { diffusion: false, ..config };
        assert!(matches!(ListedInputs::list(nothing.inputs()), Err(PipelineError::NothingToLoad { .. })));
    }
}
