//! What a store should hold, told without looking into it: which file's content it has of each session, and what the lists
//! said last. After a run that was killed there are several answers; the next run that comes to its end leaves one.

use std::collections::{BTreeMap, BTreeSet};

use super::lab::{Content, Item, Part, Session};

/// What a list says of a session, by column.
pub type Words = BTreeMap<String, String>;

/// What a run looks for.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// The sessions that it looks at.
    pub sessions: BTreeSet<Session>,
    pub without: BTreeSet<&'static str>,
    pub prunes: bool,
    /// Whom it looks at only for what is gone of them.
    pub only_pruned: BTreeSet<Session>,
}

impl Look {
    /// Whether it looks for a file, by tissue, workflow or modality; a volume is looked for with the tissues.
    pub fn looks_for(&self, item: &Item) -> bool {
        let is_chosen = match item.1 {
            Part::Tissue(tissue) => !self.without.contains(tissue) && self.looks_for_modality("anatomical"),
            Part::Volume => self.looks_for_modality("anatomical"),
            Part::Aseg | Part::Rois => true,
            Part::Recon => !self.without.contains("RECON") && self.looks_for_modality("diffusion"),
            Part::Map(workflow, _) => {
                !self.without.contains(workflow) && self.looks_for_modality("diffusion")
            }
        };
        is_chosen && self.sessions.contains(&item.0)
    }

    pub fn looks_for_modality(&self, modality: &str) -> bool {
        let has_tissue = ["GM", "WM", "CT"].iter().any(|tissue| !self.without.contains(tissue));
        !self.without.contains(modality) && (modality == "diffusion" || has_tissue)
    }
}

/// A session's tables of one modality.
pub type Unit = (Session, &'static str);

pub fn modality(part: Part) -> &'static str {
    if matches!(part, Part::Map(..) | Part::Recon) { "diffusion" } else { "anatomical" }
}

#[derive(Debug, Clone, Default)]
pub struct Model {
    /// Of each file that there ever was, what the store may have of it.
    pub holds: BTreeMap<Item, BTreeSet<Option<Content>>>,
    /// All who were listed, with what the last list said that named them.
    pub listed: BTreeMap<Session, Words>,
    /// Units that a run looked at to its end.
    pub told: BTreeSet<Unit>,
    /// What only a pandas cache had: of which file it is nobody knows, and whether that is gone.
    pub of_pandas: BTreeSet<Item>,
    pub withdrawn: BTreeSet<String>,
    pub metrics: Option<&'static str>,
    /// The columns of the last list.
    pub columns: BTreeSet<String>,
}

impl Model {
    /// What a list says, whatever becomes of the run.
    pub fn hear(&mut self, rows: &BTreeMap<Session, Words>) {
        for (session, words) in rows {
            if !self.withdrawn.contains(&session.0) {
                self.listed.insert(session.clone(), words.clone());
            }
        }
    }

    /// A run that came to its end.
    pub fn ran(&mut self, look: &Look, files: &BTreeMap<Item, Content>) {
        for (item, content) in files.iter().filter(|(item, _)| look.looks_for(item)) {
            self.holds.insert(item.clone(), BTreeSet::from([Some(content.clone())]));
        }
        for (item, held) in &mut self.holds {
            let is_looked_for = look.looks_for(item) || look.only_pruned.contains(&item.0);
            if look.prunes && is_looked_for && !files.contains_key(item) {
                // Of which report a volume of a pandas cache is, nobody knows.
                held.retain(|_| item.1 == Part::Volume && self.of_pandas.contains(item));
                held.insert(None);
            }
        }
        self.of_pandas.retain(|item| !files.contains_key(item) || !look.looks_for(item));
        // Whose tables are nowhere is not discovered: nothing is told of them.
        self.told.retain(|(session, _)| !look.only_pruned.contains(session));
        for session in &look.sessions {
            let modalities = ["anatomical", "diffusion"].into_iter().filter(|m| look.looks_for_modality(m));
            self.told.extend(modalities.map(|modality| (session.clone(), modality)));
        }
    }

    /// A run that was killed: it did all, or some of it, or nothing.
    pub fn may_have_run(&mut self, look: &Look, files: &BTreeMap<Item, Content>) {
        let before = self.clone();
        self.ran(look, files);
        self.or(before);
    }

    /// Adds the answers of another model.
    pub fn or(&mut self, other: Self) {
        let items: BTreeSet<Item> = self.holds.keys().chain(other.holds.keys()).cloned().collect();
        let nothing = BTreeSet::from([None]);
        for item in items {
            let theirs = other.holds.get(&item).unwrap_or(&nothing).clone();
            self.holds.entry(item).or_insert_with(|| nothing.clone()).extend(theirs);
        }
        self.told = self.told.intersection(&other.told).cloned().collect();
        self.of_pandas.extend(other.of_pandas);
    }

    /// Everything of these sessions leaves, and what was said of them.
    pub fn let_go(&mut self, leaves: impl Fn(&Session) -> bool) {
        for ((session, _), held) in &mut self.holds {
            if leaves(session) {
                *held = BTreeSet::from([None]);
            }
        }
        self.listed.retain(|session, _| !leaves(session));
        self.told.retain(|(session, _)| !leaves(session));
    }

    /// What the store has, as far as that is certain.
    pub fn held(&self) -> BTreeMap<Item, Content> {
        let certain = self.holds.iter().filter(|(_, held)| held.len() == 1);
        certain.filter_map(|(item, held)| Some((item.clone(), held.first()?.clone()?))).collect()
    }

    /// Takes what was read in the store, if it is one of the answers; else what is wrong.
    pub fn settle(&mut self, found: &BTreeMap<Item, (u32, usize)>) -> Result<(), String> {
        if let Some(item) = found.keys().find(|item| !self.holds.contains_key(item)) {
            return Err(format!("the store has {item:?}, of which there never was a file"));
        }
        for (item, held) in &mut self.holds {
            let is_found = |content: &Option<Content>| match (content, found.get(item)) {
                // A volume has no rows.
                (Some(content), Some((version, rows))) => {
                    content.version == *version && [0, content.regions].contains(rows)
                }
                (content, found) => content.is_none() && found.is_none(),
            };
            match held.iter().find(|content| is_found(content)).cloned() {
                Some(content) => *held = BTreeSet::from([content]),
                None => {
                    return Err(format!("{item:?}: {:?} in the store, {held:?} expected", found.get(item)));
                }
            }
        }
        // Of those of whom it has nothing, a store does not remember what lists said.
        let held: BTreeSet<Session> = self.held().into_keys().map(|(session, _)| session).collect();
        for (session, words) in &mut self.listed {
            if !held.contains(session) {
                words.clear();
            }
        }
        Ok(())
    }
}
