//! Which columns of the session list are identifiers, which is age, and which are kept.

use std::collections::HashSet;
use std::path::Path;

use na_model::{AGE_COLUMN, TEXT_REGION_COLUMNS, statistic_kind};

use super::SessionListOptions;
use super::rows::{Row, Rows, form};
use super::words::is_personal;
use crate::error::PipelineError;

const SUBJECT: &[&str] = &["subject_code", "SubjectCode", "participant_id"];
const SESSION: &[&str] = &["session_id", "ScanID"];
const AGE: &[&str] = &["AGE", "Age@Scan", "age", "Age"];
const ADDED_BY_STORE: &[&str] = &[
    "subject_code",
    "session_id",
    "modality",
    "metric",
    "tiv",
    "workflow",
    "model",
    "param",
    "desc",
    "index",
];

/// What each column is for.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) subject: usize,
    pub(super) session: Option<usize>,
    pub(super) columns: Vec<Kept>,
    pub(super) notes: Vec<String>,
}

/// A metadata column that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    /// Its name in the store.
    pub(super) name: String,
    place: usize,
    is_age: bool,
}

impl Choice {
    pub(super) fn new(path: &Path, rows: &Rows, options: &SessionListOptions) -> Result<Self, PipelineError> {
        let header = &rows.header;
        check_header(path, header)?;
        let subject = identifier(
            path,
            header,
            options.subject_column.as_deref(),
            SUBJECT,
            "--subject-column",
        )?
        .ok_or_else(|| {
            let found = header.join(", ");
            form(
                path,
                format!(
                    "no column of subjects among its columns {found}; expected one of {}, or name it with \
                     --subject-column",
                    SUBJECT.join(", ")
                ),
            )
        })?;
        let session =
            identifier(path, header, options.session_column.as_deref(), SESSION, "--session-column")?;
        if session == Some(subject) {
            return Err(form(
                path,
                "--subject-column and --session-column name one column: they must differ",
            ));
        }
        let others: Vec<usize> = (0..header.len())
            .filter(|place| *place != subject && Some(*place) != session && !name(header, *place).is_empty())
            .collect();
        let age = match options.age_column.as_deref() {
            Some(wanted) => Some(
                others.iter().copied().find(|place| name(header, *place) == wanted).ok_or_else(|| {
                    form(
                        path,
                        format!("--age-column {wanted} is not among its columns {}", names(header, &others)),
                    )
                })?,
            ),
            None => {
                AGE.iter().find_map(|age| others.iter().copied().find(|place| name(header, *place) == *age))
            }
        };
        let mut notes = unnamed(path, header);
        let kept = match &options.metadata_columns {
            Some(wanted) => {
                let identifiers = [Some(name(header, subject)), session.map(|place| name(header, place))];
                chosen(path, header, &others, wanted, &identifiers, age, options.age_column.is_some())?
            }
            None => without_personal(path, header, &others, age, &mut notes),
        };
        let columns: Vec<Kept> = kept
            .into_iter()
            .map(|place| {
                let is_age = Some(place) == age;
                let name = if is_age { AGE_COLUMN } else { name(header, place) }.to_owned();
                Kept { name, place, is_age }
            })
            .collect();
        check_kept(path, &columns)?;
        Ok(Self { subject, session, columns, notes })
    }

    /// The kept cells of a row.
    pub(super) fn values(
        &self,
        path: &Path,
        rows: &Rows,
        row: &Row,
    ) -> Result<Vec<Option<String>>, PipelineError> {
        let value = |column: &Kept| {
            let cell = row.cell(column.place);
            if matches!(cell, "" | "n/a") {
                return Ok(None);
            }
            if !column.is_age {
                return Ok(Some(cell.to_owned()));
            }
            if cell == "NA" || cell.eq_ignore_ascii_case("nan") {
                return Ok(None);
            }
            match fast_float2::parse::<f64, _>(cell) {
                Ok(age) if age.is_finite() => Ok(Some(cell.to_owned())),
                _ => {
                    let column = name(&rows.header, column.place);
                    let hint = if cell.contains(',') { " with a decimal point" } else { "" };
                    let problem = format!(
                        "column {column}: found {cell:?}, expected an age in years, a number{hint}, or empty; \
                         --age-column names another column"
                    );
                    Err(rows.problem(path, row, problem))
                }
            }
        };
        self.columns.iter().map(value).collect()
    }
}

