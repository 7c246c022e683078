//! What a lab does with the programs, and what the model makes of it.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::{cast::AsArray, types::Float64Type};
use na_store::{FeatureStore, ReadOptions};

use super::comparison::{contents, difference, naming, wrongly_noted};
use super::lab::{Content, Item, Lab, Part, Session, mean};
use super::lists::{List, union_of};
use super::model::{Look, Model, Unit, Words};
use super::program::{Ended, Kill, ended};
use crate::support;
use crate::support::cohort::Cohort;
use crate::support::disk::Random;
use crate::support::store::Store;

/// A lab, its lists and its store.
pub struct Life {
    pub random: Random,
    pub lab: Lab,
    pub model: Model,
    pub lists: Vec<List>,
    pub today: usize,
    /// Whether a run was killed, and none has ended since: which list the store knows is then not sure.
    pub is_unsettled: bool,
    pub last: Look,
    pub steps: Vec<String>,
    pub kinds: BTreeSet<&'static str>,
}

/// How many rows move to parts at once: none of so few sessions, each session by itself, or a few together.
const WINDOWS: [&[&str]; 3] = [&[], &["--sealed-at-once", "1"], &["--sealed-at-once", "9"]];

/// A run, as somebody asks for it.
#[derive(Debug, Clone, Default)]
pub struct Run {
    pub look: Look,
    pub arguments: Vec<String>,
    /// What the list says; none where sessions are discovered.
    pub words: Option<BTreeMap<Session, Words>>,
    pub columns: Vec<&'static str>,
    pub prunes_unlisted: bool,
    /// The metrics that it asks for.
    pub metrics: Option<&'static str>,
}

impl Life {
    pub fn one_in(&mut self, n: usize) -> bool {
        self.random.below(n) == 0
    }

    pub fn met(&mut self, kind: &'static str) {
        self.kinds.insert(kind);
    }

    pub fn tell(&mut self, step: String) {
        self.steps.push(step);
    }

    pub fn write_lists(&self) {
        for list in &self.lists {
            self.lab.cohort.write(list.file, &list.text(&self.lab));
        }
    }

    /// The arguments that every command needs once somebody withdrew.
    pub fn withdrawn(&self) -> Vec<String> {
        if self.model.withdrawn.is_empty() { Vec::new() } else { words(&["--withdrawn", "withdrawn.csv"]) }
    }

    /// Whom today's list names, without those who withdrew.
    pub fn named_today(&self) -> BTreeSet<Session> {
        let rows = self.lists[self.today].rows.iter().map(|(session, _)| session.clone());
        rows.filter(|session| !self.model.withdrawn.contains(&session.0)).collect()
    }

    /// A run of today's list that looks for everything.
    pub fn plain_run(&self) -> Run {
        let list = &self.lists[self.today];
        Run {
            look: Look { sessions: self.named_today(), ..Look::default() },
            arguments: [words(&["-s", list.file]), self.lab.told(), self.withdrawn()].concat(),
            words: Some(list.words()),
            columns: list.columns.clone(),
            ..Run::default()
        }
    }

    /// A run of what is found under the roots.
    pub fn discovering_run(&self) -> Run {
        let sessions = self.lab.files.keys().map(|(session, _)| session.clone());
        let sessions = sessions.filter(|session| !self.model.withdrawn.contains(&session.0)).collect();
        Run {
            look: Look { sessions, ..Look::default() },
            arguments: [words(&["--discover"]), self.lab.told(), self.withdrawn()].concat(),
            words: None,
            ..Run::default()
        }
    }

    /// Whether there is anything that a run could find, or know of.
    pub fn finds_something(&self, look: &Look) -> bool {
        let is_table = |item: &Item| look.looks_for(item) && item.1 != Part::Volume;
        let known = self.model.holds.iter().filter(|(_, held)| !held.contains(&None)).map(|(item, _)| item);
        self.lab.files.keys().chain(known).any(is_table)
    }

