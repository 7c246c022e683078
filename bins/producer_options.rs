//! What is chosen of the files of other producers than `parcellate`, as arguments say it.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use na_model::TivSource;
use na_pipeline::{Config, FreeSurferFiles, OwnAtlases, QsiparcLayout, Stream};

use crate::atlas_choice::{AtlasKind, parse_atlas};
use crate::settings::{Settings, SettingsError};

/// The setting that asks for the measures in CAT12's reports.
pub(crate) const CAT12_GLOBALS: &str = "CAT12_GLOBALS";

/// The setting that asks for CAT12's regional values.
pub(crate) const CAT12_ROI: &str = "CAT12_ROI";

/// The arguments that choose among the files of a root.
#[derive(Debug, Args)]
pub(crate) struct ProducerOptions {
    /// The atlas of one kind of input: freesurfer=aparc.a2009s for lh.aparc.a2009s.stats, freesurfer-seg=gtmseg, cat12=lpba40, cat12-surface=aparc_a2009s, qsirecon=4S156Parcels [default: that of the store, or aparc, aseg, neuromorphometrics, aparc_DK40, 4S456Parcels]
    #[arg(long, value_name = "KIND=NAME", value_parser = parse_atlas, help_heading = "What to load")]
    atlas: Vec<(AtlasKind, String)>,
    /// Whose tables are under --qsiparc: parcellate's in qsirecon-* folders, or QSIParc's, *_diffmap.tsv in sub-* folders (untested on real output) [default: parcellate's where there are any]
    #[arg(long, value_name = "PROGRAM", value_parser = one_of::<QsiparcLayout>(QsiparcLayout::ALL.map(QsiparcLayout::as_str)), help_heading = "What to load")]
    pub(crate) qsiparc_layout: Option<QsiparcLayout>,
    /// The volumes of the whole brain and the quality of the images in the reports under --cat12-root [CAT12_GLOBALS=1]
    #[arg(long, help_heading = "What to load")]
    pub(crate) cat12_globals: bool,
    /// CAT12's own values of regions, catROI_*.xml and catROIs_*.xml under --cat12-root [CAT12_ROI=1]
    #[arg(long, help_heading = "What to load")]
    pub(crate) cat12_roi: bool,
    /// Where a session has a folder of FreeSurfer's longitudinal stream beside its own: which is loaded
    #[arg(long, value_name = "STREAM", value_parser = one_of::<Stream>(Stream::ALL.map(Stream::as_str)), help_heading = "What to load")]
    freesurfer_stream: Option<Stream>,
    /// A subject's folder of FreeSurfer that is of several sessions, as fMRIPrep makes it, is loaded: for a session without an id
    #[arg(long, help_heading = "What to load")]
    freesurfer_per_subject: bool,
    /// Whose total intracranial volumes the store has: they are not comparable [default: CAT12's where any session has one]
    #[arg(long, value_name = "PRODUCER", value_parser = one_of::<TivSource>(TivSource::ALL.map(TivSource::as_str)), help_heading = "What to load")]
    pub(crate) tiv_from: Option<TivSource>,
}

impl ProducerOptions {
    /// Whether CAT12's reports are loaded, not only for total intracranial volume.
    pub(crate) fn cat12_globals(
        &self,
        settings: &Settings,
        cat12_root: Option<&Path>,
    ) -> Result<bool, SettingsError> {
        let is_asked_for = settings.flag(self.cat12_globals, CAT12_GLOBALS)?;
        needs_cat12_root(is_asked_for, cat12_root, "--cat12-globals (CAT12_GLOBALS)")
    }

    /// Whether CAT12's values of regions are loaded.
    pub(crate) fn cat12_roi(
        &self,
        settings: &Settings,
        cat12_root: Option<&Path>,
    ) -> Result<bool, SettingsError> {
        let is_asked_for = settings.flag(self.cat12_roi, CAT12_ROI)?;
        needs_cat12_root(is_asked_for, cat12_root, "--cat12-roi (CAT12_ROI)")
    }

    /// What is loaded from a `SUBJECTS_DIR`.
    pub(crate) fn freesurfer(&self, subjects_dir: PathBuf) -> FreeSurferFiles {
        let (stream, per_subject) = (self.freesurfer_stream, self.freesurfer_per_subject);
        FreeSurferFiles { stream, per_subject, ..FreeSurferFiles::new(subjects_dir) }
    }

    /// The atlases that are chosen.
    pub(crate) fn atlases(&self) -> OwnAtlases {
        OwnAtlases {
            freesurfer: self.atlas_of(AtlasKind::FreeSurfer),
            freesurfer_segmentation: self.atlas_of(AtlasKind::FreeSurferSegmentation),
            cat12: self.atlas_of(AtlasKind::Cat12),
            cat12_surface: self.atlas_of(AtlasKind::Cat12Surface),
            qsirecon: self.atlas_of(AtlasKind::Qsirecon),
        }
    }

    /// Atlases that are chosen for inputs that the run does not load, as sentences.
    pub(crate) fn atlases_without_effect(&self, config: &Config) -> Vec<String> {
        let is_loaded = |kind: AtlasKind| match kind {
            AtlasKind::FreeSurfer | AtlasKind::FreeSurferSegmentation => config.freesurfer.is_some(),
            AtlasKind::Cat12 | AtlasKind::Cat12Surface => config.cat12_roi,
            AtlasKind::Qsirecon => config.qsirecon_stats.is_some() && config.diffusion,
        };
        let unused = self.atlas.iter().filter(|(kind, _)| !is_loaded(*kind));
        unused
            .map(|(kind, name)| {
                format!("--atlas {kind}={name} changes nothing: {} is not given", kind.option())
            })
            .collect()
    }

    /// The atlas that is chosen for a kind: the last, as for any option.
    fn atlas_of(&self, kind: AtlasKind) -> Option<String> {
        let chosen = self.atlas.iter().rfind(|(of, _)| *of == kind);
        chosen.map(|(_, name)| name.clone())
    }
}

/// Refuses to look for files of CAT12 nowhere.
fn needs_cat12_root(
    is_asked_for: bool,
    cat12_root: Option<&Path>,
    what: &'static str,
) -> Result<bool, SettingsError> {
    if is_asked_for && cat12_root.is_none() {
        return Err(SettingsError::NeedsRoot { what, root: "--cat12-root (CAT12_ROOT)" });
    }
    Ok(is_asked_for)
}

/// Parses one of these words; `--help` lists them.
pub(crate) fn one_of<T>(words: impl IntoIterator<Item = &'static str>) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: Display + std::error::Error + Send + Sync> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).try_map(|word| word.parse::<T>())
}
