//! Opens a segment for reading: nobody changes it once it has its name, so no lock is taken and no file is made.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::db::application_id::version_if_filled;
use crate::db::database::Database;
use crate::db::immutable_files::ImmutableFiles;
use crate::error::CacheError;

/// Opens a segment; `files` are the connections that it shares with others.
pub(crate) fn open_segment(location: &Path, files: &ImmutableFiles) -> Result<Database, CacheError> {
    let location: Arc<Path> = location.into();
    let version = files
        .connect(&location)
        .map_err(|source| CacheError::sqlite(&location, source))
        .and_then(|connection| version_if_filled(&location, &connection));
    match version {
        Ok(Some(version)) => Ok(Database::immutable(location, files, version)),
        Ok(None) => Err(CacheError::damaged(&location, "it is empty")),
        Err(error) => Err(error_of_segment(&location, error)),
    }
}

/// Why a segment cannot be read, told apart from one that was merged and deleted meanwhile.
fn error_of_segment(location: &Path, error: CacheError) -> CacheError {
    match std::fs::symlink_metadata(location) {
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => {
            CacheError::SegmentGone { path: location.to_owned() }
        }
        Err(source) => CacheError::io("read", location, source),
        Ok(_) => match std::fs::File::open(location) {
            Err(source) => CacheError::io("read", location, source),
            Ok(_) => error,
        },
    }
}
