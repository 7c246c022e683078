//! The name of a segment: when it was begun, by whom, and the hash of its content.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

use chrono::{DateTime, Utc};
use na_model::ReadAt;
use serde::{Deserialize, Serialize};

use crate::holder_name::HolderName;

/// How the name of a published segment ends.
const ENDING: &str = ".seg";

/// How the name of one that is being written ends. It is hidden, as is that of its folder.
const UNFINISHED: &str = ".seg.tmp";

/// Letters of a writer's name.
const LONGEST_WRITER: usize = 80;

/// The name of a segment's file. Names sort by the time at which they were begun.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SegmentName(String);

impl SegmentName {
    /// A name that no other segment has; it is published under another, which says its content.
    ///
    /// ```
    /// use na_cache::SegmentName;
    /// use na_model::ReadAt;
    ///
    /// let name = SegmentName::new(ReadAt(1_764_000_000_123_456), "node 7.4711");
    /// assert!(name.as_str().starts_with("20251124T160000.123456Z-node_7.4711-"));
    /// assert!(name.as_str().ends_with(".seg"));
    /// ```
    #[must_use]
    pub fn new(begun: ReadAt, writer: &str) -> Self {
        let begun = DateTime::<Utc>::from_timestamp_micros(begun.0).unwrap_or_default();
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '.';
        let plain = |letter| if is_plain(letter) { letter } else { '_' };
        let writer: String = writer.chars().map(plain).take(LONGEST_WRITER).collect();
        Self(format!("{}-{writer}-{:016x}{ENDING}", begun.format("%Y%m%dT%H%M%S%.6fZ"), random()))
    }

    /// The name of one that takes its place while it is written: it sorts with it, and is another.
    pub(crate) fn of_rewritten(&self) -> Self {
        self.ending_in(u128::from(random()))
    }

    /// The name with the hash of the file's content (XXH3-128), which it is published under.
    pub(crate) fn of_content(&self, hash: u128) -> Self {
        self.ending_in(hash)
    }

    /// Whether it is the name of a file with this content.
    pub(crate) fn is_of_content(&self, hash: u128) -> bool {
        *self == self.of_content(hash)
    }

    fn ending_in(&self, number: u128) -> Self {
        let stem = self.0.trim_end_matches(ENDING);
        let stem = stem.rsplit_once('-').map_or(stem, |(stem, _)| stem);
        Self(format!("{stem}-{number:032x}{ENDING}"))
    }

    /// The name of a published segment's file. `None` for any other file.
    pub(crate) fn parse(file_name: &str) -> Option<Self> {
        let is_published = file_name.ends_with(ENDING) && !file_name.starts_with('.');
        is_published.then(|| Self(file_name.to_owned()))
    }

    /// The name of its file.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of its file while this process writes it.
    pub(crate) fn unfinished(&self, writer: &HolderName) -> String {
        let HolderName { host, pid } = writer;
        format!(".{}~{host}~{pid}{UNFINISHED}", self.0.trim_end_matches(ENDING))
    }
}

/// A number that no other process draws: the standard library seeds each state with what the system gives.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// The name of the empty file with which this process begins a listing. It ends as that of an unfinished segment: what a killed process left
/// is deleted with those.
pub(crate) fn probe_of(HolderName { host, pid }: &HolderName) -> String {
    format!(".listing~{host}~{pid}{UNFINISHED}")
}

/// Who writes a segment that is not published yet, by the name of its file. `None` for any other file.
pub(crate) fn writer_of_unfinished(file_name: &str) -> Option<HolderName> {
    let mut words = file_name.strip_prefix('.')?.strip_suffix(UNFINISHED)?.rsplitn(3, '~');
    let (pid, host) = (words.next()?.to_owned(), words.next()?.to_owned());
    words.next().map(|_| HolderName { host, pid })
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_segment_that_is_written_says_by_whom() {
        let writer = HolderName { host: "node~7".to_owned(), pid: "4711".to_owned() };
        let name = SegmentName::new(ReadAt(5), "node~7.4711");
        let unfinished = name.unfinished(&HolderName { host: "node7".to_owned(), ..writer.clone() });
        assert_eq!(
            writer_of_unfinished(&unfinished).map(|writer| writer.to_string()),
            Some("node7:4711".to_owned())
        );
        assert_eq!(SegmentName::parse(&unfinished), None);
        assert_eq!(writer_of_unfinished(name.as_str()), None);
        assert_eq!(SegmentName::parse(name.as_str()), Some(name));
        assert_eq!(writer_of_unfinished(&probe_of(&writer)).map(|of| of.pid), Some(writer.pid));
    }
}
