//! Every column name that the store gives a meaning, each once.
//!
//! A table has two kinds of them: those that say which row is which, in the table as it was written ([`INDEX`],
//! [`LABEL_COLUMNS`], [`HEMISPHERE_COLUMNS`]), and those that the store adds behind them ([`ADDED_COLUMNS`]). All other
//! columns are the tables' own.

/// The participant's code.
pub const SUBJECT: &str = "subject_code";

/// The scan visit; null where a dataset has no `ses-` folders.
pub const SESSION: &str = "session_id";

/// What a row of every table is keyed by, in this order.
pub const KEY_COLUMNS: [&str; 2] = [SUBJECT, SESSION];

/// In an anatomical table the table's name, `gm`; in `sources.parquet` and `sessions.tsv` the unit's modality.
pub const MODALITY: &str = "modality";

/// What the maps of an anatomical table measure, [`TableKind::measured`](crate::TableKind::measured).
pub const METRIC: &str = "metric";

/// Total intracranial volume in mL, as the store adds it.
pub const TIV: &str = "tiv";

/// Total intracranial volume in mL, as CAT12 and `parcellate` call it.
pub const VOL_TIV: &str = "vol_TIV";

/// The name of a diffusion table: its QSIRecon workflow, or what another input calls it.
pub const WORKFLOW: &str = "workflow";

/// The model fitted.
pub const MODEL: &str = "model";

/// The parameter of the model.
pub const PARAM: &str = "param";

/// The description entity.
pub const DESC: &str = "desc";

/// The columns that the store adds behind a table's own, in order, by [`Modality`](crate::Modality).
pub const ADDED_COLUMNS: [&[&str]; 2] =
    [&[MODALITY, METRIC, SUBJECT, SESSION, TIV], &[WORKFLOW, MODEL, PARAM, DESC, SUBJECT, SESSION]];

/// Whether the store adds a column of this name to a table.
#[must_use]
pub fn is_added(name: &str) -> bool {
    ADDED_COLUMNS.iter().any(|added| added.contains(&name))
}

/// The age, whatever a session list calls it: in years, unless the list has it in a unit that nobody knows.
pub const AGE: &str = "AGE";

/// The columns of a session list that may be the age: the first that it has counts.
pub const AGE_COLUMNS: [&str; 4] = [AGE, "Age@Scan", "age", "Age"];

/// Which tables the pandas package had loaded: it writes all four columns, for everybody on its list.
pub const PACKAGE_BOOKKEEPING: [&str; 4] =
    ["anatomical_gm_loaded", "anatomical_wm_loaded", "anatomical_ct_loaded", "diffusion_loaded"];

/// Whether a column is the pandas package's bookkeeping, and describes no session.
#[must_use]
pub fn is_package_bookkeeping(name: &str) -> bool {
    PACKAGE_BOOKKEEPING.contains(&name)
}

/// A region's number in the atlas image.
pub const INDEX: &str = "index";

/// A region's name.
pub const LABEL: &str = "label";

/// What a region's name is called in tables without a label.
pub const NAME: &str = "name";

/// The columns with a region's name: the first that has one in a row counts.
pub const LABEL_COLUMNS: [&str; 2] = [LABEL, NAME];

/// The column that may name a structure with a side, `CORTEX_LEFT`, or one without, `BRAIN_STEM`.
pub const STRUCTURE: &str = "structure";

/// A region's hemisphere.
pub const HEMISPHERE: &str = "hemisphere";

/// A region's hemisphere, as some tables call it.
pub const HEMI: &str = "hemi";

/// The columns with a region's hemisphere: the first that has one in a row counts.
pub const HEMISPHERE_COLUMNS: [&str; 3] = [HEMISPHERE, HEMI, STRUCTURE];

/// Columns that describe a region in words, whatever their cells look like.
pub const REGION_TEXT_COLUMNS: [&str; 10] = [
    LABEL,
    NAME,
    "network_label",
    "label_7network",
    "label_17network",
    "network_label_17network",
    "atlas_name",
    HEMISPHERE,
    HEMI,
    STRUCTURE,
];

/// The sum of a map times the volume of a voxel: mm³ where the map is the probability of a tissue.
pub const VOLUME_MM3: &str = "volume_mm3";
