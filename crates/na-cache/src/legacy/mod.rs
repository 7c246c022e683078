//! Caches that the pandas package left. Knows everything below; nothing of the crate knows it.
//!
//! Promises to change nothing but what is withdrawn, and to take over complete units only, each row once. Open
//! [`pandas_cache`] first.

pub(crate) mod cache_status;
pub(crate) mod identifiers;
pub(crate) mod pandas_cache;
pub(crate) mod pandas_rows;
pub(crate) mod withdraw;
