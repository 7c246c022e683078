//! The row of a unit in `units`, as a transaction sees it.

use na_model::{ReadAt, SourceFile, TivFinding, Unit};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::read::row_conversions::{sources, tiv_finding};

/// What the cache has of a unit, beside its tables.
pub(crate) struct UnitRow {
    pub(crate) key: i64,
    pub(crate) read_at: ReadAt,
    pub(crate) tiv: TivFinding,
    pub(crate) sources: Vec<SourceFile>,
}

impl UnitRow {
    /// `None` if the unit is not in the cache.
    pub(crate) fn of(transaction: &Transaction<'_>, unit: &Unit) -> rusqlite::Result<Option<Self>> {
        let session = &unit.session;
        let kind = &unit.kind;
        let key =
            params![session.subject.as_str(), session.id_str(), kind.modality.as_str(), kind.input.as_str()];
        transaction
            .prepare_cached(
                "SELECT unit, read_at, tiv_finding, tiv, sources FROM units
                 WHERE subject_code = ?1 AND ifnull(session_id, '') = ifnull(?2, '') AND modality = ?3
                 AND input = ?4",
            )?
            .query_row(key, Self::from_row)
            .optional()
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            key: row.get(0)?,
            read_at: ReadAt(row.get(1)?),
            tiv: tiv_finding(row.get_ref(2)?.as_str()?, row.get(3)?),
            sources: sources(row, 4)?,
        })
    }
}
