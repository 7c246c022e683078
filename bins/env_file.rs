//! Parses a `.env` file with `dotenvy`, after rewriting what `dotenvy` cannot read.
//!
//! `dotenvy` reads quotes, escapes and `$NAME`. This file skips a byte-order mark, keeps the blanks of an unquoted value,
//! and finds the line of an error.

use std::collections::HashMap;

/// What is wrong with a settings file, and on which line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LineProblem {
    /// From 1.
    pub(crate) line: usize,
    pub(crate) problem: String,
}

/// Parses settings by name; the last value of a name counts.
pub(crate) fn parse(bytes: &[u8]) -> Result<HashMap<String, String>, LineProblem> {
    let entries = Entries::of(text(bytes)?)?;
    let read = |text: &str| dotenvy::from_read_iter(text.as_bytes()).collect::<Result<_, _>>();
    read(&entries.text).map_err(|error| entries.problem(&error, |text| read(text).is_ok()))
}

fn text(bytes: &[u8]) -> Result<&str, LineProblem> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(LineProblem { line: 1, problem: "the file is UTF-16: save it as UTF-8".to_owned() });
    }
    let text = str::from_utf8(bytes).map_err(|error| {
        let before = bytes.iter().take(error.valid_up_to());
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        LineProblem { line, problem: "it is no UTF-8: save the file as UTF-8".to_owned() }
    })?;
    let is_of_old_macs = |line: &str| line.trim_end_matches('\r').contains('\r');
    if let Some((line, _)) = (1..).zip(text.split('\n')).find(|(_, line)| is_of_old_macs(line)) {
        let problem =
            "lines end with CR alone, as on old Macs: save the file with line ends of Unix or Windows";
        return Err(LineProblem { line, problem: problem.to_owned() });
    }
    Ok(text.trim_start_matches('\u{feff}'))
}

/// A file's entries, rewritten for `dotenvy`. Most entries are one line; a quoted value may span several.
#[derive(Debug, Default)]
struct Entries {
    text: String,
    starts: Vec<EntryStart>,
}

#[derive(Debug)]
struct EntryStart {
    /// In the rewritten text, bytes.
    offset: usize,
    /// From 1.
    line: usize,
    /// The line up to its `=`.
    beginning: String,
}

impl Entries {
    fn of(text: &str) -> Result<Self, LineProblem> {
        let mut entries = Self::default();
        let mut quotes = Quotes::Closed;
        for (line, number) in text.lines().zip(1..) {
            let between = quotes == Quotes::Closed;
            let setting = split_value(line).filter(|_| between);
            if between {
                let offset = entries.text.len();
                entries.starts.push(EntryStart { offset, line: number, beginning: beginning(line) });
            }
            match setting {
                Some((name, value)) if is_plain(value) => {
                    entries.text.push_str(name);
                    entries.text.push_str(&with_quoted_blanks(value));
                }
                _ => {
                    quotes = quotes.after(line);
                    let begins_quoted = setting.is_none_or(|(_, value)| value.starts_with(['"', '\'']));
                    if quotes != Quotes::Closed && between && !begins_quoted {
                        return Err(not_read(number, &beginning(line)));
                    }
                    entries.text.push_str(line);
                }
            }
            entries.text.push('\n');
        }
        Ok(entries)
    }

    /// Finds the first entry that cannot be read: the text up to it can.
    fn problem(&self, error: &dotenvy::Error, can_be_read: impl Fn(&str) -> bool) -> LineProblem {
        let ends = self.starts.iter().skip(1).map(|start| start.offset).chain([self.text.len()]);
        let ends: Vec<usize> = ends.collect();
        let readable = ends.partition_point(|end| self.text.get(..*end).is_some_and(&can_be_read));
        match self.starts.get(readable) {
            Some(start) => not_read(start.line, &start.beginning),
            None => LineProblem { line: 1, problem: error.to_string().chars().take(80).collect() },
        }
    }
}

/// A line up to its `=`. An error leaves the value out: it may be another program's password.
fn beginning(line: &str) -> String {
    let beginning = line.split_inclusive('=').next().unwrap_or(line);
    beginning.replace(char::is_control, " ").trim().chars().take(80).collect()
}

