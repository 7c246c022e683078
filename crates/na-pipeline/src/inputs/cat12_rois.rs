//! CAT12's regional values, `CAT12_ROOT/sub-S[/ses-E]/anat/[label/]catROI_*.xml` of volumes and `catROIs_*.xml` of surfaces.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use na_model::columns::{INDEX, LABEL};
use na_model::{
    InputName, MeasurementUnit, Metric, MetricKind, Modality, RegionKey, SourceRoot, TableKind, TableName,
    UnitKind,
};

use crate::error::PipelineError;
use crate::files::fingerprint::read_with_fingerprint;
use crate::files::tiv_rank::{SURFACES_PREFIX, VOLUMES_PREFIX};
use crate::inputs::cat12_files::{Cat12File, LABEL_FOLDER};
use crate::inputs::found_tables::{FileBytes, FoundTable};
use crate::inputs::input::Input;
use crate::inputs::input_root::RootList;
use crate::inputs::searched_folder::SearchedFolder;
use crate::inputs::unit_files::FoundUnit;
use crate::parse::cat12_rois::{RoiKind, atlases, is_atlas, parse_rois};
use crate::parse::parsed_table::ParsedTable;
use crate::unit_error::UnitError;

/// The tables' names behind their modality. The features of both begin with `cat12`.
pub(super) const VOLUMES: &str = "cat12";
pub(super) const SURFACES: &str = "cat12_surface";

/// Files that are looked into for the atlases and measures that there are.
const LOOKED_AT: usize = 20;

/// The measures that CAT12 writes by itself.
const OF_VOLUMES: [&str; 8] = ["Vgm", "Vwm", "Vcsf", "Vwmh", "Tgm", "Twm", "Tcsf", "ct"];
const OF_SURFACES: [&str; 5] = ["thickness", "gyrification", "fractaldimension", "depth", "sqrtdepth"];

/// The files of volumes, and those of surfaces.
const VOLUME_FILES: Cat12File = Cat12File { prefixes: &[VOLUMES_PREFIX], folder: LABEL_FOLDER };
const SURFACE_FILES: Cat12File = Cat12File { prefixes: &[SURFACES_PREFIX], folder: LABEL_FOLDER };
const BOTH: Cat12File = Cat12File { prefixes: &[VOLUMES_PREFIX, SURFACES_PREFIX], folder: LABEL_FOLDER };

/// The atlases that CAT12 makes unless it is told otherwise.
pub(super) const OF_VOLUMES_BY_DEFAULT: &str = "neuromorphometrics";
pub(super) const OF_SURFACES_BY_DEFAULT: &str = "aparc_DK40";

/// The atlases of CAT12's regional values, as its files call them.
#[derive(Debug)]
pub(crate) struct Cat12RoiAtlases {
    /// Of volumes.
    pub(crate) volumes: String,
    /// Of surfaces.
    pub(crate) surfaces: String,
}

/// CAT12's regional values.
#[derive(Debug)]
pub(crate) struct Cat12Rois {
    /// CAT12's own output.
    pub(crate) root: PathBuf,
    pub(crate) is_wanted: bool,
    pub(crate) atlases: Cat12RoiAtlases,
    /// The run that is chosen where a session has several.
    pub(crate) run: Option<String>,
    /// What the first files measure, of volumes and of surfaces.
    pub(crate) measures: OnceLock<[BTreeSet<String>; 2]>,
}

impl Input for Cat12Rois {
    fn unit_kind(&self) -> UnitKind {
        UnitKind::new(Modality::Anatomical, InputName::CAT12_ROI)
    }

    fn settings(&self) -> Vec<(SourceRoot, PathBuf)> {
        vec![(SourceRoot::CAT12, self.root.clone())]
    }

    fn is_asked_for(&self) -> bool {
        self.is_wanted
    }

    fn asked(&self) -> Vec<String> {
        let Cat12RoiAtlases { volumes, surfaces } = &self.atlases;
        if self.is_wanted { vec![format!("cat12-roi {volumes} {surfaces}")] } else { Vec::new() }
    }

    fn looks_for(&self, table: &TableName) -> bool {
        table.modality() == Modality::Anatomical && [VOLUMES, SURFACES].contains(&table.name())
    }

    fn list_roots(&self, roots: &mut RootList<'_>) -> Result<(), PipelineError> {
        let tables: Vec<TableName> = [VOLUMES, SURFACES].into_iter().filter_map(table).collect();
        BOTH.add_roots(roots, &self.root, &tables, self.run.as_deref(), has_rois)?;
        let Cat12RoiAtlases { volumes, surfaces } = &self.atlases;
        let of_volumes = self.look(VOLUME_FILES, "catROI_*.xml", volumes, "--atlas cat12=NAME")?;
        let of_surfaces =
            self.look(SURFACE_FILES, "catROIs_*.xml", surfaces, "--atlas cat12-surface=NAME")?;
        self.measures.get_or_init(|| [of_volumes, of_surfaces]);
        Ok(())
    }

