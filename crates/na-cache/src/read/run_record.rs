//! What a run was asked to do, and its outcomes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use foldhash::HashMap;
use na_model::{
    Choices, ExportSettings, ListedSession, Listing, ModelError, SourceRoot, TivSource, Unit, UnitKind,
    UnitOutcome, WideMetrics,
};
use rusqlite::Row;

use crate::db::database::Database;
use crate::db::schema::setting;
use crate::error::CacheError;
use crate::read::row_conversions::{session, word};

/// What a run was asked to do, as an export from the cache alone needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct RunRecord {
    pub settings: ExportSettings,
    pub listing: Listing,
    /// The kinds of units that it asks for, in the store's order.
    pub kinds: Vec<UnitKind>,
    /// The entities that choose between several files of one table, each with its value; `None` is a file without the
    /// entity.
    pub choices: Choices,
    /// The input roots, for people.
    pub roots: BTreeMap<SourceRoot, PathBuf>,
    /// The requested tissues and workflows, as words; a run with others is not the same run.
    pub asked: Vec<String>,
    /// The number of lines in the list of participants who withdrew; `None` if the run was given no list. Every later run
    /// must be given a list of as many.
    pub n_listed_withdrawn: Option<u64>,
    /// Whose total intracranial volumes are asked for. `None` if it is left to what is there.
    pub tiv_from: Option<TivSource>,
    /// Whether the store is loaded anew: the cache then replaces the whole store, at the commit and not before.
    pub fresh: bool,
    /// How the session list was read, as whoever read it writes that down. `None` if there was no list, or an
    /// earlier version wrote the record.
    pub list_read_as: Option<String>,
}

impl RunRecord {
    /// The record of a run that adds to a store, without choices and roots.
    #[must_use]
    pub fn new(settings: ExportSettings, listing: Listing, kinds: Vec<UnitKind>) -> Self {
        Self {
            settings,
            listing,
            kinds,
            choices: Choices::new(),
            roots: BTreeMap::new(),
            asked: Vec::new(),
            n_listed_withdrawn: None,
            tiv_from: None,
            fresh: false,
            list_read_as: None,
        }
    }
}

impl RunRecord {
    /// Whether some of its tables may be of the atlas that it names: those of inputs with atlases of their own are not.
    #[must_use]
    pub fn is_of_its_atlas(&self) -> bool {
        is_of_atlas(&self.kinds)
    }
}

fn is_of_atlas(kinds: &[UnitKind]) -> bool {
    kinds.is_empty() || kinds.iter().any(|kind| !kind.input.has_own_atlas())
}

/// The atlas of a database's tables. `None` if no run recorded itself, or all its tables are of inputs with atlases of their own.
pub(crate) fn atlas(database: &Database) -> Result<Option<String>, CacheError> {
    let kinds = kinds(database, &database.setting(setting::MODALITIES)?.unwrap_or_default())?;
    if is_of_atlas(&kinds) { database.setting(setting::ATLAS_NAME) } else { Ok(None) }
}

fn kinds(database: &Database, words: &str) -> Result<Vec<UnitKind>, CacheError> {
    let words = words.split(',').filter(|word| !word.is_empty());
    words.map(str::parse).collect::<Result<_, ModelError>>().map_err(|error| database.damaged(error))
}

/// `None` if the run was killed before it recorded itself.
pub(crate) fn read(database: &Database) -> Result<Option<RunRecord>, CacheError> {
    let rows = database.query("SELECT key, value FROM settings", |row| Ok((row.get(0)?, row.get(1)?)))?;
    let settings: HashMap<String, String> = rows.into_iter().collect();
    let value = |key: &str| settings.get(key).map(String::as_str);
    let (Some(atlas_name), Some(wide_metrics), Some(compression), Some(kinds)) = (
        value(setting::ATLAS_NAME),
        value(setting::WIDE_METRICS),
        value(setting::COMPRESSION),
        value(setting::MODALITIES),
    ) else {
        return Ok(None);
    };
    let kinds = self::kinds(database, kinds)?;
    let damaged = |error: ModelError| database.damaged(error);
    let n_listed_withdrawn = value(setting::KNOWS_WITHDRAWALS).map(|text| n_listed(database, text));
    Ok(Some(RunRecord {
        settings: ExportSettings {
            atlas_name: atlas_name.to_owned(),
            wide_metrics: WideMetrics::parse(wide_metrics),
            compression: compression.parse().map_err(|error| database.damaged(error))?,
        },
        listing: listing(database, &settings)?,
        kinds,
        choices: database.parse_json(value(setting::CHOICES))?,
        roots: database.parse_json(value(setting::ROOTS))?,
        asked: database.parse_json(value(setting::ASKED))?,
        n_listed_withdrawn: n_listed_withdrawn.transpose()?,
        tiv_from: value(setting::TIV_FROM).map(str::parse).transpose().map_err(damaged)?,
        fresh: value(setting::FRESH).is_some(),
        list_read_as: value(setting::LIST_READ_AS).map(str::to_owned),
    }))
}

/// An earlier version wrote `true`, without the number.
fn n_listed(database: &Database, text: &str) -> Result<u64, CacheError> {
    if text == "true" { Ok(0) } else { text.parse().map_err(|error| database.damaged(error)) }
}

fn listing(database: &Database, settings: &HashMap<String, String>) -> Result<Listing, CacheError> {
    let columns = database.query("SELECT name FROM metadata_columns ORDER BY position", |row| row.get(0))?;
    let stored = database
        .query("SELECT subject_code, session_id, metadata FROM listed_sessions ORDER BY position", |row| {
            Ok((session(row)?, row.get::<_, String>(2)?))
        })?;
    let mut rows = Vec::with_capacity(stored.len());
    for (session, metadata) in stored {
        let values = serde_json::from_str(&metadata).map_err(|error| database.damaged(error))?;
        rows.push(ListedSession { session, values });
    }
    Ok(Listing {
        columns,
        notes: database.parse_json(settings.get(setting::COLUMN_NOTES).map(String::as_str))?,
        rows,
        left_out: database.parse_json(settings.get(setting::LEFT_OUT).map(String::as_str))?,
        unknown_age_unit: settings.contains_key(setting::UNKNOWN_AGE_UNIT),
        found_by_folders: settings.contains_key(setting::FOUND_BY_FOLDERS),
        is_discovered: settings.contains_key(setting::DISCOVERED),
    })
}

/// The missing and failed units, in the order in which the run recorded them.
pub(crate) fn outcomes(database: &Database) -> Result<Vec<UnitOutcome>, CacheError> {
    let input = database.input_column();
    database.query(
        &format!(
            "SELECT subject_code, session_id, modality, status, reason, {input} FROM outcomes ORDER BY rowid"
        ),
        outcome,
    )
}

fn outcome(row: &Row<'_>) -> rusqlite::Result<UnitOutcome> {
    let unit = Unit::new(session(row)?, UnitKind::new(word(row, 2)?, word(row, 5)?));
    Ok(UnitOutcome { unit, status: word(row, 3)?, reason: row.get(4)? })
}