fn not_read(line: usize, beginning: &str) -> LineProblem {
    let problem = match beginning.strip_suffix('=') {
        None => format!("found {beginning:?}, expected NAME=value; # before it makes it a comment"),
        Some(name) => format!(
            "the value of {name} cannot be read: put it in quotes, {name}='…', or {name}=\"…\" if there is a ' in it"
        ),
    };
    LineProblem { line, problem }
}

/// Splits `NAME=value` or `export NAME=value` before its value. `None` if the line is a comment or has no name.
fn split_value(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let name = name.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(name);
    let is_name =
        !name.is_empty() && name.trim().chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c));
    is_name.then(|| line.split_at(line.len() - value.trim_start().len()))
}

/// Whether a value has no quotes before its comment.
fn is_plain(value: &str) -> bool {
    !without_comment(value).contains(['"', '\''])
}

/// A value without ` # comment` and without blanks at its end.
fn without_comment(value: &str) -> &str {
    let mut after_blank = true;
    let mut escaped = false;
    for (at, c) in value.char_indices() {
        if c == '#' && after_blank {
            return value.split_at(at).0.trim_end();
        }
        after_blank = c.is_whitespace() && !escaped;
        escaped = c == '\\' && !escaped;
    }
    value.trim_end()
}

/// Quotes the blanks of an unquoted value. A blank behind `\` or `$NAME` stays bare: `dotenvy` keeps it already.
fn with_quoted_blanks(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len() + 8);
    let mut escaped = false;
    let mut in_name = false;
    for c in without_comment(value).chars() {
        if matches!(c, ' ' | '\t') && !escaped && !in_name {
            quoted.extend(['"', c, '"']);
        } else {
            quoted.push(c);
        }
        escaped = c == '\\' && !escaped && !in_name;
        in_name = c == '$' || (in_name && c.is_alphanumeric());
    }
    quoted
}

/// Whether a line ends between quotes, by `dotenvy`'s rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    Closed,
    Single,
    Double,
}

impl Quotes {
    fn after(self, line: &str) -> Self {
        let mut now = self;
        let mut escaped = false;
        let mut after_blank = self == Self::Closed;
        for c in line.chars() {
            now = match (now, c) {
                (Self::Closed, '#') if after_blank => return now,
                _ if escaped => now,
                (Self::Closed, '"') => Self::Double,
                (Self::Closed, '\'') => Self::Single,
                (Self::Double, '"') | (Self::Single, '\'') => Self::Closed,
                (now, _) => now,
            };
            after_blank = c.is_whitespace() && !escaped;
            escaped = c == '\\' && !escaped;
        }
        now
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str) -> String {
        let settings = parse(text.as_bytes()).unwrap_or_else(|problem| panic!("{text:?}: {problem:?}"));
        settings.get("A").cloned().unwrap_or_else(|| panic!("{text:?}: {settings:?}"))
    }

    fn problem(text: impl AsRef<[u8]>) -> (usize, String) {
        let problem = parse(text.as_ref()).unwrap_err();
        (problem.line, problem.problem)
    }

    #[test]
    fn a_value_without_quotes_is_taken_whole() {
        for (line, expected) in [
            ("A=/data/My Study/cat12", "/data/My Study/cat12"),
            ("A=/data/My Study/cat12  \t", "/data/My Study/cat12"),
            ("A=  /data/My Study", "/data/My Study"),
            ("  export  A = /data/My  Big\tStudy", "/data/My  Big\tStudy"),
            ("A=My Study # where the data are", "My Study"),
            ("A=My Study\t# it's \"there\"", "My Study"),
            ("A=My Study #1", "My Study"),
            ("A=/data/#1 of 2#3", "/data/#1 of 2#3"),
            ("A=one\\ two three", "one two three"),
            ("A=one\\\\ two", "one\\ two"),
            ("A=a=b c", "a=b c"),
            ("A=Größe und Länge", "Größe und Länge"),
            ("A=", ""),
            ("A= # nothing", ""),
            ("A=b ", "b"),
        ] {
            for end in ["", "\n", "\r\n", "\nB=c\n"] {
                assert_eq!(value(&format!("{line}{end}")), expected, "{line:?}{end:?}");
            }
        }
    }