    /// Runs the program; whether it came to its end.
    pub fn run(&mut self, run: &Run, kill: Option<Kill>) -> bool {
        let verbose: &[&str] = if kill.is_some() { &["--verbose"] } else { &[] };
        let mut command = self.lab.cohort.command(&["--no-progress"]);
        let sealed: &[&str] = WINDOWS[self.random.below(WINDOWS.len())];
        command.args(&run.arguments).args(verbose).args(sealed);
        let ended = ended(command, kill);
        self.tell(format!("run {:?} {sealed:?} {kill:?} -> {:?}", run.arguments, ended.code));
        match ended.code {
            None => {
                self.model.may_hear(run, &self.lab.files);
                self.is_unsettled = true;
                false
            }
            Some(0) => {
                self.hear(run);
                self.settle();
                true
            }
            // A folder that came since tells another spelling of a listed session: the fresh load does not go on.
            Some(1) if ended.said.contains("it is of other sessions than this run") => false,
            code => panic!("exit status {code:?}: {}", ended.said),
        }
    }

    pub fn hear(&mut self, run: &Run) {
        self.model.hear_of(run);
        self.model.ran(&run.look, &self.lab.files);
        if let Some(words) = run.words.as_ref().filter(|_| run.prunes_unlisted) {
            self.model.let_go(|session| !words.contains_key(session));
        }
        self.last = run.look.clone();
        self.is_unsettled = false;
    }

    pub fn store(&self) -> Store {
        Store::read(&self.lab.cohort.store())
    }

    /// Looks which of the model's answers the store gives.
    pub fn settle(&mut self) {
        let store = self.store();
        self.model.settle(&contents(&store).unwrap()).unwrap();
    }

    /// Brings what a cache holds into the store, if there is one, and is killed now and then.
    pub fn export_by_hand(&mut self, further: &[&str]) {
        let arguments = [self.withdrawn(), words(further)].concat();
        let kill = self.one_in(3).then(|| Kill::some(&mut self.random));
        let ended = self.export_cache(&arguments, kill);
        let has_none = ended.code == Some(1) && ended.said.contains("there is no cache");
        let is_killed = kill.is_some() && ended.code.is_none();
        assert!(ended.code == Some(0) || has_none || is_killed, "{:?}: {}", ended.code, ended.said);
    }

    /// Runs the other command.
    pub fn export_cache(&mut self, arguments: &[String], kill: Option<Kill>) -> Ended {
        let mut command = support::export_cache(self.lab.cohort.root());
        command.arg("data/processed").args(arguments);
        if kill.is_some() {
            command.arg("--verbose");
        }
        let ended = ended(command, kill);
        self.tell(format!("export-cache {arguments:?} {kill:?} -> {:?}", ended.code));
        ended
    }

    /// Reads features from Rust: each session's value is that of a file that the store may have.
    pub fn read(&mut self) {
        if !self.lab.cohort.store().join("manifest.json").exists() {
            return;
        }
        self.tell("read".to_owned());
        let store = FeatureStore::open(self.lab.cohort.store()).unwrap();
        for (feature, part) in
            [("gm_mean", Part::Tissue("GM")), ("NODDI_noddi_icvf_mean", Part::Map("NODDI", "icvf"))]
        {
            let expected = self.model.holds.iter().filter(|((_, of), _)| *of == part);
            let mut expected: BTreeMap<&Session, &BTreeSet<Option<Content>>> =
                expected.map(|((session, _), held)| (session, held)).collect();
            if store.list_features(None).unwrap().iter().any(|name| name == feature) {
                let options = ReadOptions::default();
                let batch = store.feature_batch(feature, &options).unwrap();
                let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>().clone();
                let (subjects, visits) = (text("subject_code"), text("session_id"));
                let values = batch.column_by_name("R1").unwrap().as_primitive::<Float64Type>();
                for row in 0..batch.num_rows() {
                    let visit =
                        if visits.iter().nth(row).flatten().is_none() { "" } else { visits.value(row) };
                    let session = (subjects.value(row).to_owned(), visit.to_owned());
                    let held =
                        expected.remove(&session).unwrap_or_else(|| panic!("{feature} has {session:?}"));
                    let value = values.value(row);
                    let is_held = held.iter().flatten().any(|content| mean(content, 1) == value);
                    assert!(is_held, "{feature} of {session:?} is {value}, {held:?} expected");
                }
            }
            let lacking = expected.iter().find(|(_, held)| !held.contains(&None));
            assert!(lacking.is_none(), "{feature} lacks {lacking:?}");
        }
    }

