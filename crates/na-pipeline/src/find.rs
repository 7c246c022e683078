//! The files of one unit, found without being read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use na_model::{MapSource, Modality, Session, TableName, Tissue, Workflow};

use crate::config::Config;
use crate::error::PipelineError;
use crate::folders::SubjectFolders;
use crate::session_list::WrittenIds;
use crate::sources::qsiparc::list_workflows;
use crate::sources::{FoundTable, cat12, qsiparc};
use crate::tiv::tiv_candidates;
use crate::unit_error::UnitError;

/// A table, or one map of it.
pub(crate) type TableKey = (TableName, Option<MapSource>);

/// What a unit can be read from.
#[derive(Debug, Default)]
pub(crate) struct FoundUnit {
    pub(crate) tables: Vec<FoundTable>,
    /// Files that TIV may stand in, the most trusted first, with their paths under their root.
    pub(crate) tiv: Vec<(PathBuf, String)>,
}

/// The roots of a run, listed once.
pub(crate) struct Finder<'a> {
    config: &'a Config,
    cat12: Option<(&'a Path, SubjectFolders)>,
    anatomical: Option<(&'a Path, SubjectFolders)>,
    workflows: Vec<(Workflow, PathBuf, SubjectFolders)>,
    pub(crate) notes: Vec<String>,
}

impl<'a> Finder<'a> {
    pub(crate) fn new(config: &'a Config) -> Result<Self, PipelineError> {
        let modalities = config.modalities();
        if modalities.is_empty() {
            return Err(PipelineError::NothingToLoad);
        }
        let mut finder =
            Self { config, cat12: None, anatomical: None, workflows: Vec::new(), notes: Vec::new() };
        if modalities.contains(&Modality::Anatomical) {
            finder.anatomical = finder.list(
                "CAT12_PARCELLATED_ROOT",
                config.cat12_parcellated_root.as_deref(),
                Some("cat12"),
            )?;
            finder.cat12 = finder.list("CAT12_ROOT", config.cat12_root.as_deref(), None)?;
            if finder.cat12.is_none() {
                finder.notes.push(
                    "CAT12_ROOT is not set: total intracranial volume is taken from the tables, where they have it"
                        .to_owned(),
                );
            }
        }
        if let Some(root) = config.qsiparc.as_deref().filter(|_| modalities.contains(&Modality::Diffusion)) {
            finder.list_diffusion(root)?;
        }
        Ok(finder)
    }

    fn list(
        &mut self,
        setting: &'static str,
        root: Option<&'a Path>,
        likely: Option<&str>,
    ) -> Result<Option<(&'a Path, SubjectFolders)>, PipelineError> {
        let Some(root) = root else { return Ok(None) };
        let folders = SubjectFolders::list(setting, root)?;
        if folders.is_empty() {
            let hint = likely.map(|name| root.join(name)).filter(|path| path.is_dir());
            let hint = hint.map(|path| format!("; is {} meant?", path.display())).unwrap_or_default();
            self.notes.push(format!("{setting} is {}: no sub-* folders are there{hint}", root.display()));
        }
        Ok(Some((root, folders)))
    }

    fn list_diffusion(&mut self, root: &'a Path) -> Result<(), PipelineError> {
        let all = list_workflows(root)?;
        if all.is_empty() {
            self.notes.push(format!("QSIPARC_PATH is {}: no qsirecon-* folders are there", root.display()));
        }
        for asked in self.config.workflows.iter().flatten() {
            if !all.iter().any(|(workflow, _)| workflow.as_str() == asked) {
                let known: Vec<&str> = all.iter().map(|(workflow, _)| workflow.as_str()).collect();
                return Err(PipelineError::UnknownWorkflow {
                    asked: asked.clone(),
                    path: root.to_owned(),
                    known: if known.is_empty() { "none".to_owned() } else { known.join(", ") },
                });
            }
        }
        for (workflow, folder) in all {
            let subjects = SubjectFolders::list("QSIPARC_PATH", &folder)?;
            self.workflows.push((workflow, folder, subjects));
        }
        Ok(())
    }

    /// The files of a unit. `known` are tables that the store has of it: they are looked for even if this run does not
    /// ask for them, because a unit is replaced as a whole.
    pub(crate) fn find(
        &self,
        session: &Session,
        written: &WrittenIds,
        modality: Modality,
        known: &BTreeSet<TableKey>,
    ) -> Result<FoundUnit, UnitError> {
        match modality {
            Modality::Anatomical => self.find_anatomical(session, written, known),
            Modality::Diffusion => self.find_diffusion(session, written, known),
        }
    }

    fn find_anatomical(
        &self,
        session: &Session,
        written: &WrittenIds,
        known: &BTreeSet<TableKey>,
    ) -> Result<FoundUnit, UnitError> {
        let mut found = FoundUnit::default();
        let is_known = |tissue: &Tissue| known.contains(&(TableName::Anatomical(*tissue), None));
        let tissues: Vec<Tissue> = Tissue::ALL
            .into_iter()
            .filter(|tissue| self.config.tissues.contains(tissue) || is_known(tissue))
            .collect();
        if let Some((root, folder)) = folder_in(self.anatomical.as_ref(), session, written)? {
            let atlas = &self.config.atlas_name;
            found.tables = cat12::find_tables(root, &folder, atlas, &tissues, &self.config.pick)?;
        }
        if let Some((root, folder)) = folder_in(self.cat12.as_ref(), session, written)? {
            let anat = folder.join("anat");
            let files = tiv_candidates(&anat).map_err(|source| UnitError::unreadable(&anat, source))?;
            found.tiv = files.into_iter().map(|path| (path.clone(), under(root, &path))).collect();
        }
        Ok(found)
    }

    fn find_diffusion(
        &self,
        session: &Session,
        written: &WrittenIds,
        known: &BTreeSet<TableKey>,
    ) -> Result<FoundUnit, UnitError> {
        let mut found = FoundUnit::default();
        for (workflow, root, folders) in &self.workflows {
            let asked =
                self.config.workflows.as_ref().is_none_or(|all| all.iter().any(|w| w == workflow.as_str()));
            let is_known = known.iter().any(|(table, _)| *table == TableName::Diffusion(workflow.clone()));
            if !asked && !is_known {
                continue;
            }
            if let Some(folder) = folders.find(session, written)? {
                let (atlas, pick) = (&self.config.atlas_name, &self.config.pick);
                found.tables.extend(qsiparc::find_tables(workflow, root, &folder, atlas, pick)?);
            }
        }
        Ok(found)
    }
}

/// A session's folder under a root that is set.
fn folder_in<'a>(
    listed: Option<&(&'a Path, SubjectFolders)>,
    session: &Session,
    written: &WrittenIds,
) -> Result<Option<(&'a Path, PathBuf)>, UnitError> {
    let Some((root, folders)) = listed else { return Ok(None) };
    Ok(folders.find(session, written)?.map(|folder| (*root, folder)))
}

/// A path under its root, with `/` between folders.
pub(crate) fn under(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = relative.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}
