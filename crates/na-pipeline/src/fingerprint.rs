//! A file's bytes together with what tells this version of it from another.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::time::UNIX_EPOCH;

use na_model::Fingerprint;
use xxhash_rust::xxh3::xxh3_128;

use crate::unit_error::UnitError;

/// The largest file that is read, bytes.
const LARGEST: u64 = 1 << 30;

/// Reads a file once; the fingerprint is that of exactly these bytes.
///
/// # Errors
/// A path that is missing, unreadable, not a regular file or over 1 GiB; a file that changed meanwhile.
pub fn read_with_fingerprint(path: &Path) -> Result<(Vec<u8>, Fingerprint), UnitError> {
    let unreadable = |source| UnitError::unreadable(path, source);
    // Opening a FIFO waits for a writer that may never come.
    check(path, &fs::metadata(path).map_err(unreadable)?)?;
    let file = File::open(path).map_err(unreadable)?;
    let before = file.metadata().map_err(unreadable)?;
    check(path, &before)?;
    let mut bytes = Vec::with_capacity(usize::try_from(before.len()).unwrap_or_default());
    (&file).take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let after = file.metadata().map_err(unreadable)?;
    let size = before.len();
    let mtime_ns = mtime_ns(&before).map_err(unreadable)?;
    let same = after.len() == size
        && self::mtime_ns(&after).map_err(unreadable)? == mtime_ns
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
/// A path that is missing or cannot be looked at.
pub fn stat(path: &Path) -> io::Result<(u64, i64)> {
    let metadata = fs::metadata(path)?;
    Ok((metadata.len(), mtime_ns(&metadata)?))
}

fn check(path: &Path, metadata: &Metadata) -> Result<(), UnitError> {
    if !metadata.is_file() {
        return Err(UnitError::NotAFile { path: path.to_owned() });
    }
    if metadata.len() > LARGEST {
        return Err(UnitError::TooLarge { path: path.to_owned(), size: metadata.len(), limit: LARGEST });
    }
    Ok(())
}

fn mtime_ns(metadata: &Metadata) -> io::Result<i64> {
    let modified = metadata.modified()?;
    let ns = match modified.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()),
        Err(before) => i64::try_from(before.duration().as_nanos()).map(|ns| -ns),
    };
    ns.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
