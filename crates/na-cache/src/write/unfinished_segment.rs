//! The file of a segment under the name that it has until it is published.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::db::files::sync_folder;
use crate::error::CacheError;
use crate::holder_name::HolderName;
use crate::segment::listing::{create_folder, hash_of};
use crate::segment::name::SegmentName;

/// How often the folder is made again, if whoever merges takes it away empty between two steps.
const TRIES: usize = 10;

/// A segment's file that is not published. Dropping it deletes the file.
pub(crate) struct UnfinishedSegment {
    path: PathBuf,
    /// Open: if somebody deletes the file, what it holds is still there.
    file: File,
}

impl Drop for UnfinishedSegment {
    fn drop(&mut self) {
        // Published, as a rule.
        let _ = fs::remove_file(&self.path);
    }
}

impl UnfinishedSegment {
    pub(crate) fn create(output: &Path, name: &SegmentName) -> Result<Self, CacheError> {
        let mut left = TRIES;
        loop {
            let path = create_folder(output)?.join(name.unfinished(&HolderName::of_this_process()));
            let mut options = OpenOptions::new();
            match options.read(true).write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => return Ok(Self { path, file }),
                Err(error) if error.kind() == io::ErrorKind::NotFound && left > 0 => left -= 1,
                Err(source) => return Err(CacheError::io("create", &path, source)),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives the file its name, durably. What somebody deleted meanwhile is written again.
    pub(crate) fn publish(mut self, output: &Path, name: &SegmentName) -> Result<(), CacheError> {
        let mut left = TRIES;
        loop {
            self.file.sync_all().map_err(|source| CacheError::io("sync", &self.path, source))?;
            let hash = self.file.try_clone().and_then(hash_of);
            let hash = hash.map_err(|source| CacheError::io("read", &self.path, source))?;
            let published = self.path.with_file_name(name.of_content(hash).as_str());
            match fs::rename(&self.path, &published) {
                Ok(()) => return sync_folder(&published),
                Err(error) if error.kind() == io::ErrorKind::NotFound && left > 0 => left -= 1,
                Err(source) => return Err(CacheError::io("publish", &published, source)),
            }
            let mut again = Self::create(output, name)?;
            let copied =
                io::Seek::rewind(&mut self.file).and_then(|()| io::copy(&mut self.file, &mut again.file));
            copied.map_err(|source| CacheError::io("write", &again.path, source))?;
            // The same name: dropping the old one must not delete the new.
            std::mem::replace(&mut self, again).path = PathBuf::new();
        }
    }
}
