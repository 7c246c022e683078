//! Who was scanned, and when: identifiers and the one rule that cleans them.
//!
//! A run has each identifier in many places. Up to 24 bytes, a [`CompactString`] holds it without memory of its own.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::error::ModelError;

const SUBJECT_WIDTH: usize = 4;
const LONGEST: usize = 200;

/// A subject's code, cleaned: no invisible characters, in NFC, `_` for `/`, blanks, `-` and `.`, at least four
/// characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubjectCode(CompactString);

impl SubjectCode {
    /// Cleans a code as a session list or a folder writes it; a BIDS prefix `sub-` is dropped. Cleaning a clean code
    /// changes nothing.
    ///
    /// # Errors
    /// A code without a visible character, one over 200 bytes.
    ///
    /// ```
    /// # use na_model::SubjectCode;
    /// assert_eq!(SubjectCode::clean("7")?.as_str(), "0007");
    /// assert_eq!(SubjectCode::clean("sub-CLMC-10")?.as_str(), "CLMC_10");
    /// # Ok::<(), na_model::ModelError>(())
    /// ```
    pub fn clean(written: &str) -> Result<Self, ModelError> {
        let clean = clean(written, "sub-")?;
        if clean.is_empty() {
            return Err(ModelError::EmptySubject);
        }
        let missing = SUBJECT_WIDTH.saturating_sub(clean.chars().count());
        Ok(Self(("0".repeat(missing) + &clean).into()))
    }

    /// The cleaned code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A session's id, cleaned like a subject code but never padded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(CompactString);

impl SessionId {
    /// Cleans an id as written; `None` if no visible character is left. A BIDS prefix `ses-` is dropped.
    ///
    /// # Errors
    /// An id over 200 bytes.
    ///
    /// ```
    /// # use na_model::SessionId;
    /// assert_eq!(SessionId::clean("ses-01")?.unwrap().as_str(), "01");
    /// assert_eq!(SessionId::clean(" ")?, None);
    /// # Ok::<(), na_model::ModelError>(())
    /// ```
    pub fn clean(written: &str) -> Result<Option<Self>, ModelError> {
        let clean = clean(written, "ses-")?;
        Ok((!clean.is_empty()).then(|| Self(clean.into())))
    }

    /// The cleaned id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An identifier as it is written, without what nobody sees: control and format characters, blanks of any kind at its
/// ends, the prefix; in NFC, because macOS writes names in NFD.
///
/// ```
/// assert_eq!(na_model::visible("\u{feff}sub-\u{a0}7 ", "sub-"), "7");
/// ```
#[must_use]
pub fn visible(written: &str, prefix: &str) -> String {
    // Most names are plain: nothing in them is composed, nothing is invisible but blanks.
    if written.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return bare(written, prefix).to_owned();
    }
    let seen: String = written.chars().filter(|c| !is_invisible(*c)).nfc().collect();
    bare(&seen, prefix).to_owned()
}

fn bare<'a>(seen: &'a str, prefix: &str) -> &'a str {
    let trimmed = seen.trim();
    trimmed.strip_prefix(prefix).unwrap_or(trimmed).trim()
}

fn clean(written: &str, prefix: &str) -> Result<String, ModelError> {
    let bare = visible(written, prefix);
    if bare.len() > LONGEST {
        return Err(ModelError::TooLong(bare.chars().take(40).collect()));
    }
    Ok(bare.replace(|c: char| matches!(c, '/' | '-' | '.') || c.is_whitespace(), "_"))
}

/// The letters and digits of a code, by which a folder is found that no code names.
#[must_use]
pub fn code_letters(code: &str) -> String {
    code.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The digits of a code that is a number, without leading zeros. None if it is none.
#[must_use]
pub fn code_number(code: &str) -> Option<String> {
    if code.is_empty() || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = code.trim_start_matches('0');
    Some(if digits.is_empty() { "0".to_owned() } else { digits.to_owned() })
}

/// Unicode's control (Cc) and format (Cf) characters.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
            | '\u{8e2}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

/// One scan visit. Datasets without `ses-` folders have no session id.
///
/// Files hang on the derived `Ord`: by subject, then by session id (none first), both as text. The rows of features
/// have this order, and so have sessions that no list orders in `metadata.parquet` and `tiv.parquet`. Another order of
/// the fields would reorder every store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Session {
    /// Who.
    pub subject: SubjectCode,
    /// Which visit.
    pub id: Option<SessionId>,
}

impl Session {
    /// A visit of a subject.
    #[must_use]
    pub fn new(subject: SubjectCode, id: Option<SessionId>) -> Self {
        Self { subject, id }
    }

