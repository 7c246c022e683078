//! Whom a text names: participants of whom nothing may be told, as folders, files and messages write them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::session::{Session, SessionId, SubjectCode, code_letters, code_number};
use crate::source_file::{Sidecar, SourceFile};
use crate::source_root::SourceRoot;

/// What stands instead of a reason that named somebody.
const UNTOLD: &str = "not told: it named a participant who withdrew";

/// Digits from which on a number in a path is taken for a code: years, counters of series and fields of a time have fewer. A
/// date that equals a code is lost with it, which costs a note of where a file came from, and no measurement.
const FEWEST_DIGITS: usize = 5;

/// Participants who withdrew, by the names that a text may have for them. Provenance that names one of them is null, a
/// reason that does is told no more: neither costs a measurement.
///
/// A name stands behind `sub-` and is spelled in any way in which a folder is found: by its code, by its letters and
/// digits, or by its number. A code of letters and digits is also known where it stands alone; digits alone are only as a
/// whole word of a path of provenance, and only where they are too many for a year or a counter.
///
/// ```
/// use na_model::{Names, Session, SubjectCode};
///
/// let gone = Session::new(SubjectCode::clean("AB-77")?, None);
/// let names = Names::of([&gone], []);
/// assert!(names.are_in("/raw/sub-AB77/ses-1/anat/T1w.nii.gz"));
/// assert!(!names.are_in("/raw/sub-AB770/ses-1/anat/T1w.nii.gz"));
/// # Ok::<(), na_model::ModelError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Who withdrew, each with the visits that did; all of them where there are none.
    pub(crate) gone: BTreeMap<SubjectCode, BTreeSet<SessionId>>,
    by_letters: BTreeMap<String, SubjectCode>,
    by_number: BTreeMap<String, SubjectCode>,
    /// Who stays, each with the visits that do: their codes name nobody else.
    pub(crate) staying: BTreeMap<SubjectCode, BTreeSet<SessionId>>,
    /// See [`Names::are_in_cell`].
    pub(crate) letters_in_words: BTreeSet<String>,
}

