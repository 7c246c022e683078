//! What fails one unit, and no other.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use na_cache::CacheError;
use na_model::reading_remedy;

/// The longest piece of a file that an error repeats, characters.
const LONGEST_FOUND: usize = 60;

/// The longest complaint of a parser that an error repeats, characters.
const LONGEST_COMPLAINT: usize = 160;

/// Why a unit cannot be read. Each names the file and the way out.
#[expect(missing_docs, reason = "a field without a note is what its name says")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnitError {
    /// A file or folder cannot be read.
    #[error("{}: {source}{}", path.display(), reading_remedy(source))]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        source: io::Error,
    },
    /// Something that is no regular file.
    #[error("{} is not a regular file: put the file itself there", path.display())]
    NotAFile { path: PathBuf },
    /// A link with a target that does not exist.
    #[error("{} is a link to {}, which is not there: {way_out}", path.display(), target.display())]
    DeadLink {
        path: PathBuf,
        target: PathBuf,
        /// What to do.
        way_out: &'static str,
    },
    /// A pointer of git-annex or Git LFS in place of the file.
    #[error("{} is a pointer of {program}, not the file itself: {way_out}", path.display())]
    Pointer {
        path: PathBuf,
        program: &'static str,
        /// What to do.
        way_out: &'static str,
    },
    /// A file far larger than any table.
    #[error("{} has {size} bytes, more than {limit}: it cannot be a table of one session", path.display())]
    TooLarge { path: PathBuf, size: u64, limit: u64 },
    /// A file that another program wrote to at the same time.
    #[error("{} changed while it was read: run again when nothing writes to it any more", path.display())]
    ChangedWhileRead { path: PathBuf },
    /// Two folders that could be the same session.
    #[error(
        "{} and {} could both be {session}: rename or move one of them",
        first.display(),
        second.display()
    )]
    AmbiguousFolder { session: String, first: PathBuf, second: PathBuf },
    /// Several folders of one session side by side.
    #[error("these folders are of one session: {folders}; {way_out}")]
    SeveralFolders { folders: String, way_out: &'static str },
    /// A folder of a subject of whom several sessions are listed.
    #[error(
        "{} is per subject, not per session, and there are {n_sessions} sessions of {subject}: {way_out}",
        folder.display()
    )]
    PerSubject { folder: PathBuf, subject: String, n_sessions: usize, way_out: &'static str },
    /// A folder that is in the store as another session's.
    #[error(
        "{} is in the store as that of {owners}: let go of it there first, with --prune, or with --prune-unlisted if it is not listed",
        folder.display()
    )]
    TakenFolder { folder: PathBuf, owners: String },
    /// A folder that others have an equal or better claim to.
    #[error(
        "{} could be that of {session} and of {claimants}: write the codes in the session list as the folders are called, or \
         rename the folder",
        folder.display()
    )]
    ClaimedFolder { folder: PathBuf, session: String, claimants: String },
    /// The store cannot be asked which sessions its files are of.
    #[error("the store cannot say which sessions its files are of: {problem}")]
    Owners { problem: String },
    /// Several files for one table.
    #[error("several files in {} are {table}: {files}; {way_out}", folder.display())]
    SeveralFiles {
        folder: PathBuf,
        /// The table, and the map where there is one.
        table: String,
        /// The files, with commas.
        files: String,
        /// The entities that tell them apart, and the options that choose.
        way_out: String,
    },
    /// A compressed table.
    #[error("{} is compressed: unpack it (gunzip --keep) to the same name without .gz", path.display())]
    Compressed { path: PathBuf },
    /// A copy that a file manager made, beside or in place of a table.
    #[error(
        "{} looks like a copy that a file manager or a cloud drive made: delete it, or give it the name of the table",
        path.display()
    )]
    Copy { path: PathBuf },
    /// A table that names another session than its folder.
    #[error(
        "{} is of {named} by its name, and of {folder} by its folder: move it to its session, or rename it",
        path.display()
    )]
    OtherSession {
        path: PathBuf,
        /// The session that its name says.
        named: String,
        /// The session that its folder says.
        folder: String,
    },
    /// Tables of two visits in a folder that has no visits.
    #[error(
        "{} is of ses-{first_visit} by its name, and {} of ses-{second_visit}: put each visit's tables into a folder of its own",
        first.display(),
        second.display()
    )]
    SeveralVisits { first: PathBuf, first_visit: String, second: PathBuf, second_visit: String },
    /// A sidecar that names another atlas than its table's folder or name.
    #[error(
        "{} says that its table was made with the atlas {named:?}, and the table lies under {asked:?}: move both to their \
         atlas, or make them again",
        path.display()
    )]
    OtherAtlas { path: PathBuf, named: String, asked: String },
    /// A table that its input did not announce.
    #[error("{}: its input found {table} there, which it did not list among the tables of that root", path.display())]
    UnlistedTable { path: PathBuf, table: String },
    /// A table that the cache cannot hold.
    #[error("{}: {source}", path.display())]
    NotCacheable { path: PathBuf, source: Box<CacheError> },
    /// The run was asked to stop: the next one reads the unit again.
    #[error("the run was asked to stop")]
    Stopped,
    /// A file as a whole is not what it should be.
    #[error("{}: found {found}, expected {expected}", path.display())]
    Form { path: PathBuf, found: String, expected: &'static str },
    /// A line is not what it should be.
    #[error("{}, line {line}: found {found}, expected {expected}", path.display())]
    Line {
        path: PathBuf,
        /// The line, from 1; the header is line 1.
        line: usize,
        found: String,
        /// What should be, and the way out.
        expected: String,
    },
    /// A cell does not hold what its column must.
    #[error("{}, line {line}, column {column}: found {found:?}, expected {expected}", path.display())]
    Cell {
        path: PathBuf,
        /// The line, from 1; the header is line 1.
        line: usize,
        column: String,
        /// The text, shortened.
        found: String,
        /// What should be, and the way out.
        expected: &'static str,
    },
    /// An XML or JSON file is not well-formed.
    #[error("{}, line {line}, character {character}: {problem}; write the file again", path.display())]
    Syntax {
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The character in the line, from 1.
        character: usize,
        problem: String,
    },
}

