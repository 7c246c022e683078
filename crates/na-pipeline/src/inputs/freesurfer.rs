//! FreeSurfer's statistics, `SUBJECTS_DIR/{session}/stats/*.stats`: surfaces, the segmentation, and measures of the whole brain.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use na_model::{
    InputName, MeasurementUnit, Metric, MetricKind, Modality, RegionKey, SourceRoot, TableKind, TableName,
    UnitKind,
};

use crate::error::PipelineError;
use crate::files::session_folders::{folders_in, names_in};
use crate::files::source_folder::STATS;
use crate::files::subjects_dir::FolderChoice;
use crate::inputs::found_tables::{FileBytes, FoundTable};
use crate::inputs::input::Input;
use crate::inputs::input_root::{RootList, TableRoot};
use crate::inputs::searched_folder::SearchedFolder;
use crate::inputs::unit_files::FoundUnit;
use crate::parse::freesurfer_stats::{STRUCT_NAME, parse_stats};
use crate::parse::freesurfer_tables::{LABEL, StatsFile, globals, segmentation, surfaces, volume};
use crate::parse::regional_tsv::ParsedTable;
use crate::unit_error::UnitError;

/// Both hemispheres of a parcellation.
const SURFACES: &str = "fs";
/// The volumes of a segmentation.
const SEGMENTATION: &str = "aseg";
/// Measures of the whole brain.
const GLOBALS: &str = "fs_globals";

/// The parcellation that every version of FreeSurfer makes, and whose file has the measures of each hemisphere.
pub(crate) const APARC: &str = "aparc";

/// The segmentation that every version makes.
pub(crate) const ASEG: &str = "aseg";

/// Labels of rows that are no regions: where Schaefer's and the Human Connectome Project's parcellations are not of the cortex.
const NO_REGIONS: [&str; 2] = ["Background+FreeSurfer_Defined_Medial_Wall", "???"];

/// Sessions that are looked into for the parcellations that there are.
const SESSIONS: usize = 50;

/// The longest build that is taken for one, bytes.
const LONGEST_STAMP: usize = 200;

/// The columns of `mris_anatomical_stats`, each with the word of `aparcstats2table` and its unit.
const OF_SURFACES: [(&str, &str, MeasurementUnit); 9] = [
    ("NumVert", "numvert", MeasurementUnit::Dimensionless),
    ("SurfArea", "area", MeasurementUnit::SquareMillimetre),
    ("GrayVol", "volume", MeasurementUnit::CubicMillimetre),
    ("ThickAvg", "thickness", MeasurementUnit::Millimetre),
    ("ThickStd", "thicknessstd", MeasurementUnit::Millimetre),
    ("MeanCurv", "meancurv", MeasurementUnit::PerMillimetre),
    ("GausCurv", "gauscurv", MeasurementUnit::PerSquareMillimetre),
    ("FoldInd", "foldind", MeasurementUnit::Dimensionless),
    ("CurvInd", "curvind", MeasurementUnit::Dimensionless),
];

/// The statistics of `mri_segstats`, behind the name of the image that they are of.
const OF_INTENSITIES: [(&str, &str); 5] =
    [("Mean", "mean"), ("StdDev", "std"), ("Min", "min"), ("Max", "max"), ("Range", "range")];

/// The images that segmentations have statistics of: none is named by some.
const IMAGES: [&str; 3] = ["norm", "nu", ""];

/// FreeSurfer's stats files.
#[derive(Debug)]
pub(crate) struct FreeSurfer {
    /// `SUBJECTS_DIR`.
    pub(crate) root: Option<PathBuf>,
    /// The parcellation: what stands between `lh.` and `.stats`.
    pub(crate) parcellation: String,
    /// The segmentation: what stands before `.stats`.
    pub(crate) segmentation: String,
    pub(crate) choice: FolderChoice,
}

impl Input for FreeSurfer {
    fn unit_kind(&self) -> UnitKind {
        UnitKind::new(Modality::Anatomical, InputName::FREESURFER)
    }

    fn settings(&self) -> Vec<(SourceRoot, PathBuf)> {
        self.root.iter().map(|path| (SourceRoot::FREESURFER, path.clone())).collect()
    }

    fn is_asked_for(&self) -> bool {
        self.root.is_some()
    }

    fn asked(&self) -> Vec<String> {
        match self.is_asked_for() {
            true => vec![format!("freesurfer {} {}", self.parcellation, self.segmentation)],
            false => Vec::new(),
        }
    }

    fn looks_for(&self, table: &TableName) -> bool {
        table.modality() == Modality::Anatomical && [SURFACES, SEGMENTATION, GLOBALS].contains(&table.name())
    }