    /// The session of two cells of the store's `subject_code` and `session_id` columns, which are taken as they stand:
    /// a store that another version cleaned otherwise keeps its names.
    ///
    /// # Errors
    /// A subject code without a character.
    pub fn from_store(subject_code: &str, session_id: Option<&str>) -> Result<Self, ModelError> {
        if subject_code.is_empty() {
            return Err(ModelError::EmptySubject);
        }
        let id = session_id.filter(|id| !id.is_empty()).map(|id| SessionId(id.into()));
        Ok(Self::new(SubjectCode(subject_code.into()), id))
    }

    /// The session id as the store's column holds it.
    #[must_use]
    pub fn id_str(&self) -> Option<&str> {
        self.id.as_ref().map(SessionId::as_str)
    }
}

impl fmt::Display for SubjectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sub-{}", self.subject)?;
        self.id.as_ref().map_or(Ok(()), |id| write!(f, "/ses-{id}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subject(written: &str) -> String {
        SubjectCode::clean(written).unwrap().to_string()
    }

    fn session(written: &str) -> Option<String> {
        SessionId::clean(written).unwrap().map(|id| id.to_string())
    }

    #[test]
    fn subject_codes_are_cleaned_and_padded() {
        assert_eq!(subject("7"), "0007");
        assert_eq!(subject("a-b.c d/e"), "a_b_c_d_e");
        assert_eq!(subject("20240101123045678"), "20240101123045678");
        assert_eq!(subject("é"), "000é");
        assert_eq!(SubjectCode::clean("sub-"), Err(ModelError::EmptySubject));
        assert_eq!(SubjectCode::clean("\u{feff} \u{200b}"), Err(ModelError::EmptySubject));
    }

    #[test]
    fn session_ids_keep_every_digit_and_zero() {
        assert_eq!(session("01").as_deref(), Some("01"));
        assert_eq!(session("20240101123045678").as_deref(), Some("20240101123045678"));
        assert_eq!(session("baseline").as_deref(), Some("baseline"));
        assert_eq!(session("12.5").as_deref(), Some("12_5"));
        assert_eq!(session("ses-a.b").as_deref(), Some("a_b"));
        assert_eq!(session("").as_deref(), None);
    }

    #[test]
    fn what_nobody_sees_makes_no_other_person() {
        for written in [
            "sub-\u{a0}7",
            "\u{feff}sub-7",
            "7\u{200b}",
            "\u{2003}7\u{3000}",
            "sub-\u{202a}7\u{202c}\t",
            "7\r\n",
        ] {
            assert_eq!(subject(written), "0007", "{written:?}");
        }
        assert_eq!(subject("Mu\u{308}ller"), subject("M\u{fc}ller"));
        assert_eq!(session("ses-\u{a0}1"), session("1"));
        assert_eq!(subject("a\u{a0}b"), "0a_b");
    }

    #[test]
    fn no_identifier_can_leave_its_folder() {
        assert_eq!(subject("../../etc"), "______etc");
        assert!(SubjectCode::clean(&"x".repeat(300)).is_err());
    }

    #[test]
    fn what_a_store_holds_is_taken_as_it_stands() {
        let session = Session::from_store("a-b", Some("1.0")).unwrap();
        assert_eq!((session.subject.as_str(), session.id_str()), ("a-b", Some("1.0")));
        assert_eq!(Session::from_store("7", Some("")).unwrap().id, None);
        assert!(Session::from_store("", None).is_err());
    }

    /// Every kind of blank and invisible character among letters, digits and separators.
    fn any_identifier() -> impl Strategy<Value = String> {
        let blanks: Vec<char> =
            ('\0'..=char::MAX).filter(|c| c.is_whitespace() || is_invisible(*c)).collect();
        let piece = prop_oneof![
            prop::sample::select(blanks),
            prop::sample::select("sub-ses_.7aZ0/é\u{301}\u{308}'\"\\".chars().collect::<Vec<_>>()),
            any::<char>(),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #[test]
        fn cleaning_a_clean_identifier_changes_nothing(written in any_identifier()) {
            if let Ok(code) = SubjectCode::clean(&written) {
                prop_assert_eq!(SubjectCode::clean(code.as_str()).unwrap(), code.clone());
                prop_assert!(!code.as_str().chars().any(|c| c.is_whitespace() || is_invisible(c)));
            }
            if let Ok(Some(id)) = SessionId::clean(&written) {
                prop_assert_eq!(SessionId::clean(id.as_str()).unwrap(), Some(id));
            }
        }
    }
}
