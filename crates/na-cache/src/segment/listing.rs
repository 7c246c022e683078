//! Which segments a store has at an instant: every decision is about the names of one listing.

use std::fs;
use std::io::{self, Read, Seek};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use xxhash_rust::xxh3::Xxh3;

use crate::db::files::sync_folder;
use crate::error::CacheError;
use crate::holder_name::{HolderName, is_running};
use crate::lock::lock_file::delete;
use crate::segment::name::{SegmentName, probe_of, writer_of_unfinished};

/// The folder of an output's segments. Hadoop and Spark skip what begins with a dot.
pub const SEGMENTS_FOLDER: &str = ".segments";

/// After this time a segment that was begun and not published is nobody's: one is published half a minute after its first unit.
const ABANDONED_AFTER: Duration = Duration::from_hours(24);

/// The segments of an output at the instant of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Segments {
    folder: PathBuf,
    /// In their order.
    names: Vec<SegmentName>,
}

/// How the name of a segment ends that is not what was published: nobody takes it for one any more.
const SET_ASIDE: &str = ".damaged";

/// A segment that is not merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedSegment {
    /// Which.
    pub name: SegmentName,
    /// Why, and the way out.
    pub why: String,
    /// The atlas that it is of, where that is why.
    pub atlas: Option<String>,
}

impl Segments {
    /// Lists the segments of an output folder; none if it has no folder of them.
    ///
    /// # Errors
    /// A folder that cannot be read; something else under its name.
    pub fn list(output: &Path) -> Result<Self, CacheError> {
        let folder = output.join(SEGMENTS_FOLDER);
        if !check_folder(&folder)? {
            return Ok(Self { folder, names: Vec::new() });
        }
        let mut names = Vec::new();
        for name in file_names(&folder)? {
            names.extend(SegmentName::parse(&name));
        }
        names.sort_unstable();
        Ok(Self { folder, names })
    }

