//! What can be loaded: each input's roots, the files of one unit, and what stands in a table.
//!
//! Knows folders and who claims them, and leaves all else to the input. Promises that a new kind of input is one file
//! here and one entry in the list of [`Config`](crate::config), and that which of several files is taken never hangs on
//! a folder's order. Begin with [`input`], the trait; an input is one file, [`cat12`] and [`qsiparc`].

pub(crate) mod atlases;
pub(crate) mod cat12;
mod cat12_files;
pub(crate) mod cat12_globals;
pub(crate) mod cat12_rois;
mod choice_among_files;
pub(crate) mod diffmaps;
pub(crate) mod entity_pick;
pub(crate) mod found_tables;
pub(crate) mod freesurfer;
pub(crate) mod input;
pub(crate) mod input_root;
pub(crate) mod listed_inputs;
mod meant_root;
pub(crate) mod own_atlases;
mod parcellate_tables;
pub(crate) mod qsiparc;
pub(crate) mod qsiparc_layout;
pub(crate) mod qsirecon;
pub(crate) mod searched_folder;
pub(crate) mod unit_files;
pub(crate) mod unit_finder;
pub(crate) mod workflow_choice;
