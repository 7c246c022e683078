//! What a cache holds, read.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arrow::datatypes::SchemaRef;
use na_model::{
    Choices, ExportSettings, ListedSession, Listing, MapSource, Modality, ReadAt, RegionSet, Session,
    SourceFile, SourceRoot, TableName, TivFinding, Unit, UnitOutcome, WideMetrics,
};
use rusqlite::Row;

use crate::cancel::Cancel;
use crate::db::open::CACHE_FILE;
use crate::db::open_to_read::{Opened, Rest, read_only, read_only_at_once};
use crate::db::pool::{Connections, InUse};
use crate::db::schema::SCHEMA_2;
use crate::error::CacheError;

/// An open cache. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Cache {
    pub(crate) location: PathBuf,
    connections: Connections,
    pub(crate) column_sets: Arc<Mutex<HashMap<i64, SchemaRef>>>,
    version: i64,
    rest: Option<Rest>,
}

/// What a run was asked to do: an export from the cache alone needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// How the store is written.
    pub settings: ExportSettings,
    /// The sessions and their metadata.
    pub listing: Listing,
    /// The modalities asked for.
    pub modalities: Vec<Modality>,
    /// The entities that choose between several files of one table, each with its value; none is a file without it.
    pub choices: Choices,
    /// The roots that were read from, for people.
    pub roots: BTreeMap<SourceRoot, PathBuf>,
    /// The tissues and workflows that are asked for, as words; a run of other ones is not the same run.
    pub asked: Vec<String>,
    /// How many lines the list of those who withdrew had; `None` if the run was not told of one. Every later run has to be
    /// told of as many.
    pub n_listed_withdrawn: Option<u64>,
    /// Whether the store is loaded anew: what the cache holds then takes the place of the whole store, at the commit and
    /// not before.
    pub fresh: bool,
}

impl RunRecord {
    /// A record of a run that adds to a store, without choices and roots.
    #[must_use]
    pub fn new(settings: ExportSettings, listing: Listing, modalities: Vec<Modality>) -> Self {
        let (choices, roots) = (Choices::new(), BTreeMap::new());
        Self {
            settings,
            listing,
            modalities,
            choices,
            roots,
            asked: Vec::new(),
            n_listed_withdrawn: None,
            fresh: false,
        }
    }
}

/// A committed unit, without its tables' rows.
#[derive(Debug, Clone, PartialEq)]
pub struct CachedUnit {
    pub(crate) key: i64,
    /// Which.
    pub unit: Unit,
    /// When its files were read.
    pub read_at: ReadAt,
    /// What it says of total intracranial volume.
    pub tiv: TivFinding,
    /// Its tables, sorted.
    pub tables: Vec<CachedTableInfo>,
}

/// A table of a unit, without its rows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CachedTableInfo {
    /// The long table it feeds.
    pub table: TableName,
    /// Which map, for diffusion tables.
    pub map: Option<MapSource>,
    /// Regions.
    pub n_rows: usize,
    /// When its file was read.
    pub read_at: ReadAt,
    pub(crate) column_set: i64,
    region_set: i64,
    /// Its row in `tables`.
    pub(crate) id: i64,
}

/// A form in which a long table occurs in the cache: columns with types, and regions.
#[derive(Debug, Clone, PartialEq)]
pub struct TableForm {
    /// The long table.
    pub table: TableName,
    /// The columns of its files.
    pub columns: SchemaRef,
    /// The regions of its files.
    pub regions: RegionSet,
}

impl Cache {
    pub(crate) fn new(location: PathBuf, opened: Opened) -> Self {
        let Opened { connections, version, rest } = opened;
        Self { location, connections, column_sets: Arc::default(), version, rest }
    }

    /// Where a cache of an output folder is.
    #[must_use]
    pub fn path_in(output: &Path) -> PathBuf {
        output.join(CACHE_FILE)
    }

    /// Opens the cache of an output folder for reading; none where there is none.
    ///
    /// # Errors
    /// A file that is no cache, or one of another version; one that cannot be looked at from here now.
    pub fn open_existing(output: &Path) -> Result<Option<Self>, CacheError> {
        Self::open_until(output, &Cancel::never())
    }

