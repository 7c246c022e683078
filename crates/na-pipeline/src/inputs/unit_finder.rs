//! Finds the files of a unit under every root of its kind.

use std::path::Path;

use na_model::{Unit, UnitKind};

use crate::files::roots::Root;
use crate::files::session_folders::folders_in;
use crate::identifiers::name_match::IdKind;
use crate::inputs::entity_pick::EntityPick;
use crate::inputs::found_tables::FoundTable;
use crate::inputs::listed_inputs::ListedInputs;
use crate::inputs::searched_folder::SearchedFolder;
use crate::inputs::unit_files::FoundUnit;
use crate::sessions::claims::Claims;
use crate::sessions::session_list::WrittenIds;
use crate::sessions::streams_found::StreamsFound;
use crate::unit_error::UnitError;

/// Folders of subjects that an error names as examples.
const EXAMPLES: usize = 3;

/// Finds the files of a run's units.
pub(crate) struct UnitFinder<'a> {
    pub(crate) inputs: &'a ListedInputs,
    pick: &'a EntityPick,
    pub(crate) claims: Claims<'a>,
    streams: StreamsFound,
}

impl<'a> UnitFinder<'a> {
    pub(crate) fn new(inputs: &'a ListedInputs, claims: Claims<'a>, pick: &'a EntityPick) -> Self {
        Self { inputs, pick, claims, streams: StreamsFound::default() }
    }

    /// The files of a unit that a run asks for. What it does not ask for stays as it was.
    pub(crate) fn find(&self, unit: &Unit, written: &WrittenIds) -> Result<FoundUnit, UnitError> {
        let mut found = FoundUnit::default();
        let of_unit = |root: &&Root| root.kind == unit.kind && root.is_searched();
        for root in self.inputs.roots.all.iter().filter(of_unit) {
            let Some(input) = self.inputs.of(root) else { continue };
            let folder = match self.claims.locate(root, &unit.session, written) {
                // A root of volumes alone costs no measurement, unless it says that two sessions may be one.
                Err(
                    error @ (UnitError::DeadLink { .. }
                    | UnitError::Unreadable { .. }
                    | UnitError::SeveralFolders { .. }
                    | UnitError::PerSubject { .. }),
                ) if !root.has_tables => {
                    let note = format!("{error}; total intracranial volume is not looked for there");
                    found.tiv.notes.push(note);
                    continue;
                }
                folder => folder?,
            };
            match folder {
                Some(folder) => {
                    let begin = found.found.tables.len();
                    input.find(&SearchedFolder::new(root, &folder.path, self.pick), &mut found)?;
                    check_listed(root, found.found.tables.iter().skip(begin))?;
                    found.has_folder_of_tables |= root.has_tables;
                    self.streams.add(root, &unit.session, &folder.path);
                    found.folders.push(folder);
                }
                None if !root.has_tables => found.tiv.has_no_folder(&root.setting),
                None => {}
            }
        }
        found.check_one_file_each()?;
        if unit.session.id.is_none() {
            found.check_one_visit()?;
        }
        Ok(found)
    }

    /// What to say of how folders were found, and of which streams they are.
    pub(crate) fn notes(&self) -> Vec<String> {
        [self.claims.notes(), self.streams.notes()].concat()
    }

    /// Where sessions of a kind of unit were looked for, and which folders are there.
    pub(crate) fn looked_in(&self, kind: &UnitKind) -> Vec<String> {
        let roots = self.inputs.roots.of_tables();
        roots.filter(|root| root.kind == *kind).map(subjects_of).collect()
    }
}

/// Refuses tables that the input did not list with their root: nobody would know what they are, or whose.
fn check_listed<'f>(root: &Root, mut found: impl Iterator<Item = &'f FoundTable>) -> Result<(), UnitError> {
    match found.find(|found| !root.tables.contains(&found.table)) {
        None => Ok(()),
        Some(FoundTable { table, path, .. }) => {
            Err(UnitError::UnlistedTable { path: path.clone(), table: table.to_string() })
        }
    }
}

/// A subject's folder, down to its first visit: who lists other visits than there are sees so.
fn with_a_visit(root: &Path, name: &str) -> String {
    let subject = format!("{}{name}", IdKind::Subject.prefix());
    let visits = folders_in(&root.join(&subject), IdKind::Session.prefix()).unwrap_or_default().names;
    match visits.into_iter().min() {
        None => subject,
        Some(first) => format!("{subject}/{}{first}", IdKind::Session.prefix()),
    }
}

fn subjects_of(root: &Root) -> String {
    if let Some(flat) = &root.flat {
        let (n, some) = flat.examples(EXAMPLES);
        let folders = match n {
            0 => "no folder of a session".to_owned(),
            _ => format!("{n} folders such as {}", some.join(", ")),
        };
        return format!("{} ({folders})", root.path().display());
    }
    let names = root.subjects.index.names();
    let examples: Vec<String> =
        names.iter().take(EXAMPLES).map(|name| with_a_visit(root.path(), name)).collect();
    let subjects = match (names.len(), examples.join(", ")) {
        (0, _) => "no sub-* folders".to_owned(),
        (n, some) if n > EXAMPLES => format!("{n} sub-* folders such as {some}"),
        (_, all) => all,
    };
    format!("{} ({subjects})", root.path().display())
}
