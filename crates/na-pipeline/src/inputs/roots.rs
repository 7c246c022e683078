//! The roots of a run, listed once: which subjects have a folder under which.

use std::path::{Path, PathBuf};

use na_model::{Modality, SourceRoot, Workflow};

use crate::config::Config;
use crate::error::PipelineError;
use crate::files::session_folders::{Folders, folders_in, list_root};
use crate::identifiers::name_match::Kind;
use crate::inputs::qsiparc::list_workflows;

/// A folder that holds folders of subjects.
#[derive(Debug)]
pub(crate) struct Root {
    /// The setting that leads to it.
    pub(crate) setting: SourceRoot,
    /// The workflow, under `QSIPARC_PATH`.
    pub(crate) workflow: Option<Workflow>,
    pub(crate) subjects: Folders,
}

impl Root {
    pub(crate) fn path(&self) -> &Path {
        &self.subjects.path
    }

    /// The modality of the units that have files here.
    pub(crate) fn modality(&self) -> Modality {
        match self.setting {
            SourceRoot::Cat12 | SourceRoot::Cat12Parcellated => Modality::Anatomical,
            SourceRoot::Qsiparc => Modality::Diffusion,
        }
    }
}

/// All roots of a run.
#[derive(Debug, Default)]
pub(crate) struct Roots {
    pub(crate) all: Vec<Root>,
    pub(crate) notes: Vec<String>,
}

impl Roots {
    pub(crate) fn list(config: &Config) -> Result<Self, PipelineError> {
        let modalities = config.modalities();
        if modalities.is_empty() {
            return Err(PipelineError::NothingToLoad);
        }
        let mut roots = Self::default();
        if modalities.contains(&Modality::Anatomical) {
            roots.add(
                SourceRoot::Cat12Parcellated,
                config.cat12_parcellated_root.as_deref(),
                Some("cat12"),
            )?;
            roots.add(SourceRoot::Cat12, config.cat12_root.as_deref(), None)?;
            if config.cat12_root.is_none() {
                roots.notes.push(
                    "CAT12_ROOT is not set: total intracranial volume is taken from the tables and the files beside \
                     them, where they have it"
                        .to_owned(),
                );
            }
        }
        if let Some(root) = config.qsiparc.as_deref().filter(|_| modalities.contains(&Modality::Diffusion)) {
            roots.add_workflows(root, config)?;
        }
        Ok(roots)
    }

    fn add(
        &mut self,
        setting: SourceRoot,
        root: Option<&Path>,
        likely: Option<&str>,
    ) -> Result<(), PipelineError> {
        let Some(path) = root else { return Ok(()) };
        let listed = list_root(setting.as_str(), path, Kind::Subject.prefix())?;
        if listed.names.is_empty() {
            let hint = likely.map(|name| path.join(name)).filter(|path| path.is_dir());
            let hint = hint.map(|path| format!("; is {} meant?", path.display())).unwrap_or_default();
            self.notes.push(format!("{setting} is {}: no sub-* folders are there{hint}", path.display()));
        }
        self.pass_over(&listed.unreadable);
        let subjects = Folders::new(path, Kind::Subject, listed);
        self.notes.extend(subjects.note_of_dead());
        self.all.push(Root { setting, workflow: None, subjects });
        Ok(())
    }

    fn add_workflows(&mut self, root: &Path, config: &Config) -> Result<(), PipelineError> {
        let (all, passed_over) = list_workflows(root)?;
        self.notes.extend(passed_over);
        if all.is_empty() {
            self.notes.push(format!("QSIPARC_PATH is {}: no qsirecon-* folders are there", root.display()));
        }
        for asked in config.workflows.iter().flatten() {
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
            let listed = list_root(SourceRoot::Qsiparc.as_str(), &folder, Kind::Subject.prefix())?;
            self.pass_over(&listed.unreadable);
            let subjects = Folders::new(&folder, Kind::Subject, listed);
            self.notes.extend(subjects.note_of_dead());
            self.all.push(Root { setting: SourceRoot::Qsiparc, workflow: Some(workflow), subjects });
        }
        Ok(())
    }

    fn pass_over(&mut self, folders: &[PathBuf]) {
        let note = |folder: &PathBuf| format!("{} is left out: its name is no text", folder.display());
        self.notes.extend(folders.iter().map(note));
    }

    /// The roots that a modality's sessions are listed from: not the one that holds TIV alone.
    pub(crate) fn of_tables(&self) -> impl Iterator<Item = &Root> {
        self.all.iter().filter(|root| root.setting != SourceRoot::Cat12)
    }
}

/// The sessions' folders of a subject's folder.
pub(crate) fn list_sessions(subject: &Path) -> std::io::Result<Folders> {
    let listed = folders_in(subject, Kind::Session.prefix())?;
    Ok(Folders::new(subject, Kind::Session, listed))
}
