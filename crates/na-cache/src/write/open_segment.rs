//! A segment while it is written: a database that nobody else knows, until it gets its name.

use std::time::{Duration, Instant};

use foldhash::HashSet;
use na_model::{Listing, ReadAt, Session, Unit, UnitOutcome};
use rusqlite::{Connection, params};

use crate::db::application_id::commit_marked;
use crate::db::open::PAGE_SIZE;
use crate::db::pool::{NO_LOCKS, READ_WRITE};
use crate::db::schema::{CREATE, ROWS, setting};
use crate::error::CacheError;
use crate::read::row_conversions::to_json;
use crate::segment::name::SegmentName;
use crate::write::encoded_unit::EncodedUnit;
use crate::write::run_record;
use crate::write::segment_run::SegmentRun;
use crate::write::unfinished_segment::UnfinishedSegment;
use crate::write::unit_rows::UnitRows;

/// A segment that is not published yet. Dropping it deletes what was written.
pub(crate) struct OpenSegment {
    name: SegmentName,
    file: UnfinishedSegment,
    connection: Connection,
    rows: UnitRows,
    pub(crate) units: Vec<Unit>,
    /// Of blobs.
    pub(crate) bytes: usize,
    begun: Instant,
}

impl OpenSegment {
    pub(crate) fn create(run: &SegmentRun) -> Result<Self, CacheError> {
        let name = SegmentName::new(ReadAt::now(), &run.writer);
        let file = UnfinishedSegment::create(&run.output, &name)?;
        let sqlite = |source| CacheError::sqlite(file.path(), source);
        let connection =
            Connection::open_with_flags_and_vfs(file.path(), READ_WRITE, NO_LOCKS).map_err(sqlite)?;
        prepare(&connection).map_err(sqlite)?;
        Ok(Self {
            name,
            file,
            connection,
            rows: UnitRows::default(),
            units: Vec::new(),
            bytes: 0,
            begun: Instant::now(),
        })
    }

    /// How long ago it was begun.
    pub(crate) fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    pub(crate) fn add(&mut self, unit: &EncodedUnit) -> Result<(), CacheError> {
        let sqlite = |source| CacheError::sqlite(self.file.path(), source);
        let transaction = self.connection.transaction().map_err(sqlite)?;
        self.rows.write(&transaction, unit).map_err(sqlite)?;
        transaction.commit().map_err(sqlite)?;
        self.units.push(unit.unit.clone());
        self.bytes += unit.tables.iter().map(|table| table.size()).sum::<usize>();
        Ok(())
    }

    /// Publishes it. From here on its units are safe, and nobody changes it.
    ///
    /// `outcomes` are what became of units, with when that was known, and come with the whole list. Without them, the list is that of
    /// the segment's own sessions: a list of a hundred thousand is not written every half minute.
    pub(crate) fn publish(
        mut self,
        run: &SegmentRun,
        outcomes: Option<&[(UnitOutcome, ReadAt)]>,
    ) -> Result<Vec<Unit>, CacheError> {
        let told = self.tell(run, outcomes);
        told.map_err(|source| CacheError::sqlite(self.file.path(), source))?;
        let Self { name, file, connection, rows, units, .. } = self;
        drop(rows);
        connection.close().map_err(|(_, source)| CacheError::sqlite(file.path(), source))?;
        file.publish(&run.output, &name)?;
        Ok(units)
    }

    fn tell(&mut self, run: &SegmentRun, outcomes: Option<&[(UnitOutcome, ReadAt)]>) -> rusqlite::Result<()> {
        let mut record = run.record.clone();
        if outcomes.is_none() {
            let sessions: HashSet<&Session> = self.units.iter().map(|unit| &unit.session).collect();
            record.listing = Listing { rows: Vec::new(), ..record.listing };
            let listed = run.record.listing.rows.iter().filter(|row| sessions.contains(&row.session));
            record.listing.rows = listed.cloned().collect();
        }
        let transaction = self.connection.transaction()?;
        run_record::write(&transaction, &record, run.started)?;
        if let Some(outcomes) = outcomes {
            let (told, times): (Vec<UnitOutcome>, Vec<ReadAt>) = outcomes.iter().cloned().unzip();
            run_record::write_outcomes(&transaction, &told)?;
            let times = to_json(&times)?;
            transaction
                .execute("INSERT INTO settings VALUES (?1, ?2)", params![setting::OUTCOME_TIMES, times])?;
        }
        transaction.commit()
    }
}

/// Nobody else opens the file before it has its name, and it is synced then: no locks, no journal, no syncs.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_SIZE)?;
    connection.pragma_update(None, "journal_mode", "OFF")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(CREATE)?;
    transaction.execute_batch(ROWS)?;
    commit_marked(transaction)
}