    /// The same; waiting for a program that holds it ends when that is asked for.
    ///
    /// # Errors
    /// [`CacheError::Stopped`]; all that [`Cache::open_existing`] fails with.
    pub fn open_until(output: &Path, cancel: &Cancel) -> Result<Option<Self>, CacheError> {
        // Made and not yet filled: its owner is just starting, or was killed there.
        let Some(location) = Self::filled(output)? else { return Ok(None) };
        Ok(read_only(&location, cancel)?.map(|opened| Self::new(location, opened)))
    }

    /// Opens the cache of an output folder as it is now: what is committed later is not seen, what is replaced or
    /// deleted later still is. None where there is no cache.
    ///
    /// # Errors
    /// A file that is no cache, or one of another version.
    pub fn snapshot(output: &Path) -> Result<Option<Self>, CacheError> {
        let Some(location) = Self::filled(output)? else { return Ok(None) };
        Ok(read_only_at_once(&location)?.map(|opened| Self::new(location, opened)))
    }

    /// The file, where there is one with something in it.
    fn filled(output: &Path) -> Result<Option<PathBuf>, CacheError> {
        let location = Self::path_in(output);
        match std::fs::metadata(&location) {
            Ok(metadata) => Ok((metadata.len() > 0).then_some(location)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CacheError::io("open", &location, error)),
        }
    }

    /// Whether all that was read is of one instant: a cache without locks is read on trust that nobody writes to it, and
    /// this looks whether somebody did.
    #[must_use]
    pub fn is_undisturbed(&self) -> bool {
        self.rest.as_ref().is_none_or(Rest::is_undisturbed)
    }

    /// The file.
    #[must_use]
    pub fn location(&self) -> &Path {
        &self.location
    }

    /// What the last run was asked to do; none where it was killed before it wrote that down.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn run_record(&self) -> Result<Option<RunRecord>, CacheError> {
        let rows = self.query("SELECT key, value FROM settings", |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        let value = |key: &str| rows.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
        let (Some(atlas_name), Some(wide_metrics), Some(compression), Some(modalities)) =
            (value("atlas_name"), value("wide_metrics"), value("compression"), value("modalities"))
        else {
            return Ok(None);
        };
        let modalities: Result<Vec<Modality>, na_model::ModelError> =
            modalities.split(',').filter(|word| !word.is_empty()).map(str::parse).collect();
        Ok(Some(RunRecord {
            settings: ExportSettings {
                atlas_name: atlas_name.to_owned(),
                wide_metrics: WideMetrics::parse(wide_metrics),
                compression: compression.parse().map_err(|error| self.damaged(error))?,
            },
            listing: self.listing()?,
            modalities: modalities.map_err(|error| self.damaged(error))?,
            choices: self.parsed(value("choices"))?,
            roots: self.parsed(value("roots"))?,
            asked: self.parsed(value("asked"))?,
            // A version before this one wrote no number.
            n_listed_withdrawn: value("knows_withdrawals").map(|n| n.parse().unwrap_or_default()),
            fresh: value("fresh").is_some(),
        }))
    }

    /// What the cache remembers under a key. None if it remembers nothing there.
    pub(crate) fn setting(&self, key: &str) -> Result<Option<String>, CacheError> {
        let mut values =
            self.query(&format!("SELECT value FROM settings WHERE key = '{key}'"), |row| row.get(0))?;
        Ok(values.pop())
    }

    /// JSON of a setting; nothing where a version before this one did not write it.
    pub(crate) fn parsed<T: Default + serde::de::DeserializeOwned>(
        &self,
        text: Option<&str>,
    ) -> Result<T, CacheError> {
        let parsed = text.map(serde_json::from_str).transpose();
        Ok(parsed.map_err(|error| self.damaged(error))?.unwrap_or_default())
    }

