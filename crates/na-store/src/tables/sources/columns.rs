//! The names of the columns of `sources.parquet` behind the key columns.

pub(crate) use na_model::columns::{DESC, MODALITY, MODEL, PARAM, TIV};

/// `loaded` or `partial`, and the reason.
pub(crate) const STATUS: &str = "status";
pub(crate) const REASON: &str = "reason";

/// `table`, `sidecar` or `tiv`, and the long table that the file belongs to.
pub(crate) const KIND: &str = "kind";
pub(crate) const TABLE: &str = "table";

/// The root of the file, and its path below that.
pub(crate) const ROOT: &str = "root";
pub(crate) const PATH: &str = "path";

/// The state of the file when it was read: bytes, nanoseconds since 1970, XXH3-128 in hexadecimal.
pub(crate) const SIZE: &str = "size";
pub(crate) const MTIME_NS: &str = "mtime_ns";
pub(crate) const HASH: &str = "hash";

/// Microseconds since 1970.
pub(crate) const READ_AT: &str = "read_at";

/// The content of the sidecars of a unit's tables, and the mask entity of the tables' names.
pub(crate) const MASK_ENTITY: &str = "mask_entity";
pub(crate) const ORIGINAL_FILE: &str = "original_file";
pub(crate) const MASK: &str = "mask";
pub(crate) const MASK_THRESHOLD: &str = "mask_threshold";
pub(crate) const ATLAS_THRESHOLD: &str = "atlas_threshold";
pub(crate) const ATLAS_NAME: &str = "atlas_name";
pub(crate) const ATLAS_LUT: &str = "atlas_lut";
pub(crate) const BACKGROUND_LABEL: &str = "background_label";
pub(crate) const RESAMPLING_TARGET: &str = "resampling_target";
pub(crate) const SPACE: &str = "space";
pub(crate) const SOFTWARE_VERSION: &str = "software_version";
pub(crate) const TIMESTAMP: &str = "timestamp";

/// The kind of input of the unit. Earlier versions did not write it: all units were of `parcellate`.
pub(crate) const INPUT: &str = "input";

/// The columns that only [`SourceDetail::Sidecars`](super::stored_unit::SourceDetail) reads: what sidecars fill, and the
/// mask entity.
pub(crate) const OF_SIDECARS: [&str; 12] = [
    MASK_ENTITY,
    ORIGINAL_FILE,
    MASK,
    MASK_THRESHOLD,
    ATLAS_THRESHOLD,
    ATLAS_NAME,
    ATLAS_LUT,
    BACKGROUND_LABEL,
    RESAMPLING_TARGET,
    SPACE,
    SOFTWARE_VERSION,
    TIMESTAMP,
];
