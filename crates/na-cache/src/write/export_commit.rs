//! The commit of an export that takes something away: recorded before the first rename, ended after the last.

use na_model::{Leaving, Parts, Removals};
use rusqlite::{Transaction, params};

use crate::db::schema::setting;
use crate::read::export_commit::Commit;
use crate::read::row_conversions::to_json;
use crate::write::unit_row::UnitRow;

/// Records a commit.
pub(crate) fn begin(transaction: &Transaction<'_>, commit: &Commit) -> rusqlite::Result<()> {
    let values = [setting::COMMITTING, &to_json(commit)?];
    transaction.execute("INSERT OR REPLACE INTO settings VALUES (?1, ?2)", values).map(drop)
}

/// Deletes the record, with the tables and units that left the store.
pub(crate) fn end(transaction: &Transaction<'_>, removals: &Removals) -> rusqlite::Result<()> {
    for (unit, leaving) in removals.iter() {
        let Some(row) = UnitRow::of(transaction, unit)? else { continue };
        match leaving {
            Leaving::All => {
                transaction.prepare_cached("DELETE FROM units WHERE unit = ?1")?.execute([row.key])?;
            }
            Leaving::Parts(parts) => delete_parts(transaction, row, parts)?,
        }
    }
    let keys = [setting::COMMITTING, setting::FRESH];
    transaction.execute("DELETE FROM settings WHERE key IN (?1, ?2)", keys).map(drop)
}

/// Deletes tables of a unit and its volume, with what is recorded of their files.
fn delete_parts(transaction: &Transaction<'_>, row: UnitRow, parts: &Parts) -> rusqlite::Result<()> {
    let UnitRow { key, mut sources, .. } = row;
    for (table, map) in &parts.tables {
        let map = map.as_ref();
        transaction
            .prepare_cached(
                "DELETE FROM tables WHERE unit = ?1 AND table_name = ?2
                 AND model IS ?3 AND param IS ?4 AND \"desc\" IS ?5",
            )?
            .execute(params![
                key,
                table.to_string(),
                map.map(|map| &map.model),
                map.map(|map| &map.param),
                map.map(|map| &map.desc),
            ])?;
    }
    if parts.volume {
        transaction
            .prepare_cached("UPDATE units SET tiv = NULL, tiv_finding = 'unknown' WHERE unit = ?1")?
            .execute([key])?;
    }
    parts.take_out(&mut sources);
    transaction
        .prepare_cached("UPDATE units SET sources = ?2 WHERE unit = ?1")?
        .execute(params![key, to_json(&sources)?])?;
    Ok(())
}
