//! A key by which sessions of different spellings may be one: the numbers, or else the letters and digits, of their
//! ids.

use na_model::{Session, code_letters, code_number};

/// What spellings of one session have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey {
    subject: String,
    id: Option<String>,
}

impl SessionKey {
    pub(crate) fn of(session: &Session) -> Self {
        let key = |code: &str| code_number(code).unwrap_or_else(|| code_letters(code));
        Self { subject: key(session.subject.as_str()), id: session.id_str().map(key) }
    }

    /// Whether subject and id are both numbers.
    pub(crate) fn is_number(session: &Session) -> bool {
        code_number(session.subject.as_str()).is_some()
            && session.id_str().is_none_or(|id| code_number(id).is_some())
    }
}

#[cfg(test)]
mod tests {
    use na_model::{SessionId, SubjectCode};

    use super::*;

    #[test]
    fn sessions_that_only_their_spelling_tells_apart_have_one_key() {
        let key = |subject: &str, id: &str| {
            let session = Session::new(SubjectCode::clean(subject).unwrap(), SessionId::clean(id).unwrap());
            SessionKey::of(&session)
        };
        assert_eq!(key("29", "03"), key("00029", "3"));
        assert_eq!(key("AB-10", "1"), key("AB10", "01"));
        for (subject, id) in [("30", "03"), ("29", "4"), ("A29", "3")] {
            assert_ne!(key("29", "03"), key(subject, id), "{subject} {id}");
        }
    }
}
