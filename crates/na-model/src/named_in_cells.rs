//! Whom a cell of somebody else's data names. It is counted and told, and never changed: so it may be recognised in more
//! spellings than a text that is taken out.

use std::collections::BTreeSet;

use crate::named::Names;
use crate::session::{SubjectCode, code_letters};

impl Names {
    /// Whether a cell of other people's data names somebody who withdrew: as a path does, as a whole in any spelling of
    /// the code, or among other words by the code's letters and digits, whatever is between them and in either case.
    ///
    /// ```
    /// use na_model::{Names, Session, SubjectCode};
    ///
    /// let gone = ["CLMC_23", "130"].map(|code| Session::new(SubjectCode::clean(code).unwrap(), None));
    /// let names = Names::of(&gone, []);
    /// assert!(["twin of clmc-23", "CLMC23", "0130"].iter().all(|cell| names.are_in_cell(cell)));
    /// assert!(!["CLMC_230", "130 mL", "none"].iter().any(|cell| names.are_in_cell(cell)));
    /// ```
    #[must_use]
    pub fn are_in_cell(&self, cell: &str) -> bool {
        self.are_in_path(cell) || self.is_whole(cell.trim()) || self.has_letters_among_words(cell)
    }

    /// Whether a cell is the code of somebody who withdrew, and of nobody who stays: by the code, or its number.
    fn is_whole(&self, cell: &str) -> bool {
        let code = SubjectCode::clean(cell).ok();
        let stays = code.as_ref().is_some_and(|code| self.staying.contains_key(code));
        !stays && (code.is_some_and(|code| self.gone.contains_key(&code)) || self.is_number_gone(cell))
    }

    /// The letters and digits, in lower case, by which words of a cell name somebody who withdrew and nobody who stays.
    /// A code of one kind alone may be any word, or any count.
    pub(crate) fn to_letters_in_words(&self) -> BTreeSet<String> {
        let is_both = |letters: &String| {
            letters.contains(char::is_alphabetic) && letters.contains(|c: char| c.is_ascii_digit())
        };
        let plain = |code: &SubjectCode| code_letters(code.as_str()).to_lowercase();
        let staying: BTreeSet<String> = self.staying.keys().map(plain).collect();
        let gone = self.gone.keys().map(plain).filter(is_both);
        gone.filter(|letters| !staying.contains(letters)).collect()
    }

    /// Whether consecutive words are the letters and digits of somebody who withdrew.
    fn has_letters_among_words(&self, cell: &str) -> bool {
        let gone = &self.letters_in_words;
        let longest = gone.iter().map(String::len).max().unwrap_or_default();
        let cell = cell.to_lowercase();
        let words: Vec<&str> =
            cell.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        (0..words.len()).any(|first| {
            let mut together = String::new();
            words.iter().skip(first).any(|word| {
                together.push_str(word);
                together.len() <= longest && gone.contains(&together)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;

    #[test]
    fn a_cell_names_somebody_however_people_write_a_code() {
        let of = |code: &str| Session::new(SubjectCode::clean(code).unwrap(), None);
        let names = Names::of(&["CLMC_23", "130", "ab"].map(of), &["CLMC_24", "13", "x_1"].map(of));
        for (cell, is_named) in [
            ("CLMC_23", true),
            ("CLMC-23", true),
            ("clmc-23", true),
            ("CLMC23", true),
            ("clmc 23", true),
            ("twin of CLMC-23", true),
            ("(sub-CLMC23)", true),
            ("0130", true),
            ("130", true),
            (" 130 ", true),
            ("ab", true),
            ("a cab, ab out", false),
            ("CLMC_24", false),
            ("CLMC_230", false),
            ("ACLMC_23", false),
            ("CLMC, 23 of them", true),
            ("130 mL", false),
            ("13", false),
            ("", false),
        ] {
            assert_eq!(names.are_in_cell(cell), is_named, "{cell}");
        }
    }
}
