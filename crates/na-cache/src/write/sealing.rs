//! Moves rows of units to parts, in one transaction a sealing: from then on they are in the part, and until then in the
//! database.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use na_model::{TableName, Unit, UnitKind};
use rusqlite::{Row, params};

use crate::db::busy::until_free;
use crate::db::files::sync_folder;
use crate::db::schema::setting;
use crate::error::CacheError;
use crate::lock::lock_file::delete;
use crate::read::row_conversions::{session, word};
use crate::read::sealed_part::{SealKey, SealedPart, file_name};
use crate::write::new_seal::NewSeal;
use crate::write::owned_cache::OwnedCache;

impl OwnedCache<'_> {
    /// Begins a part of a long table, under a name that no file has. Its file is created afterwards: none exists that the
    /// database does not name.
    ///
    /// # Errors
    /// A cache that cannot be written.
    pub fn begin_part(&self, table: &TableName) -> Result<SealedPart, CacheError> {
        let table_file = self.output().join(table.file_path());
        let mut key = 0;
        self.write(|transaction| {
            key =
                transaction.query_row("SELECT ifnull(max(part), 0) + 1 FROM parts", [], |row| row.get(0))?;
            while table_file.with_file_name(file_name(key)).symlink_metadata().is_ok() {
                key += 1;
            }
            let values = params![key, table.to_string(), file_name(key)];
            transaction.execute("INSERT INTO parts VALUES (?1, ?2, 0, ?3)", values).map(drop)
        })?;
        let (seals, exports) = (Vec::new(), Vec::new());
        Ok(SealedPart { key, file_name: file_name(key), table: table.clone(), length: 0, seals, exports })
    }

    /// Seals rows: they are taken out of the database. All of it, or nothing.
    ///
    /// # Errors
    /// A cache that cannot be written. Whether the rows were sealed is then only known when it is opened again.
    pub fn seal(&self, seals: &[NewSeal<'_>]) -> Result<(), CacheError> {
        self.write(|transaction| seals.iter().try_for_each(|seal| seal.write(transaction)))
    }

    /// Records the state of a long table's file that has the rows of all of the table's parts, before it gets its name.
    /// Who finds a file of this state has their rows there. `renamed` is the part that gets that name.
    ///
    /// # Errors
    /// A cache that cannot be written.
    pub fn record_export(
        &self,
        table: &TableName,
        state: &str,
        renamed: Option<&SealedPart>,
    ) -> Result<(), CacheError> {
        let renamed = renamed.map(|part| part.key);
        self.write(|transaction| {
            let mut insert = transaction.prepare(
                "INSERT OR IGNORE INTO exports SELECT part, ?2, part IS ?3 FROM parts
                 WHERE table_name = ?1 AND part IN (SELECT part FROM seals)",
            )?;
            insert.execute(params![table.to_string(), state, renamed]).map(drop)
        })
    }

    /// Deletes the units of which rows are lost, with these sealings, and returns the units: they are to be loaded again. A commit
    /// that has begun records that they are lacking.
    ///
    /// # Errors
    /// A cache that cannot be written.
    pub fn forget(&self, lost: &[SealKey]) -> Result<Vec<Unit>, CacheError> {
        let mut units = BTreeSet::new();
        self.write(|transaction| {
            let mut of_seal = transaction.prepare(
                "SELECT DISTINCT subject_code, session_id, modality, input FROM units JOIN tables USING (unit)
                 WHERE seal = ?1",
            )?;
            for seal in lost {
                let of_seal = of_seal.query_map([seal.0], unit)?;
                units.extend(of_seal.collect::<rusqlite::Result<Vec<Unit>>>()?);
                transaction.execute(
                    "DELETE FROM units WHERE unit IN (SELECT unit FROM tables WHERE seal = ?1)",
                    [seal.0],
                )?;
                transaction.execute("DELETE FROM seals WHERE seal = ?1", [seal.0])?;
            }
            let lacks =
                "UPDATE settings SET value = json_set(value, '$.lacks_units', json('true')) WHERE key = ?1";
            transaction.execute(lacks, [setting::COMMITTING]).map(drop)
        })?;
        Ok(units.into_iter().collect())
    }

    /// Deletes the parts without a sealing, the files before their names are forgotten.
    ///
    /// # Errors
    /// A file that cannot be deleted; a cache that cannot be read or written.
    pub fn delete_empty_parts(&self) -> Result<(), CacheError> {
        let empty: Vec<SealedPart> = self.parts()?.into_iter().filter(|part| part.seals.is_empty()).collect();
        if empty.is_empty() {
            return Ok(());
        }
        self.delete_part_files(&empty)?;
        self.write(|transaction| {
            let mut delete = transaction.prepare("DELETE FROM parts WHERE part = ?1")?;
            empty.iter().try_for_each(|part| delete.execute([part.key]).map(drop))
        })
    }

    /// Deletes the files of parts, durably.
    pub(super) fn delete_part_files(&self, parts: &[SealedPart]) -> Result<(), CacheError> {
        self.lock().ownership().check()?;
        let mut folders = BTreeMap::new();
        for part in parts {
            let path = part.path_in(self.output());
            // A folder that stands there is somebody else's.
            if !path.is_dir() {
                delete(&path)?;
            }
            folders.insert(path.parent().map(Path::to_owned), path);
        }
        let there = folders.values().filter(|path| path.parent().is_some_and(Path::is_dir));
        there.into_iter().try_for_each(|path| sync_folder(path))
    }

    /// Copies the write-ahead log into the database and empties it, so that the log does not keep what was taken out. While
    /// somebody reads, it stays.
    ///
    /// # Errors
    /// A cache that cannot be written.
    pub fn empty_log(&self) -> Result<(), CacheError> {
        let connection = self.database().connection()?;
        let checkpoint = |how: &str| {
            let sql = format!("PRAGMA wal_checkpoint({how})");
            until_free(self.location(), self.lock().cancel(), || connection.query_row(&sql, [], |_| Ok(())))
        };
        // Commits go on meanwhile; then little is left, for which they wait.
        checkpoint("PASSIVE")?;
        let _writing = self.database().writing();
        checkpoint("TRUNCATE")
    }
}

/// The unit in a row's first four columns.
fn unit(row: &Row<'_>) -> rusqlite::Result<Unit> {
    Ok(Unit::new(session(row)?, UnitKind::new(word(row, 2)?, word(row, 3)?)))
}
