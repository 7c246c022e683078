//! Wide tables: one metric of one source.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use crate::columns::TIV;
use crate::modality::Modality;
use crate::table::{MapSource, TableName, UNKNOWN};
use crate::table_kind::TableKind;

/// The longest name that a feature's file may have, bytes: what is left of a file system's 255 holds the names under
/// which files are written.
pub const LONGEST_FEATURE_FILE: usize = 200;

/// Which rows of a long table a feature takes: all of a tissue's, or one map's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeatureSource {
    /// The long table.
    pub table: TableName,
    /// What the names of its features begin with.
    pub prefix: String,
    /// Whether the map's model is in their names.
    pub says_model: bool,
    /// The map, for diffusion tables.
    pub map: Option<MapSource>,
}

impl FeatureSource {
    /// A table of a kind, or a map of it.
    #[must_use]
    pub fn new(table: &TableName, kind: &TableKind, map: Option<MapSource>) -> Self {
        let says_model = !kind.says_no_model;
        Self { table: table.clone(), prefix: kind.feature_prefix.clone(), says_model, map }
    }

    /// The name of a metric of this source. `desc_in_name` where the param has several descriptions.
    #[must_use]
    pub fn feature(&self, metric: &str, desc_in_name: bool) -> FeatureName {
        let name = match &self.map {
            None => format!("{}_{metric}", self.prefix),
            Some(map) => {
                let (model, desc) = (self.model(map, ""), desc(map, desc_in_name));
                format!("{}{model}_{}{desc}_{metric}", self.prefix, map.param)
            }
        };
        FeatureName { modality: self.table.modality(), name }
    }

    /// The name that says which part is what, for features whose names another source has too. `None` if a source has
    /// no parts.
    #[must_use]
    pub fn long_feature(&self, metric: &str, desc_in_name: bool) -> Option<FeatureName> {
        let map = self.map.as_ref()?;
        let (model, desc) = (self.model(map, "model-"), desc(map, desc_in_name));
        let name = format!("{}{model}_param-{}{desc}_{metric}", self.prefix, map.param);
        Some(FeatureName { modality: self.table.modality(), name })
    }

    fn model(&self, map: &MapSource, key: &str) -> String {
        if self.says_model { format!("_{key}{}", map.model) } else { String::new() }
    }

    /// The longest name that a file of these metrics can get, short or long, bytes; 0 without metrics. A source is
    /// let into a store only if that is [`LONGEST_FEATURE_FILE`] at most.
    #[must_use]
    pub fn longest_file_name<'a>(&self, metrics: impl IntoIterator<Item = &'a str>) -> usize {
        let longest = |metric| {
            let long = self.long_feature(metric, true).map_or(0, |name| name.file_name().len());
            long.max(self.feature(metric, true).file_name().len())
        };
        metrics.into_iter().map(longest).max().unwrap_or_default()
    }
}

fn desc(map: &MapSource, in_name: bool) -> String {
    if in_name && map.desc != UNKNOWN { format!("_desc-{}", map.desc) } else { String::new() }
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
        Self { modality: Modality::Anatomical, name: TIV.to_owned() }
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

    /// The same name with a number behind it.
    #[must_use]
    pub fn numbered(&self, number: usize) -> Self {
        Self { modality: self.modality, name: format!("{}_{number}", self.name) }
    }

    /// Its file under the store.
    #[must_use]
    pub fn file_path(&self) -> String {
        format!("wide/{}/{}", self.modality, self.file_name())
    }

    fn file_name(&self) -> String {
        format!("{}.parquet", stem(&self.name))
    }

    /// What no two features have in common: where file systems or people do not tell case or the form of accents apart,
    /// names of one key are one name.
    #[must_use]
    pub fn key(&self) -> String {
        name_key(&self.name)
    }
}

/// The [`key`](FeatureName::key) that a feature of this name would have.
#[must_use]
pub fn name_key(name: &str) -> String {
    stem(name).to_lowercase().nfc().collect()
}

/// A name as a file's. A metric's name comes from a TSV's header and may hold anything: `/` and control characters are
/// written as `%` and their code.
fn stem(name: &str) -> String {
    let mut stem = String::with_capacity(name.len());
    for c in name.chars() {
        if c == '/' || c == '\\' || c.is_control() {
            stem.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            stem.push(c);
        }
    }
    stem
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
            prefix: "AMICONODDI".to_owned(),
            says_model: true,
            map: Some(MapSource { model: "noddi".into(), param: "icvf".into(), desc: desc.into() }),
        }
    }

    fn tissue() -> FeatureSource {
        let table = TableName::parse("anatomical_gm").unwrap();
        FeatureSource { table, prefix: "gm".to_owned(), says_model: true, map: None }
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
    fn what_says_no_model_is_called_without_one() {
        let source = FeatureSource { says_model: false, ..diffusion("modulated") };
        assert_eq!(source.feature("mean", false).as_str(), "AMICONODDI_icvf_mean");
        let long = source.long_feature("mean", true).unwrap();
        assert_eq!(long.as_str(), "AMICONODDI_param-icvf_desc-modulated_mean");
    }

    #[test]
    fn a_feature_s_file_stays_in_its_folder() {
        let path = diffusion(UNKNOWN).feature("../../x", false).file_path();
        assert_eq!(path, "wide/diffusion/AMICONODDI_noddi_icvf_..%2F..%2Fx.parquet");
        assert_eq!(FeatureName::tiv().file_path(), "wide/anatomical/tiv.parquet");
    }

    #[test]
    fn the_long_name_says_which_part_is_what() {
        let name = |desc, in_name| diffusion(desc).long_feature("mean", in_name).unwrap().to_string();
        assert_eq!(name("modulated", false), "AMICONODDI_model-noddi_param-icvf_mean");
        assert_eq!(name("modulated", true), "AMICONODDI_model-noddi_param-icvf_desc-modulated_mean");
        let tissue = tissue();
        assert_eq!(tissue.long_feature("mean", true), None);
    }

    #[test]
    fn the_longest_file_name_is_that_of_the_longest_metric_in_its_longest_form() {
        let name = "AMICONODDI_model-noddi_param-icvf_desc-modulated_median.parquet";
        assert_eq!(diffusion("modulated").longest_file_name(["mean", "median"]), name.len());
        assert_eq!(diffusion("modulated").longest_file_name([]), 0);
        let tissue = tissue();
        assert_eq!(tissue.longest_file_name(["a/b"]), "gm_a%2Fb.parquet".len());
    }

    #[test]
    fn names_that_differ_in_case_or_in_the_form_of_an_accent_have_one_key() {
        let key = |metric: &str| diffusion(UNKNOWN).feature(metric, false).key();
        assert_eq!(key("ICVF"), key("icvf"));
        assert_eq!(key("\u{e9}"), key("e\u{301}"));
        assert_eq!(key("a/b"), key("a%2Fb"));
        assert_ne!(key("a"), key("b"));
    }
}
