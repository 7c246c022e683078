//! The files of one unit, found without being read.

use std::path::Path;

use na_model::{MapSource, Modality, SourceRoot, TableName, Unit};

use crate::config::Config;
use crate::config::EntityPick;
use crate::files::session_entities::{names_same, visit_of};
use crate::files::tiv_files::TivFiles;
use crate::inputs::parcellate_tables::{FoundTable, FoundTables};
use crate::inputs::roots::{Root, Roots};
use crate::inputs::{cat12, qsiparc};
use crate::sessions::claims::{Claims, Located};
use crate::sessions::session_list::WrittenIds;
use crate::sessions::stored_sessions::RootKey;
use crate::unit_error::UnitError;

/// A table, or one map of it.
pub(crate) type TableKey = (TableName, Option<MapSource>);

/// What a unit can be read from.
#[derive(Debug, Default)]
pub(crate) struct FoundUnit {
    pub(crate) found: FoundTables,
    pub(crate) tiv: TivFiles,
    /// The folders that are its.
    pub(crate) located: Vec<Located>,
}

impl FoundUnit {
    pub(crate) fn is_empty(&self) -> bool {
        self.found.tables.is_empty() && self.tiv.is_empty()
    }
}

/// Refuses the tables of two visits in folders that have no visits; a report of another visit than theirs is no candidate.
fn one_visit(found: &mut FoundUnit) -> Result<(), UnitError> {
    let named = |table: &FoundTable| {
        let name = table.path.file_name()?.to_str()?;
        Some((table.path.clone(), visit_of(name)?.to_owned()))
    };
    let mut all = found.found.tables.iter().filter_map(named);
    let Some((first, first_visit)) = all.next() else { return Ok(()) };
    if let Some((second, second_visit)) = all.find(|(_, visit)| !names_same(visit, &first_visit)) {
        return Err(UnitError::SeveralVisits { first, first_visit, second, second_visit });
    }
    found.tiv.leave_out_other_visits(&first_visit);
    Ok(())
}

/// Who finds the files of a run's units.
pub(crate) struct Finder<'a> {
    config: &'a Config,
    roots: &'a Roots,
    pick: &'a EntityPick,
    pub(crate) claims: Claims<'a>,
}

impl<'a> Finder<'a> {
    pub(crate) fn new(
        config: &'a Config,
        roots: &'a Roots,
        claims: Claims<'a>,
        pick: &'a EntityPick,
    ) -> Self {
        Self { config, roots, pick, claims }
    }

    /// The files of a unit that a run asks for: what it does not ask for stays as it was.
    pub(crate) fn find(&self, unit: &Unit, written: &WrittenIds) -> Result<FoundUnit, UnitError> {
        let mut found = FoundUnit::default();
        for root in self.roots.all.iter().filter(|root| root.modality() == unit.modality) {
            if !self.asks_for(root) {
                continue;
            }
            let located = match self.claims.locate(root, &unit.session, written) {
                // What lies there alone costs no measurement.
                Err(error @ (UnitError::DeadLink { .. } | UnitError::Unreadable { .. }))
                    if root.setting == SourceRoot::Cat12 =>
                {
                    found
                        .tiv
                        .notes
                        .push(format!("{error}; total intracranial volume is not looked for there"));
                    continue;
                }
                located => located?,
            };
            match located {
                Some(located) => {
                    self.find_in(root, &located.path, &mut found)?;
                    found.located.push(located);
                }
                None if root.setting == SourceRoot::Cat12 => found.tiv.has_no_folder(SourceRoot::Cat12),
                None => {}
            }
        }
        if unit.session.id.is_none() {
            one_visit(&mut found)?;
        }
        Ok(found)
    }

    /// The root of paths in the store.
    pub(crate) fn root(&self, (setting, workflow): &RootKey) -> Option<&Root> {
        self.roots.all.iter().find(|root| root.setting == *setting && root.workflow == *workflow)
    }

    /// Whether a run asks for what a root holds.
    fn asks_for(&self, root: &Root) -> bool {
        root.workflow.as_ref().is_none_or(|workflow| self.config.chooses(workflow))
    }

    fn find_in(&self, root: &Root, folder: &Path, found: &mut FoundUnit) -> Result<(), UnitError> {
        let (atlas, pick) = (&self.config.atlas_name, self.pick);
        match (root.setting, &root.workflow) {
            (SourceRoot::Cat12, _) => found.tiv.look_for_reports(root.path(), folder),
            (SourceRoot::Cat12Parcellated, _) => {
                let tables = cat12::find_tables(root.path(), folder, atlas, &self.config.tissues, pick)?;
                found.tiv.look_beside_tables(root.path(), folder, atlas, &tables.listed);
                found.found.extend(tables);
            }
            (SourceRoot::Qsiparc, Some(workflow)) => {
                found.found.extend(qsiparc::find_tables(workflow, root.path(), folder, atlas, pick)?);
            }
            (SourceRoot::Qsiparc, None) => {}
        }
        Ok(())
    }

    /// Where a modality's sessions were looked for, with what is there.
    pub(crate) fn looked_in(&self, modality: Modality) -> Vec<String> {
        let of_modality = self.roots.of_tables().filter(|root| root.modality() == modality);
        of_modality
            .map(|root| {
                let names = root.subjects.index.names();
                let there: Vec<String> = names.iter().take(3).map(|name| format!("sub-{name}")).collect();
                let there = match (names.len(), there.join(", ")) {
                    (0, _) => "no sub-* folders".to_owned(),
                    (n, some) if n > 3 => format!("{n} sub-* folders such as {some}"),
                    (_, all) => all,
                };
                format!("{} ({there})", root.path().display())
            })
            .collect()
    }
}
