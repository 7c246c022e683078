//! What only the owner of an output may do to its cache. Knows the lock and everything that a cache can be asked.
//!
//! Promises that a unit is one transaction, and that nothing is committed once the lock is lost. Open [`writer`] first:
//! it has the commit point.

pub(crate) mod commit;
pub(crate) mod encoded_unit;
pub(crate) mod owned_cache;
pub(crate) mod run_record;
pub(crate) mod unit_row;
pub(crate) mod withdraw;
pub(crate) mod writer;

#[cfg(test)]
mod tests;
