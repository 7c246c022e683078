//! A cache, open for reading: everything that it can be asked.
//!
//! Every method fails with [`CacheError::Damaged`] if the cache holds what no version of this program writes, and with
//! SQLite's error, told apart by remedy, if the database cannot be read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::SchemaRef;
use foldhash::HashSet;
use na_model::{
    MapSource, Names, RegionSet, Session, SourceFile, SourceKind, TableName, Unit, UnitKind, UnitOutcome,
};

use crate::cancel::Cancel;
use crate::db::database::Database;
use crate::db::files::{cache_path, files};
use crate::db::immutable_files::ImmutableFiles;
use crate::db::open_segment::open_segment;
use crate::db::open_to_read;
use crate::db::schema::setting;
use crate::error::CacheError;
use crate::read::book::{Book, book};
use crate::read::cached_kinds::CachedKinds;
use crate::read::cached_table::{self, CachedTable};
use crate::read::cached_unit::{self, CachedTableInfo, CachedUnit};
use crate::read::export_commit::{self, Commit};
use crate::read::joined_sources::joined_sources;
use crate::read::joined_units::joined_units;
use crate::read::mentions;
use crate::read::run_record::{self, RunRecord};
use crate::read::sealed_part::{self, SealKey, SealedPart};
use crate::read::status::{self, CacheStatus};
use crate::read::table_form::{self, TableForm};
use crate::read::{joined_outcomes, joined_record};
use crate::segment::listing::{RefusedSegment, SEGMENTS_FOLDER, Segments};

/// An open cache: the database that its owner writes to, with segments or without, or segments alone. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Cache {
    /// That of the owner first, if there is one; then segments in the order of their names. Never empty.
    books: Arc<[Book]>,
    location: Arc<Path>,
    /// Units of which what the segments have does not count.
    refused: Arc<HashSet<Unit>>,
}

/// A segment with the atlas of its tables. `None` if they have atlases of their own.
fn segment_of(location: &Path, files: &ImmutableFiles) -> Result<(Option<String>, Database), CacheError> {
    let database = open_segment(location, files)?;
    if database.setting(setting::ATLAS_NAME)?.is_none() {
        return Err(database.damaged("it does not say its atlas"));
    }
    Ok((run_record::atlas(&database)?, database))
}

/// Files and opening.
impl Cache {
    pub(crate) fn new(database: Database) -> Self {
        let location = database.location().into();
        Self { books: Arc::new([Book::of_owner(database)]), location, refused: Arc::default() }
    }

    /// A cache, if there is one, together with segments, and the segments that are refused: those of another atlas, and those that cannot
    /// be read. `None` if there is neither. Without an atlas, that of the first segment is the store's.
    ///
    /// # Errors
    /// [`CacheError::SegmentGone`].
    pub fn with_segments(
        own: Option<Self>,
        segments: &Segments,
        atlas_name: Option<&str>,
    ) -> Result<(Option<Self>, Vec<RefusedSegment>), CacheError> {
        let (location, mut books) = match own {
            Some(own) => (own.location, own.books.to_vec()),
            None => (segments.folder().into(), Vec::new()),
        };
        let (files, mut refused) = (ImmutableFiles::default(), Vec::new());
        let mut of_store = atlas_name.map(str::to_owned);
        for name in segments.names() {
            let (why, atlas) = match segment_of(&segments.path_of(name), &files) {
                Err(error @ CacheError::SegmentGone { .. }) => return Err(error),
                Err(error) => (error.to_string(), None),
                Ok((Some(atlas), _)) if of_store.as_ref().is_some_and(|of_store| *of_store != atlas) => (
                    format!(
                        "it is of atlas {atlas}, and the store of {}: move it into {SEGMENTS_FOLDER} of another output, and export that",
                        of_store.as_deref().unwrap_or_default()
                    ),
                    Some(atlas),
                ),
                Ok((atlas, database)) => {
                    of_store = of_store.or(atlas);
                    let book = Book::of_segment(database, books.last());
                    books.push(book);
                    continue;
                }
            };
            refused.push(RefusedSegment { name: name.clone(), why, atlas });
        }
        let cache =
            (!books.is_empty()).then(|| Self { books: books.into(), location, refused: Arc::default() });
        Ok((cache, refused))
    }

