//! The roles of the session list's columns: identifiers, age, and those that are kept.

use std::path::Path;

use foldhash::{HashSet, HashSetExt};
use na_model::columns;

use crate::error::PipelineError;
use crate::sessions::list::delimited::{DelimitedRows, form};
use crate::sessions::list::direct_identifiers::{is_bare_id, is_direct_identifier};
use crate::sessions::list::options::SessionListOptions;

pub(crate) const SUBJECT_COLUMNS: &[&str] =
    &[columns::SUBJECT, "SubjectCode", "participant_id", "subject", "sub", "id"];
pub(crate) const SESSION_COLUMNS: &[&str] = &[columns::SESSION, "ScanID", "session", "ses"];

/// Words in the names of columns that may hold the visit.
pub(crate) const LIKE_SESSION: &[&str] =
    &["visit", "viscode", "visitcode", "timepoint", "wave", "eventname", "session", "ses", "scanid"];
const LIKE_AGE: &[&str] = &["age"];

/// The role of each column, by its index in the header.
#[derive(Debug)]
pub(super) struct ColumnChoice {
    pub(super) subject: usize,
    pub(super) session: Option<usize>,
    /// `None` if there is no age, or it is not kept.
    pub(super) age: Option<usize>,
    /// The columns that are kept, in the list's order.
    pub(super) kept: Vec<usize>,
    pub(super) notes: Vec<String>,
}

impl ColumnChoice {
    pub(super) fn new(
        path: &Path,
        rows: &DelimitedRows,
        options: &SessionListOptions,
    ) -> Result<Self, PipelineError> {
        let header = Header { path, header: &rows.header };
        header.check()?;
        let mut notes = header.unnamed();
        let subject = header.subject(options, &mut notes)?;
        let session = header.session(options, &mut notes)?;
        if session == Some(subject) {
            return Err(form(
                path,
                "--subject-column and --session-column name one column: they must differ",
            ));
        }
        let others = (0..rows.header.len())
            .filter(|index| *index != subject && Some(*index) != session && !header.name(*index).is_empty());
        let (bookkeeping, others): (Vec<usize>, Vec<usize>) =
            others.partition(|index| columns::is_package_bookkeeping(header.name(*index)));
        if !bookkeeping.is_empty() {
            notes.push(format!(
                "{}: left out because they are what the pandas package had loaded: {}",
                path.display(),
                header.names(&bookkeeping)
            ));
        }
        let age = header.age(options, &others)?;
        if session.is_none() {
            notes.extend(header.like(LIKE_SESSION, &others, "session", "--session-column"));
        }
        if age.is_none() {
            notes.extend(header.like(LIKE_AGE, &others, "age", "--age-column"));
        }
        let kept_by_name = header.kept_by_name(&others, options)?;
        let kept = match &options.metadata_columns {
            Some(wanted) => {
                let identifiers = [Some(header.name(subject)), session.map(|index| header.name(index))];
                let age_by_name = age.filter(|_| options.age_column.is_some());
                let by_name = kept_by_name.into_iter().chain(age_by_name);
                header.chosen(&others, wanted, &identifiers, by_name, age)?
            }
            None => header.without_direct_identifiers(&others, age, options, &mut notes),
        };
        Ok(Self { subject, session, age: age.filter(|age| kept.contains(age)), kept, notes })
    }
}

/// The header of a list, for errors with its path.
struct Header<'a> {
    path: &'a Path,
    header: &'a [String],
}