    fn list_roots(&self, roots: &mut RootList<'_>) -> Result<(), PipelineError> {
        let Some(path) = &self.root else { return Ok(()) };
        let tables = [SURFACES, SEGMENTATION, GLOBALS].into_iter().flat_map(table);
        let root = TableRoot::new(SourceRoot::FREESURFER, path, tables);
        roots.add(root.side_by_side(self.choice.clone()))?;
        self.check_parcellation(path)
    }

    fn kind(&self, table: &TableName) -> TableKind {
        let of =
            |prefix: &str, measured: &str, key: RegionKey, metrics: Vec<(String, &str, MeasurementUnit)>| {
                let word = |(column, word, _): &(String, &str, _)| (column.clone(), (*word).to_owned());
                let words: BTreeMap<String, String> = metrics.iter().map(word).collect();
                let metric = |(column, _, unit)| (column, Metric { kind: MetricKind::Number, unit });
                TableKind {
                    producer: "FreeSurfer".to_owned(),
                    input: InputName::FREESURFER,
                    atlas: None,
                    feature_prefix: prefix.to_owned(),
                    measured: measured.to_owned(),
                    metrics: metrics.into_iter().map(metric).collect(),
                    default_metrics: Vec::new(),
                    words,
                    region_key: key,
                    no_regions: BTreeSet::new(),
                }
            };
        let by = |index: Option<&str>, label: &str| RegionKey {
            index: index.map(str::to_owned),
            labels: vec![label.to_owned()],
            hemispheres: Vec::new(),
        };
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        match table.name() {
            SURFACES => {
                let metrics = OF_SURFACES.map(|(column, word, unit)| (column.to_owned(), word, unit));
                let sides = NO_REGIONS.iter().flat_map(|name| [format!("lh_{name}"), format!("rh_{name}")]);
                TableKind {
                    atlas: Some(self.parcellation.clone()),
                    default_metrics: owned(&["ThickAvg", "SurfArea", "GrayVol"]),
                    no_regions: sides.collect(),
                    ..of(SURFACES, SURFACES, by(None, LABEL), metrics.into())
                }
            }
            SEGMENTATION => {
                let intensities = IMAGES.iter().flat_map(|image| {
                    let unit = MeasurementUnit::Unknown;
                    OF_INTENSITIES.map(|(column, word)| (format!("{image}{column}"), word, unit))
                });
                let volumes = [
                    ("NVoxels".to_owned(), "nvoxels", MeasurementUnit::Dimensionless),
                    ("Volume_mm3".to_owned(), "volume", MeasurementUnit::CubicMillimetre),
                ];
                TableKind {
                    atlas: Some(self.segmentation.clone()),
                    default_metrics: owned(&["Volume_mm3"]),
                    ..of(
                        SEGMENTATION,
                        SEGMENTATION,
                        by(Some("SegId"), STRUCT_NAME),
                        volumes.into_iter().chain(intensities).collect(),
                    )
                }
            }
            _ => TableKind {
                default_metrics: owned(&["value"]),
                // The feature is called as the table, `fs_globals`.
                ..of(
                    SURFACES,
                    GLOBALS,
                    by(None, LABEL),
                    vec![("value".to_owned(), "globals", MeasurementUnit::Unknown)],
                )
            },
        }
    }

    fn find(&self, folder: &SearchedFolder<'_>, found: &mut FoundUnit) -> Result<(), UnitError> {
        let stats = folder.path().join(STATS);
        let names = names_in(&stats).map_err(|source| UnitError::unreadable(&stats, source))?;
        let there = |name: String| names.contains(&name).then(|| stats.join(name));
        let side =
            |parcellation: &str| ["lh", "rh"].map(|side| there(format!("{side}.{parcellation}.stats")));
        let segmentation = there(format!("{}.stats", self.segmentation));
        // The segmentation's own file comes first: of two measures of one name, the first counts.
        let whole_brain = [there(format!("{ASEG}.stats")), there("brainvol.stats".to_owned())];
        let own = side(&self.parcellation);
        let of_hemispheres = match side(APARC) {
            [None, None] => own.clone(),
            aparc => aparc,
        };
        for (name, files) in [
            (SURFACES, Vec::from(own)),
            (SEGMENTATION, vec![segmentation]),
            (GLOBALS, whole_brain.into_iter().chain(of_hemispheres).collect()),
        ] {
            let mut files = files.into_iter().flatten();
            let (Some(first), Some(table)) = (files.next(), table(name)) else { continue };
            let table = FoundTable::new(folder, table, None, first);
            found.add(files.fold(table, |table, file| table.and(folder, file)));
        }
        Ok(())
    }