impl Names {
    /// The names of those who withdrew, beside those who stay. Somebody who withdrew and has a session that stays is named
    /// by a text that has both subject and session.
    #[must_use]
    pub fn of<'s>(
        gone: impl IntoIterator<Item = &'s Session>,
        staying: impl IntoIterator<Item = &'s Session>,
    ) -> Self {
        let mut names = Self::default();
        for session in staying {
            names.staying.entry(session.subject.clone()).or_default().extend(session.id.clone());
        }
        let mut whole = BTreeSet::new();
        for session in gone {
            let visits = names.gone.entry(session.subject.clone()).or_default();
            match &session.id {
                Some(id) if names.staying.contains_key(&session.subject) => drop(visits.insert(id.clone())),
                _ => drop(whole.insert(session.subject.clone())),
            }
        }
        for subject in &whole {
            names.staying.remove(subject);
            names.gone.insert(subject.clone(), BTreeSet::new());
        }
        for subject in names.gone.keys() {
            names.by_letters.insert(code_letters(subject.as_str()), subject.clone());
            let number = code_number(subject.as_str());
            names.by_number.extend(number.map(|number| (number, subject.clone())));
        }
        names.letters_in_words = names.to_letters_in_words();
        names
    }

    /// Whether nobody withdrew.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty()
    }

    /// Whether a path or a value of a sidecar names one of them.
    #[must_use]
    pub fn are_in(&self, text: &str) -> bool {
        let has_both = |code: &str| {
            code.contains(|c: char| c.is_alphabetic()) && code.contains(|c: char| c.is_ascii_digit())
        };
        self.are_behind_keys(text) || self.stand_alone(text, has_both)
    }

    /// Whether a path of provenance names one of them, also by a code of digits alone as UK Biobank's bulk files have it.
    #[must_use]
    pub fn are_in_path(&self, text: &str) -> bool {
        let mut words = text.split(|c: char| c.is_whitespace() || "/\\_.".contains(c));
        self.are_in(text) || words.any(|word| self.have_number(word))
    }

    /// Whether a word is the number of one who withdrew whole, and the code of nobody who stays.
    fn have_number(&self, word: &str) -> bool {
        let stays = SubjectCode::clean(word).is_ok_and(|written| self.staying.contains_key(&written));
        word.len() >= FEWEST_DIGITS && !stays && self.is_number_gone(word)
    }

    /// Whether a word equals the number of one who withdrew whole.
    pub(crate) fn is_number_gone(&self, word: &str) -> bool {
        let code = code_number(word).and_then(|number| self.by_number.get(&number));
        code.and_then(|code| self.gone.get(code)).is_some_and(BTreeSet::is_empty)
    }

    /// Replaces a reason that names one of them; whether it did.
    pub fn leave_untold(&self, reason: &mut String) -> bool {
        let is_named =
            reason != UNTOLD && (self.are_behind_keys(reason) || self.stand_alone(reason, |_| true));
        if is_named {
            UNTOLD.clone_into(reason);
        }
        is_named
    }

    /// Takes out of what is known of files what names one of them; whether there was anything.
    pub fn take_out_of_all(&self, sources: &mut [SourceFile]) -> bool {
        let mut found = false;
        for source in sources {
            found |= self.take_out_of(source);
        }
        found
    }

    /// Takes out of what is known of a file what names one of them; whether there was anything.
    pub fn take_out_of(&self, source: &mut SourceFile) -> bool {
        if self.is_empty() {
            return false;
        }
        let mut found = self.are_behind_keys(&source.path);
        if found {
            source.path.clear();
        }
        found |= take_out(&mut source.mask_entity, |text| self.are_in(text));
        if let Some(sidecar) = &mut source.sidecar {
            let Sidecar {
                original_file,
                mask,
                atlas_name,
                atlas_lut,
                resampling_target,
                space,
                software_version,
                timestamp,
                mask_threshold: _,
                atlas_threshold: _,
                background_label: _,
            } = sidecar;
            for path in [original_file, mask, atlas_lut] {
                found |= take_out(path, |text| self.are_in_path(text));
            }
            for text in [atlas_name, resampling_target, space, software_version, timestamp] {
                found |= take_out(text, |text| self.are_in(text));
            }
        }
        found
    }

    /// Takes roots out that name one of them; whether there were any.
    pub fn take_out_of_roots(&self, roots: &mut BTreeMap<SourceRoot, PathBuf>) -> bool {
        let before = roots.len();
        roots.retain(|_, root| !self.are_in(&root.to_string_lossy()));
        roots.len() < before
    }

    fn are_behind_keys(&self, text: &str) -> bool {
        !self.is_empty() && behind(text, "sub-").any(|token| self.are_behind_key(text, token))
    }

    /// Whether a token behind a text's `sub-` names somebody who withdrew whole, or the text also a visit that did.
    fn are_behind_key(&self, text: &str, token: &str) -> bool {
        let subject = self.subject(token).and_then(|code| self.gone.get_key_value(code));
        let Some((code, visits)) = subject else { return false };
        let staying = self.staying.get(code);
        visits.is_empty() || behind(text, "ses-").any(|token| starts_with_visit(token, visits, staying))
    }

    /// The participant who withdrew that a token begins with. The longest name that anybody has decides: `None` if it is
    /// of one who stays.
    fn subject(&self, token: &str) -> Option<&SubjectCode> {
        for name in beginnings(token) {
            let Ok(code) = SubjectCode::clean(name) else { continue };
            if let Some((code, _)) = self.gone.get_key_value(&code) {
                return Some(code);
            }
            if self.staying.contains_key(&code) {
                return None;
            }
            if let Some(code) = self.subject_spelled(name) {
                return Some(code);
            }
        }
        None
    }

    /// The participant who withdrew with the number of a name, or else with its letters and digits.
    fn subject_spelled(&self, name: &str) -> Option<&SubjectCode> {
        let by_number = code_number(name).and_then(|number| self.by_number.get(&number));
        by_number.or_else(|| self.by_letters.get(&code_letters(name)))
    }

    fn stand_alone(&self, text: &str, is_looked_for: impl Fn(&str) -> bool) -> bool {
        let whole = self.gone.iter().filter(|(_, visits)| visits.is_empty()).map(|(code, _)| code.as_str());
        whole.filter(|code| is_looked_for(code)).any(|code| stands_alone(text, code))
    }
}