fn name(header: &[String], place: usize) -> &str {
    header.get(place).map(String::as_str).unwrap_or_default()
}

fn names(header: &[String], places: &[usize]) -> String {
    places.iter().map(|place| name(header, *place)).collect::<Vec<_>>().join(", ")
}

fn check_header(path: &Path, header: &[String]) -> Result<(), PipelineError> {
    let mut seen = HashSet::new();
    match header.iter().find(|name| !name.is_empty() && !seen.insert(name.as_str())) {
        Some(twice) => Err(form(path, format!("two of its columns are called {twice}: rename one"))),
        None => Ok(()),
    }
}

fn identifier(
    path: &Path,
    header: &[String],
    wanted: Option<&str>,
    accepted: &[&str],
    option: &str,
) -> Result<Option<usize>, PipelineError> {
    if let Some(wanted) = wanted {
        let place = header.iter().position(|name| name == wanted);
        let missing =
            || form(path, format!("{option} {wanted} is not among its columns {}", header.join(", ")));
        return place.ok_or_else(missing).map(Some);
    }
    let found: Vec<&str> = accepted.iter().copied().filter(|a| header.iter().any(|name| name == a)).collect();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(header.iter().position(|name| name == one)),
        several => Err(form(
            path,
            format!("its columns {} could all be meant: choose with {option}", several.join(", ")),
        )),
    }
}

fn unnamed(path: &Path, header: &[String]) -> Vec<String> {
    let count = header.iter().filter(|name| name.is_empty()).count();
    if count == 0 {
        return Vec::new();
    }
    vec![format!("{}: {count} columns have no name and were left out", path.display())]
}

fn chosen(
    path: &Path,
    header: &[String],
    others: &[usize],
    wanted: &[String],
    identifiers: &[Option<&str>],
    age: Option<usize>,
    age_is_named: bool,
) -> Result<Vec<usize>, PipelineError> {
    let mut places: Vec<usize> = age.into_iter().filter(|_| age_is_named).collect();
    for wanted in wanted.iter().map(|wanted| wanted.trim()) {
        if identifiers.contains(&Some(wanted)) || wanted.is_empty() {
            continue;
        }
        let place = others.iter().copied().find(|place| name(header, *place) == wanted);
        let place = place.or(age.filter(|_| wanted == AGE_COLUMN)).ok_or_else(|| {
            let there = names(header, others);
            form(path, format!("--metadata-columns {wanted} is not among its columns {there}"))
        })?;
        places.push(place);
    }
    places.sort_unstable();
    places.dedup();
    Ok(places)
}

fn without_personal(
    path: &Path,
    header: &[String],
    others: &[usize],
    age: Option<usize>,
    notes: &mut Vec<String>,
) -> Vec<usize> {
    let (left_out, kept): (Vec<usize>, Vec<usize>) =
        others.iter().partition(|place| Some(**place) != age && is_personal(name(header, **place)));
    if !left_out.is_empty() {
        notes.push(format!(
            "{}: left out because they look like direct identifiers: {}; to keep them, name all columns to keep with \
             --metadata-columns",
            path.display(),
            names(header, &left_out)
        ));
    }
    kept
}

fn check_kept(path: &Path, columns: &[Kept]) -> Result<(), PipelineError> {
    if columns.iter().filter(|column| column.name == AGE_COLUMN).count() > 1 {
        return Err(form(
            path,
            format!(
                "the age column would be called {AGE_COLUMN}, and there is another of this name: rename that, \
                 or leave it out with --metadata-columns"
            ),
        ));
    }
    let of_tables = |name: &str| {
        ADDED_BY_STORE.contains(&name)
            || TEXT_REGION_COLUMNS.contains(&name)
            || statistic_kind(name).is_some()
    };
    match columns.iter().find(|column| of_tables(&column.name)) {
        Some(column) => Err(form(
            path,
            format!(
                "the store's tables have a column {} of their own: rename it in the list, or \
                 leave it out with --metadata-columns",
                column.name
            ),
        )),
        None => Ok(()),
    }
}
