//! The steps of a life: what a lab does to its files, its lists and its store.

use super::lab::{Content, Item, Lab, Part, Session};
use super::lists::List;
use super::model::{Look, Model};
use super::runs::Life;
use crate::support::disk::Random;

impl Life {
    /// A lab that has scanned most of its subjects, and listed some.
    pub fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut lab = Lab::new(&mut random);
        let sessions = lab.sessions();
        let mut lists = vec![
            List::new("first.csv", if random.below(2) == 0 { &["AGE", "sex"] } else { &["AGE", "score"] }),
            List::new("second.csv", &["AGE", "site"]),
        ];
        for (n, session) in sessions.iter().enumerate() {
            if n < 2 || random.below(4) > 0 {
                for part in lab.parts.clone() {
                    if part == Part::Tissue("GM") || random.below(6) > 0 {
                        let content = Content { has_score: false, ..lab.content(&mut random) };
                        lab.put(&(session.clone(), part), content);
                    }
                }
            }
            for list in &mut lists {
                if n < 2 || random.below(4) > 0 {
                    list.add(session, &mut random);
                }
            }
        }
        let mut life = Self {
            random,
            lab,
            model: Model::default(),
            lists,
            today: 0,
            is_unsettled: false,
            last: Look::default(),
            steps: Vec::new(),
            kinds: Default::default(),
        };
        // Of such a volume there is no report to have measures of.
        if life.one_in(4) && !life.lab.has_measures {
            life.begin_with_a_pandas_cache();
        }
        if life.lab.subjects.iter().any(|subject| subject.code.stored.starts_with("CL")) {
            life.met("letters");
        }
        if life.lab.sessions().iter().any(|session| life.lab.is_spelled_by_folder(session)) {
            life.met("numbers");
        }
        if life.lab.has_diffmaps {
            life.met("QSIParc");
        }
        if life.lab.has_measures {
            life.met("CAT12's measures");
        }
        for (part, kind) in
            [(Part::Aseg, "FreeSurfer"), (Part::Rois, "CAT12's regions"), (Part::Recon, "QSIRecon")]
        {
            if life.lab.has(part) {
                life.met(kind);
            }
        }
        life.write_lists();
        life
    }

    /// Does something. Every fifth step is a run, and the store is compared with a fresh load.
    pub fn step(&mut self, n: usize) {
        if n.is_multiple_of(5) {
            if self.run_of_today() && !self.is_unsettled {
                self.compare();
            }
            return;
        }
        match self.random.below(12) {
            0..=4 => self.change_files(),
            5 | 6 => self.edit_lists(),
            7..=9 => drop(self.run_of_today()),
            10 if self.one_in(2) => self.something_rare(),
            10 => self.by_segments(),
            _ => self.look_and_export(),
        }
    }

    fn some_session(&mut self) -> Session {
        let sessions = self.lab.sessions();
        sessions[self.random.below(sessions.len())].clone()
    }

    fn some_item(&mut self) -> Item {
        let session = self.some_session();
        (session, self.lab.parts[self.random.below(self.lab.parts.len())])
    }

    pub fn change_files(&mut self) {
        match self.random.below(8) {
            0..=3 => {
                let item = self.some_item();
                let content = self.lab.content(&mut self.random);
                self.tell(format!("put {item:?} {content:?}"));
                self.lab.put(&item, content);
            }
            4 | 5 => {
                let item = self.some_item();
                self.tell(format!("archive {item:?}"));
                self.lab.archive(&item);
            }
            6 => {
                let session = self.some_session();
                self.tell(format!("archive {session:?}"));
                for part in self.lab.parts.clone() {
                    self.lab.archive(&(session.clone(), part));
                }
            }
            _ => self.move_files(),
        }
    }

    fn move_files(&mut self) {
        if self.one_in(3) {
            let place = ["", "moved/"][self.random.below(2)];
            self.tell(format!("move all to {place:?}"));
            self.lab.move_to(place);
            return;
        }
        let place = self.random.below(self.lab.subjects.len());
        let folders = self.lab.subjects[place].code.folders.clone();
        let folder = self.random.below(folders.len());
        self.tell(format!("rename {:?} to {}", self.lab.subjects[place].code.stored, folders[folder]));
        self.lab.rename(place, folder);
    }

    fn edit_lists(&mut self) {
        if self.is_unsettled {
            return;
        }
        if self.one_in(6) {
            self.a_rival_is_listed();
            return;
        }
        let today = self.today;
        match self.random.below(10) {
            0 | 1 => self.lists[today].edit(&mut self.random),
            2 if self.lists[today].rows.len() > 2 => {
                let row = self.random.below(self.lists[today].rows.len());
                self.lists[today].rows.remove(row);
            }
            3 | 4 => {
                let session = self.some_session();
                if !self.lists[today].names(&session) {
                    self.lists[today].add(&session, &mut self.random);
                }
            }
            5 => self.lists[today].shuffle(&mut self.random),
            6 => {
                let column = ["site", "score"][self.random.below(2)];
                let columns = self.lists[today].columns.clone();
                match columns.iter().position(|known| *known == column) {
                    Some(place) if columns.len() > 1 => self.lists[today].drop_column(place),
                    _ if !columns.contains(&column) => {
                        self.lists[today].add_column(column, &mut self.random);
                    }
                    _ => {}
                }
            }
            7 | 8 => {
                self.lists[today].is_clothed = !self.lists[today].is_clothed;
                self.met("clothing");
            }
            _ => {
                self.today = 1 - today;
                self.met("two lists");
            }
        }
        let text = self.lists[self.today].text(&self.lab);
        self.tell(format!("list {}: {text:?}", self.today));
        self.write_lists();
    }
}
