//! QSIRecon's maps: tables as `parcellate` writes them, `qsirecon-WORKFLOW/…/dwi/atlas-A/*_param-P_parc.tsv`.

use std::fs;
use std::path::{Path, PathBuf};

use na_model::{MapSource, Modality, SourceRoot, TableName, UNKNOWN, Workflow};

use crate::config::{Config, EntityPick};
use crate::error::PipelineError;
use crate::files::roots::{Root, Roots};
use crate::files::session_folders::{DWI, Folders, list_root};
use crate::files::source_folder::WORKFLOW_PREFIX;
use crate::identifiers::name_match::IdKind;
use crate::inputs::parcellate_tables::{FoundTables, Search};
use crate::inputs::unit_files::FoundUnit;
use crate::unit_error::UnitError;

pub(crate) const MODALITY: Modality = Modality::Diffusion;

/// Whether the settings ask for tables of this input.
pub(super) fn is_asked_for(config: &Config) -> bool {
    config.qsiparc.is_some() && config.diffusion
}

/// The workflows that are asked for, as words.
pub(super) fn asked(config: &Config) -> Vec<String> {
    match &config.workflows {
        _ if !config.diffusion => Vec::new(),
        None => vec!["every workflow".to_owned()],
        Some(workflows) => workflows.clone(),
    }
}

/// The setting that leads to this input, with its root if it is given.
pub(super) fn setting(config: &Config) -> Option<(SourceRoot, &Path)> {
    Some((SourceRoot::Qsiparc, config.qsiparc.as_deref()?))
}

/// Whether the run looks for the table of a workflow.
pub(super) fn looks_for(config: &Config, table: &TableName) -> bool {
    is_asked_for(config) && chooses(config, table.name())
}

/// Whether a workflow is among those to load.
pub(super) fn chooses(config: &Config, workflow: &str) -> bool {
    config.workflows.as_ref().is_none_or(|names| names.iter().any(|name| name == workflow))
}

/// The tables that a run may write.
pub(super) fn tables(config: &Config, roots: &Roots) -> impl Iterator<Item = TableName> {
    let workflows = roots.all.iter().filter_map(|root| root.workflow.as_ref());
    workflows.filter(|workflow| chooses(config, workflow.as_str())).map(TableName::from)
}

/// Lists the folders of workflows, a root each. Those that are not chosen are listed, too: their folders tell sessions.
pub(super) fn list_roots(config: &Config, roots: &mut Roots) -> Result<(), PipelineError> {
    let Some(path) = config.qsiparc.as_deref().filter(|_| is_asked_for(config)) else { return Ok(()) };
    let workflows = list_workflows(path, &mut roots.notes)?;
    if workflows.is_empty() {
        roots.notes.push(format!("QSIPARC_PATH is {}: no qsirecon-* folders are there", path.display()));
    }
    for asked in config.workflows.iter().flatten() {
        if !workflows.iter().any(|(workflow, _)| workflow.as_str() == asked) {
            let known: Vec<&str> = workflows.iter().map(|(workflow, _)| workflow.as_str()).collect();
            return Err(PipelineError::UnknownWorkflow {
                asked: asked.clone(),
                path: path.to_owned(),
                known: if known.is_empty() { "none".to_owned() } else { known.join(", ") },
            });
        }
    }
    let setting = SourceRoot::Qsiparc;
    for (workflow, folder) in workflows {
        let listed = list_root(setting.as_str(), &folder, IdKind::Subject.prefix())?;
        let subjects = Folders::new(&folder, IdKind::Subject, listed);
        let workflow = Some(workflow);
        roots.add(Root { setting, workflow, modality: MODALITY, scans: DWI, has_tables: true, subjects });
    }
    Ok(())
}

/// The workflows under a root and their folders, sorted by name, with a note for each folder that is left out.
pub(super) fn list_workflows(
    root: &Path,
    notes: &mut Vec<String>,
) -> Result<Vec<(Workflow, PathBuf)>, PipelineError> {
    let listed = list_root(SourceRoot::Qsiparc.as_str(), root, WORKFLOW_PREFIX)?;
    let no_text = |folder: &PathBuf| format!("{} is left out: its name is no text", folder.display());
    notes.extend(listed.unreadable.iter().map(no_text));
    let mut workflows = Vec::new();
    for name in listed.names {
        let folder = root.join(format!("{WORKFLOW_PREFIX}{name}"));
        if let Some(error) = listed.dead.contains(&name).then(|| fs::metadata(&folder).err()).flatten() {
            notes.push(format!("{}; its tables are left out", UnitError::unreadable(&folder, error)));
            continue;
        }
        match Workflow::new(&name) {
            Ok(workflow) => workflows.push((workflow, folder)),
            Err(error) => notes.push(format!("{} is left out: {error}", folder.display())),
        }
    }
    Ok(workflows)
}

/// Adds what a session's folder under a root holds, if the root's workflow is chosen.
pub(super) fn find(
    config: &Config,
    pick: &EntityPick,
    root: &Root,
    folder: &Path,
    found: &mut FoundUnit,
) -> Result<(), UnitError> {
    if let Some(workflow) = &root.workflow {
        found.found.extend(find_tables(workflow, root.path(), folder, &config.atlas_name, pick)?);
    }
    Ok(())
}

/// The tables of a session's folder, a file for each map at most, sorted. Files that name no parameter are ignored.
///
/// # Errors
/// Several files for one map; a compressed file; a folder that cannot be listed.
pub(crate) fn find_tables(
    workflow: &Workflow,
    workflow_root: &Path,
    session_folder: &Path,
    atlas: &str,
    pick: &EntityPick,
) -> Result<FoundTables, UnitError> {
    let prefix = format!("{WORKFLOW_PREFIX}{workflow}/");
    Search { root: workflow_root, session_folder, scans: DWI, atlas, pick }.run(&prefix, |name| {
        let or_unknown = |entity| name.entity(entity).unwrap_or(UNKNOWN).to_owned();
        // `scalar` is what the first versions wrote.
        let param = name.entity("param").or_else(|| name.entity("scalar"))?.to_owned();
        let map = MapSource { model: or_unknown("model"), param, desc: or_unknown("desc") };
        Some((TableName::from(workflow), Some(map)))
    })
}
