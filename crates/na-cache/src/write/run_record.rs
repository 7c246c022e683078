//! Records what a run was asked to do, and its outcomes.

use na_model::{ReadAt, TivSource, UnitKind, UnitOutcome};
use rusqlite::{Transaction, params};

use crate::db::schema::setting;
use crate::read::row_conversions::to_json;
use crate::read::run_record::RunRecord;

/// Replaces the record and deletes the outcomes of the run before. A commit that has begun stays one.
pub(crate) fn write(
    transaction: &Transaction<'_>,
    record: &RunRecord,
    started: ReadAt,
) -> rusqlite::Result<()> {
    let stays = [setting::TABLE_KINDS, setting::COMMITTING];
    transaction.execute("DELETE FROM settings WHERE key NOT IN (?1, ?2)", stays)?;
    transaction
        .execute_batch("DELETE FROM metadata_columns; DELETE FROM listed_sessions; DELETE FROM outcomes;")?;
    let kinds: Vec<String> = record.kinds.iter().map(UnitKind::to_string).collect();
    let n_listed_withdrawn = record.n_listed_withdrawn.map(|n| n.to_string());
    let flag = |is_set: bool, value: &'static str| is_set.then_some(value);
    for (key, value) in [
        (setting::ATLAS_NAME, Some(record.settings.atlas_name.as_str())),
        (setting::WIDE_METRICS, Some(&record.settings.wide_metrics.to_text())),
        (setting::COMPRESSION, Some(record.settings.compression.as_str())),
        (setting::MODALITIES, Some(&kinds.join(","))),
        (setting::LEFT_OUT, Some(&to_json(&record.listing.left_out)?)),
        (setting::CHOICES, Some(&to_json(&record.choices)?)),
        (setting::ROOTS, Some(&to_json(&record.roots)?)),
        (setting::ASKED, Some(&to_json(&record.asked)?)),
        (setting::COLUMN_NOTES, Some(&to_json(&record.listing.notes)?)),
        (setting::FOUND_BY_FOLDERS, flag(record.listing.found_by_folders, "")),
        (setting::DISCOVERED, flag(record.listing.is_discovered, "")),
        (setting::UNKNOWN_AGE_UNIT, flag(record.listing.unknown_age_unit, "")),
        (setting::KNOWS_WITHDRAWALS, n_listed_withdrawn.as_deref()),
        (setting::FRESH, flag(record.fresh, "true")),
        (setting::TIV_FROM, record.tiv_from.map(TivSource::as_str)),
        (setting::LIST_READ_AS, record.list_read_as.as_deref()),
        (setting::STARTED, Some(&started.0.to_string())),
    ] {
        if let Some(value) = value {
            transaction.execute("INSERT INTO settings VALUES (?1, ?2)", [key, value])?;
        }
    }
    for name in &record.listing.columns {
        transaction.execute("INSERT INTO metadata_columns (name) VALUES (?1)", [name])?;
    }
    let mut insert = transaction
        .prepare("INSERT INTO listed_sessions (subject_code, session_id, metadata) VALUES (?1, ?2, ?3)")?;
    for row in &record.listing.rows {
        let metadata = to_json(&row.values)?;
        insert.execute(params![row.session.subject.as_str(), row.session.id_str(), metadata])?;
    }
    Ok(())
}

/// Replaces the outcomes.
pub(crate) fn write_outcomes(
    transaction: &Transaction<'_>,
    outcomes: &[UnitOutcome],
) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM outcomes", [])?;
    let mut insert = transaction.prepare("INSERT INTO outcomes VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for outcome in outcomes {
        let session = &outcome.unit.session;
        insert.execute(params![
            session.subject.as_str(),
            session.id_str(),
            outcome.unit.modality().as_str(),
            outcome.status.as_str(),
            outcome.reason,
            outcome.unit.kind.input.as_str(),
        ])?;
    }
    Ok(())
}
