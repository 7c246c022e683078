//! Verifies a whole store: every file is as it was written, and the files agree with each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use foldhash::{HashMap, HashMapExt};
use na_model::{LongFormat, MapSource, Session, SourceKind, TableName, WideFeature};

use crate::error::StoreError;
use crate::format::file_state::FileState;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::features::table_of;
use crate::tables::long_file::kind_of;
use crate::tables::long_index::file_index::{decoded, index_of};
use crate::tables::manifest::{ManifestRecord, count, is_as_written};
use crate::tables::manifest_entries::wide_entry;
use crate::tables::paths::{
    COLUMNS_FILE, MANIFEST_FILE, METADATA_FILE, SESSIONS_FILE, SOURCES_FILE, TIV_FILE,
};
use crate::tables::sources::stored_unit::{SourceDetail, StoredUnit};
use crate::tables::store_version::StoreVersion;

/// How often a store that changes meanwhile is read.
const TRIES: usize = 3;

/// What the verification of a store found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// The number of files that were read.
    pub n_files: usize,
    /// The number of files without a hash in the manifest: an earlier version wrote them.
    pub n_without_hash: usize,
    /// The files that have a problem, each once, with a line that says which.
    pub problems: Vec<(PathBuf, String)>,
}

/// Reads every file of a store, and compares it with the manifest and with `sources.parquet`. Changes nothing.
///
/// # Errors
/// [`StoreError::NoStore`] if nothing was exported there yet; [`StoreError::Changing`] if an export runs meanwhile; a manifest of another version. A problem of the store is not an
/// error, but reported.
pub fn verify_store(output: &Path) -> Result<Verification, StoreError> {
    if !output.is_dir() {
        return Err(StoreError::NoFolder { output: output.to_owned() });
    }
    for _ in 0..TRIES {
        let store = ExistingStore::open(output)?;
        if store.is_empty()? {
            return Err(StoreError::NoStore { output: output.to_owned() });
        }
        let before = store.version().clone();
        let verification = Verifier::run(store);
        if StoreVersion::of(output)?.has_files_of(&before) {
            return Ok(verification);
        }
    }
    Err(StoreError::Changing { output: output.to_owned() })
}

struct Verifier {
    store: ExistingStore,
    /// The files as the manifest remembers them.
    recorded: BTreeMap<String, FileState>,
    found: Verification,
    tables: HashMap<TableName, VerifiedTable>,
}

/// A long table that could be read.
struct VerifiedTable {
    sessions: HashMap<Option<MapSource>, BTreeSet<Session>>,
    state: Option<String>,
}

impl Verifier {
    fn run(store: ExistingStore) -> Verification {
        let found = Verification::default();
        let mut verifier = Self { store, recorded: BTreeMap::new(), found, tables: HashMap::new() };
        verifier.verify();
        verifier.found
    }

    fn verify(&mut self) {
        let Some(manifest) = self.store.written_manifest().cloned() else {
            self.found.n_files += 1;
            self.report(MANIFEST_FILE, "there is none that can be understood: a run makes it again");
            return;
        };
        let own = ManifestRecord::of(&manifest);
        let is_ours = own.is_some();
        self.recorded = own.map(|own| own.files).unwrap_or_default();
        // A store of the pandas package has a record nowhere.
        let is_whole = is_as_written(self.store.output(), &manifest);
        let lacks_record = !is_ours && self.store.record().is_ok_and(|record| record.is_some());
        if lacks_record || !is_whole.is_ok_and(|is_whole| is_whole) {
            self.found.n_files += 1;
            self.report(MANIFEST_FILE, "its content is not what was written: a run makes it again");
        }
        for entry in manifest.long_formats.values() {
            self.check(&entry.file_path, |this, file| this.long(entry, file));
        }
        for entry in manifest.wide_features.values() {
            self.check(&entry.file_path, |this, file| this.feature(entry, file));
        }
        let tiv = manifest.has_tiv.then_some(TIV_FILE);
        // The pandas package writes only the files that its manifest names.
        let is_expected = |path: &&str| is_ours || self.store.output().join(path).exists();
        let tables: Vec<&str> =
            [METADATA_FILE, SOURCES_FILE].into_iter().filter(is_expected).chain(tiv).collect();
        let has_sessions = is_expected(&SESSIONS_FILE);
        for path in tables {
            self.check(path, |_, file| decode(file));
        }
        if has_sessions {
            self.hash(SESSIONS_FILE);
        }
        // A store of an earlier version has none.
        if self.recorded.contains_key(COLUMNS_FILE) {
            self.hash(COLUMNS_FILE);
        }
        if let Err(problem) = self.sources() {
            self.report(SOURCES_FILE, &problem);
        }
    }

    fn has_problem(&self, path: &str) -> bool {
        let path = self.store.output().join(path);
        self.found.problems.iter().any(|(known, _)| *known == path)
    }

    fn report(&mut self, path: &str, problem: &str) {
        let path = self.store.output().join(path);
        match self.found.problems.iter_mut().find(|(known, _)| *known == path) {
            // The first says what the others follow from.
            Some((_, known)) if known.contains(problem) => {}
            Some((_, known)) => drop(write!(known, "; {problem}")),
            None => self.found.problems.push((path, problem.to_owned())),
        }
    }

