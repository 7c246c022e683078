//! A session's folder under a root, as an input searches it.

use std::path::Path;

use na_model::{SourceRoot, TableName};

use crate::files::path::relative;
use crate::files::roots::Root;
use crate::files::subjects_dir::SubjectsDir;
use crate::inputs::entity_pick::EntityPick;

/// A session's folder under one of an input's roots, `sub-S/ses-E` or `sub-S`.
#[derive(Debug, Clone, Copy)]
pub struct SearchedFolder<'a> {
    root: &'a Root,
    path: &'a Path,
    pick: &'a EntityPick,
}

impl<'a> SearchedFolder<'a> {
    pub(crate) fn new(root: &'a Root, path: &'a Path, pick: &'a EntityPick) -> Self {
        Self { root, path, pick }
    }

    /// The session's folder.
    #[must_use]
    pub fn path(&self) -> &'a Path {
        self.path
    }

    /// The setting that leads to the root.
    #[must_use]
    pub fn setting(&self) -> &'a SourceRoot {
        &self.root.setting
    }

    /// The tables that the root was listed with.
    #[must_use]
    pub fn tables(&self) -> &'a [TableName] {
        &self.root.tables
    }

    /// Which file to take if several answer to one table.
    #[must_use]
    pub fn pick(&self) -> &'a EntityPick {
        self.pick
    }

    /// Whether it stands for an image of which files lie in the root.
    pub(super) fn is_image(&self) -> bool {
        self.root.flat.as_ref().is_some_and(SubjectsDir::are_images)
    }

    pub(super) fn root(&self) -> &'a Path {
        self.root.path()
    }

    /// A path under the root as the store keeps it: under the setting's folder, with `/` between folders.
    pub(super) fn stored_path(&self, path: &Path) -> String {
        format!("{}{}", self.root.prefix, relative(self.root.path(), path))
    }
}
