//! Finds the files of a unit under every root of its modality.

use std::path::Path;

use na_model::{Modality, Unit};

use crate::config::{Config, EntityPick};
use crate::files::roots::{Root, Roots};
use crate::inputs::unit_files::FoundUnit;
use crate::inputs::{cat12, qsiparc};
use crate::sessions::claims::Claims;
use crate::sessions::session_list::WrittenIds;
use crate::unit_error::UnitError;

/// Folders of subjects that an error names as examples.
const EXAMPLES: usize = 3;

/// Finds the files of a run's units.
pub(crate) struct UnitFinder<'a> {
    config: &'a Config,
    pub(crate) roots: &'a Roots,
    pick: &'a EntityPick,
    pub(crate) claims: Claims<'a>,
}

impl<'a> UnitFinder<'a> {
    pub(crate) fn new(
        config: &'a Config,
        roots: &'a Roots,
        claims: Claims<'a>,
        pick: &'a EntityPick,
    ) -> Self {
        Self { config, roots, pick, claims }
    }

    /// The files of a unit that a run asks for. What it does not ask for stays as it was.
    pub(crate) fn find(&self, unit: &Unit, written: &WrittenIds) -> Result<FoundUnit, UnitError> {
        let mut found = FoundUnit::default();
        for root in self.roots.all.iter().filter(|root| root.modality == unit.modality) {
            if !self.asks_for(root) {
                continue;
            }
            let folder = match self.claims.locate(root, &unit.session, written) {
                // A root of volumes alone costs no measurement.
                Err(error @ (UnitError::DeadLink { .. } | UnitError::Unreadable { .. }))
                    if !root.has_tables =>
                {
                    let note = format!("{error}; total intracranial volume is not looked for there");
                    found.tiv.notes.push(note);
                    continue;
                }
                folder => folder?,
            };
            match folder {
                Some(folder) => {
                    self.find_in(root, &folder.path, &mut found)?;
                    found.has_folder_of_tables |= root.has_tables;
                    found.folders.push(folder);
                }
                None if !root.has_tables => found.tiv.has_no_folder(root.setting),
                None => {}
            }
        }
        if unit.session.id.is_none() {
            found.check_one_visit()?;
        }
        Ok(found)
    }

    /// Whether a run asks for what a root holds.
    fn asks_for(&self, root: &Root) -> bool {
        root.workflow.as_ref().is_none_or(|workflow| qsiparc::chooses(self.config, workflow.as_str()))
    }

    fn find_in(&self, root: &Root, folder: &Path, found: &mut FoundUnit) -> Result<(), UnitError> {
        let find = match root.modality {
            Modality::Anatomical => cat12::find,
            Modality::Diffusion => qsiparc::find,
        };
        find(self.config, self.pick, root, folder, found)
    }

    /// Where a modality's sessions were looked for, and which folders are there.
    pub(crate) fn looked_in(&self, modality: Modality) -> Vec<String> {
        self.roots.of_tables().filter(|root| root.modality == modality).map(subjects_of).collect()
    }
}

fn subjects_of(root: &Root) -> String {
    let names = root.subjects.index.names();
    let examples: Vec<String> = names.iter().take(EXAMPLES).map(|name| format!("sub-{name}")).collect();
    let subjects = match (names.len(), examples.join(", ")) {
        (0, _) => "no sub-* folders".to_owned(),
        (n, some) if n > EXAMPLES => format!("{n} sub-* folders such as {some}"),
        (_, all) => all,
    };
    format!("{} ({subjects})", root.path().display())
}
