//! One file's bytes become values: a table of regions, its sidecar, CAT12's report, a table of volumes.
//!
//! Knows the file's path for its errors, and neither roots nor sessions. Promises a value or an error with line and
//! column, whatever the bytes. Begin with [`regional_tsv`].

pub(crate) mod bad_cell;
pub mod cat12_globals;
pub mod cat12_report;
pub mod cat12_rois;
pub(crate) mod cat12_xml;
pub(crate) mod cell;
mod column_builder;
pub mod diffmap;
pub mod freesurfer_stats;
pub mod freesurfer_tables;
pub(crate) mod json;
pub(crate) mod parsed_table;
pub mod regional_tsv;
pub mod scalarstats;
pub mod sidecar;
pub(crate) mod text;
pub mod tiv_tsv;
pub mod volume;
