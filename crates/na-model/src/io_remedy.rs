//! The way out of an error of the operating system, in words that end a message.

use std::io::{Error, ErrorKind};

/// What to do about a file or folder that cannot be written; empty if nobody can say.
#[must_use]
pub fn writing_remedy(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "; free some space and run again, what was committed is safe"
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "; choose an output folder that you may write to"
        }
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            "; a file has the name of a folder: choose another output folder"
        }
        _ => "",
    }
}

/// What to do about a file that cannot be read; empty if nobody can say.
#[must_use]
pub fn reading_remedy(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied => "; ask its owner for the right to read it",
        _ => "",
    }
}
