//! Participants who withdrew: the list that names them, whom of a store or session list it means, and taking them out.
//!
//! Knows sessions, and neither inputs nor what a run loads: a withdrawal needs no source. Promises that a line that is
//! not clear takes nobody out, and that no error names anybody. Begin with [`withdrawal`].

mod delimited;
pub(crate) mod participant;
pub(crate) mod subjects;
pub(crate) mod withdrawal;
pub(crate) mod withdrawal_list;