    /// All segments, of whatever atlas: for who looks whom they name, and not what they hold. `None` if there is none.
    ///
    /// # Errors
    /// A segment that cannot be read.
    pub fn of_all_segments(segments: &Segments) -> Result<Option<Self>, CacheError> {
        let files = ImmutableFiles::default();
        let paths = segments.names().iter().map(|name| segments.path_of(name));
        let books = paths.map(|path| Ok(Book::of_segment(open_segment(&path, &files)?, None)));
        let books = books.collect::<Result<Vec<_>, CacheError>>()?;
        let location = segments.folder().into();
        Ok((!books.is_empty()).then(|| Self { books: books.into(), location, refused: Arc::default() }))
    }

    /// Whether a table of one of its units is a segment's.
    #[must_use]
    pub fn is_in_segment(&self, info: &CachedTableInfo) -> bool {
        self.books.get(info.book).is_some_and(|book| book.is_segment)
    }

    /// Whether it has segments.
    #[must_use]
    pub fn has_segments(&self) -> bool {
        self.segments().next().is_some()
    }

    /// The same without what the segments have of some units.
    #[must_use]
    pub fn refusing(self, units: HashSet<Unit>) -> Self {
        Self { refused: Arc::new(units), ..self }
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
        self.own().is_none_or(Database::is_undisturbed)
    }

    /// The path of the database that its owner writes to, or else the folder of the segments.
    #[must_use]
    pub fn location(&self) -> &Path {
        &self.location
    }

    /// The database that its owner writes to. `None` of segments alone.
    pub(crate) fn own(&self) -> Option<&Database> {
        self.books.first().filter(|book| !book.is_segment).map(|book| &book.database)
    }

    fn segments(&self) -> impl Iterator<Item = &Book> {
        self.books.iter().filter(|book| book.is_segment)
    }

    fn databases(&self) -> impl Iterator<Item = &Database> {
        self.books.iter().map(|book| &book.database)
    }

    /// What a cache without a database of its owner has of something that only that can have.
    fn of_own<T: Default>(
        &self,
        read: impl FnOnce(&Database) -> Result<T, CacheError>,
    ) -> Result<T, CacheError> {
        self.own().map_or_else(|| Ok(T::default()), read)
    }
}

