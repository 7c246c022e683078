//! Which session a folder belongs to: one folder, one session.
//!
//! A folder that is found by a weaker rule than its code ([`Match::Letters`], [`Match::Number`]) is a session's only if
//! no other has an equal or better claim: a session of the whole list, one that has files from the folder in the store,
//! or one that has a folder of that very name beside the session's own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use foldhash::{HashMap, HashMapExt};
use na_model::{Session, SubjectCode};

use crate::files::roots::{Root, Roots};
use crate::files::session_folders::Folders;
use crate::files::source_folder::{FolderName, RootKey};
use crate::files::subjects_dir::{SubjectsDir, is_of_other_visit, joined};
use crate::identifiers::name_index::NameIndex;
use crate::identifiers::name_match::{IdKind, Match, MatchKeys};
use crate::sessions::session_list::{SessionList, WrittenIds};
use crate::sessions::stored_sessions::StoredSessions;
use crate::unit_error::UnitError;

/// The claims of all sessions of a run on the folders of its roots.
pub(crate) struct Claims<'a> {
    roots: &'a Roots,
    stored: &'a StoredSessions,
    subjects: NameIndex,
    subject_keys: HashMap<&'a str, MatchKeys>,
    visits: HashMap<&'a SubjectCode, Vec<(&'a Session, &'a WrittenIds)>>,
    /// The listed sessions by what a folder may be called that lies beside those of others.
    by_folder: OnceLock<HashMap<String, BTreeSet<Session>>>,
    found_by: Mutex<BTreeMap<Match, BTreeMap<Session, PathBuf>>>,
}

/// A session's folder under a root, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionFolder {
    pub(crate) root: RootKey,
    pub(crate) path: PathBuf,
    /// Its name, as [`FolderName`] has it.
    pub(crate) name: FolderName,
    pub(crate) rule: Match,
}

/// A folder that an identifier finds, held against others that may claim it.
struct Claim<'a> {
    kind: IdKind,
    /// How the identifier finds the folder.
    rule: Match,
    folders: &'a Folders,
    /// The folder's name without its prefix.
    name: &'a str,
    /// The identifier, and what it is compared by.
    code: &'a str,
    keys: &'a MatchKeys,
}

impl<'a> Claims<'a> {
    pub(crate) fn new(roots: &'a Roots, list: &'a SessionList, stored: &'a StoredSessions) -> Self {
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
        let (by_folder, found_by) = (OnceLock::new(), Mutex::default());
        Self { roots, stored, subjects, subject_keys, visits, by_folder, found_by }
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
        let subject_keys = MatchKeys::of_code(session.subject.as_str(), Some(&written.subject));
        let Some((subject_rule, subject)) = self.subject_folder(root, session, &subject_keys)? else {
            return self.listed_folder(root, session, written);
        };
        let Some(id) = session.id_str() else {
            let Some(folder) = root.without_visit(subject)? else {
                return self.listed_folder(root, session, written);
            };
            if root.flat.is_some() {
                self.check_not_taken(root, session, &folder, (subject, &root.visits(subject)?))?;
            }
            self.count(subject_rule, session, &folder);
            let name = (subject.to_owned(), None);
            return Ok(Some(SessionFolder { root: root.key(), path: folder, name, rule: subject_rule }));
        };
        let visits = root.visits(subject)?;
        let keys = MatchKeys::of_code(id, written.session.as_deref());
        let named = session.to_string();
        let Some((rule, visit)) = only(&visits, &keys, &named)? else {
            let Some(folder) = root.flat.as_ref().map(|_| root.without_visit(subject)).transpose()?.flatten()
            else {
                return self.listed_folder(root, session, written);
            };
            if !self.is_only_session(root, session, &folder, (subject, &visits))? {
                return Ok(None);
            }
            self.count(subject_rule, session, &folder);
            let name = (subject.to_owned(), None);
            return Ok(Some(SessionFolder { root: root.key(), path: folder, name, rule: subject_rule }));
        };
        if rule > Match::Code {
            let kind = IdKind::Session;
            let claim = Claim { kind, rule, folders: &visits, name: visit, code: id, keys: &keys };
            let owners = self.owners(&root.key(), subject, Some(visit))?;
            claim.refuse(&named, self.visit_claimants(&claim, session, &owners, &subject_keys))?;
        }
        let (path, rule) = (visits.reached(visit)?, subject_rule.max(rule));
        self.count(rule, session, &path);
        let name = (subject.to_owned(), Some(visit.to_owned()));
        Ok(Some(SessionFolder { root: root.key(), path, name, rule }))
    }

