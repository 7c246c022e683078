//! What can be loaded: each input's roots, and the files of one unit.
//!
//! Knows the configuration, folders and who claims them, and reads no table. Promises that which of several files is
//! taken never hangs on a folder's order. Begin with [`unit_finder`]; an input is one file, [`cat12`] and [`qsiparc`].

pub(crate) mod atlases;
pub(crate) mod cat12;
pub(crate) mod parcellate_tables;
pub(crate) mod qsiparc;
pub(crate) mod roots;
pub(crate) mod selection;
pub(crate) mod unit_files;
pub(crate) mod unit_finder;
