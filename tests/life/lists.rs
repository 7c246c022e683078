//! Session lists as a lab writes them: rows come and go, columns too, and a spreadsheet may dress the codes as numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::lab::{Lab, Session};
use super::model::{Model, Words};
use crate::support::disk::Random;

#[derive(Debug, Clone)]
pub struct List {
    pub file: &'static str,
    pub columns: Vec<&'static str>,
    pub rows: Vec<(Session, Words)>,
    /// Whether a spreadsheet wrote the codes that are digits.
    pub is_clothed: bool,
}

impl List {
    pub fn new(file: &'static str, columns: &[&'static str]) -> Self {
        Self { file, columns: columns.to_vec(), rows: Vec::new(), is_clothed: false }
    }

    pub fn names(&self, session: &Session) -> bool {
        self.rows.iter().any(|(named, _)| named == session)
    }

    pub fn add(&mut self, session: &Session, random: &mut Random) {
        let words = self.columns.iter().map(|column| ((*column).to_owned(), word(column, random)));
        self.rows.push((session.clone(), words.collect()));
    }

    /// Another value in one cell.
    pub fn edit(&mut self, random: &mut Random) {
        let column = self.columns[random.below(self.columns.len())];
        let row = random.below(self.rows.len());
        self.rows[row].1.insert(column.to_owned(), word(column, random));
    }

    pub fn add_column(&mut self, column: &'static str, random: &mut Random) {
        self.columns.push(column);
        for (_, words) in &mut self.rows {
            words.insert(column.to_owned(), word(column, random));
        }
    }

    pub fn drop_column(&mut self, place: usize) {
        let column = self.columns.remove(place);
        self.rows.iter_mut().for_each(|(_, words)| drop(words.remove(column)));
    }

    pub fn shuffle(&mut self, random: &mut Random) {
        for n in (1..self.rows.len()).rev() {
            self.rows.swap(n, random.below(n + 1));
        }
    }

    pub fn words(&self) -> BTreeMap<Session, Words> {
        self.rows.iter().cloned().collect()
    }

    pub fn text(&self, lab: &Lab) -> String {
        let codes: Vec<(&str, &str)> = self.rows.iter().map(|(session, _)| lab.listed(session)).collect();
        let is_number = |code: &str| code.bytes().all(|byte| byte.is_ascii_digit());
        let dressed = |code: &str, all: bool| {
            if self.is_clothed && all && !code.is_empty() { format!("{code}.0") } else { code.to_owned() }
        };
        let subjects = codes.iter().all(|(subject, _)| is_number(subject));
        let sessions = codes.iter().all(|(_, session)| is_number(session));
        let mut text = format!("subject_code,session_id,{}\n", self.columns.join(","));
        for ((subject, session), (_, words)) in codes.iter().zip(&self.rows) {
            let cells = [dressed(subject, subjects), dressed(session, sessions)].into_iter();
            let cells = cells.chain(self.columns.iter().map(|column| words[*column].clone()));
            text.push_str(&(cells.collect::<Vec<_>>().join(",") + "\n"));
        }
        text
    }
}

fn word(column: &str, random: &mut Random) -> String {
    let words: &[&str] = match column {
        "AGE" => &["20.5", "31", "44.25", "n/a"],
        "sex" => &["F", "M", ""],
        "score" => &["7", "8.5", "9"],
        // Numbers at first, and words now and then.
        _ => &["1", "2", "2.5", "", "1", "2", "Berlin"],
    };
    words[random.below(words.len())].to_owned()
}

/// All who were ever listed, with what the last list said that named them. Its columns are the last list's, and those in which
/// somebody else has a value.
pub fn union_of(lab: &Lab, model: &Model) -> String {
    let has_value = |word: &str| !["", "n/a"].contains(&word);
    let told = model.listed.values().flat_map(|words| words.iter().filter(|(_, word)| has_value(word)));
    let columns: BTreeSet<&String> = told.map(|(column, _)| column).chain(&model.columns).collect();
    let mut text = "subject_code,session_id".to_owned();
    columns.iter().for_each(|column| text.push_str(&format!(",{column}")));
    text.push('\n');
    for (session, words) in &model.listed {
        let (subject, visit) = lab.listed(session);
        text.push_str(&format!("{subject},{visit}"));
        let cells = columns.iter().map(|column| words.get(*column).map_or("", String::as_str));
        cells.for_each(|cell| text.push_str(&format!(",{cell}")));
        text.push('\n');
    }
    text
}
