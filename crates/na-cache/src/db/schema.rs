//! The tables of `.cache.db` and their version. In the `sqlite3` shell, this shows what a cache holds:
//! `SELECT subject_code, session_id, modality, input, table_name FROM units JOIN tables USING (unit)`.

use rusqlite::Connection;

/// `PRAGMA user_version` of a cache that this program writes. Raise it for a change of the tables below or of the blobs in
/// `blobs`, with an upgrade from the version before and a cache of that version among the tests' fixtures.
pub(crate) const SCHEMA_VERSION: i64 = 6;

/// A version before: all units and outcomes are of `parcellate`.
pub(crate) const SCHEMA_5: i64 = 5;

/// A version before: parts have the names that [`PART_NAME_4`] tells.
pub(crate) const SCHEMA_4: i64 = 4;

/// A version before: without parts, too.
pub(crate) const SCHEMA_3: i64 = 3;

/// A version before: without `input`, `tiv_finding` and `read_at`, too.
pub(crate) const SCHEMA_2: i64 = 2;

/// The columns and regions of blobs repeat in all sessions: they are stored once, and export knows them without decoding.
/// Rows with a seal are in a part, a file beside the long table ([`SealedPart`](crate::SealedPart)), and have no blob. Blobs are a
/// table of their own: a row that gets shorter would keep its page.
pub(crate) const CREATE: &str = "
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE metadata_columns (position INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
CREATE TABLE listed_sessions (
    position INTEGER PRIMARY KEY, subject_code TEXT NOT NULL, session_id TEXT, metadata TEXT NOT NULL
) STRICT;
CREATE TABLE outcomes (
    subject_code TEXT NOT NULL, session_id TEXT, modality TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
    input TEXT NOT NULL DEFAULT 'parcellate'
) STRICT;
CREATE TABLE units (
    unit INTEGER PRIMARY KEY, subject_code TEXT NOT NULL, session_id TEXT, modality TEXT NOT NULL,
    tiv REAL, sources TEXT NOT NULL, committed_at TEXT NOT NULL,
    input TEXT NOT NULL DEFAULT 'parcellate', tiv_finding TEXT NOT NULL DEFAULT 'kept',
    read_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX a_unit_once ON units (subject_code, ifnull(session_id, ''), modality, input);
CREATE TABLE column_sets (column_set INTEGER PRIMARY KEY, columns TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE region_sets (region_set INTEGER PRIMARY KEY, regions TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE tables (
    id INTEGER PRIMARY KEY, unit INTEGER NOT NULL REFERENCES units ON DELETE CASCADE, table_name TEXT NOT NULL,
    model TEXT, param TEXT, \"desc\" TEXT, n_rows INTEGER NOT NULL,
    column_set INTEGER NOT NULL REFERENCES column_sets, region_set INTEGER NOT NULL REFERENCES region_sets,
    read_at INTEGER NOT NULL DEFAULT 0, seal INTEGER REFERENCES seals
) STRICT;
";

/// Where the rows of `tables` are. Made after [`CREATE`] or [`UPGRADE_3`].
pub(crate) const ROWS: &str = "
CREATE TABLE blobs (id INTEGER PRIMARY KEY REFERENCES tables ON DELETE CASCADE, data BLOB NOT NULL) STRICT;
CREATE TABLE parts (
    part INTEGER PRIMARY KEY, table_name TEXT NOT NULL, length INTEGER NOT NULL, file_name TEXT NOT NULL
) STRICT;
CREATE TABLE seals (
    seal INTEGER PRIMARY KEY, part INTEGER NOT NULL REFERENCES parts, footer BLOB NOT NULL
) STRICT;
CREATE TABLE exports (
    part INTEGER NOT NULL REFERENCES parts ON DELETE CASCADE, state TEXT NOT NULL, begins_as_part INTEGER NOT NULL,
    UNIQUE (part, state)
) STRICT;
CREATE INDEX tables_of_unit
    ON tables (unit, table_name, model, param, \"desc\", n_rows, column_set, region_set, read_at, seal);
CREATE INDEX tables_of_seal ON tables (seal, unit);
";

/// The name of a part's file, of schema 4.
pub(crate) const PART_NAME_4: &str =
    "'.sealed-' || iif(substr(table_name, 1, 10) = 'diffusion_', substr(table_name, 11), table_name)
        || '-' || part || '.parquet'";

/// From schema 5 in place, and as the last step from those before.
const UPGRADE_5: &str = "ALTER TABLE outcomes ADD COLUMN input TEXT NOT NULL DEFAULT 'parcellate'";

/// From schema 4 in place, before each part gets its [`PART_NAME_4`].
const UPGRADE_4: &str = "ALTER TABLE parts ADD COLUMN file_name TEXT NOT NULL DEFAULT ''";

/// From schema 3 in place, before [`ROWS`] and [`MOVE_BLOBS`].
const UPGRADE_3: &str = "
ALTER TABLE tables ADD COLUMN seal INTEGER REFERENCES seals;
DROP INDEX tables_of_unit;
";

/// From schema 3 in place, after [`ROWS`].
const MOVE_BLOBS: &str = "
INSERT INTO blobs SELECT id, data FROM tables;
ALTER TABLE tables DROP COLUMN data;
";

/// From schema 2 to 3 in place. Its units replaced what was known of TIV, even if they measured none.
const UPGRADE_2: &str = "
ALTER TABLE units ADD COLUMN input TEXT NOT NULL DEFAULT 'parcellate';
ALTER TABLE units ADD COLUMN tiv_finding TEXT NOT NULL DEFAULT 'kept';
ALTER TABLE units ADD COLUMN read_at INTEGER NOT NULL DEFAULT 0;
UPDATE units SET tiv_finding = iif(tiv IS NULL, 'unknown', 'measured'),
    read_at = CAST(unixepoch(committed_at, 'subsec') * 1000000 AS INTEGER);
DROP INDEX a_unit_once;
CREATE UNIQUE INDEX a_unit_once ON units (subject_code, ifnull(session_id, ''), modality, input);
ALTER TABLE tables ADD COLUMN read_at INTEGER NOT NULL DEFAULT 0;
UPDATE tables SET read_at = (SELECT read_at FROM units WHERE units.unit = tables.unit);
";

/// What brings a database of a version to today's tables, in one transaction. Nothing if it has them.
pub(crate) fn steps_from(version: i64) -> Vec<String> {
    let name_parts = format!("UPDATE parts SET file_name = {PART_NAME_4}");
    let steps: &[&str] = match version {
        SCHEMA_2 => &[UPGRADE_2, UPGRADE_3, ROWS, MOVE_BLOBS, UPGRADE_5],
        SCHEMA_3 => &[UPGRADE_3, ROWS, MOVE_BLOBS, UPGRADE_5],
        SCHEMA_4 => &[UPGRADE_4, &name_parts, UPGRADE_5],
        SCHEMA_5 => &[UPGRADE_5],
        _ => &[],
    };
    steps.iter().map(ToString::to_string).collect()
}

/// The keys of `settings`.
pub(crate) mod setting {
    pub(crate) const ATLAS_NAME: &str = "atlas_name";
    pub(crate) const WIDE_METRICS: &str = "wide_metrics";
    pub(crate) const COMPRESSION: &str = "compression";
    /// Kinds of units, separated by commas.
    pub(crate) const MODALITIES: &str = "modalities";
    /// JSON, as the next three.
    pub(crate) const LEFT_OUT: &str = "left_out";
    pub(crate) const CHOICES: &str = "choices";
    pub(crate) const ROOTS: &str = "roots";
    pub(crate) const ASKED: &str = "asked";
    /// JSON: what the list's columns are.
    pub(crate) const COLUMN_NOTES: &str = "column_notes";
    /// JSON: what each table is that `parcellate` does not write. It is of the tables, and not of the run.
    pub(crate) const TABLE_KINDS: &str = "table_kinds";
    /// Present if true.
    pub(crate) const FOUND_BY_FOLDERS: &str = "found_by_folders";
    /// Present if true.
    pub(crate) const DISCOVERED: &str = "discovered";
    /// Present if true.
    pub(crate) const UNKNOWN_AGE_UNIT: &str = "unknown_age_unit";
    /// The number of lines in the list; an earlier version wrote `true`.
    pub(crate) const KNOWS_WITHDRAWALS: &str = "knows_withdrawals";
    /// When the run started, microseconds since 1970. Earlier versions did not write it.
    pub(crate) const STARTED: &str = "started";
    /// JSON. Earlier versions did not write it.
    pub(crate) const LIST_READ_AS: &str = "list_read_as";
    /// Whose total intracranial volumes are asked for, if any are.
    pub(crate) const TIV_FROM: &str = "tiv_from";
    /// JSON, of segments: when each outcome was known, in their order.
    pub(crate) const OUTCOME_TIMES: &str = "outcome_times";
    /// Present if true.
    pub(crate) const FRESH: &str = "fresh";
    /// JSON; present from before the first rename of an export that takes something away until that export ends.
    pub(crate) const COMMITTING: &str = "committing";
    /// Present from before the first file of the cache is deleted: it holds nothing any more.
    pub(crate) const LET_GO: &str = "let_go";
}

/// Whether a cache of this schema is being deleted.
pub(crate) fn is_let_go(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .query_row("SELECT count(*) > 0 FROM settings WHERE key = ?1", [setting::LET_GO], |row| row.get(0))
}

/// Whether a database has no tables.
pub(crate) fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

/// Whether a database is a cache of the pandas package.
pub(crate) fn is_pandas(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT count(*) = 1 FROM sqlite_schema WHERE type = 'table' AND name = 'completed_sessions'",
        [],
        |row| row.get(0),
    )
}
