//! The commit of an export that takes something away, as the cache records it before the first file is renamed.
//!
//! From then on the commit is certain: after a crash, whoever comes next finishes it before anything else.

use na_model::Removals;
use serde::{Deserialize, Serialize};

use crate::db::database::Database;
use crate::db::schema::setting;
use crate::error::CacheError;
use crate::segment::name::SegmentName;

/// What an export takes away, and how it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// What leaves the store.
    pub removals: Removals,
    /// Whether the cache stays.
    pub keep_cache: bool,
    /// Whether the cache has lost units since the commit began.
    #[serde(default)]
    pub lacks_units: bool,
    /// The segments that are merged, and go.
    #[serde(default)]
    pub segments: Vec<SegmentName>,
}

/// `None` if no commit is unfinished.
pub(crate) fn begun(database: &Database) -> Result<Option<Commit>, CacheError> {
    database.json_setting(setting::COMMITTING)
}
