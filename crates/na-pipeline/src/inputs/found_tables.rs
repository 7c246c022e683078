//! Tables on disk, found by an input and not read yet.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use na_model::{MapSource, SourceFile, SourceKind, SourceRoot, TableName};

use crate::inputs::searched_folder::SearchedFolder;
use crate::unit_error::UnitError;

/// A table, or one map of it.
pub(crate) type TableKey = (TableName, Option<MapSource>);

/// A file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundFile {
    pub(crate) path: PathBuf,
    /// Its path under the root that the settings name, with `/` between folders.
    pub(crate) relative: String,
}

/// What stands in a file of a table.
#[derive(Debug, Clone, Copy)]
pub struct FileBytes<'a> {
    /// The file.
    pub path: &'a Path,
    /// All of it.
    pub bytes: &'a [u8],
}

impl<'a> FileBytes<'a> {
    /// The file of a table that is made of one.
    pub(super) fn only(table: &FoundTable, files: &[Self]) -> Result<Self, UnitError> {
        match files {
            [one] => Ok(*one),
            all => Err(UnitError::form(table.path(), format!("{} files", all.len()), "one file a table")),
        }
    }
}

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
    /// The files that it is made of beside the first, in the order in which they are parsed.
    pub(crate) further: Vec<FoundFile>,
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
        let further = Vec::new();
        Self { table, map, root, path, relative, further, atlas: None, sidecar: None, mask_entity: None }
    }

    /// The same with a further file: a table may be made of several, such as one a hemisphere. Where one of them is gone, what the
    /// store has of the table stays.
    #[must_use]
    pub fn and(mut self, folder: &SearchedFolder<'_>, path: PathBuf) -> Self {
        let relative = folder.stored_path(&path);
        self.further.push(FoundFile { path, relative });
        self
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

    /// The file, or the first of several.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its files, each with its path under the root that the settings name.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, &str)> {
        let further = self.further.iter().map(|file| (file.path.as_path(), file.relative.as_str()));
        std::iter::once((self.path.as_path(), self.relative.as_str())).chain(further)
    }

    /// Whether both are made of the same files.
    pub(crate) fn shares_files_with(&self, other: &Self) -> bool {
        self.table == other.table
            && self.path == other.path
            && self.further == other.further
            && self.sidecar == other.sidecar
    }

    /// Whether the store read it from more files than there are. If one of these is new to the store, they are others, such as in a
    /// folder that was renamed.
    pub(crate) fn lacks_files(&self, known: &[SourceFile]) -> bool {
        let is_of_it = |source: &&SourceFile| {
            source.kind == SourceKind::Table
                && source.map == self.map
                && source.table_name().as_ref() == Some(&self.table)
        };
        let known: BTreeSet<&str> =
            known.iter().filter(is_of_it).map(|source| source.path.as_str()).collect();
        let found: BTreeSet<&str> = self.files().map(|(_, relative)| relative).collect();
        found.len() < known.len() && found.is_subset(&known)
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
    /// `None` for all of the table.
    pub(crate) map: Option<MapSource>,
    /// The files' values of the entities asked for: `run-2, run-3`.
    pub(crate) there: String,
}

impl NotChosen {
    pub(crate) fn has(&self, (table, map): &TableKey) -> bool {
        self.table == *table && (self.map.is_none() || self.map == *map)
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
