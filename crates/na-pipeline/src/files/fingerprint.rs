//! A file's bytes, and the fingerprint that tells this version of them from another.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use na_model::{Fingerprint, mtime_ns};
use xxhash_rust::xxh3::xxh3_128;

use crate::unit_error::UnitError;

/// The largest file that is read, bytes.
const LARGEST: u64 = 1 << 30;

/// Bytes between two checks whether to stop.
const CHUNK: u64 = 8 << 20;

/// Reads a file once; the fingerprint is that of exactly these bytes.
///
/// # Errors
/// A path that is missing, unreadable, not a regular file or over 1 GiB; a file that changes while it is read.
pub(crate) fn read_with_fingerprint(path: &Path) -> Result<(Vec<u8>, Fingerprint), UnitError> {
    read_unless(path, &|| false)
}

/// The same, and `should_stop` is checked after each chunk of a large file.
///
/// # Errors
/// As [`read_with_fingerprint`]; [`UnitError::Stopped`].
pub(crate) fn read_unless(
    path: &Path,
    should_stop: &dyn Fn() -> bool,
) -> Result<(Vec<u8>, Fingerprint), UnitError> {
    let unreadable = |source| UnitError::unreadable(path, source);
    let (file, before) = open(path)?;
    let size = before.len();
    let capacity = usize::try_from(size).map_err(|_| too_large(path, size))?;
    let mut bytes = Vec::with_capacity(capacity);
    let mut rest = (&file).take(LARGEST + 1);
    while rest.by_ref().take(CHUNK).read_to_end(&mut bytes).map_err(unreadable)? > 0 {
        if should_stop() {
            return Err(UnitError::Stopped);
        }
    }
    let after = file.metadata().map_err(unreadable)?;
    let mtime_ns = mtime_ns(&before).map_err(unreadable)?;
    let same = after.len() == size
        && na_model::mtime_ns(&after).map_err(unreadable)? == mtime_ns
        && u64::try_from(bytes.len()).is_ok_and(|read| read == size);
    if !same {
        return Err(UnitError::ChangedWhileRead { path: path.to_owned() });
    }
    let hash = format!("{:032x}", xxh3_128(&bytes));
    Ok((bytes, Fingerprint { size, mtime_ns, hash }))
}

/// A file's size in bytes and its modification time in nanoseconds since 1970.
///
/// # Errors
/// A path that is missing or cannot be examined.
pub(crate) fn stat(path: &Path) -> io::Result<(u64, i64)> {
    let metadata = fs::metadata(path)?;
    Ok((metadata.len(), mtime_ns(&metadata)?))
}

/// Whether a file can be fingerprinted: it exists, is regular, not too large, and may be read.
#[must_use]
pub(crate) fn has_state(path: &Path) -> bool {
    open(path).is_ok()
}

/// Opens a regular file.
///
/// # Errors
/// A path that is missing, unreadable, not a regular file or over 1 GiB.
pub(crate) fn open(path: &Path) -> Result<(File, Metadata), UnitError> {
    let unreadable = |source| UnitError::unreadable(path, source);
    // Opening a FIFO waits for a writer that may never come.
    check(path, &fs::metadata(path).map_err(unreadable)?)?;
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    check(path, &metadata)?;
    Ok((file, metadata))
}

fn check(path: &Path, metadata: &Metadata) -> Result<(), UnitError> {
    if !metadata.is_file() {
        return Err(UnitError::NotAFile { path: path.to_owned() });
    }
    if metadata.len() > LARGEST {
        return Err(too_large(path, metadata.len()));
    }
    Ok(())
}

