//! The version of a store: the identities, at an instant, of its files but its features and `sessions.tsv`, and the names of its
//! segments.
//!
//! An export puts features into place before their long tables, which are still being synced: whoever reads a feature looks at the
//! state that it records.

use std::fs::{self, Metadata};
use std::path::Path;
use std::time::SystemTime;

use na_cache::{Cache, Segments};

use crate::error::StoreError;
use crate::tables::paths::{MANIFEST_FILE, METADATA_FILE, SOURCES_FILE, TIV_FILE, long_tables_by_name};

/// The identities of a store's files at an instant. An export replaces files and never changes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreVersion {
    files: Vec<(String, FileIdentity)>,
    cache: Option<FileIdentity>,
    segments: Segments,
}

/// What tells a file from any other. Inode numbers are used again, so the time of birth is part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileIdentity {
    inode: u64,
    born: Option<SystemTime>,
    /// Length and time of modification. `None` for a file that grows.
    content: Option<(u64, Option<SystemTime>)>,
}

impl StoreVersion {
    /// Whether the files are the same, whatever happened to the cache.
    pub(crate) fn has_files_of(&self, other: &Self) -> bool {
        self.files == other.files
    }

    /// Whether what is here was there before: segments may have come since.
    pub(crate) fn has_all_of(&self, before: &Self) -> bool {
        self.files == before.files && self.cache == before.cache && before.segments.are_all_in(&self.segments)
    }

    /// Whether there is a cache, which need not hold anything yet, or a segment.
    pub(crate) fn has_cache(&self) -> bool {
        self.cache.is_some() || !self.segments.is_empty()
    }

    pub(crate) fn segments(&self) -> &Segments {
        &self.segments
    }

    pub(crate) fn of(output: &Path) -> Result<Self, StoreError> {
        let fixed = [MANIFEST_FILE, METADATA_FILE, SOURCES_FILE, TIV_FILE].map(str::to_owned);
        let long = long_tables_by_name(output)?.into_iter().map(|table| table.file_path());
        let files = fixed.into_iter().chain(long).filter_map(|name| {
            let metadata = fs::metadata(output.join(&name)).ok()?;
            Some((name, FileIdentity::of_whole(&metadata)))
        });
        let files = files.collect();
        let cache = fs::metadata(Cache::path_in(output)).ok().filter(|metadata| metadata.len() > 0);
        let cache = cache.as_ref().map(FileIdentity::of_growing);
        let segments = match Segments::list(output) {
            // A reader who may not look into them is told so when it reads.
            Err(error) if error.leaves_the_export() => Segments::default(),
            segments => segments?,
        };
        Ok(Self { files, cache, segments })
    }
}

impl FileIdentity {
    fn of_whole(metadata: &Metadata) -> Self {
        let content = Some((metadata.len(), metadata.modified().ok()));
        Self { content, ..Self::of_growing(metadata) }
    }

    fn of_growing(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self { inode, born: metadata.created().ok(), content: None }
    }
}
