//! A cache, open for reading: everything that it can be asked.
//!
//! Every method fails with [`CacheError::Damaged`] if the cache holds what no version of this program writes, and with
//! SQLite's error, told apart by remedy, if the database cannot be read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::SchemaRef;
use na_model::{MapSource, Modality, Names, RegionSet, Session, SourceFile, TableName, UnitOutcome};

use crate::cancel::Cancel;
use crate::db::database::Database;
use crate::db::files::{cache_path, files};
use crate::db::open_to_read;
use crate::error::CacheError;
use crate::read::cached_table::{self, CachedTable};
use crate::read::cached_unit::{self, CachedTableInfo, CachedUnit};
use crate::read::column_sets::ColumnSets;
use crate::read::export_commit::{self, Commit};
use crate::read::mentions;
use crate::read::run_record::{self, RunRecord};
use crate::read::sealed_part::{self, SealKey, SealedPart};
use crate::read::status::{self, CacheStatus};
use crate::read::table_form::{self, TableForm};

/// An open cache. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Cache {
    database: Database,
    column_sets: ColumnSets,
}

/// Files and opening.
impl Cache {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, column_sets: ColumnSets::default() }
    }

    /// The path of an output folder's cache.
    #[must_use]
    pub fn path_in(output: &Path) -> PathBuf {
        cache_path(output)
    }

    /// The files of an output folder's cache, whether they exist or not: the database first, which is deleted first.
    #[must_use]
    pub fn files_in(output: &Path) -> [PathBuf; 4] {
        files(&cache_path(output))
    }

    /// Refuses an output folder where something else has the cache's name: only a cache of this program, of any version,
    /// or of the pandas package is written to or deleted. Nothing is changed.
    ///
    /// # Errors
    /// [`CacheError::Link`]; [`CacheError::Foreign`]; [`CacheError::UnknownSchema`] for a database that is neither's; a
    /// file that is no database or cannot be read.
    pub fn check_file(output: &Path) -> Result<(), CacheError> {
        open_to_read::check_file(&cache_path(output))
    }

    /// Opens the cache of an output folder for reading. `None` if it does not exist, or its owner has just created it.
    ///
    /// # Errors
    /// A file that is no cache, or one of another version; a cache that cannot be read from here now
    /// ([`CacheError::leaves_the_export`]).
    pub fn open_existing(output: &Path) -> Result<Option<Self>, CacheError> {
        Self::open_until(output, &Cancel::never())
    }

    /// As [`open_existing`](Self::open_existing); `cancel` ends a wait for a program that holds the cache.
    ///
    /// # Errors
    /// [`CacheError::Stopped`]; as [`open_existing`](Self::open_existing).
    pub fn open_until(output: &Path, cancel: &Cancel) -> Result<Option<Self>, CacheError> {
        Ok(open_to_read::open_to_read(cache_path(output), cancel)?.map(Self::new))
    }

    /// Opens the cache of an output folder as it is now: later commits are not seen, and what they replace or delete still
    /// is. `None` as in [`open_existing`](Self::open_existing).
    ///
    /// # Errors
    /// As [`open_existing`](Self::open_existing).
    pub fn snapshot(output: &Path) -> Result<Option<Self>, CacheError> {
        Ok(open_to_read::open_snapshot(cache_path(output))?.map(Self::new))
    }

    /// Whether all that was read is of one instant: a cache without locks is read on trust that nobody writes to it, and
    /// this checks whether somebody did.
    #[must_use]
    pub fn is_undisturbed(&self) -> bool {
        self.database.is_undisturbed()
    }

    /// The path of the database.
    #[must_use]
    pub fn location(&self) -> &Path {
        self.database.location()
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }
}

