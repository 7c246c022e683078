//! The SQLite database that a cache is: its files, schema and connections, and how it is opened. Knows the lock; no unit,
//! no session and no table's bytes.
//!
//! Promises that only a database of this program is written to, and that reading one changes nothing but to roll back a
//! commit that a crash cut short. Open [`schema`] first, then [`open`].

pub(crate) mod application_id;
pub(crate) mod busy;
pub(crate) mod database;
pub(crate) mod files;
pub(crate) mod immutable_files;
pub(crate) mod open;
pub(crate) mod open_segment;
pub(crate) mod open_to_read;
pub(crate) mod pool;
pub(crate) mod recovery;
pub(crate) mod schema;
pub(crate) mod secure_delete;
