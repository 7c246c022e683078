//! Who the sessions of a run are, and which folder belongs to which.
//!
//! Knows lists, folders and what the store holds, and no table in a folder. Promises that a folder is one session's,
//! and that a row or folder that cannot be told from another fails its session, never the run. Begin with
//! [`session_list`].

pub(crate) mod claims;
pub(crate) mod discovery;
pub(crate) mod identity;
pub(crate) mod labels;
pub(crate) mod list;
pub(crate) mod lookalikes;
pub(crate) mod session_list;
pub(crate) mod shard;
pub(crate) mod stored_sessions;
pub(crate) mod streams_found;
pub(crate) mod visits;
pub(crate) mod whole_subjects;
