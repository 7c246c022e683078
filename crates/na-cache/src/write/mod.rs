//! What only the owner of an output may do to its cache. Knows the lock and everything that a cache can be asked.
//!
//! Promises that a unit is one transaction, and that nothing is committed once the lock is lost. Open [`unit_writer`] first:
//! it has the commit point.

pub(crate) mod cache_deletion;
pub(crate) mod encoded_unit;
pub(crate) mod export_commit;
pub(crate) mod new_seal;
pub(crate) mod open_segment;
pub(crate) mod owned_cache;
pub(crate) mod run_record;
pub(crate) mod sealing;
pub(crate) mod segment_run;
pub(crate) mod segment_withdrawal;
pub(crate) mod segment_writer;
pub(crate) mod unfinished_segment;
pub(crate) mod unit_row;
pub(crate) mod unit_rows;
pub(crate) mod unit_writer;
pub(crate) mod withdraw;

#[cfg(test)]
mod tests;
