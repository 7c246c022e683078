//! What each statistic of a program is: [`note_of`].

use crate::metric_note::{MetricNote, metric_note};
use crate::unit_kind::InputName;

type Notes = [(&'static str, &'static str, &'static str)];

/// As `mris_anatomical_stats` and `mri_segstats` of FreeSurfer compute them.
const FREESURFER: &Notes = &[
    ("NumVert", "Number of vertices", "Number of the parcel's vertices."),
    ("SurfArea", "Area", "Area of the parcel on the white surface."),
    ("GrayVol", "Volume of grey matter", "Volume between the white and the pial surface over the parcel."),
    (
        "ThickAvg",
        "Thickness",
        "Mean over the parcel's vertices of the distance between the white and the pial surface.",
    ),
    (
        "ThickStd",
        "Standard deviation of thickness",
        "Standard deviation of thickness over the parcel's vertices.",
    ),
    ("MeanCurv", "Mean curvature", "Integral of the rectified mean curvature over the parcel, by its area."),
    (
        "GausCurv",
        "Gaussian curvature",
        "Integral of the rectified Gaussian curvature over the parcel, by its area.",
    ),
    ("FoldInd", "Folding index", "Folding index of the parcel."),
    ("CurvInd", "Intrinsic curvature index", "Intrinsic curvature index of the parcel."),
    ("NVoxels", "Number of voxels", "Number of the structure's voxels."),
    (
        "Volume_mm3",
        "Volume",
        "Volume of the structure; of versions that correct it, with voxels that are partly of it.",
    ),
    ("value", "Value", "Value of the measure, in the unit of its row."),
];

/// As `cat_main_roi` and `cat_surf_surf2roi` of CAT12 compute them.
const CAT12: &Notes = &[
    ("Vgm", "Volume of grey matter", "Volume of grey matter in the region."),
    ("Vwm", "Volume of white matter", "Volume of white matter in the region."),
    ("Vcsf", "Volume of cerebrospinal fluid", "Volume of cerebrospinal fluid in the region."),
    (
        "Vwmh",
        "Volume of white matter hyperintensities",
        "Volume of white matter hyperintensities in the region.",
    ),
    ("ct", "Thickness", "Mean cortical thickness in the region of the volume."),
    ("thickness", "Thickness", "Mean cortical thickness over the region of the surface."),
    ("gyrification", "Gyrification", "Mean absolute mean curvature over the region of the surface."),
    ("fractaldimension", "Fractal dimension", "Mean fractal dimension over the region of the surface."),
    ("depth", "Depth of sulci", "Mean depth of sulci over the region of the surface."),
    (
        "sqrtdepth",
        "Square root of the depth of sulci",
        "Mean square root of the depth of sulci over the region of the surface.",
    ),
    ("value", "Value", "Value of the measure, in the unit of its row."),
];

/// As `interfaces/recon_scalars.py` of QSIRecon computes them.
const QSIRECON: &Notes = &[
    (
        "mean",
        "Mean",
        "Mean of the map over the region; of coverage, the share of the region that was scanned.",
    ),
    ("stdev", "Standard deviation", "Standard deviation of the map over the region."),
    ("median", "Median", "Median of the map over the region."),
];

/// What a statistic of a program is. `None` for other columns.
///
/// ```
/// use na_model::{InputName, note_of};
///
/// assert_eq!(note_of(&InputName::FREESURFER, "SurfArea").unwrap().long_name, "Area");
/// assert!(note_of(&InputName::FREESURFER, "kurtosis").is_none());
/// ```
#[must_use]
pub fn note_of(program: &InputName, column: &str) -> Option<MetricNote> {
    let notes = match program {
        _ if *program == InputName::FREESURFER => FREESURFER,
        _ if *program == InputName::CAT12_GLOBALS || *program == InputName::CAT12_ROI => CAT12,
        _ if *program == InputName::QSIRECON => QSIRECON,
        _ => return metric_note(column),
    };
    let note = notes.iter().find(|(name, ..)| *name == column);
    note.map(|(_, long_name, formula)| MetricNote { long_name, formula })
}
