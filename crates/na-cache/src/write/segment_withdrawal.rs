//! Takes sessions out of segments: each that names one of them is written again without them, under a new name, and then goes.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;

use na_model::{Names, Session};
use rusqlite::Connection;

use crate::db::application_id::{commit_marked, known_version};
use crate::db::database::Database;
use crate::db::immutable_files::ImmutableFiles;
use crate::db::open_segment::open_segment;
use crate::db::pool::{NO_LOCKS, READ_WRITE, pool_of_one};
use crate::db::schema::steps_from;
use crate::db::secure_delete::overwrite_deleted;
use crate::error::CacheError;
use crate::lock::owner_lock::OwnerLock;
use crate::read::mentions;
use crate::segment::listing::Segments;
use crate::segment::name::SegmentName;
use crate::write::unfinished_segment::UnfinishedSegment;
use crate::write::withdraw::Withdrawal;

/// Deletes the segments whose content is not what was published: nobody can tell whom they name, and their sessions are read again. Their
/// names.
///
/// # Errors
/// A folder that cannot be read or written to.
pub fn delete_damaged_segments(lock: &OwnerLock) -> Result<Vec<String>, CacheError> {
    let (segments, _) = Segments::list_to_merge(lock.output())?.set_aside_damaged()?;
    segments.delete_set_aside()
}

/// Deletes sessions from all segments of an output, with whatever names them in what is recorded of others. Whether there is any
/// segment.
///
/// # Errors
/// A segment that cannot be read: nobody knows whom it names; one that cannot be written.
pub fn withdraw_from_segments(
    lock: &OwnerLock,
    sessions: &BTreeSet<Session>,
    names: &Names,
    n_listed: u64,
) -> Result<bool, CacheError> {
    let n_unfinished = Segments::sweep_now(lock.output())?;
    if n_unfinished > 0 {
        tracing::warn!(
            segments = n_unfinished,
            "other processes are writing segments: what they publish from now on may name somebody who withdrew, and the next merge takes \
             that out"
        );
    }
    let segments = Segments::list_to_merge(lock.output())?;
    let files = ImmutableFiles::default();
    for name in segments.names() {
        let path = segments.path_of(name);
        let database = open_segment(&path, &files)?;
        let is_mentioned = mentions::sessions(&database)?.iter().any(|session| sessions.contains(session));
        if is_mentioned || mentions::is_named_in(&database, names)? {
            lock.ownership().check()?;
            rewrite(lock.output(), &path, name, (sessions, names, n_listed))?;
            Segments::delete_one(&path)?;
        }
    }
    Ok(!segments.is_empty())
}

fn rewrite(
    output: &Path,
    path: &Path,
    name: &SegmentName,
    (sessions, names, n_listed): (&BTreeSet<Session>, &Names, u64),
) -> Result<(), CacheError> {
    let name = name.of_rewritten();
    let mut rewritten = UnfinishedSegment::create(output, &name)?;
    let copied = File::open(path).and_then(|mut old| io::copy(&mut old, rewritten.file()));
    copied.map_err(|source| CacheError::io("copy", path, source))?;
    let sqlite = |source| CacheError::sqlite(path, source);
    let connection =
        Connection::open_with_flags_and_vfs(rewritten.path(), READ_WRITE, NO_LOCKS).map_err(sqlite)?;
    let version = known_version(path, &connection)?;
    connection.pragma_update(None, "journal_mode", "OFF").map_err(sqlite)?;
    let pool = pool_of_one(rewritten.path(), connection)?;
    let database = Database::new(rewritten.path(), pool, version, None);
    let withdrawal = Withdrawal::of(&database, sessions, names, n_listed)?;
    let connection = database.connection()?;
    overwrite_deleted(&connection)
        .and_then(|()| connection.pragma_update(None, "foreign_keys", true))
        .and_then(|()| connection.unchecked_transaction())
        .and_then(|transaction| {
            steps_from(version).iter().try_for_each(|sql| transaction.execute_batch(sql))?;
            withdrawal.write(&transaction)?;
            commit_marked(transaction)
        })
        .and_then(|()| connection.execute_batch("VACUUM"))
        .map_err(sqlite)?;
    drop(connection);
    drop(database);
    rewritten.publish(output, &name)
}
