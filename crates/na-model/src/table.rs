//! Long tables and what feeds them.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::columns::ADDED_COLUMNS;
use crate::error::ModelError;
use crate::modality::Modality;

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
        check_name(Modality::Diffusion, name)?;
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

/// A long table: `anatomical_<name>` or `diffusion_<name>`, where the name is a tissue's, a workflow's, or what another
/// input calls its tables. What the table is, its [`TableKind`](crate::TableKind) says.
///
/// Tables are ordered as the store lists them: anatomical ones first, the tissues before all others, then by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TableName {
    modality: Modality,
    name: CompactString,
}

impl TableName {
    /// A table by its name within a modality.
    ///
    /// ```
    /// use na_model::{Modality, TableName};
    ///
    /// let table = TableName::new(Modality::Anatomical, "aseg")?;
    /// assert_eq!(table.to_string(), "anatomical_aseg");
    /// assert_eq!(table.file_path(), "long/anatomical_aseg.parquet");
    /// # Ok::<(), na_model::ModelError>(())
    /// ```
    ///
    /// # Errors
    /// A name that no file can have.
    pub fn new(modality: Modality, name: &str) -> Result<Self, ModelError> {
        check_name(modality, name)?;
        Ok(Self { modality, name: name.into() })
    }

    /// The table of a name.
    ///
    /// # Errors
    /// A name of neither form, or one that no file can have.
    pub fn parse(name: &str) -> Result<Self, ModelError> {
        let of =
            |modality: Modality| Some((modality, name.strip_prefix(modality.as_str())?.strip_prefix('_')?));
        match Modality::ALL.into_iter().find_map(of) {
            Some((modality, name)) => Self::new(modality, name),
            None => Err(ModelError::UnknownTable(name.to_owned())),
        }
    }

    /// The table, or one map of it as people read it: `diffusion_NODDI (model noddi, param od, desc unknown)`.
    #[must_use]
    pub fn with_map(&self, map: Option<&MapSource>) -> String {
        map.map_or_else(|| self.to_string(), |map| format!("{self} ({map})"))
    }

    /// The modality whose units feed it.
    #[must_use]
    pub fn modality(&self) -> Modality {
        self.modality
    }

    /// Its name within the modality: `gm`, `AMICONODDI`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether its rows are measures of a whole brain, and no regions of an atlas: a program's versions may have others.
    #[must_use]
    pub fn is_of_globals(&self) -> bool {
        self.name.ends_with("_globals")
    }

    /// Its file under the store, with `/` between folders.
    #[must_use]
    pub fn file_path(&self) -> String {
        match self.modality {
            Modality::Anatomical => format!("long/anatomical_{}.parquet", self.name),
            Modality::Diffusion => format!("long/diffusion/{}.parquet", self.name),
        }
    }

    /// The columns that the store adds behind a table's own, in order.
    #[must_use]
    pub fn added_columns(&self) -> &'static [&'static str] {
        let [anatomical, diffusion] = ADDED_COLUMNS;
        match self.modality {
            Modality::Anatomical => anatomical,
            Modality::Diffusion => diffusion,
        }
    }

    fn in_store_order(&self, other: &Self) -> Ordering {
        let by_modality = self.modality.cmp(&other.modality);
        let by_tissue = || self.tissue_rank().cmp(&other.tissue_rank());
        by_modality.then_with(by_tissue).then_with(|| self.name.cmp(&other.name))
    }

    /// The position among the tissues; what is no tissue comes after them.
    fn tissue_rank(&self) -> (bool, Option<Tissue>) {
        let tissue = self.tissue();
        (tissue.is_none(), tissue)
    }

    /// The tissue whose table it is. `None` for all others.
    #[must_use]
    pub fn tissue(&self) -> Option<Tissue> {
        let is_it = |tissue: &Tissue| self.modality == Modality::Anatomical && tissue.as_str() == self.name;
        Tissue::ALL.into_iter().find(is_it)
    }
}

impl Ord for TableName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.in_store_order(other)
    }
}

impl PartialOrd for TableName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<Tissue> for TableName {
    fn from(tissue: Tissue) -> Self {
        Self { modality: Modality::Anatomical, name: tissue.as_str().into() }
    }
}

impl From<&Workflow> for TableName {
    fn from(workflow: &Workflow) -> Self {
        Self { modality: Modality::Diffusion, name: workflow.as_str().into() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.modality, self.name)
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

/// Refuses a name that no folder or file has: empty, with `/` or a control character, or over 255 bytes; one with a `.` in
/// front, whose file nobody would see.
fn check_name(modality: Modality, name: &str) -> Result<(), ModelError> {
    if name.is_empty() || name.starts_with('.') || name.contains('/') || name.chars().any(char::is_control) {
        return Err(ModelError::UnknownTable(format!("{modality}_{name}")));
    }
    if name.len() > 255 {
        return Err(ModelError::TooLong(name.chars().take(40).collect()));
    }
    Ok(())
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
        let words = [("model", &self.model), ("param", &self.param), ("desc", &self.desc)];
        let said = words.into_iter().filter(|(_, value)| !value.is_empty() && *value != UNKNOWN);
        f.write_str(&said.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_names_survive_the_round_trip() {
        for name in [
            "anatomical_gm",
            "anatomical_aseg",
            "diffusion_MRtrix3_act-HSVS",
            "diffusion_a b\"c.é",
            "diffusion_x",
            "diffusion_X",
        ] {
            assert_eq!(TableName::parse(name).unwrap().to_string(), name);
        }
        for name in
            ["anatomical_", "diffusion_", "gm", "xx_gm", "diffusion_a/b", "anatomical_a/b", "diffusion_.a"]
        {
            assert!(TableName::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn tables_are_listed_tissues_first() {
        let mut tables = [
            "diffusion_b",
            "anatomical_aseg",
            "anatomical_ct",
            "diffusion_a",
            "anatomical_wm",
            "anatomical_gm",
        ]
        .map(|name| TableName::parse(name).unwrap());
        tables.sort_unstable();
        let listed = tables.map(|table| table.to_string());
        assert_eq!(
            listed,
            [
                "anatomical_gm",
                "anatomical_wm",
                "anatomical_ct",
                "anatomical_aseg",
                "diffusion_a",
                "diffusion_b"
            ]
        );
    }
}
