//! Tables on disk, found by an input and not read yet.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use na_model::{MapSource, SourceRoot, TableName};

use crate::inputs::searched_folder::SearchedFolder;

/// A table, or one map of it.
pub(crate) type TableKey = (TableName, Option<MapSource>);

/// A table on disk, or one map of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundTable {
    pub(crate) table: TableName,
    pub(crate) map: Option<MapSource>,
    /// The setting that its path is under.
    pub(crate) root: SourceRoot,
    pub(crate) path: PathBuf,
    /// Its path under the root that the settings name, with `/` between folders.
    pub(crate) relative: String,
    /// The atlas that a sidecar must name.
    pub(crate) atlas: Option<String>,
    /// The file with the name of its JSON; it may be a link that leads nowhere.
    pub(crate) sidecar: Option<PathBuf>,
    /// The mask entity of its name.
    pub(crate) mask_entity: Option<String>,
}

impl FoundTable {
    /// A file in a session's folder that is a table or, of a diffusion table, a map of it.
    #[must_use]
    pub fn new(folder: &SearchedFolder<'_>, table: TableName, map: Option<MapSource>, path: PathBuf) -> Self {
        let (root, relative) = (folder.setting().clone(), folder.stored_path(&path));
        Self { table, map, root, path, relative, atlas: None, sidecar: None, mask_entity: None }
    }

    /// The table that it feeds.
    #[must_use]
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// The map that it is; `None` for an anatomical table.
    #[must_use]
    pub fn map(&self) -> Option<&MapSource> {
        self.map.as_ref()
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn key(&self) -> TableKey {
        (self.table.clone(), self.map.clone())
    }

    /// The sidecar's path under the root that the settings name.
    #[must_use]
    pub(crate) fn sidecar_relative(&self) -> Option<String> {
        let name = self.sidecar.as_ref()?.file_name()?.to_str()?;
        let folder = self.relative.rsplit_once('/').map_or("", |(folder, _)| folder);
        Some(if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") })
    }
}

/// A table, or a map of it, that has files but none that is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotChosen {
    pub(crate) table: TableName,
    pub(crate) map: Option<MapSource>,
    /// The files' values of the entities asked for: `run-2, run-3`.
    pub(crate) there: String,
}

impl NotChosen {
    pub(crate) fn key(&self) -> TableKey {
        (self.table.clone(), self.map.clone())
    }
}

impl fmt::Display for NotChosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has {} only", self.table, self.there)
    }
}

/// The tables of a session under a root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FoundTables {
    /// One file a table or map, sorted.
    pub(crate) tables: Vec<FoundTable>,
    /// Tables and maps that have files but none that is chosen.
    pub(crate) not_chosen: Vec<NotChosen>,
    /// The folders that were listed, with the names in them: the search for volumes does not list them again. Of one
    /// root's search alone.
    pub(crate) listed: Vec<(PathBuf, BTreeSet<String>)>,
}

impl FoundTables {
    /// Adds the tables that another root has.
    pub(crate) fn extend(&mut self, other: Self) {
        self.tables.extend(other.tables);
        self.not_chosen.extend(other.not_chosen);
    }
}