/// The run that fills it.
impl Cache {
    /// What the last run was asked to do. `None` if it was killed before it recorded that.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn run_record(&self) -> Result<Option<RunRecord>, CacheError> {
        run_record::read(&self.database)
    }

    /// The missing and failed units of the last run that finished.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn outcomes(&self) -> Result<Vec<UnitOutcome>, CacheError> {
        run_record::outcomes(&self.database)
    }

    /// The commit of an export that began and did not finish. `None` if there is none.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn commit_begun(&self) -> Result<Option<Commit>, CacheError> {
        export_commit::begun(&self.database)
    }

    /// Counts what is committed.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn status(&self) -> Result<CacheStatus, CacheError> {
        status::of(&self.database)
    }

    /// All sessions that the cache names: of its units, of its run's list, and of that run's outcomes.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn mentioned_sessions(&self) -> Result<BTreeSet<Session>, CacheError> {
        mentions::sessions(&self.database)
    }

    /// Whether anything recorded of a source file (path, mask, sidecar), the reason of an outcome or a root has one of
    /// these names.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn is_named_in(&self, names: &Names) -> Result<bool, CacheError> {
        mentions::is_named_in(&self.database, names)
    }
}

/// Units and their tables.
impl Cache {
    /// All committed units, by subject, session and modality.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn units(&self) -> Result<Vec<CachedUnit>, CacheError> {
        cached_unit::by_subject_session_and_modality(&self.database)
    }

    /// Units of a modality that were committed after another one, in the order of their commits, at most so many. `None` for
    /// the first.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn units_after(
        &self,
        after: Option<&CachedUnit>,
        modality: Modality,
        at_most: usize,
    ) -> Result<Vec<CachedUnit>, CacheError> {
        cached_unit::committed_after(&self.database, modality, after, at_most)
    }

    /// The columns of a cached table, with their types: [`DataType::Null`](arrow_schema::DataType::Null) for one without a
    /// value.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn columns_of(&self, info: &CachedTableInfo) -> Result<SchemaRef, CacheError> {
        self.column_sets.get(&self.database, &*self.database.connection()?, info.column_set)
    }

    /// The parts of long tables, in the order in which they were begun.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn parts(&self) -> Result<Vec<SealedPart>, CacheError> {
        sealed_part::parts(&self.database)
    }

    /// The footer that a sealing left of its row groups.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn footer_of(&self, seal: SealKey) -> Result<Vec<u8>, CacheError> {
        sealed_part::footer(&self.database, seal)
    }

    /// The files that a unit was read from.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn sources(&self, unit: &CachedUnit) -> Result<Vec<SourceFile>, CacheError> {
        cached_unit::sources(&self.database, unit)
    }

    /// The forms of every long table of these units: tables in their order, the forms of one in the order of the first
    /// unit that has each.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn table_forms<'a>(
        &self,
        units: impl IntoIterator<Item = &'a CachedUnit>,
    ) -> Result<Vec<TableForm>, CacheError> {
        table_form::forms(&self.database, &self.column_sets, units)
    }

    /// The regions of each table of a unit.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn regions_of<'u>(
        &self,
        unit: &'u CachedUnit,
    ) -> Result<Vec<(&'u CachedTableInfo, RegionSet)>, CacheError> {
        table_form::regions_of(&self.database, unit)
    }

    /// The tables that a unit has of a long table in the database, sorted by map; those in parts are left out. The unit must
    /// be from the cache's current list: list the units again after a commit.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn read_table(&self, unit: &CachedUnit, table: &TableName) -> Result<Vec<CachedTable>, CacheError> {
        cached_table::read_table(&self.database, &self.column_sets, unit, table)
    }

    /// Some columns of some maps that units have of a long table in the database: for each unit its maps, sorted, with the
    /// columns in the order of the table. Nothing else is read. Equal columns of successive units, above all those of
    /// regions, are one array.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn read_columns(
        &self,
        units: &[Arc<CachedUnit>],
        table: &TableName,
        maps: impl Fn(Option<&MapSource>) -> bool,
        columns: &[&str],
    ) -> Result<Vec<Vec<CachedTable>>, CacheError> {
        let selection =
            cached_table::Selection { table, maps: &maps, columns: &|column| columns.contains(&column) };
        cached_table::read_columns(&self.database, &self.column_sets, units, &selection)
    }
}