fn too_large(path: &Path, size: u64) -> UnitError {
    UnitError::TooLarge { path: path.to_owned(), size, limit: LARGEST }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn the_hash_is_what_xxh128sum_prints() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "").unwrap();
        let (bytes, fingerprint) = read_with_fingerprint(&path).unwrap();
        assert!(bytes.is_empty());
        assert_eq!(fingerprint.hash, "99aa06d3014798d86001c324468d497f");
        fs::write(&path, "abc").unwrap();
        let (bytes, fingerprint) = read_with_fingerprint(&path).unwrap();
        assert_eq!(bytes, b"abc");
        assert_eq!(fingerprint.size, 3);
        assert_eq!(fingerprint.hash, "06b05ab6733a618578af5f94892f3950");
    }

    #[test]
    fn stat_and_fingerprint_agree_also_before_1970() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "abc").unwrap();
        for time in
            [UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789), UNIX_EPOCH - Duration::from_secs(5)]
        {
            File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
            let (_, fingerprint) = read_with_fingerprint(&path).unwrap();
            assert_eq!(stat(&path).unwrap(), (fingerprint.size, fingerprint.mtime_ns));
        }
        assert_eq!(stat(&path).unwrap().1, -5_000_000_000);
    }

    #[test]
    fn times_beyond_those_of_64_bits_are_the_nearest_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "abc").unwrap();
        let century = Duration::from_secs(3_155_760_000);
        for (time, ns) in [(UNIX_EPOCH + 4 * century, i64::MAX), (UNIX_EPOCH - 4 * century, i64::MIN)] {
            let file = File::options().write(true).open(&path).unwrap();
            if file.set_modified(time).is_err() || file.metadata().unwrap().modified().unwrap() != time {
                // A file system without such years.
                continue;
            }
            assert_eq!(stat(&path).unwrap(), (3, ns));
            assert_eq!(read_with_fingerprint(&path).unwrap().1.mtime_ns, ns);
        }
    }

    #[test]
    fn a_large_file_is_left_when_the_run_stops() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        File::create(&path).unwrap().set_len(4 * CHUNK).unwrap();
        let asked = std::cell::Cell::new(0);
        let stops_at_two = || asked.replace(asked.get() + 1) == 1;
        assert!(matches!(read_unless(&path, &stops_at_two), Err(UnitError::Stopped)));
        assert_eq!(asked.get(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_says_where_to_and_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        for (name, target, way_out) in [
            ("a_parc.tsv", "../.git/annex/objects/x/y", "git annex get"),
            ("b_parc.tsv", "/mnt/archive/b_parc.tsv", "mount the disk"),
        ] {
            let path = folder.path().join(name);
            std::os::unix::fs::symlink(target, &path).unwrap();
            let error = read_with_fingerprint(&path).unwrap_err().to_string();
            assert!([name, target, way_out].iter().all(|words| error.contains(words)), "{error}");
            assert!(!has_state(&path));
        }
        assert!(!has_state(folder.path()) && !has_state(&folder.path().join("missing")));
    }

    #[test]
    fn folders_missing_files_and_giants_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read_with_fingerprint(folder.path()), Err(UnitError::NotAFile { .. })));
        let missing = folder.path().join("missing");
        let error = read_with_fingerprint(&missing).unwrap_err();
        assert!(error.to_string().contains(&missing.display().to_string()), "{error}");
        let giant = folder.path().join("giant");
        File::create(&giant).unwrap().set_len(LARGEST + 1).unwrap();
        assert!(matches!(read_with_fingerprint(&giant), Err(UnitError::TooLarge { .. })));
    }

    #[test]
    fn a_file_that_grows_while_it_is_read_is_not_taken() {
        use std::io::Write;
        use std::sync::atomic::{AtomicBool, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
        let is_done = AtomicBool::new(false);
        let is_seen = std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut file = File::options().append(true).open(&path).unwrap();
                while !is_done.load(Ordering::Relaxed) && file.metadata().unwrap().len() < 1 << 25 {
                    file.write_all(b"more").unwrap();
                }
            });
            let is_seen = (0..10_000)
                .any(|_| matches!(read_with_fingerprint(&path), Err(UnitError::ChangedWhileRead { .. })));
            is_done.store(true, Ordering::Relaxed);
            is_seen
        });
        assert!(is_seen);
    }

    #[cfg(unix)]
    #[test]
    fn a_socket_or_pipe_is_refused_before_it_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a_parc.tsv");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        assert!(matches!(read_with_fingerprint(&path), Err(UnitError::NotAFile { .. })));
    }
}
