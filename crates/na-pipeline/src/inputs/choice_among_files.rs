//! The choice among several files that answer to one table: by mask, space or another entity, or nobody's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use na_model::{BidsName, MapSource, TableName};

use crate::files::path::relative;
use crate::inputs::entity_pick::EntityPick;
use crate::unit_error::UnitError;

/// A file that could be a table.
pub(super) struct TableCandidate {
    pub(super) folder: PathBuf,
    pub(super) file_name: String,
    pub(super) bids: BidsName,
    pub(super) sidecar: Option<PathBuf>,
    pub(super) compressed: bool,
    /// Whether a file manager copied it from a table.
    pub(super) is_copy: bool,
}

impl EntityPick {
    /// The files' values of the entities asked for: `run-2, run-3`.
    pub(super) fn values_in(&self, table: &TableName, files: &[TableCandidate]) -> String {
        let remembered = self.remembered.get(table).into_iter().flat_map(BTreeMap::keys);
        let keys: Vec<&str> =
            self.wanted.iter().map(|(entity, _)| entity).chain(remembered).map(String::as_str).collect();
        let entities = files.iter().flat_map(|file| file.bids.entities());
        let values: BTreeSet<String> = entities
            .filter(|(key, _)| keys.contains(key))
            .map(|(key, value)| format!("{key}-{value}"))
            .collect();
        values.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// Keeps those of a table's files that are picked. An entity that none of them has does not choose between them: a
    /// mask for grey matter says nothing about maps without masks.
    pub(super) fn choose(&self, table: &TableName, files: &mut Vec<TableCandidate>) {
        let remembered = self.remembered.get(table).into_iter().flatten();
        for (entity, value) in remembered.chain(self.wanted.iter().map(|(entity, value)| (entity, value))) {
            if files.iter().any(|file| file.bids.entity(entity).is_some()) {
                files.retain(|file| file.bids.entity(entity) == value.as_deref());
            }
        }
    }
}

/// The one file of a table. The choice between several is never left to the folder's order.
pub(super) fn only(
    session_folder: &Path,
    table: &TableName,
    map: Option<&MapSource>,
    files: Vec<TableCandidate>,
) -> Result<TableCandidate, UnitError> {
    let mut rest = files.into_iter();
    match (rest.next(), rest.len()) {
        (Some(file), 0) => Ok(file),
        (first, _) => {
            let files: Vec<TableCandidate> = first.into_iter().chain(rest).collect();
            let map = map.map(|m| format!(" ({}, {}, {})", m.model, m.param, m.desc)).unwrap_or_default();
            let paths = files.iter().map(|file| relative(session_folder, &file.folder.join(&file.file_name)));
            Err(UnitError::SeveralFiles {
                folder: session_folder.to_owned(),
                table: format!("{table}{map}"),
                files: paths.collect::<Vec<_>>().join(", "),
                way_out: way_out(&files),
            })
        }
    }
}

/// Entities that tell tables and maps apart: a choice by them would lose the others.
const OF_TABLES: [&str; 6] = ["tissue", "param", "scalar", "model", "desc", "atlas"];

/// The options that choose between files, by the entities that tell them apart.
fn way_out(files: &[TableCandidate]) -> String {
    let keys: BTreeSet<&str> =
        files.iter().flat_map(|file| file.bids.entities().map(|(key, _)| key)).collect();
    let mut ways = Vec::new();
    for key in keys.into_iter().filter(|key| !OF_TABLES.contains(key)) {
        let values: BTreeSet<&str> = files.iter().map(|f| f.bids.entity(key).unwrap_or("none")).collect();
        if values.len() > 1 {
            let option = match key {
                "mask" => "--mask M".to_owned(),
                "space" => "--space S".to_owned(),
                _ => format!("--entity {key}-VALUE"),
            };
            let values = values.into_iter().collect::<Vec<_>>().join(", ");
            ways.push(format!("{option} ({values})"));
        }
    }
    if ways.is_empty() {
        return "no option chooses between them: keep one of them".to_owned();
    }
    format!("choose with {}", ways.join(", "))
}