/// Takes out a text that names somebody; whether it did.
fn take_out(text: &mut Option<String>, is_named: impl FnOnce(&str) -> bool) -> bool {
    text.take_if(|text| is_named(text)).is_some()
}

/// Whether a text has a code with no letter or digit beside it.
fn stands_alone(text: &str, code: &str) -> bool {
    text.match_indices(code).any(|(at, _)| {
        let after = text.get(at + code.len()..).and_then(|text| text.chars().next());
        !follows_word(text, at) && !after.is_some_and(char::is_alphanumeric)
    })
}

/// Whether a letter or digit is before a byte of a text.
fn follows_word(text: &str, at: usize) -> bool {
    text.get(..at).and_then(|text| text.chars().next_back()).is_some_and(char::is_alphanumeric)
}

/// What stands behind a key such as `sub-`, up to what cannot be of a name.
fn behind<'t>(text: &'t str, key: &'static str) -> impl Iterator<Item = &'t str> {
    let keys = text.match_indices(key).filter(|(at, _)| !follows_word(text, *at));
    keys.filter_map(|(at, key)| {
        let rest = text.get(at + key.len()..)?;
        rest.split(|c: char| c.is_whitespace() || "/\\,:;\"'()".contains(c)).next()
    })
}

/// A token, and what it begins with up to an entity or an ending, longest first.
fn beginnings(token: &str) -> impl Iterator<Item = &str> {
    let ends = token.match_indices(['_', '.']).map(|(at, _)| at).rev();
    std::iter::once(token).chain(ends.filter_map(|end| token.get(..end))).filter(|name| !name.is_empty())
}

/// Whether a token begins with a visit that is gone: its id, or a number that it equals and no visit that stays does.
fn starts_with_visit(token: &str, gone: &BTreeSet<SessionId>, staying: Option<&BTreeSet<SessionId>>) -> bool {
    beginnings(token).find_map(|name| is_visit_gone(name, gone, staying)) == Some(true)
}

