//! The settings that lead to the folders of inputs.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::modality::Modality;

/// The longest name of a setting, bytes.
const LONGEST: usize = 64;

/// The setting that a file's path is under, by its name: a capital, then capitals, digits and `_`, as an environment
/// variable is called. Each input has settings of its own.
///
/// The three that `parcellate`'s tables are found by come first, in the order of their constants, then all others by name:
/// the manifest lists roots in this order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceRoot(Cow<'static, str>);

impl SourceRoot {
    /// CAT12's own output.
    pub const CAT12: Self = Self::named("CAT12_ROOT");

    /// `parcellate`'s tables of CAT12's segmentations.
    pub const CAT12_PARCELLATED: Self = Self::named("CAT12_PARCELLATED_ROOT");

    /// `parcellate`'s tables of QSIRecon's maps.
    pub const QSIPARC: Self = Self::named("QSIPARC_PATH");

    /// FreeSurfer's `SUBJECTS_DIR`.
    pub const FREESURFER: Self = Self::named("FREESURFER_DIR");

    /// QSIRecon's own output.
    pub const QSIRECON_STATS: Self = Self::named("QSIRECON_STATS_PATH");

    const KNOWN: [Self; 3] = [Self::CAT12, Self::CAT12_PARCELLATED, Self::QSIPARC];

    /// A setting that the code of an input names, for a constant.
    ///
    /// ```
    /// use na_model::SourceRoot;
    ///
    /// const DEMO: SourceRoot = SourceRoot::named("DEMO_ROOT");
    /// assert_eq!(DEMO.to_string(), "DEMO_ROOT");
    /// ```
    ///
    /// # Panics
    /// A text that names no setting; of a constant, when it is compiled.
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        assert!(is_setting(name.as_bytes()), "a setting is called by capitals, digits and _");
        Self(Cow::Borrowed(name))
    }

    /// Where `parcellate`'s tables of a modality lie: the root of files of which an older store does not say it.
    #[must_use]
    pub fn of_parcellate(modality: Modality) -> Self {
        match modality {
            Modality::Anatomical => Self::CAT12_PARCELLATED,
            Modality::Diffusion => Self::QSIPARC,
        }
    }

    /// The setting's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn in_store_order(&self) -> (usize, &str) {
        let rank = Self::KNOWN.iter().position(|known| known == self);
        (rank.unwrap_or(Self::KNOWN.len()), self.as_str())
    }
}

const fn is_setting(mut name: &[u8]) -> bool {
    if name.len() > LONGEST || !matches!(name, [b'A'..=b'Z', ..]) {
        return false;
    }
    while let [first, rest @ ..] = name {
        if !matches!(first, b'A'..=b'Z' | b'0'..=b'9' | b'_') {
            return false;
        }
        name = rest;
    }
    true
}

impl Ord for SourceRoot {
    fn cmp(&self, other: &Self) -> Ordering {
        self.in_store_order().cmp(&other.in_store_order())
    }
}

impl PartialOrd for SourceRoot {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for SourceRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<SourceRoot> for String {
    fn from(root: SourceRoot) -> Self {
        root.0.into_owned()
    }
}

impl TryFrom<String> for SourceRoot {
    type Error = ModelError;

    fn try_from(name: String) -> Result<Self, ModelError> {
        name.parse()
    }
}

impl FromStr for SourceRoot {
    type Err = ModelError;

    fn from_str(name: &str) -> Result<Self, ModelError> {
        // A store has a root for each of very many files: those of today are not copied.
        if let Some(known) = Self::KNOWN.into_iter().find(|known| known.as_str() == name) {
            return Ok(known);
        }
        match is_setting(name.as_bytes()) {
            true => Ok(Self(Cow::Owned(name.to_owned()))),
            false => Err(ModelError::NotASetting(name.chars().take(LONGEST).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_setting_is_text_that_an_environment_variable_can_be_called() {
        for name in ["CAT12_ROOT", "CAT12_PARCELLATED_ROOT", "QSIPARC_PATH", "DEMO_ROOT", "X"] {
            let root: SourceRoot = name.parse().unwrap();
            assert_eq!((root.as_str(), root.to_string()), (name, name.to_owned()));
        }
        let long = "A".repeat(LONGEST + 1);
        for name in ["", "demo", "1ROOT", "_ROOT", "A B", "A\n", "Ä", "A/B", &long] {
            assert!(name.parse::<SourceRoot>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn roots_are_listed_as_ever_and_others_behind_them() {
        let roots = ["A_ROOT", "QSIPARC_PATH", "CAT12_PARCELLATED_ROOT", "CAT12_ROOT"];
        let roots: BTreeMap<SourceRoot, u8> = roots.map(|name| (name.parse().unwrap(), 1)).into();
        let text = r#"{"CAT12_ROOT":1,"CAT12_PARCELLATED_ROOT":1,"QSIPARC_PATH":1,"A_ROOT":1}"#;
        assert_eq!(serde_json::to_string(&roots).unwrap(), text);
        assert_eq!(serde_json::from_str::<BTreeMap<SourceRoot, u8>>(text).unwrap(), roots);
        assert!(serde_json::from_str::<SourceRoot>(r#""a root""#).is_err());
    }
}