    fn listing(&self) -> Result<Listing, CacheError> {
        let columns = self.query("SELECT name FROM metadata_columns ORDER BY position", |row| row.get(0))?;
        let rows = self.query(
            "SELECT subject_code, session_id, metadata FROM listed_sessions ORDER BY position",
            |row| Ok((session(row)?, row.get::<_, String>(2)?)),
        )?;
        let rows = rows.into_iter().map(|(session, metadata)| {
            let values = serde_json::from_str(&metadata).map_err(|error| self.damaged(error))?;
            Ok(ListedSession { session, values })
        });
        let left_out = self.parsed(self.setting("left_out")?.as_deref())?;
        let unknown_age_unit = self.setting("unknown_age_unit")?.is_some();
        let rows = rows.collect::<Result<_, CacheError>>()?;
        let found_by_folders = self.setting("found_by_folders")?.is_some();
        Ok(Listing { columns, rows, left_out, unknown_age_unit, found_by_folders })
    }

    /// The missing and failed units of the last run that came to its end.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn outcomes(&self) -> Result<Vec<UnitOutcome>, CacheError> {
        self.query(
            "SELECT subject_code, session_id, modality, status, reason FROM outcomes ORDER BY rowid",
            |row| {
                Ok(UnitOutcome {
                    unit: Unit::new(session(row)?, parsed(row, 2)?),
                    status: parsed(row, 3)?,
                    reason: row.get(4)?,
                })
            },
        )
    }

    /// All units that are committed, by subject, session and modality.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn units(&self) -> Result<Vec<CachedUnit>, CacheError> {
        let is_old = self.version == SCHEMA_2;
        let since = if is_old {
            "iif(tiv IS NULL, 'unknown', 'measured'), CAST(unixepoch(committed_at, 'subsec') * 1000000 AS INTEGER)"
        } else {
            "tiv_finding, read_at"
        };
        let mut units = self.query(
            &format!(
                "SELECT subject_code, session_id, modality, tiv, unit, {since} FROM units
                 ORDER BY subject_code, session_id, modality"
            ),
            |row| {
                Ok(CachedUnit {
                    key: row.get(4)?,
                    unit: Unit::new(session(row)?, parsed(row, 2)?),
                    read_at: ReadAt(row.get(6)?),
                    tiv: tiv_finding(row.get_ref(5)?.as_str()?, row.get(3)?),
                    tables: Vec::new(),
                })
            },
        )?;
        let read_at = if is_old { "0" } else { "read_at" };
        let mut tables = self.query(
            &format!(
                "SELECT unit, table_name, model, param, \"desc\", n_rows, column_set, region_set, id, {read_at}
                 FROM tables INDEXED BY tables_of_unit"
            ),
            |row| {
                let info = CachedTableInfo {
                    table: parsed(row, 1)?,
                    map: map(row, 2)?,
                    n_rows: count(row.get(5)?),
                    read_at: ReadAt(row.get(9)?),
                    column_set: row.get(6)?,
                    region_set: row.get(7)?,
                    id: row.get(8)?,
                };
                Ok((row.get::<_, i64>(0)?, info))
            },
        )?;
        if is_old {
            let of_units: HashMap<i64, ReadAt> = units.iter().map(|unit| (unit.key, unit.read_at)).collect();
            for (unit, info) in &mut tables {
                info.read_at = of_units.get(unit).copied().unwrap_or_default();
            }
        }
        let mut by_unit: HashMap<i64, Vec<CachedTableInfo>> = HashMap::new();
        for (unit, info) in tables {
            by_unit.entry(unit).or_default().push(info);
        }
        for unit in &mut units {
            unit.tables = by_unit.remove(&unit.key).unwrap_or_default();
            unit.tables.sort_unstable();
        }
        Ok(units)
    }

    /// The files that a unit was read from.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn sources(&self, unit: &CachedUnit) -> Result<Vec<SourceFile>, CacheError> {
        let connection = self.connection()?;
        let text: String = connection
            .prepare_cached("SELECT sources FROM units WHERE unit = ?1")
            .and_then(|mut statement| statement.query_row([unit.key], |row| row.get(0)))
            .map_err(|source| CacheError::sqlite(&self.location, source))?;
        serde_json::from_str(&text).map_err(|error| self.damaged(error))
    }

    /// The forms of every long table of units, in the order of the first unit that has them.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn table_forms<'a>(
        &self,
        units: impl IntoIterator<Item = &'a CachedUnit>,
    ) -> Result<Vec<TableForm>, CacheError> {
        let mut forms: BTreeMap<&TableName, Vec<(i64, i64)>> = BTreeMap::new();
        for info in units.into_iter().flat_map(|unit| &unit.tables) {
            let forms = forms.entry(&info.table).or_default();
            let form = (info.column_set, info.region_set);
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
        let connection = self.connection()?;
        let form = |(table, (columns, regions)): (&TableName, (i64, i64))| {
            let regions: String = connection
                .prepare_cached("SELECT regions FROM region_sets WHERE region_set = ?1")
                .and_then(|mut statement| statement.query_row([regions], |row| row.get(0)))
                .map_err(|source| CacheError::sqlite(&self.location, source))?;
            Ok(TableForm {
                table: table.clone(),
                columns: self.column_set(&connection, columns)?,
                regions: serde_json::from_str(&regions).map_err(|error| self.damaged(error))?,
            })
        };
        let forms =
            forms.into_iter().flat_map(|(table, forms)| forms.into_iter().map(move |form| (table, form)));
        forms.map(form).collect()
    }

    /// The regions of each table of a unit.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn regions_of<'u>(
        &self,
        unit: &'u CachedUnit,
    ) -> Result<Vec<(&'u CachedTableInfo, RegionSet)>, CacheError> {
        let connection = self.connection()?;
        let regions = |info: &'u CachedTableInfo| {
            let text: String = connection
                .prepare_cached("SELECT regions FROM region_sets WHERE region_set = ?1")
                .and_then(|mut statement| statement.query_row([info.region_set], |row| row.get(0)))
                .map_err(|source| CacheError::sqlite(&self.location, source))?;
            Ok((info, serde_json::from_str(&text).map_err(|error| self.damaged(error))?))
        };
        unit.tables.iter().map(regions).collect()
    }

    pub(crate) fn connection(&self) -> Result<InUse, CacheError> {
        self.connections.get().map_err(|source| CacheError::Pool { path: self.location.clone(), source })
    }

    /// The connections that nobody uses.
    pub(crate) fn idle_connections(&self) -> Vec<InUse> {
        std::iter::repeat_with(|| self.connections.try_get())
            .take(count(self.connections.state().idle_connections.into()))
            .flatten()
            .collect()
    }

    pub(crate) fn query<T>(
        &self,
        sql: &str,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, CacheError> {
        let connection = self.connection()?;
        let rows = connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map([], read)?.collect::<rusqlite::Result<Vec<T>>>());
        rows.map_err(|source| match source {
            rusqlite::Error::FromSqlConversionFailure(_, _, error) => self.damaged(error),
            source => CacheError::sqlite(&self.location, source),
        })
    }

    pub(crate) fn damaged(&self, problem: impl ToString) -> CacheError {
        CacheError::damaged(&self.location, problem)
    }
}

