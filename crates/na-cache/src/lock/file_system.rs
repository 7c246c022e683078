//! The type of the file system that an output is on: whether it is local, and its name in the lock.

use std::path::Path;

/// Types whose files no other machine sees: a lock that is free there is nobody's, and processes share memory. The magic
/// numbers are Linux's; the first name of a number is the one that the lock records.
const LOCAL: [(&str, u32); 9] = [
    ("ext4", 0xEF53),
    ("ext3", 0xEF53),
    ("ext2", 0xEF53),
    ("xfs", 0x5846_5342),
    ("btrfs", 0x9123_683E),
    ("zfs", 0x2FC1_2FC1),
    ("f2fs", 0xF2F5_2010),
    ("tmpfs", 0x0102_1994),
    ("overlay", 0x794C_7630),
];

/// Network and other types that people know by name.
const SHARED: [(&str, u32); 9] = [
    ("nfs", 0x6969),
    ("smb2", 0xFE53_4D42),
    ("cifs", 0xFF53_4D42),
    ("lustre", 0x0BD0_0BD0),
    ("gpfs", 0x4750_4653),
    ("beegfs", 0x1983_0326),
    ("ceph", 0x00C3_6400),
    ("fuse", 0x6573_5546),
    ("9p", 0x0102_1997),
];

/// The type of a file system, as one word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileSystem(String);

impl FileSystem {
    /// The type that a folder is on. An unknown type counts as shared.
    pub(crate) fn of(folder: &Path) -> Self {
        magic(folder).map_or_else(|| Self::named("unknown"), Self::from_magic)
    }

    /// The type that a lock's text names.
    pub(crate) fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    fn from_magic(magic: u32) -> Self {
        let known = LOCAL.iter().chain(&SHARED).find(|(_, number)| *number == magic);
        Self(known.map_or_else(|| format!("{magic:#x}"), |(name, _)| (*name).to_owned()))
    }

    /// Whether no other machine sees the same files.
    pub(crate) fn is_local(&self) -> bool {
        LOCAL.iter().any(|(name, _)| *name == self.0)
    }

    /// Whether to try a write-ahead log: its index is memory that the processes of one machine share. Outside Linux the
    /// type is unknown, and SQLite reports what does not work.
    pub(crate) fn may_share_memory(&self) -> bool {
        self.is_local() || cfg!(not(target_os = "linux"))
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

#[cfg(target_os = "linux")]
fn magic(folder: &Path) -> Option<u32> {
    let found = rustix::fs::statfs(folder).ok()?;
    // The field is signed on some platforms, and wider than the number on most.
    u32::try_from(found.f_type & 0xFFFF_FFFF).ok()
}

#[cfg(not(target_os = "linux"))]
fn magic(_: &Path) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_machine_has_for_itself_is_local_and_what_is_mounted_from_another_is_not() {
        for (magic, name, is_local) in [
            (0xEF53, "ext4", true),
            (0x5846_5342, "xfs", true),
            (0x9123_683E, "btrfs", true),
            (0x2FC1_2FC1, "zfs", true),
            (0xF2F5_2010, "f2fs", true),
            (0x0102_1994, "tmpfs", true),
            (0x794C_7630, "overlay", true),
            (0x6969, "nfs", false),
            (0x6573_5546, "fuse", false),
            (0x1234_5678, "0x12345678", false),
        ] {
            let found = FileSystem::from_magic(magic);
            assert_eq!((found.name(), found.is_local()), (name, is_local));
        }
        assert!(!FileSystem::named("nfs4").is_local());
        assert!(!FileSystem::of(Path::new("/there/is/no/such/folder")).is_local());
    }
}