    #[test]
    fn quotes_escapes_and_names_are_read_as_dotenvy_reads_them() {
        for line in [
            "A='/data/My Study'",
            "A=\"/data/My Study\"",
            "A=\"it's\" # there",
            "A='a\"b'",
            "A=\"a\\\"b\\n\\$c\\\\\"",
            "A='over\nlines'",
            "A=\"over\n# lines\"",
            "A=/data/'My Study'/cat12",
            "B=/data\nA=$B/cat12",
            "B=/data\nA=${B}/cat12",
            "B=/data\nA=\"${B}/cat12\"",
            "B=/data\nA='$B'",
            "A=a\\$B",
            "A=a\\ b",
            "A=a\\ #b",
            "A=one\nA=two",
            "# A=none\nA=some # A=none",
            "A.B=c\nA=d",
        ] {
            let by_dotenvy: HashMap<_, _> =
                dotenvy::from_read_iter(line.as_bytes()).collect::<Result<_, _>>().unwrap();
            assert_eq!(parse(line.as_bytes()).unwrap(), by_dotenvy, "{line:?}");
        }
        assert_eq!(value("B=/data\nA=$B/My Study"), "/data/My Study");
        assert_eq!(value("B=/data\nA=${B} of mine"), "/data of mine");
        assert_eq!(value("B=/data\nA=$B of mine # not yours"), "/data of mine");
    }

    #[test]
    fn a_byte_order_mark_and_ends_of_lines_of_windows_are_no_settings() {
        let settings = parse("\u{feff}A=My Study\r\n\r\nB=\"c\"\r\n".as_bytes()).unwrap();
        assert_eq!((settings["A"].as_str(), settings["B"].as_str(), settings.len()), ("My Study", "c", 2));
        assert_eq!(parse("\u{feff}".as_bytes()), Ok(HashMap::new()));
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_line_and_the_way_out() {
        for (text, line, word) in [
            ("A=b\n\nB=C:\\data\n", 3, "B='…'"),
            ("# John's\nA=/data/John's Study\nB=/data/John's Study\n", 2, "A=\"…\""),
            ("A=/data/John's\nB=/data/John's\n", 1, "A=\"…\""),
            ("A=b\nB='c\nd\ne=f\n", 2, "B='…'"),
            ("A='over\nlines'\nB=\"c\" d\n", 3, "B='…'"),
            ("A=b\r\nSESSIONS_CSV sessions.csv\r\n", 2, "expected NAME=value"),
            ("A=b\n1A=c", 2, "1A"),
            ("A=b\nB=${C", 2, "B='…'"),
            ("A=b\n=c\n", 2, "quotes"),
        ] {
            let (found, said) = problem(text);
            assert!(found == line && said.contains(word), "{text:?}: line {found}: {said}");
        }
        assert_eq!(problem(b"A=b\nB=\xff\n").0, 2);
        assert!(problem(b"\xff\xfeA\0=\0").1.contains("UTF-16"));
        for (text, line) in [("A=b\rB=c\r", 1), ("\u{feff}A=b\rB=c", 1), ("A=b\r\n\nB=c\rC=d\r\n", 3)] {
            let (found, said) = problem(text);
            assert!(found == line && said.contains("CR alone"), "{text:?}: line {found}: {said}");
        }
    }

    #[test]
    fn a_value_is_not_repeated_in_an_error() {
        let (_, said) = problem("PASSWORD=swordfish \\q\n");
        assert!(said.contains("PASSWORD") && !said.contains("swordfish"), "{said}");
    }

    proptest! {
        #[test]
        fn what_dotenvy_reads_is_read_the_same(text in "([AB]=|\\$A|\\$\\{B\\}|\"|'|#|[a-c ]|\\\\|\n){0,16}") {
            let by_dotenvy = dotenvy::from_read_iter(text.as_bytes()).collect::<Result<HashMap<_, _>, _>>();
            // Faults of its own: a comment behind a name's blank is taken for the value, and a quote in the middle of a
            // value, or in a comment right behind the =, may swallow lines.
            let behind_a_name = text.contains('$') && text.contains(' ');
            let swallows = text.contains("=#")
                || by_dotenvy.as_ref().is_ok_and(|read| read.values().any(|value| value.contains('\n')));
            if let (Ok(expected), false, false) = (by_dotenvy, behind_a_name, swallows) {
                prop_assert_eq!(parse(text.as_bytes()), Ok(expected));
            }
        }

        #[test]
        fn any_line_of_a_path_is_the_path(path in "/[a-zA-Z0-9 ._-]{0,40}[a-z]") {
            prop_assert_eq!(value(&format!("A={path}\n")), path);
        }
    }
}