impl Header<'_> {
    fn name(&self, index: usize) -> &str {
        self.header.get(index).map(String::as_str).unwrap_or_default()
    }

    fn names(&self, indices: &[usize]) -> String {
        indices.iter().map(|index| self.name(*index)).collect::<Vec<_>>().join(", ")
    }

    fn check(&self) -> Result<(), PipelineError> {
        let mut seen = HashSet::new();
        match self.header.iter().find(|name| !name.is_empty() && !seen.insert(name.as_str())) {
            Some(twice) => Err(form(self.path, format!("two of its columns are called {twice}: rename one"))),
            None => Ok(()),
        }
    }

    fn unnamed(&self) -> Vec<String> {
        match self.header.iter().filter(|name| name.is_empty()).count() {
            0 => Vec::new(),
            n => vec![format!("{}: {n} columns have no name and were left out", self.path.display())],
        }
    }

    fn subject(&self, options: &SessionListOptions, notes: &mut Vec<String>) -> Result<usize, PipelineError> {
        let found =
            self.identifier(options.subject_column.as_deref(), SUBJECT_COLUMNS, "--subject-column", notes)?;
        found.ok_or_else(|| self.no_subject())
    }

    fn no_subject(&self) -> PipelineError {
        let problem = format!(
            "no column of subjects among its columns {}; expected one of {}, or name it with --subject-column",
            self.header.join(", "),
            SUBJECT_COLUMNS.join(", ")
        );
        form(self.path, problem)
    }

    fn session(
        &self,
        options: &SessionListOptions,
        notes: &mut Vec<String>,
    ) -> Result<Option<usize>, PipelineError> {
        self.identifier(options.session_column.as_deref(), SESSION_COLUMNS, "--session-column", notes)
    }

    /// The column that an option names, or else the first with a known name, in any case.
    fn identifier(
        &self,
        wanted: Option<&str>,
        known: &[&str],
        option: &str,
        notes: &mut Vec<String>,
    ) -> Result<Option<usize>, PipelineError> {
        if let Some(wanted) = wanted {
            let index = self.header.iter().position(|name| name == wanted);
            let problem = || format!("{option} {wanted} is not among its columns {}", self.header.join(", "));
            return index.ok_or_else(|| form(self.path, problem())).map(Some);
        }
        let mut found: Vec<usize> = Vec::new();
        for name in known {
            let exact = self.header.iter().position(|column| column == name);
            let any_case = || self.header.iter().position(|column| column.eq_ignore_ascii_case(name));
            found.extend(exact.or_else(any_case).filter(|index| !found.contains(index)));
        }
        if let [first, _, ..] = found.as_slice() {
            notes.push(format!(
                "{}: its columns {} could all be meant: {} is taken; {option} names another",
                self.path.display(),
                self.names(&found),
                self.name(*first)
            ));
        }
        Ok(found.first().copied())
    }

    /// A note that a column may be meant, as its name has one of the words, and is not taken.
    fn like(&self, words: &[&str], others: &[usize], what: &str, option: &str) -> Option<String> {
        let is_like =
            |index: &&usize| words_of(self.name(**index)).any(|word| words.contains(&word.as_str()));
        let name = self.name(*others.iter().find(is_like)?);
        Some(format!(
            "{}: no column is taken for the {what}; if {name} is it, {option} {name} says so",
            self.path.display()
        ))
    }

    fn age(&self, options: &SessionListOptions, others: &[usize]) -> Result<Option<usize>, PipelineError> {
        let called = |wanted: &str| others.iter().copied().find(|index| self.name(*index) == wanted);
        match options.age_column.as_deref() {
            None => Ok(columns::AGE_COLUMNS.iter().find_map(|age| called(age))),
            Some(wanted) => called(wanted).map(Some).ok_or_else(|| {
                let there = self.names(others);
                form(self.path, format!("--age-column {wanted} is not among its columns {there}"))
            }),
        }
    }

    /// The columns that `--keep-column` names.
    fn kept_by_name(
        &self,
        others: &[usize],
        options: &SessionListOptions,
    ) -> Result<Vec<usize>, PipelineError> {
        if let Some(wrong) = options.keep_columns.iter().find(|name| !self.header.contains(name)) {
            let problem = format!("--keep-column {wrong} is not among its columns {}", self.names(others));
            return Err(form(self.path, problem));
        }
        let is_named = |index: &usize| options.keep_columns.iter().any(|name| name == self.name(*index));
        Ok(others.iter().copied().filter(is_named).collect())
    }

    /// The columns that `--metadata-columns` names, and those that other options name.
    fn chosen(
        &self,
        others: &[usize],
        wanted: &[String],
        identifiers: &[Option<&str>],
        by_name: impl Iterator<Item = usize>,
        age: Option<usize>,
    ) -> Result<Vec<usize>, PipelineError> {
        let mut kept: Vec<usize> = by_name.collect();
        for wanted in wanted.iter().map(|wanted| wanted.trim()) {
            if identifiers.contains(&Some(wanted)) || wanted.is_empty() {
                continue;
            }
            let index = others.iter().copied().find(|index| self.name(*index) == wanted);
            let index = index.or(age.filter(|_| wanted == columns::AGE)).ok_or_else(|| {
                let there = self.names(others);
                form(self.path, format!("--metadata-columns {wanted} is not among its columns {there}"))
            })?;
            kept.push(index);
        }
        kept.sort_unstable();
        kept.dedup();
        Ok(kept)
    }

    fn without_direct_identifiers(
        &self,
        others: &[usize],
        age: Option<usize>,
        options: &SessionListOptions,
        notes: &mut Vec<String>,
    ) -> Vec<usize> {
        let is_left_out = |index: &&usize| Some(**index) != age && is_left_out(self.name(**index), options);
        let (left_out, kept): (Vec<usize>, Vec<usize>) = others.iter().partition(is_left_out);
        if !left_out.is_empty() {
            notes.push(format!(
                "{}: left out because they look like direct identifiers: {}; --keep-column NAME keeps one",
                self.path.display(),
                self.names(&left_out)
            ));
        }
        kept
    }
}

/// The words of a column's name, in small letters: `AgeAtScan` and `age_at_scan` have the same.
fn words_of(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (was_small && letter.is_uppercase()) {
            words.push(String::new());
        }
        was_small = letter.is_lowercase();
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
    }
    words.push(name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect());
    words.into_iter()
}

impl SessionListOptions {
    /// Whether a column must not be in the store, today's or an older one: it looks like a direct identifier, or others
    /// are chosen.
    #[must_use]
    pub fn leaves_out(&self, column: &str) -> bool {
        is_left_out(column, self) || !is_chosen(column, self)
    }
}

/// Whether a column looks like a direct identifier, and no option keeps it.
fn is_left_out(column: &str, options: &SessionListOptions) -> bool {
    let is_named = |names: &[String]| names.iter().any(|name| name == column);
    let is_kept = is_named(&options.keep_columns)
        || options.metadata_columns.as_deref().is_some_and(is_named)
        || options.age_column.as_deref() == Some(column);
    !is_kept && (is_bare_id(column) || is_direct_identifier(column))
}

/// Whether a column of the store is among the chosen ones. Age is called [`AGE`](columns::AGE) there, whatever the list
/// calls it.
fn is_chosen(column: &str, options: &SessionListOptions) -> bool {
    let Some(chosen) = &options.metadata_columns else { return true };
    let is_named =
        |column: &str| chosen.iter().chain(&options.keep_columns).any(|name| name.trim() == column);
    let is_age = column == columns::AGE;
    is_named(column)
        || (is_age
            && (options.age_column.is_some() || columns::AGE_COLUMNS.iter().any(|name| is_named(name))))
}
