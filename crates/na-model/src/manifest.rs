//! `manifest.json`, the store's commit point, with exactly the keys that its readers accept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the manifest's form.
pub const MANIFEST_VERSION: &str = "2.0";

/// What the store holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_VERSION`].
    pub version: String,
    /// When the store was first exported, ISO 8601.
    pub created_at: String,
    /// When it was last exported, ISO 8601.
    pub updated_at: String,
    /// The atlas of every table.
    pub atlas_name: String,
    /// Sessions over all tables.
    pub n_sessions: u64,
    /// Subjects over all tables.
    pub n_subjects: u64,
    /// The long tables by name.
    pub long_formats: BTreeMap<String, LongFormat>,
    /// The features by name.
    pub wide_features: BTreeMap<String, WideFeature>,
    /// Whether any session has a total intracranial volume.
    pub has_tiv: bool,
    /// Keys that are this program's own; readers pass over them.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// A long table. Readers reject other keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LongFormat {
    /// The table's name.
    pub name: String,
    /// `anatomical` or `diffusion`.
    pub modality: String,
    /// Rows.
    pub n_rows: u64,
    /// Sessions.
    pub n_sessions: u64,
    /// Columns, in order.
    pub columns: Vec<String>,
    /// The statistics among them.
    pub metrics_available: Vec<String>,
    /// The file, under the store.
    pub file_path: String,
    /// When it was written, ISO 8601.
    pub created_at: String,
}

/// A feature. Readers reject other keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WideFeature {
    /// The feature's name.
    pub name: String,
    /// `anatomical` or `diffusion`.
    pub modality: String,
    /// The statistic.
    pub metric: String,
    /// Columns of regions.
    pub n_regions: u64,
    /// Rows.
    pub n_sessions: u64,
    /// The columns of regions, in order.
    pub region_names: Vec<String>,
    /// The file, under the store.
    pub file_path: String,
    /// When it was written, ISO 8601.
    pub created_at: String,
    /// The tissue (`global` for TIV), for anatomical features.
    pub source_modality: Option<String>,
    /// The workflow, for diffusion features.
    pub workflow: Option<String>,
    /// The model, for diffusion features.
    pub model: Option<String>,
    /// The parameter, for diffusion features.
    pub param: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_exactly_the_keys_that_readers_accept() {
        let long = LongFormat {
            name: String::new(),
            modality: String::new(),
            n_rows: 0,
            n_sessions: 0,
            columns: vec![],
            metrics_available: vec![],
            file_path: String::new(),
            created_at: String::new(),
        };
        let keys = |v: Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(
            keys(serde_json::to_value(long).unwrap()),
            "name modality n_rows n_sessions columns metrics_available file_path created_at"
        );
        let wide = WideFeature {
            name: String::new(),
            modality: String::new(),
            metric: String::new(),
            n_regions: 0,
            n_sessions: 0,
            region_names: vec![],
            file_path: String::new(),
            created_at: String::new(),
            source_modality: None,
            workflow: None,
            model: None,
            param: None,
        };
        assert_eq!(
            keys(serde_json::to_value(wide).unwrap()),
            "name modality metric n_regions n_sessions region_names file_path created_at source_modality workflow \
             model param"
        );
    }
}
