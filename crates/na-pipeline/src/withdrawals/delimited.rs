//! Reads the list of withdrawals as people write it, with any delimiter, with a header or without.

use na_model::is_missing_in_list;

use crate::sessions::list::columns::{LIKE_SESSION, SESSION_COLUMNS, SUBJECT_COLUMNS};
use crate::withdrawals::participant::{Beside, Participant};

/// Names of the subject column in lists of withdrawals alone; `eid` is UK Biobank's.
const MORE_SUBJECTS: &[&str] = &["participant", "subject_id", "study_id", "patient_id", "eid"];

/// The lines of a list without its header. Every line counts.
pub(crate) fn participants(text: &str) -> Vec<Participant> {
    let lines = text.lines().flat_map(|line| line.split('\r'));
    let lines = lines.enumerate().filter(|(_, line)| !line.trim().is_empty());
    let lines: Vec<(usize, &str)> = lines.map(|(at, line)| (at + 1, line)).collect();
    let first = lines.first().map(|(_, line)| cells(line, delimiter(line))).unwrap_or_default();
    let subjects: Vec<&str> = SUBJECT_COLUMNS.iter().chain(MORE_SUBJECTS).copied().collect();
    let Some(subject) = column(&subjects, &first) else {
        // A line of a subject alone does not show the delimiter of the others.
        let delimiter = lines.iter().find_map(|(_, line)| delimiter(line));
        return lines.iter().map(|(at, line)| unnamed(*at, cells(line, delimiter), 0)).collect();
    };
    let sessions: Vec<&str> = SESSION_COLUMNS.iter().chain(LIKE_SESSION).copied().collect();
    let session = column(&sessions, &first).filter(|index| *index != subject);
    let delimiter = lines.first().and_then(|(_, line)| delimiter(line));
    let below = lines.iter().skip(1);
    below.map(|(at, line)| named(*at, cells(line, delimiter), subject, session)).collect()
}

/// A line below a header that names the columns of subjects and, if there is one, of sessions.
fn named(line: usize, cells: Vec<String>, subject: usize, session: Option<usize>) -> Participant {
    let cell = |index: usize| cells.get(index).filter(|cell| !cell.is_empty()).cloned();
    match cell(subject) {
        Some(code) => Participant::new(line, code, session.and_then(cell)),
        None => unnamed(line, cells, subject),
    }
}

/// A line without a header, or without a subject in the header's column.
fn unnamed(line: usize, mut cells: Vec<String>, subject: usize) -> Participant {
    let subject = if subject < cells.len() { cells.remove(subject) } else { String::new() };
    Participant { line, subject, beside: Beside::Unnamed(cells) }
}

/// A column by its name in any spelling: `Participant ID` is `participant_id`.
fn column(names: &[&str], header: &[String]) -> Option<usize> {
    let plain = |name: &str| {
        let letters = name.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect::<String>()
    };
    names.iter().find_map(|name| header.iter().position(|cell| plain(cell) == plain(name)))
}

/// The delimiter of a line: the first comma or tab, or a semicolon if it has neither.
fn delimiter(line: &str) -> Option<char> {
    first_outside_quotes(line, &[',', '\t']).or_else(|| first_outside_quotes(line, &[';']))
}

fn first_outside_quotes(line: &str, wanted: &[char]) -> Option<char> {
    let mut is_quoted = false;
    line.chars().find(|c| {
        is_quoted ^= *c == '"';
        !is_quoted && wanted.contains(c)
    })
}

/// The cells of a line, without quotes; missing-value words are empty. A quote that is never closed affects its own
/// line alone.
fn cells(line: &str, delimiter: Option<char>) -> Vec<String> {
    let mut is_quoted = false;
    let cells = line.split(|c: char| {
        is_quoted ^= c == '"';
        !is_quoted && Some(c) == delimiter
    });
    let cells = cells.map(|cell| cell.trim().trim_matches(['"', '\'']).trim());
    cells.map(|cell| if is_missing_in_list(cell) { String::new() } else { cell.to_owned() }).collect()
}
