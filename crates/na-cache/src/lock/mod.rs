//! The right to change an output folder, as a value. Knows the lock file and its file system, and nothing of the cache.
//!
//! Promises one owner an output, and that an owner notices before each commit when it lost its lock. Open
//! [`owner_lock`] first.

pub(crate) mod file_system;
pub(crate) mod holder;
pub(crate) mod lock_file;
pub(crate) mod owner_lock;
pub(crate) mod ownership;

#[cfg(test)]
mod tests;