    /// The folder that is called as the session is listed, `S_E`, or as its subject, where folders lie side by side.
    fn listed_folder(
        &self,
        root: &Root,
        session: &Session,
        written: &WrittenIds,
    ) -> Result<Option<SessionFolder>, UnitError> {
        let Some(flat) = &root.flat else { return Ok(None) };
        let subjects = [written.subject.as_str(), session.subject.as_str()];
        let visits = [written.session.as_deref(), session.id_str()];
        let of_session = subjects.iter().flat_map(|subject| {
            visits.iter().flatten().map(move |visit| (format!("{subject}_{visit}"), false))
        });
        let of_subject = subjects.iter().map(|subject| ((*subject).to_owned(), true));
        for (name, is_of_subject) in of_session.filter(|_| session.id.is_some()).chain(of_subject) {
            let (called, key) = (self.called(), joined(&name));
            // What a list has may be the beginning of another session's.
            let may_be_meant = |folder: &str| {
                let names = flat.names_of(folder);
                let closest = names.iter().find(|named| called.contains_key(*named));
                let is_closest = closest.is_none_or(|closest| *closest == key);
                let mut visits = visits.iter().flatten();
                let is_of_other = flat.are_images()
                    && is_of_subject
                    && session.id.is_some()
                    && visits.all(|visit| is_of_other_visit(folder, &name, visit));
                is_closest && !is_of_other
            };
            let Some(path) = flat.plain(&name, may_be_meant)? else { continue };
            let folder = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            let visits = Folders::default();
            if is_of_subject
                && session.id.is_some()
                && !self.is_only_session(root, session, &path, (&folder, &visits))?
            {
                return Ok(None);
            }
            self.check_only_name(root, session, &path, (&name, &folder))?;
            let (root, name) = (root.key(), (folder.into_owned(), None));
            return Ok(Some(SessionFolder { root, path, name, rule: Match::Code }));
        }
        Ok(None)
    }

    /// The listed sessions by what their folders may be called.
    fn called(&self) -> &HashMap<String, BTreeSet<Session>> {
        self.by_folder.get_or_init(|| {
            let mut called: HashMap<String, BTreeSet<Session>> = HashMap::new();
            for (session, written) in self.visits.values().flatten() {
                for name in names_side_by_side(session, written) {
                    called.entry(joined(&name)).or_default().insert(Session::clone(session));
                }
            }
            called
        })
    }

    /// Refuses a folder that is called as another session is listed, too, or that another has files from in the store.
    fn check_only_name(
        &self,
        root: &Root,
        session: &Session,
        folder: &Path,
        (name, folder_name): (&str, &str),
    ) -> Result<(), UnitError> {
        let listed = self.called().get(&joined(name)).into_iter().flatten();
        let stored = self.owners(&root.key(), folder_name, None)?;
        let others: BTreeSet<String> =
            listed.chain(stored).filter(|other| *other != session).map(Session::to_string).collect();
        if others.is_empty() {
            return Ok(());
        }
        let claimants = others.into_iter().collect::<Vec<_>>().join(", ");
        Err(UnitError::ClaimedFolder { folder: folder.to_owned(), session: session.to_string(), claimants })
    }

    /// Refuses a folder of a subject, for no visit, that a visit has files from in the store.
    fn check_not_taken(
        &self,
        root: &Root,
        session: &Session,
        folder: &Path,
        (name, visits): (&str, &Folders),
    ) -> Result<(), UnitError> {
        let others = self.owners_of_whole(root, session, name, visits)?;
        let others: BTreeSet<String> =
            others.into_iter().filter(|owner| *owner != session).map(Session::to_string).collect();
        if others.is_empty() {
            return Ok(());
        }
        let owners = others.into_iter().collect::<Vec<_>>().join(", ");
        Err(UnitError::TakenFolder { folder: folder.to_owned(), owners })
    }

    /// The sessions of a session's subject with files from its folder in the store, without those that have folders of their own. Where others
    /// have them, the subject has a better claim.
    fn owners_of_whole(
        &self,
        root: &Root,
        session: &Session,
        name: &str,
        visits: &Folders,
    ) -> Result<Vec<&Session>, UnitError> {
        let has_folder = |id: &str| !visits.index.by(Match::Code, &MatchKeys::of_code(id, None)).is_empty();
        let owners = self.owners(&root.key(), name, None)?.into_iter();
        let owners = owners.filter(|owner| owner.subject == session.subject);
        Ok(owners.filter(|owner| owner.id_str().is_none_or(|id| !has_folder(id))).collect())
    }

