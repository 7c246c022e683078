//! Whose a folder is: one folder, one session.
//!
//! A folder that is found by more than its code ([`Match::Letters`], [`Match::Number`]) is a session's only if no other has an
//! equal or better claim: the sessions of the whole list, those that have files from it in the store, and whoever has a
//! folder of that very name beside the session's own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use na_model::{Session, SubjectCode};

use crate::files::roots::{Root, Roots};
use crate::files::session_folders::Folders;
use crate::files::session_folders::list_sessions;
use crate::files::source_folder::{FolderName, RootKey};
use crate::identifiers::name_index::NameIndex;
use crate::identifiers::name_match::{IdKind, Match, MatchKeys};
use crate::sessions::session_list::{SessionList, WrittenIds};
use crate::sessions::stored_sessions::StoredSessions;
use crate::unit_error::UnitError;

/// The claims of all sessions of a run on the folders of its roots.
pub(crate) struct Claims<'a> {
    roots: &'a Roots,
    known: &'a StoredSessions,
    subjects: NameIndex,
    subject_keys: HashMap<&'a str, MatchKeys>,
    visits: HashMap<&'a SubjectCode, Vec<(&'a Session, &'a WrittenIds)>>,
    found_by: Mutex<BTreeMap<Match, BTreeMap<Session, PathBuf>>>,
}

/// A folder that is a session's under a root, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionFolder {
    pub(crate) root: RootKey,
    pub(crate) path: PathBuf,
    /// Its name, as [`FolderName`] has it.
    pub(crate) name: FolderName,
    pub(crate) rule: Match,
}

/// Others that claim a folder, and the words for the error.
struct Rivals<'a> {
    kind: IdKind,
    rule: Match,
    folders: &'a Folders,
    name: &'a str,
}

impl<'a> Claims<'a> {
    pub(crate) fn new(roots: &'a Roots, list: &'a SessionList, known: &'a StoredSessions) -> Self {
        let mut subject_keys: HashMap<&str, MatchKeys> = HashMap::new();
        let mut visits: HashMap<&SubjectCode, Vec<(&Session, &WrittenIds)>> = HashMap::new();
        for (session, written) in list.claimants() {
            let subject = &session.subject;
            let keys = MatchKeys::of_code(subject.as_str(), Some(&written.subject));
            subject_keys.entry(subject.as_str()).or_insert(keys);
            visits.entry(subject).or_default().push((session, written));
        }
        let subjects =
            NameIndex::new(subject_keys.iter().map(|(code, keys)| ((*code).to_owned(), keys.clone())));
        Self { roots, known, subjects, subject_keys, visits, found_by: Mutex::default() }
    }

