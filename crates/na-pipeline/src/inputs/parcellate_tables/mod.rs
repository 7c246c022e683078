//! The tables that `parcellate` writes for one session, found by their names.
//!
//! Knows one session's folder, and leaves to an input what its names mean. Promises one file a table or map: which of
//! several is taken is said by options, or is an error that names them. Begin with [`Search`].

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use na_model::{BidsName, MapSource, TableName};

use crate::files::copies;
use crate::files::fingerprint::open;
use crate::files::path::relative;
use crate::files::session_entities::FolderSession;
use crate::files::session_folders::{folders_in, names_in};
use crate::inputs::choice_among_files::{TableCandidate, only};
use crate::inputs::found_tables::{FileBytes, FoundTable, FoundTables, NotChosen};
use crate::inputs::searched_folder::SearchedFolder;
use crate::parse::cell::unquoted;
use crate::parse::parsed_table::ParsedTable;
use crate::parse::regional_tsv::parse_table_unless;
use crate::unit_error::UnitError;

#[cfg(test)]
pub(super) mod tests;

/// The endings of the name of `parcellate`'s tables: today's, and that of November 2025.
pub(super) const PARC: [&str; 2] = ["_parc.tsv", "_parcellation.tsv"];

/// The entity that says the atlas of `parcellate`'s tables.
pub(super) const ATLAS: [&str; 1] = ["atlas"];

/// Whether a file may be a table by its name.
pub(super) fn is_table_name(endings: &[&str], name: &str) -> bool {
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    endings.iter().any(|ending| plain.ends_with(ending))
}

/// The longest header that is read, bytes.
const LONGEST_HEADER: u64 = 1 << 20;

/// The table, and the map of it, that a file feeds by its name.
pub(super) type Feeds = (TableName, Option<MapSource>);

/// The search for tables in one session's folder.
pub(super) struct Search<'a> {
    pub(super) folder: &'a SearchedFolder<'a>,
    /// `anat` or `dwi`.
    pub(super) scans: &'static str,
    pub(super) atlas: &'a str,
    /// The entities of which the first that a name has says its atlas.
    pub(super) atlas_keys: &'a [&'a str],
    /// The endings of the names of tables.
    pub(super) endings: &'a [&'a str],
}

impl Search<'_> {
    /// The tables that `feeds` recognises by their paths and names, sorted, one file each.
    pub(super) fn run(
        &self,
        feeds: impl Fn(&Path, &BidsName) -> Option<Feeds>,
    ) -> Result<FoundTables, UnitError> {
        let scans = self.folder.path().join(self.scans);
        let of_atlas = scans.join(format!("atlas-{}", self.atlas));
        let mut found: BTreeMap<Feeds, Vec<TableCandidate>> = BTreeMap::new();
        let mut chosen = FoundTables::default();
        for (folder, must_say_atlas) in [(of_atlas, false), (scans, true)] {
            let wanted = |path: &Path, bids: &BidsName| {
                let atlas = match self.atlas_keys.iter().find_map(|key| bids.entity(key)) {
                    Some(atlas) => atlas == self.atlas,
                    None => !must_say_atlas,
                };
                atlas.then(|| feeds(path, bids)).flatten()
            };
            let mut names = names_in(&folder).map_err(|source| UnitError::unreadable(&folder, source))?;
            names.retain(|name| !name.starts_with('.'));
            for (key, candidate) in self.candidates(&folder, &names, wanted) {
                found.entry(key).or_default().push(candidate);
            }
            chosen.listed.push((folder, names));
        }
        for ((table, map), mut files) in found {
            let there = self.folder.pick().values_in(&table, &files);
            self.folder.pick().choose(&table, &mut files);
            if files.is_empty() {
                chosen.not_chosen.push(NotChosen { table, map, there });
                continue;
            }
            files.iter().try_for_each(|file| self.check(file))?;
            let file = only(self.folder.path(), &table, map.as_ref(), files)?;
            let path = file.folder.join(&file.file_name);
            if file.compressed {
                return Err(UnitError::Compressed { path });
            }
            let mask_entity = file.bids.entity("mask").map(str::to_owned);
            let (atlas, sidecar) = (Some(self.atlas.to_owned()), file.sidecar);
            let table = FoundTable::new(self.folder, table, map, path);
            chosen.tables.push(FoundTable { atlas, sidecar, mask_entity, ..table });
        }
        Ok(chosen)
    }

    /// The files of a folder that `wanted` recognises.
    fn candidates(
        &self,
        folder: &Path,
        names: &BTreeSet<String>,
        wanted: impl Fn(&Path, &BidsName) -> Option<Feeds>,
    ) -> Vec<(Feeds, TableCandidate)> {
        let mut found = Vec::new();
        for name in names {
            let original = copies::original(name);
            let is_copy = original.is_some();
            let of_table = original.as_deref().unwrap_or(name);
            let plain = of_table.strip_suffix(".gz").unwrap_or(of_table);
            if !is_table_name(self.endings, of_table) {
                continue;
            }
            let bids = BidsName::parse(plain);
            let Some(feeds) = wanted(&folder.join(name), &bids) else { continue };
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

    /// Refuses a copy, and a file that names another session than its folder.
    fn check(&self, file: &TableCandidate) -> Result<(), UnitError> {
        let path = file.folder.join(&file.file_name);
        if file.is_copy {
            return Err(UnitError::Copy { path });
        }
        let relative = relative(self.folder.root(), &path);
        let folder = FolderSession::of(&relative);
        match folder.other_session(&file.file_name) {
            Some(named) => Err(UnitError::OtherSession { path, named, folder: folder.written() }),
            None => Ok(()),
        }
    }
}

/// The one file of a table as columns.
pub(super) fn parse_the_one(
    table: &FoundTable,
    files: &[FileBytes<'_>],
    should_stop: &dyn Fn() -> bool,
) -> Result<ParsedTable, UnitError> {
    let FileBytes { path, bytes } = FileBytes::only(table, files)?;
    parse_table_unless(path, bytes, should_stop)
}

/// The columns of a table, from its first line; none if it cannot be read.
pub(super) fn header(path: &Path) -> Vec<String> {
    let mut line = String::new();
    let Ok((file, _)) = open(path) else { return Vec::new() };
    if BufReader::new(file.take(LONGEST_HEADER)).read_line(&mut line).is_err() {
        return Vec::new();
    }
    let line = line.trim_start_matches('\u{feff}').trim_end();
    line.split('\t').map(|name| unquoted(name).into_owned()).collect()
}

/// The prefix of a folder of tables of one atlas.
pub(super) const ATLAS_PREFIX: &str = "atlas-";

/// The atlases that a folder of scans has tables of.
pub(super) fn atlases_in(scans: &Path) -> Vec<String> {
    folders_in(scans, ATLAS_PREFIX).unwrap_or_default().names
}
