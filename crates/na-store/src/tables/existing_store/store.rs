//! The store in an output folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use na_cache::Segments;
use na_model::{Manifest, TableKind, TableName, UnitKind, UnitOutcome, WideMetrics};

use crate::error::StoreError;
use crate::format::column_origin::of_table;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::existing_store::long_files::LongFiles;
use crate::tables::long_file::{LongFile, kind_of};
use crate::tables::manifest::{ManifestRecord, read_manifest};
use crate::tables::own_files::OwnFiles;
use crate::tables::paths::{MANIFEST_FILE, SOURCES_FILE};
use crate::tables::sessions_tsv;
use crate::tables::sources::stored_unit::{SourceDetail, StoredUnit, for_each_unit};
use crate::tables::store_record::StoreRecord;
use crate::tables::store_version::StoreVersion;
use crate::tables::withdrawals::{WithdrawalMark, WithdrawalsTold};

/// The store in an output folder, which may be empty. The manifest is read once, and so are the footers and
/// indexes of the long tables that are asked for.
///
/// A writer holds the folder's lock, so that the answers stay true.
pub struct ExistingStore {
    output: PathBuf,
    version: StoreVersion,
    manifest: Option<Arc<Manifest>>,
    /// Read when it is first asked for: readers do not need it.
    record: OnceLock<Option<StoreRecord>>,
    own_files: OwnFiles,
    long_files: LongFiles,
}

impl ExistingStore {
    /// Reads the manifest. One that cannot be understood counts as missing.
    ///
    /// # Errors
    /// [`StoreError::OtherVersion`]; a file that cannot be read.
    pub fn open(output: &Path) -> Result<Self, StoreError> {
        let version = StoreVersion::of(output)?;
        let manifest = read_manifest(output)?.map(Arc::new);
        let own_files = OwnFiles::named_by(output, manifest.as_deref());
        let long_files = LongFiles::of(output, manifest.clone());
        let (output, record) = (output.to_owned(), OnceLock::new());
        Ok(Self { output, version, manifest, record, own_files, long_files })
    }

    /// The output folder.
    #[must_use]
    pub fn output(&self) -> &Path {
        &self.output
    }

    pub(crate) fn version(&self) -> &StoreVersion {
        &self.version
    }