    /// Verifies a Parquet file: its hash, then its content by `look`.
    fn check(&mut self, path: &str, look: impl FnOnce(&mut Self, &ParquetReader) -> Result<(), String>) {
        self.hash(path);
        let looked = match ParquetReader::open(&self.store.output().join(path)) {
            Ok(Some(file)) => look(self, &file),
            Ok(None) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(problem) = looked {
            self.report(path, &problem);
        }
    }

    /// Compares the size and hash of a file with those in the manifest.
    fn hash(&mut self, path: &str) {
        self.found.n_files += 1;
        let file = self.store.output().join(path);
        let then = self.recorded.get(path);
        let now = then.map_or_else(|| FileState::read(&file), |then| then.read_again(&file));
        match (now, then) {
            (Err(error), _) => self.report(path, &format!("it cannot be read: {error}")),
            (Ok(_), None) => self.found.n_without_hash += 1,
            (Ok(now), Some(then)) if now.bytes != then.bytes => {
                let problem =
                    format!("it has {} bytes, and had {} when it was written", now.bytes, then.bytes);
                self.report(path, &problem);
            }
            (Ok(now), Some(then)) if now.hash != then.hash => {
                self.report(path, "its content is not what was written");
            }
            (Ok(_), Some(_)) => {}
        }
    }

    fn long(&mut self, entry: &LongFormat, file: &ParquetReader) -> Result<(), String> {
        decode(file)?;
        let name = TableName::parse(&entry.name).map_err(|error| error.to_string())?;
        let kind = kind_of(&name, file).map_err(|error| error.to_string())?;
        let groups = 0..file.row_groups().len();
        let index = decoded(file, &kind.region_key, groups).map_err(|error| error.to_string())?;
        let in_footer = index_of(file, &kind.region_key).map_err(|error| error.to_string())?;
        if in_footer != index {
            return Err("its index is not of its rows".to_owned());
        }
        check_count("rows", file.n_rows(), entry.n_rows)?;
        check_count("sessions", count(index.sessions.len()), entry.n_sessions)?;
        let columns: Vec<&str> = file.schema().fields().iter().map(|field| field.name().as_str()).collect();
        if columns != entry.columns {
            return Err("its columns are not those of the manifest".to_owned());
        }
        let mut sessions: HashMap<Option<MapSource>, BTreeSet<Session>> = HashMap::new();
        for (session, map) in index.rows().into_keys() {
            sessions.entry(map.clone()).or_default().insert(session.clone());
        }
        let state = file.key_value(keys::STATE).map(str::to_owned);
        self.tables.insert(name, VerifiedTable { sessions, state });
        Ok(())
    }

    fn feature(&mut self, entry: &WideFeature, file: &ParquetReader) -> Result<(), String> {
        decode(file)?;
        check_count("rows", file.n_rows(), entry.n_sessions)?;
        // The features of the pandas package have no key-value metadata.
        let Some(found) = wide_entry(&entry.file_path, file.file()) else { return Ok(()) };
        if found.region_names != entry.region_names {
            return Err("its regions are not those of the manifest".to_owned());
        }
        let from = file.key_value(keys::FROM_STATE).filter(|state| !state.is_empty());
        let table = table_of(entry).and_then(|table| self.tables.get(&table));
        match (from, table.and_then(|table| table.state.as_deref())) {
            (Some(from), Some(state)) if from != state => {
                Err("it was made from another state of its long table: a run makes it again".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Checks that the tables have rows of every table file that was read.
    fn sources(&self) -> Result<(), String> {
        let mut lacking: BTreeMap<String, usize> = BTreeMap::new();
        let mut first = None;
        self.store
            .for_each_unit::<StoreError>(SourceDetail::States, |stored| {
                for table in self.tables_without_rows(&stored) {
                    first.get_or_insert_with(|| stored.unit.to_string());
                    *lacking.entry(table.to_string()).or_default() += 1;
                }
                Ok(())
            })
            .map_err(|error| error.to_string())?;
        match (first, lacking.first_key_value()) {
            (Some(unit), Some((table, n))) => {
                Err(format!("{n} files of {table} were read of which it has no rows, such as {unit}'s"))
            }
            _ => Ok(()),
        }
    }

    /// The tables of those files of a unit that gave no rows, one a file.
    fn tables_without_rows(&self, stored: &StoredUnit) -> Vec<TableName> {
        let mut tables = Vec::new();
        for source in stored.sources.iter().filter(|source| source.kind == SourceKind::Table) {
            let Some(name) = source.table_name() else { continue };
            // One that cannot be read is named itself.
            if self.has_problem(&name.file_path()) {
                continue;
            }
            let sessions = self.tables.get(&name).and_then(|table| table.sessions.get(&source.map));
            if !sessions.is_some_and(|sessions| sessions.contains(&stored.unit.session)) {
                tables.push(name);
            }
        }
        tables
    }
}

/// Decodes every column of a file.
fn decode(file: &ParquetReader) -> Result<(), String> {
    for group in 0..file.row_groups().len() {
        file.read_all(group).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn check_count(what: &str, found: u64, recorded: u64) -> Result<(), String> {
    if found == recorded {
        Ok(())
    } else {
        Err(format!("it has {found} {what}, the manifest says {recorded}"))
    }
}
