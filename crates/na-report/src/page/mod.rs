//! The page: its frame, and what its script reads.
//!
//! Knows the sections. One file, which asks nothing of any network; without its script, or with a damaged block, all that the sections show
//! is there. Open `html` first.

pub(crate) mod block;
pub(crate) mod data;
pub(crate) mod html;
mod script;