    /// Compares the store with a fresh load of all that it should hold, and what it notes with what is gone.
    pub fn compare(&mut self) {
        let held = self.model.held();
        if held.is_empty() || self.last.sessions.is_empty() {
            // A load that finds nothing makes no store.
            return;
        }
        let has_metrics = |part: Part| !matches!(part, Part::Aseg | Part::Rois | Part::Volume);
        if self.model.metrics.is_some() && !held.keys().any(|(_, part)| has_metrics(*part)) {
            // A fresh load is refused the metrics that no table has any more.
            return;
        }
        let store = self.store();
        let mut is_whole = held.clone();
        is_whole.retain(|item, content| self.lab.files.get(item) == Some(content));
        let of_listed = |(session, _): &&Item| self.model.listed.contains_key(session);
        let is_today =
            is_whole.len() == held.len() && self.lab.files.keys().filter(of_listed).count() == held.len();
        let elsewhere = Cohort::empty();
        let list = union_of(&self.lab, &self.model);
        let mut arguments = [words(&["-s", "union.csv", "-o", "fresh"]), self.lab.told()].concat();
        if let Some(metrics) = self.model.metrics {
            arguments.extend(words(&["--wide-metrics", metrics]));
        }
        // Today's files where all of them were looked at and nothing else is kept.
        let cohort = if is_today { &self.lab.cohort } else { &elsewhere };
        if !is_today {
            self.lab.write_elsewhere(cohort, &held);
        }
        let _ = std::fs::remove_dir_all(cohort.path("fresh"));
        cohort.write("union.csv", &list);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        cohort.run(&arguments).ended(0);
        let fresh = Store::read(&cohort.path("fresh"));
        if let Some(difference) = difference(&store, &fresh, &self.model, &self.lab) {
            panic!("{difference}");
        }
        let looked_at: BTreeSet<Unit> = self
            .model
            .told
            .iter()
            .filter(|(session, of)| self.last.sessions.contains(session) && self.last.looks_for_modality(of))
            .cloned()
            .collect();
        let is_gone = |item: &&Item| {
            let is_of_file = item.1 != Part::Volume || !self.model.of_pandas.contains(*item);
            self.last.looks_for(item) && !self.lab.files.contains_key(*item) && is_of_file
        };
        let gone: BTreeSet<Item> = held.keys().filter(is_gone).cloned().collect();
        if let Some(wrong) = wrongly_noted(&store, &looked_at, &gone, self.lab.has_measures) {
            panic!("{wrong}");
        }
        for code in &self.model.withdrawn {
            assert_eq!(
                naming(&self.lab.cohort.store(), &store, code),
                Vec::<String>::new(),
                "{code} withdrew"
            );
        }
        self.tell(format!(
            "equals a fresh load of {} files, {}",
            held.len(),
            if is_today { "today's" } else { "and kept ones" }
        ));
    }
}

impl Model {
    fn hear_of(&mut self, run: &Run) {
        if let Some(words) = &run.words {
            self.hear(words);
            self.columns = run.columns.iter().map(|column| (*column).to_owned()).collect();
        }
        for session in &run.look.sessions {
            self.listed.entry(session.clone()).or_default();
        }
        self.metrics = run.metrics.or(self.metrics);
    }

    pub fn may_hear(&mut self, run: &Run, files: &BTreeMap<Item, Content>) {
        self.hear_of(run);
        self.may_have_run(&run.look, files);
    }
}

pub fn words(all: &[&str]) -> Vec<String> {
    all.iter().map(|word| (*word).to_owned()).collect()
}
