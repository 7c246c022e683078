//! The session list's file: its rows as they are written, before any session is looked for.
//!
//! Knows one file and what the command line says of its columns. Promises that a list of the wrong shape is an error
//! with its first such line, and that no cell of metadata stops a run or is quoted. Begin with [`read_session_list`].

use std::path::Path;

use na_model::columns::AGE;
use na_model::{ColumnNotes, Number, is_missing_text};

use crate::error::PipelineError;
use crate::sessions::list::age::{Age, AgeUnit, in_years};
use crate::sessions::list::column_notes::{NamedColumn, notes_said};
use crate::sessions::list::columns::ColumnChoice;
use crate::sessions::list::decimal_comma::{with_point_if_number, with_points};
use crate::sessions::list::delimited::{DelimitedRows, form};
use crate::sessions::list::json_beside::{JsonBeside, read_beside};
use crate::sessions::list::options::SessionListOptions;

mod age;
mod column_notes;
pub(crate) mod columns;
mod decimal_comma;
mod delimited;
mod direct_identifiers;
mod json_beside;
pub(crate) mod options;

/// A session list's rows: identifiers as written, metadata as it is kept.
#[derive(Debug, Clone)]
pub struct ListedRows {
    /// The metadata columns; age, if there is one, is called [`AGE`].
    pub columns: Vec<String>,
    /// The rows that are not empty, in order.
    pub rows: Vec<ListedRow>,
    /// Whether there is a column of sessions.
    pub has_sessions: bool,
    /// What the JSON beside the list says of some of them.
    pub column_notes: ColumnNotes,
    /// Whether ages are in a unit that nobody knows.
    pub unknown_age_unit: bool,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// A row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRow {
    /// From 1; the header is line 1.
    pub line: usize,
    /// The subject's cell.
    pub subject: String,
    /// The session's cell; empty if there is no column of sessions.
    pub session: String,
    /// A cell for each of [`ListedRows::columns`]; `None` if it is empty or `n/a`.
    pub values: Vec<Option<String>>,
}

/// Reads a session list, `-` for standard input: cells between commas or semicolons (`.csv`) or tabs (`.tsv`), either
/// gzipped, a row a session, everything as text.
///
/// # Errors
/// A file that cannot be read or has not the shape of such a list, with its first line that has not. What a cell holds
/// is no error, except an age column without one number: that is another column.
pub fn read_session_list(path: &Path, options: &SessionListOptions) -> Result<ListedRows, PipelineError> {
    let rows = DelimitedRows::read(path)?;
    let choice = ColumnChoice::new(path, &rows, options)?;
    let mut list = ListedRows {
        columns: Vec::new(),
        rows: Vec::with_capacity(rows.rows.len()),
        has_sessions: choice.session.is_some(),
        column_notes: ColumnNotes::new(),
        unknown_age_unit: false,
        notes: choice.notes,
    };
    // What Excel writes with a decimal comma is a number in these columns as well.
    let identifier = |cell: &str| match rows.has_semicolons {
        true => with_point_if_number(cell),
        false => cell.to_owned(),
    };
    for row in &rows.rows {
        list.rows.push(ListedRow {
            line: rows.line(row),
            subject: identifier(row.cell(choice.subject)),
            session: choice.session.map(|column| identifier(row.cell(column))).unwrap_or_default(),
            values: Vec::with_capacity(choice.kept.len()),
        });
    }
    let mut beside = read_beside(path);
    let mut named = Vec::with_capacity(choice.kept.len());
    for column in choice.kept {
        let cells: Vec<String> = rows.rows.iter().map(|row| row.cell(column).to_owned()).collect();
        let cells = if rows.has_semicolons { with_points(cells) } else { cells };
        let name = rows.header.get(column).map(String::as_str).unwrap_or_default();
        if Some(column) == choice.age {
            list.add_age(path, name, &rows.header, &cells, &mut beside)?;
            named.push(NamedColumn { written: name.to_owned(), name: AGE.to_owned() });
            continue;
        }
        let own = name;
        let name = match choice.age.and_then(|age| rows.header.get(age)) {
            // AGE is the age alone, wherever in the list another column of that name stands.
            Some(age) if own == AGE => {
                let free = free_name(AGE, &rows.header);
                list.notes.push(format!(
                    "{}: its column {AGE} is called {free} in the store, where {AGE} is the age that the \
                     column {age} holds",
                    path.display()
                ));
                free
            }
            _ => own.to_owned(),
        };
        list.add(&name, cells.into_iter().map(|cell| (!is_missing_text(&cell)).then_some(cell)));
        named.push(NamedColumn { written: own.to_owned(), name });
    }
    list.column_notes = notes_said(&beside, &named);
    let untold = beside.iter().filter(|json| !json.is_told).filter_map(|json| json.said.as_ref().err());
    let not_known = |error| format!("{error}; what it says of the list's columns is not known");
    list.notes.extend(untold.map(not_known));
    Ok(list)
}

