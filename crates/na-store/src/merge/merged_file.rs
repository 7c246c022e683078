//! A file of a merge, with the rows of it that stay.

use std::ops::Range;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet};
use na_cache::{CachedUnit, SealKey};
use na_model::{MapSource, Session, TableName};

use crate::error::StoreError;
use crate::merge::replaced_maps::ReplacedMaps;
use crate::merge::sealed_parts::SealedFile;
use crate::tables::long_file::LongFile;
use crate::tables::long_index::index::RowRange;

/// The table's file, or one with rows that a cache sealed.
#[derive(Clone)]
pub(crate) struct MergedFile {
    pub(crate) long: Arc<LongFile>,
    /// Whose rows are taken from it. None for the table's file.
    pub(crate) seals: Vec<SealKey>,
    /// Whether each row range of its index stays.
    stays: Vec<bool>,
}

/// A session of which rows of a row group stay, with the rows of each map that stays.
pub(crate) struct KeptSession<'a> {
    pub(crate) session: &'a Session,
    pub(crate) maps: Vec<(&'a Option<MapSource>, Range<usize>)>,
}

impl MergedFile {
    /// The table's file: what the cache does not replace and nobody takes away stays. A row range without a session or map counts
    /// as kept, so that [`LongFile::key_of`] refuses it: its rows must not vanish.
    pub(crate) fn exported(long: Arc<LongFile>, replaced: &ReplacedMaps) -> Self {
        let stays = stays(&long, |session, map| !replaced.contains(session, map));
        Self { long, seals: Vec::new(), stays }
    }

    /// Sealings: the rows stay of which the cache says that they are there.
    pub(crate) fn sealed(of: Vec<SealedFile>, table: &TableName, units: &[Arc<CachedUnit>]) -> Vec<Self> {
        let mut here: HashMap<SealKey, HashSet<(&Session, &Option<MapSource>)>> = HashMap::new();
        for unit in units.iter().filter(|_| !of.is_empty()) {
            for info in unit.tables.iter().filter(|info| info.table == *table) {
                if let Some(seal) = info.seal {
                    here.entry(seal).or_default().insert((&unit.unit.session, &info.map));
                }
            }
        }
        let of_seals = |SealedFile { seals, long }: SealedFile| {
            let is_here = |session: &_, map: &_| {
                seals.iter().filter_map(|seal| here.get(seal)).any(|here| here.contains(&(session, map)))
            };
            let stays = stays(&long, is_here);
            Self { long, seals, stays }
        };
        of.into_iter().map(of_seals).collect()
    }

    /// Whether it is the table's file.
    pub(crate) fn is_exported(&self) -> bool {
        self.seals.is_empty()
    }

    /// The row ranges that stay, in the order of the file.
    pub(crate) fn kept_row_ranges(&self) -> impl Iterator<Item = &RowRange> {
        let ranges = self.long.index.row_ranges.iter().zip(&self.stays);
        ranges.filter(|(_, stays)| **stays).map(|(range, _)| range)
    }

    /// The row ranges of a row group that stay.
    fn kept_ranges_of(&self, group: usize) -> impl Iterator<Item = &RowRange> {
        let of_group = self.long.index.row_range_indices_of(group);
        let ranges = self.long.index.row_ranges.get(of_group.clone()).unwrap_or(&[]);
        let stays = self.stays.get(of_group).unwrap_or(&[]);
        ranges.iter().zip(stays).filter(|(_, stays)| **stays).map(|(range, _)| range)
    }

    /// Whether all rows of a row group stay.
    pub(crate) fn stays_whole(&self, group: usize) -> bool {
        self.stays.get(self.long.index.row_range_indices_of(group)).unwrap_or(&[]).iter().all(|stays| *stays)
    }

    /// The sessions of a row group that stay, whole or in part, each with the rows of the maps that stay.
    ///
    /// # Errors
    /// An index of the file that contradicts itself.
    pub(crate) fn kept_sessions(&self, group: usize) -> Result<Vec<KeptSession<'_>>, StoreError> {
        let mut sessions: Vec<KeptSession<'_>> = Vec::new();
        for range in self.kept_ranges_of(group) {
            let (session, map) = self.long.key_of(range)?;
            match sessions.last_mut() {
                Some(last) if last.session == session => last.maps.push((map, range.rows.clone())),
                _ => sessions.push(KeptSession { session, maps: vec![(map, range.rows.clone())] }),
            }
        }
        Ok(sessions)
    }
}

fn stays(long: &LongFile, stays: impl Fn(&Session, &Option<MapSource>) -> bool) -> Vec<bool> {
    let index = &long.index;
    let of_range = |range: &RowRange| {
        let key = index.sessions.get(range.session).zip(index.maps.get(range.map));
        key.is_none_or(|(session, map)| stays(session, map))
    };
    index.row_ranges.iter().map(of_range).collect()
}
