//! Every column name that the store gives a meaning, each once.
//!
//! A table has two kinds of them: those that say which row is which, in the table as it was written
//! ([`REGION_COLUMNS`]), and those that the store adds behind them ([`KEY_COLUMNS`], [`MAP_COLUMNS`], …). All other
//! columns are the tables' own.

/// The participant's code.
pub const SUBJECT: &str = "subject_code";

/// The scan visit; null where a dataset has no `ses-` folders.
pub const SESSION: &str = "session_id";

/// What a row of every table is keyed by, in this order.
pub const KEY_COLUMNS: [&str; 2] = [SUBJECT, SESSION];

/// The modality of the unit that a row was read with.
pub const MODALITY: &str = "modality";

/// What a tissue's map measures, [`Tissue::measured`](crate::table::Tissue::measured).
pub const METRIC: &str = "metric";

/// Total intracranial volume in mL, as the store adds it.
pub const TIV: &str = "tiv";

/// Total intracranial volume in mL, as CAT12 and `parcellate` call it.
pub const VOL_TIV: &str = "vol_TIV";

/// The QSIRecon workflow of a diffusion table.
pub const WORKFLOW: &str = "workflow";

/// The model fitted.
pub const MODEL: &str = "model";

/// The parameter of the model.
pub const PARAM: &str = "param";

/// The description entity.
pub const DESC: &str = "desc";

/// What tells the maps of a table apart, in this order; [`MapSource`](crate::table::MapSource) is a row's value of them.
pub const MAP_COLUMNS: [&str; 3] = [MODEL, PARAM, DESC];

/// The columns that the store adds behind a table's own, in order, by [`Modality`](crate::Modality).
pub const ADDED_COLUMNS: [&[&str]; 2] =
    [&[MODALITY, METRIC, SUBJECT, SESSION, TIV], &[WORKFLOW, MODEL, PARAM, DESC, SUBJECT, SESSION]];

/// The age in years, whatever a session list calls it.
pub const AGE: &str = "AGE";

/// A region's number in the atlas image.
pub const INDEX: &str = "index";

/// A region's name.
pub const LABEL: &str = "label";

/// The columns with a region's name: the first that has one in a row counts.
pub const LABEL_COLUMNS: [&str; 2] = [LABEL, "name"];

/// The column that may name a structure with a side, `CORTEX_LEFT`, or one without, `BRAIN_STEM`.
pub const STRUCTURE: &str = "structure";

/// The columns with a region's hemisphere: the first that has one in a row counts.
pub const HEMISPHERE_COLUMNS: [&str; 3] = ["hemisphere", "hemi", STRUCTURE];

/// Every column that tells a region from another.
pub const REGION_COLUMNS: [&str; 6] = [INDEX, LABEL, "name", "hemisphere", "hemi", STRUCTURE];

/// Columns that describe a region in words, whatever their cells look like.
pub const REGION_TEXT_COLUMNS: [&str; 10] = [
    LABEL,
    "name",
    "network_label",
    "label_7network",
    "label_17network",
    "network_label_17network",
    "atlas_name",
    "hemisphere",
    "hemi",
    STRUCTURE,
];

/// The sum of a map times the volume of a voxel: mm³ where the map is the probability of a tissue.
pub const VOLUME_MM3: &str = "volume_mm3";