impl ListedRows {
    fn add(&mut self, name: &str, values: impl Iterator<Item = Option<String>>) {
        self.columns.push(name.to_owned());
        self.rows.iter_mut().zip(values).for_each(|(row, value)| row.values.push(value));
    }

    /// Age in years under its own name; where some cells are no numbers, those as they are written beside it.
    fn add_age(
        &mut self,
        path: &Path,
        name: &str,
        header: &[String],
        cells: &[String],
        beside: &mut [JsonBeside],
    ) -> Result<(), PipelineError> {
        let ages: Vec<Age> = cells.iter().map(|cell| Age::parse(cell)).collect();
        let no_numbers = ages.iter().filter(|age| matches!(age, Age::Text)).count();
        if no_numbers > 0 && ages.iter().all(|age| age.number().is_none()) {
            let is_comma = |cell: &&String| Number::parse(&with_point_if_number(cell)).is_some();
            if cells
                .iter()
                .zip(&ages)
                .filter(|(_, age)| matches!(age, Age::Text))
                .all(|(cell, _)| is_comma(&cell))
            {
                let problem = format!(
                    "its column {name} is taken for age and has a comma in place of the decimal point: write the list again \
                     with points, or with semicolons between its cells"
                );
                return Err(form(path, problem));
            }
            let problem = format!(
                "its column {name} is taken for age and holds words and not one number: --age-column names another, \
                 --metadata-columns leaves it out"
            );
            return Err(form(path, problem));
        }
        let (unit, note) = AgeUnit::said(beside, name);
        self.notes.extend(note);
        self.unknown_age_unit = unit == AgeUnit::Unknown;
        self.add(AGE, cells.iter().map(|cell| in_years(cell, unit)));
        let at_least = ages.iter().filter(|age| matches!(age, Age::AtLeast(_))).count();
        if no_numbers + at_least > 0 {
            let mut texts_name = format!("{name}_text");
            if has_name(header, &texts_name) {
                texts_name = free_name(&texts_name, header);
            }
            self.notes.push(format!(
                "{}: {no_numbers} ages are no numbers and are null in {AGE}, {at_least} are written with a + and \
                 count as the number before it; {texts_name} has them as they are written",
                path.display()
            ));
            // Whose age is a number has none: another list, in which nobody's is text, says the same of them.
            let is_text = |age: &Age| matches!(age, Age::AtLeast(_) | Age::Text);
            let texts = cells.iter().zip(&ages).map(|(cell, age)| is_text(age).then(|| cell.clone()));
            self.add(&texts_name, texts);
        }
        Ok(())
    }
}

/// A name with the next number that makes it no column's of the list, whatever its case.
fn free_name(name: &str, header: &[String]) -> String {
    let mut number = 2;
    loop {
        let numbered = format!("{name}_{number}");
        if !has_name(header, &numbered) {
            return numbered;
        }
        number += 1;
    }
}

fn has_name(header: &[String], name: &str) -> bool {
    header.iter().any(|column| column.to_lowercase() == name.to_lowercase())
}

#[cfg(test)]
mod tests;
