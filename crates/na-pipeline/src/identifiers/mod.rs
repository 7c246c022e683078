//! How one identifier is spelled in a list, on a folder and in a store, and when two spellings are one.
//!
//! Knows `na_model` alone: no disk, no list, no store. Promises that every comparison of names follows the same three
//! rules. Begin with [`name_match`].

pub(crate) mod name_index;
pub(crate) mod name_match;
pub(crate) mod session_key;
pub(crate) mod spreadsheet_numbers;