    /// The folder of a session under a root; `None` if there is none.
    ///
    /// # Errors
    /// Several folders that could be the session's, or one that others claim; a subject's folder that cannot be
    /// listed.
    pub(crate) fn locate(
        &self,
        root: &Root,
        session: &Session,
        written: &WrittenIds,
    ) -> Result<Option<SessionFolder>, UnitError> {
        let key = root.key();
        let code = session.subject.as_str();
        let keys = MatchKeys::of_code(code, Some(&written.subject));
        let named = format!("sub-{code}");
        let Some((rule, name)) = only(&root.subjects, &keys, &named)? else { return Ok(None) };
        let folder = root.subjects.reached(name)?;
        if rule > Match::Code {
            let rivals = Rivals { kind: IdKind::Subject, rule, folders: &root.subjects, name };
            let mut claimants =
                rivals.listed(&self.subjects, code, |code| self.subject_keys.get(code).cloned());
            for owner in self.owners(&key, name, None)? {
                let other = owner.subject.as_str();
                if other != code && !self.subject_keys.contains_key(other) && rivals.has_claim(other) {
                    claimants.insert(other.to_owned());
                }
            }
            if self.roots.all.iter().any(|root| rivals.stands_beside(&keys, &root.subjects)) {
                claimants.extend(IdKind::Subject.clean(name));
            }
            rivals.refuse(&named, claimants)?;
        }
        let Some(id) = session.id_str() else {
            self.count(rule, session, &folder);
            let name = (name.to_owned(), None);
            return Ok(Some(SessionFolder { root: key, path: folder, name, rule }));
        };
        let visits = list_sessions(&folder).map_err(|source| UnitError::unreadable(&folder, source))?;
        let of_subject = keys;
        let keys = MatchKeys::of_code(id, written.session.as_deref());
        let named = session.to_string();
        let Some((visit_rule, visit)) = only(&visits, &keys, &named)? else { return Ok(None) };
        if visit_rule > Match::Code {
            let rivals = Rivals { kind: IdKind::Session, rule: visit_rule, folders: &visits, name: visit };
            let visits = self.visits.get(&session.subject).map_or(&[][..], Vec::as_slice);
            let listed = visits.iter().filter_map(|(other, written)| {
                let id = other.id_str()?;
                Some((id.to_owned(), MatchKeys::of_code(id, written.session.as_deref())))
            });
            let by_id: HashMap<String, MatchKeys> = listed.collect();
            let index = NameIndex::new(by_id.iter().map(|(id, keys)| (id.clone(), keys.clone())));
            let mut claimants = rivals.listed(&index, id, |id| by_id.get(id).cloned());
            for owner in self.owners(&key, name, Some(visit))? {
                let Some(other) = owner.id_str().filter(|_| owner.subject == session.subject) else {
                    continue;
                };
                if other != id && !by_id.contains_key(other) && rivals.has_claim(other) {
                    claimants.insert(other.to_owned());
                }
            }
            if self.visits_of(&of_subject).any(|visits| rivals.stands_beside(&keys, &visits)) {
                claimants.extend(IdKind::Session.clean(visit));
            }
            rivals.refuse(&named, claimants)?;
        }
        let (path, rule) = (visits.reached(visit)?, rule.max(visit_rule));
        self.count(rule, session, &path);
        Ok(Some(SessionFolder { root: key, path, name: (name.to_owned(), Some(visit.to_owned())), rule }))
    }

    /// The listed sessions that a folder could be of by a surer rule than this one.
    pub(crate) fn near(
        &self,
        (subject, visit): &FolderName,
        than: Match,
    ) -> Vec<(&'a Session, &'a WrittenIds)> {
        let of_subject = MatchKeys::of_folder(IdKind::Subject, subject);
        let of_visit = visit.as_deref().map(|visit| MatchKeys::of_folder(IdKind::Session, visit));
        let mut codes: BTreeSet<&str> = BTreeSet::new();
        for rule in Match::ALL.into_iter().filter(|rule| *rule < than) {
            codes.extend(self.subjects.by(rule, &of_subject));
        }
        let visits = self.visits.iter().filter(|(subject, _)| codes.contains(subject.as_str()));
        let is_near = |(session, written): &&(&Session, &WrittenIds)| match (session.id_str(), &of_visit) {
            (Some(id), Some(folder)) => {
                let keys = MatchKeys::of_code(id, written.session.as_deref());
                keys.best_match(folder).is_some_and(|rule| rule < than)
            }
            (None, None) => true,
            _ => false,
        };
        visits.flat_map(|(_, visits)| visits).filter(is_near).copied().collect()
    }

    /// The folders of a subject's visits, root by root.
    fn visits_of(&self, subject: &MatchKeys) -> impl Iterator<Item = Folders> {
        let found =
            self.roots.all.iter().filter_map(|root| Some((root, root.subjects.index.find(subject)?.1)));
        let folders =
            found.flat_map(|(root, names)| names.into_iter().map(|name| root.subjects.path_of(name)));
        // One that cannot be listed fails the units that need it.
        folders.filter_map(|folder| list_sessions(&folder).ok())
    }

