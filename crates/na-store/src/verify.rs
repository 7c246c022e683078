//! The last look before the cache goes: the written files, opened again, hold every unit with every row.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use na_model::{Manifest, MapSource, Session, TableName};

use crate::catalog::count;
use crate::error::StoreError;
use crate::layout::{METADATA_FILE, SOURCES_FILE, TIV_FILE};
use crate::long::index::LongIndex;
use crate::table_file::TableFile;

/// What a long table and its features hold after the export.
pub(crate) struct Expected {
    pub(crate) rows: HashMap<(Session, Option<MapSource>), usize>,
    /// The files of features, with the map that each is of.
    pub(crate) features: Vec<(String, Option<MapSource>)>,
}

impl Expected {
    /// The files of features, with the rows that each has: a session of its map.
    fn feature_rows(&self) -> impl Iterator<Item = (&str, u64)> {
        let mut sessions: HashMap<&Option<MapSource>, u64> = HashMap::new();
        self.rows.keys().for_each(|(_, map)| *sessions.entry(map).or_default() += 1);
        let rows = move |map| sessions.get(map).copied().unwrap_or_default();
        self.features.iter().map(move |(path, map)| (path.as_str(), rows(map)))
    }
}

pub(crate) fn verify(
    output: &Path,
    expected: &BTreeMap<TableName, Expected>,
    manifest: &Manifest,
    n_tiv: usize,
    n_sessions: usize,
    n_sources: u64,
) -> Result<(), StoreError> {
    for (table, expected) in expected {
        let path = output.join(table.file_path());
        let index = LongIndex::read(&open(&path)?)?;
        verify_rows(&path, &expected.rows, &index)?;
    }
    let listed = manifest.wide_features.values().map(|entry| (entry.file_path.as_str(), entry.n_sessions));
    // The manifest has its numbers from the files: those of this export are counted in the long tables, too.
    let wide = expected.values().flat_map(Expected::feature_rows).chain(listed);
    let others = [
        (METADATA_FILE, count(n_sessions)),
        (SOURCES_FILE, n_sources),
        (TIV_FILE, if manifest.has_tiv { count(n_tiv) } else { 0 }),
    ];
    for (name, rows) in
        wide.chain(others.into_iter().filter(|(name, _)| *name != TIV_FILE || manifest.has_tiv))
    {
        let path = output.join(name);
        let found = open(&path)?.n_rows();
        if found != rows {
            let problem = format!("{found} rows instead of {rows}");
            return Err(StoreError::NotVerified { path, problem });
        }
    }
    Ok(())
}

fn open(path: &Path) -> Result<TableFile, StoreError> {
    let gone = || StoreError::NotVerified { path: path.to_owned(), problem: "it is gone".to_owned() };
    TableFile::open(path)?.ok_or_else(gone)
}

fn verify_rows(
    path: &Path,
    expected: &HashMap<(Session, Option<MapSource>), usize>,
    index: &LongIndex,
) -> Result<(), StoreError> {
    let found = index.rows();
    let wrong = expected.iter().find_map(|((session, map), rows)| {
        let there = found.get(&(session, map)).copied().unwrap_or_default();
        (there != *rows).then(|| format!("{there} rows of {session} instead of {rows}"))
    });
    let problem = wrong.or_else(|| {
        (found.len() != expected.len())
            .then(|| format!("{} sessions and maps instead of {}", found.len(), expected.len()))
    });
    match problem {
        Some(problem) => Err(StoreError::NotVerified { path: path.to_owned(), problem }),
        None => Ok(()),
    }
}
