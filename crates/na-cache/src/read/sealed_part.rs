//! Parts: files beside the long tables, to which rows of committed units move while others are loaded.
//!
//! A part begins as a Parquet file does, and has row groups and no footer. What a footer would say is in the database,
//! sealing by sealing: bytes of a part that no sealing tells of are nobody's.

use std::path::{Path, PathBuf};

use na_model::TableName;

use crate::db::database::Database;
use crate::db::schema::PART_NAME_4;
use crate::error::CacheError;
use crate::read::row_conversions::word;

/// The start of a part's name. It is hidden from those who list a folder, and has no ending that those look for who read all of the
/// long tables.
const PART: &str = ".sealed-";

/// Names a sealing: the rows of some units that went to a part together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SealKey(pub(crate) i64);

/// A part of a long table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedPart {
    /// Its row in `parts`.
    pub(crate) key: i64,
    /// The name of its file, beside that of its long table.
    pub(crate) file_name: String,
    /// The long table that its rows are of.
    pub table: TableName,
    /// The bytes that are sealed. The file may have more, which are nobody's.
    pub length: u64,
    /// Its sealings, in their order.
    pub seals: Vec<SealKey>,
    /// The states of the table's file that have its rows.
    pub exports: Vec<PartExport>,
}

/// A file of a long table that has the rows of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct PartExport {
    pub state: String,
    /// Whether it begins with all of the part: the part got its name.
    pub begins_as_part: bool,
}

impl SealedPart {
    /// The path of its file, of an output folder's cache.
    #[must_use]
    pub fn path_in(&self, output: &Path) -> PathBuf {
        output.join(self.table.file_path()).with_file_name(&self.file_name)
    }
}

/// The name of the file of a new part. It is short, since the name of a long table may be as long as a file system allows.
pub(crate) fn file_name(key: i64) -> String {
    format!("{PART}{key}")
}

/// Whether a file beside the long tables is a part, by its name.
#[must_use]
pub fn is_part_name(name: &str) -> bool {
    name.starts_with(PART)
}

/// The parts, in the order in which they were begun.
pub(crate) fn parts(database: &Database) -> Result<Vec<SealedPart>, CacheError> {
    if !database.has_parts() {
        return Ok(Vec::new());
    }
    let file_name = if database.names_parts() { "file_name" } else { PART_NAME_4 };
    let sql = format!("SELECT part, table_name, length, {file_name} FROM parts ORDER BY part");
    let mut parts = database.query(&sql, |row| {
        let length: i64 = row.get(2)?;
        let (key, table, length) = (row.get(0)?, word(row, 1)?, length.unsigned_abs());
        Ok(SealedPart { key, file_name: row.get(3)?, table, length, seals: Vec::new(), exports: Vec::new() })
    })?;
    let seals = database.query("SELECT part, seal FROM seals ORDER BY seal", |row| {
        Ok((row.get::<_, i64>(0)?, SealKey(row.get(1)?)))
    })?;
    let exports = database
        .query("SELECT part, state, begins_as_part FROM exports ORDER BY rowid", |row| {
            Ok((row.get::<_, i64>(0)?, PartExport { state: row.get(1)?, begins_as_part: row.get(2)? }))
        })?;
    for part in &mut parts {
        let of_part = |of: i64| of == part.key;
        part.seals = seals.iter().filter(|(of, _)| of_part(*of)).map(|(_, seal)| *seal).collect();
        part.exports = exports.iter().filter(|(of, _)| of_part(*of)).map(|(_, of)| of.clone()).collect();
    }
    Ok(parts)
}

/// The footer of a sealing.
pub(crate) fn footer(database: &Database, seal: SealKey) -> Result<Vec<u8>, CacheError> {
    let connection = database.connection()?;
    let footer = connection
        .prepare_cached("SELECT footer FROM seals WHERE seal = ?1")
        .and_then(|mut statement| statement.query_row([seal.0], |row| row.get(0)));
    footer.map_err(|source| database.sqlite(source))
}
