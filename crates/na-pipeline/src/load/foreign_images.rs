//! Sessions with tables that were made of another session's image, as their sidecars say.

use std::collections::BTreeSet;

use na_model::Session;

/// The sessions of a run, with an example.
#[derive(Debug, Default)]
pub(crate) struct ForeignImages {
    sessions: BTreeSet<Session>,
    example: Option<String>,
}

impl ForeignImages {
    /// Counts a session if a sidecar of it names another session's image, which `example` says.
    pub(crate) fn add(&mut self, session: &Session, example: Option<&str>) {
        let Some(example) = example else { return };
        // The first in the sessions' order, however many threads load them.
        if self.sessions.first().is_none_or(|first| session < first) {
            self.example = Some(example.to_owned());
        }
        self.sessions.insert(session.clone());
    }

    /// One note for all; `None` if there are none.
    pub(crate) fn note(&self) -> Option<String> {
        let example = self.example.as_deref()?;
        let sessions = match self.sessions.len() {
            1 => "1 session has tables".to_owned(),
            n => format!("{n} sessions have tables"),
        };
        Some(format!(
            "{sessions} that were made of another session's images, as their sidecars say, e.g. {example}: data may \
             have been renamed"
        ))
    }
}

#[cfg(test)]
mod tests {
    use na_model::SubjectCode;

    use super::*;

    #[test]
    fn sessions_are_counted_once_and_the_first_is_the_example() {
        let session = |code: &str| Session::new(SubjectCode::clean(code).unwrap(), None);
        let mut images = ForeignImages::default();
        assert_eq!(images.note(), None);
        for (code, says) in [("2", Some("b")), ("1", Some("a")), ("2", Some("c")), ("3", None)] {
            images.add(&session(code), says);
        }
        let note = images.note().unwrap();
        assert!(note.starts_with("2 sessions have tables") && note.contains("e.g. a:"), "{note}");
    }
}