    /// Whether no file was replaced since [`ExistingStore::open`]. The cache may have changed.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn is_unchanged(&self) -> Result<bool, StoreError> {
        Ok(StoreVersion::of(&self.output)?.has_files_of(&self.version))
    }

    /// The manifest's file. `None` if it is missing or cannot be understood.
    pub(crate) fn written_manifest(&self) -> Option<&Arc<Manifest>> {
        self.manifest.as_ref()
    }

    /// When the manifest was last written, ISO 8601. `None` if it is missing or cannot be understood.
    #[must_use]
    pub fn updated_at(&self) -> Option<&str> {
        self.manifest.as_ref().map(|manifest| manifest.updated_at.as_str())
    }

    /// How the store was made. `None` if neither the manifest nor `sources.parquet` has a record.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn record(&self) -> Result<Option<&StoreRecord>, StoreError> {
        if let Some(record) = self.record.get() {
            return Ok(record.as_ref());
        }
        let record = StoreRecord::read(&self.output, self.manifest.as_deref())?;
        Ok(self.record.get_or_init(|| record).as_ref())
    }

    pub(crate) fn own_files(&self) -> &OwnFiles {
        &self.own_files
    }

    /// The long tables that are the store's, in its order. The manifest need not name them yet.
    ///
    /// # Errors
    /// A folder that cannot be listed; a file that cannot be read.
    pub fn long_tables(&self) -> Result<&[TableName], StoreError> {
        self.long_files.tables(&self.own_files)
    }

    /// The open file of a long table. `None` if it does not exist.
    pub(crate) fn long_reader(&self, table: &TableName) -> Result<Option<ParquetReader>, StoreError> {
        self.long_files.reader(table)
    }

    /// The file of a long table with the index of its rows. `None` if it does not exist.
    pub(crate) fn long_file(&self, table: &TableName) -> Result<Option<Arc<LongFile>>, StoreError> {
        self.long_files.indexed(table)
    }

    /// The kind of the units that feed a long table. `None` if its file does not exist.
    pub(crate) fn unit_kind(&self, table: &TableName) -> Result<Option<UnitKind>, StoreError> {
        Ok(self.table_kind(table)?.map(|kind| kind.unit_kind(table)))
    }

    /// What a long table is. `None` if its file does not exist.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn table_kind(&self, table: &TableName) -> Result<Option<TableKind>, StoreError> {
        self.long_reader(table)?.map(|file| kind_of(table, &file)).transpose()
    }

    /// Refuses an output folder in which another program's file has a path that every store uses.
    ///
    /// # Errors
    /// [`StoreError::Foreign`]; a file that cannot be read.
    pub fn check(&self) -> Result<(), StoreError> {
        self.own_files.check()
    }

    /// Files and folders in the output folder that are not the store's, as paths under it. Folders end in `/`.
    ///
    /// # Errors
    /// A folder or file that cannot be read.
    pub fn files_of_others(&self) -> Result<BTreeSet<String>, StoreError> {
        self.own_files.others()
    }

    /// Refuses other programs' files at the paths of some tables, and of the features that these may give.
    ///
    /// # Errors
    /// As [`ExistingStore::check`].
    pub fn check_tables(
        &self,
        tables: &BTreeMap<TableName, TableKind>,
        metrics: &WideMetrics,
    ) -> Result<(), StoreError> {
        self.own_files.check_tables(tables, metrics)
    }

    /// The number of lines of the last list of withdrawals. `None` if the store was never given one.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn n_listed_withdrawn(&self) -> Result<Option<u64>, StoreError> {
        let mark = self.record()?.and_then(|record| record.withdrawn.as_ref());
        Ok(mark.map(WithdrawalMark::n_listed))
    }

    /// Refuses to go on if somebody who withdrew would come back. Whoever opens the cache makes the same check of it
    /// ([`RunRecord::n_listed_withdrawn`](na_cache::RunRecord)).
    ///
    /// # Errors
    /// As [`WithdrawalsTold::check`].
    pub fn check_withdrawals(&self, told: WithdrawalsTold) -> Result<(), StoreError> {
        told.check(&self.output, self.n_listed_withdrawn()?)
    }

    /// Tells the user what the store no longer has: what it knew if the manifest and `sources.parquet` are both gone, and columns that
    /// another program took out of a long table. Nothing if nothing is lost.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn what_is_lost(&self) -> Result<Vec<String>, StoreError> {
        let is_lost = self.manifest.is_none() && self.record()?.is_none();
        // A first merge that was killed before its manifest: the segments say what was chosen.
        if !is_lost || self.long_tables()?.is_empty() || !Segments::list(&self.output)?.is_empty() {
            return self.lost_columns();
        }
        Ok(vec![format!(
            "neither the manifest nor {SOURCES_FILE} says any more which files were chosen for {} (--mask, --space, --entity), \
             and whether participants withdrew: give the same choices as before, and --withdrawn if there is a list",
            self.output.display()
        )])
    }

    /// Whether nothing was exported yet.
    pub(crate) fn is_empty(&self) -> Result<bool, StoreError> {
        let has = |file: &str| self.output.join(file).exists();
        Ok(!has(MANIFEST_FILE) && !has(SOURCES_FILE) && self.long_tables()?.is_empty())
    }

    /// Notes for columns that long tables had and do not have any more.
    fn lost_columns(&self) -> Result<Vec<String>, StoreError> {
        let mut notes = Vec::new();
        let record = self.manifest.as_deref().and_then(ManifestRecord::of);
        let files = record.map(|record| record.files).unwrap_or_default();
        let is_as_it_was =
            |path: &String| files.get(path).is_some_and(|state| state.is_as_it_was(&self.output.join(path)));
        let entries = self.manifest.iter().flat_map(|manifest| manifest.long_formats.values());
        // A footer takes its time to read.
        for entry in entries.filter(|entry| !is_as_it_was(&entry.file_path)) {
            let Ok(table) = TableName::parse(&entry.name) else { continue };
            let Some(file) = self.long_reader(&table)? else { continue };
            // Columns of the session list come and go with it.
            let columns = of_table(&entry.columns).into_iter();
            let lost: Vec<&str> =
                columns.filter(|name| file.schema().column_with_name(name).is_none()).collect();
            if !lost.is_empty() {
                notes.push(format!(
                    "{} has lost the columns {}: another program rewrote it; what stays in it has nothing there until it is read again \
                     (--reload), or a copy is put in its place",
                    entry.file_path,
                    lost.join(", ")
                ));
            }
        }
        Ok(notes)
    }

    /// Calls `each` for every unit of `sources.parquet`, one at a time: there may be very many files.
    ///
    /// # Errors
    /// A file that cannot be read; what `each` returns.
    pub fn for_each_unit<E: From<StoreError>>(
        &self,
        detail: SourceDetail,
        each: impl FnMut(StoredUnit) -> Result<(), E>,
    ) -> Result<(), E> {
        for_each_unit(&self.output, detail, each)
    }

    /// The outcomes that `sessions.tsv` tells of: of missing and failed units, of units that stay though files of theirs are gone
    /// (as loaded), and of units with tables that are not chosen (as partial). For a unit that an interrupted load had come to,
    /// `cached` counts.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn earlier_outcomes(&self, cached: Vec<UnitOutcome>) -> Result<Vec<UnitOutcome>, StoreError> {
        sessions_tsv::earlier_outcomes(&self.output, cached)
    }
}

impl fmt::Debug for ExistingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExistingStore").field("output", &self.output).finish_non_exhaustive()
    }
}