    fn parse(
        &self,
        table: &FoundTable,
        files: &[FileBytes<'_>],
        should_stop: &dyn Fn() -> bool,
    ) -> Result<ParsedTable, UnitError> {
        let mut parsed = Vec::with_capacity(files.len());
        for FileBytes { path, bytes } in files {
            parsed.push(StatsFile { path, stats: parse_stats(path, bytes, should_stop)? });
        }
        let files = parsed;
        let is_globals = table.table().name() == GLOBALS;
        let batch = match table.table().name() {
            SURFACES => surfaces(&files)?,
            SEGMENTATION => segmentation(&files)?,
            _ => globals(&files)?,
        };
        Ok(ParsedTable {
            notes: if is_globals { unfinished(table.path()) } else { missing_side(table, &files) },
            version: build(table.path()).or_else(|| files.iter().find_map(|file| file.stats.version.clone())),
            volume: if is_globals { volume(&files) } else { None },
            ..ParsedTable::new(batch)
        })
    }
}

impl FreeSurfer {
    /// Refuses a parcellation that no session has if there are others, and names them.
    fn check_parcellation(&self, root: &Path) -> Result<(), PipelineError> {
        let (mut there, mut segmentations) = (BTreeSet::new(), BTreeSet::new());
        let folders = folders_in(root, "").unwrap_or_default().names.into_iter();
        // FreeSurfer's own templates have tables of groups.
        let sessions = folders.filter(|name| !name.starts_with("fsaverage"));
        for session in sessions.take(SESSIONS) {
            let names = names_in(&root.join(session).join(STATS)).unwrap_or_default();
            let parcellation = |name: &String| {
                let name = name.strip_prefix("lh.").or_else(|| name.strip_prefix("rh."))?;
                Some(name.strip_suffix(".stats")?.to_owned())
                    .filter(|name| name != "curv" && !name.ends_with(".pct"))
            };
            there.extend(names.iter().filter_map(parcellation));
            let others = names.iter().filter(|name| parcellation(name).is_none());
            segmentations.extend(others.filter_map(|name| Some(name.strip_suffix(".stats")?.to_owned())));
        }
        if self.segmentation != ASEG && !segmentations.contains(&self.segmentation) {
            let there = segmentations.into_iter().collect::<Vec<_>>().join(", ");
            let (asked, root) = (self.segmentation.clone(), root.to_owned());
            return Err(PipelineError::NoSuchSegmentation { asked, root, there });
        }
        if there.is_empty() || there.contains(&self.parcellation) {
            return Ok(());
        }
        let there = there.into_iter().collect::<Vec<_>>().join(", ");
        Err(PipelineError::NoSuchParcellation {
            asked: self.parcellation.clone(),
            root: root.to_owned(),
            there,
        })
    }
}

fn table(name: &str) -> Option<TableName> {
    TableName::new(Modality::Anatomical, name).ok()
}

/// What to say of a table of surfaces that has one hemisphere.
fn missing_side(table: &FoundTable, files: &[StatsFile<'_>]) -> Vec<String> {
    let ([file], SURFACES) = (files, table.table().name()) else { return Vec::new() };
    let other = if file.hemisphere() == Some("lh") { "right" } else { "left" };
    vec![format!("{}: there is no file of the {other} hemisphere beside it", file.path.display())]
}

/// The folder `scripts` of the session that a stats file is of.
fn scripts_of(stats: &Path) -> Option<PathBuf> {
    stats.parent().and_then(Path::parent).map(|session| session.join("scripts"))
}

/// The build of FreeSurfer as it stamps it. `None` where the stats were copied without it: before version 7 they tell the version of one
/// program's source alone.
fn build(stats: &Path) -> Option<String> {
    let stamp = fs::read_to_string(scripts_of(stats)?.join("build-stamp.txt")).ok()?;
    let line = stamp.lines().next()?.trim();
    (!line.is_empty() && line.len() < LONGEST_STAMP).then(|| line.to_owned())
}

/// What to say of a session that FreeSurfer stopped at, or is still at work on.
fn unfinished(stats: &Path) -> Vec<String> {
    let Some(scripts) = scripts_of(stats) else { return Vec::new() };
    let names = names_in(&scripts).unwrap_or_default();
    let mut is_told = names.iter().filter(|name| *name == "recon-all.error" || name.starts_with("IsRunning"));
    is_told
        .next()
        .map(|name| format!("{}: FreeSurfer did not come to its end", scripts.join(name).display()))
        .into_iter()
        .collect()
}
