//! How the page calls sessions: by their ids, or by their lines in `sessions.tsv` alone.

use std::fmt::Write as _;

use crate::cohort::sessions::Sessions;

/// The names of sessions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Naming<'a> {
    pub(crate) sessions: &'a Sessions,
    /// Without ids, a session is a line of `sessions.tsv`: who has the store finds it, and nobody else.
    pub(crate) ids: bool,
}

/// A session as a link to its panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionLink {
    pub(crate) index: usize,
    pub(crate) name: String,
    /// What follows `#s=` in the page's address, percent-encoded.
    pub(crate) address: String,
}

impl Naming<'_> {
    /// `sub-0001_ses-a`, or `line 17`.
    pub(crate) fn name(&self, session: usize) -> String {
        match self.sessions.get(session).filter(|_| self.ids) {
            None => format!("line {}", self.sessions.line(session)),
            Some(session) => {
                let id = session.id_str().map(|id| format!("_ses-{id}")).unwrap_or_default();
                format!("sub-{}{id}", session.subject)
            }
        }
    }

    /// What the page's address and script call it: `0001/a`, or `17`.
    pub(crate) fn key(&self, session: usize) -> String {
        match self.sessions.get(session).filter(|_| self.ids) {
            None => self.sessions.line(session).to_string(),
            Some(session) => format!("{}/{}", session.subject, session.id_str().unwrap_or_default()),
        }
    }

    pub(crate) fn link(&self, session: usize) -> SessionLink {
        SessionLink { index: session, name: self.name(session), address: percent_encoded(&self.key(session)) }
    }

    pub(crate) fn links(&self, sessions: impl IntoIterator<Item = usize>) -> Vec<SessionLink> {
        sessions.into_iter().map(|session| self.link(session)).collect()
    }
}

/// A text in an address. Slashes stay, as RFC 3986 lets them in fragments.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte))
            }
            byte => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

/// Lists of sessions that the page's script shows when it is asked to.
#[derive(Debug, Default)]
pub(crate) struct Lists(pub(crate) Vec<SessionList>);

/// A list of sessions, in ascending order.
#[derive(Debug)]
pub(crate) struct SessionList {
    pub(crate) title: String,
    pub(crate) sessions: Vec<usize>,
}

impl Lists {
    /// Adds a list and returns its number.
    pub(crate) fn add(&mut self, title: String, sessions: Vec<usize>) -> usize {
        self.0.push(SessionList { title, sessions });
        self.0.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hold_what_they_may() {
        assert_eq!(percent_encoded("0001/a b\"<é"), "0001/a%20b%22%3C%C3%A9");
    }
}
