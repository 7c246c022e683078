//! Rows that are in a part and do not count yet: what a transaction says of them.

use rusqlite::{Transaction, params};

use crate::read::cached_unit::CachedTableInfo;
use crate::read::row_conversions::not_storable;
use crate::read::sealed_part::SealedPart;

/// The rows of one long table that go to a part, in row groups that are written and synced.
#[derive(Debug)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct NewSeal<'a> {
    pub part: &'a SealedPart,
    /// The length of the part with the row groups, bytes.
    pub length: u64,
    /// A footer of the row groups.
    pub footer: &'a [u8],
    /// The tables whose rows these are. Those that were replaced meanwhile stay as they are.
    pub tables: Vec<&'a CachedTableInfo>,
}

impl NewSeal<'_> {
    pub(super) fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let seal = insert_seal(transaction, self.part, self.length, self.footer)?;
        let mut mark =
            transaction.prepare_cached("UPDATE tables SET seal = ?2 WHERE id = ?1 AND seal IS NULL")?;
        let mut delete_blob = transaction.prepare_cached("DELETE FROM blobs WHERE id = ?1")?;
        for table in &self.tables {
            if mark.execute([table.id, seal])? > 0 {
                delete_blob.execute([table.id])?;
            }
        }
        Ok(())
    }
}

/// A part without some of its rows, written and synced, that takes the place of another.
#[derive(Debug)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct ReplacedPart<'a> {
    pub old: &'a SealedPart,
    pub new: &'a SealedPart,
    /// The length of the new one, bytes.
    pub length: u64,
    /// A footer of all its row groups. `None` if it has none.
    pub footer: Option<&'a [u8]>,
}

impl ReplacedPart<'_> {
    /// Puts the new part in the place of the old one, which is then empty.
    pub(super) fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        if let Some(footer) = self.footer {
            let seal = insert_seal(transaction, self.new, self.length, footer)?;
            let of_old = "UPDATE tables SET seal = ?2 WHERE seal IN (SELECT seal FROM seals WHERE part = ?1)";
            transaction.prepare_cached(of_old)?.execute([self.old.key, seal])?;
        }
        // Tables without rows are in none of its row groups.
        let of_none = "DELETE FROM tables WHERE seal IN (SELECT seal FROM seals WHERE part = ?1)";
        transaction.execute(of_none, [self.old.key])?;
        transaction.execute("DELETE FROM seals WHERE part = ?1", [self.old.key]).map(drop)
    }
}

fn insert_seal(
    transaction: &Transaction<'_>,
    part: &SealedPart,
    length: u64,
    footer: &[u8],
) -> rusqlite::Result<i64> {
    let length = i64::try_from(length).map_err(not_storable)?;
    transaction
        .prepare_cached("UPDATE parts SET length = ?2 WHERE part = ?1")?
        .execute([part.key, length])?;
    transaction
        .prepare_cached("INSERT INTO seals (part, footer) VALUES (?1, ?2)")?
        .insert(params![part.key, footer])
}
