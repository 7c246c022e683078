//! Long tables and what feeds them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::columns::{DESC, METRIC, MODALITY, MODEL, PARAM, SESSION, SUBJECT, TIV, WORKFLOW};
use crate::error::ModelError;
use crate::unit::Modality;

/// What stands in `model` and `desc` where a file name has no such entity.
pub const UNKNOWN: &str = "unknown";

/// A tissue that CAT12 segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tissue {
    /// Grey matter.
    Gm,
    /// White matter.
    Wm,
    /// Cortical thickness.
    Ct,
}

impl Tissue {
    /// All, in the store's order.
    pub const ALL: [Self; 3] = [Self::Gm, Self::Wm, Self::Ct];

    /// The word in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gm => "gm",
            Self::Wm => "wm",
            Self::Ct => "ct",
        }
    }

    /// The word in `parcellate`'s file names, `tissue-GM`.
    #[must_use]
    pub fn entity(self) -> &'static str {
        match self {
            Self::Gm => "GM",
            Self::Wm => "WM",
            Self::Ct => "CT",
        }
    }

    /// What the tissue's map measures: the long table's `metric` column.
    #[must_use]
    pub fn measured(self) -> &'static str {
        match self {
            Self::Gm | Self::Wm => "volume",
            Self::Ct => "thickness",
        }
    }
}

impl fmt::Display for Tissue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of a QSIRecon workflow: what follows `qsirecon-` in a folder's name. It may hold `_`, `-` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Workflow(String);

impl Workflow {
    /// A workflow by its name.
    ///
    /// # Errors
    /// A name that no folder has: empty, with `/` or a control character, or over 255 bytes; one with a `.` in front,
    /// whose file nobody would see.
    pub fn new(name: &str) -> Result<Self, ModelError> {
        if name.is_empty()
            || name.starts_with('.')
            || name.contains('/')
            || name.chars().any(char::is_control)
        {
            return Err(ModelError::UnknownTable(format!("diffusion_{name}")));
        }
        if name.len() > 255 {
            return Err(ModelError::TooLong(name.chars().take(40).collect()));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Workflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A long table: `anatomical_<tissue>` or `diffusion_<WORKFLOW>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TableName {
    /// One tissue of the anatomical sessions.
    Anatomical(Tissue),
    /// One workflow of the diffusion sessions.
    Diffusion(Workflow),
}

impl TableName {
    /// The table, or one map of it as people read it: `diffusion_NODDI (model noddi, param od, desc unknown)`.
    #[must_use]
    pub fn with_map(&self, map: Option<&MapSource>) -> String {
        map.map_or_else(|| self.to_string(), |map| format!("{self} ({map})"))
    }

    /// The table of a name.
    ///
    /// # Errors
    /// A name of neither form.
    pub fn parse(name: &str) -> Result<Self, ModelError> {
        if let Some(tissue) = name.strip_prefix("anatomical_") {
            let tissue = Tissue::ALL.into_iter().find(|t| t.as_str() == tissue);
            return tissue.map(Self::Anatomical).ok_or_else(|| ModelError::UnknownTable(name.to_owned()));
        }
        match name.strip_prefix("diffusion_") {
            Some(workflow) => Workflow::new(workflow).map(Self::Diffusion),
            None => Err(ModelError::UnknownTable(name.to_owned())),
        }
    }

    /// The modality whose units feed it.
    #[must_use]
    pub fn modality(&self) -> Modality {
        match self {
            Self::Anatomical(_) => Modality::Anatomical,
            Self::Diffusion(_) => Modality::Diffusion,
        }
    }

    /// Its file under the store, with `/` between folders.
    #[must_use]
    pub fn file_path(&self) -> String {
        match self {
            Self::Anatomical(tissue) => format!("long/anatomical_{tissue}.parquet"),
            Self::Diffusion(workflow) => format!("long/diffusion/{workflow}.parquet"),
        }
    }

    /// The columns that the store adds behind a TSV's own, in order.
    #[must_use]
    pub fn added_columns(&self) -> &'static [&'static str] {
        Self::columns_added_to(self.modality())
    }

    /// The columns that the store adds to the tables of a modality, in order.
    #[must_use]
    pub fn columns_added_to(modality: Modality) -> &'static [&'static str] {
        match modality {
            Modality::Anatomical => &[MODALITY, METRIC, SUBJECT, SESSION, TIV],
            Modality::Diffusion => &[WORKFLOW, MODEL, PARAM, DESC, SUBJECT, SESSION],
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anatomical(tissue) => write!(f, "anatomical_{tissue}"),
            Self::Diffusion(workflow) => write!(f, "diffusion_{workflow}"),
        }
    }
}

impl From<TableName> for String {
    fn from(table: TableName) -> Self {
        table.to_string()
    }
}

impl TryFrom<String> for TableName {
    type Error = ModelError;

    fn try_from(name: String) -> Result<Self, ModelError> {
        Self::parse(&name)
    }
}

impl FromStr for TableName {
    type Err = ModelError;

    fn from_str(name: &str) -> Result<Self, ModelError> {
        Self::parse(name)
    }
}

/// Entities that choose between several files of one table, each with its value; none is a file without it.
pub type Choices = BTreeMap<String, Option<String>>;

/// Where a diffusion map comes from, within its workflow. Anatomical tables have one source and leave this empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MapSource {
    /// The model fitted, `noddi`; [`UNKNOWN`] where the file name has none.
    pub model: String,
    /// The model's parameter, `icvf`.
    pub param: String,
    /// The description entity; [`UNKNOWN`] where the file name has none.
    pub desc: String,
}

impl fmt::Display for MapSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "model {}, param {}, desc {}", self.model, self.param, self.desc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_names_survive_the_round_trip() {
        for name in [
            "anatomical_gm",
            "diffusion_MRtrix3_act-HSVS",
            "diffusion_a b\"c.é",
            "diffusion_x",
            "diffusion_X",
        ] {
            assert_eq!(TableName::parse(name).unwrap().to_string(), name);
        }
        for name in ["anatomical_xx", "diffusion_", "gm", "diffusion_a/b", "diffusion_.a"] {
            assert!(TableName::parse(name).is_err(), "{name}");
        }
    }
}
