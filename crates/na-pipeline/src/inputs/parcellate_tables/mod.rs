//! The tables that `parcellate` writes for one session, found by their names.
//!
//! Knows one session's folder, and leaves to an input what its names mean. Promises one file a table or map: which of
//! several is taken is said by options, or is an error that names them. Begin with [`Search`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use na_model::{BidsName, MapSource, TableName};

use crate::config::EntityPick;
use crate::files::copies;
use crate::files::path::relative;
use crate::files::session_entities::FolderSession;
use crate::files::session_folders::names_in;
use crate::unit_error::UnitError;

#[cfg(test)]
mod tests;

/// The endings of a table's name: today's, and that of November 2025.
const ENDINGS: [&str; 2] = ["_parc.tsv", "_parcellation.tsv"];

/// A table on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundTable {
    pub(crate) table: TableName,
    pub(crate) map: Option<MapSource>,
    pub(crate) path: PathBuf,
    /// Its path under the root that the settings name, with `/` between folders.
    pub(crate) relative: String,
    /// The atlas that it was looked for.
    pub(crate) atlas: String,
    /// The file with the name of its JSON; it may be a link that leads nowhere.
    pub(crate) sidecar: Option<PathBuf>,
    /// The mask entity of its name.
    pub(crate) mask_entity: Option<String>,
}

impl FoundTable {
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
    pub(crate) fn key(&self) -> (TableName, Option<MapSource>) {
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
    /// The folders that were listed, with the names in them: the search for volumes does not list them again.
    pub(crate) listed: Vec<(PathBuf, BTreeSet<String>)>,
}

impl FoundTables {
    /// Adds what another root has.
    pub(crate) fn extend(&mut self, other: Self) {
        self.tables.extend(other.tables);
        self.not_chosen.extend(other.not_chosen);
        self.listed.extend(other.listed);
    }
}

impl EntityPick {
    /// The files' values of the entities asked for: `run-2, run-3`.
    fn values_in(&self, table: &TableName, files: &[TableCandidate]) -> String {
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
    fn choose(&self, table: &TableName, files: &mut Vec<TableCandidate>) {
        let remembered = self.remembered.get(table).into_iter().flatten();
        for (entity, value) in remembered.chain(self.wanted.iter().map(|(entity, value)| (entity, value))) {
            if files.iter().any(|file| file.bids.entity(entity).is_some()) {
                files.retain(|file| file.bids.entity(entity) == value.as_deref());
            }
        }
    }
}

/// The table, and the map of it, that a file feeds by its name.
pub(super) type Feeds = (TableName, Option<MapSource>);

/// A file that could be a table.
struct TableCandidate {
    folder: PathBuf,
    file_name: String,
    bids: BidsName,
    sidecar: Option<PathBuf>,
    compressed: bool,
    /// Whether a file manager copied it from a table.
    is_copy: bool,
}

/// The search for tables in one session's folder.
pub(super) struct Search<'a> {
    /// The root that paths are relative to.
    pub(super) root: &'a Path,
    pub(super) session_folder: &'a Path,
    /// `anat` or `dwi`.
    pub(super) scans: &'static str,
    pub(super) atlas: &'a str,
    pub(super) pick: &'a EntityPick,
}

impl Search<'_> {
    /// The tables that `feeds` recognises, sorted, one file each; `prefix` is put before their paths.
    pub(super) fn run(
        &self,
        prefix: &str,
        feeds: impl Fn(&BidsName) -> Option<Feeds>,
    ) -> Result<FoundTables, UnitError> {
        let scans = self.session_folder.join(self.scans);
        let of_atlas = scans.join(format!("atlas-{}", self.atlas));
        let mut found: BTreeMap<Feeds, Vec<TableCandidate>> = BTreeMap::new();
        let mut chosen = FoundTables::default();
        for (folder, must_say_atlas) in [(of_atlas, false), (scans, true)] {
            let wanted = |bids: &BidsName| {
                let atlas = match bids.entity("atlas") {
                    Some(atlas) => atlas == self.atlas,
                    None => !must_say_atlas,
                };
                atlas.then(|| feeds(bids)).flatten()
            };
            let mut names = names_in(&folder).map_err(|source| UnitError::unreadable(&folder, source))?;
            names.retain(|name| !name.starts_with('.'));
            for (key, candidate) in candidates(&folder, &names, wanted) {
                found.entry(key).or_default().push(candidate);
            }
            chosen.listed.push((folder, names));
        }
        for ((table, map), mut files) in found {
            let there = self.pick.values_in(&table, &files);
            self.pick.choose(&table, &mut files);
            if files.is_empty() {
                chosen.not_chosen.push(NotChosen { table, map, there });
                continue;
            }
            files.iter().try_for_each(|file| self.check(file))?;
            let file = only(self.session_folder, &table, map.as_ref(), files)?;
            let path = file.folder.join(&file.file_name);
            if file.compressed {
                return Err(UnitError::Compressed { path });
            }
            let relative = format!("{prefix}{}", relative(self.root, &path));
            let mask_entity = file.bids.entity("mask").map(str::to_owned);
            let (atlas, sidecar) = (self.atlas.to_owned(), file.sidecar);
            chosen.tables.push(FoundTable { table, map, path, relative, atlas, sidecar, mask_entity });
        }
        Ok(chosen)
    }

    /// Refuses a copy, and a file that names another session than its folder.
    fn check(&self, file: &TableCandidate) -> Result<(), UnitError> {
        let path = file.folder.join(&file.file_name);
        if file.is_copy {
            return Err(UnitError::Copy { path });
        }
        let relative = relative(self.root, &path);
        let folder = FolderSession::of(&relative);
        match folder.other_session(&file.file_name) {
            Some(named) => Err(UnitError::OtherSession { path, named, folder: folder.written() }),
            None => Ok(()),
        }
    }
}

/// The files of a folder that `wanted` recognises.
fn candidates(
    folder: &Path,
    names: &BTreeSet<String>,
    wanted: impl Fn(&BidsName) -> Option<Feeds>,
) -> Vec<(Feeds, TableCandidate)> {
    let mut found = Vec::new();
    for name in names {
        let original = copies::original(name);
        let is_copy = original.is_some();
        let of_table = original.as_deref().unwrap_or(name);
        let plain = of_table.strip_suffix(".gz").unwrap_or(of_table);
        if !ENDINGS.iter().any(|ending| plain.ends_with(ending)) {
            continue;
        }
        let bids = BidsName::parse(plain);
        let Some(feeds) = wanted(&bids) else { continue };
        let compressed = plain != of_table;
        if compressed && !is_copy && names.contains(plain) {
            continue;
        }
        let json = plain.strip_suffix("tsv").map(|stem| format!("{stem}json"));
        let sidecar = json.filter(|json| names.contains(json)).map(|json| folder.join(json));
        let folder = folder.to_owned();
        let candidate =
            TableCandidate { folder, file_name: name.clone(), bids, sidecar, compressed, is_copy };
        found.push((feeds, candidate));
    }
    found
}

/// The one file of a table. The choice between several is never left to the folder's order.
fn only(
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