    /// Whether a folder of a subject is that of its one session, listed or with files from it in the store. Sessions with folders of their
    /// own do not count there.
    ///
    /// # Errors
    /// It is of several, and the run does not ask for what is of a subject.
    fn is_only_session(
        &self,
        root: &Root,
        session: &Session,
        folder: &Path,
        (name, visits): (&str, &Folders),
    ) -> Result<bool, UnitError> {
        let owners = self.owners_of_whole(root, session, name, visits)?.into_iter();
        let listed = self.visits.get(&session.subject).into_iter().flatten().map(|(listed, _)| *listed);
        let n_sessions = owners.chain(listed).chain([session]).collect::<BTreeSet<_>>().len();
        if n_sessions < 2 {
            return Ok(true);
        }
        if root.flat.as_ref().is_some_and(SubjectsDir::is_per_subject) {
            return Ok(false);
        }
        let (folder, subject) = (folder.to_owned(), format!("sub-{}", session.subject));
        let way_out = match root.flat.as_ref().is_some_and(SubjectsDir::are_images) {
            true => "name the session in the image's name, or list the one alone whose image it is",
            false => "--freesurfer-per-subject loads it for the subject, as a session without an id",
        };
        Err(UnitError::PerSubject { folder, subject, n_sessions, way_out })
    }

    /// The name of a subject's folder, and how it is found.
    fn subject_folder<'r>(
        &self,
        root: &'r Root,
        session: &Session,
        keys: &MatchKeys,
    ) -> Result<Option<(Match, &'r str)>, UnitError> {
        let code = session.subject.as_str();
        let named = format!("sub-{code}");
        let found = only(&root.subjects, keys, &named)?;
        if let Some((rule, name)) = found.filter(|(rule, _)| *rule > Match::Code) {
            if root.flat.is_none() {
                root.subjects.reached(name)?;
            }
            let kind = IdKind::Subject;
            let claim = Claim { kind, rule, folders: &root.subjects, name, code, keys };
            let owners = self.owners(&root.key(), name, None)?;
            claim.refuse(&named, self.subject_claimants(&claim, &owners))?;
        }
        Ok(found)
    }

    fn subject_claimants(&self, claim: &Claim<'_>, owners: &[&Session]) -> BTreeSet<String> {
        let mut claimants = claim.listed(&self.subjects, |code| self.subject_keys.get(code).cloned());
        for other in owners.iter().map(|owner| owner.subject.as_str()) {
            if other != claim.code && !self.subject_keys.contains_key(other) && claim.is_as_good_for(other) {
                claimants.insert(other.to_owned());
            }
        }
        if self.roots.all.iter().any(|root| claim.stands_beside_own(&root.subjects)) {
            claimants.extend(claim.kind.clean(claim.name));
        }
        claimants
    }

    fn visit_claimants(
        &self,
        claim: &Claim<'_>,
        session: &Session,
        owners: &[&Session],
        subject: &MatchKeys,
    ) -> BTreeSet<String> {
        let visits = self.visits.get(&session.subject).map_or(&[][..], Vec::as_slice);
        let listed = visits.iter().filter_map(|(other, written)| {
            let id = other.id_str()?;
            Some((id.to_owned(), MatchKeys::of_code(id, written.session.as_deref())))
        });
        let by_id: HashMap<String, MatchKeys> = listed.collect();
        let index = NameIndex::new(by_id.iter().map(|(id, keys)| (id.clone(), keys.clone())));
        let mut claimants = claim.listed(&index, |id| by_id.get(id).cloned());
        let of_subject = owners.iter().filter(|owner| owner.subject == session.subject);
        for other in of_subject.filter_map(|owner| owner.id_str()) {
            if other != claim.code && !by_id.contains_key(other) && claim.is_as_good_for(other) {
                claimants.insert(other.to_owned());
            }
        }
        if self.visits_of(subject).any(|visits| claim.stands_beside_own(&visits)) {
            claimants.extend(claim.kind.clean(claim.name));
        }
        claimants
    }

    /// The listed sessions that may find a folder by a surer rule than this one.
    pub(crate) fn near(
        &self,
        (subject, visit): &FolderName,
        than: Match,
    ) -> Vec<(&'a Session, &'a WrittenIds)> {
        let of_subject = MatchKeys::of_folder(IdKind::Subject, subject);
        let of_visit = visit.as_deref().map(|visit| MatchKeys::of_folder(IdKind::Session, visit));
        let of_visit = of_visit.as_ref();
        let mut codes: BTreeSet<&str> = BTreeSet::new();
        for rule in Match::ALL.into_iter().filter(|rule| *rule < than) {
            codes.extend(self.subjects.by(rule, &of_subject));
        }
        let visits = self.visits.iter().filter(|(subject, _)| codes.contains(subject.as_str()));
        let visits = visits.flat_map(|(_, visits)| visits).copied();
        visits.filter(|(session, written)| is_near(session, written, of_visit, than)).collect()
    }

    /// The folders of a subject's visits, root by root.
    fn visits_of(&self, subject: &MatchKeys) -> impl Iterator<Item = Folders> {
        let found =
            self.roots.all.iter().filter_map(|root| Some((root, root.subjects.index.find(subject)?.1)));
        // A folder that cannot be listed fails the units that need it.
        found.flat_map(|(root, names)| names.into_iter().filter_map(|name| root.visits(name).ok()))
    }

    fn owners(&self, root: &RootKey, subject: &str, visit: Option<&str>) -> Result<Vec<&Session>, UnitError> {
        self.stored
            .owners(root, subject, visit)
            .map_err(|error| UnitError::Owners { problem: error.to_string() })
    }

    fn count(&self, rule: Match, session: &Session, folder: &Path) {
        if rule > Match::Code {
            let mut found = self.found_by.lock().unwrap_or_else(PoisonError::into_inner);
            found.entry(rule).or_default().entry(session.clone()).or_insert_with(|| folder.to_owned());
        }
    }

    /// For each weaker rule, how many sessions were found by it, with an example.
    pub(crate) fn notes(&self) -> Vec<String> {
        let found = self.found_by.lock().unwrap_or_else(PoisonError::into_inner);
        found.iter().filter_map(|(rule, sessions)| note(*rule, sessions)).collect()
    }
}