/// Whether the visit of this name is gone. `None` if the name is of no visit.
fn is_visit_gone(
    name: &str,
    gone: &BTreeSet<SessionId>,
    staying: Option<&BTreeSet<SessionId>>,
) -> Option<bool> {
    let id = SessionId::clean(name).ok().flatten()?;
    if gone.contains(&id) {
        return Some(true);
    }
    if staying.is_some_and(|staying| staying.contains(&id)) {
        return Some(false);
    }
    let number = code_number(name)?;
    let is_equal = |visit: &SessionId| code_number(visit.as_str()).as_ref() == Some(&number);
    gone.iter().any(is_equal).then(|| !staying.into_iter().flatten().any(is_equal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_at::ReadAt;
    use crate::source_file::{Fingerprint, SourceKind};

    fn session(subject: &str, id: &str) -> Session {
        Session::new(SubjectCode::clean(subject).unwrap(), SessionId::clean(id).unwrap())
    }

    #[test]
    fn a_text_names_somebody_by_the_whole_name_however_a_folder_spells_it() {
        let names = Names::of(&[session("7", "1"), session("AB-10", "1")], &[session("AB", "1")]);
        for (text, is_named) in [
            ("claimed by sub-0007, sub-0008", true),
            ("cat12/sub-007/anat: several files", true),
            ("sub-7_ses-1_tissue-GM_parc.tsv", true),
            ("/raw/sub-7.nii.gz", true),
            ("sub-00070 has none", false),
            ("sub-10007/ses-1", false),
            ("/data/0007/T1w.nii", false),
            ("mysub-7/T1w.nii", false),
            ("sub-AB10/anat", true),
            ("C:\\raw\\sub-AB_10\\T1w.nii", true),
            ("/raw/AB_10/T1w.nii", true),
            ("/raw/AB_100/T1w.nii", false),
            ("sub-AB_ses-1_T1w.nii", false),
            ("sub-AB/ses-10", false),
        ] {
            assert_eq!(names.are_in(text), is_named, "{text}");
        }
    }

    #[test]
    fn what_is_told_in_its_place_names_nobody() {
        let names = Names::of(&[session("named", "1")], &[]);
        let mut reason = "named is in the way".to_owned();
        assert!(names.leave_untold(&mut reason));
        assert!(!names.leave_untold(&mut reason));
    }

    #[test]
    fn one_session_of_somebody_who_stays_is_named_by_both() {
        let names = Names::of(&[session("7", "1")], &[session("7", "2")]);
        for (text, is_named) in [
            ("sub-7_ses-1_T1w.nii", true),
            ("sub-0007/ses-01/anat/T1w.nii", true),
            ("sub-7_ses-2_T1w.nii", false),
            ("sub-7_ses-10_T1w.nii", false),
            ("sub-7/anat/T1w.nii", false),
            ("sub-8_ses-1_T1w.nii", false),
        ] {
            assert_eq!(names.are_in(text), is_named, "{text}");
        }
    }

    #[test]
    fn a_visit_that_equals_one_as_a_number_and_stays_is_not_taken_for_it() {
        let names = Names::of(&[session("7", "01")], &[session("7", "1"), session("7", "2")]);
        for (text, is_named) in
            [("sub-7/ses-01/T1w.nii", true), ("sub-7/ses-1/T1w.nii", false), ("sub-7/ses-001/T1w.nii", false)]
        {
            assert_eq!(names.are_in(text), is_named, "{text}");
        }
    }

    #[test]
    fn digits_alone_name_somebody_in_a_path_where_they_are_too_many_for_a_year_or_a_counter() {
        let names = Names::of(&[session("4000123", "1"), session("2025", "1")], &[session("4000124", "1")]);
        for (text, is_named) in [
            ("/data/4000123/T1.nii", true),
            ("/data/4000123_20252_2_0.nii", true),
            ("/data/T1_4000123.nii.gz", true),
            ("C:\\data\\4000123\\T1.nii", true),
            ("/data/04000123/T1.nii", true),
            ("/data/4000124_20252_2_0.nii", false),
            ("/data/14000123/T1.nii", false),
            ("/data/x4000123/T1.nii", false),
            ("/data/2025/T1.nii", false),
        ] {
            assert_eq!(names.are_in_path(text), is_named, "{text}");
            assert!(!names.are_in(text), "{text}");
        }
    }

    #[test]
    fn a_reason_is_told_unless_it_names_somebody() {
        let names = Names::of(&[session("7", "1")], &[]);
        for (text, is_told) in
            [("claimed by 0007 and 0008", false), ("sub-7 has it", false), ("line 17: no number", true)]
        {
            let mut reason = text.to_owned();
            names.leave_untold(&mut reason);
            assert_eq!(reason == text, is_told, "{text}");
        }
    }

    #[test]
    fn what_names_somebody_is_taken_out_of_provenance_and_all_else_stays() {
        let sidecar = Sidecar {
            original_file: Some("/raw/sub-7/T1w.nii".to_owned()),
            mask: Some("/raw/sub-7/mask.nii".to_owned()),
            space: Some("MNI".to_owned()),
            ..Sidecar::default()
        };
        let mut source = SourceFile {
            kind: SourceKind::Table,
            table: None,
            map: None,
            root: None,
            path: "sub-8/anat/a_parc.tsv".to_owned(),
            tiv: None,
            read_at: ReadAt::UNKNOWN,
            fingerprint: Fingerprint { size: 1, mtime_ns: 1, hash: String::new() },
            mask_entity: None,
            sidecar: Some(sidecar),
        };
        let names = Names::of(&[session("7", "1")], &[session("8", "1")]);
        assert!(names.take_out_of(&mut source));
        let expected = Sidecar { space: Some("MNI".to_owned()), ..Sidecar::default() };
        assert_eq!((source.path.as_str(), source.sidecar.clone()), ("sub-8/anat/a_parc.tsv", Some(expected)));
        assert!(!names.take_out_of(&mut source));
        let mut roots = BTreeMap::from([(SourceRoot::CAT12, PathBuf::from("/raw/sub-7/cat12"))]);
        assert!(names.take_out_of_roots(&mut roots) && roots.is_empty());
    }
}
