//! Wide tables: one metric of one source.

use std::fmt;

use crate::{MapSource, Modality, TableName, UNKNOWN};

/// Which rows of a long table a feature takes: all of a tissue's, or one map's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeatureSource {
    /// The long table.
    pub table: TableName,
    /// The map, for diffusion tables.
    pub map: Option<MapSource>,
}

/// Bytes of a feature's file name, with its ending.
pub const LONGEST_FEATURE_FILE: usize = 200;

impl FeatureSource {
    /// Bytes of the longest name that a file of these metrics' features has.
    #[must_use]
    pub fn longest_file_name(&self, metrics: &[&str]) -> usize {
        let long = self.map.as_ref().map_or(0, |_| "_model-_param-_desc-".len());
        let name =
            |metric: &&str| self.feature(metric, true).file_path().rsplit('/').next().map_or(0, str::len);
        metrics.iter().map(name).max().unwrap_or_default() + long
    }

    /// The name of a metric of this source. `desc_in_name` where the param has several descriptions.
    #[must_use]
    pub fn feature(&self, metric: &str, desc_in_name: bool) -> FeatureName {
        let name = match (&self.table, &self.map) {
            (TableName::Anatomical(tissue), _) => format!("{tissue}_{metric}"),
            (TableName::Diffusion(workflow), None) => format!("{workflow}_{metric}"),
            (TableName::Diffusion(workflow), Some(map)) => {
                let desc = if desc_in_name && map.desc != UNKNOWN {
                    format!("_desc-{}", map.desc)
                } else {
                    String::new()
                };
                format!("{workflow}_{}_{}{desc}_{metric}", map.model, map.param)
            }
        };
        FeatureName { modality: self.table.modality(), name }
    }
}

/// The name of a wide table, and of its file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeatureName {
    modality: Modality,
    name: String,
}

impl FeatureName {
    /// Total intracranial volume as a feature.
    #[must_use]
    pub fn tiv() -> Self {
        Self { modality: Modality::Anatomical, name: "tiv".to_owned() }
    }

    /// The modality it belongs to.
    #[must_use]
    pub fn modality(&self) -> Modality {
        self.modality
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Its file under the store. A metric's name comes from a TSV's header and may hold anything: `/` and control
    /// characters are written as `%` and their code.
    #[must_use]
    pub fn file_path(&self) -> String {
        let mut stem = String::with_capacity(self.name.len());
        for c in self.name.chars() {
            if c == '/' || c == '\\' || c.is_control() {
                stem.push_str(&format!("%{:02X}", u32::from(c)));
            } else {
                stem.push(c);
            }
        }
        format!("wide/{}/{stem}.parquet", self.modality)
    }
}

impl fmt::Display for FeatureName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diffusion(desc: &str) -> FeatureSource {
        FeatureSource {
            table: TableName::parse("diffusion_AMICONODDI").unwrap(),
            map: Some(MapSource { model: "noddi".into(), param: "icvf".into(), desc: desc.into() }),
        }
    }

    #[test]
    fn a_description_is_named_only_where_the_param_has_several() {
        assert_eq!(diffusion("modulated").feature("mean", false).as_str(), "AMICONODDI_noddi_icvf_mean");
        assert_eq!(
            diffusion("modulated").feature("mean", true).as_str(),
            "AMICONODDI_noddi_icvf_desc-modulated_mean"
        );
        assert_eq!(diffusion(UNKNOWN).feature("mean", true).as_str(), "AMICONODDI_noddi_icvf_mean");
    }

    #[test]
    fn a_feature_s_file_stays_in_its_folder() {
        let path = diffusion(UNKNOWN).feature("../../x", false).file_path();
        assert_eq!(path, "wide/diffusion/AMICONODDI_noddi_icvf_..%2F..%2Fx.parquet");
        assert_eq!(FeatureName::tiv().file_path(), "wide/anatomical/tiv.parquet");
    }
}