    fn owners(&self, root: &RootKey, subject: &str, visit: Option<&str>) -> Result<Vec<&Session>, UnitError> {
        self.known
            .owners(root, subject, visit)
            .map_err(|error| UnitError::Owners { problem: error.to_string() })
    }

    fn count(&self, rule: Match, session: &Session, folder: &std::path::Path) {
        if rule > Match::Code {
            let mut found = self.found_by.lock().unwrap_or_else(PoisonError::into_inner);
            found.entry(rule).or_default().entry(session.clone()).or_insert_with(|| folder.to_owned());
        }
    }

    /// How many sessions were found by more than their codes, each rule with an example.
    pub(crate) fn notes(&self) -> Vec<String> {
        let found = self.found_by.lock().unwrap_or_else(PoisonError::into_inner);
        let note = |(rule, sessions): (&Match, &BTreeMap<Session, PathBuf>)| {
            let (session, folder) = sessions.first_key_value()?;
            let how = match rule {
                Match::Code | Match::Letters => "by their letters and digits alone",
                Match::Number => "because their codes are equal as numbers",
            };
            let n = sessions.len();
            Some(format!("{n} sessions were found {how}, such as {session} in {}", folder.display()))
        };
        found.iter().filter_map(note).collect()
    }
}

/// The one folder that the surest rule leads to.
fn only<'f>(
    folders: &'f Folders,
    keys: &MatchKeys,
    named: &str,
) -> Result<Option<(Match, &'f str)>, UnitError> {
    match folders.index.find(keys) {
        None => Ok(None),
        Some((rule, names)) => match names.as_slice() {
            [first, second, ..] => Err(UnitError::AmbiguousFolder {
                session: named.to_owned(),
                first: folders.path_of(first),
                second: folders.path_of(second),
            }),
            names => Ok(names.first().map(|name| (rule, *name))),
        },
    }
}

impl Rivals<'_> {
    /// The listed identifiers that find this folder as surely, or more so.
    fn listed(
        &self,
        index: &NameIndex,
        mine: &str,
        keys: impl Fn(&str) -> Option<MatchKeys>,
    ) -> BTreeSet<String> {
        let of_folder = MatchKeys::of_folder(self.kind, self.name);
        let near = Match::ALL
            .into_iter()
            .filter(|rule| *rule <= self.rule)
            .flat_map(|rule| index.by(rule, &of_folder));
        let finds_it = |other: &&str| {
            let Some((rule, names)) = keys(other).as_ref().and_then(|keys| self.folders.index.find(keys))
            else {
                return false;
            };
            rule <= self.rule && names.contains(&self.name)
        };
        near.filter(|other| *other != mine).filter(finds_it).map(str::to_owned).collect()
    }

    /// Whether a folder of this name stands beside the identifier's own: then it is somebody else's, here too.
    fn stands_beside(&self, mine: &MatchKeys, folders: &Folders) -> bool {
        let own = folders.index.by(Match::Code, mine);
        let named = folders.index.by(Match::Code, &MatchKeys::of_folder(self.kind, self.name));
        !own.is_empty() && named.iter().any(|name| !own.contains(name))
    }

    /// Whether an identifier that has files from this folder in the store has a claim as good.
    fn has_claim(&self, code: &str) -> bool {
        let rule = MatchKeys::of_code(code, None).best_match(&MatchKeys::of_folder(self.kind, self.name));
        rule.unwrap_or(Match::Letters) <= self.rule
    }

    fn refuse(&self, named: &str, claimants: BTreeSet<String>) -> Result<(), UnitError> {
        if claimants.is_empty() {
            return Ok(());
        }
        let prefix = self.kind.prefix();
        let claimants: Vec<String> = claimants.iter().map(|code| format!("{prefix}{code}")).collect();
        Err(UnitError::ClaimedFolder {
            folder: self.folders.path_of(self.name),
            session: named.to_owned(),
            claimants: claimants.join(", "),
        })
    }
}