impl UnitError {
    /// The error of a path that cannot be read, or of a link there that leads nowhere.
    pub(crate) fn unreadable(path: &Path, source: io::Error) -> Self {
        match fs::read_link(path) {
            Ok(target) if source.kind() == io::ErrorKind::NotFound => Self::dead_link(path, target),
            _ => Self::Unreadable { path: path.to_owned(), source },
        }
    }

    fn dead_link(path: &Path, target: PathBuf) -> Self {
        let way_out = if target.components().any(|part| part.as_os_str() == "annex") {
            "get its content (git annex get, or datalad get) and run again"
        } else {
            "mount the disk that it leads to, or put the file itself there"
        };
        Self::DeadLink { path: path.to_owned(), target, way_out }
    }

    pub(crate) fn old_mac_lines(path: &Path) -> Self {
        let found = "lines that end with CR alone, as on old Macs";
        Self::form(path, found, "lines that end with LF: save it again with the line ends of Unix")
    }

    pub(crate) fn cut_last_line(path: &Path, line: usize) -> Self {
        let expected = "a newline: the file may be cut; if it is whole, add a newline";
        Self::line(path, line, "a last line that has no end", expected)
    }

    pub(crate) fn form(path: &Path, found: impl Into<String>, expected: &'static str) -> Self {
        Self::Form { path: path.to_owned(), found: found.into(), expected }
    }

    pub(crate) fn line(
        path: &Path,
        line: usize,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Line { path: path.to_owned(), line, found: found.into(), expected: expected.into() }
    }
}

/// A piece of a file for an error: at most 60 characters, with `…` if it is longer.
pub(crate) fn shorten(text: &[u8]) -> String {
    shorten_to(LONGEST_FOUND, text)
}

/// A parser's message on one line, shortened: it may repeat any amount of a file.
pub(crate) fn complaint(error: &impl std::fmt::Display) -> String {
    let on_one_line = error.to_string().replace(char::is_control, " ");
    shorten_to(LONGEST_COMPLAINT, on_one_line.as_bytes())
}

fn shorten_to(longest: usize, text: &[u8]) -> String {
    // A character has at most four bytes: the rest of a huge cell is not decoded.
    let start = text.get(..4 * (longest + 1)).unwrap_or(text);
    let decoded = String::from_utf8_lossy(start);
    if decoded.chars().count() <= longest {
        return decoded.into_owned();
    }
    decoded.chars().take(longest).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_cell_is_shortened() {
        assert_eq!(shorten(b"abc"), "abc");
        assert_eq!(shorten("é".repeat(60).as_bytes()), "é".repeat(60));
        assert_eq!(shorten("é".repeat(10_000).as_bytes()), "é".repeat(60) + "…");
    }
}
