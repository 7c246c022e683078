//! The parts of a cache: where the rows are that were sealed while others were loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use foldhash::HashMap;
use na_cache::{Cache, CachedTableInfo, CachedUnit, PartExport, SealKey, SealedPart};
use na_model::{Session, TableName, Unit};
use rayon::prelude::*;

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;
use crate::format::locked::locked;
use crate::format::parquet_file::ParquetFile;
use crate::format::parquet_reader::ParquetReader;
use crate::format::positioned_file::PositionedFile;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::long_file::LongFile;

/// A file with the rows of sealings.
#[derive(Clone)]
pub(crate) struct SealedFile {
    /// One, whose row groups are the file; or all that were exported to the file of their long table.
    pub(crate) seals: Vec<SealKey>,
    /// Its path is that of the part, or of the long table.
    pub(crate) long: Arc<LongFile>,
}

/// The exported files beside the parts of a cache.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Exported<'s> {
    /// They count: rows that were exported are theirs.
    Count(&'s ExistingStore),
    /// They do not count, but those of parts that are gone because they were exported have their rows.
    HaveRowsOfParts(&'s ExistingStore),
    /// Nobody looks at them, except at those that were given the name of a part.
    Unasked,
}

/// Where the rows of a part are.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Whereabouts {
    /// In the file with this path: its own, or that of the long table, if the part was given its name.
    At(PathBuf),
    /// In the exported file of their long table.
    Exported,
    Lost,
}

impl<'s> Exported<'s> {
    /// As a load counts them: a fresh one begins anew beside the store.
    pub(crate) fn beside(is_fresh: bool, store: &'s ExistingStore) -> Self {
        if is_fresh { Self::Unasked } else { Self::Count(store) }
    }
}

/// The parts of a cache.
#[derive(Default)]
pub(crate) struct SealedParts {
    parts: Vec<(SealedPart, Whereabouts)>,
    /// By sealing, as an index of `parts`.
    of_seals: HashMap<SealKey, usize>,
    /// The exported files that do not count, and have rows of parts.
    exported: BTreeMap<TableName, Arc<LongFile>>,
    /// What was opened so far.
    opened: Mutex<BTreeMap<TableName, Vec<SealedFile>>>,
}

impl SealedParts {
    /// Looks where the parts of a cache are.
    ///
    /// # Errors
    /// A cache or store that cannot be read.
    pub(crate) fn find(cache: &Cache, output: &Path, beside: Exported<'_>) -> Result<Self, StoreError> {
        let (mut parts, mut exported) = (Vec::new(), BTreeMap::new());
        for part in cache.parts()? {
            let whereabouts = whereabouts(&part, output, beside)?;
            if whereabouts == Whereabouts::Exported
                && let Exported::HaveRowsOfParts(store) = beside
            {
                exported.extend(store.long_file(&part.table)?.map(|long| (part.table.clone(), long)));
            }
            parts.push((part, whereabouts));
        }
        let seals = parts
            .iter()
            .enumerate()
            .flat_map(|(index, (part, _))| part.seals.iter().map(move |seal| (*seal, index)));
        let of_seals = seals.collect();
        Ok(Self { parts, of_seals, exported, opened: Mutex::default() })
    }

    fn find_seal(&self, seal: SealKey) -> Option<&(SealedPart, Whereabouts)> {
        self.of_seals.get(&seal).and_then(|index| self.parts.get(*index))
    }

    fn whereabouts_of(&self, info: &CachedTableInfo) -> Option<&Whereabouts> {
        let part = self.find_seal(info.seal?);
        Some(part.map_or(&Whereabouts::Lost, |(_, whereabouts)| whereabouts))
    }

    /// Whether the rows of a cached table are in the exported file of their long table already.
    pub(crate) fn is_exported(&self, info: &CachedTableInfo) -> bool {
        self.whereabouts_of(info) == Some(&Whereabouts::Exported)
    }

    /// Takes out the units of which rows are lost, and returns them: they are to be loaded again.
    pub(crate) fn take_out_lost(&self, units: &mut Vec<CachedUnit>) -> Vec<Unit> {
        let is_lost = |unit: &CachedUnit| {
            unit.tables.iter().any(|info| self.whereabouts_of(info) == Some(&Whereabouts::Lost))
        };
        units.extract_if(.., |unit| is_lost(unit)).map(|unit| unit.unit).collect()
    }

    /// The sealings whose rows are nowhere.
    pub(crate) fn lost(&self) -> Vec<SealKey> {
        let lost = self.parts.iter().filter(|(_, whereabouts)| *whereabouts == Whereabouts::Lost);
        lost.flat_map(|(part, _)| part.seals.iter().copied()).collect()
    }

