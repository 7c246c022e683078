//! What is chosen of the files of other producers than `parcellate`, as arguments say it.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use na_model::TivSource;
use na_pipeline::{FreeSurferFiles, Stream};

use crate::atlas_choice::{AtlasKind, parse_atlas};

/// The arguments that choose among the files of a root.
#[derive(Debug, Args)]
pub(crate) struct ProducerOptions {
    /// The atlas of one kind of input: freesurfer=aparc.a2009s for lh.aparc.a2009s.stats, freesurfer-seg=gtmseg [default: freesurfer=aparc, freesurfer-seg=aseg]
    #[arg(long, value_name = "KIND=NAME", value_parser = parse_atlas, help_heading = "What to load")]
    atlas: Vec<(AtlasKind, String)>,
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
    /// What is loaded from a `SUBJECTS_DIR`.
    pub(crate) fn freesurfer(&self, subjects_dir: PathBuf) -> FreeSurferFiles {
        let mut files = FreeSurferFiles {
            stream: self.freesurfer_stream,
            per_subject: self.freesurfer_per_subject,
            ..FreeSurferFiles::new(subjects_dir)
        };
        for (kind, name) in self.atlas.clone() {
            match kind {
                AtlasKind::FreeSurfer => files.parcellation = name,
                AtlasKind::FreeSurferSegmentation => files.segmentation = name,
            }
        }
        files
    }
}

/// Parses one of these words; `--help` lists them.
pub(crate) fn one_of<T>(words: impl IntoIterator<Item = &'static str>) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: Display + std::error::Error + Send + Sync> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).try_map(|word| word.parse::<T>())
}
