//! Moves committed units from the cache's database to parts while others are loaded, so that the cache stays small.
//!
//! Knows `format`, `tables`, `merge` and the cache. Promises that a row is in the database or in a part whenever a program ends, and
//! that a part has rows as an export would have written them. Open `sealer` first.

pub(crate) mod backlog;
pub(crate) mod orphaned_parts;
pub(crate) mod part_writer;
pub(crate) mod recovery;
pub(crate) mod sealer;
pub(crate) mod sealing;
pub(crate) mod without_sessions;