    /// The parts whose rows are not in exported files, with the files that have them.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&SealedPart, &Path)> {
        self.parts.iter().filter_map(with_path)
    }

    /// Whether a long table has parts, wherever their rows are.
    pub(crate) fn has_table(&self, table: &TableName) -> bool {
        self.parts.iter().any(|(part, _)| part.table == *table)
    }

    /// Whether a part was given the name of a long table's file.
    pub(crate) fn are_renamed(&self, output: &Path) -> bool {
        self.parts().any(|of| is_renamed(&of, output))
    }

    /// The sessions that any part has rows of, also those that do not count any more. Whoever writes takes damaged parts out.
    ///
    /// # Errors
    /// A file or cache that cannot be read.
    pub(crate) fn sessions(&self, cache: &Cache) -> Result<BTreeSet<Session>, StoreError> {
        let mut sessions = BTreeSet::new();
        for (part, path) in self.parts() {
            match open_part(part, path, cache) {
                Err(StoreError::Damaged { .. }) => {}
                files => files?.iter().for_each(|of| sessions.extend(of.long.index.sessions.iter().cloned())),
            }
        }
        Ok(sessions)
    }

    /// The part of which a sealing is, with the file that has its rows.
    pub(crate) fn part_of(&self, seal: SealKey) -> Option<(&SealedPart, &Path)> {
        self.find_seal(seal).and_then(with_path)
    }

    /// The sealings of a long table whose rows are in parts, in their order, and the exported file that does not count and has rows
    /// of others.
    ///
    /// # Errors
    /// A part or cache that cannot be read.
    pub(crate) fn files_of(&self, table: &TableName, cache: &Cache) -> Result<Vec<SealedFile>, StoreError> {
        if let Some(known) = locked(&self.opened).get(table) {
            return Ok(known.clone());
        }
        let mut files = Vec::new();
        for (part, path) in self.parts().filter(|(part, _)| part.table == *table) {
            files.extend(open_part(part, path, cache)?);
        }
        if let Some(long) = self.exported.get(table) {
            let of_file = |(part, place): &&(SealedPart, Whereabouts)| {
                part.table == *table && *place == Whereabouts::Exported
            };
            let parts = self.parts.iter().filter(of_file);
            let seals = parts.flat_map(|(part, _)| part.seals.iter().copied()).collect();
            files.push(SealedFile { seals, long: Arc::clone(long) });
        }
        locked(&self.opened).insert(table.clone(), files.clone());
        Ok(files)
    }
}

/// Whether a part was given the name of its long table's file.
pub(crate) fn is_renamed((part, path): &(&SealedPart, &Path), output: &Path) -> bool {
    **path != part.path_in(output)
}

/// A part with the file that has its rows. `None` if they are in exported files, or lost.
fn with_path((part, whereabouts): &(SealedPart, Whereabouts)) -> Option<(&SealedPart, &Path)> {
    match whereabouts {
        Whereabouts::At(path) => Some((part, path)),
        Whereabouts::Exported | Whereabouts::Lost => None,
    }
}

fn whereabouts(part: &SealedPart, output: &Path, beside: Exported<'_>) -> Result<Whereabouts, StoreError> {
    if let Exported::Count(store) = beside
        && is_in_table(part, store)?
    {
        return Ok(Whereabouts::Exported);
    }
    let path = part.path_in(output);
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() && metadata.len() >= part.length => {
            return Ok(Whereabouts::At(path));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(StoreError::io("look at", &path)(error));
        }
        _ => {}
    }
    let table = output.join(part.table.file_path());
    let begins_as_part = |export: &PartExport| export.begins_as_part;
    if part.exports.iter().any(begins_as_part)
        && let Some(file) = ParquetFile::open(&table)?
        && is_export(&file, part, begins_as_part)
    {
        return Ok(Whereabouts::At(table));
    }
    match beside {
        Exported::HaveRowsOfParts(store) if is_in_table(part, store)? => Ok(Whereabouts::Exported),
        _ => Ok(Whereabouts::Lost),
    }
}

/// Whether the rows of a part are in the exported file of its long table.
fn is_in_table(part: &SealedPart, store: &ExistingStore) -> Result<bool, StoreError> {
    if part.exports.is_empty() {
        return Ok(false);
    }
    Ok(store.long_reader(&part.table)?.is_some_and(|file| is_export(file.file(), part, |_| true)))
}

/// Whether the file of a long table has the rows of a part, by an export of a kind.
fn is_export(file: &ParquetFile, part: &SealedPart, is_wanted: impl Fn(&PartExport) -> bool) -> bool {
    let state = file.key_value(keys::STATE).filter(|_| !file.has_notes_of_another());
    state.is_some_and(|state| part.exports.iter().any(|export| export.state == state && is_wanted(export)))
}

/// Opens the sealings of a part, in the file that has them.
///
/// # Errors
/// A file or cache that cannot be read.
pub(crate) fn open_part(
    part: &SealedPart,
    path: &Path,
    cache: &Cache,
) -> Result<Vec<SealedFile>, StoreError> {
    let start = open_start(part, path)?;
    let open = |seal: &SealKey| open_seal(&part.table, *seal, &start, path, cache);
    part.seals.par_iter().map(open).collect()
}

/// Opens the sealed bytes of a part, in the file that has them.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn open_start(part: &SealedPart, path: &Path) -> Result<PositionedFile, StoreError> {
    PositionedFile::open_start(path, part.length).map_err(StoreError::io("open", path))
}

/// Opens a sealing of a long table, in the part that has it.
///
/// # Errors
/// A file or cache that cannot be read.
pub(crate) fn open_seal(
    table: &TableName,
    seal: SealKey,
    start: &PositionedFile,
    path: &Path,
    cache: &Cache,
) -> Result<SealedFile, StoreError> {
    let file = ParquetFile::of_part(start.clone(), path, &cache.footer_of(seal)?)?;
    let long = LongFile::read(table, ParquetReader::of(file)?)?;
    Ok(SealedFile { seals: vec![seal], long: Arc::new(long) })
}
