//! What lies on disk: folders of subjects and sessions, what the names of folders and files say, and a file's bytes.
//!
//! Knows identifiers, and no content of a file: what a table or report holds is the parser's. Promises that what cannot
//! be reached is an error or a note, never "not there". Begin with [`session_folders`].

pub(crate) mod copies;
pub(crate) mod fingerprint;
pub(crate) mod path;
pub(crate) mod pointer;
pub(crate) mod roots;
pub(crate) mod session_entities;
pub(crate) mod session_folders;
pub(crate) mod source_folder;
pub(crate) mod subjects_dir;
pub(crate) mod tiv_files;
pub(crate) mod tiv_rank;