/// The session in a row's first two columns.
pub(crate) fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    let (subject, id): (String, Option<String>) = (row.get(0)?, row.get(1)?);
    Session::from_store(&subject, id.as_deref()).map_err(|error| conversion(0, error))
}

fn parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err = na_model::ModelError>,
{
    let word = row.get_ref(column)?.as_str()?;
    word.parse().map_err(|error| conversion(column, error))
}

/// The files that a unit was read from.
pub(crate) fn sources_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<SourceFile>> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
    })
}

/// How a finding is stored: the word, and the volume beside it.
pub(crate) fn tiv_word(finding: TivFinding) -> (&'static str, Option<f64>) {
    match finding {
        TivFinding::Kept => ("kept", None),
        TivFinding::Unknown => ("unknown", None),
        TivFinding::Measured(volume) => ("measured", Some(volume)),
    }
}

pub(crate) fn tiv_finding(word: &str, volume: Option<f64>) -> TivFinding {
    match (word, volume) {
        ("measured", Some(volume)) => TivFinding::Measured(volume),
        ("kept", _) => TivFinding::Kept,
        _ => TivFinding::Unknown,
    }
}

pub(crate) fn map(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<MapSource>> {
    let Some(param) = row.get(first + 1)? else { return Ok(None) };
    Ok(Some(MapSource { model: row.get(first)?, param, desc: row.get(first + 2)? }))
}

fn conversion(column: usize, error: na_model::ModelError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

pub(crate) fn count(n: i64) -> usize {
    usize::try_from(n).unwrap_or_default()
}
