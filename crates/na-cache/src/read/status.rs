//! A cache at a glance.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use foldhash::HashSet;
use na_model::{Modality, Session, TableName};

use crate::db::database::Database;
use crate::db::files::size_bytes;
use crate::db::schema::setting;
use crate::error::CacheError;
use crate::read::cached_unit::CachedUnit;
use crate::read::row_conversions::count;
use crate::read::sealed_part;

/// A cache at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct CacheStatus {
    pub location: PathBuf,
    /// The database, its write-ahead log and its parts, bytes.
    pub size_bytes: u64,
    /// Whether it is of a fresh load, which replaces the store when its whole list is loaded: until then readers see
    /// nothing of it.
    pub fresh: bool,
    /// Sessions with a committed unit.
    pub anatomical_sessions: usize,
    /// Sessions with a committed unit.
    pub diffusion_sessions: usize,
    /// The tables of these units: tissues in the store's order, then workflows by name.
    pub tables: Vec<TableName>,
}

/// Counts what is committed.
pub(crate) fn of(database: &Database) -> Result<CacheStatus, CacheError> {
    let counts = database.query(
        "SELECT count(*) FILTER (WHERE modality = 'anatomical'), count(*) FILTER (WHERE modality = 'diffusion')
         FROM (SELECT DISTINCT subject_code, session_id, modality FROM units)",
        |row| Ok((count(row, 0)?, count(row, 1)?)),
    )?;
    let Some(&(anatomical_sessions, diffusion_sessions)) = counts.first() else {
        return Err(database.damaged("its units cannot be counted"));
    };
    let names = database.query("SELECT DISTINCT table_name FROM tables", |row| row.get::<_, String>(0))?;
    let tables = names.iter().map(|name| TableName::parse(name).map_err(|error| database.damaged(error)));
    let mut tables = tables.collect::<Result<Vec<_>, CacheError>>()?;
    tables.sort_unstable();
    let of_parts: u64 = sealed_part::parts(database)?.iter().map(|part| part.length).sum();
    Ok(CacheStatus {
        location: database.location().to_owned(),
        size_bytes: size_bytes(database.location()) + of_parts,
        fresh: database.setting(setting::FRESH)?.is_some(),
        anatomical_sessions,
        diffusion_sessions,
        tables,
    })
}

/// Counts the units of several databases.
pub(crate) fn of_units<'d>(
    location: &Path,
    databases: impl Iterator<Item = &'d Database>,
    units: &[CachedUnit],
) -> Result<CacheStatus, CacheError> {
    let (mut size, mut fresh) = (0, false);
    for database in databases {
        let of_parts: u64 = sealed_part::parts(database)?.iter().map(|part| part.length).sum();
        size += size_bytes(database.location()) + of_parts;
        fresh |= database.setting(setting::FRESH)?.is_some();
    }
    let sessions: HashSet<(&Session, Modality)> =
        units.iter().map(|unit| (&unit.unit.session, unit.unit.modality())).collect();
    let n = |modality| sessions.iter().filter(|(_, of)| *of == modality).count();
    let tables: BTreeSet<&TableName> =
        units.iter().flat_map(|unit| &unit.tables).map(|info| &info.table).collect();
    Ok(CacheStatus {
        location: location.to_owned(),
        size_bytes: size,
        fresh,
        anatomical_sessions: n(Modality::Anatomical),
        diffusion_sessions: n(Modality::Diffusion),
        tables: tables.into_iter().cloned().collect(),
    })
}
