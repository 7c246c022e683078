//! What kind of reason a unit has, without the names of its files: reasons of one kind are one line of the report.

use std::path::PathBuf;

/// What kinds of reasons say, each with a phrase by which the reason is told. The first that a reason holds is its kind.
const KINDS: [(&str, &str); 17] = [
    (" is a pointer of ", "a file is a pointer of git-annex or Git LFS: get its content"),
    (" is a link to ", "a link leads to a file that is not there"),
    (" is not a regular file", "something is no regular file"),
    (" bytes, more than ", "a file is too large for a table of one session"),
    (" changed while it was read", "a file changed while it was read"),
    (" could both be ", "two folders could be the same session"),
    (" could be that of ", "a folder could be that of several sessions"),
    ("the store cannot say which sessions", "the store cannot say which sessions its files are of"),
    ("several files in ", "several files answer to one table: choose one"),
    (" is compressed: unpack it", "a table is compressed"),
    (" looks like a copy that", "a file looks like a copy of a table"),
    (" by its name, and of ", "a file's name and its folder say different sessions or visits"),
    (" says that its table was made with the atlas ", "a sidecar names another atlas"),
    (", which it did not list among the tables", "a file is of a table that was not listed"),
    (", character ", "an XML or JSON file is not well-formed"),
    ("(os error ", "a file cannot be read"),
    ("run was asked to stop", "the run was asked to stop before it"),
];

/// The kind of a reason why a unit failed.
pub(crate) fn kind(reason: &str) -> String {
    if let Some(found) = expected(reason) {
        return found;
    }
    let kind = KINDS.iter().find(|(phrase, _)| reason.contains(phrase)).map(|(_, kind)| *kind);
    kind.unwrap_or("a file is not what it should be").to_owned()
}

/// What a line or cell should be: `column mean: expected a number`.
fn expected(reason: &str) -> Option<String> {
    let (before, expected) = reason.rsplit_once(", expected ")?;
    let (before, _) = before.split_once(": found ")?;
    let what = match before.rsplit_once(", column ") {
        Some((_, column)) => format!("a cell of column {column}"),
        None if before.contains(", line ") => "a line of a table".to_owned(),
        None => "a file".to_owned(),
    };
    Some(format!("{what}: expected {expected}"))
}

/// A reason in which the paths below some roots begin behind these, also where the run was given the end of a root: a relative path.
pub(crate) fn below_roots(reason: &str, roots: &[PathBuf]) -> String {
    let mut text = reason.to_owned();
    for root in roots {
        let root = root.to_string_lossy();
        let root = root.trim_matches('/');
        let ends = root.match_indices('/').filter_map(|(at, _)| root.get(at + 1..));
        for end in std::iter::once(root).chain(ends).filter(|end| !end.is_empty()) {
            for before in ["/", "../", "./", ""] {
                text = without_start(&text, &format!("{before}{end}/"));
            }
        }
    }
    text
}

/// A text whose words do not begin so.
fn without_start(text: &str, start: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(start) {
        let (before, behind) = rest.split_at(at);
        kept.push_str(before);
        let is_start = kept
            .chars()
            .next_back()
            .is_none_or(|letter| !letter.is_alphanumeric() && !"/._-".contains(letter));
        let (found, behind) = behind.split_at(start.len());
        if !is_start {
            kept.push_str(found);
        }
        rest = behind;
    }
    kept + rest
}

/// A reason without what looks like a path or a file's name.
pub(crate) fn without_files(reason: &str) -> String {
    let is_file = |word: &str| {
        word.contains('/') || word.contains('\\') || word.contains("sub-") || word.contains("ses-")
    };
    reason.split(' ').map(|word| if is_file(word) { "…" } else { word }).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_fault_are_of_one_kind() {
        let one = "/a/sub-1/t.tsv, line 3, column mean: found \"ERR\", expected a number";
        let other =
            "/b/sub-2, line 7/u.tsv, line 211, column mean: found \"x, expected y\", expected a number";
        assert_eq!(kind(one), "a cell of column mean: expected a number");
        assert_eq!(kind(one), kind(other));
        assert_eq!(kind("/a/t.tsv: found nothing, expected a header"), "a file: expected a header");
        assert_eq!(kind("/a/t.tsv, line 1: found x, expected y"), "a line of a table: expected y");
        assert_eq!(kind("/a/t.tsv: Permission denied (os error 13)"), "a file cannot be read");
        assert_eq!(kind("/a/t.tsv is bad"), "a file is not what it should be");
    }

    #[test]
    fn no_file_is_named_without_ids() {
        assert_eq!(without_files("kept: sub-1_x.tsv is gone, /a/b too"), "kept: … is gone, … too");
        assert_eq!(without_files("no anatomical tables were found"), "no anatomical tables were found");
    }

    #[test]
    fn paths_begin_below_their_root() {
        let roots = [PathBuf::from("/data/cat12/"), PathBuf::from("/data/qsi")];
        let reason = "/data/cat12/sub-1/a.tsv and /data/qsi/b.tsv";
        assert_eq!(below_roots(reason, &roots), "sub-1/a.tsv and b.tsv");
        let relative = "kept: data/cat12/sub-1/a.tsv, ../qsi/b.tsv and my-cat12/c.tsv";
        assert_eq!(below_roots(relative, &roots), "kept: sub-1/a.tsv, b.tsv and my-cat12/c.tsv");
    }
}
