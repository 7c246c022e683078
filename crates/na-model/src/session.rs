//! Who was scanned, and when: identifiers and the one rule that cleans them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ModelError;

const SUBJECT_WIDTH: usize = 4;
const LONGEST: usize = 200;

/// A subject's code, cleaned: `/`, space, `-` and `.` are `_`, and it has at least four characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubjectCode(String);

impl SubjectCode {
    /// Cleans a code as a session list or a folder writes it; a BIDS prefix `sub-` is dropped.
    ///
    /// # Errors
    /// An empty code, one with control characters or quotes, one over 200 bytes.
    ///
    /// ```
    /// # use na_model::SubjectCode;
    /// assert_eq!(SubjectCode::clean("7")?.as_str(), "0007");
    /// assert_eq!(SubjectCode::clean("sub-CLMC-10")?.as_str(), "CLMC_10");
    /// # Ok::<(), na_model::ModelError>(())
    /// ```
    pub fn clean(written: &str) -> Result<Self, ModelError> {
        let bare = bare(written, "sub-");
        if bare.is_empty() {
            return Err(ModelError::EmptySubject);
        }
        let clean = clean(bare)?;
        let missing = SUBJECT_WIDTH.saturating_sub(clean.chars().count());
        Ok(Self("0".repeat(missing) + &clean))
    }

    /// The cleaned code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A session's id, cleaned like a subject code but never padded; a float's `.0` is dropped as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(String);

impl SessionId {
    /// Cleans an id as written; an empty one (or BIDS' `n/a`) is `None`. A BIDS prefix `ses-` is dropped.
    ///
    /// # Errors
    /// An id in scientific notation, one with control characters or quotes, one over 200 bytes.
    ///
    /// ```
    /// # use na_model::SessionId;
    /// assert_eq!(SessionId::clean("202507271541.0")?.unwrap().as_str(), "202507271541");
    /// assert_eq!(SessionId::clean("01")?.unwrap().as_str(), "01");
    /// assert_eq!(SessionId::clean(" ")?, None);
    /// assert!(SessionId::clean("2.02e11").is_err());
    /// # Ok::<(), na_model::ModelError>(())
    /// ```
    pub fn clean(written: &str) -> Result<Option<Self>, ModelError> {
        let bare = bare(written, "ses-");
        if bare.is_empty() || bare == "n/a" {
            return Ok(None);
        }
        if is_scientific(bare) {
            return Err(ModelError::DigitsLost(bare.to_owned()));
        }
        Ok(Some(Self(clean(without_float_clothing(bare))?)))
    }

    /// The cleaned id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn bare<'a>(written: &'a str, prefix: &str) -> &'a str {
    let trimmed = written.trim();
    trimmed.strip_prefix(prefix).unwrap_or(trimmed)
}

fn clean(bare: &str) -> Result<String, ModelError> {
    if bare.len() > LONGEST {
        return Err(ModelError::TooLong(bare.chars().take(40).collect()));
    }
    if bare.chars().any(|c| c.is_control() || matches!(c, '"' | '\'' | '\\')) {
        return Err(ModelError::ForbiddenCharacter(bare.to_owned()));
    }
    Ok(bare.replace(['/', ' ', '-', '.'], "_"))
}

fn without_float_clothing(bare: &str) -> &str {
    match bare.split_once('.') {
        Some((digits, zeros))
            if is_digits(digits) && !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') =>
        {
            digits
        }
        _ => bare,
    }
}

fn is_scientific(bare: &str) -> bool {
    let Some((mantissa, exponent)) = bare.split_once(['e', 'E']) else { return false };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    is_digits(whole) && is_digits(fraction) && is_digits(exponent)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// One scan visit. Datasets without `ses-` folders have no session id.
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

    /// The session of two cells of the store's `subject_code` and `session_id` columns.
    ///
    /// # Errors
    /// As [`SubjectCode::clean`] and [`SessionId::clean`]: the store holds clean identifiers, others are refused.
    pub fn from_store(subject_code: &str, session_id: Option<&str>) -> Result<Self, ModelError> {
        Ok(Self::new(SubjectCode::clean(subject_code)?, SessionId::clean(session_id.unwrap_or_default())?))
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
    use super::*;

    fn subject(written: &str) -> String {
        SubjectCode::clean(written).unwrap().0
    }

    fn session(written: &str) -> Option<String> {
        SessionId::clean(written).unwrap().map(|id| id.0)
    }

    #[test]
    fn subject_codes_are_cleaned_and_padded() {
        assert_eq!(subject("7"), "0007");
        assert_eq!(subject("a-b.c d/e"), "a_b_c_d_e");
        assert_eq!(subject("20240101123045678"), "20240101123045678");
        assert_eq!(subject("é"), "000é");
        assert_eq!(SubjectCode::clean("sub-"), Err(ModelError::EmptySubject));
    }

    #[test]
    fn session_ids_keep_every_digit_and_zero() {
        assert_eq!(session("01").as_deref(), Some("01"));
        assert_eq!(session("20240101123045678").as_deref(), Some("20240101123045678"));
        assert_eq!(session("20240101123045678.0").as_deref(), Some("20240101123045678"));
        assert_eq!(session("baseline").as_deref(), Some("baseline"));
        assert_eq!(session("12.5").as_deref(), Some("12_5"));
        assert_eq!(session("ses-a.b").as_deref(), Some("a_b"));
        assert_eq!(session("").as_deref(), None);
    }

    #[test]
    fn scientific_notation_is_refused_because_digits_are_gone() {
        for lost in ["2.02e11", "2E+11", "20250727e-1"] {
            assert_eq!(SessionId::clean(lost), Err(ModelError::DigitsLost(lost.to_owned())));
        }
        assert_eq!(session("pre2e").as_deref(), Some("pre2e"));
    }

    #[test]
    fn no_identifier_can_leave_its_folder() {
        assert_eq!(subject("../../etc"), "______etc");
        assert!(SubjectCode::clean("a\nb").is_err());
        assert!(SubjectCode::clean("a\"b").is_err());
        assert!(SubjectCode::clean(&"x".repeat(300)).is_err());
    }
}