    /// The same for whoever will delete them. A file is created in the folder first: a network file system then asks its server what
    /// is there. What killed processes left more than a day ago is deleted.
    ///
    /// # Errors
    /// As [`list`](Self::list); a folder that cannot be written to.
    pub fn list_to_merge(output: &Path) -> Result<Self, CacheError> {
        let folder = output.join(SEGMENTS_FOLDER);
        if !check_folder(&folder)? {
            return Ok(Self { folder, names: Vec::new() });
        }
        let probe = folder.join(probe_of(&HolderName::of_this_process()));
        let created = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&probe);
        created.map_err(|source| CacheError::io("create", &probe, source))?;
        delete(&probe)?;
        sweep(&folder, ABANDONED_AFTER)?;
        Self::list(output)
    }

    /// Deletes what killed processes of this machine left that did not publish it, and returns how many others are unfinished: nobody
    /// else may look into those.
    ///
    /// # Errors
    /// A folder that cannot be read; a file that cannot be deleted.
    pub(crate) fn sweep_now(output: &Path) -> Result<usize, CacheError> {
        let folder = output.join(SEGMENTS_FOLDER);
        if !check_folder(&folder)? {
            return Ok(0);
        }
        sweep(&folder, Duration::ZERO)
    }

    /// Their names, in order.
    #[must_use]
    pub fn names(&self) -> &[SegmentName] {
        &self.names
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The path of a segment.
    #[must_use]
    pub fn path_of(&self, name: &SegmentName) -> PathBuf {
        self.folder.join(name.as_str())
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether all of them are in another listing.
    #[must_use]
    pub fn are_all_in(&self, other: &Self) -> bool {
        self.names.iter().all(|name| other.names.binary_search(name).is_ok())
    }

    /// Sets aside those whose content is not what was published under their name, since a disk or a copy has changed one of both: their
    /// sessions are read again. Returns the others, with what is refused: these, and those that cannot be read. Each is read whole.
    ///
    /// # Errors
    /// A folder that cannot be synced.
    pub fn set_aside_damaged(self) -> Result<(Self, Vec<RefusedSegment>), CacheError> {
        let mut refused = Vec::new();
        for name in &self.names {
            let path = self.path_of(name);
            let why = match fs::File::open(&path).and_then(hash_of) {
                Ok(hash) if name.is_of_content(hash) => continue,
                Ok(_) => {
                    let aside = format!("{name}{SET_ASIDE}");
                    let what = "its content is not what was published under its name";
                    match fs::rename(&path, self.folder.join(&aside)) {
                        Ok(()) => {
                            format!("{what}: it is now {aside}, and the next run reads its sessions again")
                        }
                        Err(error) => format!(
                            "{what}, and it cannot be called {aside} ({error}): move it away, and the next run reads its sessions again"
                        ),
                    }
                }
                Err(error) => format!("it cannot be read ({error}): it is merged when it can be"),
            };
            refused.push(RefusedSegment { name: name.clone(), why, atlas: None });
        }
        if !refused.is_empty() {
            sync_folder(&self.folder.join(SET_ASIDE))?;
        }
        let names: Vec<SegmentName> = refused.iter().map(|refused| refused.name.clone()).collect();
        Ok((self.without(&names), refused))
    }

    /// Deletes what was set aside: nobody can tell whom it names. The names of the files.
    ///
    /// # Errors
    /// A file that cannot be deleted.
    pub(crate) fn delete_set_aside(&self) -> Result<Vec<String>, CacheError> {
        if !check_folder(&self.folder)? {
            return Ok(Vec::new());
        }
        let mut names = file_names(&self.folder)?;
        names.retain(|name| name.ends_with(SET_ASIDE));
        names.iter().try_for_each(|name| Self::delete_one(&self.folder.join(name)))?;
        Ok(names)
    }

    /// Those of them that have one of these names.
    #[must_use]
    pub fn among(&self, names: &[SegmentName]) -> Self {
        let kept = self.names.iter().filter(|name| names.contains(name));
        Self { folder: self.folder.clone(), names: kept.cloned().collect() }
    }

    /// Those of them that have none of these names.
    #[must_use]
    pub fn without(&self, names: &[SegmentName]) -> Self {
        let kept = self.names.iter().filter(|name| !names.contains(name));
        Self { folder: self.folder.clone(), names: kept.cloned().collect() }
    }

    /// Deletes a segment, once another has its place.
    pub(crate) fn delete_one(path: &Path) -> Result<(), CacheError> {
        delete(path)?;
        sync_folder(path)
    }

    /// Deletes these segments and no other, once all that they hold is elsewhere; and the folder, if it is then empty.
    ///
    /// # Errors
    /// A file that cannot be deleted.
    pub fn delete(&self) -> Result<(), CacheError> {
        let Some(last) = self.names.last() else { return Ok(()) };
        self.names.iter().try_for_each(|name| delete(&self.path_of(name)))?;
        sync_folder(&self.path_of(last))?;
        // Not empty, as a rule: others are writing.
        let _ = fs::remove_dir(&self.folder);
        Ok(())
    }
}

/// The hash of a file's content, from its beginning.
pub(crate) fn hash_of(mut file: fs::File) -> io::Result<u128> {
    let (mut hash, mut buffer) = (Xxh3::new(), vec![0; 1 << 20]);
    file.rewind()?;
    loop {
        let n = file.read(&mut buffer)?;
        match buffer.get(..n) {
            Some(bytes) if n > 0 => hash.update(bytes),
            _ => return Ok(hash.digest128()),
        }
    }
}

/// Creates the folder of an output's segments, which only its owner may read: brain measures are health data.
pub(crate) fn create_folder(output: &Path) -> Result<PathBuf, CacheError> {
    let folder = output.join(SEGMENTS_FOLDER);
    if !check_folder(&folder)? {
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(CacheError::io("create", &folder, error));
            }
            _ => sync_folder(&folder)?,
        }
    }
    Ok(folder)
}

/// Whether the folder is there; an error if something else is.
fn check_folder(folder: &Path) -> Result<bool, CacheError> {
    match fs::symlink_metadata(folder) {
        Ok(metadata) if metadata.is_symlink() => Err(CacheError::Link { path: folder.to_owned() }),
        Ok(metadata) if !metadata.is_dir() => Err(CacheError::Foreign { path: folder.to_owned() }),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(CacheError::io("look at", folder, source)),
    }
}

/// The names of a folder's files; those that are no text are nobody's here. None if the folder went away meanwhile.
fn file_names(folder: &Path) -> Result<Vec<String>, CacheError> {
    let list = |source| CacheError::io("list", folder, source);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(CacheError::Private { path: folder.to_owned() });
        }
        entries => entries.map_err(list)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(list)?;
        // What is no regular file is nobody's: a pipe would be waited for.
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            names.extend(entry.file_name().into_string().ok());
        }
    }
    Ok(names)
}

/// Deletes what processes left that were killed: of this machine after this time, of others after [`ABANDONED_AFTER`]. How many stay.
fn sweep(folder: &Path, after: Duration) -> Result<usize, CacheError> {
    let (here, now) = (HolderName::of_this_process().host, SystemTime::now());
    let mut n_left = 0;
    for name in file_names(folder)? {
        let Some(HolderName { host, pid }) = writer_of_unfinished(&name) else { continue };
        let path = folder.join(&name);
        let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|modified| now.duration_since(modified).ok());
        let (is_of_here, age) = (host == here, age.unwrap_or_default());
        let is_left =
            if is_of_here { age >= after && is_running(&pid) != Some(true) } else { age > ABANDONED_AFTER };
        if is_left {
            tracing::debug!(path = %path.display(), "deleting what a killed process left");
            delete(&path)?;
        } else {
            n_left += 1;
        }
    }
    Ok(n_left)
}
