//! BIDS file names: `key-value` pairs joined by `_`, then a suffix.
//!
//! The rule is that of the BIDS specification (file name structure), read generously: `parcellate` writes workflow
//! names with `_` and `-` inside values, so a part without `-` belongs to the value before it.

use std::fmt;

/// The entities and the suffix of a file name.
///
/// ```
/// # use na_model::BidsName;
/// let name = BidsName::parse("sub-01_atlas-A_software-MRtrix3_act-HSVS_param-fa_parc.tsv");
/// assert_eq!(name.entity("param"), Some("fa"));
/// assert_eq!(name.suffix(), "parc");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BidsName {
    entities: Vec<(String, String)>,
    suffix: String,
}

impl BidsName {
    /// Takes a file name apart; what follows the first `.` behind the suffix is left out.
    #[must_use]
    pub fn parse(file_name: &str) -> Self {
        let (stem, last) = file_name.rsplit_once('_').unwrap_or(("", file_name));
        let suffix = last.split('.').next().unwrap_or_default().to_owned();
        let mut entities: Vec<(String, String)> = Vec::new();
        for part in stem.split('_').filter(|p| !p.is_empty()) {
            match (part.split_once('-'), entities.last_mut()) {
                (Some((key, value)), _) => entities.push((key.to_owned(), value.to_owned())),
                (None, Some((_, value))) => {
                    value.push('_');
                    value.push_str(part);
                }
                (None, None) => {}
            }
        }
        Self { entities, suffix }
    }

    /// The value of an entity.
    #[must_use]
    pub fn entity(&self, key: &str) -> Option<&str> {
        self.entities.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// All entities, in order.
    pub fn entities(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entities.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The part behind the last `_`, without endings.
    #[must_use]
    pub fn suffix(&self) -> &str {
        &self.suffix
    }
}

impl fmt::Display for BidsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in &self.entities {
            write!(f, "{key}-{value}_")?;
        }
        f.write_str(&self.suffix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entity_is_kept_and_values_may_hold_underscores_and_hyphens() {
        let name =
            BidsName::parse("sub-CLMC_10_ses-1_atlas-4S_desc-a-b_res-01_tissue-GM_maskthr-0p33_parc.tsv");
        assert_eq!(name.entity("sub"), Some("CLMC_10"));
        assert_eq!(name.entity("desc"), Some("a-b"));
        assert_eq!(name.entity("maskthr"), Some("0p33"));
        assert_eq!(name.entity("run"), None);
        assert_eq!(
            name.to_string(),
            "sub-CLMC_10_ses-1_atlas-4S_desc-a-b_res-01_tissue-GM_maskthr-0p33_parc"
        );
    }

    #[test]
    fn a_name_without_entities_is_a_suffix() {
        assert_eq!(BidsName::parse("notes.tsv").suffix(), "notes");
        assert_eq!(BidsName::parse("").suffix(), "");
    }
}
