//! Seals what a load commits while it goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet};
use na_cache::{Cache, CacheError, CachedUnit, EncodedUnit, OwnedCache, RunRecord};
use na_model::{Session, TableName, TivSource, UnitKind};

use crate::error::StoreError;
use crate::format::file_changes::FileChanges;
use crate::seal::backlog::Backlog;
use crate::seal::sealing::Sealing;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::metadata::table::MetadataTable;
use crate::tables::session_rows::ROW_GROUP;
use crate::tables::tiv::TivTable;

/// Rows that are sealed at once, at least: fewer would make row groups that are read slowly, and more syncs.
const FEWEST_ROWS: usize = 3 * ROW_GROUP / 8;

/// For each row that is sealed at once, so many are sealed already: the cache stays a small share of what it becomes.
const SEALED_BEFORE: usize = 16;

/// Tables of a unit above which more of them count as more rows.
const MANY_TABLES: usize = 64;

/// Units that are listed at once.
const UNITS_AT_ONCE: usize = 64;

/// Seals what a load commits, in windows of some sessions, on a thread of its own. The cache's database then has little more than
/// a window; the rest is in parts. Units of sessions that the store has stay there, and rows whose columns have rare types.
pub struct Sealer<'a> {
    sealing: Sealing<'a>,
    cache: &'a OwnedCache<'a>,
    backlog: Arc<Backlog>,
    /// The kinds of the units that the load may commit.
    kinds: BTreeSet<UnitKind>,
    /// Rows of a window. `None` for the default.
    window: Option<usize>,
}

/// Tells a [`Sealer`] what was committed.
#[derive(Clone)]
pub struct Committed(Arc<Backlog>);

impl Committed {
    /// A unit was committed. Waits while more is committed than the sealer keeps up with.
    pub fn unit(&self, unit: &EncodedUnit) {
        self.0.add(&unit.unit.kind, weight(unit.tables.iter().map(|table| (table.table(), table.n_rows()))));
    }

    /// Nothing more is committed.
    pub fn end(&self) {
        self.0.end();
    }

    /// Whether nothing more is sealed: a sealing failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.0.is_over()
    }
}

impl<'a> Sealer<'a> {
    /// A sealer for a load into `cache`. `store` is what the load adds to, `None` if it begins anew; `sessions` are all that it is
    /// going to have; `window` is the number of rows that are sealed at once, `None` for what is best.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn new(
        cache: &'a OwnedCache<'a>,
        store: Option<&'a ExistingStore>,
        record: &RunRecord,
        sessions: &HashSet<Session>,
        window: Option<usize>,
    ) -> Result<Self, StoreError> {
        let window = window.map(|rows| rows.max(1));
        let output = cache.output();
        let (stored, volumes) = match store {
            Some(_) => (MetadataTable::read(output)?, TivTable::read(output)?),
            None => (MetadataTable::default(), TivTable::default()),
        };
        let sessions = stored.sessions.iter().chain(sessions).cloned().collect();
        let metadata = Arc::new(MetadataTable::merge(stored, &record.listing, &sessions));
        let stored = store.map(ExistingStore::volume_source).transpose()?.flatten();
        let of_cat12 = TivSource::Cat12.unit_kinds();
        let has_cat12 = record.kinds.iter().any(|kind| of_cat12.contains(kind));
        let likely = if has_cat12 { TivSource::Cat12 } else { TivSource::FreeSurfer };
        let tiv_from = stored.or(record.tiv_from).unwrap_or(likely);
        let changes = FileChanges::of(cache.lock());
        let compression = record.settings.compression;
        let parts = Vec::new();
        let sealing = Sealing {
            cache,
            store,
            compression,
            changes,
            metadata,
            volumes,
            tiv_from,
            in_store: HashMap::new(),
            parts,
        };
        let cached = cache.units()?.into_iter().map(|unit| unit.unit.kind);
        let kinds = record.kinds.iter().cloned().chain(cached).collect();
        Ok(Self { sealing, cache, backlog: Arc::default(), kinds, window })
    }

    /// What is to be told of commits.
    #[must_use]
    pub fn committed(&self) -> Committed {
        Committed(Arc::clone(&self.backlog))
    }

    /// Seals until [`Committed::end`]. Less than a window stays in the database, with units of sessions that the store has and rows of
    /// rare types.
    ///
    /// # Errors
    /// A store or cache that cannot be read or written. Units are safe, and nothing more is sealed.
    pub fn run(&mut self) -> Result<(), StoreError> {
        // Also where it panics: who commits must not wait for ever.
        let _over = GivesUp(Arc::clone(&self.backlog));
        self.seal_all()
    }

    fn seal_all(&mut self) -> Result<(), StoreError> {
        let kinds = self.kinds.clone();
        let mut windows: BTreeMap<&UnitKind, Windows> =
            kinds.iter().map(|kind| (kind, Windows::default())).collect();
        for kind in &kinds {
            let believed = self.backlog.rows(kind);
            let in_store = self.sealing.sessions_in_store(kind)?;
            self.backlog.correct(kind, believed, self.unsealed(kind, &in_store)?);
        }
        let window = self.window;
        let enough = |windows: &Windows| {
            let share = windows.sealed / SEALED_BEFORE;
            window.unwrap_or_else(|| share.clamp(FEWEST_ROWS, ROW_GROUP))
        };
        while let Some((kind, rows)) =
            self.backlog.next(windows.iter().map(|(kind, windows)| (*kind, enough(windows))))
        {
            if self.cache.lock().cancel().is_asked() {
                return Err(CacheError::Stopped.into());
            }
            let Some(windows) = windows.get_mut(kind) else { break };
            let believed = self.backlog.rows(kind);
            // A unit that is replaced meanwhile stays readable, and its rows do not count.
            let Some(snapshot) = Cache::snapshot(self.cache.output())? else { break };
            let in_store = self.sealing.sessions_in_store(kind)?;
            let (units, last, n_rows) = next_window(&snapshot, windows.last.as_ref(), kind, rows, &in_store)?;
            if n_rows < rows {
                // Units of sessions that the store has, or that were replaced meanwhile, had been counted, too.
                if n_rows == 0 {
                    windows.last = last;
                }
                self.backlog.correct(kind, believed, n_rows);
                continue;
            }
            windows.last = last;
            windows.sealed += n_rows;
            self.sealing.seal(&snapshot, units)?;
            drop(snapshot);
            self.backlog.remove(kind, n_rows);
            // While nobody of this program reads.
            self.cache.empty_log()?;
        }
        Ok(())
    }
}