/// The run that fills it.
impl Cache {
    /// What the last run was asked to do. `None` if it was killed before it recorded that.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn run_record(&self) -> Result<Option<RunRecord>, CacheError> {
        joined_record::read(self.databases())
    }

    /// Whether the run that fills the database of its owner replaces the store. The record says so too, and is read with its whole list.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn is_fresh(&self) -> Result<bool, CacheError> {
        self.of_own(|own| Ok(own.setting(setting::FRESH)?.is_some()))
    }

    /// The atlas of the tables in the database of its owner. `None` if no run recorded itself, or all are of inputs with atlases of their
    /// own.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn atlas_name(&self) -> Result<Option<String>, CacheError> {
        self.of_own(run_record::atlas)
    }

    /// The missing and failed units of the last run that finished, and of those that wrote segments.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn outcomes(&self) -> Result<Vec<UnitOutcome>, CacheError> {
        if !self.has_segments() {
            return self.of_own(run_record::outcomes);
        }
        joined_outcomes::read(self.databases(), &self.units()?)
    }

    /// The commit of an export that began and did not finish. `None` if there is none.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn commit_begun(&self) -> Result<Option<Commit>, CacheError> {
        self.of_own(export_commit::begun)
    }

    /// Counts what is committed, and published.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn status(&self) -> Result<CacheStatus, CacheError> {
        match self.own().filter(|_| self.books.len() == 1) {
            Some(own) => status::of(own),
            None => status::of_units(self.location(), self.databases(), &self.units()?),
        }
    }

    /// All sessions that the cache names: of its units, of its run's list, and of that run's outcomes.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn mentioned_sessions(&self) -> Result<BTreeSet<Session>, CacheError> {
        let mut sessions = BTreeSet::new();
        for database in self.databases() {
            sessions.append(&mut mentions::sessions(database)?);
        }
        Ok(sessions)
    }

    /// Whether anything recorded of a source file (path, mask, sidecar), the reason of an outcome or a root has one of
    /// these names.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn is_named_in(&self, names: &Names) -> Result<bool, CacheError> {
        for database in self.databases() {
            if mentions::is_named_in(database, names)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Units and their tables.
impl Cache {
    /// All committed units, by session and kind.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn units(&self) -> Result<Vec<CachedUnit>, CacheError> {
        if let [book] = &*self.books
            && !book.is_segment
        {
            return book.units(0);
        }
        let mut units = Vec::new();
        for (number, book) in self.books.iter().enumerate() {
            let of_book = book.units(number)?;
            let counts = |unit: &CachedUnit| !book.is_segment || !self.refused.contains(&unit.unit);
            units.extend(of_book.into_iter().filter(counts));
        }
        let has_report = |version: &CachedUnit| {
            let sources = cached_unit::sources(&book(&self.books, version.book)?.database, version)?;
            Ok(sources.iter().any(|source| source.kind == SourceKind::Tiv))
        };
        joined_units(units, &has_report)
    }

    /// Units of a kind that were committed to the database of its owner after another one, in the order of their commits, at most so
    /// many. `None` for the first.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn units_after(
        &self,
        after: Option<&CachedUnit>,
        kind: &UnitKind,
        at_most: usize,
    ) -> Result<Vec<CachedUnit>, CacheError> {
        self.of_own(|own| cached_unit::committed_after(own, kind, after, at_most))
    }

    /// The columns of a cached table, with their types: [`DataType::Null`](arrow_schema::DataType::Null) for one without a
    /// value.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn columns_of(&self, info: &CachedTableInfo) -> Result<SchemaRef, CacheError> {
        let book = book(&self.books, info.book)?;
        book.columns(&*book.database.connection()?, info.column_set)
    }

    /// The parts of long tables, in the order in which they were begun.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn parts(&self) -> Result<Vec<SealedPart>, CacheError> {
        self.of_own(sealed_part::parts)
    }

    /// The footer that a sealing left of its row groups.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn footer_of(&self, seal: SealKey) -> Result<Vec<u8>, CacheError> {
        self.of_own(|own| sealed_part::footer(own, seal))
    }

    /// The files that a unit was read from.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn sources(&self, unit: &CachedUnit) -> Result<Vec<SourceFile>, CacheError> {
        let of_version =
            |version: &CachedUnit| cached_unit::sources(&book(&self.books, version.book)?.database, version);
        let Some((oldest, later)) = unit.versions.split_first() else { return of_version(unit) };
        later.iter().try_fold(of_version(oldest)?, |sources, version| {
            Ok(joined_sources(sources, of_version(version)?, version))
        })
    }

    /// What its tables are, as each of its databases tells it.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn table_kinds(&self) -> Result<CachedKinds, CacheError> {
        CachedKinds::of(&self.books)
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
        table_form::forms(&self.books, units)
    }

    /// The regions of each table of a unit.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn regions_of<'u>(
        &self,
        unit: &'u CachedUnit,
    ) -> Result<Vec<(&'u CachedTableInfo, RegionSet)>, CacheError> {
        table_form::regions_of(&self.books, unit)
    }

    /// The tables that a unit has of a long table in the database, sorted by map; those in parts are left out. The unit must
    /// be from the cache's current list: list the units again after a commit.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn read_table(&self, unit: &CachedUnit, table: &TableName) -> Result<Vec<CachedTable>, CacheError> {
        cached_table::read_table(&self.books, unit, table)
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
        cached_table::read_columns(&self.books, units, &selection)
    }
}
