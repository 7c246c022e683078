//! A commit of an export that takes something away, noted in the cache before the first file is renamed.
//!
//! From then on the commit is certain: whoever comes next, after a crash, finishes it before anything else.

use na_model::{Leaving, Parts, Removals, SourceFile};
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};

use crate::error::CacheError;
use crate::read::cache::Cache;
use crate::write::owned_cache::OwnedCache;
use crate::write::owned_cache::to_json;
use crate::write::writer::UnitRow;

const KEY: &str = "committing";

/// What an export that was begun takes away, and how it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// What leaves the store.
    pub removals: Removals,
    /// Whether the cache stays.
    pub keep_cache: bool,
}

impl Cache {
    /// The commit that was begun and did not come to its end. None if there is none.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn commit_begun(&self) -> Result<Option<Commit>, CacheError> {
        self.parsed(self.setting(KEY)?.as_deref())
    }
}

impl OwnedCache<'_> {
    /// Notes a commit before its first rename.
    ///
    /// # Errors
    /// A cache that cannot be written.
    pub fn begin_commit(&self, commit: &Commit) -> Result<(), CacheError> {
        self.write(|transaction| {
            let text = to_json(commit)?;
            transaction.execute("INSERT OR REPLACE INTO settings VALUES (?1, ?2)", [KEY, &text]).map(drop)
        })
    }

    /// Ends it in a cache that stays: what left the store leaves the cache, and the load is no fresh one any more.
    ///
    /// # Errors
    /// A cache that cannot be written.
    pub fn end_commit(&self, removals: &Removals) -> Result<(), CacheError> {
        self.write(|transaction| {
            take_out(transaction, removals)?;
            transaction.execute("DELETE FROM settings WHERE key IN (?1, 'fresh')", [KEY]).map(drop)
        })
    }
}

/// Deletes the tables that leave with what is known of their files, and the units that leave whole.
fn take_out(transaction: &Transaction<'_>, removals: &Removals) -> rusqlite::Result<()> {
    for (unit, leaving) in removals.iter() {
        let Some(UnitRow { key, sources, .. }) = UnitRow::of(transaction, unit)? else { continue };
        match leaving {
            Leaving::All => {
                transaction.prepare_cached("DELETE FROM units WHERE unit = ?1")?.execute([key])?;
            }
            Leaving::Parts(parts) => take_out_parts(transaction, key, sources, parts)?,
        }
    }
    Ok(())
}

fn take_out_parts(
    transaction: &Transaction<'_>,
    unit: i64,
    mut sources: Vec<SourceFile>,
    parts: &Parts,
) -> rusqlite::Result<()> {
    for (table, map) in &parts.tables {
        let map = map.as_ref();
        transaction
            .prepare_cached(
                "DELETE FROM tables WHERE unit = ?1 AND table_name = ?2
                 AND model IS ?3 AND param IS ?4 AND \"desc\" IS ?5",
            )?
            .execute(params![
                unit,
                table.to_string(),
                map.map(|map| &map.model),
                map.map(|map| &map.param),
                map.map(|map| &map.desc),
            ])?;
    }
    if parts.volume {
        transaction
            .prepare_cached("UPDATE units SET tiv = NULL, tiv_finding = 'unknown' WHERE unit = ?1")?
            .execute([unit])?;
    }
    parts.take_out(&mut sources);
    transaction
        .prepare_cached("UPDATE units SET sources = ?2 WHERE unit = ?1")?
        .execute(params![unit, to_json(&sources)?])?;
    Ok(())
}