impl Sealer<'_> {
    /// The weight of what an earlier run left in the database.
    fn unsealed(&self, kind: &UnitKind, in_store: &HashSet<Session>) -> Result<usize, StoreError> {
        let (mut last, mut rows): (Option<CachedUnit>, usize) = (None, 0);
        loop {
            let units = self.cache.units_after(last.as_ref(), kind, UNITS_AT_ONCE)?;
            rows += units.iter().map(|unit| unsealed_weight(unit, in_store)).sum::<usize>();
            match units.into_iter().next_back() {
                None => return Ok(rows),
                unit => last = unit,
            }
        }
    }
}

/// Ends the waiting for a sealer that goes away.
struct GivesUp(Arc<Backlog>);

impl Drop for GivesUp {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

/// The windows of a kind so far.
#[derive(Default)]
struct Windows {
    /// The last unit that was in one.
    last: Option<CachedUnit>,
    /// The weight of its units.
    sealed: usize,
}

/// The next units of a kind with rows in the database, about so many rows; the last unit looked at; and the rows that they have.
fn next_window(
    cache: &Cache,
    after: Option<&CachedUnit>,
    kind: &UnitKind,
    rows: usize,
    in_store: &HashSet<Session>,
) -> Result<(Vec<CachedUnit>, Option<CachedUnit>, usize), StoreError> {
    let (mut units, mut last, mut n_rows) = (Vec::new(), after.cloned(), 0);
    while n_rows < rows {
        let next = cache.units_after(last.as_ref(), kind, UNITS_AT_ONCE)?;
        if next.is_empty() {
            break;
        }
        for unit in next {
            if n_rows >= rows {
                break;
            }
            let of_unit = unsealed_weight(&unit, in_store);
            last = Some(unit.clone());
            if of_unit > 0 {
                n_rows += of_unit;
                units.push(unit);
            }
        }
    }
    Ok((units, last, n_rows))
}

/// The weight of a unit's tables that are in the database, and are to be sealed.
fn unsealed_weight(unit: &CachedUnit, in_store: &HashSet<Session>) -> usize {
    if in_store.contains(&unit.unit.session) {
        return 0;
    }
    let in_database = unit.tables.iter().filter(|info| info.seal.is_none());
    weight(in_database.map(|info| (&info.table, info.n_rows)))
}

/// How much tables add to a window: the rows of the smallest long table, whose row group is not to be too small; more if there are
/// very many tables.
fn weight<'t>(tables: impl Iterator<Item = (&'t TableName, usize)>) -> usize {
    let mut rows: BTreeMap<&TableName, usize> = BTreeMap::new();
    for (table, n_rows) in tables {
        *rows.entry(table).or_default() += n_rows;
    }
    let total: usize = rows.values().sum();
    rows.into_values().min().unwrap_or(0).max(total / MANY_TABLES)
}