/// What the folder of a listed session may be called where folders lie side by side: its subject and visit, or its subject.
fn names_side_by_side(session: &Session, written: &WrittenIds) -> BTreeSet<String> {
    let subjects = [written.subject.as_str(), session.subject.as_str()];
    let visits: Vec<&str> = [written.session.as_deref(), session.id_str()].into_iter().flatten().collect();
    match visits.is_empty() || session.id.is_none() {
        true => subjects.map(str::to_owned).into(),
        false => subjects
            .iter()
            .flat_map(|subject| visits.iter().map(move |visit| format!("{subject}_{visit}")))
            .collect(),
    }
}

/// Whether a surer rule than this one leads from a session to a visit's folder. Without visits both are the subject's own.
fn is_near(session: &Session, written: &WrittenIds, of_visit: Option<&MatchKeys>, than: Match) -> bool {
    match (session.id_str(), of_visit) {
        (Some(id), Some(folder)) => {
            let keys = MatchKeys::of_code(id, written.session.as_deref());
            keys.best_match(folder).is_some_and(|rule| rule < than)
        }
        (None, None) => true,
        _ => false,
    }
}

/// What to say of the sessions that a weaker rule found. `None` if it found none.
fn note(rule: Match, sessions: &BTreeMap<Session, PathBuf>) -> Option<String> {
    let (session, folder) = sessions.first_key_value()?;
    let how = match rule {
        Match::Code | Match::Letters => "by their letters and digits alone",
        Match::Number => "because their codes are equal as numbers",
    };
    let n = sessions.len();
    Some(format!("{n} sessions were found {how}, such as {session} in {}", folder.display()))
}

/// The one folder that the surest rule finds; several are an error.
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

impl Claim<'_> {
    /// The listed identifiers that find this folder as surely, or more so.
    fn listed(&self, index: &NameIndex, keys: impl Fn(&str) -> Option<MatchKeys>) -> BTreeSet<String> {
        let of_folder = MatchKeys::of_folder(self.kind, self.name);
        let rules = Match::ALL.into_iter().filter(|rule| *rule <= self.rule);
        let near = rules.flat_map(|rule| index.by(rule, &of_folder));
        let finds_it = |other: &&str| keys(other).is_some_and(|keys| self.is_found_by(&keys));
        near.filter(|other| *other != self.code).filter(finds_it).map(str::to_owned).collect()
    }

    fn is_found_by(&self, keys: &MatchKeys) -> bool {
        let found = self.folders.index.find(keys);
        found.is_some_and(|(rule, names)| rule <= self.rule && names.contains(&self.name))
    }

    /// Whether some root has a folder of this name beside the identifier's own: then it is somebody else's everywhere.
    fn stands_beside_own(&self, folders: &Folders) -> bool {
        let own = folders.index.by(Match::Code, self.keys);
        let named = folders.index.by(Match::Code, &MatchKeys::of_folder(self.kind, self.name));
        !own.is_empty() && named.iter().any(|name| !own.contains(name))
    }

    /// Whether an identifier that has files from this folder in the store has an equal claim.
    fn is_as_good_for(&self, code: &str) -> bool {
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
