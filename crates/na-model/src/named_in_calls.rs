//! Whom an argument, a setting or a folder may name. It is told for people alone: what may name somebody who withdrew is left out,
//! also where it is more likely that it does not.

use crate::named::Names;
use crate::session::{code_letters, code_number};

/// Letters and digits from which a code is looked for within words: fewer are in many.
const FEWEST_WITHIN: usize = 4;

/// Letters and digits from which a visit alone says whose it is: a date and a time do.
const FEWEST_OF_VISIT: usize = 8;

impl Names {
    /// Whether a text of a call may name somebody who withdrew, in whichever spelling.
    ///
    /// ```
    /// use na_model::{Names, Session, SubjectCode};
    ///
    /// let gone = ["CLMC_23", "0475"].map(|code| Session::new(SubjectCode::clean(code).unwrap(), None));
    /// let names = Names::of(&gone, []);
    /// assert!(["log_clmc-23.log", "/lists/475/list.csv", "-ssub-0475.csv"].iter().all(|text| names.may_be_in_call(text)));
    /// assert!(!["list.csv", "/raw/47512", "clmc"].iter().any(|text| names.may_be_in_call(text)));
    /// ```
    #[must_use]
    pub fn may_be_in_call(&self, text: &str) -> bool {
        if self.is_empty() {
            return false;
        }
        let words: Vec<String> = text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect();
        let parts: Vec<String> =
            text.split(['/', '\\']).map(|part| code_letters(part).to_lowercase()).collect();
        let has = |code: &str| {
            let letters = code_letters(code).to_lowercase();
            let number = code_number(&letters);
            words.iter().any(|word| *word == letters || (number.is_some() && code_number(word) == number))
                || (letters.len() >= FEWEST_WITHIN && parts.iter().any(|part| part.contains(&letters)))
        };
        self.are_in_path(text)
            || self.gone.iter().any(|(code, visits)| {
                let is_visit = |long: usize| {
                    visits
                        .iter()
                        .any(|visit| code_letters(visit.as_str()).len() >= long && has(visit.as_str()))
                };
                has(code.as_str()) && (visits.is_empty() || is_visit(0)) || is_visit(FEWEST_OF_VISIT)
            })
    }
}

#[cfg(test)]
mod tests {
    use crate::named::Names;
    use crate::session::{Session, SessionId, SubjectCode};

    #[test]
    fn a_call_names_somebody_however_a_file_is_called_after_them() {
        let of = |code: &str| Session::new(SubjectCode::clean(code).unwrap(), None);
        let names = Names::of(&["CLMC-10", "0475", "ANNA", "1"].map(of), &["CLMC-11", "0476"].map(of));
        for text in [
            "CLMC-10.log",
            "log_CLMC-10.log",
            "xCLMC-10.log",
            "clmc10",
            "CLMC 10.log",
            "/c2-CLMC.10/x",
            "0475.log",
            "2026-0475-x.log",
            "475.log",
            "anna/run.log",
            "log_ANNA.log",
            "-ssub-0475.csv",
            "--log-file=anna.log",
            "1",
            "sub-01",
        ] {
            assert!(names.may_be_in_call(text), "{text}");
        }
        for text in ["CLMC-11.log", "0476", "/raw/4751/x", "list_10.csv", "-j12", "cat12", ""] {
            assert!(!names.may_be_in_call(text), "{text}");
        }
        assert!(!Names::default().may_be_in_call("anything"));
    }

    #[test]
    fn who_stays_with_other_visits_is_named_by_both_or_by_a_visit_of_its_own() {
        let visit =
            |id: &str| Session::new(SubjectCode::clean("0475").unwrap(), SessionId::clean(id).unwrap());
        let names = Names::of(&[visit("202601121004"), visit("1")], &[visit("2")]);
        for text in ["logs/ses-202601121004.log", "0475_1.log"] {
            assert!(names.may_be_in_call(text), "{text}");
        }
        for text in ["0475.log", "1", "0475_2.log"] {
            assert!(!names.may_be_in_call(text), "{text}");
        }
    }
}
