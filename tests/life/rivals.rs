//! A list that names somebody else to whom a folder could be: by as good a claim as its owner's, or by a better one.

use super::comparison::contents;
use super::lab::{Item, Part, Session};
use super::program::ended;
use super::runs::{Life, Run, words};

impl Life {
    /// Somebody is listed for some days who could be the owner of another's folder. No row is ever under two names.
    pub fn a_rival_is_listed(&mut self) {
        let Some((place, session)) = self.owner_by_letters() else { return };
        let is_better = self.one_in(3);
        let code = self.lab.subjects[place].code.clone();
        // The second spelling is another's code, and no other folder has its letters.
        self.lab.rename(place, 1);
        let run = self.plain_run();
        self.run(&run, None);
        let listed =
            if is_better { code.folders[1].clone() } else { code.folders[0].replacen("CL", "C-L", 1) };
        let rival = (listed.replace('-', "_"), session.1.clone());
        self.met(if is_better { "better claim" } else { "equal claim" });
        let columns = self.lists[self.today].columns.len();
        let visit = self.lab.listed(&session).1;
        let list = &self.lists[self.today];
        let row = format!("{listed},{visit}{}\n", ",".repeat(columns));
        self.lab.cohort.write(list.file, &(list.text(&self.lab) + &row));
        let run = self.plain_run();
        self.run_with_failures(&run, &session.0);
        let found = contents(&self.store()).unwrap();
        for (item, content) in self.lab.files.iter().filter(|((of, _), _)| *of == session) {
            let version_of = |session: &Session| {
                let item: Item = (session.clone(), item.1);
                found.get(&item).map(|(version, _)| *version)
            };
            let expected = is_better.then_some(content.version);
            assert_eq!(version_of(&rival), expected, "{:?} of the rival {rival:?}", item.1);
            let is_owned = version_of(&session) == Some(content.version);
            assert!(!is_better || !is_owned, "{item:?} is under two names");
        }
        assert!(is_better || !found.keys().any(|(session, _)| *session == rival), "{rival:?} has a folder");
        self.write_lists();
        // The rival leaves, and the owner has its folder again.
        let mut without = self.plain_run();
        without.arguments.extend(words(&["--prune-unlisted", "--yes"]));
        without.prunes_unlisted = true;
        self.run_with_failures(&without, &session.0);
        let run = self.plain_run();
        self.run(&run, None);
    }

    /// A subject of today's list whose folder its letters find, with a visit that has grey matter.
    fn owner_by_letters(&self) -> Option<(usize, Session)> {
        let has_table = |session: &&Session| {
            session.0.starts_with("CL")
                && self.lab.files.contains_key(&((*session).clone(), Part::Tissue("GM")))
        };
        let session = self.named_today().iter().find(has_table)?.clone();
        let place = self.lab.subjects.iter().position(|subject| subject.code.stored == session.0)?;
        Some((place, session))
    }

    /// A run in which the units of a subject may fail; what the store then has of it is not sure.
    fn run_with_failures(&mut self, run: &Run, subject: &str) {
        let mut command = self.lab.cohort.command(&["--no-progress"]);
        command.args(&run.arguments);
        let ended = ended(command, None);
        self.tell(format!("rivals for {subject}: run {:?} -> {:?}", run.arguments, ended.code));
        assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.said);
        let before = self.model.clone();
        self.hear(run);
        for (item, held) in self.model.holds.iter_mut().filter(|((session, _), _)| session.0 == subject) {
            held.extend(before.holds.get(item).cloned().unwrap_or_default());
            held.insert(None);
        }
        self.model.told.retain(|(session, _)| session.0 != subject);
    }
}
