//! What the store and its cache remember of each unit.

use std::collections::BTreeSet;
use std::path::Path;

use foldhash::{HashMap, HashMapExt};
use na_cache::{Cache, CachedUnit};
use na_model::{ReadAt, SourceFile, SourceKind, SourceRoot, TableName, TivFinding, Unit};
use na_store::{ExistingStore, SourceDetail, StoreError, TablesByUnit};

use crate::error::PipelineError;
use crate::inputs::found_tables::TableKey;

/// What the store and its cache remember of a unit.
#[derive(Debug, Default)]
pub(crate) struct UnitRecord {
    pub(crate) sources: Vec<SourceFile>,
    /// Tables that it has rows of although their files are not known.
    pub(crate) without_files: BTreeSet<TableKey>,
}

impl UnitRecord {
    pub(crate) fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.without_files.is_empty()
    }

    pub(crate) fn tables(&self) -> BTreeSet<TableKey> {
        let tables = self.sources.iter().filter(|source| source.kind == SourceKind::Table);
        let with_files = tables.filter_map(|source| Some((source.table_name()?, source.map.clone())));
        with_files.chain(self.without_files.iter().cloned()).collect()
    }

    /// The files in which total intracranial volume was looked for, and the one that it was taken from.
    pub(crate) fn tiv(&self) -> Vec<SourceFile> {
        let of_tiv = |source: &&SourceFile| source.kind == SourceKind::Tiv || source.tiv.is_some();
        self.sources.iter().filter(of_tiv).cloned().collect()
    }

    pub(crate) fn read_at(&self) -> ReadAt {
        self.sources.iter().map(|source| source.read_at).max().unwrap_or_default()
    }
}

/// Hands over every unit that the store or its cache has, one after the other: all at once would not fit into memory.
/// What the cache has of a unit replaces the same in the store.
pub(crate) fn for_each_record(
    store: Option<&ExistingStore>,
    cache: Option<&Cache>,
    mut take: impl FnMut(Unit, UnitRecord),
) -> Result<(), PipelineError> {
    let cached = cache.map(Cache::units).transpose()?.unwrap_or_default();
    let mut not_stored: HashMap<&Unit, &CachedUnit> = cached.iter().map(|unit| (&unit.unit, unit)).collect();
    let mut without_files = match store {
        None => TablesByUnit::new(),
        Some(store) => rows_without_files(store, &cached)?,
    };
    if let Some(store) = store {
        let mut files = TableFiles { store: store.output(), are_there: HashMap::new() };
        store.for_each_unit::<StoreError>(SourceDetail::States, |stored| {
            let cached = cache.zip(not_stored.remove(&stored.unit));
            let sources = newest_sources(stored.sources, &mut files, cached)?;
            let without_files = without_files.remove(&stored.unit).unwrap_or_default();
            take(stored.unit, UnitRecord { sources, without_files });
            Ok(())
        })?;
    }
    if let Some(cache) = cache {
        for unit in cached.iter().filter(|unit| not_stored.contains_key(&unit.unit)) {
            let without_files = without_files.remove(&unit.unit).unwrap_or_default();
            take(unit.unit.clone(), UnitRecord { sources: cache.sources(unit)?, without_files });
        }
    }
    for (unit, without_files) in without_files {
        take(unit, UnitRecord { sources: Vec::new(), without_files });
    }
    Ok(())
}

/// The files of a stored unit: those whose tables the store has, and what its cache has read of them since.
fn newest_sources(
    mut stored: Vec<SourceFile>,
    files: &mut TableFiles<'_>,
    cached: Option<(&Cache, &CachedUnit)>,
) -> Result<Vec<SourceFile>, StoreError> {
    stored.retain(|source| files.have(source));
    match cached {
        None => Ok(stored),
        Some((cache, unit)) => Ok(newest(cache.sources(unit)?, unit, stored)),
    }
}

/// Tables of which the store has rows although it does not know their files, except those that the cache has newer.
fn rows_without_files(store: &ExistingStore, cached: &[CachedUnit]) -> Result<TablesByUnit, StoreError> {
    let mut without_files = store.rows_without_files()?;
    for unit in cached {
        let Some(tables) = without_files.get_mut(&unit.unit) else { continue };
        for info in &unit.tables {
            tables.remove(&(info.table.clone(), info.map.clone()));
        }
    }
    Ok(without_files)
}

/// Which of the store's tables still have their file: one that someone deleted takes its rows with it.
struct TableFiles<'a> {
    store: &'a Path,
    are_there: HashMap<TableName, bool>,
}

impl TableFiles<'_> {
    /// Whether what was read from a source can still be in the store.
    fn have(&mut self, source: &SourceFile) -> bool {
        let Some(table) = source.table_name() else { return true };
        let path = self.store.join(table.file_path());
        *self.are_there.entry(table).or_insert_with(|| path.is_file())
    }
}

/// The files of a unit that both have: the cache's, and those of the store that the cache has not read again.
fn newest(mut cached: Vec<SourceFile>, unit: &CachedUnit, stored: Vec<SourceFile>) -> Vec<SourceFile> {
    let is_read_again = |source: &SourceFile| match source.kind {
        SourceKind::Tiv => unit.tiv != TivFinding::Kept,
        SourceKind::Table | SourceKind::Sidecar => unit
            .tables
            .iter()
            .any(|table| source.table_name().as_ref() == Some(&table.table) && source.map == table.map),
    };
    let mut roots: HashMap<&str, Vec<Option<&SourceRoot>>> = HashMap::new();
    for file in &cached {
        roots.entry(&file.path).or_default().push(file.root.as_ref());
    }
    // Two inputs may have one path under roots of their own; stores of older versions do not say the root.
    let is_cached = |source: &SourceFile| {
        let same = |root: &Option<&SourceRoot>| {
            root.is_none_or(|root| source.root.as_ref().is_none_or(|of| of == root))
        };
        roots.get(source.path.as_str()).is_some_and(|roots| roots.iter().any(same))
    };
    let stored: Vec<SourceFile> =
        stored.into_iter().filter(|source| !is_read_again(source) && !is_cached(source)).collect();
    cached.extend(stored);
    cached
}
