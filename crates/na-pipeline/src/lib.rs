//! From folders of TSVs to a feature store: list, find, read, commit, export

pub mod discover;
pub mod error;
pub mod fingerprint;
pub mod folders;
pub mod session_list;
pub mod sidecar;
pub mod sources;
pub mod tiv;
pub mod tsv;
pub mod unit_error;

mod cell;
mod column;
mod delimited;