    fn kind(&self, table: &TableName) -> TableKind {
        let is_of_volumes = table.name() == VOLUMES;
        let [of_volumes, of_surfaces] = self.measures.get().cloned().unwrap_or_default();
        let (atlas, known, found) = match is_of_volumes {
            true => (&self.atlases.volumes, &OF_VOLUMES[..], of_volumes),
            false => (&self.atlases.surfaces, &OF_SURFACES[..], of_surfaces),
        };
        let measures: BTreeSet<String> = known.iter().map(ToString::to_string).chain(found).collect();
        let metric = |name: &String| (name.clone(), Metric { kind: MetricKind::Number, unit: unit_of(name) });
        let is_default = |name: &&String| !is_of_volumes || name.starts_with('V');
        TableKind {
            producer: "CAT12".to_owned(),
            input: InputName::CAT12_ROI,
            atlas: Some(atlas.clone()),
            feature_prefix: VOLUMES.to_owned(),
            measured: table.name().to_owned(),
            metrics: measures.iter().map(metric).collect(),
            default_metrics: measures.iter().filter(is_default).cloned().collect(),
            words: BTreeMap::new(),
            says_no_model: false,
            region_key: RegionKey {
                index: is_of_volumes.then(|| INDEX.to_owned()),
                labels: vec![LABEL.to_owned()],
                hemispheres: Vec::new(),
            },
            no_regions: BTreeSet::new(),
            row_units: BTreeMap::new(),
            expected_rows: BTreeSet::new(),
        }
    }

    fn find(&self, folder: &SearchedFolder<'_>, found: &mut FoundUnit) -> Result<(), UnitError> {
        for (name, files) in [(VOLUMES, VOLUME_FILES), (SURFACES, SURFACE_FILES)] {
            if let Some(table) = table(name) {
                files.find(folder, table, found)?;
            }
        }
        Ok(())
    }

    fn parse(
        &self,
        table: &FoundTable,
        files: &[FileBytes<'_>],
        _: &dyn Fn() -> bool,
    ) -> Result<ParsedTable, UnitError> {
        let FileBytes { path, bytes } = FileBytes::only(table, files)?;
        let rois = match table.table().name() {
            VOLUMES => parse_rois(path, bytes, &self.atlases.volumes, RoiKind::Volumes)?,
            _ => parse_rois(path, bytes, &self.atlases.surfaces, RoiKind::Surfaces)?,
        };
        Ok(ParsedTable { remarks: rois.remarks, version: rois.version, ..ParsedTable::new(rois.regions) })
    }
}

impl Cat12Rois {
    /// The measures of an atlas in the first files.
    ///
    /// # Errors
    /// None of them has the atlas, and others are there.
    fn look(
        &self,
        files: Cat12File,
        name: &str,
        atlas: &str,
        option: &'static str,
    ) -> Result<BTreeSet<String>, PipelineError> {
        let (mut there, mut measures) = (BTreeSet::new(), BTreeSet::new());
        for path in files.first_below(&self.root, LOOKED_AT) {
            let Ok((bytes, _)) = read_with_fingerprint(&path) else { continue };
            for (element, of_atlas) in atlases(&path, &bytes) {
                if is_atlas(&element, atlas) {
                    measures.extend(of_atlas);
                }
                there.insert(element);
            }
        }
        if there.is_empty() || there.iter().any(|element| is_atlas(element, atlas)) {
            return Ok(measures);
        }
        Err(PipelineError::NoSuchFiles {
            file: format!("a {name} with the atlas {atlas}"),
            root: self.root.clone(),
            there: there.into_iter().collect::<Vec<_>>().join(", "),
            option,
        })
    }
}

/// Whether a folder has files of regional values.
fn has_rois(root: &Path) -> bool {
    !BOTH.first_below(root, 1).is_empty()
}

/// What CAT12 measures in: `V` are volumes, `T` and `ct` thickness. Gyrification is the mean absolute curvature in degrees.
fn unit_of(measure: &str) -> MeasurementUnit {
    match measure {
        "ct" | "thickness" | "depth" => MeasurementUnit::Millimetre,
        "gyrification" => MeasurementUnit::Degree,
        "fractaldimension" => MeasurementUnit::Dimensionless,
        _ if measure.starts_with('V') => MeasurementUnit::Millilitre,
        _ if measure.starts_with('T') => MeasurementUnit::Millimetre,
        _ => MeasurementUnit::Unknown,
    }
}

fn table(name: &str) -> Option<TableName> {
    TableName::new(Modality::Anatomical, name).ok()
}
